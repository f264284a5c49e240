"""A chapter's script and its notebook say the same, and the notebook stores nothing that is only true today or here."""

import copy
import json
import re
from itertools import zip_longest

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_output
from run import BOOK, KEPT, METADATA, chapters, contents, read_source

PASSING = {
    "a path": r"(?<![\w:/.<])/(?:home|root|tmp|work|Users|usr|opt|var|mnt|content|private)/|\b[A-Z]:\\|site-packages",
    "an address in memory": r"\b0x[0-9a-f]{6,}",
    "a date": r"\b\d{4}-\d\d-\d\d\b",
    "a time of day": r"\b\d{1,2}:\d\d:\d\d\b",
    "a duration": r"(?<![\w.,])(?!\d{4} ?s\b)\d+(?:\.\d+)? ?(?:s|ms|µs|ns|sec|seconds?|minutes?)\b",  # but not "1990s"
    "a speed or a progress bar": r"\d ?(?:it|words|tokens)/s\b|s/it\b|\d%\|",
    "a version": r"(?i)\b(?:python|torch|numpy|scipy|gensim|matplotlib|sklearn|scikit-learn)\W{1,3}v?\d+\.\d"
    r"|(?<![\w.])\d+\.\d+\.\d+(?![\w.]*/)",
}


def twins_agree(source, notebook):
    """The script's cells are the notebook's: kind, id, text and metadata, in the same order."""
    (metadata, wanted), (stored_metadata, stored) = contents(source), contents(notebook)
    if stored_metadata != metadata:
        yield f"the notebook's metadata is not {json.dumps(METADATA)}"
    if len(wanted) != len(stored):
        yield f"the script has {len(wanted)} cells, the notebook {len(stored)}"
    for number, (ours, theirs) in enumerate(zip(wanted, stored, strict=False)):
        for name, a, b in zip(("kind", "id", "metadata", "text"), ours, theirs, strict=True):
            if a != b:
                if name == "text":  # of which only the first lines that differ
                    lines = zip_longest(a.split("\n"), b.split("\n"), fillvalue="")
                    a, b = next(pair for pair in lines if pair[0] != pair[1])
                yield f"cell {number}: its {name} is {a!r} in the script and {b!r} in the notebook (make notebooks?)"


def metadata_means_something(script):
    """Every cell's metadata in the script is of the kinds that the notebook keeps."""
    for number, cell in enumerate(jupytext.reads(script, fmt="py:percent").cells):
        if unknown := set(cell.metadata) - {*KEPT, "lines_to_next_cell"}:
            yield f"cell {number}: unknown metadata {sorted(unknown)}, expected one of {KEPT}"


def run_in_order(notebook):
    """All code cells were run, once, from top to bottom."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells were run in the order {counts}"


def nothing_failed(notebook):
    """No cell stores an error, or what it wrote to stderr."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"cell {number}: stores {output.get('name', 'error')}"


def texts(cell):
    """What a cell stores as text."""
    for output in cell.get("outputs", []):
        data = {"": output.get("text", "")} | output.get("data", {})
        yield from (str(content) for kind, content in data.items() if kind != "image/png")


def nothing_passing(notebook):
    """No output holds what changes from day to day or from one machine to the next."""
    for number, cell in enumerate(notebook.cells):
        for name, pattern in PASSING.items():
            for match in re.finditer(pattern, "\n".join(texts(cell))):
                yield f"cell {number}: its output holds {name}: {match[0]!r}"
        if cell.metadata.keys() - set(KEPT):
            yield f"cell {number}: stores the metadata {sorted(cell.metadata)}"


def complaints(script, source, notebook):
    yield from twins_agree(source, notebook)
    yield from metadata_means_something(script)
    for rule in (run_in_order, nothing_failed, nothing_passing):
        yield from rule(notebook)


def test_every_notebook_is_a_twin():
    assert [path.with_suffix(".ipynb") for path in chapters()] == sorted(BOOK.glob("*/*.ipynb"))
    assert chapters()


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter(path):
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert list(complaints(path.read_text("utf-8"), read_source(path), notebook)) == []


SCRIPT = """# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # A chapter

# %%
steps = 3

# %% tags=["atol=0.02"]
print("after", steps, "steps of 0.5 in the 1990s, 12,345 s of 1/2 and/or 10:30")

# %%
import sys
"""


def show(text):
    return lambda cells: cells[2].outputs[0].update(text=text)


MUTANTS = {
    "untouched": (lambda cells: None, ""),
    "other code": (lambda cells: cells[1].update(source="steps = 4"), "cell 1: its text"),
    "other prose": (lambda cells: cells[0].update(source="# The chapter"), "cell 0: its text"),
    "other tag": (lambda cells: cells[2].metadata.update(tags=["atol=0.2"]), "cell 2: its metadata"),
    "tag lost": (lambda cells: cells[2].metadata.clear(), "cell 2: its metadata"),
    "other id": (lambda cells: cells[2].update(id="elsewhere"), "cell 2: its id"),
    "cell added": (lambda cells: cells.append(copy.deepcopy(cells[0])), "the notebook 5"),
    "cell lost": (lambda cells: cells.pop(), "the notebook 3"),
    "cells swapped": (lambda cells: cells.insert(1, cells.pop(2)), "cell 1: its text"),
    "never run": (lambda cells: cells[3].update(execution_count=None), "in the order [1, 2, None]"),
    "run twice": (lambda cells: cells[1].update(execution_count=4), "in the order [4, 2, 3]"),
    "stderr": (
        lambda cells: cells[3].outputs.append(new_output("stream", name="stderr", text="oh")),
        "cell 3: stores stderr",
    ),
    "error": (
        lambda cells: cells[3].outputs.append(new_output("error", ename="E", evalue="", traceback=[])),
        "cell 3: stores error",
    ),
    "timing stored": (lambda cells: cells[1].metadata.update(execution={"started": 1}), "cell 1: stores the metadata"),
    "path": (show("saved in /home/ada/x.txt"), "a path: '/home/'"),
    "Windows path": (show(r"saved in C:\book\x.txt"), "a path"),
    "module's path": (show("<module 'torch' from 'site-packages'>"), "a path"),
    "address": (show("<Legend at 0x7fe235ef7950>"), "an address in memory"),
    "date": (show("on 2026-08-14"), "a date"),
    "time": (show("at 12:30:01"), "a time of day"),
    "seconds": (show("took 12.5 s"), "a duration"),
    "milliseconds": (show("3ms"), "a duration"),
    "speed": (show("81.2it/s"), "a speed"),
    "progress bar": (show("100%|██| 9/9"), "a speed or a progress bar"),
    "version": (show("torch 2.13"), "a version"),
    "version alone": (show("with 2.13.0"), "a version"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(name, tmp_path):
    """Each rule bites: one thing is wrong with a good notebook, and just that is said."""
    (tmp_path / "small.py").write_text(SCRIPT, "utf-8")
    source = read_source(tmp_path / "small.py")
    notebook = copy.deepcopy(source)
    for count, cell in enumerate(notebook.cells[1:], 1):
        cell.execution_count = count
    notebook.cells[2].outputs = [new_output("stream", text="after 3 steps of 0.5 in the 1990s, 12,345, and/or 10:30")]
    mutate, expected = MUTANTS[name]
    mutate(notebook.cells)
    found = list(complaints(SCRIPT, source, notebook))
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found


def test_metadata_mutants(tmp_path):
    assert "unknown metadata ['slides']" in next(metadata_means_something(SCRIPT.replace("tags=[", "slides=[")))
    (tmp_path / "small.py").write_text(SCRIPT, "utf-8")
    source = read_source(tmp_path / "small.py")
    stored = copy.deepcopy(source)
    stored.metadata = {"kernelspec": {"name": "my-own-kernel"}}
    assert "the notebook's metadata" in next(twins_agree(source, stored))
