"""Move the book to another repository: make address URL=https://github.com/owner/name

The address stands once as a setting, `repository: url:` in _config.yml. The other places (the first cell of every
notebook, README.md, pyproject.toml, CITATION.cff …) are read by tools that know nothing of _config.yml, so they repeat
it; this script changes it in all of them, and tests/test_address.py holds them to each other.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
SKIP = {".git", ".venv", "_build", ".cache", ".ruff_cache", ".hypothesis", "__pycache__", "_vendor"}
SHAPE = re.compile(r"https://[\w.-]+(:\d+)?/[\w.-]+/[\w.-]+(?<!\.git)")


def current(root: Path) -> str:
    """The address in _config.yml. Read with a pattern: this script needs nothing installed."""
    return re.search(r"^repository:\n(?:\s.*\n)*?\s+url:\s*(\S+)", (root / "_config.yml").read_text("utf-8"), re.M)[1]


def text_files(root: Path) -> list[Path]:
    """The project's own text files: what git knows or would add, or without git all that is not made by tools."""
    git = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, text=True).stdout.split("\0")
    paths = [root / name for name in listed if name] or sorted(root.rglob("*"))
    paths = [path for path in paths if path.is_file() and not SKIP.intersection(path.relative_to(root).parts)]
    return [path for path in paths if b"\0" not in path.read_bytes()[:8192]]


def moved(text: str, old: str, new: str) -> str:
    """The text with the new address in each form in which the old one occurs.

    As it is (also before `.git`, `/blob/main` or `@v1`), as owner/name (Colab's links), and as the host of the pages.
    """
    for form in (str, lambda url: urlsplit(url).path[1:], pages):
        text = re.sub(rf"(?<![\w.-]){re.escape(form(old))}(?![\w-]|\.(?!git\b)\w)", form(new), text)
    return text


def pages(url: str) -> str:
    """Where GitHub publishes the pages of a repository."""
    owner, name = urlsplit(url).path[1:].split("/")
    return f"{owner.lower()}.github.io/{name}"


def write(path: Path, text: str) -> None:
    """Replace a file in one step: whoever reads it sees the old text or the new one, and none is left half written."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)


def main(argv: list[str]) -> None:
    if len(argv) != 1 or not SHAPE.fullmatch(argv[0]):
        sys.exit(f"The address must look like https://github.com/owner/name, and this does not: {' '.join(argv)!r}.")
    old, new = current(ROOT), argv[0]
    for path in text_files(ROOT):
        before = path.read_bytes().decode("utf-8")
        after = moved(before, old, new)
        if after != before:
            write(path, after)
            print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main(sys.argv[1:])
