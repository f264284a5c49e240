"""scratch.windows against loops over the text, and against gensim."""

from collections import Counter

import numpy as np
import pytest
import torch
from gensim.models import Word2Vec
from hypothesis import given
from hypothesis import strategies as st

from scratch.windows import keep_probability, neighbours, running_text, sample, windows

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
    with pytest.raises(IndexError, match=r"^sentences must lie between 0 and .*, got -5$"):
        windows([[1, -5]], 1)


def test_windows_refuse_a_window_of_zero():
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        windows([[1]], 0)


@pytest.mark.parametrize("window", [10**9, 2**70])
def test_windows_that_no_memory_holds_are_refused(window):
    most = (2**31 - 1) // 6
    with pytest.raises(ValueError, match=rf"^window must be at most {most}, .* got {window}$"):
        windows([[1, 2], [3]], window)
    with pytest.raises(ValueError, match=r"^window must be at most"):
        windows([], 2**70)


def test_only_the_result_is_as_wide_as_the_window():
    """What is beyond every sentence's end costs no more than the -1 that stands there."""
    with torch.profiler.profile(profile_memory=True) as seen:
        _, contexts = windows([[1, 2], [3]], 10**5)
    assert contexts[:, 10**5 - 1 : 10**5 + 1].tolist() == [[-1, 2], [1, -1], [-1, -1]]
    assert sum(contexts.flatten() != -1) == 2
    taken = sum(max(event.self_cpu_memory_usage, 0) for event in seen.key_averages())
    assert taken < 1.5 * contexts.nbytes


@given(SENTENCES, st.integers(1, 3))
def test_windows_of_iterators_tensors_and_other_integers_are_those_of_lists(sentences, window):
    expected = windows(sentences, window)
    for same in (
        ((i for i in s) for s in sentences),
        [torch.tensor(s, dtype=torch.int32) for s in sentences],
        tuple(np.array(s, dtype=np.uint8) for s in sentences),
    ):
        assert all(torch.equal(a, b) for a, b in zip(windows(same, window), expected, strict=True))


@pytest.mark.parametrize(
    ("sentences", "error", "message"),
    [
        ([[1.7]], TypeError, r"^sentences must be integers, got 1.7 \(float\)$"),
        ([[True]], TypeError, r"^sentences must be integers, got True \(bool\)$"),
        ([["cat"]], TypeError, r"^sentences must be integers, got 'cat' \(str\)$"),
        ([[2**70]], IndexError, r"^sentences must lie between 0 and \d+, .*, got 1180591620717411303424$"),
        (["the cat"], TypeError, "^sentences must be lists of ids, got a str among them"),
        ([3], TypeError, r"^sentences must be lists of ids, got 3 \(int\)$"),
        (5, TypeError, r"^sentences must be a list of lists of ids, got 5 \(int\)$"),
        ("the cat", TypeError, r"^sentences must be a list of lists of ids, got 'the cat' \(str\)$"),
    ],
)
def test_what_holds_no_ids_is_named(sentences, error, message):
    with pytest.raises(error, match=message):
        windows(sentences, 1)


WORDS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "<unk>", "<pad>", "", "é"]), max_size=6), max_size=6)


@given(WORDS, st.integers(1, 3))
def test_running_text_equals_counting_and_looking_up(sentences, min_count):
    counted = Counter(word for s in sentences for word in s)
    kept = sorted((w for w in counted if counted[w] >= min_count), key=lambda w: (-counted[w], w))
    if not kept:
        with pytest.raises(ValueError, match=r"^min_count must leave some words"):
            running_text(sentences, min_count)
        return
    counts, text, sentence = running_text((iter(s) for s in sentences), min_count)  # each is read once
    assert list(counts.items()) == [(w, counted[w]) for w in kept]
    pairs = [(kept.index(w), k) for k, s in enumerate(sentences) for w in s if w in kept]
    assert list(zip(text.tolist(), sentence.tolist(), strict=True)) == pairs


@pytest.mark.parametrize("bad", [[["a", 3]], [["a", None]]])
def test_a_token_that_is_no_str_is_named(bad):
    with pytest.raises(TypeError, match=r"^sentences must hold tokens of type str, got (3|None)"):
        running_text(bad, 1)


@pytest.mark.parametrize("window", [6, 10**6, 2**70])
def test_a_radius_may_be_larger_than_any_sentence(window):
    text, number = torch.arange(3), torch.zeros(3)
    _, left, right = sample(text, number, torch.ones(3), window, torch.Generator().manual_seed(0))
    assert max(left.max(), right.max()) <= 2


def test_neighbours_are_where_the_text_is():
    text = torch.zeros(3, dtype=torch.long, device="meta")
    sides = torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0])
    assert neighbours(text, *sides, 2, torch.tensor([0, 2])).device.type == "meta"
