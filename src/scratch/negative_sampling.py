"""Negative sampling, fast: skip-gram and CBOW on blocks of running text, each step a few matrix products.

The loss is Mikolov et al.'s (arXiv 1310.4546, Eq. 4). That a window's neighbours share their negatives, so that matrix
products do the work, is Ji et al.'s idea (arXiv 1604.04661); here a block of consecutive centres shares them. What a
step does is first written out pair by pair, in `plain_loss`; the rest of the file does the same in few operations.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, pad

from scratch.hogwild import gather, scatter
from scratch.windows import reach

BLOCK = 32  # L consecutive centres make a block,
SHARED = {"skip-gram": 32, "cbow": 16}  # and share N negatives: fewer in CBOW, where a centre is one pair only
CELLS = 2**20  # of the noise table: a word with a smaller share of the noise than 1 / CELLS may have none
NARROW = 16  # for windows up to this, the weights come out of a table


def plain_loss(W: Tensor, U: Tensor, batch: tuple[Tensor, ...], *, cbow: bool, negative: int) -> Tensor:
    """The loss of a batch of blocks, pair by pair: slow, and what `NegativeSampling.step` goes down.

    W, U (V, d): the tables; batch: words (b, w + L + w), the L centres of each block with the w words before and after
    them; left, right (b, L): how many neighbours each centre sees; drawn (b, N): the negatives of each block, which
    count as much as `negative` for each pair. Returns the sum over all pairs ().
    """
    loss = W.new_zeros(())
    for words, left, right, drawn in zip(*batch, strict=True):
        w = (len(words) - len(left)) // 2
        for t, (before, after) in enumerate(zip(left, right, strict=True), start=w):  # the centre stands at place t
            around = torch.cat([words[t - before : t], words[t + 1 : t + 1 + after]])
            if cbow:  # the mean of the neighbours predicts the centre
                pairs = [(W[around].mean(0), words[t])] if len(around) else []
            else:  # the centre predicts each neighbour
                pairs = [(W[words[t]], o) for o in around]
            for h, o in pairs:
                loss = loss - logsigmoid(U[o] @ h) - negative / len(drawn) * logsigmoid(-U[drawn] @ h).sum()
    return loss


class NegativeSampling:
    """A way to train the input table W (V, d) and the output table U (V, d), in place, by `scratch.hogwild.descend`.

    noise (V,): how often each word is drawn as a negative, up to a factor. A block's negatives count as much as
    `negative` draws for each pair. The steps of a batch of `batch_size` centres add up. What is drawn depends on
    `generator` alone.
    """

    def __init__(
        self,
        W: Tensor,
        U: Tensor,
        noise: Tensor,
        *,
        cbow: bool,
        negative: int,
        batch_size: int,
        generator: torch.Generator,
    ):
        self.W, self.U, self.cbow, self.negative, self.generator = W, U, cbow, negative, generator
        self.blocks_a_batch = max(1, batch_size // BLOCK)
        self.shared = SHARED["cbow" if cbow else "skip-gram"]  # N
        self.tables: dict[int, Tensor] = {}
        ends = (noise.double() / noise.double().sum()).cumsum(0)  # (V,) where each word's part of the table ends
        self.noise_table = torch.searchsorted(ends, (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS)

    def batches(self, text: Tensor, left: Tensor, right: Tensor) -> list[tuple[Tensor, ...]]:
        """Cut an epoch's text into blocks, and put these into batches, in random order: a text repeats itself locally.

        text (n,): ids; left, right (n,): how many neighbours each word sees, as `scratch.windows.sample` returns them.
        A batch is what `plain_loss` says, with w the most that a word of this text sees on a side.
        """
        blocks, w = len(text) // BLOCK + 1, reach(left, right)
        fill = blocks * BLOCK - len(text)  # the last block is filled up with centres that see nothing
        order = torch.randperm(blocks, generator=self.generator)
        words = pad(text, (w, w + fill)).unfold(0, w + BLOCK + w, BLOCK)[order]  # (blocks, w + L + w)
        sides = [pad(side, (0, fill)).view(blocks, BLOCK)[order] for side in (left, right)]  # (blocks, L)
        cells = torch.randint(CELLS, (blocks, self.shared), generator=self.generator)
        drawn = self.noise_table[cells]  # (blocks, N)
        return list(zip(*(part.split(self.blocks_a_batch) for part in (words, *sides, drawn)), strict=True))

    def step(self, batch: tuple[Tensor, ...], size: float) -> None:
        W, U, (words, left, right, drawn) = self.W, self.U, batch
        w = (words.shape[1] - BLOCK) // 2
        centres = words[:, w : w + BLOCK].contiguous()  # (b, L)
        weight = self._looked_up(left, right, w) if w <= NARROW else self.weights(left, right, w)
        if self.cbow:  # a mean is paired with its own centre only
            label = pad(torch.eye(BLOCK, dtype=W.dtype), (0, self.shared))  # (L, L + N)
            pairs = pad(label[:, :BLOCK], (0, self.shared), value=self.negative / self.shared)  # (L, L + N)
            cbow_step(W, U, words, weight, torch.cat([centres, drawn], 1), label, pairs, size)
        else:
            label = pad(torch.ones(words.shape[1], dtype=W.dtype), (0, self.shared))  # (w + L + w + N,)
            skip_gram_step(W, U, centres, torch.cat([words, drawn], 1), label, weight, size)

    def weights(self, left: Tensor, right: Tensor, w: int) -> Tensor:
        """How much each word of a block counts for each of its centres.

        left, right (b, L): how many neighbours each centre sees, at most w. In CBOW each word's share in the centre's
        mean (b, L, w + L + w); in skip-gram 1 for each neighbour, and behind them the weights of the block's
        negatives (b, L, w + L + w + N).
        """
        sees = band(left, right, w, self.W.dtype)  # (b, L, w + L + w)
        neighbours = (left + right).to(self.W.dtype).unsqueeze(2)  # (b, L, 1)
        if self.cbow:
            return sees.div_(neighbours.clamp(min=1))
        return torch.cat([sees, (neighbours * self.negative / self.shared).expand(-1, -1, self.shared)], 2)

    def _looked_up(self, left: Tensor, right: Tensor, w: int) -> Tensor:
        """The same, out of a table of all there are, which is faster and has (w + 1)² L rows."""
        if w not in self.tables:
            sides = torch.cartesian_prod(torch.arange(w + 1), torch.arange(w + 1)).unsqueeze(1)  # ((w + 1)², 1, 2)
            before, after = sides.expand(-1, BLOCK, -1).unbind(2)
            self.tables[w] = self.weights(before, after, w).flatten(0, 1)
        rows = ((w + 1) * left + right) * BLOCK + torch.arange(BLOCK)  # (b, L)
        return self.tables[w].index_select(0, rows.flatten()).unflatten(0, rows.shape)


def band(left: Tensor, right: Tensor, w: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Which of the w + L + w words of a block each of its L centres sees.

    left, right (b, L): how many neighbours each centre sees, at most w. Returns (b, L, w + L + w): 1 where it does.

    >>> band(torch.tensor([[0, 1, 1]]), torch.tensor([[1, 1, 0]]), w=1)[0]
    tensor([[0., 0., 1., 0., 0.],
            [0., 1., 0., 1., 0.],
            [0., 0., 1., 0., 0.]])
    """
    distance = _distances(left.shape[1], w, dtype)
    left, right = left.to(dtype).unsqueeze(2), right.to(dtype).unsqueeze(2)  # (b, L, 1)
    within = torch.minimum(left + distance, right - distance)  # (b, L, w + L + w) how far inside the window, from 0 on
    return within.add_(1).clamp_(0, 1)


@cache
def _distances(L: int, w: int, dtype: torch.dtype) -> Tensor:
    """From each of L centres to the w + L + w words of its block: (L, w + L + w), and to itself out of sight."""
    distance = torch.arange(w + L + w, dtype=dtype) - w - torch.arange(L, dtype=dtype).unsqueeze(1)
    distance.diagonal(w).fill_(torch.inf)
    return distance


def skip_gram_step(
    W: Tensor, U: Tensor, centres: Tensor, others: Tensor, label: Tensor, weight: Tensor, size: float
) -> None:
    """One step of gradient descent for b blocks, in which each of L centres is paired with each of m other words.

    centres (b, L) and others (b, m): ids; label (m,): 1 for words of the text, 0 for negatives; weight (b, L, m): how
    much a pair counts, 0 if the centre does not see the word; size: the step's size.

    >>> W, U = torch.eye(2), torch.zeros(2, 2)
    >>> centres, others, label = torch.tensor([[0]]), torch.tensor([[1, 0]]), torch.tensor([1, 0])
    >>> skip_gram_step(W, U, centres, others, label, weight=torch.ones(1, 1, 2), size=1)
    >>> U  # word 1 is pulled towards the centre's vector, and word 0, a negative, pushed away
    tensor([[-0.5000,  0.0000],
            [ 0.5000,  0.0000]])
    """
    h, u = gather(W, centres), gather(U, others)  # (b, L, d), (b, m, d)
    error = (h @ u.mT).sigmoid_().sub_(label).mul_(weight)  # (b, L, m)
    scatter(W, centres, error.mul_(-size) @ u)
    scatter(U, others, error.mT @ h)


def cbow_step(
    W: Tensor, U: Tensor, words: Tensor, mean: Tensor, others: Tensor, label: Tensor, weight: Tensor, size: float
) -> None:
    """The same for CBOW, where each of L means of words is paired with each of m other words.

    words (b, c): ids; mean (b, L, c): the share of each in each mean, all zeros for an empty one; others (b, m): ids;
    label and weight (L, m).
    """
    h, u = mean @ gather(W, words), gather(U, others)  # (b, L, d), (b, m, d)
    error = (h @ u.mT).sigmoid_().sub_(label).mul_(weight)  # (b, L, m)
    scatter(W, words, mean.mT @ (error.mul_(-size) @ u))
    scatter(U, others, error.mT @ h)
