"""A language model that only counts: n-grams with interpolated modified Kneser–Ney smoothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scratch._arguments import at_least_1, ids_below


class KneserNey:
    """Guess a word from the `order` - 1 words before it, by what has followed them (Chen & Goodman 1999, section 3).

    Every count c gives up a discount D, which depends on whether c is 1, 2 or more. What a context h has lost goes to
    a shorter context h', which lacks its first word, and in the end to all words alike:
    p(w | h) = (c(hw) - D + lost(h) p(w | h')) / c(h). In the longest contexts c counts how often hw occurs; in shorter
    ones, after how many different words it does, or how often if hw begins a sentence.

    sentences: lists or, which is faster, arrays of ids; the first id of each marks its beginning, and is never guessed.

    >>> model = KneserNey([[2, 4, 5, 3], [2, 4, 6, 3]], order=2, vocab_size=7)
    >>> model.losses([[2, 4, 5, 3]]).shape
    (3,)

    Raises TypeError, ValueError or IndexError for a bad size or id, or if `vocab_size` and `order` are so large that
    an n-gram does not fit into one 64-bit number.
    """

    def __init__(self, sentences: Iterable[Sequence[int]], order: int, vocab_size: int):
        self.order, self.vocab_size = at_least_1("order", order), at_least_1("vocab_size", vocab_size)
        self.base = vocab_size + 1  # an n-gram is a number: its ids plus 1 are the digits, 0 where there is no word
        if self.base**order >= 2**63:
            raise ValueError(f"order must be small enough for (vocab_size + 1) ** order < 2 ** 63, got {order}")
        sentences = _lists(sentences)
        keys, since = self._keys(sentences)  # both (places,)
        if not (since > 0).any():
            raise ValueError(f"sentences must have words after the first, got {len(sentences)} without any")
        self.levels: list[tuple[np.ndarray, ...]] = []  # for contexts of 0, 1, … words
        longer = np.empty(0, np.int64)
        for n in range(order, 0, -1):
            counted = since >= max(n - 1, 1) if n == order else (since == n - 1) & (n > 1)
            grams = np.concatenate([keys[counted], longer]) % self.base**n  # as they occur, and one after each word
            longer, counts = np.unique(grams, return_counts=True)  # all n-grams
            self.levels.insert(0, (longer, *_discounted(longer // self.base, counts)))

    def probability(self, grams: np.ndarray | Sequence) -> np.ndarray:
        """The probability of the last id of each row, given the others.

        grams (n, up to `order`): ids, -1 where the sentence has not begun yet. Returns (n,).
        """
        grams = ids_below("grams", grams, self.vocab_size, least=-1).numpy()
        if grams.ndim != 2 or not 1 <= grams.shape[1] <= self.order:
            raise ValueError(f"grams must have the shape (n, 1 to order = {self.order}), got {grams.shape}")
        keys = (grams + 1) @ self.base ** np.arange(grams.shape[1])[::-1]  # (n,)
        p = np.full(len(grams), 1 / self.vocab_size)
        for n, (known, kept, contexts, lost) in enumerate(self.levels[: grams.shape[1]], 1):
            key = keys % self.base**n
            own = _look_up(known, kept, key, 0.0)
            p = own + _look_up(contexts, lost, key // self.base, 1.0) * p
        return p

    def losses(self, sentences: Iterable[Sequence[int]]) -> np.ndarray:
        """The surprise -ln p at each word but the first of each sentence, one after the other: (n,)."""
        keys, since = self._keys(_lists(sentences))
        digits = keys[since > 0, None] // self.base ** np.arange(self.order)[::-1] % self.base  # (n, order)
        return -np.log(self.probability(digits - 1))

    def _keys(self, sentences: list[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """At each place the n-gram of the highest order that ends there, and how many words stand before."""
        try:
            words = np.concatenate([np.asarray(sentence) for sentence in sentences if len(sentence)] or [np.empty(0)])
        except ValueError:
            raise TypeError("sentences must be lists of ids, got strings or lists among them") from None
        ids = ids_below("sentences", words, self.vocab_size).numpy() + 1  # (places,)
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        since = np.arange(len(ids)) - np.repeat(lengths.cumsum() - lengths, lengths)
        keys = ids.copy()
        for j in range(1, min(self.order, len(ids))):
            keys[j:] += np.where(since[j:] >= j, ids[:-j], 0) * self.base**j
        return keys, since


def _lists(sentences: Iterable[Sequence[int]]) -> list[Sequence[int]]:
    """The sentences, each of which has a length, in a list that can be read twice."""
    sentences = list(sentences) if isinstance(sentences, Iterable) else [sentences]
    for sentence in sentences:
        if not hasattr(sentence, "__iter__") or not hasattr(sentence, "__len__"):
            raise TypeError(f"sentences must be lists of ids, got {sentence!r:.40} ({type(sentence).__name__})")
    return sentences


def _discounted(contexts: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For counted n-grams, sorted: the share each keeps; the different contexts; and the share each of those loses."""
    n = np.bincount(np.minimum(counts, 5), minlength=5)
    discounts = [0.5, 1.0, 1.5]  # where the text is too small to estimate them
    if all(n[1:]):
        found = [float(c - (c + 1) * n[1] / (n[1] + 2 * n[2]) * n[c + 1] / n[c]) for c in (1, 2, 3)]
        discounts = found if all(0 <= d <= c for c, d in enumerate(found, 1)) else discounts
    discount = np.array([0.0, *discounts])[np.minimum(counts, 3)]
    begins = np.append(True, contexts[1:] != contexts[:-1])[: len(contexts)]  # another context than the last one
    start = np.flatnonzero(begins)
    total = np.add.reduceat(counts, start)
    share = (counts - discount) / total[begins.cumsum() - 1]
    return share, contexts[start], np.add.reduceat(discount, start) / total


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, default: float) -> np.ndarray:
    """The value of each wanted key; `keys` are sorted."""
    if not len(keys):
        return np.full(len(wanted), default)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], default)
