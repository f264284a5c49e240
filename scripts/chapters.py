"""Where the chapters are. A chapter's key is (language, part, name): two parts, or two languages, may share a name.

English lies at book/<part>/<name>.py, a translation at book/<language>/<part>/<name>.py, at any depth. On a command
line a chapter is `input-layer/one-hot`, or `zh/input-layer/one-hot`; where only one part has it, `one-hot` or
`zh/one-hot` will do. What names no language is English.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

BOOK = Path(__file__).resolve().parents[1] / "book"
LANGUAGES = ("en", "zh")  # the first is written and executed; the others are woven with it (scripts/weave.py)
SECONDS = re.compile(r"\babout (\d+|an?|one|two) (second|minute)s?\b")


class Chapter(NamedTuple):
    language: str
    part: str
    name: str
    path: Path  # of its source; the notebook lies beside it

    def __str__(self) -> str:
        """The whole key, as one types it: input-layer/one-hot, zh/input-layer/one-hot."""
        return f"{self.part}/{self.name}" if self.language == LANGUAGES[0] else "/".join(self[:3])

    @property
    def notebook(self) -> Path:
        return self.path.with_suffix(".ipynb")

    @property
    def english(self) -> Chapter:
        """The chapter that this one translates; an English one is its own."""
        language, part, name, path = self
        if language == LANGUAGES[0]:
            return self
        book = path.parents[part.count("/") + 2]
        return Chapter(LANGUAGES[0], part, name, book / part / path.name)

    @property
    def seconds(self) -> int:
        """How long it runs, as it tells its readers under **You need**; an hour if it does not."""
        return seconds(re.sub(r"\n# ?", " ", self.path.read_text("utf-8")))


def seconds(text: str) -> int:
    """The run time that a chapter's text names, "about 40 seconds" or "about two minutes"; an hour if it names none."""
    if not (said := SECONDS.search(re.sub(r"\s+", " ", text))):
        return 3600
    count = {"a": 1, "an": 1, "one": 1, "two": 2}.get(said[1]) or int(said[1])
    return count * (60 if said[2] == "minute" else 1)


def chapters(book: Path = BOOK, language: str | None = None) -> list[Chapter]:
    """All chapters, or those of one language: every script below the book that begins with jupytext's header."""
    found = []
    for path in book.rglob("*.py"):
        folders = path.relative_to(book).parts[:-1]
        if any(folder.startswith((".", "_")) for folder in folders):
            continue
        own = folders[0] if folders and folders[0] in LANGUAGES else LANGUAGES[0]
        if path.read_text("utf-8").startswith("# ---\n# jupyter:") and language in (None, own):
            part = "/".join(folders[own != LANGUAGES[0] :])
            found.append(Chapter(own, part, path.stem, path))
    return sorted(found)


def find(names: list[str], among: list[Chapter]) -> list[Chapter]:
    """The chapters that are meant, each once; ValueError for a name that none has, or that more than one has."""
    found = {}
    for name in names:
        language, _, rest = name.partition("/")
        if language not in LANGUAGES:
            language, rest = LANGUAGES[0], name
        own = [chapter for chapter in among if chapter.language == language]
        matches = [c for c in own if rest == f"{c.part}/{c.name}"] or [c for c in own if rest == c.name]
        if not matches:
            raise ValueError(f"no chapter is called {name}; there are {', '.join(map(str, among))}")
        if len(matches) > 1:
            raise ValueError(f"{name} may be {' or '.join(map(str, matches))}: say which")
        found[matches[0]] = None
    return list(found)


def contents(book: Path = BOOK) -> list[str]:
    """The pages in reading order, as _toc.yml names them, without endings: "book/intro", "book/input-layer/one-hot"."""
    toc = (book.parent / "_toc.yml").read_text("utf-8")
    pages = re.findall(r"^[-\s]*(?:root|file): *(\S+)", toc, re.MULTILINE)
    return [re.sub(r"\.(md|ipynb)$", "", page) for page in pages]


def in_order(book: Path = BOOK) -> list[Chapter]:
    """The English chapters in reading order; those that _toc.yml leaves out come last."""
    order = contents(book)

    def place(chapter):
        page = chapter.path.relative_to(book.parent).with_suffix("").as_posix()
        return order.index(page) if page in order else len(order)

    return sorted(chapters(book, LANGUAGES[0]), key=place)
