"""How good is joeynmt 2.3.0 after the time that the rungs of `translation.py` have? Chinese; about an hour of one core.

    python -m venv joey
    joey/bin/pip install torch==2.13.0 numpy sentencepiece==0.2.0 subword-nmt==0.3.8 sacrebleu==2.6.0 \\
        tensorboard matplotlib pyyaml packaging tqdm importlib-metadata
    joey/bin/pip install --no-deps joeynmt==2.3.0  # its own list has linters, and a protobuf of before Python 3.11
    JOEYNMT=joey/bin/python python benchmarks/joeynmt_race.py RNN Transformer

Same pairs, one thread, the same processor seconds; its translations are judged by the function that judges ours. So
that the short time is not held against it, it has what our rungs have and no configuration of its own offers: a step
size that rises for a twentieth of the time and falls to zero, averaged weights, Adam in one kernel, and, as it has no
buckets, its training pairs in such an order that a batch has like lengths. No dropout. Then one thing after the other
is changed, and kept if the validation strings say so, for half of the time and with two seeds: the step size, OPTIONS,
the batch, the width, the size of the RNN's first weights, and the step size again, each number for as long as the best
lies at the border; then all of it again, until a round changes nothing. Tokens are ours (words, characters) or
sentencepiece's. The best setting is trained for all of the time with five seeds and judged on the test strings,
greedily and with a beam of 5; the search that is better on the validation strings is a row's "chosen" one. Of these,
every second is used: its Transformer needs as long for translating them as for learning.

A second is one of the ladder's, in which its rung "dot" makes MINUTE / SECONDS steps, however fast or busy this machine
is: how many seconds here these steps take is measured before each training, and is a row's "second".

The file, src/scratch/results/joeynmt.json, is written after each training. What is in it is not trained again.
`writers.texts` gives a row's translations.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import time
from functools import cache, partial
from pathlib import Path
from statistics import mean, median

import common
import torch
import translation
from translation import AVERAGE, CHOOSING, MINUTE, SECONDS, SEEDS, joined, score, split
from writers import CLIP, WARMUP, fitted, packed, surprise

VERSION, LANGUAGE, BEAM = "2.3.0", "zh", 5
LIMIT = 45  # tokens written at most: no reference has as many
DRIVER = Path(__file__).with_name("joeynmt_driver.py")
SIDES = ("en", LANGUAGE)
WORDS, LIKE, ANY = "words", "by length", "shuffled"
FIRST = {"rate": 0.005, "order": LIKE, "tokens": WORDS, "batch": 32}
START = {
    "RNN": FIRST | {"attention": "luong", "feeding": True, "gain": 1.0, "forget": 1.0, "width": 128},
    "Transformer": FIRST | {"tied": False, "width": 96},
}
SHARED = {
    "order": (LIKE, ANY),  # sentences of like length in a batch, or any
    "tokens": (WORDS, "subwords 3000", "subwords 6000"),
}
OPTIONS = {
    "RNN": {
        "attention": ("luong", "bahdanau"),
        "feeding": (True, False),
        "gain": (1.0, 1.7, 2.5),  # of the first weights; ours have 5 / 3
        "forget": (1.0, 0.0),  # each of the two first biases of an LSTM's forget gate
        **SHARED,
    },
    "Transformer": {"tied": (False, True), **SHARED},
}


def place() -> Path:
    """Where the files are that joeynmt reads."""
    return common.RESULTS.parents[2] / ".cache" / "joeynmt"


def turns() -> dict[str, list[int]]:
    """Which pairs of each split joeynmt has, in their order: what is translated, by its length, which saves time."""
    found = {}
    for which, pairs in translation.data(LANGUAGE).splits.items():
        places = range(0, len(pairs), 2 if which == "validation" else 1)
        length = {i: len(pairs[i][0].split()) if which != "train" else 0 for i in places}
        found[which] = sorted(places, key=length.get)
    return found


@cache
def files() -> list[int]:
    """Write the pairs as joeynmt reads them: texts, and our tokens with spaces between. Returns the splits' sizes."""
    book = translation.data(LANGUAGE)
    for which, places in turns().items():
        pairs = [book.splits[which][i] for i in places]
        words = [(book.read(source), split(LANGUAGE, target)) for source, target in pairs]
        starts = [source[0] for source, _ in words]  # without a capital that it has as the first word only
        texts = [(first + source[len(first) :], text) for first, (source, text) in zip(starts, pairs, strict=True)]
        write(place() / WORDS / which, [(" ".join(source), " ".join(target)) for source, target in words])
        write(place() / "texts" / which, texts)
    return [len(places) for places in turns().values()]


def write(path: Path, pairs: list[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for side, lines in zip(SIDES, zip(*pairs, strict=True), strict=True):
        path.with_suffix(f".{side}").write_text("\n".join(lines) + "\n", "utf-8")


def by_length(job: dict, folder: Path) -> None:
    """Write the training pairs once more, so that joeynmt, which takes them in turn, has like lengths in a batch.

    It has no buckets of its own. Batches follow each other by chance; the short one, if there is one, is the last.
    """
    kind, rng = WORDS if job["tokens"] == WORDS else "texts", random.Random(job["seed"])
    read = [(place() / kind / f"train.{side}").read_text("utf-8").split("\n")[:-1] for side in SIDES]
    lengths = [(len(split(LANGUAGE, target)), len(source.split())) for source, target in zip(*read, strict=True)]
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], rng.random()))
    parts = [order[start : start + job["batch"]] for start in range(0, len(order), job["batch"])]
    last = parts.pop()
    rng.shuffle(parts)
    write(folder / "train", [(read[0][i], read[1][i]) for part in [*parts, last] for i in part])


def config(job: dict, folder: Path) -> dict:
    """What joeynmt is told: its own configuration. The folder is for what is of this training only."""
    kind, _, size = job["tokens"].partition(" ")
    where = place() / (WORDS if kind == WORDS else "texts")

    def side(language: str) -> dict:
        if kind == WORDS:
            return {"lang": language, "level": "word", "voc_min_freq": 2}
        told = {"lang": language, "level": "bpe", "voc_min_freq": 1, "voc_limit": int(size)}
        model = str(where / f"{size}.{language}.model")
        return told | {"tokenizer_type": "sentencepiece", "tokenizer_cfg": {"model_file": model}}

    paths = {"train": str((folder if job["order"] == LIKE else where) / "train")}
    paths |= {"dev": str(where / "validation"), "test": str(where / "test")}
    return {
        "name": "race",
        "joeynmt_version": VERSION,
        "model_dir": str(folder),
        "use_cuda": False,
        "random_seed": job["seed"],
        "data": paths | {"dataset_type": "plain", "src": side("en"), "trg": side(LANGUAGE)},
        "testing": {
            "batch_size": 64,
            "max_output_length": LIMIT,
            "beam_alpha": 1.0,
            "eval_metrics": [],
            "generate_unk": True,
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": job["rate"],
            "scheduling": "noam",  # the driver's own takes its place; without a name, joeynmt raises
            "normalization": "tokens",
            "clip_grad_norm": CLIP,
            "batch_size": job["batch"],
            "shuffle": job["order"] == ANY,
            "epochs": 10**6,
            "logging_freq": 10**9,
            "validation_freq": 10**9,
        },
        "model": RNN(job) if job["model"] == "RNN" else transformer(job),
    }


def RNN(job: dict) -> dict:  # noqa: N802
    shared = {"type": "recurrent", "rnn_type": "lstm", "hidden_size": job["width"], "num_layers": 1, "dropout": 0.0}
    shared["embeddings"] = {"embedding_dim": job["width"] // 2, "scale": False}
    decoder = {"attention": job["attention"], "input_feeding": job["feeding"], "init_hidden": "bridge"}
    return {
        "initializer": "xavier_uniform",
        "init_gain": job["gain"],
        "lstm_forget_gate": job["forget"],
        "embed_initializer": "normal",
        "embed_init_weight": 0.1,
        "bias_initializer": "zeros",
        "encoder": shared | {"bidirectional": True},
        "decoder": shared | decoder | {"hidden_dropout": 0.0},
    }


def transformer(job: dict) -> dict:
    width = job["width"]
    shared = {"type": "transformer", "num_layers": 2, "num_heads": 4, "hidden_size": width, "ff_size": 2 * width}
    shared |= {"dropout": 0.0, "layer_norm": "pre"}
    shared["embeddings"] = {"embedding_dim": width, "scale": True, "dropout": 0.0}
    return {
        "initializer": "xavier_uniform",
        "embed_initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "tied_softmax": job["tied"],
        "encoder": shared,
        "decoder": shared,
    }


def drive(task: dict) -> dict:
    """What the driver answers, run by the interpreter that JOEYNMT names."""
    interpreter = os.environ.get("JOEYNMT")
    if not interpreter:
        raise SystemExit("JOEYNMT must name a Python that has joeynmt: see --help")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [interpreter, str(DRIVER)], input=json.dumps(task), env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"joeynmt ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@cache
def ours() -> tuple:
    """The model of the rung "dot" as it begins, and what it learns from."""
    return translation.fresh({"language": LANGUAGE, "rung": "dot", "seed": 0})


def second(rounds: int = 5, steps: int = 40) -> float:
    """How long here and now the steps take that the rung "dot" made in a second of the ladder's."""
    torch.set_num_threads(1)
    model, rows = ours()
    taken = []
    for seed in range(rounds):
        start = time.process_time()
        fitted(model, rows, surprise, 0.001, seed, {"steps": steps}, AVERAGE)
        taken.append((time.process_time() - start) / steps)
    return median(taken) * MINUTE / SECONDS


def run(job: dict) -> dict:
    """One training, and its scores; if the job asks for the test, with all that it wrote."""
    translate = {"validation": ("validation", 1)}
    if job.get("final"):
        translate |= {"validation, beam": ("validation", BEAM), "test": ("test", 1), "beam": ("test", BEAM)}
    length = second()
    with tempfile.TemporaryDirectory() as folder:
        task = {"version": VERSION, "seconds": job["seconds"] * length, "rate": job["rate"], "warmup": WARMUP}
        task |= {"average": AVERAGE, "pairs": files(), "translate": translate}
        if job["order"] == LIKE:
            by_length(job, Path(folder))
        how = drive(task | {"config": config(job, Path(folder))})
    return job | judged(job, how.pop("texts")) | how | {"second": round(length, 3)}


def judged(job: dict, found: dict[str, list[str]]) -> dict:
    """The scores of what joeynmt wrote, as a reader would see it; what it made of the test strings is kept."""
    row = {}
    for name, lines in found.items():
        which = "validation" if name.startswith("validation") else "test"
        pairs, texts = translation.data(LANGUAGE).splits[which], {}
        for i, line in zip(turns()[which], lines, strict=True):
            words = [word for word in line.split(" ") if word != "<unk>"]  # which also stands for nothing at all
            texts[i] = joined(LANGUAGE, words) if job["tokens"] == WORDS else " ".join(words)
        written = [texts[i] for i in sorted(texts)]
        row[name] = score(LANGUAGE, written, [pairs[i][1] for i in sorted(texts)])
        if which == "test":
            row["texts" if name == "test" else f"{name} texts"] = packed(written)
    if job.get("final"):
        row["chosen"] = "beam" if row["validation, beam"]["bleu"] > row["validation"]["bleu"] else "test"
    return row


def trained(model: str, jobs: list[dict]) -> list[dict]:
    """The rows of these jobs: the file's, and new ones, which are in the file as soon as they are there."""
    return common.resumed("joeynmt", model, jobs, run)


def sweep(model: str) -> tuple[dict, list[dict]]:
    """The best setting that is found by changing one thing after the other, and the rows of all that were tried."""
    rows: list[dict] = []

    def value(setting: dict) -> float:
        job = {"model": model, "seconds": SECONDS / 2, "final": False}
        new = trained(model, [job | setting | {"seed": seed} for seed in range(CHOOSING)])
        rows.extend(row for row in new if row not in rows)
        return mean(row["validation"]["bleu"] for row in new)

    def along(setting: dict, what: str) -> dict:
        """The best of half, once and twice a number, and so on while it lies at the border."""
        now, tried = setting[what], {}

        def at(number: float) -> dict:
            changed = setting | {what: number}
            if what == "batch":  # larger batches, larger steps: by the root, as Adam's go
                changed["rate"] = round(setting["rate"] * (number / now) ** 0.5, 6)
            return changed

        more = [now // 2 if isinstance(now, int) else now / 2, now, now * 2]
        while more:
            tried |= {number: value(at(number)) for number in more}
            number = max(tried, key=tried.get)
            more = [number * 2] if number == max(tried) else []
            if number == min(tried):
                more = [number // 2 if isinstance(now, int) else number / 2]
        return at(number)

    best, before = along(START[model], "rate"), None
    while best != before:  # what was of no use at first may be of use now
        before = best
        for what, options in OPTIONS[model].items():
            best = max((best | {what: option} for option in dict.fromkeys((best[what], *options))), key=value)
        for what in ("batch", "width", "gain", "rate"):
            best = along(best, what) if what in best else best
    return best, rows


def race(model: str) -> list[dict]:
    """The rows of the sweep, and of the best setting with SEEDS seeds."""
    best, rows = sweep(model)
    job = {"model": model, "seconds": SECONDS, "final": True}
    return rows + trained(model, [job | best | {"seed": seed} for seed in range(SEEDS)])


if __name__ == "__main__":
    settings = {"joeynmt": VERSION, "seconds": SECONDS, "start": START, "options": OPTIONS, "clip": CLIP, "beam": BEAM}
    settings |= {"seeds that choose": CHOOSING, "seeds": SEEDS}
    common.run_parts(
        __doc__, "joeynmt", {model: partial(race, model) for model in START}, ("torch", "sacrebleu"), settings
    )
