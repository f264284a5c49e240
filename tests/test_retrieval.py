"""scratch.retrieval: ranks by sorting, fusion by its formula, stems beside nltk's, and answers to a question."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, zscore

from scratch.corpora import load_documentation
from scratch.retrieval import Answer, Answers, MeanVectors, ask, fuse_ranks, fuse_scores, ranks, shipped, stems
from scratch.text import tokenize

SCORES = arrays(float, (3, 6), elements=st.integers(0, 5).map(float))


@given(SCORES, st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=3, max_size=3))
def test_ranks_count_those_before_the_best_right_one_and_its_equals(scores, answers):
    expected = []
    for row, right in zip(scores, answers, strict=True):
        best = max(row[list(right)])
        wrong = [score for p, score in enumerate(row) if p not in right]
        expected.append(1 + sum(score >= best for score in wrong))
    assert ranks(scores, [sorted(right) for right in answers]).tolist() == expected


def test_ranks_are_scipys_where_there_are_no_ties_and_one_answer():
    scores = np.random.default_rng(0).permuted(np.tile(np.arange(9.0), (20, 1)), axis=1)
    right = np.random.default_rng(1).integers(9, size=20)
    expected = rankdata(-scores, axis=1)[np.arange(20), right]
    np.testing.assert_array_equal(ranks(scores, right[:, None].tolist()), expected)


@given(SCORES, SCORES, st.floats(0.5, 99))
def test_fused_ranks_are_sums_of_reciprocals(a, b, constant):
    expected = sum(1 / (constant + rankdata(-scores, "ordinal", axis=1)) for scores in (a, b))
    np.testing.assert_allclose(fuse_ranks(a, b, constant=constant), expected, rtol=1e-12)


def test_the_constant_is_the_papers():
    scores = np.array([[3.0, 2.0, 1.0]])
    np.testing.assert_allclose(fuse_ranks(scores), [[1 / 61, 1 / 62, 1 / 63]])


@given(SCORES, SCORES, st.floats(0, 5))
def test_fused_scores_are_sums_of_z_scores(a, b, weight):
    with np.errstate(invalid="ignore"):
        expected = sum(
            factor * np.where(np.ptp(scores, axis=1, keepdims=True) > 0, zscore(scores, axis=1), 0)
            for factor, scores in ((1, a), (weight, b))
        )
    np.testing.assert_allclose(fuse_scores(a, b, weight), expected, atol=1e-9)


def test_stems_are_nearly_those_of_another_program():
    from nltk.stem.porter import PorterStemmer

    theirs = PorterStemmer(PorterStemmer.ORIGINAL_ALGORITHM)
    words = sorted({word for *_, text in load_documentation()[0] for word in tokenize(text)})
    same = [stems(word) == [theirs.stem(word)] for word in words]
    assert np.mean(same) > 0.98  # gensim's, as Porter's own program, departs from the paper in two places
    assert stems("Relational threads, hopping") == ["relat", "thread", "hop"]


def test_ask_finds_a_section_by_its_title_and_its_text():
    found = ask("Why is it called Python?", k=2)
    assert isinstance(found, Answers)
    assert len(found) == 2
    assert found[0].document == "faq/general"
    assert found[0].title == "Why is it called Python?"
    assert found[0].score > found[1].score > 0
    assert ask("msvcrt kbhit", k=1)[0].text.find("kbhit") >= 0


def test_mean_vectors_are_torchs_means_of_rows():
    import torch

    table = np.random.default_rng(0).normal(size=(5, 3))
    texts = [[0, 1, 1], [4], [2, 3]]
    bag = torch.nn.EmbeddingBag.from_pretrained(torch.from_numpy(table), mode="mean")
    flat = torch.tensor([row for text in texts for row in text])
    expected = torch.nn.functional.normalize(bag(flat, torch.tensor([0, 3, 4])))
    found = MeanVectors("abcde", table).of([["abcde"[row] for row in text] + ["unknown"] for text in texts])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-12)


def test_what_is_shipped_scores_as_the_log_says():
    import biencoder

    log = json.loads((Path(biencoder.RESULTS) / "biencoder.json").read_text("utf-8"))
    vectors, weight = shipped()
    assert weight == log["weight"]
    counted = {name: biencoder.benchmark.judge().bm25(stems, k1=1.2, b=0.75)(name) for name in ("faq", "titles")}
    again = biencoder.judged(biencoder.shipped_scores(vectors), counted, weight)
    for name, measures in log["as shipped"].items():
        for how, score in measures.items():
            assert again[name][how] == pytest.approx(score, abs=1e-3)
            assert score == pytest.approx(log["as trained"][name][how], abs=0.005)  # eight bits are enough
    assert log["loss"][0] > 2 * log["loss"][-1] > 0


def test_answers_print_well():
    found = ask("How do I delete a file?")
    assert len(found) == 3
    lines = repr(found).split("\n")
    assert [line[:2] for line in lines if not line.startswith(" ")] == ["1.", "2.", "3."]
    assert max(map(len, lines)) <= 88
    assert found._repr_html_().count("<li>") == 3
    odd = Answers([Answer(1.0, "a", "<b> & title", "x " * 900)])
    assert "&lt;b&gt; &amp; title" in odd._repr_html_()
    assert len(repr(odd)) < 500
    none = ask("zzzq")
    assert none == []
    assert "no passage" in repr(none)
    assert "no passage" in none._repr_html_()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stems(3), TypeError, "text must be a str"),
        (
            lambda: ranks(np.zeros(3), [[0]]),
            ValueError,
            r"scores must have the shape \(questions, passages\), got \(3,\)",
        ),
        (lambda: ranks(np.zeros((2, 3)), [[0]]), ValueError, "answers must be 2, .* got 1"),
        (lambda: ranks(np.zeros((1, 3)), [[]]), ValueError, "got none for question 0"),
        (lambda: ranks(np.zeros((1, 3)), [[3]]), IndexError, r"between 0 and 2, got \[3\] for question 0"),
        (lambda: ranks(np.zeros((1, 3)), [[-1]]), IndexError, "between 0 and 2"),
        (lambda: ranks(np.array([[np.nan]]), [[0]]), ValueError, "scores must be finite numbers, got nan"),
        (lambda: fuse_ranks(), ValueError, "scores must have the shape"),
        (lambda: fuse_ranks(np.zeros((1, 2)), np.zeros((1, 3))), ValueError, r"shape \(1, 2\), got \(1, 3\)"),
        (lambda: fuse_ranks(np.zeros((1, 2)), constant=0), ValueError, "constant must be positive"),
        (lambda: fuse_scores(np.zeros((1, 2)), np.zeros((2, 2))), ValueError, r"second must have the shape \(1, 2\)"),
        (lambda: fuse_scores(np.zeros((1, 2)), np.zeros((1, 2)), np.inf), ValueError, "weight must be finite"),
        (lambda: MeanVectors(["a"], np.zeros((2, 3))), ValueError, "table must have 1 rows, as many as words, got 2"),
        (lambda: MeanVectors(["a"], np.zeros(3)), ValueError, "table must have the shape"),
        (lambda: ask("a", k=0), ValueError, "k must be at least 1"),
        (lambda: ask(["a"]), TypeError, "text must be a str"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
