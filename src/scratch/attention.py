"""Attention: a weighted mean of many vectors, whose weights depend on what is asked (Bahdanau et al. 2015).

A mask is True where attention is allowed. A row that may attend nowhere gets weights of 0, and so a result of 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from scratch._arguments import at_least_1, batch_of_vectors, floats


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """The softmax along the last axis, over the places where the mask is True; exactly 0 at the others.

    scores (…, length); mask, of a shape that broadcasts to it, or None for all places. What stands at the other places,
    NaN and infinities too, changes neither the result nor a gradient.

    >>> mask = torch.tensor([[True, True, False], [False, False, False]])
    >>> masked_softmax(torch.tensor([[0.0, 0.0, 9.0], [1.0, 2.0, 3.0]]), mask)
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])

    Raises TypeError for scores that are no floating point numbers or a mask that is not boolean, ValueError for a mask
    of another shape.
    """
    floats("scores", scores)
    if mask is None:
        return scores.softmax(-1)
    hidden = ~_booleans(mask, scores)
    if not _broadcasts(hidden.shape, scores.shape):
        raise ValueError(f"mask must broadcast to the scores' shape {tuple(scores.shape)}, got {tuple(mask.shape)}")
    least = torch.finfo(scores.dtype).min  # and not -inf, of which a whole row would give 0 / 0
    return scores.masked_fill(hidden, least).softmax(-1).masked_fill(hidden, 0)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ / √d) V (Vaswani et al. 2017, arXiv 1706.03762, eq. 1).

    query (…, queries, dim), key (…, keys, dim), value (…, keys, value_dim); mask, of a shape that broadcasts to
    (…, queries, keys). Returns the output (…, queries, value_dim) and the weights (…, queries, keys). What stands at a
    key that no query may see, NaN and infinities too, changes neither them nor a gradient.

    >>> one = torch.ones(1, 1)
    >>> scaled_dot_product_attention(one, torch.zeros(2, 1), torch.tensor([[1.0], [3.0]]))  # equal scores: the mean
    (tensor([[2.]]), tensor([[0.5000, 0.5000]]))

    Raises TypeError or ValueError for a mask that is not boolean or shapes that do not fit.
    """
    _check(query, key, value, mask)
    key, value = unseen_as_zeros(mask, key, value)
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

    def forward(
        self, query: Tensor, keys: Tensor, mask: Tensor | None = None, *, projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """query (batch, query_dim), keys (batch, length, key_dim), mask (batch, length), True where a key may be used.

        `projected` is what `project_keys` returned for these keys, if it is there already. Returns the context (batch,
        key_dim) and the weights (batch, length). Keys that may not be used do not matter, whatever numbers they hold.
        A query (batch, queries, query_dim) asks several times at once: (batch, queries, key_dim) and (batch, queries,
        length). Then the mask has three dimensions, too, as for `MultiHeadAttention`: that of padding is (batch, 1,
        length).
        """
        mask, keys, projected = self._checked(query, keys, mask, projected)
        queries = self.W(query if query.ndim == 3 else query.unsqueeze(1)).unsqueeze(2)  # (batch, queries, 1, hidden)
        scores = self.v(torch.tanh(queries + projected.unsqueeze(1))).squeeze(3)  # (batch, queries, length)
        weights = masked_softmax(scores, mask)
        context = weights @ keys  # (batch, queries, key_dim)
        return (context, weights) if query.ndim == 3 else (context.squeeze(1), weights.squeeze(1))

    def project_keys(self, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """keys (batch, length, key_dim), mask (batch, length) -> their share of a score (batch, length, hidden_dim)."""
        return self.U(zeros_at(mask, batch_of_vectors("keys", keys, "key_dim", self.key_dim)))

    def _checked(
        self, query: Tensor, keys: Tensor, mask: Tensor | None, projected: Tensor | None
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """The mask of three dimensions, the keys and their share, with zeros where it is False; or an error."""
        batch, length, _ = batch_of_vectors("keys", keys, "key_dim", self.key_dim).shape
        if isinstance(query, Tensor) and query.ndim == 3:
            _has_shape("query", query, "(batch, queries, query_dim)", (batch, query.shape[1], self.query_dim))
        else:
            _has_shape("query", query, "(batch, query_dim)", (batch, self.query_dim))
        if mask is not None and query.ndim == 2:
            mask = _mask_of_places(mask, keys).unsqueeze(1)  # (batch, 1, length)
        elif mask is not None:
            mask = mask_of_pairs(mask, (batch, query.shape[1], length))
        if projected is None:
            (keys,) = unseen_as_zeros(mask, keys)
            return mask, keys, self.U(keys)
        _has_shape("projected", projected, "(batch, length, hidden_dim)", (batch, length, self.hidden_dim))
        keys, projected = unseen_as_zeros(mask, keys, projected)
        return mask, keys, projected


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own dim / heads dimensions (Vaswani et al. 2017, section 3.2.2).

    The weights have the names and shapes of `torch.nn.MultiheadAttention`, whose `state_dict` loads.

    >>> attention = MultiHeadAttention(dim=4, heads=2)
    >>> x, mask = torch.ones(1, 3, 4), torch.tensor([[True, True, False]])
    >>> output, weights = attention(x, x, x, mask.unsqueeze(1))
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

        The mask has three dimensions and broadcasts to (batch, queries, keys): that of padding is (batch, 1, keys), one
        for all sentences (1, queries, keys). Two would not do: (4, 4) could be either. Returns the output (batch,
        queries, dim) and the weights (batch, heads, queries, keys). Keys that no query may see do not matter, whatever
        numbers they hold (but in self-attention each row is also a query, with an output of its own).
        """
        for name, x in (("query", query), ("key", key), ("value", value)):
            if len(batch_of_vectors(name, x, "dim", self.dim)) != len(query):
                raise ValueError(f"{name} must have the query's batch, {len(query)}, got {len(x)}")
        if mask is not None:
            mask = mask_of_pairs(mask, (len(query), query.shape[1], key.shape[1]))
            if key is not query:
                key, value = unseen_as_zeros(mask, key, value)
            mask = mask.unsqueeze(1)  # (batch, 1, queries, keys): for all heads alike
        q, k, v = self._projected(query, key, value)  # (batch, heads, length, dim / heads) each
        output, weights = scaled_dot_product_attention(q, k, v, mask)
        return self.out_proj(output.transpose(1, 2).flatten(2)), weights

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if query is key and key is value:  # self-attention: one product for all three
            parts = list(linear(query, weight, bias).chunk(3, 2))
        else:
            shares = zip((query, key, value), weight.chunk(3), bias.chunk(3), strict=True)
            parts = [linear(x, w, b) for x, w, b in shares]
        return [x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in parts]


def mask_of_pairs(mask: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The mask, if it has three dimensions and broadcasts to the shape (batch, queries, keys).

    >>> words = torch.tensor([[True, True], [True, False]])  # of two sentences: or which of two keys two queries see?
    >>> mask_of_pairs(words.unsqueeze(1), (2, 2, 2)).shape
    torch.Size([2, 1, 2])

    Raises TypeError or ValueError otherwise; a mask of two dimensions could mean two things.
    """
    if _booleans(mask, mask).ndim == 2:
        hint = "mask.unsqueeze(1) if its rows are sentences, mask.unsqueeze(0) if they are queries"
        raise ValueError(f"mask must have three dimensions, got {tuple(mask.shape)}: pass {hint}")
    if mask.ndim != 3 or not _broadcasts(mask.shape, shape):
        expected = f"(batch, queries, keys) = {shape}"
        raise ValueError(f"mask must have three dimensions and broadcast to {expected}, got {tuple(mask.shape)}")
    return mask


def _booleans(mask: Tensor, like: Tensor) -> Tensor:
    """The mask, on the device of what it masks."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask must be a boolean tensor, True where attention is allowed, got {kind}")
    return mask.to(like.device)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))


def unseen_as_zeros(mask: Tensor | None, *vectors: Tensor) -> tuple[Tensor, ...]:
    """Each (…, keys, dim), with zeros at keys that no query may see: a weight of 0 times NaN would be NaN.

    >>> unseen_as_zeros(torch.tensor([[[True, False], [True, False]]]), torch.ones(1, 2, 1))
    (tensor([[[1.],
             [0.]]]),)
    """
    if mask is None:
        return vectors
    seen = torch.atleast_2d(_booleans(mask, vectors[0])).any(-2)  # (…, keys)
    return tuple(x.masked_fill(~seen.unsqueeze(-1), 0) for x in vectors)


def _has_shape(name: str, x: Tensor, words: str, shape: tuple[int, ...]) -> None:
    floats(name, x)
    if x.shape != shape:
        raise ValueError(f"{name} must have the shape {words} = {shape}, got {tuple(x.shape)}")


def zeros_at(mask: Tensor | None, x: Tensor) -> Tensor:
    """x (batch, length, dim), with zeros where the mask (batch, length) is False; as it is, without one.

    >>> zeros_at(torch.tensor([[True, False]]), torch.ones(1, 2, 1)).flatten()
    tensor([1., 0.])
    """
    return x if mask is None else x.masked_fill(~_mask_of_places(mask, x).unsqueeze(2), 0)


def _mask_of_places(mask: Tensor, x: Tensor) -> Tensor:
    """The mask, on the device of x (batch, length, dim), if it has the shape (batch, length)."""
    mask = _booleans(mask, x)
    if mask.shape != x.shape[:2]:
        raise ValueError(f"mask must have the shape (batch, length) = {tuple(x.shape[:2])}, got {tuple(mask.shape)}")
    return mask


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    """That they can be the query, key, value and mask of one attention."""
    for name, x in (("query", query), ("key", key), ("value", value)):
        floats(name, x)
        if x.ndim < 2 or not x.shape[-1]:
            raise ValueError(f"{name} must have the shape (..., length, dim), got {tuple(x.shape)}")
    if key.shape[-1] != query.shape[-1]:
        raise ValueError(f"key must have the query's dim, {query.shape[-1]}, got {key.shape[-1]}")
    if value.shape[:-1] != key.shape[:-1]:
        raise ValueError(f"value must have a row for each key, {tuple(key.shape[:-1])}, got {tuple(value.shape[:-1])}")
    *batch, queries, _ = query.shape
    *others, keys, _ = key.shape
    if any(m != n and 1 not in (m, n) for m, n in zip(batch[::-1], others[::-1], strict=False)):
        raise ValueError(f"query and key must have batches that broadcast, got {tuple(batch)} and {tuple(others)}")
    shape = (*torch.broadcast_shapes(batch, others), queries, keys)
    if mask is not None and not _broadcasts(_booleans(mask, query).shape, shape):
        raise ValueError(f"mask must broadcast to the scores' shape {shape}, got {tuple(mask.shape)}")
