"""The first cell of a chapter: it installs the helpers where they are missing, and says what is in their way."""

import ast
import json
import subprocess
import sys

import bootstrap
import pytest
from chapters import BOOK, chapters

CELL = bootstrap.cell()
OURS = {"ours/scratch/__init__.py": "", "ours/scratch/corpora.py": ""}
INSTALL = f"pip install -q 'from-one-hot-to-encoder[chapters] @ git+{CELL.split('git+')[1].split(chr(34))[0]}'\n"
IPYTHON = """
class Shell:
    def run_line_magic(self, name, line):
        print(name, line)
get_ipython = Shell
"""

# The files beside the notebook, ours among them where it is installed; what the cell prints, or the error it raises.
PLACES = {
    "nothing": ({}, INSTALL, ""),
    "the helpers": (OURS, "", ""),
    "the helpers without what they need": (OURS | {"ours/scratch/corpora.py": "import no_such_module"}, INSTALL, ""),
    "another module": ({"scratch.py": ""}, "", "rename the other scratch: {folder}/scratch.py"),
    "another package": ({"scratch/__init__.py": ""}, "", "rename the other scratch: {folder}/scratch/__init__.py"),
    "a folder": ({"scratch/notes.txt": ""}, "", "rename the other scratch: a folder"),
    "the helpers and a module": (OURS | {"scratch.py": ""}, "", "rename the other scratch: {folder}/scratch.py"),
    "the helpers and a folder": (OURS | {"scratch/notes.txt": ""}, "", ""),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_the_cell_does(place, tmp_path):
    files, printed, error = PLACES[place]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    paths = f"import sys\nsys.path[:0] = [{str(tmp_path)!r}, {str(tmp_path / 'ours')!r}]\n"
    command = [sys.executable, "-I", "-S", "-c", paths + IPYTHON + CELL]  # without what is installed here
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.stdout == printed, ran.stderr
    assert ran.stderr.splitlines()[-1:] == ([f"ImportError: {error.format(folder=tmp_path)}"] if error else [])


def test_the_cell_is_short():
    lines = CELL.splitlines()
    assert len(lines) <= 8
    assert max(map(len, lines)) <= 88
    ast.parse(CELL)


def test_a_chapter_gets_the_cell_and_nothing_else_changes(tmp_path):
    """In its script and its notebook, which is written as nbformat writes it; a second time changes nothing."""
    book = tmp_path / "book"
    chapter = chapters(language="en")[0]
    for path in (chapter.path, chapter.notebook):
        own = book / path.relative_to(BOOK)
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(path.read_bytes())
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/a/b\n", "utf-8")
    bootstrap.write(book)
    (own,) = chapters(book)
    new = bootstrap.cell(book)
    assert "git+https://github.com/a/b" in new

    was, now = (path.read_text("utf-8").split("# %%") for path in (chapter.path, own.path))
    first = next(i for i, cell in enumerate(was) if cell.startswith("\n"))
    assert now[first] == f"\n{new}\n\n"
    assert now[:first] + now[first + 1 :] == was[:first] + was[first + 1 :]

    text = chapter.notebook.read_text("utf-8")
    was, now = json.loads(text), json.loads(own.notebook.read_text("utf-8"))
    first = next(i for i, cell in enumerate(was["cells"]) if cell["cell_type"] == "code")
    assert "".join(now["cells"][first]["source"]) == new
    assert bootstrap.in_notebook(own.notebook.read_text("utf-8"), "".join(was["cells"][first]["source"])) == text

    stamps = [path.stat().st_mtime_ns for path in (own.path, own.notebook)]
    bootstrap.write(book)
    assert [path.stat().st_mtime_ns for path in (own.path, own.notebook)] == stamps
