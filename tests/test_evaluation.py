"""scratch.evaluation against gensim's own evaluation."""

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from scratch.corpora import load_analogies, load_ratings
from scratch.evaluation import analogies, similarity
from scratch.metrics import spearman


def keyed(words, table):
    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(words, table.astype(np.float32))
    return vectors


@pytest.fixture(scope="module")
def vectors():
    """Random vectors, with the analogies' own offsets hidden in them, for most of the words that are asked for."""
    asked = {word.lower() for _, *words in load_analogies("google-analogies") for word in words}
    asked |= {w.lower() for name in ("wordsim-353", "simlex-999") for a, b, _ in load_ratings(name) for w in (a, b)}
    words = sorted(asked)[::-1]
    kept = [word for i, word in enumerate(words) if i % 10]
    rng = np.random.default_rng(0)
    table = dict(zip(kept, rng.normal(size=(len(kept), 30)), strict=True))
    for section, a, b, _, _ in load_analogies("google-analogies"):
        if a.lower() in table and b.lower() in table:
            offset = np.random.default_rng(len(section)).normal(size=30) * 2
            table[b.lower()] = table[a.lower()] + offset + rng.normal(size=30) * 0.3
    return keyed(kept, np.stack(list(table.values())))


@pytest.mark.parametrize(("name", "file"), [("wordsim-353", "wordsim353.tsv"), ("simlex-999", "simlex999.txt")])
def test_similarity_equals_gensims(vectors, name, file):
    people, cosines, left_out = similarity(vectors, name)
    _, theirs, oov = vectors.evaluate_word_pairs(datapath(file), case_insensitive=True)
    assert spearman(people, cosines) == pytest.approx(theirs.statistic, abs=1e-6)
    assert left_out * 100 == pytest.approx(oov)
    assert 0.1 < left_out < 0.3


def test_analogies_equal_gensims(vectors):
    correct, left_out = analogies(vectors)
    accuracy, sections = vectors.evaluate_word_analogies(datapath("questions-words.txt"))
    assert correct.mean() == pytest.approx(accuracy)
    assert len(correct) == len(sections[-1]["correct"]) + len(sections[-1]["incorrect"])
    assert left_out == pytest.approx(1 - len(correct) / 19544)
    assert 0.1 < accuracy < 0.9  # or else the comparison shows little
    assert analogies(vectors, offset=False)[0].mean() < accuracy - 0.1  # what is nearest to c is mostly not d


def test_analogies_by_hand():
    table = np.array([[1, 0], [1, 0.3], [0, 2], [-1, 2], [0, -1]])  # a small offset, from two places far apart
    vectors = keyed(["athens", "greece", "baghdad", "iraq", "other"], table)
    questions = [q for q in load_analogies("google-analogies") if {w.lower() for w in q[1:]} <= {*vectors.index_to_key}]
    assert len(questions) == 3  # one of them twice, in two sections
    correct, left_out = analogies(vectors)
    assert correct.tolist() == [True, True, True]
    assert left_out == pytest.approx(1 - 3 / 19544)
    assert not analogies(vectors, exclude=False)[0].any()  # a word that was asked about stands nearer
    assert analogies(vectors, offset=False)[0].all()  # the nearest to c, without a and b, is d anyway
    assert not analogies(vectors, exclude=False, offset=False)[0].any()  # the nearest to c is c


def test_only_directions_count():
    """Vectors of any length will do, those without a direction too, which are like no other."""
    asked = ["athens", "greece", "baghdad", "iraq", "tiger", "cat", "coast", "shore"]
    table = np.random.default_rng(0).normal(size=(8, 3))
    table[-1] = 0
    (_, ones, _), (_, others, _) = (similarity(keyed(asked, s * table), "wordsim-353") for s in (1.0, 1e-3))
    assert ones == pytest.approx(others, abs=1e-6)
    assert ones[-1] == 0 != ones[0]
    (right, _), (also, _) = (analogies(keyed(asked, s * table)) for s in (1.0, 1e-3))
    assert right.tolist() == also.tolist()


def test_nothing_to_judge():
    vectors = keyed(["zorf"], np.ones((1, 2)))
    with pytest.raises(ValueError, match="both words of at least one pair of 'wordsim-353', got none of 353"):
        similarity(vectors, "wordsim-353")
    with pytest.raises(ValueError, match="at least one of the 19544 questions, got none"):
        analogies(vectors)
    with pytest.raises(ValueError, match="name must be one of"):
        similarity(vectors, "simlex")
