"""Hierarchical softmax: a word is predicted turn by turn, on its way down a tree (Morin & Bengio 2005)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from scratch.hogwild import gather, scatter
from scratch.windows import neighbours, reach

BUSY = 32  # how many predictions at most add up at one node


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


class HierarchicalSoftmax:
    """A way to train the input table W (V, d) and the inner nodes U (V - 1, d), in place, by `scratch.hogwild.descend`.

    tree: the codes and paths of `scratch.huffman.huffman`. Each neighbour, or with `cbow` their mean, predicts the
    centre. The steps of a batch of `batch_size` centres add up; but the nodes near the root lie on nearly all paths,
    and where more than `BUSY` predictions meet at a node, it takes `BUSY` times their mean.
    """

    def __init__(
        self,
        W: Tensor,
        U: Tensor,
        tree: tuple[Tensor, Tensor],
        *,
        cbow: bool,
        batch_size: int,
        generator: torch.Generator,
    ):
        self.W, self.U, self.cbow = W, U, cbow
        self.codes, self.paths = tree
        self.batch_size, self.generator = batch_size, generator

    def batches(self, text: Tensor, left: Tensor, right: Tensor) -> list[tuple[Tensor, Tensor, Tensor, int, Tensor]]:
        """Put an epoch's centres, those that see a word, into batches, in random order.

        text (n,): ids; left, right (n,): how many neighbours each word sees, as `scratch.windows.sample` returns them.
        """
        seeing = (left + right).nonzero().flatten()
        order = seeing[torch.randperm(len(seeing), generator=self.generator)]
        w = reach(left, right)
        return [(text, left, right, w, places) for places in order.split(self.batch_size)]

    def step(self, batch: tuple[Tensor, Tensor, Tensor, int, Tensor], size: float) -> None:
        W, U, (text, left, right, w, places) = self.W, self.U, batch
        words = neighbours(text, left, right, w, places)  # (n, 2w)
        present = (words >= 0).to(W.dtype).unsqueeze(2)  # (n, 2w, 1)
        centres, words = text[places], words.clamp(min=0)
        path, code = self.paths[centres].clamp(min=0), self.codes[centres]  # (n, longest), (n, longest)
        share = present / present.sum(1, keepdim=True) if self.cbow else present
        h = gather(W, words) * share  # (n, 2w, d)
        guesses = h.sum(1, keepdim=True) if self.cbow else h  # (n, 1, d) or (n, 2w, d), zeros without a neighbour
        _, d_guesses, d_u = path_loss(guesses, gather(U, path), code)
        scatter(W, words, d_guesses.mul_(-size) * share)
        here = (code >= 0) * (1 if self.cbow else present.sum(1))  # (n, longest): how many guesses pass each node
        meet = U.new_zeros(len(U)).index_add_(0, path.flatten(), here.to(U.dtype).flatten())  # (V - 1,)
        d_u *= -size * BUSY / meet[path].clamp(min=BUSY).unsqueeze(2)  # (n, longest, d)
        scatter(U, path, d_u)
