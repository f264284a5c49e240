"""scratch.contextual against torch's own LSTM and Transformer, loops over places, and the log of the training."""

import json
import math
from pathlib import Path

import contextual as script
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scratch import corpora
from scratch.contextual import BiLM, LayerMix, MaskedLM, held_out, mask_tokens, pretrained

LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=4)
LOG = json.loads(
    (Path(__file__).resolve().parents[1] / "src" / "scratch" / "results" / "contextual.json").read_text("utf-8")
)


def some_ids(lengths, V, seed=0):
    """Random ids (batch, length), 0 where a sentence has ended, and lengths (batch,)."""
    lengths = torch.tensor(lengths)
    ids = torch.randint(1, V, (len(lengths), int(lengths.max())), generator=torch.Generator().manual_seed(seed))
    return ids * (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)), lengths


def small(kind, **change):
    torch.manual_seed(1)
    if kind == "bilm":
        return BiLM(**{"vocab_size": 11, "dim": 4} | change).double()
    return MaskedLM(**{"vocab_size": 11, "dim": 8, "num_layers": 2, "heads": 2, "max_length": 9} | change).double()


# --- Both models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bilm", "masked"])
@pytest.mark.parametrize("mode", ["train", "eval"])  # torch takes other paths through a Transformer in each
@settings(max_examples=20)
@given(lengths=LENGTHS, more=st.integers(0, 2), filler=st.integers(0, 10))
def test_padding_changes_nothing(kind, mode, lengths, more, filler):
    model = getattr(small(kind), mode)()
    ids, lengths = some_ids(lengths, 11)
    wide = torch.cat([ids, torch.zeros(len(ids), more, dtype=torch.long)], 1)
    outside = torch.arange(wide.shape[1]) >= lengths.unsqueeze(1)
    with torch.no_grad():
        together = model.layers(wide.masked_fill(outside, filler), lengths)
        for row, n in enumerate(lengths):
            alone = model.layers(ids[row : row + 1, :n], lengths[row : row + 1])
            torch.testing.assert_close(together[:, row, :n], alone[:, 0])
    assert not together[:, outside].any()


@pytest.mark.parametrize("kind", ["bilm", "masked"])
@pytest.mark.parametrize(
    ("ids", "lengths", "error", "message"),
    [
        ([[1, 11]], [2], IndexError, "ids must lie between 0 and vocab_size - 1 = 10, got 11"),
        ([[-1, 1]], [2], IndexError, "ids must lie between 0 and .* = 10, got -1"),
        ([[1, 2]], [3], ValueError, "lengths must lie between 1 and the width 2, got 3"),
        ([[1, 2]], [0], ValueError, "lengths must lie between 1 and the width 2, got 0"),
        ([[1, 2]], [2, 2], ValueError, r"lengths must have the shape \(batch,\) = \(1,\), got \(2,\)"),
        ([1, 2], [2], ValueError, r"ids must have the shape \(batch, length\), got \(2,\)"),
    ],
)
def test_bad_ids_and_lengths_are_named(kind, ids, lengths, error, message):
    with pytest.raises(error, match=message):
        small(kind).layers(torch.tensor(ids), torch.tensor(lengths))


@pytest.mark.parametrize(
    ("kind", "change", "error", "message"),
    [
        ("bilm", {"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ("bilm", {"dim": 2.0}, TypeError, r"dim must be an int, got 2.0 \(float\)"),
        ("bilm", {"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
        ("masked", {"vocab_size": "5"}, TypeError, "vocab_size must be an int, got '5'"),
        ("masked", {"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ("masked", {"heads": 3}, ValueError, "heads must divide dim = 8, got 3"),
        ("masked", {"heads": 0}, ValueError, "heads must be at least 1, got 0"),
        ("masked", {"num_layers": -1}, ValueError, "num_layers must be at least 1, got -1"),
        ("masked", {"max_length": 0}, ValueError, "max_length must be at least 1, got 0"),
    ],
)
def test_bad_sizes_are_named(kind, change, error, message):
    with pytest.raises(error, match=message):
        small(kind, **change)


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_rows_start_with_a_length_of_about_1_and_the_bias_with_0(kind):
    model = small(kind, vocab_size=2000, dim=64)
    for table in model.modules():
        if isinstance(table, nn.Embedding) and len(table.weight) > 100:
            assert table.weight.norm(dim=1).mean().item() == pytest.approx(1, abs=0.02)
            assert abs(table.weight.mean().item()) < 0.01
    assert model.bias.shape == (2000,)
    assert not model.bias.any()


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_lists_and_any_integer_type(kind):
    model = small(kind).eval()
    expected = model.layers(torch.tensor([[1, 2]]), torch.tensor([2]))
    torch.testing.assert_close(model.layers([[1, 2]], [2]), expected)
    torch.testing.assert_close(model.layers(torch.tensor([[1, 2]], dtype=torch.uint8), torch.tensor([2])), expected)
    for dtype in (torch.int32, torch.int16):
        ids, lengths = torch.tensor([[1, 2, 3], [4, 5, 0]], dtype=dtype), torch.tensor([3, 2], dtype=dtype)
        more = (torch.tensor([[-1, 2, -1], [4, -1, -1]], dtype=dtype),) if kind == "masked" else ()
        found = model.losses(ids, lengths, *more)
        torch.testing.assert_close(found, model.losses(ids.long(), lengths.long(), *(x.long() for x in more)))


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_what_comes_on_another_device_is_moved_to_the_ids(kind):
    """A second device that every machine has: meta, with shapes and no numbers."""
    model = small(kind).to("meta")
    ids, lengths = some_ids([3, 2], 11)
    segments = (torch.zeros_like(ids),) if kind == "masked" else ()
    found = model.layers(ids.to("meta"), lengths, *segments)
    assert (found.device.type, found.shape[1:3]) == ("meta", (2, 3))
    inputs, labels = mask_tokens(ids.to("meta"), 10, torch.Generator())
    assert (inputs.device.type, labels.device.type, labels.shape) == ("meta", "meta", (2, 3))


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_a_default_device_is_not_for_the_inputs(kind):
    model, (ids, lengths) = small(kind), some_ids([3, 2], 11)
    expected = model.layers(ids, lengths)
    with torch.device("meta"):
        torch.testing.assert_close(model.layers(ids, lengths), expected)
        inputs, _ = mask_tokens(ids, 10, torch.Generator(device="cpu"))
    assert inputs.device.type == "cpu"


@pytest.mark.parametrize("kind", ["bilm", "masked"])
def test_fake_tensors_pass(kind):
    with FakeTensorMode():
        model = BiLM(11, 4) if kind == "bilm" else MaskedLM(11, 8, 2, 2)
        found = model.layers(torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    assert found.shape == (3, 2, 3, 8)


# --- The bidirectional language model -------------------------------------------------------------------------------


@settings(max_examples=20)
@given(LENGTHS)
def test_one_layer_equals_torchs_bidirectional_lstm(lengths):
    """In one layer the two directions have not met yet, so torch's packed bidirectional LSTM is the same thing."""
    model = small("bilm", num_layers=1)
    oracle = nn.LSTM(4, 4, batch_first=True, bidirectional=True).double()
    ahead, back = model.ahead[0].state_dict(), model.back[0].state_dict()
    oracle.load_state_dict(ahead | {f"{name}_reverse": weight for name, weight in back.items()})
    ids, lengths = some_ids(lengths, 11)
    packed = pack_padded_sequence(model.table(ids), lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(oracle(packed)[0], batch_first=True)
    words, states = model.layers(ids, lengths)
    torch.testing.assert_close(states, expected)
    mask = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
    torch.testing.assert_close(words, model.table(ids).repeat(1, 1, 2) * mask)


def test_the_second_layer_adds_what_it_was_given():
    model = small("bilm")
    ids, lengths = some_ids([5], 11)
    _, first, second = model.layers(ids, lengths)
    expected = model.ahead[1](first[..., :4])[0] + first[..., :4]
    torch.testing.assert_close(second[..., :4], expected)
    turned = first[..., 4:].flip(1)
    torch.testing.assert_close(second[..., 4:], (model.back[1](turned)[0] + turned).flip(1))


@settings(max_examples=30)
@given(st.integers(0, 5), st.integers(1, 10))
def test_no_direction_sees_what_it_has_to_guess(place, other):
    """Another word at one place changes the forward states from there on, the backward ones up to there, no others."""
    model = small("bilm").eval()
    ids, lengths = some_ids([6], 11)
    changed = ids.clone()
    changed[0, place] = other
    differs = (model.layers(ids, lengths) != model.layers(changed, lengths))[1:, 0]  # (2, length, 2 * dim)
    same_word = bool(ids[0, place] == other)
    for t in range(6):
        assert differs[:, t, :4].any() == (t >= place and not same_word)
        assert differs[:, t, 4:].any() == (t <= place and not same_word)


def test_gradients_flow_from_the_past_only():
    model = small("bilm")
    ids, lengths = some_ids([6], 11)
    words = model.table(ids).detach().requires_grad_()
    model.table.forward = lambda _: words
    model.layers(ids, lengths)[-1, 0, 3, :4].sum().backward()
    assert words.grad[0].abs().sum(1).gt(0).tolist() == [True] * 4 + [False] * 2


def test_bilm_losses_equal_a_loop():
    model = small("bilm")
    model.bias.data.normal_(generator=torch.Generator().manual_seed(2))
    ids, lengths = some_ids([4, 2, 1], 11)
    top = model.layers(ids, lengths)[-1]
    ahead, back = [], []
    for row, n in enumerate(lengths.tolist()):
        for t in range(n - 1):
            scores = top[row, t, :4] @ model.table.weight.T + model.bias
            ahead.append(cross_entropy(scores, ids[row, t + 1]))
            scores = top[row, t + 1, 4:] @ model.table.weight.T + model.bias
            back.append(cross_entropy(scores, ids[row, t]))
    losses = model.losses(ids, lengths)
    torch.testing.assert_close(losses[0], torch.stack(ahead))
    torch.testing.assert_close(losses[1], torch.stack(back))
    assert len(losses[0]) == 4


def test_a_bilm_learns_a_text_by_heart():
    """In "a b c, a d e" only the word after a is uncertain forward, and the loss goes to that entropy: ln 2 of 4."""
    torch.manual_seed(0)
    model = BiLM(8, 16)
    ids, lengths = torch.tensor([[2, 4, 5, 6, 3], [2, 4, 7, 1, 3]]), torch.tensor([5, 5])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        ahead, back = model.losses(ids, lengths)
        optimizer.zero_grad()
        (ahead.mean() + back.mean()).backward()
        optimizer.step()
    assert ahead.mean().item() == pytest.approx(math.log(2) / 4, abs=0.02)
    assert back.mean().item() == pytest.approx(math.log(2) / 4, abs=0.02)


# --- The masked language model --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_layers_equal_torchs_encoder(mode):
    model = getattr(small("masked"), mode)()
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
    oracle = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).double()
    oracle.layers.load_state_dict(model.blocks.state_dict())
    ids, lengths = some_ids([5, 3], 11)
    segments = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
    found = model.layers(ids, lengths, segments)
    place = torch.arange(5)
    tables = model.token.weight[ids] + model.segment.weight[segments] + model.position.weight[place]
    x = nn.functional.layer_norm(tables, (8,), model.norm.weight, model.norm.bias)
    mask = place < lengths.unsqueeze(1)
    torch.testing.assert_close(found[0][mask], x[mask])
    torch.testing.assert_close(found[-1][mask], oracle(x, src_key_padding_mask=~mask)[mask])
    assert not torch.allclose(found[0], model.layers(ids, lengths)[0])  # without segments all are 0


def test_every_place_sees_every_other():
    model = small("masked").eval()
    ids, lengths = some_ids([6], 11)
    changed = ids.clone()
    changed[0, 4] = 1 + ids[0, 4] % 10
    assert (model.layers(ids, lengths) != model.layers(changed, lengths))[1, 0].any(1).all()


def test_masked_losses_equal_a_loop():
    model = small("masked")
    ids, lengths = some_ids([5, 3], 11)
    labels = torch.tensor([[-1, 7, -1, -1, 0], [2, -1, -1, -1, -1]])
    segments = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
    top = model.last_norm(model.layers(ids, lengths, segments)[-1])
    expected = [
        cross_entropy(top[row, t] @ model.token.weight.T + model.bias, labels[row, t])
        for row, t in ((0, 1), (0, 4), (1, 0))
    ]
    torch.testing.assert_close(model.losses(ids, lengths, labels, segments), torch.stack(expected))


@pytest.mark.parametrize(
    ("segments", "error", "message"),
    [
        ([[0, 2, 1]], ValueError, "segments must be 0 or 1, got 2"),
        ([[0, -1, 1]], ValueError, "^segments must be 0 or 1, got -1$"),
        ([[0, 1]], ValueError, r"segments must have the shape \(1, 3\) of ids, got \(1, 2\)"),
        ([[0.0, 1.0, 1.0]], TypeError, "segments must be integers"),
    ],
)
def test_bad_segments_are_named(segments, error, message):
    with pytest.raises(error, match=message):
        small("masked").layers(torch.tensor([[1, 2, 3]]), torch.tensor([3]), torch.tensor(segments))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([[11, -1]], IndexError, "labels must lie between -1 and vocab_size - 1 = 10, got 11"),
        ([[-100, 1]], IndexError, "labels must lie between -1 and .* got -100"),
        ([[1]], ValueError, r"labels must have the shape \(1, 2\) of inputs, got \(1, 1\)"),
        ([[1.0, 2.0]], TypeError, "labels must be integers"),
    ],
)
def test_bad_labels_are_named(labels, error, message):
    with pytest.raises(error, match=message):
        small("masked").losses(torch.tensor([[1, 2]]), torch.tensor([2]), torch.tensor(labels))


def test_more_places_than_positions_are_refused():
    assert small("masked").layers(*some_ids([9], 11)).shape == (3, 1, 9, 8)
    ids, lengths = some_ids([10], 11)
    with pytest.raises(ValueError, match="ids must have at most 9 places, got 10"):
        small("masked").layers(ids, lengths)


@given(LENGTHS, st.floats(0, 1), st.integers(0, 99))
@example([7], 0, 0)
@example([7], 1, 0)
def test_only_chosen_words_change_and_only_they_have_labels(lengths, share, seed):
    ids, lengths = some_ids(lengths, 20, seed)
    inputs, labels = mask_tokens(ids, 20, torch.Generator().manual_seed(seed), share)
    chosen = labels != -1
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    assert not chosen[ids < 4].any()  # <pad>, <unk>, <bos>, <eos>
    assert inputs[chosen].ge(4).all()
    assert inputs.max() <= 20
    if share in (0, 1):
        assert torch.equal(chosen, (ids >= 4) & bool(share))


def test_proportions_are_80_10_10_of_15():
    """In a vocabulary of two words, 4 and 5, where half of the random words are the old one, none the mask."""
    ids = torch.randint(4, 6, (1000, 500), generator=torch.Generator().manual_seed(0))
    inputs, labels = mask_tokens(ids, 6, torch.Generator().manual_seed(1))
    n = ids.numel()
    chosen, hidden = labels >= 0, inputs == 6
    kept, other = chosen & (inputs == ids), chosen & ~hidden & (inputs != ids)
    for count, p in (
        (chosen, 0.15),
        (hidden, 0.12),
        (other, 0.015 / 2),
        (kept, 0.015 * 3 / 2),
        (inputs == 4, (1 - 0.12) / 2),
    ):
        assert abs(count.sum().item() - n * p) < 4 * math.sqrt(n * p * (1 - p))  # four standard deviations
    again = mask_tokens(ids, 6, torch.Generator().manual_seed(1))
    assert torch.equal(again[0], inputs)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"share": "a"}, TypeError, r"share must be a float, got 'a' \(str\)"),
        ({"share": True}, TypeError, "share must be a float, got True"),
        ({"mask_id": 4}, ValueError, "mask_id must be at least 5, got 4"),
        ({"mask_id": 9.0}, TypeError, "mask_id must be an int"),
        ({"generator": 0}, TypeError, "generator must be a torch.Generator, got int"),
        ({"ids": torch.tensor([[0.5]])}, TypeError, "ids must be integers"),
        ({"ids": torch.tensor([[10]])}, IndexError, "ids must lie between 0 and .* = 9, got 10"),
    ],
)
def test_bad_arguments_of_the_masking_are_named(change, error, message):
    usual = {"ids": torch.tensor([[5]]), "mask_id": 9, "generator": torch.Generator(), "share": np.float32(0.5)}
    assert mask_tokens(**usual)[0].shape == (1, 1)
    with pytest.raises(error, match=message):
        mask_tokens(**usual | change)


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_share_outside_0_and_1_is_refused(share):
    with pytest.raises(ValueError, match=f"share must lie between 0 and 1, got {share}"):
        mask_tokens(torch.tensor([[5]]), 9, torch.Generator(), share)


# --- The mix of layers ----------------------------------------------------------------------------------------------


def test_the_mix_is_the_formula():
    mix = LayerMix(3).double()
    mix.weights.data = torch.tensor([0.0, math.log(2), math.log(5)]).double()
    mix.gamma.data.fill_(4)
    h = torch.randn(3, 2, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(mix(h), 4 * (h[0] + 2 * h[1] + 5 * h[2]) / 8)
    assert torch.autograd.gradcheck(
        lambda w, g, x: torch.func.functional_call(mix, {"weights": w, "gamma": g}, (x,)),
        (mix.weights.detach().requires_grad_(), mix.gamma.detach().requires_grad_(), h.requires_grad_()),
    )


def test_an_untrained_mix_is_the_plain_mean():
    h = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(LayerMix(3)(h), h.mean(0))


def test_the_mix_names_a_wrong_count():
    with pytest.raises(ValueError, match="layers must be 3, got 2"):
        LayerMix(3)(torch.zeros(2, 4))
    with pytest.raises(TypeError, match=r"layers must be a tensor \(count, ..., dim\), got list"):
        LayerMix(1)([torch.zeros(4)])
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        LayerMix(0)


# --- What is shipped ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return pretrained()


def test_the_shipped_weights_have_the_losses_in_the_log(shipped):
    bilm, masked, vocabulary = shipped
    held = script.held_out_text(vocabulary)
    assert len(held) == 1000
    for name, model in (("bilm", bilm), ("masked", masked)):
        assert script.evaluate(model, held) == pytest.approx(LOG[name]["as shipped"], abs=2e-4)
        assert sum(weight.numel() for weight in model.parameters()) == LOG[name]["parameters"]


def test_the_chapter_says_of_counting_what_the_log_says():
    """The BiLM is no better than a count of triples, and worse than one of quadruples, in both directions and seeds."""
    for direction in ("forward", "backward"):
        triples, quadruples = (LOG["baselines"][f"{n}-gram {direction}"] for n in (3, 4))
        losses = [LOG["bilm"]["as shipped"][direction], *(row["loss"][direction] for row in LOG["other seeds"])]
        assert all(quadruples + 0.05 < loss for loss in losses)
        assert all(abs(loss - triples) < 0.01 for loss in losses)


def test_the_company_of_skip_gram_is_as_stored():
    sizes = [(row["dim"], row["seed"]) for row in LOG["company"]]
    assert sizes == [(dim, seed) for dim in (32, 64, 128, 256) for seed in range(5)]
    assert all(0.7 < row["right"].count("1") / 192 < 0.85 for row in LOG["company"])
    assert {len(right) for row in LOG["other seeds"] for right in row["right"]} == {192}


def test_rights_finds_the_nearest_of_the_same_sense():
    labels = [f"{word} {sense}" for word, sense, *_ in corpora.load_senses()]
    names = sorted(set(labels))
    assert script.rights(np.eye(len(names))[[names.index(label) for label in labels]]) == "1" * 192


def test_the_shipped_weights_are_in_half_precision_and_fit_the_vocabulary(shipped):
    bilm, masked, vocabulary = shipped
    for model in (bilm, masked):
        assert not model.training
        for weight in model.parameters():
            assert weight.dtype == torch.float32
            assert torch.equal(weight, weight.half().float())
    assert len(bilm.bias) == len(vocabulary) == len(masked.bias) - 1 == masked.mask_id
    counts = list(vocabulary.counts.values())
    assert counts == sorted(counts, reverse=True)
    assert vocabulary.decode([4]) == ["the"]


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    record = corpora._record("contextual", "weights")
    content = bytearray((corpora._DATA / record["file"]).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / record["file"]).write_bytes(content)
    monkeypatch.setattr(corpora, "_DATA", tmp_path)
    with pytest.raises(OSError, match=r"contextual\.npz is damaged: its SHA-256 is"):
        pretrained()


def test_one_sentence_in_fifty_is_held_out():
    numbers = [[str(n)] for n in range(10_000)]
    assert 150 < sum(map(held_out, numbers)) < 250
    assert held_out(("a", "b")) == held_out(["a", "b"])
    # Which they are may not change: the shipped models have been trained on the others.
    numbered = [n for n in range(400) if held_out(["sentence", str(n)])]
    assert numbered == [26, 33, 52, 105, 214, 223, 249, 304, 325]
