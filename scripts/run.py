"""Execute the chapters: each twin `name.py` is run from top to bottom, and what it shows is kept in `name.ipynb`.

    python scripts/run.py                 every chapter whose cells are not those of its notebook
    python scripts/run.py one-hot         this chapter (or these), whether it changed or not
    python scripts/run.py --all           every chapter
    python scripts/run.py --list one-hot  executes nothing, and prints the paths of the notebooks

A notebook holds nothing that depends on when or where it was made, so a second run writes the same bytes. It is written
only if every cell ran without an error and without a word on stderr. A translation is not executed: it is woven with
the English notebook (scripts/weave.py) whenever one of the two has changed. A name is as scripts/chapters.py says.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before any kernel starts

import jupytext
import matplotlib.font_manager  # noqa: F401  builds the font cache now: a kernel that has to would say so on stderr
import nbformat
from chapters import BOOK, chapters, find
from jupyter_client import AsyncKernelManager
from kernel import settings
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from traitlets import Instance
from weave import is_woven, weave

KEPT = ("tags", "mystnb", "cellView")  # the cell metadata that means something
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"},
}
HOUR = 3600  # the clock decides nothing: a hang is for CI to end
CHAPTER_SECONDS = 60


class BookKernel(AsyncKernelManager):
    """This environment's Python, as for nbval, whatever kernels the user has registered."""

    kernel_spec_manager = Instance(NbvalKernelspecManager, args=())

    def format_kernel_cmd(self, *args, **kwargs):
        """Without IPython's history file, which two kernels at a time would lock, and say so on stderr."""
        return [*super().format_kernel_cmd(*args, **kwargs), "--HistoryManager.enabled=False"]


def read_source(path):
    """The notebook that a script describes: fixed metadata, ids from position, nothing executed yet."""
    source = jupytext.read(path, fmt="py:percent")
    for number, cell in enumerate(source.cells):
        cell.id = f"cell-{number:03}"
        cell.metadata = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
    source.metadata = METADATA
    return nbformat.from_dict({**source, "nbformat": 4, "nbformat_minor": 5})


def contents(notebook):
    """What a script and its notebook share."""
    return notebook.metadata, [(cell.cell_type, cell.id, cell.metadata, cell.source) for cell in notebook.cells]


def is_current(chapter):
    """Whether the chapter's notebook has the script's cells, all run; or is what weaving would write now."""
    if chapter != chapter.english:
        try:
            return is_woven(chapter, read_source(chapter.path))
        except (ValueError, OSError):
            return False
    if not chapter.notebook.exists():
        return False
    notebook = nbformat.read(chapter.notebook, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    return contents(notebook) == contents(read_source(chapter.path)) and counts == list(range(1, len(counts) + 1))


def failure(notebook):
    """The first cell that failed or wrote to stderr, with what it said; None if there is none."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"cell {number}:\n{cell.source}\n\n{output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                return f"cell {number} wrote to stderr, which a page must not show:\n{cell.source}\n\n{output.text}"


def run_cells(notebook, folder):
    """Run a notebook's cells in a folder, in place, by this environment's Python."""
    client = NotebookClient(
        notebook,
        kernel_manager_class=BookKernel,
        kernel_name=CURRENT_ENV_KERNEL_NAME,
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        startup_timeout=HOUR,
        iopub_timeout=HOUR,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log; what cells write there is kept


def execute(path):
    """The script's notebook with its outputs; RuntimeError if a cell failed."""
    notebook = read_source(path)
    try:
        run_cells(notebook, path.parent)
    except CellExecutionError:
        pass  # the cell stores it, and failure() finds it
    except (CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(str(error)) from error
    if message := failure(notebook):
        raise RuntimeError(message)
    notebook.metadata = nbformat.from_dict(METADATA)  # nbclient has added Python's version
    return notebook


def cores():
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(notebook, path):
    """Replace a notebook in one step: whoever reads it sees the old one or the new one."""
    draft = path.with_suffix(".ipynb.tmp")
    nbformat.write(notebook, draft)
    os.replace(draft, path)


def run(chapter):
    """Execute one chapter and write its notebook; return whether that went well."""
    start = time.perf_counter()
    try:
        write(execute(chapter.path), chapter.notebook)
    except RuntimeError as error:
        print(f"FAILED {chapter}, {error}", flush=True)
        return False
    seconds = time.perf_counter() - start
    warning = f"   WARNING: more than {CHAPTER_SECONDS} s, too long for a chapter" if seconds > CHAPTER_SECONDS else ""
    print(f"{seconds:6.1f} s  {chapter}{warning}", flush=True)
    return True


def weave_one(chapter):
    """Weave one translation and write its notebook; return whether that went well."""
    try:
        write(weave(read_source(chapter.path), nbformat.read(chapter.english.notebook, 4)), chapter.notebook)
    except (ValueError, OSError) as error:
        print(f"FAILED {chapter}, {error}", flush=True)
        return False
    print(f"   woven  {chapter}", flush=True)
    return True


def main(argv=None, book=BOOK):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args(argv)
    everything = chapters(book)
    try:
        named = find(arguments.names, everything) or everything
    except ValueError as error:
        parser.error(str(error))
    chosen = sorted({chapter.english for chapter in named}, key=lambda chapter: -chapter.seconds)  # the longest first
    if arguments.list:
        print(*(os.path.relpath(chapter.notebook) for chapter in chosen), sep="\n")
        return
    wanted = [chapter for chapter in chosen if arguments.all or arguments.names or not is_current(chapter)]
    with settings(), ThreadPoolExecutor(cores()) as pool:
        succeeded = list(pool.map(run, wanted))
    translations = [chapter for chapter in everything if chapter != chapter.english and chapter.english in chosen]
    woven = [weave_one(chapter) for chapter in translations if not is_current(chapter)]
    failed = [*succeeded, *woven].count(False)
    print(f"{sum(succeeded)} executed, {sum(woven)} woven, {len(chosen) - len(wanted)} unchanged, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
