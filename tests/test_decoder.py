"""scratch.decoder: torch's decoder layer, one step at a time as all at once, and the same in any batch."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_encoder_layer import DTYPES, twins

from scratch.attention import AdditiveAttention
from scratch.decoder import Decoder, DecoderLayer, DotAttention, EncoderDecoder, TransformerDecoder, greedy
from scratch.encoder import Encoder, TransformerEncoder
from scratch.search import beam_search, beams
from scratch.text import mask, pad

SOURCE, TARGET = 12, 9  # tokens


def recurrent(attention, bidirectional=True):
    encoder = Encoder(SOURCE, 8, 16, 1, bidirectional=bidirectional)
    return EncoderDecoder(encoder, Decoder(TARGET, 8, 20, 16 * (1 + bidirectional), attention=attention))


def transformer(norm_first=False):
    encoder = TransformerEncoder(SOURCE, 8, 2, 2, norm_first=norm_first)
    return EncoderDecoder(encoder, TransformerDecoder(TARGET, 8, 2, 2, norm_first=norm_first))


MODELS = {
    "no attention": lambda: recurrent(None, False),
    "dot": lambda: recurrent("dot"),
    "additive": lambda: recurrent("additive"),
    "Transformer": transformer,
    "Transformer, pre-norm": lambda: transformer(True),
}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def sentences(count=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 9, (count,), generator=generator)
    return pad([torch.randint(4, SOURCE, (int(n),), generator=generator) for n in lengths])


@settings(max_examples=30)
@given(
    *(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.sampled_from([1, 2, 4]), st.integers(1, 9)),
    *(st.booleans(), st.booleans(), st.integers(0, 99)),
)
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
def test_a_layer_equals_torchs(
    dtype, value, slope, norm_first, batch, steps, length, heads, feed_forward, causal, padded, seed
):
    torch.manual_seed(seed)
    dim = 4
    theirs = torch.nn.TransformerDecoderLayer(
        dim, heads, feed_forward, dropout=0.0, batch_first=True, norm_first=norm_first
    ).to(dtype)
    ours = DecoderLayer(dim, heads, feed_forward, norm_first=norm_first).to(dtype)
    spreads = twins(ours, theirs)
    x = torch.randn(batch, steps, dim, dtype=dtype).requires_grad_()
    memory = torch.randn(batch, length, dim, dtype=dtype).requires_grad_()
    see = torch.ones(steps, steps, dtype=torch.bool).tril()
    words = torch.arange(length) < torch.randint(1, length + 1, (batch, 1))
    output = ours(x, memory, see.unsqueeze(0) if causal else None, words.unsqueeze(1) if padded else None)
    options = {"tgt_mask": ~see if causal else None, "memory_key_padding_mask": ~words if padded else None}
    expected = theirs(x, memory, **options)
    assume(dtype == torch.float64 or min(spreads) > 0.25)
    torch.testing.assert_close(output, expected, atol=value * max(1, expected.abs().max().item()), rtol=0)
    gain = torch.randn(output.shape, dtype=dtype)
    a, b = (
        torch.autograd.grad((o * gain).sum(), [x, memory, *(w for _, w in sorted(m.named_parameters()))])
        for o, m in ((output, ours), (expected, theirs))
    )
    scale = max(1, *(w.abs().max().item() for w in b))
    torch.testing.assert_close(list(a), list(b), atol=slope * scale, rtol=0)


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_decoder_takes_torchs_weights(norm_first):
    layer = torch.nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm_first)
    theirs = torch.nn.TransformerDecoder(layer, 2, torch.nn.LayerNorm(8) if norm_first else None)
    ours = TransformerDecoder(TARGET, 8, 2, 2, 12, norm_first=norm_first)
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"input", "output"}
    assert not unexpected
    tokens, memory = torch.randint(4, TARGET, (2, 5)), torch.randn(2, 3, 8)
    see = torch.ones(5, 5, dtype=torch.bool).tril()
    expected = ours.output(theirs(ours.input(tokens), memory, tgt_mask=~see))
    found, _ = ours(tokens, ours.start(memory, None, memory.mean(1)))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


@models
def test_step_by_step_is_as_all_at_once_and_no_step_sees_the_next(make):
    torch.manual_seed(0)
    model = make().double()
    ids, lengths = sentences()
    before = torch.randint(4, TARGET, (len(ids), 6))
    at_once = model(ids, lengths, before).log_softmax(2)
    state = model.start(ids, lengths)
    for t in range(6):
        log_p, state = model.step(before[:, t], state)
        torch.testing.assert_close(log_p, at_once[:, t], atol=1e-12, rtol=0)
    changed = before.clone()
    changed[:, 3:] = 4 + (changed[:, 3:] - 3) % 5
    other = model(ids, lengths, changed).log_softmax(2)
    torch.testing.assert_close(other[:, :3], at_once[:, :3], atol=1e-12, rtol=0)
    assert (other[:, 3:] - at_once[:, 3:]).abs().max() > 1e-6


def writes_the_same(model, ids, lengths, wide):
    """Every sentence's translation is the same with more padding, and alone."""
    for search in (greedy, beam_search):
        written = search(model, ids, lengths, 6)
        assert search(model, wide, lengths, 6) == written
        assert [search(model, ids[i : i + 1], lengths[i : i + 1], 6)[0] for i in range(len(ids))] == written


@models
def test_padding_and_the_batch_change_nothing(make):
    torch.manual_seed(0)
    model = make().double()
    ids, lengths = sentences(9)
    wide = torch.nn.functional.pad(ids, (0, 5))
    before = torch.randint(4, TARGET, (9, 4))
    together = model(ids, lengths, before)
    torch.testing.assert_close(model(wide, lengths, before), together, atol=1e-12, rtol=0)
    for i, n in enumerate(lengths):
        alone = model(ids[i : i + 1, :n], lengths[i : i + 1], before[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=1e-12, rtol=0)
    writes_the_same(model, ids, lengths, wide)


@models
def test_a_beams_score_is_the_models_own(make):
    torch.manual_seed(1)
    model = make().double()
    ids, lengths = sentences(3)

    def score(i, text):
        before = torch.tensor([[2, *text[:-1]]])
        log_p = model(ids[i : i + 1], lengths[i : i + 1], before).log_softmax(2)[0]
        return log_p.gather(1, torch.tensor(text).unsqueeze(1)).sum().item()

    for i, texts in enumerate(beams(model, ids, lengths, 4, width=3)):
        for text, log_p in texts:
            ended = score(i, [*text, 3])  # with <eos>; a text of four tokens may also have been cut off
            possible = [ended, score(i, text)] if len(text) == 4 else [ended]
            assert min(abs(own - log_p) for own in possible) < 1e-5


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_additive_attention_answers_many_queries_as_one_by_one(batch, queries, length, masked, seed):
    torch.manual_seed(seed)
    attention = AdditiveAttention(3, 4, 5).double()
    query, keys = torch.randn(batch, queries, 3).double(), torch.randn(batch, length, 4).double()
    words = mask(torch.randint(1, length + 1, (batch,)), length) if masked else None
    context, weights = attention(query, keys, words if words is None else words.unsqueeze(1))
    for t in range(queries):
        alone = attention(query[:, t], keys, words)
        torch.testing.assert_close((context[:, t], weights[:, t]), alone, atol=1e-12, rtol=0)


@models
def test_without_lengths_all_places_are_words(make):
    torch.manual_seed(0)
    model, ids, before = make().double(), torch.randint(4, SOURCE, (3, 5)), torch.randint(4, TARGET, (3, 4))
    expected = model(ids, torch.full((3,), 5), before)
    torch.testing.assert_close(model(ids, None, before), expected, atol=1e-12, rtol=0)


def test_what_is_chosen_unless_one_says_otherwise():
    decoder = Decoder(9, 2, 3, 4)
    assert isinstance(decoder.attention, DotAttention)
    assert not decoder.embedding.weight[0].any()  # the padding's
    assert decoder.attention.U.bias is None
    assert not DecoderLayer(4, 2, 8).norm_first
    writer = TransformerDecoder(9, 4, 2, 2)
    assert writer.layers[0].linear1.out_features == 16
    assert not writer.layers[0].norm_first
    assert isinstance(writer.norm, torch.nn.Identity)
    assert writer.input.max_length == 512


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    writer, memory = TransformerDecoder(9, 4, 1, 2, dropout=0.5), torch.randn(1, 3, 4)
    assert {m.p for m in writer.modules() if isinstance(m, torch.nn.Dropout)} == {0.5}
    tokens, state = torch.tensor([[4, 5]]), writer.start(memory, None, memory.mean(1))
    assert not torch.equal(writer(tokens, state)[0], writer(tokens, state)[0])
    writer.eval()
    assert torch.equal(writer(tokens, state)[0], writer(tokens, state)[0])


def test_dot_attention_by_hand():
    attention = DotAttention(2, 3)
    query, keys, words = torch.randn(2, 4, 2), torch.randn(2, 5, 3), mask([5, 2])
    context, weights = attention(query, keys, words.unsqueeze(1))
    for n, length in ((0, 5), (1, 2)):
        own = keys[n, :length]
        expected = (query[n] @ attention.U.weight @ own.T).softmax(1)
        torch.testing.assert_close(weights[n, :, :length], expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(context[n], expected @ own, atol=1e-6, rtol=0)
    assert not weights[1, :, 2:].any()
    keys[1, 2:] = torch.nan  # what may not be used does not matter, whatever it holds
    again = attention(query, keys, words.unsqueeze(1))
    assert torch.equal(again[0], context)
    for share in attention.project_keys(keys, words), attention.project_keys(keys):
        assert torch.equal(attention(query, keys, words.unsqueeze(1), projected=share)[0], context)


@pytest.mark.parametrize("number", [torch.nan, torch.inf, 3e38])
@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_what_the_memory_holds_at_padding_reaches_no_gradient(attention, number):
    torch.manual_seed(0)
    decoder, memory, words = Decoder(TARGET, 8, 20, 6, attention=attention), torch.randn(2, 5, 6), mask([5, 2])
    tokens, vectors = torch.randint(4, TARGET, (2, 3)), torch.randn(2, 6)

    def outcome(number):
        given = memory.masked_fill(~words.unsqueeze(2), number)
        scores, _ = decoder(tokens, decoder.start(given, words, vectors))
        return [scores, *torch.autograd.grad(scores.square().sum(), list(decoder.parameters()))]

    for found, expected in zip(outcome(number), outcome(1.0), strict=True):
        assert torch.equal(found, expected)


def test_a_causal_mask_of_dot_attention_lets_nothing_through():
    attention, x, causal = DotAttention(3, 3), torch.randn(4, 4, 3), torch.ones(4, 4, dtype=torch.bool).tril()
    with pytest.raises(ValueError, match=r"^mask must have three dimensions, got \(4, 4\): pass mask.unsqueeze"):
        attention(x, x, causal)
    _, weights = attention(x, x, causal.unsqueeze(0))
    assert not weights[:, ~causal].any()
    torch.testing.assert_close(weights[3, 2, :3], (x[3, 2] @ attention.U.weight @ x[3, :3].T).softmax(0))


@models
def test_lists_are_as_good_as_tensors(make):
    torch.manual_seed(0)
    model, (ids, lengths) = make(), sentences(3)
    before = torch.randint(4, TARGET, (3, 4))
    expected = model(ids, lengths, before)
    assert torch.equal(model(ids.tolist(), lengths.tolist(), before.tolist()), expected)
    assert greedy(model, ids.tolist(), lengths.tolist(), 4) == greedy(model, ids, lengths, 4)


@models
def test_tokens_are_moved_to_where_the_weights_are(make):
    model, (ids, lengths) = make().to("meta"), sentences(3)
    tokens = torch.randint(4, TARGET, (3, 4))
    assert model(ids, lengths, tokens).device.type == "meta"
    _, state = model.step(tokens[:, 0], model.start(ids, lengths))
    log_p, _ = model.step(tokens[:, 1], state)
    assert (log_p.device.type, log_p.shape) == ("meta", (3, TARGET))


@models
def test_it_learns_to_copy(make):
    """What was read is found again: five tokens, the same ones as in the source."""
    from scratch.training import fit

    torch.manual_seed(0)
    model = make()
    generator = torch.Generator().manual_seed(0)
    sources = torch.randint(4, TARGET, (40, 3), generator=generator)
    lengths = torch.full((40,), 3)
    before = torch.cat([torch.full((40, 1), 2), sources], 1)
    after = torch.cat([sources, torch.full((40, 1), 3)], 1)

    def loss(_):
        return torch.nn.functional.cross_entropy(model(sources, lengths, before).mT, after)

    fit(model.parameters(), loss, range(200), 1e-2)
    written = greedy(model, sources, lengths, 5)
    right = sum(text == source for text, source in zip(written, sources.tolist(), strict=True))
    assert right >= 36


def test_weights_are_its_own_in_a_copy():
    model = recurrent("dot")
    assert copy.deepcopy(model)(*sentences(), torch.full((7, 1), 2)).equal(model(*sentences(), torch.full((7, 1), 2)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Decoder(0, 1, 1, 1), ValueError, "vocab_size must be at least 1, got 0"),
        (lambda: Decoder(5, 1, 1, 0), ValueError, "memory_dim must be at least 1, got 0"),
        (lambda: Decoder(5, 1, 1, 1, attention="luong"), ValueError, "attention must be 'dot', 'additive' or None"),
        (lambda: recurrent(None)(*sentences(), torch.tensor([[TARGET]] * 7)), IndexError, "tokens must lie between 0"),
        (lambda: TransformerDecoder(5, 4, 1, 3), ValueError, "heads must divide dim = 4, got 3"),
        (lambda: DecoderLayer(4, 2, 0), ValueError, "feed_forward must be at least 1, got 0"),
        (lambda: DecoderLayer(4, 2, 8, 1.5), ValueError, "^dropout must be at least 0 and below 1, got 1.5"),
        (lambda: DecoderLayer(4, 2, 8, norm_first=0), TypeError, "^norm_first must be True or False, got 0"),
        (
            lambda: DecoderLayer(4, 2, 8)(torch.zeros(1, 3, 5), torch.zeros(1, 3, 4)),
            ValueError,
            r"^x must have the shape .* dim = 4\), got .*5\)$",
        ),
        (lambda: TransformerDecoder(0, 4, 1, 2), ValueError, "^vocab_size must be at least 1, got 0"),
        (lambda: TransformerDecoder(5, 4, 0, 2), ValueError, "^num_layers must be at least 1, got 0"),
        (lambda: Decoder(5, 0, 1, 1), ValueError, "^embedding_dim must be at least 1, got 0"),
        (lambda: DotAttention(0, 1), ValueError, "^query_dim must be at least 1, got 0"),
        (lambda: DotAttention(1, 0), ValueError, "^key_dim must be at least 1, got 0"),
        (
            lambda: DotAttention(2, 3)(torch.zeros(1, 2), torch.zeros(1, 2, 3)),
            ValueError,
            r"^query must have the shape .*query_dim = 2\), got \(1, 2\)",
        ),
        (
            lambda: DotAttention(2, 3)(torch.zeros(1, 1, 2), torch.zeros(1, 2, 4)),
            ValueError,
            r"^keys must have the shape .*key_dim = 3\), got \(1, 2, 4\)",
        ),
        (lambda: recurrent("dot").start(torch.tensor([[SOURCE]])), IndexError, "ids must lie between 0"),
        (lambda: transformer()(*sentences(), [[TARGET]] * 7), IndexError, "^ids must lie between 0"),
        (lambda: transformer()(*sentences(), [[2**70]] * 7), IndexError, "^tokens must fit into int64"),
        (lambda: transformer()(*sentences(), [[0.5]] * 7), TypeError, "^tokens must be integers"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
