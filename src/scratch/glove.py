"""GloVe: vectors whose dot products are the logarithms of co-occurrence counts (Pennington et al. 2014, D14-1162)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from gensim.models import KeyedVectors
from scipy import sparse
from torch import Tensor

from scratch._arguments import at_least_1
from scratch.cooccurrence import cooccurrence
from scratch.text import Vocabulary
from scratch.word2vec import keyed_vectors

_CELLS_PER_ROW = 8  # how often the busiest row may come in one batch, on average


def weighting(counts: Tensor, x_max: float = 10.0) -> Tensor:
    """How much each cell counts in the loss: (x / x_max)^0.75, at most 1 (Pennington et al. 2014, Eq. 9).

    counts, any shape -> the same shape. Raises ValueError if `x_max` is not positive.

    >>> weighting(torch.tensor([0.0, 0.625, 10.0, 500.0]))
    tensor([0.0000, 0.1250, 1.0000, 1.0000])
    """
    if not x_max > 0:
        raise ValueError(f"x_max must be positive, got {x_max}")
    return (counts / x_max).pow(0.75).clamp(max=1)


class GloVe:
    """Two vectors and two biases for every word, and for each of these numbers AdaGrad's sum of squared gradients.

    A word's row in `words` (V, d + 2) is its vector, its bias and a 1; its row in `contexts` (V, d + 2) is its other
    vector, a 1 and its other bias. So the dot product of a row of each holds both biases. The sums S,
    `moved_words` and `moved_contexts`, have the same shapes; they are infinite for the ones, which so never move.
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        step_size: float = 0.05,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        vocab_size, self.dim = at_least_1("vocab_size", vocab_size), at_least_1("dim", dim)
        if not step_size > 0:
            raise ValueError(f"step_size must be positive, got {step_size}")
        size = vocab_size, dim + 2
        self.words = (torch.rand(size, generator=generator, dtype=dtype) - 0.5) / (dim + 1)
        self.contexts = (torch.rand(size, generator=generator, dtype=dtype) - 0.5) / (dim + 1)
        self.moved_words, self.moved_contexts = torch.full((2, *size), step_size**-2, dtype=dtype)
        self.words[:, dim + 1] = self.contexts[:, dim] = 1
        self.moved_words[:, dim + 1] = self.moved_contexts[:, dim] = math.inf

    def step(self, i: Tensor, j: Tensor, log_counts: Tensor, weights: Tensor) -> Tensor:
        """Learn the cells of one batch, and return their loss before that, summed: Σ f (w·w̃ + b + b̃ - ln X)² / 2.

        i, j (n,): the rows and columns of the cells; log_counts (n,) and weights (n,): ln X and f(X) of each. Every
        cell takes its own step of AdaGrad, g / √S, and adds its own g² to S: what the released program does one cell
        after the other is done for the batch at once, which is the same if no word comes twice in it, and diverges if
        one comes too often. S begins at 1 / step_size², since the program takes its step size into the squares.
        """
        word, context = self.words.index_select(0, i), self.contexts.index_select(0, j)  # (n, d + 2)
        error = (word * context).sum(1) - log_counts  # (n,)
        slope = (weights * error).unsqueeze(1)  # (n, 1) the loss's derivative for each dot product
        loss = slope.squeeze(1) @ error / 2
        to_word, to_context = context.mul_(slope), word.mul_(slope)  # (n, d + 2) the gradients g, in place
        for table, moved, rows, g in (
            (self.words, self.moved_words, i, to_word),
            (self.contexts, self.moved_contexts, j, to_context),
        ):
            table.index_add_(0, rows, moved.index_select(0, rows).rsqrt_().mul_(g), alpha=-1)
            moved.index_add_(0, rows, g.square_())
        return loss

    def vectors(self) -> Tensor:
        """The sum of each word's two vectors, (V, d), which is what the released program saves."""
        return self.words[:, : self.dim] + self.contexts[:, : self.dim]


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
    called after each epoch with its number and the mean loss of a cell. In float64 the same seed gives the same
    vectors, to the digits one would print, on every processor; float32 is faster.

    >>> model = fit(cooccurrence([[0, 1, 2, 1]], vocab_size=3), dim=2, epochs=200)
    >>> model.words.shape
    torch.Size([3, 4])

    Raises ValueError if an argument is out of range, or if a count is negative or all are zero; FloatingPointError if
    training diverges.
    """
    at_least_1("epochs", epochs)
    cells = sparse.coo_array(counts, dtype="float64")
    cells.sum_duplicates()
    cells.eliminate_zeros()
    if not (cells.nnz and cells.data.min() > 0):
        raise ValueError(f"counts must not be negative, and not all zero, got {cells.nnz} cells that are not zero")
    rows, columns = (torch.from_numpy(place.astype("int64")) for place in cells.coords)  # (cells,)
    x = torch.from_numpy(cells.data)  # (cells,) all positive
    log_counts, weights = x.log().to(dtype), weighting(x, x_max).to(dtype)
    busiest = max(torch.bincount(place).max().item() for place in (rows, columns))
    batch_size = _CELLS_PER_ROW * len(x) // busiest
    hopeless = weights @ (log_counts.abs() + 1).square() / 2  # more than the loss of vectors that are all zero

    generator = torch.Generator().manual_seed(seed)
    model = GloVe(max(cells.shape), dim, step_size, generator, dtype)
    for epoch in range(1, epochs + 1):
        loss = 0.0
        for batch in torch.randperm(len(x), generator=generator).split(batch_size):
            loss += model.step(*(values.index_select(0, batch) for values in (rows, columns, log_counts, weights)))
        if not loss <= hopeless:  # NaN is not, either
            raise FloatingPointError(f"training diverged in epoch {epoch}: step_size must be smaller, got {step_size}")
        if report:
            report(epoch, loss.item() / len(x))
    return model


def train(
    sentences: Iterable[Sequence[str]],
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
    `fit`.

    Raises ValueError if an argument is out of range or if no two words are left in one sentence; TypeError if a
    sentence is a string or a size is no integer; FloatingPointError if training diverges.
    """
    sentences = list(sentences)  # they are read twice
    if any(isinstance(sentence, str) for sentence in sentences):
        raise TypeError("sentences must be lists of tokens, got a str among them: call tokenize on it first")
    counts = Vocabulary.from_tokens((word for sentence in sentences for word in sentence), min_count).counts
    index = {word: i for i, word in enumerate(counts)}
    ids = ([index[word] for word in sentence if word in index] for sentence in sentences)
    cells = cooccurrence(ids, max(1, len(counts)), window)
    if not cells.nnz:
        raise ValueError(f"min_count={min_count} leaves no two words in one sentence: there is nothing to count")
    return keyed_vectors(counts, fit(cells, dim, epochs, seed, **settings).vectors())
