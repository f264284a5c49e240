"""scratch._arguments: what is right comes back unchanged; what is wrong gives one error, here word for word."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from scratch._arguments import (
    at_least,
    at_least_1,
    batch_of_vectors,
    flag,
    ids_below,
    integers,
    known_ids,
    lengths_within,
    positive,
    room_for,
    seed_value,
    share_below_1,
)

SMALL = st.integers(-4, 4)


@given(SMALL, SMALL)
def test_an_integer_is_returned_exactly_from_the_least_on(least, value):
    if value >= least:
        assert at_least("size", value, least) == value
    else:
        with pytest.raises(ValueError, match=f"^size must be at least {least}, got {value}$"):
            at_least("size", value, least)


@given(SMALL, st.integers(1, 4))
def test_one_id_is_known_exactly_from_0_to_the_last(i, size):
    tensor = torch.tensor([[0, i]], dtype=torch.int16)
    if 0 <= i < size:
        assert known_ids("ids", (0, i), size) == [0, i]
        assert torch.equal(ids_below("words", tensor, size), tensor.long())
    else:
        with pytest.raises(IndexError, match=f"^ids must lie between 0 and {size - 1}, the last of {size}, got {i}$"):
            known_ids("ids", (0, i), size)
        message = f"^words must lie between 0 and vocab_size - 1 = {size - 1}, got {i}$"
        with pytest.raises(IndexError, match=message):
            ids_below("words", tensor, size)


@given(SMALL, st.integers(1, 4))
def test_a_length_fits_exactly_from_1_to_the_width(length, width):
    if 1 <= length <= width:
        assert lengths_within([1, length], width, 2).tolist() == [1, length]
    else:
        with pytest.raises(ValueError, match=f"^lengths must lie between 1 and the width {width}, got {length}$"):
            lengths_within([1, length], width, 2)


@pytest.mark.parametrize("integer", [np.int16, np.uint8, torch.tensor])
def test_integers_of_all_types_become_pythons_own(integer):
    assert type(at_least("size", integer(1), 0)) is int
    assert [type(i) for i in known_ids("ids", [integer(1)], 2)] == [int]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_integers_of_all_types_become_int64(dtype):
    values = torch.tensor([1, 2], dtype=dtype)
    for checked in (ids_below("ids", values, 3), lengths_within(values, 2, 2)):
        assert checked.dtype == torch.int64
        assert checked.tolist() == [1, 2]


def test_the_least_id_may_be_another():
    assert ids_below("ids", torch.tensor([-1, 2]), 3, least=-1).tolist() == [-1, 2]
    with pytest.raises(IndexError, match=r"^ids must lie between -1 and vocab_size - 1 = 2, got -2$"):
        ids_below("ids", torch.tensor([0, -2, -3]), 3, least=-1)


def test_a_batch_of_vectors_is_returned_as_it_is():
    x = torch.zeros(2, 0, 3, dtype=torch.float64)
    assert batch_of_vectors("x", x, "dim", 3) is x


@pytest.mark.parametrize("share", [0, 0.0, 0.5, 1 - 2**-53, np.float32(0.1), np.int8(0)])
def test_a_share_is_returned_as_a_float(share):
    assert share_below_1("dropout", share) == share
    assert type(share_below_1("dropout", share)) is float


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.1), 1e-300])
def test_a_positive_number_is_returned_as_a_float(value):
    assert positive("rate", value) == value
    assert type(positive("rate", value)) is float


@pytest.mark.parametrize("seed", [0, 3, np.int64(3), np.uint64(2**64 - 1), torch.tensor(3)])
def test_seeds_of_all_integer_types_seed_torch_and_numpy(seed):
    assert type(seed_value("seed", seed)) is int
    same = torch.Generator().manual_seed(int(seed)), torch.Generator().manual_seed(seed_value("seed", seed))
    assert torch.equal(*(torch.rand(3, generator=generator) for generator in same))
    np.random.default_rng(seed_value("seed", seed))


def test_flags_are_returned_as_they_are():
    assert flag("norm_first", True) is True
    assert flag("norm_first", False) is False


def test_there_is_room_for_less_than_2_to_the_31_cells():
    assert [room_for("width", 2**30 - 1, each=each) for each in (0, 1, 2)] == [2**30 - 1] * 3
    assert room_for("width", 2**31 - 1, each=0) == 2**31 - 1  # of an empty batch


def test_a_tensor_of_integers_keeps_its_device_under_another_default():
    with torch.device("meta"):
        assert integers("ids", torch.ones(2, dtype=torch.int32, device="cpu")).device.type == "cpu"


def test_lists_are_as_good_as_tensors():
    assert ids_below("ids", [[1, 2], [0, 3]], 4).tolist() == [[1, 2], [0, 3]]
    assert lengths_within([], 3, 0).dtype == torch.int64
    assert ids_below("ids", [], 4).shape == (0,)


def test_where_there_are_no_numbers_to_read_none_are_checked():
    ids = torch.empty(2, 3, dtype=torch.int32, device="meta")
    assert ids_below("ids", ids, 4).device.type == "meta"
    assert lengths_within(ids[:, 0], 3, 2).dtype == torch.int64
    with FakeTensorMode():
        assert ids_below("ids", torch.ones(2, dtype=torch.int64), 4).shape == (2,)

    @torch.compile(backend="eager", fullgraph=True)
    def compiled(ids):
        return ids_below("ids", ids, 4) + 1

    assert compiled(torch.tensor([3])).tolist() == [4]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: at_least("size", 1.5, 0), TypeError, "size must be an int, got 1.5 (float)"),
        (lambda: at_least("size", "one", 0), TypeError, "size must be an int, got 'one' (str)"),
        (lambda: at_least_1("size", 0), ValueError, "size must be at least 1, got 0"),
        (lambda: at_least_1("size", None), TypeError, "size must be an int, got None (NoneType)"),
        (lambda: share_below_1("rate", 1.0), ValueError, "rate must be at least 0 and below 1, got 1.0"),
        (lambda: share_below_1("rate", -0.1), ValueError, "rate must be at least 0 and below 1, got -0.1"),
        (lambda: share_below_1("rate", float("nan")), ValueError, "rate must be at least 0 and below 1, got nan"),
        (lambda: share_below_1("rate", "0.1"), TypeError, "rate must be a float, got '0.1' (str)"),
        (lambda: share_below_1("rate", False), TypeError, "rate must be a float, got False (bool)"),
        (lambda: positive("rate", 0), ValueError, "rate must be positive and finite, got 0"),
        (lambda: positive("rate", float("nan")), ValueError, "rate must be positive and finite, got nan"),
        (lambda: positive("rate", float("inf")), ValueError, "rate must be positive and finite, got inf"),
        (lambda: positive("rate", "1"), TypeError, "rate must be a float, got '1' (str)"),
        (lambda: positive("rate", True), TypeError, "rate must be a float, got True (bool)"),
        (lambda: flag("pre", "False"), TypeError, "pre must be True or False, got 'False'"),
        (lambda: flag("pre", 0), TypeError, "pre must be True or False, got 0"),
        (lambda: seed_value("seed", None), TypeError, "seed must be an int, got None (NoneType)"),
        (lambda: seed_value("seed", -1), ValueError, "seed must be at least 0, got -1"),
        (lambda: seed_value("seed", 2**64), ValueError, f"seed must be below 2**64, got {2**64}"),
        (lambda: ids_below("ids", ["cat"], 9), TypeError, "ids must be integers, got ['cat'] (list)"),
        (lambda: ids_below("ids", [2**70], 9), IndexError, f"ids must fit into int64, got {2**70}"),
        (lambda: ids_below("ids", [[0], [-(2**70)]], 9), IndexError, f"ids must fit into int64, got {-(2**70)}"),
        (lambda: lengths_within([1, 2**70], 9, 2), ValueError, f"lengths must fit into int64, got {2**70}"),
        (
            lambda: ids_below("ids", [[1], [2, 3]], 9),
            ValueError,
            "ids must be a tensor or lists of one length, got [[1], [2, 3]] (list)",
        ),
        (
            lambda: ids_below("ids", [torch.tensor([1, 2]), torch.tensor([3, 4])], 9),
            ValueError,
            "ids must be a tensor or lists of one length, got [tensor([1, 2]), tensor([3, 4])] (list)",
        ),
        (lambda: ids_below("ids", [[1], [2, 3.5]], 9), TypeError, "ids must be integers, got [[1], [2, 3.5]] (list)"),
        (lambda: known_ids("ids", [1, True], 9), TypeError, "ids must be integers, got True (bool)"),
        (lambda: known_ids("ids", torch.ones(1) > 0, 9), TypeError, "ids must be integers, got tensor(True) (Tensor)"),
        (
            lambda: room_for("width", 2**30, each=2),
            ValueError,
            f"width must be at most {2**30 - 1}, for less than 2 ** 31 cells, got {2**30}",
        ),
        (lambda: ids_below("ids", None, 9), TypeError, "ids must be integers, got None (NoneType)"),
        (lambda: known_ids("ids", [1, 2.0], 9), TypeError, "ids must be integers, got 2.0 (float)"),
        (lambda: known_ids("ids", ["x" * 99], 9), TypeError, f"ids must be integers, got '{'x' * 39} (str)"),
        (lambda: ids_below("ids", torch.zeros(2), 9), TypeError, "ids must be integers, got torch.float32"),
        (lambda: ids_below("ids", torch.zeros(2) > 0, 9), TypeError, "ids must be integers, got torch.bool"),
        (lambda: ids_below("ids", torch.zeros(2) * 1j, 9), TypeError, "ids must be integers, got torch.complex64"),
        (
            lambda: batch_of_vectors("x", torch.zeros(2, 3), "dim", 3),
            ValueError,
            "x must have the shape (batch, length, dim = 3), got (2, 3)",
        ),
        (
            lambda: batch_of_vectors("keys", torch.zeros(2, 3, 4), "key_dim", 3),
            ValueError,
            "keys must have the shape (batch, length, key_dim = 3), got (2, 3, 4)",
        ),
        (
            lambda: batch_of_vectors("x", torch.zeros(2, 3, 4).long(), "dim", 4),
            TypeError,
            "x must be a tensor of floating point numbers, got torch.int64",
        ),
        (
            lambda: batch_of_vectors("x", [[[1.0]]], "dim", 1),
            TypeError,
            "x must be a tensor of floating point numbers, got list",
        ),
        (lambda: lengths_within([1.0], 9, 1), TypeError, "lengths must be integers, got torch.float32"),
        (lambda: lengths_within([1], 9, 2), ValueError, "lengths must have the shape (batch,) = (2,), got (1,)"),
        (lambda: lengths_within([[1, 2]], 9, 2), ValueError, "lengths must have the shape (batch,) = (2,), got (1, 2)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$") as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # one error, not two
