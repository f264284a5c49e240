"""Race the book's LSTM and GRU against PyTorch's, rung by rung, and see how far back each network remembers.

    python benchmarks/recurrent.py         # all parts, some 10 minutes on two quiet cores
    python benchmarks/recurrent.py ladder  # one part only: ladder, memory or mixed

*ladder*: forward and backward through two layers, by ever faster code. All rungs take turns in one process, 21 rounds
after a few to warm up; a ratio is the median, over the rounds, of a rung's time to PyTorch's in the same round. Each
number of threads has a process of its own.

*memory*: a reader is given a name, then `length` words of a speech, and is asked for the name. Kept is its share of
right answers after training, for each network, length and seed.

*mixed*: the same, trained on texts of all lengths from one word up, and tested on the longest.

Results go to benchmarks/results/recurrent.json, with machine and versions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from scratch.corpora import load
from scratch.recurrent import GRU, LSTM
from scratch.text import Vocabulary

RESULTS = Path(__file__).parent / "results" / "recurrent.json"
SHAPE = {"batch": 64, "length": 32, "hidden": 256, "layers": 2}
WARM_UP, ROUNDS, THREADS = 4, 21, (1, 2)

# --- The ladder: four ways to write a layer, each with torch's weights ------------------------------------------------

Weights = list[Tensor]  # weight_ih, weight_hh, bias_ih, bias_hh: the rows of the gates i, f, g, o, in this order


def eight_linears(x: Tensor, weights: Weights) -> Tensor:
    """Equation by equation: for each gate, a product with the input and one with the state."""
    gates = list(zip(*(weight.chunk(4) for weight in weights), strict=True))  # a W, U, b, v for each gate
    h = c = x.new_zeros(len(x), weights[1].shape[1])  # (batch, hidden)
    outputs = []
    for now in x.unbind(1):  # (batch, dim)
        i, f, g, o = (linear(now, W, b) + linear(h, U, v) for W, U, b, v in gates)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)  # (batch, length, hidden)


def fused_gates(x: Tensor, weights: Weights) -> Tensor:
    """The four gates in one product each."""
    W, U, b, v = weights
    h = c = x.new_zeros(len(x), U.shape[1])
    outputs = []
    for now in x.unbind(1):
        i, f, g, o = (linear(now, W, b) + linear(h, U, v)).chunk(4, 1)  # (batch, hidden) each
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


def hoisted_input(x: Tensor, weights: Weights) -> Tensor:
    """The inputs' share of all steps in one product before the loop."""
    W, U, b, v = weights
    given = linear(x.transpose(0, 1), W, b + v)  # (length, batch, 4 hidden)
    h = c = x.new_zeros(len(x), U.shape[1])
    outputs = []
    for now in given:
        i, f, g, o = torch.addmm(now, h, U.T).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


class Ladder(nn.Module):
    """An LSTM whose layers are read by one of the functions above."""

    def __init__(self, read, theirs: nn.LSTM):
        super().__init__()
        self.read, self.theirs = read, theirs

    def forward(self, x: Tensor) -> Tensor:
        for layer in range(self.theirs.num_layers):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            x = self.read(x, [getattr(self.theirs, f"{name}_l{layer}") for name in names])
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
    return {
        "LSTM": {
            "eight linears": Ladder(eight_linears, lstm),
            "gates fused": Ladder(fused_gates, lstm),
            "input hoisted": Ladder(hoisted_input, lstm),
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


def ladder(processes: int) -> list[dict]:
    rows = []
    for threads in THREADS:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "--race", str(threads)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        rows += json.loads(done.stdout)
    return [row | {"seconds": round(row["seconds"], 4), "ratio": round(row["ratio"], 3)} for row in rows]


# --- Memory: a name, then many words, then the question: who was it? --------------------------------------------------

NAMES = 4
TRAINING = {"steps": 600, "batch": 32, "hidden": 32, "dim": 16, "lr": 3e-3, "words": 1000}
ARMS = (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("LSTM", 3), ("LSTM", 5), ("LSTM", 30), ("GRU", 0), ("GRU", 5))
LENGTHS, SEEDS = (4, 8, 16, 32, 64, 128), (0, 1, 2, 3, 4)
PATIENCE = {"arms": (("RNN", 0), ("LSTM", 0), ("LSTM", 1), ("GRU", 0)), "length": 32, "steps": 3000}
MIXED = {"arms": (("RNN", 0), ("LSTM", 0), ("GRU", 0)), "length": 32}


def text() -> Tensor:
    """The presidents' speeches as ids of the most frequent words."""
    words = [word for sentence in load("state-of-the-union") for word in sentence]
    return torch.tensor(Vocabulary.from_tokens(words, max_size=TRAINING["words"]).encode(words))


def examples(speech: Tensor, count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ids (count, 1 + length), each a name and then running text, and which name it was (count,)."""
    starts = torch.randint(len(speech) - length, (count, 1), generator=generator)
    names = torch.randint(NAMES, (count,), generator=generator)
    first = int(speech.max()) + 1  # the ids of the names follow those of the words
    return torch.cat([first + names.unsqueeze(1), speech[starts + torch.arange(length)]], 1), names


class Reader(nn.Module):
    """Embedding, network, and a score for each name from the last state; `keep` is added to the bias of the gate."""

    def __init__(self, kind: str, keep: float, vocab_size: int):
        super().__init__()
        hidden = TRAINING["hidden"]
        self.embedding = nn.Embedding(vocab_size, TRAINING["dim"])
        self.network = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind](TRAINING["dim"], hidden, batch_first=True)
        if kind != "RNN":  # the LSTM's forget gate and the GRU's z, both second in their order
            self.network.bias_ih_l0.data[hidden : 2 * hidden] += keep
        self.score = nn.Linear(hidden, NAMES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.score(self.network(self.embedding(ids))[0][:, -1])


def remember(job: dict) -> dict:
    """Train one reader; its share of right answers on new examples."""
    torch.set_num_threads(1)
    speech = text()
    torch.manual_seed(job["seed"])
    reader = Reader(job["network"], job["keep"], int(speech.max()) + 1 + NAMES)
    optimizer = torch.optim.Adam(reader.parameters(), lr=TRAINING["lr"])
    generator = torch.Generator().manual_seed(100 + job["seed"])
    for _ in range(job["steps"]):
        length = job["length"]
        if job.get("mixed"):
            length = int(torch.randint(1, length + 1, (), generator=generator))
        ids, names = examples(speech, TRAINING["batch"], length, generator)
        loss = cross_entropy(reader(ids), names)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        ids, names = examples(speech, 1000, job["length"], torch.Generator().manual_seed(1))
        right = (reader(ids).argmax(1) == names).double().mean().item()
    return job | {"accuracy": round(right, 3)}


def memory(processes: int) -> list[dict]:
    plan = [(arm, length, TRAINING["steps"]) for length in LENGTHS for arm in ARMS]
    plan += [(arm, PATIENCE["length"], PATIENCE["steps"]) for arm in PATIENCE["arms"]]
    return remember_all(plan, processes)


def mixed(processes: int) -> list[dict]:
    return remember_all([(arm, MIXED["length"], TRAINING["steps"]) for arm in MIXED["arms"]], processes, mixed=True)


def remember_all(plan: list[tuple], processes: int, **more) -> list[dict]:
    jobs = [
        {"network": network, "keep": keep, "length": length, "steps": steps, "seed": seed} | more
        for (network, keep), length, steps in plan
        for seed in SEEDS
    ]
    rows = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="for the memory (default: all cores)")
    parser.add_argument("--race", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.race:
        print(json.dumps(race(arguments.race)))
        return
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"part must be one of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results |= {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("torch", "numpy")} | {"python": platform.python_version()},
        "settings": {"ladder": SHAPE | {"rounds": ROUNDS}, "memory": TRAINING | {"names": NAMES, "seeds": SEEDS}},
    }
    for part in arguments.parts or PARTS:
        results[part] = PARTS[part](arguments.processes)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
