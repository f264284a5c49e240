"""The repository's address: one setting, the same everywhere, changed everywhere in one command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from address import SKIP, current, moved, text_files

ROOT = Path(__file__).resolve().parent.parent
NEW = "https://github.com/someone-else/another.name"


def strangers(text: str, address: str) -> list[str]:
    """Addresses that are almost this repository's: on GitHub, its owner or its name, but not both."""
    owner, name = address.split("/")[-2:]
    found = re.findall(r"github\.com(?:/github)?[/:]([\w-]+)/([\w.-]*\w)", text)
    found = [(o, n.removesuffix(".git")) for o, n in found]
    return [f"{o}/{n}" for o, n in found if (o == owner) != (n == name)]


def disagreements(root: Path) -> list[str]:
    """Every place that does not agree with the address in _config.yml."""
    address, found = current(root), []
    for path in text_files(root):
        if path.name != "test_address.py":
            found += [f"{path.name}: {stranger}" for stranger in strangers(path.read_text("utf-8"), address)]
    for path in text_files(root):
        if path.suffix == ".ipynb":
            cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
            if f"git+{address}" not in "".join(cells[0]["source"]):
                found.append(f"{path.name}: the first code cell does not install from {address}")
            twin = path.with_suffix(".py")
            if twin.is_file() and f"git+{address}" not in twin.read_text("utf-8"):
                found.append(f"{twin.name}: does not install from {address}")
    return found


def test_the_address_is_the_same_everywhere():
    assert disagreements(ROOT) == []


@pytest.fixture(params=["with git", "without git"])
def copy(request, tmp_path) -> Path:
    """The project's own text files in another folder, without this one, which names addresses that lead elsewhere."""
    root = tmp_path / "the book"
    for path in set(text_files(ROOT)) - {Path(__file__).resolve()}:
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    if request.param == "with git":
        subprocess.run(["git", "init", "-q", root], check=True)
    return root


def change(root: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, root / "scripts" / "address.py", *args], capture_output=True, text=True)


def contents(root: Path) -> dict[str, bytes]:
    paths = (p for p in root.rglob("*") if p.is_file() and not SKIP.intersection(p.relative_to(root).parts))
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in paths}


def test_one_command_changes_it_everywhere_and_back(copy):
    old, before = current(ROOT), contents(copy)
    done = change(copy, NEW)
    assert done.returncode == 0, done.stderr
    after = contents(copy)
    assert done.stdout.split() == sorted(name for name in before if before[name] != after[name]), "what it prints"
    assert "_config.yml" in done.stdout.split()
    assert current(copy) == NEW
    assert disagreements(copy) == []
    assert not [name for name, text in after.items() if old.encode() in text], "the old address remains"
    assert change(copy, old).returncode == 0
    assert contents(copy) == before, "and back again"


@pytest.mark.parametrize(
    "bad",
    [(), ("",), ("github.com/a/b",), ("http://github.com/a/b",), (NEW + "/",), (NEW + ".git",), ("https://github.com/a",),
     (NEW + "/tree/main",), ("https://github.com/a/b c",), (NEW, NEW)],
)  # fmt: skip
def test_a_bad_address_gives_one_sentence_and_changes_nothing(tmp_path, bad):
    for name in ("scripts/address.py", "_config.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    before = contents(tmp_path)
    done = change(tmp_path, *bad)
    assert done.returncode == 1
    assert done.stderr.startswith("The address must look like https://github.com/owner/name")
    assert len(done.stderr.splitlines()) == 1
    assert contents(tmp_path) == before


OLD = "https://github.com/a/b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"git+{OLD}\n", f"git+{NEW}\n"),
        (f'"git+{OLD}"', f'"git+{NEW}"'),
        (f"({OLD}).", f"({NEW})."),
        (f"It is at {OLD}.", f"It is at {NEW}."),
        (f"{OLD}.git {OLD}/issues {OLD}@v1 {OLD}#x", f"{NEW}.git {NEW}/issues {NEW}@v1 {NEW}#x"),
        ("git@github.com:a/b.git", "git@github.com:someone-else/another.name.git"),
        ("colab.research.google.com/github/a/b/blob/main/x.ipynb",
         "colab.research.google.com/github/someone-else/another.name/blob/main/x.ipynb"),
        ("https://a.github.io/b/", "https://someone-else.github.io/another.name/"),
        *[(same, same) for same in (f"{OLD}ook", f"{OLD}-data", f"{OLD}.py", "https://github.com/c/b", "aa/b", "-a/b")],
    ],
)  # fmt: skip
def test_each_form_of_the_address_moves_and_no_other(text, expected):
    assert moved(text, OLD, NEW) == expected


@pytest.mark.parametrize(
    ("text", "stranger"),
    [
        ("https://github.com/a/b.git, github.com/a/b/blob, colab.research.google.com/github/a/b/blob and c/d", None),
        ("https://github.com/A-b/c_d and git@github.com:e/f.git", None),
        ("pip install git+https://github.com/other/b", "other/b"),
        ("git@github.com:other/b.git", "other/b"),
        ("https://github.com/a/book.", "a/book"),
    ],
)
def test_an_address_that_is_almost_right_is_noticed(text, stranger):
    assert strangers(text, OLD) == ([stranger] if stranger else [])


def test_a_notebook_that_installs_from_elsewhere_is_noticed(tmp_path):
    (tmp_path / "_config.yml").write_text(f"repository:\n  url: {OLD}\n")
    for name, url in {"good": OLD, "bad": "https://github.com/c/d"}.items():
        cell = {"cell_type": "code", "source": [f"%pip install git+{url}"]}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": []}, cell]}))
    assert disagreements(tmp_path) == [f"bad.ipynb: the first code cell does not install from {OLD}"]
