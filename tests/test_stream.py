"""A text of any size becomes a file of ids: the same as the whole text's, whole or absent, in bounded memory."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch import stream
from scratch.byte_pairs import BytePairEncoder
from scratch.stream import SPECIALS, Tokens, pieces, text_files, whole

TEXT = "The state of the union is strong. " * 300 + "Ελλάδα 中文没有空格\r\n\r\n  and   spaces\t" * 40
ENCODER = BytePairEncoder.train([TEXT], 300)


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(TEXT.encode())
    return file


@given(st.text(st.sampled_from("ab '.\n\t\r 中é\x1c\u2028😀0"), max_size=60), st.integers(1, 20))
def test_pieces_add_up_and_are_cut_where_no_token_crosses(tmp_path_factory, words, size):
    file = tmp_path_factory.mktemp("pieces") / "text"
    file.write_bytes(words.encode())
    found = list(pieces(file, size))
    assert "".join(found) == words
    assert all(found)
    if all(len(piece) <= 16 * size for piece in found):  # else it was cut for want of white space
        assert [i for piece in found for i in ENCODER.encode(piece)] == ENCODER.encode(words)


def test_a_text_without_white_space_is_read_in_bounded_memory(tmp_path):
    file = tmp_path / "text"
    file.write_text("字" * 10_000, "utf-8")
    lengths = [len(piece) for piece in pieces(file, 30)]
    assert sum(lengths) == 10_000
    assert max(lengths) <= 16 * 30 + 10


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"abc \xff def", r"text must be UTF-8, and byte 4 of .*text is 0xff"),
        ("é".encode() * 9 + b"\xc3", r"text must be UTF-8, and .*text ends within a character"),
        ("é".encode() * 9 + b"\xc3" + b"a", r"text must be UTF-8, and byte 18 of .*text is 0xc3"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_what_is_no_utf_8_is_named_with_its_place(tmp_path, written, message, size):
    file = tmp_path / "text"
    file.write_bytes(written)
    with pytest.raises(ValueError, match=message):
        list(pieces(file, size))


def test_a_folder_is_its_files_in_order_without_hidden_ones(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a.txt", ".hidden/x.txt", ".DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [str(file.relative_to(tmp_path)) for file in text_files(tmp_path)] == ["a.txt", "b/1.txt", "b/2.txt"]
    with pytest.raises(FileNotFoundError, match=r"there is none called .*nowhere"):
        text_files(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"text must not be empty, and .*empty holds none"):
        text_files(tmp_path / "empty")


def test_ids_are_those_of_the_whole_text_with_an_end_after_each_file(tmp_path):
    books = tmp_path / "books"
    books.mkdir()
    for i, text in enumerate((TEXT, "second"), 1):
        (books / f"{i}.txt").write_bytes(text.encode())
    tokens = Tokens.prepare(books, tmp_path / "run", 300)
    expected = [i for text in (TEXT, "second") for i in (*tokens.encode(text), 3)]
    assert tokens.ids.tolist() == expected
    assert len(tokens) == len(expected)
    assert tokens.vocab_size == 300 == SPECIALS + len(tokens.encoder)
    assert tokens.counts.tolist() == np.bincount(expected, minlength=300).tolist()
    assert tokens.rows(torch.tensor([0, 5]), 4).tolist() == [expected[:4], expected[5:9]]
    assert isinstance(tokens.ids, np.memmap)
    assert tokens.ids.dtype == np.uint16


def test_large_vocabularies_take_four_bytes(text, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "SPECIALS", 2**16)
    monkeypatch.setattr(stream, "learn", lambda files, size: ENCODER)
    tokens = Tokens.prepare(text, tmp_path / "run", 2**17)
    assert tokens.ids.dtype == np.uint32
    assert tokens.ids[0] == 2**16 + ENCODER.encode(TEXT)[0]


def test_a_zip_is_its_first_file(text, tmp_path):
    file = tmp_path / "text.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(text, "text8")
    assert "".join(pieces(file, 1000)) == TEXT


def test_a_text_is_cut_once(text, tmp_path, monkeypatch):
    first = Tokens.prepare(text, tmp_path / "run", 300)
    monkeypatch.setattr(stream, "_cut", None)  # would fail
    again = Tokens.prepare(text, tmp_path / "run", 300)
    assert again.ids.tolist() == first.ids.tolist()
    text.write_text("another text")
    with pytest.raises(ValueError, match=r"text must be the one that .*run was begun with"):
        Tokens.prepare(text, tmp_path / "run", 300)


def test_the_merges_are_learnt_from_an_equal_share_of_each_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "LEARNT_FROM", 400)
    for name, word in (("1", "ab "), ("2", "cd ")):
        (tmp_path / name).write_text(word * 1000)
    assert b"cd" in stream.learn(text_files(tmp_path), 260).tokens


@pytest.mark.parametrize("moment", ["tokens.bin", "tokens.json"])
def test_a_disk_that_fills_up_leaves_nothing_half_written(text, tmp_path, monkeypatch, moment):
    run = tmp_path / "run"

    class Full:
        """A file that takes no more."""

        def __init__(self, opened):
            self.opened = opened

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.opened.close()

        def write(self, data):
            raise OSError(28, "No space left on device")

    def full(path, mode="r", **options):
        opened = open(path, mode, **options)  # noqa: SIM115
        return Full(opened) if Path(path).name.startswith(moment.split(".")[0]) and fails(path) else opened

    def fails(path):
        return moment == "tokens.bin" or (run / "tokens.bin").exists()

    monkeypatch.setattr(stream, "open", full, raising=False)
    with pytest.raises(OSError, match=rf"{moment} cannot be written \(No space left on device\); what was saved"):
        Tokens.prepare(text, run, 300)
    assert sorted(file.name for file in run.iterdir()) == ([] if moment == "tokens.bin" else ["tokens.bin"])
    monkeypatch.undo()
    assert Tokens.prepare(text, run, 300).ids[-1] == 3  # and with room again, all is well


def test_a_file_of_ids_that_is_torn_is_noticed(text, tmp_path):
    Tokens.prepare(text, tmp_path / "run", 300)
    file = tmp_path / "run" / "tokens.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"tokens.bin must hold \d+ ids"):
        Tokens(tmp_path / "run")


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "about.json"
    whole(file, json.dumps(1).encode())
    with pytest.raises(TypeError):
        whole(file, "no bytes")
    assert file.read_text() == "1"
    assert list(tmp_path.iterdir()) == [file]


def test_white_space_begins_a_piece():
    for text in ("a b", "a\nb", "a \n b", "中 文"):
        cuts = [found.start() for found in stream.BEGINS.finditer(text)]
        assert [text[cut].isspace() for cut in cuts] == [True]
    assert [found.start() for found in stream.BEGINS.finditer("a\x1cb\u2028c")] == []
