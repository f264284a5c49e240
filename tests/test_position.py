"""scratch.position against mpmath, complex numbers, torch and transformers; and what the papers promise of it."""

import copy
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch.position import LearnedPosition, SinusoidalPosition, alibi_bias, alibi_slopes, rotate, sinusoidal

DOUBLE = torch.float64


def exact(position, dim):
    """Row `position` of the table, dimension by dimension, with forty digits."""
    with mpmath.workdps(40):
        angles = [position / mpmath.power(10000, mpmath.mpf(j - j % 2) / dim) for j in range(dim)]
        return [mpmath.cos(angle) if j % 2 else mpmath.sin(angle) for j, angle in enumerate(angles)]


def double_loop(length, dim):
    """The table as one would first write it."""
    rows = []
    for position in range(length):
        row = []
        for j in range(dim):
            angle = position / 10000 ** ((j - j % 2) / dim)
            row.append(math.cos(angle) if j % 2 else math.sin(angle))
        rows.append(row)
    return torch.tensor(rows)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 70), st.sampled_from([(torch.float32, 3.1e-8), (torch.float64, 4e-10)]))
def test_sinusoidal_is_exact_up_to_a_million(position, dim, precision):
    dtype, bound = precision
    row = sinusoidal(1, dim, start=position, dtype=dtype)
    assert row.shape == (1, dim)
    assert row.dtype == dtype
    assert max(abs(ours - true) for ours, true in zip(row[0].tolist(), exact(position, dim), strict=True)) <= bound


@given(st.integers(1, 40), st.integers(1, 33), st.integers(0, 10**6))
def test_rows_do_not_depend_on_where_the_table_starts_or_ends(length, dim, start):
    rows = sinusoidal(length, dim, start=start, dtype=DOUBLE)
    alone = torch.cat([sinusoidal(1, dim, start=start + i, dtype=DOUBLE) for i in range(length)])
    torch.testing.assert_close(rows, alone, rtol=0, atol=1e-12)


@given(st.integers(1, 20))
def test_an_odd_dim_ends_with_a_sine(i):
    rows = sinusoidal(9, 2 * i - 1, dtype=DOUBLE)
    assert rows[0].tolist() == [float(j % 2) for j in range(2 * i - 1)]
    wavelength = 10_000 ** ((2 * i - 2) / (2 * i - 1))
    torch.testing.assert_close(rows[:, -1], (torch.arange(9, dtype=DOUBLE) / wavelength).sin())


def test_wavelengths_go_from_2_pi_towards_10000_times_that():
    dim = 512
    for i in (0, 1, 128, 255):
        wavelength = 2 * math.pi * 10_000 ** (2 * i / dim)
        count = math.floor(wavelength / 2)  # in half a wave the cosine falls, then it rises
        cosine = sinusoidal(count + 3, dim, dtype=DOUBLE)[:, 2 * i + 1]
        assert abs(cosine.argmin().item() - wavelength / 2) <= 1
    angles = torch.atan2(*sinusoidal(2, dim, dtype=DOUBLE)[1].view(-1, 2).T)  # how far a step turns each pair
    lengths = 2 * math.pi / angles
    assert lengths[0].item() == pytest.approx(2 * math.pi)
    assert lengths[-1].item() == pytest.approx(10_000 * 2 * math.pi * 10_000 ** (-2 / dim))
    torch.testing.assert_close(lengths[1:] / lengths[:-1], torch.full((255,), 10_000 ** (2 / dim), dtype=DOUBLE))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 16))
def test_one_rotation_leads_from_every_position_to_the_one_k_later(position, k, pairs):
    dim = 2 * pairs
    now, later = (sinusoidal(1, dim, start=p, dtype=DOUBLE)[0] for p in (position, position + k))
    turn = k / 10_000 ** (torch.arange(0, dim, 2, dtype=DOUBLE) / dim)
    matrix = torch.block_diag(*(torch.tensor([[c, s], [-s, c]]) for c, s in zip(turn.cos(), turn.sin(), strict=True)))
    torch.testing.assert_close(matrix @ now, later, rtol=0, atol=1e-10)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(dim, dtype=DOUBLE), rtol=0, atol=1e-12)


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 16))
def test_dot_products_know_the_distance_and_neither_place_nor_side(position, k, pairs):
    rows = sinusoidal(position + 2 * k + 1, 2 * pairs, dtype=DOUBLE)
    middle = rows[position + k]
    expected = rows[0] @ rows[k]
    for other in (rows[position], rows[position + 2 * k]):
        torch.testing.assert_close(middle @ other, expected, rtol=0, atol=1e-9)


def test_sinusoidal_equals_the_double_loop():
    torch.testing.assert_close(sinusoidal(50, 7), double_loop(50, 7), rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_dtypes_and_devices(dtype):
    assert sinusoidal(3, 4, dtype=dtype).dtype == dtype
    assert alibi_bias(2, 3, dtype=dtype).dtype == dtype
    assert torch.equal(sinusoidal(99, 4, dtype=dtype), sinusoidal(99, 4, dtype=DOUBLE).to(dtype))
    x = torch.zeros(1, 3, 4, dtype=dtype)
    assert rotate(x, torch.arange(3)).dtype == dtype
    for module in (SinusoidalPosition(5, 4), LearnedPosition(5, 4)):
        assert module.to(dtype)(x).dtype == dtype
        assert module.to("meta")(x.to("meta")).device.type == "meta"
    assert sinusoidal(3, 4, device="meta").device.type == "meta"
    assert alibi_bias(2, 3, device="meta").device.type == "meta"
    assert rotate(x.to("meta"), torch.arange(3)).device.type == "meta"


def test_a_default_device_is_where_new_tensors_go_and_inputs_stay_where_they_are():
    module, x = SinusoidalPosition(5, 4), torch.zeros(1, 3, 4)
    with torch.device("meta"):
        assert {sinusoidal(3, 4).device.type, alibi_bias(2, 3).device.type} == {"meta"}
        assert LearnedPosition(5, 4, generator=torch.Generator()).weight.device.type == "meta"
        assert torch.equal(sinusoidal(3, 4, device="cpu"), sinusoidal(3, 4, start=0, device="cpu"))
        turned, added = rotate(x + 1, torch.arange(3, device="cpu")), module(x)
    assert torch.equal(turned, rotate(x + 1, torch.arange(3)))
    assert torch.equal(added[0], sinusoidal(3, 4))


def test_a_length_that_is_only_allowed_costs_nothing():
    module = SinusoidalPosition(10**15, 4)
    for length in (3, 2000, 1500, 5000):
        assert torch.equal(module(torch.zeros(1, length, 4))[0], sinusoidal(length, 4))
    assert len(module._table) <= 10_000


@given(st.integers(0, 4000), st.integers(0, 4000), st.integers(1, 8))
def test_rotate_turns_by_fractions_of_a_place(m, n, pairs):
    """As position interpolation has it: turning by m / 2 twice is turning by m."""
    x = torch.randn(1, 2 * pairs, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    half, rest = torch.tensor([m / 2], dtype=DOUBLE), torch.tensor([n + m / 2], dtype=DOUBLE)
    torch.testing.assert_close(rotate(rotate(x, half), rest), rotate(x, torch.tensor([m + n])), rtol=0, atol=1e-9)


def test_sizes_may_be_of_any_integer_type():
    assert torch.equal(sinusoidal(np.int64(3), torch.tensor(4), start=np.uint8(2)), sinusoidal(3, 4, start=2))


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
def test_sinusoidal_position_adds_the_rows(batch, length, dim):
    x = torch.randn(batch, length, dim, generator=torch.Generator().manual_seed(0))
    module = SinusoidalPosition(9, dim)
    assert list(module.parameters()) == []
    assert not module.state_dict()
    assert torch.equal(module(x), x + sinusoidal(length, dim))


def test_sinusoidal_position_is_exact_after_a_change_of_dtype():
    module = SinusoidalPosition(50, 6)
    module(torch.zeros(1, 50, 6))
    table = copy.deepcopy(module).double()(torch.zeros(1, 50, 6, dtype=DOUBLE))[0]
    assert torch.equal(table, sinusoidal(50, 6, dtype=DOUBLE))


def test_sinusoidal_position_trains_after_inference():
    module = SinusoidalPosition(5, 4)
    with torch.inference_mode():
        module(torch.zeros(1, 3, 4))
    x = torch.zeros(1, 3, 4, requires_grad=True)
    module(x).square().sum().backward()
    torch.testing.assert_close(x.grad[0], 2 * sinusoidal(3, 4))


def test_learned_position_is_an_embedding_of_the_places():
    module = LearnedPosition(7, 4, generator=torch.Generator().manual_seed(0))
    oracle = torch.nn.Embedding.from_pretrained(module.weight.detach().clone(), freeze=False)
    x, weights = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    (module(x) * weights).sum().backward()
    expected = x + oracle(torch.arange(5))
    (expected * weights).sum().backward()
    assert torch.equal(module(x), expected)
    torch.testing.assert_close(module.weight.grad, oracle.weight.grad)
    assert not module.weight.grad[5:].any()  # rows that no sentence reaches learn nothing


def test_learned_position_starts_as_noise_that_a_generator_repeats():
    first, again = (LearnedPosition(500, 40, std=0.1, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.weight, again.weight)
    assert first.weight.std().item() == pytest.approx(0.1, rel=0.05)
    assert LearnedPosition(500, 40).weight.std().item() == pytest.approx(0.02, rel=0.05)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_rotate_multiplies_complex_numbers(batch, length, pairs, start):
    x = torch.randn(batch, length, 2 * pairs, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    positions = torch.arange(start, start + length)
    frequencies = np.power(10_000.0, -np.arange(pairs) / pairs)
    turn = np.exp(1j * np.outer(positions.numpy(), frequencies))
    expected = torch.view_as_real(torch.view_as_complex(x.view(batch, length, pairs, 2)) * torch.from_numpy(turn))
    torch.testing.assert_close(rotate(x, positions), expected.reshape(x.shape), rtol=0, atol=1e-8)


def test_rotate_equals_llama_after_a_permutation():
    """LLaMA in transformers pairs dimension i with i + dim / 2."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb  # takes seconds: not for all who collect

    batch, heads, length, dim = 2, 3, 11, 16
    query, key = torch.randn(2, batch, heads, length, dim)
    frequencies = 1 / 10_000 ** (torch.arange(0, dim, 2) / dim)
    angles = torch.outer(torch.arange(length), frequencies).repeat(1, 2)[None]
    order = torch.cat([torch.arange(0, dim, 2), torch.arange(1, dim, 2)])  # ours, in the order of theirs
    theirs = apply_rotary_pos_emb(query[..., order], key[..., order], angles.cos(), angles.sin())
    for ours, other in zip((query, key), theirs, strict=True):
        torch.testing.assert_close(rotate(ours, torch.arange(length))[..., order], other, rtol=0, atol=1e-5)


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 8))
def test_rotated_dot_products_depend_on_the_difference(m, n, shift, pairs):
    query, key = torch.randn(2, 1, 2 * pairs, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))

    def score(at_query, at_key):
        return rotate(query, torch.tensor([at_query])) @ rotate(key, torch.tensor([at_key])).T

    torch.testing.assert_close(score(m, n), score(m + shift, n + shift), rtol=0, atol=1e-9)
    torch.testing.assert_close(score(m, n), query @ rotate(key, torch.tensor([n - m])).T, rtol=0, atol=1e-9)


def test_rotate_keeps_lengths_and_passes_gradients():
    x = torch.randn(2, 3, 4, dtype=DOUBLE, requires_grad=True)
    turned = rotate(x, torch.tensor([0, 5, 70_000]))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])
    assert torch.autograd.gradcheck(lambda x: rotate(x, torch.tensor([0, 5, 7])), x)


def test_rotate_turns_no_rows_into_none():
    assert rotate(torch.zeros(2, 0, 4), torch.arange(0)).shape == (2, 0, 4)


def test_rotate_turns_half_precision_in_float32():
    x = torch.randn(500, 8).bfloat16()
    positions = torch.arange(10**6, 10**6 + 500)
    assert torch.equal(rotate(x, positions), rotate(x.float(), positions).bfloat16())


def test_slopes_of_the_paper():
    """Section 3: for 8 heads 1/2, 1/4, …, 1/2⁸; for 16, the square roots of ½ in between."""
    assert alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]
    torch.testing.assert_close(alibi_slopes(16), torch.tensor([2 ** (-h / 2) for h in range(1, 17)], dtype=DOUBLE))
    assert alibi_slopes(1).tolist() == [2.0**-8]


@given(st.integers(1, 130))
def test_slopes_equal_bloom_for_any_number_of_heads(heads):
    """BLOOM in transformers; its bias is slope · k, in which the softmax sees the same as in -slope · (q - k)."""
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]
    torch.testing.assert_close(alibi_slopes(heads).float(), theirs)


@given(st.integers(1, 20), st.integers(1, 12))
def test_alibi_is_minus_slope_times_distance(heads, length):
    bias = alibi_bias(heads, length)
    assert bias.shape == (heads, length, length)
    slopes = alibi_slopes(heads).tolist()
    for h, q, k in ((0, 0, length - 1), (heads - 1, length - 1, 0), (heads // 2, length // 2, length // 3)):
        assert bias[h, q, k].item() == pytest.approx(-slopes[h] * abs(q - k), rel=1e-6)
    assert torch.equal(bias, bias.mT)
    assert not bias.diagonal(dim1=1, dim2=2).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sinusoidal(0, 4), ValueError, "length must be at least 1, got 0"),
        (lambda: sinusoidal(4, 0), ValueError, "dim must be at least 1, got 0"),
        (lambda: sinusoidal(4, -2), ValueError, "dim must be at least 1, got -2"),
        (lambda: sinusoidal(4, 2.0), TypeError, "dim must be an int, got 2.0"),
        (lambda: sinusoidal(4, 4, start=-1), ValueError, "start must be at least 0, got -1"),
        (lambda: sinusoidal(4, 4, start=0.5), TypeError, "start must be an int, got 0.5"),
        (
            lambda: sinusoidal(4, 4, dtype=torch.int64),
            TypeError,
            "dtype must be one of torch's floating point types, got torch.int64",
        ),
        (lambda: sinusoidal(4, 4, dtype="float32"), TypeError, "dtype must be one of torch's .* got float32"),
        (lambda: sinusoidal(4, 4, start=2**53), ValueError, r"start \+ length must be at most 2\*\*53, got"),
        (lambda: alibi_bias(2, 4, dtype=torch.int64), TypeError, "dtype must be one of torch's floating point types"),
        (lambda: LearnedPosition(4, 4, std=-1.0), ValueError, "std must be positive and finite, got -1.0"),
        (lambda: SinusoidalPosition(0, 4), ValueError, r"^max_length must be at least 1, got 0"),
        (lambda: SinusoidalPosition(4, 0), ValueError, r"^dim must be at least 1, got 0"),
        (lambda: LearnedPosition(0, 4), ValueError, r"^max_length must be at least 1, got 0"),
        (lambda: LearnedPosition(4, 0), ValueError, r"^dim must be at least 1, got 0"),
        (lambda: rotate(torch.zeros(3, 5), torch.arange(3)), ValueError, r"even dim, got \(3, 5\)"),
        (lambda: rotate(torch.zeros(3, 0), torch.arange(3)), ValueError, r"even dim, got \(3, 0\)"),
        (lambda: rotate(torch.zeros(4), torch.arange(4)), ValueError, r"x must have the shape .* got \(4,\)"),
        (lambda: rotate(torch.zeros(3, 4), torch.arange(4)), ValueError, r"shape \(3,\), one .* got \(4,\)"),
        (lambda: rotate(torch.zeros(3, 4), torch.tensor(1)), ValueError, r"positions must have .* got \(\)"),
        (lambda: rotate(torch.zeros(3, 4).long(), torch.arange(3)), TypeError, "x must be a tensor of floating point"),
        (lambda: rotate([[1.0, 2.0]], torch.arange(1)), TypeError, "x must be a tensor .* got list"),
        (
            lambda: rotate(torch.zeros(3, 4), [0, 1, 2]),
            TypeError,
            "positions must be a tensor of real numbers, got list",
        ),
        (lambda: rotate(torch.zeros(1, 4), torch.tensor([True])), TypeError, r"real numbers, got torch\.bool"),
        (lambda: alibi_bias(0, 4), ValueError, "heads must be at least 1, got 0"),
        (lambda: alibi_bias(4, 0), ValueError, "length must be at least 1, got 0"),
        (lambda: alibi_slopes(2.5), TypeError, "heads must be an int, got 2.5"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("kind", [SinusoidalPosition, LearnedPosition])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 6, 4), "x must have a length of at most max_length = 5, got 6"),
        ((1, 3, 5), r"x must have the shape \(batch, length, dim = 4\), got \(1, 3, 5\)"),
        ((3, 4), r"x must have the shape \(batch, length, dim = 4\), got \(3, 4\)"),
    ],
)
def test_modules_refuse_what_does_not_fit(kind, shape, message):
    with pytest.raises(ValueError, match=message):
        kind(5, 4)(torch.zeros(shape))
    with pytest.raises(TypeError, match=r"x must be a tensor of floating point numbers, got torch\.int64"):
        kind(5, 4)(torch.zeros(1, 3, 4, dtype=torch.int64))
