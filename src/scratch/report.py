"""What a check has found, and how it reads: one line for each property, and under it where to look."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What a check found. It is true if the property holds; `holds` is None if the outputs cannot show it.

    >>> print(Result("padding_invariance", False, "1 word moves", "Are the lengths passed on?"))
    padding_invariance does not hold: 1 word moves
        Look at: Are the lengths passed on?
    """

    name: str
    holds: bool | None
    message: str = ""
    look_at: str = ""

    def __bool__(self) -> bool:
        return bool(self.holds)

    def __str__(self) -> str:
        verdict = {True: "holds", False: "does not hold", None: "unknown"}[self.holds]
        return paragraph(f"{self.name} {verdict}" + f": {self.message}" * bool(self.message), self.look_at)


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
        return "\n".join(paragraph(*row) for row in rows)

    def _verdict(self, result: Result) -> str:
        if result.name in self.asked and result.holds is not None:
            return "ok" if result.holds is self.asked[result.name] else "FAILS"
        return {True: "yes", False: "no", None: "unknown"}[result.holds]


def paragraph(first: str, look_at: str) -> str:
    """A line, and where to look, within the width of a page; what follows the first line is indented."""
    lines = textwrap.wrap(first, 88, subsequent_indent="    ")
    more = textwrap.wrap(f"Look at: {look_at}", 88, initial_indent="    ", subsequent_indent="    ") if look_at else []
    return "\n".join(lines + more)
