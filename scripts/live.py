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
    call = f"live.data({json.dumps(figure)}, {json.dumps(fields, ensure_ascii=False)});"
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
    return write("fig-att-maps", what, **packed(parts.state_dict(), "int8"))


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


MOST = 5  # the widest beam
PENALTIES = [tenth / 10 for tenth in range(21)]
SENTENCES = {  # of the test strings, with what the words mean that the model writes
    "Vehicle connected since": "车辆 vehicle, 连接 connect, 已 already, 自 self or since, 自动 automatic, "
    "禁用 disable, 自定义 custom",
    "Event entity 4": "事件 event, 实体 entity, 的 of",
    "Wind direction average 10 minutes": "风向 wind direction, 方向 direction, 平均 average, 平均值 mean value, "
    "分钟 minutes",
}


class Heard:
    """A writer that another one answers for, and all that it was asked: {beginning: its next token's log p}."""

    def __init__(self, model):
        self.model, self.rows = model, {}

    def start(self, ids, lengths):
        return self.model.start(ids, lengths) | {"so far": ids[:, :0]}

    def step(self, tokens, state):
        so_far = torch.cat([state.pop("so far"), tokens.unsqueeze(1)], 1)  # (batch, steps)
        log_p, state = self.model.step(tokens, state)
        for (_, *beginning), row in zip(so_far.tolist(), log_p, strict=True):
            if 3 not in beginning:  # nothing follows the end
                self.rows[tuple(beginning)] = row
        return log_p, state | {"so far": so_far}


def fig_tr_beam() -> Path:
    """The trees of all beginnings that a beam asks about, of any width and penalty."""
    from scratch.copying import decode, encode
    from scratch.corpora import load_pairs
    from scratch.search import beams
    from scratch.text import pad
    from scratch.translate import pretrained

    translator = pretrained()
    references, tokens, sentences, tables = dict(load_pairs("en-zh")[2]), ["<eos>"], [], {}
    for source, gloss in SENTENCES.items():
        ids, others = encode(translator.vocabulary, translator.read(source))
        model = Heard(translator.model)
        for width, power in itertools.product(range(1, MOST + 1), PENALTIES):
            beams(model, *pad([ids]), 60, width, power)
        nodes = sorted(model.rows, key=lambda beginning: (len(beginning), beginning))
        best = torch.stack([model.rows[node] for node in nodes]).topk(MOST)  # (nodes, MOST)
        after = {(*node, t): i for i, node in enumerate(nodes) for t in best.indices[i].tolist()}
        places = [MOST * after[node] + best.indices[after[node]].tolist().index(node[-1]) for node in nodes[1:]]
        texts = decode(translator.vocabulary, best.indices.flatten().tolist(), others)
        tokens += sorted({*texts} - {*tokens})
        about = {"source": source, "reference": references[source]}
        about["gloss"] = dict(entry.split(" ", 1) for entry in gloss.split(", "))
        sentences.append(about | {"nodes": places, "next": [tokens.index(text) for text in texts]})
        tables[str(len(tables))] = best.values
    what = "Three sentences, and what the shipped model would write next after each beginning that a beam keeps."
    return write("fig-tr-beam", what, tokens=tokens, sentences=sentences, **packed(tables, "float32"))


PAIRS = (  # of any two of these words the page knows what they find
    "red orange yellow green blue purple brown black white pink heart circle square star diamond face smiling crying "
    "angry kissing cat dog monkey bear bird fish snake horse hand person woman man eyes hair book hat shoe ball car "
    "train house tree flower leaf sun moon snow fire water fruit food drink arrow left right button animal "
    "vehicle weapon"
).split()


def cross_modal_chapter() -> dict:
    """What the network of the chapter on pictures and words finds in fold 0, seed 0, and what its training has seen.

    Its words, most frequent first, with the number of training names that have each, and None for a word that neither
    a training name nor WordNet has; the names of the held-out pictures; `nearest`, the numbers of the five pictures
    nearest to each word, and `pair_nearest` and `pair_times` of the pairs of PAIRS.
    """
    import math

    from torch.nn.functional import cross_entropy, normalize

    from scratch.contrastive import clip_loss

    given = {"torch": torch, "np": np, "math": math, "nn": torch.nn, "cross_entropy": cross_entropy}
    cells = ("emoji = load_emoji()", "fold = np.random", "class Eye(", "vectors = word2vec.train(", "class Reader(")
    cells += ("GROUPS = {", "class Scaled(", "def moved(", "def trained(")
    b = from_chapter("beyond/cross-modal", cells, normalize=normalize, clip_loss=clip_loss, **given)
    eye, reader, _ = b["trained"](seed=0, held_out=0)
    test = np.flatnonzero(b["fold"] == 0)
    taught = [set(b["names"][i]) for i in np.flatnonzero(b["fold"] != 0)]

    def times(*words: str) -> int:
        return sum(set(words) <= name for name in taught)

    def nearest(texts: list[list[str]]) -> np.ndarray:
        return (-b["cosines"](eye, reader, test, texts)).argsort(0, kind="stable")[:5].T  # (texts, 5)

    counts = {word: times(word) for word in b["start"][0]}
    counts |= {word: None for word, count in counts.items() if count == 0 and word not in b["vectors"]}
    words = sorted(counts, key=lambda word: (-1 if counts[word] is None else counts[word], word), reverse=True)
    pairs = list(itertools.combinations(PAIRS, 2))
    return {
        "words": {word: counts[word] for word in words},
        "names": [b["emoji"].english[i] for i in test],
        "nearest": nearest([[word] for word in words]),
        "pair_nearest": nearest([list(pair) for pair in pairs]),
        "pair_times": [times(*pair) for pair in pairs],
    }


def characters() -> dict[str, str]:
    """An emoji by its name, from the package that the names are from (scripts/data.py fetches it)."""
    import zipfile

    import pictures

    wheel = ROOT / ".cache" / "data" / pictures.PACKAGES["emoji"][1]
    with zipfile.ZipFile(wheel) as archive:
        records = json.loads(archive.read("emoji/unicode_codes/emoji.json"))
    whole = {character: record["en"] for character, record in records.items() if record["status"] == 2}
    return {pictures.tidy(name): character for character, name in whole.items()}


def fig_xm_words() -> Path:
    """All words of the table, the five pictures nearest to each, and to each pair of some."""
    found, signs = cross_modal_chapter(), characters()
    words = [(times, " ".join(group)) for times, group in itertools.groupby(found["words"], found["words"].get)]
    fields = {"words": words, "pairs": " ".join(PAIRS), "names": "|".join(found["names"])}
    fields["emoji"] = " ".join(signs[name] for name in found["names"])
    for key in ("nearest", "pair_nearest"):
        fields[key] = base64.b64encode(found[key].astype("u1").tobytes()).decode()
    fields["together"] = [(k, times) for k, times in enumerate(found["pair_times"]) if times]
    what = "What the words of the chapter on pictures and words find among the pictures of fold 0."
    return write("fig-xm-words", what, **fields)


MAKERS = {
    "fig-xm-words": fig_xm_words,
    "fig-tr-beam": fig_tr_beam,
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
