"""benchmarks/retrieval.py chooses off the judge, trains on what it says, compares in pairs, and the chapter says so."""

import json

import common
import numpy as np
import pytest
import retrieval

from scratch.metrics import crossed_interval, interval, mean_reciprocal_rank, verdict

STORED = json.loads((common.RESULTS / "retrieval.json").read_text("utf-8"))["rows"]
KINDS = ("titles only", "cloze only", "with repetition", "unread", "trained", "untrained")


@pytest.fixture(scope="module")
def judge():
    return retrieval.judge()


def row(arm, ranks, seed=0):
    return {"arm": arm, "seed": seed, "faq": " ".join(map(str, ranks)), "titles": "1 2"}


def test_what_did_best_is_chosen():
    tried = [{"rate": 1, "mrr": 0.2}, {"rate": 2, "mrr": 0.4}, {"rate": 3, "mrr": 0.3}]
    assert retrieval.best([{"chosen": "other", "tried": []}, {"chosen": "a", "tried": tried}], "a") == {"rate": 2}


def test_an_encoder_takes_the_steps_chosen_for_it_and_its_own_pairs():
    tried = {"encoder": 0.03, "titles only": 0.001, "cloze only": 0.01}
    rows = [{"chosen": n, "tried": [{"rate": r, "temperature": 0.05, "mrr": 1}]} for n, r in tried.items()]
    own = {"rate": 0.03, "temperature": 0.05, "steps": retrieval.STEPS}
    for kind in ("trained", "unread", "with repetition"):
        assert retrieval.encoder_options(rows, kind) == own
    assert retrieval.encoder_options(rows, "titles only") == own | {"rate": 0.001, "titles": 256}
    assert retrieval.encoder_options(rows, "cloze only") == own | {"rate": 0.01, "titles": 0}
    assert retrieval.encoder_options(rows, "untrained") == {}


def test_rates_are_tried_first_and_temperatures_with_the_best(monkeypatch):
    class Fake:
        def encoder(self, kind, seed, rate, temperature, **more):
            assert (kind, more) == ("trained", {"steps": 7})
            return lambda name: -abs(np.log(rate / 0.03)) - abs(np.log(temperature / 0.02)) + seed / 1000

        def mrr(self, scores, name):
            assert name == "validation"
            return scores

    monkeypatch.setattr(retrieval, "judge", Fake)
    found = retrieval.try_encoder("trained", (0.01, 0.03, 0.1), (0.02, 0.05, 0.1), (0, 2), steps=7)
    tried = [(one["rate"], one["temperature"]) for one in found]
    assert tried == [(0.01, 0.05), (0.03, 0.05), (0.1, 0.05), (0.03, 0.02), (0.03, 0.1)]
    assert max(found, key=lambda one: one["mrr"]) == {"rate": 0.03, "temperature": 0.02, "mrr": 0.001}


def given(seed):
    """In place of a training: the names that it is bound to."""
    return (cloze, batch), None  # noqa: F821


def as_it_is(model, asked):
    return model


def test_unread_and_repeated_pairs_come_from_where_they_should(judge, monkeypatch):
    monkeypatch.setitem(judge.book, "trained", given)
    monkeypatch.setitem(judge.book, "cosines", as_it_is)
    answers = {p for name in retrieval.SETS for _, right in judge.asked(name) for p in right}
    for kind in ("trained", "unread"):
        cloze, batch = judge.encoder(kind, 0)("faq")
        assert batch.__globals__["cloze"] is cloze
        assert bool(answers & set(cloze)) == (kind == "trained")
    assert set(judge.book["cloze"]) - answers == set(judge.encoder("unread", 1)("faq")[0])
    assert not answers & {p for p, _ in judge.book["titled"]}
    import random

    queries, keys = judge.encoder("with repetition", 0)("faq")[1](random.Random(0), size=2000, titles=600)
    assert len(queries) == len(keys) == 2000
    assert len({tuple(query) for query in queries[:600]}) < 600
    queries, keys = judge.book["batch"](random.Random(0), size=2000, titles=600)
    assert len({id(key) for key in keys[:600]}) == 600


def test_minilms_vectors_are_computed_once(judge, monkeypatch, tmp_path):
    asked = []

    def read(texts, pieces):
        asked.append(len(texts))
        assert pieces == 7
        return np.array([[len(text), 1.0] for text in texts])

    monkeypatch.setattr(retrieval, "read_by_minilm", read)
    monkeypatch.setattr(retrieval.common, "BOOK", tmp_path / "book")
    for _ in range(2):
        scores = judge.minilm(7)("faq")
        assert scores.shape == (173, 4264)
        assert scores[0, 0] == len(judge.asked("faq")[0][0]) * len(judge.texts[0]) + 1
    assert sorted(asked) == [173, 251, 1009, 4264]


def test_a_difference_is_that_of_the_same_questions_and_seeds():
    rng = np.random.default_rng(0)
    one = rng.integers(1, 50, size=(5, 400))
    later = one + (rng.random((5, 400)) < 0.2)  # a fifth of the right passages one place later
    rows = [row(arm, r, seed) for arm, runs in (("a", one), ("b", later)) for seed, r in enumerate(runs)]
    rows += [row("c", later[0]), row("d", one[0])]
    gain, low, high, said = retrieval.compare(rows, "a", "b", "faq")
    assert gain == pytest.approx((1 / one - 1 / later).mean())
    assert (0 < low < gain < high, said) == (True, "better")
    assert retrieval.compare(rows, "c", "d", "faq")[3] == "worse"
    assert retrieval.compare(rows, "a", "d", "faq")[3] == "not distinguishable"
    with pytest.raises(ValueError, match="as many seeds, or one of them 1, got 5 and 2"):
        retrieval.compare([*rows, row("c", later[0], 1)], "a", "c", "faq")


# --- What is stored -------------------------------------------------------------------------------------------------


def test_the_stored_rows_are_what_the_benchmark_makes(judge):
    names = {row["arm"] for row in STORED if "arm" in row}
    assert set(KINDS) | {"BM25, stems", "MiniLM", "weighted by idf"} <= names
    for name in names:
        seeds = sorted(row["seed"] for row in STORED if row.get("arm") == name)
        assert seeds in ([0], list(retrieval.JUDGED)), name
        for asked in retrieval.SETS:
            places = retrieval.found(STORED, name, asked)
            assert places.shape == (len(seeds), len(judge.asked(asked)))
            assert places.min() >= 1
            assert places.max() <= 4264
    assert not set(retrieval.CHOOSING) & set(retrieval.JUDGED)
    for row in STORED:
        if "chosen" in row and row["chosen"] not in retrieval.PAIRS:
            best = retrieval.best(STORED, row["chosen"])
            for name in best.keys() - {"b", "epochs", "pieces"}:  # of epochs the most was best, which the chapter says
                values = {one[name] for one in row["tried"]}
                inside = len(values) == 1 or min(values) < best[name] < max(values)
                assert inside, (row["chosen"], best)  # a better one may lie beyond


def test_bm25_finds_again_what_is_stored(judge):
    settings = retrieval.best(STORED, "BM25, stems")
    assert settings == {"k1": 1.2, "b": 0.75}  # the chapter's
    again = judge.row("BM25, stems", judge.bm25(retrieval.stems, **settings))
    (stored,) = (row for row in STORED if row.get("arm") == "BM25, stems")
    assert again == stored


def test_a_training_finds_again_nearly_what_is_stored(judge):
    options = retrieval.encoder_options(STORED, "trained")
    (stored,) = (row for row in STORED if row.get("arm") == "trained" and row["seed"] == 0)
    again = judge.row("trained", judge.encoder("trained", 0, **options))
    for asked in retrieval.SETS:
        scores = [mean_reciprocal_rank([int(r) for r in row[asked].split()]) for row in (again, stored)]
        assert scores[0] == pytest.approx(scores[1], abs=0.02)


B, R, S, M = "BM25, stems", "BM25 and encoder, ranks", "BM25 and encoder, scores", "BM25 and MiniLM, "
SAID = {  # what the chapter says of the FAQ and of titles: better, worse, not distinguishable, by first letters
    ("BM25", "BM25, as it comes"): "wn",
    (B, "BM25"): "bb",
    ("trained", "weighted by idf"): "nb",
    ("trained", B): "nw",
    ("MiniLM", B): "bw",
    ("MiniLM", "trained"): "bb",
    ("trained", "untrained"): "bb",
    ("titles only", "untrained"): "bb",
    ("trained", "cloze only"): "nn",
    ("trained", "with repetition"): "nn",
    ("trained", "unread"): "bb",
    ("unread", "untrained"): "nw",
    (R, B): "nw",
    (S, B): "bb",
    (M + "ranks", "MiniLM"): "wb",
    (M + "scores", "MiniLM"): "nb",
}


@pytest.mark.parametrize("pair", SAID, ids=" beside ".join)
def test_the_prose_says_what_the_intervals_say(pair):
    said = [retrieval.compare(STORED, *pair, asked)[3][0] for asked in retrieval.SETS]
    assert "".join(said) == SAID[pair]


GROUPS = {  # what it says of our encoder and of MiniLM beside BM25, by the share of words that are in the answer
    ("faq", -1, 0.5): "nb",
    ("titles", -1, 0.5): "bb",
    ("titles", 0.5, 0.75): "wb",
    ("titles", 0.75, 1): "ww",
}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]} up to {group[2]}")
def test_the_prose_says_what_the_groups_say(judge, group):
    name, over, upto = group
    shares = []
    for text, right in judge.asked(name):
        words = set(retrieval.stems(text))
        shares.append(max(len(words & set(judge.book["documents"][p])) / len(words) for p in right))
    which = (np.array(shares) > over) & (np.array(shares) <= upto)
    counted, ours, theirs = (1 / retrieval.found(STORED, arm, name)[:, which] for arm in (B, "trained", "MiniLM"))
    ends = crossed_interval(ours - counted), interval(np.mean, theirs[0] - counted[0])
    assert "".join(verdict(*each)[0] for each in ends) == GROUPS[group]
