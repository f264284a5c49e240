"""scratch.contrastive beside sentence-transformers' loss, and CLIP's by its formula."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from scratch.contrastive import info_nce


class Given(torch.nn.Module):
    """A model whose vectors are what it is given, as the library's losses expect them."""

    def forward(self, features):
        return {"sentence_embedding": features["vectors"]}


@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.05, 0.5, 1.0]), st.integers(0, 99))
def test_it_equals_sentence_transformers(n, d, temperature, seed):
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss  # seconds, once

    torch.manual_seed(seed)
    ours = [torch.randn(n, d, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    theirs = [x.detach().clone().requires_grad_() for x in ours]
    loss = info_nce(*ours, temperature)
    expected = MultipleNegativesRankingLoss(Given(), scale=1 / temperature)([{"vectors": x} for x in theirs], None)
    torch.testing.assert_close(loss, expected, atol=1e-12, rtol=1e-12)
    for a, b in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        scale = max(1, *(1 / x.norm(dim=1).min().item() for x in ours)) / temperature
        torch.testing.assert_close(a, b, atol=1e-12 * scale, rtol=0)
    halved = info_nce(*(x.float() for x in ours), temperature)
    torch.testing.assert_close(halved, expected.float(), atol=1e-6 / temperature, rtol=1e-6)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_the_symmetric_loss_is_clips(n, d, seed):
    torch.manual_seed(seed)
    a, b = torch.randn(2, n, d)
    logits = 10 * normalize(a) @ normalize(b).T
    expected = (cross_entropy(logits, torch.arange(n)) + cross_entropy(logits.T, torch.arange(n))) / 2
    torch.testing.assert_close(info_nce(a, b, 0.1, symmetric=True), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: info_nce([[1.0]], torch.ones(1, 1), 1), TypeError, "queries must be a tensor .* got list"),
        (lambda: info_nce(torch.ones(1, 1), torch.ones(1, 1).int(), 1), TypeError, "keys must .* got torch.int32"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 4), 1), ValueError, r"got \(2, 3\) and \(2, 4\)"),
        (lambda: info_nce(torch.ones(0, 3), torch.ones(0, 3), 1), ValueError, r"got \(0, 3\) and"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 3), 0), ValueError, "temperature must be positive"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 3), 1, symmetric=1), TypeError, "symmetric must be True"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
