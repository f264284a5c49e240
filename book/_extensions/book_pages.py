"""What the pages need and Jupyter Book does not do by itself. Sphinx loads this file: see `local_extensions` in _config.yml."""

import re
from pathlib import Path

from docutils import nodes

BOXES = {
    "exercise": ("Exercise", "练习"),
    "correction": ("Correction", "辨误"),
    "pitfall": ("Pitfall", "易错"),
    "note": ("Note", "说明"),
}
BOX = re.compile(
    "|".join(rf"(?P<{kind}>{en}\b|{zh})" for kind, (en, zh) in BOXES.items())
)
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


def drop_thebe(app, pagename, templatename, context, doctree):
    """Leave out Thebe (live cells in the page), which the book does not use.

    Jupyter Book always loads it, and declares its `const THEBE_JS_URL` twice: an error in the console of every page.
    """
    for files in ("script_files", "css_files"):
        context[files] = [
            f
            for f in context[files]
            if "thebe" not in f"{f.filename} {f.attributes.get('body')}".lower()
        ]


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
    app.connect("html-page-context", drop_thebe)
    app.connect("html-page-context", switch_language, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
