"""Decoders, which write a text token by token and look back at what an encoder has read: an LSTM and a Transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from scratch._arguments import at_least_1, batch_of_vectors, flag, ids_below, integers, share_below_1
from scratch.attention import (
    AdditiveAttention,
    MultiHeadAttention,
    mask_of_pairs,
    masked_softmax,
    unseen_as_zeros,
    zeros_at,
)
from scratch.encoder import Encoder, Stack, TransformerEncoder
from scratch.recurrent import LSTM
from scratch.search import State
from scratch.search import beam_search as beam_search  # found here as well
from scratch.search import greedy as greedy
from scratch.text import mask

__all__ = ["Decoder", "DecoderLayer", "DotAttention", "EncoderDecoder", "TransformerDecoder", "beam_search", "greedy"]


class DotAttention(nn.Module):
    """Scores by a product, q · U k, and the mean of the keys with their softmax as weights: Luong's "general" form.

    Used as `AdditiveAttention`. Source: Luong et al. 2015, arXiv 1508.04025, section 3.1.

    >>> attention = DotAttention(query_dim=2, key_dim=3)
    >>> context, weights = attention(torch.ones(1, 4, 2), torch.ones(1, 5, 3))  # four queries, five keys
    >>> context.shape, weights.shape
    (torch.Size([1, 4, 3]), torch.Size([1, 4, 5]))
    """

    def __init__(self, query_dim: int, key_dim: int):
        super().__init__()
        self.query_dim, self.key_dim = at_least_1("query_dim", query_dim), at_least_1("key_dim", key_dim)
        self.U = nn.Linear(self.key_dim, self.query_dim, bias=False)

    def forward(
        self, query: Tensor, keys: Tensor, mask: Tensor | None = None, *, projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """query (batch, queries, query_dim), keys (batch, length, key_dim) -> context, weights.

        mask: of three dimensions, as for `MultiHeadAttention`; that of padding is (batch, 1, length). context (batch,
        queries, key_dim), weights (batch, queries, length).
        """
        queries = batch_of_vectors("query", query, "query_dim", self.query_dim).shape[1]
        batch, length, _ = batch_of_vectors("keys", keys, "key_dim", self.key_dim).shape
        if mask is not None:
            mask = mask_of_pairs(mask, (batch, queries, length))
        if projected is None:
            (keys,) = unseen_as_zeros(mask, keys)
            projected = self.U(keys)
        else:
            keys, projected = unseen_as_zeros(mask, keys, projected)
        scores = query @ projected.transpose(1, 2)  # (batch, queries, length)
        weights = masked_softmax(scores, mask)
        return weights @ keys, weights

    def project_keys(self, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """keys (batch, length, key_dim), mask (batch, length) -> U k (batch, length, query_dim)."""
        return self.U(zeros_at(mask, keys))


class Decoder(nn.Module):
    """An LSTM that begins where an encoder has ended, guesses the next token at every step, and may look back.

    What it knows of the source: at first the encoder's vector, made by one layer into its state; and at every step,
    with `attention` "additive" (Bahdanau) or "dot" (Luong), the mean of the encoder's states that its own state asks
    for. Both go through one layer with tanh and one that scores the vocabulary. As the LSTM does not wait for what
    attention finds, all steps are taken at once in training. Sources: Sutskever et al. 2014, arXiv 1409.3215; Luong et
    al. 2015, arXiv 1508.04025, section 3, equations 5 and 6.

    vocab_size, embedding_dim, hidden_dim: sizes; memory_dim: how many numbers a state of the encoder has. Raises
    ValueError for a size below 1 or an unknown kind of attention.
    """

    def __init__(
        self, vocab_size: int, embedding_dim: int, hidden_dim: int, memory_dim: int, *, attention: str | None = "dot"
    ):
        super().__init__()
        self.vocab_size = at_least_1("vocab_size", vocab_size)
        memory_dim = at_least_1("memory_dim", memory_dim)
        self.embedding = nn.Embedding(self.vocab_size, at_least_1("embedding_dim", embedding_dim), padding_idx=0)
        self.lstm = LSTM(embedding_dim, hidden_dim)
        self.begin = nn.Linear(memory_dim, 2 * hidden_dim)
        if attention not in ("dot", "additive", None):
            raise ValueError(f"attention must be 'dot', 'additive' or None, got {attention!r}")
        self.attention: DotAttention | AdditiveAttention | None = None
        if attention == "dot":
            self.attention = DotAttention(hidden_dim, memory_dim)
        if attention == "additive":
            self.attention = AdditiveAttention(hidden_dim, memory_dim, hidden_dim)
        self.combine = nn.Linear(hidden_dim + (memory_dim if attention else 0), hidden_dim)
        self.output = nn.Linear(hidden_dim, self.vocab_size)

    def start(self, memory: Tensor, words: Tensor | None, vectors: Tensor) -> State:
        """memory (batch, length, memory_dim), words (batch, length) True at words, vectors (batch, memory_dim)."""
        h, c = self.begin(vectors).tanh().chunk(2, 1)
        state = {"h": h, "c": c}
        if self.attention is not None:
            state |= {"memory": memory, "keys": self.attention.project_keys(memory, words)}
            state |= {} if words is None else {"words": words.unsqueeze(1)}  # (batch, 1, length)
        return state

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch, steps), the ones before each guess -> scores (batch, steps, vocab_size), and the state."""
        tokens = ids_below("tokens", tokens, self.vocab_size).to(self.embedding.weight.device)
        start = state["h"].unsqueeze(0), state["c"].unsqueeze(0)
        output, (h, c) = self.lstm(self.embedding(tokens), state=start)  # (batch, steps, hidden_dim)
        found = output
        if self.attention is not None:
            context, _ = self.attention(output, state["memory"], state.get("words"), projected=state["keys"])
            found = torch.cat([output, context], 2)
        return self.output(self.combine(found).tanh()), state | {"h": h[0], "c": c[0]}


class DecoderLayer(nn.Module):
    """Self-attention among what is written, attention to what was read, a small network; each added to its input.

    Post-norm or, with `norm_first`, pre-norm, as `EncoderLayer`. The weights have the names and shapes of
    `torch.nn.TransformerDecoderLayer(…, batch_first=True)`, whose `state_dict` loads. Source: Vaswani et al. 2017,
    arXiv 1706.03762, section 3.1.

    >>> layer = DecoderLayer(dim=4, heads=2, feed_forward=8)
    >>> layer(torch.zeros(1, 3, 4), torch.zeros(1, 5, 4), torch.ones(1, 3, 3).tril() > 0).shape
    torch.Size([1, 3, 4])

    Raises TypeError or ValueError for a size, a share of dropout, a shape or a mask that does not fit.
    """

    def __init__(self, dim: int, heads: int, feed_forward: int, dropout: float = 0.0, *, norm_first: bool = False):
        super().__init__()
        self.self_attn, self.multihead_attn = MultiHeadAttention(dim, heads), MultiHeadAttention(dim, heads)
        self.linear1 = nn.Linear(dim, at_least_1("feed_forward", feed_forward))
        self.linear2 = nn.Linear(feed_forward, dim)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))
        self.dropout, self.norm_first = nn.Dropout(share_below_1("dropout", dropout)), flag("norm_first", norm_first)

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """x (batch, steps, dim), memory (batch, length, dim) -> (batch, steps, dim).

        mask, which broadcasts to (batch, steps, steps), and memory_mask, to (batch, steps, length): True where one may
        look.
        """
        x = batch_of_vectors("x", x, "dim", self.self_attn.dim)
        parts = (
            (self.norm1, lambda y: self.self_attn(y, y, y, mask)[0]),
            (self.norm2, lambda y: self.multihead_attn(y, memory, memory, memory_mask)[0]),
            (self.norm3, lambda y: self.linear2(self.dropout(relu(self.linear1(y))))),
        )
        for norm, part in parts:
            x = x + self.dropout(part(norm(x))) if self.norm_first else norm(x + self.dropout(part(x)))
        return x


class TransformerDecoder(Stack):
    """An input layer and decoder layers over it: each place sees the places before it, and all of what was read.

    Made as `TransformerEncoder` and used as `Decoder`; the state holds what has been written so far. The layers have
    the weights' names of `torch.nn.TransformerDecoder`, whose `state_dict` loads with `strict=False`. Source: Vaswani
    et al. 2017, arXiv 1706.03762, section 3. Raises ValueError for a size below 1 and heads that do not divide `dim`.
    """

    layer = DecoderLayer

    def __init__(self, vocab_size: int, dim: int, num_layers: int, heads: int, feed_forward: int | None = None, **more):
        super().__init__(vocab_size, dim, num_layers, heads, feed_forward, **more)
        self.output = nn.Linear(dim, self.vocab_size)

    def start(self, memory: Tensor, words: Tensor | None, vectors: Tensor) -> State:
        """memory (batch, length, dim), words (batch, length) True at words; vectors are not looked at."""
        state = {"memory": memory, "written": torch.zeros(len(memory), 0, dtype=torch.long, device=memory.device)}
        return state if words is None else state | {"words": words.unsqueeze(1)}  # (batch, 1, length)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch, steps), the ones before each guess -> scores (batch, steps, vocab_size), and the state."""
        tokens = integers("tokens", tokens, IndexError).to(state["written"].device)
        written = torch.cat([state["written"], tokens], 1)  # all of it is read anew
        steps = written.shape[1]
        causal = torch.ones(1, steps, steps, dtype=torch.bool, device=written.device).tril()
        x = self.input(written)
        for layer in self.layers:
            x = layer(x, state["memory"], causal, state.get("words"))
        return self.output(self.norm(x[:, -tokens.shape[1] :])), state | {"written": written}


class EncoderDecoder(nn.Module):
    """An encoder that reads a sentence and a decoder that writes another: what translation is learnt with.

    encoder: `Encoder` or `TransformerEncoder`; decoder: `Decoder` or `TransformerDecoder`. It is what `greedy` and
    `beam_search` ask for.

    >>> model = EncoderDecoder(Encoder(9, 4, 5, 1), Decoder(7, 4, 6, memory_dim=5))
    >>> ids, lengths = torch.tensor([[4, 5, 6], [7, 0, 0]]), torch.tensor([3, 1])
    >>> model(ids, lengths, torch.tensor([[2, 4, 4, 5], [2, 6, 0, 0]])).shape  # sentences, steps, tokens
    torch.Size([2, 4, 7])
    """

    def __init__(self, encoder: Encoder | TransformerEncoder, decoder: Decoder | TransformerDecoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def start(self, ids: Tensor, lengths: Tensor | None = None) -> State:
        """ids (batch, length), lengths (batch,) -> the state before the first token."""
        memory, vectors = self.encoder.read(ids, lengths)
        return self.decoder.start(memory, None if lengths is None else mask(lengths, memory.shape[1]), vectors)

    def forward(self, ids: Tensor, lengths: Tensor | None, before: Tensor) -> Tensor:
        """before (batch, steps): `<bos>` and the right tokens but for the last -> scores (batch, steps, tokens)."""
        return self.decoder(before, self.start(ids, lengths))[0]

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch,) -> log probabilities of the next one (batch, vocab_size), and the state."""
        scores, state = self.decoder(tokens.unsqueeze(1), state)
        return scores[:, 0].log_softmax(1), state
