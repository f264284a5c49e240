"""Negative sampling, fast: skip-gram and CBOW on blocks of running text, each step a few matrix products.

The loss is Mikolov et al.'s (arXiv 1310.4546, Eq. 4). That a window's neighbours share their negatives, so that matrix
products do the work, is Ji et al.'s idea (arXiv 1604.04661); here a block of consecutive centres shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from scratch.hogwild import descend

BLOCK = 32  # L consecutive centres make a block,
SHARED = {"skip-gram": 32, "cbow": 16}  # and share N negatives: fewer in CBOW, where a centre is one pair only


@torch.no_grad()
def train_blocks(
    W: Tensor,
    U: Tensor,
    draw_text: Callable[[], tuple[Tensor, Tensor, Tensor]],
    noise: Tensor,
    *,
    cbow: bool,
    window: int,
    negative: int,
    epochs: int,
    workers: int,
    learning_rate: float,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train the input table W (V, d) and the output table U (V, d) in place.

    draw_text: called once an epoch, returns a text (n,) and how many neighbours each of its words sees on its left
    (n,) and on its right (n,), as `scratch.windows.sample` does. noise (V,): how often each word is drawn as a
    negative, up to a factor. A block's negatives count as much as `negative` draws for each pair. The blocks are
    taken in random order, since a text repeats itself locally, and the steps of a batch of `batch_size` centres add
    up. With one worker the result depends on `generator` alone. Raises FloatingPointError if training diverges.
    """
    span, shared = BLOCK + 2 * window, SHARED["cbow" if cbow else "skip-gram"]
    place, reach = torch.arange(-window, window + 1), torch.arange(window + 1)
    seen = (place >= -reach[:, None, None]) & (place <= reach[:, None]) & (place != 0)  # (w + 1, w + 1, 2w + 1)
    seen = seen.flatten(0, 1).to(W.dtype)  # its row (w + 1) * left + right tells which places a centre sees
    chance = (noise.double() / noise.double().sum()).cumsum(0)  # (V,)
    urn = torch.searchsorted(chance, (torch.arange(2**20, dtype=torch.float64) + 0.5) / 2**20).clamp(max=len(W) - 1)
    seeds = torch.randint(2**62, (workers,), generator=generator).tolist()
    own = [torch.Generator().manual_seed(seed) for seed in seeds]  # each worker draws its own negatives
    spans = views = torch.empty(0)

    def batches() -> Iterator[tuple[Tensor, ...]]:
        nonlocal spans, views
        for _ in range(epochs):
            text, left, right = draw_text()
            blocks = len(text) // BLOCK + 1
            fill = blocks * BLOCK - len(text)  # the last block is filled up with centres that see nothing
            spans = pad(text, (window, window + fill)).unfold(0, span, BLOCK)  # (blocks, L + 2w)
            views = pad((window + 1) * left + right, (0, fill)).view(blocks, BLOCK)
            yield torch.randperm(blocks, generator=generator).split(max(1, batch_size // BLOCK))

    def step(batch: Tensor, size: float, worker: int) -> None:
        drawn = urn[torch.randint(len(urn), (len(batch), shared), generator=own[worker])]  # (b, N)
        update = cbow_step if cbow else skip_gram_step
        update(W, U, spans[batch], seen[views[batch]], drawn, negative / shared, size)

    descend(batches(), step, W, total=epochs, workers=workers, learning_rate=learning_rate)


def skip_gram_step(
    W: Tensor, U: Tensor, words: Tensor, mask: Tensor, drawn: Tensor, weight: float, size: float
) -> None:
    """One step of gradient descent for b blocks of L centres.

    words (b, L + 2w): the blocks, with w words on each side; mask (b, L, 2w + 1): 1 for each place around a centre that
    it sees, else 0; drawn (b, N): negatives; weight: how much a negative counts for each pair; size: the step's size.

    >>> W, U = torch.eye(2), torch.zeros(2, 2)
    >>> words, mask = torch.tensor([[1, 0, 1]]), torch.tensor([[[1.0, 0, 0]]])  # word 0 sees word 1 on its left
    >>> skip_gram_step(W, U, words, mask, drawn=torch.tensor([[0]]), weight=1, size=1)
    >>> U  # word 1 is pulled towards the centre's vector, and word 0, a negative, pushed away
    tensor([[-0.5000,  0.0000],
            [ 0.5000,  0.0000]])
    """
    width = mask.shape[2]
    centres = words[:, width // 2 : -(width // 2)]  # (b, L)
    h, u, n = _rows(W, centres), _rows(U, words), _rows(U, drawn)  # (b, L, d), (b, L + 2w, d), (b, N, d)
    pull = _band(_diagonals(h @ u.mT, width).sigmoid().sub_(1).mul_(mask))  # (b, L, L + 2w)
    push = (h @ n.mT).sigmoid_().mul_(mask.sum(2, keepdim=True) * weight)  # (b, L, N)
    _subtract(W, centres, pull @ u + push @ n, size)
    _subtract(U, words, pull.mT @ h, size)
    _subtract(U, drawn, push.mT @ h, size)


def cbow_step(W: Tensor, U: Tensor, words: Tensor, mask: Tensor, drawn: Tensor, weight: float, size: float) -> None:
    """The same for CBOW: the mean of the words that a centre sees predicts the centre, one pair for each centre."""
    width = mask.shape[2]
    centres = words[:, width // 2 : -(width // 2)]  # (b, L)
    count = mask.sum(2, keepdim=True)  # (b, L, 1)
    mean = _band(mask / count.clamp(min=1))  # (b, L, L + 2w)
    h, u, n = mean @ _rows(W, words), _rows(U, centres), _rows(U, drawn)  # (b, L, d), (b, L, d), (b, N, d)
    pull = (h * u).sum(2, keepdim=True).sigmoid_().sub_(1).mul_(count > 0)  # (b, L, 1)
    push = (h @ n.mT).sigmoid_().mul_((count > 0) * weight)  # (b, L, N)
    _subtract(W, words, mean.mT @ (pull * u + push @ n), size)
    _subtract(U, centres, pull * h, size)
    _subtract(U, drawn, push.mT @ h, size)


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    return table.index_select(0, ids.flatten()).view(*ids.shape, -1)


def _subtract(table: Tensor, ids: Tensor, gradient: Tensor, size: float) -> None:
    table.index_add_(0, ids.flatten(), gradient.flatten(0, -2), alpha=-size)


def _diagonals(x: Tensor, width: int) -> Tensor:
    """(b, L, L + width - 1) -> (b, L, width), a view: of row t, the entries t … t + width - 1."""
    return x.as_strided((len(x), x.shape[1], width), (x.stride(0), x.stride(1) + 1, 1))


def _band(x: Tensor) -> Tensor:
    """(b, L, width) -> (b, L, L + width - 1): row t moved t places to the right, and zeros elsewhere."""
    band = x.new_zeros(len(x), x.shape[1], x.shape[1] + x.shape[2] - 1)
    _diagonals(band, x.shape[2]).copy_(x)
    return band
