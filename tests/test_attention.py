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
        return mask.unsqueeze(1), mask[:, None, None].expand(-1, -1, queries, -1)
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


@pytest.mark.parametrize("queries", [1, 2])
def test_additive_attention_answers_in_as_many_dimensions_as_it_is_asked(queries):
    torch.manual_seed(0)
    attention, query, keys = AdditiveAttention(2, 3, 4), torch.randn(5, queries, 2), torch.randn(5, 6, 3)
    context, weights = attention(query, keys)
    assert (context.shape, weights.shape) == ((5, queries, 3), (5, queries, 6))
    context_of_one, weights_of_one = attention(query[:, 0], keys)
    assert (context_of_one.shape, weights_of_one.shape) == ((5, 3), (5, 6))
    torch.testing.assert_close(context[:, 0], context_of_one)


def test_a_text_may_attend_to_itself_without_a_batch():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    output, weights = scaled_dot_product_attention(x, x, x)
    expected = scaled_dot_product_attention(x[None], x[None], x[None])
    assert (output.shape, weights.shape) == ((4, 3), (4, 4))
    torch.testing.assert_close((output[None], weights[None]), expected)


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


NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 3e38, 0.0])


def outcome(call, inputs, hidden, number, parameters):
    """Outputs and gradients with `number` at the hidden places of the inputs; gradients of hidden inputs are 0."""
    given = [x.detach().masked_fill(h, number).requires_grad_() for x, h in zip(inputs, hidden, strict=True)]
    outputs = call(*given)
    total = sum((y * torch.arange(1.0, y.numel() + 1).view_as(y).to(y) / y.numel()).sum() for y in outputs)
    slopes = torch.autograd.grad(total, [*given, *parameters])
    assert not any(slope[h.expand_as(slope)].any() for slope, h in zip(slopes, hidden, strict=False))
    return [*outputs, *slopes]


@settings(max_examples=30)
@given(NUMBERS, st.integers(0, 99))
@pytest.mark.parametrize("kind", ["function", "heads", "additive", "projected"])
def test_what_stands_at_padding_does_not_matter(kind, number, seed):
    """Not in the outputs and not in a single gradient; one sentence has no word at all."""
    torch.manual_seed(seed)
    mask = torch.arange(5) < torch.tensor([[5], [3], [0]])
    query, keys, value = torch.randn(3, 2, 4), torch.randn(3, 5, 4), torch.randn(3, 5, 4)
    padding, no = ~mask.unsqueeze(2), torch.zeros(3, 1, 1, dtype=torch.bool)
    if kind in ("function", "heads"):
        module = MultiHeadAttention(4, 2)
        attend = module if kind == "heads" else scaled_dot_product_attention
        parameters = module.parameters() if kind == "heads" else []
        inputs, hidden = (query, keys, value), (no, padding, padding)

        def call(*given):
            return attend(*given, mask.unsqueeze(1))
    else:
        module = AdditiveAttention(4, 4, 6)
        parameters, inputs, hidden = module.parameters(), (query[:, 0], keys), (no[:, 0], padding)

        def call(query, keys):
            share = module.project_keys(keys, mask) if kind == "projected" else None
            return module(query, keys, mask, projected=share)

    parameters = list(parameters)
    for a, b in zip(*(outcome(call, inputs, hidden, n, parameters) for n in (number, 1.0)), strict=True):
        assert torch.equal(a, b)


def test_a_mask_of_heads_never_means_two_things():
    """With four sentences of four words a mask (4, 4) could be that of padding or of causality."""
    torch.manual_seed(0)
    x, causal = torch.randn(4, 4, 4), torch.ones(4, 4, dtype=torch.bool).tril()
    with pytest.raises(ValueError, match=r"^mask must have three dimensions, got \(4, 4\): pass mask.unsqueeze"):
        HEADS(x, x, x, causal)
    other = x.clone()
    other[:, 3] = 9
    (a, weights), (b, _) = (HEADS(y, y, y, causal.unsqueeze(0)) for y in (x, other))
    assert torch.equal(a[:, :3], b[:, :3])
    assert not weights[..., ~causal].any()
    assert not HEADS(x, x, x, causal.unsqueeze(1))[1][0, :, :, 1:].any()  # the first sentence has one word


def test_an_additive_mask_of_many_queries_never_means_two_things():
    """A query of each sentence's own has a mask (batch, length); several queries have one of three dimensions."""
    torch.manual_seed(0)
    attention, x, causal = AdditiveAttention(4, 4, 3), torch.randn(4, 4, 4), torch.ones(4, 4, dtype=torch.bool).tril()
    with pytest.raises(ValueError, match=r"^mask must have three dimensions, got \(4, 4\): pass mask.unsqueeze"):
        attention(x, x, causal)
    context, weights = attention(x, x, causal.unsqueeze(0))
    assert not weights[:, ~causal].any()
    one, _ = attention(x[:, 0], x, causal)  # whose rows are sentences: the first has one word
    assert torch.equal(one[0], x[0, 0])
    torch.testing.assert_close(attention(x, x, causal.unsqueeze(1))[0][:, 0], one)
    for t in range(4):  # query t as if there were no more than t + 1 words
        torch.testing.assert_close(context[:, t], attention(x[:, t], x[:, : t + 1])[0])


def test_batches_broadcast_as_in_torch():
    torch.manual_seed(0)
    query, keys = torch.randn(3, 1, 2, 4), torch.randn(2, 5, 4)
    mask = torch.rand(3, 2, 2, 5) < 0.7
    output, weights = scaled_dot_product_attention(query, keys, keys, mask)
    assert weights.shape == (3, 2, 2, 5)
    torch.testing.assert_close(output, torch_attention(query, keys, keys, mask))


X, HEADS = torch.zeros(2, 3, 4), MultiHeadAttention(4, 2)


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
        (
            lambda: AdditiveAttention(4, 4, 6)(X, X, torch.ones(2, 3) > 0),
            ValueError,
            r"^mask must have three dimensions, got \(2, 3\): pass .*unsqueeze",
        ),
        (
            lambda: AdditiveAttention(4, 4, 6)(X, X, torch.ones(2, 3, 2) > 0),
            ValueError,
            r"^mask .* broadcast to \(batch, queries, keys\) = \(2, 3, 3\), got \(2, 3, 2\)",
        ),
        (
            lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X, torch.ones(2, 1, 3) > 0),
            ValueError,
            r"^mask must have the shape \(batch, length\) = \(2, 3\), got \(2, 1, 3\)",
        ),
        (
            lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X, projected=X),
            ValueError,
            r"projected .*\(batch, length, hidden_dim\).*\(2, 3, 6\), got",
        ),
        (lambda: MultiHeadAttention(4, 3), ValueError, "heads must divide dim = 4, got 3"),
        (lambda: MultiHeadAttention(4, 0), ValueError, "heads must be at least 1, got 0"),
        (lambda: MultiHeadAttention(0, 1), ValueError, r"^dim must be at least 1, got 0"),
        (lambda: MultiHeadAttention(4, 2)(X[0], X, X), ValueError, r"^query .*dim = 4\), got \(3, 4\)"),
        (lambda: MultiHeadAttention(4, 2)(X, X[:1], X), ValueError, "^key must have the query's batch, 2, got 1"),
        (lambda: MultiHeadAttention(4, 2)(X, X, X[..., :2]), ValueError, r"value .* got \(2, 3, 2\)"),
        (lambda: MultiHeadAttention(4, 2)(X, X, X[:, :2]), ValueError, "value must have a row for each key"),
        (lambda: HEADS(X, X, X, torch.ones(2, 3) > 0), ValueError, r"three dimensions, got \(2, 3\): pass .*unsqueeze"),
        (lambda: HEADS(X, X, X, torch.ones(3, 3, 3) > 0), ValueError, r"keys\) = \(2, 3, 3\), got \(3, 3, 3\)"),
        (lambda: HEADS(X, X, X, torch.ones(2, 1, 3, 3) > 0), ValueError, r"\(2, 3, 3\), got \(2, 1, 3, 3\)"),
        (lambda: HEADS(X, X, X, torch.ones(2, 3)), TypeError, "mask must be a boolean tensor"),
        (lambda: HEADS(X, X, X, [[True] * 3] * 2), TypeError, "mask must be a boolean tensor, .* got list"),
        (lambda: HEADS([[1.0]], X, X), TypeError, "^query must be a tensor of floating point numbers, got list"),
        (lambda: masked_softmax([1.0]), TypeError, "^scores must be a tensor of floating point numbers, got list"),
        (lambda: masked_softmax(X.long()), TypeError, "^scores must be a tensor of .* got torch.int64"),
        (lambda: scaled_dot_product_attention(X, X.long(), X), TypeError, "^key must be a tensor of .* torch.int64"),
        (lambda: scaled_dot_product_attention(X[..., :0], X, X), ValueError, r"^query must have .* got \(2, 3, 0\)"),
        (lambda: scaled_dot_product_attention(X, X[:1].expand(3, 3, 4), X), ValueError, "^value must have a row"),
        (lambda: scaled_dot_product_attention(X, *[torch.zeros(3, 3, 4)] * 2), ValueError, r"got \(2,\) and \(3,\)"),
        (lambda: scaled_dot_product_attention(X, X, X, torch.ones(2, 2) > 0), ValueError, r"\(2, 3, 3\), got \(2, 2\)"),
        (lambda: scaled_dot_product_attention(X, X, X, torch.ones(3, 3)), TypeError, "^mask must be a boolean"),
        (lambda: AdditiveAttention(4, 4, 6)([1.0], X), TypeError, "^query must be a tensor of .* got list"),
        (lambda: AdditiveAttention(4, 4, 6)(X[:, 0], X, [[True]]), TypeError, "^mask must be a boolean tensor"),
        (
            lambda: AdditiveAttention(4, 4, 6).project_keys(X, torch.ones(2, 2) > 0),
            ValueError,
            r"\(2, 3\), got \(2, 2\)",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 9), r"\(batch, query_dim\) = \(2, 3\)"), ((2, 5, 9), r"\(batch, queries, query_dim\) = \(2, 5, 3\)")],
)
def test_a_query_of_another_width_is_named_with_the_shape_that_fits(shape, expected):
    with pytest.raises(ValueError, match=f"^query must have the shape {expected}, got"):
        AdditiveAttention(3, 4, 6)(torch.zeros(shape), torch.zeros(2, 7, 4))
