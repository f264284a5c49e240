"""GloVe against autograd, against the released program's update in plain numpy, and on counts it can reproduce."""

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from scipy import sparse

from scratch.cooccurrence import cooccurrence, ppmi
from scratch.glove import GloVe, fit, train, weighting

ANIMALS = [f"the {w} {rest}".split() for w in ("cat", "dog") for rest in ("drinks milk", "chases the mouse")]
V, D, N = 6, 3, 40


def cells(seed=0):
    """Random cells: rows, columns, counts, log counts, weights, each (N,)."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.randint(V, (2, N), generator=generator)
    x = 0.1 + 20 * torch.rand(N, generator=generator, dtype=torch.float64)
    return rows, columns, x, x.log(), weighting(x)


def fresh(dtype=torch.float64):
    return GloVe(V, D, 0.05, torch.Generator().manual_seed(1), dtype)


def test_weighting_is_equation_9():
    x = torch.tensor([0, 1, 50, 100, 1000], dtype=torch.float64)
    assert torch.allclose(weighting(x, 100), torch.tensor([0, 0.01**0.75, 0.5**0.75, 1, 1], dtype=torch.float64))


def test_the_first_step_is_the_gradient_of_the_loss():
    rows, columns, _, log_x, weights = cells()
    model = fresh()
    before = [table.clone().requires_grad_() for table in model.tables]
    w, c, b, b_c = before
    dots = (w[rows] * c[columns]).sum(1) + b[rows] + b_c[columns]
    loss = (weights * (dots - log_x) ** 2).sum() / 2
    loss.backward()
    assert torch.allclose(model.step(rows, columns, log_x, weights), loss)
    for table, old in zip(model.tables, before, strict=True):
        assert torch.allclose(table - old, -0.05 * old.grad)  # S is 1 / 0.05², everywhere


def released(words, contexts, rows, columns, x, eta=0.05):
    """The update of the released program, one cell after the other, in numpy; the biases stand last."""
    seen_w, seen_c = np.ones_like(words), np.ones_like(contexts)
    for i, j, count in zip(rows, columns, x, strict=True):
        w, c = words[i].copy(), contexts[j].copy()
        difference = w[:-1] @ c[:-1] + w[-1] + c[-1] - np.log(count)
        f = 1 if count > 10 else (count / 10) ** 0.75
        to_w, to_c = eta * f * difference * np.append(c[:-1], 1), eta * f * difference * np.append(w[:-1], 1)
        words[i] -= to_w / np.sqrt(seen_w[i])
        contexts[j] -= to_c / np.sqrt(seen_c[j])
        seen_w[i] += to_w**2
        seen_c[j] += to_c**2
    return words, contexts


def both(model):
    """The model's tables as the program keeps them: vector, then bias."""
    sides = (model.words, model.word_biases), (model.contexts, model.context_biases)
    return [torch.cat([vectors, biases.unsqueeze(1)], 1).numpy() for vectors, biases in sides]


def test_cell_by_cell_it_is_the_released_program():
    rows, columns, x, log_x, weights = cells()
    model = fresh()
    expected = released(*(table.copy() for table in both(model)), rows.numpy(), columns.numpy(), x.numpy())
    for k in torch.arange(N).split(1):
        model.step(rows[k], columns[k], log_x[k], weights[k])
    for ours, theirs in zip(both(model), expected, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_a_batch_without_repetition_is_the_same_as_its_cells():
    rows, columns = torch.tensor([0, 1, 2, 3]), torch.tensor([3, 0, 5, 1])
    *_, log_x, weights = cells()
    together, apart = fresh(), fresh()
    for _ in range(3):
        together.step(rows, columns, log_x[:4], weights[:4])
        for k in torch.arange(4).split(1):
            apart.step(rows[k], columns[k], log_x[k], weights[k])
    for one, other in zip((*together.tables, *together.sums), (*apart.tables, *apart.sums), strict=True):
        assert torch.allclose(one, other, rtol=1e-13)


def test_it_reproduces_counts_that_have_the_form_of_the_model():
    rng = np.random.default_rng(0)
    w, c = rng.normal(size=(2, 12, 2))
    log_x = w @ c.T + rng.normal(size=(12, 1)) + rng.normal(size=12)
    model = fit(sparse.csr_array(np.exp(log_x)), dim=4, epochs=4000, x_max=0.01, dtype=torch.float64)
    said = model.words @ model.contexts.T + model.word_biases.unsqueeze(1) + model.context_biases
    assert np.abs(said.numpy() - log_x).max() < 0.02


def test_it_starts_and_ends_as_the_released_program():
    """There, vector and bias start as (rand - 0.5) / (dim + 1), each S as 1, and W + W̃ is saved without the biases."""
    model = GloVe(2000, 4)
    for table in model.tables:
        assert 0.099 < -table.min() <= 0.1
        assert 0.099 < table.max() <= 0.1
        assert abs(table.mean()) < 0.005
    assert all((sums == 400).all() for sums in model.sums)  # 1 / 0.05²
    assert [sums.shape for sums in model.sums] == [table.shape for table in model.tables]
    assert [table.shape for table in model.tables] == [(2000, 4), (2000, 4), (2000,), (2000,)]
    model.words, model.contexts = torch.arange(8.0).view(2, 4), torch.full((2, 4), 100.0)
    assert model.vectors().tolist() == [[100, 101, 102, 103], [104, 105, 106, 107]]


def test_settings_are_the_released_programs_if_nothing_else_is_said():
    sentences = np.random.default_rng(0).permuted([[*"abcdefghijklmno"]] * 5, axis=1).tolist()
    sentences += [["rare", *"a" * 12]] * 4  # one word is left out, and one pair is seen more than ten times
    usual = train(sentences, dim=100, window=10, min_count=5, epochs=15, seed=0, x_max=10, step_size=0.05)
    assert "rare" not in usual
    assert np.array_equal(train(sentences).vectors, usual.vectors)
    counts = cooccurrence([[0, 1] * 12], 2)
    assert torch.equal(fit(counts).words, fit(counts, 100, 15, 0, x_max=10, step_size=0.05).words)


def test_one_word_is_enough():
    assert train([["a", "a"]], dim=2, min_count=1).index_to_key == ["a"]


def test_zeros_are_not_learnt():
    """A zero that is stored, or a count stored in two parts, makes no difference."""
    plain = sparse.csr_array([[0.0, 3.0], [3.0, 1.0]])
    stored = sparse.coo_array(([3.0, 3.0, 0.0, 0.25, 0.75], ([0, 1, 0, 1, 1], [1, 0, 0, 1, 1])), (2, 2))
    assert torch.equal(fit(plain, 2).words, fit(stored, 2).words)
    assert stored.nnz == 5  # and what was given stays as it was


def test_whole_counts_lose_no_precision():
    whole = sparse.csr_array([[0, 3], [3, 1]])
    assert torch.equal(fit(whole, 2, dtype=torch.float64).words, fit(whole.astype(float), 2, dtype=torch.float64).words)


@pytest.mark.parametrize("seed", range(3))
def test_train_keeps_order_and_finds_company(seed):
    groups = "cat dog milk mouse purrs".split(), "king queen crown land rules".split()
    rng = np.random.default_rng(0)
    text = [["the", *map(str, rng.choice(group, 3))] for _ in range(300) for group in groups]
    vectors = train(text, dim=8, window=3, min_count=1, epochs=60, seed=seed, dtype=torch.float64)
    assert isinstance(vectors, KeyedVectors)
    assert vectors.index_to_key[0] == "the"
    assert vectors.get_vecattr("the", "count") == 600
    inside = [vectors.similarity(a, b) for group in groups for a in group for b in group if a != b]
    across = [vectors.similarity(a, b) for a in groups[0] for b in groups[1]]
    assert np.mean(inside) > np.mean(across) + 0.3


def test_train_is_count_then_fit():
    """Rare words are taken out before the windows are laid."""
    sentences = [["a", "rare", "b", "a"], ["b", "a"]]
    cells = cooccurrence([[0, 1, 0], [1, 0]], 2, window=1)
    expected = fit(cells, 2, 3, 5).vectors()
    vectors = train(sentences, dim=2, window=1, min_count=2, epochs=3, seed=5)
    assert np.array_equal(vectors[["a", "b"]], expected.numpy())


def test_seeds_and_precision():
    one, again, other = (train(ANIMALS, dim=4, min_count=1, seed=seed).vectors for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert fit(sparse.eye_array(3).tocsr() * 2, 2, dtype=torch.float64).words.dtype == torch.float64


def test_every_epoch_is_reported_and_the_loss_falls():
    said = []
    x = cooccurrence([[0, 1, 2, 3, 1]], 4)
    fit(x, 3, epochs=300, report=lambda epoch, loss: said.append((epoch, loss)))
    assert [epoch for epoch, _ in said] == list(range(1, 301))
    assert said[-1][1] < said[0][1] / 2
    counts = torch.tensor(x.data)  # vectors near zero know nothing:
    assert said[0][1] == pytest.approx((weighting(counts) * counts.log() ** 2).mean().item() / 2, rel=0.2)


@pytest.mark.parametrize("step_size", [50.0, 1e6])
def test_divergence_is_named(step_size):
    text = np.random.default_rng(0).integers(30, size=(50, 20)).tolist()
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d+: step_size must be smaller, got"):
        fit(cooccurrence(text, 30), 10, step_size=step_size)


@pytest.mark.parametrize("vocab_size", [2, 10, 100])
def test_small_vocabularies_do_not_diverge(vocab_size):
    """In a small vocabulary a large batch would hold the same word too often."""
    text = np.random.default_rng(0).zipf(1.3, size=(200, 20)) % vocab_size
    losses = []
    fit(cooccurrence(text.tolist(), vocab_size), 10, report=lambda _, loss: losses.append(loss))
    assert max(losses) == losses[0] > 2 * losses[-1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"dim": 2.5}, TypeError, "dim must be an int, got 2.5"),
        ({"window": 0}, ValueError, "window must be at least 1, got 0"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"min_count": 0}, ValueError, "min_count must be at least 1, got 0"),
        ({"min_count": 99}, ValueError, "min_count must leave some words, got 99"),
        ({"sentences": [["alone"]]}, ValueError, "leaves no two words in one sentence"),
        ({"sentences": ["the cat"]}, TypeError, r"^sentences must be lists of tokens, got a str"),
        ({"sentences": "the cat"}, TypeError, r"^sentences must be a list of lists of tokens, got 'the cat'"),
        ({"sentences": [[1, 2]]}, TypeError, "sentences must hold tokens of type str, got 1"),
        ({"x_max": 0}, ValueError, "x_max must be positive and finite, got 0"),
        ({"step_size": -1}, ValueError, "step_size must be positive and finite, got -1"),
        ({"step_size": 0}, ValueError, "step_size must be positive and finite, got 0"),
    ],
)
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        train(**{"sentences": ANIMALS, "min_count": 1, **change})


def test_an_empty_vocabulary_is_named():
    with pytest.raises(ValueError, match=r"^vocab_size must be at least 1, got 0"):
        GloVe(0, 2)


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], ValueError, r"^counts must not all be zero, got a matrix \(2, 2\) of zeros"),
        ([[1.0, -1.0], [-1.0, 1.0]], ValueError, "counts must not be negative, got -1.0"),
        ([[1.0, np.nan], [1.0, 1.0]], ValueError, "counts must be finite, got nan"),
        ([[1.0, np.inf], [1.0, 1.0]], ValueError, "counts must be finite, got inf"),
        ("counts", TypeError, "counts must be a matrix of numbers, got str"),
        (None, TypeError, "counts must be a matrix of numbers, got NoneType"),
        ([1.0, 2.0], TypeError, "counts must be a matrix of numbers, got list"),
    ],
)
def test_bad_counts_are_named(counts, error, message):
    for use in (fit, ppmi):
        with pytest.raises(error, match=message):
            use(counts)


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (None, TypeError, "seed must be an int, got None"),
        (1.5, TypeError, "seed must be an int, got 1.5"),
        (-1, ValueError, "seed must be at least 0, got -1"),
        (2**64, ValueError, r"seed must be below 2\*\*64"),
    ],
)
def test_bad_seeds_are_named(seed, error, message):
    with pytest.raises(error, match=message):
        train(ANIMALS, dim=2, min_count=1, seed=seed)


def test_any_integer_will_do():
    plain = train(ANIMALS, dim=3, window=2, min_count=1, epochs=2, seed=3).vectors
    whole = map(np.int64, (3, 2, 1, 2, 3))
    assert np.array_equal(train(ANIMALS, *whole).vectors, plain)
    whole = map(torch.tensor, (3, 2, 1, 2, 3))
    assert np.array_equal(train(ANIMALS, *whole).vectors, plain)


def test_what_can_be_read_once_will_do():
    plain = train(ANIMALS, dim=3, min_count=1)
    read_once = train((iter(sentence) for sentence in ANIMALS), dim=3, min_count=1)
    assert read_once.index_to_key == plain.index_to_key
    assert np.array_equal(read_once.vectors, plain.vectors)


def test_an_unknown_word_in_the_text_is_a_word():
    """WikiText has <unk> in it: nothing vanishes, and no neighbours close up, whatever the name."""
    sentences = [["the", "<unk>", "sat"], ["<pad>", "sat"]] * 3
    renamed = [[{"<unk>": "cat", "<pad>": "dog"}.get(word, word) for word in s] for s in sentences]
    ours, theirs = (train(text, dim=2, window=1, min_count=1, epochs=3) for text in (sentences, renamed))
    assert {"<unk>", "<pad>"} < set(ours.index_to_key)
    assert ours.get_vecattr("<unk>", "count") == 3
    assert len(ours) == len(theirs)
    once = cooccurrence([[0, 1, 2]], 3, window=1)
    assert once.toarray()[0, 2] == 0  # "the" and "sat" are no neighbours


def test_odd_types_are_named():
    with pytest.raises(TypeError, match=r"^dtype must be torch.float32 or torch.float64, got torch.float16"):
        fit(np.eye(2), dim=1, dtype=torch.float16)
    with pytest.raises(TypeError, match="step_size must be a float, got '1'"):
        fit(np.eye(2), dim=1, step_size="1")
