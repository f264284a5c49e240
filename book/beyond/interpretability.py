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
# # Interpretability: what does it know, and can it be steered?
#
# *The laws … not broken.* What is missing is *are*, and *the law* would ask for *is*. Our masked model of the
# chapter [contextual](../input-layer/contextual.ipynb) gets such verbs right more often than not. Yet it has never
# seen an *s*. A word reaches it as a number, *law* as one and *laws* as another, and nothing in the input says that
# the two belong together, or that *laws* has anything in common with *cities*.
#
# So somewhere among its vectors there must be something like a plural. Or must there? **What does it know, and can it
# be steered?** The question has three parts that are easily taken for one. Can *we read* the plural from a vector?
# Does *the model* read it there? And what happens if we *change* it? This chapter asks them in this order, and
# each answer is held against one that chance would have given.
#
# **You will**
#
# - train probes on two encoders, layer by layer, and find out how much a probe has learnt by heart;
# - take a direction out of a vector, and see in one layer everything change and in another nothing;
# - steer a guess along a direction, beside 100 random directions of the same length, and see what else breaks;
# - silence attention heads one by one;
# - deal a reader's attention weights out anew, and find weights that deceive.
#
# **You need** the two language models of the chapter contextual, the Transformer's heads, additive attention, and
# intervals by the bootstrap. The chapter runs in about 50 seconds on one processor core.

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
# ## Labels that cost nothing
#
# We need nouns with their number (数), singular or plural. The dictionary that this book carries does not say which
# words are nouns, but company does: a noun often stands after *the*. So take every word whose plural, by the rules
# of spelling, is in the models' vocabulary, too; keep the pair if both forms often enough follow *the*, and if the
# verbs after them agree more often than not. (That shuts out *people are*.)

# %%
from scratch.agreement import agreements, noun_pairs, nouns
from scratch.contextual import held_out, pretrained
from scratch.corpora import load

bilm, masked, vocabulary = pretrained()
sentences = load("english")
pairs = noun_pairs(sentences, vocabulary.counts)
held = [s for s in sentences if held_out(s) and len(s) <= 40]
found = sorted(nouns(held, pairs), key=lambda noun: len(held[noun.sentence]))
words = [pairs[noun.pair][noun.plural] for noun in found]
print(f"{len(pairs)} pairs:", *("/".join(pair) for pair in pairs[5::120]))
print(f"{len(found):,} uses in sentences that the models have not been trained on")

# %% [markdown]
# Each use gives a vector in each layer. The BiLM has three: the table's row, and two layers of LSTM states, forward
# and backward side by side; the masked model has four, its normalised input and three blocks.

# %%
import torch

from scratch.text import pad


def encode(words):
    return [vocabulary.bos_id, *vocabulary.encode(words), vocabulary.eos_id]


@torch.no_grad()
def states(model, sentences, where, after=0):
    """Each layer's vectors at these nouns, or `after` them: (layers + 1, n, dim)"""
    parts = []
    for i in range(0, len(where), 100):
        rows = where[i : i + 100]
        ids, lengths = pad([encode(sentences[noun.sentence]) for noun in rows])
        at = torch.tensor([noun.place + 1 + after for noun in rows])  # after <bos>
        if after:
            ids[torch.arange(len(ids)), at] = masked.mask_id
        parts.append(model.layers(ids, lengths)[:, torch.arange(len(ids)), at])
    return torch.cat(parts, 1)


# %% [markdown]
# A third of the *pairs* we put aside, *city* with *cities*: what is said about them will be said about new words.
# Of the uses of the others seven in ten are for training.

# %%
y = torch.tensor([noun.plural for noun in found])  # (n,)
generator = torch.Generator().manual_seed(0)
fresh = torch.randperm(len(pairs), generator=generator)[: len(pairs) // 3]
new = torch.isin(torch.tensor([noun.pair for noun in found]), fresh)
luck = torch.rand(len(found), generator=generator)
train, seen = ~new & (luck < 0.7), ~new & (luck >= 0.7)
for name, part in {"training": train, "test": seen, "new words": new}.items():
    print(f"{name}: {part.sum()} uses, {y[part].double().mean():.2f} of them plural")

# %% [markdown]
# ## Can we read it?
#
# A *probe* (探针) is a classifier that is given one vector $\mathbf{h} \in \mathbb{R}^d$ of a finished model, and
# nothing else. The model is frozen. We take the simplest, for $C$ classes,
#
# $$
# \begin{aligned}
# p(c \mid \mathbf{h}) &= \mathrm{softmax}(W\mathbf{h} + \mathbf{b})_c , \\
# L &= -\sum_{i=1}^{n} \ln p(c_i \mid \mathbf{h}_i) + \frac{\lambda}{2} \lVert W \rVert^2 ,
# \end{aligned}
# $$ (eq-in-probe)
#
# with $W \in \mathbb{R}^{C \times d}$ and $\mathbf{b} \in \mathbb{R}^C$. The penalty $\lambda$ keeps the weights
# small. $L$ is convex, so there is one best probe and no chance in finding it. The helper finds it by L-BFGS, a
# method that takes all vectors in each step; so does scikit-learn's logistic regression. Of two rows of
# $W$ only the difference matters; scikit-learn keeps that alone, and so its $\lambda$ is half of ours.

# %%
from sklearn.linear_model import LogisticRegression

from scratch.probe import fit_probe

H = states(masked, held, found)  # (4, n, 128)
x = H[0] / H[0][train].square().mean().sqrt()  # entries of size 1
ours = fit_probe(x[train], y[train], penalty=10.0)
theirs = LogisticRegression(C=2 / 10, tol=1e-8, max_iter=1000).fit(x[train], y[train])
probabilities = torch.from_numpy(theirs.predict_proba(x)).float()
print("as scikit-learn:", torch.allclose(ours(x).softmax(1), probabilities, atol=1e-3))
print(f"right about new words: {(ours(x).argmax(1) == y)[new].double().mean():.2f}")

# %% [markdown]
# That is high, in the input layer already: the word vectors lie so that one plane tells most plurals from their
# singulars, words among them that the probe has never met. But let us not be rash. A probe with enough weights
# can learn anything about words that it has met, by heart.
#
# ## What has been learnt by heart?
#
# Hewitt and Liang {cite:p}`hewitt2019designing` found a way to measure that. A *control task* (对照任务) gives each
# word a label at random, and keeps it: *laws* may be 0 and *cities* 1, wherever they stand. There is nothing to
# know here but the word itself. A probe that is right about control labels has learnt a list. The *selectivity*
# (选择性) of a probe is
#
# $$
# \mathrm{selectivity} = \mathrm{accuracy}_{\text{task}} - \mathrm{accuracy}_{\text{control}} .
# $$ (eq-in-selectivity)
#
# Only words from the training can be used for it: of a word that it has not met nobody can know a random label. For
# a label that belongs to the word, as number does, there is the other way, too: ask about new words. We do both, in
# each layer, five times with other control labels and other training uses, and with a third encoder beside the two:
# one of the same make that was *never trained*. What a probe can do there it does alone.

# %%
import numpy as np

from scratch.contextual import BiLM, MaskedLM
from scratch.probe import control_labels, per_type


def shares(right, where):
    """The share of right answers for each word of a part: (words,)"""
    chosen = [w for w, inside in zip(words, where.tolist(), strict=True) if inside]
    return per_type(chosen, right[where].float())


def judged(x, seed, hidden=0, penalty=10.0):
    """Word by word: the task, the control task, the task for new words."""
    generator = torch.Generator().manual_seed(seed)
    part = train & (torch.rand(len(x), generator=generator) < 0.8)
    x, c = x / x[part].square().mean().sqrt(), control_labels(words, y, seed)
    real = fit_probe(x[part], y[part], 2, hidden, penalty, 50, seed)
    listed = fit_probe(x[part], c[part], 2, hidden, penalty, 50, seed)
    right, by_heart = real(x).argmax(1) == y, listed(x).argmax(1) == c
    return shares(right, seen), shares(by_heart, seen), shares(right, new)


# %% tags=["atol=0.02"]
from scratch.metrics import crossed_interval
from scratch.table import Table

torch.manual_seed(0)
V = len(vocabulary)
models = {"BiLM": bilm, "BiLM, untrained": BiLM(V, 128), "masked": masked}
models["masked, untrained"] = MaskedLM(V + 1, 128, num_layers=3, heads=4).eval()
rows, kept = [], {}
for name, model in models.items():
    kept[name] = H if model is masked else states(model, held, found)
    for layer, x in enumerate(kept[name]):
        runs = zip(*(judged(x, seed) for seed in range(5)), strict=True)
        task, control, unseen = map(np.array, runs)  # (seeds, words) each
        ends = crossed_interval(task - control)
        rows.append((name, layer, task.mean(), control.mean(), *ends, unseen.mean()))
columns = {"encoder": "", "layer": "d", "task": ".2f", "control": ".2f"}
columns |= {"selectivity, from": "+.2f", "to": "+.2f", "new words": ".2f"}
Table(rows, columns)

# %% [markdown]
# Look at the untrained encoders first. On words that it has met, a probe is right about the number more often than
# always saying *singular* would be, from vectors that nothing has ever been taught. It is about as good at the
# control task, and about new words it can say nothing. (In the upper layers of the untrained BiLM, where neighbours
# have been mixed in, a little selectivity is left, and the last column says that it is worth nothing.) Whoever
# prints the first column alone has measured a list.
#
# The trained encoders are another matter: the intervals of their selectivity lie well above 0, and the last column
# shows why. What is read from them holds for words that the probe has not met. In the BiLM's table nearly every
# plural lies on its side of the plane. In the masked model the share falls from the input to the first block, and
# stays. And the two ways of asking agree.
#
# How strong may a probe be? Give it a hidden layer:

# %% tags=["atol=0.03"]
rows = []
for hidden in (0, 4, 64):
    task, control, unseen = (part.mean() for part in judged(H[0], 0, hidden, 1.0))
    rows.append((hidden, task, control, task - control, unseen))
columns = {"hidden units": "d", "task": ".2f", "control": ".2f"}
Table(rows, columns | {"selectivity": ".2f", "new words": ".2f"})

# %% [markdown]
# It gains next to nothing on the task and becomes almost as good at reciting. Linear probes were the more selective
# for Hewitt and Liang, too, at tagging parts of speech.
#
# > **Pitfall.** "A probe finds the plural in layer 3 with 85%, so the model knows the plural there." A probe shows
# > that something *can be read*, by this probe, from this vector. It does not show that the model reads it. A
# > probe's accuracy need not go with what the model needs for its own task {cite:p}`elazar2021amnesic`. The next
# > section has a case.
#
# ## Does the model read it?
#
# To know what a thing is for, take it away. A direction $\mathbf{u} \in \mathbb{R}^d$ of length 1 is taken out of a
# vector, or a vector $\mathbf{v} \in \mathbb{R}^d$ put in, by
#
# $$
# \begin{aligned}
# \mathbf{h}' &= \mathbf{h} - (\mathbf{h}^\top \mathbf{u})\, \mathbf{u} , \\
# \mathbf{h}' &= \mathbf{h} + \mathbf{v} .
# \end{aligned}
# $$ (eq-in-change)
#
# After the first, $\mathbf{h}'^\top \mathbf{u} = 0$, and all that stands at right angles to $\mathbf{u}$ is as it
# was. The layers above go on with $\mathbf{h}'$.

# %% mystnb={"image": {"alt": "From below, word ids enter a box, layers 1 to l. The vector h leaves it upwards into a sum, and from there the layers above, out of which comes a guess. On the right a box, the probe, is fed by h, says singular or plural, and has no way back. On the left a change, minus h dot u times u, or plus v, enters the sum."}, "figure": {"caption": "A probe reads a vector and leaves it as it is. A change writes into it, and the rest of the model computes with what it finds.", "name": "fig-in-probe"}}
from scratch import diagrams

diagrams.probe_and_change()

# %% [markdown]
# Which direction is *the* plural? Two are at hand. The probe's own is $\mathbf{w}_1 - \mathbf{w}_0$, along which
# its score for the plural gains most. The other is the difference of the means, from the singulars' to the
# plurals'. They need not agree. A probe is free to lean away from what disturbs it, as long as that helps to tell
# the classes apart, so what reads best is not what was written {cite:p}`marks2023geometry`. We fit both to the
# words for training.

# %%
from torch.nn.functional import normalize


def directions(x):
    """The difference of the means, and the probe's direction, as long: (d,) each"""
    a, b = x[~new], y[~new]
    difference = a[b == 1].mean(0) - a[b == 0].mean(0)
    scale = a.square().mean().sqrt()
    u = fit_probe(a / scale, b, penalty=10.0).direction()
    return difference, u * difference.norm()


fitted = [directions(x) for x in H]
cosines = [f"{normalize(a, dim=0) @ normalize(b, dim=0):.2f}" for a, b in fitted]
print("cosine of the two, layer by layer:", *cosines)

# %% [markdown]
# Now the exam. We look for sentences in which a noun, of the pairs put aside, is followed by *is, was, has* or
# *are, were, have*, hide the verb, and ask by how much the three plural verbs are likelier than the three singular
# ones,
#
# $$
# m = \ln \frac{p(\textit{are}) + p(\textit{were}) + p(\textit{have})}{p(\textit{is}) + p(\textit{was}) + p(\textit{has})} .
# $$ (eq-in-leaning)
#
# The *gap* is the mean of $m$ after plural nouns less its mean after singular ones.

# %%
chosen = [a for a in agreements(sentences, pairs, longest=16) if a.pair in fresh]
sides = [[a for a in chosen if a.plural == number] for number in (0, 1)]
exam = [a for side in sides for a in side[: min(map(len, sides))]]
ids, lengths = pad([encode(sentences[a.sentence]) for a in exam])
place, rows = torch.tensor([a.place + 1 for a in exam]), torch.arange(len(exam))
answers = ids[rows, place + 1]
ids[rows, place + 1] = masked.mask_id
swapped = ids.clone()
other = [pairs[a.pair][1 - a.plural] for a in exam]
swapped[rows, place] = torch.tensor(vocabulary.encode(other))
plural = torch.tensor([a.plural == 1 for a in exam])
print(len(exam), "sentences, among them:", *sentences[exam[10].sentence])

# %%
from scratch.lora import opened

opened(masked)  # attention as layers that are called: computes what it did
verbs = [vocabulary.encode(three.split()) for three in ("is was has", "are were have")]


@torch.no_grad()
def guess(ids, at=None):
    """The scores of all words at the hidden verb, or elsewhere: (n, V)"""
    top = masked.layers(ids, lengths)[-1]
    return masked.scores(top[rows, place + 1 if at is None else at])


def leaning(scores):
    one, many = (scores[:, three].logsumexp(1) for three in verbs)
    return many - one  # (n,)


def gap(scores):
    m = leaning(scores)
    return (m[plural].mean() - m[~plural].mean()).item()


# %%
before = guess(ids)
full, flipped = gap(before), gap(guess(swapped))
right = ((leaning(before) > 0) == plural).double().mean()
print(f"the likelier number is the right one in {right:.2f} of cases")
print(f"gap {full:.2f}; with the noun's other form in its place {flipped:.2f}")
print(f"half way between: {(full + flipped) / 2:.2f}", end="; ")
print(f"for each sentence a move of {(full - flipped) / 2:.2f}")

# %% [markdown]
# The number for the other form is our yardstick: it is what changing the noun itself does. The model leans the
# other way then, though not by as much, since the rest of the sentence still speaks for the old number. If the
# model had no idea of *the noun's* number and heard only the rest, the gap would be about half way between.
#
# `changed` puts a change into any part of a model for as long as a `with` lasts. We take the direction out of the
# noun's vector, at one layer at a time, and beside it random directions: 100 of them in the input, 20 in the
# blocks.

# %%
from scratch.hooks import add, changed, random_directions, remove
from scratch.metrics import interval

sites = [masked.norm, *masked.blocks]  # whose outputs are the layers


def without(layer, u):
    with changed(sites[layer], remove(u, place)):
        return gap(guess(ids))


chance = [random_directions(100 if layer == 0 else 20, 128) for layer in range(4)]
left = []
for layer in range(4):
    both = [without(layer, u) for u in fitted[layer]]
    left.append((*both, np.array([without(layer, r) for r in chance[layer]])))

# %% tags=["atol=0.03"]
table = []
for layer, (mean, probe, random) in enumerate(left):
    beaten = int((abs(random - full) < abs(probe - full) - 1e-6).sum())
    told = f"{beaten} of {len(random)}"
    table.append((layer, mean, probe, random.min(), random.max(), told))
columns = {"layer": "d", "means": ".2f", "probe": ".2f", "random, least": ".2f"}
print(f"the gap, where nothing is taken out: {full:.2f}")
Table(table, columns | {"most": ".2f", "probe does more than": ""})

# %% [markdown]
# In the input, taking out one of 128 directions costs the model most of the gap. The means' direction leaves little
# more than what the rest of the sentence is worth, as if the noun had lost its number. No random direction comes
# near. So the model reads the number there, and *along this line*.
#
# In the blocks nothing happens. From the first block's vectors we can read the noun's number nearly as well as
# before, the probes said so, and yet one can take it out and no verb cares. By then the verb's place has already
# fetched it. What is left at the noun is a copy that this question does not need. *Readable is not read.*
#
# (In the last layer it could not be otherwise: nothing above lets places see each other. That the probe's direction
# does more than all random ones in the layers between is true, too, and of no use: look at the size. A rank can be
# significant, and the effect nothing.)
#
# And the BiLM? What reads forward in it guesses the verb at the noun's own place, from the words so far. So nothing
# needs to be fetched:


# %% tags=["atol=0.04"]
@torch.no_grad()
def next_word(ids):
    """The forward half's scores of the word after the noun: (n, V)"""
    x = bilm.table(ids[:, : int(place.max()) + 1])
    first = bilm.ahead[0](x)[0]
    return bilm.scores((bilm.ahead[1](first)[0] + first)[rows, place])


plain, table = ids.clone(), []
plain[rows, place + 1] = answers
full_bilm = gap(next_word(plain))
for layer, site in enumerate((bilm.table, bilm.ahead[0])):
    rest, chosen = [], directions(kept["BiLM"][layer][:, :128])
    for u in (*chosen, *random_directions(100, 128)):
        with changed(site, remove(u, place)):
            rest.append(gap(next_word(plain)))
    table.append((layer, *rest[:2], min(rest[2:]), max(rest[2:])))
print(f"the gap, where nothing is taken out: {full_bilm:.2f}")
Table(table, dict(list(columns.items())[:4]) | {"most": ".2f"})

# %% [markdown]
# In both layers the direction is read, and no random one comes near.
#
# ## Can it be steered?
#
# Now we put in. A dose of 1 is the whole difference of the means. Steered one way and the other, by the difference
# of the means, by the probe's direction and by 100 random ones of the same length, how far does $m$ move? And what
# else? To know that, hide another word of each sentence in place of the verb, and look whether the model still
# guesses *it*.

# %%
draw = torch.rand(ids.shape, generator=torch.Generator().manual_seed(1))
draw[torch.arange(ids.shape[1]) >= lengths.unsqueeze(1) - 1] = -1  # padding, <eos>
draw[:, 0] = draw[rows, place] = draw[rows, place + 1] = -1  # <bos>, noun, verb
elsewhere = draw.argmax(1)  # (n,): one more place
gapped = ids.clone()
gapped[rows, place + 1] = answers
wanted = gapped[rows, elsewhere]
gapped[rows, elsewhere] = masked.mask_id


@torch.no_grad()
def surprise():
    """The loss at each sentence's other word: (n,)"""
    scores = guess(gapped, elsewhere)
    return torch.nn.functional.cross_entropy(scores, wanted, reduction="none")


def steered(v):
    """By how much m moves, and by how much the other words surprise more: (n,)"""
    with changed(masked.norm, add(v, place)):
        shift = (leaning(guess(ids)) - leaning(before)).mean().item()
        return shift, (surprise() - usual).numpy()


usual = surprise()

# %%
v, w = fitted[0]
doses = (-4, -2, -1, 1, 2, 4)
ours = {dose: (steered(dose * v), steered(dose * w)) for dose in doses}
random = v.norm() * random_directions(100, 128, seed=1)
cloud = [steered(2 * r) for r in random]
most = max(abs(shift) for shift, _ in cloud)
dearest = max(loss.mean() for _, loss in cloud)
print(f"100 random directions at dose 2: |m| moves by at most {most:.2f},", end=" ")
print(f"the loss by {dearest:+.2f}")

# %% tags=["atol=0.05"]
table = []
for dose, ((shift, loss), (shift_2, loss_2)) in ours.items():
    ends = interval(np.mean, loss)
    table.append((dose, shift, loss.mean(), *ends, shift_2, loss_2.mean()))
columns = {"dose": "+d", "means: m by": "+.2f", "loss by": "+.2f", "from": "+.2f"}
Table(table, columns | {"to": "+.2f", "probe: m by": "+.2f", "loss by ": "+.2f"})

# %% mystnb={"image": {"alt": "How far the leaning towards plural verbs moves, against the dose from minus 4 to 4. Two curves, of the means' and of the probe's direction, rise together through 0, a little flatter at the ends. At the doses minus 2 and 2 grey dots show 100 random directions, crowded around 0 far from both curves."}, "figure": {"caption": "How far steering moves $m$, by dose. Grey: 100 random directions, as long as a dose of 2, one sign and the other.", "name": "fig-in-dose"}}
import matplotlib.pyplot as plt

plt.style.use("scratch.book")
figure, axes = plt.subplots(figsize=(5, 3.2))
at = sorted([*doses, 0])
for which, (name, mark) in enumerate({"means": "o", "probe": "s"}.items()):
    moved = [ours[dose][which][0] if dose else 0 for dose in at]
    axes.plot(at, moved, marker=mark, label=name)
shifts = np.array([shift for shift, _ in cloud])
for sign in (-1, 1):
    axes.scatter(np.full(100, 2 * sign), sign * shifts, color="0.5", s=6)
axes.set(xlabel="dose (1: the difference of the means)", ylabel="m moves by")
axes.legend(title="along")
plt.show()

# %% [markdown]
# The curves are what one hopes for: through nothing at dose 0, up with one sign and down with the other, nearly
# straight at first and flatter at the ends. A dose of 1 is nearly what swapping the noun does. At the same length
# no random direction moves $m$ half as far.
#
# The price stands in the columns *loss*. It is not the same on both sides. Towards the singular, even a large dose
# does not make the other words harder to guess, as far as 110 sentences can tell. Towards the plural it does, more
# with each doubling, and at dose 2 by more than the dearest of the random directions: the steered sentence is now
# about several things, and some of its words no longer fit. Whether that counts as damage, or as the effect that we
# asked for, no number decides. And what a dose of 4 does to words in other sentences and at other places, nobody
# has looked at. A steering result without such a column is half a result.
#
# ## Heads, one by one
#
# If the number travels from the noun to the verb, attention must carry it. A head can be *silenced*: set its share
# of what enters the last matrix to zero. `without_heads` does that with the attention that `opened` has put in the
# place of PyTorch's own. (PyTorch's reads the weight of that matrix without calling the layer, so a hook there is
# never called, and silently changes nothing. Ours raises an error at the end of the `with` if it was not called.)
# We silence each of the twelve, and look at the gap and at the loss of words hidden in 200 held-out sentences.

# %%
from scratch.contextual import mask_tokens
from scratch.hooks import without_heads

text = sorted(held[:: len(held) // 200][:200], key=len)
batches = [pad([encode(s) for s in text[i : i + 50]]) for i in range(0, 200, 50)]


@torch.no_grad()
def losses():
    """The mean loss of each sentence's hidden words: (sentences,)"""
    generator, parts = torch.Generator().manual_seed(0), []
    for given, n in batches:
        inputs, labels = mask_tokens(given, masked.mask_id, generator)
        scores = masked.scores(masked.layers(inputs, n)[-1]).transpose(1, 2)
        options = {"ignore_index": -1, "reduction": "none"}
        each = torch.nn.functional.cross_entropy(scores, labels, **options).sum(1)
        parts.append((each / (labels >= 0).sum(1))[(labels >= 0).any(1)])
    return torch.cat(parts).double().numpy()


# %% tags=["atol=0.03"]
usual_losses, table = losses(), []
for layer, block in enumerate(masked.blocks):
    for head in range(4):
        with without_heads(block.self_attn, head):
            worse, rest = losses() - usual_losses, gap(guess(ids))
        table.append((layer + 1, head, worse.mean(), *interval(np.mean, worse), rest))
print(f"loss {usual_losses.mean():.2f}, gap {full:.2f}")
columns = {"block": "d", "head": "d", "loss more by": "+.2f", "from": "+.2f"}
Table(table, columns | {"to": "+.2f", "gap": ".2f"})

# %% [markdown]
# Two heads of the first block are the dearest for guessing words at large, and one of these two, without which the
# gap falls furthest, carries much of the number. It fits what the directions said: the number leaves the noun in
# the first block. Most other heads can go, one at a time, at little cost, as others have found in far larger models
# {cite:p}`michel2019sixteen`. One at a time: heads can stand in for each other, and two that each cost nothing may
# cost much together.
#
# ## Does attention explain?
#
# A head's weights are a picture, and it is tempting to read it as a reason: *the model said "animal" because it
# looked at "barks"*. Jain and Wallace {cite:p}`jain2019attention` put this to the test on LSTM readers with one
# additive attention. If the weights are the reason, other weights should give another answer. We train such a
# reader to sort WordNet's definitions into their 25 kinds, as in the chapter on fine-tuning, with
# $\boldsymbol{\alpha}$ the weights over the states of a bidirectional LSTM, and then tamper with
# $\boldsymbol{\alpha}$ alone.

# %%
from torch import nn

from scratch.attention import AdditiveAttention
from scratch.corpora import load_kinds
from scratch.recurrent import LSTM
from scratch.text import mask


class Reader(nn.Module):
    def __init__(self, kinds, dim=32):
        super().__init__()
        self.table = nn.Embedding(len(vocabulary), dim)
        self.lstm = LSTM(dim, dim, bidirectional=True)
        self.query = nn.Parameter(torch.randn(dim) / dim**0.5)
        self.attention = AdditiveAttention(dim, 2 * dim, dim)
        self.head = nn.Linear(2 * dim, kinds)

    def forward(self, ids, lengths):
        H, words = self.lstm(self.table(ids), lengths)[0], mask(lengths, ids.shape[1])
        query = self.query.expand(len(ids), -1)
        return H, self.attention(query, H, words)[1]  # (batch, length, 2 dim), weights

    def answer(self, H, alpha):
        return self.head((alpha.unsqueeze(1) @ H).squeeze(1)).softmax(1)  # (batch, C)


# %%
from scratch.training import fit, random_rows

learn, _, test = load_kinds()
kinds = sorted({kind for _, kind in learn})


def batch(rows):
    ids, lengths = pad([vocabulary.encode(definition[:24]) for definition, _ in rows])
    return ids, lengths, torch.tensor([kinds.index(kind) for _, kind in rows])


def loss(rows):
    ids, lengths, truth = batch([learn[i] for i in rows.tolist()])
    return nn.functional.nll_loss(reader.answer(*reader(ids, lengths)).log(), truth)


torch.manual_seed(0)
reader = Reader(len(kinds))
fit(reader.parameters(), loss, random_rows(20_000, 32, 300), 0.01, clip=1.0)
ids_, lengths_, truth = batch([row for row in test[:300] if len(row[0]) > 1])
with torch.no_grad():
    H_, alpha = reader.eval()(ids_, lengths_)
    answer = reader.answer(H_, alpha)
share = (answer.argmax(1) == truth).double().mean()
print(f"right: {share:.2f}; the largest weight is {alpha.max(1).values.median():.2f}")

# %% [markdown]
# Two distances are needed. How far apart are two answers? The *total variation* (全变差距离), half of the sum of
# $|p_c - q_c|$, is by how much the probability of anything may differ. How far apart are two sets of weights? The
# *Jensen–Shannon divergence*, at most $\ln 2 \approx 0.69$, where they share no word at all. Three ways of tampering:
# deal the weights out anew, at random; make them all equal; and search for weights as different as possible for which
# the answer stays within $\epsilon$ of total variation, the *adversary*.

# %%
from scratch.explanation import (
    adversarial_weights,
    jensen_shannon,
    permuted_weights,
    total_variation,
)

inside = mask(lengths_, ids_.shape[1])
with torch.no_grad():
    dealt = [reader.answer(H_, permuted_weights(alpha, inside, i)) for i in range(100)]
    dealt = torch.stack([total_variation(other, answer) for other in dealt])
    even = reader.answer(H_, inside / lengths_.unsqueeze(1))
    level = total_variation(even, answer)
apart = {}
for epsilon in (0.01, 0.05):
    liars = adversarial_weights(
        lambda w: reader.answer(H_, w), alpha, inside, epsilon, steps=150
    )
    apart[epsilon] = jensen_shannon(liars, alpha)

# %% tags=["atol=0.08"]
table = []
for name, values in {
    "dealt anew: answer moves by": dealt.median(0).values,
    "all equal: answer moves by": level,
    "adversary, answer within 0.01: weights apart by": apart[0.01],
    "adversary, answer within 0.05: weights apart by": apart[0.05],
}.items():
    table.append((name, *np.quantile(values.numpy(), [0.1, 0.5, 0.9])))
print(f"right with equal weights: {(even.argmax(1) == truth).double().mean():.2f}")
Table(table, {"": "", "a tenth below": ".2f", "median": ".2f", "a tenth above": ".2f"})

# %% [markdown]
# For this reader the weights are no mere decoration. Dealt anew they change the typical answer much, and with equal
# weights fewer definitions are sorted right. The typical definition has no adversary either, none at least that our
# search could find: only weights very like the reader's own give the answer to within 0.01. But let the answer move
# by 0.05, a difference that nobody would notice, and there are definitions for which weights that share hardly a
# word with the reader's give the same. The picture of their weights would have told another story of the same
# decision. That such weights can be found is what Jain and Wallace had to say; how often, depends on the reader,
# the task, and on $\epsilon$.
#
# Does that settle it? Wiegreffe and Pinter {cite:p}`wiegreffe2019attention` replied that such weights come from
# nowhere. No trained model has them; they were made for one sentence at a time, with the rest of the model held
# still. They proposed to ask first whether the task needs attention at all (equal weights, above, are a test of
# that); to compare with how much the weights differ between seeds; and to train a whole model that deceives.
# Whether attention explains depends on what one asks of an explanation. That weights are *one* way to the answer
# they can show. That they are *the* reason they cannot.
#
# (One reader, one seed, is what fits here. `benchmarks/interpretability.py` has all of this chapter's experiments
# with five seeds, and encoders trained anew.)

# %% [markdown]
# ## Check yourself
#
# **1. A probe on an untrained encoder names the number of nouns right in 74 of 100 cases, and control labels in 76.
# What is its selectivity?**
#
# - **A** +0.02
# - **B** −0.02
# - **C** +0.24
# - **D** It has none: an untrained encoder cannot be probed.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The sign: the control task is subtracted.
# - **B ✓** 0.74 − 0.76. The probe has learnt words by heart, and nothing else.
# - **C ✗** That is the distance of the task from a half, which says nothing about lists.
# - **D ✗** It can, and should: that is what shows how much a probe does alone.
#
# </details>

# %% [markdown]
# **2. A control task has two labels, equally frequent. A probe is asked about words that it has not met in
# training. How often is it right, on average over control tasks?**
#
# - **A** As often as about words that it has met.
# - **B** Never.
# - **C** 50%
#
# <details><summary>Answer</summary>
#
# - **A ✗** What it learnt there were labels of single words, drawn one by one.
# - **B ✗** To be always wrong, it would have to know the labels.
# - **C ✓** The label of a new word was drawn after nothing that the probe could have seen.
#
# </details>

# %% [markdown]
# **3. $\mathbf{h} = (3, 4)$ and $\mathbf{u} = (0.6, 0.8)$. What is left of $\mathbf{h}$ without $\mathbf{u}$?**
#
# - **A** $(0, 0)$
# - **B** $(2.4, 3.2)$
# - **C** $(3, 0)$
# - **D** $(-2, -1)$
#
# <details><summary>Answer</summary>
#
# - **A ✓** $\mathbf{h} = 5\mathbf{u}$ lies along $\mathbf{u}$, and all of it goes.
# - **B ✗** That takes out $\mathbf{u}$ once, not $(\mathbf{h}^\top\mathbf{u})$ times.
# - **C ✗** That takes out the second axis.
# - **D ✗** That subtracts $\mathbf{h}^\top\mathbf{u} = 5$ from each number.
#
# </details>

# %% [markdown]
# **4. A probe reads the number from the second block at the noun, and taking its direction out there changes no
# verb. What follows?**
#
# - **A** The probe was wrong.
# - **B** For these verbs the model does not read the number there, along this direction.
# - **C** The model has no use for the number of nouns.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It was right about new words. What can be read need not be used.
# - **B ✓** And no more than that: other verbs, places or directions were not tried.
# - **C ✗** In the input the same removal costs most of the gap.
#
# </details>

# %% [markdown]
# **5. The direction that you found moves the output more than each of 100 random ones of the same length. By chance
# alone, how likely would that be?**
#
# - **A** 1/100
# - **B** 1/200
# - **C** 1/101
# - **D** Impossible to say without a normal distribution.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Yours is the 101st.
# - **B ✗** Halving is for two-sided questions of another kind; here sizes are compared.
# - **C ✓** If yours were one more random direction, each of the 101 would be the first equally often.
# - **D ✗** Ranks need none.
#
# </details>

# %% [markdown]
# **6. Weights $(0.7, 0.3)$ and $(0.3, 0.7)$ give a reader the answers $(0.9, 0.1)$ and $(0.6, 0.4)$. The total
# variation of the answers is**
#
# - **A** 0.6
# - **B** 0.3
# - **C** 0.4
# - **D** 0.15
#
# <details><summary>Answer</summary>
#
# - **A ✗** Half of the sum of the differences, not the sum.
# - **B ✓** $(0.3 + 0.3) / 2$.
# - **C ✗** That is of the weights.
# - **D ✗** Half once too often.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 10 minutes).** Show that after the difference of the means of two classes is taken
# > out as a direction, both means are the same. Is a linear probe then bound to fail?
# >
# > *Hint: what is the difference of two means after a linear map?*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Taking out $\mathbf{u}$ is the linear map $P = I - \mathbf{u}\mathbf{u}^\top$, and the mean of mapped vectors is
# the mapped mean. With $\boldsymbol{\mu}_1 - \boldsymbol{\mu}_0 = c\,\mathbf{u}$ the new difference is
# $cP\mathbf{u} = 0$. A linear probe compares a weighted sum with a threshold, and no weighted sum now differs *on
# average*. It may differ in shape, so that a threshold still tells a little; and on the words of the test, whose
# means are their own, there is always a rest.
#
# </details>

# %% cellView="form" tags=["hide-cell", "atol=0.04"]
# @title Solution 1
x = remove(fitted[0][0])(H[0])
a, b = (x[~new][y[~new] == number].mean(0) for number in (0, 1))
print("the means are the same:", torch.allclose(a, b, atol=1e-4))
probe = fit_probe(x[~new] / x.square().mean().sqrt(), y[~new], penalty=10.0)
right = (probe(x[new] / x.square().mean().sqrt()).argmax(1) == y[new]).double().mean()
most = max(y[new].double().mean(), 1 - y[new].double().mean())
print(f"a new probe is right about new words: {right:.2f}; always singular: {most:.2f}")

# %% [markdown]
# > **Exercise 2 (pencil, medium, 10 minutes).** How long is, on average, the part $(\mathbf{h}^\top\mathbf{r})^2$
# > that a random unit direction $\mathbf{r}$ takes out of a vector with $\lVert\mathbf{h}\rVert = 1$ in
# > $\mathbb{R}^d$? Why is it then not quite fair to compare a removal with removals of random directions? What
# > would be fairer?
# >
# > *Hint: sum over an orthonormal basis, one of whose vectors is $\mathbf{r}$.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# Over an orthonormal basis the squares sum to $\lVert\mathbf{h}\rVert^2 = 1$, and a random direction is as good as
# any of the $d$: $1/d$ on average. Vectors vary more along some directions than along others, and ours was chosen
# along one that they vary along. So a removal of ours is a larger change. Fairer rivals are directions that were
# found in the same way without meaning anything: differences of means, or probes, of control tasks. The benchmark
# has 100 of them.
#
# </details>

# %% cellView="form" tags=["hide-cell", "atol=0.05"]
# @title Solution 2
r = random_directions(5000, 128)
h = normalize(H[0][0], dim=0)
print(f"d times the mean: {128 * (r @ h).square().mean():.2f}")
beaten = 0
for seed in range(20):
    c = control_labels(words, y, 1000 + seed)[~new]
    u = H[0][~new][c == 1].mean(0) - H[0][~new][c == 0].mean(0)
    beaten += abs(without(0, u) - full) < abs(left[0][0] - full)
print(f"ours does more than {beaten} of 20 directions of control tasks")

# %% [markdown]
# > **Exercise 3 (code, medium, 15 minutes).** One direction was enough for the verbs. Is it for a probe? Fit a
# > probe, take its direction out, fit another, and so on. How many rounds until a probe is right about new words in
# > fewer than 7 of 10 cases, in the input and in the first block?
# >
# > *Hint: `remove(u)(x)` for all vectors at once, without places.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# More than one. The number is written redundantly, and a model that reads it along one line may leave others
# unread. This is the idea of *iterative null-space projection*, of which amnesic probing makes use.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
for layer in (0, 1):
    x, rounds = H[layer] / H[layer].square().mean().sqrt(), 0
    while rounds < 40:
        probe = fit_probe(x[~new], y[~new], penalty=10.0)
        if (probe(x[new]).argmax(1) == y[new]).double().mean() < 0.7:
            break
        x, rounds = remove(probe.direction())(x), rounds + 1
    print(f"layer {layer}: more than one round: {rounds > 1}")

# %% [markdown]
# > **Exercise 4 (code, medium, 20 minutes).** The number has left the noun by the first block. Find it at the
# > verb's place: fit directions there, on sentences with words for training whose verb is hidden, and take them out
# > there, layer by layer.
# >
# > *Hint: `states(masked, sentences, …, after=1)`, `remove(u, place + 1)`.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# In the input there is nothing to take out at the verb's place, since a hidden verb's vector does not know its
# neighbour. After the first block the number is there, and read: the gap falls as it did at the noun, in the input.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
others = [a for a in agreements(sentences, pairs) if a.pair not in fresh]
others.sort(key=lambda a: len(sentences[a.sentence]))
Z, z = (
    states(masked, sentences, others, after=1),
    torch.tensor([a.plural for a in others]),
)
for layer in (1, 2):
    u = Z[layer][z == 1].mean(0) - Z[layer][z == 0].mean(0)
    with changed(sites[layer], remove(u, place + 1)):
        print(f"layer {layer}: less than half is left: {gap(guess(ids)) < full / 2}")

# %% [markdown]
# > **Exercise 5 (open, hard, 40 minutes).** Choose another property that a direction might carry: tense, for
# > example, *is* against *was*. What would be the labels, what the exam, what the yardstick, and which three rivals
# > would you hold your direction against? Try it.
# >
# > *Hint: the corpora differ in tense: definitions are written in the present.*

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# Labels: the verb that stands there, *is, are, has, have* or *was, were, had*, read at the verb's place where it is
# hidden. The exam: other sentences, and $m$ with these two groups. A yardstick: swap a word that fixes the tense,
# where there is one (*yesterday*). Rivals: random directions, directions of control tasks, and the direction of a
# property that goes along with tense, such as which corpus a sentence is from; if that one does as well, you have
# steered the corpus.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 5
groups = [vocabulary.encode(g.split()) for g in ("is are has have", "was were had")]
tense = torch.tensor(
    [sentences[a.sentence][a.place + 1] in ("was", "were") for a in others]
)
u = Z[2][tense].mean(0) - Z[2][~tense].mean(0)


def past(scores):
    now, then = (scores[:, group].logsumexp(1) for group in groups)
    return (then - now).mean().item()


moved = []
for dose in (-1, 1):
    with changed(sites[2], add(dose * u, place + 1)):
        moved.append(past(guess(ids)) - past(before))
print("steered both ways:", moved[0] < 0 < moved[1])

# %% [markdown]
# ## You have
#
# - read the number of nouns from two encoders by probes, equal to scikit-learn's, and told reading from reciting;
# - taken the same direction out of four layers, and found one in which the model reads it;
# - steered a verb by a dose, beside 100 random directions, and paid attention to the price;
# - found the head that carries much of the number;
# - tampered with a reader's attention, and found weights that deceive.
#
# ## Further reading
#
# - J. Hewitt and P. Liang, [Designing and interpreting probes with control
#   tasks](https://arxiv.org/abs/1909.03368), 2019.
# - Y. Elazar and colleagues, [Amnesic probing](https://arxiv.org/abs/2006.00995), 2021: what is read, by what is
#   missed when it is gone.
# - S. Jain and B. C. Wallace, [Attention is not explanation](https://arxiv.org/abs/1902.10186), and S. Wiegreffe
#   and Y. Pinter, [Attention is not not explanation](https://arxiv.org/abs/1908.04626), 2019: read both.
# - S. Marks and M. Tegmark, [The geometry of truth](https://arxiv.org/abs/2310.06824), 2023: reading directions and
#   writing directions.
