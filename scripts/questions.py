"""The questions of a chapter's section *Check yourself*, read from its Markdown.

In the source, in the notebook and on Colab a question is plain Markdown; book/_static/questions.js makes it a form on
the page, and fails on the same texts as this parser does.

    **1. What is left of a memory after ten words, with $b = 0$?**

    - **A** About half.
    - **B** About a thousandth.
    - **C** All of it.

    <details><summary>Answer</summary>

    - **A ✗** That is one word's share, $\\sigma(0) = 1/2$.
    - **B ✓** $2^{-10}$ is $1/1024$.
    - **C ✗** The gate would have to be open, and $\\sigma(0)$ is a half.

    </details>
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ANSWER = {"en": "Answer", "zh": "答案"}


@dataclass(frozen=True)
class Question:
    number: int
    text: str
    options: dict[str, str]  # by letter
    explanations: dict[str, str]
    right: str  # the letter


def items(text: str, label: str) -> list[tuple[str, str]]:
    """The bullets of a list that begin with a bold label, in order: what the label's group holds, and the rest."""
    parts = re.split(rf"^- \*\*{label}\*\* ", text, flags=re.MULTILINE)
    return [(name, " ".join(rest.split())) for name, rest in zip(parts[1::2], parts[2::2], strict=True)]


def parse(section: str, language: str = "en") -> list[Question]:
    """The questions of a section. ValueError, in words for its author, if one is not as it should be."""
    heads = list(re.finditer(r"^\*\*(\d+)\. ", section, re.MULTILINE))
    ends = [*(head.start() for head in heads[1:]), len(section)]
    return [
        _question(section[head.start() : end], int(head[1]), language) for head, end in zip(heads, ends, strict=False)
    ]


def _question(text: str, number: int, language: str) -> Question:
    answer = f"<details><summary>{ANSWER[language]}</summary>"
    match = re.fullmatch(
        rf"\*\*\d+\. (.+?)\*\*\n\n(- .*?)\n\n{re.escape(answer)}\n\n(- .*?)\n\n</details>\s*", text, re.DOTALL
    )
    if not match:
        raise ValueError(f"question {number} is not **{number}. …**, a list, {answer}, a list, </details>")
    options, told = items(match[2], "([A-Z])"), items(match[3], "([A-Z] [✓✗])")
    letters = "".join(letter for letter, _ in options)
    if letters not in ("ABC", "ABCD") or letters != "".join(label[0] for label, _ in told):
        raise ValueError(f"question {number} has the options {letters or 'none'}, explained are {[t for t, _ in told]}")
    right = [label[0] for label, _ in told if label.endswith("✓")]
    if len(right) != 1:
        raise ValueError(f"question {number} has {len(right)} right answers, marked by ✓")
    return Question(
        number, " ".join(match[1].split()), dict(options), {label[0]: rest for label, rest in told}, right[0]
    )
