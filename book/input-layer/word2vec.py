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
# # Word2vec: a meaning from company
#
# Read these lines, and guess what *zorf* is. *He poured himself a cup of zorf. Zorf with milk and two
# lumps, please. Too much zorf in the evening keeps me awake.* You have never met the word, nobody has
# defined it, and yet you know a good deal about it: you could use it in a sentence, and you would put it
# next to *coffee* in a list. All you had was the company it keeps.
#
# **Can a word's company give it a meaning?** A meaning, that is, which a machine can compute with: vectors
# in which *coffee* is near *tea*, and not, as in the last chapter, exactly as far from it as from
# *Tuesday*.
#
# **You will**
#
# - turn running text into pairs of neighbours, and build the two architectures of word2vec on them,
#   skip-gram and CBOW;
# - derive the gradient of the softmax loss with pencil and paper, and check it against autograd and against
#   finite differences;
# - train vectors by hand on eight sentences, until two words that never meet end up in the same place;
# - run the example call of gensim's own documentation, and show that it has learnt nothing, and why;
# - train both architectures on sixty years of presidential speeches, and hold their neighbours and their
#   judgement against gensim's and people's.
#
# **You need** the chapter on one-hot vectors, the chain rule, and logarithms. This chapter runs in about 30 seconds
# on one processor core.

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
# ## The company a word keeps
#
# That words which occur in similar surroundings have similar meanings is called the *distributional
# hypothesis* (分布假说). Zellig Harris {cite:p}`harris1954distributional` argued for it with the distribution
# of words, and J. R. Firth, with an eye on the words beside a word, gave it the line that everyone quotes:
# "You shall know a word by the company it keeps" {cite:p}`firth1957synopsis`. Before we believe it, let us
# look. For each of five words, these are its most frequent neighbours within two places, in all State of
# the Union addresses; the hundred most frequent words of all are left out, since they keep company with
# everybody.

# %%
from collections import Counter

from scratch.corpora import load
from scratch.table import Table

sentences = load("state-of-the-union")
counts = Counter(w for s in sentences for w in s)
frequent = {w for w, _ in counts.most_common(100)}


def company(word, window=2, k=5):
    neighbours = Counter()
    for s in (s for s in sentences if word in s):
        for t, w in enumerate(s):
            if w == word:
                neighbours.update(s[max(0, t - window) : t] + s[t + 1 : t + 1 + window])
    return [w for w, _ in neighbours.most_common() if w not in frequent][:k]


chosen = ("gold", "silver", "june", "july", "soldiers")
Table([(word, " ".join(company(word))) for word in chosen], {"word": "", "company": ""})

# %% [markdown]
# *Gold* and *silver* stand beside coins, *June* and *July* beside days (*th* and *st* are what our
# tokenizer leaves of *30th* and *1st*), and *soldiers* beside sailors. The first four words fall into two
# pairs by their company alone. So a word could be described by the list of its neighbours with their
# counts. That is a good idea with an old fault: the list is as long as the vocabulary. Word2vec (Mikolov
# and colleagues {cite:p}`mikolov2013efficient`) makes a short one. It asks a vector of, say, 50 numbers to
# *predict* the company.
#
# ## Windows and pairs
#
# Slide a *window* (窗口) over the text. The word in the middle is the *centre* (中心词), the words around it are
# its *context* (上下文). By hand, with a window of two places to each side:

# %%
from scratch.text import tokenize

tokens = tokenize("The cat sat on the mat")
rows = []
for t, centre in enumerate(tokens):
    rows.append((centre, " ".join(tokens[max(0, t - 2) : t] + tokens[t + 1 : t + 3])))
Table(rows, {"centre": "", "context": ""})

# %% mystnb={"image": {"alt": "A grid: six columns for the six words of the sentence, six rows for the six steps of the window. In each row one dark square marks the centre, on the diagonal, and the paler squares up to two places to its left and right mark the context."}, "figure": {"caption": "A window of two sliding over the sentence, from top to bottom: dark the centre, pale its context.", "name": "fig-w2v-windows"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
places = range(len(tokens))
role = [[2 * (s == t) or abs(s - t) <= 2 for s in places] for t in places]  # 2, 1 or 0
figure, axes = plt.subplots(figsize=(5, 2.6))
axes.pcolormesh(role, cmap="Blues", edgecolors="white", linewidth=2)
axes.set_xticks([s + 0.5 for s in places], tokens)
axes.set_yticks([t + 0.5 for t in places], [f"step {t + 1}" for t in places])
axes.invert_yaxis()
axes.grid(False)

# %% [markdown]
# The helper does the same with ids, for all places of all sentences at once. Outside the sentence the
# context holds −1.

# %%
import torch

from scratch.windows import windows

words = sorted(set(tokens))  # the whole vocabulary, for now
ids = [words.index(w) for w in tokens]
centres, contexts = windows([ids], window=2)  # (n,), (n, 4)
print(contexts)
by_hand = [ids[max(0, t - 2) : t] + ids[t + 1 : t + 3] for t in range(len(ids))]
inside = [[i for i in row if i >= 0] for row in contexts.tolist()]
print("as by hand:", inside == by_hand)

# %% [markdown]
# From these rows word2vec makes a guessing game, and there are two ways to play it. *Skip-gram* (跳元模型) is
# given the centre and guesses each word of the context: every row gives as many examples as it has
# neighbours. *CBOW*, the *continuous bag of words* (连续词袋模型), is given all of the context and guesses the
# centre: every row gives one example.

# %%
examples, bags = [], []
for c, row in zip(centres, contexts, strict=True):
    around = [words[o] for o in row if o >= 0]
    examples += [f"{words[c]} → {o}" for o in around]
    bags.append(f"{' + '.join(around)} → {words[c]}")
print(len(examples), "for skip-gram:", ", ".join(examples[:5]), "…")
print(len(bags), "for CBOW:", ", ".join(bags[:3]), "…")

# %% [markdown]
# > **Correction.** Word2vec is often introduced as "the target word goes in, the context words come out";
# > in one of the two articles that this book grew from, the list of steps does so. That is skip-gram only.
# > CBOW works the other way round, and it is what gensim does unless told otherwise.
#
# > **Pitfall.** "Skip-gram predicts the context from the centre" is the paper's sentence. The released
# > program, and gensim after it, predict the centre from each word of the context. With a fixed window it
# > is the same set of pairs, since every neighbour is also a centre.
#
# ## Two vectors for every word
#
# The model has two tables, each with a row of $d$ numbers for each of the $V$ words, and nothing else: $2Vd$
# parameters. A word has one vector
# for when it is *given*, its row $\mathbf{v}_w$ in the input table $W$, which is an embedding table as in
# the last chapter, and one for when it is *guessed*, its row $\mathbf{u}_w$ in the output table $U$. What
# is given is turned into one vector $\mathbf{h} \in \mathbb{R}^d$. In skip-gram it is the row of the centre
# $c$, in CBOW the mean of the rows of the context $C$:
#
# $$
# \begin{aligned}
# \mathbf{h} &= \mathbf{v}_c & & \text{(skip-gram)}, \\
# \mathbf{h} &= \frac{1}{|C|} \sum_{o \in C} \mathbf{v}_o & & \text{(CBOW)} .
# \end{aligned}
# $$ (eq-w2v-hidden)
#
# Then every word $w$ gets a score, the dot product $s_w = \mathbf{u}_w \cdot \mathbf{h}$, and the *softmax*
# turns the $V$ scores into probabilities: the exponential makes them positive, and dividing by their sum
# makes them add up to one {cite:p}`mikolov2013distributed`.
#
# $$
# \mathbf{p} = \mathrm{softmax}(U\mathbf{h}): \quad p_w = \frac{\exp(s_w)}{\sum_{j} \exp(s_j)} .
# $$ (eq-w2v-softmax)

# %% mystnb={"image": {"alt": "Two stacks of shapes. On the left, skip-gram: the word sat goes through one table W to a vector h, through a second table U to a softmax, and from there an arrow points to each of the four words around it. On the right, CBOW: four words go through W, their four vectors into a mean, which is h, and through U and the softmax one arrow points to sat."}, "figure": {"caption": "The same two tables, used both ways, for a window of two around *sat*. Boxes with a thick border hold numbers that are learnt; round shapes only compute; thin boxes are words and vectors.", "name": "fig-w2v-architectures"}}
from scratch import diagrams

diagrams.skip_gram_and_cbow()


# %% [markdown]
# If the word that was really there is $o$ (in CBOW, it is the centre, and $c$ takes the place of $o$ from
# here on), the loss is the *cross-entropy* (交叉熵), $L = -\ln p_o$. It is the surprise at finding $o$:
# nothing if the model was certain of it, a lot if it thought it impossible. Here it is by hand for one
# pair, *cat* → *on*, with vectors that are still random, so that the guess can only be poor.

# %%
generator = torch.Generator().manual_seed(0)
V, d = len(words), 3
W = torch.randn(V, d, generator=generator, dtype=torch.float64)  # (V, d) input table
U = torch.randn(V, d, generator=generator, dtype=torch.float64)  # (V, d) output table

h = W[words.index("cat")]  # (d,)
scores = U @ h  # (V, d) @ (d,) -> (V,)
p = scores.exp() / scores.exp().sum()  # (V,)
loss = -p[words.index("on")].log()
print("  ".join(f"{w} {q:.2f}" for w, q in zip(words, p, strict=True)))
print(f"loss {loss:.2f}")

# %% [markdown]
# One of the two articles names four steps, and we can now say what each of them is. *Prepare a corpus*:
# tokens, vocabulary, windows. *Build a shallow network*: two matrices with nothing between them that would make it
# deep, no nonlinearity, then the softmax. *Train* it by gradient descent, which is next. *Take the hidden layer as
# the vectors*: the hidden layer is $\mathbf{h}$, and for a given word this is its row of $W$. So the vectors
# are not something that the network computes in the end. They are its first weight matrix.
#
# > **Pitfall.** Why two tables? With one for both roles, the score of a word as its own neighbour would be
# > $\mathbf{v}_w \cdot \mathbf{v}_w$, the square of a length, which is never negative and large for every
# > long vector; but words hardly ever stand next to themselves. Goldberg and Levy
# > {cite:p}`goldberg2014word2vec` give this reason. When training is over, the input table is exported, and
# > the output table usually thrown away.
#
# ## The gradient, with a pencil
#
# How must the tables change for the loss to fall? Start from the scores. Taking the logarithm of
# {eq}`eq-w2v-softmax`,
#
# $$
# L = -\ln p_o = -s_o + \ln \sum_{j} \exp(s_j).
# $$ (eq-w2v-loss)
#
# We differentiate for the score $s_w$ of one word. The first term gives $-1$ if $w$ is the word that was
# there, and nothing otherwise: it gives $-y_w$, where $\mathbf{y}$ is the one-hot vector of $o$. The second
# gives, by the chain rule, $\exp(s_w)$ over the sum, and that is $p_w$. So
#
# $$
# \frac{\partial L}{\partial s_w} = p_w - y_w ,
# $$ (eq-w2v-error)
#
# what was expected minus what was seen. Gradient descent subtracts it: each score is pushed down in
# proportion to how far its word was expected in vain, and that of the word that came is pushed up. Since
# $s_w = \mathbf{u}_w \cdot \mathbf{h}$, the chain rule carries this error on to the tables:
#
# $$
# \begin{aligned}
# \frac{\partial L}{\partial \mathbf{u}_w} &= (p_w - y_w)\,\mathbf{h}, \\
# \frac{\partial L}{\partial \mathbf{h}} &= \sum_{w} (p_w - y_w)\,\mathbf{u}_w = U^\top (\mathbf{p} - \mathbf{y}) .
# \end{aligned}
# $$ (eq-w2v-gradient)
#
# In skip-gram $\partial L / \partial \mathbf{h}$ goes to the centre's row, which is $\mathbf{h}$. In CBOW,
# by {eq}`eq-w2v-hidden`, each of the $|C|$ words of the context gets it divided by $|C|$. Now we hold the
# pencil against two machines: *autograd*, which applies the chain rule mechanically, and *finite
# differences*, which know no calculus and simply move each number up and down a little. (PyTorch's
# `cross_entropy` takes scores, and does the softmax itself.)

# %%
from torch.nn.functional import cross_entropy

o = torch.tensor(words.index("on"))
y = torch.nn.functional.one_hot(o, V)  # (V,)
pencil_h, pencil_U = U.T @ (p - y), torch.outer(p - y, h)  # (d,), (V, d)

h_, U_ = h.clone().requires_grad_(), U.clone().requires_grad_()
cross_entropy(U_ @ h_, o).backward()
same = torch.allclose(pencil_h, h_.grad) and torch.allclose(pencil_U, U_.grad)
print("pencil and autograd agree:", same)


# %%
def differences(f, x, step=1e-6):
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        nudge = torch.zeros_like(x)
        nudge.view(-1)[i] = step
        gradient.view(-1)[i] = (f(x + nudge) - f(x - nudge)) / (2 * step)
    return gradient


slow_h = differences(lambda x: cross_entropy(U @ x, o), h)
slow_U = differences(lambda x: cross_entropy(x @ h, o), U)
farthest = max((slow_h - pencil_h).abs().max(), (slow_U - pencil_U).abs().max())
print("pencil and finite differences are less than 1e-8 apart:", bool(farthest < 1e-8))

# %% [markdown]
# In skip-gram all guesses from one centre share the same scores, so we may add their errors up before we
# multiply. For a whole text at once, by hand and with the helper:

# %%
d_H, d_U = torch.zeros(len(centres), d).double(), torch.zeros_like(U)
for t, (c, row) in enumerate(zip(centres, contexts, strict=True)):
    p = (U @ W[c]).softmax(0)  # (V,) the same for all neighbours of this centre
    for o in row[row >= 0]:
        error = p - torch.nn.functional.one_hot(o, V)  # (V,)
        d_H[t] += U.T @ error
        d_U += torch.outer(error, W[c])

# %%
from scratch.word2vec import softmax_loss

loss, *gradients = softmax_loss(hidden=W[centres], output=U, targets=contexts)
same = [torch.allclose(*pair) for pair in zip(gradients, (d_H, d_U), strict=True)]
print("both gradients as by hand:", all(same))

# %% [markdown]
# The helper is the same in matrices. `targets` is what we called `contexts`: $m$ places in each row, $-1$ where there
# is nobody. If a row has $k$ neighbours, their errors add up to $k\,\mathbf{p}$, minus how often each word is there.
# (The largest score of a row is taken off all, which no softmax notices.) `gather(1, ids)` picks from each row the
# columns that `ids` names; `scatter_add_(1, ids, x)` adds each `x` there: a row of targets 4, 2, 4, −1 takes 2 from
# column 4 and 1 from column 2; the −1 goes to column 0, with a `present` of 0. `ids_below` only refuses impossible ids:

# %%
import inspect
import textwrap

print(textwrap.dedent(inspect.getsource(softmax_loss).split('"""')[2]).strip())

# %% [markdown]
# ## Eight sentences
#
# Now we train, with nothing but the gradient and a step size. The text is small enough to see through. Note
# that *cat* and *dog* never stand in the same sentence, nor do *king* and *queen*.

# %%
animals = "the {} drinks milk / the {} chases the mouse"
royals = "the {} rules the land / the {} wears the crown"
text = [animals.format(w, w) for w in ("cat", "dog")]
text += [royals.format(w, w) for w in ("king", "queen")]
toy = [tokenize(sentence) for line in text for sentence in line.split("/")]
print(*map(" ".join, toy), sep="\n")

# %% [markdown]
# `SkipGram` is the two tables and the look-up, nothing else. The input table starts with small random
# numbers, the output table with zeros, so that at first every word is as likely as any other.

# %%
from scratch.word2vec import SkipGram

words = [w for w, _ in Counter(w for s in toy for w in s).most_common()]
centres, contexts = windows([[words.index(w) for w in s] for s in toy], window=2)


def descend(dim, seed):
    """A model after 2,000 steps on the whole text, and its loss per guess meanwhile."""
    generator, losses = torch.Generator().manual_seed(seed), []
    model = SkipGram(len(words), dim, generator).double()
    for step in range(2001):
        loss, d_H, d_U = softmax_loss(model.hidden(centres), model.output, contexts)
        with torch.no_grad():
            model.input.index_add_(0, centres, -0.01 * d_H)  # each centre's row
            model.output -= 0.01 * d_U
        if step % 400 == 0:
            losses.append((step, loss.item() / (contexts >= 0).sum().item()))
    return model, losses


# %%
model, losses = descend(dim=8, seed=0)
Table(losses, {"step": ",", "loss per guess": ".4f"})

# %% [markdown]
# The loss begins at the logarithm of the size of the vocabulary, $\ln 13 \approx 2.565$. It falls, and then
# it stops falling, far from zero: who is told *drinks* cannot know whether *cat* or *dog* is meant
# (exercise 2 computes where the floor is). What have the vectors become?

# %% mystnb={"image": {"alt": "A square heat map of the cosines between twelve words. Cat and dog form one dark square of four fields, king and queen another. King and queen are also fairly dark with land and crown, and cat and dog with mouse; milk is pale with king, queen, land and crown."}, "figure": {"caption": "Cosines of the vectors learnt from eight sentences (all words but *the*). Dark means alike.", "name": "fig-w2v-toy"}}
shown = "cat dog chases drinks milk mouse king queen rules wears land crown".split()
rows = model.input.detach()[[words.index(w) for w in shown]]  # (12, 8)
rows = torch.nn.functional.normalize(rows)
cosines = rows @ rows.T  # (12, 12)

figure, axes = plt.subplots(figsize=(5, 4.3))
image = axes.imshow(cosines, vmin=-1, vmax=1, cmap="cividis_r")
axes.set_xticks(range(len(shown)), shown, rotation=60)
axes.set_yticks(range(len(shown)), shown)
axes.grid(False)
figure.colorbar(image, label="cosine")
plt.show()

# %% [markdown]
# How much of that is the random start? Some other starts, and more dimensions:

# %%
cosine = torch.nn.functional.cosine_similarity
met = ("cat – dog", "king – queen", "cat – king", "cat – drinks", "king – crown")
first, second = torch.tensor([[words.index(w) for w in p.split(" – ")] for p in met]).T
starts = {(8, 0): model} | {s: descend(*s)[0] for s in ((8, 1), (8, 2), (32, 0))}
rows = []
for start, trained in starts.items():
    W = trained.input.detach()  # (13, d)
    rows.append((*start, *cosine(W[first], W[second]).tolist()))
Table(rows, {"d": "", "seed": ""} | dict.fromkeys(met, "+.2f"))

# %% [markdown]
# *Cat* and *dog* point the same way from every start, though they have never met: they were asked to predict the same
# company. *King* and *queen* likewise, and they have nothing to do with cats. But look at *king* and *crown*, which
# come out alike every time, too. Nobody would call them so; yet a window of two shows both of them beside *the* and
# *wears*, and they share much of their company. The vectors know what the windows show, no more and no less, and a
# window does not show who wears what.
#
# The digits do depend on the start. Why? The loss sees only the products $\mathbf{u}_w \cdot \mathbf{v}_c$. So $W A$
# with $U A^{-\top}$ is exactly as good a model, for any matrix $A$ that can be inverted. We try an $A$ of random
# numbers, and one that only turns (the $Q$ of its QR decomposition, whose inverse is its transpose):

# %%
W, U = model.input.detach(), model.output.detach()
A = torch.randn(8, 8, generator=torch.Generator().manual_seed(1)).double()
cat, king = words.index("cat"), words.index("king")
changes = {"none": torch.eye(8).double(), "A": A, "a turn": torch.linalg.qr(A).Q}
rows = []
for name, M in changes.items():
    W_, U_ = W @ M, U @ torch.linalg.inv(M).T  # (13, 8), (13, 8)
    loss = softmax_loss(W_[centres], U_, contexts)[0] / (contexts >= 0).sum()
    rows.append((name, loss, cosine(W_[cat], W_[king], dim=0)))
Table(rows, {"change": "", "loss per guess": ".4f", "cos(cat, king)": "+.2f"})

# %% [markdown]
# The loss alone fixes neither the axes nor the angles, and no single coordinate means anything. Cosines survive a
# turn of the axes, but not every change that the loss cannot see: they depend on where among all these equals
# training ends.
#
# ## The call that learns nothing
#
# For real use there is a library, gensim {cite:p}`rehurek2010software`. Here is the example from its own
# documentation, which one of the two articles uses, too.

# %%
from gensim.models import Word2Vec

two_sentences = [["cat", "say", "meow"], ["dog", "say", "woof"]]
example = Word2Vec(two_sentences, min_count=1)
print(example.wv["cat"].shape, example.wv["cat"].dtype)

# %% [markdown]
# A vector of a hundred numbers comes back, and it looks like success. But is it a trained vector? We make a
# model with the same seed that is never trained, and compare the weights, for 100 seeds.

# %%
import numpy as np

untouched, by_seed = 0, []
for seed in range(100):
    trained = Word2Vec(two_sentences, min_count=1, seed=seed)
    fresh = Word2Vec(min_count=1, seed=seed)
    fresh.build_vocab(two_sentences)  # as far as the weights' random start
    same = np.array_equal(trained.wv.vectors, fresh.wv.vectors)
    untouched += same and not trained.syn1neg.any()  # its output table starts at zero
    by_seed.append(trained.wv.similarity("cat", "dog"))
print(f"not one bit of one weight has moved: {untouched / 100:.0%} of the seeds")
print(f"cos(cat, dog): mean {np.mean(by_seed):+.2f}, deviation {np.std(by_seed):.2f}")

# %% [markdown]
# In nearly nine out of ten cases *nothing* has happened, and in all cases the cosine of *cat* and *dog* is
# what it is for two random vectors of a hundred numbers: around 0, give or take $1/\sqrt{100}$.
#
# The reason is a setting that is meant for large corpora. Very frequent words carry little meaning, so
# word2vec *subsamples* (下采样) them: before each pass over the text, called an *epoch* (轮), it drops words by
# chance. A word with the share $f$ of the corpus is kept with probability
#
# $$
# P_\text{keep} = \min\Bigl(1, \sqrt{\tau/f} + \tau/f\Bigr)
# $$ (eq-w2v-keep)
#
# with $\tau = 0.001$ in the released program and in gensim (the paper {cite:p}`mikolov2013distributed` prints a
# different formula). A share of more than about one in 380 counts as frequent. In a corpus of six words, each word
# has a share of at least one sixth.

# %%
from scratch.windows import keep_probability

counts = Counter(w for s in two_sentences for w in s)
keep = keep_probability(torch.tensor(list(counts.values())), 1e-3).tolist()
keep = dict(zip(counts, keep, strict=True))
rows = [(w, k / counts.total(), keep[w]) for w, k in counts.items()]
Table(rows, {"word": "", "share": ".3f", "kept with probability": ".3f"})

# %% [markdown]
# So a pass over the text hardly ever finds two words of a sentence:

# %%
a, b = keep["say"], keep["cat"]  # each sentence: say, and two words that stand once
none = (1 - a) * (1 - b) ** 2
one = a * (1 - b) ** 2 + 2 * b * (1 - a) * (1 - b)
print(f"two of a sentence's three words are kept, or all: {1 - none - one:.3f}")
print(f"that happens in none of ten draws: {(none + one) ** 10:.2f}")

# %% [markdown]
# A sentence with fewer than two words has no pairs. Gensim makes five epochs over two sentences, which is
# ten draws, and the last line is the probability that all of them come to nothing. It is the share that we
# counted, up to chance. Nothing is broken; the example is far too small for the defaults. And with
# `sample=0`, which keeps every word, and each sentence read two thousand times?

# %%
often = {"sample": 0, "epochs": 20, "workers": 1}  # twenty times a hundred
patient = Word2Vec(two_sentences * 100, min_count=1, seed=0, **often)
for other in ("dog", "woof"):
    print(f"cos(cat, {other}): {patient.wv.similarity('cat', other):.1f}")

# %% [markdown]
# Now something is learnt, but not what one hopes for. *Cat* has one neighbour in common with *dog*, which
# is *say*, and exactly as much in common with *woof*. No learner that ignores order, as word2vec does,
# could tell from these six words which of the two is more like a cat.
#
# > **Correction.** The two-sentence call shows the *syntax* of gensim. That vectors come back does not show
# > that vectors were learnt.
#
# ## A real corpus
#
# What does it take, then? We use the State of the Union addresses from 1961 on, when John F. Kennedy began
# with "It is a pleasure to return from whence I came": half a million words. First the very same call of
# gensim, with this text in place of the two sentences.

# %%
start = sentences.index(tokenize("It is a pleasure to return from whence I came."))
recent = sentences[start:]
same_call = Word2Vec(recent, min_count=1, workers=1, seed=0).wv
print(f"{len(recent):,} sentences, {len(same_call):,} different words")
print("january:", *sorted(w for w, _ in same_call.most_similar("january", topn=4)))

# %% [markdown]
# There they are, months and a season: the call was never at fault. What did it do unasked? Gensim's defaults are
# `sg=0` (CBOW), `vector_size=100`, `window=5`, `negative=5`, `sample=0.001`, `epochs=5`, `alpha=0.025`, and
# `min_count=5`, where we asked for 1.
#
# Now our own. We keep only the words that occur at least 35 times, and the reason is the sum
# in {eq}`eq-w2v-softmax`. At each of the $n$ places of the text there are $V$ scores to compute, each a sum
# of $d$ products, which makes $2 n V d$ operations; the two gradients of {eq}`eq-w2v-gradient` take as many
# each. That is $6\,n V d$ for one epoch. Compare our slice with the text from which Mikolov and colleagues
# made the vectors that they [released](https://code.google.com/archive/p/word2vec/), a hundred billion
# words of news with a vocabulary of three million words and phrases, in 300 dimensions.

# %%
counts = Counter(w for s in recent for w in s)
kept = {w: k for w, k in counts.items() if k >= 35}
n, V = sum(kept.values()), len(kept)
print(f"{V:,} words kept, which make up {n / counts.total():.0%} of the text")
here, news = 6 * n * V * 50, 6 * 100e9 * 3e6 * 300
print(f"operations for one epoch here: {here / 1e9:,.0f} billion")
print(f"for the news: {news / here / 1e9:.1f} billion times as many")

# %% [markdown]
# Our slice is a matter of seconds. They did not wait for theirs: there are ways around the sum, and these made
# word2vec famous.
#
# `train` is the loop that you have seen, with a few additions. It takes the centres in random order, 512 at a time.
# It draws each centre's window at random between 1 and `window` places, as the original program does, so that nearer
# words count for more. (A wide window teaches what words are *about*, a narrow one what can *replace* them
# {cite:p}`levy2014dependency`.) It steps with Adam {cite:p}`kingma2015adam`, a gradient descent that finds a step
# size for each number by itself; and all steps shrink linearly to nothing, as in word2vec. It computes in double
# precision, where rounding is so small that the digits below came out alike on all processors that we tried. One
# epoch for each:

# %%
from scratch.word2vec import train

settings = {"loss": "softmax", "dtype": torch.float64, "dim": 50, "window": 4}
settings |= {"min_count": 35, "subsample": 0, "epochs": 1}
skip_gram = train(recent, "skip-gram", **settings)

# %%
cbow = train(recent, "cbow", **settings)
print("rows and columns of the input table:", cbow.vectors.shape)

# %% [markdown]
# And gensim's skip-gram beside them, with the same text, window and dimension. It goes around the sum, by telling
# each pair from a few random ones (*negative sampling*), and makes its usual five epochs. Here are the five
# nearest neighbours of some words, by cosine, each list in alphabetical order.

# %%
arguments = {"sg": 1, "vector_size": 50, "window": 4, "sample": 0}
gensim_sg = Word2Vec(recent, **arguments, min_count=35, workers=1, seed=0).wv
models = {"skip-gram": skip_gram, "CBOW": cbow, "gensim sg": gensim_sg}
rows = []
for word in ("january", "million", "war", "china"):
    for name, vectors in models.items():
        near = sorted(w for w, _ in vectors.most_similar(word, topn=5))
        rows.append((word, name, " ".join(near)))
Table(rows, {"word": "", "vectors": "", "nearest": ""})

# %% [markdown]
# Nobody has told these programs that January is a month. For *january* all three name other months, and for *million*
# all three name *billion*, though money and units mix in. In all three lists *war* is near *cold* and *ii*, from
# *Cold War* and *World War II*: a small corpus has its set phrases, and the window shows them over and over. On
# *china* they differ, and words such as *confidence* and *unity* stray into CBOW's list. So much for one look at four
# words. To say more, we need to count.
#
# > **Pitfall.** Run gensim with more than one worker and its results change from run to run, seed or no
# > seed: the threads take turns in an order that nobody controls. For a result that can be repeated,
# > `workers=1`.
#
# ## What do people say?
#
# The flattest plot again, for those pairs of WordSim-353 whose words are both in our vocabulary:

# %% mystnb={"image": {"alt": "A scatter plot: people's ratings on the horizontal axis, cosines of the skip-gram vectors on the vertical axis. The points scatter widely between 0.1 and 0.9 and rise from left to right. A dotted line at zero marks where one-hot vectors put all of them."}, "figure": {"caption": "What people say of pairs of words, and what vectors say that have read presidents’ addresses. One-hot vectors put every point on the dotted line.", "name": "fig-w2v-ratings"}}
from scratch.corpora import load_ratings


def judged(name, vectors):
    """People's ratings and the cosines, for pairs of different words that are known."""
    pairs = [(a.lower(), b.lower(), rating) for a, b, rating in load_ratings(name)]
    pairs = [p for p in pairs if p[0] != p[1] and p[0] in vectors and p[1] in vectors]
    return [r for _, _, r in pairs], [vectors.similarity(a, b) for a, b, _ in pairs]


people, machine = judged("wordsim-353", skip_gram)
figure, axes = plt.subplots()
axes.scatter(people, machine, s=18, alpha=0.7)
axes.axhline(0, color="black", linestyle=":", linewidth=1)
axes.set(xlabel="people's rating of the pair (0 to 10)", ylabel="cosine (skip-gram)")
print(len(people), "of 353 pairs are known")

# %% [markdown]
# There is a slope in the cloud, and a lot of scatter. *Spearman's rank correlation* (斯皮尔曼等级相关) puts a
# number to it: 1 if people and vectors order the pairs alike, 0 if the two orders have nothing to do with
# each other. Since there are few pairs, we also ask how much the number would change with other pairs: the
# *bootstrap* (自助法) draws as many again, with repetition, a thousand times, and the middle 95% of the
# results are printed in brackets. Beside WordSim-353 we take SimLex-999 {cite:p}`hill2015simlex`, whose
# raters were asked a harder question: not how *related* two words are, as *coffee* and *cup*, but how
# *similar*.

# %%
from scratch.metrics import interval, spearman


def bracket(statistic, *samples):
    return "[{:+.2f}, {:+.2f}]".format(*interval(statistic, *samples))


rows = []
for name in ("wordsim-353", "simlex-999"):
    for kind, vectors in models.items():
        x = judged(name, vectors)  # ratings, cosines
        rows.append((name, kind, spearman(*x), bracket(spearman, *x), len(x[0])))
Table(rows, {"test": "", "vectors": "", "Spearman": ".2f", "95%": "", "pairs": ""})

# %% [markdown]
# And one-hot vectors?

# %%
try:
    spearman(people, np.zeros(len(people)))
except ValueError as error:
    print(error)

# %% [markdown]
# The question cannot even be asked, since they order nothing. The trained vectors do
# order the pairs, and on WordSim-353 the brackets stay clear of zero, some of them barely: company alone
# has taught them something that people agree with. On SimLex-999 none does. If half a million words of
# one kind of speech hold an answer to the harder question, it is too faint for so few pairs to show.
#
# Which of the three is best? The brackets say nothing about the *difference* of two models, since both were
# asked about the same pairs, and what is hard for one is hard for the other. So the bootstrap is *paired*: each draw
# of pairs is put to both models, and the brackets hold the middle of the differences:

# %%
people, ours = judged("wordsim-353", skip_gram)


def lead(people, ours, theirs):
    return spearman(people, ours) - spearman(people, theirs)


rows = []
for name in ("CBOW", "gensim sg"):
    x = people, ours, judged("wordsim-353", models[name])[1]
    rows.append((f"skip-gram minus {name}", lead(*x), bracket(lead, *x)))
Table(rows, {"difference": "", "Spearman": "+.2f", "95%": ""})

# %% [markdown]
# Zero is inside each time: these pairs cannot rank the models. And that is with one seed and one learning rate each.
# ([](word2vec-at-scale.ipynb) has more text, more seeds, and rates of each side's own.)
#
# > **Pitfall.** A default is where to begin, not what is best. Unless told otherwise, `train` samples negatives, at a
# > rate of 0.025 for skip-gram, as word2vec's program and gensim do, and of 0.1 for CBOW. The book's benchmark tried
# > these and others on all of its English text, with two or three seeds each; here are the means. (The analogies are
# > the next chapter's.)

# %%
from statistics import mean

from scratch.corpora import load_results

runs = {}
for run in load_results("word2vec")["rates"]:
    if run["side"] == "scratch":
        runs.setdefault((run["architecture"], run["rate"]), []).append(run)
judges = ("wordsim-353", "simlex-999", "analogies")
rows = []
for key, seeds in sorted(runs.items()):
    fine = not any("diverged" in run for run in seeds)
    means = [
        mean(r[judge]["score"] for r in seeds) if fine else None for judge in judges
    ]
    rows.append((*key, *means))
Table(rows, {"architecture": "", "rate": ""} | dict.fromkeys(judges, ".3f"))

# %% [markdown]
# Twice the default is better on both lists of pairs, on the analogies for skip-gram only. Twice as much again, and
# training diverges (–): the defaults are on the safe side. For a text of your own try several, and choose them on
# questions that are not your judge.
#
# ## A picture, and a warning
#
# Fifty dimensions cannot be drawn. *Principal component analysis* (主成分分析, PCA) finds the plane on which a
# cloud of points casts its widest shadow. Here is the shadow of six groups of words, each vector first
# brought to length 1, since only its direction counts for the cosine.

# %% tags=["atol=0.02"]
from sklearn.decomposition import PCA

groups = [
    "january december june september",
    "china russia japan europe",
    "million billion trillion hundred",
    "school schools students teachers",
    "tax taxes spending budget",
    "war peace enemy weapons",
]
chosen = " ".join(groups).split()
units = np.stack([skip_gram[w] / np.linalg.norm(skip_gram[w]) for w in chosen])
shadow = PCA(2, svd_solver="full").fit_transform(units.astype(np.float64))  # (24, 2)
middles = shadow.reshape(6, 4, 2).mean(1)  # (6, 2)
middles = [(group, *middle) for group, middle in zip(groups, middles, strict=True)]
Table(middles, {"middle of": "", "widest": "+.2f", "second widest": "+.2f"})

# %% tags=["rms=1"] mystnb={"image": {"alt": "Twenty-four words scattered in a plane, coloured by group. Months and school words form clusters of their own; numbers and money words share one; countries mix with the words of war and peace."}, "figure": {"caption": "Twenty-four words of the skip-gram vectors, on the plane of their two widest directions. Colours and shapes are ours; the program was told nothing about groups.", "name": "fig-w2v-projection"}}
figure, axes = plt.subplots(figsize=(5, 4.4))
label = {"textcoords": "offset points", "fontsize": 10}
side = dict.fromkeys(
    "europe japan schools teachers spending september hundred".split(), (3, -11)
)
side |= {"december": (6, -5), "budget": (6, -5)}  # where labels would overlap
for i, (word, place) in enumerate(zip(chosen, shadow, strict=True)):
    axes.scatter(*place, color=f"C{i // 4}", s=16, marker="os^DvP"[i // 4])
    axes.annotate(word, place, side.get(word, (3, 3)), **label)
axes.set(xlabel="widest direction", ylabel="second widest", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Now the warning. A shadow keeps some distances and destroys others, and this
# one was chosen twice: by the method, and by whoever picked the words. So we ask, for each word, whether
# its nearest neighbour among these 24 belongs to its own group, in the picture and in all fifty dimensions.


# %%
def nearest(x):
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)  # (words, words)
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(1)  # (words,)


neighbours = {"in the picture": nearest(shadow), "in 50 dimensions": nearest(units)}
answers = []
for word in ("china", "russia", "japan"):
    near = (chosen[x[chosen.index(word)]] for x in neighbours.values())
    answers.append((f"nearest to {word}", *near))
own = (np.mean(x // 4 == np.arange(24) // 4) for x in neighbours.values())
answers.append(("nearest is of its own group", *own))
Table(answers, {"word": ""} | dict.fromkeys(neighbours, ".0%"))

# %% [markdown]
# In the picture *russia* is nearest to *peace*; in fact it is nearest to *china*.
# Schluter warns of taking such plots as evidence {cite:p}`schluter2018word`. Draw one to get
# an idea; to know, measure in the full space.
#
# ## Keep them
#
# Word2vec's own file formats, text and binary, are read by nearly every tool. `train` returns gensim's
# `KeyedVectors`, which writes and reads both. (Into PyTorch they go by
# `nn.Embedding.from_pretrained(torch.from_numpy(skip_gram.vectors))`; a word's id is `skip_gram.key_to_index[word]`.)
# There and back again, ours and gensim's:

# %%
import tempfile
from pathlib import Path

from gensim.models import KeyedVectors

same = []
for kept in (skip_gram, gensim_sg):
    for binary in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "vectors")
            kept.save_word2vec_format(file, binary=binary)
            back = KeyedVectors.load_word2vec_format(file, binary=binary)
        same.append(np.array_equal(back.vectors, kept.vectors))
        same.append(back.index_to_key == kept.index_to_key)
print("words and vectors come back equal to the bit, in both formats:", all(same))

# %% [markdown]
# ## So, can company give a meaning?
#
# Some. From company alone a program has found that *january* is like *june* and *china* like *russia*, and its order
# of related pairs goes, loosely, with people's. What it has found is which words keep similar company. Often, not
# always, these are words that can replace each other. That is why opposites can be near each other (exercise 6), why
# *king* and *crown* look alike, and why a phrase such as *Cold War* leaves its mark. And one word got one vector:
# *march* the month and *march* the walk share theirs. A word that was never seen got none; *fastText* makes it one,
# as the sum of vectors of its pieces of three to six letters {cite:p}`bojanowski2017enriching`. And what company the
# text gives to *he* and *she*, the vectors give them, too, prejudice included {cite:p}`bolukbasi2016man`. Each of
# these limits is where a later idea begins.
#
# ## Check yourself
#
# **1. How many examples does skip-gram make of a sentence of five words, with a window of one place to each side?**
#
# - **A** 10
# - **B** 8
# - **C** 5
# - **D** 4
#
# <details><summary>Answer</summary>
#
# - **A ✗** Two neighbours for each of five words; but the first and the last word have only one.
# - **B ✓** The three words inside have two neighbours each, the two at the ends one.
# - **C ✗** So many examples CBOW makes: one for each centre.
# - **D ✗** There are four pairs of neighbours, and each gives two examples, one from either side.
#
# </details>

# %% [markdown]
# **2. Of three words, the scores are 0, 0 and $\ln 2$, and the first one was really there. What is the derivative of
# the loss for the score of this first word?**
#
# - **A** 0.25
# - **B** 0.75
# - **C** −1.00
# - **D** −0.75
#
# <details><summary>Answer</summary>
#
# - **A ✗** This is the word's probability $p_w$. As it was there, $y_w = 1$ goes off.
# - **B ✗** The sign is wrong: the loss falls when the score of the word that was there rises.
# - **C ✗** This forgets the sum of exponentials, in which the score stands, too.
# - **D ✓** The exponentials are 1, 1 and 2, so $p_w = 1/4$, and $p_w - y_w = 1/4 - 1$.
#
# </details>

# %% [markdown]
# **3. A skip-gram model for 1,000 words is fresh: a random input table, an output table of zeros. What is its loss
# per guess?**
#
# - **A** 0.00
# - **B** 0.69
# - **C** 6.91
# - **D** It depends on the random numbers.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Zero would mean that it is certain of every word that comes.
# - **B ✗** $\ln 2$ is what guessing between two words costs.
# - **C ✓** All scores are zero, so that every word has the probability 1/1000, and $-\ln (1/1000) = \ln 1000$.
# - **D ✗** The scores are dot products with zeros, whatever the random vectors are.
#
# </details>

# %% [markdown]
# **4. *Coffee* often stands beside *cup*, and hardly ever beside *tea*. Which of the two will its input vector be
# nearer to, and why?**
#
# - **A** *Tea*, since from both the same neighbours must be guessed.
# - **B** *Cup*, since words in one window are pulled towards each other.
# - **C** *Cup*, since the score of *cup* given *coffee* must be high.
# - **D** Neither: the cosine of two words is zero until they meet.
#
# <details><summary>Answer</summary>
#
# - **A ✓** A model that is given *coffee* or *tea* has to predict *cup*, *milk*, *drink*: equal tasks make equal
#   vectors, as for *cat* and *dog*.
# - **B ✗** The input vector of *coffee* is pulled to the *output* vector of *cup*, which is in another table.
# - **C ✗** The score must be high, but it is the product of an input vector and an output vector. It says nothing
#   about two input vectors.
# - **D ✗** *Cat* and *dog* never met, and ended up in the same place.
#
# </details>

# %% [markdown]
# **5. In CBOW with four context words, the gradient $\mathbf{g}$ arrives at $\mathbf{h}$. What does each of the four
# words' vectors get?**
#
# - **A** All of $\mathbf{g}$.
# - **B** A quarter of $\mathbf{g}$.
# - **C** A share of $\mathbf{g}$, larger for nearer words.
# - **D** Four times $\mathbf{g}$.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That would be right for a sum.
# - **B ✓** $\mathbf{h}$ is the mean, so it moves by a quarter of what one of the vectors moves.
# - **C ✗** The mean knows no distances. Near words count for more only because windows are often drawn small.
# - **D ✗** This multiplies where the chain rule divides.
#
# </details>

# %% [markdown]
# **6. You train twice, with different seeds, and reach the same loss. The cosine between *cat* in the first table and
# *cat* in the second is 0.03. What went wrong?**
#
# - **A** One of the two runs has got stuck.
# - **B** The text is too small to fix the vector of *cat*.
# - **C** The number of dimensions is too large.
# - **D** Nothing: each run has axes of its own.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Then its loss would be higher.
# - **B ✗** No text fixes it. The loss is the same after any turn of both tables.
# - **C ✗** It happens in any dimension.
# - **D ✓** Only cosines within a run mean something. To compare two runs, compare their neighbour lists, or turn one
#   table onto the other first.
#
# </details>

# %% [markdown]
# **7. A word makes up one hundredth of the corpus. With what probability does gensim keep each of its occurrences,
# with $\tau = 0.001$?**
#
# - **A** 0.10
# - **B** 0.32
# - **C** 0.42
# - **D** 1.00
#
# <details><summary>Answer</summary>
#
# - **A ✗** This is $\tau / f$ alone, without its root.
# - **B ✗** This is $\sqrt{\tau / f}$, what the paper's formula keeps. The program keeps more.
# - **C ✓** $\sqrt{0.1} + 0.1$.
# - **D ✗** Every word that makes up more than about one in 380 is thinned out.
#
# </details>

# %% [markdown]
# **8. The bracket around the difference of two models' correlations is [−0.14, +0.23]. What follows?**
#
# - **A** These pairs cannot tell which of the two is better.
# - **B** The two models are equally good.
# - **C** The first is better, since the middle of the bracket is above zero.
# - **D** The models differ, since the bracket is wider than their difference.
#
# <details><summary>Answer</summary>
#
# - **A ✓** With other pairs of the same kind the difference could have come out with either sign.
# - **B ✗** A difference of 0.2 is in the bracket, too. Not to see a difference is not to see that there is none.
# - **C ✗** So it is for these pairs. The bracket says how little that means for others.
# - **D ✗** The width says how uncertain the difference is; for a difference to be seen, zero must lie outside.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** Before training the output table is all zeros. Show that then the first
# > step leaves the input table unchanged, whatever the text. Which of the two tables could be zero at the start
# > without harm, and could both?
# >
# > *Hint: put $U = 0$ into the two gradients of equation {eq}`eq-w2v-gradient`.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# With $U = 0$ the gradient for the hidden vector is
# $\partial L / \partial \mathbf{h} = U^\top (\mathbf{p} - \mathbf{y}) = \mathbf{0}$, so the input table does not
# move. But $\partial L / \partial \mathbf{u}_w = (p_w - y_w)\, \mathbf{h}$ is not zero, as $\mathbf{h}$ is random:
# the output table moves, and from the second step on both do.
#
# The two tables play symmetrical parts in the score $\mathbf{u}_w \cdot \mathbf{h}$, and the input table could as
# well be the one that starts at zero. If both do, both gradients are zero, now and for ever: nothing tells the words
# apart.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
fresh = SkipGram(len(words), dim=8)
hidden = fresh.hidden(centres)
rows = []
for start, H in (
    ("only U is zero", hidden),
    ("both are zero", torch.zeros_like(hidden)),
):
    _, d_H, d_U = softmax_loss(H, fresh.output, contexts)
    rows.append((start, *("moves" if g.any() else "stays" for g in (d_H, d_U))))
Table(rows, {"at the start": "", "input table": "", "output table": ""})

# %% [markdown]
# > **Exercise 2 (pencil, medium, 20 minutes).** The loss on the eight sentences stopped far above zero. Show that for
# > skip-gram it cannot fall below the mean of $-\ln q(o \mid c)$ over all pairs, where $q(o \mid c)$ is the share of
# > $o$ among the neighbours of $c$ in the text. Compute this floor.
# >
# > *Hint: let $q_o$ be the shares for one centre. Which $p$ makes $-\sum_o q_o \ln p_o$ smallest? Subtract
# > $-\sum_o q_o \ln q_o$ and use $\ln x \le x - 1$.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Take one centre. Over all $o$ with $q_o > 0$,
#
# $$
# \begin{aligned}
# \sum_o q_o \ln \frac{p_o}{q_o} &\le \sum_o q_o \Bigl( \frac{p_o}{q_o} - 1 \Bigr) \\
# &= \sum_o p_o - \sum_o q_o \le 0 ,
# \end{aligned}
# $$
#
# so that $-\sum_o q_o \ln p_o \ge -\sum_o q_o \ln q_o$. Since $\ln x = x - 1$ only at $x = 1$, the two are equal only
# for $p = q$. The best that a model can do is to predict the neighbours' shares, and what remains is their *entropy*.
# In the mean over all pairs each centre counts as often as it has neighbours, which is the sum below, over the counts
# $X$.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
X = torch.zeros(len(words), len(words), dtype=torch.float64)  # (13, 13) counts
for c, row in zip(centres, contexts, strict=True):
    for o in row[row >= 0]:
        X[c, o] += 1
q = X / X.sum(1, keepdim=True)  # (13, 13) shares of o among the neighbours of c
floor = -(X * q.clamp(min=1e-300).log()).sum() / X.sum()
final, _, _ = softmax_loss(model.hidden(centres), model.output, contexts)
print(f"floor {floor:.4f}, reached {final / (contexts >= 0).sum():.4f}")

# %% [markdown]
# > **Exercise 3 (code, medium, 25 minutes).** By exercise 2 the loss depends on the text only through the counts of
# > pairs. Show that the loss and both gradients of one pass over the toy text can be computed from the $V \times V$
# > table of these counts, without the text.
# >
# > *Hint: let every word of the vocabulary be a centre once, and weight its row.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# Let $X_{co}$ count how often $o$ stands beside $c$, as in solution 2. All guesses from the centre $c$ have the same
# probabilities $\mathbf{p}$, so the loss is $-\sum_{c,o} X_{co} \ln p_{co}$, and the errors of the scores of one
# centre add up to $\bigl(\sum_o X_{co}\bigr)\, \mathbf{p}_c$ minus row $c$ of $X$. So skip-gram "reads" nothing but a
# table of counts, like older methods that factorise such a table.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
log_p = (model.input @ model.output.T).log_softmax(1).detach()  # (13, 13)
loss = -(X * log_p).sum()
error = X.sum(1, keepdim=True) * log_p.exp() - X  # (13, 13)

text_loss, d_H, d_U = softmax_loss(model.hidden(centres), model.output, contexts)
d_input = torch.zeros_like(model.input).index_add_(0, centres, d_H)
same = torch.allclose(loss, text_loss) and torch.allclose(error @ model.output, d_input)
same = same and torch.allclose(error.T @ model.input, d_U)
print("loss and both gradients, from the counts alone:", same)

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** Train CBOW on the eight sentences, with a loop of your own, and
# > autograd in place of our gradient. Do *cat* and *dog* still end up in the same place?
# >
# > *Hint: `CBOW(...)(contexts)` returns the scores of all centres; `cross_entropy` does the rest.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# They do. (The loss is a mean over examples here, not a sum, hence the larger step.)
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
from scratch.word2vec import CBOW

bag_model = CBOW(len(words), dim=8, generator=torch.Generator().manual_seed(0)).double()
optimizer = torch.optim.SGD(bag_model.parameters(), lr=5)
for _ in range(300):
    loss = cross_entropy(bag_model(contexts), centres)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
rows = torch.nn.functional.normalize(bag_model.input.detach())  # (13, 8)
cat, dog, queen = (rows[words.index(w)] for w in ("cat", "dog", "queen"))
print(f"cos(cat, dog) {cat @ dog:.2f}, cos(cat, queen) {cat @ queen:.2f}")

# %% [markdown]
# > **Exercise 5 (code, easy, 15 minutes).** How much text does gensim need to find the months? Train it on the last
# > 2% and 20% of `recent`, and see whether most of *january*'s five nearest neighbours are months, as with all of it.
# >
# > *Hint: lower `min_count`, or the months themselves will be missing; but then words of chance crowd in.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
months = set("january february march april may june july august".split())
months |= set("september october november december".split())
tried = {1: gensim_sg}  # all of it, with min_count=35, from above
for share in (0.02, 0.2):
    part = recent[-int(share * len(recent)) :]
    tried[share] = Word2Vec(part, **arguments, min_count=5, workers=1, seed=0).wv
rows = []
for share, few in sorted(tried.items()):
    near = few.most_similar("january", topn=5) if "january" in few else []
    found = sum(word in months for word, _ in near)
    rows.append((share, len(few), "yes" if found > 2 else "no"))
Table(rows, {"of the text": ".0%", "words": ",", "most are months": ""})

# %% [markdown]
# > **Exercise 6 (open, easy, 20 minutes).** Near in company is not always near in meaning. Look at pairs of
# > opposites, such as *increase* and *reduction*, or *war* and *peace*: which neighbour of the first is the second?
# > Compare with random pairs. Are opposites near? Should they be?
# >
# > *Hint: `skip_gram.rank(a, b)` counts. What stands around* increase *in a budget speech, and what
# > around* reduction?

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# All four are nearer than half of the random pairs, and one is very near. Whoever speaks of an increase speaks of the
# same things as whoever speaks of a reduction. Company tells what could stand in a place, not what could do so
# without making the sentence false.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
rows = []
for pair in ("increase reduction", "win lose", "war peace", "old new"):
    rows.append((pair, skip_gram.rank(*pair.split())))
names = skip_gram.index_to_key
pick = np.random.default_rng(0).integers(len(names), size=(400, 2))
ranks = [skip_gram.rank(names[i], names[j]) for i, j in pick if i != j]
rows.append(("random pairs, the median", np.median(ranks)))
Table(rows, {"pair": "", f"rank among {len(skip_gram) - 1:,}": ".0f"})

# %% [markdown]
# ## You have
#
# - turned text into centres and contexts, and given each word two vectors, as skip-gram and as CBOW;
# - derived $\mathbf{p} - \mathbf{y}$, and seen it agree with autograd and with finite differences;
# - watched *cat* and *dog* meet in the same place without ever having met in a sentence;
# - shown that the two-sentence call leaves the weights untouched for nearly nine seeds in ten, and computed
#   why;
# - trained on half a million real words, compared with gensim and with people, and put brackets around the
#   result.
#
# ## Further reading
#
# - T. Mikolov, K. Chen, G. Corrado and J. Dean, [Efficient estimation of word representations in vector
#   space](https://arxiv.org/abs/1301.3781), 2013: skip-gram and CBOW.
# - X. Rong, [word2vec parameter learning explained](https://arxiv.org/abs/1411.2738), 2014: every
#   derivative, step by step {cite:p}`rong2014word2vec`.
# - O. Levy and Y. Goldberg, [Dependency-based word embeddings](https://aclanthology.org/P14-2050/), 2014: company
#   other than a window.
# - J. Alammar, [The illustrated word2vec](https://jalammar.github.io/illustrated-word2vec/), 2019: the idea
#   in pictures.
# - L. Finkelstein and colleagues {cite:p}`finkelstein2002placing` and F. Hill, R. Reichart and A. Korhonen
#   {cite:p}`hill2015simlex`: how people were asked, and the difference between *related* and *similar*.
# - N. Schluter, [The word analogy testing caveat](https://aclanthology.org/N18-2039/), 2018: what pictures
#   and analogies do not show.
