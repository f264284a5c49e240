"""The benchmarks run the chapters' own code: it is still there, and does what they take it for."""

import ast
import base64
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import bottleneck
import common
import input_layer
import jupytext
import memory
import museum
import numpy as np
import order
import positions
import pytest
import recurrent
import torch
import word2vec
import writing

from scratch.corpora import load_results
from scratch.metrics import spearman, t_interval


@pytest.fixture(autouse=True)
def default_dtype():
    """Chapters choose a type of their own; the next test shall not have it."""
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


def test_the_rungs_of_the_ladder_are_all_the_same_lstm(monkeypatch):
    monkeypatch.setattr(recurrent, "SHAPE", {"batch": 3, "length": 4, "hidden": 5, "layers": 2})
    networks = recurrent.rungs()["LSTM"]
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected, slopes = recurrent.both_ways(networks["torch"], x, torch.ones(3, 4, 5))
    assert list(networks) == ["eight linears", "fused gates", "hoisted input", "scratch", "torch"]
    for network in networks.values():
        output, ours = recurrent.both_ways(network, x, torch.ones(3, 4, 5))
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(ours, slopes, atol=1e-5 * max(g.abs().max() for g in slopes), rtol=0)


@pytest.mark.parametrize("more", [{}, {"mixed": True}])
def test_a_reader_of_the_chapter_is_trained_and_judged(more):
    job = {"network": "GRU", "keep": 5, "length": 2, "seed": 0, "rate": 3e-3, "exam": 1, **more}
    before, after = (recurrent.remember(job | {"steps": steps}) for steps in (1, 100))
    assert before < 0.5  # one of four names, by chance
    assert after > 0.9


def sweep(monkeypatch, share):
    """A sweep of readers that are right as often as `share(rate)` says; and what was asked of them."""
    asked = []
    monkeypatch.setattr(recurrent, "remember", lambda job: asked.append(job) or share(job["rate"]))
    return recurrent.sweep({"network": "GRU", "keep": 0, "length": 2, "steps": 1}), asked


@pytest.mark.parametrize(
    ("good", "tried", "best"),
    [
        ((3e-3, 1e-2), (1e-3, 3e-3, 1e-2, 3e-2), 3e-3),  # the lower of the two in the middle
        ((1e-3, 3e-3, 1e-2), (1e-3, 3e-3, 1e-2, 3e-2), 3e-3),
        ((3e-2,), (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), 3e-2),  # at the border: one more is tried
        ((3e-4, 1e-3), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), 3e-4),
        ((), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1), 3e-3),  # given up
    ],
)
def test_a_rate_is_chosen_by_other_seeds_than_it_is_judged_by(monkeypatch, good, tried, best):
    row, asked = sweep(monkeypatch, lambda rate: 1.0 if rate in good else 0.25)
    assert row["tried"] == {str(rate): [1.0 if rate in good else 0.25] * 3 for rate in tried}
    assert (row["rate"], row["judged"]) == (best, [1.0 if good else 0.25] * 5)
    chosen, judged = ({(j["seed"], j["exam"]) for j in asked if j["exam"] == exam} for exam in (1, 2))
    assert not {seed for seed, _ in chosen} & {seed for seed, _ in judged}
    assert {j["rate"] for j in asked if j["exam"] == 2} == {best}


def test_the_stored_sweep_is_what_the_benchmark_makes():
    stored = json.loads((common.RESULTS / "recurrent.json").read_text("utf-8"))
    assert {part: list(stored["settings"][part]) for part in ("memory", "mixed")}
    for row in stored["memory"]:
        shares = {float(rate): found for rate, found in row["tried"].items()}
        assert recurrent.best(shares) == row["rate"]
        assert {len(found) for found in shares.values()} == {len(recurrent.CHOOSING)}
        assert len(row["judged"]) == len(recurrent.JUDGED)


def test_the_spellers_of_the_chapter_are_trained_and_examined(monkeypatch):
    grid = [("attention", 4, 1), ("one vector", 4, 1)]
    for name, value in {"GRID": grid, "CHOOSING": {1: 1}, "SEEDS": 2, "RATES": (0.01, 0.02)}.items():
        monkeypatch.setattr(bottleneck, name, value)
    rows = bottleneck.rows()
    assert [row["kind"] for row in rows] == ["attention", "one vector"]
    assert rows[0]["parameters"] - rows[1]["parameters"] == 4 * 4 + 4 * 4 + 4  # W, U and v
    for row, measure, test in product(rows, ("letters", "words"), ("unseen", "strings")):
        assert [len(seed) for seed in row[measure][test]] == [6, 6]


def test_the_stored_spellers_are_those_of_the_benchmark_at_their_best_rates():
    stored = json.loads((common.RESULTS / "bottleneck.json").read_text("utf-8"))
    for row, grid in zip(stored["rows"], bottleneck.GRID, strict=True):
        scores = {float(rate): score for rate, score in row["validation"].items()}
        assert (row["kind"], row["hidden"], row["steps"]) == grid
        assert tuple(scores) == bottleneck.RATES
        assert row["rate"] == max(scores, key=scores.get)
        for letters, words in zip(row["letters"].values(), row["words"].values(), strict=True):
            assert len(letters) == len(words) == bottleneck.SEEDS
            assert all(
                a >= b for one, other in zip(letters, words, strict=True) for a, b in zip(one, other, strict=True)
            )


def test_the_spellers_looks_are_noted_with_the_chapters_own_functions(monkeypatch):
    row = {"kind": "attention", "hidden": 4, "steps": 1, "rate": 0.01}
    for name, value in {"GRID": [("attention", 4, 1)], "SEEDS": 2}.items():
        monkeypatch.setattr(bottleneck, name, value)
    monkeypatch.setattr(common, "stored", lambda name: {"rows": [row]})
    found = bottleneck.looks()
    assert [look["seed"] for look in found] == [0, 1]
    for look in found:
        assert [len(shares) for shares in look["on diagonal"].values()] == [6, 6]
        assert len(look["steps of keys"]) == 3
        weights = [weight for weight, _ in look["without"].values()]
        assert weights[0] is None
        assert all(0 < weight < 1 for weight in weights[1:])


def test_the_stored_looks_are_those_of_the_stored_spellers():
    stored = json.loads((common.RESULTS / "bottleneck.json").read_text("utf-8"))
    assert [look["seed"] for look in stored["looks"]] == list(range(bottleneck.SEEDS))
    for look, letters in zip(stored["looks"], stored["rows"][0]["letters"]["unseen"], strict=True):
        assert look["without"]["nothing"][1] == pytest.approx(letters[2], abs=0.02)  # words of eight letters


def test_each_place_of_the_norm_is_tried_with_and_without_a_warmup(monkeypatch):
    tried = []

    def final_loss(pre, warmup, rate, seed):
        tried.append((pre, warmup, rate, seed))
        return rate * seed

    monkeypatch.setattr(order, "chapter", lambda cells: {"final_loss": final_loss})
    found = order.warmup()
    assert [(run["pre"], run["warmup"]) for run in found] == list(product((False, True), (0, 15)))
    assert found[0]["ends"] == [[round(rate * seed, 4) for seed in range(5)] for rate in (0.003, 0.01)]
    assert tried == list(product((False, True), (0, 15), order.WARMUP_RATES, range(order.SEEDS)))


def test_what_encoders_have_learnt_is_asked_at_their_best_rates(monkeypatch):
    trained = []

    def learn(make, question, rate, seed):
        trained.append((make, question, rate, seed))
        return "encoder", "judge"

    names = ("Transformer", "LSTM", "neighbours")
    book = {"learn": learn, "ENCODERS": {name: name for name in names}, "in_order": "in order?"}
    book |= {"taken": lambda judge: [0.5] * 4, "weights_of_heads": lambda encoder: torch.full((2, 4), 0.25)}
    monkeypatch.setattr(order, "chapter", lambda cells: book)
    found = order.learnt()
    rates = {"Transformer": 0.01, "LSTM": 0.03, "neighbours": 0.01}  # of 250 steps: the chapter's table
    assert trained == [(name, "in order?", rates[name], seed) for name in names for seed in range(order.SEEDS)]
    assert ["heads" in runs[0] for runs in found.values()] == [True, False, False]


def test_the_stored_orders_are_what_the_benchmark_makes():
    stored = load_results("order")
    for run in stored["warmup"]:
        assert [len(ends) for ends in run["ends"]] == [order.SEEDS] * len(order.WARMUP_RATES)
    for name, runs in stored["learnt"].items():
        (right,) = (
            r["right"] for r in stored["rows"] if (r["question"], r["steps"], r["encoder"]) == (*order.GRID[1], name)
        )
        for run, share in zip(runs, right, strict=True):  # who is often right tells the spoken from the shuffled
            said = (run["taken"][0] + 1 - run["taken"][-1]) / 2
            assert said == pytest.approx(share, abs=0.05)
            assert all(len(head) == 4 for head in run.get("heads", []))


def test_the_translation_memory_of_the_chapter_is_searched(monkeypatch):
    few = [split[::20] for split in memory.load_pairs("en-zh")]
    rates = {"skip-gram": (0.01,), "mean of words": (0.01, 0.1), "LSTM": (0.01,)}
    small = {"CHOOSING": (0,), "JUDGED": (1, 2), "RATES": rates}
    pairs = (("mean of words", "TF-IDF"), ("mean of words and TF-IDF", "skip-gram"))
    for name, value in (small | {"PAIRS": pairs, "load_pairs": lambda name: few}).items():
        monkeypatch.setattr(memory, name, value)
    found = memory.search()
    assert {row["arm"]: row["rate"] for row in found["arms"]} == {"skip-gram": 0.01, "mean of words": 0.1, "LSTM": 0.01}
    sums = [f"{arm} and TF-IDF" for arm in rates]
    assert [row["arm"] for row in found["beside"]] == [*sums, "LSTM, untrained", "LSTM, lengths forgotten"]
    assert [len(row["scores"]) for row in found["beside"]] == [2] * 5
    assert len(found["heeds order"]) == 2
    assert all(0 < any_sentence < 1 for row in found["arms"] for any_sentence, _ in row["scores"])
    assert all(pair["interval"][0] < pair["mean"] < pair["interval"][1] for pair in found["pairs"])


def test_the_stored_memory_is_that_of_the_benchmark_at_its_best_rates():
    stored = json.loads((common.RESULTS / "memory.json").read_text("utf-8"))["search"]
    assert [(pair["one"], pair["other"]) for pair in stored["pairs"]] == list(memory.PAIRS)
    for row in stored["arms"]:
        tried = {float(rate): np.mean(scores) for rate, scores in row["validation"].items()}
        assert tuple(tried) == memory.RATES[row["arm"]]
        assert row["rate"] == max(tried, key=tried.get)
    for found in [*(row["scores"] for row in stored["arms"] + stored["beside"]), stored["heeds order"]]:
        assert len(found) == len(memory.JUDGED)


def test_the_guesses_on_the_museum_are_judged_as_its_encoders_are():
    stored = json.loads((common.RESULTS / "museum.json").read_text("utf-8"))
    assert [(row["task"], row["encoder"]) for row in stored["guesses"]] == [
        ("in order?", name) for name in ("narrow view", "cards")
    ]
    for row in stored["guesses"] + stored["rows"]:
        assert row["rate"] in museum.RATES[row["task"]]
        assert len(row["right"]) == museum.SEEDS


def test_the_stored_step_size_of_a_reader_of_places_is_the_smallest_that_does_as_well():
    for row in json.loads((common.RESULTS / "positions.json").read_text("utf-8"))["rates"]:
        scores = dict(zip(positions.RATES["rates"], row["validation"], strict=True))
        good = [rate for rate, score in scores.items() if score >= max(scores.values()) - positions.EQUAL - 1e-9]
        assert row["rate"] == min(good)
        assert min(scores) < row["rate"] < max(scores), "a border says nothing of what lies beyond"


def test_the_stored_race_of_readers_of_places_is_run_at_those_step_sizes():
    stored = load_results("positions")
    assert [row["kind"] for row in stored["race"]] == list(positions.KINDS)
    assert {row["kind"]: row["rate"] for row in stored["race"]} == {row["kind"]: row["rate"] for row in stored["rates"]}
    for row in stored["race"]:
        assert np.array(row["right"]).shape == (positions.RUNS, 5, 2)
        assert {len(row[more]) for more in ("by place", "put back", "mistaken") if more in row} <= {positions.RUNS}


def test_the_race_asks_of_readers_of_places_what_the_chapter_asks(monkeypatch):
    monkeypatch.setattr(positions, "RUNS", 1)
    book = positions.chapter()
    untrained = book | {"train": lambda reader, seed, rate: reader}
    rows = {kind: positions.race_row(untrained, kind, 0.01) for kind in ("learned", "sinusoidal", "RoPE", "none")}
    assert [len(row["by place"][0]) for row in rows.values() if "by place" in row] == [3, 3, 6]
    assert set(rows["sinusoidal"]["put back"][0].values()) != {1.0}
    assert 0 <= rows["RoPE"]["mistaken"][0] < 0.5  # one of eight, by chance
    assert np.array(rows["none"]["right"][0]).max() < 0.5


def test_the_museums_step_size_is_chosen_by_other_sentences_than_it_is_judged_by(monkeypatch):
    trained, judged = [], []

    def train(name, task, rate, seed, steps):
        trained.append((rate, seed, steps))
        return rate

    def judge(rate, texts, width=0):
        judged.append((rate, texts[0], texts[-1], width))
        right = torch.tensor([rate == (0.1 if texts[0] < museum.TEST else 0.03)] * 4)  # the test would choose 0.1
        return right if width else ~right, right

    book = {"train": train, "judge": judge, "TASKS": {"which era?": list(range(9000))}, "HELD": 4000}
    monkeypatch.setattr(museum, "book", book)
    row = museum.row("which era?", "some encoder")
    assert row["rate"] == 0.03
    assert row["validation"] == [0, 1, 0]
    assert row["right"] == row["padded"] == [0] * museum.SEEDS
    assert row["changed"] == [1] * museum.SEEDS
    assert {call[1:] for call in judged} == {(2000, 3999, 0), (0, 1999, 0), (0, 1999, 64)}
    assert sorted(seed for rate, seed, steps in trained if rate == 0.03) == list(range(museum.SEEDS))
    assert {steps for rate, seed, steps in trained} == {museum.STEPS["which era?"]}


def test_every_seed_of_a_leaking_mask_is_kept_and_nothing_of_the_loss(monkeypatch):
    exhibit = SimpleNamespace(wrong="wrong", mended="mended")

    def hits_by_place(allow, seed):
        return torch.tensor([0.5, float(allow == "wrong")]) * (seed + 1) / 8, 6.2

    book = {"museum": {"mask shows next word": exhibit}, "hits_by_place": hits_by_place}
    monkeypatch.setattr(museum, "book", book)
    row = museum.leaking("shows next word")
    assert row["mask"] == "shows next word"
    assert row["hits"] == [[round(n / 16, 4), round(n / 8, 4)] for n in range(1, 6)]
    assert museum.leaking("sound mask")["hits"][0] == [0.0625, 0.0]


def test_the_stored_leak_is_read_off_eight_places_by_every_seed():
    for row in load_results("museum")["leak"]:
        assert [len(shares) for shares in row["hits"]] == [8] * museum.SEEDS
    assert [row["mask"] for row in load_results("museum")["leak"]] == ["sound mask", "shows next word"]


def test_the_stored_museum_is_what_the_benchmark_makes():
    stored = load_results("museum")
    book = common.from_chapter("encoder/wrong-on-purpose", ("PARTS = {",))
    assert {(row["task"], row["encoder"]) for row in stored["rows"]} == {
        (task, name) for task in museum.STEPS for name in book["NAMES"]
    }
    for row in stored["rows"]:
        rates = museum.RATES[row["task"]]
        assert row["rate"] == rates[np.argmax(row["validation"])]
        assert {len(row[share]) for share in ("right", "padded", "changed")} == {museum.SEEDS}
        speaks = row["encoder"] in ("mask on the queries", "softmax over queries", "heads cut across")
        speaks |= row["encoder"] in ("mean counts padding", "last state is padding")
        assert (max(row["changed"]) > 0) is speaks, row["encoder"]
        if row["encoder"] == "no position" and row["task"] == "in order?":  # it cannot know
            assert np.abs(np.array(row["right"]) - 0.5).max() < 0.05


def test_the_writers_step_size_is_chosen_by_other_numbers_than_it_is_judged_by():
    class Model(torch.nn.Linear):
        def __init__(self, notes, hidden):
            super().__init__(1, 1)

    def train(model, seed, rate):
        model.rate = rate
        return model

    def examine(model, numbers):  # the test numbers, 3,001 to 5,000, would choose another rate
        best = 0.01 if numbers[0] == 5001 else 0.04
        return abs(model.rate - best), float(model.rate == best)

    book = {"KINDS": {"bag": 1}, "Model": Model, "train": train, "examine": examine, "batch": list}
    book |= {"order": range(1, 10_000), "unseen": range(3001, 5001), "asked": {"all": [7]}}
    row = writing.row(book, "bag")
    assert (row["rate"], row["parameters"]) == (0.01, 2)
    assert list(row["validation"]) == list(writing.RATES)
    assert row["right"] == row["spoken"]["all"] == [0] * writing.SEEDS


def test_the_stored_writers_are_what_the_benchmark_makes():
    stored = load_results("writing")
    book = common.from_chapter("encoder/encoder-decoder", ("def name(n)",))
    bags = {tuple(sorted(book["name"](n).split())) for n in range(1, 10_000)}
    for row in stored["rows"]:
        losses = {float(rate): loss for rate, (loss, _) in row["validation"].items()}
        assert tuple(losses) == writing.RATES
        assert min(losses, key=losses.get) == row["rate"]
        assert min(writing.RATES) < row["rate"] < max(writing.RATES)  # a better one may lie beyond
        assert {len(found) for found in (row["loss"], row["right"], *row["spoken"].values())} == {writing.SEEDS}
        if row["notes"] == "bag":  # its ceiling over all numbers, and three deviations of a sample of 2,000
            assert max(row["right"]) < len(bags) / 9_999 + 3 * (0.36 * 0.64 / 2000) ** 0.5


def test_the_stored_writers_of_every_shape_gain_where_presidents_speak_and_pay_elsewhere():
    stored = load_results("writing")
    plain = next(row for row in stored["rows"] if row["notes"] == "encoder–decoder")
    for text, before, sign in (("spoken", plain["spoken"]["all"], 1), ("evenly drawn", plain["right"], -1)):
        gains = [sign * (b - a) for a, b in zip(before, stored["shapes"][text], strict=True)]
        assert len(gains) == writing.SEEDS
        assert t_interval(gains)[0] > 0


# Who cannot but guess does so at any step size.
GUESSING = [("museum", "in order?", "no position"), ("order", "in order?", "bag of words")]


@pytest.mark.parametrize("name", ["bottleneck", "input_layer", "museum", "order", "writing"])
def test_no_step_size_is_the_smallest_or_the_largest_that_was_tried(name):
    """A border says nothing of what lies beyond it."""
    stored, seen = load_results(name), 0
    for part, rows in stored.items():
        for row in rows if isinstance(rows, list) else []:
            if "rate" not in row or (name, row.get("task", row.get("question")), row.get("encoder")) in GUESSING:
                continue
            tried = stored["settings"]["rates"]
            if isinstance(tried, dict):
                tried = tried[row.get("task", row.get("text", part))]
            assert len(row["validation"]) == len(tried)
            assert min(tried) < row["rate"] < max(tried), row
            seen += 1
    assert seen


def test_code_that_a_chapter_no_longer_has_is_named():
    with pytest.raises(ValueError, match=r"^wanted must stand in code cells of encoder/rnn, got \['def none\('\]$"):
        common.from_chapter("encoder/rnn", ("def bptt(", "def none("))


def test_the_input_layers_cells_have_all_names_that_they_use(monkeypatch):
    """All of them take too long to run here: ruff looks for names that neither they nor the benchmark define."""
    asked = {}
    monkeypatch.setattr(common, "from_chapter", lambda *cells, **given: asked.update(cells=cells, given=given))
    input_layer.chapter()
    (chapter, wanted), given = asked["cells"], ", ".join(asked["given"])
    cells = [
        c.source for c in jupytext.read(common.BOOK / f"{chapter}.py", fmt="py:percent").cells if c.cell_type == "code"
    ]
    source = "\n".join([f"from benchmark import {given}", *(c for c in cells if any(line in c for line in wanted))])
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "concise", "-"]
    found = subprocess.run(ruff, input=source, text=True, stdout=subprocess.PIPE).stdout
    assert found.strip() == "All checks passed!"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs parts a and b of a benchmark with the given arguments; the file of results."""
    monkeypatch.setattr(common, "RESULTS", tmp_path)

    def call(*arguments, job=None):
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *arguments])
        parts = {"a": lambda: [1, len(arguments)], "b": lambda: {"seconds": 2}}
        return common.run_parts("About.", "name", parts, ("torch",), {"rounds": 3}, job)

    return call


def test_parts_are_kept_beside_those_of_other_runs(run, tmp_path):
    run()
    results = run("a")
    assert results["a"] == [1, 1]
    assert results["b"] == {"seconds": 2}
    assert results["settings"] == {"rounds": 3}
    assert json.loads((tmp_path / "name.json").read_text("utf-8")) == results


def test_rows_that_a_part_stores_beside_its_own_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])

    def sweep():
        return common.resumed("name", "sweep rates", [{"rate": 0.1}], lambda job: job | {"score": 1})

    results = common.run_parts("About.", "name", {"sweep": sweep, "rest": list}, ("torch",), {})
    assert results["sweep rates"] == results["sweep"] == [{"rate": 0.1, "score": 1}]
    assert common.stored("name") == results


def test_an_unknown_part_is_refused_and_a_job_is_run_alone(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("a", "c")
    assert "part must be one of a, b, got c" in capsys.readouterr().err
    assert run("--job", "[1, 2]", job=sum) is None
    assert capsys.readouterr().out == "3\n"
    assert not list(tmp_path.iterdir())


def test_a_judge_has_no_say_in_the_step_size_at_which_it_judges():
    def row(rate, *scores, seed=1):
        marks = {judge: {"score": score} for judge, score in zip(word2vec.JUDGES, scores, strict=True)}
        return {"architecture": "cbow", "side": "gensim", "rate": rate, "seed": seed} | marks

    rows = [row(0.1, 0.9, 0.2, 0.2), row(0.2, 0.1, 0.4, 0.3), row(0.4, 0.8, 0.9, 0.9)]
    rows += [row(0.4, 0, 0, 0, seed=2) | {"diverged": True}]  # out, however good the other seed was
    assert [word2vec.best(rows, "cbow", "gensim", judge) for judge in word2vec.JUDGES] == [0.2, 0.1, 0.1]


def test_answers_are_kept_so_that_they_give_the_stored_scores():
    results = load_results("word2vec")
    known = results["known"]
    for row in results["race"]:
        for judge in ("wordsim-353", "simlex-999"):
            cosines = np.frombuffer(base64.b64decode(row[judge]["answers"]), "<i2")
            assert spearman(known[judge], cosines) == pytest.approx(row[judge]["score"], abs=2e-4)
        right = np.unpackbits(np.frombuffer(base64.b64decode(row["analogies"]["answers"]), np.uint8))
        assert right[: known["analogies"]].mean() == pytest.approx(row["analogies"]["score"], abs=1e-4)


def test_what_is_said_of_the_gap_between_two_skip_grams():
    """Word2vec at scale: gensim leads with every seed; no change gains half of it; one of six intervals is above 0."""
    stored = load_results("word2vec")
    pairs = {"architecture": "skip-gram", "rate": 0.05}
    race = {(row["side"], row["seed"]): row for row in stored["race"] if pairs.items() <= row.items()}
    leads = [
        race["gensim", s]["simlex-999"]["score"] - race["scratch", s]["simlex-999"]["score"] for s in word2vec.SEEDS
    ]
    assert min(leads) > 0
    scores = {(row["variant"], row["seed"]): row for row in stored["cause"]}
    assert scores.keys() == {(variant, seed) for variant in word2vec.VARIANTS for seed in word2vec.SEEDS}
    above = []
    for variant in list(word2vec.VARIANTS)[1:]:
        for judge in ("simlex-999", "analogies"):
            both = [[scores[v, s][judge]["score"] for v in (variant, "as it is")] for s in word2vec.SEEDS]
            gains = [changed - plain for changed, plain in both]
            above += [(variant, judge)] if t_interval(gains)[0] > 0 else []
            assert judge != "simlex-999" or np.mean(gains) < np.mean(leads) / 2
    assert above == [("half batches", "analogies")]


@pytest.mark.parametrize("path", sorted(Path(common.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_a_program_gives_no_function_of_its_own_another_meaning(path):
    """What stands under `if __name__ == "__main__":` shares its names with the functions above."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    mains = [node for node in tree.body if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)]
    stored = [
        n.id for main in mains for n in ast.walk(main) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    assert not functions & set(stored)
