"""LoRA: a layer that was trained for something else learns anew through two thin matrices (arXiv 2106.09685)."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from scratch._arguments import at_least_1, positive

__all__ = ["LoRA", "OpenAttention", "adapt", "opened", "without"]


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


class OpenAttention(nn.Module):
    """What an `nn.MultiheadAttention` computes when texts attend to themselves, its matrices layers of their own.

    theirs: a batch-first layer with one width for queries, keys and values, whose numbers are shared, not copied. It
    keeps three of its matrices in one parameter that is no layer, and reads the weight of the fourth past the layer's
    `forward`, so that nothing that wraps a layer can change them. Raises TypeError for another layer, ValueError for
    other widths or another order of axes.

    >>> attention = nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = torch.ones(1, 3, 8)
    >>> torch.allclose(OpenAttention(attention)(x, x, x)[0], attention(x, x, x)[0], atol=1e-6)
    True
    """

    def __init__(self, theirs: nn.MultiheadAttention) -> None:
        super().__init__()
        if not isinstance(theirs, nn.MultiheadAttention):
            raise TypeError(f"theirs must be an nn.MultiheadAttention, got {type(theirs).__name__}")
        if not theirs.batch_first or theirs.in_proj_weight is None or theirs.bias_k is not None or theirs.add_zero_attn:
            raise ValueError("theirs must be batch-first, have one width, and no keys of its own")
        dim, bias = theirs.embed_dim, theirs.in_proj_bias is not None
        self.heads, self.dropout = theirs.num_heads, theirs.dropout
        self.batch_first, self.in_proj_bias = True, None  # without which PyTorch's layers take no short cut past us
        self.inward, self.outward = nn.Linear(dim, 3 * dim, bias), theirs.out_proj
        self.inward.weight = theirs.in_proj_weight
        if bias:
            self.inward.bias = theirs.in_proj_bias

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> tuple[Tensor, None]:
        """x (batch, length, dim), three times -> (batch, length, dim), and None in the place of weights.

        Masks are PyTorch's: key_padding_mask (batch, length), attn_mask (length, length), True, or -inf, where nobody
        may look. (`is_causal` only repeats what `attn_mask` says.) Raises ValueError if the three are not one tensor.
        """
        if key is not query or value is not query:
            raise ValueError("query, key and value must be one tensor")
        q, k, v = self.inward(query).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (batch, heads, …)
        bias = None
        for mask, places in ((key_padding_mask, (slice(None), None, None)), (attn_mask, ())):
            if mask is not None:
                mask = q.new_zeros(mask.shape).masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else mask
                bias = mask[places] if bias is None else bias + mask[places]  # (batch or 1, 1, length or 1, length)
        output = nn.functional.scaled_dot_product_attention(q, k, v, bias, self.dropout if self.training else 0.0)
        return self.outward(output.transpose(1, 2).flatten(2)), None


def opened(model: nn.Module) -> nn.Module:
    """The model itself, each `nn.MultiheadAttention` in it replaced by an `OpenAttention`.

    >>> layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
    >>> [name for name, part in opened(layer).named_modules() if isinstance(part, nn.Linear)]
    ['self_attn.inward', 'self_attn.outward', 'linear1', 'linear2']
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MultiheadAttention):
                setattr(parent, name, OpenAttention(child))
    return model


def adapt(model: nn.Module, rank: int, alpha: float) -> nn.Module:
    """The model itself, frozen, each `nn.Linear` in it replaced by a `LoRA`: at first it answers as before, to the bit.

    What is to be trained are the parameters that still ask for a gradient. The matrices of an `nn.MultiheadAttention`
    are out of reach until the model is `opened`. Raises ValueError if there is no layer to wrap, or one is wrapped
    already, and what LoRA raises.

    >>> model = adapt(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)), rank=2, alpha=2)
    >>> [name for name, weight in model.named_parameters() if weight.requires_grad]
    ['0.A', '0.B', '2.A', '2.B']
    """
    if any(isinstance(part, LoRA) for part in model.modules()):
        raise ValueError("model must not have LoRA layers already")
    shut = {id(part.out_proj) for part in model.modules() if isinstance(part, nn.MultiheadAttention)}
    model.requires_grad_(False)
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear) and id(child) not in shut
    ]
    if not found:
        raise ValueError(f"model must have an nn.Linear to wrap, got {type(model).__name__}")
    for parent, name, child in found:
        setattr(parent, name, LoRA(child, rank, alpha))
    return model


def without(model: nn.Module, *, merge: bool = False) -> nn.Module:
    """A copy of an adapted model without LoRA: its layers are what they were, or have learnt the same with `merge`.

    >>> x, model = torch.ones(1, 2), adapt(nn.Sequential(nn.Linear(2, 2)), rank=1, alpha=1)
    >>> _ = nn.init.ones_(model[0].B)
    >>> torch.allclose(without(model, merge=True)(x), model(x)), torch.allclose(without(model)(x), model(x))
    (True, False)
    """
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRA):
                setattr(parent, name, child.merge() if merge else child.linear)
    return model
