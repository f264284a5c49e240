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
# **You need** the chapter on one-hot vectors, the chain rule, and logarithms. This chapter runs in about 40 seconds
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

sentences = load("state-of-the-union")
counts = Counter(w for s in sentences for w in s)
frequent = {w for w, _ in counts.most_common(100)}


def company(word, window=2, k=5):
    neighbours = Counter()
    for s in sentences:
        for t, w in enumerate(s):
            if w == word:
                neighbours.update(s[max(0, t - window) : t] + s[t + 1 : t + 1 + window])
    return [w for w, _ in neighbours.most_common() if w not in frequent][:k]


for word in ("gold", "silver", "june", "july", "soldiers"):
    print(f"{word:>8}: {', '.join(company(word))}")

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
for t, centre in enumerate(tokens):
    print(f"{centre:>4}: {tokens[max(0, t - 2) : t] + tokens[t + 1 : t + 3]}")

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
print(contexts.tolist())
by_hand = [ids[max(0, t - 2) : t] + ids[t + 1 : t + 3] for t in range(len(ids))]
print(
    "as by hand:", [[i for i in row if i >= 0] for row in contexts.tolist()] == by_hand
)

# %% [markdown]
# From these rows word2vec makes a guessing game, and there are two ways to play it. *Skip-gram* (跳字模型) is
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
# The model has two tables, each with a row of $d$ numbers for each of the $V$ words. A word has one vector
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
#
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
# tokens, vocabulary, windows. *Build a shallow network*: two matrices with nothing between them, the second
# followed by the softmax. *Train* it by gradient descent, which is next. *Take the hidden layer as the
# vectors*: the hidden layer is $\mathbf{h}$, and for a given word this is its row of $W$. So the vectors
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
print("autograd:", torch.allclose(pencil_h, h_.grad), torch.allclose(pencil_U, U_.grad))


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
same = [torch.allclose(*x, atol=1e-8) for x in ((slow_h, pencil_h), (slow_U, pencil_U))]
print("finite differences:", same)

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

loss, *gradients = softmax_loss(
    W[centres], U, contexts
)  # hidden, output table, targets
print(
    "as by hand:", [torch.allclose(*x) for x in zip(gradients, (d_H, d_U), strict=True)]
)

# %% [markdown]
# The helper is the same in matrices. `targets` is what we called `contexts`: $m$ places in each row, $-1$ where
# there is nobody. `seen` counts, in each row, how often each word is there: the bag of the centre's neighbours.
# (`scatter_add_(1, ids, x)` adds each `x` in the column that its id names.) If a row has $k$ neighbours, their errors
# add up to $k\,\mathbf{p}$ minus this bag. `ids_below` only refuses impossible ids:

# %%
import inspect

signature, _, body = inspect.getsource(softmax_loss).split('"""')
print(signature.strip() + body.rstrip())

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

model = SkipGram(len(words), dim=8, generator=torch.Generator().manual_seed(0)).double()
for step in range(2001):
    loss, d_H, d_U = softmax_loss(model.hidden(centres), model.output, contexts)
    with torch.no_grad():
        model.input.index_add_(0, centres, -0.01 * d_H)  # each centre's row, downhill
        model.output -= 0.01 * d_U
    if step % 400 == 0:
        print(f"step {step:>4}: {loss / (contexts >= 0).sum():.4f} per guess")

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
for pair in ("cat dog", "king queen", "cat king", "cat drinks", "king crown"):
    a, b = pair.split()
    print(f"{a:>4} – {b:<6} {cosines[shown.index(a), shown.index(b)]:+.2f}")

# %% [markdown]
# *Cat* and *dog* point the same way, though they have never met: they were asked to predict the same
# company. *King* and *queen* likewise, and they have nothing to do with cats. But look at *king* and
# *crown*. Nobody would call them alike; yet a window of two shows both of them beside *the* and *wears*, so
# they share much of their company. The vectors know what the windows show, no more and no less, and a
# window does not show who wears what.
#
# How much of this is the text, and how much the start? The loss sees only the products $\mathbf{u}_w \cdot \mathbf{v}_c$.
# So $W A$ with $U A^{-\top}$ is exactly as good a model, for any matrix $A$ that can be inverted:

# %%
with torch.no_grad():
    A = torch.randn(8, 8, generator=torch.Generator().manual_seed(1)).double()
    W, U = model.input, model.output
    turned, U_turned = W @ A, U @ torch.linalg.inv(A).T  # (13, 8), (13, 8)
    before = softmax_loss(W[centres], U, contexts)[0]
    after = softmax_loss(turned[centres], U_turned, contexts)[0]
print("the loss is the same:", torch.allclose(before, after))
cat, king = words.index("cat"), words.index("king")
cosine = torch.nn.functional.cosine_similarity
for name, x in (("A", turned), ("a rotation", W @ torch.linalg.qr(A).Q)):
    same = torch.isclose(cosine(x[cat], x[king], dim=0), cosine(W[cat], W[king], dim=0))
    print(f"cos(cat, king) is the same after {name}:", bool(same))

# %% [markdown]
# The loss alone fixes neither the axes nor the angles, and no single coordinate means anything. Cosines survive a turn
# of the axes, but not every change that the loss cannot see: where training ends among all these equals, it decides.
#
# ## The call that learns nothing
#
# For real use there is a library, gensim {cite:p}`rehurek2010software`. Here is the example from its own
# documentation, with which one of the two articles, too, presents it.

# %%
from gensim.models import Word2Vec

two_sentences = [["cat", "say", "meow"], ["dog", "say", "woof"]]
example = Word2Vec(two_sentences, min_count=1)
print(example.wv["cat"].shape, example.wv["cat"].dtype)

# %% [markdown]
# A vector of a hundred numbers comes back, and it looks like success. But is it a trained vector? We make a
# model with the same seed that is never trained, and compare the weights, for 200 seeds.

# %%
import numpy as np

untouched, by_seed = 0, []
for seed in range(200):
    trained = Word2Vec(two_sentences, min_count=1, seed=seed)
    fresh = Word2Vec(min_count=1, seed=seed)
    fresh.build_vocab(two_sentences)  # as far as the weights' random start
    same = np.array_equal(trained.wv.vectors, fresh.wv.vectors)
    untouched += same and not trained.syn1neg.any()  # its output table starts at zero
    by_seed.append(trained.wv.similarity("cat", "dog"))
print(f"not one bit of one weight has moved: {untouched / 200:.0%} of the seeds")
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
# with $\tau = 0.001$ in the released program and in gensim (the paper {cite:p}`mikolov2013distributed` prints a different
# formula). A share of more than about one in 380 counts as frequent. In a corpus of six words, each word
# has a share of at least one sixth.

# %%
from scratch.windows import keep_probability

counts = Counter(w for s in two_sentences for w in s)
keep = keep_probability(torch.tensor(list(counts.values())), 1e-3).tolist()
keep = dict(zip(counts, keep, strict=True))
print({w: round(q, 3) for w, q in keep.items()})

a, b = keep["say"], keep["cat"]  # each sentence: say, and two words that stand once
none = (1 - a) * (1 - b) ** 2
one = a * (1 - b) ** 2 + 2 * b * (1 - a) * (1 - b)
print(f"two of a sentence's three words are kept, or all: {1 - none - one:.3f}")
print(f"that happens in none of ten draws: {(none + one) ** 10:.2f}")

# %% [markdown]
# A sentence with fewer than two words has no pairs. Gensim makes five epochs over two sentences, which is
# ten draws, and the last line is the probability that all of them come to nothing. It is the share that we
# counted, up to chance. Nothing is broken; the example is far too small for the defaults. And with
# `sample=0`, which keeps every word, and two thousand epochs?

# %%
patient = Word2Vec(two_sentences, min_count=1, sample=0, epochs=2000, workers=1, seed=0)
for other in ("dog", "woof"):
    print(f"cos(cat, {other}): {patient.wv.similarity('cat', other):.1f}")

# %% [markdown]
# Now something is learnt, but not what one hopes for. *Cat* has one neighbour in common with *dog*, which
# is *say*, and exactly as much in common with *woof*. No learner that ignores order, as word2vec does,
# could tell from these six words which of the two is more like a cat.
#
# > **Correction.** The two-sentence call shows the *syntax* of gensim. That vectors come back does not show
# > that vectors were learnt, and it runs CBOW, since `sg=0` is the default.
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
print(
    "january:",
    ", ".join(sorted(w for w, _ in same_call.most_similar("january", topn=4))),
)

# %% [markdown]
# There they are, months and a season: the call was never at fault. (`workers=1` and a seed make it
# repeatable.) Now our own. We keep only the words that occur at least 35 times, and the reason is the sum
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
print(f"operations for one epoch: {here:.0e} here, {news:.0e} for the news")

# %% [markdown]
# Our slice is a matter of seconds; theirs would be some billions of times as much. They did not wait for
# it: there are ways around the sum, which make a step cheap, and they are what made word2vec famous.
#
# `train` is the loop that you have seen, with a few additions. It takes the centres in random order, 512 at
# a time. It draws each centre's window at random between 1 and `window` places, as the original program
# does, so that nearer words count for more. And it steps with Adam {cite:p}`kingma2015adam`, a gradient
# descent that finds a step size for each number by itself, all of them falling to zero in the end. In double
# precision, the digits that we print are the same on every processor. One epoch for each architecture:

# %%
from scratch.word2vec import train

settings = {"loss": "softmax", "dtype": torch.float64, "dim": 50, "window": 4}
settings |= {"min_count": 35, "subsample": 0, "epochs": 1}
skip_gram = train(recent, "skip-gram", **settings)

# %%
cbow = train(recent, "cbow", **settings)
print("rows and columns of the input table:", cbow.vectors.shape)

# %% [markdown]
# And gensim beside them, with the same text, window and dimension. It goes around the sum, by telling each
# pair from a few random ones (*negative sampling*), and makes its usual five epochs. Here are the five
# nearest neighbours of some words, by cosine, each list in alphabetical order.

# %%
arguments = {"vector_size": 50, "window": 4, "min_count": 35, "sample": 0}
gensim_sg, gensim_cbow = (
    Word2Vec(recent, sg=sg, **arguments, workers=1, seed=0).wv for sg in (1, 0)
)
models = {"skip-gram": skip_gram, "CBOW": cbow}
models |= {"gensim sg": gensim_sg, "gensim CBOW": gensim_cbow}
for word in ("january", "million", "war", "china"):
    print(word)
    for name, vectors in models.items():
        near = sorted(w for w, _ in vectors.most_similar(word, topn=5))
        print(f"  {name:>11}: {' '.join(near)}")

# %% [markdown]
# Nobody has told these programs that January is a month. For *january* all four name other months, and for
# *million* all four name *billion*, though money and units mix in. In three of the lists *war* is near
# *cold* or *ii*, from *Cold War* and *World War II*: a small corpus has its set phrases, and the window
# shows them over and over. On *china* they differ, and words such as *confidence* and *conditions* stray
# into CBOW's lists. So much for one look at four words. To say more, we need to count.
#
# > **Pitfall.** Run gensim with more than one worker and its results change from run to run, seed or no
# > seed: the threads take turns in an order that nobody controls. For a result that can be repeated,
# > `workers=1`. Our trainer computes in double precision, so that even another processor, which rounds
# > differently, prints the same neighbours.
#
# ## What do people say?
#
# Remember the flattest plot: one-hot vectors give every pair of different words the cosine 0. Here it is
# again, for those pairs of WordSim-353 whose words are both in our vocabulary.

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
# *bootstrap* (自助法) draws as many again, with repetition, a thousand times, and the middle 95 % of the
# results are printed in brackets. Beside WordSim-353 we take SimLex-999 {cite:p}`hill2015simlex`, whose
# raters were asked a harder question: not how *related* two words are, as *coffee* and *cup*, but how
# *similar*.

# %%
from scratch.metrics import spearman

for name in ("wordsim-353", "simlex-999"):
    people, _ = judged(name, skip_gram)
    draws = np.random.default_rng(0).integers(len(people), size=(1000, len(people)))
    print(f"{name}, {len(people)} pairs")
    for kind, vectors in models.items():
        x, y = map(np.array, judged(name, vectors))
        low, high = np.percentile([spearman(x[i], y[i]) for i in draws], [2.5, 97.5])
        print(f"  {kind:>11} {spearman(x, y):5.2f} [{low:+.2f}, {high:+.2f}]")

try:
    spearman(people, np.zeros(len(people)))
except ValueError as error:
    print("one-hot:", error)

# %% [markdown]
# For one-hot vectors the question cannot even be asked, since they order nothing. The trained vectors do
# order the pairs, and on WordSim-353 the brackets stay clear of zero, some of them barely: company alone
# has taught them something that people agree with. On SimLex-999 most do not. If half a million words of
# one kind of speech hold an answer to the harder question, it is too faint for so few pairs to show.
#
# Which of the four is best? The brackets say nothing about the *difference* of two models, since both were
# asked about the same pairs, and what is hard for one is hard for the other. So the bootstrap is *paired*: each draw
# of pairs is put to both models, and the brackets hold the middle of the differences:

# %%
people, ours = map(np.array, judged("wordsim-353", skip_gram))
draws = np.random.default_rng(0).integers(len(people), size=(1000, len(people)))
for name in ("CBOW", "gensim sg", "gensim CBOW"):
    theirs = np.array(judged("wordsim-353", models[name])[1])
    gaps = [
        spearman(people[i], ours[i]) - spearman(people[i], theirs[i]) for i in draws
    ]
    low, high = np.percentile(gaps, [2.5, 97.5])
    print(f"skip-gram minus {name:<11}: [{low:+.2f}, {high:+.2f}]")

# %% [markdown]
# Zero is inside each time: these pairs cannot rank the models. And that is with one seed each; another seed
# moves the numbers, too. ([](word2vec-at-scale.ipynb) has more text, more seeds, and each side's best learning rate.)
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
rows = np.stack([skip_gram[w] / np.linalg.norm(skip_gram[w]) for w in chosen])
shadow = PCA(2, svd_solver="full").fit_transform(rows.astype(np.float64))  # (24, 2)
for g, group in enumerate(groups):
    x, y = shadow[4 * g : 4 * g + 4].mean(0)
    print(f"middle of {group:<33}: ({x:+.2f}, {y:+.2f})")

# %% tags=["rms=1"] mystnb={"image": {"alt": "Twenty-four words scattered in a plane, coloured by group. Months and school words form clusters of their own; numbers and money words share one; countries mix with the words of war and peace."}, "figure": {"caption": "Twenty-four words of the skip-gram vectors, on the plane of their two widest directions. The colours are ours; the program was told nothing about groups.", "name": "fig-w2v-projection"}}
figure, axes = plt.subplots(figsize=(5, 4.4))
label = {"textcoords": "offset points", "fontsize": 10}
side = dict.fromkeys(
    "europe japan schools teachers spending september".split(), (3, -11)
)
side |= {"december": (6, -5), "budget": (6, -5)}  # where labels would overlap
for i, (word, place) in enumerate(zip(chosen, shadow, strict=True)):
    axes.scatter(*place, color=f"C{i // 4}", s=16)
    axes.annotate(word, place, side.get(word, (3, 3)), color=f"C{i // 4}", **label)
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


for name, points in (("in the picture", shadow), ("in 50 dimensions", rows)):
    own = np.mean(nearest(points) // 4 == np.arange(24) // 4)
    print(f"{name:>16}: {own:.0%} have a neighbour of their own group")
for word in ("china", "russia", "japan"):
    flat, full = (chosen[nearest(x)[chosen.index(word)]] for x in (shadow, rows))
    print(f"{word}: nearest in the picture {flat}, in 50 dimensions {full}")

# %% [markdown]
# In the picture *russia* is nearest to *peace*; in fact it is nearest to *china*.
# Schluter warns of taking such plots as evidence {cite:p}`schluter2018word`. Draw one to get
# an idea; to know, measure in the full space.
#
# ## Keep them
#
# Vectors are worth keeping, and word2vec's own file formats, text and binary, are read by nearly every
# tool. `train` returns gensim's `KeyedVectors`, which writes and reads both. There and back again, ours and
# gensim's:

# %%
import tempfile
from pathlib import Path

from gensim.models import KeyedVectors

for name, vectors in (("ours", skip_gram), ("gensim's", gensim_sg)):
    for binary in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "vectors")
            vectors.save_word2vec_format(file, binary=binary)
            back = KeyedVectors.load_word2vec_format(file, binary=binary)
        same = np.array_equal(back.vectors, vectors.vectors)
        same = same and back.index_to_key == vectors.index_to_key
        print(f"{name:>8}, {'binary' if binary else 'text'}: equal to the bit: {same}")

# %% [markdown]
# ## So, can company give a meaning?
#
# Some. From company alone, without a dictionary, a program has found that *january* is like *june* and
# *china* like *russia*, and its opinion of pairs of words goes with people's. What it has found is which
# words keep similar company. Often, not always, these are words that can replace each other. That is why
# opposites can be near each other (exercise 6), why *king* and *crown* look alike, and why a phrase such as
# *Cold War* leaves its mark. And one word got one vector: *march* the month and *march* the walk share
# theirs. A word that was never seen got none; *fastText* makes it one, as the sum of vectors of its pieces of three to
# six letters {cite:p}`bojanowski2017enriching`. And what company the text gives to *he* and *she*, the vectors give them,
# too {cite:p}`bolukbasi2016man`. Each of these limits is where a later idea begins.
#
# ## Exercises
#
# > **Exercise 1 (pencil).** Before training the output table is all zeros. Show that then the first step
# > leaves the input table unchanged, whatever the text. Which of the two tables could be zero at the start
# > without harm, and could both?
# >
# > *Hint: put $U = 0$ into the two gradients of equation {eq}`eq-w2v-gradient`.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
# dL/dh = U^T (p - y) = 0 when U = 0, so the input table does not move. But
# dL/du_w = (p_w - y_w) h is not zero, as h is random: U moves, and from the second step
# on both do. By symmetry the input table could be the one that starts at zero. If both
# are zero, both gradients are zero for ever: nothing tells the words apart.
fresh = SkipGram(len(words), dim=8)
_, d_H, d_U = softmax_loss(fresh.hidden(centres), fresh.output, contexts)
print("only U zero: input moves", bool(d_H.any()), "/ output moves", bool(d_U.any()))
_, d_H, d_U = softmax_loss(torch.zeros_like(d_H), fresh.output, contexts)
print("both zero:   input moves", bool(d_H.any()), "/ output moves", bool(d_U.any()))

# %% [markdown]
# > **Exercise 2 (pencil).** The loss on the eight sentences stopped far above zero. Show that for skip-gram
# > it cannot fall below the mean of $-\ln q(o \mid c)$ over all pairs, where $q(o \mid c)$ is the share of
# > $o$ among the neighbours of $c$ in the text. Compute this floor.
# >
# > *Hint: let $q_o$ be the shares for one centre. Which $p$ makes $-\sum_o q_o \ln p_o$ smallest? Subtract
# > $-\sum_o q_o \ln q_o$ and use $\ln x \le x - 1$.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
# For one centre, sum_o q_o ln(p_o / q_o) <= sum_o q_o (p_o / q_o - 1) <= 1 - 1 = 0, so that
# -sum_o q_o ln p_o >= -sum_o q_o ln q_o, with equality only for p = q. The best a model
# can do is to predict the neighbours' shares, and what remains is their entropy.
X = torch.zeros(len(words), len(words), dtype=torch.float64)  # (13, 13) counts
for c, row in zip(centres, contexts, strict=True):
    for o in row[row >= 0]:
        X[c, o] += 1
q = X / X.sum(1, keepdim=True)  # (13, 13) shares of o among the neighbours of c
floor = -(X * q.clamp(min=1e-300).log()).sum() / X.sum()
final, _, _ = softmax_loss(model.hidden(centres), model.output, contexts)
print(f"floor {floor:.4f}, reached {final / (contexts >= 0).sum():.4f}")

# %% [markdown]
# > **Exercise 3 (code).** By exercise 2 the loss depends on the text only through the counts of pairs. Show
# > that the loss and both gradients of one pass over the toy text can be computed from the $V \times V$
# > table of these counts, without the text.
# >
# > *Hint: let every word of the vocabulary be a centre once, and weight its row.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
# With X of solution 2, and every word of the vocabulary as a centre once:
log_p = (model.input @ model.output.T).log_softmax(1).detach()  # (13, 13)
loss = -(X * log_p).sum()
error = X.sum(1, keepdim=True) * log_p.exp() - X  # (13, 13)

text_loss, d_H, d_U = softmax_loss(model.hidden(centres), model.output, contexts)
d_input = torch.zeros_like(model.input).index_add_(0, centres, d_H)
print("loss:        ", torch.allclose(loss, text_loss))
print("input table: ", torch.allclose(error @ model.output, d_input))
print("output table:", torch.allclose(error.T @ model.input, d_U))
# So skip-gram "reads" nothing but a table of counts, like older methods that factorise
# such a table.

# %% [markdown]
# > **Exercise 4 (code).** Train CBOW on the eight sentences, with a loop of your own, and autograd in place
# > of our gradient. Do *cat* and *dog* still end up in the same place?
# >
# > *Hint: `CBOW(...)(contexts)` returns the scores of all centres; `cross_entropy` does the rest.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
# They do. (The loss is a mean over examples here, not a sum, hence the larger step.)
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
print(
    f"loss {loss:.2f}, cos(cat, dog) {cat @ dog:.2f}, cos(cat, queen) {cat @ queen:.2f}"
)

# %% [markdown]
# > **Exercise 5 (code).** How much text does gensim need to find the months? Train it on the last 2 %, 10 %
# > and 50 % of `recent`, and see whether most of *january*'s five nearest neighbours are months.
# >
# > *Hint: lower `min_count` for the small ones, or the months themselves will be missing.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
months = set("january february march april may june july august".split())
months |= set("september october november december".split())
arguments = {"sg": 1, "vector_size": 50, "window": 4, "min_count": 2, "sample": 0}
for share in (0.02, 0.1, 0.5):
    part = recent[-int(share * len(recent)) :]
    few = Word2Vec(part, **arguments, workers=1, seed=0).wv
    near = few.most_similar("january", topn=5) if "january" in few else []
    found = sum(word in months for word, _ in near)
    print(
        f"{share:>4.0%}, {len(few):>5} words, most of the five are months: {found > 2}"
    )

# %% [markdown]
# > **Exercise 6 (open).** Near in company is not always near in meaning. Look at pairs of opposites, such
# > as *increase* and *reduction*, or *war* and *peace*: which neighbour of the first is the second? Compare
# > with random pairs. Are opposites near? Should they be?
# >
# > *Hint: `skip_gram.rank(a, b)` counts. What stands around* increase *in a budget speech, and what around*
# > reduction*?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
for pair in ("increase reduction", "win lose", "war peace", "old new"):
    a, b = pair.split()
    rank = skip_gram.rank(a, b)
    print(f"{a:>8} – {b:<9} is neighbour number {rank:>3} of {len(skip_gram) - 1:,}")
names = skip_gram.index_to_key
pick = np.random.default_rng(0).integers(len(names), size=(400, 2))
ranks = [skip_gram.rank(names[i], names[j]) for i, j in pick if i != j]
print(f"random pairs: half of them nearer than number {np.median(ranks):.0f}")
# All four are nearer than half of the random pairs, and one is very near. Whoever speaks
# of an increase speaks of the same things as whoever speaks of a reduction. Company
# tells what could stand in a place, not what could do so without making the sentence
# false. This is a limit of the hypothesis, not a bug.

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
# - J. Alammar, [The illustrated word2vec](https://jalammar.github.io/illustrated-word2vec/), 2019: the idea
#   in pictures.
# - L. Finkelstein and colleagues {cite:p}`finkelstein2002placing` and F. Hill, R. Reichart and A. Korhonen
#   {cite:p}`hill2015simlex`: how people were asked, and the difference between *related* and *similar*.
# - N. Schluter, [The word analogy testing caveat](https://aclanthology.org/N18-2039/), 2018: what pictures
#   and analogies do not show.
