"""scratch.check: it passes what is right, torch's recurrent modules above all, and names what is wrong elsewhere."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scratch.check import (
    PROMISES,
    batch_consistency,
    causality,
    check_encoder,
    empty_rows,
    finite_outputs,
    padding_invariance,
    permutation_equivariance,
    repeatability,
    sensitivity,
)
from scratch.encoder import Encoder, TransformerEncoder

V, DIM = 30, 8


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def mask(ids, lengths):
    return torch.arange(ids.shape[1]) < lengths.unsqueeze(1)  # (batch, length)


def failures(report):
    return {name for name in PROMISES if not report[name]}


# --- torch's own modules ---


def packed(module, bidirectional, pick):
    table = nn.Embedding(V, DIM)
    network = module(DIM, 5, 2, batch_first=True, bidirectional=bidirectional)

    def encode(ids, lengths):
        read, state = network(pack_padded_sequence(table(ids), lengths, True, enforce_sorted=False))
        last = state[0] if isinstance(state, tuple) else state
        return pad_packed_sequence(read, True)[0] if pick == "states" else last[-1]

    return encode


@pytest.mark.parametrize("module", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pick", ["states", "vectors"])
def test_torchs_recurrent_modules_pass(module, bidirectional, pick):
    report = check_encoder(packed(module, bidirectional, pick), V, ordered=True)
    assert report
    assert report["causality"].holds is {"states": not bidirectional, "vectors": None}[pick]
    assert "refuses a row without words: RuntimeError" in str(report)


@pytest.mark.parametrize("module", [nn.RNN, nn.LSTM, nn.GRU])
def test_torchs_recurrent_modules_fail_without_packing(module):
    table, network = nn.Embedding(V, DIM), module(DIM, 5, batch_first=True)
    report = check_encoder(lambda ids, lengths: network(table(ids))[0][:, -1], V)
    assert failures(report) == {"padding_invariance", "batch_consistency"}


def attending(layer, **options):
    table = nn.Embedding(V, DIM)

    def encode(ids, lengths):
        x, pads = table(ids), ~mask(ids, lengths)
        if isinstance(layer, nn.MultiheadAttention):
            return layer(x, x, x, key_padding_mask=pads, **options)[0]
        return layer(x, src_key_padding_mask=pads)

    return encode


LAYER = {"d_model": DIM, "nhead": 2, "dim_feedforward": 16, "dropout": 0.0, "batch_first": True}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: attending(nn.MultiheadAttention(DIM, 2, batch_first=True), need_weights=True),
        lambda: attending(nn.MultiheadAttention(DIM, 2, batch_first=True), need_weights=False),
        lambda: attending(nn.TransformerEncoderLayer(**LAYER)),
        lambda: attending(nn.TransformerEncoder(nn.TransformerEncoderLayer(**LAYER), 2, enable_nested_tensor=False)),
        lambda: attending(nn.TransformerEncoder(nn.TransformerEncoderLayer(**LAYER), 2, enable_nested_tensor=True)),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_it_says_of_torchs_attention_what_a_look_says(make, training):
    """Whether a row of padding gives NaN depends on torch's version and on the path that it takes."""
    encode = make()
    for module in encode.__closure__[0].cell_contents, encode.__closure__[1].cell_contents:
        if isinstance(module, nn.Module):
            module.train(training)
    report = check_encoder(encode, V, ordered=False)
    ids, lengths = torch.tensor([[3, 4, 5], [0, 0, 0]]), torch.tensor([3, 0])
    with torch.no_grad():
        finite = bool(encode(ids, lengths).isfinite().all())
    assert report
    assert report["empty_rows"].holds is finite
    assert report["permutation_equivariance"]
    assert report["causality"].holds is False


def test_a_row_of_padding_is_nan_where_torch_returns_the_weights():
    encode = attending(nn.MultiheadAttention(DIM, 2, batch_first=True), need_weights=True)
    result = empty_rows(encode, V)
    assert not result
    assert str(result).startswith("empty_rows does not hold: NaN or infinity for a row without words\n    Look at")
    assert check_encoder(encode, V)
    assert not check_encoder(encode, V, empty=True)


# --- encoders with one mistake each ---

TABLE = nn.Embedding.from_pretrained(torch.randn(V, DIM, generator=torch.Generator().manual_seed(0)))


def mean(ids, lengths):
    return (TABLE(ids) * mask(ids, lengths).unsqueeze(2)).sum(1) / lengths.clamp(min=1).unsqueeze(1)


def width_mean(ids, lengths):
    return (TABLE(ids) * mask(ids, lengths).unsqueeze(2)).mean(1)


def sorted_and_left_so(ids, lengths):
    return mean(ids, lengths)[lengths.argsort(descending=True, stable=True)]


def sorted_and_sorted_again(ids, lengths):
    """The order that sorts is taken for the one that puts back, which is its inverse."""
    order = lengths.argsort(descending=True, stable=True)
    return mean(ids[order], lengths[order])[order]


def sorted_the_other_way(ids, lengths):
    order = lengths.argsort(stable=True)
    return mean(ids[order], lengths[order])[order]


def sorted_and_put_back(ids, lengths):
    order = lengths.argsort(descending=True, stable=True)
    return mean(ids[order], lengths[order])[order.argsort()]


def over_the_batch(ids, lengths):
    return mean(ids, lengths).softmax(0)


def noisy(ids, lengths):
    return mean(ids, lengths) + 1e-2 * torch.randn(len(ids), DIM)


def zero_by_zero(ids, lengths):
    return mean(ids, lengths) * lengths.clamp(min=1).unsqueeze(1) / lengths.unsqueeze(1)


def overflowing(ids, lengths):
    return (1e30 * mean(ids, lengths)) ** 3


def spoiling_the_batch(ids, lengths):
    return zero_by_zero(ids, lengths) + 0 * zero_by_zero(ids, lengths).sum(0)


@pytest.mark.parametrize(
    ("encode", "caught"),
    [
        (mean, set()),
        (width_mean, {"padding_invariance", "batch_consistency"}),
        (sorted_and_left_so, {"batch_consistency"}),
        (sorted_and_sorted_again, {"batch_consistency"}),
        (sorted_the_other_way, {"batch_consistency"}),
        (sorted_and_put_back, set()),
        (over_the_batch, {"batch_consistency"}),
        (noisy, {"repeatability", "padding_invariance", "batch_consistency"}),
        (overflowing, {"finite_outputs"}),
    ],
)
def test_each_mistake_is_caught_by_its_check(encode, caught):
    report = check_encoder(encode, V)
    assert failures(report) == caught
    assert bool(report) is not caught or not caught
    for name in caught:
        line = next(line for line in str(report).split("\n") if line.startswith(name))
        assert "FAILS" in line
        assert "Look at: " in str(report[name])
    for name in set(PROMISES) - caught:
        assert f"{name:24}  ok" in str(report)


def test_messages_say_how_far_and_when():
    def first_pad_moves(ids, lengths):
        return mean(ids, lengths) + (ids.shape[1] > lengths.max())

    message = padding_invariance(width_mean, V).message
    assert message == "1 word moves by 0.89 of the norm with 8 pads"  # a mean over 9 in place of 1: 1 - 1 / 9
    assert not padding_invariance(first_pad_moves, V)
    assert batch_consistency(first_pad_moves, V)
    assert re.search(r"words? moves? by [\d.]+ of the norm in a batch", str(batch_consistency(over_the_batch, V)))
    assert re.search(r"move by [\d.e-]+ of the norm in a second run", str(repeatability(noisy, V)))
    assert "a row without words changes other rows" in str(empty_rows(spoiling_the_batch, V))
    assert "NaN or infinity for ordinary sentences" in str(finite_outputs(overflowing, V))


def summing(ids, lengths):
    return TABLE(ids).cumsum(1)


REPORTS = {
    width_mean: """\
repeatability             ok
finite_outputs            ok
padding_invariance        FAILS    1 word moves by 0.89 of the norm with 8 pads
    Look at: Are the lengths passed on to packing, to every mask, to pooling? Is the
    mask on the axis of the keys, and True where this library wants True? Does a mean
    divide by the length, and not by the width?
batch_consistency         FAILS    1 word moves by 0.86 of the norm in a batch
    Look at: Padding first. Then: are sorted rows put back in order? Does a softmax, a
    norm or a statistic run over the batch, or over all sentences of one length?
sensitivity               ok
empty_rows                yes      a row without words stays finite
permutation_equivariance  yes      word order changes nothing
    Look at: If it should: is a position added to each word?
causality                 unknown  needs a state for each word, (batch, length, dim)""",
    zero_by_zero: """\
repeatability             ok
finite_outputs            ok
padding_invariance        ok
batch_consistency         ok
sensitivity               ok
empty_rows                no       NaN or infinity for a row without words
    Look at: A softmax, a mean or a maximum of nothing is NaN or infinite. If such rows
    can come, refuse them or give zeros; if none can, this is no fault.
permutation_equivariance  yes      word order changes nothing
    Look at: If it should: is a position added to each word?
causality                 unknown  needs a state for each word, (batch, length, dim)""",
    summing: """\
repeatability             ok
finite_outputs            ok
padding_invariance        ok
batch_consistency         ok
sensitivity               ok
empty_rows                yes      a row without words stays finite
permutation_equivariance  no       word order matters
causality                 yes      no state depends on a later word""",
}


@pytest.mark.parametrize("encode", REPORTS)
def test_a_report_as_one_reads_it(encode):
    assert str(check_encoder(encode, V)) == REPORTS[encode]
    assert str(repeatability(summing, V)) == "repeatability holds"
    assert finite_outputs(overflowing, V).holds is False


@pytest.mark.parametrize("spoilt", range(4))
def test_a_row_without_words_may_spoil_any_other(spoilt):
    def encode(ids, lengths):
        vectors = mean(ids, lengths)
        if (lengths == 0).any():
            vectors[spoilt] = math.nan
        return vectors

    assert empty_rows(encode, V).message == "a row without words changes other rows"


@pytest.mark.parametrize("length", [1, 2, 5, 7])
@pytest.mark.parametrize("pads", [1, 3, 8])
def test_one_moved_sentence_is_enough(length, pads):
    def encode(ids, lengths):
        moved = (lengths == length) & (ids.shape[1] - lengths == pads)
        return mean(ids, lengths) + 1e-3 * moved.unsqueeze(1)

    result, words = padding_invariance(encode, V), "1 word moves" if length == 1 else f"{length} words move"
    assert result.holds is False
    assert re.fullmatch(rf"{words} by [\d.e-]+ of the norm with {pads} pads?", result.message)


def test_the_last_of_many_places_counts_however_few_the_dimensions():
    def encode(ids, lengths):
        states = TABLE(ids)[:, :, :1].clone()
        states[:, 6:7] += (ids.shape[1] > lengths).view(-1, 1, 1)
        return states

    assert padding_invariance(lambda ids, lengths: TABLE(ids)[:, :, :1], V)
    assert padding_invariance(encode, V).message.startswith("7 words move by")


def test_zeros_that_move_have_moved_infinitely_far():
    def encode(ids, lengths):
        return (ids.shape[1] - lengths.unsqueeze(1)).double()

    assert padding_invariance(lambda ids, lengths: 0 * encode(ids, lengths), V)
    assert re.search(r"infinitely far \(from 0 or to NaN\) with", padding_invariance(encode, V).message)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_differences_are_relative_to_the_outputs(size):
    def encode(ids, lengths, error):
        total = (TABLE(ids).double() * mask(ids, lengths).unsqueeze(2)).sum(1)
        return size * (total + error * (ids.shape[1] > lengths).unsqueeze(1))

    assert padding_invariance(lambda *batch: encode(*batch, 1e-12), V)
    assert not padding_invariance(lambda *batch: encode(*batch, 1e-9), V)
    assert padding_invariance(lambda *batch: encode(*batch, 1e-6).float(), V)
    assert not padding_invariance(lambda *batch: encode(*batch, 1e-3).float(), V)


# --- order and causality ---


def test_order():
    assert permutation_equivariance(mean, V)
    assert permutation_equivariance(lambda ids, lengths: TABLE(ids), V)
    assert not permutation_equivariance(lambda ids, lengths: TABLE(ids).cumsum(1), V)
    assert not permutation_equivariance(lambda ids, lengths: TABLE(ids[:, 0]), V)
    assert not permutation_equivariance(lambda ids, lengths: TABLE(ids[:, 2:]).cumsum(1).sum(1), V)  # from the third on
    assert check_encoder(mean, V, ordered=False)
    report = check_encoder(mean, V, ordered=True)
    assert not report
    assert "FAILS    word order changes nothing\n    Look at: " in str(report)


@pytest.mark.parametrize("place", range(6))
def test_one_leak_from_a_later_word_is_enough(place):
    def leaking(ids, lengths):
        states = TABLE(ids).cumsum(1)
        if place + 1 < ids.shape[1]:
            states[:, place] += 1e-2 * TABLE(ids[:, place + 1])
        return states

    assert causality(lambda ids, lengths: TABLE(ids).cumsum(1), V)
    result = causality(leaking, V)
    assert result.holds is False
    assert result.message == f"states before place {place + 1} change with the word there"
    assert not check_encoder(leaking, V, causal=True)
    assert check_encoder(lambda ids, lengths: TABLE(ids).cumsum(1), V, causal=True)
    assert not check_encoder(lambda ids, lengths: TABLE(ids).cumsum(1), V, causal=False)


def test_for_causality_one_word_changes_at_a_time_and_the_text_ends_everywhere():
    seen = []
    causality(lambda ids, lengths: seen.append(ids) or TABLE(ids).cumsum(1), V)
    _, first, *others = seen
    places = [(first != other).nonzero().tolist() for other in others if other.shape == first.shape]
    assert sorted(places) == [[[0, place]] for place in range(1, 7)]
    prefixes = [other for other in others if other.shape != first.shape]
    assert sorted(p.shape[1] for p in prefixes) == [*range(1, 7)]
    assert all(torch.equal(p, first[:, : p.shape[1]]) for p in prefixes)


def test_order_counts_wherever_it_counts():
    for weights in (torch.eye(7)[place] for place in range(7)):  # one place counts twice

        def encode(ids, lengths, weights=weights):
            extra = nn.functional.pad(weights, (0, 20))[: ids.shape[1]].view(1, -1, 1)
            return mean(ids, lengths) + (TABLE(ids) * extra * mask(ids, lengths).unsqueeze(2)).sum(1)

        assert not permutation_equivariance(encode, V)


def test_vectors_cannot_show_causality():
    result = causality(mean, V)
    assert result.holds is None
    assert not result
    assert str(result) == "causality unknown: needs a state for each word, (batch, length, dim)"
    assert not check_encoder(mean, V, causal=True)


# --- how it is called ---


@pytest.mark.parametrize("pad_id", [0, 1, V - 1])
@pytest.mark.parametrize("vocab_size", [3, V])
def test_ids_are_words_of_the_vocabulary_and_padding_is_where_it_belongs(pad_id, vocab_size):
    pad_id = min(pad_id, vocab_size - 1)
    seen, empty = set(), 0

    def encode(ids, lengths):
        nonlocal empty
        assert ids.dtype == lengths.dtype == torch.int64
        assert not torch.is_grad_enabled()
        assert torch.equal(ids != pad_id, mask(ids, lengths))
        seen.update(ids.flatten().tolist())
        empty += int((lengths == 0).sum())
        return TABLE(ids)

    assert check_encoder(encode, vocab_size, pad_id)
    assert min(seen) == 0
    assert max(seen) < vocab_size
    assert len(seen) == vocab_size
    assert empty == 1


def test_it_runs_on_modules_methods_and_functions():
    lstm, transformer = Encoder(V, DIM, DIM, 1), TransformerEncoder(V, DIM, 1, 2)
    assert check_encoder(transformer, V)
    assert check_encoder(lstm.vectors, V)
    assert check_encoder(lambda ids, lengths: lstm(ids, lengths)[0][-1], V)


def test_what_the_encoder_raises_is_a_verdict_and_of_an_empty_row_a_refusal():
    def broken(ids, lengths):
        raise KeyError("broken")

    report = check_encoder(broken, V)
    assert failures(report) == set(PROMISES)
    assert all("raises KeyError: 'broken'" in result.message for result in report.results)
    assert report["causality"].holds is None

    def refusing(ids, lengths):
        assert (lengths > 0).all()
        return mean(ids, lengths)

    assert check_encoder(refusing, V, empty=True)
    assert empty_rows(refusing, V).message == "refuses a row without words: AssertionError"
    assert check_encoder(lambda ids, lengths: refusing(ids, lengths) / (len(ids) > 1), V)["finite_outputs"]


def test_what_is_wrong_with_one_sentence_only_is_a_verdict_too():
    norm = nn.BatchNorm1d(DIM)
    report = check_encoder(lambda ids, lengths: norm(mean(ids, lengths)), V)
    assert (
        "raises ValueError: Expected more than 1 value per channel when training" in report["batch_consistency"].message
    )
    assert "BatchNorm in training mode" in report["batch_consistency"].look_at
    squeezed = check_encoder(lambda ids, lengths: mean(ids, lengths).squeeze(), V)["batch_consistency"]
    assert "got (8,)" in squeezed.message
    assert "squeeze" in squeezed.look_at


def test_what_moves_by_itself_is_not_told_to_look_at_masks():
    layer = nn.TransformerEncoderLayer(**LAYER | {"dropout": 0.5})
    report = check_encoder(attending(layer), V)
    moved = {"repeatability", "padding_invariance", "batch_consistency"}
    assert failures(report) == moved
    assert "training mode" in report["repeatability"].look_at
    assert {report[name].look_at for name in moved - {"repeatability"}} == {"Repeatability first."}

    report = check_encoder(lambda *batch: nn.functional.pad(noisy(*batch), (0, 1), value=math.inf), V)
    assert not report["repeatability"]
    assert report["finite_outputs"].look_at == "Overflow? A division by zero?"  # that is a fault of its own


def test_nan_at_padding_only_gets_its_own_reason():
    report = check_encoder(lambda ids, lengths: TABLE(ids).masked_fill(~mask(ids, lengths).unsqueeze(2), math.nan), V)
    assert failures(report) == {"finite_outputs"}
    assert report["finite_outputs"].message == "NaN or infinity at padding only"
    assert "Dropout" not in str(report)


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (
            lambda ids, lengths: mean(ids[:, :5], lengths.clamp(max=5)),
            "no word at place 5, 6 of 0 … 6 changes anything",
        ),
        (
            lambda ids, lengths: mean(ids[:, :14], lengths.clamp(max=14)),
            "no word at place 14 of 0 … 14 changes anything",
        ),
        (lambda ids, lengths: TABLE(ids[:, 0]), "no word at place 1, 2, 3, 4, 5, 6 of 0 … 6 changes anything"),
        (lambda ids, lengths: torch.ones(len(ids), 1), "no word changes anything"),
        (
            lambda ids, lengths: ((ids != 9).unsqueeze(2) * TABLE(ids) * mask(ids, lengths).unsqueeze(2)).sum(1),
            "the id 9",
        ),
    ],
)
def test_deaf_places_and_words(encode, message):
    result = sensitivity(encode, V)
    assert result.holds is False
    assert result.message.startswith(message)


@pytest.mark.parametrize("dropped", [1, 100, 2999])
def test_of_a_large_vocabulary_the_first_ids_and_the_last_are_tried(dropped):
    rows = nn.Embedding(3000, DIM)
    rows.weight.data[dropped] = 0
    encode = lambda ids, lengths: (rows(ids) * mask(ids, lengths).unsqueeze(2)).sum(1)  # noqa: E731
    assert sensitivity(encode, 3000).message == f"the id {dropped} changes nothing"


def by_name(ids, *, lengths):
    return mean(ids, lengths)


def with_a_third(ids, lengths, mask, scale=1.0):
    return mean(ids, lengths)


def with_one_by_name(ids, lengths, *, mask):
    return mean(ids, lengths)


def attention_masked(input_ids, attention_mask=None):
    """The signature of BERT in transformers."""


CHECKS = [
    *(check_encoder, repeatability, finite_outputs, padding_invariance, batch_consistency, sensitivity),
    *(empty_rows, permutation_equivariance, causality),
]


@pytest.mark.parametrize("check", CHECKS)
def test_every_run_tries_the_same_words_and_leaves_everyone_elses_random_numbers(check):
    def encode(ids, lengths):
        tried.append(ids.tolist())
        return TABLE(ids)

    runs = []
    for number in range(2):
        state, tried = torch.manual_seed(number).get_state(), []
        check(encode, V)
        assert torch.equal(torch.get_rng_state(), state)
        runs.append(tried)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("check", CHECKS)
def test_padding_is_0_unless_another_id_is_named(check):
    def encode(ids, lengths):
        assert torch.equal(ids != 0, mask(ids, lengths))
        return TABLE(ids)

    check(encode, 3)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("encode", "arguments", "error", "message"),
    [
        (Encoder(V, 2, 2, 1), (V,), TypeError, "encode must return one tensor of floating point numbers, got tuple"),
        (lambda ids, lengths: ids, (V,), TypeError, "encode must return .* got torch.int64"),
        (lambda ids, lengths: mean(ids, lengths)[0], (V,), ValueError, r"ids of the shape .* got \(8,\)"),
        (lambda ids, lengths: TABLE(ids)[:, :0], (V,), ValueError, r"\(batch, length, dim\) for .* got"),
        (lambda ids, lengths: TABLE(ids).mT, (V,), ValueError, "encode must return outputs"),
        (lambda ids, lengths: TABLE(ids)[:0], (V,), ValueError, "encode must return outputs"),
        (mean, (2,), ValueError, "vocab_size must be at least 3, got 2"),
        (mean, (3.5,), TypeError, "vocab_size must be an int"),
        (mean, (V, V), ValueError, "pad_id must be below vocab_size = 30, got 30"),
        (mean, (V, -1), ValueError, "pad_id must be at least 0, got -1"),
        (Encoder, (V,), TypeError, "encode must be callable .* got the class Encoder: make one"),
        ("bert", (V,), TypeError, "encode must be callable as encode"),
        (nn.Embedding(V, 3), (V,), TypeError, r"Embedding takes \(input\): write lambda ids, lengths: model\(ids\)"),
        (nn.LSTM(3, 3), (V,), TypeError, "second argument of LSTM is hx: write a function"),
        (attention_masked, (V,), TypeError, "is attention_mask: write lambda .*last_hidden_state, with mask"),
        (by_name, (V,), TypeError, r"\(ids, \*, lengths\): write lambda ids, lengths: model\(ids, lengths=lengths\)$"),
        (with_a_third, (V,), TypeError, "^encode must .* with_a_third also asks for mask: write a function"),
        (with_one_by_name, (V,), TypeError, "^encode must .* with_one_by_name also asks for mask: write a function"),
        (TransformerEncoder(V, 4, 1, 1).to("meta"), (V,), ValueError, "TransformerEncoder are on the meta device"),
        (lambda ids, lengths: TABLE(ids).to("meta"), (V,), ValueError, "encode must return numbers, got .* meta"),
        (
            mean,
            (V + 5,),
            ValueError,
            "vocab_size must be the number of ids, got 35: encode takes the id 29, but with 30",
        ),
    ],
)
def test_errors(check, encode, arguments, error, message):
    with pytest.raises(error, match=message):
        check(encode, *arguments)


# --- What each check is asked, and what it says, to the letter ---

ALL = (repeatability, finite_outputs, padding_invariance, batch_consistency, sensitivity)
ALL += (empty_rows, permutation_equivariance, causality)


def summed(seen=None, vocab_size=V):
    """An encoder that adds up rows of a table; `seen(place, lengths)` says which places it looks at."""
    table = nn.Embedding(vocab_size, DIM)

    def encode(ids, lengths):
        place = torch.arange(ids.shape[1]).expand(ids.shape)
        looks = mask(ids, lengths) if seen is None else mask(ids, lengths) & seen(place, lengths.unsqueeze(1))
        return (table(ids) * looks.unsqueeze(2)).sum(1)

    return encode


def states_of(change):
    """An encoder with a state for each word, changed by `change(states, lengths)`."""
    table = nn.Embedding(V, DIM)
    return lambda ids, lengths: change(table(ids) * mask(ids, lengths).unsqueeze(2), lengths)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("pad_id", [None, 0, 3])
def test_padding_is_the_pad_id_and_no_word_is(check, pad_id):
    encode, pads, words = summed(vocab_size=10), set(), set()

    def heard(ids, lengths):
        here = mask(ids, lengths)
        pads.update(ids[~here].tolist())
        words.update(ids[here].tolist())
        return encode(ids, lengths)

    check(heard, 10, **({} if pad_id is None else {"pad_id": pad_id}))
    assert pads <= {pad_id or 0}
    assert words
    assert (pad_id or 0) not in words


@pytest.mark.parametrize("check", [*ALL, check_encoder], ids=lambda check: check.__name__)
def test_ids_are_made_where_one_says(check):
    seen = set()

    def encode(ids, lengths):
        seen.add(ids.device.type)
        return torch.zeros(len(ids), 3)

    check(encode, V, device="meta")
    assert seen == {"meta"}


@pytest.mark.parametrize("name", ["ordered", "causal", "empty"])
def test_what_is_asked_for_is_true_or_false(name):
    with pytest.raises(TypeError, match=f"^{name} must be True or False"):
        check_encoder(summed(), V, **{name: "yes"})


def always_raises(ids, lengths):
    raise ValueError("always")


def moved_by(pads):
    """Adds one where so many pads follow the longest sentence."""
    encode = summed()
    return lambda ids, lengths: encode(ids, lengths) + (ids.shape[1] - lengths.max() == pads)


def with_an_empty_row(change):
    encode = summed()
    return lambda ids, lengths: change(encode(ids, lengths)) if (lengths == 0).any() else encode(ids, lengths)


def refuses(vectors):
    raise KeyError("no words")


CUT = "Is something cut off at an end? Is there a maximal length, a mask that is made from ids, a constant?"
SAYS = {
    "dropout": (
        repeatability,
        lambda: (lambda encode: lambda ids, lengths: nn.functional.dropout(encode(ids, lengths)))(summed()),
        False,
        r"\d words? moves? .* in a second run",
        "Is it in training mode, with dropout (call .eval())? Does it keep a state from call to call?",
    ),
    "NaN": (
        finite_outputs,
        lambda: lambda ids, lengths: torch.full((len(ids), 2), math.nan),
        False,
        "NaN or infinity for ordinary sentences",
        "Overflow? A division by zero?",
    ),
    "NaN at pads": (
        finite_outputs,
        lambda: states_of(lambda x, lengths: x.masked_fill(~mask(x, lengths).unsqueeze(2), math.nan)),
        False,
        "NaN or infinity at padding only",
        "Give zeros there: multiplied by a mask, NaN stays NaN, and one sum spreads it to all words.",
    ),
    "one pad": (padding_invariance, lambda: moved_by(1), False, "1 word moves by .* with 1 pad", None),
    "three pads": (padding_invariance, lambda: moved_by(3), False, "1 word moves by .* with 3 pads", None),
    "cut at five": (
        sensitivity,
        lambda: summed(lambda place, lengths: place < 5),
        False,
        "no word at place 5, 6 of 0 … 6 changes anything",
        CUT,
    ),
    "deaf at the end of seven": (
        sensitivity,
        lambda: summed(lambda place, lengths: (place != 6) | (lengths != 7)),
        False,
        "no word at place 6 of 0 … 6 changes anything",
        CUT,
    ),
    "deaf at the end of fifteen": (
        sensitivity,
        lambda: summed(lambda place, lengths: (place != 14) | (lengths != 15)),
        False,
        "no word at place 14 of 0 … 14 changes anything",
        CUT,
    ),
    "constant": (
        sensitivity,
        lambda: lambda ids, lengths: torch.ones(len(ids), 2),
        False,
        "no word changes anything",
        CUT,
    ),
    "refuses": (empty_rows, lambda: with_an_empty_row(refuses), True, "refuses a row without words: KeyError", ""),
    "moves others": (
        empty_rows,
        lambda: with_an_empty_row(lambda vectors: vectors + 1),
        False,
        "a row without words changes other rows",
        "What is computed over the whole batch?",
    ),
    "a later word": (
        causality,
        lambda: states_of(lambda x, lengths: x.flip(1).cumsum(1).flip(1)),
        False,
        "states before place 6 change with the word there",
        "",
    ),
    "places from the end": (
        causality,
        lambda: states_of(lambda x, lengths: x + (lengths[:, None] - torch.arange(x.shape[1])).unsqueeze(2)),
        False,
        "states before place 6 change if the text ends there",
        "",
    ),
    "raises, a promise": (repeatability, lambda: always_raises, False, "raises ValueError: always", None),
    "raises, a choice": (causality, lambda: always_raises, None, "raises ValueError: always", None),
}


@pytest.mark.parametrize("name", SAYS)
def test_what_a_check_says(name):
    check, make, holds, message, look_at = SAYS[name]
    found = check(make(), V)
    assert found.holds is holds
    assert re.fullmatch(message, found.message)
    assert look_at in (None, found.look_at)


@pytest.mark.parametrize(
    ("vocab_size", "id_"), [(257, 1), (257, 256), (258, 200), (1000, 1), (1000, 128), (1000, 999), (5000, 77)]
)
def test_a_dropped_id_is_found_among_those_tried(vocab_size, id_):
    table, tried = nn.Embedding(vocab_size, DIM), set()

    def encode(ids, lengths):
        tried.update(ids.flatten().tolist())
        return (table(ids) * (mask(ids, lengths) & (ids != id_)).unsqueeze(2)).sum(1)

    found = sensitivity(encode, vocab_size)
    assert (found.holds, found.message) == (False, f"the id {id_} changes nothing")
    assert len(tried) <= 300
