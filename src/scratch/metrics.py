"""How good is it? Measures that the chapters report, each equal to a standard implementation's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from scratch._arguments import at_least_1, finite, positive, seed_value


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their mean rank.

    x, y (n,): n ≥ 2 numbers each. Returns a number between -1 and 1. Raises ValueError if the lengths differ, if there
    are fewer than two numbers, if one is not finite, or if all of `x` or all of `y` are equal (there is no order then).
    Source: Spearman, "The proof and measurement of association between two things", 1904.

    >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    a, b = _numbers("x", x), _numbers("y", y)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"x and y must be two lists of the same length, at least 2, got shapes {a.shape} and {b.shape}"
        )
    for name, values in (("x", a), ("y", b)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite numbers, got {values[~np.isfinite(values)][0]}")
        if (values == values[0]).all():
            raise ValueError(f"{name} must not be constant, got {values[0]} {len(values)} times")
    a, b = _ranks(a), _ranks(b)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def interval(
    statistic: Callable[..., float], *samples: np.ndarray, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap's 95% interval of a statistic (Efron 1979): what it would be with other pairs of the same kind.

    samples: n things each that belong together, as lists or arrays (n, …); the same n indices, drawn with repetition,
    are taken of each. The interval of a difference is that of a statistic which takes both samples and subtracts.
    Raises ValueError if the lengths differ or there is nothing, or if a size is out of range, TypeError for a statistic
    that cannot be called.

    >>> interval(np.mean, np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1]))
    (0.5, 1.0)
    """
    if not callable(statistic):
        raise TypeError(f"statistic must be callable, got {statistic!r:.40} ({type(statistic).__name__})")
    draws, seed = at_least_1("draws", draws), seed_value("seed", seed)
    samples = tuple(np.asarray(sample) for sample in samples)
    lengths = [len(sample) if sample.ndim else 0 for sample in samples]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"samples must have one length, at least 1, got {lengths}")
    picks = np.random.default_rng(seed).integers(lengths[0], size=(draws, lengths[0]))
    low, high = np.percentile([statistic(*(sample[pick] for sample in samples)) for pick in picks], [2.5, 97.5])
    return float(low), float(high)


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of a mean by Student's t: for few values, such as the differences of two models, seed by seed.

    values (n,): n ≥ 2 numbers that are independent, and roughly normal. Returns the two ends. Raises ValueError if
    there are fewer than two, or if one is not finite. Source: Student, "The probable error of a mean", 1908.

    >>> low, high = t_interval([0.1, 0.2, 0.3])
    >>> round(low, 3), round(high, 3)
    (-0.048, 0.448)
    """
    given = _numbers("values", values)
    if given.ndim != 1 or len(given) < 2:
        raise ValueError(f"values must be a list of at least 2 numbers, got the shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"values must be finite numbers, got {given[~np.isfinite(given)][0]}")
    half = stats.t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given))
    return float(given.mean() - half), float(given.mean() + half)


def crossed_interval(values: Sequence[Sequence[float]] | np.ndarray) -> tuple[float, float]:
    """The 95% interval of a mean over runs and things, when both might have been others: seeds and test items, say.

    values (runs, things), 2 or more of each: what each run scored on each thing; or by how much one method scored more
    there than another. Runs vary about the mean, and so do things: the interval's half-width is the hypotenuse of
    that of `t_interval` for the runs' means and of that for the things' means, from whose variance is taken what runs
    and things leave over, since the first has it already. That covers the truth in 95 of 100 cases or a little more.
    Source: Clark, "The language-as-fixed-effect fallacy", 1973, on why one must not leave out either.

    >>> low, high = crossed_interval(np.array([[0.5, 0.6, 0.7, 0.6], [0.6, 0.7, 0.8, 0.7], [0.5, 0.7, 0.7, 0.6]]))
    >>> round(low, 2), round(high, 2)
    (0.46, 0.82)

    Raises ValueError for another shape or a value that is not finite, TypeError for one that is no number.
    """
    given = _numbers("values", values)
    if given.ndim != 2 or min(given.shape) < 2:
        raise ValueError(f"values must have the shape (runs, things), each 2 or more, got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"values must be finite numbers, got {given[~np.isfinite(given)][0]}")
    runs, things, mean = given.mean(1), given.mean(0), given.mean()
    rest = given - runs[:, None] - things + mean  # (runs, things)
    left = (rest**2).sum() / (len(runs) - 1) / (len(things) - 1) / given.size
    of_runs, of_things = runs.var(ddof=1) / len(runs), max(things.var(ddof=1) / len(things) - left, 0)
    quantiles = stats.t.ppf(0.975, np.array(given.shape) - 1)
    half = np.hypot(*(quantiles * np.sqrt([of_runs, of_things])))
    return float(mean - half), float(mean + half)


def verdict(low: float, high: float) -> str:
    """What the interval of a difference, from `low` to `high`, lets one say: that the first is "better", or "worse".

    It is "not distinguishable" unless all of the interval is on one side of 0. More is taken to be better.

    >>> verdict(0.01, 0.05), verdict(-0.05, -0.01), verdict(-0.01, 0.05)
    ('better', 'worse', 'not distinguishable')

    Raises ValueError if the ends are not finite, or in the wrong order, TypeError if one is no number.
    """
    low, high = finite("low", low), finite("high", high)
    if low > high:
        raise ValueError(f"low must not be above high, got {low} and {high}")
    return "better" if low > 0 else "worse" if high < 0 else "not distinguishable"


def bleu(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]], order: int = 4) -> float:
    """BLEU of a corpus, from 0 to 100: the geometric mean of four precisions, times a penalty for being too short.

    hypotheses, references: as many lists of tokens each, one reference a hypothesis. A precision is the share of the
    hypotheses' n-grams, n = 1 … order, that stand in the reference, none more often than there; all are summed over the
    corpus before they are divided. The first precision that would be zero is taken for half a hit, the next for a
    quarter, and so on (Chen & Cherry 2014, their third smoothing). With no hit, or no n-gram of some length, it is 0.
    Equal to sacrebleu's with `tokenize="none"`. Source: Papineni et al., ACL 2002.

    >>> round(bleu(["the cat sat on a mat".split()], ["the cat sat on the mat".split()]), 1)
    53.7

    Raises TypeError for a text that is no list of tokens, ValueError if the numbers differ or there is none.
    """
    return bleu_of_counts(bleu_counts(hypotheses, references, order).sum(0))


def bleu_counts(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]], order: int = 4) -> np.ndarray:
    """What BLEU adds up over a corpus, for each pair: (n, 2 · order + 2) integers.

    They are the n-grams found in the reference, n = 1 … order; all n-grams; the lengths of hypothesis and reference.
    Sums over any of the pairs give `bleu_of_counts` of these, as a bootstrap needs it. Raises what `bleu` raises.

    >>> bleu_counts([["a", "cat"]], [["the", "cat"]], order=2)
    array([[1, 0, 2, 1, 2, 2]])
    """
    order = at_least_1("order", order)
    rows = []
    for hypothesis, reference in _token_pairs(hypotheses, references):
        grams = [(_ngrams(hypothesis, n), _ngrams(reference, n)) for n in range(1, order + 1)]
        hits = [(found & wanted).total() for found, wanted in grams]
        rows.append([*hits, *(found.total() for found, _ in grams), len(hypothesis), len(reference)])
    return np.array(rows)


def bleu_of_counts(counts: np.ndarray) -> float:
    """The BLEU of a corpus from its counts (2 · order + 2,), summed over its pairs: see `bleu` and `bleu_counts`.

    >>> counts = bleu_counts(["the cat sat on a mat".split()], ["the cat sat on the mat".split()])
    >>> round(bleu_of_counts(counts.sum(0)), 1)
    53.7
    """
    (hits, total), (ours, theirs) = counts[:-2].reshape(2, -1), counts[-2:]
    if not hits.any() or not total.all():
        return 0.0
    precisions = np.where(hits > 0, hits, 0.5 ** np.cumsum(hits == 0)) / total
    penalty = min(1.0, math.exp(1 - theirs / ours))
    return float(100 * penalty * math.exp(np.log(precisions).mean()))


def chrf(hypotheses: Sequence[str], references: Sequence[str], order: int = 6, beta: float = 2.0) -> float:
    """chrF of a corpus, from 0 to 100: how many runs of up to `order` characters hypotheses and references share.

    hypotheses, references: as many strings each. Precision and recall of the runs of n characters, white space left
    out, are taken over the corpus and then averaged over n; recall counts `beta` times as much. Orders for which one
    side has no run do not count, nor do a hypothesis's runs where its reference has none. Equal to sacrebleu's chrF2.
    Source: Popović, WMT 2015.

    >>> round(chrf(["the cat sat"], ["the cats sat"]), 1)
    68.7

    Raises TypeError for a text that is no string, ValueError if the numbers differ or there is none.
    """
    order, beta = at_least_1("order", order), positive("beta", beta)
    _as_many(hypotheses, references)
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"{name} must be strings, got {text!r:.40} ({type(text).__name__})")
    counts = np.zeros((3, order))  # runs shared, of the hypotheses, of the references
    for texts in zip(hypotheses, references, strict=True):
        hypothesis, reference = ("".join(text.split()) for text in texts)
        for n in range(1, order + 1):
            found, wanted = _ngrams(hypothesis, n), _ngrams(reference, n)
            counts[:, n - 1] += (found & wanted).total(), found.total() * bool(wanted), wanted.total()
    shared, ours, theirs = counts[:, (counts[1:] > 0).all(0)]
    if not shared.any():
        return 0.0
    precision, recall = (shared / ours).mean(), (shared / theirs).mean()
    return float(100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall))


def rouge(hypothesis: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L of one summary, each an F-score from 0 to 1.

    hypothesis, reference: lists of tokens. The first two are of shared words and pairs of words, none more often than
    in the other text; the last is of the longest row of words that both have in the same order, gaps allowed. Equal to
    rouge-score, whose own tokenizer throws away all but a–z and 0–9. Source: Lin, ACL workshop 2004.

    >>> {name: round(score, 2) for name, score in rouge("a cat sat".split(), "the cat sat down".split()).items()}
    {'rouge1': 0.57, 'rouge2': 0.4, 'rougeL': 0.57}

    Raises TypeError for a text that is no list of tokens.
    """
    ((hypothesis, reference),) = _token_pairs([hypothesis], [reference])

    def f_score(shared: int, ours: int, theirs: int) -> float:
        return 2 * shared / (ours + theirs) if shared else 0.0

    scores = {}
    for n in (1, 2):
        found, wanted = _ngrams(hypothesis, n), _ngrams(reference, n)
        scores[f"rouge{n}"] = f_score((found & wanted).total(), found.total(), wanted.total())
    scores["rougeL"] = f_score(_common_row(hypothesis, reference), len(hypothesis), len(reference))
    return scores


def recall_at_k(ranks: Sequence[int], k: int) -> float:
    """The share of questions whose right answer is among the first k.

    ranks (n,): for each question the rank of its right answer, from 1. Raises ValueError for a rank below 1 or without
    one, TypeError for one that is no integer.

    >>> recall_at_k([1, 3, 12, 1], k=3)
    0.75
    """
    return float((_places(ranks) <= at_least_1("k", k)).mean())


def mean_reciprocal_rank(ranks: Sequence[int]) -> float:
    """The mean of 1 / rank: a right answer in the first place counts 1, in the second a half.

    ranks (n,): as for `recall_at_k`, and with the same errors. Source: Voorhees, TREC-8, 1999.

    >>> mean_reciprocal_rank([1, 2, 4])
    0.5833333333333334
    """
    return float((1 / _places(ranks)).mean())


def _places(ranks: Sequence[int]) -> np.ndarray:
    places = np.array([at_least_1("ranks", rank) for rank in ranks])
    if not len(places):
        raise ValueError("ranks must hold at least one rank, got none")
    return places


def _ngrams(text: Sequence[str], n: int) -> Counter:
    """How often each run of n things stands in a text."""
    return Counter(zip(*(text[i:] for i in range(n)), strict=False))


def _common_row(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest row of words that stands in both, in order, by Wagner and Fischer's table."""
    row = [0] * (len(b) + 1)  # for the words of `a` so far, and each beginning of `b`
    for word in a:
        above = row
        row = [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]


def _as_many(hypotheses: Sequence, references: Sequence) -> None:
    if len(hypotheses) != len(references) or not len(hypotheses):
        raise ValueError(
            f"there must be as many references as hypotheses, at least 1, got {len(hypotheses)} and {len(references)}"
        )


def _token_pairs(hypotheses: Sequence, references: Sequence) -> list[tuple[list[str], list[str]]]:
    """Hypotheses with their references, if all are lists of strings."""
    _as_many(hypotheses, references)
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        for text in texts:
            if isinstance(text, str) or not all(isinstance(token, str) for token in text):
                raise TypeError(f"{name} must be lists of tokens, got {text!r:.40} ({type(text).__name__})")
    return [(list(a), list(b)) for a, b in zip(hypotheses, references, strict=True)]


def _numbers(name: str, values: Sequence | np.ndarray) -> np.ndarray:
    """The values as float64, if they are real numbers."""
    try:
        return np.asarray(values if hasattr(values, "__len__") else list(values), dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a list of numbers, got {values!r:.40} ({type(values).__name__})") from None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)  # the last rank of each distinct value, from 1
    return (last - (count - 1) / 2)[place]
