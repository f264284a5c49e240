"""The benchmark of summaries: every arm learns, is judged by what it wrote, and is not trained twice."""

import json
from types import SimpleNamespace

import common
import pytest
import summarization
import torch
import writers
from rouge_score import rouge_scorer

from scratch.corpora import load_docstrings
from scratch.search import greedy
from scratch.text import pad

PACE = [{"arm": arm, "time": time} for arm, time in zip(summarization.ARMS, (1.0, 1.5, 2.0), strict=True)]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Few docstrings, narrow networks, few steps of training; the jobs that were run."""
    splits = [part[:n] for part, n in zip(load_docstrings(), (60, 8, 12), strict=True)]
    changes = {"load_docstrings": lambda: splits, "STEPS": 18, "SEEDS": 1, "EMBEDDING": 8, "HIDDEN": 8}
    changes |= {"WRITTEN": 12, "READ": 20}
    for name, value in changes.items():
        monkeypatch.setattr(summarization, name, value)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.keep("summarization", {"pace": PACE})
    jobs, run = [], summarization.run

    def noted(job):
        jobs.append(job)
        return json.loads(json.dumps(run(job)))

    monkeypatch.setattr(summarization, "run", noted)
    summarization.data.cache_clear()
    yield jobs
    summarization.data.cache_clear()


def test_every_arm_is_trained_once_and_judged_by_what_it_wrote(small, monkeypatch):
    rates = dict(zip(summarization.ARMS, (0.004, 0.005, 0.006), strict=True))
    monkeypatch.setattr(summarization, "chosen", lambda: rates)
    rows = summarization.seeds()
    assert [(row["arm"], row["seed"], row["rate"]) for row in rows] == [(arm, 0, rate) for arm, rate in rates.items()]
    references = [summary for _, _, summary, _ in summarization.load_docstrings()[2]]
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    for row in rows:
        for texts, scores in (("texts", "test"), ("looked-up texts", "looked up")):
            if texts in row:
                found = writers.texts(row, texts)
                theirs = [scorer.score(a, b) for a, b in zip(references, found, strict=True)]
                for kind, value in row[scores].items():
                    mean = 100 * sum(one[kind].fmeasure for one in theirs) / len(theirs)
                    assert value == pytest.approx(mean, abs=0.006)
        assert ("looked-up texts" in row) == (row["arm"] == "body")
    assert [row["steps"] for row in rows] == [18, 12, 9]  # what a step costs, each pays for
    assert summarization.seeds() == rows
    assert len(small) == len(rows)  # nothing was trained again
    assert json.loads((common.RESULTS / "summarization.json").read_text("utf-8")) == {"pace": PACE, "seeds": rows}


def test_what_is_learnt_from_the_test_packages_is_not_asked(small, monkeypatch):
    train, _, test = summarization.load_docstrings()
    learnt, asked = summarization.halves(test)
    assert sorted(learnt + asked) == list(range(len(test)))
    book = summarization.Data(named=False, seen=True)
    assert book.splits["test"] == [test[i] for i in asked]
    assert len(book.splits["train"]) == len(train)
    assert all(test[i] in book.splits["train"] for i in learnt)
    assert not any(test[i] in book.splits["train"] for i in asked)
    monkeypatch.setattr(summarization, "chosen", lambda: dict.fromkeys(summarization.ARMS, 0.005))
    (row,) = summarization.seen()
    assert len(writers.texts(row)) == len(asked)


def test_a_name_is_cut_into_its_words():
    assert summarization.parts("Graph.add_edges_from") == ["graph", "add", "edges", "from"]
    assert summarization.parts("GDALRaster.toHTML2") == ["gdal", "raster", "to", "html2"]


def test_a_body_is_read_with_its_name_and_a_colon_or_without(small):
    row = ("Graph.add_edge", "Nodes are Added.", "Add an edge.", "networkx.classes")
    assert summarization.Data(named=True).read(row) == ["graph", "add", "edge", ":", "nodes", "are", "added"]
    assert summarization.Data(named=False).read(row) == ["nodes", "are", "added"]


def test_the_word_looked_at_has_the_largest_weight(small):
    torch.manual_seed(0)
    book = summarization.Data(named=False)
    model = summarization.make(book, points=False)
    ids, lengths = pad([[5, 6, 7], [8, 9]])
    written = greedy(model, ids, lengths, 4)
    seen, attend = [], model.decoder.attention.forward

    def noted(*arguments, **more):
        context, weights = attend(*arguments, **more)
        seen.append(weights[:, 0])
        return context, weights

    model.decoder.attention.forward = noted  # step by step, as the summary was written
    state, tokens = model.start(ids, lengths), torch.tensor([2, 2])
    for step in range(4):
        _, state = model.step(tokens, state)
        tokens = torch.tensor([text[step] if step < len(text) else 3 for text in written])
    model.decoder.attention.forward = attend
    places = summarization.looked_at(model, ids, lengths, written)
    for i, text in enumerate(written):
        assert places[i] == [weights[i].argmax().item() for weights in seen[: len(text)]]


def test_a_pace_is_in_units_of_the_first_arm(small, monkeypatch):
    clock, costs = SimpleNamespace(now=0.0), dict(zip(summarization.ARMS.values(), (2.0, 3.0, 5.0), strict=True))
    books = {named: summarization.data(named, False) for named in (False, True)}

    def fitted(model, rows, loss, rate, seed, limit, average):
        named = model.encoder.embedding.num_embeddings == len(books[True].vocabulary)
        points = isinstance(model, summarization.CopyingEncoderDecoder)
        clock.now += limit["steps"] * costs[named, points] * (9 if seed == 3 else 1)  # one round is disturbed

    monkeypatch.setattr(summarization, "fitted", fitted)
    monkeypatch.setattr(writers, "time", SimpleNamespace(process_time=lambda: clock.now))
    assert [row["time"] for row in summarization.pace()] == [1.0, 1.5, 2.5]


def test_without_a_pace_nothing_is_trained(monkeypatch, tmp_path):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match="run the part pace first"):
        summarization.rates()


def test_a_step_size_is_sought_beyond_the_border(monkeypatch):
    bests = dict(zip(summarization.ARMS, (0.01, 0.00125, 0.04), strict=True))

    def trained(part, jobs):
        return [job | {"validation": {"rouge1": -abs(job["rate"] - bests[job["arm"]])}} for job in jobs]

    monkeypatch.setattr(summarization, "trained", trained)
    monkeypatch.setattr(common, "stored", lambda _: {"pace": PACE})
    assert summarization.chosen() == bests
