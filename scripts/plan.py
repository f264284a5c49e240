"""Write what a teacher plans with into book/teaching.md, and the paths into book/intro.md: python scripts/plan.py

A table of the chapters, with the minutes that reading, questions and exercises take, one of the exercises by kind, and
the graph of what builds on what, as a drawing whose boxes are links. Minutes of exercises are the chapters' own;
reading is counted at 130 words and half a displayed formula a minute, and half a minute for each code cell; a question
takes two minutes.
"""

from __future__ import annotations

import re
from html import escape

import nbformat
from chapters import BOOK, Chapter, in_order
from contents import opening
from questions import parse
from rules import DISPLAY, WORDS, code, is_solution, markdown, section

PAGE, FRONT = BOOK / "teaching.md", BOOK / "intro.md"
NEEDS = {  # the chapters that each builds on
    "tokens": (),
    "one-hot": ("tokens",),
    "word2vec": ("one-hot",),
    "word2vec-at-scale": ("word2vec",),
    "glove": ("word2vec-at-scale",),
    "contextual": ("word2vec",),
    "positional-encoding": ("word2vec",),
    "the-input-layer": ("contextual", "positional-encoding"),
    "encoder-decoder": ("word2vec",),
    "rnn": ("word2vec",),
    "lstm-gru": ("rnn",),
    "lstm-encoder": ("lstm-gru",),
    "attention": ("encoder-decoder", "lstm-encoder"),
    "transformer-encoder": ("the-input-layer", "attention"),
    "wrong-on-purpose": ("transformer-encoder",),
    "translation": ("transformer-encoder",),
    "summarization": ("translation",),
    "question-answering": ("lstm-encoder", "contextual"),
    "fine-tuning": ("contextual", "transformer-encoder"),
    "wrong-in-use": ("wrong-on-purpose", "summarization", "question-answering", "fine-tuning"),
    "cross-modal": ("question-answering",),
}
PLACES = {  # column and row of each box
    "tokens": (2, 0),
    "one-hot": (2, 1),
    "word2vec": (2, 2),
    "word2vec-at-scale": (0, 3),
    "glove": (0, 4),
    "contextual": (1, 3),
    "positional-encoding": (2, 3),
    "the-input-layer": (1.5, 4),
    "rnn": (3, 3),
    "lstm-gru": (3, 4),
    "lstm-encoder": (3, 5),
    "encoder-decoder": (4, 3),
    "attention": (3.5, 6),
    "transformer-encoder": (2.5, 7),
    "wrong-on-purpose": (2.5, 8),
    "translation": (3.5, 8),
    "summarization": (3.5, 9),
    "question-answering": (0.5, 8),
    "fine-tuning": (1.5, 8),
    "wrong-in-use": (2.5, 10),
    "cross-modal": (0.5, 9),
}
SHORT = {"word2vec-at-scale": "at scale", "positional-encoding": "positions", "the-input-layer": "input layer"}
SHORT |= {
    "transformer-encoder": "Transformer",
    "wrong-on-purpose": "wrong on purpose",
    "encoder-decoder": "encoder–decoder",
    "question-answering": "questions",
    "wrong-in-use": "wrong in use",
}
PATHS = {  # for whom, and by way of which chapters
    "The input layer in a weekend": (
        "know Python, and want to see text become what a Transformer reads",
        ("tokens", "one-hot", "word2vec", "positional-encoding", "the-input-layer"),
    ),
    "Encoders for engineers": (
        "know embeddings and LSTMs from use, and build on encoders",
        ("lstm-encoder", "attention", "transformer-encoder", "wrong-on-purpose", "question-answering", "fine-tuning"),
    ),
    "How would I know that it is better?": (
        "train models, and have to compare them",
        ("glove", "contextual", "translation", "question-answering", "fine-tuning", "wrong-in-use"),
    ),
}
WIDE, HIGH, COLUMN, ROW = 148, 34, 160, 62


def load(chapter: Chapter) -> dict:
    """What a chapter asks of a student: minutes of reading, questions, and exercises with their minutes."""
    cells = nbformat.read(chapter.notebook, as_version=4).cells
    text, words = markdown(cells), WORDS["en"]
    asked = section(text, words.questions, "## ")
    prose = re.sub(r"^<details>.*?^</details>", "", text.replace(asked, ""), flags=re.MULTILINE | re.DOTALL)
    shown = sum(not is_solution(cell) for _, cell in code(cells))
    reading = len(DISPLAY.sub("", prose).split()) / 130 + len(DISPLAY.findall(prose)) / 2 + shown / 2
    minutes = [int(found[4]) for found in re.finditer(words.exercise, text, re.MULTILINE)]
    questions = len(parse(asked))
    return {"reading": 5 * round(reading / 5), "questions": questions, "exercises": minutes}


def hours(minutes: float) -> float:
    """Minutes as hours, to the half."""
    return round(minutes / 30) / 2


def table() -> str:
    """One row for each chapter, and one for all."""
    lines = ["| chapter | reading | questions | exercises | hours in all |", "| --- | --: | --: | --: | --: |"]
    total, own = 0.0, [(chapter, load(chapter)) for chapter in in_order()]
    for chapter, what in own:
        minutes = what["reading"] + 2 * what["questions"] + sum(what["exercises"])
        total += hours(minutes)  # so that the column adds up
        link = f"[{opening(chapter)[0].split(':')[0]}]({chapter.notebook.relative_to(BOOK).as_posix()})"
        exercises = f"{len(what['exercises'])}, {sum(what['exercises'])} min"
        lines.append(f"| {link} | {what['reading']} min | {what['questions']} | {exercises} | {hours(minutes):g} |")
    questions, exercises = (
        sum(f(what) for _, what in own) for f in (lambda w: w["questions"], lambda w: len(w["exercises"]))
    )
    lines.append(f"| **all** | | {questions} | {exercises} | {total:g} |")
    return "\n".join(lines)


def paths() -> str:
    """Ways through the book that leave chapters out: for whom, which, and how many hours with exercises and without."""
    chapters = {chapter.name: chapter for chapter in in_order()}
    lines = ["| path | if you | chapters | hours |", "| --- | --- | --- | --- |"]
    for path, (reader, names) in PATHS.items():
        own = [load(chapters[name]) for name in names]
        read = sum(what["reading"] + 2 * what["questions"] for what in own)
        links = [
            f"[{opening(chapters[name])[0].split(':')[0]}]({chapters[name].notebook.relative_to(BOOK).as_posix()})"
            for name in names
        ]
        both = f"{hours(read):g}, with exercises {hours(read + sum(sum(what['exercises']) for what in own)):g}"
        lines.append(f"| {path} | {reader} | {', '.join(links)} | {both} |")
    return "\n".join(lines)


def lessons() -> str:
    """Each chapter's exercises by kind, with their minutes: a teacher fills a lesson with them."""
    lines = ["| chapter | pencil | code | open |", "| --- | --- | --- | --- |"]
    for chapter in in_order():
        text = markdown(nbformat.read(chapter.notebook, as_version=4).cells)
        kinds: dict[str, list[str]] = {"pencil": [], "code": [], "open": []}
        for number, kind, _, minutes in re.findall(WORDS["en"].exercise, text, re.MULTILINE):
            kinds[kind].append(f"{number} ({minutes})")
        link = f"[{opening(chapter)[0].split(':')[0]}]({chapter.notebook.relative_to(BOOK).as_posix()})"
        lines.append(f"| {link} | {' | '.join(', '.join(own) for own in kinds.values())} |")
    return "\n".join(lines)


def graph() -> str:
    """What builds on what, as a drawing in HTML: an arrow from each chapter to those that need it."""
    width, height = max(x for x, _ in PLACES.values()) * COLUMN + WIDE, max(y for _, y in PLACES.values()) * ROW + HIGH
    said = "; ".join(f"{name} builds on {' and '.join(needs)}" for name, needs in NEEDS.items() if needs)
    lines = [
        '<div class="sideways" tabindex="0" role="region" aria-label="What builds on what">',
        f'<svg class="prerequisites" viewBox="-2 -2 {width + 4:g} {height + 4:g}" role="group" aria-label="{said}.">',
    ]
    for name, needs in NEEDS.items():
        for other in needs:
            (x1, y1), (x2, y2) = PLACES[other], PLACES[name]
            x, y = x2 * COLUMN + WIDE / 2, y2 * ROW
            lines.append(f'<path d="M{x1 * COLUMN + WIDE / 2:g} {y1 * ROW + HIGH:g} L{x:g} {y - 6:g}"/>')
            lines.append(f'<path class="head" d="M{x - 4:g} {y - 8:g} L{x:g} {y:g} L{x + 4:g} {y - 8:g} Z"/>')
    for number, chapter in enumerate(in_order(), 1):
        x, y = PLACES[chapter.name]
        name = escape(SHORT.get(chapter.name, chapter.name))
        lines.append(f'<a href="{chapter.part}/{chapter.name}.html"><title>Chapter {number}: {name}</title>')
        lines.append(f'<rect x="{x * COLUMN:g}" y="{y * ROW:g}" width="{WIDE}" height="{HIGH}" rx="4"/>')
        lines.append(f'<text x="{x * COLUMN + WIDE / 2:g}" y="{y * ROW + HIGH / 2 + 5:g}">{name}</text></a>')
    return "\n".join([*lines, "</svg>", "</div>"])


def renewed(text: str) -> str:
    """A page's text with the tables and the graph in their places."""
    for name, made in (("plan", table), ("lessons", lessons), ("graph", graph), ("paths", paths)):
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if place.search(text):
            what = made()
            text = place.sub(lambda found, what=what: f"{found[1]}\n{what}\n\n{found[2]}", text)
    return text


if __name__ == "__main__":
    for page in (PAGE, FRONT):
        page.write_text(renewed(page.read_text("utf-8")), "utf-8")
