"""Make the data of the pictures that can be tried out: python scripts/live.py [fig-att-maps …]

What the chapters train is put into book/_static/live/fig-….data.js, as base64 in a call: a page opened from the disk
may run a script, but not fetch a file. The code that makes the networks is the chapters' own, cell by cell.
"""

import base64
import itertools
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))
from common import from_chapter

ROOT = Path(__file__).resolve().parent.parent
LIVE = ROOT / "book" / "_static" / "live"


SPELLER = ("seen = [", "def speller(", "def spell(", "def as_ids(", "def train(")  # cells of the attention chapter
HIDDEN = 48


def attention_chapter(wanted: tuple[str, ...] = SPELLER, **own: object) -> dict:
    """The chapter's names: its words, its network, its training; of fewer cells, with `own` names for the others'."""
    from scratch.attention import AdditiveAttention
    from scratch.training import fit, random_rows

    given = {"torch": torch, "nn": torch.nn, "AdditiveAttention": AdditiveAttention} | own
    return from_chapter("encoder/attention", wanted, fit=fit, random_rows=random_rows, **given)


def packed(tensors: dict[str, torch.Tensor], kind: str) -> dict:
    """The fields that hold them for `write`: little-endian numbers in base64; int8 with a float32 for each row."""
    shapes, out = [], []
    for name, tensor in tensors.items():
        rows = tensor.detach().numpy()
        rows = rows[None] if rows.ndim == 1 else rows  # a bias is one row
        shapes.append([name, *rows.shape])
        if kind == "int8":
            scale = (np.abs(rows).max(1, keepdims=True) / 127).astype("<f4")
            out += [scale.tobytes(), np.rint(rows / scale).astype("i1").tobytes()]
        else:
            out.append(rows.astype({"float32": "<f4", "float16": "<f2"}[kind]).tobytes())
    return {"kind": kind, "shapes": shapes, "base64": base64.b64encode(b"".join(out)).decode()}


def unpacked(fields: dict) -> dict[str, torch.Tensor]:
    """The numbers as the page reads them, in float64: {name: (rows, columns)}."""
    out, at, data, kind = {}, 0, base64.b64decode(fields["base64"]), fields["kind"]
    for name, rows, columns in fields["shapes"]:
        n = rows * columns
        if kind == "int8":
            scale = np.frombuffer(data, "<f4", rows, at)[:, None].astype(float)
            values = np.frombuffer(data, "i1", n, at + 4 * rows).reshape(rows, columns) * scale
            at += 4 * rows + n
        else:
            dtype = {"float32": "<f4", "float16": "<f2"}[kind]
            values = np.frombuffer(data, dtype, n, at).reshape(rows, columns).astype(float)
            at += values.size * int(dtype[-1])
        out[name] = torch.tensor(values)
    assert at == len(data)
    return out


def write(figure: str, what: str, **fields) -> Path:
    path = LIVE / f"{figure}.data.js"
    call = f"live.data({json.dumps(figure)}, {json.dumps(fields)});"
    path.write_text(f"// {what} Made by scripts/live.py.\n{call}\n", "utf-8")
    return path


def read(figure: str) -> dict:
    """What `write` wrote."""
    call = (LIVE / f"{figure}.data.js").read_text("utf-8").splitlines()[1]
    return json.loads(call[len(f'live.data("{figure}", ') : -len(");")])


def fig_att_maps() -> Path:
    from scratch.corpora import load_results

    names = attention_chapter()
    (rate,) = (r["rate"] for r in load_results("bottleneck")["rows"] if (r["hidden"], r["steps"]) == (HIDDEN, 250))
    torch.manual_seed(0)
    parts = names["speller"](HIDDEN, True)
    names["train"](parts, 250, 0, rate)
    what = "The weights of the attention chapter's network with attention, first seed."
    return write("fig-att-maps", what, **packed(parts.state_dict(), "float16"))


def fig_tokens_length(merges: int = 2000) -> Path:
    from scratch.corpora import load
    from scratch.text import BytePairEncoder

    speeches = load("state-of-the-union")
    texts = [" ".join(s) for i, s in enumerate(speeches) if i % 10 != 9]  # as in the chapter
    encoder = BytePairEncoder.train(texts, 256 + merges)
    data = np.array(list(itertools.chain(*encoder.merges)), "<u2").tobytes()
    return write("fig-tokens-length", "The first merges of the tokens chapter.", base64=base64.b64encode(data).decode())


def fig_w2v_projection(words: int = 1000) -> Path:
    from gensim.models import Word2Vec

    from scratch.corpora import load
    from scratch.text import tokenize

    given = {"torch": torch, "Word2Vec": Word2Vec, "tokenize": tokenize, "sentences": load("state-of-the-union")}
    vectors = from_chapter("input-layer/word2vec", ("recent = ", "skip_gram = train("), **given)["skip_gram"]
    fields = packed({"vectors": torch.tensor(vectors.vectors[:words])}, "int8")
    what = "The most frequent words of the word2vec chapter's skip-gram, and their vectors."
    return write("fig-w2v-projection", what, words=vectors.index_to_key[:words], **fields)


def fig_lstm_clerk() -> Path:
    from scratch.recurrent import LSTMCell

    names = from_chapter("encoder/lstm-gru", ("clerk = LSTMCell(",), torch=torch, LSTMCell=LSTMCell)
    clerk = names["clerk"]
    weights = {"W": clerk.weight_ih, "U": clerk.weight_hh, "bias": clerk.bias_ih + clerk.bias_hh}
    what = "The weights of the LSTM chapter's two units, set by hand."
    fields = packed(weights, "float16")  # small whole numbers: exact
    return write("fig-lstm-clerk", what, words=names["words"], text=" ".join(names["text"]), **fields)


def fig_le_padding() -> Path:
    from scratch.text import Vocabulary, tokenize

    texts = ["The cat sat on the mat", "Dog bites man"]
    vocabulary = Vocabulary.from_tokens(token for text in texts for token in tokenize(text))
    torch.manual_seed(0)
    table, reader = torch.nn.Embedding(len(vocabulary), 16), torch.nn.LSTM(16, 32)
    sentences = [{"text": text, "ids": vocabulary.encode(tokenize(text))} for text in texts]
    weights = dict(zip(("table", "W", "U", "b", "v"), [table.weight, *reader.parameters()], strict=True))
    what = "An LSTM encoder with random weights, as in the chapter on the LSTM encoder, and two sentences."
    return write("fig-le-padding", what, sentences=sentences, **packed(weights, "float16"))


MAKERS = {
    "fig-att-maps": fig_att_maps,
    "fig-tokens-length": fig_tokens_length,
    "fig-w2v-projection": fig_w2v_projection,
    "fig-lstm-clerk": fig_lstm_clerk,
    "fig-le-padding": fig_le_padding,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MAKERS:
        path = MAKERS[name]()
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
