"""Two races that teach something, but decide no test: how fast our subwords and our table of positions are made.

    python benchmarks/speed.py                      # both, some two minutes
    python benchmarks/speed.py subwords positions   # one or both parts

*subwords*: `BytePairEncoder.train` and the `tokenizers` library, which is written in Rust, learn from the same texts.
*positions*: the sinusoidal table by array operations, and by the two loops of its formula. The two sides take
turns; the median of three runs. Results go to src/scratch/results/speed.json, with machine and versions.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import common

SETTINGS = {"vocab_size": 4096, "positions": 4096, "dim": 512, "runs": 3}


def race(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of each side, the median of some runs, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(SETTINGS["runs"]):
        for name, make in sides.items():
            start = time.process_time()
            make()
            seconds[name].append(time.process_time() - start)
    return {name: round(statistics.median(runs), 4) for name, runs in seconds.items()}


def subwords() -> dict:
    """Both learn from the State of the Union addresses, one sentence a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    from scratch.byte_pairs import BytePairEncoder
    from scratch.corpora import load

    texts = [" ".join(sentence) for sentence in load("state-of-the-union")]
    made = {}

    def ours() -> None:
        made["ours"] = BytePairEncoder.train(texts, SETTINGS["vocab_size"]).tokens

    def theirs() -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=SETTINGS["vocab_size"], initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        made["tokenizers"] = tokenizer

    seconds = race({"ours": ours, "tokenizers": theirs})
    sizes = len(made["ours"]), made["tokenizers"].get_vocab_size()
    return {"texts": len(texts), "vocabulary": sizes, "cpu_seconds": seconds}


def positions() -> dict:
    """The helper's table, and the formula's two loops."""
    import torch

    from scratch.position import sinusoidal

    torch.set_num_threads(1)
    length, dim = SETTINGS["positions"], SETTINGS["dim"]

    def loops() -> torch.Tensor:
        table = torch.empty(length, dim)
        for place in range(length):
            row = [0.0] * dim
            for k in range(dim):
                angle = place / 10000 ** ((k - k % 2) / dim)
                row[k] = math.cos(angle) if k % 2 else math.sin(angle)
            table[place] = torch.tensor(row)
        return table

    difference = (sinusoidal(length, dim) - loops()).abs().max().item()
    return {
        "largest_difference": difference,
        "cpu_seconds": race({"ours": lambda: sinusoidal(length, dim), "loops": loops}),
    }


PARTS = {"subwords": subwords, "positions": positions}


def main() -> None:
    results = common.run_parts(__doc__, "speed", PARTS, ("torch", "tokenizers"), SETTINGS)
    for part in PARTS:
        if results and part in results:
            found = results[part]
            first, second = found["cpu_seconds"].values()
            print(part, found, f"ours takes {first / second:.3g} times the processor time of the other")


if __name__ == "__main__":
    main()
