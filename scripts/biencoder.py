"""Train the encoder that `scratch.retrieval.ask` asks besides BM25: python scripts/biencoder.py

Writes src/scratch/data/retrieval.npz (a row of whole numbers of eight bits for each stem, a scale for each row, and the
stems), its record in the manifest, and the log, src/scratch/results/biencoder.json. The encoder and its training are
those of the chapter on question answering, with the step size and temperature that benchmarks/retrieval.py chose, and
its first seed: half a minute on one thread. The log has the loss, and the mean reciprocal ranks of the encoder as
trained and as shipped, alone and with BM25.
"""

from __future__ import annotations

import io
import json
import platform
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import data
import numpy as np
import retrieval as benchmark
import torch

from scratch._eight_bits import restored, rounded
from scratch.retrieval import MeanVectors, fuse_scores, stems

RESULTS = Path(__file__).parents[1] / "src" / "scratch" / "results"
SEED = benchmark.JUDGED[0]


def judged(scores: dict[str, np.ndarray], counted: dict[str, np.ndarray], weight: float) -> dict[str, dict]:
    """The mean reciprocal ranks for both kinds of questions, alone and fused with BM25."""
    judge, found = benchmark.judge(), {}
    for name in benchmark.SETS:
        fused = fuse_scores(counted[name], scores[name], weight)
        found[name] = {"alone": judge.mrr(scores[name], name), "with BM25": judge.mrr(fused, name)}
    return found


def shipped_scores(vectors: MeanVectors) -> dict[str, np.ndarray]:
    """The cosines of all questions and passages (questions, passages)."""
    judge = benchmark.judge()
    passages = vectors.of([stems(text) for text in judge.texts])
    return {name: vectors.of([stems(text) for text, _ in judge.asked(name)]) @ passages.T for name in benchmark.SETS}


def main() -> None:
    torch.set_num_threads(1)
    rows = json.loads((RESULTS / "retrieval.json").read_text("utf-8"))["rows"]
    judge, options = benchmark.judge(), benchmark.encoder_options(rows, "trained")
    weight = benchmark.best(rows, "BM25 and encoder, scores")["weight"]
    counted = {name: judge.bm25(stems, **benchmark.best(rows, "BM25, stems"))(name) for name in benchmark.SETS}
    model, losses = judge.book["trained"](SEED, **options)
    trained = {name: judge.book["cosines"](model, judge.asked(name)) for name in benchmark.SETS}
    arrays = rounded("table", model.table.weight.detach())
    vectors = MeanVectors(judge.book["kept"], restored(arrays, "table").numpy())
    words = np.frombuffer("\n".join(judge.book["kept"]).encode(), np.uint8)
    with io.BytesIO() as buffer:
        np.savez_compressed(buffer, **arrays, stems=words, weight=np.array(weight, np.float16))
        (data.OUT / "retrieval.npz").write_bytes(buffer.getvalue())
    data.register()
    log = {
        "processor": platform.machine(),
        "torch": torch.__version__,
        "options": options | {"seed": SEED},
        "weight": weight,
        "loss": [round(float(np.mean(part)), 4) for part in np.split(np.array(losses), 10)],
        "as trained": judged(trained, counted, weight),
        "as shipped": judged(shipped_scores(vectors), counted, weight),
    }
    (RESULTS / "biencoder.json").write_text(json.dumps(log, indent=1) + "\n", "utf-8")
    print(json.dumps(log, indent=1))


if __name__ == "__main__":
    main()
