"""Backpropagation through time: an LSTM read over all steps, and its gradient written out by hand.

Autograd would do as well, step by step. By hand, what need not wait for the next step is done for all steps at once:
each weight's gradient is one large product, and not the sum of one small product for each step.
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

    x (length, batch, input); h and c (batch, hidden); weight_ih (4 hidden, input), weight_hh (4 hidden, hidden) and
    bias (4 hidden,), the sum of both, for the gates i, f, g, o in this order; alive (length, batch), True where a
    sentence has a word. Returns the states after each step (length, batch, hidden), and the last h and c. A gradient of
    the gradient is not there: it raises RuntimeError. Sources: Hochreiter & Schmidhuber 1997; Werbos 1990.

    >>> keep = torch.tensor([-99.0, 99, 0, 99])  # no input, forget nothing, give all out
    >>> x, h, c, weight = torch.zeros(3, 1, 1), torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(4, 1)
    >>> lstm_steps(x, h, c, weight, weight, keep, torch.ones(3, 1, dtype=torch.bool))[1:]
    (tensor([[0.7616]]), tensor([[1.]]))
    """
    return _Steps.apply(x, h, c, weight_ih, weight_hh, bias, alive)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, c, weight_ih, weight_hh, bias, alive):
        # tanh(a) = 2 sigmoid(2 a) - 1: with the rows of g doubled, one sigmoid does for all four gates
        doubled = bias.new_tensor([1, 1, 2, 1]).repeat_interleave(h.shape[1]).unsqueeze(1)  # (4 hidden, 1)
        gates = linear(x, weight_ih * doubled, bias * doubled.squeeze(1))  # (length, batch, 4 hidden), not yet complete
        weight = (weight_hh * doubled).T
        hs, cs = h.new_empty(len(x) + 1, *h.shape), c.new_empty(len(x) + 1, *c.shape)
        hs[0], cs[0], over = h, c, None if alive.all() else ~alive.unsqueeze(2)
        steps = zip(gates, *gates.chunk(4, 2), hs, hs[1:], cs, cs[1:], strict=False)
        for t, (now, i, f, g, o, h, new_h, c, new_c) in enumerate(steps):  # (batch, hidden) each but the first
            now.addmm_(h, weight).sigmoid_()
            g.mul_(2).sub_(1)
            torch.mul(f, c, out=new_c).addcmul_(i, g)
            torch.mul(o, new_c.tanh(), out=new_h)
            if over is not None:
                new_h.copy_(torch.where(over[t], h, new_h))
                new_c.copy_(torch.where(over[t], c, new_c))
        ctx.save_for_backward(x, weight_ih, weight_hh, gates, hs, cs, over)
        return hs[1:], hs[-1].clone(), cs[-1].clone()

    @staticmethod
    def backward(ctx, d_hs, d_h, d_c):
        if torch.is_grad_enabled():  # create_graph=True: silence would give a wrong second derivative
            raise RuntimeError("lstm_steps has no second derivative: create_graph must be False")
        x, weight_ih, weight_hh, gates, hs, cs, over = ctx.saved_tensors
        d_gates = torch.empty_like(gates)
        steps = zip(d_gates, d_hs, *gates.chunk(4, 2), cs[:-1], cs[1:], strict=True)
        for t, (d_now, d_out, i, f, g, o, c, new_c) in reversed(list(enumerate(steps))):
            d_h, tanh_c = d_h + d_out, new_c.tanh()
            d_cell = d_c + tanh_backward(d_h * o, tanh_c)
            d_i, d_f = sigmoid_backward(d_cell * g, i), sigmoid_backward(d_cell * c, f)
            d_g, d_o = tanh_backward(d_cell * i, g), sigmoid_backward(d_h * tanh_c, o)
            torch.cat([d_i, d_f, d_g, d_o], 1, out=d_now)
            if over is None:
                d_h, d_c = d_now @ weight_hh, d_cell * f
            else:  # a sentence that has ended hands its gradient back unchanged
                d_now.masked_fill_(over[t], 0)
                d_h, d_c = torch.where(over[t], d_h, d_now @ weight_hh), torch.where(over[t], d_c, d_cell * f)
        d_x = d_gates @ weight_ih if ctx.needs_input_grad[0] else None
        rows = d_gates.flatten(0, 1)  # (length · batch, 4 hidden)
        d_ih, d_hh = rows.T @ x.flatten(0, 1), rows.T @ hs[:-1].flatten(0, 1)
        return d_x, d_h, d_c, d_ih, d_hh, rows.sum(0), None
