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
# # The Transformer encoder: reading all at once
#
# *The cat sat on the mat because it was warm.* What was warm? The mat. *The cat sat on the mat because it was
# tired.* Now *it* is the cat, and the word that decides comes last. A network that reads from left to right
# has to give *it* a state before it knows. A network that reads from both ends knows more, but carries
# it from word to word, through every word in between.
#
# The [last chapter](attention.ipynb) let a decoder look at all states of an encoder at once. If one can look
# at everything, why read in order at all? Let *it* look at *warm*, and at *cat* and *mat*, directly. **Can a
# network read all words of a sentence at once, and what does it pay for that?**
#
# **You will**
#
# - build attention with several heads by hand, equal to PyTorch's, and see what each head sees;
# - put a whole encoder layer around it, with the normalisation in either of two places, and find out what the
#   place does to the gradients;
# - load PyTorch's weights, keep its two opposite conventions of masks apart, and check the encoder;
# - count and measure what a layer costs, by length, beside an LSTM;
# - compare both encoders on the same two tasks, find out by experiment why one of them loses, and what its heads look
#   at instead.
#
# **You need** the chapters on [positions](../input-layer/positional-encoding.ipynb), which introduces
# self-attention, on [the input layer](../input-layer/the-input-layer.ipynb), on [attention](attention.ipynb)
# and on the [LSTM encoder](lstm-encoder.ipynb). The chapter runs in about 25 seconds on one processor core.

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
# ## Heads: several questions at once
#
# In *self-attention* (自注意力) every word of a sentence asks all words of the same sentence. Each has one softmax
# by {eq}`eq-pe-attention`, and so gets *one* weighted mean. One mean is not enough. *it* may want to know which
# nouns came before, and also what is said of it, and a mean of the two answers is neither. *Multi-head
# attention* (多头注意力) asks $H$ questions side by side {cite:p}`vaswani2017attention`. For the rows
# $X \in \mathbb{R}^{T \times d}$ of a sentence, head $h = 1, \dots, H$ has matrices
# $W^Q_h, W^K_h, W^V_h \in \mathbb{R}^{d \times d/H}$ of its own ($H$ divides $d$):
#
# $$
# \begin{aligned}
# Q_h &= X W^Q_h, \quad K_h = X W^K_h, \\
# V_h &= X W^V_h, \\
# A_h &= \mathrm{softmax}\Bigl(\frac{Q_h K_h^\top}{\sqrt{d/H}}\Bigr), \\
# Y &= [A_1 V_1, \dots, A_H V_H]\, W^O .
# \end{aligned}
# $$ (eq-te-heads)
#
# $A_h \in \mathbb{R}^{T \times T}$ are the head's weights, $A_h V_h \in \mathbb{R}^{T \times d/H}$ is what it
# brings back. The results stand side by side, and $W^O \in \mathbb{R}^{d \times d}$ mixes them. All heads at once, with
# `einsum`, which multiplies and sums by letters: in `"td,hdi->hti"`, $d$ is missing on the right, and so summed over.

# %% mystnb={"image": {"alt": "X at the bottom feeds six boxes: the matrices W Q, W K and W V of head 1 on the left and of head H on the right, with dots between them. In each head Q, K and V enter a round shape named attention. The results A 1 V 1 to A H V H enter one wide bracket, then a box W O, and become Y."}, "figure": {"caption": "The first and the last of $H$ heads. Each asks with matrices of its own; only $W^O$ mixes their answers.", "name": "fig-te-multi-head"}}
from scratch import diagrams

diagrams.multi_head_attention()


# %%
import torch


def heads_by_hand(X, W_Q, W_K, W_V):
    """X (T, d), each W (H, d, d / H) -> weights (H, T, T), values (H, T, d / H)."""
    Q, K, V = (torch.einsum("td,hdi->hti", X, W) for W in (W_Q, W_K, W_V))
    S = torch.einsum("hti,hui->htu", Q, K) / Q.shape[-1] ** 0.5  # (H, T, T)
    A = S.softmax(-1)
    return A, torch.einsum("htu,hui->hti", A, V)


# %% [markdown]
# To see what heads can do we set two of them by hand. The sentence is *the cat sat on the mat*. The first six
# numbers of a row are the one-hot vector of the word, the last six that of its place. One head asks for *the
# same word* and brings back places; the other asks for *the place before* and brings back words. The factor 20
# sets the scores so far apart that the softmax chooses.

# %%
tokens = "the cat sat on the mat".split()
words = list(dict.fromkeys(tokens))  # the cat sat on mat
T, half = len(tokens), 6
X = torch.zeros(T, 2 * half, dtype=torch.float64)  # (T, d), d = 12
for t, token in enumerate(tokens):
    X[t, words.index(token)] = X[t, half + t] = 1

eye, zero = torch.eye(half).double(), torch.zeros(half, half).double()
word, place = torch.cat([eye, zero]), torch.cat([zero, eye])  # (d, d / H) each
one_back = torch.diag(torch.ones(half - 1).double(), -1)  # row t has its 1 at t - 1
before = torch.cat([zero, one_back])  # place t asks for place t - 1
W_Q = 20 * torch.stack([word, before])  # (H, d, d / H)
W_K, W_V = torch.stack([word, place]), torch.stack([place, word])
A, brought = heads_by_hand(X, W_Q, W_K, W_V)

# %%
from scratch.table import Table

rows = [
    (name, f"{t} {tokens[t]}", *A[h, t].tolist())
    for h, name in enumerate(("same word", "place before"))
    for t in (2, 4)
]
columns = {"head": "", "asked by": ""}
Table(rows, columns | {f"{u} {token}": ".2f" for u, token in enumerate(tokens)})

# %% mystnb={"image": {"alt": "Two grids of six by six, the words of the sentence down and across. In the left one the diagonal is dark, and the two rows of the word the are each split between both columns of the word the. In the right one the squares just below the diagonal are dark, and the first row is evenly pale."}, "figure": {"caption": "The weights of two heads set by hand. Each row asks, the columns are looked at; dark is 1.", "name": "fig-te-heads"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, panels = plt.subplots(1, 2, figsize=(5, 2.8), sharey=True)
for axes, weights, name in zip(panels, A, ("same word", "place before"), strict=True):
    axes.pcolormesh(weights, cmap="Blues", vmin=0, vmax=1, edgecolors="#dddddd", lw=1)
    axes.set_xticks([u + 0.5 for u in range(T)], tokens, rotation=50)
    axes.set_yticks([t + 0.5 for t in range(T)], tokens)
    axes.set(title=name, xlabel="looked at")
    axes.grid(False)
panels[0].invert_yaxis()
panels[0].set_ylabel("asks")
plt.show()

# %% [markdown]
# Each word has two answers that do not disturb each other: the second *the* hears from one head where *the* stands,
# half at place 0 and half at place 4, and from the other that *on* stands before it. One head with both questions would
# spread a single weight over all three. The first word has none before it: all its scores are 0, and it looks
# everywhere alike. Trained heads are less tidy; we shall look at ours below. In BERT, Clark and colleagues found some
# that look at a fixed distance, and some that find the object of a verb or what a pronoun stands for
# {cite:p}`clark2019what`. Many can be taken out of a trained model at little cost, in some layers all but one ([Michel
# and colleagues](https://arxiv.org/abs/1905.10650)).
#
# All heads together need no more weights than one of full width: $H$ matrices of $d \times d/H$ are one of
# $d \times d$. So libraries multiply once, cut each row of the product into $H$ pieces, and treat the heads like
# more sentences in the batch. In `scratch.attention.MultiHeadAttention`, the second line printed here cuts, and
# the first joins again:

# %%
import inspect
import textwrap

from torch import nn

from scratch.attention import MultiHeadAttention

for line in inspect.getsource(MultiHeadAttention).splitlines():
    if ".transpose(1, 2)" in line:
        print(line.strip())
theirs = nn.MultiheadAttention(2 * half, num_heads=2, batch_first=True).double()
with torch.no_grad():
    stacked = [W.transpose(1, 2).flatten(0, 1) for W in (W_Q, W_K, W_V)]  # (d, d) each
    theirs.in_proj_weight.copy_(torch.cat(stacked))  # (3d, d)
    theirs.out_proj.weight.copy_(torch.eye(2 * half))
ours = MultiHeadAttention(2 * half, heads=2).double()
ours.load_state_dict(theirs.state_dict())

x, side_by_side = X.unsqueeze(0), brought.transpose(0, 1).flatten(1)  # (T, d)
for layer, options in ((ours, {}), (theirs, {"average_attn_weights": False})):
    output, weights = layer(x, x, x, **options)  # (batch, T, d), (batch, H, T, T)
    same = torch.allclose(weights[0], A) and torch.allclose(output[0], side_by_side)
    print(f"{type(layer).__name__} gives what heads_by_hand gave: {same}")

# %% [markdown]
# > **Pitfall.** By default `nn.MultiheadAttention` returns the *mean* of the heads' weights. To see heads,
# > ask for `average_attn_weights=False`.
#
# ## The rest of the layer
#
# Attention only mixes rows: $A_h V_h$ is linear in the values. What is made of the mixture is left to a *feed-forward
# network* (前馈网络), the same at each place and blind to the others. It widens a row to $d_{\mathrm{ff}}$ numbers, sets
# the negative ones to zero, and narrows it again. The paper has $d = 512$ and $d_{\mathrm{ff}} = 2048$: with
# $d_{\mathrm{ff}} = 4d$ it has $8d^2$ weights, twice as many as attention's $4d^2$. In PyTorch's orientation, for a
# row $\mathbf{x} \in \mathbb{R}^d$ and with $\mathbf{h} \in \mathbb{R}^{d_{\mathrm{ff}}}$,
#
# $$
# \begin{aligned}
# \mathbf{h} &= \max(0,\, W_1 \mathbf{x} + \mathbf{b}_1), \\
# \mathrm{F}(\mathbf{x}) &= W_2\, \mathbf{h} + \mathbf{b}_2 .
# \end{aligned}
# $$ (eq-te-feed-forward)
#
# Neither part replaces its input; both *add* to it. Such a *residual connection* (残差连接) leaves a straight
# path from the first layer to the last, for the vectors and, backward, for the gradients
# {cite:p}`he2016deep`. With [layer normalisation](../input-layer/the-input-layer.ipynb), $\mathrm{LN}$, to
# keep the sums in size, one layer of the paper is
#
# $$
# \begin{aligned}
# X' &= \mathrm{LN}(X + \mathrm{Attention}(X)), \\
# X'' &= \mathrm{LN}(X' + \mathrm{F}(X')) .
# \end{aligned}
# $$ (eq-te-post)
#
# This is *post-norm* (后置归一化): normalise after the sum. Many later models are *pre-norm* (前置归一化): each
# part gets a normalised copy, the sum itself is left alone, and one more $\mathrm{LN}$ follows the last layer,
#
# $$
# \begin{aligned}
# X' &= X + \mathrm{Attention}(\mathrm{LN}(X)), \\
# X'' &= X' + \mathrm{F}(\mathrm{LN}(X')) .
# \end{aligned}
# $$ (eq-te-pre)

# %% mystnb={"image": {"alt": "Two towers from X over X prime to X double prime. In each, a line leaves before a part and comes back to a plus sign behind it, first around Attention, then around F. In the left tower, post-norm, a box LN stands behind each plus sign, on the straight way up. In the right one, pre-norm, it stands before Attention and before F, and the way over the plus signs has none."}, "figure": {"caption": "The layer in its two forms. Follow the line that goes around the parts: with pre-norm it meets nothing but sums.", "name": "fig-te-block"}}
diagrams.transformer_block()


# %% [markdown]
# > **Correction.** The paper's formula is {eq}`eq-te-post`, and well-known code that quotes it has {eq}`eq-te-pre`.
# > Readers asked [again](https://github.com/harvardnlp/annotated-transformer/issues/1) and
# > [again](https://github.com/harvardnlp/annotated-transformer/issues/92). The Annotated Transformer itself says so, in
# > that class's docstring: "Note for code simplicity the norm is first as opposed to last." And its maintainer's answer
# > to the second question is that the authors moved the norm in their [released
# > code](https://github.com/tensorflow/tensor2tensor/commit/f5c9b17e617ea9179b7d84d36b1e8162cb369f25) soon after the
# > paper, which kept the old formula. So neither is a slip; but weights trained with the one are wrong in the other. A
# > third form that one meets adds to the *normalised* row, and is neither: [the museum](wrong-on-purpose.ipynb) shows
# > it.
#
# By hand, with the weights of a PyTorch layer, and without dropout:

# %%
from torch.nn.functional import layer_norm, linear


def layer_by_hand(x, p, heads, pre):
    """x (batch, T, d), p: the weights by PyTorch's names -> (batch, T, d)."""

    def both(name):
        return p[f"{name}.weight"], p[f"{name}.bias"]

    def attend(x):
        qkv = linear(x, p["self_attn.in_proj_weight"], p["self_attn.in_proj_bias"])
        q, k, v = (y.unflatten(2, (heads, -1)).transpose(1, 2) for y in qkv.chunk(3, 2))
        mixed = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v  # (batch, H, T, d / H)
        return linear(mixed.transpose(1, 2).flatten(2), *both("self_attn.out_proj"))

    def think(x):
        return linear(linear(x, *both("linear1")).relu(), *both("linear2"))

    for n, part in ((1, attend), (2, think)):
        if pre:
            x = x + part(layer_norm(x, x.shape[-1:], *both(f"norm{n}")))
        else:
            x = layer_norm(x + part(x), x.shape[-1:], *both(f"norm{n}"))
    return x


# %% [markdown]
# The helper `scratch.encoder.EncoderLayer` says the same in modules, after a look at the shape of `x`, with
# dropout behind each part and inside the feed-forward network. (PyTorch's layer has dropout on the attention
# weights, too.) Its names of
# weights are PyTorch's, so that a `state_dict` loads in either direction.

# %%
from scratch.encoder import EncoderLayer

lines = inspect.getsource(EncoderLayer.forward).splitlines()
body = "\n".join(line for line in lines if '"""' not in line)  # without its docstring
print(textwrap.dedent(body))

torch.manual_seed(0)
x = torch.randn(2, 6, 32)  # (batch, T, d)
for pre in (False, True):
    options = {"dropout": 0.0, "norm_first": pre}
    theirs = nn.TransformerEncoderLayer(32, 4, 128, batch_first=True, **options)
    ours = EncoderLayer(32, heads=4, feed_forward=128, **options)
    ours.load_state_dict(theirs.state_dict())
    by_hand = layer_by_hand(x, theirs.state_dict(), 4, pre)
    small = all((y - theirs(x)).abs().max() < 1e-6 for y in (by_hand, ours(x)))
    again = nn.TransformerEncoderLayer(32, 4, 128, batch_first=True, **options)
    again.load_state_dict(ours.state_dict())  # and back
    exact, name = torch.equal(again(x), theirs(x)), "pre" if pre else "post"
    print(f"{name}-norm: all within 1e-6: {small}; back in PyTorch, equal: {exact}")

# %% [markdown]
# Three spellings, the same numbers, and weights that come back unchanged.
#
# ## Where the norm stands
#
# Look at a deep encoder before its first step of training. In a pre-norm encoder every part gets input of a
# standard size, so every layer adds about the same variance to the sum: $c$ times that of the input. After $\ell$
# layers the sum is about $\sqrt{1 + c\ell}$ times as large as the input. What does the last norm do to a gradient? Write
# $\mathrm{LN}(\mathbf{x}) = \mathbf{z} = (\mathbf{x} - \mu)/\sigma$, with the mean $\mu$ and the deviation $\sigma$ of
# the row's $d$ numbers (at the start its own weights change nothing, and we leave out its $\varepsilon$). From
# $\sigma^2 = \frac{1}{d} \sum_j (x_j - \mu)^2$ we have $2 \sigma\, \partial \sigma / \partial x_k = \frac{2}{d}
# (x_k - \mu)$, so $\partial \sigma / \partial x_k = z_k / d$, and by the quotient rule
#
# $$
# \frac{\partial z_j}{\partial x_k} = \frac{1}{\sigma} \Bigl(\delta_{jk} - \frac{1}{d} - \frac{z_j z_k}{d}\Bigr) .
# $$ (eq-te-norm)
#
# The bracket takes away the parts of the gradient along $(1, \dots, 1)$ and along $\mathbf{z}$, two directions of
# $d$, and leaves the rest as it is. What is left is divided by $\sigma$, the size of the sum. So, by the chain rule,
# are the gradients of all that went into the sum:
#
# $$
# \lVert \text{gradient} \rVert \;\propto\; \frac{1}{\sqrt{1 + c\,\ell}} .
# $$ (eq-te-depth)
#
# In a post-norm encoder each sum is brought back to size 1 at once, and the gradients of the last layer should not
# care how many layers stand below. Xiong and colleagues {cite:p}`xiong2020layer` proved bounds of this form, for the
# last layer's $W_2$ in a simplified model. We measure that gradient over five seeds, with weights drawn by Xavier's
# rule, as `nn.Transformer` draws them: uniform, with variance $2 / (m + n)$ for a matrix $m \times n$, which keeps
# the size of vectors about the same forward and backward. The words are random, and so is what must be guessed at
# each place, out of 200.

# %%
from torch.nn.functional import cross_entropy

from scratch.encoder import TransformerEncoder


def gradients(pre, layers, seed):
    """Norms of the gradient of W_2, by layer, and the size of the last one's output."""
    torch.manual_seed(seed)
    encoder = TransformerEncoder(200, 64, layers, heads=4, norm_first=bool(pre))
    head = nn.Linear(64, 200)
    for weight in (*encoder.layers.parameters(), head.weight):
        if weight.ndim == 2:
            nn.init.xavier_uniform_(weight)
    ids, targets = torch.randint(4, 200, (8, 16)), torch.randint(200, (8, 16))
    x = encoder.input(ids)  # (8, 16, 64)
    for layer in encoder.layers:
        x = layer(x)
    cross_entropy(head(encoder.norm(x)).mT, targets).backward()
    norms = [layer.linear2.weight.grad.norm().item() for layer in encoder.layers]
    return norms, x.square().mean().sqrt().item()


# %%
DEPTHS, SEEDS = (2, 4, 8, 16, 32), range(5)
runs = {
    (pre, n): [gradients(pre, n, s) for s in SEEDS] for pre in (0, 1) for n in DEPTHS
}
rows = []
for n in DEPTHS:
    post, pre = (
        torch.tensor([norms[-1] for norms, _ in runs[place, n]]) for place in (0, 1)
    )  # (seeds,) the gradients in the last layer
    size = torch.tensor([size for _, size in runs[1, n]])
    rows.append((n, *(x.mean().item() for x in (post, pre, size, size * pre))))
columns = {"layers": "d", "last gradient, post-norm": ".2f", "pre-norm": ".2f"}
Table(rows, columns | {"size of pre-norm's sum": ".1f", "their product": ".2f"})

# %%
rows = []
for pre, name in ((0, "post-norm"), (1, "pre-norm")):
    norms = torch.tensor([norms for norms, _ in runs[pre, 16]]).mean(0)  # (16,)
    rows.append((name, *norms[[0, 3, 7, 11, 15]].tolist()))
columns = {"gradient in layer": ""} | {str(n): ".2f" for n in (1, 4, 8, 12, 16)}
Table(rows, columns)

# %% tags=["rms=0.5"] mystnb={"image": {"alt": "Two panels. Above, the gradient in the last layer against the depth from 2 to 32 layers, both axes doubling: the points of post-norm stay level near 0.4, those of pre-norm fall along a straight line from 0.3 to 0.1. Below, the gradient in each of 16 layers: post-norm rises from the first layer to the later ones, pre-norm falls from first to last."}, "figure": {"caption": "Size of the gradient of $W_2$ before training: above in the last layer, by depth; below in each layer of an encoder of 16. Lines are means, dots five seeds.", "name": "fig-te-gradients"}}
figure, (above, below) = plt.subplots(2, 1, figsize=(5, 5))
for pre, name, marker in ((0, "post-norm", "o"), (1, "pre-norm", "s")):
    last = torch.tensor([[r[0][-1] for r in runs[pre, n]] for n in DEPTHS])  # (5, 5)
    norms = torch.tensor([r[0] for r in runs[pre, 16]]).T  # (16, seeds)
    for axes, x_, y in ((above, DEPTHS, last), (below, range(1, 17), norms)):
        (line,) = axes.plot(x_, y.mean(1), label=name)
        axes.plot(x_, y, marker, color=line.get_color(), markersize=3, alpha=0.5)
above.set_xscale("log", base=2)
above.set_yscale("log", base=2)
above.set_xticks(DEPTHS, DEPTHS)
above.set_yticks([0.125, 0.25, 0.5], ["0.125", "0.25", "0.5"])
above.set(xlabel="layers in the encoder", ylabel="gradient, last layer")
below.set(xlabel="layer", ylabel="gradient", ylim=(0, None))
above.legend(loc="lower left")
plt.show()

# %% [markdown]
# With post-norm the last layer's gradient is much the same at any depth. With pre-norm it shrinks, and the
# product in the last column hardly moves: it shrinks just as the sum grows, as {eq}`eq-te-depth` says. By
# layer, the two means slope in opposite directions (post-norm's seeds scatter widely). Post-norm is larger near
# the output, and there, say Xiong and colleagues, large steps do harm. It wants a *warm-up* (预热), a start with
# tiny steps that grow over some thousands of updates; their pre-norm models did without. Pre-norm has its own
# imbalance, larger gradients in the early layers, as has been observed in large models, too
# {cite:p}`shleifer2021normformer`.
#
# Is it the warm-up that matters? We try, with a task as easy as can be: each of sixteen words has a partner, which is
# to be written in its place. Eight layers get 40 steps, of one of two sizes, from the first on or after a rise over 15
# steps. Whoever only guesses ends with a loss of $\ln 16 = 2.77$; `benchmarks/order.py` has counted the seeds, of five,
# that end below 1. *Here* is the first of them, with the larger steps.


# %%
import scratch.training


def final_loss(pre, warmup, rate, seed):
    """The mean loss of the last 5 of 40 steps."""
    torch.manual_seed(seed)
    options = {"heads": 4, "feed_forward": 64, "norm_first": pre}
    encoder, head = TransformerEncoder(20, 32, 8, **options), nn.Linear(32, 20)
    for weight in (*encoder.layers.parameters(), head.weight):
        if weight.ndim == 2:
            nn.init.xavier_uniform_(weight)

    def loss(ids):  # the partner of word 4 is 19, that of 5 is 18, …
        return cross_entropy(head(encoder(ids)).mT, 23 - ids)

    parameters = [*encoder.parameters(), *head.parameters()]
    batches = torch.randint(4, 20, (40, 8, 8))  # (steps, sentences, words)
    options = {"warmup": warmup, "decay": False}
    losses = scratch.training.fit(parameters, loss, batches, rate, **options)
    return sum(losses[-5:]) / 5


# %%
from scratch.corpora import load_results

rows = []
for run in load_results("order")["warmup"]:
    slow, fast = (sum(loss < 1 for loss in ends) for ends in run["ends"])
    here = final_loss(run["pre"], run["warmup"], 0.01, seed=0) < 1
    name = "pre-norm" if run["pre"] else "post-norm"
    rows.append((name, run["warmup"], slow, fast, "learns" if here else "does not"))
columns = {"norm": "", "warm-up": "d", "learn at 0.003": "d", "at 0.01": "d"}
Table(rows, columns | {"here": ""})

# %% [markdown]
# With the smaller steps all learn, warm-up or not. With the larger ones post-norm needs its warm-up, and pre-norm does
# not. So a warm-up buys post-norm *larger steps*. (A toy, and eight
# layers: how much it buys in a large model, this does not say.)
#
# ## Masks, and their two meanings
#
# In a batch, no word may look at padding. In this book a mask is `True` where one *may* look. PyTorch has
# both meanings.
#
# > **Pitfall.** In `nn.MultiheadAttention` (`key_padding_mask`, `attn_mask`) and `nn.TransformerEncoderLayer`
# > (`src_key_padding_mask`, `src_mask`), a boolean mask is `True` where a key is to be *ignored*. In
# > `torch.nn.functional.scaled_dot_product_attention`, `attn_mask` is `True` where it *takes part*. A mask of
# > floats is in both cases *added* to the scores: 0 to look, $-\infty$ not to. Mix them up, and no error is raised.

# %%
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from scratch import text
from scratch.attention import scaled_dot_product_attention

lengths = torch.tensor([6, 3])  # "the cat sat on the mat", "the cat sat"
mask = text.mask(lengths)  # (batch, keys) True: may look
added = torch.zeros(2, 6).masked_fill(~mask, -torch.inf)

# %%
ours, theirs = MultiHeadAttention(32, 4), nn.MultiheadAttention(32, 4, batch_first=True)
ours.load_state_dict(theirs.state_dict())
expected, _ = ours(x, x, x, mask.unsqueeze(1))  # (batch, 1, keys): for all queries
same = [
    torch.allclose(theirs(x, x, x, key_padding_mask=m)[0], expected, atol=1e-6)
    for m in (~mask, added)
]
print("nn.MultiheadAttention as ours, with ~mask and with −inf added:", all(same))
expected, _ = scaled_dot_product_attention(x, x, x, mask.unsqueeze(1))
same = [
    torch.allclose(torch_attention(x, x, x, m.unsqueeze(1)), expected, atol=1e-6)
    for m in (mask, added)
]
print("torch's function as ours, with mask and with -inf added:", *same)
weights = theirs(x, x, x, key_padding_mask=mask)[1][1, 0]
print("upside down, 'the' in 'the cat sat' looks at:", (weights > 0).int().tolist())

# %% [markdown]
# The last line is the mistake: *the cat sat* looks at nothing but padding.
#
# Our layer wants a dimension for the queries, 1 if all see the same: by its shape alone, a mask of $4 \times 4$ for
# four sentences of four words could mean either. A mask may also differ from query to query. A *causal mask* (因果掩码)
# lets each word look at itself and at what stands before it. With it a Transformer layer can do what an LSTM does,
# and what every decoder must: give a word a state that does not depend on later words.

# %%
causal = torch.ones(6, 6).tril().bool()  # (queries, keys) True: may look
for_all = causal.unsqueeze(0)  # (1, queries, keys): for all sentences
theirs = nn.TransformerEncoderLayer(32, 4, 128, dropout=0.0, batch_first=True)
layer = EncoderLayer(32, 4, 128)
layer.load_state_dict(theirs.state_dict())
same = torch.allclose(layer(x, for_all), theirs(x, src_mask=~causal), atol=1e-6)
print("a causal layer, as PyTorch's:", same)

other = x.clone()
other[:, 5] = 0  # another last word
first_five = [
    torch.allclose(layer(other, m)[:, :5], layer(x, m)[:, :5]) for m in (for_all, None)
]
print("the first five states stay: with the mask {}, without {}".format(*first_five))

# %% [markdown]
# ## The encoder
#
# `scratch.encoder.TransformerEncoder` is the [input layer](../input-layer/the-input-layer.ipynb), with its
# positions, and a stack of such layers; it turns `lengths` into the mask. PyTorch's `nn.TransformerEncoder`
# is the stack alone (even pre-norm's last norm comes only if asked for, with `norm=`), so its `state_dict` fits
# with `strict=False`, and what is missing must be the input.

# %%
V = 50
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(32, 4, 128, dropout=0.0, batch_first=True)
theirs = nn.TransformerEncoder(layer, num_layers=2)
encoder = TransformerEncoder(V, dim=32, num_layers=2, heads=4)
missing, unexpected = encoder.load_state_dict(theirs.state_dict(), strict=False)
print("missing:", *missing, "/ unexpected:", *unexpected or ["none"])

ids = torch.tensor([[4, 5, 6, 7, 4, 8], [4, 5, 6, 0, 0, 0]])  # (batch, T)
states = encoder.states(ids, lengths)  # (batch, T, d)
expected = theirs(encoder.input(ids), src_key_padding_mask=~mask)
small = bool((states - expected)[mask].abs().max() < 1e-6)
zeros = not states[~mask].any()
print(f"as PyTorch's at the words, within 1e-6: {small}; zeros at padding: {zeros}")

# %% [markdown]
# It is used as the [LSTM encoder](lstm-encoder.ipynb) is: `states` for a vector of
# each word, `vectors` for one of the sentence. For the latter the LSTM gives its last state. The Transformer
# has no last state, and takes the mean over the words. (BERT puts a token `[CLS]` before them, and takes its state.)

# %%
from scratch.encoder import Encoder

lstm = Encoder(V, embedding_dim=32, hidden_dim=32, num_layers=1)
rows = []
for model in (lstm, encoder):
    shapes = (f(ids, lengths).shape for f in (model.states, model.vectors))
    rows.append((type(model).__name__, *map(tuple, shapes)))
mean = encoder.states(ids, lengths).sum(1) / lengths.unsqueeze(1)
print(
    "the vectors are the mean of the states:",
    torch.allclose(mean, encoder.vectors(ids, lengths)),
)
Table(rows, {"encoder": "", "states": "", "vectors": ""})

# %% [markdown]
# Does it keep an encoder's promises? We tell `scratch.check` what it should be: order matters (`ordered=True`),
# and a state may depend on later words (`causal=False`).

# %%
from scratch.check import check_encoder

print(check_encoder(encoder.states, V, ordered=True, causal=False))

# %% [markdown]
# Now take the positions away, and then the lengths:

# %%
blind = TransformerEncoder(V, dim=32, num_layers=2, heads=4, position="none")
print(check_encoder(blind.states, V)["permutation_equivariance"])
careless = check_encoder(lambda ids, lengths: encoder.states(ids), V)
print(careless["padding_invariance"])

# %% [markdown]
# Without positions it sees a bag of words, as [proved](../input-layer/positional-encoding.ipynb) in Part 1.
# Without lengths the words look at the padding, and a short sentence becomes another one. Now PyTorch's own
# modules, given the mask they ask for.

# %%
attention = nn.MultiheadAttention(32, 4, batch_first=True)


def padding_mask(ids, lengths):
    return ~text.mask(lengths, ids.shape[1])  # True: ignore


def torch_layer(ids, lengths):
    mask = padding_mask(ids, lengths)
    return layer(encoder.input(ids), src_key_padding_mask=mask)


def torch_heads(ids, lengths):
    x = encoder.input(ids)
    return attention(x, x, x, padding_mask(ids, lengths), need_weights=True)[0]


rows = []
for training in (True, False):
    layer.train(training)
    attention.train(training)
    for encode in (torch_layer, torch_heads):
        report = check_encoder(encode, V, empty=True)
        wrong = ", ".join(name for name in report.asked if not report[name])
        rows.append((encode.__name__, "training" if training else "use", wrong or "–"))
print(check_encoder(torch_layer, V)["empty_rows"])
Table(rows, {"encoder": "", "mode": "", "promises broken": ""})

# %% [markdown]
# All promises hold but one. A row that is all padding may look nowhere, and the softmax over nothing is
# $0/0$. In training, PyTorch's layer goes through `scaled_dot_product_attention`, which gives zeros for such
# a row. In use, after `.eval()` and without gradients, it takes a *fast path* that does not; nor does
# `nn.MultiheadAttention` when it returns its weights. The same model, the same batch: fine while you train,
# NaN when you deploy. Learners [met it](https://github.com/pytorch/pytorch/issues/24816) early, and there is
# a [proposal](https://github.com/pytorch/pytorch/pull/190486) to mend it. Our encoder refuses an empty
# sentence, and our attention gives zeros.
#
# ## What it costs
#
# Count multiplications, for one sentence of $T$ words and width $d$. A layer of an LSTM takes $4d \cdot d$
# for the input and as many for the state, at each word. A Transformer layer takes $4d^2$ at each word for
# queries, keys, values and $W^O$, and $2 d\, d_{\mathrm{ff}}$ for the feed-forward network; and for all pairs
# of words $T^2 d$ for the scores and $T^2 d$ for the weighted sums. With $d_{\mathrm{ff}} = 4d$,
#
# $$
# \begin{aligned}
# \text{LSTM:} &\quad 8\, T d^2, \\
# \text{Transformer:} &\quad 12\, T d^2 + 2\, T^2 d .
# \end{aligned}
# $$ (eq-te-cost)
#
# PyTorch's own count agrees: the `assert` below would stop the cell if it did not.

# %%
from torch.utils.flop_counter import FlopCounterMode

from scratch.recurrent import LSTMCell


@torch.no_grad()
def products(module, *inputs):
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops() // 2  # it counts a product and its sum as two


d, cell, layer = 128, LSTMCell(128, 128), EncoderLayer(128, 4, 4 * 128)
rows = []
for T in (16, 256, 2048):
    a = T * products(cell, torch.zeros(1, d))
    b = products(layer, torch.zeros(1, T, d))
    assert (a, b) == (8 * T * d**2, 12 * T * d**2 + 2 * T**2 * d)
    rows.append((T, a / 1e6, b / 1e6, b / a))
columns = {"T": "d", "LSTM (million products)": ".1f", "Transformer": ",.1f"}
Table(rows, columns | {"ratio": ".1f"})

# %% [markdown]
# > **Correction.** "Self-attention is cheaper than recurrence as long as $T < d$", one often reads, after the
# > paper's section 4. The paper compares $T^2 d$ with $T d^2$, the mixing of words alone. With the projections
# > and a feed-forward network of the usual $4d$, a Transformer layer takes *more* multiplications than an LSTM
# > layer at every length, by {eq}`eq-te-cost`. What it saves is waiting: the LSTM has to take $T$ steps, one
# > after the other, while each of the Transformer's few products serves all words at once.
#
# Memory for training: an LSTM keeps some rows of $d$ numbers for each word. Attention as we wrote it also keeps
# the weights, $H\,T^2$ numbers. Time and memory were measured on one core, forward and backward, $d = 128$,
# $H = 4$, eight sentences at once, for our two encoders and PyTorch's modules, by `benchmarks/attention.py`.
# (Memory is what autograd keeps for the backward pass.)

# %%
from IPython.display import display

results = load_results("attention")
rows = results["by_length"]["rows"]
LENGTHS = sorted({row["length"] for row in rows})
SIDES = ("LSTM", "Transformer", "torch's LSTM", "torch's Transformer")


def per_word(side, what):
    """Microseconds or kilobytes for each word of the eight sentences."""
    factor = {"seconds": 1e6, "megabytes": 1e3}[what]
    return [r[what] * factor / r["length"] / 8 for r in rows if r["side"] == side]


for what, unit in (("seconds", "µs"), ("megabytes", "kB")):
    columns = {f"{unit} a word, T =": ""} | {str(n): ".1f" for n in LENGTHS}
    display(Table([(side, *per_word(side, what)) for side in SIDES], columns))

# %% mystnb={"image": {"alt": "Two panels on doubly logarithmic axes, per word, against length from 16 to 2048. Above, time: both LSTMs fall at first and then stay level, PyTorch's far below ours. Both Transformers begin between them, cross our LSTM between 128 and 256 words and go on rising, ours more steeply. Below, memory: our LSTM, PyTorch's Transformer and PyTorch's LSTM are level, in this order from below; our Transformer bends upwards and is far above them at 2048."}, "figure": {"caption": "One layer forward and backward: processor time for each word (above) and memory kept for the backward pass (below), by length. Solid: ours; dashed: PyTorch's.", "name": "fig-te-cost"}}
figure, panels = plt.subplots(2, 1, figsize=(5, 6), sharex=True)
for axes, what in zip(panels, ("seconds", "megabytes"), strict=True):
    for side, style in zip(SIDES, ("C0o-", "C3s-", "C0o--", "C3s--"), strict=True):
        values = per_word(side, what)
        axes.loglog(LENGTHS, values, style, markersize=4, lw=1.5, label=side)
for axes, ticks in zip(panels, ([10, 20, 50, 100, 200], [4, 10, 20, 40]), strict=True):
    axes.set_yticks(ticks, ticks)
    axes.minorticks_off()
panels[0].set_ylabel("time a word (µs)")
panels[1].set(xlabel="words in a sentence", ylabel="memory a word (kB)")
panels[1].set_xticks(LENGTHS, LENGTHS, fontsize=9)
panels[0].legend(fontsize=9, handlelength=3)
plt.show()

# %%
import math


def crossing(a, b):
    """The length from which on b is above a (straight lines between points)."""
    gaps = [math.log(y / x) for x, y in zip(a, b, strict=True)]
    i = max(i for i in range(len(gaps)) if gaps[i] < 0)
    part = gaps[i] / (gaps[i] - gaps[i + 1])
    return LENGTHS[i] * (LENGTHS[i + 1] / LENGTHS[i]) ** part


where = crossing(per_word("LSTM", "seconds"), per_word("Transformer", "seconds"))
print(f"in time, ours cross near {where:.0f} words")
for whose, what, better in (
    ("torch's ", "seconds", "is faster"),
    ("", "megabytes", "keeps less"),
):
    pairs = [per_word(whose + kind, what) for kind in ("LSTM", "Transformer")]
    every = all(a < b for a, b in zip(*pairs, strict=True))
    print(f"{whose or 'our '}LSTM {better} at every length: {every}")

# %% [markdown]
# Of our two encoders the Transformer is a little ahead on sentences and far behind on pages: it does more work,
# but in few large products, where the LSTM pays Python and PyTorch for every word. PyTorch's LSTM has its loop
# in C++. On one core, which gains little from having all products at once, it is faster than PyTorch's
# Transformer at every length, as the count predicts. That the Transformer is ahead *on hardware that does thousands
# of products at once*, on which large models are trained, is the common view; it is not measured here.
#
# The lower panel holds a surprise: PyTorch's Transformer needs no quadratic memory. It computes the weights
# block by block, never keeps them, and computes them again for the backward pass
# {cite:p}`rabe2021self,dao2022flashattention`; the time remains quadratic. And our layer, which keeps them, is
# it slow? Two shapes, pre- and post-norm, the same weights on both sides, medians of 15 rounds:

# %%
race = results["encoder_layer"]["rows"]
rows = []
for mode in ("training", "use"):
    for threads in (1, 2):
        wanted = {"side": "scratch", "mode": mode, "threads": threads}
        ratios = [row["ratio"] for row in race if wanted.items() <= row.items()]
        rows.append((mode, threads, min(ratios), max(ratios)))
columns = {"in": "", "threads": "d", "ours / PyTorch's, least": ".2f", "most": ".2f"}
Table(rows, columns)

# %% [markdown]
# In training ours is a little faster: at these lengths, it seems, keeping the weights costs less than computing
# them again. In use, PyTorch's fast path wins.
#
# ## Two encoders, one exam
#
# Now both encoders, with the same number of parameters up to a fraction of a percent, in the same few lines,
# on sentences of 8 to 16 words from the State of the Union addresses.
#
# *When?* Is the sentence from the first third of the corpus or from the last? The
# [input layer](../input-layer/the-input-layer.ipynb) was asked this. *In order?* Every other sentence has its
# words shuffled: is this one as it was spoken? Here a bag of words cannot do better than guess. Whatever is in
# the bag, spoken and shuffled are equally likely.

# %%
from scratch.corpora import load
from scratch.text import Vocabulary, pad

sentences = load("state-of-the-union")
vocabulary = Vocabulary.from_tokens((w for s in sentences for w in s), max_size=2000)


def exam(examples):
    """(sentence, answer) pairs -> ids (n, length), lengths (n,), answers (n,)."""
    ids, lengths = pad([vocabulary.encode(s) for s, _ in examples])
    return (
        torch.as_tensor(ids),
        torch.as_tensor(lengths),
        torch.tensor([y for _, y in examples]),
    )


# %%
third, draw = len(sentences) // 3, torch.Generator().manual_seed(0)
order = torch.randperm(len(sentences), generator=draw).tolist()
chosen = [i for i in order if 8 <= len(sentences[i]) <= 16]


def shuffled(s):
    return [s[t] for t in torch.randperm(len(s), generator=draw)]


early = [(sentences[i], 0) for i in chosen if i < third]
late = [(sentences[i], 1) for i in chosen if i >= 2 * third]
when = exam([example for pair in zip(early, late, strict=False) for example in pair])
halves = zip(chosen[::2], chosen[1::2], strict=False)
mixed = [(sentences[i], 0, shuffled(sentences[j])) for i, j in halves]
in_order = exam([e for s, _, t in mixed for e in ((s, 0), (t, 1))])
print(f"when? {len(when[0]):,} sentences; in order? {len(in_order[0]):,}")
print("spoken:  ", *mixed[1][0])
print("shuffled:", *mixed[1][2][:12], "…")


# %%
class Bag(nn.Module):
    """The mean of the words' rows."""

    def __init__(self, vocab_size, dim):
        super().__init__()
        self.rows = nn.Embedding(vocab_size, dim, padding_idx=0)

    def vectors(self, ids, lengths):
        return self.rows(ids).sum(1) / lengths.unsqueeze(1)


V, d = len(vocabulary), 48
ENCODERS = {"bag of words": lambda: Bag(V, d)}
ENCODERS["LSTM"] = lambda: Encoder(V, embedding_dim=d, hidden_dim=d, num_layers=1)
ENCODERS["Transformer"] = lambda: TransformerEncoder(
    V, d, 1, heads=4, feed_forward=2 * d
)


# %% [markdown]
# How many parameters is that? The table has $V d$; sinusoidal positions have none. A Transformer layer has
# $4 d^2 + 2\, d\, d_{\mathrm{ff}} + 9 d + d_{\mathrm{ff}}$ (exercise 1 counts them), so an encoder of $L$ layers has
#
# $$
# V d + L\, (4 d^2 + 2\, d\, d_{\mathrm{ff}} + 9 d + d_{\mathrm{ff}}) ,
# $$ (eq-te-parameters)
#
# and $2d$ more for pre-norm's last norm. The LSTM has four gates of $2d^2$ weights and $2d$ biases (PyTorch's,
# which has two where one would do).

# %%
f, rows = 2 * d, []
layers = {"bag of words": 0, "LSTM": 4 * d * (2 * d + 2)}
layers["Transformer"] = 4 * d**2 + 2 * d * f + 9 * d + f
for name, make in ENCODERS.items():
    if name in layers:
        counted = sum(p.numel() for p in make().parameters())
        assert counted == V * d + layers[name]
        rows.append((name, V * d, layers[name], counted))
columns = {"encoder": "", "in the table": ",d", "in the layer": ",d", "together": ",d"}
Table(rows, columns)


# %%
from scratch.training import fit, random_rows

HELD = 4000  # 2,000 sentences to test on, then 2,000 to choose the step size by


def learn(make, question, rate, seed, steps=250):
    """Train an encoder with a matrix on top; return both: (ids, lengths) -> scores."""
    ids, lengths, answers = question
    torch.manual_seed(seed)
    encoder, head = make(), nn.Linear(d, 2)

    def loss(rows):
        scores = head(encoder.vectors(ids[rows], lengths[rows]))  # (64, 2)
        return cross_entropy(scores, answers[rows])

    batches = (HELD + rows for rows in random_rows(len(ids) - HELD, 64, steps, seed))
    fit([*encoder.parameters(), *head.parameters()], loss, batches, rate, warmup=30)
    return encoder, lambda ids, lengths: head(encoder.vectors(ids, lengths))


def train(make, question, rate, seed, steps=250):
    """Which of the first HELD answers are right, after training on the rest?"""
    ids, lengths, answers = (x[:HELD] for x in question)
    _, judge = learn(make, question, rate, seed, steps)
    pieces = zip(ids.split(500), lengths.split(500), strict=True)
    with torch.no_grad():
        return torch.cat([judge(*piece) for piece in pieces]).argmax(1) == answers


# %% [markdown]
# Every encoder gets steps of its own best size: of five sizes, the one that had most right answers on 2,000 sentences
# that are neither trained on nor tested (`benchmarks/order.py`, five seeds each). The sentences, the order in which
# they come and the number of steps are the same for all.

# %%
exams = {
    (r["question"], r["steps"], r["encoder"]): r for r in load_results("order")["rows"]
}
BEST = {n: row["rate"] for (*key, n), row in exams.items() if key == ["in order?", 250]}
rows = [
    (*key, row["rate"], sum(row["right"]) / 5, min(row["right"]), max(row["right"]))
    for key, row in exams.items()
    if "neighbours" not in key
]
columns = {"question": "", "steps": "d", "encoder": "", "step size": "g"}
Table(rows, columns | {"right": ".2f", "worst seed": ".2f", "best": ".2f"})

# %% [markdown]
# *When?* is a question about words: a bag answers it, and neither encoder adds anything. *In order?* the bag guesses,
# as it must. The LSTM answers well, and the Transformer, which can look at everything, is far behind; with four times
# as many steps it is still behind what the LSTM knew after a quarter of them. Are these differences more than luck?
# Each pair of encoders met the same questions, so we take the differences seed by seed, and Student's interval of
# their mean.


# %%
from scratch.metrics import t_interval


def difference(question, steps, one, two):
    """The 95% interval of how much more `one` has right than `two`, as a row."""
    a, b = (exams[question, steps, name]["right"] for name in (one, two))
    ends = t_interval([x - y for x, y in zip(a, b, strict=True)])
    return question, steps, f"{one} − {two}", *ends


DIFFERENCE = {"question": "", "steps": "d", "difference": ""}
DIFFERENCE |= {"from": "+.4f", "to": "+.4f"}
rows = [
    difference("when?", 250, "Transformer", "bag of words"),
    difference("when?", 250, "LSTM", "bag of words"),
    difference("in order?", 250, "LSTM", "Transformer"),
    difference("in order?", 1000, "LSTM", "Transformer"),
]
Table(rows, DIFFERENCE)

# %% [markdown]
# An interval without 0 in it is hardly luck of the seeds. Why does the Transformer lose? To see that *the of* is
# wrong one has to look at neighbours. The LSTM cannot help it: each step joins the present word with what came just
# before, and the same weights do so at every place. The Transformer has to find out what a neighbour is, from sums of
# words and places. If that is the trouble, we can spare it the search, with a mask: each word may look at itself and at
# the word before. The weights are as many as they were, and positions we leave out.


# %%
class Masked(TransformerEncoder):
    """A word may look where `rule` says so, told how far before it the other stands."""

    def __init__(self, rule):
        super().__init__(V, d, 1, heads=4, feed_forward=2 * d, position="none")
        self.rule = rule

    def vectors(self, ids, lengths):
        words, place = text.mask(lengths, ids.shape[1]), torch.arange(ids.shape[1])
        gap = place.unsqueeze(1) - place  # (queries, keys)
        may_look = self.rule(gap) & words.unsqueeze(1)  # (batch, queries, keys)
        x = self.input(ids)  # (batch, T, d)
        for layer in self.layers:
            x = layer(x, may_look)
        return (x * words.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)


ENCODERS["neighbours"] = lambda: Masked(lambda gap: (gap == 0) | (gap == 1))


# %%
rows = [
    difference("in order?", 250, "neighbours", "Transformer"),
    difference("in order?", 250, "neighbours", "LSTM"),
    difference("in order?", 1000, "neighbours", "LSTM"),
]
print(check_encoder(ENCODERS["neighbours"]().vectors, V)["permutation_equivariance"])
Table(rows, DIFFERENCE)

# %% [markdown]
# Far ahead of the Transformer that may look everywhere, and level with the LSTM after 250 steps, without one more
# weight; with more practice the LSTM draws a little ahead. What was missing was a hint where to look. The LSTM has it
# built in, as an *inductive bias* (归纳偏置): neighbours matter, and everywhere alike. A Transformer has to learn that,
# and here it did not. Tran and colleagues {cite:p}`tran2018importance` also found an LSTM ahead where the structure
# of sentences counts. And note the first line: without a single position vector, order matters. The mask tells it.
#
# ## What a trained head looks at
#
# Then what did the Transformer learn, with which it is right more often than not? We ask its four heads, over the
# test's spoken sentences of 12 words: how much of a word's weight goes, in the mean, to the word before it, to itself,
# to the word after it, and to the first of the sentence? The table has, for each of the benchmark's five seeds, the
# head that gives most to each; then all four heads of the first, trained again *here*. Twelve words that all looked
# everywhere alike would give each the share in the last row.


# %%
def weights_of_heads(encoder):
    """On the word before, the word itself, the word after, the first: (H, 4)."""
    ids, lengths, answers = (x[:2000] for x in in_order)
    with torch.no_grad():
        x = encoder.input(ids[(lengths == 12) & (answers == 0)][:, :12])
        A = encoder.layers[0].self_attn(x, x, x)[1].mean(0)  # (H, queries, keys)
    near = [A.diagonal(k, 1, 2).mean(1) for k in (-1, 0, 1)]  # (H,) each
    return torch.stack([*near, A[:, :, 0].mean(1)], 1)


# %%
learnt = load_results("order")["learnt"]
rows = []
for run in learnt["Transformer"]:
    most = torch.tensor(run["heads"]).amax(0).tolist()
    rows.append((f"seed {run['seed']}, the largest", *most))
encoder, judge = learn(ENCODERS["Transformer"], in_order, BEST["Transformer"], seed=0)
for h, weights in enumerate(weights_of_heads(encoder).tolist()):
    rows.append((f"seed 0, here, head {h + 1}", *weights))
rows.append(("all alike", *[1 / 12] * 4))
columns = ("the word before", "itself", "the word after", "the first word")
Table(rows, {"weight on": ""} | dict.fromkeys(columns, ".1f"))

# %% [markdown]
# No head has found the neighbour. In every seed some head has found the *first word*, and gives it about half of its
# weight, whoever asks. Weights are not yet reasons, as the [last chapter](attention.ipynb) warned. So we intervene: is
# a sentence still taken for one "as it was spoken" if its first word stays and all others are shuffled? And if the
# first and the last change places, and nothing else? The table has the shares of a thousand sentences that each encoder
# takes for such.


# %%
import random

rng, spoken = random.Random(0), [s for s, _, _ in mixed[:1000]]  # not trained on
versions = {
    "as spoken": spoken,
    "first word kept": [[s[0], *rng.sample(s[1:], len(s) - 1)] for s in spoken],
    "ends exchanged": [[s[-1], *s[1:-1], s[0]] for s in spoken],
    "all shuffled": [rng.sample(s, len(s)) for s in spoken],
}
papers = [exam([(s, 0) for s in texts])[:2] for texts in versions.values()]


@torch.no_grad()
def taken(judge):
    """The share of each version that is taken for "as spoken"."""
    answers = [judge(*paper).argmax(1) for paper in papers]
    return [(answer == 0).double().mean().item() for answer in answers]


# %% tags=["atol=0.06"]
rows = []
for name, runs in learnt.items():
    shares = torch.tensor([run["taken"] for run in runs])  # (seeds, versions)
    found = (shares.mean(0), shares.amin(0), shares.amax(0))
    for which, row in zip(("mean of five", "least", "most"), found, strict=True):
        rows.append((name, which, *row.tolist()))
rows.append(("Transformer", "here", *taken(judge)))
columns = {"encoder": "", "seeds": ""}
Table(rows, columns | dict.fromkeys(versions, ".2f"))

# %% [markdown]
# The Transformer takes most of the scrambled sentences for good ones, as long as they *begin* as sentences do, and
# refuses most of the good ones whose ends were exchanged. It has mostly learnt with which words sentences begin. That
# is an answer to the exam, and not what the exam meant. The LSTM and the masked one refuse most of the scrambled ones.
#
# This was one layer, one width, one corpus, and at most 1,000 steps of 64 sentences. It says nothing about large
# models, which are Transformers not least because, on parallel hardware, they get through far more text.

# %% [markdown]
# ## Check yourself
#
# **1. A layer has $d = 64$, $d_{\mathrm{ff}} = 256$ and 4 heads. How many parameters does it have with 8 heads?**
#
# - **A** 49,984, as before
# - **B** 66,624: four more heads bring four more sets of matrices
# - **C** 99,968, twice as many
# - **D** 24,992, for each head is half as wide
#
# <details><summary>Answer</summary>
#
# - **A ✓** $H$ matrices of $d \times d/H$ are one of $d \times d$, whatever $H$ is; there is no $H$ in
#   $4 d^2 + 2\, d\, d_{\mathrm{ff}} + 9 d + d_{\mathrm{ff}}$.
# - **B ✗** More heads share the same width: each gets $d/H$ numbers, here 8 in the place of 16.
# - **C ✗** Neither attention nor the feed-forward network doubles.
# - **D ✗** Half as wide, and twice as many.
#
# </details>

# %% [markdown]
# **2. Two heads have the same $W^Q$ and the same $W^K$, but different $W^V$. Is one of them superfluous?**
#
# - **A** Yes: both look at the same words with the same weights.
# - **B** Yes, unless the sentence is longer than $d/H$ words.
# - **C** No: they bring different things from the same places.
# - **D** No: their softmaxes are taken over different places.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Where a head looks is half of it. What it brings back is made by $W^V$.
# - **B ✗** Length has no part in it.
# - **C ✓** Together they are like one head whose values are twice as wide. What is lost is a second place to look at.
# - **D ✗** Both softmaxes run over all words of the sentence, and give equal weights here.
#
# </details>

# %% [markdown]
# **3. `y.view(batch, H, T, d // H)` is meant to cut $T = 8$ rows into $H = 4$ heads. What does the first "head" hold?**
#
# - **A** All 8 words, a quarter of the numbers of each: just what it should.
# - **B** All numbers of the first 2 words.
# - **C** All numbers of words 0 and 4.
# - **D** The first 4 words, half of each.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is what `unflatten` and then `transpose` give. The shape is the same, the numbers are not.
# - **B ✓** `view` keeps the order in memory, word after word. A quarter of $8 d$ numbers is the first two rows, which then
#   pose as eight words of $d/4$ numbers.
# - **C ✗** A `view` cuts what lies together. Words 0 and 4 lie four rows apart.
# - **D ✗** Half of each would mean to jump in memory, which needs a transpose.
#
# </details>

# %% [markdown]
# **4. The last word of a sentence of six is replaced. How many of the six states can change in one layer with a causal
# mask?**
#
# - **A** All 6: every word attends to every other.
# - **B** 5: all but its own.
# - **C** Only 1.
# - **D** 2: its own and its neighbour's.
#
# <details><summary>Answer</summary>
#
# - **A ✗** So it is without the mask. With it, words before the last may not look there.
# - **B ✗** The other way round: its own is the one that changes.
# - **C ✓** Only the last word looks at the last word. However many layers follow, it stays so.
# - **D ✗** The neighbour stands before it, and may not look ahead.
#
# </details>

# %% [markdown]
# **5. Every layer lets a word look at itself and one neighbour on either side. How many words of a long text can reach
# the state of a word in the middle after 6 such layers?**
#
# - **A** 3, for the mask is the same in every layer.
# - **B** 7
# - **C** 729, three times as many with each layer
# - **D** 13
#
# <details><summary>Answer</summary>
#
# - **A ✗** The neighbour's state, in the second layer, has its own neighbour in it.
# - **B ✗** That counts one side (and itself).
# - **C ✗** The neighbours' neighbours are mostly the same words; they are one more on each side, not three times as many.
# - **D ✓** One more on either side with each layer: $2 \cdot 6 + 1$.
#
# </details>

# %% [markdown]
# **6. With $d = 512$, $d_{\mathrm{ff}} = 2048$ and $T = 1024$ words: what share of a layer's multiplications compares and
# mixes pairs of words?**
#
# - **A** 67%
# - **B** 25%
# - **C** 80%
# - **D** 50%
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is $T / (T + d)$, from $T^2 d$ against $T d^2$, and leaves out that the projections and the feed-forward
#   network take $12\, T d^2$.
# - **B ✓** $2\, T^2 d$ of $12\, T d^2 + 2\, T^2 d$, which is $T / (6 d + T)$. The two halves are level at $T = 6 d$.
# - **C ✗** Not before $T = 24 d$.
# - **D ✗** That needs $T = 6 d$, three times as many words.
#
# </details>

# %% [markdown]
# **7. Before training, in a pre-norm encoder of 32 layers, the gradient of the last $W_2$ is much smaller than in one of 2.
# Why?**
#
# - **A** It has been multiplied by the derivatives of 32 layers on its way.
# - **B** The sum has grown, and the last norm divides gradients by the sum's size.
# - **C** The softmaxes of a deep encoder are nearly decisions, and pass nothing on.
# - **D** ReLU has set most of the numbers that arrive there to zero.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The last layer is the *first* that a gradient meets on its way back.
# - **B ✓** Each layer adds about as much to the sum as the one before, so after $\ell$ layers it is about $\sqrt{1 + c
#   \ell}$ times as large as at the start.
# - **C ✗** $W_2$ stands behind the softmaxes; and each part gets input of a standard size, at any depth.
# - **D ✗** ReLU halves the numbers in every layer alike, whatever the depth.
#
# </details>

# %% [markdown]
# **8. The sentence vector is the mean of a Transformer's states, and it was built with `position="none"`. A sentence and
# the same sentence read backwards get …**
#
# - **A** vectors that are mirrored, too: the numbers come in the opposite order.
# - **B** different vectors, since the words attend to each other.
# - **C** different vectors after training, equal ones before.
# - **D** the same vector, up to rounding.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The order of the *states* is turned round. The numbers within a vector do not know of it.
# - **B ✗** They attend to the same words with the same weights: who attends to whom does not depend on places.
# - **C ✗** It is a property of the formula, for all weights. No training can change it.
# - **D ✓** Each word's state is the same, wherever it stands, and a mean does not mind the order.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


class Mine(nn.Module):  # with the names of nn.TransformerEncoderLayer
    def __init__(self, dim, heads, feed_forward):
        super().__init__()
        raise NotImplementedError

    def forward(self, x, mask=None):  # (batch, length, dim) -> the same
        raise NotImplementedError


print(check.encoder_layer(Mine))

# %% [markdown]
# > **Exercise 1 (pencil, easy, 15 minutes).** How many parameters does a layer of width $d$ with $H$ heads and
# > $d_{\mathrm{ff}}$ have? Where is $H$? And BERT's smaller model: $V = 30{,}522$ pieces of words, 512 places and 2
# > segments, each with a learnt row of $d = 768$ numbers; a norm over their sum; $L = 12$ layers with
# > $d_{\mathrm{ff}} = 3072$; and, on top, one matrix $d \times d$ with a bias for `[CLS]`?
# >
# > *Hint: every matrix but the embeddings has a bias; a norm has two vectors.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Attention has four matrices of $d \times d$ and four biases, $4 d^2 + 4 d$, for any $H$, since $H$ matrices of
# $d \times d/H$ have $d^2$ entries together. The feed-forward network has
# $2\, d\, d_{\mathrm{ff}} + d_{\mathrm{ff}} + d$, two norms have $4 d$:
#
# $$
# 4 d^2 + 2\, d\, d_{\mathrm{ff}} + 9 d + d_{\mathrm{ff}} .
# $$
#
# For the paper's $d = 512$ and $d_{\mathrm{ff}} = 2048$ these are 3,152,384. BERT has $(30{,}522 + 512 + 2)\, d + 2 d$
# below, 12 layers of 7,087,872, and $d^2 + d$ on top: 109,482,240, the "110M" of its paper. A fifth of them is the
# table of words.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
width, f = 512, 2048
for heads in (1, 8):
    size = sum(p.numel() for p in EncoderLayer(width, heads, f).parameters())
    formula = 4 * width**2 + 2 * width * f + 9 * width + f
    print(f"heads {heads}: {size:,}, by the formula {formula:,}")
with torch.device("meta"):  # shapes without numbers
    bert = TransformerEncoder(30522, 768, 12, heads=12, position="none")  # f = 4d
size = sum(p.numel() for p in bert.parameters())
size += (512 + 2) * 768 + 2 * 768 + 768**2 + 768  # places, segments, norm, [CLS]
print(f"BERT's smaller model: {size:,}")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** At which length does a Transformer layer *without* its feed-forward
# > network take as many multiplications as an LSTM layer? And with one of width $d_{\mathrm{ff}}$: for which
# > $d_{\mathrm{ff}}$ is there no such length?
# >
# > *Hint: set the two counts before {eq}`eq-te-cost` equal.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Without the network, $4\, T d^2 + 2\, T^2 d = 8\, T d^2$, and so $T = 2d$: up to a length of twice the width,
# attention with its projections is the cheaper one. With it,
#
# $$
# \begin{aligned}
# 4 d^2 + 2\, d\, d_{\mathrm{ff}} + 2\, T d &= 8 d^2 \\
# \text{at}\quad T &= 2d - d_{\mathrm{ff}} .
# \end{aligned}
# $$
#
# For $d_{\mathrm{ff}} \ge 2d$ there is no such length: the Transformer layer takes more products at any. The usual
# $d_{\mathrm{ff}} = 4d$ is twice that.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
width = 64
for f in (1, width):  # (nearly) none, and d
    T = 2 * width - f
    layer = EncoderLayer(width, 4, f)
    equal = products(layer, torch.zeros(1, T, width)) == 8 * T * width**2
    print(f"d = {width}, f = {f:>2}: equal at T = 2d - f = {T}: {equal}")

# %% [markdown]
# > **Exercise 3 (code, medium, 20 minutes).** `y.view(batch, H, T, d // H)` has the right shape for the heads, without
# > any transposing; [more](https://github.com/reczoo/FuxiCTR/issues/30) than
# > [one](https://github.com/649453932/Chinese-Text-Classification-Pytorch/issues/53) project had it. Which check of
# > `scratch.check` notices?
# >
# > *Hint: take an encoder without positions.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# The numbers are laid out word by word. Cut into $H$ blocks of $T d / H$ numbers, a "head" gets whole words, $T / H$
# of them, cut into pieces that pose as $T$ words. One sentence at a time, only the equivariance is broken: an encoder
# that is given no positions, and yet minds the order. (In a padded batch the padding matters, too.) It trains all the
# same, and so the mistake lives long.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
p = EncoderLayer(32, 4, 128).state_dict()


def viewed(ids, lengths):
    """Heads without transposing, and no padding (one sentence at a time)."""
    rows = []
    for sentence, n in zip(ids, lengths, strict=True):
        x = blind.input(sentence[None, :n])
        qkv = linear(x, p["self_attn.in_proj_weight"])
        q, k, v = (y.reshape(1, 4, n, 8) for y in qkv.chunk(3, 2))
        mixed = ((q @ k.mT / 8**0.5).softmax(-1) @ v).reshape(1, n, 32)
        rows.append((x + mixed).mean(1))
    return torch.cat(rows)


print(check_encoder(viewed, 50, ordered=False))

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** With a mask that lets each word see itself and one neighbour on either
# > side, from how far away can a word be influenced after 1, 2, 3 layers? Check it with gradients.
# >
# > *Hint: take the loss from the state of a word in the middle, and look where the gradient of the input is not zero.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# One place further with each layer: $L$ of them see $L$ places far in either direction. If only the band is computed,
# each layer costs $O(T d^2)$, and no longer grows with $T^2$. All-pairs attention needs one layer to see everything.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
place = torch.arange(15)
band = (place.unsqueeze(1) - place).abs() <= 1  # (15, 15)
for depth in (1, 2, 3):
    x = torch.randn(1, 15, 32, requires_grad=True)
    y = x
    for _ in range(depth):
        y = EncoderLayer(32, 4, 64)(y, band.unsqueeze(0))
    y[0, 7].square().sum().backward()
    seen = x.grad[0].any(1).nonzero().flatten()
    print(f"layers {depth}: from place {seen.min()} to place {seen.max()}, around 7")

# %% [markdown]
# > **Exercise 5 (open, medium, 40 minutes).** Was it the neighbour that helped, or would any mask that tells left from
# > right have done? Find out what the mask has to say.
# >
# > *Hint: change the rule. Try only the neighbour on the right, two on the left, all on the left.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# The neighbour on the right does as well as the one on the left, two are worse than one, and all on the left, a causal
# mask, are worst. A causal mask tells left from right, but among all the words to the left the neighbour must still be
# found. The narrower the view, the less there is to find. (One seed, and one step size, that of the mask in the text: a
# hint, no proof.)
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
rules = {"the one on the right": lambda gap: (gap == 0) | (gap == -1)}
rules["two on the left"] = lambda gap: (gap >= 0) & (gap <= 2)
rules["all on the left"] = lambda gap: gap >= 0
found = []
for rule in rules.values():
    hits = train(lambda r=rule: Masked(r), in_order, BEST["neighbours"], seed=0)
    found.append(hits[:2000].double().mean())
right, two, every = found
before = exams["in order?", 250, "neighbours"]["right"][0]  # the same seed
print("the right neighbour is as good:", bool(abs(right - before) < 0.05))
print("one on the left > two > all:   ", bool(before > two > every))

# %% [markdown]
# > **Exercise 6 (code, hard, 40 minutes).** The other half of the paper, the *decoder* layer, has three parts: causal
# > self-attention, *cross-attention*, in which each word of the target asks the states of the source, and the
# > feed-forward network. Write its forward pass with `MultiHeadAttention`, and compare it with
# > `nn.TransformerDecoderLayer`.
# >
# > *Hint: which of query, key and value come from the encoder? The mask of the source has the shape (batch, 1, keys).*

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# Only the query of the cross-attention comes from the target; key and value are the encoder's states, and they are the
# same in every step of the decoder. Each of the three parts has its residual connection and its norm. Two masks are at
# work: no word of the target looks ahead, and none looks at the source's padding.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
theirs = nn.TransformerDecoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
own, cross = MultiHeadAttention(32, 4), MultiHeadAttention(32, 4)
own.load_state_dict(theirs.self_attn.state_dict())
cross.load_state_dict(theirs.multihead_attn.state_dict())
y, source = torch.randn(2, 5, 32), torch.randn(2, 6, 32)  # target, encoder's states
words = text.mask(torch.tensor([6, 3]))  # (batch, keys)
causal = torch.ones(5, 5).tril().bool()  # (queries, keys)

z = theirs.norm1(y + own(y, y, y, causal.unsqueeze(0))[0])
z = theirs.norm2(z + cross(z, source, source, words.unsqueeze(1))[0])
z = theirs.norm3(z + theirs.linear2(theirs.linear1(z).relu()))
masks = {"tgt_mask": ~causal, "memory_key_padding_mask": ~words}
same = torch.allclose(z, theirs(y, source, **masks), atol=1e-6)
print("as nn.TransformerDecoderLayer:", same)

# %% [markdown]
# ## You have
#
# - built multi-head attention by hand, equal to PyTorch's, with one head that looks for the same word and one
#   for the word before;
# - built the layer in both orders of its norms, and measured that pre-norm's gradients shrink with depth as the
#   sum grows;
# - loaded PyTorch's weights in both directions, kept its two meanings of a mask apart, and found the row that
#   it turns into NaN;
# - counted that the usual Transformer layer does more work than an LSTM layer at every length, and measured where
#   ours cross and what becomes of memory;
# - seen a Transformer lose to an LSTM on the order of words, each at its own best step size, tested with a mask what it
#   lacked, and found by intervening that it judged sentences mostly by their first word.
#
# ## Further reading
#
# - A. Vaswani and colleagues, [Attention is all you need](https://arxiv.org/abs/1706.03762), 2017: sections 3
#   and 4.
# - R. Xiong and colleagues, [On layer normalization in the Transformer
#   architecture](https://arxiv.org/abs/2002.04745), 2020: the two orders, theorem and experiments.
# - A. Huang and colleagues, [The annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/):
#   the paper with code between its lines (pre-norm, as you now notice).
# - T. Dao and colleagues, [FlashAttention](https://arxiv.org/abs/2205.14135), 2022: how attention does without
#   the $T \times T$ weights.
