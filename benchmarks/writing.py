"""How well can a decoder write from these notes? The experiment of the chapter on encoder and decoder, with more runs.

    python benchmarks/writing.py         # some six minutes on one quiet core
    python benchmarks/writing.py shapes  # one part only

Runs the chapter's own code cells. Each model takes steps of its own best size: the one with the least loss, a mean of
two seeds, on 2,000 validation numbers, which are neither trained on nor tested. Each row has, for every seed, the loss
and the share exactly right on 2,000 test numbers, and the share of the new numbers that presidents wrote out.

*shapes*: both shares once more, for an encoder–decoder that is shown every shape of number equally often (exercise 5).

Results go to src/scratch/results/writing.json, with machine and versions.
"""

from __future__ import annotations

import os
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import nn

from scratch.recurrent import GRU
from scratch.table import Table
from scratch.text import Vocabulary, pad

CELLS = (
    *("def name(n)", "N = 9_999", "KINDS = {", "class Model(", "def batch(numbers)", "def train(model, seed, rate"),
    *("def write(model", "def examine(model", "number_of = {", "asked = {"),
)
SEEDS, CHOOSING = 5, 2
RATES = (0.005, 0.01, 0.02, 0.04, 0.08)


def row(book: dict, notes: str) -> dict:
    """One model: the best of the rates, and what every seed scores on tested and on spoken numbers."""
    held, models, tried = book["batch"](book["order"][5000:7000]), {}, {}

    def train(rate: float, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return book["train"](book["Model"](notes, book["KINDS"][notes]), seed, rate)

    for rate in RATES:
        models[rate] = [train(rate, seed) for seed in range(CHOOSING)]
        scores = [book["examine"](model, held) for model in models[rate]]
        tried[rate] = [round(mean(score), 4) for score in zip(*scores, strict=True)]  # loss, right
    best = min(tried, key=lambda rate: tried[rate][0])
    judged = models[best] + [train(best, seed) for seed in range(CHOOSING, SEEDS)]
    found = {"notes": notes, "parameters": sum(p.numel() for p in judged[0].parameters())}
    found |= {"rate": best, "validation": tried}
    tested = [book["examine"](model, book["unseen"]) for model in judged]
    found |= {"loss": [round(loss, 4) for loss, _ in tested], "right": [round(right, 4) for _, right in tested]}
    spoken = {text: book["batch"](numbers) for text, numbers in book["asked"].items()}
    found["spoken"] = {
        text: [round(book["examine"](model, numbers)[1], 4) for model in judged] for text, numbers in spoken.items()
    }
    print(found, flush=True)
    return found


def chapter() -> dict:
    given = {"torch": torch, "nn": nn, "GRU": GRU, "Table": Table, "Vocabulary": Vocabulary, "pad": pad}
    torch.set_default_dtype(torch.float64)  # as in the chapter
    return common.from_chapter("encoder/encoder-decoder", CELLS, **given)


def rows() -> list[dict]:
    book = chapter()
    return [row(book, notes) for notes in book["KINDS"]]


def shapes(notes: str = "encoder–decoder") -> dict:
    """What every seed scores if every shape of number is drawn equally often: so many digits, so many of them not 0."""
    book, found = chapter(), {"spoken": [], "evenly drawn": []}
    rate = next(row["rate"] for row in common.stored("writing")["rows"] if row["notes"] == notes)
    shape = torch.tensor([10 * len(str(n)) + len(str(n).replace("0", "")) for n in book["order"][:3000]])
    weight = 1 / shape.bincount().double()[shape]
    for seed in range(SEEDS):
        draw = torch.Generator().manual_seed(seed)
        drawn = [weight.multinomial(128, True, generator=draw) for _ in range(250)]
        torch.manual_seed(seed)
        model = book["train"](book["Model"](notes, book["KINDS"][notes]), seed, rate, batches=drawn)
        for text, numbers in (("spoken", book["batch"](book["new"])), ("evenly drawn", book["unseen"])):
            found[text].append(round(book["examine"](model, numbers)[1], 4))
    print(found, flush=True)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"seeds": SEEDS, "seeds that choose": CHOOSING, "rates": RATES}
    common.run_parts(__doc__, "writing", {"rows": rows, "shapes": shapes}, ("torch",), settings)
