"""What the right answers of the chapter on scaling state, computed."""

import torch
from scipy.optimize import minimize_scalar
from torch import nn

from scratch.language_model import Causal


def operations() -> str:
    """How many times the operations a Transformer takes that is twice as wide, in a word."""
    sizes = [sum(p.numel() for p in Causal(9, dim, 2, 8, max_length=4).layers.parameters()) for dim in (512, 1024)]
    return {2: "Twice", 4: "Four", 8: "Eight"}[round(sizes[1] / sizes[0])] + " times"


def power(alpha: float = 0.2, beta: float = 0.3) -> str:
    """The power of C by which the best N grows, from the lowest places of two lines of equal compute."""
    best = []
    for compute in (20.0, 30.0):  # logarithms
        found = minimize_scalar(
            lambda n, compute=compute: 2.0 ** (-alpha * n) + 2.0 ** (-beta * (compute - n)), (0, compute)
        )
        best.append(found.x)
    return f"$C^{{{(best[1] - best[0]) / 10:.1f}}}$"


def mean() -> str:
    rows = [2.0] * 8 + [3.5] * 7
    return f"{sum(rows) / len(rows):.2f}"


def one_process(processes: int = 4, rows: int = 16) -> str:
    """How many rows a step have the gradient that is the mean of four, at what step size."""
    torch.manual_seed(0)
    model, x = nn.Linear(5, 1).double(), torch.randn(processes * rows, 5, dtype=torch.float64)

    def gradient(some):
        return torch.autograd.grad(model(some).square().mean(), model.weight)[0]

    averaged = torch.stack([gradient(x[rank::processes]) for rank in range(processes)]).mean(0)
    assert torch.allclose(averaged, gradient(x))  # neither four times as large nor a quarter
    return f"{len(x)} rows a step, and the same step size"


def moves_without_gradient() -> str:
    """Whether Adam moves a weight whose gradient is zero, and whether it does one that has none."""
    moved = []
    for last in (torch.zeros(1), None):
        weight = nn.Parameter(torch.ones(1))
        adam = torch.optim.Adam([weight], lr=0.1)
        weight.grad = torch.ones(1)
        adam.step()
        before, weight.grad = weight.item(), last
        adam.step()
        moved.append(weight.item() != before)
    assert moved == [True, False]
    return "Adam moves a weight with a gradient of zero"


KEYS = {1: operations, 2: power, 4: mean, 5: one_process, 6: moves_without_gradient}
