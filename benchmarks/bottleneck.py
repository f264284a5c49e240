"""Does more room or more practice open the bottleneck? The experiment of the chapter on attention, larger.

    python benchmarks/bottleneck.py  # some 15 minutes on one quiet core

Runs the chapter's own code cells, those that define words, networks, training and test, with other sizes and more
steps. Each row is the mean over the seeds. Results go to src/scratch/results/bottleneck.json, with machine and
versions.
"""

from __future__ import annotations

import os
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch

from scratch.attention import AdditiveAttention

CELLS = ("seen = [", "def speller(", "def spell(", "def train(", "def examine(")
SEEDS = 3
KINDS = [("attention", 48), ("one vector", 51), ("one vector", 128), ("one vector", 256)]
GRID = [(*kind, steps) for steps in (250, 1000) for kind in KINDS] + [(*kind, 4000) for kind in KINDS[::2]]


def rows() -> list[dict]:
    """For each kind, size and length of training: the share of words without an error, by their number of letters."""
    torch.set_default_dtype(torch.float64)
    names = {"torch": torch, "nn": torch.nn, "AdditiveAttention": AdditiveAttention}
    book, found = common.from_chapter("encoder/attention", CELLS, **names), []
    for kind, hidden, steps in GRID:
        shares = {"unseen": [], "strings": []}
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            parts = book["speller"](hidden, kind == "attention")
            book["train"](parts, steps=steps, seed=seed)
            for test, scores in shares.items():
                scores.append([book["examine"](parts, words)[1] for words in book[test].values()])
        row = {"kind": kind, "hidden": hidden, "steps": steps, "parameters": sum(p.numel() for p in parts.parameters())}
        row |= {
            test: [round(mean(column), 4) for column in zip(*scores, strict=True)] for test, scores in shares.items()
        }
        found.append(row)
        print(row, flush=True)
    return found


if __name__ == "__main__":
    common.run_parts(__doc__, "bottleneck", {"rows": rows}, ("torch",), {"seeds": SEEDS})
