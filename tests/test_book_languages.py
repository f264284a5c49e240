"""Chapters of one name in two parts and languages; a translation is woven, held to the English, and has its pages."""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import rules
import run
import translations
import yaml
from bs4 import BeautifulSoup
from chapters import BOOK, chapters, contents, find, in_order, seconds
from nbformat.v4 import new_output
from screenshots import chromium, serving, settle, visitor
from test_book_pages import broken_links, mute_pictures, other_hosts, read
from test_book_shape import CHAPTER, FIGURE, QUESTIONS
from test_browser import complaints
from weave import joined, weave

ROOT = BOOK.parent
HEADER = CHAPTER[: CHAPTER.index("# %%")]
TRANSLATION = (
    HEADER
    + """# %% [markdown]
# # 时钟
#
# **时钟怎样分辨37和38？**
#
# **本章要做的事**
#
# - 读时钟；
# - 转指针；
# - 把两个角相加，
#   见{cite:t}`vaswani2017attention`。
#
# **预备知识**：一根时针。全章代码在单个处理器核上
# 约15秒跑完。

# %%

# %% mystnb={"image": {"alt": "一座圆钟，长针指向上方，短针指向右方。"}, "figure": {"caption": "三点整。"}}

# %% [markdown]
# $$
# 37 < 38
# $$ (eq-hand)
#
# ## 想一想
"""
    + QUESTIONS.replace("Answer", "答案")
    + """#
# ## 练习
#
# > **练习1**（笔算，易，5分钟）。为什么
# > 呢？
# >
# > *提示*：因为。

# %% [markdown]
# <details><summary>解答1</summary>
#
# 时针走得慢，所以如此。
#
# </details>

# %%

# %% [markdown]
# > **练习2**（编程，中，20分钟）。怎样？
# >
# > *提示*：这样。

# %%

# %% [markdown]
# > **练习3**（编程，难，40分钟）。多快？
# >
# > *提示*：很快。

# %%

# %% [markdown]
# 先说一句。
#
# > **练习4**（开放，难，90分钟）。然后呢？
# >
# > *提示*：谁知道。

# %%

# %% [markdown]
# ## 小结
#
# - 时钟会读了。
#
# ## 延伸阅读
#
# - A. Clockmaker, *Hands*, 1761. 讲指针。
"""
)
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, run and translated; another part of it has a chapter of the same name."""
    book = tmp_path / "a copy" / "book"
    for place, text in {
        "input-layer": CHAPTER,
        "encoder/deeper": CHAPTER,
        "zh/input-layer": TRANSLATION,
        "zh/encoder/deeper": TRANSLATION,
    }.items():
        (book / place).mkdir(parents=True)
        (book / place / "clock.py").write_text(text, "utf-8")
    (book / "conftest.py").write_text("import os\n", "utf-8")  # a script, and no chapter
    for chapter in chapters(book, "en"):
        notebook = run.read_source(chapter.path)
        for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            cell.execution_count = count
        data = {"image/png": DOT, "text/plain": "<Figure>"}
        notebook.cells[FIGURE].outputs = [new_output("display_data", data=data)]
        run.write(notebook, chapter.notebook)
    return book


def by_name(book, *names):
    return [str(chapter) for chapter in find(list(names), chapters(book))]


def test_one_name_in_two_parts_and_two_languages(book):
    keys = [(c.language, c.part, c.name) for c in chapters(book)]
    assert keys == [(*pair, "clock") for pair in (("en", "encoder/deeper"), ("en", "input-layer"))] + [
        (*pair, "clock") for pair in (("zh", "encoder/deeper"), ("zh", "input-layer"))
    ]
    assert by_name(book, "input-layer/clock") == ["input-layer/clock"]
    assert by_name(book, "zh/input-layer/clock", "input-layer/clock", "zh/input-layer/clock") == [
        "zh/input-layer/clock",
        "input-layer/clock",
    ]
    for chapter in chapters(book):
        assert chapter.english.path == book / chapter.part / "clock.py"
    for name, candidates in {
        "clock": "input-layer/clock or encoder/deeper/clock",
        "zh/clock": "zh/input-layer/clock or zh/encoder/deeper/clock",
    }.items():
        expected = " or ".join(sorted(candidates.split(" or ")))
        with pytest.raises(ValueError, match=f"^{name} may be {expected}: say which$"):
            by_name(book, name)
    with pytest.raises(ValueError, match="no chapter is called deeper/clock; there are encoder/deeper/clock, input"):
        by_name(book, "deeper/clock")
    (book / "encoder" / "deeper" / "clock.py").unlink()
    assert by_name(book, "clock") == ["input-layer/clock"]


def test_a_name_means_the_english_chapter_where_no_language_is_said(book):
    (book / "encoder/deeper/clock.py").rename(book / "encoder/deeper/hour.py")
    (book / "zh/encoder/deeper/clock.py").rename(book / "zh/encoder/deeper/hour.py")
    assert by_name(book, "clock", "zh/hour") == ["input-layer/clock", "zh/encoder/deeper/hour"]


def test_the_longest_is_run_first(book, capsys):
    path = book / "encoder" / "deeper" / "clock.py"
    path.write_text(path.read_text("utf-8").replace("# about 15 seconds", "# about two minutes"), "utf-8")
    run.main(["--list"], book)
    listed = [Path(line).resolve() for line in capsys.readouterr().out.splitlines()]
    assert listed == [(book / part / "clock.ipynb").resolve() for part in ("encoder/deeper", "input-layer")]
    run.main(["--list", "zh/input-layer/clock"], book)  # the outputs of a translation are those of the English chapter
    assert Path(capsys.readouterr().out.strip()).resolve() == (book / "input-layer/clock.ipynb").resolve()
    assert [seconds(text) for text in ("in about\n40 seconds", "about a minute", "soon")] == [40, 60, 3600]


def test_the_books_own_chapters_are_found_and_stand_in_its_contents():
    assert [str(c) for c in in_order()][:2] == ["input-layer/tokens", "input-layer/one-hot"]
    assert {f"book/{chapter}" for chapter in chapters(language="en")} <= set(contents())


# --- Weaving --------------------------------------------------------------------------------------------------------


def woven(book):
    chapter = find(["zh/input-layer/clock"], chapters(book))[0]
    return weave(run.read_source(chapter.path), nbformat.read(chapter.english.notebook, as_version=4))


def test_run_weaves_the_translation_and_executes_nothing_of_it(book, capsys, monkeypatch):
    monkeypatch.setattr(rules, "LEAST", 0)  # words of a chapter: this one is small
    with pytest.raises(SystemExit) as ended:
        run.main([], book)
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 executed, 2 woven, 2 unchanged, 0 failed"
    with pytest.raises(SystemExit):
        run.main([], book)
    assert capsys.readouterr().out == "0 executed, 0 woven, 2 unchanged, 0 failed\n"
    english, own = (nbformat.read(book / part / "input-layer/clock.ipynb", 4).cells for part in ("", "zh"))
    pairs = zip(*([c for c in cells if c.cell_type == "code"] for cells in (english, own)), strict=True)
    for number, (a, b) in enumerate(pairs):
        assert (a.source, a.outputs, a.execution_count) == (b.source, b.outputs, b.execution_count)
        assert number == 1 or a.metadata == b.metadata
    picture = own[2].metadata.mystnb
    assert picture.figure == {"caption": "三点整。", "name": "fig-clock"}
    assert picture.image.alt == "一座圆钟，长针指向上方，短针指向右方。"
    assert "相加，见{cite:t}" in own[0].source
    assert "> **练习1**（笔算，易，5分钟）。为什么呢？" in own[3].source
    assert rules.complaints(find(["zh/input-layer/clock"], chapters(book))[0]) == []
    assert rules.complaints(find(["input-layer/clock"], chapters(book))[0]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一行\n二行", "一行二行"),
        ("逗号，\n“引号”\n（括号）", "逗号，“引号”（括号）"),
        ("用$x$\n表示\n`nn.Linear`", "用$x$表示`nn.Linear`"),
        ("State of\nthe Union\n咨文", "State of\nthe Union咨文"),
        ("*词元*\n（token）**粗体**\n*斜体*", "*词元*（token）**粗体**\n*斜体*"),
        ("- 一项\n  又一行\n- 二项", "- 一项又一行\n- 二项"),
        ("> 引文\n> 续\n>\n> 另段", "> 引文续\n>\n> 另段"),
        ("# 标题\n正文", "# 标题\n正文"),
        ("强制换行  \n下一行\\\n再一行", "强制换行  \n下一行\\\n再一行"),
        ("```python\n代码\n代码\n```", "```python\n代码\n代码\n```"),
        ("$$\n\\text{若}\n否\n$$ (eq-a)\n", "$$\n\\text{若}\n否\n$$ (eq-a)\n"),
        ("| 表 | 头 |\n| --- | --- |\n| 一 | 二 |", "| 表 | 头 |\n| --- | --- |\n| 一 | 二 |"),
        ("一段\n\n二段", "一段\n\n二段"),
    ],
)
def test_lines_are_joined_where_a_break_would_show_as_a_space(text, expected):
    assert joined(text) == expected
    assert joined(expected) == expected


def swap(number, old, new):
    def mutate(cells):
        assert old in cells[number].source
        cells[number].source = cells[number].source.replace(old, new)

    return mutate


PICTURE, FORMULA, SOLVED, SECOND, END = 2, 3, 4, 6, 12
UNFIT = {  # a translation that cannot be woven
    "code cell missing": (lambda cells: cells.pop(1), "5 code cells, and the English chapter has 6"),
    "code cell too many": (lambda cells: cells.insert(1, copy.deepcopy(cells[1])), "7 code cells"),
    "code of its own": (lambda cells: cells[1].update(source="a = 1"), "code cell 1: is not empty"),
    "tags of its own": (lambda cells: cells[1].metadata.update(tags=["hide-input"]), "code cell 1: has ['tags']"),
    "caption without a picture": (
        lambda cells: cells[1].metadata.update(mystnb={"figure": {"caption": "图。"}}),
        "code cell 1: tells figure",
    ),
    "another name": (lambda cells: cells[PICTURE].metadata.mystnb.figure.update(name="fig-x"), "tells figure"),
    "picture and text swapped": (lambda cells: cells.insert(1, cells.pop(PICTURE)), "code cell 1: tells image"),
}
DIFFERENT = {  # one that can, and does not say the same
    "untouched": (lambda cells: None, ""),
    "solution missing": (lambda cells: cells.pop(SOLVED), "after code cell 2: 1 cells of prose, in English 2"),
    "prose missing": (lambda cells: cells.pop(FORMULA), "after code cell 2: 1 cells of prose, in English 2"),
    "prose too many": (lambda cells: cells.insert(1, copy.deepcopy(cells[SOLVED])), "before the first code cell: 2"),
    "another key": (swap(FORMULA, "**A ✗** It turns slowly", "**A ✓** It turns slowly"), "the questions are"),
    "another time": (
        swap(FORMULA, "易，5分钟", "易，15分钟"),
        "the exercises are [('1', '15')], in English [('1', '5')]",
    ),
    "prose in another order": (
        lambda cells: cells.__setitem__(slice(SECOND, SECOND + 3), cells[SECOND : SECOND + 3][::-1]),
        "the exercises are [('3', '40')], in English [('2', '20')]",
    ),
    "prose beyond its code": (lambda cells: cells.insert(2, cells.pop(FORMULA)), "after code cell 1: 1 cells"),
    "another formula": (swap(FORMULA, "37 < 38", "37 > 38"), "the formulas are"),
    "no label": (swap(FORMULA, " (eq-hand)", ""), "the labels are"),
    "source lost": (swap(0, "{cite:t}`vaswani2017attention`", "某文"), "the sources are []"),
    "heading lost": (swap(FORMULA, "## 练习", "练习"), "the headings are [2], in English [2, 2]"),
    "heading of another level": (swap(FORMULA, "## 练习", "### 练习"), "the headings are [2, 3], in English [2, 2]"),
    "no caption": (lambda cells: cells[PICTURE].metadata.mystnb.pop("figure"), "no caption of its own"),
    "caption in English": (
        lambda cells: cells[PICTURE].metadata.mystnb.figure.update(caption="Three o'clock."),
        "no caption of its own",
    ),
    "no alt text": (lambda cells: cells[PICTURE].metadata.mystnb.pop("image"), "no alt of its own"),
    "broken emphasis": (swap(SOLVED, "时针", "**时针。**时针"), "shows its asterisks"),
}


@pytest.mark.parametrize("name", [*UNFIT, *DIFFERENT])
def test_a_cell_missing_extra_or_reordered_is_noticed(book, name):
    mutate, expected = (UNFIT | DIFFERENT)[name]
    source, english = (run.read_source(book / "zh/input-layer/clock.py"), book / "input-layer/clock.ipynb")
    mutate(source.cells)
    english = nbformat.read(english, as_version=4)
    found = rules.translation(source.cells, english.cells)
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found
    if name in UNFIT:
        with pytest.raises(ValueError, match=re.escape(expected)):
            weave(source, english)


WORDS = {  # the rules of shape in the other language's words
    "untouched": (lambda cells: None, ""),
    "no question": (swap(0, "38？", "38。"), "no question"),
    "an English heading": (swap(0, "**本章要做的事**", "**You will**"), "**本章要做的事** has 0 bullets"),
    "no run time": (swap(0, "约15秒", "很快"), "how many seconds"),
    "another kind": (swap(FORMULA, "（笔算，", "（口算，"), "expected all of ('笔算', '编程', '开放')"),
    "no difficulty": (swap(FORMULA, "，易", ""), "the exercises are numbered [2, 3, 4]"),
    "no words": (lambda cells: cells.pop(SOLVED), "exercise 1 (笔算) has no solution in words"),
    "another question": (swap(FORMULA, "<summary>答案", "<summary>Answer"), "question 1 is not"),
    "no hint": (swap(FORMULA, "*提示*", "*线索*"), "exercise 1 has no line"),
    "no summary": (swap(END, "## 小结", "## 结语"), "there is no ## 小结"),
    "no reading": (swap(END, "## 延伸阅读", "## 其他"), "the last section is not ## 延伸阅读"),
}


@pytest.mark.parametrize("name", WORDS)
def test_rules_of_shape_in_another_language(book, name):
    mutate, expected = WORDS[name]
    mutate(cells := woven(book).cells)
    found = rules.shape(cells, "zh")
    assert expected in "\n".join(found)
    assert bool(expected) == bool(found), found


@pytest.mark.parametrize("chapter", [c for c in chapters() if c != c.english], ids=str)
def test_a_translation_of_the_book(chapter):
    assert rules.complaints(chapter) == []


# --- Pages ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of a small book whose one chapter is translated, while its landing page and another page are not."""
    root = tmp_path_factory.mktemp("site")
    book = root / "book"
    for name in ("_extensions", "_static", "_vendor", "images"):
        (book / name).parent.mkdir(exist_ok=True)
        (book / name).symlink_to(BOOK / name)
    for name in ("_config.yml", "book/zh/_config.yml", "book/references.bib"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    toc["parts"] = [
        {
            **toc["parts"][0],
            "chapters": [{"file": f"book/{name}"} for name in ("input-layer/clock", "more", "bibliography")],
        }
    ]
    (root / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    for place, title in {book: "References", book / "zh": "参考文献"}.items():
        (place / "bibliography.md").write_text(f"# {title}\n\n```{{bibliography}}\n```\n", "utf-8")
    (book / "intro.md").write_text("# A book\n", "utf-8")
    (book / "more.md").write_text("# More\n\nNot translated.\n", "utf-8")
    for place, text in {"input-layer": CHAPTER, "zh/input-layer": TRANSLATION}.items():
        (book / place).mkdir(parents=True)
        (book / place / "clock.py").write_text(text, "utf-8")
    english = run.read_source(book / "input-layer/clock.py")
    for count, cell in enumerate((cell for cell in english.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    english.cells[FIGURE].outputs = [new_output("display_data", data={"image/png": DOT, "text/plain": "<Figure>"})]
    run.write(english, book / "input-layer/clock.ipynb")
    run.write(weave(run.read_source(book / "zh/input-layer/clock.py"), english), book / "zh/input-layer/clock.ipynb")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", root, "-n", "--keep-going", "-q"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert translations.build(root, "zh", root / "_build/html")
    return (root / "_build" / "html").resolve()


@pytest.mark.slow
def test_each_page_leads_to_its_twin_and_nowhere_else(site):
    pages = read(site)
    english, chinese = site / "book/input-layer/clock.html", site / "zh/input-layer/clock.html"
    buttons = {path: page.select(".article-header-buttons a:has(.fa-language)") for path, page in pages.items()}
    targets = {path: (path.parent / each["href"]).resolve() for path, found in buttons.items() for each in found}
    references, own = site / "book/bibliography.html", site / "zh/bibliography.html"
    assert targets == {english: chinese, chinese: english, references: own, own: references}
    for path, (language, other) in {english: ("en", "zh"), chinese: ("zh-CN", "en")}.items():
        assert pages[path].html["lang"] == language
        (alternate,) = pages[path].select("link[rel=alternate][hreflang]")
        assert alternate["hreflang"] == other
        assert (path.parent / alternate["href"]).resolve() == targets[path]
    assert buttons[english][0].get_text(strip=True) == "中文"


@pytest.mark.slow
def test_the_pages_of_a_translation_obey_the_rules_of_pages(site):
    pages = read(site)
    assert broken_links(pages) == []
    assert other_hosts(site, pages) == []
    assert mute_pictures(pages) == []
    page: BeautifulSoup = pages[site / "zh/input-layer/clock.html"]
    assert page.find("h1").get_text(strip=True).startswith("时钟")
    assert "三点整。" in page.select_one("figcaption").get_text()
    assert [quote["class"] for quote in page.select("article blockquote")] == [["box", "exercise"]] * 4
    assert "显示解答" in page.get_text()
    colab = next(a["href"] for a in page.select(".article-header-buttons a") if "colab" in a["href"])
    assert colab.endswith("/blob/main/book/zh/input-layer/clock.ipynb")


@pytest.mark.browser
@pytest.mark.slow
def test_both_pages_are_whole_in_a_browser(site):
    """The language button, too: it fits a phone, has a name, and opens no new window."""
    with serving(site) as address, chromium() as browser:
        window = visitor(browser, "phone", "dark")
        for name in ("book/input-layer/clock", "zh/input-layer/clock"):
            assert complaints(window, f"{address}/{name}.html", keys=None) == []
        page = window.new_page()
        settle(page, f"{address}/book/input-layer/clock.html")
        page.click(".btn-language-button")
        page.wait_for_url("**/zh/input-layer/clock.html")
        page.click(".btn-language-button")
        page.wait_for_url("**/book/input-layer/clock.html")


def test_without_a_translated_page_there_are_no_pages_and_no_links(tmp_path):
    """So it is with the book itself, until the first chapter is translated."""
    for name in ("_config.yml", "_toc.yml", "book/zh/_config.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    assert not translations.build(tmp_path, "zh", tmp_path)
    own = yaml.safe_load((ROOT / "book/zh/_config.yml").read_text("utf-8"))
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]
    assert {part["caption"] for part in parts} <= set(own["captions"])
