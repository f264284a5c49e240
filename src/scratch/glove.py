"""GloVe: vectors whose dot products are the logarithms of co-occurrence counts (Pennington et al. 2014, D14-1162)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from gensim.models import KeyedVectors
from scipy import sparse
from torch import Tensor

from scratch._arguments import at_least_1, positive, seed_value
from scratch.cooccurrence import cooccurrence, positive_cells
from scratch.windows import running_text
from scratch.word2vec import keyed_vectors

_CELLS_PER_ROW = 8  # how often the busiest row may come in one batch, on average


def weighting(counts: Tensor, x_max: float = 10.0) -> Tensor:
    """How much each cell counts in the loss: (x / x_max)^0.75, at most 1 (Pennington et al. 2014, Eq. 9).

    counts, any shape, none negative -> the same shape. Raises ValueError if `x_max` is not positive.

    >>> weighting(torch.tensor([0.0, 0.625, 10.0, 500.0]))
    tensor([0.0000, 0.1250, 1.0000, 1.0000])
    """
    return (torch.as_tensor(counts) / positive("x_max", x_max)).pow(0.75).clamp(max=1)


class GloVe:
    """Two vectors and two biases for every word, and for each of these numbers AdaGrad's sum of squared gradients.

    `words` and `contexts` (V, d) hold the vectors of each word as row and as column of the counts, `word_biases` and
    `context_biases` (V,) its biases; `tables` are these four, and `sums` holds a sum S for each of their numbers.

    >>> GloVe(vocab_size=5, dim=2).vectors().shape
    torch.Size([5, 2])

    Raises ValueError if a size is below 1 or `step_size` is not positive.
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        step_size: float = 0.05,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        vocab_size, dim = at_least_1("vocab_size", vocab_size), at_least_1("dim", dim)
        step_size = positive("step_size", step_size)
        start = (torch.rand(2, vocab_size, dim + 1, generator=generator, dtype=dtype) - 0.5) / (dim + 1)
        self.words, self.contexts = start[:, :, :dim].contiguous()  # (V, d) each
        self.word_biases, self.context_biases = start[:, :, dim].contiguous()  # (V,) each
        self.tables = self.words, self.contexts, self.word_biases, self.context_biases
        self.sums = [torch.full_like(table, step_size**-2) for table in self.tables]

    def step(self, i: Tensor, j: Tensor, log_counts: Tensor, weights: Tensor) -> Tensor:
        """Learn the cells of one batch, and return their loss before that, summed: Σ f (w·w̃ + b + b̃ - ln X)² / 2.

        i, j (n,): the rows and columns of the cells; log_counts (n,) and weights (n,): ln X and f(X) of each. Every
        cell takes its own step of AdaGrad, g / √S, and adds its own g² to S: what the released program does one cell
        after the other is done for the batch at once, which is the same if no word comes twice in it, and diverges if
        one comes too often. S begins at 1 / step_size², since the program takes its step size into the squares.
        """
        w, c = self.words.index_select(0, i), self.contexts.index_select(0, j)  # (n, d)
        biases = self.word_biases[i] + self.context_biases[j]  # (n,)
        error = (w * c).sum(1) + biases - log_counts  # (n,)
        slope = weights * error  # (n,) the derivative of the loss for w·w̃ + b + b̃
        loss = slope @ error / 2
        gradients = c.mul_(slope.unsqueeze(1)), w.mul_(slope.unsqueeze(1)), slope, slope
        every = zip(self.tables, self.sums, (i, j, i, j), gradients, strict=True)
        for table, S, rows, g in every:
            step = S.index_select(0, rows).rsqrt_().mul_(g)  # g / √S
            table.index_add_(0, rows, step, alpha=-1)
            S.index_add_(0, rows, g.square())
        return loss

    def vectors(self) -> Tensor:
        """The sum of each word's two vectors, (V, d), which is what the released program saves."""
        return self.words + self.contexts


def fit(
    counts: sparse.sparray,
    dim: int = 100,
    epochs: int = 15,
    seed: int = 0,
    *,
    x_max: float = 10.0,
    step_size: float = 0.05,
    dtype: torch.dtype = torch.float32,
    report: Callable[[int, float], None] | None = None,
) -> GloVe:
    """Learn the non-zero cells of `counts` (V, V) in random order, `epochs` times over.

    A batch is as large as it can be with the busiest row not more than about eight times in it. `report`, if given, is
    called after each epoch with its number and the mean loss of a cell. One processor gives the same vectors for the
    same seed; float64 keeps different ones together to more digits, float32 is faster.

    >>> losses = []
    >>> model = fit(cooccurrence([[0, 1, 2, 1]], 3), dim=2, epochs=200, report=lambda epoch, loss: losses.append(loss))
    >>> losses[-1] < losses[0] / 2
    True

    Raises ValueError if an argument is out of range, if a count is negative or not finite, or all are zero; TypeError
    if an argument is of the wrong kind; FloatingPointError if training diverges.
    """
    epochs, seed = at_least_1("epochs", epochs), seed_value("seed", seed)
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    cells = positive_cells(counts)
    rows, columns = (torch.from_numpy(place.astype("int64")) for place in cells.coords)  # (cells,)
    x = torch.from_numpy(cells.data)  # (cells,) all positive
    log_counts, weights = x.log().to(dtype), weighting(x, x_max).to(dtype)
    busiest = max(torch.bincount(place).max().item() for place in (rows, columns))
    batch_size = _CELLS_PER_ROW * len(x) // busiest
    hopeless = weights @ (log_counts.abs() + 1).square() / 2  # more than the loss of vectors that are all zero

    generator = torch.Generator().manual_seed(seed)
    model = GloVe(max(cells.shape), dim, step_size, generator, dtype)
    for epoch in range(1, epochs + 1):
        loss = torch.zeros((), dtype=dtype)
        for batch in torch.randperm(len(x), generator=generator).split(batch_size):
            loss += model.step(*(values.index_select(0, batch) for values in (rows, columns, log_counts, weights)))
        if not loss <= hopeless:  # NaN is not, either
            raise FloatingPointError(f"training diverged in epoch {epoch}: step_size must be smaller, got {step_size}")
        if report:
            report(epoch, loss.item() / len(x))
    return model


def train(
    sentences: Iterable[Iterable[str]],
    dim: int = 100,
    window: int = 10,
    min_count: int = 5,
    epochs: int = 15,
    seed: int = 0,
    **settings: Any,
) -> KeyedVectors:
    """Count, `fit`, and return W + W̃ as gensim `KeyedVectors`, the most frequent word first.

    sentences: lists of tokens. Words seen fewer than `min_count` times are taken out before windows are laid, as in the
    released program, whose settings for a corpus of some million words are the defaults here; `settings` are those of
    `fit`. A `<unk>` that stands in the text is a word like the others (the released program refuses it).

    >>> train([["the", "cat", "sat"]] * 5, dim=2).index_to_key
    ['cat', 'sat', 'the']

    Raises ValueError if an argument is out of range or if no two words are left in one sentence; TypeError if a
    sentence is a string or a size is no integer; FloatingPointError if training diverges.
    """
    counts, text, sentence_of = running_text(sentences, min_count)
    ids = text.split(sentence_of.unique_consecutive(return_counts=True)[1].tolist())
    cells = cooccurrence(ids, len(counts), window)
    if not cells.nnz:
        raise ValueError(f"min_count={min_count} leaves no two words in one sentence: there is nothing to count")
    return keyed_vectors(counts, fit(cells, dim, epochs, seed, **settings).vectors())
