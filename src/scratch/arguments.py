"""Checks of arguments that several helpers share: one clear error that names the argument."""

from __future__ import annotations

import operator


def at_least_1(name: str, value: int) -> int:
    """Return `value` if it is an integer of 1 or more, of any integer type.

    >>> at_least_1("dim", 0)
    Traceback (most recent call last):
    ValueError: dim must be at least 1, got 0

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})") from None
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value
