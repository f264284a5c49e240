"""Weights as whole numbers of eight bits with a scale for each row: a quarter of single precision, to be shipped."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def rounded(name: str, weight: Tensor) -> dict[str, np.ndarray]:
    """A tensor as arrays of a file: whole numbers from -127 to 127, and for each row what 127 stands for.

    weight (…, columns) is kept under `name` and, in half precision, `name.scale` (…, 1); a tensor of one axis is a row.

    >>> arrays = rounded("w", torch.tensor([[1.0, -0.5], [0.0, 20.0]]))
    >>> arrays["w"].tolist(), restored(arrays, "w").tolist()
    ([[127, -64], [0, 127]], [[1.0, -0.5039370078740157], [0.0, 20.0]])
    """
    scale = weight.abs().amax(-1, keepdim=True).half()
    whole = (weight / scale.float().clamp_min(1e-12) * 127).round().clamp(-127, 127).to(torch.int8)
    return {name: whole.numpy(), f"{name}.scale": scale.numpy()}


def restored(arrays: dict[str, np.ndarray], name: str) -> Tensor:
    """What `rounded` has kept under a name, in double precision."""
    return torch.from_numpy(arrays[name].astype(np.float64) * (arrays[f"{name}.scale"].astype(np.float64) / 127))
