"""Race the book's attention: additive against dot product, keys projected once and at every step.

    python benchmarks/attention.py           # every part, on a quiet machine
    python benchmarks/attention.py additive  # one part only

*additive*: so many queries ask the same keys, all at once or one after the other as a decoder does. The two matrices
that project queries and keys are the same on all sides; what differs is the score, and how often keys are projected.

*encoder_layer*: a layer of a Transformer encoder, ours to PyTorch's, with the same weights, on one thread and on two.

*by_length*: one layer of an LSTM encoder to one of a Transformer encoder, for ever longer sentences.

All sides of a race take turns in one process, on one thread if nothing else is said, some rounds to warm up and then
those that count; a ratio is the median, over the rounds, of a side's time to the first side's in the same round.
Results go to src/scratch/results/attention.json, with machine and versions.
"""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import Tensor, nn

from scratch.attention import AdditiveAttention, scaled_dot_product_attention
from scratch.encoder import Encoder, EncoderLayer, TransformerEncoder

WARM_UP, ROUNDS = 3, 15


def take_turns(
    sides: dict[str, Callable[[], object]], rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter
) -> list[dict]:
    """Seconds of each side, and their ratios to the first; on one thread, the processor's clock minds no neighbours."""
    times = {name: [] for name in sides}
    for turn in range(WARM_UP + rounds):
        for name, side in sides.items():
            start = clock()
            side()
            if turn >= WARM_UP:
                times[name].append(clock() - start)
    first = times[next(iter(sides))]
    rows = []
    for name, seconds in times.items():
        ratio = statistics.median(a / b for a, b in zip(seconds, first, strict=True))
        rows.append({"side": name, "seconds": round(statistics.median(seconds), 5), "ratio": round(ratio, 3)})
    return rows


def kept_for_backward(run: Callable[[], object], there: Iterable[Tensor] = ()) -> int:
    """How many bytes autograd keeps for the backward pass of what `run` computes, besides what is `there` anyway."""
    storages = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        storages[storage.data_ptr()] = (storage.nbytes(), x)  # x, so that its address is not used again
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        output = run()  # alive until the sum is taken
    known = {x.untyped_storage().data_ptr() for x in there}
    total = sum(nbytes for address, (nbytes, _) in storages.items() if address not in known)
    del output
    return total


# --- Additive attention and dot product -------------------------------------------------------------------------------

SHAPE = {"batch": 32, "queries": 32, "keys": 64, "dim": 256}


def additive() -> dict:
    """Forward and backward, and what is kept in between, of two scores, all queries at once or step by step."""
    torch.manual_seed(0)
    batch, dim = SHAPE["batch"], SHAPE["dim"]
    attention = AdditiveAttention(dim, dim, dim)
    W, U, v = attention.W, attention.U, attention.v
    queries = torch.randn(batch, SHAPE["queries"], dim, requires_grad=True)
    keys = torch.randn(batch, SHAPE["keys"], dim, requires_grad=True)
    above = torch.randn(batch, SHAPE["queries"], dim)

    def dot_at_once() -> Tensor:
        return scaled_dot_product_attention(W(queries), U(keys), keys)[0]

    def torch_at_once() -> Tensor:
        return torch.nn.functional.scaled_dot_product_attention(W(queries), U(keys), keys)

    def dot_by_step() -> Tensor:
        projected = U(keys)
        steps = [scaled_dot_product_attention(W(q).unsqueeze(1), projected, keys)[0] for q in queries.unbind(1)]
        return torch.cat(steps, 1)

    def additive_at_once() -> Tensor:
        scores = v(torch.tanh(W(queries).unsqueeze(2) + U(keys).unsqueeze(1))).squeeze(3)  # (batch, queries, keys)
        return scores.softmax(-1) @ keys

    def additive_by_step() -> Tensor:
        projected = attention.project_keys(keys)
        return torch.stack([attention(q, keys, projected=projected)[0] for q in queries.unbind(1)], 1)

    def additive_projected_at_every_step() -> Tensor:
        return torch.stack([attention(q, keys)[0] for q in queries.unbind(1)], 1)

    sides = {
        "dot product, at once": dot_at_once,
        "torch's, at once": torch_at_once,
        "dot product, by step": dot_by_step,
        "additive, at once": additive_at_once,
        "additive, by step": additive_by_step,
        "additive, keys again": additive_projected_at_every_step,
    }
    torch.testing.assert_close(torch_at_once(), dot_at_once())
    torch.testing.assert_close(dot_by_step(), dot_at_once())
    torch.testing.assert_close(additive_by_step(), additive_at_once())
    torch.testing.assert_close(additive_projected_at_every_step(), additive_at_once())

    def both_ways(forward: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad((forward() * above).sum(), [queries, keys, W.weight, U.weight])

    rows = take_turns({name: both_ways(side) for name, side in sides.items()})
    for row in rows:
        row["megabytes"] = round(kept_for_backward(sides[row["side"]]) / 1e6, 2)
    return {"shape": SHAPE, "rows": rows}


# --- A layer of a Transformer encoder, and whole encoders by length ---------------------------------------------------

LAYERS = ({"batch": 64, "length": 32}, {"batch": 16, "length": 128})
SIZES = {"dim": 256, "heads": 4, "feed_forward": 1024}


def encoder_layer() -> dict:
    """Our layer to PyTorch's: forward and backward in training, forward alone in use, where PyTorch has a fast path."""
    torch.manual_seed(0)
    rows = []
    for shape, norm_first, threads in itertools.product(LAYERS, (False, True), (1, 2)):
        torch.set_num_threads(threads)
        theirs = nn.TransformerEncoderLayer(
            SIZES["dim"], SIZES["heads"], SIZES["feed_forward"], 0.0, batch_first=True, norm_first=norm_first
        )
        ours = EncoderLayer(**SIZES, norm_first=norm_first)
        ours.load_state_dict(theirs.state_dict())
        x, above = torch.randn(2, shape["batch"], shape["length"], SIZES["dim"])
        x.requires_grad_()

        def both_ways(layer: nn.Module, x: Tensor = x, above: Tensor = above) -> tuple[Tensor, ...]:
            output = layer(x)
            return output, *torch.autograd.grad(output, [x, *layer.parameters()], above)

        def forward(layer: nn.Module, x: Tensor = x) -> tuple[Tensor]:
            with torch.no_grad():
                return (layer(x),)

        for mode, run in (("training", both_ways), ("use", forward)):
            for layer in (ours, theirs):
                layer.train(mode == "training")
            run(ours), run(theirs)  # a first call on two threads is now and then off by 2e-6, in torch's own code
            (output, *gradients), (expected, *others) = run(ours), run(theirs)
            torch.testing.assert_close(output, expected, atol=1e-6 * expected.abs().max().item(), rtol=0)
            for a, b in zip(gradients, others, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5 * b.abs().max().item(), rtol=0)
            sides = {"torch": functools.partial(run, theirs), "scratch": functools.partial(run, ours)}
            about = shape | {"norm": "pre" if norm_first else "post", "mode": mode, "threads": threads}
            clock = time.process_time if threads == 1 else time.perf_counter
            rows += [row | about for row in take_turns(sides, clock=clock)]
    torch.set_num_threads(1)
    return {"sizes": SIZES, "rows": rows}


LENGTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
ENCODERS = {"batch": 8, "dim": 128, "heads": 4, "feed_forward": 512, "vocabulary": 1000}


def by_length() -> dict:
    """Forward and backward through one layer of each kind, by length: time, and what is kept in between."""
    torch.manual_seed(0)
    dim, vocabulary = ENCODERS["dim"], ENCODERS["vocabulary"]
    transformer = TransformerEncoder(vocabulary, dim, 1, ENCODERS["heads"], max_length=max(LENGTHS))
    layer = nn.TransformerEncoderLayer(dim, ENCODERS["heads"], 4 * dim, 0.0, batch_first=True)
    layer.load_state_dict(transformer.layers[0].state_dict())
    lstm = Encoder(vocabulary, dim, dim, 1)
    theirs = nn.LSTM(dim, dim, batch_first=True)
    theirs.load_state_dict(lstm.lstm.state_dict())
    sides = {
        "LSTM": lstm.states,
        "Transformer": transformer.states,
        "torch's LSTM": lambda ids: theirs(lstm.embedding(ids))[0],
        "torch's Transformer": lambda ids: layer(transformer.input(ids)),
    }
    there = [*transformer.parameters(), *layer.parameters(), *lstm.parameters(), *theirs.parameters()]
    rows = []
    for length in LENGTHS:
        ids = torch.randint(4, vocabulary, (ENCODERS["batch"], length))
        above = torch.randn(ENCODERS["batch"], length, dim)
        torch.testing.assert_close(sides["LSTM"](ids), sides["torch's LSTM"](ids), atol=1e-6, rtol=0)
        torch.testing.assert_close(sides["Transformer"](ids), sides["torch's Transformer"](ids), atol=3e-6, rtol=0)
        runs = {name: functools.partial(side, ids) for name, side in sides.items()}
        both_ways = {name: lambda run=run, above=above: run().backward(above) for name, run in runs.items()}
        for row in take_turns(both_ways, clock=time.process_time):
            kept = kept_for_backward(runs[row["side"]], there)
            rows.append(row | {"length": length, "megabytes": round(kept / 1e6, 3)})
    return {"sizes": ENCODERS, "rows": rows}


PARTS = {"additive": additive, "encoder_layer": encoder_layer, "by_length": by_length}


def table(results: dict) -> str:
    lines = []
    for part in PARTS:
        for row in results.get(part, {}).get("rows", []):
            about = "  ".join(f"{key} {value}" for key, value in row.items() if key != "side")
            lines.append(f"{part:>14}: {row['side']:<22} {about}")
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    print(table(common.run_parts(__doc__, "attention", PARTS, ("torch",), {"rounds": ROUNDS})))


if __name__ == "__main__":
    main()
