"""What the right answers of the chapter on GloVe state."""

import math


def _own_company():
    from scratch.cooccurrence import cooccurrence

    return cooccurrence([[0, 1, 0, 2]], vocab_size=3, window=2).toarray()[0, 0]


def _pmi():
    ratio = 6 * 1000 / (30 * 40)
    return f"{math.log(ratio):.2f}, which is $\\ln {ratio:.0f}$"


def _weight():
    import torch

    from scratch.glove import weighting

    return weighting(torch.tensor(0.625), x_max=10).item()


def _first_step():
    import torch

    x = torch.nn.Parameter(torch.zeros(()))
    x.grad = torch.tensor(0.002)
    torch.optim.Adagrad([x], lr=0.05).step()
    return abs(x.item())


KEYS = {
    1: lambda: f"{_own_company():.1f}",
    2: _pmi,
    5: lambda: f"{_weight():.3f}",
    7: lambda: f"{_first_step():.2f}",
}
