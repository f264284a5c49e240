"""Write the list of chapters where pages show it, from _toc.yml and each chapter's title and question.

    python scripts/contents.py

The list stands between `<!-- chapters -->` and `<!-- /chapters -->` in the pages named below. A page may have a third
column, which says in its own words what a chapter shows: these are kept. In Chinese a page of the book has the list
in its own words, and README.zh-CN.md has a copy.
"""

import re
from itertools import groupby

import yaml
from chapters import BOOK, Chapter, in_order

PAGES = (BOOK / "intro.md", BOOK.parent / "README.md")
CHINESE, COPY = BOOK / "zh-intro.md", BOOK.parent / "README.zh-CN.md"
PLACE = re.compile(r"(<!-- chapters -->\n)(.*?)(<!-- /chapters -->)", re.DOTALL)
SHOWN = re.compile(r"^\| \[.*\]\((\S+)\) \| [^|]+ \| ([^|]+?) \|$", re.MULTILINE)


def opening(chapter: Chapter) -> tuple[str, str]:
    """A chapter's title, and the question that it asks in bold."""
    text = re.sub(r"^# ?", "", chapter.path.read_text("utf-8"), flags=re.MULTILINE)
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    question = re.search(r"\*\*([^*]+[?？])\*\*", text)[1]
    return title, re.sub(r"\s+", " ", question)


def parts() -> dict[str, str]:
    """The caption of each part that _toc.yml lists, by its folder."""
    toc = yaml.safe_load((BOOK.parent / "_toc.yml").read_text("utf-8"))
    return {page["file"].split("/")[-2]: part["caption"] for part in toc["parts"] for page in part["chapters"]}


def table(folder, shown: dict[str, str]) -> str:
    """The chapters as a Markdown table for a page in that folder: where each is, what it asks, and what it shows."""
    lines, more = [], bool(shown)
    for part, own in groupby(in_order(), key=lambda chapter: chapter.part):
        lines += [
            "",
            f"| {parts()[part]} | its question |" + more * " what it shows |",
            "| --- | --- |" + more * " --- |",
        ]
        for chapter in own:
            title, question = opening(chapter)
            link = chapter.notebook.relative_to(folder).as_posix()
            lines.append(f"| [{title}]({link}) | {question} |" + more * f" {shown.get(link, '')} |")
    return "\n".join([*lines[1:], ""])


def renewed(text: str, folder) -> str:
    """A page's text with the list in its place."""
    return PLACE.sub(lambda found: f"{found[1]}\n{table(folder, dict(SHOWN.findall(found[2])))}\n{found[3]}", text)


def copied(text: str) -> str:
    """The text of README.zh-CN.md with the tables of the page in its place."""
    chapters = re.compile(r"^:::\{div\} chapters stacked\n(.*?)^:::$", re.DOTALL | re.MULTILINE)
    tables = chapters.findall(CHINESE.read_text("utf-8"))
    rows = "\n".join(tables).replace("](", f"]({BOOK.name}/")
    return PLACE.sub(lambda found: f"{found[1]}\n{rows}\n{found[3]}", text)


def write() -> None:
    for page in (*PAGES, COPY):
        old = page.read_text("utf-8")
        new = copied(old) if page == COPY else renewed(old, page.parent)
        if new != old:
            page.write_text(new, "utf-8")


if __name__ == "__main__":
    write()
