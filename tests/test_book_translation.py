"""What the chapter on translation says of its tables is what they say."""

import re

import nbformat
import pytest
from chapters import BOOK
from rules import markdown

NOTEBOOK = nbformat.read(BOOK / "uses" / "translation.ipynb", as_version=4)
PROSE = " ".join(markdown(NOTEBOOK.cells).split())
CLAIMS = (  # a sentence of the chapter, the pairs, what is compared, and the verdict that the sentence needs
    ("Attention brings more than any other step", "dot / no attention", "better"),
    ("all steps at once is better than waiting at each", "additive / input feeding", "better"),
    ("The dot product is a little better than the additive score", "dot / additive", "better"),
    ("and copying better than not", "dot, copy / dot", "better"),
    ("word2vec's vectors cannot be told from random ones", "dot, word2vec / dot", "not distinguishable"),
    ("a beam of five brings a little to both", "dot, beam / dot", "better"),
    ("a beam of five brings a little to both", "dot, copy, beam / dot, copy", "better"),
    ("The Transformer falls behind the LSTMs", "Transformer / dot", "worse"),
    ("does better with an LSTM to write for it", "Transformer + LSTM / Transformer", "better"),
    ("the best rung cannot be told", "dot, copy / IBM 1 + bigrams", "not distinguishable"),
    ("mends less than one hopes", "IBM 1 + bigrams / IBM 1", "not distinguishable"),
)


def table(first, second=""):
    """The rows of the table whose first two columns are called so."""
    for cell in NOTEBOOK.cells:
        for output in cell.get("outputs", []):
            lines = output.get("data", {}).get("text/plain", "").replace("−", "-").split("\n")
            rows = [re.split(r" {3,}", line.strip()) for line in lines]
            if rows[0][0] == first and (not second or rows[0][1:2] == [second]):
                return rows[1:]
    raise AssertionError(f"no table begins with {first!r}")


def ladders():
    """The rows of both tables of rungs, Chinese and French."""
    outputs = (output for cell in NOTEBOOK.cells for output in cell.get("outputs", []))
    texts = (output.get("data", {}).get("text/plain", "") for output in outputs)
    found = [text.split("\n")[1:] for text in texts if re.match(r"way +step size +passes", text)]
    return [[re.split(r" {3,}", line.strip()) for line in lines] for lines in found]


def compared():
    """By pairs and what is compared: the difference and its verdict."""
    rows = table("this / against this")
    return {row[0]: (float(row[1]), row[-1]) for row in rows}


@pytest.mark.parametrize(("sentence", "pair", "verdict"), CLAIMS)
def test_a_claim_is_what_the_interval_says(sentence, pair, verdict):
    assert sentence in PROSE
    assert compared()[pair][1] == verdict, f"{pair}: the prose says {sentence!r}"


def test_the_networks_have_the_same_order_in_french_and_the_tables_another():
    rows = {row[0].replace("/", " / "): row[1:] for row in table("French: this/that")}
    assert set(rows) == set(compared())
    for pair, (*_, french, chinese) in rows.items():
        rows[pair][3] = chinese = compared()[pair][1] if chinese != "–" else french
        assert chinese == compared()[pair][1]
        if "IBM" not in pair:
            assert french in (chinese, "not distinguishable"), "where it does, the networks stand in the same order"
    assert sum(row[2] == "not distinguishable" for row in rows.values()) > sum(
        row[3] == "not distinguishable" for row in rows.values()
    ), "it tells less apart"
    assert rows["dot / IBM 1 + bigrams"][2:] == ["better", "worse"], "One verdict turns round"
    assert rows["dot, copy / IBM 1 + bigrams"][2:] == ["better", "not distinguishable"]
    assert rows["IBM 1 + bigrams / IBM 1"][2:] == ["better", "not distinguishable"], "a bigram model helps in French"
    first, second = ({row[0]: row for row in rows} for rows in ladders())
    assert float(second["IBM 1 + bigrams"][3]) < float(second["dot"][3]) / 2 < float(first["IBM 1 + bigrams"][3]) / 2
    assert abs(float(second["IBM 1"][6]) - float(second["dot"][6])) < 0.5, "chrF puts Model 1 level with dot"


def test_what_is_right_in_each_language():
    right = {tuple(row[:2]): [int(value[:-1]) for value in row[2:]] for row in table("right of", "way")}
    tables, networks = ({name: right[name, way] for name in ("en-zh", "en-fr")} for way in ("IBM 1 + bigrams", "dot"))
    assert min(row[0] for row in right.values()) > 50, "the tables find many of the words"
    assert tables["en-zh"][0] > networks["en-zh"][0]
    assert tables["en-zh"][1] / tables["en-zh"][0] > 0.6 > 0.4 > tables["en-fr"][1] / tables["en-fr"][0]


ABLATED = (  # a sentence of the chapter, the line of the table, and the verdict that the sentence needs
    ("what chance alone makes of a difference", "source reversed", "not distinguishable"),
    ("in which nothing was changed", "nothing: trained anew", "not distinguishable"),
    ("cannot be told from nothing here", "… source reversed", "not distinguishable"),
    ("A loss that counts the padding does no harm that this test could see", "unmasked loss", "not distinguishable"),
    ("whether batches have little padding or much", "… unmasked loss", "not distinguishable"),
    ("batches of any lengths come out level", "any lengths", "not distinguishable"),
    ("makes half the passes and is worse", "step by step", "worse"),
    ("the more often it must go on from its own guess, the worse", "… teacher 75%", "worse"),
    ("the more often it must go on from its own guess, the worse", "… teacher 50%", "worse"),
    ("down to where no attention stands", "… teacher 0%", "worse"),
    ("does not pay within a minute", "dropout 30%", "worse"),
)


@pytest.mark.parametrize(("sentence", "line", "verdict"), ABLATED)
def test_what_a_change_does_is_what_the_interval_says(sentence, line, verdict):
    assert sentence in PROSE
    (row,) = (row for row in table("changed", "passes") if row[0] == line)
    assert row[-1] == verdict, f"{line}: the prose says {sentence!r}"


def test_changes_are_as_large_as_the_prose_says():
    rows = {row[0]: [float(value) for value in row[1:3]] for row in table("changed", "passes")}
    passes = {line: row[0] for line, row in rows.items()}
    assert 1.7 < passes["unmasked loss"] / passes["any lengths"] < 2.3
    assert 1.7 < passes["unmasked loss"] / passes["step by step"] < 2.3
    scores = [rows[line][1] for line in ("step by step", "… teacher 75%", "… teacher 50%", "… teacher 0%")]
    assert scores == sorted(scores, reverse=True)
    no_attention = next(float(row[3]) for row in table("way", "step size") if row[0] == "no attention")
    assert abs(scores[-1] - no_attention) < 2


def test_masks_left_out_in_writing():
    found = {tuple(row[:3]): [float(value.replace(",", "")) for value in row[3:]] for row in table("encoder's mask")}
    whole = found["yes", "yes", "1"][1]
    assert all(row[0] == 0 for (_, _, batch), row in found.items() if batch == "1")
    worst = {kept: found[*kept, "64"] for kept in (("yes", "–"), ("–", "yes"), ("–", "–"))}
    assert "Attention that looks at padding costs more than an encoder that reads on into it" in PROSE
    assert worst["–", "–"][1] < worst["yes", "–"][1] < worst["–", "yes"][1] < whole - 0.5
    assert 1 / 7 < 1 - worst["–", "–"][0] / 1168 < 1 / 6
    for kept in worst:
        changed, score = found[*kept, "64, sorted by length"]
        assert changed > 0
        assert abs(score - whole) < 0.5


def test_attention_is_the_largest_step():
    gaps = {pair: gap for pair, (gap, _) in compared().items()}
    assert max(gaps, key=gaps.get) == "dot / no attention"


def test_shuffling_brings_more_than_most_ideas():
    assert "gains more by shuffling than most ideas in this chapter will bring" in PROSE
    rows = {row[0]: [float(value) for value in row[1:]] for row in table("memory, BLEU", "by integration")}
    assert all(least > own for own, least, _ in rows.values())
    own, least, _ = rows["en-zh"]
    gaps = [gap for gap, _ in compared().values()]
    assert sum(gap > least - own for gap in gaps) <= len(gaps) / 2


def test_near_and_far():
    assert "The memory is good where there is something to remember" in PROSE
    rows = {row[0]: [float(value) for value in row[1:]] for row in table("BLEU", "3 or 4")}
    lost = {way: values[4] - values[7] for way, values in rows.items()}
    assert lost["IBM 1 + bigrams"] < lost["the shipped model"] < lost["memory"]
    assert rows["IBM 1 + bigrams"][7] > rows["the shipped model"][7]
    assert all(
        lost["IBM 1 + bigrams"] < loss <= lost["memory"] for way, loss in lost.items() if way != "IBM 1 + bigrams"
    )


def test_no_rung_writes_otherwise_in_another_batch():
    assert "In its first run each rung writes the same in batches of 1, 8 and 64 sentences" in PROSE
    rows = table("texts that change")
    assert [row[-3:] for row in rows] == [["0", "0", "0"]] * 8


def test_two_opinions_agree_more_often_than_a_diagonal():
    rows = {row[0]: int(row[-1].rstrip("%")) for row in table("is where Model 1 is")}
    assert rows["attention's largest weight"] > 1.5 * rows["the diagonal"]


def test_alone_is_worse_than_with_the_teacher():
    rows = {row[0]: int(row[-1].rstrip("%")) for row in table("after the first mistake")}
    assert rows["with the teacher"] > 1.5 * rows["alone"]


def test_beams_and_penalties():
    assert "Five beginnings are ahead of one, and ten fall behind five" in PROSE
    rows = {(int(row[0]), float(row[1])): [float(value) for value in row[2:]] for row in table("width", "penalty")}
    for split in (0, 1):
        assert rows[1, 0.0][split] < rows[5, 0.0][split]
        assert rows[10, 0.0][split] < rows[5, 0.0][split]
    assert rows[1, 0.0][2] > rows[5, 0.0][2] > rows[10, 0.0][2]  # the wider, the shorter
    for penalty, less in ((0.6, 0.0), (1.2, 0.6), (2.0, 1.2)):
        assert rows[5, penalty][2] > rows[5, less][2]
    by_validation = max((0.6, 1.2, 2.0), key=lambda penalty: rows[5, penalty][0])
    gain, before = rows[5, by_validation][1] - rows[5, 0.0][1], rows[5, 0.0][1] - rows[1, 0.0][1]
    assert gain > 0
    assert rows[5, by_validation][0] - rows[5, 0.0][0] > rows[5, 0.0][0] - rows[1, 0.0][0]
    assert before > 0
