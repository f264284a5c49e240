"""Bind the built pages into an EPUB, _build/from-one-hot-to-encoder.epub: make epub

Each page is opened in Chromium and taken as it stands there, without what only a browser can use; its formulas as
MathML, which the pages carry for screen readers. What is left is XHTML, one file a page, with the pictures beside it.
"""

from __future__ import annotations

import mimetypes
import re
import sys
import zipfile
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from pdf import pages
from screenshots import HTML, ROOT, chromium, settle

OUT = ROOT / "_build" / "from-one-hot-to-encoder.epub"
TAKE = """() => {
    const article = document.querySelector("article");
    for (const formula of article.querySelectorAll("mjx-container")) {
        const math = formula.querySelector("mjx-assistive-mml > math");
        for (const part of [math, ...math.querySelectorAll("*")])
            for (const { name } of [...part.attributes]) if (/^data-|^class$/.test(name)) part.removeAttribute(name);
        formula.replaceWith(math);
    }
    const forBrowsers = "button, script, style, template, nav, form, link, .headerlink, .live, .visually-hidden";
    article.querySelectorAll(forBrowsers).forEach((part) => part.remove());
    article.querySelectorAll(".cell summary").forEach((summary) => (summary.textContent = "Solution"));
    article.querySelectorAll("details").forEach((fold) => fold.removeAttribute("open"));
    article.querySelectorAll("[role=group]").forEach((part) => part.removeAttribute("role"));
    article.querySelectorAll(".cell_output").forEach((part) => part.removeAttribute("aria-label"));
    article.querySelectorAll("a[href]").forEach((link) => {
        const address = link.getAttribute("href"), escaped = { "<": "%3C", ">": "%3E", " ": "%20" };
        link.setAttribute("href", address.replace(/[<> ]/g, (sign) => escaped[sign]));
    });
    article.querySelectorAll("*").forEach((part) => {
        if (part.closest("svg")) return;
        const presentation = ["tabindex", "hidden", "align", "width", "height", "loading", "aria-describedby"];
        for (const name of presentation) part.removeAttribute(name);
    });
    const pictures = [...article.querySelectorAll("img")].map((image) => image.src);
    const whole = new XMLSerializer().serializeToString(article);
    return { title: article.querySelector("h1").textContent.trim(), pictures, body: whole };
}"""
STYLE = """body { margin: 0 4%; line-height: 1.45; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.8em; }
pre { border-left: 2px solid #999; padding-left: 0.6em; }
img { max-width: 100%; height: auto; }
blockquote { margin: 1em 0; padding: 0 0.8em; border-left: 3px solid #888; }
table { border-collapse: collapse; font-size: 0.9em; } th, td { padding: 0.15em 0.5em; border-bottom: 1px solid #ccc; }
.cell_output pre { background: #f4f4f4; } figcaption { font-size: 0.9em; }
"""
PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" xml:lang="en" lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>
<body>
{body}
</body>
</html>
"""


def file_name(name: str) -> str:
    """The file of a page in the EPUB, flat: book/encoder/rnn becomes encoder-rnn.xhtml."""
    return name.removeprefix("book/").replace("/", "-") + ".xhtml"


def relinked(body: str, name: str, files: dict[str, str]) -> str:
    """The page's links to other pages lead to their files here; those to what is not in the EPUB lose their way."""
    here = (HTML / name).parent

    def target(found: re.Match) -> str:
        address = urlsplit(found[1].replace("&amp;", "&"))
        if address.scheme or not address.path:
            return found[0]
        path = (here / unquote(address.path)).resolve()
        other = (
            path.relative_to(HTML.resolve()).as_posix().removesuffix(".html")
            if path.is_relative_to(HTML.resolve())
            else ""
        )
        fragment = f"#{address.fragment}" if address.fragment else ""
        return f'href="{files[other]}{fragment}"' if other in files else ""

    return re.sub(r'(?<!<link )\bhref="([^"]*)"', target, body)


def without_lost_fragments(bodies: dict[str, str]) -> dict[str, str]:
    """Links to a place that its page does not have lead to the page."""
    ids = {file: set(re.findall(r'\bid="([^"]+)"', body)) for file, body in bodies.items()}

    def mend(own: str):
        def target(found: re.Match) -> str:
            file, fragment = found[1] or own, found[2]
            return found[0] if fragment in ids.get(file, ()) else f'href="{file}"'

        return target

    return {file: re.sub(r'href="([\w.-]*)#([^"]+)"', mend(file), body) for file, body in bodies.items()}


def package(entries: list[tuple[str, str, str]], bodies: dict[str, str], pictures: list[str]) -> str:
    """The list of everything in the EPUB, and the order in which it is read."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    items = ['<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>']
    items.append('<item id="style" href="style.css" media-type="text/css"/>')
    for number, (file, *_) in enumerate(entries):
        uses = " ".join(word for word, sign in (("mathml", "<math"), ("svg", "<svg")) if sign in bodies[file])
        properties = f' properties="{uses}"' if uses else ""
        items.append(f'<item id="page-{number}" href="{file}" media-type="application/xhtml+xml"{properties}/>')
    for number, picture in enumerate(pictures):
        cover = ' properties="cover-image"' if picture.startswith("images/cover") else ""
        kind = mimetypes.guess_type(picture)[0]
        items.append(f'<item id="picture-{number}" href="{picture}" media-type="{kind}"{cover}/>')
    spine = "".join(f'<itemref idref="page-{number}"/>' for number in range(len(entries)))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">{escape(config["repository"]["url"])}/{version("from-one-hot-to-encoder")}</dc:identifier>
<dc:title>{escape(config["title"])}</dc:title><dc:language>en</dc:language><dc:creator>{escape(config["author"])}</dc:creator>
<dc:rights>Text CC BY 4.0, code MIT</dc:rights>
<meta property="dcterms:modified">{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</meta>
</metadata>
<manifest>{"".join(items)}</manifest>
<spine>{spine}</spine>
</package>
"""


def navigation(entries: list[tuple[str, str, str]]) -> str:
    """The table of contents: pages by part."""
    lines, part = [], ""
    for file, title, caption in entries:
        if caption != part:
            lines += ["</ol></li>"] if part else []
            lines.append(f"<li><span>{escape(caption)}</span><ol>")
            part = caption
        lines.append(f'<li><a href="{file}">{escape(title)}</a></li>')
    lines += ["</ol></li>"] if part else []
    return f'<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(lines)}</ol></nav>'


def make(out: Path = OUT) -> Path:
    """Take the pages and write the EPUB, in one step: an old one stays until the new one is whole."""
    entries, bodies, pictures = [], {}, {}
    files = {name: file_name(name) for name, _ in pages()}
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(0)
        page.route("**/*.{css,png,svg,webp,woff,woff2}*", lambda route: route.abort())  # words and formulas are enough
        for name, part in pages():
            settle(page, (HTML / f"{name}.html").as_uri())
            taken = page.evaluate(TAKE)
            body = relinked(taken["body"], name, files)
            for address in taken["pictures"]:
                path = Path(unquote(urlsplit(address).path))
                pictures[f"images/{path.name}"] = path
            body = re.sub(r'src="[^"]*?([^"/]+)"', r'src="images/\1"', body)
            bodies[files[name]] = body
            entries.append((files[name], taken["title"], part))
    bodies = without_lost_fragments(bodies)
    draft = out.with_suffix(".tmp")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        content = '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/>'
        head = (
            '<?xml version="1.0"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        )
        archive.writestr("META-INF/container.xml", f"{head}<rootfiles>{content}</rootfiles></container>\n")
        archive.writestr("OEBPS/content.opf", package(entries, bodies, sorted(pictures)))
        archive.writestr("OEBPS/nav.xhtml", PAGE.format(title="Contents", body=navigation(entries)))
        archive.writestr("OEBPS/style.css", STYLE)
        for file, title, _ in entries:
            archive.writestr(f"OEBPS/{file}", PAGE.format(title=escape(title), body=bodies[file]))
        for name, path in sorted(pictures.items()):
            archive.write(path, f"OEBPS/{name}", zipfile.ZIP_STORED)  # packed already
    draft.replace(out)
    return out


if __name__ == "__main__":
    if not HTML.is_dir():
        sys.exit("There are no pages yet: run `make book` first.")
    path = make()
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
