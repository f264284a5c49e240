"""scratch.hogwild: the steps fall, the workers share, and what diverges is stopped."""

import threading

import pytest
import torch

from scratch.hogwild import descend


def test_every_batch_is_taken_once_and_steps_fall_linearly():
    taken = []
    epochs = [[torch.tensor([e, i]) for i in range(4)] for e in range(2)]
    descend(
        epochs,
        lambda b, size: taken.append((*b.tolist(), size)),
        torch.zeros(1),
        total=2,
        workers=1,
        learning_rate=8,
    )
    assert taken == [(e, i, 8 - (4 * e + i)) for e in range(2) for i in range(4)]


def test_workers_run_at_the_same_time():
    meeting, taken = threading.Barrier(2, timeout=20), []

    def step(batch, size):
        meeting.wait()  # raises unless both workers get here
        taken.append((threading.get_ident(), int(batch)))

    descend([list(torch.arange(6))], step, torch.zeros(1), total=1, workers=2, learning_rate=1)
    workers = {worker for worker, _ in taken}
    assert sorted([i for w, i in taken if w == worker] for worker in workers) == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("worst", [1e20, float("inf"), float("nan")])
@pytest.mark.parametrize("workers", [1, 2])
def test_divergence_is_a_clear_error_and_threads_are_given_back(worst, workers):
    table, threads = torch.zeros(3), torch.get_num_threads()
    with pytest.raises(FloatingPointError, match=r"training diverged, a vector has an entry of .*learning_rate=0.1"):
        descend(
            [list(torch.arange(250))] * 2,
            lambda batch, size: table[1:2].fill_(worst),
            table,
            total=2,
            workers=workers,
            learning_rate=0.1,
        )
    assert torch.get_num_threads() == threads


def test_an_error_in_a_step_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        descend([[torch.zeros(1)]], lambda *_: 1 / 0, torch.zeros(1), total=1, workers=2, learning_rate=1)
