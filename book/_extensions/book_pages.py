"""What the pages need and Jupyter Book does not do by itself. Sphinx loads this file: see `local_extensions` in _config.yml."""

import re
import unicodedata
from pathlib import Path

from docutils import nodes
from sphinx.builders.html._assets import _JavaScript
from sphinx.util import logging

BOXES = {
    "exercise": ("Exercise", "练习"),
    "correction": ("Correction", "辨误"),
    "pitfall": ("Pitfall", "易错"),
    "note": ("Note", "说明"),
}
BOX = re.compile(
    "|".join(rf"(?P<{kind}>{en}\b|{zh})" for kind, (en, zh) in BOXES.items())
)
WIDE = 56  # columns: what is wider does not fit a phone in letters that can be read
LANGUAGES = {
    "zh": "中文"
}  # beside English, by the folder below book/, in their own words


def mark_boxes(app, doctree, docname):
    """Give a quotation that begins with a bold "Exercise 2 (code).", "Correction.", "Pitfall." or "Note.", or with what a
    translation has in its place, a class to style.

    In the source it stays a plain Markdown quotation, which reads well on Colab and GitHub too; book.css makes it a box.
    """
    for quote in doctree.findall(nodes.block_quote):
        first = next((text for text in quote.findall(nodes.Text) if text.strip()), None)
        if (
            first
            and isinstance(first.parent, nodes.strong)
            and (kind := BOX.match(first))
        ):
            quote["classes"] += ["box", kind.lastgroup]


def fit_outputs(app, doctree, docname):
    """Tell the page how many columns the widest line of an output has: book.css makes its letters as small as it takes,
    or lets it scroll where they would be too small.

    A style of its own needs an element of its own, since Sphinx writes only classes.
    """
    for block in list(doctree.findall(nodes.literal_block)):
        cell = block.parent
        while cell is not None and "cell_output" not in cell.get("classes", ()):
            cell = cell.parent
        wide = max(map(columns, block.astext().splitlines()), default=0)
        if cell is not None and wide > 30:
            kind = "fit wide" if wide > WIDE else "fit"
            if (
                "  " not in block.astext()
            ):  # nothing stands under something: it may wrap on a phone
                kind += " prose"
            start = f'<div class="{kind}" style="--columns: {wide}">'
            around = [nodes.raw("", text, format="html") for text in (start, "</div>")]
            block.parent.replace(block, [around[0], block, around[1]])


def columns(line: str) -> int:
    """The width of a line in a font whose Chinese characters are twice as wide as its letters."""
    line = re.sub(r"\x1b\[[\d;]*m", "", line)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
    return len(line) + wide


def drop_unused(app, pagename, templatename, context, doctree):
    """Leave out Thebe (live cells in the page) and togglebutton, which the book does not use.

    Jupyter Book always loads both. It declares Thebe's `const THEBE_JS_URL` twice, an error in the console of every
    page; togglebutton writes there that it has found nothing to do.
    """
    for files in ("script_files", "css_files"):
        context[files] = [
            f
            for f in context[files]
            if not re.search(
                "thebe|toggle(button|hint|open)",
                f"{f.filename} {f.attributes.get('body')}".lower(),
            )
        ]


def defer_scripts(app, pagename, templatename, context, doctree):
    """Let a page be drawn before its scripts have come: they run in their order once it has been read.

    The first is Sphinx's stemmer, by which book.js knows the words to mark; Sphinx's own marking would take them out of
    the address before. The page of the search stays as it is: its own scripts wait for nothing and need the others.
    """
    if pagename == "search":
        return
    stemmer = _JavaScript("_static/language_data.js", priority=0)
    context["script_files"] = [
        _JavaScript(
            file.filename,
            priority=file.priority,
            **file.attributes | ({"defer": "defer"} if file.filename else {}),
        )
        for file in (stemmer, *context["script_files"])
        if "sphinx_highlight" not in str(file.filename)
    ]


def own_templates(app, config):
    """Let the book's templates stand before the theme's: each says what it does otherwise."""
    config.templates_path = [
        *config.templates_path,
        str(Path(__file__).parent / "templates"),
    ]


def live_files(app) -> dict[str, list[str]]:
    """What can be tried out: {the figure's name: its scripts}. live/fig-a.js belongs to the figure fig-a."""
    files = {}
    for folder in app.config.html_static_path:
        for path in sorted(Path(app.confdir, folder, "live").glob("fig-*.js")):
            files.setdefault(path.name.split(".")[0], []).append(f"live/{path.name}")
    return files


def add_live(app, pagename, templatename, context, doctree):
    """Give a page the scripts of its own figures, and no others. (Before drop_unused, which replaces Sphinx's lists.)"""
    if doctree is None or app.builder.name not in ("html", "dirhtml", "singlehtml"):
        return
    ids = {name for figure in doctree.findall(nodes.figure) for name in figure["ids"]}
    scripts = [
        f for name, files in live_files(app).items() if name in ids for f in files
    ]
    if scripts:
        app.add_css_file("live/live.css")
        for file in ("live/live.js", *scripts):  # deferred scripts run in this order
            app.add_js_file(file, defer="defer")


def check_live(app, env):
    """A misspelt name would be silent: the page would have its figure and nothing to try."""
    known = {label for _, label in env.get_domain("std").anonlabels.values()}
    for name, files in live_files(app).items():
        if name not in known and Path(app.srcdir).name not in LANGUAGES:
            logger = logging.getLogger(__name__)
            logger.warning("%s: no figure is named %s", files[0], name)


SIZE = re.compile(r'(<img [^>]*?)style="width: (\d+)px; height: (\d+)px;?"')
FORMULA = r'<span class="math notranslate nohighlight">[^<]*</span>'
AFTER = r"(?:[-–]\w+)?(?:’s\b|[.,:;?!)\]’”…，。：；？！）」、])*"
TOUCHED = re.compile(rf"\(?{FORMULA}{AFTER}")
CELL = re.compile(
    r'(<td style="text-align: (?:left|right))("[^>]*>[^<A-Za-z]{1,24}</t)'
)
FORM = re.compile(r'<span class="c1"># @title [^<]*</span>\n')
RESULT = re.compile(
    r'(?:(?<=<td style="text-align: )|(?<=<th scope="col" style="text-align: ))(?:left|right)[^<]*'
)
NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")
THREAD = re.compile(
    r'(<a class="reference external" href="https://github.com/([\w.-]+/[\w.-]+)/(issues|pull)/(\d+)">[^<]*)(?=</a>)'
)
OUTPUT = '<div class="cell_output docutils container">'
ASKED = re.compile(r"(\?</span></a>)\.(?!\w)")


def finish_body(app, pagename, templatename, context, doctree):
    """What is easier said of a page's HTML than of its document.

    "Show the solution in code" names what shows it, which myst-nb calls "Toggle hidden content" aloud. Pictures far below
    the screen wait until they are near it; their size stands in attributes, which keep their place free and yield to
    book.css, and not in a style, which would squeeze them on a phone. A formula keeps the signs that touch it on its
    line, a short cell of a result stays on one, a number below zero has a minus and no hyphen, and Colab's title of a
    solution, which the page gives it, is left out. No full stop stands after a link that ends in a question mark. A link
    to a thread, of which one often sees a verb, says to those who hear it which thread it is, and an output that it is one.
    """
    if "body" in context:
        body = re.sub(r'<summary aria-label="[^"]*">', "<summary>", context["body"])
        body = SIZE.sub(r'\1width="\2" height="\3"', body)
        body = re.sub(r"<img (?![^>]*loading=)", '<img loading="lazy" ', body)
        body = TOUCHED.sub(together, body)
        body = CELL.sub(r"\1; white-space: pre\2", body)
        body = RESULT.sub(lambda found: NEGATIVE.sub("−", found[0]), body)
        body = ASKED.sub(r"\1", body)
        body = THREAD.sub(thread, body)
        body = body.replace(OUTPUT, OUTPUT[:-1] + ' role="group" aria-label="Output">')
        context["body"] = FORM.sub("", body)


def together(found):
    """A formula and what touches it, which no line break may part; alone, it stays as it is."""
    alone = re.fullmatch(FORMULA, found[0])
    return found[0] if alone else f'<span class="together">{found[0]}</span>'


def thread(found):
    """A link to a thread on GitHub, with its name for those who cannot see what stands around it."""
    link, repository, kind, number = found.groups()
    kind = {"issues": "issue", "pull": "pull request"}[kind]
    return (
        f'{link}<span class="visually-hidden"> ({repository}, {kind} {number})</span>'
    )


def edit_source(app, pagename, templatename, context, doctree):
    """Let the button for a change lead to a chapter's source, from which its notebook is made; that for an issue, to
    the form for mistakes."""
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", (group,)):
            if re.search(r"/edit/.*\.ipynb$", button.get("url", "")):
                button["url"] = button["url"].removesuffix(".ipynb") + ".py"
            if "/issues/new?" in button.get("url", ""):
                button["url"] = re.sub(
                    r"\?(title=[^&]*).*", r"?template=mistake.md&\1", button["url"]
                )


def other_languages(srcdir, docname):
    """This page in the other languages, where it has been translated: {code: (name, path from the pages' root)}.

    An English page book/x/y.html and its translation zh/x/y.html; zh is a Sphinx project of its own, whose folder of
    sources is book/zh and whose folder of pages lies in that of the English pages.
    """
    source = Path(srcdir)
    if source.name in LANGUAGES and source.parent.name == "book":
        book, name = source.parent, docname
        found = {"en": ("English", book / name, f"book/{name}.html")}
    else:
        book, name = source / "book", docname.removeprefix("book/")
        found = {
            code: (word, book / code / name, f"{code}/{name}.html")
            for code, word in LANGUAGES.items()
        }
    return {
        code: (word, page)
        for code, (word, twin, page) in found.items()
        if any(twin.with_name(twin.name + end).is_file() for end in (".ipynb", ".md"))
    }


def switch_language(app, pagename, templatename, context, doctree):
    """A button that leads to this page in the other language, and says so to search engines; none where there is none."""
    if doctree is None:
        return  # a page without a source, such as the index
    own = Path(app.srcdir)
    up = "../" * (pagename.count("/") + (own.name in LANGUAGES))
    for code, (word, page) in other_languages(own, pagename).items():
        context["header_buttons"].append(
            {
                "type": "link",
                "url": up + page,
                "text": word,
                "tooltip": word,
                "icon": "fas fa-language",
                "label": "language-button",
            }
        )
        context["metatags"] = context.get("metatags", "") + (
            f'<link rel="alternate" hreflang="{code}" href="{up + page}"/>\n'
        )


def setup(app):
    app.connect("doctree-resolved", mark_boxes)
    app.connect("doctree-resolved", fit_outputs)
    app.connect("env-check-consistency", check_live)
    app.connect("html-page-context", add_live)
    app.connect("config-inited", own_templates)
    app.connect("html-page-context", drop_unused)
    app.connect("html-page-context", defer_scripts, priority=900)
    app.connect("html-page-context", finish_body)
    app.connect("html-page-context", edit_source, priority=900)
    app.connect("html-page-context", switch_language, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
