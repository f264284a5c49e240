"""Passages of Python's documentation, with the titles of their sections: what scripts/data.py ships for retrieval.

Debian's package holds the pages as HTML. A passage is the beginning of a section's own prose: without the sections in
it, which have their own passages, without its title, which is asked for, and without code blocks.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from docstrings import near_duplicates

from scratch.text import tokenize

LONGEST, SHORTEST = 150, 12  # words of a passage
FOLDER = "./usr/share/doc/python3.11/html/"
# Left out: pages that are no prose of Python's own, namely indexes, lists of changes, and licences of others.
OTHER = re.compile(r"(genindex|search|contents|copyright|license|py-modindex|download|whatsnew/(changelog|index)).*")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def documentation(deb: Path) -> list[str]:
    """Query, document, title and passage of every section with at least 12 words of prose, tab-separated.

    The query says what the title may ask: "faq" if it is a question of the FAQ, else the split that its module lies
    in, or "-" for a title that asks nothing: other sections have it too, or it is one word, or it stands in What's
    New, which tells of all modules, or its passage is nearly one of a later split. Of equal passages one is kept.
    """
    rows: dict[str, tuple[str, str]] = {}
    for document, page in pages(deb):
        for title, text in sections(page):
            words = text.split()
            if title and len(words) >= SHORTEST:
                passage, numbers = " ".join(words[:LONGEST]), r"^\d+(\.\d+)*\.? "
                rows.setdefault(passage, (document, re.sub(numbers, "", title)))
    passages = list(rows)
    times = Counter(title.lower() for _, title in rows.values())
    queries = {}
    for passage in passages:
        document, title = rows[passage]
        asks = not document.startswith("whatsnew/") and times[title.lower()] == 1 and len(tokenize(title)) > 1
        queries[passage] = "faq" if document.startswith("faq/") else split_of(module_of(document)) if asks else "-"
    order = ("train", "validation", "test")
    for pair in near_duplicates(passages):
        splits = sorted({queries[passages[i]] for i in pair} & set(order), key=order.index)
        if len(splits) == 2:
            queries.update({passages[i]: "-" for i in pair if queries[passages[i]] == splits[0]})
    return ["\t".join((queries[passage], *rows[passage], passage)) for passage in passages]


def module_of(document: str) -> str:
    """What a document is on, by its name, or by its folder if that is one manual.

    >>> [module_of(name) for name in ("howto/logging-cookbook", "library/logging.handlers", "distutils/apiref")]
    ['logging', 'logging', 'distutils']
    """
    folder, _, page = document.rpartition("/")
    return re.split(r"[-.\d]", page)[0] if folder in ("c-api", "howto", "library", "reference", "using", "") else folder


def split_of(module: str) -> str:
    """The split of a module's titles, by the last digit of its name's SHA-256: 0-4 training, 5 validation, 6-9 test."""
    digit = int(hashlib.sha256(module.encode()).hexdigest(), 16) % 10
    return "train" if digit < 5 else "validation" if digit == 5 else "test"


def pages(deb: Path) -> Iterator[tuple[str, str]]:
    """The name of every page, such as library/os, and its HTML; sorted by name."""
    with unpacked(deb) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            name = member.name.removeprefix(FOLDER).removesuffix(".html")
            if member.isfile() and member.name == f"{FOLDER}{name}.html" and not OTHER.fullmatch(name):
                yield name, archive.extractfile(member).read().decode()


def licence(deb: Path) -> str:
    """What the package says of its licences, without spaces at the ends of lines."""
    with unpacked(deb) as archive:
        text = archive.extractfile("./usr/share/doc/python3.11-doc/copyright").read().decode()
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def unpacked(deb: Path) -> tarfile.TarFile:
    """The files of a package of Debian's."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, stdout=subprocess.PIPE).stdout
    return tarfile.open(fileobj=io.BytesIO(tar))


def sections(page: str) -> list[tuple[str, str]]:
    """Title and prose of every section of a page, in the page's order, spaces and quotation marks plain.

    >>> sections("<section><h1>One</h1><p>First.</p><section><h2>Two</h2><p>Then.</p></section><p>Last.</p></section>")
    [('One', 'First. Last.'), ('Two', 'Then.')]
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return [(_tidy(title), _tidy(text)) for title, text in reader.found]


class _Reader(HTMLParser):
    """Collects the prose of sections, without code, lists of contents, permanent links and notes on platforms."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []  # title and text
        self.open: list[tuple[str, str]] = []  # elements around this place, each with what is done there
        self.inside: list[int] = []  # the sections around this place, by their index in `found`

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        classes = set((dict(attributes).get("class") or "").split())
        role = ""
        if tag == "pre" or classes & {"headerlink", "toctree-wrapper", "contents", "highlight", "availability"}:
            role = "skip"
        elif tag == "section":
            self.inside.append(len(self.found))
            self.found.append(["", ""])
        elif tag in HEADINGS:
            role = "title"
        if tag in VOID:
            self.handle_data(" ")
        else:
            self.open.append((tag, role))
            if tag in ("p", "li", "dt", "dd", "td", "th", "div"):
                self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if not any(tag == name for name, _ in self.open):
            return
        while self.open.pop()[0] != tag:  # elements whose end tag may be left out
            pass
        if tag == "section":
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        roles = {role for _, role in self.open}
        if self.inside and "skip" not in roles:
            self.found[self.inside[-1]][0 if "title" in roles else 1] += data


def _tidy(text: str) -> str:
    return " ".join(text.translate(str.maketrans("‘’“”", "''\"\"")).split())
