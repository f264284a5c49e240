"""Which encoder hears the order of words? The exam of the chapter on the Transformer encoder, with more of everything.

    python benchmarks/order.py  # some ten minutes on one quiet core

Runs the chapter's own code cells. Each encoder takes steps of its own best size: the one with most right answers, over
all seeds, on 2,000 validation sentences, which are neither trained on nor tested. Each row has the share of right
answers on 2,000 test sentences for every seed. Results go to src/scratch/results/order.json, with machine and versions.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from scratch import text
from scratch.encoder import Encoder, TransformerEncoder

CELLS = ("sentences = load(", "early = [", "class Bag(", "def train(make", "class Masked(")
SEEDS = 5
RATES = (0.001, 0.003, 0.01, 0.03)
GRID = [("when?", 250), ("in order?", 250), ("in order?", 1000)]
TEST = 2000


def rows() -> list[dict]:
    """For each question, length of training and encoder: the best rate, and every seed's share of right answers."""
    given = {"torch": torch, "nn": nn, "cross_entropy": cross_entropy, "text": text}
    given |= {"Encoder": Encoder, "TransformerEncoder": TransformerEncoder}
    book, found = common.from_chapter("encoder/transformer-encoder", CELLS, **given), []
    for question, steps in GRID:
        examples = book["when" if question == "when?" else "in_order"]
        for name, make in book["ENCODERS"].items():
            if steps > 250 and name == "bag of words":
                continue  # it can but guess
            rights, scores = {}, {}
            for rate in RATES:
                runs = [
                    book["train"](make, examples, rate, seed, steps) for seed in range(SEEDS if steps < 4000 else 3)
                ]
                rights[rate] = torch.stack(runs).double()  # (seeds, held)
                scores[rate] = round(rights[rate][:, TEST:].mean().item(), 4)
            best = max(RATES, key=scores.get)
            shares = [round(x, 4) for x in rights[best][:, :TEST].mean(1).tolist()]
            row = {
                "question": question,
                "steps": steps,
                "encoder": name,
                "rate": best,
                "validation": list(scores.values()),
            }
            found.append(row | {"right": shares})
            print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    common.run_parts(__doc__, "order", {"rows": rows}, ("torch",), {"seeds": SEEDS, "rates": RATES})
