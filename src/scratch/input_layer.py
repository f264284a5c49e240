"""The input layer: what goes into the first block of an encoder, a vector for each token with its place added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from scratch._arguments import at_least_1, ids_below, share_below_1
from scratch.position import LearnedPosition, SinusoidalPosition, normal
from scratch.text import Vocabulary

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


class InputLayer(nn.Module):
    """Look each token up, scale by √dim, add its position, drop out: ids (batch, length) -> (batch, length, dim).

    The rows of `token.weight` (vocab_size, dim) are drawn with deviation 1 / √dim, so that their length is about 1, as
    suits a table that is also used to score words (weight tying: `hidden @ layer.token.weight.T`); √dim then brings
    each number that goes into the sum to deviation 1. Positions are "sinusoidal", "learned" (a table that starts at the
    sinusoidal one's size, a root mean square of 1 / √2) or "none". There is no LayerNorm, as BERT has it here: the
    original encoder has none, and whoever wants one puts it behind.

    Id 0 is the padding: its row starts as zeros and the look-up never trains it. Its place gets a position all the
    same, so the output is not zero there; it is a mask, `ids != 0`, True where attention is allowed, that keeps padding
    out of what follows. Source: Vaswani et al. 2017, arXiv 1706.03762, sections 3.4, 3.5 and 5.4.

    >>> layer = InputLayer(vocab_size=9, dim=4, max_length=6, generator=torch.Generator().manual_seed(0))
    >>> layer(torch.tensor([[4, 5, 0]])).shape
    torch.Size([1, 3, 4])
    >>> layer(torch.tensor([[9]]))
    Traceback (most recent call last):
    IndexError: ids must lie between 0 and vocab_size - 1 = 8, got 9

    Raises ValueError for a size or length out of range, an unknown `position` or a `dropout` outside 0 ≤ p < 1,
    IndexError for an id outside the vocabulary, TypeError if a size is no int or ids are no integers.
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        max_length: int,
        position: str = "sinusoidal",
        dropout: float = 0.0,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.vocab_size, self.dim = at_least_1("vocab_size", vocab_size), at_least_1("dim", dim)
        self.max_length = at_least_1("max_length", max_length)
        if position not in ("sinusoidal", "learned", "none"):
            raise ValueError(f"position must be 'sinusoidal', 'learned' or 'none', got {position!r}")
        table = normal(self.vocab_size, self.dim, generator) * self.dim**-0.5  # (V, d)
        table[Vocabulary.pad_id] = 0
        self.token = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=Vocabulary.pad_id)
        self.position: nn.Module
        if position == "sinusoidal":
            self.position = SinusoidalPosition(self.max_length, self.dim)
        elif position == "learned":
            self.position = LearnedPosition(self.max_length, self.dim, std=0.5**0.5, generator=generator)
        else:
            self.position = nn.Identity()
        self.dropout = nn.Dropout(share_below_1("dropout", dropout))

    def forward(self, ids: Tensor) -> Tensor:
        """ids (batch, length) -> (batch, length, dim)"""
        x = self.token(self._checked(ids)) * self.dim**0.5  # (batch, length, dim)
        return self.dropout(self.position(x))

    @torch.no_grad()
    def load_vectors(self, vectors: KeyedVectors, vocabulary: Vocabulary) -> float:
        """Put pretrained vectors into the rows of their words, and return the share of the words that had one.

        All are scaled by one factor, to a root mean square length of 1, the size of random rows: angles and relative
        lengths stay as they were. Words without a vector keep their rows, and so do the special tokens. The rows go on
        learning; `layer.token.requires_grad_(False)` freezes them, those of the missing words too. Raises ValueError if
        the sizes do not fit, if no word has a vector, or if the vectors have no length to scale by (zeros, infinities);
        TypeError if they are no `KeyedVectors`, such as a whole model, whose vectors are `model.wv`.
        """
        if not hasattr(vectors, "key_to_index"):
            raise TypeError(f"vectors must be gensim KeyedVectors, such as model.wv, got {type(vectors).__name__}")
        if not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"vocabulary must be a scratch.text.Vocabulary, got {type(vocabulary).__name__}")
        if vectors.vector_size != self.dim:
            raise ValueError(f"vectors must have dim = {self.dim} numbers each, got {vectors.vector_size}")
        if len(vocabulary) != self.vocab_size:
            raise ValueError(f"vocabulary must have vocab_size = {self.vocab_size} entries, got {len(vocabulary)}")
        words = vocabulary.tokens[len(Vocabulary.SPECIALS) :]
        found = [word for word in words if word in vectors]
        if not found:
            raise ValueError(f"vectors must have some of the vocabulary's words, got none of {len(words)}")
        rows = torch.from_numpy(vectors[found]).to("cpu", torch.float64)  # (found, d)
        size = rows.square().sum(1).mean().sqrt()
        if not (size.isfinite() and size > 0):
            raise ValueError(f"vectors must be finite and not all zero, got a root mean square length of {size}")
        self.token.weight[vocabulary.encode(found)] = (rows / size).to(self.token.weight)
        return len(found) / len(words)

    def extra_repr(self) -> str:
        return f"vocab_size={self.vocab_size}, dim={self.dim}, max_length={self.max_length}"

    def _checked(self, ids: Tensor) -> Tensor:
        """The ids as int64, which must be (batch, length), not too long, and in the vocabulary."""
        if not isinstance(ids, Tensor):
            raise TypeError(f"ids must be a tensor, got {type(ids).__name__}")
        ids = ids_below("ids", ids, self.vocab_size)
        if ids.ndim != 2:
            raise ValueError(f"ids must have the shape (batch, length), got {tuple(ids.shape)}")
        if not 1 <= ids.shape[1] <= self.max_length:
            raise ValueError(f"ids must have a length from 1 to max_length = {self.max_length}, got {ids.shape[1]}")
        return ids
