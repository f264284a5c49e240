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
# # Recurrent networks: reading with one index card
#
# Somebody hands you a letter through a slot in the door, one word at a time. You must give each word back
# before you get the next. For notes you have a single index card, and at each word you may rub it out and
# write it anew, from what stood on it and from the word in your hand. When the last word has gone, you are
# asked what the letter said. Whatever you can answer is on the card.
#
# **How can a network read?** A *recurrent network* (循环神经网络, RNN) reads in this way. Its card is a vector of
# fixed length, and the rule by which it rewrites the card is learnt. This chapter builds it, trains it, and
# asks what the story makes you wonder: how long does a word stay on the card?
#
# **You will**
#
# - write the rule in its two forms, show that they are one, and take it through "the cat sat on the mat";
# - load the same weights into the tested helper and into `nn.RNN`;
# - derive backpropagation through time, and check it against autograd;
# - prove how fast a gradient can vanish or explode with distance, and measure how fast it does;
# - save a training that explodes, and find out how many letters back a trained network remembers.
#
# **You need** embeddings from [one-hot vectors](../input-layer/one-hot.ipynb), the chain rule and the
# cross-entropy from [word2vec](../input-layer/word2vec.ipynb), and the product of a matrix with a vector.
# The chapter runs in about 30 seconds on one processor core.

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
# ## One rule for every word
#
# The words of a text are embedded, $\mathbf{x}_1, \dots, \mathbf{x}_T \in \mathbb{R}^d$. The card is the
# *hidden state* (隐状态) $\mathbf{h}_t \in \mathbb{R}^{d_h}$, and it begins empty, $\mathbf{h}_0 = \mathbf{0}$.
# At each word, state and word are put one after the other into a single vector, which goes through a
# matrix, a bias and a function $f$:
#
# $$
# \mathbf{h}_t = f\bigl(W\,[\mathbf{h}_{t-1}, \mathbf{x}_t] + \mathbf{b}\bigr).
# $$ (eq-rnn-concat)
#
# Here $W \in \mathbb{R}^{d_h \times (d_h+d)}$ and $\mathbf{b} \in \mathbb{R}^{d_h}$; nearly always $f = \tanh$, number
# by number, which keeps the state between −1 and 1. The same $W$ serves at every place, so that a text may have any
# length, and the number of parameters, $d_h (d_h + d) + d_h$, does not depend on it. With this rule, up to details,
# Elman looked for structure in sentences {cite:p}`elman1990finding`. In this form the second of the two articles behind
# this book gives it, with the name $W_h$ for our $W$. Books and programs mostly write another. Cut $W$ into its first
# $d_h$ columns and its last $d$, $W = (W_h \mid W_x)$. Row $i$ of the product is a sum over $d_h + d$ places; its first
# $d_h$ terms see the state, the others see the word. Hence
#
# $$
# W\,[\mathbf{h}, \mathbf{x}] = W_h \mathbf{h} + W_x \mathbf{x}.
# $$ (eq-rnn-split)

# %% mystnb={"image": {"alt": "A row of six boxes f, joined by arrows from left to right, the first fed from h 0. Each has an arrow from below, from x 1 to x 6 over the words the cat sat on the mat, and one to a state above it, h 1 to h 6."}, "figure": {"caption": "The network, unrolled: one $f$, with the same $W$ and $\\mathbf{b}$, at every place.", "name": "fig-rnn-unrolled"}}
from scratch import diagrams

diagrams.rnn()


# %% [markdown]
# One rule, two spellings. By hand, with random weights, both over the whole sentence:

# %%
import torch

from scratch.text import Vocabulary, tokenize

torch.set_default_dtype(torch.float64)  # the same digits on all processors we tried
tokens = tokenize("The cat sat on the mat")
vocabulary = Vocabulary.from_tokens(tokens)
T, d, d_h = len(tokens), 3, 4
generator = torch.Generator().manual_seed(5)
embedding = torch.randn(len(vocabulary), d, generator=generator)
W = 0.7 * torch.randn(d_h, d_h + d, generator=generator)  # (d_h, d_h + d)
b = 0.1 * torch.randn(d_h, generator=generator)  # (d_h,)
W_h, W_x = W[:, :d_h], W[:, d_h:]  # (d_h, d_h), (d_h, d)

X = embedding[vocabulary.encode(tokens)]  # (T, d)
h = split = torch.zeros(d_h)
rows, apart = [], []
for word, x in zip(tokens, X, strict=True):
    h = torch.tanh(W @ torch.cat([h, x]) + b)  # (d_h,)
    split = torch.tanh(W_h @ split + W_x @ x + b)  # (d_h,)
    rows.append([word, *h.tolist()])
    apart.append((h - split).abs().max())

# %%
from scratch.table import Table

print(f"the two forms differ by less than 1e-12: {max(apart) < 1e-12}")
Table(rows, {"word read": ""} | {f"h[{i}]": "+.2f" for i in range(d_h)})

# %% [markdown]
# Six words, six states, by either form. At the two places of *the* the same vector $\mathbf{x}$ comes in, and another
# state comes out, because the card was not the same. Now a function that keeps all states, and a picture of them, in
# which −1 is dark and 1 is light.


# %%
def read(X, h):
    """X (T, d), h (d_h,) -> the states, before and after each word, (T + 1, d_h)."""
    states = [h]
    for x in X:
        states.append(torch.tanh(W_h @ states[-1] + W_x @ x + b))
    return torch.stack(states)


H = read(X, torch.zeros(d_h))  # (T + 1, d_h)
swapped = embedding[vocabulary.encode("the mat sat on the cat".split())]
moved = (read(swapped, H[0])[-1] - H[-1]).norm()
print(f"cat and mat swapped, the last state moves by {moved:.2f}")

# %% mystnb={"image": {"alt": "Seven columns of four coloured squares in a row, joined by arrows from left to right. The first column, h 0, is all of the middle colour; under the others stand the words the, cat, sat, on, the, mat, each with an arrow pointing up into its column. The columns all differ, also the two above the."}, "figure": {"caption": "The sentence read from left to right. Each column is a state, its first number on top, from −1 (dark) to 1 (light); it is made from the one before and the word below.", "name": "fig-rnn-states"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.5))
arrow = {"arrowstyle": "->", "lw": 1.2}
for t, state in enumerate(H):
    edges = {"edgecolors": "white", "vmin": -1, "vmax": 1}
    axes.pcolormesh([2 * t, 2 * t + 1], range(d_h + 1), state.flip(0)[:, None], **edges)
    axes.text(2 * t + 0.5, d_h + 0.25, rf"$\mathbf{{h}}_{t}$", ha="center")
    if t > 0:
        axes.annotate("", (2 * t, d_h / 2), (2 * t - 1, d_h / 2), arrowprops=arrow)
        axes.annotate("", (2 * t + 0.5, 0), (2 * t + 0.5, -0.9), arrowprops=arrow)
        axes.text(2 * t + 0.5, -1.5, tokens[t - 1], ha="center")
axes.set(ylim=(-1.7, d_h + 1))
axes.axis("off")
plt.show()

# %% [markdown]
# A network that reads needs no [table of positions](../input-layer/positional-encoding.ipynb): the order of
# the words is the order of the steps, and the swapped sentence ends in another state. The price is that no
# step can begin before the one to its left is done.
#
# ## The helper, and PyTorch's
#
# `RNNCell` takes one step for a batch, `RNN` reads whole batches, in one or more layers. Their names for
# $W_x$ and $W_h$ are PyTorch's, `weight_ih` and `weight_hh` ("input to hidden", "hidden to hidden"), so
# that weights can be carried back and forth.

# %%
from scratch.recurrent import RNN, RNNCell

zero = torch.zeros(d_h)
weights = {"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b, "bias_hh": zero}
cell = RNNCell(d, d_h)
cell.load_state_dict(weights)
state = None  # stands for zeros
for x in X:
    state = cell(x[None], state)  # (1, d), (1, d_h) -> (1, d_h)

network = RNN(d, d_h)
network.load_state_dict({f"{name}_l0": weight for name, weight in weights.items()})
output, last = network(X[None])  # (1, T, d) -> (1, T, d_h), (1, 1, d_h)
theirs = torch.nn.RNN(d, d_h, batch_first=True)
theirs.load_state_dict(network.state_dict())
their_output, their_last = theirs(X[None])

pairs = [(state[0], H[-1]), (output[0], H[1:]), (output, their_output)]
pairs += [(last, their_last)]
worst = max((one - other).abs().max() for one, other in pairs)
print(f"by hand, cell, network and nn.RNN agree within 1e-12: {worst < 1e-12}")

# %% [markdown]
# `output` has the state after each word, `last` the one after the last word, for each layer. What the
# helper computes at each step is the last line below, in which `given` is $W_x \mathbf{x}$ and the first bias, computed
# beforehand for all words at once, and `linear(h, weight, bias)` is $W_h \mathbf{h}$ and the second. The state goes in
# and out as a tuple of its parts, of which the next chapter's LSTM has two:

# %%
import inspect

from scratch.recurrent import rnn_step

print(inspect.cleandoc(inspect.getsource(rnn_step).split('"""')[-1]))

# %% [markdown]
# > **Pitfall.** Without `batch_first=True`, `nn.RNN` takes the first axis for time. Given
# > `(batch, length, dim)` it reads across your texts, and no error tells you, as
# > [readers](https://github.com/threelittlemonkeys/seq2seq-pytorch/issues/2) have found. Even with it, the
# > last state stays `(layers, batch, d_h)`.
#
# > **Pitfall.** PyTorch has two biases where one would do, because
# > [cuDNN has](https://github.com/pytorch/pytorch/pull/15843): `nn.RNN` has $d_h (d_h + d + 2)$ parameters.
# > Only the sum of the two acts. But both get the same gradient, so that gradient descent moves it twice as far.
#
# ## Back through time
#
# How is such a network trained? Suppose that after each word something is guessed from the state, and a
# loss $L_t$ says how wrong it was; $L = L_1 + \dots + L_T$. Write the unrolled picture as a plain deep
# network, with a layer for each word, in which all layers have the same weights. Let
# $\mathbf{a}_t = W_h \mathbf{h}_{t-1} + W_x \mathbf{x}_t + \mathbf{b}$, so that
# $\mathbf{h}_t = f(\mathbf{a}_t)$. The state $\mathbf{h}_t$ acts on $L$ in two ways: through its own loss
# $L_t$, and through $\mathbf{a}_{t+1}$. With $\mathbf{g}_t = \partial L / \partial \mathbf{h}_t$ and
# $\boldsymbol\delta_t = \partial L / \partial \mathbf{a}_t$, both in $\mathbb{R}^{d_h}$, the chain rule gives
#
# $$
# \begin{aligned}
# \mathbf{g}_t &= \frac{\partial L_t}{\partial \mathbf{h}_t} + W_h^\top \boldsymbol\delta_{t+1}, \\
# \boldsymbol\delta_t &= f'(\mathbf{a}_t) \odot \mathbf{g}_t ,
# \end{aligned}
# $$ (eq-rnn-bptt)
#
# from $t = T$, where $\boldsymbol\delta_{T+1} = \mathbf{0}$, down to 1; $\odot$ multiplies number by
# number. For $\tanh$, $f'(\mathbf{a}_t) = 1 - \mathbf{h}_t \odot \mathbf{h}_t$. The weights act at every
# place, and their gradient adds up over all of them:
#
# $$
# \begin{aligned}
# \frac{\partial L}{\partial W} &= \sum_{t=1}^{T} \boldsymbol\delta_t\, [\mathbf{h}_{t-1}, \mathbf{x}_t]^\top, \\
# \frac{\partial L}{\partial \mathbf{b}} &= \sum_{t=1}^{T} \boldsymbol\delta_t .
# \end{aligned}
# $$ (eq-rnn-gradient)
#
# This is *backpropagation through time* (随时间反向传播, BPTT) {cite:p}`werbos1990backpropagation`: one reading
# forwards, which has to keep all $T$ states, and one backwards, which uses them. In the code, row $t$ of `G` stands for
# $\partial L_t / \partial \mathbf{h}_t$; `output.backward(G)` sends the same rows through autograd.


# %%
def bptt(H, X, G):
    d_W, d_b, later = torch.zeros_like(W), torch.zeros_like(b), torch.zeros(d_h)
    for t in reversed(range(len(X))):  # H[t] is the state before word X[t]
        g = G[t] + later  # (d_h,)
        delta = (1 - H[t + 1] ** 2) * g  # (d_h,)
        d_W += torch.outer(delta, torch.cat([H[t], X[t]]))  # (d_h, d_h + d)
        d_b += delta
        later = W_h.T @ delta
    return d_W, d_b


G = torch.randn(T, d_h, generator=generator)
d_W, d_b = bptt(H, X, G)
output, _ = network(X[None])
network.zero_grad()
output[0].backward(G)  # autograd
theirs = torch.cat([network.weight_hh_l0.grad, network.weight_ih_l0.grad], 1)
apart = (d_W - theirs).abs().max(), (d_b - network.bias_ih_l0.grad).abs().max()
print(f"W and b: within 1e-12 of autograd's gradients: {max(apart) < 1e-12}")

# %% [markdown]
# > **Pitfall.** Whoever carries the last state of one batch over to the next must `detach()` it. Otherwise the
# > way back leads on into the batch before, whose intermediate results are gone, and PyTorch refuses to
# > "backward through the graph a second time";
# > [readers](https://github.com/yunjey/pytorch-tutorial/issues/90) wonder about this line.
#
# ## How far does a gradient reach?
#
# To learn that a word matters $k$ words later, the network needs a gradient that has come back $k$ steps.
# Take a loss at place $T$ alone. By {eq}`eq-rnn-bptt`, going back one step multiplies by
# $J_t = W_h^\top D_t$, where $D_t$ is the diagonal matrix of $f'(\mathbf{a}_t)$, so that
#
# $$
# \mathbf{g}_{T-k} = J_{T-k+1} \cdots J_{T-1}\, J_T\; \mathbf{g}_T .
# $$ (eq-rnn-product)
#
# How long can this vector be? Let $s$ be the largest *singular value* (奇异值) of $W_h$: the most by which it
# stretches any vector, $s = \max \lVert W_h \mathbf{v} \rVert / \lVert \mathbf{v} \rVert$. But the way back has
# the transpose $W_h^\top$. May that stretch a vector by more than $s$? Write $\mathbf{u} = W_h^\top \mathbf{v}$ for the
# stretched vector. In a dot product a matrix may change sides if it is transposed,
# $(W_h^\top \mathbf{v}) \cdot \mathbf{u} = \mathbf{v} \cdot (W_h \mathbf{u})$, since both are the sum of all
# $v_i\, (W_h)_{ij}\, u_j$. Hence
#
# $$
# \begin{aligned}
# \lVert \mathbf{u} \rVert^2 &= (W_h^\top \mathbf{v}) \cdot \mathbf{u} \\
# &= \mathbf{v} \cdot (W_h \mathbf{u}) \\
# &\le \lVert \mathbf{v} \rVert \cdot s\, \lVert \mathbf{u} \rVert ,
# \end{aligned}
# $$ (eq-rnn-transpose)
#
# because a dot product is at most the product of the lengths, and $W_h$ stretches $\mathbf{u}$ by $s$ at most. Dividing
# by $\lVert \mathbf{u} \rVert$ leaves $\lVert W_h^\top \mathbf{v} \rVert \le s\, \lVert \mathbf{v} \rVert$: no, by $s$
# at most. Let $\gamma$ be the steepest slope of $f$, so that $D_t$ stretches nothing by more than $\gamma$. Then each
# of the $k$ steps multiplies the length by $\gamma s$ at most:
#
# $$
# \lVert \mathbf{g}_{T-k} \rVert \le (\gamma s)^k\, \lVert \mathbf{g}_T \rVert .
# $$ (eq-rnn-bound)
#
# That is the whole proof. If $\gamma s < 1$, the gradient *vanishes* (梯度消失), as fast as $(\gamma s)^k$ or
# faster. It can *explode* (梯度爆炸) only if $\gamma s > 1$. For $\tanh$, $\gamma = 1$. For the logistic
# function, which the article allows too, $\gamma = 1/4$, and $s$ must exceed 4 before anything can explode
# (exercise 2). Hochreiter analysed the trouble in his diploma thesis
# {cite:p}`hochreiter1991untersuchungen`; Bengio and colleagues {cite:p}`bengio1994learning` argued that to
# hold on to something safely and to get a gradient for it are at odds; Pascanu and colleagues
# {cite:p}`pascanu2013difficulty` gave the bound in this form.
#
# > **Correction.** "If the largest *eigenvalue* of $W_h$ is below 1 in size, gradients vanish": so it is often
# > [read](https://stats.stackexchange.com/questions/293862/condition-for-rnn-vanishing-gradients-and-eigenvalues-of-the-matrix-of-weights),
# > and so it stood in an early version of the last-named paper, as a
# > [reader](https://ai.stackexchange.com/questions/20378/does-the-paper-on-the-difficulty-of-training-recurrent-neural-networks-2013)
# > noticed. The printed one says *singular value*. (An eigenvalue is a number, perhaps complex, by which
# > the matrix multiplies some vector that it does not turn.) Without $f$ the eigenvalue would do, in the
# > long run; with $f$ it does not, as two units show.

# %%
small = torch.tensor([[2.0, 2.0], [-2.0, -1.9]])
eigenvalue = torch.linalg.eigvals(small).abs().max()
s = torch.linalg.matrix_norm(small, 2)
print(f"largest eigenvalue {eigenvalue:.2f}, largest singular value {s:.2f}")

bias = torch.tensor([-2.0, 40.0])  # the second unit is always at 1, where tanh is flat
start = torch.tensor([0.0, 1.0], requires_grad=True)
h = start
rows = []
for t in range(1, 31):
    h = torch.tanh(small @ h + bias)
    if t in (10, 20, 30):
        (g,) = torch.autograd.grad(h[0], start, retain_graph=True)
        rows.append((t, g.norm().item()))
Table(rows, {"steps back": "d", "length of the gradient": ",.0f"})

# %% [markdown]
# The largest eigenvalue is less than one half in size, and yet the gradient doubles at every step. The
# second unit is saturated; it passes nothing back, and cannot cancel what the first one does. (The first
# unit stands at exactly 0. Pushed off, it would settle as in exercise 1, and its gradient would
# vanish. For a counterexample one case is enough.)
#
# ### Measured
#
# A bound says what cannot happen. What does? We let networks with $d_h = 64$ read letters of real speeches,
# 41 at a time, send a random gradient in at the end, and measure what is left of it after $k$ steps
# back. The text is that of the State of the Union addresses; a full stop ends each sentence.

# %%
from scratch.corpora import load

text = ". ".join(" ".join(sentence) for sentence in load("state-of-the-union"))
alphabet = sorted(set(text))
V = len(alphabet)
number = torch.zeros(128, dtype=torch.int64)  # from the letter's ASCII code to its id
number[[ord(letter) for letter in alphabet]] = torch.arange(V)
ids = number[torch.frombuffer(bytearray(text, "ascii"), dtype=torch.uint8).int()]
edge = len(ids) * 9 // 10
train_ids, test_ids = ids[:edge], ids[edge:]  # the latest speeches are held out


def windows(ids, count, length, generator):
    """`count` stretches of text, from random places: (count, length)."""
    starts = torch.randint(len(ids) - length, (count, 1), generator=generator)
    return ids[starts + torch.arange(length)]


print(f"{len(ids):,} letters, {V} different ones: {''.join(alphabet)!r}")


# %%
def gradient_norms(W_h, given):
    """given (texts, T, d_h): W_x x + b. The gradient's mean norm, step by step back."""
    h, states = torch.zeros(len(given), len(W_h)), []
    for now in given.unbind(1):
        h = torch.tanh(now + h @ W_h.T)  # (texts, d_h)
        states.append(h)
    g = torch.randn(h.shape, generator=torch.Generator().manual_seed(0))
    g, norms = g / g.norm(dim=1, keepdim=True), [1.0]
    for h in states[:0:-1]:  # from the last to the second
        g = ((1 - h**2) * g) @ W_h  # in each row W_h^T D_t g_t
        norms.append(g.norm(dim=1).mean().item())
    return norms


# %% [markdown]
# The gradient is stretched by $s$ only if it points the right way. So we take two kinds of $W_h$, with
# three seeds each. In the first all numbers are random. The second is $s$ times an *orthogonal* (正交) matrix, one
# that changes no length, as a turn or a reflection does not: it stretches every direction by the same $s$. (`qr` writes a matrix as a
# product of an orthogonal one, `Q`, and a triangular one; of a random matrix we keep the `Q`.) In place of $W_x \mathbf{x}$ each
# letter has a random vector, whose numbers have the variance 1.

# %%
SIZES, KINDS, SEEDS = (0.5, 1.0, 2.0, 4.0), ("random", "orthogonal"), range(3)
measured, quiet = {}, {}
for seed in SEEDS:
    generator = torch.Generator().manual_seed(seed)
    letters = torch.randn(V, 64, generator=generator)  # in place of W_x x
    given = letters[windows(train_ids, 50, 41, generator)]  # (50, 41, 64)
    A = torch.randn(64, 64, generator=generator)
    matrices = A / torch.linalg.matrix_norm(A, 2), torch.linalg.qr(A).Q  # s = 1
    for s in SIZES:
        for kind, W_1 in zip(KINDS, matrices, strict=True):
            measured[kind, s, seed] = gradient_norms(s * W_1, given)
    quiet[seed] = gradient_norms(matrices[1], 0.1 * given)  # inputs a tenth as large
v = torch.randn(64, 1000, generator=generator)
for kind, W_1 in zip(KINDS, matrices, strict=True):
    stretch = ((W_1 @ v).norm(dim=0) / v.norm(dim=0)).mean()
    print(f"{kind}: stretches by s × {stretch:.2f} on average, at most by s")


# %%
def kept(runs):  # three lists of norms -> the mean after 20 steps back
    return sum(norms[20] for norms in runs) / 3


rows = [
    (s, s**20, *(kept(measured[kind, s, seed] for seed in SEEDS) for kind in KINDS))
    for s in SIZES
]
below = [
    norm <= s**k * (1 + 1e-9)  # the last factor for rounding
    for (_, s, _), norms in measured.items()
    for k, norm in enumerate(norms)
]
print("never above the bound:", all(below))
print(f"orthogonal, s = 1, inputs a tenth as large: {kept(quiet.values()):.2f}")
columns = {"s": "", "bound for 20 steps": ".0e", "random": ".0e", "orthogonal": ".0e"}
Table(rows, columns)

# %% mystnb={"image": {"alt": "Two panels, random and orthogonal, with the length of the gradient on a logarithmic axis against the number of steps back from 0 to 40. Dashed straight lines are the bounds for s of one half, 1, 2 and 4. All measured lines lie below their bounds. In the upper panel the lines for one half, 1 and 2 fall and only that for 4 rises; in the lower one those for one half and 1 fall, that for 2 stays level or rises slightly, and that for 4 rises steeply."}, "figure": {"caption": "What is left of a gradient after $k$ steps back. Solid: measured, three seeds for each $s$; dashed: the bound $s^k$. The larger $s$, the higher the line.", "name": "fig-rnn-gradients"}}
figure, panels = plt.subplots(2, 1, figsize=(5, 6), sharex=True)
for kind, axes in zip(KINDS, panels, strict=True):
    for i, s in enumerate(SIZES):
        bound = [s**k for k in range(41)]
        axes.plot(bound, "--", color=f"C{i}", lw=1.2)
        for seed in SEEDS:
            label = f"s = {s:g}" if seed == 0 else None
            axes.plot(measured[kind, s, seed], color=f"C{i}", lw=1.5, label=label)
    axes.set_yscale("log")
    axes.set(ylim=(1e-20, 1e12), ylabel="length of the gradient", title=kind)
panels[1].set(xlabel="steps back, $k$")
figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()

# %% [markdown]
# No measured line (solid) crosses its bound $s^k$ (dashed), but there is much room below. With
# random numbers even $s = 2$ lets the gradient vanish, since a typical direction is stretched by half of
# that, and the slopes of $\tanh$ take their share. With an orthogonal matrix the slopes alone make $s = 1$
# vanish. How flat the slopes are is the inputs' doing, which here have variance 1: with inputs a tenth as
# large $\tanh$ is nearly straight, and a quarter of the gradient is still there after twenty steps (the
# line printed above the table). So the bound tells two things apart, and no more: $s < 1$
# makes vanishing certain, $s > 1$ does not prevent it, and only allows an explosion. To keep a
# gradient's length takes an $s$ that is just right for the slopes, and these change
# with the text and with every step of training. [The next chapter](lstm-gru.ipynb) builds a cell that needs
# less luck.
#
# ## A network that guesses letters
#
# Now a network to train, a *language model* (语言模型) over letters: after each letter it guesses the next. It
# reads windows of 33 letters, drawn anew at each step from all but the latest speeches, on which it will be
# tested.

# %%
from torch import nn
from torch.nn.functional import cross_entropy


class LanguageModel(nn.Module):
    def __init__(self, hidden_dim=128):
        super().__init__()
        self.embedding = nn.Embedding(V, 32)
        self.rnn = RNN(32, hidden_dim)
        self.scores = nn.Linear(hidden_dim, V)

    def forward(self, ids):
        output, _ = self.rnn(self.embedding(ids))  # (batch, length, hidden)
        return self.scores(output)  # (batch, length, V)

    def loss(self, ids):
        """Mean cross-entropy of every letter of the windows but the first."""
        return cross_entropy(self(ids[:, :-1]).mT, ids[:, 1:])


# %% [markdown]
# ## Clipping
#
# When a gradient has exploded, its direction may still be good, but a step of its length lands anywhere.
# *Clipping* (梯度裁剪) shortens it {cite:p}`pascanu2013difficulty`. Let $\lVert \mathbf{g} \rVert$ be the
# length of the gradients of all parameters, strung together into one vector $\mathbf{g}$, and $c > 0$ a
# threshold:
#
# $$
# \mathbf{g} \leftarrow \mathbf{g} \cdot \min\Bigl(1, \frac{c}{\lVert \mathbf{g} \rVert}\Bigr).
# $$ (eq-rnn-clip)
#
# By hand, and PyTorch's (which adds $10^{-6}$ to the length, against a division by zero):


# %%
def clip(gradients, c):
    norm = sum((g**2).sum() for g in gradients).sqrt()
    for g in gradients:
        g *= min(1, c / norm)
    return norm


torch.manual_seed(0)
model = LanguageModel()
model.loss(windows(train_ids, 32, 33, torch.Generator().manual_seed(0))).backward()
parameters = list(model.parameters())
ours = [p.grad.clone() for p in parameters]
norms = clip(ours, 0.1), nn.utils.clip_grad_norm_(parameters, 0.1)
print(f"the length was {norms[0]:.2f}, by PyTorch {norms[1]:.2f}")
pairs = zip(ours, (p.grad for p in parameters), strict=True)
apart = max((one - other).abs().max() for one, other in pairs)
print(f"the clipped gradients differ by less than 1e-5: {apart < 1e-5}")

# %% [markdown]
# How large should $c$ be? Pascanu and colleagues look at the average length over many updates. Our fresh network's is
# the one above, so that $c = 1$ will shorten the exceptions only. Now plain gradient descent, 60 steps, from three
# seeds, at two step sizes $\eta$, each without clipping and with $c = 1$. The loss is that on held-out text; who gives
# every letter the same probability has $\ln V$.

# %%
import math

held_out = windows(test_ids, 500, 33, torch.Generator().manual_seed(0))


def descend(seed, eta, c, steps=60):
    torch.manual_seed(seed)
    model, generator = LanguageModel(), torch.Generator().manual_seed(seed)
    parameters, long = list(model.parameters()), 0
    for _ in range(steps):
        model.zero_grad()
        model.loss(windows(train_ids, 16, 33, generator)).backward()
        with torch.no_grad():
            long += clip([p.grad for p in parameters], c) > 1
            for p in parameters:
                p -= eta * p.grad
    with torch.no_grad():
        return model.loss(held_out).item(), int(long)


runs = {}
for eta in (1, 3):
    for c in (math.inf, 1.0):
        runs[eta, c] = [descend(seed, eta, c) for seed in range(3)]

# %% tags=["atol=0.12"]
rows = []
for (eta, c), results in runs.items():
    losses, long = zip(*results, strict=True)
    shown = ", ".join(f"{x:.2f}" for x in losses)
    if min(losses) > math.log(V):  # how much worse is chance
        shown = f"all above ln V = {math.log(V):.2f}"
    how = "few" if max(long) < 12 else "most" if min(long) > 48 else "some"
    rows.append((eta, "none" if c == math.inf else f"c = {c:g}", shown, how))
Table(rows, {"η": "", "clipping": "", "losses": "", "steps with ‖g‖ > 1": ""})

# %% [markdown]
# With the small step nothing explodes, and clipping changes nothing that matters. With three times the step all three
# unclipped trainings end worse than chance, and most of their gradients are long: a bad step leads to weights where the
# next gradient is long, too. Clipped, the same trainings do well, and only a few of their steps were shortened at all.
# To be fair, the small step without clipping did better than the large one with it. What clipping buys is that the step
# need not be small enough for the worst batch. It does nothing for a gradient that has vanished.
#
# > **Pitfall.** Clip after `backward()` and before `step()`. The other way round it
# > [does nothing](https://github.com/awslabs/graphstorm/issues/1366), silently. And clip all parameters
# > together: if each matrix is clipped by itself, the direction changes.
#
# ## How much is on the card?
#
# We train in earnest now: 600 steps of Adam {cite:p}`kingma2015adam`, clipped, three seeds.


# %%
def train(seed, steps=600, batch=16, length=33, eta=0.01):
    torch.manual_seed(seed)
    model, generator = LanguageModel(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for step in range(steps):
        warm, rest = min(1, (step + 1) / 50), 1 - step / steps  # up, then slowly down
        optimizer.param_groups[0]["lr"] = eta * warm * rest
        optimizer.zero_grad()
        model.loss(windows(train_ids, batch, length, generator)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.requires_grad_(False)


models = [train(seed) for seed in range(3)]

# %% [markdown]
# What do earlier letters contribute? We ask for the same letters of held-out text again and again, and let
# the network read only the last $k$ letters before each. (In training, too, every window began in the
# middle of a text, with an empty state.) When a letter further back no longer lowers the loss, the network
# has no use for it.

# %% tags=["atol=0.03"]
CONTEXTS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 32)
asked = windows(test_ids, 3000, 33, torch.Generator().manual_seed(1))
before, answer = asked[:, :-1], asked[:, -1]  # (3000, 32), (3000,)


def last_states(model, ids):  # (texts, letters) -> (texts, hidden)
    parts = ids.split(500)  # in parts, or the states fill much memory
    return torch.cat([model.rnn(model.embedding(part))[1][0] for part in parts])


def loss_with(model, k):
    scores = model.scores(last_states(model, before[:, -k:]))  # (3000, V)
    return cross_entropy(scores, answer).item()


by_context = torch.tensor([[loss_with(model, k) for k in CONTEXTS] for model in models])
within = (by_context[:, CONTEXTS.index(8)] - by_context[:, -1]).abs().max()
print(f"8 letters do as well as 32, to 0.01: {within < 0.01}")
rows = zip(CONTEXTS, by_context.mean(0).tolist(), strict=True)
Table(list(rows)[1::2], {"letters read": "d", "loss": ".2f"})

# %% tags=["atol=0.2"]
loss = by_context[:, -1].mean().item()
print(f"{loss / math.log(2):.1f} bits a letter, perplexity {math.exp(loss):.1f} of {V}")

# %% [markdown]
# The last line has the loss for 32 letters in other units. It is a mean of $-\ln p$; with the logarithm of base 2 it counts
# *bits* (比特), which is a division by $\ln 2$. The *perplexity* (困惑度) is $e$ to the loss: the number of letters among which a fair die would
# leave one as unsure, of $V$ that there are.
#
# The loss falls quickly, and then it stands still: what lies more than eight letters back, less than two
# words, might as well never have been read. Has the text no more to give? Shannon let people guess letters,
# and with a hundred letters before them they guessed clearly better than with fifteen
# {cite:p}`shannon1951prediction`. English has more to give; it is the network that stops.
#
# Does it not use the earlier letters, or does it not have them? We can ask the card. A *probe* is fitted
# that reads, off the state alone, which letter stood $k$ letters before the last, on half of the windows;
# the other half tests it. For comparison, the same with networks that have not been trained at all. The first
# probe is linear. What it cannot read may be there all the same, in a form that takes more than a
# weighted sum; so a second one, a small network, asks again for the letter three places before the last.

# %%
BACK = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)
probed = windows(test_ids, 8000, 20, torch.Generator().manual_seed(2))
truth = probed[:, [-1 - k for k in BACK]]  # (8000, places)
targets = nn.functional.one_hot(truth, V).double().flatten(1)  # (8000, places · V)


def readable(states):  # (8000, 128) -> (places,)
    """The share of letters, for each place of BACK, that can be read off the state."""
    states = torch.cat([states, torch.ones(8000, 1)], 1)  # (8000, 129)
    maps = torch.linalg.lstsq(states[:4000], targets[:4000]).solution
    guess = (states[4000:] @ maps).view(4000, len(BACK), V).argmax(-1)
    return (guess == truth[4000:]).double().mean(0)


# %% tags=["atol=0.03"]
untrained = [train(seed, steps=0) for seed in range(3)]
networks = {"untrained": untrained, "trained": models}
cards = {kind: [last_states(m, probed) for m in networks[kind]] for kind in networks}
fresh, trained = (torch.stack(list(map(readable, some))) for some in cards.values())
share = (probed == alphabet.index(" ")).double().mean()
print(f"always guessing the space: {share:.2f}")
rows = zip(BACK, fresh.mean(0).tolist(), trained.mean(0).tolist(), strict=True)
Table(rows, {"places before the last": "d", "untrained": ".2f", "trained": ".2f"})

# %%
from scratch.training import fit, random_rows


def readable_by_network(states, place=3):
    torch.manual_seed(0)
    states = states.float()  # (8000, 128)
    right = probed[:, -1 - place]  # (8000,)
    probe = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, V)).float()

    def loss(rows):
        return cross_entropy(probe(states[rows]), right[rows])

    fit(probe.parameters(), loss, random_rows(4000, 200, 600), 0.003)
    return (probe(states[4000:]).argmax(1) == right[4000:]).double().mean().item()


# %% tags=["atol=0.04"]
rows = []
for kind, linear in (("untrained", fresh), ("trained", trained)):
    by_network = readable_by_network(cards[kind][0])
    rows.append((kind, linear[0, BACK.index(3)], by_network))
Table(rows, {"3 places before the last": "", "linear": ".2f", "by a network": ".2f"})

# %% tags=["rms=6"] mystnb={"image": {"alt": "Two panels. Above, the loss against the number of letters read, from 1 to 32 on a logarithmic axis: three lines almost on each other fall steeply up to 5 letters, and are flat from 8 on. Below, the share of letters that can be read off the state against their distance from the last: for untrained networks nearly 1 up to three places back, then falling to the dotted line by eight; for trained ones falling from the first place back, and reaching the dotted line between six and eight."}, "figure": {"caption": "Above: loss on the next letter, when only the last letters are read (three seeds). Below: letters that can be read off the state, by distance, before and after training; dotted, always guessing the space.", "name": "fig-rnn-memory"}}
figure, (above, under) = plt.subplots(2, 1, figsize=(5, 5.6))
for losses in by_context:
    above.plot(CONTEXTS, losses, "o-", color="C0", markersize=4, lw=1.2)
above.set_xscale("log", base=2)
above.set_xticks([1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32])
above.set(xlabel="letters read", ylabel="loss")
kinds = (fresh, "s--C1", "untrained"), (trained, "o-C0", "trained")
for scores, style, name in kinds:
    for i, row in enumerate(scores):
        under.plot(BACK, row, style, markersize=4, lw=1.2, label=None if i else name)
under.axhline(share, ls=":", color="black", lw=1.5)
under.set(xlabel="places before the last", ylabel="letters read off", ylim=(0, 1.04))
under.legend()
plt.show()

# %% [markdown]
# Eight places back, no letter can be read any more, as far as a linear map can see. (The map even falls
# below the dotted line, which is always guessing the space: it was fitted to other text.) From the trained
# network the other probe reads more: what a probe finds is a lower bound of what is there. Yet, to our
# surprise, training has made the memory *shorter*: by the linear one for all three seeds, by the other for the
# one seed that it was given. An untrained network stirs everything together, and
# loses it in the order of age. The trained one was asked for the next letter only. Nothing rewards it for
# knowing which letter stood where, and it may keep what our question misses: which word it is in, perhaps.
#
# > **Correction.** "The hidden state captures the information of all words processed so far", says the
# > second article. It may depend on them all. What it holds is what the rule has kept, and here, by both
# > measures, that reaches back less than two words.
#
# And the gradient? We hold the trained networks against the bound, and add the mean slope of $\tanh$,
# $1 - h^2$.

# %% tags=["rtol=0.3"]
rows = []
for kind, some in networks.items():
    for model in some:
        with torch.no_grad():
            W_s = model.rnn.weight_hh_l0
            bias = model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
            x = model.embedding(probed[:200])  # (200, 20, 32)
            norm = gradient_norms(W_s, x @ model.rnn.weight_ih_l0.T + bias)[10]
            slope = (1 - model.rnn(x)[0] ** 2).mean()
            size = torch.linalg.matrix_norm(W_s, 2)
        rows.append((kind, size, slope, norm))
columns = {"network": "", "s": ".1f", "mean slope": ".2f", "after 10 steps back": ".3f"}
Table(rows, columns)

# %% [markdown]
# By the bound alone, $s^{10}$, a trained network could stretch a gradient more than a millionfold in ten steps. In
# fact little of it is left: training has enlarged $W_h$, and driven most units towards −1 and 1,
# where $\tanh$ is flat, and the flat slopes take back what the matrix gives. It is more than before
# training, so a shorter gradient is not why the letters became unreadable. But with so little of the
# gradient, what stood ten places ago has little say in what is learnt.
#
# This was a small network and a short training; a table of counts beats it (exercise 4). Longer trained and
# larger ones reach further: for LSTMs, the next chapter's cell, Khandelwal and colleagues found some 200
# words, of which only the last 50 keep their order {cite:p}`khandelwal2018sharp`.

# %% [markdown]
# ## Check yourself
#
# **1. How many parameters does `nn.RNN(3, 4)` have, where $d = 3$ and $d_h = 4$?**
#
# - **A** 28, the numbers of $W$.
# - **B** 32, those of $W$ and one bias for each unit.
# - **C** 36, those of $W$ and two biases for each unit.
# - **D** It depends on the length of the texts, since there is a layer for each word.
#
# <details><summary>Answer</summary>
#
# - **A ✗** $4 \cdot (4 + 3)$ is right for $W_h$ and $W_x$ together, but the biases are missing.
# - **B ✗** One bias would do, and our first formula has one. PyTorch keeps two, of which only the sum acts.
# - **C ✓** $4 \cdot (4 + 3) + 2 \cdot 4$: two matrices, and PyTorch's two biases.
# - **D ✗** Unrolled, there is a layer for each word, but all of them have the same weights. That is why a text may have any length.
#
# </details>

# %% [markdown]
# **2. One unit without squashing, $h_t = 0.5\, h_{t-1} + x_t$ from $h_0 = 0$, reads 2, 0, 4. What is $h_3$?**
#
# - **A** 4.5
# - **B** 6
# - **C** 2.25
# - **D** 4
#
# <details><summary>Answer</summary>
#
# - **A ✓** The states are 2, then 1, then $0.5 + 4$. The first word has been halved twice.
# - **B ✗** That is the sum of the words, as if nothing were ever rubbed out.
# - **C ✗** Here the new word is halved, too: $0.5\,(h_{t-1} + x_t)$. The weight $0.5$ stands at the old state only.
# - **D ✗** Then only the last word would be on the card. A quarter of the first is still there.
#
# </details>

# %% [markdown]
# **3. One unit with $\tanh$ and $W_h = 0.9$. The only loss stands at the last word. How much of its gradient reaches the state ten words before?**
#
# - **A** Nine tenths, since $s = 0.9$ is the most by which $W_h$ stretches anything.
# - **B** 0.35 of it at most, and less where $\tanh$ is not steep.
# - **C** Exactly $0.9^{10}$, whatever the words are.
# - **D** None, since a tenth is lost at each of ten steps.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is one step. The way back takes ten of them, and each multiplies by $0.9$ or less.
# - **B ✓** Each step multiplies by $0.9$ and by a slope of at most 1, so $0.9^{10}$ is the bound; the slopes take more.
# - **C ✗** This would be so without $\tanh$. Its slope $1 - h^2$ depends on the words, and is 1 at $h = 0$ only.
# - **D ✗** A tenth of what is still there is lost. That never comes to nothing; it falls as a power.
#
# </details>

# %% [markdown]
# **4. A trained network has a $W_h$ with $s = 5$. What happens to its gradients, far back?**
#
# - **A** They explode, since $s$ is above 1.
# - **B** They explode if, and only if, an eigenvalue of $W_h$ is above 1 in size.
# - **C** They vanish, since the slope of $\tanh$ is below 1 nearly everywhere.
# - **D** That cannot be told from $s$; the slopes decide.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The bound allows it. But a bound from above does not make anything large: our trained networks had such an $s$, and gradients that faded.
# - **B ✗** Neither direction holds. The two units of this chapter had small eigenvalues and a gradient that exploded.
# - **C ✗** They may, and in our trained networks they did. But small inputs leave the slopes near 1, and then the matrix wins.
# - **D ✓** Below $s = 1$ vanishing is certain. Above it, the product of matrix and slopes can go either way.
#
# </details>

# %% [markdown]
# **5. A network with one unit has the gradient 3 for $W_h$ and 4 for $W_x$, and no bias. What is left after clipping with $c = 1$?**
#
# - **A** 0.6 and 0.8
# - **B** 1 and 1
# - **C** 0.75 and 1
# - **D** 3 and 4, since nothing has exploded.
#
# <details><summary>Answer</summary>
#
# - **A ✓** The length of $(3, 4)$ is 5, so both are multiplied by $1/5$. The direction stays.
# - **B ✗** That cuts each number by itself, or each matrix, and turns the direction.
# - **C ✗** Divided by the larger one. The threshold is for the length, which would still be above 1.
# - **D ✗** Clipping does not ask why a gradient is long: 5 is above $c$, so it is shortened.
#
# </details>

# %% [markdown]
# **6. Two texts of five words lie in a tensor of the shape `(2, 5, 3)`. `nn.RNN(3, 4)` reads it, and `batch_first=True` was forgotten. What comes out?**
#
# - **A** An error, since PyTorch expects the shape `(5, 2, 3)`.
# - **B** The right states, with two axes exchanged.
# - **C** A tensor of the usual shape, in which the states of the second text have read the first.
# - **D** Zeros, since the network has no input at most of its steps.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Any shape with three axes will do; the network cannot know which of them you meant to be time.
# - **B ✗** Exchanging axes would be harmless. But time ran along the wrong one, so that other words met each other.
# - **C ✓** The first axis was taken for time: two steps, for five texts of two words. The shape looks right, and nothing is.
# - **D ✗** Every number of the tensor is read, only in another order.
#
# </details>

# %% [markdown]
# **7. A model of letters has the loss $\ln 8$ on new text, with $V = 29$. What is that in other units?**
#
# - **A** 8 bits a letter, and a perplexity of 3.
# - **B** 3 bits a letter, and a perplexity of 8.
# - **C** 2.08 bits a letter, and a perplexity of 8.
# - **D** 3 bits a letter, and a perplexity of 29.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The two are exchanged: bits are a logarithm, and the perplexity undoes it.
# - **B ✓** $\ln 8 / \ln 2 = \log_2 8$ is the number of bits, and $e^{\ln 8}$ the perplexity. The model is as unsure as among eight equally likely letters.
# - **C ✗** 2.08 is $\ln 8$ itself, with the base $e$ and not 2.
# - **D ✗** 29 is the perplexity of a model that knows nothing, and its loss is $\ln 29$.
#
# </details>

# %% [markdown]
# **8. A linear probe cannot read off the state which letter stood five places back. What follows?**
#
# - **A** The state no longer depends on that letter.
# - **B** The gradient did not reach that far in training.
# - **C** The network has no use for that letter when it guesses the next one.
# - **D** No weighted sum of the state's numbers tells that letter.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Change the letter, and the state changes. It is only not written in a form that this probe reads; the second probe of this chapter read more than the first.
# - **B ✗** The untrained networks, which no gradient has ever reached, let their letters be read best.
# - **C ✗** Use is another question: for it we let the network read fewer letters, and looked at the loss. It may use a letter without keeping its name.
# - **D ✓** That, and no more. A probe that finds something shows that it is there; one that fails shows what it cannot do.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, medium, 15 minutes).** A network of one unit, without input, whose $W_h$ is a single number $w > 1$:
# > $h_t = \tanh(w h_{t-1})$. It settles at some $h^* > 0$ with $h^* = \tanh(w h^*)$. Show that its gradient
# > vanishes although $s = w > 1$.
# >
# > *Hint: put $x = w h^*$ and write $w\,(1 - h^{*2})$ with $\sinh x$ and $\cosh x$.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Once the unit has settled, each step back multiplies the gradient by the same number, the slope times the weight,
# $\tanh'(w h^*) \cdot w = w\,(1 - h^{*2})$. Put $x = w h^*$. Then $h^* = \tanh x$ gives $w = x / h^* = x / \tanh x$,
# and $1 - \tanh^2 x = 1 / \cosh^2 x$. So the factor is
#
# $$
# \begin{aligned}
# \frac{x}{\tanh x} \cdot \frac{1}{\cosh^2 x} &= \frac{x}{\sinh x \cosh x} \\
# &= \frac{2x}{\sinh 2x} ,
# \end{aligned}
# $$
#
# which is below 1, since $\sinh u > u$ for every $u > 0$. The larger $w$, the flatter the place where the unit rests.
# To explode, a gradient needs inputs, or other units, that keep this one away from its rest.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
rows = []
for w in (1.1, 2.0, 4.0):
    h = torch.tensor(0.5)
    for _ in range(500):
        h = torch.tanh(w * h)
    x = w * h
    rows.append((w, w * (1 - h**2), 2 * x / torch.sinh(2 * x)))
Table(rows, {"w": "", "w (1 − h*²)": ".4f", "2x / sinh 2x": ".4f"})

# %% [markdown]
# > **Exercise 2 (code, easy, 10 minutes).** Replace $\tanh$ by the logistic function in `gradient_norms`. Hold it against the
# > bound, for an orthogonal $W_h$ with $s = 1$, 4 and 8.
# >
# > *Hint: its slope is $\sigma(1 - \sigma)$, and at most 1/4.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
def logistic_norm(W_h, given):
    states = [torch.zeros(len(given), len(W_h))]
    for now in given.unbind(1):
        states.append(torch.sigmoid(now + states[-1] @ W_h.T))
    g = torch.randn(states[0].shape, generator=torch.Generator().manual_seed(0))
    g = g / g.norm(dim=1, keepdim=True)
    for h in states[:1:-1]:  # from the last to the second after a letter
        g = (h * (1 - h) * g) @ W_h
    return g.norm(dim=1).mean()


generator = torch.Generator().manual_seed(0)
letters = torch.randn(V, 64, generator=generator)
given = letters[windows(train_ids, 50, 21, generator)]  # 20 steps back
W_1 = torch.linalg.qr(torch.randn(64, 64, generator=generator)).Q
rows = [(s, (s / 4) ** 20, logistic_norm(s * W_1, given)) for s in (1, 4, 8)]
Table(rows, {"s": "", "bound for 20 steps": ".0e", "measured": ".0e"})
# At s = 4, where the bound allows the gradient to keep its length, it vanishes all the
# same: a slope of 1/4 is had at 0 only.

# %% [markdown]
# > **Exercise 3 (code, medium, 20 minutes).** Programs often cut the way back after $k$ steps (*truncated* BPTT): the states
# > are computed, then cut off by `detach()`. How much of the gradient of $W_h$ is lost? Take a trained model,
# > windows of 32 letters, a loss at the last place, and give the cosine with the full gradient for several
# > $k$.
# >
# > *Hint: read all but the last $k$ letters without gradients, and pass the state on with `state=`.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
model = models[0].requires_grad_(True)


def gradient(k):
    model.zero_grad()
    with torch.no_grad():
        state = None if k == 32 else model.rnn(model.embedding(before[:500, :-k]))[1]
    output, _ = model.rnn(model.embedding(before[:500, -k:]), state=state)
    cross_entropy(model.scores(output[:, -1]), answer[:500]).backward()
    return model.rnn.weight_hh_l0.grad.flatten().clone()


full = gradient(32)
rows = []
for k in (1, 2, 4, 8, 16):
    cosine = torch.cosine_similarity(gradient(k), full, dim=0)
    rows.append((k, max(level for level in (0, 0.5, 0.95, 0.99) if cosine > level)))
_ = model.requires_grad_(False)
Table(rows, {"the last steps": "d", "cosine above": ""})
# A few steps make nearly the whole gradient. Truncation costs little here, since little
# comes from further back.

# %% [markdown]
# > **Exercise 4 (code, hard, 40 minutes).** Let a table of counts compete. From as many letters as the networks have read,
# > count which letter follows each string of $k$ letters, and mix the shares for $k$ with those for
# > $k - 1$. Which $k$ is best, and does it beat the networks?
# >
# > *Hint: Witten and Bell weigh the shorter string by how many different letters have followed the longer
# > one.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
from collections import Counter

parts = windows(train_ids, 600, 512, torch.Generator().manual_seed(0))
parts = ["".join(alphabet[i] for i in row) for row in parts.tolist()]
questions = ["".join(alphabet[i] for i in row) for row in before.tolist()]
shares, losses = torch.full((3000, V), 1 / V), []  # all letters alike
for k in range(8):
    counts = Counter(p[i : i + k + 1] for p in parts for i in range(len(p) - k))
    strings = [question[len(question) - k :] for question in questions]
    seen = torch.tensor([[float(counts[x + a]) for a in alphabet] for x in strings])
    different = (seen > 0).sum(1, keepdim=True)  # (3000, 1)
    total = (seen.sum(1, keepdim=True) + different).clamp(min=1)
    mixed = (seen + different * shares) / total
    shares = torch.where(different > 0, mixed, shares)
    losses.append(-shares[torch.arange(3000), answer].log().mean().item())
better = min(losses) < by_context[:, -1].min().item()
print(f"the best k is {losses.index(min(losses))}, better than the networks: {better}")
Table(enumerate(losses), {"k": "d", "loss": ".2f"})
# So the flat line is not even the best that could be had from four letters. The network
# has few numbers and little training, and no table of what follows "th".

# %% [markdown]
# > **Exercise 5 (code, easy, 20 minutes).** A language model can write: draw a letter from its probabilities, read it, and go on. Write
# > `sample(model, start, length, temperature)`, which divides the scores by the *temperature* (温度) before the
# > softmax. Which share of the four-letter strings that it writes occurs in the training text, at 0.5, 1 and 2?
# >
# > *Hint: `RNN` returns the state, and takes it back by `state=`.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
@torch.no_grad()
def sample(model, start, length, temperature, seed=0):
    generator = torch.Generator().manual_seed(seed)
    text, state = [alphabet.index(letter) for letter in start], None
    unread = text
    for _ in range(length):
        output, state = model.rnn(model.embedding(torch.tensor([unread])), state=state)
        chances = (model.scores(output[0, -1]) / temperature).softmax(0)  # (V,)
        unread = [torch.multinomial(chances, 1, generator=generator).item()]
        text = text + unread
    return "".join(alphabet[i] for i in text)


known = {text[i : i + 4] for i in range(edge)}
shares = []
for temperature in (0.5, 1.0, 2.0):
    written = sample(models[0], "the ", 400, temperature)
    shares.append(sum(written[i : i + 4] in known for i in range(400)) / 400)
print("the colder, the more known strings:", shares == sorted(shares, reverse=True))
# Print `written`: cold, it says the same few words; hot, it stops spelling. (At 0 it would
# always take the likeliest letter.) Its texts differ between processors, so none stands here.

# %% [markdown]
# > **Exercise 6 (open, medium, 30 minutes).** Is the length of the windows in training what limits the network? Train with
# > windows that hold 2, 8 and 32 letters of context, as many letters in all, and compare the losses when
# > more is read than was trained.
# >
# > *Hint: `train` takes `length` and `batch`.*

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# Trained on 2 letters, the network is confused by more of them: after eight letters it is in states that it has never
# met in training. So the window *can* be the limit. But the network that was trained on 32 letters gains nothing after
# the eighth either, and there it is not the window that stops it. (This is one seed, and a short training; try others.)
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
rows, all_read = [], []
for context in (2, 8, 32):
    model = train(0, steps=200, batch=512 // context, length=context + 1)
    loss = {k: loss_with(model, k) for k in (2, 8, 32)}
    all_read.append(loss[32])
    gains = [loss[k] - loss[32] for k in (2, 8)]
    words = {1: "better", 0: "the same", -1: "worse"}
    rows.append((context, *(words[(g > 0.01) - (g < -0.01)] for g in gains)))
print("longer windows, lower loss:", all_read == sorted(all_read, reverse=True))
Table(rows, {"trained on": "d", "reading 32, not 2": "", "reading 32, not 8": ""})

# %% [markdown]
# ## You have
#
# - shown that $W[\mathbf{h}, \mathbf{x}] = W_h \mathbf{h} + W_x \mathbf{x}$, and read a sentence by hand;
# - seen the same states come out of the helper and of `nn.RNN`;
# - sent a gradient back through time, equal to autograd's;
# - proved the bound $(\gamma s)^k$ with singular values, seen that eigenvalues do not give one, and
#   measured how far below it gradients stay;
# - saved a training by clipping, and found a memory of less than two words, shorter than before training.
#
# ## Further reading
#
# - J. L. Elman, [Finding structure in time](https://doi.org/10.1207/s15516709cog1402_1), 1990: what small
#   networks found in sentences.
# - R. Pascanu, T. Mikolov and Y. Bengio,
#   [On the difficulty of training recurrent neural networks](https://proceedings.mlr.press/v28/pascanu13.html),
#   2013: the bound, and clipping.
# - U. Khandelwal and colleagues, [Sharp nearby, fuzzy far away](https://aclanthology.org/P18-1027/), 2018:
#   our last experiment, on a real language model.
