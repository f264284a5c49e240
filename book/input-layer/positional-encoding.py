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
# # Positional encoding: order for a model that sees a set
#
# In the script of a play a name stands before what its bearer says. *ROMEO: farewell. JULIET: so soon?* Cut
# the script into its words, put them into a bag and shake it. Who says *farewell*? All the words are still
# there, and the answer is gone: it was in their order.
#
# The attention layer, the heart of most large language models, is handed exactly such a bag. It compares each
# word with every other, and nothing in it asks which came first. **How does a model that sees a set learn
# order?** We build four ways to tell it, prove what each can and cannot say, and let them compete on a play.
#
# **You will**
#
# - prove that attention without positions treats a sentence as a set;
# - build the sinusoidal table, and find in it a rotation, distances, and no left or right;
# - measure what rounding does to positions far out;
# - build learned positions, RoPE and ALiBi, and prove which sees differences only, and which cannot tell a
#   text from its mirror image;
# - train one encoder in six ways, test it at up to eight times the trained length, find out why the sinusoids
#   fail there, and predict where the best one breaks down.
#
# **You need** matrix products, the addition formulas of sine and cosine, and the softmax and the
# cross-entropy of the chapter on word2vec. The chapter runs in about 20 seconds on one processor core.

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
# ## A layer that sees a set
#
# *Self-attention* (自注意力) lets every word collect something from every other word
# {cite:p}`vaswani2017attention`. Let the rows of $X \in \mathbb{R}^{T \times d}$ be the vectors of a text of
# $T$ words. Three learned matrices in $\mathbb{R}^{d \times d}$ turn each row into a *query* (what am I
# looking for?), a *key* (what can I be found by?) and a *value* (what do I hand over?). Each query is
# compared with each key by a dot product, a softmax turns a word's $T$ scores into weights, and the word
# receives the weighted sum of all values:
#
# $$
# \begin{aligned}
# Q &= XW_Q, \quad K = XW_K, \quad V = XW_V, \\
# S &= QK^\top / \sqrt d, \quad A = \mathrm{softmax}(S), \\
# Y &= AV \in \mathbb{R}^{T \times d} .
# \end{aligned}
# $$ (eq-pe-attention)
#
# The softmax is taken along each row of the scores $S \in \mathbb{R}^{T \times T}$, and $\sqrt d$ keeps them
# from growing with $d$. A layer usually has several such *heads* (注意力头) side by side, each with its own
# smaller matrices. By hand, on two sentences made of the same five words:

# %%
import torch

generator = torch.Generator().manual_seed(0)
d = 16
W_Q, W_K, W_V = torch.randn(3, d, d, generator=generator, dtype=torch.float64) / d**0.5


def attend(X):
    Q, K, V = X @ W_Q, X @ W_K, X @ W_V  # (T, d) each
    A = (Q @ K.T / d**0.5).softmax(-1)  # (T, T)
    return A @ V  # (T, d)


words = "the dog bites the man".split()
vectors = {w: torch.randn(d, generator=generator).double() for w in sorted(set(words))}
X = torch.stack([vectors[w] for w in words])  # (T, d)
Y = attend(X)
print("both 'the' receive the same vector:", torch.allclose(Y[0], Y[3]))
other = attend(torch.stack([vectors[w] for w in "the man bites the dog".split()]))
print("'dog' receives the same in both sentences:", torch.allclose(Y[1], other[4]))

# %% [markdown]
# Whether he bites or is bitten, the dog gets the same vector. Let $\Pi$
# be a *permutation matrix*, whose rows are the $T$ one-hot vectors in some order: $\Pi X$ holds the rows of $X$
# in that order. Shuffling the input shuffles queries, keys and values alike, and
#
# $$
# \begin{aligned}
# (\Pi Q)(\Pi K)^\top &= \Pi\,(QK^\top)\,\Pi^\top, \\
# \mathrm{softmax}(\Pi S \Pi^\top) &= \Pi\,\mathrm{softmax}(S)\,\Pi^\top, \\
# (\Pi A \Pi^\top)(\Pi V) &= \Pi\,AV .
# \end{aligned}
# $$ (eq-pe-equivariance)
#
# The second line holds because the softmax treats all rows alike, and in a row all entries alike; the third
# because $\Pi^\top \Pi = I$. So $\mathrm{attend}(\Pi X) = \Pi\,\mathrm{attend}(X)$: shuffle the words, and
# you get the same vectors, shuffled. $\Pi S \Pi^\top$ is less than it seems: $\Pi$ on the left moves the rows,
# $\Pi^\top$ on the right the columns. Take three words, and let the entry "12" say how much word 1 heeds word 2:

# %%
from scratch.table import Table

S = torch.tensor([[0, 1, 2], [10, 11, 12], [20, 21, 22]])
order = [2, 0, 1]  # the last word is put first
Pi = torch.eye(3).long()[order]  # rows of the identity, in the new order
rows = [
    (f"word {word}", *row)
    for word, row in zip(order, (Pi @ S @ Pi.T).tolist(), strict=True)
]
Table(rows, {"": ""} | {f"word {word}": "02d" for word in order})

# %% [markdown]
# Each entry still says who heeds whom; only the words have changed seats. This is called *permutation
# equivariance* (置换等变性). The rest of an encoder works on each row by itself, so that any stack of such layers
# is equivariant too. Average the rows at the end, and the result is *invariant*: a shuffle changes nothing. An
# encoder without positions sees a bag of words, however deep. By hand and in PyTorch:

# %%
shuffle = torch.tensor([4, 0, 3, 1, 2])
follows_by_hand = torch.allclose(attend(X[shuffle]), attend(X)[shuffle])

torch.manual_seed(0)
one = torch.nn.MultiheadAttention(d, num_heads=4, batch_first=True).double()
batch, shuffled = X[None], X[None, shuffle]  # (1, T, d)
a, b = one(batch, batch, batch)[0], one(shuffled, shuffled, shuffled)[0]
follows_in_torch = torch.allclose(a[:, shuffle], b)

layer = torch.nn.TransformerEncoderLayer(d, nhead=4, dropout=0.0, batch_first=True)
stack = torch.nn.TransformerEncoder(layer, num_layers=6).double()
a, b = stack(batch), stack(shuffled)
both = follows_by_hand and follows_in_torch
print("attention by hand and PyTorch's move along:", both)
print("so does an encoder of 6 layers:", torch.allclose(a[:, shuffle], b))
print("and its mean does not move:", torch.allclose(a.mean(1), b.mean(1)))

# %% [markdown]
# ## A clock with many hands
#
# The plain remedy is to add to each word's vector another one that says where the word stands. The number of
# the place itself, 37, would grow without bound, and drown the word; as a share of the length, 37 of 64, one
# step would mean another distance in each text. A clock shows no large numbers, but angles. The quick hand tells
# neighbouring moments apart, the slow one knows roughly how late it is, and together they pin the moment down.
#
# The *sinusoidal positional encoding* (正弦位置编码) {cite:p}`vaswani2017attention` is a clock with $d/2$ hands.
# Places $t$ count from 0. At place $t$ hand $i$ has turned by the angle $\omega_i t$, where
# $\omega_i = 10000^{-2i/d}$, and its sine and cosine are written down:
#
# $$
# \begin{aligned}
# P_{t,\,2i} &= \sin(\omega_i t), \\
# P_{t,\,2i+1} &= \cos(\omega_i t), \qquad i = 0, 1, \dots
# \end{aligned}
# $$ (eq-pe-sinusoidal)
#
# Row $t$ of the table $P \in \mathbb{R}^{L \times d}$, for $L$ places, is called $\mathbf{p}_t$, and added to
# the vector of the word at place $t$. By hand, then with the tested helper; and three rows for $d = 8$, where
# the last hand has hardly moved by place 37:

# %%
import math

from scratch.position import sinusoidal


def table(length, dim):
    rows = []
    for t in range(length):
        row = []
        for j in range(dim):  # j = 2i and j = 2i + 1 are the two numbers of hand i
            angle = t / 10_000 ** (2 * (j // 2) / dim)
            row.append(math.cos(angle) if j % 2 else math.sin(angle))
        rows.append(row)
    return torch.tensor(rows)  # (length, dim)


P = sinusoidal(64, 128)
print(tuple(P.shape), "as by hand:", torch.allclose(P, table(64, 128), atol=1e-6))
rows = [(t, *sinusoidal(1, 8, start=t)[0].tolist()) for t in (0, 1, 37)]
names = [f"{wave} {i}" for i in range(4) for wave in ("sin", "cos")]
Table(rows, {"t": "d"} | dict.fromkeys(names, "+.2f"))

# %% mystnb={"image": {"alt": "A heat map with 64 places from top to bottom and 128 dimensions from left to right. On the left the colours alternate quickly from place to place; further right the waves get slower, and in the right half every column keeps nearly one colour, light and dark in turn."}, "figure": {"caption": "The sinusoidal table: a row for each place, a column for each dimension, from −1 (dark) to 1 (light).", "name": "fig-pe-table"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.9))
mesh = axes.pcolormesh(P, vmin=-1, vmax=1, rasterized=True)
figure.colorbar(mesh, ticks=[-1, 0, 1])
axes.invert_yaxis()
axes.set(xlabel="dimension", ylabel="place $t$")
axes.grid(False)

# %% [markdown]
# PyTorch has no module for this, nor for RoPE and ALiBi: its `nn.TransformerEncoder` takes vectors that know their
# places already. With them, the six layers are no longer blind:

# %%
a, b = (stack(x + sinusoidal(5, d, dtype=x.dtype)) for x in (batch, shuffled))
print("the encoder of 6 layers still moves along:", torch.allclose(a[:, shuffle], b))

# %% [markdown]
# > **Correction.** $2i$ and $2i+1$ number the *dimensions*. It is a common mistake to read "even places get a
# > sine, odd places a cosine" ([reported](https://github.com/datawhalechina/happy-llm/issues/57)
# > [twice](https://github.com/datawhalechina/happy-llm/issues/123) in one course).
#
# > **Correction.** One of the two articles behind this book says that sines and cosines are *concatenated*
# > (拼接). The paper interleaves; Google's own tensor2tensor
# > [concatenates](https://github.com/tensorflow/tensor2tensor/issues/1925). The columns are the same, in
# > another order, but weights trained with one are wrong with the other.

# %%
halves = torch.cat([P[:, 0::2], P[:, 1::2]], dim=1)  # all sines, then all cosines
order = torch.arange(128).view(2, 64).T.flatten()  # 0, 64, 1, 65, ...
products = torch.allclose(halves @ halves.T, P @ P.T, atol=1e-4)
permuted = torch.equal(halves[:, order], P)
print("a permutation, with the same dot products:", permuted and products)

# %% [markdown]
# Hand $i$ comes round after $2\pi/\omega_i$ places, its *wavelength* (波长). For the first, a middle and the
# last hand:

# %%
rows = []
for dim in (8, 128, 512):
    omega = 10_000.0 ** (-torch.arange(0, dim, 2).double() / dim)  # (dim / 2,)
    waves = (2 * math.pi / omega).tolist()
    rows.append((dim, waves[0], waves[dim // 4], waves[-1]))
print(f"10,000 · 2π = {10_000 * 2 * math.pi:,.1f}")
Table(rows, {"d": "d", "first": ".1f", "middle": ".1f", "last": ",.1f"})

# %% [markdown]
# From hand to hand the wavelength grows by the same factor, for large $d$ to nearly the paper's $10000 \cdot 2\pi$.
#
# ## The rotation inside
#
# In the next $k$ minutes a given hand turns by the same angle, whatever the time is. By the addition formulas:
#
# $$
# \begin{pmatrix} \sin(\omega_i (t{+}k)) \\ \cos(\omega_i (t{+}k)) \end{pmatrix}
# =
# \begin{pmatrix} c & s \\ -s & c \end{pmatrix}\!
# \begin{pmatrix} \sin(\omega_i t) \\ \cos(\omega_i t) \end{pmatrix}
# $$ (eq-pe-rotation)
#
# with $c = \cos(\omega_i k)$ and $s = \sin(\omega_i k)$. Put these blocks along the diagonal of a matrix $R_k
# \in \mathbb{R}^{d \times d}$ ($d$ is even here), and $\mathbf{p}_{t+k} = R_k\,\mathbf{p}_t$ for *every*
# place $t$. For this reason the authors "hypothesized it would allow the model to easily learn to attend by
# relative positions": a linear map, such as $W_Q$, can turn "here" into "three words to the left of here".


# %%
def rotation(k, dim):
    turn = k * 10_000.0 ** (-torch.arange(0, dim, 2).double() / dim)  # (dim / 2,)
    c, s = turn.cos(), turn.sin()
    blocks = torch.stack([c, s, -s, c], dim=1).view(-1, 2, 2)  # (dim / 2, 2, 2)
    return torch.block_diag(*blocks)  # (dim, dim)


d = 64
R_5, right = rotation(5, d), []
for t in (0, 37, 100_000):
    now, later = sinusoidal(6, d, start=t, dtype=torch.float64)[[0, 5]]
    if torch.allclose(R_5 @ now, later, atol=1e-9):
        right.append(t)
print("R_5 leads five places on from the places", right)

# %% [markdown]
# Now the dot product, by which attention compares. Hand by hand it is
# $\sin a \sin b + \cos a \cos b = \cos(a - b)$, so that
#
# $$
# \mathbf{p}_t \cdot \mathbf{p}_{t+k} = \sum_{i=0}^{d/2-1} \cos(\omega_i k) .
# $$ (eq-pe-dot)
#
# The place $t$ is gone: the dot product of two encodings depends on their distance only. And since the cosine
# is even, $k$ and $-k$ give the same: five words later looks like five words earlier.

# %%
P = sinusoidal(300, d, dtype=torch.float64)  # (300, d)
steps = (-40, -5, 0, 5, 40)
rows = [(t, *((P[t] @ P[t + k]).item() for k in steps)) for t in (100, 200)]
Table(rows, {"t": "d"} | {f"k = {k}": ".2f" for k in steps})

# %% [markdown]
# The two lines agree, and each reads the same from both ends. Where, then, could a sense of direction come
# from? Yan and colleagues {cite:p}`yan2019tener` changed the encoding. But $W_Q$ can bring it, too: if it
# contains a rotation, the peak moves. The dot product of $R_{-3}\,\mathbf{p}_t = \mathbf{p}_{t-3}$ with
# $\mathbf{p}_u$ is largest at $u = t - 3$.

# %%
looks_back = rotation(-3, d)
places = sinusoidal(300, d, start=1_000_000, dtype=torch.float64)  # (300, d)
for name, table_ in (("places 0, 1, …", P), ("a million further on", places)):
    scores = table_ @ looks_back.T @ table_.T  # (300, 300), queries down, keys across
    offset = scores.argmax(1) - torch.arange(300)  # (300,) where each query peaks
    print(f"{name}: the peak lies at offset {offset[3:].unique().tolist()}")

# %% mystnb={"image": {"alt": "Two curves of the dot product against the offset k from minus 40 to 40. The first has its peak of 32 at zero, falls steeply to both sides and goes on falling in small waves, symmetric to left and right. The second is the same curve moved three places to the left."}, "figure": {"caption": "Dot product of two encodings, $d = 64$, against their offset.", "name": "fig-pe-dot"}}
offsets = torch.arange(-40, 41)
figure, axes = plt.subplots(figsize=(5, 2.8))
product = r"\mathbf{p}_t \cdot \mathbf{p}_{t+k}"
axes.plot(offsets, (P @ P.T)[150, 150 + offsets], label=f"${product}$")
turned = (P @ looks_back.T @ P.T)[150, 150 + offsets]
axes.plot(offsets, turned, "--", label=rf"$R_{{-3}}\,{product}$")
axes.set(xlabel="offset $k$", ylabel="dot product")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# So the *largest* score of this head is that of the word three places to the left, in a text of any length,
# untrained. Is that enough? What is handed over are softmax weights, and the peak is broad. Here is the
# weight of the right place, with scores divided by $\sqrt d$ as in {eq}`eq-pe-attention`, and multiplied by larger
# numbers $\beta$ instead; last, the $\beta$ that gives it one half:


# %%
def weight(length, beta):
    rows = sinusoidal(length, d, dtype=torch.float64)  # (T, d)
    scores = rows @ looks_back @ rows[length // 2]  # (T,) asked from the middle
    return (beta * scores).softmax(0)[length // 2 - 3].item()


rows = []
for length in (30, 300, 5_000):
    weights = [weight(length, beta) for beta in (d**-0.5, 0.5, 1, 2)]
    enough = next(b / 100 for b in range(1, 1000) if weight(length, b / 100) >= 0.5)
    rows.append((length, *weights, enough))
columns = dict.fromkeys(("1/√d", "β = ½", "β = 1", "β = 2"), ".3f")
Table(rows, {"words": ",", **columns, "β for one half": ".2f"})

# %% [markdown]
# With $1/\sqrt d$ the head spreads its attention, ever thinner in a longer text. It needs a $\beta$ several
# times as large, which $W_Q$ and $W_K$ can supply; one that is enough for short texts then nearly is for long
# ones, since far places score low.
#
# ## Odd dimensions, and far places
#
# First, a crash. The usual code fills `pe[:, 1::2]` with as many cosines as there are sines. With an odd $d$
# there is one sine more, and PyTorch refuses, as readers
# [keep](https://github.com/codertimo/BERT-pytorch/issues/78)
# [reporting](https://github.com/datawhalechina/base-llm/issues/67).

# %%
length, dim = 10, 7
position = torch.arange(length).unsqueeze(1)  # (length, 1)
div_term = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
pe = torch.zeros(length, dim)
pe[:, 0::2] = torch.sin(position * div_term)
try:
    pe[:, 1::2] = torch.cos(position * div_term)
except RuntimeError as error:
    print(str(error).split(" at ")[0])
pe[:, 1::2] = torch.cos(position * div_term[: dim // 2])
print("mended:", torch.allclose(pe, sinusoidal(length, dim), atol=1e-5))

# %% [markdown]
# The next mistake is silent. That code computes in float32, with about seven digits, which an angle at place
# 1,000,000 needs for its whole part. A number in bfloat16 keeps eight binary digits, less than three decimal
# ones. Our helper computes the angles in float64 and rounds once, at the end. So many decimals are right
# in the worst number of a row, $d = 512$, against forty digits from `mpmath`:

# %% tags=["atol=0.3"]
from operator import sub

import mpmath

mpmath.mp.dps = 40


def truth(t, dim):
    base = mpmath.mpf(10_000) ** (mpmath.mpf(2) / dim)
    angles = [t / base ** (j // 2) for j in range(dim)]
    return [mpmath.cos(a) if j % 2 else mpmath.sin(a) for j, a in enumerate(angles)]


def common(t, dim, dtype):
    div = torch.exp(torch.arange(0, dim, 2, dtype=dtype) * (-math.log(10_000.0) / dim))
    angles = torch.tensor(t, dtype=dtype) * div
    return torch.stack([angles.sin(), angles.cos()], dim=1).flatten()


digits = []
for t in (100, 4_000, 1_000_000):
    exact = truth(t, 512)
    rows = [sinusoidal(1, 512, start=t)[0], common(t, 512, torch.float32)]
    rows.append(common(t, 512, torch.bfloat16))
    worst = (float(max(map(abs, map(sub, row.tolist(), exact)))) for row in rows)
    digits.append((t, *(max(0, -math.log10(error)) for error in worst)))
names = ("the helper", "angles in float32", "angles in bfloat16")
Table(digits, {"place": ","} | dict.fromkeys(names, ".1f"))

# %% [markdown]
# The helper is off by $2^{-25}$, half the distance between two neighbouring float32 numbers just below 1: no
# float32 table can promise less. The float32 angles lose a digit for each digit of the place. The bfloat16
# angles are soon wrong in the first digit, for bfloat16 cannot count:

# %%
print([int(t) for t in torch.arange(1000, 1009).bfloat16()])
early = torch.equal(*(common(t, 512, torch.bfloat16) for t in (1000, 1001)))
rows = [sinusoidal(1, 512, start=t, dtype=torch.bfloat16) for t in (1000, 1001)]
late = torch.equal(*rows)
print(f"1,000 and 1,001 get the same row: {early}; with rounding at the end: {late}")

# %% [markdown]
# > **Pitfall.** Positions in bfloat16 come when a whole model is cast, or runs under
# > autocast, as happened [in `transformers`](https://github.com/huggingface/transformers/pull/29285) to the
# > rotary encodings below. Compute angles in float32 or better, and cast the result.
#
# ## Learned positions
#
# Why design a table that one could learn? *Learned positions* (可学习的位置编码) are an embedding table like that of
# the words, with a row for each place {cite:p}`gehring2017convolutional`; BERT has 512
# {cite:p}`devlin2019bert`. When Vaswani and colleagues tried it, they found "nearly identical results". The
# price is the end of the table. Past it there is no row; before it, a row learns only from texts that are
# long enough:

# %%
from scratch.position import LearnedPosition

positions = LearnedPosition(max_length=10, dim=4)
x = torch.zeros(1, 6, 4)  # one text of 6 words
positions(x).square().sum().backward()
reached = positions.weight.grad.any(1).nonzero().flatten()
print("rows with a gradient:", reached.tolist())
try:
    positions(torch.zeros(1, 11, 4))
except ValueError as error:
    print(error)

# %% [markdown]
# Rows 6 to 9 have had no gradient: they still hold the random numbers they began with, and will be used without
# complaint. In a batch that is padded on the *left*, count from each text's first word, `mask.cumsum(1) - 1`:
# counted from the pads, its words get other rows, and nothing
# [warns](https://github.com/ndif-team/nnsight/pull/673). The published TinyStories-33M offers 2,048 places, was
# trained on texts of 512, and gets [much worse](https://github.com/TransformerLensOrg/TransformerLens/issues/492)
# past them.
#
# ## RoPE: turn, do not add
#
# The rotation {eq}`eq-pe-rotation` was a gift that a model may use or not. *Rotary position embedding*
# (旋转位置编码, RoPE) {cite:p}`su2024roformer` makes it the whole method. Nothing is added to the words. Instead,
# in each attention layer, queries and keys are turned, pair of numbers by pair of numbers, by angles that
# grow with their place. At place $m$,
#
# $$
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}
# \mapsto
# \begin{pmatrix} c & -s \\ s & c \end{pmatrix}
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}
# $$ (eq-pe-rope)
#
# with $c = \cos(\omega_i m)$, $s = \sin(\omega_i m)$: the complex number $x_{2i} + \mathrm{i}\,x_{2i+1}$ is
# multiplied by $e^{\mathrm{i}\,\omega_i m}$. (In {eq}`eq-pe-rotation` the signs differ, since there the sine
# comes first.) Let $\mathcal{R}_m \in \mathbb{R}^{d \times d}$ do this to all pairs, where $d$ is the width
# of one head, and even. Turning back is transposing, and back by $m$ and on by $n$ is on by $n - m$:
#
# $$
# \begin{aligned}
# (\mathcal{R}_m \mathbf{q}) \cdot (\mathcal{R}_n \mathbf{k}) &= \mathbf{q}^\top \mathcal{R}_m^\top \mathcal{R}_n\,
# \mathbf{k} \\ &= \mathbf{q}^\top \mathcal{R}_{n-m}\, \mathbf{k} . \end{aligned}
# $$ (eq-pe-rope-offset)
#
# The score depends on the two words and on $n - m$ only. Distance *and* direction are in it:
# $\mathcal{R}_{n-m}$ and $\mathcal{R}_{m-n}$ are different matrices. By hand with complex numbers, then with
# the helper:

# %%
from scratch.position import rotate

T, d = 12, 8
q, k = torch.randn(2, T, d, generator=generator, dtype=torch.float64)  # (T, d) each
places = torch.arange(T)
omega = 10_000.0 ** (-torch.arange(0, d, 2).double() / d)  # (d / 2,)
angles = places[:, None] * omega  # (T, d / 2)
turn = torch.complex(angles.cos(), angles.sin())  # (T, d / 2): cos + i sin
pairs = torch.complex(q[:, 0::2], q[:, 1::2])  # (T, d / 2): x_2i + i x_2i+1
by_hand = torch.view_as_real(pairs * turn)  # (T, d / 2, 2): back to two real numbers
print("as by hand:", torch.allclose(rotate(q, places), by_hand.flatten(1)))

here = rotate(q, places) @ rotate(k, places).T  # (T, T) all scores
there = rotate(q, places + 5000) @ rotate(k, places + 5000).T
swapped = rotate(q[1:2], torch.tensor([4])) @ rotate(k[4:5], torch.tensor([1])).T
moved, turned = (
    torch.allclose(here, there, atol=1e-9),
    torch.allclose(here[1, 4], swapped),
)
print(f"the same scores 5,000 places on: {moved}; with two places swapped: {turned}")

# %% [markdown]
# A key, once turned, stays as it is whatever is read after it: a model that writes word by word can keep it.
#
# > **Pitfall.** RoPE turns queries and keys. Not the values: a turned value would carry its absolute place
# > into the output (exercise 3). Not the word embeddings: the maps $W_Q$ and $W_K$ would come in between, and
# > {eq}`eq-pe-rope-offset` would not hold.
#
# > **Pitfall.** Which numbers make a pair? The paper, Meta's LLaMA and our helper pair neighbours, $2i$ with
# > $2i+1$. For LLaMA, the `transformers` library
# > [pairs](https://github.com/huggingface/transformers/issues/25199) $i$ with $i + d/2$: the same up to a
# > permutation, which it applies to $W_Q$ and $W_K$ when it converts a model. (For GPT-J, the same library
# > pairs neighbours.) Mix the two, and nothing crashes; the scores are merely wrong.


# %%
def rotate_halves(x, places):
    c, s = (places[:, None] * omega).cos(), (places[:, None] * omega).sin()
    a, b = x.chunk(2, dim=-1)  # (T, d / 2) each
    return torch.cat([a * c - b * s, a * s + b * c], dim=-1)


order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])  # evens, then odds
theirs = rotate_halves(q[:, order], places) @ rotate_halves(k[:, order], places).T
mixed = rotate_halves(q, places) @ rotate_halves(k, places).T
same, wrong = torch.allclose(theirs, here), torch.allclose(mixed, here)
print(f"the same scores, permuted: {same}; not permuted: {wrong}")

# %% [markdown]
# ## ALiBi: a price for distance
#
# The last method has no vectors at all. *Attention with linear biases* (线性偏置注意力, ALiBi)
# {cite:p}`press2022train` takes from each score a price that grows with the distance,
#
# $$
# S_{tu} + B_{tu}, \qquad B_{tu} = - m_h\, |t - u| ,
# $$ (eq-pe-alibi)
#
# with a slope $m_h > 0$ that is fixed, not learned, and differs from head to head: $2^{-8h/H}$ for the heads
# $h = 1, \dots, H$. In the softmax, one place more multiplies a word's share by $e^{-m_h}$: a head with a
# steep slope is short-sighted, one with a gentle slope sees far. The slopes of 8 heads, and $B$ for head 1:

# %%
from scratch.position import alibi_bias, alibi_slopes

print("slopes of 8 heads:", ", ".join(f"1/{1 / m:.0f}" for m in alibi_slopes(8)))
by_hand = torch.tensor([[-(2**-1) * abs(t - u) for u in range(4)] for t in range(4)])
B = alibi_bias(heads=8, length=4)[0]  # (T, T)
print("head 1, as by hand:", torch.equal(B, by_hand))
print(B)

# %% [markdown]
# That paper's models look to the left only, and there every distance has one direction. An encoder looks both
# ways. Read a text backwards, and all distances stay as they are: if $\Pi$ is the permutation that reverses
# the places, then $\Pi B\,\Pi^\top = B$, and {eq}`eq-pe-equivariance` goes through with $S + B$ for this one
# permutation. Each word of the mirrored text receives just what it did before. *An encoder with symmetric
# ALiBi cannot tell left from right*, however long it is trained.

# %%
T, d = 12, 16
X = torch.randn(T, d, generator=generator, dtype=torch.float64)
B = alibi_bias(8, T, dtype=torch.float64)[2]  # (T, T) of one head


def attend_biased(X, B):
    scores = (X @ W_Q) @ (X @ W_K).T / d**0.5 + B
    return scores.softmax(-1) @ X @ W_V


right = torch.ones(T, T).triu(1).bool()  # keys to the right of the query
left, rows = B.masked_fill(right, -math.inf), []  # from the right comes nothing
shuffle, mirror = torch.arange(T).roll(1), torch.arange(T).flip(0)
for name, bias in (("symmetric", B), ("one-sided", left)):
    same = (
        torch.allclose(attend_biased(X[order], bias), attend_biased(X, bias)[order])
        for order in (shuffle, mirror)
    )
    rows.append((name, *(("sees it", "blind")[blind] for blind in same)))
Table(rows, {"ALiBi": "", "a shuffle": "", "a mirror": ""})

# %% [markdown]
# The last row shows a remedy: some heads see only the left, others only the right. (The authors
# [discuss](https://github.com/ofirpress/attention_with_linear_biases/issues/5) what encoders need.)
#
# Between a price and a vector stands T5's way {cite:p}`raffel2020exploring`: a *learned* number for each head
# and each of 32 classes of differences, added to the score. Near differences have classes of their own, far
# ones share them, and left and right differ:


# %%
def t5_class(step):
    """The class, of 32, of a word so many steps to the right (below 0: to the left)."""
    side, n = 16 * (step > 0), abs(step)
    if n >= 8:
        n = min(15, 8 + int(8 * math.log(n / 8) / math.log(128 / 8)))
    return side + n


steps = [1, 2, 7, 8, 11, 12, 16, 50, 90, 91, 9_999]
rows = [
    (name, *(t5_class(side * n) for n in steps))
    for name, side in (("left", -1), ("right", 1))
]
Table(rows, {"steps": ""} | {f"{n:,}": "d" for n in steps})

# %% [markdown]
# From 91 words on all is "far", in a text of any length: no reading is new there. These are 32 numbers to learn for
# each head. A learned table has $L d$, which in the smaller BERT are $512 \cdot 768 = 393{,}216$; the other ways
# have none.
#
# ## Six readers of a play
#
# A program writes a play of four names (A to D) and four words (w to z): first a name, then random names with
# probability ¼, otherwise random words. A reader has two questions at each place:
#
# - *Who speaks?* For each word, the nearest name to its left: direction and a rough sense of distance.
# - *What stood three places before?* For each token from the fourth on: direction and an exact distance.

# %%
NAMES, TOKENS, BACK = 4, 8, 3  # ids 0 to 3 are names, 4 to 7 words


def play(batch, length, generator):
    names = torch.randint(NAMES, (batch, length), generator=generator)
    words = torch.randint(NAMES, TOKENS, (batch, length), generator=generator)
    is_name = torch.rand(batch, length, generator=generator) < 0.25
    is_name[:, 0] = True
    ids = torch.where(is_name, names, words)  # (batch, length)
    last_name = torch.where(is_name, torch.arange(length), 0).cummax(1).values
    speaker = ids.gather(1, last_name).masked_fill(is_name, -1)  # -1: not asked
    before = torch.full_like(ids, -1)
    before[:, BACK:] = ids[:, :-BACK]
    return ids, speaker, before


for row in play(1, 16, torch.Generator().manual_seed(1)):
    print(" ".join("ABCDwxyz·"[i] for i in row[0]))

# %% [markdown]
# A script, who speaks, and what stood three places before; a dot where nobody asks.
#
# The readers share one architecture, which Part 2 explains: two layers of attention with four heads, each followed
# by a small feed-forward net. Places enter in two lines only: the turn of queries and keys, and the bias.

# %%
from torch import nn


class Block(nn.Module):
    def __init__(self, dim=32, heads=4):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        wide, narrow = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.feed_forward = nn.Sequential(wide, nn.ReLU(), narrow)

    def forward(self, x, bias, turn):
        batch, length, dim = x.shape
        parts = self.qkv(self.norm_1(x)).chunk(3, -1)  # (batch, length, dim) each
        heads = (part.view(batch, length, self.heads, -1) for part in parts)
        q, k, v = (part.transpose(1, 2) for part in heads)  # (batch, heads, length, …)
        if turn:
            q, k = rotate(q, torch.arange(length)), rotate(k, torch.arange(length))
        scores = q @ k.mT / q.shape[-1] ** 0.5 + bias  # (batch, heads, length, length)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2)  # (batch, length, heads, …)
        x = x + self.out(mixed.reshape(batch, length, dim))
        return x + self.feed_forward(self.norm_2(x))


# %% [markdown]
# The six ways differ in what is added to the words, in `turn`, and in `bias`. In one-sided ALiBi, heads 1 and
# 3 see the left, heads 2 and 4 the right, with the paper's slopes for two heads.

# %%
from scratch.position import SinusoidalPosition

LONGEST = 128


def bias_for(kind, length, heads=4):
    if kind == "ALiBi, symmetric":
        return alibi_bias(heads, length)  # (heads, length, length)
    if kind == "ALiBi, one-sided":
        bias = alibi_bias(heads // 2, length).repeat_interleave(2, dim=0)
        right = torch.ones(length, length).triu(1).bool()  # keys on the right
        bias[0::2].masked_fill_(right, -math.inf)
        bias[1::2].masked_fill_(right.T, -math.inf)
        return bias
    return torch.zeros(1, 1, 1)


# %%
class Reader(nn.Module):
    def __init__(self, kind, dim=32):
        super().__init__()
        self.kind, self.words = kind, nn.Embedding(TOKENS, dim)
        self.position = nn.Identity()
        if kind == "sinusoidal":
            self.position = SinusoidalPosition(LONGEST, dim)
        if kind == "learned":
            self.position = LearnedPosition(LONGEST, dim, std=1.0)
        self.blocks = nn.ModuleList([Block(dim), Block(dim)])
        self.answer = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, NAMES + TOKENS))

    def forward(self, ids):
        x = self.position(self.words(ids))  # (batch, length, dim)
        bias = bias_for(self.kind, ids.shape[1])
        for block in self.blocks:
            x = block(x, bias, turn=self.kind == "RoPE")
        return self.answer(x).split([NAMES, TOKENS], dim=-1)


# %% [markdown]
# First the two theorems once more, on untrained readers. Whose answers move along with a shuffle, or a mirror?


# %%
def follows(kind, order):
    """Do the answers move with the tokens?"""
    torch.manual_seed(0)
    reader = Reader(kind)
    ids, _, _ = play(8, 16, torch.Generator().manual_seed(0))
    pairs = zip(reader(ids[:, order]), reader(ids), strict=True)
    return all(torch.allclose(new, old[:, order], atol=1e-5) for new, old in pairs)


KINDS = ["none", "sinusoidal", "learned", "RoPE"]
KINDS += ["ALiBi, symmetric", "ALiBi, one-sided"]
shuffle = torch.randperm(16, generator=torch.Generator().manual_seed(0))
orders, rows = (shuffle, torch.arange(16).flip(0)), []
for kind in KINDS:
    blind = (follows(kind, order) for order in orders)
    rows.append((kind, *(("sees it", "blind")[b] for b in blind)))
Table(rows, {"places": "", "a shuffle": "", "a mirror": ""})

# %% [markdown]
# All six are trained by `scratch.training.fit`, which takes steps of
# Adam {cite:p}`kingma2015adam` that grow for a while and then shrink: on scripts of 16 tokens, new ones at each
# step, both questions at once.

# %%
from functools import partial

from torch.nn.functional import cross_entropy

from scratch.training import fit


def loss(reader, scripts):
    ids, *truths = scripts
    answers = zip(reader(ids), truths, strict=True)
    return sum(cross_entropy(a.mT, t, ignore_index=-1) for a, t in answers)


def train(reader, seed, rate, steps=240, length=16, batch=32):
    draw = torch.Generator().manual_seed(seed)
    scripts = [play(batch, length, draw) for _ in range(steps)]
    fit(reader.parameters(), partial(loss, reader), scripts, rate, warmup=30)
    return reader


# %% [markdown]
# Each takes the smallest of seven step sizes that is within 0.003 of the best on other scripts of 16 tokens. One run
# of each is made here; `benchmarks/positions.py` has made five, of which ours are the first:

# %%
from scratch.corpora import load_results

results = load_results("positions")
rates = {row["kind"]: row["rate"] for row in results["rates"]}
race = {row["kind"]: row for row in results["race"]}
readers = {}
for kind in KINDS:
    torch.manual_seed(0)
    readers[kind] = train(Reader(kind), 100, rates[kind])
Table(rates.items(), {"places": "", "step size": ""})

# %% [markdown]
# The test takes new scripts of 8 to 128 tokens. The yardstick is a reader who has the bag alone: it answers "who
# speaks?" with the most frequent name, and "what stood before?" with the most frequent of the other
# tokens. Without order nobody can do better on the first question (exercise 1). The tables give means of the five
# runs.

# %%
LENGTHS = (8, 16, 32, 64, 128)
tests = {n: play(6400 // n, n, torch.Generator().manual_seed(n)) for n in LENGTHS}


# %%
def accuracy(guesses, truth):
    return (guesses == truth)[truth >= 0].double().mean().item()


# %%
@torch.no_grad()
def examine(reader, n):
    ids, *truths = tests[n]
    return [accuracy(a.argmax(-1), t) for a, t in zip(reader(ids), truths, strict=True)]


# %%
def from_the_bag(n):
    ids, speaker, before = tests[n]
    counts = nn.functional.one_hot(ids, TOKENS).sum(1)  # (scripts, 8)
    name = counts[:, :NAMES].argmax(1, keepdim=True).expand_as(ids)
    others = counts[:, None] - nn.functional.one_hot(ids, TOKENS)  # (scripts, n, 8)
    return [accuracy(name, speaker), accuracy(others.argmax(-1), before)]


bag = torch.tensor([from_the_bag(n) for n in LENGTHS])  # (lengths, 2)
scores, runs, among = {}, {}, []
for kind, reader in readers.items():
    scores[kind] = torch.tensor([examine(reader, n) for n in LENGTHS])  # (lengths, 2)
    runs[kind] = torch.tensor(race[kind]["right"])  # (5, lengths, 2)
    low, high = runs[kind].aminmax(dim=0)
    among.append(((scores[kind] > low - 0.1) & (scores[kind] < high + 0.1)).all())
print("our runs are among the five, within 0.1:", all(among))

# %%
QUESTIONS = ("who speaks?", "what stood three places before?")


def by_length(question):
    rows = []
    for kind in KINDS:
        rows.append((kind, *runs[kind][:, :, question].mean(0).tolist()))
    rows.append(("(the bag alone)", *bag[:, question].tolist()))
    return Table(rows, {QUESTIONS[question]: ""} | {f"{n}": ".2f" for n in LENGTHS})


by_length(0)

# %%
by_length(1)

# %% mystnb={"image": {"alt": "Two panels of accuracy against script length from 8 to 128, doubling, with a vertical line at the trained length 16. In both, sinusoidal and learned positions are near the top up to 16 and then fall steeply. RoPE stays at the top up to 64 and falls by 128. In the upper panel, who speaks, one-sided ALiBi starts at the top and declines slowly, symmetric ALiBi runs flat at a middle height. In the lower one, what stood three places before, both stay low. The reader without positions lies on the dotted line of the bag throughout."}, "figure": {"caption": "Six ways to tell places, trained on scripts of 16 tokens (vertical line) and tested on others. Lines are means, bands the range of five runs; dotted, the best guess from the bag alone.", "name": "fig-pe-lengths"}}
figure, panels = plt.subplots(2, 1, figsize=(5, 6.2), sharex=True)
for question, axes in enumerate(panels):
    for kind, style in zip(KINDS, ("o-", "v--", "s-", "^-", "D-", "P-"), strict=True):
        some = runs[kind][:, :, question]  # (5, lengths)
        (line,) = axes.plot(LENGTHS, some.mean(0), style, markersize=5, label=kind)
        low, high = some.aminmax(dim=0)  # (lengths,) each
        axes.fill_between(LENGTHS, low, high, color=line.get_color(), alpha=0.2, lw=0)
    axes.plot(LENGTHS, bag[:, question], ":", color="black", lw=1.5, label="bag alone")
    axes.axvline(16, color="gray", lw=1)
    axes.set(ylim=(0, 1.04), ylabel="accuracy", title=QUESTIONS[question])
axes.set_xscale("log", base=2)
axes.set_xticks(LENGTHS, LENGTHS, minor=False)
axes.set(xlabel="tokens in the script")
handles, labels = axes.get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
plt.show()

# %% [markdown]
# **None.** As proved: it learns to count, and lies on the line of the bag.
#
# **Learned.** Nearly perfect at the trained length, and then a cliff. The second question shows where, in
# scripts of 64 tokens:

# %%
from itertools import pairwise

CLIFF = {64: (BACK, 16, 32, 64)}


@torch.no_grad()
def by_place(reader, cuts):
    """The share right of the second question in scripts of n tokens, between cuts."""
    shares = []
    for n, at in cuts.items():
        ids, _, before = play(200, n, torch.Generator().manual_seed(n))
        right = (reader(ids)[1].argmax(-1) == before).double()  # (200, n)
        shares += [right[:, a:b].mean().item() for a, b in pairwise(at)]
    return shares


# %%
rows = []
for kind in ("learned", "sinusoidal"):
    means = torch.tensor(race[kind]["by place"]).mean(0)  # (3,) of five runs
    rows.append((kind, *means.tolist()))
worse = max(by_place(readers["learned"], CLIFF)[1:]) < bag[LENGTHS.index(64), 1]
print(f"here, the learned rows are worse than the bag from place 16 on: {worse}")
columns = {f"{a} to {b - 1}": ".2f" for a, b in pairwise(CLIFF[64])}
Table(rows, {"at the places": ""} | columns)

# %% [markdown]
# From place 16 on, where no row has been trained, the answers are worse than a guess from the bag.
#
# **Sinusoidal.** The same cliff, although every row of *this* table is right; the far places even disturb the
# first sixteen; why, see below.
#
# > **Correction.** "Sinusoidal encodings extrapolate to longer texts", say many tutorials. The authors chose
# > them "because it may allow the model to extrapolate", and report no test of it. When Press and colleagues
# > tested it {cite:p}`press2022train`, language models got worse soon past the trained length. So do ours.
#
# **ALiBi, symmetric.** It knows only who is named nearby, on either side: worth something on the first question,
# at every length.
#
# **ALiBi, one-sided.** It answers the first question as well as RoPE at the trained length: look left, prefer
# what is near. It declines as the script gets longer (exercise 4). It fails the second: a price that grows
# with the distance can prefer near to far, but not three places to two.
#
# **RoPE.** Only differences enter, and those that matter here, 3 and the distances to the nearest name,
# nearly all occur in training. So it stays near the top at two and at four times the trained length. But its
# last point has fallen, and we can say why.
#
# ## Why the clock is misread
#
# The rotation that looks three places back would be right at any place. Did training find it? Move the clock:
# give the reader scripts of 16 tokens, as in training, but at the places from 16 on; then put some hands back to
# where they stood in training.


# %%
class Rows(nn.Module):
    """Adds the rows of a table that we make."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def forward(self, x):
        return x + self.rows[: x.shape[1]]


@torch.no_grad()
def right_at(reader, rows, scripts):
    """Which answers to the second question are right if the places get these rows?"""
    own, reader.position = reader.position, Rows(rows)
    guesses = reader(scripts[0])[1].argmax(-1)
    reader.position = own
    return (guesses == scripts[2])[:, BACK:].double()  # (scripts, length - 3)


def quick_hands(places, dim):
    """Which numbers of a row belong to hands that come round within so many places?"""
    waves = 2 * math.pi * 10_000.0 ** (torch.arange(0, dim, 2) / dim)  # (dim / 2,)
    return (waves <= places).repeat_interleave(2)  # (dim,)


# %%
def put_back(reader):
    """The share right with the clock moved by 16 places and some hands put back."""
    scripts = play(400, 16, torch.Generator().manual_seed(2))
    here, there = sinusoidal(32, 32).chunk(2)  # places 0–15 and 16–31
    quick = quick_hands(16, 32)
    cases = {"moved": there}
    cases["moved, slow hands put back"] = torch.where(quick, there, here)
    cases["moved, quick hands put back"] = torch.where(quick, here, there)
    cases["all put back"] = here
    return {k: right_at(reader, v, scripts).mean().item() for k, v in cases.items()}


# %%
quick, ours = quick_hands(16, 32), put_back(readers["sinusoidal"])
print("hands:", len(quick) // 2, "of which quick:", quick.sum().item() // 2)
print("here, right in over 95%:", *(name for name in ours if ours[name] > 0.95))
clocks, rows = race["sinusoidal"]["put back"], []
for name in ours:
    shares = [clock[name] for clock in clocks]  # five runs
    rows.append((name, sum(shares) / 5, f"{min(shares):.2f} to {max(shares):.2f}"))
Table(rows, {"the clock": "", "right": ".2f", "five runs": ""})

# %% [markdown]
# Moved, the script breaks the reader: it has not learnt "three places back". Neither the slow hands alone are to
# blame, whose readings are new out there, nor the quick ones, whose readings have all been seen: the reader has
# learnt sixteen *rows*, in which both kinds of hands go together. (A row has 32 numbers, so that many matrices
# carry each of 16 rows to the one three places earlier; exercise 2.) But with 64 places and 32 numbers the matrix
# is determined, and the cliff is there all the same. Trained for longer, at their own step sizes, means of
# three seeds (*places*: trained; *quick*: hands that go round in them; then accuracy *inside* the places, *moved* by as
# many, with slow or quick hands put *back*, and *past* the places in scripts twice as long):

# %%
names = ["inside", "there", "slow back", "quick back", "past the end"]
rows = []
kinds = ["all", "quick", "slow", "moved"]
for row in sorted(results["cliff"], key=lambda r: kinds.index(r["arm"].split()[0])):
    quick = quick_hands(row["places"], row["dim"]).sum().item() // 2
    shares = (sum(row[name]) / len(row[name]) for name in names)
    rows.append((row["arm"], row["places"], row["dim"] // 2, quick, *shares))
columns = {"reader": "", "places": "d", "hands": "d", "quick": "d"}
names = ("inside", "moved", "slow back", "quick back", "past")
Table(rows, columns | dict.fromkeys(names, ".2f"))

# %% [markdown]
# *All hands*: it helps more to put the slow hands back, in one row hardly, and with 64 places it mends most of
# the harm. *It is mostly the slow hands*: past the end they show what they never showed in training. In 16 places
# even the quickest goes round hardly more than twice, and its readings come in new company.
#
# Three interventions say the same. Readers without slow hands (*quick hands*) lose much less past the end;
# readers with nothing else (*slow hands*) lose all. And readers *moved about*, whose scripts began anywhere in
# four times as many places, have no cliff: they have seen those readings, and now the rotation pays. (Past the
# end, where the length is new, too, they lose little with 16, a quarter with 64.) *Sinusoids do not fail for want of a
# rotation, but because a text that always begins at 0 need not be read with it.*
#
# ## Where RoPE breaks
#
# A head of our readers has 8 numbers, four pairs, with wavelengths of about 6, 63, 628 and 6,283 places. In
# 16 places the two slow pairs hardly turn, so that "three places back" has to be recognised by the two quick
# ones. Now compare two keys 63 places apart. Between them the quickest pair turns about ten times, and the
# next about once: both are back where they were. *To the quick pairs, what stands 60 places to the right
# stands three places to the left.*
#
# This tells exactly where the second question goes wrong. In a script of 63 tokens, nowhere.
# In one of 64, at place 3 alone, which mistakes the last token for the first. In one of 96, at the places up
# to 35, which have a token 60 places to the right, and at those from 66 on, which have one $3 + 63$ places to
# the left.

# %%
PREDICTED = {63: (3, 63), 64: (3, 4, 64), 96: (3, 36, 66, 96)}


@torch.no_grad()
def mistaken(reader):
    """Of the errors at place 3 of 64, the share that names the last token."""
    ids, _, before = play(200, 64, torch.Generator().manual_seed(64))
    guesses = reader(ids)[1].argmax(-1)[:, 3]  # (200,)
    wrong = guesses != before[:, 3]
    return (guesses == ids[:, 63])[wrong].double().mean().item()


# %%
turns = 63 * 10_000.0 ** (-torch.arange(0, 8, 2) / 8) / (2 * math.pi)  # (4,)
print("turns in 63 places:", ", ".join(f"{x:.3f}" for x in turns))
ours, named = by_place(readers["RoPE"], PREDICTED), race["RoPE"]["mistaken"]
least = min(mistaken(readers["RoPE"]), *named)
print("at place 3 of 64, 95% of errors name the last token:", least > 0.95)
parts = [(n, a, b) for n, at in PREDICTED.items() for a, b in pairwise(at)]
rows, five = [], zip(*race["RoPE"]["by place"], strict=True)
for (n, a, b), own, others in zip(parts, ours, five, strict=True):
    where = f"{a}" if b == a + 1 else f"{a} to {b - 1}"
    low, high = min(others), max(others)
    among = "yes" if low - 0.15 < own < high + 0.15 else "no"
    rows.append((n, where, sum(others) / 5, f"{low:.2f} to {high:.2f}", among))
columns = {"tokens": "d", "places": "", "right": ".2f", "five runs": ""}
Table(rows, columns | {"ours among them": ""})

# %% [markdown]
# The prediction is right, to the place: where it says so, every run falls, though one of them less far at place 3,
# and elsewhere none. RoPE knows differences only *up to whole turns of those hands that training has used*. A large
# model has more pairs in a head, and fewer such coincidences; but it, too, has slow pairs that never came round in
# training, and the rotary models of Press and colleagues got worse past the trained length. Remedies change the
# clock:
#
# - *position interpolation* {cite:p}`chen2023extending` divides all places by a factor, so that 8,192 of them
#   stay within the angles of 4,096; neighbours are then half as far apart, and some more training has to mend
#   that (exercise 6);
# - the *NTK-aware* way, and YaRN {cite:p}`peng2024yarn`, slow down the slow pairs by this factor, and leave
#   the quick ones, which tell neighbours apart;
# - a larger *base* than 10,000 makes all but the first pair slower from the start. LLaMA 3 has 500,000
#   {cite:p}`grattafiori2024llama`.

# %%
rows, places = [], (4_096, 131_072)
for base in (10_000, 500_000):
    powers = torch.arange(0, 128, 2) / 128  # (64,) the pairs of a head of 128 numbers
    waves = 2 * math.pi * base**powers
    rows.append((base, *((waves <= n).sum().item() for n in places)))
Table(rows, {"base": ","} | {f"pairs round in {n:,}": "d" for n in places})

# %% [markdown]
# The larger base leaves more pairs that have not come round, and so show no place twice.
#
# This was a toy: two layers, eight tokens. Kazemnejad and colleagues {cite:p}`kazemnejad2023impact` compared
# such methods in decoders, which see only the words to the left, and so no set {cite:p}`haviv2022transformer`.
# For longer texts they found it better to have no encoding at all than any of the common ones.

# %% [markdown]
# ## Check yourself
#
# **1. A row of the sinusoidal table has $d = 512$ numbers. What is $\mathbf{p}_t \cdot \mathbf{p}_t$?**
#
# - **A** 1: each row has the length 1.
# - **B** 256
# - **C** 512
# - **D** It depends on $t$.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Each *hand* has: its sine and cosine squared add up to 1. There is more than one hand.
# - **B ✓** One for each of the $d/2$ hands, by {eq}`eq-pe-dot` with $k = 0$. The length is the root of that,
#   16.
# - **C ✗** That would be a row of ones. The mean square of a sine or cosine is a half.
# - **D ✗** The sum over the hands is the same at every place, which is why no place is louder than another.
#
# </details>

# %% [markdown]
# **2. You shuffle the words of each sentence, train an encoder without positions, and average its outputs. What
# becomes of the accuracy?**
#
# - **A** It is what it would have been unshuffled.
# - **B** It falls to chance, since all sense of order is gone.
# - **C** It falls a little: deeper layers do notice neighbours.
#
# <details><summary>Answer</summary>
#
# - **A ✓** The mean is invariant: both encoders were given the same bags, and learnt from the same vectors.
# - **B ✗** There was no sense of order to lose. What can be told from the words alone can still be told.
# - **C ✗** Depth does not help. Each layer is equivariant, and so is the whole stack.
#
# </details>

# %% [markdown]
# **3. In ALiBi with 8 heads, head 3 looks at two words with equal scores: itself and one 16 places away. How
# much of the other's share does the far one get?**
#
# - **A** 0.607 of it.
# - **B** $1/16$ of it, by the distance.
# - **C** 0.135 of it.
# - **D** 0.0003 of it.
#
# <details><summary>Answer</summary>
#
# - **A ✗** $e^{-1/2}$ is what *one* place costs in the head with the steepest slope.
# - **B ✗** The price is taken from the score, and not from the share: shares fall exponentially.
# - **C ✓** The slope is $2^{-3}$, the price $16/8 = 2$, and the softmax makes $e^{-2}$ of it.
# - **D ✗** This is $e^{-8}$, with the slope $1/2$ of head 1.
#
# </details>

# %% [markdown]
# **4. With RoPE, a query at place 7 meets a key at place 4. Where do the same two vectors get the same score?**
#
# - **A** At 107 and 104.
# - **B** At 4 and 7.
# - **C** At 14 and 8, twice as far.
# - **D** Nowhere else, since each place has angles of its own.
#
# <details><summary>Answer</summary>
#
# - **A ✓** Only the difference counts, here key minus query, −3.
# - **B ✗** The distance is the same, the direction is not: $\mathcal{R}_3$ and $\mathcal{R}_{-3}$ differ.
# - **C ✗** Twice the difference is twice the angle. (A model whose places are all divided by 2 would see it
#   so.)
# - **D ✗** Query and key are each turned by angles of their own, and in the product all but the difference
#   cancels.
#
# </details>

# %% [markdown]
# **5. Places are counted in bfloat16. Which is the first that comes out wrong?**
#
# - **A** 129
# - **B** 65,537
# - **C** 257
# - **D** None: they are whole numbers, and exact.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That takes eight binary digits, 10000001, and bfloat16 keeps eight.
# - **B ✗** So many bits has the number on the whole; most of them are for the exponent.
# - **C ✓** It needs nine binary digits. It becomes 256, its neighbour, and shares that one's row.
# - **D ✗** Whole numbers are exact only as far as the digits reach.
#
# </details>

# %% [markdown]
# **6. A model has 512 learned positions, and was trained on texts of at most 128 words. You give it one of 200.
# What happens?**
#
# - **A** An error: there is no row for such a place.
# - **B** It reads on, with rows of noise.
# - **C** It reads on well: rows were learnt like their neighbours.
#
# <details><summary>Answer</summary>
#
# - **A ✗** There is one, up to place 511. An error comes past the end of the table.
# - **B ✓** The rows from 128 on had no gradient, and hold what they began with. Nothing warns.
# - **C ✗** Nothing ties a row to its neighbours. That is a property of the sinusoids.
#
# </details>

# %% [markdown]
# **7. There is a rotation that looks three places back from anywhere. Why do our sinusoidal readers fail past
# the trained places all the same?**
#
# - **A** Past those places the table has no right rows.
# - **B** They never had to find it: other matrices do as well in training.
# - **C** The rotation would need the values to be turned, too.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It has, at every place, and to float32's precision.
# - **B ✓** Texts that always begin at 0 show few rows, and those can be learnt one by one. Readers whose texts
#   begin anywhere have no cliff.
# - **C ✗** It acts on queries and keys, within $W_Q$ or $W_K$. Values have no part in who looks where.
#
# </details>

# %% [markdown]
# **8. Which of T5's 32 classes has a word that stands 3 steps to the right?**
#
# - **A** 19
# - **B** 3
# - **C** $-3$
# - **D** 13
#
# <details><summary>Answer</summary>
#
# - **A ✓** Near differences have classes of their own; those to the right are counted from 16 on.
# - **B ✗** This is the class of the word 3 steps to the *left*: the two sides have 16 classes each.
# - **C ✗** Classes are numbers of rows, from 0 on. A sign becomes one half of the table or the other.
# - **D ✗** Class 13 is far to the left, where classes are shared.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


def mine(length, dim):  # -> (length, dim)
    raise NotImplementedError


print(check.positional(mine))

# %% [markdown]
# > **Exercise 1 (pencil, medium, 15 minutes).** Show that on "who speaks?" no reader without positions can, on
# > average, do better than to name the most frequent name of the script.
# >
# > *Hint: fix the bag and which places hold names. Which orders of the names are equally likely?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Without positions the reader is equivariant: what it answers at a place depends on the word there and on the bag
# of all words, and not on the order. Given the bag, and given which places hold names, every order of the names is
# equally likely. So the name that stands in front of a word is the name $n$ with the probability
#
# $$
# \frac{\text{how often } n \text{ occurs}}{\text{how many names there are}} ,
# $$
#
# whichever word it is, and the best single answer is the most frequent name. Its share, averaged over many
# scripts, is what such a reader can expect; the code compares it with what naming it is worth.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
ids, speaker, _ = play(50_000, 16, torch.Generator().manual_seed(0))
counts = nn.functional.one_hot(ids, TOKENS).sum(1)[:, :NAMES]  # (50000, 4)
share = counts.amax(1) / counts.sum(1)  # (50000,)
asked = (speaker >= 0).sum(1)  # (50000,) words in each script
measured = accuracy(counts.argmax(1, keepdim=True).expand_as(ids), speaker)
print(f"expected {(share * asked).sum() / asked.sum():.2f}, measured {measured:.2f}")

# %% [markdown]
# > **Exercise 2 (code, medium, 20 minutes).** A reader
# > [tried](https://datascience.stackexchange.com/questions/45691/how-can-positional-encodings-including-a-sine-operation-be-linearly-transformabl/46008)
# > to find the matrix of equation {eq}`eq-pe-rotation` by linear regression, and failed. Find it for $k = 3$ and $d
# > = 8$: from the first 200 places; from the first 6; from 200, but with the sines alone. Which are right at unseen
# > places?
# >
# > *Hint: `torch.linalg.lstsq`. Compare the number of places with the number of columns.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# From 200 places regression finds $R_3$. Six places leave the 8 unknowns of each column open: the matrix is right on
# all that was seen, and no rotation. With the sines alone there is no such matrix, since $\sin(a + b)$ needs
# $\cos a$; this was the reader's mistake.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
P = sinusoidal(1000, 8, dtype=torch.float64)  # (1000, 8)
cases = ("200 places", P, 200), ("6 places", P, 6), ("sines, 200", P[:, ::2], 200)
rows = []
for name, table_, n in cases:
    solve = torch.linalg.lstsq(table_[:n], table_[3 : n + 3], driver="gelsd")
    errors = (table_[:-3] @ solve.solution - table_[3:]).abs().amax(1)  # (997,)
    seen, unseen = errors[:n].max() < 1e-6, errors[n:].max() < 1e-6
    rows.append((name, *(("wrong", "right")[bool(part)] for part in (seen, unseen))))
Table(rows, {"learnt from": "", "where seen": "", "elsewhere": ""})

# %% [markdown]
# > **Exercise 3 (pencil, easy, 10 minutes).** Turn the values too: let the value at place $n$ be
# > $\mathcal{R}_n \mathbf{v}_n$. What happens to the outputs when the whole text moves by 100 places?
# >
# > *Hint: the weights do not change. Write $\mathcal{R}_{n+100}$ as a product.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# With the weights $a_{mn}$, the output at place $m$ is $\sum_n a_{mn}\, \mathcal{R}_n \mathbf{v}_n$. After the move
# the weights are the same, since scores depend on differences only. Turning by $n + 100$ is turning by $n$ and then
# by 100:
#
# $$
# \sum_n a_{mn}\, \mathcal{R}_{n+100}\, \mathbf{v}_n
# = \mathcal{R}_{100} \sum_n a_{mn}\, \mathcal{R}_n \mathbf{v}_n .
# $$
#
# So every output is turned by $\mathcal{R}_{100}$: its absolute place has got into it.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
generator = torch.Generator().manual_seed(0)
q, k, v = torch.randn(3, 12, 8, generator=generator).double()  # (T, d) each


def attend_turned(places):
    scores = rotate(q, places) @ rotate(k, places).T / 8**0.5  # (T, T)
    return scores.softmax(-1) @ rotate(v, places)


here, there = (attend_turned(torch.arange(start, start + 12)) for start in (0, 100))
turned = rotate(here, torch.full((12,), 100))
same, explained = torch.allclose(here, there), torch.allclose(turned, there)
print(f"the same output 100 places on: {same}; turned by 100 places: {explained}")

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** What do the slopes contribute, and what the one-sided view? Train
# > one-sided readers whose slopes are multiplied by 0 (the masks alone) and by 4. Compare at 16 and at 64 tokens.
# >
# > *Hint: replace `bias_for` by a function of your own.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# On short scripts one-sided heads need no slope: a mask already breaks the symmetry. On long ones the slope keeps
# far names from adding up, and a steep one does so better. All three took the step size that is best for slopes
# times 1, and one seed each: the order at 64 tokens is what this run shows, and no law.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
ours, at_64 = bias_for, {}


def bias_for(kind, length):
    bias = ours("ALiBi, one-sided", length)  # (4, T, T)
    return torch.where(bias.isinf(), bias, factor * bias)


for factor in (0, 4):
    torch.manual_seed(0)
    reader = train(Reader("own"), 100, rates["ALiBi, one-sided"])
    at_16, at_64[factor] = (examine(reader, n)[0] for n in (16, 64))
    print(f"slopes times {factor}, at 16 tokens above 0.95: {at_16 > 0.95}")
bias_for = ours
at_64[1] = scores["ALiBi, one-sided"][LENGTHS.index(64), 0].item()
print("at 64 tokens, times 0 < times 1 < times 4:", at_64[0] < at_64[1] < at_64[4])

# %% [markdown]
# > **Exercise 5 (open, hard, 30 minutes).** Learned positions fail past place 15 because nothing trains the rows.
# > Find a way to train 64 rows with scripts of 16 tokens. How far does it help, and what does it cost?
# >
# > *Hint: must a text begin at place 0?*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# Let each text begin at a random place, so that every row is trained. That helps both questions at 64 tokens. The
# price: each row gets a quarter of the practice, and the trained length itself is learnt more slowly.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
class Anywhere(LearnedPosition):
    def forward(self, x):
        last = self.max_length - x.shape[1] if torch.is_grad_enabled() else 0
        start = int(torch.randint(last + 1, ()))  # 0 in a test
        return x + self.weight[start : start + x.shape[1]]


torch.manual_seed(0)
reader = Reader("learned")
reader.position = Anywhere(64, 32, std=1.0)
train(reader, 100, rates["learned"], steps=480)
short, long = examine(reader, 16), examine(reader, 64)
before_ = scores["learned"][LENGTHS.index(64)]
for question, name in enumerate(QUESTIONS):
    better = bool(long[question] > before_[question] + 0.05)
    print(f"{name} better at 64 tokens: {better}")
print("as good at 16 tokens, in twice the steps:", short[0] > 0.98)

# %% [markdown]
# > **Exercise 6 (code, easy, 15 minutes).** Position interpolation, without any more training: give our RoPE
# > reader scripts of 128 tokens with all places divided by 2, and by 1.5. What becomes of the two questions?
# >
# > *Hint: `rotate` takes places that are no integers; put your own function of that name in its place.*

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# "Who speaks?" gains: it needs a direction and a rough sense of distance, and both survive. "Three back" is a
# distance that the reader knows to the digit; divided, it is another one. That is why a model is trained on, for a
# short while, after its places are divided.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
whole, shares = rotate, {}
for factor in (1, 1.5, 2):

    def rotate(x, places, factor=factor):
        return whole(x, places / factor)

    shares[factor] = torch.tensor(examine(readers["RoPE"], 128))  # (questions,)
rotate, rows = whole, []
for factor in (1.5, 2):
    better = (shares[factor] > shares[1]).tolist()
    rows.append((factor, *(("worse", "better")[b] for b in better)))
Table(rows, {"places divided by": ""} | dict.fromkeys(QUESTIONS, ""))

# %% [markdown]
# ## You have
#
# - proved that attention without positions is equivariant under every shuffle;
# - built the sinusoidal table, found $\mathbf{p}_{t+k} = R_k\,\mathbf{p}_t$ in it, and a head that looks
#   three places back;
# - measured that angles must not be computed in bfloat16, and hardly in float32;
# - shown that RoPE's scores depend on differences, and that symmetric ALiBi is blind to a mirror;
# - seen six readers part beyond the trained length, found by moving and putting back its hands why the clock
#   is misread, and predicted to the place where RoPE breaks.
#
# ## Further reading
#
# - A. Vaswani and colleagues, [Attention is all you need](https://arxiv.org/abs/1706.03762), 2017, section
#   3.5.
# - P. Shaw, J. Uszkoreit and A. Vaswani, [Self-attention with relative position
#   representations](https://aclanthology.org/N18-2074/), 2018
#   {cite:p}`shaw2018self`.
# - O. Press, N. A. Smith and M. Lewis, [Train short, test long](https://arxiv.org/abs/2108.12409), 2022: our
#   question.
