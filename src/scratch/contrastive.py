"""The contrastive loss: a question and its answer near each other, and far from the answers of the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from scratch._arguments import flag, floats, positive, readable

__all__ = ["clip_loss", "info_nce"]


def info_nce(queries: Tensor, keys: Tensor, temperature: float, symmetric: bool = False) -> Tensor:
    """InfoNCE with the other keys of the batch as negatives: the cross-entropy of each query's own key.

    queries, keys (n, d): row i of one belongs to row i of the other. Scores are cosines divided by `temperature`.
    `symmetric` takes the mean with the loss of the keys, each of which must find its query (CLIP). Returns the loss,
    a mean over the rows (). Equal to sentence-transformers' MultipleNegativesRankingLoss with the scale 1 / temperature
    and, if symmetric, to open_clip's ClipLoss. Source: van den Oord et al. 2018, arXiv 1807.03748, equation 4.

    >>> info_nce(torch.eye(2), torch.eye(2), temperature=1.0)  # ln(1 + 1/e)
    tensor(0.3133)

    Raises TypeError for what is no tensor of floats, ValueError for shapes that do not fit or a temperature of 0.
    """
    scores = _cosines("queries", queries, "keys", keys) / positive("temperature", temperature)  # (n, n)
    own = torch.arange(len(scores), device=scores.device)
    loss = cross_entropy(scores, own)
    return (loss + cross_entropy(scores.T, own)) / 2 if flag("symmetric", symmetric) else loss


def clip_loss(
    pictures: Tensor,
    texts: Tensor,
    scale: float | Tensor,
    captions: Tensor | Sequence[int] | None = None,
    share: bool = False,
) -> Tensor:
    """InfoNCE in both directions with a scale that may be learnt, and without false negatives if captions repeat.

    pictures, texts (n, d): row i of one belongs to row i of the other. Scores are cosines times `scale`, a number or a
    tensor () of one, through which gradients flow. Without `captions` it is `info_nce(…, 1 / scale, symmetric=True)`,
    and open_clip's ClipLoss of normalised vectors. captions (n,): whole numbers, equal for equal captions. Then a row's
    other pairs with its caption are no negatives of its own: they are left out of its softmax or, with `share`, count
    as right as its own, by the mean of their logarithms. Returns the mean of both directions (). Sources: Radford et
    al. 2021, arXiv 2103.00020; with `share`, Khosla et al. 2020, arXiv 2004.11362, equation 2.

    >>> x = torch.eye(2)
    >>> clip_loss(x, x, 1.0), clip_loss(x, x, 1.0, captions=[7, 7], share=True)
    (tensor(0.3133), tensor(0.8133))

    Raises TypeError for what is no tensor of floats, ValueError for shapes that do not fit or a scale of 0 or below.
    """
    if isinstance(scale, Tensor) and scale.ndim:
        raise ValueError(f"scale must be a number, or a tensor of the shape (), got {tuple(scale.shape)}")
    if not isinstance(scale, Tensor):
        positive("scale", scale)
    elif readable(floats("scale", scale)):
        positive("scale", scale.item())
    scores = _cosines("pictures", pictures, "texts", texts) * scale  # (n, n)
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    same = own if captions is None else _equal(captions, len(scores)).to(scores.device)  # (n, n)
    if not flag("share", share):
        scores, same = scores.masked_fill(same & ~own, -torch.inf), own
    right = same.to(scores.dtype) / same.sum(1, keepdim=True)  # (n, n), the same in both directions
    losses = [-(right * logits.log_softmax(1).masked_fill(~same, 0)).sum(1).mean() for logits in (scores, scores.T)]
    return (losses[0] + losses[1]) / 2


def _equal(captions: Tensor | Sequence[int], n: int) -> Tensor:
    """Which rows have the same caption (n, n)."""
    given = torch.as_tensor(captions)
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise TypeError(f"captions must be whole numbers, got {given.dtype}")
    if given.shape != (n,):
        raise ValueError(f"captions must have the shape ({n},), one a row, got {tuple(given.shape)}")
    return given[:, None] == given[None]


def _cosines(first: str, a: Tensor, second: str, b: Tensor) -> Tensor:
    """The cosines of all rows of two tensors of one shape (n, d): (n, n)."""
    a, b = floats(first, a), floats(second, b)
    if a.ndim != 2 or a.shape != b.shape or not len(a):
        raise ValueError(f"{first} and {second} must have one shape (n, d), got {tuple(a.shape)} and {tuple(b.shape)}")
    return normalize(a, dim=1) @ normalize(b, dim=1).T
