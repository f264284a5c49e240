"""Does an encoder keep its promises? Checks for any callable that encodes a batch of sentences, ours or yours.

`encode(ids, lengths)` takes ids (batch, length) and lengths (batch,), both int64, and returns a vector for each
sentence (batch, dim) or a state for each word (batch, length, dim). A module, a method and a function will all do:

>>> from scratch.encoder import Encoder
>>> encoder = Encoder(vocab_size=50, embedding_dim=8, hidden_dim=8, num_layers=1)
>>> print(check_encoder(encoder.states, vocab_size=50))
repeatability             ok
finite_outputs            ok
padding_invariance        ok
batch_consistency         ok
sensitivity               ok
empty_rows                yes      refuses a row without words: ValueError
permutation_equivariance  no       word order matters
causality                 yes      no state depends on a later word
>>> careless = check_encoder(lambda ids, lengths: encoder.vectors(ids), vocab_size=50)
>>> bool(careless), careless["padding_invariance"].holds
(False, False)

The first five are promises that any encoder should keep; the last three describe it, unless you say what it should be.
A sentence's move is the norm of the difference over the norm of what it was (of states: the largest difference over
their root mean square norm). It may be as large as rounding: 2.4e-5 in single precision, 3.7e-11 in double.

What `encode` raises is a verdict, and of a row without words a refusal. But what is no encoder of `vocab_size` words
raises TypeError or ValueError here: a class, a module with another second argument than lengths, outputs of another
kind or shape, a table with fewer rows, weights on the meta device; so do a `vocab_size` below 3 (the padding and two
words) and a `pad_id` outside it. `device` is where ids and lengths are made: by default where a module's weights are.

The checks of `scratch.exercise`, for attention, an LSTM's cell and others of your own, are reached from here, too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from scratch._arguments import flag
from scratch._probe import Device, Encode, EncodeError, OutputError, Probe, moved, tolerance
from scratch.exercise import (  # noqa: F401 (check.attention(mine) and so on; see there)
    attention,
    encoder_layer,
    lstm_cell,
    one_hot,
    positional,
    tokenizer,
    word2vec_gradient,
)
from scratch.report import Report, Result

Move = tuple[list[int], str, Tensor, Tensor]  # a sentence, when it may have moved, what it was before and is then
Found = tuple[bool | None, str, str]  # what a Result holds after the name
PROMISES = ("repeatability", "finite_outputs", "padding_invariance", "batch_consistency", "sensitivity")
PADS = (1, 3, 8)


def check_encoder(
    encode: Encode,
    vocab_size: int,
    pad_id: int = 0,
    *,
    ordered: bool | None = None,
    causal: bool | None = None,
    empty: bool | None = None,
    device: Device = None,
) -> Report:
    """Run all checks. Say with `ordered`, `causal`, `empty` (may rows be so?) what it should be, or leave it open."""
    promises = (repeatability, finite_outputs, padding_invariance, batch_consistency, sensitivity)
    choices = (empty_rows, permutation_equivariance, causality)
    asked = dict.fromkeys(PROMISES, True)
    asked |= {} if empty is None else {"empty_rows": flag("empty", empty)}
    asked |= {} if ordered is None else {"permutation_equivariance": not flag("ordered", ordered)}
    asked |= {} if causal is None else {"causality": flag("causal", causal)}
    first, *others = (check(encode, vocab_size, pad_id, device=device) for check in promises + choices)
    if not first:  # what moves by itself moves whatever is done to it
        own = [r.holds or not r.look_at or r.name == "finite_outputs" for r in others]
        others = [r if o else replace(r, look_at="Repeatability first.") for r, o in zip(others, own, strict=True)]
    return Report((first, *others), asked)


def repeatability(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Do the same sentences give the same outputs twice?"""
    probe = Probe(encode, vocab_size, pad_id, device)

    def moves() -> Iterator[Move]:
        for sentence, once, twice in zip(probe.sentences, probe(probe.sentences), probe(probe.sentences), strict=True):
            yield sentence, "in a second run", once, twice

    look_at = "Is it in training mode, with dropout (call .eval())? Does it keep a state from call to call?"
    return _unmoved("repeatability", probe, moves, look_at)


def finite_outputs(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Is all that comes out a finite number, at words and at padding?"""
    probe = Probe(encode, vocab_size, pad_id, device)

    def examine() -> Found:
        outputs = probe.batch(probe.sentences)
        if outputs.isfinite().all():
            return True, "", ""
        if not all(words.isfinite().all() for words in probe.at_words(outputs, probe.sentences)):
            return False, "NaN or infinity for ordinary sentences", "Overflow? A division by zero?"
        look_at = "Give zeros there: multiplied by a mask, NaN stays NaN, and one sum spreads it to all words."
        return False, "NaN or infinity at padding only", look_at

    return _verdict("finite_outputs", probe, examine)


def padding_invariance(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Does a sentence stay where it is when padding follows it?"""
    probe = Probe(encode, vocab_size, pad_id, device)

    def moves() -> Iterator[Move]:
        for sentence in [*probe.sentences, *([word] for word in probe.words[:8])]:  # a maximum may hide a pad from one
            (alone,) = probe([sentence])
            for pads in PADS:
                (padded,) = probe([sentence], pads)
                yield sentence, f"with {pads} pad{'s' * (pads > 1)}", alone, padded

    look_at = (
        "Are the lengths passed on to packing, to every mask, to pooling? Is the mask on the axis of the keys, and "
        "True where this library wants True? Does a mean divide by the length, and not by the width?"
    )
    return _unmoved("padding_invariance", probe, moves, look_at)


def batch_consistency(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Is a sentence in a batch what it is alone, also beside another of its length and beside itself?"""
    probe = Probe(encode, vocab_size, pad_id, device)

    def moves() -> Iterator[Move]:
        for sentence, inside in zip(probe.sentences, probe(probe.sentences), strict=True):
            (alone,) = probe([sentence])
            yield sentence, "in a batch", alone, inside

    look_at = (
        "Padding first. Then: are sorted rows put back in order? Does a softmax, a norm or a statistic run over the "
        "batch, or over all sentences of one length?"
    )
    return _unmoved("batch_consistency", probe, moves, look_at)


def sensitivity(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Does every word move something: at each of 7 places, as the last of 15, and whichever word it is (256 tried)?

    A place counts if, in one of 16 sentences, another word there changes a single number. An id counts if it changes
    something when appended to some other word; it is not asked where most ids change nothing either.
    """
    probe = Probe(encode, vocab_size, pad_id, device)
    look_at = "Is something cut off at an end? Is there a maximal length, a mask that is made from ids, a constant?"

    def examine() -> Found:
        deaf = [place for place in range(7) if not _heard(probe, 7, place)]
        if len(deaf) == 7:
            return False, "no word changes anything", look_at
        if deaf:
            return False, f"no word at place {', '.join(map(str, deaf))} of 0 … 6 changes anything", look_at
        if not _heard(probe, 15, 14):
            return False, "no word at place 14 of 0 … 14 changes anything", look_at
        dropped = _dropped(probe)
        return (True, "", "") if dropped is None else (False, f"the id {dropped} changes nothing", look_at)

    return _verdict("sensitivity", probe, examine)


def empty_rows(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Is a row without words refused, by whatever exception, or else finite, and without effect on other rows?"""
    probe = Probe(encode, vocab_size, pad_id, device)

    def examine() -> Found:
        before = probe(probe.sentences)
        try:
            outputs = probe.batch([*probe.sentences, []])
        except EncodeError as raised:
            return True, f"refuses a row without words: {type(raised.__cause__).__name__}", ""
        after = probe.at_words(outputs, probe.sentences)
        if any(moved(*pair) > tolerance(outputs) for pair in zip(before, after, strict=True)):
            return False, "a row without words changes other rows", "What is computed over the whole batch?"
        if outputs.isfinite().all():
            return True, "a row without words stays finite", ""
        look_at = (
            "A softmax, a mean or a maximum of nothing is NaN or infinite. If such rows can come, refuse them or "
            "give zeros; if none can, this is no fault."
        )
        return False, "NaN or infinity for a row without words", look_at

    return _verdict("empty_rows", probe, examine)


def permutation_equivariance(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Do shuffled words give the same states, shuffled, or the same vector? Then word order does not matter."""
    probe = Probe(encode, vocab_size, pad_id, device)

    def examine() -> Found:
        sentence = max(probe.sentences, key=len)
        (straight,) = probe([sentence])
        for order in ([6, 5, 4, 3, 2, 1, 0], [1, 2, 3, 4, 5, 6, 0], [3, 6, 1, 5, 0, 2, 4]):
            (shuffled,) = probe([[sentence[i] for i in order]])
            if moved(straight[order] if straight.ndim == 2 else straight, shuffled) > tolerance(straight):
                return False, "word order matters", ""
        return True, "word order changes nothing", "If it should: is a position added to each word?"

    return _verdict("permutation_equivariance", probe, examine)


def causality(encode: Encode, vocab_size: int, pad_id: int = 0, *, device: Device = None) -> Result:
    """Does each state depend on its own and earlier words only? Vectors of sentences cannot show it."""
    probe = Probe(encode, vocab_size, pad_id, device)

    def examine() -> Found:
        sentence = max(probe.sentences, key=len)
        (states,) = probe([sentence])
        if states.ndim == 1:
            return None, "needs a state for each word, (batch, length, dim)", ""
        for place in range(len(sentence) - 1, 0, -1):
            other = next(word for word in probe.words if word != sentence[place])
            (changed,) = probe([[*sentence[:place], other, *sentence[place + 1 :]]])
            if moved(states[:place], changed[:place]) > tolerance(states):
                return False, f"states before place {place} change with the word there", ""
            if moved(states[:place], *probe([sentence[:place]])) > tolerance(states):
                return False, f"states before place {place} change if the text ends there", ""
        return True, "no state depends on a later word", ""

    return _verdict("causality", probe, examine)


def _verdict(name: str, probe: Probe, examine: Callable[[], Found]) -> Result:
    """What `examine` finds, or that the encoder has raised something, or returned no such outputs, on the way."""
    try:
        return Result(name, *examine())
    except (EncodeError, OutputError) as error:  # a promise is broken; of a choice nothing is known
        return Result(name, False if name in PROMISES else None, str(error), probe.look_at)


def _unmoved(name: str, probe: Probe, moves: Callable[[], Iterable[Move]], look_at: str) -> Result:
    """Whether every sentence stays where it was; the message tells of the one that went furthest."""

    def examine() -> Found:
        rows = [(moved(before, after), sentence, when) for sentence, when, before, after in moves()]
        far, sentence, when = max(rows, key=lambda row: row[0])
        if far <= tolerance(probe.batch(probe.sentences)):
            return True, "", ""
        words = "1 word moves" if len(sentence) == 1 else f"{len(sentence)} words move"
        how_far = f"by {far:.2g} of the norm" if math.isfinite(far) else "infinitely far (from 0 or to NaN)"
        return False, f"{words} {how_far} {when}", look_at

    return _verdict(name, probe, examine)


def _heard(probe: Probe, length: int, place: int) -> bool:
    """Whether another word at this place, among equal ones, changes a single number: for one of 16 pairs of words."""
    pairs = [(probe.words[i - 1], probe.words[i]) for i in range(min(16, len(probe.words)))]
    equal = probe([[a] * length for a, _ in pairs])
    other = probe([[a] * place + [b] + [a] * (length - place - 1) for a, b in pairs])
    return not all(map(torch.equal, equal, other))


def _dropped(probe: Probe) -> int | None:
    """An id that, appended to whatever word, changes nothing, while most ids do; 256 ids are tried."""
    words = sorted(probe.words)
    if len(words) > 256:  # the first 128, and as many of the others, from the last on
        words = words[:128] + [words[-1 - i * (len(words) - 128) // 128] for i in range(128)]

    def moves(pairs: list[tuple[int, int]]) -> Tensor:  # -> (views, pairs)
        alone = probe([[first] for first, _ in pairs], pads=1)
        rows = zip(alone, probe([list(pair) for pair in pairs]), strict=True)
        return torch.tensor([[moved(*view) for view in _views(*row)] for row in rows]).T

    # of 8 first words, the largest move that an id makes
    largest = torch.stack([moves([(first, word) for word in words]) for first in probe.words[:8]]).amax(0)
    limit = tolerance(probe.batch(probe.sentences))
    for view, of_word in enumerate(largest):
        if statistics.median(of_word.tolist()) > 10 * limit:
            for word in (words[i] for i in (of_word <= limit).nonzero()):
                if moves([(first, word) for first in words if first != word])[view].max() <= limit:
                    return word
    return None


def _views(before: Tensor, after: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What an appended word may change: the vector; or the state of the word before it, and the sum of all states."""
    return [(before, after)] if before.ndim == 1 else [(before[0], after[0]), (before.sum(0), after.sum(0))]
