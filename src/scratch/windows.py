"""Windows over running text: every word with its neighbours, all of them or as word2vec samples them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scratch._arguments import at_least_1


def windows(sentences: Sequence[Sequence[int]], window: int) -> tuple[Tensor, Tensor]:
    """Every word of every sentence, with its neighbours.

    sentences: lists of ids. Returns centres (n,) and contexts (n, 2 * window), the ids to the left and to the right in
    their order, -1 where the sentence has ended. Raises ValueError if `window < 1`, IndexError for a negative id.

    >>> windows([[7, 8, 9]], window=1)
    (tensor([7, 8, 9]), tensor([[-1,  8],
            [ 7,  9],
            [ 8, -1]]))
    """
    window = at_least_1("window", window)
    if any(i < 0 for sentence in sentences for i in sentence):
        raise IndexError("sentences must hold ids of 0 or more, got a negative one")
    text = torch.tensor([i for sentence in sentences for i in sentence], dtype=torch.long)
    left, right = _to_the_ends(torch.tensor([len(sentence) for sentence in sentences], dtype=torch.long))
    everywhere = torch.arange(len(text))
    return text, neighbours(text, left.clamp(max=window), right.clamp(max=window), window, everywhere)


def neighbours(text: Tensor, left: Tensor, right: Tensor, window: int, places: Tensor) -> Tensor:
    """The words around some places of a text.

    text (n,); left and right (n,): how many neighbours each of its words sees on either side; places (m,). Returns ids
    (m, 2 * window), the left ones first, and -1 beyond what is seen.

    >>> neighbours(torch.tensor([7, 8, 9]), torch.tensor([0, 1, 1]), torch.tensor([1, 0, 0]), 2, torch.tensor([0, 2]))
    tensor([[-1, -1,  8, -1],
            [-1,  8, -1, -1]])
    """
    offset = torch.tensor([k for k in range(-window, window + 1) if k])  # (2 * window,)
    seen = (offset >= -left[places].unsqueeze(1)) & (offset <= right[places].unsqueeze(1))  # (m, 2 * window)
    around = (places.unsqueeze(1) + offset).clamp(0, max(len(text) - 1, 0))  # (m, 2 * window)
    return text[around].masked_fill(~seen, -1)


def keep_probability(counts: Tensor, subsample: float) -> Tensor:
    """The chance of each word to stay: √(t / f) + t / f, at most 1, with f its share of all words and t = `subsample`.

    counts (V,) -> (V,). The released program's formula; the paper prints another (arXiv 1310.4546, Eq. 5).

    >>> keep_probability(torch.tensor([900, 99, 1]), subsample=0.001)
    tensor([0.0344, 0.1106, 1.0000])
    """
    if subsample == 0:
        return torch.ones(len(counts))
    ratio = subsample * counts.sum() / counts
    return (ratio.sqrt() + ratio).clamp(max=1)


def sample(
    text: Tensor, sentence: Tensor, keep: Tensor, window: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """One epoch's text, as word2vec sees it: words are dropped by chance, and each has a radius of its own.

    text (n,): all sentences' ids in a row; sentence (n,): the number of the sentence that each stands in; keep (V,):
    the chance of each word to stay. Then each word that is left draws its radius from 1 … window. Returns the words
    that are left (m,), and how many neighbours each sees on its left (m,) and on its right (m,), in its own sentence.
    """
    kept = torch.rand(len(text), generator=generator) < keep[text]
    text, sentence = text[kept], sentence[kept]
    left, right = _to_the_ends(sentence.unique_consecutive(return_counts=True)[1])
    radius = torch.randint(1, window + 1, (len(text),), generator=generator)
    return text, torch.minimum(left, radius), torch.minimum(right, radius)


def _to_the_ends(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For each word of sentences of these lengths, how many words of its sentence stand before and after it."""
    ends = lengths.cumsum(0).repeat_interleave(lengths)  # (n,)
    place = torch.arange(len(ends))
    return place - ends + lengths.repeat_interleave(lengths), ends - 1 - place
