"""Which bugs does a task's accuracy give away? The encoders of the chapter on wrong ones, on two tasks.

    python benchmarks/museum.py          # some six minutes on two quiet cores
    python benchmarks/museum.py guesses  # one part only: rows, guesses or leak

Runs the chapter's own code cells. Each encoder takes steps of its own best size: the one with most right answers, over
two seeds, on 2,000 validation sentences, which are neither trained on nor tested. A row has, for every seed, the shares
of right answers to 2,000 test sentences, in batches as in training and padded to 64 places, and of those that differ
between the two. *guesses* are such rows of the two encoders by which the chapter asks why cut heads are better. *leak*
has, for the language model with a sound mask and with one that shows the next word, the shares of next words found, by
place, for every seed. Results go to src/scratch/results/museum.json, with machine and versions.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import multiprocessing
from collections.abc import Callable

import common
import torch

CELLS = ("import torch\n", "def attend(", "class Reader(", "import check_encoder", "def exhibit(", "def law(")
CELLS += ("import padding_invariance\n", 'exhibit("mean counts', '"mask on the queries", law', 'exhibit("heads cut')
CELLS += ('"softmax over queries", law', "def wrong(layer, ids)", "import cross_entropy", "def torch_with_empty_row")
CELLS += ("def torch_attention(", "def torch_layer(", "def counts(", "sentences = load(", "TASKS = {")
CELLS += ("def batch(", "def build(", "def train(", "def quarters(")
CELLS += ('"mask shows next word", law', "frequent = Vocabulary", "def hits_by_place(")
SEEDS, CHOOSING = 5, 2  # the step size is chosen by the first two
STEPS = {"which era?": 100, "in order?": 400}
RATES = {"which era?": (0.01, 0.03, 0.1), "in order?": (0.001, 0.003, 0.01, 0.03)}
TEST = 2000
book = {}  # the chapter's names


def row(task: str, name: str) -> dict:
    """The best step size of this encoder, and for every seed the three shares."""
    train, judge, texts = book["train"], book["judge"], book["TASKS"][task]
    answers = {
        (rate, seed): train(name, task, rate, seed, STEPS[task]) for rate in RATES[task] for seed in range(CHOOSING)
    }
    scores, shares = {}, {"right": [], "padded": [], "changed": []}
    for rate in RATES[task]:
        rights = [judge(answers[rate, seed], texts[TEST : book["HELD"]])[1] for seed in range(CHOOSING)]
        scores[rate] = round(torch.stack(rights).double().mean().item(), 4)
    best = max(scores, key=scores.get)
    for seed in range(SEEDS):
        answer = answers.get((best, seed)) or train(name, task, best, seed, STEPS[task])
        (before, right), (after, still) = (judge(answer, texts[:TEST], width) for width in (0, 64))
        for share, hits in zip(shares.values(), (right, still, before != after), strict=True):
            share.append(round(hits.double().mean().item(), 4))
    return {"task": task, "encoder": name, "rate": best, "validation": list(scores.values())} | shares


def rows() -> list[dict]:
    """One row for each task and encoder."""
    return by_two(lambda: [(task, name) for task in reversed(STEPS) for name in book["NAMES"]])


def guesses() -> list[dict]:
    """One row for each encoder that tries a guess, on the task on which the cut heads are better."""
    return by_two(lambda: [("in order?", name) for name in ("narrow view", "cards")])


def leaking(mask: str) -> dict:
    """For every seed, the share of next words that a language model with this mask finds at each place."""
    exhibit = book["museum"]["mask shows next word"]
    allow = {"sound mask": exhibit.mended, "shows next word": exhibit.wrong}[mask]
    hits = [book["hits_by_place"](allow, seed)[0].tolist() for seed in range(SEEDS)]
    return {"mask": mask, "hits": [[round(share, 4) for share in shares] for shares in hits]}


def leak() -> list[dict]:
    """One row for each of the two masks."""
    return by_two(lambda: [("sound mask",), ("shows next word",)], leaking)


def by_two(jobs: Callable[[], list[tuple[str, ...]]], run: Callable[..., dict] = row) -> list[dict]:
    """The rows of these jobs, found by two processes; they are asked for when the chapter is there."""
    default, found = torch.get_default_dtype(), []
    try:
        book.update(common.from_chapter("encoder/wrong-on-purpose", CELLS))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for job in [pool.apply_async(run, job) for job in jobs()]:
                found.append(job.get())
                print(found[-1], flush=True)
    finally:
        torch.set_default_dtype(default)  # the chapter sets float64
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    settings = {"seeds": SEEDS, "choosing": CHOOSING, "rates": RATES, "steps": STEPS, "test sentences": TEST}
    common.run_parts(__doc__, "museum", {"rows": rows, "guesses": guesses, "leak": leak}, ("torch",), settings)
