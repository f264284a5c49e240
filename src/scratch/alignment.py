"""Which word became which? IBM Model 1, the oldest statistical translator: a table of words, learnt by counting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scratch._arguments import at_least_1

__all__ = ["IBM1"]

NULL = ""  # a word in front of every source, from which target words come that none of its words asks for


class IBM1:
    """The lexicon t(target word | source word) under which translated sentences are likeliest, found by EM.

    Every word of a target comes from one word of its source, or from NULL, each as likely as another beforehand:
    p(target | source) = Π_j Σ_i t(target_j | source_i) / (length of the source + 1). A round shares every target word
    out among the source's words, as the lexicon so far says (E), and makes a new lexicon of these counts (M). It begins
    with all words alike. The likelihood never falls, and has one greatest value. Source: Brown et al. 1993,
    "The mathematics of statistical machine translation", section 4.1.

    pairs: sentences as (source, target), lists of words; `losses` (rounds,): the surprise -ln p of a target's word,
    the mean over all of them, before each round. Raises ValueError without a target's word or for `rounds` below 1,
    TypeError for a sentence that is no list of words.

    >>> model = IBM1([("the lamp".split(), "la lampe".split()), ("the fan".split(), "le ventilateur".split()),
    ...               ("lamp".split(), "lampe".split())])
    >>> model.lexicon("fan", 2), model.translate("the lamp".split())
    ([('le', 0.5), ('ventilateur', 0.5)], ['la', 'lampe'])
    """

    def __init__(self, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], rounds: int = 10):
        rounds = at_least_1("rounds", rounds)
        pairs = [([NULL, *_words("source", source)], _words("target", target)) for source, target in pairs]
        if not any(target for _, target in pairs):
            raise ValueError(f"pairs must have a target's word, got {len(pairs)} without any")
        links: dict[tuple[str, str], int] = {}  # (source word, target word) that ever meet, numbered
        link = np.array([links.setdefault((a, b), len(links)) for s, t in pairs for b in t for a in s])
        length = np.array([len(s) for s, t in pairs for _ in t])  # of the source of each target word, NULL counted
        word = np.arange(len(length)).repeat(length)  # the target word to which each link belongs
        numbers = {a: i for i, a in enumerate(dict.fromkeys(a for a, _ in links))}
        source = np.array([numbers[a] for a, _ in links])
        t = np.ones(len(links))
        t /= len({b for _, b in links})
        self.losses = []
        for _ in range(rounds):
            likely = np.bincount(word, t[link])  # Σ_i t(target_j | source_i)
            self.losses.append(float(-np.log(likely / length).mean()))
            count = np.bincount(link, t[link] / likely[word])  # E: of each link, its expected number
            t = count / np.bincount(source, count)[source]  # M: the share of a source word's links
        self._t = dict(zip(links, t.tolist(), strict=True))
        self._best: dict[str, list[tuple[str, float]]] = {}  # for each source word its targets, the likeliest first
        for (a, b), p in sorted(self._t.items(), key=lambda item: (-item[1], item[0])):
            self._best.setdefault(a, []).append((b, p))

    def probability(self, target: str, source: str | None) -> float:
        """t(target | source), of two words; source None is NULL. It is 0 if they have never met."""
        return self._t.get((source or NULL, target), 0.0)

    def lexicon(self, source: str | None, count: int = 5) -> list[tuple[str, float]]:
        """The `count` likeliest target words of a source word (None: of NULL), each with its probability."""
        return self._best.get(source or NULL, [])[: at_least_1("count", count)]

    def align(self, source: Sequence[str], target: Sequence[str]) -> list[int | None]:
        """For each word of a target the place of the source's word that it most likely came from; None: from NULL.

        The first of equals, and NULL before all; so a word that has met none of them is NULL's.
        """
        source = [NULL, *_words("source", source)]
        places = [
            max(range(len(source)), key=lambda i: self._t.get((source[i], b), 0.0)) for b in _words("target", target)
        ]
        return [place - 1 if place else None for place in places]

    def translate(self, source: Sequence[str]) -> list[str]:
        """Word by word, in the source's order, the likeliest word of each; a word that was never seen stays itself."""
        return [self._best[a][0][0] if a in self._best else a for a in _words("source", source)]


def _words(name: str, sentence: Sequence[str]) -> list[str]:
    if isinstance(sentence, str) or not all(isinstance(word, str) and word for word in sentence):
        raise TypeError(f"{name} must be a list of words, got {sentence!r:.40} ({type(sentence).__name__})")
    return list(sentence)
