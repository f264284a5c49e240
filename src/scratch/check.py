"""Does an encoder keep its promises? Checks for any callable that encodes a batch of sentences, ours or yours.

`encode(ids, lengths)` takes ids (batch, length) and lengths (batch,), both int64, and returns a vector for each
sentence (batch, dim) or a state for each word (batch, length, dim). A module, a method and a function will all do:

>>> from scratch.encoder import Encoder
>>> encoder = Encoder(vocab_size=50, embedding_dim=8, hidden_dim=8, num_layers=1)
>>> print(check_encoder(encoder.states, vocab_size=50))
repeatability             ok
padding_invariance        ok
batch_consistency         ok
finite_outputs            ok       refuses a row without words: ValueError
permutation_equivariance  no       word order matters
causality                 yes      no state depends on a later word
>>> careless = check_encoder(lambda ids, lengths: encoder.vectors(ids), vocab_size=50)
>>> bool(careless), careless["padding_invariance"].holds
(False, False)

Differences are measured in units of the outputs' root mean square, and may be as large as rounding: 2.4e-5 in single
precision, 3.7e-11 in double. A callable that returns nothing of the kind raises TypeError or ValueError, as does a
`vocab_size` below 3 (the padding and two words) or a `pad_id` outside it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from scratch._arguments import at_least

Encode = Callable[[Tensor, Tensor], Tensor]
_LENGTHS = (5, 2, 7, 1)  # of the sentences that are tried: to sort them, up or down, three change places in a circle
_PADS = (1, 3, 8)


@dataclass(frozen=True)
class Result:
    """What a check found. It is true if the property holds; `holds` is None if the outputs cannot show it."""

    name: str
    holds: bool | None
    message: str = ""
    look_at: str = ""

    def __bool__(self) -> bool:
        return bool(self.holds)

    def __str__(self) -> str:
        verdict = {True: "holds", False: "does not hold", None: "unknown"}[self.holds]
        return _paragraph(f"{self.name} {verdict}" + f": {self.message}" * bool(self.message), self.look_at)


@dataclass(frozen=True)
class Report:
    """What all checks found. It is true if all that was asked for (a name and whether it should hold) is so."""

    results: tuple[Result, ...]
    asked: dict[str, bool]

    def __getitem__(self, name: str) -> Result:
        return {result.name: result for result in self.results}[name]

    def __bool__(self) -> bool:
        return all(self[name].holds is wanted for name, wanted in self.asked.items())

    def __str__(self) -> str:
        width = max(len(result.name) for result in self.results)
        rows = [(f"{r.name:{width}}  {self._verdict(r):7}  {r.message}".rstrip(), r.look_at) for r in self.results]
        return "\n".join(_paragraph(*row) for row in rows)

    def _verdict(self, result: Result) -> str:
        if result.name in self.asked:
            return "ok" if result.holds is self.asked[result.name] else "FAILS"
        return {True: "yes", False: "no", None: "unknown"}[result.holds]


def check_encoder(
    encode: Encode, vocab_size: int, pad_id: int = 0, *, ordered: bool | None = None, causal: bool | None = None
) -> Report:
    """Run all checks. Say with `ordered` and `causal` what the encoder should be, or leave it open."""
    asked = {"repeatability": True, "padding_invariance": True, "batch_consistency": True, "finite_outputs": True}
    asked |= {} if ordered is None else {"permutation_equivariance": not ordered}
    asked |= {} if causal is None else {"causality": bool(causal)}
    checks = (repeatability, padding_invariance, batch_consistency, finite_outputs, permutation_equivariance, causality)
    return Report(tuple(check(encode, vocab_size, pad_id) for check in checks), asked)


def repeatability(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Do the same sentences give the same outputs twice?"""
    sentences = _sentences(vocab_size, pad_id)
    once, twice = (_encode(encode, sentences, pad_id) for _ in range(2))
    moved = _difference(once, twice)
    look_at = "Dropout: it is on until .eval() is called, and spoils the other checks too."
    return _result("repeatability", [(moved, f"two runs differ by {moved:.2g}")], once, look_at)


def padding_invariance(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Does a sentence stay where it is when padding follows it?"""
    found = []
    for sentence in _sentences(vocab_size, pad_id):
        alone = _encode(encode, [sentence], pad_id)
        for pads in _PADS:
            moved = _difference(alone, _encode(encode, [sentence], pad_id, len(sentence) + pads))
            found.append((moved, f"{_words(sentence)} moves by {moved:.2g} when {pads} of padding follow"))
    look_at = (
        "Are the lengths passed on to packing, to every mask, to pooling? Is the mask on the axis of the keys, and "
        "True where this library wants True? Does a mean divide by the length, and not by the width?"
    )
    return _result("padding_invariance", found, alone, look_at)


def batch_consistency(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Is a sentence in a batch what it is alone?"""
    sentences, found = _sentences(vocab_size, pad_id), []
    together = _encode(encode, sentences, pad_id)
    for row, sentence in enumerate(sentences):
        alone = _encode(encode, [sentence], pad_id)
        moved = _difference(alone, together[row : row + 1])
        found.append((moved, f"{_words(sentence)} differs by {moved:.2g} when others are in the batch"))
    look_at = "Padding first. Then: are sorted rows put back in order? Does a softmax or a norm run over the batch?"
    return _result("batch_consistency", found, together, look_at)


def finite_outputs(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Is all that comes out a finite number, also for a row without words, unless such a row is refused?"""
    sentences, name = _sentences(vocab_size, pad_id), "finite_outputs"
    if not _encode(encode, sentences, pad_id).isfinite().all():
        return Result(name, False, "NaN or infinity for ordinary sentences", "Overflow? A division by zero?")
    try:
        outputs = _encode(encode, [*sentences, []], pad_id)
    except (ValueError, IndexError, RuntimeError) as error:
        return Result(name, True, f"refuses a row without words: {type(error).__name__}")
    if outputs.isfinite().all():
        return Result(name, True, "a row without words stays finite")
    where = "a row without words" if outputs[:-1].isfinite().all() else "a batch with a row without words"
    look_at = (
        "The softmax of a row that is -inf everywhere is 0 / 0: refuse a length of 0, or give zeros for such rows."
    )
    return Result(name, False, f"NaN or infinity for {where}", look_at)


def permutation_equivariance(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Do shuffled words give the same states, shuffled, or the same vector? Then word order does not matter."""
    sentence, name = max(_sentences(vocab_size, pad_id), key=len), "permutation_equivariance"
    shuffle = [*range(1, len(sentence), 2), *range(0, len(sentence), 2)]
    straight = _encode(encode, [sentence], pad_id)
    shuffled = _encode(encode, [[sentence[i] for i in shuffle]], pad_id)
    straight = straight[:, shuffle] if straight.ndim == 3 else straight
    if _difference(straight, shuffled) > _tolerance(straight):
        return Result(name, False, "word order matters")
    return Result(name, True, "word order changes nothing", "If it should: is a position added to each word?")


def causality(encode: Encode, vocab_size: int, pad_id: int = 0) -> Result:
    """Does each state depend on its own and earlier words only? Vectors of sentences cannot show it."""
    sentence, name = max(_sentences(vocab_size, pad_id), key=len), "causality"
    states = _encode(encode, [sentence], pad_id)
    if states.ndim == 2:
        return Result(name, None, "needs a state for each word, (batch, length, dim)")
    for place in range(len(sentence) - 1, 0, -1):
        other = next(i for i in range(vocab_size) if i not in (pad_id, sentence[place]))
        changed = _encode(encode, [[*sentence[:place], other, *sentence[place + 1 :]]], pad_id)
        if _difference(states[:, :place], changed[:, :place]) > _tolerance(states):
            return Result(name, False, f"states before place {place} change with the word there")
    return Result(name, True, "no state depends on a later word")


def _sentences(vocab_size: int, pad_id: int) -> list[list[int]]:
    """Sentences of the lengths to be tried, of words that differ as far as there are enough."""
    if at_least("pad_id", pad_id, 0) >= at_least("vocab_size", vocab_size, 3):
        raise ValueError(f"pad_id must be below vocab_size = {vocab_size}, got {pad_id}")
    order = torch.randperm(vocab_size, generator=torch.Generator().manual_seed(0)).tolist()
    order.remove(pad_id)
    return [[order[(first + i) % len(order)] for i in range(length)] for first, length in enumerate(_LENGTHS)]


def _encode(encode: Encode, sentences: list[list[int]], pad_id: int, width: int | None = None) -> Tensor:
    """The outputs for sentences padded to `width`, or else to the longest."""
    lengths = [len(sentence) for sentence in sentences]
    width = width or max(lengths)
    ids = torch.tensor([s + [pad_id] * (width - len(s)) for s in sentences])
    with torch.no_grad():
        outputs = encode(ids, torch.tensor(lengths))
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        kind = outputs.dtype if isinstance(outputs, Tensor) else type(outputs).__name__
        raise TypeError(f"encode must return one tensor of floating point numbers, got {kind}")
    fits = outputs.ndim == 2 or (outputs.ndim == 3 and max(lengths) <= outputs.shape[1] <= width)
    if not fits or len(outputs) != len(sentences):
        expected = f"(batch, dim) or (batch, length, dim) for ids of the shape {tuple(ids.shape)}"
        raise ValueError(f"encode must return outputs (a tensor) of the shape {expected}, got {tuple(outputs.shape)}")
    return outputs


def _difference(a: Tensor, b: Tensor) -> float:
    """The largest at a place that both have, in units of a's root mean square; infinite if something is no number."""
    if a.ndim == 3:
        length = min(a.shape[1], b.shape[1])
        a, b = a[:, :length], b[:, :length]
    largest, size = (a - b).double().abs().max().item(), a.double().square().mean().sqrt().item()
    if largest == 0:
        return 0.0
    return largest / size if size and math.isfinite(largest) else math.inf


def _tolerance(outputs: Tensor) -> float:
    return torch.finfo(outputs.dtype).eps ** (2 / 3)


def _result(name: str, found: list[tuple[float, str]], outputs: Tensor, look_at: str) -> Result:
    moved, message = max(found)
    return Result(name, True) if moved <= _tolerance(outputs) else Result(name, False, message, look_at)


def _paragraph(first: str, look_at: str) -> str:
    look_at = f"Look at: {look_at}" if look_at else ""
    return "\n".join([first, *textwrap.wrap(look_at, 84, initial_indent="    ", subsequent_indent="    ")])


def _words(sentence: list[int]) -> str:
    return f"a sentence of {len(sentence)} word{'s' * (len(sentence) > 1)}"
