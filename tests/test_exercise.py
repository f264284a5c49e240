"""scratch.exercise: sound solutions pass, and each well-known mistake fails and is told by its name."""

import ast
import inspect
import re
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import torch
from run import BOOK, read_source
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from torch.nn import functional

from scratch import _mistakes, exercise
from scratch.attention import scaled_dot_product_attention
from scratch.byte_pairs import BytePairEncoder
from scratch.encoder import EncoderLayer
from scratch.negative_sampling import skip_gram_step
from scratch.one_hot import one_hot
from scratch.position import sinusoidal
from scratch.recurrent import LSTMCell, lstm_step

PRE = partial(exercise.encoder_layer, norm_first=True)


def told(report):
    return " ".join(result.look_at for result in report.results if result.look_at)


# --- what is right ---


class Merging(BytePairEncoder):
    """The library's, for merges of ids."""

    def __init__(self, merges, pieces):
        ours = BytePairEncoder(merges)
        printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
        letters = [*map(chr, printed), *map(chr, range(256, 256 + 68))]  # GPT-2's sign for each byte
        sign = dict(zip([*printed, *sorted(set(range(256)) - set(printed))], letters, strict=True))
        written = ["".join(sign[b] for b in token) for token in ours.tokens]
        pairs = [(written[a], written[b]) for a, b in merges]
        self.library = Tokenizer(models.BPE({w: i for i, w in enumerate(written)}, pairs))
        self.library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pieces)
        self.library.decoder = decoders.ByteLevel()

    def encode(self, text):
        return self.library.encode(text).ids

    def decode(self, ids):
        return self.library.decode(ids)


class Plain:
    """Byte-pair encoding as a reader would write it, on whole texts."""

    def __init__(self, merges):
        self.rank = {pair: n for n, pair in enumerate(merges)}
        self.tokens = [bytes([i]) for i in range(256)]
        for left, right in merges:
            self.tokens.append(self.tokens[left] + self.tokens[right])

    def units(self, text):
        return list(text.encode())

    def best(self, pairs):
        return min(pairs, key=self.rank.get)

    def merge(self, ids, pair):
        out = []
        while ids:
            if tuple(ids[:2]) == pair:
                out, ids = [*out, 256 + self.rank[pair]], ids[2:]
            else:
                out, ids = [*out, ids[0]], ids[1:]
        return out

    def encode(self, text):
        ids = self.units(text)
        while pairs := [pair for pair in pairwise(ids) if pair in self.rank]:
            ids = self.merge(ids, self.best(pairs))
        return ids

    def decode(self, ids):
        return b"".join(self.tokens[i] for i in ids).decode(errors="replace")


def steps(center, context, labels):
    """Ours makes a step of gradient descent in place: of size 1, it takes off the gradient."""
    W, U, n = center[None].clone(), context.clone(), len(context)
    others, weight = torch.arange(n)[None], torch.ones(1, 1, n, dtype=center.dtype)
    skip_gram_step(W, U, torch.tensor([[0]]), others, labels, weight=weight, size=1)
    return center - W[0], context - U


def by_autograd(center, context, labels):
    center, context = center.requires_grad_(), context.requires_grad_()
    scores = context @ center
    loss = -torch.where(labels == 1, functional.logsigmoid(scores), functional.logsigmoid(-scores)).sum()
    return torch.autograd.grad(loss, (center, context))


def by_numpy(length, dim):
    j = np.arange(dim)
    angles = np.arange(length)[:, None] / np.power(10_000.0, (j - j % 2) / dim)
    return np.where(j % 2, np.cos(angles), np.sin(angles))


def annotated(length, dim):
    """As in many tutorials, in single precision."""
    table, place = torch.zeros(length, dim), torch.arange(length).unsqueeze(1)
    angles = place * torch.exp(torch.arange(0, dim, 2) * -(torch.log(torch.tensor(10000.0)) / dim))
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


def ours_step(x, h, c, W, U, b):
    return lstm_step(functional.linear(x, W, b), (h, c), U)


def torch_attention(query, key, value, mask=None):
    ones = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], -1)
    return [functional.scaled_dot_product_attention(query, key, v, mask) for v in (value, ones)]


class Torchs(nn.TransformerEncoderLayer):
    def __init__(self, dim, heads, feed_forward, norm_first=False):
        super().__init__(dim, heads, feed_forward, batch_first=True, norm_first=norm_first)

    def forward(self, x, mask=None):
        return super().forward(x, src_key_padding_mask=None if mask is None else ~mask[:, 0])


SOUND = [
    *(
        (exercise.one_hot, mine)
        for mine in (one_hot, functional.one_hot, lambda ids, size: torch.eye(size, dtype=bool)[ids])
    ),
    (exercise.one_hot, lambda ids, size: np.eye(size)[ids.numpy()]),
    *((exercise.tokenizer, mine) for mine in (BytePairEncoder, Plain)),
    *((exercise.tokenizer, partial(Merging, pieces=pieces)) for pieces in (False, True)),
    *((exercise.word2vec_gradient, mine) for mine in (steps, by_autograd)),
    *((exercise.positional, mine) for mine in (sinusoidal, by_numpy, annotated)),
    (exercise.positional, partial(sinusoidal, dtype=torch.float64)),
    *((exercise.lstm_cell, mine) for mine in (ours_step, LSTMCell, nn.LSTMCell)),
    *((exercise.attention, mine) for mine in (scaled_dot_product_attention, torch_attention)),
    *((exercise.encoder_layer, mine) for mine in (EncoderLayer, Torchs)),
    *((PRE, partial(mine, norm_first=True)) for mine in (EncoderLayer, Torchs)),
]


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize(("check", "mine"), SOUND)
def test_what_is_right_passes(check, mine, default):
    torch.set_default_dtype(default)
    try:
        report = check(mine)
    finally:
        torch.set_default_dtype(torch.float32)
    assert report, report
    assert "Look at" not in "\n".join(str(report[name]) for name in report.asked)


def test_more_than_was_asked_is_told_and_no_failure():
    report = exercise.positional(annotated)
    assert report["odd_dim"].holds is False
    assert "raises RuntimeError" in report["odd_dim"].message
    assert "at `table[:, 0::2], table[:, 1::2]" in report["odd_dim"].message
    assert report["far_places"].holds is False
    assert "odd_dim      no       raises" in str(report)
    exact = exercise.positional(sinusoidal)
    assert exact["odd_dim"].holds is exact["far_places"].holds is True
    assert exercise.attention(scaled_dot_product_attention)["half_precision"]


# --- the oracles and the formulas ---


def test_the_papers_table_is_that_of_mpmath():
    with mpmath.workdps(30):
        angles = [[place / mpmath.power(10000, mpmath.mpf(j - j % 2) / 7) for j in range(7)] for place in range(9)]
        rows = [[float((mpmath.sin, mpmath.cos)[j % 2](angle)) for j, angle in enumerate(row)] for row in angles]
    torch.testing.assert_close(
        _mistakes.POSITIONAL.oracle(9, 7), torch.tensor(rows, dtype=torch.float64), atol=1e-14, rtol=0
    )


def layer_by(formula, **flags):
    class Layer(Torchs):
        def forward(self, x, mask=None):
            return formula(self.self_attn.num_heads, dict(self.named_parameters()), x, mask, **flags)

    return Layer


def tokenizer_by(formula, **flags):
    return lambda merges: SimpleNamespace(
        encode=lambda text: formula("encode", merges, text, **flags),
        decode=lambda ids: formula("decode", merges, ids, **flags),
    )


MAKE = {"tokenizer": tokenizer_by, "encoder_layer": layer_by}
ALL = [
    (getattr(exercise, known.title), known)
    for known in (getattr(_mistakes, name) for name in dir(_mistakes))
    if isinstance(known, _mistakes.Exercise)
]
ALL += [(exercise.encoder_layer, _mistakes.LAYERS[False]), (PRE, _mistakes.LAYERS[True])]
NOT_HERE = {  # with this order of norms these are the same as others, or right
    False: {"The residual is normalised, too: x should go round each part as it is, x + f(norm(x))."},
    True: set(),
}


@pytest.mark.parametrize(("check", "known"), ALL)
def test_formulas_are_right_without_a_mistake(check, known):
    make = MAKE.get(known.title, partial)
    assert check(make(known.formula))


@pytest.mark.parametrize(("check", "known"), ALL)
def test_each_mistake_is_told_by_its_name_and_by_no_other(check, known):
    make, right = MAKE.get(known.title, partial), []
    for name, flags in known.mistakes.items():
        report = check(make(known.formula, **flags))
        if report:
            right.append(name)
        else:
            assert told(report).startswith(name), f"{name}\n{report}"
    here = {check is PRE} if known.title == "encoder_layer" else set()
    assert set(right) == set().union(*(NOT_HERE[pre] for pre in here))


def test_two_mistakes_are_told_together():
    scaled = [(told, flags) for told, flags in _mistakes.SCORES.items() if "masked" not in flags]
    masked = [(told, flags) for told, flags in _mistakes.SCORES.items() if "masked" in flags]
    for first, p in scaled:
        for second, q in masked:
            report = exercise.attention(partial(_mistakes.ATTENTION.formula, **p, **q))
            assert report["without_mask"].look_at == first
            assert report["mask"].look_at == f"{first} {second}"


# --- mistakes as readers make them ---


def filled(ids, vocab_size):
    vectors = torch.zeros(len(ids), vocab_size)
    vectors[:, ids] = 1
    return vectors


def bag(ids, vocab_size):
    vectors = torch.zeros(vocab_size)
    vectors[ids] = 1
    return vectors


def nothing(*arguments):
    functional.relu(torch.ones(1))


ONE_HOTS = {
    "a place too far left": lambda ids, size: torch.eye(size)[ids - 1],
    "a place too far right": lambda ids, size: torch.eye(size)[(ids + 1) % size],
    "fills columns": filled,
    "one row for all ids": bag,
    "summed to a bag": lambda ids, size: functional.one_hot(ids, size).sum(-2),
    "the sentence's largest id": lambda ids, size: functional.one_hot(ids),
    "have changed places": lambda ids, size: functional.one_hot(ids, size).mT,
    "run together": lambda ids, size: functional.one_hot(ids.flatten(), size),
    "1 too many in front": lambda ids, size: functional.one_hot(ids, size)[None],
    "A single id": lambda ids, size: torch.stack([torch.eye(size)[i] for i in ids]),
}


class Characters(Plain):
    def units(self, text):
        return [ord(character) for character in text]


class Leftmost(Plain):
    def best(self, pairs):
        return pairs[0]


class Latest(Plain):
    def best(self, pairs):
        return max(pairs, key=self.rank.get)


class Longest(Plain):
    def encode(self, text):
        rest, ids = text.encode(), []
        while rest:
            n = next(n for n in range(len(rest), 0, -1) if rest[:n] in self.tokens)
            ids, rest = [*ids, self.tokens.index(rest[:n])], rest[n:]
        return ids


class Backwards(Plain):
    def merge(self, ids, pair):
        out = []
        while ids:
            if tuple(ids[-2:]) == pair:
                out, ids = [256 + self.rank[pair], *out], ids[:-2]
            else:
                out, ids = [ids[-1], *out], ids[:-1]
        return out


class Once(Plain):
    def merge(self, ids, pair):
        i = next(i for i in range(len(ids)) if tuple(ids[i : i + 2]) == pair)
        return [*ids[:i], 256 + self.rank.pop(pair), *ids[i + 2 :]]


class Lower(Plain):
    def encode(self, text):
        return super().encode(text.lower())


class Stripped(Plain):
    def encode(self, text):
        return super().encode(text.strip())


class Words(Plain):
    def encode(self, text):
        return super().encode(" ".join(text.split()))


class TokenByToken(Plain):
    def decode(self, ids):
        return "".join(self.tokens[i].decode(errors="replace") for i in ids)


class Letters(Plain):
    def decode(self, ids):
        return "".join(chr(b) for i in ids for b in self.tokens[i])


class Strict(Plain):
    def decode(self, ids):
        return b"".join(self.tokens[i] for i in ids).decode()


class Ignoring(Plain):
    def decode(self, ids):
        return b"".join(self.tokens[i] for i in ids).decode(errors="ignore")


class Bytes(Plain):
    def decode(self, ids):
        return b"".join(self.tokens[i] for i in ids)


TOKENIZERS = {
    "characters, not bytes": Characters,
    "The leftmost pair": Leftmost,
    "the last is made first": Latest,
    "Each merge at all its places": Longest,
    "merged from the right": Backwards,
    "make the earliest of them": Once,
    "lower case": Lower,
    "at the ends is lost": Stripped,
    "between words is lost": Words,
    "decoded one by one": TokenByToken,
    "taken for characters": Letters,
    'Models may stop there: .decode(errors="replace")': Strict,
    "Half a character is dropped": Ignoring,
    "Bytes of all tokens, joined, then UTF-8": Bytes,
}


def gradients(center, context, labels, error=None, heard=None):
    error = (context @ center).sigmoid() - labels if error is None else error
    heard = error if heard is None else heard
    return (heard[:, None] * context).sum(0), error[:, None] * center


def softmaxed(center, context, labels):
    return gradients(center, context, labels, (context @ center).softmax(0) - labels)


def squares(center, context, labels):
    center, context = center.requires_grad_(), context.requires_grad_()
    loss = ((context @ center).sigmoid() - labels).square().sum() / 2
    return torch.autograd.grad(loss, (center, context))


def likelihood(center, context, labels):
    return [-gradient for gradient in by_autograd(center, context, labels)]


def averaged(center, context, labels):
    center, context = center.requires_grad_(), context.requires_grad_()
    loss = functional.binary_cross_entropy_with_logits(context @ center, labels)
    return torch.autograd.grad(loss, (center, context))


GRADIENTS = {
    "Both gradients have the wrong sign": likelihood,
    "the gradient of the mean": averaged,
    "The softmax is that of all words": softmaxed,
    "The slope": squares,
    "The sigmoid is left out": lambda u, V, y: gradients(u, V, y, V @ u - y),
    "wrong way round": lambda u, V, y: gradients(u, V, 1 - y),
    "taken for negatives": lambda u, V, y: gradients(u, V, 0 * y),
    "taken for neighbours": lambda u, V, y: gradients(u, V, y, (V @ u).sigmoid() - 1),
    "hears only the neighbours": lambda u, V, y: gradients(u, V, y, heard=y * ((V @ u).sigmoid() - y)),
    "in another order": lambda u, V, y: gradients(u, V, y)[::-1],
    "exp overflows": lambda u, V, y: gradients(u, V, y, (V @ u).exp() / (1 + (V @ u).exp()) - y),
    "which vectors does it multiply": lambda u, V, y: (gradients(u, V, y)[0], V),
}


def table(length, dim, exponents, start=0, base=10_000.0):
    angles = torch.arange(start, start + length).unsqueeze(1) / base**exponents
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :dim]


def timing_signal(length, dim):
    """As in tensor2tensor: sines, then cosines, with the slowest at exactly 10,000."""
    angles = torch.arange(length).unsqueeze(1) / 10_000.0 ** (torch.arange(dim // 2) / (dim // 2 - 1))
    return torch.cat([angles.sin(), angles.cos()], 1)


def own_column(length, dim):
    angles = torch.arange(length).unsqueeze(1) / 10_000.0 ** (torch.arange(dim) / dim)
    angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return angles


POSITIONS = {
    "have changed places: even": lambda length, dim: (
        table(length, dim, torch.arange(0, dim, 2) / dim).unflatten(1, (-1, 2)).flip(2).flatten(1)
    ),
    "fill the first half": lambda length, dim: torch.cat([annotated(length, dim)[:, half::2] for half in (0, 1)], 1),
    "Column j has the exponent j/dim": own_column,
    "The exponent is i/dim": lambda length, dim: table(length, dim, torch.arange(dim // 2) / dim),
    "doubled twice": lambda length, dim: table(length, dim, 2 * torch.arange(0, dim, 2) / dim),
    "Places count from 1": lambda length, dim: table(length, dim, torch.arange(0, dim, 2) / dim, start=1),
    "The base is 1,000": lambda length, dim: table(length, dim, torch.arange(0, dim, 2) / dim, base=1000.0),
    "should be divided": lambda length, dim: table(length, dim, -torch.arange(0, dim, 2) / dim),
    "The exponent is 2(i + 1)/dim": lambda length, dim: table(length, dim, torch.arange(2, dim + 1, 2) / dim),
    "as in tensor2tensor": timing_signal,
    "The last two axes have": lambda length, dim: annotated(length, dim).T,
    "1 too many in front": lambda length, dim: annotated(length, dim)[None],
    "in the middle": lambda length, dim: annotated(length, dim)[:, None],
    "Compare row 1": lambda length, dim: annotated(length, dim) + 1e-3,
    "as single precision rounds": lambda length, dim: annotated(length, dim).double(),
}


def cell(order="ifgo", squash=torch.tanh, propose=torch.tanh, bias=1, stale=False):
    def mine(x, h, c, W, U, b):
        part = dict(zip(order, (x @ W.T + h @ U.T + bias * b).chunk(4, 1), strict=True))
        i, f, o, g = part["i"].sigmoid(), part["f"].sigmoid(), part["o"].sigmoid(), propose(part["g"])
        new = f * c + i * g
        return o * squash(c if stale else new), new

    return mine


class OneBias(LSTMCell):
    def forward(self, x, state):
        return torch.lstm_cell(x, state, self.weight_ih, self.weight_hh, self.bias_ih, 0 * self.bias_hh)


CELLS = {
    "Your gates come in the order i, f, o, g; torch's is i, f, g, o.": cell("ifog"),
    "Your gates come in the order f, i, g, o;": cell("figo"),
    "Your gates come in the order i, g, f, o;": cell("igfo"),
    "The bias is left out": cell(bias=0),
    "The bias is added twice": cell(bias=2),
    "do not hear the state": lambda x, h, c, W, U, b: cell()(x, 0 * h, c, W, U, b),
    "The proposal g has a sigmoid": cell(propose=torch.sigmoid),
    "h is o · c": cell(squash=lambda c: c),
    "made from the old c": cell(stale=True),
    "in another order": lambda *given: cell()(*given)[::-1],
    "One of the two biases": OneBias,
    "h is o · c; it should be o · tanh(c). Your gates come in the order i, f, o, g;": cell("ifog", squash=lambda c: c),
    "Does exp overflow": cell(propose=lambda g: (g.exp() - (-g).exp()) / (g.exp() + (-g).exp())),
}


def attend(scale="root", axis=-1, fill=-torch.inf, mend=True, softmax=None, allow=lambda mask: mask):
    def mine(query, key, value, mask=None):
        by = {"root": query.shape[-1] ** 0.5, "none": 1, "dim": query.shape[-1]}[scale]
        scores = query @ key.mT / by
        if mask is not None:
            scores = scores.masked_fill(~allow(mask), fill)
        weights = softmax(scores) if softmax else scores.softmax(axis)
        weights = weights.masked_fill(~allow(mask), 0) if mend and mask is not None else weights
        return weights @ value, weights

    return mine


def forgetful(query, key, value, mask=None):
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if mask is not None:
        scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ value, scores.softmax(-1)


def masked_late(query, key, value, mask=None):
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    weights = weights if mask is None else weights * mask
    return weights @ value, weights


def times_mask(query, key, value, mask=None):
    scores = query @ key.mT / query.shape[-1] ** 0.5
    weights = (scores if mask is None else scores * mask).softmax(-1)
    return weights @ value, weights


def over_first(query, key, value, mask=None):
    if mask is not None:  # so that no softmax is of nothing
        return forgetful(query, key, value)
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(0)
    return weights @ value, weights


def transposed(query, key, value, mask=None):
    return (query @ key.transpose(0, 1)).softmax(-1) @ value, None


ATTENTIONS = {
    "not divided by √dim": attend("none"),
    "divided by dim; it should be by its root": attend("dim"),
    "softmax runs over the queries": attend(axis=-2),
    "softmax runs over the batch": over_first,
    "The mask is inverted": attend(allow=lambda mask: ~mask),
    "The mask hides no key": forgetful,
    "after the softmax, and no longer add up": masked_late,
    "a score like any other": times_mask,
    "is NaN, 0/0": attend(mend=False),
    "is the mean of all": attend(mend=False, fill=-1e9),
    "exp overflows": attend(softmax=lambda scores: scores.exp() / scores.exp().sum(-1, keepdim=True).clamp(min=1e-30)),
    "in another order": lambda *given: attend()(*given)[::-1],
    "There is no softmax": attend(softmax=lambda scores: scores),
    "not divided by √dim. The mask is inverted": attend("none", allow=lambda mask: ~mask),
}


class Layer(nn.Module):
    """torch's weights, and parts that can be exchanged."""

    pre = False

    def __init__(self, dim, heads, feed_forward):
        super().__init__()
        self.heads, self.self_attn = heads, nn.MultiheadAttention(dim, heads)
        self.linear1, self.linear2 = nn.Linear(dim, feed_forward), nn.Linear(feed_forward, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def cut(self, x):
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def join(self, x):
        return x.transpose(1, 2).flatten(2)

    def score(self, q, k):
        return q @ k.mT / q.shape[-1] ** 0.5

    def allow(self, mask):
        return mask.unsqueeze(1)

    def weigh(self, scores, allowed):
        return scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)

    def act(self, x):
        return x.relu()

    def project(self, x):
        return self.self_attn.out_proj(x)

    def parts(self, qkv):
        return qkv.chunk(3, 2)

    def attend(self, x, mask):
        qkv = self.parts(functional.linear(x, self.self_attn.in_proj_weight, self.self_attn.in_proj_bias))
        q, k, v = map(self.cut, qkv)
        scores = self.score(q, k)
        allowed = torch.ones_like(scores).bool() if mask is None else self.allow(mask)
        return self.project(self.join(self.weigh(scores, allowed) @ v))

    def think(self, x):
        return self.linear2(self.act(self.linear1(x)))

    def add(self, x, norm, f):
        return x + f(norm(x)) if self.pre else norm(x + f(x))

    def forward(self, x, mask=None):
        x = self.add(x, self.norm1, lambda y: self.attend(y, mask))
        return self.add(x, self.norm2, self.think)


class Pre(Layer):
    pre = True


def but(base=Layer, **parts):
    return type("Mine", (base,), parts)


class NormTwice(Layer):
    def forward(self, x, mask=None):
        x = self.add(x, self.norm1, lambda y: self.attend(y, mask))
        return self.add(x, self.norm1, self.think)


class Spread(nn.LayerNorm):
    """As in the Annotated Transformer."""

    def forward(self, x):
        return self.weight * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.bias


class SpreadLayer(Layer):
    def __init__(self, dim, heads, feed_forward):
        super().__init__(dim, heads, feed_forward)
        self.norm1, self.norm2 = Spread(dim), Spread(dim)


class OtherNames(Layer):
    def __init__(self, dim, heads, feed_forward):
        super().__init__(dim, heads, feed_forward)
        self.ln1 = self.norm1
        del self.norm1


def across(self, x):
    return x.reshape(x.shape[0], self.heads, x.shape[1], -1)


LAYER_BUGS = {
    "The norms stand before each part": Pre,
    "The norms stand on the parts": but(add=lambda self, x, norm, f: x + norm(f(x))),
    "The residual connections are left out": but(add=lambda self, x, norm, f: norm(f(x))),
    "The heads are cut across": but(cut=across),
    "The heads are joined across": but(join=lambda self, x: x.reshape(len(x), x.shape[2], -1)),
    "not divided by √dim": but(score=lambda self, q, k: q @ k.mT),
    "the model's width": but(score=lambda self, q, k: q @ k.mT / (self.heads * q.shape[-1]) ** 0.5),
    "GELU": but(act=lambda self, x: functional.gelu(x)),
    "no ReLU": but(act=lambda self, x: x),
    "norm1 is used twice": NormTwice,
    "deviation divides by dim - 1": SpreadLayer,
    "out_proj is left out": but(project=lambda self, x: x),
    "The mask is inverted": but(allow=lambda self, mask: ~mask.unsqueeze(1)),
    "Is it on the axis of the queries": but(allow=lambda self, mask: mask.mT.unsqueeze(1)),
    "cut into key, query, value": but(parts=lambda self, qkv: [qkv.chunk(3, 2)[i] for i in (1, 0, 2)]),
    "softmax runs over the queries": but(
        weigh=lambda self, s, allowed: s.masked_fill(~allowed, torch.finfo(s.dtype).min).softmax(-2)
    ),
    "compare them one by one": but(add=lambda self, x, norm, f: norm(x + functional.dropout(f(x), 0.5))),
}
PRE_BUGS = {
    "The norms stand after each sum": Layer,
    "The residual is normalised, too": but(Pre, add=lambda self, x, norm, f: norm(x) + f(norm(x))),
    "The heads are cut across": but(Pre, cut=across),
}
BUGS = [
    (exercise.one_hot, ONE_HOTS),
    (exercise.tokenizer, TOKENIZERS),
    (exercise.word2vec_gradient, GRADIENTS),
    (exercise.positional, POSITIONS),
    (exercise.lstm_cell, CELLS),
    (exercise.attention, ATTENTIONS),
    (exercise.encoder_layer, LAYER_BUGS),
    (PRE, PRE_BUGS),
]


@pytest.mark.parametrize(
    ("check", "hint", "mine"), [(c, hint, mine) for c, bugs in BUGS for hint, mine in bugs.items()]
)
def test_each_mistake_fails_with_the_hint_that_fits(check, hint, mine):
    report = check(mine)
    assert not report
    assert hint in told(report), report
    assert "FAILS" in str(report)


def misspelt(*arguments):
    return torch.sofmax(arguments[0], -1)


@pytest.mark.parametrize(
    ("check", "mine", "message"),
    [
        (exercise.one_hot, lambda ids, size: functional.one_hot(ids, size + 1), "vectors has the shape (4, 8)"),
        (exercise.word2vec_gradient, nothing, "returns None"),
        (exercise.word2vec_gradient, lambda center, context, labels: center, "returns 1 thing"),
        (exercise.positional, lambda length, dim: "sine", "table must be a tensor, got str"),
        (exercise.lstm_cell, misspelt, "raises AttributeError"),
        (exercise.attention, transposed, "raises RuntimeError"),
    ],
)
def test_what_gives_no_numbers_yet_gets_no_hint_on_numbers(check, mine, message):
    report = check(mine)
    assert report.results[0].message.startswith(message)
    assert report.results[0].look_at == ""


def test_a_cause_told_before_is_told_again_where_two_fit():
    """With one neighbour, labels that are all 0 and labels read the wrong way round give the same gradient."""

    def forgotten(center, context, labels):
        error = (context @ center).sigmoid()
        return error @ context, error.outer(center)

    report = exercise.word2vec_gradient(forgotten)
    cause = report["neighbour_and_negatives"].look_at
    assert "taken for negatives" in cause
    assert told(report) == cause
    assert report["one_neighbour"].message.endswith("same cause")


@pytest.mark.parametrize("size", [1e-3, 1e-2, 0.1, 1.0])
@pytest.mark.parametrize(("check", "known"), ALL)
def test_no_cause_is_named_that_is_not_so(check, known, size):
    """Numbers that are merely off are no mistake of the list, however far off."""

    def off(x):
        if isinstance(x, tuple):
            return tuple(map(off, x))
        return (
            x + size * torch.rand(x.shape, dtype=x.dtype)
            if isinstance(x, torch.Tensor)
            else x + ("?" if isinstance(x, str) else [7])
        )

    report = check(MAKE.get(known.title, partial)(lambda *given, **flags: off(known.formula(*given, **flags))))
    assert not report
    named = [name for name in [*known.mistakes, "order", "axes", "axis"] if name in told(report)]
    assert named == [], report


def exhibit(name, **names):
    """The wrong version that hangs in the museum, as the page has it."""
    cells = read_source(BOOK / "encoder" / "wrong-on-purpose.py").cells
    (source,) = (c.source for c in cells if re.search(rf'exhibit\(\s*"{name}"', c.source))
    (wrong,) = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "wrong")
    names |= {"torch": torch}
    exec(compile(ast.Module([wrong], []), name, "exec"), names)
    return names["wrong"]


def weighing(version):
    def mine(query, key, value, mask=None):
        scores = query @ key.mT / query.shape[-1] ** 0.5
        weights = version(scores, torch.ones_like(scores).bool() if mask is None else mask)
        return weights @ value, weights

    return mine


def scoring(version):
    def mine(query, key, value, mask=None):
        scores = version(query, key)
        weights = scores.softmax(-1) if mask is None else scores.masked_fill(~mask, -torch.inf).softmax(-1)
        return weights @ value, weights

    return mine


MUSEUM = [
    ("mask goes nowhere", "The mask hides no key", lambda wrong: exercise.attention(weighing(wrong))),
    ("softmax over queries", "The softmax runs over the queries", lambda wrong: exercise.attention(weighing(wrong))),
    ("minus a billion", "is the mean of all", lambda wrong: exercise.attention(weighing(wrong))),
    ("zero times infinity", "is the mean of all", lambda wrong: exercise.attention(weighing(wrong))),
    ("scores without a scale", "are not divided by √dim", lambda wrong: exercise.attention(scoring(wrong))),
    (
        "mask on the queries",
        "Is it on the axis of the queries",
        lambda wrong: exercise.encoder_layer(but(allow=lambda self, mask: wrong(mask[:, 0]))),
    ),
    (
        "residual is normalised",
        "The residual is normalised, too",
        lambda wrong: PRE(but(Pre, add=lambda self, x, norm, f: wrong(x, norm, f))),
    ),
]


@pytest.mark.parametrize(("name", "hint", "check"), MUSEUM)
def test_museum_exhibits_of_their_kind_fail(name, hint, check):
    report = check(exhibit(name))
    assert not report
    assert hint in told(report), report
    if name == "zero times infinity":  # which shows in half precision only
        assert report["half_precision"].message == "output[0, 0, 0] is nan, expected 0.5293"


@pytest.mark.parametrize(
    "check", [lambda cut: exercise.encoder_layer(but(cut=cut)), lambda cut: PRE(but(Pre, cut=cut))]
)
def test_the_museums_heads_are_found_to_be_cut_across(check):
    report = check(lambda self, x: exhibit("heads cut across", HEADS=self.heads)(x))
    assert report["one_head"]
    assert "The heads are cut across the words" in report["two_heads"].look_at


# --- a report, and what else may come ---


REPORTS = [
    (
        exercise.attention,
        attend("none", mend=False),
        """\
without_mask      FAILS    output[1, 2, 1] is 1.041, expected 0.5986
    Look at: The scores are not divided by √dim.
mask              FAILS    output[0, 1, 1] is 1.903, expected 1.186, same cause
one_mask_for_all  FAILS    output[0, 2, 0] is 1.189, expected 0.7864, same cause
empty_row         FAILS    output[0, 0, 0] is nan, expected 0
    Look at: The scores are not divided by √dim. A row that may attend nowhere is NaN,
    0/0: fill with 0 after the softmax as well.
large_scores      ok
double_precision  FAILS    as in mask
more_axes         no       output[2, 0, 0, 3] is -0.5466, expected -0.09848, same cause
half_precision    no       as in mask""",
    ),
    (
        exercise.lstm_cell,  # no cause is known, and where to look is said once
        cell(squash=torch.sin),
        """\
step              FAILS    h[1, 0] is -0.205, expected -0.1988
    Look at: c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c'): compare c first.
one_row           FAILS    h[0, 0] is -0.03566, expected -0.03209
large_gates       ok
double_precision  FAILS    as in step""",
    ),
    (
        exercise.tokenizer,
        Strict,
        """\
bytes             ok
order_of_merges   ok
repeated_letters  ok
empty_text        ok
decoding          ok
half_a_character  FAILS    raises UnicodeDecodeError: 'utf-8' codec can't decode bytes
    in position 1-2: unexpected end of data, at `return b"".join(self.tokens[i] for i in
    ids).decode()`
    Look at: Models may stop there: .decode(errors="replace").
round_trip        ok""",
    ),
]


@pytest.mark.parametrize(("check", "mine", "text"), REPORTS)
def test_a_report_as_one_reads_it(check, mine, text):
    assert str(check(mine)) == text


@pytest.mark.parametrize(("check", "mine"), SOUND)
def test_not_written_yet(check, mine):
    def unwritten(*arguments):
        raise NotImplementedError

    report = check(unwritten)
    assert not report
    assert str(report).endswith("  unknown  not written yet")
    assert len(report.results) == 1


def test_what_is_not_written_yet_may_be_a_part():
    def maskless(query, key, value, mask=None):
        if mask is not None:
            raise NotImplementedError
        return attend()(query, key, value)

    report = exercise.attention(maskless)
    assert report["without_mask"]
    assert report["mask"].message == "not written yet"
    assert not report


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _ in SOUND))
def test_what_is_raised_is_a_verdict(check):
    def broken(*arguments):
        return {}["shape"]

    report = check(broken)
    assert not report
    assert "raises KeyError: 'shape', at `return {}[\"shape\"]`" in report.results[0].message


def test_layers_and_cells_with_other_weights_are_told_which():
    message = exercise.encoder_layer(OtherNames).results[0].message
    assert message.startswith("has not the weights that torch's has: norm1.weight missing, torch's (4,); norm1.bias")
    assert "ln1.weight (4,), torch's none" in message
    narrow = exercise.encoder_layer(lambda dim, heads, width: Layer(dim, heads, width - 1)).results[0].message
    assert "linear1.weight (5, 4), torch's (6, 4)" in narrow
    assert "makes int, expected an nn.Module" in str(exercise.encoder_layer(lambda *sizes: 3))
    assert "weight_ih missing" in exercise.lstm_cell(nn.Linear).results[0].message


@pytest.mark.parametrize(
    ("check", "mine", "message"),
    [
        (exercise.attention, nothing, "returns None: is a `return` missing?"),
        (
            exercise.attention,
            lambda q, k, v, mask=None: attend()(q, k, v)[0],
            "returns 1 thing, expected 2: (output, weights)",
        ),
        (exercise.attention, lambda *given: "attention", "returns 1 thing, expected 2: (output, weights)"),
        (exercise.attention, lambda *given: ("a", "b"), "output must be a tensor, got str"),
        (
            exercise.attention,
            lambda *given: [torch.ones(2, 3, 6) * 1j] * 2,
            "output must hold real numbers, got torch.complex64",
        ),
        (exercise.lstm_cell, lambda *given: [*cell()(*given), 0], "returns 3 things, expected 2: (h, c)"),
        (exercise.lstm_cell, lambda *given: (given[0], given[2]), "h has the shape (2, 3), expected (2, 4)"),
        (exercise.one_hot, lambda ids, size: functional.one_hot(ids), "vectors has the shape (4, 6), expected (4, 7)"),
        (exercise.one_hot, lambda ids, size: {}, "vectors must be a tensor, got dict"),
        (
            exercise.one_hot,
            lambda ids, size: torch.ones(4, 7, device="meta"),
            "vectors must hold real numbers, got torch.float32 on meta",
        ),
        (exercise.tokenizer, Bytes, "result must be a string, got bytes"),
        (exercise.tokenizer, Strict, "raises UnicodeDecodeError: 'utf-8' codec"),
        (exercise.tokenizer, Characters, "result is [233, 29483, 128578], expected [195, 169, 231,"),
        (exercise.positional, lambda length, dim: annotated(length, dim) * torch.nan, "table[0, 0] is nan, expected 0"),
        (exercise.positional, lambda length, dim: 0.0, "table has the shape (), expected (12, 8)"),
        (
            exercise.encoder_layer,
            but(forward=lambda self, x, mask=None: x[0]),
            "output has the shape (3, 4), expected (2, 3, 4)",
        ),
    ],
)
def test_other_shapes_and_kinds_are_told(check, mine, message):
    report = check(mine)
    assert not report
    assert any(message in result.message for result in report.results), report


def test_types_are_told():
    single = exercise.attention(lambda *given: [x.float() for x in attend()(*given)])
    assert [r.name for r in single.results if not r] == ["double_precision", "half_precision"]
    assert single["double_precision"].message == "output is torch.float32, expected torch.float64, as its inputs are"
    rounding = exercise.lstm_cell(lambda *given: [x.double() for x in cell()(*(g.float() for g in given))])
    assert "as single precision rounds" in rounding["double_precision"].look_at


def test_another_epsilon_shows_in_double_precision():
    class Other(Layer):
        def __init__(self, dim, heads, feed_forward):
            super().__init__(dim, heads, feed_forward)
            self.norm1.eps = 1e-6  # torch's layer has 1e-5

    report = exercise.encoder_layer(Other)
    assert [r.name for r in report.results if not r] == ["double_precision"]
    assert "or an ε another?" in report["double_precision"].look_at


def test_what_changes_its_arguments_is_told():
    def mine(x, h, c, W, U, b):
        i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, 1)
        c *= f.sigmoid()
        c += i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    report = exercise.lstm_cell(mine)
    assert not report
    assert report["step"].message == "changes c in place: `c *= f` writes into the caller's tensor"


@pytest.mark.parametrize(("check", "mine"), SOUND)
def test_every_run_is_the_same_and_leaves_everyone_elses_random_numbers(check, mine):
    def drawing(*given):
        torch.rand(3)
        return mine(*given)

    def noisy(*given):
        made = mine(*given)
        return made + torch.rand(()) if isinstance(made, torch.Tensor) else made

    if isinstance(mine, type):  # which draws weights

        class drawing(mine):  # noqa: N801
            pass

        noisy = drawing
    reports = []
    for number in range(2):
        state = torch.manual_seed(number).get_state()
        assert check(drawing)
        reports.append(str(check(noisy)))
        assert torch.equal(torch.get_rng_state(), state)
    assert reports[0] == reports[1]


def test_gradients_may_be_switched_off():
    with torch.no_grad():
        assert exercise.word2vec_gradient(steps)
        assert exercise.encoder_layer(EncoderLayer)


class Attention(nn.Module):
    def forward(self, query, key, value, mask=None):
        return attend()(query, key, value, mask)


def test_modules_and_what_cannot_be_called():
    assert exercise.attention(Attention())
    errors = {
        (exercise.attention, Attention): "got the class Attention: make one, Attention(...)",
        (
            exercise.attention,
            "attention",
        ): "mine must be callable as mine(query, key, value, mask=None), got 'attention'",
        (exercise.lstm_cell, nn.LSTMCell(3, 4)): "got LSTMCell(3, 4): pass the class",
        (exercise.encoder_layer, Layer(4, 1, 6)): "pass the class",
        (exercise.tokenizer, Plain([])): "mine must be callable as mine(merges), a class with encode and decode",
    }
    for (check, mine), message in errors.items():
        with pytest.raises(TypeError) as error:
            check(mine)
        assert message in str(error.value)
    with pytest.raises(TypeError, match="norm_first must be True or False, got 1"):
        exercise.encoder_layer(Layer, norm_first=1)


def test_they_are_reached_through_check():
    from scratch import check

    for name in ("one_hot", "tokenizer", "word2vec_gradient", "positional", "lstm_cell", "attention", "encoder_layer"):
        assert getattr(check, name) is getattr(exercise, name)
        assert ">>>" in inspect.getdoc(getattr(exercise, name))


# --- where a case says to look, if it is the first that fails ---

GOOD = {
    "one_hot": one_hot,
    "tokenizer": Plain,
    "word2vec_gradient": by_autograd,
    "positional": sinusoidal,
    "lstm_cell": ours_step,
    "attention": scaled_dot_product_attention,
    "encoder_layer": EncoderLayer,
}
HINTS = {
    "one_hot": {
        "sentence": "Each row is zeros but for a one at its id's place.",
        "first_and_last": "Ids go from 0 to vocab_size - 1.",
        "absent_words": "The width is vocab_size, whatever ids the sentence has.",
        "batch": "x.scatter_(-1, ids.unsqueeze(-1), 1) takes any shape.",
        "one_id": "A single id, of the shape (), gives (vocab_size,).",
    },
    "tokenizer": {
        "bytes": "Without merges the ids are the bytes of text.encode().",
        "order_of_merges": (
            "While a pair of neighbours is among the merges: make the earliest of them, wherever it stands."
        ),
        "repeated_letters": "Each merge at all its places, from left to right.",
        "empty_text": "Is there a first pair in an empty list, or in a single byte?",
        "decoding": "Bytes of all tokens, joined, then UTF-8.",
        "half_a_character": 'Models may stop there: .decode(errors="replace").',
        "round_trip": "Whatever the text, it comes back.",
    },
    "word2vec_gradient": {
        "neighbour_and_negatives": (
            "The error is σ(context · center) - label, of each pair; which vectors does it multiply?"
        ),
        "one_neighbour": "Does a squeeze() take away an axis because its length happens to be 1?",
        "large_scores": "Does exp overflow, or log meet a 0?",
        "double_precision": "Is a tensor made without dtype=, or by NumPy, on the way?",
    },
    "positional": {
        "table": "Compare row 1, whose angles are 1, 10000^(-2/dim), …",
        "one_place": "Does a squeeze() take away an axis because its length happens to be 1?",
        "two_columns": "The sine and the cosine of the place itself.",
        "odd_dim": "There is a sine more than there are cosines.",
        "far_places": (
            "Angles in double precision, rounded at the end: single has seven digits, some of them before the point."
        ),
    },
    "lstm_cell": {
        "step": "c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c'): compare c first.",
        "one_row": "Does a squeeze() take away an axis because its length happens to be 1?",
        "large_gates": "Does exp overflow? Take torch's sigmoid and tanh.",
        "double_precision": "Is a tensor made without dtype=, or by NumPy, on the way?",
    },
    "attention": {
        "without_mask": "softmax(Q Kᵀ / √dim) V: scores, scale, softmax over the keys, product.",
        "mask": "Scores where the mask is False become -∞, before the softmax.",
        "one_mask_for_all": "Does the mask broadcast, also from (1, 1, keys)?",
        "empty_row": "What does the softmax make of a row that may attend nowhere?",
        "large_scores": "Does exp overflow?",
        "double_precision": "Is a tensor made without dtype=, or by NumPy, on the way?",
        "more_axes": "Count axes from the end: key.mT, softmax(-1).",
        "half_precision": "Is -1e9 filled in, which does not exist there? torch.finfo(dtype).min does, and -∞.",
    },
    "encoder_layer": {
        "one_head": "Attention, its residual and norm; the network, its residual and norm: compare them one by one.",
        "two_heads": "Split the last axis into (heads, dim / heads), then transpose(1, 2); and all the way back.",
        "mask": "The mask (batch, 1, length) broadcasts over queries; and over heads?",
        "one_sentence": "Does a squeeze() take away an axis because its length happens to be 1?",
        "double_precision": "Is a tensor made without dtype=, or by NumPy, on the way?",
    },
}


def off(outputs):
    """The same, the first of them a little off."""
    if isinstance(outputs, torch.Tensor):
        return outputs + 0.37
    return [off(outputs[0]), *outputs[1:]]


def right_until(mine, last):
    """What is right in every case but number `last`."""
    cases = iter(range(99))
    if not isinstance(mine, type):
        return lambda *given: off(mine(*given)) if next(cases) == last else mine(*given)
    if issubclass(mine, nn.Module):
        forward = right_until(mine.forward, last)  # called with the module first
        return type("Mine", (mine,), {"forward": lambda *given, **mask: forward(*given, *mask.values())})

    class Mine:
        def __init__(self, merges):
            self.good, self.bad = mine(merges), next(cases) == last

        def encode(self, text):
            return self.good.encode(text) + [9] * self.bad

        def decode(self, ids):
            return self.good.decode(ids) + "!" * self.bad

    return Mine


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in HINTS.items() for case in cases])
def test_the_first_case_that_fails_says_where_to_look(name, case):
    check, cases = getattr(exercise, name), list(HINTS[name])
    report = check(right_until(GOOD[name], cases.index(case)))
    assert [result.name for result in report.results] == cases
    assert [result.name for result in report.results if not result.holds] == [case]
    assert report[case].look_at == HINTS[name][case]
    assert not re.search("None|same cause|as in", report[case].message)


def asked(name):
    """What `mine` is given, case by case."""
    given = []

    def mine(*arguments, **more):
        given.append(arguments)
        return GOOD[name](*arguments, **more)

    assert getattr(exercise, name)(mine)
    return dict(zip(HINTS[name], given, strict=True))


def test_each_case_asks_what_its_name_says():
    ids = {case: (ids.tolist(), size) for case, (ids, size) in asked("one_hot").items()}
    assert ids == {
        "sentence": ([2, 0, 5, 2], 7),
        "first_and_last": ([0, 6, 6], 7),
        "absent_words": ([2, 1, 2], 9),
        "batch": ([[1, 2, 0], [3, 3, 6]], 7),
        "one_id": (3, 7),
    }
    sizes = {
        "table": (12, 8),
        "one_place": (1, 6),
        "two_columns": (20, 2),
        "odd_dim": (10, 7),
        "far_places": (20000, 6),
    }
    assert asked("positional") == sizes
    pairs = asked("word2vec_gradient")
    assert [(tuple(c.shape), c.dtype) for _, c, _ in pairs.values()] == [
        ((5, 4), torch.float32),
        ((1, 4), torch.float32),
        ((5, 4), torch.float32),
        ((5, 4), torch.float64),
    ]
    assert pairs["neighbour_and_negatives"][2].tolist() == [1, 0, 0, 1, 0]
    cells = asked("lstm_cell")
    assert [(len(x), x.dtype) for x, *_ in cells.values()] == [
        (2, torch.float32),
        (1, torch.float32),
        (2, torch.float32),
        (2, torch.float64),
    ]
    for case, (center, context, _) in pairs.items():  # e^89 is too large for single precision
        assert (case == "large_scores") == ((context @ center).abs().max() > 89)
    for case, (x, h, _, W, U, b) in cells.items():
        assert (case == "large_gates") == ((x @ W.T + h @ U.T + b).abs().max() > 89)
    scores = {case: (query @ key.mT).abs().max() for case, (query, key, *_) in asked("attention").items()}
    assert [case for case, score in scores.items() if score > 89] == ["large_scores"]


def test_the_tokenizers_cases_ask_what_their_names_say():
    given = []

    class Mine(Plain):
        def encode(self, text):
            given.append(text)
            return super().encode(text)

        def decode(self, ids):
            given.append(ids)
            return super().decode(ids)

    assert exercise.tokenizer(Mine)
    text = "  Lowe\u0301r ½\n\t“猫” 🙂 "
    assert given[:4] == ["é猫🙂", "lowe tower", "zooo low lower", ""]
    assert given[4:7] == [[258, 259, 32, 231, 140, 171], [97, 231, 140], text]
    assert len(given) == 8


def test_what_cannot_be_called_is_told_how_it_should_be():
    forms = {
        "one_hot": "mine(ids, vocab_size)",
        "tokenizer": "mine(merges), a class with encode and decode",
        "word2vec_gradient": "mine(center, context, labels)",
        "positional": "mine(length, dim)",
        "lstm_cell": "mine(x, h, c, W, U, b), or be a class of modules",
        "attention": "mine(query, key, value, mask=None)",
    }
    for name, form in forms.items():
        with pytest.raises(TypeError, match=f"^{re.escape(f'mine must be callable as {form}, got 3')}"):
            getattr(exercise, name)(3)


def test_four_wrong_weights_are_told_and_that_there_are_more():
    four, five = (exercise.encoder_layer(lambda *sizes, n=n: Laden(n, *sizes)).results[0].message for n in (4, 5))
    assert four.count("torch's") - 1 == five.count("torch's") - 1 == 4
    assert four.endswith("torch's none")
    assert five.endswith("torch's none; …")


class Laden(Layer):
    """A layer with so many weights that torch's has not."""

    def __init__(self, more, *sizes):
        super().__init__(*sizes)
        for number in range(more):
            self.register_parameter(f"more{number}", nn.Parameter(torch.ones(1)))
