"""scratch.corpora: what is loaded, what is refused, and how a download fails. Nothing leaves 127.0.0.1."""

import doctest
import functools
import hashlib
import itertools
import json
import lzma
import socket
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scratch import corpora
from scratch.corpora import (
    fetch,
    load,
    load_analogies,
    load_arrays,
    load_docstrings,
    load_documentation,
    load_integrations,
    load_kinds,
    load_pairs,
    load_ratings,
    load_results,
    load_senses,
    split_sentences,
)

SETS = {record["name"]: record for record in json.loads((corpora._DATA / "manifest.json").read_text("utf-8"))["sets"]}
TEXTS = ["state-of-the-union", "wordnet", "wikipedia"]
PAIRS = ["en-zh", "en-fr"]
RATINGS = ["wordsim-353", "simlex-999"]
loaded = functools.cache(load)  # the tests only read


@pytest.fixture(scope="module", autouse=True)
def read_anew():
    """What an earlier run in the same process has read says nothing of this one."""
    loaded.cache_clear()


# --- Text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_a_corpus_is_sentences_of_tokens_as_many_as_the_manifest_says(name):
    sentences = loaded(name)
    assert len(sentences) == SETS[name]["lines"]
    assert sum(map(len, sentences)) == SETS[name]["tokens"]
    assert all(sentences)
    letters = set("abcdefghijklmnopqrstuvwxyz'")
    assert all(set(token) <= letters for sentence in sentences[::50] for token in sentence)


def test_the_examples_in_the_docstrings_are_true():
    result = doctest.testmod(corpora)
    assert result.attempted >= 4
    assert result.failed == 0


def test_english_is_the_three_in_order(monkeypatch):
    monkeypatch.setattr(corpora, "load", loaded)  # by which "english" loads its parts
    assert load("english") == loaded("state-of-the-union") + loaded("wordnet") + loaded("wikipedia")


def test_a_line_is_a_sentence_unless_it_has_no_token(monkeypatch):
    monkeypatch.setattr(corpora, "_read", lambda record: f"One line.\n{record['name']} 2\n\n3.14\nThe end".encode())
    union = [["one", "line"], ["state", "of", "the", "union"], ["the", "end"]]
    wordnet = [["one", "line"], ["wordnet"], ["the", "end"]]
    assert load("state-of-the-union") == union
    monkeypatch.setattr(corpora, "_ENGLISH", ("wordnet", "state-of-the-union"))
    assert load("english") == wordnet + union


def test_what_is_known_of_the_texts_is_in_them():
    union, wordnet, wikipedia = map(loaded, TEXTS)
    # Lincoln, 1862; the first gloss of WordNet; the first article of the slice.
    assert any("shall nobly save or meanly lose the last best hope of earth" in " ".join(s) for s in union)
    assert " ".join(wordnet[0]).startswith("that which is perceived or known or inferred to have its own distinct")
    assert wikipedia[0][:6] == ["anarchism", "is", "a", "political", "philosophy", "that"]
    assert not any("#redirect" in " ".join(s) for s in wikipedia)
    words = {word for sentence in union for word in sentence}
    assert not words & {"nbsp", "amp", "quot", "inaudible"}
    assert {"can't", "nation's"} <= words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Go." (He went.) Then?', ['He said "Go."', "(He went.)", "Then?"]),
        ("Mr. J. Adams of the U.S. Army met Gen. Lee.", ["Mr. J. Adams of the U.S. Army met Gen. Lee."]),
        ("About 3.5 per cent, approx. five. Enough.", ["About 3.5 per cent, approx. five.", "Enough."]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_sentences_end_where_the_rule_says(text, sentences):
    assert split_sentences(text) == sentences


# --- Pairs and ratings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_split_as_the_manifest_says(name):
    splits = load_pairs(name)
    assert [len(split) for split in splits] == list(SETS[name]["splits"].values())
    assert sum(len(split) for split in splits) == SETS[name]["lines"]
    for source, target in itertools.chain(*splits):
        assert 3 <= len(source.split()) <= 15
        assert source.lower() != target.lower()
        assert not set(source + target) & set("{}<>\t\n\xa0")
    share = len(splits[0]) / SETS[name]["lines"]
    assert 0.75 < share < 0.9


@pytest.mark.parametrize("name", PAIRS)
def test_no_source_and_no_integration_is_in_two_splits(name):
    splits = load_pairs(name)
    sources = [{source.lower() for source, _ in split} for split in splits]
    assert sum(map(len, sources)) == sum(map(len, splits)) == len(set.union(*sources))
    # Found again from the file itself, without corpora's own helper: where did each integration go?
    place = {source: number for number, split in enumerate(splits) for source, _ in split}
    homes: dict[str, set[int]] = {}
    for line in lzma.decompress((corpora._DATA / SETS[name]["file"]).read_bytes()).decode().splitlines():
        source, _, integration = line.split("\t")
        homes.setdefault(integration, set()).add(place[source])
    assert len(homes) > 500
    assert all(len(splits) == 1 for splits in homes.values())
    for integration, home in homes.items():  # the rule as the page on the data words it
        digit = int(str(int(hashlib.sha256(integration.encode()).hexdigest(), 16))[-1])
        assert home == {0 if digit <= 7 else 1 if digit == 8 else 2}


@pytest.mark.parametrize("name", PAIRS)
def test_each_pair_has_its_integration(name):
    lines = lzma.decompress((corpora._DATA / SETS[name]["file"]).read_bytes()).decode().splitlines()
    found = zip(load_pairs(name), load_integrations(name), strict=True)
    again = [(*pair, integration) for pairs, owners in found for pair, integration in zip(pairs, owners, strict=True)]
    assert len(again) == len(lines)
    assert set(again) == {tuple(line.split("\t")) for line in lines}


def test_chinese_is_chinese():
    assert all(any("\u4e00" <= c <= "\u9fff" for c in target) for split in load_pairs("en-zh") for _, target in split)


def test_docstrings_are_split_by_package_as_the_manifest_says():
    splits = load_docstrings()
    assert [len(split) for split in splits] == list(SETS["docstrings"]["splits"].values())
    assert sum(map(len, splits)) == SETS["docstrings"]["lines"]
    packages = [{module.split(".")[0] for *_, module in split} for split in splits]
    assert sum(map(len, packages)) == len(set.union(*packages))  # in one split each
    assert packages[1] == {"Bio", "BioSQL", "IPython", "tornado"}
    assert packages[2] == {"django", "mypy", "mypyc", "networkx", "sqlalchemy"}
    assert len(packages[0]) >= 18
    rows = [row for split in splits for row in split]
    for name, body, summary, _module in rows:
        assert 20 <= len(body.split()) <= 300
        assert 3 <= len(summary.split()) <= 30
        assert split_sentences(summary) == [summary]
        assert summary.endswith(".")
        assert summary.rstrip(".").lower() not in body.lower()
        assert all(part.isidentifier() for part in name.split("."))
    texts = [{(body, summary) for _, body, summary, _ in split} for split in splits]
    assert sum(map(len, texts)) == len(set.union(*texts)) == len(rows)
    assert not {row[2] for row in splits[0]} & {row[2] for row in splits[2]}  # no summary is in training and test


def test_documentation_is_passages_and_questions_as_the_manifest_says():
    passages, questions = load_documentation()
    assert len(passages) == SETS["documentation"]["lines"] == len({text for *_, text in passages})
    assert all(12 <= len(text.split()) <= 150 for *_, text in passages)
    answered = {asks: [i for _, answers in asked for i in answers] for asks, asked in questions.items()}
    assert {asks: len(answers) for asks, answers in answered.items()} == SETS["documentation"]["splits"]
    assert len({i for answers in answered.values() for i in answers}) == sum(map(len, answered.values()))
    titles = Counter(title.lower() for _, title, _ in passages)
    for asks, asked in questions.items():
        assert len({question for question, _ in asked}) == len(asked)
        for question, answers in asked:
            assert all(passages[i][1] == question for i in answers)
            assert asks == "faq" or (len(answers) == 1 and titles[question.lower()] == 1)
    assert all(passages[i][0].startswith("faq/") for i in answered["faq"])
    assert sum(question.endswith("?") for question, _ in questions["faq"]) >= 165
    assert [answers for question, answers in questions["faq"] if len(answers) > 1 and question == "What is Python?"]


def test_titles_are_split_by_module_as_the_page_says():
    """Found without the script that did it: in some folders a page is on what stands before a hyphen, dot or digit."""
    passages, questions = load_documentation()
    for asks in ("train", "validation", "test"):
        for _, (i,) in questions[asks]:
            folder, _, page = passages[i][0].rpartition("/")
            one_manual = folder in ("distributing", "distutils", "extending", "install", "installing", "tutorial")
            module = folder if one_manual else "".join(itertools.takewhile(lambda c: c not in "-.0123456789", page))
            digit = int(str(int(hashlib.sha256(module.encode()).hexdigest(), 16))[-1])
            assert asks == ("train" if digit <= 4 else "validation" if digit == 5 else "test"), passages[i][0]
            assert folder not in ("faq", "whatsnew")


def test_a_title_is_not_in_front_of_its_own_passage():
    passages, questions = load_documentation()
    asked = [(question, passages[i][2]) for kind in questions.values() for question, answers in kind for i in answers]
    front = [question for question, text in asked if text.lower().startswith(question.lower())]
    assert len(front) < 0.05 * len(asked), front  # as in: Static methods provide a way …


def test_ratings_agree_with_the_papers():
    related, similar = load_ratings("wordsim-353"), load_ratings("simlex-999")
    assert (len(related), len(similar)) == (353, 999)
    assert ("tiger", "tiger", 10.0) in related
    assert ("old", "new", 1.58) in similar  # the first line of the published SimLex-999
    assert all(isinstance(a, str) and isinstance(b, str) and 0 <= r <= 10 for a, b, r in related + similar)


def test_analogies_agree_with_the_paper():
    """1301.3781, Section 4.1: 8,869 semantic and 10,675 syntactic questions."""
    questions = load_analogies("google-analogies")
    syntactic = [question for question in questions if question[0].startswith("gram")]
    assert (len(questions) - len(syntactic), len(syntactic)) == (8869, 10675)
    assert all(len(question) == 5 and all(question) for question in questions)
    assert questions[0] == ("capital-common-countries", "Athens", "Greece", "Baghdad", "Iraq")
    assert questions[-1][0] == "gram9-plural-verbs"


def test_senses_are_labelled_sentences_of_the_corpora():
    rows = load_senses()
    assert len(rows) == SETS["senses"]["lines"] == 192
    assert set(Counter(row[:2] for row in rows).values()) == {12}
    assert set(Counter(word for word, _ in {row[:2] for row in rows}).values()) == {2}
    texts = {name: set(map(tuple, loaded(name))) for name in ("state-of-the-union", "wordnet")}
    for word, _, corpus, sentence in rows:
        assert sentence.count(word) == 1
        assert tuple(sentence) in texts[corpus]
    assert len({tuple(sentence) for *_, sentence in rows}) == 192  # none twice


@pytest.fixture(scope="module")
def kinds():
    return load_kinds()


def test_definitions_are_those_of_the_nouns_with_the_kinds_that_the_manifest_counts(kinds):
    assert [len(split) for split in kinds] == [76_064, 3_000, 3_000]
    counts = SETS["wordnet"]["kinds"]
    assert sum(counts.values()) == 82_115  # nouns in WordNet 3.0
    assert Counter(kind for split in kinds for _, kind in split) == Counter(counts) - Counter({"Tops": counts["Tops"]})
    assert [len({kind for _, kind in split}) for split in kinds] == [25, 25, 25]
    # each begins a gloss among the first 82,115, and the token after it, if there is one, begins an example
    glosses = {tuple(gloss[:n]) for gloss in loaded("wordnet")[:82_115] for n in range(1, len(gloss) + 1)}
    assert all(tuple(tokens) in glosses for split in kinds for tokens, _ in split)


def test_no_definition_is_in_two_splits(kinds):
    families = [{tuple(tokens) for tokens, _ in split} for split in kinds]
    assert sum(map(len, families)) == len(set.union(*families)) == 81_007
    order = [hashlib.sha256(" ".join(tokens).encode()).hexdigest() for split in kinds[::-1] for tokens, _ in split]
    assert order == sorted(order)  # as the docstring says: test, validation, training


def test_what_is_known_of_the_kinds(kinds):
    found = {}
    for tokens, kind in itertools.chain(*kinds):
        found.setdefault(" ".join(tokens), set()).add(kind)
    assert found["female of domestic cattle"] == {"animal"}  # its gloss goes on after a colon, with an example
    assert found["the music of mozart"] == {"communication"}
    assert found["a variety of aster"] == {"plant"}
    assert found["a grain of barley"] == {"food", "plant"}  # some belong to two
    assert "an entity that has physical existence" not in found  # of Tops
    assert "draw air into and expel out of the lungs" not in found  # a verb


def test_kinds_follow_the_manifest(monkeypatch):
    text = 'the top\na dog; "a dog barked"\na cat (as: "puss")\na dog\njoy\na verb'
    monkeypatch.setattr(corpora, "_read", lambda record: text.encode())
    monkeypatch.setitem(corpora._sets()["wordnet"], "kinds", {"Tops": 1, "animal": 3, "feeling": 1})
    train, validation, test = load_kinds()
    assert (train, validation) == ([], [])
    assert sorted(test) == [
        (["a", "cat", "as"], "animal"),
        (["a", "dog"], "animal"),
        (["a", "dog"], "animal"),
        (["joy"], "feeling"),
    ]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("contextual", {"float16", "int32", "uint8"}), ("translate", {"int8", "float16", "int32", "uint8"})],
)
def test_arrays_are_as_many_numbers_as_the_manifest_says(name, kinds):
    arrays = load_arrays(name)
    assert sum(array.size for array in arrays.values()) == SETS[name]["numbers"]
    assert {str(array.dtype) for array in arrays.values()} == kinds


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "valid"),
    [
        (load, [*TEXTS, "english"]),
        (load_pairs, PAIRS),
        (load_integrations, PAIRS),
        (load_ratings, ["wordsim-353", "simlex-999"]),
        (load_analogies, ["google-analogies"]),
        (load_arrays, ["contextual", "retrieval", "translate"]),
        (fetch, ["text8"]),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(call, valid):
    with pytest.raises(ValueError, match=r"^name must be one of .*, got 'shakespeare'$") as error:
        call("shakespeare")
    assert all(repr(name) in str(error.value) for name in valid)
    assert str(error.value).count("'") == 2 * (len(valid) + 1)  # and no others
    with pytest.raises(TypeError, match=r"^name must be a str, got int$"):
        call(8)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("en-fr", lambda: load_pairs("en-fr")),
        ("docstrings", load_docstrings),
        ("documentation", load_documentation),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, monkeypatch, name, call):
    file = SETS[name]["file"]
    data = bytearray((corpora._DATA / file).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / file).write_bytes(data)
    corpora._sets()  # the manifest is read before the folder changes
    monkeypatch.setattr(corpora, "_DATA", tmp_path)
    with pytest.raises(OSError, match=rf"{name}\.tsv\.xz is damaged: .* expected {SETS[name]['sha256']}$"):
        call()


# --- Downloads, from a server of our own ----------------------------------------------------------------------------

BODY = bytes(range(256)) * 4096  # a megabyte


class Handler(BaseHTTPRequestHandler):
    """/right, /wrong, /cut and /both answer as they are called; anything else is not found."""

    both = threading.Barrier(2)

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in ("/right", "/wrong", "/cut", "/both"):
            self.send_error(404)
            return
        if self.path == "/both":
            self.both.wait()  # two downloads are under way
        body = BODY[::-1] if self.path == "/wrong" else BODY
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tiny(url: str) -> dict:
    """A manifest's record of a small file at `url`."""
    return {
        "name": "tiny",
        "kind": "download",
        "file": "tiny.bin",
        "url": url,
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "bytes": len(BODY),
    }


def fetching(url: str, quiet: bool) -> str:
    """A program that fetches the small file at `url` and prints its path."""
    return f"from scratch import corpora as c; c._sets()['tiny'] = {tiny(url)!r}; print(c.fetch('tiny', {quiet}))"


@pytest.fixture
def offer(server, monkeypatch):
    """offer("/path"): the set "tiny" is to be had there."""

    def at(path: str) -> str:
        url = f"http://127.0.0.1:{server.server_port}{path}"
        monkeypatch.setitem(corpora._sets(), "tiny", tiny(url))
        return url

    return at


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_the_right_file_is_downloaded_once(server, cache, offer, capfd):
    offer("/right")
    path = fetch("tiny")
    assert path == cache / "tiny.bin"
    assert files(cache) == {"tiny.bin": BODY}
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err
    assert fetch("tiny") == path
    assert server.asked == ["/right"]


def test_quiet_writes_nothing(server, cache, offer):
    """Nor does it make a later download quiet, nor that one a later quiet one loud."""
    again = "\nc.fetch('tiny', True).unlink()\nprint('again', file=sys.stderr)\nprint(c.fetch('tiny', {}))"
    program = "import sys; " + fetching(offer("/right"), True) + again.format(False) + again.format(True)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [str(cache / "tiny.bin")] * 3
    assert server.asked == ["/right"] * 3
    before, loud, after = run.stderr.split("again\n")
    assert (before, after) == ("", "")
    assert "Downloading" in loud
    assert "100%" in loud


def test_a_file_that_rotted_in_the_cache_is_downloaded_again(server, cache, offer):
    offer("/right")
    cache.mkdir()
    (cache / "tiny.bin").write_bytes(b"rotten")
    assert fetch("tiny", quiet=True).read_bytes() == BODY
    assert server.asked == ["/right"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/wrong", "the file that came has another SHA-256"),
        ("/cut", "the connection was cut before the file was complete"),
        ("/gone", "the server answered 404 Not Found"),
    ],
)
@pytest.mark.parametrize("before", [{}, {"tiny.bin": b"rotten", "other": b"kept"}])
def test_a_failed_download_says_why_and_leaves_the_cache(cache, offer, path, reason, before):
    url = offer(path)
    cache.mkdir()
    for name, content in before.items():
        (cache / name).write_bytes(content)
    with pytest.raises(OSError, match=r"^could not fetch 'tiny' from ") as error:
        fetch("tiny", quiet=True)
    expected = f"1,048,576 bytes with SHA-256 {hashlib.sha256(BODY).hexdigest()}"
    assert str(error.value) == (
        f"could not fetch 'tiny' from {url}: {reason}; expected {expected}; the cache is as it was"
    )
    assert error.value.__cause__ is None  # one sentence, not a chain of tracebacks
    assert error.value.__context__ is None
    assert files(cache) == before


def test_no_network(cache, monkeypatch):
    with socket.socket() as unused:  # bound but not listening: a connection is refused
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setitem(corpora._sets(), "tiny", tiny(f"http://127.0.0.1:{unused.getsockname()[1]}/right"))
        with pytest.raises(OSError, match=r"^could not fetch 'tiny' .*: the server could not be reached \(Connection"):
            fetch("tiny", quiet=True)
    assert files(cache) == {}


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch, offer):
    offer("/right")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCRATCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"the cache folder .*cache cannot be written \(Not a directory\)"):
        fetch("tiny", quiet=True)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_read_only_cache_is_written_by_nobody_but_read_by_all(cache, monkeypatch, offer):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    offer("/right")
    cache.mkdir()
    monkeypatch.setattr("pooch.utils.tempfile.NamedTemporaryFile", refuse)  # root may write anywhere, so chmod won't do
    with pytest.raises(OSError, match=r"the cache folder .* cannot be written \(.*Permission denied"):
        fetch("tiny", quiet=True)
    assert files(cache) == {}
    (cache / "tiny.bin").write_bytes(BODY)
    assert fetch("tiny", quiet=True) == cache / "tiny.bin"


def test_two_processes_at_once_both_succeed(server, cache, offer):
    command = [sys.executable, "-c", fetching(offer("/both"), quiet=True)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate()[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert outputs == [str(cache / "tiny.bin")] * 2
    assert server.asked == ["/both"] * 2
    assert files(cache) == {"tiny.bin": BODY}


def test_the_words_of_text8_are_read_as_the_docstring_says(tmp_path, monkeypatch, server, cache):
    """With a zip of our own in its place: the example in fetch's docstring works."""
    archive = tmp_path / "text8.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("text8", " anarchism originated as a term")
    data = archive.read_bytes()
    record = SETS["text8"] | {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    monkeypatch.setitem(corpora._sets(), "text8", record)
    cache.mkdir()
    (cache / "text8.zip").write_bytes(data)
    example = next(line.strip() for line in fetch.__doc__.splitlines() if "ZipFile" in line)
    scope = {"zipfile": zipfile, "fetch": fetch}
    exec(example, scope)
    assert scope["words"] == ["anarchism", "originated", "as", "a", "term"]


def test_results_are_those_of_the_benchmarks():
    assert set(load_results("word2vec")["versions"]) >= {"gensim", "torch"}
    with pytest.raises(ValueError, match=r"name must be one of 'attention', .*, got 'race'"):
        load_results("race")
    with pytest.raises(TypeError, match="name must be a str, got int"):
        load_results(3)
