"""Twenty questions a chapter, each of which leads to a place that is there."""

import re

import nbformat
import pytest
from chapters import BOOK, in_order
from contents import opening, parts
from questions import parse
from rules import WORDS, markdown, section

PAGE = (BOOK / "asked.md").read_text("utf-8")
ASKED = re.compile(r"^(\d+)\. (.+?) \[([^]]+)\]\(([^)#]+)#([^)]+)\)$", re.MULTILINE)
CHAPTERS = in_order()
FEWER = {"wrong-in-use": 10}  # the museum's second wing


def slug(heading):
    """As GitHub's, which the pages use."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def text(name):
    return markdown(nbformat.read(BOOK / name, as_version=4).cells)


def asked(chapter):
    """The chapter's questions: the number, the question, what the link says, the notebook and the place in it."""
    title, _ = opening(chapter)
    heading = f"### [{title}]({chapter.part}/{chapter.name}.ipynb)\n"
    assert PAGE.count(heading) == 1
    return ASKED.findall(re.split(r"^##", PAGE.split(heading)[1], maxsplit=1, flags=re.MULTILINE)[0])


def test_the_page_has_every_chapter_in_order_and_nothing_else():
    expected = [f"[{opening(chapter)[0]}]({chapter.part}/{chapter.name}.ipynb)" for chapter in CHAPTERS]
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == expected
    names = parts()
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == list(dict.fromkeys(names[c.part] for c in CHAPTERS))
    numbered = re.findall(r"^\d+\..*$", PAGE, re.MULTILINE)
    assert len(numbered) == len(ASKED.findall(PAGE)) == sum(FEWER.get(c.name, 20) for c in CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_a_chapter_has_twenty_questions_and_answers_most_of_them_itself(chapter):
    found = asked(chapter)
    assert [int(number) for number, *_ in found] == list(range(1, FEWER.get(chapter.name, 20) + 1))
    questions = [question for _, question, *_ in found]
    assert len(set(questions)) == len(questions)
    assert all(question.endswith("?") for question in questions)
    here = [place for *_, place, _ in found if place == f"{chapter.part}/{chapter.name}.ipynb"]
    assert len(here) >= 0.8 * len(found)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_every_answer_is_where_the_link_says(chapter):
    for _, question, said, place, anchor in asked(chapter):
        words = text(place)
        headings = {slug(heading): heading for heading in re.findall(r"^#+ (.+)$", words, re.MULTILINE)}
        assert anchor in headings, question
        if number := re.fullmatch(r"question (\d+)", said):
            known = {q.number for q in parse(section(words, WORDS["en"].questions, "## "))}
            assert (int(number[1]) in known, anchor) == (True, "check-yourself"), question
        elif number := re.fullmatch(r"exercise (\d+)", said):
            assert (f"**Exercise {number[1]} " in words, anchor) == (True, "exercises"), question
        else:
            assert said == headings[anchor], question
