"""Language models on the book's encoders: the next word, hidden words, or the words near by."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from scratch.contextual import mask_tokens
from scratch.encoder import Encoder, TransformerEncoder
from scratch.text import mask
from scratch.windows import keep_probability

WINDOW, NEGATIVE, SHARED, RARE = 5, 5, 64, 1e-3  # of skip-gram: neighbours a side, negatives a pair, a row; subsampling


class LanguageModel(nn.Module):
    """One of the book's encoders and a guess at each place, scored by the encoder's own table.

    `forward(ids, generator, rows)` returns the mean surprise -ln p at the guesses and how many these are; `encoder` has
    `vectors` and `states`.
    """

    encoder: Encoder | TransformerEncoder | Bag
    table: nn.Embedding

    def __init__(self, encoder: Encoder | TransformerEncoder | Bag, table: nn.Embedding):
        super().__init__()
        self.encoder, self.table = encoder, table
        self.bias = nn.Parameter(torch.zeros(len(table.weight)))

    def guesses(self, states: Tensor, words: Tensor) -> tuple[Tensor, int]:
        """states (n, dim), words (n,) -> the mean surprise at the words, and n."""
        scores = states @ self.table.weight.T + self.bias  # (n, V)
        return cross_entropy(scores, words, reduction="sum") / max(len(words), 1), len(words)


class NextWord(LanguageModel):
    """Each place guesses the next word. The encoder must not look ahead."""

    def forward(self, ids: Tensor, generator: torch.Generator, rows: slice) -> tuple[Tensor, int]:
        ids = ids[rows]
        return self.guesses(self.encoder.states(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


class Masked(LanguageModel):
    """Hidden words are guessed from both sides (see `scratch.contextual.mask_tokens`); the last id hides."""

    def forward(self, ids: Tensor, generator: torch.Generator, rows: slice) -> tuple[Tensor, int]:
        inputs, labels = mask_tokens(ids, len(self.bias) - 1, generator)  # of all processes' rows: the same in each
        inputs, labels = inputs[rows], labels[rows]
        chosen = labels >= 0
        return self.guesses(self.encoder.states(inputs)[chosen], labels[chosen])


class Causal(TransformerEncoder):
    """A Transformer encoder in which no place looks at a later one.

    >>> encoder = Causal(vocab_size=9, dim=4, num_layers=1, heads=2)
    >>> one, other = encoder.states(torch.tensor([[5, 6, 7]])), encoder.states(torch.tensor([[5, 6, 8]]))
    >>> torch.equal(one[:, :2], other[:, :2]), torch.equal(one, other)
    (True, False)
    """

    def _visible(self, ids: Tensor, words: Tensor | None) -> Tensor:
        length = ids.shape[1]
        earlier = torch.ones(1, length, length, dtype=torch.bool, device=ids.device).tril()  # (1, queries, keys)
        return earlier if words is None else earlier & words.unsqueeze(1)


class Bag(nn.Module):
    """A table alone: a place's state is its word's vector, a sentence's vector their mean."""

    def __init__(self, vocab_size: int, dim: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=0)
        nn.init.uniform_(self.embedding.weight[1:], -0.5 / dim, 0.5 / dim)  # as word2vec's C program

    def states(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """ids (batch, length) -> (batch, length, dim), zeros at padding."""
        states = self.embedding(ids)
        return states if lengths is None else states * mask(lengths, ids.shape[1]).to(ids.device).unsqueeze(2)

    def vectors(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """ids (batch, length), lengths (batch,) -> (batch, dim)"""
        count = ids.shape[1] if lengths is None else lengths.to(ids.device).unsqueeze(1)
        return self.states(ids, lengths).sum(1) / count


class SkipGram(LanguageModel):
    """Word2vec with negative sampling: a word's vector guesses which words stand near, among SHARED that do not.

    The window of each word is 1 to WINDOW wide, frequent words are left out at random, negatives are drawn by their
    counts to the power 0.75, one set a row, weighted to count as NEGATIVE a pair. Source: Mikolov et al. 2013,
    arXiv 1310.4546.
    """

    keep: Tensor
    noise: Tensor

    def __init__(self, encoder: Bag, table: nn.Embedding, counts: Tensor):
        super().__init__(encoder, table)
        nn.init.zeros_(table.weight)
        self.register_buffer("keep", keep_probability(counts.double().clamp(min=1), RARE).float())
        self.register_buffer("noise", counts.double().pow(0.75).float())

    def forward(self, ids: Tensor, generator: torch.Generator, rows: slice) -> tuple[Tensor, int]:
        (batch, length), device = ids.shape, ids.device
        reach = torch.randint(1, WINDOW + 1, (batch, length), generator=generator)[rows].to(device)
        luck = torch.rand((batch, length), generator=generator)[rows].to(device)
        drawn = torch.multinomial(self.noise.cpu(), batch * SHARED, replacement=True, generator=generator)
        ids, drawn = ids[rows], drawn.view(batch, SHARED)[rows].to(device)
        kept = luck < self.keep[ids]  # (b, L)
        places = torch.arange(length, device=device)
        distance = (places - places.unsqueeze(1)).abs()  # (L, L)
        sees = (distance <= reach.unsqueeze(2)) & (distance > 0) & kept.unsqueeze(1) & kept.unsqueeze(2)  # (b, L, L)
        words, near, far = self.encoder.states(ids), self.table(ids), self.table(drawn)  # (b, L, d), …, (b, N, d)
        attracted = softplus(-(words @ near.mT)[sees]).sum()
        repelled = softplus(words @ far.mT).sum(2) * sees.sum(2) * (NEGATIVE / SHARED)  # (b, L)
        pairs = int(sees.sum())
        return (attracted + repelled.sum()) / max(pairs, 1), pairs
