"""scratch.alignment: EM as the paper's sums over all alignments give it, and a likelihood that never falls."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch.alignment import IBM1

WORDS = st.lists(st.sampled_from("abc"), min_size=0, max_size=3)
PAIRS = st.lists(st.tuples(WORDS, WORDS.map(lambda ws: [w.upper() for w in ws])), min_size=1, max_size=4).filter(
    lambda pairs: any(target for _, target in pairs)
)


def by_hand(pairs, rounds):
    """The lexicon, and the surprise of each round, by going through every alignment of every pair."""
    t = defaultdict(lambda: 1 / len({b for _, target in pairs for b in target}))
    losses = []
    for _ in range(rounds):
        count, loss = defaultdict(float), 0.0
        for source, target in pairs:
            source = [None, *source]
            weights = {}
            for places in product(range(len(source)), repeat=len(target)):
                weights[places] = np.prod([t[source[i], b] for i, b in zip(places, target, strict=True)])
            total = sum(weights.values())
            loss -= np.log(total / len(source) ** len(target))
            for places, weight in weights.items():
                for i, b in zip(places, target, strict=True):
                    count[source[i], b] += weight / total
        sums = defaultdict(float)
        for (a, _), n in count.items():
            sums[a] += n
        t = {(a, b): n / sums[a] for (a, b), n in count.items()}
        losses.append(loss / sum(len(target) for _, target in pairs))
    return t, losses


@given(PAIRS, st.integers(1, 4))
def test_it_is_em_over_all_alignments(pairs, rounds):
    model = IBM1(pairs, rounds)
    t, losses = by_hand(pairs, rounds)
    assert model.losses == pytest.approx(losses, abs=1e-9)
    for a, b in product([None, *"abc"], "ABC"):
        assert model.probability(b, a) == pytest.approx(t.get((a, b), 0), abs=1e-9)


@given(PAIRS)
def test_the_likelihood_never_falls_and_each_row_of_the_lexicon_sums_to_1(pairs):
    model = IBM1(pairs, 12)
    assert (np.diff(model.losses) <= 1e-12).all()
    for a in [None, *"abc"]:
        row = model.lexicon(a, 9)
        assert sum(p for _, p in row) == pytest.approx(1 if row else 0)
        assert [p for _, p in row] == sorted((p for _, p in row), reverse=True)
        assert all(model.probability(b, a) == p for b, p in row)


@given(PAIRS, WORDS, WORDS)
def test_every_word_is_aligned_with_its_likeliest(pairs, source, target):
    model, target = IBM1(pairs, 3), [w.upper() for w in target]
    found = model.align(source, target)
    assert len(found) == len(target)
    for b, place in zip(target, found, strict=True):
        own = model.probability(b, None if place is None else source[place])
        others = [model.probability(b, a) for a in source]
        assert own == max([model.probability(b, None), *others])
        assert place is None or own > max([model.probability(b, None), *others[:place]])  # the first of equals


def test_it_finds_the_words_of_a_small_language():
    """Words that always come together cannot be told apart; a sentence that has one of them alone tells."""
    pairs = [("the house", "das Haus"), ("the book", "das Buch"), ("a book", "ein Buch"), ("a house", "ein Haus")]
    pairs = [(source.split(), target.split()) for source, target in pairs]
    model = IBM1(pairs, 50)
    assert model.align("the house".split(), "das Haus".split()) == [0, 1]
    assert model.align("house the".split(), "das Haus Hund".split()) == [1, 0, None]
    assert model.translate("a new house".split()) == ["ein", "new", "Haus"]
    assert model.lexicon("book", 1)[0][0] == "Buch"
    assert model.lexicon("new") == []
    assert IBM1(pairs).losses == model.losses[:10]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: IBM1([]), ValueError, "^pairs must have a target's word, got 0 without any"),
        (lambda: IBM1([(["a"], [])]), ValueError, "^pairs must have a target's word, got 1 without any"),
        (lambda: IBM1([(["a"], ["b"])], 0), ValueError, "^rounds must be at least 1, got 0"),
        (lambda: IBM1([("a", ["b"])]), TypeError, r"^source must be a list of words, got 'a' \(str\)"),
        (lambda: IBM1([(["a"], ["b", ""])]), TypeError, "^target must be a list of words"),
        (lambda: IBM1([(["a"], ["b"])]).lexicon("a", 0), ValueError, "^count must be at least 1, got 0"),
        (lambda: IBM1([(["a"], ["b"])]).translate("a b"), TypeError, "^source must be a list of words"),
        (lambda: IBM1([(["a"], ["b"])]).align(["a"], "b"), TypeError, "^target must be a list of words"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
