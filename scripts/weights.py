"""Train the small translator that the book ships, from English to Chinese: python scripts/weights.py [--seconds N].

    python scripts/weights.py --search

trains none, and adds to the log how the shipped one does with beams of several widths and length penalties.

Writes src/scratch/data/translate.npz (whole numbers of eight bits, a scale for each row, and the vocabulary), its
record in the manifest, and the log, src/scratch/results/translate.json. The model is the rung "dot, copy" of
benchmarks/translation.py, with dropout, trained for so many seconds of processor time on one thread. Its time ends the
training, so that two runs give models that differ a little.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import data
import numpy as np
import torch
import translation

from scratch import translate
from scratch._eight_bits import restored, rounded

ROOT = Path(__file__).parents[1]
DATA, LOG = ROOT / "src" / "scratch" / "data", ROOT / "src" / "scratch" / "results" / "translate.json"
SEARCHES = ((1, 0.0), (5, 0.0), (5, 0.6), (5, 1.2), (5, 2.0), (10, 0.0))  # width, length penalty


def scores(book: translation.Data, model, which: str) -> dict[str, float]:
    """BLEU and chrF of what a model makes of a split's sources."""
    return translation.score("zh", book.translate(model, which), [target for _, target in book.splits[which]])


def arrays_of(book: translation.Data, model) -> dict[str, np.ndarray]:
    """What the file holds."""
    words, weights = book.vocabulary.tokens[4:], model.state_dict()
    found = {
        "words": np.frombuffer("\n".join(words).encode(), np.uint8),
        "counts": np.array([book.vocabulary.counts[word] for word in words], np.int32),
        "inside": np.array([book.inside[word] for word in words], np.int32),
        "names": np.frombuffer("\n".join(weights).encode(), np.uint8),
    }
    for name, weight in weights.items():
        found |= rounded(name, weight)
    return found


def searches(book: translation.Data) -> list[dict]:
    """BLEU of every third string of both splits by SEARCHES, and how long the texts are, of their references."""
    model, rows = translate.pretrained(), []
    model.model.float()
    for width, penalty in SEARCHES:
        row, ours, theirs = {"width": width, "penalty": penalty}, 0, 0
        for which in ("validation", "test"):
            sources, references = zip(*book.splits[which][::3], strict=True)
            found = model.translate(sources, width, penalty)
            row[which] = translation.score("zh", found, list(references))["bleu"]
            ours += sum(map(len, translation.tokens("zh", found)))
            theirs += sum(map(len, translation.tokens("zh", references)))
        rows.append(row | {"length": round(ours / theirs, 3)})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=200.0, help="of processor time")
    parser.add_argument("--dropout", type=float, default=0.3, help="the share")
    parser.add_argument("--rate", type=float, default=0.01, help="the largest step size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--try", action="store_true", dest="trial", help="write nothing")
    parser.add_argument("--search", action="store_true", help="only beams, of the shipped model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    book = translation.data("zh")
    if arguments.search:
        log = json.loads(LOG.read_text("utf-8")) | {"search": searches(book)}
        LOG.write_text(json.dumps(log, indent=1) + "\n", "utf-8")
        return
    book.inside = Counter({word: book.inside[word] for word in book.vocabulary.tokens})  # what the file can hold
    job = {"language": "zh", "rung": "dot, copy", "rate": arguments.rate, "seed": arguments.seed}
    job["dropout"] = arguments.dropout
    model, how = translation.train(job | {"seconds": arguments.seconds})
    log = {"processor": platform.machine(), "torch": torch.__version__} | job | {"seconds": arguments.seconds} | how
    log["trained"] = {which: scores(book, model, which) for which in ("validation", "test")}
    arrays = arrays_of(book, model)
    model.load_state_dict({name: restored(arrays, name).float() for name in model.state_dict()})
    log["rounded"] = {which: scores(book, model, which) for which in ("validation", "test")}
    print(json.dumps(log, indent=1))
    if arguments.trial:
        return
    with io.BytesIO() as buffer:
        np.savez_compressed(buffer, **arrays)
        (DATA / "translate.npz").write_bytes(buffer.getvalue())
    data.register()
    LOG.write_text(json.dumps(log, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
