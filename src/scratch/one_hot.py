"""One-hot vectors: every word its own axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scratch._arguments import at_least_1, ids_below


def one_hot(ids: Tensor | Sequence | int, vocab_size: int) -> Tensor:
    """Vectors of zeros with a single one, at each id's place.

    ids (...): integers; a tensor, a number or (nested) lists. Returns (..., vocab_size) float32, on `ids`' device.
    Raises TypeError if `ids` or `vocab_size` are no integers, ValueError if `vocab_size` is below 1 or from 2**61 or if
    lists have several lengths, IndexError for an id outside 0 … vocab_size - 1.

    >>> one_hot([2, 0], vocab_size=4)
    tensor([[0., 0., 1., 0.],
            [1., 0., 0., 0.]])
    """
    vocab_size = at_least_1("vocab_size", vocab_size)
    if vocab_size >= 2**61:
        raise ValueError(f"vocab_size must be below 2 ** 61, what a machine can address, got {vocab_size}")
    ids = ids_below("ids", ids, vocab_size)
    vectors = torch.zeros(*ids.shape, vocab_size, dtype=torch.float32, device=ids.device)  # (..., vocab_size)
    return vectors.scatter_(-1, ids.unsqueeze(-1), 1.0)
