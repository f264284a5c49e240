"""Race the book's word2vec against gensim's: speed and quality, side by side.

    python benchmarks/word2vec.py              # everything, some 25 minutes on two quiet cores
    python benchmarks/word2vec.py race ladder  # some parts only: race, ladder, corpus, vocabulary

Every run is a process of its own, so that its memory can be measured; the two sides take turns. Both are given the same
sentences of the shipped English corpus, shuffled once, since the book's trainer takes its blocks in random order while
gensim reads them as they come. Results go to src/scratch/results/word2vec.json, with machine and versions, and to
word2vec.png.
"""

from __future__ import annotations

import ctypes
import gc
import random
import resource
import statistics
import sys
import time
from pathlib import Path

import common

SETTINGS = {"dim": 100, "window": 5, "negative": 5, "subsample": 1e-3, "min_count": 5, "epochs": 5}
SEEDS = (1, 2, 3)


def corpus(share: float = 1.0, copies: int = 1) -> list[list[str]]:
    """The first `share` of the shuffled sentences; each token becomes one of `copies` words, by chance."""
    from scratch.corpora import load

    rng = random.Random(0)
    sentences = load("english")
    rng.shuffle(sentences)
    sentences = sentences[: int(len(sentences) * share)]
    if copies > 1:
        sentences = [[f"{word}/{rng.randrange(copies)}" for word in sentence] for sentence in sentences]
    return sentences


def run(job: dict) -> dict:
    """One training, in this process: seconds, processor seconds, memory, and the scores if the job asks for them."""
    import torch
    from gensim.models import Word2Vec

    from scratch.word2vec import train

    torch.set_num_threads(1)
    settings = SETTINGS | {name: job[name] for name in SETTINGS if name in job}
    sentences = corpus(job.get("share", 1.0), job.get("copies", 1))
    words = sum(map(len, sentences))
    before = memory(reset=True)
    wall, cpu = time.perf_counter(), time.process_time()
    if job["side"] == "scratch":
        vectors = train(
            sentences, job["architecture"], "negative", workers=job["workers"], seed=job["seed"], **settings
        )
    else:
        vectors = Word2Vec(
            sentences,
            sg=int(job["architecture"] == "skip-gram"),
            vector_size=settings["dim"],
            window=settings["window"],
            negative=settings["negative"],
            sample=settings["subsample"],
            min_count=settings["min_count"],
            epochs=settings["epochs"],
            workers=job["workers"],
            seed=job["seed"],
        ).wv
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    megabytes = memory() - before
    result = {
        "words": words,
        "vocabulary": len(vectors),
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "words_per_second": round(words * settings["epochs"] / wall),
        "megabytes": round(megabytes),
    }
    return job | result | (scores(vectors) if job.get("judge") else {})


def memory(reset: bool = False) -> float:
    """The most memory that this process has held at once, in MB; on Linux, since the last reset."""
    if sys.platform == "linux":
        if reset:
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # memory that is free already goes back, or it would hide what comes
            Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is held now
        status = Path("/proc/self/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts in bytes


def scores(vectors) -> dict:
    """Correlations and accuracy, each with its standard error over the pairs or questions (bootstrap)."""
    import numpy as np

    from scratch.evaluation import analogies, similarity
    from scratch.metrics import spearman

    rng, result = np.random.default_rng(0), {}
    for name in ("wordsim-353", "simlex-999"):
        people, cosines, left_out = similarity(vectors, name)
        draws = [rng.integers(len(people), size=len(people)) for _ in range(500)]
        result[name] = {
            "score": round(spearman(people, cosines), 4),
            "error": round(float(np.std([spearman(people[i], cosines[i]) for i in draws])), 4),
            "left_out": round(left_out, 4),
        }
    correct, left_out = analogies(vectors)
    p = float(correct.mean())
    error = (p * (1 - p) / len(correct)) ** 0.5
    return result | {"analogies": {"score": round(p, 4), "error": round(error, 4), "left_out": round(left_out, 4)}}


def one(job: dict) -> dict:
    return run(job) if "side" in job else rung(job)


def apart(job: dict) -> dict:
    """`one` in a process of its own."""
    result = common.apart(__file__, job)
    print({key: value for key, value in result.items() if not isinstance(value, dict)}, flush=True)
    return result


def race() -> list[dict]:
    jobs = [
        {"architecture": architecture, "workers": workers, "seed": seed, "side": side, "judge": True}
        for seed in SEEDS
        for architecture in ("skip-gram", "cbow")
        for workers in (1, 2)
        for side in ("scratch", "gensim")
    ]
    return [apart(job) for job in jobs]


def growth(name: str, values: tuple[float, ...], **fixed) -> list[dict]:
    """Time and memory of both sides as one thing grows; the median of three rounds."""
    jobs = [{"side": side, name: value, **fixed} for value in values for side in ("scratch", "gensim")]
    rounds = [[apart({"architecture": "skip-gram", "workers": 1, "seed": s, **job}) for job in jobs] for s in SEEDS]
    return [middle(runs) for runs in zip(*rounds, strict=True)]


def middle(runs: tuple[dict, ...]) -> dict:
    keys = ("seconds", "cpu_seconds", "words_per_second", "megabytes")
    return runs[0] | {key: statistics.median(run[key] for run in runs) for key in keys if key in runs[0]}


# --- The ladder: from one pair at a time to the banded block ---------------------------------------------------------


def rung(job: dict) -> dict:
    """How many words of text one way of writing skip-gram reads in a second."""
    import torch

    from scratch.text import Vocabulary
    from scratch.windows import keep_probability, neighbours, sample

    torch.set_num_threads(1)
    sentences = corpus(1 / 8)
    counts = Vocabulary.from_tokens((w for s in sentences for w in s), SETTINGS["min_count"]).counts
    index = {word: i for i, word in enumerate(counts)}
    known = [[index[w] for w in s if w in index] for s in sentences]
    text = torch.tensor([i for s in known for i in s])
    number = torch.arange(len(known)).repeat_interleave(torch.tensor([len(s) for s in known]))
    count = torch.tensor(list(counts.values()))
    generator = torch.Generator().manual_seed(0)
    keep = keep_probability(count, SETTINGS["subsample"])
    drawn, left, right = sample(text, number, keep, SETTINGS["window"], generator)
    around = neighbours(drawn, left, right, SETTINGS["window"], torch.arange(len(drawn)))  # (n, 2w)
    rows, columns = (around >= 0).nonzero(as_tuple=True)
    pairs = torch.stack([drawn[rows], around[rows, columns]], 1)  # (pairs, 2): centre, neighbour
    words_a_pair = sum(map(len, sentences)) / len(pairs)
    noise = torch.multinomial(count**0.75, 2**20, replacement=True, generator=generator)
    W = (torch.rand(len(counts), SETTINGS["dim"], generator=generator) - 0.5) / SETTINGS["dim"]
    U = torch.zeros_like(W)
    done, seconds = LADDER[job["rung"]](W, U, pairs[torch.randperm(len(pairs), generator=generator)], noise)
    return job | {"words_per_second": round(done * words_a_pair / seconds, 1)}


def one_pair_autograd(W, U, pairs, noise, size=0.025):
    import torch
    from torch.nn.functional import logsigmoid

    W.requires_grad_()
    U.requires_grad_()
    start = time.perf_counter()
    for centre, neighbour in pairs[:100]:
        negatives = noise[torch.randint(len(noise), (SETTINGS["negative"],))]
        loss = -logsigmoid(U[neighbour] @ W[centre]) - logsigmoid(-U[negatives] @ W[centre]).sum()
        loss.backward()
        with torch.no_grad():
            W -= size * W.grad
            U -= size * U.grad
        W.grad = U.grad = None
    return 100, time.perf_counter() - start


def one_pair_by_hand(W, U, pairs, noise, size=0.025):
    import torch

    label = torch.tensor([1.0] + [0.0] * SETTINGS["negative"])
    start = time.perf_counter()
    for centre, neighbour in pairs[:20_000]:
        words = torch.cat([neighbour.view(1), noise[torch.randint(len(noise), (SETTINGS["negative"],))]])  # (1 + k,)
        h, u = W[centre], U[words]  # (d,), (1 + k, d)
        error = (u @ h).sigmoid() - label  # (1 + k,)
        W[centre] = h - size * (error @ u)
        U.index_add_(0, words, torch.outer(error, h), alpha=-size)
    return 20_000, time.perf_counter() - start


def batches_of_embeddings(W, U, pairs, noise, size=0.025):
    import torch
    from torch.nn.functional import logsigmoid

    inputs, outputs = (torch.nn.Embedding.from_pretrained(table, freeze=False, sparse=True) for table in (W, U))
    optimizer = torch.optim.SGD([*inputs.parameters(), *outputs.parameters()], lr=size)
    start = time.perf_counter()
    for batch in pairs[:400_000].split(2000):
        words = torch.cat([batch[:, 1:], noise[torch.randint(len(noise), (len(batch), SETTINGS["negative"]))]], 1)
        scores = (outputs(words) @ inputs(batch[:, 0]).unsqueeze(2)).squeeze(2)  # (n, 1 + k)
        loss = -logsigmoid(scores[:, 0]).sum() - logsigmoid(-scores[:, 1:]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(pairs[:400_000]), time.perf_counter() - start


def batches_by_hand(W, U, pairs, noise, size=0.025):
    import torch

    from scratch.hogwild import scatter

    label = torch.tensor([1.0] + [0.0] * SETTINGS["negative"])
    start = time.perf_counter()
    for batch in pairs[:800_000].split(2000):
        words = torch.cat([batch[:, 1:], noise[torch.randint(len(noise), (len(batch), SETTINGS["negative"]))]], 1)
        h, u = W[batch[:, 0]], U[words]  # (n, d), (n, 1 + k, d)
        error = (u @ h.unsqueeze(2)).squeeze(2).sigmoid_().sub_(label)  # (n, 1 + k)
        error *= -size
        scatter(W, batch[:, 0], (error.unsqueeze(1) @ u).squeeze(1))
        scatter(U, words, error.unsqueeze(2) * h.unsqueeze(1))
    return len(pairs[:800_000]), time.perf_counter() - start


LADDER = {
    "one pair, autograd": one_pair_autograd,
    "one pair, by hand": one_pair_by_hand,
    "batches, nn.Embedding": batches_of_embeddings,
    "batches, by hand": batches_by_hand,
}


def ladder() -> list[dict]:
    """All the ways, in turn, three times; the median of each."""
    whole = {"architecture": "skip-gram", "epochs": 1, "seed": 1}
    jobs = [{"rung": name} for name in LADDER]
    jobs += [{"rung": f"banded blocks, {w} thread{'s'[: w - 1]}", "side": "scratch", "workers": w} for w in (1, 2)]
    jobs += [{"rung": f"gensim, {w} thread{'s'[: w - 1]}", "side": "gensim", "workers": w} for w in (1, 2)]
    rounds = [[apart(job | whole if "side" in job else job) for job in jobs] for _ in range(3)]
    return [
        {"name": job["rung"], "words_per_second": statistics.median(r[i]["words_per_second"] for r in rounds)}
        for i, job in enumerate(jobs)
    ]


PARTS = {
    "ladder": ladder,
    "race": race,
    "corpus": lambda: growth("share", (1 / 16, 1 / 4, 1), epochs=1),
    "vocabulary": lambda: growth("copies", (1, 4, 16), share=1 / 4, min_count=1, epochs=1),
}


# --- Table and plot ---------------------------------------------------------------------------------------------------


def table(results: dict) -> str:
    """What the race and the growth came to."""
    lines = []
    rows = results.get("race", [])
    for architecture, workers in sorted({(row["architecture"], row["workers"]) for row in rows}, reverse=True):
        mean, speed = {}, {}
        for side in ("scratch", "gensim"):
            mine = [r for r in rows if (r["side"], r["architecture"], r["workers"]) == (side, architecture, workers)]
            speed[side] = statistics.median(r["words_per_second"] for r in mine)
            mean[side] = {
                name: (statistics.mean(r[name]["score"] for r in mine), statistics.mean(r[name]["error"] for r in mine))
                for name in ("wordsim-353", "simlex-999", "analogies")
            }
            shown = "  ".join(f"{name} {m:.3f} ± {e:.3f}" for name, (m, e) in mean[side].items())
            lines.append(f"{architecture:>9}, {workers} workers, {side:>7}: {speed[side] / 1e3:5.0f}k words/s  {shown}")
        behind = [n for n, (m, e) in mean["gensim"].items() if m - mean["scratch"][n][0] > e]
        verdict = f"more than a standard error behind on {', '.join(behind)}" if behind else "as good"
        lines.append(f"{'':>9}  {speed['scratch'] / speed['gensim']:.2f} times gensim's speed, {verdict}")
    for part in ("corpus", "vocabulary"):
        for row in results.get(part, []):
            size = f"{row['words'] / 1e6:.2f} M words, {row['vocabulary']:>7,} known"
            lines.append(f"{part:>10}: {row['side']:>7}, {size}: {row['seconds']:6.1f} s, {row['megabytes']:>5.0f} MB")
    lines += [f"{row['words_per_second']:>12,.0f} words/s  {row['name']}" for row in results.get("ladder", [])]
    return "\n".join(lines)


def plot(results: dict) -> None:
    import matplotlib.pyplot as plt

    plt.style.use("scratch.book")
    figure, panels = plt.subplots(1, 2, figsize=(7, 3), sharey=True)
    for axes, part, key in zip(panels, ("corpus", "vocabulary"), ("words", "vocabulary"), strict=True):
        for side, marker in (("gensim", "s"), ("scratch", "o")):
            rows = [row for row in results.get(part, []) if row["side"] == side]
            axes.loglog([r[key] for r in rows], [r["seconds"] for r in rows], marker=marker, label=side)
        axes.set(xlabel=f"{key} ({part} grows)")
    panels[0].set(ylabel="seconds")
    panels[0].legend()
    figure.savefig(common.RESULTS / "word2vec.png", metadata={"Software": None})


def main() -> None:
    results = common.run_parts(__doc__, "word2vec", PARTS, ("torch", "gensim", "numpy"), SETTINGS, one)
    if results:
        print(table(results))
        plot(results)


if __name__ == "__main__":
    main()
