"""Every exhibit of the museum of bugs is caught, and its mend passes: tested is the code that the page shows."""

import re
from types import SimpleNamespace

import pytest
import torch
from run import BOOK, read_source

from scratch import check as checkers

THREAD = re.compile(r"\]\(\s*https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+\s*\)")
SEEDS = (0, 1, 2, 7)
WINGS = {"encoder/wrong-on-purpose": (1, 19), "uses/wrong-in-use": (20, 27)}  # the first and the last exhibit of each
# Not the encoder's own mistakes, or such as break no law: each needs an oracle that is not ours.
BY_ORACLE = {
    "targets not shifted": "parrot_and_prophet",
    "minus a billion": "torch_with_empty_row",
    "scores without a scale": "torch_attention",
    "residual is normalised": "torch_layer",
    "backwards from the end": "torch_last_states",
    "windows before subsampling": "gensim_moves",
    "CBOW's gradient": "autograd",
    "BLEU by sentence": "sacrebleu_of_corpus",
}


@pytest.fixture(scope="module", params=WINGS)
def tour(request):
    """A chapter's cells up to the glance at the whole wing, executed in a namespace of their own."""
    cells = read_source(BOOK / f"{request.param}.py").cells
    end = next(i for i, cell in enumerate(cells) if "at a glance" in cell.source)
    names, texts, default = {"__name__": "museum", "museum": {}}, {}, torch.get_default_dtype()
    text = ""
    try:
        for cell in cells[:end]:
            if cell.cell_type == "markdown":
                text += cell.source + "\n"
            elif "get_ipython" not in cell.source:  # not the bootstrap cell
                exec(compile(cell.source, request.param, "exec"), names)
                for name in set(names["museum"]) - set(texts):
                    texts[name] = text[text.rindex("### ") :]  # all since the exhibit's heading
        yield SimpleNamespace(wing=request.param, museum=names["museum"], texts=texts, text=text)
    finally:
        torch.set_default_dtype(default)


def test_there_are_enough(tour):
    first, last = WINGS[tour.wing]
    headings = re.findall(r"^### Exhibit\s(\d+): ", tour.text, re.MULTILINE)
    assert [int(number) for number in headings] == list(range(first, last + 1))
    assert len(tour.museum) == len(headings)


def test_each_is_caught_and_its_mend_passes(tour):
    for name, (check, wrong, mended) in tour.museum.items():
        for seed in SEEDS:
            assert check(wrong, seed) is False, f"{name}: the wrong version passes {check.__name__}, seed {seed}"
            assert check(mended, seed) is True, f"{name}: the mended version fails {check.__name__}, seed {seed}"


def test_bugs_of_encoders_are_caught_by_a_checker(tour):
    if tour.wing.startswith("uses"):
        pytest.skip("its bugs are those of losses, searches, scores and data, not of encoders")
    for name, (check, _, _) in tour.museum.items():
        if name in BY_ORACLE:
            assert check.__name__ == BY_ORACLE[name]
        else:
            assert check.law is getattr(checkers, check.__name__), name
    assert set(BY_ORACLE) < set(tour.museum)


def test_each_names_a_thread_where_learners_met_it(tour):
    for name in tour.museum:
        assert THREAD.search(tour.texts[name]), name
