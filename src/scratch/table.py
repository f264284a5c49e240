"""Results with rows and columns, as a table on a page and as aligned text in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

__all__ = ["Table"]


class Table:
    """Rows under named columns, each column with its own number of digits. As a cell's last line it shows as a table.

    `columns` has for each name what Python's `format` takes: ".2f", ",", ".0%", or "" for a thing as it is. Text stands
    as it is under any format, and None is a dash. Words stand on the left of their column, numbers on the right.
    On a page (`_repr_html_`) and in a terminal (`repr`) the same characters stand.

    >>> Table([("LSTM", 4, 0.51234), ("GRU", 3, None)], {"network": "", "gates": "d", "kept": ".2f"})
    network   gates   kept
    LSTM          4   0.51
    GRU           3      –
    """

    def __init__(self, rows: Iterable[Sequence], columns: Mapping[str, str]) -> None:
        """ValueError for a row with more or fewer entries than columns, or an entry that its format refuses."""
        self.columns = list(columns)
        self.rows: list[list[str]] = []  # every entry as it is shown
        words = dict.fromkeys(columns, True)  # whether a column holds nothing but text
        for number, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(f"row {number} of rows has {len(row)} entries, expected {len(columns)}: {row!r}")
            self.rows.append([_shown(*pair, number) for pair in zip(row, columns.items(), strict=True)])
            for name, entry in zip(columns, row, strict=True):
                words[name] &= entry is None or isinstance(entry, str)
        self.words = list(words.values())

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        places = list(zip(widths, ["<" if words else ">" for words in self.words], strict=True))
        shown = (zip(line, places, strict=True) for line in lines)
        return "\n".join(
            "   ".join(f"{entry:{side}{width}}" for entry, (width, side) in line).rstrip() for line in shown
        )

    def _repr_html_(self) -> str:
        sides = [f' style="text-align: {"left" if words else "right"}"' for words in self.words]
        head = "".join(f'<th scope="col"{s}>{escape(name)}</th>' for name, s in zip(self.columns, sides, strict=True))
        lines = [f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>"]
        for first, *rest in self.rows:
            cells = "".join(f"<td{s}>{escape(entry)}</td>" for entry, s in zip(rest, sides[1:], strict=True))
            lines.append(f'<tr><th scope="row"{sides[0]}>{escape(first)}</th>{cells}</tr>')
        return "\n".join([*lines, "</tbody>\n</table>"])


def _shown(entry: object, column: tuple[str, str], row: int) -> str:
    """An entry as it stands in the table."""
    name, form = column
    if entry is None:
        return "–"
    if isinstance(entry, str):
        return entry
    try:
        return format(entry, form)
    except (TypeError, ValueError) as error:
        raise ValueError(f"row {row}, column {name!r}: {entry!r} can't be shown as {form!r} ({error})") from error
