"""A chapter's script and its notebook say the same, and the notebook stores nothing that is only true today or here."""

import copy

import nbformat
import pytest
from chapters import BOOK, chapters
from nbformat.v4 import new_output
from rules import metadata_means_something, twins, twins_agree
from run import read_source


def test_every_notebook_is_a_twin():
    notebooks = [path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    assert sorted(chapter.notebook for chapter in chapters()) == sorted(notebooks)
    assert notebooks


@pytest.mark.parametrize("chapter", chapters(language="en"), ids=str)
def test_chapter(chapter):
    notebook = nbformat.read(chapter.notebook, as_version=4)
    assert twins(chapter.path.read_text("utf-8"), read_source(chapter.path), notebook) == []


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
    found = twins(SCRIPT, source, notebook)
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found


def test_metadata_mutants(tmp_path):
    assert "unknown metadata ['slides']" in next(metadata_means_something(SCRIPT.replace("tags=[", "slides=[")))
    (tmp_path / "small.py").write_text(SCRIPT, "utf-8")
    source = read_source(tmp_path / "small.py")
    stored = copy.deepcopy(source)
    stored.metadata = {"kernelspec": {"name": "my-own-kernel"}}
    assert "the notebook's metadata" in next(twins_agree(source, stored))
