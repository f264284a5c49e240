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
# - run the best-known example call of gensim and show that it has learnt nothing, and why;
# - train both architectures on sixty years of presidential speeches, and hold their neighbours and their
#   judgement against gensim's and people's.
#
# **You need** the chapter on one-hot vectors, the chain rule, and logarithms. It runs in about 40 seconds
# on one processor core.

# %%
try:
    import scratch
except ImportError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    get_ipython().run_line_magic("pip", f"install -q {book}")

# %% [markdown]
# ## The company a word keeps
#
# That words which occur in similar surroundings have similar meanings is called the *distributional
# hypothesis* (分布假说). Zellig Harris {cite:p}`harris1954distributional` argued it for linguists, and J. R.
# Firth put it in the line that everyone quotes: "You shall know a word by the company it keeps"
# {cite:p}`firth1957synopsis`. Before we believe it, let us look. These are the words that stand within two
# places of five others in all State of the Union addresses; the hundred most frequent words of all are left
# out, since they keep company with everybody.

# %%
from collections import Counter

from scratch.corpora import load

sentences = load("state-of-the-union")
counts = Counter(w for s in sentences for w in s)
frequent = {w for w, _ in counts.most_common(100)}


def company(word, window=2, k=5):
    neighbours = Counter()
    for s in sentences:
        for t in (t for t, w in enumerate(s) if w == word):
            neighbours.update(s[max(0, t - window) : t] + s[t + 1 : t + 1 + window])
    return [w for w, _ in neighbours.most_common() if w not in frequent][:k]


for word in ("gold", "silver", "june", "july", "soldiers"):
    print(f"{word:>8}: {', '.join(company(word))}")

# %% [markdown]
# *Gold* and *silver* stand beside coins, *June* and *July* beside days (*th* and *st* are what our
# tokenizer leaves of *30th* and *1st*), and *soldiers* beside sailors. The first four words fall into two
# pairs by their company alone. So a word could be described by the list of its neighbours with their
# counts, and that is a good idea, which a later chapter follows up. But such a list is as long as the
# vocabulary. Word2vec (Mikolov and colleagues {cite:p}`mikolov2013efficient`) makes a short one: it asks a
# vector of, say, 50 numbers to *predict* the company.
#
# ## Windows and pairs
#
# Slide a window over the text. The word in the middle is the *centre* (中心词), the words around it are its
# *context* (上下文). The helper returns both for every place of every sentence; where a sentence has ended,
# the context holds −1.

# %%
import torch

from scratch.text import Vocabulary, tokenize
from scratch.word2vec import windows

tokens = tokenize("The cat sat on the mat")
words = sorted(set(tokens))  # the whole vocabulary, for now
ids = [words.index(w) for w in tokens]
centres, contexts = windows([ids], window=2)  # (n,), (n, 4)
for c, row in zip(centres, contexts, strict=True):
    print(f"{words[c]:>4} ", [words[i] if i >= 0 else "·" for i in row])

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
# From these rows word2vec makes a guessing game, and there are two ways to play it. *Skip-gram* (跳字模型) is
# given the centre and guesses each word of the context: every row gives as many examples as it has
# neighbours. *CBOW*, the *continuous bag of words* (连续词袋模型), is given all of the context and guesses the
# centre: every row gives one example.

# %%
skip_gram, bags = [], []
for c, row in zip(centres, contexts, strict=True):
    around = [words[o] for o in row if o >= 0]
    skip_gram += [f"{words[c]} → {o}" for o in around]
    bags.append(f"{' + '.join(around)} → {words[c]}")
print(len(skip_gram), "examples for skip-gram:", ", ".join(skip_gram[:5]), "…")
print(len(bags), "examples for CBOW:", ", ".join(bags[:3]), "…")

# %% [markdown]
# > **Correction.** Word2vec is often introduced as "the target word goes in, the context words come out";
# > one of the two articles does so. That is skip-gram only. In CBOW it is the other way round, and the
# > program that most people use, gensim, does CBOW unless told otherwise.
#
# ## Two vectors for every word
#
# The player of the game has two tables, each with a row of $d$ numbers for each of the $V$ words. A word
# has one vector for when it is *given*, its row $\mathbf{v}$ in the input table, and one for when it is
# *guessed*, its row $\mathbf{u}$ in the output table. What is given is turned into one vector $\mathbf{h}$,
# in skip-gram the centre's row, in CBOW the mean of the rows of the context $C$:
#
# $$
# \mathbf{h} = \mathbf{v}_c \quad \text{(skip-gram)}, \qquad \mathbf{h} = \frac{1}{|C|} \sum_{c \in C} \mathbf{v}_c \quad \text{(CBOW)}, \qquad \mathbf{h} \in \mathbb{R}^d .
# $$ (eq-w2v-hidden)
#
# Then every word $w$ gets a score, the dot product $\mathbf{u}_w \cdot \mathbf{h}$, and the *softmax* turns
# the $V$ scores into probabilities by making them positive and dividing by their sum:
#
# $$
# p_w = \frac{\exp(\mathbf{u}_w \cdot \mathbf{h})}{\sum_{j=1}^{V} \exp(\mathbf{u}_j \cdot \mathbf{h})}, \qquad \mathbf{p} = \mathrm{softmax}(U\mathbf{h}), \quad U \in \mathbb{R}^{V \times d}.
# $$ (eq-w2v-softmax)
#
# If the word that was really there is $o$, the player pays the *cross-entropy* (交叉熵), which is the surprise
# at finding it, $L = -\ln p_o$: nothing if he was certain of it, a lot if he thought it impossible. Here it
# is by hand for one pair, *cat* → *sat*, with vectors that are still random.

# %%
generator = torch.Generator().manual_seed(0)
V, d = len(words), 3
v = torch.randn(V, d, generator=generator, dtype=torch.float64)  # (V, d) input table
U = torch.randn(V, d, generator=generator, dtype=torch.float64)  # (V, d) output table

h = v[words.index("cat")]  # (d,)
scores = U @ h  # (V, d) @ (d,) -> (V,)
p = scores.exp() / scores.exp().sum()  # (V,)
loss = -p[words.index("sat")].log()
print("  ".join(f"{w} {q:.2f}" for w, q in zip(words, p, strict=True)))
print(f"loss {loss:.2f}")

# %% [markdown]
# The four steps that one finds in every introduction are now easy to name. *Prepare a corpus*: tokens,
# vocabulary, windows. *Build a shallow network*: multiply the one-hot vector of the given word by the input
# table, which is to look up a row, and multiply by $U$; there is nothing else in it, not even a
# non-linearity but the softmax. *Train* it by gradient descent. *Take the hidden layer as the vectors*: the
# hidden layer for a given word is $\mathbf{h}$, and that is the word's row in the input table. So the
# vectors are not something that the network computes at the end. They are its first weight matrix. The
# output table is usually thrown away.
#
# ## The gradient, with a pencil
#
# How must the tables change for the player to pay less? Start from the scores
# $s_w = \mathbf{u}_w \cdot \mathbf{h}$. Taking the logarithm of {eq}`eq-w2v-softmax`,
#
# $$
# L = -\ln p_o = -s_o + \ln \sum_{j=1}^{V} \exp(s_j).
# $$ (eq-w2v-loss)
#
# We differentiate for one score. The first term gives $-1$ if $w$ is the word that was there, and nothing
# otherwise; write $y_w$ for the one-hot vector of $o$, and it gives $-y_w$. The second gives, by the chain
# rule, $\exp(s_w)$ over the sum, and that is $p_w$. So
#
# $$
# \frac{\partial L}{\partial s_w} = p_w - y_w ,
# $$ (eq-w2v-error)
#
# what the player expected minus what he saw. A score is pushed down for every word in proportion to how far
# it was expected in vain, and up for the word that came. Since $s_w = \mathbf{u}_w \cdot \mathbf{h}$, the
# chain rule carries this error to the tables: $\partial s_w / \partial \mathbf{u}_w = \mathbf{h}$ and
# $\partial s_w / \partial \mathbf{h} = \mathbf{u}_w$, so that
#
# $$
# \frac{\partial L}{\partial \mathbf{u}_w} = (p_w - y_w)\,\mathbf{h}, \qquad
# \frac{\partial L}{\partial \mathbf{h}} = \sum_{w=1}^{V} (p_w - y_w)\,\mathbf{u}_w = U^\top (\mathbf{p} - \mathbf{y}) .
# $$ (eq-w2v-gradient)
#
# In skip-gram $\partial L / \partial \mathbf{h}$ goes to the centre's row, which is $\mathbf{h}$. In CBOW,
# by {eq}`eq-w2v-hidden`, each of the $|C|$ words of the context gets it divided by $|C|$. Now we hold the
# pencil against two machines: autograd, which applies the chain rule mechanically, and finite differences,
# which know no calculus and simply move each number up and down a little.

# %%
from torch.nn.functional import cross_entropy

o = torch.tensor(words.index("sat"))
y = torch.nn.functional.one_hot(o, V)  # (V,)
pencil_h, pencil_U = U.T @ (p - y), torch.outer(p - y, h)  # (d,), (V, d)

h_, U_ = h.clone().requires_grad_(), U.clone().requires_grad_()
cross_entropy(U_ @ h_, o).backward()
print("autograd:", torch.allclose(pencil_h, h_.grad), torch.allclose(pencil_U, U_.grad))

step = 1e-6 * torch.eye(d, dtype=torch.float64)  # (d, d) a small step along each axis
up, down = (
    torch.stack([cross_entropy(U @ x, o) for x in h + s * step]) for s in (1, -1)
)
print("finite differences:", torch.allclose(pencil_h, (up - down) / 2e-6, atol=1e-8))

# %% [markdown]
# The helper `softmax_loss` does this for many hidden vectors at once, each with as many words to guess as
# it has neighbours, since in skip-gram all guesses from one centre share their scores. With $k$ words to
# guess, the errors add up to $k\,\mathbf{p}$ minus the sum of their one-hot vectors, which is their bag of
# words. This is all of it:

# %%
import inspect

from scratch.word2vec import softmax_loss

print(inspect.getsource(softmax_loss).split('"""')[2].rstrip())

# %%
H = v[centres]  # (n, d), skip-gram: the given words' rows
loss, d_H, d_U = softmax_loss(H, U, contexts)

H_, U_ = H.clone().requires_grad_(), U.clone().requires_grad_()
log_p = (H_ @ U_.T).log_softmax(1)  # (n, V)
autograd_loss = -log_p.gather(1, contexts.clamp(min=0))[contexts >= 0].sum()
autograd_loss.backward()
same = [
    torch.allclose(*x) for x in ((loss, autograd_loss), (d_H, H_.grad), (d_U, U_.grad))
]
print("loss, gradient for H, gradient for U:", same)

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
# At the start every word is as likely as any other, and the loss is the logarithm of the size of the
# vocabulary, $\ln 13 \approx 2.565$. It falls, and then it stops falling, far from zero: who is told
# *drinks* cannot know whether *cat* or *dog* is meant (exercise 2 computes where the floor is). What have
# the vectors become?

# %% mystnb={"image": {"alt": "A square heat map of the cosines between twelve words. Two dark squares of four fields stand out on the diagonal: cat and dog, king and queen. Most other fields are near zero, some below."}, "figure": {"caption": "Cosines of the vectors learnt from eight sentences. Dark means alike. The words are in the order of their sentences.", "name": "fig-w2v-toy"}}
shown = "cat dog chases drinks milk mouse king queen rules wears land crown".split()
rows = model.input.detach()[[words.index(w) for w in shown]]  # (12, d)
rows = torch.nn.functional.normalize(rows)
cosines = rows @ rows.T  # (12, 12)

figure, axes = plt.subplots(figsize=(5, 4.3))
image = axes.imshow(cosines, vmin=-1, vmax=1, cmap="cividis_r")
axes.set_xticks(range(len(shown)), shown, rotation=60)
axes.set_yticks(range(len(shown)), shown)
axes.grid(False)
figure.colorbar(image, label="cosine")
for pair in ("cat dog", "king queen", "cat queen", "cat drinks"):
    a, b = pair.split()
    print(f"{a:>4} – {b:<6} {cosines[shown.index(a), shown.index(b)]:+.2f}")

# %% [markdown]
# *Cat* and *dog* point the same way, to two decimals, though they have never met: they were asked to
# predict the same company. *King* and *queen* likewise. And *cat* is much less close to *drinks*, beside
# which it does stand: word2vec brings together what can *replace* each other, rather than what stands side
# by side.
#
# ## The call that learns nothing
#
# Nobody writes their own trainer twice. The library is gensim {cite:p}`rehurek2010software`, and here is
# the example with which one of the two articles, and many other introductions, present it.

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

untouched, cosines = 0, []
for seed in range(200):
    trained = Word2Vec(two_sentences, min_count=1, seed=seed)
    fresh = Word2Vec(min_count=1, seed=seed)
    fresh.build_vocab(two_sentences)  # as far as the weights' random start
    same = np.array_equal(trained.wv.vectors, fresh.wv.vectors)
    untouched += same and not trained.syn1neg.any()  # the output table starts at zero
    cosines.append(trained.wv.similarity("cat", "dog"))
print(f"not one bit of one weight has moved: {untouched / 200:.0%} of the seeds")
print(f"cos(cat, dog): mean {np.mean(cosines):+.2f}, deviation {np.std(cosines):.2f}")

# %% [markdown]
# In nearly nine out of ten cases *nothing* has happened, and in all cases the cosine of *cat* and *dog* is
# what it is for two random vectors of a hundred numbers: around 0, give or take $1/\sqrt{100}$. Call it
# again with another seed and *cat* will be like *woof*.
#
# The reason is a setting that is meant for large corpora. Very frequent words carry little meaning, so
# word2vec *subsamples* them: before each pass it drops words by chance. A word with the share $f$ of the
# corpus is kept with probability
#
# $$
# P_\text{keep} = \min\Bigl(1, \sqrt{t/f} + t/f\Bigr), \qquad t = 0.001
# $$ (eq-w2v-keep)
#
# in the released program and in gensim (the paper {cite:p}`mikolov2013distributed` prints a different
# formula). A share of one in a thousand counts as frequent. In a corpus of six words, each word has a share
# of at least one sixth.

# %%
from scratch.word2vec import keep_probability

counts = Counter(w for s in two_sentences for w in s)
keep = keep_probability(torch.tensor(list(counts.values())), 1e-3).tolist()
keep = dict(zip(counts, keep, strict=True))
print({w: round(q, 3) for w, q in keep.items()})

a, b = keep["say"], keep["cat"]  # each sentence: say, and two words that stand once
none = (1 - a) * (1 - b) ** 2
one = a * (1 - b) ** 2 + 2 * b * (1 - a) * (1 - b)
survives = 1 - none - one
print(f"a sentence keeps two words or more: {survives:.3f}")
print(f"none of 2 sentences × 5 epochs does: {(1 - survives) ** 10:.2f}")

# %% [markdown]
# A sentence with fewer than two words has no pairs. The last line is the probability that all ten passes
# over a sentence come to nothing, and it is the share that we counted, up to chance. Nothing is broken; the
# example is just far too small for the defaults. With `sample=0` every pair is used, and then? *Cat* has
# one neighbour in common with *dog*, which is *say*. It has exactly as much in common with *woof*. Even a
# perfect learner could not tell from these six words which of the two is more like a cat.
#
# > **Correction.** The two-sentence call shows the *syntax* of gensim. It is not a demonstration that
# > vectors are learnt. One of the two articles leaves this unsaid, and describes skip-gram just before; the
# > call runs CBOW, since `sg=0` is the default.
#
# ## A real corpus
#
# What does it take, then? We use the State of the Union addresses from 1961 on, when John F. Kennedy began
# with "It is a pleasure to return from whence I came". That is half a million words, and we keep those that
# occur at least 35 times. Why so few? Because of the sum in {eq}`eq-w2v-softmax`. For each of $n$ places of
# the text we compute $V$ scores with $d$ multiplications each, and the same again twice for the gradient:
# about $6\,n\,V\,d$ operations for one pass over the text. Add up what that means.

# %%
start = sentences.index(tokenize("It is a pleasure to return from whence I came."))
recent = sentences[start:]
counts = Counter(w for s in recent for w in s)
kept = {w: c for w, c in counts.items() if c >= 35}
n, V = sum(kept.values()), len(kept)
print(f"{len(recent):,} sentences, {V:,} of {len(counts):,} words kept,")
print(f"which make up {n / counts.total():.0%} of the text")
ours, google = 6 * n * V * 50, 6 * 100e9 * 3e6 * 300  # operations, one pass
print(
    f"one pass, in tera-operations: {ours / 1e12:.1f} here, {google / 1e12:,.0f} there"
)

# %% [markdown]
# Our slice is a matter of seconds. The vectors that Mikolov and colleagues
# [released](https://code.google.com/archive/p/word2vec/) were trained on a hundred billion words with a
# vocabulary of three million; with the full softmax, that would be some billions of times as much. Nobody
# waited for it: there are ways around the sum, which make a step cheap, and they are why word2vec became
# famous. The idea itself, however, is all here.
#
# Both architectures, one pass each; the trainer draws each centre's window at random between 1 and `window`
# places, as the original does, so that nearer words count for more.

# %%
from scratch.word2vec import train

settings = {"dim": 50, "window": 4, "min_count": 35, "subsample": 0, "epochs": 1}
skip_gram = train(recent, "skip-gram", **settings)

# %%
cbow = train(recent, "cbow", **settings)
print(skip_gram)

# %% [markdown]
# And gensim beside it, same text, same window and dimension, five passes: it does not compute the softmax,
# but the approximation called *negative sampling* with which it comes, and so needs more passes and less
# time for each.

# %%
theirs = Word2Vec(
    recent, sg=1, vector_size=50, window=4, min_count=35, sample=0, workers=1, seed=0
).wv

print("the same words:", set(skip_gram.index_to_key) == set(theirs.index_to_key))
for word in ("war", "january", "china", "congress", "million"):
    print(word)
    for name, vectors in (("skip-gram", skip_gram), ("CBOW", cbow), ("gensim", theirs)):
        nearest = sorted(w for w, _ in vectors.most_similar(word, topn=5))
        print(f"  {name:>9}: {', '.join(nearest)}")

# %% [markdown]
# Nobody has told these programs that January is a month or China a country. (The five nearest words are in
# alphabetical order.) The three disagree on the details, as they must: they start from different random
# numbers and, in gensim's case, minimise a different loss. They agree on the neighbourhoods.
#
# > **Pitfall.** Run gensim with more than one worker and its results change from run to run, seed or no
# > seed: the threads take turns in an order that nobody controls. For a result that others can repeat,
# > `workers=1`. Our trainer computes in double precision, so that even another processor, which rounds
# > differently, prints the same neighbours.
#
# ## What do people say?
#
# Remember the flattest plot: for one-hot vectors, every pair of different words has cosine 0. Here it is
# again. Only pairs whose two words are both among our 1,500 can be shown.

# %% mystnb={"image": {"alt": "A scatter plot: people's ratings from 0 to 10 on the horizontal axis, cosines of the skip-gram vectors on the vertical axis. The points scatter widely, but those with high ratings tend to have higher cosines; a dotted line at zero marks where one-hot vectors put all of them."}, "figure": {"caption": "What people say of pairs of words, and what vectors say that have read presidents’ speeches. One-hot vectors put every point on the dotted line.", "name": "fig-w2v-ratings"}}
from scratch.corpora import load_ratings


def judged(vectors, name):
    """People's ratings and the cosines, for pairs of different words that are known."""
    pairs = [(a.lower(), b.lower(), rating) for a, b, rating in load_ratings(name)]
    pairs = [p for p in pairs if p[0] != p[1] and p[0] in vectors and p[1] in vectors]
    return [r for _, _, r in pairs], [vectors.similarity(a, b) for a, b, _ in pairs]


figure, axes = plt.subplots()
for name, marker in (("wordsim-353", "o"), ("simlex-999", "^")):
    axes.scatter(*judged(skip_gram, name), s=18, alpha=0.7, marker=marker, label=name)
axes.axhline(0, color="black", linestyle=":", linewidth=1)
axes.set(xlabel="people's rating of the pair (0 to 10)", ylabel="cosine (skip-gram)")
axes.legend()
plt.show()

# %% [markdown]
# There is a slope in the cloud, and a lot of scatter. *Spearman's rank correlation* puts a number to it: 1
# if people and vectors order the pairs alike, 0 if the orders have nothing to do with each other. Since
# there are few pairs, we also ask how much the number would change with other pairs: the *bootstrap* draws
# as many pairs again, with repetition, a thousand times, and the middle 95 % of the results are printed in
# brackets.

# %% tags=["atol=0.02"]
from scratch.metrics import spearman

print(f"{'':>10}{'WordSim-353':>22}{'SimLex-999':>24}")
for name, vectors in (("skip-gram", skip_gram), ("CBOW", cbow), ("gensim", theirs)):
    line = f"{name:>10}"
    for ratings in ("wordsim-353", "simlex-999"):
        x, y = map(np.array, judged(vectors, ratings))
        draws = np.random.default_rng(0).integers(len(x), size=(1000, len(x)))
        low, high = np.percentile([spearman(x[i], y[i]) for i in draws], [2.5, 97.5])
        line += f"{spearman(x, y):8.2f} [{low:+.2f}, {high:+.2f}]"
    print(line)

known = {name: len(judged(cbow, name)[0]) for name in ("wordsim-353", "simlex-999")}
print("pairs that are known:", known)
try:
    spearman(x, np.zeros(len(x)))
except ValueError as error:
    print("one-hot:", error)

# %% [markdown]
# For one-hot vectors the question cannot even be asked, since they order nothing. The trained vectors do
# order the pairs, and on WordSim-353 all three brackets stay clear of zero: company alone has taught them
# something that people agree with. On SimLex-999 they do not. That set asks a harder question, how
# *similar* two things are rather than how related, and for half a million words of one kind of speech the
# answer is not there to be had, or too faint for so few pairs. Nor can the three be ranked, with brackets
# as wide as these; whoever prints such numbers without them is telling a story.
#
# (All the cosines in the picture are above zero. The vectors share a common direction, and only the *order*
# of their cosines means anything.)
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

for name, vectors in (("ours", skip_gram), ("gensim's", theirs)):
    for binary in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "vectors")
            vectors.save_word2vec_format(file, binary=binary)
            back = KeyedVectors.load_word2vec_format(file, binary=binary)
        same = np.array_equal(back.vectors, vectors.vectors)
        same = same and back.index_to_key == vectors.index_to_key
        print(f"{name:>8}, {'binary' if binary else 'text'}: equal to the bit: {same}")

# %% [markdown]
# ## A picture, and a warning
#
# Fifty dimensions cannot be drawn. *Principal component analysis* (主成分分析) finds the plane on which the
# cloud of points casts its widest shadow. Here is the shadow of six groups of words.

# %% tags=["atol=0.1"]
from sklearn.decomposition import PCA

groups = [
    "january march june september",
    "china russia japan europe",
    "million billion thousand hundred",
    "school schools students teachers",
    "tax taxes spending budget",
    "war peace enemy army",
]
groups = [[w for w in group.split() if w in skip_gram] for group in groups]
chosen = [w for group in groups for w in group]
pca = PCA(2, svd_solver="full")
shadow = pca.fit_transform(skip_gram[chosen].astype(np.float64))  # (words, 2)
plane = dict(zip(chosen, shadow, strict=True))
for group in groups:
    print("  ".join(f"{w} ({plane[w][0]:+.1f}, {plane[w][1]:+.1f})" for w in group))

# %% tags=["rms=1"] mystnb={"image": {"alt": "Twenty-two words scattered in a plane, coloured by group. The four months stand together below, the four words of the school above, countries on the left; words of money mix with million, billion and hundred on the right; war, peace and enemy lie apart."}, "figure": {"caption": "Twenty-two words of the skip-gram vectors, projected on the plane of their two widest directions. The colours are ours; the program was told nothing about groups.", "name": "fig-w2v-projection"}}
figure, axes = plt.subplots(figsize=(5, 4.4))
shift = {"xytext": (3, 3), "textcoords": "offset points", "fontsize": 10}
for number, group in enumerate(groups):
    for word in group:
        axes.scatter(*plane[word], color=f"C{number}", s=16)
        axes.annotate(word, plane[word], color=f"C{number}", **shift)
axes.set(xlabel="widest direction", ylabel="second widest", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# It is hard not to be charmed. Now the warning. A shadow keeps some distances and destroys others, and it
# is *chosen*: by the method, and by whoever picked the words. Ask how much of the cloud is in the picture,
# and how often a word's nearest neighbour in the picture is its nearest among the same words in all fifty
# dimensions.


# %% tags=["atol=0.02"]
def nearest(x):
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)  # (words, words)
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(1)


share = pca.explained_variance_ratio_.sum()
agree = np.mean(nearest(shadow) == nearest(skip_gram[chosen]))
print(f"share of the spread that the plane shows: {share:.2f}")
print(f"share of words whose nearest in the picture is their nearest: {agree:.2f}")

# %% [markdown]
# Most of what the vectors say is not in the picture. A projection is a good place to get an idea and a bad
# place to find a proof; visualisations of embeddings have been shown to look convincing for analogies that
# do not hold {cite:p}`schluter2018word`. When you want to know, measure in the full space.
#
# > **Pitfall.** There are *two* tables, and only the input table is exported. A program with one table for
# > both roles cannot work well: the score of a word as its own neighbour would be
# > $\mathbf{v}\cdot\mathbf{v}$, the largest score there is, yet hardly any word stands next to itself.
#
# > **Pitfall.** "Skip-gram predicts the context from the centre" is the paper's sentence. The released
# > program, and gensim after it, loop the other way, and predict the centre from each word of the context.
# > Over a whole text it is the same set of pairs, since every neighbour is also a centre.
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
print("input moves:", bool(d_H.any()), "  output moves:", bool(d_U.any()))
_, d_H, d_U = softmax_loss(torch.zeros_like(d_H), fresh.output, contexts)
print("both zero:  ", bool(d_H.any()), "               ", bool(d_U.any()))

# %% [markdown]
# > **Exercise 2 (pencil).** The loss on the eight sentences stopped far above zero. Show that for skip-gram
# > it cannot fall below the mean of $-\ln q(o \mid c)$ over all pairs, where $q(o \mid c)$ is the share of
# > $o$ among the neighbours of $c$ in the text. Compute this floor.
# >
# > *Hint: for one centre, which probabilities $p$ make $-\sum_o q_o \ln p_o$ smallest? (Gibbs'
# > inequality.)*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
# For one centre the mean loss is -sum_o q_o ln p_o = H(q) + KL(q || p), and KL >= 0 with
# equality only for p = q. So the best a model can do is to predict the neighbours'
# shares, and what remains is the entropy of the company itself.
X = torch.zeros(len(words), len(words), dtype=torch.float64)  # (V, V) counts of pairs
for c, row in zip(centres, contexts, strict=True):
    for o in row[row >= 0]:
        X[c, o] += 1
q = X / X.sum(1, keepdim=True)  # (V, V) shares of o among the neighbours of c
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
log_p = (model.input @ model.output.T).log_softmax(1).detach()  # (V, V)
loss = -(X * log_p).sum()
error = X.sum(1, keepdim=True) * log_p.exp() - X  # (V, V)

text_loss, d_H, d_U = softmax_loss(model.hidden(centres), model.output, contexts)
d_input = torch.zeros_like(model.input).index_add_(0, centres, d_H)
print("loss:        ", torch.allclose(loss, text_loss))
print("input table: ", torch.allclose(error @ model.output, d_input))
print("output table:", torch.allclose(error.T @ model.input, d_U))
# So skip-gram "reads" nothing but a table of counts, like older methods that factorise
# such a table.

# %% [markdown]
# > **Exercise 4 (code).** Train CBOW on the eight sentences, by hand, with autograd in place of our
# > gradient. Do *cat* and *dog* still end up in the same place?
# >
# > *Hint: `CBOW(...)(contexts)` returns the scores of all centres; `torch.nn.functional.cross_entropy` does
# > the rest.*

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
rows = torch.nn.functional.normalize(bag_model.input.detach())  # (V, d)
cat, dog, queen = (rows[words.index(w)] for w in ("cat", "dog", "queen"))
print(
    f"loss {loss:.2f}, cos(cat, dog) {cat @ dog:.2f}, cos(cat, queen) {cat @ queen:.2f}"
)

# %% [markdown]
# > **Exercise 5 (code).** How much text does gensim need to find the months? Train it on the last 2 %, 10 %
# > and 50 % of `recent`, and count how many of *january*'s five nearest neighbours are months.
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
# > **Exercise 6 (open).** Distances in company are not always distances in meaning. Look at the neighbours
# > of pairs of opposites, such as *increase* and *decrease*, or *peace* and *war*. Are they near each
# > other? Should they be?
# >
# > *Hint: what stands around* increase *in a budget speech, and what around* reduce*?*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
for pair in ("increase reduction", "win lose", "war peace", "old new"):
    a, b = pair.split()
    rank = skip_gram.rank(a, b)
    print(f"{a:>8} – {b:<9} is neighbour number {rank:>3} of {len(skip_gram) - 1:,}")
# All are nearer than the middle of the list, some much nearer. Opposites keep the same
# company: costs are increased or reduced, by the same people in the same year. Company
# tells what could stand in a place, not what could do so without making the sentence
# false. This is a limit of the hypothesis, not a bug.

# %% [markdown]
# ## You have
#
# - turned text into centres and contexts, and given each word two vectors, as skip-gram and as CBOW;
# - derived $\mathbf{p} - \mathbf{y}$, and seen it agree with autograd and with finite differences;
# - watched *cat* and *dog* meet in the same place without ever having met in a sentence;
# - shown that the famous two-sentence call leaves the weights untouched for nearly nine seeds in ten, and
#   computed why;
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
