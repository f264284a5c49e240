"""Attention: a weighted mean of many vectors, whose weights depend on what is asked (Bahdanau et al. 2015).

A mask is True where attention is allowed. A row that may attend nowhere gets weights of 0, and so a result of 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from scratch._arguments import at_least_1, batch_of_vectors


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """The softmax along the last axis, over the places where the mask is True; exactly 0 at the others.

    scores (…, length); mask, of a shape that broadcasts to it, or None for all places.

    >>> mask = torch.tensor([[True, True, False], [False, False, False]])
    >>> masked_softmax(torch.tensor([[0.0, 0.0, 9.0], [1.0, 2.0, 3.0]]), mask)
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])

    Raises TypeError for a mask that is not boolean, ValueError for one of another shape.
    """
    if mask is None:
        return scores.softmax(-1)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask must be a boolean tensor, True where attention is allowed, got {kind}")
    if not _broadcasts(mask.shape, scores.shape):
        raise ValueError(f"mask must broadcast to the scores' shape {tuple(scores.shape)}, got {tuple(mask.shape)}")
    least = torch.finfo(scores.dtype).min  # and not -inf, of which a whole row would give 0 / 0
    return scores.masked_fill(~mask, least).softmax(-1).masked_fill(~mask, 0)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ / √d) V (Vaswani et al. 2017, arXiv 1706.03762, eq. 1).

    query (…, queries, dim), key (…, keys, dim), value (…, keys, value_dim); mask, of a shape that broadcasts to
    (…, queries, keys). Returns the output (…, queries, value_dim) and the weights (…, queries, keys).

    >>> one = torch.ones(1, 1)
    >>> scaled_dot_product_attention(one, torch.zeros(2, 1), torch.tensor([[1.0], [3.0]]))  # equal scores: the mean
    (tensor([[2.]]), tensor([[0.5000, 0.5000]]))

    Raises TypeError or ValueError for a mask that is not boolean or shapes that do not fit.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 2:
            raise ValueError(f"{name} must have the shape (..., length, dim), got {tuple(x.shape)}")
    if key.shape[-1] != query.shape[-1]:
        raise ValueError(f"key must have the query's dim, {query.shape[-1]}, got {key.shape[-1]}")
    if value.shape[:-1] != key.shape[:-1]:
        raise ValueError(f"value must have a row for each key, {tuple(key.shape[:-1])}, got {tuple(value.shape[:-1])}")
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)  # (…, queries, keys)
    weights = masked_softmax(scores, mask)
    return weights @ value, weights


class AdditiveAttention(nn.Module):
    """Scores by a small network, v · tanh(W q + U k), and the mean of the keys with their softmax as weights.

    The product U k does not depend on the query: whoever asks many times about the same keys, as a decoder does, calls
    `project_keys` once and passes its result on. Source: Bahdanau et al. 2015, arXiv 1409.0473, section 3.1 and
    appendix A.1.2, where the query is the decoder's state s_{i-1} and a key the encoder's annotation h_j.

    >>> attention = AdditiveAttention(query_dim=2, key_dim=3, hidden_dim=4)
    >>> mask = torch.tensor([[True, False, False]])
    >>> context, weights = attention(torch.ones(1, 2), torch.arange(9.0).view(1, 3, 3), mask)
    >>> context, weights.tolist()
    (tensor([[0., 1., 2.]], grad_fn=<SqueezeBackward1>), [[1.0, 0.0, 0.0]])

    Raises TypeError or ValueError for a size, shape or mask that does not fit.
    """

    def __init__(self, query_dim: int, key_dim: int, hidden_dim: int):
        super().__init__()
        self.query_dim, self.key_dim = at_least_1("query_dim", query_dim), at_least_1("key_dim", key_dim)
        self.hidden_dim = at_least_1("hidden_dim", hidden_dim)
        self.W = nn.Linear(self.query_dim, self.hidden_dim, bias=False)
        self.U = nn.Linear(self.key_dim, self.hidden_dim, bias=False)
        self.v = nn.Linear(self.hidden_dim, 1, bias=False)

    def project_keys(self, keys: Tensor) -> Tensor:
        """keys (batch, length, key_dim) -> their share of the scores' network (batch, length, hidden_dim)."""
        return self.U(batch_of_vectors("keys", keys, "key_dim", self.key_dim))

    def forward(
        self, query: Tensor, keys: Tensor, mask: Tensor | None = None, *, projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """query (batch, query_dim), keys (batch, length, key_dim), mask (batch, length), True where a key may be used.

        `projected` is what `project_keys(keys)` returned, if it is there already. Returns the context (batch, key_dim)
        and the weights (batch, length).
        """
        batch, length, _ = batch_of_vectors("keys", keys, "key_dim", self.key_dim).shape
        projected = self.U(keys) if projected is None else projected
        if query.shape != (batch, self.query_dim):
            expected = f"(batch, query_dim) = ({batch}, {self.query_dim})"
            raise ValueError(f"query must have the shape {expected}, got {tuple(query.shape)}")
        if projected.shape != (batch, length, self.hidden_dim):
            expected = f"(batch, length, hidden_dim) = ({batch}, {length}, {self.hidden_dim})"
            raise ValueError(f"projected must have the shape {expected}, got {tuple(projected.shape)}")
        if mask is not None and mask.shape != (batch, length):
            expected = f"(batch, length) = ({batch}, {length})"
            raise ValueError(f"mask must have the shape {expected}, got {tuple(mask.shape)}")
        scores = self.v(torch.tanh(self.W(query).unsqueeze(1) + projected)).squeeze(2)  # (batch, length)
        weights = masked_softmax(scores, mask)
        return (weights.unsqueeze(1) @ keys).squeeze(1), weights


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own dim / heads dimensions (Vaswani et al. 2017, section 3.2.2).

    The weights have the names and shapes of `torch.nn.MultiheadAttention`, whose `state_dict` loads.

    >>> attention = MultiHeadAttention(dim=4, heads=2)
    >>> x, mask = torch.ones(1, 3, 4), torch.tensor([[True, True, False]])
    >>> output, weights = attention(x, x, x, mask)
    >>> output.shape, weights[0, 0, 0].tolist()  # of the first head and the first query
    (torch.Size([1, 3, 4]), [0.5, 0.5, 0.0])

    Raises TypeError or ValueError for a size, shape or mask that does not fit.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.dim, self.heads = at_least_1("dim", dim), at_least_1("heads", heads)
        if self.dim % self.heads:
            raise ValueError(f"heads must divide dim = {self.dim}, got {self.heads}")
        self.in_proj_weight = nn.Parameter(torch.empty(3 * self.dim, self.dim))  # queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * self.dim))
        self.out_proj = nn.Linear(self.dim, self.dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """query (batch, queries, dim), key and value (batch, keys, dim); mask, True where a key may be seen.

        mask (batch, keys) holds for all queries; one of three dimensions, which broadcasts to (batch, queries, keys),
        says it for each. Returns the output (batch, queries, dim) and the weights (batch, heads, queries, keys).
        """
        for name, x in (("query", query), ("key", key), ("value", value)):
            if len(batch_of_vectors(name, x, "dim", self.dim)) != len(query):
                raise ValueError(f"{name} must have the query's batch, {len(query)}, got {len(x)}")
        q, k, v = self._projected(query, key, value)  # (batch, heads, length, dim / heads) each
        output, weights = scaled_dot_product_attention(q, k, v, self._by_head(mask, *key.shape[:2]))
        return self.out_proj(output.transpose(1, 2).flatten(2)), weights

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        if query is key and key is value:  # self-attention: one product for all three
            parts = linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, 2)
        else:
            shares = zip((query, key, value), self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3), strict=True)
            parts = [linear(x, weight, bias) for x, weight, bias in shares]
        return [x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in parts]

    def _by_head(self, mask: Tensor | None, batch: int, keys: int) -> Tensor | None:
        if not isinstance(mask, Tensor) or mask.ndim == 3:
            return mask if mask is None else mask.unsqueeze(1)
        if mask.shape != (batch, keys):
            expected = f"(batch, keys) = ({batch}, {keys}) or (batch, queries, keys)"
            raise ValueError(f"mask must have the shape {expected}, got {tuple(mask.shape)}")
        return mask[:, None, None]


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))
