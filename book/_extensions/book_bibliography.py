"""A bibliography whose labels are what the text says, "Cho et al., 2014a", and which leads back to the text."""

import unicodedata
from collections import defaultdict
from itertools import count

import pybtex.plugin
from docutils import nodes
from pybtex.style.formatting.unsrt import Style as Unsrt
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting import BaseSortingStyle
from sphinxcontrib.bibtex.style.referencing.author_year import (
    AuthorYearReferenceStyle,
)

STYLE = AuthorYearReferenceStyle()  # as bibtex_reference_style in _config.yml
CITED = {"en": ("Cited in ", ", ", "."), "zh": ("见：", "、", "。")}


def who(entry) -> str:
    """The authors as the text names them."""
    template = STYLE.person.author_or_editor_or_title(full=False)
    return str(template.format_data({"entry": entry, "style": STYLE}))


class Labels(BaseLabelStyle):
    def format_labels(self, entries):
        for entry in entries:
            yield f"{who(entry)}, {entry.fields['year']}"


class ByLabel(BaseSortingStyle):
    """As a reader looks a label up: without accents and capitals, then by year."""

    def sorting_key(self, entry):
        letters = unicodedata.normalize("NFD", who(entry)).casefold()
        name = "".join(c for c in letters if c.isalnum() or c == " ")
        return name, entry.fields["year"], entry.fields["title"]


class AuthorYear(Unsrt):
    default_label_style = Labels
    default_sorting_style = ByLabel


def tell_apart(app):
    """Give the years of works that would be cited alike a letter, which then stands in the text as well."""
    alike = defaultdict(list)
    for entry in app.env.get_domain("cite").bibdata.data.entries.values():
        year = entry.fields["year"].rstrip("abcdefgh")
        alike[who(entry), year].append(entry)
    for (_, year), entries in alike.items():
        if len(entries) > 1:
            for number, entry in enumerate(
                sorted(entries, key=lambda entry: entry.fields["title"])
            ):
                entry.fields["year"] = f"{year}{'abcdefgh'[number]}"


def lead_back(app, doctree, docname):
    """After each work, the chapters that cite it, each a link to the place where it does so first."""
    domain = app.env.get_domain("cite")
    keys = {
        citation.citation_id: citation.key
        for citation in domain.citations
        if citation.bibliography_key.docname == docname
    }
    if not keys:
        return
    places = defaultdict(dict)
    order = dict(zip(app.env.toctree_includes and reading_order(app.env), count()))
    for ref in sorted(
        domain.citation_refs, key=lambda ref: (order.get(ref.docname, 999), ref.line)
    ):
        for target in ref.targets:
            places[target.key].setdefault(ref.docname, ref.citation_ref_id)
    before, between, after = CITED["zh" if app.config.language == "zh_CN" else "en"]
    for citation in doctree.findall(nodes.citation):
        if not (found := places.get(keys.get(citation["ids"][0]))):
            continue
        back = nodes.inline("", before, classes=["cited-in"])
        for number, (page, place) in enumerate(found.items()):
            title = app.env.titles[page].astext().split(":")[0].split("：")[0]
            uri = f"{app.builder.get_relative_uri(docname, page)}#{place}"
            back += [nodes.Text(between)] * bool(number)
            back += nodes.reference("", title, internal=True, refuri=uri)
        back += nodes.Text(after)
        citation[-1] += [nodes.Text(" "), back]


def reading_order(env) -> list[str]:
    found, relations = [], env.collect_relations()
    page = env.config.root_doc
    while page:
        found.append(page)
        page = relations[page][2]
    return found


def setup(app):
    pybtex.plugin.register_plugin("pybtex.style.formatting", "author-year", AuthorYear)
    app.connect("builder-inited", tell_apart, priority=900)  # after bibtex has read
    app.connect("doctree-resolved", lead_back)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
