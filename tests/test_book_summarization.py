"""What the chapter on summaries says of its tables is what they hold, and its few lines compute what libraries do."""

import re

import common
import nbformat
import networkx as nx
import numpy as np
import pytest
from chapters import chapters, find

from scratch.corpora import load_docstrings, split_sentences
from scratch.metrics import verdict

(CHAPTER,) = find(["summarization"], chapters())
# what the prose says, word for word, and which lines of which tables (named by their first column) bear it out
PAIRS = "ROUGE-1"
CLAIMS = {
    "TextRank, which does not know where a sentence stands, is worse than the first here.": [
        (PAIRS, "TextRank against first sentence", "worse")
    ],
    "Eight words that say nothing about anything are better than the first sentence of the text, if ROUGE-1 is "
    "asked.": [(PAIRS, "one line against first sentence", "better")],
    "The pointer is worth its price: it is better than no pointer, even after the unknown words were looked up.": [
        (PAIRS, "no pointer, looked up against no pointer", "better"),
        (PAIRS, "pointer against no pointer, looked up", "better"),
    ],
    "So is the name: a network that reads it is better than one that does not.": [
        (PAIRS, "pointer, name against pointer", "better")
    ],
    "The network with a pointer is worse than the first sentence, and worse than one line of eight words that is the "
    "same for all.": [("summary", "pointer", "worse"), (PAIRS, "pointer against one line", "worse")],
    "The network that reads the name is worse than the name: it has been told a summary with a higher score than its "
    "own, word for word, at the beginning of its input, and has a pointer to copy it with.": [
        (PAIRS, "pointer, name against name", "worse")
    ],
    "With as many docstrings to learn from, it is better where it knows the packages.": [
        ("pointer, trained on", "the same packages, too", "better")
    ],
    "set up summarizers that understand nothing, and seen that no interval tells the name of a function from the best "
    "sentence, and that one line for all texts does better than the first;": [
        (PAIRS, "name against best sentence", "not distinguishable"),
        (PAIRS, "one line against first sentence", "better"),
    ],
}
WORDS = re.compile(r"\b(better|worse|beats?|beaten|outperform\w*|distinguishable)\b")
# what has one of these words, and is a question, a rule, or said of others' work, or by them
OTHERS = (
    "*Better* in the last column means that",
    '"our model has handily outperformed our lead-3 baseline"',
    "Is that better than the whole sentence on the test?",
    "words cut off in the middle of a sentence are no worse for ROUGE",
    "a discussion of why the first sentences were not beaten",
)


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(CHAPTER.notebook, as_version=4)


@pytest.fixture(scope="module")
def rows(notebook):
    """Every line of a table that ends in a verdict, by the table's first column: difference, interval, verdict."""
    found = {}
    line = r"^(\S.*?)\s{2,}.*?([+-][\d.]+)\s+([+-][\d.]+)\s+([+-][\d.]+)\s+(better|worse|not distinguishable)$"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "").replace("−", "-")
            table = re.split(r"\s{2,}", text.split("\n")[0])[0]
            for name, *numbers, said in re.findall(line, text, re.MULTILINE):
                found[table, name] = (*map(float, numbers), said)
    return found


def prose(notebook):
    """The chapter's sentences, without questions, solutions and code."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = re.sub(r"## Check yourself.*?## Exercises", "", text, flags=re.DOTALL)
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"^> ?", "", text, flags=re.MULTILINE)
    return [
        re.sub(r"\s+", " ", part)
        for part in re.split(r"(?<=[.?!])\s+(?=[A-Z*“])|\n\n|\n?^- ", text, flags=re.MULTILINE)
    ]


def test_verdicts_follow_from_their_intervals(rows):
    assert len(rows) >= 15
    for name, (mean, low, high, said) in rows.items():
        assert low <= mean <= high, name
        if low and high:  # else too near to zero to tell by the digits that are printed
            assert said == verdict(low, high), name


def test_what_the_prose_calls_better_or_worse_is(notebook, rows):
    sentences = prose(notebook)
    for sentence, lines in CLAIMS.items():
        assert sentence in sentences, sentence
        for table, name, said in lines:
            assert rows[table, name][-1] == said, sentence
    loose = [s for s in sentences if WORDS.search(s) and s not in CLAIMS and not any(part in s for part in OTHERS)]
    assert loose == []


@pytest.fixture(scope="module")
def defined():
    """The chapter's functions."""
    train, _, test = load_docstrings()
    wanted = ("def words(text):", "def graph(sentences):", "def by_module(x", "def parts(name):")
    return common.from_chapter(
        "uses/summarization",
        wanted,
        train=train,
        test=test,
        split_sentences=split_sentences,
        references=[row[2] for row in test],
        firsts=[""] * len(test),
        rouge=lambda *_: {"rouge1": 0},
    )


def test_textrank_is_pagerank(defined):
    bodies = [split_sentences(body) for _, body, *_ in defined["test"]]
    for sentences in [s for s in bodies if len(s) > 3][:40]:
        similar = np.zeros((len(sentences), len(sentences)))
        for i, a in enumerate(sentences):
            for j, b in enumerate(sentences):
                one, other = defined["words"](a), defined["words"](b)
                if i != j:
                    shared = len({*one} & {*other})
                    similar[i, j] = shared / (np.log(max(len(one), 2)) + np.log(max(len(other), 2)))
        theirs = nx.pagerank(nx.from_numpy_array(similar), alpha=0.85, tol=1e-12, max_iter=500)
        ours = defined["textrank"](sentences)
        assert np.allclose(ours, [theirs[i] for i in range(len(sentences))], atol=1e-6)


def test_a_module_counts_by_its_docstrings(defined):
    by_module, place = defined["by_module"], defined["place"]
    x = np.random.default_rng(0).normal(size=(3, len(place)))
    y = by_module(x)
    assert np.allclose(y.mean(1), x.mean(1))
    # the clustered standard error of a mean: residuals are added within a module before they are squared
    residuals = x - x.mean(1, keepdims=True)
    sums = np.array([[residuals[s, place == m].sum() for m in range(y.shape[1])] for s in range(3)])
    count = y.shape[1]
    clustered = np.sqrt((sums**2).sum(1) * count / (count - 1)) / len(place)
    assert np.allclose(y.std(1, ddof=1) / np.sqrt(count), clustered)
    some = np.flatnonzero(place < 50)
    assert by_module(x[:, some], some).shape == (3, 50)
