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
# - teach networks to spell real words backwards, with and without attention, and watch where they look.
#
# **You need** the LSTM and its states, padding, and the decoder with a teacher from the chapter
# [encoder-decoder](encoder-decoder.ipynb); for one proof, the variance of a sum. The chapter runs in about
# 40 seconds on one processor core.

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
# The encoder has read *the cat sat on the mat* and has left a state $\mathbf{h}_j \in \mathbb{R}^{d_h}$ at each of
# the $T = 6$ places. The decoder wants one vector, that which matters now. To pick one place would be a decision,
# and through a decision no gradient flows. So we pick softly. Give each place a *score* $e_j$, turn the scores into
# weights $\alpha_j$ by a softmax, and take the weighted mean, the *context vector* (上下文向量):
#
# $$
# \begin{aligned}
# \alpha_j &= \frac{\exp(e_j)}{\sum_{k=1}^{T} \exp(e_k)}, \\
# \mathbf{c} &= \sum_{j=1}^{T} \alpha_j\, \mathbf{h}_j \in \mathbb{R}^{d_h} .
# \end{aligned}
# $$ (eq-att-context)
#
# If all scores are equal, $\mathbf{c}$ is the plain mean of the states. If one is far above the rest, $\mathbf{c}$
# is nearly that one state, and the way between the two is smooth. Here are scores that we made up for the question
# *who sat?* The larger the number that multiplies them, the nearer the context comes to the state of *cat*.

# %%
import torch

from scratch.encoder import Encoder
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
print("times 0 is the mean of the states:", torch.allclose(contexts[0], H.mean(0)))
distances = (contexts - H[1]).norm(dim=1)  # (4,)
print("distance to the state of 'cat':   ", *(f"{x:.3f}" for x in distances))

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
# From the mean to a choice there is no jump, and a gradient can go all the way.
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
# columns, and $\mathbf{b}_a, \mathbf{v}_a \in \mathbb{R}^{d_a}$. Bahdanau and colleagues write
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
#
# Both spellings by hand, over our sentence, with random weights and a random query:

# %%
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

print("weights as by hand:", torch.allclose(weights[0], joined.softmax(0)))
print("context as by hand:", torch.allclose(context[0], joined.softmax(0) @ H))
inputs = (query.clone().requires_grad_(), keys.clone().requires_grad_())
print("gradients are right:", torch.autograd.gradcheck(additive, inputs))

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

lengths = torch.tensor([6, 2, 0])
mask = text.mask(lengths)  # (batch, T) True: may be looked at
scores = torch.randn(3, 6)
ways = {
    "-inf": scores.masked_fill(~mask, -torch.inf).softmax(1),
    "-1e9": scores.masked_fill(~mask, -1e9).softmax(1),
    "scratch": masked_softmax(scores, mask),
}
for name, alpha in ways.items():
    for row in (1, 2):
        line = " ".join(f"{x:5.2f}" for x in alpha[row])
        print(f"{name:>8}, {lengths[row]} words: {line}")

# %% [markdown]
# All three agree on the row of two words. On the empty one, $-\infty$ gives *not a number*. The popular $-10^9$ gives
# something worse, since it looks sound: the plain mean of the padding. The helper gives zeros: who has looked
# nowhere has seen nothing. Does one such row matter, if nobody uses it? We leave it out of the loss, and look at
# the gradient of a layer that made the keys:

# %%
layer = torch.nn.Linear(8, 8)
states = torch.randn(3, 6, 8)
for name in ("-inf", "scratch"):
    layer.zero_grad()
    contexts = (ways[name].unsqueeze(1) @ layer(states)).squeeze(1)  # (batch, 8)
    contexts[:2].sum().backward()  # the loss uses the first two rows only
    nans = layer.weight.grad.isnan().all().item()
    print(f"{name:>8}: the layer's whole gradient is NaN: {nans}")

# %% [markdown]
# It matters. On the way back, the zeros from above are multiplied by the NaN weights, and zero times NaN is NaN.
# After the next step the model is gone. Users of PyTorch have
# [met](https://github.com/pytorch/pytorch/issues/41508) [this](https://github.com/pytorch/pytorch/issues/103749)
# for years. Its `scaled_dot_product_attention` [now gives zeros](https://github.com/pytorch/pytorch/pull/131060) as
# ours does. Its `MultiheadAttention` still gives NaN if it is to return the weights, as it does by default.

# %%
from torch import nn
from torch.nn.functional import scaled_dot_product_attention as torch_attention

query, keys = torch.randn(3, 1, 8), torch.randn(3, 6, 8)
library = nn.MultiheadAttention(8, num_heads=1, batch_first=True)
fused = torch_attention(query, keys, keys, attn_mask=mask.unsqueeze(1))
print("function, empty row all zeros:", bool((fused[2] == 0).all()))
other_pads = keys.masked_fill(~mask.unsqueeze(2), 9.0)
for name, given in (("~mask", ~mask), ("mask", mask)):
    a, _ = library(query, keys, keys, key_padding_mask=given)
    b_, _ = library(query, other_pads, other_pads, key_padding_mask=given)
    nowhere = a.isnan().any(2).flatten().tolist()  # for each row
    changed = not torch.equal(a[1], b_[1])
    print(f"layer, {name:>5}: pads change the row of 2: {changed}, NaN: {nowhere}")

# %% [markdown]
# > **Pitfall.** In this book a mask is `True` where one *may* look. In PyTorch it depends: in a boolean mask,
# > `True` means *may* in `scaled_dot_product_attention`, and *may not* in the `key_padding_mask` and
# > `attn_mask` of `MultiheadAttention` and in the Transformer layers. The wrong one raises no error: in the last
# > line, the row of two words reads its padding and nothing else, and the full row may look nowhere. A popular
# > book's notebook [had it wrong](https://github.com/rasbt/LLMs-from-scratch/issues/1061) for a while.
#
# ## Ask often, project once
#
# A decoder asks once for every token it writes, and always about the same keys. In equation
# {eq}`eq-att-bahdanau`, $U\mathbf{k}_j$ does not depend on who asks; the paper remarks that it can be computed in
# advance. With $T$ keys and $R$ queries, that product takes $T\, d_h\, d_a$ multiplications if it is done once, and
# $R\, T\, d_h\, d_a$ if it is done for every query. What remains for every pair is the
# $\tanh$ of $d_a$ numbers and their product with $\mathbf{v}_a$. We measured both, forward and backward, beside the
# dot product of the next section, which is given the same projections $W\mathbf{q}$ and $U\mathbf{k}_j$. *By step*
# asks one query after the other, as a decoder does, and *keys again* projects the keys at each step.

# %%
from scratch.corpora import load_results

race = load_results("attention")["additive"]
print(", ".join(f"{value} {name}" for name, value in race["shape"].items()))
print(f"{'':>21}  time   kept for backward")
for row in race["rows"]:
    if not row["side"].startswith("torch"):
        print(f"{row['side']:>21} {row['ratio']:5.1f} {row['megabytes']:8.0f} MB")

# %% [markdown]
# Times are relative to the first line. Projecting the keys again at every step costs more than all the rest of
# additive attention. With keys projected once, it is still behind the dot product by step, if not far, and keeps
# many times the memory: for each pair of a query and a key there are $d_a$ hyperbolic tangents to compute and to
# keep for the backward pass, where the dot product keeps one number. Asking all questions at once speeds the dot
# product up and slows additive attention down.
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
# with the softmax along each row. Luong and colleagues {cite:p}`luong2015effective` had compared three scores: the
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
# the stuck finger? We measure what arrives, the size of all these vectors together, for 1,000 random queries with
# ten keys each and with 64: its median, and the middle 90 % of the queries.


# %%
def arriving(keys, d, scale, count=1000):
    """The size of the gradient at each query (count,), and its largest weight (count,)."""
    generator = torch.Generator().manual_seed(d)
    Q = torch.randn(count, 1, d, generator=generator)
    K = torch.randn(count, keys, d, generator=generator)
    alpha = (scale * Q @ K.mT).softmax(2)  # (count, 1, keys)
    moves = scale * alpha.mT * (K - alpha @ K)  # (count, keys, d)
    return moves.norm(dim=(1, 2)), alpha.amax((1, 2))


WIDTHS, arrives = (4, 16, 64, 256, 1024), {"scaled": [], "unscaled": []}
print(f"{'gradient at the query':>42}        largest")
print("keys    d             5 %  median    95 %    weight")
for keys in (10, 64):
    for d in WIDTHS:
        for name, scale in (("scaled", d**-0.5), ("unscaled", 1.0)):
            sizes, largest = arriving(keys, d, scale)
            if keys == 10:
                arrives[name].append(sizes)
            parts = sizes.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
            numbers = "".join(f"{x:>8.2g}" for x in parts)
            print(f"{keys:>4} {d:>4} {name:>8}{numbers}{largest.mean():>10.2f}")

# %% mystnb={"image": {"alt": "The size of the gradient against the width d from 4 to 1,024, both on logarithmic axes. For scaled scores the line of the median is flat at about a third, in a narrow band. For unscaled ones the median rises slightly, then falls ever more steeply to below one thousandth, and the band around it gets very wide."}, "figure": {"caption": "What arrives at the query, with ten keys: median over 1,000 queries, and the band that holds the middle half of them.", "name": "fig-att-saturation"}}
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
# Look at $d = 64$, the width of the paper's heads: *more* arrives without the scale than with it, and with 64 keys
# several times more. The factor beats the stuck finger there; only at widths of hundreds does the median sink to
# nothing. So "without the scale the gradient vanishes" is no good reason at the width at which the scale was
# introduced. What is the scale good for, then? Compare the lines of the scaled with one another. Their
# numbers hardly change with $d$, and from query to query by a small factor: one step size suits all. Unscaled, from
# $d = 64$ on some queries get next to nothing, and others, those whose two best keys happen to be
# level, more and more: their largest grow like $\sqrt d$. A network of 64 dimensions and one of 1,024 would need
# different step sizes, and within each no step size would suit all queries. The scale gives *sameness*: over widths, and
# over queries.
#
# Vaswani and colleagues gave small gradients as the reason, as a suspicion, for "large values" of $d$. And trained
# queries and keys are neither independent nor of variance 1: proof and table are about the start of training.
#
# One more way to read {eq}`eq-att-scaled`: statisticians knew weighted means of this form long before as *kernel
# regression*. Nadaraya and Watson, in 1964, guessed the value at $\mathbf{q}$ as
# $\sum_j \kappa(\mathbf{q}, \mathbf{k}_j)\, \mathbf{v}_j / \sum_j \kappa(\mathbf{q}, \mathbf{k}_j)$, the mean of
# the values of known points, near ones counted more; here the kernel is $\kappa = \exp(\mathbf{q} \cdot \mathbf{k} /
# \sqrt d)$, and what is *near* is learnt. If $\kappa$ is replaced by a product $\phi(\mathbf{q}) \cdot
# \phi(\mathbf{k})$, the sums over $j$ can be taken once for all queries, and the cost no longer grows with the square
# of the length: *linear attention*. Today's large models keep the softmax, and save elsewhere: several heads share one
# set of keys (*grouped queries*), the keys of what has been read are kept for the next word (a *KV cache*, which is
# `project_keys` once more), and the weights are never stored (the [next chapter](transformer-encoder.ipynb)).
#
# The helper gives output and weights; PyTorch's function gives the output.

# %%
from scratch.attention import scaled_dot_product_attention

Q, K, V = (torch.randn(3, length, 8, requires_grad=True) for length in (4, 6, 6))
allowed = mask.unsqueeze(1)  # (batch, 1, T) for all queries alike
ours, weights = scaled_dot_product_attention(Q, K, V, allowed)
theirs = torch_attention(Q, K, V, attn_mask=allowed)
by_hand = (Q[0] @ K[0].T / 8**0.5).softmax(1) @ V[0]
print("by hand, ours:  ", torch.allclose(by_hand, ours[0]))
print("ours, PyTorch's:", torch.allclose(ours, theirs))
above = torch.randn_like(ours)
g, g_theirs = (torch.autograd.grad(y, (Q, K, V), above) for y in (ours, theirs))
same = (torch.allclose(a, b_) for a, b_ in zip(g, g_theirs, strict=True))
print("gradients:      ", all(same))

# %% [markdown]
# ## The bottleneck
#
# Now the experiment from the start of this chapter, with real words. The source is a word from WordNet's
# definitions, letter by letter; the target is the same word backwards. A fifth of the words are kept for testing.
# We train on words of 2 to 10 letters and test on up to 14. Some unseen words are relatives of seen ones (*walk*,
# *walks*), and all of them are English; so we also test on random strings of letters. Backwards is the kinder
# direction for a single vector, since the letter read last is wanted first; Sutskever and colleagues turned their
# sources round for such a reason {cite:p}`sutskever2014sequence`.

# %%
import random
import string
from collections import Counter

from scratch.corpora import load
from scratch.text import pad

counts = Counter(word for gloss in load("wordnet") for word in gloss)
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
# {eq}`eq-att-context`, asked for with the decoder's state *before* the step, as in Bahdanau's
# $\mathbf{s}_{i-1}$. Without, it is the encoder's last state, the same at every step, with which the paper's model,
# as it remarks, becomes the plain encoder–decoder. The network without attention gets a few more hidden units, and
# with them nearly as many parameters. Both are told how long the word is. (`forbidden` closes places to a step; we
# shall need it at the end.)


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


HIDDEN = {"one vector": 51, "attention": 48}
for name, hidden in HIDDEN.items():
    size = sum(p.numel() for p in speller(hidden, name == "attention").parameters())
    print(f"{name:>10}: {hidden} hidden units, {size:,} parameters")


# %%
def spell(parts, ids, lengths, target=None, forbidden=None):
    """Scores (batch, T, 27) for each letter written, and where each step looked."""
    embed = parts["letters"]
    keys, (state, cell) = parts["encoder"](embed(ids), lengths)  # (batch, T, hidden)
    state, cell = state[0], cell[0]  # (batch, hidden)
    context, mask, letter = state, ids != 0, torch.zeros_like(lengths)
    attention = getattr(parts, "attention", None)
    projected = attention.project_keys(keys) if attention else None
    scores, looks = [], []
    for u in range(ids.shape[1]):
        if attention:
            allowed = mask if forbidden is None else mask & ~forbidden[:, u]
            context, weights = attention(state, keys, allowed, projected=projected)
            looks.append(weights)
        given = torch.cat([embed(letter), context], 1)
        state, cell = parts["decoder"](given, (state, cell))
        scores.append(parts["guess"](torch.cat([state, context], 1)))
        letter = scores[-1].argmax(1) if target is None else target[:, u]
    return torch.stack(scores, 1), looks


# %% [markdown]
# In training a teacher supplies the letter before (`target`); in the test each network goes on from what it
# has written itself.


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
# words that stand neither in training nor in the test. We train in single precision.

# %%
rates = {row["hidden"]: row["rate"] for row in load_results("bottleneck")["rows"]}
models = {}  # (kind, seed)
for seed in range(3):
    for kind, hidden in HIDDEN.items():
        torch.manual_seed(seed)
        models[kind, seed] = speller(hidden, kind == "attention").float()
        train(models[kind, seed], steps=250, seed=seed, rate=rates[hidden])
print("step sizes:", {kind: rates[hidden] for kind, hidden in HIDDEN.items()})

# %% [markdown]
# How many letters are right, and how many words from the first letter to the last? The table has means of three seeds.


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
for kind in HIDDEN:
    for test, sets in (("unseen words", unseen), ("random strings", strings)):
        rows = [[examine(models[kind, s], sets[n]) for n in LENGTHS] for s in range(3)]
        results[kind, test] = torch.tensor(rows)

# %% tags=["atol=0.04"]
for measure, name in enumerate(("right letters", "words without an error")):
    print(f"{name:<28}" + "".join(f"{n:>6}" for n in LENGTHS))
    for (kind, test), runs in results.items():
        means = runs[:, :, measure].mean(0)  # (lengths,)
        print(f"{kind:>12}, {test:<14}" + "".join(f"{x:6.2f}" for x in means))

# %% tags=["rms=6"] mystnb={"image": {"alt": "Share of right letters against word length from 4 to 14, with a vertical line at 10, the longest word in training. With attention, unseen words stay at 1 up to length 10 and then fall steeply; random strings begin above 0.8 and fall slowly, then faster. With one vector, unseen words fall steadily from above 0.9, and random strings start near a half and fall to about 0.15."}, "figure": {"caption": "Spelling backwards: letters right, by length. Lines are means of three seeds, bands their range; the longest words in training have ten letters (vertical line).", "name": "fig-att-bottleneck"}}
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
# Past the line both fall; more of that below. But is it fair to speak of a *bottleneck* (瓶颈) at all? In the
# LSTM's two vectors of 51 numbers, hidden and cell state, there is room for many letters. The question is what training
# can put in, and get out again. So we gave the vector more room and the network more practice, with the same code and
# three seeds, and kept the results.

# %%
found = load_results("bottleneck")
print(f"{'words without an error':>35}   unseen  unseen  strings")
print(f"{'':>10} hidden  steps  step size  {10:>9} {14:>7} {10:>7}")
for row in found["rows"] + found["longer"]:
    sets = [
        torch.tensor(row[test]).view(-1, 6).mean(0) for test in ("unseen", "strings")
    ]
    line = f"{row['kind']:>10} {row['hidden']:>6} {row['steps']:>6}"
    line += f"  {row['rate']:>9}" if "rate" in row else f"  {'0.01, all':>9}"
    shares = sets[0][3], sets[0][5], sets[1][3]
    print(line + "  " + "".join(f"{share:>8.2f}" for share in shares))
# %% [markdown]
# Above, five seeds, each arm at its own best step size; five times the parameters help the vector, and not by much. Below, an
# older run of more steps, means of three seeds, in which all arms took steps of one size to the end: that of attention,
# so what it says *for* the vector holds. Practice helps much more than room: after sixteen times as many words the
# vector spells most unseen words of ten letters. So it *can* hold a word. But what it holds is a word and not ten
# letters: random strings of that length stay out of its reach, while attention goes on getting better at them. The
# bottleneck is no wall. It is a price, in parameters and in practice, and at ten letters attention is ahead of every
# vector after its first 250 steps. At 14 letters none is good, and the practised vector is best.
#
# ## Where does it look?
#
# The weights of all steps, a row for each letter written, are a map of the *alignment* (对齐) between target and
# source. If attention does what our finger did, the map is the diagonal from the upper right, the first letter
# written and the last place, to the lower left.


# %%
def anti_diagonal(n, shift=0):
    """(steps, T): the place of the letter that each step needs, or `shift` places on."""
    return torch.arange(n) == n - 1 - torch.arange(n).unsqueeze(1) + shift


@torch.no_grad()
def looks_of(seed, words):
    _, looks = spell(models["attention", seed], *as_ids(words))
    return torch.stack(looks, 1)  # (words, steps, T)


looks = {n: [looks_of(seed, unseen[n]) for seed in range(3)] for n in LENGTHS}


# %% tags=["atol=0.05"]
print("letters" + "".join(f"{n:>7}" for n in LENGTHS))
for name, part in (("first", 0), ("last", 2)):
    shares = []
    for n in LENGTHS:
        steps = slice(part * n // 3, (part + 1) * n // 3)  # a third of the word
        hits = [at.argmax(2) == torch.arange(n).flip(0) for at in looks[n]]
        shares.append(torch.cat(hits)[:, steps].double().mean())
    print(f"{name:>7}" + "".join(f"{x:>7.2f}" for x in shares))

# %% tags=["rms=8"] mystnb={"image": {"alt": "Two square maps of weights, places of the source from left to right, letters written from top to bottom. Above, for words of ten letters, a dark diagonal from the upper right to the lower left corner, with a fainter second one to its right. Below, for words of fourteen letters, the lower left part of the diagonal is as sharp, but in the upper half it widens into a broad blur."}, "figure": {"caption": "Mean weights of the network with attention (first seed) over the unseen words of ten letters, as long as the longest in training, and of fourteen. The darker, the larger.", "name": "fig-att-maps"}}
figure, panels = plt.subplots(2, 1, figsize=(4, 6.6))
for axes, n in zip(panels, (10, 14), strict=True):
    axes.pcolormesh(looks[n][0].mean(0), cmap="Blues", vmin=0, vmax=1, rasterized=True)
    places = range(1, n + 1, 3)
    axes.set_xticks([p - 0.5 for p in places], places)
    axes.set_yticks([p - 0.5 for p in places], places)
    axes.invert_yaxis()
    axes.set(aspect="equal", ylabel="letter written")
    axes.grid(False)
axes.set(xlabel="place in the word")
plt.show()

# %% [markdown]
# Nobody told the network about the diagonal. The table gives the share of steps whose largest weight lies on it,
# for the first third of the letters written and for the last. (In the words of ten letters the other weights lie
# mostly one place further on, and the letters are right all the same.)
#
# It also says what happens past the trained length. The last letters written come from the word's beginning, where
# the encoder is on known ground, and there the finger is as sure as ever. The first come from places that it had
# never got to in training, and there the finger blurs. How far apart are the projected keys of neighbouring places,
# after the mean over all words of 14 letters?

# %% tags=["rtol=0.1"]
ids_14, lengths_14 = as_ids(unseen[14])
steps = torch.zeros(13)
for seed in range(3):
    parts = models["attention", seed]
    with torch.no_grad():
        states, _ = parts["encoder"](parts["letters"](ids_14), lengths_14)
        projected = parts["attention"].project_keys(states).mean(0)  # (14, hidden)
    steps += projected.diff(dim=0).norm(dim=1) / 3  # (13,)
for a, b_ in ((1, 5), (5, 9), (10, 14)):
    print(f"from place {a:>2} to {b_:>2}: {steps[a - 1 : b_ - 1].mean():.1f} a place")

# %% [markdown]
# The encoder counts, as it were, up to about ten, and then its keys move on much less. What can hardly be told
# apart can hardly be chosen.
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

# %% tags=["atol=0.04"]
n = 8
print("forbidden                 weight that was there   letters right")
cases = {"nothing": None, "the place of the letter": 0, "one further on": 1}
for name, shift in cases.items():
    forbidden, weight = None, "     "
    if shift is not None:
        there = anti_diagonal(n, shift)
        forbidden = there.expand(len(unseen[n]), n, n)
        weight = f"{torch.cat(looks[n])[:, there].mean():.2f}"
    parts = [models["attention", seed] for seed in range(3)]
    right = sum(examine(p, unseen[n], forbidden)[0] for p in parts) / 3
    print(f"{name:<25} {weight:>12} {right:>22.2f}")

# %% [markdown]
# Without the places of their letters the steps are lost. Without the places one further on, which had a good share of
# the weight, nearly nothing is. The state there has the letter in it too, one letter later, which may be what drew the
# weight; but little depends on it. So the main line of this map may be read as the reason, because we have
# tested it, and even here a weight is no measure of importance.
#
# > **Pitfall.** A picture of weights on a well-chosen sentence shows where a mean was taken. To claim that it shows
# > *why*, take away what was looked at, and what was not, and compare.
#
# ## Exercises
#
# > **Exercise 1 (pencil).** Leave the $\tanh$ out of equation {eq}`eq-att-bahdanau`. Show that the weights then no
# > longer depend on the query, whatever $W_a$, $U_a$ and $\mathbf{v}_a$ are.
# >
# > *Hint: which part of the score is the same for all $j$? What does a softmax do with it?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
# Without tanh, e_j = v.Wq + v.Uk_j. The first term is the same at all places, and the
# factor exp(v.Wq) cancels in the softmax. So the weights are those of v.Uk_j alone.
one, two = torch.randn(2, d_q)


def weights_without(query):
    return ((query @ W.T + H @ U.T) @ v).softmax(0)


print(
    "without tanh, equal:", torch.allclose(weights_without(one), weights_without(two))
)
both = [additive(query[None], H[None])[1] for query in (one, two)]
print("with tanh, equal:   ", torch.allclose(*both))

# %% [markdown]
# > **Exercise 2 (pencil).** In dot-product attention the keys are made by a layer, $\mathbf{k}_j = U\mathbf{h}_j +
# > \mathbf{b}$. Show that $\mathbf{b}$ has no effect on the result. Does the bias of the queries have one? Check
# > both on `nn.MultiheadAttention`, whose `in_proj_bias` holds the biases of queries, keys and values, one after the other.
# >
# > *Hint: multiply out $\mathbf{q} \cdot (U\mathbf{h}_j + \mathbf{b})$.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
# q.(Uh_j + b) = q.Uh_j + q.b, and q.b is the same for all j: it cancels in the softmax.
# A bias c of the query adds c.Uh_j, which differs from place to place and stays.
x = torch.randn(1, 6, 8)
before, _ = library(x, x, x)
for part, name in enumerate(("queries", "keys")):
    changed = library.in_proj_bias.clone()
    changed[8 * part : 8 * (part + 1)] += torch.randn(8)
    states_of = library.state_dict() | {"in_proj_bias": changed.detach()}
    after = torch.func.functional_call(library, states_of, (x, x, x))[0]
    print(f"bias of the {name} has no effect: {torch.allclose(before, after)}")

# %% [markdown]
# > **Exercise 3 (code).** Score *all* queries of a batch at once with additive attention, queries $(\text{batch}, R, d_q)$,
# > without a loop. Check it against the helper, one query at a time. How many numbers has the largest tensor, and how
# > many has that of the dot product?
# >
# > *Hint: `unsqueeze` the projected queries and the projected keys at different places, and let them broadcast.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
queries, keys = torch.randn(2, 4, d_q), torch.randn(2, 6, d_h)  # (batch, R, d_q) …
projected = additive.project_keys(keys)  # (batch, T, d_a)
hidden = torch.tanh(additive.W(queries).unsqueeze(2) + projected.unsqueeze(1))
scores = additive.v(hidden).squeeze(3)  # (batch, R, T)
at_once = scores.softmax(2) @ keys  # (batch, R, d_h)
by_step = [additive(query, keys, projected=projected)[0] for query in queries.unbind(1)]
print("same:", torch.allclose(at_once, torch.stack(by_step, 1)))
print("largest:", hidden.numel(), "numbers; a dot product's scores:", scores.numel())
# d_a times as many. It is this tensor, batch · R · T · d_a, that fills the memory in the
# table above; the loop makes it in R slices, and keeps them all.

# %% [markdown]
# > **Exercise 4 (code).** Large models compute in 16 bits. Take the masking by $-10^9$ there: what becomes of the
# > number, and of a row that may look nowhere? Does the helper hold?
# >
# > *Hint: `.half()`. What is the largest number that 16 bits of that kind can hold?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
half = torch.randn(1, 4).half()
nowhere = torch.zeros(1, 4, dtype=torch.bool)
print("-1e9 becomes", torch.tensor(-1e9).half().item())
print("the least number is", torch.finfo(torch.float16).min)
filled = torch.where(nowhere, half, torch.tensor(-1e9).half())
print("its softmax:", filled.softmax(1).tolist())
print("the helper: ", masked_softmax(half, nowhere).tolist())
# The number overflows to -inf, and the NaN is back. The helper fills in the least number
# of the scores' own type, and zeros after the softmax.

# %% [markdown]
# > **Exercise 5 (open).** Past the trained length the finger blurs. Is it the encoder's fault, whose states at
# > places 11 to 14 no training has seen? Give the network an encoder that reads in both directions, with about as
# > many parameters, so that it knows the distance to either end. Does that help?
# >
# > *Hint: `LSTM(16, hidden, bidirectional=True)`; its states are twice as wide, and its last state is two.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
class BothWays(LSTM):
    def forward(self, x, lengths):
        states, last = super().forward(x, lengths)  # last: two of (2, batch, hidden)
        return states, tuple(torch.cat(list(s), 1)[None] for s in last)


torch.manual_seed(0)
parts = speller(52, attends=True)
parts["encoder"] = BothWays(16, 26, bidirectional=True)  # states of 2 · 26 numbers
train(parts.float(), steps=250, seed=0, rate=rates[48])
for name, sets in (("unseen words", unseen), ("random strings", strings)):
    one, two = (examine(p, sets[14])[0] for p in (models["attention", 0], parts))
    print(f"{name} of 14 letters: better by more than 0.05: {two > one + 0.05}")
# It helps (try other seeds), and it is no cure: the decoder's own steps 11 to 14 are as
# new to it as those places to the encoder.

# %% [markdown]
# ## You have
#
# - built additive attention from two spellings, by hand and with the helper;
# - masked padding, and watched one row that may look nowhere turn a whole gradient into NaN;
# - counted, and read from a race, what projecting the keys once saves, and what additive attention costs;
# - proved that the variance of a dot product is $d$, and measured that the scale keeps gradients the same, over widths and
#   over queries, rather than keeping them from vanishing;
# - taught networks to spell backwards, found the bottleneck in those with one vector, and tested that the others use
#   the places they look at.
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
