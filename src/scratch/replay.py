"""A replay of gensim's word2vec: the same weights from the same start, in Python that one can read.

The formulas are those of the papers (Mikolov et al. 2013, arXiv 1301.3781 and 1310.4546). What no paper says are facts
of gensim, some of them those of the released program, found by comparing weights: the constants of the random numbers
and of the sigmoid's table, the order of the draws, and where a number is rounded to float32. Sums are SciPy's `sdot`
and `saxpy`, the routines that gensim calls. One thing remains: on x86-64, as far as one can tell from outside, gensim
4.4 takes the 32-bit result of `sdot` for one of 64 bits, and so gets the digits from the seventh on wrong. Rarely, a
score next to an edge of the sigmoid's table finds the other cell by this; from there on the weights differ, by some
1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from gensim.models import Word2Vec
from scipy.linalg.blas import saxpy, sdot

from scratch.huffman import huffman

LIMIT = 6  # a dot product outside of (-6, 6) is skipped, be it right or wrong


class RandomStream:
    """The 48-bit linear congruential generator of the C library's `rand48`: every call gives the upper 32 bits.

    >>> stream = RandomStream(2**16)
    >>> stream(), stream() == (2**16 * 25214903917 + 11) % 2**48 // 2**16
    (1, True)
    """

    def __init__(self, state: int):
        self.state = state

    def __call__(self) -> int:
        number = self.state >> 16
        self.state = (self.state * 25214903917 + 11) % 2**48
        return number


def _table() -> np.ndarray:
    """The logistic function at 1,000 points from -6, in steps of 0.012: (1000,) float32, rounded as in the program."""
    places = np.arange(1000, dtype=np.float32) / np.float32(1000)  # 0 … 1
    powers = np.array([math.exp(LIMIT * (2 * float(place) - 1)) for place in places], dtype=np.float32)
    return (powers.astype(np.float64) / (powers.astype(np.float64) + 1)).astype(np.float32)


TABLE = _table()


def sigmoid(x: float) -> np.float32:
    """The logistic function as the program knows it, for -6 < x < 6: cell ⌊83 (x + 6)⌋ of a table of 1,000.

    The factor should be 1000 / 12 = 83.33…; the program divides integers. So the answer is that for an x which is too
    low, by up to 0.06, and jumps by up to 0.003 from cell to cell. One of the jumps is at 0, where training begins:

    >>> round(float(sigmoid(0.0)), 3), round(float(sigmoid(-1e-9)), 3)
    (0.494, 0.491)
    """
    return TABLE[int((x + LIMIT) * 83)]


def replay(model: Word2Vec, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the tables that `model.train(sentences, …)` would end with, without touching the model.

    model: a gensim Word2Vec of one worker which has built its vocabulary from these sentences and is not trained yet;
    skip-gram or CBOW (with the mean), with negative sampling or hierarchical softmax. Returns the input table (V, d)
    and the output table, (V, d) for negative sampling and (V, d) with the last row unused for hierarchical softmax.

    >>> sentences = [["the", "cat", "sat"], ["the", "dog", "sat"]] * 20
    >>> model = Word2Vec(vector_size=4, min_count=1, sg=1, workers=1, seed=7)
    >>> model.build_vocab(sentences)
    >>> W, U = replay(model, sentences)
    >>> _ = model.train(sentences, total_examples=len(sentences), epochs=model.epochs)
    >>> bool(abs(W - model.wv.vectors).max() < 1e-6 and abs(U - model.syn1neg).max() < 1e-6)
    True

    Raises TypeError for what is no Word2Vec, such as FastText, which is trained otherwise, or no list, ValueError for a
    model or sentences that it does not know how to replay.
    """
    _check(model, sentences)
    W = model.wv.vectors.copy()  # (V, d) the same start
    U = np.zeros_like(W)  # (V, d)
    keep, random = _keep(model), np.random.RandomState(model.seed)
    questions = _noise(model) if model.negative else _turns(model)
    for job, alpha in _jobs(model, sentences):
        first, second = random.randint(2**24, size=2).tolist() if model.negative or model.sample else (0, 0)
        stream = RandomStream(first * 2**24 + second)
        ids = [[model.wv.key_to_index[word] for word in s if word in model.wv.key_to_index] for s in job]
        if model.sample:
            ids = [[i for i in s if stream() <= keep[i]] for s in ids]  # before windowing: the gaps close
        radii = iter(model.window - random.randint(0, model.window, sum(map(len, ids))))
        for s in ids:
            for t, centre in enumerate(s):
                radius = int(next(radii))
                context = s[max(0, t - radius) : t] + s[t + 1 : t + 1 + radius]
                for given in [[o] for o in context] if model.sg else [context]:
                    rows_and_labels = questions(centre, stream)  # drawn even if nothing is given
                    if given:
                        step(W, U, given, rows_and_labels, alpha)
    return W, U


def step(W: np.ndarray, U: np.ndarray, given: list[int], questions: list[tuple[int, int]], alpha: np.float32) -> None:
    """One prediction, which changes W and U (V, d) in place.

    given: the rows of W whose mean predicts. questions: rows of U with the answer, 1 or 0. alpha: the learning rate.
    """
    h = np.zeros(W.shape[1], dtype=np.float32)  # (d,)
    for o in given:
        saxpy(W[o], h)  # h += W[o]
    h *= np.float32(1) / np.float32(len(given))
    change = np.zeros_like(h)  # (d,)
    for row, label in questions:
        score = sdot(h, U[row])
        if -LIMIT < score < LIMIT:
            g = (np.float32(label) - sigmoid(score)) * alpha
            saxpy(U[row], change, a=g)  # change += g U[row], before U[row] moves
            saxpy(h, U[row], a=g)  # U[row] += g h
    for o in given:
        saxpy(change, W[o])  # all of it to each: the gradient of the mean would be change / len(given)


def _noise(model: Word2Vec) -> Callable[[int, RandomStream], list[tuple[int, int]]]:
    """Negative sampling: is it the word itself? And some words by chance, which may be neighbours, but not the word?"""
    ends = _ends(model)

    def questions(word: int, stream: RandomStream) -> list[tuple[int, int]]:
        drawn = [int(np.searchsorted(ends, stream() % ends[-1])) for _ in range(model.negative)]
        return [(word, 1)] + [(noise, 0) for noise in drawn if noise != word]

    return questions


def _turns(model: Word2Vec) -> Callable[[int, RandomStream], list[tuple[int, int]]]:
    """Hierarchical softmax: at each inner node on the way to the word, does it turn left (code 0, label 1)?"""
    codes, paths = huffman(_counts(model).astype(np.int64))
    ways = [
        [(node, 1 - turn) for node, turn in zip(path, code, strict=True) if node >= 0]
        for path, code in zip(paths.tolist(), codes.tolist(), strict=True)
    ]
    return lambda word, stream: ways[word]


def _counts(model: Word2Vec) -> np.ndarray:
    return np.array([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key], dtype=np.float64)  # (V,)


def _ends(model: Word2Vec) -> np.ndarray:
    """Where each word's share of the numbers below 2^31 - 1 ends; the shares are as count^0.75: (V,) int64."""
    powers = np.cumsum(_counts(model) ** float(model.ns_exponent))
    return np.round(powers / powers[-1] * (2**31 - 1)).astype(np.int64)


def _keep(model: Word2Vec) -> np.ndarray:
    """Each word's probability to stay, as a threshold for a random number of 32 bits: (V,) uint32."""
    ratio = model.sample * _counts(model).sum() / _counts(model)  # threshold over share
    return (np.minimum(np.sqrt(ratio) + ratio, 1) * (2**32 - 1)).astype(np.uint32)


def _jobs(model: Word2Vec, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[list[Sequence[str]], np.float32]]:
    """Pieces of at most `batch_words` words, each with its learning rate, which falls from job to job only."""
    for epoch in range(model.epochs):
        job: list[Sequence[str]] = []
        words, done = 0, 0.0  # done: the share of the epoch that came before this job
        for number, sentence in enumerate(sentences):
            if words + len(sentence) > model.batch_words:
                yield job, _rate(model, epoch + done)
                job, words, done = [], 0, number / len(sentences)
            job.append(sentence)
            words += len(sentence)
        yield job, _rate(model, epoch + done)


def _rate(model: Word2Vec, epochs_done: float) -> np.float32:
    return np.float32(model.alpha - (model.alpha - model.min_alpha) * epochs_done / model.epochs)


def _check(model: Word2Vec, sentences: Sequence[Sequence[str]]) -> None:
    if not isinstance(sentences, Sequence) or isinstance(sentences, str):  # they are read once an epoch
        raise TypeError(f"sentences must be a list of lists of tokens, got a {type(sentences).__name__}")
    if type(model) is not Word2Vec:  # what is derived from it is trained otherwise
        raise TypeError(f"model must be a gensim Word2Vec, got {type(model).__name__}")
    if bool(model.hs) == bool(model.negative) or not (model.sg or model.cbow_mean) or not model.shrink_windows:
        raise ValueError(
            "model must have either hs=1 or negative > 0, cbow_mean=1 and shrink_windows=True, got "
            f"hs={model.hs}, negative={model.negative}, cbow_mean={model.cbow_mean}, "
            f"shrink_windows={model.shrink_windows}"
        )
    if model.workers != 1:  # with more, gensim's jobs are done in any order
        raise ValueError(f"model must have workers=1, got {model.workers}")
    if not len(model.wv):  # not built yet, or min_count or max_final_vocab left nothing
        raise ValueError("model must have words in its vocabulary, got none")
    if model.train_count:
        raise ValueError(f"model must not be trained yet, got one trained {model.train_count} times")
    if model.corpus_count != len(sentences):
        built = f"got {len(sentences)}, and a model that has seen {model.corpus_count}"
        raise ValueError(f"sentences must be those that the model built its vocabulary from, {built}")
    if model.batch_words > 10_000:  # what is beyond, gensim cuts off
        raise ValueError(f"model must have batch_words of at most 10,000, got {model.batch_words}")
    if (longest := max(map(len, sentences), default=0)) > model.batch_words:
        raise ValueError(f"sentences must have at most batch_words = {model.batch_words} words, got one of {longest}")
