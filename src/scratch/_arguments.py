"""Checks of arguments that several helpers share: one clear error that names the argument."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor


def at_least(name: str, value: int, least: int) -> int:
    """Return `value` if it is an integer of `least` or more, of any integer type.

    >>> at_least("start", -1, 0)
    Traceback (most recent call last):
    ValueError: start must be at least 0, got -1

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def at_least_1(name: str, value: int) -> int:
    """Return `value` if it is an integer of 1 or more, as most sizes are; see `at_least`."""
    return at_least(name, value, 1)


def real(name: str, value: float) -> float:
    """Return `value` if it is a number of any real type, and no truth value.

    >>> real("dropout", "0.1")
    Traceback (most recent call last):
    TypeError: dropout must be a float, got '0.1' (str)

    Raises TypeError with the argument's `name` otherwise.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a float, got {value!r} ({type(value).__name__})")
    return value


def floats(name: str, x: Tensor) -> Tensor:
    """Return `x` if it is a tensor of floating point numbers.

    >>> floats("scores", torch.tensor([1]))
    Traceback (most recent call last):
    TypeError: scores must be a tensor of floating point numbers, got torch.int64

    Raises TypeError with the argument's `name` otherwise.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a tensor of floating point numbers, got {kind}")
    return x


def share_below_1(name: str, value: float) -> float:
    """Return `value` if it is a number from 0 to less than 1, as the share of dropout is.

    >>> share_below_1("dropout", 1)
    Traceback (most recent call last):
    ValueError: dropout must be at least 0 and below 1, got 1

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    if not 0 <= real(name, value) < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
    return float(value)


def share_of_1(name: str, value: float) -> float:
    """Return `value` as a float if it is a number from 0 to 1.

    >>> share_of_1("b", 1.5)
    Traceback (most recent call last):
    ValueError: b must lie between 0 and 1, got 1.5

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    if not 0 <= real(name, value) <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    return float(value)


def positive(name: str, value: float) -> float:
    """Return `value` as a float if it is a finite number above 0, of any real type.

    >>> positive("learning_rate", 0)
    Traceback (most recent call last):
    ValueError: learning_rate must be positive and finite, got 0

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    if not 0 < real(name, value) < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return float(value)


def finite(name: str, value: float) -> float:
    """Return `value` as a float if it is a finite number, of any real type.

    >>> finite("length_penalty", float("inf"))
    Traceback (most recent call last):
    ValueError: length_penalty must be finite, got inf

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    if not math.isfinite(real(name, value)):
        raise ValueError(f"{name} must be finite, got {value}")
    return float(value)


def flag(name: str, value: bool) -> bool:
    """Return `value` if it is True or False: torch's layers have other options in the same place, which are neither.

    >>> flag("bidirectional", 0.5)
    Traceback (most recent call last):
    TypeError: bidirectional must be True or False, got 0.5

    Raises TypeError with the argument's `name` otherwise.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def seed_value(name: str, value: int) -> int:
    """Return `value` as an int if it is one, of any integer type, that seeds a generator of torch or NumPy.

    >>> seed_value("seed", None)
    Traceback (most recent call last):
    TypeError: seed must be an int, got None (NoneType)

    Raises TypeError, or ValueError below 0 and from 2**64, with the argument's `name` otherwise.
    """
    value = at_least(name, value, 0)
    if value >= 2**64:
        raise ValueError(f"{name} must be below 2**64, got {value}")
    return value


def known_ids(name: str, ids: Iterable[int], size: int) -> list[int]:
    """Return `ids` as a list if all are integers, of any integer type, from 0 to size - 1.

    >>> known_ids("ids", [0, 9], size=9)
    Traceback (most recent call last):
    IndexError: ids must lie between 0 and 8, the last of 9, got 9

    Raises TypeError or IndexError with the argument's `name` otherwise.
    """
    checked = []
    for i in ids:
        try:
            if type(i) is not int and getattr(i, "dtype", type(i)) in (bool, torch.bool):
                raise TypeError
            checked.append(operator.index(i))
        except TypeError:
            raise TypeError(f"{name} must be integers, got {i!r:.40} ({type(i).__name__})") from None
        if not 0 <= checked[-1] < size:
            raise IndexError(f"{name} must lie between 0 and {size - 1}, the last of {size}, got {i}")
    return checked


def ids_below(name: str, ids: Tensor | Sequence | np.ndarray | int, vocab_size: int, least: int = 0) -> Tensor:
    """Return `ids`, a tensor of any shape, as int64 if all are integers from `least` to vocab_size - 1.

    >>> ids_below("ids", torch.tensor([0, 9]), 9)
    Traceback (most recent call last):
    IndexError: ids must lie between 0 and vocab_size - 1 = 8, got 9

    Raises TypeError or IndexError with the argument's `name` otherwise, ValueError for lists of several lengths.
    """
    ids = integers(name, ids, IndexError)
    if not readable(ids):
        return ids
    outside = ids[(ids < least) | (ids >= vocab_size)]
    if len(outside):
        raise IndexError(f"{name} must lie between {least} and vocab_size - 1 = {vocab_size - 1}, got {outside[0]}")
    return ids


def lengths_within(lengths: Tensor | list[int], width: int, batch: int, least: int = 1) -> Tensor:
    """Return the lengths of `batch` sequences as int64 (batch,) if each is an integer from `least` to `width`.

    >>> lengths_within([6, 0], 6, batch=2)
    Traceback (most recent call last):
    ValueError: lengths must lie between 1 and the width 6, got 0

    Raises TypeError or ValueError otherwise.
    """
    lengths = integers("lengths", lengths)
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must have the shape (batch,) = ({batch},), got {tuple(lengths.shape)}")
    if not readable(lengths):
        return lengths
    wrong = lengths[(lengths < least) | (lengths > width)]
    if len(wrong):
        raise ValueError(f"lengths must lie between {least} and the width {width}, got {wrong[0]}")
    return lengths


def batch_of_vectors(name: str, x: Tensor, dim_name: str, dim: int) -> Tensor:
    """Return `x` if it is a tensor of floating point numbers of the shape (batch, length, dim).

    >>> batch_of_vectors("keys", torch.zeros(2, 3, 4), "key_dim", 5)
    Traceback (most recent call last):
    ValueError: keys must have the shape (batch, length, key_dim = 5), got (2, 3, 4)

    Raises TypeError or ValueError with the argument's `name` otherwise.
    """
    if floats(name, x).ndim != 3 or x.shape[2] != dim:
        raise ValueError(f"{name} must have the shape (batch, length, {dim_name} = {dim}), got {tuple(x.shape)}")
    return x


def room_for(name: str, value: int, each: int) -> int:
    """Return `value` if a table that has `each` cells for each of so many has fewer than 2**31.

    >>> room_for("width", 10**12, each=4)
    Traceback (most recent call last):
    ValueError: width must be at most 536870911, for less than 2 ** 31 cells, got 1000000000000

    Raises ValueError with the argument's `name` otherwise.
    """
    most = (2**31 - 1) // max(each, 1)
    if value > most:
        raise ValueError(f"{name} must be at most {most}, for less than 2 ** 31 cells, got {value}")
    return value


def integers(
    name: str, values: Tensor | Sequence | np.ndarray | int, too_large: type[Exception] = ValueError
) -> Tensor:
    """The values as an int64 tensor: a tensor of integers, or a list, or lists of lists of one length, of them.

    >>> integers("ids", [[1, 2], [3]])
    Traceback (most recent call last):
    ValueError: ids must be a tensor or lists of one length, got [[1, 2], [3]] (list)

    Raises that, or TypeError for anything but integers, or `too_large` for one that does not fit into int64.
    """
    if not isinstance(values, Tensor):
        try:
            values = torch.as_tensor(values)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            got, inner = f"got {values!r:.40} ({type(values).__name__})", list(_inner(values))
            if not all(isinstance(i, numbers.Integral) for i in inner):
                raise TypeError(f"{name} must be integers, {got}") from None
            if largest := next((i for i in inner if not -(2**63) <= i < 2**63), 0):
                raise too_large(f"{name} must fit into int64, got {largest}") from None
            raise ValueError(f"{name} must be a tensor or lists of one length, {got}") from None
        if not values.numel():  # torch takes an empty list for floats
            values = values.long()
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, got {values.dtype}")
    return values.long()


def _inner(values: object) -> Iterator:
    """What stands in lists of lists, arrays or tensors, in a row."""
    if isinstance(values, Tensor | np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        yield values
    else:
        for value in values:
            yield from _inner(value)


def readable(values: Tensor) -> bool:
    """Whether there are numbers to look at: not while a model is compiled or exported, nor in meta and fake tensors."""
    plain = type(values) in (Tensor, torch.nn.Parameter)
    return plain and values.device.type != "meta" and not torch.compiler.is_compiling()
