"""The book as one PDF and as one EPUB: whole, numbered, linked, and made of the pages."""

import re
import zipfile
from xml.etree import ElementTree

import epub
import pdf
import pytest
from pypdf import PdfReader
from screenshots import HTML

PAGES = ["book/encoder/rnn", "book/notation"]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return PdfReader(pdf.make(PAGES, tmp_path_factory.mktemp("pdf") / "book.pdf"))


@pytest.fixture(scope="module")
def texts(printed):
    return [page.extract_text() for page in printed.pages]


@pytest.mark.browser
def test_every_page_of_the_pdf_is_numbered_behind_the_contents(texts):
    lead = next(i for i, text in enumerate(texts) if re.search(r"^Recurrent networks", text.strip()))
    assert "Contents" in " ".join(texts[:lead])
    for number, text in enumerate(texts[lead:], lead + 1):
        assert re.search(rf"(?<!\d){number}\s*$", text.strip()), f"page {number} ends {text.strip()[-30:]!r}"


@pytest.mark.browser
def test_the_contents_and_the_outline_say_where_a_page_begins(printed, texts):
    begins = {item.title: printed.get_destination_page_number(item) for item in flat(printed.outline)}
    contents = " ".join(texts[1].split())
    for heading in ("Recurrent networks: reading with one index card", "Notation"):
        (title,) = (title for title in begins if title.endswith(heading))  # with the chapter's number
        assert heading.split(":")[0] in texts[begins[title]].strip()[:60]
        assert f"{title} {begins[title] + 1}" in contents


def flat(outline):
    for item in outline:
        yield from flat(item) if isinstance(item, list) else [item]


@pytest.mark.browser
def test_solutions_stand_at_the_end_of_a_chapter_and_code_is_whole(texts):
    text = " ".join(texts)
    assert text.index("Further reading") < text.rindex("Solutions") < text.rindex("Solution 1")
    source = (HTML.parents[1] / "book/encoder/rnn.py").read_text("utf-8")
    longest = max((line for line in source.split("\n") if not line.startswith("#")), key=len)
    assert "".join(longest.split()) in "".join(text.split())


@pytest.mark.browser
def test_every_solution_in_code_says_whose_it_is(texts):
    text = " ".join(" ".join(texts).split())
    numbers = [int(number) for number in re.findall(r"Solution (\d+), in code", text)]
    assert numbers == sorted(set(numbers))
    assert {1, 2, 3} <= set(numbers)
    assert "the solution in code" not in text


@pytest.mark.browser
def test_links_of_the_pdf_stay_in_it(printed):
    links = [note.get_object() for page in printed.pages for note in page.get("/Annots", [])]
    assert not [link for link in links if str(link.get("/A", {}).get("/URI", "")).startswith("file:")]
    assert any("/Dest" in link for link in links)


@pytest.mark.browser
@pytest.mark.slow
def test_the_epub_is_whole(tmp_path):
    with zipfile.ZipFile(epub.make(tmp_path / "book.epub")) as archive:
        names = archive.namelist()
        assert names[0] == "mimetype"
        assert archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        files = {name: archive.read(name) for name in names}
    package = files["OEBPS/content.opf"].decode()
    listed = re.findall(r'href="([^"]+)"', package)
    assert sorted(f"OEBPS/{name}" for name in listed) == sorted(
        n for n in names if n.startswith("OEBPS/") and "opf" not in n
    )
    ids = {}
    for name, content in files.items():
        if name.endswith(".xhtml"):
            tree = ElementTree.fromstring(content)
            ids[name.removeprefix("OEBPS/")] = found = [e.get("id") for e in tree.iter() if e.get("id")]
            assert len(found) == len(set(found)), f"{name} has an id twice"
            assert b"mjx-" not in content
            assert b"<script" not in content
            assert b'role="group"' not in content  # which an EPUB's drawing may not have
    for name, content in files.items():
        for file, fragment in re.findall(
            r'href="([\w.-]*\.xhtml)?#([^"]+)"', content.decode() if name.endswith(".xhtml") else ""
        ):
            assert fragment in ids[file or name.removeprefix("OEBPS/")], f"{name} leads to {file}#{fragment}"
    text = files["OEBPS/encoder-rnn.xhtml"].decode()
    assert "<math" in text
    assert 'src="images/' in text


def test_links_of_the_epub_lead_to_its_files():
    files = {"book/encoder/rnn": "encoder-rnn.xhtml", "book/notation": "notation.xhtml"}
    web, here = '<a href="https://example.com/x.html">w</a>', '<a href="#here">h</a>'
    body = f'<a href="../notation.html#a">n</a> {web} {here} <a href="../genindex.html">i</a>'
    assert epub.relinked(body, "book/encoder/rnn", files) == (
        f'<a href="notation.xhtml#a">n</a> {web} {here} <a >i</a>'
    )


def test_a_fragment_that_no_page_has_is_dropped():
    bodies = {
        "a.xhtml": '<p id="x"><a href="b.xhtml#y">1</a><a href="b.xhtml#z">2</a><a href="#x">3</a></p>',
        "b.xhtml": '<p id="y"/>',
    }
    assert epub.without_lost_fragments(bodies)["a.xhtml"] == (
        '<p id="x"><a href="b.xhtml#y">1</a><a href="b.xhtml">2</a><a href="#x">3</a></p>'
    )
