"""Print the built pages into one PDF, _build/from-one-hot-to-encoder.pdf: make pdf

Chromium prints each page as a reader would (the print rules of book.css), its solutions gathered at its end. Then the
pages are joined: a title page and a table of contents in front, numbers on all pages, an outline for the viewer's
sidebar, and links from chapter to chapter that lead to pages of this file.
"""

from __future__ import annotations

import argparse
import io
import sys
from datetime import date
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject
from screenshots import HTML, ROOT, chromium, settle

OUT = ROOT / "_build" / "from-one-hot-to-encoder.pdf"
PAPER = {"format": "A4", "margin": {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"}}
STYLE = "font: 11pt/1.5 'Helvetica Neue', Arial, sans-serif; margin: 0"
GATHER = """() => {
    document.documentElement.dataset.theme = "light";
    const article = document.querySelector("article");
    const cells = [...article.querySelectorAll(".cell.tag_hide-cell")];
    const told = (part) => !part.closest(".cell") && /^Solution/.test(part.textContent.trim());
    const solutions = [...article.querySelectorAll("details, .cell.tag_hide-cell")]
        .filter((part) => cells.includes(part) || told(part));
    let exercise = "";
    for (const part of article.querySelectorAll("blockquote, .cell.tag_hide-cell")) {
        exercise = part.textContent.match(/^\\s*Exercise (\\d+)/)?.[1] ?? exercise;
        if (cells.includes(part)) part.querySelector("summary").textContent = `Solution ${exercise}, in code`;
    }
    if (solutions.length) {
        const heading = Object.assign(document.createElement("h2"), { textContent: "Solutions" });
        (article.querySelector("section") ?? article).append(heading, ...solutions);
    }
    document.querySelectorAll("details").forEach((fold) => (fold.open = true));
    document.querySelector("#jb-print-toc")?.parentElement.remove();
    const title = article.querySelector("h1").cloneNode(true);
    title.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return title.textContent.trim().replace(/\\s+/g, " ");
}"""


def pages() -> list[tuple[str, str]]:
    """The pages in reading order, each with the caption of its part ("" for the landing page)."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    parts = [(entry["file"], part["caption"]) for part in toc["parts"] for entry in part["chapters"]]
    return [(toc["root"], ""), *parts]


def print_page(browser, name: str) -> tuple[str, bytes]:
    """A built page's title, and the page as PDF."""
    page = browser.new_page(reduced_motion="reduce")
    page.set_default_timeout(0)
    settle(page, (HTML / f"{name}.html").as_uri())
    title = page.evaluate(GATHER)
    made = page.pdf(**PAPER, print_background=True, scale=0.8)
    page.close()
    return title, made


def print_html(browser, body: str, **paper) -> bytes:
    page = browser.new_page()
    page.set_content(f'<body style="{STYLE}">{body}</body>')
    made = page.pdf(**paper)
    page.close()
    return made


def numbers(browser, first: int, last: int) -> PdfReader:
    """A PDF that has nothing but page numbers, to be laid over the pages."""
    sheet = '<div style="height: 297mm; position: relative; break-after: page"><p style="{}">{}</p></div>'
    foot = "position: absolute; bottom: 8mm; width: 100%; text-align: center; font: 9pt sans-serif"
    body = "".join(sheet.format(foot, n) for n in range(first, last + 1))
    none = dict.fromkeys(("top", "bottom", "left", "right"), "0")
    return PdfReader(io.BytesIO(print_html(browser, body, format="A4", margin=none)))


def front(browser, entries: list[tuple[str, str, int]]) -> bytes:
    """A title page and the table of contents: titles by part, with their page numbers."""
    lines, part = [], None
    for title, caption, number in entries:
        if caption != part:
            lines.append(f'<h2 style="font-size: 13pt; margin: 1em 0 0.3em">{escape(caption)}</h2>' if caption else "")
            part = caption
        lines.append(
            f'<p style="display: flex; margin: 0.15em 0"><span>{escape(title)}</span>'
            f'<span style="flex: 1; border-bottom: 1px dotted; margin: 0 0.5em 0.3em"></span><span>{number}</span></p>'
        )
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    about = f"Version {version('from-one-hot-to-encoder')}, {date.today():%d %B %Y}. Text CC BY 4.0, code MIT."
    cover = (
        '<div style="height: 240mm; display: flex; flex-direction: column; justify-content: center; break-after: page">'
        f'<h1 style="font-size: 30pt; margin: 0">{escape(config["title"])}</h1>'
        f'<p style="font-size: 15pt">Large language models from scratch: the input layer and the encoder</p>'
        f"<p>{escape(config['author'])}</p><p>{about}</p><p>{escape(config['repository']['url'])}</p></div>"
    )
    return print_html(browser, cover + "<h1>Contents</h1>" + "".join(lines), **PAPER)


def targets(writer: PdfWriter, starts: dict[str, int]) -> None:
    """Links to other pages of the book, which Chromium writes as addresses of files, lead to pages of this PDF."""
    for page in writer.pages:
        for reference in page.get("/Annots", ArrayObject()):
            link = reference.get_object()
            address = str(link.get("/A", {}).get("/URI", ""))
            if not address.startswith("file:"):
                continue
            try:
                name = Path(unquote(urlsplit(address).path)).relative_to(HTML).as_posix().removesuffix(".html")
            except ValueError:
                name = ""
            del link["/A"]
            if name in starts:
                link[NameObject("/Dest")] = ArrayObject(
                    [writer.pages[starts[name]].indirect_reference, NameObject("/Fit")]
                )


def make(names: list[str] | None = None, out: Path = OUT) -> Path:
    """Print the pages (or those named) and join them."""
    chosen = [(name, part) for name, part in pages() if not names or name in names or Path(name).name in names]
    with chromium() as browser:
        printed = [(name, part, *print_page(browser, name)) for name, part in chosen]
        readers = [PdfReader(io.BytesIO(made)) for *_, made in printed]
        lead = len(PdfReader(io.BytesIO(front(browser, [(t, p, 1) for _, p, t, _ in printed]))).pages)
        starts, at = {}, lead
        for (name, *_), reader in zip(printed, readers, strict=True):
            starts[name], at = at, at + len(reader.pages)
        entries = [(title, part, starts[name] + 1) for name, part, title, _ in printed]
        writer = PdfWriter()
        writer.append(io.BytesIO(front(browser, entries)), import_outline=False)
        for reader in readers:
            writer.append(reader, import_outline=False)
        for page, number in zip(writer.pages[lead:], numbers(browser, lead + 1, at).pages, strict=True):
            page.merge_page(number)
            page.compress_content_streams()  # which merging has unpacked
    parents: dict[str, object] = {}
    for title, part, number in entries:
        if part and part not in parents:
            parents[part] = writer.add_outline_item(title=part, page_number=number - 1)
        writer.add_outline_item(title=title, page_number=number - 1, parent=parents.get(part))
    targets(writer, starts)
    writer.add_metadata({"/Title": "From One-Hot to Encoder", "/Author": "the From One-Hot to Encoder authors"})
    writer.compress_identical_objects(remove_unreferenced=True)
    draft = out.with_suffix(".tmp")
    writer.write(draft)
    draft.replace(out)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="*", help="as in _toc.yml, or its last part; all pages if none is named")
    if not HTML.is_dir():
        sys.exit("There are no pages yet: run `make book` first.")
    path = make(parser.parse_args().page)
    print(f"{path}: {len(PdfReader(path).pages)} pages, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
