"""The loop that trains every network of the book: Adam, a step size that rises and falls, clipped gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from scratch._arguments import at_least, at_least_1, positive, seed_value

Batch = TypeVar("Batch")


def random_rows(count: int, batch_size: int, steps: int, seed: int = 0) -> Iterator[Tensor]:
    """For each of `steps` steps the numbers of `batch_size` rows, each drawn from 0 … count - 1, with repetition.

    >>> [rows.shape for rows in random_rows(count=9, batch_size=4, steps=2)]
    [torch.Size([4]), torch.Size([4])]

    Raises ValueError for a size below 1, TypeError for one that is no integer.
    """
    count, batch_size = at_least_1("count", count), at_least_1("batch_size", batch_size)
    generator = torch.Generator().manual_seed(seed_value("seed", seed))
    return (torch.randint(count, (batch_size,), generator=generator) for _ in range(at_least_1("steps", steps)))


def pace(step: int, steps: int, warmup: int = 0, decay: bool = True) -> float:
    """The share of the learning rate that a step takes, counted from 0: it rises to 1 over the first `warmup` steps.

    With `decay` it also falls, to 0 at the end; rise and fall are linear, and multiplied.

    >>> [round(pace(step, steps=4, warmup=1), 3) for step in range(4)]
    [0.5, 0.75, 0.5, 0.25]
    """
    rise = min(1.0, (step + 1) / (warmup + 1))
    return rise * (1 - step / steps) if decay else rise


def fit(
    parameters: Iterable[nn.Parameter] | Sequence[tuple[float, Iterable[nn.Parameter]]],
    loss: Callable[[Batch], Tensor],
    batches: Iterable[Batch],
    learning_rate: float,
    *,
    warmup: int = 0,
    decay: bool = True,
    clip: float | None = None,
    progress: bool = False,
) -> list[float]:
    """Take one step of Adam for each batch, down the gradient of `loss(batch)`; return the losses before each step.

    The step size rises linearly to `learning_rate` over the first `warmup` steps and, with `decay`, falls linearly to
    0 at the end; what it is at a step is the product of both. `clip` bounds the norm of the whole gradient. `progress`
    shows a bar on stderr. Parameters that are frozen stay as they are. In place of parameters there may be groups of
    them, each a pair: the share of the step size that the group takes, and its parameters. Sources: Kingma & Ba 2015,
    arXiv 1412.6980 (Adam); Pascanu et al. 2013, arXiv 1211.5063 (clipping).

    >>> x = nn.Parameter(torch.tensor(1.0))
    >>> losses = fit([x], lambda target: (x - target) ** 2, [3.0] * 200, learning_rate=0.1)
    >>> round(losses[0], 2), round(x.item(), 2)
    (4.0, 3.0)

    Raises ValueError for a learning rate or a share that is not positive or without a batch or a parameter to train,
    FloatingPointError if a loss is not finite.
    """
    learning_rate = positive("learning_rate", learning_rate)
    warmup = at_least("warmup", warmup, 0)
    batches = batches if isinstance(batches, Sized) else list(batches)
    given = list(parameters)
    grouped = given if given and isinstance(given[0], tuple) else [(1.0, given)]
    pairs = cast(list[tuple[float, Iterable[nn.Parameter]]], grouped)
    shares = [positive("share", share) for share, _ in pairs]
    groups = [[p for p in group if p.requires_grad] for _, group in pairs]
    trained = [p for group in groups for p in group]
    if not trained or not len(batches):
        raise ValueError(f"there must be parameters and batches, got {len(trained)} to train and {len(batches)}")
    optimizer = torch.optim.Adam([{"params": group} for group in groups], lr=learning_rate, fused=True)
    losses = []
    for step, batch in enumerate(tqdm(batches, disable=not progress)):
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = learning_rate * share * pace(step, len(batches), warmup, decay)
        value = loss(batch)
        if not value.isfinite():
            raise FloatingPointError(f"the loss is {value.item()} at step {step}: try a smaller learning_rate")
        optimizer.zero_grad()
        value.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(trained, clip)
        optimizer.step()
        losses.append(value.item())
    return losses
