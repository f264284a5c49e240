"""What can be read off a vector, and how much of it did the reader learn by heart? Probes and their control tasks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from scratch._arguments import at_least, at_least_1, finite, floats, ids_below, seed_value

__all__ = ["Probe", "control_labels", "fit_probe", "per_type"]


class Probe(nn.Module):
    """A classifier that reads one vector: linear, or with one layer of `hidden` ReLUs in between.

    >>> Probe(dim=8, classes=3)(torch.zeros(5, 8)).shape
    torch.Size([5, 3])

    Raises TypeError or ValueError for a bad size.
    """

    def __init__(self, dim: int, classes: int, hidden: int = 0) -> None:
        super().__init__()
        dim, classes, hidden = at_least_1("dim", dim), at_least("classes", classes, 2), at_least("hidden", hidden, 0)
        self.inner = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU()) if hidden else nn.Identity()
        self.outer = nn.Linear(hidden or dim, classes)

    def forward(self, vectors: Tensor) -> Tensor:
        """vectors (…, dim) -> (…, classes): softmax makes them probabilities."""
        return self.outer(self.inner(vectors))

    def direction(self, first: int = 0, second: int = 1) -> Tensor:
        """The unit vector (dim,) along which a linear probe's score of `second` gains most on that of `first`.

        Raises ValueError for a probe with a hidden layer, which has no such direction, IndexError for another class.
        """
        if not isinstance(self.inner, nn.Identity):
            raise ValueError("direction needs a linear probe, got one with a hidden layer")
        classes = len(self.outer.bias)
        a, b = ids_below("first", first, classes), ids_below("second", second, classes)
        return nn.functional.normalize((self.outer.weight[b] - self.outer.weight[a]).detach(), dim=0)


def fit_probe(
    vectors: Tensor,
    labels: Tensor | Sequence[int],
    classes: int | None = None,
    hidden: int = 0,
    penalty: float = 1.0,
    steps: int = 200,
    seed: int = 0,
) -> Probe:
    """The probe that fits n labelled vectors best, by cross-entropy, summed, plus penalty / 2 · the weights' squares.

    vectors (n, dim), labels (n,) from 0 to classes - 1 (the largest label + 1 if not given). All vectors are read in
    each of at most `steps` steps of L-BFGS; biases pay no penalty. A linear probe is scikit-learn's LogisticRegression
    with C = 1 / penalty; with `hidden` units the seed draws where the search begins, and it finds one minimum of many.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [4.0, 1.0], [5.0, 0.0]])
    >>> fit_probe(x, [0, 0, 1, 1])(x).argmax(1)
    tensor([0, 0, 1, 1])

    Raises TypeError or ValueError for vectors or labels of another shape, a size or a penalty out of range, IndexError
    for a label that is no class.
    """
    vectors = floats("vectors", vectors).detach()
    if vectors.ndim != 2 or not len(vectors):
        raise ValueError(f"vectors must have the shape (n, dim), n at least 1, got {tuple(vectors.shape)}")
    largest = int(ids_below("labels", labels, 2**31).max()) if len(labels) else 0
    classes = max(largest + 1, 2) if classes is None else at_least("classes", classes, 2)
    truth = ids_below("labels", labels, classes).to(vectors.device)
    if truth.shape != (len(vectors),):
        raise ValueError(f"labels must have the shape (n,) = ({len(vectors)},), got {tuple(truth.shape)}")
    if finite("penalty", penalty) < 0:
        raise ValueError(f"penalty must not be negative, got {penalty}")
    steps = at_least_1("steps", steps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_value("seed", seed))
        probe = Probe(vectors.shape[1], classes, hidden).to(vectors)
    weights = [weight for name, weight in probe.named_parameters() if name.endswith("weight")]
    if not hidden:
        nn.init.zeros_(probe.outer.weight)
    search = torch.optim.LBFGS(
        probe.parameters(), max_iter=steps, tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        fit = nn.functional.cross_entropy(probe(vectors), truth, reduction="sum")
        value = (fit + penalty / 2 * sum(weight.square().sum() for weight in weights)) / len(vectors)
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return probe.requires_grad_(False)


def control_labels(types: Sequence[Hashable], labels: Sequence[int] | Tensor, seed: int = 0) -> Tensor:
    """A control task: each type gets a label at random, and all its tokens have that. (n,)

    types: for each of n tokens its word; labels (n,): the real task's, from which the random ones are drawn, so that a
    label is about as frequent here as there. Nothing but the word itself tells a control label: a probe that is right
    about it has learnt words by heart. Source: Hewitt & Liang 2019, arXiv 1909.03368, section 2.

    >>> control_labels(["a", "cat", "a", "dog"], [0, 1, 0, 1], seed=1).tolist()
    [0, 1, 0, 1]

    Raises ValueError if there are not as many labels as types, or none, TypeError or IndexError for bad labels.
    """
    given = ids_below("labels", labels, 2**31).cpu().numpy()
    if given.shape != (len(types),) or not len(types):
        raise ValueError(f"labels must be {len(types)}, one for each of types, at least 1, got shape {given.shape}")
    given, draw = np.sort(given), np.random.default_rng(seed_value("seed", seed))
    drawn = {each: int(given[draw.integers(len(given))]) for each in sorted(set(types), key=repr)}
    return torch.tensor([drawn[each] for each in types])


def per_type(types: Sequence[Hashable], values: Sequence[float] | Tensor | np.ndarray) -> np.ndarray:
    """The mean of the values of each type's tokens, the types in the order in which they come first: (types,)

    Tokens of one word are no independent witnesses: intervals are taken over words.

    >>> per_type(["cat", "dog", "cat"], [1.0, 1.0, 0.0])
    array([0.5, 1. ])

    Raises ValueError if there are not as many values as types, or none.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.shape != (len(types),) or not len(types):
        raise ValueError(f"values must be {len(types)}, one for each of types, at least 1, got shape {numbers.shape}")
    index = {each: i for i, each in enumerate(dict.fromkeys(types))}
    rows = [index[each] for each in types]
    return np.bincount(rows, numbers) / np.bincount(rows)
