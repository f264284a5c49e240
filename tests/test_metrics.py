"""scratch.metrics against scipy."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from scratch.metrics import crossed_interval, interval, spearman, t_interval, verdict

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


def test_interval_equals_scipys():
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    y = x + rng.normal(size=200)
    low, high = interval(spearman, x, y, draws=3000)
    theirs = scipy.stats.bootstrap(
        (x, y), spearman, paired=True, vectorized=False, n_resamples=3000, method="percentile", rng=2
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    assert low < spearman(x, y) < high
    assert interval(spearman, x, y, seed=3) != interval(spearman, x, y)


def test_interval_is_the_means_error_to_both_sides():
    """For a mean of many numbers: 1.96 standard errors (the normal distribution's 2.5 % and 97.5 %)."""
    x = np.random.default_rng(0).normal(size=400)
    low, high = interval(np.mean, x, draws=20_000)
    error = x.std() / 400**0.5
    assert (low - x.mean()) / error == pytest.approx(scipy.stats.norm.ppf(0.025), abs=0.07)
    assert (high - x.mean()) / error == pytest.approx(scipy.stats.norm.ppf(0.975), abs=0.07)


def test_interval_can_be_repeated():
    x = np.random.default_rng(1).normal(size=20)
    assert interval(np.mean, x) == interval(np.mean, x, draws=1000, seed=0)


def test_interval_refuses_samples_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"samples must have one length, at least 1, got \[3, 2\]"):
        interval(spearman, np.arange(3), np.arange(2))


@pytest.mark.parametrize("count", [2, 3, 30])
def test_t_interval_equals_scipys(count):
    values = np.random.default_rng(count).normal(2, 3, size=count)
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values.tolist()) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("values", [[], [1.0], [[1.0, 2.0]]])
def test_t_interval_refuses_too_few(values):
    with pytest.raises(ValueError, match="values must be a list of at least 2 numbers, got the shape"):
        t_interval(values)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: spearman(["a", "b"], [1, 2]), TypeError, r"x must be a list of numbers, got \['a', 'b'\]"),
        (lambda: spearman([1, 2], None), TypeError, "y must be a list of numbers, got None"),
        (lambda: spearman([1j, 2], [1, 2]), TypeError, "x must be a list of numbers"),
        (lambda: t_interval([1, float("nan")]), ValueError, "values must be finite numbers, got nan"),
        (lambda: t_interval("ab"), TypeError, "values must be a list of numbers, got 'ab'"),
        (lambda: interval("mean", [1, 2]), TypeError, r"^statistic must be callable, got 'mean' \(str\)$"),
        (lambda: interval(np.mean, []), ValueError, r"samples must have one length, at least 1, got \[0\]"),
        (lambda: interval(np.mean), ValueError, r"samples must have one length, at least 1, got \[\]"),
        (lambda: interval(np.mean, 3), ValueError, "samples must have one length"),
        (lambda: interval(np.mean, [1, 2], draws=0), ValueError, "draws must be at least 1, got 0"),
        (lambda: interval(np.mean, [1, 2], draws=1.5), TypeError, "draws must be an int, got 1.5"),
        (lambda: interval(np.mean, [1, 2], seed=None), TypeError, "seed must be an int, got None"),
    ],
)
def test_what_is_wrong_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_lists_tensors_and_what_is_read_once():
    x, y = [3, 1, 4, 1, 5], [2, 7, 1, 8, 2]
    assert spearman(torch.tensor(x), iter(y)) == spearman(np.array(x, "int8"), y) == spearman(x, y)
    assert t_interval(iter(x)) == t_interval(torch.tensor(x)) == t_interval(x)
    assert interval(np.mean, x, draws=np.int64(50), seed=np.int64(1)) == interval(
        np.mean, np.array(x), draws=50, seed=1
    )


def test_the_interval_of_a_difference_is_paired():
    """Two that err on the same things differ surely, although each by itself is uncertain."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=100)
    second = first + 0.1 + 0.01 * rng.normal(size=100)
    low, high = interval(lambda a, b: np.mean(b) - np.mean(a), first, second)
    assert 0.09 < low < high < 0.11
    assert interval(np.mean, first)[1] > interval(np.mean, second)[0]


@pytest.mark.parametrize(
    ("runs", "things", "by_run", "by_thing", "rest"),
    [(5, 300, 0, 0, 1), (5, 300, 0.1, 0.5, 1), (5, 300, 0.5, 0.5, 1), (2, 100, 0.1, 0.5, 1), (3, 20, 1, 1, 1)],
)
def test_the_crossed_interval_holds_the_truth_in_95_of_100_cases_or_a_little_more(runs, things, by_run, by_thing, rest):
    """The share in 1,000 draws, give or take two standard errors of .007; it does not hold it always."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(1000):
        values = (
            rng.normal(0, by_run, (runs, 1)) + rng.normal(0, by_thing, things) + rng.normal(0, rest, (runs, things))
        )
        low, high = crossed_interval(values)
        shares.append(low <= 0 <= high)
    assert 0.936 < np.mean(shares) < 0.985


def test_the_crossed_interval_is_that_of_runs_or_things_if_only_they_vary():
    runs, things = np.array([0.1, 0.2, 0.4]), np.random.default_rng(0).normal(size=50)
    assert crossed_interval(runs[:, None] + np.zeros(50)) == pytest.approx(t_interval(runs))
    assert crossed_interval(np.zeros((3, 1)) + things) == pytest.approx(t_interval(things))
    low, high = crossed_interval(runs[:, None] + things)
    halves = [(b - a) / 2 for a, b in (t_interval(runs), t_interval(things))]
    assert (high - low) / 2 == pytest.approx(np.hypot(*halves))
    assert (high + low) / 2 == pytest.approx(runs.mean() + things.mean())
    assert crossed_interval(np.ones((2, 2), int)) == (1, 1)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1, 2], ValueError, r"values must have the shape \(runs, things\), each 2 or more, got \(2,\)"),
        ([[1, 2]], ValueError, r"each 2 or more, got \(1, 2\)"),
        ([[1], [2]], ValueError, r"each 2 or more, got \(2, 1\)"),
        ([[1, 2], [3, float("inf")]], ValueError, "values must be finite numbers, got inf"),
        ([["a", "b"], ["c", "d"]], TypeError, "values must be a list of numbers"),
    ],
)
def test_the_crossed_interval_names_bad_input(values, error, message):
    with pytest.raises(error, match=message):
        crossed_interval(values)


def test_a_verdict_is_spoken_only_where_the_interval_is_on_one_side_of_0():
    assert verdict(0.1, 0.2) == "better"
    assert verdict(-0.2, -0.1) == "worse"
    for low, high in ((-0.1, 0.2), (0.0, 0.2), (-0.1, 0.0), (0.0, 0.0)):
        assert verdict(low, high) == "not distinguishable"
    assert verdict(*t_interval([1, 1.1, 1.2])) == "better"


@pytest.mark.parametrize(
    ("ends", "error", "message"),
    [
        ((0.2, 0.1), ValueError, "low must not be above high, got 0.2 and 0.1"),
        ((float("nan"), 1), ValueError, "low must be finite, got nan"),
        ((0, float("nan")), ValueError, "high must be finite, got nan"),
        (("a", 1), TypeError, "low must be a float, got 'a'"),
    ],
)
def test_a_verdict_needs_an_interval(ends, error, message):
    with pytest.raises(error, match=message):
        verdict(*ends)
