"""Huffman's tree (Huffman 1952): the frequent words lie near the root, and have short codes.

Hierarchical softmax (Morin & Bengio 2005) gives every inner node of a tree a vector, and predicts a word by predicting
its turns, left or right, on the way from the root. Mikolov et al. (arXiv 1301.3781, 1310.4546) took Huffman's tree.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass
class _Node:
    """A word (0 … V - 1) or an inner node (V …). Only counts are compared: heapq alone decides among equals."""

    count: int
    number: int
    children: tuple[_Node, ...] = ()

    def __lt__(self, other: _Node) -> bool:
        return self.count < other.count


def huffman(counts: Sequence[int] | np.ndarray | Tensor) -> tuple[Tensor, Tensor]:
    """Return each word's code, its turns from the root (0: left, 1: right), and its path, the nodes where it turns.

    counts: (V,), 1 or more each. Returns codes (V, longest) int8 and paths (V, longest) int64, -1 after the last turn.
    As in the original program, the lighter of two joined nodes is the left one, and the V - 1 inner nodes have the
    numbers 0 … V - 2 in the order in which they are made, so that the root is V - 2. Words in gensim's order get
    gensim's codes and numbers, equal counts included.

    >>> codes, paths = huffman([4, 2, 1, 1])
    >>> codes.tolist()
    [[0, -1, -1], [1, 0, -1], [1, 1, 0], [1, 1, 1]]
    >>> paths.tolist()
    [[2, -1, -1], [2, 1, -1], [2, 1, 0], [2, 1, 0]]

    Raises ValueError if `counts` is empty or holds less than 1, TypeError if it holds anything but integers. Source:
    Huffman, A method for the construction of minimum-redundancy codes, Proceedings of the IRE 40, 1952.
    """
    try:
        counts = torch.as_tensor(counts)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"counts must be integers, got {counts!r:.40} ({type(counts).__name__})") from None
    if counts.dim() != 1 or not len(counts):
        raise ValueError(f"counts must have the shape (V,) with V of 1 or more, got {tuple(counts.shape)}")
    if counts.is_floating_point() or counts.is_complex() or counts.dtype == torch.bool:
        raise TypeError(f"counts must be integers, got {counts.dtype}")
    if counts.min() < 1:
        raise ValueError(f"counts must be 1 or more, got {counts.min().item()}")
    V = len(counts)
    heap = [_Node(count, word) for word, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    for number in range(V, 2 * V - 1):  # join the two lightest, V - 1 times
        left, right = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, _Node(left.count + right.count, number, (left, right)))

    turns: list[tuple[list[int], list[int]]] = [([], [])] * V  # every word's code and path
    # nodes still to visit, with the turns that lead there
    below: list[tuple[_Node, list[int], list[int]]] = [(heap[0], [], [])]
    while below:
        node, code, path = below.pop()
        if not node.children:
            turns[node.number] = code, path
        for turn, child in enumerate(node.children):
            below.append((child, [*code, turn], [*path, node.number - V]))

    longest = max(len(code) for code, _ in turns)
    codes = torch.tensor([code + [-1] * (longest - len(code)) for code, _ in turns], dtype=torch.int8)
    paths = torch.tensor([path + [-1] * (longest - len(path)) for _, path in turns], dtype=torch.int64)
    return codes, paths
