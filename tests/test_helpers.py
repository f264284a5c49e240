"""Rules for all helpers: their examples run, and they import only what earlier chapters have brought."""

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import scratch

FOLDER = Path(scratch.__file__).parent
# a module may import those before it
ORDER = (
    *(
        "_arguments",
        "_eight_bits",
        "table",
        "_drawing",
        "diagrams",
        "training",
        "byte_pairs",
        "text",
        "corpora",
        "metrics",
        "evaluation",
        "one_hot",
    ),
    *(
        "windows",
        "huffman",
        "hogwild",
        "full_softmax",
        "negative_sampling",
        "hierarchical_softmax",
        "word2vec",
        "replay",
    ),
    *("cooccurrence", "glove", "ngram", "contextual", "position", "input_layer"),
    *("bptt", "recurrent", "attention", "encoder", "search", "decoder"),
    *("alignment", "copying", "translate"),
    *("bm25", "contrastive", "lora", "retrieval"),
    *("language_model", "distributed", "stream", "pretrain"),
    *("probe", "hooks", "explanation", "agreement"),
    *("report", "_probe", "_exercise", "_mistakes", "exercise", "check"),
)


def imported(source: str) -> set[str]:
    """The names that a module's source imports, `scratch.text` and the like."""
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in statements if isinstance(node, ast.ImportFrom)
    }


def complaints(name: str, source: str) -> list[str]:
    later = {f"scratch.{other}" for other in ORDER[ORDER.index(name) :]}
    return [f"{name} imports {other}" for other in sorted(imported(source) & (later | {"book"}))]


def test_every_module_has_its_place():
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert modules == set(ORDER), "each module of src/scratch has its place in ORDER, in tests/test_helpers.py"


@pytest.mark.parametrize("name", ORDER)
def test_examples_and_docstrings(name):
    module = importlib.import_module(f"scratch.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0, f"an example in a docstring of scratch.{name} is wrong: see the captured stdout"
    defined = [thing for thing in vars(module).values() if inspect.isfunction(thing) or inspect.isclass(thing)]
    own = [thing for thing in defined if thing.__module__ == module.__name__]
    public = [thing for thing in own if not thing.__name__.startswith("_")]
    assert [thing.__name__ for thing in public if not inspect.getdoc(thing)] == []


@pytest.mark.parametrize("name", ORDER)
def test_imports_go_one_way(name):
    assert complaints(name, (FOLDER / f"{name}.py").read_text("utf-8")) == []


def test_a_wrong_import_is_noticed():
    assert complaints("one_hot", "from scratch.word2vec import train") == ["one_hot imports scratch.word2vec"]
    assert complaints("text", "import scratch.text") == ["text imports scratch.text"]
