"""scratch.negative_sampling against autograd on the loss of the paper, pair by pair."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import logsigmoid

from scratch.negative_sampling import NegativeSampling, band, cbow_step, plain_loss, skip_gram_step
from scratch.windows import neighbours

SHAPES = st.tuples(*(st.integers(1, n) for n in (3, 6, 8, 5)), st.integers(0, 999))


def some(shapes):
    """Random tables in which words repeat, and the rows of b blocks of L centres, c given and m other words."""
    b, L, c, m, seed = shapes
    generator = torch.Generator().manual_seed(seed)
    V, d = 5, 3
    W, U = torch.randn(2, V, d, generator=generator, dtype=torch.float64).unbind()
    given, others = (torch.randint(V, (b, n), generator=generator) for n in (c, m))
    label, sees = torch.randint(2, (m,), generator=generator).double(), torch.randint(2, (b, L, 1), generator=generator)
    weight = torch.rand(b, L, m, generator=generator).double() * sees  # some centres see nothing
    return W.clone(), U.clone(), given, others, label, weight


def descended(scores, W, U, label, weight):
    """The tables after a step of 0.1 on the summed loss of all pairs, by autograd."""
    W, U = W.clone().requires_grad_(), U.clone().requires_grad_()
    (-logsigmoid((2 * label - 1) * scores(W, U)) * weight).sum().backward()
    return [x.detach() - 0.1 * x.grad for x in (W, U)]


@settings(max_examples=40)
@given(SHAPES)
def test_a_skip_gram_step_is_the_gradient_of_the_papers_loss(shapes):
    b, L, *_ = shapes
    W, U, _, others, label, weight = some(shapes)
    centres = torch.randint(5, (b, L), generator=torch.Generator().manual_seed(shapes[-1]))
    expected = descended(lambda W, U: W[centres] @ U[others].mT, W, U, label, weight)
    skip_gram_step(W, U, centres, others, label, weight, 0.1)
    torch.testing.assert_close([W, U], expected)


@settings(max_examples=40)
@given(SHAPES)
def test_a_cbow_step_is_the_gradient_of_the_papers_loss(shapes):
    W, U, words, others, label, weight = some(shapes)
    seen = torch.rand(*weight.shape[:2], words.shape[1], generator=torch.Generator().manual_seed(shapes[-1])) < 0.5
    mean = seen / seen.sum(2, keepdim=True).clamp(min=1).double()  # of nothing at all, too
    expected = descended(lambda W, U: mean @ W[words] @ U[others].mT, W, U, label, weight[0])
    cbow_step(W, U, words, mean, others, label, weight[0], 0.1)
    torch.testing.assert_close([W, U], expected)


def little_text(lengths, window, generator):
    """A text in which each word is its own place, and what each sees in sentences of these lengths."""
    place = torch.cat([torch.arange(length) for length in lengths])
    to_end = torch.cat([torch.arange(length - 1, -1, -1) for length in lengths])
    radius = torch.randint(1, window + 1, (len(place),), generator=generator)
    return torch.arange(len(place)), torch.minimum(place, radius), torch.minimum(to_end, radius)


def expected_scores(W, U, text, left, right, window, cbow):
    """The loss of a text whose words draw only word 0 as a negative, 5 times for each pair."""
    total = 0
    for centre, row in zip(text, neighbours(text, left, right, window, text), strict=True):
        around = row[row >= 0]
        if cbow:
            pairs = [(W[around].mean(0), U[centre])] if len(around) else []
        else:
            pairs = [(W[centre], U[word]) for word in around]
        for h, u in pairs:
            total = total - logsigmoid(h @ u) - 5 * logsigmoid(-(h @ U[0]))
    return total


@settings(max_examples=25)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(1, 4), st.integers(0, 99))
@pytest.mark.parametrize("cbow", [False, True])
def test_an_epoch_is_the_loss_of_every_pair_of_neighbours(cbow, lengths, window, seed):
    generator = torch.Generator().manual_seed(seed)
    text = little_text([*lengths, 2], window, generator)
    W, U = torch.randn(2, len(text[0]), 2, generator=generator, dtype=torch.float64).unbind()
    noise = torch.zeros(len(W))
    noise[0] = 1
    options = {"cbow": cbow, "negative": 5, "batch_size": 10_000, "generator": generator}
    blocks = NegativeSampling(W.clone(), U.clone(), noise, **options)
    (batch,) = blocks.batches(*text)
    blocks.step(batch, 0.1)
    W, U = W.requires_grad_(), U.requires_grad_()
    expected_scores(W, U, *text, window, cbow).backward()
    torch.testing.assert_close(blocks.W, W.detach() - 0.1 * W.grad)
    torch.testing.assert_close(blocks.U, U.detach() - 0.1 * U.grad)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 7), st.integers(0, 99))
@pytest.mark.parametrize("cbow", [False, True])
def test_a_step_goes_down_the_plain_loss(cbow, lengths, window, negative, seed):
    generator = torch.Generator().manual_seed(seed)
    text = little_text(lengths, window, generator)
    W, U = torch.randn(2, len(text[0]), 2, generator=generator, dtype=torch.float64).unbind()
    options = {"cbow": cbow, "negative": negative, "batch_size": 64, "generator": generator}
    blocks = NegativeSampling(W.clone(), U.clone(), torch.ones(len(W)), **options)
    batch = blocks.batches(*text)[0]
    blocks.step(batch, 0.1)
    W, U = W.requires_grad_(), U.requires_grad_()
    loss = plain_loss(W, U, batch, cbow=cbow, negative=negative)
    if loss.requires_grad:  # somebody sees somebody
        loss.backward()
        W, U = (x.detach() - 0.1 * (0 if x.grad is None else x.grad) for x in (W, U))
    torch.testing.assert_close([blocks.W, blocks.U], [W.detach(), U.detach()])


@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 4), st.integers(0, 99))
def test_the_band_is_a_loop_over_centres_and_places(b, L, w, seed):
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.randint(w + 1, (2, b, L), generator=generator).unbind()
    expected = torch.zeros(b, L, w + L + w)
    for block in range(b):
        for t in range(L):
            for k in range(1, w + 1):
                expected[block, t, w + t - k] += k <= left[block, t]
                expected[block, t, w + t + k] += k <= right[block, t]
    assert torch.equal(band(left, right, w), expected)


def test_a_wide_window_costs_no_more_than_the_text_needs():
    text = torch.arange(5)
    left, right = torch.tensor([0, 1, 2, 3, 4]), torch.tensor([4, 3, 2, 1, 0])  # whatever the window
    options = {"cbow": False, "negative": 5, "batch_size": 10**12, "generator": torch.Generator()}
    (batch,) = NegativeSampling(*torch.zeros(2, 5, 2), torch.ones(5), **options).batches(text, left, right)
    assert batch[0].shape == (1, 4 + 32 + 4)


def test_a_batch_has_as_many_centres_as_asked_for_and_every_block_is_in_one():
    generator, text = torch.Generator().manual_seed(0), torch.arange(1000)
    reach = torch.ones(1000, dtype=torch.long)
    options = {"cbow": True, "negative": 5, "batch_size": 100, "generator": generator}
    batches = NegativeSampling(*torch.zeros(2, 1000, 2), torch.ones(1000), **options).batches(text, reach, reach)
    assert [len(words) for words, *_ in batches] == [3] * 10 + [2]  # of 32 centres
    first = torch.cat([words[:, 1] for words, *_ in batches])
    assert first.tolist() != sorted(first.tolist())
    assert sorted(first.tolist()) == list(range(0, 1000, 32))


@pytest.mark.parametrize("cbow", [False, True])
def test_what_is_drawn_depends_on_the_generator_alone(cbow):
    text, others, runs = torch.arange(500), torch.get_rng_state(), []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        options = {"cbow": cbow, "negative": 5, "batch_size": 10_000, "generator": generator}
        (batch,) = NegativeSampling(*torch.zeros(2, 500, 2), torch.ones(500), **options).batches(
            text, text * 0, text * 0
        )
        runs.append([part.tolist() for part in batch])
    assert torch.equal(torch.get_rng_state(), others)
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("cbow", "negatives"), [(False, 32), (True, 16)])
def test_the_least_batch_is_a_block_with_its_negatives(cbow, negatives):
    text, generator = torch.zeros(70, dtype=torch.long), torch.Generator().manual_seed(0)
    options = {"cbow": cbow, "negative": 5, "batch_size": 1, "generator": generator}
    blocks = NegativeSampling(*torch.zeros(2, 3, 2), torch.tensor([0, 1, 0]), **options)
    batches = blocks.batches(text, text, text)
    assert [len(words) for words, *_ in batches] == [1, 1, 1]
    drawn = torch.cat([drawn for *_, drawn in batches])
    assert drawn.shape == (3, negatives)
    assert (blocks.noise_table == 1).all()  # words with no share in the noise are never drawn


@pytest.mark.parametrize("cbow", [False, True])
def test_negatives_follow_the_noise(cbow):
    text, generator = torch.zeros(64_000, dtype=torch.long), torch.Generator().manual_seed(0)
    options = {"cbow": cbow, "negative": 5, "batch_size": 512, "generator": generator}
    blocks = NegativeSampling(*torch.zeros(2, 4, 2), torch.tensor([1, 0, 3, 4]), **options)
    drawn = torch.cat([drawn.flatten() for *_, drawn in blocks.batches(text, text, text)])
    share = drawn.bincount(minlength=4) / len(drawn)
    torch.testing.assert_close(share, torch.tensor([1, 0, 3, 4]) / 8, atol=0.01, rtol=0)


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("w", [0, 1, 5])
def test_weights_looked_up_are_those_computed(cbow, w):
    options = {"cbow": cbow, "negative": 5, "batch_size": 64, "generator": torch.Generator().manual_seed(0)}
    blocks = NegativeSampling(*torch.zeros(2, 4, 2), torch.ones(4), **options)
    left, right = torch.randint(w + 1, (2, 7, 32), generator=torch.Generator().manual_seed(w))
    for _ in range(2):  # the second time out of the table that is there
        assert torch.equal(blocks._looked_up(left, right, w), blocks.weights(left, right, w))
