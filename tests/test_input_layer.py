"""scratch.input_layer against nn.Embedding, the formula, gradcheck, and the embeddings of transformers' BERT."""

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from scratch.input_layer import InputLayer
from scratch.text import Vocabulary

KINDS = ("sinusoidal", "learned", "none")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def paper(length, dim):
    """The sinusoidal table, element by element from the paper's formula, in numpy."""
    pos, j = np.arange(length)[:, None], np.arange(dim)[None]
    angle = pos / 10_000 ** (2 * (j // 2) / dim)
    return torch.from_numpy(np.where(j % 2 == 0, np.sin(angle), np.cos(angle)))


@given(
    *(st.integers(1, 9), st.integers(1, 7), st.integers(1, 8), st.integers(0, 3)),
    st.sampled_from(KINDS),
    st.integers(0, 99),
)
def test_equals_the_formula(vocab_size, dim, length, batch, kind, seed):
    layer = InputLayer(vocab_size, dim, length + 2, kind, generator=seeded(seed)).double()
    ids = torch.randint(vocab_size, (batch, length), generator=seeded(seed))
    expected = torch.nn.functional.embedding(ids, layer.token.weight) * dim**0.5
    if kind == "sinusoidal":
        expected = expected + paper(length, dim)
    elif kind == "learned":
        expected = expected + layer.position.weight[:length]
    output = layer(ids)
    assert output.shape == (batch, length, dim)
    torch.testing.assert_close(output, expected)


@given(st.integers(0, 99), st.sampled_from(KINDS), st.integers(1, 5))
def test_a_shorter_batch_gives_the_beginning_of_a_longer(seed, kind, length):
    layer = InputLayer(9, 4, 6, kind, generator=seeded(seed))
    ids = torch.randint(9, (2, 6), generator=seeded(seed))
    assert torch.equal(layer(ids[:, :length]), layer(ids)[:, :length])


def test_the_sum_is_bert_s_but_for_segment_scale_and_norm():
    """transformers' BertEmbeddings, given our two tables, a zero segment table and the √dim taken out."""
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertEmbeddings

    config = BertConfig(vocab_size=11, hidden_size=8, num_attention_heads=1, max_position_embeddings=7)
    theirs = BertEmbeddings(config).double().eval()
    theirs.token_type_embeddings.weight.data.zero_()
    ours = InputLayer(11, 8, 7, "learned").double()
    ours.token.weight.data = theirs.word_embeddings.weight.data / 8**0.5
    ours.position.weight.data = theirs.position_embeddings.weight.data
    ids = torch.tensor([[3, 1, 10, 0, 0], [5, 5, 5, 5, 5]])
    torch.testing.assert_close(theirs.LayerNorm(ours(ids)), theirs(ids))


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_at_the_start(kind):
    """Rows of length about 1 in the table; tokens of deviation 1 and positions of 1 / √2 in the sum."""
    layer = InputLayer(2000, 64, 500, kind, generator=seeded())
    assert layer.token.weight.detach()[1:].norm(dim=1).mean() == pytest.approx(1, abs=0.01)
    assert not layer.token.weight[0].any()
    numbers = layer(torch.randint(1, 2000, (40, 500), generator=seeded(1))).detach()
    assert numbers.square().mean() == pytest.approx(1 if kind == "none" else 1.5, rel=0.02)
    places = layer(torch.zeros(1, 500, dtype=torch.long)).detach()  # padding: the positions alone
    assert places.square().mean() == pytest.approx(0 if kind == "none" else 0.5, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    layer = InputLayer(6, 3, 4, kind, generator=seeded()).double()
    parameters = dict(layer.named_parameters())
    ids = torch.tensor([[1, 5, 5], [2, 1, 3]])  # no padding: its row has no gradient by design

    def output(*values):
        return torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), (ids,))

    assert set(parameters) == {"token.weight"} | ({"position.weight"} if kind == "learned" else set())
    assert torch.autograd.gradcheck(output, tuple(p.detach().requires_grad_() for p in parameters.values()))


def test_padding_has_a_position_and_never_learns():
    layer = InputLayer(6, 4, 5, generator=seeded()).double()
    output = layer(torch.tensor([[2, 3, 0, 0]]))
    torch.testing.assert_close(output[0, 2:], paper(4, 4)[2:])
    output.square().sum().backward()
    assert layer.token.weight.grad.any(1).tolist() == [False, False, True, True, False, False]


def test_prints_its_sizes():
    assert "vocab_size=9, dim=4, max_length=5" in str(InputLayer(9, 4, 5))


def test_same_generator_same_layer_and_nobody_else_s_numbers():
    state = torch.get_rng_state()
    first, second = (InputLayer(9, 4, 5, "learned", generator=seeded(3)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    other = InputLayer(9, 4, 5, "learned", generator=seeded(4))
    assert not torch.equal(first.token.weight, other.token.weight)


def test_dropout_as_nn_dropout_and_only_in_training():
    layer = InputLayer(50, 64, 20, dropout=0.25, generator=seeded())
    ids = torch.randint(1, 50, (8, 20), generator=seeded(1))
    whole = layer.eval()(ids)
    assert torch.equal(whole, layer(ids))
    torch.manual_seed(0)
    expected = torch.nn.functional.dropout(whole, 0.25)
    torch.manual_seed(0)
    assert torch.equal(layer.train()(ids), expected)
    assert torch.equal(InputLayer(50, 64, 20, generator=seeded()).train()(ids), whole)  # 0 drops nothing


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_keeps_the_dtype(dtype, kind):
    assert InputLayer(5, 4, 3, kind).to(dtype)(torch.tensor([[1, 4]])).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_any_integer_type(dtype):
    layer = InputLayer(300, 4, 3)
    assert torch.equal(layer(torch.tensor([[1, 120]], dtype=dtype)), layer(torch.tensor([[1, 120]])))


IDS = torch.tensor([[1, 2]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ({"dim": -4}, ValueError, "dim must be at least 1, got -4"),
        ({"max_length": 2.0}, TypeError, r"max_length must be an int, got 2.0 \(float\)"),
        ({"position": "rope"}, ValueError, "position must be 'sinusoidal', 'learned' or 'none', got 'rope'"),
        ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, ValueError, "got -0.1"),
        ({"dropout": float("nan")}, ValueError, "got nan"),
        ({"dropout": "0.1"}, TypeError, r"dropout must be a float, got '0.1' \(str\)"),
    ],
)
def test_bad_sizes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        InputLayer(**{"vocab_size": 5, "dim": 4, "max_length": 3} | arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (torch.tensor([[1, 5]]), IndexError, "ids must lie between 0 and vocab_size - 1 = 4, got 5"),
        (torch.tensor([[-1]]), IndexError, "got -1"),
        (torch.tensor([[1.0]]), TypeError, "ids must be integers, got torch.float32"),
        (torch.tensor([[True]]), TypeError, "ids must be integers, got torch.bool"),
        ([[1, 2]], TypeError, "ids must be a tensor, got list"),
        (torch.tensor([1, 2]), ValueError, r"ids must have the shape \(batch, length\), got \(2,\)"),
        (torch.ones(1, 4).long(), ValueError, "ids must have a length from 1 to max_length = 3, got 4"),
        (torch.ones(2, 0).long(), ValueError, "got 0"),
    ],
)
def test_bad_ids_are_named(kind, ids, error, message):
    with pytest.raises(error, match=message):
        InputLayer(5, 4, 3, kind)(ids)


def keyed(words, rows):
    vectors = KeyedVectors(len(rows[0]))
    vectors.add_vectors(words, np.array(rows, dtype=np.float32))
    return vectors


VOCABULARY = Vocabulary.from_tokens("a cat sat on a mat".split())  # 5 words


@given(st.permutations(["cat", "mat", "a", "dog", "<pad>"]), st.integers(1, 5), st.integers(0, 99))
def test_loaded_rows_keep_their_directions_and_get_the_random_rows_size(words, count, seed):
    words = [*words[:count], "sat"]  # one that is there in any case
    rows = np.random.default_rng(seed).normal(size=(len(words), 6)) * 7
    layer = InputLayer(len(VOCABULARY), 6, 5, "none", generator=seeded(seed))
    before = layer.token.weight.detach().clone()
    share = layer.load_vectors(keyed(words, rows), VOCABULARY)
    known = [word for word in words if word in VOCABULARY and not word.startswith("<")]
    assert share == pytest.approx(len(known) / 5)
    table, ids = layer.token.weight.detach(), VOCABULARY.encode(known)
    assert table[ids].square().sum(1).mean().item() == pytest.approx(1)
    ratios = table[ids] / torch.tensor(rows[[words.index(word) for word in known]])
    assert torch.allclose(ratios, ratios[0, 0].expand_as(ratios), rtol=1e-4)  # one factor for all
    others = [i for i in range(len(VOCABULARY)) if i not in ids]
    assert torch.equal(table[others], before[others])
    assert layer.token.weight.requires_grad


def test_loading_keeps_the_dtype_and_the_order_of_the_vocabulary():
    layer = InputLayer(len(VOCABULARY), 2, 5, "none").double()
    assert layer.load_vectors(keyed(["sat", "a", "cat", "on", "mat"], np.eye(5, 2) + 1), VOCABULARY) == 1
    assert layer.token.weight.dtype == torch.float64
    a, cat = layer.token.weight.detach()[VOCABULARY.encode(["a", "cat"])]
    assert a[1] / a[0] == pytest.approx(2)
    assert cat[1] == pytest.approx(cat[0].item())


@pytest.mark.parametrize(
    ("words", "rows", "message"),
    [
        (["cat"], [[1, 2, 3]], "vectors must have dim = 2 numbers each, got 3"),
        (["Cat"], [[1, 2]], "vectors must have some of the vocabulary's words, got none of 5"),
        (["cat"], [[0, 0]], "vectors must be finite and not all zero"),
        (["cat", "mat"], [[1, 2], [float("nan"), 1]], "vectors must be finite and not all zero"),
        (["cat"], [[float("inf"), 1]], "vectors must be finite and not all zero"),
    ],
)
def test_vectors_that_do_not_fit(words, rows, message):
    layer = InputLayer(len(VOCABULARY), 2, 5)
    before = layer.token.weight.detach().clone()
    with pytest.raises(ValueError, match=message):
        layer.load_vectors(keyed(words, rows), VOCABULARY)
    assert torch.equal(layer.token.weight, before)


def test_a_model_or_a_list_is_named():
    layer = InputLayer(len(VOCABULARY), 2, 5)
    with pytest.raises(TypeError, match=r"vectors must be gensim KeyedVectors, such as model\.wv, got dict"):
        layer.load_vectors({"cat": [1, 2]}, VOCABULARY)
    with pytest.raises(TypeError, match=r"vocabulary must be a scratch\.text\.Vocabulary, got list"):
        layer.load_vectors(keyed(["cat"], [[1, 2]]), ["cat"])


def test_vectors_of_all_of_gensims_kinds_are_loaded():
    from gensim.models import FastText, Word2Vec

    sentences = [["cat", "sat", "mat"]] * 5
    for kind in (FastText, Word2Vec):
        vectors = kind(sentences, vector_size=6, min_count=1, epochs=1, seed=1).wv
        layer = InputLayer(len(VOCABULARY), 6, 5)
        share = layer.load_vectors(vectors, VOCABULARY)
        assert share == (1 if kind is FastText else 3 / 5)  # fastText makes a vector of any word's letters
        row = layer.token.weight[VOCABULARY.encode(["cat"])[0]].detach()
        cosine = torch.nn.functional.cosine_similarity(row, torch.tensor(vectors["cat"]), dim=0)
        assert cosine.item() == pytest.approx(1, abs=1e-5)


def test_what_stands_at_padding_does_not_matter_elsewhere():
    for kind in KINDS:
        layer = InputLayer(9, 4, 6, kind, generator=seeded()).double()
        with torch.no_grad():
            layer.token.weight[0] = torch.tensor([float("nan"), float("inf"), 1e300, -1.0])
        output = layer(torch.tensor([[4, 5, 0], [6, 7, 8]]))
        real = torch.tensor([[True, True, False], [True, True, True]])
        output[real].square().sum().backward()
        assert output[real].isfinite().all()
        assert all(p.grad.isfinite().all() for p in layer.parameters())
        assert not layer.token.weight.grad[0].any()


def test_a_length_that_is_only_allowed_costs_nothing():
    for kind in ("sinusoidal", "none"):
        assert InputLayer(9, 4, 10**15, kind)(torch.tensor([[1, 2]])).shape == (1, 2, 4)


def test_numbers_of_numpy_and_a_default_device():
    assert InputLayer(np.int64(9), np.int32(4), 6, dropout=np.float32(0.1)).dropout.p == pytest.approx(0.1)
    layer = InputLayer(9, 4, 6)
    with torch.device("meta"):
        assert layer(IDS).device.type == "cpu"
        assert InputLayer(9, 4, 6, "learned", generator=seeded()).token.weight.device.type == "meta"


def test_a_vocabulary_that_does_not_fit():
    with pytest.raises(ValueError, match="vocabulary must have vocab_size = 8 entries, got 9"):
        InputLayer(8, 2, 5).load_vectors(keyed(["cat"], [[1, 2]]), VOCABULARY)
