"""What the right answers of the chapter on pictures and words state, computed."""

import math

import torch

from scratch.contrastive import clip_loss


def _equal_cosines(n=128):
    return clip_loss(torch.ones(n, 2), torch.ones(n, 2), 50.0).item()


def _lowest(times=12, captions=10):
    """The plain loss of pictures that lie exactly on their captions' vectors, at a scale that leaves no doubt."""
    vectors = torch.eye(captions).repeat(times, 1)
    loss = clip_loss(vectors, vectors, 1000.0).item()
    assert abs(loss - math.log(times)) < 1e-3
    return loss


KEYS = {
    1: lambda: f"{_equal_cosines():.2f}",
    3: lambda: f"{127 / 10:.1f}",
    4: lambda: f"{_lowest():.2f}",
}
