"""scratch.agreement: nouns and verbs that are found by counting, by rules that can be read off small texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch.agreement import PLURAL, SINGULAR, Noun, agreements, noun_pairs, nouns, plural_of
from scratch.contextual import pretrained
from scratch.corpora import load


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("cat", "cats"),
        ("box", "boxes"),
        ("loss", "losses"),
        ("church", "churches"),
        ("wish", "wishes"),
        ("quiz", "quizes"),  # by these rules
        ("duty", "duties"),
        ("key", "keys"),
        ("y", "ies"),
    ],
)
def test_plurals_by_spelling(one, many):
    assert plural_of(one) == many


TEXT = "the cat is here, the cats are here, she runs, the run, the people are, the peoples"
TEXT = [sentence.split() for sentence in TEXT.split(", ")]


def test_a_pair_needs_company_and_verbs_that_agree():
    words = ["cat", "cats", "run", "runs", "people", "peoples", "dog", "it", "its"]
    assert noun_pairs(TEXT, words, least=1) == [("cat", "cats")]  # "runs" without "the", "people are"
    assert noun_pairs(TEXT, words, least=2) == []
    rare = [*TEXT, *(["a", "cat"] for _ in range(99))]
    assert noun_pairs(rare, words, least=1, share=0.5) == []
    assert noun_pairs(rare, words, least=1, share=0.01) == [("cat", "cats")]


def test_the_nouns_of_the_shipped_corpus():
    _, _, vocabulary = pretrained()
    pairs = noun_pairs(load("state-of-the-union"), vocabulary.counts)
    assert len(pairs) > 200
    assert {("nation", "nations"), ("treaty", "treaties"), ("law", "laws")} <= set(pairs)
    assert not {"people", "make", "the", "it"} & {one for one, _ in pairs}
    assert len({word for pair in pairs for word in pair}) == 2 * len(pairs)


PAIRS = [("cat", "cats"), ("dog", "dogs")]
WORDS = st.sampled_from(["the", "cat", "cats", "dog", "dogs", "is", "are", "has", "have", "big"])


@given(st.lists(st.lists(WORDS, max_size=8), max_size=6), st.integers(1, 3))
def test_what_is_found_stands_there_and_nothing_is_left_out(sentences, most):
    found = nouns(sentences, PAIRS, most)
    words = [sentences[n.sentence][n.place] for n in found]
    assert words == [PAIRS[n.pair][n.plural] for n in found]
    for word in ("cat", "cats", "dog", "dogs"):
        assert words.count(word) == min(most, sum(s.count(word) for s in sentences))
    assert found == sorted(found)
    agreeing = agreements(sentences, PAIRS, most=99)
    expected = [
        n
        for n in nouns(sentences, PAIRS, 99)
        if 0 < n.place < len(sentences[n.sentence]) - 1
        and sentences[n.sentence][n.place - 1] == "the"
        and sentences[n.sentence][n.place + 1] in (SINGULAR, PLURAL)[n.plural]
    ]
    assert agreeing == expected


def test_long_sentences_and_many_uses_of_a_word_are_left_out():
    sentences = [["the", "cat", "is", "big"]] * 3 + [["the", "cats", "are", *["big"] * 17]]
    assert agreements(sentences, PAIRS, most=2) == [Noun(0, 1, 0, 0), Noun(1, 1, 0, 0), Noun(3, 1, 0, 1)]
    assert len(agreements(sentences, PAIRS, longest=19)) == 3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: plural_of(""), ValueError, "word must not be empty"),
        (lambda: plural_of(3), TypeError, "word must be a string, got 3"),
        (lambda: noun_pairs([], [], least=0), ValueError, "least must be at least 1"),
        (lambda: noun_pairs([], [], share=2), ValueError, "share must lie between 0 and 1"),
        (lambda: nouns([], PAIRS, most=0), ValueError, "most must be at least 1"),
        (lambda: agreements([], PAIRS, longest=0), ValueError, "longest must be at least 1"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
