"""What the right options of *Check yourself* must say, computed: the chapter on the input layer."""


def length():
    """The length of a row of nn.Embedding as it comes, times √d; to three digits, which are the same for any seed."""
    import torch

    torch.manual_seed(0)
    rows = torch.nn.Embedding(1000, 1024).weight * 1024**0.5
    assert abs(rows.norm(dim=1).mean().item() / 1024 - 1) < 0.01
    return f"About {1024:,}"


def kept():
    """What dropout makes of a number that is kept."""
    import torch

    torch.manual_seed(0)
    out = torch.nn.functional.dropout(torch.full((100,), 3.0), 0.25)
    return f"{out.max().item():.1f}"


def normalised():
    import torch

    return f"{torch.nn.LayerNorm(4)(torch.tensor([2.0, 4.0, 6.0, 8.0]))[0].item():.2f}"


def learned():
    from scratch.input_layer import InputLayer

    return f"{sum(p.numel() for p in InputLayer(1000, 64, 128, 'learned').parameters()):,}"


KEYS = {1: length, 2: kept, 3: normalised, 4: learned}
