"""The cheat sheets and the page for teachers say what is so: names exist, parameters are counted, plans are current."""

import importlib
import re

import plan
import pytest
import torch
from chapters import BOOK, chapters, in_order

from scratch.attention import AdditiveAttention

SHEETS = sorted(BOOK.glob("cheat-sheet-*.md"))
SIZES = {"V": 11, "d": 6, "d_h": 10, "d_ff": 24, "H": 2, "d_a": 5, "d_q": 3, "d_k": 4}
NAME = re.compile(r"`((?:torch|scratch|scipy|gensim|tokenizers)(?:\.\w+)+)")
LAYER = re.compile(r"^\| `(torch\.nn\.\w+\([\w, ]+\))`.* \| `([^`]+)` \|$", re.MULTILINE)


def resolved(name):
    """The thing that a dotted name stands for; the module is as long as can be imported."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise AttributeError(name)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_every_name_exists(sheet):
    names = set(NAME.findall(sheet.read_text("utf-8")))
    assert len(names) > 5
    for name in names:
        resolved(name)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_parameters_are_counted(sheet):
    rows = LAYER.findall(sheet.read_text("utf-8"))
    assert len(rows) >= 3
    for made, formula in rows:
        layer = eval(made, {"torch": torch}, SIZES)
        assert eval(formula, {}, SIZES) == sum(p.numel() for p in layer.parameters()), made


def test_parameters_of_additive_attention():
    text = (BOOK / "cheat-sheet-encoder.md").read_text("utf-8")
    formula = re.search(r"^\| additive .* \| `([^`]+)` \|$", text, re.MULTILINE)[1]
    layer = AdditiveAttention(SIZES["d_q"], SIZES["d_k"], SIZES["d_a"])
    assert eval(formula, {}, SIZES) == sum(p.numel() for p in layer.parameters())


def test_a_name_that_does_not_exist_is_noticed():
    with pytest.raises(AttributeError):
        resolved("torch.nn.LongShortTermMemory")


@pytest.mark.parametrize("page", [plan.PAGE, plan.FRONT], ids=lambda page: page.name)
def test_the_plan_and_the_paths_are_current(page):
    text = page.read_text("utf-8")
    assert plan.renewed(text) == text, f"the plan in book/{page.name} is old: make notebooks writes the new one"


def test_paths_go_through_the_book_in_its_order():
    order = [chapter.name for chapter in in_order()]
    assert "<!-- paths -->" in plan.FRONT.read_text("utf-8")
    for _, names in plan.PATHS.values():
        assert [name for name in order if name in names] == list(names)


def test_every_chapter_has_its_place_in_the_graph():
    names = [chapter.name for chapter in chapters(language="en")]
    assert sorted(plan.NEEDS) == sorted(plan.PLACES) == sorted(names)
    for name, needs in plan.NEEDS.items():
        assert all(plan.PLACES[other][1] < plan.PLACES[name][1] for other in needs)
    drawn = re.findall(r'<a href="([^"]+)\.html">', plan.graph())
    assert sorted(drawn) == sorted(map(str, chapters(language="en")))
    assert plan.graph().count('class="head"') == sum(map(len, plan.NEEDS.values()))


def test_every_chapter_is_taught():
    text = plan.PAGE.read_text("utf-8")
    weeks = text[text.index("## Fifteen weeks") : text.index("## Four weeks")]
    assert {f"{c}.ipynb" for c in map(str, chapters(language="en"))} <= set(re.findall(r"\]\(([^)]+)\)", weeks))
