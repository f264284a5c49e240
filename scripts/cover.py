"""Draw the picture on the landing page: twelve words as one-hot vectors see them, and as learnt vectors do.

    python scripts/cover.py

The vectors are those that the chapter word2vec trains, with the same settings and the same seed.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from scratch.corpora import load
from scratch.text import tokenize
from scratch.word2vec import train

WORDS = "january march june china russia japan million billion hundred school students teachers".split()

sentences = load("state-of-the-union")
recent = sentences[sentences.index(tokenize("It is a pleasure to return from whence I came.")) :]
settings = {"dim": 50, "window": 4, "min_count": 35, "subsample": 0, "epochs": 1, "dtype": torch.float64}
vectors = train(recent, "skip-gram", "softmax", **settings)
learnt = np.array([[vectors.similarity(a, b) for b in WORDS] for a in WORDS])

plt.style.use("scratch.book")
figure, panels = plt.subplots(1, 2, figsize=(6, 3.4), sharey=True)
for axes, cosines in zip(panels, (np.eye(len(WORDS)), learnt), strict=True):
    axes.imshow(cosines, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(WORDS)), WORDS, rotation=90)
    axes.set_yticks(range(len(WORDS)), WORDS)
    axes.tick_params(length=0)
    axes.grid(False)
figure.savefig(Path(__file__).resolve().parents[1] / "book/images/cover.png", metadata={"Software": None})
