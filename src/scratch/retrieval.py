"""Which passage answers? Stems of words, ranks of right answers, two ways to fuse rankings, and `ask` in one line."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from scratch._arguments import at_least_1, finite, positive
from scratch._eight_bits import restored
from scratch.bm25 import BM25
from scratch.corpora import load_arrays, load_documentation
from scratch.text import tokenize

__all__ = ["Answer", "Answers", "MeanVectors", "ask", "fuse_ranks", "fuse_scores", "ranks", "shipped", "stems"]


def stems(text: str) -> list[str]:
    """The words of a text (`scratch.text.tokenize`), each without its endings.

    The rules are Porter's, as gensim has them. Source: Porter, "An algorithm for suffix stripping", Program, 1980.

    >>> stems("Threads waiting, or a thread that waited")
    ['thread', 'wait', 'or', 'a', 'thread', 'that', 'wait']

    Raises TypeError if `text` is no string.
    """
    return [_stem(word) for word in tokenize(text)]


@functools.cache
def _stem(word: str) -> str:
    return _porter().stem(word)


@functools.cache
def _porter():
    from gensim.parsing.porter import PorterStemmer  # takes a second, and only stems need it

    return PorterStemmer()


def ranks(scores: np.ndarray, answers: Sequence[Sequence[int]]) -> np.ndarray:
    """The rank of each question's right answer among all passages, from 1: of the best one, if there are several.

    scores (questions, passages), more is better; answers: for each question the numbers of the passages that answer it.
    Of passages with the same score the right one comes last, so that a method which cannot tell gains nothing by it.

    >>> ranks(np.array([[0.2, 0.9, 0.5], [0.7, 0.7, 0.1]]), [[2], [0]])
    array([2, 2])

    Raises ValueError for another shape, a score that is not a number or a question without an answer, IndexError for an
    answer that is no passage's number.
    """
    scores = _table("scores", scores)
    if len(answers) != len(scores):
        raise ValueError(f"answers must be {len(scores)}, as many as the rows of scores, got {len(answers)}")
    found = []
    for number, (row, right) in enumerate(zip(scores, answers, strict=True)):
        if not len(right):
            raise ValueError(f"answers must not be empty, got none for question {number}")
        if min(right) < 0 or max(right) >= len(row):
            raise IndexError(f"answers must lie between 0 and {len(row) - 1}, got {list(right)} for question {number}")
        best = row[list(right)].max()
        others = (row >= best).sum() - (row[list(right)] >= best).sum()
        found.append(int(others) + 1)
    return np.array(found)


def fuse_ranks(*scores: np.ndarray, constant: float = 60) -> np.ndarray:
    """Reciprocal rank fusion: the sum of 1 / (constant + rank) over the rankings, (questions, passages).

    scores: one array (questions, passages) a ranking; of passages with the same score the first comes first. Only the
    order counts, not by how much a score is larger. Source: Cormack et al., SIGIR 2009.

    >>> fuse_ranks(np.array([[9.0, 5.0, 1.0]]), np.array([[0.2, 0.3, 0.1]]), constant=1).round(2)
    array([[0.83, 0.83, 0.5 ]])

    Raises ValueError for shapes that differ, a score that is not a number, or a constant that is not positive.
    """
    constant = positive("constant", constant)
    total = np.zeros_like(_table("scores", scores[0] if scores else np.zeros(0)), dtype=float)
    for each in scores:
        order = np.argsort(-_table("scores", each, total.shape), axis=1, kind="stable")
        places = np.empty(order.shape)
        np.put_along_axis(places, order, np.arange(1.0, order.shape[1] + 1)[None], 1)
        total += 1 / (constant + places)
    return total


def fuse_scores(first: np.ndarray, second: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """The sum of two rankings' scores, the second's `weight` times, (questions, passages).

    For each question both are first brought to mean 0 and standard deviation 1 over the passages, since scores of two
    methods have scales of their own. All zeros stay zeros.

    >>> fuse_scores(np.array([[4.0, 0.0]]), np.array([[0.5, 0.7]]), weight=0.5)
    array([[ 0.5, -0.5]])

    Raises ValueError for shapes that differ, or a score or a weight that is not finite.
    """
    first = _table("first", first)
    second = _table("second", second, first.shape)
    return _standard(first) + finite("weight", weight) * _standard(second)


def _standard(scores: np.ndarray) -> np.ndarray:
    spread = scores.std(axis=1, keepdims=True)
    return (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)


def _table(name: str, scores: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.ndim != 2 or not scores.size or (shape is not None and scores.shape != shape):
        raise ValueError(f"{name} must have the shape {shape or '(questions, passages)'}, got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} must be finite numbers, got {scores[~np.isfinite(scores)][0]}")
    return scores


class Answer(NamedTuple):
    """A passage that may answer: how well it fits, the page of the documentation, the section's title, its text."""

    score: float
    document: str
    title: str
    text: str


class Answers(list[Answer]):
    """Passages, the best first, that print well."""

    def __repr__(self) -> str:
        blocks = []
        for number, answer in enumerate(self, 1):
            text = textwrap.shorten(answer.text, 320, placeholder=" …")
            head = textwrap.shorten(f"{number}. {answer.title} ({answer.document})", 88, placeholder=" …")
            blocks.append(f"{head}\n{textwrap.fill(text, 88, initial_indent='   ', subsequent_indent='   ')}")
        return "\n".join(blocks) or "no passage knows a word of the question"

    def _repr_html_(self) -> str:
        items = []
        for _, document, title, text in self:
            short = textwrap.shorten(text, 320, placeholder=" …")
            items.append(f"<li><b>{escape(title)}</b> ({escape(document)})<br>{escape(short)}</li>")
        return f"<ol>{''.join(items)}</ol>" if items else f"<p>{self!r}</p>"


class MeanVectors:
    """The unit vectors of texts: for each the mean of its stems' rows, of length 1.

    words: the stems; table (V, d): a row for each. Stems without a row do not count.

    >>> MeanVectors(["cat", "dog"], np.array([[3.0, 0.0], [0.0, 4.0]])).of([["cat"], ["dog", "barks"], []])
    array([[1., 0.],
           [0., 1.],
           [0., 0.]])

    Raises ValueError for a table of another shape.
    """

    def __init__(self, words: Sequence[str], table: np.ndarray) -> None:
        self.table = _table("table", table)
        if len(words) != len(table):
            raise ValueError(f"table must have {len(words)} rows, as many as words, got {len(table)}")
        self.index = {word: row for row, word in enumerate(words)}

    def of(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """n lists of stems -> (n, d); zeros where no stem is known."""
        found = np.zeros((len(texts), self.table.shape[1]))
        for number, words in enumerate(texts):
            if rows := [self.index[word] for word in words if word in self.index]:
                found[number] = self.table[rows].mean(0)
        return found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)


def shipped() -> tuple[MeanVectors, float]:
    """The encoder that scripts/biencoder.py has trained, and how much its scores weigh beside BM25's.

    Raises OSError if the shipped file is damaged.
    """
    arrays = load_arrays("retrieval")
    table = restored(arrays, "table").numpy()  # (V, d)
    return MeanVectors(bytes(arrays["stems"]).decode().split("\n"), table), float(arrays["weight"])


def ask(question: str, k: int = 3) -> Answers:
    """The `k` passages of Python's documentation that answer a question best; none if no stem of it is known.

    By BM25 over stems and the encoder of the book's chapter on question answering together (`fuse_scores`). A passage
    counts with its title here: in the book's experiments titles are the questions, and so are left out. The first call
    reads and indexes the passages, which takes a second or two.

    >>> ask("How do I delete a file?", k=2)[0].document
    'faq/library'

    Raises TypeError for a question that is no string, ValueError for a `k` below 1, OSError if a file is damaged.
    """
    k, words = at_least_1("k", k), stems(question)
    passages, index, vectors, known, weight = _documentation()
    counted, near = index.scores(words), known @ vectors.of([words])[0]  # (passages,) each
    if not counted.any() and not near.any():
        return Answers()
    scores = fuse_scores(counted[None], near[None], weight)[0]
    best = np.argsort(-scores, kind="stable")[:k]
    return Answers(Answer(float(scores[i]), *passages[i]) for i in best)


@functools.cache
def _documentation() -> tuple[list[tuple[str, str, str]], BM25, MeanVectors, np.ndarray, float]:
    passages, _ = load_documentation()
    texts = [stems(f"{title} {text}") for _, title, text in passages]
    vectors, weight = shipped()
    return passages, BM25(texts, k1=1.2), vectors, vectors.of(texts), weight
