"""What the right answers of the chapter on one-hot vectors state, computed."""


def distance():
    import math
    from collections import Counter

    first, second = (Counter(text.split()) for text in ("red red car", "blue car"))
    squared = sum((first[word] - second[word]) ** 2 for word in first | second)
    return rf"$\sqrt {squared} \approx {math.sqrt(squared):.2f}$"


def gradient():
    import torch

    layer = torch.nn.Embedding(3, 1)
    layer(torch.tensor([1, 2, 1])).backward(torch.tensor([[2.0], [5.0], [-3.0]]))
    return ", ".join(f"{g:.0f}" for g in layer.weight.grad.flatten()).replace("-", "−")


def cosine():
    import torch

    from scratch.one_hot import one_hot

    query, sentence = one_hot([0, 1], 8).sum(0), one_hot(list(range(8)), 8).sum(0)
    return f"{torch.nn.functional.cosine_similarity(query, sentence, dim=0):.2f}"


def rotated():
    import torch

    rows = torch.linalg.qr(torch.randn(9, 9, dtype=torch.float64)).Q  # one_hot(range(9), 9) @ Q
    cosines = torch.nn.functional.cosine_similarity(rows[:, None], rows[None], dim=2)
    largest = (cosines - torch.eye(9)).abs().max()
    return f"{largest:.0f} for any two different words"


KEYS = {
    2: distance,
    3: lambda: f"{50_000 * 300 * 4 / 1e6:.0f} MB",
    4: gradient,
    6: cosine,
    8: rotated,
}
