"""The table that results stand in: what is shown, how it is aligned, and what is refused."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.table import Table

COLUMNS = {"network": "", "gates": "d", "kept": ".2f"}
ROWS = [("LSTM", 4, 0.51234), ("GRU", 3, None)]


def html(table):
    """The entries of a table as a browser reads them: a list for each row, the names of the columns first."""
    tree = ElementTree.fromstring(table._repr_html_())
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


def test_text():
    assert repr(Table(ROWS, COLUMNS)).split("\n") == [
        "network   gates   kept",
        "LSTM          4   0.51",
        "GRU           3      –",
    ]


def test_html_says_the_same():
    assert html(Table(ROWS, COLUMNS)) == [["network", "gates", "kept"], ["LSTM", "4", "0.51"], ["GRU", "3", "–"]]


def test_the_html_is_this():
    """To the byte, for notebooks keep it: a left column with two widths, one on the right, and a sign to escape."""
    assert Table([("<a>", 1), ("longer", 22)], {"w": "", "n": "d"})._repr_html_() == (
        '<table>\n<thead><tr><th scope="col" style="text-align: left">w</th>'
        '<th scope="col" style="text-align: right">n</th></tr></thead>\n<tbody>\n'
        '<tr><th scope="row" style="text-align: left">&lt;a&gt;</th><td style="text-align: right">1</td></tr>\n'
        '<tr><th scope="row" style="text-align: left">longer</th><td style="text-align: right">22</td></tr>\n'
        "</tbody>\n</table>"
    )


def test_no_line_ends_in_spaces_nor_loses_those_before():
    assert repr(Table([(7, "a"), (77, "longer")], {"n": "d", "words": ""})) == " n   words\n 7   a\n77   longer"


def test_headers_have_a_scope():
    shown = Table(ROWS, COLUMNS)._repr_html_()
    assert (shown.count('scope="col"'), shown.count('scope="row"')) == (3, 2)


def test_words_left_numbers_right():
    shown = Table([("a", 1, "x"), ("b", 2, None)], {"w": "", "n": "d", "v": ""})._repr_html_()
    sides = ["left", "right", "left"]
    assert [part.split('"')[0] for part in shown.split("text-align: ")[1:]] == sides * 3


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.integers())))
def test_any_row_is_shown(rows):
    table = Table(rows, {"<a>": "", "b & c": ".3f", "d": ","})
    shown = [[text, f"{x:.3f}", f"{n:,}"] for text, x, n in rows]
    assert [[entry.replace("−", "-") for entry in row] for row in table.rows] == [
        [entry.replace("−", "-") for entry in row] for row in shown
    ]
    assert not any(entry.startswith("-") for row in table.rows for entry in row[1:])
    assert table._repr_html_().count("<tr>") == len(rows) + 1
    assert "<a>" not in table._repr_html_()


@pytest.mark.parametrize(
    ("number", "form", "shown"),
    [
        (2.34e-10, ".1e", "2.3 × 10⁻¹⁰"),
        (-0.00012, ".0e", "−10⁻⁴"),
        (1e6, ".0e", "10⁶"),
        (1e6, ".1e", "1.0 × 10⁶"),
        (3.2, ".0e", "3"),
        (0.0, ".1e", "0.0"),
        (float("inf"), ".1e", "inf"),
        (float("nan"), ".1e", "nan"),
        (1e-6, ".2g", "1e-06"),  # what is asked for as it is stays as it is
    ],
)
def test_powers_of_ten_are_printed_as_in_a_book(number, form, shown):
    assert Table([(number,)], {"x": form}).rows == [[shown]]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_power_of_ten_can_be_read_back(number):
    ((shown,),) = Table([(number,)], {"x": ".16e"}).rows
    back = shown.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")).replace(" × 10", "e")
    assert float(back) == number


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (-0.5, "−0.5"),
        ("-0.02 to +0.3", "−0.02 to +0.3"),
        ("[-.1, -2]", "[−.1, −2]"),
        ("-inf", "−inf"),
        ("-1e-9", "−1e-9"),
        ("WordSim-353 (-x)", "WordSim-353 (-x)"),
        ("2-gram", "2-gram"),
        ("f(x)-1", "f(x)-1"),  # a difference in code
    ],
)
def test_a_number_has_a_minus_and_no_hyphen(entry, shown):
    assert Table([(entry,)], {"x": "" if isinstance(entry, str) else ".1f"}).rows == [[shown]]


def test_scalars_of_libraries():
    (row,) = Table([(torch.tensor(0.5), np.float32(0.25), np.int64(1000))], {"a": ".1f", "b": ".2f", "c": ","}).rows
    assert row == ["0.5", "0.25", "1,000"]


def test_rows_may_be_a_generator():
    assert Table(((n, n * n) for n in range(2)), {"n": "d", "n²": "d"}).rows == [["0", "0"], ["1", "1"]]


@pytest.mark.parametrize("row", [("LSTM", 4), ("LSTM", 4, 0.5, 1)])
def test_a_row_of_another_length(row):
    with pytest.raises(ValueError, match=rf"row 1 of rows has {len(row)} entries, expected 3"):
        Table([ROWS[0], row], COLUMNS)


@pytest.mark.parametrize(("entry", "form"), [(0.5, "d"), ([1], ".2f"), (torch.ones(2), ".2f")])
def test_an_entry_that_its_format_refuses(entry, form):
    with pytest.raises(ValueError, match=r"row 0, column 'x': .* can't be shown as"):
        Table([(entry,)], {"x": form})
