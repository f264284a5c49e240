"""BM25: documents ranked by the words of a question, rare ones first (Robertson & Zaragoza 2009)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csc_array

from scratch._arguments import positive, share_of_1

__all__ = ["BM25"]


class BM25:
    """An index of documents: for each word, what it adds to the score of each document that has it.

    documents: lists of tokens. A word that stands in n of N documents weighs ln(1 + (N - n + ½) / (n + ½)), times
    f / (f + k1 (1 - b + b · length / mean length)) in a document that has it f times: `k1` says how soon more of a word
    stop to count, `b` how much a long document is held back. As Lucene has it, and the package bm25s with its method
    "lucene". Raises ValueError without a document or a token, or if k1 or b are out of range, TypeError for a document
    that is no list of tokens.

    >>> index = BM25([["a", "cat"], ["a", "dog"], ["a", "dog", "and", "a", "cat"]])
    >>> index.scores(["dog"]).round(2)
    array([0.  , 0.22, 0.14])
    """

    def __init__(self, documents: Iterable[Sequence[str]], k1: float = 1.5, b: float = 0.75) -> None:
        k1, b = positive("k1", k1), share_of_1("b", b)
        counts = []
        for document in documents:
            if isinstance(document, str):
                raise TypeError(f"documents must be lists of tokens, got the string {document!r:.40}")
            counts.append(Counter(document))
        lengths = np.array([count.total() for count in counts])  # (N,)
        if not lengths.any():
            raise ValueError(f"documents must hold at least one token, got {len(counts)} documents without any")
        self.words = {word: i for i, word in enumerate(dict.fromkeys(word for count in counts for word in count))}
        slow = k1 * (
            1 - b + b * lengths / lengths.mean()
        )  # (N,) how often a word must stand there to have half its weight
        rows = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
        columns = np.array([self.words[word] for count in counts for word in count])
        often = np.array([n for count in counts for n in count.values()])
        n = np.bincount(columns)  # (V,) in how many documents each word stands
        weight = np.log1p((len(counts) - n + 0.5) / (n + 0.5))  # (V,)
        shape = len(counts), len(self.words)
        self.table = csc_array((weight[columns] * often / (often + slow[rows]), (rows, columns)), shape=shape)

    def scores(self, query: Sequence[str]) -> np.ndarray:
        """The score of every document (N,): the sum over the query's tokens, one that stands twice counted twice."""
        if isinstance(query, str):
            raise TypeError(f"query must be a list of tokens, got the string {query!r:.40}")
        known = Counter(self.words[word] for word in query if word in self.words)
        return self.table[:, list(known)] @ np.array(list(known.values()), dtype=float)
