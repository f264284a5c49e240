"""A decoder that can also copy: the next token is written from its vocabulary, or pointed at in the source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from scratch._arguments import ids_below, known_ids
from scratch.decoder import Decoder, DotAttention, EncoderDecoder
from scratch.encoder import Encoder, TransformerEncoder
from scratch.search import State
from scratch.text import Vocabulary

__all__ = ["CopyingDecoder", "CopyingEncoderDecoder", "decode", "encode"]


def encode(vocabulary: Vocabulary, tokens: Iterable[str], others: Sequence[str] = ()) -> tuple[list[int], list[str]]:
    """The ids of a sentence's tokens, V = len(vocabulary), V + 1, … for those outside the vocabulary; and these tokens.

    `others` are numbered already. Used for a source, whose `others` its translation is then decoded with.

    >>> vocabulary = Vocabulary.from_tokens(["the", "lamp"])
    >>> encode(vocabulary, ["the", "Hue", "lamp", "Hue", "2"])
    ([5, 6, 4, 6, 7], ['Hue', '2'])

    Raises TypeError as `Vocabulary.encode` does.
    """
    numbers = {token: i for i, token in enumerate(others, len(vocabulary))}
    tokens = tokens if isinstance(tokens, str) else list(tokens)
    ids = vocabulary.encode(tokens)
    for place, token in enumerate(tokens):
        if token not in vocabulary:
            ids[place] = numbers.setdefault(token, len(vocabulary) + len(numbers))
    return ids, list(numbers)


def decode(vocabulary: Vocabulary, ids: Iterable[int], others: Sequence[str]) -> list[str]:
    """The tokens of `ids`, those from V = len(vocabulary) on among `others`: what `encode` has numbered.

    >>> decode(Vocabulary.from_tokens(["the", "lamp"]), [5, 7], others=["Hue", "2"])
    ['the', '2']

    Raises IndexError for an id outside both, TypeError if one is no integer.
    """
    tokens = [*vocabulary.tokens, *others]
    return [tokens[i] for i in known_ids("ids", ids, len(tokens))]


class CopyingDecoder(Decoder):
    """A `Decoder` with dot attention whose weights are also probabilities, each of the token at its place.

    p(w) = p_gen · softmax(scores)(w) + (1 - p_gen) · Σ weights of the places where the source has w. The switch p_gen,
    between 0 and 1, is a layer's sigmoid, of the state, of what attention has found and of the token before. Ids have
    one numbering in source and target: the decoder itself writes those below its `vocab_size`, and copies any. Source:
    See et al. 2017, arXiv 1704.04368, section 2.2, equations 8 and 9.

    Made as `Decoder`, with the same errors, and used by `CopyingEncoderDecoder`.
    """

    attention: DotAttention

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, memory_dim: int):
        super().__init__(vocab_size, embedding_dim, hidden_dim, memory_dim, attention="dot")
        self.switch = nn.Linear(hidden_dim + memory_dim + embedding_dim, 1)

    def parts(self, tokens: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor, State]:
        """tokens (batch, steps), the ones before each guess -> what the mixture is made of, and the state.

        The scores (batch, steps, vocab_size), p_gen (batch, steps) and attention's weights (batch, steps, length).
        """
        tokens = ids_below("tokens", _known(tokens, self.vocab_size), self.vocab_size)
        seen = self.embedding(tokens)  # (batch, steps, embedding_dim)
        output, (h, c) = self.lstm(seen, state=(state["h"].unsqueeze(0), state["c"].unsqueeze(0)))
        context, weights = self.attention(output, state["memory"], state.get("words"), projected=state["keys"])
        found = torch.cat([output, context], 2)
        p_gen = self.switch(torch.cat([found, seen], 2)).sigmoid().squeeze(2)
        return self.output(self.combine(found).tanh()), p_gen, weights, state | {"h": h[0], "c": c[0]}

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch, steps), the ones before each guess -> log probabilities (batch, steps, ids), and the state.

        `ids` is the decoder's vocab_size, or more if the sources, state["ids"] (batch, length), have ids beyond it.
        """
        scores, p_gen, weights, state = self.parts(tokens, state)
        p_gen = p_gen.unsqueeze(2)  # (batch, steps, 1)
        beyond = max(0, int(state["ids"].max()) + 1 - self.vocab_size) if len(tokens) else 0
        p = nn.functional.pad(p_gen * scores.softmax(2), (0, beyond))
        p = p.scatter_add(2, state["ids"].unsqueeze(1).expand_as(weights), (1 - p_gen) * weights)
        return _log(p), state


class CopyingEncoderDecoder(EncoderDecoder):
    """An `EncoderDecoder` whose decoder copies: ids outside the encoder's vocabulary are read as `<unk>`, and copied.

    Its `forward` gives log probabilities, not scores; `log_p` only those of the right tokens, which trains quicker.

    >>> model = CopyingEncoderDecoder(Encoder(9, 4, 5, 1), CopyingDecoder(7, 4, 6, memory_dim=5))
    >>> ids, lengths = torch.tensor([[4, 9, 10], [8, 0, 0]]), torch.tensor([3, 1])  # 9 and 10: nobody knows them
    >>> log_p = model(ids, lengths, torch.tensor([[2, 10], [2, 8]]))
    >>> log_p.shape, log_p.exp().sum(2).allclose(torch.ones(2, 2))  # sentences, steps, ids
    (torch.Size([2, 2, 11]), True)
    """

    decoder: CopyingDecoder

    def __init__(self, encoder: Encoder | TransformerEncoder, decoder: CopyingDecoder):
        super().__init__(encoder, decoder)

    def start(self, ids: Tensor, lengths: Tensor | None = None) -> State:
        """ids (batch, length), lengths (batch,) -> the state before the first token."""
        return super().start(_known(ids, self.encoder.vocab_size), lengths) | {"ids": ids}

    def log_p(self, ids: Tensor, lengths: Tensor | None, before: Tensor, after: Tensor) -> Tensor:
        """As `forward`, of the tokens `after` each guess alone: before and after (batch, steps) -> (batch, steps)."""
        scores, p_gen, weights, _ = self.decoder.parts(before, self.start(ids, lengths))
        writes = after < self.decoder.vocab_size
        wanted = _known(after, self.decoder.vocab_size).flatten()
        written = (-nn.functional.cross_entropy(scores.flatten(0, 1), wanted, reduction="none")).exp().view_as(after)
        copied = (weights * (ids.unsqueeze(1) == after.unsqueeze(2))).sum(2)
        return _log(p_gen * written * writes + (1 - p_gen) * copied)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch,) -> log probabilities of the next one (batch, ids), and the state."""
        log_p, state = self.decoder(tokens.unsqueeze(1), state)
        return log_p[:, 0], state


def _known(ids: Tensor, vocab_size: int) -> Tensor:
    """The ids, `<unk>` for those from vocab_size on."""
    return torch.where(ids < vocab_size, ids, Vocabulary.unk_id)


def _log(p: Tensor) -> Tensor:
    """The logarithm, of which not even p = 0 makes an infinity."""
    return p.clamp_min(torch.finfo(p.dtype).tiny).log()
