"""Race the book's word2vec against gensim's: quality at each side's best step size, and speed.

    python benchmarks/word2vec.py                  # everything, about two hours on two cores
    python benchmarks/word2vec.py speed ladder corpus vocabulary   # what needs a quiet machine, some 25 minutes
    python benchmarks/word2vec.py rates race power cause           # what is as good on a busy one

Every run is a process of its own, so that its memory can be measured; the two sides take turns. Both are given the same
sentences of the shipped English corpus, shuffled once, since the book's trainer takes its blocks in random order while
gensim reads them as they come. `rates` sweeps the step size; `race` then trains both sides at the sizes that `best`
chooses for each judge by the other two, and keeps every answer, so that differences can be paired. Results go to
src/scratch/results/word2vec.json, with machine and versions.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import json
import random
import resource
import statistics
import sys
import time
from pathlib import Path

import common

SETTINGS = {"dim": 100, "window": 5, "negative": 5, "subsample": 1e-3, "min_count": 5, "epochs": 5}
SEEDS = (1, 2, 3)
JUDGES = ("wordsim-353", "simlex-999", "analogies")
RATES = {"skip-gram": (0.0125, 0.025, 0.05, 0.1, 0.2), "cbow": (0.025, 0.05, 0.1, 0.2, 0.4)}
# What our skip-gram does otherwise than gensim's, taken back one by one: negatives shared by fewer centres, steps on
# smaller batches, both at once.
VARIANTS = {
    "as it is": {},
    "128 negatives a block": {"shared": 128},
    "half batches": {"meetings": 1.25},
    "blocks of 8, 128 negatives, batches an eighth": {"block": 8, "shared": 128, "meetings": 0.3},
}


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

    from scratch import negative_sampling, word2vec

    torch.set_num_threads(1)
    if "variant" in job:
        change = VARIANTS[job["variant"]]
        negative_sampling.BLOCK = change.get("block", negative_sampling.BLOCK)
        negative_sampling.SHARED["skip-gram"] = change.get("shared", negative_sampling.SHARED["skip-gram"])
        word2vec.MEETINGS["skip-gram"] = change.get("meetings", word2vec.MEETINGS["skip-gram"])
    rate = word2vec.LEARNING_RATES["negative"][job["architecture"] == "cbow"] if "rate" not in job else job["rate"]
    settings = SETTINGS | {name: job[name] for name in SETTINGS if name in job}
    sentences = corpus(job.get("share", 1.0), job.get("copies", 1))
    words = sum(map(len, sentences))
    before = memory(reset=True)
    wall, cpu = time.perf_counter(), time.process_time()
    if job["side"] == "scratch":
        rest = {"workers": job["workers"], "seed": job["seed"], "learning_rate": rate, "power": job.get("power", 0.75)}
        try:
            vectors = word2vec.train(sentences, job["architecture"], "negative", **rest, **settings)
        except FloatingPointError:
            return job | {"diverged": True}
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
            alpha=rate,
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
    return job | result | (judged(vectors, job["judge"]) if job.get("judge") else {})


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


def judged(vectors, judge: str) -> dict:
    """The three scores, and how often the neighbour of c alone is right; with judge="answers", also every answer."""
    import numpy as np

    from scratch.evaluation import analogies, similarity
    from scratch.metrics import spearman

    result = {}
    for name in ("wordsim-353", "simlex-999"):
        people, cosines, _ = similarity(vectors, name)
        result[name] = {"score": round(spearman(people, cosines), 4)}
        result[name]["answers"] = packed(np.round(cosines * 10_000).astype("<i2"))
    for name, offset in (("analogies", True), ("c alone", False)):
        right, _ = analogies(vectors, offset=offset)
        result[name] = {"score": round(float(right.mean()), 4), "answers": packed(np.packbits(right))}
    return result if judge == "answers" else {name: {"score": about["score"]} for name, about in result.items()}


def known() -> dict:
    """What the answers belong to: the ratings of the pairs, and the number of analogies, whose words are known."""
    import torch

    from scratch.evaluation import analogies, similarity
    from scratch.windows import running_text
    from scratch.word2vec import keyed_vectors

    counts, *_ = running_text(corpus(), SETTINGS["min_count"])
    vectors = keyed_vectors(counts, torch.ones(len(counts), 1))
    ratings = {name: similarity(vectors, name)[0].tolist() for name in ("wordsim-353", "simlex-999")}
    return ratings | {"analogies": len(analogies(vectors)[0])}


def packed(numbers) -> str:
    """An array's bytes as text: cosines in ten-thousandths, two bytes each; right answers one bit each."""
    return base64.b64encode(numbers.tobytes()).decode()


def best(rows: list[dict], architecture: str, side: str, judge: str) -> float:
    """The step size that the other two judges prefer, so that no judge chooses for itself.

    A judge's mark for a step size is its mean score over the seeds, as a share of the best such mean; the step size
    with the highest mean of the two marks is taken. What has diverged with one seed is out.
    """
    mine = [row for row in rows if (row["architecture"], row["side"]) == (architecture, side)]
    out = {row["rate"] for row in mine if row.get("diverged")}
    marks = dict.fromkeys(sorted({row["rate"] for row in mine} - out), 0.0)
    for other in JUDGES:
        if other != judge:
            means = {r: statistics.mean(row[other]["score"] for row in mine if row["rate"] == r) for r in marks}
            marks = {rate: mark + means[rate] / max(means.values()) for rate, mark in marks.items()}
    return max(marks, key=marks.get)


def one(job: dict) -> dict:
    return run(job) if "side" in job else rung(job)


def apart(job: dict) -> dict:
    """`one` in a process of its own."""
    result = common.apart(__file__, job)
    print({key: value for key, value in result.items() if not isinstance(value, dict)}, flush=True)
    return result


def rates() -> list[dict]:
    jobs = [
        {"architecture": architecture, "side": side, "rate": rate, "seed": seed}
        for seed in SEEDS
        for architecture, values in RATES.items()
        for rate in values
        for side in ("scratch", "gensim")
    ]
    return [apart({"workers": 1, "judge": "scores", **job}) for job in jobs]


def race() -> list[dict]:
    swept = json.loads((common.RESULTS / "word2vec.json").read_text("utf-8"))["rates"]
    jobs = [
        {"architecture": architecture, "side": side, "rate": rate, "seed": seed}
        for seed in SEEDS
        for architecture in RATES
        for side in ("scratch", "gensim")
        for rate in sorted({best(swept, architecture, side, judge) for judge in JUDGES})
    ]
    return [apart({"workers": 1, "judge": "answers", **job}) for job in jobs]


def power() -> list[dict]:
    jobs = [{"power": value, "seed": seed} for seed in SEEDS for value in (0, 0.75, 1)]
    return [
        apart({"architecture": "skip-gram", "side": "scratch", "workers": 1, "judge": "answers", **j}) for j in jobs
    ]


def cause() -> list[dict]:
    jobs = [{"variant": name, "seed": seed, "rate": 0.05} for seed in SEEDS for name in VARIANTS]
    return [
        apart({"architecture": "skip-gram", "side": "scratch", "workers": 1, "judge": "answers", **j}) for j in jobs
    ]


def speed() -> list[dict]:
    jobs = [
        {"architecture": architecture, "workers": workers, "seed": seed, "side": side}
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
    "known": known,
    "rates": rates,
    "race": race,
    "power": power,
    "cause": cause,
    "ladder": ladder,
    "speed": speed,
    "corpus": lambda: growth("share", (1 / 16, 1 / 4, 1), epochs=1),
    "vocabulary": lambda: growth("copies", (1, 4, 16), share=1 / 4, min_count=1, epochs=1),
}


# --- Table ------------------------------------------------------------------------------------------------------------


def table(results: dict) -> str:
    """What the sweep, the race and the growth came to."""
    lines = []
    for part, keys in (("rates", ("rate",)), ("race", ("rate",)), ("power", ("power",)), ("cause", ("variant",))):
        groups: dict[tuple, list[dict]] = {}
        for row in results.get(part, []):
            groups.setdefault((row["architecture"], row["side"], *(row[key] for key in keys)), []).append(row)
        for key, rows in sorted(groups.items(), key=str):
            mean = {
                j: statistics.mean(r[j]["score"] for r in rows if j in r) for j in JUDGES if all(j in r for r in rows)
            }
            shown = "  ".join(f"{judge} {score:.3f}" for judge, score in mean.items()) or "diverged"
            lines.append(f"{part:>10}: {', '.join(map(str, key)):<50} {len(rows)} seeds  {shown}")
    rows = results.get("speed", [])
    for architecture, workers in sorted({(row["architecture"], row["workers"]) for row in rows}, reverse=True):
        per_second = {
            side: statistics.median(
                r["words_per_second"]
                for r in rows
                if (r["side"], r["architecture"], r["workers"]) == (side, architecture, workers)
            )
            for side in ("scratch", "gensim")
        }
        ratio = per_second["scratch"] / per_second["gensim"]
        lines.append(f"{'speed':>10}: {architecture}, {workers} workers: {ratio:.2f} times gensim's")
    for part in ("corpus", "vocabulary"):
        for row in results.get(part, []):
            size = f"{row['words'] / 1e6:.2f} M words, {row['vocabulary']:>7,} known"
            lines.append(f"{part:>10}: {row['side']:>7}, {size}: {row['seconds']:6.1f} s, {row['megabytes']:>5.0f} MB")
    lines += [f"{row['words_per_second']:>12,.0f} words/s  {row['name']}" for row in results.get("ladder", [])]
    return "\n".join(lines)


def main() -> None:
    results = common.run_parts(__doc__, "word2vec", PARTS, ("torch", "gensim", "numpy"), SETTINGS, one)
    if results:
        print(table(results))


if __name__ == "__main__":
    main()
