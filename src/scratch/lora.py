"""LoRA: a layer that was trained for something else learns anew through two thin matrices (arXiv 2106.09685)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from scratch._arguments import at_least_1, positive

__all__ = ["LoRA"]


class LoRA(nn.Module):
    """A linear layer, frozen, and beside it a product of two thin matrices that is learnt: y = Wx + b + (α/r) BAx.

    linear: the layer, whose weight is (out, in). A (r, in) starts at random, B (out, r) at zero, so that at first the
    layer answers as before, to the bit. Raises TypeError if `linear` is no `nn.Linear`, ValueError for a rank below 1
    or an alpha that is not positive. Source: Hu et al. 2021, arXiv 2106.09685, section 4.1; as in peft, with its names.

    >>> layer = LoRA(nn.Linear(8, 4), rank=2, alpha=4)
    >>> sum(p.numel() for p in layer.parameters() if p.requires_grad), "instead of", 8 * 4 + 4
    (24, 'instead of', 36)
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"linear must be an nn.Linear, got {type(linear).__name__}")
        rank, self.scale = at_least_1("rank", rank), positive("alpha", alpha) / rank
        self.linear = linear.requires_grad_(False)
        self.A = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.B = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))  # as nn.Linear fills its own weight

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in) -> (…, out)"""
        return self.linear(x) + (x @ self.A.T @ self.B.T) * self.scale

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """A linear layer that answers as this one does, at no cost: its weight is W + (α/r) BA."""
        merged = nn.Linear(self.linear.in_features, self.linear.out_features, self.linear.bias is not None)
        merged = merged.to(self.linear.weight)
        merged.weight.copy_(self.linear.weight + self.scale * self.B @ self.A)
        if merged.bias is not None:
            merged.bias.copy_(self.linear.bias)
        return merged
