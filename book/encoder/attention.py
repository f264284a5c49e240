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
# # Attention: must one vector hold it all?
#
# Look at *4815*, look away, and say it backwards: 5184. Now try it with *48151623428571*. The rule is the same,
# and hardly anybody can do it: the digits no longer fit into the head. Then do it with your eyes on the page. You
# put a finger on the last digit, say it, and move the finger one place to the left. A whole page of digits
# would be no harder: the page remembers, and the finger chooses.
#
# A decoder that begins with the encoder's last state has looked away. Whatever it writes must come out of one
# vector, whose size does not grow with the text. Cho and colleagues saw translations get rapidly worse with the
# length of the sentence {cite:p}`cho2014properties`, and Bahdanau and colleagues suspected the vector of fixed
# size {cite:p}`bahdanau2015neural`. **Must one vector hold it all?** They left the page open: the decoder may look
# at *all* states of the encoder, and learns where to put its finger. This is *attention* (注意力机制).
#
# **You will**
#
# - build additive attention by hand, in two sets of letters, and show that they say the same;
# - mask what must not be looked at, and meet a row of nothing but NaN;
# - project the keys once for all questions, and see what that saves;
# - prove why dot products are divided by $\sqrt d$, and find out what that does to the gradient, and what not;
# - compare networks that spell real words backwards, with and without attention, and watch where one looks.
#
# **You need** the LSTM and its states, padding, and the decoder with a teacher from the chapter
# [encoder-decoder](encoder-decoder.ipynb); for one proof, the variance of a sum. The chapter runs in about
# 20 seconds on one processor core.

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
# ## A mean that can choose
#
# The encoder has read *the cat sat on the mat* and has left a state $\mathbf{h}_j \in \mathbb{R}^{d_h}$ at each of the
# $T = 6$ places. The decoder wants one vector, that which matters now. To pick one place would be a decision, and
# through a decision no gradient flows. (*Hard attention* decides all the same, by a random draw, and must estimate a
# gradient from what its draws were worth: [Xu and colleagues](https://arxiv.org/abs/1502.03044) tried both on captions
# of pictures.) So we pick softly. Give each place a *score* $e_j$, turn the scores into weights $\alpha_j$ by a
# softmax, and take the weighted mean, the *context vector* (上下文向量):
#
# $$
# \begin{aligned}
# \alpha_j &= \frac{\exp(e_j)}{\sum_{k=1}^{T} \exp(e_k)}, \\
# \mathbf{c} &= \sum_{j=1}^{T} \alpha_j\, \mathbf{h}_j \in \mathbb{R}^{d_h} .
# \end{aligned}
# $$ (eq-att-context)
#
# If all scores are equal, $\mathbf{c}$ is the plain mean of the states. If one is far above the rest, $\mathbf{c}$
# is nearly that one state. Here are scores that we made up for the question
# *who sat?* The larger the number that multiplies them, the nearer the context comes to the state of *cat*.

# %%
import torch

from scratch.encoder import Encoder
from scratch.table import Table
from scratch.text import Vocabulary, tokenize

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
tokens = tokenize("The cat sat on the mat")
vocabulary = Vocabulary.from_tokens(tokens)
ids = torch.tensor([vocabulary.encode(tokens)])  # (batch, T)
encoder = Encoder(len(vocabulary), embedding_dim=16, hidden_dim=8, num_layers=1)
H = encoder.states(ids)[0].detach()  # (T, d_h) a state for each word

made_up = torch.tensor([0.5, 1.5, 0.5, -0.5, 0.0, 1.0])  # (T,)
factors = torch.tensor([0.0, 1, 3, 10])
alpha = (factors.unsqueeze(1) * made_up).softmax(1)  # (4, T)
contexts = alpha @ H  # (4, d_h)
print("times 0 it is the mean of all states:", torch.allclose(contexts[0], H.mean(0)))
distances = (contexts - H[1]).norm(dim=1)  # (4,)
columns = {"scores times": ".0f", "from the context to cat's state": ".3f"}
Table(zip(factors.tolist(), distances.tolist(), strict=True), columns)

# %% mystnb={"image": {"alt": "Four rows of six cells, one column for each word of the cat sat on the mat, with a number in each cell. In the first row all six weights are 0.17. In the second cat has 0.37 and mat 0.22. In the third cat has 0.75. In the last cat has 0.99 and the others nearly nothing."}, "figure": {"caption": "Weights from the same scores, multiplied by 0, 1, 3 and 10: from the mean of all words to the choice of one.", "name": "fig-att-soft"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.pcolormesh(alpha, cmap="Blues", vmin=0, vmax=1.2, edgecolors="white")
for row in range(4):
    for column in range(len(tokens)):
        text, ink = f"{alpha[row, column]:.2f}", "wk"[int(alpha[row, column] < 0.6)]
        where = {"ha": "center", "va": "center", "size": 9, "color": ink}
        axes.text(column + 0.5, row + 0.5, text, **where)
axes.set_xticks([j + 0.5 for j in range(6)], tokens)
axes.set_yticks([i + 0.5 for i in range(4)], ["0", "1", "3", "10"])
axes.invert_yaxis()
axes.set(ylabel="scores times")
axes.grid(False)

# %% [markdown]
# From the mean to a choice there is no jump, and a gradient can go all the way. No weight ever is 0, though.
# [*Sparsemax*](https://arxiv.org/abs/1602.02068) gives zeros: it takes one number from all scores and cuts at 0, so
# that the weights add up to 1. From our scores it takes 0.75, which leaves 0.75 for *cat*, 0.25 for *mat*, and
# nothing for the rest.
#
# ## Who gives the scores?
#
# A small network that sees who asks and who is asked: the decoder's state, and a state of the encoder. The
# second of the two articles writes
#
# $$
# \begin{aligned}
# e_{t,i} &= \mathbf{v}_a^\top \tanh(W_a\,[\mathbf{h}_t, \mathbf{s}_i] + \mathbf{b}_a), \\
# a_{t,i} &= \frac{\exp(e_{t,i})}{\sum_{j=1}^{T_x} \exp(e_{t,j})},
# \end{aligned}
# $$ (eq-att-article)
#
# where $\mathbf{h}_t \in \mathbb{R}^{d_q}$ is the asking state at step $t$, $\mathbf{s}_i \in \mathbb{R}^{d_h}$ the
# state at place $i$ of the input, $[\cdot, \cdot]$ puts the one after the other, $W_a$ has $d_a$ rows and $d_q + d_h$
# columns, and $\mathbf{b}_a, \mathbf{v}_a \in \mathbb{R}^{d_a}$: together $d_a (d_q + d_h + 2)$ numbers to learn.
# Bahdanau and colleagues write
#
# $$
# e_{ij} = \mathbf{v}_a^\top \tanh(W_a\,\mathbf{s}_{i-1} + U_a\,\mathbf{h}_j),
# $$ (eq-att-bahdanau)
#
# and leave biases out of their equations "to make [them] less cluttered". These are the same formula. As in the
# [plain RNN](rnn.ipynb), a matrix that meets two vectors one after the other can be cut into the columns that
# meet the first and those that meet the second, $W_a = [W, U]$ in our letters. The two parts are added, hence
# *additive attention* (加性注意力).
#
# > **Correction.** The article's letters are Bahdanau's, swapped: there $\mathbf{s}$ is the decoder's state and
# > $\mathbf{h}$ the encoder's, and in the article itself $\mathbf{h}_t$ was the encoder's state a section earlier.
# > $T_x$, the length of the input, is not explained. And the formula stops early: the sum {eq}`eq-att-context` is
# > missing, so that nothing is weighed with the weights. The letters alone would be no slip. Luong and colleagues,
# > whose *concat* score is this formula without the bias, call the decoder's state $\mathbf{h}_t$, too
# > {cite:p}`luong2015effective`. They ask with the state after the step, Bahdanau with the one before it.
#
# From here on we go by the part that a vector plays, in the Transformer's words:
#
# | part | the article | Bahdanau | here |
# |---|---|---|---|
# | the *query* (查询), who asks | $\mathbf{h}_t$ | $\mathbf{s}_{i-1}$ | $\mathbf{q}$ |
# | the *keys* (键), who are asked | $\mathbf{s}_i$ | $\mathbf{h}_j$ | $\mathbf{k}_j$ |
# | the *values* (值), what is averaged | | $\mathbf{h}_j$ | $\mathbf{v}_j$; here the keys themselves |
# | the weights | $a_{t,i}$ | $\alpha_{ij}$ | $\alpha_j$ |

# %% mystnb={"image": {"alt": "From below: the query q goes through a box W, each of three keys through a box U. Each pair of products is added, goes through tanh and a box v, and becomes a score e. A wide softmax makes three weights alpha of the three scores; each multiplies its key, and the sum of these products is c."}, "figure": {"caption": "Additive attention over three keys. The keys above, which are averaged, are the same as those below, which are asked; $U$ need see each only once.", "name": "fig-att-additive"}}
from scratch import diagrams

diagrams.additive_attention()


# %% [markdown]
# Both spellings by hand, over our sentence, with random weights and a random query:

# %%
torch.manual_seed(1)
d_q, d_h, d_a = 5, 8, 6
W_a = torch.randn(d_a, d_q + d_h)
b, v = torch.randn(2, d_a)
q = torch.randn(d_q)

W, U = W_a[:, :d_q], W_a[:, d_q:]  # (d_a, d_q), (d_a, d_h)
joined = torch.stack([v @ torch.tanh(W_a @ torch.cat([q, k]) + b) for k in H])  # (T,)
split = torch.tanh(q @ W.T + H @ U.T + b) @ v  # (T,)
print("one score for each word:", " ".join(f"{e:.2f}" for e in joined))
print("the two spellings agree:", torch.allclose(joined, split))

# %% [markdown]
# The tested helper has Bahdanau's names and no bias, and works on batches. It takes the keys' share,
# $U\mathbf{k}_j$, ready-made if we have it, and there the bias can ride along. PyTorch has no additive
# attention to compare with, so we let it check the gradients, against finite differences.

# %%
from scratch.attention import AdditiveAttention

additive = AdditiveAttention(query_dim=d_q, key_dim=d_h, hidden_dim=d_a)
additive.load_state_dict({"W.weight": W, "U.weight": U, "v.weight": v[None]})
query, keys = q[None], H[None]  # (batch, d_q), (batch, T, d_h)
projected = additive.project_keys(keys) + b  # (batch, T, d_a)
context, weights = additive(
    query, keys, projected=projected
)  # (batch, d_h), (batch, T)

by_hand = joined.softmax(0)  # (T,)
same = torch.allclose(weights[0], by_hand) and torch.allclose(context[0], by_hand @ H)
inputs = (query.clone().requires_grad_(), keys.clone().requires_grad_())
right = torch.autograd.gradcheck(additive, inputs)
print("as by hand:", same, "/ gradients as by finite differences:", right)

# %% [markdown]
# ## What must not be looked at
#
# In a batch, short sentences end in padding, and a pad has a score like any other place. Its weight must be 0,
# exactly. The softmax is taken over the places where a *mask* (掩码) is true; $m_j$ is 1 there, else 0:
#
# $$
# \alpha_j = \frac{m_j \exp(e_j)}{\sum_{k=1}^{T} m_k \exp(e_k)} .
# $$ (eq-att-mask)
#
# The usual way to write this is to set the score to $-\infty$ where the mask is false, since $\exp(-\infty) =
# 0$. That is right as long as something is left. But a row may be allowed to look nowhere: a question for
# which no passage was found, a batch filled up with empty rows. Then equation {eq}`eq-att-mask` is $0/0$. We try
# three ways, and print them for a row of two words and one of none.

# %%
from scratch import text
from scratch.attention import masked_softmax

torch.manual_seed(2)
lengths = torch.tensor([6, 2, 0])
mask = text.mask(lengths)  # (batch, T) True: may be looked at
scores = torch.randn(3, 6)
ways = {
    "-inf": scores.masked_fill(~mask, -torch.inf).softmax(1),
    "-1e9": scores.masked_fill(~mask, -1e9).softmax(1),
    "scratch": masked_softmax(scores, mask),
}
rows = [(way, n, *ways[way][i].tolist()) for i, n in ((1, 2), (2, 0)) for way in ways]
columns = {"masked by": "", "words": "d"} | {f"place {j}": ".2f" for j in range(1, 7)}
Table(rows, columns)

# %% [markdown]
# All three agree on the row of two words. On the empty one, $-\infty$ gives *not a number*, NaN. The popular $-10^9$
# gives something worse, since it looks sound: the plain mean of the padding. The helper gives zeros: who has looked
# nowhere has seen nothing. Does one such row matter, if nobody uses it? We leave it out of the loss, and look at
# the gradient of a layer that made the states:

# %%
layer = torch.nn.Linear(8, 8)
states = torch.randn(3, 6, 8)
for name in ("-inf", "scratch"):
    layer.zero_grad()
    contexts = (ways[name].unsqueeze(1) @ layer(states)).squeeze(1)  # (batch, 8)
    contexts[:2].sum().backward()  # the loss uses the first two rows only
    nans = layer.weight.grad.isnan().sum()
    print(f"{name}: {nans} of the layer's {layer.weight.numel()} gradients are NaN")

# %% [markdown]
# It matters. On the way back, the zeros from above are multiplied by the NaN weights, and zero times NaN is NaN.
# After the next step the model is gone. Users of PyTorch have
# [met](https://github.com/pytorch/pytorch/issues/41508) [this](https://github.com/pytorch/pytorch/issues/103749)
# for years. Its `scaled_dot_product_attention` [now gives zeros](https://github.com/pytorch/pytorch/pull/131060) as
# ours does. Its `MultiheadAttention` still gives NaN if it is to return the weights, as it does by default. To see who
# reads padding, we give each of them the same words twice, with other numbers at the pads the second time.

# %%
from torch import nn
from torch.nn.functional import scaled_dot_product_attention as torch_attention

query, keys = torch.randn(3, 1, 8), torch.randn(3, 6, 8)
other_pads = keys.masked_fill(~mask.unsqueeze(2), 9.0)
library = nn.MultiheadAttention(8, num_heads=1, batch_first=True)


def verdict(a, b):  # (1, 8) each: the same words, other pads
    if a.isnan().any():
        return "NaN"
    if not torch.equal(a, b):
        return "reads its pads"
    return "sound" if a.any() else "zeros"


def verdicts(attend):
    return map(verdict, attend(keys), attend(other_pads))


calls = {"function, mask": lambda k: torch_attention(query, k, k, mask.unsqueeze(1))}
calls["layer, ~mask"] = lambda k: library(query, k, k, key_padding_mask=~mask)[0]
calls["layer, mask"] = lambda k: library(query, k, k, key_padding_mask=mask)[0]
columns = dict.fromkeys(("PyTorch's", "row of 6 words", "of 2 words", "of none"), "")
Table([(name, *verdicts(attend)) for name, attend in calls.items()], columns)

# %% [markdown]
# > **Pitfall.** In this book a mask is `True` where one *may* look. In PyTorch it depends: in a boolean mask,
# > `True` means *may* in `scaled_dot_product_attention`, and *may not* in the `key_padding_mask` and
# > `attn_mask` of `MultiheadAttention` and in the Transformer layers. The wrong one raises no error: in the last
# > line, the row of two words reads its padding and nothing else, and the full row may look nowhere. It happens to
# > the best: a reader found it in [a notebook](https://github.com/rasbt/LLMs-from-scratch/issues/1061) of a popular book.
#
# ## Ask often, project once
#
# A decoder asks once for every token it writes, and always about the same keys. In equation {eq}`eq-att-bahdanau`,
# $U\mathbf{k}_j$ does not depend on who asks; the paper remarks that it can be computed in advance (large language
# models keep their projected keys and values for the same reason, in a *KV cache*). With $T$ keys and $R$ queries, that
# product takes $T\, d_h\, d_a$ multiplications if it is done once, and $R\, T\, d_h\, d_a$ if it is done for every
# query. What remains for each of the $R\, T$ pairs is the $\tanh$ of $d_a$ numbers and their product with
# $\mathbf{v}_a$. `benchmarks/attention.py` has measured both, forward and backward, beside the dot product of the next
# section, which is given the same projections. *By step* asks one query after the other, as a decoder does, and *keys
# again* projects the keys at each step.

# %%
from scratch.corpora import load_results

race = load_results("attention")["additive"]
print(", ".join(f"{value} {name}" for name, value in race["shape"].items()))
columns = {"scores by": "", "time": ".1f", "kept for backward (MB)": ".0f"}
ours = [row for row in race["rows"] if not row["side"].startswith("torch")]
Table([(row["side"], row["ratio"], row["megabytes"]) for row in ours], columns)

# %% [markdown]
# Times are relative to the first line. Projecting the keys again at every step costs more than all the rest of additive
# attention. With keys projected once, it takes less than twice the time of the dot product by step, and keeps ten times
# the memory: $d_a$ hyperbolic tangents for each pair, where the dot product keeps one number. Asking all questions at
# once speeds the dot product up and slows additive attention down.
#
# ## The dot product, and its scale
#
# If the query is as long as the keys, we need no network to compare them: their dot product is large where they
# point the same way. All scores are then a single matrix product. With the queries, keys and values as the rows of
# $Q \in \mathbb{R}^{R \times d}$, $K \in \mathbb{R}^{T \times d}$ and $V \in \mathbb{R}^{T \times d_v}$, *scaled
# dot-product attention* (缩放点积注意力) {cite:p}`vaswani2017attention` is
#
# $$
# \mathrm{softmax}\Bigl(\frac{QK^\top}{\sqrt d}\Bigr)\, V \in \mathbb{R}^{R \times d_v},
# $$ (eq-att-scaled)
#
# with the softmax along each row.

# %% mystnb={"image": {"alt": "From below: Q and K meet in their product Q K transposed, which is divided by the root of d and goes, with a mask m, into a softmax. The weights that come out, R times T numbers, meet V in a product; the result is R times d v."}, "figure": {"caption": "Scaled dot-product attention, with shapes. Nothing in it is learnt; $m$ is the mask, where there is one.", "name": "fig-att-scaled"}}
diagrams.scaled_dot_product_attention()


# %% [markdown]
# Luong and colleagues {cite:p}`luong2015effective` had compared three scores: the
# bare dot product $\mathbf{q} \cdot \mathbf{k}$, a *general* one with a matrix between the two,
# $\mathbf{q}^\top W \mathbf{k}$, and *concat*. Why the $\sqrt d$? Let the $2d$ numbers of $\mathbf{q}$ and
# $\mathbf{k}$ be independent, each of mean 0 and variance 1. A product of two of them has the mean
# $\mathrm{E}[q_i]\,\mathrm{E}[k_i] = 0$ and the variance
# $\mathrm{E}[q_i^2 k_i^2] = \mathrm{E}[q_i^2]\,\mathrm{E}[k_i^2] = 1$. Variances of independent terms add up:
#
# $$
# \mathrm{Var}(\mathbf{q} \cdot \mathbf{k}) = \sum_{i=1}^{d} \mathrm{Var}(q_i k_i) = d .
# $$ (eq-att-variance)
#
# So scores grow like $\sqrt d$, and divided by it they have variance 1 for any $d$. What is wrong with large scores?
# The softmax becomes a decision, as in the last row of {numref}`fig-att-soft`. Its derivatives we have from the
# logarithm, $\ln \alpha_j = e_j - \ln \sum_i \exp(e_i)$. By $e_k$ its first term has the derivative $\delta_{jk}$,
# which is 1 if $j = k$, else 0, and the second $\exp(e_k) / \sum_i \exp(e_i) = \alpha_k$. The left side has
# $(\partial \alpha_j / \partial e_k) / \alpha_j$. So
#
# $$
# \frac{\partial \alpha_j}{\partial e_k} = \alpha_j\,(\delta_{jk} - \alpha_k) .
# $$ (eq-att-jacobian)
#
# If one weight is nearly 1 and the others nearly 0, every one of these products is nearly 0: the finger is stuck. So
# one reads that without the scale *gradients vanish*. But the unscaled score also passes on a $\sqrt d$ times larger
# derivative to the query. With $e_k = s\, \mathbf{q} \cdot \mathbf{k}_k$ and $s = 1/\sqrt d$ or 1, put into
# {eq}`eq-att-jacobian`,
#
# $$
# \frac{\partial \alpha_j}{\partial \mathbf{q}} = s\, \alpha_j\, (\mathbf{k}_j - \bar{\mathbf{k}}), \quad
# \bar{\mathbf{k}} = \sum_k \alpha_k \mathbf{k}_k .
# $$ (eq-att-arrives)
#
# A key that has some weight is moved towards if it differs from the mean key. Which of the two wins, the factor or
# the stuck finger? We measure what arrives, the size of all these vectors together, for 300 random queries with
# ten keys each and with 64: its median, and the middle 90% of the queries.


# %%
def arriving(Q, K, scale):  # (count, 1, d), (count, keys, d)
    """The size of the gradient at each query, and its largest weight: (count,) each."""
    alpha = (scale * Q @ K.mT).softmax(2)  # (count, 1, keys)
    moves = scale * alpha.mT * (K - alpha @ K)  # (count, keys, d)
    return moves.norm(dim=(1, 2)), alpha.amax((1, 2))


WIDTHS, arrives, rows = (4, 16, 64, 256, 1024), {"scaled": [], "unscaled": []}, []
for n in (10, 64):
    for d in WIDTHS:
        generator = torch.Generator().manual_seed(d)
        Q, K = (torch.randn(300, m, d, generator=generator) for m in (1, n))
        for name, scale in (("scaled", d**-0.5), ("unscaled", 1.0)):
            sizes, largest = arriving(Q, K, scale)
            if n == 10:
                arrives[name].append(sizes)
            parts = sizes.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
            rows.append((n, d, name, *parts, largest.mean().item()))
columns = {"keys": "d", "d": "d", "scores": "", "gradient: 5%": ".2g"}
Table(rows, columns | {"median": ".2g", "95%": ".2g", "largest weight": ".2f"})

# %% mystnb={"image": {"alt": "The size of the gradient against the width d from 4 to 1,024, both on logarithmic axes. For scaled scores the line of the median is flat at about a third, in a narrow band. For unscaled ones the median rises slightly, then falls ever more steeply to below one thousandth, and the band around it gets very wide."}, "figure": {"caption": "What arrives at the query, with ten keys: median over 300 queries, and the band that holds the middle half of them.", "name": "fig-att-saturation"}}
figure, axes = plt.subplots()
for (name, sizes), marker in zip(arrives.items(), "os", strict=True):
    low, middle, high = torch.stack(sizes).quantile(torch.tensor([0.25, 0.5, 0.75]), 1)
    axes.fill_between(WIDTHS, low, high, alpha=0.25, lw=0)
    axes.plot(WIDTHS, middle, marker=marker, label=name)
axes.set(xscale="log", yscale="log", ylim=(1e-6, 10))
axes.set_xticks(WIDTHS, WIDTHS)
axes.minorticks_off()
axes.set(xlabel="width $d$", ylabel="gradient at the query")
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# Look at $d = 64$, the width of the paper's heads: in the median *more* arrives without the scale than with it, and
# with 64 keys several times more. The factor beats the stuck finger there; it takes hundreds of dimensions until the
# median sinks to nothing. So "without the scale the gradient vanishes" is no good reason at the width at which the
# scale was introduced. What is it good for, then? Compare the lines of the scaled with one another. Their
# numbers hardly change with $d$, and from query to query by a small factor: one step size suits all. Unscaled, from
# $d = 64$ on some queries get next to nothing, and others, those whose two best keys happen to be
# level, more and more: their largest grow like $\sqrt d$. Networks of 64 and of 1,024 dimensions would need
# different step sizes, and within each none would suit all queries. The scale gives *sameness*: over widths, and
# over queries.
#
# Vaswani and colleagues gave small gradients as the reason, as a suspicion, for "large values" of $d$. And trained
# queries and keys are neither independent nor of variance 1: proof and table are about the start of training.
#
# One more way to read {eq}`eq-att-scaled`: statisticians have known such means since 1964 as *kernel regression*.
# [Nadaraya](https://doi.org/10.1137/1109020) and Watson guessed the value at a point as the mean of the values at known
# points, each counted by a *kernel* $\kappa(\mathbf{q}, \mathbf{k}_j)$ that is large for near ones. Attention is that,
# with $\kappa = \exp(\mathbf{q} \cdot \mathbf{k}_j / \sqrt d)$ and a *near* that is learnt (exercise 3). With a kernel
# that is a product, $\phi(\mathbf{q}) \cdot \phi(\mathbf{k}_j)$, the sums over $j$ can be taken once for all queries:
# [linear attention](https://arxiv.org/abs/2006.16236), whose cost no longer grows with the square of the length.
#
# The helper gives output and weights; PyTorch's function gives the output.

# %%
from scratch.attention import scaled_dot_product_attention

Q, K, V = (torch.randn(3, length, 8, requires_grad=True) for length in (4, 6, 6))
allowed = mask.unsqueeze(1)  # (batch, 1, T) for all queries alike
ours, weights = scaled_dot_product_attention(Q, K, V, allowed)
theirs = torch_attention(Q, K, V, attn_mask=allowed)
by_hand = (Q[0] @ K[0].T / 8**0.5).softmax(1) @ V[0]
same = torch.allclose(by_hand, ours[0]) and torch.allclose(ours, theirs)
above = torch.randn_like(ours)
g, g_theirs = (torch.autograd.grad(y, (Q, K, V), above) for y in (ours, theirs))
pairs = zip(g, g_theirs, strict=True)
print("by hand, ours and PyTorch's are the same:", same, end="; ")
print("so are the gradients:", all(torch.allclose(a, b_) for a, b_ in pairs))

# %% [markdown]
# ## The bottleneck
#
# Now the experiment from the start of this chapter, with real words. The source is a word from WordNet's
# definitions, letter by letter; the target is the same word backwards. A fifth of the words are kept for testing.
# We train on words of 2 to 10 letters and test on up to 14. Some unseen words are relatives of seen ones (*walk*,
# *walks*), and all of them are English; so we also test on random strings of letters. Backwards is the kinder
# direction for a single vector, since the letter read last is wanted first {cite:p}`sutskever2014sequence`.

# %%
import random
import string
from collections import Counter
from itertools import chain

from scratch.corpora import load
from scratch.text import pad

counts = Counter(chain.from_iterable(load("wordnet")))
words = sorted(w for w, count in counts.items() if count > 1 and w.isalpha())
random.Random(0).shuffle(words)
seen = [w for i, w in enumerate(words) if i % 5 and 2 <= len(w) <= 10]
LENGTHS = (4, 6, 8, 10, 12, 14)
unseen = {n: [w for w in words[::5] if len(w) == n][:200] for n in LENGTHS}
draw = random.Random(1).choices
strings = {
    n: ["".join(draw(string.ascii_lowercase, k=n)) for _ in range(200)] for n in LENGTHS
}
print(f"{len(seen):,} words to learn from, such as", ", ".join(seen[:5]))
print("to test, of each length:", [len(unseen[n]) for n in LENGTHS])
print("of 14 letters:", ", ".join(unseen[14][:2]), "/", ", ".join(strings[14][:2]))

# %% [markdown]
# Two networks, which differ in one thing. The decoder is an LSTM that starts from the encoder's last state, and is
# given at each step the letter written last and a context. With attention, the context is equation
# {eq}`eq-att-context`, asked for with the decoder's state *before* the step, as in Bahdanau's $\mathbf{s}_{i-1}$.
# Without, it is the encoder's last state, the same at every step. The network without attention gets a few more hidden
# units, for nearly as many parameters. Both are told how long the word is. (`forbidden` closes places to a step, for
# the last section.)


# %%
from scratch.recurrent import LSTM, LSTMCell
from scratch.training import fit, random_rows


def speller(hidden, attends):
    parts = {
        "letters": nn.Embedding(27, 16),  # a = 1 … z = 26; 0 is a pad, and "begin"
        "encoder": LSTM(16, hidden),
        "decoder": LSTMCell(16 + hidden, hidden),  # the last letter and the context
        "guess": nn.Linear(2 * hidden, 27),
    }
    if attends:
        parts["attention"] = AdditiveAttention(hidden, hidden, hidden)
    return nn.ModuleDict(parts)


# %%
HIDDEN = {"one vector": 51, "attention": 48}
rows = []
for name, hidden in HIDDEN.items():
    parts = speller(hidden, attends=name == "attention")
    rows.append((name, hidden, sum(p.numel() for p in parts.parameters())))
Table(rows, {"network": "", "hidden units": "d", "parameters": ",d"})


# %%
def spell(parts, ids, lengths, target=None, forbidden=None):
    """Scores (batch, T, 27) for each letter written, and where each step looked."""
    embed, guess = parts["letters"], parts["guess"]
    keys, ((state,), (cell,)) = parts["encoder"](embed(ids), lengths)  # one layer
    context, mask, letter = state, ids != 0, embed(torch.zeros_like(lengths))
    attention = getattr(parts, "attention", None)
    projected = attention.project_keys(keys) if attention else None
    known = None if target is None else embed(target).unbind(1)  # (batch, 16) each
    states, looks = [], []
    for u in range(ids.shape[1]):
        if attention:
            allowed = mask if forbidden is None else mask & ~forbidden[:, u]
            context, weights = attention(state, keys, allowed, projected=projected)
            looks.append(weights)
        state, cell = parts["decoder"](torch.cat([letter, context], 1), (state, cell))
        states.append(torch.cat([state, context], 1))
        letter = known[u] if known else embed(guess(states[-1]).argmax(1))
    return guess(torch.stack(states, 1)), looks


# %% [markdown]
# In training a teacher supplies the letter before (`target`); in the test each network goes on from what it
# has written itself. `backwards` makes the targets: to each place belongs the letter at the mirrored place, and past
# the end of a word a pad.


# %%
def as_ids(words):
    return pad([[ord(letter) - 96 for letter in word] for word in words])


def backwards(ids, lengths):
    place = lengths.unsqueeze(1) - 1 - torch.arange(ids.shape[1])  # (batch, T)
    return torch.where(place < 0, 0, ids.gather(1, place.clamp(min=0)))


seen_ids, seen_lengths = as_ids(seen)


def train(parts, steps, seed, rate):
    def loss(rows):
        ids, lengths = seen_ids[rows], seen_lengths[rows]
        ids = ids[:, : lengths.max()]
        target = backwards(ids, lengths)
        scores, _ = spell(parts, ids, lengths, target)
        return nn.functional.cross_entropy(scores.mT, target, ignore_index=0)

    rows = random_rows(len(seen), batch_size=64, steps=steps, seed=seed)
    fit(parts.parameters(), loss, rows, rate, clip=1.0)


# %% [markdown]
# Both get steps of their own best size, of four that `benchmarks/bottleneck.py` tried with five seeds and judged on
# words that stand neither in training nor in the test. It has trained five of each and kept their scores; here we train
# the first of those with attention once more, to look into it.

# %%
found = load_results("bottleneck")["rows"]
short = [row for row in found if (row["kind"], row["hidden"]) in HIDDEN.items()]
stored = {row["kind"]: row for row in short if row["steps"] == 250}
models = {}
torch.set_default_dtype(torch.float32)  # single precision, as there
for kind in ["attention"]:  # write "one vector" beside it, and that is trained, too
    torch.manual_seed(0)
    models[kind] = speller(HIDDEN[kind], kind == "attention")
    train(models[kind], steps=250, seed=0, rate=stored[kind]["rate"])
torch.set_default_dtype(torch.float64)
print("step sizes:", ", ".join(f"{kind} {row['rate']}" for kind, row in stored.items()))

# %% [markdown]
# How many letters are right, and how many words from the first letter to the last? The table has means of the five
# stored runs, of which ours should be the first.


# %%
@torch.no_grad()
def examine(parts, words, forbidden=None):
    """The shares of right letters and of words without an error."""
    ids, lengths = as_ids(words)
    scores, _ = spell(parts, ids, lengths, forbidden=forbidden)
    right = scores.argmax(2) == backwards(ids, lengths)  # all words are of one length
    return right.double().mean().item(), right.all(1).double().mean().item()


# %%
results = {}  # (kind, test): (seeds, lengths, 2)
for kind, row in stored.items():
    for test, name in (("unseen", "unseen words"), ("strings", "random strings")):
        both = torch.tensor([row["letters"][test], row["words"][test]])
        results[kind, name] = both.permute(1, 2, 0)
for kind, parts in models.items():
    here = torch.tensor([examine(parts, unseen[n])[0] for n in LENGTHS])
    there = results[kind, "unseen words"][0, :, 0]
    print(f"{kind}: as stored, to a tenth: {bool((here - there).abs().max() < 0.1)}")

# %%
rows = []
for measure, name in enumerate(("letters", "whole words")):
    for (kind, test), runs in results.items():
        means = runs[:, :, measure].mean(0)  # (lengths,)
        rows.append((name, kind, test, *means.tolist()))
columns = {"right": "", "network": "", "letters": ""}
Table(rows, columns | {str(n): ".2f" for n in LENGTHS})

# %% tags=["rms=6"] mystnb={"image": {"alt": "Share of right letters against word length from 4 to 14, with a vertical line at 10, the longest word in training. With attention, unseen words stay at 1 up to length 10 and then fall steeply; random strings begin above 0.8 and fall slowly, then faster. With one vector, unseen words fall steadily from above 0.9, and random strings start near a half and fall to about 0.15."}, "figure": {"caption": "Spelling backwards: letters right, by length. Lines are means of five seeds, bands their range; the longest words in training have ten letters (vertical line).", "name": "fig-att-bottleneck"}}
figure, axes = plt.subplots(figsize=(5, 3.6))
colors = {"attention": "#0072B2", "one vector": "#D55E00"}
for (kind, test), runs in sorted(results.items()):
    values, dashes = runs[:, :, 0], "-" if test == "unseen words" else "--"
    marker = "o" if kind == "attention" else "s"
    style = {"color": colors[kind], "linestyle": dashes, "marker": marker}
    axes.plot(LENGTHS, values.mean(0), **style, label=f"{kind}, {test}")
    low, high = values.amin(0), values.amax(0)
    axes.fill_between(LENGTHS, low, high, color=colors[kind], alpha=0.2, lw=0)
axes.axvline(10, color="gray", lw=1)
axes.set(ylim=(0, 1.04), xlabel="letters in the word", ylabel="letters right")
figure.legend(loc="outside lower center", ncols=2, fontsize=9, handlelength=3)
plt.show()

# %% [markdown]
# With attention, nearly all unseen words come out right up to the length of the longest in training, and most letters
# of random strings. With one vector, unseen words get worse with every two letters, and random strings are lost
# nearly from the start: what the network without attention has learnt is to a good part English.
#
# But is it fair to speak of a *bottleneck* (瓶颈) at all? In the LSTM's two vectors of 51 numbers, hidden and cell
# state, there is room for many letters. The question is what training can put in, and get out again. So the benchmark
# gave the vector more room and the network more practice: the share of words (or strings) of 10 and of 14 letters
# without an error, means of five seeds, with steps of each one's own best size. (Five seeds chose it for 250 steps,
# two for 1,000, always on words that are not tested.)

# %%
found = load_results("bottleneck")
rows = []
for row in found["rows"]:
    unseen_, strings_ = (
        torch.tensor(row["words"][test]).mean(0) for test in ("unseen", "strings")
    )  # (lengths,) each
    shares = [share.item() for share in (unseen_[3], strings_[3], unseen_[5])]
    network = (row["kind"], row["hidden"], row["steps"], row["rate"])
    rows.append((*network, *shares))
columns = {"network": "", "hidden": "d", "steps": "d", "best step size": "g"}
shown = ("words of 10", "strings of 10", "words of 14")
Table(rows, columns | dict.fromkeys(shown, ".2f"))

# %% [markdown]
# Compare the vectors with one another: more room helps, and more practice helps more. With both, one vector spells
# most unseen words of ten letters. So it *can* hold a word. But what it holds is a word and not ten letters: on
# random strings of that length it is lost, where attention with four times the practice has two in five of them right.
# The bottleneck is no wall. It is a price, in parameters and in practice. And at 14 letters, which no training has
# seen, no network is good, with four times the practice either; there the larger vector leads, in each of five runs.
#
# ## Where does it look?
#
# The weights of all steps, a row for each letter written, are a map of the *alignment* (对齐) between target and source.
# If attention does what our finger did, the map is the diagonal from the upper right, the first letter written and the
# last place, to the lower left. The benchmark has asked its five networks, by these functions; *here* is ours.


# %%
def anti_diagonal(n, shift=0):
    """(steps, T): where the letter stands that each step needs, or `shift` on."""
    return torch.arange(n) == n - 1 - torch.arange(n).unsqueeze(1) + shift


@torch.no_grad()
def looks_of(parts, words):
    _, looks = spell(parts, *as_ids(words))
    return torch.stack(looks, 1)  # (words, steps, T)


# %%
def on_diagonal(parts):
    """The share of steps that look there most, by length: first and last third."""
    shares = {"first third": [], "last third": []}
    for n in LENGTHS:
        hits = looks_of(parts, unseen[n]).argmax(2) == torch.arange(n).flip(0)
        for name, part in (("first third", 0), ("last third", 2)):
            third = hits[:, part * n // 3 : (part + 1) * n // 3]
            shares[name].append(third.double().mean().item())
    return shares


# %% tags=["atol=0.05"]
looked = load_results("bottleneck")["looks"]  # of each of the five
rows = []
for name, here in on_diagonal(models["attention"]).items():
    means = torch.tensor([run["on diagonal"][name] for run in looked]).mean(0)
    rows += [(name, "five seeds", *means.tolist()), (name, "here", *here)]
columns = {"of the letters written": "", "network": ""}
Table(rows, columns | {f"of {n}": ".2f" for n in LENGTHS})

# %% tags=["rms=8"] mystnb={"image": {"alt": "Two square maps of weights, places of the source from left to right, letters written from top to bottom. Above, for words of ten letters, a dark diagonal from the upper right to the lower left corner, with a fainter second one to its right. Below, for words of fourteen letters, the lower left part of the diagonal is as sharp, but in the upper half it widens into a broad blur."}, "figure": {"caption": "Mean weights of the network with attention (first seed) over the unseen words of ten letters, as long as the longest in training, and of fourteen. The darker, the larger.", "name": "fig-att-maps"}}
figure, panels = plt.subplots(2, 1, figsize=(4, 6.6))
for axes, n in zip(panels, (10, 14), strict=True):
    weights = looks_of(models["attention"], unseen[n]).mean(0)  # (steps, T)
    axes.pcolormesh(weights, cmap="Blues", vmin=0, vmax=1, rasterized=True)
    places = range(1, n + 1, 3)
    axes.set_xticks([p - 0.5 for p in places], places)
    axes.set_yticks([p - 0.5 for p in places], places)
    axes.invert_yaxis()
    axes.set(aspect="equal", ylabel="letter written")
    axes.grid(False)
axes.set(xlabel="place in the word")
plt.show()

# %% [markdown]
# Nobody told the network about the diagonal. The table gives the share of steps whose largest weight lies on it, for
# the first third of the letters written and for the last. (Most of the other weight lies one place further on.)
#
# It also says what happens past the trained length. The last letters written come from the word's beginning, where
# the encoder is on known ground, and there the finger is as sure as ever. The first come from places that it had
# never got to in training, and there the finger blurs. How far apart are the projected keys of neighbouring places,
# after the mean over all words of 14 letters?


# %%
RANGES = ((1, 5), (5, 9), (10, 14))


@torch.no_grad()
def steps_of_keys(parts):
    """From the mean projected key of one place to the next, in each range."""
    ids, lengths = as_ids(unseen[14])
    states, _ = parts["encoder"](parts["letters"](ids), lengths)
    projected = parts["attention"].project_keys(states).mean(0)  # (14, hidden)
    steps = projected.diff(dim=0).norm(dim=1)  # (13,)
    return [steps[a - 1 : z - 1].mean().item() for a, z in RANGES]


# %% tags=["rtol=0.1"]
means = torch.tensor([run["steps of keys"] for run in looked]).mean(0).tolist()
rows = [("five seeds", *means), ("here", *steps_of_keys(models["attention"]))]
columns = {"network": ""} | {f"places {a} to {z}": ".1f" for a, z in RANGES}
Table(rows, columns)

# %% [markdown]
# The encoder counts, as it were, up to about ten, and then its keys move on much less: what can hardly be told apart
# can hardly be chosen. That would explain the blur, and it is a guess; exercise 6 tries one remedy that it suggests.
#
# ## Is that why?
#
# The map invites a conclusion: *the network wrote the t because it looked at the t*. But weights are not yet
# reasons. Jain and Wallace {cite:p}`jain2019attention` found models of text whose weights often disagree with other
# measures of importance, and for which very different weights give the same answer; Wiegreffe and Pinter
# {cite:p}`wiegreffe2019attention` replied that it depends on what one calls an explanation, and gave tests of when
# weights can be one. And a state is not a word: at place $j$ stands the encoder's summary of everything up to $j$.
#
# Here we can test. We *forbid* every step a place, by the mask, and see what becomes of the letters.


# %%
CASES = {"nothing": None, "the place of the letter": 0, "one further on": 1}


def without(parts, shift, n=8):
    """The mean weight of the places forbidden, and the share of letters still right."""
    if shift is None:
        return None, examine(parts, unseen[n])[0]
    there = anti_diagonal(n, shift)
    weight = looks_of(parts, unseen[n])[:, there].mean().item()
    return weight, examine(parts, unseen[n], there.expand(len(unseen[n]), n, n))[0]


# %% tags=["atol=0.04"]
rows = []
for name, shift in CASES.items():
    runs = [run["without"][name] for run in looked]  # (weight, right) of each
    weight = None if shift is None else sum(w for w, _ in runs) / len(runs)
    low, high = (f(right for _, right in runs) for f in (min, max))
    here = without(models["attention"], shift)[1]
    rows.append((name, weight, sum(r for _, r in runs) / len(runs), low, high, here))
columns = {"forbidden": "", "weight it had": ".2f", "letters right": ".2f"}
Table(rows, columns | dict.fromkeys(("worst seed", "best", "here"), ".2f"))

# %% [markdown]
# Without the places of their letters the steps are lost. Without the places one further on, which had a good share of
# the weight, nearly nothing is. The state there has the letter in it too, one letter later, which may be what drew the
# weight; but little depends on it. So the main line of this map may be read as the reason, because we have
# tested it, and even here a weight is no measure of importance.
#
# > **Pitfall.** A picture of weights on a well-chosen sentence shows where a mean was taken. To claim that it shows
# > *why*, take away what was looked at, and what was not, and compare.

# %% [markdown]
# ## Check yourself
#
# **1. Three keys have the scores $0$, $\ln 2$ and $\ln 5$. What weight does the last one get?**
#
# - **A** 0.699
# - **B** 0.714
# - **C** 0.625
# - **D** nearly 1
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is $\ln 5 / (\ln 2 + \ln 5)$: the scores themselves were divided by their sum. The softmax takes
#   exponentials first.
# - **B ✗** That is $5/7$. A score of 0 does not take a key out of the sum: $\exp(0) = 1$.
# - **C ✓** The exponentials are 1, 2 and 5, and $5/8$ is 0.625.
# - **D ✗** It would be, if the scores were multiplied by a large factor. Between $\ln 2$ and $\ln 5$ the distance is
#   below 1, and the second key keeps two fifths of what the last one gets.
#
# </details>

# %% [markdown]
# **2. A batch holds a row without words, all of it padding. Scores of padding are set to $-10^9$, in double precision.
# What does attention return for this row?**
#
# - **A** The mean of the vectors that stand at its padding.
# - **B** Zeros, since every weight is $\exp(-10^9) = 0$.
# - **C** NaN, since zero is divided by zero.
# - **D** An error, for a softmax needs at least one place.
#
# <details><summary>Answer</summary>
#
# - **A ✓** All scores are equal, and a softmax cares for differences only: every place gets the same weight. What was
#   to be hidden is averaged, and nothing warns.
# - **B ✗** The softmax divides by the sum of the exponentials (and subtracts the largest score before it), so the
#   smallness cancels. Zeros are what `masked_softmax` gives, because it puts them in afterwards.
# - **C ✗** So it is with $-\infty$, or with $-10^9$ in half precision, where that number *is* $-\infty$.
# - **D ✗** No softmax looks at the mask: it sees numbers, and these are as good as any others.
#
# </details>

# %% [markdown]
# **3. Masked by $-\infty$, an empty row comes out as NaN, and the loss leaves that row out. Why can training still
# break down?**
#
# - **A** It cannot: what is not in the loss has the gradient 0.
# - **B** The mean over the batch still divides by the number of all rows.
# - **C** PyTorch refuses to take a step once a tensor of the forward pass holds NaN.
# - **D** On the way back that zero is multiplied by the row's NaN weights.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The gradient *arrives* at the row as 0. It then passes the softmax, where it meets NaN, and $0 \cdot
#   \mathrm{NaN}$ is NaN.
# - **B ✗** A wrong divisor would make steps smaller. It would not break anything.
# - **C ✗** It does not look, unless one asks for it (`torch.autograd.set_detect_anomaly`).
# - **D ✓** And the result is *added* to the gradients of the layer that made the states, a layer that all rows share.
#   One row is enough for the whole batch.
#
# </details>

# %% [markdown]
# **4. A reader gives `nn.MultiheadAttention` the book's mask, `True` at words, as `key_padding_mask`. What becomes of
# the longest sentence of the batch, which has no padding?**
#
# - **A** Nothing: without padding a mask has no effect.
# - **B** Its outputs are NaN.
# - **C** Each word attends only to itself.
# - **D** Its outputs are those of the sentence read backwards.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It would be so if `True` meant *may look*. There it means *ignore*, and this mask is `True` everywhere.
# - **B ✓** All its keys are to be ignored, so its rows may look nowhere. Had every sentence in the batch a pad or two,
#   there would be no NaN, and the mistake would hide: each would read its padding alone.
# - **C ✗** A padding mask does not know who asks; what it hides, it hides from every query.
# - **D ✗** No mask changes an order. It takes keys away.
#
# </details>

# %% [markdown]
# **5. The numbers of $\mathbf{q}$ and $\mathbf{k}$ are independent, with mean 0 and variance 1, and $d = 256$. What is the
# standard deviation of $\mathbf{q} \cdot \mathbf{k}$?**
#
# - **A** 256
# - **B** 16
# - **C** 1
# - **D** 4
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is the variance, the sum of 256 variances of 1.
# - **B ✓** $\sqrt{256}$. This is why one divides by $\sqrt d$ and not by $d$.
# - **C ✗** That is what it becomes after the division by $\sqrt d$.
# - **D ✗** That is the root of the answer: the variance is $d$ itself, not $\sqrt d$.
#
# </details>

# %% [markdown]
# **6. Somebody divides the scores by $d$ instead of $\sqrt d$, with random queries and keys of $d = 64$. What do the
# weights look like at the start of training?**
#
# - **A** As they should: a softmax does not change if all its inputs are divided by one number.
# - **B** Nearly all of a row's weight is on one key.
# - **C** Nearly equal, since the scores' deviation is only 1/8.
# - **D** All exactly equal, and so nothing can be learnt.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It does not change if a number is *subtracted* from all. A factor makes it sharper or flatter, as the first
#   picture of this chapter shows.
# - **B ✗** That is what happens without any division at large $d$.
# - **C ✓** The deviation of the dot products is 8, and divided by 64 it is 1/8: most weights are within a fifth or so
#   of the plain mean's. Training can make queries and keys larger, but begins there.
# - **D ✗** Small differences are differences, and the gradient through a flat softmax is not zero.
#
# </details>

# %% [markdown]
# **7. A decoder writes 20 words about a source of 50, with additive attention, $d_h = 256$ and $d_a = 128$. Its author
# computes $U\mathbf{k}_j$ anew at every step. How many times too many multiplications is that, for this product?**
#
# - **A** 20 times
# - **B** 50 times
# - **C** 1,000 times
# - **D** 128 times
#
# <details><summary>Answer</summary>
#
# - **A ✓** Once for each word written, where once would do: $R\, T\, d_h\, d_a$ against $T\, d_h\, d_a$.
# - **B ✗** That is the number of keys, each of which has to be projected once in any case.
# - **C ✗** That many are the pairs of a query and a key. They need a $\tanh$ each, but no projection of their own.
# - **D ✗** The sizes of the matrix are in both counts, and cancel.
#
# </details>

# %% [markdown]
# **8. The encoder's states are shuffled along their places, and the mask with them, before a decoder attends to them.
# What happens to the context vector?**
#
# - **A** It stays the same.
# - **B** It changes, for the softmax runs along the places.
# - **C** It becomes the mean of all states.
# - **D** It is shuffled in the same way.
#
# <details><summary>Answer</summary>
#
# - **A ✓** Each state keeps its score and its weight and takes them along. A weighted mean does not know in which order
#   it was added up, so what a network is to know of order must be *in* the states.
# - **B ✗** The softmax divides each exponential by the sum of all, and a sum has no order.
# - **C ✗** The scores go with their states; they do not become equal.
# - **D ✗** The *weights* are shuffled so. The context is a vector of $d_h$ numbers and has no places.
#
# </details>

# %% [markdown]
# **9. `AdditiveAttention(query_dim=48, key_dim=48, hidden_dim=48)`, without biases: how many parameters?**
#
# - **A** 2,352
# - **B** 4,608
# - **C** 4,704
# - **D** 4,656
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is one matrix and $\mathbf{v}_a$. Queries and keys have a matrix each.
# - **B ✗** The two matrices alone; $\mathbf{v}_a$, which makes one score of 48 numbers, is missing.
# - **C ✗** That counts 48 biases, too, which the helper leaves out as the paper does.
# - **D ✓** $48 \cdot 48$ for $W$, as many for $U$, and 48 for $\mathbf{v}_a$.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


def mine(query, key, value, mask=None):  # (..., R, d), (..., T, d), (..., T, d_v)
    raise NotImplementedError  # -> output, weights


print(check.attention(mine))

# %% [markdown]
# > **Exercise 1 (pencil, easy, 10 minutes).** Leave the $\tanh$ out of equation {eq}`eq-att-bahdanau`. Show that the
# > weights then no longer depend on the query, whatever $W_a$, $U_a$ and $\mathbf{v}_a$ are.
# >
# > *Hint: which part of the score is the same for all $j$? What does a softmax do with it?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Without the $\tanh$ the score is a sum of two numbers, one from the query and one from the key:
#
# $$
# e_j = \mathbf{v}_a^\top W_a \mathbf{q} + \mathbf{v}_a^\top U_a \mathbf{k}_j .
# $$
#
# The first is the same at all places. In the softmax it becomes a factor $\exp(\mathbf{v}_a^\top W_a \mathbf{q})$ in
# the numerator and in every term of the denominator, and cancels. What is left are the weights of the scores
# $\mathbf{v}_a^\top U_a \mathbf{k}_j$ alone: every query gets the same mean. It is the bend of the $\tanh$ that lets
# the query decide which differences between keys count.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
one, two = torch.randn(2, d_q)


def weights_without(query):
    return ((query @ W.T + H @ U.T) @ v).softmax(0)


same = torch.allclose(weights_without(one), weights_without(two))
both = [additive(query[None], H[None])[1] for query in (one, two)]
print("two queries, the same weights: without tanh", same, end=", ")
print("with it", torch.allclose(*both))

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** In dot-product attention the keys are made by a layer,
# > $\mathbf{k}_j = U\mathbf{h}_j + \mathbf{b}$. Show that $\mathbf{b}$ has no effect on the result. Does the bias of the
# > queries have one? Check both on `nn.MultiheadAttention`, whose `in_proj_bias` holds the biases of queries, keys and
# > values, one after the other.
# >
# > *Hint: multiply out $\mathbf{q} \cdot (U\mathbf{h}_j + \mathbf{b})$.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Multiplied out, $\mathbf{q} \cdot (U\mathbf{h}_j + \mathbf{b}) = \mathbf{q} \cdot U\mathbf{h}_j + \mathbf{q} \cdot
# \mathbf{b}$. The second term does not depend on $j$, and so it cancels in the softmax, as in exercise 1. A bias
# $\mathbf{c}$ of the *query* adds $\mathbf{c} \cdot (U\mathbf{h}_j + \mathbf{b})$ to the score, which differs from place
# to place and stays: with it a key can be attractive to every query. (The bias of the values has an effect, too, a simple
# one: weights add up to 1, so it is added to every output as it is.) OpenAI's speech recogniser Whisper has drawn the
# consequence: its keys have no bias.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
x = torch.randn(1, 6, 8)
before, _ = library(x, x, x)
for part, name in enumerate(("queries", "keys")):
    changed = library.in_proj_bias.clone()
    changed[8 * part : 8 * (part + 1)] += torch.randn(8)
    states_of = library.state_dict() | {"in_proj_bias": changed.detach()}
    after = torch.func.functional_call(library, states_of, (x, x, x))[0]
    print(f"another bias of the {name}, same output: {torch.allclose(before, after)}")

# %% [markdown]
# > **Exercise 3 (pencil, medium, 20 minutes).** Let all keys have the same length, $\lVert \mathbf{k}_j \rVert = r$. Show
# > that the weights of scaled dot-product attention are those of kernel regression with Gauss's kernel
# > $\exp(-\lVert \mathbf{q} - \mathbf{k}_j \rVert^2 / 2 s^2)$, and find $s$. What is different if a key is longer than
# > the others?
# >
# > *Hint: multiply out the square.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# $\lVert \mathbf{q} - \mathbf{k}_j \rVert^2 = \lVert \mathbf{q} \rVert^2 - 2\, \mathbf{q} \cdot \mathbf{k}_j + \lVert
# \mathbf{k}_j \rVert^2$. With $s^2 = \sqrt d$, therefore,
#
# $$
# \begin{aligned}
# \exp\Bigl(\frac{\mathbf{q} \cdot \mathbf{k}_j}{\sqrt d}\Bigr)
# = {} & \exp\Bigl(-\frac{\lVert \mathbf{q} - \mathbf{k}_j \rVert^2}{2 s^2}\Bigr) \\
# & \cdot \exp\Bigl(\frac{\lVert \mathbf{q} \rVert^2}{2 s^2}\Bigr) \\
# & \cdot \exp\Bigl(\frac{\lVert \mathbf{k}_j \rVert^2}{2 s^2}\Bigr) .
# \end{aligned}
# $$
#
# The factor with $\mathbf{q}$ is the same for all keys and cancels. So does the factor with $\mathbf{k}_j$, if all keys
# have one length; what is left is Gauss's kernel of the width $s = d^{1/4}$. A longer key has a larger factor: it
# counts for more with every query, near or far. Attention is thus a kernel mean in which a key's direction says to whom
# it belongs, and its length how loudly it speaks.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
sphere = 3 * nn.functional.normalize(torch.randn(6, 8), dim=1)  # (T, d)
asks, s = torch.randn(8), 8**0.25
kernel = torch.exp(-(asks - sphere).square().sum(1) / (2 * s**2))  # (T,)
weights = (sphere @ asks / 8**0.5).softmax(0)
print("Gauss's kernel, same weights:", torch.allclose(kernel / kernel.sum(), weights))

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** Score *all* queries of a batch at once with additive attention, queries
# > $(\text{batch}, R, d_q)$, without a loop. Check it against the helper, one query at a time. How many numbers has the
# > largest tensor, and how many has that of the dot product?
# >
# > *Hint: `unsqueeze` the projected queries and the projected keys at different places, and let them broadcast.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# The projected queries become $(\text{batch}, R, 1, d_a)$, the projected keys $(\text{batch}, 1, T, d_a)$; their sum is
# $(\text{batch}, R, T, d_a)$. That is $d_a$ times as many numbers as the dot product's scores have. It is this tensor
# that fills the memory in the race's table. The loop makes it in $R$ slices, and keeps them all for the backward pass.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
queries, keys = torch.randn(2, 4, d_q), torch.randn(2, 6, d_h)  # (batch, R, d_q) …
projected = additive.project_keys(keys)  # (batch, T, d_a)
hidden = torch.tanh(additive.W(queries).unsqueeze(2) + projected.unsqueeze(1))
scores = additive.v(hidden).squeeze(3)  # (batch, R, T)
at_once = scores.softmax(2) @ keys  # (batch, R, d_h)
by_step = [additive(query, keys, projected=projected)[0] for query in queries.unbind(1)]
print("as step by step:", torch.allclose(at_once, torch.stack(by_step, 1)))
print("largest:", hidden.numel(), "numbers; a dot product's scores:", scores.numel())

# %% [markdown]
# > **Exercise 5 (code, easy, 10 minutes).** Large models compute in 16 bits. Take the masking by $-10^9$ there: what
# > becomes of the number, and of a row that may look nowhere? Does the helper hold?
# >
# > *Hint: `.half()`. What is the largest number that 16 bits of that kind can hold?*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# Half precision ends at 65,504 on either side. $-10^9$ overflows to $-\infty$, and the NaN of the empty row is back.
# The helper fills in the least number of the scores' own type, whatever the type, and puts zeros at the hidden places
# after the softmax. (The other 16-bit type, `bfloat16`, has the range of single precision, and holds $-10^9$.)
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
half = torch.randn(1, 4).half()
nowhere = torch.zeros(1, 4, dtype=torch.bool)
print("-1e9 becomes", torch.tensor(-1e9).half().item())
print("the least number is", torch.finfo(torch.float16).min)
filled = torch.where(nowhere, half, torch.tensor(-1e9).half())
print("its softmax:", filled.softmax(1).tolist())
print("the helper: ", masked_softmax(half, nowhere).tolist())

# %% [markdown]
# > **Exercise 6 (open, medium, 30 minutes).** Past the trained length the finger blurs. Is it the encoder's fault, whose
# > states at places 11 to 14 no training has seen? Give the network an encoder that reads in both directions, with about
# > as many parameters, so that it knows the distance to either end. Does that help?
# >
# > *Hint: `LSTM(16, hidden, bidirectional=True)`; its states are twice as wide, and its last state is two.*

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# In this run it helps, for words and for random strings. From the right, the place of the first letter written is
# number 1 in a word of any length, and the backward half knows it from training. It is no cure: the decoder's own steps
# 11 to 14 are as new to it as those places were to the encoder. (One seed; try others before you believe it.)
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
class BothWays(LSTM):
    def forward(self, x, lengths):
        states, last = super().forward(x, lengths)  # last: two of (2, batch, hidden)
        return states, tuple(torch.cat(list(s), 1)[None] for s in last)


torch.manual_seed(0)
parts = speller(52, attends=True)
parts["encoder"] = BothWays(16, 26, bidirectional=True)  # states of 2 · 26 numbers
train(parts.float(), steps=250, seed=0, rate=stored["attention"]["rate"])
for name, sets in (("unseen words", unseen), ("random strings", strings)):
    one, two = (examine(p, sets[14])[0] for p in (models["attention"], parts))
    print(f"{name} of 14 letters: better by more than 0.05: {two > one + 0.05}")

# %% [markdown]
# ## You have
#
# - built additive attention from two spellings, by hand and with the helper;
# - masked padding, and watched one row that may look nowhere turn a whole gradient into NaN;
# - counted, and read from a race, what projecting the keys once saves, and what additive attention costs;
# - proved that the variance of a dot product is $d$, and measured that the scale keeps gradients the same, over widths and
#   over queries, rather than keeping them from vanishing;
# - taught a network to spell backwards, found the bottleneck of those with one vector, and tested that attention needs
#   the places it looks at.
#
# ## Further reading
#
# - D. Bahdanau, K. Cho and Y. Bengio, [Neural machine translation by jointly learning to align and
#   translate](https://arxiv.org/abs/1409.0473), 2015: figure 2 is our figure, with sentences; figure 3 shows
#   alignments of English and French.
# - M.-T. Luong, H. Pham and C. D. Manning, [Effective approaches to attention-based neural machine
#   translation](https://aclanthology.org/D15-1166/), 2015: scores compared, and attention that looks at a window only.
# - S. Jain and B. C. Wallace, [Attention is not explanation](https://aclanthology.org/N19-1357/), and S. Wiegreffe and
#   Y. Pinter, [Attention is not not explanation](https://aclanthology.org/D19-1002/), both 2019, in this order.
