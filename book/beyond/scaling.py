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
# # Scaling: what does more buy?
#
# You have one hour of one processor core, and want a model of letters that is surprised as little as possible. You can
# make the network wider, and show it less text in that hour. Or keep it narrow, and let it read more. Next month you
# will have four hours. How good will the model be then, and is it worth waiting? Whoever trains a large model asks
# just this, with a million hours in place of four, and gets one try. **What does more buy?**
#
# If loss fell with size and text in no regular way, there would be nothing to say but *try*. It falls so regularly,
# over many powers of ten, that a line through small trainings tells what a large one will do
# {cite:p}`kaplan2020scaling,hoffmann2022training`. Such lines are drawn everywhere, and nearly always through what was
# already known. We draw one, write down what it says of four times the compute, lock it away, and then look.
#
# More also means more processes. One that has a second core wants to use it; so the second half of this chapter
# spreads a training over several, loses nothing by it, and makes a trainer for texts that fit into no memory.
#
# **You will**
#
# - measure how the surprise of a network falls with its width and with its text, sixteen sizes, three seeds each;
# - fit a law with three terms, give its exponents intervals, and test its prediction on four times the compute;
# - build data parallelism, and show that two processes learn what one does, to the last digit that means something;
# - train a model with `torchrun`, kill it in the middle, and find that nothing is lost.
#
# **You need** the Transformer's layers, `scratch.training`, and the bootstrap's idea of an interval. The chapter runs
# in about 40 seconds on one processor core.

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
# ## Letters, and how surprising they are
#
# The text is what presidents told Congress, letter by letter: twelve million of them, 39 kinds. A Transformer of two
# layers, in which no place looks at a later one, guesses each next letter. Its loss is the mean surprise
# $-\ln p$, in nats a letter. Two things will vary: the width $d$, and the number $D$ of letters that it is shown, each of
# them once.

# %%
import torch
from torch import nn

from scratch.corpora import load
from scratch.language_model import Causal  # an encoder whose mask is a triangle
from scratch.training import fit

LETTERS, LENGTH, BATCH = " abcdefghijklmnopqrstuvwxyz0123456789'-", 64, 16


class Model(nn.Module):
    def __init__(self, dim):
        super().__init__()
        V = len(LETTERS)
        self.encoder = Causal(V, dim, 2, dim // 16, max_length=LENGTH, norm_first=True)
        self.output = nn.Linear(dim, V)

    def loss(self, rows):  # rows (batch, 65): every letter after the first is guessed
        scores = self.output(self.encoder(rows[:, :-1]))  # (batch, 64, V)
        return nn.functional.cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten())

# %% [markdown]
# What counts as the size $N$? Almost all work is done in the layers: two matrices $d \times 4d$ and $4d \times d$, and four
# $d \times d$ of attention, so that each layer has about $12 d^2$ weights. Every weight is multiplied once for every letter
# on the way forward and twice on the way back, a multiplication and an addition each time, so a training takes about
#
# $$
# C = 6\, N D
# $$ (eq-sc-compute)
#
# operations {cite:p}`kaplan2020scaling`. The tables of letters are left out of $N$: they are looked up, not multiplied.

# %%
place = {letter: i for i, letter in enumerate(LETTERS)}
spoken = " ".join(" ".join(sentence) for sentence in load("state-of-the-union")[:9000])
ids = torch.tensor([place[c] for c in spoken if c in place])
rows = ids.unfold(0, LENGTH + 1, LENGTH)  # (…, 65)
rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
held, training = rows[:200], rows[200:]
sizes, counted = [], {}
for dim in (16, 32, 64, 128):
    torch.manual_seed(0)
    model = Model(dim)
    counted[dim] = sum(p.numel() for p in model.encoder.layers.parameters())
    sizes.append((dim, counted[dim], counted[dim] / (2 * 12 * dim**2)))
Table(sizes, {"d": "d", "N": ",", "of 2 · 12 d²": ".3f"})

# %% [markdown]
# Two small trainings, to see the thing work: the same width, one with four times as many letters.

# %%
losses = {}
for letters in (2**13, 2**15):
    torch.manual_seed(0)
    model, shown = Model(32), training[: letters // LENGTH].split(BATCH)
    fit(model.parameters(), model.loss, shown, 0.016, warmup=len(shown) // 10, clip=1.0)
    with torch.no_grad():
        losses[letters] = model.loss(held).item()
print("more letters, less surprise:", losses[2**15] < losses[2**13] - 0.2)

# %% [markdown]
# ## Sixteen sizes
#
# `benchmarks/scaling.py` has done so for four widths and four lengths of text, at every one of the sixteen points with the
# step size that is best *there*. That matters: a wide network wants smaller steps, a long training others than a short
# one, and whoever takes one step size for all draws the law of that step size. Three seeds each, which also draw
# which letters are shown; the losses are on text that no training has seen.

# %%
import numpy as np

from scratch.corpora import load_results

results = load_results("scaling")
grid = results["grid"]
N, D, L = (np.array([row[name] for row in grid], float) for name in ("weights", "letters", "test"))
widths, texts = (sorted({row[name] for row in grid}) for name in ("width", "letters"))
means = {}
for width in widths:
    for letters in texts:
        own = [row for row in grid if (row["width"], row["letters"]) == (width, letters)]
        means[width, letters] = np.mean([row["test"] for row in own])
columns = {"d": "d"} | {f"D = {letters:,}": ".3f" for letters in texts}
Table([(w, *(means[w, n] for n in texts)) for w in widths], columns)

# %% [markdown]
# TODO what the table says.
#
# ## A law with three terms
#
# Hoffmann and colleagues put it into one formula {cite:p}`hoffmann2022training`:
#
# $$
# L(N, D) = E + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}} .
# $$ (eq-sc-law)
#
# $E$ is what would be left with endless weights and endless text: letters are not certain, even to someone who knows
# English. The second term is what the network is too small for, the third what it has not read. Five numbers, which we
# choose so that the *logarithms* of the losses are met, as the paper did, by a measure (Huber's) that forgives a stray
# point.

# %%
from scipy.optimize import least_squares


def law(x, N, D):
    """E + A N^-alpha + B D^-beta; x holds logarithms, so that all five are positive."""
    E, A, alpha, B, beta = np.exp(x)
    return E + A * (N / 1e5) ** -alpha + B * (D / 1e5) ** -beta


def residual(x):
    return np.log(law(x, N, D)) - np.log(L)


x = least_squares(residual, np.log([1, 0.3, 0.3, 0.3, 0.3]), loss="huber", f_scale=0.01).x
stored = results["predict"]
rows = []
for i, name in enumerate(("E", "alpha", "beta")):
    rows.append((name, np.exp(x)[[0, 2, 4][i]], stored["law"][name], *stored["intervals"][name]))
Table(rows, {"": "", "fitted here": ".3f", "stored": ".3f", "from": ".3f", "to": ".3f"})

# %% [markdown]
# TODO the exponents.
#
# > **Pitfall.** *An exponent without an interval.* A power law through a handful of points always looks straight. The
# > intervals here come from drawing the runs anew within each point, and from drawing, too, what the law misses its own
# > points by. Without the second they would be far too narrow, for the law is a habit of the data and no truth.
#
# ## A prediction, locked away
#
# What does the law say of four times the compute of our largest training? There are two ways to spend it, twice the
# width or four times the text. The benchmark wrote down both losses with their intervals, together with the hash of the
# rows that it knew and the day; the file went into the book's history; and only then did it train. (It refuses to
# train if the rows are others.)

# %%
found, rows = results["test"], []
for said in stored["points"]:
    runs = [
        row["test"]
        for row in found
        if (row["width"], row["letters"]) == (said["width"], said["letters"])
    ]
    low, high = said["interval"]
    verdict = "hit" if low <= np.mean(runs) <= high else "miss"
    spread = f"{min(runs):.3f} to {max(runs):.3f}"
    rows.append(
        (said["width"], said["letters"], said["loss"], low, high, np.mean(runs), spread, verdict)
    )
columns = {"d": "d", "D": ",", "predicted": ".3f", "from": ".3f", "to": ".3f"}
Table(rows, columns | {"found": ".3f", "three seeds": "", "": ""})

# %% [markdown]
# TODO hit or miss, and why.
#
# ## How to spend an hour
#
# With the law one can ask what to do with a given $C = 6ND$: for each width the text is what is left, and somewhere
# between *too small to learn it* and *too large to read it* lies the best.
#
# TODO figure: loss by N along lines of equal compute
#
# ## Two readers, one model
#
# Four times the compute need not take four times as long. A second process can read other rows at the same time, if
# both end with the same weights. The gradient of a mean over rows is the mean of the rows' gradients, so let each
# of $R$ processes have the whole model and read $n_r$ rows of the batch; then
#
# $$
# \nabla L = \frac{\sum_{r=1}^{R} n_r\, \nabla L_r}{\sum_{r=1}^{R} n_r} .
# $$ (eq-sc-parallel)
#
# This is *data parallelism* (数据并行). By hand, with a last batch of 15 rows for two readers:

# %%
def gradient(model, rows):
    model.zero_grad()
    model.loss(rows).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


torch.manual_seed(0)
model, batch = Model(32), training[:15]
whole = gradient(model, batch)
parts = [gradient(model, batch[reader::2]) for reader in range(2)]  # 8 rows, 7 rows
weighted = (8 * parts[0] + 7 * parts[1]) / 15
plain = (parts[0] + parts[1]) / 2
for name, ours in (("weighted by rows", weighted), ("plain mean", plain)):
    far = (ours - whole).norm() / whole.norm()
    print(f"{name}: the gradient of the whole batch to within 1e-6: {far < 1e-6}")

# %% [markdown]
# The plain mean gives a row of the smaller half more say than one of the larger. PyTorch's own wrapper takes it; most
# trainings never notice, since they drop a last batch that is not even.
#
# What must be sent from process to process? One number for every weight, at every step, and each must get the sum of
# all: an operation called *all-reduce*. The helper puts it into one message.

# %%
import inspect

from scratch.distributed import DataParallel

source = inspect.getsource(DataParallel.synchronize)
print(source[source.index("        used =") :])

# %% [markdown]
# Three cases hide in these lines. A weight that is *used twice*, as a table that also scores, is one parameter and is sent
# once. A weight that *no process has used* keeps `None` for a gradient, as it would alone: with zeros in its place, Adam
# would go on moving it. And a process *without a row* says 0 and still takes part, for an all-reduce waits for all.
# *Frozen* weights are not sent.
#
# Now for real. `torchrun` starts a program several times and tells each copy its number. Each builds a model of its *own*
# random start, reads its own rows, and takes twenty steps of Adam; the first copy then does the whole alone and compares.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import copy, torch
from torch import distributed as dist, nn
from scratch.distributed import DataParallel
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(rank)
ours = DataParallel(nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1)).double())
alone = copy.deepcopy(ours.module)
adams = [torch.optim.Adam(model.parameters()) for model in (ours, alone)]
data = torch.Generator().manual_seed(0)
for step in range(20):
    rows = torch.randn(15, 9, generator=data, dtype=torch.double)
    for model, mine in ((ours, rows[rank::2]), (alone, rows)):
        model.zero_grad()
        (model(mine[:, :8])[:, 0] - mine[:, 8]).square().mean().backward()
    ours.synchronize(len(rows[rank::2]))
    for adam in adams:
        adam.step()
far = max((p - q).abs().max().item() for p, q in zip(ours.parameters(), alone.parameters()))
print(f"process {rank}: its largest distance from one that reads all is below 1e-14: {far < 1e-14}")
"""

# %%
folder = Path(tempfile.mkdtemp())
(folder / "program.py").write_text(PROGRAM)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
done = subprocess.run(
    [*TORCHRUN, "--nproc-per-node=2", folder / "program.py"], capture_output=True, text=True
)
print(*sorted(done.stdout.splitlines()), sep="\n")

# %% [markdown]
# > **Pitfall.** *Every process reads the same rows.* Nothing fails; two processes then do the work of one, twice. PyTorch's
# > sampler must be told the epoch (`set_epoch`), or it deals the same order every time: its own examples
# > [forgot](https://github.com/pytorch/examples/issues/1074).
#
# > **Pitfall.** *The same seed in every process.* Starting weights should be alike, and are sent round anyway. But dropout
# > with one seed drops the same places in all rows of all processes.
#
# ## A trainer that can be killed
#
# TODO: pretrain
