"""scratch.ngram against KenLM's lmplz, and against the formula written out in dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch.ngram import KneserNey

SENTENCES = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=6), min_size=1, max_size=8)


def some_text(count=120):
    """Sentences of the words 2 … 14 between the marks 0 and 1, the same everywhere: 48 bits, multiplied and cut."""
    x, text = 1, []
    for _ in range(count):
        words = []
        for _ in range(1 + len(text) % 7):
            x = (x * 25214903917 + 11) % 2**48
            words.append(2 + int(13 * (x / 2**48) ** 2))  # small ids are more frequent
        text.append([0, *words, 1])
    return text


# log10 p of the last word, by KenLM 0.3.0: lmplz -o 3 --discount_fallback on some_text(), words named by their ids.
# (Of the last n-gram of each shorter length it takes the count, not the adjusted one, into its estimate of the
# discounts: on this text that makes no difference.)
KENLM = {
    (0, 2): -0.5693483,
    (0, 14): -1.2553608,
    (0, 2, 3): -1.1664970,
    (0, 14, 14): -1.7007745,
    (2, 2, 2): -0.8321299,
    (4, 3, 1): -0.4408262,
    (9, 2, 5): -1.2905961,
    (14, 14, 14): -1.5440398,
    (12, 11, 1): -0.8200368,
    (3, 2, 13): -1.7002164,
}


@pytest.mark.parametrize("gram", KENLM)
def test_equals_kenlm(gram):
    """Its vocabulary has one id that ours lacks, the unknown word, and lacks the mark of the beginning."""
    row = [-1] * (3 - len(gram)) + list(gram)
    found = np.log10(KneserNey(some_text(), 3, 15).probability(np.array([row])))
    assert found[0] == pytest.approx(KENLM[gram], abs=1e-6)


def written_out(text, order, size):
    """p(w, context), straight from Chen & Goodman's equations; a context of 2 words is tried, then of 1, then none."""
    counts = [Counter() for _ in range(order + 1)]  # by length
    before = [defaultdict(set) for _ in range(order + 1)]
    for s in text:
        for end in range(1, len(s)):
            for n in range(1, order + 1):
                if end - n + 1 >= 0:
                    gram = tuple(s[end - n + 1 : end + 1])
                    first = end - n + 1 == 0
                    if n == order or first:
                        counts[n][gram] += 1
                    else:
                        before[n][gram].add(s[end - n])
    for n in range(1, order):
        for gram, words in before[n].items():
            counts[n][gram] += len(words)

    def discount(n, c):
        how_many = [sum(x == k for x in counts[n].values()) for k in range(5)]
        usual = (0, 0.5, 1, 1.5)
        if all(how_many[1:]):
            y = how_many[1] / (how_many[1] + 2 * how_many[2])
            found = (0, *(k - (k + 1) * y * how_many[k + 1] / how_many[k] for k in (1, 2, 3)))
            usual = found if all(0 <= d <= k for k, d in enumerate(found)) else usual
        return usual[min(c, 3)]

    def p(context, w):
        lower = p(context[1:], w) if context else 1 / size
        n = len(context) + 1
        seen = {v: c for (*h, v), c in counts[n].items() if tuple(h) == context}
        if not seen:
            return lower
        total = sum(seen.values())
        lost = sum(discount(n, c) for c in seen.values())
        return (seen.get(w, 0) - discount(n, seen.get(w, 0)) + lost * lower) / total

    return p


@given(SENTENCES.filter(lambda text: any(text)), st.integers(1, 4))
def test_equals_the_formula(text, order):
    text = [[0, *s] for s in text]
    model, p = KneserNey(text, order, 7), written_out(text, order, 7)
    expected = [-np.log(p(tuple(s[max(0, t - order + 1) : t]), s[t])) for s in text for t in range(1, len(s))]
    np.testing.assert_allclose(model.losses(text), expected, rtol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("context", [(0,), (0, 2), (0, 2, 3), (4, 2, 2), (14, 14, 14), (5, 1, 1)])
def test_the_probabilities_add_up_to_one(order, context):
    context = context[-order + 1 :] if order > 1 else ()
    grams = np.array([[-1] * (order - 1 - len(context)) + [*context, w] for w in range(20)])
    p = KneserNey(some_text(), order, 20).probability(grams)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()


def test_a_word_that_follows_one_word_only_is_no_guess_elsewhere():
    """Kneser and Ney's own example: "san francisco" is frequent, but francisco follows no other word."""
    san, francisco, others = 2, 3, range(4, 9)
    text = [[0, san, francisco, 1]] * 50 + [[0, a, b, 1] for a in others for b in others]
    model = KneserNey(text, 2, 10)
    after_an_unknown = model.probability(np.array([[9, w] for w in (francisco, 4)]))
    assert after_an_unknown[0] < after_an_unknown[1] / 2
    assert model.probability(np.array([[san, francisco]]))[0] > 0.9


def test_any_iterable_of_lists_and_unseen_words():
    text = some_text(20)
    model = KneserNey((tuple(s) for s in text), 3, 20)
    np.testing.assert_array_equal(model.losses(text), KneserNey(text, 3, 20).losses(np.array(s) for s in text))
    assert np.isfinite(model.losses([[0, 19, 18, 1]])).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0, 7]], 2, 7), IndexError, "sentences must lie between 0 and vocab_size - 1 = 6, got 7"),
        (([[0, 0.5]], 2, 7), TypeError, "sentences must be integers"),
        (([["a", "b"]], 2, 7), TypeError, "sentences must be integers"),
        ((["ab"], 2, 7), TypeError, "sentences must be lists of ids, got strings or lists"),
        (([[0, [1, 2]]], 2, 7), TypeError, "sentences must be lists of ids, got strings or lists"),
        (([0, 1], 2, 7), TypeError, "sentences must be lists of ids, got 0"),
        ((5, 2, 7), TypeError, "sentences must be lists of ids, got 5"),
        (([], 2, 7), ValueError, "sentences must have words after the first, got 0 without any"),
        (([[3], []], 2, 7), ValueError, "sentences must have words after the first, got 2 without any"),
        (([[0, 1]], 0, 7), ValueError, "order must be at least 1, got 0"),
        (([[0, 1]], 2, "7"), TypeError, "vocab_size must be an int"),
        (([[0, 1]], 6, 5000), ValueError, r"order must be small enough for \(vocab_size \+ 1\) \*\* order < 2 \*\* 63"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        KneserNey(*arguments)


@pytest.mark.parametrize(
    ("grams", "error", "message"),
    [
        ([[0, 20]], IndexError, "grams must lie between -1 and vocab_size - 1 = 19, got 20"),
        ([[0, 1, 1, 1]], ValueError, r"grams must have the shape \(n, 1 to order = 3\), got \(1, 4\)"),
        ([1], ValueError, "grams must have the shape"),
        ([[0.5]], TypeError, "grams must be integers"),
    ],
)
def test_bad_grams_are_named(grams, error, message):
    with pytest.raises(error, match=message):
        KneserNey(some_text(9), 3, 20).probability(grams)
