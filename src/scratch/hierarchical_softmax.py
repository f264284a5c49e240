"""Hierarchical softmax: a word is predicted turn by turn, on its way down a tree (Morin & Bengio 2005)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from scratch.hogwild import descend
from scratch.windows import neighbours

BUSY = 32


@torch.no_grad()
def path_loss(h: Tensor, u: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of the turns on the ways to some words, summed, and its gradient in closed form.

    h (n, m, d): m vectors, each of which predicts the n-th word; u (n, longest, d): the vectors of the nodes on the
    path of that word; codes (n, longest): its turns, 0 or 1, and -1 after the last. At a node u the turn is 0 with
    probability σ(u·h) (arXiv 1310.4546, Eq. 3). Returns the loss () and its gradients for h (n, m, d) and for u (n,
    longest, d).

    >>> path_loss(torch.ones(1, 1, 2), torch.zeros(1, 3, 2), torch.tensor([[0, 1, -1]]))[0]  # two turns, each 1/2
    tensor(1.3863)
    """
    there = (codes >= 0).unsqueeze(1)  # (n, 1, longest)
    straight = (codes == 0).to(h.dtype).unsqueeze(1)  # (n, 1, longest)
    scores = h @ u.mT  # (n, m, longest)
    loss = -(logsigmoid(scores * (2 * straight - 1)) * there).sum()
    error = (scores.sigmoid() - straight) * there  # (n, m, longest)
    return loss, error @ u, error.mT @ h


@torch.no_grad()
def train_paths(
    W: Tensor,
    U: Tensor,
    draw_text: Callable[[], tuple[Tensor, Tensor, Tensor]],
    tree: tuple[Tensor, Tensor],
    *,
    cbow: bool,
    window: int,
    epochs: int,
    workers: int,
    learning_rate: float,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train the input table W (V, d) and the vectors of the inner nodes U (V - 1, d) in place.

    draw_text: called once an epoch, returns a text (n,) and how many neighbours each of its words sees on its left
    (n,) and on its right (n,), as `scratch.windows.sample` does. tree: the codes and paths of
    `scratch.huffman.huffman`. Each neighbour, or with `cbow` their mean, predicts the centre. The steps of a batch of
    `batch_size` centres add up; but the nodes near the root lie on nearly all paths, and where more than `BUSY`
    predictions meet at a node, it takes `BUSY` times their mean. With one worker the result depends on `generator`
    alone. Raises FloatingPointError if training diverges.
    """
    codes, paths = tree
    text = left = right = torch.empty(0)

    def batches() -> Iterator[tuple[Tensor, ...]]:
        nonlocal text, left, right
        for _ in range(epochs):
            text, left, right = draw_text()
            seeing = (left + right).nonzero().flatten()
            yield seeing[torch.randperm(len(seeing), generator=generator)].split(batch_size)

    def step(batch: Tensor, size: float, worker: int) -> None:
        words = neighbours(text, left, right, window, batch)  # (n, 2w)
        present = (words >= 0).to(W.dtype).unsqueeze(2)  # (n, 2w, 1)
        words, path, code = words.clamp(min=0), paths[text[batch]].clamp(min=0), codes[text[batch]]
        share = present / present.sum(1, keepdim=True) if cbow else present
        h = W[words] * share  # (n, 2w, d)
        guesses = h.sum(1, keepdim=True) if cbow else h  # (n, 1, d) or (n, 2w, d), zeros where there is no neighbour
        _, d_guesses, d_u = path_loss(guesses, U[path], code)
        W.index_add_(0, words.flatten(), (d_guesses * share).flatten(0, 1), alpha=-size)
        here = (code >= 0) * (1 if cbow else present.sum(1))  # (n, longest): how many guesses pass each node
        meet = U.new_zeros(len(U)).index_add_(0, path.flatten(), here.to(U.dtype).flatten())  # (V - 1,)
        d_u *= BUSY / meet[path].clamp(min=BUSY).unsqueeze(2)  # (n, longest, d)
        U.index_add_(0, path.flatten(), d_u.flatten(0, 1), alpha=-size)

    descend(batches(), step, W, total=epochs, workers=workers, learning_rate=learning_rate)
