"""Add or concatenate, tie or not, begin with word2vec or not? The chapter on the input layer, larger.

    python benchmarks/input_layer.py      # some twenty minutes on one quiet core
    python benchmarks/input_layer.py gap  # one part only

Runs the chapter's own code cells. Each arm takes steps of its own best size, chosen on validation examples, which are
neither trained on nor tested; then it is trained with more seeds, the same for all arms: differences are paired.

*gap*: eight ways to give words and places to a network that guesses the word in a gap, a mean over the places of what
a matrix makes of each; and two of them with a layer of a Transformer encoder in place of the matrix.
Beside them, counts: for each of the eight places, how often a word stands there beside each answer (naive Bayes).

*tied*: language models whose two tables are one, or two, on much text and on little.

*pretrained*: early or late? Tables that begin with word2vec's rows or with random ones, frozen or tuned, by the number
of labelled sentences; beside them logistic regression on the sentences' bags of words.

Results go to src/scratch/results/input_layer.json, with machine and versions.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import Tensor, nn

from scratch.input_layer import InputLayer
from scratch.position import sinusoidal
from scratch.text import Vocabulary, pad, tokenize

CHAPTER = "input-layer/the-input-layer"
CELLS = (
    *("def shuffled(", "class Concatenated(", "class Gap(", "def added(", "def learn(", "class NextWord("),
    *("common_words = ", "import Word2Vec\n", "class Era(", "def era("),
)
SEEDS = 5
RATES = {
    "gap": (0.003, 0.01, 0.03, 0.1),
    "much": (0.003, 0.01, 0.03, 0.1),
    "little": (0.001, 0.003, 0.01, 0.03, 0.1),
    "pretrained": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
}
STRENGTHS = (0.1, 1, 10, 100, 1000)  # of the regression: the inverse of its weight decay
ATTENDED = ("added, learned", "added, sinusoidal")


class Attended(nn.Module):
    """As the chapter's `Gap`, with a layer of a Transformer encoder in place of the first matrix."""

    def __init__(self, inputs: nn.Module, width: int):
        super().__init__()
        self.inputs = inputs
        self.first = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.last = nn.Linear(width, 100)

    def forward(self, ids: Tensor) -> Tensor:
        return self.last(self.first(self.inputs(ids)).mean(1))


def best_and_seeds(
    rates: tuple[float, ...], train: Callable[[float, int], object], score: Callable[[object], float]
) -> tuple[dict, list]:
    """The rate with the least score for seed 0, and what is trained at it, for all seeds."""
    first = {rate: train(rate, 0) for rate in rates}
    scores = {rate: score(model) for rate, model in first.items()}
    best = min(scores, key=scores.get)
    models = [first[best]] + [train(best, seed) for seed in range(1, SEEDS)]
    return {"rate": best, "validation": [round(x, 4) for x in scores.values()]}, models


def naive_bayes(data: dict, vocab_size: int) -> dict:
    """The loss of counting: log p(answer) + heat · Σ log p(word at place k | answer); heat is chosen on validation."""
    x, y = data["learn"]
    log_p = torch.bincount(y, minlength=100).double().log()  # (100,)
    counts = torch.zeros(8, 100, vocab_size, dtype=torch.double)
    for place in range(8):
        counts[place].index_put_((y, x[:, place]), torch.ones(len(y), dtype=torch.double), accumulate=True)
    smooth = 1 + counts.sum(1, keepdim=True)  # (8, 1, V)
    smooth *= vocab_size / smooth.sum(2, keepdim=True)
    best = None
    for alpha in (0.03, 0.1, 0.3, 1.0, 3.0):
        given = (counts + alpha * smooth).log()  # (8, 100, V)
        given -= given.logsumexp(2, keepdim=True)
        for heat in (0.3, 0.4, 0.5, 0.6, 0.8, 1.0):
            losses = {}
            for name in ("validation", "test"):
                ids, truth = data[name]
                scores = log_p + heat * sum(given[place, :, ids[:, place]].T for place in range(8))
                losses[name] = nn.functional.cross_entropy(scores, truth).item()
            if best is None or losses["validation"] < best["validation"]:
                best = losses | {"alpha": alpha, "heat": heat}
    return best


def gap(book: dict) -> list[dict]:
    """For each model, length of training and arm: the best rate, and the test losses of all seeds."""
    data, found = book["data"], []
    counted = naive_bayes(data, book["V"])
    loss = round(counted.pop("test"), 4)
    found.append({"model": "counts", "arm": "naive Bayes", "steps": 0, "loss": [loss]} | counted)
    print(found[-1], flush=True)
    for model, steps in ((book["Gap"], 400), (Attended, 400)):
        for arm, make in book["kinds"].items():
            if model is Attended and arm not in ATTENDED:
                continue

            def train(rate: float, seed: int, model=model, make=make, steps=steps) -> nn.Module:
                torch.manual_seed(seed)
                return book["learn"](model(*make()), *data["learn"], steps, rate, seed=seed)

            about, models = best_and_seeds(
                RATES["gap"], train, lambda trained: book["judge"](trained, *data["validation"])[0]
            )
            row = {"model": model.__name__, "arm": arm, "steps": steps, "parameters": book["size"](models[0])} | about
            found.append(row | {"loss": [round(book["judge"](one, *data["test"])[0], 4) for one in models]})
            print(found[-1], flush=True)
    return found


def tied(book: dict) -> list[dict]:
    """For each text and model: the best rate, and the losses of all seeds on held-out text."""
    arms = {f"{name}, {d}": (600, d, name == "tied") for name in ("untied", "tied") for d in (20, 32)}
    found = []
    for text, words in book["texts"].items():
        for arm, arguments in arms.items():

            def train(rate: float, seed: int, arguments=arguments, words=words) -> nn.Module:
                torch.manual_seed(seed)
                model = book["NextWord"](*arguments)
                return book["learn"](model, words[:, :4], words[:, 4], 300, rate, batch=100, seed=seed)

            def loss(model: nn.Module, words: Tensor) -> float:
                return book["judge"](model, words[:, :4], words[:, 4])[0]

            about, models = best_and_seeds(RATES[text], train, lambda model: loss(model, book["tuning"]))
            row = {"text": text, "arm": arm, "parameters": book["size"](models[0])} | about
            found.append(row | {"loss": [round(loss(model, book["held"]), 4) for model in models]})
            print(found[-1], flush=True)
    return found


def pretrained(book: dict) -> list[dict]:
    """For each number of labelled sentences and arm: the best rate, and the share of right answers of all seeds."""
    from sklearn.linear_model import LogisticRegression

    x, y, judges, tuners = (book[name] for name in ("x", "y", "judges", "tuners"))
    bags = nn.functional.one_hot(x, len(book["vocabulary"])).sum(1)[:, 1:].numpy()  # (n, V - 1), no padding
    found = []
    for n in (30, 100, 300, 1000):
        fitted = {}
        for strength in STRENGTHS:
            for seed in range(SEEDS):
                few = book["shuffled"](len(x) - 3500, seed)[:n].numpy()
                fitted[strength, seed] = LogisticRegression(C=strength, max_iter=2000).fit(bags[few], y[few].numpy())
        tuning = {c: mean(fitted[c, s].score(bags[tuners], y[tuners]) for s in range(SEEDS)) for c, _ in fitted}
        best = max(tuning, key=tuning.get)
        shares = [round(fitted[best, seed].score(bags[judges], y[judges]), 4) for seed in range(SEEDS)]
        found.append({"n": n, "arm": "bag of words, logistic regression", "C": best, "right": shares})
        for begun in (False, True):
            for moves in (False, True):
                trained = {
                    (rate, seed): book["era"](begun, moves, n, seed, rate)
                    for rate in RATES["pretrained"]
                    for seed in range(SEEDS)
                }
                scores = {
                    rate: mean(book["judge"](trained[rate, seed], x[tuners], y[tuners])[1] for seed in range(SEEDS))
                    for rate in RATES["pretrained"]
                }
                rate = max(scores, key=scores.get)
                arm = f"{('random', 'word2vec')[begun]}, {('frozen', 'tuned')[moves]}"
                right = [book["judge"](trained[rate, seed], x[judges], y[judges])[1] for seed in range(SEEDS)]
                row = {"n": n, "arm": arm, "rate": rate, "validation": [round(s, 4) for s in scores.values()]}
                found.append(row | {"right": [round(share, 4) for share in right]})
        print(*found[-5:], sep="\n", flush=True)
    return found


def chapter() -> dict:
    given = {"torch": torch, "nn": nn, "cross_entropy": nn.functional.cross_entropy, "sinusoidal": sinusoidal}
    given |= {
        "InputLayer": InputLayer,
        "Vocabulary": Vocabulary,
        "tokenize": tokenize,
        "pad": pad,
        "textwrap": textwrap,
    }
    return common.from_chapter(CHAPTER, CELLS, **given)


def main() -> None:
    torch.set_num_threads(1)
    book = chapter()
    parts = {name: lambda part=part: part(book) for name, part in PARTS.items()}
    settings = {"seeds": SEEDS, "rates": RATES}
    common.run_parts(__doc__, "input_layer", parts, ("torch", "gensim", "scikit-learn"), settings)


PARTS = {"gap": gap, "tied": tied, "pretrained": pretrained}

if __name__ == "__main__":
    main()
