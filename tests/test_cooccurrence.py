"""Counts against a plain double loop, PPMI against scipy's relative entropy, SVD against numpy's."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import rel_entr

from scratch import cooccurrence as module
from scratch.cooccurrence import cooccurrence, ppmi, svd_vectors

SENTENCES = st.lists(st.lists(st.integers(0, 4), max_size=9), max_size=6)
COUNTS = np.array([[10.0, 0.0, 3.0], [0.0, 2.0, 2.0], [3.0, 2.0, 0.5], [0.0, 0.0, 0.0]])  # (4, 3)


def double_loop(sentences, vocab_size, window):
    x = np.zeros((vocab_size, vocab_size))
    for sentence in sentences:
        for s, i in enumerate(sentence):
            for t, j in enumerate(sentence):
                if s != t and abs(s - t) <= window:
                    x[i, j] += 1 / abs(s - t)
    return x


@given(SENTENCES, st.integers(1, 12), st.sampled_from([1, 3, 7, 1_000_000]))
def test_counts_are_those_of_a_double_loop(sentences, window, chunk):
    """Wherever the text is cut into chunks, and however short the sentences are."""
    whole, module._CHUNK = module._CHUNK, chunk
    try:
        counts = cooccurrence(sentences, 5, window)
    finally:
        module._CHUNK = whole
    assert np.allclose(counts.toarray(), double_loop(sentences, 5, window), rtol=1e-12, atol=0)
    assert (counts != counts.T).nnz == 0


def test_sentences_are_borders():
    apart = cooccurrence([[0, 1], [2]], 3)
    assert apart.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert cooccurrence(([i] for i in range(3)), 3).nnz == 0  # and any iterable will do


def test_ten_words_to_either_side_are_near_enough_if_nothing_else_is_said():
    sentence = list(range(13))
    assert np.allclose(cooccurrence([sentence], 13).toarray(), double_loop([sentence], 13, 10))


def test_a_word_beside_itself_counts_both_ways():
    assert cooccurrence([[0, 0]], 1).toarray().tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0]], 0), ValueError, "vocab_size must be at least 1, got 0"),
        (([[0]], 1, 0), ValueError, "window must be at least 1, got 0"),
        (([[0]], 1, 1.5), TypeError, "window must be an int, got 1.5"),
        (([[0, 3]], 3), IndexError, "sentences must lie between 0 and 2, the last of 3, got 3"),
        (([[-1]], 3), IndexError, "got -1"),
        (([[0.5]], 3), TypeError, "sentences must be integers, got 0.5"),
        (([[1.0]], 3), TypeError, "sentences must be integers, got 1.0"),
        (([[0, 2**40]], 3), IndexError, "got 1099511627776"),
        (([[2**70, 1]], 3), IndexError, f"got {2**70}"),
        ((["the cat"], 3), TypeError, "sentences must hold lists of ids, got 'the cat'"),
        (("the cat", 3), TypeError, "sentences must be a list of lists of ids, got 'the cat'"),
        (([0, 1], 3), TypeError, r"sentences must hold lists of ids, got 0 \(int\)"),
        ((7, 3), TypeError, r"sentences must be a list of lists of ids, got 7 \(int\)"),
        (([[0], ["1", "2"]], 3), TypeError, "sentences must be integers, got '1'"),
        (([[0, None]], 3), TypeError, "sentences must be integers, got None"),
        (([[0, [1]]], 3), TypeError, r"sentences must be integers, got \[1\]"),
    ],
)
def test_bad_text_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        cooccurrence(*arguments)


def test_any_reading_of_the_text_gives_the_same_counts():
    rows = [[0, 1, 2, 1], [], [2, 0]]
    expected = cooccurrence(rows, 3, 2).toarray()
    once = (iter(row) for row in rows)
    arrays, tensors = [np.array(row, dtype=np.uint64) for row in rows], [torch.tensor(row).long() for row in rows]
    mixed = [[0, np.uint64(1), np.int8(2), 1], (), range(2, -1, -2)]
    for read in (once, arrays, tensors, mixed):
        assert np.array_equal(cooccurrence(read, np.int64(3), torch.tensor(2)).toarray(), expected)
    for nothing in ([], [[]], iter(())):
        assert cooccurrence(nothing, 3).nnz == 0


def test_cost_follows_the_text():
    """A vocabulary or a window of a thousand million costs nothing that the text does not ask for."""
    counts = cooccurrence([[5, 10**9 - 1, 5]], 10**9, window=10**9)
    assert counts.shape == (10**9, 10**9)
    assert sorted(zip(*(place.tolist() for place in counts.coords), counts.data.tolist(), strict=True)) == [
        (5, 5, 1.0),
        (5, 10**9 - 1, 2.0),
        (10**9 - 1, 5, 2.0),
    ]


@pytest.mark.parametrize("smoothing", [1.0, 0.75])
def test_ppmi_is_the_positive_part_of_relative_entropy(smoothing):
    p = COUNTS / COUNTS.sum()
    context = COUNTS.sum(0) ** smoothing
    independent = np.outer(p.sum(1), context / context.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.nan_to_num(rel_entr(p, independent) / p).clip(min=0)
    result = ppmi(sparse.csr_array(COUNTS), smoothing)
    assert np.allclose(result.toarray(), expected)
    assert result.nnz == (expected > 0).sum()


def test_independent_words_have_no_mutual_information():
    independent = np.outer([1.0, 2.0, 5.0], [3.0, 4.0])
    assert np.allclose(ppmi(sparse.csr_array(independent)).toarray(), 0, atol=1e-12)


def test_only_shares_matter():
    counts = sparse.csr_array(COUNTS)
    assert np.allclose(ppmi(counts).toarray(), ppmi(7 * counts).toarray())


@pytest.mark.parametrize(
    ("counts", "smoothing", "message"),
    [
        ([[1.0]], 0, "smoothing must be positive and finite, got 0"),
        ([[1.0]], 1.5, "smoothing must be above 0 and at most 1, got 1.5"),
        ([[1.0, -1.0]], 1, "counts must not be negative, got -1.0"),
        ([[1.0, np.inf]], 1, "counts must be finite"),
        ([[0.0, 0.0]], 1, r"^counts must not all be zero"),
    ],
)
def test_bad_counts_are_named(counts, smoothing, message):
    with pytest.raises(ValueError, match=message):
        ppmi(sparse.csr_array(counts), smoothing)


def test_ppmi_costs_what_is_counted():
    """Of a thousand million contexts only those that occur are summed."""
    counts = sparse.coo_array(([4.0, 2.0, 1.0], ([0, 0, 1], [5, 10**9 - 1, 5])), (2, 10**9))
    few = sparse.csr_array([[4.0, 2.0], [1.0, 0.0]])
    tracemalloc.start()
    try:
        found = ppmi(counts, 0.75)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert found.data.tolist() == ppmi(few, 0.75).data.tolist()


@pytest.mark.parametrize("dim", [1, 3, 6])
@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_svd_is_numpys(power, dim):
    dense = np.random.default_rng(0).standard_normal((12, 7))
    u, sigma, _ = np.linalg.svd(dense, full_matrices=False)
    expected = u[:, :dim] * sigma[:dim] ** power
    result = svd_vectors(sparse.csr_array(dense), dim, power)
    assert np.allclose(np.abs(result), np.abs(expected))
    assert np.allclose(result @ result.T, expected @ expected.T)  # signs within a column are right, too
    assert (result[np.abs(result).argmax(0), range(dim)] > 0).all()


def test_svd_takes_counts_and_half_of_each_singular_value():
    counts = np.random.default_rng(0).integers(9, size=(6, 5))
    expected = svd_vectors(sparse.csr_array(counts.astype(float)), 2, power=0.5)
    assert np.array_equal(svd_vectors(sparse.csr_array(counts), 2), expected)


def test_svd_twice_is_the_same_to_the_bit():
    matrix = sparse.random_array((40, 40), density=0.3, rng=np.random.default_rng(1))
    once, again = svd_vectors(matrix, 5), svd_vectors(matrix, 5)
    assert once.shape == (40, 5)
    assert np.array_equal(once, again)


@pytest.mark.parametrize("dim", [0, 3, 9])
def test_svd_names_a_bad_dim(dim):
    with pytest.raises(ValueError, match=r"dim must be (at least 1|below 3, the smaller side of the matrix), got"):
        svd_vectors(sparse.csr_array(COUNTS), dim)


@pytest.mark.parametrize(
    ("matrix", "power", "error", "message"),
    [
        (COUNTS, float("nan"), ValueError, "^power must be finite, got nan$"),
        (COUNTS, "x", TypeError, r"^power must be a float, got 'x' \(str\)$"),
        ("ab", 0.5, TypeError, "^matrix must be a matrix of numbers, got str$"),
        (None, 0.5, TypeError, "^matrix must be a matrix of numbers, got NoneType$"),
        ([1.0, 2.0], 0.5, TypeError, "^matrix must be a matrix of numbers, got list$"),
        (np.full((3, 3), np.nan), 0.5, ValueError, "^matrix must be finite, got nan$"),
        (np.zeros((3, 4)), 0.5, ValueError, r"^matrix must not all be zero, got a matrix \(3, 4\) of zeros$"),
    ],
)
def test_svd_names_what_is_wrong(matrix, power, error, message):
    with pytest.raises(error, match=message):
        svd_vectors(matrix, 1, power)


def test_svd_takes_lists_and_arrays():
    expected = svd_vectors(sparse.csr_array(COUNTS), 2)
    assert np.array_equal(svd_vectors(COUNTS, 2), expected)
    assert np.array_equal(svd_vectors(np.asarray(COUNTS).tolist(), 2), expected)


@pytest.mark.parametrize("function", [module.positive_cells, ppmi])
def test_what_is_no_matrix_of_counts_is_named(function):
    for wrong in ("abc", np.zeros(3)):
        with pytest.raises(TypeError, match=r"^counts must be a matrix of numbers, got (str|ndarray)$"):
            function(wrong)
    with pytest.raises(ValueError, match=r"^counts must not be negative, got -1\.0$"):
        function(np.array([[1.0, -1.0]]))
    with pytest.raises(ValueError, match=r"^counts must"):
        function(np.array([[1.0, np.nan]]))


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_cells_are_a_copy_in_double_precision(dtype):
    counts = sparse.coo_array(np.array([[0, 2], [3, 0]], dtype=dtype))
    cells = module.positive_cells(counts)
    assert cells.dtype == np.float64
    cells.data[:] = 7
    assert counts.toarray().tolist() == [[0, 2], [3, 0]]
