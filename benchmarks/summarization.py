"""Does a pointer help to summarize, and does the name? The networks of the chapter on summaries.

    python benchmarks/summarization.py  # some forty minutes of one quiet core

Each training runs on one thread and ends after as many steps as the first arm takes STEPS in, about a minute of one
quiet core: *pace* has measured how long a step of each arm takes, in turns, so that no training depends on how fast or
how busy a machine is. The step size falls to zero by then. Three arms: an encoder that reads the body of a docstring,
with a decoder that writes from its vocabulary alone; with one that may also point into what was read; and that again,
with the name of what is documented before the body. *rates*: each arm with several step sizes, for half of its steps,
judged by ROUGE-1 on the validation packages. *seeds*: each arm at the best of its rates, with all that it wrote about
the test packages. *seen*: one arm again, with a random half of the test packages' docstrings in the place of as many
others in training, and what it wrote about the other half.

The file, src/scratch/results/summarization.json, is written after each training. What is in it is not trained again, so
that the benchmark can be stopped and goes on where it was. `texts` gives a row's summaries, from which all scores
follow: words in lower case without marks, as ROUGE counts them.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from functools import cache
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import torch
from torch import Tensor
from writers import Pairs, begin, fitted, paces, packed, surprise

from scratch.copying import CopyingDecoder, CopyingEncoderDecoder, decode, encode
from scratch.corpora import Docstring, load_docstrings
from scratch.decoder import Decoder, EncoderDecoder
from scratch.encoder import Encoder
from scratch.metrics import rouge
from scratch.search import greedy
from scratch.text import Vocabulary, pad

STEPS = 1300  # of the first arm
READ, WRITTEN = 60, 30  # words of a body that are read, words of a summary that are written at most
EMBEDDING, HIDDEN, OFTEN = 64, 64, 3  # how often a word must be seen to be known
AVERAGE = 0.98  # of the averaged weights, a step
ARMS = {  # whether the name is read, and whether the decoder points
    "body": (False, False),
    "body, pointer": (False, True),
    "name and body, pointer": (True, True),
}
SEEN = "body, pointer"  # the arm that is also trained on the test packages
RATES = (0.005, 0.01, 0.02)
CHOOSING, SEEDS = 2, 5


def words(text: str) -> list[str]:
    """What ROUGE counts: runs of the letters a to z and of digits, in lower case."""
    return re.findall("[a-z0-9]+", text.lower())


def parts(name: str) -> list[str]:
    """The words in a name: `Graph.add_edges_from` is graph, add, edges, from."""
    return words(re.sub("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name))


def halves(test: list[Docstring]) -> tuple[list[int], list[int]]:
    """The numbers of a random half of the test docstrings, to be learnt from, and of the other."""
    order = list(range(len(test)))
    random.Random(0).shuffle(order)
    middle = len(order) // 2
    return sorted(order[:middle]), sorted(order[middle:])


class Data(Pairs):
    """The docstrings as ids, in one numbering: first the words of summaries, then the bodies' rest."""

    def __init__(self, named: bool, seen: bool = False):
        train, validation, test = load_docstrings()
        if seen:
            learnt, asked = halves(test)
            kept = random.Random(1).sample(train, len(train) - len(learnt))
            train, test = kept + [test[i] for i in learnt], [test[i] for i in asked]
        self.named, self.splits = named, {"train": train, "validation": validation, "test": test}
        super().__init__([(self.read(row), words(row[2])) for row in train], OFTEN)

    def read(self, row: Docstring) -> list[str]:
        """The words that an encoder is given, a colon between name and body."""
        name, body, *_ = row
        return [*([*parts(name), ":"] if self.named else []), *words(body)[:READ]]

    def summarize(self, model: EncoderDecoder, which: str, batch: int = 64) -> tuple[list[str], list[str]]:
        """What the model makes of the docstrings of a split, without `<unk>`, and with the word it looked at instead.

        The latter is a pointer for those who have none, after Luong et al. 2015, arXiv 1410.8206.
        """
        copies, left_out, looked_up = isinstance(model, CopyingEncoderDecoder), [], []
        read = [self.read(row) for row in self.splits[which]]
        for start in range(0, len(read), batch):
            sources = [encode(self.vocabulary, tokens) for tokens in read[start : start + batch]]
            ids, lengths = pad([self.known(ids, copies) for ids, _ in sources])
            written = greedy(model, ids, lengths, WRITTEN)
            places = written if copies else looked_at(model, ids, lengths, written)
            for tokens, (_, others), found, at in zip(read[start:], sources, written, places, strict=False):
                summary = decode(self.vocabulary, found, others)
                left_out.append(" ".join(word for word in summary if word != "<unk>"))
                looked = [tokens[place] if word == "<unk>" else word for word, place in zip(summary, at, strict=True)]
                looked_up.append(" ".join(word for word in looked if word not in ("<unk>", ":")))
        return left_out, left_out if copies else looked_up


@torch.no_grad()
def looked_at(model: EncoderDecoder, ids: Tensor, lengths: Tensor, written: list[list[int]]) -> list[list[int]]:
    """For each token written, the place of the source with the largest weight."""
    decoder, state = model.decoder, model.start(ids, lengths)
    before, _ = pad([[Vocabulary.bos_id, *text] for text in written])
    output, _ = decoder.lstm(decoder.embedding(before), state=(state["h"].unsqueeze(0), state["c"].unsqueeze(0)))
    _, weights = decoder.attention(output, state["memory"], state["words"], projected=state["keys"])
    return [row[: len(text)] for row, text in zip(weights.argmax(2).tolist(), written, strict=True)]


@cache
def data(named: bool, seen: bool) -> Data:
    return Data(named, seen)


def make(book: Data, points: bool) -> EncoderDecoder:
    """The network of an arm: an LSTM that reads both ways, and one that writes."""
    encoder = Encoder(len(book.vocabulary), EMBEDDING, HIDDEN, 1, bidirectional=True)
    sizes = (book.written, EMBEDDING, HIDDEN, 2 * HIDDEN)
    if points:
        return CopyingEncoderDecoder(encoder, CopyingDecoder(*sizes))
    return EncoderDecoder(encoder, Decoder(*sizes))


def train(job: dict) -> tuple[EncoderDecoder, dict]:
    """The model of a job's arm, trained for the job's steps, and how it went."""
    named, points = ARMS[job["arm"]]
    book, seed, rate = data(named, job.get("seen", False)), job["seed"], job["rate"]
    model = fresh(book, points, seed)
    return model, fitted(model, book.rows(points), surprise, rate, seed, job, AVERAGE)


def fresh(book: Data, points: bool, seed: int) -> EncoderDecoder:
    """The network of an arm as it begins."""
    torch.manual_seed(seed)
    model = make(book, points)
    begin(model)
    return model


def score(found: list[str], rows: list[Docstring]) -> dict[str, float]:
    """Mean ROUGE of summaries, from 0 to 100."""
    each = [rouge(text.split(), words(row[2])) for text, row in zip(found, rows, strict=True)]
    return {name: round(100 * mean(one[name] for one in each), 2) for name in each[0]}


def run(job: dict) -> dict:
    """One training, and its scores; if the job asks for the test, with all that it wrote."""
    torch.set_num_threads(1)
    model, how = train(job)
    named, points = ARMS[job["arm"]]
    book = data(named, job.get("seen", False))
    row = job | how
    if not job.get("final"):
        return row | {"validation": score(book.summarize(model, "validation")[0], book.splits["validation"])}
    found, looked_up = book.summarize(model, "test")
    row |= {"test": score(found, book.splits["test"]), "texts": packed(found)}
    if not points:
        row |= {"looked up": score(looked_up, book.splits["test"]), "looked-up texts": packed(looked_up)}
    return row


def trained(part: str, jobs: list[dict]) -> list[dict]:
    """The rows of these jobs, each trained if it was not trained before."""
    return common.resumed("summarization", part, jobs, run)


def pace() -> list[dict]:
    """How long a step of each arm takes, in units of the first one's."""
    torch.set_num_threads(1)

    def training(named: bool, points: bool) -> Callable[[int, int], object]:
        book = data(named, False)
        model, rows = fresh(book, points, 0), book.rows(points)
        return lambda steps, seed: fitted(model, rows, surprise, 0.001, seed, {"steps": steps}, AVERAGE)

    found = paces([training(*arm) for arm in ARMS.values()], steps=20)
    return [{"arm": arm, "time": round(ratio, 3)} for arm, ratio in zip(ARMS, found, strict=True)]


def limit(arm: str, share: float = 1.0) -> dict:
    """When a training ends: after the steps for which the first arm's time is enough."""
    times = {row["arm"]: row["time"] for row in common.stored("summarization").get("pace", [])}
    if not times:
        raise SystemExit("How long a step takes is not measured yet: run the part pace first.")
    return {"steps": round(STEPS / times[arm] * share)}


def rates() -> list[dict]:
    """Each arm with each step size, for half of its steps; while the best lies at the border, one more beyond it."""
    found = []
    for arm in ARMS:
        job = {"arm": arm} | limit(arm, 0.5)

        def rows(tried: list[float], job=job) -> list[dict]:
            return trained("rates", [job | {"rate": rate, "seed": seed} for rate in tried for seed in range(CHOOSING)])

        found += common.swept(RATES, rows, quality)
    return found


def quality(row: dict) -> float:
    return row["validation"]["rouge1"]


def best(rows: list[dict]) -> float:
    """The step size with the best ROUGE-1 on validation, a mean over seeds."""
    return common.best_rate(rows, quality)


def chosen() -> dict[str, float]:
    """The best step size of each arm."""
    tried = rates()
    return {arm: best([row for row in tried if row["arm"] == arm]) for arm in ARMS}


def seeds() -> list[dict]:
    """Each arm at its best step size, SEEDS times, with what it makes of the test docstrings."""
    rates = chosen()
    jobs = [
        {"arm": arm, **limit(arm), "final": True, "rate": rates[arm], "seed": seed}
        for seed in range(SEEDS)
        for arm in ARMS
    ]
    return trained("seeds", jobs)


def seen() -> list[dict]:
    """The arm SEEN again, trained on half of the test docstrings too, with what it makes of the other half."""
    job = {"arm": SEEN, "rate": chosen()[SEEN], **limit(SEEN), "final": True, "seen": True}
    return trained("seen", [job | {"seed": seed} for seed in range(SEEDS)])


if __name__ == "__main__":
    settings = {"steps": STEPS, "rates": RATES, "seeds that choose": CHOOSING, "seeds": SEEDS, "read": READ}
    jobs = {"pace": pace, "rates": rates, "seeds": seeds, "seen": seen}
    common.run_parts(__doc__, "summarization", jobs, ("torch", "numpy"), settings)
