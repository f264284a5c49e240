"""scratch.attention against torch's attention with the same weights, and against loops over single places."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from scratch.attention import AdditiveAttention, MultiHeadAttention, masked_softmax, scaled_dot_product_attention

DTYPES = [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-5)]  # outputs within, gradients within
MASKS = st.sampled_from(["none", "keys", "pairs", "causal"])


def close(ours, theirs, tolerance):
    """Within `tolerance` of the largest entry, which is how far rounding may go, or 1 if that is larger."""
    scale = max(1, *(x.abs().max().item() for x in theirs))
    torch.testing.assert_close(list(ours), list(theirs), atol=tolerance * scale, rtol=0)


def masks(kind, batch, queries, keys, generator):
    """A mask for MultiHeadAttention and the same for the scores, (batch, 1, queries, keys); every row may see a key."""
    if kind == "none":
        return None, torch.ones(batch, 1, queries, keys, dtype=torch.bool)
    if kind == "keys":
        mask = torch.arange(keys) < torch.randint(1, keys + 1, (batch, 1), generator=generator)
        return mask, mask[:, None, None].expand(-1, -1, queries, -1)
    mask = torch.rand(batch, queries, keys, generator=generator) < 0.5
    if kind == "causal":
        mask = (torch.arange(keys) <= torch.arange(queries).unsqueeze(1)).expand(1, -1, -1)
    mask = mask | (torch.arange(keys) == 0)
    return mask, mask.unsqueeze(1).expand(batch, -1, -1, -1)


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(1, 5), MASKS, st.integers(0, 99))
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_scaled_dot_products_equal_torchs(dtype, value, slope, batch, heads, queries, keys, kind, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = (batch, heads, queries, 4), (batch, heads, keys, 4), (batch, heads, keys, 3)
    q, k, v = (torch.randn(s, generator=generator, dtype=dtype).requires_grad_() for s in shapes)
    _, mask = masks(kind, batch, queries, keys, generator)
    output, weights = scaled_dot_product_attention(q, k, v, None if kind == "none" else mask)
    expected = torch_attention(q, k, v, mask)
    close([output], [expected], value)
    close([weights.sum(-1)], [torch.ones(batch, heads, queries, dtype=dtype)], value)
    assert not weights[~mask.expand_as(weights)].any()
    gain = torch.randn(output.shape, generator=generator, dtype=dtype)
    close(*(torch.autograd.grad((o * gain).sum(), (q, k, v)) for o in (output, expected)), slope)


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 2, 3]), MASKS, st.integers(0, 99))
@pytest.mark.parametrize("different", [1, 2, 3])  # self-attention; a query of other vectors; three of a kind each
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_heads_equal_torchs(dtype, value, slope, different, batch, queries, keys, heads, kind, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    dim = 2 * heads
    theirs = torch.nn.MultiheadAttention(dim, heads, batch_first=True).to(dtype)
    torch.nn.init.normal_(theirs.in_proj_bias)
    ours = MultiHeadAttention(dim, heads).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    keys = queries if different == 1 else keys
    x = [torch.randn(batch, n, dim, dtype=dtype).requires_grad_() for n in (queries, keys, keys)][:different]
    inputs = [*x, x[-1], x[-1]][:3]
    mask, scores = masks(kind, batch, queries, keys, generator)
    expected = theirs(*inputs, attn_mask=~scores.expand(-1, heads, -1, -1).flatten(0, 1), average_attn_weights=False)
    output = ours(*inputs, mask)
    close(output, expected, value)
    gain = torch.randn(output[0].shape, dtype=dtype)
    wanted = [*x, *(dict(sorted(m.named_parameters())) for m in (ours, theirs))]
    slopes = [
        torch.autograd.grad((o[0] * gain).sum(), [*wanted[:-2], *parameters.values()])
        for o, parameters in zip((output, expected), wanted[-2:], strict=True)
    ]
    close(*slopes, slope)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_additive_attention_is_the_papers_formula(batch, length, masked, seed):
    """Bahdanau et al. 2015, section 3.1, one score at a time."""
    torch.manual_seed(seed)
    attention = AdditiveAttention(2, 3, 4).double()
    query, keys = torch.randn(batch, 2).double(), torch.randn(batch, length, 3).double()
    mask = (torch.rand(batch, length) < 0.5) | (torch.arange(length) == 0) if masked else None
    context, weights = attention(query, keys, mask)
    W, U, v = attention.W.weight, attention.U.weight, attention.v.weight[0]
    for n in range(batch):
        seen = [j for j in range(length) if mask is None or mask[n, j]]
        e = {j: math.exp((v @ torch.tanh(W @ query[n] + U @ keys[n, j])).item()) for j in seen}
        expected = torch.tensor([e.get(j, 0) / sum(e.values()) for j in range(length)], dtype=torch.float64)
        torch.testing.assert_close(weights[n], expected, atol=1e-12, rtol=0)
        torch.testing.assert_close(context[n], expected @ keys[n], atol=1e-12, rtol=0)
    again = attention(query, keys, mask, projected=attention.project_keys(keys))
    assert torch.equal(again[0], context)
    assert torch.equal(again[1], weights)


def test_additive_attention_has_the_papers_three_matrices_and_no_bias():
    sizes = {name: tuple(weight.shape) for name, weight in AdditiveAttention(2, 3, 4).named_parameters()}
    assert sizes == {"W.weight": (4, 2), "U.weight": (4, 3), "v.weight": (1, 4)}


def test_the_gradient_of_additive_attention():
    torch.manual_seed(0)
    attention = AdditiveAttention(2, 3, 4).double()
    query, keys = torch.randn(2, 2).double().requires_grad_(), torch.randn(2, 3, 3).double().requires_grad_()
    mask = torch.tensor([[True, False, True], [False, False, False]])
    weights = dict(attention.named_parameters())

    def call(query, keys, *values):
        state = dict(zip(weights, values, strict=True))
        return torch.func.functional_call(attention, state, (query, keys, mask))

    assert torch.autograd.gradcheck(call, (query, keys, *weights.values()))


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_row_that_may_attend_nowhere_gives_zeros_and_a_gradient_of_zeros(dtype):
    mask = torch.tensor([[True, True], [False, False]])
    scores = torch.tensor([[1.0, 2.0], [1e4, -1e4]], dtype=dtype, requires_grad=True)
    weights = masked_softmax(scores, mask)
    assert not weights[1].any()
    with torch.autograd.detect_anomaly(check_nan=True):
        weights[:, 0].sum().backward()
    assert not scores.grad[1].any()
    assert scores.grad[0].abs().sum() > 0


@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 1), (3, 4), (1, 3, 4), (2, 1, 1), (2, 3, 4)])
def test_a_mask_broadcasts_as_everything_in_torch_does(shape):
    generator = torch.Generator().manual_seed(0)
    scores, mask = torch.randn(2, 3, 4, generator=generator), torch.rand(shape, generator=generator) < 0.7
    assert torch.equal(masked_softmax(scores, mask), masked_softmax(scores, mask.expand(2, 3, 4)))


def test_a_forbidden_key_does_not_matter_however_large():
    q, k, v = torch.ones(1, 2), torch.tensor([[1.0, 1.0], [3e8, 3e8]]), torch.tensor([[1.0], [9e9]])
    output, weights = scaled_dot_product_attention(q, k, v, torch.tensor([[True, False]]))
    assert output.item() == 1.0
    assert weights.tolist() == [[1.0, 0.0]]


X = torch.zeros(2, 3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: masked_softmax(X, torch.ones(3, 4)), TypeError, "mask must be a boolean tensor, .* got torch.float32"),
        (lambda: masked_softmax(X, [True]), TypeError, "mask must be a boolean tensor, .* got list"),
        (lambda: masked_softmax(X, torch.ones(2, 4) > 0), ValueError, r"scores' shape \(2, 3, 4\), got \(2, 4\)"),
        (lambda: masked_softmax(X[0], torch.ones(1, 3, 4) > 0), ValueError, r"\(3, 4\), got \(1, 3, 4\)"),
        (lambda: scaled_dot_product_attention(X[0, 0], X, X), ValueError, r"^query must have the shape .* got \(4,\)"),
        (lambda: scaled_dot_product_attention(X, X[0, 0], X), ValueError, r"^key must have the shape .* got \(4,\)"),
        (lambda: scaled_dot_product_attention(X, X, X[0, 0]), ValueError, r"^value must have the shape .* got \(4,\)"),
        (lambda: scaled_dot_product_attention(X, X[..., :2], X), ValueError, "key must have the query's dim, 4, got 2"),
        (lambda: scaled_dot_product_attention(X, X, X[:, :2]), ValueError, r"each key, \(2, 3\), got \(2, 2\)"),
        (lambda: AdditiveAttention(1, 1, 0), ValueError, "hidden_dim must be at least 1, got 0"),
        (lambda: AdditiveAttention(0, 1, 1), ValueError, r"^query_dim must be at least 1, got 0"),
        (lambda: AdditiveAttention(1, 1.0, 1), TypeError, "key_dim must be an int"),
        (lambda: AdditiveAttention(4, 5, 6)(X[:, 0], X), ValueError, r"key_dim = 5\), got \(2, 3, 4\)"),
        (lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X[0], projected=X), ValueError, r"keys .*got \(3, 4\)"),
        (lambda: AdditiveAttention(4, 5, 6).project_keys(X), ValueError, r"^keys .*key_dim = 5\), got \(2, 3, 4\)"),
        (lambda: AdditiveAttention(5, 4, 6)(X[:, 0], X), ValueError, r"query .*\(2, 5\), got \(2, 4\)"),
        (lambda: AdditiveAttention(4, 4, 6)(X[:1, 0], X), ValueError, r"query .*\(2, 4\), got \(1, 4\)"),
        (
            lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X, torch.ones(2, 2) > 0),
            ValueError,
            r"mask .*\(2, 3\), got \(2, 2\)",
        ),
        (lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X, projected=X), ValueError, r"projected .*\(2, 3, 6\), got"),
        (lambda: MultiHeadAttention(4, 3), ValueError, "heads must divide dim = 4, got 3"),
        (lambda: MultiHeadAttention(4, 0), ValueError, "heads must be at least 1, got 0"),
        (lambda: MultiHeadAttention(0, 1), ValueError, r"^dim must be at least 1, got 0"),
        (lambda: MultiHeadAttention(4, 2)(X[0], X, X), ValueError, r"^query .*dim = 4\), got \(3, 4\)"),
        (lambda: MultiHeadAttention(4, 2)(X, X[:1], X), ValueError, "^key must have the query's batch, 2, got 1"),
        (lambda: MultiHeadAttention(4, 2)(X, X, X[..., :2]), ValueError, r"value .* got \(2, 3, 2\)"),
        (lambda: MultiHeadAttention(4, 2)(X, X, X[:, :2]), ValueError, "value must have a row for each key"),
        (
            lambda: MultiHeadAttention(4, 2)(X, X, X, torch.ones(2, 2) > 0),
            ValueError,
            r"mask .*\(2, 3\) or .* \(2, 2\)",
        ),
        (lambda: MultiHeadAttention(4, 2)(X, X, X, torch.ones(3, 3, 3) > 0), ValueError, "mask must broadcast"),
        (lambda: MultiHeadAttention(4, 2)(X, X, X, torch.ones(2, 3)), TypeError, "mask must be a boolean tensor"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
