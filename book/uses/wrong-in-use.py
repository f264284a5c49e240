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
# # Wrong in use: the museum's second wing
#
# In April 2025 the library *peft* [mended a bug](https://github.com/huggingface/peft/pull/2489) in how it merges what a
# layer has learnt into its bias: a factor was missing. There had been tests, and they had passed. The factor is a
# quotient of two settings, and by default both are 8. The tests missed it, its mender writes, since that makes the
# factor 1.
#
# The [first wing](../encoder/wrong-on-purpose.ipynb) of this museum shows encoders with wrong parts. This one shows
# what goes wrong once an encoder is put to use: when it is trained to write, when its work is scored, when data are
# split, when it learns to search, when it learns anew. **Which test would have noticed?** None of the eight
# exhibits raises an error, and half of them make some number look *better*. Each was met in public code, by its
# readers or its authors.
#
# **You will**
#
# - find a loss that rewards padding, a decoder that reads what it is to write, and a beam that likes silence;
# - score the same translations four times, and get four BLEUs;
# - see a Chinese sentence score 0 against itself;
# - count how many test sentences a random split has already shown to the training;
# - learn from each of them what a test must vary to be a test.
#
# **You need** [translation](translation.ipynb), [question answering](question-answering.ipynb) and
# [fine-tuning](fine-tuning.ipynb), at least in outline, and from the first wing the idea of a check. The chapter runs
# in about 10 seconds on one processor core.

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
# ## A check and two versions
#
# As in the first wing, a *check* is a function `check(version, seed)` that is true if the version is right, and an
# exhibit is a check with two versions, a wrong one and a mended one. A check is either a *law*, which needs no right
# answer ("what follows the end of a text must not matter"), or it asks an *oracle* (测试预言) that has one.

# %%
import random
from collections import namedtuple

import torch

torch.set_default_dtype(torch.float64)  # rounding stays far below what we look for
WORDS, museum, Exhibit = 50, {}, namedtuple("Exhibit", "check wrong mended")


def exhibit(name, check, wrong, mended):
    museum[name] = Exhibit(check, wrong, mended)
    verdicts = ["passes" if check(version) else "caught" for version in (wrong, mended)]
    print(f"{check.__name__}: wrong {verdicts[0]}, mended {verdicts[1]}")


def generator(seed):
    return torch.Generator().manual_seed(seed)


# %% [markdown]
# ## Room 7: Learning to write
#
# ### Exhibit 20: The loss counts the padding
#
# Targets of different lengths are padded to the longest, and a plain cross-entropy asks for every place, pads
# included. A model of molecules was [mended](https://github.com/DaoyuanLi2816/Molecule-Generator/pull/20) of this in
# 2026: its sequences were mostly padding, so that it spent most of its loss on learning to write pads. It can be had
# for nothing: after the first pad there is always another one. So the loss looks *lower* than it is.
#
# The law: append padding to a batch, with any scores there, and the loss stays what it was.

# %%
from torch.nn.functional import cross_entropy, pad


def wrong(scores, targets):  # (batch, steps, words), (batch, steps)
    return cross_entropy(scores.mT, targets)


def mended(scores, targets):
    return cross_entropy(scores.mT, targets, ignore_index=0)


def padded_further(loss, seed=0):
    scores = torch.randn(3, 10, WORDS, generator=generator(seed))
    targets = torch.randint(1, WORDS, (3, 6), generator=generator(seed))
    targets[1, 4:] = targets[2, 2:] = 0
    short = loss(scores[:, :6], targets)
    return bool(torch.isclose(loss(scores, pad(targets, (0, 4))), short))


exhibit("loss over padding", padded_further, wrong, mended)

# %% [markdown]
# How much of a loss would speak of pads? In the [translation](translation.ipynb) chapter's random batches, most of it;
# in batches of sentences of like length, nearly nothing. A tidy loader makes the bug invisible, until somebody
# shuffles.
#
# > **Pitfall.** The mend has traps of its own. Where a batch, or a step of a loop over the decoder, has no target but
# > padding, its mean is $0/0$, and PyTorch [returns NaN](https://github.com/pytorch/pytorch/issues/70348), on purpose:
# > sum the losses, and divide once by the number of tokens. And `cross_entropy` wants scores. The decoder of PyTorch's
# > chatbot tutorial ends in a softmax, to which its own loss is fitted. A reader put `CrossEntropyLoss` with
# > `ignore_index` in the place of that loss, and the model [did not
# > converge](https://github.com/pytorch/tutorials/issues/663). A softmax of a softmax is reason enough: its scores lie
# > between 0 and 1, so that the loss stays above $\ln(1 + (V-1)/e)$, less than 1 below a blind guess (question 8).
#
# ### Exhibit 21: The decoder reads what it is to write
#
# A decoder is trained on the right text all at once: before it guesses token $t$, it is given the tokens before
# $t$. If the input is not shifted by one place against the target, it is given token $t$ itself. A reader of a
# small Transformer for translation [saw](https://github.com/IpsumDominum/Pytorch-Simple-Transformer/issues/3),
# without being sure of the cause, a loss that "allows model to fit very quickly", and a model that could not write
# a German sentence of its own. (The target must be shifted, or a mask is missing: exhibits 9 and 10 of the first
# wing have a language model's two ways to cheat.)
#
# The law: the scores for token $t$ do not depend on token $t$, nor on what follows.

# %%
from scratch.decoder import EncoderDecoder, TransformerDecoder
from scratch.encoder import TransformerEncoder


def wrong(model, ids, target):  # (batch, length), (batch, steps)
    return model(ids, None, target)


def mended(model, ids, target):
    return model(ids, None, pad(target[:, :-1], (1, 0), value=2))  # 2 is <bos>


def blind_to_what_comes(version, seed=0):
    torch.manual_seed(seed)
    sizes = (WORDS, 16, 1, 2)  # width, layers, heads
    model = EncoderDecoder(
        TransformerEncoder(*sizes), TransformerDecoder(*sizes)
    ).eval()
    ids, target, other = torch.randint(4, WORDS, (3, 2, 6), generator=generator(seed))
    scores = version(model, ids, target)  # (batch, steps, words)
    for t in range(6):
        changed = torch.cat([target[:, :t], other[:, t:]], 1)
        if not torch.allclose(version(model, ids, changed)[:, t], scores[:, t]):
            return False
    return True


exhibit("reads its target", blind_to_what_comes, wrong, mended)

# %% [markdown]
# A second check costs nothing: compare the training loss with what the model writes.
#
# ### Exhibit 22: A beam that likes silence
#
# A beam search keeps the texts with the largest probability, and the probability of a text is a product: every
# further token makes it smaller. So the search prefers short texts. Then "it should tend to find a shorter
# sequence, right?", [asked](https://github.com/batra-mlp-lab/visdial/issues/5) a reader of a dialogue model, and
# the answer was yes: they had tried to divide by the length as well, which was better by some measures and worse by
# others. The better the search, the worse: for more than half of the sentences of a news test set, the text to
# which a strong translation model gave the highest probability of all was the *empty* one
# {cite:p}`stahlberg2019nmt`. What saves us is that a narrow beam does not find it.
#
# The oracle is a model whose right text we know, since we make it up. At each place it gives 0.7 to the right token, and
# 0.2 to the end, as if it doubted whether more should come. The empty text has 0.2. The right one, of $n$ tokens, has
# $0.7^n$ times what the end has then. At which $n$ is silence more probable?

# %%
from scratch.search import beam_search
from scratch.table import Table

EOS = 3


class Doubter:
    """Knows its text, and would stop at any place with probability 0.2."""

    def __init__(self, text):
        self.text = [*text, EOS]

    def start(self, ids, lengths):
        return {"place": torch.zeros(len(ids), dtype=torch.long)}

    def step(self, tokens, state):
        p = torch.full((len(tokens), WORDS), 0.1 / (WORDS - 2))
        p[:, EOS] = 0.2
        p[range(len(tokens)), torch.tensor(self.text)[state["place"]]] = 0.7
        return p.log(), {"place": (state["place"] + 1).clamp(max=len(self.text) - 1)}


# %%
def wrong(model, ids):
    return beam_search(model, ids, None, max_length=20, width=4)


def mended(model, ids):
    return beam_search(model, ids, None, max_length=20, width=4, length_penalty=1.0)


def writes_its_text(search, seed=0):
    rng = random.Random(seed)
    text = [rng.randrange(4, WORDS) for _ in range(rng.randrange(5, 10))]
    return search(Doubter(text), torch.tensor([[1]])) == [text]


exhibit("beam without length", writes_its_text, wrong, mended)
rows = []
for n in (1, 2, 3, 4, 6, 9):
    doubter, ids = Doubter(range(4, 4 + n)), torch.tensor([[1]])
    written = (len(search(doubter, ids)[0]) for search in (wrong, mended))
    rows.append((n, 0.7 ** (n + 1), *written))
columns = {"tokens of the text": "d", "its probability": ".3f"}
Table(rows, columns | {"written, plain": "d", "with length": "d"})

# %% [markdown]
# From the row on in which the text's probability falls below 0.2, the plain beam falls silent. Dividing the
# logarithm of the probability by $((5 + l)/6)^\alpha$, where $l = n + 1$ counts the end, too, and $\alpha = 1$
# here, is one mend {cite:p}`wu2016google`. It is no law, only a rule of thumb with a number to choose: the chapter
# on [translation](translation.ipynb) measures where a beam helps, with it and without. But there is a check for
# every model: print the mean length of what is written beside that of the references, for widths of 1, 5 and 20.
#
# ## Room 8: Scores
#
# ### Exhibit 23: Two BLEUs in one table
#
# BLEU counts runs of words, and what a word is depends on who cuts. Somebody evaluated one system with the two
# scripts of one toolkit, got two scores, and [asked](https://github.com/moses-smt/mosesdecoder/issues/186) how
# anybody was then to compare with a paper. One answer, by its author, was a program that cuts by itself, always in
# the same way, and prints how: sacreBLEU {cite:p}`post2018call`. Here are translations into French from which words
# have been lost, scored by the same formula over four kinds of words.

# %%
import sacrebleu

from scratch.corpora import load_pairs
from scratch.metrics import bleu


def damaged(seed):
    """200 French texts with some of their words lost, and the texts."""
    rng = random.Random(seed)
    texts = rng.sample([target for _, target in load_pairs("en-fr")[0]], 200)
    lost = [" ".join(w for w in text.split() if rng.random() < 0.8) for text in texts]
    return lost, texts


def words_by(name, texts):
    cut = sacrebleu.BLEU(tokenize=name).tokenizer
    return [cut(text).split() for text in texts]


lost, texts = damaged(0)
scores = {
    "at spaces": bleu(*([t.split() for t in side] for side in (lost, texts))),
    "13a": bleu(*(words_by("13a", side) for side in (lost, texts))),
    "intl": bleu(*(words_by("intl", side) for side in (lost, texts))),
    "characters": bleu(*(words_by("char", side) for side in (lost, texts))),
}
Table(scores.items(), {"words cut": "", "BLEU": ".1f"})

# %% [markdown]
# Nobody has translated better or worse between the lines of this table (*13a* and *intl* are sacreBLEU's names for
# two sets of rules). A table whose rows were cut in different ways measures the cutting. The check is sacreBLEU's
# own score of the texts as they are; the wrong version cuts at spaces.


# %%
def wrong(lost, texts):
    return bleu([text.split() for text in lost], [text.split() for text in texts])


def mended(lost, texts):
    return bleu(words_by("13a", lost), words_by("13a", texts))


def sacrebleu_of_texts(version, seed=0):
    lost, texts = damaged(seed)
    return abs(version(lost, texts) - sacrebleu.corpus_bleu(lost, [texts]).score) < 1e-9


exhibit("BLEU of other words", sacrebleu_of_texts, wrong, mended)

# %% [markdown]
# ### Exhibit 24: ROUGE does not read Chinese
#
# ROUGE counts the words that a summary shares with a reference. The most used package for it finds its words by
# putting a space for everything but the letters a to z and digits. Of a Chinese text nothing is left, and it scores
# 0 against anything, itself included: [reported](https://github.com/huggingface/evaluate/issues/465) for Chinese,
# and for [Nepali](https://github.com/huggingface/evaluate/issues/256), and mended again and again since by those
# who met it. French is hurt more quietly: *été* becomes the one letter *t*.
#
# The law is the simplest there is: a text is its own best summary.

# %%
import re

from scratch.metrics import rouge


def wrong(text):
    return re.findall("[a-z0-9]+", text.lower())


def mended(text):
    return re.findall(r"[\u4e00-\u9fff]|(?:(?![\u4e00-\u9fff])\w)+", text.lower())


def itself_scores_1(words, seed=0):
    texts = random.Random(seed).sample(
        [target for _, target in load_pairs("en-zh")[0]], 20
    )
    texts += ["L'été dernier", "log-in 2 files", "没有 Wi-Fi"]
    return all(rouge(words(text), words(text))["rouge1"] == 1 for text in texts)


exhibit("ROUGE of Chinese", itself_scores_1, wrong, mended)
for text in ("L'été dernier", "重新认证成功", "没有 Wi-Fi"):
    print(text, "|", wrong(text), "|", mended(text))

# %% [markdown]
# The mend takes each Chinese character for a word, and runs of other letters and digits for words. It is a choice, and
# belongs beside the score, as in exhibit 23. The law would have passed on English texts alone, and on French ones, too:
# a text without its accents is still like itself. What a law is tried on decides what it can find.
#
# ## Room 9: Data
#
# ### Exhibit 25: A split that has been seen
#
# Nobody tests on purpose on what was trained on. It comes in by copies: a data set whose training split
# [held](https://github.com/huggingface/datasets/issues/4261) pairs of the test split; variants of one drawing, turned
# by a degree, [on both sides](https://github.com/yogeshhk/MidcurveNN/issues/34) of a random split. Our strings were
# written integration by integration, a brand of lamp, a weather service, and often from a template. Two splits: at
# random, and with each integration on one side.

# %%
from scratch.corpora import load_integrations

strings = [p for part in load_pairs("en-zh") for p in part]
groups = [group for part in load_integrations("en-zh") for group in part]


def wrong(groups, seed):
    """Whether each string is for the test."""
    rng = random.Random(seed)
    return [rng.random() < 0.1 for _ in groups]


def mended(groups, seed):
    rng = random.Random(seed)
    chosen = {group: rng.random() < 0.1 for group in sorted(set(groups))}
    return [chosen[group] for group in groups]


def no_group_on_both_sides(split, seed=0):
    test = split(groups, seed)
    sides = (
        {g for g, t in zip(groups, test, strict=True) if t is side}
        for side in (True, False)
    )
    return not set.intersection(*sides)


exhibit("split that leaks", no_group_on_both_sides, wrong, mended)

# %% [markdown]
# Does it matter? We count the test strings that are at most one word away from a training string: equal when one
# word is dropped from each, or from one of them. (By this count any two strings of a single word are one word
# apart: read the distance of the two shares rather than the shares.)


# %%
def nearly(text):
    """The text's words, and all that is left when one of them is dropped."""
    words = tuple(text.lower().split())
    return {words} | {words[:i] + words[i + 1 :] for i in range(len(words))}


rows = []
for name, split in (("at random", wrong), ("by integration", mended)):
    test = split(groups, 0)
    seen = set()
    for (source, _), held in zip(strings, test, strict=True):
        if not held:
            seen |= nearly(source)
    asked = [source for (source, _), held in zip(strings, test, strict=True) if held]
    rows.append(
        (name, len(asked), sum(bool(nearly(s) & seen) for s in asked) / len(asked))
    )
Table(rows, {"split": "", "test strings": ",d", "nearly seen": ".0%"})

# %% [markdown]
# By integration there are copies, too, of phrases that every integration needs, *Failed to connect*. They will come
# up in use as well, so they belong in the test; what the random split adds is its own making.
#
# ### Exhibit 26: A negative that is a positive
#
# The contrastive loss takes the other keys of a batch for wrong answers. If two questions of the batch have the same
# answer, each is told that the other's is wrong. A user with 200,000 questions on 70,000 texts, in batches of 32,000,
# [asked](https://github.com/huggingface/sentence-transformers/issues/3189) what happens then; in a maintainer's
# understanding it can inhibit training, and he pointed to a sampler that keeps copies apart. One can also mask them.
# The law compares two encoders. The *perfect* one puts each question exactly on its answer, and different answers at
# right angles. The *petty* one gives every pair a direction of its own, whatever it says. No loss should prefer the
# second.

# %%
from scratch.contrastive import info_nce


def wrong(
    queries, keys, answers
):  # (n, d), (n, d), (n,) the number of each one's answer
    return info_nce(queries, keys, temperature=0.05)


def mended(queries, keys, answers):
    scores = queries @ keys.T / 0.05  # (n, n), for vectors of length 1
    same = answers[:, None] == answers
    scores = scores.masked_fill(same & ~torch.eye(len(same)).bool(), -torch.inf)
    return cross_entropy(scores, torch.arange(len(same)))


def perfect_is_not_beaten(loss, seed=0):
    answers = torch.randint(10, (32,), generator=generator(seed))
    perfect, petty = torch.eye(10)[answers], torch.eye(32)  # (32, …)
    return bool(loss(perfect, perfect, answers) <= loss(petty, petty, answers) + 1e-6)


exhibit("negative is positive", perfect_is_not_beaten, wrong, mended)

# %% [markdown]
# How much does the perfect encoder pay? If a batch holds an answer $m$ times, each of its questions finds $m$ keys
# equally good, and pays $\ln m$. Of $n$ questions and $A$ answers, each as likely as the other, $n - 1$ may share a
# question's answer, each with probability $1/A$: $m - 1$ is binomial, and the mean of $\ln m$ a sum.

# %%
from math import comb, log

rows = []
for n in (32, 128):
    for A in (10, 100, 1000, 10_000):
        p = [comb(n - 1, k) * A**-k * (1 - 1 / A) ** (n - 1 - k) for k in range(n)]
        rows.append((n, A, sum(p[k] * log(1 + k) for k in range(n))))
Table(rows, {"batch": "d", "answers": ",d", "least loss": ".3f"})

# %% [markdown]
# With ten answers, such as the names of ten digits, the loss cannot come near zero; with ten thousand it hardly
# matters. And it grows with the batch, which is otherwise the way to make contrastive learning better.
#
# But is what cannot be had away also harmful? Not always. Where the answers are *the same text*, no encoder can be
# petty with them: one text has one vector. Then $\ln m$ is a constant, and the gradient is that of a sound loss
# (exercise 4). Harm is done where the answers are alike and not the same: two passages that both explain it, two
# pictures of one name. Those an encoder can tell apart, and here it is paid for it. A sampler that looks for equal
# strings removes the harmless kind.
#
# ## Room 10: Learning anew
#
# ### Exhibit 27: LoRA without its scale
#
# A layer with LoRA answers $Wx + \frac{\alpha}{r} BAx$. When training is over, the product is added into $W$, and the
# factor must go with it. In a program that makes videos it [did not](https://github.com/hao-ai-lab/FastVideo/pull/870):
# whenever $\alpha$ and $r$ differed, the learnt change came out with the wrong strength. The oracle is the layer
# itself, before it is merged.

# %%
from torch import nn

from scratch.lora import LoRA


def wrong(layer):
    return layer.linear.weight + layer.B @ layer.A


def mended(layer):
    return layer.linear.weight + layer.scale * layer.B @ layer.A


def merged_as_before(merge, seed=0, rank=4, alpha=8):
    torch.manual_seed(seed)
    layer = LoRA(nn.Linear(6, 5, bias=False), rank, alpha)
    nn.init.normal_(layer.B)  # as if it had learnt
    x = torch.randn(3, 6)
    return torch.allclose(x @ merge(layer).T, layer(x))


exhibit("LoRA without scale", merged_as_before, wrong, mended)
sizes = [(4, 4), (8, 8), (4, 8), (8, 4), (2, 16)]
rows = [
    (r, a, "passes" if merged_as_before(wrong, rank=r, alpha=a) else "caught")
    for r, a in sizes
]
Table(rows, {"r": "d", "α": "d", "the wrong version": ""})

# %% [markdown]
# The check is the same in every row. With $\alpha = r$ it is blind, which is how the bug got into a library with
# tests. They now have $\alpha \ne r$, with a line that says why. The same holds for the others: padding shows where
# lengths differ, silence where texts are long, a cut where there is punctuation, a leak where there are groups, a
# false negative where something comes twice, an alphabet where there is another one. *A test that varies nothing
# tests one point.*
#
# ## The wing at a glance
#
# Each exhibit once more, with three other seeds.

# %%
rows = []
for name, (check, wrong_one, mended_one) in museum.items():
    caught = not any(check(wrong_one, seed) for seed in (1, 2, 3))
    passes = all(check(mended_one, seed) for seed in (1, 2, 3))
    verdicts = "caught" if caught else "MISSED", "passes" if passes else "FAILS"
    rows.append((name, check.__name__, *verdicts))
Table(rows, dict.fromkeys(("exhibit", "check", "wrong", "mended"), ""))

# %% [markdown]
# All eight are caught with every seed, and all mends pass.
#
# ## Check yourself
#
# **1. A loss with padding in it falls faster than a sound one. Why?**
#
# - **A** The pads' gradients point in the same direction as those of the words, and the steps get longer.
# - **B** After the first pad there is always another: a sure guess, which counts.
# - **C** It divides by fewer places.
# - **D** Pads have the row of zeros, so that their scores are zero.
#
# <details><summary>Answer</summary>
#
# - **A ✗** They have nothing in common that we know of. It is the mean that is lowered.
# - **B ✓** A sure guess costs next to nothing, and in shuffled batches most places can be of that kind.
# - **C ✗** It divides by more places: all of them.
# - **D ✗** Scores are those of what is *guessed*; an input row of zeros makes them neither zero nor cheap.
#
# </details>

# %% [markdown]
# **2. The doubter gives 0.7 to the right token at each place of a text of $n$ tokens, 0.7 to the end after it, and 0.2 to the
# end before. From which $n$ on does an exact search return the empty text?**
#
# - **A** 1
# - **B** 2
# - **C** 3
# - **D** 4
#
# <details><summary>Answer</summary>
#
# - **A ✗** $0.7^2 = 0.49$: the text of one token, and the end, is far more probable than 0.2.
# - **B ✗** $0.7^3 = 0.343$ is still more than 0.2.
# - **C ✗** $0.7^4 = 0.24$: just above.
# - **D ✓** $0.7^5 = 0.168 < 0.2$.
#
# </details>

# %% [markdown]
# **3. A paper reports BLEU 31 on text in lower case that was cut by its authors' own script. You get 29 with sacreBLEU on the text
# as it is. What follows?**
#
# - **A** Nothing about the two systems yet.
# - **B** Your system is worse by two points.
# - **C** The systems are equal: two points are within the noise.
# - **D** Yours is better, since lower case is easier.
#
# <details><summary>Answer</summary>
#
# - **A ✓** The cut alone moved the score in our table by more than that; lower case is a change of words, too.
# - **B ✗** The difference may be that of the scripts.
# - **C ✗** How large the noise is, is another question, and has an answer: a bootstrap over the test texts.
# - **D ✗** Lower case may make *scores* larger. By how much, and against what else, is not known.
#
# </details>

# %% [markdown]
# **4. You score Chinese summaries, and every ROUGE is 0.00. Which is the quickest test of the scorer?**
#
# - **A** Score an English summary with it.
# - **B** Train longer, and see whether it rises.
# - **C** Score a reference against itself.
# - **D** Score a reference against another reference.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It works, and tells you nothing about Chinese.
# - **B ✗** It will not, and it will take a night.
# - **C ✓** Anything but 1 is the scorer's fault.
# - **D ✗** Two references may share no word, rightly.
#
# </details>

# %% [markdown]
# **5. In a batch of 4 questions three have the same answer. What is the least loss of InfoNCE (not masked) that a perfect encoder
# can have, at a low temperature?**
#
# - **A** 0
# - **B** $\tfrac34 \ln 3 = 0.82$
# - **C** $\ln 3 = 1.10$
# - **D** $\ln 4 = 1.39$
#
# <details><summary>Answer</summary>
#
# - **A ✗** So it would be if each question had an answer of its own, or if copies were masked.
# - **B ✓** Three of the four pay $\ln 3$ each, the fourth nothing; the loss is the mean.
# - **C ✗** Three of the questions pay this, not all four.
# - **D ✗** That is the loss of an encoder that knows nothing, with all scores equal.
#
# </details>

# %% [markdown]
# **6. Why is a random split of templated strings misleading?**
#
# - **A** It is unbiased only for large data.
# - **B** Its test set is smaller than that of a split by group.
# - **C** Training and test then come from different distributions, which no model can bridge.
# - **D** It asks about further strings of the *same* groups, not about new ones.
#
# <details><summary>Answer</summary>
#
# - **A ✗** More data make it worse: the copies get more.
# - **B ✗** It can be as large as you like.
# - **C ✗** On the contrary: they are alike to the template.
# - **D ✓** For a user with a new lamp it answers the wrong question, and too well.
#
# </details>

# %% [markdown]
# **7. A test of merged LoRA weights has rank 8, $\alpha = 8$ and $B = 0$, as after initialisation. Which bugs can it find?**
#
# - **A** A missing scale.
# - **B** A product that is subtracted where it should be added.
# - **C** A weight $W$ that is lost or changed.
# - **D** All of these.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It would be 1 if it were there.
# - **B ✗** With $B = 0$ the product is zero, and so is its negative.
# - **C ✓** And nothing else: the product is zero, whatever is done to it.
# - **D ✗** To see the other two, $B$ must have learnt something; for the scale, $\alpha$ must not be $r$ either.
#
# </details>

# %% [markdown]
# **8. A decoder ends in a softmax over 10,000 words, and its output is given to `cross_entropy`. A blind guess has the loss
# $\ln 10{,}000 = 9.21$. How low can the loss fall, at best?**
#
# - **A** 0.00
# - **B** 8.21
# - **C** 1.00
# - **D** 9.21: it has no gradient.
#
# <details><summary>Answer</summary>
#
# - **A ✗** That takes a score far above all others. Here the best is 1 against zeros.
# - **B ✓** The right word has $e^1$ in the second softmax and each other $e^0$: $\ln(e + 9999) - 1$.
# - **C ✗** That is how far it can fall, not where it arrives.
# - **D ✗** It has one, and learns a little: which is why nobody suspects the loss.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** A batch has targets of 3, 5 and 12 tokens. What share of the places are
# > pads? A model guesses pads with a loss of 0 and tokens with a mean loss of 4. What does the wrong loss say, and what
# > the mended one?
# >
# > *Hint: three rows of twelve places.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Of $3 \cdot 12 = 36$ places $3 + 5 + 12 = 20$ hold tokens and 16 pads, $4/9$. The wrong loss is $4 \cdot 20/36 \approx
# 2.22$, the mended one 4. The perplexities are $e^{2.22} \approx 9.2$ and $e^4 \approx 54.6$: a model that looks six times as
# sure.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
sizes = torch.tensor([3.0, 5, 12])
share = 1 - sizes.sum() / (3 * sizes.max())
print(f"pads: {share:.3f}, wrong loss: {4 * (1 - share):.2f}, mended: 4.00")
print(f"perplexities: {(4 * (1 - share)).exp():.1f} and {torch.tensor(4.0).exp():.1f}")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 15 minutes).** The doubter's text has $n$ tokens. With the length penalty of exhibit 22, $\alpha = 1$, for
# > which $n$ does the right text win over the empty one? Is there an $n$ at which it loses?
# >
# > *Hint: a text of $n$ tokens and the end has $n + 1$, the empty one has 1. Compare $(n + 1)\ln 0.7$ divided by
# > $(6 + n)/6$ with $\ln 0.2$.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# The right text is judged by $6\,(n + 1) \ln 0.7 / (n + 6)$, the empty one by $\ln 0.2 \approx -1.61$, since its
# divisor is $(5 + 1)/6 = 1$. As $n$ grows, $(n + 1)/(n + 6)$ rises towards 1, and the first falls towards $6 \ln
# 0.7 \approx -2.14$. They cross where $6\,(n + 1) \cdot 0.357 = 1.609\,(n + 6)$, at $n \approx 14.2$: texts of up
# to 14 tokens win, longer ones lose. The penalty has moved the end of the trouble, and not taken it away. Dividing
# by the length itself, $n + 1$, would: then the right text has $\ln 0.7$ a token, at every length.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
for n in (13, 14, 15, 16):
    found = beam_search(Doubter([7] * n), torch.tensor([[1]]), None, 30, 4, 1.0)[0]
    print(f"{n} tokens: {len(found)} written")

# %% [markdown]
# > **Exercise 3 (code, medium, 20 minutes).** Exhibit 25 counts strings that are nearly the same in *English*. Count, for both splits, the
# > test strings whose Chinese translation, letter by letter, is also that of some training string. What does
# > each of the two counts say of a translation memory?
# >
# > *Hint: a set of the training targets.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# The second says how often a memory could be right to the letter: it answers with a translation that it holds. That
# is seldom, under both splits. But BLEU pays for parts, too, and of these the first count says more: who finds a
# long source that is one word away has most of the translation right.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
rows = []
split = museum["split that leaks"]
for name, version in (("at random", split.wrong), ("by integration", split.mended)):
    test = version(groups, 0)
    known = {target for (_, target), t in zip(strings, test, strict=True) if not t}
    asked = [target for (_, target), t in zip(strings, test, strict=True) if t]
    rows.append((name, sum(target in known for target in asked) / len(asked)))
Table(rows, {"split": "", "translation among the training's": ".0%"})

# %% [markdown]
# > **Exercise 4 (code, hard, 30 minutes).** In a batch $m$ keys are the same text, so they have one vector. Show that InfoNCE is then
# > a sound loss, that of choosing among texts and not among rows, plus $\ln m$, and has its gradient. Then give the copies
# > vectors of their own and start at the perfect encoder. Is there a gradient? Is there a way down?
# >
# > *Hint: the right text's probability is the sum over its rows. A point without a gradient may be a saddle.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# Of $m$ equal rows each has the same probability, $P/m$, if $P$ is that of their text. InfoNCE is $-\ln (P/m) = -\ln P +
# \ln m$, and $\ln m$ does not depend on any vector. With vectors of their own, the perfect encoder has no gradient either: what pushes a
# copy away from one question pulls it to the other, and by symmetry nothing moves. But it is a saddle. A small step apart,
# each copy with its own question, lowers the loss, and the next gradient leads further down that way.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
row_loss = museum["negative is positive"].wrong
answers = torch.randint(10, (32,), generator=generator(0))
same, keys = answers[:, None] == answers, torch.eye(10)[answers]  # (32, 32), (32, 10)
queries = torch.randn(32, 10, generator=generator(1)).requires_grad_()
p = (nn.functional.normalize(queries, dim=1) @ keys.T / 0.05).softmax(1)  # (32, 32)
of_texts = -(p * same).sum(1).log().mean()
of_rows = row_loss(queries, keys, answers)
apart = torch.isclose(of_rows - of_texts, same.sum(1).log().mean())
g = [
    torch.autograd.grad(it, queries, retain_graph=True)[0] for it in (of_texts, of_rows)
]
print("ln m apart:", bool(apart), "/ the same gradient:", torch.allclose(*g))

perfect = keys.clone().requires_grad_()
start = row_loss(perfect, perfect, answers)
(moves,) = torch.autograd.grad(start, perfect)
aside = keys + 0.1 * torch.randn(
    32, 10, generator=generator(2)
)  # each pair its own way
down = row_loss(aside, aside, answers) < start
print("perfect: a gradient", bool(moves.norm() > 1e-6), "/ a way down", bool(down))

# %% [markdown]
# > **Exercise 5 (open, medium, 40 minutes).** Choose a test of your own code, or of a library's, and name what it
# > does not vary: lengths, orders, scales, alphabets, copies, devices. Break the code so that the test still
# > passes. As a start: which decoders of exhibit 21's kind would pass if all sentences in the check had one token?
# >
# > *Hint: for one token, what is there to be blind to?*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# The check of exhibit 21 changes the token that is to be written *and* all that follow. With one token it still
# finds the unshifted input. What it no longer finds is a decoder that sees further ahead only, past the token to be
# written: for that, it takes at least two tokens. The code adds such a glance to sound scores and tries both.
#
# </details>


# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
def ahead(model, ids, target):
    """A sound shift, and scores that are moved by the token after the next."""
    later = pad(target[:, 1:], (0, 1))  # (batch, steps)
    return museum["reads its target"].mended(model, ids, target) + later[:, :, None]


for steps in (1, 2):
    target, other = torch.randint(4, WORDS, (2, 2, steps), generator=generator(1))
    model = EncoderDecoder(
        TransformerEncoder(WORDS, 16, 1, 2), TransformerDecoder(WORDS, 16, 1, 2)
    )
    first = [
        ahead(model.eval(), torch.ones(2, 3).long(), t)[:, 0] for t in (target, other)
    ]
    print(f"target of {steps}: passes {torch.allclose(*first)}")

# %% [markdown]
# ## You have
#
# - caught a loss over padding, a decoder that reads its target and a silent beam, each by a law or a model made up for it;
# - scored one set of translations in four ways, and read why a score is a number *and* a signature;
# - found a scorer that gives a text 0 against itself;
# - counted what a random split gives away, and what a split by group leaves;
# - seen eight tests that bite, and for each of them the variation without which it would not.
#
# ## Further reading
#
# - F. Stahlberg and B. Byrne, [On NMT search errors and model errors: cat got your tongue?](https://arxiv.org/abs/1908.10090), 2019: what
#   an exact search finds.
# - M. Post, [A call for clarity in reporting BLEU scores](https://aclanthology.org/W18-6319/), 2018.
# - S. Kapoor and A. Narayanan, [Leakage and the reproducibility crisis in machine-learning-based
#   science](https://arxiv.org/abs/2207.07048), 2023: how often, and in how many ways.
# - The [first wing](../encoder/wrong-on-purpose.ipynb), for bugs of encoders and of training.
