"""Build the pages of the translations, each language as a Sphinx project of its own, into _build/html/<language>.

    python scripts/translations.py        after jupyter-book has built the English pages

A project of its own, because two pages of one project may not share labels, and a search should find one language.
Its settings are the English ones with what book/<language>/_config.yml says otherwise; its table of contents is the
English one without the pages that are not translated. (The first to translate is the bibliography, which chapters
cite.) A language that has no page yet is left out, and then nothing links to it: the extension book_pages puts a link
to the other language on a page only if that page is there.
"""

import copy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from chapters import BOOK, LANGUAGES


def merged(first, second):
    """The first mapping with what the second says otherwise, at any depth."""
    both = copy.deepcopy(first)
    for key, value in second.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def settings(root: Path, language: str) -> dict:
    """The English _config.yml in that language, with its paths made absolute: the project's folder is another one."""
    folder = root / "book" / language
    english, own = (yaml.safe_load((place / "_config.yml").read_text("utf-8")) for place in (root, folder))
    both = merged(english, {key: value for key, value in own.items() if key != "captions"})
    both["repository"]["path_to_book"] = f"book/{language}"
    both["bibtex_bibfiles"] = [str(root / path) for path in both["bibtex_bibfiles"]]
    both["html"]["favicon"] = str(root / both["html"]["favicon"])
    extended = both["sphinx"]
    extended["local_extensions"] = {name: str(root / path) for name, path in extended["local_extensions"].items()}
    extended["config"]["html_static_path"] = [str(root / path) for path in extended["config"]["html_static_path"]]
    logo = extended["config"]["html_theme_options"]["logo"]
    logo |= {key: str(root / path) for key, path in logo.items() if key.startswith("image")}
    return both


def contents(root: Path, language: str) -> dict | None:
    """The English _toc.yml without what is not translated, in that language's captions; None if nothing is."""
    folder = root / "book" / language
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    captions = yaml.safe_load((folder / "_config.yml").read_text("utf-8"))["captions"]

    def own(page):
        name = page.removeprefix("book/")
        return name if any((folder / f"{name}{end}").is_file() for end in (".ipynb", ".md")) else None

    parts = []
    for part in toc["parts"]:
        pages = [{"file": name} for page in part["chapters"] if (name := own(page["file"]))]
        if pages:
            parts.append({**part, "caption": captions[part["caption"]], "chapters": pages})
    root_page = own(toc["root"])
    if not parts:
        return None
    if root_page is None:  # no landing page yet: the first page is one
        root_page = parts[0]["chapters"].pop(0)["file"]
        parts = [part for part in parts if part["chapters"]]
    return {"format": "jb-book", "root": root_page} | ({"parts": parts} if parts else {})


def build(root: Path, language: str, html: Path) -> bool:
    """Build a language's pages into html/<language>, strictly; False if it has none yet."""
    toc = contents(root, language)
    if toc is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "_toc.yml").write_text(yaml.safe_dump(toc, allow_unicode=True), "utf-8")
        (place / "_config.yml").write_text(yaml.safe_dump(settings(root, language), allow_unicode=True), "utf-8")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", root / "book" / language, "-W", "-n"]
        command += ["--keep-going", "-q", "--path-output", place, "--config", place / "_config.yml"]
        ended = subprocess.run([*command, "--toc", place / "_toc.yml"], capture_output=True, text=True)
        if ended.returncode:
            raise RuntimeError(ended.stdout + ended.stderr)
        shutil.rmtree(html / language, ignore_errors=True)
        shutil.copytree(place / "_build" / "html", html / language)
    return True


def main(root: Path = BOOK.parent) -> None:
    for language in LANGUAGES[1:]:
        try:
            build(root, language, root / "_build" / "html")
        except RuntimeError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
