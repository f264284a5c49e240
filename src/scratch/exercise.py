"""Is what you wrote for an exercise right, and if not, what is wrong with it? One line tells, for seven exercises.

A check tries your code in several cases beside a library, and returns a report that is true if all is right. Where
your code gives, number for number, what a well-known mistake gives (or two of them together), the report names it;
elsewhere it says where to look. The checks are reached through `scratch.check`, too: `check.attention(mine)`.

>>> def mine(query, key, value, mask=None):
...     scores = query @ key.mT if mask is None else (query @ key.mT).masked_fill(mask, -torch.inf)
...     return scores.softmax(-1) @ value, scores.softmax(-1)
>>> print(attention(mine))
without_mask      FAILS    output[1, 2, 1] is 1.041, expected 0.5986
    Look at: The scores are not divided by √dim.
mask              FAILS    output[1, 1, 4] is 2.078, expected -0.7484
    Look at: The scores are not divided by √dim. The mask is inverted: it is True where
    attention is allowed.
one_mask_for_all  FAILS    as in mask
empty_row         FAILS    as in mask
large_scores      ok
double_precision  FAILS    as in mask
more_axes         no       output[1, 0, 2, 0] is -1.928, expected 0.8437, same cause
half_precision    no       output[1, 1, 4] is 2.078, expected -0.7485, same cause

What your code raises is a verdict, and NotImplementedError means "not written yet". TypeError is raised here for what
cannot be called as asked. Arrays of NumPy and lists will do for tensors. Numbers may be off by rounding: in single
precision 2.4e-5, in double 3.7e-11 of the largest, or of 1. Your own random numbers are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scratch._arguments import flag
from scratch._mistakes import ATTENTION, GRADIENTS, LAYERS, LSTM_CELL, ONE_HOT, POSITIONAL, TOKENIZER, at_words
from scratch._probe import OutputError
from scratch.report import Report

Mine = Callable[..., Any]
SINGLE, DOUBLE = torch.float32, torch.float64
TYPE = "Is a tensor made without dtype=, or by NumPy, on the way?"
ONE_ROW = "Does a squeeze() take away an axis because its length happens to be 1?"


def one_hot(mine: Mine) -> Report:
    """Check `mine(ids, vocab_size)`: ids (...), int64 -> vectors (..., vocab_size), of any type of number.

    Beside `torch.nn.functional.one_hot`.

    >>> print(one_hot(lambda ids, vocab_size: torch.eye(vocab_size)[ids.flatten()]))
    sentence        ok
    first_and_last  ok
    absent_words    ok
    batch           FAILS    vectors has the shape (6, 7), expected (2, 3, 7)
        Look at: The axes of the batch are run together.
    one_id          FAILS    vectors has the shape (1, 7), expected (7,)
    """
    cases = {
        "sentence": ((torch.tensor([2, 0, 5, 2]), 7), "Each row is zeros but for a one at its id's place."),
        "first_and_last": ((torch.tensor([0, 6, 6]), 7), "Ids go from 0 to vocab_size - 1."),
        "absent_words": ((torch.tensor([2, 1, 2]), 9), "The width is vocab_size, whatever ids the sentence has."),
        "batch": ((torch.tensor([[1, 2, 0], [3, 3, 6]]), 7), "x.scatter_(-1, ids.unsqueeze(-1), 1) takes any shape."),
        "one_id": ((torch.tensor(3), 7), "A single id, of the shape (), gives (vocab_size,)."),
    }
    return ONE_HOT.check(_callable(mine, "mine(ids, vocab_size)"), cases)


def tokenizer(mine: Mine) -> Report:
    """Check a class: `mine(merges)` with `encode(text)` -> ids and `decode(ids)` -> text, byte-level BPE.

    merges: pairs of ids, earliest first; ids 0 … 255 are the bytes of UTF-8, and 256 + n is what merge n makes. With
    the merges and texts that are tried it does not matter whether texts are cut into words first. Beside the algorithm
    written out, which the tests hold to the `tokenizers` library. Source: Sennrich et al. 2016, arXiv 1508.07909,
    section 3.2.

    >>> class Characters:
    ...     def __init__(self, merges):
    ...         pass
    ...     def encode(self, text):
    ...         return [ord(character) for character in text]
    ...     def decode(self, ids):
    ...         return "".join(chr(i) for i in ids)
    >>> print(tokenizer(Characters)["bytes"])
    bytes does not hold: result is [233, 29483, 128578], expected [195, 169, 231, 140, 171,
        240, 159, 153, 130]
        Look at: These are characters, not bytes: begin with text.encode().
    """
    merges = [(111, 119), (108, 111), (108, 256), (101, 114), (119, 259), (257, 260), (111, 111)]  # ow, lo, low, er, …
    order = "While a pair of neighbours is among the merges: make the earliest of them, wherever it stands."
    cases = {
        "bytes": (("encode", [], "é猫🙂"), "Without merges the ids are the bytes of text.encode()."),
        "order_of_merges": (("encode", merges, "lowe tower"), order),
        "repeated_letters": (("encode", merges, "zooo low lower"), "Each merge at all its places, from left to right."),
        "empty_text": (("encode", merges, ""), "Is there a first pair in an empty list, or in a single byte?"),
        "decoding": (("decode", merges, [258, 259, 32, 231, 140, 171]), "Bytes of all tokens, joined, then UTF-8."),
        "half_a_character": (("decode", [], [97, 231, 140]), 'Models may stop there: .decode(errors="replace").'),
        "round_trip": (("round trip", merges, "  Lowe\u0301r ½\n\t“猫” 🙂 "), "Whatever the text, it comes back."),
    }

    def call(method: str, merges: list, given: Any) -> Any:
        made = mine(merges)
        if method == "decode":
            return made.decode(given)
        return made.encode(given) if method == "encode" else made.decode(made.encode(given))

    _callable(mine, "mine(merges), a class with encode and decode", makes=True)
    return TOKENIZER.check(call, cases)


def word2vec_gradient(mine: Mine) -> Report:
    """Check `mine(center, context, labels)` -> (grad_center, grad_context), the gradients of negative sampling.

    center (dim,); context (n, dim), a row for each word; labels (n,), 1 for a neighbour and 0 for a negative. The loss
    is the sum of -log σ(context · center) over neighbours and of -log σ(-context · center) over negatives (Mikolov et
    al. 2013, arXiv 1310.4546, equation 4). The gradients have the shapes of center and context. Beside autograd.

    >>> def mine(center, context, labels):
    ...     error = labels - (context @ center).sigmoid()
    ...     return error @ context, error.outer(center)
    >>> word2vec_gradient(mine)["neighbour_and_negatives"].look_at
    'Both gradients have the wrong sign: these are the steps that go down.'
    """
    labels = torch.tensor([1.0, 0, 0, 1, 0])

    def case(dtype: torch.dtype, n: int, size: float = 1) -> tuple[Tensor, ...]:
        center, context = _draw(dtype, (4,), (5, 4))
        return size * center, context[:n], labels[:n].to(dtype)

    formula = "The error is σ(context · center) - label, of each pair; which vectors does it multiply?"
    cases = {
        "neighbour_and_negatives": (case(SINGLE, 5), formula),
        "one_neighbour": (case(SINGLE, 1), ONE_ROW),
        "large_scores": (case(SINGLE, 5, 300), "Does exp overflow, or log meet a 0?"),
        "double_precision": (case(DOUBLE, 5), TYPE),
    }
    return GRADIENTS.check(_callable(mine, "mine(center, context, labels)"), cases)


def positional(mine: Mine) -> Report:
    """Check `mine(length, dim)` -> the table of sinusoidal positions (length, dim), in any precision.

    Columns 2i and 2i + 1 are the sine and the cosine of place / 10000^(2i / dim), places count from 0 (Vaswani et al.
    2017, arXiv 1706.03762, section 3.5). Beside that formula in double precision, which the tests hold to mpmath. That
    an odd `dim` ends with a sine, and that far places are exact, is told, and no failure: the paper asks for neither.

    >>> def mine(length, dim):
    ...     angles = torch.arange(length).unsqueeze(1) / 10_000 ** (torch.arange(dim) / dim)
    ...     return torch.where(torch.arange(dim) % 2 == 0, angles.sin(), angles.cos())
    >>> positional(mine)["table"].look_at
    'Column j has the exponent j/dim; a sine and its cosine share 2i/dim.'
    """
    far = "Angles in double precision, rounded at the end: single has seven digits, some of them before the point."
    cases = {
        "table": ((12, 8), "Compare row 1, whose angles are 1, 10000^(-2/dim), …"),
        "one_place": ((1, 6), ONE_ROW),
        "two_columns": ((20, 2), "The sine and the cosine of the place itself."),
        "odd_dim": ((10, 7), "There is a sine more than there are cosines."),
        "far_places": ((20_000, 6), far),
    }
    return POSITIONAL.check(_callable(mine, "mine(length, dim)"), cases, choices=("odd_dim", "far_places"))


def lstm_cell(mine: Mine) -> Report:
    """Check `mine(x, h, c, W, U, b)` -> (h, c), one step of an LSTM; or a class of modules.

    x (batch, input_dim); h and c (batch, hidden); W (4 hidden, input_dim), U (4 hidden, hidden) and b (4 hidden,) hold
    the gates i, f, g, o, one below the other, as in torch. A class is made, `mine(input_dim, hidden)`, given weights by
    torch's names, weight_ih, weight_hh, bias_ih and bias_hh (whose sum is b), and called with (x, (h, c)). Beside
    `torch.lstm_cell`. Source: Hochreiter & Schmidhuber 1997; the forget gate is Gers et al.'s, 2000.

    >>> def mine(x, h, c, W, U, b):
    ...     i, f, o, g = (x @ W.T + h @ U.T + b).chunk(4, 1)
    ...     c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    ...     return o.sigmoid() * c.tanh(), c
    >>> lstm_cell(mine)["step"].look_at
    "Your gates come in the order i, f, o, g; torch's is i, f, g, o."
    """

    def case(dtype: torch.dtype, batch: int, size: float = 1) -> tuple[Tensor, ...]:
        x, h, c, W, U, b = _draw(dtype, (2, 3), (2, 4), (2, 4), (16, 3), (16, 4), (16,))
        return x[:batch], h[:batch], c[:batch], size * W, size * U, b

    def call(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Any:
        if not isinstance(mine, type):
            return mine(x, h, c, W, U, b)
        weights = {"weight_ih": W, "weight_hh": U, "bias_ih": b / 2, "bias_hh": b / 2}
        return _loaded(mine(x.shape[1], h.shape[1]), weights)(x, (h, c))

    cases = {
        "step": (case(SINGLE, 2), "c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c'): compare c first."),
        "one_row": (case(SINGLE, 1), ONE_ROW),
        "large_gates": (case(SINGLE, 2, 300), "Does exp overflow? Take torch's sigmoid and tanh."),
        "double_precision": (case(DOUBLE, 2), TYPE),
    }
    _callable(mine, "mine(x, h, c, W, U, b), or be a class of modules", makes=True)
    return LSTM_CELL.check(call, cases)


def attention(mine: Mine) -> Report:
    """Check `mine(query, key, value, mask=None)` -> (output, weights), scaled dot-product attention.

    query (batch, queries, dim), key (batch, keys, dim), value (batch, keys, value_dim); mask, boolean, broadcasts to
    (batch, queries, keys) and is True where attention is allowed. Returns the output (batch, queries, value_dim) and
    the weights (batch, queries, keys). A row that may attend nowhere gives zeros. Beside
    `torch.nn.functional.scaled_dot_product_attention`. Another axis in front, for heads, and half precision are told,
    and no failure. Source: Vaswani et al. 2017, arXiv 1706.03762, equation 1.

    >>> from scratch.attention import scaled_dot_product_attention
    >>> bool(attention(scaled_dot_product_attention))
    True
    """

    def case(*masks: Tensor, dtype: torch.dtype = SINGLE, front: tuple[int, ...] = (2,)) -> tuple[Tensor, ...]:
        return *_draw(dtype, (*front, 3, 4), (*front, 5, 4), (*front, 5, 6)), *masks

    mask = torch.tensor([[*map(int, "110100110110111")], [*map(int, "101011101001101")]]).view(2, 3, 5).bool()
    nowhere = mask.clone()
    nowhere[0, 0] = False
    large = 100 * torch.eye(4)[None]
    cases = {
        "without_mask": (case(), "softmax(Q Kᵀ / √dim) V: scores, scale, softmax over the keys, product."),
        "mask": (case(mask), "Scores where the mask is False become -∞, before the softmax."),
        "one_mask_for_all": (case(mask[:1, :1]), "Does the mask broadcast, also from (1, 1, keys)?"),
        "empty_row": (case(nowhere), "What does the softmax make of a row that may attend nowhere?"),
        "large_scores": ((large, large, torch.eye(4)[None]), "Does exp overflow?"),
        "double_precision": (case(mask, dtype=DOUBLE), TYPE),
        "more_axes": (case(mask, front=(3, 2)), "Count axes from the end: key.mT, softmax(-1)."),
        "half_precision": (
            case(mask, dtype=torch.float16),
            "Is -1e9 filled in, which does not exist there? torch.finfo(dtype).min does, and -∞.",
        ),
    }
    mine = _callable(mine, "mine(query, key, value, mask=None)")
    return ATTENTION.check(mine, cases, choices=("more_axes", "half_precision"))


def encoder_layer(mine: Mine, *, norm_first: bool = False) -> Report:
    """Check a class, or a function that makes modules: `mine(dim, heads, feed_forward)`, a Transformer encoder's layer.

    The module has the parameters of `torch.nn.TransformerEncoderLayer`, by name and shape, and is called as
    `layer(x)` and `layer(x, mask)`: x (batch, length, dim), mask (batch, 1, length), True where one may look. It
    returns (batch, length, dim); what it gives at pads does not matter. With `norm_first` its norms stand before the
    parts. It is set to `eval()`. Beside torch's layer with the same weights. Source: Vaswani et al. 2017, arXiv
    1706.03762, section 3.1.

    >>> from scratch.encoder import EncoderLayer
    >>> bool(encoder_layer(EncoderLayer))
    True
    >>> encoder_layer(EncoderLayer, norm_first=True)["one_head"].look_at
    'The norms stand after each sum, norm(x + f(x)); they should before each part, x + f(norm(x)).'
    """

    def case(dtype: torch.dtype, heads: int, batch: int = 2, *masks: Tensor) -> tuple:
        dim, feed_forward = 4 * heads, 6
        layer = nn.TransformerEncoderLayer(dim, heads, feed_forward, device="meta")
        shapes = {name: w.shape for name, w in layer.named_parameters()}
        x, *weights = _draw(dtype, (2, 3, dim), *shapes.values())
        return heads, {name: w / 2 for name, w in zip(shapes, weights, strict=True)}, x[:batch], *masks

    def call(heads: int, weights: dict[str, Tensor], x: Tensor, mask: Tensor | None = None) -> Any:
        layer = _loaded(mine(x.shape[2], heads, len(weights["linear1.bias"])), weights)
        return layer(x) if mask is None else at_words(layer(x, mask), mask)

    parts = "Attention, its residual and norm; the network, its residual and norm: compare them one by one."
    heads = "Split the last axis into (heads, dim / heads), then transpose(1, 2); and all the way back."
    words = torch.tensor([[[True, True, False]], [[True, False, False]]])
    cases = {
        "one_head": (case(SINGLE, 1), parts),
        "two_heads": (case(SINGLE, 2), heads),
        "mask": (case(SINGLE, 2, 2, words), "The mask (batch, 1, length) broadcasts over queries; and over heads?"),
        "one_sentence": (case(SINGLE, 2, 1), ONE_ROW),
        "double_precision": (case(DOUBLE, 2), TYPE),
    }
    _callable(mine, "mine(dim, heads, feed_forward), a class of modules", makes=True)
    return LAYERS[flag("norm_first", norm_first)].check(call, cases)


def _draw(dtype: torch.dtype, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Normal numbers, always the same, on torch's default device."""
    generator, device = torch.Generator("cpu").manual_seed(0), torch.empty(0).device
    drawn = [torch.randn(shape, generator=generator, dtype=DOUBLE, device="cpu") for shape in shapes]
    return [x.to(device, dtype) for x in drawn]


def _loaded(layer: Any, weights: dict[str, Tensor]) -> nn.Module:
    """The module with these weights; OutputError if it has others."""
    if not isinstance(layer, nn.Module):
        raise OutputError(f"makes {type(layer).__name__}, expected an nn.Module")
    own, wanted = ({n: tuple(w.shape) for n, w in d.items()} for d in (dict(layer.named_parameters()), weights))
    wrong = [
        f"{n} {own.get(n, 'missing')}, torch's {wanted.get(n, 'none')}"
        for n in {**wanted, **own}
        if own.get(n) != wanted.get(n)
    ]
    if wrong:
        raise OutputError(f"has not the weights that torch's has: {'; '.join(wrong[:4])}{'; …' * (len(wrong) > 4)}")
    layer.to(next(iter(weights.values()))).load_state_dict(weights, strict=False)
    return layer.eval()


def _callable(mine: Mine, form: str, *, makes: bool = False) -> Mine:
    """`mine`, if it can be called; TypeError for an instance in the place of a class, and the other way round."""
    name = getattr(mine, "__name__", type(mine).__name__)
    if not callable(mine) or (makes and isinstance(mine, nn.Module)):
        raise TypeError(f"mine must be callable as {form}, got {mine!r:.40}" + ": pass the class" * makes)
    if isinstance(mine, type) and not makes:
        raise TypeError(f"mine must be callable as {form}, got the class {name}: make one, {name}(...)")
    return mine
