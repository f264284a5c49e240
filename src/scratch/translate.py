"""Translate a sentence of your own into Chinese, offline, and see where each word came from: a small trained model.

`scripts/weights.py` trained it on the strings of `load_pairs("en-zh")`, what a program for the home says, and so that
is what it knows: devices, passwords, lamps, sensors. Its weights are whole numbers of eight bits, with a scale a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from scratch._arguments import at_least_1, finite
from scratch._eight_bits import restored
from scratch.copying import CopyingDecoder, CopyingEncoderDecoder, decode, encode
from scratch.corpora import load_arrays
from scratch.encoder import Encoder
from scratch.search import beam_search, greedy
from scratch.table import Table
from scratch.text import Vocabulary, pad

__all__ = ["Translation", "Translator", "joined", "pretrained", "split", "translate"]

_HAN = "㐀-鿿"
_WORDS = {
    "zh": re.compile(rf"[^\W{_HAN}]+(?:[-.'’/_][^\W{_HAN}]+)*|\S"),
    "fr": re.compile(r"\w+(?:[-./_]\w+)*['’]?|\S"),
}


def split(language: str, text: str) -> list[str]:
    """The tokens of a text, of the translation as of its source: words, marks and, for "zh", Chinese characters.

    >>> split("zh", "Hue 灯已打开。"), split("fr", "L'application Wi-Fi.")
    (['Hue', '灯', '已', '打', '开', '。'], ["L'", 'application', 'Wi-Fi', '.'])

    Raises ValueError for another language than "zh" and "fr", TypeError if the text is no string.
    """
    if language not in _WORDS:
        raise ValueError(f"language must be 'zh' or 'fr', got {language!r}")
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    return _WORDS[language].findall(text)


def joined(language: str, tokens: Iterable[str]) -> str:
    """The text of tokens: `split` backwards, for nearly all texts, and with the same errors.

    >>> joined("zh", ["Hue", "灯", "已", "打", "开", "。"]), joined("fr", ["L'", "application", "."])
    ('Hue 灯已打开。', "L'application.")
    """
    text = " ".join(tokens)
    split(language, "")
    if language == "zh":
        text = re.sub(rf"(?<=[{_HAN}]) (?=[{_HAN}])", "", text)
        return re.sub(r" ?([，。！？：；（）“”、…/+]) ?", r"\1", text)
    return re.sub(r"(?<=['’]) | (?=[.,)…])|(?<=\() ", "", text)


@dataclass(frozen=True, eq=False)
class Translation:
    """A text that a model has written, with what it looked at: printed, it is the text.

    source: the words that were read; tokens: those that were written, without the end mark; weights (steps, length):
    attention's at each step, steps = len(tokens) + 1, since the end mark is a step, too; copied (steps,): 1 - p_gen,
    the share of what is copied from the places looked at.
    """

    text: str
    source: list[str]
    tokens: list[str]
    weights: Tensor
    copied: Tensor

    def __repr__(self) -> str:
        return self.text

    @property
    def alignment(self) -> Table:
        """For each token written the word of the source with most of attention's weight, and the copied share."""
        looked = self.weights.argmax(1).tolist()
        rows = [
            (token, self.source[j], self.weights[u, j].item(), self.copied[u].item())
            for u, (token, j) in enumerate(zip(self.tokens, looked, strict=False))
        ]
        return Table(rows, {"written": "", "looked at": "", "weight": ".2f", "copied": ".2f"})


class Translator:
    """A model that copies, with its vocabulary: one numbering, of which the first `written` tokens can be written.

    inside (len(vocabulary),): how often each token was seen inside of sources. The first word of a source loses its
    capital if it is more often seen there without.
    """

    def __init__(self, language: str, vocabulary: Vocabulary, inside: Sequence[int], model: CopyingEncoderDecoder):
        split(language, "")
        if len(inside) != len(vocabulary):
            raise ValueError(f"inside must have a count for each of {len(vocabulary)} tokens, got {len(inside)}")
        self.language, self.vocabulary, self.model = language, vocabulary, model
        self._inside = dict(zip(vocabulary.tokens, inside, strict=True))

    def read(self, text: str) -> list[str]:
        """The words of a source."""
        first, *rest = split(self.language, text) or [""]
        if not first:
            raise ValueError(f"text must have a word, got {text!r}")
        lower = first.lower()
        return [lower if self._inside.get(lower, 0) > self._inside.get(first, 0) else first, *rest]

    def translate(
        self, texts: Sequence[str], width: int = 1, length_penalty: float = 0.0, *, batch: int = 32, longest: int = 60
    ) -> list[str]:
        """What the model makes of these texts: by `greedy` for a width of 1, else by `beam_search`, some at a time."""
        width, batch = at_least_1("width", width), at_least_1("batch", batch)
        finite("length_penalty", length_penalty)  # which a width of 1 does not need
        read = [encode(self.vocabulary, self.read(text)) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(read[i][0]))  # alike in length, so that little is padded
        found = [""] * len(texts)
        for start in range(0, len(texts), batch):
            some = order[start : start + batch]
            source = pad([read[i][0] for i in some])
            if width == 1:
                written = greedy(self.model, *source, longest)
            else:
                written = beam_search(self.model, *source, longest, width, length_penalty)
            for i, ids in zip(some, written, strict=True):
                found[i] = self._text(ids, read[i][1])
        return found

    @torch.no_grad()
    def explain(self, text: str, width: int = 1, longest: int = 60) -> Translation:
        """One text's translation, with what the model looked at."""
        words = self.read(text)
        ids, others = encode(self.vocabulary, words)
        source, lengths = pad([ids])
        (written,) = beam_search(self.model, source, lengths, longest, width)
        before = torch.tensor([[Vocabulary.bos_id, *written]])  # (1, steps)
        _, p_gen, weights, _ = self.model.decoder.parts(before, self.model.start(source, lengths))
        tokens = decode(self.vocabulary, written, others)
        return Translation(self._text(written, others), words, tokens, weights[0], 1 - p_gen[0])

    def _text(self, ids: Sequence[int], others: Sequence[str]) -> str:
        return joined(self.language, [t for t in decode(self.vocabulary, ids, others) if t != "<unk>"])


def translate(text: str, width: int = 1) -> Translation:
    """An English sentence in Chinese, by the shipped model; `width` above 1 searches with a beam.

    >>> translate("Turn on the light").source
    ['turn', 'on', 'the', 'light']

    Raises TypeError if `text` is no string, ValueError if it has no word in it or for a `width` below 1.
    """
    return pretrained().explain(text, width)


@cache
def pretrained() -> Translator:
    """The shipped model, English to Chinese, in double precision, so that it writes the same on all that we tried."""
    arrays = load_arrays("translate")
    tokens = arrays["words"].tobytes().decode().split("\n")
    vocabulary = Vocabulary(dict(zip(tokens, arrays["counts"].tolist(), strict=True)))
    weights = {name: restored(arrays, name) for name in arrays["names"].tobytes().decode().split("\n")}
    embedding, hidden = weights["encoder.embedding.weight"].shape[1], weights["decoder.lstm.weight_hh_l0"].shape[1]
    reader = Encoder(len(vocabulary), embedding, hidden, 1, bidirectional=True)
    writer = CopyingDecoder(len(weights["decoder.output.weight"]), embedding, hidden, 2 * hidden)
    model = CopyingEncoderDecoder(reader, writer).double()
    model.load_state_dict(weights)
    return Translator("zh", vocabulary, [0] * 4 + arrays["inside"].tolist(), model.eval())
