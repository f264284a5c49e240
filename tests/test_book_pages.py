"""The built pages, read as files: links lead somewhere, nothing comes from another host, pictures speak, buttons fit.

Each rule is a function that returns complaints, a sentence each; below its test on the book, another one holds it to a
small broken page. What only shows in a browser is in test_browser.py.
"""

import importlib
import json
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from address import pages as published
from bs4 import BeautifulSoup
from chapters import chapters
from screenshots import HTML, toc_pages

ROOT = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
LOADED = dict.fromkeys(("img", "script", "source", "iframe", "video", "audio"), "src") | {"link": "href"}
PAGES = toc_pages()
SITE = f"https://{published(CONFIG['repository']['url'])}/"  # where GitHub publishes the pages


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
    prefix = urlsplit(SITE).path  # a page 404 is shown at any depth, so its links begin there
    root = min((path.parent.resolve() for path in pages), key=lambda folder: len(folder.parts))
    for path, page in pages.items():
        links = [tag.get("href") or tag.get("src") for tag in page.find_all(["a", *LOADED])]
        links += [tag["content"].partition("url=")[2] for tag in page.select("meta[http-equiv=Refresh]")]
        for link in {link for link in links if link}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            if parts.path.startswith(prefix):
                target = (root / unquote(parts.path.removeprefix(prefix))).resolve()
            else:
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
    edited = source.replace(".ipynb", ".py")  # CONTRIBUTING.md: never the notebook, which is made from it
    assert links["Suggest edit"] == f"{address}/edit/{branch}/{edited}"
    form = next((ROOT / ".github" / "ISSUE_TEMPLATE").glob("mistake.*")).name
    assert links["Open an issue"] == f"{address}/issues/new?template={form}&title=Issue%20on%20page%20%2F{name}.html"
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


def test_what_the_book_does_not_use_is_left_out_and_mathjax_loaded_at_most_once(book):
    for path, page in book.items():
        scripts = [script.get("src") or script.get_text() for script in page.select("head script")]
        assert not any(re.search("thebe|toggle(button|hint)", script.lower()) for script in scripts), path
        assert sum("mathjax/" in script for script in scripts) <= 1, path


# --- What stands around the text ------------------------------------------------------------------------------------


def content(page: BeautifulSoup, name: str) -> str | None:
    tag = page.select_one(f'meta[name="{name}"], meta[property="{name}"]')
    return tag and tag["content"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_where_it_is_and_what_it_is_about(book, name):
    page = book[HTML / f"{name}.html"]
    assert [link["href"] for link in page.select("link[rel=canonical]")] == [f"{SITE}{name}.html"]
    assert content(page, "og:url") == f"{SITE}{name}.html"
    about = content(page, "description")
    assert 20 <= len(about) <= 200
    assert content(page, "og:description") == about
    assert len(page.select("meta[name=description]")) == 1
    assert content(page, "og:title") == page.select_one("article h1").get_text().removesuffix("#").strip()
    card = content(page, "og:image")
    assert card.startswith(SITE)
    assert (HTML / card.removeprefix(SITE)).is_file()
    assert content(page, "og:image:alt")
    assert content(page, "twitter:card") == "summary_large_image"
    if "-" in name and name.count("/") == 2:  # a chapter
        assert re.search(r"[?？]", about), "a chapter's description has its question"


def test_no_two_pages_describe_themselves_alike(book):
    about = [content(book[HTML / f"{name}.html"], "description") for name in PAGES]
    assert sorted(set(about)) == sorted(about)


def test_the_card_has_the_size_that_the_pages_say(book):
    page = book[HTML / f"{PAGES[0]}.html"]
    data = (HTML / content(page, "og:image").removeprefix(SITE)).read_bytes()
    assert data.startswith(b"\x89PNG")
    sizes = [int.from_bytes(data[place : place + 4], "big") for place in (16, 20)]
    assert sizes == [int(content(page, f"og:image:{side}")) for side in ("width", "height")]
    assert len(data) < 200_000


def test_the_site_map_lists_every_page_once():
    listed = re.findall(r"<loc>(.*?)</loc>", (HTML / "sitemap.xml").read_text("utf-8"))
    assert sorted(listed) == sorted(f"{SITE}{name}.html" for name in PAGES)


def test_every_page_says_its_version_its_day_and_how_to_cite_it(book):
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[1]
    for name in PAGES:
        footer = book[HTML / f"{name}.html"].select_one("footer.bd-footer-content")
        said = " ".join(footer.get_text().split())
        assert f"Version {version}" in said
        assert re.search(r"Last updated on 20\d\d-\d\d-\d\d\.", said)
        assert CONFIG["author"] in said
        links = [link["href"] for link in footer.select("a")]
        assert f"{CONFIG['repository']['url']}/blob/{CONFIG['repository']['branch']}/CITATION.cff" in links


def test_a_lost_reader_finds_the_way_back(book):
    page = book[HTML / "404.html"]
    prefix = urlsplit(SITE).path
    assert page.select_one("base")["href"] == prefix
    assert f"{prefix}{PAGES[0]}.html" in [link["href"] for link in page.select("article a")]
    for tag in page.select("link[rel=stylesheet], script[src]"):
        link = tag.get("href") or tag["src"]
        assert urljoin(f"{SITE}a/b/c.html", urljoin(prefix, link)).startswith(SITE)
    assert content(page, "robots") == "noindex"


# --- The text -------------------------------------------------------------------------------------------------------

CHINESE = re.compile(r"[\u3400-\u9fff]")


def test_chinese_says_that_it_is_chinese(book):
    """Voices, fonts and line breaks follow the language: every run in the text of an English page is marked, and what
    stands around it, except in what cells print; a page in Chinese is marked as a whole."""
    for name in PAGES:
        page = book[HTML / f"{name}.html"]
        for text in page.body.find_all(string=CHINESE):  # on paper, the title stands once more above the article
            if not text.find_parent(["pre", "code"]) and not text.find_parent(class_=["math", "output", "onlyprint"]):
                assert text.find_parent(lang=["zh-Hans", "zh-CN"]), f"{name}: {text}"
        for span in page.select('[lang="zh-Hans"]'):
            assert not re.search("[A-Za-z]", span.get_text()), f"{name}: {span}"
    whole = {name for name in PAGES if book[HTML / f"{name}.html"].select('article > [lang="zh-CN"] > h1')}
    assert whole == {"book/zh-intro"}
    page = book[HTML / "book" / "zh-intro.html"]
    assert not page.select('[lang="zh-CN"] [lang="zh-Hans"]')
    cells = page.select('article [lang="en"]')
    assert len(cells) > 30
    assert not [cell for cell in cells if CHINESE.search(cell.get_text())]


def test_terms_lead_to_the_glossary_and_carry_what_they_mean(book):
    found = 0
    for name in PAGES:
        page = book[HTML / f"{name}.html"]
        links = page.select("article a.term")
        found += len(links)
        targets = {urlsplit(link["href"]).fragment for link in links}
        boxes = {box["id"].removeprefix("about-"): box for box in page.select(".definitions > div")}
        assert boxes.keys() == targets
        assert all(urlsplit(link["href"]).path.endswith("glossary.html") for link in links)
        assert all(len(box.get_text()) > 15 for box in boxes.values())
    assert found >= 90, "the chapters introduce that many terms"


def test_the_bibliography_is_labelled_as_the_text_cites_and_leads_back_to_it(book):
    bibliography = book[HTML / "book" / "bibliography.html"]
    labels = {}
    for work in bibliography.select(".citation"):
        label = work.select_one(".label").get_text().strip("[]")
        assert re.fullmatch(r".+, (1[789]|20)\d\d[a-z]?", label), label
        labels[work["id"]] = label
    assert len(set(labels.values())) == len(labels) > 50
    cited = {}
    for name in PAGES:
        for link in book[HTML / f"{name}.html"].select("article a[href*='bibliography.html#']"):
            key, said = urlsplit(link["href"]).fragment, " ".join(link.get_text().split())
            cited.setdefault(key, set()).add(name)
            assert labels[key].endswith(said.split(", ")[-1]), f"{name} says {said}, the bibliography {labels[key]}"
    for work in bibliography.select(".citation"):
        back = work.select(".cited-in a")
        pages = {(Path("book") / urlsplit(link["href"]).path).with_suffix("").as_posix() for link in back}
        assert pages == cited.get(work["id"], set()), labels[work["id"]]
        assert all(urlsplit(link["href"]).fragment for link in back)


def test_chinese_words_are_in_the_search_index():
    """Every character and every pair: Sphinx alone takes a run of them for one word."""
    index = (HTML / "searchindex.js").read_text("utf-8")
    index = json.loads(index[index.index("(") + 1 : index.rindex(")")])
    pages = index["docnames"]

    def holding(word):
        found = index["terms"].get(word, [])
        return {pages[i] for i in ([found] if isinstance(found, int) else found)}

    assert {"book/input-layer/word2vec", "book/input-layer/one-hot"} & holding("嵌入")
    assert "book/encoder/attention" in holding("注意") & holding("意力")
    assert "book/input-layer/tokens" in holding("词")
    assert not [word for word in index["terms"] if len(re.findall(CHINESE, word)) > 2]


def test_solutions_and_answers_have_names(book):
    for path, page in book.items():
        for summary in page.select("article summary"):
            assert not summary.has_attr("aria-label"), f"{path}: what one sees is the name"
            assert summary.get_text(strip=True), path


MATH = '<span class="math notranslate nohighlight">\\(x\\)</span>'
FINISHED = {
    f"<p>So {MATH}, and</p>": f'<p>So <span class="together">{MATH},</span> and</p>',
    f"<p>({MATH})’s</p>": f'<p><span class="together">({MATH})’s</span></p>',
    f"<p>the {MATH}-th, {MATH}’s.</p>": (
        f'<p>the <span class="together">{MATH}-th,</span> <span class="together">{MATH}’s.</span></p>'
    ),
    f"<p>{MATH} alone</p>": f"<p>{MATH} alone</p>",
    '<img alt="a" style="width: 540px; height: 400px;" src="a.png" />': (
        '<img loading="lazy" alt="a" width="540" height="400" src="a.png" />'
    ),
    '<td style="text-align: right">[-0.01, +0.02]</td>': (
        '<td style="text-align: right; white-space: pre">[−0.01, +0.02]</td>'
    ),
    '<td style="text-align: left">-0.01 to +0.02</td>': '<td style="text-align: left">−0.01 to +0.02</td>',
    '<th scope="row" style="text-align: left">2 x</th>': '<th scope="row" style="text-align: left">2 x</th>',
    '<th scope="col" style="text-align: right">k = -5</th>': '<th scope="col" style="text-align: right">k = −5</th>',
    '<div class="cell_output docutils container">': (
        '<div class="cell_output docutils container" role="group" aria-label="Output">'
    ),
    '<td style="text-align: left">[-2, -1.5] since 2026-01-01, word-by-word, 3e-05</td>': (
        '<td style="text-align: left">[−2, −1.5] since 2026-01-01, word-by-word, 3e-05</td>'
    ),
    '<a href="x.html"><span>why?</span></a>.': '<a href="x.html"><span>why?</span></a>',
    '<a class="reference external" href="https://github.com/a/b.c/pull/7">saw</a>': (
        '<a class="reference external" href="https://github.com/a/b.c/pull/7">saw'
        '<span class="visually-hidden"> (a/b.c, pull request 7)</span></a>'
    ),
    '<a href="x.html"><span>why?</span></a>.5': '<a href="x.html"><span>why?</span></a>.5',
    f'<td style="text-align: left">{"long " * 9}</td>': f'<td style="text-align: left">{"long " * 9}</td>',
    '<span class="c1"># @title Solution 1</span>\nx = 1': "x = 1",
    '<summary aria-label="Toggle hidden content">Show</summary>': "<summary>Show</summary>",
}


@pytest.mark.parametrize("body", FINISHED)
def test_what_a_page_is_finished_with(body, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_extensions")
    finish_body = importlib.import_module("book_pages").finish_body
    context = {"body": body}
    finish_body(None, "page", "page.html", context, None)
    assert context["body"] == FINISHED[body]


def test_the_bibliography_is_in_the_order_of_its_labels(book):
    page = book[HTML / "book" / "bibliography.html"]
    labels = [label.get_text().strip("[]") for label in page.select(".citation > .label")]
    plain = ["".join(c for c in unicodedata.normalize("NFD", label).casefold() if c.isalnum()) for label in labels]
    assert len(plain) > 90
    assert plain == sorted(plain, key=lambda label: re.fullmatch(r"(.*?)(\d+)(\w?)", label).groups())


def test_the_first_page_promises_no_growth(book):
    text = " ".join(book[HTML / f"{PAGES[0]}.html"].select_one("article").get_text().split())
    assert not re.search(r"as the book grows|coming soon|will be added|is complete", text)
    assert re.search(r"CC BY 4\.0", text)
    assert re.search(r"hours?", text)
    assert CHINESE.search(text)


def test_the_first_page_says_what_each_chapter_shows(book):
    """The third column of scripts/contents.py's table is the page's own: a new chapter's row wants some words there."""
    page = book[HTML / f"{PAGES[0]}.html"]
    rows = page.select("article .chapters tbody tr")
    assert len(rows) == len(chapters(language="en"))
    for row in rows:
        link, question, shown = row.select("td")
        assert link.select_one("a")
        assert question.get_text().rstrip().endswith("?")
        assert len(shown.get_text().split()) >= 5, link.get_text()


def test_the_example_in_the_readme_and_on_the_first_page_prints_what_they_say(capsys):
    """The block of Python that checks an encoder is run, and what it prints stands below it."""
    for file in ("README.md", "README.zh-CN.md", "book/intro.md"):
        text = (ROOT / file).read_text("utf-8")
        code, shown = re.search(
            r"```python\n(.*?check_encoder\(.*?)```\n.*?```text\n(.*?)```", text, re.DOTALL
        ).groups()
        exec(code, {"__name__": "example"})
        assert capsys.readouterr().out == shown, file


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
