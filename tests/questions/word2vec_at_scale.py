"""What the right answers of the chapter on word2vec at scale state."""


def _mean_turns():
    from scratch.huffman import huffman

    counts = [8, 4, 2, 1, 1]
    turns = (huffman(counts)[0] >= 0).sum(1).tolist()
    return sum(n * t for n, t in zip(counts, turns, strict=True)) / sum(counts)


def _probability_of_true():
    true, false = 12, 5 * 400 * 0.01
    return true / (true + false)


def _mean_weight():
    return sum(radius >= 3 for radius in range(1, 5)) / 4


def _kept():
    import torch

    from scratch.windows import keep_probability

    return keep_probability(torch.tensor([10, 990]), 1e-3)[0].item()


KEYS = {
    1: lambda: f"{_mean_turns():.3f}",
    2: lambda: f"{_probability_of_true():.3f}",
    4: lambda: f"{_mean_weight():.1f}",
    5: lambda: f"{_kept():.0%}",
}
