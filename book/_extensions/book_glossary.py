"""Terms become links that carry their definition, and Chinese words and pages say that they are Chinese.

In the chapters a term stands emphasised before its name in the other language, *token* (词元) or *词元*（token）, as on
Colab. On the pages it links to the glossary; its definition is put below the page, unseen, and terms.js shows it.
"""

import re
from itertools import takewhile

from docutils import nodes
from sphinx import addnodes

NAMES = re.compile(r"[(（),，、;；]")
BEFORE = re.compile(r"(?:, [\w-]+)?\s?[(（]([^()（）]+)[)）]")
CHINESE = re.compile(
    r"[\u3400-\u9fff《〈“‘]*[\u3400-\u9fff](?:[\u3400-\u9fff\u3000-\u303f\uff01-\uff5e·—…“”‘’]*"
    r"[\u3400-\u9fff》〉”’。，；：？！])?"
)
UNTOUCHED = (
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
)


def glossary(app) -> dict:
    """The terms by each of their names, small: (page, id, what the definition consists of). Read once a build."""
    if not hasattr(app, "book_glossary"):
        app.book_glossary = found = {}
        for page in [doc for doc in app.env.found_docs if doc.endswith("glossary")]:
            for item in app.env.get_doctree(page).findall(nodes.definition_list_item):
                if not isinstance(item.parent.parent, addnodes.glossary):
                    continue
                parts = [part.children for part in item.findall(nodes.definition)]
                for term in item.findall(nodes.term):
                    for name in NAMES.split(term.astext()):
                        if name.strip():
                            entry = (page, term["ids"][0], parts[0])
                            found.setdefault(name.strip().casefold(), entry)
    return app.book_glossary


def meant(emphasis, terms):
    """The glossary's entry for an emphasised term that stands before its name in the other language."""
    siblings = iter(emphasis.parent.children)
    next(node for node in siblings if node is emphasis)  # equal texts are not the same
    text = "".join(takewhile(lambda node: isinstance(node, nodes.Text), siblings))
    if found := BEFORE.match(text):
        own = emphasis.astext().casefold()
        for name in (*NAMES.split(found[1].casefold()), own, own.removesuffix("s")):
            if name.strip() in terms:
                return terms[name.strip()]
    return None


def link_terms(app, doctree, docname):
    terms = glossary(app)
    for emphasis in list(doctree.findall(nodes.emphasis)):
        if isinstance(emphasis.parent, nodes.reference) or not (
            entry := meant(emphasis, terms)
        ):
            continue
        page, term, _ = entry
        if page != docname:
            uri = f"{app.builder.get_relative_uri(docname, page)}#{term}"
            link = nodes.reference("", "", internal=True, refuri=uri, classes=["term"])
            emphasis.replace_self(link)
            link += emphasis


def mark_page(app, doctree, docname):
    """A page that begins with `lang: zh-CN` is in that language as a whole, but for what its tables have in English."""
    if language := app.env.metadata[docname].get("lang"):
        own = f"language-{language}"  # docutils makes it lang="…"
        for section in doctree.findall(nodes.section):
            section["classes"] += [own] * (section.parent is doctree)
        for entry in doctree.findall(nodes.entry):
            if not CHINESE.search(entry.astext()):
                entry["classes"].append("language-en")


def is_marked(node) -> bool:
    """Whether a node, or one around it, says that it is Chinese."""
    while node is not None:
        if any(name.startswith("language-zh") for name in node.get("classes", ())):
            return True
        node = node.parent
    return False


def mark_chinese(app, doctree, docname):
    """Give Chinese on a page in another language its own: voices, fonts and line breaks follow it."""
    if (app.config.language or "en").startswith("zh"):
        return
    for text in list(doctree.findall(nodes.Text)):
        if not CHINESE.search(text) or isinstance(text.parent, UNTOUCHED):
            continue
        if is_marked(text.parent):
            continue
        parts, end = [], 0
        for found in CHINESE.finditer(text):
            parts += [nodes.Text(text[end : found.start()])] * (found.start() > end)
            parts.append(nodes.inline("", found[0], classes=["language-zh-Hans"]))
            end = found.end()
        parts += [nodes.Text(text[end:])] * (end < len(text))
        text.parent.replace(text, parts)


def mark_titles(app, env):
    """The same for titles and headings where other pages and the lists of contents name them."""
    for names in (env.titles, env.tocs):
        for docname, doctree in names.items():
            mark_chinese(app, doctree, docname)


def add_definitions(app, pagename, templatename, context, doctree):
    """Put what the page's terms mean below it, hidden, for terms.js to show; formulas are typeset with the others.

    (Hidden twice: scripts/epub.py takes what is visually hidden out.)
    """
    if doctree is None or app.builder.format != "html":
        return
    used = {
        link["refuri"].partition("#")[2]
        for link in doctree.findall(nodes.reference)
        if "term" in link["classes"]
    }
    entries = {term: parts for _, term, parts in glossary(app).values() if term in used}
    if entries:
        shown = ""
        for term, parts in sorted(entries.items()):
            box = nodes.container("", *[part.deepcopy() for part in parts])
            for xref in list(box.findall(addnodes.pending_xref)):
                xref.replace_self(xref.children)
            mark_chinese(app, box, pagename)
            shown += f'<div id="about-{term}">{app.builder.render_partial(box)["fragment"]}</div>\n'
        context["body"] += (
            f'\n<div class="definitions visually-hidden" hidden>\n{shown}</div>\n'
        )


def setup(app):
    app.connect("doctree-resolved", link_terms)
    app.connect("doctree-resolved", mark_page)
    app.connect("doctree-resolved", mark_chinese, priority=600)
    app.connect("env-updated", mark_titles)
    app.connect("html-page-context", add_definitions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
