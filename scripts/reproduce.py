"""Execute the chapters here, compare with what the pages show, and print a block that can be sent as an issue.

    python scripts/reproduce.py            all chapters (some ten minutes)
    python scripts/reproduce.py one-hot    this chapter (or these)

The block says which commit ran, on which processor and with which libraries; how many outputs were compared, by the
rules of book/conftest.py; which numbers and pictures moved within what is allowed, and by how much; and what differed
beyond it. Nothing is written: the notebooks stay as they are. Blocks are collected in book/reproduced.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import nbformat
from chapters import BOOK, Chapter, chapters, find
from kernel import settings
from run import cores, execute

LIBRARIES = ("torch", "numpy", "scipy", "gensim", "scikit-learn", "matplotlib", "tokenizers", "jieba", "sacrebleu")


def rules():
    """How outputs are compared: the tests' own rules."""
    spec = importlib.util.spec_from_file_location("rules_of_outputs", BOOK / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Found:
    """What came of one chapter."""

    chapter: str
    outputs: int = 0
    moved: list[str] = field(default_factory=list)  # within what is allowed
    differing: list[str] = field(default_factory=list)


def moves(stored, fresh, compare) -> Iterator[str]:
    """Floats and pictures that are not the same to the last place, though they may be near enough."""
    for (kind, old), (_, new) in zip(compare.parts(stored), compare.parts(fresh), strict=True):
        if kind == "image/png":
            for sentence in compare.picture_differences(old, new, {"rms": Decimal(0)}):
                yield sentence.removesuffix(", 0 allowed").replace("by 0.00", "by less than 0.01")
        elif kind != "text/html" or not any("text/plain" in output.get("data", {}) for output in stored):
            pairs = zip(compare.FLOAT.findall(old), compare.FLOAT.findall(new), strict=True)
            yield from (f"{x.strip()} became {y.strip()}" for x, y in pairs if Decimal(x) != Decimal(y))


def reproduce(chapter: Chapter, compare) -> Found:
    """Execute a chapter, and compare each code cell with what is stored."""
    found = Found(str(chapter))
    try:
        fresh = execute(chapter.path)
    except RuntimeError as error:
        found.differing.append(f"failed: {error}"[:300])
        return found
    stored = nbformat.read(chapter.notebook, as_version=4)
    pairs = zip(stored.cells, fresh.cells, strict=True)
    for number, (old, new) in enumerate((o, n) for o, n in pairs if o.cell_type == "code"):
        found.outputs += len(old.outputs)
        if wrong := list(compare.differences(old.outputs, new.outputs, compare.bands(old))):
            found.differing += [f"code cell {number}: {sentence}" for sentence in wrong]
        else:
            found.moved += [f"code cell {number}: {what}" for what in moves(old.outputs, new.outputs, compare)]
    return found


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is checked out, and whether it was changed."""
    git = ["git", "-C", str(BOOK.parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return "unknown (no git)"
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return head.stdout.strip() + (", changed" if changed else "")


def block(results: list[Found]) -> str:
    """What was found, as Markdown."""
    outputs = sum(found.outputs for found in results)
    moved = [f"  - {found.chapter}, {what}" for found in results for what in found.moved]
    differing = [f"  - {found.chapter}, {what}" for found in results for what in found.differing]
    libraries = ", ".join(f"{name} {version(name).split('+')[0]}" for name in LIBRARIES)
    lines = [
        f"## {processor()}, {date.today().isoformat()}",
        "",
        f"- commit {commit()}; {platform.system()}, {platform.machine()}, {cores()} cores",
        f"- Python {platform.python_version()}, {libraries}",
        f"- {len(results)} chapter{'s' * (len(results) != 1)}, {outputs} outputs compared: "
        f"{len(differing) or 'none'} differ"
        f"{'' if len(differing) != 1 else 's'}, {len(moved) or 'none'} moved within what is allowed",
    ]
    if differing:
        lines += ["- differing:", *differing]
    if moved:
        lines += ["- moved:", *moved]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="chapters, as scripts/chapters.py says; without any, all in English")
    try:
        chosen = find(parser.parse_args().names, chapters()) or chapters(language="en")
    except ValueError as error:
        parser.error(str(error))
    compare = rules()
    with settings(), ThreadPoolExecutor(cores()) as pool:
        longest = sorted({chapter.english for chapter in chosen}, key=lambda chapter: -chapter.seconds)
        results = list(pool.map(lambda chapter: reproduce(chapter, compare), longest))
    print(block(sorted(results, key=lambda found: found.chapter)))
    sys.exit(any(found.differing for found in results))


if __name__ == "__main__":
    main()
