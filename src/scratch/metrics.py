"""How good is it? Measures that the chapters report, each equal to a standard implementation's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from scratch._arguments import at_least_1, seed_value


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their mean rank.

    x, y (n,): n ≥ 2 numbers each. Returns a number between -1 and 1. Raises ValueError if the lengths differ, if there
    are fewer than two numbers, if one is not finite, or if all of `x` or all of `y` are equal (there is no order then).
    Source: Spearman, "The proof and measurement of association between two things", 1904.

    >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    a, b = _numbers("x", x), _numbers("y", y)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"x and y must be two lists of the same length, at least 2, got shapes {a.shape} and {b.shape}"
        )
    for name, values in (("x", a), ("y", b)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite numbers, got {values[~np.isfinite(values)][0]}")
        if (values == values[0]).all():
            raise ValueError(f"{name} must not be constant, got {values[0]} {len(values)} times")
    a, b = _ranks(a), _ranks(b)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def interval(
    statistic: Callable[..., float], *samples: np.ndarray, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap's 95 % interval of a statistic (Efron 1979): what it would be with other pairs of the same kind.

    samples: n things each that belong together, as lists or arrays (n, …); the same n indices, drawn with repetition,
    are taken of each. The interval of a difference is that of a statistic which takes both samples and subtracts.
    Raises ValueError if the lengths differ or there is nothing, or if a size is out of range.

    >>> interval(np.mean, np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1]))
    (0.5, 1.0)
    """
    draws, seed = at_least_1("draws", draws), seed_value("seed", seed)
    samples = tuple(np.asarray(sample) for sample in samples)
    lengths = [len(sample) if sample.ndim else 0 for sample in samples]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"samples must have one length, at least 1, got {lengths}")
    picks = np.random.default_rng(seed).integers(lengths[0], size=(draws, lengths[0]))
    low, high = np.percentile([statistic(*(sample[pick] for sample in samples)) for pick in picks], [2.5, 97.5])
    return float(low), float(high)


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean by Student's t: for few values, such as the differences of two models, seed by seed.

    values (n,): n ≥ 2 numbers that are independent, and roughly normal. Returns the two ends. Raises ValueError if
    there are fewer than two, or if one is not finite. Source: Student, "The probable error of a mean", 1908.

    >>> low, high = t_interval([0.1, 0.2, 0.3])
    >>> round(low, 3), round(high, 3)
    (-0.048, 0.448)
    """
    given = _numbers("values", values)
    if given.ndim != 1 or len(given) < 2:
        raise ValueError(f"values must be a list of at least 2 numbers, got the shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"values must be finite numbers, got {given[~np.isfinite(given)][0]}")
    half = stats.t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given))
    return float(given.mean() - half), float(given.mean() + half)


def _numbers(name: str, values: Sequence[float]) -> np.ndarray:
    """The values as float64, if they are real numbers."""
    try:
        return np.asarray(values if hasattr(values, "__len__") else list(values), dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a list of numbers, got {values!r:.40} ({type(values).__name__})") from None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)  # the last rank of each distinct value, from 1
    return (last - (count - 1) / 2)[place]
