"""scratch.encoder against torch's encoder layer with the same weights."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scratch.encoder import EncoderLayer

DTYPES = [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-5)]  # outputs within, gradients within


def twins(ours, theirs):
    """Random weights, the same in both; and a list of how far the rows are spread that the norms of theirs divide.

    Where it is next to nothing, every rounding before it grows.
    """
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours.load_state_dict(theirs.state_dict())
    spreads = []
    for norm in (module for module in theirs.modules() if isinstance(module, torch.nn.LayerNorm)):
        norm.register_forward_pre_hook(lambda _, rows: spreads.append(rows[0].std(-1).min().item()))
    return spreads


@settings(max_examples=30)
@given(
    *(st.integers(1, 3), st.integers(1, 6), st.sampled_from([1, 2, 4]), st.integers(1, 9)),
    *(st.sampled_from(["none", "keys", "causal"]), st.integers(0, 99)),
)
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_a_layer_equals_torchs(dtype, value, slope, norm_first, batch, length, heads, feed_forward, kind, seed):
    torch.manual_seed(seed)
    dim = 4
    theirs = torch.nn.TransformerEncoderLayer(
        dim, heads, feed_forward, dropout=0.0, batch_first=True, norm_first=norm_first
    ).to(dtype)
    ours = EncoderLayer(dim, heads, feed_forward, norm_first=norm_first).to(dtype)
    spreads = twins(ours, theirs)
    x = torch.randn(batch, length, dim, dtype=dtype).requires_grad_()
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    keys = torch.arange(length) < torch.randint(1, length + 1, (batch, 1))
    if kind == "keys":
        output, expected = ours(x, keys.unsqueeze(1)), theirs(x, src_key_padding_mask=~keys)
    else:
        mask = causal if kind == "causal" else None
        output = ours(x, mask if mask is None else mask.unsqueeze(0))
        expected = theirs(x, src_mask=mask if mask is None else ~mask)
    assume(dtype == torch.float64 or min(spreads) > 0.25)
    torch.testing.assert_close(output, expected, atol=value * max(1, expected.abs().max().item()), rtol=0)
    gain = torch.randn(output.shape, dtype=dtype)
    a, b = (
        torch.autograd.grad((o * gain).sum(), [x, *(w for _, w in sorted(m.named_parameters()))])
        for o, m in ((output, ours), (expected, theirs))
    )
    scale = max(1, *(w.abs().max().item() for w in b))
    torch.testing.assert_close(list(a), list(b), atol=slope * scale, rtol=0)


def test_it_is_post_norm_unless_one_says_otherwise():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4)
    layers = EncoderLayer(4, 2, 8), EncoderLayer(4, 2, 8, norm_first=True)
    sizes = [layer(x).square().mean(-1).sqrt() for layer in layers]
    torch.testing.assert_close(sizes[0], torch.ones(2, 3), atol=1e-3, rtol=0)  # what comes out is normalised
    assert (sizes[1] - 1).abs().max() > 0.05


def test_dropout_acts_in_training_only():
    layer, x = EncoderLayer(4, 2, 8, dropout=0.5), torch.randn(2, 3, 4)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EncoderLayer(4, 3, 8), ValueError, "heads must divide dim = 4, got 3"),
        (lambda: EncoderLayer(4, 2, 0), ValueError, "feed_forward must be at least 1, got 0"),
        (lambda: EncoderLayer(4, 2, 8, 1.0), ValueError, "dropout must be at least 0 and below 1, got 1.0"),
        (lambda: EncoderLayer(4, 2, 8, "no"), TypeError, "dropout must be a float, got 'no'"),
        (
            lambda: EncoderLayer(8, 2, 16, 0.1, "gelu"),
            TypeError,
            "positional arguments",
        ),  # torch has an activation there
        (lambda: EncoderLayer(4, 2, 8, norm_first="False"), TypeError, "norm_first must be True or False, got 'False'"),
        (
            lambda: EncoderLayer(4, 2, 8)(torch.zeros(3, 3, 4), torch.ones(3, 3) > 0),
            ValueError,
            r"^mask must have three dimensions, got \(3, 3\)",
        ),
        (
            lambda: EncoderLayer(4, 2, 8)(torch.zeros(1, 3, 5)),
            ValueError,
            r"^x must have the shape .* dim = 4\), got .*5\)$",
        ),
        (
            lambda: EncoderLayer(4, 2, 8, norm_first=True)(torch.zeros(3, 4)),
            ValueError,
            r"^x must .*4\), got \(3, 4\)$",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
