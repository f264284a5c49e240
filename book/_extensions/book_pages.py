"""What the pages need and Jupyter Book does not do by itself. Sphinx loads this file: see `local_extensions` in _config.yml."""

import re

from docutils import nodes

BOX = re.compile(r"(Exercise|Correction|Pitfall|Note)\b")


def mark_boxes(app, doctree, docname):
    """Give a quotation that begins with a bold "Exercise 2 (code).", "Correction.", "Pitfall." or "Note." a class to style.

    In the source it stays a plain Markdown quotation, which reads well on Colab and GitHub too; book.css makes it a box.
    """
    for quote in doctree.findall(nodes.block_quote):
        first = next((text for text in quote.findall(nodes.Text) if text.strip()), None)
        if (
            first
            and isinstance(first.parent, nodes.strong)
            and (kind := BOX.match(first))
        ):
            quote["classes"] += ["box", kind[1].lower()]


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


def setup(app):
    app.connect("doctree-resolved", mark_boxes)
    app.connect("html-page-context", drop_thebe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
