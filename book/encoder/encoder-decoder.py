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
# # Encoder and decoder: reading first, then writing
#
# An interpreter who works *consecutively* sits next to the speaker, listens, and takes notes. Only when the
# speaker pauses does she begin to talk. She needs the pause. *The cat sat on the mat* is in Chinese
# 猫坐在垫子上: both *the* are gone, and *on* has become two words, 在 before the mat and 上 behind it. In French
# it is *le chat était assis sur le tapis*: seven words for six. No rule turns the first word into the first,
# the second into the second. What she speaks from are her notes.
#
# Part 1 ended with a vector for each word that knew that word and its place, and nothing else. Part 2 turns
# them into notes on the whole sentence. **Why encode at all?** Could one not write without reading first, or
# with poorer notes?
#
# **You will**
#
# - follow *the cat sat on the mat* through an encoder and a decoder, with every shape;
# - train with the teacher's words and write with the model's own, and tell the two apart;
# - write down what an encoder promises, and catch four that break the promise;
# - compute how well numbers in words can be written in digits from no notes, from a bag of words, and from
#   a reading in order, and hold four models against these ceilings;
# - find out by experiment who sees whom in BERT, GPT-2, LLaMA, BART and T5, and build the layer of a
#   Transformer's decoder, equal to PyTorch's.
#
# **You need** the ids, vectors and padding of Part 1, and the softmax and the cross-entropy of the chapter
# on word2vec. The chapter runs in about 20 seconds on one processor core.

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
# ## One text, given another
#
# We are given a *source* $w = w_1, \dots, w_T$ and want a *target* $y = y_1, \dots, y_U$, whose last token
# $y_U$ is the end mark `<eos>`. The lengths $T$ and $U$ differ, and $U$ is not known beforehand. What we want
# to learn is $p(y \mid w)$, the probability of each target for this source. There are infinitely many
# targets, but the chain rule of probability makes of the one big guess many small ones, each among the $V$
# tokens of a vocabulary:
#
# $$
# p(y \mid w) = \prod_{u=1}^{U} p(y_u \mid y_{1:u-1}, w) ,
# $$ (eq-ed-chain)
#
# where $y_{1:u-1}$ is short for $y_1, \dots, y_{u-1}$. This is no assumption; it holds for any probabilities.
# It is a [language model](../input-layer/contextual.ipynb) as in Part 1, with one difference: every guess also
# knows the source.
#
# Two jobs show in it. The source is all there from the start, and can be read as a whole. The target is written
# token by token, each guess looking back at what has been written. So take two networks. An *encoder* (编码器) reads
# the source and leaves notes; a *decoder* (解码器) writes the target from the notes. Small networks of this kind
# learnt toy translations in 1997 {cite:p}`forcada1997recursive`. Kalchbrenner and Blunsom
# {cite:p}`kalchbrenner2013recurrent`, Cho and colleagues {cite:p}`cho2014learning`, who gave the pair its name,
# *encoder–decoder* (编码器-解码器), and Sutskever and colleagues {cite:p}`sutskever2014sequence` brought them to real
# translation.
#
# ## The journey of a sentence
#
# As encoder we take the simplest thing that reads in order, a *recurrent network* (循环神经网络). It has a
# *hidden state* (隐状态), a list of $d_h$ numbers (`hidden` in the code). It takes the word vectors one by one,
# and each changes the state through a function $f$, the same at every step, with weights to learn. With
# $\mathbf{x}_t \in \mathbb{R}^d$ the embedding of $w_t$,
#
# $$
# \begin{aligned}
# \mathbf{h}_0 &= \mathbf{0}, \quad
# \mathbf{h}_t = f(\mathbf{h}_{t-1}, \mathbf{x}_t) \in \mathbb{R}^{d_h}, \\
# \mathbf{v} &= \mathbf{h}_T .
# \end{aligned}
# $$ (eq-ed-encoder)
#
# The *states* $\mathbf{h}_1, \dots, \mathbf{h}_T$ are notes taken after each word; the *vector* $\mathbf{v}$
# is what is left when the sentence is over.
#
# The decoder, as Sutskever and colleagues have it, is another such network, $g$, with weights of its own, that
# starts where the encoder ended. It, too, takes in one vector at each step: the embedding of the token that it
# wrote last. At the first step it has written nothing, and is given the start mark `<bos>` instead. What it
# takes in at step $u$ is called $\mathbf{x}'_u \in \mathbb{R}^d$, with a prime, since it belongs to the target. The
# states are
#
# $$
# \mathbf{s}_0 = \mathbf{v}, \quad
# \mathbf{s}_u = g(\mathbf{s}_{u-1}, \mathbf{x}'_u) \in \mathbb{R}^{d_h} .
# $$ (eq-ed-states)
#
# From a state a guess has to be made, a probability for each of $V$ tokens. A linear layer gives each token a
# score, the softmax makes probabilities of the scores:
#
# $$
# \mathbf{p}_u = \mathrm{softmax}(W_o\,\mathbf{s}_u + \mathbf{b}) \in \mathbb{R}^V ,
# $$ (eq-ed-decoder)
#
# with $W_o \in \mathbb{R}^{V \times d_h}$ and $\mathbf{b} \in \mathbb{R}^V$ to learn. Entry $y_u$ of
# $\mathbf{p}_u$ is the factor $p(y_u \mid y_{1:u-1}, w)$ of equation {eq}`eq-ed-chain`.

# %%
import matplotlib.pyplot as plt
import torch

from scratch.text import Vocabulary, tokenize

plt.style.use("scratch.book")
torch.set_default_dtype(torch.float64)
source = tokenize("The cat sat on the mat")
target = "le chat était assis sur le tapis <eos>".split()
english, french = Vocabulary.from_tokens(source), Vocabulary.from_tokens(target)
ids = torch.tensor([english.encode(source)])  # (batch, T)
written = torch.tensor([french.encode(["<bos>", *target])])  # (batch, U + 1)
print("source:", *ids[0].tolist(), tuple(ids.shape), "V =", len(english))
print("target:", *written[0].tolist(), tuple(written.shape), "V =", len(french))

# %% mystnb={"image": {"alt": "Two rows of boxes. In the lower row six boxes f, joined by arrows from left to right, each fed from below by a word of the cat sat on the mat, end in a vector v. From there one line leads around to the first of eight boxes g in the upper row, each fed from below by the start mark or a French word. Through a box W o each points to the next French word, the last to the end mark."}, "figure": {"caption": "Below, the encoder reads; above, the decoder writes. All that it knows of the source has gone through $\\mathbf{v}$. (The softmax behind $W_o$ is left out.)", "name": "fig-ed-journey"}}
from scratch import diagrams

diagrams.encoder_decoder()

# %% [markdown]
# What stands inside $f$ is told in [](rnn.ipynb) and [](lstm-gru.ipynb). Today a *GRU* (门控循环单元) will do,
# proposed together with the encoder–decoder. We take its cell, which is one $f$, as given,
# and write the loop ourselves. Below it stands the [input layer](../input-layer/the-input-layer.ipynb)
# of Part 1, without places, since who reads in order needs none. Then the helper `GRU` and PyTorch's get the
# cell's weights, and must agree with the loop.

# %%
from torch import nn

from scratch.input_layer import InputLayer
from scratch.recurrent import GRU, GRUCell

torch.manual_seed(0)
d, hidden = 16, 32
inputs = InputLayer(len(english), d, max_length=20, position="none")
cell = GRUCell(d, hidden)

x = inputs(ids)  # (batch, T, d)
h, states = torch.zeros(1, hidden), []  # (batch, hidden)
for t in range(x.shape[1]):
    h = cell(x[:, t], h)  # (batch, hidden)
    states.append(h)
H, v = torch.stack(states, 1), h  # (batch, T, hidden), (batch, hidden)

# %%
reader, library = GRU(d, hidden), nn.GRU(d, hidden, batch_first=True)
weights = {f"{k}_l0": value for k, value in cell.state_dict().items()}
same = True
for network in (reader, library):
    network.load_state_dict(weights)
    output, last = network(x)  # (batch, T, hidden), (layers = 1, batch, hidden)
    same = same and torch.allclose(output, H) and torch.allclose(last[0], v)
print("the helper's GRU and PyTorch's agree with the loop:", same)

# %% [markdown]
# The decoder is a second GRU. It is given the start mark and the first $U - 1$ tokens of the target, and asked
# for the $U$ tokens of the target, all places at once.

# %%
from scratch.table import Table

torch.manual_seed(1)
french_table, decoder = nn.Embedding(len(french), d), GRU(d, hidden)
out = nn.Linear(hidden, len(french))  # W_o and b

given, wanted = written[:, :-1], written[:, 1:]  # (batch, U) each, one place apart
S, _ = decoder(french_table(given), state=v[None])  # (batch, U, hidden)
log_p = out(S).log_softmax(-1)  # (batch, U, V)
guesses = log_p.gather(2, wanted.unsqueeze(2)).squeeze(2)  # (batch, U) ln p(y_u | …)
print(f"ln p(target | source) = {guesses.sum():.1f}", end=", ")
print(f"and 8 ln(1/10) = {8 * torch.tensor(0.1).log():.1f}")
steps = {"ids": ids, "input layer": x, "states": H, "vector": v, "given": given}
steps |= {"decoder's states": S, "ln p of all": log_p, "of those wanted": guesses}
rows = [(what, str(tuple(tensor.shape))) for what, tensor in steps.items()]
Table(rows, {"what": "", "shape": ""})

# %% [markdown]
# Eight guesses among ten tokens, by a network that has learnt nothing. Between six states below and eight above
# stands a vector whose size depends on neither length. And all of it is one computation: the gradient of a guess
# goes through $\mathbf{v}$ to the encoder, which so learns what to note, though nobody tells it. The decoder does
# not ask where $\mathbf{v}$ comes from. Any network that makes $d_h$ numbers can take the encoder's place, one that
# looks at pictures, too.
#
# ## The teacher's words and one's own
#
# To train, we make the logarithm of equation {eq}`eq-ed-chain` large for real pairs, that is, make
#
# $$
# L = -\sum_{u=1}^{U} \ln p(y_u \mid y_{1:u-1}, w)
# $$ (eq-ed-loss)
#
# small, the cross-entropy summed over a target. The decoder is *given* $y_{1:u-1}$, the true beginning,
# whatever it would have written itself. This is called *teacher forcing* (教师强制)
# {cite:p}`williams1989learning`, and it is what lets us compute all places in one go. In use there is no
# teacher: the decoder starts with `<bos>`, and each token it chooses is what it is given next. To choose the
# most probable one each time is *greedy decoding* (贪心解码). It need not find the most probable target: a first
# token of probability 0.6 may lead to two targets of 0.3 each, and one of 0.4 to a single target. *Beam search*
# (束搜索) goes on from the best few beginnings; two would do here.
#
# > **Pitfall.** The tokens given and the tokens wanted are one list, *one place apart*. Forget the shift, and
# > the decoder is given the very token that it shall guess. Its loss falls beautifully, and it has learnt to
# > copy (exercise 3).
#
# > **Pitfall.** Accuracy under teacher forcing flatters: after a wrong token the model is put back
# > on the right way. What counts is what it writes alone. In training it never sees its own errors, a
# > mismatch known as *exposure bias* (曝光偏差) {cite:p}`ranzato2016sequence`. It ends when it writes `<eos>`, to
# > which nothing forces it: stop after a largest number of tokens.
#
# ## What an encoder promises
#
# A decoder is only one of those who may want the notes. A search engine compares vectors, a tagger labels each
# state. All of them rely on a contract, to which [](lstm-encoder.ipynb) and [](transformer-encoder.ipynb) will be
# held. An encoder gives a *state* for each token and a *vector* for the text, and promises:
#
# 1. **width**: the vector has the same size for a text of any length;
# 2. **padding**: `<pad>` behind a text changes nothing;
# 3. **batch**: a text among others gets what it gets alone;
# 4. **order**: the same words in another order get another vector.
#
# The first three can be demanded of any encoder. The fourth is a matter of choice: a bag of words breaks it,
# and is useful all the same. Six candidates, and a test by hand:


# %%
def flat(ids, lengths):
    return inputs(ids).flatten(1)  # (batch, T · d)


def mean_of_all(ids, lengths):
    return inputs(ids).mean(1)  # (batch, d)


def mean_of_words(ids, lengths):
    return inputs(ids).sum(1) / lengths.unsqueeze(1)  # the row of <pad> is zero


def last_place(ids, lengths):
    return reader(inputs(ids))[0][:, -1]  # (batch, hidden)


def wrong_softmax(ids, lengths):
    states, _ = reader(inputs(ids), lengths)  # (batch, T, hidden), zeros at padding
    return (states.sum(2, keepdim=True).softmax(0) * states).sum(1)  # (batch, hidden)


def last_word(ids, lengths):
    return reader(inputs(ids), lengths)[1][0]  # (batch, hidden)


# %%
from scratch.text import pad

short, long = ids[0, 3:].tolist(), ids[0].tolist()  # "on the mat", the whole sentence


def close(a, b):
    return a.shape == b.shape and torch.allclose(a, b)


def promises(encode):
    a, b, turned = (encode(*pad([text])) for text in (short, long, long[::-1]))
    padded = encode(torch.tensor([[*short, 0, 0]]), torch.tensor([3]))
    together = encode(*pad([short, long]))  # (2, …)
    batch = close(together[:1], a) and close(together[1:], b)
    return a.shape == b.shape, close(padded, a), batch, not close(turned, b)


encoders = flat, mean_of_all, mean_of_words, last_place, wrong_softmax, last_word
kept = {encode: promises(encode) for encode in encoders}
marks = {True: "yes", False: None}
rows = [(e.__name__, *map(marks.get, answers)) for e, answers in kept.items()]
Table(rows, dict.fromkeys(("encoder", "width", "padding", "batch", "order"), ""))

# %% [markdown]
# Four of the six break at least one of the first three promises, and none raises an error on the way. `flat` grows
# with the text, `mean_of_all` counts the padding as words, `last_place` reads on into it, and `wrong_softmax`
# weighs a text's states against those of the *other* texts, a slip of one axis. The mean of the words keeps
# these three, and is blind to order. Only the last keeps all four: the state after a text's own last word,
# which `GRU` finds if it is told the lengths. `scratch.check` asks the same of any encoder that keeps its width,
# and says where to look. (`permutation_equivariance` is its word for blind to order.)

# %%
from scratch import check

agree = True
for encode, answers in kept.items():
    if encode is not flat:
        padding = check.padding_invariance(encode, len(english)).holds
        batch = check.batch_consistency(encode, len(english)).holds
        blind = check.permutation_equivariance(encode, len(english)).holds
        agree = agree and answers[1:] == (padding, batch, not blind)
print("the checkers agree with us:", agree)
print(check.padding_invariance(last_place, len(english)))

# %% [markdown]
# The message tells the worst case: how far a text has moved, the norm of the difference over that of its vector. A text
# of no words at all has nothing to be encoded. The helper `GRU` refuses it; others give zeros, or NaN. The checker's
# `empty_rows` says which.
#
# ## How good can notes be?
#
# Now the experiment. A source is the name of a number from 1 to 9,999, a target its digits: *three hundred
# and two* becomes `3 0 2 <eos>`. This is a small translation. The lengths differ, zeros are written for which no
# word stands, and how many of them follow the 2 of *two* depends on words that come later.

# %%
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen "
ONES += "fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def name(n):
    if n < 20:
        return ONES.split()[n]
    if n < 100:
        ten = TENS.split()[n // 10 - 2]
        return f"{ten} {name(n % 10)}" if n % 10 else ten
    unit, word = (1000, "thousand") if n >= 1000 else (100, "hundred")
    head, rest = f"{name(n // unit)} {word}", n % unit
    if not rest:
        return head
    return f"{head} {'and ' if rest < 100 else ''}{name(rest)}"


for n in (7, 302, 2047):
    print(n, "=", name(n))

# %% [markdown]
# Let a number be drawn from all $N = 9{,}999$, each as likely as the others, and let the encoder give equal
# notes to some of them: notes of kind $k$, out of $K$ kinds, to $m_k$ numbers. A decoder that sees the notes
# alone answers all $m_k$ alike, and is right for one of them at most. And if it gives them the probabilities
# $q_1, \dots, q_{m_k}$, with a sum of at most 1, their mean loss is
#
# $$
# \begin{aligned}
# \frac{1}{m_k} \sum_j -\ln q_j
# &\ge -\ln \Bigl( \frac{1}{m_k} \sum_j q_j \Bigr) \\
# &\ge -\ln \frac{1}{m_k} = \ln m_k ,
# \end{aligned}
# $$ (eq-ed-jensen)
#
# since $-\ln$ is convex, so that the mean of its values is at least its value at the mean (*Jensen's inequality*).
# Averaged over all numbers, this gives
#
# $$
# \begin{aligned}
# \text{exactly right} &\le \frac{K}{N}, \\
# L &\ge \frac{1}{N} \sum_{k=1}^{K} m_k \ln m_k .
# \end{aligned}
# $$ (eq-ed-ceiling)
#
# The second bound is what information theory calls the conditional entropy of the number, given the notes
# {cite:p}`shannon1948mathematical`. Three kinds of notes: none at all; the bag of words, for which *three
# hundred and two* and *two hundred and three* are the same; and the words in their order.

# %%
import math
from collections import Counter

N = 9_999
takes = {
    "nothing": lambda n: None,
    "a bag of words": lambda n: tuple(sorted(name(n).split())),
    "words in order": name,
}
bounds = {}
for kind, take in takes.items():
    kinds = Counter(take(n) for n in range(1, N + 1))
    floor = sum(m_k * math.log(m_k) for m_k in kinds.values()) / N
    bounds[kind] = len(kinds) / N, floor
rows = [(kind, round(N * most), most, floor) for kind, (most, floor) in bounds.items()]
columns = {"notes": "", "kinds": ",", "right, at most": ".4f", "loss, at least": ".2f"}
Table(rows, columns)

# %% [markdown]
# Most numbers share their bag with others. In order, no two names are alike, and perfection is possible.
#
# ## Four models
#
# Four models that differ in one place, the notes:
#
# - **no encoder**: the decoder starts from zeros, whatever the source;
# - **bag**: the sum of the word vectors, which is the [bag of words](../input-layer/one-hot.ipynb) times the
#   table, through a linear layer and a tanh;
# - **encoder–decoder**: the last state of an encoder of its own, as above;
# - **decoder-only**: no second network. The *decoder* reads the source, as a *prefix* (前缀), and goes on to write.
#   To give it about as many parameters as the encoder–decoder, it is made wider.
#
# All share one vocabulary of number words and digits, and train on the same 3,000 numbers (`seen`, drawn below). A
# GRU has two gates and a proposal, each with a matrix for the word, one for the state, and two biases, $3\,d_h (d + d_h + 2)$
# numbers in all; the encoder–decoder has two GRUs, a table of $V d$ and an output layer of $V d_h + V$.

# %%
vocabulary = Vocabulary.from_tokens(" ".join(map(name, range(1, N + 1))).split())
vocabulary = Vocabulary({**vocabulary.counts, **dict.fromkeys("0123456789", 1)})
KINDS = {"no encoder": 64, "bag": 64, "encoder–decoder": 64, "decoder-only": 94}  # d_h
print(len(vocabulary), "tokens:", *vocabulary.tokens[2:8], "…")
total = 2 * 3 * 64 * (32 + 64 + 2) + 44 * 32 + 44 * 64 + 44
print(f"two GRUs, table, output: {total:,}")


# %%
class Model(nn.Module):
    def __init__(self, notes, hidden=64, d=32):
        super().__init__()
        self.notes, self.hidden = notes, hidden
        self.table = nn.Embedding(len(vocabulary), d, padding_idx=0)
        self.widen = nn.Linear(d, hidden) if notes == "bag" else None
        self.encoder = GRU(d, hidden) if notes == "encoder–decoder" else None
        self.decoder, self.out = GRU(d, hidden), nn.Linear(hidden, len(vocabulary))

    def encode(self, ids, lengths):  # (batch, T), (batch,) -> v (batch, hidden)
        x = self.table(ids)  # (batch, T, d)
        if self.notes == "no encoder":
            return x.new_zeros(len(ids), self.hidden)
        if self.notes == "bag":
            return self.widen(x.sum(1)).tanh()
        reader = self.encoder or self.decoder
        return reader(x, lengths)[1][0]

    def forward(self, given, v):  # (batch, U), (batch, hidden) -> (batch, U, V), v
        states, last = self.decoder(self.table(given), state=v[None])
        return self.out(states), last[0]


# %%
def batch(numbers):
    source = [vocabulary.encode(name(n).split()) for n in numbers]
    digits = [vocabulary.encode(["<bos>", *str(n), "<eos>"]) for n in numbers]
    return *pad(source), pad(digits)[0]  # (batch, T), (batch,), (batch, U + 1)


def loss(model, source, lengths, target):
    scores, _ = model(target[:, :-1], model.encode(source, lengths))  # teacher forcing
    scores, wanted = scores.transpose(1, 2), target[:, 1:]  # (batch, V, U), (batch, U)
    total = nn.functional.cross_entropy(scores, wanted, ignore_index=0, reduction="sum")
    return total / len(source)  # a target's loss, averaged over the batch


# %%
from scratch.training import fit, random_rows


def train(model, seed, rate, steps=250, batches=None):
    def value(rows):
        return loss(model, *(part[rows] for part in seen))

    batches = batches or random_rows(len(seen[0]), 128, steps, seed)
    fit(model.parameters(), value, batches, rate, warmup=50)
    return model


# %% [markdown]
# The loop is `scratch.training.fit`, whose step size rises and falls again. Writing is greedy:


# %%
@torch.no_grad()
def write(model, source, lengths, length):
    v = model.encode(source, lengths)  # (batch, hidden)
    token, written = torch.full((len(source), 1), vocabulary.bos_id), []
    for _ in range(length):
        scores, v = model(token, v)  # (batch, 1, V)
        token = scores.argmax(2)  # (batch, 1)
        written.append(token)
    return torch.cat(written, 1)  # (batch, length)


def exact(model, source, lengths, target):
    wanted = target[:, 1:]  # (batch, U)
    same = write(model, source, lengths, wanted.shape[1]) == wanted
    return (same | (wanted == 0)).all(1)  # (batch,) what follows <eos> does not count


# %%
@torch.no_grad()
def examine(model, part):
    """The mean loss, and the share that is exactly right."""
    right = exact(model, *part)  # (batch,)
    return loss(model, *part).item(), right.double().mean().item()


order = (torch.randperm(N, generator=torch.Generator().manual_seed(0)) + 1).tolist()
seen, unseen = batch(order[:3000]), batch(order[3000:5000])

# %% [markdown]
# Each model takes steps of its own best size: of five sizes, the one with the least loss on 2,000 *validation*
# numbers, which are neither trained on nor tested (`benchmarks/writing.py`; two runs of each size). One run is made
# here of two of them; the benchmark has made five of all four, on the same batches.

# %%
from scratch.corpora import load_results

writing = {row["notes"]: row for row in load_results("writing")["rows"]}
models, begun = {}, {}
for notes, hidden in KINDS.items():
    torch.manual_seed(0)
    models[notes] = Model(notes, hidden)
    begun[notes] = examine(models[notes], unseen)[0]  # before training
live = "bag", "encoder–decoder"
for notes in live:
    train(models[notes], 0, writing[notes]["rate"])
sizes = (f"{notes} {row['rate']}" for notes, row in writing.items())
print("step sizes:", ", ".join(sizes))

# %% tags=["atol=0.05"]
limits = dict(zip(KINDS, [*bounds.values(), bounds["words in order"]], strict=True))
rows = []
for notes, row in writing.items():
    (most, floor), right, losses = limits[notes], row["right"], row["loss"]
    means = sum(losses) / 5, floor, sum(right) / 5, most
    here = examine(models[notes], unseen)[1] if notes in live else None
    spread = f"{min(right):.2f} to {max(right):.2f}"
    rows.append((notes, row["parameters"], begun[notes], *means, spread, here))
columns = {"model": "", "weights": ",", "start": ".1f"}
columns |= dict.fromkeys(("loss", "floor", "right", "at most"), ".2f")
Table(rows, columns | {"five runs": "", "here": ".2f"})

# %%
from scratch.metrics import t_interval


def ahead(one, two):
    low, high = t_interval([a - b for a, b in zip(one, two, strict=True)])
    print(f"encoder–decoder − decoder-only, 95% interval: {low:+.2f} to {high:+.2f}")


both = writing["encoder–decoder"], writing["decoder-only"]
ahead(*(row["right"] for row in both))

# %% [markdown]
# Loss and right are means of five runs, on 2,000 numbers that training has not seen; *here* is our run.
#
# At the *start* they guess among 44 tokens. *No encoder* has learnt all that there is to learn without notes: its loss
# lies just above the floor, $\ln 9{,}999$. But it writes the same number for every source, and so is right for one
# at most. *Bag* stays below its ceiling, as, over all numbers, any decoder must,
# however many parameters it has. The two that read in order are right nearly always. This is why one encodes,
# and why in order.
#
# The loss also measures the notes. Without them it is at least $\ln 9{,}999$, averaged over all numbers. Whatever
# it is less than that, the notes have brought: in order, nearly all.
#
# And *decoder-only*? Here the two cannot be told apart: the interval of their difference, run by run, contains 0.
# Between recurrent networks the difference is whether reader and writer share their weights. Decoder-only, too, reads
# to the end before it writes: it has an encoder, which is itself.
#
# ## What presidents say
#
# Now let the models read the numbers that presidents wrote out, in our spelling, in their State of the Union
# addresses.

# %%
from itertools import groupby

from scratch.corpora import load

number_of = {name(n): n for n in range(1, N + 1)}
number_words = {word for phrase in number_of for word in phrase.split()}
spoken = set()
for sentence in load("state-of-the-union"):
    for is_number, run in groupby(sentence, number_words.__contains__):
        phrase = " ".join(run).removeprefix("and ").removesuffix(" and")
        if is_number and phrase in number_of:
            spoken.add(number_of[phrase])
trained = set(order[:3000])
new = sorted(spoken - trained)
print(f"{len(spoken)} numbers, {len(new)} of them new to the model, such as")
print(*(name(n) for n in new[59::10]), sep="\n")

# %%
ranges = {"below 100": range(1, 100), "100 to 999": range(100, 1000)}
ranges |= {"whole thousands": range(1000, N, 1000)}
ranges |= {"other thousands": [n for n in range(1000, N) if n % 1000]}
ranges["all"] = range(1, N + 1)
asked = {text: [n for n in new if n in some] for text, some in ranges.items()}

# %% [markdown]
# The bag has another ceiling for these: as many can be right as there are different
# bags among them. A decoder that knows no better than to guess *evenly*, among all numbers up to 9,999 with this
# bag, is right for one in $m_k$.

# %%
bags = {n: takes["a bag of words"](n) for n in range(1, N + 1)}
sharing = Counter(bags.values())
rows = []
for text, chosen in asked.items():
    spoken_right = [sum(writing[kind]["spoken"][text]) / 5 for kind in list(KINDS)[1:]]
    most = len({bags[n] for n in chosen}) / len(chosen)
    even = sum(1 / sharing[bags[n]] for n in chosen) / len(chosen)
    count = sum(n in trained for n in ranges[text])
    rows.append((text, count, len(chosen), most, even, *spoken_right))
columns = {"numbers": "", "seen": ",", "new": ","}
ahead(*(row["spoken"]["all"] for row in both))
names = ("at most", "evenly", "bag", "encoder–decoder", "decoder-only")
Table(rows, columns | dict.fromkeys(names, ".2f"))

# %% [markdown]
# *Seen* counts the numbers of that kind in training, *new* those asked. The others are shares of the new ones: the
# bag's two ceilings, then means of five runs. The two that read in order have far fewer right than before. Of the
# numbers from 1 to 9,999 nine in ten have four digits; presidents prefer small ones, and round ones. *Seen* shows
# how few of those the models have met, and showing them more often mends a part (exercise 5). Nor is it the notes
# that hold the bag back: below a hundred no two numbers share one, and it is far from what its notes would allow.
# With whole thousands, six of them, it is even ahead. A ceiling says what notes permit, and not what training makes
# of them. And here, with this training set, the encoder–decoder is ahead of the decoder-only.

# %% mystnb={"image": {"alt": "A dot plot with four rows and the share of numbers written exactly right from 0 to 1. Without an encoder all marks lie at 0. With a bag the dots lie near 0.3, left of a tick at 0.36, and the squares around 0.4, far left of a tick near 1. Encoder–decoder and decoder-only have their dots between 0.95 and 1, near ticks at 1, and their squares far to the left, between 0.55 and 0.7."}, "figure": {"caption": "Exactly right, five runs each: dots, unseen numbers drawn like those of training; squares, the presidents'; ticks, the ceiling of each.", "name": "fig-ed-right"}}
figure, axes = plt.subplots(figsize=(5, 2.6))
ends = {"no encoder": 1 / len(new), "bag": len({bags[n] for n in new}) / len(new)}
for place, (kind, row) in enumerate(writing.items()):
    dots, told, places = row["right"], row["spoken"]["all"], [place, place + 0.3]
    axes.plot(dots, places[:1] * 5, "o", color="C0", alpha=0.6, label="unseen")
    axes.plot(told, places[1:] * 5, "s", color="C1", alpha=0.6, label="presidents'")
    most = [limits[kind][0], ends.get(kind, 1)]
    axes.plot(most, places, "|", color="black", ms=12, mew=2, label="ceiling")
axes.set_yticks(range(4), KINDS)
axes.set(xlabel="exactly right", xlim=(-0.03, 1.03), ylim=(3.6, -0.5))
handles, labels = axes.get_legend_handles_labels()
figure.legend(handles[:3], labels[:3], loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# ## Three families
#
# Most large language models are not recurrent but made of [attention](../input-layer/positional-encoding.ipynb), in
# which a state is made from a weighted mean of all states, its own among them. What tells encoders from decoders
# there is a *mask* (掩码), a table that says which places each place may look at. A decoder that writes from left to
# right must not look ahead: its mask is *causal* (因果), each place sees itself and what stands before it. An encoder
# needs no such modesty.
#
# That can be tested from outside, on any model: *change one token, and see which states move*. For the sentence
# and its translation, $6 + 8$ tokens, this gives a table of $14 \times 14$. First for layers of our own, without
# weights, in which only the mask matters.


# %%
def sees(encode, ids):
    """Which states move with which tokens: (states, tokens)."""
    before, columns = encode(ids), []  # (1, length, dim)
    for j in range(ids.shape[1]):
        changed = ids.clone()
        changed[0, j] = 19  # a token that does not occur
        moved = (encode(changed) - before)[0].abs().amax(1) > 1e-9  # (length,)
        columns.append(moved)
    return torch.stack(columns, 1)


# %%
from scratch.attention import scaled_dot_product_attention as attention

T, U = len(source), len(target)
tokens = torch.arange(T + U).unsqueeze(0)  # (1, T + U) source, then <bos> and target
vectors = torch.randn(20, d)
everything = torch.ones(T + U, T + U, dtype=torch.bool)
causal = everything.tril()  # True where the token is not later than the state


def one_stack(ids, mask):
    x = vectors[ids]  # (1, T + U, d)
    for _ in range(2):
        x = x + attention(x, x, x, mask)[0]
    return x


def two_stacks(ids):
    h, s = vectors[ids].split([T, U], dim=1)  # (1, T, d), (1, U, d)
    for _ in range(2):
        h = h + attention(h, h, h)[0]  # the encoder, unmasked
    for _ in range(2):
        s = s + attention(s, s, s, causal[:U, :U])[0]
        s = s + attention(s, h, h)[0]  # the decoder looks at the encoder's states
    return torch.cat([h, s], 1)


# %% mystnb={"image": {"alt": "Three square grids of fourteen states by fourteen tokens, with a line after the sixth. Encoder-only: all cells are dark. Decoder-only: the cells on and below the diagonal are dark. Encoder–decoder: the square of source states and source tokens is all dark; the source states see no target token; the target states see all of the source, and of the target what lies on and below the diagonal."}, "figure": {"caption": "Who sees whom, measured: a row is a state, a column a token, filled where the state moves when the token is changed. Lines part the sentence from its translation.", "name": "fig-ed-masks"}}
families = {
    "encoder-only": sees(lambda ids: one_stack(ids, everything), tokens),
    "encoder–decoder": sees(two_stacks, tokens),
    "decoder-only": sees(lambda ids: one_stack(ids, causal), tokens),
}
figure, panels = plt.subplots(1, 3, figsize=(5, 2.2), sharey=True)
for axes, (family, seen_by) in zip(panels, families.items(), strict=True):
    axes.pcolormesh(
        seen_by, cmap="Blues", edgecolors="#cccccc", lw=0.5, vmin=0, vmax=1.4
    )
    axes.axhline(T, color="C3", lw=1.5)
    axes.axvline(T, color="C3", lw=1.5)
    axes.invert_yaxis()
    axes.set(xticks=[], yticks=[], title=family, xlabel="token", aspect="equal")
    axes.title.set_fontsize(9.5)
    axes.grid(False)
    print(f"{family}, tokens seen:", *seen_by.sum(1).tolist())
panels[0].set_ylabel("state")
plt.show()

# %% [markdown]
# The lower half of `two_stacks` is the Transformer's decoder, bare. A layer of it asks twice. First it asks its own
# text, through the causal mask. Then, by *cross-attention* (交叉注意力), it asks the source: queries from the
# decoder's states, keys and values from the encoder's last ones, and no mask but that of the source's padding. So
# each token that is written can look at every note, and not only at $\mathbf{v}$. With projections, sums with what
# came in, norms and a feed-forward network, all told in [](transformer-encoder.ipynb), it is PyTorch's
# `nn.TransformerDecoderLayer`. Its masks say `True` where looking is *forbidden*:

# %%
from scratch.attention import MultiHeadAttention

layer = nn.TransformerDecoderLayer(d, 4, 32, dropout=0.0, batch_first=True)
own, across = MultiHeadAttention(d, 4), MultiHeadAttention(d, 4)
own.load_state_dict(layer.self_attn.state_dict())
across.load_state_dict(layer.multihead_attn.state_dict())


def decoder_layer(s, h, words):  # (1, U, d), (1, T, d), (1, T) True at words
    s = layer.norm1(s + own(s, s, s, causal[None, :U, :U])[0])
    s = layer.norm2(s + across(s, h, h, words.unsqueeze(1))[0])  # s asks h
    return layer.norm3(s + layer.linear2(layer.linear1(s).relu()))


s, h, words = torch.randn(1, U, d), torch.randn(1, T, d), torch.arange(T)[None] < T - 1
masks = {"tgt_mask": ~causal[:U, :U], "memory_key_padding_mask": ~words}
difference = (decoder_layer(s, h, words) - layer(s, h, **masks)).abs().max()
print("ours and PyTorch's differ by less than 1e-12:", bool(difference < 1e-12))
size = 8 * d**2 + 2 * d * 32 + 15 * d + 32  # two attentions, two matrices, three norms
print("parameters:", sum(p.numel() for p in layer.parameters()), "=", size)

# %% [markdown]
# Now the real thing. The library `transformers` builds the architectures, here tiny and
# with random weights, which is enough to see who *can* see whom.

# %%
import warnings

warnings.filterwarnings("ignore", "IProgress not found")  # we draw no progress bars
import transformers as hf

# %%
tiny = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 32}
tiny |= {"num_hidden_layers": 2, "num_attention_heads": 2}
bart = {"vocab_size": 20, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2}
bart |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
t5 = {"vocab_size": 20, "d_model": 16, "d_kv": 8, "num_layers": 2, "num_heads": 2}
gpt2 = {"vocab_size": 20, "n_embd": 16, "n_layer": 2, "n_head": 2}
gpt2 |= {"bos_token_id": 2, "eos_token_id": 3}
zoo = {
    "BERT": hf.BertModel(hf.BertConfig(**tiny)),
    "BART": hf.BartModel(hf.BartConfig(**bart)),
    "T5": hf.T5Model(hf.T5Config(**t5)),
    "GPT-2": hf.GPT2Model(hf.GPT2Config(**gpt2)),
    "LLaMA": hf.LlamaModel(hf.LlamaConfig(**tiny)),
}


# %%
@torch.no_grad()
def run(model, ids):
    if not model.config.is_encoder_decoder:
        return model(input_ids=ids).last_hidden_state  # (1, T + U, dim)
    parts = model(input_ids=ids[:, :T], decoder_input_ids=ids[:, T:])
    return torch.cat([parts.encoder_last_hidden_state, parts.last_hidden_state], 1)


rows = []
for title, model in zoo.items():
    model.eval().double()
    found = sees(lambda ids, model=model: run(model, ids), tokens + 4)
    family = (f for f, expected in families.items() if torch.equal(found, expected))
    rows.append((title, *family))
Table(rows, {"model": "", "sees as": ""})

# %% [markdown]
# > **Correction.** "Many successful LLMs use the encoder–decoder architecture", says the second of the two
# > articles behind this book. Some do: BART {cite:p}`lewis2020bart` and T5 {cite:p}`raffel2020exploring`, as did
# > the first Transformer, a translator {cite:p}`vaswani2017attention`. But the GPT models
# > {cite:p}`radford2019language,brown2020language` and LLaMA {cite:p}`touvron2023llama` are decoder-only, and
# > BERT {cite:p}`devlin2019bert` is encoder-only.
#
# | family | a state sees | made for | such as |
# |---|---|---|---|
# | encoder-only | the whole text | vectors and labels | BERT |
# | encoder–decoder | the source; of the target, what is written | a text from a text | 2017 Transformer, BART, T5 |
# | decoder-only | what stands before it | going on with a text | GPT, LLaMA |
#
# A decoder-only model leaves nearly half of the first square, source by source, empty: in the state of a source word
# there is nothing of the words that follow. The middle picture can also be had from *one* stack, by a mask that is
# causal except within the source, as T5's authors point out; they call this a *prefix* language model:

# %%
prefix = causal.clone()
prefix[:T, :T] = True
found = sees(lambda ids: one_stack(ids, prefix), tokens)
print("sees as encoder–decoder:", torch.equal(found, families["encoder–decoder"]))

# %% [markdown]
# And a decoder-only model is made of *encoder* layers, which look at one text only. A reader of
# one implementation [asked](https://github.com/ProjectD-AI/llama_inference/issues/14) why its LLaMA had an encoder
# and no decoder. The answer: the blocks are the same, only the mask differs. So [](transformer-encoder.ipynb) builds
# those of GPT-2, too, but for its GELU. LLaMA's have RMSNorm for LayerNorm, SwiGLU in the feed-forward net, rotary
# positions and, in later versions, keys and values shared by groups of heads; and both keep keys and values in a
# cache while they write.
#
# Which family is best? T5's authors compared those that write {cite:p}`raffel2020exploring`. At equal cost of
# computing, with twice the parameters, an encoder–decoder trained to fill gaps and then fine-tuned did best on all
# tasks, and nearly as well when encoder and decoder shared their weights. Wang and colleagues
# {cite:p}`wang2022language` asked for tasks that the models had not been trained on. Straight after pre-training,
# causal decoder-only models did best; after fine-tuning on many other tasks, models that had been trained to fill
# gaps and see the whole source. That most large models are decoder-only today has practical reasons, too. One
# network and one loss serve any raw text, and every token of it is guessed, where BERT guesses 15%
# {cite:p}`devlin2019bert`. And a word more changes no earlier state, as the right-hand picture shows, so that what
# has been read stays read; in an encoder all states move.
#
# Ours asked for everything in one vector of 64 numbers. For four digits that is plenty. Sutskever and colleagues
# had a larger one, and yet it helped them to read the source *backwards*, so that its first words were the last to
# be noted and the first to be needed: 30.6 BLEU, a measure of translations, for 25.9. Whether one vector is enough
# for a long sentence is the question of [](attention.ipynb). First, how can a state hold anything at all? See
# [](rnn.ipynb).

# %% [markdown]
# ## Check yourself
#
# **1. An untrained decoder over 44 tokens is asked how probable the target `3 0 2 <eos>` is. About what is $\ln
# p$ of it?**
#
# - **A** $-11.4$
# - **B** $-3.8$
# - **C** $-15.1$
# - **D** $-2.4$
#
# <details><summary>Answer</summary>
#
# - **A ✗** Three guesses of 1/44 each. The end mark is a fourth: a target that does not end is no target.
# - **B ✗** That is one guess, $\ln(1/44)$. Probabilities of a chain are multiplied, so their logarithms are
#   added.
# - **C ✓** Four guesses, `<eos>` among them, each of about $1/44$: $4 \ln (1/44)$.
# - **D ✗** This takes the four probabilities together, $\ln(4/44)$. All four tokens have to come, one after the
#   other: that is a product.
#
# </details>

# %% [markdown]
# **2. Teacher forcing, target `3 0 2 <eos>`. At the second guess the model's favourite was 9. What is the
# decoder given when it has to make the third?**
#
# - **A** The `0` of the target.
# - **B** The `9` that it has chosen.
# - **C** The `2` of the target.
# - **D** The vector $\mathbf{v}$ of the source, once more.
#
# <details><summary>Answer</summary>
#
# - **A ✓** It is given the true beginning, `<bos> 3 0`, whatever it would have written itself.
# - **B ✗** So it is in use, when there is no teacher. In training nothing of what it would have chosen comes
#   back.
# - **C ✗** This is what it shall guess. To be given it is the missing shift of exercise 3.
# - **D ✗** In our model $\mathbf{v}$ is the first state, and comes in nowhere else. (Cho and colleagues do hand
#   it to every step.)
#
# </details>

# %% [markdown]
# **3. Ten numbers, each as likely as the others, share four bags of words, which hold 4, 3, 2 and 1 of them. A
# decoder sees the bag alone. How many of the ten can it get right, at most?**
#
# - **A** 1 of 10: only the number with a bag of its own is sure.
# - **B** 4 of 10
# - **C** 5 of 10: one in four, three, two and one are half, on average.
# - **D** All of them, if it is large enough and trained for long.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It is the only one that is *known*. In each other bag one answer, too, is right for one number.
# - **B ✓** One for each bag, $K/N$: within a bag all get the same answer, and it is right for one of them.
# - **C ✗** The share within a bag has to be weighed by the bag's size, and then each bag gives $m_k \cdot 1/m_k
#   = 1$.
# - **D ✗** No size helps. Two numbers with the same notes get the same answer from any decoder.
#
# </details>

# %% [markdown]
# **4. The first token is *a* with probability 0.6, or *b* with 0.4. After *a* come *c*, *d* and *e*, equally
# likely; after *b* always *f*. What does greedy decoding write?**
#
# - **A** *b f*, the most probable target.
# - **B** A target with probability 0.2, and misses one twice as probable.
# - **C** A target with probability 0.6, the largest there is.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It is the most probable, with 0.4, and greedy decoding never sees it: it decided at the first token.
# - **B ✓** It takes *a*, and is left with thirds: $0.6 / 3$. The target *b f* has 0.4.
# - **C ✗** That is the probability of the first token alone; it still has to be multiplied by a third.
#
# </details>

# %% [markdown]
# **5. An encoder takes the mean over all places, and the row of `<pad>` is zero. A text of 3 words stands in a
# batch with one of 12. How long is its vector, compared with what it gets alone?**
#
# - **A** The same: zeros add nothing.
# - **B** 4 times as long.
# - **C** 0.75 times as long, by the share of pads.
# - **D** 0.25 times as long.
#
# <details><summary>Answer</summary>
#
# - **A ✗** They add nothing to the sum. The mean also divides, by 12 and no longer by 3.
# - **B ✗** It is the other way round: the sum is as before, and is divided by a number four times as large.
# - **C ✗** The share of pads is 9/12. What is left is the share of words.
# - **D ✓** Sum as before, divided by 12 for 3. This is how the second promise is broken without an error
#   message.
#
# </details>

# %% [markdown]
# **6. The training loss of a decoder has fallen nearly to 0 within a hundred steps. Writing alone, it repeats
# one token. Where do you look first?**
#
# - **A** At the encoder: its notes do not reach the decoder.
# - **B** At exposure bias: it has never seen its own errors.
# - **C** At the tokens given and wanted: are they one place apart?
#
# <details><summary>Answer</summary>
#
# - **A ✗** Then the loss would stop at the floor of a model without notes, far above 0.
# - **B ✗** That costs something after a wrong token. It does not make every target wrong from its first token
#   on.
# - **C ✓** A loss that is too good is the sign. Without the shift the answer stands in the input, and copying
#   is all that is learnt.
#
# </details>

# %% [markdown]
# **7. In a decoder-only model with several layers the 5th of 14 tokens is changed. How many states can move?**
#
# - **A** 10
# - **B** 9, those of the tokens after it.
# - **C** 5, those of the tokens up to it.
# - **D** 14, since information spreads over the layers.
#
# <details><summary>Answer</summary>
#
# - **A ✓** Its own state, and the 9 after it: column 5 of the right-hand picture, from the diagonal down.
# - **B ✗** Its own state moves, too: under a causal mask a place sees itself.
# - **C ✗** These are the tokens that *its* state sees: the row of the picture. The question is about the
#   column.
# - **D ✗** It spreads, but only to the right. However many layers there are, nothing goes from a later place to
#   an earlier one.
#
# </details>

# %% [markdown]
# **8. Why does a decoder without any notes have a loss of about $\ln 9{,}999$ and not that of chance?**
#
# - **A** It has learnt the numbers by heart.
# - **B** It has learnt how targets are spread, and nothing about this one.
# - **C** Its loss is that of chance: 44 tokens, guessed at random.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It has nothing to look them up by: all sources look the same to it.
# - **B ✓** It knows that four digits are the rule, that none begins with 0, and when to end. Among 9,999
#   equally likely targets there is nothing more to know.
# - **C ✗** Five guesses among 44 tokens cost $5 \ln 44$, about twice as much.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, medium, 15 minutes).** Equation {eq}`eq-ed-chain` gives a probability to texts of every
# > length. Show that they add up to 1 if each guess gives `<eos>` some $\varepsilon > 0$ at least. Why does our
# > decoder?
# >
# > *Hint: what is the probability that a text has not ended after $u$ tokens? The states of a GRU lie between −1
# > and 1.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Take the texts that have ended within $u$ tokens, and the beginnings of $u$ tokens that have not ended yet. Every
# text is one of the former or begins with one of the latter, so together they have the probability 1. A beginning
# goes on with probability $1 - \varepsilon$ at most, at each token anew. So the beginnings have at most
#
# $$
# (1 - \varepsilon)^u \to 0 ,
# $$
#
# and the texts that have ended have at least $1 - (1 - \varepsilon)^u \to 1$.
#
# Our decoder: the numbers of a GRU's state lie between −1 and 1, so a score, a sum of $d_h$ products and a bias,
# lies between $-c$ and $c$ for some $c$ that depends on $W_o$ and $\mathbf{b}$ only. The softmax of $V$ such scores
# gives each token at least $\varepsilon = e^{-c} / (V e^{c}) = e^{-2c} / V$.
#
# The code adds up all texts of an untrained decoder over a, b and `<eos>`.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
torch.manual_seed(0)
small, lookup, head = GRU(4, 8), nn.Embedding(4, 4), nn.Linear(8, 3)
tokens, mass, ended = torch.tensor([[3]]), torch.ones(1), 0.0  # <bos> is 3, <eos> 2
rows = []
for u in range(1, 11):
    with torch.no_grad():
        states = small(lookup(tokens))[0]  # (n, u, 8)
        p = head(states[:, -1]).softmax(1) * mass.unsqueeze(1)  # (n, 3)
    ended += p[:, 2].sum().item()
    more = [torch.cat([tokens, torch.full_like(tokens[:, :1], j)], 1) for j in (0, 1)]
    tokens, mass = torch.cat(more), torch.cat([p[:, 0], p[:, 1]])
    rows.append((u, ended, mass.sum().item()))
columns = {"tokens, at most": "d", "ended": ".3f", "not ended": ".3f"}
Table([rows[u - 1] for u in (1, 2, 5, 10)], columns)

# %% [markdown]
# > **Exercise 2 (pencil, easy, 15 minutes).** One encoder keeps only the last word of a number's name, another
# > only the first. What are their ceilings by equation {eq}`eq-ed-ceiling`? Which would you rather have?
# >
# > *Hint: which words can end a name, and which begin one? Is the loss floor the same?*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# A name can end with one to nineteen, with twenty to ninety, with hundred or with thousand: $K = 19 + 8 + 2 = 29$
# kinds of notes. It can begin with the same save the last two, so $K = 27$. The ceilings are 29 / 9,999 and
# 27 / 9,999, equally hopeless.
#
# The floors of the loss differ. They are low if the numbers are spread evenly over the kinds, and of a hundred
# numbers 90 begin with one of the nine words *one* to *nine* before *thousand*, nine more with the same before
# *hundred*. Last words are spread more widely: the last word tells more, though it hardly gets a number right.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
rows = []
for end, place in (("last", -1), ("first", 0)):
    kinds = Counter(name(n).split()[place] for n in range(1, N + 1))
    floor = sum(m_k * math.log(m_k) for m_k in kinds.values()) / N
    rows.append((end, len(kinds), len(kinds) / N, floor))
columns = {"word": "", "kinds": "d", "right, at most": ".4f", "loss, at least": ".2f"}
Table(rows, columns)

# %% [markdown]
# > **Exercise 3 (code, easy, 10 minutes).** Forget the shift: give the decoder the tokens that it shall guess. What
# > becomes of the loss, and of the numbers that are exactly right?
# >
# > *Hint: write another `loss`, and `train` will take it.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# It has the best loss of all our models, and no number right. It has learnt to repeat the token that it is given,
# which is the right answer in training at every place. When it writes alone, it is given `<bos>` first, and so
# repeats `<bos>`. Only writing greedily shows it.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
right_loss = loss


def loss(model, source, lengths, target):
    wanted = target[:, 1:]  # (batch, U)
    scores, _ = model(wanted, model.encode(source, lengths))  # given what is wanted
    scores = scores.transpose(1, 2)  # (batch, V, U)
    total = nn.functional.cross_entropy(scores, wanted, ignore_index=0, reduction="sum")
    return total / len(source)


torch.manual_seed(0)
copier = train(Model("encoder–decoder"), 0, 0.02, steps=100)
value, right = examine(copier, unseen)
print("loss below 0.05:", value < 0.05, f"  exactly right: {right:.2f}")
loss = right_loss

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** An encoder is of use without its decoder. From the vectors of three
# > of our models, and of an untrained encoder, read by a linear map how many digits the number has, its first digit
# > and its last.
# >
# > *Hint: least squares on one-hot answers, `torch.linalg.lstsq`; then take the largest.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# In the vector of the encoder that reads in order all three answers are at hand, though nobody asked for them in this
# form. Untrained, it has two of them as well: a state holds by itself how long it has read, and what came last. The
# *first* digit is what it has learnt to keep. The bag's tanh of a sum knows how long the number is (a *thousand* in
# it or not), and either end in half of the cases at most. Zeros know what is frequent, and no more.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
@torch.no_grad()
def share_read(model, ask):
    v, v_new = (model.encode(*part[:2]) for part in (seen, unseen))
    v, v_new = (nn.functional.pad(x, (0, 1), value=1.0) for x in (v, v_new))  # and 1
    past = torch.tensor([ask(n) for n in order[:3000]])
    to_come = torch.tensor([ask(n) for n in order[3000:5000]])
    answers = nn.functional.one_hot(past, 10).double()  # (3000, 10)
    solve = torch.linalg.lstsq(v, answers, driver="gelsd")
    weights = solve.solution  # (hidden + 1, 10)
    return ((v_new @ weights).argmax(1) == to_come).double().mean().item()


asks = {"digits": lambda n: len(str(n)), "first": lambda n: int(str(n)[0])}
asks["last"] = lambda n: n % 10
torch.manual_seed(0)
asked_of = {"no encoder": models["no encoder"]} | {kind: models[kind] for kind in live}
asked_of["encoder–decoder, untrained"] = Model("encoder–decoder")
rows = []
for kind, model in asked_of.items():
    rows.append((kind, *(share_read(model, ask) for ask in asks.values())))
Table(rows, {"model": ""} | dict.fromkeys(asks, ".1f"))

# %% [markdown]
# > **Exercise 5 (open, hard, 40 minutes).** Make the encoder–decoder better at the presidents' numbers, without
# > another number to train on. What does it cost?
# >
# > *Hint: in which numbers are the 3,000 poor? Must all be drawn equally often?*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# One way. Small and round numbers are few among the 3,000, but they can be shown more often: draw every *shape*, how
# many digits a number has and how many of them are not 0, equally often. The presidents' numbers gain; the others,
# which are now shown less, pay. Neither interval of the benchmark's five runs contains 0.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
shape = [10 * len(str(n)) + len(str(n).replace("0", "")) for n in order[:3000]]
shape = torch.tensor(shape)  # how many digits, and how many that are not 0
weight = 1 / shape.bincount().double()[shape]  # every shape equally often
draw = torch.Generator().manual_seed(0)
drawn = [weight.multinomial(128, True, generator=draw) for _ in range(250)]
torch.manual_seed(0)
plain, shown = writing["encoder–decoder"], load_results("writing")["shapes"]
model, rows = Model("encoder–decoder"), []
train(model, 0, plain["rate"], batches=drawn)
for text, numbers, before in (
    ("spoken", batch(new), plain["spoken"]["all"]),
    ("evenly drawn", unseen, plain["right"]),
):
    here = ("worse", "better")[examine(model, numbers)[1] > before[0]]
    low, high = t_interval([b - a for a, b in zip(before, shown[text], strict=True)])
    rows.append((text, here, (low + high) / 2, f"{low:+.2f} to {high:+.2f}"))
columns = {"numbers": "", "here": "", "five runs, change": "+.2f", "95% interval": ""}
Table(rows, columns)

# %% [markdown]
# ## You have
#
# - followed a sentence through an encoder and a decoder, equal to PyTorch's, and seen its length vanish in a vector;
# - trained with teacher forcing and written greedily, and learnt what a missing shift does;
# - tested six encoders against a contract, by hand and with `scratch.check`;
# - proved ceilings for three kinds of notes, held four models against them, and seen the best stumble over
#   presidents;
# - built a Transformer's decoder layer, measured who sees whom in five architectures, and found three families.
#
# ## Further reading
#
# - I. Sutskever, O. Vinyals and Q. V. Le, [Sequence to sequence learning with neural
#   networks](https://arxiv.org/abs/1409.3215), 2014: our model with LSTMs, and a surprise about the order of the source.
# - K. Cho and colleagues, [Learning phrase representations using RNN encoder–decoder for statistical machine
#   translation](https://arxiv.org/abs/1406.1078), 2014: the name, and the GRU.
# - C. Raffel and colleagues, [Exploring the limits of transfer learning with a unified text-to-text
#   Transformer](https://arxiv.org/abs/1910.10683), 2020, section 3.2: the families that write compared, with their masks.
