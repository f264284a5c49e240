"""What the benchmarks have in common: their command line, their file of results, and the code of a chapter."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import mean

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
    about_run = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in packages} | {"python": platform.python_version()},
        "settings": settings,
    }
    for part in arguments.parts or parts:
        found = parts[part]()
        # read again: a part may have stored rows of its own, as `resumed` does
        keep(name, stored(name) | about_run | {part: found})
    return stored(name)


def stored(name: str) -> dict:
    """What src/scratch/results/<name>.json holds; {} if there is none."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def keep(name: str, results: dict) -> None:
    """Write a file of results, which is whole whenever this is stopped."""
    file = RESULTS / f"{name}.json"
    unfinished = file.with_suffix(".tmp")
    unfinished.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    unfinished.replace(file)


def resumed(name: str, part: str, jobs: list[dict], run: Callable[[dict], dict]) -> list[dict]:
    """The rows of these jobs: the file's, and new ones, which are in the file as soon as they are there.

    A row holds its job, and so is known by it. What a row keeps under a name that ends in "texts" is not printed.
    """
    results = stored(name)
    rows, found = results.setdefault(part, []), []
    for job in jobs:
        row = next((row for row in rows if job.items() <= row.items()), None)
        if row is None:
            row = run(job)
            rows.append(row)
            keep(name, results)
            print(part, {key: value for key, value in row.items() if not key.endswith("texts")}, flush=True)
        found.append(row)
    return found


def best_rate(rows: list[dict], score: Callable[[dict], float]) -> float:
    """The step size with the largest score, a mean over seeds."""
    return max({row["rate"] for row in rows}, key=lambda rate: mean(score(row) for row in rows if row["rate"] == rate))


def swept(rates: Iterable[float], rows: Callable[[list[float]], list[dict]], score: Callable[[dict], float]) -> list:
    """The rows of these step sizes, of more while the best of them lies at the border."""
    tried = sorted(rates)
    while True:
        found = rows(tried)
        rate = best_rate(found, score)
        if tried[0] < rate < tried[-1]:
            return found
        tried = sorted([*tried, rate / 2 if rate == tried[0] else rate * 2])


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
