"""scratch.contrastive beside sentence-transformers' loss, and CLIP's and that with many positives by their formulas."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from scratch.contrastive import clip_loss, info_nce

ONES = torch.ones(2, 3)


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


def open_clips(image_features, text_features, logit_scale):
    """What ClipLoss of open_clip 3.3.0 (src/open_clip/loss.py) computes in one process, of features normalised by its
    model (encode_image and encode_text with normalize=True) and the scale that model.forward has exponentiated."""
    images, texts = (x / x.norm(dim=-1, keepdim=True) for x in (image_features, text_features))
    labels = torch.arange(len(images))
    per_image, per_text = logit_scale * images @ texts.T, logit_scale * texts @ images.T
    return (cross_entropy(per_image, labels) + cross_entropy(per_text, labels)) / 2


@given(st.integers(1, 7), st.integers(1, 5), st.sampled_from([1.0, 1 / 0.07, 100.0]), st.integers(0, 99))
def test_the_loss_and_its_gradients_are_open_clips(n, d, scale, seed):
    torch.manual_seed(seed)
    ours = [*torch.randn(2, n, d, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64).log()]
    theirs = [x.clone().requires_grad_() for x in ours]
    ours = [x.clone().requires_grad_() for x in ours]
    loss, expected = clip_loss(ours[0], ours[1], ours[2].exp()), open_clips(theirs[0], theirs[1], theirs[2].exp())
    torch.testing.assert_close(loss, expected, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(loss, info_nce(ours[0], ours[1], 1 / scale, symmetric=True), atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(loss, clip_loss(ours[0], ours[1], scale, range(n)), atol=1e-10, rtol=1e-10)
    bound = 1e-10 * scale * max(1, *(1 / x.norm(dim=1).min().item() for x in ours[:2]))
    for a, b in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(a, b, atol=bound, rtol=0)
    halved = [x.detach().float() for x in ours]
    torch.testing.assert_close(
        clip_loss(halved[0], halved[1], halved[2].exp()).double(), expected, atol=1e-4, rtol=1e-5
    )


@given(st.lists(st.integers(0, 2), min_size=1, max_size=7), st.sampled_from([1.0, 10.0]), st.integers(0, 99))
def test_repeated_captions_are_left_out_or_shared_one_by_one(captions, scale, seed):
    """Row by row with Python's own logarithms, from the two papers."""
    torch.manual_seed(seed)
    a, b = torch.randn(2, len(captions), 4, dtype=torch.float64)
    cosines = (normalize(a) @ normalize(b).T).tolist()
    masked, shared = [], []
    for rows in (cosines, list(zip(*cosines, strict=True))):
        for i, row in enumerate(rows):
            weights = [math.exp(scale * cosine) for cosine in row]
            others = [w for j, w in enumerate(weights) if captions[j] != captions[i]]
            masked.append(math.log(weights[i] + sum(others)) - scale * row[i])
            mine = [row[j] for j in range(len(row)) if captions[j] == captions[i]]
            shared.append(math.log(sum(weights)) - scale * sum(mine) / len(mine))
    mean = sum(masked) / len(masked), sum(shared) / len(shared)
    assert clip_loss(a, b, scale, captions).item() == pytest.approx(mean[0], abs=1e-9)
    assert clip_loss(a, b, scale, torch.tensor(captions), share=True).item() == pytest.approx(mean[1], abs=1e-9)


@pytest.mark.parametrize("share", [False, True])
def test_gradients_with_repeated_captions(share):
    torch.manual_seed(0)
    inputs = [*torch.randn(2, 5, 3, dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64)]
    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(lambda a, b, s: clip_loss(a, b, s, [0, 1, 0, 2, 1], share), inputs)


def test_with_one_caption_for_all_only_the_mask_can_fall_to_nothing():
    x = torch.randn(6, 4)
    assert clip_loss(x, x, 5.0, [3] * 6).item() == 0
    assert clip_loss(x, x, 5.0, [3] * 6, share=True).item() >= math.log(6) - 1e-6


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: info_nce([[1.0]], torch.ones(1, 1), 1), TypeError, "queries must be a tensor .* got list"),
        (lambda: info_nce(torch.ones(1, 1), torch.ones(1, 1).int(), 1), TypeError, "keys must .* got torch.int32"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 4), 1), ValueError, r"got \(2, 3\) and \(2, 4\)"),
        (lambda: info_nce(torch.ones(0, 3), torch.ones(0, 3), 1), ValueError, r"got \(0, 3\) and"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 3), 0), ValueError, "temperature must be positive"),
        (lambda: info_nce(torch.ones(2, 3), torch.ones(2, 3), 1, symmetric=1), TypeError, "symmetric must be True"),
        (lambda: clip_loss([[1.0]], torch.ones(1, 1), 1), TypeError, "pictures must be a tensor .* got list"),
        (lambda: clip_loss(torch.ones(1, 1), torch.ones(1, 1).int(), 1), TypeError, "texts must .* got torch.int32"),
        (lambda: clip_loss(torch.ones(2, 3), torch.ones(2, 4), 1), ValueError, r"texts must .* \(2, 3\) and \(2, 4\)"),
        (lambda: clip_loss(ONES, ONES, 0), ValueError, "scale must be positive and finite, got 0"),
        (lambda: clip_loss(ONES, ONES, torch.tensor(-1.0)), ValueError, r"scale must be positive and finite, got -1.0"),
        (lambda: clip_loss(ONES, ONES, torch.ones(2)), ValueError, r"scale must be .* shape \(\), got \(2,\)"),
        (lambda: clip_loss(ONES, ONES, "1"), TypeError, "scale must be a float, got '1'"),
        (lambda: clip_loss(ONES, ONES, torch.tensor(1)), TypeError, "scale must be a tensor of floating"),
        (lambda: clip_loss(ONES, ONES, 1, [0]), ValueError, r"captions must have the shape \(2,\), .* got \(1,\)"),
        (lambda: clip_loss(ONES, ONES, 1, [0.0, 1.0]), TypeError, "captions must be whole numbers, got torch.float32"),
        (lambda: clip_loss(ONES, ONES, 1, [0, 1], share=1), TypeError, "share must be True"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
