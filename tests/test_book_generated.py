"""What scripts write into the book's pages is what they would write today, and the scripts say what is so."""

import re

import api
import contents
import pytest
from chapters import BOOK, chapters
from count import table


def test_the_page_on_checks_counts_right():
    page = (BOOK / "checks.md").read_text("utf-8")
    assert table() in page, "the table in book/checks.md is old: make notebooks writes the new one"


def test_the_page_on_the_helpers_is_current():
    assert api.PAGE.read_text("utf-8") == api.page(), "book/api.md is old: make notebooks writes the new one"
    assert set(api.BUILT.values()) <= {str(chapter) for chapter in chapters(language="en")}
    assert set(api.BUILT) <= {path.stem for path in api.PACKAGE.glob("*.py")}


@pytest.mark.parametrize("page", contents.PAGES, ids=lambda page: page.name)
def test_the_list_of_chapters_is_current(page):
    text = page.read_text("utf-8")
    assert contents.renewed(text, page.parent) == text, f"the chapters in {page.name} are old: make notebooks"
    for chapter in chapters(language="en"):
        assert f"]({chapter.notebook.relative_to(page.parent).as_posix()}) |" in text


MODULE = '''"""Cats: `a_b` and a_b.

    a = 2
"""

LIMIT = 3


def sit(mat: str, *, times: int = 3, **others) -> list[str]:
    """Sit on a *mat*, x_i times.

    >>> sit("m")
    ['m']

    Raises ValueError if there is no mat.
    """


def _hidden():
    """No."""


@dataclass(frozen=True)
class Cat(Animal):
    """A cat."""

    name: str
    lives: int = 9

    @property
    def age(self) -> int:
        """In years."""

    @classmethod
    def of(cls, names):
        """Some cats."""

    def silent(self):
        pass


class Dog:
    def __init__(self, name, very_long_argument_name: int = 1, yet_another_very_long_argument_name: int = 2):
        """A dog of that name."""
'''
EXPECTED = r"""### `sit`

```python
sit(mat: str, *, times: int = 3, **others) -> list[str]
```

Sit on a *mat*, x\_i times.

```python
>>> sit("m")
['m']
```

Raises ValueError if there is no mat.

### `Cat`

```python
Cat(name: str, lives: int = 9)
```

A cat.

```python
Cat.age: int
```

In years.

```python
Cat.of(names)
```

Some cats.

### `Dog`

```python
Dog(
    name,
    very_long_argument_name: int = 1,
    yet_another_very_long_argument_name: int = 2,
)
```

A dog of that name.
"""


INHERITED = '''
class Cat:
    """A cat."""

    def __init__(self, name: str): ...

class Kitten(Cat):
    """A small one."""
'''


def test_entries_of_a_small_module():
    assert "\n".join(api.entries(MODULE)) == EXPECTED
    assert api.prose("A cat eq-cat of https://a.b/c_d. 2 * 3 -> 6") == (
        "A cat {eq}`eq-cat` of <https://a.b/c_d>. 2 \\* 3 → 6"
    )
    assert "Kitten(name: str)" in "".join(api.entries(INHERITED))
    assert api.prose("Cats: `a_b` and a_b.\n\n    a = 2") == "Cats: `a_b` and a\\_b.\n\n```text\na = 2\n```"


def test_the_list_of_chapters_goes_into_its_place_and_nowhere_else():
    page = "a\n\n<!-- chapters -->\nold\n<!-- /chapters -->\n\nb"
    new = contents.renewed(page, BOOK)
    assert re.fullmatch(r"a\n\n<!-- chapters -->\n\n\| .*\n\n<!-- /chapters -->\n\nb", new, re.DOTALL)
    assert "| [Tokens: from text to numbers](input-layer/tokens.ipynb) | How does text become numbers? |" in new
    assert contents.renewed(new, BOOK) == new
    assert contents.renewed("no place", BOOK) == "no place"
