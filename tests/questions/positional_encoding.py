"""What the right options of *Check yourself* must say, computed: the chapter on positional encoding."""

import math


def square():
    """The squared length of a sinusoidal row of 512 numbers."""
    import torch

    from scratch.position import sinusoidal

    row = sinusoidal(1, 512, start=37, dtype=torch.float64)[0]
    return f"{row @ row:.0f}"


def far_share():
    """What head 3 of 8 leaves a word 16 places away of the share of an equal one at the place itself."""
    from scratch.position import alibi_bias

    return f"{alibi_bias(8, 17)[2, 0, 16].exp():.3f}"


def same_score():
    """The pair of places, of those in the options, with the score of a query at 7 and a key at 4."""
    import torch

    from scratch.position import rotate

    q, k = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def score(a, b):
        return (rotate(q, torch.tensor([a])) @ rotate(k, torch.tensor([b])).T).item()

    pairs = [(107, 104), (4, 7), (14, 8)]
    return " / ".join(f"{a} and {b}" for a, b in pairs if math.isclose(score(a, b), score(7, 4)))


def first_miscount():
    import torch

    return str(next(n for n in range(10_000) if int(torch.tensor(n).bfloat16()) != n))


def right_class():
    """T5's class of a word 3 steps to the right, by its rule for near words: 32 classes, half of them for each side."""
    return str(32 // 2 + 3)


KEYS = {1: square, 3: far_share, 4: same_score, 5: first_miscount, 8: right_class}
