"""What the right answers of the chapter on the Transformer encoder state, computed."""

import torch

from scratch.encoder import EncoderLayer


def parameters(heads: int) -> str:
    return f"{sum(p.numel() for p in EncoderLayer(64, heads, 256).parameters()):,}"


def words_in_the_first_head(length: int = 8, heads: int = 4, dim: int = 16) -> str:
    words = torch.arange(length).repeat_interleave(dim).view(heads, length, dim // heads)
    return f"the first {words[0].max() + 1} words"


def changed_states(length: int = 6) -> str:
    torch.manual_seed(0)
    layer, mask = EncoderLayer(8, 2, 16), torch.ones(1, length, length).tril().bool()
    x = torch.randn(1, length, 8)
    other = x.clone()
    other[0, -1] = 0
    return f"Only {(layer(x, mask) != layer(other, mask)).any(2).sum()}"


def reached(layers: int = 6, length: int = 101) -> str:
    place = torch.arange(length)
    band = ((place.unsqueeze(1) - place).abs() <= 1).double()
    return f"{(torch.linalg.matrix_power(band, layers)[length // 2] > 0).sum()}"


def share_of_pairs(d: int = 512, length: int = 1024) -> str:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        EncoderLayer(d, 8, 4 * d)(torch.zeros(1, length, d))
    pairs = 2 * 2 * length**2 * d  # scores and sums, a product and an addition each
    return f"{100 * pairs / counter.get_total_flops():.0f}%"


KEYS = {
    1: lambda: f"{parameters(8)}, as before" if parameters(8) == parameters(4) else "",
    3: words_in_the_first_head,
    4: changed_states,
    5: reached,
    6: share_of_pairs,
}
