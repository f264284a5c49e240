"""Stochastic gradient descent on a few rows at a time, by threads that share the tables without locks.

The idea is Recht et al.'s (2011, arXiv 1106.5730): where a step touches few rows, threads rarely meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

MOST = 64  # threads; workers beyond that wait for their turn


def descend(
    epochs: Iterable[Sequence[Any]],
    step: Callable[[Any, float], None],
    table: Tensor,
    *,
    total: int,
    workers: int,
    learning_rate: float,
    or_lower: str = "",
) -> None:
    """Call `step(batch, size)` for every batch; the step's size falls linearly from `learning_rate` to 0.

    epochs: yields the batches of each of `total` epochs. Worker k of `workers` threads takes batches k, k + workers,
    … PyTorch lets other threads run while it computes, so that they really run side by side; its own threads are
    switched off meanwhile, since for steps as small as these they get into each other's way. Raises
    FloatingPointError if an entry of `table` is found to be a thousand or more, or nan: vectors that still learn are
    far smaller. `or_lower` is what else its message should name.

    >>> x = torch.tensor([1.0])
    >>> descend([[x] * 2], lambda batch, size: x.sub_(size * x), x, total=1, workers=1, learning_rate=0.5)
    >>> x  # 1 - 0.5, then - 0.25 of it
    tensor([0.3750])
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(workers, MOST)) as pool:
            for epoch, batches in enumerate(epochs):

                def work(worker: int, epoch: int = epoch, batches: Sequence[Any] = batches) -> None:
                    for i in range(worker, len(batches), workers):
                        step(batches[i], learning_rate * (1 - (epoch + i / len(batches)) / total))
                        if i % 100 < workers or i >= len(batches) - workers:
                            largest = torch.linalg.vector_norm(table, torch.inf).item()
                            if not largest < 1e3:  # not: so that nan is caught, too
                                raise FloatingPointError(
                                    f"training diverged, a vector has an entry of {largest:.0e}: "
                                    f"lower learning_rate={learning_rate}{or_lower} or the batch size"
                                )

                list(pool.map(work, range(min(workers, len(batches)))))
    finally:
        torch.set_num_threads(threads)


def gather(table: Tensor, ids: Tensor) -> Tensor:
    """The rows of `table` (V, d) that `ids` (…) name: (…, d).

    >>> gather(torch.eye(2), torch.tensor([[1, 1, 0]])).shape
    torch.Size([1, 3, 2])
    """
    return table.index_select(0, ids.flatten()).view(*ids.shape, table.shape[1])


def scatter(table: Tensor, ids: Tensor, change: Tensor) -> None:
    """Add `change` (…, d) to the rows of `table` (V, d) that `ids` (…) name, in place; twice to a row named twice.

    >>> table = torch.zeros(3, 2)
    >>> scatter(table, torch.tensor([2, 2]), torch.tensor([[1.0, 0], [1, 5]]))
    >>> table
    tensor([[0., 0.],
            [0., 0.],
            [2., 5.]])
    """
    rows = ids.reshape(-1, 1).expand(-1, table.shape[1])  # scatter_add_ is faster than index_add_
    table.scatter_add_(0, rows, change.reshape(-1, table.shape[1]))
