"""scratch.lora beside peft's layer with the same weights."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.lora import LoRA, OpenAttention, adapt, opened, without


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


# --- Whole models ---------------------------------------------------------------------------------------------------


def encoder(norm_first=True, dtype=torch.float32, dropout=0.0):
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout, batch_first=True, norm_first=norm_first, dtype=dtype)
    return torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("masks", ["none", "padding", "pairs", "both", "floats"])
def test_an_opened_encoder_computes_what_it_did(norm_first, masks):
    torch.manual_seed(0)
    theirs, x = encoder(norm_first, torch.float64), torch.randn(3, 5, 8, dtype=torch.float64)
    padding = torch.arange(5) >= torch.tensor([[5], [2], [4]])
    pairs = torch.ones(5, 5, dtype=torch.bool).triu(1)
    options = {}
    if masks in ("padding", "both"):
        options["src_key_padding_mask"] = padding
    if masks in ("pairs", "both"):
        options |= {"mask": pairs, "is_causal": True}
    if masks == "floats":
        options["mask"] = torch.randn(5, 5, dtype=torch.float64)
    expected = theirs(x, **options)
    ours = opened(copy.deepcopy(theirs))
    torch.testing.assert_close(ours(x, **options), expected, atol=1e-12, rtol=0)
    with torch.no_grad():  # where PyTorch's layers would take a short cut past their attention
        torch.testing.assert_close(ours.eval()(x, **options), expected, atol=1e-12, rtol=0)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    attention = torch.nn.MultiheadAttention(8, 2, bias=False, batch_first=True, dtype=torch.float64)
    torch.testing.assert_close(OpenAttention(attention)(x, x, x)[0], attention(x, x, x)[0], atol=1e-12, rtol=0)


def test_dropout_falls_on_the_weights_in_training_only():
    torch.manual_seed(0)
    attention, x = torch.nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True), torch.randn(2, 5, 8)
    ours = OpenAttention(attention)
    assert not torch.equal(ours(x, x, x)[0], ours(x, x, x)[0])
    torch.testing.assert_close(ours.eval()(x, x, x)[0], attention.eval()(x, x, x)[0])


def test_an_adapted_model_is_pefts_and_all_its_layers_learn():
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    base, x = opened(encoder()), torch.randn(3, 5, 8)
    expected = base(x)
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["inward", "outward", "linear1", "linear2"])
    theirs = get_peft_model(copy.deepcopy(base), config)
    ours = adapt(base, rank=2, alpha=6)
    assert ours is base
    assert torch.equal(ours(x), expected)
    layers = {name: part for name, part in ours.named_modules() if isinstance(part, LoRA)}
    for name, part in theirs.base_model.model.named_modules():
        if name in layers:
            torch.nn.init.normal_(layers[name].B)
            part.lora_A["default"].weight.data.copy_(layers[name].A)
            part.lora_B["default"].weight.data.copy_(layers[name].B)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=0)
    assert not torch.allclose(ours(x), expected, atol=0.01)
    assert {name.split(".")[-1] for name in layers} == {"inward", "outward", "linear1", "linear2"}
    ours(x).square().sum().backward()
    asked = {name for name, weight in ours.named_parameters() if weight.requires_grad}
    assert asked == {f"{name}.{letter}" for name in layers for letter in "AB"}
    assert all(weight.grad.any() for weight in ours.parameters() if weight.requires_grad)


def test_a_model_without_lora_is_the_old_one_or_has_learnt():
    torch.manual_seed(0)
    base, x = opened(encoder()), torch.randn(3, 5, 8)
    old = copy.deepcopy(base.state_dict())
    expected = base(x)
    model = adapt(base, rank=1, alpha=1)
    for part in model.modules():
        if isinstance(part, LoRA):
            torch.nn.init.normal_(part.B)
    back, merged = without(model), without(model, merge=True)
    assert back.state_dict().keys() == old.keys() == merged.state_dict().keys()
    assert all(torch.equal(back.state_dict()[name], weight) for name, weight in old.items())
    assert torch.equal(back(x), expected)
    torch.testing.assert_close(merged(x), model(x), atol=1e-4, rtol=0)
    assert not torch.allclose(model(x), expected, atol=0.01)  # the model that was copied keeps its LoRA


def test_what_is_shut_is_left_alone():
    model = adapt(encoder(), rank=1, alpha=1)
    names = {name.split(".")[-2] for name, weight in model.named_parameters() if weight.requires_grad}
    assert names == {"linear1", "linear2"}
    assert not model.layers[0].self_attn.in_proj_weight.requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: OpenAttention(torch.nn.ReLU()), TypeError, "theirs must be an nn.MultiheadAttention, got ReLU"),
        (lambda: OpenAttention(torch.nn.MultiheadAttention(4, 2)), ValueError, "theirs must be batch-first"),
        (lambda: OpenAttention(torch.nn.MultiheadAttention(4, 2, kdim=3, batch_first=True)), ValueError, "one width"),
        (lambda: adapt(torch.nn.ReLU(), 1, 1), ValueError, "model must have an nn.Linear to wrap, got ReLU"),
        (lambda: adapt(torch.nn.Linear(2, 2), 1, 1), ValueError, "model must have an nn.Linear to wrap, got Linear"),
        (
            lambda: adapt(adapt(torch.nn.Sequential(torch.nn.Linear(2, 2)), 1, 1), 1, 1),
            ValueError,
            "model must not have LoRA layers already",
        ),
    ],
)
def test_errors_of_whole_models(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_queries_are_the_keys():
    x = torch.randn(1, 3, 4)
    with pytest.raises(ValueError, match="query, key and value must be one tensor"):
        OpenAttention(torch.nn.MultiheadAttention(4, 2, batch_first=True))(x, x.clone(), x)
