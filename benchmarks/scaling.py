"""How does the loss of a language model fall with its width and its text, and does the law tell what comes next?

    python benchmarks/scaling.py grid     # twenty minutes of one core
    python benchmarks/scaling.py predict  # at once; commit what it writes before you go on
    python benchmarks/scaling.py test     # half an hour

A causal Transformer of two layers (`scratch.language_model.Causal`) guesses the next letter of the presidents'
addresses, each letter that it reads once. *grid*: WIDTHS times TEXTS, each with the step size that is best for it on
validation text, chosen with one seed, then SEEDS others. *predict*: Hoffmann et al. 2022 (arXiv 2203.15556, eq. 10),
L = E + A / N^alpha + B / D^beta, fitted to the grid's losses on test text, with what it says of FOUR_TIMES the compute
of the grid's largest point, and intervals: runs are drawn anew within each point, and what the law misses a point by is
drawn as well. The prediction holds its own date and the hash of the rows that it was made from, and *test*, which
trains these, refuses to run for other rows. Losses are nats a letter; N counts weights outside of the two tables,
6 N D operations of a training. All is counted in steps, so a busy machine changes nothing but the seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from datetime import date
from functools import cache, partial

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor, nn

from scratch.corpora import load
from scratch.language_model import Causal
from scratch.training import fit

WIDTHS, TEXTS = (16, 32, 64, 128), (2**14, 2**16, 2**18, 2**20)  # numbers a place; letters
LAYERS, HEAD, LENGTH, BATCH = 2, 16, 64, 16  # a head's width; letters a row, rows a step
RATES, SEEDS, CLIP = (0.002, 0.004, 0.008, 0.016), 3, 1.0
FOUR_TIMES = ((256, 2**20), (128, 2**22))  # twice the width, or four times the text
BLOCK, JUDGED = 128, 16  # rows in a block; blocks of validation, and of test
LETTERS = " abcdefghijklmnopqrstuvwxyz0123456789'-"
NAMES, STARTS = ("E", "A", "alpha", "B", "beta"), ((1.0, 0.3, 0.3), (0.5, 0.5, 0.2), (1.2, 0.2, 0.5))
DRAWS = 1000


@cache
def text() -> tuple[Tensor, Tensor, Tensor]:
    """The letters as rows (…, LENGTH + 1) of training, validation and test; the last two from all over the text.

    Of blocks of BLOCK rows, evenly spaced ones are held out, so that no row of one split overlaps with another's.
    """
    place = {letter: i for i, letter in enumerate(LETTERS)}
    spoken = (" ".join(sentence) + " " for sentence in load("state-of-the-union"))
    ids = torch.tensor([place[c] for sentence in spoken for c in sentence if c in place])
    rows = ids.unfold(0, LENGTH + 1, LENGTH)  # neighbours share one letter, which one guesses and the other begins with
    blocks = rows[: len(rows) // BLOCK * BLOCK].unflatten(0, (-1, BLOCK))
    held = torch.linspace(0, len(blocks) - 1, 2 * JUDGED).long()
    kept = torch.ones(len(blocks), dtype=torch.bool)
    kept[held] = False
    return blocks[kept].flatten(0, 1), blocks[held[::2]].flatten(0, 1), blocks[held[1::2]].flatten(0, 1)


class Model(nn.Module):
    """A guess at the next letter from those before."""

    def __init__(self, dim: int):
        super().__init__()
        self.encoder = Causal(len(LETTERS), dim, LAYERS, dim // HEAD, max_length=LENGTH, norm_first=True)
        self.output = nn.Linear(dim, len(LETTERS))

    def loss(self, rows: Tensor) -> Tensor:
        """rows (batch, LENGTH + 1) -> the mean of -ln p at the letters after the first."""
        scores = self.output(self.encoder(rows[:, :-1]))  # (batch, LENGTH, V)
        return nn.functional.cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten())

    @property
    def weights(self) -> int:
        """N: all but the tables."""
        return sum(p.numel() for p in self.encoder.layers.parameters())


@torch.no_grad()
def judged(model: Model, rows: Tensor) -> float:
    """The mean loss on rows of letters."""
    return sum(model.loss(some).item() * len(some) for some in rows.split(256)) / len(rows)


def train(job: dict) -> tuple[Model, list[float]]:
    """The model of a job's width after one pass over a job's letters, in rows that its seed draws from the text."""
    torch.manual_seed(job["seed"])
    model, rows = Model(job["width"]), text()[0]
    drawn = rows[torch.randperm(len(rows))[: job["letters"] // LENGTH]].split(BATCH)
    losses = fit(model.parameters(), model.loss, drawn, job["rate"], warmup=len(drawn) // 10, clip=CLIP)
    return model, losses


def run(job: dict) -> dict:
    torch.set_num_threads(1)
    text()
    begin = time.process_time()
    model, losses = train(job)
    seconds = time.process_time() - begin
    _, validation, test = text()
    row = {"weights": model.weights, "operations": 6 * model.weights * job["letters"], "seconds": round(seconds, 1)}
    row |= {"validation": round(judged(model, validation), 4), "test": round(judged(model, test), 4)}
    return job | row | {"training": round(float(np.mean(losses[-10:])), 4)}


def trained(part: str, jobs: list[dict]) -> list[dict]:
    return common.resumed("scaling", part, jobs, partial(common.apart, __file__))


def quality(row: dict) -> float:
    return -row["validation"]


def point(width: int, letters: int, part: str) -> list[dict]:
    """The rows of one point: SEEDS runs at the step size that is best for another seed."""
    job = {"width": width, "letters": letters}

    def rows(tried: list[float]) -> list[dict]:
        return trained(f"{part} rates", [job | {"rate": rate, "seed": SEEDS} for rate in tried])

    rate = common.best_rate(common.swept(RATES, rows, quality), quality)
    return trained(part, [job | {"rate": rate, "seed": seed} for seed in range(SEEDS)])


def grid() -> list[dict]:
    return [row for width in WIDTHS for letters in TEXTS for row in point(width, letters, "grid")]


def law(x: np.ndarray, weights: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """What a fit x = (ln E, ln A', alpha, ln B', beta) says: N in units of 10⁵ weights, D in units of 10⁵ letters."""
    return (
        np.exp(x[0]) + np.exp(x[1]) * (weights / 1e5) ** -np.exp(x[2]) + np.exp(x[3]) * (letters / 1e5) ** -np.exp(x[4])
    )


def fitted(rows: list[dict], losses: np.ndarray) -> np.ndarray:
    """The law nearest to the logarithms of these losses, by Huber's measure, of several starts the best."""
    weights, letters = (np.array([row[name] for row in rows], float) for name in ("weights", "letters"))
    found = []
    for ground, share, power in STARTS:
        start = np.log([ground, share, power, share, power])
        residual = lambda x: np.log(law(x, weights, letters)) - np.log(losses)  # noqa: E731
        found.append(least_squares(residual, start, loss="huber", f_scale=0.01))
    return min(found, key=lambda each: each.cost).x


def named(x: np.ndarray) -> dict[str, float]:
    """E, A, alpha, B, beta as the paper has them, N and D counted one by one."""
    ground, a, alpha, b, beta = np.exp(x)
    return dict(zip(NAMES, map(float, (ground, a * 1e5**alpha, alpha, b * 1e5**beta, beta)), strict=True))


def predict() -> dict:
    """The law, its intervals, and what it says of FOUR_TIMES; from the grid's rows alone."""
    rows = common.stored("scaling")["grid"]
    losses = np.array([row["test"] for row in rows])
    by_point: dict[tuple, list[int]] = {}
    for i, row in enumerate(rows):
        by_point.setdefault((row["width"], row["letters"]), []).append(i)
    x = fitted(rows, losses)
    weights, letters = (np.array([row[name] for row in rows], float) for name in ("weights", "letters"))
    missed = {at: float(np.mean(np.log(losses[i] / law(x, weights[i], letters[i])))) for at, i in by_point.items()}
    rng, drawn = np.random.default_rng(0), []
    ahead = [(Model(width).weights, n) for width, n in FOUR_TIMES]
    for _ in range(DRAWS):
        chosen = [i for own in by_point.values() for i in rng.choice(own, len(own))]
        errors = rng.choice(list(missed.values()), len(by_point))
        moved = np.exp(np.repeat(errors, [len(own) for own in by_point.values()]))
        centre = law(x, weights[chosen], letters[chosen])
        spread = losses[chosen] / np.exp([missed[rows[i]["width"], rows[i]["letters"]] for i in chosen]) / centre
        again = fitted([rows[i] for i in chosen], centre * spread * moved)
        beyond = [law(again, *each) * np.exp(rng.choice(list(missed.values()))) for each in ahead]
        drawn.append([*named(again).values(), *beyond])
    ends = np.percentile(drawn, (2.5, 97.5), axis=0).T
    says = [law(x, *each) for each in ahead]
    return {
        "date": date.today().isoformat(),
        "rows": digest(rows),
        "law": named(x),
        "intervals": {name: [float(e) for e in pair] for name, pair in zip(NAMES, ends, strict=False)},
        "missed": float(np.sqrt(np.mean(np.square(list(missed.values()))))),
        "points": [
            {"width": width, "letters": n, "loss": float(loss), "interval": [float(e) for e in pair]}
            for (width, n), loss, pair in zip(FOUR_TIMES, says, ends[len(NAMES) :], strict=True)
        ],
    }


def digest(rows: list[dict]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def test() -> list[dict]:
    results = common.stored("scaling")
    if results["predict"]["rows"] != digest(results["grid"]):
        raise SystemExit("The prediction was made from other rows than the grid's: run predict again, and commit it.")
    return [row for width, letters in FOUR_TIMES for row in point(width, letters, "test")]


if __name__ == "__main__":
    settings = {"layers": LAYERS, "head": HEAD, "length": LENGTH, "batch": BATCH, "rates": RATES, "seeds": SEEDS}
    parts = {"grid": grid, "predict": predict, "test": test}
    common.run_parts(__doc__, "scaling", parts, ("torch", "numpy", "scipy"), settings, run)
