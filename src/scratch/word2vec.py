"""Word2vec: skip-gram and CBOW (Mikolov et al. 2013, arXiv 1301.3781), with three losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat

import numpy as np
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from scratch._arguments import at_least_1, ids_below
from scratch.hierarchical_softmax import HierarchicalSoftmax
from scratch.hogwild import descend
from scratch.huffman import huffman
from scratch.negative_sampling import NegativeSampling
from scratch.text import Vocabulary
from scratch.windows import keep_probability, neighbours, sample

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


@torch.no_grad()
def softmax_loss(hidden: Tensor, output: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of the full softmax, summed over all targets, and its gradient in closed form.

    hidden (n, d), output (V, d), targets (n, m): ids of the words to be predicted from each hidden vector, -1 where
    there is none. Returns the loss (), its gradient for `hidden` (n, d) and its gradient for `output` (V, d). Raises
    IndexError for a target below -1 or above V - 1.
    """
    targets = ids_below("targets", targets, len(output), least=-1)
    present = targets >= 0  # (n, m)
    words = targets.clamp(min=0)  # any id will do where there is none: its share below is zero
    log_p = (hidden @ output.T).log_softmax(1)  # (n, V)
    loss = -log_p.gather(1, words)[present].sum()
    error = log_p.exp_().mul_(present.sum(1, keepdim=True))  # (n, V): what the model expects to see …
    error.scatter_add_(1, words, -present.to(error.dtype))  # … minus what was there
    return loss, error @ output, error.T @ hidden


def train(
    sentences: Iterable[Sequence[str]],
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

    sentences: lists of tokens. architecture: "skip-gram" or "cbow". loss: "negative", against `negative` words drawn
    with the chance count ** `power`; "hierarchical", along the paths of Huffman's tree; "softmax", over the whole
    vocabulary, so that a step's cost grows with it. The vocabulary are the words seen at least `min_count` times.

    As in the original program, each epoch drops a word whose share of the corpus is f unless chance, with probability
    √(subsample / f) + subsample / f, keeps it (0: keeps all), and each centre sees a radius drawn from 1 … window.
    CBOW has the gradient of the mean, which the original program has not. Steps are taken on `batch_size` centres in
    random order, and fall linearly from `learning_rate` to 0: "softmax" by Adam on the mean loss of, by default, 512
    centres; the others by plain gradient descent, in `workers` threads, on the summed loss of as many, at most 2,048,
    that a word is expected to meet itself among them 1.25 times in skip-gram, 2.5 times in CBOW (training diverges at
    about three times as many; with more than two workers, whose batches meet, they are smaller). With one worker the
    same seed gives the same vectors; with `dtype=torch.float64`, to the digits one would print, on every processor.

    Raises ValueError if an argument is out of range, if no word is seen `min_count` times, or if subsampling leaves no
    word with a neighbour in any epoch; TypeError if a sentence is a string or a size is no integer; FloatingPointError
    if training diverges.
    """
    if architecture not in ("skip-gram", "cbow"):
        raise ValueError(f"architecture must be 'skip-gram' or 'cbow', got {architecture!r}")
    if loss not in LEARNING_RATES:
        raise ValueError(f"loss must be one of {', '.join(map(repr, LEARNING_RATES))}, got {loss!r}")
    sizes = {"dim": dim, "window": window, "negative": negative, "epochs": epochs, "workers": workers}
    for name, value in sizes.items():
        at_least_1(name, value)
    if loss == "softmax" and workers > 1:
        raise ValueError(f"workers must be 1 with loss='softmax', got {workers}")
    if subsample < 0:
        raise ValueError(f"subsample must be 0 (keep every word) or positive, got {subsample}")
    if power < 0:
        raise ValueError(f"power must be 0 or positive, got {power}")
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    if learning_rate is None:
        learning_rate = LEARNING_RATES[loss][architecture == "cbow"]
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    sentences = list(sentences)  # they are read more than once
    if any(isinstance(sentence, str) for sentence in sentences):
        raise TypeError("sentences must be lists of tokens, got a str among them: call tokenize on it first")
    counts = Vocabulary.from_tokens(chain.from_iterable(sentences), min_count).counts
    if not counts:
        raise ValueError(f"min_count must leave some words, got {min_count}: no word is seen that often")

    index = {word: i for i, word in enumerate(counts)}
    ids = map(index.get, chain.from_iterable(sentences), repeat(-1))
    text = torch.from_numpy(np.fromiter(ids, dtype=np.int64))  # (all words,), -1 for one that is too rare
    number = torch.arange(len(sentences)).repeat_interleave(torch.tensor([len(s) for s in sentences]))
    text, number = text[text >= 0], number[text >= 0]  # (n,), (n,): the words, and which sentence each stands in
    count = torch.tensor(list(counts.values()))  # (V,)
    keep = keep_probability(count, subsample)  # (V,)
    generator = torch.Generator().manual_seed(seed)
    if batch_size is None:
        share = count * keep / (count * keep).sum()  # (V,) of all words, after subsampling
        same = share.square().sum().item()  # the chance that two of them are the same word
        most = math.ceil(MEETINGS[architecture] / same / max(workers, 2))
        batch_size = 512 if loss == "softmax" else min(2048, most)
    at_least_1("batch_size", batch_size)
    model = (SkipGram if architecture == "skip-gram" else CBOW)(len(counts), dim, generator).to(dtype)
    seen = 0  # neighbours, in all epochs

    def draw_text() -> tuple[Tensor, Tensor, Tensor]:
        nonlocal seen
        drawn, left, right = sample(text, number, keep, window, generator)
        seen += int(left.sum() + right.sum())
        return drawn, left, right

    if loss == "softmax":
        rest = {"learning_rate": learning_rate, "batch_size": batch_size, "generator": generator}
        _train_softmax(model, draw_text, window, epochs=epochs, **rest)
    else:
        W, options = model.input.data, {"cbow": architecture == "cbow", "window": window, "batch_size": batch_size}
        if loss == "negative":
            noise = count ** float(power)  # (V,)
            if not noise.sum().isfinite():
                raise ValueError(f"power must leave count ** power finite, got {power}")
            way = NegativeSampling(W, model.output.data, noise, negative=negative, generator=generator, **options)
        else:
            nodes = torch.zeros(max(len(counts) - 1, 1), dim, dtype=dtype)  # (V - 1, d)
            way = HierarchicalSoftmax(W, nodes, huffman(count), generator=generator, **options)
        texts = (way.batches(*draw_text()) for _ in range(epochs))
        descend(texts, way.step, W, total=epochs, workers=workers, learning_rate=learning_rate)
    if not seen:
        raise ValueError(f"subsample={subsample} left no word with a neighbour: these sentences need subsample=0")
    return keyed_vectors(counts, model.input.detach())


def keyed_vectors(counts: dict[str, int], table: Tensor) -> KeyedVectors:
    """Word vectors as gensim's `KeyedVectors`: table (V, d) has a row for each word of `counts`, in the same order.

    >>> keyed_vectors({"the": 2, "cat": 1}, torch.eye(2)).most_similar("cat")
    [('the', 0.0)]
    """
    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(list(counts), table.float().numpy())
    for word, count in counts.items():
        vectors.set_vecattr(word, "count", count)
    return vectors


def _train_softmax(
    model: SkipGram | CBOW,
    draw_text: Callable[[], tuple[Tensor, Tensor, Tensor]],
    window: int,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for epoch in range(epochs):
        text, left, right = draw_text()
        contexts = neighbours(text, left, right, window, torch.arange(len(text)))  # (n, 2 * window)
        present = (contexts >= 0).any(1)
        centres, contexts = text[present], contexts[present]
        if not len(centres):
            continue  # subsampling has left nothing this time
        batches = torch.randperm(len(centres), generator=generator).split(batch_size)
        for i, batch in enumerate(batches):
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - (epoch + i / len(batches)) / epochs)
            given, targets = centres[batch], contexts[batch]
            if isinstance(model, CBOW):
                given, targets = targets, given.unsqueeze(1)
            hidden = model.hidden(given)  # (n, d)
            _, d_hidden, d_output = softmax_loss(hidden, model.output, targets)
            optimizer.zero_grad()
            hidden.backward(d_hidden / len(batch))  # on through the look-up, to the input table
            model.output.grad = d_output / len(batch)
            optimizer.step()
