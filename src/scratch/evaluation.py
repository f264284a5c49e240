"""How good are word vectors? People's judgements of pairs, analogies, and how far the pairs can be trusted."""

from __future__ import annotations

import numpy as np
from gensim.models import KeyedVectors

from scratch.corpora import load_analogies, load_ratings


def similarity(vectors: KeyedVectors, name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """What people and vectors think of the pairs of words in "wordsim-353" or "simlex-999".

    Returns the people's ratings (n,), the cosines (n,) of the same pairs, and the share of all pairs that was left out
    because a word has no vector. Words are looked up in lower case. `spearman` of the two is the usual score. Raises
    ValueError for an unknown name or if no pair is left.

    >>> vectors = KeyedVectors(2)
    >>> vectors.add_vectors(["coast", "shore", "gem"], np.array([[1, 0], [1, 1], [0, 1]], dtype="float32"))
    >>> people, cosines, left_out = similarity(vectors, "wordsim-353")
    >>> people, cosines.round(3), round(left_out, 3)  # coast and shore
    (array([9.1]), array([0.707]), 0.997)
    """
    pairs = [(a.lower(), b.lower(), rating) for a, b, rating in load_ratings(name)]
    known = [pair for pair in pairs if pair[0] in vectors and pair[1] in vectors]
    if not known:
        raise ValueError(f"vectors must have both words of at least one pair of {name!r}, got none of {len(pairs)}")
    first, second, people = zip(*known, strict=True)
    cosines = (_unit(vectors[list(first)].astype(float)) * _unit(vectors[list(second)].astype(float))).sum(1)
    return np.array(people), cosines, 1 - len(known) / len(pairs)


def analogies(vectors: KeyedVectors, exclude: bool = True, offset: bool = True) -> tuple[np.ndarray, float]:
    """Which of Google's questions, a is to b as c is to d, the vectors get right.

    The answer is the word nearest, by cosine, to b - a + c, all brought to length 1 (Mikolov et al. 2013, arXiv
    1301.3781, Section 4); a, b and c themselves are no candidates unless `exclude` is false. Without `offset`, the
    question is only what is nearest to c (the baseline of Linzen 2016, arXiv 1606.07736). All words with a vector are
    candidates, and words are looked up in lower case. Returns right or wrong (n,) for the questions all of whose words
    have vectors, and the share of questions that was left out. Raises ValueError if no question is left.
    """
    questions = [[word.lower() for word in words] for _section, *words in load_analogies("google-analogies")]
    rows = [[vectors.key_to_index[w] for w in words] for words in questions if all(w in vectors for w in words)]
    if not rows:
        raise ValueError(f"vectors must have all words of at least one of the {len(questions)} questions, got none")
    table = _unit(vectors.vectors)  # (V, d)
    correct = []
    for a, b, c, d in (part.T for part in np.array_split(np.array(rows), len(rows) // 500 + 1)):
        scores = (table[b] - table[a] + table[c] if offset else table[c]) @ table.T  # (n, V)
        if exclude:
            for word in (a, b, c):
                scores[np.arange(len(scores)), word] = -np.inf
        correct.append(scores.argmax(1) == d)
    return np.concatenate(correct), 1 - len(rows) / len(questions)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
