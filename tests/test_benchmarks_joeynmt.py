"""The race with joeynmt, without joeynmt: what it is told, what it reads, when it stops, and how it is judged."""

import itertools
import json
import sys
import types

import common
import joeynmt_race as race
import numpy as np
import pytest
import sacrebleu
import torch
import translation
import writers

from scratch.corpora import load_pairs

ECHO = """
import json, sys
task = json.load(sys.stdin)
if task["config"]["random_seed"] == 13:
    sys.exit("bad luck")
data = task["config"]["data"]
read = {"validation": data["dev"], "test": data["test"]}
texts = {}
for name, (which, beam) in task["translate"].items():
    lines = open(f"{read[which]}.zh", encoding="utf-8").read().split("\\n")[:-1]
    texts[name] = lines if beam > 1 else ["<unk>", *lines[1:]]
print("a line of something else")
print(json.dumps({"steps": 7, "texts": texts, "pairs": task["pairs"], "given": task["seconds"]}))
"""

SECOND = race.second


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Few pairs, and in joeynmt's place a program that knows the right answers, save for one if it has no beam."""
    pairs = tuple(part[:n] for part, n in zip(load_pairs("en-zh"), (70, 8, 12), strict=True))
    results = tmp_path / "src" / "scratch" / "results"
    results.mkdir(parents=True)
    driver = tmp_path / "driver.py"
    driver.write_text(ECHO, "utf-8")
    monkeypatch.setattr(common, "RESULTS", results)
    monkeypatch.setattr(translation, "load_pairs", lambda _: pairs)
    monkeypatch.setattr(race, "DRIVER", driver)
    monkeypatch.setattr(race, "second", lambda: 1.0)
    monkeypatch.setenv("JOEYNMT", sys.executable)
    caches = translation.data, race.files, race.ours
    for cached in caches:
        cached.cache_clear()
    yield pairs
    for cached in caches:
        cached.cache_clear()


def job(model, **changes):
    return {"model": model, "seed": 0, "seconds": 0.1, "final": False} | race.START[model] | changes


def texts(path):
    return path.read_text("utf-8").split("\n")[:-1]


def test_joeynmt_reads_the_same_pairs(small):
    assert race.files() == [70, 4, 12]
    book, turns = translation.data("zh"), race.turns()
    assert turns["train"] == list(range(70))
    assert sorted(turns["validation"]) == [0, 2, 4, 6]
    assert sorted(turns["test"]) == list(range(12)) != turns["test"]
    for (which, places), pairs in zip(turns.items(), small, strict=True):
        assert texts(race.place() / "texts" / f"{which}.zh") == [pairs[i][1] for i in places]
        sources = texts(race.place() / "texts" / f"{which}.en")
        words, characters = (texts(race.place() / "words" / f"{which}.{side}") for side in race.SIDES)
        for n, i in enumerate(places):
            source, target = pairs[i]
            assert sources[n].lower() == source.lower()
            assert words[n].split(" ") == translation.split("zh", sources[n]) == book.read(source)
            assert characters[n].split(" ") == translation.split("zh", target)


def test_no_reference_is_longer_than_what_may_be_written():
    for pairs in load_pairs("en-zh"):
        assert max(len(translation.split("zh", target)) for _, target in pairs) < race.LIMIT


@pytest.mark.parametrize("tokens", race.SHARED["tokens"])
def test_like_lengths_are_in_one_batch(small, tmp_path, tokens):
    race.files()
    one, other = tmp_path / "one", tmp_path / "other"
    for seed, folder in enumerate((one, other)):
        race.by_length(job("RNN", batch=16, tokens=tokens, seed=seed), folder)
    kind = "words" if tokens == "words" else "texts"
    pairs = [list(zip(*(texts(where / f"train.{side}") for side in race.SIDES), strict=True))
             for where in (one, other, race.place() / kind)]  # fmt: skip
    assert sorted(pairs[0]) == sorted(pairs[1]) == sorted(pairs[2])
    assert pairs[0] != pairs[1]
    lengths = [len(translation.split("zh", target)) for _, target in pairs[0]]
    batches = [lengths[start : start + 16] for start in range(0, 70, 16)]
    ordered = sorted(batches[:-1], key=lambda batch: (min(batch), max(batch)))
    assert all(max(left) <= min(right) for left, right in itertools.pairwise(ordered))
    assert len(batches[-1]) == 6
    assert min(batches[-1]) >= max(map(max, batches[:-1]))


def test_a_configuration_says_what_the_job_says(tmp_path):
    numbers = {"rate": (0.005, 0.01), "batch": (32, 64), "width": (96, 128), "seed": (0, 1)}
    for model, options in race.OPTIONS.items():
        first = json.dumps(race.config(job(model), tmp_path), sort_keys=True)
        for what, values in {**options, **numbers}.items():
            assert job(model)[what] in values
            for value in values:
                told = json.dumps(race.config(job(model, **{what: value}), tmp_path), sort_keys=True)
                assert (told == first) == (value == job(model)[what])
    told = race.config(job("RNN", tokens="subwords 3000", batch=16, order="shuffled"), tmp_path)
    for side, ours in (("src", "en"), ("trg", "zh")):
        assert told["data"][side]["lang"] == ours
        assert told["data"][side]["tokenizer_cfg"]["model_file"] == str(race.place() / "texts" / f"3000.{ours}.model")
    assert told["data"]["train"] == str(race.place() / "texts" / "train")
    assert (told["training"]["shuffle"], told["training"]["batch_size"]) == (True, 16)
    by_length = race.config(job("Transformer"), tmp_path)
    assert by_length["data"]["train"] == str(tmp_path / "train")
    assert by_length["data"]["test"] == str(race.place() / "words" / "test")
    assert not by_length["training"]["shuffle"]


@pytest.mark.parametrize("tokens", race.SHARED["tokens"][:2])
def test_a_row_has_the_scores_of_what_was_written(small, tokens):
    row = race.run(job("RNN", tokens=tokens, final=True))
    references = [target for _, target in small[2]]
    assert row["pairs"] == [70, 4, 12]
    for scores, kept in (("test", "texts"), ("beam", "beam texts")):
        written = writers.texts(row, kept)
        theirs = sacrebleu.corpus_bleu(written, [references], tokenize="zh")
        assert row[scores]["bleu"] == pytest.approx(theirs.score, abs=0.006)
        assert row[scores]["chrf"] == pytest.approx(sacrebleu.corpus_chrf(written, [references]).score, abs=0.006)
    missing = race.turns()["test"][0]
    assert [i for i, text in enumerate(writers.texts(row)) if not text] == [missing]  # and no <unk>
    assert [text.replace(" ", "") for text in writers.texts(row, "beam texts")] == [
        text.replace(" ", "") for text in references
    ]
    assert row["beam"]["bleu"] > row["test"]["bleu"]
    assert row["chosen"] == "beam"


@pytest.mark.parametrize("length", [0.5, 1.25])
def test_joeynmt_has_seconds_of_the_ladder(small, monkeypatch, length):
    monkeypatch.setattr(race, "second", lambda: length)
    row = race.run(job("Transformer", seconds=0.2))
    assert (row["seconds"], row["given"], row["second"]) == (0.2, pytest.approx(0.2 * length), length)


def test_a_second_of_the_ladder_is_measured_by_the_steps_of_dot(small, monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    lasts = iter([0.02, 9.0, 0.03, 0.01, 0.05])  # of a step in each round; one was disturbed

    def fitted(model, rows, loss, rate, seed, limit, average):
        assert type(model) is type(translation.fresh({"language": "zh", "rung": "dot", "seed": 0})[0])
        clock.now += limit["steps"] * next(lasts)

    monkeypatch.setattr(race, "fitted", fitted)
    monkeypatch.setattr(race.time, "process_time", lambda: clock.now)
    assert SECOND() == pytest.approx(0.03 * translation.MINUTE / translation.SECONDS)


def test_nothing_is_trained_twice(small, monkeypatch):
    ran = []
    run = race.run
    monkeypatch.setattr(race, "run", lambda job: ran.append(job) or run(job))
    jobs = [job("Transformer", seed=seed) for seed in (0, 1)]
    rows = race.trained("Transformer", jobs[:1])
    assert race.trained("Transformer", jobs)[:1] == rows
    assert ran == jobs
    file = common.RESULTS / "joeynmt.json"
    assert json.loads(file.read_text("utf-8")) == {"Transformer": race.trained("Transformer", jobs)}
    assert "texts" not in rows[0]  # of the sweep: validation only
    with pytest.raises(RuntimeError, match="joeynmt ended with 1: bad luck"):
        race.trained("Transformer", [job("Transformer", seed=13)])
    assert len(json.loads(file.read_text("utf-8"))["Transformer"]) == 2
    monkeypatch.delenv("JOEYNMT")
    with pytest.raises(SystemExit, match="JOEYNMT must name a Python that has joeynmt"):
        race.trained("Transformer", [job("Transformer", seed=2)])


def test_one_thing_after_the_other_is_changed(monkeypatch):
    """Each has its best value, whatever the others are, but for feeding, which must wait; one lies far off."""
    best = {"rate": 0.04, "width": 256, "batch": 8, "tokens": "subwords 3000", "attention": "bahdanau"}
    best |= {"feeding": False, "gain": 5.0, "forget": 0.0, "order": "by length"}
    asked = []

    def trained(model, jobs):
        assert model == "RNN"
        rows = []
        for job in jobs:
            right = sum(job[what] == value for what, value in best.items() if what not in ("rate", "feeding"))
            right += (job["feeding"] == best["feeding"]) * (0.5 if job["gain"] == best["gain"] else -0.5)
            off = sum(abs(np.log2(job[what] / best[what])) for what in ("batch", "width", "gain"))
            off += abs(np.log2(job["rate"] / best["rate"])) / 9
            rows.append(job | {"validation": {"bleu": right - off}})
        asked.extend(jobs)
        return rows

    monkeypatch.setattr(race, "trained", trained)
    setting, rows = race.sweep("RNN")
    rate = setting.pop("rate")
    assert setting == {what: value for what, value in best.items() if what != "rate"}
    assert rate == 0.04
    assert {job["rate"] for job in asked if job["batch"] == 16} == {0.028284, 0.056569}  # by the root
    assert {job["batch"] for job in asked} == {4, 8, 16, 32, 64}
    assert {job["width"] for job in asked} == {64, 128, 256, 512}
    assert len(rows) == len({json.dumps(job, sort_keys=True) for job in asked})
    assert {(job["seconds"], job["seed"], job["final"]) for job in asked} == {(30.0, 0, False), (30.0, 1, False)}
    asked.clear()
    *_, last = race.race("RNN")
    assert (last["seconds"], last["seed"], last["final"], last["rate"]) == (60.0, 4, True, rate)


@pytest.fixture
def driver(monkeypatch):
    """The driver, with the little of joeynmt that a clock and a trainer need."""

    class Scheduler:
        def __init__(self, optimizer):
            self.optimizer = optimizer

        def step(self, step):
            for group in self.optimizer.param_groups:
                group["lr"] = self._compute_rate()

    class Manager:
        def __init__(self, model):
            self.model, self.stats = model, types.SimpleNamespace(is_max_update=False)

        def _train_step(self, batch):
            loss = self.model(batch).square().mean()
            loss.backward()
            return loss.item(), 0

    has = {"joeynmt": {}, "joeynmt.builders": {"BaseScheduler": Scheduler}, "joeynmt.config": {"parse_global_args": 0}}
    has |= {"joeynmt.helpers": {"set_seed": 0}, "joeynmt.prediction": {"predict": 0, "prepare": 0}}
    has |= {"joeynmt.training": {"TrainManager": Manager}, "sentencepiece": {"SentencePieceTrainer": 0}}
    for name, contents in has.items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "joeynmt_driver", raising=False)
    import joeynmt_driver

    yield joeynmt_driver
    del sys.modules["joeynmt_driver"]


def test_training_ends_with_its_time_and_its_weights_are_averaged(driver, monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(driver, "time", types.SimpleNamespace(process_time=lambda: next(now)))
    torch.manual_seed(0)
    task = {"seconds": 40, "rate": 0.1, "warmup": 0.25, "average": 0.9}
    trainer = driver.Trainer(task, model=torch.nn.Linear(3, 1))
    trainer.scheduler.begin()
    rates, averaged = [trainer.optimizer.param_groups[0]["lr"]], trainer.model.weight.detach().clone()
    for step in range(1000):
        trainer._train_step(torch.ones(2, 3))
        trainer.optimizer.step()
        keep = min(0.9, (1 + step) / (10 + step))
        averaged = keep * averaged + (1 - keep) * trainer.model.weight.detach()
        trainer.scheduler.step(step)
        trainer.model.zero_grad()
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        if trainer.stats.is_max_update:
            break
    shares = np.arange(1, 41) / 40
    assert rates == pytest.approx(0.1 * np.minimum(1, shares / 0.25 + 1e-3) * (1 - shares))
    assert rates[-1] == 0
    assert len(trainer.losses) == 39
    assert trainer.losses[-1] < trainer.losses[0]
    trainer.scheduler.end()
    torch.testing.assert_close(trainer.model.weight.detach(), averaged)


def test_subwords_are_learnt_once_from_the_texts_in_their_own_order(driver, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(driver, "SentencePieceTrainer", types.SimpleNamespace(train=lambda **how: asked.append(how)))
    data = race.config(job("RNN", tokens="subwords 6000"), tmp_path)["data"]
    for side in ("src", "trg"):
        data[side]["tokenizer_cfg"]["model_file"] = str(tmp_path / f"6000.{data[side]['lang']}.model")
    (tmp_path / "6000.en.model").touch()
    driver.subwords(data)
    driver.subwords(race.config(job("RNN"), tmp_path)["data"])
    assert [(how["input"], how["model_prefix"], how["vocab_size"]) for how in asked] == [
        (str(tmp_path / "train.zh"), str(tmp_path / "6000.zh"), 6000)
    ]
    assert asked[0]["normalization_rule_name"] == "identity"
