"""Change what a part of a network passes on, and see what follows: directions taken out or put in, heads silenced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from scratch._arguments import at_least_1, floats, integers, known_ids, positive, seed_value

__all__ = ["add", "changed", "random_directions", "remove", "without_heads"]

Change = Callable[[Tensor], Tensor]


@contextmanager
def changed(module: nn.Module, change: Change) -> Iterator[nn.Module]:
    """While the `with` lasts, the module passes on change(output) instead of its output.

    Of a tuple, as `nn.LSTM` returns it, only the first part is changed: what an LSTM passes on, not what it keeps for
    its next step. Afterwards the module is as it was, also after an error.

    >>> layer = nn.Linear(2, 2)
    >>> with changed(layer, torch.zeros_like):
    ...     layer(torch.ones(1, 2)).tolist()
    [[0.0, 0.0]]

    Raises TypeError for what is no module or cannot be called, ValueError if `change` returns another shape,
    RuntimeError at the end if the module has not been called: then nothing was changed, and no result means anything.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be an nn.Module, got {type(module).__name__}")
    if not callable(change):
        raise TypeError(f"change must be callable as change(output), got {type(change).__name__}")
    calls = 0

    def hook(_: nn.Module, inputs: tuple, output: Tensor | tuple) -> Tensor | tuple:
        nonlocal calls
        calls += 1
        if isinstance(output, tuple):
            return (_same_shape(output[0], change(output[0])), *output[1:])
        return _same_shape(output, change(output))

    with _registered(module.register_forward_hook(hook)):
        yield module
    _called(calls, module)


@contextmanager
def without_heads(attention: nn.Module, *heads: int) -> Iterator[nn.Module]:
    """While the `with` lasts, these heads of an attention, counted from 0, pass on zeros.

    attention: a `scratch.lora.OpenAttention` or a `scratch.attention.MultiHeadAttention`. Each head's share of the
    vector that enters the last matrix is set to zero; that matrix's bias stays. `nn.MultiheadAttention` reads the
    weights of that matrix without calling it: see `scratch.lora.opened`.

    >>> from scratch.attention import MultiHeadAttention
    >>> x, attention = torch.ones(1, 3, 4), MultiHeadAttention(dim=4, heads=2)
    >>> with without_heads(attention, 0, 1):
    ...     bool(attention(x, x, x)[0].any())
    False

    Raises TypeError for another module, IndexError for a head that it does not have, RuntimeError at the end if the
    attention has not been called.
    """
    last = getattr(attention, "outward", None) or getattr(attention, "out_proj", None)
    if isinstance(attention, nn.MultiheadAttention) or not isinstance(last, nn.Linear):
        kind = type(attention).__name__
        raise TypeError(f"attention must be an OpenAttention (scratch.lora.opened) or a MultiHeadAttention, got {kind}")
    count = at_least_1("heads", attention.heads)  # type: ignore[arg-type]
    silent, calls = known_ids("heads", heads, count), 0

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal calls
        calls += 1
        keep = torch.ones(count, device=inputs[0].device, dtype=inputs[0].dtype)
        keep[silent] = 0
        return ((inputs[0].unflatten(-1, (count, -1)) * keep.unsqueeze(1)).flatten(-2),)

    with _registered(last.register_forward_pre_hook(hook)):
        yield attention
    _called(calls, attention)


def remove(direction: Tensor, places: Tensor | None = None) -> Change:
    """A change that takes a direction out: h - (h · u) u, u the direction of length 1. What is left is at right angles.

    direction (dim,), of any length but 0; places (batch,): the place in each sentence where it is done, all if none.
    The change takes states (batch, length, dim), or (…, dim) without places, and keeps what it was given.

    >>> remove(torch.tensor([0.0, 2.0]))(torch.tensor([[3.0, 4.0]]))
    tensor([[3., 0.]])

    Raises ValueError for another shape, a direction of length 0, or places that do not fit.
    """
    unit = _vector(direction)
    if not unit.any():
        raise ValueError("direction must not be 0")
    unit = nn.functional.normalize(unit, dim=0)

    def change(states: Tensor) -> Tensor:
        u = unit.to(states)
        return _at(states, states - (states @ u).unsqueeze(-1) * u, places)

    return change


def add(direction: Tensor, places: Tensor | None = None) -> Change:
    """A change that puts a direction in: h + direction. Its length is the dose. See `remove` for shapes and errors.

    >>> add(torch.tensor([0.0, 2.0]), places=torch.tensor([1]))(torch.zeros(1, 2, 2))
    tensor([[[0., 0.],
             [0., 2.]]])
    """
    vector = _vector(direction)
    return lambda states: _at(states, states + vector.to(states), places)


def random_directions(count: int, dim: int, norm: float = 1.0, seed: int = 0) -> Tensor:
    """Directions that know nothing: (count, dim), each uniform on the sphere of radius `norm`.

    >>> random_directions(3, 8, norm=2.0).norm(dim=1).round(decimals=4)
    tensor([2., 2., 2.])

    Raises TypeError or ValueError for a size that is not positive.
    """
    generator = torch.Generator().manual_seed(seed_value("seed", seed))
    drawn = torch.randn(at_least_1("count", count), at_least_1("dim", dim), generator=generator)
    return positive("norm", norm) * nn.functional.normalize(drawn, dim=1)


def _at(before: Tensor, after: Tensor, places: Tensor | None) -> Tensor:
    """`after` at each sentence's place, `before` elsewhere."""
    if places is None:
        return after
    where = integers("places", places).to(before.device)
    if before.ndim != 3 or where.shape != before.shape[:1]:
        batch = f"({len(before)},)"
        raise ValueError(f"places must have the shape (batch,) = {batch} of the states, got {tuple(where.shape)}")
    if len(outside := where[(where < 0) | (where >= before.shape[1])]):
        raise ValueError(f"places must lie between 0 and {before.shape[1] - 1}, got {outside[0]}")
    chosen = torch.arange(before.shape[1], device=before.device) == where.unsqueeze(1)  # (batch, length)
    return torch.where(chosen.unsqueeze(2), after, before)


def _vector(direction: Tensor) -> Tensor:
    if floats("direction", direction).ndim != 1 or not bool(direction.isfinite().all()):
        raise ValueError(f"direction must be finite numbers (dim,), got the shape {tuple(direction.shape)}")
    return direction.detach()


def _same_shape(before: Tensor, after: Tensor) -> Tensor:
    if not isinstance(after, Tensor) or after.shape != before.shape:
        got = tuple(after.shape) if isinstance(after, Tensor) else type(after).__name__
        raise ValueError(f"change must return the shape {tuple(before.shape)} that it was given, got {got}")
    return after


@contextmanager
def _registered(handle: torch.utils.hooks.RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _called(calls: int, module: nn.Module) -> None:
    if not calls:
        name = type(module).__name__
        raise RuntimeError(f"nothing was changed: the {name} was not called as a module inside the with")
