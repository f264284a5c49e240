"""The questions of *Check yourself*: every key that states a number is computed here, and no key is given away.

tests/questions/<chapter>.py holds for a chapter KEYS, by the number of the question a function that computes what its
right option must say, from the helpers or by arithmetic, and not from the chapter's text.
"""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from chapters import chapters
from questions import parse
from rules import WORDS, markdown, section

NAME = re.compile(r"[A-Za-z]+[_^]?\{?\d+\}?")  # word2vec, h_1, x^{2}: digits that no one computes
CHAPTERS = chapters(language="en")


def questions(chapter):
    text = markdown(nbformat.read(chapter.notebook, as_version=4).cells)
    return parse(section(text, WORDS["en"].questions, "## "))


def keys(chapter):
    path = Path(__file__).parent / "questions" / f"{chapter.name.replace('-', '_')}.py"
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location(f"questions_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.KEYS


def wrongly_keyed(asked, keys):
    """What is wrong with a chapter's keys, a sentence each."""
    found = {q.number: q for q in asked}
    for q in asked:
        if re.search(r"\d", NAME.sub("", q.options[q.right])) and q.number not in keys:
            yield f"question {q.number} states a number that nothing computes: {q.options[q.right]}"
    for number, compute in keys.items():
        if number not in found:
            yield f"there is a key, and no question {number}"
            continue
        q, value = found[number], compute()
        holding = "".join(letter for letter, option in q.options.items() if value in option)
        if not value or holding != q.right:
            yield f"question {number}: {value!r} is in the options {holding or 'of no letter'}, marked is {q.right}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_keys(chapter):
    assert list(wrongly_keyed(questions(chapter), keys(chapter))) == []


def test_letters_are_spread():
    """No letter is worth a guess: A, B and C are right in 20 to 40% of all questions each."""
    letters = Counter(q.right for chapter in CHAPTERS for q in questions(chapter))
    assert all(0.2 <= letters[letter] / letters.total() <= 0.4 for letter in "ABC"), letters


def test_there_are_enough():
    assert sum(len(questions(chapter)) for chapter in CHAPTERS) >= 8 * len(CHAPTERS)


ASKED = """**1. How many bits are $2^{10}$ states?**

- **A** 1,024.
- **B** 10.
- **C** As many as $x_1$ has.

<details><summary>Answer</summary>

- **A ✗** These are the states.
- **B ✓** By the exponent.
- **C ✗** No.

</details>
"""


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({1: lambda: "10."}, None),
        ({}, "question 1 states a number that nothing computes: 10."),
        ({1: lambda: "11"}, "question 1: '11' is in the options of no letter, marked is B"),
        ({1: lambda: "1"}, "question 1: '1' is in the options ABC, marked is B"),
        ({1: lambda: "10.", 2: lambda: "3"}, "there is a key, and no question 2"),
    ],
)
def test_keys_bite(keys, complaint):
    assert list(wrongly_keyed(parse(ASKED), keys)) == ([complaint] if complaint else [])
