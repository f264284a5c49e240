"""Counting against predicting: PPMI, its SVD, skip-gram, CBOW and GloVe on one corpus and the same questions.

    python benchmarks/glove.py [--stanford FOLDER --program "which version, how compiled"] [--only NAME …]

Writes src/scratch/results/glove.json and prints a table. Every model reads the same sentences, shuffled once, since the
book's trainers read in random order and gensim's as the text comes. Step sizes, and GloVe's number of passes, are those
that SimLex-999 prefers (`--only sweep` tries them); it judges no more then, and WordSim-353 and the analogies do.

Times are CPU seconds of one process on one thread, without reading the corpus. `--stanford` takes a folder with the
programs of https://github.com/stanfordnlp/GloVe, and trains its `glove` on the very cells that ours learns. `--only`
measures these groups of models again and keeps the rest. The file holds every cosine and every right or wrong answer,
so that intervals of differences can be computed from it.
"""

import argparse
import base64
import contextlib
import ctypes
import json
import os
import platform
import random
import re
import resource
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import common
import gensim
import numpy as np
import torch
from scipy import sparse

from scratch import glove, word2vec
from scratch.cooccurrence import cooccurrence, ppmi, svd_vectors
from scratch.corpora import load, load_analogies, load_ratings
from scratch.evaluation import analogies, similarity
from scratch.metrics import interval, spearman
from scratch.text import Vocabulary

DIM, WINDOW, MIN_COUNT, X_MAX, SMOOTHING, POWER, STEP_SIZE, SEEDS = 100, 10, 5, 10, 0.75, 0.5, 0.05, (0, 1)
PASSES = 15, 50  # of the released example; many more (the paper: 50 for fewer than 300 dimensions)
WORD2VEC = {"window": 5, "negative": 5, "epochs": 5, "min_count": MIN_COUNT}
RATES = {"skip-gram (gensim)": 0.05, "skip-gram (ours)": 0.05, "CBOW (gensim)": 0.1, "CBOW (ours)": 0.2}
WIDE_RATE = 0.025  # of our skip-gram with the wide window, which diverges at 0.05
BEST = {"step_size": 0.2, "epochs": 10}  # of GloVe
SWEEP = {
    "GloVe (ours)": [(step, passes) for step in (0.0125, 0.05, 0.2, 0.4) for passes in (5, 10, 15)],
    "skip-gram (gensim)": [(0.0125,), (0.025,), (0.05,), (0.1,)],
    "skip-gram (ours)": [(0.0125,), (0.025,), (0.05,), (0.1,)],
    "CBOW (gensim)": [(0.025,), (0.05,), (0.1,), (0.2,)],
    "CBOW (ours)": [(0.025,), (0.05,), (0.1,), (0.2,), (0.4,)],
}


class Text:
    """The corpus, its vocabulary and its co-occurrence counts, read and counted once."""

    def __init__(self):
        self.sentences = load("english")
        random.Random(0).shuffle(self.sentences)
        self.counts = Vocabulary.from_tokens((w for s in self.sentences for w in s), MIN_COUNT).counts
        self.words = list(self.counts)
        self.index = {word: i for i, word in enumerate(self.words)}
        self.ids = [[self.index[w] for w in s if w in self.index] for s in self.sentences]
        self.length = sum(map(len, self.ids))
        start = time.process_time()
        self.cells = cooccurrence(self.ids, len(self.words), WINDOW)
        self.counting = time.process_time() - start

    def keyed(self, table):
        return word2vec.keyed_vectors(self.counts, torch.as_tensor(table))


def judged(vectors, index):
    """The cosines of a model, `KeyedVectors` or a sparse matrix, and its right answers, as they stand in the file."""
    if sparse.issparse(vectors):
        cosines, right = sparse_judged(vectors, index)
    else:
        cosines = {name: similarity(vectors, name)[1] for name in ("wordsim-353", "simlex-999")}
        right = analogies(vectors)[0]
    packed = base64.b64encode(np.packbits(right).tobytes()).decode()
    return {name: [round(float(c), 4) for c in values] for name, values in cosines.items()} | {"analogies": packed}


def sparse_judged(matrix, index):
    """`similarity` and `analogies` for the rows of a sparse matrix, which are as long as the vocabulary."""
    unit = sparse.diags_array(1 / np.sqrt((matrix * matrix).sum(axis=1)).clip(1e-12)) @ matrix  # (V, V)
    cosines = {}
    for name in ("wordsim-353", "simlex-999"):
        pairs = [(a.lower(), b.lower()) for a, b, _ in load_ratings(name)]
        known = np.array([(index[a], index[b]) for a, b in pairs if a in index and b in index])  # (n, 2)
        cosines[name] = (unit[known[:, 0]] * unit[known[:, 1]]).sum(axis=1)
    questions = [[w.lower() for w in words] for _section, *words in load_analogies("google-analogies")]
    rows = np.array([[index[w] for w in words] for words in questions if all(w in index for w in words)])  # (n, 4)
    used, place = np.unique(rows[:, :3], return_inverse=True)
    gram = (unit[used] @ unit.T).toarray()  # (used, V) every cosine that the questions need
    right = []
    for (a, b, c), row in zip(place.reshape(-1, 3), rows, strict=True):
        scores = gram[b] - gram[a] + gram[c]
        scores[row[:3]] = -np.inf
        right.append(scores.argmax() == row[3])
    return cosines, np.array(right)


def count_models(text):
    """PPMI and its SVD. Their time includes the counting."""
    start = time.process_time()
    matrix = ppmi(text.cells, SMOOTHING)
    seconds = text.counting + time.process_time() - start
    yield "PPMI", seconds, matrix, {}
    start = time.process_time()
    table = svd_vectors(matrix, DIM, POWER)
    yield "PPMI + SVD", seconds + time.process_time() - start, text.keyed(table), {}


def predicted(text, name, rate, change=None):
    """Vectors of gensim's or our word2vec, in the order of our vocabulary, so that all models break ties alike."""
    architecture, side = name.split()
    settings = WORD2VEC | (change or {})
    start = time.process_time()
    if side == "(gensim)":
        settings |= {"vector_size": DIM, "sg": int(architecture == "skip-gram"), "workers": 1, "seed": SEEDS[0]}
        keyed = gensim.models.Word2Vec(text.sentences, alpha=rate, **settings).wv
    else:
        settings |= {"dim": DIM, "learning_rate": rate, "seed": SEEDS[0]}
        keyed = word2vec.train(text.sentences, architecture.lower(), loss="negative", **settings)
    return time.process_time() - start, text.keyed(keyed[text.words])


def word2vec_models(text):
    """gensim's and our skip-gram and CBOW with negative sampling, each at its own step size."""
    for name, rate in RATES.items():
        yield name, *predicted(text, name, rate), {"step_size": rate}


def variants(text):
    """Is it the window, or the number of passes? Counting with word2vec's, skip-gram with GloVe's."""
    start = time.process_time()
    matrix = ppmi(cooccurrence(text.ids, len(text.words), WORD2VEC["window"]), SMOOTHING)
    table = svd_vectors(matrix, DIM, POWER)
    yield "PPMI + SVD, window 5", time.process_time() - start, text.keyed(table), {}
    name = "skip-gram (ours)"
    for about, change in ((f"window {WINDOW}", {}), (f"window {WINDOW}, 15 passes", {"epochs": 15})):
        yield (
            f"{name}, {about}",
            *predicted(text, name, WIDE_RATE, {"window": WINDOW, **change}),
            {"step_size": WIDE_RATE},
        )


def glove_models(text):
    """Ours, for two seeds: the sum of both tables, and the words' table alone."""
    settings = {f"{n} passes": {"step_size": STEP_SIZE, "epochs": n} for n in PASSES}
    settings |= {"best": BEST}
    for about, choice in settings.items():
        for seed in SEEDS:
            losses = []
            start = time.process_time()
            model = glove.fit(
                text.cells, DIM, seed=seed, x_max=X_MAX, report=lambda _, x, s=losses: s.append(x), **choice
            )
            seconds = time.process_time() - start
            details = {"loss": [round(loss, 6) for loss in losses], "seed": seed, "training_seconds": seconds, **choice}
            name = f"GloVe (ours), {about}" + f", seed {seed}" * bool(seed)
            yield name, text.counting + seconds, text.keyed(model.vectors()), details
            yield f"{name}, W alone", text.counting + seconds, text.keyed(model.words), {}


def sweep(text):
    """SimLex-999 for each arm, step size and, for GloVe, number of passes; None where training diverges."""
    found = []
    for arm, choices in SWEEP.items():
        for choice in choices:
            score = None  # of a training that diverges
            with contextlib.suppress(FloatingPointError):
                if arm.startswith("GloVe"):
                    step_size, passes = choice
                    vectors = text.keyed(glove.fit(text.cells, DIM, passes, x_max=X_MAX, step_size=step_size).vectors())
                else:
                    _, vectors = predicted(text, arm, *choice)
                people, cosines, _ = similarity(vectors, "simlex-999")
                score = round(spearman(people, cosines), 4)
            found.append({"arm": arm, "choice": choice, "simlex-999": score})
            print(found[-1], flush=True)
    return found


def stanford_models(text, folder):
    """The released program, on the same cells in a random order; the time is its own, with our counting."""
    with tempfile.TemporaryDirectory() as scratch:
        both, losses, seconds = stanford(folder, Path(scratch), text.cells, text.counts, PASSES[0], DIM)
    about = {"loss": losses, "training_seconds": seconds}
    seconds += text.counting
    yield "GloVe (Stanford)", seconds, text.keyed(both[0, :, :DIM] + both[1, :, :DIM]), about
    yield "GloVe (Stanford), W alone", seconds, text.keyed(both[0, :, :DIM]), {}


def stanford(folder, scratch, cells, counts, epochs, dim, order=None):
    """Run the program: both tables (2, V, dim + 1), the bias last; the loss of each epoch; CPU seconds."""
    cells = cells.tocoo()
    order = np.random.default_rng(0).permutation(cells.nnz) if order is None else order
    records = np.empty(cells.nnz, dtype=[("i", "<i4"), ("j", "<i4"), ("x", "<f8")])
    records["i"], records["j"], records["x"] = cells.row[order] + 1, cells.col[order] + 1, cells.data[order]
    records.tofile(scratch / "cells")
    (scratch / "vocabulary").write_text("".join(f"{word} {n}\n" for word, n in counts.items()), "utf-8")
    options = {"input-file": scratch / "cells", "vocab-file": scratch / "vocabulary", "save-file": scratch / "vectors"}
    options |= {"vector-size": dim, "iter": epochs, "x-max": X_MAX, "threads": 1, "binary": 1, "seed": 1}
    command = [Path(folder) / "glove", *(word for name, value in options.items() for word in (f"-{name}", str(value)))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    losses = [float(loss) for loss in re.findall(r"iter: \d+, cost: ([\d.]+)", said)]
    both = np.fromfile(scratch / "vectors.bin").reshape(2, len(counts), dim + 1)
    return both, losses, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def parity(folder):
    """Cell by cell and in double precision, ours is the program: one epoch from the same random start."""
    sentences, dim = load("english")[:200], 10
    counts = Vocabulary.from_tokens(w for s in sentences for w in s).counts
    index = {word: i for i, word in enumerate(counts)}
    cells = cooccurrence([[index[w] for w in s] for s in sentences], len(counts)).tocoo()
    with tempfile.TemporaryDirectory() as scratch:
        theirs, _, _ = stanford(folder, Path(scratch), cells, counts, 1, dim, order=np.arange(cells.nnz))
    libc = ctypes.CDLL(None)
    libc.srand(1)
    drawn = np.array([libc.rand() for _ in range(2 * len(counts) * (dim + 1))]) / (2**31 - 1)
    start = ((drawn - 0.5) / (dim + 1)).reshape(dim + 1, 2, len(counts))  # its order: dimension, table, word
    model = glove.GloVe(len(counts), dim, dtype=torch.float64)
    model.words[:], model.contexts[:] = torch.from_numpy(start[:dim].transpose(1, 2, 0).copy())
    model.word_biases[:], model.context_biases[:] = torch.from_numpy(start[dim].copy())
    rows, columns = (torch.from_numpy(place.astype("int64")) for place in cells.coords)
    x = torch.from_numpy(cells.data)
    weights = glove.weighting(x, X_MAX)
    for k in torch.arange(len(x)).split(1):
        model.step(rows[k], columns[k], x[k].log(), weights[k])
    sides = (model.words, model.word_biases), (model.contexts, model.context_biases)
    ours = np.stack([torch.cat([vectors, biases.unsqueeze(1)], 1) for vectors, biases in sides])
    return {
        "cells": len(x),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "moved": float(np.abs(ours).max()),
    }


def measure(arguments, results):
    text = Text()
    print(f"{text.length:,} words of {len(text.words):,} kinds, {text.cells.nnz:,} cells", flush=True)
    known = text.keyed(np.ones((len(text.words), 1)))
    sets = {name: similarity(known, name) for name in ("wordsim-353", "simlex-999")}
    right, left_out = analogies(known)
    versions = {name: version(name) for name in ("torch", "numpy", "scipy", "gensim")}
    results |= {
        "machine": f"{platform.machine()}, one thread",
        "versions": versions | {"python": platform.python_version()},
        "settings": {
            "dim": DIM,
            "counts": {"window": WINDOW, "weight": "1/distance", "min_count": MIN_COUNT},
            "ppmi": {"smoothing": SMOOTHING, "power": POWER},
            "glove": {"passes": PASSES, "x_max": X_MAX, "step_size": STEP_SIZE, "best": BEST},
            "word2vec": WORD2VEC | {"step_sizes": RATES},
        },
        "text": {"words": text.length, "vocabulary": len(text.words), "cells": text.cells.nnz},
        "counting": {"cpu_seconds": round(text.counting, 2), "words_per_second": round(text.length / text.counting)},
        "people": {name: {"ratings": people.tolist(), "left_out": out} for name, (people, _, out) in sets.items()},
        "questions": {"asked": len(right), "left_out": left_out},
    }
    models = results.setdefault("models", {})
    groups = {"counts": count_models, "word2vec": word2vec_models, "variants": variants, "glove": glove_models}
    if arguments.stanford:
        results["program"] = arguments.program
        results["parity"] = parity(arguments.stanford)
        print("cell by cell, to Stanford's program:", results["parity"], flush=True)
        groups["stanford"] = lambda text: stanford_models(text, arguments.stanford)
    if not arguments.only or "sweep" in arguments.only:
        results["sweep"] = sweep(text)
    for name, group in groups.items():
        if not arguments.only or name in arguments.only:
            for model, seconds, vectors, about in group(text):
                models[model] = {"cpu_seconds": round(seconds, 1), **about, **judged(vectors, text.index)}
                print(f"{model:<39}{seconds:8.1f} s", flush=True)
                (common.RESULTS / "glove.json").write_text(json.dumps(results) + "\n", "utf-8")


def table(results):
    """One row a model: the three scores with their 95% intervals, and the time."""
    people = {name: np.array(about["ratings"]) for name, about in results["people"].items()}
    print(f"{'':<39}{'WordSim-353':>22}{'SimLex-999':>22}{'analogies %':>22}{'cpu s':>8}")
    for model, about in results["models"].items():
        scores = [
            (spearman(people[name], about[name]), *interval(spearman, people[name], np.array(about[name])))
            for name in people
        ]
        bits = np.frombuffer(base64.b64decode(about["analogies"]), dtype=np.uint8)
        right = 100 * np.unpackbits(bits)[: results["questions"]["asked"]]
        scores.append((right.mean(), *interval(np.mean, right)))
        cells = "".join(f"{f'{s:.3g} [{low:.3g}, {high:.3g}]':>22}" for s, low, high in scores)
        print(f"{model:<39}{cells}{about['cpu_seconds']:8.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stanford", metavar="FOLDER", help="a folder with Stanford's compiled programs")
    parser.add_argument("--program", metavar="TEXT", default="unknown", help="its version and how it was compiled")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("sweep", "counts", "word2vec", "variants", "glove", "stanford"),
        help="these only",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = common.RESULTS / "glove.json"
    results = json.loads(path.read_text("utf-8")) if arguments.only and path.exists() else {}
    measure(arguments, results)
    table(results)
