"""One-hot vectors: every word its own axis."""

from __future__ import annotations

import torch
from torch import Tensor

from scratch.arguments import at_least_1


def one_hot(ids: Tensor | list[int], vocab_size: int) -> Tensor:
    """Vectors of zeros with a single one, at each id's place.

    ids (...): integers; a tensor, a number or (nested) lists. Returns (..., vocab_size) float32, on `ids`' device.
    Raises TypeError if `ids` or `vocab_size` are no integers, ValueError if `vocab_size < 1`, IndexError for an id
    outside 0 … vocab_size - 1.

    >>> one_hot([2, 0], vocab_size=4)
    tensor([[0., 0., 1., 0.],
            [1., 0., 0., 0.]])
    """
    ids = torch.as_tensor(ids)
    if ids.numel() == 0:
        ids = ids.long()  # torch takes an empty list for floats
    if ids.dtype.is_floating_point or ids.dtype.is_complex or ids.dtype == torch.bool:
        raise TypeError(f"ids must be integers, got {ids.dtype}")
    ids, vocab_size = ids.long(), at_least_1("vocab_size", vocab_size)  # long: 8 bits cannot be compared with 300
    outside = ids[(ids < 0) | (ids >= vocab_size)]
    if len(outside):
        raise IndexError(f"ids must lie between 0 and vocab_size - 1 = {vocab_size - 1}, got {outside[0].item()}")
    vectors = torch.zeros(*ids.shape, vocab_size, device=ids.device)  # (..., vocab_size)
    return vectors.scatter_(-1, ids.unsqueeze(-1), 1.0)
