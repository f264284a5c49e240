"""The benchmark of translation: every rung learns, is judged by what it wrote, and is not trained twice."""

import itertools
import json
import random
from types import SimpleNamespace

import common
import numpy as np
import pytest
import sacrebleu
import torch
import translation
import writers
from gensim.models import KeyedVectors

from scratch.alignment import IBM1
from scratch.corpora import load_pairs, load_results
from scratch.metrics import bleu
from scratch.search import greedy
from scratch.text import pad


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Few pairs, narrow networks, a moment of training on a clock that counts steps; the jobs that were run."""
    pairs = {
        name: tuple(part[:n] for part, n in zip(load_pairs(name), (60, 8, 12), strict=True))
        for name in ("en-zh", "en-fr")
    }
    vectors = KeyedVectors(8)
    vectors.add_vectors(["the", "device"], np.eye(2, 8, dtype="float32"))
    changes = {"load_pairs": pairs.get, "SECONDS": 0.2, "SEEDS": 1, "EMBEDDING": 8, "HIDDEN": 8, "DIM": 8, "HEADS": 2}
    ticks = itertools.count()
    changes |= {"LONGEST": 12, "english": lambda: vectors}
    clock = SimpleNamespace(process_time=lambda: next(ticks) / 100)  # a hundred steps a second
    monkeypatch.setattr(writers, "time", clock)
    monkeypatch.setattr(translation, "time", clock)
    for name, value in changes.items():
        monkeypatch.setattr(translation, name, value)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    jobs = []

    def apart(script, job):
        jobs.append(job)
        return json.loads(json.dumps(translation.run(job)))

    monkeypatch.setattr(common, "apart", apart)
    translation.data.cache_clear()
    yield jobs
    translation.data.cache_clear()


@pytest.mark.parametrize("language", ["zh", "fr"])
def test_every_rung_is_trained_once_and_judged_by_what_it_wrote(small, monkeypatch, language):
    chosen = dict(zip(translation.RUNGS, np.linspace(0.005, 0.01, len(translation.RUNGS)).tolist(), strict=True))
    tried = [{"rung": rung, "rate": rate, "validation": {"bleu": rate}} for rung, rate in chosen.items()]
    monkeypatch.setattr(translation, "rates", lambda _: tried)
    limits = {"seconds": 0.2} if language == "zh" else {"steps": 20}
    monkeypatch.setattr(translation, "limit", lambda *given: limits)
    rows = translation.seeds(language)
    assert [(row["rung"], row["seed"], row["rate"]) for row in rows] == [
        (rung, seed, rate) for seed in (0,) for rung, rate in chosen.items()
    ]
    references = [target for _, target in translation.data(language).splits["test"]]
    for row in rows:
        written = writers.texts(row)
        theirs = sacrebleu.corpus_bleu(written, [references], tokenize={"zh": "zh", "fr": "13a"}[language])
        assert row["test"]["bleu"] == pytest.approx(theirs.score, abs=0.006)
        assert row["test"]["chrf"] == pytest.approx(sacrebleu.corpus_chrf(written, [references]).score, abs=0.006)
        assert row["steps"] > 0
        assert row.get("changed", {}) == ({"1": 0, "8": 0, "64": 0} if row["seed"] == 0 else {})
        assert ("beam texts" in row) == (row["rung"] in translation.BEAMED)
    assert len(small) == len(rows)
    assert translation.seeds(language) == rows
    assert len(small) == len(rows)  # nothing was trained again
    stored = json.loads((common.RESULTS / "translation.json").read_text("utf-8"))
    assert stored == {f"{language}-seeds": rows}


def test_a_step_size_is_sought_beyond_the_border(monkeypatch):
    asked = []

    def trained(part, jobs):
        asked.append(sorted({job["rate"] for job in jobs}))
        best = {"dot": 0.01, "Transformer": 0.00125}[jobs[0]["rung"]]
        return [job | {"validation": {"bleu": -abs(np.log(job["rate"] / best)) + job["seed"]}} for job in jobs]

    monkeypatch.setattr(translation, "trained", trained)
    monkeypatch.setattr(translation, "RUNGS", ["dot", "Transformer"])
    rows = translation.rates("zh")
    first = sorted(translation.RATES)
    assert asked == [first, first, [0.00125, *first], [0.000625, 0.00125, *first]]
    assert translation.best([row for row in rows if row["rung"] == "Transformer"]) == 0.00125


def test_training_lasts_as_long_as_it_may_and_longer_is_better(small):
    translation.data("zh")
    job = {"language": "zh", "rung": "dot, copy", "rate": 0.01, "seed": 0}
    (_, short), (model, long) = (translation.train(job | {"seconds": seconds}) for seconds in (0.2, 2.0))
    assert (short["steps"], long["steps"]) == (19, 199)
    assert long["loss"] < short["loss"] - 1
    assert isinstance(model, translation.CopyingEncoderDecoder)


def test_french_ends_after_as_many_steps_as_the_chinese_ladders_clock_would_allow(small, monkeypatch):
    assert translation.limit("zh", "dot", 0.5) == {"seconds": 0.1}
    monkeypatch.setattr(common, "stored", lambda name: {})
    with pytest.raises(SystemExit, match="run fr-pace first"):
        translation.limit("fr", "dot")
    paces = [{"rung": "dot", "time": 1.5}, {"rung": "Transformer", "time": 1.5}]
    monkeypatch.setattr(common, "stored", lambda name: {"fr-pace": paces})
    monkeypatch.setattr(translation, "MINUTE", 30)
    assert translation.limit("fr", "dot", 0.5) == translation.limit("fr", "dot, word2vec", 0.5) == {"steps": 10}
    job = {"language": "fr", "rung": "Transformer", "rate": 0.01, "seed": 0} | translation.limit("fr", "Transformer")
    row = common.apart("", job)
    assert row["steps"] == 20
    assert all(row[key] == value for key, value in job.items()), "it is found again"
    model, how = translation.train(job)
    again, _ = translation.train(job)
    assert how["steps"] == 20
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_every_rung_that_differs_in_more_than_its_start_is_timed(small, monkeypatch):
    monkeypatch.setattr(translation, "paces", lambda trainings: [len(trainings)] * len(trainings))
    assert [row["rung"] for row in translation.pace("fr")] == [r for r in translation.RUNGS if r != "dot, word2vec"]


def test_a_minute_is_the_mean_of_what_dot_did_with_chinese():
    steps = [row["steps"] for row in load_results("translation")["zh-seeds"] if row["rung"] == "dot"]
    assert round(np.mean(steps)) == translation.MINUTE


def test_a_rungs_pace_is_a_share_of_the_first_in_the_same_round(monkeypatch):
    now, seen = [0.0], []
    monkeypatch.setattr(writers, "time", SimpleNamespace(process_time=lambda: now[0]))

    def training(cost):
        def take(steps, seed):
            seen.append((cost, steps, seed))
            now[0] += steps * cost * (1 + 9 * (seed == 1))  # the machine is busy in the second round

        return take

    assert writers.paces([training(cost) for cost in (2, 3, 1)], rounds=3, steps=5) == pytest.approx([1, 1.5, 0.5])
    assert seen == [(cost, 5, seed) for seed in range(3) for cost in (2, 3, 1)]


@pytest.mark.parametrize("language", ["zh", "fr"])
def test_tokens_are_put_together_as_they_were(language):
    """What BLEU counts in a text is the same before and after."""
    targets = [target for _, target in load_pairs(f"en-{language}")[0]][::7]
    again = [translation.joined(language, translation.split(language, target)) for target in targets]
    before, after = (translation.tokens(language, texts) for texts in (targets, again))
    assert bleu(after, before) > 99.8


def test_ids_have_one_numbering_and_a_target_only_what_can_be_said(small):
    book = translation.data("zh")
    known, written = len(book.vocabulary), book.written
    assert written < known
    for copies in (False, True):
        for source, target in book.rows(copies):
            assert copies or max(source) < known
            assert all(i < written or (copies and i in source) for i in target)
    assert book.rows(True) != book.rows(False)
    assert book.read("The device") == ["the", "device"]
    assert book.read("Zigbee device") == ["Zigbee", "device"]


def test_batches_are_all_rows_by_length():
    rows = [([4] * (1 + i % 3), [5 + i] * (1 + i % 2)) for i in range(100)]
    some = writers.batches(rows, random.Random(0))
    seen = []
    for _ in range(-(-len(rows) // writers.BATCH)):
        _, lengths, before, after = next(some)
        assert lengths.max() - lengths.min() <= 1
        assert (before[:, 0] == 2).all()
        for row, end in zip(after.tolist(), before.ne(0).sum(1).tolist(), strict=True):
            assert row[end - 1] == 3
            seen.append(row[0])
        assert torch.equal(before[:, 1:], after[:, :-1].masked_fill(after[:, :-1] == 3, 0))
    assert sorted(seen) == list(range(5, 105))


def test_input_feeding_is_the_same_step_by_step_and_in_any_batch():
    torch.manual_seed(0)
    model = translation.RUNGS["additive, input feeding"](12, 9).double()
    ids, lengths = pad([[4, 5, 6], [7], [8, 4]])
    before = torch.randint(4, 9, (3, 5))
    at_once, state = model(ids, lengths, before).log_softmax(2), model.start(ids, lengths)
    for t in range(5):
        log_p, state = model.step(before[:, t], state)
        torch.testing.assert_close(log_p, at_once[:, t], atol=1e-12, rtol=0)
    alone = [greedy(model, ids[i : i + 1, :n], lengths[i : i + 1], 6)[0] for i, n in enumerate(lengths)]
    assert greedy(model, ids, lengths, 6) == alone


def test_what_needs_no_network():
    pairs = [("A lamp", "一盏灯"), ("A fan", "一台风扇"), ("The lamp", "灯"), ("Fan speed", "风扇速度")]
    memory = translation.Memory(pairs)
    assert memory.translate(["a lamp", "Hue fan speed"]) == ["一盏灯", "风扇速度"]
    book = translation.Data.__new__(translation.Data)
    book.language, book.splits, book.inside = "zh", {"train": pairs}, {"lamp": 1, "fan": 1, "a": 1, "the": 1}
    book.read = lambda text: text.lower().split()
    words = translation.Words(book)
    assert words.translate(["a lamp", "Hue fan"], 0.0) == [
        "".join(words.model.translate("a lamp".split())),
        "Hue " + "".join(words.model.translate(["fan"])),
    ]
    assert isinstance(words.model, IBM1)
    assert len(words.translate(["a lamp"], 0.3)) == 1


def test_each_change_changes_one_thing(small, monkeypatch):
    tried = [{"rung": rung, "rate": 0.01, "validation": {"bleu": 1.0}} for rung in ("dot", "no attention")]
    monkeypatch.setattr(translation, "rates", lambda _: tried)
    rows = translation.ablations("zh")
    assert [row["change"] for row in rows] == list(translation.CHANGES)
    for row in rows:
        assert {k: row[k] for k in translation.CHANGES[row["change"]]} == translation.CHANGES[row["change"]]
        assert row["rung"] in ("dot", "no attention, one way")
        assert len(writers.texts(row)) == 12
    by_change = {row["change"]: row for row in rows}
    slips = by_change["no masks in writing"]["without"]
    assert [(row["batch"], row["sorted"]) for row in slips] == 4 * [(1, False), (8, False), (64, False), (64, True)]
    assert [row["changed"] for row in slips if row["reader's mask"] and row["attention's mask"]] == [0] * 4
    assert [row["changed"] for row in slips if row["batch"] == 1] == [0] * 4
    assert len({row["bleu"] for row in slips[:4]}) == 1
    assert json.loads((common.RESULTS / "translation.json").read_text("utf-8")) == {"zh-ablations": rows}


def test_without_masks_padding_is_read(small):
    book = translation.data("zh")
    torch.manual_seed(0)
    model = translation.RUNGS["dot"](len(book.vocabulary), book.written)
    ids, lengths = pad([[4, 5, 6, 7], [8]])
    alone = model.start(ids[1:, :1], lengths[1:])
    for read, attend in ((True, True), (True, False), (False, True)):
        state = translation.Careless(model, read, attend).start(ids, lengths)
        same = torch.allclose(state["memory"][1, :1], alone["memory"][0])
        assert same == read
        assert ("words" in state) == attend


def test_the_share_of_the_teacher(small):
    book = translation.data("zh")
    torch.manual_seed(0)
    model = translation.RUNGS["dot"](len(book.vocabulary), book.written).double()
    ids, lengths = pad([[4, 5, 6], [7, 8]])
    before = torch.tensor([[2, 4, 5, 6], [2, 6, 4, 0]])
    taught = translation.sampled(model, ids, lengths, before, 1.0)
    torch.testing.assert_close(taught, model(ids, lengths, before))
    alone = translation.sampled(model, ids, lengths, before, 0.0)
    own = alone.argmax(2)  # what it gives itself
    torch.testing.assert_close(alone, model(ids, lengths, torch.cat([before[:, :1], own[:, :-1]], 1)))


def test_backwards_the_source_alone_is_turned():
    ahead, back = translation.data("zh"), translation.data("zh", True)
    assert back.vocabulary.tokens == ahead.vocabulary.tokens
    assert back.read("The lamp is on") == ahead.read("The lamp is on")[::-1]
    assert [target for _, target in back.rows(False)[:9]] == [target for _, target in ahead.rows(False)[:9]]
    translation.data.cache_clear()


def test_batches_of_any_lengths():
    rows = [([4] * (1 + i % 30), [5 + i]) for i in range(64)]
    some = writers.batches(rows, random.Random(0), bucketed=False)
    lengths = torch.cat([next(some)[1] for _ in range(2)])
    assert sorted(lengths.tolist()) == sorted(len(source) for source, _ in rows)
    assert (lengths[:32].max() - lengths[:32].min()) > 20
