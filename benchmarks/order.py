"""Which encoder hears the order of words? The exam of the chapter on the Transformer encoder, with more of everything.

    python benchmarks/order.py                # some ten minutes on one quiet core
    python benchmarks/order.py warmup learnt  # these parts only: rows, warmup or learnt

Runs the chapter's own code cells. Each encoder takes steps of its own best size: the one with most right answers, over
all seeds, on 2,000 validation sentences, which are neither trained on nor tested. Each row has the share of right
answers on 2,000 test sentences for every seed. *warmup* has the last losses of deep encoders, by the place of the norm,
with and without a warm-up, for every step size and seed. *learnt* asks encoders of 250 steps, at their best rates,
where the Transformer's heads look and which changed sentences are taken for spoken ones. Results go to
src/scratch/results/order.json, with machine and versions.
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
LEARNT = ("def weights_of_heads(", "def taken(")
SEEDS = 5
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
GRID = [("when?", 250), ("in order?", 250), ("in order?", 1000)]
TEST = 2000
WARMUP_RATES = (0.003, 0.01)


def chapter(cells: tuple[str, ...]) -> dict:
    """The names that these cells of the chapter define."""
    given = {"torch": torch, "nn": nn, "cross_entropy": cross_entropy, "text": text}
    given |= {"Encoder": Encoder, "TransformerEncoder": TransformerEncoder}
    return common.from_chapter("encoder/transformer-encoder", cells, **given)


def rows() -> list[dict]:
    """For each question, length of training and encoder: the best rate, and every seed's share of right answers."""
    book, found = chapter(CELLS), []
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


def learnt() -> dict[str, list[dict]]:
    """For each encoder and seed, the weights of its heads, where it has any, and the shares of sentences it takes."""
    book, found = chapter(CELLS + LEARNT), {}
    rates = {r["encoder"]: r["rate"] for r in common.stored("order")["rows"] if (r["question"], r["steps"]) == GRID[1]}
    for name in ("Transformer", "LSTM", "neighbours"):
        found[name] = []
        for seed in range(SEEDS):
            encoder, judge = book["learn"](book["ENCODERS"][name], book["in_order"], rates[name], seed)
            row = {"seed": seed, "taken": [round(share, 4) for share in book["taken"](judge)]}
            if name == "Transformer":
                row["heads"] = [[round(x, 4) for x in head] for head in book["weights_of_heads"](encoder).tolist()]
            found[name].append(row)
            print(name, row, flush=True)
    return found


def warmup() -> list[dict]:
    """For each place of the norm and length of the warm-up: the last losses, by step size and seed."""
    final_loss, found = chapter(("def final_loss(",))["final_loss"], []
    for pre in (False, True):
        for steps in (0, 15):
            ends = [[round(final_loss(pre, steps, rate, seed), 4) for seed in range(SEEDS)] for rate in WARMUP_RATES]
            found.append({"pre": pre, "warmup": steps, "ends": ends})
            print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"seeds": SEEDS, "rates": RATES, "warmup rates": WARMUP_RATES}
    common.run_parts(__doc__, "order", {"rows": rows, "warmup": warmup, "learnt": learnt}, ("torch",), settings)
