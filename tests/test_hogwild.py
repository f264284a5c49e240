"""scratch.hogwild: the steps fall, the workers share, and what diverges is stopped."""

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.hogwild import descend, gather, scatter


@given(st.integers(1, 5), st.integers(1, 4), st.lists(st.integers(0, 4), min_size=1, max_size=2), st.integers(0, 99))
def test_rows_are_gathered_and_scattered_as_by_an_index(V, d, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    table, ids = torch.randn(V, d, generator=generator), torch.randint(V, shape, generator=generator)
    assert torch.equal(gather(table, ids), table[ids])
    change = torch.randn(*shape, d, generator=generator)
    expected = table.clone().index_put_((ids,), change, accumulate=True)
    scatter(table, ids, change)
    torch.testing.assert_close(table, expected)


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
    meeting, taken = threading.Barrier(2), []

    def step(batch, size):
        meeting.wait()  # returns only once both workers are here
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


@pytest.mark.parametrize(("workers", "last"), [(1, 200), (2, 201)])
def test_what_diverges_is_stopped_within_a_hundred_batches(workers, last):
    table, taken = torch.zeros(1), []

    def step(i, size):
        taken.append(i)
        if i >= 150:
            table.fill_(1e4)

    with pytest.raises(FloatingPointError, match=r"has an entry of 1e\+04: lower"):
        descend([range(1000)], step, table, total=1, workers=workers, learning_rate=1)
    assert max(taken) <= last


@pytest.mark.parametrize("sign", [1, -1])
def test_a_thousand_is_too_large_and_what_is_below_is_not(sign):
    rest = {"total": 1, "workers": 1, "learning_rate": 1}
    descend([range(3)], lambda *_: None, torch.full((500,), sign * 999.5), **rest)
    with pytest.raises(FloatingPointError):
        descend([range(3)], lambda *_: None, torch.tensor([0.0, sign * 1000.0]), **rest)


@pytest.mark.parametrize(("workers", "last"), [(1, 149), (2, 148), (2, 149)])
def test_every_workers_last_batch_is_looked_at(workers, last):
    table = torch.zeros(1)
    with pytest.raises(FloatingPointError):
        descend(
            [range(150)],
            lambda i, size: table.fill_(1e4) if i == last else None,
            table,
            total=1,
            workers=workers,
            learning_rate=1,
        )


def test_torch_uses_one_thread_meanwhile():
    seen, threads = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        look = {"step": lambda *_: seen.append(torch.get_num_threads()), "table": torch.zeros(1)}
        descend([range(2)], **look, total=1, workers=2, learning_rate=1)
        assert (seen, torch.get_num_threads()) == ([1, 1], 2)
    finally:
        torch.set_num_threads(threads)


def test_an_error_in_a_step_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        descend([[torch.zeros(1)]], lambda *_: 1 / 0, torch.zeros(1), total=1, workers=2, learning_rate=1)
