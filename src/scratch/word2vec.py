"""Word2vec with the full softmax: skip-gram and CBOW (Mikolov et al. 2013, arXiv 1301.3781)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from scratch.arguments import at_least_1
from scratch.text import Vocabulary


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
        return self.input[_checked("centres", centres, 0, len(self.input))]

    def forward(self, centres: Tensor) -> Tensor:
        """centres (n,) ids -> (n, V): a score for every word as a neighbour; softmax makes them probabilities."""
        return self.hidden(centres) @ self.output.T


class CBOW(_TwoTables):
    """Predict a word from the mean of its neighbours (a continuous bag of words)."""

    def hidden(self, contexts: Tensor) -> Tensor:
        """contexts (n, c) ids, -1 where there is no word -> (n, d): the mean of the neighbours' input vectors."""
        _checked("contexts", contexts, -1, len(self.input))
        present = (contexts >= 0).unsqueeze(2)  # (n, c, 1)
        total = (self.input[contexts.clamp(min=0)] * present).sum(1)  # (n, d)
        return total / present.sum(1).clamp(min=1)

    def forward(self, contexts: Tensor) -> Tensor:
        """contexts (n, c) ids, -1 where there is no word -> (n, V): a score for every word as the centre."""
        return self.hidden(contexts) @ self.output.T


def windows(sentences: Sequence[Sequence[int]], window: int) -> tuple[Tensor, Tensor]:
    """Every word of every sentence, with its neighbours.

    sentences: lists of ids. Returns centres (n,) and contexts (n, 2 * window), the ids to the left and to the right in
    their order, -1 where the sentence has ended. Raises ValueError if `window < 1`, IndexError for a negative id.

    >>> windows([[7, 8, 9]], window=1)
    (tensor([7, 8, 9]), tensor([[-1,  8],
            [ 7,  9],
            [ 8, -1]]))
    """
    gap = [-1] * at_least_1("window", window)
    if any(i < 0 for sentence in sentences for i in sentence):
        raise IndexError("sentences must hold ids of 0 or more, got a negative one")
    text = torch.tensor([*gap, *(i for sentence in sentences for i in (*sentence, *gap)), *gap, -1])
    bands = text.unfold(0, 2 * window + 1, 1)  # (all places, 2 * window + 1)
    bands = bands[bands[:, window] >= 0]  # (n, 2 * window + 1)
    return bands[:, window], torch.cat([bands[:, :window], bands[:, window + 1 :]], 1)


@torch.no_grad()
def softmax_loss(hidden: Tensor, output: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of the full softmax, summed over all targets, and its gradient in closed form.

    hidden (n, d), output (V, d), targets (n, m): ids of the words to be predicted from each hidden vector, -1 where
    there is none. Returns the loss (), its gradient for `hidden` (n, d) and its gradient for `output` (V, d). Raises
    IndexError for a target below -1 or above V - 1.
    """
    _checked("targets", targets, -1, len(output))
    present = targets >= 0  # (n, m)
    words = targets.clamp(min=0)  # any id will do where there is none: its share below is zero
    log_p = (hidden @ output.T).log_softmax(1)  # (n, V)
    loss = -log_p.gather(1, words)[present].sum()
    error = log_p.exp_().mul_(present.sum(1, keepdim=True))  # (n, V): what the model expects to see …
    error.scatter_add_(1, words, -present.to(error.dtype))  # … minus what was there
    return loss, error @ output, error.T @ hidden


def _checked(name: str, ids: Tensor, least: int, vocab_size: int) -> Tensor:
    outside = ids[(ids < least) | (ids >= vocab_size)]
    if len(outside):
        raise IndexError(f"{name} must lie between {least} and V - 1 = {vocab_size - 1}, got {outside[0].item()}")
    return ids


def train(
    sentences: Iterable[Sequence[str]],
    architecture: str = "skip-gram",
    *,
    loss: str = "softmax",
    dim: int = 100,
    window: int = 5,
    subsample: float = 1e-3,
    min_count: int = 5,
    epochs: int = 5,
    seed: int = 0,
    learning_rate: float = 0.02,
    batch_size: int = 512,
) -> KeyedVectors:
    """Train word vectors, and return the input table as gensim `KeyedVectors`, the most frequent word first.

    sentences: lists of tokens. architecture: "skip-gram" or "cbow". loss: "softmax", over the whole vocabulary of the
    words seen at least `min_count` times, so that a step's cost grows with the vocabulary. As in the original program,
    each epoch drops a word whose share of the corpus is f unless chance, with probability √(subsample / f) +
    subsample / f, keeps it (0: keeps all), and each centre sees a radius drawn from 1 … window. Adam, its step falling
    linearly from `learning_rate` to 0, on batches of `batch_size` centres. The arithmetic is done in double precision:
    the same seed then gives the same vectors, to the digits one would print, on every processor.

    Raises ValueError if an argument is out of range, if no word is seen `min_count` times, or if subsampling leaves no
    word with a neighbour in any epoch; TypeError if a sentence is a string or a size is no integer.
    """
    if architecture not in ("skip-gram", "cbow"):
        raise ValueError(f"architecture must be 'skip-gram' or 'cbow', got {architecture!r}")
    if loss != "softmax":
        raise ValueError(f"loss must be 'softmax', got {loss!r}")
    for name, value in (("dim", dim), ("window", window), ("epochs", epochs), ("batch_size", batch_size)):
        at_least_1(name, value)
    if subsample < 0:
        raise ValueError(f"subsample must be 0 (keep every word) or positive, got {subsample}")
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    sentences = list(sentences)  # they are read more than once
    if any(isinstance(sentence, str) for sentence in sentences):
        raise TypeError("sentences must be lists of tokens, got a str among them: call tokenize on it first")
    counts = Vocabulary.from_tokens((word for sentence in sentences for word in sentence), min_count).counts
    if not counts:
        raise ValueError(f"min_count must leave some words, got {min_count}: no word is seen that often")

    index = {word: i for i, word in enumerate(counts)}
    ids = [torch.tensor([index[word] for word in s if word in index], dtype=torch.long) for s in sentences]
    keep = keep_probability(torch.tensor(list(counts.values())), subsample)  # (V,)
    generator = torch.Generator().manual_seed(seed)
    model = (SkipGram if architecture == "skip-gram" else CBOW)(len(counts), dim, generator).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    seen = 0
    for epoch in range(epochs):
        centres, contexts = _sample(ids, keep, window, generator)  # (n,), (n, 2 * window)
        if not len(centres):
            continue  # subsampling has left nothing this time
        seen += len(centres)
        batches = torch.randperm(len(centres), generator=generator).split(batch_size)
        for i, batch in enumerate(batches):
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - (epoch + i / len(batches)) / epochs)
            given, targets = centres[batch], contexts[batch]
            if architecture == "cbow":
                given, targets = targets, given.unsqueeze(1)
            hidden = model.hidden(given)  # (n, d)
            _, d_hidden, d_output = softmax_loss(hidden, model.output, targets)
            optimizer.zero_grad()
            hidden.backward(d_hidden / len(batch))  # on through the look-up, to the input table
            model.output.grad = d_output / len(batch)
            optimizer.step()
    if not seen:
        raise ValueError(f"subsample={subsample} left no word with a neighbour: these sentences need subsample=0")

    vectors = KeyedVectors(dim)
    vectors.add_vectors(list(counts), model.input.detach().float().numpy())
    for word, count in counts.items():
        vectors.set_vecattr(word, "count", count)
    return vectors


def keep_probability(counts: Tensor, subsample: float) -> Tensor:
    """The chance of each word to stay: √(t / f) + t / f, at most 1, with f its share of all words and t = `subsample`.

    counts (V,) -> (V,) float32. The released program's formula; the paper prints another (arXiv 1310.4546, Eq. 5).
    """
    if subsample == 0:
        return torch.ones(len(counts))
    ratio = subsample * counts.sum() / counts
    return (ratio.sqrt() + ratio).clamp(max=1)


def _sample(ids: list[Tensor], keep: Tensor, window: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One epoch's centres (n,) and contexts (n, 2 * window), after subsampling and with each centre's own radius."""
    kept = [s[torch.rand(len(s), generator=generator) < keep[s]].tolist() for s in ids]
    centres, contexts = windows(kept, window)
    radius = torch.randint(1, window + 1, (len(centres), 1), generator=generator)
    distance = torch.tensor([abs(k) for k in range(-window, window + 1) if k])  # (2 * window,)
    contexts[distance > radius] = -1
    lonely = (contexts < 0).all(1)
    return centres[~lonely], contexts[~lonely]
