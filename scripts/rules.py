"""The rules that every chapter obeys, so that readers can rely on its shape: each is a function that yields complaints.

    python scripts/rules.py               all chapters
    python scripts/rules.py one-hot       this chapter (or these)

Rules of shape read the cells; rules of twins hold a script and its notebook to each other, and keep out of a notebook
what is only true today or here. A translation obeys the same rules in its own words, and tells what the English chapter
tells: cell for cell, formula for formula, source for source.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import jupytext
import nbformat
from bootstrap import MODEL
from bootstrap import cell as bootstrap_cell
from chapters import Chapter, chapters, find
from questions import parse
from run import KEPT, METADATA, contents, is_current, read_source
from weave import MARKDOWN, misfits, wide


@dataclass(frozen=True)
class Words:
    """The headings that a chapter has in every language, and by which its rules know it."""

    will: str  # begins the list of what the reader will do
    need: str  # begins the line that says what the chapter needs, and …
    time: str  # … how long it runs
    have: str
    reading: str
    exercise: str  # its number, kind, difficulty and minutes are the pattern's groups
    exercises: str  # what any exercise begins with, well formed or not
    hint: str
    solution: str  # begins a solution in words, which folds
    kinds: tuple[str, ...]
    questions: str
    question: str = "?"


WORDS = {
    "en": Words(
        will="**You will**",
        need="**You need**",
        time=r"\b(second|minute)s?\b",
        have="## You have",
        reading="## Further reading",
        exercise=r"^> \*\*Exercise (\d+) \((\w+), (easy|medium|hard), (\d+) minutes\)\.\*\*",
        exercises="**Exercise",
        hint=r"^> \*Hint:",
        solution="<details><summary>Solution",
        kinds=("pencil", "code", "open"),
        questions="## Check yourself",
    ),
    "zh": Words(
        will="**本章要做的事**",
        need="**预备知识**",
        time=r"约\d+(秒|分钟)",
        have="## 小结",
        reading="## 延伸阅读",
        exercise=r"^> \*\*练习(\d+)\*\*（(\w+)，(易|中|难)，(\d+)分钟）",
        exercises="**练习",
        hint=r"^> \*提示\*：",
        solution="<details><summary>解答",
        kinds=("笔算", "编程", "开放"),
        questions="## 想一想",
        question="？",
    ),
}
BOOTSTRAP = bootstrap_cell()
ADDRESS = re.search(r"git\+([^\"]+)", BOOTSTRAP)[1]
PRETRAINED = bootstrap_cell(pretrained=True)
TAGS = re.compile(r"hide-cell|hide-input|(atol|rtol|rms)=.*")  # none that removes a cell, or hides its output
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
DISPLAY = re.compile(r"^\$\$\n(.*?)^\$\$(?: \(([\w-]+)\))?", re.MULTILINE | re.DOTALL)
LINES = 20  # of a code cell
COLUMNS = SHOWN = 88  # of its lines, and of what it prints: what a page shows
LEAST, MOST = 2000, 4000  # words of a chapter
PASSING = {
    "a path": r"(?<![\w:/.<])/(?:home|root|tmp|work|Users|usr|opt|var|mnt|content|private)/|\b[A-Z]:\\|site-packages",
    "an address in memory": r"\b0x[0-9a-f]{6,}",
    "a date": r"\b\d{4}-\d\d-\d\d\b",
    "a time of day": r"\b\d{1,2}:\d\d:\d\d\b",
    "a duration": r"(?<![\w.,])(?!\d{4} ?s\b)\d+(?:\.\d+)? ?(?:s|ms|µs|ns|sec|seconds?|minutes?)\b",  # but not "1990s"
    "a speed or a progress bar": r"\d ?(?:it|words|tokens)/s\b|s/it\b|\d%\|",
    "a version": r"(?i)\b(?:python|torch|numpy|scipy|gensim|matplotlib|sklearn|scikit-learn)\W{1,3}v?\d+\.\d"
    r"|(?<![\w.])\d+\.\d+\.\d+(?![\w.]*/)",
}


# --- What rules look at ---------------------------------------------------------------------------------------------


def markdown(cells) -> str:
    """All the Markdown, as one text."""
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def section(text: str, start: str, end: str) -> str:
    """What stands between a line that begins with `start` and the next that matches `end`; "" if there is none."""
    match = re.search(rf"^{re.escape(start)}.*?$(.*?)(?=^{end}|\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def bullets(text: str) -> int:
    return len(re.findall(r"^- ", text, re.MULTILINE))


def is_solution(cell) -> bool:
    return cell.source.startswith("# @title Solution")


def code(cells) -> list:
    """The code cells with their numbers among all cells."""
    return [(number, cell) for number, cell in enumerate(cells) if cell.cell_type == "code"]


def stored(cell) -> list:
    return [output.data for output in cell.outputs if "data" in output]


def texts(cell) -> Iterator[str]:
    """What a cell stores as text."""
    for output in cell.get("outputs", []):
        data = {"": output.get("text", "")} | output.get("data", {})
        yield from (str(content) for kind, content in data.items() if kind != "image/png")


# --- Rules of shape: of the cells, in the words of their language ---------------------------------------------------


def opening(cells, words):
    """Title, a question, what the reader will do, what it needs and how long it takes; then the bootstrap cell."""
    first = code(cells)[0][0] if code(cells) else len(cells)
    text = markdown(cells[:first])
    if not text.startswith("# "):
        yield "the first cell does not begin with the # title"
    if not re.search(rf"\*\*[^*]*{re.escape(words.question)}\*\*", text.split(words.will)[0]):
        yield f"no question is asked before {words.will}, in bold"
    if not 3 <= (count := bullets(section(text, words.will, r"\*\*"))) <= 5:
        yield f"{words.will} has {count} bullets, expected 3 to 5"
    needs = re.search(rf"^{re.escape(words.need)}.*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    if not needs or not re.search(words.time, needs[0]):
        yield f"no line begins with {words.need} and says how many seconds or minutes the chapter takes"
    bootstrap = PRETRAINED if any(MODEL in cell.source for _, cell in code(cells)[1:]) else BOOTSTRAP
    if not code(cells) or (cells[first].source, cells[first].metadata) != (bootstrap, {}):
        yield f"the first code cell is not the bootstrap cell, without tags:\n{bootstrap}"


def exercises(cells, words):
    """Four to six exercises of all three kinds, each with a hint and a solution that folds on the page and on Colab.

    A solution is code that checks it; what there is to say or derive stands in a Markdown cell of its own before.
    """
    pattern = re.compile(words.exercise, re.MULTILINE)
    found = [(number, *match) for number, cell in enumerate(cells) for match in pattern.findall(cell.source)]
    numbers, kinds = [int(n) for _, n, *_ in found], {kind for _, _, kind, *_ in found}
    if not 4 <= len(found) <= 6 or numbers != list(range(1, len(found) + 1)):
        yield f"the exercises are numbered {numbers}, expected 1 to 4, 5 or 6"
    if kinds != set(words.kinds):
        yield f"the exercises are of the kinds {sorted(kinds)}, expected all of {words.kinds}"
    if (written := markdown(cells).count(words.exercises)) != len(found):
        yield f"{written - len(found)} exercises do not begin as {words.exercise}"
    if (solved := sum(is_solution(cell) for cell in cells)) != len(found):
        yield f"{solved} solutions for {len(found)} exercises"
    for position, n, kind, *_ in found:
        if re.search(words.exercise, cells[position].source.split("\n\n")[-1], re.MULTILINE) is None:
            yield f"exercise {n} is not the last paragraph of its cell, followed by its solution"
        if not re.search(words.hint, cells[position].source, re.MULTILINE):
            yield f"exercise {n} has no line that begins as {words.hint}"
        following = [*cells[position + 1 : position + 3], cells[position]]
        told = following[0].source.startswith(words.solution)
        if told and not re.fullmatch(rf"[^\n]*{n}</summary>\n\n.*\n\n</details>", following[0].source, re.DOTALL):
            yield f"the words of solution {n} do not stand between {words.solution} {n}</summary> and </details>"
        if kind == words.kinds[0] and not told:
            yield f"exercise {n} ({kind}) has no solution in words, in a cell that begins with {words.solution} {n}"
        solution = following[told]
        if solution.source.split("\n")[0] != f"# @title Solution {n}":
            yield f"exercise {n} is not followed by a code cell that begins with # @title Solution {n}"
        elif "hide-cell" not in solution.metadata.get("tags", []) or solution.metadata.get("cellView") != "form":
            yield f'solution {n} lacks tags=["hide-cell"] cellView="form", without which it does not fold'


def questions(cells, words):
    """Six to ten questions, every option of which is explained; letters and lengths give no key away."""
    language = next(language for language, own in WORDS.items() if own is words)
    try:
        found = parse(section(markdown(cells), words.questions, "## "), language)
    except ValueError as error:
        yield str(error)
        return
    if not 6 <= len(found) <= 10 or [q.number for q in found] != list(range(1, len(found) + 1)):
        yield f"the questions are numbered {[q.number for q in found]}, expected 1 to 6, … or 10"
    letters = Counter(q.right for q in found)
    longest = sum(q.options[q.right] == max(q.options.values(), key=len) for q in found)
    if found and max(letters.values()) > len(found) / 2:
        yield f"the right answers are {''.join(q.right for q in found)}: one letter is more than half of them"
    if longest > len(found) / 2:
        yield f"in {longest} of {len(found)} questions the right answer is the longest"


def ending(cells, words):
    """You have, as many as there were to do, and further reading at the very end."""
    text = markdown(cells)
    will, have = bullets(section(text, words.will, r"\*\*")), bullets(section(text, words.have, "#"))
    if will != have and words is WORDS["en"]:  # 小结 draws conclusions: ZH's mirror need not have as many
        yield f"{words.will} has {will} bullets, {words.have} {have}"
    if not re.search(rf"^{re.escape(words.have)}$", text, re.MULTILINE):
        yield f"there is no {words.have}"
    if re.findall(r"^## .*", text, re.MULTILINE)[-1:] != [words.reading]:
        yield f"the last section is not {words.reading}"
    elif not bullets(section(text, words.reading, "#")) or cells[-1].cell_type != "markdown":
        yield f"{words.reading} has no bullets, or is not the end"


def figures(cells, words):
    """Each picture can be heard: a description, a caption and a name; one picture a cell."""
    least = 40 if words is WORDS["en"] else 15  # a Chinese sentence has fewer characters
    for number, cell in code(cells):
        pictures = sum("image/png" in data or "image/svg+xml" in data for data in stored(cell))
        about = cell.metadata.get("mystnb", {})
        alt, figure = about.get("image", {}).get("alt", ""), about.get("figure", {})
        if pictures > 1 or bool(pictures) != bool(about):
            yield f"cell {number}: {pictures} pictures, and metadata mystnb={about or 'nothing'}"
        if pictures and len(stored(cell)) > 1:
            yield f"cell {number}: shows something beside its picture, which would get the picture's caption as well"
        if pictures and (len(alt) < least or re.search(r"\.\w{3,4}$|_build|\\", alt)):
            yield f"cell {number}: alt text {alt!r} does not tell what one sees, in at least {least} characters"
        if pictures and not (figure.get("caption") and figure.get("name", "").startswith("fig-")):
            yield f"cell {number}: no caption, or no name that begins with fig-"


def code_cells(cells, words):
    """Code cells are short, hide nothing, and leave the talking to the Markdown."""
    for number, cell in code(cells):
        lines = [line for line in cell.source.split("\n") if line.strip()]
        tags = cell.metadata.get("tags", [])
        if len(lines) > LINES and not is_solution(cell):
            yield f"cell {number}: {len(lines)} lines, at most {LINES} (aim at 15)"
        if not is_solution(cell):  # whose prose folds on the page
            yield from (f"cell {number}: {len(line)} columns: {line!r}" for line in lines if len(line) > COLUMNS)
        if unknown := [tag for tag in tags if not TAGS.fullmatch(tag)]:
            yield f"cell {number}: tags {unknown}"
        if "hide-cell" in tags and not is_solution(cell):
            yield f"cell {number}: hidden, and no solution"
        if re.search(r"^[%!]", cell.source, re.MULTILINE):
            yield f"cell {number}: a magic or shell command"
        if all(line.startswith("#") for line in lines):
            yield f"cell {number}: no code in it"
        if re.search(r"(^ *#.*\n){4}", cell.source + "\n", re.MULTILINE):
            yield f"cell {number}: more than three lines of comment in a row: prose belongs in Markdown"
        if re.search(r"\b(Markdown|HTML|Latex)\(|\b(suptitle|plt\.title)\(", cell.source):
            yield f"cell {number}: prose in code, or in a picture: it belongs in Markdown, or in the caption"


def outputs(cells, words):
    """What a cell prints fits the page."""
    for number, cell in code(cells):
        shown = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for line in "\n".join(shown).split("\n"):
            if len(line) > SHOWN:
                yield f"cell {number}: prints {len(line)} columns, at most {SHOWN}: {line!r}"


def unfinished(cells, words):
    """No notes to oneself."""
    for number, cell in enumerate(cells):
        for word in re.findall(r"\b(?:TODO|FIXME|XXX|TBD)\b", cell.source):
            yield f"cell {number}: {word}"


def unseen(cells, words):
    """No line that begins with a per cent sign, which the pages take for a comment and leave out, or with a plus or a
    star, which makes a list even within a formula; and per cent stand at their number."""
    for number, cell in enumerate(cells):
        if cell.cell_type == "markdown" and (line := re.search(r"^(?:> ?)*%.*", cell.source, flags=re.MULTILINE)):
            yield f"cell {number}: the pages leave out {line[0]!r}"
        text = DISPLAY.sub("", cell.source) if cell.cell_type == "markdown" else ""
        if line := re.search(r"^(?:> ?)* *[+*] .*", text, flags=re.MULTILINE):
            yield f"cell {number}: becomes a list: {line[0]!r}"
        if percent := re.search(r"\d %", text):
            yield f"cell {number}: the book writes 95%, not {percent[0]!r}"


def length(cells, words):
    """As long as one sitting: words of English prose, without displayed formulas, questions and folded solutions."""
    text = DISPLAY.sub("", markdown(cells)).replace(section(markdown(cells), words.questions, "## "), "")
    count = len(re.sub(r"^<details>.*?^</details>", "", text, flags=re.MULTILINE | re.DOTALL).split())
    if words is WORDS["en"] and not LEAST <= count <= MOST:
        yield f"{count:,} words, expected {LEAST:,} to {MOST:,}"


SHAPE = (opening, questions, exercises, ending, figures, code_cells, outputs, unfinished, unseen)


def shape(cells, language: str = "en", rules=SHAPE) -> list[str]:
    return [f"{rule.__name__}: {complaint}" for rule in rules for complaint in rule(cells, WORDS[language])]


# --- Rules of twins: of a script and its notebook -------------------------------------------------------------------


def twins_agree(source, notebook):
    """The script's cells are the notebook's: kind, id, text and metadata, in the same order."""
    (metadata, wanted), (stored_metadata, stored) = contents(source), contents(notebook)
    if stored_metadata != metadata:
        yield f"the notebook's metadata is not {json.dumps(METADATA)}"
    if len(wanted) != len(stored):
        yield f"the script has {len(wanted)} cells, the notebook {len(stored)}"
        return  # from the first one too many on, each differs
    for number, (ours, theirs) in enumerate(zip(wanted, stored, strict=True)):
        for name, a, b in zip(("kind", "id", "metadata", "text"), ours, theirs, strict=True):
            if a != b:
                if name == "text":  # of which only the first lines that differ
                    lines = zip_longest(a.split("\n"), b.split("\n"), fillvalue="")
                    a, b = next(pair for pair in lines if pair[0] != pair[1])
                yield f"cell {number}: its {name} is {a!r} in the script and {b!r} in the notebook (make notebooks?)"


def metadata_means_something(script: str):
    """Every cell's metadata in the script is of the kinds that the notebook keeps."""
    for number, cell in enumerate(jupytext.reads(script, fmt="py:percent").cells):
        if unknown := set(cell.metadata) - {*KEPT, "lines_to_next_cell"}:
            yield f"cell {number}: unknown metadata {sorted(unknown)}, expected one of {KEPT}"


def run_in_order(notebook):
    """All code cells were run, once, from top to bottom."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells were run in the order {counts}"


def nothing_failed(notebook):
    """No cell stores an error, or what it wrote to stderr."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"cell {number}: stores {output.get('name', 'error')}"


def nothing_passing(notebook):
    """No output holds what changes from day to day or from one machine to the next."""
    for number, cell in enumerate(notebook.cells):
        for name, pattern in PASSING.items():
            for match in re.finditer(pattern, "\n".join(texts(cell))):
                yield f"cell {number}: its output holds {name}: {match[0]!r}"
        if cell.metadata.keys() - set(KEPT):
            yield f"cell {number}: stores the metadata {sorted(cell.metadata)}"


def twins(script: str, source, notebook) -> list[str]:
    rules = (run_in_order, nothing_failed, nothing_passing)
    found = [*twins_agree(source, notebook), *metadata_means_something(script)]
    return found + [complaint for rule in rules for complaint in rule(notebook)]


# --- Rules of translations: of a script and the English notebook ----------------------------------------------------


def gaps(cells) -> list[list]:
    """The Markdown cells before the first code cell, between it and the second, …, after the last."""
    found = [[]]
    for cell in cells:
        if cell.cell_type == "code":
            found.append([])
        else:
            found[-1].append(cell)
    return found


def landmarks(cells) -> dict:
    """What prose has in common with its translation: headings, formulas, labels, sources, exercises, what is linked."""
    text = markdown(cells)
    formulas = [re.sub(r"\\text\{[^}]*\}|\s+", "", formula) for formula, _ in DISPLAY.findall(text)]
    patterns = [re.compile(words.exercise, re.MULTILINE) for words in WORDS.values()]
    return {
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)],
        "formulas": formulas,
        "labels": [label for _, label in DISPLAY.findall(text)],
        "sources": sorted({key.strip() for keys in CITATION.findall(text) for key in keys.split(",")}),
        "exercises": [(match[1], match[4]) for pattern in patterns for match in pattern.finditer(text)],
        "questions": re.findall(r"^- \*\*([A-Z] [✓✗])\*\*", text, re.MULTILINE),
        "links": sorted({link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)}),
    }


def cells_correspond(own, english):
    """As many code cells, all empty, and around them as many cells of prose, about the same things."""
    yield from misfits(own, english)
    for number, (ours, theirs) in enumerate(zip(gaps(own), gaps(english), strict=False)):
        where = f"after code cell {number}" if number else "before the first code cell"
        if len(ours) != len(theirs):
            yield f"{where}: {len(ours)} cells of prose, in English {len(theirs)}"
            continue
        for a, b in zip(ours, theirs, strict=True):
            a, b = landmarks([a]), landmarks([b])
            yield from (f"{where}: the {what} are {a[what]}, in English {b[what]}" for what in a if a[what] != b[what])


def pictures_speak(own, english):
    """Each picture has its caption and its description in the translation's language."""
    for number, ((_, a), (_, b)) in enumerate(zip(code(own), code(english), strict=False), 1):
        for place, words in b.metadata.get("mystnb", {}).items():
            word = {"figure": "caption", "image": "alt"}[place]
            told = a.metadata.get("mystnb", {}).get(place, {}).get(word, "")
            if word in words and not any(map(wide, told)):
                yield f"code cell {number}: the picture has no {word} of its own, in English {words[word]!r}"


def emphasis_shows(own, english):
    """No asterisks are left over, as they are where a mark stands just inside of ** and a letter just outside."""
    for number, cell in enumerate(own):
        if cell.cell_type == "markdown":
            for token in MARKDOWN.parse(cell.source):
                for part in token.children or []:
                    if part.type == "text" and "*" in part.content:
                        yield f"cell {number}: {part.content!r} shows its asterisks: move the mark outside of them"


def translation(own, english) -> list[str]:
    return [each for rule in (cells_correspond, pictures_speak, emphasis_shows) for each in rule(own, english)]


# --- Rules of the whole book ----------------------------------------------------------------------------------------


def cited(texts: Iterable[str]) -> set[str]:
    return {key.strip() for text in texts for keys in CITATION.findall(text) for key in keys.split(",")}


def references(bibliography: str, texts: list[str]):
    """Every citation has an entry, every entry is cited or at least named, and none stands twice."""
    keys = Counter(re.findall(r"^\s*@\w+\{\s*([^,\s]+)\s*,", bibliography, re.MULTILINE))
    for key in sorted(cited(texts) - set(keys)):
        yield f"{key} is cited, and has no entry"
    for key, times in keys.items():
        if times > 1:
            yield f"{key} has {times} entries"
        if not any(re.search(rf"\b{re.escape(key)}\b", text) for text in texts):
            yield f"{key} has an entry, and is never cited"


def labels(chapters) -> list[str]:
    """Every label, of a figure or an equation, stands once in the chapters of a language."""
    found = Counter()
    for cells in chapters:
        found.update(cell.metadata["mystnb"]["figure"]["name"] for _, cell in code(cells) if "mystnb" in cell.metadata)
        found.update(re.findall(r"^\$\$ \(([\w-]+)\)", markdown(cells), re.MULTILINE))
    return [f"{name} stands {times} times" for name, times in found.items() if times > 1]


# --- For an author --------------------------------------------------------------------------------------------------


def complaints(chapter: Chapter) -> list[str]:
    """All that is wrong with a chapter, a sentence each."""
    if not chapter.notebook.exists():
        return [f"there is no {chapter.notebook.name}: make notebooks NAMES={chapter}"]
    notebook, source = nbformat.read(chapter.notebook, as_version=4), read_source(chapter.path)
    found = shape(notebook.cells, chapter.language, (*SHAPE, length))
    if chapter == chapter.english:
        return found + twins(chapter.path.read_text("utf-8"), source, notebook)
    found += translation(source.cells, nbformat.read(chapter.english.notebook, as_version=4).cells)
    return found if is_current(chapter) else [*found, "the notebook is not what weaving would write (make notebooks?)"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    try:
        chosen = find(parser.parse_args().names, chapters()) or chapters()
    except ValueError as error:
        parser.error(str(error))
    found = [f"{chapter}: {complaint}" for chapter in chosen for complaint in complaints(chapter)]
    print("\n".join(found) or f"{len(chosen)} chapters obey the rules")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
