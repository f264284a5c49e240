"""Count the book's code cells by the way in which their outputs are compared, and write the table in book/checks.md.

A cell is counted once, under the first of these that is true of it: a tag declares a band; it stores a picture; it
stores floats (equal to their printed precision); it stores other text (equal exactly); it shows nothing, and must not.
"""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import nbformat
from chapters import BOOK, in_order

# by its path, since there is another conftest.py in tests/
spec = importlib.util.spec_from_file_location("book_conftest", BOOK / "conftest.py")
comparison = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comparison)

WAYS = ("band", "picture", "float", "text", "nothing")


def way(cell):
    """The one of WAYS under which a code cell is counted."""
    found = comparison.compared(cell) | (
        {"band"} if any(comparison.BAND.fullmatch(tag) for tag in cell.metadata.get("tags", [])) else set()
    )
    return next((way for way in WAYS if way in found), "nothing")


def count(path: Path) -> Counter:
    """How many code cells of a notebook are compared in which way."""
    notebook = nbformat.read(path, as_version=4)
    return Counter(way(cell) for cell in notebook.cells if cell.cell_type == "code")


def table() -> str:
    """One row for each chapter, in the order of the book, and one for all."""
    named = Counter(chapter.name for chapter in in_order())  # a name that two parts share stands there with its part
    rows = {c.name if named[c.name] == 1 else str(c): count(c.notebook) for c in in_order()}
    rows["**all**"] = sum(rows.values(), Counter())
    lines = [("chapter", "code cells", *WAYS), ("---", *["--:"] * (1 + len(WAYS)))]
    lines += [(name, ways.total(), *(ways[way] for way in WAYS)) for name, ways in rows.items()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write() -> None:
    """Put the table in the place of the one in book/checks.md."""
    page = BOOK / "checks.md"
    old = re.search(r"\| chapter \|.*?\| \*\*all\*\*[^\n]*", text := page.read_text("utf-8"), re.DOTALL)[0]
    if old != table():
        page.write_text(text.replace(old, table()), "utf-8")


if __name__ == "__main__":
    write()
