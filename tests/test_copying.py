"""scratch.copying: See et al.'s mixture, the same in any batch, which says words that it does not know."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder import writes_the_same
from torch.nn.functional import nll_loss

from scratch.copying import CopyingDecoder, CopyingEncoderDecoder, decode, encode
from scratch.encoder import Encoder, TransformerEncoder
from scratch.search import beams, greedy
from scratch.text import Vocabulary, pad
from scratch.training import fit

READ, WRITTEN, MOST = 12, 9, 15  # ids that the encoder knows, that the decoder writes, that stand in a source


def recurrent():
    return CopyingEncoderDecoder(
        Encoder(READ, 8, 16, 1, bidirectional=True), CopyingDecoder(WRITTEN, 8, 20, memory_dim=32)
    )


def transformer():
    return CopyingEncoderDecoder(TransformerEncoder(READ, 8, 1, 2), CopyingDecoder(WRITTEN, 8, 20, memory_dim=8))


models = pytest.mark.parametrize("make", [recurrent, transformer])


def sentences(count=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 9, (count,), generator=generator)
    return pad([torch.randint(4, MOST, (int(n),), generator=generator) for n in lengths])


@models
@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_it_is_the_papers_mixture_place_by_place(make, batch, steps, masked, seed):
    torch.manual_seed(seed)
    model = make().double()
    decoder, (ids, lengths) = model.decoder, sentences(batch, seed)
    lengths = lengths if masked else None
    before = torch.randint(4, MOST, (batch, steps))
    found = model(ids, lengths, before)
    assert found.shape == (batch, steps, max(WRITTEN, int(ids.max()) + 1))
    torch.testing.assert_close(found.exp().sum(2), torch.ones(batch, steps).double(), atol=1e-12, rtol=0)
    memory, vectors = model.encoder.read(ids.where(ids < READ, 1), lengths)
    for n in range(batch):
        h, c = decoder.begin(vectors[n]).tanh().chunk(2)
        source = ids[n, : lengths[n]] if masked else ids[n]
        keys = memory[n, : len(source)]
        for t in range(steps):
            token = before[n, t] if before[n, t] < WRITTEN else 1  # what it does not write is <unk> to it
            x = decoder.embedding.weight[token]
            _, (h, c) = decoder.lstm(x.view(1, 1, -1), state=(h.view(1, 1, -1), c.view(1, 1, -1)))
            h, c = h.flatten(), c.flatten()
            weights = torch.softmax(h @ decoder.attention.U.weight @ keys.T, 0)
            state = torch.cat([h, weights @ keys])
            p_gen = torch.sigmoid(decoder.switch(torch.cat([state, x])))
            expected = torch.zeros(found.shape[2]).double()
            expected[:WRITTEN] = p_gen * torch.softmax(decoder.output(decoder.combine(state).tanh()), 0)
            for place, i in enumerate(source.tolist()):
                expected[i] += ((1 - p_gen) * weights[place]).item()
            torch.testing.assert_close(found[n, t].exp(), expected, atol=1e-12, rtol=0)


@models
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.booleans())
def test_the_right_tokens_alone_are_as_likely_as_among_all(make, seed, masked):
    torch.manual_seed(seed)
    model = make().double()
    ids, lengths = sentences(5, seed)
    lengths = lengths if masked else None
    before, after = (torch.randint(4, MOST, (5, 4)) for _ in range(2))
    every = model(ids, lengths, before)
    expected = torch.cat([every, every.min().expand(5, 4, 9)], 2).gather(2, after.unsqueeze(2)).squeeze(2)
    found = model.log_p(ids, lengths, before, after)
    nowhere = expected < -80  # neither written nor in the source
    torch.testing.assert_close(found[~nowhere], expected[~nowhere], atol=1e-12, rtol=0)
    assert (found[nowhere] < -80).all()
    weights = list(model.parameters())
    slopes = [torch.autograd.grad(x[~nowhere].sum(), weights, retain_graph=True) for x in (found, expected)]
    torch.testing.assert_close(*slopes, atol=1e-10, rtol=0)


@models
def test_the_gradient_is_that_of_differences(make):
    torch.manual_seed(0)
    model = make().double()
    ids, lengths = pad([[4, 13, 4], [14]])
    before, after = torch.tensor([[2, 13], [2, 4]]), torch.tensor([[13, 4], [14, 5]])
    weights = [w for w in model.parameters() if w.requires_grad]

    def loss():
        return nll_loss(model(ids, lengths, before).flatten(0, 1), after.flatten())

    slopes = torch.autograd.grad(loss(), weights)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            assert slope.isfinite().all()
            direction = torch.randn_like(weight)
            weight += 1e-5 * direction
            above = loss()
            weight -= 2e-5 * direction
            measured = (above - loss()) / 2e-5
            weight += 1e-5 * direction
            torch.testing.assert_close((slope * direction).sum(), measured, atol=1e-8, rtol=1e-5)


def test_what_cannot_be_said_has_a_finite_loss():
    model = recurrent()
    log_p = model(*pad([[4, 14]]), torch.tensor([[2]]))
    assert log_p.isfinite().all()
    assert log_p[0, 0, 13] == log_p.min() < -80  # neither written nor in the source
    log_p[0, 0, 13].backward()
    assert all(w.grad.isfinite().all() for w in model.parameters() if w.grad is not None)


@models
def test_step_by_step_is_as_all_at_once_and_no_step_sees_the_next(make):
    torch.manual_seed(0)
    model = make().double()
    ids, lengths = sentences()
    before = torch.randint(4, MOST, (len(ids), 6))
    at_once = model(ids, lengths, before)
    state = model.start(ids, lengths)
    for t in range(6):
        log_p, state = model.step(before[:, t], state)
        torch.testing.assert_close(log_p, at_once[:, t], atol=1e-12, rtol=0)


@models
def test_padding_and_the_batch_change_nothing(make):
    torch.manual_seed(0)
    model = make().double()
    ids, lengths = sentences(9)
    wide = torch.nn.functional.pad(ids, (0, 5))
    before = torch.randint(4, MOST, (9, 4))
    together = model(ids, lengths, before)
    rubbish = wide.masked_fill(torch.arange(wide.shape[1]) >= lengths.unsqueeze(1), MOST - 1)
    rubbish = rubbish if make is recurrent else wide
    assert torch.equal(model(rubbish, lengths, before), model(wide, lengths, before))  # to the last bit
    for i, n in enumerate(lengths):
        alone = model(ids[i : i + 1, :n], lengths[i : i + 1], before[i : i + 1])
        torch.testing.assert_close(alone[0], together[i, :, : alone.shape[2]], atol=1e-12, rtol=0)
        nowhere = together[i, :, alone.shape[2] :]  # ids that only other sentences have
        assert (nowhere == together.min()).all()
    writes_the_same(model, ids, lengths, wide)


@models
def test_a_beams_score_is_the_models_own(make):
    torch.manual_seed(1)
    model = make().double()
    ids, lengths = sentences(3)
    for i, texts in enumerate(beams(model, ids, lengths, 4, width=3)):
        for text, log_p in texts:
            given = model(ids[i : i + 1], lengths[i : i + 1], torch.tensor([[2, *text]]))[0]
            own = given[:-1].gather(1, torch.tensor(text).unsqueeze(1)).sum().item() if text else 0.0
            possible = [own + given[-1, 3].item(), own if len(text) == 4 else float("inf")]
            assert min(abs(p - log_p) for p in possible) < 1e-5


def test_it_learns_to_say_words_that_it_has_never_seen():
    """Trained to repeat sources of words outside the vocabulary, it repeats other ones, outside it too."""
    torch.manual_seed(0)
    model, generator = recurrent(), torch.Generator().manual_seed(0)
    sources = torch.stack([torch.randperm(10, generator=generator)[:3] for _ in range(200)]) + READ
    lengths = torch.full((200,), 3)
    before = torch.cat([torch.full((200, 1), 2), sources], 1)
    after = torch.cat([sources, torch.full((200, 1), 3)], 1)

    def loss(rows):
        return nll_loss(model(sources[rows], lengths[rows], before[rows]).flatten(0, 1), after[rows].flatten())

    fit(model.parameters(), loss, torch.randint(150, (300, 32), generator=generator), 1e-2)
    others = sources[150:] + 20  # of other numbers
    written = greedy(model, others, lengths[150:], 5)
    assert sum(text == source for text, source in zip(written, others.tolist(), strict=True)) >= 45


@given(st.lists(st.sampled_from("abcdef"), max_size=6), st.lists(st.sampled_from("abcdef"), max_size=6))
def test_words_are_numbered_so_that_they_come_back(source, target):
    vocabulary = Vocabulary.from_tokens(["a", "b"])
    ids, others = encode(vocabulary, source)
    assert decode(vocabulary, ids, others) == source
    assert others == list(dict.fromkeys(w for w in source if w not in "ab"))
    assert [i for i, w in zip(ids, source, strict=True) if w in "ab"] == vocabulary.encode(
        [w for w in source if w in "ab"]
    )
    after, more = encode(vocabulary, target, others)
    assert more[: len(others)] == others
    assert decode(vocabulary, after, more) == target
    assert [i for i in after if i >= len(vocabulary) + len(others)] == [
        len(vocabulary) + more.index(w) for w in target if w not in "ab" and w not in source
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: CopyingDecoder(0, 1, 1, 1), ValueError, "^vocab_size must be at least 1, got 0"),
        (lambda: recurrent()(*pad([[4, -1]]), torch.tensor([[2]])), IndexError, "^ids must lie between 0"),
        (lambda: recurrent()(*pad([[4, 5]]), torch.tensor([[-2]])), IndexError, "^tokens must lie between 0"),
        (lambda: recurrent()(*pad([[4, 5]]), torch.tensor([[2.0]])), TypeError, "^tokens must be integers"),
        (lambda: encode(Vocabulary.from_tokens(["a"]), "ab"), TypeError, "^tokens must be a list of tokens"),
        (lambda: decode(Vocabulary.from_tokens(["a", "b"]), [7], ["c"]), IndexError, "^ids must lie between 0 and 6"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
