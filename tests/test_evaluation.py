"""scratch.evaluation against gensim's own evaluation."""

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
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


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int16])
def test_any_kind_of_number_will_do(vectors, kind):
    whole = keyed(vectors.index_to_key, vectors.vectors)
    whole.vectors = (vectors.vectors * (1000 if kind == np.int16 else 1)).astype(kind)
    ours, plain = similarity(whole, "simlex-999")[1], similarity(vectors, "simlex-999")[1]
    assert np.allclose(ours, plain, atol=3e-3)
    assert (analogies(whole)[0] == analogies(vectors)[0]).mean() > 0.99


def test_vectors_on_disk_and_a_zero_vector(vectors, tmp_path):
    saved = keyed(vectors.index_to_key, vectors.vectors)
    saved.save(str(tmp_path / "vectors"), sep_limit=0)
    mapped = KeyedVectors.load(str(tmp_path / "vectors"), mmap="r")
    assert isinstance(mapped.vectors, np.memmap)
    assert np.array_equal(analogies(mapped)[0], analogies(vectors)[0])
    assert np.array_equal(similarity(mapped, "simlex-999")[1], similarity(vectors, "simlex-999")[1])
    saved.vectors[:] = 0
    assert (similarity(saved, "simlex-999")[1] == 0).all()


def test_keys_in_capitals_and_several_of_one_word(vectors):
    """As gensim's own evaluation: the first of London, LONDON, london counts, and the others are no answers."""
    keys = [key.title() for key in vectors.index_to_key] + vectors.index_to_key[:200]
    rng = np.random.default_rng(3)
    mixed = keyed(keys, np.concatenate([vectors.vectors, vectors.vectors[:200] + rng.normal(size=(200, 30)) / 9]))
    _, theirs, oov = mixed.evaluate_word_pairs(datapath("wordsim353.tsv"), case_insensitive=True)
    people, cosines, left_out = similarity(mixed, "wordsim-353")
    assert spearman(people, cosines) == pytest.approx(theirs.statistic, abs=1e-6)
    assert left_out * 100 == pytest.approx(oov)
    assert np.array_equal(analogies(mixed)[0], analogies(vectors)[0])
    theirs = mixed.evaluate_word_analogies(datapath("questions-words.txt"))[0]  # it looks at the five nearest rows only
    assert analogies(mixed)[0].mean() == pytest.approx(theirs, abs=0.001)


def test_fast_text(vectors):
    """Its vectors answer to any word: only those with a row of their own count, as in gensim's evaluation."""
    text = [vectors.index_to_key[i : i + 8] for i in range(0, 800, 4)]
    model = FastText(text, vector_size=8, min_count=1, epochs=2, bucket=100, seed=1, workers=1)
    people, cosines, left_out = similarity(model.wv, "simlex-999")
    _, theirs, oov = model.wv.evaluate_word_pairs(datapath("simlex999.txt"), case_insensitive=True)
    assert spearman(people, cosines) == pytest.approx(theirs.statistic, abs=1e-6)
    assert left_out * 100 == pytest.approx(oov)
    assert "neverseen" in model.wv
    assert analogies(model.wv)[1] == pytest.approx(analogies(keyed(model.wv.index_to_key, model.wv.vectors))[1])
    with pytest.raises(TypeError, match=r"^vectors must be gensim KeyedVectors, got FastText, whose .wv are"):
        similarity(model, "simlex-999")


@pytest.mark.parametrize("vectors_given", [None, np.eye(3), {"cat": [1.0]}])
def test_what_are_no_vectors_is_named(vectors_given):
    for judge in (analogies, lambda vectors: similarity(vectors, "simlex-999")):
        with pytest.raises(TypeError, match=f"vectors must be gensim KeyedVectors, got {type(vectors_given).__name__}"):
            judge(vectors_given)


def test_vectors_whose_keys_are_numbers_have_no_words():
    numbered = KeyedVectors(2)
    numbered.add_vectors([0, 1], np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="vectors must have both words of at least one pair"):
        similarity(numbered, "simlex-999")


@pytest.mark.parametrize("name", ["exclude", "offset"])
def test_a_wish_that_is_no_flag_is_named(vectors, name):
    with pytest.raises(TypeError, match=f"^{name} must be True or False"):
        analogies(vectors, **{name: "no"})


@pytest.mark.parametrize("has", [(), ("key_to_index",), ("vectors",)])
def test_what_has_half_of_it_is_no_keyed_vectors_either(has):
    half = type("Half", (), {key: {} for key in has})()
    for ask in (analogies, lambda some: similarity(some, "wordsim-353")):
        with pytest.raises(TypeError, match=r"^vectors must be gensim KeyedVectors, got Half$"):
            ask(half)


def test_half_precision_is_ranked_in_single(vectors):
    few = keyed(vectors.index_to_key, vectors.vectors)
    few.vectors = few.vectors.astype(np.float16)
    wide = keyed(vectors.index_to_key, few.vectors.astype(np.float32))
    np.testing.assert_array_equal(similarity(few, "simlex-999")[1], similarity(wide, "simlex-999")[1])
    assert similarity(few, "simlex-999")[1].dtype == similarity(wide, "simlex-999")[1].dtype
