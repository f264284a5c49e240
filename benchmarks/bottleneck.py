"""Does more room open the bottleneck? The experiment of the chapter on attention, larger.

    python benchmarks/bottleneck.py        # some forty minutes on one quiet core
    python benchmarks/bottleneck.py looks  # one part only: rows or looks

Runs the chapter's own code cells, those that define words, networks, training and test. Each arm takes steps of its own
best size: the one at which two seeds, or five where training is short, spell most validation words without an error.
(These are neither trained on nor tested.) Each row has, for five seeds at that size, the shares of right letters and of
words without an error, by length. *looks* says of the smallest network with attention, for each seed at the size that
*rows* found: how many steps look at their letter's place, how far apart its keys are, and what is left when places are
forbidden. Results go to src/scratch/results/bottleneck.json, with machine and versions.
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
LOOKS = ("def anti_diagonal(", "def on_diagonal(", "def steps_of_keys(", "def without(")
CHOOSING = {250: 5, 1000: 2}  # so many seeds choose the step size, by the number of steps
SEEDS = 5  # so many are tested
RATES = (0.005, 0.01, 0.02, 0.04)
KINDS = [("attention", 48), ("one vector", 51), ("one vector", 128)]
GRID = [(*kind, steps) for steps in (250, 1000) for kind in KINDS]


def chapter(cells: tuple[str, ...]) -> dict:
    """The names that these cells of the chapter define."""
    given = {"torch": torch, "nn": torch.nn, "AdditiveAttention": AdditiveAttention}
    return common.from_chapter("encoder/attention", cells, fit=fit, random_rows=random_rows, **given)


def trained(book: dict, kind: str, hidden: int, steps: int, rate: float, seed: int) -> torch.nn.ModuleDict:
    torch.manual_seed(seed)
    parts = book["speller"](hidden, kind == "attention").float()
    book["train"](parts, steps, seed, rate)
    return parts


def rows() -> list[dict]:
    """For each kind, size and length of training: the best rate, and the shares of letters and words by length."""
    book = chapter(CELLS)
    found, held = [], {n: [w for w in book["words"][::5] if len(w) == n][200:400] for n in (4, 6, 8, 10)}

    def right(parts: torch.nn.ModuleDict, sets: dict[int, list[str]], measure: int = 1) -> list[float]:
        """The shares of right letters (measure 0) or of words without an error (1), by length."""
        return [round(book["examine"](parts, words)[measure], 4) for words in sets.values()]

    for kind, hidden, steps in GRID:
        first, more = range(CHOOSING[steps]), range(CHOOSING[steps], SEEDS)
        models = {rate: [trained(book, kind, hidden, steps, rate, seed) for seed in first] for rate in RATES}
        scores = {rate: round(mean(mean(right(parts, held)) for parts in models[rate]), 4) for rate in RATES}
        best = max(RATES, key=scores.get)
        models[best] += [trained(book, kind, hidden, steps, best, seed) for seed in more]
        row = {"kind": kind, "hidden": hidden, "steps": steps, "rate": best, "validation": scores}
        row["parameters"] = sum(p.numel() for p in models[best][0].parameters())
        for measure, name in enumerate(("letters", "words")):  # (seeds, lengths) each
            row[name] = {
                test: [right(parts, book[test], measure) for parts in models[best]] for test in ("unseen", "strings")
            }
        found.append(row)
        print(row, flush=True)
    return found


def looks() -> list[dict]:
    """Of each seed of the first of GRID, at its best rate: where it looks, and what it needs to see."""
    (kind, hidden, steps), book = GRID[0], chapter(CELLS + LOOKS)
    best = next(r for r in common.stored("bottleneck")["rows"] if (r["kind"], r["hidden"], r["steps"]) == GRID[0])
    found = []
    for seed in range(SEEDS):
        parts = trained(book, kind, hidden, steps, best["rate"], seed)
        shares = {name: [round(x, 4) for x in row] for name, row in book["on_diagonal"](parts).items()}
        without = {name: [x and round(x, 4) for x in book["without"](parts, n)] for name, n in book["CASES"].items()}
        keys = [round(x, 4) for x in book["steps_of_keys"](parts)]
        found.append({"seed": seed, "on diagonal": shares, "steps of keys": keys, "without": without})
        print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    settings = {"choosing": CHOOSING, "seeds": SEEDS, "rates": RATES}
    common.run_parts(__doc__, "bottleneck", {"rows": rows, "looks": looks}, ("torch",), settings)
