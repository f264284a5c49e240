"""How the book's outputs are compared: every code cell is run again, and must show what the page shows.

nbval runs the cells. It compares text, but lets through a changed picture, a cell that was never run and a notebook
without outputs, and lets a tag or a comment exempt a cell. This file decides in its place:

- **Text** (printed, HTML, SVG, …) is the same, but for runs of spaces, whose number changes with the width of a digit.
- **Floats**, numbers with digits after the point or with an exponent, are the same to their printed precision: 0.52 may
  become 0.53, not 0.54. Where they print unequally many places, the finer decides. Integers, and `1.`, are exact.
- **Pictures** have the same size, and differ by less than `RMS` of 255, root mean square over all pixels and channels.
- **A band** is wider, and only a cell's own tag can declare it: `atol=0.02` or `rtol=0.1` for its floats (|new − old|
  may be atol + rtol·|old|), `rms=3` for its pictures. A misspelt tag is an error, and so is one with nothing to widen.
- **Every cell counts**: run once, in order, nothing on stderr, no exemption. nbval's own tags and comments are errors.

Cells run as they did in `scripts/run.py`: in their notebook's folder, on one thread, with history, without which
IPython forgets that a final `;` hides a result. A cell that runs out of time says so in its first line.
"""

import base64
import functools
import io
import json
import os
import re
from collections import defaultdict
from contextlib import ExitStack
from decimal import Decimal
from itertools import zip_longest

import matplotlib.font_manager  # noqa: F401  builds the font cache now: a kernel that has to would say so on stderr
import numpy as np
import pytest
from kernel import settings
from matplotlib.image import imread
from nbval.plugin import IPyNbCell, find_comment_markers, find_metadata_tags

RMS = Decimal(
    "0.3"
)  # what a wrong axis label exceeds, and the same figure drawn twice does not
FLOAT = re.compile(
    r"(?<![\w.])[-+−]?(?:\d*\.\d+(?:[eE][-+]?\d+)?(?!\d|\.\d)|\d+[eE][-+]?\d+(?!\w|\.\d))"
)
BAND = re.compile(r"(atol|rtol|rms)=(\d+(?:\.\d+)?(?:e-?\d+)?)")
SECONDS = re.compile(r"\babout\s+(\d+)\s+(second|minute)")
COST = {
    "colab": 25,
    "slow": 15,
    "browser": 3,
}  # seconds for each test of a kind, and of any other 0.05
WIDENS = {"atol": "float", "rtol": "float", "rms": "picture"}
ADVICE = (
    "If the new output is right, execute the notebook again (make notebooks) and read what its prose says of it.\n"
    "If it differs from one machine to another, print fewer digits, or a relation that holds on all of them. Only a\n"
    "result that must move, such as a trained model's, gets a tag (atol=…, rtol=… or rms=…) and a word about it."
)

os.environ.setdefault("OMP_NUM_THREADS", "1")


def bands(cell):
    """What the cell's floats and pictures may differ by: {"atol": …, "rtol": …, "rms": …}."""
    matches = (BAND.fullmatch(tag) for tag in cell.metadata.get("tags", []))
    return {"atol": Decimal(0), "rtol": Decimal(0), "rms": RMS} | {
        m[1]: Decimal(m[2]) for m in matches if m
    }


def parts(outputs):
    """A cell's outputs as a list of (kind, content), in order; kind is a stream's name, a media type or "error"."""
    for output in outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        elif output.output_type == "error":
            yield "error", f"{output.ename}: {output.evalue}"
        else:
            for kind, content in sorted(output.data.items()):
                yield (
                    kind,
                    content
                    if isinstance(content, str)
                    else json.dumps(content, sort_keys=True),
                )


def text_differences(old, new, bands):
    """One sentence for each line that differs beyond its spaces, and each float that differs beyond what is allowed."""
    for number, (a, b) in enumerate(zip_longest(old.split("\n"), new.split("\n")), 1):
        form_a, form_b = (
            line and re.sub(" +", " ", FLOAT.sub(" #", line)).rstrip()
            for line in (a, b)
        )
        if form_a != form_b:
            yield f"line {number}: stored {a!r:.300}, now {b!r:.300}"
            continue
        for x, y in zip(FLOAT.findall(a), FLOAT.findall(b), strict=True):
            x, y = (Decimal(number.replace("−", "-")) for number in (x, y))
            unit = Decimal(1).scaleb(min(x.as_tuple().exponent, y.as_tuple().exponent))
            allowed = max(unit, bands["atol"] + bands["rtol"] * abs(x))
            if abs(x - y) > allowed:
                yield f"line {number}: stored {x}, now {y}: {abs(x - y)} apart, {allowed} allowed"


def picture_differences(old, new, bands):
    """At most one sentence: on the size, or on the root mean square difference."""
    a, b = (
        255 * imread(io.BytesIO(base64.b64decode(png)), format="png")
        for png in (old, new)
    )  # (height, width, 4)
    if a.shape != b.shape:
        yield f"the stored picture is {a.shape[1]} × {a.shape[0]} pixels, the new one {b.shape[1]} × {b.shape[0]}"
    elif (rms := np.sqrt(((a - b) ** 2).mean())) > bands["rms"]:
        yield f"the pictures differ by {rms:.2f} of 255 (root mean square), {bands['rms']} allowed"


def differences(stored, fresh, bands):
    """Every difference that counts between two lists of outputs, in words."""
    stored, fresh = list(parts(stored)), list(parts(fresh))
    kinds, kinds_now = ([kind for kind, _ in outputs] for outputs in (stored, fresh))
    if kinds != kinds_now:
        yield f"stored {kinds or 'nothing'}, now {kinds_now or 'nothing'}: {'; '.join(c[:200] for _, c in fresh)}"
        return
    for (kind, old), (_, new) in zip(stored, fresh, strict=True):
        compare = picture_differences if kind == "image/png" else text_differences
        yield from (f"{kind}, {difference}" for difference in compare(old, new, bands))


def compared(cell):
    """In which ways the cell's stored outputs are compared: any of picture, float and text."""
    outputs = list(parts(cell.outputs))
    texts = [content for kind, content in outputs if kind != "image/png"]
    found = {
        "text": texts,
        "float": FLOAT.search(" ".join(texts)),
        "picture": len(texts) < len(outputs),
    }
    return {way for way, present in found.items() if present}


def complaints(cells, number):
    """What is wrong with a stored code cell, whatever it shows when run; number counts the code cells from 0."""
    cell = cells[number]
    tags = cell.metadata.get("tags", [])
    if number == 0 and not any(cell.outputs for cell in cells):
        yield "the notebook stores no output at all"
    if cell.execution_count != number + 1:
        yield f"stored as run number {cell.execution_count}, expected {number + 1}: run all cells, once, in order"
    if any(kind in ("stderr", "error") for kind, _ in parts(cell.outputs)):
        yield "it stores an error, or something written to stderr"
    if [*find_metadata_tags(cell.metadata), *find_comment_markers(cell.source)]:
        yield "a tag or comment would have nbval treat it differently: no cell of this book is exempt"
    for tag in tags:
        if match := BAND.fullmatch(tag):
            if WIDENS[match[1]] not in compared(cell):
                yield f"tag {tag!r} widens nothing: the cell stores no {WIDENS[match[1]]}"
        elif re.match("atol|rtol|rms|.*=", tag):
            yield f"tag {tag!r} is not atol=…, rtol=… or rms=… with a number"


def compare_outputs(item, fresh, stored):
    """What nbval calls once a cell has run: whether all is well, and if not, what it prints."""
    cells = [cell for cell in item.parent.nb.cells if cell.cell_type == "code"]
    wrong, differing = (
        list(complaints(cells, item.cell_num)),
        list(differences(stored, fresh, bands(item.cell))),
    )
    item.comparison_traceback = [
        *wrong,
        *differing,
        *(["", ADVICE] if differing else []),
    ]
    return not wrong and not differing


def timed_out(item, excinfo):
    """What nbval prints of a cell that failed, with the reason in the first line if that is the clock."""
    said = str(IPyNbCell.repr_failure(item, excinfo))
    if not item.parent.timed_out:
        return said
    limit = item.config.option.nbval_cell_timeout
    return (
        f"timeout: the cell ran longer than {limit:g} s (--nbval-cell-timeout)\n{said}"
    )


def pytest_itemcollected(item):
    if isinstance(item, IPyNbCell):
        item.options = defaultdict(
            bool, check=True
        )  # whatever tags, comments and --nbval-lax say
        item.compare_outputs = functools.partial(compare_outputs, item)
        item.repr_failure = functools.partial(timed_out, item)
        item.output_timeout = 3600  # nbval's 5 seconds are too short on a busy machine


def cost(items):
    """About how many seconds the tests of one file take: what a chapter says of itself, and a guess for the others."""
    if isinstance(items[0], IPyNbCell):
        text = " ".join(
            cell.source
            for cell in items[0].parent.nb.cells
            if cell.cell_type == "markdown"
        )
        said = SECONDS.search(text)
        return 0 if not said else int(said[1]) * (60 if said[2] == "minute" else 1)
    return sum(
        sum(COST.get(mark.name, 0) for mark in item.iter_markers()) or 0.05
        for item in items
    )


def pytest_collection_modifyitems(items):
    """The longest files first, so that no process is left alone with one of them in the end."""
    files = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    items[:] = [
        item for own in sorted(files.values(), key=cost, reverse=True) for item in own
    ]


def pytest_configure(config):
    own = ExitStack()
    own.enter_context(settings())
    config.add_cleanup(own.close)
    # xdist would sort the files by the number of their tests
    config.option.loadscopereorder = False


collect_ignore = [
    "zh"
]  # a translation's code and outputs are the English chapter's, which is tested


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if isinstance(item, IPyNbCell):
        kernel = item.parent.kernel
        kernel.execute_cell_input = functools.partial(
            kernel.kc.execute, store_history=True, stop_on_error=False
        )
        item.cell.execution_count = (
            item.cell.execution_count or 0
        )  # at None nbval would compare nothing
    return (yield)
