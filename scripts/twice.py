"""Run every cell of a chapter twice, one after the other, as a reader does who presses the key again.

    python scripts/twice.py one-hot        this chapter (or these)

What a cell shows must not depend on how often it has been run. Text is compared to the letter; of pictures, that there
are as many. Nothing is written.
"""

import argparse
import copy
import sys
from pathlib import Path

from chapters import chapters, find
from kernel import settings
from nbclient.exceptions import CellExecutionError
from run import read_source, run_cells


def doubled(notebook):
    """The notebook with each code cell twice."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            again = copy.deepcopy(cell)
            again.id += "-again"
            cells.append(again)
    notebook.cells = cells
    return notebook


def shown(cell) -> list[str]:
    """What a cell has shown: its text, and a word for each picture or error."""
    found = []
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"{output.ename}: {output.evalue}")
        elif output.output_type == "stream":
            found.append(output.text)
        else:
            found.append("a picture" if "image/png" in output.data else output.data.get("text/plain", ""))
    return found


def complaints(path: Path) -> list[str]:
    """The cells of a chapter that show something else when they are run again, or fail."""
    notebook = doubled(read_source(path))
    try:
        run_cells(notebook, path.parent)
    except CellExecutionError as error:
        return [f"a cell failed: {error.ename}: {error.evalue}\n{str(error)[-1000:]}"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pairs = zip(code[::2], code[1::2], strict=True)
    return [
        f"{cell.id}, run again, shows another thing:\n{cell.source}\n\n{shown(cell)}\n{shown(again)}"
        for cell, again in pairs
        if shown(cell) != shown(again)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="chapters, as scripts/chapters.py says; without any, all in English")
    names = parser.parse_args().names
    failed = False
    known = chapters(language="en")
    with settings():
        for chapter in find(names, known) if names else known:
            found = complaints(chapter.path)
            failed |= bool(found)
            print(f"{chapter}: {len(found)} cells differ", *found, sep="\n", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
