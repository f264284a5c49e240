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
# # Cross-modal: can a picture and a word be neighbours?
#
# Your telephone has a drawing of a green apple and one of a red heart. Had you never seen a *green heart*, you would
# still find it at once among a thousand drawings, since you know both words and what they do to a picture. Search a
# shop for *blue dress*, and it shows blue dresses whose makers never wrote *blue*. Such a search needs a place where
# pictures and words can meet: vectors of both in one space, a picture near what people would call it.
#
# **Can a picture and a word be neighbours?** All encoders of this book so far read words. Here a second one reads
# pixels, and one loss pulls the two together. The recipe is CLIP's {cite:p}`radford2021learning`, which learnt from
# 400 million pictures with their captions on hundreds of graphics processors. Ours learns from 1,221 emoji with
# their names, in a few seconds on one processor core, and that is small enough to ask what CLIP's size hides: *what
# exactly has it learnt?*
#
# **You will**
#
# - train two encoders, one of pictures and one of names, by InfoNCE in both directions;
# - judge them on pictures they have never seen, beside chance and beside rivals without a network;
# - tell names made of known words from names with new ones, and see where all of the success comes from;
# - let a word ask and five pictures answer, and sort pictures by words alone;
# - measure what repeated captions do to the loss and to the network, and run popular mistakes.
#
# **You need** InfoNCE from the chapter on [question answering](../uses/question-answering.ipynb) and skip-gram from
# that on [word2vec](../input-layer/word2vec.ipynb). Convolutions are explained as far as they are needed. The
# chapter runs in about 25 seconds on one processor core.

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
# ## Pictures with names
#
# Every emoji has a name by which programs read it aloud, in English and in Chinese (its source is on [the page on
# data](../data.md)). The pictures are drawn by one hand, in 32 × 32 pixels of three colours each, on white.

# %%
import numpy as np
import torch

from scratch.corpora import load_emoji
from scratch.table import Table
from scratch.text import tokenize

emoji = load_emoji()
pixels = torch.from_numpy(emoji.pictures).permute(0, 3, 1, 2) / 255  # (n, 3, 32, 32)
names = [tokenize(name) for name in emoji.english]
n = len(names)
some = [0, 300, 420, 560, 700, 900, 1100, 1300]
columns = emoji.english, emoji.chinese, emoji.groups
rows = [tuple(column[i] for column in columns) for i in some]
print(f"{n:,} pictures, each {tuple(pixels.shape[1:])}")
Table(rows, {"name": "", "in Chinese": "", "group": ""})

# %% mystnb={"image": {"alt": "Eight small drawings in a row, the emoji of the table above in its order."}, "figure": {"caption": "The pictures of the table, in its order.", "name": "fig-xm-some"}}
import matplotlib.pyplot as plt


def show(lines, labels=None):
    """Pictures by their numbers, a list of them a line."""
    wide = max(map(len, lines))
    size = (0.75 * wide, 0.75 * len(lines))
    _, panels = plt.subplots(len(lines), wide, figsize=size, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for y, line in enumerate(lines):
        for axes, i in zip(panels[y], line, strict=False):
            axes.imshow(emoji.pictures[i])
        if labels:
            style = {"ha": "right", "va": "center", "transform": panels[y, 0].transAxes}
            panels[y, 0].text(-0.2, 0.5, labels[y], **style)
    plt.show()


show([some])

# %% [markdown]
# Seven folds (折): the emoji are dealt out at random, and what is learnt from six folds is judged by the seventh.
# The last fold chooses step sizes and the like, and never judges. A name is short, two words on average, and most
# words stand in one name only. So which words of a held-out name have been seen at all? Leave words such as *of*
# and *with* aside.

# %%
fold = np.random.default_rng(0).permutation(n) % 7  # (n,)
CHOOSING = 6
FUNCTION = set("a and at for in no not of off on or the up with without".split())


def known(held_out):
    """For each name of a fold, whether a word of it stands in a name of another."""
    seen = {word for i in np.flatnonzero(fold != held_out) for word in names[i]}
    test = np.flatnonzero(fold == held_out)
    return np.array([bool(seen & set(names[i]) - FUNCTION) for i in test])


shares = [known(k).mean() for k in range(7)]
low, high = min(shares), max(shares)
print(f"names with a known word: {np.mean(shares):.0%} ({low:.0%} to {high:.0%})")
print(f"pictures in a fold: {sorted(set(np.bincount(fold).tolist()))}")

# %% [markdown]
# Keep that share in mind: it will explain nearly everything.
#
# ## Two encoders, one space
#
# Let $\mathbf{u}_i \in \mathbb{R}^d$ be the vector of picture $i$ and $\mathbf{v}_j \in \mathbb{R}^d$ that of name
# $j$, each out of its own encoder. For a batch of $n$ pictures with their names, all cosines make a table of $n
# \times n$ scores, and the loss reads it in both directions: each row must find its column, each column its row.
# With $a$ for the *scale*,
#
# $$
# \begin{aligned}
# s_{ij} &= a \cos(\mathbf{u}_i, \mathbf{v}_j) , \\
# p_{ij} &= \frac{\exp(s_{ij})}{\sum_{m=1}^{n} \exp(s_{im})} , \\
# q_{ij} &= \frac{\exp(s_{ij})}{\sum_{m=1}^{n} \exp(s_{mj})} , \\
# L &= -\frac1{2n} \sum_{i=1}^{n} \bigl( \ln p_{ii} + \ln q_{ii} \bigr) .
# \end{aligned}
# $$ (eq-xm-clip)
#
# That is InfoNCE with $a = 1/\tau$, symmetric, and no more. CLIP learns $a$ with the rest, by its logarithm, begins
# at $1/0.07$, and does not let it grow beyond 100 {cite:p}`radford2021learning`. By hand, then by the helper, and
# by torch:

# %% mystnb={"image": {"alt": "In a row at the bottom name 2, picture 1, name 1 and picture 2. Names enter a box R, pictures a box E. Neighbours meet in three round shapes, a cosine, with the scores s 12, s 11 and s 21. The first two scores enter a softmax, which gives minus the logarithm of p 11, the last two another, which gives minus the logarithm of q 11."}, "figure": {"caption": "The loss of the first of two pairs. Picture 1 must prefer its name to name 2, and name 1 its picture to picture 2. The eye $E$ reads all pictures, the reader $R$ all names.", "name": "fig-xm-towers"}}
from scratch import diagrams

diagrams.two_towers()

# %%
import math

from torch import nn
from torch.nn.functional import cross_entropy, normalize

from scratch.contrastive import clip_loss

U, V = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))  # (n, d) each
a = torch.tensor(1 / 0.07)
s = a * normalize(U) @ normalize(V).T  # (n, n)
rows, columns = s.exp() / s.exp().sum(1, keepdim=True), s.exp() / s.exp().sum(0)
L = -(rows.diagonal().log() + columns.diagonal().log()).mean() / 2
print("by hand as the helper:", torch.allclose(L, clip_loss(U, V, a)))
own = torch.arange(4)
torchs = (cross_entropy(s, own) + cross_entropy(s.T, own)) / 2
print("as torch:", torch.allclose(L, torchs))

# %% [markdown]
# (Our tests hold the loss, and its gradients by $\mathbf{u}$, $\mathbf{v}$ and $a$, to the formula of `ClipLoss` in
# open_clip, the library by which most such models are trained today.)
#
# **The eye.** A *convolution* (卷积) is a small linear layer that looks at a window of the picture, here of 6 × 6
# pixels, and slides over it with the same weights everywhere: a stripe is a stripe in each corner. Ours steps four
# pixels at a time, which leaves 8 × 8 places. A second one looks at windows of 4 × 4 places and steps two at a
# time. *Batch normalisation* (批归一化) {cite:p}`ioffe2015batch` brings the numbers after each to mean 0 and variance
# 1, and then to a mean and a variance that it learns. What is left, 4 × 4 places with 64 numbers each, goes through
# one linear layer.


# %%
class Eye(nn.Module):
    """Two convolutions and a linear layer."""

    def __init__(self, dim=64, width=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 6, 4, padding=1, bias=False),  # (n, 32, 8, 8)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, padding=1, bias=False),  # (n, 64, 4, 4)
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(16 * 2 * width, dim),
        )

    def forward(self, pictures):  # (n, 3, 32, 32) -> (n, dim)
        return self.layers((pictures - 0.78) / 0.3)


# %% [markdown]
# **The reader.** A name's vector is the mean of its words' rows in a table that is trained. In two words there is
# no order worth an LSTM. But where should the rows begin? With 1,221 names most words have one picture to learn
# from, and the words of the held-out names that are new have none. So let them begin as skip-gram vectors, learnt
# in five seconds from WordNet's definitions: then *tangerine* is near *orange* before any picture is seen. Besides
# the names' words the table gets some that we shall ask for later: words for each of the eight groups of emoji, and
# a dozen questions more.

# %%
ASKED = "red|green|face|heart|hand|arrow|green heart|green circle|green book"
ASKED = [*ASKED.split("|"), "vehicle", "animal", "weapon"]
GROUPS = {
    "Smileys & Emotion": "face smile",
    "People & Body": "person hand",
    "Animals & Nature": "animal bird flower",
    "Food & Drink": "food fruit drink",
    "Travel & Places": "vehicle building",
    "Activities": "game ball sport",
    "Objects": "tool clothes book",
    "Symbols": "sign button arrow",
}
group_words = [words.split() for words in GROUPS.values()]
group_of = np.array([list(GROUPS).index(group) for group in emoji.groups])

# %%
from scratch import word2vec
from scratch.corpora import load

vectors = word2vec.train(load("wordnet"), dim=64, epochs=3, min_count=2, seed=0)


def start_of(texts, given=None):
    """The words' numbers, and their rows: unit vectors as given, or random ones."""
    index = {w: i for i, w in enumerate(sorted({w for text in texts for w in text}))}
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(len(index), 64, generator=draw) / 8  # about as long
    for word, i in index.items():
        if given is not None and word in given:
            rows[i] = normalize(torch.tensor(given[word]), dim=0)
    return index, rows


asked = [words.split() for words in ASKED]
start = start_of([*names, *asked, *group_words], vectors)
have = np.mean([word in vectors for word in start[0]])
print(f"{len(start[0]):,} words, {have:.0%} with a vector from WordNet")


# %%
class Reader(nn.Module):
    """A name's vector is the mean of its words' rows."""

    def __init__(self, index, rows, frozen=False):
        super().__init__()
        self.index = index
        self.table = nn.EmbeddingBag.from_pretrained(rows.clone(), frozen, mode="mean")

    def forward(self, texts):  # n lists of words -> (n, dim)
        ids = [self.index[word] for words in texts for word in words]
        starts = torch.tensor([0, *map(len, texts[:-1])]).cumsum(0)
        return self.table(torch.tensor(ids), starts)


# %%
class Scaled(nn.Module):
    """CLIP's loss: the scale is learnt, by its logarithm, and never above 100."""

    most = math.log(100)

    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def scale(self):
        return self.log_scale.exp()

    def forward(self, pictures, texts):  # (n, d) each -> ()
        with torch.no_grad():
            self.log_scale.clamp_(max=self.most)
        return clip_loss(pictures, texts, self.scale())


# %% [markdown]
# ## Training
#
# Each picture stands in the training data once. Seen forty times without change it would be known by its pixels, so
# each time it is moved by up to three pixels, and mirrored or not. (A mirrored *left arrow* is wrong. There are few
# of them.)

# %%
from scratch.training import fit


def moved(pictures, draw):
    """A batch moved by up to three pixels, each picture of it mirrored or not."""
    wide = nn.functional.pad(pictures, (3, 3, 3, 3), value=1.0)  # white
    y, x = torch.randint(7, (2,), generator=draw).tolist()
    mirrored = torch.rand(len(pictures), 1, 1, 1, generator=draw) < 0.5
    pictures = wide[:, :, y : y + 32, x : x + 32]
    return torch.where(mirrored, pictures.flip(3), pictures)


def batches(rows, epochs, draw, size=128):
    """The rows in random order, epoch by epoch; the last few of each are left."""
    orders = (rows[torch.randperm(len(rows), generator=draw)] for _ in range(epochs))
    return [
        batch for order in orders for batch in order.split(size) if len(batch) == size
    ]


# %%
def trained(
    seed, held_out, texts=names, start=start, loss=Scaled, rate=0.002, **options
):
    """The eye and the reader, trained on all folds but one, and the losses."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    eye, reader, loss = Eye(), Reader(*start, options.get("frozen", False)), loss()
    change = moved if options.get("moves", True) else lambda pictures, _: pictures

    def step(batch):
        return loss(eye(change(pixels[batch], draw)), reader([texts[i] for i in batch]))

    rows = torch.from_numpy(np.flatnonzero(fold != held_out))
    parts = [p for module in (eye, reader, loss) for p in module.parameters()]
    drawn = batches(rows, options.get("epochs", 45), draw)
    losses = fit(parts, step, drawn, rate, warmup=20, clip=1.0)
    return eye.eval(), reader.eval(), losses


@torch.no_grad()
def cosines(eye, reader, rows, texts):
    """Of pictures, by their numbers, and texts: (pictures, texts)."""
    return (normalize(eye(pixels[rows])) @ normalize(reader(texts)).T).numpy()


# %% tags=["atol=0.2"]
eye, reader, losses = trained(seed=0, held_out=0)
weights = sum(p.numel() for p in eye.parameters())
print(f"{weights:,} weights of the eye, {reader.table.weight.numel():,} of the reader")
print(f"loss at first {np.mean(losses[:9]):.1f}, at last {np.mean(losses[-9:]):.1f}")
print(f"a guess among 128: {math.log(128):.1f}")

# %% [markdown]
# > **Pitfall.** The `eval()` at the end of `trained` is no formality. In training, batch normalisation takes mean
# > and variance from the batch at hand, so that a picture's vector depends on the pictures beside it. Forget it,
# > and the same picture has another vector in every batch.

# %% tags=["atol=0.1"]
from copy import deepcopy

for training in (True, False):
    judge = deepcopy(eye).train(training)
    judge.layers[7].eval()  # no dropout in either
    with torch.no_grad():
        one = judge(pixels[:8])[0]
        other = judge(pixels[[0, *range(700, 707)]])[0]
    near = torch.cosine_similarity(one, other, dim=0)
    mode = "training" if training else "judging"
    print(f"{mode}: the same picture in two batches, cosine {near:.2f}")

# %% [markdown]
# ## Does it know pictures that it has not seen?
#
# Show it a held-out picture, and let it choose among the names of all held-out pictures: recall@1 and recall@5, in
# both directions. To guess is right once in 204 times. But chance is a weak opponent. Whoever knows nothing of
# learning can do this: find the training pictures most like the new one, take *their* names, and look for the
# held-out name with the nearest word vectors. Alike may mean: the same pixels, or merely the same colours in
# whatever place. And whoever trusts in straight lines can fit one, from both to the names' vectors, by least
# squares with a penalty $\lambda$ on large weights (*ridge regression*, 岭回归): one equation, solved at once.

# %%
from scratch.metrics import crossed_interval, interval, recall_at_k, verdict
from scratch.retrieval import ranks

flat = (pixels - pixels.mean(0)).flatten(1)  # (n, 3072)
bins = (pixels.permute(0, 2, 3, 1) * 3.999).long()  # four steps of each colour
bins = (bins @ torch.tensor([16, 4, 1])).flatten(1)  # (n, 1024)
colours = nn.functional.one_hot(bins, 64).float().mean(1).sqrt()  # (n, 64)
both_of = normalize(flat), normalize(colours - colours.mean(0))
looks = torch.cat(both_of, 1)  # (n, 3136): pixels and colours
with torch.no_grad():
    words = normalize(Reader(*start)(names))  # (n, 64)


def by_neighbours(features, held_out, k):
    """Cosines (pictures, names) of the names of the k pictures most alike."""
    train, test = (
        np.flatnonzero(side) for side in (fold != held_out, fold == held_out)
    )
    alike = normalize(features[test]) @ normalize(features[train]).T
    nearest = alike.topk(k).indices  # (test, k), the most alike first
    weights = 1 / torch.arange(1.0, k + 1)
    guess = (words[train][nearest] * weights[:, None]).sum(1)  # (test, d)
    return (normalize(guess) @ words[test].T).numpy()


# %%
def by_ridge(features, held_out, penalty):
    """Cosines (pictures, names) of what a linear map of the features guesses."""
    train, test = (
        np.flatnonzero(side) for side in (fold != held_out, fold == held_out)
    )
    x, y = features[train].double(), words[train].double()
    mean = y.mean(0)
    inner = x @ x.T + penalty * torch.eye(len(x))  # (train, train)
    guess = features[test].double() @ x.T @ torch.linalg.solve(inner, y - mean) + mean
    return (normalize(guess).float() @ words[test].T).numpy()


# %% tags=["atol=0.06"]
test = np.flatnonzero(fold == 0)
own = [[i] for i in range(len(test))]


def both(scores):
    """Ranks of the names, given pictures, and of the pictures, given names."""
    return ranks(scores, own), ranks(scores.T, own)


live = {
    "colours of neighbours": both(by_neighbours(colours, 0, k=2)),
    "pixels of neighbours": both(by_neighbours(flat, 0, k=1)),
    "linear map": both(by_ridge(looks, 0, penalty=0.3)),
    "trained": both(cosines(eye, reader, test, [names[i] for i in test])),
}
rows = [("chance", *(k / len(test) for k in (1, 5, 1, 5)))]
for arm, sides in live.items():
    rows.append((arm, *(recall_at_k(r, k) for r in sides for k in (1, 5))))
asks = [f"{who}@{k}" for who in ("picture", "name") for k in (1, 5)]
four = dict.fromkeys(asks, ".3f")
Table(rows, {"who asks": ""} | four)

# %% [markdown]
# (In the columns *picture@1* and *picture@5* a picture asks for its name, in the others a name for its picture.)
#
# One fold and one seed decide little. In the benchmark ten seeds were trained for each of six folds, at a step size
# that the seventh had chosen; so each emoji of the six folds was judged ten times, by networks that had not seen
# it. The last two columns are the interval of *picture@1*, over seeds and emoji. Below that, arms that change one
# thing, with five seeds, as many epochs and a step size of their own. The rivals without a network had their numbers
# of neighbours and their penalty chosen by the same fold.

# %%
from scratch.corpora import load_results

stored = load_results("cross_modal")["rows"]
judged = np.concatenate([np.flatnonzero(fold == k) for k in range(CHOOSING)])


def places(arm, way="names"):
    """Ranks (seeds, emoji) of an arm, the emoji of fold 0 first."""
    mine = [row for row in stored if row.get("arm") == arm]
    mine.sort(key=lambda row: (row["seed"], row["fold"]))
    found = [int(r) for row in mine for r in row[way].split()]
    return np.array(found).reshape(-1, len(judged))


def line(arm):
    both_ways = [places(arm, way) for way in ("names", "pictures")]
    shares = [(found <= k).mean() for found in both_ways for k in (1, 5)]
    hits = (places(arm) <= 1).astype(float)
    ends = crossed_interval(hits) if len(hits) > 1 else interval(np.mean, hits[0])
    return arm, *shares, *ends


# %%
arms = "colours of neighbours|pixels of neighbours|linear map|trained"
arms += "|random words|frozen words|not moved|Chinese"
Table(
    [line(arm) for arm in arms.split("|")],
    {"who asks": ""} | four | {"from": ".3f", "to": ".3f"},
)


# %%
def compare(*pairs, k=1, which=slice(None)):
    """Differences of recall@k, a picture asking, over seeds and emoji (or some)."""
    rows = []
    for first, second in pairs:
        a, b = ((places(arm)[:, which] <= k).astype(float) for arm in (first, second))
        seeds = (max if 1 in (len(a), len(b)) else min)(len(a), len(b))
        gaps = a[:seeds] - b[:seeds]  # (seeds, emoji)
        low, high = crossed_interval(gaps)
        rows.append((first, second, gaps.mean(), low, high, verdict(low, high)))
    heads = {"": "", "beside": "", "gain": "+.3f", "from": "+.3f", "to": "+.3f"}
    return Table(rows, heads | {"the first is": ""})


compare(
    ("trained", "pixels of neighbours"),
    ("trained", "colours of neighbours"),
    ("trained", "linear map"),
    ("trained", "random words"),
    ("trained", "frozen words"),
    ("trained", "not moved"),
    ("random words", "Chinese"),
)

# %% [markdown]
# (*Random words*: the table of words begins at random. *Frozen words*: it stays as skip-gram has left it, and only
# the eye learns. *Not moved*: each picture always in its place. *Chinese*: the names in Chinese, character by
# character, from random rows.)
#
# The trained pair is better than every rival without a network. What it begins with, whether pictures are moved, and
# in which language they are named makes no difference to recall@1 that this test can tell; only frozen words do.
#
# ## Known words and new ones
#
# Now for the share from above. Split the judged names into those with a word that some training name has, and those
# without, whose words the eye was never told of; only WordNet was.

# %%
familiar = np.concatenate([known(k) for k in range(CHOOSING)])  # (judged,)
rows = []
for arm in ("pixels of neighbours", "trained", "frozen words", "random words"):
    for group, which in (("a known word", familiar), ("new words only", ~familiar)):
        found = [(places(arm)[:, which] <= k).mean() for k in (1, 5)]
        rows.append((arm, group, int(which.sum()), *found))
heads = {"": "", "the name has": "", "names": ",", "recall@1": ".3f", "recall@5": ".3f"}
Table(rows, heads)

# %%
pairs = [("trained", "pixels of neighbours"), ("frozen words", "trained")]
compare(*pairs, k=5, which=familiar)

# %%
compare(*pairs, k=5, which=~familiar)

# %% [markdown]
# The first of the two tables of differences is of names with a known word, the second of names without, both of
# recall@5. Here is what it has learnt. With a known word in the name the trained pair puts the right one first in one
# case of five, among more than two hundred. With new words alone it guesses. It has not learnt to see; it has
# learnt some words for what it saw, and puts them together anew: *green* of an apple, *circle* of red ones and blue
# ones, and so a *green circle* that nobody had shown it. That is worth having, and it is no knowledge of the world.
# Something like it was found of large models, too: over 34 of them and five collections of captions, to get a
# little better at a concept "zero-shot" took exponentially more captions that have it {cite:p}`udandarao2024no`.
#
# And it has *unlearnt* something. Leave the words' rows as WordNet has made them, and let the eye alone be trained
# (*frozen words*): known words are found less often, but new ones more often than a guess would. In training, the
# rows of known words move to where they suit the pictures, and their neighbours that no picture has named stay
# behind. To lie near *orange* is worth nothing to *tangerine* once *orange* has gone. Even the neighbours by pixels,
# whose words have all stayed in their places, find more of the new ones. What is won on the words of the training is
# paid for with the others, and the mean of both hides the price.
#
# (What the table cannot say is how much is owed to the words and how much to the pictures. Whose name has a known
# word mostly has relatives among the training pictures, too: one clock face is found among the others.)
#
# The mean over all names, at which a table usually stops, is a mixture of the two. With a test in which more words
# recur it would be higher, and nothing would have been learnt better. So when you read a recall, ask how much of
# the test's language was in the training.
#
# ## A word asks, five pictures answer
#
# A name is a list of words, and one word is a name, too. Let single words and pairs of them ask for the nearest of the
# held-out pictures of one fold:

# %% mystnb={"image": {"alt": "A grid of small drawings: twelve rows, each begun by a word or two, with the five held-out pictures that are nearest. Red fetches red things, face faces, heart hearts; green heart has the green heart first, green circle the green circle, green book the green book; the last three rows fetch a mixture."}, "figure": {"caption": "Words with the five held-out pictures that lie nearest to them, the nearest at the left. In brackets, how many training names have them all. None of the pictures was in the training.", "name": "fig-xm-words"}}
(answers,) = (row["answers"] for row in stored if "answers" in row)
index_of = {name: i for i, name in enumerate(emoji.english)}
taught = [set(names[i]) for i in np.flatnonzero(fold != 0)]
times = {q: sum(set(q.split()) <= words for words in taught) for q in ASKED}
labels = [f"{q} ({times[q]})" for q in ASKED]
show([[index_of[name] for name in answers[q]] for q in ASKED], labels)

# %%
rows = [(q, times[q], ", ".join(answers[q][:2])) for q in ASKED]
Table(rows, {"asks": "", "training names": ",", "the nearest two": ""})

# %% [markdown]
# The second column counts the training names that have all of the words. The first six stand in some, and fetch what
# they should, a colour in whatever shape, a shape in whatever colour. Then come three pairs whose words are known, and
# which no training name has together. The *green heart* from the beginning of the chapter is found first, by a network
# that was told of *green* three times and of *heart* twenty times. The last three stand in no training name: what they
# fetch came by way of WordNet alone, a vehicle or two among much else.
#
# ### Sorting without examples
#
# The same can sort: give each of the eight groups of emoji a few words, and each picture to the nearest. That is
# called *zero-shot* (零样本) classification, as no picture with its group was used.


# %%
def sorted_by_words(eye, reader, rows):
    """The number of the group whose words are nearest to each picture."""
    return cosines(eye, reader, rows, group_words).argmax(1)


# %%
truth = group_of[judged]
mine = [row for row in stored if row.get("arm") == "trained"]
mine.sort(key=lambda row: (row["seed"], row["fold"]))


def sorted_right(which):
    """Whether the groups are right (seeds, judged)."""
    found = np.array([int(g) for row in mine for g in row[which]])
    return (found.reshape(-1, len(truth)) == truth).astype(float)


rows = [("the largest group", (truth == np.bincount(group_of).argmax()).mean(), "", "")]
for name, which in (
    ("by words alone", "groups"),
    ("a linear probe on the eye", "probe"),
):
    right = sorted_right(which)
    rows.append((name, right.mean(), *(f"{e:.3f}" for e in crossed_interval(right))))
found = "".join(row["nearest"] for row in stored if "nearest" in row)
right = (np.array(list(found), int) == truth).astype(float)
ends = (f"{e:.3f}" for e in interval(np.mean, right))
rows.append(("the most alike in pixels", right.mean(), *ends))
Table(rows, {"group of a held-out picture": "", "right": ".3f", "from": "", "to": ""})

# %% [markdown]
# The second line needs no picture with its group, the last two need a thousand. The distance between the second
# line and the third says how much more is in the eye's vectors than these few words can ask for. And the last says
# how little of that took a network: the one picture most alike in pixels knows the group nearly as often. (Other words
# for the groups would give another share, and who tries many must choose by pictures that do not judge.)
#
# ## When captions repeat
#
# No two emoji have the same name. In the wild captions repeat: *a dog*, *photo*, the same product twice. Then the
# loss names as a negative what is none, as in the chapter on question answering, and here we can count to the end.
# Take scikit-learn's 1,797 handwritten digits, 8 × 8 pixels, and for captions their names: there are ten. A quarter
# of the digits judges, another chooses step sizes.

# %%
from sklearn.datasets import load_digits

from scratch.training import random_rows

digits = load_digits()
written = torch.from_numpy(digits.images).float().flatten(1) / 16  # (1797, 64)
captions = torch.from_numpy(digits.target)  # the name's number: zero, one, …
quarter = torch.from_numpy(np.random.default_rng(0).permutation(len(written)) % 4)
train = (quarter > 1).nonzero().flatten()
counts = [captions[train[rows]].bincount() for rows in random_rows(len(train), 128, 99)]
false = np.mean([(c * (c - 1)).sum() / 128 / 127 for c in counts])
floor = np.mean([(c * c.clamp(min=1).log()).sum() / 128 for c in counts])
print(f"of a picture's 127 negatives are none: {false:.1%}")
print(f"the loss cannot fall below {floor:.2f}")

# %% [markdown]
# Why can it not? Let the caption of pair $i$ stand $k_i$ times in the batch. All its copies have the same vector,
# so from row $i$ they get the same probability, at most $1/k_i$, and $-\ln p_{ii}$ is $\ln k_i$ or more. In a
# column $k_i$ pictures share the same 1, and their mean is no better. Two ways out are in use, and in the helper.
# *Mask*: leave the other copies out of the softmax, as if they were not in the batch. *Share*: call all $k_i$ right,
# and average their logarithms {cite:p}`khosla2020supervised`.


# %%
def read_digits(seed, kind, rate, judge=0, steps=150):
    """Which digits of a quarter lie nearest to their name, and the last losses."""
    torch.manual_seed(seed)
    eye = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    table = nn.Embedding(10, 32)

    def step(rows):
        mend = {} if kind == "plain" else {"captions": captions[rows]}
        u, v = eye(written[rows]), table(captions[rows])
        return clip_loss(u, v, 1 / 0.07, **mend, share=kind == "shared")

    drawn = [train[rows] for rows in random_rows(len(train), 128, steps, seed)]
    losses = fit([*eye.parameters(), *table.parameters()], step, drawn, rate)
    held = quarter == judge
    with torch.no_grad():
        near = normalize(eye(written[held])) @ normalize(table.weight).T
    return (near.argmax(1) == captions[held]).double().numpy(), losses[-9:]


# %% [markdown]
# What are they worth? First each gets its step size, tried by the benchmark on the quarter that chooses; the table
# has the share of digits read rightly there, a mean over five seeds.

# %%
tried = load_results("cross_modal")["digits"]
kinds, rate_of, rows = ["plain", "masked", "shared"], {}, []
for kind in kinds:
    mean = {}
    for rate in sorted({row["rate"] for row in tried if row["kind"] == kind}):
        mine = [r["right"] for r in tried if (r["kind"], r["rate"]) == (kind, rate)]
        mean[rate] = np.mean(mine)
    rate_of[kind] = max(mean, key=mean.get)
    rows += [(kind, rate, share) for rate, share in mean.items()]
Table(rows, {"loss": "", "step size": ".4f", "right": ".4f"})

# %% [markdown]
# Now ten seeds of each, a tenth of a second or two a training, judged by the digits that nothing has been chosen by.

# %% tags=["atol=0.03"]
right, rows = {}, []
for kind in kinds:
    runs = [read_digits(seed, kind, rate_of[kind]) for seed in range(10)]
    right[kind] = np.array([run for run, _ in runs])  # (seeds, digits)
    last = np.mean([losses for _, losses in runs])
    rows.append((kind, last, right[kind].mean(), *crossed_interval(right[kind])))
heads = {"loss": "", "at last": ".2f", "right": ".3f", "from": ".3f", "to": ".3f"}
Table(rows, heads)

# %% tags=["atol=0.02"]
rows = []
for kind in ("masked", "shared"):
    gaps = right[kind] - right["plain"]
    low, high = crossed_interval(gaps)
    rows.append((kind, gaps.mean(), low, high, verdict(low, high)))
heads = {"beside plain": "", "gain": "+.4f", "from": "+.4f", "to": "+.4f", "it is": ""}
Table(rows, heads)

# %% [markdown]
# Paired, digit by digit and seed by seed. The plain loss ends near its floor, the mask brings it close to 0: a loss
# that stays high need not mean that nothing is learnt. And to share changes nothing but rounding, nor can it: where
# captions are *identical*, the plain loss **is** the shared one (Exercise 1). What it asks is that the pictures of
# one digit be equally near to their name, and that is no bad wish.
#
# > **Correction.** Of texts that stand in a batch more than once a maintainer of sentence-transformers says: "[My
# > understanding is that this can inhibit training](https://github.com/huggingface/sentence-transformers/issues/3189)."
# > So one would think. But copies of one text have one vector, and the plain loss of them is the shared one, number
# > for number, and so are its gradients.
#
# Another thing are two *different* texts that mean the same, *a dog* and *a puppy*. They have vectors of their own,
# and where each stands with a picture or two, the loss has no reason not to hold them apart. No mask that compares
# strings will find them.
#
# ## Popular mistakes
#
# The formula is short, and so are the ways to get it wrong. Here are four, three of them from public code, each at
# its own best step size. Guess first which of them cost anything.
#
# **No length removed.** Without normalisation the scores are dot products, and a name can win by being long. **Soft
# targets, the wrong way up.** In place of *row $i$ belongs to column $i$*, one asks for the likeness of pictures
# among themselves and names among themselves, by a softmax; that is a thought worth having for near-duplicates. But
# if that softmax *multiplies* by the temperature which the scores are *divided* by, its targets are almost the same
# for all.


# %%
class Dots(nn.Module):
    """Exhibit 1: dot products in place of cosines."""

    def forward(self, pictures, texts, temperature=1.0):
        s = pictures @ texts.T / temperature
        own = torch.arange(len(s))
        return (cross_entropy(s, own) + cross_entropy(s.T, own)) / 2


class SoftTargets(nn.Module):
    """Exhibit 2: targets from likenesses times the temperature."""

    def forward(self, pictures, texts, temperature=0.07):
        u, v = normalize(pictures), normalize(texts)
        s = v @ u.T / temperature
        targets = ((u @ u.T + v @ v.T) / 2 * temperature).softmax(1)
        return (cross_entropy(s, targets) + cross_entropy(s.T, targets.T)) / 2


# %%
u = torch.eye(128)  # pictures and names as different as can be
for temperature in (0.07, 1.0):
    for how, scale in (("times", temperature), ("by", 1 / temperature)):
        share = (u @ u.T * scale).softmax(1)[0, 0]
        print(f"temperature {temperature}, {how} it: {share:.1%} for the own name")

# %% [markdown]
# At 0.07 the own name is to get hardly more than each of the other 127, and a network that makes all vectors equal
# meets its targets exactly, with the loss of a guess. (At 1 both ways are the same, and both are too soft.) Both
# mistakes were in the tutorial from which many first learn CLIP, at a temperature of 1; readers
# [saw](https://github.com/moein-shariatnia/OpenAI-CLIP/issues/16) that vectors [fall
# together](https://github.com/moein-shariatnia/OpenAI-CLIP/issues/27), and its author [mended
# both](https://github.com/moein-shariatnia/OpenAI-CLIP/pull/28) in October 2025. Copies made before are still in
# use.
#
# **One direction.** Half of the loss is left out: pictures look for names, and never the other way, as in the
# chapter on question answering, where questions look for passages. **A scale without its exponential.** The
# parameter is the logarithm of the scale. Who multiplies by it as it is begins at 2.66 in place of 14.3; asked
# about it, an author of such a model agreed, and added that it "[makes little practical
# difference](https://github.com/BAAI-DCAI/M3D/issues/52)", since it is learnt.

# %%
from scratch.contrastive import info_nce


class OneWay(nn.Module):
    """Exhibit 3: pictures look for names, and names for nothing."""

    def forward(self, pictures, texts):
        return info_nce(pictures, texts, temperature=0.07)


class NoExponential(Scaled):
    """Exhibit 4: the logarithm of the scale in place of the scale."""

    most = 100.0

    def scale(self):
        return self.log_scale


# %%
exhibits = "dots|soft targets|one direction|no exponential".split("|")
Table(
    [line(arm) for arm in exhibits],
    {"who asks": ""} | four | {"from": ".3f", "to": ".3f"},
)

# %%
compare(*((arm, "trained") for arm in exhibits))

# %%
tried, rows = load_results("cross_modal")["chosen"], []
for arm in ("trained", "no exponential"):
    mine = [row for row in tried if row["arm"] == arm]
    for rate in sorted({row["rate"] for row in mine}):
        right = np.mean([row["mrr"] for row in mine if row["rate"] == rate])
        rows.append((arm, rate, right))
Table(rows, {"on the fold that chooses": "", "step size": "g", "mean 1/rank": ".3f"})

# %%
rows = []
for arm in ("trained", "no exponential"):
    scales = [row["scale"] for row in stored if row.get("arm") == arm]
    rows.append((arm, min(scales), max(scales)))
Table(rows, {"scale at the end": "", "from": ".1f", "to": ".1f"})

# %% [markdown]
# Dot products cost a part, the soft targets everything: that network guesses. (All are searched by cosines, as that tutorial does,
# too: what dot products have learnt to say by length, the search throws away.) One direction alone and the missing
# exponential cost nothing that this test can tell, and so the author of that answer was right, here. But see at what
# step size: the third table has mean reciprocal ranks. At the one that is best for the right loss, and which a
# copied recipe brings along, the exponential would seem to be worth a fifth of the score. Adam moves any parameter by
# about its step size a step. Added to the logarithm, 0.7 doubles the scale; added to the scale itself, it is next to
# nothing, so that the softmax stays soft (last table); presumably larger steps of all else make up for it. *A mistake
# that was tried at another's step size has not been tried.*
#
# That table also settles a fifth mistake, to leave out the bound of 100, "necessary to prevent training instability"
# according to CLIP's paper, and not in the code that was released, which is [for use, not for
# training](https://github.com/openai/CLIP/issues/46). Here it costs nothing at all: the scale never comes near the
# bound, so that a training without it is the same to the bit.
#
# ## Check yourself
#
# **1. All cosines in a batch of 128 pairs are equal. What is the loss, in both directions together, at a scale of
# 50?**
#
# - **A** 4.85.
# - **B** 9.70: both directions add up.
# - **C** 242.6: the scale multiplies it.
#
# <details><summary>Answer</summary>
#
# - **A ✓** Each of 128 gets the same probability in both directions, and $L$ is the mean of the two.
# - **B ✗** The two are averaged: there is a 2 in the denominator.
# - **C ✗** The scale multiplies the scores. Where they are equal it changes nothing.
#
# </details>

# %% [markdown]
# **2. A held-out name consists of words that no training name has. By what can it be found at all?**
#
# - **A** By the pixels that it shares with other pictures.
# - **B** By nothing: its vector is random.
# - **C** By vectors that WordNet has put near those of known words.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The pixels lead to a place in the space. It is the name that nothing leads there.
# - **B ✗** So it is in the arm *random words*. Otherwise most words begin with a vector that was learnt from
#   definitions.
# - **C ✓** A new word near a known one inherits some of its pictures, as long as the known one stays in its place.
#
# </details>

# %% [markdown]
# **3. A batch has 128 pictures of ten equally frequent captions, drawn one by one from a large set. How many of a
# picture's 127 negatives have its own caption, in the mean?**
#
# - **A** 1.3: one in ten of the ten.
# - **B** 12.7, one in ten of all.
# - **C** 117.
#
# <details><summary>Answer</summary>
#
# - **A ✗** The captions are ten, but the negatives are 127.
# - **B ✓** Each of the others has the same caption with the chance one in ten.
# - **C ✗** So many are rightly called negatives, more or less.
#
# </details>

# %% [markdown]
# **4. In a batch of 120 each of ten captions stands twelve times. Below what can the plain loss not fall?**
#
# - **A** 0, with enough training.
# - **B** 4.79, that of a guess.
# - **C** 2.48.
#
# <details><summary>Answer</summary>
#
# - **A ✗** Twelve equal captions share one probability. Only the mask brings it to 0.
# - **B ✗** A guess knows nothing at all; here the caption is known, only not which of its copies.
# - **C ✓** $\ln 12$: the best is one twelfth for each of the copies.
#
# </details>

# %% [markdown]
# **5. A recall@1 of 0.16 among 204 names, and one of 0.30 among 50 names by another network. Which is better?**
#
# - **A** The second one.
# - **B** Nobody can say: fewer candidates make it easier.
# - **C** The first, for it is 33 times as good as chance, and the second only 15 times.
#
# <details><summary>Answer</summary>
#
# - **A ✗** It had fewer wrong names to fall for. Exercise 2 tries the same network with fewer.
# - **B ✓** Only the same candidates make two recalls comparable, and the same known words, too.
# - **C ✗** Times chance is no fair scale either: at best it is 204 for the one and 50 for the other.
#
# </details>

# %% [markdown]
# **6. Why does the loss look in both directions?**
#
# - **A** Each direction has negatives of its own: other names for a picture, other pictures for a name.
# - **B** To count each pair twice.
# - **C** Since the cosine is not symmetric.
#
# <details><summary>Answer</summary>
#
# - **A ✓** A name that attracts all pictures spoils the rows' softmax only a little; in its own column it is
#   caught.
# - **B ✗** Twice the same would be a factor of 2, which the step size could give as well.
# - **C ✗** It is. The softmax is not: it divides by the sum of a row or of a column.
#
# </details>

# %% [markdown]
# ## Exercises
#
# > **Exercise 1 (pencil, medium, 20 minutes).** Let equal captions have equal vectors. Show that the plain loss of
# > a batch is the shared one, and check it with `clip_loss`.
# >
# > *Hint: in a row the scores of all copies are equal; in the columns, add up those of one caption.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# Row $i$ of the shared loss is the mean of $-\ln p_{ij}$ over the copies $j$ of its caption. They have the same
# score, so all terms are $-\ln p_{ii}$, the plain row. For the columns, take the $k$ pairs of one caption. Their
# $k$ columns are the same column, with the same $q_{i}$ for picture $i$. In the shared loss each is the mean of
# $-\ln q_{i}$ over the $k$ pictures, so that together they give $k$ times the mean, $-\sum_i \ln q_{i}$; in the
# plain loss each picture's term stands in its own column, and the sum is the same.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
draw = torch.Generator().manual_seed(0)
seen = torch.randint(10, (128,), generator=draw)
U, table = torch.randn(128, 8, generator=draw), torch.randn(10, 8, generator=draw)
plain = clip_loss(U, table[seen], 5.0)
shared = clip_loss(U, table[seen], 5.0, captions=seen, share=True)
masked = clip_loss(U, table[seen], 5.0, captions=seen)
print("plain as shared:", torch.allclose(plain, shared))
print("masked is lower:", bool(masked < plain))

# %% [markdown]
# > **Exercise 2 (code, easy, 10 minutes).** How does recall@1 depend on the number of candidates? Judge the live
# > network by random tens, fifties and by all 204 of the fold.
# >
# > *Hint: `cosines(...)[np.ix_(some, some)]`; the mean of many draws.*

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# It falls with every candidate more, for the same network. A recall without the number of candidates says nothing.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
scores = cosines(eye, reader, test, [names[i] for i in test])
draw, found = np.random.default_rng(0), []
for size in (10, 50, len(test)):
    hits, right = [], [[i] for i in range(size)]
    for _ in range(50):
        some = draw.permutation(len(test))[:size]
        hits.append(recall_at_k(ranks(scores[np.ix_(some, some)], right), 1))
    found.append(np.mean(hits))
print("fewer candidates, higher recall:", found[0] > found[1] > found[2])

# %% [markdown]
# > **Exercise 3 (code, medium, 15 minutes).** Does *red* know red? Compute for each held-out picture how red it is,
# > red less the mean of green and blue, and correlate it with the cosine of the word. Do the same for *blue*.
# >
# > *Hint: `pixels[test].mean((2, 3))`, `scratch.metrics.spearman`.*

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# Both words follow their colour, far from perfectly: a red heart is more than red.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
from scratch.metrics import spearman

near = cosines(eye, reader, test, [["red"], ["blue"]])  # (test, 2)
means = pixels[test].mean((2, 3)).numpy()  # (test, 3)
for word, column, channel in (("red", 0, 0), ("blue", 1, 2)):
    much = 1.5 * means[:, channel] - means.sum(1) / 2
    print(f"{word} follows its colour:", spearman(near[:, column], much) > 0.15)

# %% [markdown]
# > **Exercise 4 (open, hard, 30 minutes).** Can pictures translate? Keep the eye as it is, and train a second
# > reader, of Chinese names by characters, to find the eye's vectors of the training pictures. English and Chinese
# > names have then never met, but both live near pictures. Find for each held-out English name its Chinese one, and
# > compare with chance. What limits it?
# >
# > *Hint: the eye's vectors are computed once; then `fit` a `Reader` with `Scaled`.*

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# It translates far better than chance, through pictures alone. It is limited as everything here is: by names all of
# whose words are new, now in either of two languages. And the picture keeps only what can be seen: the name of a
# gesture says what it means.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
hanzi = [[c for c in name if c >= "\u3400"] or ["?"] for name in emoji.chinese]
torch.manual_seed(0)
second, loss = Reader(*start_of(hanzi)), Scaled()
with torch.no_grad():
    seen_by_eye = eye(pixels)
rows = torch.from_numpy(np.flatnonzero(fold != 0))
drawn = batches(rows, 45, torch.Generator().manual_seed(0))
fit(
    [*second.parameters(), *loss.parameters()],
    lambda b: loss(seen_by_eye[b], second([hanzi[i] for i in b])),
    drawn,
    0.01,
)
with torch.no_grad():
    english, chinese = (
        normalize(r([t[i] for i in test]))
        for r, t in ((reader, names), (second, hanzi))
    )
r, _ = both((english @ chinese.T).numpy())
print("five times better than chance:", recall_at_k(r, 5) > 5 * 5 / len(test))

# %% [markdown]
# ## You have
#
# - trained an eye and a reader into one space, with CLIP's loss, equal by hand, by helper and by torch;
# - judged them on unseen pictures in both directions, with intervals, beside rivals without a network;
# - seen that names with known words are found, and names without are not, and what training has unlearnt;
# - searched pictures by a word, and sorted them into groups by words alone;
# - counted false negatives, proved that sharing them changes nothing, and seen that of four mistakes two cost nothing.
#
# ## Further reading
#
# - A. Radford and colleagues, [Learning transferable visual models from natural language
#   supervision](https://arxiv.org/abs/2103.00020), 2021: CLIP. Its figure 3 is the loss in numpy.
# - G. Ilharco and colleagues, [open_clip](https://github.com/mlfoundations/open_clip): the same in the open, at all
#   sizes.
# - P. Khosla and colleagues, [Supervised contrastive learning](https://arxiv.org/abs/2004.11362), 2020: many
#   positives.
# - X. Zhai and colleagues, [Sigmoid loss for language image pre-training](https://arxiv.org/abs/2303.15343), 2023:
#   each pair judged by itself, without a softmax over the batch.
