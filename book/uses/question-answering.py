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
# # Question answering: which passage answers?

# %%
from scratch.corpora import load_documentation

passages, questions = load_documentation()

# %%
from scratch.retrieval import stems

documents = [stems(text) for _, _, text in passages]

# %%
import math
from collections import Counter

having = Counter(word for words in documents for word in set(words))  # passages with it
kept = sorted(word for word, n in having.items() if n > 1)
index = {word: i for i, word in enumerate(kept)}
idf = [math.log(len(documents) / having[word]) for word in kept]


def ids(words):
    return [index[word] for word in words if word in index]


# %%
import torch
from torch import nn


class MeanEncoder(nn.Module):
    """A text's vector is the mean of its stems' rows, rare stems' longer at first."""

    def __init__(self, dim=192):
        super().__init__()
        self.table = nn.EmbeddingBag(len(idf), dim, mode="mean")
        with torch.no_grad():
            self.table.weight.mul_(torch.tensor(idf).unsqueeze(1) / dim**0.5)

    def forward(self, texts):  # n lists of ids -> (n, dim)
        starts = torch.tensor([0, *map(len, texts[:-1])]).cumsum(0)
        return self.table(torch.tensor([i for text in texts for i in text]), starts)


# %%
from scratch.corpora import split_sentences

bodies = [ids(words) for words in documents]
titled = [(answers[0], ids(stems(title))) for title, answers in questions["train"]]
parts = [[ids(stems(s)) for s in split_sentences(text)] for _, _, text in passages]
parts = [[part for part in sentences if len(part) > 2] for sentences in parts]
cloze = [p for p, sentences in enumerate(parts) if len(sentences) > 1]


# %%
def batch(draw, size=256, titles=77):
    """Queries and keys, as many: titles with their passages, sentences with theirs."""
    asked = dict(draw.sample(titled, titles))
    queries, keys = list(asked.values()), [bodies[p] for p in asked]
    rest = [p for p in draw.sample(cloze, size) if p not in asked]
    for p in rest[: size - titles]:
        own = draw.randrange(len(parts[p]))  # the sentence that asks
        left = [s for i, s in enumerate(parts[p]) if i != own or draw.random() < 0.1]
        queries.append(parts[p][own])
        keys.append([i for s in left for i in s])
    return queries, keys


# %%
import random

from scratch.contrastive import info_nce
from scratch.training import fit


def trained(seed, rate, temperature, steps, **options):
    torch.manual_seed(seed)
    model, draw = MeanEncoder(), random.Random(seed)

    def loss(pair):
        return info_nce(model(pair[0]), model(pair[1]), temperature)

    pairs = [batch(draw, **options) for _ in range(steps)]
    return model, fit(model.parameters(), loss, pairs, rate)


# %%
from torch.nn.functional import normalize


@torch.no_grad()
def cosines(model, asked):
    """The cosines of questions and all passages (questions, passages)."""
    q = normalize(model([ids(stems(text)) for text, _ in asked]))
    return (q @ normalize(model(bodies)).T).numpy()
