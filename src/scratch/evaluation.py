"""How good are word vectors? People's judgements of pairs, analogies, and how far the pairs can be trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gensim.models import KeyedVectors

from scratch._arguments import flag
from scratch.corpora import load_analogies, load_ratings


def similarity(vectors: KeyedVectors, name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """What people and vectors think of the pairs of words in "wordsim-353" or "simlex-999".

    Returns the people's ratings (n,), the cosines (n,) of the same pairs, and the share of all pairs that was left out
    because a word has no vector. Words are compared in lower case. `spearman` of the two is the usual score. Raises
    ValueError for an unknown name or if no pair is left, TypeError if `vectors` are no KeyedVectors, of any kind.

    >>> vectors = KeyedVectors(2)
    >>> vectors.add_vectors(["coast", "shore", "gem"], np.array([[1, 0], [1, 1], [0, 1]], dtype="float32"))
    >>> people, cosines, left_out = similarity(vectors, "wordsim-353")
    >>> people, cosines.round(3), round(left_out, 3)  # coast and shore
    (array([9.1]), array([0.707]), 0.997)
    """
    rows, unit = _rows(vectors)
    pairs = [(a.lower(), b.lower(), rating) for a, b, rating in load_ratings(name)]
    known = [(rows[a], rows[b], rating) for a, b, rating in pairs if a in rows and b in rows]
    if not known:
        raise ValueError(f"vectors must have both words of at least one pair of {name!r}, got none of {len(pairs)}")
    first, second, people = (np.array(column) for column in zip(*known, strict=True))  # (n,) each
    cosines = (unit(first, np.float64) * unit(second, np.float64)).sum(1)
    return people, cosines, 1 - len(known) / len(pairs)


def analogies(vectors: KeyedVectors, exclude: bool = True, offset: bool = True) -> tuple[np.ndarray, float]:
    """Which of Google's questions, a is to b as c is to d, the vectors get right.

    The answer is the word nearest, by cosine, to b - a + c, all brought to length 1 (Mikolov et al. 2013, arXiv
    1301.3781, Section 4); a, b and c themselves are no candidates unless `exclude` is false. Without `offset`, the
    question is only what is nearest to c (the baseline of Linzen 2016, arXiv 1606.07736). All words with a vector are
    candidates, and words are compared in lower case. Returns right or wrong (n,) for the questions all of whose words
    have vectors, and the share of questions that was left out. Raises ValueError if no question is left, TypeError if
    `vectors` are no KeyedVectors, of any kind.

    >>> vectors = KeyedVectors(2)
    >>> vectors.add_vectors(["he", "she", "king", "queen"], np.array([[1, 0], [0, 1], [3, 1], [2, 2]], dtype="float32"))
    >>> right, left_out = analogies(vectors)
    >>> right, round(left_out, 4)  # he is to she as king is to queen, and the other way round
    (array([ True,  True]), 0.9999)
    """
    exclude, offset = flag("exclude", exclude), flag("offset", offset)
    row_of, unit = _rows(vectors)
    place = {word: i for i, word in enumerate(row_of)}  # among the candidates, one for each word in lower case
    questions = [[word.lower() for word in words] for _section, *words in load_analogies("google-analogies")]
    rows = [[place[w] for w in words] for words in questions if all(w in place for w in words)]
    if not rows:
        raise ValueError(f"vectors must have all words of at least one of the {len(questions)} questions, got none")
    table = unit(np.array(list(row_of.values())))  # (V, d)
    correct = []
    at_once = max(1, 10_000_000 // len(table))  # questions: what bounds the memory
    for a, b, c, d in (part.T for part in np.array_split(np.array(rows), -(-len(rows) // at_once))):
        scores = (table[b] - table[a] + table[c] if offset else table[c]) @ table.T  # (n, V)
        if exclude:
            for word in (a, b, c):
                scores[np.arange(len(scores)), word] = -np.inf
        correct.append(scores.argmax(1) == d)
    return np.concatenate(correct), 1 - len(rows) / len(questions)


def _rows(vectors: KeyedVectors) -> tuple[dict[str, int], Callable[..., np.ndarray]]:
    """The row of each word in lower case, and a function that gives some rows, brought to length 1.

    Of keys that differ in case only, such as Us and us, the first counts, which is the most frequent, as in gensim's
    own evaluation. Words that fastText would make up from their parts have no row.
    """
    if not (hasattr(vectors, "key_to_index") and hasattr(vectors, "vectors")):
        hint = ", whose .wv are" if hasattr(vectors, "wv") else ""
        raise TypeError(f"vectors must be gensim KeyedVectors, got {type(vectors).__name__}{hint}")
    rows: dict[str, int] = {}
    for key, row in vectors.key_to_index.items():
        if isinstance(key, str):
            rows.setdefault(key.lower(), row)

    def unit(which: np.ndarray, least: type = np.float32) -> np.ndarray:
        found = np.asarray(vectors.vectors[which])
        found = found.astype(np.result_type(found.dtype, least))  # half precision would lose ranks
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(lengths > 0, lengths, 1)

    return rows, unit
