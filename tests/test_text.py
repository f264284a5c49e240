"""scratch.text: the tokenizer's rule, a vocabulary that loses and invents nothing, and padding as in torch."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils.rnn import pad_sequence

from scratch.text import Vocabulary, mask, pad, tokenize

WORDS = st.text("abcxyz'", min_size=1, max_size=3)


def test_tokenize_keeps_words_and_inner_apostrophes():
    assert tokenize("Don't panic: 42 O'Neill’s cats' toys.") == ["don't", "panic", "o'neill", "s", "cats", "toys"]
    assert tokenize("Don’t") == ["don't"]
    assert tokenize("") == tokenize("3.14 …") == []


@pytest.mark.parametrize("text", [None, b"bytes", ["a list"]])
def test_tokenize_refuses_what_is_no_text(text):
    with pytest.raises(TypeError, match=f"text must be a str, got {type(text).__name__}"):
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


def test_a_special_token_in_the_text_is_counted():
    """WikiText and PTB have <unk> in them: it is neither lost nor numbered twice, and takes nobody's place."""
    tokens = ["the", "<unk>", "<unk>", "<unk>", "the", "<eos>", "cat"]
    vocabulary = Vocabulary.from_tokens(tokens)
    assert vocabulary.counts == {"<unk>": 3, "the": 2, "<eos>": 1, "cat": 1}
    assert vocabulary.tokens == [*Vocabulary.SPECIALS, "the", "cat"]
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    assert Vocabulary(vocabulary.counts).tokens == vocabulary.tokens
    assert Vocabulary.from_tokens(tokens, min_count=2, max_size=5).counts == {"<unk>": 3, "the": 2}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Vocabulary(["a", "b"]), TypeError, "counts must be a dict, token to count, got list"),
        (lambda: Vocabulary({1: 2}), TypeError, r"tokens must hold str, got 1 \(int\)"),
        (lambda: Vocabulary({"a": "b"}), TypeError, "counts must be an int, got 'b'"),
        (lambda: Vocabulary({"a": -1}), ValueError, "counts must be at least 0, got -1"),
        (lambda: Vocabulary.from_tokens(["a"], min_count=1.5), TypeError, "min_count must be an int, got 1.5"),
        (lambda: Vocabulary.from_tokens(["a"], max_size="9"), TypeError, "max_size must be an int, got '9'"),
        (lambda: Vocabulary.from_tokens(7), TypeError, r"tokens must be a list of tokens, got 7 \(int\)"),
        (lambda: Vocabulary.from_tokens(["a"]).decode(7), TypeError, r"ids must be a list of integers, got 7 \(int\)"),
        (lambda: pad(7), TypeError, r"sequences must be a list of lists, got 7 \(int\)"),
        (lambda: pad([[2**70]]), ValueError, f"sequences must hold ids that fit into int64, got {2**70}"),
        (lambda: pad([np.array([2**63], "uint64")]), ValueError, f"ids that fit into int64, got {2**63}"),
        (lambda: pad([[1]], pad_id=2**63), ValueError, f"pad_id must fit into int64, got {2**63}"),
    ],
)
def test_what_is_wrong_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_any_integer_will_do():
    small = Vocabulary.from_tokens("a b a c".split(), np.int64(1), torch.tensor(6))
    assert small.tokens[4:] == ["a", "b"]
    assert Vocabulary.from_tokens(iter("aab"), max_size=10**18).counts == {"a": 2, "b": 1}  # costs nothing
    rows = [[3, 1], np.array([2], "uint64"), torch.tensor([4], dtype=torch.int8), [np.uint64(5)], range(2), iter([6])]
    ids, lengths = pad(iter(rows), pad_id=np.int32(9))
    assert ids.tolist() == [[3, 1], [2, 9], [4, 9], [5, 9], [0, 1], [6, 9]]
    assert lengths.tolist() == [2, 1, 1, 1, 2, 1]


def test_decode_takes_tensors():
    assert Vocabulary.from_tokens(["a"]).decode(torch.tensor([4, 0])) == ["a", "<pad>"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: v.decode([5]), IndexError, r"ids must lie between 0 and 4.*got 5"),
        (lambda v: v.decode([-1]), IndexError, r"got -1"),
        (lambda v: v.decode([1.0]), TypeError, r"ids must be integers, got 1.0 \(float\)"),
        (lambda v: v.encode("a cat"), TypeError, r"tokens must be a list of tokens, got the str 'a cat'"),
        (lambda v: v.encode("a" * 99), TypeError, rf"got the str '{'a' * 20}': call tokenize on it first"),
        (lambda v: v.encode(["a", 3]), TypeError, r"tokens must hold str, got 3 \(int\)"),
        (lambda v: v.from_tokens([["a"]]), TypeError, r"tokens must hold str, got \['a'\] \(list\)"),
        (lambda v: v.from_tokens(["a"], min_count=0), ValueError, r"min_count must be at least 1, got 0"),
        (lambda v: v.from_tokens(["a"], max_size=3), ValueError, r"max_size must be at least 4.*got 3"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Vocabulary.from_tokens(["a"]))


@given(st.lists(st.lists(st.integers(-1, 10**12)), min_size=1), st.integers(-1, 10**12))
def test_pad_as_torch_does(sequences, pad_id):
    tensors = [torch.tensor(sequence, dtype=torch.int64) for sequence in sequences]
    expected = pad_sequence(tensors, batch_first=True, padding_value=pad_id)
    for given_as in (sequences, tuple(sequences), iter(sequences), tensors, [np.array(x, np.int64) for x in sequences]):
        ids, lengths = pad(given_as, pad_id)
        assert torch.equal(ids, expected)
        assert lengths.tolist() == [len(sequence) for sequence in sequences]
        assert ids.dtype == lengths.dtype == torch.int64


def test_pad_at_its_ends():
    for ids, lengths in (pad([]), pad(iter(()))):
        assert (ids.shape, lengths.shape) == ((0, 0), (0,))
        assert ids.dtype == lengths.dtype == torch.int64
    ids, lengths = pad([[], []])
    assert (ids.shape, lengths.tolist()) == ((2, 0), [0, 0])
    ids, _ = pad([torch.tensor([3], dtype=torch.int32), [], [1, 2]])
    assert ids.tolist() == [[3, 0], [0, 0], [1, 2]]
    for made in pad([torch.ones(2, dtype=torch.int64, device="meta")]):
        assert made.device.type == "meta"
    given_tensor = torch.tensor([1, 2])
    pad([given_tensor])[0][0, 0] = 9
    assert given_tensor.tolist() == [1, 2]  # a copy


@pytest.mark.parametrize(
    ("sequences", "got"),
    [
        ([1, 2], r"got 1 \(int\)"),
        (["a cat"], r"got 'a cat' \(str\)"),
        ([["a"]], r"got \['a'\] \(list\)"),
        ([[1.5]], r"got \[1.5\]"),
        ([[True]], r"got \[True\]"),
        ([[1], [[2]]], r"got \[\[2\]\]"),
        ([[1], None], r"got None"),
        ([[[1], [2, 3]]], r"got \[\[1\], \[2, 3\]\]"),
        ([torch.zeros(2)], r"got tensor\(\[0., 0.\]\)"),
    ],
)
def test_pad_names_what_is_no_sequence_of_ids(sequences, got):
    with pytest.raises(TypeError, match=r"sequences must hold lists of integers, " + got):
        pad(sequences)


def test_pad_names_a_pad_id_that_is_no_integer():
    with pytest.raises(TypeError, match=r"pad_id must be an int, got 0.0 \(float\)"):
        pad([[1]], pad_id=0.0)


@given(st.lists(st.lists(st.integers(4, 9), max_size=5), max_size=4), st.integers(0, 3))
def test_mask_is_where_the_words_are(sentences, more):
    ids, lengths = pad(sentences)
    assert torch.equal(mask(lengths), ids != 0)
    wide = mask(lengths.tolist(), ids.shape[1] + more)
    assert wide.shape == (len(sentences), ids.shape[1] + more)
    assert torch.equal(wide.sum(1), lengths)
    assert torch.equal(wide, wide.cummin(1)[0] if wide.numel() else wide)  # words first, then padding


def test_mask_stays_on_the_lengths_device():
    assert mask(torch.ones(2, dtype=torch.int64, device="cpu"), 3).device.type == "cpu"


def test_mask_without_numbers_needs_a_width():
    assert mask(torch.ones(2, dtype=torch.int64, device="meta"), 3).shape == (2, 3)
    with FakeTensorMode(), pytest.raises(ValueError, match=r"^width must be given where lengths have no numbers"):
        mask(torch.ones(2, dtype=torch.int64))

    @torch.compile(backend="eager")
    def compiled(lengths):
        return mask(lengths) | False

    assert torch.equal(compiled(torch.tensor([3, 1])), mask([3, 1]))


@pytest.mark.parametrize(
    ("lengths", "width", "error", "message"),
    [
        ([1, 4], 3, ValueError, "lengths must lie between 0 and the width 3, got 4"),
        ([-1], 3, ValueError, "lengths must lie between 0 and the width 3, got -1"),
        ([1.0], 3, TypeError, "lengths must be integers, got torch.float32"),
        ([1], -1, ValueError, "width must be at least 0, got -1"),
        ([1], 2.0, TypeError, "width must be an int, got 2.0 (float)"),
        ([1, 1], 10**12, ValueError, f"width must be at most {2**30 - 1}, for less than 2 ** 31 cells, got {10**12}"),
        (["a"], None, TypeError, "lengths must be integers, got ['a'] (list)"),
        (torch.ones(2, device="meta").long(), None, ValueError, "width must be given where lengths have no numbers"),
    ],
)
def test_mask_refuses(lengths, width, error, message):
    with pytest.raises(error) as caught:
        mask(lengths, width)
    assert message in str(caught.value)
