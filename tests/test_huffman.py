"""Huffman's tree, held against gensim's, against Kraft's inequality, and against all other trees."""

from functools import cache
from itertools import combinations, pairwise

import pytest
import torch
from gensim.models import Word2Vec
from hypothesis import given
from hypothesis import strategies as st

from scratch.corpora import load
from scratch.huffman import huffman

COUNTS = st.lists(st.integers(1, 1000), min_size=1, max_size=60)


def rows(table: torch.Tensor) -> list[list[int]]:
    """The rows without their padding, which must stand at the end."""
    found = [row[: int((row >= 0).sum())].tolist() for row in table]
    assert all((row[len(start) :] == -1).all() for row, start in zip(table, found, strict=True))
    return found


@pytest.fixture(scope="module")
def sentences():
    return load("state-of-the-union")[-5000:]


@pytest.mark.parametrize("min_count", [1, 5, 50])  # with 1, half the words stand once: ties everywhere
def test_gensim_has_the_same_codes_and_numbers(sentences, min_count):
    model = Word2Vec(hs=1, negative=0, vector_size=1, min_count=min_count)
    model.build_vocab(sentences)
    codes, paths = huffman([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key])
    assert len(codes) > 200
    assert rows(codes) == [model.wv.get_vecattr(word, "code").tolist() for word in model.wv.index_to_key]
    assert rows(paths) == [model.wv.get_vecattr(word, "point").tolist() for word in model.wv.index_to_key]


@given(COUNTS)
def test_code_is_complete_and_no_code_begins_another(counts):
    codes = rows(huffman(counts)[0])
    assert sum(2.0 ** -len(code) for code in codes) == 1  # Kraft's inequality, with equality
    words = sorted(map(tuple, codes))
    assert all(b[: len(a)] != a for a, b in pairwise(words))


@cache
def cheapest(weights: tuple[int, ...]) -> int:
    """The least cost of all binary trees, each of which joins two pieces, any two, until there is one."""
    trees = []
    for i, j in combinations(range(len(weights)), 2):
        joined = weights[i] + weights[j]
        rest = (*weights[:i], *weights[i + 1 : j], *weights[j + 1 :], joined)
        trees.append(joined + cheapest(tuple(sorted(rest))))
    return min(trees, default=0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_no_tree_is_cheaper(counts):
    cost = sum(n * len(code) for n, code in zip(counts, rows(huffman(counts)[0]), strict=True))
    assert cost == cheapest(tuple(sorted(counts)))


@given(COUNTS)
def test_paths_lead_through_a_tree(counts):
    codes, paths = map(rows, huffman(counts))
    assert all(path[:1] in ([], [len(counts) - 2]) for path in paths)  # from the root
    place = {}
    for code, path in zip(codes, paths, strict=True):
        assert len(code) == len(path)
        assert path == sorted(path, reverse=True)  # a node is made after the two below it
        for depth, node in enumerate(path):
            assert place.setdefault(node, code[:depth]) == code[:depth]  # one way to each node
    assert sorted(place) == list(range(len(counts) - 1))


def test_shapes_and_types():
    codes, paths = huffman(torch.tensor([5, 3, 2]))
    assert (codes.dtype, paths.dtype, codes.shape, paths.shape) == (torch.int8, torch.int64, (3, 2), (3, 2))
    codes, paths = huffman([7])  # one word: nothing to ask
    assert (codes.dtype, paths.dtype, codes.shape, paths.shape) == (torch.int8, torch.int64, (1, 0), (1, 0))


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([], ValueError, r"counts must have the shape \(V,\) with V of 1 or more, got \(0,\)"),
        ([[1, 2]], ValueError, r"counts must have the shape .* got \(1, 2\)"),
        ([3, 0], ValueError, "counts must be 1 or more, got 0"),
        ([1.5, 2.0], TypeError, "counts must be integers, got torch.float32"),
        ([True, True], TypeError, "counts must be integers, got torch.bool"),
        ([1j, 2.0], TypeError, "counts must be integers, got torch.complex64"),
    ],
)
def test_errors(counts, error, message):
    with pytest.raises(error, match=message):
        huffman(counts)


@pytest.mark.parametrize("counts", [["a"], [2**70], None, (n for n in (1, 2))])
def test_what_holds_no_integers_is_named(counts):
    with pytest.raises(TypeError, match=r"^counts must be integers, got "):
        huffman(counts)
