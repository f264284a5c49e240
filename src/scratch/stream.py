"""Text of any size as one file of ids: read piece by piece, cut once by byte-pair encoding, then looked at in place."""

from __future__ import annotations

import codecs
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from scratch._arguments import at_least, at_least_1
from scratch.byte_pairs import BytePairEncoder
from scratch.text import Vocabulary

PIECE = 1 << 20  # bytes that are read at once
LEARNT_FROM = 8 * PIECE  # bytes of text that merges are learnt from
BEGINS = re.compile(r"(?<=\S)[ \t\r\n]")  # white space after a word: a place that no token of GPT-2's pieces crosses
SPECIALS = len(Vocabulary.SPECIALS)  # ids of <pad>, <unk>, <bos>, <eos>, which come before the bytes


def text_files(path: str | os.PathLike) -> list[Path]:
    """The file, or all files in a folder and the folders in it, in the order of their names; no hidden ones.

    Raises FileNotFoundError if there is no such path, ValueError if nothing in it has a byte.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"text must be a file or a folder, and there is none called {path}")
    inside = sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
    files = [file for file in inside if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not any(file.stat().st_size for file in files):
        raise ValueError(f"text must not be empty, and {path} holds none")
    return files


def pieces(file: Path, size: int = PIECE) -> Iterator[str]:
    """The text of a file in pieces of about `size` bytes, each of which ends at the end of a word.

    Byte-pair encoding cuts them as it cuts the whole. A text without white space is cut after 16 times the size.
    Raises ValueError, with the place, for a byte that is no UTF-8.
    """
    decoder, read, rest = codecs.getincrementaldecoder("utf-8")(), 0, ""
    with _opened(file) as opened:
        while block := opened.read(size):
            try:
                rest += decoder.decode(block)
            except UnicodeDecodeError as error:
                at, wrong = read - len(error.object) + len(block) + error.start, error.object[error.start]
                raise ValueError(f"text must be UTF-8, and byte {at} of {file} is {wrong:#04x}") from None
            read += len(block)
            ends = [found.start() for found in BEGINS.finditer(rest, max(0, len(rest) - size))]
            if ends or len(rest) > 16 * size:
                end = ends[-1] if ends else len(rest)
                yield rest[:end]
                rest = rest[end:]
    try:
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise ValueError(f"text must be UTF-8, and {file} ends within a character") from None
    if rest:
        yield rest


def _opened(file: Path) -> IO[bytes]:
    """A file's bytes, or those of the first file in a zip archive."""
    if file.suffix != ".zip":
        return open(file, "rb")
    archive = zipfile.ZipFile(file)
    return archive.open(archive.namelist()[0])


def learn(files: Sequence[Path], vocab_size: int) -> BytePairEncoder:
    """Byte-pair encoding of at most `vocab_size` ids, learnt from the first 8 MB, an equal share of each file."""
    share = max(1, LEARNT_FROM // len(files))
    return BytePairEncoder.train((text for file in files for text in _first(file, share)), vocab_size)


def _first(file: Path, size: int) -> Iterator[str]:
    step = min(size, PIECE)
    return islice(pieces(file, step), max(1, size // step))


class Tokens:
    """A text that was cut into ids, which stay in their file: as much memory as is looked at.

    `Tokens.prepare(text, folder, vocab_size)` learns the merges and cuts the text, unless the folder has both already;
    `Tokens(folder)` opens them. Ids 0 to 3 are <pad>, <unk>, <bos> and <eos>, which stands after each file; then come
    the ids of the byte-pair encoding. Files are whole or absent, whenever this is stopped.

    Raises FileNotFoundError if the folder has none, ValueError if its files do not fit each other.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        about = json.loads((self.folder / "tokens.json").read_text("utf-8"))
        self.encoder = BytePairEncoder(about["merges"])
        self.text, self.counts = about["text"], torch.tensor(about["counts"])  # (files, bytes); (ids,) how often each
        file = self.folder / "tokens.bin"
        if file.stat().st_size != about["tokens"] * np.dtype(about["type"]).itemsize:
            raise ValueError(
                f"{file} must hold {about['tokens']} ids, and does not: remove it, and the text is cut again"
            )
        self.ids = np.memmap(file, about["type"], "r")

    @classmethod
    def prepare(cls, text: str | os.PathLike, folder: str | os.PathLike, vocab_size: int) -> Tokens:
        """The ids of a text, cut now or before. Raises ValueError if the folder holds another text's."""
        files, folder = text_files(text), Path(folder)
        vocab_size = at_least("vocab_size", vocab_size, SPECIALS + 256)
        folder.mkdir(parents=True, exist_ok=True)
        described = [[str(file.relative_to(text)), file.stat().st_size] for file in files]
        if not (folder / "tokens.json").exists():
            _cut(files, described, learn(files, vocab_size - SPECIALS), folder)
        found = cls(folder)
        if found.text != described:
            raise ValueError(f"text must be the one that {folder} was begun with, and its files or sizes are others")
        return found

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def vocab_size(self) -> int:
        return SPECIALS + len(self.encoder)

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Raises what `BytePairEncoder.encode` raises."""
        return [SPECIALS + i for i in self.encoder.encode(text)]

    def rows(self, starts: Tensor, length: int) -> Tensor:
        """starts (n,): places -> the ids (n, length) from each on."""
        length = at_least_1("length", length)
        return torch.from_numpy(np.stack([self.ids[i : i + length] for i in starts.tolist()]).astype(np.int64))


def whole(path: Path, data: bytes) -> None:
    """Write a file under another name and give it its own when it is whole: who reads it sees the old or the new."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with saying(path), open(draft, "wb") as written:
            written.write(data)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def saying(path: Path) -> Iterator[None]:
    """If a file cannot be written, raise OSError with its name and what is safe."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{path} cannot be written ({error.strerror}); what was saved before is whole") from error


def _cut(files: Sequence[Path], described: list, encoder: BytePairEncoder, folder: Path) -> None:
    """Write tokens.bin and then tokens.json, each whole or not at all."""
    kind = np.dtype(np.uint16 if SPECIALS + len(encoder) <= 2**16 else np.uint32)
    target = folder / "tokens.bin"
    draft, counts, total = target.with_suffix(f".{os.getpid()}.tmp"), np.zeros(SPECIALS + len(encoder), np.int64), 0
    try:
        with saying(target), open(draft, "wb") as written:
            for ids in _ids(files, encoder):
                counts += np.bincount(ids, minlength=len(counts))
                total += len(ids)
                written.write(ids.astype(kind).tobytes())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    about = {"text": described, "tokens": total, "type": kind.name, "counts": counts.tolist()}
    whole(folder / "tokens.json", json.dumps(about | {"merges": encoder.merges}).encode())


def _ids(files: Sequence[Path], encoder: BytePairEncoder) -> Iterator[np.ndarray]:
    """The ids of all files in pieces, with one of <eos> after each file."""
    for file in files:
        for piece in pieces(file):
            yield np.array(encoder.encode(piece)) + SPECIALS
        yield np.array([Vocabulary.eos_id])
