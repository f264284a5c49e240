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
# # A sentence as a vector: the LSTM encoder
#
# Give *The cat sat on the mat* to an encoder from a tutorial, and keep the vector that comes out. Now give it
# the same sentence again, this time in a batch with a longer one. The vector that comes out is another one.
# Nothing has crashed, no warning has been printed, and the sentence has not changed; it only had company.
#
# **How does a sentence become one vector, and what must not change it?** We build the encoder of the second of the
# two articles behind this book, find out which of its numbers are the sentence, watch padding carry it off, and
# mend that in two ways. Then we search twelve thousand real sentences with it, against a bag of words and a mean of
# word vectors.
#
# **You will**
#
# - encode a sentence word by word, with every shape, and then in one call;
# - tell which slice of which output is the sentence, for any number of layers and directions;
# - measure how far padding moves a sentence, and hold it still with a mask, and with packing;
# - run a checker on three encoders, and see it find the one that is wrong;
# - train an encoder and search with it, honestly scored against simpler vectors.
#
# **You need** the LSTM cell of the chapter before, padding and lengths from the chapter on tokens, and the bag
# of words. The chapter runs in about 20 seconds on one processor core.

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
# ## One sentence, word by word
#
# The words have the ids $i_1, \dots, i_T$. An embedding table gives each a vector of $d$ numbers, and $K$ layers
# of LSTM cells read them from left to right. Layer $\ell$ has at place $t$ a *hidden state* (隐状态)
# $\mathbf{h}_{t,\ell} \in \mathbb{R}^{d_h}$, which it shows, and a *cell state* (细胞状态)
# $\mathbf{c}_{t,\ell} \in \mathbb{R}^{d_h}$, which it keeps to itself. The lowest layer reads words, each other one
# the hidden states of the layer below:
#
# $$
# \begin{aligned}
# \mathbf{h}_{t,0} &= \mathbf{w}_{i_t} \in \mathbb{R}^d, \\
# \mathbf{h}_{t,\ell},\, \mathbf{c}_{t,\ell} &= \mathrm{LSTM}_\ell(\mathbf{h}_{t,\ell-1},\\
# &\qquad\quad \mathbf{h}_{t-1,\ell},\, \mathbf{c}_{t-1,\ell}),
# \end{aligned}
# $$ (eq-le-layers)
#
# from $\mathbf{h}_{0,\ell} = \mathbf{c}_{0,\ell} = \mathbf{0}$. By hand, with $d = 4$, $d_h = 5$ and $K = 2$; the
# batch holds one sentence. (We compute in double precision until training begins.)

# %%
import torch
from torch import nn

from scratch.recurrent import LSTMCell
from scratch.text import Vocabulary, pad, tokenize

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
cat = tokenize("The cat sat on the mat")
vocabulary = Vocabulary.from_tokens(cat + tokenize("Dog bites man"))
table = nn.Embedding(len(vocabulary), 4)
cells = [LSTMCell(4, 5), LSTMCell(5, 5)]
states = [None, None]  # of each layer: (h, c), zeros at first

rows = []
for word, i in zip(cat, vocabulary.encode(cat), strict=True):
    x = table(torch.tensor([i]))  # (1, 4)
    row = [word, i, str(tuple(x.shape))]
    for layer, cell in enumerate(cells):
        states[layer] = h, c = cell(x, states[layer])  # (1, 5) each
        row.append(f"{tuple(h.shape)}, {tuple(c.shape)}")
        x = h  # up to the next layer
    rows.append([*row, " ".join(f"{number:+.3f}" for number in h[0, :3].tolist())])

# %%
from scratch.table import Table

shapes = {"layer 1: h, c": "", "layer 2: h, c": "", "layer 2: h begins": ""}
Table(rows, {"word": "", "id": "d", "x": ""} | shapes)

# %% [markdown]
# The two *the* leave different states, since the
# second comes after four other words. The top layer after *mat* has seen all of it. Sutskever and colleagues
# {cite:p}`sutskever2014sequence` take the last hidden state as the sentence.
#
# The whole loop is one call of `nn.LSTM`. Here is the encoder of the article in our words:


# %%
class Careless(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, num_layers):
        super().__init__()
        self.table = nn.Embedding(vocab_size, embedding_dim)
        self.reader = nn.LSTM(embedding_dim, hidden_dim, num_layers, batch_first=True)

    def forward(self, ids):  # (batch, length)
        _, (hidden, cell) = self.reader(self.table(ids))  # the first: all places
        return hidden, cell  # (num_layers, batch, hidden_dim) each


careless = Careless(len(vocabulary), embedding_dim=4, hidden_dim=5, num_layers=2)
careless.table.load_state_dict(table.state_dict())
for layer, cell in enumerate(cells):  # give it the weights of our two cells
    weights = {f"{name}_l{layer}": value for name, value in cell.state_dict().items()}
    careless.reader.load_state_dict(weights, strict=False)

ids = torch.tensor([vocabulary.encode(cat)])  # (1, 6)
hidden, cell = careless(ids)
h, c = map(torch.stack, zip(*states, strict=True))  # (2, 1, 5) each
same = torch.allclose(hidden, h) and torch.allclose(cell, c)
print("hidden", tuple(hidden.shape), "and cell", tuple(cell.shape), "as by hand:", same)

# %% [markdown]
# > **Correction.** The article calls what this class returns *the last hidden state* of the network. It is one for each
# > layer, `(num_layers, batch, hidden_dim)`; all of them, and `cell` too, are there for a decoder that reads on from them.
# > The sentence is `hidden[-1]`. Mind that the batch is the *second* axis: `batch_first=True` turns inputs and outputs,
# > [not the states](https://github.com/pytorch/pytorch/issues/4145). Whoever writes `hidden[:, -1]` gets the last sentence in
# > all layers, and if the batch has as many sentences as there are layers, not even the shape will tell.
#
# ## Which slice is the sentence?
#
# A *bidirectional* (双向) layer has a second set of cells that reads from right to left, and puts its states beside
# those of the first. Now there are $2K$ last states. The shapes, for a batch of three sentences of 6 words:

# %%
from scratch.recurrent import LSTM

B, T, K, d, d_h = 3, 6, 2, 4, 5
torch.manual_seed(0)
x = torch.randn(B, T, d)
rows = []
for directions in (1, 2):
    lstm = LSTM(d, d_h, num_layers=K, bidirectional=directions == 2)
    output, (hidden, cell) = lstm(x)
    rows.append((directions, *(str(tuple(y.shape)) for y in (output, hidden, cell))))
Table(rows, {"directions": "d", "output": "", "hidden": "", "cell": ""})

# %% [markdown]
# `output` has every place, of the top layer only; `hidden` and `cell` have every layer and direction, at its last
# step only. For the backward direction the last step is the *first word*. In the picture, `output` is the top
# row; `hidden` is where each reader ends.

# %% mystnb={"image": {"alt": "Three columns, for the words dog bites man, of two layers. In each layer a row of boxes with arrows to the right and one with arrows to the left read the same vectors, and their states are put side by side. The top row of joined states is named output. The rows to the right end, behind man, in hidden 0 and hidden 2; the rows to the left end, before dog, in hidden 1 and hidden 3."}, "figure": {"caption": "A bidirectional LSTM of two layers. `output` is the top row; `hidden` holds where each of the four readers ends: those that read backwards, at the first word.", "name": "fig-le-slices"}}
from scratch import diagrams

diagrams.bidirectional_encoder()


# %% [markdown]
# The four rows of `hidden` come layer by layer, and within a layer forward before backward. So `hidden.view(K, 2, B, d_h)` tells them apart, and the sentence is the
# top layer's pair:

# %%
forward, backward = hidden.view(K, 2, B, d_h)[-1]  # (B, d_h) each: the top layer
halves = (
    ("forward", forward, output[..., :d_h]),
    ("backward", backward, output[..., d_h:]),
)
rows = [
    (name, *("yes" if torch.equal(half, places[:, t]) else "no" for t in (0, -1)))
    for name, half, places in halves
]
sentence = torch.cat([forward, backward], dim=1)  # (B, 2 * d_h)
print("the sentences:", tuple(sentence.shape))
Table(rows, {"half": "", "is output[:, 0]": "", "is output[:, -1]": ""})

# %% [markdown]
# The forward half is found at the last place of `output`, the backward half at the first. A decoder that reads one way
# wants one state a layer: add the two halves, or join them, and let a linear layer make $d_h$ numbers of $2 d_h$
# ([both](https://github.com/bentrevett/pytorch-seq2seq/issues/115) are in use).
#
# > **Pitfall.** `output[:, -1]` of a bidirectional layer is half a sentence vector. Its backward half has read
# > one word, the last; readers [of a well-known tutorial](https://github.com/yunjey/pytorch-tutorial/issues/149)
# > noticed. In which order layers and directions come had to be [found by experiment](https://github.com/OpenNMT/OpenNMT-py/issues/61),
# > too.
#
# ## What padding does to a sentence
#
# Sentences of a batch are filled up with `<pad>` to one length. `Careless` does not know which tokens are
# padding, and reads on. We let $k$ pads follow the sentence, and take the cosine of its new vector with the
# true one, for twenty encoders with random weights. `nn.Embedding(…, padding_idx=0)` fills the row of `<pad>` with
# zeros, which is often taken for a remedy: we try both. And how alike do two *different*
# sentences become?

# %%
PADS = (0, 1, 3, 7, 15, 31)
dog = tokenize("Dog bites man")
cosine = nn.functional.cosine_similarity


@torch.no_grad()
def drift(seed, padding_idx):
    torch.manual_seed(seed)
    model = Careless(len(vocabulary), embedding_dim=16, hidden_dim=32, num_layers=1)
    model.table = nn.Embedding(len(vocabulary), 16, padding_idx=padding_idx)

    def vectors(words):  # (pads, 32)
        rows = [torch.tensor([vocabulary.encode(words) + [0] * k]) for k in PADS]
        return torch.cat([model(ids)[0][-1] for ids in rows])

    cats, dogs = vectors(cat), vectors(dog)
    return torch.stack([cosine(cats, cats[:1]), cosine(cats, dogs)])  # (2, pads)


# %%
runs = {}
for name, padding_idx in (("random row", None), ("row of zeros", 0)):
    found = [drift(seed, padding_idx) for seed in range(20)]
    runs[name] = torch.stack(found)  # (20, 2, pads)
rows = [
    (name, what, *mean.tolist())
    for name, found in runs.items()
    for what, mean in zip(("to itself", "cat to dog"), found.mean(0), strict=True)
]
columns = {"<pad> has a": "", "cosine": ""} | {f"pads: {k}": ".2f" for k in PADS}
Table(rows, columns)

# %% mystnb={"image": {"alt": "Cosine against the number of pads, 0 to 31. The cosine of the cat sentence with itself falls from 1 to about 0.1 if the pad row is random and to about 0.4 if it is zeros, each with a wide band. The cosine of the cat sentence with the dog sentence rises from 0.2 to 1 in both cases, steeply, and is 1 from 7 pads on."}, "figure": {"caption": "One sentence drifts away from itself (solid), and two sentences become one (dashed), when the encoder reads padding. Means of twenty random encoders; bands for the solid lines, from the smallest to the largest.", "name": "fig-le-padding"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 3.2))
for (name, found), marker in zip(runs.items(), "os", strict=True):
    (itself, other), low, high = found.mean(0), found.amin(0), found.amax(0)
    (line,) = axes.plot(range(6), itself, marker + "-", label=f"to itself, {name}")
    colour = line.get_color()
    axes.fill_between(range(6), low[0], high[0], color=colour, alpha=0.15, lw=0)
    axes.plot(range(6), other, marker + "--", color=colour, label=f"cat to dog, {name}")
axes.set_xticks(range(6), PADS)
axes.set(xlabel="pads that follow the sentence", ylabel="cosine")
figure.legend(loc="outside lower center", ncols=2, fontsize=8, handlelength=3)
plt.show()

# %% [markdown]
# A single pad moves the sentence visibly. Zeros soften the blow and do not ward it off: a zero input adds
# nothing to the gates, but their biases and the product with $\mathbf{h}_{t-1}$ are still there, and the step is
# taken. Every pad applies the same map to the states, and in these encoders that map, applied again and again,
# takes all states to one point. So the sentences drift *to the same place*. After seven pads the cat and the
# dog are one.
#
# > **Correction.** The article's encoder ignores padding: it takes ids and no lengths. A reader
# > [suspects](https://github.com/pytorch/tutorials/issues/3643) the same of a tutorial of PyTorch itself. In a batch,
# > each sentence's vector then depends on how long the *longest* one is.
#
# A backward layer errs in another way. A forward layer has read the words before it meets the first pad: its states at
# the words are right, and only what it ends with is wrong. A backward layer *begins* with the padding, and none of its
# states stays. (How much of the damage lasts to the end of the reading, Exercise 3 asks.)

# %%
torch.manual_seed(0)
both = LSTM(4, 5, bidirectional=True)
x, x_padded = table(ids), table(nn.functional.pad(ids, (0, 3)))  # (1, 6, 4), (1, 9, 4)
alone, padded = both(x)[0][0], both(x_padded)[0][0, :6]  # (6, 10) each
for name, half in (("forward", slice(0, 5)), ("backward", slice(5, 10))):
    moved = (alone - padded)[:, half].abs().amax(1) > 1e-6  # (6,)
    words = " ".join(cat[t] for t in moved.nonzero()) or "none"
    print(f"{name} states that three pads change: {words}")

# %% [markdown]
# ## Stop reading: lengths and a mask
#
# The remedy is to say how long each sentence is. At place $t$ let $m_{nt}$ be 1 if $t \le T_n$, the length of sentence
# $n$, and else 0. Let $\tilde{\mathbf{h}}_t$ and $\tilde{\mathbf{c}}_t$ be what the cell would do next. We let it do so
# only where there is a word; elsewhere sentence $n$ keeps its states:
#
# $$
# \begin{aligned}
# \mathbf{h}_t &= m_{nt}\, \tilde{\mathbf{h}}_t + (1 - m_{nt})\, \mathbf{h}_{t-1}, \\
# \mathbf{c}_t &= m_{nt}\, \tilde{\mathbf{c}}_t + (1 - m_{nt})\, \mathbf{c}_{t-1} .
# \end{aligned}
# $$ (eq-le-mask)
#
# After the longest sentence has ended, each row holds the states of its own last word. For the backward direction,
# reverse every sentence *within its own length*, read, and reverse the result. By hand for one layer, and then
# the book's `Encoder`, which takes `lengths`:

# %%
from scratch.encoder import Encoder

torch.manual_seed(0)
encoder = Encoder(len(vocabulary), embedding_dim=16, hidden_dim=32, num_layers=1)
cell = LSTMCell(16, 32)
weights = encoder.lstm.state_dict()
cell.load_state_dict({name.removesuffix("_l0"): w for name, w in weights.items()})

ids, lengths = pad([vocabulary.encode(dog), vocabulary.encode(cat)])  # (2, 6), (2,)
h, c = torch.zeros(2, 32), torch.zeros(2, 32)
for t in range(ids.shape[1]):
    h_new, c_new = cell(encoder.embedding(ids[:, t]), (h, c))  # (2, 32) each
    alive = (t < lengths)[:, None]  # (2, 1): the mask; t counts from 0 here
    h, c = torch.where(alive, h_new, h), torch.where(alive, c_new, c)

hidden, cell_state = encoder(ids, lengths)  # (1, 2, 32) each
apart = [hidden[-1] - h, cell_state[-1] - c, encoder.vectors(ids, lengths) - h]
near = all(difference.abs().max() < 1e-12 for difference in apart)
print(f"hidden[-1], cell and encoder.vectors within 1e-12 of those by hand: {near}")

# %% [markdown]
# Does it hold? More padding must change nothing, to the bit. And a sentence alone must be what it is in
# a batch; there only rounding may differ, since larger products add up in another order.

# %%
deep = Encoder(len(vocabulary), 16, 32, num_layers=2, bidirectional=True)
for dtype, bound in ((torch.float64, "1e-12"), (torch.float32, "1e-6")):
    deep.to(dtype)
    true = deep.vectors(ids, lengths)  # (2, 64)
    wider = [deep.vectors(nn.functional.pad(ids, (0, k)), lengths) for k in PADS[1:]]
    exact = all(torch.equal(true, vector) for vector in wider)
    single = deep.vectors(ids[:1, :3], lengths[:1])  # the dog alone
    near = (single - true[:1]).abs().max() < float(bound)
    print(f"{dtype}: more padding, equal: {exact}; alone, within {bound}: {near}")

# %% [markdown]
# How many numbers does it learn? A table of $V$ rows, and for each layer and direction what
# [the LSTM's chapter](lstm-gru.ipynb) counted, $4\,(d_h d_{\mathrm{in}} + d_h^2 + 2 d_h)$, where $d_{\mathrm{in}}$ is
# $d$ in the lowest layer, and above it $d_h$ times the number of directions:


# %%
def count(vocab_size, d, d_h, layers, directions):
    below = [d] + [directions * d_h] * (layers - 1)
    read = sum(directions * 4 * (d_h * n + d_h**2 + 2 * d_h) for n in below)
    return vocab_size * d, read


rows = []
for sizes in ((len(vocabulary), 16, 32, 2, 2), (30_000, 300, 512, 2, 1)):
    *first, directions = sizes
    model = Encoder(*first, bidirectional=directions == 2)
    parts = count(*sizes)
    rows.append((*sizes, *parts, sum(p.numel() for p in model.parameters())))
sizes = {"V": ",", "d": "", "d_h": "", "layers": "", "directions": ""}
Table(rows, sizes | {"in the table": ",", "in the layers": ",", "the model has": ","})

# %% [markdown]
# In a model of usual size most of it is the table.
#
# ## Do not even compute it: packing
#
# The mask computes steps only to throw them away. PyTorch offers another way, a *packed sequence* (打包序列).
# `pack_padded_sequence` sorts the sentences, the longest first, and keeps for each step only the rows that
# are still alive. How many these are is `batch_sizes`.

# %%
from torch.nn.utils.rnn import pack_padded_sequence

texts = ["Dog bites man", "The cat sat on the mat", "Cat", "The dog sat on"]
batch = [tokenize(text) for text in texts]
ids, lengths = pad(map(vocabulary.encode, batch))  # (4, 6), (4,)
packed = pack_padded_sequence(ids, lengths, batch_first=True, enforce_sorted=False)
steps = packed.data.split(packed.batch_sizes.tolist())
rows = [
    ("shape before, after", f"{tuple(ids.shape)}, {tuple(packed.data.shape)}"),
    ("lengths", str(lengths.tolist())),
    ("sorted_indices", str(packed.sorted_indices.tolist())),
    ("batch_sizes", str(packed.batch_sizes.tolist())),
    ("data, step by step", " | ".join(" ".join(vocabulary.decode(s)) for s in steps)),
]
Table(rows, {"packing": "", "these four sentences": ""})

# %% mystnb={"image": {"alt": "Four rows of words that begin at the left edge, sorted from the longest, six words, to the shortest, one word, so that the filled cells form a staircase. Under the columns stand the numbers 4, 3, 3, 2, 1, 1."}, "figure": {"caption": "A packed batch is read column by column. Only filled cells are stored; under each step stands how many there are, its entry of `batch_sizes`.", "name": "fig-le-packing"}}
figure, axes = plt.subplots(figsize=(5, 2.2))
rows = [batch[i] for i in packed.sorted_indices]
filled = [[float(t < len(row)) for t in range(6)] for row in rows]
axes.pcolormesh(filled, cmap="Blues", vmax=2.5, edgecolors="#dddddd", linewidth=1)
for n, row in enumerate(rows):
    for t, word in enumerate(row):
        axes.text(t + 0.5, n + 0.5, word, ha="center", va="center", fontsize=10)
axes.set_xticks([t + 0.5 for t in range(6)], packed.batch_sizes.tolist())
axes.set_yticks([])
axes.set(xlabel="sentences alive at this step")
axes.invert_yaxis()
axes.grid(False)
plt.show()

# %% [markdown]
# Recurrent layers of PyTorch take such a packed sequence in place of a tensor, read only the staircase, and return
# the states in the original order. (Here we have packed ids, to be able to read them; one packs the vectors.)
# Ours, with a mask, gives the same numbers:

# %%
from torch.nn.utils.rnn import pad_packed_sequence

torch.manual_seed(0)
theirs = nn.LSTM(16, 32, num_layers=2, bidirectional=True, batch_first=True)
deep.double().lstm.load_state_dict(theirs.state_dict())
x = deep.embedding(ids)  # (4, 6, 16)
packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
output, (hidden, cell_state) = theirs(packed)
output, _ = pad_packed_sequence(output, batch_first=True)  # (4, 6, 64)
ours = deep.states(ids, lengths), *deep(ids, lengths)
pairs = zip(ours, (output, hidden, cell_state), strict=True)
worst = max((one - other).abs().max() for one, other in pairs)
print(f"output, hidden and cell within 1e-12 of PyTorch's, packed: {worst < 1e-12}")

# %% [markdown]
# > **Pitfall.** `lengths` must lie on the CPU, and padding at the *end*: packing [keeps the first
# > places](https://github.com/facebookresearch/fairseq/pull/851) of each row, whatever is in them. Without
# > `enforce_sorted=False` an unsorted batch is refused.
#
# ## A checker
#
# One line asks all of this of any encoder. `scratch.check` takes a callable with the arguments
# `(ids, lengths)`, tries it on sentences of its own, and says what it saw. First ours, then the careless one:

# %%
from scratch.check import check_encoder

V = len(vocabulary)
print(check_encoder(encoder.vectors, vocab_size=V))
torch.manual_seed(0)
model = Careless(V, 16, 32, 1)
print("\nthe careless one:")
print(check_encoder(lambda ids, lengths: model(ids)[0][-1], vocab_size=V))


# %% [markdown]
# Two promises fail, each with a hint where to look. A move is the length of a vector's change, divided by that of the
# vector. *Sensitivity* is the opposite promise: every word moves something. A row without words may be refused, as ours
# is. The lines with *yes*, *no* and *unknown* are no verdicts but descriptions: word order matters to this encoder, and
# from one vector for each sentence nothing can be said about causality. And PyTorch's own, packed:


# %%
def packed_encoder(ids, lengths):
    x = deep.embedding(ids)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return torch.cat(theirs(packed)[1][0][-2:].unbind(), dim=1)  # top layer, both ways


print(check_encoder(packed_encoder, vocab_size=V))

# %% [markdown]
# The same verdicts as ours.
#
# ## Who bites whom?
#
# The bag of words gave *Dog bites man* and *Man bites dog* the same vector, and so does any mean of word vectors.
# An encoder that reads in order need not:

# %%
ids, lengths = pad(vocabulary.encode(s) for s in (dog, dog[::-1]))  # (2, 3), (2,)
first, second = encoder.embedding(ids).mean(1)  # (16,) each
print("mean of words, same vector:", torch.allclose(first, second))
first, second = encoder.vectors(ids, lengths)  # (32,) each
print(f"encoder, cosine: {cosine(first, second, dim=0):.2f}")

# %% [markdown]
# Even random weights tell them apart. Whether the difference *means* anything, training has to see to. Nor is this
# a game with dogs. The text that we shall search, the English and Chinese strings of a home automation program, has
# such sentences:

# %%
from collections import defaultdict
from itertools import chain

from scratch.corpora import load_pairs

splits = load_pairs("en-zh")
same_bag = defaultdict(dict)  # sorted words -> {sentence: translation}
for english, chinese in chain.from_iterable(splits):
    words = tokenize(english)
    same_bag[tuple(sorted(words))][" ".join(words)] = chinese
groups = [group for group in same_bag.values() if len(group) > 1]
print("groups with the same words in another order:", len(groups))
chosen = "reconfigure speech to text service", "first group second button"
rows = [pair for group in groups if {*chosen} & {*group} for pair in group.items()]
Table(rows, {"sentence": "", "translation": ""})

# %% [markdown]
# ## Last, mean or max?
#
# The last state is not the only way to make one vector of the states $\mathbf{h}_1, \dots, \mathbf{h}_T$ of the
# top layer. *Pooling* (池化) by the mean or by the maximum, number by number, gives every word the same say:
#
# $$
# \begin{aligned}
# \mathbf{s}_{\mathrm{mean}} &= \frac{1}{T_n} \sum_{t=1}^{T_n} \mathbf{h}_t, \\
# (\mathbf{s}_{\mathrm{max}})_j &= \max_{1 \le t \le T_n} (\mathbf{h}_t)_j .
# \end{aligned}
# $$ (eq-le-pooling)
#
# Conneau and colleagues {cite:p}`conneau2017supervised` compared encoders for sentences and did best with the maximum
# over a bidirectional LSTM. Both formulas end at $T_n$, and in code both are easily taken over the whole
# width. Packing does not help here: what comes back has zeros at the pads.

# %%
from scratch.text import mask

ids, lengths = pad([vocabulary.encode(dog), vocabulary.encode(cat)])
states = encoder.states(ids, lengths)  # (2, 6, 32), zeros at the pads
words = mask(lengths, 6).unsqueeze(2)  # (2, 6, 1): True at words
pooled = {
    "mean over the width": states.mean(1),
    "mean over the length": states.sum(1) / lengths[:, None],
    "max of all places": states.amax(1),
    "max of the words": states.masked_fill(~words, -torch.inf).amax(1),
}
dog_alone = encoder.states(ids[:1, :3])[0]  # (3, 32)
truth = {"mean": dog_alone.mean(0), "max": dog_alone.amax(0)}
rows = []
for name, vectors in pooled.items():
    same = torch.allclose(vectors[0], truth[name.split()[0]])
    rows.append((name, "yes" if same else "no"))
Table(rows, {"pooling": "", "as of the dog alone": ""})

# %% [markdown]
# Divided by the width, a short sentence's vector is only too short, which a cosine does not notice and a dot
# product does. The maximum is worse: every number that is negative at all words becomes the zero of the padding.
#
# ## Put to use: a translation memory
#
# Translators keep their past work in a *translation memory* (翻译记忆): for a new sentence, it finds the most similar one
# that has been translated before. That is a task for sentence vectors, and it comes with a judge, the translators:
# *if they wrote nearly the same Chinese for two English sentences, the two mean nearly the same*. By this rule
# Bannard and Callison-Burch {cite:p}`bannard2005paraphrasing` find paraphrases.
#
# The memory are the training strings of three words or more, the questions are test strings, and validation strings choose
# step sizes. These three come from different
# *integrations* (brands of lamps, weather services …), since the strings of one often share a template. For a
# question with the translation $A$ and the sentence found, with the translation $B$, the score is Dice's
# coefficient {cite:p}`dice1945measures` of their sets of neighbouring pairs of characters,
#
# $$
# D(A, B) = \frac{2\, |A \cap B|}{|A| + |B|} ,
# $$ (eq-le-dice)
#
# from 0, no pair in common, to 1.

# %%
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer


def sentences(split):
    rows = {tuple(tokenize(english)): chinese for english, chinese in split}
    return [(words, chinese) for words, chinese in rows.items() if len(words) >= 3]


def character_pairs(text):
    return {text[i : i + 2] for i in range(len(text) - 1)} or {text}


def overlap(parts, column, asked):
    """How many parts each one asked and each memory has, and how many they share."""
    texts = [row[column] for row in memory + asked]
    counts = CountVectorizer(analyzer=parts, dtype=np.float32).fit_transform(texts)
    M, Q = counts[: len(memory)], counts[len(memory) :]  # (sentences, parts), sparse
    return np.ravel(Q.sum(1)), np.ravel(M.sum(1)), (Q @ M.T).toarray()


# %%
memory, validation, questions = map(sentences, splits)


def dice(asked):
    a, b, shared = overlap(character_pairs, 1, asked)
    return 2 * shared / np.add.outer(a, b)  # (asked, memory): D(A, B)


worth, valid = dice(questions), dice(validation)  # (asked, memory) each
strangers = overlap(set, 0, questions)[2] == 0  # True where no word is in common
everything = {"memory": memory, "validation": validation, "questions": questions}
english = {name: [words for words, _ in part] for name, part in everything.items()}
print(*(f"{len(part):,} in the {name}" for name, part in english.items()), sep=", ")
both = set(english["memory"]) & set(english["questions"])
print("questions that stand in the memory:", len(both))

# %% [markdown]
# There are two searches. In the first, every sentence of the memory may be found. In the second, only those
# that have *no word in common* with the question: there a bag of words is blind, and what is found must have
# been found by meaning. The best possible scores are those of a reader who knows the answers. We begin with
# three old acquaintances: word counts, TF-IDF, and the mean of skip-gram vectors, trained on the English of the
# memory. What is trained takes the step size with which it finds the best translations for validation strings, in
# the first search. `benchmarks/memory.py` tried three or four with three seeds each, and then judged the best with five
# others. Here each model is trained once, with one seed more.

# %%
from sklearn.preprocessing import normalize

from scratch import word2vec

torch.set_default_dtype(torch.float32)  # training is faster so
results = {}  # name, seed -> both scores of each question (2, questions)
nearest = {}  # name, seed -> the best sentence for each question (questions,)


def note(name, cosines, seed=0):  # (questions, memory)
    rows = zip(strangers, cosines, strict=True)
    stranger = [np.where(new, row, -2).argmax() for new, row in rows]
    nearest[name, seed] = cosines.argmax(1)
    best = nearest[name, seed], stranger  # (questions,) each
    results[name, seed] = np.stack([worth[np.arange(len(worth)), n] for n in best])


def scores(name):  # (seeds, 2, questions)
    return np.stack([found for (other, _), found in results.items() if other == name])


note("the best there is", worth)
for name, kind in (("word counts", CountVectorizer), ("TF-IDF", TfidfVectorizer)):
    bags = kind(analyzer=list).fit(english["memory"])
    Q, M = (normalize(bags.transform(english[p])) for p in ("questions", "memory"))
    by_words = (Q @ M.T).toarray()  # in the end, TF-IDF's
    note(name, by_words)


# %%
def cosines(encode, asked="questions"):
    """The cosine of each asked with each memory; `encode` makes vectors of a part."""
    Q, M = (normalize(encode(part)) for part in (asked, "memory"))
    return Q @ M.T  # (asked, memory)


def skip_gram(seed, lr):
    options = {"min_count": 2, "window": 10, "subsample": 0, "epochs": 15}
    vectors = word2vec.train(english["memory"], seed=seed, learning_rate=lr, **options)
    known = {"analyzer": list, "vocabulary": vectors.key_to_index, "dtype": np.float32}
    counter = CountVectorizer(**known)

    def sums(part):  # of known words
        return counter.transform(english[part]) @ vectors.vectors

    return sums


# %%
from scratch.corpora import load_results

stored = load_results("memory")["search"]
best = {row["arm"]: row["rate"] for row in stored["arms"]}
note("skip-gram", cosines(skip_gram(0, best["skip-gram"])))

# %% [markdown]
# Now the encoder. It needs a task that teaches it what sentences mean, and the memory offers one: *guess which
# characters the translation consists of*. From the sentence vector $\mathbf{s} \in \mathbb{R}^{d_h}$ a linear layer and
# a softmax make a probability for each Chinese character, and the loss is the mean surprise at the set $Z$ of
# those that are there:
#
# $$
# \begin{aligned}
# \mathbf{p} &= \mathrm{softmax}(U\mathbf{s} + \mathbf{a}), \\
# L &= - \frac{1}{|Z|} \sum_{z \in Z} \ln p_z .
# \end{aligned}
# $$ (eq-le-loss)
#
# Two English sentences with the same translation are thus drawn to the same place, whatever their words. Batches
# are cut from sentences sorted by length, so that they hold little padding (Solution 1 counts it).

# %%
vocabulary = Vocabulary.from_tokens((w for s in english["memory"] for w in s), 2)
numbered = {name: pad(map(vocabulary.encode, part)) for name, part in english.items()}
all_ids, all_lengths = numbered["memory"]  # (N, 17), (N,)
signs = CountVectorizer(analyzer=set, min_df=3)  # characters seen three times or more
targets = torch.tensor(signs.fit_transform([c for _, c in memory]).toarray()).float()
targets /= targets.sum(1, keepdim=True).clamp(min=1)  # (N, characters): 1 / |Z| or 0
print(f"{len(vocabulary):,} words to read, {targets.shape[1]:,} characters to guess")


def batches(generator):
    order = torch.randperm(len(targets), generator=generator)
    pieces = order[all_lengths[order].argsort(stable=True)].split(128)
    return [pieces[n] for n in torch.randperm(len(pieces), generator=generator)]


# %%
from scratch.training import fit

D_H = 96  # numbers of a sentence vector


def train(model, vectors, seed, lr, epochs=3, batches=batches):
    head = nn.Linear(D_H, targets.shape[1])
    generator = torch.Generator().manual_seed(seed)
    plan = [rows for _ in range(epochs) for rows in batches(generator)]

    def loss(rows):
        lengths = all_lengths[rows]
        s = vectors(all_ids[rows, : lengths.max()], lengths)  # (batch, D_H)
        return -(targets[rows] * head(s).log_softmax(1)).sum(1).mean()

    fit([*model.parameters(), *head.parameters()], loss, plan, lr)
    return model


# %% [markdown]
# Two models are trained so: an `Encoder` of one layer, and, to learn what the LSTM adds, a mean of word vectors
# without one. Each has its own step size `lr`.


# %%
class MeanOfWords(nn.Embedding):
    def vectors(self, ids, lengths):
        return self(ids).sum(1) / lengths[:, None]  # the row of <pad> is zeros


def using(vectors, sort_by=len):  # len: batches of like lengths; str: alphabetical
    @torch.no_grad()
    def encode(part):
        ids, lengths = numbered[part]
        order = sorted(range(len(ids)), key=lambda n: sort_by(english[part][n]))
        pieces = torch.tensor(order).split(1000)
        encoded = torch.cat([vectors(ids[n], lengths[n]) for n in pieces])
        return encoded[np.argsort(order)].numpy()  # (sentences, D_H), in their order

    return encode


def fresh(kind, seed):
    torch.manual_seed(seed)
    if kind == "mean of words":
        return MeanOfWords(len(vocabulary), D_H, padding_idx=0)
    return Encoder(len(vocabulary), 64, D_H, num_layers=1)


# %%
def trained(kind, seed, lr):
    model = fresh(kind, seed)
    return train(model, model.vectors, seed, lr)


def forgetful(encoder):
    """Its vectors, without lengths."""
    return lambda ids, lengths: encoder.vectors(ids)


# %%
rows = [
    (row["arm"], float(lr), np.mean(found), "best" if row["rate"] == float(lr) else "")
    for row in stored["arms"]
    for lr, found in row["validation"].items()
]
Table(rows, {"model": "", "step size": "", "validation": ".3f", "": ""})

# %% [markdown]
# The LSTM and the mean of words want different step sizes. (At 0.07 skip-gram diverges with some seeds.) The size of
# the vectors and the number of passes are the same for both. They were settled with the time of this page in mind, and
# while we could see test scores, too: the table to come speaks of these sizes, on these pairs, and not of LSTMs in
# general.
#
# The same `Encoder` with its random weights is a third arm, since random encoders are known to be strong baselines
# {cite:p}`wieting2019no`. We also add TF-IDF's cosines to those of each trained model; and we let the trained
# encoder search without the lengths, in batches of a thousand sentences in alphabetical order. The trained models
# have an advantage: they have seen the translations of the memory, the bag of words and skip-gram have not.


# %%
for kind in ("mean of words", "LSTM"):
    model = trained(kind, 0, best[kind])
    C = cosines(using(model.vectors))
    note(kind, C)
    note(f"{kind} and TF-IDF", C + by_words)
encoder = model  # the LSTM
note("LSTM, untrained", cosines(using(fresh("LSTM", 0).vectors)))
note("LSTM, lengths forgotten", cosines(using(forgetful(encoder), str)))

# %% tags=["atol=0.01"]
judged = stored["arms"] + stored["beside"]  # five other seeds each
five = {row["arm"]: np.array(row["scores"]) for row in judged}  # (5, 2) each
rows = []
for name in dict.fromkeys(name for name, _ in results):
    row = [name]
    for search, here in enumerate(scores(name)[0].mean(1)):
        runs = five.get(name, np.empty((0, 2)))[:, search]  # (5,)
        middle = f"{runs.mean():.3f} ± {np.ptp(runs) / 2:.3f}" if len(runs) else None
        row += [f"{here:.3f}", middle]
    rows.append(row)
luck, rare = worth.mean(), worth[strangers].mean()
rows.append(("a random sentence", f"{luck:.3f}", None, f"{rare:.3f}", None))
searches = "any", "any, five seeds", "no common word", "…, five seeds"
Table(rows, dict.fromkeys(("found by", *searches), ""))

# %% mystnb={"image": {"alt": "A scatter plot of eight kinds of vectors. TF-IDF lies to the right, at the bottom. The trained mean of words lies as far right and highest of all; the trained LSTM lies to the left of it and at somewhat more than half of its height. Added to TF-IDF, each keeps its height and lies further right, one above the other. Skip-gram lies below the trained LSTM, at half its height; the untrained LSTM lies far to the left at the bottom, the one without lengths furthest left."}, "figure": {"caption": "How well the translation of the sentence found fits: searched among all (right is better), and among those without a word of the question (up is better). A mark for each of the benchmark's five seeds; word counts would hide behind TF-IDF.", "name": "fig-le-memory"}}
figure, axes = plt.subplots(figsize=(5, 4))
arms = ["TF-IDF", *(row[0] for row in rows if row[0] in five)]
for name, marker, colour in zip(arms, "sP^pD*vX", "01224435", strict=True):
    drawn = five.get(name, scores(name).mean(2)).T  # (2, seeds)
    axes.scatter(*drawn, marker=marker, s=45, color=f"C{colour}", label=name)
axes.set(xlabel="score, any sentence", ylabel="score, no common word")
axes.set(xlim=(0.13, 0.33), ylim=(-0.002, 0.05), xticks=(0.15, 0.2, 0.25, 0.3))
figure.legend(loc="outside lower center", ncols=2, fontsize=9)
plt.show()

# %% [markdown]
# Of each search the left column was found here, once; the right one is the mean of the benchmark's five seeds, ± half
# the way from the lowest to the highest (words have no seed). In the first search the bag of words, without any
# training, is hard to beat. The strings of a program are full of phrases that come again word for word, and there is no
# better sign of a like meaning than the same words. (Weighing them by idf hardly matters here.) Baldwin
# {cite:p}`baldwin2001low` found bags of pairs of characters, which heed the order nearby, as good as methods that heed
# all of it when he searched translation memories. Skip-gram finds something in the second search and pays for it in the
# first, presumably because it makes words alike that keep the same company, and a translator needs the right one.
#
# The trained LSTM stays behind in the first search and finds sentences without a common word in the second. What it
# has learnt is not what the bag of words knows, and in the first search the sum of the two beats both. (In the second,
# all cosines of TF-IDF are zero and add nothing.) But the mean of words, which learnt the same task, beats the LSTM in
# both. Presumably these searches seldom turn on order, and reading it is one thing more to learn from little
# text. Wieting and colleagues [found the like](https://arxiv.org/abs/1511.08198) for paraphrases on text of another
# kind than they were trained on; with averaged states and strong regularization the LSTM
# [came out ahead](https://arxiv.org/abs/1705.00364) after all.
#
# Ranasinghe and colleagues
# {cite:p}`ranasinghe2020intelligent` search translation memories with encoders that were trained on far more text.
# The untrained LSTM is no match for plain counts here; the random encoders of Wieting and Kiela had pretrained word
# vectors to work on. Forgetting the lengths does most harm: in the first search the trained encoder falls below the
# one that was never trained.
#
# > **Pitfall.** A baseline wants as much care as the favourite. In the table of step sizes, the LSTM's best one holds the mean
# > of words below what it reaches at its own. A race at a common rate is a race of rates.
#
# How sure are the differences in the first search? We compare question by question, and draw the questions anew a
# thousand times (the *bootstrap*) for an interval that holds 95 in 100 of such differences. The last column, which
# decides, has it for the means of the benchmark's five seeds:

# %% tags=["atol=0.01"]
from scratch.metrics import interval

rows, ends = [], "{:+.3f} to {:+.3f}".format
for pair in stored["pairs"]:
    names = pair["one"], pair["other"]
    ours, theirs = (scores(name)[0, 0] for name in names)  # (questions,) each
    here = ends(*interval(np.mean, ours - theirs))  # of the differences, paired
    rows.append((*names, here, ends(*pair["interval"])))
columns = "first search by", "minus that by", "this seed", "five others"
Table(rows, dict.fromkeys(columns, ""))

# %% [markdown]
# That the LSTM loses to both, and that its sum with TF-IDF gains, is certain as far as these intervals go: none of them
# holds 0. The mean of words is level with TF-IDF, and of the two sums neither wins. The true intervals are wider, since
# the strings of one integration resemble each other. What does the LSTM find? Four questions, chosen by hand, as it
# reads them:

# %%
places = {" ".join(s): n for n, s in enumerate(english["questions"])}
rows = []
for question in (
    "allow charging from grid",
    "domestic hot water setpoint",
    "extremely poor air quality",
    "cabin overheat protection",
):
    n = places[question]
    words = vocabulary.decode(vocabulary.encode(question.split()))
    rows.append(("asked", " ".join(words)))
    for name in ("TF-IDF", "LSTM"):
        rows.append((name, " ".join(english["memory"][nearest[name, 0][n]])))
Table(rows, {"": "", "sentence": ""})

# %% [markdown]
# The first two are what we hoped for. The other two show what the trained models lack: *extremely*, *cabin* and
# *overheat* occur once or never in the memory, so they are all `<unk>`, while a bag of words can rely on a word
# that it has seen once. Subwords would help. And who bites whom? The memory holds one question, a little longer, in both
# orders:

# %%
option = "if the option should cycle from the first to the last".split()
orders = "if the option should cycle from the {} to the {} option on the list"
right = orders.format("first", "last").split()
wrong = orders.format("last", "first").split()


@torch.no_grad()
def heeds_order(encoder):
    ids, lengths = pad(map(vocabulary.encode, (option, right, wrong)))  # (3, 14), (3,)
    asked, *both = encoder.vectors(ids, lengths)  # (D_H,) each
    to_right, to_wrong = (cosine(asked, v, dim=0).item() for v in both)
    return to_right > to_wrong


# %%
n = places[" ".join(option)]
where = [english["memory"].index(tuple(words)) for words in (right, wrong)]
print("TF-IDF, the same cosine for both:", np.isclose(*by_words[n, where]))
print("our encoder, the right order is nearer:", heeds_order(encoder))
found = stored["heeds order"]
print(f"the benchmark's: {sum(found)} of {len(found)}")

# %% [markdown]
# No bag and no mean can tell these two apart. An encoder can: most of the benchmark's prefer the right order, ours the
# wrong one. One question is an example, no measurement. The chapter on the [Transformer](transformer-encoder.ipynb) has
# a task that turns on order.

# %% [markdown]
# ## Check yourself
#
# **1. `nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)` reads a tensor of the shape `(3, 6, 4)`. What is the shape of `hidden`?**
#
# - **A** `(3, 6, 10)`
# - **B** `(4, 3, 5)`
# - **C** `(3, 4, 5)`
# - **D** `(2, 3, 10)`
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is `output`: each place of each sentence, with both halves of the top layer.
# - **B ✓** One last state of five numbers for each of two layers and two directions, and for each of three sentences.
# - **C ✗** `batch_first=True` turns inputs and outputs, but not the states: the batch stays their second axis.
# - **D ✗** The halves are joined in `output` only. In `hidden` each direction has a row of its own.
#
# </details>

# %% [markdown]
# **2. A bidirectional layer has read six words, without padding. Which words stand behind `output[:, -1]`?**
#
# - **A** All six in both halves, since it is the end.
# - **B** The last one in both halves, since each place shows its own word.
# - **C** None in the backward half, which has not begun there.
# - **D** All six in the forward half, the last one in the backward half.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It is the end for one direction only. The other one starts here.
# - **B ✗** The forward half at this place has come all the way from the first word.
# - **C ✗** It has begun, and taken just one step: the last word.
# - **D ✓** The backward half that has read everything is at the first place, `output[:, 0]`.
#
# </details>

# %% [markdown]
# **3. A batch has the lengths 1, 4, 2 and 2. What are the `batch_sizes` when it is packed?**
#
# - **A** 4, 3, 1, 1
# - **B** 4, 2, 2, 1
# - **C** 1, 1, 3, 4
# - **D** 4, 4, 4, 4
#
# <details><summary>Answer</summary>
#
# - **A ✓** All four have a first word, three a second, and one a third and a fourth.
# - **B ✗** These are the lengths, sorted. They say how far each sentence goes, not how many are alive at a step.
# - **C ✗** The right numbers backwards: sentences end as the reading goes on, so that the sizes fall.
# - **D ✗** This would be the padded rectangle, which packing is there to avoid.
#
# </details>

# %% [markdown]
# **4. The row of `<pad>` is zeros. Why does a sentence's vector still move if pads follow and no lengths are given?**
#
# - **A** Training fills the row with other numbers.
# - **B** It does not move: adding zeros changes nothing.
# - **C** The step is taken, with biases and the state before.
# - **D** The network reads the zeros as the most frequent word.
#
# <details><summary>Answer</summary>
#
# - **A ✗** With `padding_idx` the row gets no gradient, and stays zeros.
# - **B ✗** The product $W \mathbf{x}$ is zero. But it is only one of the three terms inside of each gate.
# - **C ✓** $U \mathbf{h}_{t-1} + \mathbf{b}$ is not zero, so that gates and proposal act as at any word.
# - **D ✗** The row of zeros belongs to no word. The network has no idea of frequency.
#
# </details>

# %% [markdown]
# **5. Three words stand in a batch of the width 12. Someone takes `states.mean(1)` of states that are zeros at the pads. What is wrong with the sentence's vector?**
#
# - **A** Nothing: zeros do not change a mean.
# - **B** Its direction: it has turned towards zero.
# - **C** It is a third of what it should be, since there are three words.
# - **D** It is 1/4 of what it should be; its cosines are right.
#
# <details><summary>Answer</summary>
#
# - **A ✗** They do not change the sum. The mean divides it by the number of places, and that counts them.
# - **B ✗** A vector that is multiplied by a positive number keeps its direction.
# - **C ✗** The sum is divided by 12 in place of 3, so that the factor is three twelfths.
# - **D ✓** The factor $3/12$ cancels in a cosine, and stays in a dot product, where short sentences fall behind.
#
# </details>

# %% [markdown]
# **6. How many parameters do the layers of `Encoder(100, 8, 16, num_layers=1, bidirectional=True)` have, without the table?**
#
# - **A** 3,328
# - **B** 1,664
# - **C** 3,200
# - **D** 4,128
#
# <details><summary>Answer</summary>
#
# - **A ✓** Two directions of $4\,(16 \cdot 8 + 16^2 + 2 \cdot 16)$ each.
# - **B ✗** That is one direction. The other has weights of its own.
# - **C ✗** Here each gate has one bias for each unit; PyTorch has two.
# - **D ✗** This counts the table, too, $100 \cdot 8$.
#
# </details>

# %% [markdown]
# **7. The translation wanted is 打开客厅灯, the one found is 关闭客厅灯. What is $D$?**
#
# - **A** 0.6
# - **B** 0.33
# - **C** 0.5
# - **D** 0.25
#
# <details><summary>Answer</summary>
#
# - **A ✗** Three of the five *characters* are shared. The sets are of neighbouring pairs.
# - **B ✗** That is $|A \cap B| / |A \cup B|$, two of six, another common measure.
# - **C ✓** Each has four pairs, and they share 客厅 and 厅灯: $2 \cdot 2 / (4 + 4)$. To turn the light on and to turn it off are alike by this measure, which is its weakness.
# - **D ✗** The 2 of the numerator is missing. With it two equal sets have the score 1.
#
# </details>

# %% [markdown]
# **8. Among sentences without a common word a bag of words is blind. Why is its score there small, and not zero?**
#
# - **A** Frequent words are common to all sentences.
# - **B** All cosines are equal there, and any sentence may share a few pairs of characters.
# - **C** TF-IDF gives some weight to words that it has never seen.
# - **D** Its vectors are rounded.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Sentences with any word in common, frequent or not, were left out of this search.
# - **B ✓** With all cosines at zero it finds whichever sentence comes first. Its score is then that of an arbitrary sentence.
# - **C ✗** A word that is not in the memory has no column at all.
# - **D ✗** Where no word is shared, each product has a factor that is exactly zero. There is nothing to round.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** A batch has the lengths 5, 5, 2 and 1. What are its `batch_sizes`, and what is their
# > sum? Show that the rule which makes `batch_sizes` of lengths makes sorted lengths of `batch_sizes`.
# >
# > *Hint: turn the staircase by its diagonal.*


# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Entry $t$ of `batch_sizes`, counted from 0, is the number of sentences that have more than $t$ words: 4, 3, 2, 2, 2.
# Their sum is the number of words, 13, since every word is counted at its own step.
#
# Draw the staircase: row $n$, in sorted order and from 0, has a cell in column $t$ where $T_n > t$. Column $t$ then
# holds $\#\{n : T_n > t\}$ cells, which is the rule. Since the rows are sorted, the cells of a column lie at its top,
# so that there is a cell in row $n$ and column $t$ also exactly where the column holds more than $n$ cells. Row $n$
# thus has as many cells as there are columns with more than $n$: the same rule with rows and columns exchanged. Applied
# twice, it gives the lengths again, sorted.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
def rule(numbers):
    return [sum(x > t for x in numbers) for t in range(max(numbers))]


print(rule([5, 2, 1, 5]), "and back", rule(rule([5, 2, 1, 5])))
by_length = all_lengths.sort().values
for name, order in (("as they come", all_lengths), ("sorted", by_length)):
    cells_ = sum(len(piece) * int(piece.max()) for piece in order.split(128))
    share = 1 - int(all_lengths.sum()) / cells_
    print(f"padding in batches of the memory, {name}: {share:.0%}")

# %% [markdown]
# > **Exercise 2 (code, easy, 10 minutes).** For three sentences, a bidirectional encoder of one layer returns `hidden` of the shape
# > `(2, 3, d_h)`. Someone writes `hidden.view(3, -1)`, and gets the right shape. Whose numbers stand in its rows? What
# > is right?
# >
# > *Hint: fill a tensor with numbers that say where they come from.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
told = torch.tensor([[[10.0 * n + way] * 2 for n in range(3)] for way in range(2)])
print("hidden, 10 · sentence + direction, d_h = 2:", tuple(told.shape))
print("with view(3, -1):", told.view(3, -1).int().tolist())
print("transposed first:", told.transpose(0, 1).reshape(3, -1).int().tolist())
# view only cuts the numbers as they lie in memory: sentence 1 gets two forward halves,
# of 0 and of 1. The batch must become the first axis before the halves are joined.

# %% [markdown]
# > **Exercise 3 (code, medium, 20 minutes).** Put the padding *before* the sentence. Then the last step reads the last word. Is the careless
# > encoder right now? Ask the checker, and compare how far the sentence moves.
# >
# > *Hint: `torch.roll` each row to the left by its length: the words come in again from the right.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# Not right, but nearly: the states after the pads are not zero, and six words later most of that is forgotten. The
# forgetting that ruined the sentence before now protects it.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
careless = Careless(V, 16, 32, 1)


def pads_first(ids, lengths):
    rows = [row.roll(-int(n)) for row, n in zip(ids, lengths, strict=True)]
    return careless(torch.stack(rows))[0][-1]


kept = check_encoder(pads_first, V)["padding_invariance"]
print(f"with pads first, padding changes nothing: {bool(kept)}")
small = Vocabulary.from_tokens(cat + dog)
moved = {"before": [], "behind": []}
for seed in range(20):
    torch.manual_seed(seed)
    model = Careless(len(small), 16, 32, 1)
    row = small.encode(cat)
    for side, padded in (("before", [0] * 15 + row), ("behind", row + [0] * 15)):
        with torch.no_grad():
            a, b = (model(torch.tensor([r]))[0][-1] for r in (row, padded))
        moved[side].append(cosine(a, b).item())
for side, values in moved.items():
    print(f"15 pads {side} the sentence, mean cosine: {np.mean(values):.2f}")

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** Our encoder was trained to put the sentence into its last state. Search with the mean and with
# > the maximum of its states, without training it again. How good are these, and does the answer say
# > which pooling is best?
# >
# > *Hint: `encoder.states` has zeros at the pads; mind the maximum.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
def pooled_by(pool):
    def vectors(ids, lengths):
        states = encoder.states(ids, lengths)  # (batch, length, D_H)
        if pool == "mean":
            return states.sum(1) / lengths[:, None]
        pads = ~mask(lengths, ids.shape[1]).unsqueeze(2)  # (batch, length, 1)
        return states.masked_fill(pads, -torch.inf).amax(1)

    return vectors


pooled = {"last": results["LSTM", 0][0].mean()}  # the first search
for pool in ("mean", "max"):
    assert check_encoder(pooled_by(pool), len(vocabulary))
    C = cosines(using(pooled_by(pool)))
    pooled[pool] = worth[np.arange(len(C)), C.argmax(1)].mean()
print("the best first:", ", ".join(sorted(pooled, key=lambda pool: -pooled[pool])))
# The last state is what was trained, so it is no fair race: for one, call
# train(new, vectors, seed, lr) with a pooling in place of new.vectors.

# %% [markdown]
# > **Exercise 5 (open, hard, 40 minutes).** "The network will learn to ignore padding by itself." A reader [asked the author of a
# > tutorial](https://github.com/bentrevett/pytorch-sentiment-analysis/issues/86) whether packing matters; in theory
# > it need not, was the answer, but the network would have to learn that. Does it? Train an encoder carelessly, on unsorted batches,
# > for half a pass, and a careful one for comparison.
# >
# > *Hint: a careless encoder calls `encoder.vectors(ids)`. Compare scores, and the cosine under pads.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
def unsorted(generator):  # half a pass, as many batches
    return torch.randperm(len(targets), generator=generator).split(128)[:46]


def reader(forget):
    new = fresh("LSTM", 0)
    way = forgetful(new) if forget else new.vectors
    half = unsorted if forget else lambda generator: batches(generator)[:46]
    train(new, way, 0, best["LSTM"], epochs=1, batches=half)
    C = cosines(using(way))
    return new, worth[np.arange(len(C)), C.argmax(1)].mean()


(_, with_lengths), (new, without) = reader(forget=False), reader(forget=True)
print(f"with lengths at least twice the score: {with_lengths > 2 * without}")
short = all_ids[all_lengths == 3][:200, :3]  # (200, 3)
with torch.no_grad():
    true, padded = (new.vectors(nn.functional.pad(short, (0, k))) for k in (0, 7))
far = cosine(true, padded).mean() < 0.95
print(f"seven pads still move it, mean cosine below 0.95: {far}")
# It has not learnt it: presumably a gradient hardly reaches the words behind ten pads.
# Do more epochs close the gap? Try it. What can be computed exactly should not have to
# be learnt.

# %% [markdown]
# ## You have
#
# - encoded *The cat sat on the mat* word by word and in one call, with all shapes;
# - told `output`, `hidden` and `cell` apart, and found the sentence in them for layers and directions;
# - seen padding move a sentence and make two sentences one, and stopped it, exactly, with a mask and with packing;
# - run `check_encoder` on three encoders, and read what it says of the careless one;
# - trained an encoder that finds sentences without a common word, and seen a mean of words, trained with equal
#   care, beat it.
#
# ## Further reading
#
# - I. Sutskever, O. Vinyals and Q. V. Le, [Sequence to sequence learning with neural
#   networks](https://arxiv.org/abs/1409.3215), 2014: the last state as the sentence, and what it learns of word order.
# - A. Conneau and colleagues, [Supervised learning of universal sentence
#   representations](https://aclanthology.org/D17-1070/), 2017: encoders and poolings compared.
# - J. Wieting and D. Kiela, [No training required](https://arxiv.org/abs/1901.10444), 2019: how far random encoders go.
