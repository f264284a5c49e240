"""The emoji and their names in two languages: what scripts/data.py ships for the chapter on pictures and words.

The pictures are those of Google's font Noto Color Emoji, 64 × 64, one file each in the package emoji-datasource-google;
its sheets, in which Apple's pictures stand in for missing ones, are not touched. The names are those of the Unicode
CLDR, as the package emoji has them, and the groups Unicode's.

Left out are flags, parts of emoji, families, what is another one of the other gender, of another colour or in the other
direction, and of pictures that are nearly the same all but the first. What is left stands in Unicode's order.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGES = {
    "emoji-datasource-google": (
        "16.0.0",
        "emoji-datasource-google-16.0.0.tgz",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    ),
    "emoji": (
        "2.16.0",
        "emoji-2.16.0-py3-none-any.whl",
        "c4230d80640def9071599ff56b1b5950fe13a2a94c0da98c5deab12431b24330",
    ),
}
SIZE, COLUMNS = 32, 40  # of a picture, in pixels; of the sheet, in pictures
ALIKE = 8.0  # pictures that differ by less, root mean square of 255, are the same
WOMAN, MAN, PERSON = "1F469", "1F468", "1F9D1"
JOINER, OTHERS = "200D", {"2640", "2642", "27A1"}  # woman, man, facing right

Emoji = tuple[np.ndarray, str, str, str, str]  # picture (32, 32, 3), English name, Chinese name, group, subgroup


def emoji(pictures: Path, names: Path) -> list[Emoji]:
    """The emoji that are kept, from the two packages' files."""
    with zipfile.ZipFile(names) as archive:
        english, chinese = (
            json.loads(archive.read(f"emoji/unicode_codes/emoji{ending}.json")) for ending in ("", "_zh")
        )
    with tarfile.open(pictures) as archive:
        records = json.loads(archive.extractfile("package/emoji.json").read())
        codes = {record["unified"] for record in records}
        files = {}
        for member in archive:  # a compressed archive is read once, from its beginning to its end
            if member.name.startswith("package/img/google/64/"):
                files[Path(member.name).name] = archive.extractfile(member).read()
    found: list[Emoji] = []
    kept = np.zeros((len(records), 3 * SIZE**2), np.float32)
    for record in sorted(records, key=lambda record: record["sort_order"]):
        if not record["has_img_google"] or unwanted(record, codes):
            continue
        character = "".join(chr(int(code, 16)) for code in record["unified"].split("-"))
        picture = halved(files[record["image"]])
        if (differences(picture, kept[: len(found)]) >= ALIKE).all():
            kept[len(found)] = picture.ravel()
            name = tidy(english[character]["en"])
            found.append((picture, name, tidy(chinese[character]), record["category"], record["subcategory"]))
    return found


def unwanted(record: dict, codes: set[str]) -> bool:
    """Whether a record of the package is a flag, a part, a family, or a variant of another one among the `codes`.

    >>> codes = {"1F9D1-200D-1F692", "1F469-200D-1F692", "1F469", "1F6B6-200D-2640-FE0F"}
    >>> rows = [{"category": "", "subcategory": "", "name": "", "unified": code} for code in sorted(codes)]
    >>> [row["unified"] for row in rows if not unwanted(row, codes)]
    ['1F469', '1F9D1-200D-1F692']
    """
    parts = record["unified"].split("-")
    joined = JOINER in parts
    of_person = parts[0] in (WOMAN, MAN) and "-".join([PERSON, *parts[1:]]) in codes
    group = record["category"] in ("Flags", "Component") or record["subcategory"] == "family"
    return group or record["name"].startswith("FAMILY") or (joined and (bool(OTHERS & set(parts)) or of_person))


def tidy(name: str) -> str:
    """A name as the package writes it, as words.

    >>> tidy(":woman’s_hat:")
    "woman's hat"
    """
    return " ".join(name.strip(":").replace("_", " ").replace("’", "'").split())


def halved(png: bytes) -> np.ndarray:
    """A picture of 64 × 64 on white, at half its size: (32, 32, 3), whole numbers of eight bits."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(np.int64)
    if pixels.shape != (2 * SIZE, 2 * SIZE, 4):
        raise SystemExit(f"a picture must have the shape (64, 64, 4), got {pixels.shape}")
    opaque = pixels[..., 3:]
    on_white = pixels[..., :3] * opaque + 255 * (255 - opaque)  # (64, 64, 3), times 255
    four = on_white.reshape(SIZE, 2, SIZE, 2, 3).sum((1, 3))
    return ((four + 510) // 1020).astype(np.uint8)


def differences(picture: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The root mean squares of the differences of a picture's numbers and those of others (n, numbers): (n,).

    >>> differences(np.array([[3, 0]]), np.array([[3, 0], [0, 0]])).round(2)
    array([0.  , 2.12])
    """
    return np.sqrt(((others - picture.ravel()) ** 2).mean(1))


def sheet(pictures: list[np.ndarray]) -> bytes:
    """The pictures row by row on one sheet, as a PNG of 256 colours; no row of pixels is filtered.

    >>> png = sheet([np.full((32, 32, 3), grey, np.uint8) for grey in (0, 255)])
    >>> Image.open(io.BytesIO(png)).size
    (1280, 32)
    """
    rows = -(-len(pictures) // COLUMNS)
    whole = np.full((rows * COLUMNS, SIZE, SIZE, 3), 255, np.uint8)
    whole[: len(pictures)] = pictures
    whole = whole.reshape(rows, COLUMNS, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4)
    image = Image.fromarray(whole.reshape(rows * SIZE, COLUMNS * SIZE, 3))
    image = image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
    colours = bytes(image.getpalette()[:768]).ljust(768, b"\0")
    lines = b"".join(b"\0" + line.tobytes() for line in np.asarray(image))
    header = struct.pack(">2I5B", image.width, image.height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def lines(found: list[Emoji]) -> list[str]:
    """Group, subgroup, English and Chinese name of each, separated by tabs."""
    return ["\t".join((group, subgroup, english, chinese)) for _, english, chinese, group, subgroup in found]
