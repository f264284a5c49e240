"""scratch.metrics against scipy."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from scratch.metrics import spearman

NUMBERS = st.one_of(st.integers(-3, 3), st.floats(-1e6, 1e6))  # small integers make ties


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30))
def test_spearman_equals_scipy_with_ties(pairs):
    x, y = zip(*pairs, strict=True)
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_spearman_sees_only_the_order():
    assert spearman([1, 2, 3], [10, 1000, 1e9]) == pytest.approx(1)
    assert spearman([1, 2, 3], [-1, -2, -3]) == pytest.approx(-1)
    assert spearman([Fraction(1, 3), Fraction(1, 2)], [Decimal(1), Decimal(2)]) == pytest.approx(1)  # any numbers


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2, 3], r"same length.*shapes \(2,\) and \(3,\)"),
        ([1], [1], "at least 2"),
        ([[1, 2]], [[1, 2]], "x and y must be two lists"),
        ([1, 2], [3, 3], "y must not be constant, got 3.0 2 times"),
        ([5, 5], [1, 2], "x must not be constant"),
        ([1, float("nan")], [1, 2], "x must be finite numbers, got nan"),
        ([1, 2], [1, float("inf")], "y must be finite numbers, got inf"),
    ],
)
def test_spearman_names_bad_input(x, y, message):
    with pytest.raises(ValueError, match=message):
        spearman(x, y)
