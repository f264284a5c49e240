"""What does an encoder know, does it use it, and do its weights explain? The whole run of the chapter's experiments.

    python benchmarks/interpretability.py           # hours on one quiet core; stopped and started again, it goes on
    python benchmarks/interpretability.py attention  # one part: encoders, probes, cause, heads, attention

What is read is the number of a noun, singular or plural (scratch.agreement). The encoders see a word's id and never its
letters. Subjects are the two shipped language models, five of each kind trained here by the code and at half of the
steps of scripts/contextual.py, and five of each with random weights. All nouns are from held-out sentences.

*encoders* trains them, into .cache, and keeps their losses. *probes*: for each subject and layer, five seeds of probes,
each with a control task of its own (Hewitt & Liang 2019), linear or with a hidden layer, its penalty the best of four
on the real task's validation tokens. A row has the share of right answers, for each word of the test: words that the
probe has met, on the real and on the control task, and words, singular and plural, of which it has met neither.
*cause*: a direction is taken out of the noun's state, or of the verb's, at one layer, or added to it, and the verb that
follows is guessed: beside 100 random directions of the same length, and 100 of control tasks. Nouns and verbs that are
judged are of pairs that the direction was not fitted to; a seed draws the pairs. *heads*: each head silenced alone, and
each layer's all. *attention*: LSTM readers that sort definitions by kind, five seeds, each step size the best on the
validation set: weights permuted, weights made to deceive (Jain & Wallace 2019), no weights, another seed's, a model
trained to deceive, and a bag of words that is guided by each (Wiegreffe & Pinter 2019).

Results go to src/scratch/results/interpretability.json.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there
sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts"))

import common
import contextual
import numpy as np
import torch
from torch import Tensor, nn

from scratch.agreement import PLURAL, SINGULAR, Noun, agreements, noun_pairs, nouns
from scratch.attention import AdditiveAttention
from scratch.contextual import BiLM, MaskedLM, held_out, mask_tokens, pretrained
from scratch.corpora import load, load_kinds, load_senses
from scratch.explanation import adversarial_weights, jensen_shannon, permuted_weights, total_variation
from scratch.hooks import add, changed, random_directions, remove, without_heads
from scratch.lora import opened
from scratch.metrics import crossed_interval, interval, spearman, verdict
from scratch.probe import control_labels, fit_probe, per_type
from scratch.text import mask, pad
from scratch.training import fit, random_rows

FILE, CACHE = "interpretability", common.BOOK.parent / ".cache"
SEEDS = (0, 1, 2, 3, 4)
KINDS = {"bilm": 1250, "masked": 1750}  # steps of training, half of what the shipped models had
DIM, LONGEST, BATCH = 128, 40, 100
PENALTIES, HIDDEN = (0.1, 1.0, 10.0, 100.0), (0, 16, 256)
DIRECTIONS, DOSES = 100, (0.5, 1.0, 2.0, 4.0, 8.0)
HELD = 1000  # sentences by whose loss a head is judged
CHOOSING = (100, 101)
LABELS, STEPS, RATES = 30_000, 3000, (0.001, 0.003, 0.01)  # of the readers
DECEIT = (0.03, 0.1, 0.3, 1.0)  # what another attention is worth to a model that deceives
JUDGED, PERMUTATIONS = 500, 100


# --- Subjects ---------------------------------------------------------------------------------------------------------


class Data:
    """Sentences, pairs of nouns, and their uses: in held-out sentences, and before verbs anywhere."""

    def __init__(self) -> None:
        *_, self.vocabulary = pretrained()
        self.sentences = load("english")
        self.pairs = noun_pairs(self.sentences, self.vocabulary.counts)
        self.held = [s for s in self.sentences if held_out(s) and len(s) <= LONGEST]
        self.nouns = nouns(self.held, self.pairs)
        self.agreements = agreements(self.sentences, self.pairs)

    def encode(self, words: list[str]) -> list[int]:
        return [self.vocabulary.bos_id, *self.vocabulary.encode(words), self.vocabulary.eos_id]

    def word(self, noun: Noun, other: bool = False) -> str:
        return self.pairs[noun.pair][noun.plural != other]

    def unseen(self, seed: int) -> set[int]:
        """The third of the pairs that no probe and no direction is fitted to."""
        order = torch.randperm(len(self.pairs), generator=torch.Generator().manual_seed(seed)).tolist()
        return set(order[: len(order) // 3])


data = functools.cache(Data)


def random_encoder(kind: str, seed: int) -> BiLM | MaskedLM:
    torch.manual_seed(seed)
    size = len(data().vocabulary)
    return BiLM(size, DIM) if kind == "bilm" else MaskedLM(size + 1, DIM, num_layers=3, heads=4)


@functools.lru_cache(maxsize=2)
def encoder(kind: str, source: str, seed: int) -> BiLM | MaskedLM:
    """The language model of a kind, "bilm" or "masked", that is "shipped", "trained" here, or "random"."""
    model = pretrained()[0 if kind == "bilm" else 1] if source == "shipped" else random_encoder(kind, seed)
    if source == "trained":
        model.load_state_dict(torch.load(CACHE / f"{FILE}-{kind}-{seed}.pt", weights_only=True))
    return opened(model.eval()) if kind == "masked" else model.eval()


def train_encoder(job: dict) -> dict:
    """Train a language model as scripts/contextual.py does, and keep it."""
    kind, seed = job["kind"], job["seed"]
    labelled = {tuple(tokens) for *_, tokens in load_senses()}
    read = [s for s in data().sentences if not held_out(s) and tuple(s) not in labelled]
    text, vocabulary = contextual.encoded(read, data().vocabulary), data().vocabulary
    counts = torch.bincount(torch.tensor([i for s in text for i in s]), minlength=len(vocabulary) + 1).clamp(min=0.5)
    model = contextual.started(random_encoder(kind, seed), counts)
    held = contextual.held_out_text(vocabulary)
    contextual.train(kind, model, text, held, counts[:-1] ** 0.75, KINDS[kind], seed)
    CACHE.mkdir(exist_ok=True)
    torch.save(model.state_dict(), CACHE / f"{FILE}-{kind}-{seed}.pt")
    return job | {"loss": contextual.evaluate(model, held)}


@torch.no_grad()
def states(model: BiLM | MaskedLM, sentences: list[list[str]], where: list[Noun], after: int = 0) -> Tensor:
    """Every layer's vectors of these nouns, or of the place so many `after`: (layers + 1, n, dim).

    A masked model's noun is in sight; at the place after it the word is hidden. A BiLM's table is there once.
    """
    found: list[Tensor] = [torch.empty(0)] * len(where)
    order = sorted(range(len(where)), key=lambda i: len(sentences[where[i].sentence]))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        ids, lengths = pad([data().encode(sentences[where[i].sentence]) for i in rows])
        places = torch.tensor([where[i].place + 1 + after for i in rows])  # after <bos>
        if after and isinstance(model, MaskedLM):
            ids[torch.arange(len(ids)), places] = model.mask_id
        layers = model.layers(ids, lengths)[:, torch.arange(len(ids)), places]  # (layers + 1, batch, dim)
        for i, vectors in zip(rows, layers.unbind(1), strict=True):
            found[i] = vectors
    return torch.stack(found, 1)


# --- Probes -----------------------------------------------------------------------------------------------------------


@functools.cache
def probing() -> dict[str, Tensor | list]:
    """The nouns' labels and words, and which of them are for training, validation, and the two tests."""
    found, unseen = data().nouns, data().unseen(0)
    luck = torch.rand(len(found), generator=torch.Generator().manual_seed(0))
    new = torch.tensor([noun.pair in unseen for noun in found])
    words = [data().word(noun) for noun in found]
    labels = torch.tensor([noun.plural for noun in found])
    parts = {"train": luck < 0.6, "choose": (luck >= 0.6) & (luck < 0.75), "seen": luck >= 0.75}
    return {"words": words, "labels": labels, "unseen": new} | {name: ~new & part for name, part in parts.items()}


def probe_row(job: dict) -> dict:
    """Probes of one layer of one subject: the shares of right answers, word by word, and the penalty."""
    kind, source, layer, seed, hidden = (job[key] for key in ("kind", "source", "layer", "seed", "hidden"))
    x, p = vectors(kind, source, seed if source != "shipped" else 0)[layer], probing()
    generator = torch.Generator().manual_seed(seed)
    train = p["train"] & (torch.rand(len(x), generator=generator) < 0.8)  # each seed learns from others
    x = x / x[train].square().mean().sqrt()
    control = control_labels(p["words"], p["labels"], seed)
    best, tried = (-1.0, 0.0), {}
    for penalty in PENALTIES:
        probe = fit_probe(x[train], p["labels"][train], 2, hidden, penalty, seed=seed)
        right = probe(x).argmax(1) == p["labels"]
        tried[penalty] = probe, right
        best = max(best, (right[p["choose"]].float().mean().item(), penalty))
    right = tried[best[1]][1].float()
    by_heart = fit_probe(x[train], control[train], 2, hidden, best[1], seed=seed)(x).argmax(1) == control
    found = job | {"penalty": best[1]}
    tests = {"seen": ("seen", right), "control": ("seen", by_heart.float()), "unseen": ("unseen", right)}
    for name, (test, correct) in tests.items():
        words = [word for word, is_in in zip(p["words"], p[test].tolist(), strict=True) if is_in]
        shares = per_type(words, correct[p[test]])
        found[name] = round(float(shares.mean()), 4)
        found[f"{name} texts"] = " ".join(f"{share:.3g}" for share in shares)
    return found


@functools.lru_cache(maxsize=1)
def vectors(kind: str, source: str, seed: int) -> Tensor:
    return states(encoder(kind, source, seed), data().held, data().nouns)


def probe_jobs() -> Iterator[dict]:
    for kind, layers in (("bilm", 3), ("masked", 4)):
        for source in ("shipped", "trained", "random"):
            for seed in SEEDS:
                for layer in range(layers):
                    for hidden in HIDDEN if source != "trained" else (0,):
                        yield {"kind": kind, "source": source, "layer": layer, "seed": seed, "hidden": hidden}


# --- Cause ------------------------------------------------------------------------------------------------------------


class Exam:
    """Sentences whose noun is followed by a verb that agrees, as many in the singular as in the plural."""

    def __init__(self, model: BiLM | MaskedLM, chosen: list[Noun]) -> None:
        self.model = model
        sides = [[noun for noun in chosen if noun.plural == plural] for plural in (0, 1)]
        both = [noun for side in sides for noun in side[: min(map(len, sides))]]
        both.sort(key=lambda noun: len(data().sentences[noun.sentence]))
        self.plural = torch.tensor([noun.plural for noun in both]) == 1
        self.ids, self.lengths = pad([data().encode(data().sentences[noun.sentence]) for noun in both])
        self.rows, self.place = torch.arange(len(both)), torch.tensor([noun.place + 1 for noun in both])
        self.verbs = [torch.tensor(data().vocabulary.encode(list(words))) for words in (SINGULAR, PLURAL)]
        self.swapped = self.ids.clone()
        self.swapped[self.rows, self.place] = torch.tensor(
            data().vocabulary.encode([data().word(noun, True) for noun in both])
        )
        draw = torch.Generator().manual_seed(0)  # one more word of each sentence, neither the noun nor the verb
        luck = torch.rand(self.ids.shape, generator=draw).masked_fill(~mask(self.lengths - 1, self.ids.shape[1]), -1)
        luck[:, 0] = -1
        luck[self.rows, self.place] = luck[self.rows, self.place + 1] = -1
        self.other = luck.argmax(1)

    def sites(self) -> list[nn.Module]:
        """The modules whose outputs are the layers. A BiLM's last is left out: its scores are linear in it."""
        if isinstance(self.model, MaskedLM):
            return [self.model.norm, *self.model.blocks]
        return [self.model.table, *self.model.ahead[:-1]]

    @torch.no_grad()
    def scores(self, ids: Tensor | None = None, place: Tensor | None = None) -> Tensor:
        """The scores (n, V) of all words at the verb's place, or another, of sentences in which it is hidden."""
        ids = (self.ids if ids is None else ids).clone()
        place = self.place + 1 if place is None else place
        if isinstance(self.model, MaskedLM):
            ids[self.rows, place] = self.model.mask_id
            return self.model.scores(self.model.layers(ids, self.lengths)[-1][self.rows, place])
        states = self.model.table(ids[:, : int(place.max())])  # what stands before it
        for number, lstm in enumerate(self.model.ahead):
            above = lstm(states)[0]
            states = above + states if number else above
        return self.model.scores(states[self.rows, place - 1])

    def measures(self, scores: Tensor) -> Tensor:
        """For each sentence by how much plural verbs are likelier than singular ones, in nats: (n,)"""
        singular, plural = (scores[:, verbs].logsumexp(1) for verbs in self.verbs)
        return plural - singular

    def gap(self, scores: Tensor) -> float:
        """How much more a plural noun makes plural verbs likely than a singular one does."""
        m = self.measures(scores)
        return (m[self.plural].mean() - m[~self.plural].mean()).item()

    def elsewhere(self, scores: Tensor, before: Tensor) -> float:
        """By how much the guesses moved among all words but the six verbs: the mean divergence, in nats."""
        both = [s.index_fill(1, torch.cat(self.verbs), -torch.inf).log_softmax(1) for s in (before, scores)]
        each = nn.functional.kl_div(both[1], both[0], reduction="none", log_target=True)  # NaN at the six
        return each.nan_to_num().sum(1).mean().item()

    def mass(self, scores: Tensor) -> float:
        """How likely it is that one of the six verbs stands there, on average."""
        return scores.softmax(1)[:, torch.cat(self.verbs)].sum(1).mean().item()

    def loss(self) -> float:
        """The surprise at another word of each sentence, hidden in the place of the verb. (Masked model only.)"""
        return nn.functional.cross_entropy(self.scores(place=self.other), self.ids[self.rows, self.other]).item()


def directions(
    model: BiLM | MaskedLM, fitted: list[Noun], sentences: list, after: int, layer: int
) -> dict[str, Tensor]:
    """The difference of the means of plural and singular, a linear probe's direction and 100 of control tasks.

    All are scaled to the length of the first, and were fitted to the states of these nouns, or of the place `after`.
    """
    x = states(model, sentences, fitted, after)[layer][:, :DIM]  # of a BiLM what reads forward
    labels, words = torch.tensor([noun.plural for noun in fitted]), [data().word(noun) for noun in fitted]

    def difference(labels: Tensor) -> Tensor:
        return x[labels == 1].mean(0) - x[labels == 0].mean(0)

    mean = difference(labels)
    norm, scale = mean.norm(), x.square().mean().sqrt()
    controls = [difference(control_labels(words, labels, seed)) for seed in range(DIRECTIONS)]
    return {
        "mean": mean[None],
        "probe": norm * fit_probe(x / scale, labels, 2, penalty=10.0).direction()[None],
        "random": random_directions(DIRECTIONS, x.shape[1], norm.item()),
        "control": torch.stack([norm * nn.functional.normalize(each, dim=0) for each in controls]),
    }


def cause_row(job: dict) -> dict:
    """What taking out and putting in does at one layer, at the noun's place or at the verb's."""
    kind, source, layer, seed, at = (job[key] for key in ("kind", "source", "layer", "seed", "at"))
    model, unseen = encoder(kind, source, seed if source == "trained" else 0), data().unseen(seed)
    exam, after = Exam(model, [a for a in data().agreements if a.pair in unseen]), int(at == "verb")
    found = data().agreements if after else data().nouns
    fitted = [noun for noun in found if noun.pair not in unseen]
    drawn = directions(model, fitted, data().sentences if after else data().held, after, layer)
    site, place, before = exam.sites()[layer], exam.place + after, exam.scores()
    row = job | {"sentences": len(exam.rows), "gap": exam.gap(before), "swapped": exam.gap(exam.scores(exam.swapped))}
    row |= {"mass": exam.mass(before), "length": drawn["mean"].norm().item(), "removed": {}, "added": {}}
    if kind == "masked":
        row["loss"] = exam.loss()

    def under(change: Callable) -> Tensor:
        with changed(site, change):
            return exam.scores()

    for name, each in drawn.items():
        row["removed"][name] = [round(exam.gap(under(remove(u, place))), 4) for u in each]
        row["added"][name] = []
        for dose in DOSES if layer == 0 or len(each) == 1 else (2.0,):
            for sign in (1, -1) if len(each) == 1 else (1,):
                shifts, others, losses, masses = [], [], [], []
                for u in each:
                    scores = under(add(sign * dose * u, place))
                    shifts.append(round((exam.measures(scores) - exam.measures(before)).mean().item(), 4))
                    others.append(round(exam.elsewhere(scores, before), 4))
                    masses.append(round(exam.mass(scores), 4))
                    if kind == "masked" and not after:
                        with changed(site, add(sign * dose * u, place)):
                            losses.append(round(exam.loss(), 4))
                measured = {"shift": shifts, "elsewhere": others, "mass": masses, "loss": losses}
                row["added"][name].append({"dose": sign * dose} | measured)
    return row


def cause_jobs() -> Iterator[dict]:
    for kind, layers in (("masked", 4), ("bilm", 2)):
        for source in ("shipped", "trained"):
            for seed in SEEDS:
                for at in ("noun", "verb") if kind == "masked" else ("noun",):
                    for layer in range(layers):
                        yield {"kind": kind, "source": source, "layer": layer, "seed": seed, "at": at}


# --- Heads ------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def losses(model: MaskedLM) -> np.ndarray:
    """The mean surprise at the hidden words of each held-out sentence that has any: (sentences,)"""
    found, generator = [], torch.Generator().manual_seed(0)
    chosen = sorted(data().held[:: max(1, len(data().held) // HELD)][:HELD], key=len)
    for start in range(0, len(chosen), BATCH):
        ids, lengths = pad([data().encode(s) for s in chosen[start : start + BATCH]])
        inputs, labels = mask_tokens(ids, model.mask_id, generator)
        scores = model.scores(model.layers(inputs, lengths)[-1])
        each = nn.functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-1, reduction="none")
        hidden = labels >= 0
        found.append((each.sum(1) / hidden.sum(1).clamp(min=1))[hidden.any(1)])
    return torch.cat(found).double().numpy()


def head_row(job: dict) -> dict:
    """One head silenced, or all of a layer (head -1): what it costs, and what becomes of agreement."""
    model = encoder("masked", job["source"], job["seed"])
    exam, before = Exam(model, data().agreements), losses(model)
    attention = model.blocks[job["layer"]].self_attn
    heads = range(attention.heads) if job["head"] < 0 else [job["head"]]
    gap = exam.gap(exam.scores())
    with without_heads(attention, *heads):
        worse, without = losses(model) - before, exam.gap(exam.scores())
    low, high = interval(np.mean, worse)
    costs = {"loss": float(before.mean()), "costs": float(worse.mean()), "from": low, "to": high}
    return job | {name: round(x, 4) for name, x in (costs | {"gap": gap, "without": without}).items()}


def head_jobs() -> Iterator[dict]:
    for source, seeds in (("shipped", (0,)), ("trained", SEEDS)):
        for seed in seeds:
            for layer in range(3):
                for head in range(-1, 4):
                    yield {"source": source, "seed": seed, "layer": layer, "head": head}


# --- Attention --------------------------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Sorts texts into kinds by the mean of an LSTM's states, weighted by attention, or of the words' own vectors."""

    def __init__(self, vocab_size: int, kinds: int, dim: int = 64, recurrent: bool = True) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True) if recurrent else None
        self.own = nn.Linear(dim, dim) if not recurrent else None
        self.query, self.attention = nn.Parameter(torch.randn(dim) / dim**0.5), AdditiveAttention(dim, dim, dim)
        self.head = nn.Linear(dim, kinds)

    def states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (batch, length), lengths (batch,) -> (batch, length, dim)"""
        x = self.table(ids)
        if self.lstm is None:
            return torch.tanh(self.own(x))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])[0]

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The weights of all places: (batch, length)"""
        words = mask(lengths, states.shape[1])
        return self.attention(self.query.expand(len(states), -1), states, words)[1]

    def read(self, states: Tensor, weights: Tensor) -> Tensor:
        """The scores of the kinds, by any weights: (batch, kinds)"""
        return self.head((weights.unsqueeze(1) @ states).squeeze(1))

    def forward(self, ids: Tensor, lengths: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The scores of the kinds (batch, kinds) and the weights (batch, length): attention's own if none are given."""
        states = self.states(ids, lengths)
        weights = self.weights(states, lengths) if weights is None else weights
        return self.read(states, weights), weights


def uniform(lengths: Tensor, width: int) -> Tensor:
    return mask(lengths, width) / lengths.unsqueeze(1)


class Sorting:
    """Definitions with the numbers of their kinds: for training, for choosing, for judging."""

    def __init__(self) -> None:
        train, validation, test = load_kinds()
        self.kinds = sorted({kind for _, kind in train})
        self.vocabulary = data().vocabulary
        self.train, self.choose, self.judge = (
            [(self.vocabulary.encode(words[:32]), self.kinds.index(kind)) for words, kind in rows if words]
            for rows in (train[:LABELS], validation, test)
        )

    def batch(self, rows: list) -> tuple[Tensor, Tensor, Tensor]:
        ids, lengths = pad([words for words, _ in rows])
        return ids, lengths, torch.tensor([kind for _, kind in rows])


sorting = functools.cache(Sorting)


def reader(seed: int, recurrent: bool = True) -> Reader:
    torch.manual_seed(seed)
    return Reader(len(sorting().vocabulary), len(sorting().kinds), recurrent=recurrent)


def train_reader(
    seed: int,
    rate: float,
    given: Callable[[Tensor, Tensor], Tensor] | None = None,
    recurrent: bool = True,
    deceived: Reader | None = None,
    worth: float = 0.0,
) -> Reader:
    """A reader that has learnt kinds, with its own attention or with weights that are given.

    With `deceived` it learns instead to give that reader's answers, and its attention is the more welcome the less it
    looks like that reader's (Wiegreffe & Pinter 2019, section 4): `worth` says how much.
    """
    model = reader(seed, recurrent)

    def loss(rows: Tensor) -> Tensor:
        ids, lengths, truth = sorting().batch([sorting().train[i] for i in rows.tolist()])
        scores, weights = model(ids, lengths, given(ids, lengths) if given else None)
        if deceived is None:
            return nn.functional.cross_entropy(scores, truth)
        with torch.no_grad():
            wanted, theirs = deceived(ids, lengths)
        answers = total_variation(scores.softmax(1), wanted.softmax(1))
        return (answers - worth * jensen_shannon(weights, theirs)).mean()

    fit(model.parameters(), loss, list(random_rows(len(sorting().train), 32, STEPS, seed)), rate, clip=1.0)
    return model.eval()


@torch.no_grad()
def accuracy(model: Reader, rows: list, given: Callable[[Tensor, Tensor], Tensor] | None = None) -> np.ndarray:
    """For each text 1 if it is sorted right, else 0."""
    found = np.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    for start in range(0, len(order), BATCH):
        ids, lengths, truth = sorting().batch([rows[i] for i in order[start : start + BATCH]])
        scores, _ = model(ids, lengths, given(ids, lengths) if given else None)
        found[order[start : start + BATCH]] = (scores.argmax(1) == truth).numpy()
    return found


def even(ids: Tensor, lengths: Tensor) -> Tensor:
    return uniform(lengths, ids.shape[1])


def guide(model: Reader) -> Callable[[Tensor, Tensor], Tensor]:
    """The weights of a trained reader, for another to read with."""

    @torch.no_grad()
    def given(ids: Tensor, lengths: Tensor) -> Tensor:
        return model(ids, lengths)[1]

    return given


ARMS = {  # name: how it is trained; what is chosen for one is chosen for all that come after the same name
    "attention": {},
    "uniform": {"given": even},
    "bag, uniform": {"given": even, "recurrent": False},
    "bag, own attention": {"recurrent": False},
}


def sort_row(job: dict) -> dict:
    """One reader of an arm: its share on the validation set, to choose a rate by, or what is right in the test."""
    model = train_reader(job["seed"], job["rate"], **ARMS[job["arm"]])
    given = ARMS[job["arm"]].get("given")
    if job["seed"] in CHOOSING:
        return job | {"validation": round(float(accuracy(model, sorting().choose, given).mean()), 4)}
    right = accuracy(model, sorting().judge, given)
    return job | {"accuracy": round(float(right.mean()), 4), "right texts": "".join(map(str, right.astype(int)))}


def chosen_rate(arm: str) -> float:
    """Of three rates and more beyond the border the best on validation."""

    def rows(rates: list[float]) -> list[dict]:
        jobs = [{"arm": arm, "rate": rate, "seed": seed} for rate in rates for seed in CHOOSING]
        return common.resumed(FILE, "attention", jobs, sort_row)

    return common.best_rate(common.swept(RATES, rows, lambda row: row["validation"]), lambda row: row["validation"])


@functools.lru_cache(maxsize=8)
def trained_reader(seed: int) -> Reader:
    return train_reader(seed, chosen_rate("attention"))


def explain_row(job: dict) -> dict:
    """One reader's attention, put to the test on JUDGED definitions: means and medians over them, and lists of them."""
    model, rows = trained_reader(job["seed"]), sorting().judge[:JUDGED]
    neighbour = trained_reader((job["seed"] + 1) % len(SEEDS))
    ids, lengths, _ = sorting().batch(rows)
    words = mask(lengths, ids.shape[1])
    with torch.no_grad():
        states = model.states(ids, lengths)
        weights = model.weights(states, lengths)
        other = neighbour(ids, lengths)

    def output(w: Tensor) -> Tensor:
        return model.read(states, w).softmax(1)

    with torch.no_grad():
        answer = output(weights)
        permuted = torch.stack(
            [total_variation(output(permuted_weights(weights, words, seed)), answer) for seed in range(PERMUTATIONS)]
        )
        level = total_variation(output(uniform(lengths, ids.shape[1])), answer)
        erased = [total_variation(model(*without(ids, lengths, t))[0].softmax(1), answer) for t in range(ids.shape[1])]
    adversary = adversarial_weights(output, weights, words)
    agreeing = []
    for w, moved, n in zip(weights, torch.stack(erased, 1), lengths.tolist(), strict=True):
        if n > 2 and len(set(moved[:n].tolist())) > 1:
            agreeing.append(spearman(w[:n].tolist(), moved[:n].tolist()))
    lists = {
        "largest": weights.max(1).values,
        "permuted": permuted.median(0).values,
        "uniform": level,
        "adversary": jensen_shannon(adversary, weights),
        "another seed": jensen_shannon(other[1], weights),
        "its answer": total_variation(other[0].softmax(1), answer),
        "agreeing": torch.tensor(agreeing),
    }
    found = job | {name: round(each.mean().item(), 4) for name, each in lists.items()}
    return found | {f"{name} texts": " ".join(f"{x:.3f}" for x in each.tolist()) for name, each in lists.items()}


def without(ids: Tensor, lengths: Tensor, place: int) -> tuple[Tensor, Tensor]:
    """The texts without the word at this place; texts that have none there, or no other word, stay."""
    shorter = torch.cat([ids[:, :place], ids[:, place + 1 :], torch.zeros_like(ids[:, :1])], 1)
    cut = (lengths > place) & (lengths > 1)
    return torch.where(cut.unsqueeze(1), shorter, ids), lengths - cut.long()


def deceive_row(job: dict) -> dict:
    """A model that is trained to deceive, and the bags of words that are guided by it and by whom it deceives."""
    seed, rate, honest = job["seed"], chosen_rate("attention"), trained_reader(job["seed"])
    liar = train_reader(seed + 50, rate, deceived=honest, worth=job["worth"])
    ids, lengths, _ = sorting().batch(sorting().judge[:JUDGED])
    with torch.no_grad():
        (scores, weights), (wanted, theirs) = liar(ids, lengths), honest(ids, lengths)
    found = job | {"answers": total_variation(scores.softmax(1), wanted.softmax(1)).mean().item()}
    found |= {"weights": jensen_shannon(weights, theirs).mean().item()}
    found |= {"accuracy": accuracy(liar, sorting().judge).mean()}
    bag_rate = chosen_rate("bag, uniform")
    for name, model in (("bag guided", honest), ("bag misguided", liar)):
        bag = train_reader(seed, bag_rate, given=guide(model), recurrent=False)
        right = accuracy(bag, sorting().judge, guide(model))
        found |= {name: float(right.mean()), f"{name} texts": "".join(map(str, right.astype(int)))}
    return {key: round(float(x), 4) if isinstance(x, float) else x for key, x in found.items()}


def attention_rows() -> list[dict]:
    for arm in ARMS:
        rate = chosen_rate(arm)
        common.resumed(FILE, "attention", [{"arm": arm, "rate": rate, "seed": seed} for seed in SEEDS], sort_row)
    common.resumed(FILE, "attention", [{"arm": "explained", "seed": seed} for seed in SEEDS], explain_row)
    jobs = [{"arm": "deceit", "worth": worth, "seed": seed} for worth in DECEIT for seed in SEEDS]
    common.resumed(FILE, "attention", jobs, deceive_row)
    return common.stored(FILE)["attention"]


# --- What came out ----------------------------------------------------------------------------------------------------


def by_word(rows: list[dict], name: str, **which: object) -> np.ndarray:
    """The share of right answers of each word, in each seed's row: (seeds, words)"""
    found = sorted((row for row in rows if which.items() <= row.items()), key=lambda row: row["seed"])
    return np.array([[float(x) for x in row[f"{name} texts"].split()] for row in found])


def selectivity(rows: list[dict], **which: object) -> tuple[float, float, float]:
    """How much more often the probes of a layer are right on the real task than on the control task, and the interval.

    It is over seeds and words: both might have been others.
    """
    gaps = by_word(rows, "seen", **which) - by_word(rows, "control", **which)
    low, high = crossed_interval(gaps)
    return float(gaps.mean()), low, high


def compared(rows: list[dict], name: str, first: dict, second: dict) -> tuple[float, float, float, str]:
    """How much more often the first probes are right than the second, seed by seed and word by word."""
    gaps = by_word(rows, name, **first) - by_word(rows, name, **second)
    low, high = crossed_interval(gaps)
    return float(gaps.mean()), low, high, verdict(low, high)


def beaten(row: dict, name: str = "probe", by: str = "random") -> int:
    """How many of the directions `by` change the gap less than the direction `name` does, when they are taken out."""
    gap = row["gap"]
    ours = abs(row["removed"][name][0] - gap)
    return sum(abs(other - gap) < ours for other in row["removed"][by])


def report(results: dict) -> str:
    lines = []
    rows = results.get("probes", [])
    for kind, source in dict.fromkeys((row["kind"], row["source"]) for row in rows):
        for layer in sorted({row["layer"] for row in rows if row["kind"] == kind}):
            which = {"kind": kind, "source": source, "layer": layer, "hidden": 0}
            shares = [by_word(rows, name, **which).mean() for name in ("seen", "control", "unseen")]
            gap, low, high = selectivity(rows, **which)
            shown = " ".join(f"{x:.3f}" for x in shares)
            lines.append(f"{kind} {source} {layer}: {shown}; selectivity {gap:+.3f} [{low:+.3f}, {high:+.3f}]")
    for row in results.get("cause", []):
        name = " ".join(str(row[key]) for key in ("kind", "source", "at", "layer", "seed"))
        taken = {key: row["removed"][key][0] for key in ("mean", "probe")}
        lines.append(f"{name}: gap {row['gap']:.2f}, without {taken}; beats {beaten(row)} random directions")
    for row in results.get("heads", []):
        lines.append(str(row))
    for row in results.get("attention", []):
        lines.append(str({key: value for key, value in row.items() if not key.endswith("texts")}))
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    jobs = {"encoders": ([{"kind": k, "seed": s} for k in KINDS for s in SEEDS], train_encoder)}
    jobs |= {"probes": (list(probe_jobs()), probe_row), "cause": (list(cause_jobs()), cause_row)}
    jobs |= {"heads": (list(head_jobs()), head_row)}
    parts: dict[str, Callable[[], object]] = {
        name: functools.partial(common.resumed, FILE, name, each, run) for name, (each, run) in jobs.items()
    }
    settings = {"steps": KINDS, "penalties": PENALTIES, "doses": DOSES, "labels": LABELS, "reader steps": STEPS}
    results = common.run_parts(
        __doc__, FILE, parts | {"attention": attention_rows}, ("torch", "numpy", "scipy"), settings
    )
    if results:
        print(report(results))


if __name__ == "__main__":
    main()
