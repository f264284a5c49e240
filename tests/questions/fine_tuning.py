"""What the right answers of the chapter on fine-tuning state, computed."""

from math import sqrt

import torch
from torch import nn

from scratch.lora import LoRA


def numbers(inputs: int = 768, outputs: int = 3072, rank: int = 8) -> str:
    layer = LoRA(nn.Linear(inputs, outputs, device="meta"), rank, 1)
    return f"{sum(weight.numel() for weight in (layer.A, layer.B)):,}"


def alpha(rank: int = 16, forgotten: int = 16) -> str:
    """The alpha that makes our layer multiply the product by what somebody's code multiplies it by."""
    found = [each for each in range(1, 1000) if LoRA(nn.Linear(1, 1), rank, each).scale == forgotten]
    assert len(found) == 1
    return str(found[0])


def moved_first() -> str:
    torch.manual_seed(0)
    layer = LoRA(nn.Linear(4, 3), 2, 2)
    before = layer.A.clone(), layer.B.clone()
    optimizer = torch.optim.Adam([layer.A, layer.B])
    layer(torch.randn(5, 4)).square().sum().backward()
    optimizer.step()
    moved = [name for name, old in zip("AB", before, strict=True) if not torch.equal(getattr(layer, name), old)]
    return f"${'$ and $'.join(moved)}$ only"


KEYS = {
    1: numbers,
    2: moved_first,
    3: alpha,
    4: lambda: f"1/{2.6**3:.0f}",
    5: lambda: f"{100 * sqrt(0.9 * 0.1 / 400):.1f} points",
    6: lambda: f"{100 * sqrt(0.05 / 3000):.1f} points",
}
