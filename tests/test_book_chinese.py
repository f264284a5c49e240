"""The Chinese page and README say what is so: all chapters are there, and terms, times and example are the book's."""

import re
from itertools import pairwise

import contents
import pytest
from chapters import BOOK, chapters, in_order

ROOT = BOOK.parent
PAGE, README = BOOK / "zh-intro.md", ROOT / "README.zh-CN.md"
TEXTS = {path: path.read_text("utf-8") for path in (PAGE, README)}
LINK = re.compile(r"\]\(([^)\s#]+)[^)\s]*\)")
ROW = re.compile(r"^\| \[([^]]+)\]\(([^)]+)\) \| ([^|]+) \|$", re.MULTILINE)
TERM = re.compile(r"^\| ([^|\[]+) \| ([^|]+) \| \[[^]]+\]\(([^)]+)\) \|$", re.MULTILINE)
NAMES = re.compile(r"[(（),，、)）]\s*")


def names(text: str) -> set[str]:
    return {name.strip() for name in NAMES.split(text)} - {""}


def glossary() -> dict[str, str]:
    """The glossary's terms and what stands behind each in brackets."""
    lines = (BOOK / "glossary.md").read_text("utf-8").split(":::{glossary}")[1].splitlines()
    heads = [line for line in lines if line and not line.startswith((" ", ":"))]
    return {term: chinese.rstrip(")") for term, _, chinese in (head.partition(" (") for head in heads)}


def explained(term: str, chinese: str, text: str) -> bool:
    """Whether a chapter gives that term a Chinese name, *token* (词元), or that name to a word of its kind."""
    text = re.sub(r"\n# ?", " ", text)
    if any(re.search(rf"\({re.escape(name)}[),]", text) for name in names(chinese)):
        return True
    return any(re.search(rf"\b{re.escape(name)}s?\*? \([\u4e00-\u9fff]", text, re.IGNORECASE) for name in names(term))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_chapter_is_named_in_order_and_no_other(path):
    rows = ROW.findall(TEXTS[path])
    wanted = [chapter.notebook.relative_to(path.parent).as_posix() for chapter in in_order()]
    assert [link for _, link, _ in rows] == wanted
    assert f"共{len(wanted)}章" in TEXTS[path]
    for title, _, said in rows:
        assert re.search(r"[\u4e00-\u9fff]", title)
        assert 20 <= len(said) <= 100, f"{title}: two lines"


def test_the_readme_has_the_pages_tables():
    assert contents.copied(TEXTS[README]) == TEXTS[README], "the chapters in README.zh-CN.md are old: make notebooks"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path):
    own = [link for link in LINK.findall(TEXTS[path]) if not link.startswith("https://")]
    assert len(own) > 15
    assert [link for link in own if not (path.parent / link).is_file()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_times_are_those_of_the_chapters(path):
    seconds = [chapter.seconds for chapter in chapters(language="en")]
    assert re.findall(r"约(\d+)秒", TEXTS[path]) == [str(min(seconds)), str(max(seconds))]


def test_the_example_is_that_of_the_readme():
    english = (ROOT / "README.md").read_text("utf-8")
    for kind in ("python", "text"):
        block = re.search(rf"```{kind}\n.*?```\n", english, re.DOTALL)[0]
        assert block in TEXTS[README]
    assert "](README.zh-CN.md)" in english
    assert "](README.md)" in TEXTS[README]


def test_terms_have_the_glossarys_names_and_their_first_chapter():
    known, rows = glossary(), TERM.findall(TEXTS[PAGE])
    assert len(rows) >= 40
    for term, chinese, link in rows:
        assert names(known[term]) <= names(chinese), f"{term}: {chinese}, in the glossary {known[term]}"
        explain = [chapter for chapter in in_order() if explained(term, known[term], chapter.path.read_text("utf-8"))]
        assert explain, f"no chapter explains {term}"
        first = explain[0]
        assert link == f"{first}.ipynb", f"{term} is explained in {first}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_paragraphs_stand_on_one_line(path):
    """On a page a line break is a space, and Chinese has none between its words."""
    text = re.sub(r"^(```|---).*?^\1$", "", TEXTS[path], flags=re.MULTILINE | re.DOTALL)
    plain = [bool(re.match(r"[^#|:<\-\s]", line)) for line in text.split("\n")]
    assert not any(a and b for a, b in pairwise(plain))
