"""scratch.probe: linear probes beside scikit-learn's, and control tasks that can only be learnt by heart."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch.probe import Probe, control_labels, fit_probe, per_type


def cloud(n, dim, classes, seed):
    """Vectors (n, dim) whose first entries lean to their class, and the classes, all of which occur."""
    torch.manual_seed(seed)
    labels = torch.arange(n) % classes
    centres = torch.eye(max(dim, classes), dtype=torch.float64)[:, :dim]
    return torch.randn(n, dim, dtype=torch.float64) + centres[labels], labels


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(2, 4), st.sampled_from([0.1, 1.0, 10.0]), st.integers(0, 99))
def test_a_linear_probe_is_scikit_learns_logistic_regression(dim, classes, penalty, seed):
    from sklearn.linear_model import LogisticRegression

    x, y = cloud(40, dim, classes, seed)
    ours = fit_probe(x, y, penalty=penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10000).fit(x.numpy(), y.numpy())
    expected = torch.from_numpy(theirs.predict_proba(x.numpy()))
    # with two classes theirs has one row of weights, w, where ours has -w / 2 and w / 2, which pays half as much
    if classes == 2:
        theirs = LogisticRegression(C=2 / penalty, tol=1e-10, max_iter=10000).fit(x.numpy(), y.numpy())
        expected = torch.from_numpy(theirs.predict_proba(x.numpy()))
    torch.testing.assert_close(ours(x).softmax(1), expected, atol=1e-4, rtol=0)


def test_its_gradient_is_zero_where_it_stops():
    x, y = cloud(60, 4, 3, 0)
    probe = fit_probe(x, y, penalty=2.0).requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(probe(x), y, reduction="sum") + probe.outer.weight.square().sum()
    gradients = torch.autograd.grad(loss, list(probe.parameters()))
    assert max(g.abs().max() for g in gradients) < 1e-4


def test_a_hidden_layer_learns_what_no_line_can_separate():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]).repeat(10, 1)
    y = torch.tensor([0, 0, 1, 1]).repeat(10)
    assert (fit_probe(x, y, penalty=0.01)(x).argmax(1) == y).float().mean() < 0.8
    assert (fit_probe(x, y, hidden=16, penalty=0.001, seed=1)(x).argmax(1) == y).all()


def test_the_seed_decides_and_the_readers_generator_stays():
    x, y = cloud(30, 3, 2, 0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, b, other = (fit_probe(x, y, hidden=4, seed=seed, steps=3)(x) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, b)
    assert not torch.equal(a, other)


def test_it_keeps_the_type_of_the_vectors_trains_under_no_grad_and_is_frozen():
    x, y = cloud(30, 3, 2, 0)
    with torch.no_grad():
        probe = fit_probe(x.float().requires_grad_(True), y.tolist())
    assert probe.outer.weight.dtype == torch.float32
    assert probe.outer.weight.any()
    assert not any(weight.requires_grad for weight in probe.parameters())


def test_the_direction_is_where_the_second_class_gains_most():
    x, y = cloud(200, 3, 3, 1)
    probe = fit_probe(x, y)
    u = probe.direction(0, 2)
    assert u.norm() == pytest.approx(1)
    gain = lambda v: (probe(v) - probe(0 * v))[..., 2] - (probe(v) - probe(0 * v))[..., 0]  # noqa: E731
    others = torch.nn.functional.normalize(torch.randn(500, 3, dtype=torch.float64), dim=1)
    assert (gain(others) <= gain(u) + 1e-9).all()
    torch.testing.assert_close(probe.direction(2, 0), -u)


def test_a_control_task_is_the_words_alone_and_as_frequent_as_the_labels():
    types = [f"w{i % 500}" for i in range(3000)]
    labels = [int(i % 10 < 2) for i in range(3000)]
    drawn = control_labels(types, labels, seed=7)
    of_type = {}
    for each, label in zip(types, drawn.tolist(), strict=True):
        assert of_type.setdefault(each, label) == label
    assert Counter(of_type.values())[1] / 500 == pytest.approx(0.2, abs=0.06)
    assert torch.equal(drawn, control_labels(types, torch.tensor(labels), seed=7))
    assert not torch.equal(drawn, control_labels(types, labels, seed=8))
    assert torch.equal(drawn, control_labels(types[::-1], labels[::-1], seed=7).flip(0))  # in any order


def test_a_probe_learns_a_control_task_by_heart_and_nothing_of_it_about_new_words():
    torch.manual_seed(0)
    table = torch.randn(80, 64)
    types = torch.arange(80).repeat_interleave(10)
    labels = control_labels(types.tolist(), [0, 1] * 400, seed=0)
    x = table[types] + 0.1 * torch.randn(800, 64)
    known = types < 40
    probe = fit_probe(x[known][::2], labels[known][::2])
    right = (probe(x).argmax(1) == labels).float()
    assert right[known][1::2].mean() > 0.99
    assert 0.2 < right[~known].mean() < 0.8


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1))
def test_the_mean_of_each_type(rows):
    types, values = [each for each, _ in rows], [value for _, value in rows]
    expected = [np.mean([v for t, v in rows if t == each]) for each in dict.fromkeys(types)]
    np.testing.assert_allclose(per_type(types, torch.tensor(values, dtype=torch.float64)), expected, atol=1e-12)


X, Y = torch.zeros(4, 2), [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Probe(0, 2), ValueError, "dim must be at least 1, got 0"),
        (lambda: Probe(2, 1), ValueError, "classes must be at least 2, got 1"),
        (lambda: Probe(2, 2, hidden=-1), ValueError, "hidden must be at least 0, got -1"),
        (lambda: Probe(2, 2, hidden=3).direction(), ValueError, "direction needs a linear probe"),
        (lambda: Probe(2, 2).direction(0, 2), IndexError, "second must lie between 0"),
        (lambda: fit_probe([[0.0]], [0]), TypeError, "vectors must be a tensor"),
        (lambda: fit_probe(X[0], [0]), ValueError, r"vectors must have the shape \(n, dim\)"),
        (lambda: fit_probe(X, [0, 1]), ValueError, r"labels must have the shape \(n,\) = \(4,\), got \(2,\)"),
        (lambda: fit_probe(X, []), ValueError, r"labels must have the shape"),
        (lambda: fit_probe(X, [0, 1, 2, 0], classes=2), IndexError, "labels must lie between 0"),
        (lambda: fit_probe(X, [0.5] * 4), TypeError, "labels must be integers"),
        (lambda: fit_probe(X, Y, penalty=-1), ValueError, "penalty must not be negative, got -1"),
        (lambda: fit_probe(X, Y, steps=0), ValueError, "steps must be at least 1"),
        (lambda: fit_probe(X, Y, seed=None), TypeError, "seed must be an int"),
        (lambda: control_labels(["a"], [0, 1]), ValueError, "labels must be 1, one for each of types"),
        (lambda: control_labels([], []), ValueError, "labels must be 0"),
        (lambda: control_labels(["a"], [-1]), IndexError, "labels must lie between 0"),
        (lambda: per_type(["a"], [0.5, 1]), ValueError, "values must be 1, one for each of types"),
        (lambda: per_type([], []), ValueError, "values must be 0"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
