"""scratch.encoder against torch's modules with the same weights, packed and masked; and what an encoder promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scratch.check import check_encoder
from scratch.encoder import Encoder, TransformerEncoder
from scratch.text import mask

DTYPES = [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-5)]  # outputs within, gradients within
ENCODERS = [
    lambda: Encoder(20, 6, 8, 2),
    lambda: Encoder(20, 6, 8, 2, bidirectional=True),
    lambda: TransformerEncoder(20, 8, 2, 2),
    lambda: TransformerEncoder(20, 8, 2, 2, norm_first=True, position="learned"),
]


def sentences(batch, width, vocab_size=20):
    lengths = torch.randint(1, width + 1, (batch,))
    ids = torch.randint(1, vocab_size, (batch, width))
    return ids.masked_fill(torch.arange(width) >= lengths.unsqueeze(1), 0), lengths


def gradients(total, module, names):
    parameters = dict(module.named_parameters())
    return torch.autograd.grad(total, [parameters[name] for name in names])


def close(ours, theirs, tolerance):
    scale = max(1, *(x.abs().max().item() for x in theirs))
    torch.testing.assert_close(list(ours), list(theirs), atol=tolerance * scale, rtol=0)


@settings(max_examples=20)
@given(*(st.integers(1, n) for n in (4, 6, 4, 5, 3)), st.booleans(), st.booleans(), st.integers(0, 99))
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_the_encoder_equals_an_embedding_and_a_packed_lstm(
    dtype, value, slope, batch, width, embedding_dim, hidden_dim, layers, bidirectional, with_lengths, seed
):
    torch.manual_seed(seed)
    embedding = torch.nn.Embedding(20, embedding_dim, padding_idx=0).to(dtype)
    lstm = torch.nn.LSTM(embedding_dim, hidden_dim, layers, batch_first=True, bidirectional=bidirectional).to(dtype)
    ours = Encoder(20, embedding_dim, hidden_dim, layers, bidirectional=bidirectional).to(dtype)
    ours.embedding.load_state_dict(embedding.state_dict())
    ours.lstm.load_state_dict(lstm.state_dict())
    ids, lengths = sentences(batch, width)
    if with_lengths:
        packed, state = lstm(pack_padded_sequence(embedding(ids), lengths, True, enforce_sorted=False))
        states, _ = pad_packed_sequence(packed, True, total_length=width)
    else:
        lengths = None
        states, state = lstm(embedding(ids))
    found = (*ours(ids, lengths), ours.states(ids, lengths))
    expected = (*state, states)
    close(found, expected, value)
    by_layer = state[0].view(layers, 1 + bidirectional, batch, hidden_dim)
    close([ours.vectors(ids, lengths)], [by_layer[-1].transpose(0, 1).flatten(1)], value)
    gains = [torch.randn(x.shape, dtype=dtype) for x in found]
    a, b = (sum((x * g).sum() for x, g in zip(out, gains, strict=True)) for out in (found, expected))
    names = sorted(name for name, _ in lstm.named_parameters())
    close(gradients(a, ours.lstm, names), gradients(b, lstm, names), slope)


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 99))
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_the_transformer_equals_torchs(dtype, value, slope, batch, width, layers, norm_first, with_lengths, seed):
    torch.manual_seed(seed)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm_first)
    norm = torch.nn.LayerNorm(8) if norm_first else None
    theirs = torch.nn.TransformerEncoder(layer, layers, norm, enable_nested_tensor=False).to(dtype)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = TransformerEncoder(20, 8, layers, 2, 12, norm_first=norm_first).to(dtype)
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"input"}
    assert not unexpected
    ids, lengths = sentences(batch, width)
    lengths = lengths if with_lengths else torch.full((batch,), width)
    words = mask(lengths, width)
    expected = theirs(ours.input(ids), src_key_padding_mask=~words) * words.unsqueeze(2)
    given_lengths = lengths if with_lengths else None
    found = ours.states(ids, given_lengths)
    close([found, ours(ids, given_lengths)], [expected, expected], value)
    close([ours.vectors(ids, given_lengths)], [expected.sum(1) / lengths.unsqueeze(1)], value)
    gain = torch.randn(found.shape, dtype=dtype)
    names = sorted(name for name, _ in theirs.named_parameters())
    a, b = (found * gain).sum(), (expected * gain).sum()
    close(gradients(a, ours, names), gradients(b, theirs, names), slope)


@pytest.mark.parametrize("make", ENCODERS)
def test_padding_changes_nothing_and_a_sentence_alone_is_itself(make):
    torch.manual_seed(0)
    encoder = make()
    ids, lengths = sentences(5, 9)
    lengths[0] = 9
    wide = torch.nn.functional.pad(ids, (0, 13))
    states, vectors = encoder.states(ids, lengths), encoder.vectors(ids, lengths)
    assert torch.equal(encoder.states(wide, lengths)[:, :9], states)
    assert not encoder.states(wide, lengths)[:, 9:].any()
    assert torch.equal(encoder.vectors(wide, lengths), vectors)
    if isinstance(encoder, Encoder):
        assert all(torch.equal(a, b) for a, b in zip(encoder(wide, lengths), encoder(ids, lengths), strict=True))
    for row, n in enumerate(lengths.tolist()):
        alone = encoder.states(ids[row : row + 1, :n])
        torch.testing.assert_close(alone[0], states[row, :n], atol=1e-6, rtol=0)
        assert not states[row, n:].any()
        torch.testing.assert_close(encoder.vectors(ids[row : row + 1, :n])[0], vectors[row], atol=1e-6, rtol=0)


@settings(max_examples=10)
@given(st.sampled_from([math.nan, math.inf, -math.inf, 3e38, 1.0]), st.integers(0, 99))
@pytest.mark.parametrize("make", ENCODERS)
def test_what_stands_at_padding_does_not_matter(make, number, seed):
    """Whatever ids, of whatever vectors, fill up a sentence: outputs and gradients are the same, to the bit."""
    torch.manual_seed(seed)
    encoder, (ids, lengths) = make(), sentences(4, 7, vocab_size=19)
    lengths[0] = 5
    table = encoder.embedding if isinstance(encoder, Encoder) else encoder.input.token
    gain = torch.randn(4, 7, encoder.vectors(ids, lengths).shape[1])
    found = []
    for strange in (False, True):
        with torch.no_grad():
            table.weight[19] = number if strange else 0.0
        given = ids.masked_fill(~mask(lengths, 7), 19) if strange else ids
        outputs = encoder.states(given, lengths), encoder.vectors(given, lengths)
        total = (outputs[0] * gain).sum() + (outputs[1] * gain[:, 0]).sum()
        found.append([*outputs, *torch.autograd.grad(total, list(encoder.parameters()))])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("make", ENCODERS)
def test_lists_do_as_well_as_tensors(make):
    encoder, ids, lengths = make(), [[4, 5, 6], [7, 0, 0]], [3, 1]
    for call in (encoder.states, encoder.vectors):
        assert torch.equal(call(ids, lengths), call(torch.tensor(ids), torch.tensor(lengths)))
        assert torch.equal(call(ids), call(torch.tensor(ids)))


@pytest.mark.parametrize("make", ENCODERS)
def test_ids_and_lengths_come_to_the_device_of_the_weights(make):
    """The meta device stands in for a GPU: it has shapes and no numbers."""
    encoder = make().to("meta")
    for ids, lengths in (
        (torch.tensor([[4, 5, 6]]), torch.tensor([2])),
        ([[4, 5, 6]], [2]),
        (torch.ones(1, 3).int(), None),
    ):
        assert encoder.states(ids, lengths).shape[:2] == (1, 3)
        assert encoder.vectors(ids, lengths).device.type == "meta"


@pytest.mark.parametrize("make", ENCODERS)
def test_the_checks_agree(make):
    torch.manual_seed(0)
    encoder = make()
    causal = isinstance(encoder, Encoder) and not encoder.lstm.bidirectional
    assert check_encoder(encoder.states, 20, ordered=True, causal=causal)
    assert check_encoder(encoder.vectors, 20, ordered=True)
    assert not check_encoder(lambda ids, lengths: encoder.vectors(ids), 20)


def test_the_embedding_of_padding_stays_zero():
    encoder = Encoder(9, 4, 5, 1)
    encoder.vectors(torch.tensor([[3, 0, 0]])).sum().backward()
    assert not encoder.embedding.weight[0].any()
    assert not encoder.embedding.weight.grad[0].any()


def test_dropout_reaches_the_layers():
    encoder = TransformerEncoder(9, 8, 2, 2, dropout=0.5)
    assert {layer.dropout.p for layer in encoder.layers} == {0.5} == {encoder.input.dropout.p}


def test_what_is_not_asked_for_is_as_in_the_papers():
    hidden, cell = Encoder(9, 4, 5, 2)(torch.ones(3, 1, dtype=torch.long))
    assert hidden.shape == cell.shape == (2, 3, 5)  # one direction
    encoder = TransformerEncoder(9, 8, 1, 2)
    assert encoder.layers[0].linear1.weight.shape == (32, 8)  # section 3.3: four times as wide
    assert not encoder.layers[0].norm_first
    assert not list(encoder.input.position.parameters())
    assert encoder(torch.ones(1, 512, dtype=torch.long)).shape == (1, 512, 8)
    with pytest.raises(ValueError, match="max_length = 512, got 513"):
        encoder(torch.ones(1, 513, dtype=torch.long))


IDS = torch.tensor([[4, 5, 6], [7, 8, 0]])


@pytest.mark.parametrize("make", ENCODERS)
@pytest.mark.parametrize(
    ("ids", "lengths", "error", "message"),
    [
        (IDS + 12, None, IndexError, "ids must lie between 0 and vocab_size - 1 = 19, got 20"),
        (-IDS, None, IndexError, "ids must lie between 0 .* got -4"),
        (IDS.float(), None, TypeError, "ids must be integers, got torch.float32"),
        (IDS[0], None, ValueError, r"ids must have the shape \(batch, length\), each 1 or more, got \(3,\)"),
        (IDS[:, :0], None, ValueError, r"ids must have the shape .* got \(2, 0\)"),
        (IDS, torch.tensor([3, 0]), ValueError, "lengths must lie between 1 and the width 3, got 0"),
        (IDS, torch.tensor([4, 1]), ValueError, "lengths must lie between 1 and the width 3, got 4"),
        (IDS, torch.tensor([3]), ValueError, r"lengths must have the shape \(batch,\) = \(2,\), got \(1,\)"),
        (IDS, torch.tensor(3), ValueError, r"lengths must have the shape \(batch,\) = \(2,\), got \(\)"),
        (IDS, torch.tensor([3.0, 2.0]), TypeError, "lengths must be integers, got torch.float32"),
    ],
)
def test_errors(make, ids, lengths, error, message):
    encoder = make()
    for call in (encoder, encoder.states, encoder.vectors):
        with pytest.raises(error, match=message):
            call(ids, lengths)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Encoder(0, 4, 4, 1), ValueError, "vocab_size must be at least 1, got 0"),
        (lambda: Encoder(9, -1, 4, 1), ValueError, "embedding_dim must be at least 1, got -1"),
        (lambda: Encoder(9, 4, 0, 1), ValueError, "hidden_dim must be at least 1, got 0"),
        (lambda: Encoder(9, 4, 4, 1.5), TypeError, "num_layers must be an int"),
        (lambda: TransformerEncoder(0, 4, 1, 2), ValueError, r"^vocab_size must be at least 1, got 0"),
        (lambda: TransformerEncoder(9, 4, 0, 2), ValueError, "num_layers must be at least 1, got 0"),
        (lambda: TransformerEncoder(9, 0, 1, 2), ValueError, "dim must be at least 1, got 0"),
        (lambda: TransformerEncoder(9, 4, 1, 3), ValueError, "heads must divide dim = 4, got 3"),
        (lambda: TransformerEncoder(9, 4, 1, 2, dropout=1), ValueError, "dropout must be at least 0 and below 1"),
        (lambda: Encoder(9, 4, 4, 1, bidirectional=0.5), TypeError, "bidirectional must be True or False, got 0.5"),
        (lambda: TransformerEncoder(9, 4, 1, 2, norm_first=1), TypeError, "norm_first must be True or False, got 1"),
        (lambda: TransformerEncoder(9, 4, 1, 2, 8, 0.1), TypeError, "positional arguments"),
        (lambda: Encoder(9, 4, 4, 1)([["cat"]]), TypeError, r"^ids must be integers, got \[\['cat'\]\]"),
        (lambda: TransformerEncoder(9, 4, 1, 2, 0), ValueError, "feed_forward must be at least 1, got 0"),
        (lambda: TransformerEncoder(9, 4, 1, 2, max_length=2)(IDS), ValueError, "from 1 to max_length = 2, got 3"),
    ],
)
def test_errors_of_sizes(call, error, message):
    with pytest.raises(error, match=message):
        call()
