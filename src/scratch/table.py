"""Results with rows and columns, as a table on a page and as aligned text in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

__all__ = ["Table"]

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "+")


class Table:
    """Rows under named columns, each column with its own number of digits. As a cell's last line it shows as a table.

    `columns` has for each name what Python's `format` takes: ".2f", ",", ".0%", or "" for a thing as it is. Text stands
    as it is under any format, and None is a dash. Words stand on the left of their column, numbers on the right; as in
    a book a number has a minus and no hyphen, in a text too, and ".1e" writes powers of ten.
    On a page (`_repr_html_`) and in a terminal (`repr`) the same characters stand.

    >>> Table([("LSTM", 4, 0.51234), ("GRU", 3, None)], {"network": "", "gates": "d", "kept": ".2f"})
    network   gates   kept
    LSTM          4   0.51
    GRU           3      –
    >>> Table([(20, 1e-06), (8, 0.00234)], {"steps": "d", "left": ".0e"})
    steps       left
       20       10⁻⁶
        8   2 × 10⁻³
    """

    def __init__(self, rows: Iterable[Sequence], columns: Mapping[str, str]) -> None:
        """ValueError for a row with more or fewer entries than columns, or an entry that its format refuses."""
        self.columns = list(columns)
        self.rows: list[list[str]] = []  # every entry as it is shown
        self.words = [True] * len(columns)  # whether a column holds nothing but text
        for number, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(f"row {number} of rows has {len(row)} entries, expected {len(columns)}: {row!r}")
            self.rows.append([_shown(row[i], column, number) for i, column in enumerate(columns.items())])
            self.words = [words and isinstance(row[i], str | None) for i, words in enumerate(self.words)]

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        forms = [f"{'<' if words else '>'}{widths[i]}" for i, words in enumerate(self.words)]
        laid = ["   ".join(f"{line[i]:{form}}" for i, form in enumerate(forms)) for line in lines]
        return "\n".join(map(str.rstrip, laid))

    def _repr_html_(self) -> str:
        sides = [f'style="text-align: {"left" if words else "right"}"' for words in self.words]
        lines = ["<table>", "<thead><tr>" + "".join(self._cells("th", sides, self.columns, "col")) + "</tr></thead>"]
        lines.append("<tbody>")
        for first, *rest in self.rows:
            cells = [*self._cells("th", sides, [first], "row"), *self._cells("td", sides[1:], rest)]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return "\n".join([*lines, "</tbody>", "</table>"])

    def _cells(self, tag: str, sides: list[str], entries: list[str], scope: str = "") -> list[str]:
        head = f'{tag} scope="{scope}"' if scope else tag
        return [f"<{head} {sides[i]}>{escape(entry)}</{tag}>" for i, entry in enumerate(entries)]


def _shown(entry: object, column: tuple[str, str], row: int) -> str:
    """An entry as it stands in the table."""
    name, form = column
    if entry is None:
        return "–"
    if isinstance(entry, str):
        return _with_minus(entry)
    try:
        shown = format(entry, form)
    except (TypeError, ValueError) as error:
        raise ValueError(f"row {row}, column {name!r}: {entry!r} can't be shown as {form!r} ({error})") from error
    return _with_minus(_with_powers(shown) if form.endswith("e") else shown)


def _with_minus(text: str) -> str:
    """A minus in place of the hyphen before each number.

    >>> _with_minus("-0.5 to -.25, -inf, 2-gram, WordSim-353, 1e-9, a -1")
    '−0.5 to −.25, −inf, 2-gram, WordSim-353, 1e-9, a −1'
    """
    return re.sub(r"(?<![\w.)\]])-(?=\.?\d|inf\b)", "−", text)


def _with_powers(number: str) -> str:
    """2.3e-10 as it is printed in books: 2.3 × 10⁻¹⁰; without the factor where that is 1, the power where that is 0.

    >>> [_with_powers(number) for number in ("2.3e-10", "-1e+06", "4.0e+00", "nan")]
    ['2.3 × 10⁻¹⁰', '-10⁶', '4.0', 'nan']
    """
    if not (parts := re.fullmatch(r"(-?)([\d.]+)e([+-]\d+)", number)):
        return number
    sign, factor, power = parts[1], parts[2], int(parts[3])
    raised = f"10{str(power).translate(_RAISED)}"
    return sign + (factor if power == 0 else raised if factor == "1" else f"{factor} × {raised}")
