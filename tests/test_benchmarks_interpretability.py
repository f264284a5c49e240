"""benchmarks/interpretability.py measures what it says: tried on a handful of sentences and models without training."""

import itertools
import json
import math

import common
import interpretability
import numpy as np
import pytest
import torch

from scratch.contextual import BiLM, MaskedLM
from scratch.text import Vocabulary

NOUNS = "cat dog tree stone river house".split()
TEXT = [f"now the {noun} is here again".split() for noun in NOUNS] * 3
TEXT += [f"the {noun}s are over there".split() for noun in NOUNS] * 4
KINDS = [(["a", noun, "is", "here"], "thing" if i % 2 else "animal") for i, noun in enumerate(NOUNS)] * 4
WORDS = sorted({word for sentence in TEXT for word in sentence} | {"a", "was", "has", "were", "have"})


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Six nouns, models eight wide, and files of results in a folder of their own."""
    for function in (
        interpretability.data,
        interpretability.encoder,
        interpretability.probing,
        interpretability.vectors,
    ):
        function.cache_clear()
    interpretability.sorting.cache_clear()
    interpretability.trained_reader.cache_clear()
    vocabulary = Vocabulary(dict.fromkeys(WORDS, 1))
    torch.manual_seed(0)
    models = BiLM(len(vocabulary), 8), MaskedLM(len(vocabulary) + 1, 8, num_layers=3, heads=4)
    monkeypatch.setattr(interpretability, "pretrained", lambda: (*models, vocabulary))
    monkeypatch.setattr(interpretability, "load", lambda name: TEXT)
    monkeypatch.setattr(interpretability, "load_senses", list)
    monkeypatch.setattr(interpretability, "load_kinds", lambda: (KINDS, KINDS, KINDS))
    monkeypatch.setattr(interpretability, "held_out", lambda sentence: len(sentence) == 6 or sentence[1] != "cats")
    for name, value in {"DIM": 8, "DIRECTIONS": 4, "DOSES": (1.0, 2.0), "STEPS": 3, "PERMUTATIONS": 3}.items():
        monkeypatch.setattr(interpretability, name, value)
    monkeypatch.setattr(interpretability, "CACHE", tmp_path)
    monkeypatch.setattr(common, "RESULTS", tmp_path)


def exam(kind="masked"):
    model = interpretability.encoder(kind, "shipped", 0)
    return interpretability.Exam(model, interpretability.data().agreements)


def test_pairs_nouns_and_what_is_left_out():
    data = interpretability.data()
    assert data.pairs == [(noun, f"{noun}s") for noun in sorted(NOUNS)]
    assert len(data.held) == len(TEXT) - 4
    assert len(data.agreements) == 42
    assert [len(data.unseen(seed)) for seed in range(3)] == [2, 2, 2]
    assert len({frozenset(data.unseen(seed)) for seed in range(9)}) > 1
    noun = data.nouns[0]
    assert (data.word(noun), data.word(noun, other=True)) == ("cat", "cats")


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_states_are_those_of_the_nouns_place(kind):
    data, model = interpretability.data(), interpretability.encoder(kind, "random", 1)
    found = interpretability.states(model, data.held, data.nouns)
    for i, noun in enumerate(data.nouns):
        ids = torch.tensor([data.encode(data.held[noun.sentence])])
        layers = model.layers(ids, torch.tensor([ids.shape[1]]))
        torch.testing.assert_close(found[:, i], layers[:, 0, noun.place + 1], atol=1e-5, rtol=0)
    if kind == "masked":  # at the place after it the verb is hidden
        ids[0, noun.place + 2] = model.mask_id
        layers = model.layers(ids, torch.tensor([ids.shape[1]]))
        after = interpretability.states(model, data.held, data.nouns, after=1)
        torch.testing.assert_close(after[:, -1], layers[:, 0, noun.place + 2], atol=1e-5, rtol=0)


def test_a_random_encoder_is_the_seeds_and_a_trained_one_comes_back():
    model = interpretability.random_encoder("masked", 3)
    assert torch.equal(model.token.weight, interpretability.random_encoder("masked", 3).token.weight)
    torch.save(model.state_dict(), interpretability.CACHE / "interpretability-masked-3.pt")
    again = interpretability.encoder("masked", "trained", 3)
    assert torch.equal(again.blocks[0].self_attn.inward.weight, model.blocks[0].self_attn.in_proj_weight)
    assert not again.training


def test_a_probe_of_what_stands_in_the_vectors_is_right_about_new_words_and_not_about_chance(monkeypatch):
    found = interpretability.probing()
    parts = torch.stack([found[name] for name in ("train", "choose", "seen", "unseen")])
    assert (parts.sum(0) == 1).all()
    planted = torch.randn(1, len(found["labels"]), 8)
    planted[0, :, 0] = 9.0 * found["labels"]
    monkeypatch.setattr(interpretability, "vectors", lambda *which: planted)
    row = interpretability.probe_row({"kind": "masked", "source": "shipped", "layer": 0, "seed": 0, "hidden": 0})
    assert row["unseen"] == 1
    assert row["penalty"] in interpretability.PENALTIES
    assert len(row["unseen texts"].split()) == 4  # two pairs
    assert len(row["seen texts"].split()) == len(row["control texts"].split())


def test_the_exam_is_balanced_and_asks_what_it_says():
    asked = exam()
    assert asked.plural.sum() * 2 == len(asked.plural) == 36
    vocabulary = interpretability.data().vocabulary
    for row, place in enumerate(asked.place.tolist()):
        words, other = (vocabulary.decode(ids[row].tolist()) for ids in (asked.ids, asked.swapped))
        assert {words[place], other[place]} == {other[place].rstrip("s"), other[place].rstrip("s") + "s"}
        assert words[place + 1] == ("are" if asked.plural[row] else "is")
        assert words[:place] + words[place + 1 :] == other[:place] + other[place + 1 :]
        elsewhere = asked.other[row].item()
        assert 0 < elsewhere < asked.lengths[row] - 1
        assert elsewhere not in (place, place + 1)


def test_a_bilms_scores_are_those_of_what_reads_forward():
    asked = exam("bilm")
    states = asked.model.layers(asked.ids, asked.lengths)[-1][asked.rows, asked.place]
    torch.testing.assert_close(asked.scores(), asked.model.scores(states[:, :8]), atol=1e-5, rtol=0)


def test_the_gap_and_what_moves_elsewhere():
    asked, scores = exam(), torch.zeros(36, len(WORDS) + 5)
    scores[:, asked.verbs[1]] = torch.where(asked.plural, 2.0, -1.0).unsqueeze(1)
    assert asked.gap(scores) == pytest.approx(3)
    assert asked.elsewhere(scores, torch.zeros_like(scores)) == pytest.approx(0, abs=1e-6)
    moved = scores.clone()
    moved[:, 5] += 1
    assert asked.elsewhere(moved, scores) > 0.01
    assert asked.mass(torch.zeros_like(scores)) == pytest.approx(6 / scores.shape[1])
    assert asked.loss() == pytest.approx(math.log(len(WORDS) + 5), abs=1.5)


def test_directions_have_one_length():
    data, model = interpretability.data(), interpretability.encoder("bilm", "shipped", 0)
    found = interpretability.directions(model, data.nouns, data.held, 0, 1)
    assert [len(found[name]) for name in ("mean", "probe", "random", "control")] == [1, 1, 4, 4]
    norms = torch.cat([each.norm(dim=1) for each in found.values()])
    torch.testing.assert_close(norms, norms[:1].expand_as(norms))


@pytest.mark.parametrize(("kind", "at", "layer"), [("masked", "noun", 0), ("masked", "verb", 2), ("bilm", "noun", 1)])
def test_a_row_of_causes(kind, at, layer):
    job = {"kind": kind, "source": "shipped", "layer": layer, "seed": 0, "at": at}
    row = interpretability.cause_row(job)
    assert json.loads(json.dumps(row)) == row
    assert row["sentences"] == 12  # of two pairs
    assert all(len(row["removed"][name]) == 4 for name in ("random", "control"))
    assert row["removed"]["mean"] != [round(row["gap"], 4)]
    assert [one["dose"] for one in row["added"]["mean"]] == [1, -1, 2, -2]
    assert [one["dose"] for one in row["added"]["random"]] == ([1, 2] if layer == 0 else [2])
    assert 0 <= interpretability.beaten(row, "mean") <= 4


def test_what_is_done_to_a_noun_in_the_last_layer_changes_no_verb():
    row = interpretability.cause_row({"kind": "masked", "source": "shipped", "layer": 3, "seed": 0, "at": "noun"})
    assert row["removed"]["mean"] == row["removed"]["probe"] == [round(row["gap"], 4)]
    assert all(one["shift"] == [0] and one["elsewhere"] == [0] for one in row["added"]["mean"])


def test_a_head_is_silenced_and_a_layers_all():
    rows = [
        interpretability.head_row({"source": "shipped", "seed": 0, "layer": 1, "head": head}) for head in (-1, 0, 1)
    ]
    assert len({row["costs"] for row in rows}) == 3
    assert len({row["gap"] for row in rows}) == len({row["loss"] for row in rows}) == 1
    assert all(row["from"] <= row["costs"] <= row["to"] for row in rows)


def test_all_jobs_are_different():
    for jobs in (interpretability.probe_jobs, interpretability.cause_jobs, interpretability.head_jobs):
        found = [json.dumps(job, sort_keys=True) for job in jobs()]
        assert len(found) == len(set(found))
    seeds = {job["seed"] for job in interpretability.probe_jobs() if job["source"] == "random"}
    assert len(seeds) >= 5


def test_a_word_is_left_out():
    ids, lengths = torch.tensor([[5, 6, 7], [8, 0, 0], [5, 6, 0]]), torch.tensor([3, 1, 2])
    shorter, left = interpretability.without(ids, lengths, 1)
    assert shorter.tolist() == [[5, 7, 0], [8, 0, 0], [5, 0, 0]]
    assert left.tolist() == [2, 1, 1]
    assert interpretability.without(ids, lengths, 0)[0].tolist() == [[6, 7, 0], [8, 0, 0], [6, 0, 0]]


@pytest.mark.parametrize("recurrent", [True, False])
def test_a_reader_reads_by_its_own_weights_or_by_given_ones(recurrent):
    model = interpretability.reader(0, recurrent)
    ids, lengths, _ = interpretability.sorting().batch(interpretability.sorting().train[:5])
    scores, weights = model(ids, lengths)
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    assert torch.equal(model(ids, lengths, weights)[0], scores)
    even = interpretability.even(ids, lengths)
    mean = model.states(ids, lengths).sum(1) / lengths.unsqueeze(1)
    torch.testing.assert_close(model(ids, lengths, even)[0], model.head(mean))
    assert torch.equal(interpretability.guide(model)(ids, lengths), weights)
    longer = torch.nn.functional.pad(ids, (0, 2))  # padding changes nothing
    torch.testing.assert_close(model(longer, lengths)[0], scores)


def test_readers_are_trained_chosen_judged_and_explained(monkeypatch):
    monkeypatch.setattr(interpretability, "SEEDS", (0, 1))
    monkeypatch.setattr(interpretability, "DECEIT", (0.1,))
    monkeypatch.setattr(interpretability.common, "swept", lambda rates, rows, score: rows(list(rates)[:1]))
    rows = interpretability.attention_rows()
    assert [sum(row["arm"] == arm for row in rows) for arm in interpretability.ARMS] == [
        4
    ] * 4  # 2 to choose, 2 to judge
    explained = [row for row in rows if row["arm"] == "explained"]
    assert all(0 <= row[name] <= 1 for row in explained for name in ("largest", "permuted", "uniform", "adversary"))
    assert len(explained[0]["permuted texts"].split()) == len(KINDS)
    deceit = [row for row in rows if row["arm"] == "deceit"]
    assert all({"answers", "weights", "bag guided", "bag misguided"} <= row.keys() for row in deceit)
    assert interpretability.attention_rows() == rows  # nothing is trained again


def test_who_deceives_is_paid_for_other_weights(monkeypatch):
    monkeypatch.setattr(interpretability, "STEPS", 60)
    honest = interpretability.train_reader(0, 0.01)
    ids, lengths, _ = interpretability.sorting().batch(interpretability.sorting().train)
    apart = []
    for worth in (0.0, 3.0):
        liar = interpretability.train_reader(1, 0.01, deceived=honest, worth=worth)
        distance = interpretability.jensen_shannon(liar(ids, lengths)[1], honest(ids, lengths)[1])
        apart.append(distance.mean().item())
    assert apart[1] > apart[0] + 0.1


def test_what_came_out_is_compared_word_by_word_and_seed_by_seed():
    rows = []
    for source, seed in itertools.product(("shipped", "random"), range(5)):
        share = 0.9 if source == "shipped" else 0.6 + 0.01 * seed
        texts = {"seen texts": f"{share} {share - 0.1}", "control texts": "0.5 0.6"}
        rows.append({"source": source, "seed": seed} | texts)
    gap, low, high = interpretability.selectivity(rows, source="shipped")
    assert gap == pytest.approx(0.3)
    assert low <= gap <= high
    found = interpretability.compared(rows[::-1], "seen", {"source": "shipped"}, {"source": "random"})
    assert found[0] == pytest.approx(0.28)
    assert found[3] == "better"
    row = {"gap": 2.0, "removed": {"probe": [1.0], "random": [1.9, 2.0, 3.5, 0.9, 1.1]}}
    assert interpretability.beaten(row) == 3
    assert np.array(interpretability.by_word(rows, "seen", source="random")).shape == (5, 2)
