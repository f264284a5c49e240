"""scratch.bm25 beside the package bm25s."""

import logging

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch.bm25 import BM25

WORDS = "a b c the cat 猫 😀".split()
DOCUMENTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=7).filter(any)


@settings(max_examples=300)
@given(DOCUMENTS, st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=6), st.floats(0.1, 3), st.floats(0, 1))
def test_scores_equal_bm25s(documents, query, k1, b):
    logging.getLogger("bm25s").setLevel(logging.ERROR)
    theirs = bm25s.BM25(method="lucene", k1=k1, b=b, dtype="float64")
    theirs.index(documents, show_progress=False)
    known = {word for document in documents for word in document}
    wanted = [word for word in query if word in known]
    expected = theirs.get_scores(wanted) if wanted else np.zeros(len(documents))
    np.testing.assert_allclose(BM25(documents, k1, b).scores(query), expected, atol=1e-6)


def test_by_hand():
    scores = BM25([["cat", "cat"], ["dog", "and", "cat", "now"]], k1=1.0, b=0.5).scores(["cat", "dog"])
    cat, dog = np.log(1 + 0.5 / 2.5), np.log(1 + 1.5 / 1.5)
    slow = 0.5 + 0.5 * np.array([2, 4]) / 3
    np.testing.assert_allclose(scores, [cat * 2 / (2 + slow[0]), (cat + dog) / (1 + slow[1])], atol=1e-15)


def test_the_usual_constants():
    documents, query = [["cat", "cat"], ["dog", "and", "cat", "now"]], ["cat"]
    np.testing.assert_array_equal(BM25(documents).scores(query), BM25(documents, 1.5, 0.75).scores(query))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: BM25([]), ValueError, "at least one token, got 0 documents"),
        (lambda: BM25([[], []]), ValueError, "at least one token, got 2 documents"),
        (lambda: BM25(["a cat"]), TypeError, "documents must be lists of tokens, got the string 'a cat'"),
        (lambda: BM25([["a"]], k1=0), ValueError, "k1 must be positive"),
        (lambda: BM25([["a"]], b=1.1), ValueError, "b must lie between 0 and 1, got 1.1"),
        (lambda: BM25([["a"]]).scores("a"), TypeError, "query must be a list of tokens"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
