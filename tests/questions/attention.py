"""What the right answers of the chapter on attention state, computed."""

from math import exp, log

import torch

from scratch.attention import AdditiveAttention


def last_weight() -> str:
    exponentials = [exp(score) for score in (0, log(2), log(5))]
    return f"{exponentials[2] / sum(exponentials):.3f}"


def deviation(d: int = 256) -> str:
    """Of sums of d products ±1 · ±1, each of variance 1: by the distribution of the number of +1."""
    from scipy.stats import binom

    return f"{2 * binom(d, 0.5).std():.0f}"


def projections(queries: int = 20, keys: int = 50, key_dim: int = 256, hidden_dim: int = 128) -> str:
    from torch.utils.flop_counter import FlopCounterMode

    attention, states = AdditiveAttention(1, key_dim, hidden_dim), torch.zeros(1, keys, key_dim)
    counts = []
    for times in (1, queries):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            for _ in range(times):
                attention.project_keys(states)
        counts.append(counter.get_total_flops())
    return f"{counts[1] // counts[0]} times"


KEYS = {
    1: last_weight,
    5: deviation,
    6: lambda: f"1/{64 / 64**0.5:.0f}",
    7: projections,
    9: lambda: f"{sum(p.numel() for p in AdditiveAttention(48, 48, 48).parameters()):,}",
}
