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
# # Tokens: from text to numbers
#
# Open a file that says *The cat sat on the mat.* and look at what is really in it: 84, 104, 101, 32, 99,
# 97, 116 and so on, twenty-three numbers. A network, which can only compute with numbers, could be given
# these, and be done.
#
# But nearly every language model first passes its text through a small program that cuts
# it into pieces, the *tokens* (词元), and gives each piece a number of its own. Where to cut was decided
# before the network saw its first sentence, and the network can never undo it.
#
# **How does text become numbers?** Words, characters, bytes, or something in between: what does each choice
# cost, and what does it lose?
#
# **You will**
#
# - cut text into words, characters and bytes, and see why the list of words is never complete;
# - number the words with a `Vocabulary`, and measure how many words of new text it does not know;
# - learn subwords by hand on ten words, then eight thousand of them on nearly two million words, the same
#   ones, in the same order, as the library that trains real tokenizers;
# - ask whether subwords learnt from speeches suit a dictionary, and what becomes of Chinese;
# - fill sentences of different lengths up to one rectangle, and say with a mask what is real.
#
# **You need** Python, and logarithms for one plot. The chapter runs in about 30 seconds on one processor
# core.

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
# ## Three ways to cut
#
# The numbers in the file are *bytes* (字节): whole numbers from 0 to 255, by which the standard UTF-8 writes
# every *character* (字符) of every script. An English letter takes one byte, é takes two, a Chinese character
# nearly always three.

# %%
from scratch.table import Table

line = "The cat sat on the mat."
print(*line.encode())
characters = ("t", "é", "猫", "🐈")
Table([(c, str([*c.encode()])) for c in characters], {"character": "", "bytes": ""})

# %% [markdown]
# An alphabet of 256 covers everything that anyone will ever type. Why not stop here? Because a byte says
# almost nothing. The network would have to find out that 99, 97, 116 is an animal, and to carry it as three
# steps. The length of the sequence is what a network pays for, some networks with its square.
#
# At the other end are words. Our tokenizer makes all letters small and takes the runs of a to z, with an apostrophe
# inside if there is one:

# %%
from scratch.text import tokenize

print(tokenize(line))
print(tokenize("In 1863, naïve readers didn't re-read e-mail."))

# %% [markdown]
# A sentence is short now, and every token means something. But look at the second line. The year is gone,
# *naïve* has fallen into two pieces, so has *e-mail*, and nobody could restore the line from its tokens.
# For English this is good enough, and the next chapters use it. The larger trouble is the number of words.
#
# ## Most words are rare
#
# The book brings three English corpora: what presidents told Congress, the definitions of a dictionary, and
# some articles of Wikipedia. We count their words, and order them: the most frequent one has *rank* (秩)
# $r = 1$.

# %%
from collections import Counter
from itertools import pairwise

import numpy as np

from scratch.corpora import load

names = ("state-of-the-union", "wordnet", "wikipedia")
speeches, dictionary, wikipedia = (load(name) for name in names)
counts = Counter(w for s in speeches + dictionary + wikipedia for w in s)
frequency = np.array(sorted(counts.values(), reverse=True))  # (words,) by rank
print(f"{frequency.sum():,} words in the text, {len(frequency):,} different ones")
ordered = [(r, *counts.most_common(r)[-1]) for r in (1, 10, 100, 1000, 10_000, 50_000)]
rows = [(word, r, n, r * n) for r, word, n in ordered]
Table(rows, {"word": "", "rank": ",", "times": ",", "rank × times": ","})

# %% [markdown]
# Go ten times further down the list, and the words are about ten times as rare. Over the first thousand
# ranks the product changes by less than a factor of two, its factors by many hundreds. George Kingsley Zipf
# {cite:p}`zipf1949human` made this regularity famous; *Zipf's law* (齐普夫定律) says that the share $f(r)$ of
# the word of rank $r$ in the text is
#
# $$
# f(r) \approx \frac{K}{r^{\alpha}}, \qquad \alpha \approx 1 ,
# $$ (eq-tokens-zipf)
#
# with a constant $K$. Since $\ln f = \ln K - \alpha \ln r$, in a plot with two logarithmic axes it is a straight line
# with slope $-\alpha$.
#
# How does one measure a slope? A line through the points of the plot, by least squares, is the usual way and a
# doubtful one: a plateau of words that stand once is no line. Better is the *maximum likelihood* (最大似然) estimate
# {cite:p}`clauset2009power`. If ranks fall with slope $-\alpha$, then among the words that stand $m$ times or more
# the share that stands exactly $k$ times is $k^{-\gamma} / \sum_{i \ge m} i^{-\gamma}$ with $\gamma = 1 + 1/\alpha$,
# and one takes the $\gamma$ under which the counts that were seen are most probable.

# %% mystnb={"image": {"alt": "A plot with logarithmic axes: how often a word occurs against its rank. The points fall from three hundred thousand at rank one along a dashed straight line until rank five thousand or so, then bend below it and end in horizontal steps at three, two and one occurrences."}, "figure": {"caption": "How often each word of the three corpora stands in the text, against its rank. Dashed: a law with slope −1 through rank 100. The steps at the end are the words that stand three times, twice and once.", "name": "fig-tokens-zipf"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
rank = np.arange(1, len(frequency) + 1)
figure, axes = plt.subplots(figsize=(5, 3.6))
axes.loglog(rank, frequency, marker=".", linestyle="none", markersize=4)
axes.loglog(rank, frequency[99] * 100 / rank, "k--", linewidth=1)
axes.set(xlabel="rank of the word", ylabel="times in the text", ylim=(0.6, 1e6))
plt.show()


# %%
from scipy.optimize import minimize_scalar
from scipy.special import zeta


def by_squares(x):
    """The slope of the straight line that is nearest to the points of the plot."""
    return np.polyfit(np.log(np.arange(1, len(x) + 1)), np.log(x), 1)[0]


def by_likelihood(x):
    """The slope that makes the counts x, none of them below x[-1], most probable."""

    def surprise(gamma):
        return gamma * np.log(x).mean() + np.log(zeta(gamma, x[-1]))

    return 1 / (1 - minimize_scalar(surprise, bounds=(1.05, 8), method="bounded").x)


# %%
law = 1 / np.arange(1.0, 400_001) ** 1.2  # a text whose slope we know
drawn = np.random.default_rng(0).multinomial(frequency.sum(), law / law.sum())
alone = Counter(w for s in speeches for w in s).values()
slopes = []
for name, some in (("all", frequency), ("speeches", alone), ("drawn at −1.2", drawn)):
    x = np.array(sorted(some, reverse=True))
    for way, estimate in (("squares", by_squares), ("likelihood", by_likelihood)):
        found = [estimate(x[x >= least]) for least in (1, 10, 100, 1000)]
        slopes.append((name, way, *found))
columns = {"slope of": "", "by": "", "all words": ".2f", "10 times or more": ".2f"}
Table(slopes, columns | {"100 or more": ".2f", "1,000 or more": ".2f"})

# %% [markdown]
# The last two rows test both on a text drawn from a law: from ten times on both find the slope, and among the
# rarest words, whose counts are mostly chance, neither does. On real text, which bends, they disagree.
#
# The slope is near −1 for the frequent words, and steeper once rare ones are included, which the drawn text does not
# show. That does not come from mixing three kinds of text, since the speeches alone bend more. Ferrer i Cancho and
# Solé {cite:p}`ferrer2001two` found two regimes in a big corpus, with slopes near −1 and −2.
#
# With either slope *the list does not end*. Here is the tail of ours.

# %%
rare = [(k, (frequency <= k).mean()) for k in (1, 2, 5)]
Table(rare, {"words that stand at most … times": "", "of all words": ".0%"})

# %%
sizes = (100, 1000, 10_000)
covered = [(size, frequency[:size].sum() / frequency.sum()) for size in sizes]
Table(covered, {"most frequent words": ",", "of the text": ".0%"})

# %% [markdown]
# A small list covers most of the text, no list all of it. Where more than half of the words have
# been seen once or twice, the next pages are bound to bring others.
#
# ## A vocabulary, and what it does not know
#
# A *vocabulary* (词表) numbers the tokens. A token's number is its *id* (编号), which is its place in the list:

# %%
from scratch.text import Vocabulary

vocabulary = Vocabulary.from_tokens(tokenize(line))
print(vocabulary.tokens)
print(vocabulary.encode(tokenize("The dog sat on the cat")))
print(vocabulary.decode([4, 1, 8]))

# %% [markdown]
# The most frequent words come first, equally frequent ones in alphabetical order, so that everybody gets the
# same numbers. The first four places are taken by *special tokens* that stand in no text: `<pad>` fills
# short sentences up, `<unk>` stands for every word that is not in the list, here the dog, and `<bos>` and
# `<eos>` mark where a sentence begins and ends, for models that write.
#
# A word that gets `<unk>` is *out of vocabulary* (未登录词, OOV), and what it meant is lost. How often that
# happens must be measured on text that did not help to make the list, *held-out* text (留出). We hold out
# every tenth sentence, and make the vocabulary from the other sentences of the speeches.

# %%
held_out = {"speeches": speeches[9::10], "dictionary": dictionary[9::10]}
rest = [s for i, s in enumerate(speeches) if i % 10 != 9]
words_of_rest = [w for s in rest for w in s]
print(f"{len(words_of_rest):,} words to learn from")
rows = []
for min_count in (1, 2, 5, 10):
    vocabulary = Vocabulary.from_tokens(words_of_rest, min_count=min_count)
    ids = vocabulary.encode(w for s in held_out["speeches"] for w in s)
    unknown = np.mean(np.array(ids) == vocabulary.unk_id)
    rows.append((min_count, len(vocabulary), unknown))
Table(rows, {"min_count": "", "entries": ",", "unknown": ".1%"})

# %% [markdown]
# `min_count` leaves out what was seen less often. With `min_count=5` the list is less than half as long, and few
# words are lost. Is the trouble small? It is, for more of the same: every tenth
# sentence comes from speeches whose other sentences we have counted. We ask again, for the last
# tenth of the speeches, with a vocabulary from what was said before, and for the dictionary.

# %%
past, future = speeches[: -len(speeches) // 10], speeches[-len(speeches) // 10 :]
tests = {"same speeches": (rest, held_out["speeches"])}
tests |= {
    "later speeches": (past, future),
    "dictionary": (rest, held_out["dictionary"]),
}
sizes = [250, 500, 1000, 2000, 4000, 8000, 16_000, 22_000]
unknown = {}
for name, (seen, new) in tests.items():
    vocabulary = Vocabulary.from_tokens(w for s in seen for w in s)
    ids = np.array(vocabulary.encode(w for s in new for w in s))
    # A smaller vocabulary is the beginning of a larger one: it knows the smaller ids.
    unknown[name] = [np.mean((ids == 1) | (ids >= size)) for size in sizes]  # 1: <unk>
rows = zip(sizes, *unknown.values(), strict=True)
Table(rows, {"entries": ","} | dict.fromkeys(tests, ".1%"))

# %% mystnb={"image": {"alt": "Three falling curves: the share of unknown words against the size of the vocabulary, from 250 to 22,000 entries. The curve of held-out sentences falls to nearly zero, that of later speeches stays above it, and that of the dictionary is highest and still at about twelve per cent at the right end."}, "figure": {"caption": "Words that a vocabulary made from speeches does not know: in other sentences of the same speeches, in speeches of later years, and in a dictionary.", "name": "fig-tokens-oov"}}
figure, axes = plt.subplots()
for (name, shares), marker in zip(unknown.items(), "os^", strict=True):
    axes.semilogx(sizes, 100 * np.array(shares), marker=marker, label=name)
axes.set(xlabel="entries of the vocabulary", ylabel="unknown words (%)", ylim=(0, None))
axes.legend()
plt.show()

# %% [markdown]
# Later years cost more than other sentences, another kind of text more than later years: with nearly all words of the
# speeches, more than one word in ten of the dictionary is unknown. Each doubling of the list takes five to eight
# points off the dictionary's curve, for twice as many new entries as the one before. Which words are missing from the
# whole list?

# %%
lost = Counter(w for s in held_out["dictionary"] for w in s if w not in vocabulary)
print("lost most often:", ", ".join(w for w, _ in lost.most_common(8)))
print("known:", *(w for w in ("leaf", "hopeless", "leafless") if w in vocabulary))

# %% [markdown]
# Presidents do not speak of flowers and shrubs.
#
# > **Pitfall.** Make the vocabulary from *all* the text, the test sentences included, and not one word is unknown.
# > That says nothing: the test has leaked into the model. The tokenizers below are trained, too, and must not see
# > the test.
#
# ## Pieces of words
#
# *Leafless* is unknown, but *leaf* is not, nor is the end of *hopeless*. So let the list hold parts: whole
# words where they are frequent, and for the rest *subwords* (子词), down to single letters. But which? A
# simple answer came from data compression. In 1994 Philip Gage {cite:p}`gage1994new` made files smaller by
# looking for the most frequent pair of neighbouring bytes, putting an unused byte in its place, and doing so
# again and again: *byte-pair encoding* (字节对编码, BPE). Sennrich, Haddow and Birch
# {cite:p}`sennrich2016neural` let the same procedure cut words for translation. At first every character is
# a symbol. Then one looks for the pair
#
# $$
# (a, b) = \underset{(x, y)}{\arg\max}\; \sum_{w} F_w\, k_w(x, y) ,
# $$ (eq-tokens-pair)
#
# where $w$ runs over the different words of the corpus, $F_w$ is how often the word occurs, and $k_w(x, y)$
# how often the symbol $x$ stands directly before $y$ in it. The winner becomes a new symbol $ab$, which takes
# the place of every $a\,b$ in every word, from left to right. This is one *merge* (合并). Ten words are enough
# to watch it; a space in front of a word is written with it:

# %%
ten = "the cat sat on the mat the rat sat there"
F = Counter(["the"] + [" " + word for word in ten.split()[1:]])
print(dict(F))


def merge(symbols, a, b):
    """Put ab wherever a stands before b."""
    out = []
    for symbol in symbols:
        if out and (out[-1], symbol) == (a, b):
            out[-1] = a + b
        else:
            out.append(symbol)
    return out


# %% [markdown]
# Of two pairs that are equally frequent everybody must choose the same, or they end with different tokens.
# The rule of the library that we shall compare with: symbols are numbered, first the alphabet and then the
# merges as they come, and the pair with the smallest numbers wins. In its alphabet the space comes *behind*
# the letters; we shall see why.

# %%
known = [*"abcdefghijklmnopqrstuvwxyz", " "]  # the symbols, numbered
cut = {w: list(w) for w in F}  # each word as a list of symbols
merges = []
for _ in range(6):
    pairs = Counter()
    for w, symbols in cut.items():
        for pair in pairwise(symbols):
            pairs[pair] += F[w]
    # the most frequent; of several, the one with the smallest numbers
    a, b = min(pairs, key=lambda p: (-pairs[p], known.index(p[0]), known.index(p[1])))
    tied = [repr(x + y) for (x, y), n in pairs.items() if n == pairs[a, b]]
    merges.append((pairs[a, b], repr(a + b), ", ".join(tied) if tied[1:] else None))
    known.append(a + b)
    cut = {w: merge(symbols, a, b) for w, symbols in cut.items()}
print(cut[" the"], cut[" there"], cut[" rat"])
Table(merges, {"times": "", "merge": "", "equally frequent": ""})

# %% [markdown]
# After six merges the frequent words *the* and *sat* are single symbols, and the others are put together
# from parts. No pair reaches over the border of a word, and the space belongs to the word that follows it.
# *Sat* was tied with the space and its *s*, and won since the number of *s* is smaller than that of the space.
#
# A new word is cut by making the same merges in the same order. Our list of symbols does not say of which two
# parts each was made, so we try every way of parting it:

# %%
for word in (" hat", " other", " the"):
    symbols = list(word)
    for ab in known[27:]:  # the merges, as they were learnt
        for a, b in [(ab[:i], ab[i:]) for i in range(1, len(ab))]:
            symbols = merge(symbols, a, b)
    print(f"{word!r}: {symbols}")

# %% [markdown]
# ## From letters to bytes
#
# One hole is left: a character that was not in the training text. GPT-2 {cite:p}`radford2019language`
# closed it by going back to bytes. The alphabet is the 256 bytes, all of them, seen or not; a merge joins
# two byte strings; and so there is no `<unk>`, for any text in any script. Before merging, a fixed rule cuts
# the text into pieces, beyond which no merge reaches: runs of letters, of digits, or of other signs, each
# with the space before it, and endings such as *'re*.

# %%
from scratch.byte_pairs import pre_tokenize

print(pre_tokenize("We're 25 cats: naïve, by e-mail."))

# %% [markdown]
# The pieces add up to the text. `BytePairEncoder` does the rest. Its ids 0 to 255 are the bytes themselves;
# id 256 is the first merge. On our ten words:

# %%
from scratch.text import BytePairEncoder

small = BytePairEncoder.train([ten], vocab_size=256 + 6)
learnt = [token.decode() for token in small.tokens[256:]]
print(learnt, "as by hand:", learnt == known[27:])
ids = small.encode(" other")
print(ids, [small.tokens[i].decode() for i in ids], repr(small.decode(ids)))

# %% [markdown]
# To count all pairs afresh for each merge, as we did by hand, is slow. The helper keeps the counts. A merge changes
# only the pairs next to it, and only in the words that hold it; an index, `where`, says which these are. A *queue*
# tells which pair is the most frequent: a list that gives its smallest entry first, so that counts stand in it with a
# minus. An entry of a queue cannot be changed. When a pair loses some of its count, its entry is out of date, and
# stays; only when it comes to the top is it compared with the count of today, `if -n != counts[pair]`, and put back
# with that, further down. In our ten words *t h* was tied with *h e* at four. After the merge of *h e* the entry of
# *t h* comes up next, still with −4; but no *t* stands before a lone *h* any more, `counts[pair]` is 0, and it is
# dropped. (`times[i]` is how often word `i` stands in the corpus; `_merge` gives the new word, and which pairs have
# come, +1, and gone, −1.) It goes on until there are enough merges:

# %%
import inspect
import textwrap

from scratch import byte_pairs

source = inspect.getsource(byte_pairs.learn_merges)
start, end = source.index("        n, pair = heapq"), source.index("    return merges")
print(textwrap.dedent(source[start:end]).rstrip())

# %% [markdown]
# Now nine tenths of the speeches, and eight thousand merges.

# %%
texts = [" ".join(s) for s in rest]
encoder = BytePairEncoder.train(texts, vocab_size=256 + 8000)


def shown(ids, encoder=encoder):
    return [encoder.tokens[i].decode(errors="replace") for i in ids]


print("first merges:", shown(range(256, 266)))
print("last merges: ", shown(range(len(encoder) - 5, len(encoder))))
tried = "government needy automobile photosynthesis leafless".split()
pieces = [(word, "|".join(shown(encoder.encode(" " + word))).strip()) for word in tried]
Table(pieces, {"word": "", "pieces": ""})

# %% [markdown]
# Frequent words have become single tokens; *photosynthesis* is built from parts. Some parts mean something,
# as the *less* of *leafless*; others are debris.
#
# ### Is it right?
#
# The library `tokenizers` trains the tokenizers of real models. With the same corpus and settings it should
# make the same merges in the same order. It writes a byte as a character, as [GPT-2's own
# program](https://github.com/openai/gpt-2/blob/master/src/encoder.py) does. A byte that the old Latin-1 alphabet
# shows as a visible sign, as 97 is *a*, is written as that sign; there are 188 of these. The others, the
# space among them, would be invisible, and get the characters from number 256 on, in order: the space, which is the
# 33rd of them, is number 288, Ġ. The library's ids, and so its ties, follow the order of these characters. This is
# why a space comes behind the letters.

# %%
import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
library = Tokenizer(models.BPE())
library.pre_tokenizer = level
options = {"special_tokens": [], "show_progress": False}
options |= {"initial_alphabet": level.alphabet(), "vocab_size": 256 + 8000}
library.train_from_iterator(texts, trainers.BpeTrainer(**options))
their_merges = json.loads(library.to_str())["model"]["merges"]
print(their_merges[:6])

# %%
own = {*range(33, 127), *range(161, 173), *range(174, 256)}
others = [byte for byte in range(256) if byte not in own]
character = {byte: chr(byte) for byte in own}
character |= {byte: chr(256 + k) for k, byte in enumerate(others)}


def printed(i):
    return "".join(character[byte] for byte in encoder.tokens[i])


ours = [[printed(left), printed(right)] for left, right in encoder.merges]
print(f"{len(ours):,} merges, all equal and in the same order:", ours == their_merges)

# Their id of a byte is its character's place, ours the byte. Merges have the same ids.
byte_of = dict(enumerate(sorted(character, key=character.get)))
sample = [*texts[::25], "naïve 猫 🐈 didn't  \n"]
theirs = [[byte_of.get(i, i) for i in library.encode(text).ids] for text in sample]
same = theirs == [encoder.encode(text) for text in sample]
print("same ids for", len(sample), "texts:", same)

# %% [markdown]
# All eight thousand. And no text is lost on the way:

# %%
odd = ("naïve 猫 🐈 didn't  \n", "e\u0301 \0 \U0010ffff", "")
back = [encoder.decode(encoder.encode(text)) for text in odd]
print("decoded, each is what it was:", back == [*odd])
rows = [(repr(text), len(text), len(encoder.encode(text))) for text in odd]
Table(rows, {"text": "", "characters": "", "tokens": ""})

# %% [markdown]
# ## Short lists, long sentences
#
# Between bytes and words there is now a whole range, and the number of merges is a dial. It is cheap to turn:
# a merge depends on those before it only, and so the first thousand of our encoder are what training with a
# thousand would have given.

# %%
held_out["Wikipedia"] = wikipedia[9::10]  # for later
pieces_of = {}  # no merge leaves a piece, so each different one is cut only once
for name, new in held_out.items():
    pieces_of[name] = Counter(p for s in new for p in pre_tokenize(" ".join(s)))


def tokens_in(name, some):
    return sum(n * len(some.encode(p)) for p, n in pieces_of[name].items())


points = []
for size in (0, 64, 256, 1000, 2000, 4000, 8000):
    part = BytePairEncoder(encoder.merges[:size])
    tokens = tokens_in("speeches", part)
    points.append((len(part), tokens / len(held_out["speeches"])))
words = len(set(words_of_rest)), np.mean([len(s) for s in held_out["speeches"]])
rows = [("byte pairs", *point) for point in points] + [("words", *words)]
Table(rows, {"tokens are": "", "entries": ",", "tokens a sentence": ".1f"})

# %% mystnb={"image": {"alt": "Tokens per sentence against the number of entries on a logarithmic axis. A falling curve for byte pairs runs from about 157 tokens with 256 entries to 29 with 8,256, towards a square for words at about 27 tokens and 25,000 entries."}, "figure": {"caption": "What a held-out sentence of the speeches costs, in bytes, which here are characters (left end), in byte pairs (the curve) and words (square). A longer list buys shorter sentences, less and less so.", "name": "fig-tokens-length"}}
figure, axes = plt.subplots()
axes.semilogx(*zip(*points, strict=True), marker="o", label="byte pairs")
axes.semilogx(*words, marker="s", linestyle="none", label="words")
axes.set(xlabel="entries", ylabel="tokens per sentence", ylim=(0, None))
axes.legend()
plt.show()

# %% [markdown]
# The first merges buy most: with 256 of them a sentence is less than half as long. At eight thousand it is
# little longer than in words, with a third of the entries, and nothing is unknown. What speaks against
# going on? Each entry will get a vector of its own in the network, and the last tokens are rare, so that there is
# little to learn these from. GPT-2 has 50,257 entries: the bytes, 50,000 merges, and a sign for the end of a text; at
# 768 numbers each, in its smallest model, they are 39 million weights.
#
# ## Does it travel?
#
# The merges were learnt from speeches. Another text can always be *written* with them, but at what price? We
# train a second encoder on the dictionary, without its held-out tenth, and let each encoder
# cut both kinds of held-out text, and Wikipedia, which neither has seen.

# %%
rest_dictionary = [s for i, s in enumerate(dictionary) if i % 10 != 9]
from_dictionary = BytePairEncoder.train([" ".join(s) for s in rest_dictionary], 8256)
encoders = {"speeches": encoder, "dictionary": from_dictionary}


def cost(name, some):
    """Tokens per word."""
    return tokens_in(name, some) / sum(len(s) for s in held_out[name])


shared = set(encoder.tokens) & set(from_dictionary.tokens)
print(f"tokens that both have: {len(shared) / len(encoder):.0%}")
rows = [(n, *(cost(x, e) for x in held_out)) for n, e in encoders.items()]
Table(rows, {"tokens a word, learnt from": ""} | dict.fromkeys(held_out, ".2f"))

# %% [markdown]
# The two have little more than half of their tokens in common. Each is the better one at home, and away from
# home a word costs about a seventh more than it does the one who is at home there. That is far milder than what
# happened to whole words. How do the two cut them?

# %%
rows = []
for word in "physician photosynthesis unconstitutional needy grasshopper".split():
    cuts = [shown(e.encode(" " + word), e) for e in encoders.values()]
    rows.append(["|".join(cut).strip() for cut in cuts])
Table(rows, {"learnt from speeches": "", "learnt from dictionary": ""})

# %% [markdown]
# What presidents speak of is whole on the left, a *physician* on the right, a *grasshopper* is debris on both sides.
# Fewer tokens are cheaper; whether they are *better* we have not measured. Bostrom and Durrett
# {cite:p}`bostrom2020byte` trained the same network on two kinds of subwords; those of BPE were further from what
# linguists would cut, and never did better.
#
# > **Pitfall.** A token id means nothing outside its tokenizer. Feed one encoder's ids to the other, and no error
# > appears: they exist in both. Nor can losses *per token* be compared: a long token holds more to
# > guess. Divide the loss of the whole text by its bytes (*bits per byte*; what bits are, says
# > [](../encoder/rnn.ipynb)).

# %%
ids = encoder.encode("the state of the union is strong")
print(repr(from_dictionary.decode(ids)))

# %% [markdown]
# ## A text without spaces
#
# 乒乓球拍卖完了. The Chinese line says that ping-pong bats (乒乓球拍) are sold out (卖完了), or else that ping-pong balls (乒乓球)
# have been auctioned off (拍卖完了). Chinese is written without spaces, so whoever wants words has to find their borders:
# *word segmentation* (分词). `jieba` is a popular program for it. It has a dictionary with the frequency of each word,
# and of all ways to cut a line into its words takes the one whose words' shares of all text have the largest product.
# Where single characters are left side by side, it asks a second model, which was trained on cut text and makes words
# that no dictionary has: a *hidden Markov model* (隐马尔可夫模型), which guesses for each character whether it begins,
# continues or ends a word, or is one.

# %%
import logging
import tempfile
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it is not of the newest
    import jieba
jieba.setLogLevel(logging.ERROR)
# It keeps its dictionary in a file for the next time; none is to be left, or found.
with tempfile.TemporaryDirectory() as folder:
    jieba.dt.tmp_dir = folder
    jieba.initialize()
print(jieba.lcut("我喜欢猫"))
print(jieba.lcut("乒乓球拍卖完了"))
print(jieba.lcut("他来到了网易杭研大厦"), jieba.lcut("他来到了网易杭研大厦", HMM=False))

# %% [markdown]
# It auctions off the balls: a choice, made before any model has read the line. In the last line, from jieba's own
# page, 杭研 is in no dictionary: with the second model it is one word, without it two. The alternative is to take
# the characters. We compare the two on the Chinese side of the book's translated strings, where those for testing
# come from other programs than those for training.

# %%
from scratch.corpora import load_pairs

train, _, test = load_pairs("en-zh")
chinese, chinese_test = [zh for _, zh in train], [zh for _, zh in test]
print(chinese[0], jieba.lcut(chinese[0]))


def by_dictionary(line):
    return jieba.lcut(line, HMM=False)


# %%
ways = {"characters": list, "jieba's words": jieba.lcut, "without HMM": by_dictionary}
rows = []
for name, split in ways.items():
    known = {token for zh in chinese for token in split(zh)}
    lines = [split(zh) for zh in chinese_test]
    new = np.mean([token not in known for line in lines for token in line])
    rows.append((name, len(known), np.mean([len(line) for line in lines]), new))
from_chinese = BytePairEncoder.train(chinese, 6000)
cutters = [("bytes", BytePairEncoder()), ("BPE from speeches", encoder)]
for size in (2000, 6000):
    part = BytePairEncoder(from_chinese.merges[: size - 256])
    cutters.append(("BPE from these strings", part))
for name, some in cutters:
    rows.append(
        (name, len(some), np.mean([len(some.encode(z)) for z in chinese_test]), 0)
    )
Table(rows, {"tokens": "", "entries": ",", "tokens a line": ".1f", "unknown": ".1%"})

# %% [markdown]
# Chinese characters are a far better alphabet than English letters: not two thousand of them write nearly
# all of these strings, a line is about twice as long as in words, and very few are new in the test, but many of
# the words. Li and colleagues {cite:p}`li2019word` trained networks on characters and on words for four
# tasks, and characters won; they blame the unknown and the rare words.
#
# An encoder that has learnt from English does next to nothing here. It has no merge for Chinese bytes, and
# each character costs three tokens. (The strings hold Latin names, too.) Whoever pays by the token pays for that;
# with real tokenizers Petrov and colleagues {cite:p}`petrov2023language` found the same text up to fifteen times as
# long in one language as in another. Trained on Chinese, byte pairs find first characters and then words, and phrases,
# too, since no space stops them. *Failed to start authentication flow* is the first line:

# %%
print(shown(from_chinese.encode(chinese_test[1]), from_chinese))
longest = sorted(from_chinese.tokens, key=len)[-3:]
print([token.decode() for token in longest])
halves = [i for i in range(256, 6000) if "\ufffd" in from_chinese.decode([i])]
print(f"{len(halves)} merges begin or end inside a character, such as", end=" ")
print(f"{from_chinese.tokens[halves[0]]}, as text {from_chinese.decode(halves[:1])}")

# %% [markdown]
# Four words, four tokens. But a merge knows nothing of characters, and some tokens are two thirds of one: the
# two bytes with which many begin. In an encoded text this does no harm, but a model that *writes* tokens can
# stop in the middle of a character.
#
# The library that many multilingual models use is [SentencePiece](https://github.com/google/sentencepiece)
# {cite:p}`kudo2018sentencepiece`. It takes a line as it is, spaces included, so that Chinese needs no cutting first,
# and offers BPE and, as its default, another way to a vocabulary: the *Unigram* model {cite:p}`kudo2018subword`. That
# begins with far too many pieces, gives each a probability, calls a cut as probable as the product of its pieces, and
# throws out, a share of them at a time (here half), the pieces without which the corpus loses least.

# %% tags=["atol=0.2"]
unigram = Tokenizer(models.Unigram())
options = {"special_tokens": ["<unk>"], "unk_token": "<unk>", "show_progress": False}
trainer = trainers.UnigramTrainer(vocab_size=6000, shrinking_factor=0.5, **options)
unigram.train_from_iterator(chinese, trainer)
lines = [unigram.encode(zh).tokens for zh in chinese_test]
print(f"{np.mean([len(line) for line in lines]):.1f} tokens a line, such as")
print(lines[1])

# %% [markdown]
# The length is about that of BPE with as many entries. Having probabilities, it can also *draw* a cut, another one
# each time the text is read, which made Kudo's translations better. It works on characters, and so needs an
# `<unk>`, or bytes for what it does not know, which SentencePiece offers as an option.
#
# > **Pitfall.** Decode all ids of a text together. Decoded one by one, the parts of a character come out as
# > �, the sign for bytes that are no text.
#
# ## Sentences in a rectangle
#
# A network computes on many sentences at once, on a tensor of shape `(batch, length)`, and sentences differ
# in length. So the short ones are filled up with `<pad>`: *padding* (填充). `pad` returns the rectangle, and
# each sentence's real length.

# %%
from scratch.text import pad

vocabulary = Vocabulary.from_tokens(words_of_rest)
batch = ["the state of the union is strong", "thank you", "god bless america"]
rows = [vocabulary.encode(tokenize(text)) for text in batch]
ids, lengths = pad(rows, pad_id=vocabulary.pad_id)  # (batch, length), (batch,)
print(ids)
print(lengths)

# %% [markdown]
# From the lengths one gets the *mask* (掩码), which says of each place $t$ of each sentence $n$ of the batch
# whether there is a token,
#
# $$
# m_{nt} = \begin{cases} 1 & \text{if } t \le T_n, \\ 0 & \text{otherwise,} \end{cases}
# $$ (eq-tokens-mask)
#
# where $T_n$ is the length of sentence $n$ and places count from 1. PyTorch fills up in the same way, but
# does not tell the lengths.

# %%
import torch
from torch.nn.utils.rnn import pad_sequence

from scratch.text import mask

inside = torch.arange(ids.shape[1]) < lengths[:, None]  # (batch, length), t from 0
print(inside.int())
tensors = [torch.tensor(row) for row in rows]
theirs = pad_sequence(tensors, batch_first=True, padding_value=vocabulary.pad_id)
alike = torch.equal(mask(lengths), inside) and torch.equal(ids, theirs)
print("the helper's mask and PyTorch's rectangle are the same:", alike)
everything = [i for row in rows for i in row]
print("under the mask stand all tokens and no pad:", ids[inside].tolist() == everything)

# %% [markdown]
# In this book a mask is `True` where there is something. Keep it, or the lengths, with the ids: what a network
# computes at the pads must not get into its answer. Pads also cost time. How much of the rectangle
# is waste?

# %%
sizes = np.array([len(s) for s in held_out["speeches"]])
shuffled = np.random.default_rng(0).permutation(sizes)
for name, order in (("shuffled", shuffled), ("sorted by length", np.sort(sizes))):
    blocks = np.array_split(order, len(order) // 32)  # batches of 32 or 33
    places = sum(len(block) * block.max() for block in blocks)
    print(f"{name}, {1 - sizes.sum() / places:.0%} of all places are pads")

# %% [markdown]
# Batches of sentences of similar length waste next to nothing, and are less random.
#
# ## Pitfalls
#
# > **Pitfall: two texts that look the same.** Unicode has é as one character, and also as e with an accent
# > that is put on top. They look alike; for a vocabulary they are two words. *Normalise* (规范化) the text
# > first, in training and in use: the form NFC has the one character, NFD the two.

# %%
import unicodedata

one, two = "café", unicodedata.normalize("NFD", "café")
print(f"{one} has {len(one)} characters, {two} has {len(two)}; equal: {one == two}")
print("equal after NFC:", one == unicodedata.normalize("NFC", two))

# %% [markdown]
# > **Pitfall: the space belongs to the next token.** *union* at the beginning of a line and *union* after a
# > space have different ids, and a space left at the end of a line becomes a token of its own.

# %%
odd = ("union", " union", "Union", "the union ")
rows = [(repr(text), str(shown(encoder.encode(text)))) for text in odd]
Table(rows, {"text": "", "tokens": ""})

# %% [markdown]
# Our corpus has no capital letters, so *Union* falls apart further.
#
# > **Pitfall: numbers are cut where habit has it.** Merges follow frequency, not place value. Here an
# > encoder has seen many square numbers:

# %%
squares = BytePairEncoder.train([" ".join(str(n * n) for n in range(1000))], 320)
numbers = ("1234", "1235", "12345", "1764", "17640")
cuts = ["|".join(shown(squares.encode(" " + n), squares)).strip() for n in numbers]
Table(zip(numbers, cuts, strict=True), {"number": "", "pieces": ""})

# %% [markdown]
# *1234* is cut after the thousands and *1764* after the hundreds; and *12345* begins with the tokens of *1234*, each
# worth ten times as much there. Singh and Strouse {cite:p}`singh2024tokenization` made large models add better merely
# by having the digits grouped from the right. Letters are hidden as well: a model that gets the one id of *union* is
# nowhere told that there are two *n*'s in it.
#
# > **Pitfall: BPE is greedy.** It makes the merges in the order in which they were learnt and takes none back, even
# > where the same tokens could write the word in fewer pieces (exercise 3). *WordPiece*, which BERT uses, differs in
# > both halves. It learns the merge after which a language model of the tokens, trained on the corpus, finds it most
# > probable {cite:p}`schuster2012japanese`; which model, the paper does not say, and the simplest gives each token
# > its share of all. And it [cuts a word](https://github.com/google-research/bert/blob/master/tokenization.py) by
# > taking the longest piece that fits, from the left.
#
# ## So, how does text become numbers?
#
# By a list, and by a rule for cutting text into its entries. A list of words makes short sentences
# and is never complete; a list of bytes is complete and makes long ones; merges lead from the second
# towards the first. From here on the book mostly uses words.
#
# ## Check yourself
#
# **1. A text follows Zipf's law with slope −1, and its most frequent word stands 60,000 times. How often does the
# word of rank 300 stand, roughly?**
#
# - **A** 59,700 times.
# - **B** 200 times.
# - **C** 10,500 times.
# - **D** Less than once.
#
# <details><summary>Answer</summary>
#
# - **A ✗** This subtracts the rank. The law divides by it: ten times further down the list, words are ten times as
#   rare.
# - **B ✓** Times and rank have a constant product, and $60{,}000 / 300 = 200$.
# - **C ✗** This divides by $\ln 300$. Logarithms are on the axes of the plot, not in the law.
# - **D ✗** This divides by the square of the rank. That is a slope of −2, as among the rarest words.
#
# </details>

# %% [markdown]
# **2. `vocabulary = Vocabulary.from_tokens(["c", "a", "b", "a"])`. What does `vocabulary.encode(["c", "a", "x"])`
# return?**
#
# - **A** `[2, 0, 3]`
# - **B** `[4, 5, 1]`
# - **C** `[6, 4, 7]`
# - **D** `[6, 4, 1]`
#
# <details><summary>Answer</summary>
#
# - **A ✗** Ids begin with the four special tokens, so that no word has an id below 4. And *x* gets no id of its own.
# - **B ✗** Here words are numbered as they come. They are numbered by frequency: *a* stands twice and is first.
# - **C ✗** `encode` never makes the list longer. What it does not know is `<unk>`.
# - **D ✓** After the four special tokens come *a*, then *b* and *c* in alphabetical order, as each stands once; *x*
#   is `<unk>`, whose id is 1.
#
# </details>

# %% [markdown]
# **3. A corpus holds *pit* 4 times, *pin* 3 times and *tin* 5 times. Which two merges does BPE learn first?**
#
# - **A** `in`, which stands 8 times, then `tin`, 5 times.
# - **B** `in`, which stands 8 times, then `pi`, 7 times.
# - **C** `tin`, the most frequent word, then `pit`.
# - **D** `pi`, which stands 7 times, then `ti`, 5 times.
#
# <details><summary>Answer</summary>
#
# - **A ✓** After the first merge *pin* is `p` `in`, so that `p` `i` is left only in *pit*, 4 times; `t` `in` stands
#   5 times.
# - **B ✗** That was the count before the first merge, which took three of the seven away.
# - **C ✗** A merge joins two symbols. At first these are letters, so that no first merge can make three of them.
# - **D ✗** `in` is in *pin* and in *tin*, together 8 times, which is more than 7.
#
# </details>

# %% [markdown]
# **4. An encoder has learnt two merges, first *b c* and then *a b*. How does it cut *abcab*?**
#
# - **A** `ab|c|ab`
# - **B** `abc|ab`
# - **C** `a|bc|ab`
# - **D** `a|bc|a|b`
#
# <details><summary>Answer</summary>
#
# - **A ✗** This goes from left to right and takes what fits. The order of the merges decides: *b c* was learnt first,
#   and leaves *a* alone.
# - **B ✗** There is no token `abc`. It would take a third merge, of *a* and *bc*.
# - **C ✓** First *b c* is merged wherever it stands, then *a b*, which is left only at the end.
# - **D ✗** Each merge is made everywhere that it applies, and the second applies to the last two letters.
#
# </details>

# %% [markdown]
# **5. A byte-level encoder was trained on plain English, and has never seen *é* or *猫*. How many tokens does it make
# of the text *é猫*?**
#
# - **A** One, `<unk>`, for both together.
# - **B** Two, and both are `<unk>`.
# - **C** Six, since a character beyond ASCII takes three bytes.
# - **D** 5, and none is unknown.
#
# <details><summary>Answer</summary>
#
# - **A ✗** There is no `<unk>` in such an encoder: its alphabet is all the bytes, seen or not.
# - **B ✗** That is what a list of words or characters would give.
# - **C ✗** In UTF-8 *é* takes two bytes, Chinese characters nearly always three.
# - **D ✓** Two bytes for *é*, three for *猫*. It has no merge for them, as they did not occur, but it has the bytes.
#
# </details>

# %% [markdown]
# **6. You keep the first tenth of an encoder's merges, and throw the others away. What do you have?**
#
# - **A** An encoder with holes, since some tokens need merges that are gone.
# - **B** What a tenth of the training steps would have given.
# - **C** A worse encoder than one trained to that size.
# - **D** An encoder that needs an `<unk>` for rare words.
#
# <details><summary>Answer</summary>
#
# - **A ✗** A merge joins two tokens that existed before it. The early ones need nothing that comes later.
# - **B ✓** Each step depends on the corpus and on the steps before it, never on how many are to come.
# - **C ✗** Training to that size makes the same choices in the same order, so that it ends with the same merges.
# - **D ✗** The bytes are still there, and with them everything can be written, only longer.
#
# </details>

# %% [markdown]
# **7. Why may a language model go on worse when its prompt ends with a space?**
#
# - **A** A space has no id of its own and becomes `<unk>`.
# - **B** A space counts as padding, and the mask hides the end of the prompt.
# - **C** The last token is a lone space, and in training a word seldom followed one: its token has the space in it.
# - **D** The tokenizer drops the space, and the model cannot know that a new word begins.
#
# <details><summary>Answer</summary>
#
# - **A ✗** A space is a byte, and bytes are in the alphabet.
# - **B ✗** Pads are put behind a sentence after it has been turned into ids; no text is one.
# - **C ✓** The space was cut off from the word that it belongs to. The likely next token, such as `" union"`, would
#   bring a second space.
# - **D ✗** Nothing is dropped: decoding gives the text back, the space at its end too.
#
# </details>

# %% [markdown]
# **8. Sentences of 3, 1 and 4 tokens are padded to a rectangle. How much of it is pads?**
#
# - **A** 3 of 12 places.
# - **B** 4 of 12 places.
# - **C** 8 of 12 places.
# - **D** None that matters, since a pad's id is 0 and zeros cost nothing.
#
# <details><summary>Answer</summary>
#
# - **A ✗** This forgets that the first sentence is filled up, too, by one place.
# - **B ✓** Three sentences of the greatest length, 4, have 12 places, and 8 of them hold tokens.
# - **C ✗** These are the places with tokens: what the mask says is there.
# - **D ✗** The id 0 is looked up and computed on like any other, and takes as long.
#
# </details>

# %% [markdown]
# ## Exercises
#
# *Write it yourself first.* Replace `raise`, run the cell, and read where to look:

# %%
from scratch import check


class Mine:
    def __init__(self, merges):  # [(id, id), …], the first makes id 256
        self.merges = merges

    def encode(self, text):  # -> list of ids
        raise NotImplementedError

    def decode(self, ids):  # -> text
        raise NotImplementedError


print(check.tokenizer(Mine))

# %% [markdown]
# > **Exercise 1 (pencil, hard, 30 minutes).** Show that two merges never make the same string of bytes, so that an
# > encoder with $k$ merges has exactly $256 + k$ different tokens.
# >
# > *Hint: suppose that one merge made $s$, and that later two tokens $a$, $b$ with $ab = s$ stand side by
# > side. No merge has ever crossed the ends of this $s$. How would it have fared as a word of its own?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Suppose that an earlier merge has made the token $s$, and that now two tokens $a$, $b$ with $ab = s$ stand side by
# side somewhere. We look at the bytes of this $s$ alone, and at all merges so far.
#
# *No merge has crossed an end of these bytes.* Tokens only grow. Had one ever reached over the left or the right end,
# there would be no border between tokens there now, and there is one.
#
# *So each merge did with these bytes what it does with a word that is $s$ and nothing else.* For a merge of two
# different symbols that is clear, since its pairs do not overlap. For a merge of $x$ and $x$ one might fear that in a
# run of $x$'s, which pair up from the left, an $x$ before $s$ shifts the pairs. But then some pair would cross an end
# of $s$.
#
# The same holds at the place where $s$ was first made, up to the moment when it was made. There the word $s$ had
# become one token with that merge. Hence the word $s$ is one token now, as single tokens are not cut again. But at
# our place it is two, $a$ and $b$. The two cannot both be, so no merge makes $s$ a second time. A single byte is not
# made by any merge, either, and $256 + k$ tokens are different.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
different = len(set(encoder.tokens))
print(f"{different:,} different tokens from {len(encoder.merges):,} merges")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** Suppose that the word of rank $r$ stands $\lfloor M / r \rfloor$
# > times in a text, with a large number $M$: Zipf's law with $\alpha = 1$, rounded down. Show that then about the
# > share $1 / (k(k+1))$ of all different words stand exactly $k$ times. How do the speeches and the Wikipedia
# > articles compare?
# >
# > *Hint: for which ranks is $k \le M/r < k + 1$? And which is the last rank at all?*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# A word stands exactly $k$ times if $k \le M/r < k + 1$, that is, if
#
# $$
# \frac{M}{k+1} < r \le \frac{M}{k} .
# $$
#
# There are about $M/k - M/(k+1) = M/(k(k+1))$ such ranks. The last word that stands at all has rank $M$, so there are
# $M$ different words, and the share is $1/(k(k+1))$: a half stand once, a sixth twice, a twelfth three times.
#
# In both corpora fewer stand once, and far fewer in the speeches: their rare words fall off more steeply than $1/r$.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
rows = [("expected", *(1 / (k * (k + 1)) for k in (1, 2, 3)))]
for name, corpus in (("speeches", speeches), ("Wikipedia", wikipedia)):
    times = np.array(list(Counter(w for s in corpus for w in s).values()))
    rows.append((name, *((times == k).mean() for k in (1, 2, 3))))
columns = dict.fromkeys(("once", "twice", "three times"), ".0%")
Table(rows, {"words that stand": ""} | columns)

# %% [markdown]
# > **Exercise 3 (code, medium, 25 minutes).** How greedy is BPE? For the different words of the held-out speeches,
# > compare the number of tokens that `encoder` makes with (a) the longest token that fits, again and again, from the
# > left, and (b) the smallest number of tokens that can write the word at all.
# >
# > *Hint: for (b), let* `best[j]` *be the smallest number for the first* $j$ *bytes; it is* `1 + best[i]` *for
# > some* $i < j$ *such that bytes* $i$ *to* $j$ *are a token.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# `longest_first` tries all beginnings of the word, takes the longest that is a token, and goes on with the rest.
# `fewest` fills a list: a cut of the first $j$ bytes into as few tokens as possible ends with some last token, from
# byte $i$ to $j$, and what stands before it must be cut into as few as possible, too, which takes `best[i]`.
#
# BPE seldom wastes a token, and never beats the fewest. Taking the longest piece, as WordPiece does, is a
# little better on this count, and sometimes worse.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
tokens = set(encoder.tokens)


def longest_first(word):
    if not word:
        return 0
    fits = max(j for j in range(1, len(word) + 1) if word[:j] in tokens)
    return 1 + longest_first(word[fits:])


def fewest(word):
    best = [0]
    for j in range(1, len(word) + 1):
        best.append(1 + min(best[i] for i in range(j) if word[i:j] in tokens))
    return best[-1]


different = sorted({" " + w for s in held_out["speeches"] for w in s})
bpe = np.array([len(encoder.encode(w)) for w in different])
rows = []
for rule in (longest_first, fewest):
    other = np.array([rule(w.encode()) for w in different])
    rows.append((rule.__name__, (other < bpe).mean(), (other > bpe).mean()))
Table(rows, {"rule": "", "fewer than BPE": ".1%", "more than BPE": ".1%"})

# %% [markdown]
# > **Exercise 4 (code, easy, 15 minutes).** The rule that no merge crosses a space is a decision. What would BPE
# > learn without it? Try it on 1,000 sentences.
# >
# > *Hint: put a letter that the corpus lacks, and that is one byte as a space is, where the spaces are: `X`.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# With `X` for the space, a sentence is one run of letters, which is never cut before merging. Phrases become tokens,
# and sentences are hardly shorter. But many tokens are the end of one word and the beginning of the next: frequent,
# and no unit of anything.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
sentences = rest[:: len(rest) // 1000]
for name, sign in (("as usual", " "), ("across spaces", "X")):
    some = BytePairEncoder.train([sign.join(s) for s in sentences], 256 + 600)
    new = held_out["speeches"][:500]
    length = np.mean([len(some.encode(sign.join(s))) for s in new])
    print(f"{name}, {length:.1f} tokens a sentence")
across = [t.decode() for t in some.tokens[256:] if t.count(sign.encode()) > 1]
print(len(across), "of 600 merges hold two borders of words, such as", *across[-3:])

# %% [markdown]
# > **Exercise 5 (open, medium, 30 minutes).** Two languages share 2,000 entries. Who pays? Train on English and
# > Chinese strings in different proportions, and measure the tokens per test string in both. What would be fair?
# >
# > *Hint: a test string says the same in both.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# Entries go where the text is. A little Chinese nearly halves its price, and English hardly notices. Fair could mean
# equal tokens for equal meaning, or equal loss against an encoder of one's own, and the two do not agree. Whoever
# chooses the corpus chooses.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
rows = []
for a, b in ((1, 0), (10, 1), (1, 1), (1, 10), (0, 1)):
    pairs = train[::4]  # a quarter of them is enough
    some_english = [en for en, _ in pairs[: len(pairs) * a // max(a, b)]]
    some_chinese = [zh for _, zh in pairs[: len(pairs) * b // max(a, b)]]
    both = BytePairEncoder.train(some_english + some_chinese, 2000)
    costs = [np.mean([len(both.encode(pair[k])) for pair in test]) for k in (0, 1)]
    rows.append((f"{a} : {b}", *costs))
columns = dict.fromkeys(("tokens an English string", "a Chinese string"), ".1f")
Table(rows, {"English : Chinese": ""} | columns)

# %% [markdown]
# ## You have
#
# - cut text into words, characters and bytes, and seen by Zipf's law that a list of words has no end;
# - numbered words with a `Vocabulary`, and measured what it does not know: little in the same speeches,
#   more in later ones, a lot in a dictionary;
# - learnt merges by hand and with `BytePairEncoder`, eight thousand of them equal to those of `tokenizers`;
# - found that subwords travel at a moderate price from speeches to a dictionary, and at three tokens a
#   character to Chinese;
# - padded sentences to a rectangle, with lengths and a mask.
#
# ## Further reading
#
# - R. Sennrich, B. Haddow and A. Birch, [Neural machine translation of rare words with subword
#   units](https://aclanthology.org/P16-1162/), 2016: Algorithm 1 is Python.
# - A. Radford and colleagues, [Language models are unsupervised multitask
#   learners](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
#   2019, section 2.2.
# - K. Bostrom and G. Durrett, [Byte pair encoding is suboptimal for language model
#   pretraining](https://aclanthology.org/2020.findings-emnlp.414/), 2020: against greed.
# - L. Xue and colleagues, [ByT5](https://arxiv.org/abs/2105.13626), 2022: a model that reads bytes.
