"""scratch.lora beside peft's layer with the same weights."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.lora import LoRA


def pair(inputs, outputs, rank, alpha, bias=True, dtype=torch.float32):
    """Our layer and peft's around the same linear layer, with the same two matrices, neither of them zero."""
    from peft import LoraConfig, get_peft_model  # seconds, once

    base = torch.nn.Sequential(torch.nn.Linear(inputs, outputs, bias, dtype=dtype))
    ours = LoRA(copy.deepcopy(base[0]), rank, alpha)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=["0"])
    theirs = get_peft_model(base, config).base_model.model[0]
    with torch.no_grad():
        torch.nn.init.normal_(ours.B)
        theirs.lora_A["default"].weight.copy_(ours.A)
        theirs.lora_B["default"].weight.copy_(ours.B)
    return ours, theirs.to(dtype)


SIZES = st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.5, 1, 8]), st.booleans()


@given(*SIZES, st.integers(0, 99))
def test_it_equals_pefts(inputs, outputs, rank, alpha, bias, seed):
    torch.manual_seed(seed)
    ours, theirs = pair(inputs, outputs, rank, alpha, bias)
    x = torch.randn(3, 2, inputs, requires_grad=True)
    output, expected = ours(x), theirs(x)
    torch.testing.assert_close(output, expected, atol=1e-6 * max(1, expected.abs().max().item()), rtol=0)
    gain = torch.randn_like(output)
    a = torch.autograd.grad((output * gain).sum(), [x, ours.A, ours.B])
    b = torch.autograd.grad(
        (expected * gain).sum(), [x, theirs.lora_A["default"].weight, theirs.lora_B["default"].weight]
    )
    scale = max(1, *(w.abs().max().item() for w in b))
    torch.testing.assert_close(list(a), list(b), atol=1e-6 * scale, rtol=0)
    theirs.merge()
    merged = ours.merge()
    torch.testing.assert_close(merged.weight, theirs.base_layer.weight, atol=1e-6 * scale, rtol=0)
    torch.testing.assert_close(merged(x), output, atol=1e-5 * max(1, output.abs().max().item()), rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_first_it_answers_as_the_layer_did_to_the_bit(dtype):
    linear = torch.nn.Linear(5, 3, dtype=dtype)
    x = torch.randn(7, 5, dtype=dtype)
    before = linear(x)
    layer = LoRA(linear, rank=2, alpha=16)
    assert torch.equal(layer(x), before)
    assert torch.equal(layer.merge()(x), before)


def test_it_starts_as_a_linear_layer_does():
    """Uniform between ±1/√in, as peft has it, too."""
    torch.manual_seed(0)
    largest = LoRA(torch.nn.Linear(100, 3), rank=50, alpha=2).A.abs().max()
    assert 0.099 < largest <= 0.1


def test_the_layer_stays_and_only_the_thin_matrices_learn():
    layer = LoRA(torch.nn.Linear(5, 3), rank=2, alpha=2)
    before = layer.linear.weight.clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
    assert torch.equal(layer.linear.weight, before)
    assert layer.linear.weight.grad is None
    assert layer.B.abs().max() > 0
    assert {name for name, p in layer.named_parameters() if p.requires_grad} == {"A", "B"}
    assert not layer.merge().weight.equal(before)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LoRA(torch.nn.ReLU(), 1, 1), TypeError, "linear must be an nn.Linear, got ReLU"),
        (lambda: LoRA(torch.nn.Linear(2, 2), 0, 1), ValueError, "rank must be at least 1, got 0"),
        (lambda: LoRA(torch.nn.Linear(2, 2), 1, 0), ValueError, "alpha must be positive"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
