"""Data parallelism: every process holds the whole model, reads its own rows, and the gradients are averaged."""

from __future__ import annotations

import hashlib
import time
import uuid

import torch
from torch import Tensor, nn
from torch import distributed as dist

from scratch._arguments import finite


class DataParallel(nn.Module):
    """A module that learns in several processes at once as it would in one that reads all of their rows.

    All processes start from rank 0's parameters and buffers. `synchronize`, after the backward pass, makes every
    gradient the mean over the process group; then each process takes the same step, and the copies stay equal. Random
    numbers are each process's own: seed them apart, or all drop the same places. Buffers are not averaged. As
    `torch.nn.parallel.DistributedDataParallel`, which sends gradients while others are still computed. Source:
    Li et al., "PyTorch Distributed", VLDB 2020, arXiv 2006.15704.

    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)  # torchrun tells rank and size
    >>> model = DataParallel(nn.Linear(3, 1))
    >>> model(torch.ones(4, 3)).mean().backward()
    >>> model.synchronize(rows=4)
    >>> model.module.bias.grad
    tensor([1.])
    >>> dist.destroy_process_group()

    Raises RuntimeError without a process group, ValueError if the processes' modules differ in a name or a shape, or if
    nothing in them is to be trained.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        if not dist.is_initialized():
            raise RuntimeError("there must be a process group: call torch.distributed.init_process_group first")
        self.module = module
        self.trained = [p for p in module.parameters() if p.requires_grad]  # each once, however often it is used
        if not self.trained:
            raise ValueError(f"module must have a parameter to train, got {module.__class__.__name__} without one")
        tensors = [*module.named_parameters(), *module.named_buffers()]
        must_agree("module", [(name, tuple(x.shape), x.dtype, x.requires_grad) for name, x in tensors])
        for _, tensor in tensors:
            dist.broadcast(tensor.detach(), src=0)

    def forward(self, *arguments, **options):
        """What the module itself returns."""
        return self.module(*arguments, **options)

    @torch.no_grad()
    def synchronize(self, rows: float = 1) -> None:
        """Make every gradient the mean over all rows of all processes; each process calls it once, after `backward`.

        `rows` is how many rows this process's loss was a mean of: with the same number in all, each process counts
        the same; after an uneven last batch, each row does. A process without a row says 0 and needs no backward pass.
        What no process has used keeps None for a gradient, as in one process.

        Raises ValueError if `rows` is negative or not finite, or if no process has one.
        """
        if finite("rows", rows) < 0:
            raise ValueError(f"rows must be at least 0, got {rows}")
        trained = self.trained
        used = [float(p.grad is not None) for p in trained]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in trained]
        counts = torch.tensor([*used, rows]).to(grads[0])
        sums = torch.cat([*(grad.flatten() * rows for grad in grads), counts])  # one message
        dist.all_reduce(sums)
        if not (total := sums[-1]) > 0:
            raise ValueError("rows must be above 0 in one process at least, got 0 in all")
        means = (sums / total).split([*map(Tensor.numel, grads), len(counts)])
        for p, mean, uses in zip(trained, means, sums[-len(counts) :], strict=False):
            p.grad = mean.view_as(p).to(p) if uses else None


def must_agree(name: str, value: object) -> None:
    """Raise ValueError, in every process, unless all have the same value: the same `repr`; each process calls it."""
    ours = int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:7], "big")
    extremes = torch.tensor([ours, -ours])
    extremes = extremes.cuda() if dist.get_backend() == "nccl" else extremes
    dist.all_reduce(extremes, dist.ReduceOp.MAX)
    if extremes.tolist() != [ours, -ours]:
        raise ValueError(f"{name} must be the same in all processes, got {value!r:.60} here")


def fresh(store: dist.Store, rank: int, processes: int) -> dist.Store:
    """A part of a store for this start of the processes alone; each of them calls it.

    torchrun keeps its store over restarts, and what an earlier start has left there (where to find whom) makes a later
    one wait for the dead: https://github.com/pytorch/pytorch/issues/135712. So rank 0 names the start by a new word,
    the others answer with the word that they read and one of their own, and go on when rank 0 has repeated both.

    >>> store = dist.HashStore()
    >>> fresh(store, rank=0, processes=1).set("port", "1"), fresh(store, rank=0, processes=1).check(["port"])
    (None, False)

    Raises torch.distributed.DistStoreError if rank 0 says nothing within the store's own time.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        store.set("start", own)
        answers = []
        for other in range(1, processes):
            while not (answer := store.get(f"answer {other}").decode()).startswith(own):
                time.sleep(0.02)
            answers.append(answer)
        store.set("go", f"{own} {' '.join(answers)}")
        return dist.PrefixStore(own, store)
    while True:
        start = store.get("start").decode()
        store.set(f"answer {rank}", start + own)
        if store.check(["go"]) and start + own in store.get("go").decode().split():
            return dist.PrefixStore(start, store)
        time.sleep(0.02)
