"""Counting company: co-occurrence counts, pointwise mutual information, and short vectors out of them by SVD."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from scratch._arguments import at_least_1, finite, known_ids, positive

_CHUNK = 1_000_000  # places of the text that are counted at once: what bounds the memory


def cooccurrence(sentences: Iterable[Iterable[int]], vocab_size: int, window: int = 10) -> sparse.coo_array:
    """How often each word stands near each other one: every two places k ≤ `window` apart add 1 / k, both ways.

    sentences: lists of ids; no pair reaches over the end of a sentence. Returns X (V, V), symmetric, float64, its cells
    sorted by row and column; a word that stands near itself adds to the diagonal, twice per pair. The weights are those
    of Pennington et al. 2014, Section 4.2. Time and memory grow with the pairs that occur, not with V.

    >>> cooccurrence([[0, 1, 2], [0, 1]], vocab_size=3).toarray()
    array([[0. , 2. , 0.5],
           [2. , 0. , 1. ],
           [0.5, 1. , 0. ]])

    Raises ValueError if a size is below 1, IndexError for an id outside 0 … vocab_size - 1, TypeError if a sentence is
    no list or an id is no integer.
    """
    vocab_size, window = at_least_1("vocab_size", vocab_size), at_least_1("window", window)
    rows = _rows(sentences)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)  # (N,)
    known, ids = np.unique(_checked(list(chain.from_iterable(rows)), vocab_size), return_inverse=True)
    ids = ids.astype(np.int32)  # (n,) the place of each word of the text among the U known ones
    sentence = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)  # (n,) the number of each place's sentence

    ahead = sparse.csr_array((len(known), len(known)))  # (U, U) the pairs in the order of the text
    for start in range(0, len(ids), _CHUNK):
        pairs = [(ids[:0], ids[:0], np.empty(0))]
        for k in range(1, min(window, lengths.max(initial=1) - 1) + 1):
            left = slice(start, max(start, min(start + _CHUNK, len(ids) - k)))
            right = slice(left.start + k, left.stop + k)
            same = sentence[left] == sentence[right]
            pairs.append((ids[left][same], ids[right][same], np.full(same.sum(), 1 / k)))
        i, j, weights = map(np.concatenate, zip(*pairs, strict=True))  # (pairs,)
        ahead = ahead + sparse.coo_array((weights, (i, j)), ahead.shape).tocsr()  # adds up equal pairs
    both = (ahead + ahead.T).tocsr().tocoo()  # by rows
    i, j = both.coords
    return sparse.coo_array((both.data, (known[i], known[j])), (vocab_size, vocab_size))


def _rows(sentences: Iterable[Iterable[int]]) -> list[list[int]]:
    """The sentences as lists, read once, whatever they came as: generators, tuples, arrays, tensors."""
    if isinstance(sentences, str) or not isinstance(sentences, Iterable):
        raise TypeError(f"sentences must be a list of lists of ids, got {sentences!r:.40} ({type(sentences).__name__})")
    rows = []
    for sentence in sentences:
        if isinstance(sentence, str) or not isinstance(sentence, Iterable):
            raise TypeError(f"sentences must hold lists of ids, got {sentence!r:.40} ({type(sentence).__name__})")
        rows.append(sentence.tolist() if hasattr(sentence, "tolist") else list(sentence))
    return rows


def _checked(words: list[int], vocab_size: int) -> np.ndarray:
    """The ids as an array, if all are integers from 0 to vocab_size - 1."""
    try:
        ids = np.array(words, dtype=None if words else np.int64)
    except ValueError:  # some are lists
        ids = np.array("")
    if ids.dtype.kind not in "iu" or (ids.size and not (ids.min() >= 0 and ids.max() < vocab_size)):
        ids = np.array(known_ids("sentences", words, vocab_size))  # slower; finds the id that is wrong, and says so
    return ids.astype(np.int64)


def positive_cells(counts: sparse.sparray) -> sparse.coo_array:
    """The cells of `counts` (V, V') that are not zero, each once, as float64; `counts` may be sparse or dense.

    >>> positive_cells(np.array([[0, 2], [3, 0]])).data
    array([2., 3.])

    Raises ValueError if a count is negative or not finite or if all are zero, TypeError for what is no matrix.
    """
    cells = _matrix("counts", counts, sparse.coo_array)
    cells.sum_duplicates()
    cells.eliminate_zeros()
    _finite("counts", cells)
    if cells.data.min() < 0:
        raise ValueError(f"counts must not be negative, got {cells.data.min()}")
    return cells


def _matrix(name: str, given: sparse.sparray, kind: type[sparse.sparray]) -> sparse.sparray:
    """A copy of what was given, sparse or dense, as one kind of sparse matrix of float64, or TypeError."""
    try:
        matrix = kind(given, dtype=np.float64, copy=True)
    except (TypeError, ValueError):
        matrix = None
    if matrix is None or matrix.ndim != 2:
        raise TypeError(f"{name} must be a matrix of numbers, got {type(given).__name__}")
    return matrix


def _finite(name: str, matrix: sparse.sparray) -> None:
    """ValueError if a number is not finite, or all are zero."""
    if not matrix.data.any():
        raise ValueError(f"{name} must not all be zero, got a matrix {matrix.shape} of zeros")
    if not np.isfinite(matrix.data).all():
        raise ValueError(f"{name} must be finite, got {matrix.data[~np.isfinite(matrix.data)][0]}")


def ppmi(counts: sparse.sparray, smoothing: float = 1.0) -> sparse.csr_array:
    """Positive pointwise mutual information: max(0, ln P(w, c) / (P(w) P(c))), of counts (V, V').

    Words are rows, contexts are columns. `smoothing` is the power to which the contexts' counts are raised for P(c): 1
    for the plain definition (Church and Hanks 1990), 0.75 in Levy, Goldberg and Dagan 2015, which keeps rare contexts
    from standing out. Pairs that never occur, whose PMI would be minus infinity, get 0.

    >>> ppmi(sparse.csr_array([[4.0, 0.0], [0.0, 4.0]])).toarray().round(3)
    array([[0.693, 0.   ],
           [0.   , 0.693]])

    Raises ValueError if a count is negative or not finite, if all are zero, or if `smoothing` is not in (0, 1];
    TypeError if an argument is of the wrong kind.
    """
    if not positive("smoothing", smoothing) <= 1:
        raise ValueError(f"smoothing must be above 0 and at most 1, got {smoothing}")
    cells = positive_cells(counts)
    (word, i), (context, j) = (_sums(place, cells.data) for place in cells.coords)
    context = context**smoothing
    expected = word[i] * (context[j] / context.sum())  # the count if words fell independently
    pmi = sparse.csr_array((np.maximum(np.log(cells.data / expected), 0), cells.coords), cells.shape)
    pmi.eliminate_zeros()
    return pmi


def _sums(place: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each row, or column, that has something in it, and which of these sums each cell belongs to."""
    _, number = np.unique(place, return_inverse=True)
    return np.bincount(number, weights=data), number


def svd_vectors(matrix: sparse.sparray, dim: int, power: float = 0.5) -> np.ndarray:
    """The best `dim` numbers for each row: U Σ^power, from the largest singular values of `matrix` (V, V').

    Returns (V, dim) float64, the strongest direction first. U Σ (power 1) keeps the dot products of the rows best;
    smaller powers serve words better (Levy, Goldberg and Dagan 2015, who call it eig). A singular vector's sign is
    arbitrary: here its largest entry in size is positive, so that the result can be repeated.

    >>> abs(svd_vectors(sparse.csr_array(np.diag([1.0, 9.0, 4.0])), dim=2)).round(3)
    array([[0., 0.],
           [3., 0.],
           [0., 2.]])

    Raises ValueError if `dim` is not between 1 and min(V, V') - 1, or if `power` or a number in the matrix is not
    finite, or if all are zero; TypeError if an argument is of the wrong kind.
    """
    power, numbers = finite("power", power), _matrix("matrix", matrix, sparse.csr_array)
    _finite("matrix", numbers)
    least = min(numbers.shape)
    dim = at_least_1("dim", dim)
    if dim >= least:
        raise ValueError(f"dim must be below {least}, the smaller side of the matrix, got {dim}")
    start = np.random.default_rng(0).standard_normal(least)
    u, sigma, _ = svds(numbers, k=dim, v0=start)  # ARPACK
    order = np.argsort(-sigma, kind="stable")
    u, sigma = u[:, order], sigma[order]  # (V, dim), (dim,)
    largest = np.abs(u).argmax(axis=0)  # (dim,)
    return u * np.sign(u[largest, range(dim)]) * sigma**power
