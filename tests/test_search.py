"""scratch.search: greedy and beam against all texts there are, and against their own scores."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch.search import BOS, EOS, beam_search, beams, greedy


class Table:
    """A model that knows for each sentence and the last two tokens how likely the next is."""

    def __init__(self, seed, tokens=6, sharp=1.5):
        generator = torch.Generator().manual_seed(seed)
        self.log_p = (sharp * torch.randn(20, tokens, tokens, tokens, generator=generator)).double().log_softmax(3)

    def start(self, ids, lengths):
        first = ids[:, 0] if lengths is None else ids.gather(1, (lengths - 1).unsqueeze(1)).squeeze(1)
        return {"sentence": first, "before": torch.zeros(len(ids), dtype=torch.long)}

    def step(self, tokens, state):
        log_p = self.log_p[state["sentence"], state["before"], tokens]
        return log_p, state | {"before": tokens}

    def score(self, sentence, text):
        """The log probability of tokens, the last of which may be <eos>."""
        before, last, total = 0, BOS, 0.0
        for token in text:
            total += self.log_p[sentence, before, last, token].item()
            before, last = last, token
        return total


def all_texts(tokens, horizon):
    """All texts up to the horizon: those that end, and those that are cut off there."""
    others = [token for token in range(tokens) if token != EOS]
    for n in range(horizon):
        yield from ((*text, EOS) for text in itertools.product(others, repeat=n))
    yield from itertools.product(others, repeat=horizon)


def bare(text):
    return [token for token in text if token != EOS]


@settings(max_examples=60)
@given(st.integers(0, 999), st.lists(st.integers(0, 19), min_size=1, max_size=5), st.integers(1, 6))
def test_a_beam_of_width_1_is_greedy(seed, sentences, horizon):
    model, ids = Table(seed), torch.tensor(sentences).unsqueeze(1)
    found = greedy(model, ids, None, horizon)
    assert beam_search(model, ids, None, horizon, width=1) == found
    for sentence, text in zip(sentences, found, strict=True):
        before, last = 0, BOS
        for token in [*text, EOS][:horizon]:
            assert token == model.log_p[sentence, before, last].argmax()
            before, last = last, token


@settings(max_examples=60)
@given(
    st.integers(0, 999), st.lists(st.integers(0, 19), min_size=1, max_size=3), st.sampled_from([0.0, 0.6, 2.0, -1.0])
)
def test_a_beam_as_wide_as_the_vocabulary_searches_all_texts_of_two_tokens(seed, sentences, penalty):
    model, tokens = Table(seed), 6
    found = beams(model, torch.tensor(sentences).unsqueeze(1), None, 2, width=tokens, length_penalty=penalty)
    for sentence, texts in zip(sentences, found, strict=True):
        judged = {text: model.score(sentence, text) / ((5 + len(text)) / 6) ** penalty for text in all_texts(tokens, 2)}
        expected = sorted(judged, key=judged.get, reverse=True)[:tokens]
        assert [text for text, _ in texts] == [bare(text) for text in expected]
        for (_, log_p), text in zip(texts, expected, strict=True):
            assert log_p == pytest.approx(model.score(sentence, text), abs=1e-6)


@settings(max_examples=60)
@given(st.integers(0, 999), st.integers(1, 7), st.integers(1, 7), st.sampled_from([0.0, 1.0]))
def test_a_score_is_the_models_own_and_a_beam_is_in_order(seed, width, horizon, penalty):
    model = Table(seed)
    (texts,) = beams(model, torch.tensor([[3]]), None, horizon, width, penalty)
    assert 1 <= len(texts) <= width
    judged = []
    for text, log_p in texts:
        ends = abs(model.score(3, [*text, EOS]) - log_p) < 1e-5
        assert ends or (len(text) == horizon and abs(model.score(3, text) - log_p) < 1e-5)
        judged.append(log_p / ((5 + len(text) + ends) / 6) ** penalty)
    assert judged == sorted(judged, reverse=True)
    assert len({tuple(text) for text, _ in texts}) == len(texts)


@settings(max_examples=30)
@given(st.integers(0, 999), st.lists(st.integers(0, 19), min_size=2, max_size=6), st.integers(1, 4))
def test_a_sentence_gets_the_same_alone_and_in_a_batch(seed, sentences, width):
    model, ids = Table(seed), torch.tensor(sentences).unsqueeze(1)
    together = beams(model, ids, None, 5, width, 0.7)
    assert [beams(model, row.unsqueeze(0), None, 5, width, 0.7)[0] for row in ids] == together


@pytest.mark.parametrize("width", [259, 1000, 10**9, 2**70])
def test_a_beam_is_no_wider_than_what_there_is(width):
    """Of six tokens there are 1 + 5 + 25 texts that end within three, and 125 that are cut off there."""
    model, ids = Table(1), torch.tensor([[3], [7]])
    for sentence, texts in zip((3, 7), beams(model, ids, None, 3, width), strict=True):
        judged = {text: model.score(sentence, text) for text in all_texts(6, 3)}
        assert [text for text, _ in texts] == [bare(text) for text in sorted(judged, key=judged.get, reverse=True)]
        assert len(texts) == 156


def test_a_beam_between_the_usual_and_all_there_is():
    model, ids = Table(2), torch.tensor([[5]])
    (every,), (some,) = (beams(model, ids, None, 3, width) for width in (10**9, 100))
    assert len(some) == 100
    assert some[:9] == every[:9]


def test_a_longer_text_gains_by_the_penalty():
    model = Table(0)
    model.log_p[:] = -9.0
    model.log_p[:, :, :, EOS] = math.log(0.5)
    model.log_p[:, :, :, 4] = math.log(0.49)
    ids = torch.tensor([[0]])
    lengths = [len(beam_search(model, ids, None, 6, 4, penalty)[0]) for penalty in (0.0, 1.0, 3.0, 9.0)]
    assert lengths == sorted(lengths)
    assert lengths[0] == 0
    assert lengths[-1] == 5  # and <eos>: as many as fit


def test_it_reads_each_sentence_to_its_end():
    model, ids, lengths = Table(3), torch.tensor([[7, 4, 9], [5, 9, 9]]), torch.tensor([2, 1])
    alone = [4], [5]
    for search in (greedy, beam_search):
        assert search(model, ids, lengths, 5) == [search(model, torch.tensor([row]), None, 5)[0] for row in alone]


def test_five_beginnings_and_no_penalty_unless_one_says_otherwise():
    found = [beam_search(Table(seed), torch.tensor([[3]]), None, 6) for seed in range(99)]
    others = {(5, 0.0): 0, (6, 0.0): 0, (4, 0.0): 0, (5, 1.0): 0}
    for width, penalty in others:
        again = [beam_search(Table(seed), torch.tensor([[3]]), None, 6, width, penalty) for seed in range(99)]
        others[width, penalty] = sum(a != b for a, b in zip(found, again, strict=True))
    assert others.pop((5, 0.0)) == 0
    assert min(others.values()) > 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: greedy(m, x, None, 0), ValueError, "max_length must be at least 1, got 0"),
        (lambda m, x: beam_search(m, x, None, 0), ValueError, "max_length must be at least 1, got 0"),
        (lambda m, x: beam_search(m, x, None, 3, 0), ValueError, "width must be at least 1, got 0"),
        (lambda m, x: beam_search(m, x, None, 3, 2.5), TypeError, "width must be an int"),
        (lambda m, x: beams(m, x, None, 3, 2, math.nan), ValueError, "length_penalty must be finite, got nan"),
        (lambda m, x: beams(m, x, None, 3, 2, "1"), TypeError, "length_penalty must be a float"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(Table(0), torch.tensor([[0]]))
