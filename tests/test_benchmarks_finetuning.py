"""benchmarks/finetuning.py trains what it says, chooses off the judge, goes on where it was, and compares in pairs."""

import copy
import itertools
import json
from collections import Counter

import common
import finetuning
import numpy as np
import pytest
import torch

from scratch.contextual import MaskedLM
from scratch.text import Vocabulary

WORDS = "a dog cat rose tulip that barks purrs smells blooms in spring at night".split()
ANIMALS = [f"a {x} that {y} {z}".split() for x in ("dog", "cat") for y in ("barks", "purrs") for z in ("", "at night")]
PLANTS = [
    f"a {x} that {y} {z}".split() for x in ("rose", "tulip") for y in ("smells", "blooms") for z in ("", "in spring")
]
ROWS = [(words, "animal") for words in ANIMALS] + [(words, "plant") for words in PLANTS]
ADAPTED = [method for method in finetuning.METHODS if method not in finetuning.BASELINES]


@pytest.fixture(scope="module")
def data():
    """Two kinds of eight definitions each, and a masked model that has not been trained."""
    with pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        vocabulary = Vocabulary(dict.fromkeys(WORDS, 1))
        model = MaskedLM(len(vocabulary) + 1, 8, num_layers=2, heads=2)
        patch.setattr(finetuning, "pretrained", lambda: (None, model.eval(), vocabulary))
        patch.setattr(finetuning, "load_kinds", lambda: (ROWS, ROWS, ROWS))
        patch.setattr(finetuning, "load", lambda name: [*ANIMALS, *PLANTS])
        patch.setattr(finetuning, "held_out", lambda words: len(words) == 4)
        patch.setattr(finetuning, "load_senses", lambda: [("dog", "pet", "wordnet", ANIMALS[0])])
        return finetuning.Data()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(finetuning, "PASSES", {8: 3})


def test_labels_are_drawn_in_one_order_and_never_what_the_model_has_not_read(data):
    assert (len(data.train), len(data.unread)) == (8, 8)
    assert {len(words) for words, _ in data.unread} == {4}
    assert data.kinds == ["animal", "plant"]
    assert data.read_test == [len(words) != 4 for words, _ in ROWS]
    assert data.labels(3, seed=1) == data.labels(8, seed=1)[:3]
    assert data.labels(8, seed=1) != data.labels(8, seed=2)
    assert Counter(map(str, data.labels(8, seed=2))) == Counter(map(str, data.train))
    held = [ids for batches in data.held.values() for ids, _ in batches]
    assert [ids.shape for ids in held] == [(7, 6)] * 3  # without the sentence whose sense is labelled, with two marks


def test_an_opened_model_computes_what_it_did():
    torch.manual_seed(1)
    model = MaskedLM(20, 8, num_layers=2, heads=2)
    ids, lengths = torch.randint(4, 19, (3, 5)), torch.tensor([5, 2, 4])
    expected = model.layers(ids, lengths)
    opened = finetuning.opened(copy.deepcopy(model))
    torch.testing.assert_close(opened.layers(ids, lengths), expected, atol=1e-5, rtol=0)
    weights = [sum(p.numel() for p in one.parameters()) for one in (opened, model)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("method", ADAPTED)
def test_a_method_trains_the_weights_it_says_and_no_others(data, short, method):
    before = finetuning.prepared(data, method, seed=4)[0].state_dict()
    model, count = finetuning.finetuned(data, method, data.labels(8, 4), rate=0.01, seed=4)
    moved = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    head = {"head.weight", "head.bias"}
    biases = {name for name in sizes if name.endswith("bias") or "norm" in name} - {"body.bias"}
    thin = {name for name in sizes if name[-2:] in (".A", ".B")}
    expected = {"head only": head, "norms and biases": biases | head}.get(method, set(sizes) - {"body.bias"})
    if method.startswith("LoRA"):
        assert len(thin) == 2 * 2 * 4  # two matrices each for the four layers of two blocks
        expected = thin | head
    assert head <= moved <= expected
    assert count == sum(sizes[name] for name in expected)
    # a key's bias moves nothing that softmax lets through; else all that may move does
    assert expected - moved <= {name for name in sizes if name.endswith(("inward.bias", "segment.weight"))}


def test_lower_layers_take_smaller_steps(data):
    model, groups = finetuning.prepared(data, "discriminative rates", seed=0)
    assert [group["lr"] for group in groups] == pytest.approx([1, 1 / 2.6, 1 / 2.6**2, 1 / 2.6**3])
    assert model.head.weight is groups[0]["params"][0]
    assert groups[1]["params"][0] is model.body.blocks[1].self_attn.inward.weight
    assert model.body.token.weight is groups[3]["params"][0]
    weights = [id(weight) for group in groups for weight in group["params"]]
    assert len(weights) == len(set(weights)) == len(list(model.parameters())) - 1  # all but the bias of the words


def test_from_random_begins_elsewhere_and_all_heads_alike(data):
    bodies = {method: finetuning.prepared(data, method, seed=7)[0] for method in ADAPTED}
    old = data.model.token.weight
    for method, model in bodies.items():
        assert torch.equal(model.body.token.weight, old) is ("random" not in method)
    heads = [model.head.weight for method, model in bodies.items() if "random" not in method]
    assert all(torch.equal(head, heads[0]) for head in heads)


def test_a_step_is_a_groups_own(monkeypatch):
    x, y = (torch.nn.Parameter(torch.tensor(0.0)) for _ in range(2))
    batches = [torch.tensor([0])] * 20
    finetuning.tune([{"params": [x], "lr": 1.0}, {"params": [y], "lr": 0.1}], lambda _: x + y, batches, rate=0.01)
    steps = sum(min((i + 1) / 2, (20 - i) / 19) for i in range(20))  # it rises over two steps, then falls
    assert (x.item(), y.item()) == pytest.approx((-0.01 * steps, -0.001 * steps), rel=1e-4)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_base_comes_back_to_the_bit_and_only_then(data, short, monkeypatch, rank):
    model, _ = finetuning.prepared(data, f"LoRA, rank {rank}", seed=0)
    ids, lengths = data.held["wordnet"][0]
    assert torch.equal(model.body.layers(ids, lengths), data.model.layers(ids, lengths))  # at first, to the bit
    model, _ = finetuning.finetuned(data, f"LoRA, rank {rank}", data.labels(8, 0), rate=0.05, seed=0)
    assert not torch.equal(model.body.layers(ids, lengths), data.model.layers(ids, lengths))
    assert finetuning.losses(data, model.body) != finetuning.losses(data, data.model)
    back = finetuning.without(model.body)
    assert finetuning.same(data, back)
    with torch.no_grad():
        back.blocks[1].linear2.bias[0] += 1e-6
    assert not finetuning.same(data, back)


def test_forgetting_is_measured_with_the_old_output_layer(data, monkeypatch):
    before = finetuning.losses(data, data.model)
    generator, expected = torch.Generator().manual_seed(0), []
    for ids, lengths in data.held["wordnet"]:
        inputs, labels = finetuning.mask_tokens(ids, data.model.mask_id, generator)
        expected.append(data.model.losses(inputs, lengths, labels))
    assert before["wordnet"] == pytest.approx(torch.cat(expected).mean().item(), abs=6e-5)
    body = copy.deepcopy(data.model)
    with torch.no_grad():
        body.bias += 3
        body.last_norm.weight.zero_()
    assert finetuning.losses(data, body) == before
    with torch.no_grad():
        body.token.weight.zero_()
    assert finetuning.losses(data, body) != before


def test_every_pass_has_every_row_once_beside_rows_of_its_length():
    lengths = torch.randint(3, 30, (100,), generator=torch.Generator().manual_seed(0)).tolist()
    batches = finetuning.order(lengths, passes=3, seed=5)
    assert [len(b) for b in batches].count(32) == 9
    for i in range(3):
        assert sorted(torch.cat(batches[4 * i : 4 * i + 4]).tolist()) == list(range(100))
    spans = [[lengths[i] for i in batch.tolist()] for batch in batches]
    assert max(max(span) - min(span) for span in spans) < 15
    again, other = (finetuning.order(lengths, 3, seed) for seed in (5, 6))
    assert all(map(torch.equal, batches, again))
    assert not all(torch.equal(a, b) for a, b in zip(batches, other, strict=True) if len(a) == len(b))


def test_what_is_read_by_length_comes_back_in_order(data):
    ids = data.ids(ROWS)
    found = finetuning.read(lambda ids, lengths: lengths * 100 + ids[:, 2], ids)
    assert found.tolist() == [len(one) * 100 + one[2] for one in ids]


def counted(text):
    """A unit vector of 384 numbers that says which words stand in the text."""
    vector = np.array([word in text.split() for word in WORDS] + [0] * (384 - len(WORDS)), dtype=float)
    return vector / np.linalg.norm(vector)


def test_minilms_vectors_are_computed_once(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(finetuning.MiniLM, "file", tmp_path / "cache" / "minilm.npz")
    monkeypatch.setattr(finetuning.MiniLM, "read", lambda self, texts: asked.extend(texts) or np.eye(384)[: len(texts)])
    first, second = (finetuning.MiniLM().vectors(rows) for rows in (ROWS[:2], [ROWS[5], ROWS[1]]))
    assert sorted(asked) == sorted(" ".join(ROWS[i][0]) for i in (0, 1, 5))
    assert (first[1] == second[1]).all()
    assert first.var() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("method", finetuning.METHODS)
def test_each_method_learns_and_is_judged(data, monkeypatch, tmp_path, method):
    monkeypatch.setattr(finetuning, "PASSES", {8: 60})
    monkeypatch.setattr(finetuning, "skip_gram", lambda: dict(zip(WORDS, np.eye(len(WORDS)), strict=True)))
    monkeypatch.setattr(finetuning.MiniLM, "file", tmp_path / "minilm.npz")
    monkeypatch.setattr(finetuning.MiniLM, "read", lambda self, texts: np.array([counted(text) for text in texts]))
    rate = None if method == "majority" else 30 if "regression" in method else 0.03 if method != "naive Bayes" else 1
    found = finetuning.row(data, method, 8, rate, seed=0)
    right = finetuning.unpacked(found["right"], len(ROWS))
    assert found["accuracy"] == right.mean()
    assert found["accuracy"] == 0.5 if method == "majority" else found["accuracy"] >= 0.75
    assert (found["seed"], found["rate"]) == (0, rate)
    assert ("parameters" in found) is (method in ADAPTED)
    assert ("loss" in found) is (method in ADAPTED and "random" not in method)
    assert found.get("base") is (True if method.startswith("LoRA") else None)
    chosen = finetuning.row(data, method, 8, rate, seed=finetuning.CHOOSING[0])
    assert set(chosen) - {"parameters"} == {"method", "rate", "seed", "validation"}


def run(monkeypatch, tmp_path, good, method="all weights"):
    """The rows of a method that is right most often at the rate `good`, and the rates and seeds that were trained."""
    asked = []

    def row(data, method, count, rate, seed):
        asked.append((rate, seed))
        found = {"method": method, "rate": rate, "seed": seed}
        share = 0.9 if rate == good else 0.5 / (1 + abs(np.log((rate or 1) / good)))
        # the test would choose another rate
        return found | ({"validation": share} if seed >= 100 else {"accuracy": 1 - share, "right": "ff"})

    monkeypatch.setattr(finetuning, "row", row)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    return finetuning.part(lambda: None, 30, (method,)), asked


@pytest.mark.parametrize(
    ("good", "rates"),
    [
        (0.001, [0.0003, 0.001, 0.003]),
        (0.003, [0.0003, 0.001, 0.003, 0.01]),
        (0.03, [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]),
        (0.0001, [0.0003, 0.001, 0.003, 0.0001, 0.00003]),
    ],
)
def test_a_rate_is_chosen_by_other_seeds_than_it_is_judged_by(monkeypatch, tmp_path, good, rates):
    rows, asked = run(monkeypatch, tmp_path, good)
    choosing = [(rate, seed) for rate, seed in asked if seed in finetuning.CHOOSING]
    assert choosing == [(rate, seed) for rate in rates for seed in finetuning.CHOOSING]
    assert asked[len(choosing) :] == [(good, seed) for seed in finetuning.JUDGED]
    assert finetuning.best(rows, "all weights") == good
    assert not set(finetuning.CHOOSING) & set(finetuning.JUDGED)
    assert [one["seed"] for one in finetuning.judged(rows, "all weights")] == list(finetuning.JUDGED)


def test_what_is_stored_is_not_trained_again(monkeypatch, tmp_path):
    rows, asked = run(monkeypatch, tmp_path, good=0.003)
    file = tmp_path / "finetuning.json"
    assert json.loads(file.read_text("utf-8")) == {"30": rows}
    assert run(monkeypatch, tmp_path, good=0.003) == (rows, [])
    for cut in (1, 5, len(rows) - 2):
        file.write_text(json.dumps({"before": 1, "30": rows[:cut]}), "utf-8")
        assert run(monkeypatch, tmp_path, good=0.003) == (rows, asked[cut:])
        assert json.loads(file.read_text("utf-8")) == {"before": 1, "30": rows}
    assert run(monkeypatch, tmp_path, 0.003, "majority")[1] == [(None, seed) for seed in finetuning.JUDGED]


def test_a_difference_is_that_of_the_same_items_and_seeds():
    rng = np.random.default_rng(0)
    first = rng.random((5, 3000)) < 0.7
    second = first & (rng.random((5, 3000)) < 0.98)  # 1.4 points less, far below the spread of either
    other = rng.random((5, 3000)) < 0.7
    rows = []
    for method, rights in (("head only", first), ("all weights", second), ("majority", other)):
        rows.append({"method": method, "rate": 1, "seed": 100, "validation": 0.5})
        for seed in rng.permutation(5).tolist():
            rows.append({"method": method, "rate": 1, "seed": seed, "right": finetuning.packed(rights[seed])})
    gain, low, high, said = finetuning.compare(rows, "head only", "all weights")
    assert (gain, said) == (pytest.approx(first.mean() - second.mean()), "better")
    assert 0.005 < low < gain < high < 0.025
    assert finetuning.compare(rows, "all weights", "head only")[3] == "worse"
    assert finetuning.compare(rows, "head only", "majority")[3] == "not distinguishable"


def test_bits_are_packed_and_unpacked():
    right = np.random.default_rng(0).random(3000) < 0.5
    assert len(finetuning.packed(right)) == 750
    assert (finetuning.unpacked(finetuning.packed(right)) == right).all()


STORED = common.RESULTS / "finetuning.json"


@pytest.mark.skipif(not STORED.exists(), reason="the benchmark has not been run")
def test_the_stored_rows_are_what_the_benchmark_makes():
    stored = json.loads(STORED.read_text("utf-8"))
    for count in finetuning.PASSES:
        rows = stored.get(str(count), [])
        choosing, judged = finetuning.seeds(count)
        for method in {row["method"] for row in rows}:
            found = finetuning.judged(rows, method)
            assert [row["seed"] for row in found] == list(judged)[: len(found)]
            if method in finetuning.RATES and found:
                tried = finetuning.scores(rows, method)
                assert min(tried) < found[0]["rate"] < max(tried)  # a better one may lie beyond a border
                seeds = {row["seed"] for row in rows if "validation" in row and row["method"] == method}
                assert seeds == set(choosing)
            for row in found:
                assert row["accuracy"] == pytest.approx(finetuning.unpacked(row["right"]).mean(), abs=1e-4)
                assert row.get("base", True)


# --- What the chapter says --------------------------------------------------------------------------------------------

SAME, LORA = "not distinguishable", [f"LoRA, rank {rank}" for rank in (1, 4, 16)]
REGRESSION = ", logistic regression"
WORDS_ONLY = [name + REGRESSION for name in ("skip-gram", "skip-gram of 5,000 words", "MiniLM")]
TUNED = ["norms and biases", *LORA, "discriminative rates", "all weights"]
SAID = {  # what the chapter says, and the comparisons on which it rests: labels, first, second, what the first is
    "With thirty labels the same network from random weights is far behind, behind a bag of words even.": [
        (30, "all weights", "all weights, from random", "better"),
        (30, f"tf-idf{REGRESSION}", "all weights, from random", "better"),
    ],
    "is right more often than anything that we fine-tuned.": [
        (300, f"skip-gram{REGRESSION}", method, "better") for method in ("head only", *TUNED)
    ],
    "fitted to the end, it is right as often (*frozen*).": [
        (count, "head only", f"frozen{REGRESSION}", SAME) for count in (30, 300)
    ],
    "the next table will not call a lead.": [(300, "LoRA, rank 4", f"skip-gram of 5,000 words{REGRESSION}", SAME)],
    "is ahead from 300 labels on, with a mere regression on top.": [
        (count, f"MiniLM{REGRESSION}", method, "better")
        for count in (300, 3000)
        for method in ("head only", *TUNED, *WORDS_ONLY[:2])
    ],
    "At thirty labels the head alone cannot be told from LoRA": [(30, "head only", method, SAME) for method in LORA],
    "Nor can the ranks be told from one another": [(30, a, b, SAME) for a, b in itertools.combinations(LORA, 2)],
    "nor LoRA from the word vectors, nor from MiniLM": [(30, a, b, SAME) for a in LORA for b in WORDS_ONLY],
    "all weights in equal steps do worse than in unequal ones, and worse than LoRA 4.": [
        (30, "all weights", method, "worse") for method in ("discriminative rates", "LoRA, rank 4")
    ],
    "At 300 labels the head has fallen behind.": [
        (300, "head only", method, "worse") for method in TUNED if method != "LoRA, rank 16"
    ],
    "and cannot be told from rank 4, nor from norms and biases, nor from all weights, in equal steps or in unequal": [
        (300, "LoRA, rank 1", method, SAME)
        for method in ("LoRA, rank 4", "norms and biases", "all weights", "discriminative rates")
    ],
    "rank 16 is worse than rank 1.": [
        (300, "LoRA, rank 16", "LoRA, rank 1", "worse"),
    ],
    "All weights, in equal steps or in unequal, are better than LoRA of rank 1 and of rank 4": [
        (3000, method, lora, "better") for method in ("all weights", "discriminative rates") for lora in LORA[:2]
    ],
    "rank 16 is better than rank 1: with more labels": [(3000, "LoRA, rank 16", "LoRA, rank 1", "better")],
    "Word vectors (of all words), MiniLM and even tf-idf's bag of words are better than LoRA of rank 4.": [
        (3000, f"{name}{REGRESSION}", "LoRA, rank 4", "better") for name in ("skip-gram", "MiniLM", "tf-idf")
    ],
    "The head is worse than logistic regression on the very same vectors": [
        (3000, "head only", f"frozen{REGRESSION}", "worse")
    ],
    "With thirty labels our LoRA of rank 4 forgets less than all weights do, and learns more": [
        (30, "LoRA, rank 4", "all weights", "better"),
    ],
}


def said():
    """The chapter's prose, as one line."""
    lines = (common.BOOK / "uses" / "fine-tuning.py").read_text("utf-8").splitlines()
    return " ".join(" ".join(line.removeprefix("#") for line in lines).split())


@pytest.mark.parametrize("sentence", SAID)
def test_the_chapter_says_what_the_intervals_say(sentence):
    stored = json.loads(STORED.read_text("utf-8"))
    assert sentence in said()
    for count, first, second, verdict in SAID[sentence]:
        assert finetuning.compare(stored[str(count)], first, second)[3] == verdict, (count, first, second)


def test_what_the_chapter_says_of_numbers_and_of_forgetting():
    stored, text = json.loads(STORED.read_text("utf-8")), said()
    before = np.mean(list(stored["base"]["loss"].values()))
    found = {}
    for count, method in itertools.product((30, 300), finetuning.METHODS):
        rows = finetuning.judged(stored[str(count)], method)
        if len(rows) == len(finetuning.JUDGED) and method not in finetuning.BASELINES:
            found[count, method] = rows

    def forgot(count, method):
        return np.array([np.mean(list(row["loss"].values())) - before for row in found[count, method]])

    numbers = {method: rows[0]["parameters"] for (count, method), rows in found.items() if count == 30}
    assert "nearly four hundred times as many numbers as the head" in text
    assert 380 < numbers["all weights"] / numbers["head only"] < 400
    assert "adds half a per cent of the model's weights to what the head learns" in text
    assert (numbers["LoRA, rank 1"] - numbers["head only"]) / numbers["all weights"] == pytest.approx(0.005, abs=2e-4)
    assert "Norms and biases, with fewer of them than LoRA 1, forgot most of all at thirty labels" in text
    assert numbers["norms and biases"] < numbers["LoRA, rank 1"]
    others = ("LoRA, rank 1", "LoRA, rank 4", "LoRA, rank 16", "discriminative rates", "all weights")
    assert all((forgot(30, "norms and biases") > forgot(30, method)).all() for method in others)
    rates = {method: rows[0]["rate"] for (count, method), rows in found.items() if count == 30}
    assert "they had chosen steps ten times as large as most" in text
    assert sorted(rates[method] for method in others)[2] * 10 == pytest.approx(rates["norms and biases"])
    assert "at the same step, rank 16 forgot more than rank 4" in text
    assert rates["LoRA, rank 16"] == rates["LoRA, rank 4"]
    assert (forgot(30, "LoRA, rank 16") > forgot(30, "LoRA, rank 4")).all()
    assert (forgot(30, "LoRA, rank 4") < forgot(30, "all weights")).all()
    assert "forgets about a sixth of what they forget." in text
    assert (forgot(300, "LoRA, rank 1") < forgot(300, "all weights") / 3).all()
    assert 1 / 7 < forgot(300, "LoRA, rank 1").mean() / forgot(300, "all weights").mean() < 1 / 5
    assert "LoRA saves no time here." in text
    seconds = {method: np.mean([row["seconds"] for row in rows]) for (n, method), rows in found.items() if n == 30}
    assert seconds["LoRA, rank 4"] > 0.9 * seconds["all weights"]
    assert "the unread ones are not answered worse." in text
    read = finetuning.unpacked(stored["base"]["read"]).astype(bool)
    for method in ("head only", "LoRA, rank 1", "LoRA, rank 4"):
        known = np.mean([finetuning.unpacked(row["right"])[read].mean() for row in found[300, method]])
        assert np.mean([row["unread"] for row in found[300, method]]) > known
    shares = {method: np.mean([row["accuracy"] for row in found[300, "LoRA, rank 4"]]) for method in ("LoRA, rank 4",)}
    for method in WORDS_ONLY[:2]:
        shares[method] = np.mean([row["accuracy"] for row in finetuning.judged(stored["300"], method)])
    lead, rest = (shares[method] - shares["LoRA, rank 4"] for method in WORDS_ONLY[:2])
    assert "They have lost most of the lead" in text
    assert rest < lead / 2
