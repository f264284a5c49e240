"""From text to ids: a tokenizer, a vocabulary that numbers the tokens, and sentences of ids filled up to one length."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from scratch._arguments import at_least, at_least_1, integers, known_ids, lengths_within, readable, room_for
from scratch.byte_pairs import BytePairEncoder as BytePairEncoder  # subwords belong to text, too: found here as well

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")


def tokenize(text: str) -> list[str]:
    """Split English text into lower-case words: runs of the letters a to z, with an inner apostrophe if there is one.

    All other characters separate words and are dropped: digits, punctuation, and also letters such as é.

    >>> tokenize("The cat's mat, 3 times!")
    ['the', "cat's", 'mat', 'times']

    Raises TypeError if `text` is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    return _TOKEN.findall(text.lower().replace("’", "'"))


class Vocabulary:
    """A numbered list of tokens: four special ones, then the rest, the most frequent first.

    `pad_id == 0` fills short sentences up, `unk_id` stands for every token that is not in the list, `bos_id` and
    `eos_id` mark where a sentence begins and ends. Equal counts are ordered alphabetically, so that the same tokens
    give the same numbers whatever order they came in. A text that has `<unk>` in it already, as some corpora do, keeps
    it: it is counted like any token in `counts`, and its id is `unk_id` (so, too, for the other three).

    >>> vocabulary = Vocabulary.from_tokens("the cat sat on the mat".split())
    >>> len(vocabulary), vocabulary.encode(["the", "dog"])
    (9, [4, 1])
    >>> vocabulary.decode([4, 5, 1])
    ['the', 'cat', '<unk>']
    """

    SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
    pad_id, unk_id, bos_id, eos_id = range(4)

    def __init__(self, counts: dict[str, int]):
        """Number the tokens of `counts` (token to how often it was seen) in the order given, after the special ones.

        Raises TypeError if `counts` is no dictionary of strings to integers.
        """
        if not isinstance(counts, Mapping):
            raise TypeError(f"counts must be a dict, token to count, got {type(counts).__name__}")
        self.counts = {token: at_least("counts", counts[token], 0) for token in _tokens(counts)}
        self.tokens = [*self.SPECIALS, *(token for token in self.counts if token not in self.SPECIALS)]
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def from_tokens(cls, tokens: Iterable[str], min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """Count `tokens` and keep those seen at least `min_count` times, the most frequent first.

        `max_size` bounds `len(vocabulary)`, the four special tokens included. Raises TypeError if `tokens` is a string
        or holds anything but strings, ValueError if `min_count < 1` or `max_size < 4`.
        """
        min_count = at_least_1("min_count", min_count)
        if max_size is not None:
            max_size = at_least("max_size", max_size, len(cls.SPECIALS))
        counts = Counter(_tokens(tokens))
        kept = [token for token in sorted(counts, key=lambda t: (-counts[t], t)) if counts[token] >= min_count]
        if max_size is not None:
            others = [token for token in kept if token not in cls.SPECIALS]
            left_out = set(others[max_size - len(cls.SPECIALS) :])
            kept = [token for token in kept if token not in left_out]
        return cls({token: counts[token] for token in kept})

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The ids of `tokens`, `unk_id` for one that is not in the list. Raises TypeError as `from_tokens` does."""
        return [self._ids.get(token, self.unk_id) for token in _tokens(tokens)]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tokens of `ids`. Raises IndexError for an id outside 0 … len - 1, TypeError if one is no integer."""
        if not isinstance(ids, Iterable):
            raise TypeError(f"ids must be a list of integers, got {ids!r:.40} ({type(ids).__name__})")
        return [self.tokens[i] for i in known_ids("ids", ids, len(self))]


def pad(sequences: Iterable[Sequence[int] | Tensor], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Make one tensor of sequences of ids that have different lengths: the short ones are filled up at their end.

    sequences: lists, arrays or tensors (length,), of integers. Returns ids (batch, length) with `pad_id` after the end
    of each, and lengths (batch,), both int64 and on the device that the first sequence is on. An empty sequence has
    length 0; without any sequence the shapes are (0, 0) and (0,).

    >>> ids, lengths = pad([[5, 6, 7], [8], []])
    >>> ids
    tensor([[5, 6, 7],
            [8, 0, 0],
            [0, 0, 0]])
    >>> lengths
    tensor([3, 1, 0])

    Raises TypeError if `sequences` holds anything but sequences of integers, or if `pad_id` is no integer; ValueError
    if a number is too large for int64.
    """
    if not isinstance(sequences, Iterable):
        raise TypeError(f"sequences must be a list of lists, got {sequences!r:.40} ({type(sequences).__name__})")
    rows = [_row(sequence) for sequence in sequences]
    lengths = [len(row) for row in rows]
    device = rows[0].device if rows else None
    fill = at_least("pad_id", pad_id, -(2**63))
    if fill >= 2**63:
        raise ValueError(f"pad_id must fit into int64, got {fill}")
    ids = torch.full((len(rows), max(lengths, default=0)), fill, device=device)  # (batch, length)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids, torch.tensor(lengths, dtype=torch.int64, device=device)


def mask(lengths: Tensor | Sequence[int], width: int | None = None) -> Tensor:
    """Which places of a padded batch hold a token: True up to each sentence's length.

    lengths (batch,): 0 … width each; width, by default the largest of them. Returns (batch, width) bool, on the
    lengths' device.

    >>> mask([3, 1])
    tensor([[ True,  True,  True],
            [ True, False, False]])

    Raises TypeError if `lengths` are no integers, ValueError for one below 0 or above `width`, for 2**31 places or
    more, and without a width if there are no numbers to read, as on the meta device.
    """
    lengths = integers("lengths", lengths)
    if width is None:
        if not readable(lengths) and not torch.compiler.is_compiling():
            raise ValueError("width must be given where lengths have no numbers to read, as on meta, got None")
        width = int(lengths.max()) if lengths.numel() else 0
    batch = len(lengths) if lengths.ndim else 0
    width = room_for("width", at_least("width", width, 0), batch)
    lengths = lengths_within(lengths, width, batch, least=0)
    return torch.arange(width, device=lengths.device) < lengths.unsqueeze(1)


def _row(sequence: Sequence[int] | Tensor) -> Tensor:
    """One sequence as a tensor (length,) int64."""
    wrong = TypeError(f"sequences must hold lists of integers, got {sequence!r:.40} ({type(sequence).__name__})")
    if isinstance(sequence, Tensor) and sequence.dtype != torch.uint64:
        integers = not (sequence.is_floating_point() or sequence.is_complex() or sequence.dtype == torch.bool)
        if sequence.shape != (0,) and not (integers and sequence.ndim == 1):
            raise wrong
        return sequence.long()
    values = sequence.tolist() if isinstance(sequence, Tensor | np.ndarray) else sequence
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise wrong
    values = list(values)
    if any(isinstance(value, bool) or not hasattr(value, "__index__") for value in values):
        raise wrong
    try:
        values = [operator.index(value) for value in values]
    except TypeError:  # such as a tensor of two numbers
        raise wrong from None
    if values and not -(2**63) <= min(values) <= max(values) < 2**63:
        raise ValueError(f"sequences must hold ids that fit into int64, got {max(values, key=abs)}")
    return torch.tensor(values, dtype=torch.int64, device=sequence.device if isinstance(sequence, Tensor) else None)


def _tokens(tokens: Iterable[str]) -> Iterable[str]:
    if isinstance(tokens, str):
        raise TypeError(f"tokens must be a list of tokens, got the str {tokens[:20]!r}: call tokenize on it first")
    if not isinstance(tokens, Iterable):
        raise TypeError(f"tokens must be a list of tokens, got {tokens!r:.40} ({type(tokens).__name__})")
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"tokens must hold str, got {token!r:.40} ({type(token).__name__})")
        yield token
