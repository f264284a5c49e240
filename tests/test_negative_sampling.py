"""scratch.negative_sampling against autograd on the loss of the paper, pair by pair."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import logsigmoid

from scratch import negative_sampling
from scratch.negative_sampling import cbow_step, skip_gram_step, train_blocks
from scratch.windows import neighbours

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3), st.integers(1, 4), st.integers(0, 999))


def some(shapes):
    """Random tables, spans, masks and negatives for blocks; words repeat, and some centres see nobody."""
    b, L, w, N, seed = shapes
    generator = torch.Generator().manual_seed(seed)
    V, d = 5, 3
    W, U = torch.randn(2, V, d, generator=generator, dtype=torch.float64).unbind()
    words = torch.randint(V, (b, L + 2 * w), generator=generator)
    mask = torch.randint(2, (b, L, 2 * w + 1), generator=generator).double()
    mask[:, :, w] = 0
    mask[:, 0] = 0
    drawn = torch.randint(V, (b, N), generator=generator)
    return W.clone(), U.clone(), words, mask, drawn


def descended(loss, W, U, *batch):
    """The tables after a step of 0.1 by autograd."""
    W, U = W.clone().requires_grad_(), U.clone().requires_grad_()
    loss(W, U, *batch).backward()
    zero = torch.zeros_like(W)
    return [x.detach() - 0.1 * (zero if x.grad is None else x.grad) for x in (W, U)]


def skip_gram_loss(W, U, words, mask, drawn, weight):
    """Each centre predicts each neighbour that it sees; the block's negatives count `weight` for each such pair."""
    total = 0 * W.sum()
    for block, seen, noise in zip(words, mask, drawn, strict=True):
        for t, row in enumerate(seen):
            centre = W[block[t + len(row) // 2]]
            for k in row.nonzero().flatten():
                total = total - logsigmoid(U[block[t + k]] @ centre)
                total = total - weight * logsigmoid(-U[noise] @ centre).sum()
    return total


def cbow_loss(W, U, words, mask, drawn, weight):
    total = 0 * W.sum()
    for block, seen, noise in zip(words, mask, drawn, strict=True):
        for t, row in enumerate(seen):
            if row.any():
                mean = W[block[t + row.nonzero().flatten()]].mean(0)
                total = total - logsigmoid(U[block[t + len(row) // 2]] @ mean)
                total = total - weight * logsigmoid(-U[noise] @ mean).sum()
    return total


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.sampled_from([0.25, 2.0]))
@pytest.mark.parametrize(("step", "loss"), [(skip_gram_step, skip_gram_loss), (cbow_step, cbow_loss)])
def test_a_step_is_the_gradient_of_the_papers_loss(step, loss, shapes, weight):
    W, U, words, mask, drawn = some(shapes)
    expected = descended(loss, W, U, words, mask, drawn, weight)
    step(W, U, words, mask, drawn, weight, 0.1)
    torch.testing.assert_close([W, U], expected)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 4), st.integers(0, 99))
def test_every_pair_of_neighbours_is_met_once_an_epoch(lengths, window, seed):
    generator = torch.Generator().manual_seed(seed)
    n = sum(lengths)
    text = torch.arange(n)  # each word its own id, so that a pair of ids is a pair of places
    place = torch.cat([torch.arange(length) for length in lengths])
    to_end = torch.cat([torch.arange(length - 1, -1, -1) for length in lengths])
    radius = torch.randint(1, window + 1, (n,), generator=generator)
    left, right = torch.minimum(place, radius), torch.minimum(to_end, radius)
    met, noise = Counter(), Counter()

    def record(W, U, words, mask, drawn, weight, size):
        assert weight * drawn.shape[1] == pytest.approx(5)
        for block, seen in zip(words, mask, strict=True):
            for t, row in enumerate(seen):
                met.update((int(block[t + window]), int(block[t + k])) for k in row.nonzero().flatten())
        noise.update(drawn.flatten().tolist())

    tables = torch.zeros(2, n, 2)
    options = {"cbow": False, "window": window, "negative": 5, "workers": 1, "learning_rate": 0.1, "batch_size": 64}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(negative_sampling, "skip_gram_step", record)
        train_blocks(*tables, lambda: (text, left, right), torch.ones(n), epochs=2, generator=generator, **options)
    around = neighbours(text, left, right, window, text)
    assert met == Counter({(c, int(o)): 2 for c, row in enumerate(around) for o in row if o >= 0})
    assert set(noise) <= set(range(n))


@pytest.mark.parametrize("cbow", [False, True])
def test_negatives_follow_the_noise(cbow, monkeypatch):
    drawn = torch.zeros(4)

    def record(W, U, words, mask, noise, weight, size):
        drawn.add_(noise.flatten().bincount(minlength=4))

    monkeypatch.setattr(negative_sampling, "cbow_step" if cbow else "skip_gram_step", record)
    text = torch.zeros(64_000, dtype=torch.long)
    train_blocks(
        *torch.zeros(2, 4, 2),
        lambda: (text, text, text),
        torch.tensor([1, 0, 3, 4]),
        cbow=cbow,
        window=2,
        negative=5,
        epochs=1,
        workers=1,
        learning_rate=0.1,
        batch_size=512,
        generator=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(drawn / drawn.sum(), torch.tensor([1, 0, 3, 4]) / 8, atol=0.01, rtol=0)
