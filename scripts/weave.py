"""A chapter in another language: its own prose around the English notebook's code and outputs.

book/zh/<part>/<name>.py has the prose cells, and in the place of each code cell of the English chapter an empty one.
Weaving fills these with the English code, tags, outputs and counts. So they are the same by construction, and what was
compared once is true in both; a woven notebook is never executed. Two things are told in the prose's language too, in
the metadata of the empty cell, and take the place of the English ones: a figure's caption and its alternative text.

    # %% mystnb={"figure": {"caption": "全书最平的一张图。"}, "image": {"alt": "……"}}

`python scripts/run.py` weaves what it executes. Chinese sets no space between words, and a page shows one where a line
of its source breaks: weaving joins lines in a paragraph wherever one of the two characters is Chinese.
"""

import copy
import unicodedata
from collections.abc import Iterator

import nbformat
from chapters import Chapter
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

MARKDOWN = create_md_parser(
    MdParserConfig(enable_extensions={"amsmath", "colon_fence", "deflist", "dollarmath", "tasklist"}), RendererHTML
)
PUNCTUATION = "“”‘’…—·"  # what Unicode calls as wide as its neighbours
TELLS = {"figure": "caption", "image": "alt"}  # where a picture's words stand in its cell's mystnb metadata


def wide(character: str) -> bool:
    """Whether a character is Chinese: a Han character, or a full-width mark."""
    return unicodedata.east_asian_width(character) in "WF" or character in PUNCTUATION


def joined(text: str) -> str:
    """Markdown with the lines of each paragraph joined where a Chinese character stands on either side of the break.

    Only what the parser calls a paragraph (or an item, or a quotation): code, tables and formulas keep their lines.
    """
    lines = text.split("\n")
    for token in reversed(MARKDOWN.parse(text)):
        if token.type == "inline" and token.map:
            content, start = token.content.split("\n"), token.map[0]
            for i in range(len(content) - 1, 0, -1):
                if shows_a_space(content[i - 1], content[i]):
                    line = lines.pop(start + i)
                    rest = line[line.index(content[i].strip()) :]  # without what marks a quotation or an item
                    lines[start + i - 1] = lines[start + i - 1].rstrip() + rest
    return "\n".join(lines)


def shows_a_space(before: str, after: str) -> bool:
    """Whether a line break between these would show as a space that does not belong there."""
    if before.endswith(("  ", "\\", "$$")) or after.startswith("$$") or (before[-1:] == "*" == after[:1]):
        return False  # a break that is meant, a formula's own line, or marks that would run together
    before, after = before.rstrip("*_ "), after.lstrip("*_ ")
    return bool(before and after) and (wide(before[-1]) or wide(after[0]))


def mystnb(english: dict, own: dict) -> dict:
    """The metadata of a picture with the translation's words for it."""
    told = copy.deepcopy(english)
    for place, word in TELLS.items():
        if word in own.get(place, {}):
            told[place][word] = own[place][word]
    return told


def weave(source: nbformat.NotebookNode, english: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook of a translation, from its cells and the English notebook; ValueError if they do not fit."""
    if found := list(misfits(source.cells, english.cells)):
        raise ValueError("\n".join(found))
    woven, code = copy.deepcopy(source), (cell for cell in english.cells if cell.cell_type == "code")
    for cell in woven.cells:
        if cell.cell_type == "markdown":
            cell.source = joined(cell.source)
            continue
        own, theirs = cell.metadata.get("mystnb", {}), copy.deepcopy(next(code))
        cell.update(theirs, id=cell.id)
        if own:
            cell.metadata.mystnb = mystnb(theirs.metadata.mystnb, own)
    return woven


def misfits(own: list, english: list) -> Iterator[str]:
    """What keeps a translation from being woven: a cell too many, one too few, code or a tag of its own."""
    ours, theirs = ([cell for cell in cells if cell.cell_type == "code"] for cells in (own, english))
    if len(ours) != len(theirs):
        yield f"{len(ours)} code cells, and the English chapter has {len(theirs)}"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=False), 1):
        if a.source.strip():
            yield f"code cell {number}: is not empty: {a.source!r:.60}"
        if extra := a.metadata.keys() - {"mystnb"}:
            yield f"code cell {number}: has {sorted(extra)} of its own"
        for place, words in a.metadata.get("mystnb", {}).items():
            if place not in TELLS or set(words) != {TELLS[place]} or place not in b.metadata.get("mystnb", {}):
                yield f"code cell {number}: tells {place}: {words!r:.60}, where the English cell has {dict(b.metadata)}"


def is_woven(chapter: Chapter, source: nbformat.NotebookNode) -> bool:
    """Whether a translation's notebook is what weaving would write now."""
    if not chapter.notebook.exists():
        return False
    english = nbformat.read(chapter.english.notebook, as_version=4)
    return nbformat.read(chapter.notebook, as_version=4) == weave(source, english)
