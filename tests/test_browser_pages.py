"""Every page in headless Chromium: complete, alone, accessible, its questions answered (tests/test_browser.py)."""

import json
import re

import pytest
from chapters import chapters
from questions import parse
from screenshots import HTML, chromium, serving, toc_pages, visitor
from test_browser import complaints

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened():
    """The address of the pages, and the window in which each of them is opened."""
    assert (HTML / "index.html").is_file(), "There are no pages yet: run `make book` first."
    with serving(HTML) as site, chromium() as browser:
        yield site, visitor(browser, "phone", "dark")


def keys(chapter) -> list[str]:
    """The right answers to a chapter's questions, by the ids that they have on its page."""
    cells = json.loads(chapter.notebook.read_text("utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = re.search(r"^## (?:Check yourself|想一想)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return [f"question-{q.number}-{q.right}" for q in parse(found[1], chapter.language)] if found else []


KEYS = {f"book/{c}" if c == c.english else str(c): keys(c) for c in chapters()}


def test_every_chapter_has_questions():
    assert [name for name, ids in KEYS.items() if not ids] == []


@pytest.mark.parametrize("name", dict.fromkeys([*toc_pages(), *KEYS]))
def test_a_page_is_complete_alone_and_accessible(opened, name):
    site, window = opened
    found = complaints(window, f"{site}/{name}.html", KEYS.get(name, ()))
    assert not found, "\n".join(["", *found])
