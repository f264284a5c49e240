"""The built pages as a reader meets them: in a browser, with every other host out of reach.

Each page is looked at on a phone in the dark and on a laptop in the light. `complaints` gathers what a reader would see
or miss; the tests at the end show that each complaint is made where it should be.
"""

import functools
import gzip
import io
import re
import struct
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from address import pages as published
from axe_playwright_python.sync_playwright import Axe
from icons import ICONS
from markdown_it import MarkdownIt
from pypdf import PdfReader
from questions import parse
from screenshots import HTML, SIZES, THEMES, chromium, serving, settle, visitor

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.browser

# What axe finds in the tools and not in the book: the rule, the only elements where we let it pass, and why.
ALLOWED = {
    "aria-required-children": (".citation-list", "Sphinx puts links back to the text among a bibliography's entries"),
}

HEAVY = 900_000  # bytes

# What the reader would see of a page, asked of the page itself.
LOOK = r"""() => {
    const found = [];
    for (const image of document.images)
    {
        if (!image.naturalWidth) found.push(`the picture ${image.getAttribute("src")} does not load`);
        const style = getComputedStyle(image), inner = (size, ...sides) =>
            sides.reduce((left, side) => left - parseFloat(style[side]), size);
        const width = inner(image.clientWidth, "paddingLeft", "paddingRight");
        const height = inner(image.clientHeight, "paddingTop", "paddingBottom");
        const squeezed = (width / height) / (image.naturalWidth / image.naturalHeight);
        if (height > 0 && Math.abs(Math.log(squeezed)) > 0.03)
            found.push(`the picture ${image.getAttribute("src")} is squeezed to ${width} by ${height} pixels`);
    }

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

# Thousands of coloured words of code, and hundreds of formulas: one of each kind in each place is enough for axe, which
# takes a millisecond a word. The other words stay as plain text, the other formulas are taken out until WHOLE.
ONE_OF_A_KIND = """() => {
    const seen = new Set();
    window.emptied = [];
    for (const part of document.querySelectorAll(".highlight span, mjx-container")) {
        let kind = "";
        for (let element = part; element; element = element.parentElement) kind += element.className + " in ";
        if (!seen.has(kind)) seen.add(kind);
        else if (part.tagName === "SPAN") part.replaceWith(...part.childNodes);
        else for (const formula of part.querySelectorAll("mjx-math, mjx-assistive-mml")) {
            window.emptied.push([formula, [...formula.childNodes]]);
            formula.replaceChildren();
        }
    }
}"""
WHOLE = "() => window.emptied.forEach(([formula, parts]) => formula.replaceChildren(...parts))"

# Contrast is the same where letters and all that lies behind them look the same: axe judges three of each.
JUDGED = """(within) => {
    const seen = new Map(), behind = new Map();
    for (const element of document.querySelectorAll("*")) {
        const style = getComputedStyle(element), around = element.parentElement;
        const own = `${style.backgroundColor} ${style.backgroundImage} ${style.opacity}`;
        const below = behind.get(around) ?? "";
        behind.set(element, own === "rgba(0, 0, 0, 0) none 1" ? below : `${below} ${own}`);
        const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (!says || (within && !element.closest(within))) continue;
        if (!element.checkVisibility({ checkVisibilityCSS: true })) continue;
        const letters = [style.color, style.fontSize, style.fontWeight, style.textDecorationLine];
        const kind = [element.tagName, ...letters, getComputedStyle(around).color, behind.get(element)].join();
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        element.toggleAttribute("data-judged", seen.get(kind) <= 3);
    }
    const judged = (id, which) => ({ id, selector: `${which}[data-judged]` });
    axe.configure({ rules: [judged("color-contrast", ""), judged("link-in-text-block", "a[href]")] });
    // what a rule of less impact finds is not told (accessibility): it need not look
    const slight = axe._audit.rules.filter((rule) => ["moderate", "minor"].includes(rule.impact));
    return Object.fromEntries(slight.map((rule) => [rule.id, { enabled: false }]));
}"""


# At the edges of code and tables (book.css). Where one lies behind letters, axe does not judge their contrast.
NO_SHADOWS = """() => document.querySelectorAll("pre, .text_html").forEach(
    (box) => box.style.setProperty("background-image", "none", "important"))"""


def complaints(window, url: str, keys=()) -> list[str]:
    """All that is wrong with one page, on a phone in the dark (that browser window), and on a laptop in the light.

    `keys` are the ids of the right answers to the page's questions, which axe sees open on the phone and answered on
    the laptop (None: they stay open). A sentence each.
    """
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
    loaded, early = {}, []  # pictures far below the screen wait until they are near it; `settle` asks for them at once
    page.on("response", lambda response: loaded.setdefault(response.url, response))
    page.on("load", lambda: early.extend(loaded))
    settle(page, url)
    found += heavy({u: r for u, r in loaded.items() if u in early or r.request.resource_type != "image"})
    page.add_style_tag(
        content="pre { background-image: none !important }"
    )  # the shadows at its edges: axe gives up there
    found += page.evaluate(LOOK)
    page.evaluate(ONE_OF_A_KIND)
    found += accessibility(page)
    found += [] if keys is None else answered(page, keys)
    page.evaluate(WHOLE)
    on_screen(page, "laptop", "light")
    found += page.evaluate(LOOK)
    page.evaluate(ONE_OF_A_KIND)
    found += accessibility(page)
    page.close()
    return found


def on_screen(page, size: str, theme: str) -> None:
    """Show the page on such a screen from now on, in that theme: much sooner done than opening it again."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)
    page.evaluate(
        """(theme) => { document.documentElement.dataset.theme = theme;
            return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); }""",
        theme,
    )


def answered(page, keys) -> list[str]:
    """Answer all questions of a page with their keys: is each right, and is the chapter ticked? Real clicks: below."""
    page.evaluate("(ids) => ids.forEach((id) => document.getElementById(id)?.click())", keys)
    right = page.locator("form.question .verdict.right").count()
    ticked, forms = page.locator("nav.bd-links a.current .tick").count(), questions(page).count()
    if (forms, right, ticked) == (len(keys), len(keys), min(1, len(keys))):
        return []
    return [f"{len(keys)} questions have {forms} forms; answered by their keys {right} are right, {ticked} ticks"]


def heavy(loaded) -> list[str]:
    """Whether what a page loads as it opens is more than a phone should wait for, packed as servers pack it."""
    sizes = {}
    for url, response in loaded.items():
        body = response.body() if response.ok else b""
        packed = urlsplit(url).path.endswith((".html", ".css", ".js", ".svg"))
        sizes[urlsplit(url).path] = packed_size(body) if packed else len(body)
    if (total := sum(sizes.values())) <= HEAVY:
        return []
    largest = sorted(sizes.items(), key=lambda size: -size[1])[:6]
    return [f"weighs {total:,} bytes: " + ", ".join(f"{size:,} {unquote(path)}" for path, size in largest)]


@functools.cache  # most pages load the same scripts
def packed_size(body: bytes) -> int:
    return len(gzip.compress(body, 6))


def accessibility(page, within=None, **options) -> list[str]:
    """axe's serious and critical findings, without those that ALLOWED names on the elements it names."""
    found = []
    screen = page.evaluate("`${innerWidth} pixels, ${document.documentElement.dataset.theme}`")
    options = {"resultTypes": ["violations"], "preload": False, **options}
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options["rules"] = page.evaluate(JUDGED, within) | options.get("rules", {})
    asked = "([within, options]) => axe.run(within ?? document, options)"
    for rule in page.evaluate(asked, [within, options])["violations"]:
        allowed = ALLOWED.get(rule["id"], (":not(*)", ""))[0]
        for node in rule["nodes"] if rule["impact"] in ("serious", "critical") else []:
            if not page.query_selector(node["target"][0]).evaluate("(e, allowed) => e.matches(allowed)", allowed):
                why = " ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
                found.append(f"axe, {rule['id']} ({screen}): {node['html'][:120]} {why}")
    return found


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser):
    """The window in which page after page is opened: a new one for each page takes twice as long."""
    return visitor(browser, "phone", "dark")


@pytest.fixture(scope="module")
def site():
    assert (HTML / "index.html").is_file(), "There are no pages yet: run `make book` first."
    with serving(HTML) as address:
        yield address


# --- What a page does for its reader --------------------------------------------------------------------------------

CHAPTER = "book/input-layer/one-hot"
SCREENS = [(size, theme) for size in SIZES for theme in THEMES]


@pytest.fixture
def fresh(browser):
    """New browser windows of readers who have chosen nothing, by the size of their screen."""
    windows = []

    def fresh(size="laptop", **options):
        width, height = SIZES[size]
        windows.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        windows[-1].set_default_timeout(0)  # the clock decides nothing
        return windows[-1].new_page()

    yield fresh
    for window in windows:
        window.close()


@pytest.fixture(scope="module")
def shared(browser):
    """The window of a reader who has chosen nothing, for tests that leave nothing in it: pages open sooner in it."""
    width, height = SIZES["laptop"]
    window = browser.new_context(viewport={"width": width, "height": height})
    window.set_default_timeout(0)  # the clock decides nothing
    window.new_page()  # stays open, as that of `visitor`
    return window


@pytest.fixture
def reader(shared):
    """A new page in that window."""
    page = shared.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def chapter(browser, site):
    """The page of a chapter, settled, for tests that only look at it."""
    page = browser.new_page()
    page.set_default_timeout(0)
    settle(page, f"{site}/{CHAPTER}.html")
    return page


# The section of a page that has such a thing, without the others: axe looks at all that a page has.
SECTION_WITH = """(selector) => {
    const own = document.querySelector(selector).closest("section");
    for (const section of document.querySelectorAll("article section")) if (!section.contains(own)) section.remove();
}"""


@pytest.mark.parametrize(("size", "theme"), SCREENS)
def test_the_first_screen_of_the_book_says_where_to_begin(reader, site, size, theme):
    page = reader
    on_screen(page, size, theme)
    page.goto(f"{site}/index.html")
    page.wait_for_url("**/book/intro.html")
    buttons = page.locator("article .buttons a.sd-btn")
    assert buttons.count() == 3
    for button in buttons.all():
        box = button.bounding_box()
        assert box["y"] + box["height"] <= SIZES[size][1], f"{button.inner_text()} is below the first screen"
        assert box["height"] >= 40, "large enough for a thumb"
    assert buttons.first.get_attribute("href") == "input-layer/tokens.html"


def test_every_icon_is_in_the_small_fonts(site):
    """scripts/icons.py cuts the theme's fonts: an icon that it leaves out would be an empty square."""
    kept = {f"fa-{name}" for names in ICONS.values() for name in names.split()}
    kinds = {"fa-solid", "fa-brands", "fa-regular", "fa-fw", "fa-lg"}
    for path in HTML.rglob("*.html"):
        for names in re.findall(r'class="([^"]*\bfa-[^"]*)"', path.read_text("utf-8")):
            used = {name for name in names.split() if name.startswith("fa-")} - kinds
            assert used <= kept, f"{path.name}: {used - kept}"
    for font in ICONS:
        small = HTML / "_static" / "vendor" / "fontawesome" / "webfonts" / f"{font}.woff2"
        assert small.stat().st_size < 20_000


def told(page):
    """A list to which everything is added that the page says in the console."""
    said = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text} {message.location['url']}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    return said


@pytest.mark.parametrize("name", ["book/intro", CHAPTER, "search"])
def test_a_first_visit_leaves_no_complaint_in_the_console(fresh, site, name):
    for theme in THEMES:
        for address in (site, HTML.as_uri()):
            page = fresh(color_scheme=theme)
            said = told(page)
            page.goto(f"{address}/{name}.html" + "?q=attention" * (name == "search"))
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            assert said == [], address


def test_a_page_without_javascript_is_whole(fresh, site):
    page = fresh(java_script_enabled=False)
    page.goto(f"{site}/{CHAPTER}.html")
    colours = page.evaluate("[document.body, document.querySelector('article h1')].map(e => getComputedStyle(e).color)")
    assert all(colour not in ("", "rgba(0, 0, 0, 0)") for colour in colours)
    assert page.locator("article").inner_text().count("\n") > 100


OUTPUTS = """() => [...document.querySelectorAll(".fit pre")].map((pre) => ({
    columns: Number(getComputedStyle(pre.closest(".fit")).getPropertyValue("--columns")),
    letters: parseFloat(getComputedStyle(pre).fontSize),
    cut: pre.scrollWidth > pre.clientWidth + 1,
}))"""


@pytest.mark.parametrize("name", ["book/encoder/attention", "book/input-layer/word2vec-at-scale"])
def test_outputs_shrink_until_they_fit(reader, site, name):
    """On a laptop it fits; on a phone it fits in letters of nine pixels or more, or keeps its twelve and scrolls."""
    settle(reader, f"{site}/{name}.html")
    for size in SIZES:
        on_screen(reader, size, "light")
        outputs = reader.evaluate(OUTPUTS)
        assert outputs
        for output in outputs:
            assert 9 <= output["letters"] <= 13, output
            if size == "laptop":
                assert not output["cut"] or output["columns"] > 88, output
            elif output["columns"] <= 56:
                assert not output["cut"], output
            else:
                assert output["letters"] == 12, output


@pytest.mark.parametrize(("name", "boxes"), [(CHAPTER, "article pre"), ("book/teaching", ".sideways")])
def test_what_goes_on_beyond_the_edge_casts_a_shadow(reader, site, name, boxes):
    settle(reader, f"{site}/{name}.html")
    on_screen(reader, "phone", "light")
    look = """(pre) => [pre.scrollWidth > pre.clientWidth + 1, getComputedStyle(pre).backgroundAttachment,
        getComputedStyle(pre).backgroundImage.match(/linear-gradient/g)?.length]"""
    looks = [box.evaluate(look) for box in reader.locator(boxes).all()]
    assert any(cut for cut, *_ in looks), "on a phone something goes on"
    for _, attachment, gradients in looks:
        assert attachment.startswith("local, local, scroll, scroll")
        assert gradients == 4


TABLE = """<table><thead><tr><th scope="col" style="text-align: left">network</th>{}</tr></thead>
<tbody><tr><th scope="row" style="text-align: left">LSTM</th>{}</tr></tbody></table>"""


def test_a_table_among_the_outputs_reads_well(reader, site):
    """What scratch.table gives: plain rows, numbers under each other, a box of its own to scroll in, never the page."""
    page = reader
    settle(page, f"{site}/{CHAPTER}.html")
    page.evaluate(SECTION_WITH, ".cell_output")
    table = TABLE.format(
        "<th scope='col' style='text-align: right'>a column</th>" * 12, "<td style='text-align: right'>0.512</td>" * 12
    )
    page.evaluate(
        """(table) => { const cell = document.querySelector(".cell_output");
            cell.innerHTML = `<div class="output text_html">${table}</div>`; }""",
        table,
    )
    page.evaluate(NO_SHADOWS)
    for screen in SCREENS:
        on_screen(page, *screen)
        look = page.evaluate(
            """() => { const style = (s) => getComputedStyle(document.querySelector(`.cell_output ${s}`));
                const box = document.querySelector(".cell_output .text_html");
                return { weight: style("tbody th").fontWeight, figures: style("td").fontVariantNumeric,
                    side: style("td").textAlign, letters: parseFloat(style("td").fontSize),
                    scrolls: box.scrollWidth > box.clientWidth && style(".text_html").overflowX === "auto",
                    wide: document.scrollingElement.scrollWidth - innerWidth }; }"""
        )
        assert look["weight"] == "400", screen
        assert "tabular-nums" in look["figures"], screen
        assert look["side"] == "right", screen
        assert look["letters"] >= 12.5, screen
        assert look["scrolls"], screen
        assert look["wide"] <= 1, screen
        assert accessibility(page, within=".cell_output", runOnly=["color-contrast"]) == []


SEARCHES = {
    "嵌入": ("book/input-layer/one-hot", "嵌入"),
    "注意力": ("book/encoder/attention", "注意力"),
    "embeddings": ("book/input-layer/one-hot", "embedding"),
    "vanishing gradients": ("book/encoder/rnn", "vanish|gradient"),
}


@pytest.mark.parametrize("where", ["http", "file"])
def test_search_finds_marks_and_shows(fresh, site, where):
    address = site if where == "http" else HTML.as_uri()
    page = fresh("phone")
    said = told(page)
    for query, (name, words) in SEARCHES.items():
        page.goto(f"{address}/search.html?q={query}")
        hit = page.locator(f"#search-results a[href*='{name}.html']").first
        hit.wait_for()
        page.wait_for_function(
            "/\\d/.test(document.querySelector('#search-results').previousElementSibling.textContent)"
        )
        spoken = page.locator("#search-results").locator("xpath=preceding-sibling::*[1]")
        assert spoken.get_attribute("role") == "status", "how many pages were found is spoken"
        hit.click()
        page.wait_for_url(f"**/{name}.html?*")
        page.locator("article mark").first.wait_for()
        page.wait_for_function(
            """() => {  // the first mark is on the screen
                const box = document.querySelector("article mark").getBoundingClientRect();
                return box.top >= 0 && box.top < innerHeight;
            }"""
        )
        for text in page.locator("article mark").all_text_contents():
            assert re.match(words, text, re.IGNORECASE)
        assert page.locator("article mjx-container mark").count() == 0
        assert page.evaluate("document.activeElement === document.querySelector('article mark')"), (
            "one goes on from here"
        )
        page.keyboard.press("Escape")
        assert page.locator("article mark").count() == 0
        assert said == [], query


def test_excerpts_of_formulas_show_no_commands(reader, site):
    page = reader
    page.goto(f"{site}/search.html?q=softmax")
    excerpts = page.locator("#search-results p.context")
    page.wait_for_function("document.querySelectorAll('#search-results p.context').length >= 20")
    texts = excerpts.all_text_contents()
    assert any("αj" in text or " _j " in text or "(13.1)" in text for text in texts), "no excerpt has a formula"
    assert not [text for text in texts if "\\" in text]


def test_a_page_that_was_not_searched_for_has_no_marks(reader, site):
    page = reader
    page.goto(f"{site}/search.html?q=vector")
    page.locator("#search-results a").first.wait_for()
    settle(page, f"{site}/{CHAPTER}.html")
    page.wait_for_timeout(200)
    assert page.locator("article mark").count() == 0


def test_a_term_explains_itself_to_mouse_and_keyboard(fresh, site):
    page = fresh()
    settle(page, f"{site}/{CHAPTER}.html")
    link, tip = page.locator("article a.term").first, page.locator("#term-tip")
    about = page.evaluate(
        "document.getElementById('about-' + document.querySelector('article a.term').hash.slice(1)).textContent.trim()"
    )
    assert tip.is_hidden()
    link.hover()
    tip.wait_for()
    assert tip.text_content().strip() == about
    box, room = tip.bounding_box(), page.viewport_size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= room["width"]
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.mouse.move(2, 2)
    page.evaluate("document.querySelector('article').tabIndex = -1; document.querySelector('article').focus()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.term')"):
            break
    tip.wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "term-tip"
    assert accessibility(page, within="#term-tip") == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#*")


def test_a_term_explains_itself_to_a_finger(fresh, site):
    page = fresh("phone", has_touch=True)
    settle(page, f"{site}/{CHAPTER}.html")
    tip = page.locator("#term-tip")
    for link in page.locator("article a.term").all()[:4]:
        link.tap()
        tip.wait_for()
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= SIZES["phone"][0]
        assert page.evaluate("document.scrollingElement.scrollWidth") <= SIZES["phone"][0]
    assert urlsplit(page.url).path.endswith("one-hot.html")
    page.locator("article h1").tap()
    assert tip.is_hidden()
    page.locator("article a.term").first.tap()
    page.locator("article a.term").first.tap()
    page.wait_for_url("**/glossary.html#*")


def test_formulas_in_definitions_are_typeset(reader, site):
    settle(reader, f"{site}/book/encoder/rnn.html")
    for formula in reader.locator(".definitions .math").all():
        assert formula.locator("mjx-container").count() == 1


def test_paper_shows_all_and_in_light_colours(fresh, site):
    page = fresh(color_scheme="dark")
    page.goto(f"{site}/{CHAPTER}.html")
    page.wait_for_function("window.MathJax?.startup?.promise")
    page.evaluate("window.MathJax.startup.promise")
    folded = page.locator("article details:not([open])").count()
    assert folded >= 4
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.set_viewport_size({"width": 720, "height": 1000})  # about the text of a sheet
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("article details:not([open])").count() == 0
    cut = page.evaluate(
        """() => [...document.querySelectorAll("article pre")].filter((pre) => pre.scrollWidth > pre.clientWidth + 1
            || !pre.checkVisibility()).map((pre) => pre.textContent.slice(0, 60))"""
    )
    assert cut == []
    assert not page.locator(".copybtn").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("article details:not([open])").count() == folded
    assert page.pdf(format="A4")[:4] == b"%PDF"


@pytest.mark.parametrize("name", ["input", "encoder", "uses", "beyond"])
def test_a_cheat_sheet_is_one_sheet(reader, site, name):
    settle(reader, f"{site}/book/cheat-sheet-{name}.html")
    assert len(PdfReader(io.BytesIO(reader.pdf(format="A4"))).pages) == 1


def test_the_keyboards_place_is_seen_everywhere(chapter):
    for size in SIZES:
        on_screen(chapter, size, "light")
        chapter.keyboard.press("Tab")  # from here on the reader has a keyboard
        outlines = chapter.evaluate(
            """() => [...document.querySelectorAll("a[href], button, summary, input")].map((element) => {
                element.focus();
                if (document.activeElement !== element) return null;  // not on this screen
                const { outlineStyle, outlineWidth } = getComputedStyle(element);
                return [element.className || element.outerHTML.slice(0, 80), outlineStyle, parseFloat(outlineWidth)];
            }).filter(Boolean)"""
        )
        assert len(outlines) > 50
        assert [name for name, style, width in outlines if style == "none" or width < 2] == []
        assert any("primary-toggle" in name for name, *_ in outlines)
        assert any("dropdown-toggle" in name for name, *_ in outlines)


def test_the_theme_leaves_the_keyboard_its_place_and_says_which_colours(fresh, site):
    page = fresh()
    settle(page, f"{site}/{CHAPTER}.html")
    page.keyboard.press("Tab")
    button = page.locator(".theme-switch-button:visible").first
    button.focus()
    told = []
    for _ in range(3):
        page.keyboard.press("Enter")
        page.wait_for_function(
            """(told) => {
            const { mode } = document.documentElement.dataset, label = document.activeElement.ariaLabel;
            return !told.includes(mode) && label === `Color mode: ${mode}`; }""",
            arg=told,
        )
        told.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(told) == ["auto", "dark", "light"]
    for name in (".search-button", ".primary-toggle", ".secondary-toggle"):
        for place in page.locator(f"{name}:visible").all()[:1]:
            place.focus()
            place.evaluate("(button) => button.blur()")  # as the theme does
            assert place.evaluate("(button) => button === document.activeElement"), name


def test_icons_are_no_part_of_a_name_and_outputs_say_what_they_are(chapter):
    assert chapter.locator('[class*="fa-"]:not([aria-hidden="true"])').count() == 0
    outputs = chapter.locator(".cell_output")
    assert outputs.count() > 10
    assert outputs.count() == chapter.locator('.cell_output[role="group"][aria-label="Output"]').count()
    assert chapter.locator(".cell_input .copybtn").count() > 10
    assert chapter.locator(".cell_output .copybtn").count() == 0


def test_what_is_folded_looks_alike_and_opens_by_keyboard(reader, site):
    page = reader
    settle(page, f"{site}/{CHAPTER}.html")
    page.evaluate(SECTION_WITH, "article details.hide")
    page.evaluate(ONE_OF_A_KIND)
    page.evaluate(
        """() => document.querySelector("article section").insertAdjacentHTML("beforeend",
            "<details id='words'><summary>Solution 1</summary><p>Because.</p></details>")"""
    )
    style = """(e) => { const s = getComputedStyle(e), t = getComputedStyle(e.querySelector("summary"));
        return [s.borderLeftWidth, s.borderLeftColor, s.borderRadius, t.cursor, t.fontWeight]; }"""
    words, code = page.locator("#words"), page.locator("article details.hide").first
    for screen in SCREENS:
        on_screen(page, *screen)
        assert words.evaluate(style) == code.evaluate(style), screen
        was = words.evaluate("(e) => e.open")
        page.locator("#words summary").focus()
        page.keyboard.press("Enter")
        assert words.evaluate("(e) => e.open") != was, screen
        words.evaluate("(e) => (e.open = true)")
        assert accessibility(page, within="#words") == []


def test_a_lost_reader_sees_a_whole_page(fresh):
    """GitHub shows 404.html in place of any page that it does not have, at its address."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    prefix = f"/{published(config['repository']['url']).partition('/')[2]}/"
    page = fresh("phone")

    def answer(route):
        path = unquote(urlsplit(route.request.url).path)
        file = HTML / path.removeprefix(prefix)
        if path.startswith(prefix) and file.is_file():
            return route.fulfill(path=file)
        return route.fulfill(path=HTML / "404.html", status=404, content_type="text/html")

    page.route("**/*", answer)
    failed = []
    page.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)
    lost = f"http://example.test{prefix}book/no/such/page.html"
    page.goto(lost)
    assert failed == [lost]
    page.locator("article a").first.click()
    page.wait_for_url(f"**{prefix}book/intro.html")
    assert page.locator("article .buttons a").count() == 3


# --- Check yourself -------------------------------------------------------------------------------------------------

SECTION = r"""**1. What is left of a memory after ten words, with $b = 0$?**

- **A** About half of $1$.
- **B** About a thousandth.
- **C** All of it.

<details><summary>Answer</summary>

- **A ✗** That is one word's share, $\sigma(0) = 1/2$.
- **B ✓** $2^{-10}$ is $1/1024$.
- **C ✗** The gate would have to be open.

</details>

**2. Which gate keeps?**

- **A** The forget gate,
  whatever its name says.
- **B** The input gate.
- **C** The output gate.
- **D** None.

<details><summary>Answer</summary>

- **A ✓** It multiplies what was there.
- **B ✗** It writes.
- **C ✗** It shows.
- **D ✗** One does.

</details>
"""
KEYS = {question.number: question.right for question in parse(SECTION)}


def rendered(section: str) -> str:
    """The section as MyST renders it: plain HTML, formulas for MathJax."""
    html = MarkdownIt("commonmark").render(section)
    return re.sub(r"\$(.+?)\$", r'<span class="math notranslate nohighlight">\\(\1\\)</span>', html)


def with_questions(page, address, section=SECTION):
    """Open a chapter's page that has such a section and nothing else: a whole one takes longer to open and to judge."""

    def answer(route):
        html = (HTML / f"{CHAPTER}.html").read_text("utf-8")
        first, last = html.index("<section"), html.rindex("</section>")
        ids = [i for i in re.findall(r'<section id="([^"]+)"', html[first:last]) if i != "check-yourself"]
        empty = "".join(f'<section id="{i}"></section>' for i in ids)  # the page's table of contents leads to them
        own = f'<section id="check-yourself"><h2>Check yourself</h2>\n{rendered(section)}</section>'
        html = f"{html[:first]}<section><h1>One-hot</h1>{own}{empty}{html[last:]}"
        route.fulfill(body=html, content_type="text/html; charset=utf-8")

    page.route(f"**/{CHAPTER}.html*", answer)
    page.goto(f"{address}/{CHAPTER}.html")
    page.wait_for_function("window.MathJax?.startup?.promise")
    page.evaluate("window.MathJax.startup.promise.then(() => document.fonts.ready).then(() => true)")


def questions(page):
    return page.locator("form.question")


@pytest.mark.parametrize("size", SIZES)
def test_questions_become_forms_that_answer(fresh, site, size):
    page = fresh(size)
    said = told(page)

    def accessible():
        for theme in THEMES:
            on_screen(page, size, theme)
            assert accessibility(page, within="#check-yourself") == []

    with_questions(page, site)
    assert questions(page).count() == 2
    first, second = questions(page).all()
    assert first.locator("fieldset > legend").inner_text().startswith("1. What is left")
    assert first.get_by_role("radio").count() == 3
    assert page.locator("#check-yourself :is(p, ul, details):visible").count() == 0, "not twice"
    accessible()

    first.get_by_text("About half").click()
    verdict = first.locator(".verdict")
    assert verdict.get_attribute("aria-live") == "polite"
    assert verdict.inner_text().startswith("A is not it.")
    assert "one word's share" in verdict.inner_text()
    assert verdict.locator("mjx-container").count() == 1, "the formula in it is set"
    assert page.locator("nav.bd-links .tick").count() == 0
    accessible()

    first.get_by_text("About a thousandth").click()
    assert verdict.inner_text().startswith("B is right.")
    second.get_by_label("The forget gate").check()
    assert "2 of 2" in page.locator(".score").inner_text()
    link = page.locator("nav.bd-links a", has_text="One-hot")
    assert link.locator(".tick").get_attribute("aria-label")
    accessible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= SIZES[size][0]
    heights = [option.bounding_box()["height"] for option in page.locator(".question .option").all()]
    assert min(heights) >= 40, "large enough for a thumb"
    assert said == []


@pytest.mark.parametrize("where", ["http", "file"])
def test_answers_are_remembered_until_one_forgets_them(fresh, site, where):
    address = site if where == "http" else HTML.as_uri()
    page = fresh()
    with_questions(page, address)
    for number, letter in KEYS.items():
        page.locator(f"#question-{number}-{letter}").check()
    page.goto(f"{address}/book/intro.html")
    for where in (
        "nav.bd-links",
        ".chapters",
    ):  # on a phone the contents are behind a button, the list of chapters is not
        assert page.locator(f"{where} a:has-text('One-hot') .tick").count() == 1
    with_questions(page, address)
    assert [v.inner_text()[:11] for v in page.locator(".verdict").all()] == ["B is right.", "A is right."]
    page.locator("#question-2-C").check()
    assert page.locator(".tick").count() == 0, "the last answer counts"
    page.get_by_role("button", name="Forget my answers").click()
    assert page.locator(".question input:checked").count() == 0
    assert "0 of 2" in page.locator(".score").inner_text()
    with_questions(page, address)
    assert page.locator(".question input:checked").count() == 0
    assert page.locator(".verdict").all_inner_texts() == ["", ""]


def test_arrow_keys_give_no_answer_away(fresh, site):
    page = fresh()
    with_questions(page, site)
    page.locator("#question-1-A").focus()
    page.keyboard.press("ArrowDown")
    verdict = page.locator(".verdict").first
    assert page.evaluate("document.activeElement.id") == "question-1-B"
    assert verdict.inner_text() == "Press Enter to check B."
    page.keyboard.press("Enter")
    assert verdict.inner_text().startswith("B is right.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert verdict.inner_text().startswith("C is not it.")
    page.locator("#question-2-A").focus()
    page.keyboard.press("Space")
    assert page.locator(".verdict").nth(1).inner_text().startswith("A is right.")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_a_browser_that_keeps_nothing_still_answers(fresh, site):
    page = fresh()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(
        """const own = ["getItem", "setItem"].map((name) => [name, Storage.prototype[name]]);
        for (const [name, was] of own) Storage.prototype[name] = function (key, ...rest) {
            if (key.includes("answers")) throw new DOMException("no", "SecurityError");
            return was.call(this, key, ...rest); }"""
    )
    with_questions(page, site)
    page.locator("#question-1-B").check()
    assert page.locator(".verdict").first.inner_text().startswith("B is right.")
    assert "1 of 2" in page.locator(".score").inner_text()
    assert errors == []


def test_without_javascript_and_on_paper_questions_are_plain(fresh, site):
    page = fresh(java_script_enabled=False)
    page.route(f"**/{CHAPTER}.html", lambda route: route.fulfill(body=rendered(SECTION), content_type="text/html"))
    page.goto(f"{site}/{CHAPTER}.html")
    assert page.locator("details summary:visible").count() == 2
    page = fresh()
    with_questions(page, site)
    page.locator("#question-1-A").check()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    text = page.locator("#check-yourself").inner_text()
    assert "About a thousandth" in text
    assert "It multiplies what was there." in text
    assert "A is not it" not in text
    assert page.locator("#check-yourself :is(input, button, legend):visible").count() == 0
    assert text.count("About a thousandth") == 1


def test_a_wrong_or_a_missing_key_is_noticed(fresh, site):
    page = fresh()
    right = [f"question-{number}-{letter}" for number, letter in KEYS.items()]
    for keys, sound in ((right, True), (["question-1-A", right[1]], False), (right[:1], False), ([], False)):
        with_questions(page, site)
        assert (answered(page, keys) == []) == sound, keys
        page.evaluate("localStorage.clear()")


MALFORMED = {
    "two right": ("- **A ✗**", "- **A ✓**"),
    "none right": ("- **B ✓**", "- **B ✗**"),
    "an option unexplained": ("- **C ✗** The gate would have to be open.\n", ""),
    "no number": ("**1. What", "**What"),
    "another summary": ("Answer", "Key"),
    "letters out of order": ("- **A** About", "- **B** About"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_question_stays_text(reader, site, name):
    with_questions(reader, site, SECTION.replace(*MALFORMED[name], 1))
    assert questions(reader).count() == 1
    assert reader.locator("#check-yourself details:visible").count() == 1
    assert "About a thousandth" in reader.locator("#check-yourself").inner_text()


# --- The rules bite -------------------------------------------------------------------------------------------------

TYPESET = "<script defer src='tex-chtml.js'></script>"
BROKEN = {
    "a missing picture": ("<img src='none.png' alt='A picture'>", "the picture none.png does not load"),
    "a squeezed picture": (
        "<img src='dot.svg' alt='A dot' style='width: 90px; height: 30px'>",
        "the picture dot.svg is squeezed to 90 by 30 pixels",
    ),
    "a picture without alt": ("<img src='dot.svg'>", "axe, image-alt"),
    "low contrast in light": ("<p class='pale'>Hard to read.</p>", "axe, color-contrast (1280 pixels, light)"),
    "low contrast in code": (
        "<div class='highlight'><pre>"
        + "<span class='k'>def</span> <span class='dim'>name</span>\n" * 9
        + "</pre></div><style>pre { background: linear-gradient(to right, #000, transparent) }</style>",
        "axe, color-contrast (390 pixels, dark)",
    ),
    "low contrast in dark": ("<p class='dim'>Hard to read.</p>", "axe, color-contrast (390 pixels, dark)"),
    "low contrast on a ground of its own": (
        "<p>White letters.</p>" * 9 + "<div style='background: #ccc'><p>Hard to read.</p></div>",
        "axe, color-contrast (390 pixels, dark)",
    ),
    "low contrast in small letters": (
        "<h2 style='color: #707070'>Large</h2>" * 9 + "<h2 style='color: #707070; font-size: 9px'>Small</h2>",
        "axe, color-contrast (390 pixels, dark)",
    ),
    "a link like the words around it": (
        "<p>Some words, <a href='#x' style='color: #eee'>a link</a>, words.</p>" * 9
        + "<p>And <a href='#x' style='color: #eee; text-decoration: none'>another</a>, words.</p>",
        "axe, link-in-text-block (390 pixels, dark)",
    ),
    "a box that only a mouse can scroll": (
        "<div style='width: 200px; overflow: auto'><p style='width: 900px'>" + "wide and wider " * 9 + "</p></div>",
        "axe, scrollable-region-focusable",
    ),
    "a JavaScript error": ("<script>const A = 1;</script><script>const A = 2;</script>", "JavaScript error"),
    "an error in the console": ("<script>console.error('oh')</script>", "console: oh"),
    "a picture from elsewhere": ("<img src='https://example.com/a.png' alt='A badge'>", "asks another host"),
    "a script from elsewhere": ("<script src='http://localhost:1/a.js'></script>", "asks another host"),
    "too heavy a picture": ("<img src='heavy.png' alt='A large picture'>", "weighs 1,0"),
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
[data-theme=dark] .dim {{ color: #444 }}</style>
<script>document.documentElement.dataset.theme = localStorage.getItem("theme")</script></head>
<body><main><h1>A page</h1><p>Some text.</p>{}</main></body>
</html>"""


@pytest.fixture(scope="module")
def broken_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for file in (ROOT / "book" / "_vendor" / "mathjax").iterdir():
        (folder / file.name).symlink_to(file)
    heavy = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1_000_054, 0, 0, 54, 40, 500, 500, 1, 32, 0, 1_000_000, 0, 0, 0, 0)
    (folder / "heavy.png").write_bytes(heavy + bytes(1_000_000))  # a picture of a million black bytes
    (folder / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>")
    for name, (body, _) in {"good": ("", ""), **BROKEN}.items():
        (folder / f"{name}.html").write_text(PAGE.format(body), "utf-8")
    with serving(folder) as address:
        yield address


def test_a_good_page_gives_no_complaint(window, broken_site):
    assert complaints(window, f"{broken_site}/good.html") == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_page_is_noticed(window, broken_site, name):
    found = complaints(window, f"{broken_site}/{name}.html")
    assert any(BROKEN[name][1] in complaint for complaint in found), found


def test_an_allowance_ends_at_the_elements_it_names(window, broken_site, monkeypatch):
    url = f"{broken_site}/a picture without alt.html"
    monkeypatch.setitem(ALLOWED, "image-alt", ("#theme img", "an example"))
    assert any("image-alt" in complaint for complaint in complaints(window, url)), "the book's own picture counts"
    monkeypatch.setitem(ALLOWED, "image-alt", ("main > img", "an example"))
    assert complaints(window, url) == []
