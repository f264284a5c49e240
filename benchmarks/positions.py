"""How far does a reader of places read on? The experiment of the chapter on positional encoding, larger.

    python benchmarks/positions.py         # some twenty minutes on one quiet core
    python benchmarks/positions.py cliff   # one part only

Runs the chapter's own code cells, those that define the play, the readers, training and the put-back hands.

*rates*: the step size of each kind of reader, on scripts of 16 tokens, as the chapter trains them.

*race*: what each kind of reader is right in at the chapter's lengths, in five runs at these step sizes; where along the
script learned rows, sinusoids and RoPE are; and what sinusoidal readers know when hands of their clock are put back.

*cliff*: what a sinusoidal reader knows past its trained places, by width and number of trained places. Accuracy on
"what stood three places before?", for each seed: on scripts that begin at place 0; on scripts of the same length that
begin further out; on those again, with some hands of the clock put back to where training had them; and in scripts of
twice the length, where place and answer both lie past the end. Beside the reader of the whole table (*all hands*)
stand readers that see quick or slow hands only (quick: once round in the trained places, or more often), and readers
whose scripts began anywhere in the first four times as many places (*moved about*).

Each arm takes steps of its own best size, the one with most right answers on validation scripts, which are neither
trained on nor tested; of equals, the smallest. Results go to src/scratch/results/positions.json, with machine and
versions.
"""

from __future__ import annotations

import math
import os
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import nn

from scratch.position import LearnedPosition, alibi_bias, rotate, sinusoidal
from scratch.training import fit

CHAPTER = "input-layer/positional-encoding"
CELLS = (
    "def play(",
    "class Block(",
    "LONGEST = ",
    "class Reader(",
    "def train(reader, seed, rate",
    "LENGTHS = ",
    "def accuracy(",
    "def examine(",
    "def by_place(",
    "class Rows(",
    "def put_back(",
    "def mistaken(",
)
KINDS = ("none", "sinusoidal", "learned", "RoPE", "ALiBi, symmetric", "ALiBi, one-sided")
RATES = {"rates": (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128), "cliff": (0.002, 0.004, 0.008, 0.016)}
EQUAL = 0.003  # in `rates`: what accuracies may differ by, and count as equal; seeds differ by more
SEEDS, RUNS = 3, 5  # RUNS: of the race
GRID = [  # trained places, width, arm, steps, scripts a step
    *((16, dim, "all hands", 960, 32) for dim in (16, 32, 64)),
    (64, 32, "all hands", 480, 32),
    *((16, 32, f"{hands} hands", 960, 32) for hands in ("quick", "slow")),
    (16, 32, "moved about", 3840, 32),
    (64, 64, "all hands", 480, 32),
    (64, 32, "moved about", 1440, 32),
]  # (256 places: 480 steps of 8 scripts teach a reader nothing, at any of these sizes)


def chapter() -> dict:
    given = {"torch": torch, "nn": nn, "math": math, "rotate": rotate, "alibi_bias": alibi_bias, "fit": fit}
    return common.from_chapter(CHAPTER, CELLS, LearnedPosition=LearnedPosition, sinusoidal=sinusoidal, **given)


def rates() -> list[dict]:
    """For each kind of reader: both questions' mean accuracy on validation scripts by rate, and the best rate."""
    book, found = chapter(), []
    held = book["play"](400, 16, torch.Generator().manual_seed(1))
    for kind in KINDS:
        scores = []
        for rate in RATES["rates"]:
            shares = []
            for seed in range(SEEDS):
                torch.manual_seed(seed)
                reader = book["train"](book["Reader"](kind), 100 + seed, rate)
                with torch.no_grad():
                    answers = zip(reader(held[0]), held[1:], strict=True)
                    shares += [book["accuracy"](answer.argmax(-1), truth) for answer, truth in answers]
            scores.append(round(mean(shares), 3))
        best = next(i for i, score in enumerate(scores) if score >= round(max(scores) - EQUAL, 3))
        found.append({"kind": kind, "rate": RATES["rates"][best], "validation": scores})
        print(found[-1], flush=True)
    return found


def race() -> list[dict]:
    """One row for each kind of reader: what the runs are right in."""
    book = chapter()
    return [race_row(book, row["kind"], row["rate"]) for row in common.stored("positions")["rates"]]


def race_row(book: dict, kind: str, rate: float) -> dict:
    """For each run, the share right by length and question; and what the chapter asks of readers of this kind."""
    row = {"kind": kind, "rate": rate, "right": []}
    cuts = {"learned": book["CLIFF"], "sinusoidal": book["CLIFF"], "RoPE": book["PREDICTED"]}
    for seed in range(RUNS):
        torch.manual_seed(seed)
        reader = book["train"](book["Reader"](kind), 100 + seed, rate)
        row["right"].append([[round(share, 4) for share in book["examine"](reader, n)] for n in book["LENGTHS"]])
        if kind in cuts:
            shares = book["by_place"](reader, cuts[kind])
            row.setdefault("by place", []).append([round(share, 4) for share in shares])
        if kind == "sinusoidal":
            shares = book["put_back"](reader)
            row.setdefault("put back", []).append({name: round(share, 4) for name, share in shares.items()})
        if kind == "RoPE":
            row.setdefault("mistaken", []).append(round(book["mistaken"](reader), 4))
    print(row, flush=True)
    return row


class MovedAbout(nn.Module):
    """Adds the rows of a table from a place on that is drawn anew for each batch."""

    def __init__(self, rows: torch.Tensor, length: int):
        super().__init__()
        self.rows, self.length = rows, length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = int(torch.randint(len(self.rows) - self.length + 1, ()))
        return x + self.rows[start : start + x.shape[1]]


def cliff() -> list[dict]:
    """One row for each entry of GRID."""
    book = chapter()
    return [cliff_row(book, *entry) for entry in GRID]


def cliff_row(book: dict, places: int, dim: int, arm: str, steps: int, batch: int) -> dict:
    """What readers of one kind know, past their trained places."""
    play, right_at, quick = book["play"], book["right_at"], book["quick_hands"](places, dim)
    seen = {"quick hands": quick, "slow hands": ~quick}.get(arm, torch.ones(dim, dtype=torch.bool))
    rows = sinusoidal(8 * places, dim) * seen
    here, there = rows[:places], rows[places : 2 * places]

    def trained(rate: float, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        reader = book["Reader"]("none", dim)
        reader.position = MovedAbout(rows[: 4 * places], places) if arm == "moved about" else book["Rows"](rows)
        return book["train"](reader, 100 + seed, rate, steps, places, batch)

    held = play(200, places, torch.Generator().manual_seed(1))
    first = {rate: trained(rate, 0) for rate in RATES["cliff"]}
    scores = {rate: right_at(reader, here, held).mean().item() for rate, reader in first.items()}
    best = max(scores, key=scores.get)
    test = play(6400 // places + 50, places, torch.Generator().manual_seed(2))
    long = play(6400 // places + 50, 2 * places, torch.Generator().manual_seed(3))
    row = {"places": places, "dim": dim, "arm": arm, "steps": steps, "batch": batch, "rate": best}
    row |= {"validation": [round(score, 4) for score in scores.values()], "moved": {}}
    tables = {"inside": here, "there": there, "slow back": torch.where(quick, there, here)}
    tables |= {"quick back": torch.where(quick, here, there)}
    for seed in range(SEEDS):
        reader = first[best] if seed == 0 else trained(best, seed)
        for name, table in tables.items():
            row.setdefault(name, []).append(round(right_at(reader, table, test).mean().item(), 4))
        for start in (places // 16, places // 8, places // 4, places // 2, places, 2 * places, 3 * places):
            share = right_at(reader, rows[start : start + places], test).mean().item()
            row["moved"].setdefault(start, []).append(round(share, 4))
        past = right_at(reader, rows, long)[:, places:].mean().item()
        row.setdefault("past the end", []).append(round(past, 4))
    print(row, flush=True)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"seeds": SEEDS, "runs": RUNS, "rates": RATES, "equal": EQUAL}
    common.run_parts(__doc__, "positions", {"rates": rates, "race": race, "cliff": cliff}, ("torch",), settings)
