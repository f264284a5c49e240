"""Byte-pair encoding: subwords learnt by merging the most frequent pair of neighbours, again and again.

Gage (1994) compressed data so; Sennrich, Haddow and Birch (ACL 2016, arXiv 1508.07909) cut words so, beginning with
characters; Radford et al. (GPT-2, 2019) begin with the 256 bytes, so that no text is ever unknown.
"""

from __future__ import annotations

import functools
import heapq
import operator
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

from scratch._arguments import at_least, known_ids

Pair = tuple[int, int]

# GPT-2 writes each byte as a character that can be printed: 188 of them as the character of that number, the other 68
# (the space is one) as characters from 256 on. Numbered in the order of those characters, the bytes come in this order.
# The `tokenizers` library uses these numbers for ids, and so for breaking ties.
_PRINTED = (*range(33, 127), *range(161, 173), *range(174, 256))
_BYTES = (*_PRINTED, *sorted(set(range(256)) - set(_PRINTED)))


def pre_tokenize(text: str) -> list[str]:
    """Cut a text into the pieces that merges never cross: words, numbers and punctuation, each with a space before it.

    The rule is GPT-2's, as in `ByteLevel(add_prefix_space=False)` of the `tokenizers` library: an ending such as 's; a
    run of letters, of digits or of other characters, with at most one space in front; or white space. The pieces add up
    to the text. What a letter is, Python's own Unicode tables say; a newer character counts as punctuation.

    >>> pre_tokenize("We're 25 cats,  all told.")
    ['We', "'re", ' 25', ' cats', ',', ' ', ' all', ' told', '.']

    Raises TypeError if `text` is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    return _pattern().findall(text)


class BytePairEncoder:
    """A tokenizer that cuts any text into subwords, and puts it together again without loss.

    Ids 0 to 255 are the bytes of UTF-8 themselves; each merge adds one more, for a pair of earlier ids. `merges` lists
    the pairs, and `tokens` the bytes that each id stands for.

    >>> encoder = BytePairEncoder.train(["low low low lower lowest"], vocab_size=259)
    >>> encoder.tokens[256:]
    [b'lo', b'low', b' low']
    >>> encoder.encode("slower low")
    [115, 257, 101, 114, 258]
    >>> encoder.decode([115, 257, 101, 114, 258])
    'slower low'

    Raises TypeError if a merge is no pair of integers, ValueError if it names an id that does not exist before it or if
    it comes twice.
    """

    def __init__(self, merges: Iterable[Pair] = ()):
        self.merges: list[Pair] = []
        self.tokens = [bytes([i]) for i in range(256)]
        self._merged: dict[Pair, int] = {}  # pair -> id; the smaller the id, the earlier the merge
        self._cache: dict[str, list[int]] = {}
        for pair in merges:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(f"merges must hold pairs of ids, got {pair!r:.40} ({type(pair).__name__})")
            left, right = _integer(pair[0]), _integer(pair[1])
            if not (0 <= left < len(self) and 0 <= right < len(self)):
                raise ValueError(f"merges must hold earlier ids, 0 to {len(self) - 1} so far, got {(left, right)}")
            if (left, right) in self._merged:
                raise ValueError(f"merges must hold a pair once, got {(left, right)} twice")
            self._merged[left, right] = len(self)
            self.merges.append((left, right))
            self.tokens.append(self.tokens[left] + self.tokens[right])

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> BytePairEncoder:
        """Merge the most frequent pair of neighbours within the pieces of `texts` until there are `vocab_size` ids.

        Of pairs that are equally frequent, the one with the smaller left id is merged, then the one with the smaller
        right id, where the bytes are numbered in GPT-2's order (printable ones first, the space behind them), as in the
        `tokenizers` library: the merges are the same. If no pair is left, the result is smaller than `vocab_size`.

        The corpus is kept as its distinct pieces with their counts, and a merge looks only at the pieces that hold its
        pair (section 3.2 of Sennrich et al. advises an index). Raises TypeError if `texts` is a string or holds
        anything but strings, ValueError if `vocab_size < 256` or if a text holds half a surrogate pair.
        """
        vocab_size = at_least("vocab_size", vocab_size, 256)  # one id for each byte
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of str, got the str {texts[:20]!r}: put it into a list")
        if not isinstance(texts, Iterable):
            raise TypeError(f"texts must be a list of str, got {texts!r:.40} ({type(texts).__name__})")
        pieces = Counter(piece for text in texts for piece in pre_tokenize(text))
        merges = learn_merges(pieces, vocab_size - 256)
        ours = [*_BYTES, *range(256, 256 + len(merges))]  # from the library's ids, in which the bytes are in its order
        return cls((ours[left], ours[right]) for left, right in merges)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """The ids of a text: in each piece the earliest merge is made first, then the next, until none applies.

        Raises TypeError if `text` is no string, ValueError if it holds half a surrogate pair, which is no character.
        """
        ids: list[int] = []
        for piece in pre_tokenize(text):
            if piece not in self._cache:
                if len(self._cache) >= 2**18:
                    self._cache.clear()
                self._cache[piece] = self._encode(_utf8(piece))
            ids += self._cache[piece]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids; bytes that are no UTF-8, such as half a Chinese character, become U+FFFD.

        Raises TypeError if an id is no integer, IndexError if it lies outside 0 … len - 1.
        """
        if not isinstance(ids, Iterable):
            raise TypeError(f"ids must be a list of integers, got {ids!r:.40} ({type(ids).__name__})")
        return b"".join(self.tokens[i] for i in known_ids("ids", ids, len(self))).decode("utf-8", errors="replace")

    def _encode(self, piece: bytes) -> list[int]:
        """One piece: a queue of the merges that are possible, the earliest and leftmost first.

        The time is n log n, not n², as long as the tokens are short, which matters for a book without spaces.
        """
        ids = list(piece)  # ids[p] is the token that begins at byte p, or -1 inside of a token
        queue: list[Pair] = []  # (the id that a merge makes, the byte at which its left half begins)

        def consider(p: int) -> None:
            q = p + len(self.tokens[ids[p]])
            if q < len(ids) and (new := self._merged.get((ids[p], ids[q]))):
                heapq.heappush(queue, (new, p))

        for p in range(len(ids)):
            consider(p)
        while queue:
            new, p = heapq.heappop(queue)
            q = p + len(self.tokens[ids[p]])
            if q < len(ids) and self._merged.get((ids[p], ids[q])) == new:  # else a merge nearby came first
                ids[p], ids[q] = new, -1
                consider(p)
                if p > 0:
                    consider(next(before for before in range(p - 1, -1, -1) if ids[before] >= 0))
        return [i for i in ids if i >= 0]


def learn_merges(pieces: dict[str, int], steps: int) -> list[Pair]:
    """At most `steps` merges, in the library's ids: place in `_BYTES`, then 256 for the first merge, and so on.

    pieces: how often each piece of text was seen. A queue holds every pair under the count that it had when it was put
    in. Counts only fall, unless a merge makes the pair; so if the pair on top has lost some since, it is put back under
    its present count, and what then comes to the top is the most frequent pair.

    >>> learn_merges({"low": 5, "lot": 2}, steps=2)  # lo, then lo + w; l, o and w are the 76th, 79th and 87th byte
    [(75, 78), (256, 86)]
    """
    number = {byte: i for i, byte in enumerate(_BYTES)}
    words, times = [[number[b] for b in _utf8(piece)] for piece in pieces], list(pieces.values())
    counts: dict[Pair, int] = Counter()
    where: dict[Pair, set[int]] = defaultdict(set)  # the words that hold the pair, or held it once
    for i, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += times[i]
            where[pair].add(i)
    queue = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < steps:
        n, pair = heapq.heappop(queue)
        if -n != counts[pair]:  # it has lost some since: back into the queue, with what is left
            if counts[pair] > 0:
                heapq.heappush(queue, (-counts[pair], pair))
            continue
        new, fresh = 256 + len(merges), set()
        merges.append(pair)
        for i in where.pop(pair):
            words[i], changes = _merge(words[i], pair, new)
            for changed, change in changes:
                counts[changed] += change * times[i]
                if change > 0:
                    where[changed].add(i)
                    fresh.add(changed)
        for changed in fresh:
            if counts[changed] > 0:
                heapq.heappush(queue, (-counts[changed], changed))
    return merges


def _merge(word: list[int], pair: Pair, new: int) -> tuple[list[int], list[tuple[Pair, int]]]:
    """The word with `pair` merged from left to right, and which other pairs have come (+1) and gone (-1)."""
    merged: list[int] = []
    changes: list[tuple[Pair, int]] = []
    p, (left, right) = 0, pair
    while p < len(word):
        if word[p] != left or p + 1 == len(word) or word[p + 1] != right:
            merged.append(word[p])
            p += 1
            continue
        if merged:
            changes += (((merged[-1], left), -1), ((merged[-1], new), 1))
        merged.append(new)
        p += 2
        if p < len(word):
            changes += (((right, word[p]), -1), ((new, word[p]), 1))
    return merged, changes


@functools.cache
def _pattern() -> re.Pattern[str]:
    """GPT-2's 's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+ in Python's own `re`.

    That has no \\p{L}, so its ranges are written out; and its \\s holds four separators, 1C to 1F, that Unicode does
    not count as white space.
    """
    letters, numbers, four = _ranges("L"), _ranges("N"), r"\x1c-\x1f"
    space = rf"[^\S{four}]"
    other = rf"(?:[^\s{letters}{numbers}]|[{four}])"
    return re.compile(
        rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letters}]+| ?[{numbers}]+| ?{other}+|{space}+(?![\S{four}])|{space}+"
    )


def _ranges(kind: str) -> str:
    """The characters whose Unicode category begins with `kind`, as the inside of a regular expression's [ ]."""
    inside = [unicodedata.category(chr(i))[0] == kind for i in range(sys.maxunicode + 1)]
    edges = [i for i in range(1, len(inside)) if inside[i] != inside[i - 1]]  # first, past the last, first, …
    return "".join(f"{chr(a)}-{chr(b - 1)}" for a, b in zip(edges[::2], edges[1::2], strict=True))


def _utf8(piece: str) -> bytes:
    try:
        return piece.encode()
    except UnicodeEncodeError as error:
        half = piece[error.start]
        raise ValueError(f"text must hold whole characters, got {half!r}, half of a surrogate pair") from None


def _integer(value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"merges must be integers, got {value!r:.40} ({type(value).__name__})") from None
