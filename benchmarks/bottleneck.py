"""Does more room open the bottleneck? The experiment of the chapter on attention, larger.

    python benchmarks/bottleneck.py  # some ten minutes on one quiet core

Runs the chapter's own code cells, those that define words, networks, training and test. Each arm takes steps of its own
best size: the one that spells most validation words without an error, which are neither trained on nor tested. Each row
has the shares of every seed. Results go to src/scratch/results/bottleneck.json, with machine and versions. What stands
there as "longer" is older: all arms took steps of one size, 0.01, to the end; shares are means of three seeds.
"""

from __future__ import annotations

import os
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch

from scratch.attention import AdditiveAttention
from scratch.training import fit, random_rows

CELLS = ("seen = [", "def speller(", "def spell(", "def as_ids(", "def train(", "def examine(")
SEEDS = 5
RATES = (0.005, 0.01, 0.02, 0.04)
KINDS = [("attention", 48), ("one vector", 51), ("one vector", 128)]
GRID = [(*kind, 250) for kind in KINDS]


def rows() -> list[dict]:
    """For each kind, size and length of training: the best rate, and the shares of words without an error by length."""
    given = {"torch": torch, "nn": torch.nn, "AdditiveAttention": AdditiveAttention}
    book, found = common.from_chapter("encoder/attention", CELLS, fit=fit, random_rows=random_rows, **given), []
    held = {n: [w for w in book["words"][::5] if len(w) == n][200:400] for n in (4, 6, 8, 10)}

    def trained(kind: str, hidden: int, steps: int, rate: float, seed: int) -> torch.nn.ModuleDict:
        torch.manual_seed(seed)
        parts = book["speller"](hidden, kind == "attention")
        book["train"](parts, steps, seed, rate)
        return parts

    def validation(parts: torch.nn.ModuleDict) -> float:
        return mean(book["examine"](parts, words)[1] for words in held.values())

    for kind, hidden, steps in GRID:
        models = {rate: [trained(kind, hidden, steps, rate, seed) for seed in range(SEEDS)] for rate in RATES}
        scores = {rate: round(mean(map(validation, models[rate])), 4) for rate in RATES}
        best = max(RATES, key=scores.get)
        row = {"kind": kind, "hidden": hidden, "steps": steps, "rate": best, "validation": list(scores.values())}
        row["parameters"] = sum(p.numel() for p in models[best][0].parameters())
        for test in ("unseen", "strings"):
            shares = [[book["examine"](parts, words) for words in book[test].values()] for parts in models[best]]
            row[test] = [[round(words, 4) for _, words in seed] for seed in shares]  # (seeds, lengths)
        found.append(row)
        print(row, flush=True)
    return found


if __name__ == "__main__":
    common.run_parts(__doc__, "bottleneck", {"rows": rows}, ("torch",), {"seeds": SEEDS, "rates": RATES})
