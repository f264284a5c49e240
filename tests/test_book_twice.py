"""The runner of `make test-twice` notices a cell that cannot be run again."""

import pytest
from twice import complaints

HEADER = "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       format_name: percent\n# ---\n\n"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["x = 1", "x += 1\nprint(x)", "print(x)"], ["cell-001, run again"]),
        (["x = [1]", "print(x.pop())"], ["IndexError: pop from empty list"]),
    ],
)
def test_a_cell_that_cannot_be_run_again_is_noticed(cells, expected, tmp_path):
    path = tmp_path / "clock.py"
    path.write_text(HEADER + "".join(f"# %%\n{cell}\n\n" for cell in cells), "utf-8")
    found = complaints(path)
    assert len(found) == len(expected)
    assert all(piece in complaint for piece, complaint in zip(expected, found, strict=True))
