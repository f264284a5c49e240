"""scratch.hooks: what it changes, that nothing stays changed, and that it notices when nothing was changed at all."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from scratch.attention import MultiHeadAttention
from scratch.contextual import MaskedLM
from scratch.hooks import add, changed, random_directions, remove, without_heads
from scratch.lora import OpenAttention, opened


@given(st.integers(1, 6), st.integers(0, 99))
def test_what_is_removed_is_gone_and_the_rest_is_there(dim, seed):
    torch.manual_seed(seed)
    x, u = torch.randn(2, 3, dim, dtype=torch.float64), torch.randn(dim, dtype=torch.float64)
    left = remove(u)(x)
    torch.testing.assert_close(left @ u, torch.zeros(2, 3, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(remove(-3 * u)(left), left)  # twice is once, and length and sign do not matter
    basis = torch.linalg.qr(torch.cat([u[:, None], torch.randn(dim, dim, dtype=torch.float64)], 1)).Q[:, 1:]
    torch.testing.assert_close(left @ basis, x @ basis)


@given(st.integers(0, 99))
def test_only_the_places_are_changed(seed):
    torch.manual_seed(seed)
    x, u, places = torch.randn(3, 4, 2), torch.randn(2), torch.randint(4, (3,))
    here = torch.arange(4) == places[:, None]
    before = x.clone()
    for change, everywhere in ((add(u, places), x + u), (remove(u, places), remove(u)(x))):
        assert torch.equal(change(x)[here], everywhere[here])
        assert torch.equal(change(x)[~here], x[~here])
    assert torch.equal(x, before)


def test_a_module_passes_on_what_is_changed_and_is_then_as_it_was():
    torch.manual_seed(0)
    model, x, u = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(5, 3), torch.randn(4)
    before = model(x)
    with changed(model[1], add(u)):
        assert torch.equal(model(x), model[2](torch.tanh(model[0](x)) + u))
    assert torch.equal(model(x), before)
    with pytest.raises(KeyError), changed(model[1], add(u)):
        raise KeyError
    assert torch.equal(model(x), before)
    with changed(model[0], add(u)), changed(model[0], add(-u)):
        torch.testing.assert_close(model(x), before)


def test_of_an_lstm_the_output_is_changed_and_not_what_it_keeps():
    torch.manual_seed(0)
    lstm, x = nn.LSTM(2, 3, batch_first=True), torch.randn(1, 4, 2)
    states, (h, c) = lstm(x)
    with changed(lstm, add(torch.ones(3), torch.tensor([1]))):
        other, (h_2, c_2) = lstm(x)
    assert torch.equal(h, h_2)
    assert torch.equal(c, c_2)
    assert torch.equal((other - states).abs().sum(2) > 0, torch.tensor([[False, True, False, False]]))


def test_gradients_flow_through_a_change():
    layer, u = nn.Linear(2, 2), torch.tensor([1.0, 0.0])
    with changed(layer, remove(u)):
        layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [1, 1]]


def test_the_directions_are_of_one_length_and_point_everywhere():
    drawn = random_directions(2000, 3, norm=2.0, seed=1)
    torch.testing.assert_close(drawn.norm(dim=1), torch.full((2000,), 2.0))
    assert drawn.mean(0).abs().max() < 0.1
    torch.testing.assert_close(drawn.T @ drawn / 2000, 4 / 3 * torch.eye(3), atol=0.15, rtol=0)
    assert torch.equal(drawn, random_directions(2000, 3, norm=2.0, seed=1))


def attentions():
    theirs = nn.MultiheadAttention(6, 3, batch_first=True)
    ours = MultiHeadAttention(6, 3)
    ours.load_state_dict(theirs.state_dict())
    return OpenAttention(copy.deepcopy(theirs)), ours


@pytest.mark.parametrize("silent", [(0,), (2,), (0, 1), (0, 1, 2), ()])
@pytest.mark.parametrize("which", [0, 1])
def test_a_head_without_a_share_of_the_last_matrix_is_a_silent_head(which, silent):
    """By another way: the columns of the last matrix that read this head are set to zero."""
    torch.manual_seed(0)
    attention, x = attentions()[which], torch.randn(2, 4, 6)
    before = attention(x, x, x)[0]
    with without_heads(attention, *silent):
        found = attention(x, x, x)[0]
    assert torch.equal(attention(x, x, x)[0], before)
    last = attention.outward if which == 0 else attention.out_proj
    with torch.no_grad():
        for head in silent:
            last.weight[:, 2 * head : 2 * head + 2] = 0
    torch.testing.assert_close(found, attention(x, x, x)[0])


def test_it_works_inside_a_model_that_is_opened_and_says_so_where_it_does_not():
    torch.manual_seed(0)
    model, ids, lengths = MaskedLM(20, 8, 2, 2).eval(), torch.randint(4, 19, (2, 5)), torch.tensor([5, 3])
    with pytest.raises(TypeError, match=r"attention must be an OpenAttention .* got MultiheadAttention"):
        without_heads(model.blocks[0].self_attn, 0).__enter__()
    opened(model)
    with torch.no_grad():
        before = model.layers(ids, lengths)
        with without_heads(model.blocks[1].self_attn, 0):
            after = model.layers(ids, lengths)
        with changed(model.blocks[0], torch.zeros_like):
            zeros = model.layers(ids, lengths)
    assert torch.equal(before[:2], after[:2])
    assert not torch.allclose(before[2], after[2])
    assert not zeros[1].any()
    assert torch.equal(zeros[2][0, 0], zeros[2][1, 0])


def test_it_notices_that_nothing_was_changed():
    model = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    not_called = "nothing was changed: the NonDynamicallyQuantizableLinear was not called"
    with pytest.raises(RuntimeError, match=not_called), changed(model.self_attn.out_proj, torch.zeros_like):
        model(torch.ones(1, 3, 8))  # torch reads the layer's weight and never calls it
    not_called = "nothing was changed: the MultiHeadAttention was not called"
    with pytest.raises(RuntimeError, match=not_called), without_heads(MultiHeadAttention(4, 2), 1):
        pass


X = torch.zeros(2, 3, 4)


def within(module, change, call=lambda module: module(X)):
    with changed(module, change):
        call(module)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: within(len, add(X[0, 0])), TypeError, "module must be an nn.Module, got builtin_function_or_method"),
        (lambda: within(nn.Identity(), 3), TypeError, r"change must be callable as change\(output\), got int"),
        (lambda: within(nn.Identity(), lambda x: x[0]), ValueError, r"change must return the shape \(2, 3, 4\)"),
        (lambda: within(nn.Identity(), lambda x: None), ValueError, r"change must return .* got NoneType"),
        (lambda: remove(torch.zeros(4)), ValueError, "direction must not be 0"),
        (lambda: remove([1.0]), TypeError, "direction must be a tensor"),
        (lambda: add(X), ValueError, r"direction must be finite numbers \(dim,\), got the shape \(2, 3, 4\)"),
        (lambda: add(torch.tensor([torch.nan])), ValueError, "direction must be finite numbers"),
        (lambda: add(torch.ones(4), [0])(X), ValueError, r"places must have the shape \(batch,\) = \(2,\)"),
        (lambda: add(torch.ones(4), [0, 3])(X), ValueError, "places must lie between 0 and 2, got 3"),
        (lambda: add(torch.ones(4), [0, 1])(X[0]), ValueError, "places must have the shape"),
        (lambda: add(torch.ones(4), [0.5, 1])(X), TypeError, "places must be integers"),
        (lambda: without_heads(MultiHeadAttention(4, 2), 2).__enter__(), IndexError, "heads must lie between 0 and 1"),
        (lambda: without_heads(nn.Linear(2, 2), 0).__enter__(), TypeError, "attention must be .* got Linear"),
        (lambda: random_directions(0, 3), ValueError, "count must be at least 1"),
        (lambda: random_directions(2, 3, norm=0), ValueError, "norm must be positive and finite"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
