"""Recurrent networks: the plain RNN, the LSTM and the GRU, with PyTorch's names and layout of weights.

A cell takes one step; a network reads a batch of sequences, in one or more layers and one or both directions. The
weights have the names and shapes of `torch.nn`, so that a `state_dict` of one loads into the other. They work wherever
PyTorch's do: under autocast, in half precision, in `torch.func`, compiled, exported (with `strict=False`, which is
PyTorch's default from 2.7 on), twice differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from scratch._arguments import at_least_1, batch_of_vectors, flag, floats, lengths_within, readable
from scratch.bptt import lstm_steps
from scratch.text import mask

State = tuple[Tensor, ...]  # of a step: (h,), or for the LSTM (h, c)
Outside = Tensor | tuple[Tensor, Tensor]  # the same for a caller: h, or (h, c)


def rnn_step(given: Tensor, state: State, weight: Tensor, bias: Tensor | None = None) -> State:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990, doi 10.1207/s15516709cog1402_1).

    given (batch, hidden): W_ih x + b_ih; state (h,), h (batch, hidden); weight W_hh (hidden, hidden); bias b_hh
    (hidden,). Returns the next state.

    >>> rnn_step(torch.tensor([[0.5]]), (torch.tensor([[1.0]]),), torch.tensor([[-0.5]]))  # tanh(0.5 - 0.5)
    (tensor([[0.]]),)
    """
    (h,) = state
    return (torch.tanh(given + linear(h, weight, bias)),)


def lstm_step(given: Tensor, state: State, weight: Tensor, bias: Tensor | None = None) -> State:
    """c' = f c + i g and h' = o tanh(c') (Hochreiter & Schmidhuber 1997; the forget gate f is Gers et al.'s, 2000).

    given (batch, 4 hidden): W_ih x + b_ih, for the gates i, f, g, o in this order; state (h, c), each (batch, hidden);
    weight (4 hidden, hidden); bias (4 hidden,). Returns the next state.

    >>> forget_nothing = torch.tensor([[-99.0, 99, 0, 99]])
    >>> lstm_step(forget_nothing, (torch.zeros(1, 1), torch.ones(1, 1)), torch.zeros(4, 1))  # h = tanh(1), c = 1
    (tensor([[0.7616]]), tensor([[1.]]))
    """
    h, c = state
    i, f, g, o = (given + linear(h, weight, bias)).chunk(4, 1)  # (batch, hidden) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(given: Tensor, state: State, weight: Tensor, bias: Tensor | None = None) -> State:
    """h' = (1 - z) n + z h, with the reset gate after the product: n = tanh(W x + b + r (W h + b)), as in cuDNN.

    given (batch, 3 hidden): W_ih x + b_ih for r, z, n in this order; state (h,), h (batch, hidden); weight (3 hidden,
    hidden); bias b_hh (3 hidden,). Returns the next state.

    >>> keep_all = torch.tensor([[0.0, 99, 0]])
    >>> gru_step(keep_all, (torch.tensor([[0.3]]),), torch.zeros(3, 1))
    (tensor([[0.3000]]),)
    """
    (h,) = state
    r, z, n = given.chunk(3, 1)  # (batch, hidden) each
    r_h, z_h, n_h = linear(h, weight, bias).chunk(3, 1)
    r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
    n = (n + r * n_h).tanh()
    return (n + z * (h - n),)


def gru_step_reset_before(given: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
    """The same with the reset gate before the product: n = tanh(W x + b + W (r h) + b) (Cho et al. 2014, 1406.1078).

    >>> keep_all = torch.tensor([[0.0, 99, 0]])
    >>> gru_step_reset_before(keep_all, (torch.tensor([[0.3]]),), torch.zeros(3, 1), torch.zeros(3))
    (tensor([[0.3000]]),)
    """
    (h,) = state
    gates = 2 * h.shape[1]  # the rows of r and z
    r, z, n = given.chunk(3, 1)
    r_h, z_h = linear(h, weight[:gates], bias[:gates]).chunk(2, 1)
    r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
    n = (n + linear(r * h, weight[gates:], bias[gates:])).tanh()
    return (n + z * (h - n),)


class _Kind(NamedTuple):
    """What tells the three kinds of network apart."""

    gates: int  # the weights have so many times hidden_dim rows
    parts: int  # the state has so many: h, or h and c
    step: Callable[..., State]


PLAIN, LONG_SHORT, GATED = _Kind(1, 1, rnn_step), _Kind(4, 2, lstm_step), _Kind(3, 1, gru_step)


class _Recurrent(nn.Module):
    """What cells and networks have in common: their weights, and the state that they start from."""

    kind: _Kind

    def __init__(self, input_dim: int, hidden_dim: int):
        super().__init__()
        self.input_dim, self.hidden_dim = at_least_1("input_dim", input_dim), at_least_1("hidden_dim", hidden_dim)

    def _add_weights(self, input_dim: int, suffix: str) -> None:
        """Weights and biases, uniform within ±1/√hidden_dim, as in torch."""
        bound = 1 / math.sqrt(self.hidden_dim)
        shapes = {"weight_ih": (input_dim,), "weight_hh": (self.hidden_dim,), "bias_ih": (), "bias_hh": ()}
        for name, rest in shapes.items():
            values = torch.empty(self.kind.gates * self.hidden_dim, *rest).uniform_(-bound, bound)
            self.register_parameter(name + suffix, nn.Parameter(values))

    def _weights(self, suffix: str) -> list[Tensor]:
        return [getattr(self, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def _start(self, state: Outside | None, x: Tensor, shape: tuple[int, ...]) -> State:
        """The state's parts if they fit, or zeros."""
        parts = self.kind.parts
        if state is None:
            return (x.new_zeros(shape),) * parts
        if parts == 2 and not (isinstance(state, tuple) and len(state) == 2):
            raise TypeError(f"state must be the two tensors (h, c), got {type(state).__name__}")
        given = []
        for s in state if isinstance(state, tuple) and parts == 2 else (state,):
            if not isinstance(s, Tensor):
                raise TypeError(f"state must be made of tensors, got {type(s).__name__}")
            if s.shape != shape:
                raise ValueError(f"state must have the shape {shape}, got {tuple(s.shape)}")
            _of_one_type("state", s, x)
            given.append(s)
        return tuple(given)


class _Cell(_Recurrent):
    def __init__(self, input_dim: int, hidden_dim: int):
        super().__init__(input_dim, hidden_dim)
        self._add_weights(self.input_dim, "")
        self.step = self.kind.step

    def forward(self, x: Tensor, state: Outside | None = None) -> Outside:
        """x (batch, input_dim); state (batch, hidden_dim), two of them for the LSTM, zeros by default -> the next."""
        floats("x", x)
        if x.dim() != 2 or x.shape[1] != self.input_dim:
            raise ValueError(f"x must have the shape (batch, input_dim = {self.input_dim}), got {tuple(x.shape)}")
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights("")
        _of_one_type("x", x, weight_ih)
        start = self._start(state, x, (len(x), self.hidden_dim))
        return _outside(self.step(linear(x, weight_ih, bias_ih), start, weight_hh, bias_hh))


class RNNCell(_Cell):
    """One step of a plain recurrent network; see `rnn_step`."""

    kind = PLAIN

    def __init__(self, input_dim: int, hidden_dim: int):  # here, so that Python's own errors name RNNCell
        super().__init__(input_dim, hidden_dim)


class LSTMCell(_Cell):
    """One step of an LSTM; see `lstm_step`."""

    kind = LONG_SHORT

    def __init__(self, input_dim: int, hidden_dim: int):
        super().__init__(input_dim, hidden_dim)


class GRUCell(_Cell):
    """One step of a GRU: `gru_step`, as torch's, or without `reset_after` `gru_step_reset_before`."""

    kind = GATED

    def __init__(self, input_dim: int, hidden_dim: int, *, reset_after: bool = True):
        super().__init__(input_dim, hidden_dim)
        self.step = gru_step if flag("reset_after", reset_after) else gru_step_reset_before


class _Network(_Recurrent):
    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, *, bidirectional: bool = False):
        super().__init__(input_dim, hidden_dim)
        self.num_layers, self.bidirectional = at_least_1("num_layers", num_layers), flag("bidirectional", bidirectional)
        for layer in range(self.num_layers):
            below = self.input_dim if layer == 0 else self.hidden_dim * (1 + self.bidirectional)
            for suffix in self._suffixes(layer):
                self._add_weights(below, suffix)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def forward(
        self, x: Tensor, lengths: Tensor | list[int] | None = None, state: Outside | None = None
    ) -> tuple[Tensor, Outside]:
        """Read a batch of sequences; places beyond a sequence's length change nothing and come out as zeros.

        x (batch, length, input_dim), with any numbers at all beyond a sequence's length; lengths (batch,): 1 … length,
        all `length` by default; state: of every layer and direction (layers · directions, batch, hidden_dim), two of
        them for the LSTM, zeros by default. Returns output (batch, length, directions · hidden_dim) and the last state
        of each sequence, shaped as `state`. What it costs goes with the longest sequence, not with the padding.
        """
        batch, width, _ = batch_of_vectors("x", x, "input_dim", self.input_dim).shape
        if not batch or not width:
            raise ValueError(f"x must have a batch and a length of 1 or more, got {batch} and {width}")
        _of_one_type("x", x, self._weights("_l0")[0])
        starts = self._start(state, x, (self.num_layers * (1 + self.bidirectional), batch, self.hidden_dim))
        longest, lengths = width, _lengths(lengths, width, batch, x)
        if lengths is not None:
            longest = int(lengths.max()) if readable(lengths) else width
        words = _words(lengths, longest)
        last: list[State] = []  # of each layer and direction
        x = x[:, :longest]
        x = x if words is None else x.masked_fill(~words.unsqueeze(2), 0)  # no padding, NaN or not, comes in
        for layer in range(self.num_layers):
            sides = []
            for suffix in self._suffixes(layer):
                start = tuple(part[len(last)] for part in starts)
                if suffix.endswith("reverse"):
                    output, end = self._read(_reversed(x, lengths), start, words, suffix)
                    output = _reversed(output, lengths)
                else:
                    output, end = self._read(x, start, words, suffix)
                sides.append(output if words is None else output.masked_fill(~words.unsqueeze(2), 0))
                last.append(end)
            x = torch.cat(sides, 2) if self.bidirectional else sides[0]  # (batch, longest, directions · hidden)
        x = pad(x, (0, 0, 0, width - longest)) if longest < width else x
        return x, _outside(tuple(map(torch.stack, zip(*last, strict=True))))

    def _read(self, x: Tensor, state: State, words: Tensor | None, suffix: str) -> tuple[Tensor, State]:
        """One layer in one direction: the inputs' share of all steps in one product, then step by step.

        x (batch, length, below); the state's parts (batch, hidden) each; words (batch, length), or None for True
        everywhere. Returns the output (batch, length, hidden) and the last state.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(suffix)
        given, outputs = linear(x.transpose(0, 1), weight_ih, bias_ih), []  # (length, batch, gates · hidden)
        for t, now in enumerate(given.unbind()):
            new = self.kind.step(now, state, weight_hh, bias_hh)
            if words is not None:  # a sequence that has ended keeps its state
                word = words[:, t, None]  # (batch, 1); autocast may change the type at the first step
                new = tuple(torch.where(word, a, b.to(a.dtype)) for a, b in zip(new, state, strict=True))
            state = new
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


class RNN(_Network):
    """Plain recurrent layers, as `torch.nn.RNN(…, batch_first=True)`; see `rnn_step`."""

    kind = PLAIN

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, *, bidirectional: bool = False):
        super().__init__(input_dim, hidden_dim, num_layers, bidirectional=bidirectional)


class LSTM(_Network):
    """LSTM layers, as `torch.nn.LSTM(…, batch_first=True)`; see `lstm_step`."""

    kind = LONG_SHORT

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, *, bidirectional: bool = False):
        super().__init__(input_dim, hidden_dim, num_layers, bidirectional=bidirectional)

    def _read(self, x: Tensor, state: State, words: Tensor | None, suffix: str) -> tuple[Tensor, State]:
        """The same with its gradient by hand, which is faster, where nothing but plain numbers is asked for."""
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(suffix)
        if not _by_hand(x):
            if _autocast(x):  # torch's LSTM, but not its GRU, keeps its state in autocast's type
                state = tuple(part.to(torch.get_autocast_dtype(x.device.type)) for part in state)
            return super()._read(x, state, words, suffix)
        words = x.new_ones(x.shape[:2], dtype=torch.bool) if words is None else words
        x, (h, c) = x.transpose(0, 1).contiguous(), state  # (length, batch, below), (batch, hidden) each
        output, h, c = lstm_steps(x, h, c, weight_ih, weight_hh, bias_ih + bias_hh, words.T)
        return output.transpose(0, 1), (h, c)


class GRU(_Network):
    """GRU layers, as `torch.nn.GRU(…, batch_first=True)`; see `gru_step`."""

    kind = GATED

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, *, bidirectional: bool = False):
        super().__init__(input_dim, hidden_dim, num_layers, bidirectional=bidirectional)


def _outside(state: State) -> Outside:
    """(h,) is h for a caller, and (h, c) stays."""
    return (state[0], state[1]) if len(state) == 2 else state[0]


def _by_hand(x: Tensor) -> bool:
    """Whether `lstm_steps` can read x: not compiled, transformed by torch.func, in half precision or autocast."""
    plain = readable(x) and not torch._C._are_functorch_transforms_active()
    return plain and x.dtype in (torch.float32, torch.float64) and not _autocast(x)


def _autocast(x: Tensor) -> bool:
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def _of_one_type(name: str, x: Tensor, other: Tensor) -> None:
    """Autocast mixes types by itself; everywhere else x must have the type of the numbers that it meets."""
    if x.dtype != other.dtype and not _autocast(other):
        raise TypeError(f"{name} must be of the type {other.dtype}, got {x.dtype}")


def _lengths(lengths: Tensor | list[int] | None, width: int, batch: int, x: Tensor) -> Tensor | None:
    """The lengths on x's device, or None if there are none. In torch's layers the state stands in their place."""
    if lengths is None:
        return None
    parts = lengths if isinstance(lengths, tuple) else (lengths,)
    if all(isinstance(part, Tensor) and part.is_floating_point() and part.ndim > 1 for part in parts):
        raise TypeError("lengths must be integers (batch,), got floating point numbers: a state is given as state=")
    return lengths_within(lengths, width, batch).to(x.device)


def _words(lengths: Tensor | None, longest: int) -> Tensor | None:
    """Which places hold a word, (batch, longest), or None if all do."""
    if lengths is None or (readable(lengths) and int(lengths.min()) == longest):
        return None
    return mask(lengths, longest)


def _reversed(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each sequence from its own end to its beginning; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    place = torch.arange(x.shape[1], device=x.device)
    back = lengths.unsqueeze(1) - 1 - place  # (batch, length)
    back = torch.where(back >= 0, back, place)
    return x.gather(1, back.unsqueeze(2).expand(-1, -1, x.shape[2]))
