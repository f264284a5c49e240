"""First lines of docstrings and the prose after them: what scripts/data.py ships for summarisation.

The wheels are read as archives and their modules as text, by `ast`; nothing is installed or imported. What follows the
first line is kept as far as it is prose: up to the first section (Parameters, Returns …), list, formula or code.
"""

from __future__ import annotations

import ast
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from scipy import sparse

from scratch.corpora import split_sentences
from scratch.text import tokenize

# package: version, file, SHA-256; one that another has copied from stands before it
PACKAGES = {
    "numpy": (
        "2.4.6",
        "numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93",
    ),
    "scipy": (
        "1.17.1",
        "scipy-1.17.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "43af8d1f3bea642559019edfe64e9b11192a8978efbd1539d7bc2aaa23d92de4",
    ),
    "pandas": (
        "3.1.1",
        "pandas-3.1.1-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
        "4f1602f614bb83f443381dbcbb94c4ac764b2e50c8d6c965614c5cd83e328c47",
    ),
    "xarray": (
        "2026.9.0",
        "xarray-2026.9.0-py3-none-any.whl",
        "fe349fa871628b1a0a5217af3fe1283a2862d5485156e6eda354fffb81c3bb7c",
    ),
    "dask": (
        "2026.8.0",
        "dask-2026.8.0-py3-none-any.whl",
        "ccc0c83a189b0398602435189771d28dad7b5773b6089bb8dce14ae732dd782c",
    ),
    "scikit-learn": (
        "1.9.1",
        "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    ),
    "scikit-image": (
        "0.26.0",
        "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
        "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    ),
    "astropy": (
        "8.0.2",
        "astropy-8.0.2-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "000d6998bcf4f097257b3776f29f1dafde0967bf1b091edbad95df564eee4eea",
    ),
    "sympy": (
        "1.14.0",
        "sympy-1.14.0-py3-none-any.whl",
        "e091cc3e99d2141a0ba2847328f5479b05d94a6635cb96148ccb3f34671bd8f5",
    ),
    "matplotlib": (
        "3.11.2",
        "matplotlib-3.11.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "07d9b9fa60cd4c393692f50d0bb03123242ddf61c99bb0e95e75feb354e7c1a8",
    ),
    "bokeh": (
        "3.9.2",
        "bokeh-3.9.2-py3-none-any.whl",
        "448e07d5ee78231f5bdece3be020024bb98696c0d6b127e0e2df0b8ba8fa9765",
    ),
    "jax": (
        "0.10.2",
        "jax-0.10.2-py3-none-any.whl",
        "724d73c4678d8b06f6a6ab4db1b8a2fea8cd4f1e2c2564f99601634ec7b8d1c6",
    ),
    "keras": (
        "3.15.1",
        "keras-3.15.1-py3-none-any.whl",
        "836460e480930acbd19bb7a17e62f9ecad40e8a9af9a651fc8d0586a96d27e20",
    ),
    "geopandas": (
        "1.2.0",
        "geopandas-1.2.0-py3-none-any.whl",
        "948fd57df4f713697d5cce149333c0e4714965320c9f5ffa411666c577962eba",
    ),
    "cirq-core": (
        "1.7.0",
        "cirq_core-1.7.0-py3-none-any.whl",
        "9d2e9610b06e2b2b2195184f44c0df4e94f31485831f8e1c6a96c858b7897bce",
    ),
    "qiskit": (
        "2.6.2",
        "qiskit-2.6.2-cp310-abi3-manylinux_2_28_x86_64.whl",
        "e8578003e39facf72289fafae1542e38646e5cae7c93665f004046efa5797669",
    ),
    "nltk": (
        "3.10.4",
        "nltk-3.10.4-py3-none-any.whl",
        "769ba5413f265b7d3e87cd163cc28efa01e29eeef8bb6080bc907949d9fcfb51",
    ),
    "pytest": (
        "9.2.0",
        "pytest-9.2.0-py3-none-any.whl",
        "07acdcf88ec174f907dc01af70bf52d49b014bbab03faeeade31c96b18c2e588",
    ),
    "biopython": (
        "1.88",
        "biopython-1.88-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "99e1f7022ab8eee2ae9e9a05b66ad183b9fe4eeb4e561a65ed0fd85eef5f8267",
    ),
    "tornado": (
        "6.6.1",
        "tornado-6.6.1-cp311-abi3-manylinux1_x86_64.manylinux_2_28_x86_64.manylinux_2_5_x86_64.whl",
        "1b6ff57cc69b339f8feb9e7b567b0e0eacb16bfaf234159496623ef7a67ba640",
    ),
    "ipython": (
        "9.18.1",
        "ipython-9.18.1-py3-none-any.whl",
        "997ce9140d374531a61069c70c0f9ef299d6dd3559ea0f94b8af589726e3c1d5",
    ),
    "mypy": (
        "2.4.1",
        "mypy-2.4.1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "b69a15fc2e75858d6b15e91ed3a0dcff1a533265183b64734138791fe0f49aa5",
    ),
    "networkx": (
        "3.6.1",
        "networkx-3.6.1-py3-none-any.whl",
        "d47fbf302e7d9cbbb9e2555a0d267983d2aa476bac30e90dfbe5669bd57f3762",
    ),
    "sqlalchemy": (
        "2.1.9",
        "sqlalchemy-2.1.9-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "3a24b459e52b3ac138f6a05e99a4bd0589443a1ae18041a59c1cfdee12134a2b",
    ),
    "django": (
        "5.2.19",
        "django-5.2.19-py3-none-any.whl",
        "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
    ),
}
# Whole packages are held out, and families stay together: what draws on numpy, and the two on quantum circuits, train.
SPLITS = {"validation": ("biopython", "ipython", "tornado"), "test": ("django", "mypy", "networkx", "sqlalchemy")}

# Not by the package's authors, or no documentation: tests, and what was copied from other projects.
OTHERS = re.compile(
    r"(^|/)(tests?|testing|_?conftest|externals?|extern|_?vendor(ed)?|_vendored|third_party|array_api_compat"
    r"|array_api_extra|cobyqa|pyprima|_uarray|highspy)(/|\.py$)|/test_[^/]*\.py$"
)
# `inline` code, with or without a role before it and a target after it; then bold and italics
ROLE = re.compile(r":[\w:+.-]+:`([^`]+)`|`([^`]+)`_{0,2}")
EMPHASIS = re.compile(r"(?<![\w*])(\*\*?)(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL)
# A line that begins so is no prose: indented, a directive or field, code, an item, a table, "Returns:", a ruler.
NO_PROSE = re.compile(
    r"\s|\.\. |:|>>>|[*+-] |\(?\w{1,2}[.)] |\||[A-Z][\w /]*:\s*$|[-=~^*]{3,}|@"  # the last is of javadoc
)
UNWANTED = re.compile(r"[\\$|{}<>^`]|\*\*|https?:|::|www\.")  # formulas, markup that is left, addresses


def docstrings(wheels: dict[str, Path]) -> list[str]:
    """Split, module, name, body and summary of every docstring that is kept, tab-separated.

    Each wheel's are in the order of its files; of two near-duplicates the first is kept (`near_duplicates`).
    """
    rows = [(split_of(package), *row) for package, wheel in wheels.items() for row in pairs(wheel)]
    dropped: set[int] = set()
    for first, second in near_duplicates([row[3] for row in rows]):  # in the order of the second
        if first not in dropped:
            dropped.add(second)
    return ["\t".join(row) for number, row in enumerate(rows) if number not in dropped]


def split_of(package: str) -> str:
    """The split that a package's docstrings lie in."""
    return next((split for split, packages in SPLITS.items() if package in packages), "train")


def near_duplicates(bodies: Sequence[str], share: float = 0.5) -> list[tuple[int, int]]:
    """Pairs of bodies, i < j, that have at least this share of their runs of three words in common.

    The share is of the different runs of the body that has fewer of them, so that a text within another counts.

    >>> near_duplicates(["one two three four five", "so: one two three four", "one two or three four five"])
    [(0, 1)]
    """
    runs: dict[tuple[str, ...], int] = {}
    columns = []
    for body in bodies:
        tokens = tokenize(body)
        found = {tuple(tokens[i : i + 3]) for i in range(max(1, len(tokens) - 2))}
        columns.append([runs.setdefault(run, len(runs)) for run in found])
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.concatenate([np.array(column, dtype=np.int64) for column in columns])
    table = sparse.csr_array((np.ones(len(flat), np.int32), flat, ends), shape=(len(bodies), len(runs)))
    pairs = []
    for start in range(0, len(bodies), 1000):  # of all bodies at once, the products would fill the memory
        shared = (table[start : start + 1000] @ table.T).tocoo()
        i, j = shared.coords[1], shared.coords[0] + start
        sizes = np.diff(ends)
        near = (i < j) & (shared.data >= share * np.minimum(sizes[i], sizes[j]))
        pairs += zip(i[near].tolist(), j[near].tolist(), strict=True)
    return sorted(pairs, key=lambda pair: pair[::-1])


def leaks(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of lines, as `docstrings` gives them, in different splits and with bodies that are near-duplicates.

    >>> body = "one two three four five"
    >>> [pair[1][:8] for pair in leaks([f"{split}\\tm\\tf\\t{body}\\tS." for split in ("train", "train", "test")])]
    ['test\\tm\\tf', 'test\\tm\\tf']
    """
    rows = [line.split("\t") for line in lines]
    found = near_duplicates([row[3] for row in rows])
    return [(lines[i], lines[j]) for i, j in found if rows[i][0] != rows[j][0]]


def pairs(wheel: Path) -> Iterator[tuple[str, str, str, str]]:
    """Module, name, body and summary of a wheel's docstrings that a summary can be guessed from.

    The summary is one sentence of 3 to 30 words with its full stop, and does not stand in the body, which has 20 to
    300 words.
    """
    with zipfile.ZipFile(wheel) as archive:
        for file in modules(archive):
            module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            with warnings.catch_warnings(action="ignore"):  # of backslashes in strings
                tree = ast.parse(archive.read(file))
            for name, text in documented(tree):
                summary, body = parts(text)
                fits = 3 <= len(summary.split()) <= 30 and 20 <= len(body.split()) <= 300
                if fits and summary.rstrip(".").lower() not in body.lower():
                    yield module, name, body, summary


def modules(archive: zipfile.ZipFile) -> list[str]:
    """The Python files of a wheel that are its authors' own and no tests."""
    return sorted(name for name in archive.namelist() if name.endswith(".py") and not OTHERS.search(name))


def documented(node: ast.AST, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Name and docstring of every function, method and class in a tree, as in Class.method."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if text := ast.get_docstring(child):
                yield ".".join((*path, child.name)), text
            yield from documented(child, (*path, child.name))
        else:
            yield from documented(child, path)


def parts(docstring: str) -> tuple[str, str]:
    """The first line and the prose that follows it, without markup; either is empty if it is not what is wanted.

    >>> parts("Add two numbers.\\n\\nThe *sum* of `a` and ``b``.\\n\\nParameters\\n----------\\na : int\\n\\nMore.")
    ('Add two numbers.', 'The sum of a and b.')
    """
    first, *others = re.split(r"\n\s*\n", docstring.strip())
    summary, body = plain(first), []
    if not (is_prose(first) and summary.endswith(".") and summary[0].isupper() and len(split_sentences(summary)) == 1):
        summary = ""
    for paragraph in others:
        if not is_prose(paragraph):
            break
        body.append(plain(paragraph))
    return summary, " ".join(body)


def is_prose(paragraph: str) -> bool:
    """Whether a paragraph is sentences to the end, and nothing else: 85 of 100 characters are letters or spaces."""
    text = plain(paragraph)
    letters = sum(character.isalpha() or character == " " for character in text)
    return (
        not any(map(NO_PROSE.match, paragraph.split("\n")))
        and not UNWANTED.search(text)
        and ":math:" not in paragraph
        and re.search(r"[.!?][\"')]*$", text) is not None
        and letters >= 0.85 * len(text)
    )


def plain(text: str) -> str:
    """A text in reStructuredText without its markup, on one line, quotation marks straight.

    >>> plain("See :func:`~a.b.c`, `the guide <x.html>`_ and\\n**not** ``d`` [1]_.")
    'See c, the guide and not d.'
    """
    text = ROLE.sub(_inline, re.sub(r"``(.*?)``", r"\1", text, flags=re.DOTALL))
    text = EMPHASIS.sub(r"\2", re.sub(r"\s*\[[\w.#* -]+\]_", "", text))
    return " ".join(text.translate(str.maketrans("‘’“”", "''\"\"")).split())


def _inline(match: re.Match[str]) -> str:
    """What is printed of `inline code`: the text before a target, the last part of a name with a tilde."""
    text = re.sub(r"\s*<[^<>]*>$", "", match[1] or match[2])
    return text.rsplit(".", 1)[-1] if text.startswith("~") else text.lstrip("!.")


# --- Licences -------------------------------------------------------------------------------------------------------


def licences(wheels: dict[str, Path], kept: Sequence[str]) -> str:
    """The licences of the packages, and of the parts of them that lines of `kept` are from; a text that repeats, once.

    What a licence says from "This binary distribution" on is of compiled libraries in the wheel, and is left out.
    """
    folders = {"/".join(line.split("\t")[1].split(".")[:depth]) for line in kept for depth in range(1, 9)}
    found = [
        "The licences of the packages whose docstrings are in docstrings.tsv.xz. Some are of code in a package that"
    ]
    found[0] += "\nnothing was taken from.\n"
    texts: dict[str, str] = {}
    for package, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                path = PurePosixPath(re.sub(r"^[^/]*\.dist-info/(licenses/)?", "", name))
                if name.endswith("/") or not licence(name, str(path.parent), folders):
                    continue
                text = re.split(r"-*\s*This binary distri", archive.read(name).decode())[0].strip()
                text = "\n".join(line.rstrip() for line in text.splitlines())
                place = f"{package} {PACKAGES[package][0]}: {path}"
                found.append(f"{'=' * 100}\n{place}\n{'=' * 100}\n")
                found.append(f"As {texts[text]}, above.\n" if text in texts else f"{text}\n")
                texts.setdefault(text, place)
    return "\n".join(found)


def licence(name: str, folder: str, folders: set[str]) -> bool:
    """Whether a file of a wheel is a licence of it all, or of a folder from which something was taken."""
    whole = ".dist-info/" in name and folder in (".", "licenses", "LICENSES")
    titled = re.search(r"LICEN[CS]E|COPYING|NOTICE", PurePosixPath(name).name, re.IGNORECASE)
    return (whole and folder != ".") or (titled is not None and (whole or folder in folders))
