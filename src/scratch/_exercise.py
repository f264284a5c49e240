"""What the checks of `scratch.exercise` stand on: a reader's code beside a library's, and the search for a cause."""

from __future__ import annotations

import copy
import inspect
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scratch._probe import OutputError, tolerance
from scratch.report import Report, Result

Outputs = Tensor | str | tuple["Outputs", ...]
Cases = dict[str, tuple[tuple, str]]  # name -> arguments, and where to look if no cause is found
CAUSE = 2e-3  # how far numbers may be off that are said to come of a mistake: it may make rounding worse
NOT_THE_READERS = {Path(torch.__file__).parent, Path(__file__).parent}


@dataclass(frozen=True)
class Exercise:
    """What an exercise asks for, and the mistakes that are well known.

    outputs: names of what should come out. oracle: the library that says so. formula: the same by hand, with keyword
    arguments that make mistakes. mistakes: what to tell a reader -> such arguments.

    >>> wrong = {"You add; you should subtract.": {"sign": 1}}
    >>> exercise = Exercise("minus", ["result"], torch.sub, lambda a, b, sign=-1: a + sign * b, wrong)
    >>> print(exercise.check(torch.add, {"small_numbers": ((torch.tensor([5]), torch.tensor([3])), "The sign?")}))
    small_numbers  FAILS    result is [8], expected [2]
        Look at: You add; you should subtract.
    """

    title: str
    outputs: list[str]
    oracle: Callable[..., Any]
    formula: Callable[..., Any]
    mistakes: dict[str, dict[str, Any]]

    def check(self, call: Callable[..., Any], cases: Cases, choices: tuple[str, ...] = ()) -> Report:
        """Call the reader's code in every case; in one of the `choices`, what is not as expected is no failure.

        A case whose name ends in "precision" asks for the numbers' type as well.
        """
        results: list[Result] = []
        first: dict[str, str] = {}  # message or cause -> the case that it came in first
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            for name, (arguments, look_at) in cases.items():
                torch.default_generator.manual_seed(0)
                given, right, cause = copy.deepcopy(arguments), self.oracle(*arguments), ""
                try:
                    expected = taken(right, right, self.outputs)
                    found = taken(call(*given), expected, self.outputs)
                    message = difference(found, expected, self.outputs, types=name.endswith("precision"))
                    message = message or self._changed(arguments, given)
                    look_at = look_at if results or "has the shape" not in message else ""
                    cause = "" if agree(found, expected) else self._cause(found, arguments, first)
                except NotImplementedError:
                    if not results:
                        return Report((Result(self.title, None, "not written yet"),), {self.title: True})
                    message = "not written yet"
                except Exception as error:
                    message = str(error) if isinstance(error, OutputError) else raised(error)
                    look_at = look_at if results else ""
                if not message:
                    results.append(Result(name, True))
                elif message in first:
                    results.append(Result(name, False, f"as in {first[message]}"))
                elif cause in first:
                    results.append(Result(name, False, f"{message}, same cause"))
                else:  # what failed before may be the cause here as well: then no guesses, nor before it runs
                    results.append(Result(name, False, message, cause or ("" if first else look_at)))
                first = dict.fromkeys(filter(None, (message, cause)), name) | first
        return Report(tuple(results), {r.name: True for r in results if r.name not in choices})

    def _changed(self, before: tuple, after: tuple) -> str:
        names = inspect.signature(self.formula).parameters
        rows = zip(names, before, after, strict=False)
        changed = [name for name, a, b in rows if isinstance(a, Tensor) and not torch.equal(a, b)]
        return f"changes {changed[0]} in place: `c *= f` writes into the caller's tensor" if changed else ""

    def _cause(self, found: Outputs, arguments: tuple, before: dict[str, str]) -> str:
        """What to tell of the mistake, or of the two, that give just what was found, rather told before; or ""."""
        right = self.formula(*arguments)
        expected = taken(right, right, self.outputs)
        if agree(found, expected, off=1e-5):
            return "As far off as single precision rounds: is something float32 on the way, or an ε another?"
        for told, outputs in chain(_misplaced(right), self._mistaken(arguments, before)):
            made = taken(outputs, outputs, self.outputs)
            if agree(found, made, off=CAUSE) and not agree(expected, made, off=CAUSE):
                return told
        return ""

    def _mistaken(self, arguments: tuple, before: dict[str, str]) -> Iterator[tuple[str, Any]]:
        ones = list(self.mistakes.items())
        twos = [(f"{a} {b}", p | q) for (a, p), (b, q) in combinations(ones, 2) if not p.keys() & q.keys()]
        for told, mistake in sorted(ones + twos, key=lambda one: one[0] not in before):
            try:
                yield told, self.formula(*arguments, **mistake)
            except (RuntimeError, IndexError, ValueError, ArithmeticError):  # it cannot be made in this case
                continue


def _misplaced(right: Any) -> Iterator[tuple[str, Any]]:
    """The right numbers in wrong places."""
    if isinstance(right, tuple):
        yield "You return the right things in another order.", right[::-1]
    elif isinstance(right, Tensor) and right.ndim > 1:
        yield "The last two axes have changed places.", right.mT
        yield "The axes of the batch are run together.", right.flatten(0, -2)
        yield "There is an axis of length 1 too many in front.", right.unsqueeze(0)
        yield "There is an axis of length 1 too many in the middle.", right.unsqueeze(1)


def taken(returned: Any, like: Any, names: list[str]) -> Outputs:
    """Tensors on the CPU and strings, as many and of such kinds as `like` is, or OutputError."""
    if returned is None:
        raise OutputError("returns None: is a `return` missing?")
    if isinstance(like, tuple):
        many = returned if isinstance(returned, tuple | list) else [returned]
        if len(many) != len(like):
            wanted = f"expected {len(like)}: ({', '.join(names)})"
            raise OutputError(f"returns {len(many)} thing{'s' * (len(many) != 1)}, {wanted}")
        return tuple(taken(r, e, [name]) for r, e, name in zip(many, like, names, strict=True))
    if isinstance(like, str):
        if not isinstance(returned, str):
            raise OutputError(f"{names[0]} must be a string, got {type(returned).__name__}")
        return returned
    try:
        numbers = torch.as_tensor(returned).detach()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise OutputError(f"{names[0]} must be a tensor, got {type(returned).__name__}") from None
    if numbers.is_complex() or numbers.is_meta:
        raise OutputError(f"{names[0]} must hold real numbers, got {numbers.dtype} on {numbers.device}")
    return numbers.to_dense().cpu()


def agree(found: Outputs, expected: Outputs, off: float = 0.0) -> bool:
    """Whether two outputs are the same up to rounding, in the coarser precision of the two, or up to `off`.

    >>> agree(torch.tensor([0.1]), torch.tensor([0.1], dtype=torch.float64)), agree("a", "b")
    (True, False)
    """
    if isinstance(found, tuple) and isinstance(expected, tuple):
        return len(found) == len(expected) and all(agree(a, b, off) for a, b in zip(found, expected, strict=True))
    if not isinstance(found, Tensor) or not isinstance(expected, Tensor) or found.shape != expected.shape:
        return isinstance(found, str) and found == expected
    a, b = found.double(), expected.double()
    off = max([off, *(tolerance(x) for x in (found, expected) if x.is_floating_point())])
    size = torch.cat([b.new_ones(1), b.flatten().abs()]).nan_to_num(0, 0, 0).max()
    return torch.allclose(a, b, rtol=0, atol=off * float(size), equal_nan=True)


def difference(found: Outputs, expected: Outputs, names: list[str], *, types: bool = False) -> str:
    """What is not as expected of the first output of which something is not, or "".

    >>> difference(torch.zeros(2, 2), torch.eye(2), ["weights"])
    'weights[0, 0] is 0, expected 1'
    """
    if isinstance(found, tuple) and isinstance(expected, tuple):
        rows = zip(found, expected, names, strict=True)
        return next(filter(None, (difference(a, b, [name], types=types) for a, b, name in rows)), "")
    if agree(found, expected):
        kinds = [x.dtype for x in (found, expected) if isinstance(x, Tensor)] if types else []
        return f"{names[0]} is {kinds[0]}, expected {kinds[1]}, as its inputs are" if len(set(kinds)) > 1 else ""
    if not isinstance(found, Tensor) or not isinstance(expected, Tensor):
        return f"{names[0]} is {found!r}, expected {expected!r}"
    if expected.ndim == found.ndim == 1 and not (found.is_floating_point() or expected.is_floating_point()):
        return f"{names[0]} is {found.tolist()}, expected {expected.tolist()}"
    if found.shape != expected.shape:
        return f"{names[0]} has the shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    a, b = found.double(), expected.double()
    far = torch.where((a == b) | (a.isnan() & b.isnan()), 0, (a - b).abs().nan_to_num(torch.inf)).argmax()
    place = [int(i) for i in torch.unravel_index(far, a.shape)]
    x, y = a.flatten()[far].item(), b.flatten()[far].item()
    digits = 4 if f"{x:.4g}" != f"{y:.4g}" else 17
    return f"{names[0]}{place or ''} is {x:.{digits}g}, expected {y:.{digits}g}"


def raised(error: Exception) -> str:
    """What was raised, and in which line of the reader's own code."""
    said = (str(error).strip() or "(no message)").splitlines()[0]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if not NOT_THE_READERS & {*Path(frame.filename).parents}]
    line = f", at `{lines[-1]}`" if lines and lines[-1] else ""
    return f"raises {type(error).__name__}: {textwrap.shorten(said, 120)}{line}"
