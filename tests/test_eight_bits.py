"""Weights of eight bits come back within half a step of their row."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch._eight_bits import restored, rounded


@given(st.lists(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3), min_size=1, max_size=4))
def test_rounding_errs_by_half_a_step_of_its_row_at_most(rows):
    weight = torch.tensor(rows)
    arrays = rounded("w", weight)
    assert str(arrays["w"].dtype) == "int8"
    assert abs(arrays["w"].astype(int)).max() <= 127
    largest, scale = weight.abs().amax(1, keepdim=True).double(), torch.tensor(arrays["w.scale"]).double()
    assert ((largest - scale).abs() <= 2.0**-11 * largest + 2.0**-25).all()  # half precision
    half_a_step = scale / 254 * (1 + 1e-5)
    assert ((restored(arrays, "w") - weight).abs() <= half_a_step + (largest - scale).clamp(min=0) + 1e-12).all()


def test_a_vector_is_one_row():
    weight = torch.tensor([0.5, -1.0])
    arrays = rounded("b", weight)
    assert arrays["b.scale"].shape == (1,)
    torch.testing.assert_close(restored(arrays, "b"), torch.tensor([64 / 127, -1.0]).double())
