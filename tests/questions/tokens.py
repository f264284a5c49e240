"""What the right answers of the chapter on tokens state, computed."""


def ids():
    from scratch.text import Vocabulary

    return str(Vocabulary.from_tokens(["c", "a", "b", "a"]).encode(["c", "a", "x"]))


def merges():
    from collections import Counter
    from itertools import pairwise

    words = {"pit": 4, "pin": 3, "tin": 5}
    cut, found = {word: list(word) for word in words}, []
    for _ in range(2):
        pairs = Counter()
        for word, symbols in cut.items():
            for pair in pairwise(symbols):
                pairs[pair] += words[word]
        (a, b), times = pairs.most_common(1)[0]
        found.append((a + b, times))
        cut = {word: " ".join(symbols).replace(f"{a} {b}", a + b).split() for word, symbols in cut.items()}
    (first, n), (second, m) = found
    return f"`{first}`, which stands {n} times, then `{second}`, {m} times"


def pads():
    from scratch.text import pad

    ids, lengths = pad([[1] * n for n in (3, 1, 4)])
    return f"{ids.numel() - lengths.sum()} of {ids.numel()} places"


def no_merges():
    from scratch.text import BytePairEncoder

    return f"{len(BytePairEncoder.train(['the cat sat on the mat'], 260).encode('é猫'))}, and none"


KEYS = {
    1: lambda: f"{60_000 / 300:.0f} times",
    2: ids,
    3: merges,
    5: no_merges,
    8: pads,
}
