"""Which way of translating is best, for the same time? The ladder of the chapter on translation.

    python benchmarks/translation.py zh-plain zh-rates zh-seeds  # Chinese: an hour and three quarters of one core
    python benchmarks/translation.py fr-plain fr-pace fr-rates fr-seeds  # French: somewhat longer
    python benchmarks/translation.py zh-ablations                # an hour and a half, after zh-seeds

Each training is a process of its own on one thread. With Chinese it ends when it has used SECONDS of processor time,
with French after as many steps as it would take in that time where the Chinese ladder was trained: *pace* has measured
how long a step of each rung takes beside one of dot's with Chinese, in turns, so that a busy machine changes nothing.
The step size falls to zero by the end. Adam, weights averaged over the last some two hundred steps,
sentences of like length in a batch. *plain*: what needs no network. *rates*: each rung with several step sizes, for
half of the time, judged on the validation strings. *seeds*: each rung at the best of its rates, judged on the test
strings, with all that it wrote. *ablations*: the rung "dot", changed in one thing (CHANGES), at the unchanged one's
rate, SEEDS times; and what it writes without masks (`slips`), by the size of the batch in which it writes.

The file, src/scratch/results/translation.json, is written after each training. What is in it is not trained again, so
that the benchmark can be stopped and goes on where it was. `texts` gives a row's translations, from which all scores
follow. BLEU counts Chinese characters (sacrebleu's tokenizer "zh") or French words ("13a").
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from sacrebleu.metrics import BLEU
from torch import Tensor, nn
from writers import BATCH, SMALL, Pairs, begin, fitted, paces, packed, surprise

from scratch._arguments import ids_below
from scratch.alignment import IBM1
from scratch.attention import AdditiveAttention
from scratch.copying import CopyingDecoder, CopyingEncoderDecoder, decode, encode
from scratch.corpora import load, load_pairs
from scratch.decoder import Decoder, EncoderDecoder, TransformerDecoder
from scratch.encoder import Encoder, TransformerEncoder
from scratch.metrics import bleu, chrf
from scratch.ngram import KneserNey
from scratch.recurrent import LSTMCell
from scratch.search import State, beam_search, greedy
from scratch.text import Vocabulary, mask, pad
from scratch.translate import joined, split

SECONDS, LONGEST = 60.0, 60  # of training; tokens written at most
EMBEDDING, HIDDEN = 64, 128  # of an LSTM
DIM, HEADS = 96, 4  # of a Transformer: about as many weights
AVERAGE = 0.995  # of the averaged weights, a step
RATES = (0.0025, 0.005, 0.01, 0.02)
CHOOSING, SEEDS = 2, 5
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.8)  # of the language model beside IBM Model 1
BEAMED, BATCHES = ("dot", "dot, copy"), (1, 8, 64)
LANGUAGES = ("zh", "fr")
MINUTE = 2447  # steps of dot with Chinese, in SECONDS: a mean over its seeds
ALIKE = {"dot, word2vec": "dot"}  # which differ in nothing but their start: the same pace for both


def score(language: str, texts: list[str], references: list[str]) -> dict[str, float]:
    """BLEU and chrF of translations."""
    found, wanted = (tokens(language, which) for which in (texts, references))
    return {"bleu": round(bleu(found, wanted), 2), "chrf": round(chrf(texts, references), 2)}


def tokens(language: str, texts: list[str]) -> list[list[str]]:
    """What BLEU counts in each text: sacrebleu's tokens."""
    cut = BLEU(tokenize={"zh": "zh", "fr": "13a"}[language]).tokenizer
    return [cut(text).split() for text in texts]


class Data(Pairs):
    """The pairs of a language as ids, in one numbering: first what the targets are made of, then the sources' rest."""

    def __init__(self, language: str, often: int = 2):
        pairs, self.language = load_pairs(f"en-{language}"), language
        self.splits = dict(zip(("train", "validation", "test"), pairs, strict=True))
        self.inside = Counter(word for source, _ in pairs[0] for word in split(language, source)[1:])
        super().__init__([(self.read(source), split(language, target)) for source, target in pairs[0]], often)

    def read(self, source: str) -> list[str]:
        """The words of a source, the first of them without its capital if it has none inside of other sources."""
        first, *rest = split(self.language, source)
        return [first.lower() if self.inside[first.lower()] > self.inside[first] else first, *rest]

    def translate(
        self, model: EncoderDecoder, which: str, search=greedy, batch: int = BATCH, order: Sequence[int] | None = None
    ) -> list[str]:
        """What the model makes of the sources of a split, in an order of their places."""
        copies, texts = isinstance(model, CopyingEncoderDecoder), []
        pairs = self.splits[which]
        sources = [encode(self.vocabulary, self.read(pairs[i][0])) for i in order or range(len(pairs))]
        for start in range(0, len(sources), batch):
            some = sources[start : start + batch]
            written = search(model, *pad([self.known(ids, copies) for ids, _ in some]), LONGEST)
            for ids, (_, others) in zip(written, some, strict=True):
                texts.append(joined(self.language, [w for w in decode(self.vocabulary, ids, others) if w != "<unk>"]))
        return texts


class Backwards(Data):
    """The same pairs, their sources read from the last word to the first."""

    def read(self, source: str) -> list[str]:
        return super().read(source)[::-1]


@cache
def data(language: str, backwards: bool = False) -> Data:
    return Backwards(language) if backwards else Data(language)


class InputFeeding(nn.Module):
    """Bahdanau's decoder: attention asks with the last state and its find is fed into the LSTM, so step by step.

    As `Decoder`, for `EncoderDecoder`. Source: Bahdanau et al. 2015, arXiv 1409.0473, appendix A.1, with an LSTM in
    place of the gated unit, and `Decoder`'s layers around it.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, memory_dim: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.cell = LSTMCell(embedding_dim + memory_dim, hidden_dim)
        self.attention = AdditiveAttention(hidden_dim, memory_dim, hidden_dim)
        self.begin = nn.Linear(memory_dim, 2 * hidden_dim)
        self.combine = nn.Linear(hidden_dim + memory_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, vocab_size)

    def start(self, memory: Tensor, words: Tensor | None, vectors: Tensor) -> State:
        h, c = self.begin(vectors).tanh().chunk(2, 1)
        state = {"h": h, "c": c, "memory": memory, "keys": self.attention.project_keys(memory)}
        return state if words is None else state | {"words": words}

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        h, c, found = state["h"], state["c"], []
        for x in self.embedding(ids_below("tokens", tokens, self.embedding.num_embeddings)).unbind(1):
            context, _ = self.attention(h, state["memory"], state.get("words"), projected=state["keys"])
            h, c = self.cell(torch.cat([x, context], 1), (h, c))
            found.append(torch.cat([h, context], 1))
        return self.output(self.combine(torch.stack(found, 1)).tanh()), state | {"h": h, "c": c}


def lstm(decoder, ways: int = 2, **options):
    """Makes an LSTM that reads both ways, or one, with this decoder."""

    def make(read: int, written: int) -> EncoderDecoder:
        encoder = Encoder(read, EMBEDDING, HIDDEN, 1, bidirectional=ways == 2)
        whole = CopyingEncoderDecoder if decoder is CopyingDecoder else EncoderDecoder
        return whole(encoder, decoder(written, EMBEDDING, HIDDEN, ways * HIDDEN, **options))

    return make


def transformer(read: int, written: int) -> EncoderDecoder:
    sizes = (DIM, 2, HEADS, 2 * DIM)
    return EncoderDecoder(
        TransformerEncoder(read, *sizes, norm_first=True), TransformerDecoder(written, *sizes, norm_first=True)
    )


def mixed(read: int, written: int) -> EncoderDecoder:
    encoder = TransformerEncoder(read, DIM, 2, HEADS, 2 * DIM, norm_first=True)
    return EncoderDecoder(encoder, Decoder(written, EMBEDDING, HIDDEN, DIM))


RUNGS = {
    "no attention": lstm(Decoder, attention=None),
    "additive, input feeding": lstm(InputFeeding),
    "additive, all steps at once": lstm(Decoder, attention="additive"),
    "dot": lstm(Decoder),
    "dot, word2vec": lstm(Decoder),
    "dot, copy": lstm(CopyingDecoder),
    "Transformer": transformer,
    "Transformer, LSTM decoder": mixed,
}
ONE_WAY = {"no attention, one way": lstm(Decoder, ways=1, attention=None)}
CHANGES = {  # of the rung "dot"; a job's "teacher" is the share of steps that are given the right token
    "unmasked loss": {"masked": False},
    "any lengths": {"bucketed": False},
    "any lengths, unmasked loss": {"bucketed": False, "masked": False},
    "source reversed": {"backwards": True},
    **{f"step by step, teacher {share:.0%}": {"teacher": share} for share in (1.0, 0.75, 0.5, 0.0)},
    "one way, no attention": {"rung": "no attention, one way"},
    "one way, source reversed": {"rung": "no attention, one way", "backwards": True},
    "dropout 30%": {"dropout": 0.3},
    "no masks in writing": {"slips": True},
}


def train(job: dict) -> tuple[EncoderDecoder, dict]:
    """The model of a job's rung, trained for the job's seconds of processor time or its steps, and how it went."""
    model, rows = fresh(job)
    if job.get("dropout"):
        drop(model, job["dropout"])

    def loss(model: EncoderDecoder, ids: Tensor, lengths: Tensor, before: Tensor, after: Tensor) -> Tensor:
        if "teacher" not in job and job.get("masked", True):
            return surprise(model, ids, lengths, before, after)
        scores = (
            sampled(model, ids, lengths, before, job["teacher"]) if "teacher" in job else model(ids, lengths, before)
        )
        ignored = 0 if job.get("masked", True) else -100
        return nn.functional.cross_entropy(scores.flatten(0, 1), after.flatten(), ignore_index=ignored)

    return model, fitted(model, rows, loss, job["rate"], job["seed"], job, AVERAGE, job.get("bucketed", True))


def fresh(job: dict) -> tuple[EncoderDecoder, list]:
    """The model of a job's rung as it begins, and the pairs as this model reads them."""
    book = book_of(job)
    torch.manual_seed(job["seed"])
    model = (RUNGS | ONE_WAY)[job["rung"]](len(book.vocabulary), book.written)
    begin(model)
    if job["rung"] == "dot, word2vec":
        begin_with_word2vec(model.encoder.embedding, book)
    return model, book.rows(isinstance(model, CopyingEncoderDecoder))


def book_of(job: dict) -> Data:
    return data(job["language"], True) if job.get("backwards") else data(job["language"])


def sampled(model: EncoderDecoder, ids: Tensor, lengths: Tensor, before: Tensor, share: float) -> Tensor:
    """The scores of each step, which is given the right token with the probability `share`, else the model's own.

    Source: Bengio et al. 2015, arXiv 1506.03099, with the likeliest token in place of a drawn one.
    """
    state, tokens, scores = model.start(ids, lengths), before[:, 0], []
    for right in [*before.unbind(1)[1:], None]:
        step, state = model.decoder(tokens.unsqueeze(1), state)
        scores.append(step[:, 0])
        if right is not None:
            tokens = torch.where(torch.rand(len(right)) < share, right, step[:, 0].detach().argmax(1))
    return torch.stack(scores, 1)


def drop(model: EncoderDecoder, share: float) -> None:
    """In training, dropout: of the vectors of words read and written, of the encoder's states, and before the guess."""

    def dropped(module: nn.Module, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, share, module.training)

    for table in (model.encoder.embedding, model.decoder.embedding):
        table.register_forward_hook(lambda module, _, found: dropped(module, found))
    model.encoder.lstm.register_forward_hook(lambda module, _, found: (dropped(module, found[0]), *found[1:]))
    model.decoder.output.register_forward_pre_hook(lambda module, given: (dropped(module, given[0]),))


def begin_with_word2vec(table: nn.Embedding, book: Data) -> None:
    """For words that the English corpora have, in lower case, word2vec's vectors, of the size of random rows."""
    vectors = english()
    rows = {i: w.lower() for i, w in enumerate(book.vocabulary.tokens) if w.lower() in vectors}
    found = torch.tensor(vectors[list(rows.values())])
    table.weight.data[list(rows)] = found / found.std() * SMALL


@cache
def english():
    """Word2vec's vectors of the shipped English corpora."""
    from gensim.models import KeyedVectors

    from scratch import word2vec

    file = common.RESULTS.parents[2] / ".cache" / f"translation-{EMBEDDING}.kv"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        word2vec.train(load("english"), dim=EMBEDDING).save(str(file))
    return KeyedVectors.load(str(file))


class Memory:
    """A translation memory: the translation of the training source that is most alike, by its words' tf-idf."""

    def __init__(self, pairs: list[tuple[str, str]]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.index = TfidfVectorizer(analyzer=lambda text: split("fr", text.lower()), sublinear_tf=True)
        self.table, self.targets = self.index.fit_transform([source for source, _ in pairs]), [t for _, t in pairs]

    def translate(self, sources: list[str]) -> list[str]:
        alike = self.index.transform(sources) @ self.table.T  # (sources, pairs), sparse
        return [self.targets[i] for i in np.asarray(alike.argmax(1)).flatten()]


class Words:
    """IBM Model 1 with a language model: of each word's translations the ones that follow each other best."""

    CHOICES = 6  # of each word

    def __init__(self, book: Data):
        self.language, self.read, pairs = book.language, book.read, book.splits["train"]
        pairs = [(self.read(source), self.cut(target)) for source, target in pairs]
        self.model = IBM1(pairs)
        self.vocabulary = Vocabulary.from_tokens(word for _, target in pairs for word in target)
        sentences = [[2, *self.vocabulary.encode(target), 3] for _, target in pairs]
        self.follows = KneserNey(sentences, 2, len(self.vocabulary))

    def cut(self, text: str) -> list[str]:
        """The words of a target, Chinese ones as jieba finds them."""
        if self.language == "fr":
            return split("fr", text)
        import jieba

        jieba.setLogLevel(60)
        return [word for word in jieba.lcut(text) if word.strip()]

    def translate(self, sources: list[str], weight: float) -> list[str]:
        """With a weight of 0, the likeliest translation of each word; otherwise log t + weight · log p(word | last)."""
        texts = []
        for source in sources:
            ways = {2: (0.0, [])}  # the best way to end in a word: its score and its words
            for a in self.read(source):
                known = (w for w in (a, a.lower()) if self.model.lexicon(w))
                choices = self.model.lexicon(next(known, a), self.CHOICES if weight else 1) or [(a, 1.0)]
                ids, last = self.vocabulary.encode(word for word, _ in choices), list(ways)
                p = self.follows.probability(np.array([(i, j) for j in ids for i in last])).reshape(len(ids), -1)
                total = np.array([ways[i][0] for i in last]) + weight * np.log(p)  # (choices, ways)
                new = {}
                for (word, t), i, row in zip(choices, ids, total, strict=True):
                    best = int(row.argmax())
                    new[i] = (float(row[best] + np.log(t)), [*ways[last[best]][1], word])
                ways = new
            text = joined(self.language, split(self.language, " ".join(max(ways.values())[1])))
            texts.append(text[:1].upper() + text[1:] if source[0].isupper() else text)
        return texts


def plain(language: str) -> list[dict]:
    """The ways without a network: their processor seconds, and their scores; the language model's weight is chosen."""
    splits, rows = data(language).splits, []
    sources, references = ({which: [pair[side] for pair in splits[which]] for which in splits} for side in (0, 1))

    def row(way: str, start: float, translate, **more) -> dict:
        found = {which: translate(sources[which]) for which in ("validation", "test")}
        scores = {which: score(language, found[which], references[which]) for which in found}
        return (
            {"way": way, "seconds": round(time.process_time() - start, 1)}
            | more
            | scores
            | {"texts": packed(found["test"])}
        )

    start = time.process_time()
    memory = Memory(splits["train"])
    rows.append(row("memory", start, memory.translate))
    start = time.process_time()
    words = Words(data(language))
    rows.append(row("IBM 1", start, lambda some: words.translate(some, 0.0)))
    found = {w: words.translate(sources["validation"], w) for w in WEIGHTS}
    scores = {w: score(language, found[w], references["validation"])["bleu"] for w in WEIGHTS}
    best = max(scores, key=scores.get)
    rows.append(row("IBM 1, bigrams", start, lambda some: words.translate(some, best), weight=best, tried=scores))
    return rows


def run(job: dict) -> dict:
    """One training, and its scores; if the job asks for the test, with all that it wrote."""
    torch.set_num_threads(1)
    language = job["language"]
    model, how = train(job)
    book = book_of(job)
    references = {which: [target for _, target in pairs] for which, pairs in book.splits.items()}
    row = job | how | {"validation": score(language, book.translate(model, "validation"), references["validation"])}
    if job.get("final"):
        written = book.translate(model, "test")
        row |= {"test": score(language, written, references["test"]), "texts": packed(written)}
        if job["rung"] in BEAMED:
            beam = book.translate(model, "test", beam_search)
            row |= {"beam": score(language, beam, references["test"]), "beam texts": packed(beam)}
        if job["seed"] == 0:  # how many texts are others in batches of other sizes
            row["changed"] = {n: sum(map(str.__ne__, written, book.translate(model, "test", batch=n))) for n in BATCHES}
        if job.get("slips"):
            row["without"] = slips(book, model, written, references["test"])
    return row


class Careless:
    """A model that writes without a mask over the padding, in the encoder or in attention."""

    def __init__(self, model: EncoderDecoder, read: bool, attend: bool):
        self.model, self.read, self.attend, self.step = model, read, attend, model.step

    def start(self, ids: Tensor, lengths: Tensor) -> State:
        memory, vectors = self.model.encoder.read(ids, lengths if self.read else None)
        return self.model.decoder.start(memory, mask(lengths, memory.shape[1]) if self.attend else None, vectors)


def slips(book: Data, model: EncoderDecoder, written: list[str], references: list[str]) -> list[dict]:
    """For each mask left out and size of the batch, in the sources' order or sorted by length: texts changed, BLEU."""
    pairs = book.splits["test"]
    by_length = sorted(range(len(pairs)), key=lambda i: len(book.read(pairs[i][0])))
    rows = []
    for read, attend in ((True, True), (True, False), (False, True), (False, False)):
        careless = Careless(model, read, attend)
        for order, size in [(range(len(pairs)), n) for n in BATCHES] + [(by_length, BATCHES[-1])]:
            found = dict(zip(order, book.translate(careless, "test", batch=size, order=order), strict=True))
            texts = [found[i] for i in range(len(pairs))]
            row = {"reader's mask": read, "attention's mask": attend, "batch": size, "sorted": order is by_length}
            row |= {"changed": sum(map(str.__ne__, texts, written)), **score(book.language, texts, references)}
            rows.append(row)
    return rows


def trained(part: str, jobs: list[dict]) -> list[dict]:
    """The rows of these jobs, each trained in a process of its own, if it was not trained before."""
    return common.resumed("translation", part, jobs, partial(common.apart, __file__))


def pace(language: str) -> list[dict]:
    """How long a step of each rung takes, in units of a step of "dot" with Chinese."""
    torch.set_num_threads(1)
    rungs = [rung for rung in RUNGS if rung not in ALIKE]

    def training(of: str, rung: str) -> Callable[[int, int], object]:
        model, rows = fresh({"language": of, "rung": rung, "seed": 0})
        return lambda steps, seed: fitted(model, rows, surprise, 0.001, seed, {"steps": steps}, AVERAGE)

    _, *found = paces([training("zh", "dot"), *(training(language, rung) for rung in rungs)])
    return [{"rung": rung, "time": round(ratio, 3)} for rung, ratio in zip(rungs, found, strict=True)]


def limit(language: str, rung: str, share: float = 1.0) -> dict:
    """When a training ends: with Chinese by the processor's clock, with French after the steps that it would allow."""
    if language == "zh":
        return {"seconds": SECONDS * share}
    times = {row["rung"]: row["time"] for row in common.stored("translation").get(f"{language}-pace", [])}
    if not times:
        raise SystemExit(f"How long a step takes is not measured yet: run {language}-pace first, on a calm machine.")
    return {"steps": round(MINUTE / times[ALIKE.get(rung, rung)] * share)}


def rates(language: str) -> list[dict]:
    """Each rung with each step size, for half of the time; while the best lies at the border, one more beyond it."""
    found = []
    for rung in RUNGS:
        job = {"language": language, "rung": rung} | limit(language, rung, 0.5)

        def rows(tried: list[float], job=job) -> list[dict]:
            jobs = [job | {"rate": rate, "seed": seed} for rate in tried for seed in range(CHOOSING)]
            return trained(f"{language}-rates", jobs)

        found += common.swept(RATES, rows, quality)
    return found


def quality(row: dict) -> float:
    return row["validation"]["bleu"]


def best(rows: list[dict]) -> float:
    """The step size with the best BLEU on validation, a mean over seeds."""
    return common.best_rate(rows, quality)


def seeds(language: str) -> list[dict]:
    """Each rung at its best step size, SEEDS times, with what it makes of the test strings."""
    tried = rates(language)
    chosen = {rung: best([row for row in tried if row["rung"] == rung]) for rung in RUNGS}
    jobs = [
        {"language": language, **limit(language, rung), "final": True, "rung": rung, "rate": chosen[rung], "seed": seed}
        for seed in range(SEEDS)
        for rung in RUNGS
    ]
    return trained(f"{language}-seeds", jobs)


def ablations(language: str) -> list[dict]:
    """The rung "dot" in each of CHANGES, at the step size of the rung that is changed, SEEDS times."""
    tried = {name: [row for row in rates(language) if row["rung"] == name] for name in ("dot", "no attention")}
    job = {"language": language, "rung": "dot", "seconds": SECONDS, "final": True}
    jobs = []
    for seed in range(SEEDS):
        for name, change in CHANGES.items():
            new = job | change | {"change": name, "seed": seed}
            jobs.append(new | {"rate": best(tried[new["rung"].split(",")[0]])})
    return trained(f"{language}-ablations", jobs)


if __name__ == "__main__":
    parts = {
        f"{language}-{part.__name__}": partial(part, language)
        for language in LANGUAGES
        for part in (plain, rates, seeds)
    }
    parts |= {"fr-pace": partial(pace, "fr"), "zh-ablations": partial(ablations, "zh")}
    settings = {"seconds": SECONDS, "batch": BATCH, "rates": RATES, "seeds that choose": CHOOSING, "seeds": SEEDS}
    common.run_parts(
        __doc__, "translation", parts, ("torch", "numpy", "sacrebleu", "scikit-learn", "jieba"), settings, run
    )
