"""The contrastive loss: a question and its answer near each other, and far from the answers of the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from scratch._arguments import flag, floats, positive

__all__ = ["info_nce"]


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
    queries, keys = floats("queries", queries), floats("keys", keys)
    if queries.ndim != 2 or queries.shape != keys.shape or not len(queries):
        raise ValueError(
            f"queries and keys must have one shape (n, d), got {tuple(queries.shape)} and {tuple(keys.shape)}"
        )
    scores = normalize(queries, dim=1) @ normalize(keys, dim=1).T / positive("temperature", temperature)  # (n, n)
    own = torch.arange(len(scores), device=scores.device)
    loss = cross_entropy(scores, own)
    return (loss + cross_entropy(scores.T, own)) / 2 if flag("symmetric", symmetric) else loss
