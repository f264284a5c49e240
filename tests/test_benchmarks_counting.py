"""The benchmarks of counting and of speed: they still run, on little text, and judge what they say they judge."""

import json

import common
import glove as benchmark
import numpy as np
import pytest
import speed
import torch
from scipy import sparse

from scratch.corpora import load, load_ratings


@pytest.fixture(scope="module")
def whole():
    """A fiftieth of the text."""
    return load("state-of-the-union")[:1500]


@pytest.fixture
def text(monkeypatch, whole):
    """Its own copy of it, short vectors and one pass."""
    monkeypatch.setattr(benchmark, "load", lambda name: whole.copy())
    monkeypatch.setattr(benchmark, "similarity", lambda vectors, name: (np.arange(3.0), np.arange(3.0), 0.0))
    monkeypatch.setattr(benchmark, "analogies", lambda vectors: (np.array([True, False]), 0.0))
    for name, value in {"DIM": 4, "PASSES": (1, 2), "BEST": {"step_size": 0.1, "epochs": 1}, "SEEDS": (0,)}.items():
        monkeypatch.setattr(benchmark, name, value)
    monkeypatch.setattr(benchmark, "WORD2VEC", benchmark.WORD2VEC | {"epochs": 1})
    monkeypatch.setattr(benchmark, "RATES", dict.fromkeys(benchmark.RATES, 0.005))  # little text: small steps
    monkeypatch.setattr(benchmark, "SWEEP", {"GloVe (ours)": [(0.05, 1)], "skip-gram (ours)": [(0.005,), (9.0,)]})
    return benchmark.Text()


def test_every_model_of_the_chapter_comes_out(text):
    groups = benchmark.word2vec_models, benchmark.variants, benchmark.glove_models
    made = {name: vectors for group in groups for name, _, vectors, _ in group(text)}
    assert len(made) == 4 + 3 + 6
    assert all(len(vectors) == len(text.words) for vectors in made.values())
    assert [row["simlex-999"] for row in benchmark.sweep(text)] == [1.0, 1.0, None]
    (name, _, matrix, _), (_, _, short, _) = benchmark.count_models(text)
    assert (name, sparse.issparse(matrix), len(short)) == ("PPMI", True, len(text.words))


def test_all_sides_read_one_shuffled_text(text, whole):
    assert text.sentences != whole
    assert sorted(text.sentences) == sorted(whole)


def test_the_judges_of_sparse_rows_and_of_vectors_agree():
    rng = np.random.default_rng(0)
    words = sorted(
        {w.lower() for a, b, _ in load_ratings("simlex-999") for w in (a, b)} | {"athens", "greece", "iraq", "baghdad"}
    )
    rows = rng.normal(size=(len(words), 20)).round(3)
    counts = dict.fromkeys(words, 1)
    index = {word: i for i, word in enumerate(words)}
    dense = benchmark.judged(benchmark.word2vec.keyed_vectors(counts, torch.from_numpy(rows)), index)
    sparsely = benchmark.judged(sparse.csr_array(rows), index)
    assert dense["analogies"] == sparsely["analogies"]
    assert np.allclose(dense["simlex-999"], sparsely["simlex-999"], atol=2e-4)


def test_the_stored_results_are_those_that_the_benchmark_makes():
    stored = json.loads((common.RESULTS / "glove.json").read_text("utf-8"))
    settings = stored["settings"]
    assert settings["glove"]["best"] == benchmark.BEST
    assert tuple(settings["glove"]["passes"]) == benchmark.PASSES
    assert settings["word2vec"]["step_sizes"] == benchmark.RATES
    best = {}
    for row in stored["sweep"]:
        score = -1 if row["simlex-999"] is None else row["simlex-999"]
        best[row["arm"]] = max(best.get(row["arm"], (-1, [])), (score, row["choice"]))
    assert {arm: choice[0] for arm, (_, choice) in best.items() if arm in benchmark.RATES} == benchmark.RATES
    assert best["GloVe (ours)"][1] == [benchmark.BEST["step_size"], benchmark.BEST["epochs"]]
    for about in stored["models"].values():
        assert len(about["wordsim-353"]) == len(stored["people"]["wordsim-353"]["ratings"])


def test_the_races_run(monkeypatch):
    monkeypatch.setattr(speed, "SETTINGS", {"vocab_size": 300, "positions": 20, "dim": 7, "runs": 1})
    assert speed.positions()["largest_difference"] < 1e-6
    assert set(speed.race({"a": dict, "b": list})) == {"a", "b"}
