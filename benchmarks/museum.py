"""Which bugs does a task's accuracy give away? The encoders of the chapter on wrong ones, sound and wrong, on two tasks.

    python benchmarks/museum.py  # some ten minutes on one quiet core

Runs the chapter's own code cells. Each encoder takes steps of its own best size: the one with most right answers, over
all seeds, on 2,000 validation sentences, which are neither trained on nor tested. A row has, for every seed, the shares
of right answers to 2,000 test sentences, in batches as in training and padded to 64 places, and of those that differ
between the two. Results go to src/scratch/results/museum.json, with machine and versions.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch

CELLS = ("import torch\n", "def attend(", "class Reader(", "def exhibit(", "def law(", "import padding_invariance\n")
CELLS += ('exhibit("mean counts', '"mask on the queries", law', 'exhibit("heads cut', '"softmax over queries", law')
CELLS += ("def wrong(layer, ids)", "import cross_entropy", "def torch_with_empty_row", "def torch_attention(")
CELLS += ("def torch_layer(", "sentences = load(", "TASKS = {", "def batch(", "def build(", "def train(", "import random\n")
SEEDS = 5
RATES = (0.003, 0.01, 0.03, 0.1)
STEPS = {"which era?": 100, "in order?": 400}
TEST = 2000


def rows(seeds: int = SEEDS, rates: tuple = RATES, steps: dict = STEPS) -> list[dict]:
    """For each task and encoder: the best step size, and for every seed the three shares."""
    default = torch.get_default_dtype()
    try:
        return list(_rows(common.from_chapter("encoder/wrong-on-purpose", CELLS), seeds, rates, steps))
    finally:
        torch.set_default_dtype(default)  # the chapter sets float64


def _rows(book: dict, seeds: int, rates: tuple, steps: dict):
    for task, length in steps.items():
        test, validation = book["TASKS"][task][:TEST], book["TASKS"][task][TEST : book["HELD"]]
        for name in book["NAMES"]:
            trained, scores = {}, {}
            for rate in rates:
                trained[rate] = [book["train"](name, task, rate, seed, length) for seed in range(seeds)]
                rights = [book["judge"](answer, validation)[1] for answer in trained[rate]]
                scores[rate] = round(torch.stack(rights).double().mean().item(), 4)
            best = max(rates, key=scores.get)
            shares = {"right": [], "padded": [], "changed": []}
            for answer in trained[best]:
                (before, right), (after, still) = (book["judge"](answer, test, width) for width in (0, 64))
                for share, hits in zip(shares.values(), (right, still, before != after), strict=True):
                    share.append(round(hits.double().mean().item(), 4))
            row = {"task": task, "steps": length, "encoder": name, "rate": best, "validation": list(scores.values())}
            print(row | shares, flush=True)
            yield row | shares


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"seeds": SEEDS, "rates": RATES, "steps": STEPS, "test sentences": TEST}
    common.run_parts(__doc__, "museum", {"rows": rows}, ("torch",), settings)
