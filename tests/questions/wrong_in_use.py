"""What the right answers of the museum's second wing state, computed."""

import torch

from scratch.contrastive import info_nce


def silence_from(right: float = 0.7, end: float = 0.2) -> str:
    """The length from which on a text, and its end, are less probable than the end at once."""
    return f"{next(n for n in range(1, 100) if right ** (n + 1) < end)}"


def least_loss_of_three_alike() -> str:
    vectors = torch.eye(2, dtype=torch.float64)[[0, 0, 0, 1]]
    return f"{info_nce(vectors, vectors, temperature=0.01).item():.2f}"


def least_loss_of_a_softmax_twice(words: int = 10_000) -> str:
    surest = torch.zeros(1, words, dtype=torch.float64).index_fill(1, torch.tensor([0]), 1e9).softmax(1)
    return f"{torch.nn.functional.cross_entropy(surest, torch.tensor([0])).item():.2f}"


KEYS = {2: silence_from, 5: least_loss_of_three_alike, 8: least_loss_of_a_softmax_twice}
