"""Checks of arguments that several helpers share: one clear error that names the argument."""

from __future__ import annotations

import operator
from collections.abc import Iterable


def at_least_1(name: str, value: int) -> int:
    """Return `value` if it is an integer of 1 or more, of any integer type.

    >>> at_least_1("dim", 0)
    Traceback (most recent call last):
    ValueError: dim must be at least 1, got 0

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    return at_least(1, name, value)


def at_least_0(name: str, value: int) -> int:
    """Return `value` if it is an integer of 0 or more, of any integer type.

    >>> at_least_0("start", -1)
    Traceback (most recent call last):
    ValueError: start must be at least 0, got -1

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    return at_least(0, name, value)


def known_ids(ids: Iterable[int], size: int) -> list[int]:
    """Return `ids` as a list if all are integers, of any integer type, from 0 to size - 1.

    >>> known_ids([0, 9], size=9)
    Traceback (most recent call last):
    IndexError: ids must lie between 0 and 8, the last of 9, got 9

    Raises TypeError or IndexError otherwise.
    """
    checked = []
    for i in ids:
        try:
            checked.append(operator.index(i))
        except TypeError:
            raise TypeError(f"ids must be integers, got {i!r:.40} ({type(i).__name__})") from None
        if not 0 <= checked[-1] < size:
            raise IndexError(f"ids must lie between 0 and {size - 1}, the last of {size}, got {i}")
    return checked


def at_least(least: int, name: str, value: int) -> int:
    """Return `value` if it is an integer of `least` or more; see `at_least_1`."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value
