"""Data parallelism equals one process with the whole batch, and PyTorch's own; two real processes find it out."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch import nn

from scratch.distributed import DataParallel, fresh, must_agree

WORKER = Path(__file__).with_name("distributed_worker.py")


def torchrun(*arguments, processes=2, **options):
    """Run a script, or -m and a module, in several processes on this host."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *map(str, arguments)], env=environment, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    file = tmp_path_factory.mktemp("torchrun") / "found.json"
    done = torchrun(WORKER, file)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


@pytest.fixture
def alone():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(("dtype", "most"), [("float32", 2e-7), ("float64", 1e-14)])
def test_twenty_steps_are_those_of_one_process_with_the_whole_batch(found, kind, dtype, most):
    """Tied and frozen weights, batches of 8 and then of 7, 3 and 1 rows, weights that a step or all steps leave out."""
    for row in found[f"whole, {kind}, torch.{dtype}"]:
        assert row["difference"] < most
        assert row["moved"] > 0.1
        assert row["other None"] == []


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_twenty_steps_are_those_of_distributed_data_parallel(found, kind, dtype):
    for row in found[f"torch's, {kind}, torch.{dtype}"]:
        assert row["difference"] < 1e-7


def test_dropout_is_each_process_s_own_and_gradients_are_the_mean(found):
    one, other = found["dropout, apart"]
    assert one["kept"] != other["kept"]
    assert 16 < sum(one["kept"]) < 48
    assert one["error"] == other["error"] == 0.0
    alike = found["dropout, alike"]
    assert alike[0]["kept"] == alike[1]["kept"]  # what becomes of seeds that are not apart


def test_every_process_hears_of_what_one_has_wrong(found):
    for row in found["no rows"]:
        assert row["error"] == "rows must be above 0 in one process at least, got 0 in all"
    for name in ("other shapes", "other names"):
        for row in found[name]:
            assert row["error"].startswith("module must be the same in all processes, got [")


def test_one_process_is_a_group_too(alone):
    model = DataParallel(nn.Linear(3, 1))
    model(torch.ones(2, 3)).mean().backward()
    before = [p.grad.clone() for p in model.parameters()]
    model.synchronize(rows=0.1)
    for p, gradient in zip(model.parameters(), before, strict=True):
        assert torch.allclose(p.grad, gradient)


def test_half_precision_and_sparse_gradients(alone):
    model = DataParallel(nn.Sequential(nn.Embedding(5, 2, sparse=True), nn.Linear(2, 1).bfloat16()))
    model.module[1](model.module[0](torch.tensor([1, 1])).bfloat16()).sum().backward()
    model.synchronize(rows=2)
    assert [p.grad.dtype for p in model.parameters()] == [torch.float32, torch.bfloat16, torch.bfloat16]
    assert not model.module[0].weight.grad.is_sparse
    assert model.module[0].weight.grad[1].ne(0).all()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: DataParallel(nn.Linear(1, 1)).synchronize(rows=-1), ValueError, "rows must be at least 0, got -1"),
        (lambda: DataParallel(nn.Linear(1, 1)).synchronize(rows="4"), TypeError, "rows must be a float, got '4'"),
        (lambda: DataParallel(nn.ReLU()), ValueError, "module must have a parameter to train, got ReLU without one"),
    ],
)
def test_bad_input_is_one_clear_error(alone, wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_there_must_be_a_process_group():
    with pytest.raises(RuntimeError, match="there must be a process group"):
        DataParallel(nn.Linear(1, 1))


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("first", [0, -1])
def test_a_start_is_not_misled_by_what_an_earlier_one_left(processes, first):
    """The store of torchrun outlives a restart. Whoever comes first, all agree on a part of it that nobody has used."""
    store, used = dist.HashStore(), set()
    for _ in range(3):
        with ThreadPoolExecutor(processes) as pool:
            ranks = list(range(processes))[:: first or 1]
            futures = []
            for rank in ranks:
                futures.append(pool.submit(fresh, store, rank, processes))
                time.sleep(0.05)
            parts = [future.result() for future in futures]
        parts[0].set("whose", "ours")
        assert {part.get("whose") for part in parts} == {b"ours"}
        keys = {key for key in store.list_keys() if key.endswith("whose")}
        assert len(keys - used) == 1  # a part of its own
        used = keys


def test_the_wrapper_is_short():
    """As promised: at most sixty lines, which the chapter shows."""
    source = (Path(must_agree.__code__.co_filename)).read_text("utf-8")
    body = source[source.index("class DataParallel") : source.index("def must_agree")]
    assert len([line for line in body.splitlines() if line.strip()]) <= 60
