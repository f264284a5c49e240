"""scratch.text: the tokenizer's rule, and a vocabulary that loses and invents nothing."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.text import Vocabulary, tokenize

WORDS = st.text("abcxyz'", min_size=1, max_size=3)


def test_tokenize_keeps_words_and_inner_apostrophes():
    assert tokenize("Don't panic: 42 O'Neill’s cats' toys.") == ["don't", "panic", "o'neill", "s", "cats", "toys"]
    assert tokenize("") == tokenize("3.14 …") == []


@pytest.mark.parametrize("text", [None, b"bytes", ["a list"]])
def test_tokenize_refuses_what_is_no_text(text):
    with pytest.raises(TypeError, match="text must be a str"):
        tokenize(text)


@given(st.lists(WORDS))
def test_vocabulary_round_trip_and_order(tokens):
    vocabulary = Vocabulary.from_tokens(tokens)
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    assert vocabulary.tokens[:4] == ["<pad>", "<unk>", "<bos>", "<eos>"]
    counts = Counter(tokens)
    assert vocabulary.tokens[4:] == sorted(counts, key=lambda t: (-counts[t], t))
    assert vocabulary.counts == counts
    assert Vocabulary.from_tokens(reversed(tokens)).tokens == vocabulary.tokens


@given(st.lists(WORDS), st.integers(1, 4), st.integers(4, 9))
def test_min_count_and_max_size(tokens, min_count, max_size):
    vocabulary = Vocabulary.from_tokens(tokens, min_count, max_size)
    assert len(vocabulary) <= max_size
    assert all(n >= min_count for n in vocabulary.counts.values())
    enough = sum(n >= min_count for n in Counter(tokens).values())
    assert len(vocabulary) == min(max_size, 4 + enough)


def test_special_tokens_in_the_text_keep_their_ids():
    vocabulary = Vocabulary.from_tokens(["<unk>", "a", "<pad>", "<unk>"], max_size=5)
    assert vocabulary.tokens == ["<pad>", "<unk>", "<bos>", "<eos>", "a"]
    assert vocabulary.encode(["<pad>", "<bos>", "b"]) == [vocabulary.pad_id, vocabulary.bos_id, vocabulary.unk_id]
    assert "a" in vocabulary
    assert "b" not in vocabulary


def test_decode_takes_tensors():
    assert Vocabulary.from_tokens(["a"]).decode(torch.tensor([4, 0])) == ["a", "<pad>"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: v.decode([5]), IndexError, r"ids must lie between 0 and 4.*got 5"),
        (lambda v: v.decode([-1]), IndexError, r"got -1"),
        (lambda v: v.decode([1.0]), TypeError, r"ids must be integers, got 1.0 \(float\)"),
        (lambda v: v.encode("a cat"), TypeError, r"tokens must be a list of tokens, got the str 'a cat'"),
        (lambda v: v.encode(["a", 3]), TypeError, r"tokens must hold str, got 3 \(int\)"),
        (lambda v: v.from_tokens([["a"]]), TypeError, r"tokens must hold str, got \['a'\] \(list\)"),
        (lambda v: v.from_tokens(["a"], min_count=0), ValueError, r"min_count must be at least 1, got 0"),
        (lambda v: v.from_tokens(["a"], max_size=3), ValueError, r"max_size must be at least 4.*got 3"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Vocabulary.from_tokens(["a"]))
