"""Where a token stands: sinusoidal and learned positions, rotary embeddings (RoPE), and linear biases (ALiBi)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scratch._arguments import at_least, at_least_1, batch_of_vectors, floats, positive

Device = torch.device | str | None


def sinusoidal(
    length: int, dim: int, *, start: int = 0, dtype: torch.dtype = torch.float32, device: Device = None
) -> Tensor:
    """One row of sines and cosines for each of the positions start, …, start + length - 1.

    Returns (length, dim): dimensions 2i and 2i + 1 are the sine and the cosine of pos / 10000^(2i / dim), side by side
    as in the paper; an odd `dim` ends with a sine. The angles are float64 and the result is cast at the end, so that
    a float32 row is off by at most 3.1e-8, half a unit in the last place just below 1, at position 10⁶ too. The rows
    are on `device`, or on torch's default device. Raises ValueError if `length` or `dim` is below 1, `start` below 0
    or a position above 2⁵³, past which float64 skips integers; TypeError if one is no int or `dtype` holds no floating
    point numbers.
    Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.5.

    >>> sinusoidal(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    >>> torch.equal(sinusoidal(1, 4, start=1), sinusoidal(2, 4)[1:])
    True
    """
    length, dim, start = at_least_1("length", length), at_least_1("dim", dim), at_least("start", start, 0)
    if start + length > 2**53:
        raise ValueError(f"start + length must be at most 2**53, got {start} + {length}")
    _floating(dtype)
    angles = _angles(torch.arange(start, start + length, device="cpu"), dim)  # (length, ⌈dim / 2⌉)
    rows = torch.empty(length, dim, dtype=dtype, device="cpu")
    rows[:, 0::2] = angles.sin()
    rows[:, 1::2] = angles[:, : dim // 2].cos()
    return rows.to(_device(device))


class SinusoidalPosition(nn.Module):
    """Adds the sinusoidal row of its position to each vector: x (batch, length, dim) -> (batch, length, dim).

    Holds no parameters. Its table is computed in the dtype and on the device of the first `x`, and again when these
    change, so that a model moved to float64 gets float64 rows and not widened float32 ones. It grows with the longest
    `x` there was, up to `max_length`, which costs nothing by itself. Raises ValueError if `x` has another shape or is
    longer than `max_length`, TypeError if it holds no floating point numbers.

    >>> SinusoidalPosition(max_length=8, dim=4)(torch.zeros(1, 2, 4))
    tensor([[[0.0000, 1.0000, 0.0000, 1.0000],
             [0.8415, 0.5403, 0.0100, 0.9999]]])
    """

    def __init__(self, max_length: int, dim: int):
        super().__init__()
        self.max_length, self.dim = at_least_1("max_length", max_length), at_least_1("dim", dim)
        self._table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, length, dim) -> (batch, length, dim)"""
        length, table = _length(x, self.max_length, self.dim), self._table
        if table is None or len(table) < length or (table.dtype, table.device) != (x.dtype, x.device):
            rows = min(self.max_length, max(1024, 2 * length))  # doubling: a text that grows seldom needs a new table
            self._table = table = sinusoidal(rows, self.dim, dtype=x.dtype, device=x.device)
        return x + table[:length]

    def extra_repr(self) -> str:
        return f"max_length={self.max_length}, dim={self.dim}"


class LearnedPosition(nn.Module):
    """Adds a learned row for its position to each vector: x (batch, length, dim) -> (batch, length, dim).

    `weight` (max_length, dim) is a parameter that starts as normal noise of deviation `std`, BERT's 0.02. A row that
    no training sentence was long enough to reach keeps that noise. Raises ValueError if `x` has another shape or is
    longer than `max_length` (there is no row then) or `std` is not positive, TypeError if `x` holds no floating point
    numbers. Source: Gehring et al. 2017, arXiv 1705.03122.

    >>> LearnedPosition(max_length=8, dim=4)(torch.zeros(1, 9, 4))
    Traceback (most recent call last):
    ValueError: x must have a length of at most max_length = 8, got 9
    """

    def __init__(self, max_length: int, dim: int, *, std: float = 0.02, generator: torch.Generator | None = None):
        super().__init__()
        self.max_length, self.dim = at_least_1("max_length", max_length), at_least_1("dim", dim)
        self.weight = nn.Parameter(normal(self.max_length, self.dim, generator) * positive("std", std))

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, length, dim) -> (batch, length, dim)"""
        return x + self.weight[: _length(x, self.max_length, self.dim)]

    def extra_repr(self) -> str:
        return f"max_length={self.max_length}, dim={self.dim}"


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Turn each pair (x_2i, x_2i+1) of a query or key by its position's angle, pos / 10000^(2i / dim): RoPE.

    x (…, length, dim) with an even `dim`, positions (length,), whole or not, on any device. Returns (…, length, dim),
    in x's dtype and on its device. The dot product of two rotated vectors depends on their positions through the
    difference only. The angles are float64, and half precision is turned in float32. Rotate queries and keys, each head
    by itself (`dim` is the head's); not values. Raises ValueError for an odd `dim` or shapes that do not fit, TypeError
    if `x` holds no floating point numbers or `positions` no numbers. Source: Su et al. 2021, arXiv 2104.09864.

    >>> rotate(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    floats("x", x)
    if not isinstance(positions, Tensor) or positions.is_complex() or positions.dtype == torch.bool:
        kind = positions.dtype if isinstance(positions, Tensor) else type(positions).__name__
        raise TypeError(f"positions must be a tensor of real numbers, got {kind}")
    if x.ndim < 2 or x.shape[-1] % 2 or x.shape[-1] == 0:
        raise ValueError(f"x must have the shape (..., length, dim) with an even dim, got {tuple(x.shape)}")
    if positions.shape != x.shape[-2:-1]:
        expected = f"({x.shape[-2]},), one for each row of x"
        raise ValueError(f"positions must have the shape {expected}, got {tuple(positions.shape)}")
    wide = torch.promote_types(x.dtype, torch.float32)
    angles = _angles(positions, x.shape[-1])  # (length, dim / 2)
    sin, cos = (table.to(x.device, wide) for table in (angles.sin(), angles.cos()))
    even, odd = x[..., 0::2], x[..., 1::2]  # (…, length, dim / 2)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2).to(x.dtype)


def alibi_bias(heads: int, length: int, *, dtype: torch.dtype = torch.float32, device: Device = None) -> Tensor:
    """What ALiBi adds to the attention scores: -slope · |q - k|, with a slope for each head.

    Returns (heads, length, length), first the query's place q, then the key's, k. This is symmetric: by itself it
    cannot tell left from right (the paper's models see the left only). On `device`, or on torch's default device.
    Raises ValueError if a size is below 1, TypeError if one is no int or `dtype` holds no floating point numbers.
    Source: Press et al. 2022, arXiv 2108.12409.

    >>> alibi_bias(heads=8, length=3)[0]
    tensor([[ 0.0000, -0.5000, -1.0000],
            [-0.5000,  0.0000, -0.5000],
            [-1.0000, -0.5000,  0.0000]])
    """
    _floating(dtype)
    places = torch.arange(at_least_1("length", length), dtype=torch.float64, device="cpu")
    nearness = 0 - (places[:, None] - places).abs()  # (length, length): 0 on the diagonal, not the -0 of a minus sign
    return (alibi_slopes(heads)[:, None, None] * nearness).to(_device(device), dtype)


def alibi_slopes(heads: int) -> Tensor:
    """ALiBi's slopes: 2^(-8h / heads) for h = 1, …, heads if `heads` is a power of two.

    Returns (heads,) in float64, on the CPU.

    For another number, the authors' rule: the slopes of the power of two below, then every other slope of the power
    of two above, from its first. Raises ValueError if `heads` is below 1, TypeError if it is no int. Sources: Press et
    al. 2022; `get_slopes` in github.com/ofirpress/attention_with_linear_biases.

    >>> alibi_slopes(6).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]
    """
    heads = at_least_1("heads", heads)
    below = 1 << (heads.bit_length() - 1)  # the largest power of two ≤ heads
    exponents = [8 * h / below for h in range(1, below + 1)]
    exponents += [8 * h / (2 * below) for h in range(1, 2 * below, 2)][: heads - below]
    return torch.tensor([2.0**-exponent for exponent in exponents], dtype=torch.float64, device="cpu")


def normal(rows: int, dim: int, generator: torch.Generator | None = None) -> Tensor:
    """A table (rows, dim) of normal noise of deviation 1, drawn where the generator is, on torch's default device.

    >>> normal(2, 3, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """
    if generator is None:
        return torch.randn(rows, dim)
    return torch.randn(rows, dim, generator=generator, device=generator.device).to(_device(None))


def _angles(positions: Tensor, dim: int) -> Tensor:
    """positions (length,) -> (length, ⌈dim / 2⌉): pos / 10000^(2i / dim), in float64."""
    device = "cpu" if positions.device.type == "mps" else positions.device  # Apple's GPUs have no float64
    wavelengths = 10_000.0 ** (torch.arange(0, dim, 2, dtype=torch.float64, device=device) / dim)  # over 2π
    return positions.to(device, torch.float64)[:, None] / wavelengths


def _device(device: Device) -> torch.device | str:
    return torch.empty(0).device if device is None else device  # torch 2.6 asked by name overlooks "with"


def _floating(dtype: torch.dtype) -> None:
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be one of torch's floating point types, got {dtype}")


def _length(x: Tensor, max_length: int, dim: int) -> int:
    """The length of x (batch, length, dim), which must fit."""
    length = batch_of_vectors("x", x, "dim", dim).shape[1]
    if length > max_length:
        raise ValueError(f"x must have a length of at most max_length = {max_length}, got {length}")
    return length
