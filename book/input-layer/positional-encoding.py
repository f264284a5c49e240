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
# there, and the answer is gone: it was never in the words, it was in their order.
#
# The attention layer, the heart of every large language model, is handed exactly such a bag. It compares
# each word with every other, and nothing in it asks which came first. **How does a model that sees a
# set learn order?** Somebody has to tell it, and the last years have brought half a dozen ways. We build four
# of them, prove what each can and cannot say, and let them compete on the play.
#
# **You will**
#
# - prove that attention without positions treats a sentence as a set, and watch PyTorch's layers do so;
# - build the sinusoidal table, find the rotation hidden in it, and see that its dot products know the
#   distance of two words but not which one stands to the left;
# - measure what rounding does to positions far out, where some common code no longer tells 1,000 from 1,001;
# - build learned positions, RoPE and ALiBi, and prove which of them depend on distances only, and which
#   cannot tell a text from its mirror image;
# - train one small encoder in six ways, test it on texts of up to eight times the length that it has seen, and
#   predict from the formula where the best of the six breaks down.
#
# **You need** matrix products, the chapter on one-hot vectors, and the addition formulas of sine and cosine;
# attention is introduced here as far as we need it. The chapter runs in about 45 seconds on one processor
# core.

# %%
try:
    import scratch
except ImportError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    get_ipython().run_line_magic("pip", f"install -q {book}")

# %% [markdown]
# ## A layer that sees a set
#
# *Self-attention* (自注意力) lets every word collect something from every other word
# {cite:p}`vaswani2017attention`. Let the rows of $X \in \mathbb{R}^{T \times d}$ be the vectors of a text of
# $T$ words. Three matrices in $\mathbb{R}^{d \times d}$ turn each row into a *query* (what am I looking for?),
# a *key* (what can I be found by?) and a *value* (what do I hand over?). Each query is compared with each key
# by a dot product, a softmax turns a word's $T$ scores into weights, and the word receives the weighted sum
# of all values:
#
# $$
# \begin{aligned}
# Q &= XW_Q, \quad K = XW_K, \quad V = XW_V, \\
# A &= \mathrm{softmax}\bigl(QK^\top / \sqrt d\,\bigr) \in \mathbb{R}^{T \times T}, \\
# Y &= AV \in \mathbb{R}^{T \times d},
# \end{aligned}
# $$ (eq-pe-attention)
#
# the softmax taken along each row of $A$. (Part 2 of this book has a chapter on it. As in all papers, $V$
# is the matrix of values here, and no vocabulary size.) By hand, on two sentences made of the same five
# words:

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
# A layer that hands the dog the same vector whether he bites or is bitten has not read the sentence. It is no
# accident of our random weights. Let $\Pi$ be a *permutation matrix*, whose rows are the $T$ one-hot vectors in
# some order, so that $\Pi X$ holds the rows of $X$ in that order, and $\Pi^\top \Pi = I$. Shuffling the input
# shuffles queries, keys and values alike, and
#
# $$
# \begin{aligned}
# (\Pi Q)(\Pi K)^\top &= \Pi\,(QK^\top)\,\Pi^\top, \\
# \mathrm{softmax}(\Pi S \Pi^\top) &= \Pi\,\mathrm{softmax}(S)\,\Pi^\top, \\
# (\Pi A \Pi^\top)(\Pi V) &= \Pi\,AV .
# \end{aligned}
# $$ (eq-pe-equivariance)
#
# The second line holds because the softmax treats all rows alike, and in a row all entries alike.
# (Several heads are several such layers side by side.) So $\mathrm{attend}(\Pi X) =
# \Pi\,\mathrm{attend}(X)$: shuffle the words, and you get the same vectors, shuffled. This is called
# *permutation equivariance* (置换等变性). Everything else in an encoder, the linear maps, normalisation and
# feed-forward nets, works on each row by itself and is equivariant for that reason, and so is any stack
# of such layers. Average the rows at the end, and the result does not change at all under a shuffle: it
# is *invariant*. An encoder without positions is a bag of words, as deep as it may be.

# %%
shuffle = torch.tensor([4, 0, 3, 1, 2])
print("by hand:         ", torch.allclose(attend(X[shuffle]), attend(X)[shuffle]))

torch.manual_seed(0)
one = torch.nn.MultiheadAttention(d, num_heads=4, batch_first=True).double()
batch, shuffled = X[None], X[None, shuffle]  # (1, T, d)
a, b = one(batch, batch, batch)[0], one(shuffled, shuffled, shuffled)[0]
print("PyTorch's layer: ", torch.allclose(a[:, shuffle], b))

layer = torch.nn.TransformerEncoderLayer(d, nhead=4, dropout=0.0, batch_first=True)
stack = torch.nn.TransformerEncoder(layer, num_layers=6).double()
a, b = stack(batch), stack(shuffled)
print("an encoder of 6: ", torch.allclose(a[:, shuffle], b))
print("its mean is blind:", torch.allclose(a.mean(1), b.mean(1)))

# %% [markdown]
# ## A clock with many hands
#
# The plain remedy is to add to each word's vector another one that says where the word stands. The place
# itself, 37, is a poor thing to add: it grows without bound, and drowns the word. A clock never shows a
# large number. It shows angles: a hand that races, a hand that walks, a hand that creeps. The quick hand
# tells neighbouring moments apart but comes round again and again, the slow one knows roughly how late it
# is, and together they pin the moment down.
#
# The *sinusoidal positional encoding* (正弦位置编码) of Vaswani and colleagues {cite:p}`vaswani2017attention`
# is a clock with $d/2$ hands. Places $t$ count from 0. At place $t$ hand number $i$ has turned by the angle
# $\omega_i t$, where $\omega_i = 10000^{-2i/d}$, and an angle is written down as its sine and its cosine:
#
# $$
# \begin{aligned}
# P_{t,\,2i} &= \sin(\omega_i t), \\
# P_{t,\,2i+1} &= \cos(\omega_i t), \qquad i = 0, 1, \dots
# \end{aligned}
# $$ (eq-pe-sinusoidal)
#
# Row $t$ of the table $P \in \mathbb{R}^{L \times d}$, for $L$ places, is called $\mathbf{p}_t$. It is added to
# the vector of the word at place $t$. By hand, number by number, then with the tested helper:

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
print(P.shape, "as by hand:", torch.allclose(P, table(64, 128), atol=1e-6))
for t in (0, 1, 37):
    print(f"t = {t:>2}:", " ".join(f"{x:+.2f}" for x in sinusoidal(1, 8, start=t)[0]))

# %% mystnb={"image": {"alt": "A heat map with 64 places from top to bottom and 128 dimensions from left to right. On the left the colours alternate quickly from place to place; further right the waves get slower, and in the right half every column keeps nearly one colour, light and dark in turn."}, "figure": {"caption": "The sinusoidal table: a row for each place, a column for each dimension, from −1 (dark) to 1 (light). The hands on the left race, those on the right hardly move in 64 places.", "name": "fig-pe-table"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.9))
mesh = axes.pcolormesh(P, vmin=-1, vmax=1, rasterized=True)
figure.colorbar(mesh, ticks=[-1, 0, 1])
axes.invert_yaxis()
axes.set(xlabel="dimension", ylabel="place $t$")
axes.grid(False)

# %% [markdown]
# > **Correction.** In the formula, $2i$ and $2i+1$ number the *dimensions* of the vector, and $t$ (*pos*
# > in the paper) the place. It is a common mistake to read them as "even places get a sine, odd places a
# > cosine"; readers of one Chinese course have reported it
# > [three](https://github.com/datawhalechina/happy-llm/issues/49)
# > [times](https://github.com/datawhalechina/happy-llm/issues/57)
# > [over](https://github.com/datawhalechina/happy-llm/issues/123). Another is to give each dimension a
# > frequency of its own, with $10000^{2j/d}$ for dimension $j$
# > ([here](https://github.com/jadore801120/attention-is-all-you-need-pytorch/issues/32), mended since).
# > The sine and the cosine of a hand share one angle; otherwise there is no hand, and the next section
# > falls.
#
# > **Correction.** One of the two articles that this book grew from says that sines and cosines are
# > *concatenated* (拼接), and then gives the formula in which they take turns. The paper interleaves; Google's
# > own tensor2tensor [concatenates](https://github.com/tensorflow/tensor2tensor/issues/1925), and so do many
# > others. The two tables hold the same columns in another order. A network learns what a column means, so
# > that neither is better; but weights trained with one are wrong with the other.

# %%
halves = torch.cat([P[:, 0::2], P[:, 1::2]], dim=1)  # all sines, then all cosines
order = torch.arange(128).view(2, 64).T.flatten()  # 0, 64, 1, 65, ...
print("one is a permutation of the other:", torch.equal(halves[:, order], P))
print("same dot products:", torch.allclose(halves @ halves.T, P @ P.T, atol=1e-4))

# %% [markdown]
# How fast are the hands? Hand $i$ comes round after $2\pi/\omega_i$ places, its *wavelength* (波长).

# %%
for dim in (8, 128, 512):
    omega = 10_000.0 ** (-torch.arange(0, dim, 2).double() / dim)  # (dim / 2,)
    waves = 2 * math.pi / omega
    middle = waves[dim // 4]
    print(f"d = {dim:>3}: {waves[0]:.2f} … {middle:6.1f} … {waves[-1]:8.1f} places")
print(f"10,000 · 2π = {10_000 * 2 * math.pi:.1f}")

# %% [markdown]
# From hand to hand the wavelength grows by the same factor, from $2\pi$ to nearly $10000 \cdot 2\pi$. The paper
# names these two ends; the second would be reached one hand further on.
#
# ## The rotation inside
#
# Here is what the clock is worth having for. Whatever the time is, in the next $k$ minutes each hand turns by
# the same angle. For the hand $i$ the addition formulas say so:
#
# $$
# \begin{pmatrix} \sin(\omega_i (t{+}k)) \\ \cos(\omega_i (t{+}k)) \end{pmatrix}
# =
# \begin{pmatrix} c & s \\ -s & c \end{pmatrix}
# \begin{pmatrix} \sin(\omega_i t) \\ \cos(\omega_i t) \end{pmatrix}
# $$ (eq-pe-rotation)
#
# with $c = \cos(\omega_i k)$ and $s = \sin(\omega_i k)$. Put these blocks along the diagonal of a matrix
# $R_k \in \mathbb{R}^{d \times d}$, and $\mathbf{p}_{t+k} = R_k\,\mathbf{p}_t$ for *every* place $t$. The
# authors chose the sinusoids because they "hypothesized it would allow the model to easily learn to
# attend by relative positions", for this very reason: a linear map, such as $W_Q$, can turn "here" into
# "three words to the left of here". We check it where it could go wrong, far from the start.


# %%
def rotation(k, dim):
    turn = k * 10_000.0 ** (-torch.arange(0, dim, 2).double() / dim)  # (dim / 2,)
    c, s = turn.cos(), turn.sin()
    blocks = torch.stack([c, s, -s, c], dim=1).view(-1, 2, 2)  # (dim / 2, 2, 2)
    return torch.block_diag(*blocks)  # (dim, dim)


d = 64
R_5 = rotation(5, d)
for t in (0, 37, 100_000):
    now, later = sinusoidal(6, d, start=t, dtype=torch.float64)[[0, 5]]
    print(f"{t} + 5:", torch.allclose(R_5 @ now, later, atol=1e-9))

# %% [markdown]
# One matrix, made once, is right everywhere. Now the dot product, by which attention compares. Hand by
# hand it is $\sin a \sin b + \cos a \cos b = \cos(a - b)$, so that
#
# $$
# \mathbf{p}_t \cdot \mathbf{p}_{t+k} = \sum_{i=0}^{d/2-1} \cos(\omega_i k) .
# $$ (eq-pe-dot)
#
# The place $t$ is gone: the dot product of two encodings depends on their distance only. And since the
# cosine is even, $k$ and $-k$ give the same: five words later looks exactly like five words earlier.

# %%
P = sinusoidal(300, d, dtype=torch.float64)  # (300, d)
for t in (100, 200):
    products = ", ".join(f"{P[t] @ P[t + k]:.2f}" for k in (-40, -5, 0, 5, 40))
    print(f"t = {t}, k = -40, -5, 0, 5, 40: {products}")

# %% [markdown]
# Where, then, could a sense of direction come from? Yan and colleagues {cite:p}`yan2019tener` missed it
# in Transformers that had to recognise names, and put another encoding in its place. But the plain one
# can have it, from the matrices between encoding and dot product: the query is $W_Q^\top\mathbf{p}_t$,
# the key $W_K^\top\mathbf{p}_u$, and if one of them contains a rotation, the peak moves. Take
# $R_{-3}\,\mathbf{p}_t = \mathbf{p}_{t-3}$ for a query. Its dot product with $\mathbf{p}_u$ is largest at
# $u = t - 3$.

# %%
looks_back = rotation(-3, d)
far = 1_000_000
places = sinusoidal(300, d, start=far, dtype=torch.float64)  # (300, d)
for name, table_ in (("places 0, 1, …", P), ("a million further on", places)):
    scores = table_ @ looks_back.T @ table_.T  # (300, 300), queries down, keys across
    offset = scores.argmax(1) - torch.arange(300)  # (300,) where each query peaks
    print(f"{name}: the peak lies at offset {offset[3:].unique().tolist()}")

# %% mystnb={"image": {"alt": "Two curves of the dot product against the offset k from minus 40 to 40. The first has its peak of 32 at zero, falls steeply to both sides and goes on falling in small waves, symmetric to left and right. The second is the same curve moved three places to the left."}, "figure": {"caption": "Dot product of two encodings, $d = 64$, against their offset. Alone it is symmetric; with a rotation between the two, it has a direction.", "name": "fig-pe-dot"}}
offsets = torch.arange(-40, 41)
figure, axes = plt.subplots(figsize=(5, 2.8))
axes.plot(offsets, (P @ P.T)[150, 150 + offsets], label=r"$p_t \cdot p_{t+k}$")
turned = (P @ looks_back.T @ P.T)[150, 150 + offsets]
axes.plot(offsets, turned, "--", label=r"$R_{-3}\,p_t \cdot p_{t+k}$")
axes.set(xlabel="offset $k$", ylabel="dot product")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# So this attention head finds the word three places to the left in a text of any length, and nobody has trained
# it. What the sinusoids *can* express and what training makes of them are two things; remember it when the
# experiment comes.
#
# ## Odd dimensions, and far places
#
# Two practical points. The first is a crash. The usual code fills `pe[:, 1::2]` with as many cosines as
# there are sines. With an odd $d$ there is one sine more, and PyTorch refuses. Readers have reported it
# [again](https://github.com/codertimo/BERT-pytorch/issues/78) and
# [again](https://github.com/datawhalechina/base-llm/issues/67).

# %%
length, dim = 10, 7
position = torch.arange(length).unsqueeze(1)  # (length, 1)
div_term = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
pe = torch.zeros(length, dim)
pe[:, 0::2] = torch.sin(position * div_term)
try:
    pe[:, 1::2] = torch.cos(position * div_term)
except RuntimeError as error:
    print(str(error).split(".")[0])
pe[:, 1::2] = torch.cos(position * div_term[: dim // 2])
print("mended:", torch.allclose(pe, sinusoidal(length, dim), atol=1e-5))

# %% [markdown]
# The second is silent. That code computes in float32, with about seven digits. At place 1,000,000 an
# angle takes all seven for its whole part, and the sine of what is left is guesswork. In bfloat16, the
# format in which large models are trained, a number has eight bits, less than three digits. Our helper
# computes the angles in double precision and rounds once, at the end. We compare three ways with forty
# digits from `mpmath`, at $d = 512$, by the largest error in a row.

# %% tags=["rtol=0.9"]
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


print("place      the helper   angles in float32   angles in bfloat16")
for t in (100, 4_000, 1_000_000):
    exact = truth(t, 512)
    rows = [sinusoidal(1, 512, start=t)[0], common(t, 512, torch.float32)]
    rows.append(common(t, 512, torch.bfloat16))
    errors = [max(map(abs, map(sub, row.tolist(), exact))) for row in rows]
    print(f"{t:>9}" + "".join(f"{float(error):>16.0e}" for error in errors))

# %% [markdown]
# The helper is off by half of the distance between two neighbouring float32 numbers just below 1, which
# is $2^{-25}$: no float32 table can be better. The float32 angles lose a digit for each digit of the
# place: harmless at a few thousand, not at a million. The bfloat16 angles are wrong in the first digit
# from early on. It is not even a matter of sines, since bfloat16 cannot count:

# %%
print([int(t) for t in torch.arange(1000, 1009).bfloat16()])
rows = [common(t, 512, torch.bfloat16) for t in (1000, 1001)]
print("1,000 and 1,001 get the same row:", torch.equal(*rows))
late = [sinusoidal(1, 512, start=t, dtype=torch.bfloat16) for t in (1000, 1001)]
print("and with the rounding at the end:", torch.equal(*late))

# %% [markdown]
# > **Pitfall.** Nobody writes `dtype=torch.bfloat16` for positions on purpose. They get it when a model
# > that keeps its frequencies in a buffer is cast as a whole, or runs under autocast. It happened [in
# > `transformers`](https://github.com/huggingface/transformers/pull/29285) to the rotary encodings below,
# > for Llama and Gemma. Compute angles in float32 or better, and cast the result.
#
# The helper does not pay for its care. Against the double loop above:

# %%
from time import process_time


def seconds(f):
    start = process_time()
    f(1024, 512)
    return process_time() - start


slow = seconds(table)
fast = min(seconds(sinusoidal) for _ in range(9))
print("more than 50 times as fast:", slow / fast > 50)

# %% [markdown]
# ## Learned positions
#
# Why design a table that one could learn? *Learned positions* (可学习的位置编码) are an embedding table like that
# of the words, with a row for each place {cite:p}`gehring2017convolutional`; BERT has 512
# {cite:p}`devlin2019bert`. When Vaswani and colleagues tried it in place of their sinusoids, they found
# "nearly identical results". The price is the end of the table. Past it there is no row, and our helper
# says so. Before it, a row learns only from texts that are long enough:

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
# Rows 6 to 9 have had no gradient: they still hold the random numbers they began with, and will be used
# without complaint. This is no invention of ours. The model TinyStories-33M has a table of 2,048 rows and
# was trained on texts of 512 tokens. The other rows, as [an
# answer](https://huggingface.co/roneneldan/TinyStories-33M/discussions/12) to a puzzled reader has it,
# "basically have random values".
#
# ## RoPE: turn, do not add
#
# The rotation of equation {eq}`eq-pe-rotation` was a gift of the table that a model may use or not.
# *Rotary position embedding* (旋转位置编码, RoPE), by Su and colleagues {cite:p}`su2024roformer`, makes it the
# whole method. Nothing is added to the words. Instead, in each attention layer, the query at place $m$
# and the key at place $n$ are turned, pair of numbers by pair of numbers, by angles that grow with their
# place. Read as a complex number, a pair $x_{2i} + \mathrm{i}\,x_{2i+1}$ is multiplied by
# $e^{\mathrm{i}\,\omega_i m}$:
#
# $$
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}
# \mapsto
# \begin{pmatrix} c & -s \\ s & c \end{pmatrix}
# \begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}
# $$ (eq-pe-rope)
#
# with $c = \cos(\omega_i m)$, $s = \sin(\omega_i m)$; it is the block of $R_m$ in {eq}`eq-pe-rotation`,
# transposed. Let $\mathcal{R}_m \in \mathbb{R}^{d \times d}$ do this to all pairs. ($d$ is the width of
# one attention head here, and must be even.) Turning by $-m$ and then by $n$ is turning by $n - m$, and
# turning back is transposing, so that
#
# $$
# \begin{aligned}
# (\mathcal{R}_m \mathbf{q}) \cdot (\mathcal{R}_n \mathbf{k}) &= \mathbf{q}^\top \mathcal{R}_m^\top \mathcal{R}_n\, \mathbf{k} \\
# &= \mathbf{q}^\top \mathcal{R}_{n-m}\, \mathbf{k} .
# \end{aligned}
# $$ (eq-pe-rope-offset)
#
# The score depends on what the two words are and on $n - m$, and on nothing else. Distance *and*
# direction are in it by construction: $\mathcal{R}_{n-m}$ and $\mathcal{R}_{m-n}$ are different matrices.
# By hand with complex numbers, then with the helper:

# %%
from scratch.position import rotate

T, d = 12, 8
q, k = torch.randn(2, T, d, generator=generator, dtype=torch.float64)  # (T, d) each
places = torch.arange(T)
omega = 10_000.0 ** (-torch.arange(0, d, 2).double() / d)  # (d / 2,)
turn = torch.polar(torch.ones(T, d // 2).double(), places[:, None] * omega)
by_hand = torch.view_as_real(torch.view_as_complex(q.view(T, -1, 2)) * turn)
print("as by hand:", torch.allclose(rotate(q, places), by_hand.flatten(1)))

here = rotate(q, places) @ rotate(k, places).T  # (T, T) all scores
there = rotate(q, places + 5000) @ rotate(k, places + 5000).T
print("the same 5,000 places on:", torch.allclose(here, there, atol=1e-9))
swapped = rotate(q[1:2], torch.tensor([4])) @ rotate(k[4:5], torch.tensor([1])).T
print("the same with the two places swapped:", torch.allclose(here[1, 4], swapped))

# %% [markdown]
# > **Pitfall.** RoPE turns queries and keys. Not the values: these are mixed, not compared, and a turned value
# > would carry its absolute place into the output (exercise 4). Not the word embeddings either: the maps $W_Q$
# > and $W_K$ would come after the turn and in between, and equation {eq}`eq-pe-rope-offset` would not hold.
#
# > **Pitfall.** Which numbers make a pair? The paper, Meta's LLaMA and our helper pair neighbours, $2i$
# > with $2i+1$. The `transformers` library
# > [pairs](https://github.com/huggingface/transformers/issues/25199) $i$ with $i + d/2$. It is the story
# > of the sinusoids again: the same up to a permutation of the head's dimensions, which that library
# > applies to $W_Q$ and $W_K$ when it converts a model. Mix them up, and nothing crashes; the text merely
# > turns to gibberish.


# %%
def rotate_halves(x, places):
    c, s = (places[:, None] * omega).cos(), (places[:, None] * omega).sin()
    a, b = x.chunk(2, dim=-1)  # (T, d / 2) each
    return torch.cat([a * c - b * s, a * s + b * c], dim=-1)


order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])  # evens, then odds
theirs = rotate_halves(q[:, order], places) @ rotate_halves(k[:, order], places).T
mixed = rotate_halves(q, places) @ rotate_halves(k, places).T
print("permuted, the same scores:    ", torch.allclose(theirs, here))
print("not permuted, the same scores:", torch.allclose(mixed, here))

# %% [markdown]
# ## ALiBi: a price for distance
#
# The last method has no vectors at all. *Attention with linear biases* (线性偏置注意力, ALiBi), by Press, Smith and
# Lewis {cite:p}`press2022train`, takes from each score a price that grows with the distance,
#
# $$
# S_{tu} = \frac{\mathbf{q}_t \cdot \mathbf{k}_u}{\sqrt d} - m_h\, |t - u| ,
# $$ (eq-pe-alibi)
#
# with a slope $m_h > 0$ that is fixed, not learned, and differs from head to head: $2^{-8h/H}$ for the
# heads $h = 1, \dots, H$. After the softmax, one place more of distance multiplies a weight by
# $e^{-m_h}$: a head with a steep slope is short-sighted, one with a gentle slope sees far. (If $H$ is no
# power of two, the authors' program takes the slopes of the power of two below, and then every other
# slope of the one above; so does the helper.)

# %%
from scratch.position import alibi_bias, alibi_slopes

print(alibi_bias(heads=8, length=4)[0])
for heads in (8, 6):
    print(f"{heads} heads:", ", ".join(f"1/{1 / m:.0f}" for m in alibi_slopes(heads)))
by_hand = torch.tensor([[-(2**-3) * abs(t - u) for u in range(9)] for t in range(9)])
print("head 3 by hand:", torch.equal(alibi_bias(8, 9)[2], by_hand))

# %% [markdown]
# That paper's models look to the left only, as a model that writes must, and there every distance has one
# direction. An encoder looks both ways, and $|t - u|$ does not say which. Worse: read a text backwards,
# and all distances stay as they are. If $\Pi$ is the permutation that reverses the places, then $\Pi
# B\,\Pi^\top = B$ for the matrix $B$ of biases, and equation {eq}`eq-pe-equivariance` goes through with
# the scores $S + B$, for this one permutation. An encoder with symmetric ALiBi gives each word of the
# mirrored text just what it gave it before. *It cannot tell left from right*, however long it is trained.

# %%
T, d = 12, 16
X = torch.randn(T, d, generator=generator, dtype=torch.float64)
B = alibi_bias(8, T, dtype=torch.float64)[2]  # (T, T) of one head


def attend_biased(X, B):
    scores = (X @ W_Q) @ (X @ W_K).T / d**0.5 + B
    return scores.softmax(-1) @ X @ W_V


Y = attend_biased(X, B)
rolled, mirrored = attend_biased(X.roll(1, 0), B), attend_biased(X.flip(0), B)
print("blind to a shuffle:", torch.allclose(rolled, Y.roll(1, 0)))
print("blind to a mirror: ", torch.allclose(mirrored, Y.flip(0)))

right = torch.ones(T, T).triu(1).bool()  # keys to the right of the query
left = B.masked_fill(right, -math.inf)  # from there comes nothing
Y, mirrored = attend_biased(X, left), attend_biased(X.flip(0), left)
print("one-sided, to a mirror:", torch.allclose(mirrored, Y.flip(0)))

# %% [markdown]
# The last lines show a remedy that keeps an encoder two-sided: some heads see only what lies to the left,
# with a price for distance, and others only what lies to the right. (Its authors
# [discuss](https://github.com/ofirpress/attention_with_linear_biases/issues/5) what encoders need.) We
# shall try both forms.
#
# ## Six readers of a play
#
# Back to the theatre, with a play that a program writes: four names (A to D) and four words (w to z),
# nothing else. The first token of a script is a name, and each further one is a name with probability ¼,
# otherwise a word, all drawn at random. A reader of the script has two questions to answer at each place:
#
# - *Who speaks?* For each word, the name that stands nearest to its left. It takes direction and a rough sense of
#   distance.
# - *What stood three places before?* For each token from the fourth on. It takes direction and an exact distance.

# %%
NAMES, TOKENS, BACK = 4, 8, 3  # ids 0 to 3 are names, 4 to 7 words
torch.set_default_dtype(
    torch.float64
)  # so that training gives the same result everywhere


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
# From top to bottom: a script, who speaks, and what stood three places before, with a dot where nobody asks.
#
# The readers share one architecture: two layers of attention with four heads, each followed by a small
# feed-forward net. The parts around the attention (normalisation, the sums with `x`) have a chapter in
# Part 2; here only the two lines matter in which places can enter, the turn of queries and keys and the
# bias.


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
        qkv = self.qkv(self.norm_1(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, dim / heads)
        if turn:
            q, k = rotate(q, torch.arange(length)), rotate(k, torch.arange(length))
        scores = q @ k.mT / q.shape[-1] ** 0.5 + bias  # (batch, heads, length, length)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2)  # (batch, length, heads, …)
        x = x + self.out(mixed.reshape(batch, length, dim))
        return x + self.feed_forward(self.norm_2(x))


# %% [markdown]
# The six ways differ in what is added to the words, in `turn`, and in `bias`. In the one-sided form of
# ALiBi, heads 1 and 3 see the left, heads 2 and 4 the right, the two slopes being the paper's for two
# heads. The learned table has a row for each place of the longest test, and starts from the same kind of
# noise as the words.

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
# Before we train, the two theorems once more, on untrained readers. Whose answers simply move along when
# the script is shuffled, or mirrored?


# %%
def follows(kind, order):
    """Do the answers move with the tokens?"""
    torch.manual_seed(0)
    reader = Reader(kind)
    ids, _, _ = play(8, 16, torch.Generator().manual_seed(0))
    pairs = zip(reader(ids[:, order]), reader(ids), strict=True)
    return all(torch.allclose(new, old[:, order]) for new, old in pairs)


KINDS = ["none", "sinusoidal", "learned", "RoPE"]
KINDS += ["ALiBi, symmetric", "ALiBi, one-sided"]
generator = torch.Generator().manual_seed(0)
print(f"{'':<16} {'blind to a shuffle':>19} {'to a mirror':>12}")
for kind in KINDS:
    shuffle, mirror = torch.randperm(16, generator=generator), torch.arange(15, -1, -1)
    print(f"{kind:<16} {follows(kind, shuffle)!s:>19} {follows(kind, mirror)!s:>12}")

# %% [markdown]
# So we know two losers before the race. Now all six are trained with three seeds each, on scripts of 16
# tokens, a new batch at each step: both questions at once, by cross-entropy, with the optimiser Adam
# {cite:p}`kingma2015adam`.


# %%
from torch.nn.functional import cross_entropy


def train(reader, seed, steps=240, rate=0.008, length=16):
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(reader.parameters(), fused=True)
    for step in range(steps):
        warm, rest = min(1, (step + 1) / 30), 1 - step / steps  # up, then slowly down
        optimizer.param_groups[0]["lr"] = rate * warm * rest
        ids, *truths = play(32, length, generator)
        answers = zip(reader(ids), truths, strict=True)
        loss = sum(cross_entropy(a.mT, t, ignore_index=-1) for a, t in answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader


readers = {}
for kind in KINDS:
    for seed in range(3):
        torch.manual_seed(seed)
        readers[kind, seed] = train(Reader(kind), seed=100 + seed)

# %% [markdown]
# The test takes new scripts of 8 to 128 tokens, the same for all. As a yardstick we let a reader guess
# who has the bag alone: it answers "who speaks?" with the name that occurs most often, and "what stood
# before?" with the most frequent of the other tokens. Without order nobody can do better on the first
# question (exercise 1).

# %%
LENGTHS = (8, 16, 32, 64, 128)
tests = {n: play(6400 // n, n, torch.Generator().manual_seed(n)) for n in LENGTHS}


def accuracy(guesses, truth):
    return (guesses == truth)[truth >= 0].double().mean().item()


@torch.no_grad()
def examine(reader, n):
    ids, *truths = tests[n]
    return [accuracy(a.argmax(-1), t) for a, t in zip(reader(ids), truths, strict=True)]


def from_the_bag(n):
    ids, speaker, before = tests[n]
    counts = nn.functional.one_hot(ids, TOKENS).sum(1)  # (scripts, 8)
    name = counts[:, :NAMES].argmax(1, keepdim=True).expand_as(ids)
    others = counts[:, None] - nn.functional.one_hot(ids, TOKENS)  # (scripts, n, 8)
    return [accuracy(name, speaker), accuracy(others.argmax(-1), before)]


scores = {}  # (kind, seed): (lengths, questions)
for key, reader in readers.items():
    scores[key] = torch.tensor([examine(reader, n) for n in LENGTHS])
bag = torch.tensor([from_the_bag(n) for n in LENGTHS])  # (lengths, 2)

# %% tags=["atol=0.03"]
QUESTIONS = ("who speaks?", "what stood three places before?")
for question, name in enumerate(QUESTIONS):
    print(f"{name:<32}" + "".join(f"{n:>6}" for n in LENGTHS))
    for kind in KINDS:
        mean = sum(scores[kind, seed] for seed in range(3)) / 3  # (lengths, 2)
        print(f"{kind:>32}" + "".join(f"{x:6.2f}" for x in mean[:, question]))
    print(f"{'(the bag alone)':>32}" + "".join(f"{x:6.2f}" for x in bag[:, question]))

# %% tags=["rms=6"] mystnb={"image": {"alt": "Two panels of accuracy against script length from 8 to 128, doubling, with a vertical line at the trained length 16. In both, sinusoidal and learned positions are near the top up to 16 and then fall steeply. RoPE stays at the top up to 64 and falls by 128. In the upper panel, who speaks, one-sided ALiBi starts at the top and declines slowly, symmetric ALiBi runs flat at a middle height. In the lower one, what stood three places before, both stay low. The reader without positions lies on the dotted line of the bag throughout."}, "figure": {"caption": "Six ways to tell places, trained on scripts of 16 tokens (vertical line) and tested on others. Lines are means, bands the range of three seeds; dotted, the best guess from the bag alone.", "name": "fig-pe-lengths"}}
figure, panels = plt.subplots(2, 1, figsize=(5, 6.2), sharex=True)
for question, axes in enumerate(panels):
    for kind, style in zip(KINDS, ("o-", "v--", "s-", "^-", "D-", "P-"), strict=True):
        runs = torch.stack([scores[kind, seed][:, question] for seed in range(3)])
        (line,) = axes.plot(LENGTHS, runs.mean(0), style, markersize=5, label=kind)
        low, high = runs.amin(0), runs.amax(0)  # (lengths,) each
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
# Nobody wins everywhere. Take the readers one by one.
#
# **None.** As proved: it learns to count, and lies on the line of the bag.
#
# **Learned.** Nearly perfect at the trained length, and then a cliff. The second question shows by place
# where it stands, in scripts of 64 tokens:

# %% tags=["atol=0.06"]
ids, _, before = tests[64]
print("accuracy at the places      3–15   16–31   32–63")
for kind in ("learned", "sinusoidal"):
    with torch.no_grad():
        right = sum(readers[kind, s](ids)[1].argmax(-1) == before for s in range(3)) / 3
    shares = [right[:, a:b].mean() for a, b in ((BACK, 16), (16, 32), (32, 64))]
    print(f"{kind:>22}" + "".join(f"{share:10.2f}" for share in shares))

# %% [markdown]
# The first sixteen places are still read well, in a script four times as long. From place 16 on, where no
# row has been trained, the answers are worse than a guess from the bag. This method has an end, and the
# end is where the training texts ended, not where the table does.
#
# **Sinusoidal.** The same cliff, although every row of *this* table is right. We have seen an attention
# head that finds the third word to the left at any place. It takes a rotation; training did not find it,
# and why should it? A row has 32 numbers, and 16 places were seen. Many matrices carry each of these rows
# to the one three places earlier, the rotation is only one of them, and nothing in the training texts
# tells them apart (exercise 3).
#
# > **Correction.** "Sinusoidal encodings extrapolate to longer texts" is repeated in many tutorials. The
# > authors wrote that they chose them "because it may allow the model to extrapolate", and their paper
# > has no test of it. Press and colleagues {cite:p}`press2022train` tested it, and found that the quality
# > of a language model degrades past the trained length. So do we.
#
# **ALiBi, symmetric.** It cannot know who speaks, only who is named nearby, on either side. This is worth
# something, and the line is remarkably flat. But no amount of training lifts it.
#
# **ALiBi, one-sided.** It answers the first question as well as RoPE at the trained length: look left,
# prefer what is near. It declines as the script gets longer, more or less by seed, and exercise 5 asks
# what the slopes have to do with it. The second question is beyond it: a price that grows with the
# distance can prefer near to far, but not three places to two.
#
# **RoPE.** Differences between places are all that enters, and the differences that matter here, 3 and
# those to the nearest name, occur in training. So it stays at the top, at two and at four times the
# trained length. It would be easy to stop here and to write that RoPE extrapolates. But the curve's last
# point has fallen, and we can say why.
#
# ## Where RoPE breaks
#
# A head of our readers has 8 numbers, four pairs, with wavelengths of about 6, 63, 628 and 6,283 places.
# In 16 places the two slow pairs hardly turn, so that "three places back" has to be recognised by the two
# quick ones. Now compare two keys that stand 63 places apart. The quickest pair turns by 63 radians in
# between, which is 10.03 full turns; the next by 6.3, which is 1.003 turns. Both are back where they
# were. *To the quick pairs, what stands 60 places to the right stands three places to the left.*
#
# If this is right, it tells us exactly where the second question goes wrong. In a script of 63 tokens,
# nowhere. In one of 64 tokens, at place 3 alone, which mistakes the last token for the first. In one of
# 96, at the places up to 35, which have a token 60 places to the right, and at those from 66 on, which
# have one $3 + 63$ places to the left; in between all is well.

# %% tags=["atol=0.12"]
from itertools import pairwise

turns = 63 * 10_000.0 ** (-torch.arange(0, 8, 2) / 8) / (2 * math.pi)  # (4,)
print("turns in 63 places:", ", ".join(f"{x:.3f}" for x in turns))
for n, cuts in ((63, (3, 63)), (64, (3, 4, 64)), (96, (3, 36, 66, 96))):
    ids, _, before = play(200, n, torch.Generator().manual_seed(n))
    with torch.no_grad():
        answers = [readers["RoPE", seed](ids)[1].argmax(-1) for seed in range(3)]
    right = sum(a == before for a in answers) / 3  # (200, n)
    for a, b in pairwise(cuts):
        print(f"{n} tokens, places {a:>2} to {b - 1:>2}: {right[:, a:b].mean():.2f}")
    if n == 64:
        wrong = torch.stack([a[:, 3] != ids[:, 0] for a in answers])  # (3, 200)
        last = torch.stack([a[:, 3] == ids[:, 63] for a in answers])  # (3, 200)
        share = last[wrong].double().mean()
        print("its errors there name the last token, 95% or more:", bool(share > 0.95))

# %% [markdown]
# It is right, to the place. RoPE knows differences only *up to whole turns of those hands that training
# has used*. In a large model a head has more pairs, and a coincidence like ours is rarer, but slow pairs
# that never came round in training are there all the same. In the figure of Press and colleagues the
# perplexity of rotary models rises past the trained length, too, and much has been written on how to mend
# models that "fail to generalize past the sequence length they were trained on" {cite:p}`peng2024yarn`.
#
# All of this is a toy: two layers, eight tokens, one choice of step size and training time. Kazemnejad
# and colleagues {cite:p}`kazemnejad2023impact` compared such methods on reasoning and mathematical tasks,
# in decoders, and found none of the common ones well suited for longer texts; better was no encoding at
# all. In a decoder that is possible. Each word sees only the words to its left, so that even without
# positions it does not see a set {cite:p}`haviv2022transformer`. Our one-sided heads have the same
# advantage. Which method is best is a question without an answer until the task, and the length, are
# named.
#
# ## Exercises
#
# > **Exercise 1 (pencil).** Show that on "who speaks?" no reader without positions can, on average, do
# > better than to name the most frequent name of the script.
# >
# > *Hint: such a reader gives one answer for all words that are alike, whatever the order. Fix the bag
# > and which places hold names. Which orders of the names are equally likely?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
# By equivariance the answer at a word depends on the word and on the bag, not on the
# order. The names were drawn independently, so given the bag and which places hold
# names, every order of the names is equally likely: the name in front of a given word
# is each name n with probability count(n) / (all names), whatever the word is. The
# answer n is right with this probability, so the most frequent name is the best answer.
# It is right with probability max count / all names. Compare with what we measured:
ids, speaker, _ = play(50_000, 16, torch.Generator().manual_seed(0))
counts = nn.functional.one_hot(ids, TOKENS).sum(1)[:, :NAMES]  # (50000, 4)
share = counts.amax(1) / counts.sum(1)  # (50000,)
asked = (speaker >= 0).sum(1)  # (50000,) words in each script
measured = accuracy(counts.argmax(1, keepdim=True).expand_as(ids), speaker)
print(f"expected {(share * asked).sum() / asked.sum():.2f}, measured {measured:.2f}")

# %% [markdown]
# > **Exercise 2 (pencil).** Can two different places get the same row of the sinusoidal table, if $d \ge
# > 2$? How close do two places come, for the first hand alone?
# >
# > *Hint: when do two angles have the same sine and the same cosine? And which fraction approximates
# > $\pi$ well?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
# The first hand turns by 1 radian a place. Equal sine and cosine for t and u mean that
# t - u is a multiple of 2 pi, say 2 pi n. With n not 0, pi = (t - u) / 2n would be a
# fraction, and pi is irrational. So the very first hand tells all places apart, in
# theory: pi is nearly 355/113, so that 710 places are nearly 113 turns.
first = sinusoidal(2000, 2, dtype=torch.float64)  # (2000, 2)
gaps = (first[1:] - first[0]).norm(dim=1)  # (1999,) distance of place t from place 0
print("nearest to place 0:", gaps.argmin().item() + 1)
print("and nearer than 1e-4:", bool(gaps.min() < 1e-4))
both = sinusoidal(711, 64, dtype=torch.float64)[[0, 710]]
print(f"with all 32 hands of d = 64 they are {(both[0] - both[1]).norm():.1f} apart")

# %% [markdown]
# > **Exercise 3 (code).** A reader
# > [tried](https://datascience.stackexchange.com/questions/45691/how-can-positional-encodings-including-a-sine-operation-be-linearly-transformabl/46008)
# > to find the matrix of equation {eq}`eq-pe-rotation` by linear regression from $\mathbf{p}_t$ to
# > $\mathbf{p}_{t+3}$, and failed. Do it with $d = 8$: from the first 200 places; from the first 6; and
# > from 200 places, but with the sines alone. Which of the three matrices are right at places that were
# > not seen?
# >
# > *Hint: `torch.linalg.lstsq`. Compare the number of places with the number of columns.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
P = sinusoidal(1000, 8, dtype=torch.float64)  # (1000, 8)
cases = ("200 places", P, 200), ("6 places", P, 6), ("sines, 200", P[:, ::2], 200)
for name, table_, n in cases:
    solve = torch.linalg.lstsq(table_[:n], table_[3 : n + 3], driver="gelsd")
    errors = (table_[:-3] @ solve.solution - table_[3:]).abs().amax(1)  # (997,)
    seen, unseen = errors[:n].max() < 1e-6, errors[n:].max() < 1e-6
    print(f"{name:>10}: right where seen {bool(seen)!s:>5}, elsewhere {bool(unseen)}")
# From 200 places regression finds R_3, and it is right everywhere. 6 places leave the 8
# unknowns of each column open: a matrix that is right on all that was seen, and not a
# rotation. That is our sinusoidal reader, with 32 and 16. With the sines alone there is
# no such matrix, since sin(a + b) needs cos(a). The reader in question had no cosines.

# %% [markdown]
# > **Exercise 4 (code).** Turn the values too. Take the attention of equation {eq}`eq-pe-attention` with
# > RoPE, move the whole text by 100 places, and compare the outputs; first with queries and keys turned,
# > then with the values as well.
# >
# > *Hint: only `places` changes. What should a shift do to a model that knows differences only?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
generator = torch.Generator().manual_seed(0)
q, k, v = torch.randn(3, 12, 8, generator=generator)  # (T, d) each


def attend_turned(places, turn_values):
    scores = rotate(q, places) @ rotate(k, places).T / 8**0.5  # (T, T)
    return scores.softmax(-1) @ (rotate(v, places) if turn_values else v)


here, there = torch.arange(12), torch.arange(100, 112)
for too in (False, True):
    same = torch.allclose(attend_turned(here, too), attend_turned(there, too))
    print(f"values turned: {too!s:>5}, same output 100 places on: {same}")
moved = rotate(attend_turned(here, True), torch.full((12,), 100))
print("it is turned by 100 places:", torch.allclose(moved, attend_turned(there, True)))
# The weights are the same, but the values bring their absolute places along.

# %% [markdown]
# > **Exercise 5 (code).** What do the slopes contribute, and what the one-sided view? Train one-sided
# > readers whose two slopes are 0 (the masks alone), and ¼ and 1/16 in place of 1/16 and 1/256. Compare
# > at 16 and at 64 tokens.
# >
# > *Hint: replace `bias_for` by a function of your own; the reader looks it up each time.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
ours, slopes = bias_for, torch.zeros(2)


def bias_for(kind, length):
    distance = (torch.arange(length)[:, None] - torch.arange(length)).abs()
    masks = ours("ALiBi, one-sided", length) == -math.inf  # (4, T, T)
    bias = -slopes.repeat_interleave(2)[:, None, None] * distance  # (4, T, T)
    return bias.masked_fill(masks, -math.inf)


speaks = {}
for name, pair in (("masks alone", (0.0, 0.0)), ("steep", (1 / 4, 1 / 16))):
    slopes = torch.tensor(pair)
    torch.manual_seed(0)
    reader = train(Reader("own"), seed=100)
    speaks[name] = [examine(reader, n)[0] for n in (16, 64)]
    print(f"{name:>11}, at the trained length above 0.95: {speaks[name][0] > 0.95}")
bias_for = ours
paper = scores["ALiBi, one-sided", 0][LENGTHS.index(64), 0]
line = "at 64 tokens, masks alone < the paper's slopes < steep:"
print(line, bool(speaks["masks alone"][1] < paper < speaks["steep"][1]))
# Two layers of one-sided heads need no slope at all to answer on short scripts: a mask
# already breaks the symmetry. On long ones it is the slope that keeps far names from
# adding up, and 1/16 is gentle: ten places cost a factor of about 0.5. With eight heads
# the paper's slopes begin at 1/2; two heads get none that is steep.

# %% [markdown]
# > **Exercise 6 (open).** Learned positions fail past place 15 because nothing trains the rows. Find a
# > way to train 64 rows with scripts of 16 tokens. How far does it help, and what does it cost?
# >
# > *Hint: must a text begin at place 0?*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
class Anywhere(LearnedPosition):
    def forward(self, x):
        last = self.max_length - x.shape[1] if torch.is_grad_enabled() else 0
        start = int(torch.randint(last + 1, ()))  # 0 in a test
        return x + self.weight[start : start + x.shape[1]]


torch.manual_seed(0)
reader = Reader("learned")
reader.position = Anywhere(64, 32, std=1.0)
train(reader, seed=100, steps=480)
short, long = examine(reader, 16), examine(reader, 64)
before_ = scores["learned", 0][LENGTHS.index(64)]
for question, name in enumerate(QUESTIONS):
    better = bool(long[question] > before_[question] + 0.05)
    print(f"{name:<32} better at 64 tokens: {better}")
print("as good at 16 tokens, in twice the steps:", short[0] > 0.98)
# Each text begins at a random place, so that every row is trained, in pairs that are at
# most 15 apart. The exact distance now reaches far beyond 16; who speaks improves less,
# and the trained length itself is learnt more slowly. Others draw all places of a text
# at random, in order; or train on longer texts, which is the simplest cure of all.

# %% [markdown]
# ## You have
#
# - proved that attention without positions is equivariant under every shuffle, and seen it by hand and in PyTorch;
# - built the sinusoidal table, found $\mathbf{p}_{t+k} = R_k\,\mathbf{p}_t$ in it, and an attention head that looks three places
#   back at any distance from the start;
# - measured that angles must not be computed in bfloat16, and hardly in float32;
# - shown that RoPE's scores depend on differences, and that symmetric ALiBi gives a mirrored text the same answers;
# - seen six readers of a play agree at the trained length where the proofs let them and part beyond it, and predicted
#   to the place where RoPE breaks.
#
# ## Further reading
#
# - A. Vaswani and colleagues, [Attention is all you need](https://arxiv.org/abs/1706.03762), 2017, section 3.5: one page,
#   with the sinusoids, the rotation and the hope to extrapolate.
# - P. Shaw, J. Uszkoreit and A. Vaswani, [Self-attention with relative position
#   representations](https://aclanthology.org/N18-2074/), 2018: learned vectors for differences instead of places
#   {cite:p}`shaw2018self`.
# - J. Su and colleagues, [RoFormer](https://arxiv.org/abs/2104.09864): RoPE.
# - O. Press, N. A. Smith and M. Lewis, [Train short, test long](https://arxiv.org/abs/2108.12409), 2022: ALiBi, and the
#   question of our figure, asked of real language models.
# - A. Kazemnejad and colleagues, [The impact of positional encoding on length generalization in
#   Transformers](https://arxiv.org/abs/2305.19466), 2023: what decoders do, and that none may be best.
