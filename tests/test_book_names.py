"""What the prose names exists: names beside a printed source, and the terms of the glossary."""

import re
from collections import Counter

import pytest
from chapters import BOOK, chapters
from run import read_source

SCRATCH = BOOK.parent / "src" / "scratch"
PRINTED = re.compile(r"getsource\(([\w.]+)\)")
NAME = re.compile(r"(?<!\})`([A-Za-z_][\w.]*)(?:\([^`]*\))?`")


def helpers(name):
    """The modules of scratch that define a part of a dotted name."""
    defined = re.compile(rf"^(?:class|def) (?:{name.replace('.', '|')})\b", re.MULTILINE)
    return [text for path in SCRATCH.glob("*.py") if defined.search(text := path.read_text("utf-8"))]


def strangers(cells):
    """Names in backticks before or after a cell that prints sources, which are neither in these helpers nor in code."""
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" or not (printed := PRINTED.findall(cell.source)):
            continue
        known = code + "\n".join(text for name in printed for text in helpers(name))
        for beside in (cells[number - 1], *cells[number + 1 : number + 2]):
            for name in NAME.findall(beside.source) if beside.cell_type == "markdown" else ():
                if not re.search(rf"(?<!\w){re.escape(name.split('.')[-1])}(?!\w)", known):
                    yield f"cell {number} prints {', '.join(printed)}: `{name}` stands beside it, and nowhere in it"


@pytest.mark.parametrize("chapter", chapters(language="en"), ids=str)
def test_names_beside_a_printed_source_occur_in_it(chapter):
    assert list(strangers(read_source(chapter.path).cells)) == []


def test_a_name_that_the_source_no_longer_has_is_found():
    cells = read_source(BOOK / "input-layer" / "the-input-layer.py").cells
    assert any(PRINTED.search(cell.source) for cell in cells)
    after = next(k for k, cell in enumerate(cells) if PRINTED.search(cell.source)) + 1
    cells[after].source += "\n`_no_longer_there` refuses the rest."
    assert [complaint.split("`")[1] for complaint in strangers(cells)] == ["_no_longer_there"]


def terms():
    """The glossary's terms, without their Chinese names."""
    lines = (BOOK / "glossary.md").read_text("utf-8").split(":::{glossary}")[1].splitlines()
    return [line.split(" (")[0] for line in lines if line and not line.startswith((" ", ":"))]


def test_no_term_stands_twice_not_even_by_another_of_its_names():
    names = Counter(name.strip().casefold() for term in terms() for name in term.split(","))
    assert {name: times for name, times in names.items() if times > 1} == {}


def test_terms_are_in_the_order_of_the_alphabet():
    ordered = [re.sub(r"\W+", " ", term.casefold()) for term in terms()]
    assert ordered == sorted(ordered)
