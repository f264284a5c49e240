"""scratch.windows against loops over the text, and against gensim."""

import numpy as np
import pytest
import torch
from gensim.models import Word2Vec
from hypothesis import given
from hypothesis import strategies as st

from scratch.windows import keep_probability, sample, windows

SENTENCES = st.lists(st.lists(st.integers(0, 5), max_size=7), min_size=1, max_size=5)


@given(SENTENCES, st.integers(1, 4))
def test_windows_equal_a_loop_over_the_text(sentences, window):
    centres, contexts = windows(sentences, window)
    expected = []
    for s in sentences:
        for t, centre in enumerate(s):
            around = [k for k in range(t - window, t + window + 1) if k != t]
            expected.append((centre, [s[k] if 0 <= k < len(s) else -1 for k in around]))
    assert centres.tolist() == [c for c, _ in expected]
    assert contexts.tolist() == [row for _, row in expected]


@given(SENTENCES, st.integers(1, 4), st.integers(0, 99))
def test_a_sample_sees_its_own_sentence_and_no_further_than_its_radius(sentences, window, seed):
    text = torch.tensor([i for s in sentences for i in s], dtype=torch.long)
    number = torch.tensor([k for k, s in enumerate(sentences) for _ in s], dtype=torch.long)
    keep = torch.tensor([1, 1, 1, 0, 0.5, 0.5])
    drawn, left, right = sample(text, number, keep, window, torch.Generator().manual_seed(seed))
    again = torch.Generator().manual_seed(seed)
    kept = torch.rand(len(text), generator=again) < keep[text]
    radius = torch.randint(1, window + 1, (int(kept.sum()),), generator=again).tolist()
    assert drawn.tolist() == text[kept].tolist()
    assert 3 not in drawn
    place = 0
    for k in range(len(sentences)):
        length = int((number[kept] == k).sum())
        for t in range(length):
            assert left[place] == min(t, radius[place])
            assert right[place] == min(length - 1 - t, radius[place])
            place += 1
    assert place == len(drawn)


def test_radii_and_dropping_follow_their_chances():
    text, n = torch.zeros(40_000, dtype=torch.long), 40_000
    drawn, left, right = sample(text, torch.zeros(n), torch.tensor([0.3]), 4, torch.Generator().manual_seed(0))
    assert len(drawn) / n == pytest.approx(0.3, abs=0.01)
    shares = left[4:-4].bincount() / (len(left) - 8)
    np.testing.assert_allclose(shares, [0, 0.25, 0.25, 0.25, 0.25], atol=0.015)
    assert torch.equal(left[4:-4], right[4:-4])


def test_keep_probability_is_gensims():
    counts = {f"w{i}": 10 * 3**i for i in range(8)}
    model = Word2Vec(min_count=1, sample=1e-3)
    model.build_vocab_from_freq(counts)
    theirs = [model.wv.get_vecattr(w, "sample_int") / 2**32 for w in counts]
    ours = keep_probability(torch.tensor(list(counts.values())), 1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert keep_probability(torch.tensor([1, 9]), 0).tolist() == [1, 1]


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_no_words_have_no_windows(sentences):
    centres, contexts = windows(sentences, 2)
    assert (centres.shape, contexts.shape) == ((0,), (0, 4))
    assert centres.dtype == contexts.dtype == torch.int64


def test_windows_refuse_negative_ids():
    with pytest.raises(IndexError, match=r"^sentences must hold ids of 0 or more, got a negative one$"):
        windows([[1, -5]], 1)


def test_windows_refuse_a_window_of_zero():
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        windows([[1]], 0)
