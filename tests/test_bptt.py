"""scratch.bptt: its gradient by hand against finite differences, and against autograd through `lstm_step`."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch.bptt import lstm_steps, one_by_one
from scratch.recurrent import lstm_step


def arguments(length, batch, input_dim, hidden, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = (length, batch, input_dim), (batch, hidden), (batch, hidden), (4 * hidden, input_dim), (4 * hidden, hidden)
    random = [torch.randn(*s, generator=generator, dtype=torch.float64) for s in (*shapes, (4 * hidden,))]
    lengths = torch.randint(1, length + 1, (batch,), generator=generator)
    return [x.requires_grad_() for x in random], torch.arange(length).unsqueeze(1) < lengths


def sizes(*most):
    """length, batch, input and hidden, each up to its `most`, and a seed."""
    return st.tuples(*(st.integers(1, n) for n in most), st.integers(0, 99))


@settings(max_examples=10)
@given(sizes(5, 3, 3, 3), st.booleans())
def test_the_gradient_is_that_of_finite_differences(shape, full):
    inputs, alive = arguments(*shape)
    alive = torch.ones_like(alive) if full else alive
    assert torch.autograd.gradcheck(lambda *tensors: lstm_steps(*tensors, alive), inputs)


@settings(max_examples=20)
@given(sizes(5, 3, 3, 9))
def test_it_equals_one_step_after_the_other(shape):
    inputs, alive = arguments(*shape)
    x, h, c, weight_ih, weight_hh, bias = inputs
    torch.testing.assert_close(one_by_one(*inputs, alive), lstm_steps(*inputs, alive), atol=1e-12, rtol=0)
    expected = []
    for t, now in enumerate(x):
        new = lstm_step(now @ weight_ih.T + bias, (h, c), weight_hh)
        h, c = (torch.where(alive[t].unsqueeze(1), *pair) for pair in zip(new, (h, c), strict=True))
        expected.append(h)
    expected = (torch.stack(expected), h, c)
    ours = lstm_steps(*inputs, alive)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)
    for pair in zip(ours, expected, strict=True):  # each output by itself
        a, b = (torch.autograd.grad(out.square().sum(), inputs, retain_graph=True, allow_unused=True) for out in pair)
        for p, q in zip(a, b, strict=True):
            torch.testing.assert_close(p, torch.zeros_like(p) if q is None else q, atol=1e-12, rtol=1e-12)


def test_the_gradient_is_only_taken_where_it_is_wanted():
    inputs, alive = arguments(3, 2, 2, 2, 0)
    inputs[0] = inputs[0].detach()
    lstm_steps(*inputs, alive)[1].sum().backward()
    assert inputs[0].grad is None
    assert inputs[3].grad.abs().sum() > 0


@settings(max_examples=5)
@given(sizes(4, 2, 2, 2), st.booleans(), st.booleans())
def test_it_has_a_second_derivative(shape, full, only_weights):
    inputs, alive = arguments(*shape)
    alive = torch.ones_like(alive) if full else alive
    if only_weights:
        inputs[:3] = [x.detach() for x in inputs[:3]]
    assert torch.autograd.gradgradcheck(lambda *tensors: lstm_steps(*tensors, alive), inputs)
