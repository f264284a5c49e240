"""Does more room or more practice open the bottleneck? The experiment of the chapter on attention, larger.

    python benchmarks/bottleneck.py  # some 15 minutes on one quiet core

Runs the chapter's own code cells, those that define words, networks, training and test, with other sizes and more
steps. Each row is the mean over the seeds. Results go to benchmarks/results/bottleneck.json, with machine and versions.
"""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import jupytext
import torch
from torch import nn

from scratch.attention import AdditiveAttention

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "bottleneck.json"
DEFINE = ("seen = [", "def speller(", "def spell(", "def train(", "def examine(")
SEEDS = 3
KINDS = [("attention", 48), ("one vector", 51), ("one vector", 128), ("one vector", 256)]
GRID = [(*kind, steps) for steps in (250, 1000) for kind in KINDS] + [(*kind, 4000) for kind in KINDS[::2]]


def from_the_chapter() -> dict:
    """What the chapter's cells define."""
    chapter = jupytext.read(ROOT / "book" / "encoder" / "attention.py", fmt="py:percent")
    torch.set_default_dtype(torch.float64)
    names = {"torch": torch, "nn": nn, "AdditiveAttention": AdditiveAttention}
    for cell in chapter.cells:
        if cell.cell_type == "code" and any(line in cell.source for line in DEFINE):
            exec(cell.source, names)
    return names


def main() -> None:
    book = from_the_chapter()
    results = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "versions": {"torch": version("torch"), "python": platform.python_version()},
        "settings": {"seeds": SEEDS, "lengths": list(book["LENGTHS"]), "measure": "words without an error"},
        "rows": [],
    }
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
        results["rows"].append(row)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        print(row, flush=True)


if __name__ == "__main__":
    main()
