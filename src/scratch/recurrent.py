"""Recurrent networks: the plain RNN, the LSTM and the GRU, with PyTorch's names and layout of weights.

A cell takes one step; a network reads a batch of sequences, in one or more layers and one or both directions. The
weights have the names and shapes of `torch.nn`, so that a `state_dict` of one loads into the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from scratch._arguments import at_least_1, batch_of_vectors, lengths_within
from scratch.bptt import lstm_steps

State = Tensor | tuple[Tensor, Tensor]  # h, or for the LSTM (h, c)


def rnn_step(given: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990, doi 10.1207/s15516709cog1402_1).

    given (batch, hidden): W_ih x and both biases; state h (batch, hidden); weight (hidden, hidden).

    >>> rnn_step(torch.tensor([[0.5]]), torch.tensor([[1.0]]), torch.tensor([[-0.5]]))  # tanh(0.5 - 0.5)
    tensor([[0.]])
    """
    return torch.tanh(torch.addmm(given, state, weight.T))


def lstm_step(given: Tensor, state: tuple[Tensor, Tensor], weight: Tensor) -> tuple[Tensor, Tensor]:
    """c' = f c + i g and h' = o tanh(c') (Hochreiter & Schmidhuber 1997; the forget gate f is Gers et al.'s, 2000).

    given (batch, 4 hidden): W_ih x and both biases, for the gates i, f, g, o in this order; state (h, c), each (batch,
    hidden); weight (4 hidden, hidden).

    >>> forget_nothing = torch.tensor([[-99.0, 99, 0, 99]])
    >>> lstm_step(forget_nothing, (torch.zeros(1, 1), torch.ones(1, 1)), torch.zeros(4, 1))  # h = tanh(1), c = 1
    (tensor([[0.7616]]), tensor([[1.]]))
    """
    h, c = state
    i, f, g, o = torch.addmm(given, h, weight.T).chunk(4, 1)  # (batch, hidden) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(given: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """h' = (1 - z) n + z h, with the reset gate after the product: n = tanh(W x + b + r (W h + b)), as in cuDNN.

    given (batch, 3 hidden): W_ih x + b_ih for r, z, n in this order; state h (batch, hidden); weight (3 hidden,
    hidden); bias b_hh (3 hidden,).

    >>> keep_all = torch.tensor([[0.0, 99, 0]])
    >>> gru_step(keep_all, torch.tensor([[0.3]]), torch.zeros(3, 1), torch.zeros(3))
    tensor([[0.3000]])
    """
    r, z, n = given.chunk(3, 1)  # (batch, hidden) each
    r_h, z_h, n_h = torch.addmm(bias, state, weight.T).chunk(3, 1)
    r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
    n = (n + r * n_h).tanh()
    return n + z * (state - n)


def gru_step_reset_before(given: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same with the reset gate before the product: n = tanh(W x + b + W (r h) + b) (Cho et al. 2014, 1406.1078).

    >>> keep_all = torch.tensor([[0.0, 99, 0]])
    >>> gru_step_reset_before(keep_all, torch.tensor([[0.3]]), torch.zeros(3, 1), torch.zeros(3))
    tensor([[0.3000]])
    """
    hidden = state.shape[1]
    r, z, n = given.chunk(3, 1)
    r_h, z_h = torch.addmm(bias[: 2 * hidden], state, weight[: 2 * hidden].T).chunk(2, 1)
    r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
    n = (n + torch.addmm(bias[2 * hidden :], r * state, weight[2 * hidden :].T)).tanh()
    return n + z * (state - n)


class _Recurrent(nn.Module):
    """What cells and networks have in common. A kind says how many gates it has, and takes its step."""

    gates: int
    step: Callable[..., State]
    has_cell = False  # is the state (h, c)?
    own_bias = False  # does the state's share have a bias of its own, or is it added to the input's?

    def __init__(self, input_dim: int, hidden_dim: int):
        super().__init__()
        self.input_dim, self.hidden_dim = at_least_1("input_dim", input_dim), at_least_1("hidden_dim", hidden_dim)

    def _add_weights(self, input_dim: int, suffix: str) -> None:
        """Weights and biases, uniform within ±1/√hidden_dim, as in torch."""
        bound = 1 / math.sqrt(self.hidden_dim)
        shapes = {"weight_ih": (input_dim,), "weight_hh": (self.hidden_dim,), "bias_ih": (), "bias_hh": ()}
        for name, rest in shapes.items():
            values = torch.empty(self.gates * self.hidden_dim, *rest).uniform_(-bound, bound)
            self.register_parameter(name + suffix, nn.Parameter(values))

    def _weights(self, suffix: str) -> list[Tensor]:
        return [getattr(self, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def _share(self, x: Tensor, suffix: str) -> tuple[Tensor, list[Tensor]]:
        """What x (…, input_dim) gives to the gates (…, gates · hidden), and what else a step takes after the state."""
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(suffix)
        if self.own_bias:
            return linear(x, weight_ih, bias_ih), [weight_hh, bias_hh]
        return linear(x, weight_ih, bias_ih + bias_hh), [weight_hh]

    def _start(self, state: State | None, x: Tensor, shape: tuple[int, ...]) -> State:
        """The state if it fits, or zeros."""
        if state is None:
            zeros = x.new_zeros(shape)
            return (zeros, zeros) if self.has_cell else zeros
        if self.has_cell and not (isinstance(state, tuple) and len(state) == 2):
            raise TypeError(f"state must be the two tensors (h, c), got {type(state).__name__}")
        for s in state if self.has_cell else (state,):
            if not isinstance(s, Tensor):
                raise TypeError(f"state must be made of tensors, got {type(s).__name__}")
            if s.shape != shape:
                raise ValueError(f"state must have the shape {shape}, got {tuple(s.shape)}")
        return state


class _Plain:
    gates, step = 1, staticmethod(rnn_step)


class _LongShort:
    gates, step, has_cell = 4, staticmethod(lstm_step), True


class _Gated:
    gates, step, own_bias = 3, staticmethod(gru_step), True


class _Cell(_Recurrent):
    def __init__(self, input_dim: int, hidden_dim: int):
        super().__init__(input_dim, hidden_dim)
        self._add_weights(self.input_dim, "")

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (batch, input_dim); state (batch, hidden_dim), two of them for the LSTM, zeros by default -> the next."""
        if x.dim() != 2 or x.shape[1] != self.input_dim:
            raise ValueError(f"x must have the shape (batch, input_dim = {self.input_dim}), got {tuple(x.shape)}")
        state = self._start(state, x, (len(x), self.hidden_dim))
        given, rest = self._share(x, "")
        return self.step(given, state, *rest)


class RNNCell(_Plain, _Cell):
    """One step of a plain recurrent network; see `rnn_step`."""


class LSTMCell(_LongShort, _Cell):
    """One step of an LSTM; see `lstm_step`."""


class GRUCell(_Gated, _Cell):
    """One step of a GRU: `gru_step`, as torch's, or without `reset_after` `gru_step_reset_before`."""

    def __init__(self, input_dim: int, hidden_dim: int, *, reset_after: bool = True):
        super().__init__(input_dim, hidden_dim)
        if not reset_after:
            self.step = gru_step_reset_before


class _Network(_Recurrent):
    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1, bidirectional: bool = False):
        super().__init__(input_dim, hidden_dim)
        self.num_layers, self.bidirectional = at_least_1("num_layers", num_layers), bool(bidirectional)
        for layer in range(self.num_layers):
            below = self.input_dim if layer == 0 else self.hidden_dim * (1 + self.bidirectional)
            for suffix in self._suffixes(layer):
                self._add_weights(below, suffix)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """Read a batch of sequences; places beyond a sequence's length change nothing and come out as zeros.

        x (batch, length, input_dim); lengths (batch,): 1 … length, all `length` by default; state: of every layer and
        direction (layers · directions, batch, hidden_dim), two of them for the LSTM, zeros by default. Returns output
        (batch, length, directions · hidden_dim) and the last state of each sequence, shaped as `state`.
        """
        batch, width, _ = batch_of_vectors("x", x, "input_dim", self.input_dim).shape
        if not batch or not width:
            raise ValueError(f"x must have a batch and a length of 1 or more, got {batch} and {width}")
        lengths = lengths_within([width] * batch if lengths is None else lengths, width, batch).to(x.device)
        shape = (self.num_layers * (1 + self.bidirectional), batch, self.hidden_dim)
        state = self._start(state, x, shape)
        longest = int(lengths.max())
        mask = torch.arange(longest, device=x.device) < lengths.unsqueeze(1)  # (batch, longest)
        x, last = x[:, :longest], []
        for layer in range(self.num_layers):
            sides = []
            for suffix in self._suffixes(layer):
                start = tuple(s[len(last)] for s in state) if self.has_cell else state[len(last)]
                backward = suffix.endswith("reverse")
                output, end = self._read(_reversed(x, lengths) if backward else x, mask, start, suffix)
                sides.append(_reversed(output, lengths) if backward else output)
                last.append(end)
            x = torch.cat(sides, 2) if self.bidirectional else sides[0]  # (batch, longest, directions · hidden)
        output = nn.functional.pad(x, (0, 0, 0, width - longest)) if longest < width else x
        return output, tuple(map(torch.stack, zip(*last, strict=True))) if self.has_cell else torch.stack(last)

    def _read(self, x: Tensor, mask: Tensor, state: State, suffix: str) -> tuple[Tensor, State]:
        """One layer in one direction: the inputs' share of all steps in one product, then step by step."""
        given, rest = self._share(x.transpose(0, 1), suffix)  # (length, batch, gates · hidden)
        full, outputs = bool(mask.all()), []
        for now, alive in zip(given.unbind(0), mask.unsqueeze(2).unbind(1), strict=True):
            new = self.step(now, state, *rest)
            state = new if full else torch.where(alive, new, state)
            outputs.append(state)
        output = torch.stack(outputs, 1)  # (batch, length, hidden)
        return output if full else output.masked_fill(~mask.unsqueeze(2), 0), state


class RNN(_Plain, _Network):
    """Plain recurrent layers, as `torch.nn.RNN(…, batch_first=True)`; see `rnn_step`."""


class LSTM(_LongShort, _Network):
    """LSTM layers, as `torch.nn.LSTM(…, batch_first=True)`; see `lstm_step`."""

    def _read(self, x: Tensor, mask: Tensor, state: State, suffix: str) -> tuple[Tensor, State]:
        """The same as one step after the other, with its gradient by hand, which is faster."""
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(suffix)
        outputs, h, c = lstm_steps(
            x.transpose(0, 1).contiguous(), *state, weight_ih, weight_hh, bias_ih + bias_hh, mask.T
        )
        output = outputs.transpose(0, 1)  # (batch, length, hidden)
        return output if mask.all() else output.masked_fill(~mask.unsqueeze(2), 0), (h, c)


class GRU(_Gated, _Network):
    """GRU layers, as `torch.nn.GRU(…, batch_first=True)`; see `gru_step`."""


def _reversed(x: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence from its own end to its beginning; padding stays where it is."""
    place = torch.arange(x.shape[1], device=x.device)
    back = lengths.unsqueeze(1) - 1 - place  # (batch, length)
    back = torch.where(back >= 0, back, place)
    return x.gather(1, back.unsqueeze(2).expand(-1, -1, x.shape[2]))
