"""Negative sampling, fast: skip-gram and CBOW on blocks of running text, each step a few matrix products.

The loss is Mikolov et al.'s (arXiv 1310.4546, Eq. 4). That a window's neighbours share their negatives, so that matrix
products do the work, is Ji et al.'s idea (arXiv 1604.04661); here a block of consecutive centres shares them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from scratch.hogwild import gather, scatter

BLOCK = 32  # L consecutive centres make a block,
SHARED = {"skip-gram": 32, "cbow": 16}  # and share N negatives: fewer in CBOW, where a centre is one pair only


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
        window: int,
        negative: int,
        batch_size: int,
        generator: torch.Generator,
    ):
        self.W, self.U, self.cbow, self.window, self.generator = W, U, cbow, window, generator
        self.blocks_a_batch = max(1, batch_size // BLOCK)
        self.shared = SHARED["cbow" if cbow else "skip-gram"]
        chance = (noise.double() / noise.double().sum()).cumsum(0)  # (V,)
        self.noise_table = torch.searchsorted(chance, (torch.arange(2**20, dtype=torch.float64) + 0.5) / 2**20)

        # For each number of neighbours on the left, on the right, and each centre of a block: the places it sees.
        reach = torch.arange(window + 1)
        distance = torch.arange(BLOCK + 2 * window) - window - torch.arange(BLOCK).unsqueeze(1)  # (L, L + 2w)
        sees = (distance >= -reach.view(-1, 1, 1, 1)) & (distance <= reach.view(-1, 1, 1)) & (distance != 0)
        sees = sees.flatten(0, 2).to(W.dtype)  # (rows, L + 2w), with rows = (w + 1)² L
        pairs = sees.sum(1, keepdim=True)  # (rows, 1)
        weight = negative / self.shared
        if cbow:  # one pair for each centre, of the mean of what it sees and itself
            self.bands = sees / pairs.clamp(min=1)  # (rows, L + 2w)
            self.label = pad(torch.eye(BLOCK, dtype=W.dtype), (0, self.shared))  # (L, L + N)
            self.weight = pad(self.label[:, :BLOCK], (0, self.shared), value=weight)  # (L, L + N)
        else:  # a pair for each place that a centre sees
            self.bands = torch.cat([sees, (pairs * weight).expand(-1, self.shared)], 1)  # (rows, L + 2w + N)
            self.label = pad(torch.ones(BLOCK + 2 * window, dtype=W.dtype), (0, self.shared))  # (L + 2w + N,)

    def batches(self, text: Tensor, left: Tensor, right: Tensor) -> list[tuple[Tensor, ...]]:
        """Cut an epoch's text into blocks, and put these into batches, in random order: a text repeats itself locally.

        text (n,): ids; left, right (n,): how many neighbours each word sees, as `scratch.windows.sample` returns them.
        """
        blocks, w = len(text) // BLOCK + 1, self.window
        fill = blocks * BLOCK - len(text)  # the last block is filled up with centres that see nothing
        order = torch.randperm(blocks, generator=self.generator)
        words = pad(text, (w, w + fill)).unfold(0, BLOCK + 2 * w, BLOCK)[order]  # (blocks, L + 2w)
        views = pad((w + 1) * left + right, (0, fill)).view(blocks, BLOCK)[order]  # (blocks, L)
        views = views * BLOCK + torch.arange(BLOCK)  # rows of the bands
        places = torch.randint(len(self.noise_table), (blocks, self.shared), generator=self.generator)
        drawn = self.noise_table[places]  # (blocks, N)
        centres = words[:, w:-w].contiguous()  # (blocks, L)
        given, others = (words, centres) if self.cbow else (centres, words)
        tables = given, views, torch.cat([others, drawn], 1)
        return list(zip(*(table.split(self.blocks_a_batch) for table in tables), strict=True))

    def step(self, batch: tuple[Tensor, ...], size: float) -> None:
        given, views, others = batch
        band = gather(self.bands, views)
        if self.cbow:
            cbow_step(self.W, self.U, given, band, others, self.label, self.weight, size)
        else:
            skip_gram_step(self.W, self.U, given, others, self.label, band, size)


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
