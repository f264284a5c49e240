"""How good is it? Measures that the chapters report, each equal to a standard implementation's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their mean rank.

    x, y (n,): n ≥ 2 numbers each. Returns a number between -1 and 1. Raises ValueError if the lengths differ, if there
    are fewer than two numbers, if one is not finite, or if all of `x` or all of `y` are equal (there is no order then).
    Source: Spearman, "The proof and measurement of association between two things", 1904.

    >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f"x and y must be two lists of the same length, at least 2, got shapes {x.shape} and {y.shape}"
        )
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite numbers, got {values[~np.isfinite(values)][0]}")
        if (values == values[0]).all():
            raise ValueError(f"{name} must not be constant, got {values[0]} {len(values)} times")
    rx, ry = _ranks(x), _ranks(y)
    rx, ry = rx - rx.mean(), ry - ry.mean()
    return float(rx @ ry / np.sqrt((rx @ rx) * (ry @ ry)))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)  # the last rank of each distinct value, from 1
    return (last - (count - 1) / 2)[place]
