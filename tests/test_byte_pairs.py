"""scratch.byte_pairs: the pieces, merges and ids of the tokenizers library, and no text that does not come back."""

import heapq
import json
import sys
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from scratch import byte_pairs as module
from scratch import text
from scratch.byte_pairs import BytePairEncoder, pre_tokenize
from scratch.corpora import load, load_pairs

# The characters that Python's Unicode tables know: the library's tables are of another year, and newer ones differ.
KNOWN = st.characters(exclude_categories=("Cs", "Cn"))
ANY = st.text(st.characters(exclude_categories=("Cs",)))
FEW = st.text("ab c1'\n", max_size=25)
SMALL = st.lists(st.one_of(FEW, st.text("a", max_size=40), st.text(KNOWN, max_size=15)), max_size=12)
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def theirs(texts, vocab_size):
    """The library, trained."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = BYTE_LEVEL, decoders.ByteLevel()
    arguments = {"special_tokens": [], "show_progress": False, "initial_alphabet": BYTE_LEVEL.alphabet()}
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, **arguments))
    return tokenizer


def byte_of():
    """{the library's id of a byte: the byte}, learnt from how it writes characters in which all bytes occur."""
    printed = {}
    for start, stop, step in (
        (0, 256, 1),
        (256, 2048, 64),
        (2048, 2049, 1),
        (4096, 2**16, 4096),
        (2**16, 2**20 + 1, 2**16),
    ):
        for character in map(chr, range(start, stop, step)):
            [(shown, _)] = BYTE_LEVEL.pre_tokenize_str(character)
            printed |= dict(zip(shown, character.encode(), strict=True))
    never = set(range(256)) - set(printed.values())
    assert never == {0xC0, 0xC1, *range(0xF5, 0x100)}  # which no text holds; printed as themselves
    printed |= {chr(byte): byte for byte in never}
    return {i: printed[character] for i, character in enumerate(sorted(BYTE_LEVEL.alphabet()))}


BYTE_OF = byte_of()


def ours(i):
    """Our id for an id of the library's."""
    return BYTE_OF.get(i, i)


def merges_of(tokenizer):
    """The library's merges in our ids."""
    model = json.loads(tokenizer.to_str())["model"]
    return [(ours(model["vocab"][left]), ours(model["vocab"][right])) for left, right in model["merges"]]


def agree(texts, vocab_size, others=()):
    encoder, tokenizer = BytePairEncoder.train(texts, vocab_size), theirs(texts, vocab_size)
    assert encoder.merges == merges_of(tokenizer)
    assert len(encoder) == tokenizer.get_vocab_size() == 256 + len(encoder.merges)
    for line in (*texts, *others):
        assert encoder.encode(line) == [ours(i) for i in tokenizer.encode(line).ids]
    return encoder


def pieces_of(line):
    return [line[start:end] for _, (start, end) in BYTE_LEVEL.pre_tokenize_str(line)]


def test_every_known_character_is_cut_as_by_the_library():
    """After a letter, a digit, a sign, a space, itself and a line break: all 145,000 of them."""
    known = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cs", "Cn", "Co")]
    for start in range(0, len(known), 1024):
        line = "".join(f"a{c}1{c}!{c} {c}{c}\n{c}" for c in known[start : start + 1024])
        assert pre_tokenize(line) == pieces_of(line)


@given(st.text(KNOWN))
@example("I'll I’ll ' 's's  't\t\n \x1c \x1f\x85x\u3000y\u200b½ ²2 Ⅷ é e\u0301 你好，world_1  ")
def test_pieces_are_the_library_s(line):
    assert pre_tokenize(line) == pieces_of(line)
    assert "".join(pre_tokenize(line)) == line


def test_the_tables_of_characters_are_made_anew():
    module._pattern.cache_clear()
    line = "aé你Ⅷ½²٣١a\u0301_-€ \x1c\u200b\u3000\U0001d7ce\U0010ffff\x00z9 "
    assert pre_tokenize(line) == pieces_of(line)


@given(ANY)
def test_pieces_add_up_whatever_the_characters(line):
    assert "".join(pre_tokenize(line)) == line


@settings(max_examples=200)
@given(SMALL, st.integers(256, 330), st.lists(st.text(KNOWN), max_size=4))
@example(["aaaaaaa aaaa aaaaa"], 270, ["aaaaaa"])
@example(["ab ba", "!a !a"], 257, [])
def test_merges_and_ids_are_the_library_s(texts, vocab_size, others):
    encoder = agree(texts, vocab_size, others)
    left_to_merge = any(len(encoder.encode(piece)) > 1 for line in texts for piece in pre_tokenize(line))
    assert len(encoder) == vocab_size or (len(encoder) < vocab_size and not left_to_merge)
    assert len(set(encoder.tokens)) == len(encoder)  # two merges never make the same token


def test_ties_go_to_the_smaller_pair_of_library_ids():
    """All pairs are equally frequent. The library numbers the space behind 0xC3 and the letters, 0xA0 behind 0xA9."""
    assert agree(["ba", "ab"], 257).tokens[256:] == [b"ab"]
    assert agree([" b", "ab"], 257).tokens[256:] == [b"ab"]
    assert agree([" b", "ä"], 257).tokens[256:] == ["ä".encode()]
    assert agree(["à", "é"], 257).tokens[256:] == ["é".encode()]
    assert agree(["bc", "ab", "bc", "ab"], 258).tokens[256:] == [b"ab", b"bc"]


def test_eight_thousand_merges_of_the_corpora():
    """A third of the English text, and Chinese strings: the same merges in the same order, the same ids."""
    train, _, test = load_pairs("en-zh")
    sentences = [" ".join(sentence) for sentence in load("english")]
    texts = sentences[::3] + [line for pair in train for line in pair]
    encoder = BytePairEncoder.train(texts, 256 + 8000)
    tokenizer = theirs(texts, 256 + 8000)
    assert len(encoder) == 8256
    assert encoder.merges == merges_of(tokenizer)
    lines = sentences[::100] + [line for pair in test for line in pair]
    expected = [[ours(i) for i in encoding.ids] for encoding in tokenizer.encode_batch(lines)]
    assert [encoder.encode(line) for line in lines] == expected


def slow_train(texts, vocab_size):
    """The definition: count all pairs, merge the most frequent one everywhere, begin again."""
    place = {b: i for i, b in BYTE_OF.items()}
    words = Counter(tuple(piece.encode()) for line in texts for piece in pre_tokenize(line))
    merges = []
    while 256 + len(merges) < vocab_size:
        counts = Counter()
        for word, n in words.items():
            for pair in pairwise(word):
                counts[pair] += n
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], [place.get(i, i) for i in pair]))
        merged = Counter()
        for word, n in words.items():
            out = []
            for i in word:
                if out and (out[-1], i) == best:
                    out[-1] = 256 + len(merges)
                else:
                    out.append(i)
            merged[tuple(out)] += n
        words = merged
        merges.append(best)
    return merges


@given(SMALL, st.integers(256, 300))
def test_training_is_what_it_says(texts, vocab_size):
    assert BytePairEncoder.train(texts, vocab_size).merges == slow_train(texts, vocab_size)


@pytest.fixture(scope="module")
def encoder():
    return BytePairEncoder.train([line for pair in load_pairs("en-zh")[1] for line in pair], 1500)


@given(line=ANY)
@example(line="\0 e\u0301 é 👩‍👩‍👧 \U0010ffff\uffff 中文\r\n\t\u2028")
def test_every_text_comes_back(line, encoder):
    for some in (encoder, BytePairEncoder()):
        ids = some.encode(line)
        assert some.decode(ids) == line
        assert some.decode(torch.tensor(ids, dtype=torch.int64)) == line
        assert b"".join(some.tokens[i] for i in ids) == line.encode()
    assert BytePairEncoder().encode(line) == list(line.encode())


@given(ids=st.lists(st.integers(0, 1499), max_size=12))
def test_any_ids_decode_as_by_the_library(ids, encoder):
    back = {byte: i for i, byte in BYTE_OF.items()}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(BYTE_LEVEL.alphabet())
    shown = ["".join(alphabet[back[byte]] for byte in encoder.tokens[i]) for i in ids]
    assert encoder.decode(ids) == tokenizer.decoder.decode(shown)


def test_a_token_that_is_one_piece_is_its_own_encoding(encoder):
    for i, token in enumerate(encoder.tokens):
        line = token.decode(errors="ignore")
        if line.encode() == token and pre_tokenize(line) == [line]:
            assert encoder.encode(line) == [i]


def test_fewer_merges_are_a_smaller_encoder(encoder):
    assert encoder.merges[:100] == BytePairEncoder(encoder.merges).merges[:100]
    lines = [line for pair in load_pairs("en-zh")[1] for line in pair]
    assert BytePairEncoder.train(lines, 700).merges == encoder.merges[:444]
    assert len(BytePairEncoder.train(reversed(lines), 1500)) == 1500
    assert BytePairEncoder.train(reversed(lines), 1500).merges == encoder.merges  # the order of texts does not matter


def test_a_long_piece_takes_no_square_time(encoder, monkeypatch):
    """A book without spaces is one piece: ten times the text takes about ten times the steps, counted, not timed."""
    popped, pop = [], heapq.heappop
    monkeypatch.setattr(heapq, "heappop", lambda heap: popped.append(1) or pop(heap))

    def steps(n):
        popped.clear()
        assert encoder.decode(ids := encoder.encode("认证成功" * n)) == "认证成功" * n
        assert len(ids) <= 4 * n
        return len(popped)

    few, many = steps(2_000), steps(20_000)
    assert 2_000 < few < many <= 10 * few + 100


def test_small_ends():
    empty = BytePairEncoder.train([], 1000)
    assert (len(empty), empty.merges, empty.encode(""), empty.decode([])) == (256, [], [], "")
    assert empty.tokens == [bytes([i]) for i in range(256)]
    assert len(BytePairEncoder.train(["ab ab"], np.int64(256))) == 256
    assert len(BytePairEncoder.train(["ab ab"], 1000)) == 258  # "ab" and " ab", and then there is no pair left
    assert BytePairEncoder([[104, 105], (256, 256)]).encode("hihi") == [257]
    assert BytePairEncoder([(0, 0)]).tokens[256:] == [b"\0\0"]
    assert BytePairEncoder().decode([0xE4, 0xBD]) == "\ufffd"
    assert text.BytePairEncoder is BytePairEncoder


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.train("a text", 300), TypeError, r"texts must be a list of str, got the str 'a text'"),
        (lambda e: e.train([b"bytes"], 300), TypeError, r"text must be a str, got bytes"),
        (lambda e: e.train(["a"], 255), ValueError, r"vocab_size must be at least 256.*got 255"),
        (lambda e: e.train(["a"], 300.0), TypeError, r"vocab_size must be an int, got 300.0 \(float\)"),
        (lambda e: e.train(["a\ud83d"], 300), ValueError, r"text must hold whole characters, got '\\ud83d'"),
        (lambda e: e.encode(None), TypeError, r"text must be a str, got NoneType"),
        (lambda e: e.encode(["a", "list"]), TypeError, r"text must be a str, got list"),
        (lambda e: e.encode("\udc80"), ValueError, r"text must hold whole characters, got '\\udc80'"),
        (lambda e: e.decode([257]), IndexError, r"ids must lie between 0 and 256.*got 257"),
        (lambda e: e.decode([-1]), IndexError, r"got -1"),
        (lambda e: e.decode([65.0]), TypeError, r"ids must be integers, got 65.0 \(float\)"),
        (lambda e: e.decode("A"), TypeError, r"ids must be integers, got 'A' \(str\)"),
        (
            lambda e: BytePairEncoder([(65, 256)]),
            ValueError,
            r"hold earlier ids, 0 to 255 so far, got \(65, 256\)",
        ),
        (
            lambda e: BytePairEncoder([(65, 66), (65, 66)]),
            ValueError,
            r"hold a pair once, got \(65, 66\) twice",
        ),
        (lambda e: BytePairEncoder([(65, -1)]), ValueError, r"got \(65, -1\)"),
        (lambda e: BytePairEncoder([(65, "B")]), TypeError, r"merges must be integers, got 'B' \(str\)"),
        (lambda e: BytePairEncoder([65, 66]), TypeError, r"merges must hold pairs of ids, got 65 \(int\)"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(BytePairEncoder([(65, 66)]))
