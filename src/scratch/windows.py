"""Windows over running text: every word with its neighbours, all of them or as word2vec samples them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import pad

from scratch._arguments import at_least_1, known_ids, room_for


def windows(sentences: Iterable[Iterable[int]], window: int) -> tuple[Tensor, Tensor]:
    """Every word of every sentence, with its neighbours.

    sentences: lists, tensors (length,) or other iterables of ids. Returns centres (n,) and contexts (n, 2 * window),
    the ids to the left and to the right in their order, -1 where the sentence has ended. Raises TypeError for an id
    that is no integer, IndexError for a negative one, ValueError if `window < 1` or so large that contexts would hold
    2**31 ids or more.

    >>> windows([[7, 8, 9]], window=1)
    (tensor([7, 8, 9]), tensor([[-1,  8],
            [ 7,  9],
            [ 8, -1]]))
    """
    window = at_least_1("window", window)
    rows = [list(sentence) for sentence in _each("sentences", sentences, "ids")]  # read once: they may be generators
    text = torch.tensor(known_ids("sentences", (i for row in rows for i in row), 2**63), dtype=torch.long)
    room_for("window", window, each=2 * len(text))
    left, right = _to_the_ends(torch.tensor([len(row) for row in rows], dtype=torch.long))
    near = min(window, reach(left, right))  # what is further off is beyond every sentence's end
    around = neighbours(text, left.clamp(max=near), right.clamp(max=near), near, torch.arange(len(text)))
    return text, pad(around, (window - near, window - near), value=-1)


def neighbours(text: Tensor, left: Tensor, right: Tensor, window: int, places: Tensor) -> Tensor:
    """The words around some places of a text.

    text (n,); left and right (n,): how many neighbours each of its words sees on either side; places (m,). Returns ids
    (m, 2 * window), the left ones first, and -1 beyond what is seen, on the text's device.

    >>> neighbours(torch.tensor([7, 8, 9]), torch.tensor([0, 1, 1]), torch.tensor([1, 0, 0]), 2, torch.tensor([0, 2]))
    tensor([[-1, -1,  8, -1],
            [-1,  8, -1, -1]])
    """
    left, right, places = (x.to(text.device) for x in (left, right, places))
    side = torch.arange(1, window + 1, device=text.device)
    offset = torch.cat([-side.flip(0), side])  # (2 * window,)
    seen = (offset >= -left[places].unsqueeze(1)) & (offset <= right[places].unsqueeze(1))  # (m, 2 * window)
    around = (places.unsqueeze(1) + offset).clamp(0, max(len(text) - 1, 0))  # (m, 2 * window)
    return text[around].masked_fill(~seen, -1)


def running_text(sentences: Iterable[Iterable[str]], min_count: int) -> tuple[dict[str, int], Tensor, Tensor]:
    """A corpus as one row of ids: the words seen at least `min_count` times, numbered from 0, the most frequent first.

    Returns how often each of these words was seen, in their order, and for the n places of the text that hold one of
    them its id (n,) and the number of its sentence (n,). Every token is a word like any other, `<unk>` included; equal
    counts are ordered alphabetically. Each sentence is read once.

    >>> running_text([["the", "cat"], ["the", "the", "dog"], ["cat"]], min_count=2)
    ({'the': 3, 'cat': 2}, tensor([0, 1, 0, 0, 1]), tensor([0, 0, 1, 1, 2]))

    Raises TypeError if a sentence is a string or a token is none, ValueError if no word is seen that often.
    """
    min_count = at_least_1("min_count", min_count)
    first_seen: dict[str, int] = {}  # every word, numbered as they come
    numbers: list[int] = []
    lengths: list[int] = []
    for sentence in _each("sentences", sentences, "tokens"):
        before = len(numbers)
        for word in sentence:
            if not isinstance(word, str):
                raise TypeError(f"sentences must hold tokens of type str, got {word!r:.40} ({type(word).__name__})")
            numbers.append(first_seen.setdefault(word, len(first_seen)))
        lengths.append(len(numbers) - before)

    seen = Counter(numbers)
    ordered = sorted(first_seen, key=lambda word: (-seen[first_seen[word]], word))
    counts = {word: seen[first_seen[word]] for word in ordered if seen[first_seen[word]] >= min_count}
    if not counts:
        raise ValueError(f"min_count must leave some words, got {min_count}: no word is seen that often")
    new_number = torch.full((len(first_seen),), -1)
    new_number[[first_seen[word] for word in counts]] = torch.arange(len(counts))
    text = new_number[torch.tensor(numbers)]  # (all words,), -1 for one that is too rare
    sentence_of = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    return counts, text[text >= 0], sentence_of[text >= 0]


def keep_probability(counts: Tensor, subsample: float) -> Tensor:
    """The chance of each word to stay: √(t / f) + t / f, at most 1, with f its share of all words and t = `subsample`.

    counts (V,) -> (V,). The released program's formula; the paper prints another (arXiv 1310.4546, Eq. 5).

    >>> keep_probability(torch.tensor([900, 99, 1]), subsample=0.001)
    tensor([0.0344, 0.1106, 1.0000])
    """
    if subsample == 0:
        return torch.ones(len(counts), device=counts.device)
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
    radius = torch.randint(1, min(window, 2**62) + 1, (len(text),), generator=generator)
    return text, torch.minimum(left, radius), torch.minimum(right, radius)


def reach(left: Tensor, right: Tensor) -> int:
    """The most neighbours that any word of a text sees on one side: no window needs to be wider.

    >>> reach(torch.tensor([0, 1, 2]), torch.tensor([1, 1, 0]))
    2
    """
    return int(torch.maximum(left, right).max()) if len(left) else 0


def _to_the_ends(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For each word of sentences of these lengths, how many words of its sentence stand before and after it."""
    ends = lengths.cumsum(0).repeat_interleave(lengths)  # (n,)
    place = torch.arange(len(ends), device=lengths.device)
    return place - ends + lengths.repeat_interleave(lengths), ends - 1 - place


def _each(name: str, sentences: Iterable, of: str) -> Iterable:
    """The sentences, each of which must be a list or another iterable, and no string."""
    if isinstance(sentences, str) or not isinstance(sentences, Iterable):
        raise TypeError(f"{name} must be a list of lists of {of}, got {sentences!r:.40} ({type(sentences).__name__})")
    for sentence in sentences:
        if isinstance(sentence, str):
            raise TypeError(f"{name} must be lists of {of}, got a str among them: call tokenize on it first")
        if not isinstance(sentence, Iterable):
            raise TypeError(f"{name} must be lists of {of}, got {sentence!r:.40} ({type(sentence).__name__})")
        yield sentence
