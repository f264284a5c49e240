"""Nouns in the singular and the plural, found by counting, and verbs that agree with them: labels that cost nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from scratch._arguments import at_least_1, share_of_1

__all__ = ["PLURAL", "SINGULAR", "Noun", "agreements", "noun_pairs", "nouns", "plural_of"]

SINGULAR, PLURAL = ("is", "was", "has"), ("are", "were", "have")


class Noun(NamedTuple):
    """A noun in a sentence: the number of the sentence, the noun's place in it, its pair's number, 1 for the plural."""

    sentence: int
    place: int
    pair: int
    plural: int


def plural_of(word: str) -> str:
    """The plural by the rules of spelling: -s, -es after a hiss, -ies for -y after a consonant.

    >>> [plural_of(word) for word in ("nation", "tax", "city", "day")]
    ['nations', 'taxes', 'cities', 'days']

    Raises TypeError for what is no string, ValueError for an empty one.
    """
    if not isinstance(word, str):
        raise TypeError(f"word must be a string, got {word!r:.40} ({type(word).__name__})")
    if not word:
        raise ValueError("word must not be empty")
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def noun_pairs(
    sentences: Iterable[Sequence[str]], words: Collection[str], least: int = 3, share: float = 0.03
) -> list[tuple[str, str]]:
    """Pairs of words, singular and plural, that are nouns by the company they keep, in alphabetical order.

    Of all words whose plural, by spelling, is a word too, those stay of which both forms stand after "the" at least
    `least` times and in a `share` of all their uses, and before no more verbs of the other number than of their own
    (*people are* shuts out people; verbs such as *makes* hardly ever follow "the").

    >>> noun_pairs([["the", "cat", "is"], ["the", "cats", "are"], ["she", "eats"]], ["cat", "cats", "eat", "eats"], 1)
    [('cat', 'cats')]

    Raises ValueError for a size below 1 or a share that is not between 0 and 1, TypeError for one that is no number.
    """
    least, share, known = at_least_1("least", least), share_of_1("share", share), set(words)
    count, after, before = Counter[str](), Counter[str](), Counter[tuple[str, bool]]()
    for sentence in sentences:
        count.update(word for word in sentence if word in known)
        for first, second in pairwise(sentence):
            if first == "the":
                after[second] += 1
            if second in SINGULAR or second in PLURAL:
                before[first, second in PLURAL] += 1

    def noun(word: str, plural: bool) -> bool:
        follows = after[word] >= max(least, share * count[word])
        return follows and before[word, plural] >= before[word, not plural]

    pairs = [(word, plural_of(word)) for word in sorted(known) if len(word) > 2 and plural_of(word) in known]
    return [(one, many) for one, many in pairs if noun(one, False) and noun(many, True)]


def nouns(sentences: Sequence[Sequence[str]], pairs: Sequence[tuple[str, str]], most: int = 8) -> list[Noun]:
    """The nouns of these pairs in the sentences, in order, the first `most` of each word.

    >>> nouns([["two", "cats", "and", "a", "cat"]], [("cat", "cats")])
    [Noun(sentence=0, place=1, pair=0, plural=1), Noun(sentence=0, place=4, pair=0, plural=0)]

    Raises TypeError or ValueError for a `most` below 1.
    """
    numbers, used, found = _numbers(pairs), Counter[str](), []
    most = at_least_1("most", most)
    for s, sentence in enumerate(sentences):
        for place, word in enumerate(sentence):
            if word in numbers and used[word] < most:
                used[word] += 1
                found.append(Noun(s, place, *numbers[word]))
    return found


def agreements(
    sentences: Sequence[Sequence[str]], pairs: Sequence[tuple[str, str]], most: int = 4, longest: int = 20
) -> list[Noun]:
    """Where a noun of these pairs stands after "the" and before a verb of its number, in order.

    At most `most` of each word, in sentences of at most `longest` words.

    >>> agreements([["the", "cats", "are", "here"], ["cats", "are"], ["the", "cat", "are"]], [("cat", "cats")])
    [Noun(sentence=0, place=1, pair=0, plural=1)]

    Raises TypeError or ValueError for a size below 1.
    """
    numbers, used, found = _numbers(pairs), Counter[str](), []
    most, longest = at_least_1("most", most), at_least_1("longest", longest)
    for s, sentence in enumerate(sentences):
        if len(sentence) > longest:
            continue
        for place in range(1, len(sentence) - 1):
            word = sentence[place]
            if word not in numbers or sentence[place - 1] != "the" or used[word] >= most:
                continue
            pair, plural = numbers[word]
            if sentence[place + 1] in (PLURAL if plural else SINGULAR):
                used[word] += 1
                found.append(Noun(s, place, pair, plural))
    return found


def _numbers(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    return {word: (i, plural) for i, pair in enumerate(pairs) for plural, word in enumerate(pair)}
