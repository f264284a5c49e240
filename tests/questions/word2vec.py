"""What the right answers of the chapter on word2vec state, computed."""

import math


def examples():
    from scratch.windows import windows

    _, contexts = windows([[0, 1, 2, 3, 4]], window=1)
    return str(int((contexts >= 0).sum()))


def derivative():
    import torch

    scores = torch.tensor([0.0, 0.0, math.log(2)], requires_grad=True)
    torch.nn.functional.cross_entropy(scores, torch.tensor(0)).backward()
    return f"{scores.grad[0]:.2f}".replace("-", "−")


def first_loss():
    import torch

    from scratch.word2vec import SkipGram, softmax_loss

    model = SkipGram(1000, dim=4, generator=torch.Generator().manual_seed(0))
    loss, _, _ = softmax_loss(model.hidden(torch.tensor([7])), model.output, torch.tensor([[3]]))
    return f"{loss:.2f}"


def kept():
    import torch

    from scratch.windows import keep_probability

    return f"{keep_probability(torch.tensor([10, 990]), 1e-3)[0]:.2f}"


KEYS = {1: examples, 2: derivative, 3: first_loss, 7: kept}
