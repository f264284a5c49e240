"""What the exercises ask for, once more, with arguments that make the well-known mistakes, and what to tell of each.

The formulas and their shapes are those of `scratch.exercise`; without the arguments at their end they are right.

>>> ONE_HOT.formula(torch.tensor([1]), 3), ONE_HOT.formula(torch.tensor([1]), 3, shift=1)
(tensor([[0, 1, 0]]), tensor([[0, 0, 1]]))
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise, permutations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scratch._exercise import Exercise
from scratch.byte_pairs import BytePairEncoder, _merge

Mistakes = dict[str, dict[str, Any]]  # what to tell -> the arguments that make it

# --- one-hot vectors ---


def _one_hot(ids, vocab_size, shift=0, narrow=False, pool=lambda rows: rows):
    width = int(ids.max()) + 1 if narrow else vocab_size
    return pool(torch.eye(width, dtype=torch.int64)[ids].roll(shift, -1))


ONE_HOT_MISTAKES: Mistakes = {
    "Each one stands a place too far right: ids count from 0.": {"shift": 1},
    "Each one stands a place too far left: ids count from 0.": {"shift": -1},
    "The width is that of the sentence's largest id: it should be vocab_size.": {"narrow": True},
    "Rows have the ones of all ids: `x[:, ids] = 1` fills columns.": {"pool": lambda x: 0 * x + x.amax(-2, True)},
    "There is one row for all ids: each should have its own.": {"pool": lambda x: x.amax(-2)},
    "The rows are summed to a bag of words: each id should have its own.": {"pool": lambda x: x.sum(-2)},
}
ONE_HOT = Exercise("one_hot", ["vectors"], functional.one_hot, _one_hot, ONE_HOT_MISTAKES)

# --- byte-level byte-pair encoding ---


def _join(tokens):
    return b"".join(tokens).decode(errors="replace")


def _tokenizer(method, merges, given, clean=str, units=str.encode, pick=min, way=1, decode=_join):
    tokens = BytePairEncoder(merges).tokens
    if method == "decode":
        return decode([tokens[i] for i in given])
    ids, rank = [*units(clean(given))], {pair: n for n, pair in enumerate(merges)}
    while pairs := [pair for pair in pairwise(ids) if pair in rank]:
        pair = pick(pairs, key=rank.get)
        ids = _merge(ids[::way], pair[::way], 256 + rank[pair])[0][::way]
    return ids if method == "encode" else decode([tokens[i] for i in ids])


TOKENIZER_MISTAKES: Mistakes = {
    "These are characters, not bytes: begin with text.encode().": {"units": lambda text: map(ord, text)},
    "The leftmost pair is merged first; it should be the earliest merge.": {"pick": lambda pairs, key: pairs[0]},
    "Of the merges that are possible, the last is made first; it should be the earliest.": {"pick": max},
    "Equal letters in a row are merged from the right; it should be from the left.": {"way": -1},
    "The text comes back in lower case: nothing may be lost.": {"clean": str.lower},
    "White space at the ends is lost (strip).": {"clean": str.strip},
    "White space between words is lost (split).": {"clean": lambda text: " ".join(text.split())},
    "Tokens are decoded one by one, but a character may have bytes in two: join the bytes first.": {
        "decode": lambda tokens: "".join(token.decode(errors="replace") for token in tokens)
    },
    "Bytes are taken for characters (chr): decode them as UTF-8.": {"decode": lambda t: b"".join(t).decode("latin-1")},
    "Half a character is dropped: let U+FFFD show it.": {"decode": lambda t: b"".join(t).decode(errors="ignore")},
}
TOKENIZER = Exercise("tokenizer", ["result"], _tokenizer, _tokenizer, TOKENIZER_MISTAKES)

# --- the gradients of negative sampling ---


def _gradients(
    center, context, labels, link=torch.sigmoid, read=lambda y: y, times=lambda _: 1, heard=lambda _: 1, signs=(1, 1)
):
    scores = context @ center  # (n,)
    error = (link(scores) - read(labels)) * times(scores)
    return signs[0] * (heard(labels) * error) @ context, signs[1] * error.outer(center)


def _autograd(center, context, labels):
    center, context = center.clone().requires_grad_(), context.clone().requires_grad_()
    loss = functional.binary_cross_entropy_with_logits(context @ center, labels, reduction="sum")
    return torch.autograd.grad(loss, (center, context))


GRADIENTS_MISTAKES: Mistakes = {
    "Both gradients have the wrong sign: these are the steps that go down.": {"signs": (-1, -1)},
    "grad_center has the wrong sign.": {"signs": (-1, 1)},
    "grad_context has the wrong sign.": {"signs": (1, -1)},
    "This is the gradient of the mean; the loss is the sum over the pairs.": {"times": lambda s: 1 / len(s)},
    "The labels are read the wrong way round: 1 is a neighbour, 0 a negative.": {"read": lambda y: 1 - y},
    "All are taken for negatives: the error is σ(score) - label, also for label 1.": {"read": torch.zeros_like},
    "All are taken for neighbours: the error is σ(score) - label, also for label 0.": {"read": torch.ones_like},
    "The softmax is that of all words: here each pair has a sigmoid.": {"link": lambda s: s.softmax(0)},
    "The sigmoid is left out.": {"link": lambda s: s},
    "The slope σ(1 - σ) is too much: cross-entropy cancels it, and only squares have it.": {
        "times": lambda s: s.sigmoid() * (1 - s.sigmoid())
    },
    "grad_center hears only the neighbours: the negatives push it, too.": {"heard": lambda y: y},
    "exp overflows for large scores: torch.sigmoid does not.": {"link": lambda s: s.exp() / (1 + s.exp())},
}
GRADIENTS = Exercise("word2vec_gradient", ["grad_center", "grad_context"], _autograd, _gradients, GRADIENTS_MISTAKES)

# --- sinusoidal positions ---


def _positional(length, dim, power=lambda j, d: (j - j % 2) / d, base=10_000, start=0, sines=0, halves=False):
    j, place = torch.arange(dim).double(), torch.arange(start, start + length).unsqueeze(1)
    angles = place / base ** power(j, dim)  # (length, dim)
    table = torch.where(j % 2 == sines, angles.sin(), angles.cos())
    return torch.cat([table[:, 0::2], table[:, 1::2]], 1) if halves else table


POSITIONAL_MISTAKES: Mistakes = {
    "Sines and cosines have changed places: even columns are sines.": {"sines": 1},
    "The sines fill the first half; in the paper sines and cosines alternate.": {"halves": True},
    "Places count from 1; they should from 0.": {"start": 1},
    "The base is 1,000; it should be 10,000.": {"base": 1_000},
    "The angle is multiplied by 10000^(2i/dim); it should be divided.": {"power": lambda j, d: (j % 2 - j) / d},
    "Column j has the exponent j/dim; a sine and its cosine share 2i/dim.": {"power": lambda j, d: j / d},
    "Column j has the exponent 2j/dim; a sine and its cosine share 2i/dim.": {"power": lambda j, d: 2 * j / d},
    "The exponent is i/dim; it should be 2i/dim.": {"power": lambda j, d: (j - j % 2) / d / 2},
    "The exponent is 4i/dim, doubled twice; it should be 2i/dim.": {"power": lambda j, d: (j - j % 2) / d * 2},
    "The exponent is 2(i + 1)/dim; i should count from 0.": {"power": lambda j, d: (j - j % 2 + 2) / d},
    "The cosines have 2(i + 1)/dim; a sine and its cosine share 2i/dim.": {"power": lambda j, d: (j + j % 2) / d},
    "The exponent is i/(dim/2 - 1), as in tensor2tensor; in the paper it is 2i/dim.": {
        "power": lambda j, d: (j - j % 2) / (d - 2)
    },
}
POSITIONAL = Exercise("positional", ["table"], _positional, _positional, POSITIONAL_MISTAKES)

# --- a step of the LSTM ---


def _lstm_cell(
    x, h, c, W, U, b, gates="ifgo", bias=1, heard=1, more=0, propose=torch.tanh, squash=torch.tanh, stale=False
):
    a = dict(zip(gates, (x @ W.T + heard * h @ U.T + bias * b).chunk(4, 1), strict=True))  # (batch, hidden) each
    new = (a["f"] + more).sigmoid() * c + a["i"].sigmoid() * propose(a["g"])
    return a["o"].sigmoid() * squash(c if stale else new), new


def _torch_cell(x, h, c, W, U, b):
    return torch.lstm_cell(x, (h, c), W, U, b, torch.zeros_like(b))


LSTM_MISTAKES: Mistakes = {
    "The bias is left out.": {"bias": 0},
    "The bias is added twice.": {"bias": 2},
    "One of the two biases is left out.": {"bias": 0.5},
    "The gates do not hear the state: U h is left out.": {"heard": 0},
    "1 is added to the forget gate: that belongs into its bias.": {"more": 1},
    "The proposal g has a sigmoid; it should have tanh.": {"propose": torch.sigmoid},
    "The proposal g has no tanh.": {"propose": lambda g: g},
    "h is o · c; it should be o · tanh(c).": {"squash": lambda c: c},
    "h is made from the old c; it should be from the new one.": {"stale": True},
}
for order in [*permutations("ifgo")][1:]:
    LSTM_MISTAKES[f"Your gates come in the order {', '.join(order)}; torch's is i, f, g, o."] = {"gates": order}
LSTM_CELL = Exercise("lstm_cell", ["h", "c"], _torch_cell, _lstm_cell, LSTM_MISTAKES)

# --- attention ---


def _attention(query, key, value, mask=None, power=-0.5, axis=-1, masked="scores", empty=0, softmax=torch.softmax):
    scores = query @ key.mT * query.shape[-1] ** power  # (…, queries, keys)
    mask = None if masked == "nowhere" else mask
    hidden = torch.zeros_like(scores).bool() if mask is None else mask if masked == "inverted" else ~mask
    if masked == "multiplied":
        scores, hidden = scores.masked_fill(hidden, 0), hidden & False
    elif masked != "late":
        scores = scores.masked_fill(hidden, -1e9 if empty == "mean" else -torch.inf)
    weights = softmax(scores, axis)
    weights = weights if empty else weights.masked_fill(hidden, 0)
    return weights @ value, weights


def _torch_attention(query, key, value, mask=None):
    """In double precision; the weights are the output for values of which each is an axis of its own."""
    q, k, v = query.double(), key.double(), value.double()
    axes = torch.eye(k.shape[-2]).to(k).expand(*k.shape[:-1], -1)
    return tuple(functional.scaled_dot_product_attention(q, k, x, mask).to(query) for x in (v, axes))


SCORES: Mistakes = {
    "The scores are not divided by √dim.": {"power": 0},
    "The scores are divided by dim; it should be by its root.": {"power": -1},
    "The scores are multiplied by √dim; they should be divided.": {"power": 0.5},
    "The softmax runs over the queries; it should over the keys, the last axis.": {"axis": -2},
    "The softmax runs over the batch; it should over the keys, the last axis.": {"axis": 0},
    "The mask is inverted: it is True where attention is allowed.": {"masked": "inverted"},
    "The mask hides no key. Is it on the axis of the queries, or masked_fill's result not used?": {"masked": "nowhere"},
    "Weights are masked after the softmax, and no longer add up to 1: mask the scores, with -∞.": {"masked": "late"},
    "Masked scores are 0, which is a score like any other: they should be -∞.": {"masked": "multiplied"},
}
ATTENTION_MISTAKES: Mistakes = SCORES | {
    "A row that may attend nowhere is NaN, 0/0: fill with 0 after the softmax as well.": {"empty": "nan"},
    "A row that may attend nowhere is the mean of all: equal scores have equal weights, however low they are. Fill "
    "with 0 after the softmax as well.": {"empty": "mean"},
    "exp overflows: take off each row's maximum first, or call softmax.": {
        "softmax": lambda scores, axis: scores.exp() / scores.exp().sum(axis, keepdim=True)
    },
    "There is no softmax.": {"softmax": lambda scores, axis: scores},
}
ATTENTION = Exercise("attention", ["output", "weights"], _torch_attention, _attention, ATTENTION_MISTAKES)

# --- the Transformer encoder's layer ---


def _encoder_layer(
    heads, w, x, mask=None, pre=False, add="x", act=torch.relu, norms="12", normal=functional.layer_norm, **how
):
    def attend(x):
        return _heads(heads, w, x, mask, **how)

    def think(x):
        return _linear(act(_linear(x, w, "linear1.")), w, "linear2.")

    for n, part in zip(norms, (attend, think), strict=True):
        norm = partial(normal, normalized_shape=x.shape[-1:], weight=w[f"norm{n}.weight"], bias=w[f"norm{n}.bias"])
        if add == "late":
            x = x + norm(part(x))
        else:
            given = norm(x) if pre else x
            x = {"x": x, "normed": given, "nothing": 0}[add] + part(given)
            x = x if pre else norm(x)
    return at_words(x, mask)


def _heads(heads, w, x, mask, order=(0, 1, 2), across="", wide=False, out=True, **how):
    qkv = _linear(x, w, "self_attn.in_proj_").chunk(3, 2)
    if across == "cut":
        q, k, v = (qkv[n].reshape(len(x), heads, x.shape[1], -1) for n in order)
    else:
        q, k, v = (qkv[n].unflatten(2, (heads, -1)).transpose(1, 2) for n in order)
    q = q * heads**-0.5 if wide else q
    x, _ = _attention(q, k, v, None if mask is None else mask.unsqueeze(1), **how)
    x = x.reshape(len(x), x.shape[2], -1) if across == "join" else x.transpose(1, 2).flatten(2)
    return _linear(x, w, "self_attn.out_proj.") if out else x


def _linear(x, w, name):
    return functional.linear(x, w[f"{name}weight"], w[f"{name}bias"])


def _unbiased_norm(x, normalized_shape, weight, bias):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) * weight + bias


def _torch_layer(heads, w, x, mask=None, pre=False):
    layer = nn.TransformerEncoderLayer(
        x.shape[2], heads, len(w["linear1.bias"]), dropout=0.0, batch_first=True, norm_first=pre
    )
    layer.to(x).load_state_dict(w)
    pads = None if mask is None else ~mask[:, 0]
    return at_words(layer(x, src_key_padding_mask=pads), mask)


def at_words(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (batch, length, dim), with zeros where the mask (batch, 1, length) is False."""
    return x if mask is None else x.masked_fill(~mask.mT, 0)


PRE, POST = "before each part, x + f(norm(x))", "after each sum, norm(x + f(x))"
LAYER_MISTAKES: Mistakes = {
    "The norms stand on the parts, x + norm(f(x)).": {"add": "late"},
    "The residual is normalised, too: x should go round each part as it is, x + f(norm(x)).": {"add": "normed"},
    "The residual connections are left out: x + ….": {"add": "nothing"},
    "The heads are cut across the words: split the last axis first, then transpose.": {"across": "cut"},
    "The heads are joined across the words: transpose back before you flatten.": {"across": "join"},
    "Scores are divided by the root of the model's width; it should be the head's.": {"wide": True},
    "out_proj is left out.": {"out": False},
    "The feed-forward network has no ReLU.": {"act": lambda x: x},
    "The feed-forward network has GELU; it should have ReLU.": {"act": functional.gelu},
    "norm1 and norm2 have changed places.": {"norms": "21"},
    "norm1 is used twice.": {"norms": "11"},
    "The norm's deviation divides by dim - 1 (torch.std); it should be by dim.": {"normal": _unbiased_norm},
}
for order in [*permutations(("query", "key", "value"))][1:]:
    LAYER_MISTAKES[f"in_proj_weight is cut into {', '.join(order)}; torch's order is query, key, value."] = {
        "order": [order.index(part) for part in ("query", "key", "value")]
    }
LAYERS = {}
for pre, places in ((False, (PRE, POST)), (True, (POST, PRE))):
    swapped: Mistakes = {f"The norms stand {places[0]}; they should {places[1]}.": {"pre": not pre}}
    library, formula = partial(_torch_layer, pre=pre), partial(_encoder_layer, pre=pre)
    LAYERS[pre] = Exercise("encoder_layer", ["output"], library, formula, swapped | LAYER_MISTAKES | SCORES)
