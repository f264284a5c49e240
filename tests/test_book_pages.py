"""The built pages, read as files: links lead somewhere, nothing comes from another host, pictures speak, buttons fit.

Each rule is a function that returns complaints, a sentence each; below its test on the book, another one holds it to a
small broken page. What only shows in a browser is in test_browser.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from chapters import chapters
from screenshots import HTML, toc_pages

ROOT = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
LOADED = dict.fromkeys(("img", "script", "source", "iframe", "video", "audio"), "src") | {"link": "href"}
PAGES = toc_pages()


def read(folder: Path) -> dict[Path, BeautifulSoup]:
    """Every page in a folder, parsed. The theme leaves templates of its own in _static; they are no pages."""
    paths = (path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts)
    return {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in paths}


@pytest.fixture(scope="module")
def book() -> dict[Path, BeautifulSoup]:
    assert (HTML / "index.html").is_file(), "There are no pages yet: run `make book` first."
    return read(HTML)


def anchors(page: BeautifulSoup) -> set[str]:
    return {tag["id"] for tag in page.find_all(id=True)} | {tag["name"] for tag in page.select("a[name]")}


def broken_links(pages: dict[Path, BeautifulSoup]) -> list[str]:
    """Links, pictures, scripts and styles that lead to no file, or to no anchor in it."""
    found, ids = [], {path.resolve(): anchors(page) for path, page in pages.items()}
    for path, page in pages.items():
        links = [tag.get("href") or tag.get("src") for tag in page.find_all(["a", *LOADED])]
        links += [tag["content"].partition("url=")[2] for tag in page.select("meta[http-equiv=Refresh]")]
        for link in {link for link in links if link}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not target.is_file():
                found.append(f"{path.name}: {link} leads to no file")
            elif parts.fragment and unquote(parts.fragment) not in ids.get(target, ()):
                found.append(f"{path.name}: {link} leads to no anchor")
    return found


def other_hosts(folder: Path, pages: dict[Path, BeautifulSoup]) -> list[str]:
    """What a page or a style sheet would load from another host (a link that a reader may follow is no such thing)."""
    found = []
    for path, page in pages.items():
        for tag in page.find_all(list(LOADED)):
            link = tag.get(LOADED[tag.name]) or ""
            if urlsplit(link).netloc and tag.get("rel") != ["canonical"]:
                found.append(f"{path.name}: <{tag.name}> loads {link}")
    for sheet in folder.rglob("*.css"):
        for link in re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", sheet.read_text("utf-8")):
            found.append(f"{sheet.name}: loads {link}")
    return found


def mute_pictures(pages: dict[Path, BeautifulSoup]) -> list[str]:
    """Pictures without words: no alternative text, a file's path in its place, no caption."""
    found = []
    for path, page in pages.items():
        for image in page.select("article img"):
            alt = (image.get("alt") or "").strip()
            if not alt:
                found.append(f"{path.name}: {image.get('src')} has no alternative text")
            elif (alt.isascii() and " " not in alt) or re.search(r"\.(png|svg|jpe?g|gif|webp)$", alt):
                found.append(f"{path.name}: {image.get('src')} is described by {alt!r}: nobody sees what it shows")
            if image.find_parent(class_="cell_output") and not image.find_parent("figure"):
                found.append(f"{path.name}: {image.get('src')}, drawn by a cell, has no caption")
        for figure in page.select("article figure"):
            caption = figure.find("figcaption")
            if not caption or not caption.get_text(strip=True):
                found.append(f"{path.name}: a figure has no caption")
    return found


def test_every_internal_link_and_anchor_exists(book):
    assert broken_links(book) == []


def test_nothing_is_loaded_from_another_host(book):
    assert other_hosts(HTML, book) == []


def test_every_picture_has_words(book):
    assert mute_pictures(book) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_the_table_of_contents_is_there(book, name):
    page = book[HTML / f"{name}.html"]
    assert page.find("h1"), "a page begins with its title"
    assert len(page.find_all("h1")) == 1 + bool(page.select("#jb-print-docs-body h1")), "one title a page"


def test_every_notebook_has_a_page():
    english = {f"book/{chapter}" for chapter in chapters(language="en")}
    assert english <= set(PAGES), "a notebook that _toc.yml leaves out"
    for chapter in chapters():
        assert (HTML / ("book" if chapter.language == "en" else "") / f"{chapter}.html").is_file(), chapter


@pytest.mark.parametrize("name", PAGES)
def test_the_buttons_lead_to_this_page_in_the_repository(book, name):
    links = {a.get("title"): a["href"] for a in book[HTML / f"{name}.html"].select(".article-header-buttons a")}
    address, branch = CONFIG["repository"]["url"], CONFIG["repository"]["branch"]
    source = next(f"{name}{end}" for end in (".ipynb", ".md") if (ROOT / f"{name}{end}").is_file())
    assert links["Source repository"] == address
    assert links["Suggest edit"] == f"{address}/edit/{branch}/{source}"
    assert links["Open an issue"].startswith(f"{address}/issues/new?title=Issue%20on%20page%20%2F{name}.html")
    if source.endswith(".ipynb"):
        colab = f"https://colab.research.google.com/github{urlsplit(address).path}/blob/{branch}/{source}"
        assert links["Launch on Colab"] == colab
    else:
        assert "Launch on Colab" not in links


def test_boxes_are_marked(book):
    """Our Sphinx extension gives a quotation that begins with a bold "Exercise 1." its class, on every page."""
    for page in book.values():
        for quote in page.select("article blockquote"):
            kind = re.match(r"(Exercise|Correction|Pitfall|Note)\b", quote.get_text().strip())
            assert ("box" in quote.get("class", [])) == bool(kind and quote.select_one("p > strong:first-child"))


def test_thebe_is_left_out_and_mathjax_loaded_at_most_once(book):
    for path, page in book.items():
        scripts = [script.get("src") or script.get_text() for script in page.select("head script")]
        assert not any("thebe" in script.lower() for script in scripts), path
        assert sum("mathjax/" in script for script in scripts) <= 1, path


@pytest.mark.slow
def test_the_way_out_plain_sphinx_builds_the_book(tmp_path):
    """Should Jupyter Book 1 end: `jupyter-book config sphinx .` writes a conf.py, and Sphinx alone builds from it."""
    project = tmp_path / "a copy"
    leave = shutil.ignore_patterns(".venv", "_build", ".git", ".cache", "__pycache__", "tests", "*.egg-info")
    shutil.copytree(ROOT, project, ignore=leave)
    env = {**os.environ, "PYTHONPATH": str(project / "book" / "_extensions")}  # what _config.yml calls local_extensions
    for command in (
        [Path(sys.executable).with_name("jupyter-book"), "config", "sphinx", "."],
        [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", ".", "out"],
    ):
        done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert all((project / "out" / f"{name}.html").is_file() for name in PAGES)


# --- The rules bite -------------------------------------------------------------------------------------------------

GOOD = """<a href="#here">x</a> <a href="b.html#there">x</a> <a href="https://example.com">x</a> <p id="here">x</p>
<link rel="stylesheet" href="a.css"> <script src="a.js?v=1"></script>
<article><figure><img src="a.png" alt="A line that rises"><figcaption>Does it rise?</figcaption></figure></article>"""


@pytest.fixture
def complain(tmp_path):
    """What all three rules say of a page with this body, in a folder with a page b.html, a.css, a.js and a.png."""

    def complain(body: str, css: str = "p { color: red }") -> list[str]:
        (tmp_path / "a.html").write_text(body, "utf-8")
        (tmp_path / "b.html").write_text('<p id="there">x</p>', "utf-8")
        (tmp_path / "a.css").write_text(css, "utf-8")
        for name in ("a.js", "a.png"):
            (tmp_path / name).touch()
        pages = read(tmp_path)
        return broken_links(pages) + other_hosts(tmp_path, pages) + mute_pictures(pages)

    return complain


def test_a_good_page_gives_no_complaint(complain):
    assert complain(GOOD) == []


CHANGES = [
    ("b.html#there", "c.html", "leads to no file"),
    ("b.html#there", "b.html#nowhere", "leads to no anchor"),
    ('"#here"', '"#gone"', "leads to no anchor"),
    ("a.js?v=1", "none.js", "leads to no file"),
    ("a.png", "none.png", "leads to no file"),
    ("a.js?v=1", "https://example.com/a.js", "<script> loads"),
    ("a.js?v=1", "//example.com/a.js", "<script> loads"),
    ("a.png", "https://example.com/badge.svg", "<img> loads"),
    ('href="a.css"', 'href="https://example.com/font.css"', "<link> loads"),
    (' alt="A line that rises"', "", "no alternative text"),
    ("A line that rises", "", "no alternative text"),
    ("A line that rises", "../../_images/0a1b2c.png", "nobody sees"),
    ("A line that rises", "the file figure 1.png", "nobody sees"),
    ("Does it rise?", "", "a figure has no caption"),
    ("<figcaption>Does it rise?</figcaption>", "", "a figure has no caption"),
    ("<article>", '<article><div class="cell_output"><img src="a.png" alt="a line"></div>', "drawn by a cell"),
]


@pytest.mark.parametrize(("good", "bad", "complaint"), CHANGES)
def test_a_broken_page_is_noticed(complain, good, bad, complaint):
    assert good in GOOD
    assert any(complaint in found for found in complain(GOOD.replace(good, bad)))


@pytest.mark.parametrize("css", ["@import url(https://example.com/f.css);", "p { cursor: url('//example.com/a.png') }"])
def test_a_style_sheet_that_loads_from_elsewhere_is_noticed(complain, css):
    assert any("a.css: loads" in found for found in complain(GOOD, css))
