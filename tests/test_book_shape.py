"""Every chapter obeys the rules of shape (scripts/rules.py), and each rule bites."""

import copy
import json
import re

import nbformat
import pytest
from chapters import BOOK, chapters
from nbformat.v4 import new_output
from questions import Question, parse
from rules import BOOTSTRAP, SHAPE, cited, labels, length, markdown, references, section, shape
from run import read_source


def read(chapter):
    return nbformat.read(chapter.notebook, as_version=4).cells


@pytest.mark.parametrize("chapter", chapters(), ids=str)
def test_chapter(chapter):
    assert shape(read(chapter), chapter.language, (*SHAPE, length)) == []


@pytest.mark.parametrize("language", sorted({chapter.language for chapter in chapters()}))
def test_book(language):
    """What holds of all chapters of a language together."""
    cells = [read(chapter) for chapter in chapters(language=language)]
    assert labels(cells) == []
    if language == "en":  # translations cite what the English chapter cites, and share its references
        texts = [path.read_text("utf-8") for path in BOOK.glob("**/*.md")] + [markdown(each) for each in cells]
        assert list(references((BOOK / "references.bib").read_text("utf-8"), texts)) == []


def test_contents_list_every_chapter():
    """A chapter that is not in _toc.yml would be on no page."""
    listed = re.findall(r"file: (\S+)", (BOOK.parent / "_toc.yml").read_text("utf-8"))
    pages = {str(chapter.path.relative_to(BOOK.parent).with_suffix("")) for chapter in chapters(language="en")}
    assert pages <= set(listed)
    assert len(listed) == len(set(listed))


ALT = {"alt": "A round clock whose long hand points up and whose short hand points right."}
CAPTION = {"caption": "Three o'clock.", "name": "fig-clock"}

QUESTIONS = "".join(
    f"""#
# **{number}. Which hand shows ${number}$?**
#
# - **A** The {"" if right == "A" else "rather "}short one.
# - **B** The {"" if right == "B" else "rather "}long one.
# - **C** The {"" if right == "C" else "rather "}thin one.
#
# <details><summary>Answer</summary>
#
# - **A {"✓" if right == "A" else "✗"}** It turns slowly.
# - **B {"✓" if right == "B" else "✗"}** It turns faster.
# - **C {"✓" if right == "C" else "✗"}** It turns
#   fastest.
#
# </details>
"""
    for number, right in enumerate("BACBCA", 1)
)

# A chapter as small as the rules allow.
CHAPTER = f"""# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # The clock
#
# **How does a clock tell 37 from 38?**
#
# **You will**
#
# - read a clock;
# - turn a hand;
# - add two angles, as in {{cite:t}}`vaswani2017attention`.
#
# **You need** an hour hand. The chapter runs in
# about 15 seconds.

# %%
{BOOTSTRAP}

# %% mystnb={json.dumps({"image": ALT, "figure": CAPTION})}
plot = "a clock"

# %% [markdown]
# $$
# 37 < 38
# $$ (eq-hand)
#
# ## Check yourself
{QUESTIONS}#
# ## Exercises
#
# > **Exercise 1 (pencil, easy, 5 minutes).** Why?
# >
# > *Hint: because.*

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# The short hand is slow.
#
# </details>

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
one = 1

# %% [markdown]
# > **Exercise 2 (code, medium, 20 minutes).** How?
# >
# > *Hint: so.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
two = 2

# %% [markdown]
# > **Exercise 3 (code, hard, 40 minutes).** How fast?
# >
# > *Hint: very.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
three = 3

# %% [markdown]
# Something between.
#
# > **Exercise 4 (open, hard, 90 minutes).** And then?
# >
# > *Hint: who knows.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 4
four = 4

# %% [markdown]
# ## You have
#
# - read a clock;
# - turned a hand;
# - added two angles.
#
# ## Further reading
#
# - A. Clockmaker, *Hands*, 1761.
"""
OPENING, START, FIGURE, EXERCISE_1, WORDS_1, SOLUTION_1, EXERCISE_4, END = 0, 1, 2, 3, 4, 5, 10, 12


def swap(number, old, new):
    """A mutation: other text in a cell."""

    def mutate(cells):
        assert old in cells[number].source
        cells[number].source = cells[number].source.replace(old, new)

    return mutate


def about(number, **metadata):
    """A mutation: other metadata of a cell."""
    return lambda cells: cells[number].metadata.update(metadata)


MUTANTS = {
    "untouched": (lambda cells: None, ""),
    "no title": (swap(OPENING, "# The clock", "The clock"), "# title"),
    "a plus begins a line": (swap(END, "1761.", "1761, $d\n+ 1$."), "becomes a list: '+ 1$.'"),
    "a space before per cent": (swap(END, "1761.", "1761, or 5 %."), "writes 95%, not '5 %'"),
    "no question": (swap(OPENING, "?", "."), "no question"),
    "question too late": (swap(OPENING, "38?**\n\n**You will**", "38**\n\n**You will**\n\n**Read?**"), "no question"),
    "two bullets": (swap(OPENING, "- read a clock;\n", ""), "2 bullets"),
    "six bullets": (swap(OPENING, "- read", "- a\n- b\n- c\n- read"), "6 bullets"),
    "no run time": (swap(OPENING, "seconds", "steps"), "how many seconds"),
    "no needs": (swap(OPENING, "**You need**", "You need"), "**You need**"),
    "another bootstrap": (swap(START, "-q ", ""), "bootstrap"),
    "another address": (swap(START, "github.com", "example.com"), "bootstrap"),
    "bootstrap hidden": (about(START, tags=["hide-input"]), "bootstrap"),
    "bootstrap late": (lambda cells: cells.insert(1, cells.pop(FIGURE)), "bootstrap"),
    "no code": (lambda cells: cells.__delitem__(slice(1, END)), "bootstrap"),
    "three exercises": (lambda cells: cells.__delitem__(slice(EXERCISE_4, END)), "numbered [1, 2, 3]"),
    "numbers": (swap(EXERCISE_4, "Exercise 4", "Exercise 5"), "numbered [1, 2, 3, 5]"),
    "no open one": (swap(EXERCISE_4, "(open,", "(code,"), "['code', 'pencil']"),
    "another kind": (swap(EXERCISE_1, "(pencil,", "(brush,"), "['brush', 'code', 'open']"),
    "no blockquote": (swap(EXERCISE_4, "> **Exercise", "**Exercise"), "1 exercises do not begin"),
    "no hint": (swap(EXERCISE_1, "*Hint", "*Tip"), "exercise 1 has no line"),
    "text after it": (swap(EXERCISE_1, "because.*", "because.*\n\nSo."), "exercise 1 is not the last paragraph"),
    "no difficulty": (swap(EXERCISE_1, ", easy", ""), "the exercises are numbered [2, 3, 4]"),
    "no minutes": (swap(EXERCISE_4, ", 90 minutes", ""), "1 exercises do not begin"),
    "no words": (lambda cells: cells.pop(WORDS_1), "exercise 1 (pencil) has no solution in words"),
    "words of another": (swap(WORDS_1, "Solution 1", "Solution 2"), "the words of solution 1 do not stand"),
    "words do not end": (swap(WORDS_1, "</details>", ""), "the words of solution 1 do not stand"),
    "essay in a solution": (swap(SOLUTION_1, "one = 1", "#\n#\n#\none = 1"), "prose belongs in Markdown"),
    "no questions": (swap(EXERCISE_1, "## Check yourself", "## Questions"), "the questions are numbered []"),
    "question missing": (swap(EXERCISE_1, "**6. ", "**7. "), "the questions are numbered [1, 2, 3, 4, 5, 7]"),
    "option unexplained": (
        swap(EXERCISE_1, "- **A ✗** It turns slowly.\n", ""),
        "question 1 has the options ABC, explained are ['B ✓', 'C ✗']",
    ),
    "two options": (swap(EXERCISE_1, "**C** The rather thin", "The rather thin"), "question 1 has the options AB"),
    "no right option": (swap(EXERCISE_1, "**B ✓**", "**B ✗**"), "question 1 has 0 right answers"),
    "two right options": (swap(EXERCISE_1, "**A ✗**", "**A ✓**"), "question 1 has 2 right answers"),
    "answer does not fold": (swap(EXERCISE_1, "<details><summary>Answer", "<details><summary>So"), "question 1 is not"),
    "no solution": (lambda cells: cells.pop(SOLUTION_1), "exercise 1 is not followed"),
    "another solution": (swap(SOLUTION_1, "Solution 1", "Solution 2"), "exercise 1 is not followed"),
    "solution open": (about(SOLUTION_1, tags=[]), "solution 1 lacks"),
    "solution open on Colab": (about(SOLUTION_1, cellView=None), "solution 1 lacks"),
    "too many solutions": (lambda cells: cells.insert(START + 1, cells[SOLUTION_1]), "5 solutions for 4"),
    "less was done": (swap(END, "- turned a hand;\n", ""), "## You have 2"),
    "not done": (swap(END, "## You have", "## You had"), "## You have 0"),
    "a last word": (swap(END, "1761.", "1761.\n\n## Thanks"), "last section"),
    "nothing to read": (swap(END, "- A. Clockmaker", "A. Clockmaker"), "has no bullets"),
    "code at the end": (lambda cells: cells.append(cells[FIGURE]), "is not the end"),
    "no alt text": (about(FIGURE, mystnb={"figure": CAPTION}), "alt text ''"),
    "short alt text": (about(FIGURE, mystnb={"figure": CAPTION, "image": {"alt": "A clock."}}), "alt text 'A clock.'"),
    "path for alt text": (
        about(FIGURE, mystnb={"figure": CAPTION, "image": {"alt": "_images/" + 9 * "2f6b4c" + ".png"}}),
        "alt text '_images",
    ),
    "no caption": (about(FIGURE, mystnb={"image": ALT, "figure": {"name": "fig-clock"}}), "no caption"),
    "no name": (about(FIGURE, mystnb={"image": ALT, "figure": {"caption": "Three."}}), "no name"),
    "nothing on a picture": (lambda cells: cells[FIGURE].metadata.clear(), "1 pictures, and metadata mystnb=nothing"),
    "no picture": (lambda cells: cells[FIGURE].outputs.clear(), "0 pictures"),
    "two pictures": (lambda cells: cells[FIGURE].outputs.extend(cells[FIGURE].outputs), "2 pictures"),
    "a table with the picture": (
        lambda cells: cells[FIGURE].outputs.append(new_output("execute_result", data={"text/plain": "a table"})),
        "shows something beside its picture",
    ),
    "long cell": (swap(FIGURE, "plot", "a = 1\n" * 20 + "\nplot"), "21 lines"),
    "output removed": (about(FIGURE, tags=["remove-output"]), "tags ['remove-output']"),
    "output hidden": (about(FIGURE, tags=["hide-output"]), "tags ['hide-output']"),
    "cell removed": (about(FIGURE, tags=["remove_cell"]), "tags ['remove_cell']"),
    "cell hidden": (about(FIGURE, tags=["hide-cell"]), "hidden, and no solution"),
    "magic": (swap(FIGURE, "plot", "%%capture\nplot"), "a magic"),
    "shell": (swap(FIGURE, "plot", "!ls\nplot"), "a magic"),
    "comments only": (swap(FIGURE, "plot", "# plot"), "no code in it"),
    "essay in comments": (swap(FIGURE, "plot", "# One.\n# Two.\n# Three.\n# Four.\nplot"), "prose belongs in Markdown"),
    "Markdown from code": (swap(FIGURE, "plot", "display(Markdown('Hello'))\nplot"), "prose in code"),
    "title in the picture": (swap(FIGURE, "plot", "plt.title('Three')\nplot"), "in a picture"),
    "note to oneself": (swap(END, "Hands", "TODO"), "cell 12: TODO"),
    "a line that no page shows": (swap(END, "Hands", "Hands, and 2\n% more"), "the pages leave out '% more"),
}


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    path = tmp_path_factory.mktemp("shape") / "clock.py"
    path.write_text(CHAPTER, "utf-8")
    cells = read_source(path).cells
    cells[FIGURE].outputs = [new_output("display_data", data={"image/png": "", "text/plain": "<Figure>"})]
    return cells


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(name, chapter):
    """Each rule bites: one thing is wrong with a good chapter, and it is said."""
    mutate, expected = MUTANTS[name]
    mutate(cells := copy.deepcopy(chapter))
    found = shape(cells)
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found


def test_letters_and_lengths_give_no_key_away(chapter):
    cells = copy.deepcopy(chapter)
    cells[EXERCISE_1].source = cells[EXERCISE_1].source.replace("✓", "✗").replace("**B ✗**", "**B ✓**")
    assert shape(cells) == ["questions: the right answers are BBBBBB: one letter is more than half of them"]
    cells = copy.deepcopy(chapter)
    cells[EXERCISE_1].source = re.sub(r"\*\* The (\w+) one", r"** The \1 one of them all", cells[EXERCISE_1].source)
    assert shape(cells) == ["questions: in 6 of 6 questions the right answer is the longest"]


def test_questions_are_read_as_they_stand(chapter):
    first, *_ = parse(section(chapter[EXERCISE_1].source, "## Check yourself", "## "))
    assert first == Question(
        1,
        "Which hand shows $1$?",
        {"A": "The rather short one.", "B": "The long one.", "C": "The rather thin one."},
        {"A": "It turns slowly.", "B": "It turns faster.", "C": "It turns fastest."},
        "B",
    )


@pytest.mark.parametrize(("words", "complaint"), [(1800, "words, expected"), (2500, None), (4000, "words, expected")])
def test_length_bites(words, complaint, chapter):
    cells = copy.deepcopy(chapter)
    cells[WORDS_1].source = cells[WORDS_1].source.replace("slow.", "slow." + " word" * 4000)  # folded, so not counted
    cells[END].source += " word" * words + "\n\n$$\n" + "x + " * 5000 + "y\n$$ (eq-long)\n"
    assert bool(complaint) == bool(found := shape(cells, rules=[length]))
    assert not complaint or complaint in found[0]


def test_columns_bite(chapter):
    """Of the code, where no solution folds it away, and of what it prints."""
    assert shape(chapter) == []
    cells = copy.deepcopy(chapter)
    cells[SOLUTION_1].source += "\n# " + 90 * "a"
    assert shape(cells) == []
    cells[FIGURE].source += "\nx = '" + 90 * "a" + "'"
    cells[EXERCISE_4 + 1].outputs = [new_output("stream", text="short\n" + 89 * "b" + "\n")]
    assert [re.split(": ['\"]", each)[0] for each in shape(cells)] == [
        f"code_cells: cell {FIGURE}: 96 columns",
        f"outputs: cell {EXERCISE_4 + 1}: prints 89 columns, at most 88",
    ]


def test_references_and_labels_bite(chapter):
    entry = "@article{vaswani2017attention,\n title = {Attention}\n}\n"
    texts = [markdown(chapter)]
    assert list(references(entry, texts)) == []
    assert list(references("", texts)) == ["vaswani2017attention is cited, and has no entry"]
    assert list(references(entry * 2, texts)) == ["vaswani2017attention has 2 entries"]
    assert list(references(entry, [])) == ["vaswani2017attention has an entry, and is never cited"]
    assert cited(["{cite:p}`a2001, b2002` and {cite}`c2003`"]) == {"a2001", "b2002", "c2003"}
    assert labels([chapter]) == []
    assert labels([chapter, chapter]) == ["fig-clock stands 2 times", "eq-hand stands 2 times"]
