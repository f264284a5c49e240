"""The built pages as a reader meets them: in a browser, with every other host out of reach.

Each page is opened on a laptop and on a phone, in light and dark. `complaints` gathers what a reader would see or miss;
the tests at the end show that each complaint is made where it should be.
"""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from chapters import chapters
from screenshots import HTML, chromium, serving, settle, toc_pages, visitor

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.browser

# What axe finds in the tools and not in the book: the rule, the only elements where we let it pass, and why.
ALLOWED = {
    "aria-required-children": (".citation-list", "Sphinx puts links back to the text among a bibliography's entries"),
}

# What the reader would see of a page, asked of the page itself.
LOOK = r"""() => {
    const found = [];
    for (const image of document.images)
        if (!image.naturalWidth) found.push(`the picture ${image.getAttribute("src")} does not load`);

    for (const formula of document.querySelectorAll("span.math, div.math"))
        if (formula.querySelectorAll("mjx-container").length !== 1)
            found.push(`a formula is not typeset: ${formula.textContent.trim().slice(0, 60)}`);
    for (const error of document.querySelectorAll("mjx-merror"))
        found.push(`a formula is wrong: ${error.getAttribute("title") || error.textContent}`);
    for (const text of document.querySelectorAll("mjx-assistive-mml mtext"))
        if (text.textContent.startsWith("\\")) found.push(`MathJax does not know ${text.textContent}`);

    const walker = document.createTreeWalker(document.querySelector("article, main"), NodeFilter.SHOW_TEXT);
    const raw = /\\\(|\\\[|\\begin\{|\$\$|\$[^$\n]*[\\^_{][^$\n]*\$/;
    while (walker.nextNode()) {
        const text = walker.currentNode;
        if (raw.test(text.data) && !text.parentElement.closest("code, pre, script, style, .math"))
            found.push(`raw TeX on the page: ${text.data.trim().slice(0, 60)}`);
    }

    for (const formula of document.querySelectorAll(".math > mjx-container"))
        if (formula.scrollWidth > formula.clientWidth + 1)
            found.push(`a formula must be scrolled: ${formula.textContent.trim().slice(0, 60)}`);

    const { scrollWidth } = document.scrollingElement;
    if (scrollWidth > innerWidth + 1) found.push(`the page is ${scrollWidth} pixels wide on a screen of ${innerWidth}`);
    return found;
}"""

# Thousands of coloured words of code, in a handful of colours: one of each kind in each place is enough for axe, which
# takes a millisecond a word. The others stay on the page as plain text.
ONE_OF_A_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight span")) {
        let kind = "";
        for (let element = word; element; element = element.parentElement) kind += element.className + " in ";
        if (seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
}"""


def complaints(window, url: str) -> list[str]:
    """All that is wrong with one page in that browser window, a sentence each."""
    found, home = [], urlsplit(url).netloc
    page = window.new_page()

    def heard(url):
        if urlsplit(url).netloc not in ("", home):  # a data: URL has none
            found.append(f"asks another host: {url}")

    page.on("request", lambda request: heard(request.url))
    page.on("websocket", lambda socket: heard(socket.url))
    page.on("requestfailed", lambda request: found.append(f"does not load: {request.url}"))
    page.on("response", lambda r: found.append(f"status {r.status}: {r.url}") if r.status >= 400 else None)
    page.on("pageerror", lambda error: found.append(f"JavaScript error: {error}"))
    page.on("console", lambda message: found.append(f"console: {message.text}") if message.type == "error" else None)
    settle(page, url)
    found += page.evaluate(LOOK)
    page.evaluate(ONE_OF_A_KIND)
    found += accessibility(page)
    # The other theme, chosen as the theme's own button does it. Only the colours change.
    page.evaluate(
        "void (({ dataset: d }) => (d.theme = d.theme === 'dark' ? 'light' : 'dark'))(document.documentElement)"
    )
    found += accessibility(page, runOnly=["color-contrast"])
    page.close()
    return found


def accessibility(page, **options) -> list[str]:
    """axe's serious and critical findings, without those that ALLOWED names on the elements it names."""
    found = []
    screen = page.evaluate("`${innerWidth} pixels, ${document.documentElement.dataset.theme}`")
    options = {"resultTypes": ["violations"], "preload": False, **options}
    for rule in Axe().run(page, options=options).response["violations"]:
        allowed = ALLOWED.get(rule["id"], (":not(*)", ""))[0]
        for node in rule["nodes"] if rule["impact"] in ("serious", "critical") else []:
            if not page.query_selector(node["target"][0]).evaluate("(e, allowed) => e.matches(allowed)", allowed):
                why = " ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
                found.append(f"axe, {rule['id']} ({screen}): {node['html'][:120]} {why}")
    return found


@pytest.fixture(scope="module")
def windows():
    """The two windows in which every page is opened. They are reused: a new one for each page takes twice as long."""
    with chromium() as browser:
        yield visitor(browser, "laptop", "light"), visitor(browser, "phone", "dark")


@pytest.fixture(scope="module")
def site():
    assert (HTML / "index.html").is_file(), "There are no pages yet: run `make book` first."
    with serving(HTML) as address:
        yield address


@pytest.mark.parametrize("name", [*toc_pages(), *(str(c) for c in chapters() if c != c.english)])
def test_a_page_is_complete_alone_and_accessible(windows, site, name):
    found = [complaint for window in windows for complaint in complaints(window, f"{site}/{name}.html")]
    assert not found, "\n".join(["", *found])


# --- The rules bite -------------------------------------------------------------------------------------------------

TYPESET = "<script defer src='tex-chtml.js'></script>"
BROKEN = {
    "a missing picture": ("<img src='none.png' alt='A picture'>", "the picture none.png does not load"),
    "a picture without alt": ("<img src='dot.svg'>", "axe, image-alt"),
    "low contrast in light": ("<p class='pale'>Hard to read.</p>", "axe, color-contrast (390 pixels, light)"),
    "low contrast in code": (
        "<div class='highlight'><pre>"
        + "<span class='k'>def</span> <span class='dim'>name</span>\n" * 9
        + "</pre></div>",
        "axe, color-contrast (390 pixels, dark)",
    ),
    "low contrast in dark": ("<p class='dim'>Hard to read.</p>", "axe, color-contrast (390 pixels, dark)"),
    "a box that only a mouse can scroll": (
        "<div style='width: 200px; overflow: auto'><p style='width: 900px'>" + "wide and wider " * 9 + "</p></div>",
        "axe, scrollable-region-focusable",
    ),
    "a JavaScript error": ("<script>const A = 1;</script><script>const A = 2;</script>", "JavaScript error"),
    "an error in the console": ("<script>console.error('oh')</script>", "console: oh"),
    "a picture from elsewhere": ("<img src='https://example.com/a.png' alt='A badge'>", "asks another host"),
    "a script from elsewhere": ("<script src='http://localhost:1/a.js'></script>", "asks another host"),
    "a missing script": ("<script src='none.js'></script>", "status 404"),
    "a formula left as TeX": (r"<p>So <span class='math'>\(x^2\)</span> it is.</p>", r"not typeset: \(x^2\)"),
    "dollars left in the text": ("<p>So $x^2$ it is.</p>", "raw TeX on the page: So $x^2$"),
    "a page too wide": ("<div style='width: 1400px'>wide</div>", "pixels wide on a screen of 390"),
    "a formula with an error": (TYPESET + r"<p><span class='math'>\(\frac{1}\)</span></p>", "a formula is wrong"),
    "a formula too wide": (
        TYPESET
        + "<style>div.math > mjx-container { display: block; overflow: auto; width: 100px }</style>"
        + r"<div class='math' tabindex='0'>\[a + b + c + d + e + f + g + h + i + j + k + l\]</div>",
        "a formula must be scrolled",
    ),
    "an unknown command": (TYPESET + r"<p><span class='math'>\(\nosuch\)</span></p>", r"does not know \nosuch"),
}
PAGE = """<!doctype html><html lang="en" data-theme="dark"><head><title>A page</title><link rel="icon" href="dot.svg">
<style>html[data-theme=dark] {{ background: #000; color: #fff }} [data-theme=light] .pale {{ color: #bbb }}
[data-theme=dark] .dim {{ color: #444 }}</style></head><body><main><h1>A page</h1><p>Some text.</p>{}</main></body>
</html>"""


@pytest.fixture(scope="module")
def broken_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for file in (ROOT / "book" / "_vendor" / "mathjax").iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>")
    for name, (body, _) in {"good": ("", ""), **BROKEN}.items():
        (folder / f"{name}.html").write_text(PAGE.format(body), "utf-8")
    with serving(folder) as address:
        yield address


def test_a_good_page_gives_no_complaint(windows, broken_site):
    assert complaints(windows[1], f"{broken_site}/good.html") == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_page_is_noticed(windows, broken_site, name):
    found = complaints(windows[1], f"{broken_site}/{name}.html")
    assert any(BROKEN[name][1] in complaint for complaint in found), found


def test_an_allowance_ends_at_the_elements_it_names(windows, broken_site, monkeypatch):
    url = f"{broken_site}/a picture without alt.html"
    monkeypatch.setitem(ALLOWED, "image-alt", ("#theme img", "an example"))
    assert any("image-alt" in complaint for complaint in complaints(windows[1], url)), "the book's own picture counts"
    monkeypatch.setitem(ALLOWED, "image-alt", ("main > img", "an example"))
    assert complaints(windows[1], url) == []
