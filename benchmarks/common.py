"""What the benchmarks have in common: their command line, their file of results, and the code of a chapter."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1] / "book"
RESULTS = Path(__file__).resolve().parents[1] / "src" / "scratch" / "results"


def run_parts(
    about: str,
    name: str,
    parts: dict[str, Callable[[], object]],
    packages: tuple[str, ...],
    settings: dict,
    job: Callable[[object], object] | None = None,
) -> dict | None:
    """Run the parts that the command line names, or all, and keep what each returns in src/scratch/results/<name>.json.

    The file also has the date, the machine, the versions of `packages`, and `settings`; it is written after each part.
    Returns all of it. A call by `apart` runs one `job` instead, and returns None.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(parts)} (default: all)")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(job(json.loads(arguments.job))))
        return None
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"part must be one of {', '.join(parts)}, got {', '.join(sorted(unknown))}")
    file = RESULTS / f"{name}.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    results |= {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in packages} | {"python": platform.python_version()},
        "settings": settings,
    }
    for part in arguments.parts or parts:
        results[part] = parts[part]()
        file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return results


def apart(script: str, job: object, threads: int = 1) -> object:
    """What the script's job returns in a process of its own, on so many threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": "0"}
    command = [sys.executable, script, "--job", json.dumps(job)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def from_chapter(chapter: str, wanted: tuple[str, ...], **given: object) -> dict:
    """The names that a chapter defines in those code cells that contain one of `wanted`, run in their order.

    `given` are names that these cells have from others.
    """
    import jupytext

    notebook = jupytext.read(BOOK / f"{chapter}.py", fmt="py:percent")
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if missing := [line for line in wanted if not any(line in cell for cell in cells)]:
        raise ValueError(f"wanted must stand in code cells of {chapter}, got {missing}")
    for cell in cells:
        if any(line in cell for line in wanted):
            exec(cell, given)
    return given
