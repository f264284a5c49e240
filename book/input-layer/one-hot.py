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
# # One-hot vectors: a word as an axis of its own
#
# A historian searches two centuries of presidential speeches for *physicians for the needy*. A president
# who spoke of *doctors for the poor* would be just what she is after, and her computer will not show him to
# her: to the computer *physicians* and *doctors* are two words, as different as *physicians* and *Tuesday*.
# Nobody programmed this blindness. It follows from the most natural way there is to hand words to a
# machine, which is to give each word an axis of its own.
#
# **What is wrong with giving each word its own axis?** To answer, we do it properly and see where it leads. Much of
# it turns out to be right: the oldest representation of a word is still the first thing that happens inside the
# newest language model, and, as the right answer in its loss, the last.
#
# **You will**
#
# - turn the ids of a sentence into *one-hot vectors* (独热向量), by hand and with a tested helper;
# - prove that every word is equally far from every other, and hold that against what people say about
#   words;
# - see that a one-hot vector times a matrix is a row of the matrix, and that `nn.Embedding` is that
#   look-up, forward and backward;
# - add one-hot vectors up to a *bag of words* (词袋), build a small search engine on it, and watch it answer
#   well and badly;
# - measure how often two sentences about the same thing have no word in common.
#
# **You need** the vocabulary and the ids of the chapter on tokens, the dot product of two vectors and the
# product of two matrices; for one section, partial derivatives and the chain rule. The chapter runs in about
# 10 seconds on one processor core.

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
# ## A word is not a quantity
#
# The last chapter turned text into ids: a word's id is its place in the vocabulary, behind the four special
# tokens.

# %%
from scratch.text import Vocabulary, tokenize

tokens = tokenize("The cat sat on the mat.")
vocabulary = Vocabulary.from_tokens(tokens)
print(tokens)
print(vocabulary.encode(tokens))
print(vocabulary.tokens)

# %% [markdown]
# Why not stop here, and feed the network the ids? Because a network adds and multiplies what it is given,
# and ids pretend that this means something:

# %%
cat, mat, on = vocabulary.encode(["cat", "mat", "on"])
(middle,) = vocabulary.decode([(cat + on) // 2])
print("half-way between cat and on lies", middle)
print("a mat is a cat and", mat - cat, "more; twice the cat is word number", 2 * cat)

# %% [markdown]
# An id is a name written in digits, like a telephone number: the sum of two reaches nobody.
#
# ## One axis per word
#
# So we take the arithmetic out of the ids. With $V$ words in the vocabulary, word number $i$ becomes a list
# $\mathbf{e}_i \in \{0, 1\}^V$ of $V$ numbers, all zero but for a one at place $i$ (places are counted
# from 0, as in Python):
#
# $$
# (\mathbf{e}_i)_j = \begin{cases} 1 & \text{if } j = i, \\ 0 & \text{otherwise.} \end{cases}
# $$ (eq-one-hot)
#
# One place is hot and the rest are cold: a *one-hot vector*. Read as a point in space, it lies on an axis that
# it shares with nobody. Here is the sentence, a row for each word, by hand.

# %%
import torch

ids = torch.tensor(vocabulary.encode(tokens))  # (length,)
V = len(vocabulary)
by_hand = torch.zeros(len(ids), V)  # (length, V)
for row, i in enumerate(ids):
    by_hand[row, i] = 1
print(by_hand.int())

# %% mystnb={"image": {"alt": "A grid of six rows, one for each word of the sentence, and nine columns, one for each entry of the vocabulary. Each row has one dark square; the two rows of the word the have it in the same column."}, "figure": {"caption": "The sentence as one-hot vectors. Each row has one filled square; the two rows that read “the” are the same row twice.", "name": "fig-one-hot-sentence"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.9))
axes.pcolormesh(by_hand, cmap="Blues", edgecolors="#cccccc", linewidth=1)
axes.set_xticks([j + 0.5 for j in range(V)], vocabulary.tokens, rotation=50)
axes.set_yticks([i + 0.5 for i in range(len(tokens))], tokens)
axes.invert_yaxis()
axes.set(xlabel="entry of the vocabulary", ylabel="word of the sentence")
axes.grid(False)

# %% [markdown]
# The helper of this book does the same for any shape of ids, and refuses an id that has no axis. PyTorch
# has one too, which returns integers. All three agree:

# %%
from torch.nn.functional import one_hot as torch_one_hot

from scratch.one_hot import one_hot

ours, theirs = one_hot(ids, V), torch_one_hot(ids, V).float()  # (length, V)
print("all three equal:", torch.equal(ours, by_hand) and torch.equal(ours, theirs))
try:
    one_hot([3, 9], vocab_size=V)
except IndexError as error:
    print(error)

# %% [markdown]
# ## Everyone is equally far from everyone
#
# Now the arithmetic is honest, in that it prefers no word to another. Take two different words $i \neq j$.
# The dot product adds $(\mathbf{e}_i)_k (\mathbf{e}_j)_k$ over all places $k$, and at each place at least
# one of the two is zero:
#
# $$
# \begin{aligned}
# \mathbf{e}_i \cdot \mathbf{e}_j &= 0, \\
# \lVert \mathbf{e}_i - \mathbf{e}_j \rVert^2 &= \mathbf{e}_i \cdot \mathbf{e}_i - 2\,\mathbf{e}_i \cdot \mathbf{e}_j + \mathbf{e}_j \cdot \mathbf{e}_j \\
# &= 1 - 0 + 1 = 2 .
# \end{aligned}
# $$ (eq-equal-distances)
#
# All distances are $\sqrt 2$. The cosine of the angle between them,
# $\cos(\mathbf{a}, \mathbf{b}) = \mathbf{a} \cdot \mathbf{b} / (\lVert \mathbf{a} \rVert\, \lVert \mathbf{b} \rVert)$,
# which we shall use throughout as the measure of how alike two vectors are, is therefore 0 for any two different
# words. We check it on real words: the thousand most frequent ones of the State of the Union addresses, in which
# presidents of the United States have reported to Congress, aloud or in writing, since 1790.

# %%
from scratch.corpora import load

sentences = load("state-of-the-union")  # a list of lists of tokens
vocabulary = Vocabulary.from_tokens(word for sentence in sentences for word in sentence)
V = len(vocabulary)
length = sum(len(sentence) for sentence in sentences)
print(f"{len(sentences):,} sentences, {length:,} words, {V - 4:,} distinct")

frequent = one_hot(torch.arange(4, 1004), V)  # (1000, V), past the special tokens
print("dot products that occur:", (frequent @ frequent.T).unique().tolist())
distances = torch.cdist(frequent, frequent).round(decimals=4).unique()
print("distances that occur:", *(f"{x:.4f}" for x in distances))

# %% [markdown]
# Half a million pairs of words, and the only thing that one-hot vectors have to say about a pair is whether
# it is the same word twice.
#
# People have more to say. In 2002 Finkelstein and colleagues {cite:p}`finkelstein2002placing` had 353 pairs
# of words rated by thirteen or sixteen people each, from 0, totally unrelated, to 10, very much related or
# identical. Let us put the two judgements side by side, as if each of these words had its axis.

# %%
from scratch.corpora import load_ratings
from scratch.table import Table

pairs = [(a.lower(), b.lower(), rating) for a, b, rating in load_ratings("wordsim-353")]
ordered = sorted(pairs, key=lambda pair: pair[2])
every_fiftieth = ordered[:: len(ordered) // 7]  # from the lowest
rows = [(f"{a} – {b}", rating, float(a == b)) for a, b, rating in every_fiftieth]
Table(rows, {"pair": "", "people": ".2f", "one-hot": ".0f"})

# %% mystnb={"image": {"alt": "A scatter plot with people's ratings from 0 to 10 on the horizontal axis and the cosine of one-hot vectors on the vertical axis. All points lie on the horizontal line at zero, however high the rating, save one at cosine one."}, "figure": {"caption": "The flattest plot of this book: what people say of 353 pairs of words, and what one-hot vectors say.", "name": "fig-one-hot-ratings"}}
people = [rating for a, b, rating in pairs]
machine = [float(a == b) for a, b, rating in pairs]  # the cosine, as we have proved

figure, axes = plt.subplots(figsize=(5, 2.6))
axes.scatter(people, machine, s=14, alpha=0.5)
axes.set(xlabel="people's rating of the pair (0 to 10)", ylabel="cosine")
axes.set(ylim=(-0.1, 1.1))
plt.show()

# %% [markdown]
# The single dot at the top is the pair *tiger – tiger*. For all the rest the cosine is zero, from *king –
# cabbage* to *midday – noon*. The next chapter draws this plot again, with vectors that have read the speeches.
#
# ## What it costs
#
# A vocabulary of 50,000 words is ordinary. Let us count what one-hot vectors need for a batch of 32
# sentences of 128 words, in 4-byte floats, beside what the ids need, in 8-byte integers.

# %%
batch = torch.zeros(32, 128, dtype=torch.int64)  # (sentences, words)
rows = []
for size in (V, 50_000):
    hot = one_hot(batch[:1, :1], size)  # one word is enough to weigh the rest
    rows.append((size, batch.nbytes / 1e6, batch.numel() * hot.nbytes / 1e6))
Table(rows, {"V": ",", "ids (MB)": ".3f", "one-hot (MB)": ".1f"})

# %% [markdown]
# As ids these few pages weigh as much as a small picture, whatever the vocabulary; as one-hot vectors, as much as a
# film. And these say nothing that the ids do not: to store "all zeros but for place $i$" one stores $i$. We shall
# keep the idea of the one-hot vector and, except for checks on a few words, never build one.
#
# ## The first thing that a network does
#
# What would a network do with a one-hot vector? Its first layer is a matrix $W \in \mathbb{R}^{V \times d}$,
# with $V$ rows and $d$ columns, and it multiplies. In each column $k$,
#
# $$
# (\mathbf{e}_i^\top W)_k = \sum_{j=0}^{V-1} (\mathbf{e}_i)_j \, W_{jk} = W_{ik} .
# $$ (eq-look-up)
#
# All terms of the sum but one are zero, and what is left is *row $i$ of the matrix*. To multiply by a
# one-hot vector is to look a row up. The row is a list of $d$ numbers that belongs to word $i$ and to no
# other. This row is the *embedding* (词嵌入) of the word, and $W$ is the embedding table. And $d$ is ours to choose: too
# few numbers cannot hold what matters of a word, each more costs $V$ weights; one tries, on held-out text. Word2vec's
# best-known vectors have 300, BERT's smaller model 768 {cite:p}`devlin2019bert`.

# %%
torch.manual_seed(0)
d = 100
W = torch.randn(V, d)  # (V, d) one row for each word
sentence = "the state of the union is strong".split()
ids = torch.tensor(vocabulary.encode(sentence))  # (length,)

multiplied = one_hot(ids, V) @ W  # (length, V) @ (V, d) -> (length, d)
looked_up = W[ids]  # (length, d)
layer = torch.nn.Embedding.from_pretrained(W.clone(), freeze=False)
same = torch.equal(multiplied, looked_up) and torch.equal(layer(ids), looked_up)
print("product, row and nn.Embedding, equal to the bit:", same)

# %% [markdown]
# Equal to the last bit, since adding zeros rounds nothing. `nn.Embedding` is no more than this look-up,
# which saves the work of multiplying by zeros: $V d$, here two and a half million multiplications for each
# word. (`nn.Linear(V, d, bias=False)` is the other way: it wants the one-hot vector, multiplies, and keeps $W$
# transposed.)
#
# > **Correction.** One sometimes reads that word embeddings are *high-dimensional* vectors; one of the two articles
# > that this book grew from says so. So they are, beside the three dimensions of space. What makes them useful is
# > that they are *low* next to $V$.
#
# How much work are the zeros, for the same rows? PyTorch counts the operations, and we the numbers to be read.

# %%
from torch.utils.flop_counter import FlopCounterMode

long = torch.randint(V, (256,))  # (256,) the ids of some text
hot = one_hot(long, V)
read = {"product": hot.numel() + W.numel(), "look-up": len(long) * (1 + d)}
rows = []
for name, do in (("product", lambda: hot @ W), ("look-up", lambda: W[long])):
    with FlopCounterMode(display=False) as counter:
        do()
    rows.append((name, counter.get_total_flops(), read[name]))
Table(rows, {"way": "", "operations": ",", "numbers read": ","})

# %% [markdown]
# ### And backward?
#
# A network learns from one number, the *loss* (损失) $L$, which says how wrong it was, and from the derivatives of $L$
# for every number that it could change: the *gradient* (梯度). Say our text has $T$ words, with the ids
# $i_1, \dots, i_T$, and put their one-hot vectors into the rows of $E \in \{0,1\}^{T \times V}$. The layer's output
# is $Y = EW$, and what comes after it hands us $G \in \mathbb{R}^{T \times d}$, with
# $G_{tk} = \partial L / \partial Y_{tk}$.
#
# Take the smallest case: three words in the vocabulary, $d = 1$, and the text *1 2 1*. Then $Y$ is the column
# $W_1, W_2, W_1$. If $W_1$ grows by a little $\varepsilon$, the first and the third number of $Y$ grow by
# $\varepsilon$, and $L$ by $(G_1 + G_3)\,\varepsilon$: the derivative for $W_1$ is $G_1 + G_3$, for $W_2$ it is
# $G_2$, and for $W_0$ it is 0.
#
# In general $Y_{tk} = \sum_i E_{ti} W_{ik}$, so the number $W_{ik}$ acts on $L$ through every $Y_{tk}$, each time
# with the factor $E_{ti}$. The chain rule adds these up, $\partial L / \partial W_{ik} = \sum_t E_{ti}\, G_{tk}$, and
# that is the matrix product
#
# $$
# \frac{\partial L}{\partial W} = E^\top G = \sum_{t=1}^{T} \mathbf{e}_{i_t}\, \mathbf{g}_t^\top .
# $$ (eq-embedding-gradient)
#
# Here $\mathbf{g}_t$ is row $t$ of $G$, and each $\mathbf{e}_{i_t} \mathbf{g}_t^\top$ is a matrix whose row
# $i_t$ is $\mathbf{g}_t$ and whose other rows are zero. So the gradient of row $i$ is the sum of the
# $\mathbf{g}_t$ of those places where word $i$ stands. For a word that does not occur it is zero; a word
# that occurs twice, like *the* in our sentence, gets both, added up.

# %%
G = torch.randn(len(ids), d)  # (length, d) the gradient that arrives from above
layer.zero_grad()  # PyTorch adds to the gradient that is there already, if any
layer(ids).backward(G)  # and takes G from here back to the layer's weight

grad = layer.weight.grad  # (V, d)
same = torch.allclose(one_hot(ids, V).T @ G, grad, atol=1e-6)
print("E^T G is the layer's gradient:", same)
print("rows with a gradient:", *vocabulary.decode(grad.any(1).nonzero().squeeze(1)))
g_the = G[0] + G[3]  # "the" is the first word and the fourth
print("'the' gets the sum of both:", torch.allclose(grad[ids[0]], g_the))

# %% [markdown]
# This time we only ask for equality to rounding: sums of floats depend, by a little, on their order.
#
# > **Pitfall.** A gradient of zero does not mean that a row stays where it is. Plain *gradient descent* takes a
# > small step against the gradient, and there it does stay. Other optimisers remember. With *momentum* (动量) a step
# > follows a running sum of this gradient and the earlier ones, in which the old ones fade. *Adam*
# > {cite:p}`kingma2015adam` takes a fading mean of the gradients and divides it by the root of another, of their
# > squares. And *weight decay* (权重衰减) shrinks all rows at every step.
#
# We take two steps, the first on a text with words 0 and 1, the second with word 0 alone. Which of three rows move in
# the second?

# %%
from functools import partial


def second_step(name, make):
    table = torch.nn.Embedding(3, d)  # (3, d)
    optimizer = make(table.parameters(), lr=0.1)
    for text in ([0, 1], [0]):
        before = table.weight.detach().clone()
        optimizer.zero_grad()
        table(torch.tensor(text)).square().sum().backward()
        optimizer.step()
    moves = (table.weight != before).any(1)  # (3,)
    return name, *("moves" if moved else "stays" for moved in moves)


sgd, adam = torch.optim.SGD, torch.optim.Adam
rows = [second_step("plain", sgd), second_step("momentum", partial(sgd, momentum=0.9))]
rows.append(second_step("Adam", adam))
rows.append(second_step("weight decay", partial(sgd, weight_decay=0.01)))
Table(rows, {"optimiser": "", "in this text": "", "in the last": "", "in neither": ""})

# %% [markdown]
# A row that has ever had a gradient goes on moving with the two that remember, and every row with weight decay.
# (`nn.Embedding(…, sparse=True)` hands on only the rows that were read, six of our 25,000, which saves time with large
# tables. `SGD`, `Adagrad` and `SparseAdam` take such a gradient, `Adam` refuses it; `SparseAdam` leaves all
# other rows in peace.)
#
# > **Pitfall.** `nn.Embedding` wants integers. Give it floats and it refuses; give it ids from *another*
# > vocabulary and, as long as they are small enough, it looks them up without complaint. No error will ever
# > tell you that the table and the vocabulary do not belong together. Save them together. And mind `<unk>`:
# > two different words that are both missing from the vocabulary get the same id, and with it the cosine 1. (Rows for
# > pieces of words mend that, as in *fastText*, of which the next chapter tells.)
#
# ## A bag of words
#
# One-hot vectors describe words. To describe a sentence, add them up:
#
# $$
# \mathbf{b} = \sum_{t=1}^{T} \mathbf{e}_{i_t} .
# $$ (eq-bag)
#
# Place $i$ of $\mathbf{b}$ counts how often word $i$ occurs. This is the *bag of words*, the words shaken
# out of their order. Documents as vectors whose places are words are half a century old and more
# {cite:p}`salton1975vector`, and search engines still begin with them.

# %%
bag = one_hot(vocabulary.encode(tokenize("Dog bites man")), V).sum(0)  # (V,)
turned = one_hot(vocabulary.encode(tokenize("Man bites dog")), V).sum(0)
print("the two bags are the same:", torch.equal(bag, turned))
sums = torch.nn.EmbeddingBag.from_pretrained(W, mode="sum")
b = one_hot(ids, V).sum(0)  # (V,) of the sentence above
print("a bag times W, as nn.EmbeddingBag:", torch.allclose(b @ W, sums(ids[None])[0]))

# %% [markdown]
# The order is lost with the sum, and it takes models that read words one after another, or are told where each word
# stands, to get it back. (Or one counts pairs of neighbours as words, too, and pays with many more axes.) What the
# sum keeps a network can use: times $W$ it is the sum of its words' rows, which `nn.EmbeddingBag` looks up and adds.
# For search order matters little. The matrix of all bags, a row for each sentence, is nearly all zeros, so we store
# it *sparse* (稀疏): only the numbers that are not zero, with their places. SciPy's `csr_array` takes three lists, the
# numbers, their rows and their columns, and multiplies like any matrix. (CSR, *compressed sparse rows*, is the order
# in which it keeps them.)

# %%
import numpy as np
from scipy.sparse import csr_array

N = len(sentences)
# A one for each word of the corpus, at (its sentence, its id); at one place they add.
rows = np.repeat(np.arange(N), [len(s) for s in sentences])
columns = np.array([i for s in sentences for i in vocabulary.encode(s)])
B = csr_array((np.ones(len(rows)), (rows, columns)), shape=(N, V))
print(f"{N:,} × {V:,} numbers, of which {B.nnz / N / V:.3%} are not zero")

# %% [markdown]
# scikit-learn's `CountVectorizer`, given the same vocabulary, counts the same:

# %%
from sklearn.feature_extraction.text import CountVectorizer

# analyzer=list: our sentences are lists of tokens already
counter = CountVectorizer(analyzer=list, vocabulary=vocabulary.tokens)
print("same matrix:", abs(B - counter.transform(sentences)).max() == 0)

# %% [markdown]
# A query is a bag too. We show the beginnings of the sentences whose bags have the largest cosine with it (long
# sentences would win by dot products, short ones by distances), and which words of the query they hold.


# %%
from textwrap import shorten

from IPython.display import display


def search(query, weights=1.0, k=3):
    """Show the k sentences nearest to the query by cosine; return the best hundred."""
    q = np.bincount(vocabulary.encode(tokenize(query)), minlength=V) * weights  # (V,)
    bags = (B * weights).tocsr()  # (sentences, V)
    lengths = np.sqrt((bags**2).sum(axis=1)).clip(1e-9)  # (sentences,)
    cosines = bags @ q / (lengths * np.linalg.norm(q))  # (sentences,)
    best = np.argsort(-cosines, kind="stable")  # (sentences,)
    rows = []
    for i in best[:k]:
        held = sorted(set(sentences[i]) & set(tokenize(query)))
        begins = shorten(" ".join(sentences[i]), 50, placeholder=" …")
        rows.append((begins, " ".join(held), cosines[i]))
    display(Table(rows, {"sentence": "", "holds": "", "cosine": ".2f"}))
    return set(best[:100].tolist())


_ = search("physicians for the needy")

# %% [markdown]
# Not a physician in sight. All that the query shares with these sentences is *for* and *the*: the most
# frequent words drown the rest. We need to weigh a word by how much it tells. A word that
# stands in every sentence tells nothing, one that stands in three tells a lot. This is the idea of the
# *inverse document frequency* (idf, 逆文档频率), after Karen Spärck Jones {cite:p}`sparckjones1972statistical`,
# here with sentences for documents:
#
# $$
# \mathrm{idf}_i = \ln \frac{N}{n_i},
# $$ (eq-idf)
#
# where $N$ is the number of sentences and $n_i > 0$ in how many of them word $i$ stands. Why the logarithm? By chance a
# sentence has both of two words with the share $(n_i/N)(n_j/N)$. The logarithm makes the product a sum, as scores are.

# %%
n = (B > 0).sum(axis=0)  # (V,) in how many sentences each word stands
idf = np.log(N / n.clip(1))  # (V,)
words = ["the", "for", "doctors", "physicians"]
rows = zip(words, idf[vocabulary.encode(words)], strict=True)
display(Table(rows, {"word": "", "idf": ".2f"}))
one = search("physicians for the needy", idf)

# %% [markdown]
# Now the rare words lead: each of the three has *needy* or *physicians* in it. (scikit-learn adds 1 to the idf, so
# that no word vanishes altogether; exercise 4 compares.)
#
# Real search engines use a close relative, *BM25* {cite:p}`robertson2009probabilistic`. It has two more ideas. A
# word's tenth occurrence tells less than its second, so counts are bent, $b_i / (b_i + \kappa)$, which never passes
# 1; and long texts hold more words by chance, so $\kappa$ grows with $\lambda$, the length of the text over the mean
# length. (Its idf differs a little, too: $\ln$ of $(N - n_i + \frac12) / (n_i + \frac12)$. We keep ours.) With the
# usual constants, 1.5 and 0.75, the score of a text for a query $q$ is
#
# $$
# \sum_{i \in q} \mathrm{idf}_i \, \frac{b_i}{b_i + \kappa} \quad \text{with} \quad \kappa = \frac{3 + 9 \lambda}{8} .
# $$ (eq-bm25)

# %%
sizes = B.sum(axis=1)  # (sentences,) how many words each has
kappa = 1.5 * (0.25 + 0.75 * sizes / sizes.mean())
asked = vocabulary.encode(tokenize("physicians for the needy"))
columns = B[:, asked].toarray()  # (sentences, words of the query)
scores = (idf[asked] * columns / (columns + kappa[:, None])).sum(1)
top = set(np.argsort(-scores, kind="stable")[:100].tolist())
first = " ".join(sentences[scores.argmax()])
print("BM25's first:", shorten(first, 60, placeholder=" …"))
print("of the hundred best by tf-idf, among BM25's:", len(one & top))

# %% [markdown]
# Here the two agree on most: in single sentences hardly a word that matters stands twice. What BM25 cannot do either
# is to find the same thing in other words:

# %%
other = search("doctors for the poor", idf)
print("of each query's hundred best sentences, in both lists:", len(one & other))

# %% [markdown]
# The two queries mean the same to us. But *physicians* and *doctors*, *needy* and *poor* are perpendicular, and no
# weighting can mend this: a weight stretches an axis, it does not turn it.
#
# ## How often does it matter?
#
# Perhaps those queries were unlucky. Two sentences that follow each other in a speech are nearly always
# about the same matter. How often do they share no word at all, so that a bag of words calls them
# unrelated? Since most sentences share a *the* or an *of*, we leave out the most frequent words, more and
# more of them, and count the pairs in which both sentences still have a word. (The few that straddle two
# speeches are counted, too.) To compare, we take sentences that stand 10,000 sentences apart, in speeches
# of different times.

# %%
removed = [0, 10, 30, 100, 300, 1000]
present = (B > 0).astype(np.float64)
strangers = {"next sentence": [], "10,000 further on": []}
for m in removed:
    rest = present[:, 4 + m :]  # without the m most frequent words
    left = rest.sum(axis=1) > 0  # the sentences of which something is left
    for name, lag in (("next sentence", 1), ("10,000 further on", 10_000)):
        common = (rest[:-lag] * rest[lag:]).sum(axis=1)  # words that each pair shares
        strangers[name].append((common == 0)[left[:-lag] & left[lag:]].mean())

for m in (30, 100):
    print(f"the last of the {m} left out:", " ".join(vocabulary.tokens[m : m + 4]))
rows = zip(removed, *strangers.values(), strict=True)
Table(rows, {"words left out": ","} | dict.fromkeys(strangers, ".1%"))

# %% mystnb={"image": {"alt": "Two rising curves: the share of sentence pairs with no word in common, against the number of frequent words left out. The curve of distant sentences rises steeply towards a hundred per cent; the curve of neighbouring sentences stays below it but passes one half at about thirty to one hundred words."}, "figure": {"caption": "How many pairs of sentences have no word in common, when the most frequent words are left out. Neighbours in a speech are about the same matter.", "name": "fig-one-hot-strangers"}}
figure, axes = plt.subplots()
for (name, shares), marker in zip(strangers.items(), "os", strict=True):
    axes.plot(range(len(removed)), 100 * np.array(shares), marker=marker, label=name)
axes.set_xticks(range(len(removed)), removed)
axes.set(xlabel="most frequent words left out", ylabel="pairs that share no word (%)")
axes.set(ylim=(0, 104))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# The gap between the curves is what a bag of words knows about meaning, and it is real: neighbours share
# words more often than strangers do. But leave out only the thirty most frequent words, nearly all of them
# like *their* and *from*, and almost half of all neighbouring pairs have nothing in common any more. Their
# cosine is exactly 0, as it is for most strangers. (Further on, words with a meaning of their own are left
# out too, as the second line shows, and the curves are less surprising.)
#
# So this is what is wrong with an axis for each word. There are two troubles. The *dimension*: vectors as
# long as the vocabulary, growing with every new word. That one the look-up has already cured. And the
# *meaning*: every word perpendicular to every other. The look-up opens a door here as well, because the
# rows of $W$ need not be perpendicular. We filled them with random numbers. The next chapter fills them
# from the company that words keep.
#
# ## Check yourself
#
# **1. A network gets the id itself as its input $x$, and computes $wx + b$. Can it give *cat* (id 5) and *sat* (id 7)
# the value 1, and *mat* (id 6) the value 0?**
#
# - **A** Yes, if $w$ is large enough and training takes long enough.
# - **B** Yes, with a suitable $b$ for each of the three.
# - **C** No, since ids are integers and weights are not.
# - **D** No: the id half-way gets the value half-way.
#
# <details><summary>Answer</summary>
#
# - **A ✗** No $w$ does it. A straight line that has the same value at 5 and at 7 has it at 6, too.
# - **B ✗** There is one $b$, for all words. With one-hot vectors there would be a number for each: the row of $W$.
# - **C ✗** An integer can be multiplied by a float. What is wrong is that the order of the ids means nothing.
# - **D ✓** The value at 6 is the mean of those at 5 and 7, whatever $w$ and $b$ are: the network must take the ids'
#   order for something real.
#
# </details>

# %% [markdown]
# **2. How far apart are the bags of *red red car* and *blue car*?**
#
# - **A** $\sqrt 2 \approx 1.41$
# - **B** $\sqrt 5 \approx 2.24$
# - **C** $\sqrt 3 \approx 1.73$
# - **D** 3
#
# <details><summary>Answer</summary>
#
# - **A ✗** That is the distance of two different one-hot vectors; it forgets that *red* stands twice.
# - **B ✓** The counts differ by 2 for *red*, by 1 for *blue*, by 0 for *car*, and $4 + 1 = 5$.
# - **C ✗** This adds the differences of the counts and takes the root. It is their squares that add up.
# - **D ✗** This adds the sizes of the differences, as one walks along streets. Our distance is the straight line.
#
# </details>

# %% [markdown]
# **3. A table for 50,000 words holds 300 numbers for each, four bytes a number. How much memory does it take?**
#
# - **A** 60 MB
# - **B** 15 MB
# - **C** 200 kB
# - **D** 10 GB
#
# <details><summary>Answer</summary>
#
# - **A ✓** $50{,}000 \cdot 300 \cdot 4$ bytes. It is the price of the whole table, not of a text.
# - **B ✗** These are the 15 million numbers, each counted as one byte.
# - **C ✗** That is one number for each word.
# - **D ✗** This would be a table of $V \times V$: what the one-hot vectors of all words take.
#
# </details>

# %% [markdown]
# **4. A table has three rows of one number. The text is *1 2 1*, and the gradient that arrives from above is 2, 5,
# −3. What is the gradient of the table, from row 0 to row 2?**
#
# - **A** 2, 5, −3
# - **B** 0, −3, 5
# - **C** 0, −1, 5
# - **D** 0, −0.5, 5
#
# <details><summary>Answer</summary>
#
# - **A ✗** The gradient that arrives has a row for each place of the text; that of the table has a row for each word.
# - **B ✗** Here the second occurrence of word 1 has overwritten the first. Both act on the loss, and the chain rule
#   adds.
# - **C ✓** Row 1 was read twice and gets $2 + (-3)$; row 2 gets 5; row 0 was not read.
# - **D ✗** This takes the mean of the two places. A frequent word does get a larger gradient than a rare one.
#
# </details>

# %% [markdown]
# **5. A word stands in each of the $N$ sentences, and five times in one of them. What does it add to the tf-idf dot
# product of a query that holds it with that sentence?**
#
# - **A** Nothing: its weight is zero.
# - **B** Five times what a word with one occurrence adds.
# - **C** Less than nothing, since so common a word speaks against a sentence.
# - **D** A little, since tf-idf damps frequent words but drops none.
#
# <details><summary>Answer</summary>
#
# - **A ✓** $\mathrm{idf} = \ln (N / N) = 0$, and five times zero is zero.
# - **B ✗** The counts are multiplied by the weight, and here the weight is $\ln 1$.
# - **C ✗** $N / n_i$ is at least 1, so this idf is never negative. (That of BM25 can be: $N - n_i$ may be less than
#   $n_i$.)
# - **D ✗** So it is in scikit-learn, which adds 1 to the idf for this reason. With $\ln (N / n_i)$ it vanishes.
#
# </details>

# %% [markdown]
# **6. A query of two words, and a sentence of eight different words which holds both. What is their cosine, without
# weights?**
#
# - **A** 0.25
# - **B** 0.40
# - **C** 1.00
# - **D** 0.50
#
# <details><summary>Answer</summary>
#
# - **A ✗** This is the share of the sentence that the query makes up, $2/8$. The cosine divides by both *lengths*,
#   and these are roots.
# - **B ✗** $2 \cdot 2 / (2 + 8)$ is another measure of overlap, Dice's coefficient.
# - **C ✗** Only a bag that points the same way has the cosine 1, and six more words turn it away.
# - **D ✓** $c / \sqrt{\ell\,\ell'} = 2 / \sqrt{2 \cdot 8}$.
#
# </details>

# %% [markdown]
# **7. A table is trained by plain gradient descent, without weight decay. One word of the vocabulary does not occur
# in the training text. Where is its row in the end?**
#
# - **A** At zero, since a row without a gradient fades away.
# - **B** Near the rows of other rare words.
# - **C** Where the random start put it.
# - **D** At the mean of all rows, pulled along by the others.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Nothing fades without weight decay: the row's gradient is zero, and so is each of its steps.
# - **B ✗** It has learnt nothing that could make it similar to anything.
# - **C ✓** Such a vector looks like any other and means nothing. It is one reason for `min_count`.
# - **D ✗** Rows do not pull each other. Each moves by the gradients of its own word's places only.
#
# </details>

# %% [markdown]
# **8. All one-hot vectors are multiplied by the same square matrix, a rotation of the $V$ dimensions drawn at random.
# What becomes of the cosines between words?**
#
# - **A** They become small numbers around 0, as between random vectors.
# - **B** Similar words come nearer, because the zeros are gone.
# - **C** They stay as they were: 0 for any two different words.
# - **D** They depend on the order of the ids.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Each row alone looks random, but the rows of a rotation are exactly perpendicular to each other.
# - **B ✗** Where should the program know from which words are similar? The matrix was drawn without looking at a
#   text.
# - **C ✓** A rotation keeps all lengths and angles. Dense numbers alone bring no meaning; only fewer dimensions, or
#   training, can change who is near to whom.
# - **D ✗** Another order of the ids permutes the rows, and any two of them stay perpendicular.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


def mine(ids, vocab_size):  # (...) -> (..., vocab_size)
    raise NotImplementedError


print(check.one_hot(mine))

# %% [markdown]
# > **Exercise 1 (pencil, easy, 10 minutes).** How many vectors of length 1 can be perpendicular to each other in $d$
# > dimensions? Conclude that with $d < V$ dimensions no choice of non-zero rows for $W$ can make all words
# > pairwise perpendicular.
# >
# > *Hint: suppose that a weighted sum of such vectors is zero, and take its dot product with one of them.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Let $\mathbf{w}_1, \dots, \mathbf{w}_m$ be perpendicular to each other and of length 1, and suppose that
# $a_1 \mathbf{w}_1 + \dots + a_m \mathbf{w}_m = \mathbf{0}$. The dot product of both sides with $\mathbf{w}_k$ leaves
# $a_k \lVert \mathbf{w}_k \rVert^2 = a_k = 0$, for each $k$. So perpendicular vectors are linearly independent, and
# $d$ dimensions hold at most $d$ of them.
#
# With $d < V$ some two words must therefore have a cosine that is not 0. An embedding cannot be as fair as one-hot
# vectors are, and this is the point of it. As an example we take the three axes of space, and a fourth vector of
# length 1, in a direction drawn at random. Its cosines with the axes are its coordinates, whose squares add up to 1:
# they cannot all be 0.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
fourth = torch.nn.functional.normalize(torch.randn(3), dim=0)
cosines = torch.eye(3) @ fourth  # (3,)
print("cosines that are 0:", int((cosines == 0).sum()))
print(f"their squares add up to {cosines.square().sum():.2f}")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** Show that the squared distance of two bags of words is the sum, over
# > all words, of the squared differences of their counts, and that the cosine of two sentences without repeated words
# > is $c / \sqrt{\ell\,\ell'}$, where they have $\ell$ and $\ell'$ words, $c$ of them in common. What is the cosine
# > of *the cat sat on a mat* and *a cat lay on the mat*?
# >
# > *Hint: write the bags as sums of one-hot vectors and multiply out; almost all dot products are zero.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Let $\mathbf{b} = \sum_i b_i \mathbf{e}_i$ and $\mathbf{b}' = \sum_i b'_i \mathbf{e}_i$. In the square of
# $\mathbf{b} - \mathbf{b}' = \sum_i (b_i - b'_i)\, \mathbf{e}_i$ all products of different axes vanish, and those of
# an axis with itself are 1, as in the theorem of Pythagoras:
#
# $$
# \lVert \mathbf{b} - \mathbf{b}' \rVert^2 = \sum_i (b_i - b'_i)^2 .
# $$
#
# In the same way $\mathbf{b} \cdot \mathbf{b}' = \sum_i b_i b'_i$. Without repeated words all counts are 0 or 1, so
# the dot product counts the words that stand in both, $c$, and $\mathbf{b} \cdot \mathbf{b}$ counts the words of the
# first, $\ell$. The cosine is $c / \sqrt{\ell\, \ell'}$. Both sentences have six words, five of them in common, and
# the cosine is 5/6.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
texts = [tokenize(text) for text in ("the cat sat on a mat", "a cat lay on the mat")]
small = Vocabulary.from_tokens(texts[0] + texts[1])  # presidents have no cats
first, second = (one_hot(small.encode(text), len(small)).sum(0) for text in texts)
cosine = torch.nn.functional.cosine_similarity(first, second, dim=0)
print(f"{cosine:.3f}, and 5/6 = {5 / 6:.3f}")

# %% [markdown]
# > **Exercise 3 (code, medium, 15 minutes).** `nn.Embedding(V, d, padding_idx=0)` keeps the row of `<pad>` from
# > learning. By equation {eq}`eq-embedding-gradient`, which entries of $E$ must be changed to get the same gradient
# > from $E^\top G$? Check it on a sentence that ends with three pads.
# >
# > *Hint: a word that does not occur gets no gradient.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
padded = torch.cat([ids, torch.zeros(3, dtype=torch.int64)])  # (length + 3,)
G = torch.randn(len(padded), d)
layer = torch.nn.Embedding(V, d, padding_idx=0)
layer(padded).backward(G)
E = one_hot(padded, V)
E[:, 0] = 0  # the rows of the pads become all zero: neither hot nor learning
print("same gradient:", torch.allclose(E.T @ G, layer.weight.grad, atol=1e-6))
read = torch.equal(layer(padded)[-1], layer.weight[0])
print("the forward pass still reads the row of <pad>:", read)

# %% [markdown]
# > **Exercise 4 (code, medium, 15 minutes).** Make `TfidfVectorizer` of scikit-learn give the same weights as ours,
# > $b_i \,\mathrm{idf}_i$, up to its added 1.
# >
# > *Hint: read what `norm`, `smooth_idf` and `sublinear_tf` do; two of them must be changed.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
from sklearn.feature_extraction.text import TfidfVectorizer

arguments = {"analyzer": list, "vocabulary": vocabulary.tokens[4:]}  # no special tokens
theirs = TfidfVectorizer(**arguments, norm=None, smooth_idf=False, sublinear_tf=False)
weighted = theirs.fit_transform(sentences)  # b_i (1 + ln(N / n_i))
ours = (B * (1 + idf)).tocsr()[:, 4:]
print("same weights:", abs(weighted - ours).max() < 1e-9)

# %% [markdown]
# > **Exercise 5 (code, easy, 15 minutes).** How far from perpendicular are random rows? Draw 1,000 random vectors in
# > $d = 10, 100, 1000$ dimensions (by exercise 1, in the first two cases they cannot all be perpendicular)
# > and print the mean size of their cosines and the largest one.
# >
# > *Hint: normalise the rows; the cosines are the entries of $WW^\top$ off the diagonal. Compare with
# > $1/\sqrt d$.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# Nearly perpendicular at a fraction of the length: random vectors in 1,000 dimensions say almost as little about
# meaning as one-hot vectors do.
#
# Why $1/\sqrt d$? The cosine of two random directions is one coordinate of a random vector of length 1, since one may
# turn the axes until the other vector lies on the first. The squares of its $d$ coordinates add up to 1, so each is
# $1/d$ in the mean. For large $d$ a coordinate is nearly a normal number with the deviation $1/\sqrt d$, whose mean
# size is $\sqrt{2/\pi} \approx 0.8$ times that.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
rows = []
for dims in (10, 100, 1000):
    generator = torch.Generator().manual_seed(0)
    R = torch.randn(1000, dims, generator=generator, dtype=torch.float64)
    R = torch.nn.functional.normalize(R)  # (1000, dims)
    sizes = (R @ R.T)[*torch.triu_indices(1000, 1000, offset=1)].abs()  # each pair once
    rows.append((dims, sizes.mean(), sizes.max(), dims**-0.5))
Table(rows, {"d": ",", "mean": ".3f", "largest": ".3f", "1/√d": ".3f"})

# %% [markdown]
# > **Exercise 6 (open, easy, 20 minutes).** Take some pairs of synonyms that presidents use (*ships* and *vessels*,
# > *automobile* and *car*, …). For each, in how many sentences does the first stand, the second, both? What
# > do the numbers say about a search engine, and what hint do they give about how meaning could be learnt?
# >
# > *Hint: `present[:, i]` tells where word i stands. What do you expect of "both" if the two words were
# > strewn at random?*

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# If $n_a$ and $n_b$ of $N$ sentences hold the two words, and these are strewn at random, $n_a n_b / N$ sentences hold
# both.
#
# A search for one word of a pair misses most of what was said with the other. Nor does standing in one sentence tell
# synonyms: the frequent pairs do so more often than by chance, the rare ones never, nor would chance lead one to
# expect it; gold and silver, no synonyms, do so more often than all of them. What synonyms may share is not their
# sentences but their neighbours; the next chapter looks there.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 6
synonyms = "ships vessels, doctors physicians, automobile car, poor needy, "
synonyms += "jobs employment, foes enemies, children kids, buy purchase, gold silver"
rows = []
for pair in synonyms.split(", "):
    a, b = vocabulary.encode(pair.split())
    both = int((present[:, [a]] * present[:, [b]]).sum())
    rows.append((pair, int(n[a]), int(n[b]), both, n[a] * n[b] / N))
columns = dict.fromkeys(("first", "second", "both"), "")
Table(rows, {"pair": ""} | columns | {"both, by chance": ".2f"})

# %% [markdown]
# ## You have
#
# - turned the ids of a sentence into one-hot vectors, by hand, with `scratch.one_hot` and with PyTorch, all
#   equal;
# - proved that any two words are perpendicular and $\sqrt 2$ apart, while people rate pairs anywhere from 0
#   to 10;
# - seen a one-hot vector times a matrix pick a row, and `nn.Embedding` do the same, to the bit forward and
#   to rounding backward;
# - built a search engine from a bag of words, mended its weights with idf, and seen it miss the same
#   question in other words;
# - measured that nearly half of all neighbouring sentences share no word but the thirty most frequent.
#
# ## Further reading
#
# - G. Salton, A. Wong and C. S. Yang, [A vector space model for automatic
#   indexing](https://doi.org/10.1145/361219.361220), 1975: an early account of documents as vectors.
# - K. Spärck Jones, [A statistical interpretation of term specificity and its application in
#   retrieval](https://doi.org/10.1108/eb026526), 1972: where idf comes from.
# - Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, [A neural probabilistic language
#   model](https://www.jmlr.org/papers/v3/bengio03a.html), 2003: the embedding table as the first layer of a
#   language model {cite:p}`bengio2003neural`.
# - C. D. Manning, P. Raghavan and H. Schütze, [Introduction to Information
#   Retrieval](https://nlp.stanford.edu/IR-book/), 2008, chapter 6: weights, cosines and how real search
#   engines use them {cite:p}`manning2008introduction`.
