"""Real text to learn from: English corpora, translated strings, docstrings, Python's documentation, words people rated.

What is small and free to pass on lies in `scratch/data`, compressed; some sets are read in place from gensim, which
brings them along; `fetch` downloads what is larger. `data/manifest.json` says for each set where it comes from, under
which licence, and which SHA-256 its file must have. That hash is checked whenever a set is read.
"""

from __future__ import annotations

import bz2
import functools
import hashlib
import io
import itertools
import json
import lzma
import os
import re
from pathlib import Path

import numpy as np

from scratch.text import tokenize

_DATA = Path(__file__).parent / "data"
_RESULTS = Path(__file__).parent / "results"
_ENGLISH = ("state-of-the-union", "wordnet", "wikipedia")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|No|Nos|vs|etc|Messrs|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Hon|Prof|Rev)\.$"
)

Docstring = tuple[str, str, str, str]  # name, body, summary, module
Passage = tuple[str, str, str]  # document, title, text
Question = tuple[str, list[int]]  # the question, and the numbers of the passages that answer it


def load(name: str) -> list[list[str]]:
    """Return the sentences of an English corpus, each a list of lower-case tokens (see `scratch.text.tokenize`).

    `name` is "state-of-the-union" (what presidents told Congress since 1790), "wordnet" (a dictionary, in
    which a definition with its examples counts as a sentence), "wikipedia" (the articles that gensim brings along for
    its tests), or "english", which is the three in this order. Sentences without a token are left out.

    >>> load("state-of-the-union")[0]
    ['fellow', 'citizens', 'of', 'the', 'senate', 'and', 'house', 'of', 'representatives']

    Raises TypeError if `name` is no string, ValueError if no corpus is called so, OSError if its file is damaged.
    """
    if name == "english":
        return [sentence for part in _ENGLISH for sentence in load(part)]
    record = _record(name, "text", others=("english",))
    text = _read(record)
    lines = _wikipedia(text) if name == "wikipedia" else _lines(text)
    return [tokens for line in lines if (tokens := tokenize(line))]


def load_pairs(name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the training, validation and test pairs (English, translation) of "en-zh" or "en-fr", as written.

    The strings are those of Home Assistant, a program for the home, and were written integration by integration (one
    brand of lamp, one weather service …), often from a template. An integration lies in one split only, the same one
    in both languages: the SHA-256 of its name, read as a number modulo 10, is 0–7 for training, 8 for validation, 9
    for test. No English string comes twice, whatever its case and punctuation.

    >>> train, validation, test = load_pairs("en-zh")
    >>> train[0]
    ('Re-authentication was successful', '重新认证成功')

    Raises TypeError if `name` is no string, ValueError if no set is called so, OSError if its file is damaged.
    """
    train, validation, test = ([(source, target) for source, target, _ in rows] for rows in _by_split(name))
    return train, validation, test


def load_integrations(name: str) -> tuple[list[str], list[str], list[str]]:
    """Return for each pair of `load_pairs(name)`, in the same order, the integration that it was written for.

    Strings of one integration resemble each other: whoever asks how a score would vary draws integrations, not strings.

    >>> len(set(load_integrations("en-zh")[2]))  # of the test
    91

    Raises what `load_pairs` raises.
    """
    train, validation, test = ([integration for *_, integration in rows] for rows in _by_split(name))
    return train, validation, test


def _by_split(name: str) -> list[list[list[str]]]:
    """The lines of a set of pairs, each as [source, target, integration]: training, validation, test."""
    splits: list[list[list[str]]] = [[], [], []]
    for line in _lines(_read(_record(name, "pairs"))):
        row = line.split("\t")
        splits[split_of(row[2])].append(row)
    return splits


def load_docstrings() -> tuple[list[Docstring], list[Docstring], list[Docstring]]:
    """Return the training, validation and test docstrings of Python packages, as (name, body, summary, module).

    The summary is the docstring's first line, a sentence; the body is the prose after it, as far as no list, formula or
    code interrupts it. The name is that of the function or class, as in `Class.method`, and the first part of the
    module is the package, as it is imported. A package lies in one split only. No two bodies, in one split or in two,
    share half of their runs of three words: half of those of the body that has fewer.

    >>> train, validation, test = load_docstrings()
    >>> name, body, summary, module = test[0]
    >>> name, summary, module
    ('map_actuals_to_formals', 'Calculate mapping between actual (caller) args and formals.', 'mypy.argmap')

    Raises OSError if the file is damaged.
    """
    splits: dict[str, list[Docstring]] = {"train": [], "validation": [], "test": []}
    for line in _lines(_read(_record("docstrings", "docstrings"))):
        split, module, name, body, summary = line.split("\t")
        splits[split].append((name, body, summary, module))
    return splits["train"], splits["validation"], splits["test"]


def load_documentation() -> tuple[list[Passage], dict[str, list[Question]]]:
    """Return the passages of Python's documentation, and questions with the numbers of the passages that answer them.

    A passage is (document, title, text): the first 150 words of a section, without its title and its code. The
    questions are in four lists: "faq" has those that the FAQ asks, as its authors word them, for testing; "train",
    "validation" and "test" have titles of other sections, each of which asks for the section's own passage. What is on
    one module (`logging`, its handlers and its how-to) has its titles in one of the three.

    >>> passages, questions = load_documentation()
    >>> question, answers = questions["faq"][0]
    >>> question, passages[answers[0]][0]
    ('Why does Python use indentation for grouping of statements?', 'faq/design')

    Raises OSError if the file is damaged.
    """
    passages: list[Passage] = []
    questions: dict[str, dict[str, list[int]]] = {"train": {}, "validation": {}, "test": {}, "faq": {}}
    for line in _lines(_read(_record("documentation", "documentation"))):
        asks, document, title, text = line.split("\t")
        if asks in questions:
            questions[asks].setdefault(title, []).append(len(passages))
        passages.append((document, title, text))
    return passages, {asks: list(answers.items()) for asks, answers in questions.items()}


def load_ratings(name: str) -> list[tuple[str, str, float]]:
    """Return pairs of words with how alike people found them, from 0 to 10: "wordsim-353" or "simlex-999".

    WordSim-353 (Finkelstein et al., 2002) asks how *related* two words are, SimLex-999 (Hill et al., 2015) how
    *similar*: coffee and cup are related, not similar. The words are as published; some are capitalised.

    >>> load_ratings("wordsim-353")[1]
    ('tiger', 'cat', 7.35)

    Raises TypeError if `name` is no string, ValueError if no set is called so, OSError if its file is damaged.
    """
    rows = [line.split("\t") for line in _lines(_read(_record(name, "ratings"))) if not line.startswith("#")]
    return [(first, second, float(rating)) for first, second, rating in rows]


def load_analogies(name: str) -> list[tuple[str, str, str, str, str]]:
    """Return questions, a is to b as c is to d, each after the name of its section: "google-analogies" (Mikolov, 2013).

    >>> load_analogies("google-analogies")[0]
    ('capital-common-countries', 'Athens', 'Greece', 'Baghdad', 'Iraq')

    Raises TypeError if `name` is no string, ValueError if no set is called so, OSError if its file is damaged.
    """
    questions, section = [], ""
    for line in _lines(_read(_record(name, "analogies"))):
        if line.startswith(": "):
            section = line[2:].strip()
        else:
            a, b, c, d = line.split()
            questions.append((section, a, b, c, d))
    return questions


def load_senses() -> list[tuple[str, str, str, list[str]]]:
    """Return sentences with an ambiguous word and the sense it has there, as (word, sense, corpus, tokens).

    Eight words of two senses each, twelve sentences a sense, chosen and labelled by hand; the word stands once in its
    sentence. The sentences are from "state-of-the-union" and "wordnet", unchanged.

    >>> load_senses()[5][:3]
    ('bank', 'money', 'wordnet')

    Raises OSError if the file is damaged.
    """
    rows = [line.split("\t") for line in _lines(_read(_record("senses", "senses")))]
    return [(word, sense, corpus, sentence.split()) for word, sense, corpus, sentence in rows]


def load_kinds() -> tuple[list[tuple[list[str], str]], list[tuple[list[str], str]], list[tuple[list[str], str]]]:
    """Return definitions of nouns with the kind of thing they define, (tokens, kind): training, validation, test.

    They are those of "wordnet", without examples; a kind is the file in which WordNet's lexicographers wrote them,
    "animal", "feeling" and 23 more ("Tops", the nouns that head the others, is left out). Definitions whose tokens are
    the same make a family, and a family lies in one split. The families stand in the order of the SHA-256 of their
    tokens, which is as good as random: the first 3,000 definitions are for the test, the next 3,000 for validation.

    >>> train, validation, test = load_kinds()
    >>> len(train), len(validation), len(test)
    (76064, 3000, 3000)
    >>> " ".join(train[-1][0]), train[-1][1]
    ('the music of mozart', 'communication')

    Raises OSError if the file is damaged.
    """
    record = _record("wordnet", "text")
    glosses, families = iter(_lines(_read(record))), dict[str, list[str]]()
    for kind, count in record["kinds"].items():
        for gloss in itertools.islice(glosses, count):
            if kind != "Tops":
                families.setdefault(" ".join(tokenize(gloss.split('"')[0])), []).append(kind)
    order = sorted(families, key=lambda words: hashlib.sha256(words.encode()).digest())
    rows = [(words.split(), kind) for words in order for kind in families[words]]
    return rows[6000:], rows[3000:6000], rows[:3000]


def load_arrays(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a file of trained weights, "contextual", "retrieval" or "translate", by their names.

    >>> load_arrays("contextual")["bilm.table.weight"].shape
    (5000, 128)

    Raises TypeError if `name` is no string, ValueError if no file is called so, OSError if it is damaged.
    """
    with np.load(io.BytesIO(_read(_record(name, "weights")))) as archive:
        return dict(archive)


def fetch(name: str, quiet: bool = False) -> Path:
    """Download a large public set once, and return the path of its file, whose SHA-256 is checked on every call.

    "text8" is the one there is: the first 10⁸ characters of a cleaned Wikipedia, 17 million words in one line, zipped.

        words = zipfile.ZipFile(fetch("text8")).read("text8").decode().split()

    The file is kept in the user's cache folder, or in the one that the environment variable SCRATCH_CACHE names. It
    is moved there when it is complete and its hash is right, so that a failure leaves the folder as it was. A file
    with the wrong hash is downloaded again. A progress bar is drawn on stderr unless `quiet`.

    Raises TypeError if `name` is no string, ValueError if no set is called so, and OSError if the download fails or
    brings something else, or if the cache folder cannot be written.
    """
    import pooch  # here, so that reading the shipped sets does not need it
    import requests

    record = _record(name, "download")
    url, folder = record["url"], Path(os.environ.get("SCRATCH_CACHE") or pooch.os_cache("from-one-hot-to-encoder"))
    logger = pooch.get_logger()
    disabled = logger.disabled
    logger.disabled = disabled or quiet  # a level will not do: pooch's logger remembers what an earlier one let through
    try:
        downloader = pooch.HTTPDownloader(progressbar=not quiet, chunk_size=2**16)
        return Path(pooch.retrieve(url, f"sha256:{record['sha256']}", record["file"], folder, downloader=downloader))
    except requests.HTTPError as error:
        answer = error.response
        reason = f"the server answered {error if answer is None else f'{answer.status_code} {answer.reason}'}"
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        reason = "the connection was cut before the file was complete"
    except requests.RequestException as error:
        reason = f"the server could not be reached ({type(error).__name__})"
    except ValueError:  # pooch's word for a wrong hash
        reason = "the file that came has another SHA-256"
    except OSError as error:
        reason = f"the cache folder {folder} cannot be written ({error.strerror or error})"
    finally:
        logger.disabled = disabled
    expected = f"{record['bytes']:,} bytes with SHA-256 {record['sha256']}"
    raise OSError(f"could not fetch {name!r} from {url}: {reason}; expected {expected}; the cache is as it was")


def split_sentences(text: str) -> list[str]:
    """Split a paragraph into sentences, by a rule that is simple enough to be wrong now and then.

    A sentence ends at . ! or ?, with the quotation marks or brackets that close there, when a space follows; but not
    where the next word begins in lower case, nor after a single letter (J. or U.S.) or a title such as Mr.

    >>> split_sentences("Mr. J. Adams spoke. Who heard him? (Few.) The U.S. Senate did.")
    ['Mr. J. Adams spoke.', 'Who heard him?', '(Few.)', 'The U.S. Senate did.']
    """
    sentences: list[str] = []
    for piece in re.split(r"""(?:(?<=[.!?])|(?<=[.!?]["')\]])|(?<=[.!?]["')\]]{2}))\s+""", text.strip()):
        if sentences and (_ABBREVIATION.search(sentences[-1]) or piece[:1].islower()):
            sentences[-1] += " " + piece
        elif piece:
            sentences.append(piece)
    return sentences


@functools.cache
def _sets() -> dict[str, dict]:
    """The records of the manifest by name."""
    return {record["name"]: record for record in json.loads((_DATA / "manifest.json").read_text("utf-8"))["sets"]}


def _record(name: str, kind: str, others: tuple[str, ...] = ()) -> dict:
    """The record of the set called `name`, which must be of this kind."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, got {type(name).__name__}")
    names = [record["name"] for record in _sets().values() if record["kind"] == kind]
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(map(repr, (*names, *others)))}, got {name!r}")
    return _sets()[name]


def load_results(name: str) -> dict:
    """What the benchmark `name` has found: its stored JSON, with the date, the machine, versions and settings.

    >>> load_results("recurrent")["machine"]
    'x86_64, 2 cores'

    Raises ValueError for an unknown name, TypeError if it is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, got {type(name).__name__}")
    known = sorted(path.stem for path in _RESULTS.glob("*.json"))
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(map(repr, known))}, got {name!r}")
    return json.loads((_RESULTS / f"{name}.json").read_text("utf-8"))


def split_of(integration: str) -> int:
    """The split that an integration lies in: 0 training, 1 validation, 2 test."""
    return max(0, int(hashlib.sha256(integration.encode()).hexdigest(), 16) % 10 - 7)


def _read(record: dict) -> bytes:
    """What a set's file holds, decompressed, once the file's hash is found right."""
    path = _DATA / record["file"]
    if record["source"].get("package") == "gensim":
        from gensim.test.utils import datapath  # takes a second, and the shipped sets do not need it

        path = Path(datapath(record["file"]))
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != record["sha256"]:
        raise OSError(f"{path} is damaged: its SHA-256 is {digest}, expected {record['sha256']}")
    return decompress(data)


def decompress(data: bytes) -> bytes:
    """The data itself, or what it holds if it is compressed as xz or bz2."""
    if data.startswith(b"\xfd7zXZ"):
        return lzma.decompress(data)
    return bz2.decompress(data) if data.startswith(b"BZh") else data


def _lines(text: bytes) -> list[str]:
    """The lines of a UTF-8 text, the last of which may end in a newline."""
    return text.decode().removesuffix("\n").split("\n")


def _wikipedia(xml: bytes) -> list[str]:
    """The sentences of a Wikipedia dump, its markup removed by gensim; a heading or a list item counts as one."""
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    sentences = []
    for _title, markup, _id in extract_pages(io.BytesIO(xml), filter_namespaces=("0",)):
        if not markup.upper().startswith("#REDIRECT"):
            for line in filter_wiki(markup).split("\n"):
                sentences += split_sentences(re.sub(r"''+(?!s\b)", "", line.strip("*#:;= ")))  # '' is italics, ''' bold
    return sentences
