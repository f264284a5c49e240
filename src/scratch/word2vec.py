"""Word2vec: skip-gram and CBOW (Mikolov et al. 2013, arXiv 1301.3781), with three losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from scratch._arguments import at_least, at_least_1, ids_below, positive, real, seed_value
from scratch.full_softmax import FullSoftmax
from scratch.full_softmax import softmax_loss as softmax_loss  # it belongs to word2vec: found here as well
from scratch.hierarchical_softmax import HierarchicalSoftmax
from scratch.hogwild import descend
from scratch.huffman import huffman
from scratch.negative_sampling import NegativeSampling
from scratch.windows import keep_probability, running_text, sample

MEETINGS = {"skip-gram": 2.5, "cbow": 5.0}  # how many times, in the batches at work at once, a word may meet itself
LEARNING_RATES = {"negative": (0.025, 0.1), "hierarchical": (0.025, 0.05), "softmax": (0.02, 0.02)}  # skip-gram, CBOW


class _TwoTables(nn.Module):
    """What both architectures are made of: two vectors for every word, one as input and one as output."""

    def __init__(self, vocab_size: int, dim: int, generator: torch.Generator | None = None):
        super().__init__()
        vocab_size, dim = at_least_1("vocab_size", vocab_size), at_least_1("dim", dim)
        self.input = nn.Parameter((torch.rand(vocab_size, dim, generator=generator) - 0.5) / dim)  # (V, d)
        self.output = nn.Parameter(torch.zeros(vocab_size, dim))  # (V, d)


class SkipGram(_TwoTables):
    """Predict a word's neighbours from the word."""

    def hidden(self, centres: Tensor) -> Tensor:
        """centres (n,) ids -> (n, d): the centre's input vector."""
        return self.input[ids_below("centres", centres, len(self.input))]

    def forward(self, centres: Tensor) -> Tensor:
        """centres (n,) ids -> (n, V): a score for every word as a neighbour; softmax makes them probabilities."""
        return self.hidden(centres) @ self.output.T


class CBOW(_TwoTables):
    """Predict a word from the mean of its neighbours (a continuous bag of words)."""

    def hidden(self, contexts: Tensor) -> Tensor:
        """contexts (n, c) ids, -1 where there is no word -> (n, d): the mean of the neighbours' input vectors."""
        contexts = ids_below("contexts", contexts, len(self.input), least=-1)
        present = (contexts >= 0).unsqueeze(2)  # (n, c, 1)
        total = (self.input[contexts.clamp(min=0)] * present).sum(1)  # (n, d)
        return total / present.sum(1).clamp(min=1)

    def forward(self, contexts: Tensor) -> Tensor:
        """contexts (n, c) ids, -1 where there is no word -> (n, V): a score for every word as the centre."""
        return self.hidden(contexts) @ self.output.T


def train(
    sentences: Iterable[Iterable[str]],
    architecture: str = "skip-gram",
    loss: str = "negative",
    dim: int = 100,
    window: int = 5,
    negative: int = 5,
    subsample: float = 1e-3,
    min_count: int = 5,
    epochs: int = 5,
    workers: int = 1,
    seed: int = 0,
    *,
    power: float = 0.75,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> KeyedVectors:
    """Train word vectors, and return the input table as gensim `KeyedVectors`, the most frequent word first.

    sentences: lists of tokens, read once. architecture: "skip-gram" or "cbow". loss: "negative", against `negative`
    words drawn with the chance count ** `power`; "hierarchical", along the paths of Huffman's tree; "softmax", over the
    whole vocabulary, so that a step's cost grows with it. The vocabulary are the words seen at least `min_count` times.

    As in the original program, each epoch drops a word whose share of the corpus is f unless chance, with probability
    √(subsample / f) + subsample / f, keeps it (0: keeps all), and each centre sees a radius drawn from 1 … window.
    CBOW has the gradient of the mean, which the original program has not. Steps are taken on `batch_size` centres in
    random order, and fall linearly from `learning_rate` to 0: "softmax" by Adam on the mean loss of, by default, 512
    centres; the others by plain gradient descent, in `workers` threads, on the summed loss of as many, at most 2,048,
    that a word is expected to meet itself among them 1.25 times in skip-gram, 2.5 times in CBOW (training diverges at
    about three times as many; with more than two workers, whose batches meet, they are smaller). With one worker the
    same seed gives the same vectors; with `dtype=torch.float64`, to the digits one prints, on the processors tried.

    Raises ValueError if an argument is out of range, if no word is seen `min_count` times, or if subsampling leaves no
    word with a neighbour in any epoch; TypeError if a sentence is a string or a size is no integer; FloatingPointError
    if training diverges.
    """
    if architecture not in MEETINGS:
        raise ValueError(f"architecture must be 'skip-gram' or 'cbow', got {architecture!r}")
    if loss not in LEARNING_RATES:
        raise ValueError(f"loss must be one of {', '.join(map(repr, LEARNING_RATES))}, got {loss!r}")
    dim, window, epochs = at_least_1("dim", dim), at_least_1("window", window), at_least_1("epochs", epochs)
    workers, negative = at_least_1("workers", workers), at_least("negative", negative, int(loss == "negative"))
    if loss == "softmax" and workers > 1:
        raise ValueError(f"workers must be 1 with loss='softmax', got {workers}")
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    subsample, power = _not_negative("subsample", subsample), _not_negative("power", power)
    cbow = architecture == "cbow"
    size = positive("learning_rate", LEARNING_RATES[loss][cbow] if learning_rate is None else learning_rate)
    generator = torch.Generator().manual_seed(seed_value("seed", seed))

    counts, text, sentence = running_text(sentences, min_count)  # V words, and the places (n,), (n,) that hold them
    count = torch.tensor(list(counts.values()))  # (V,)
    keep = keep_probability(count, subsample)  # (V,)
    if batch_size is None:
        batch_size = 512 if loss == "softmax" else _batch_size(count * keep, MEETINGS[architecture], workers)
    model = (CBOW if cbow else SkipGram)(len(counts), dim, generator).to(dtype)
    W, U = model.input.data, model.output.data  # (V, d), (V, d)
    batch_size = min(at_least_1("batch_size", batch_size), len(text))
    way: NegativeSampling | HierarchicalSoftmax | FullSoftmax
    if loss == "negative":
        noise = _noise(count, power)
        way = NegativeSampling(W, U, noise, negative=negative, cbow=cbow, batch_size=batch_size, generator=generator)
    elif loss == "hierarchical":
        nodes = U[: max(len(U) - 1, 1)]  # (V - 1, d)
        way = HierarchicalSoftmax(W, nodes, huffman(count), cbow=cbow, batch_size=batch_size, generator=generator)
    else:
        way = FullSoftmax(W, U, cbow=cbow, batch_size=batch_size, generator=generator)

    seen = 0  # neighbours, in all epochs

    def batches_of_epochs() -> Iterator[list]:
        nonlocal seen
        for _ in range(epochs):
            drawn, left, right = sample(text, sentence, keep, window, generator)
            seen += int(left.sum() + right.sum())
            yield way.batches(drawn, left, right)

    named = f", negative={negative}," if loss == "negative" else ""
    descend(batches_of_epochs(), way.step, W, total=epochs, workers=workers, learning_rate=size, or_lower=named)
    if not seen:
        raise ValueError(f"subsample={subsample} left no word with a neighbour: these sentences need subsample=0")
    return keyed_vectors(counts, W)


def keyed_vectors(counts: Mapping[str, int], table: Tensor | np.ndarray) -> KeyedVectors:
    """Word vectors as gensim's `KeyedVectors`: table (V, d) has a row for each word of `counts`, in the same order.

    >>> keyed_vectors({"the": 2, "cat": 1}, torch.eye(2)).most_similar("cat")
    [('the', 0.0)]

    Raises ValueError if `table` has not as many rows as `counts` has words.
    """
    table = torch.as_tensor(table)
    if table.ndim != 2 or len(table) != len(counts):
        raise ValueError(f"table must have the shape (V = {len(counts)}, d), got {tuple(table.shape)}")
    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(list(counts), table.detach().cpu().float().numpy())
    for word, count in counts.items():
        vectors.set_vecattr(word, "count", count)
    return vectors


def _batch_size(kept: Tensor, meetings: float, workers: int) -> int:
    """How many centres make a batch, if an epoch keeps the words so often (V,); the docstring above says why."""
    share = kept / kept.sum()  # (V,) of all words, after subsampling
    same = share.square().sum().item()  # the chance that two of them are the same word
    return min(2048, math.ceil(meetings / same / max(workers, 2)))


def _noise(count: Tensor, power: float) -> Tensor:
    noise = count**power  # (V,)
    if not noise.sum().isfinite():
        raise ValueError(f"power must leave count ** power finite, got {power}")
    return noise


def _not_negative(name: str, value: float) -> float:
    if not 0 <= real(name, value) < math.inf:
        raise ValueError(f"{name} must be 0 or positive, and finite, got {value}")
    return float(value)
