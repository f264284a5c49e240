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
# # LSTM and GRU: what should be kept?
#
# *The cat that the two dogs had chased over all the mats in the house …* *was* tired, or *were*? You say *was*, because of a word
# fourteen words back. Since then two dogs and any number of mats have come by, and none has changed your mind.
#
# The plain recurrent network of [the last chapter](rnn.ipynb) has no such firmness. It writes its whole card anew at
# every word: what shall last has to be copied each time, through a matrix and a $\tanh$, and the gradient that should
# teach it to copy fades on the way back. **What should be kept?** This chapter builds two networks that decide it at
# every word: the LSTM, with gates around a memory, and the smaller GRU.
#
# **You will**
#
# - build an LSTM cell equation by equation, set one by hand so that it remembers the subject of a sentence, and
#   find it equal to PyTorch's;
# - derive why its memory lets gradients through, and what the forget gate has to do with it;
# - build the GRU, and tell its two versions apart;
# - measure how far back each network learns to remember, and at which step sizes;
# - climb a ladder of LSTMs, from eight products a word to nearly the speed of `torch.nn.LSTM`.
#
# **You need** the chapter on recurrent networks, the chain rule, and the logistic function $\sigma$. The chapter
# runs in about 30 seconds on one processor core.

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
# ## A memory with three gates
#
# Divide the card into lines. At every word you decide, for each line, how much of the old entry to rub out, how much of
# a new one to write, and how much to read aloud. A line that is neither rubbed out nor written on simply stays.
#
# The *long short-term memory* (长短期记忆网络), LSTM {cite:p}`hochreiter1997long`, keeps such a card, the *cell
# state* (细胞状态) $\mathbf{c}_t \in \mathbb{R}^{d_h}$, beside the state $\mathbf{h}_t \in \mathbb{R}^{d_h}$ that it shows to
# the outside; $d_h$ is the number of its units, `hidden_dim` in code. A *gate* (门) is a vector of numbers between
# 0, shut, and 1, open, which multiplies another vector number by number ($\odot$). From the word's vector
# $\mathbf{x}_t \in \mathbb{R}^d$ and the last state, three gates and a proposal are computed:
#
# $$
# \begin{aligned}
# \mathbf{i}_t &= \sigma(W_i \mathbf{x}_t + U_i \mathbf{h}_{t-1} + \mathbf{b}_i), \\
# \mathbf{f}_t &= \sigma(W_f \mathbf{x}_t + U_f \mathbf{h}_{t-1} + \mathbf{b}_f), \\
# \mathbf{g}_t &= \tanh(W_g \mathbf{x}_t + U_g \mathbf{h}_{t-1} + \mathbf{b}_g), \\
# \mathbf{o}_t &= \sigma(W_o \mathbf{x}_t + U_o \mathbf{h}_{t-1} + \mathbf{b}_o) .
# \end{aligned}
# $$ (eq-lstm-gates)
#
# Each $W$ ($d_h \times d$) plays the part of the last chapter's $W_x$, each $U$ ($d_h \times d_h$) that of its $W_h$,
# and each $\mathbf{b}$ has $d_h$ numbers. Then the memory is updated, and a part of it shown:
#
# $$
# \begin{aligned}
# \mathbf{c}_t &= \mathbf{f}_t \odot \mathbf{c}_{t-1} + \mathbf{i}_t \odot \mathbf{g}_t, \\
# \mathbf{h}_t &= \mathbf{o}_t \odot \tanh(\mathbf{c}_t) .
# \end{aligned}
# $$ (eq-lstm-state)
#
# The *forget gate* (遗忘门) $\mathbf{f}_t$ says how much of each old entry stays, the *input gate* (输入门)
# $\mathbf{i}_t$ how much of the proposal $\mathbf{g}_t$ is written, the *output gate* (输出门) $\mathbf{o}_t$ how much
# is read aloud. (*Forget* is an odd name: at 1 it keeps everything.)
# A gate is a share, hence $\sigma$; a proposal may be negative, hence $\tanh$, or no entry could ever fall.

# %% mystnb={"image": {"alt": "The cell as a grey field. Along its upper edge a line runs from c t minus 1 through a product with the forget gate and a sum to c t. Below stand four boxes, sigma, sigma, tanh, sigma, all fed by both h t minus 1 and x t: f scales the old memory, i times g is added to it, and o multiplies the tanh of the new memory, which is h t."}, "figure": {"caption": "One step of an LSTM. Boxes hold a $W$, a $U$ and a $\\mathbf{b}$ of their own; round shapes have nothing to learn, not even the right one of the two $\\tanh$. Upstairs the memory passes, met by a product and a sum only.", "name": "fig-lstm-cell"}}
from scratch import diagrams

diagrams.lstm_cell()


# %% [markdown]
# By hand, with random weights:

# %%
import torch

from scratch.text import tokenize

generator = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


d, d_h = 4, 3
tokens = tokenize("The cat sat on the mat")
vectors = {word: draw(d) for word in sorted(set(tokens))}  # (d,) each
W = {gate: draw(d_h, d) for gate in "ifgo"}
U = {gate: draw(d_h, d_h) for gate in "ifgo"}
b = {gate: draw(d_h) for gate in "ifgo"}


# %%
def step(x, h, c):
    a = {gate: W[gate] @ x + U[gate] @ h + b[gate] for gate in "ifgo"}  # (d_h,) each
    i, f, o = a["i"].sigmoid(), a["f"].sigmoid(), a["o"].sigmoid()
    g = a["g"].tanh()
    c = f * c + i * g  # (d_h,)
    h = o * c.tanh()  # (d_h,)
    return h, c


from scratch.table import Table

h = c = torch.zeros(d_h, dtype=torch.float64)
by_hand, rows = [], []
for word in tokens:
    h, c = step(vectors[word], h, c)
    by_hand.append(h)
    rows.append([word, *c.tolist(), *h.tolist()])
names = [f"{part}[{i}]" for part in "ch" for i in range(d_h)]
Table(rows, {"word": ""} | dict.fromkeys(names, "+.2f"))

# %% [markdown]
# The two *the* leave different traces, since each meets another state. The helper `LSTMCell` takes one such step
# for a batch. It stacks the matrices of the gates, in the order i, f, g, o, under PyTorch's names: `weight_ih` ($4 d_h \times d$) holds the four $W$, `weight_hh` ($4 d_h \times d_h$) the four $U$. Of the two biases,
# one would do here; we set the second to 0. (`_l0` is PyTorch's first layer.)

# %%
from torch import nn

from scratch.recurrent import LSTM, LSTMCell

stacked = {"weight_ih": W, "weight_hh": U, "bias_ih": b}
weights = {name: torch.cat([M[gate] for gate in "ifgo"]) for name, M in stacked.items()}
weights["bias_hh"] = torch.zeros(4 * d_h)
cell, theirs = LSTMCell(d, d_h).double(), nn.LSTM(d, d_h, batch_first=True).double()
cell.load_state_dict(weights)
theirs.load_state_dict({f"{name}_l0": values for name, values in weights.items()})

x = torch.stack([vectors[word] for word in tokens])[None]  # (1, length, d)
state, ours = None, []
for now in x.unbind(1):  # (1, d)
    state = cell(now, state)  # h, c: (1, d_h) each
    ours.append(state[0])
apart = [torch.cat(ours) - torch.stack(by_hand), theirs(x)[0][0] - torch.stack(by_hand)]
near = all(difference.abs().max() < 1e-12 for difference in apart)
print(f"LSTMCell and nn.LSTM are within 1e-12 of the states by hand: {near}")

# %% [markdown]
# ### A cell that knows its subject
#
# Two units, set by hand, can settle *was* or *were*. Unit 0 is to hold the number of the subject, $+1$ for one, $-1$
# for several. Unit 1 is to hold whether there has been a subject yet: if so, it shuts both input gates. A full stop
# shuts the forget gates. Words are one-hot vectors, so that a column of $W$ belongs to a word. The numbers only have to
# be large: $\sigma(10)$ is 1 to four places, and $\sigma(-10)$ is 0. For the input gate, a noun gives $20 - 10 = 10$,
# any other word $-10$, and after a subject, when $h_1 = \tanh(1) = 0.76$, a noun gives $20 - 10 - 30 \cdot 0.76 = -13$.

# %%
text = "the cat that the dogs chased over the mats was tired ."
text = (text + " the dogs were not .").split()
words = list(dict.fromkeys(text))
clerk = LSTMCell(len(words), 2).double()
for weight in clerk.parameters():
    weight.data.zero_()
W_i, W_f, W_g, W_o = clerk.weight_ih.data.chunk(4)  # (2, words) each
U_i, U_f, U_g, U_o = clerk.weight_hh.data.chunk(4)  # (2, 2) each
b_i, b_f, b_g, b_o = clerk.bias_ih.data.chunk(4)  # (2,) each

for noun, number in (("cat", 1), ("dogs", -1), ("mats", -1)):
    W_i[:, words.index(noun)] = 20  # a noun opens the input gates …
    W_g[:, words.index(noun)] = 10 * torch.tensor([number, 1.0])
b_i -= 10  # … which are shut otherwise,
U_i[:, 1] = -30  # and stay shut once a subject has been seen
b_f += 10  # keep everything …
W_f[:, words.index(".")] = -20  # … until a full stop
b_o += 10  # always show what you know

# %%
from scratch.one_hot import one_hot

inputs = one_hot([words.index(word) for word in text], len(words)).double()
state, rows = (torch.zeros(1, 2, dtype=torch.float64),) * 2, []
for now in inputs:
    a = clerk.weight_ih @ now + clerk.weight_hh @ state[0][0] + clerk.bias_ih
    gates = a.view(4, 2)[:, 0]  # i, f, g, o of unit 0
    state = clerk(now[None], state)
    rows.append(torch.cat([gates[:2].sigmoid(), gates[2:3].tanh(), state[1][0]]))
table = torch.stack(rows).detach()  # (length, 5): i, f, g, and both cells
verbs = [place for place, word in enumerate(text) if word in ("was", "were")]
for place in verbs:
    print(f"before {text[place]!r}: c[0] = {table[place - 1, 3]:+.2f}")

# %% mystnb={"image": {"alt": "A grid with a row for each of the seventeen words and five columns: input gate, forget gate, proposal, and the two cells. The input gate is dark only at the first noun of each sentence, cat and dogs; the forget gate is light only at the two full stops. The column of the first cell is blue from cat to the full stop, past dogs and mats, and red from the second dogs to the next full stop."}, "figure": {"caption": "Two units set by hand: blue is $+1$, white 0, red with a minus $-1$. Unit 0 takes note of the number of the first noun ($c_0$), and keeps it past *dogs* and *mats* until the full stop.", "name": "fig-lstm-clerk"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 4.6))
axes.pcolormesh(table, cmap="RdBu", vmin=-1, vmax=1, edgecolors="#cccccc", linewidth=1)
axes.set_yticks([place + 0.5 for place in range(len(text))], text)
axes.set_xticks([column + 0.5 for column in range(5)])
axes.set_xticklabels(["$i_0$", "$f_0$", "$g_0$", "$c_0$", "$c_1$"])
for row, column in (table < -0.5).nonzero().tolist():
    axes.text(column + 0.5, row + 0.5, "−", color="white", ha="center", va="center")
axes.invert_yaxis()
axes.grid(False)

# %% [markdown]
# The dogs and mats between subject and verb are proposed, too ($g_0$), but
# the input gate ($i_0$) is shut, and the forget gate ($f_0$) open. And unit 1 shows why the gates look at
# $\mathbf{h}_{t-1}$: what is on the card decides what is worth noting.
#
# ### Layers, directions, packed batches
#
# The helper `LSTM` reads whole batches. In *layers*, each reads the states of the one below; in *both directions*, a
# second network reads from the end. The helper takes the lengths of the sentences (the next chapter says why), for
# which PyTorch wants the batch *packed*. It is PyTorch's network to rounding, in its outputs, its last states and its
# gradients:

# %%
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def as_torch(Ours, Theirs, layers, both, lengths):
    theirs = Theirs(d, 5, layers, batch_first=True, bidirectional=both).double()
    ours = Ours(d, 5, layers, bidirectional=both).double()
    ours.load_state_dict(theirs.state_dict())
    x = draw(len(lengths), 6, d)  # (batch, length, d)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, last = theirs(packed)
    output, _ = pad_packed_sequence(output, batch_first=True)
    mine, my_last = ours(x, lengths)
    output.square().sum().backward()
    mine.square().sum().backward()
    pairs = [(mine, output), (my_last[0], last[0]), (my_last[1], last[1])]
    named = dict(ours.named_parameters())
    pairs += [(named[name].grad, p.grad) for name, p in theirs.named_parameters()]
    return all(torch.allclose(one, other, atol=1e-10) for one, other in pairs)


# %%
torch.manual_seed(0)
same = all(
    as_torch(LSTM, nn.LSTM, layers, both, torch.tensor([6, 2, 4]))
    for layers, both in ((1, False), (3, False), (1, True), (2, True))
)
print(f"1 to 3 layers, one or both directions, as nn.LSTM: {same}")

# %% [markdown]
# ## Why the memory keeps gradients
#
# To *learn* what to keep, a mistake at *was* has to be felt at *cat*. By {eq}`eq-lstm-state`, $\mathbf{c}_t$ depends on $\mathbf{c}_{t-1}$ in two ways: directly, in the first
# product, and through $\mathbf{h}_{t-1} = \mathbf{o}_{t-1} \odot
# \tanh(\mathbf{c}_{t-1})$, at which all gates look. ($\mathbf{o}_{t-1}$ was made one word earlier, from $\mathbf{h}_{t-2}$; it does not
# depend on $\mathbf{c}_{t-1}$.) With $\mathrm{diag}(\mathbf{v})$ for the matrix that has
# $\mathbf{v}$ on its diagonal, the chain rule gives
#
# $$
# \begin{aligned}
# \frac{\partial \mathbf{c}_t}{\partial \mathbf{c}_{t-1}} &= \mathrm{diag}(\mathbf{f}_t) + S_t\, E_{t-1}, \\
# E_{t-1} &= \mathrm{diag}\bigl(\mathbf{o}_{t-1} \odot (1 - \tanh^2 \mathbf{c}_{t-1})\bigr),
# \end{aligned}
# $$ (eq-lstm-jacobian)
#
# where $E_{t-1}$ is $\partial \mathbf{h}_{t-1} / \partial \mathbf{c}_{t-1}$, and $S_t$ what a change of
# $\mathbf{h}_{t-1}$ does to $\mathbf{c}_t$ through $\mathbf{f}_t$, $\mathbf{i}_t$ and $\mathbf{g}_t$, one line for each. Read the first from right to left: the change
# goes through $U_f$ into the gate's argument; $\sigma' = \sigma(1 - \sigma)$ makes of it a change of $\mathbf{f}_t$; and that is multiplied by
# what the gate stands before, $\mathbf{c}_{t-1}$. The second is the same for $\mathbf{i}_t$, which stands before $\mathbf{g}_t$, and the
# third for $\mathbf{g}_t$, with $\tanh' = 1 - \tanh^2$:
#
# $$
# \begin{aligned}
# S_t = {} & \mathrm{diag}\bigl(\mathbf{c}_{t-1} \odot \mathbf{f}_t \odot (1 - \mathbf{f}_t)\bigr)\, U_f \\
# {} + {} & \mathrm{diag}\bigl(\mathbf{g}_t \odot \mathbf{i}_t \odot (1 - \mathbf{i}_t)\bigr)\, U_i \\
# {} + {} & \mathrm{diag}\bigl(\mathbf{i}_t \odot (1 - \mathbf{g}_t \odot \mathbf{g}_t)\bigr)\, U_g .
# \end{aligned}
# $$ (eq-lstm-through-state)
#
# All of these are $d_h \times d_h$. Against autograd, at the last word of our sentence:

# %%
history = [(torch.zeros(d_h).double(),) * 2]
for word in tokens:
    history.append(step(vectors[word], *history[-1]))
(h_earlier, _), (h_before, c) = history[-3:-1]  # two words ago, one word ago
x_before, x_t = vectors[tokens[-2]], vectors[tokens[-1]]
o_before = (W["o"] @ x_before + U["o"] @ h_earlier + b["o"]).sigmoid()  # as in step


def next_cell(c):
    return step(x_t, o_before * c.tanh(), c)[1]


a = {gate: W[gate] @ x_t + U[gate] @ h_before + b[gate] for gate in "ifg"}
i, f, g = a["i"].sigmoid(), a["f"].sigmoid(), a["g"].tanh()
S = torch.diag(c * f * (1 - f)) @ U["f"] + torch.diag(g * i * (1 - i)) @ U["i"]
S += torch.diag(i * (1 - g * g)) @ U["g"]
E = torch.diag(o_before * (1 - c.tanh() ** 2))
exact = torch.autograd.functional.jacobian(next_cell, c)  # (d_h, d_h)
whole, alone = torch.diag(f) + S @ E - exact, torch.diag(f) - exact
print(f"whole formula within 1e-12 of autograd: {whole.abs().max() < 1e-12}")
print(f"forget gate alone off by up to {alone.abs().max():.2f}")

# %% [markdown]
# The second term is of the kind that we know from the plain network, a matrix between derivatives of squashing
# functions. The first has neither. Of the many ways back over many steps, one never leaves the cell. Along it, over $k$
# steps, the derivative is unit by unit
#
# $$
# \mathbf{f}_{t} \odot \mathbf{f}_{t-1} \odot \dots \odot \mathbf{f}_{t-k+1} .
# $$ (eq-lstm-product)
#
# Where the forget gate is fully open, this is 1, over any number of steps. Where it is half shut, it is $2^{-k}$. The
# gate that keeps an entry keeps its gradient, too.
#
# > **Correction.** "In an LSTM $\partial \mathbf{c}_t / \partial \mathbf{c}_{t-1} = \mathbf{f}_t$, so gradients do not
# > vanish", one often reads. That is the first term only, as the output shows. (The paper of 1997 cut the
# > others off, "where this does not do harm".) And a product of gates vanishes, too, unless they are near 1. The LSTM
# > *can* keep a gradient. Whether it does depends on $\mathbf{f}$.
#
# ## The forget gate, and how to start it
#
# The LSTM of 1997 had no forget gate: its memory was $\mathbf{c}_t = \mathbf{c}_{t-1} + \mathbf{i}_t \odot
# \mathbf{g}_t$, and {eq}`eq-lstm-product` was exactly 1, "constant error flow". The price showed on inputs without marked ends: what is never rubbed out piles up. Gers, Schmidhuber and Cummins {cite:p}`gers2000learning` added the
# gate so that a cell can "learn to reset itself". Greff and colleagues {cite:p}`greff2017lstm`, who took out one part at a
# time, found it to be one of the two that an LSTM can least do without; the other is the $\tanh$ of the output.
#
# And in a network that has learnt nothing yet? Its weights are small numbers around zero, and $\sigma(0) = 1/2$. A
# fresh LSTM about halves its memory at every word, and its gradient along the cell with it. The remedy is the bias: if
# all numbers of $\mathbf{b}_f$ are $b$, the gate is about $\sigma(b)$, and $k$ steps leave $\sigma(b)^k$. This falls to
# $1/e$ after
#
# $$
# \tau(b) = \frac{-1}{\ln \sigma(b)} = \frac{1}{\ln(1 + e^{-b})} \approx e^b
# $$ (eq-lstm-memory-time)
#
# steps, the last for large $b$, since $\ln(1 + u) \approx u$ for small $u$. We call $\tau$ the *memory time*.

# %%
import math

gates = {bias: 1 / (1 + math.exp(-bias)) for bias in (0, 1, 3, 5)}
rows = [(bias, gate, -1 / math.log(gate), gate**32) for bias, gate in gates.items()]
columns = {"b": "d", "gate": ".3f", "memory time": ".1f", "left after 32 words": ".1e"}
Table(rows, columns)

# %% [markdown]
# A bias of 1 or 2 is what Jozefowicz and colleagues {cite:p}`jozefowicz2015empirical` advise; the idea is already in
# the paper of Gers. By the table, it buys a few words only. Is it so in the whole network, with the second term
# of {eq}`eq-lstm-jacobian`? Fresh networks, three seeds each, read 61 words of real text. We take a random sum of
# the last $\mathbf{h}$, and measure its gradient with respect to the memory at each word, back from the last:
# $\mathbf{c}_t$ in the LSTM, $\mathbf{h}_t$ in the plain network.

# %%
from scratch.corpora import load
from scratch.recurrent import RNNCell
from scratch.text import Vocabulary

speech = [word for sentence in load("state-of-the-union") for word in sentence]
vocabulary = Vocabulary.from_tokens(speech, max_size=1000)
speech = torch.tensor(vocabulary.encode(speech))  # (words of all speeches,)


def excerpts(count, length, generator):
    starts = torch.randint(len(speech) - length, (count, 1), generator=generator)
    return speech[starts + torch.arange(length)]  # (count, length)


# %%
texts = excerpts(16, 61, generator)


def fade(Cell, bias, seed):
    """The gradient's norm, k = 0, 1, … words before the last."""
    torch.manual_seed(seed)
    x = torch.randn(len(vocabulary), 16).double()[texts]  # (16, 61, 16)
    cell, state, memories = Cell(16, 32).double(), None, []
    cell.bias_ih.data[32:64] += bias  # in an LSTM, the forget gate; empty in an RNN
    for now in x.unbind(1):
        state = cell(now, state)
        memories.append(state[1] if Cell is LSTMCell else state)
    last = state[0] if Cell is LSTMCell else state
    gradients = torch.autograd.grad((last * torch.randn_like(last)).sum(), memories)
    return torch.stack([gradient.norm() for gradient in gradients]).flip(0)  # (61,)


# %% mystnb={"image": {"alt": "Norm of the gradient, on a logarithmic scale, against the distance from the last word, from 0 to 60. The plain network and the LSTM with bias zero fall steeply, to below ten to the minus ten; the LSTM with bias one falls to about ten to the minus five. With bias three and five the curves stay level or rise a little."}, "figure": {"caption": "How much of the gradient arrives in fresh networks: relative to the last word, against the distance from it; mean of three seeds, with their range. The larger $b$, the higher the line.", "name": "fig-lstm-gradients"}}
arms = {"plain network": (RNNCell, 0)}
arms |= {f"LSTM, $b$ = {bias}": (LSTMCell, bias) for bias in (0, 1, 3, 5)}
(figure, axes), rows = plt.subplots(), []
for (name, arm), style in zip(arms.items(), ("k--", "-", "-", "-", "-"), strict=True):
    norms = torch.stack([fade(*arm, seed) for seed in range(3)])  # (seeds, 61)
    norms /= norms[:, :1].clone()
    low, high = norms.amin(0), norms.amax(0)  # (61,) each
    (line,) = axes.semilogy(norms.log().mean(0).exp(), style, label=name)
    axes.fill_between(range(61), low, high, color=line.get_color(), alpha=0.2, lw=0)
    factor = (norms[:, 40] / norms[:, 10]) ** (1 / 30)  # (seeds,)
    rows.append((name.replace("$", ""), factor.min(), factor.max()))
axes.set(xlabel="words before the last", ylabel="gradient, relative")
axes.legend(fontsize=9)
plt.show()

# %%
Table(rows, {"factor a word further back": "", "lowest": ".2f", "highest": ".2f"})

# %% [markdown]
# Each bias sets its own slope, somewhat above its $\sigma(b)$: the ways through the state add their share. From $b = 3$
# on they make up for what the gate takes, and at $b = 5$ for more than that: the gradient *grows* a little with each
# word. Over 128 words, a little is much, so LSTMs are clipped, too. With $b = 0$ the LSTM loses its gradient, only
# somewhat more slowly than the plain network. *A fresh LSTM does not cure the vanishing gradient. One with an open
# forget gate does*, before training at least.
#
# > **Pitfall.** PyTorch starts its forget gates half shut (an [open
# > request](https://github.com/pytorch/pytorch/issues/20102) since 2019);
# > [Keras](https://keras.io/api/layers/recurrent_layers/lstm_cell/) adds 1 by itself. The rows to change are $d_h$ to $2 d_h$, in
# > each layer and direction. And the two biases are added up: set 1 in both, and $b$ is 2.

# %%
torch.manual_seed(0)
lstm = nn.LSTM(16, 32, num_layers=2, bidirectional=True)
LAYERS = ("l0", "l0_reverse", "l1", "l1_reverse")


def b(layer):
    """The forget gates' bias, which PyTorch keeps in two parts: its mean."""
    parts = (getattr(lstm, f"bias_{kind}_{layer}")[32:64] for kind in ("ih", "hh"))
    return sum(parts).mean().item()


fresh = [b(layer) for layer in LAYERS]
for name, bias in lstm.named_parameters():
    if name.startswith("bias_ih"):  # not bias_hh: its turn would count again
        bias.data[32:64] += 1  # d_h = 32
rows = zip(LAYERS, fresh, map(b, LAYERS), strict=True)
Table(rows, {"b, on average": "", "fresh": ".2f", "moved": ".2f"})

# %% [markdown]
# *How many parameters* does an LSTM have? Each of the four rows of {eq}`eq-lstm-gates` has
# $d_h (d + d_h)$ weights and, in PyTorch, $2 d_h$ biases; a GRU has three such rows, a plain network one. And what are
# *peepholes* (窥视孔)? In {eq}`eq-lstm-gates` the gates see the memory only as far as the output gate has let it out. Gers and
# Schmidhuber [let them look](https://doi.org/10.1109/IJCNN.2000.861302) at the memory itself, by one more weight
# for each unit and gate, for tasks that measure time. Greff and colleagues took these out without much harm, and
# PyTorch's LSTM [does not have them](https://github.com/pytorch/pytorch/issues/630).

# %%
rows = []
for name, lines in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    theirs = getattr(nn, name)(16, 32)
    count = sum(p.numel() for p in theirs.parameters())
    rows.append((name, count, lines * (32 * (16 + 32) + 2 * 32)))
Table(rows, {"d = 16, d_h = 32": "", "parameters": ",", "by the formula": ","})

# %% [markdown]
# ## The GRU: one gate less, no separate memory
#
# The *gated recurrent unit*, GRU (门控循环单元), of Cho and colleagues {cite:p}`cho2014learning` has no memory besides
# $\mathbf{h}_t$, and one gate for keeping and writing: an old entry goes as far as a new one comes:
#
# $$
# \begin{aligned}
# \mathbf{r}_t &= \sigma(W_r \mathbf{x}_t + U_r \mathbf{h}_{t-1} + \mathbf{b}_r), \\
# \mathbf{z}_t &= \sigma(W_z \mathbf{x}_t + U_z \mathbf{h}_{t-1} + \mathbf{b}_z), \\
# \mathbf{h}_t &= (1 - \mathbf{z}_t) \odot \mathbf{g}_t + \mathbf{z}_t \odot \mathbf{h}_{t-1} .
# \end{aligned}
# $$ (eq-gru)
#
# The *update gate* (更新门) $\mathbf{z}_t$ plays the forget gate, $1 - \mathbf{z}_t$ the input gate. The proposal
# $\mathbf{g}_t$ sees the old state through the *reset gate* (重置门) $\mathbf{r}_t$, in
# two versions. One applies the gate to the state, *before* the product with $U_g$, the other *after* it. With $\mathbf{a}_t = W_g \mathbf{x}_t + \mathbf{b}_g$,
#
# $$
# \begin{aligned}
# \mathbf{g}_t &= \tanh(\mathbf{a}_t + U_g (\mathbf{r}_t \odot \mathbf{h}_{t-1})), \\
# \mathbf{g}_t &= \tanh(\mathbf{a}_t + \mathbf{r}_t \odot (U_g \mathbf{h}_{t-1} + \mathbf{v}_g)) .
# \end{aligned}
# $$ (eq-gru-reset)
#
# The first line, *before*, is the published paper. The second is [the preprint's first version, cuDNN and
# PyTorch](https://github.com/pytorch/pytorch/issues/8153). It needs one product only: $U_r$, $U_z$ and $U_g$ all
# multiply the same vector. Here PyTorch's second bias matters for once: $\mathbf{v}_g$ stands behind the gate.

# %% mystnb={"image": {"alt": "One step of a GRU, its proposal taken apart: the old state goes through a box U g and only then meets the reset gate r in a product, x t goes through a box W g, and the sum of the two through tanh."}, "figure": {"caption": "One step of a GRU, with the reset gate *after* the product, as in PyTorch: the gate acts on what $U_g$ has made of the state. (The boxes have their biases in them.)", "name": "fig-gru-after"}}
diagrams.gru_cell(reset_after=True)


# %% [markdown]
# By hand, both, for one step; the rows come in the order reset, update, proposal (r, z, n in PyTorch's documentation).

# %%
from scratch.recurrent import GRU, GRUCell

theirs = nn.GRUCell(d, d_h).double()
(W_r, W_z, W_g), (U_r, U_z, U_g) = theirs.weight_ih.chunk(3), theirs.weight_hh.chunk(3)
(b_r, b_z, b_g), (v_r, v_z, v_g) = theirs.bias_ih.chunk(3), theirs.bias_hh.chunk(3)
x, h = draw(1, d), draw(1, d_h)
r = (x @ W_r.T + b_r + h @ U_r.T + v_r).sigmoid()  # (1, d_h)
z = (x @ W_z.T + b_z + h @ U_z.T + v_z).sigmoid()
a = x @ W_g.T + b_g
before = (1 - z) * (a + (r * h) @ U_g.T + v_g).tanh() + z * h
after = (1 - z) * (a + r * (h @ U_g.T + v_g)).tanh() + z * h

for name, by_hand in (("before", before), ("after", after)):
    cell = GRUCell(d, d_h, reset_after=name == "after").double()
    cell.load_state_dict(theirs.state_dict())
    helper = torch.allclose(cell(x, h), by_hand, atol=1e-12)
    pytorch = torch.allclose(theirs(x, h), by_hand, atol=1e-12)
    print(f"reset {name}: the helper's GRUCell {helper}, PyTorch's {pytorch}")
same = as_torch(GRU, nn.GRU, 2, True, torch.tensor([6, 2, 4]))
print("two layers, both directions, as PyTorch:", same)

# %% [markdown]
# > **Correction.** "PyTorch's GRU is wrong", report readers who compare its [reset
# > gate](https://github.com/pytorch/pytorch/issues/99531) or its [update
# > gate](https://github.com/pytorch/pytorch/issues/20129) with a paper or a textbook. Weights of one version are wrong
# > in the other. Cho's paper and PyTorch keep with $\mathbf{z}$; a paper of the same year by the same group
# > {cite:p}`chung2014empirical` keeps with $1 - \mathbf{z}$.
# > A gate that is learnt does not care what it is called; a weight that is copied does.
#
# A fresh GRU has $\mathbf{z}$ at about $1/2$ as well, and {eq}`eq-lstm-memory-time` holds for its $b_z$. *Which of the
# two to take?* On music and speech Chung and colleagues found neither ahead, and a GRU has three quarters of the
# weights. In the larger search of Jozefowicz and colleagues the LSTM drew level once $b$ was 1.
#
# ## How far back?
#
# The task is *was or were*, stripped to the bone: the reader hears one of four names, then $T$ words of a president's
# speech, cut out anywhere, and is asked which name it was. A guess is right one time in four.
# Each network has 32 units and trains on batches of 32 texts by Adam. With which learning rate? The rate that suits one
# network need not suit another, so `train` takes it as an argument, and each of the networks below has the one that
# `benchmarks/recurrent.py` found best for it. One seed each, $T = 32$, 300 steps:


# %%
class Reader(nn.Module):
    def __init__(self, Network, bias):
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary) + 4, 16)  # 4 for the names
        self.network = Network(16, 32)
        self.network.bias_ih_l0.data[32:64] += bias  # the gate that keeps
        self.score = nn.Linear(32, 4)

    def forward(self, ids):  # (batch, 1 + T)
        output, _ = self.network(self.embedding(ids))  # (batch, 1 + T, 32)
        return self.score(output[:, -1])  # (batch, 4)


def examples(count, length, generator):
    names = torch.randint(4, (count,), generator=generator)
    rest = excerpts(count, length, generator)
    return torch.cat([len(vocabulary) + names[:, None], rest], 1), names


# %%
from torch.nn.functional import cross_entropy

from scratch.training import fit


def train(reader, length, seed, rate, steps=300, shortest=None, exam=1):
    generator = torch.Generator().manual_seed(100 + seed)

    def batch():
        span = torch.randint(shortest or length, length + 1, (), generator=generator)
        return examples(32, int(span), generator)

    def loss(batch):
        return cross_entropy(reader(batch[0]), batch[1])

    batches = [batch() for _ in range(steps)]
    fit(reader.parameters(), loss, batches, rate, decay=False, clip=1.0)
    with torch.no_grad():
        ids, names = examples(1000, length, torch.Generator().manual_seed(exam))
        return (reader(ids).argmax(1) == names).double().mean().item()


# %%
from scratch.recurrent import RNN

BEST = {(RNN, 0): 1e-2, (LSTM, 0): 3e-3, (LSTM, 5): 3e-3, (GRU, 0): 3e-2}
table = []
for (Network, bias), rate in BEST.items():
    torch.manual_seed(0)
    share = train(Reader(Network, bias), 32, 0, rate)
    how = "remembers" if share > 0.9 else "guesses" if share < 0.4 else "in part"
    table.append((f"{Network.__name__}, b = {bias}", how))
Table(table, {"network": "", "32 words, after 300 steps": ""})

# %% [markdown]
# The plain network and the LSTM as it comes guess. With its forget gate open the LSTM remembers, and so does the
# GRU, as it comes.
#
# ### The map
#
# The benchmark has trained eight networks, PyTorch's, with twice the steps, at rates a factor of three apart, three
# seeds each, and went on to twice the length as long as most seeds remembered. Where the largest or smallest rate did
# best, it tried the next; where none worked, one more on either side. *Other seeds*, asked other questions, then judged
# the best rate. (A dash: most had forgotten at half the length.) $b = 30$ plays the LSTM of 1997: in 32 bits
# $\sigma(30)$ is 1 and its derivative 0, so that no training will shut that gate.

# %%
from statistics import median

from scratch.corpora import load_results

stored = load_results("recurrent")
rows = {(r["network"], r["keep"], r["length"]): r for r in stored["memory"]}
arms = list(dict.fromkeys(key[:2] for key in rows))
LENGTHS = sorted({key[2] for key in rows})
names = {arm: "RNN" if arm == ("RNN", 0) else f"{arm[0]}, b = {arm[1]}" for arm in arms}


def remembering(found):
    return f"{sum(x > 0.9 for x in found)} of {len(found)}" if found else None


table = []
for arm in arms:
    found = (rows.get((*arm, n), {"judged": []}) for n in LENGTHS)
    table.append((names[arm], *(remembering(row["judged"]) for row in found)))
Table(table, {"seeds that remember": ""} | {f"{n} words": "" for n in LENGTHS})

# %% mystnb={"image": {"alt": "Eight small maps, one for each network, with the words since the name, from 8 on and doubling, to the right and the learning rate upwards. The LSTM with bias 0 is dark for the shortest texts and pale for all longer ones, at all rates alike; with bias 1 it turns pale a little later; with bias 3, 5 and 30 it is dark further to the right, and turns pale at the longest texts, at the large rates first. The plain network is dark furthest to the right in the row of one rate only. The GRU with bias 0 is dark in a staircase: the longer the text, the larger the rate that it needs. The GRU with bias 5 is dark nearly everywhere."}, "figure": {"caption": "Where a network remembers: mean share of right answers of three seeds, by the number of words and the learning rate. Dark: all; light: a quarter, by guessing; white: not tried.", "name": "fig-lstm-memory"}}
figure, panels = plt.subplots(4, 2, figsize=(5, 7.6), sharex=True, sharey=True)
RATES = sorted({float(rate) for row in rows.values() for rate in row["tried"]})
for arm, axes in zip(arms, panels.flat, strict=True):
    shares = torch.full((len(RATES), len(LENGTHS)), torch.nan)
    for key, row in rows.items():
        for rate, found in row["tried"].items() if key[:2] == arm else ():
            place = RATES.index(float(rate)), LENGTHS.index(key[2])
            shares[place] = sum(found) / len(found)
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", lw=1)
    axes.set_title(names[arm], fontsize=10)
    axes.set_xticks([x + 0.5 for x in range(len(LENGTHS))], LENGTHS, fontsize=8)
    axes.set_yticks([y + 0.5 for y in range(len(RATES))], RATES, fontsize=8)
    axes.grid(False)
figure.supxlabel("words since the name", fontsize=10)
figure.supylabel("learning rate", fontsize=10)
plt.show()

# %% [markdown]
# In the LSTM with $b = 0$, and a little later in that with $b = 1$, the last column is pale from bottom to top: no rate
# mends it. There the gate decides how far back the network learns. In LSTMs with open gates the *large* rates fail
# first.
#
# The GRU with $b = 0$ turns this round: the longer the text, the *larger* the rate that it needs. With that it reaches
# further than the LSTMs with open gates: over 256 words all judges of both GRUs remember, and none of the LSTMs
# that were still tried. The plain network is further along than the LSTM as it comes, but at one rate only.
#
# What if one rate had served all? The *reach* is the longest text, of those tried, at which most seeds answer more than
# 90% right; by the three seeds for each rate, by the five judges for the best. Beside it stands the memory time of the
# fresh gate, {eq}`eq-lstm-memory-time`:


# %%
def reach(arm, rate=None):
    good = [0]
    for (*network, length), row in rows.items():
        if tuple(network) == arm:
            found = row["tried"].get(str(rate), [0]) if rate else row["judged"]
            good.append(length if median(found) > 0.9 else 0)
    return max(good)


ONE_RATE, table = (1e-3, 3e-3, 1e-2, 3e-2), []
for arm in arms:
    tau = 1 / math.log1p(math.exp(-arm[1])) if arm[1] < 30 else "endless"
    reaches = (reach(arm, rate) for rate in (*ONE_RATE, None))  # None: at its best
    table.append((names[arm], None if arm[0] == "RNN" else tau, *reaches))
columns = {"reach": "", "memory time": ".0f"} | {f"at {r:g}": "" for r in ONE_RATE}
Table(table, columns | {"at its best": ""})

# %% [markdown]
# Each column in the middle tells another story: at a small rate the gates are everything, and at the largest the fresh
# GRU is as good as any. *How far back a network learns is a property of network, start and step size together.* What
# all columns agree on is that a bias of 1 buys little. That the LSTM of 1997, which cannot forget, does so well says
# more about the task than about the gate: there is one thing to keep, and nothing to rub out.
#
# Why does a large rate help the GRU, and not the LSTM, whose memory time is the same? We look at the keeping gates,
# $\mathbf{z}$ and $\mathbf{f}$, at $T = 64$ before and after 60 steps at 0.03, when both still guess.


# %%
@torch.no_grad()
def openness(reader):
    """The mean of the gate that keeps, over 100 texts of 64 words."""
    ids, _ = examples(100, 64, torch.Generator().manual_seed(2))
    x, net = reader.embedding(ids), reader.network
    h, _ = net(x)
    a = x[:, 1:] @ net.weight_ih_l0[32:64].T + h[:, :-1] @ net.weight_hh_l0[32:64].T
    return (a + (net.bias_ih_l0 + net.bias_hh_l0)[32:64]).sigmoid().mean().item()


# %% tags=["atol=0.06"]
table = []
for Network in (LSTM, GRU):
    for seed in range(2):
        torch.manual_seed(seed)
        reader = Reader(Network, 0)
        fresh = openness(reader)
        guesses = train(reader, 64, seed, 3e-2, steps=60) < 0.4
        row = Network.__name__, seed, fresh, openness(reader)
        table.append((*row, "yes" if guesses else "no"))
columns = {"network": "", "seed": "d", "fresh": ".2f", "after 60 steps": ".2f"}
Table(table, columns | {"still guesses": ""})

# %% [markdown]
# The GRU's gates open before it has learnt anything, and the LSTM's shut further. Our reading: as long as no name
# gets through, the words in between are noise, and training turns it down. In a GRU, writing less is keeping more,
# $1 - \mathbf{z}$ against $\mathbf{z}$; an LSTM turns noise down by forgetting. (Exercise 6 puts this to the test.)
#
# ### Cannot remember, or cannot learn?
#
# The LSTMs with $b = 0$ and 1 fail, at 16 or 32 words, at every rate that was tried. Do they lack patience? At 32 words
# and the usual rate of 0.003, the benchmark gave them, the plain network and the fresh GRU five times the steps, five
# seeds each; then 600 steps, as before, on texts of *all* lengths from 1 to 32 words, and asked at 32 again. The last
# row is from here, with one seed.

# %%
table = []
for part, how in (("patience", "five times the steps"), ("mixed", "all lengths")):
    for row in stored[part]:
        name = names[row["network"], row["keep"]]
        table.append((name, how, remembering(row["judged"])))
torch.manual_seed(0)
found = [train(Reader(LSTM, 0), 32, 0, 3e-3, steps=600, shortest=1)]
table.append(("LSTM, b = 0", "all lengths, here", remembering(found)))
Table(table, {"network": "", "training": "", "remember 32 words": ""})

# %% [markdown]
# At this rate patience does nothing for the LSTMs, and helps some seeds of the others. With short texts among the long
# ones nearly all remember, in a fifth of these steps. Weights that hold a name exist; what failed was the way there.
# Our reading: short texts, from which a gradient comes back, teach a network to note the names, and longer ones to hold
# them. What an open gate buys is a gradient from the first day, without such help.
#
# ### The gate that survived
#
# Many recurrent networks of today are built around {eq}`eq-lstm-product`, and drop what stood in its way. [Linear
# attention](https://arxiv.org/abs/2006.16236) keeps a matrix as its state and only adds to it: its forget gate is 1, as in
# 1997. [S4](https://arxiv.org/abs/2111.00396) multiplies its state at every step by a matrix that is learnt, and the same for all inputs.
# [Mamba](https://arxiv.org/abs/2312.00752) lets the input choose; in the simplest case (its Theorem 1), each number of the input has a state
# $h_t = (1 - g_t)\, h_{t-1} + g_t\, x_t$, with a gate $g_t$ that
# looks at the input only. The [minGRU](https://arxiv.org/abs/2410.01201) is the same with a linear map of the input for $x_t$.
# [xLSTM](https://arxiv.org/abs/2405.04517) has two kinds of cells, with an exponential as their input gate. In one of them the memory is a matrix and the gates
# look at the input only; the other keeps $\mathbf{h}_{t-1}$ in its gates, and has to be read word by word. Where $\mathbf{h}_{t-1}$ is not in the gates,
# there is no $S_t$ in {eq}`eq-lstm-jacobian`: the product of the gates is the *whole* derivative, and all steps can be
# computed at once, as sums along a tree.
#
# ## A ladder towards the speed of PyTorch
#
# Typed as they stand, {eq}`eq-lstm-gates` ask for eight products at every word. In batches:

# %%
from torch.nn.functional import linear


def eight_linears(x, W, U, b, v):  # v: the second bias
    gates = list(zip(*(weight.chunk(4) for weight in (W, U, b, v)), strict=True))
    h = c = x.new_zeros(len(x), U.shape[1])  # (batch, d_h)
    outputs = []
    for now in x.unbind(1):  # (batch, d)
        i, f, g, o = (linear(now, W, b) + linear(h, U, v) for W, U, b, v in gates)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)  # (batch, length, d_h)


# %% [markdown]
# A processor likes one large product better than four small ones. *Fused gates*
# multiply by all of them, and cut the result:


# %%
def fused_gates(x, W, U, b, v):
    h = c = x.new_zeros(len(x), U.shape[1])
    outputs = []
    for now in x.unbind(1):
        i, f, g, o = (linear(now, W, b) + linear(h, U, v)).chunk(4, 1)  # (batch, d_h)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


# %% [markdown]
# Only the product with $\mathbf{h}_{t-1}$ has to wait; the inputs are all there. *Hoisted input* makes their share, for
# all words, in one product before the loop:


# %%
def hoisted_input(x, W, U, b, v):
    given = linear(x.transpose(0, 1), W, b + v)  # (length, batch, 4 d_h)
    h = c = x.new_zeros(len(x), U.shape[1])
    outputs = []
    for now in given:
        i, f, g, o = torch.addmm(now, h, U.T).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


# %%
x, theirs = draw(3, 7, d), nn.LSTM(d, 5, batch_first=True).double()
ways = (eight_linears, fused_gates, hoisted_input)
apart = [(way(x, *theirs.parameters()) - theirs(x)[0]).abs().max() for way in ways]
print(f"all three within 1e-12 of nn.LSTM: {max(apart) < 1e-12}")

# %% [markdown]
# The same helps on the way back. Let $\boldsymbol\delta_t \in \mathbb{R}^{4 d_h}$ be the derivative of the loss by
# what goes into the four squashing functions. As in {eq}`eq-rnn-gradient`, the gradient of $U$, all four stacked, is
#
# $$
# \frac{\partial L}{\partial U} = \sum_{t=1}^{T} \boldsymbol\delta_t\, \mathbf{h}_{t-1}^\top = \Delta^\top H ,
# $$ (eq-lstm-weight-gradient)
#
# where the rows of $\Delta$ ($T \times 4 d_h$) are the $\boldsymbol\delta_t$, those of $H$ ($T \times d_h$) the
# $\mathbf{h}_{t-1}$. Autograd makes the $T$ products one by one, and adds the matrices up. Written *by hand*, as in the
# helper (`scratch.bptt`) and in exercise 3, the backward pass only collects the $\boldsymbol\delta_t$, and makes one
# product in the end. Now all of them, with 64 texts of 32 words, $d = d_h = 256$ and two layers, forward and backward,
# taking turns on one machine (`benchmarks/recurrent.py`): the time in units of PyTorch's, the median of three runs of
# 21 rounds each.

# %%
ratios = {
    (row["network"], row["rung"], row["threads"]): row["ratio"]
    for row in stored["ladder"]
}
rungs = dict.fromkeys(key[:2] for key in ratios if key[1] != "torch")
helper = {("LSTM", "scratch"): "by hand", ("GRU", "scratch"): "helper"}
table = []
for network, rung in rungs:
    times = (ratios[network, rung, threads] for threads in (1, 2))
    table.append((network, helper.get((network, rung), rung), *times))
Table(table, {"network": "", "rung": "", "one thread": ".2f", "two threads": ".2f"})

# %% [markdown]
# From rung to rung the LSTM comes nearer to PyTorch's, by the same work in larger pieces. The GRU's helper stands on
# the third rung, with autograd's backward pass. On graphics processors Appleyard and colleagues
# {cite:p}`appleyard2016optimizing` gained an order of magnitude over a naive version by steps of this kind.

# %% [markdown]
# ## Check yourself
#
# **1. All weights and biases of an LSTM are 0, and one number of its memory is 4. What is that number three words later?**
#
# - **A** 4, since nothing is written and nothing erased.
# - **B** 0, since every gate is shut.
# - **C** 0.5, whatever the words are.
# - **D** 2, since the forget gate is at a half.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Nothing is written, since $\mathbf{g} = \tanh(0) = 0$. But a forget gate with the argument 0 is half shut, not open.
# - **B ✗** A gate is shut where its argument is far below 0. At 0 it is $\sigma(0) = 1/2$.
# - **C ✓** Each word halves it, $4 \cdot 2^{-3}$, and none adds anything. This is how a fresh LSTM, with small weights, begins.
# - **D ✗** That is the number after one word. The gate acts at each of the three.
#
# </details>

# %% [markdown]
# **2. You want a memory time of a thousand words. Which $b$ do you give the forget gates?**
#
# - **A** 0.999, since the gate must be there.
# - **B** About 6.9, the logarithm of a thousand.
# - **C** About 1000, since $\tau(b)$ grows with $b$.
# - **D** About 3, one for each zero.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is about the gate, $\sigma(b)$; the bias stands inside of $\sigma$. With $b = 0.999$ the gate is at 0.73.
# - **B ✓** $\tau(b) \approx e^b$ for large $b$, so $b \approx \ln 1000$.
# - **C ✗** It grows like $e^b$. In 32 bits $\sigma(1000)$ is exactly 1, and the gate could never learn to shut.
# - **D ✗** The logarithm is right, its base is not: $e^3$ is about 20 words.
#
# </details>

# %% [markdown]
# **3. How many parameters does `nn.GRU(10, 20)` have?**
#
# - **A** 1,920
# - **B** 2,560
# - **C** 1,860
# - **D** 640
#
# <details><summary>Answer</summary>
#
# - **A ✓** Three rows of $20 \cdot (10 + 20)$ weights and $2 \cdot 20$ biases.
# - **B ✗** That is the LSTM, which has four such rows.
# - **C ✗** Here each row has one bias for each unit. PyTorch has two, and in a GRU the second matters.
# - **D ✗** That is one row: a plain network.
#
# </details>

# %% [markdown]
# **4. To open the forget gates of `nn.LSTM`, someone fills their rows with 1 in every parameter whose name begins with `bias`. Where do the gates start?**
#
# - **A** At about 0.73, as was the plan.
# - **B** At about 0.88, further open than planned.
# - **C** At 1, since that is what was written into them.
# - **D** At about a half, since only the weights act before training.
#
# <details><summary>Answer</summary>
#
# - **A ✗** $\sigma(1)$ is 0.73, and would be right with one bias. PyTorch has two.
# - **B ✓** `bias_ih` and `bias_hh` are added up, so that $b = 2$, and $\sigma(2)$ is the gate.
# - **C ✗** What was filled is the bias, inside of $\sigma$. No finite bias opens a gate fully, except by rounding.
# - **D ✗** The other way round: fresh weights are small, so that the bias decides.
#
# </details>

# %% [markdown]
# **5. In a GRU of PyTorch's, one number of $\mathbf{z}_t$ is 1. What does its unit do at this word?**
#
# - **A** It takes the proposal, since the update gate is open.
# - **B** It starts again from zero.
# - **C** It adds the proposal to what it has.
# - **D** It keeps its number, whatever the word is.
#
# <details><summary>Answer</summary>
#
# - **A ✗** So it would be in the other convention, in which $1 - \mathbf{z}_t$ keeps. The name *update gate* suggests it, and misleads here.
# - **B ✗** No gate of a GRU does that by itself. To forget, a unit has to write something else.
# - **C ✗** An LSTM can add, with both gates open. In a GRU the two shares, $\mathbf{z}_t$ and $1 - \mathbf{z}_t$, are coupled.
# - **D ✓** $\mathbf{h}_t = (1 - \mathbf{z}_t) \odot \mathbf{g}_t + \mathbf{z}_t \odot \mathbf{h}_{t-1}$: nothing of the proposal, all of the old.
#
# </details>

# %% [markdown]
# **6. A GRU was trained in a program that applies the reset gate before the product. Its weights are loaded into `nn.GRU`. What happens?**
#
# - **A** PyTorch refuses them, since the shapes differ.
# - **B** Nothing changes: a gate that is learnt does not care where it stands.
# - **C** They fit, no error is raised, and the outputs are wrong.
# - **D** The outputs are right as long as no biases are used.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Both versions have matrices of the same shapes. Nothing tells them apart.
# - **B ✗** That holds for training from the start. These weights were learnt for the other place.
# - **C ✓** $U_g(\mathbf{r} \odot \mathbf{h})$ and $\mathbf{r} \odot (U_g \mathbf{h})$ are different vectors. Compare the outputs on one example before you trust a copy.
# - **D ✗** Without biases the two still differ, since the matrix mixes the units before the gate, or after it.
#
# </details>

# %% [markdown]
# **7. Suppose that gates and proposal look at the word alone, and not at $\mathbf{h}_{t-1}$. What is $\partial \mathbf{c}_t / \partial \mathbf{c}_{t-1}$ then?**
#
# - **A** $\mathrm{diag}(\mathbf{f}_t)$, and nothing besides.
# - **B** $S_t\, E_{t-1}$, since the way inside the cell is gone.
# - **C** The identity, so that no gradient ever fades.
# - **D** What it was, since $\mathbf{h}_{t-1}$ is computed all the same.
#
# <details><summary>Answer</summary>
#
# - **A ✓** The only way left from $\mathbf{c}_{t-1}$ to $\mathbf{c}_t$ is the first product. This is what many recurrent networks of today have bought by giving up the second.
# - **B ✗** It is the other way that is gone, the one through $\mathbf{h}_{t-1}$.
# - **C ✗** Only where the forget gates are fully open. Half shut, they halve the gradient at every word, as before.
# - **D ✗** It is computed and shown, but nothing at step $t$ reads it, so that changing it changes nothing there.
#
# </details>

# %% [markdown]
# **8. An LSTM does not learn to remember a name for 32 words, at any step size that is tried. Trained on texts of 1 to 32 words, it does. What does that show?**
#
# - **A** That its memory holds 32 words only if all lengths have been seen.
# - **B** That it was trained too briefly before.
# - **C** That short texts are easier, so that the test was easier, too.
# - **D** That it could have held the name, and did not find the way there.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Networks with an open forget gate, trained on the longest texts only, remember them.
# - **B ✗** Five times as many steps did not help it.
# - **C ✗** The test had 32 words in both cases.
# - **D ✓** The same network, with other weights, does the task. What the long texts alone did not give it is a gradient that points there.
#
# </details>

# %% [markdown]
# **9. Why is one product with stacked matrices faster than four products with the single ones?**
#
# - **A** It has fewer multiplications to do.
# - **B** It hands the same multiplications over in one larger piece.
# - **C** It need not wait for $\mathbf{h}_{t-1}$ any more.
# - **D** It shares weights between the gates.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Each row of each matrix meets the same vector as before; not one multiplication is saved.
# - **B ✓** Every call has a cost of its own, and a processor does large products in a better order than small ones.
# - **C ✗** All four gates need $\mathbf{h}_{t-1}$, stacked or not. Only the inputs' share can be computed beforehand.
# - **D ✗** Stacked matrices lie under each other; each gate keeps its own rows.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


def mine(x, h, c, W, U, b):  # (batch, d), (batch, d_h) twice; gates i, f, g, o
    raise NotImplementedError  # -> h, c


print(check.lstm_cell(mine))

# %% [markdown]
# > **Exercise 1 (pencil, medium, 20 minutes).** Suppose that no forget gate ever exceeds $\bar f < 1$. Show that every number of
# > $\mathbf{c}_t$ stays within $\pm 1 / (1 - \bar f)$. What is left of this in 1997, with $\mathbf{f} = 1$, and what
# > becomes of the matrix $E_{t-1}$ of {eq}`eq-lstm-jacobian` then?
# >
# > ([Asked](https://stats.stackexchange.com/questions/449773/can-vanishin-gradient-occur-because-of-saturation-cell-state-in-lstm-without-for)
# > by a reader.)
# >
# > *Hint: a geometric series. Then let the network read the same word again and again.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# For one number of the memory, $|i_t\, g_t| < 1$, since a gate lies between 0 and 1 and a $\tanh$ between −1 and 1. So
#
# $$
# \begin{aligned}
# |c_t| &< \bar f\, |c_{t-1}| + 1 < \bar f\,(\bar f\, |c_{t-2}| + 1) + 1 \\
# &< \dots < 1 + \bar f + \bar f^2 + \dots = \frac{1}{1 - \bar f} ,
# \end{aligned}
# $$
#
# beginning from $c_0 = 0$. With $\mathbf{f} = 1$ the series does not converge: only $|c_t| < t$ is left.
#
# And that much may come about. If the same word is read again and again, $\mathbf{h}$ settles, and so do $\mathbf{i}$
# and $\mathbf{g}$; then each word adds the same to $\mathbf{c}$, which grows along a straight line. The $\tanh$ of a
# large number is flat: $E_{t-1}$, with its $1 - \tanh^2 \mathbf{c}_{t-1}$, goes to zero. The memory still has its
# gradient 1 along the cell, but what stands in it can no longer be changed in what is shown. The forget gate keeps
# $\mathbf{c}$ where $\tanh$ has a slope.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
torch.manual_seed(0)
old = LSTMCell(4, 3).double()
old.bias_ih.data[3:6] += 99  # f = 1
state, sizes, slopes = None, {}, {}
for t in range(1, 401):
    state = old(torch.ones(1, 4).double(), state)
    sizes[t], slopes[t] = state[1].abs().max(), (1 - state[1].tanh() ** 2).max()
print(f"twice the words, memory times {sizes[400] / sizes[200]:.1f}")
print(f"1 - tanh² below 1e-12: {slopes[400] < 1e-12}")

# %% [markdown]
# > **Exercise 2 (code, hard, 30 minutes).** Derive $\partial \mathbf{h}_t / \partial \mathbf{h}_{t-1}$ for the GRU with the reset gate after
# > the product, and check it with autograd. Which term takes the place of $\mathrm{diag}(\mathbf{f}_t)$?
# >
# > *Hint: $\mathbf{h}_{t-1}$ enters in four places: as it is, and through $\mathbf{z}$, $\mathbf{r}$ and $U_g$.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Write $\mathbf{h}$ for $\mathbf{h}_{t-1}$, leave out the other $t$, and put $\mathbf{s} = U_g \mathbf{h} + \mathbf{v}_g$, so that
# $\mathbf{g} = \tanh(\mathbf{a} + \mathbf{r} \odot \mathbf{s})$. In $(1 - \mathbf{z}) \odot \mathbf{g} + \mathbf{z} \odot \mathbf{h}$ the state enters as it is, which gives
# $\mathrm{diag}(\mathbf{z})$; through $\mathbf{z}$, which stands before $\mathbf{h} - \mathbf{g}$; and through $\mathbf{g}$, by way of $\mathbf{s}$ and of $\mathbf{r}$:
#
# $$
# \begin{aligned}
# \frac{\partial \mathbf{h}_t}{\partial \mathbf{h}} = {} & \mathrm{diag}(\mathbf{z}) \\
# {} + {} & \mathrm{diag}\bigl((\mathbf{h} - \mathbf{g}) \odot \mathbf{z}'\bigr)\, U_z \\
# {} + {} & \mathrm{diag}\bigl((1 - \mathbf{z}) \odot \mathbf{g}'\bigr)\, \bigl(\mathrm{diag}(\mathbf{r})\, U_g \\
# & \qquad {} + \mathrm{diag}(\mathbf{s} \odot \mathbf{r}')\, U_r\bigr) ,
# \end{aligned}
# $$
#
# where $\mathbf{z}' = \mathbf{z} \odot (1 - \mathbf{z})$, $\mathbf{r}' = \mathbf{r} \odot (1 - \mathbf{r})$ and
# $\mathbf{g}' = 1 - \mathbf{g} \odot \mathbf{g}$. The term that takes the place of $\mathrm{diag}(\mathbf{f}_t)$ is
# $\mathrm{diag}(\mathbf{z})$.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
gru, x, h = GRUCell(d, d_h).double(), draw(d), draw(d_h)
a_r, a_z, a = (gru.weight_ih @ x + gru.bias_ih).detach().chunk(3)  # (d_h,) each
U_r, U_z, U_g = gru.weight_hh.detach().chunk(3)  # (d_h, d_h) each
v_r, v_z, v_g = gru.bias_hh.detach().chunk(3)
r, z = (a_r + U_r @ h + v_r).sigmoid(), (a_z + U_z @ h + v_z).sigmoid()
s = U_g @ h + v_g
g = (a + r * s).tanh()
inner = torch.diag(r) @ U_g + torch.diag(s * r * (1 - r)) @ U_r
ours = torch.diag(z) + torch.diag((h - g) * z * (1 - z)) @ U_z
ours += torch.diag((1 - z) * (1 - g * g)) @ inner
exact = torch.autograd.functional.jacobian(lambda h: gru(x[None], h[None])[0], h)
print(f"within 1e-12 of autograd: {(ours - exact).abs().max() < 1e-12}")

# %% [markdown]
# > **Exercise 3 (code, hard, 45 minutes).** Write the LSTM's backward pass for one text: from $\partial L_t / \partial \mathbf{h}_t$ for
# > every word to the gradients of all weights, by {eq}`eq-lstm-weight-gradient`. Check it with `nn.LSTM`.
# >
# > *Hint: go back as in the last chapter, with two vectors in hand, the derivatives by $\mathbf{h}_t$ and by
# > $\mathbf{c}_t$. Keep the gates of the way forward.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
theirs, X, G = nn.LSTM(d, d_h).double(), draw(6, d), draw(6, d_h)
W_4, U_4, b_4, v_4 = (weight.detach() for weight in theirs.parameters())
(h, c, back_h, back_c), kept, deltas = torch.zeros(4, d_h).double(), [], []
for x in X:
    i, f, g, o = (W_4 @ x + b_4 + U_4 @ h + v_4).chunk(4)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    new_c = f * c + i * g
    kept.append((h, c, i, f, g, o, new_c.tanh()))
    h, c = o * new_c.tanh(), new_c
for G_t, (_, c, i, f, g, o, tanh_c) in zip(G.flip(0), kept[::-1], strict=True):
    back_h = back_h + G_t
    back_c = back_c + back_h * o * (1 - tanh_c**2)
    gates = back_c * g * i * (1 - i), back_c * c * f * (1 - f), back_c * i * (1 - g**2)
    deltas.append(torch.cat([*gates, back_h * tanh_c * o * (1 - o)]))  # (4 d_h,)
    back_h, back_c = U_4.T @ deltas[-1], back_c * f
Delta, H = torch.stack(deltas[::-1]), torch.stack([h for h, *_ in kept])
ours = Delta.T @ X, Delta.T @ H, Delta.sum(0), Delta.sum(0)
exact = torch.autograd.grad(theirs(X)[0], [*theirs.parameters()], G)
apart = [(one - other).abs().max() for one, other in zip(ours, exact, strict=True)]
print(f"all four gradients within 1e-12 of nn.LSTM's: {max(apart) < 1e-12}")

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** Who knows $T$ beforehand? Tallec and Ollivier {cite:p}`tallec2018can` draw a forget bias for
# > each unit, $\ln u$ with $u$ uniform between 1 and $T - 1$, where $T$ is the longest range expected, and set the input
# > bias to its negative. Which memory times does that give? Does it bridge 128 words?
# >
# > *Hint: $\tau(\ln u)$ for large $u$. Rows 0 to $d_h$ are the input gate.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# By the formula for the memory time, $\tau(\ln u) = 1 / \ln(1 + 1/u)$, which is about $u$ for large $u$. So the memory
# times are spread evenly from about 1 to $T - 1$: some units are made for short ranges and some for long ones. And
# since the input bias is the negative, the input gate starts at $\sigma(-\ln u) = 1/(1 + u)$: the longer a unit keeps,
# the less it writes at each word. (One seed; try others.)
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
torch.manual_seed(0)
reader = Reader(LSTM, 0)
keep = torch.empty(32).uniform_(1, 127).log()
for bias in (reader.network.bias_ih_l0, reader.network.bias_hh_l0):
    bias.data.zero_()
reader.network.bias_ih_l0.data[:64] = torch.cat([-keep, keep])
print("remembers after 128 words:", train(reader, 128, seed=0, rate=3e-3) > 0.9)

# %% [markdown]
# > **Exercise 5 (open, hard, 40 minutes).** Give the plain network its best chance at $T = 32$. Can you start it so that it remembers at a
# > rate of 0.003, too?
# >
# > *Hint: what must its $W_h$ be for the state to stay as it is? What do the words in between do to it?*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# With $W_h = I$ the state is copied, as Le, Jaitly and Hinton [do with ReLUs](https://arxiv.org/abs/1504.00941), and
# small inputs keep $\tanh$ where it is nearly straight. The gradient gets through, and the network gets better than
# guessing. But every word still adds to the state: the network has to make a thousand vectors small, where an LSTM
# shuts a gate. And a start, too, has its rate: the plain network as it comes was best at 0.01.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
results = []
for seed in range(3):
    torch.manual_seed(seed)
    reader = Reader(RNN, 0)
    network = reader.network
    network.weight_hh_l0.data = torch.eye(32)
    network.weight_ih_l0.data *= 0.1
    for bias in (network.bias_ih_l0, network.bias_hh_l0):
        bias.data.zero_()
    results.append(train(reader, 32, seed, rate=3e-3, steps=600))
usual = rows["RNN", 0, 32]["tried"]["0.003"]
for name, found in (("usual", usual), ("identity", results)):
    better = sum(x > 0.35 for x in found)
    print(f"{name} start: {better} of {len(found)} seeds better than guessing")

# %% [markdown]
# > **Exercise 6 (open, medium, 30 minutes).** Is it the coupling that helps the GRU? Give an LSTM the input gate $1 - \mathbf{f}_t$, as Greff
# > and colleagues did ("CIFG"), and train it at the GRU's rate, 0.03, at $T = 32$.
# >
# > *Hint: a subclass of `nn.LSTM` with its own `forward` fits into `Reader`.*


# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
class Coupled(nn.LSTM):
    def forward(self, x):  # (batch, length, d)
        given = linear(x.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0)
        h = c = x.new_zeros(len(x), 32)
        outputs = []
        for now in given:
            a = now + linear(h, self.weight_hh_l0, self.bias_hh_l0)
            _, f, g, o = a.chunk(4, 1)  # (batch, 32)
            c = torch.lerp(g.tanh(), c, f.sigmoid())  # (1 - f) g + f c
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs, 1), (h, c)


results = []
for seed in range(2):
    torch.manual_seed(seed)
    results.append(train(Reader(Coupled, 0), 32, seed, rate=3e-2))
print(f"fresh, with coupled gates: {remembering(results)} remember 32 words")

# %% [markdown]
# ## You have
#
# - built an LSTM cell, set one to remember a subject past dogs and mats, and found it equal to `nn.LSTM`;
# - derived that the cell's gradient is a product of forget gates and more, and seen it fade;
# - built the GRU, with the reset gate before and after the product;
# - measured how far back each network learns to remember, and seen that gates and step size decide it together;
# - climbed from eight products a word to nearly the speed of PyTorch.
#
# ## Further reading
#
# - S. Hochreiter and J. Schmidhuber, [Long short-term memory](https://doi.org/10.1162/neco.1997.9.8.1735), 1997.
# - F. Gers, J. Schmidhuber and F. Cummins, [Learning to forget](https://doi.org/10.1162/089976600300015015), 2000.
# - R. Jozefowicz, W. Zaremba and I. Sutskever, [An empirical exploration of recurrent network
#   architectures](https://proceedings.mlr.press/v37/jozefowicz15.html), 2015: ten thousand other cells.
# - C. Tallec and Y. Ollivier, [Can recurrent neural networks warp time?](https://arxiv.org/abs/1804.11188), 2018: why gates
#   at all, from one axiom.
