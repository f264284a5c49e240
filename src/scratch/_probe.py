"""What the checks of `scratch.check` stand on: an encoder, sentences to try it on, and how far a sentence has moved."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from scratch._arguments import at_least

Encode = Callable[[Tensor, Tensor], Tensor]
Device = torch.device | str | None
LENGTHS = (5, 2, 7, 5, 1)  # of the sentences that are tried: to sort them, up or down, three change places in a circle
NO_LENGTHS = ("mask", "past", "hx", "state", "type", "embed", "value", "target", "tgt")  # in names of second arguments


class EncodeError(Exception):
    """The encoder has raised `__cause__`, and this is what it said."""


class OutputError(TypeError, ValueError):
    """What the encoder returned is of another type or shape than vectors or states of what it was given."""


class Probe:
    """An encoder that can be called with sentences.

    >>> probe = Probe(lambda ids, lengths: ids.unsqueeze(2).double(), vocab_size=9)
    >>> [len(states) for states in probe(probe.sentences)]  # of each word, and of no padding
    [5, 2, 7, 5, 1, 2]

    Raises what `scratch.check` says: TypeError or ValueError if `encode` is no encoder of `vocab_size` words.
    """

    def __init__(self, encode: Encode, vocab_size: int, pad_id: int = 0, device: Device = None):
        if at_least("pad_id", pad_id, 0) >= at_least("vocab_size", vocab_size, 3):
            raise ValueError(f"pad_id must be below vocab_size = {vocab_size}, got {pad_id}")
        check_arguments(encode)
        self.encode, self.pad_id = encode, pad_id
        self.device = next((w.device for w in weights(encode)), None) if device is None else device
        words = torch.randperm(vocab_size, generator=torch.Generator().manual_seed(0)).tolist()
        words.remove(pad_id)
        words.remove(largest := vocab_size - 1 if pad_id < vocab_size - 1 else vocab_size - 2)
        self.words = [largest, *words]
        cycle = [self.words[i % len(self.words)] for i in range(len(LENGTHS) + max(LENGTHS))]
        self.sentences = [cycle[first : first + length] for first, length in enumerate(LENGTHS)]
        self.sentences.append(self.sentences[1])  # one of them twice
        self.look_at = (
            "It takes the whole batch: is one sentence too few, for BatchNorm in training mode, for a squeeze?"
        )
        try:
            self.batch(self.sentences)
        except EncodeError as raised:  # a verdict, unless the vocabulary is to blame
            self.look_at = "Does it want another device (device=), or other ids and lengths?"
            self._check_vocabulary(raised)

    def __call__(self, sentences: list[list[int]], pads: int = 0) -> list[Tensor]:
        """For each sentence its vector (dim,) or the states of its words (length, dim)."""
        return self.at_words(self.batch(sentences, pads), sentences)

    def at_words(self, outputs: Tensor, sentences: list[list[int]]) -> list[Tensor]:
        """The outputs without padding: outputs (batch, dim) or (batch, width, dim)."""
        return [row[: len(s)] if row.ndim == 2 else row for s, row in zip(sentences, outputs, strict=False)]

    def batch(self, sentences: list[list[int]], pads: int = 0) -> Tensor:
        """All outputs for sentences padded to the longest and `pads` more, on the CPU."""
        lengths = [len(sentence) for sentence in sentences]
        width = max(lengths) + pads
        ids = torch.tensor([s + [self.pad_id] * (width - len(s)) for s in sentences], device=self.device)
        try:
            with torch.no_grad():
                outputs = self.encode(ids, torch.tensor(lengths, device=self.device))
        except Exception as error:
            said = (str(error).strip() or "(no message)").splitlines()[0]
            raise EncodeError(f"raises {type(error).__name__}: {textwrap.shorten(said, 120)}") from error
        if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
            kind = outputs.dtype if isinstance(outputs, Tensor) else type(outputs).__name__
            more = ": return its last_hidden_state" if hasattr(outputs, "last_hidden_state") else ""
            raise OutputError(f"encode must return one tensor of floating point numbers, got {kind}{more}")
        fits = outputs.ndim == 2 or (outputs.ndim == 3 and max(lengths) <= outputs.shape[1] <= width)
        if not fits or len(outputs) != len(sentences) or not outputs.shape[-1]:
            expected = f"(batch, dim) or (batch, length, dim) for ids of the shape {tuple(ids.shape)}"
            raise OutputError(f"encode must return outputs of the shape {expected}, got {tuple(outputs.shape)}")
        if outputs.is_meta:
            raise ValueError("encode must return numbers, got a tensor on the meta device: load its weights first")
        return outputs.cpu()

    def _check_vocabulary(self, raised: EncodeError) -> None:
        """ValueError if the smallest id is taken and the largest is not: which is the first, is found by halving."""

        def taken(word: int) -> bool:
            try:
                return len(self.batch([[word]])) == 1
            except (EncodeError, OutputError):
                return False

        words = sorted(self.words)
        low, high = 0, len(words) - 1
        if not taken(words[low]) or taken(words[high]):
            return
        while high - low > 1:  # low is taken, high is not
            middle = (low + high) // 2
            low, high = (middle, high) if taken(words[middle]) else (low, middle)
        of_high = f"encode takes the id {words[low]}, but with {words[high]} {raised}"
        raise ValueError(f"vocab_size must be the number of ids, got {len(words) + 1}: {of_high}") from None


def check_arguments(encode: Encode) -> None:
    """TypeError or ValueError, with what to write instead, for what cannot be called with ids and lengths."""
    name = getattr(encode, "__name__", type(encode).__name__)
    if isinstance(encode, type) or not callable(encode):
        got = f"the class {name}: make one, {name}(...)" if isinstance(encode, type) else f"{encode!r:.40}"
        raise TypeError(f"encode must be callable as encode(ids, lengths), got {got}")
    if any(weight.is_meta for weight in weights(encode)):
        raise ValueError(
            f"encode must have numbers for weights, those of {name} are on the meta device: load them first"
        )
    try:
        arguments = inspect.signature(encode.forward if isinstance(encode, nn.Module) else encode).parameters.values()
    except (TypeError, ValueError):  # not everything has a signature
        return
    if any(argument.kind is argument.VAR_POSITIONAL for argument in arguments):
        return
    names = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    by_name = [a.name for a in arguments if a.kind is a.KEYWORD_ONLY]
    if len(names) < 2:
        write = "lambda ids, lengths: model(ids), and use the lengths wherever padding could come in"
        if lengths := next((n for n in by_name if "len" in n), None):
            names += ["*", *by_name]
            write = f"lambda ids, lengths: model(ids, {lengths}=lengths)"
        raise TypeError(f"encode must take (ids, lengths), but {name} takes ({', '.join(names)}): write {write}")
    if any(other in names[1] for other in NO_LENGTHS):
        write = "a function of (ids, lengths) that calls it"
        if "attention_mask" in names:
            model = "model.encoder" if "decoder_input_ids" in names else "model"
            write = f"lambda ids, lengths: {model}(ids, attention_mask=mask(lengths, ids.shape[1]).long())"
            write += ".last_hidden_state, with mask from scratch.text"
        but = f"but the second argument of {name} is {names[1]}"
        raise TypeError(f"encode must take (ids, lengths), {but}: write {write}")
    required = [a.name for a in arguments if a.default is a.empty and a.name in (*names[2:], *by_name)]
    if required:
        also = f"but {name} also asks for {', '.join(required)}"
        raise TypeError(f"encode must take (ids, lengths), {also}: write a function of (ids, lengths) that gives it")


def weights(encode: Encode) -> Iterator[Tensor]:
    """The weights of a module, or of the module whose method it is."""
    owner = getattr(encode, "__self__", encode)
    return owner.parameters() if isinstance(owner, nn.Module) else iter(())


def moved(before: Tensor, after: Tensor) -> float:
    """The norm of the difference over the norm before; of states, the largest over the root mean square norm."""
    before, after = (torch.atleast_2d(x).double() for x in (before, after))  # (1 or length, dim)
    same = (before == after) | (before.isnan() & after.isnan())
    if same.all():
        return 0.0
    unit = before.abs().max()  # so that no square is too large or too small
    difference = torch.where(same, 0, before - after).div(unit).norm(dim=1).max()
    size = before.div(unit).norm(dim=1).square().mean().sqrt()
    return float(difference / size) if (difference / size).isfinite() else math.inf


def tolerance(outputs: Tensor) -> float:
    """How far a sentence may move by rounding: 2.4e-5 in single precision."""
    return torch.finfo(outputs.dtype).eps ** (2 / 3)
