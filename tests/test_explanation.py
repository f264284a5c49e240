"""scratch.explanation: distances beside SciPy's, permutations that permute, adversaries that keep what they promise."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.explanation import adversarial_weights, jensen_shannon, permuted_weights, total_variation


def distributions(seed, n=5, rows=4):
    torch.manual_seed(seed)
    return torch.randn(2, rows, n, dtype=torch.float64).mul(2).softmax(2)


@given(st.integers(0, 99), st.integers(1, 6))
def test_the_distances_are_scipys(seed, n):
    from scipy.spatial.distance import cityblock, jensenshannon

    p, q = distributions(seed, n)
    for i in range(len(p)):
        assert total_variation(p, q)[i].item() == pytest.approx(cityblock(p[i], q[i]) / 2, abs=1e-12)
        assert jensen_shannon(p, q)[i].item() == pytest.approx(jensenshannon(p[i], q[i]) ** 2, abs=1e-12)
    assert torch.equal(jensen_shannon(p, q), jensen_shannon(q, p))
    assert jensen_shannon(p, p).abs().max() < 1e-12


def test_distances_of_what_shares_nothing():
    p, q = torch.eye(2)
    assert (total_variation(p, q).item(), jensen_shannon(p, q).item()) == pytest.approx((1, math.log(2)))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 99))
def test_a_permutation_keeps_each_sentences_weights_and_all_padding(lengths, seed):
    torch.manual_seed(seed)
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    weights = torch.randn(mask.shape).masked_fill(~mask, -torch.inf).softmax(1)
    found = permuted_weights(weights, mask, seed)
    assert torch.equal(found.sort(1).values, weights.sort(1).values)
    assert not found[~mask].any()


def test_padding_may_stand_anywhere_and_keeps_what_stands_there():
    weights = torch.tensor([[0.1, 9.0, 0.2, 8.0, 0.7]])
    mask = torch.tensor([[True, False, True, False, True]])
    for seed in range(5):
        found = permuted_weights(weights, mask, seed)
        assert found[~mask].tolist() == [9.0, 8.0]
        assert sorted(found[mask].tolist()) == pytest.approx([0.1, 0.2, 0.7])


def test_all_orders_are_equally_likely():
    weights = torch.tensor([0.1, 0.2, 0.7]).repeat(6000, 1)
    orders = Counter(map(tuple, permuted_weights(weights, torch.ones(6000, 3, dtype=torch.bool)).tolist()))
    assert len(orders) == 6
    assert all(count == pytest.approx(1000, abs=120) for count in orders.values())


def model(seed, batch=6, length=5, dim=3, classes=4):
    """States, a mask and an output that reads the weighted mean of the states."""
    torch.manual_seed(seed)
    states, head = torch.randn(batch, length, dim), torch.nn.Linear(dim, classes)
    mask = torch.arange(length) < torch.tensor([5, 4, 3, 2, 1, 5])[:, None]
    weights = torch.randn(batch, length).mul(2).masked_fill(~mask, -torch.inf).softmax(1)
    return (lambda w: head((w.unsqueeze(1) @ states).squeeze(1)).softmax(1)), weights, mask


def test_an_adversary_is_a_distribution_far_away_whose_output_is_near():
    output, weights, mask = model(0)
    found = adversarial_weights(output, weights, mask, epsilon=0.02)
    torch.testing.assert_close(found.sum(1), torch.ones(6))
    assert (found >= 0).all()
    assert not found[~mask].any()
    assert (total_variation(output(found), output(weights)) <= 0.02).all()
    far = jensen_shannon(found, weights)
    assert far[4] == 0  # of one word there is one distribution
    assert far.max() > 0.3
    assert not found.requires_grad


def test_it_finds_what_is_farther_than_all_that_is_drawn():
    gaps = []
    for seed in range(3):
        output, weights, mask = model(seed)
        drawn = torch.distributions.Dirichlet(torch.full((5,), 0.4)).sample((300, 6)) * mask
        drawn = drawn / drawn.sum(2, keepdim=True).clamp(min=1e-6)
        answers = torch.stack([output(w) for w in drawn])
        near = total_variation(answers, output(weights).expand_as(answers)) <= 0.05
        best = jensen_shannon(drawn, weights.expand_as(drawn)).masked_fill(~near, 0).max(0).values
        gaps.append(jensen_shannon(adversarial_weights(output, weights, mask, epsilon=0.05), weights) - best)
    gaps = torch.cat(gaps)
    assert gaps.mean() > 0
    assert (gaps > -0.1).all()


def test_where_every_word_is_the_same_the_adversary_goes_all_the_way():
    _, weights, mask = model(1)
    found = adversarial_weights(lambda w: torch.ones(len(w), 2) / 2 + 0 * w.sum(1, keepdim=True), weights, mask)
    alone = jensen_shannon(weights.unsqueeze(1).expand(-1, 5, -1), torch.eye(5).expand(6, -1, -1))  # all on one word
    best = alone.masked_fill(~mask, 0).max(1).values
    assert (jensen_shannon(found, weights)[:4] > 0.9 * best[:4]).all()


def test_where_nothing_is_near_enough_the_weights_stay():
    mask = torch.ones(2, 2, dtype=torch.bool)
    weights = torch.tensor([[0.3, 0.7], [0.6, 0.4]])
    found = adversarial_weights(lambda w: w, weights, mask, epsilon=1e-9, steps=20)
    assert torch.equal(found, weights)


def test_it_leaves_gradients_and_works_under_no_grad():
    _, weights, mask = model(0)
    layer = torch.nn.Linear(5, 2)
    with torch.no_grad():
        a = adversarial_weights(lambda w: layer(w).softmax(1), weights, mask, seed=3, steps=10)
    assert layer.weight.grad is None
    assert torch.equal(a, adversarial_weights(lambda w: layer(w).softmax(1), weights, mask, seed=3, steps=10))


W, M = torch.full((2, 3), 1 / 3), torch.ones(2, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: total_variation(W, W[:1]), ValueError, r"p and q must have one shape"),
        (lambda: jensen_shannon(W, [0.5]), TypeError, "q must be a tensor of floating point numbers"),
        (lambda: permuted_weights(W[0], M[0]), ValueError, r"weights must have the shape \(batch, length\)"),
        (lambda: permuted_weights(W, M.float()), TypeError, "mask must be a tensor of bool"),
        (lambda: permuted_weights(W, M[:1]), ValueError, r"mask must have the shape \(2, 3\)"),
        (lambda: permuted_weights(W, ~M), ValueError, "a word in each row"),
        (lambda: adversarial_weights(None, W, M, epsilon=0), ValueError, "epsilon must be positive"),
        (lambda: adversarial_weights(None, W, M, steps=0), ValueError, "steps must be at least 1"),
        (lambda: adversarial_weights(None, W, M, starts=0), ValueError, "starts must be at least 1"),
        (lambda: adversarial_weights(None, W, [True]), TypeError, "mask must be a tensor of bool, .* got list"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
