"""The block of `make reproduce`: what ran, where, and which outputs moved or differ."""

import base64
import io
import os
import re
import sys
from pathlib import Path

import kernel
import nbformat
import numpy as np
import pytest
import reproduce
from matplotlib.image import imsave
from nbformat.v4 import new_code_cell, new_notebook, new_output
from test_book_languages import DOT


def notebook(*outputs):
    cells = [new_code_cell("x", outputs=list(each), metadata={}) for each in outputs]
    return new_notebook(cells=cells)


def said(text):
    return [new_output("stream", name="stdout", text=text)]


class Chapter:
    """A chapter of two cells that is executed by a function of the test."""

    def __init__(self, folder, stored):
        self.path, self.notebook = folder / "clock.py", folder / "clock.ipynb"
        nbformat.write(stored, self.notebook)

    def __str__(self):
        return "input-layer/clock"


@pytest.fixture
def tried(tmp_path, monkeypatch):
    def run(stored, fresh):
        monkeypatch.setattr(reproduce, "execute", lambda path: fresh)
        return reproduce.reproduce(Chapter(tmp_path, stored), reproduce.rules())

    return run


@pytest.mark.parametrize("before", ["/a/folder/of/mine", None])
def test_settings_are_the_kernels_alone(monkeypatch, before):
    """Reading the rules, and whatever a kernel needs, leaves the process as it was."""
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    if before:
        monkeypatch.setenv("IPYTHONDIR", before)
    reproduce.rules()
    with kernel.settings():
        assert "retina" in Path(os.environ["IPYTHONDIR"], "profile_default", "ipython_kernel_config.py").read_text()
    assert os.environ.get("IPYTHONDIR") == before


PICTURE = [new_output("display_data", data={"image/png": DOT, "text/plain": "<Figure>"})]


def test_the_same(tried):
    found = tried(notebook(said("0.52"), PICTURE), notebook(said("0.52"), PICTURE))
    assert (found.outputs, found.moved, found.differing) == (2, [], [])


def test_moved_within_its_precision(tried):
    found = tried(notebook(said("about 0.52, 3 of 4")), notebook(said("about 0.53, 3 of 4")))
    assert (found.moved, found.differing) == (["code cell 0: 0.52 became 0.53"], [])


def test_a_picture_moved_by_a_shade(tried):
    def picture(shade):
        file, pixels = io.BytesIO(), np.zeros((20, 20, 3), np.uint8)
        pixels[range(20), range(20), 0] = shade
        imsave(file, pixels, format="png")
        return [new_output("display_data", data={"image/png": base64.b64encode(file.getvalue()).decode()})]

    found = tried(notebook(picture(200)), notebook(picture(201)))
    assert found.differing == []
    assert found.moved == ["code cell 0: the pictures differ by 0.11 of 255 (root mean square)"]


def test_beyond_it(tried):
    found = tried(notebook(PICTURE, said("0.52")), notebook(PICTURE, said("0.55")))
    assert found.moved == []
    assert found.differing == ["code cell 1: stdout, line 1: stored 0.52, now 0.55: 0.03 apart, 0.01 allowed"]


def test_a_table_counts_once(tried):
    def table(number):
        return [new_output("execute_result", data={"text/plain": f"a {number}", "text/html": f"<td>{number}</td>"})]

    assert tried(notebook(table("0.52")), notebook(table("0.51"))).moved == ["code cell 0: 0.52 became 0.51"]


def test_a_cell_that_fails(tmp_path, monkeypatch):
    def execute(path):
        raise RuntimeError("cell 3:\nx = 1 / 0")

    monkeypatch.setattr(reproduce, "execute", execute)
    found = reproduce.reproduce(Chapter(tmp_path, notebook(said("1"))), reproduce.rules())
    assert found.differing == ["failed: cell 3:\nx = 1 / 0"]


def test_the_block():
    found = reproduce.Found("a/b", 3, ["code cell 0: 0.52 became 0.53"], [])
    text = reproduce.block([found, reproduce.Found("a/c", 2, [], ["code cell 1: stored 1, now 2"])])
    assert re.match(r"## \S.*, \d{4}-\d\d-\d\d\n", text)
    assert f"- Python {sys.version.split()[0]}, torch " in text
    assert "- 2 chapters, 5 outputs compared: 1 differs, 1 moved within what is allowed" in text
    assert (
        "- differing:\n  - a/c, code cell 1: stored 1, now 2\n- moved:\n  - a/b, code cell 0: 0.52 became 0.53" in text
    )
    assert "none differ, none moved" in reproduce.block([reproduce.Found("a/b", 3)])


def test_a_name_that_no_chapter_has(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "clock"])
    with pytest.raises(SystemExit):
        reproduce.main()
    assert "no chapter is called clock" in capsys.readouterr().err
