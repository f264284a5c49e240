"""What the right options of *Check yourself* must say, computed: the chapter on encoder and decoder."""

import math


def given():
    """What the decoder is given at its third guess, under teacher forcing."""
    target = ["3", "0", "2", "<eos>"]
    return f"`{['<bos>', *target[:-1]][2]}`"


def in_padded_company():
    """The length of a mean over all places, of three words among twelve places, in units of the mean of the words."""
    import torch

    words = torch.ones(3, 8)
    padded = torch.cat([words, torch.zeros(9, 8)])
    return f"{padded.mean(0).norm() / words.mean(0).norm():.2f}"


def moved():
    """How many states of a causal stack move when token 5 of 14 is changed."""
    import torch

    from scratch.attention import scaled_dot_product_attention

    def encode(x):
        for _ in range(3):
            x = x + scaled_dot_product_attention(x, x, x, torch.ones(14, 14).tril().bool())[0]
        return x

    x = torch.randn(14, 4, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[4] += 1
    return str(int((encode(changed) != encode(x)).any(1).sum()))


KEYS = {
    1: lambda: f"{4 * math.log(1 / 44):.1f}",
    2: given,
    3: lambda: f"{len([4, 3, 2, 1])} of {sum([4, 3, 2, 1])}",
    4: lambda: f"{0.6 / 3:.1f}",
    5: in_padded_company,
    7: moved,
}
