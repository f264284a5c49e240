"""Backpropagation through time: an LSTM read over all steps, and its gradient written out by hand.

Autograd would do as well, step by step: `one_by_one`. By hand, what need not wait for the next step is done for all
steps at once: each weight's gradient is one large product, and not the sum of one small product for each step.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

sigmoid_backward = torch.ops.aten.sigmoid_backward  # d, s -> d s (1 - s)
tanh_backward = torch.ops.aten.tanh_backward  # d, t -> d (1 - t²)


def lstm_steps(
    x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, alive: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Read one direction of one layer; a sentence that has ended keeps its state.

    x (length, batch, input), finite also where a sentence has ended; h and c (batch, hidden); weight_ih (4 hidden,
    input), weight_hh (4 hidden, hidden) and bias (4 hidden,), the sum of both, for the gates i, f, g, o in this order;
    alive (length, batch), True where a sentence has a word. Returns the states after each step (length, batch, hidden),
    and the last h and c. Sources: Hochreiter & Schmidhuber 1997; Werbos 1990.

    >>> keep = torch.tensor([-99.0, 99, 0, 99])  # no input, forget nothing, give all out
    >>> x, h, c, weight = torch.zeros(3, 1, 1), torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(4, 1)
    >>> lstm_steps(x, h, c, weight, weight, keep, torch.ones(3, 1, dtype=torch.bool))[1:]
    (tensor([[0.7616]]), tensor([[1.]]))
    """
    return _Steps.apply(x, h, c, weight_ih, weight_hh, bias, alive)


def one_by_one(
    x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, alive: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same as `lstm_steps`, one step after the other, whose gradient is autograd's."""
    outputs = []
    for now, words in zip(linear(x, weight_ih, bias), alive.unsqueeze(2), strict=True):
        i, f, g, o = (now + linear(h, weight_hh)).chunk(4, 1)  # (batch, hidden) each
        new_c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        new_h = o.sigmoid() * new_c.tanh()
        h, c = torch.where(words, new_h, h), torch.where(words, new_c, c)
        outputs.append(h)
    return torch.stack(outputs), h, c


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, c, weight_ih, weight_hh, bias, alive):
        # tanh(a) = 2 sigmoid(2 a) - 1: with the rows of g doubled, one sigmoid does for all four gates
        doubled = bias.new_tensor([1, 1, 2, 1]).repeat_interleave(h.shape[1])  # (4 hidden,)
        gates = linear(x, weight_ih * doubled.unsqueeze(1), bias * doubled)  # (length, batch, 4 hidden): x's share
        weight = (weight_hh * doubled.unsqueeze(1)).T
        hs, cs = h.new_empty(len(x) + 1, *h.shape), c.new_empty(len(x) + 1, *c.shape)  # before, between and after steps
        hs[0], cs[0], over = h, c, None if alive.all() else ~alive.unsqueeze(2)
        for t, now in enumerate(gates):
            i, f, g, o = now.addmm_(hs[t], weight).sigmoid_().chunk(4, 1)  # in place: kept for the way back
            g.mul_(2).sub_(1)
            new_c = torch.mul(f, cs[t], out=cs[t + 1]).addcmul_(i, g)
            new_h = torch.mul(o, new_c.tanh(), out=hs[t + 1])
            if over is not None:
                new_h.copy_(torch.where(over[t], hs[t], new_h))
                new_c.copy_(torch.where(over[t], cs[t], new_c))
        ctx.save_for_backward(x, h, c, weight_ih, weight_hh, bias, alive, gates, hs, cs)
        return hs[1:], hs[-1].clone(), cs[-1].clone()

    @staticmethod
    def backward(ctx, d_hs, d_h, d_c):
        x, h, c, weight_ih, weight_hh, bias, alive, gates, hs, cs = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph=True: what comes back must have a gradient itself
            given, needs = (x, h, c, weight_ih, weight_hh, bias), ctx.needs_input_grad[:-1]
            again = one_by_one(x, h, c, weight_ih, weight_hh, bias, alive)
            wanted = [tensor for tensor, needed in zip(given, needs, strict=True) if needed]
            found = iter(torch.autograd.grad(again, wanted, (d_hs, d_h, d_c), create_graph=True))
            return *(next(found) if needed else None for needed in needs), None
        d_gates, over = torch.empty_like(gates), None if alive.all() else ~alive.unsqueeze(2)
        for t in reversed(range(len(x))):
            i, f, g, o = gates[t].chunk(4, 1)  # (batch, hidden) each
            d_h, tanh_c = d_h + d_hs[t], cs[t + 1].tanh()
            d_cell = d_c + tanh_backward(d_h * o, tanh_c)
            d_i, d_f = sigmoid_backward(d_cell * g, i), sigmoid_backward(d_cell * cs[t], f)
            d_g, d_o = tanh_backward(d_cell * i, g), sigmoid_backward(d_h * tanh_c, o)
            d_now = torch.cat([d_i, d_f, d_g, d_o], 1, out=d_gates[t])
            if over is None:
                d_h, d_c = d_now @ weight_hh, d_cell * f
            else:  # a sentence that has ended hands its gradient back unchanged
                d_now.masked_fill_(over[t], 0)
                d_h, d_c = torch.where(over[t], d_h, d_now @ weight_hh), torch.where(over[t], d_c, d_cell * f)
        d_x = d_gates @ weight_ih if ctx.needs_input_grad[0] else None
        rows = d_gates.flatten(0, 1)  # (length · batch, 4 hidden)
        d_ih, d_hh = rows.T @ x.flatten(0, 1), rows.T @ hs[:-1].flatten(0, 1)
        return d_x, d_h, d_c, d_ih, d_hh, rows.sum(0), None
