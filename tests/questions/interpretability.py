"""What the right answers of the chapter on interpretability state, computed."""

from fractions import Fraction

import torch

from scratch.explanation import total_variation
from scratch.hooks import remove


def selectivity(task: int = 74, control: int = 76) -> str:
    return f"−0.{control - task:02}"


def new_words(labels: int = 2) -> str:
    """The mean over all control labels of how often a fixed guess about one word is right."""
    return f"{sum(guess == 0 for guess in range(labels)) / labels:.0%}"


def left() -> str:
    h, u = torch.tensor([3.0, 4.0]), torch.tensor([0.6, 0.8])
    rest = remove(u)(h).abs().round(decimals=4)
    return f"$({', '.join(f'{x:g}' for x in rest.tolist())})$"


def first_of(random: int = 100) -> str:
    return str(Fraction(1, random + 1))


def variation() -> str:
    return f"{total_variation(torch.tensor([0.9, 0.1]), torch.tensor([0.6, 0.4])).item():.1f}"


KEYS = {1: selectivity, 2: new_words, 3: left, 5: first_of, 6: variation}
