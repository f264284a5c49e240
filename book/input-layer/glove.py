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
# # GloVe: counting or predicting?
#
# *Troops* stand near *army*, *vessels* near *navy*. The last two chapters found such things out by
# guessing: look at a place in the text, guess, be corrected, go on. But nobody need guess: one could
# read the text once with a tally sheet, and count. Skip-gram itself learns from nothing but such a
# sheet (exercise 3 of the first word2vec chapter).
#
# **Counting or predicting: which gives the better vectors?** In 2014 a paper announced its answer in
# the title, "Don't count, predict!" {cite:p}`baroni2014dont`. In the same year GloVe
# {cite:p}`pennington2014glove` came out, which learns to predict the counts. A year later much of the
# difference was found to come from settings, and not from the methods {cite:p}`levy2015improving`. We
# build all of them, on one text, and let people's judgements decide.
#
# **You will**
#
# - count co-occurrences with a weight that falls with the distance, by hand and a million words a
#   second;
# - turn counts into pointwise mutual information, and long rows of it into short vectors;
# - derive GloVe's loss from an argument about ratios, and check the argument on our text;
# - write its training loop, see the obvious batches learn next to nothing, find out why, and mend it;
# - compare five kinds of vectors on the same questions, with an interval around every score.
#
# **You need** the two chapters on word2vec, logarithms, and products of matrices. The chapter runs in
# about 40 seconds on one processor core.

# %%
try:
    import scratch
except ImportError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    get_ipython().run_line_magic("pip", f"install -q {book}")

# %% [markdown]
# ## A tally sheet
#
# Take three sentences, and for every two words of a sentence make a mark in a table: a row for the one,
# a column for the other. Should *cat* and *milk*, two places apart, count as much as *cat* and
# *drinks*? A nearer word tells more, so a pair at distance $k$ gets $1/k$ of a mark. With a vocabulary
# of $V$ words, the *co-occurrence matrix* (共现矩阵) $X \in \mathbb{R}^{V \times V}$ has the entries
#
# $$
# X_{ij} = \sum_{\text{pairs of } i,\, j} \frac{1}{k} ,
# $$ (eq-glove-counts)
#
# with one term for each place of word $i$ and each place of word $j$ in the same sentence that are
# $k \le m$ places apart, where $m$ is the size of the window. This is GloVe's way of counting.

# %%
import numpy as np

from scratch.text import tokenize

text = "The cat drinks milk. / The dog drinks milk. / The dog chases the cat."
toy = [tokenize(sentence) for sentence in text.split("/")]
toy_words = sorted({w for sentence in toy for w in sentence})
toy_ids = [[toy_words.index(w) for w in sentence] for sentence in toy]

by_hand = np.zeros((len(toy_words), len(toy_words)))  # (V, V)
for sentence in toy_ids:
    for t, i in enumerate(sentence):
        for k, j in enumerate(sentence[t + 1 :], start=1):  # a toy needs no window
            by_hand[i, j] += 1 / k
            by_hand[j, i] += 1 / k
print(" " * 8 + "".join(f"{w:>8}" for w in toy_words))
for w, row in zip(toy_words, by_hand, strict=True):
    print(f"{w:>8}" + "".join(f"{x:8.2f}" for x in row))

# %% [markdown]
# The table is symmetric, and *the* has been its own company in the last sentence, where it stands
# twice. A loop over all neighbours is slow in Python. The helper lays the text beside itself, shifted by
# $k$ places, and so gets all pairs at distance $k$ at once. It stores only the cells that are not zero
# (a *sparse* matrix, 稀疏矩阵).

# %%
from scratch.cooccurrence import cooccurrence

helper = cooccurrence(toy_ids, len(toy_words), window=10)  # (V, V), sparse
print("as by hand:", np.allclose(helper.toarray(), by_hand))

# %% [markdown]
# Now real text, the State of the Union addresses, and of these, to be quick, the words that occur at
# least 200 times. The others are taken out before the windows are laid.

# %%
from scratch.corpora import load
from scratch.text import Vocabulary

sentences = load("state-of-the-union")
counts = Vocabulary.from_tokens((w for s in sentences for w in s), min_count=200).counts
words = list(counts)
index = {word: i for i, word in enumerate(words)}
ids = [[index[w] for w in s if w in index] for s in sentences]
X = cooccurrence(ids, len(words), window=10)  # (V, V)

V = len(words)
print(f"{V:,} words, {X.nnz:,} cells, {X.nnz / V**2:.0%} of the square")
print(f"half of the cells are below {np.median(X.data):.2f}")
print(f"{(X.data > 10).mean():.0%} are above 10, and hold", end=" ")
print(f"{X.data[X.data > 10].sum() / X.sum():.0%} of all that was counted")

# %% [markdown]
# Most cells are nearly empty and a few are very full. Whom does *army* keep company with?

# %%
dense = X.toarray()  # (V, V): small enough here


def strongest(matrix, word, k=8):
    return " ".join(
        words[j] for j in np.argsort(-matrix[index[word]], kind="stable")[:k]
    )


for word in ("army", "january", "gold"):
    print(f"{word:>8}: {strongest(dense, word)}")

# %% [markdown]
# With everybody. *The* and *of* are near *army* because they are near everything. The count
# alone does not say whether two words seek each other out or are simply frequent.
#
# ## More often than by chance
#
# How many marks would *army* and *of* share if the words of the text were thrown together at random?
# Let $X_i = \sum_j X_{ij}$ be the sum of row $i$ and $X_\Sigma$ the sum of all. Drawing one mark, we
# hit row $i$ with probability $p(i) = X_i / X_\Sigma$, cell $ij$ with $p(i, j) = X_{ij} / X_\Sigma$. If
# rows and columns were independent, the latter would be $p(i)\,p(j)$. The logarithm of the ratio is the
# *pointwise mutual information* (点互信息, PMI) of the two words {cite:p}`church1990word`:
#
# $$
# \begin{aligned}
# \mathrm{PMI}_{ij} &= \ln \frac{p(i, j)}{p(i)\, p(j)} \\
# &= \ln \frac{X_{ij}\, X_\Sigma}{X_i\, X_j} .
# \end{aligned}
# $$ (eq-glove-pmi)
#
# It is 0 for a pair that meets as often as chance would have it, positive for words that seek each
# other's company, and minus infinity for a pair that never met. That last value is a nuisance, and it
# takes a lot of text to know that two words avoid each other. So one cuts at zero, and has the
# *positive* PMI, $\mathrm{PPMI}_{ij} = \max(0, \mathrm{PMI}_{ij})$.

# %%
total, row_sum = dense.sum(), dense.sum(1, keepdims=True)  # X is symmetric: columns too
with np.errstate(divide="ignore"):  # ln 0
    by_hand = np.maximum(np.log(dense * total / (row_sum * row_sum.T)), 0)  # (V, V)

from scratch.cooccurrence import ppmi

print("as by hand:", np.allclose(ppmi(X).toarray(), by_hand))
for word in ("army", "january", "gold"):
    print(f"{word:>8}: {strongest(by_hand, word)}")

# %% [markdown]
# That is company worth knowing (*s*, *st* and *th* are what our tokenizer leaves of *army's*, *1st* and
# *30th*). A row of PPMI is a vector for its word already, and two words are alike if they seek the same
# company. But PMI overrates rare words, since a rare $j$ has a tiny $p(j)$ to divide by. Levy, Goldberg
# and Dagan {cite:p}`levy2015improving` take a $p(j)$ in proportion to $X_j^{0.75}$, with the power that
# negative sampling uses, so that rare words count as a little less rare. We follow them (`smoothing`).
#
# ## Short vectors from long ones
#
# The rows are as long as the vocabulary. To shorten them, we look for a product of two narrow matrices
# that is as near as possible to $M \in \mathbb{R}^{V \times V}$, the matrix of PPMI. The
# *singular value decomposition* (奇异值分解, SVD) writes $M = P\,\Sigma\,Q^\top$, where the columns of
# $P$ and those of $Q$ have length 1 and are perpendicular to each other, and the diagonal matrix
# $\Sigma$ holds the *singular values*, the largest first. Keep the first $d$ of each:
#
# $$
# M \approx P_d\, \Sigma_d\, Q_d^\top, \quad P_d \in \mathbb{R}^{V \times d},
# $$ (eq-glove-svd)
#
# and no product of a $V \times d$ and a $d \times V$ matrix has a smaller sum of squared errors
# {cite:p}`eckart1936approximation`. Row $i$ of $P_d \Sigma_d$ is then a vector of $d$ numbers for word
# $i$. Words, however, do better with $P_d \Sigma_d^{1/2}$ or $P_d$ alone {cite:p}`levy2015improving`, in
# which the strongest directions weigh less.

# %%
from scratch.cooccurrence import svd_vectors

M = ppmi(X, smoothing=0.75)
short = svd_vectors(M, dim=50, power=0.5)  # (V, 50)

P, sigma, _ = np.linalg.svd(M.toarray())  # all V directions, to compare
theirs = P[:, :50] * sigma[:50] ** 0.5
print("as numpy's, up to signs:", np.allclose(np.abs(short), np.abs(theirs)))
kept = (sigma[:50] ** 2).sum() / (sigma**2).sum()
print(f"50 of {V:,} directions hold {kept:.0%} of the sum of squares")

# %%
import torch

from scratch.word2vec import keyed_vectors

svd = keyed_vectors(counts, torch.from_numpy(short))
for word in ("army", "january", "gold", "million"):
    near = sorted(w for w, _ in svd.most_similar(word, topn=5))
    print(f"{word:>8}: {' '.join(near)}")

# %% [markdown]
# These are the five nearest neighbours, in alphabetical order. Fifty directions hold less than half of
# the squares, nothing was trained, and yet the months are together.
#
# ## What a ratio knows
#
# How would one find out, from counts, what distinguishes *army* from *navy*? Compare the two rows. Let
# $p(k \mid i) = X_{ik} / X_i$ be the share of word $k$ in the company of $i$. Pennington, Socher and
# Manning, GloVe's authors, put such shares side by side, theirs for *ice* and *steam*, and looked at the
# ratio:

# %%
share = dense / row_sum  # (V, V) each row adds up to 1
army, navy = share[index["army"]], share[index["navy"]]
print(f"army occurs {counts['army']} times, navy {counts['navy']} times")
print(f"{'k':>9} {'p(k | army)':>12} {'p(k | navy)':>12} {'ratio':>7}")
for word in "troops officer vessels ships of congress fiscal".split():
    a, n = army[index[word]], navy[index[word]]
    print(f"{word:>9} {a:12.5f} {n:12.5f} {a / n:7.2f}")

# %% [markdown]
# The shares say above all that *of* is frequent and *fiscal* is not. The ratio sorts the words out. It
# is large for what belongs to the army, small for what belongs to the navy, and near 1 for what has to
# do with both, or with neither, be it frequent or rare. That is what a difference of vectors should
# express, and the simplest way is
#
# $$
# (\mathbf{w}_i - \mathbf{w}_j) \cdot \tilde{\mathbf{w}}_k = \ln \frac{p(k \mid i)}{p(k \mid j)} ,
# $$ (eq-glove-ratio)
#
# with one vector $\mathbf{w} \in \mathbb{R}^d$ for each word as row and another,
# $\tilde{\mathbf{w}} \in \mathbb{R}^d$, for each word as column, as in word2vec. The logarithm turns the
# ratio into a difference, like that on the left. The equation holds if
# $\mathbf{w}_i \cdot \tilde{\mathbf{w}}_k = \ln p(k \mid i) = \ln X_{ik} - \ln X_i$. The term $\ln X_i$
# does not depend on $k$: call it a bias of word $i$, and give the column a bias too, so that rows and
# columns are treated alike. What is left is
#
# $$
# \mathbf{w}_i \cdot \tilde{\mathbf{w}}_k + b_i + \tilde{b}_k = \ln X_{ik} .
# $$ (eq-glove-bilinear)
#
# All of GloVe is in this line: *find vectors whose dot products are the logarithms of the counts.* The
# name stands for *global vectors*: the counts of the whole text go in at once.
#
# > **Correction.** One of the two articles that this book grew from says that GloVe uses "global word
# > frequency statistics". The frequencies of words alone could not tell *army* from *navy*, which are
# > nearly equally frequent in our text. It is the global statistics of *co-occurrence*.
#
# ## The loss
#
# There are many more cells than numbers in the vectors, so that the equation can only hold
# approximately, and we take the squared error. Should a cell with 0.1 in it, one meeting at distance
# ten, count as much as a cell with thousands? It is mostly chance, and there are very many like it. So
# each cell gets a weight $f(X_{ij})$ (not the $f$ of the last chapters, a word's share of the text):
#
# $$
# \begin{aligned}
# L &= \tfrac12 \sum_{X_{ij} > 0} f(X_{ij})\, e_{ij}^2, \\
# e_{ij} &= \mathbf{w}_i \cdot \tilde{\mathbf{w}}_j + b_i + \tilde{b}_j - \ln X_{ij} .
# \end{aligned}
# $$ (eq-glove-loss)
#
# The ½ spares a 2 in the derivative. The weight grows more slowly than the count, and stops at a
# maximum, so that *the* next to *of* does not rule the rest:
#
# $$
# f(x) = \min\Bigl(1, \bigl(x / x_{\max}\bigr)^{3/4}\Bigr) .
# $$ (eq-glove-weight)
#
# The paper found the power 3/4 by trying, and set $x_{\max}$ to 100 for a billion words and more; for a
# smaller text the authors' [own example](https://github.com/stanfordnlp/GloVe/blob/master/demo.sh)
# sets 10. So do we.

# %% mystnb={"image": {"alt": "Two panels over the same horizontal axis, the count of a cell from 0.1 to 1000 on a logarithmic scale. The weight rises from 0.03 to 1 at a count of 10 and stays there. Below, a histogram of the cells: most lie below 1."}, "figure": {"caption": "Above, the weight of a cell by its count; below, how many cells of our matrix have that count.", "name": "fig-glove-weight"}}
import matplotlib.pyplot as plt

from scratch.glove import weighting

x = torch.from_numpy(X.data)  # (cells,)
f = weighting(x, x_max=10)  # (cells,)
print("as in the equation:", torch.allclose(f, ((x / 10) ** 0.75).clamp(max=1)))
print(f"cells below 1: {(x < 1).double().mean():.0%}", end=", ")
print(f"which hold {f[x < 1].sum() / f.sum():.0%} of all weight")

plt.style.use("scratch.book")
figure, (top, low) = plt.subplots(2, 1, sharex=True, figsize=(5, 3.6))
grid = torch.logspace(-1, 3, 200)
top.plot(grid, weighting(grid, 10))
top.set(xscale="log", ylabel="weight")
low.hist(x, bins=np.logspace(-1, 3, 41))
low.set(xlabel="count of a cell", ylabel="cells")
plt.show()

# %% [markdown]
# More than half of the cells are below 1, and together they have less than a fifth of the weight.
#
# > **Pitfall.** Only cells with $X_{ij} > 0$ enter the sum. Some tutorials fit $\ln(1 + X_{ij})$, so
# > that zeros do no harm. But where $x$ is below 1, as most of our counts are, $\ln(1 + x) \approx x$: the
# > difference between 0.1 and 0.5, a factor of five, is flattened from 1.6 to 0.3. The zeros need no
# > cure, since $f(0) = 0$.
#
# ## AdaGrad, one cell at a time
#
# The derivative of one cell's loss for the dot product is $f(X_{ij})\, e_{ij}$, and the chain rule
# carries it on:
#
# $$
# \begin{aligned}
# \mathbf{g}_i &= f(X_{ij})\, e_{ij}\, \tilde{\mathbf{w}}_j \in \mathbb{R}^d, \\
# \tilde{\mathbf{g}}_j &= f(X_{ij})\, e_{ij}\, \mathbf{w}_i \in \mathbb{R}^d, \\
# g_{b_i} &= g_{\tilde b_j} = f(X_{ij})\, e_{ij} .
# \end{aligned}
# $$ (eq-glove-gradient)
#
# Plain gradient descent has a difficulty. *The* has a cell with nearly every word and would be moved a
# thousand times in one pass over the cells; a rare word has a handful of cells and hardly moves.
# *AdaGrad* {cite:p}`duchi2011adaptive` gives every single number its own step, which shrinks with what
# that number has been through. For each it keeps a sum $S$, which begins at some positive number and
# gathers the squares of all its gradients:
#
# $$
# \begin{aligned}
# \theta &\leftarrow \theta - \eta\, g / \sqrt{S}, \\
# S &\leftarrow S + g^2 .
# \end{aligned}
# $$ (eq-glove-adagrad)
#
# Here $\theta$ is one number of one vector or bias, $g$ its gradient and $\eta$ the step size; the
# paper says $\eta = 0.05$. (PyTorch adds to $S$ first, and steps then.) The paper does not say that its
# program multiplies the gradient by $\eta$ *first*, and puts $(\eta g)^2$ into the sum, which begins at
# 1 ([a reader's question](https://github.com/stanfordnlp/GloVe/issues/134) about it is on record).
# Divide above and below by $\eta$, and the update is
#
# $$
# \begin{aligned}
# \theta &\leftarrow \theta - \frac{\eta\, g}{\sqrt{1 + \sum (\eta g)^2}} \\
# &= \theta - \frac{g}{\sqrt{\eta^{-2} + \sum g^2}} .
# \end{aligned}
# $$ (eq-glove-released)
#
# It is AdaGrad with the step size *one*, and a sum that begins at $1/0.05^2 = 400$. The famous 0.05 is
# only where the steps begin; once a number has been through enough, they are nearly twenty times as
# long as with $\eta = 0.05$ in {eq}`eq-glove-adagrad`.
#
# Here is the program's loop on our toy, one cell after the other. Each word's vector gets its bias and
# a 1 appended, and the other vector a 1 and *its* bias, so that a single dot product gives the left
# side of {eq}`eq-glove-bilinear`; the appended ones must stay ones.

# %%
from scratch.glove import GloVe

generator = torch.Generator().manual_seed(0)
model = GloVe(len(toy_words), dim=4, generator=generator, dtype=torch.float64)
cells = helper.tocoo()
toy_x = torch.from_numpy(cells.data)  # (cells,)
toy_f = weighting(toy_x)  # (cells,)

w, c = model.words.clone(), model.contexts.clone()  # (V, 4 + 2)
S_w, S_c = torch.full_like(w, 400), torch.full_like(c, 400)
for i, j, x_ij, f_ij in zip(*cells.coords, toy_x, toy_f, strict=True):
    slope = f_ij * (w[i] @ c[j] - x_ij.log())
    g_w, g_c = slope * c[j], slope * w[i]  # (4 + 2,)
    g_w[5] = g_c[4] = 0  # the ones stay
    w[i] -= g_w / S_w[i].sqrt()
    c[j] -= g_c / S_c[j].sqrt()
    S_w[i] += g_w**2
    S_c[j] += g_c**2

# %% [markdown]
# The helper, `GloVe.step`, learns any number of cells at once. One at a time, it must end where our
# loop ends:

# %%
i, j = (torch.from_numpy(place.astype("int64")) for place in cells.coords)
for k in torch.arange(len(toy_x)).split(1):
    model.step(i[k], j[k], toy_x[k].log(), toy_f[k])
same = [
    torch.allclose(*pair, rtol=1e-12)
    for pair in ((model.words, w), (model.contexts, c))
]
print("as by hand, cell by cell:", same)

# %% [markdown]
# ## The batch that learns next to nothing
#
# One cell at a time is what C is for. In Python we need batches. The obvious way takes some thousand
# cells, lets autograd differentiate their mean loss, and hands it to the library's AdaGrad with the
# settings of the paper and the program: step 0.05, sums that begin at 1. `library` does this for any
# settings. It returns the mean loss of a cell in each pass, and the factor by which the sums have grown
# (the median of all of them).

# %%
rows, columns = (torch.from_numpy(place.astype("int64")) for place in X.tocoo().coords)
log_x = x.log()  # (cells,)


def library(reduction, step, start, epochs=3, batch_size=4096):
    generator = torch.Generator().manual_seed(0)
    model = GloVe(V, 50, generator=generator, dtype=torch.float64)
    w, c = tables = [torch.nn.Parameter(t) for t in (model.words, model.contexts)]
    adagrad = torch.optim.Adagrad(tables, lr=step, initial_accumulator_value=start)
    loss = torch.zeros(epochs)
    for epoch in range(epochs):
        for b in torch.randperm(len(x), generator=generator).split(batch_size):
            error = (w[rows[b]] * c[columns[b]]).sum(1) - log_x[b]  # (batch,)
            each = f[b] * error**2 / 2
            adagrad.zero_grad()
            getattr(each, reduction)().backward()
            w.grad[:, -1] = c.grad[:, -2] = 0  # the ones stay
            adagrad.step()
            loss[epoch] += each.sum().item() / len(x)
    grown = (adagrad.state[w]["sum"][:, :50] / start).median().item()
    return loss.tolist(), grown


# %%
naive, grown = library("mean", step=0.05, start=1)
print(f"all numbers zero, mean loss of a cell: {(f * log_x**2).mean() / 2:.3f}")
print("in three passes:", " ".join(f"{value:.3f}" for value in naive))
print(f"the sums have grown by a factor of {grown:.4f}")

# %% [markdown]
# Three passes have hardly bettered the loss of a model whose numbers are all zero. The sums have not
# grown, and the reason is the *mean*. It divides every gradient by the size of the batch, 4,096. Plain
# gradient descent can make up for this with a larger step. But AdaGrad *squares* the gradient, and what
# is left, divided by 4,096 squared, never shows beside a sum that began at 1. AdaGrad has become plain
# gradient descent with a step of 0.05/4096. The mend is one word:

# %%
summed, grown = library("sum", step=0.05, start=1)
print("in three passes:", " ".join(f"{value:.3f}" for value in summed))
print(f"the sums have grown by a factor of {grown:.0f}")

# %% [markdown]
# Now it learns. The second mend is that of {eq}`eq-glove-released`: step 1, sums that begin at 400. The
# helper computes the gradient by {eq}`eq-glove-gradient`, touches only the rows that are in the batch,
# and adds the square of *each cell's* gradient to the sums, as the program does, where the library
# squares the sum over the batch.

# %%
from scratch.glove import fit

released, grown = library("sum", step=1, start=400)
losses = []
glove = fit(
    X,
    dim=50,
    epochs=10,
    dtype=torch.float64,
    report=lambda epoch, loss: losses.append(loss),
)
print("library:", " ".join(f"{value:.3f}" for value in released))
print("helper: ", " ".join(f"{value:.3f}" for value in losses[:3]))

# %% [markdown]
# The two nearly agree, since no row comes often in so small a batch. In larger batches it does, and all
# cells of a batch take their step from the same place. If a row is in it a hundred times, a hundred
# steps add up where one would have been right:

# %%
for batch_size in (16_384, 131_072):
    generator = torch.Generator().manual_seed(0)
    model = GloVe(V, 50, generator=generator, dtype=torch.float64)
    loss = 0.0
    for b in torch.randperm(len(x), generator=generator).split(batch_size):
        loss += model.step(rows[b], columns[b], log_x[b], f[b]) / len(x)
    diverged = not loss < (f * log_x**2).mean() / 2
    print(f"batches of {batch_size:>7,}: worse than zeros: {diverged}")

# %% [markdown]
# So `fit` takes batches in which the busiest word comes about eight times, and raises an error if the
# loss ends clearly worse than with zeros. Here is the step, from its own source (`moved_words` and
# `moved_contexts` are the sums $S$, infinite where a 1 must stay):

# %%
import inspect

print(inspect.getsource(GloVe.step).split('"""')[2].rstrip())

# %% mystnb={"image": {"alt": "Three curves of the loss against the number of passes over the cells. The curve of the mean stays flat at the top. The two others are far below it from the first pass on; the helper's goes on falling over ten passes to less than half of what it was in the first."}, "figure": {"caption": "Mean loss of a cell by passes over the cells: AdaGrad on the mean of a batch, on its sum, and as in GloVe's program.", "name": "fig-glove-loss"}}
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot(range(1, 4), naive, "s--", label="mean of the batch, step 0.05")
axes.plot(range(1, 4), summed, "^:", label="sum, step 0.05")
axes.plot(range(1, 11), losses, "o-", label="sum, step 1 from 400 (helper)")
axes.set(xlabel="passes over the cells", ylabel="mean loss", ylim=(0, None))
axes.legend()
print(f"last pass: {losses[-1]:.3f}")
plt.show()

# %% [markdown]
# The mean stays near the top, while the helper's loss is still falling in the tenth pass.
#
# ## What it has learnt
#
# Does the difference of two vectors tell what is the army's and what the navy's? For every word that
# both have met with a count above 1, we compare the logarithm of the ratio $X_{ik} / X_{jk}$ with what
# vectors and biases make of it.

# %%
modelled = (glove.words @ glove.contexts.T).numpy()  # (V, V) what it takes ln X to be


def ratios(a, b, modelled):
    """Counted and modelled ln(X_ik / X_jk) of the words k that both have met."""
    i, j = index[a], index[b]
    met = (dense[i] > 1) & (dense[j] > 1)  # (V,)
    return np.log(dense[i, met] / dense[j, met]), (modelled[i] - modelled[j])[met]


for pair in (("army", "navy"), ("gold", "silver"), ("january", "july")):
    counted, said = ratios(*pair, modelled)
    correlation = np.corrcoef(counted, said)[0, 1]
    print(
        f"{' – '.join(pair):>14}: {len(counted)} words, correlation {correlation:.1f}"
    )
for word in ("department", "troops", "vessels"):
    i, j, k = index["army"], index["navy"], index[word]
    print(f"{word:>14}: counted {np.log(dense[i, k] / dense[j, k]):+.0f},", end=" ")
    print(f"modelled {modelled[i, k] - modelled[j, k]:+.0f}")

# %% [markdown]
# In outline only. That the *department* is the navy's has been learnt, in part; that *vessels* are, has
# not. Fifty numbers cannot hold more than a thousand counts, and what they hold is what many words have
# in common. This is a loss, and it is also the point: a vector that reproduced every count would know
# nothing that the tally sheet does not (exercise 5 takes more numbers).
#
# Each word has two vectors. As $X$ is symmetric, they play the same part, and differ only because they
# started from different random numbers. Their sum, $\mathbf{w}_i + \tilde{\mathbf{w}}_i$, evens some of
# that out; it is what the authors propose. Beside it, the vectors of the SVD:

# %%
vectors = keyed_vectors(counts, glove.vectors())
for word in ("army", "january", "gold", "million"):
    print(word)
    for name, each in (("GloVe", vectors), ("SVD", svd)):
        near = sorted(w for w, _ in each.most_similar(word, topn=5))
        print(f"  {name:>6}: {' '.join(near)}")

# %% [markdown]
# They agree on most neighbours. `train` goes from sentences to `KeyedVectors` in one call: it counts,
# fits and adds the two tables, in single precision unless told otherwise.

# %%
from scratch.glove import train

part = sentences[:3000]
in_one = train(part, dim=10, min_count=20, epochs=2, seed=1)
number = {word: i for i, word in enumerate(in_one.index_to_key)}
part_ids = [[number[w] for w in s if w in number] for s in part]
in_steps = fit(cooccurrence(part_ids, len(number)), dim=10, epochs=2, seed=1).vectors()
print("equal to the bit:", np.array_equal(in_one.vectors, in_steps.numpy()))

# %% [markdown]
# ## Beside the original
#
# gensim has no GloVe, so the peer is the authors' own program, in C. `benchmarks/glove.py`, given a
# folder with it, trains both on the same cells. The results come with the book: all our English text,
# words seen five times or more, vectors of 100 numbers, fifteen passes.

# %%
import json
from importlib.resources import files

results = json.loads((files("scratch") / "results" / "glove.json").read_text("utf-8"))
text, parity, models = results["text"], results["parity"], results["models"]
ours, theirs = models["GloVe (ours)"], models["GloVe (Stanford)"]
print(
    f"{text['words']:,} words of {text['vocabulary']:,} kinds, {text['cells']:,} cells"
)
print(f"one by one, {parity['cells']:,} cells from the same random start:", end=" ")
print("same to 1e-12:", parity["largest_difference"] < 1e-12)
speed = results["counting"]["words_per_second"] / 1e6
print(f"counted at {speed:.1f} million words a second")
print("mean loss of a cell in passes 1, 5, 10 and 15")
for name, run in (("ours", ours), ("theirs", theirs)):
    print(f"{name:>7}:", " ".join(f"{run['loss'][k]:.4f}" for k in (0, 4, 9, 14)))
ratio = ours["training_seconds"] / theirs["training_seconds"]
print(f"processor time for the training, ours to theirs: {ratio:.2f}")

# %% [markdown]
# From the same start and one cell at a time, our update gives their numbers. In batches, the loss falls
# along the same path. The processor time, too, is about the same: PyTorch computes in single precision,
# the program in double.
#
# ## One table
#
# Now people. Everything below has read this text: the State of the Union addresses, a dictionary's
# definitions and a piece of Wikipedia. The counting methods and GloVe share one matrix with a window of
# 10; word2vec has its usual settings, a window of 5, five negative samples and five passes. Nothing was
# tuned on these questions: the power 0.75 and the root of $\Sigma$ are taken from Levy and colleagues.
# The questions, and the bootstrap's 95 % intervals, are those of the last chapter. A question is left
# out if the vocabulary lacks one of its words.

# %%
import base64

from scratch.metrics import interval, spearman

people = {name: np.array(about["ratings"]) for name, about in results["people"].items()}
asked = results["questions"]["asked"]


def answers(model):
    """The cosines for each set of pairs, and 100 or 0 for each analogy."""
    bits = np.frombuffer(base64.b64decode(models[model]["analogies"]), dtype=np.uint8)
    cosines = {name: np.array(models[model][name]) for name in people}
    return cosines | {"analogies": 100.0 * np.unpackbits(bits)[:asked]}


for name, about in results["people"].items():
    print(f"{name}: {len(people[name])} pairs known, {about['left_out']:.1%} left out")
left_out = results["questions"]["left_out"]
print(f"analogies: {asked:,} questions known, {left_out:.1%} left out")

# %%
shown = ["PPMI", "PPMI + SVD", "skip-gram (gensim)", "skip-gram (ours)"]
shown += ["CBOW (gensim)", "CBOW (ours)", "GloVe (Stanford)", "GloVe (ours)"]
table = {}  # for each model three times (score, low, high)
for model in shown:
    given = answers(model)
    table[model] = [
        (spearman(p, given[name]), *interval(spearman, p, given[name]))
        for name, p in people.items()
    ]
    right = given["analogies"]
    table[model].append((right.mean(), *interval(np.mean, right)))

print(f"{'':<21}{'WordSim-353':^16}{'SimLex-999':^16}{'analogies, %':^18}  cpu s")
for model, found in table.items():
    line = "".join(f"{s:5.2f} [{low:.2f} {high:.2f}]" for s, low, high in found[:2])
    line += "{:7.1f} [{:.1f} {:.1f}]".format(*found[2])
    print(f"{model:<21}{line:<50}{models[model]['cpu_seconds']:5.0f}")

# %% mystnb={"image": {"alt": "Two panels of dots with horizontal bars, one line for each of eight models. WordSim-353 on the left, analogies on the right. On both PPMI + SVD is furthest to the right, and the two GloVe models are furthest to the left."}, "figure": {"caption": "The table as a picture: scores with their 95 % intervals, which here say how much other questions of the same kind would change them.", "name": "fig-glove-table"}}
figure, panels = plt.subplots(1, 2, sharey=True, figsize=(5.4, 3.2))
for axes, column, name in zip(
    panels, (0, 2), ("WordSim-353", "analogies (%)"), strict=True
):
    for y, found in enumerate(table.values()):
        score, low, high = found[column]
        axes.plot([low, high], [y, y], color="C0")
        axes.plot(score, y, "o", color="C0")
    axes.set(xlabel=name, yticks=range(len(table)), yticklabels=table)
axes.invert_yaxis()
plt.show()

# %% [markdown]
# PPMI + SVD is ahead, GloVe behind. (The intervals of the analogies are too narrow: each pair of words
# stands in many questions, and the bootstrap takes these for independent.) The intervals of two models
# must not be laid side by side: both were asked the same questions, and a hard one is hard for both.
# What counts is the interval of the difference:


# %%
def gap(people, a, b):
    return spearman(people, a) - spearman(people, b)


def compare(first, second):
    """Print the intervals of the differences of two models' scores."""
    a, b = answers(first), answers(second)
    print(f"{first} minus {second}")
    for name, p in people.items():
        low, high = interval(gap, p, a[name], b[name])
        print(f"{name:>13} [{low:+.2f}, {high:+.2f}]", end="")
    low, high = interval(np.mean, a["analogies"] - b["analogies"])
    print(f"{'analogies':>12} [{low:+.1f}, {high:+.1f}]")


# %%
compare("PPMI + SVD", "skip-gram (gensim)")
compare("PPMI + SVD", "skip-gram (ours)")
compare("PPMI + SVD", "PPMI")
compare("skip-gram (ours)", "GloVe (ours)")
compare("GloVe (ours)", "GloVe (Stanford)")

# %% [markdown]
# ## Counting or predicting?
#
# At first sight the best vectors are the oldest in kind: counts, a logarithm, a decomposition. They lead
# both skip-grams on WordSim-353 and on the analogies, with intervals clear of zero, in no more time.
# There skip-gram leads GloVe, of which our version and its authors' cannot be told apart.
#
# But have all been given the same? The counters and GloVe had a window of ten places, skip-gram one of
# five; GloVe went through its cells fifteen times, skip-gram through the text five times. So we
# exchange the settings. (The last row is GloVe with another seed: so little does chance change.)

# %%
exchanged = ["PPMI + SVD, window 5", "skip-gram (ours), window 10"]
exchanged += ["skip-gram (ours), window 10, 15 passes", "GloVe (ours), seed 2"]
print(f"{'':<39}{'WordSim':>8}{'SimLex':>8}{'analogies':>10}  cpu s")
for model in exchanged:
    given = answers(model)
    line = "".join(f"{spearman(p, given[name]):8.2f}" for name, p in people.items())
    line += f"{given['analogies'].mean():10.1f}{models[model]['cpu_seconds']:7.0f}"
    print(f"{model:<39}{line}")
compare("PPMI + SVD", "skip-gram (ours), window 10, 15 passes")

# %% [markdown]
# The lead on people's judgements is gone, and that on the analogies has shrunk to little. It was in the
# settings, though skip-gram takes several times the processor time. GloVe, which had the window and the
# passes from the start, has no such excuse.
#
# But were these ever two ways? The last chapter showed that skip-gram with negative sampling, if it had
# as many dimensions as it liked, would arrive at PMI minus a constant {cite:p}`levy2014neural`. PPMI +
# SVD writes that table down and shortens it; skip-gram approaches a short form of it by reading; GloVe
# fits the logarithm of the counts, which is the PMI up to what its biases hold. All of them factorise
# one tally sheet. They differ in how much each cell weighs, and in what they make of the empty ones.
# For GloVe this may be the handicap here, since few pairs of our words ever meet:

# %%
filled = text["cells"] / text["vocabulary"] ** 2
print(f"{filled:.1%} of the cells of the large matrix are not empty")

# %% [markdown]
# That two frequent words never meet is worth knowing. For PPMI it is a zero like that of chance;
# negative sampling pushes the two apart; GloVe is never told. We have not shown that this is the
# reason. But its authors worked with texts of a billion words and more, at least 250 times ours, and
# there found GloVe ahead of word2vec.
#
# So what of "Don't count, predict!"? Levy, Goldberg and Dagan lent the counters the tricks that
# word2vec's program comes with, and found "no global advantage to any single approach over the others".
# Our exchange of settings shows it in small, for one text, one size of vectors and, mostly, one seed.
# When somebody sells you a method by its family name, ask for the settings, and whether the other side
# had them too.
#
# ## Exercises
#
# > **Exercise 1 (pencil).** Show: AdaGrad that begins at $S_0$ and gets gradients that are all
# > multiplied by a number $a > 0$ takes the same steps as AdaGrad that begins at $S_0 / a^2$ and gets
# > the gradients themselves. So where must the sums begin for the *mean* of a batch of $B$ cells to
# > learn as the sum does? Check it with `library`.
# >
# > *Hint: write down one step after gradients $a g_1, \dots, a g_n$, and take $a$ out of the root.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
# After the gradients a g_1, ..., a g_n the next step is
#   eta a g / sqrt(S_0 + a^2 sum g^2) = eta g / sqrt(S_0 / a^2 + sum g^2).
# The mean has a = 1 / B: with S_0 / B^2 in place of S_0 it is the sum again. (The last
# batch of a pass is smaller, so that the two differ a little.)
(by_sum,), _ = library("sum", step=1, start=400, epochs=1)
(by_mean,), _ = library("mean", step=1, start=400 / 4096**2, epochs=1)
print(f"sum {by_sum:.3f}, mean {by_mean:.3f}")

# %% [markdown]
# > **Exercise 2 (code).** On the way to {eq}`eq-glove-bilinear`, the bias took the place of $\ln X_i$.
# > Has it kept it? Compare the biases of the trained `glove` with $\ln X_i$, and find out what else
# > they hold.
# >
# > *Hint: the bias of word i is `glove.words[i, 50]`. A correlation, and the words furthest from the
# > line.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
bias = glove.words[:, 50].numpy()  # (V,)
log_sum = np.log(row_sum[:, 0])  # (V,)
slope, intercept = np.polyfit(log_sum, bias, 1)
print(f"correlation {np.corrcoef(bias, log_sum)[0, 1]:.1f}, slope {slope:.1f}")
off = np.argsort(bias - slope * log_sum)
print("below the line:", " ".join(words[i] for i in off[:6]))
print("above the line:", " ".join(words[i] for i in off[-6:]))
# It has kept most of it, and the vectors hold the rest. Above the line are the commonest
# words, below it some that keep to a circle of their own.

# %% [markdown]
# > **Exercise 3 (code).** By {eq}`eq-glove-released` the step size of GloVe's program matters only in
# > the beginning. Train with `step_size` 0.01, 0.05 and 0.2, for two passes in single precision, and
# > compare the losses.
# >
# > *Hint: `report`. What do the sums begin at in each case?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
for step_size in (0.01, 0.05, 0.2):
    seen = []
    fit(
        X,
        50,
        2,
        step_size=step_size,
        report=lambda _, loss, seen=seen: seen.append(loss),
    )
    print(f"{step_size:<5}", " ".join(f"{loss:.2f}" for loss in seen))
# The sums begin at 10,000, 400 and 25. A step twenty times as large takes a quarter off the loss,
# not more: what the numbers go through soon outweighs where their sums began.

# %% [markdown]
# > **Exercise 4 (open).** Is $\mathbf{w} + \tilde{\mathbf{w}}$ better than $\mathbf{w}$ alone? The file
# > has the answers of both, under "GloVe (ours)" and "GloVe (ours), W alone", and the same for the
# > original program. Decide on each set of questions, with intervals.
# >
# > *Hint: `compare`.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
for model in ("GloVe (ours)", "GloVe (Stanford)"):
    compare(model, model + ", W alone")
# On WordSim-353 the sum is better, on the analogies it is worse, for both programs, and on
# SimLex-999 these pairs cannot tell. The custom of adding the tables is good for some
# questions, not for all.

# %% [markdown]
# > **Exercise 5 (open).** Do more numbers keep the ratios better? Train with 10 and with 100
# > dimensions, and compare the correlations of *army* with *navy* and of a pair of your own. Is a model
# > that keeps them better a better model?
# >
# > *Hint: `ratios`; single precision and five passes will do.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
said = {}
for dim in (10, 100):
    other = fit(X, dim, epochs=5)
    said[dim] = (other.words @ other.contexts.T).numpy()
for pair in (("army", "navy"), ("gold", "silver")):
    kept = [f"{np.corrcoef(*ratios(*pair, said[dim]))[0, 1]:.1f}" for dim in said]
    print(" – ".join(pair), "with 10 and with 100 numbers:", *kept)
# More numbers keep more, chance included. Whether that makes better vectors, only
# questions from outside can tell.

# %% [markdown]
# ## You have
#
# - counted co-occurrences with weights 1/distance, by hand and with the helper, equal;
# - turned them into PPMI and, by SVD, into vectors that know their months without any training;
# - derived $\mathbf{w}_i \cdot \tilde{\mathbf{w}}_k + b_i + \tilde b_k = \ln X_{ik}$ from ratios, and
#   found how far the trained vectors keep them;
# - watched the mean of a batch starve AdaGrad, mended it, and matched the authors' program;
# - compared counting and predicting on one text, with an interval around each difference.
#
# ## Further reading
#
# - J. Pennington, R. Socher and C. D. Manning, [GloVe: global vectors for word
#   representation](https://aclanthology.org/D14-1162/), 2014.
# - O. Levy, Y. Goldberg and I. Dagan, [Improving distributional similarity with lessons learned from
#   word embeddings](https://aclanthology.org/Q15-1016/), 2015: every setting of every method,
#   exchanged.
