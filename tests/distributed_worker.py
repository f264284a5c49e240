"""What two processes find out about `scratch.distributed`: torchrun runs this for tests/test_distributed.py.

Each scenario returns a dictionary; rank 0 writes what all ranks return for all of them to the file that is named.
"""

import copy
import json
import sys

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from scratch.distributed import DataParallel

STEPS = 20
RATE = {torch.optim.SGD: 0.1, torch.optim.Adam: 0.01}


class Tied(nn.Module):
    """A table that also scores, a frozen layer, and a layer that only rows with an even first id use."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.frozen, self.always, self.sometimes = (nn.Linear(6, 6) for _ in range(3))
        self.never = nn.Linear(6, 6)
        self.frozen.requires_grad_(False)
        self.output = nn.Linear(6, 11)
        self.output.weight = self.table.weight

    def forward(self, ids):
        x = torch.tanh(self.always(self.frozen(self.table(ids[:, :-1]))))
        if (even := ids[:, 0] % 2 == 0).any():
            x = torch.where(even[:, None, None], x + self.sometimes(x), x)
        return nn.functional.cross_entropy(self.output(x).flatten(0, 1), ids[:, 1:].flatten())


def batches(sizes, odd=()):
    """A batch of rows for each size; in the steps of `odd` all first ids are odd, so that no row uses `sometimes`."""
    generator = torch.Generator().manual_seed(1)
    for step, size in enumerate(sizes):
        ids = torch.randint(11, (size, 5), generator=generator)
        if step in odd:
            ids[:, 0] = 3
        yield ids


def distance(one, other):
    return max((a - b).abs().max().item() for a, b in zip(one.parameters(), other.parameters(), strict=True))


def whole(kind, dtype, sizes, odd):
    """Ours in all processes, beside one model that reads all rows: the largest difference of a weight after STEPS."""
    rank, processes = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    alone = Tied().to(dtype)
    torch.manual_seed(rank)  # rank 1 begins with other weights, which are not to matter
    ours = DataParallel(copy.deepcopy(alone) if rank == 0 else Tied().to(dtype))
    for p, q in zip(alone.frozen.parameters(), ours.module.frozen.parameters(), strict=True):
        assert torch.equal(p, q)
    start = copy.deepcopy(alone)
    optimizers = [kind(model.parameters(), RATE[kind]) for model in (alone, ours)]
    without = []
    for ids in batches(sizes, odd):
        for optimizer in optimizers:
            optimizer.zero_grad()
        alone(ids).backward()
        mine = ids[rank::processes]
        if len(mine):
            ours(mine).backward()
        ours.synchronize(len(mine))
        pairs = zip(alone.named_parameters(), ours.module.parameters(), strict=True)
        without += [name for (name, p), q in pairs if (p.grad is None) != (q.grad is None)]
        for optimizer in optimizers:
            optimizer.step()
    return {"difference": distance(alone, ours), "moved": distance(alone, start), "other None": without}


def torchs(kind, dtype):
    """Ours beside DistributedDataParallel, on the same rows."""
    rank, processes = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    model = Tied().to(dtype)
    ours, theirs = DataParallel(copy.deepcopy(model)), DistributedDataParallel(model, find_unused_parameters=True)
    optimizers = [kind(wrapped.parameters(), RATE[kind]) for wrapped in (ours, theirs)]
    for ids in batches([8] * STEPS):
        for optimizer, wrapped in zip(optimizers, (ours, theirs), strict=True):
            optimizer.zero_grad()
            wrapped(ids[rank::processes]).backward()
        ours.synchronize(len(ids[rank::processes]))
        for optimizer in optimizers:
            optimizer.step()
    return {"difference": distance(ours, theirs)}


def dropped(apart):
    """Which of 64 inputs dropout leaves in each process, and the gradient beside the mean of both processes' own."""
    torch.manual_seed(5 + apart * dist.get_rank())
    model = DataParallel(nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 1, bias=False)))
    torch.manual_seed(7 + apart * dist.get_rank())
    model(torch.ones(1, 64)).sum().backward()
    own = model.module[1].weight.grad.clone()
    mean = own.clone()
    dist.all_reduce(mean)
    model.synchronize()
    return {"kept": own[0].ne(0).int().tolist(), "error": (model.module[1].weight.grad - mean / 2).abs().max().item()}


def refused(work):
    try:
        work()
    except ValueError as error:
        return {"error": str(error)}
    return {"error": None}


def no_rows():
    model = DataParallel(nn.Linear(2, 2))
    model.synchronize(rows=0)


SCENARIOS = {
    f"whole, {kind.__name__}, {dtype}": lambda kind=kind, dtype=dtype: whole(
        kind, dtype, [8] * (STEPS - 3) + [7, 3, 1], odd=(4, 9)
    )
    for kind in RATE
    for dtype in (torch.float32, torch.float64)
}
SCENARIOS |= {
    f"torch's, {kind.__name__}, {dtype}": lambda kind=kind, dtype=dtype: torchs(kind, dtype)
    for kind in RATE
    for dtype in (torch.float32, torch.float64)
}
SCENARIOS |= {
    "dropout, apart": lambda: dropped(True),
    "dropout, alike": lambda: dropped(False),
    "no rows": lambda: refused(no_rows),
    "other shapes": lambda: refused(lambda: DataParallel(nn.Linear(2, 2 + dist.get_rank()))),
    "other names": lambda: refused(lambda: DataParallel(nn.ModuleDict({"ab"[dist.get_rank()]: nn.Linear(2, 2)}))),
}


if __name__ == "__main__":
    dist.init_process_group("gloo")
    found = {}
    for name, scenario in SCENARIOS.items():
        box = [None] * dist.get_world_size()
        dist.all_gather_object(box, scenario())
        found[name] = box
    if dist.get_rank() == 0:
        with open(sys.argv[1], "w") as file:
            json.dump(found, file)
    dist.destroy_process_group()
