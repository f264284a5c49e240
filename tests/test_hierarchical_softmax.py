"""scratch.hierarchical_softmax against autograd, and against the full softmax that the tree spells out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch import hierarchical_softmax
from scratch.hierarchical_softmax import HierarchicalSoftmax, path_loss
from scratch.huffman import huffman

COUNTS = st.lists(st.integers(1, 20), min_size=2, max_size=9)


def probabilities(h, U, codes, paths):
    """P(word | h) for all words (V,), a product of sigmoids each, by a loop."""
    p = []
    for code, path in zip(codes.tolist(), paths.tolist(), strict=True):
        turns = [torch.sigmoid((1 - 2 * c) * (U[n] @ h)) for c, n in zip(code, path, strict=True) if c >= 0]
        p.append(torch.stack(turns).prod())
    return torch.stack(p)


@given(COUNTS, st.integers(0, 99))
def test_the_loss_is_minus_the_log_of_probabilities_that_sum_to_one(counts, seed):
    generator = torch.Generator().manual_seed(seed)
    codes, paths = huffman(counts)
    U = torch.randn(len(counts) - 1, 3, generator=generator, dtype=torch.float64).requires_grad_()
    h = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()  # n = 2 words, m = 4 guesses
    words = torch.randint(len(counts), (2,), generator=generator)
    expected = 0
    for word, guesses in zip(words, h, strict=True):
        for guess in guesses:
            p = probabilities(guess, U, codes, paths)
            torch.testing.assert_close(p.sum(), torch.tensor(1.0, dtype=torch.float64))
            expected = expected - p[word].log()
    expected.backward()
    loss, d_h, d_u = path_loss(h, U[paths[words].clamp(min=0)], codes[words])
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(d_h, h.grad)
    d_U = torch.zeros_like(U).index_add_(0, paths[words].clamp(min=0).flatten(), d_u.flatten(0, 1))
    torch.testing.assert_close(d_U, U.grad)


def trained(cbow, busy, monkeypatch):
    """The tables after one batch that holds a whole little text, and before it."""
    monkeypatch.setattr(hierarchical_softmax, "BUSY", busy)
    generator = torch.Generator().manual_seed(0)
    text = torch.tensor([0, 1, 2, 0, 3, 1])
    left, right = torch.tensor([0, 1, 2, 1, 1, 0]), torch.tensor([1, 1, 1, 0, 1, 0])  # the last one sees nobody
    tree = huffman([5, 3, 2, 1])
    W, U = torch.randn(4, 3, generator=generator).double(), torch.randn(3, 3, generator=generator).double()
    before = W.clone(), U.clone()
    paths = HierarchicalSoftmax(W, U, tree, cbow=cbow, batch_size=10, generator=generator)
    (batch,) = paths.batches(text, left, right)
    paths.step(batch, 0.1)
    return text, left, right, tree, before, (W, U)


def expected_tables(cbow, text, left, right, tree, before):
    W, U = (x.requires_grad_() for x in before)
    loss, passed = 0, torch.zeros(len(U), dtype=U.dtype)
    for t, word in enumerate(text):
        around = W[torch.cat([text[t - int(left[t]) : t], text[t + 1 : t + 1 + int(right[t])]])]  # (neighbours, d)
        guesses = around.mean(0, keepdim=True) if cbow and len(around) else around
        for guess in guesses:
            loss = loss - probabilities(guess, U, *tree)[word].log()
            passed[tree[1][word][tree[0][word] >= 0]] += 1
    loss.backward()
    return W.detach() - 0.1 * W.grad, U.detach(), U.grad, passed


@pytest.mark.parametrize("cbow", [False, True])
def test_a_batch_is_a_step_of_gradient_descent(cbow, monkeypatch):
    *given_, before, (W, U) = trained(cbow, 1000, monkeypatch)
    W_expected, U_before, gradient, _ = expected_tables(cbow, *given_, before)
    torch.testing.assert_close(W, W_expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(U, U_before - 0.1 * gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cbow", [False, True])
def test_busy_nodes_take_the_mean(cbow, monkeypatch):
    busy = 2 if cbow else 5
    *given_, before, (W, U) = trained(cbow, busy, monkeypatch)
    W_expected, U_before, gradient, passed = expected_tables(cbow, *given_, before)
    assert passed.min() <= busy < passed.max()
    torch.testing.assert_close(W, W_expected, rtol=0, atol=1e-12)
    expected = U_before - 0.1 * gradient * (busy / passed.clamp(min=busy)).unsqueeze(1)
    torch.testing.assert_close(U, expected, rtol=0, atol=1e-12)


def test_the_order_depends_on_the_generator_alone_and_leaves_out_who_sees_nobody():
    left, right = torch.tensor([0, 1, 0, 2, 0] * 20), torch.tensor([0, 1, 3, 0, 0] * 20)
    others, runs = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        options = {"cbow": False, "batch_size": 7, "generator": generator}
        batches = HierarchicalSoftmax(*torch.zeros(2, 3, 2), huffman([1, 1, 1, 1]), **options).batches(
            left, left, right
        )
        assert [len(places) for *_, places in batches] == [7] * 8 + [4]
        runs.append(torch.cat([places for *_, places in batches]).tolist())
    assert torch.equal(torch.get_rng_state(), others)
    assert runs[0] == runs[1] != runs[2]
    assert sorted(runs[0]) == [i for i in range(100) if i % 5 in (1, 2, 3)] != runs[0]
