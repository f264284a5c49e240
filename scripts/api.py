"""Make the book's page on the helpers, book/api.md, from their docstrings: python scripts/api.py

Modules stand in the order of the chapters that build them, and name them: that is the first whose code imports it, or
the one that is named below. The sources are parsed, not imported, so the page can be made without PyTorch.
"""

import ast
import re
import textwrap
from pathlib import Path

from chapters import BOOK, in_order

PACKAGE = BOOK.parent / "src" / "scratch"
PAGE = BOOK / "api.md"
BUILT = {  # in another chapter than the first that imports it
    "full_softmax": "input-layer/word2vec",
    "hogwild": "input-layer/word2vec-at-scale",
    "ngram": "input-layer/contextual",
    "input_layer": "input-layer/the-input-layer",
    "recurrent": "encoder/rnn",
    "bptt": "encoder/lstm-gru",
    "attention": "encoder/attention",
    "encoder": "encoder/transformer-encoder",
}
INTRODUCTION = """# The helpers

Everything that `scratch` offers, module by module, in the order in which the book needs it, and at the end what no
chapter imports itself: what it takes and returns, with shapes, what it raises, where it comes from, and an example,
which is run by the tests. A mask is True where attention is allowed, everywhere. Bad input raises one error, which
names the argument, the value and what was expected. This page is made from the docstrings by `scripts/api.py`.
"""


def public(name: str) -> bool:
    return not name.startswith("_")


def signature(function: ast.FunctionDef, name: str, method: bool = False) -> str:
    """`name(a, b: int = 3) -> int`, on one line if it fits the page, else with one argument a line."""
    arguments = function.args
    own = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(zip(reversed(own), reversed(arguments.defaults), strict=False))
    defaults |= {a: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d}

    def written(argument):
        hint = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
        if argument not in defaults:
            return argument.arg + hint
        return f"{argument.arg}{hint}{' = ' if hint else '='}{ast.unparse(defaults[argument])}"

    parts = [written(argument) for argument in own[method and "staticmethod" not in decorators(function) :]]
    if arguments.vararg:
        parts.append("*" + written(arguments.vararg))
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += map(written, arguments.kwonlyargs)
    if arguments.kwarg:
        parts.append("**" + written(arguments.kwarg))
    end = f") -> {ast.unparse(function.returns)}" if function.returns and function.name != "__init__" else ")"
    line = f"{name}({', '.join(parts)}{end}"
    return line if len(line) <= 88 else f"{name}(\n    " + ",\n    ".join(parts) + f",\n{end}"


def decorators(node) -> set[str]:
    return {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in node.decorator_list}


def fields(cls: ast.ClassDef) -> list[str]:
    """A data class's fields, as arguments of its call."""
    if "dataclass" not in decorators(cls) and not any(ast.unparse(base) == "NamedTuple" for base in cls.bases):
        return []
    found = [node for node in cls.body if isinstance(node, ast.AnnAssign) and public(node.target.id)]
    return [ast.unparse(node) for node in found]


KEPT = re.compile(r"(`[^`]*`|https?://[^\s)]*[^\s).,;]|\beq-[a-z0-9-]*[a-z0-9]|(?<![\w*])\*\w[^*\n]*\w\*(?![\w*]))")


def kept(part: str) -> str:
    """Code and emphasis as they stand; an address, and the label of an equation, as links."""
    return f"<{part}>" if part.startswith("http") else f"{{eq}}`{part}`" if part.startswith("eq-") else part


def plain(part: str) -> str:
    """Text without a sign that Markdown would take for its own."""
    return re.sub(r"([*_<$|\[\]])", r"\\\1", part).replace("->", "→")


def prose(docstring: str) -> str:
    """A docstring as Markdown: examples as code, and no sign that Markdown would take for its own."""
    blocks = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(docstring).strip()):
        if block.lstrip().startswith(">>>"):
            blocks.append(f"```python\n{textwrap.dedent(block)}\n```")
        elif block.startswith("    "):
            blocks.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            halves = block.split("\n>>> ", 1)  # an example that follows its sentence without a blank line
            parts = re.split(KEPT, halves[0])
            blocks.append("".join(kept(part) if i % 2 else plain(part) for i, part in enumerate(parts)))
            blocks += [f"```python\n>>> {half}\n```" for half in halves[1:]]
    return "\n\n".join(blocks)


def described(node) -> str:
    """A docstring whose first line may have been dedented already."""
    return ast.get_docstring(node) or ""


def entry(title: str, call: str, text: str, level: int) -> str:
    return f"{'#' * level} {title}\n\n```python\n{call}\n```\n\n{prose(text)}\n"


def members(cls: ast.ClassDef) -> list[str]:
    """What a class's public methods and properties say, if they say something."""
    found = []
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and public(node.name) and (text := described(node)):
            if "property" in decorators(node) or "cached_property" in decorators(node):
                call = f"{cls.name}.{node.name}" + (f": {ast.unparse(node.returns)}" if node.returns else "")
            else:
                call = signature(node, f"{cls.name}.{node.name}", method=True)
            found.append(f"```python\n{call}\n```\n\n{prose(text)}\n")
    return found


def initialiser(cls: ast.ClassDef, tree: ast.Module) -> ast.FunctionDef | None:
    """A class's own `__init__`, or that of the first class of its module that it inherits one from."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return node
    bases = {ast.unparse(base) for base in cls.bases}
    parents = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in bases)
    return next(filter(None, (initialiser(parent, tree) for parent in parents)), None)


def entries(source: str) -> list[str]:
    """One entry for each public class and function of a module, in the order in which they stand."""
    found, tree = [], ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and public(node.name):
            found.append(entry(f"`{node.name}`", signature(node, node.name), described(node), 3))
        elif isinstance(node, ast.ClassDef) and public(node.name):
            make = initialiser(node, tree)
            own = fields(node)
            call = (
                signature(make, node.name, method=True)
                if make
                else f"{node.name}({', '.join(own)})"
                if own
                else node.name
            )
            text = "\n\n".join(filter(None, [described(node), described(make) if make else ""]))
            found += [entry(f"`{node.name}`", call, text, 3), *members(node)]
    return found


def modules() -> list[tuple[str, str]]:
    """The public modules, each with the chapter that builds it ("" where none does), in the chapters' order."""
    built, order = dict(BUILT), [str(chapter) for chapter in in_order()]
    for chapter in in_order():
        text = chapter.path.read_text("utf-8")
        for names in re.findall(
            r"^from scratch\.(\w+)|^import scratch\.(\w+)|^from scratch import (\w+)", text, re.MULTILINE
        ):
            built.setdefault("".join(names), str(chapter))
    names = [path.stem for path in sorted(PACKAGE.glob("*.py")) if public(path.stem)]
    found = [(name, built.get(name, "")) for name in names]
    return sorted(found, key=lambda pair: order.index(pair[1]) if pair[1] else len(order))


def page() -> str:
    parts = [INTRODUCTION]
    for name, chapter in modules():
        source = (PACKAGE / f"{name}.py").read_text("utf-8")
        if not (own := entries(source)):
            continue
        where = f"In the book: [](./{chapter}.ipynb).\n" if chapter else "No chapter imports it itself.\n"
        parts += [f"## `scratch.{name}`\n", prose(ast.get_docstring(ast.parse(source)) or "") + "\n", where, *own]
    return "\n".join(parts)


def write(path: Path = PAGE) -> None:
    if not path.exists() or path.read_text("utf-8") != page():
        path.write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
