"""The benchmark of scaling: it finds a law that it is given, and tests no prediction that was made from other rows."""

import common
import numpy as np
import pytest
import scaling

TRUE = np.log([1.2, 0.15, 0.4, 0.25, 0.5])  # E, A', alpha, B', beta


@pytest.fixture
def short(monkeypatch):
    """A text of a few blocks, and few draws."""
    monkeypatch.setattr(scaling, "load", lambda name: [["number", str(i), "of", "them"] for i in range(20_000)])
    monkeypatch.setattr(scaling, "DRAWS", 60)
    monkeypatch.setattr(scaling, "JUDGED", 4)
    scaling.text.cache_clear()
    yield
    scaling.text.cache_clear()


def grid(noise):
    """The rows that a law would give, three a point."""
    rng, rows = np.random.default_rng(1), []
    for width in scaling.WIDTHS:
        weights = scaling.Model(width).weights
        for letters in scaling.TEXTS:
            loss = scaling.law(TRUE, weights, letters)
            for seed in range(3):
                row = {"width": width, "letters": letters, "weights": weights, "seed": seed}
                rows.append(row | {"test": float(loss * np.exp(noise * rng.normal()))})
    return rows


def test_a_law_is_found_again():
    rows = grid(0)
    found = scaling.fitted(rows, np.array([row["test"] for row in rows]))
    assert np.allclose(found, TRUE, atol=1e-3)
    assert scaling.named(found)["alpha"] == pytest.approx(0.4, abs=1e-3)
    weights, letters = 123_456.0, 7e6
    paper = scaling.named(found)
    long = paper["E"] + paper["A"] / weights ** paper["alpha"] + paper["B"] / letters ** paper["beta"]
    assert long == pytest.approx(scaling.law(found, weights, letters))


def test_a_prediction_has_an_interval_and_is_tested_for_its_own_rows_only(short, monkeypatch):
    rows = grid(0.005)
    stored = {"grid": rows}
    monkeypatch.setattr(common, "stored", lambda name: stored)
    monkeypatch.setattr(scaling, "point", lambda width, letters, part: [(width, letters, part)])
    stored["predict"] = said = scaling.predict()
    assert said == scaling.predict()  # its seed is its own
    for point, (width, letters) in zip(said["points"], scaling.FOUR_TIMES, strict=True):
        low, high = point["interval"]
        assert low < point["loss"] < high
        assert low < scaling.law(TRUE, scaling.Model(width).weights, letters) < high
    assert said["intervals"]["beta"][0] < 0.5 < said["intervals"]["beta"][1]
    assert scaling.test() == [(*size, "test") for size in scaling.FOUR_TIMES]
    stored["grid"] = [*rows[:-1], rows[-1] | {"test": 9.9}]
    with pytest.raises(SystemExit, match="made from other rows"):
        scaling.test()


def test_no_row_is_in_two_splits_and_a_model_learns(short):
    _, validation, test = scaling.text()
    assert {len(validation), len(test)} == {scaling.BLOCK * scaling.JUDGED}
    size = {"width": 16, "letters": 2**13, "rate": 0.008}
    one, again, other = (scaling.run(size | {"seed": seed}) for seed in (0, 0, 1))
    assert {**one, "seconds": 0} == {**again, "seconds": 0}
    assert one["test"] != other["test"]
    assert one["test"] < np.log(len(scaling.LETTERS)) - 0.5
    assert one["operations"] == 6 * one["weights"] * size["letters"]
    splits = [{tuple(row) for row in part.tolist()} for part in scaling.text()]  # no two rows of this text are alike
    assert [len(rows) for rows in splits] == [len(part) for part in scaling.text()]
    assert len(set().union(*splits)) == sum(map(len, splits))
