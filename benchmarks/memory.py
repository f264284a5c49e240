"""Which step size is best for a translation memory, and who finds more? The search of the chapter on the LSTM encoder.

    python benchmarks/memory.py  # some three minutes on one quiet core

Runs the chapter's own code cells, those that define data, models, training and scores. Each arm takes the step size
with which three seeds find the best translations for validation strings. Five other seeds are judged, on the questions,
with that size: the mean scores of each, and by how much one arm is better, question by question, with the interval that
holds 95 of 100 draws of the questions. Beside them stand, for the same seeds, the sums with TF-IDF, the encoder
untrained and without lengths, and whether a sentence in the right order is nearer to it. Results go to
src/scratch/results/memory.json, with machine and versions.
"""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from torch import nn

from scratch.corpora import load_pairs
from scratch.encoder import Encoder
from scratch.metrics import interval
from scratch.text import Vocabulary, pad, tokenize

CELLS = (
    "def sentences(split):",
    "memory, validation, questions = map(",
    "def note(name, cosines",
    "def skip_gram(",
    "vocabulary = Vocabulary.from_tokens((w",
    "D_H = 96",
    "class MeanOfWords(",
    "def trained(kind",
    "def forgetful(",
    "def heeds_order(",
)
RATES = {
    "skip-gram": (0.0125, 0.025, 0.05),  # at 0.07 some seeds diverge
    "mean of words": (0.02, 0.05, 0.1, 0.2),
    "LSTM": (0.005, 0.01, 0.02, 0.05),
}
CHOOSING, JUDGED = (10, 11, 12), (3, 4, 5, 6, 7)  # seeds; the chapter has 0
PAIRS = (
    ("mean of words", "TF-IDF"),
    ("LSTM", "TF-IDF"),
    ("LSTM", "mean of words"),
    ("LSTM and TF-IDF", "TF-IDF"),
    ("LSTM and TF-IDF", "mean of words and TF-IDF"),
)


def search() -> dict[str, list]:
    """Of each arm the best rate and the scores by seed; of each pair the mean difference and its interval."""
    given = {"torch": torch, "nn": nn, "Encoder": Encoder, "Vocabulary": Vocabulary, "pad": pad, "tokenize": tokenize}
    given["cosine"] = nn.functional.cosine_similarity
    book = common.from_chapter("encoder/lstm-encoder", CELLS, splits=load_pairs("en-zh"), **given)

    def vectors(arm: str, seed: int, rate: float) -> Callable:
        if arm == "skip-gram":
            return book["skip_gram"](seed, rate)
        model = book["trained"](arm, seed, rate)
        if arm == "LSTM" and seed in JUDGED:
            heeds.append(book["heeds_order"](model))
            note("LSTM, untrained", book["using"](book["fresh"](arm, seed).vectors), seed)
            note("LSTM, lengths forgotten", book["using"](book["forgetful"](model), str), seed)
        return book["using"](model.vectors)

    def note(arm: str, encode: Callable, seed: int) -> None:
        book["note"](arm, book["cosines"](encode), seed)

    def scores(arm: str) -> list[list[float]]:  # (seeds, 2): any sentence, no common word
        return book["scores"](arm).mean(2).astype(float).round(4).tolist()

    def validation(arm: str, seed: int, rate: float) -> float:
        found = book["cosines"](vectors(arm, seed, rate), "validation").argmax(1)
        return round(float(book["valid"][np.arange(len(found)), found].mean()), 4)

    arms, beside, heeds = [], [], []
    for arm, rates in RATES.items():
        tried = {rate: [validation(arm, seed, rate) for seed in CHOOSING] for rate in rates}
        best = max(rates, key=lambda rate: np.mean(tried[rate]))
        for seed in JUDGED:
            near = book["cosines"](vectors(arm, seed, best))
            book["note"](arm, near, seed)
            book["note"](f"{arm} and TF-IDF", near + book["by_words"], seed)
        arms.append({"arm": arm, "rate": best, "validation": tried, "scores": scores(arm)})
        others = [f"{arm} and TF-IDF", *(["LSTM, untrained", "LSTM, lengths forgotten"] if arm == "LSTM" else [])]
        beside += [{"arm": other, "scores": scores(other)} for other in others]
        print(arms[-1], flush=True)
    pairs = []
    for one, other in PAIRS:
        better = book["scores"](one).mean(0)[0] - book["scores"](other).mean(0)[0]  # of each question
        ends = [round(float(end), 4) for end in interval(np.mean, better)]
        pairs.append({"one": one, "other": other, "mean": round(float(better.mean()), 4), "interval": ends})
        print(pairs[-1], flush=True)
    return {"arms": arms, "beside": beside, "pairs": pairs, "heeds order": heeds}


if __name__ == "__main__":
    settings = {"choosing": CHOOSING, "judged": JUDGED, "rates": RATES}
    common.run_parts(__doc__, "memory", {"search": search}, ("torch", "scikit-learn"), settings)
