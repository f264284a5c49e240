"""Race the book's LSTM and GRU against PyTorch's, rung by rung, and see how far back each network remembers.

    python benchmarks/recurrent.py         # all parts, some 40 minutes on two quiet cores
    python benchmarks/recurrent.py ladder  # one part only: ladder, memory, patience or mixed

*ladder*: forward and backward through two layers, by ever faster code. All rungs take turns in one process, 21 rounds
after a few to warm up; a ratio is the median, over the rounds, of a rung's time to PyTorch's in the same round. Each
number of threads has three processes of its own, one after the other, and the median of theirs is kept.

*memory*: a reader is given a name, then `length` words of a speech, and is asked for the name. Kept is its share of
right answers after training, for each network, length, learning rate and seed. Three seeds choose the rate, at which
most of them remember; if that is the largest or the smallest tried, the next beyond is tried, too, and where none
does, one beyond on either side. Five other seeds, asked other questions, judge it at that rate. A network goes on to
twice the words only if most seeds remember.

*patience* and *mixed*: fresh networks with five times the steps, and trained on texts of all lengths from one word to
32, and tested on the longest; at the usual rate only, five seeds.

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
            "fused gates": Ladder(book["fused_gates"], lstm),
            "hoisted input": Ladder(book["hoisted_input"], lstm),
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

STEPS, MORE_STEPS, USUAL = 600, 3000, 3e-3
ARMS = (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("LSTM", 3), ("LSTM", 5), ("LSTM", 30), ("GRU", 0), ("GRU", 5))
LENGTHS = (8, 16, 32, 64, 128, 256)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
AT_FIRST, AT_LEAST = RATES[2:6], RATES[1:7]  # the rates that are always tried, and those before an arm is given up
CHOOSING, JUDGED = (0, 1, 2), (10, 11, 12, 13, 14)  # the seeds that choose a rate, and those that judge it
FRESH = (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("GRU", 0))
READERS = ("speech = [", "class Reader(", "def train(")
RIGHT = 0.9  # a reader that remembers is right more often than this


def remember(job: dict) -> float:
    """Train one of the chapter's readers, with PyTorch's network; its share of right answers on new examples."""
    torch.set_num_threads(1)
    torch.manual_seed(job["seed"])
    book = chapter()
    reader = book["Reader"](functools.partial(getattr(nn, job["network"]), batch_first=True), job["keep"])
    options = {"steps": job["steps"], "shortest": 1 if job.get("mixed") else None, "exam": job["exam"]}
    return round(book["train"](reader, job["length"], job["seed"], job["rate"], **options), 3)


@functools.cache
def chapter() -> dict:
    return common.from_chapter(CHAPTER, READERS, torch=torch, nn=nn)


def sweep(job: dict) -> dict:
    """One arm at one length: its shares right at each rate, the best rate, and the shares of other seeds there."""
    tried = {}
    more = list(AT_FIRST)
    while more:
        for rate in more:
            tried[rate] = [remember(job | {"rate": rate, "seed": seed, "exam": 1}) for seed in CHOOSING]
        rate = best(tried)
        place = RATES.index(rate)
        near = RATES[max(0, place - 1) : place + 2] if successes(tried[rate]) else AT_LEAST
        more = [rate for rate in near if rate not in tried]
    judged = [remember(job | {"rate": rate, "seed": seed, "exam": 2}) for seed in JUDGED]
    row = job | {"tried": {str(rate): tried[rate] for rate in sorted(tried)}, "rate": rate, "judged": judged}
    print(row, flush=True)
    return row


def best(tried: dict[float, list[float]]) -> float:
    """The rate at which most seeds remember; of several such rates, the middle one."""
    most = max(successes(shares) for shares in tried.values())
    good = sorted(rate for rate, shares in tried.items() if successes(shares) == most)
    return good[(len(good) - 1) // 2]


def successes(shares: list[float]) -> int:
    return sum(share > RIGHT for share in shares)


def memory() -> list[dict]:
    """All arms at the shortest length, and at each longer one those of which most seeds remembered the one before."""
    rows, arms = [], ARMS
    for length in LENGTHS:
        found = in_parallel(sweep, [job(arm, length) for arm in arms])
        good = [successes(row["tried"][str(row["rate"])]) > len(CHOOSING) / 2 for row in found]
        arms, rows = [arm for arm, most in zip(arms, good, strict=True) if most], rows + found
    return rows


def patience() -> list[dict]:
    return in_parallel(at_one_rate, [job(arm, 32, MORE_STEPS) for arm in FRESH])


def mixed() -> list[dict]:
    return in_parallel(at_one_rate, [job(arm, 32) | {"mixed": True} for arm in FRESH])


def at_one_rate(job: dict) -> dict:
    """What `sweep` gives, at the usual rate only."""
    job = job | {"rate": USUAL}
    return job | {"judged": [remember(job | {"seed": seed, "exam": 1}) for seed in range(5)]}


def job(arm: tuple[str, int], length: int, steps: int = STEPS) -> dict:
    return {"network": arm[0], "keep": arm[1], "length": length, "steps": steps}


def in_parallel(run, jobs: list[dict]) -> list[dict]:
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(run, jobs))


# --- Files ------------------------------------------------------------------------------------------------------------

PARTS = {"ladder": ladder, "memory": memory, "patience": patience, "mixed": mixed}


def table(results: dict) -> str:
    """The ratios of the ladder, and for each arm and length its best rate and the shares of the seeds that judge it."""
    lines = [
        f"{row['network']:>5} {row['rung']:>14}, threads {row['threads']}: {1e3 * row['seconds']:6.1f} ms, "
        f"{row['ratio']:.2f} times PyTorch's"
        for row in results.get("ladder", [])
    ]
    lines += [
        f"{row['network']:>5} +{row['keep']:<2} {'1 to' if row.get('mixed') else '':>4} {row['length']:>3} words, "
        f"{row['steps']} steps, rate {row['rate']:g}: {' '.join(f'{share:.2f}' for share in row['judged'])}"
        for row in [*results.get("memory", []), *results.get("patience", []), *results.get("mixed", [])]
    ]
    return "\n".join(lines)


def main() -> None:
    settings = {"ladder": SHAPE | {"rounds": ROUNDS, "processes": PROCESSES}}
    settings["memory"] = {"steps": STEPS, "rates": RATES, "choosing": CHOOSING, "judged": JUDGED, "right": RIGHT}
    settings["patience"] = settings["mixed"] = {"rate": USUAL, "seeds": [0, 1, 2, 3, 4]}
    results = common.run_parts(__doc__, "recurrent", PARTS, ("torch", "numpy"), settings, job=race)
    if results:
        print(table(results))


if __name__ == "__main__":
    main()
