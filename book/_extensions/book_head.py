"""What stands around a page's text: its address, description and card, its date and version, and the page 404.

The pages' address follows from the repository's, which stands once in _config.yml, as scripts/address.py has it.
"""

import functools
import html
import re
import subprocess
import textwrap
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = ("zh",)  # the folders below book/ that are projects of their own

# Before the theme's scripts. It reads what a reader chose, and on a first visit finds nothing: pages without colours for
# a moment, and an error in the console. So we choose for it, as the reader's system does; without JavaScript pages are
# light. And what the theme tells the console at each step, nobody needs.
EARLY = (
    '<script>try{const s=localStorage;s.getItem("mode")||(s.setItem("mode","auto"),s.setItem("theme",'
    'matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light"))}catch(e){}'
    "{const tell=console.log;console.log=(...said)=>{/^\\[PST\\]/.test(said[0])||tell(...said)}}</script>\n"
)

WORDS = {
    "en": {
        "version": "Version",
        "licence": "text CC BY 4.0, code MIT",
        "cite": "how to cite",
        "lost": "There is no such page",
        "way": "It may have moved since the link to it was written. "
        '<a href="{root}">The first page</a> lists all chapters, and the search finds words in them.',
    },
    "zh": {
        "version": "版本",
        "licence": "文字CC BY 4.0，代码MIT",
        "cite": "如何引用",
        "lost": "没有这一页",
        "way": '它也许已经搬走。<a href="{root}">首页</a>列出全部章节，也可以用搜索。',
    },
}


def language(app) -> str:
    return "zh" if (app.config.language or "en").startswith("zh") else "en"


def published(url: str) -> str:
    """Where GitHub publishes the pages of a repository (as `pages` in scripts/address.py)."""
    owner, name = urlsplit(url).path.strip("/").split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def settle(app, config):
    """Set once what several extensions want to know: where the pages will be, and which version they are."""
    base = published(config.html_theme_options["repository_url"])
    if Path(app.srcdir).name in TRANSLATED:
        base += f"{Path(app.srcdir).name}/"
    config.html_baseurl = config.ogp_site_url = base
    config.notfound_urls_prefix = urlsplit(base).path
    config.ogp_site_name = config.html_title
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    config.version = config.release = project["version"]


@functools.cache
def dates(root: Path = ROOT) -> dict[str, str]:
    """The day of the last commit that changed each file below book/; empty where there is no git."""
    command = "git log --format=@%cs --name-only --relative -- book".split()
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    except OSError:
        return {}
    found, day = {}, ""
    for line in done.stdout.splitlines():
        if line.startswith("@"):
            day = line[1:]
        elif line:
            found.setdefault(line, day)
    return found


def description(doctree) -> str:
    """What a page is about, in at most 200 characters: from the question that a chapter asks in bold, or from the top."""
    paragraphs = [
        node for node in doctree.findall(nodes.paragraph) if node.astext().strip()
    ]
    for paragraph in paragraphs[:12]:
        for strong in paragraph.findall(nodes.strong):
            if re.search(r"[?？]$", strong.astext()):
                asked = paragraph.children[paragraph.children.index(strong) :]
                return short(
                    " ".join(re.sub(r"\s+", " ", node.astext()) for node in asked)
                )
    return short(paragraphs[0].astext()) if paragraphs else ""


def short(text: str) -> str:
    text = re.sub(r"\s+([,.;:])", r"\1", text)
    return textwrap.shorten(text, 200, placeholder=" …")


def describe(app, pagename, templatename, context, doctree):
    """Give the page what browsers, search engines and those who share it show; sphinxext.opengraph does the rest."""
    context["metatags"] = EARLY + context.get("metatags", "")
    context["metatags"] += (
        f'<meta name="author" content="{html.escape(app.config.author)}"/>\n'
    )
    if doctree is not None and (text := description(doctree)):
        text = html.escape(text)
        context["metatags"] += f'<meta name="description" content="{text}"/>\n'
        context["meta"] = {**(context.get("meta") or {}), "og:description": text}


def sign(app, pagename, templatename, context, doctree):
    """Say below the page which version it is, under which licences, how to cite it, and when it was last changed."""
    words = WORDS[language(app)]
    repository = app.config.html_theme_options["repository_url"]
    branch = app.config.html_theme_options["repository_branch"]
    parts = [f"{words['version']} {html.escape(app.config.version)}", words["licence"]]
    for licences in ("book/licences", "licences"):
        if licences in app.env.found_docs:
            parts[1] = f'<a href="{context["pathto"](licences)}">{words["licence"]}</a>'
    parts.append(
        f'<a href="{repository}/blob/{branch}/CITATION.cff">{words["cite"]}</a>'
    )
    context["theme_extra_footer"] = " · ".join(parts)
    if doctree is None:
        context["last_updated"] = None
        return
    source = (
        Path(app.env.doc2path(pagename))
        .resolve()
        .relative_to(ROOT.resolve())
        .as_posix()
        if Path(app.srcdir).resolve().is_relative_to(ROOT.resolve())
        else ""
    )
    context["last_updated"] = dates().get(source, context.get("last_updated"))


def lost(app, pagename, templatename, context, doctree):
    """A page 404 stands for pages at any depth: its links begin at the root of the book, wherever it is shown."""
    if pagename == app.config.notfound_pagename:
        words = WORDS[language(app)]
        prefix = app.config.notfound_urls_prefix
        root = prefix + app.builder.get_target_uri(app.config.root_doc)
        context["title"] = words["lost"]
        context["body"] = (
            f"<h1>{words['lost']}</h1>\n<p>{words['way'].format(root=root)}</p>"
        )
        context["metatags"] = (
            f'<base href="{prefix}"/>\n<meta name="robots" content="noindex"/>\n'
            + context["metatags"]
        )


def setup(app):
    app.connect("config-inited", settle, priority=100)
    app.connect("html-page-context", describe, priority=400)  # before opengraph
    app.connect("html-page-context", sign)
    app.connect("html-page-context", lost, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
