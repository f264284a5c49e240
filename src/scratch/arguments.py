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
    return _at_least(1, name, value)


def at_least_0(name: str, value: int) -> int:
    """Return `value` if it is an integer of 0 or more, of any integer type.

    >>> at_least_0("start", -1)
    Traceback (most recent call last):
    ValueError: start must be at least 0, got -1

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    return _at_least(0, name, value)


def _at_least(least: int, name: str, value: int) -> int:
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value
