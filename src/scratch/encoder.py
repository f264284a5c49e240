"""Two encoders that are used the same way: an LSTM, which reads word by word, and a Transformer, all at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from scratch._arguments import (
    at_least_1,
    batch_of_vectors,
    flag,
    ids_below,
    integers,
    lengths_within,
    readable,
    share_below_1,
)
from scratch.attention import MultiHeadAttention
from scratch.input_layer import InputLayer
from scratch.recurrent import LSTM
from scratch.text import Vocabulary, mask


class Encoder(nn.Module):
    """A table of embeddings and an LSTM over them: ids (batch, length) -> (hidden, cell).

    With `lengths`, each sentence is read to its own end, and padding changes nothing; without, all places count as
    words. The embedding of the padding, id 0, starts as zeros and is never trained. Source: Sutskever et al. 2014,
    arXiv 1409.3215, section 2.

    >>> encoder = Encoder(vocab_size=9, embedding_dim=4, hidden_dim=5, num_layers=2)
    >>> hidden, cell = encoder(torch.tensor([[4, 5, 6], [7, 0, 0]]), lengths=torch.tensor([3, 1]))
    >>> hidden.shape  # layers, sentences, hidden_dim
    torch.Size([2, 2, 5])
    >>> encoder(torch.tensor([[9]]))
    Traceback (most recent call last):
    IndexError: ids must lie between 0 and vocab_size - 1 = 8, got 9

    Raises ValueError for a size below 1, ids of another shape or a length outside 1 … length, IndexError for an id
    outside the vocabulary, TypeError if a size is no int or ids or lengths are no integers.
    """

    def __init__(
        self, vocab_size: int, embedding_dim: int, hidden_dim: int, num_layers: int, *, bidirectional: bool = False
    ):
        super().__init__()
        self.vocab_size = at_least_1("vocab_size", vocab_size)
        embedding_dim = at_least_1("embedding_dim", embedding_dim)
        self.embedding = nn.Embedding(self.vocab_size, embedding_dim, padding_idx=Vocabulary.pad_id)
        self.lstm = LSTM(embedding_dim, hidden_dim, num_layers, bidirectional=flag("bidirectional", bidirectional))

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """ids (batch, length), lengths (batch,) -> hidden and cell, each (num_layers · directions, batch, hidden_dim).

        They are the last states of each layer; of the backward direction, the state after the first word.
        """
        return self._read(ids, lengths)[1]

    def states(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The top layer's state at each word: (batch, length, directions · hidden_dim), zeros at padding."""
        return self._read(ids, lengths)[0]

    def vectors(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """A vector for each sentence, the top layer's last state(s): (batch, directions · hidden_dim)."""
        return self.read(ids, lengths)[1]

    def read(self, ids: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Both `states` and `vectors`, read once."""
        states, (hidden, _) = self._read(ids, lengths)
        return states, torch.cat(hidden[-2:].unbind(), 1) if self.lstm.bidirectional else hidden[-1]

    def _read(self, ids: Tensor, lengths: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.lstm(self.embedding(_batch(ids, self.embedding)), lengths)


class EncoderLayer(nn.Module):
    """Self-attention between all places, then a small network at each place; both are added to what they were given.

    With x + f(x) for such a residual connection, the layer normalises after the sum, norm(x + f(x)), as the original
    (post-norm), or with `norm_first` before the sublayer, x + f(norm(x)) (pre-norm). The weights have the names and
    shapes of `torch.nn.TransformerEncoderLayer(…, batch_first=True)`, whose `state_dict` loads. Sources: Vaswani et al.
    2017, arXiv 1706.03762, section 3.1; Xiong et al. 2020, arXiv 2002.04745.

    >>> layer = EncoderLayer(dim=4, heads=2, feed_forward=8)
    >>> layer(torch.zeros(1, 3, 4), torch.tensor([[[True, True, False]]])).shape
    torch.Size([1, 3, 4])

    Raises TypeError or ValueError for a size, a share of dropout, a shape or a mask that does not fit.
    """

    def __init__(self, dim: int, heads: int, feed_forward: int, dropout: float = 0.0, *, norm_first: bool = False):
        super().__init__()
        self.self_attn = MultiHeadAttention(dim, heads)
        self.linear1 = nn.Linear(dim, at_least_1("feed_forward", feed_forward))
        self.linear2 = nn.Linear(feed_forward, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout, self.norm_first = nn.Dropout(share_below_1("dropout", dropout)), flag("norm_first", norm_first)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (batch, length, dim) -> (batch, length, dim); mask as for `MultiHeadAttention`: True where one may look."""
        x = batch_of_vectors("x", x, "dim", self.self_attn.dim)
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, mask))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.dropout(self.self_attn(x, x, x, mask)[0])

    def _feed_forward(self, x: Tensor) -> Tensor:
        inner = relu(self.linear1(x))  # (batch, length, feed_forward); not in place: a hook may have seen it
        return self.dropout(self.linear2(self.dropout(inner)))


class Stack(nn.Module):
    """An input layer and layers over it: what the Transformer's encoder and its decoder have in common."""

    layer: type[nn.Module]  # of what kind they are

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        num_layers: int,
        heads: int,
        feed_forward: int | None = None,
        *,
        max_length: int = 512,
        position: str = "sinusoidal",
        dropout: float = 0.0,
        norm_first: bool = False,
    ):
        super().__init__()
        self.vocab_size = at_least_1("vocab_size", vocab_size)
        self.input = InputLayer(self.vocab_size, dim, max_length, position, dropout)
        feed_forward = 4 * dim if feed_forward is None else feed_forward
        layers = range(at_least_1("num_layers", num_layers))
        self.layers = nn.ModuleList(
            self.layer(dim, heads, feed_forward, dropout, norm_first=norm_first) for _ in layers
        )
        self.norm = nn.LayerNorm(dim) if norm_first else nn.Identity()


class TransformerEncoder(Stack):
    """An input layer and layers of self-attention over it: ids (batch, length) -> states (batch, length, dim).

    With `lengths`, no word looks at padding; without, all places count as words. Before the first layer stands an
    `InputLayer`; the rest has the weights' names of `torch.nn.TransformerEncoder`, whose `state_dict` loads with
    `strict=False`. With `norm_first` (pre-norm), the last layer's output is normalised too. Sources: Vaswani et al.
    2017, arXiv 1706.03762, section 3; Xiong et al. 2020, arXiv 2002.04745.

    >>> encoder = TransformerEncoder(vocab_size=9, dim=4, num_layers=2, heads=2)
    >>> ids, lengths = torch.tensor([[4, 5, 6], [7, 0, 0]]), torch.tensor([3, 1])
    >>> encoder.states(ids, lengths).shape, encoder.vectors(ids, lengths).shape
    (torch.Size([2, 3, 4]), torch.Size([2, 4]))

    Raises what `Encoder` raises, and ValueError for ids longer than `max_length` and heads that do not divide `dim`.
    """

    layer = EncoderLayer

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """ids (batch, length), lengths (batch,) -> the states (batch, length, dim)."""
        return self.states(ids, lengths)

    def states(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The last layer's vector at each word: (batch, length, dim), zeros at padding."""
        ids = _batch(ids, self.input.token)
        if lengths is None:
            return self._read(ids, None)
        lengths = lengths_within(lengths, ids.shape[1], len(ids)).to(ids.device)
        longest = (
            int(lengths.max()) if readable(lengths) else ids.shape[1]
        )  # what only pads are left of is not computed
        words = mask(lengths, longest)  # (batch, longest)
        x = self._read(ids[:, :longest], words).masked_fill(~words.unsqueeze(2), 0)
        return nn.functional.pad(x, (0, 0, 0, ids.shape[1] - longest))

    def vectors(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """A vector for each sentence, the mean of its words' states: (batch, dim)."""
        return self.read(ids, lengths)[1]

    def read(self, ids: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Both `states` and `vectors`, read once."""
        states = self.states(ids, lengths)  # (batch, length, dim)
        if lengths is None:
            return states, states.mean(1)
        return states, states.sum(1) / integers("lengths", lengths).to(states).unsqueeze(1)

    def _read(self, ids: Tensor, words: Tensor | None) -> Tensor:
        x, visible = self.input(ids), self._visible(ids, words)  # (batch, length, dim)
        if words is not None:  # no number that stands at padding comes in
            x = x.masked_fill(~words.unsqueeze(2), 0)
        for layer in self.layers:
            x = layer(x, visible)
        return self.norm(x)

    def _visible(self, ids: Tensor, words: Tensor | None) -> Tensor | None:
        """Where each place may look, (batch, 1 or queries, keys): at words, not at padding."""
        return None if words is None else words.unsqueeze(1)


def _batch(ids: Tensor, table: nn.Embedding) -> Tensor:
    """The ids, on the table's device, if they are a batch with something in it."""
    ids = ids_below("ids", ids, table.num_embeddings).to(table.weight.device)
    if ids.ndim != 2 or not ids.numel():
        raise ValueError(f"ids must have the shape (batch, length), each 1 or more, got {tuple(ids.shape)}")
    return ids
