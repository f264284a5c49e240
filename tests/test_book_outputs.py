"""The comparison of outputs bites: a notebook that is stale in any one way fails, and one that is not passes."""

import copy
import importlib.util
import os
import re
import subprocess
import sys
from decimal import Decimal
from itertools import islice
from xml.etree import ElementTree

import nbformat
import pytest
from chapters import BOOK
from count import count
from kernel import settings
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from run import execute

spec = importlib.util.spec_from_file_location("book_outputs", BOOK / "conftest.py")
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)

HEADER = "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       format_name: percent\n# ---\n"
LOSS = 'print("loss", f"{0.5234:.4f}", "after", 3, "steps")'
DRAW = """
import matplotlib.pyplot as plt
import numpy as np

def draw(seed=0, label="training step", size=(6.4, 4.8)):
    figure, axes = plt.subplots(figsize=size)
    axes.plot(np.random.default_rng(seed).normal(size=30).cumsum())
    axes.set(xlabel=label, ylabel="loss (nats)")
"""


def swap(old, new):
    """A mutation: other text in the stored output."""

    def mutate(cell):
        assert old in cell.outputs[0].text
        cell.outputs[0].text = cell.outputs[0].text.replace(old, new)

    return mutate


def store(*outputs):
    """A mutation: other stored outputs."""
    return lambda cell: cell.update(outputs=[new_output(kind, **content) for kind, content in outputs])


def tag(*names):
    """A mutation: these tags, and nothing else of the cell changed."""
    return lambda cell: cell.metadata.update(tags=list(names))


def both(*mutations):
    return lambda cell: [mutate(cell) for mutate in mutations]


def source(code):
    """A mutation: other code above the stored output."""
    return lambda cell: cell.update(source=code)


HM_CODE = "import sys; print('hm', file=sys.stderr)"
HM = ("stream", {"name": "stderr", "text": "hm\n"})
ERROR = ("error", {"ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []})

# One cell each: its code, what is done to it once it was run, and what is then said of it ("" where all is well).
CELLS = {
    "untouched": (LOSS, both(), ""),
    "semicolon": ("[3, 6];", both(), ""),
    "float one unit away": (LOSS, swap("0.5234", "0.5235"), ""),
    "float inside its band": (LOSS, both(tag("atol=0.02"), swap("0.5234", "0.5434")), ""),
    "float inside its relative band": (LOSS, both(tag("rtol=0.1"), swap("0.5234", "0.5800")), ""),
    "float two units away": (LOSS, swap("0.5234", "0.5236"), "0.0002 apart, 0.0001 allowed"),
    "float outside its band": (LOSS, both(tag("atol=0.02"), swap("0.5234", "0.5435")), "0.0201 apart, 0.0200 allowed"),
    "integer in a cell with a band": (LOSS, both(tag("atol=5"), swap("3", "4")), "line 1: stored"),
    "text": (LOSS, swap("loss", "Loss"), "line 1: stored 'Loss"),
    "integer": (LOSS, swap("after 3", "after 4"), "after 4 steps', now"),
    "result": ("[3, 6]", lambda cell: cell.outputs[0].data.update({"text/plain": "[3, 7]"}), "stored '[3, 7]'"),
    "output removed": (LOSS, store(), "stored nothing, now ['stdout']"),
    "output added": ("steps = 3", store(("stream", {"name": "stdout", "text": "hello\n"})), "now nothing"),
    "semicolon removed": ("[3, 6];", source("[3, 6]"), "stored nothing, now ['text/plain']"),
    "never run": (LOSS, both(store(), lambda cell: cell.update(execution_count=None)), "stored as run number 0"),
    "silent, never run": ("steps = 3", lambda cell: cell.update(execution_count=None), "stored as run number 0"),
    "skip by tag": (LOSS, tag("nbval-skip"), "no cell of this book is exempt"),
    "ignore by tag": (LOSS, both(tag("nbval-ignore-output"), swap("loss", "Loss")), "stored 'Loss"),
    "ignore by comment": (LOSS, source("# NBVAL_IGNORE_OUTPUT\n" + LOSS), "no cell of this book is exempt"),
    "skip by comment": (LOSS, source("# NBVAL_SKIP\n" + LOSS), "no cell of this book is exempt"),
    "error allowed by tag": ("a = 3", both(tag("raises-exception"), source("1 / 0"), store(ERROR)), "an exception"),
    "error stored": ("steps = 3", store(ERROR), "stores an error"),
    "stderr stored": ("steps = 3", both(source(HM_CODE), store(HM)), "to stderr"),
    "stderr not stored": ("steps = 3", source(HM_CODE), "now ['stderr']"),
    "band misspelt": (LOSS, tag("atol:0.1"), "is not atol=…"),
    "band without a number": (LOSS, tag("rtol=loose"), "is not atol=…"),
    "band unknown": (LOSS, tag("tolerance=0.1"), "is not atol=…"),
    "band without floats": ("[3, 6]", tag("rtol=0.1"), "stores no float"),
    "band without a picture": (LOSS, tag("rms=3"), "stores no picture"),
}

# Pictures: the arguments with which the stored one and the new one are drawn, a tag, and what is said of them.
PICTURES = {
    "picture untouched": ("", "", [], ""),
    "picture inside its band": ("label='training time'", "", ["rms=9"], ""),
    "another seed": ("seed=1", "", [], "the pictures differ by"),
    "another axis label": ("label='training time'", "", [], "the pictures differ by"),
    "one other letter": ("label='training stop'", "", [], "the pictures differ by"),
    "picture outside its band": ("seed=1", "", ["rms=9"], "9 allowed"),
    "another size": ("size=(6, 4)", "", [], "pixels, the new one"),
    "picture removed": (None, "", [], "stored nothing"),
    "picture added": ("", None, [], "now nothing"),
}

# Whole notebooks of four cells: what is done to the list of cells, and what is said of them.
NOTEBOOKS = {
    "as-run": (lambda cells: None, ""),
    "outputs-cleared": (lambda cells: [cell.update(outputs=[]) for cell in cells], "stores no output at all"),
    "nothing-shown": (lambda cells: cells.__delitem__(slice(1, None)), "stores no output at all"),
    "not-run": (lambda cells: [c.update(execution_count=None, outputs=[]) for c in cells], "run number 0, expected 4"),
    "cells-swapped": (lambda cells: cells.insert(1, cells.pop(2)), "run number 3, expected 2"),
    "last-cell-run-again": (lambda cells: cells[-1].update(execution_count=5), "run number 5, expected 4"),
}

DRAWN = [arguments for old, new, _, _ in PICTURES.values() for arguments in (old, new)]
CODES = {
    "cells": [code for code, _, _ in CELLS.values()],
    "pictures": [DRAW, *("steps = 3" if arguments is None else f"draw({arguments})" for arguments in DRAWN)],
    "good": ["steps = 3", "print(steps)", "[steps, 2 * steps]", "steps += 1"],
    "counted": ["import matplotlib.pyplot as plt", "print(3)", LOSS, LOSS, "plt.plot([0, 1]);"],
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The cells of small notebooks by their names, run by one kernel and numbered as if each had had its own."""
    path = tmp_path_factory.mktemp("executed") / "source.py"
    codes = [code for notebook in CODES.values() for code in notebook]
    path.write_text(HEADER + "\n".join(f"\n# %%\n{code}" for code in codes), "utf-8")
    with settings():
        cells = iter(execute(path).cells)
    notebooks = {name: list(islice(cells, len(notebook))) for name, notebook in CODES.items()}
    for notebook in notebooks.values():
        for number, cell in enumerate(notebook, 1):
            cell.execution_count = number
    return notebooks


def write(folder, name, cells):
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


def nbval(folder, *options, more=""):
    """Run nbval with the book's rules, and more, on a folder of notebooks; of pytest's plugins, with no other."""
    (folder / "conftest.py").write_text((BOOK / "conftest.py").read_text("utf-8") + more, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "nbval.plugin", "--color=no"]
    command += ["--nbval-current-env", f"--rootdir={folder}", *options, "."]
    command += ["-o", f"pythonpath={BOOK.parent / 'scripts'}"]  # as in pyproject.toml
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def compare(folder, *options):
    """What nbval says of a folder of notebooks: {name: [what is said of each code cell]}."""
    ended = nbval(folder, "--junitxml=report.xml", *options)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    said = {}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        said.setdefault(case.get("classname").removesuffix(".ipynb"), []).append("".join(part.text for part in case))
    return said


@pytest.fixture(scope="module")
def said(executed, tmp_path_factory):
    """What is said of every mutant above: {name: …}, by one run of nbval."""
    folder = tmp_path_factory.mktemp("book")
    cells, (setup, *drawn), good = (copy.deepcopy(executed[name]) for name in ("cells", "pictures", "good"))
    for cell, (_, mutate, _) in zip(cells, CELLS.values(), strict=True):
        mutate(cell)
    write(folder, "cells", cells)

    for position, (old, new, (_, _, tags, _)) in enumerate(
        zip(drawn[::2], drawn[1::2], PICTURES.values(), strict=True)
    ):
        new.update(outputs=old.outputs, execution_count=position + 2)
        new.metadata.update(tags=tags)
    write(folder, "pictures", [setup, *drawn[1::2]])

    for name, (mutate, _) in NOTEBOOKS.items():
        mutate(cells := copy.deepcopy(good))
        write(folder, name, cells)

    results = compare(folder, "--nbval")
    by_cell = zip(CELLS, results.pop("cells"), strict=True)
    by_picture = zip(PICTURES, results.pop("pictures")[1:], strict=True)
    return dict(by_cell) | dict(by_picture) | {name: "".join(texts) for name, texts in results.items()}


EXPECTED = {name: case[-1] for name, case in (CELLS | PICTURES | NOTEBOOKS).items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_mutant(said, name):
    assert EXPECTED[name] in said[name]
    assert bool(EXPECTED[name]) == bool(said[name]), said[name]


def test_lax_is_not_lax(executed, tmp_path):
    cell = copy.deepcopy(executed["cells"][0])
    swap("loss", "Loss")(cell)
    write(tmp_path, "stale", [cell])
    assert "stored 'Loss" in compare(tmp_path, "--nbval-lax")["stale"][0]


def test_a_cell_that_runs_out_of_time_says_so(tmp_path):
    """In the first line, which pytest's summary repeats: not the KeyboardInterrupt by which nbval ends it."""
    write(tmp_path, "slow", [new_code_cell("import time; time.sleep(3600)", execution_count=1, id="cell-000")])
    (said,) = compare(tmp_path, "--nbval", "--nbval-cell-timeout=1")["slow"]
    assert said.startswith("timeout: the cell ran longer than 1 s")


# Every cell fails at once, for want of a kernel.
KERNELLESS = "\nfrom nbval.plugin import IPyNbFile\nIPyNbFile.setup = lambda file: None\n"


def test_the_longest_files_are_run_first(tmp_path):
    """By what a chapter says of itself and by a guess for tests, also when xdist deals out the files."""
    lengths = {"a": "about 5 seconds", "b": "about 2 minutes", "c": "about\n40 seconds", "d": "a moment"}
    for name, length in lengths.items():
        cells = [new_markdown_cell(f"It runs in {length}."), new_code_cell("pass", execution_count=1)]
        write(tmp_path, name, cells)
    (tmp_path / "test_e.py").write_text("import pytest\n@pytest.mark.colab\ndef test_a(): pass\n", "utf-8")
    ended = nbval(tmp_path, "--nbval", "-v", "-p", "xdist", "-n1", "--dist=loadfile", more=KERNELLESS)
    assert re.findall(r"\] (?:PASSED|FAILED) (\w+)", ended.stdout) == ["b", "c", "test_e", "a", "d"], ended.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.52", "0.53"),
        ("a  1", "a 1"),  # runs of spaces
        ("( 9.99)", "(10.00)"),
        ("[ 0.00, 1.00]", "[-0.00, 1.00]"),  # a sign takes a space's place
        ("3.20e-05", "3.21e-05"),
        ("9.99e-05", "1.00e-04"),
        ("2e-05", "3e-05"),
        ("0.52.", "0.53."),  # the end of a sentence
        ("1.5x", "1.6x"),
        ("<td>0.52</td>", "<td>0.51</td>"),
        ("−0.52", "−0.53"),
    ],
)
def test_texts_that_are_equal(old, new):
    assert not list(rules.text_differences(old, new, {"atol": Decimal(0), "rtol": Decimal(0)}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.52", "0.54"),
        ("0.5", "0.52"),  # the finer of two precisions decides
        ("12", "13"),
        ("1.", "2."),  # numpy's and torch's way to print a whole number
        ("torch 2.13.0", "torch 2.14.0"),  # a version is no float
        ("a1.5", "b1.5"),
        ("0.5 1", "0.5 2"),
        ("nan", "0.50"),
        ("0.52", "−0.52"),
        ("x\n0.52", "x"),
        ("x", "x\n"),
        ("3e-05", "5e-05"),
        ("2", "2.00"),
    ],
)
def test_texts_that_differ(old, new):
    assert len(list(rules.text_differences(old, new, {"atol": Decimal(0), "rtol": Decimal(0)}))) == 1


def test_what_is_counted(executed, tmp_path):
    """scripts/count.py counts a cell once, by the widest way in which it is compared."""
    cells = copy.deepcopy(executed["counted"])
    tag("atol=0.02")(cells[3])
    write(tmp_path, "small", cells)
    assert count(tmp_path / "small.ipynb") == {"nothing": 1, "text": 1, "float": 1, "band": 1, "picture": 1}
