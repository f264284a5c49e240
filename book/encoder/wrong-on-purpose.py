# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Wrong on purpose: a museum of bugs
#
# In July 2017 somebody trained a very small Transformer to translate: one layer, with a feed-forward net of
# width 1. After ten epochs it predicted 98% of the words of the validation set. Asked to translate, it
# [wrote nonsense](https://github.com/jadore801120/attention-is-all-you-need-pytorch/issues/19). No line had
# crashed. What gave the bug away was that so poor a model was so good.
#
# Most bugs in an encoder are of this kind. Shapes fit, numbers come out, and training, which makes the best
# of whatever it is given, makes the best of the bug too. **How does one notice a bug that raises no
# error?** We have collected nineteen. Each was met by readers of public code; here each runs, is caught by
# a check, and is mended in a line or two. Nobody is to blame: these are the bugs that careful people make.
#
# **You will**
#
# - take an encoder apart, and put wrong parts into it, one at a time;
# - catch them by *laws*, which need no right answer, with `scratch.check`;
# - meet bugs that obey every law, and catch them by an *oracle* (测试预言), a right answer from elsewhere;
# - compare ten encoders, two sound and eight wrong, on two tasks, and see which bugs their accuracy gives away;
# - build a language model that predicts nearly every word, and find the place where it fails.
#
# **You need** the chapters of this part, above all [the Transformer encoder](transformer-encoder.ipynb).
# The chapter runs in about 25 seconds on one processor core.

# %%
try:
    from scratch import corpora
except ModuleNotFoundError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    name = "from-one-hot-to-encoder[chapters]"
    get_ipython().run_line_magic("pip", f"install -q '{name} @ {book}'")
except ImportError as error:
    raise ImportError(f"rename the other scratch: {error.path or 'a folder'}") from None

# %% [markdown]
# ## An encoder in parts
#
# To put a wrong part in, we need an encoder whose parts come out. Here are seven parts of the Transformer
# encoder, each a line long.

# %%
import torch
from torch import nn

from scratch.attention import masked_softmax

torch.set_default_dtype(torch.float64)  # rounding stays far below what we look for
WORDS, DIM, HEADS = 100, 32, 4
SOUND = {
    "embed": lambda layer, ids: layer(ids),  # vectors + positions (batch, length, dim)
    "cut": lambda x: x.unflatten(2, (HEADS, -1)).transpose(1, 2),  # one row per head
    "score": lambda q, k: q @ k.mT / q.shape[-1] ** 0.5,  # (…, queries, keys)
    "allow": lambda mask: mask[:, None, None, :],  # (batch, 1, 1, keys)
    "weigh": masked_softmax,  # (scores, allowed) -> weights (…, queries, keys)
    "add": lambda x, norm, f: x + f(norm(x)),  # a residual connection, pre-norm
    "pool": lambda x, mask: (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True),
}

# %% [markdown]
# The weights, and the layers in between, are those of `scratch.encoder.TransformerEncoder`. (`partial` fills in the
# first arguments of a function: what `partial(think, layer)` leaves to be given is `x`.)

# %%
from functools import partial

from torch.nn.functional import linear

from scratch.text import mask  # True at words, False at padding: (batch, length)


def attend(reader, layer, allowed, x):  # -> (batch, length, dim)
    attention = layer.self_attn
    qkv = linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, 2)
    q, k, v = map(reader.cut, qkv)  # (batch, heads, length, dim / heads) each
    weights = reader.weigh(reader.score(q, k), allowed)
    return attention.out_proj((weights @ v).transpose(1, 2).flatten(2))


def think(layer, x):
    return layer.linear2(layer.linear1(x).relu())


# %%
from scratch.encoder import TransformerEncoder


class Reader(nn.Module):
    def __init__(self, words=WORDS, layers=2, **parts):
        super().__init__()
        self.encoder = TransformerEncoder(words, DIM, layers, HEADS, norm_first=True)
        for name, part in {**SOUND, **parts}.items():
            setattr(self, name, part)

    def states(self, ids, lengths):  # (batch, length), (batch,) -> (batch, length, dim)
        allowed = self.allow(mask(lengths, ids.shape[1]))
        x = self.embed(self.encoder.input, ids)
        for layer in self.encoder.layers:
            x = self.add(x, layer.norm1, partial(attend, self, layer, allowed))
            x = self.add(x, layer.norm2, partial(think, layer))
        return self.encoder.norm(x)

    def vectors(self, ids, lengths):  # -> (batch, dim)
        return self.pool(self.states(ids, lengths), mask(lengths, ids.shape[1]))


# %% [markdown]
# With all parts sound, it must be that encoder. What does `scratch.check` say of it?

# %%
from scratch.check import check_encoder

torch.manual_seed(0)
reader = Reader()
ids, lengths = torch.tensor([[4, 5, 6, 7], [8, 9, 0, 0]]), torch.tensor([4, 2])
same = torch.allclose(
    reader.vectors(ids, lengths), reader.encoder.vectors(ids, lengths)
)
print("the same as scratch.encoder:", same)
print(check_encoder(reader.states, WORDS))

# %% [markdown]
# The first five lines are laws that an encoder should obey. The last three depend on its purpose: ours stays
# finite for a row without words, minds the order of words, and looks ahead (it is not causal). "A
# sentence stays what it is when padding follows it" can be tested without knowing what the sentence's
# vector *should* be, on random weights, before any training. (In software testing such laws are known as
# *metamorphic relations* (蜕变关系) {cite:p}`segura2016survey`.)
#
# A check, by a law or by an oracle, shall be a function `check(version, seed)` that is true if the version
# is right; an exhibit is such a check with two versions, a wrong one and a mended one.
#
# Most checks differ only in the law and in the place where the version is put, so below functions are made by
# functions. `law(padding_invariance, build)` returns a new function `check`, which goes on knowing the two things that
# were handed to `law` when `law` itself has long returned. Such a function with a memory is a *closure* (闭包). `build`
# is another one: `in_reader("pool")` is a function that puts a version into a fresh `Reader` as its `pool`, and hands
# out the method that the law is to try. Read the two together as a sentence: *build an encoder with this version as its
# pool, and see whether padding changes anything.*

# %%
from collections import namedtuple

museum, Exhibit = {}, namedtuple("Exhibit", "check wrong mended")


def exhibit(name, check, wrong, mended):
    museum[name] = Exhibit(check, wrong, mended)
    verdicts = ["passes" if check(version) else "caught" for version in (wrong, mended)]
    print(f"{check.__name__}: wrong {verdicts[0]}, mended {verdicts[1]}")


def law(checker, build, holds=True):
    """A check: does the encoder with a version in it obey the law (or break it)?"""

    def check(version, seed=0):
        torch.manual_seed(seed)
        return checker(build(version), WORDS).holds is holds

    check.__name__, check.law = checker.__name__, checker
    return check


def in_reader(part, output="states"):
    return lambda version: getattr(Reader(**{part: version}), output)


# %% [markdown]
# ## Room 1: Padding that speaks
#
# ### Exhibit 1: The last state is padding
#
# A recurrent network walks on through the padding, and whoever takes its last state takes the state after
# the last *pad*. It happened in a library for reinforcement learning
# ([RLlib](https://github.com/ray-project/ray/issues/21392)), and it happens in the second of the two
# articles behind this book. The mend is to say how long the sentences are.

# %%
from scratch.check import padding_invariance
from scratch.encoder import Encoder


def wrong(encoder, ids, lengths):
    hidden, _ = encoder(ids)  # (layers, batch, dim)
    return hidden[-1]


def mended(encoder, ids, lengths):
    hidden, _ = encoder(ids, lengths)
    return hidden[-1]


def in_lstm(version):
    return partial(version, Encoder(WORDS, DIM, DIM, num_layers=2))


exhibit("last state is padding", law(padding_invariance, in_lstm), wrong, mended)
print(padding_invariance(in_lstm(wrong), WORDS))

# %% [markdown]
# The message says how far a sentence moves, the norm of the difference over the norm of its vector, and
# where to look. From here on we print the verdicts only.
#
# ### Exhibit 2: The mean counts the padding
#
# Somebody averaged BERT's states by hand, and [got other
# vectors](https://github.com/huggingface/sentence-transformers/issues/2569) with another batch size. A
# library that leaves padding out of its mean did not. Sum the words, and divide by how many there are.


# %%
def wrong(x, mask):  # (batch, length, dim), (batch, length) -> (batch, dim)
    return x.mean(1)


def mended(x, mask):
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


in_pool = in_reader("pool", output="vectors")
exhibit("mean counts padding", law(padding_invariance, in_pool), wrong, mended)

# %% [markdown]
# ### Exhibit 3: The mask on the queries
#
# Scores have a row for each query and a column for each key. It is *keys* that must be hidden: a mask on
# the rows hides nothing from the words, and leaves the pads' own rows nowhere to look. [This
# one](https://github.com/hyunwoongko/transformer/pull/40) ran on, its finder explains, since hidden scores
# were set to −10,000; with −∞, such a row becomes NaN.


# %%
def wrong(mask):  # (batch, length)
    return mask[:, None, :, None]  # (batch, 1, queries, 1)


def mended(mask):
    return mask[:, None, None, :]  # (batch, 1, 1, keys)


exhibit(
    "mask on the queries", law(padding_invariance, in_reader("allow")), wrong, mended
)

# %% [markdown]
# ### Exhibit 4: The mask goes nowhere
#
# `masked_fill` returns a new tensor; only `masked_fill_`, with an underscore, changes the old one. Forget
# to take the result, and the line [does nothing](https://github.com/opendilab/DI-engine/issues/333).


# %%
def wrong(scores, allowed):
    scores.masked_fill(~allowed, -torch.inf)
    return scores.softmax(-1)


def mended(scores, allowed):
    scores = scores.masked_fill(~allowed, -torch.inf)
    return scores.softmax(-1)


exhibit("mask goes nowhere", law(padding_invariance, in_reader("weigh")), wrong, mended)

# %% [markdown]
# ## Room 2: Axes that change places
#
# ### Exhibit 5: Heads cut across the words
#
# To get one row per head, split the *last* axis and then swap two axes. A single `reshape` gives the same
# shape, and cuts the sentence into pieces that belong to no word. It was
# [found](https://github.com/reczoo/FuxiCTR/issues/30) in three models at once, all after one published
# listing. The author of another from-scratch Transformer, who joined the heads that way, [asks the right
# question](https://github.com/jsbaan/transformer-from-scratch/pull/6): why had the training test passed?
# Probably, he answers, because the task was so easy that a large enough model learns to compensate.


# %%
def wrong(x):  # (batch, length, dim)
    batch, length, dim = x.shape
    return x.reshape(batch, HEADS, length, dim // HEADS)


def mended(x):
    batch, length, dim = x.shape
    return x.reshape(batch, length, HEADS, dim // HEADS).transpose(1, 2)


exhibit("heads cut across", law(padding_invariance, in_reader("cut")), wrong, mended)

# %% [markdown]
# ### Exhibit 6: The softmax over the queries
#
# A query's weights must add up to 1. Along the other axis each *key* hands out 1 to all queries, pads
# included. When a reader found this in a diffusion model, the author called it "a big bug"; the reader
# [retrained](https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/146) the
# model without it, and found the pictures no better by the usual score; after longer training, even worse.


# %%
def wrong(scores, allowed):  # (…, queries, keys)
    least = torch.finfo(scores.dtype).min
    return scores.masked_fill(~allowed, least).softmax(-2)


def mended(scores, allowed):
    least = torch.finfo(scores.dtype).min
    return scores.masked_fill(~allowed, least).softmax(-1)


exhibit(
    "softmax over queries", law(padding_invariance, in_reader("weigh")), wrong, mended
)

# %% [markdown]
# ### Exhibit 7: A view through the batch
#
# The last states of an LSTM are (layers, batch, dim), also with `batch_first=True`. To lay a sentence's
# layers side by side, move the batch to the front, and then flatten. A bare `view` gives the right shape
# and puts *other sentences'* states into the row ([seen](https://github.com/timbmg/Sentence-VAE/issues/15)
# in a variational autoencoder). Padding has no part in it, so another law catches it.

# %%
from scratch.check import batch_consistency


def wrong(encoder, ids, lengths):
    hidden, _ = encoder(ids, lengths)  # (layers, batch, dim)
    return hidden.view(len(ids), -1)  # (batch, layers · dim)


def mended(encoder, ids, lengths):
    hidden, _ = encoder(ids, lengths)
    return hidden.transpose(0, 1).flatten(1)


exhibit("view through the batch", law(batch_consistency, in_lstm), wrong, mended)

# %% [markdown]
# ## Room 3: Order and time
#
# ### Exhibit 8: No position
#
# The line that adds positions was [commented
# out](https://github.com/wenliangdai/Multimodal-End2end-Sparse/issues/16): with and without it, the authors
# had found, the results were much the same. That was a decision. Whoever has forgotten the line wants to know,
# and here a law must *not* hold: an encoder that reads should notice when words are shuffled.

# %%
from scratch.check import permutation_equivariance


def wrong(layer, ids):
    return layer.token(ids) * DIM**0.5


def mended(layer, ids):
    return layer.position(layer.token(ids) * DIM**0.5)


notices = law(permutation_equivariance, in_reader("embed"), holds=False)
exhibit("no position", notices, wrong, mended)

# %% [markdown]
# ### Exhibit 9: A mask that shows the next word
#
# An encoder looks both ways. A language model must not: at place $t$ it has to predict the word at $t + 1$.
# From a tutorial the mask was [taken out](https://github.com/pytorch/tutorials/pull/2423), as improper in
# an encoder; then a reader [reported](https://github.com/pytorch/tutorials/issues/2478) a perplexity of 2.9
# on the test set, and next words that made no sense. Here the mask is there, and one diagonal off.

# %%
from scratch.check import causality


def wrong(mask):
    square = torch.ones(mask.shape[1], mask.shape[1]).bool()  # (queries, keys)
    return square.tril(1) & mask[:, None, None, :]  # keys up to one place on


def mended(mask):
    square = torch.ones(mask.shape[1], mask.shape[1]).bool()
    return square.tril(0) & mask[:, None, None, :]  # keys up to one's own place


exhibit("mask shows next word", law(causality, in_reader("allow")), wrong, mended)

# %% [markdown]
# ### Exhibit 10: Targets that are not shifted
#
# The mask may be right and the target wrong: compare the prediction at place $t$ with the word at place
# $t$, which the model has just read, and it learns to copy. A library's loss for GPT-2 [did
# so](https://github.com/huggingface/transformers/pull/404): a few steps with it, its mender writes, and the
# language model was destroyed. The bug is in the loss, and no law of encoders sees it. But we know two
# predictors whose losses we can tell beforehand, on a text in which no word follows itself: a parrot, which
# is certain of the word that it has just heard, must lose; a prophet, which is certain of the next, must
# not.

# %%
from torch.nn.functional import cross_entropy, one_hot


def wrong(logits, ids):  # (batch, length, words), (batch, length)
    return cross_entropy(logits.mT, ids)


def mended(logits, ids):
    return cross_entropy(logits[:, :-1].mT, ids[:, 1:])


def parrot_and_prophet(loss, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.stack([torch.randperm(WORDS, generator=generator) for _ in range(3)])
    parrot = 50.0 * one_hot(ids, WORDS)  # (batch, length, words)
    prophet = parrot.roll(-1, 1)
    return bool(loss(parrot, ids) > 40 and loss(prophet, ids) < 1e-6)


exhibit("targets not shifted", parrot_and_prophet, wrong, mended)

# %% [markdown]
# ## Room 4: Numbers in the place of infinity
#
# ### Exhibit 11: Minus a billion
#
# To fill masked scores with −10⁹ works as long as some score in the row is not masked. In a row that may
# look nowhere, all scores are equal, and the softmax makes of them a mean over the whole sentence, padding
# and all. A reader of a textbook [wondered](https://github.com/YutaroOgawa/pytorch_advanced/issues/175) why
# such a row holds fifths and not zeros. (With −10⁵, a trained model's own scores [went
# lower](https://github.com/TransformerLensOrg/TransformerLens/pull/366) than the mask.) The oracle is
# PyTorch's attention, which gives zeros for such a row.

# %%
from torch.nn.functional import scaled_dot_product_attention


def wrong(scores, allowed):
    return scores.masked_fill(~allowed, -1e9).softmax(-1)


def mended(scores, allowed):
    return scores.masked_fill(~allowed, -1e9).softmax(-1).masked_fill(~allowed, 0)


def torch_with_empty_row(weigh, seed=0):
    q, k, v = torch.randn(3, 2, 5, 8, generator=torch.Generator().manual_seed(seed))
    allowed = torch.ones(2, 5, 5).tril(-1).bool()  # the first row may look nowhere
    ours = weigh(SOUND["score"](q, k), allowed) @ v
    return torch.allclose(ours, scaled_dot_product_attention(q, k, v, allowed))


exhibit("minus a billion", torch_with_empty_row, wrong, mended)

# %% [markdown]
# ### Exhibit 12: Zero times infinity
#
# Half precision ends at 65,504, so that −10⁹ *is* −∞ there. Masks are often added, as `(1 - mask) * least`;
# where the mask is 1, this is $0 \cdot (-\infty)$, which is NaN, for every word. A course now [warns its
# students](https://github.com/callummcdougall/ARENA_3.0/pull/54) in the message of a test: overwrite masked
# scores, do not multiply. ([Flax](https://github.com/google/flax/issues/982) did not multiply, and met NaN
# in half precision all the same, for its −10¹⁰.)

# %%
from scratch.check import finite_outputs


def wrong(scores, allowed):
    least = scores.new_tensor(-1e9)  # in half precision: -inf
    return (scores + (1 - allowed.to(scores)) * least).softmax(-1)


def mended(scores, allowed):
    least = torch.finfo(scores.dtype).min  # in half precision: -65,504
    return scores.masked_fill(~allowed, least).softmax(-1)


def in_half(version):
    return Reader(weigh=version).half().states


exhibit("zero times infinity", law(finite_outputs, in_half), wrong, mended)
print("in double precision,", finite_outputs(Reader(weigh=wrong).states, WORDS))
zero = torch.zeros(1, dtype=torch.float16)
print("0 · (a tensor):", (zero * zero.new_tensor(-1e9)).item())
print("0 · (a number):", (zero * -1e9).item())

# %% [markdown]
# In double precision nothing shows. In half precision a Python number in the place of the tensor survives,
# since PyTorch multiplies before it rounds; until a row is masked altogether.
#
# ## Room 5: Bugs that obey every law
#
# The next four pass by padding, know order, treat each sentence for itself. Quite lawfully they compute
# something else; the last of them keeps even a law that it ought to break.
#
# ### Exhibit 13: Scores without a scale
#
# Scores are divided by $\sqrt{d/H}$, the root of a head's width. If they are not, they grow with it, and the
# softmax tends to choose a single key. One library [left the division
# out](https://github.com/Project-MONAI/GenerativeModels/issues/146). Others divided by too much: by the
# width [without the root](https://github.com/delzac/cntkx/issues/10), or by the root [of the model's
# width](https://github.com/jadore801120/attention-is-all-you-need-pytorch/issues/42), $\sqrt d$.


# %%
def wrong(q, k):  # (…, length, dim / heads) each
    return q @ k.mT


def mended(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def torch_attention(score, seed=0):
    q, k, v = torch.randn(3, 2, 5, 8, generator=torch.Generator().manual_seed(seed))
    ours = score(q, k).softmax(-1) @ v
    return torch.allclose(ours, scaled_dot_product_attention(q, k, v))


exhibit("scores without a scale", torch_attention, wrong, mended)
lawful = bool(check_encoder(Reader(score=wrong).states, WORDS))
print("an encoder with the wrong one keeps every law:", lawful)

# %% [markdown]
# ### Exhibit 14: The residual is normalised
#
# In a pre-norm layer `x` goes round the sublayer untouched, and a normalised copy goes through. Overwrite
# `x` with its norm, and no path leads through the network unchanged. PyTorch's main branch [did
# it](https://github.com/pytorch/pytorch/issues/61165) for some weeks of June and July 2021, when `norm_first`
# was new there; it was mended before the first release that had `norm_first`. An author
# who found it in his code [noted](https://github.com/Howuhh/faster-trajectory-transformer/issues/3) the
# price of the mend: all trained weights belong to the bug.


# %%
def wrong(x, norm, f):
    x = norm(x)
    return x + f(x)


def mended(x, norm, f):
    return x + f(norm(x))


def torch_layer(add, seed=0):
    torch.manual_seed(seed)
    reader, ids = Reader(layers=1, add=add), torch.randint(1, WORDS, (3, 5))
    options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
    theirs = nn.TransformerEncoderLayer(DIM, HEADS, 4 * DIM, **options)
    theirs.load_state_dict(reader.encoder.layers[0].state_dict())
    theirs = reader.encoder.norm(theirs(reader.encoder.input(ids)))
    return torch.allclose(reader.states(ids, torch.full((3,), 5)), theirs)


exhibit("residual is normalised", torch_layer, wrong, mended)

# %% [markdown]
# ### Exhibit 15: Backwards from the wrong end
#
# In a bidirectional network the backward half *starts* at the last word. Take both halves there, as a
# reader [noticed](https://github.com/yunjey/pytorch-tutorial/issues/149) in a tutorial, and half of the
# vector has read a single word. The oracle is what `nn.LSTM` itself returns as its last states, from packed
# sentences.


# %%
def wrong(encoder, ids, lengths):
    states = encoder.states(ids, lengths)  # (batch, length, 2 · dim)
    return states[torch.arange(len(ids)), lengths - 1]


def mended(encoder, ids, lengths):
    states = encoder.states(ids, lengths)
    forward = states[torch.arange(len(ids)), lengths - 1, :DIM]  # at the last word
    return torch.cat([forward, states[:, 0, DIM:]], 1)  # and backward at the first


def torch_last_states(version, seed=0):
    torch.manual_seed(seed)
    encoder = Encoder(WORDS, DIM, DIM, num_layers=1, bidirectional=True)
    ids, lengths = torch.randint(1, WORDS, (3, 6)), torch.tensor([6, 2, 4])
    theirs = nn.LSTM(DIM, DIM, batch_first=True, bidirectional=True)
    theirs.load_state_dict(encoder.lstm.state_dict())
    options = {"batch_first": True, "enforce_sorted": False}
    x = nn.utils.rnn.pack_padded_sequence(encoder.embedding(ids), lengths, **options)
    last = torch.cat(theirs(x)[1][0].unbind(), 1)  # (batch, 2 · dim)
    return torch.allclose(version(encoder, ids, lengths), last)


exhibit("backwards from the end", torch_last_states, wrong, mended)

# %% [markdown]
# ### Exhibit 16: Dropout between one layer and none
#
# `dropout=` of PyTorch's recurrent networks acts *between* layers. With one layer there is no between, and
# it does nothing, which [somebody](https://github.com/pytorch/pytorch/issues/5985) learnt from a forum,
# after reading the source down to the bottom. Today PyTorch warns, among other warnings. The check is a law
# that must be broken: with dropout on, two runs differ.

# %%
import warnings

from scratch.check import repeatability


def wrong():
    lstm = nn.LSTM(DIM, DIM, num_layers=1, dropout=0.5, batch_first=True)
    return lambda x: lstm(x)[0]


def mended():
    lstm, dropout = nn.LSTM(DIM, DIM, num_layers=1, batch_first=True), nn.Dropout(0.5)
    return lambda x: dropout(lstm(x)[0])


def in_training(version):
    with warnings.catch_warnings(action="ignore"):
        read, embedding = version(), nn.Embedding(WORDS, DIM)
    return lambda ids, lengths: read(embedding(ids))


drops = law(repeatability, in_training, holds=False)
exhibit("dropout between no layers", drops, wrong, mended)

# %% [markdown]
# ## Room 6: Before and after the encoder
#
# ### Exhibit 17: Windows before subsampling
#
# Word2vec first drops many of the frequent words, and then lets windows slide over what is left: words meet
# across a gap, [as gensim does](https://github.com/piskvorky/gensim/pull/206) after the released program.
# Collect pairs first and drop them afterwards, and those meetings are lost. (Levy and colleagues
# {cite:p}`levy2015improving` call the first way "dirty": to be wrong is here to be different from what one
# cites.) The oracle is gensim itself: we let it drop every second word, with a window of 1, and see whose
# vectors move.

# %%
from itertools import pairwise

import numpy as np
from gensim.models import Word2Vec


def wrong(sentence, dropped):
    pairs = pairwise(sentence)
    return {pair for pair in pairs if not dropped & set(pair)}


def mended(sentence, dropped):
    return set(pairwise([word for word in sentence if word not in dropped]))


# %%
def gensim_moves(version, seed=0):
    sentence = [f"word{i}" for i in range(3 + 2 * seed)]
    dropped = set(sentence[1::2])
    options = {"sg": 1, "hs": 1, "negative": 0, "workers": 1, "seed": seed + 1}
    model = Word2Vec(vector_size=8, window=1, min_count=1, sample=1e-3, **options)
    model.build_vocab([sentence])
    for word in sentence:  # the chance to stay, from 0 to 2³²
        chance = np.uint32(0 if word in dropped else 2**32 - 1)
        model.wv.set_vecattr(word, "sample_int", chance)
    start = model.wv.vectors.copy()
    model.train([sentence], total_examples=1, epochs=5)
    moved = (model.wv.vectors != start).any(1)  # (words,)
    moved = {word for word in sentence if moved[model.wv.key_to_index[word]]}
    return moved == {word for pair in version(sentence, dropped) for word in pair}


exhibit("windows before subsampling", gensim_moves, wrong, mended)

# %% [markdown]
# ### Exhibit 18: CBOW's gradient
#
# CBOW averages the $|C|$ vectors of a context. On the way back each of them receives $1/|C|$ of the mean's
# gradient. The released program gives each of them all of it, gensim follows on purpose, and its users have
# [asked about it](https://github.com/piskvorky/gensim/issues/1873) ever since; [Part
# 1](../input-layer/word2vec-at-scale.ipynb) measured what comes of it. The oracle is automatic
# differentiation.


# %%
def wrong(context, target):  # (|C|, dim), (dim,) -> gradients (|C|, dim)
    error = torch.sigmoid(context.mean(0) @ target) - 1
    return error * target.expand_as(context)


def mended(context, target):
    error = torch.sigmoid(context.mean(0) @ target) - 1
    return error * target.expand_as(context) / len(context)


def autograd(version, seed=0):
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(4, 8, generator=generator, requires_grad=True)
    target = torch.randn(8, generator=generator)
    loss = -nn.functional.logsigmoid(context.mean(0) @ target)
    return torch.allclose(version(context, target), *torch.autograd.grad(loss, context))


exhibit("CBOW's gradient", autograd, wrong, mended)

# %% [markdown]
# ### Exhibit 19: BLEU, sentence by sentence
#
# BLEU compares the runs of one to four words of a translation with those of a reference {cite:p}`papineni2002bleu`: it
# counts hits over the *whole test set*, a run never oftener than the reference has it, and takes the geometric mean of
# the four precisions $p_n$, the shares of the translation's runs of $n$ words that are hits. A precision asks nothing
# of what was left out: one sure word would score best. So there is a *brevity penalty*, 1 if the translations have at
# least as many words as the references, $c \ge r$, and less if they are shorter:
#
# $$
# \mathrm{BLEU} = 100\, e^{\min(0,\, 1 - r/c)} \sqrt[4]{p_1\, p_2\, p_3\, p_4} .
# $$ (eq-museum-bleu)
#
# At half the length it keeps $e^{-1}$, little more than a third. Average the BLEU of single sentences instead, and a
# sentence without a common run of four counts 0. A user of a toolkit
# [saw](https://github.com/Maluuba/nlg-eval/issues/10) both numbers and wondered. The oracle is sacreBLEU
# {cite:p}`post2018call`.

# %%
from collections import Counter


def counts(words, reference):  # hits and runs for n = 1 … 4, and the two lengths
    found = []
    for n in range(1, 5):
        ours, theirs = (
            Counter(zip(*(text[i:] for i in range(n)), strict=False))
            for text in (words, reference)
        )
        found += [(ours & theirs).total(), ours.total()]
    return torch.tensor([*found, len(words), len(reference)])


def bleu(counted):  # (10,) -> 0 … 100
    hits, runs = counted[0:8:2], counted[1:8:2].clamp(min=1)
    short = (1 - counted[9] / counted[8]).clamp(max=0)  # 1 - r / c, at most 0
    return 100 * (short + (hits / runs).log().mean()).exp().item()


def wrong(pairs):
    return sum(bleu(counts(*pair)) for pair in pairs) / len(pairs)


def mended(pairs):
    return bleu(sum(counts(*pair) for pair in pairs))


# %% [markdown]
# For translations we take sentences from which words have been lost.

# %%
import random

import sacrebleu

from scratch.corpora import load

sentences = load("state-of-the-union")  # in the order of their years


def damaged(seed):
    rng = random.Random(seed)
    references = rng.sample([s for s in sentences if 6 <= len(s) <= 20], 50)
    return [([w for w in s if rng.random() < 0.7] or s[:1], s) for s in references]


def sacrebleu_of_corpus(version, seed=0):
    pairs = damaged(seed)
    hypotheses, references = (
        [" ".join(text) for text in side] for side in zip(*pairs, strict=True)
    )
    score = sacrebleu.corpus_bleu(hypotheses, [references], tokenize="none").score
    return abs(version(pairs) - score) < 1e-9


exhibit("BLEU by sentence", sacrebleu_of_corpus, wrong, mended)

# %% [markdown]
# ## The museum at a glance
#
# Each exhibit once more, with three other seeds for its weights, texts or sizes.

# %%
from scratch.table import Table

rows = []
for name, (check, wrong_one, mended_one) in museum.items():
    caught = not any(check(wrong_one, seed) for seed in (1, 2, 3))
    passes = all(check(mended_one, seed) for seed in (1, 2, 3))
    verdicts = "caught" if caught else "MISSED", "passes" if passes else "FAILS"
    rows.append((name, check.__name__, *verdicts))
Table(rows, dict.fromkeys(("exhibit", "check", "wrong", "mended"), ""))

# %% [markdown]
# All nineteen are caught with every seed, and all mends pass.
#
# ## Does training notice?
#
# A check takes a moment, training takes days. Would the days have told us? We let ten encoders learn two
# tasks. *Which era?* Does a sentence come from the first or from the last third of the presidents' addresses?
# The words tell, in any order. *In order?* Do the words of a sentence stand as they were spoken, or were they
# shuffled? Here only the order tells. Two encoders are sound, a Transformer of one layer and an LSTM; the
# eight others have one bug each, taken from the museum as it hangs there.

# %%
from scratch.text import Vocabulary, pad

rng, third = random.Random(0), len(sentences) // 3
early, late, spoken = (
    rng.sample([s for s in part if 6 <= len(s) <= 20], count)
    for part, count in (
        (sentences[:third], 5000),
        (sentences[-third:], 5000),
        (sentences, 10000),
    )
)
shuffled = [rng.sample(s, len(s)) for s in spoken[5000:]]
TASKS = {"which era?": (early, late), "in order?": (spoken[:5000], shuffled)}
for task, sides in TASKS.items():  # -> 10,000 pairs (sentence, answer)
    TASKS[task] = [(s, answer) for answer in (0, 1) for s in sides[answer]]
    rng.shuffle(TASKS[task])
HELD = 4000  # sentences that are not trained on: to test, and to choose step sizes
words = (w for pairs in TASKS.values() for s, answer in pairs[HELD:] for w in s)
vocabulary = Vocabulary.from_tokens(words, max_size=2000)
for task, pairs in TASKS.items():  # from here on ids
    TASKS[task] = [(vocabulary.encode(s), answer) for s, answer in pairs]


# %%
def batch(texts, width=0):  # -> ids (batch, length or width), lengths, answers (batch,)
    ids, lengths = pad([sentence for sentence, answer in texts])
    ids = nn.functional.pad(ids, (0, max(0, width - ids.shape[1])))
    return ids, lengths, torch.tensor([answer for sentence, answer in texts])


# %%
PARTS = {"sound Transformer": None, "mask on the queries": "allow"}
PARTS |= {"softmax over queries": "weigh", "heads cut across": "cut"}
PARTS |= {"mean counts padding": "pool", "scores without a scale": "score"}
PARTS |= {"residual is normalised": "add", "no position": "embed"}
NAMES = [*PARTS, "sound LSTM", "last state is padding"]


def build(name):  # an encoder, and how it reads: (ids, lengths) -> (batch, dim)
    if part := PARTS.get(name):
        reader = Reader(len(vocabulary), layers=1, **{part: museum[name].wrong})
        return reader, reader.vectors
    if name == "sound Transformer":
        reader = Reader(len(vocabulary), layers=1)
        return reader, reader.vectors
    encoder, hung = (
        Encoder(len(vocabulary), DIM, DIM, 1),
        museum["last state is padding"],
    )
    return encoder, partial(
        hung.mended if name == "sound LSTM" else hung.wrong, encoder
    )


# %% [markdown]
# Each learns from batches of 32 sentences, padded to the longest: a hundred for *which era?*, four hundred for *in
# order?*, which is harder. Then it answers for other sentences twice: in batches as it knows them, and in batches
# padded to 64 places, as when a program pads to a fixed width. Here is one task for a sound and a wrong encoder, one
# run each.


# %%
from scratch.training import fit, random_rows


def train(name, task, rate, seed, steps):  # -> a function (ids, lengths) -> (batch,)
    torch.manual_seed(seed)
    (encoder, read), guess = build(name), nn.Linear(DIM, 2)

    def loss(rows):
        ids, lengths, answers = batch([TASKS[task][HELD + row] for row in rows])
        return cross_entropy(guess(read(ids, lengths)), answers)

    batches = random_rows(len(TASKS[task]) - HELD, 32, steps, seed)
    fit([*encoder.parameters(), *guess.parameters()], loss, batches, rate, warmup=10)
    return lambda ids, lengths: guess(read(ids, lengths)).argmax(1)


@torch.no_grad()
def judge(answer, texts, width=0):  # the answers, and which are right: (texts,) each
    batches = [batch(texts[i : i + 50], width) for i in range(0, len(texts), 50)]
    answers = torch.cat([answer(ids, lengths) for ids, lengths, _ in batches])
    return answers, answers == torch.cat([truth for _, _, truth in batches])


# %% tags=["atol=0.025"]
from scratch.corpora import load_results

results = {(r["task"], r["encoder"]): r for r in load_results("museum")["rows"]}


def exam(name, task, seed, steps):  # right, right at 64 places, answers changed
    answer = train(name, task, results[task, name]["rate"], seed, steps)
    texts = TASKS[task][:1000]
    (before, right), (after, still) = judge(answer, texts), judge(answer, texts, 64)
    return [x.double().mean().item() for x in (right, still, before != after)]


rows = [
    (name, *exam(name, "which era?", seed=0, steps=100))
    for name in ("sound Transformer", "mask on the queries")
]
columns = {"which era?": "", "right": ".2f", "right at 64 places": ".2f"}
Table(rows, columns | {"answers changed": ".2f"})

# %% [markdown]
# The same for all ten on both tasks, with five runs each and twice the test sentences, takes minutes, and was done
# beforehand (`benchmarks/museum.py`). Each encoder took steps of its own best size, chosen on 2,000 sentences on
# which it is not judged. Runs that begin alike are compared pairwise, wrong minus sound, and the table shows
# Student's 95% interval of the mean difference.

# %%
from IPython.display import display

from scratch.metrics import t_interval


def gap(task, name, twin=None):  # -> the two ends
    pair = name, twin or ("sound Transformer" if name in PARTS else "sound LSTM")
    ours, theirs = (results[task, encoder]["right"] for encoder in pair)
    return t_interval([x - y for x, y in zip(ours, theirs, strict=True)])


columns = {"step size": "g", "right": ".3f", "wrong − sound": "", "at 64": ".3f"}
for task in TASKS:
    rows = []
    for name in NAMES:
        row = results[task, name]
        right, padded = (sum(row[key]) / len(row[key]) for key in ("right", "padded"))
        low, high = gap(task, name)
        span = None if name.startswith("sound") else f"{low:+.3f} to {high:+.3f}"
        changed = f"{min(row['changed']):.2f} to {max(row['changed']):.2f}"
        rows.append((name, row["rate"], right, span, padded, changed))
    display(Table(rows, {task: ""} | columns | {"answers changed": ""}))

# %% tags=["rms=2.5"] mystnb={"image": {"alt": "Two panels, ten rows of dots each, one row an encoder. Left, which era: as in training, the dots of all Transformers lie close together, sound or not, and those of the two LSTMs a little further left. Right, in order: no position lies at one half; the other Transformers lie near two thirds, heads cut across furthest right, about where the LSTM lies whose last state is padding; the sound LSTM lies a tenth further right. Padded to 64 places, some dots of four wrong Transformers move left, and most of the wrong LSTM's, some of them to one half."}, "figure": {"caption": "Shares of right answers of ten encoders on two tasks, five runs each: in batches as in training (filled), and with the same sentences padded to 64 places (crosses).", "name": "fig-museum-accuracy"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, panels = plt.subplots(1, 2, figsize=(6.5, 3.8), sharex=True, sharey=True)
for axes, task in zip(panels, TASKS, strict=True):
    for key, marker, label in (
        ("right", "o", "as in training"),
        ("padded", "x", "padded to 64"),
    ):
        found = [results[task, name][key] for name in NAMES]
        points = [(x, y) for y, shares in enumerate(found) for x in shares]
        axes.plot(*zip(*points, strict=True), marker, label=label)
    axes.set(xlabel="right answers", title=task)
panels[0].set_yticks(range(len(NAMES)), NAMES)
panels[0].invert_yaxis()
handles, labels = panels[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside upper right", ncols=2)
plt.show()

# %% [markdown]
# Look at *right* first. *Which era?* gives no bug away: no wrong Transformer is off its sound twin by more than a
# hundredth, and the wrong LSTM by two. Where such an interval misses 0, it took the twin and five runs of both to see
# it. Even without positions a Transformer does as well as any, since this task does not need the order of words.
#
# *In order?* gives away the encoder *without positions*, and that one completely: it guesses, as it must, for to its
# mean the spoken and the shuffled sentence are one bag. The LSTM whose last state is padding falls a tenth behind its
# twin: the order has to survive a walk through the pads. But would one notice? It still has more right than the sound
# Transformer. The softmax over the queries costs a few hundredths. The mask on the queries costs about one, with an
# interval that barely misses 0; among sixteen intervals, chance alone may do that once. Three more keep up with the
# sound one. And with heads cut across the words, a Transformer is *better*. Whoever judges by accuracy alone would keep
# the bug.
#
# So a task's accuracy gives a bug away if the task needs what the bug breaks, and only to those who know how
# far a sound encoder gets. Neither task finds the unscaled scores or the normalised residual: one would look for
# their price where heads are wide, or in a deep stack. (These are small tasks, one layer, and a short training:
# with more of each, other gaps may open.)
#
# The last columns are what a user gets. Where padding speaks, a wider batch changes answers to the same sentences on
# either task, at worst more than half of them. From run to run that share differs severalfold, and some wrong encoders
# come off nearly unharmed: one lucky run would have proved nothing. To see it takes no twin, no task: it is the law of
# Room 1.
#
# Why are cut heads better? The bug hands each head a quarter of the sentence, in slices, and a narrow
# view is what helped on such a task [when we built the Transformer](transformer-encoder.ipynb). Two tries. *Narrow view*: sound heads, but each word may look only within its quarter of the places. *Cards*: heads cut
# across the words, after the words have been dealt out like cards, so that no head gets neighbours. Both were trained
# beforehand like the others; *here* stands the first of the five runs with cards, made again.


# %%
def quarters(mask):  # (batch, length) -> (batch, 1, queries, keys)
    part = 4 * torch.arange(mask.shape[1]) // mask.shape[1]  # (length,)
    return mask[:, None, None, :] & (part[:, None] == part)


def dealt(x):  # (batch, length, dim)
    order = torch.argsort(torch.arange(x.shape[1]) % HEADS, stable=True)
    return museum["heads cut across"].wrong(x[:, order])


PARTS |= {"narrow view": "allow", "cards": "cut"}
museum["narrow view"] = Exhibit(None, quarters, None)  # so that `build` finds them
museum["cards"] = Exhibit(None, dealt, None)
seen = quarters(torch.ones(1, 8).bool())[0, 0]  # (queries, keys)
print("narrow view, 8 words: place 2 sees places", seen[2].nonzero().flatten().tolist())

# %% tags=["atol=0.04"]
rows, columns = [], {"in order?": "", "step size": "g", "right": ".3f"}
results |= {(r["task"], r["encoder"]): r for r in load_results("museum")["guesses"]}
for name in ("heads cut across", "narrow view", "cards"):
    row, here = results["in order?", name], None
    if name == "cards":
        answer = train(name, "in order?", row["rate"], seed=0, steps=400)
        here = judge(answer, TASKS["in order?"][:2000])[1].double().mean().item()
    low, high = gap("in order?", name)
    span, right = f"{low:+.3f} to {high:+.3f}", sum(row["right"]) / 5
    rows.append((name, row["rate"], right, span, here))
low, high = gap("in order?", "heads cut across", "cards")
print(f"heads cut across − cards: {low:+.3f} to {high:+.3f}")
Table(rows, columns | {"− sound Transformer": "", "here": ".2f"})

# %% [markdown]
# The narrow view alone is no better than the sound encoder. *Cards* are better than it, and five runs cannot tell
# them from heads cut across the words. What they gain cannot come from neighbours. So the guess is at best a part of
# the reason, and we leave it at that: *better, for reasons that we have not found*. An explanation that sounds right
# is as easy to come by as a bug that trains.
#
# ## Too good to be true
#
# Back to the 98%. A language model of one layer, with the mask of exhibit 9, is to predict the next word
# in the first nine words of a sentence, with a vocabulary of 500; words outside it are neither asked for
# nor counted. We count hits for each place by itself. Five seeds of each were trained beforehand; *here* is the first.

# %%
frequent = Vocabulary.from_tokens((w for s in sentences for w in s), max_size=500)
T = 8  # places; the ninth word is only a target
lines = torch.tensor([frequent.encode(s[: T + 1]) for s in sentences if len(s) > T])
lines = lines[torch.randperm(len(lines), generator=torch.Generator().manual_seed(0))]
test_lines, train_lines = lines[:1000], lines[1000:]
full = torch.full((1000,), T)  # all lines have one length: padding has no part in this


# %%
def hits_by_place(allow, seed, steps=200):  # -> (T,), and the loss before any step
    torch.manual_seed(seed)
    model = Reader(len(frequent), layers=1, allow=allow)
    guess = nn.Linear(DIM, len(frequent))

    def loss(chosen):
        ids = train_lines[chosen]
        logits = guess(model.states(ids[:, :-1], full[:32]))  # (batch, T, words)
        logits, wanted = logits.flatten(0, 1), ids[:, 1:].flatten()
        return cross_entropy(logits, wanted, ignore_index=frequent.unk_id)

    batches = random_rows(len(train_lines), 32, steps, seed)
    parameters = [*model.parameters(), *guess.parameters()]
    losses = fit(parameters, loss, batches, 0.02, warmup=20)
    with torch.no_grad():
        predicted = guess(model.states(test_lines[:, :-1], full)).argmax(-1)
    asked = test_lines[:, 1:] != frequent.unk_id  # (lines, T)
    hits = asked & (predicted == test_lines[:, 1:])
    return hits.sum(0) / asked.sum(0), losses[0]


# %% tags=["atol=0.025"]
shown = museum["mask shows next word"]
masks = {"sound mask": shown.mended, "shows next word": shown.wrong}
places = {r["mask"]: torch.tensor(r["hits"]) for r in load_results("museum")["leak"]}
rows = []
for name, allow in masks.items():
    here, loss = hits_by_place(allow, seed=0)
    rows.append((f"{name}, five seeds", *places[name].mean(0).tolist()))
    rows.append((f"{name}, here", *here.tolist()))
    print(f"{name}: before the first step the loss is {loss:.2f}")
print(f"ln {len(frequent)} is {torch.tensor(len(frequent)).log():.2f}")
Table(rows, {"hits at place": ""} | {str(t): ".2f" for t in range(1, T + 1)})

# %% tags=["rms=2.5"] mystnb={"image": {"alt": "Accuracy over the eight places of a line. With the sound mask it stays near one quarter at all places. With the mask that shows the next word it runs close to one from the first to the seventh place and falls below the sound one at the eighth."}, "figure": {"caption": "Share of next words predicted, by place; five seeds each, which nearly coincide. Only at the last place is the word to be predicted not among those that were read.", "name": "fig-museum-leak"}}
figure, axes = plt.subplots(figsize=(5, 3))
for (name, hits), color, style in zip(
    places.items(), ("C0", "C3"), ("o-", "s--"), strict=True
):
    lines = axes.plot(range(1, T + 1), hits.T, style, color=color)
    lines[0].set_label(name)
axes.set(xlabel="place", ylabel="next words predicted", ylim=(0, 1.04))
axes.legend(loc="center left")
plt.show()

# %% [markdown]
# At place $t$ the wrong model reads the answer at $t + 1$, copies it, and is nearly always right. At the
# last place there is nothing to copy, and it falls *below* the honest model: it had little reason to learn
# the language. When such a model writes a text, every place is the last one, which would explain the
# nonsense of 2017. Its average over all places is the number that a training log shows.
#
# Two habits would have caught it. Ask a model what it will be asked in use: next words of texts that end.
# And know beforehand what a good result would be: a number far *above* it is as alarming as one below.
# Three quick tests would not. Before the first step the loss should be near the guesser's, $\ln 500$: with both masks
# it is (above the table). A single batch should be learnt by heart, to show that gradients arrive: the leak makes it
# easier. And two backward passes without `zero_grad()` give twice the gradient, since PyTorch *adds*: that tests the
# loop, not the model.
#
# > **Pitfall.** A mended bug makes old weights wrong: they were trained with it. Train again; or keep it and say so, as [these authors](https://github.com/lbcb-sci/RiNALMo/issues/9) advise for the
# > residual of exhibit 14.

# %% [markdown]
# ## Check yourself
#
# **1. An encoder's accuracy is as good as its sound twin's. Which of these may still be broken?**
#
# - **A** Nothing that matters: what is wrong would cost accuracy.
# - **B** Only what the task does not need, such as positions on a task that a bag of words can do.
# - **C** Its answers, whenever sentences come in another batch than in the test.
# - **D** Only things that training has not reached yet.
#
# <details><summary>Answer</summary>
#
# - **A ✗** On *which era?* eight wrong encoders were within some two hundredths of their twins.
# - **B ✗** That is one way to hide. But padding that speaks hides on a task that needs everything, too, as long as the
#   test is padded as the training was.
# - **C ✓** The accuracy is measured in batches of one kind. Pad the same sentences further, and the answers of five wrong
#   encoders change.
# - **D ✗** Training makes the best of a bug. It does not find it.
#
# </details>

# %% [markdown]
# **2. `reshape` cuts a sentence of $T = 12$ words into `HEADS = 4` heads without a transpose. Whose numbers does the second
# head hold?**
#
# - **A** Words 3 to 5, whole.
# - **B** All 12 words, numbers 8 to 15 of each.
# - **C** Words 1, 5 and 9, whole.
# - **D** Words 1, 2 and 3, whole.
#
# <details><summary>Answer</summary>
#
# - **A ✓** In memory word follows word. A quarter of twelve words is three: the first head holds 0 to 2, the second 3 to 5.
# - **B ✗** That is what it should hold, with `unflatten` and `transpose`.
# - **C ✗** To take every fourth word one would have to jump in memory, and `reshape` does not.
# - **D ✗** Counted from 0, the first head holds words 0, 1 and 2.
#
# </details>

# %% [markdown]
# **3. A law says: the sentence's vector does not change when padding follows. Which bug can it *not* catch?**
#
# - **A** A mean that divides by the width of the batch.
# - **B** A mask that hides the queries and not the keys.
# - **C** A `masked_fill` whose result is dropped.
# - **D** Scores that are not divided by $\sqrt{d/H}$.
#
# <details><summary>Answer</summary>
#
# - **A ✗** More padding, a larger divisor: the vector shrinks, and the law is broken.
# - **B ✗** Then the words look at the pads, and a longer batch has more of them.
# - **C ✗** Then there is no mask at all.
# - **D ✓** Such an encoder treats padding just as a sound one does; it computes another function, lawfully. It takes an
#   oracle to tell.
#
# </details>

# %% [markdown]
# **4. Scores are masked by `scores + (1 - mask) * least`, where `least` is a half-precision tensor made from $-10^9$. What
# becomes of a word that is *not* masked?**
#
# - **A** Its score stays: zero times anything is zero.
# - **B** Its score becomes NaN.
# - **C** Its score becomes −65,504.
# - **D** PyTorch raises an error, for the number does not fit.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Zero times infinity is not zero, in floating point: it is NaN. And $-10^9$ *is* $-\infty$ in half precision.
# - **B ✓** $0 \cdot (-\infty)$ is NaN, and the whole row of the softmax with it.
# - **C ✗** That is the least number of half precision. An overflow does not stop there; it goes on to $-\infty$.
# - **D ✗** Floating point numbers overflow silently.
#
# </details>

# %% [markdown]
# **5. Corpus BLEU: the translations have 50 words, the references 100, and all four precisions are 1. What is the
# score?**
#
# - **A** 100
# - **B** 50.0
# - **C** 36.8
# - **D** 13.5
#
# <details><summary>Answer</summary>
#
# - **A ✗** So says the geometric mean of the precisions, to which half of the text is nothing. That is what the brevity
#   penalty is for.
# - **B ✗** The penalty is not the share of the length.
# - **C ✓** $\exp(1 - 100/50) = \exp(-1)$, times 100.
# - **D ✗** That is $\exp(-2)$: the 1 in front was forgotten.
#
# </details>

# %% [markdown]
# **6. A language model has the mask of exhibit 9 (one diagonal off) and 2 layers; lines have 8 places. At how many of the 8
# places is it asked an honest question?**
#
# - **A** 0
# - **B** 1
# - **C** 2, one for each layer
# - **D** 8, since training has to pay for what it reads
#
# <details><summary>Answer</summary>
#
# - **A ✗** At the last place the word to be predicted is not among those that are read. Nothing leaks from nowhere.
# - **B ✓** The last, however many layers there are: at every other place, one layer suffices to see the next word.
# - **C ✗** The second layer sees two places ahead, where one is enough. It makes no further place honest.
# - **D ✗** Nothing makes it pay. Copying is the easiest thing to learn.
#
# </details>

# %% [markdown]
# **7. For a bidirectional layer somebody takes `states[:, -1]` of sentences that have no padding at all. What is in it?**
#
# - **A** Both directions, each after all words.
# - **B** The forward direction after all words, the backward one after one word.
# - **C** The forward direction only; the backward half is zeros.
# - **D** The backward direction after all words, the forward one after one.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That would be the last states of each direction, and they stand at opposite ends.
# - **B ✓** The backward direction *begins* at the last word. Its state there has read that word and nothing else.
# - **C ✗** It has taken one step, and a state after one step is not zero.
# - **D ✗** So it is at `states[:, 0]`.
#
# </details>

# %% [markdown]
# **8. You have mended a bug in a model that was trained with it, and its accuracy falls. What does that show?**
#
# - **A** That the mend is wrong.
# - **B** That the bug was a useful regulariser.
# - **C** That the test set was padded in another way than the training set.
# - **D** That the old weights were fitted to the bug.
#
# <details><summary>Answer</summary>
#
# - **A ✗** A check says whether the mend is right. The accuracy of weights that were trained for something else does not.
# - **B ✗** To claim that, train both from the start, several seeds each, and compare.
# - **C ✗** It may be, but the accuracy would fall without any padding as well.
# - **D ✓** Training made the best of the wrong function. Train again, or keep the bug and say so.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** The paper on word2vec drops a word whose share of the text is $f$ with
# > probability $1 - \sqrt{\tau/f}$. A student printed these probabilities and found [negative
# > ones](https://github.com/udacity/deep-learning-v2-pytorch/issues/123). For which words? Does
# > `random() > p_drop`, which keeps a word, go wrong with them? Name a use of the formula that does.
# >
# > *Hint: where is $\tau/f$ above 1? How often is a random number from 0 to 1 larger than a negative one?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# $1 - \sqrt{\tau/f} < 0$ exactly if $f < \tau$: for rare words, which are to be kept always. A random number from 0 to
# 1 is always larger than a negative one, so the comparison keeps them, as it should. Whoever takes the numbers for
# probabilities goes wrong: their sum over the text is not the expected number of dropped words, because every rare word
# takes something away from it.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
share = torch.tensor([0.90, 0.09, 0.01])  # of three words
drop = 1 - (0.05 / share).sqrt()
print("drop:", *(f"{p:.2f}" for p in drop))
naive, clamped = (100 * (share * p).sum() for p in (drop, drop.clamp(min=0)))
print(f"dropped of 100 words: {naive:.1f} by the sum, {clamped:.1f} in truth")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** Stack $K$ layers with the mask of exhibit 9. How far ahead does the last
# > state at place $t$ see? At which places is the language model then asked an honest question?
# >
# > *Hint: what a layer sees one place ahead has itself looked one place ahead.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# $K$ places: each layer adds one. But the word to be predicted stands one place ahead, so one layer is enough to see
# it; only the last place is honest, however deep the model. The code changes the word at each place in turn, and notes
# which changes reach the first state.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
for depth in (1, 2, 3):
    torch.manual_seed(0)
    reader = Reader(layers=depth, allow=shown.wrong)
    ids, lengths = torch.arange(1, 8)[None], torch.tensor([7])
    before = reader.states(ids, lengths)[0, 0]
    heard = []
    for place in range(7):
        changed = ids.clone()
        changed[0, place] = 50
        if not torch.equal(reader.states(changed, lengths)[0, 0], before):
            heard.append(place)
    print(f"layers {depth}: the state at place 0 hears places {heard}")

# %% [markdown]
# > **Exercise 3 (code, medium, 20 minutes).** Older PyTorch wanted packed sentences sorted by length. One sorted with
# > `x[order]`, and had to put the results back with `y[order.argsort()]`. It is easy to write `y[order]`.
# > For which orders does that work all the same? Count them for 2, 3 and 4 sentences of different lengths.
# > What follows for a test of batches?
# >
# > *Hint: twice the same swap does nothing. Go through all permutations.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# It works for the orders that are their own inverse, and these leave no trace of the bug. All orders of two sentences
# are of that kind. So a test needs three sentences at least, whose lengths go round in a circle when they are sorted,
# such as 2, 1, 3.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
from itertools import permutations

for n in (2, 3, 4):
    orders = [torch.tensor(order) for order in permutations(range(n))]
    lucky = sum(torch.equal(order, order.argsort()) for order in orders)
    print(f"{n} sentences: {lucky} of {len(orders)} orders are their own inverse")
order = torch.tensor([2, 1, 3]).argsort(descending=True)
print("back in place:", torch.arange(3)[order][order].tolist())

# %% [markdown]
# > **Exercise 4 (code, hard, 30 minutes).** Exhibit 15 needed an oracle. Find a law that catches it: what does each
# > *number* of a sentence's vector owe to each word? Write the check, and try it on both versions.
# >
# > *Hint: change one word at a time, and look for numbers that stay exactly the same.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# In a vector made of two last states, each number hears every word. With the backward state from the wrong end, half of
# the numbers stay as they are when any word but the last is changed. It is not a law for every encoder: a convolution
# over three words, say, breaks it rightly. Laws are promises, and one has to know which were made.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
def every_number_hears_every_word(version, seed=0):
    torch.manual_seed(seed)
    encoder = Encoder(WORDS, DIM, DIM, num_layers=1, bidirectional=True)
    ids, lengths = torch.arange(1, 6)[None], torch.tensor([5])
    before = version(encoder, ids, lengths)
    for place in range(5):
        changed = ids.clone()
        changed[0, place] = 50
        if (version(encoder, changed, lengths) == before).any():
            return False
    return True


for kind in ("wrong", "mended"):
    version = getattr(museum["backwards from the end"], kind)
    heard = every_number_hears_every_word(version)
    print(f"{kind}: every number hears every word: {heard}")

# %% [markdown]
# > **Exercise 5 (open, medium, 40 minutes).** Does longer training make a bug cheaper or dearer? Train some of the wrong
# > encoders three times as long, and compare what happens at 64 places. What would you expect of
# > training with padding to 64 from the start, and is that a mend?
# >
# > *Hint: `exam(name, "which era?", seed=0, steps=300)`.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# In this run both bugs became cheaper, though no training asks for 64 places. The mask on the queries costs less than a
# tenth now, the last state that is padding still more. (One run each: a hint, no proof.) To train with 64 from the
# start would teach a wrong encoder those 64, and the first text of 65 words would find it out: a habit, not a mend.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
for name in ("mask on the queries", "last state is padding"):
    row, many = results["which era?", name], exam(name, "which era?", 0, steps=300)
    few = row["right"][0] - row["padded"][0]  # what 64 places cost, after 100 steps
    many = many[0] - many[1]
    print(f"{name:<22}cheaper after more training: {few > many}, ", end="")
    print(f"64 places still cost .1: {many > 0.1}")

# %% [markdown]
# ## You have
#
# - put nineteen wrong parts into sound machines, and seen all of them run without an error;
# - caught eleven by a law of `scratch.check`, on random weights, in moments;
# - caught the others by an oracle: PyTorch, gensim, sacreBLEU, autograd, or two predictors whose loss is
#   known;
# - compared ten encoders on two tasks: the one that needs no order gave away none of eight bugs, the one that needs
#   it unmasked the missing positions, showed a cost of three others, and rewarded one; padding changed answers on both;
# - built a language model with nearly all words right, and found the one place where it is worse than
#   an honest one.
#
# ## Further reading
#
# - A. Karpathy, [A recipe for training neural networks](https://karpathy.github.io/2019/04/25/recipe/),
#   2019: that they fail silently, and how to go about it.
# - S. Segura, G. Fraser, A. B. Sanchez and A. Ruiz-Cortés, [A survey on metamorphic
#   testing](https://doi.org/10.1109/TSE.2016.2532875), 2016: checking by laws where no right answer is
#   known.
# - M. Post, [A call for clarity in reporting BLEU scores](https://aclanthology.org/W18-6319/), 2018: what
#   else two BLEU scores may differ in.
# - The museum's [second wing](../uses/wrong-in-use.ipynb), for what goes wrong once an encoder is put to use.
