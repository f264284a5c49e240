"""What the chapter on pictures and words says of its tables is what they hold."""

import re

import nbformat
import pytest
from chapters import chapters, find
from rules import markdown

(CHAPTER,) = find(["cross-modal"], chapters())
NOTEBOOK = nbformat.read(CHAPTER.notebook, as_version=4)
PROSE = " ".join(markdown(NOTEBOOK.cells).split())
CLAIMS = (  # a sentence of the chapter, who is compared with whom, and the verdict that the sentence needs
    ("The trained pair is better than every rival without a network", "trained", "pixels of neighbours", "better"),
    ("The trained pair is better than every rival without a network", "trained", "colours of neighbours", "better"),
    ("The trained pair is better than every rival without a network", "trained", "linear map", "better"),
    ("What it begins with", "trained", "random words", "not distinguishable"),
    ("whether pictures are moved", "trained", "not moved", "not distinguishable"),
    ("in which language they are named", "random words", "Chinese", "not distinguishable"),
    ("only frozen words do", "trained", "frozen words", "better"),
    ("Dot products cost a part", "dots", "trained", "worse"),
    ("the soft targets everything", "soft targets", "trained", "worse"),
    ("One direction alone", "one direction", "trained", "not distinguishable"),
    (
        "the missing exponential cost nothing that this test can tell",
        "no exponential",
        "trained",
        "not distinguishable",
    ),
)


def tables(first, second=""):
    """The rows of every table whose first two columns are called so."""
    found = []
    for cell in NOTEBOOK.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "").replace("−", "-")
            rows = [re.split(r" {2,}", line.strip()) for line in text.split("\n")]
            if rows[0][0] == first and (not second or rows[0][1:2] == [second]):
                found.append(rows[1:])
    return found


def compared():
    """Of all tables of differences but those by names: the verdict on two arms, at recall@1."""
    first, _, _, last = tables("beside", "gain")
    return {tuple(row[:2]): row[-1] for row in first + last}


@pytest.mark.parametrize(("sentence", "first", "second", "verdict"), CLAIMS)
def test_a_claim_is_what_the_interval_says(sentence, first, second, verdict):
    assert sentence in PROSE
    assert compared()[first, second] == verdict, f"{first}, {second}: the prose says {sentence!r}"


def test_names_of_known_words_are_found_and_new_ones_are_not():
    rows = {
        tuple(row[:2]): [float(value) for value in row[3:]] for (table,) in [tables("the name has")] for row in table
    }
    assert "puts the right one first in one case of five" in PROSE
    assert 0.18 < rows["trained", "a known word"][0] < 0.23
    assert "With new words alone it guesses" in PROSE
    assert rows["trained", "new words only"][0] < 2 / 204
    assert rows["trained", "new words only"][1] < 1.5 * 5 / 204
    _, known, new, _ = tables("beside", "gain")
    assert [row[-1] for row in known] == ["better", "worse"]
    assert "known words are found less often, but new ones more often than a guess would" in PROSE
    assert rows["frozen words", "new words only"][1] > 2 * 5 / 204
    assert "Even the neighbours by pixels" in PROSE
    assert [row[-1] for row in new] == ["worse", "better"]


def test_sorting_by_words():
    (table,) = tables("group of a held-out picture")
    right = {row[0]: float(row[1]) for row in table}
    assert next(iter(right.values())) < right["by words alone"] < right["a linear probe on the eye"]
    assert "the one picture most alike in pixels knows the group nearly as often" in PROSE
    assert 0 < right["a linear probe on the eye"] - right["the most alike in pixels"] < 0.06


def test_captions_that_repeat():
    (table,) = tables("loss", "at last")
    last = {row[0]: float(row[1]) for row in table}
    assert "The plain loss ends near its floor, the mask brings it close to 0" in PROSE
    assert last["plain"] - 2.59 < 0.1
    assert last["masked"] < 0.1
    (table,) = tables("beside plain", "gain")
    verdicts = {row[0]: row[-1] for row in table}
    assert verdicts == {"masked": "not distinguishable", "shared": "not distinguishable"}


def test_a_mistake_has_a_step_size_of_its_own():
    assert "the exponential would seem to be worth a fifth of the score" in PROSE
    (table,) = tables("on the fold that chooses")
    found = {}
    for arm, rate, score in table:
        found.setdefault(arm, {})[float(rate)] = float(score)
    right, wrong = found["trained"], found["no exponential"]
    best = max(right, key=right.get)
    assert 0.17 < 1 - wrong[best] / right[best] < 0.23
    assert max(wrong, key=wrong.get) >= 4 * best
    (table,) = tables("scale at the end")
    assert float(table[0][2]) < 50, "the scale never comes near the bound"
    assert float(table[1][2]) < 10, "the softmax stays soft"


def test_words_and_how_often_they_were_taught():
    (table,) = tables("asks", "training names")
    taught = {row[0]: int(row[1]) for row in table}
    assert "told of *green* three times and of *heart* twenty times" in PROSE
    assert (taught["green"], taught["heart"]) == (3, 20)
    assert min(list(taught.values())[:6]) > 0 == max(list(taught.values())[6:])
    nearest = {row[0]: row[2] for row in table}
    assert all(nearest[pair].startswith(pair) for pair in ("green heart", "green circle", "green book"))
