"""scratch.training against torch's optimiser and schedulers, step by step."""

import pytest
import torch
from torch import nn

from scratch.training import fit, random_rows


def problem(seed=0):
    torch.manual_seed(seed)
    model, x, y = nn.Linear(3, 2), torch.randn(40, 3), torch.randn(40, 2)
    return model, x, y


@pytest.mark.parametrize("warmup", [0, 4])
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_steps_are_torchs(warmup, decay, clip):
    model, x, y = problem()
    batches = list(random_rows(len(x), 8, steps=12))
    losses = fit(
        model.parameters(), lambda rows: (model(x[rows]) - y[rows]).square().mean(), batches, 0.1,
        warmup=warmup, decay=decay, clip=clip,
    )  # fmt: skip

    other, _, _ = problem()
    optimizer = torch.optim.Adam(other.parameters(), lr=0.1)
    rise = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / (warmup + 1)) * (1 - step / 12 if decay else 1)
    )
    for step, rows in enumerate(batches):
        loss = nn.functional.mse_loss(other(x[rows]), y[rows])
        assert losses[step] == pytest.approx(loss.item(), rel=1e-5)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(other.parameters(), clip)
        optimizer.step()
        rise.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_group_takes_its_share_of_each_step():
    model, x, y = problem()
    batches = list(random_rows(len(x), 8, steps=12))
    model.bias.requires_grad_(False)
    groups = [(1.0, [model.weight, model.bias]), (0.25, iter([extra := nn.Parameter(torch.zeros(2))]))]
    loss = lambda rows: (model(x[rows]) + extra - y[rows]).square().mean()  # noqa: E731
    losses = fit(groups, loss, batches, 0.1, warmup=2, clip=0.5)

    other, _, _ = problem()
    other.bias.requires_grad_(False)
    shift = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.Adam([{"params": [other.weight]}, {"params": [shift], "lr": 0.025}], lr=0.1)
    rise = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 3) * (1 - step / 12))
    for step, rows in enumerate(batches):
        value = (other(x[rows]) + shift - y[rows]).square().mean()
        assert losses[step] == pytest.approx(value.item(), rel=1e-5)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_([other.weight, shift], 0.5)  # of both groups together
        optimizer.step()
        rise.step()
    assert torch.allclose(model.weight, other.weight, atol=1e-6)
    assert torch.allclose(extra, shift, atol=1e-6)
    assert torch.equal(model.bias, other.bias)


def test_frozen_parameters_stay():
    model, x, y = problem()
    model.bias.requires_grad_(False)
    before = model.bias.clone(), model.weight.clone()
    fit(model.parameters(), lambda _: (model(x) - y).square().mean(), [None] * 3, 0.1)
    assert torch.equal(model.bias, before[0])
    assert not torch.equal(model.weight, before[1])


def test_batches_may_come_from_a_generator():
    x = nn.Parameter(torch.zeros(()))
    assert len(fit([x], lambda target: (x - target) ** 2, (target for target in (1.0, 2.0)), 0.1)) == 2


def test_progress_is_shown_only_if_asked_for(capsys):
    x = nn.Parameter(torch.zeros(()))
    fit([x], lambda _: x**2, [0, 1], 0.1)
    assert capsys.readouterr().err == ""
    fit([x], lambda _: x**2, [0, 1], 0.1, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_rows_are_random_and_can_be_repeated():
    one, two, other = (torch.stack(list(random_rows(5, 3, 50, seed))) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert set(one.flatten().tolist()) == set(range(5))
    assert one.shape == (50, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: fit([x], lambda _: x, [1], 0.0), ValueError, "learning_rate must be positive and finite, got 0.0"),
        (
            lambda x: fit([x], lambda _: x, [1], float("nan")),
            ValueError,
            "learning_rate must be positive and finite, got nan",
        ),
        (lambda x: fit([(0.0, [x])], lambda _: x, [1], 0.1), ValueError, "share must be positive and finite, got 0.0"),
        (lambda x: fit([(1.0, [])], lambda _: x, [1], 0.1), ValueError, "got 0 to train and 1"),
        (lambda x: fit([], lambda _: x, [1], 0.1), ValueError, "got 0 to train and 1"),
        (lambda x: fit([x], lambda _: x, [], 0.1), ValueError, "got 1 to train and 0"),
        (lambda x: fit([x], lambda _: x, [1], 0.1, warmup=-1), ValueError, "warmup must be at least 0, got -1"),
        (lambda x: fit([x], lambda _: x / 0, [1], 0.1), FloatingPointError, "the loss is inf at step 0"),
        (lambda x: random_rows(0, 1, 1), ValueError, "count must be at least 1, got 0"),
        (lambda x: random_rows(1, 0, 1), ValueError, "batch_size must be at least 1, got 0"),
        (lambda x: random_rows(1, 1, 0), ValueError, "steps must be at least 1, got 0"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call(nn.Parameter(torch.ones(())))
    assert message in str(caught.value)
