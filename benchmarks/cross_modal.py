"""Can a picture and a word be neighbours? Emoji and their names: what helps, what hurts, and what needs no training.

    python benchmarks/cross_modal.py  # three quarters of an hour of one core; stopped and started again, it goes on

The chapter's own code cells define the data, the encoders, their training, the baselines and the wrong losses. Seven
folds: each of the first six is judged by networks that were trained on the others; the seventh chooses and never
judges. What chooses is the mean reciprocal rank, of names and of pictures together; the step size of every arm is
sought with two seeds that judge nothing, and beyond the border as long as the best lies there, and so is the number of
neighbours, or the penalty, of an arm without a network. Every training takes as many steps, those of EPOCHS epochs, so
a busy machine changes nothing but the seconds. `trained` has ten seeds, the arms beside it five. They are

    trained         the chapter's: words begin as skip-gram has them, pictures are moved, the scale is learnt, up to 100
    random words    the table of words begins at random
    frozen words    the table of words stays as it begins
    not moved       pictures always in their places
    Chinese         names in Chinese, by characters, from random rows
    dots            dot products in place of cosines
    soft targets    targets from likenesses times the temperature
    one direction   pictures look for names only
    no exponential  the scale's logarithm in place of the scale
    … of neighbours the names of the pictures most alike, by pixels or by colours; nothing is trained
    linear map      from pixels and colours to the names' vectors, by ridge regression; nothing is trained step by step

Neighbours by pixels and colours together, by smaller pictures, or a linear map from either alone, do worse than these
or as well on the fold that chooses.

For the digits, whose captions repeat, only the step sizes are chosen here, for each of three losses, on a quarter that
does not judge; the chapter trains the rest itself.

Results go to src/scratch/results/cross_modal.json: in `chosen` and `digits` what was tried, in `rows` one for each arm,
seed and fold. It has the ranks of the right names, a picture asking, and of the right pictures, a name asking, in the
order of the emoji; the scale at the end, if it was learnt; and for `trained` the group of each picture by words alone
and by a linear probe. One row has what the chapter's questions find in fold 0, one for each fold the group of the most
similar picture.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from scratch.contrastive import clip_loss
from scratch.metrics import crossed_interval, mean_reciprocal_rank, verdict
from scratch.retrieval import ranks
from scratch.table import Table

CELLS = (
    "emoji = load_emoji()",
    "fold = np.random",
    "class Eye(",
    "vectors = word2vec.train(",
    "class Reader(",
    "GROUPS = {",
    "class Scaled(",
    "def moved(",
    "def trained(",
    "def by_neighbours(",
    "def by_ridge(",
    "def sorted_by_words(",
    "digits = load_digits()",
    "def read_digits(",
    "class Dots(",
    "class OneWay(",
)
FOLDS, CHOOSING_FOLD = range(6), 6
CHOOSING = (100, 101)  # seeds
SEEDS = {"trained": range(10)}  # of the others five
RATES = (0.001, 0.002, 0.004)
NEIGHBOURS, PENALTIES = (1, 2, 5, 10, 20, 50), (0.01, 0.03, 0.1, 0.3, 1, 3)
WITHOUT = {  # arms without a network: how, from what, and what may be chosen
    "pixels of neighbours": ("by_neighbours", "flat", NEIGHBOURS),
    "colours of neighbours": ("by_neighbours", "colours", NEIGHBOURS),
    "linear map": ("by_ridge", "looks", PENALTIES),
}
EPOCHS = 45
KINDS, DIGIT_RATES, DIGIT_SEEDS = ("plain", "masked", "shared"), (0.005, 0.01, 0.02), range(100, 105)
FILE = "cross_modal"


@functools.cache
def book() -> dict:
    """The chapter's names."""
    given = {"math": math, "nn": nn, "cross_entropy": cross_entropy, "normalize": normalize, "clip_loss": clip_loss}
    return common.from_chapter("beyond/cross-modal", CELLS, **given)


@functools.cache
def characters() -> list[list[str]]:
    """The names in Chinese, character by character; one without any is a question mark."""
    return [[c for c in name if c >= "\u3400"] or ["?"] for name in book()["emoji"].chinese]


@functools.cache
def arms() -> dict[str, dict]:
    """What each trained arm has in place of the chapter's."""
    b = book()
    texts = [*b["names"], *b["asked"], *b["group_words"]]
    own = {"start": b["start"]}
    return {
        "trained": own,
        "random words": {"start": b["start_of"](texts)},
        "frozen words": own | {"frozen": True},
        "not moved": own | {"moves": False},
        "Chinese": {"texts": characters(), "start": b["start_of"](characters())},
        "dots": own | {"loss": b["Dots"]},
        "soft targets": own | {"loss": b["SoftTargets"]},
        "one direction": own | {"loss": b["OneWay"]},
        "no exponential": own | {"loss": b["NoExponential"]},
    }


def fitted(arm: str, seed: int, fold: int, rate: float) -> tuple:
    """The eye, the reader, the scale at the end (None if none is learnt) and the processor seconds of a training."""
    made = []

    def remembered(factory: Callable) -> nn.Module:
        made.append(factory())
        return made[-1]

    options = dict(arms()[arm])
    factory = options.pop("loss", book()["Scaled"])
    start = time.process_time()
    trained = book()["trained"]
    options |= {"loss": lambda: remembered(factory), "rate": rate, "epochs": EPOCHS}
    eye, reader, _ = trained(seed, fold, **options)
    scale = round(made[0].scale().item(), 2) if hasattr(made[0], "scale") else None
    return eye, reader, scale, round(time.process_time() - start, 1)


def both(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of the right names, given pictures, and of the right pictures, given names."""
    own = [[i] for i in range(len(scores))]
    return ranks(scores, own), ranks(scores.T, own)


def scores_of(arm: str, eye: nn.Module, reader: nn.Module, fold: int) -> np.ndarray:
    """Cosines (pictures, names) of a fold."""
    test = np.flatnonzero(book()["fold"] == fold)
    texts = arms()[arm].get("texts", book()["names"])
    return book()["cosines"](eye, reader, test, [texts[i] for i in test])


def mrr(scores: np.ndarray) -> float:
    return round(float(np.mean([mean_reciprocal_rank(places) for places in both(scores)])), 4)


# --- What is chosen ---------------------------------------------------------------------------------------------------


def guessed(arm: str, fold: int, value: float) -> np.ndarray:
    """Cosines (pictures, names) of a fold by an arm without a network, given what can be chosen of it."""
    how, features, _ = WITHOUT[arm]
    return book()[how](book()[features], fold, value)


def trial(job: dict) -> dict:
    """One training, or one value of an arm without a network, judged by the fold that chooses."""
    arm = job["arm"]
    if arm in WITHOUT:
        return job | {"mrr": mrr(guessed(arm, CHOOSING_FOLD, job["value"]))}
    try:
        eye, reader, *_ = fitted(arm, job["seed"], CHOOSING_FOLD, job["rate"])
    except FloatingPointError:  # steps that are too large
        return job | {"mrr": 0.0}
    return job | {"mrr": mrr(scores_of(arm, eye, reader, CHOOSING_FOLD))}


@functools.cache
def chosen_rate(arm: str) -> float:
    """The step size that is best for an arm, sought beyond the border if need be."""

    def rows(rates: list[float]) -> list[dict]:
        jobs = [{"arm": arm, "rate": rate, "seed": seed} for rate in rates for seed in CHOOSING]
        return common.resumed(FILE, "chosen", jobs, trial)

    found = common.swept(RATES, rows, lambda row: row["mrr"])
    return common.best_rate(found, lambda row: row["mrr"])


@functools.cache
def chosen_value(arm: str) -> float:
    """What is best for an arm without a network: how many neighbours, or what penalty."""
    rows = common.resumed(FILE, "chosen", [{"arm": arm, "value": value} for value in WITHOUT[arm][2]], trial)
    return max(rows, key=lambda row: row["mrr"])["value"]


def digit_trial(job: dict) -> dict:
    """The share of digits that one training reads rightly in the quarter that chooses."""
    right, _ = book()["read_digits"](job["seed"], job["kind"], job["rate"], judge=1)
    return job | {"right": round(float(right.mean()), 4)}


def digit_choices() -> list[dict]:
    """What was tried for the digits' losses; beyond the border as long as the best step size lies there."""
    found = []
    for kind in KINDS:

        def rows(rates: list[float], kind: str = kind) -> list[dict]:
            jobs = [{"kind": kind, "rate": rate, "seed": seed} for rate in rates for seed in DIGIT_SEEDS]
            return common.resumed(FILE, "digits", jobs, digit_trial)

        found += common.swept(DIGIT_RATES, rows, lambda row: row["right"])
    return found


# --- What is judged ---------------------------------------------------------------------------------------------------


def judged(job: dict) -> dict:
    """The ranks that an arm gives in a fold."""
    arm, fold = job["arm"], job["fold"]
    row = dict(job)
    if arm in WITHOUT:
        row["value"] = chosen_value(arm)
        scores = guessed(arm, fold, row["value"])
    else:
        rate = chosen_rate(arm)
        eye, reader, scale, row["seconds"] = fitted(arm, job["seed"], fold, rate)
        row |= {"rate": rate} | ({} if scale is None else {"scale": scale})
        scores = scores_of(arm, eye, reader, fold)
        if arm == "trained":
            row |= sorted_into_groups(eye, reader, fold)
        if (arm, job["seed"], fold) == ("trained", 0, 0):
            row["answers"] = answers(eye, reader, fold)
    for way, places in zip(("names", "pictures"), both(scores), strict=True):
        row[way] = " ".join(map(str, places.tolist()))
    return row


def sorted_into_groups(eye: nn.Module, reader: nn.Module, fold: int) -> dict:
    """The groups' numbers of the pictures of a fold: by words alone, and by a linear probe on the eye's vectors."""
    from sklearn.linear_model import LogisticRegression

    b = book()
    train, test = (np.flatnonzero(side) for side in (b["fold"] != fold, b["fold"] == fold))
    with torch.no_grad():
        vectors = normalize(eye(b["pixels"])).numpy()
    probe = LogisticRegression(C=10, max_iter=2000).fit(vectors[train], b["group_of"][train])
    by_words = b["sorted_by_words"](eye, reader, test)
    return {"groups": digits(by_words), "probe": digits(probe.predict(vectors[test]))}


def digits(groups: np.ndarray) -> str:
    """The numbers of groups, each below 10, in a row."""
    return "".join(map(str, groups))


def nearest(job: dict) -> dict:
    """The groups' numbers of the training pictures that are most alike in pixels."""
    b = book()
    train, test = (np.flatnonzero(side) for side in (b["fold"] != job["fold"], b["fold"] == job["fold"]))
    alike = normalize(b["flat"][test]) @ normalize(b["flat"][train]).T
    return job | {"nearest": digits(b["group_of"][train][alike.argmax(1).numpy()])}


def answers(eye: nn.Module, reader: nn.Module, fold: int) -> dict[str, list[str]]:
    """For each of the chapter's questions the names of the five pictures of a fold that are nearest."""
    b = book()
    test = np.flatnonzero(b["fold"] == fold)
    scores = b["cosines"](eye, reader, test, b["asked"])  # (test, questions)
    order = np.argsort(-scores, axis=0, kind="stable")[:5]
    return {words: [b["emoji"].english[test[i]] for i in order[:, j]] for j, words in enumerate(b["ASKED"])}


def jobs() -> list[dict]:
    """All that is judged, in order."""
    found = [{"arm": arm, "seed": 0, "fold": fold} for arm in WITHOUT for fold in FOLDS]
    for arm in arms():
        found += [{"arm": arm, "seed": seed, "fold": fold} for seed in SEEDS.get(arm, range(5)) for fold in FOLDS]
    return found


def all_choices() -> list[dict]:
    """What was tried for every arm, each written as it comes."""
    for arm in WITHOUT:
        chosen_value(arm)
    for arm in arms():
        chosen_rate(arm)
    return common.stored(FILE)["chosen"]


def all_rows() -> list[dict]:
    """The rows that are stored, and those that were missing, each written as it comes."""
    all_choices()  # before the rows: who writes one part keeps the others as they were when it began
    common.resumed(FILE, "rows", [{"pixels": "most alike", "fold": fold} for fold in FOLDS], nearest)
    common.resumed(FILE, "rows", jobs(), judged)
    return common.stored(FILE)["rows"]


# --- What came out ----------------------------------------------------------------------------------------------------


def places(rows: list[dict], arm: str, way: str = "names") -> np.ndarray:
    """The ranks of an arm (seeds, emoji of all folds)."""
    mine = sorted((row for row in rows if row.get("arm") == arm), key=lambda row: (row["seed"], row["fold"]))
    seeds = {row["seed"] for row in mine}
    return np.array([int(place) for row in mine for place in row[way].split()]).reshape(len(seeds), -1)


def compare(rows: list[dict], first: str, second: str, k: int = 1, which: np.ndarray | None = None) -> tuple:
    """By how much the first arm's recall@k is larger, a picture asking, with the interval and what it lets one say.

    Paired by emoji and, as far as both have them, by seeds; an arm without seeds is the same in all. `which` takes some
    of the emoji.
    """
    a, b = ((places(rows, arm) <= k).astype(float) for arm in (first, second))
    seeds = max(len(a), len(b)) if 1 in (len(a), len(b)) else min(len(a), len(b))
    gaps = (a[:seeds] - b[:seeds])[:, slice(None) if which is None else which]  # (seeds, emoji)
    low, high = crossed_interval(gaps)
    return float(gaps.mean()), low, high, verdict(low, high)


def main() -> None:
    torch.set_num_threads(1)
    settings = {"rates": RATES, "choosing": CHOOSING, "neighbours": NEIGHBOURS, "penalties": PENALTIES}
    settings |= {"epochs": EPOCHS, "folds": len(FOLDS), "digits' seeds": list(DIGIT_SEEDS)}
    packages = ("torch", "numpy", "gensim", "scikit-learn")
    parts = {"digits": digit_choices, "chosen": all_choices, "rows": all_rows}
    results = common.run_parts(__doc__, FILE, parts, packages, settings)
    table = []
    for arm in dict.fromkeys(row["arm"] for row in results["rows"] if "arm" in row):
        recalls = [(places(results["rows"], arm, way) <= k).mean() for way in ("names", "pictures") for k in (1, 5)]
        beside = (0, 0, 0, "") if arm == "trained" else compare(results["rows"], arm, "trained")
        table.append((arm, *recalls, *beside))
    columns = dict.fromkeys(("picture asks @1", "@5", "name asks @1", "@5 "), ".3f")
    print(Table(table, {"": ""} | columns | dict.fromkeys(("beside trained", "from", "to"), "+.3f") | {"so it is": ""}))


if __name__ == "__main__":
    main()
