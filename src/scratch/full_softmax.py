"""The full softmax of word2vec: every word of the vocabulary has a say in each guess (arXiv 1301.3781, 1310.4546)."""

from __future__ import annotations

import torch
from torch import Tensor

from scratch._arguments import ids_below
from scratch.hogwild import gather, scatter
from scratch.windows import neighbours, reach


@torch.no_grad()
def softmax_loss(hidden: Tensor, output: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of the full softmax, summed over all targets, and its gradient in closed form.

    hidden (n, d), output (V, d), targets (n, m): ids of the words to be predicted from each hidden vector, -1 where
    there is none. Returns the loss (), its gradient for `hidden` (n, d) and its gradient for `output` (V, d). Raises
    IndexError for a target below -1 or above V - 1.

    >>> loss, _, d_output = softmax_loss(torch.ones(1, 1), torch.zeros(2, 1), torch.tensor([[1, -1]]))
    >>> loss, d_output  # one guess between two words: word 1 is pulled up, word 0 pushed down
    (tensor(0.6931), tensor([[ 0.5000],
            [-0.5000]]))
    """
    targets = ids_below("targets", targets, len(output), least=-1)
    present = (targets >= 0).to(hidden.dtype)  # (n, m)
    ids = targets.clamp(min=0)  # (n, m)
    scores = hidden @ output.T  # (n, V)
    scores -= scores.amax(1, keepdim=True)  # so that no power is infinite
    wanted = scores.gather(1, ids)  # (n, m)
    powers = scores.exp_()
    total = powers.sum(1, keepdim=True)  # (n, 1)
    loss = (present * (total.log() - wanted)).sum()
    error = powers.mul_(present.sum(1, keepdim=True) / total)  # what is expected
    error.scatter_add_(1, ids, -present)  # minus what is there
    return loss, error @ output, error.T @ hidden


class FullSoftmax:
    """A way to train the input table W (V, d) and the output table U (V, d), in place, by `scratch.hogwild.descend`.

    A step is one of Adam (Kingma & Ba 2015, arXiv 1412.6980), on the mean loss of `batch_size` centres: each predicts
    its neighbours or, with `cbow`, is predicted from their mean.
    """

    def __init__(self, W: Tensor, U: Tensor, *, cbow: bool, batch_size: int, generator: torch.Generator):
        self.W, self.U, self.cbow, self.batch_size, self.generator = W, U, cbow, batch_size, generator
        self.optimizer = torch.optim.Adam([W, U], fused=True)

    def batches(self, text: Tensor, left: Tensor, right: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Put an epoch's centres (n,), those that see a word, and their contexts (n, 2w) into batches, in random order.

        text (n,): ids; left, right (n,): how many neighbours each word sees, as `scratch.windows.sample` returns them.
        """
        seeing = (left + right).nonzero().flatten()
        order = seeing[torch.randperm(len(seeing), generator=self.generator)]
        w = reach(left, right)
        places = order.split(self.batch_size) if len(order) else ()
        return [(text[p], neighbours(text, left, right, w, p)) for p in places]

    def step(self, batch: tuple[Tensor, Tensor], size: float) -> None:
        W, U, (centres, contexts) = self.W, self.U, batch
        present = (contexts >= 0).to(W.dtype).unsqueeze(2)  # (n, 2w, 1)
        words = contexts.clamp(min=0)
        if self.cbow:
            share = present / present.sum(1, keepdim=True)  # (n, 2w, 1) of each word in the mean
            hidden, targets = (gather(W, words) * share).sum(1), centres.unsqueeze(1)  # (n, d), (n, 1)
        else:
            hidden, targets = gather(W, centres), contexts  # (n, d), (n, 2w)
        _, d_hidden, d_U = softmax_loss(hidden, U, targets)
        d_W = torch.zeros_like(W)
        if self.cbow:
            scatter(d_W, words, d_hidden.unsqueeze(1) * share)
        else:
            scatter(d_W, centres, d_hidden)
        W.grad, U.grad = d_W / len(centres), d_U / len(centres)
        self.optimizer.param_groups[0]["lr"] = size
        self.optimizer.step()
