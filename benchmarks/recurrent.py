"""Race the book's LSTM and GRU against PyTorch's, rung by rung, and see how far back each network remembers.

    python benchmarks/recurrent.py         # all parts, some 10 minutes on two quiet cores
    python benchmarks/recurrent.py ladder  # one part only: ladder, memory or mixed

*ladder*: forward and backward through two layers, by ever faster code. All rungs take turns in one process, 21 rounds
after a few to warm up; a ratio is the median, over the rounds, of a rung's time to PyTorch's in the same round. Each
number of threads has three processes of its own, one after the other, and the median of theirs is kept.

*memory*: a reader is given a name, then `length` words of a speech, and is asked for the name. Kept is its share of
right answers after training, for each network, length and seed.

*mixed*: the same, trained on texts of all lengths from one word up, and tested on the longest.

Results go to src/scratch/results/recurrent.json, with machine and versions.
"""

from __future__ import annotations

import functools
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import common
import torch
from torch import Tensor, nn

from scratch.recurrent import GRU, LSTM

SHAPE = {"batch": 64, "length": 32, "hidden": 256, "layers": 2}
WARM_UP, ROUNDS, PROCESSES, THREADS = 4, 21, 3, (1, 2)

# --- The ladder: the chapter's ways to write a layer, each with torch's weights ---------------------------------------

CHAPTER = "encoder/lstm-gru"
WAYS = ("def eight_linears(", "def fused_gates(", "def hoisted_input(")


class Ladder(nn.Module):
    """An LSTM whose layers are read by one of the functions above."""

    def __init__(self, read, theirs: nn.LSTM):
        super().__init__()
        self.read, self.theirs = read, theirs

    def forward(self, x: Tensor) -> Tensor:
        for layer in range(self.theirs.num_layers):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            x = self.read(x, *(getattr(self.theirs, f"{name}_l{layer}") for name in names))
        return x


class First(nn.Module):
    """The output of a network, without its last state."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)[0]


def rungs() -> dict[str, dict[str, nn.Module]]:
    """All networks, those of a kind with the same weights; PyTorch's is the last of its kind."""
    torch.manual_seed(0)
    sizes = (SHAPE["hidden"], SHAPE["hidden"], SHAPE["layers"])
    lstm, gru = nn.LSTM(*sizes, batch_first=True), nn.GRU(*sizes, batch_first=True)
    our_lstm, our_gru = LSTM(*sizes), GRU(*sizes)
    our_lstm.load_state_dict(lstm.state_dict())
    our_gru.load_state_dict(gru.state_dict())
    book = common.from_chapter(CHAPTER, WAYS, torch=torch)
    return {
        "LSTM": {
            "eight linears": Ladder(book["eight_linears"], lstm),
            "gates fused": Ladder(book["fused_gates"], lstm),
            "input hoisted": Ladder(book["hoisted_input"], lstm),
            "scratch": First(our_lstm),
            "torch": First(lstm),
        },
        "GRU": {"scratch": First(our_gru), "torch": First(gru)},
    }


def both_ways(network: nn.Module, x: Tensor, above: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Forward and backward; the output, and the gradients of x and of all weights."""
    output = network(x)
    return output, list(torch.autograd.grad(output, [x, *network.parameters()], above))


def race(threads: int) -> list[dict]:
    """Seconds of each rung, and their ratios to PyTorch's, on so many threads."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, above = torch.randn(2, SHAPE["batch"], SHAPE["length"], SHAPE["hidden"])
    x.requires_grad_()
    rows = []
    for kind, networks in rungs().items():
        output, gradients = both_ways(networks["torch"], x, above)
        for network in networks.values():
            both_ways(network, x, above)  # a first call on two threads is now and then off by 2e-6, in torch's own code
            ours, slopes = both_ways(network, x, above)
            torch.testing.assert_close(ours, output, atol=1e-6, rtol=0)
            for a, b in zip(slopes, gradients, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5 * b.abs().max().item(), rtol=0)
        times = {name: [] for name in networks}
        for turn in range(WARM_UP + ROUNDS):
            for name, network in networks.items():
                start = time.perf_counter()
                both_ways(network, x, above)
                if turn >= WARM_UP:
                    times[name].append(time.perf_counter() - start)
        for name, seconds in times.items():
            ratios = [a / b for a, b in zip(seconds, times["torch"], strict=True)]
            row = {"network": kind, "rung": name, "threads": threads, "seconds": statistics.median(seconds)}
            rows.append(row | {"ratio": statistics.median(ratios)})
    return rows


def ladder() -> list[dict]:
    rows = []
    for threads in THREADS:
        runs = [common.apart(__file__, threads, threads) for _ in range(PROCESSES)]
        for same in zip(*runs, strict=True):  # the row of one rung in each run
            middle = {key: statistics.median(row[key] for row in same) for key in ("seconds", "ratio")}
            rows.append(same[0] | {"seconds": round(middle["seconds"], 4), "ratio": round(middle["ratio"], 3)})
    return rows


# --- Memory: a name, then many words, then the question: who was it? --------------------------------------------------

STEPS = 600
ARMS = (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("LSTM", 3), ("LSTM", 5), ("LSTM", 30), ("GRU", 0), ("GRU", 5))
LENGTHS, SEEDS = (4, 8, 16, 32, 64, 128), (0, 1, 2, 3, 4)
PATIENCE = {"arms": (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("GRU", 0)), "length": 32, "steps": 3000}
MIXED = {"arms": (("RNN", 0), ("LSTM", 0), ("GRU", 0)), "length": 32}
READERS = ("speech = [", "class Reader(", "def train(")


def remember(job: dict) -> dict:
    """Train one of the chapter's readers, with PyTorch's network; its share of right answers on new examples."""
    torch.set_num_threads(1)
    book = common.from_chapter(CHAPTER, READERS, torch=torch, nn=nn)
    torch.manual_seed(job["seed"])
    network = functools.partial(getattr(nn, job["network"]), batch_first=True)
    reader = book["Reader"](network, job["keep"])
    shortest = 1 if job.get("mixed") else None
    right = book["train"](reader, job["length"], job["seed"], steps=job["steps"], shortest=shortest)
    return job | {"accuracy": round(right, 3)}


def memory() -> list[dict]:
    plan = [(arm, length, STEPS) for length in LENGTHS for arm in ARMS]
    plan += [(arm, PATIENCE["length"], PATIENCE["steps"]) for arm in PATIENCE["arms"]]
    return remember_all(plan)


def mixed() -> list[dict]:
    return remember_all([(arm, MIXED["length"], STEPS) for arm in MIXED["arms"]], mixed=True)


def remember_all(plan: list[tuple], **more) -> list[dict]:
    jobs = [
        {"network": network, "keep": keep, "length": length, "steps": steps, "seed": seed} | more
        for (network, keep), length, steps in plan
        for seed in SEEDS
    ]
    rows = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for row in pool.map(remember, jobs):
            print(row, flush=True)
            rows.append(row)
    return rows


# --- Files ------------------------------------------------------------------------------------------------------------

PARTS = {"ladder": ladder, "memory": memory, "mixed": mixed}


def table(results: dict) -> str:
    """The ratios of the ladder, and for each network and length the accuracy of all seeds."""
    lines = [
        f"{row['network']:>5} {row['rung']:>14}, threads {row['threads']}: {1e3 * row['seconds']:6.1f} ms, "
        f"{row['ratio']:.2f} times PyTorch's"
        for row in results.get("ladder", [])
    ]
    found = {}
    for row in results.get("memory", []) + results.get("mixed", []):
        length = f"1 to {row['length']}" if row.get("mixed") else row["length"]
        key = (row["network"], row["keep"], length, row["steps"])
        found.setdefault(key, []).append(f"{row['accuracy']:.2f}")
    lines += [
        f"{network:>5} +{keep}, {length:>7} words, {steps} steps: {' '.join(accuracies)}"
        for (network, keep, length, steps), accuracies in found.items()
    ]
    return "\n".join(lines)


def main() -> None:
    settings = {"ladder": SHAPE | {"rounds": ROUNDS, "processes": PROCESSES}}
    settings["memory"] = {"steps": STEPS, "seeds": SEEDS}
    results = common.run_parts(__doc__, "recurrent", PARTS, ("torch", "numpy"), settings, job=race)
    if results:
        print(table(results))


if __name__ == "__main__":
    main()
