"""scratch.one_hot against torch.nn.functional.one_hot."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.one_hot import one_hot


@given(st.integers(1, 9), st.lists(st.integers(0, 3), max_size=3), st.randoms(use_true_random=False))
def test_equals_torch_for_any_shape(vocab_size, shape, random):
    count = int(torch.tensor(shape).prod()) if shape else 1
    ids = torch.tensor([random.randrange(vocab_size) for _ in range(count)], dtype=torch.long).reshape(shape)
    vectors = one_hot(ids, vocab_size)
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors, torch.nn.functional.one_hot(ids, vocab_size).float())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_any_integer_type(dtype):
    assert one_hot(torch.tensor([1], dtype=dtype), 2).tolist() == [[0, 1]]


def test_numbers_and_lists():
    assert one_hot(1, 3).tolist() == [0, 1, 0]
    assert one_hot([[0], [1]], 2).tolist() == [[[1, 0]], [[0, 1]]]
    assert one_hot([], 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("ids", "vocab_size", "error", "message"),
    [
        ([0, 5], 5, IndexError, "ids must lie between 0 and vocab_size - 1 = 4, got 5"),
        ([-1], 5, IndexError, "got -1"),
        ([0.0], 5, TypeError, "ids must be integers, got torch.float32"),
        ([True], 5, TypeError, "ids must be integers, got torch.bool"),
        (["cat"], 5, TypeError, r"ids must be integers, got \['cat'\] \(list\)"),
        ("cat", 5, TypeError, r"ids must be integers, got 'cat' \(str\)"),
        ([[1], [1, 2]], 5, ValueError, r"^ids must be a tensor or lists of one length, got \[\[1\], \[1, 2\]\]"),
        ([2**70], 5, IndexError, f"^ids must fit into int64, got {2**70}$"),
        (None, 5, TypeError, "ids must be integers, got None"),
        ([0], 2**70, ValueError, rf"vocab_size must be below 2 \*\* 61, .* got {2**70}"),
        ([0], 0, ValueError, "vocab_size must be at least 1, got 0"),
        ([0], -3, ValueError, "vocab_size must be at least 1, got -3"),
        ([0], 2.0, TypeError, r"vocab_size must be an int, got 2.0 \(float\)"),
    ],
)
def test_bad_input_is_named(ids, vocab_size, error, message):
    with pytest.raises(error, match=message):
        one_hot(ids, vocab_size)


def test_ids_of_one_byte_work_in_a_large_vocabulary():
    assert one_hot(torch.tensor([255], dtype=torch.uint8), 300).argmax() == 255


def test_float32_whatever_the_default_is():
    try:
        torch.set_default_dtype(torch.float64)
        assert one_hot([1], 2).dtype == torch.float32
        assert one_hot([], 2).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_device_is_the_ids():
    with torch.device("meta"):
        assert one_hot(torch.tensor([1], device="cpu"), 2).device.type == "cpu"
    assert one_hot(torch.tensor([[1, 9]], device="meta"), 3).shape == (1, 2, 3)


def test_no_ids_cost_nothing_however_large_the_vocabulary():
    assert one_hot([], 10**15).shape == (0, 10**15)
