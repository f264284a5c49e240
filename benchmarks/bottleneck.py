"""Does more room or more practice open the bottleneck? The experiment of the chapter on attention, larger.

    python benchmarks/bottleneck.py  # some half an hour on one quiet core

Runs the chapter's own code cells, those that define words, networks, training and test, with other sizes and more
steps, in single precision. Each arm takes steps of its own best size: the one that spells most validation
words without an error, which are neither trained on nor tested. Each row has the shares of every seed. Results go to
src/scratch/results/bottleneck.json, with machine and versions.
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
SEEDS = {250: 5, 1000: 3, 4000: 3}  # by the number of steps
RATES = (0.005, 0.01, 0.02, 0.04)
KINDS = [("attention", 48), ("one vector", 51), ("one vector", 128), ("one vector", 256)]
GRID = [(*kind, 250) for kind in KINDS] + [(*kind, 1000) for kind in KINDS[:3]] + [(*kind, 4000) for kind in KINDS[::2]]


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
        tried = range(SEEDS[steps] if steps == 250 else 1)  # long runs: one seed for the choice
        models = {rate: [trained(kind, hidden, steps, rate, seed) for seed in tried] for rate in RATES}
        scores = {rate: round(mean(map(validation, models[rate])), 4) for rate in RATES}
        best = max(RATES, key=scores.get)
        models = models[best] + [trained(kind, hidden, steps, best, seed) for seed in range(len(tried), SEEDS[steps])]
        row = {"kind": kind, "hidden": hidden, "steps": steps, "rate": best, "validation": list(scores.values())}
        row["parameters"] = sum(p.numel() for p in models[0].parameters())
        for test in ("unseen", "strings"):
            shares = [[book["examine"](parts, words) for words in book[test].values()] for parts in models]
            row[test] = [[round(words, 4) for _, words in seed] for seed in shares]  # (seeds, lengths)
        found.append(row)
        print(row, flush=True)
    return found


if __name__ == "__main__":
    common.run_parts(__doc__, "bottleneck", {"rows": rows}, ("torch",), {"seeds": SEEDS, "rates": RATES})
