"""Do attention's weights explain? Distances between distributions, weights that are permuted, weights that deceive."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from scratch._arguments import at_least_1, floats, positive, seed_value

__all__ = ["adversarial_weights", "jensen_shannon", "permuted_weights", "total_variation"]


def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """Half of the sum of |p - q|: by how much any event's probability may differ. (…, n), (…, n) -> (…), from 0 to 1.

    >>> total_variation(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.5, 0.0, 0.5]))
    tensor(0.5000)

    Raises TypeError for what is no tensor of floats, ValueError for two shapes.
    """
    p, q = _two(p, q)
    return (p - q).abs().sum(-1) / 2


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """The mean divergence of p and of q from their middle, in nats: 0 if they are equal, ln 2 if they share nothing.

    p, q (…, n) -> (…). Source: Lin, "Divergence measures based on the Shannon entropy", 1991.

    >>> jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))  # ln 2
    tensor(0.6931)

    Raises TypeError for what is no tensor of floats, ValueError for two shapes.
    """
    p, q = _two(p, q)
    parts = (each.clamp(min=torch.finfo(each.dtype).tiny) for each in ((p + q) / 2, p, q))  # gradients at 0, too
    middle, of_p, of_q = (torch.special.entr(each).sum(-1) for each in parts)
    return middle - (of_p + of_q) / 2


def permuted_weights(weights: Tensor, mask: Tensor, seed: int = 0) -> Tensor:
    """The same weights, dealt out anew to the places of each sentence, all orders equally likely.

    weights (batch, length), mask (batch, length), True at words: what stands at padding stays. Source: Jain & Wallace
    2019, arXiv 1902.10186, section 4.2.1.

    >>> permuted_weights(torch.tensor([[0.7, 0.3, 0.0]]), torch.tensor([[True, True, False]]), seed=1)
    tensor([[0.3000, 0.7000, 0.0000]])

    Raises TypeError or ValueError for weights or a mask that do not fit.
    """
    _with_mask(weights, mask)
    generator = torch.Generator().manual_seed(seed_value("seed", seed))
    luck = torch.rand(weights.shape, generator=generator).to(weights.device)
    places = torch.arange(weights.shape[1], device=weights.device).expand_as(luck)
    words_first = places + (~mask) * weights.shape[1]  # padding after all words, in its order
    from_order = torch.where(mask, luck, words_first).argsort(1)
    to_order = words_first.argsort(1)
    return torch.empty_like(weights).scatter(1, to_order, weights.gather(1, from_order))


def adversarial_weights(
    output: Callable[[Tensor], Tensor],
    weights: Tensor,
    mask: Tensor,
    epsilon: float = 0.01,
    steps: int = 200,
    starts: int = 5,
    seed: int = 0,
) -> Tensor:
    """Weights as far from the given ones as can be found whose output is the same, up to `epsilon` of probability.

    output: a function of weights (batch, length) that gives probabilities (batch, classes), each row by its own
    weights alone. The search begins `starts` times, with the best of 100 weights at random, and takes steps that
    shrink: up the Jensen-Shannon divergence from the given weights, as far as that leaves the output's total variation
    as it is, and back down the variation where it is too large. The farthest weights on the way are kept whose output
    is near enough, the given ones where there are none. Padding gets nothing. Source of the problem, which it solves
    with a penalty: Jain & Wallace 2019, arXiv 1902.10186, section 4.2.2.

    >>> def first_counts(w):
    ...     return torch.stack([w[:, 0], 1 - w[:, 0]], 1)
    >>> found = adversarial_weights(first_counts, torch.tensor([[0.2, 0.8, 0.0]]), torch.tensor([[True] * 3]))
    >>> bool((found[:, 0] - 0.2).abs() <= 0.01), bool(found[:, 2] > 0.7)
    (True, True)

    Raises TypeError or ValueError for weights or a mask that do not fit, or a size that is not positive.
    """
    _with_mask(weights, mask)
    epsilon, steps, starts = positive("epsilon", epsilon), at_least_1("steps", steps), at_least_1("starts", starts)
    generator = torch.Generator().manual_seed(seed_value("seed", seed))
    given = weights.detach()
    best, farthest = given.clone(), torch.zeros(len(given)).to(given)
    with torch.no_grad():
        wanted = output(given)

    def tried(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        other = logits.masked_fill(~mask, -torch.inf).softmax(1)  # (batch, length)
        return other, total_variation(output(other), wanted), jensen_shannon(other, given)

    def begin() -> Tensor:
        logits, most = torch.zeros_like(given), torch.full((len(given),), -torch.inf).to(given)
        for _ in range(100):
            drawn = 2 * torch.randn(given.shape, generator=generator).to(given)
            with torch.no_grad():
                _, off, far = tried(drawn)
            worth = far - 10 * (off - epsilon).clamp(min=0)
            logits[worth > most] = drawn[worth > most]
            most = torch.maximum(most, worth)
        return logits

    for step in range(steps * starts):
        if step % steps == 0:
            logits = begin()
        with torch.enable_grad():
            other, off, far = tried(logits.requires_grad_())
            (up,) = torch.autograd.grad(far.sum(), [logits], retain_graph=True)
            (worse,) = torch.autograd.grad(off.sum(), [logits])
        better = (off <= epsilon) & (far > farthest)
        best[better], farthest[better] = other[better].detach(), far[better].detach()
        slope = worse.norm(dim=1, keepdim=True).clamp(min=1e-9)
        worse = worse / slope  # (batch, length), unit vectors
        along = up - (up * worse).sum(1, keepdim=True) * worse
        back = (off.unsqueeze(1) - epsilon / 2).clamp(min=0) / slope
        size = 0.5 * (1 - step % steps / steps)
        logits = logits.detach() + size * nn.functional.normalize(along, dim=1) - back.clamp(max=3) * worse
    return best


def _two(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    if floats("p", p).shape != floats("q", q).shape or not p.ndim:
        raise ValueError(f"p and q must have one shape (…, n), got {tuple(p.shape)} and {tuple(q.shape)}")
    return p, q


def _with_mask(weights: Tensor, mask: Tensor) -> None:
    if floats("weights", weights).ndim != 2:
        raise ValueError(f"weights must have the shape (batch, length), got {tuple(weights.shape)}")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask must be a tensor of bool, True at words, got {kind}")
    if mask.shape != weights.shape or not bool(mask.any(1).all()):
        got = tuple(mask.shape)
        raise ValueError(f"mask must have the shape {tuple(weights.shape)}, a word in each row, got {got}")
