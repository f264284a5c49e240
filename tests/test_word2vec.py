"""scratch.word2vec against autograd, gradcheck, a loop over the text, and gensim."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors, Word2Vec
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, logsigmoid

from scratch.huffman import huffman
from scratch.windows import keep_probability, sample, windows
from scratch.word2vec import CBOW, SkipGram, keyed_vectors, softmax_loss, train

ROYAL = [f"the {who} {does}".split() for who in ("king", "queen") for does in ("rules land", "wears crown")]
ANIMAL = [f"a {who} {does}".split() for who in ("cat", "dog") for does in ("drinks milk", "chases mice")]


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_softmax_loss_and_gradient_equal_autograd(n, V, d, m, seed):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, d, generator=generator, dtype=torch.float64).requires_grad_()
    output = torch.randn(V, d, generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.randint(-1, V, (n, m), generator=generator)  # repeated words and empty rows included
    logits = (hidden @ output.T).unsqueeze(1).expand(n, m, V).reshape(n * m, V)
    expected = cross_entropy(logits, targets.reshape(-1), ignore_index=-1, reduction="sum")
    expected.backward()
    loss, d_hidden, d_output = softmax_loss(hidden, output, targets)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(d_hidden, hidden.grad)
    torch.testing.assert_close(d_output, output.grad)


def test_softmax_loss_is_finite_for_huge_scores():
    hidden, output = torch.tensor([[1e4]]), torch.tensor([[1.0], [-1.0]])
    loss, d_hidden, d_output = softmax_loss(hidden, output, torch.tensor([[1]]))
    assert loss == 2e4
    assert d_hidden.isfinite().all()
    assert d_output.isfinite().all()


def test_models_look_rows_up_and_average():
    skip_gram = SkipGram(5, 3, torch.Generator().manual_seed(1))
    assert torch.equal(skip_gram.hidden(torch.tensor([4, 4])), skip_gram.input[[4, 4]])
    assert skip_gram.input.abs().max() <= 0.5 / 3
    assert not skip_gram.output.any()
    cbow = CBOW(5, 3)
    contexts = torch.tensor([[0, 2, -1, -1], [-1, 4, -1, -1], [-1, -1, -1, -1]])
    expected = torch.stack([(cbow.input[0] + cbow.input[2]) / 2, cbow.input[4], torch.zeros(3)])
    torch.testing.assert_close(cbow.hidden(contexts), expected)
    assert cbow(contexts).shape == skip_gram(torch.tensor([0, 1, 2])).shape == (3, 5)


@pytest.mark.parametrize("model", [SkipGram, CBOW])
def test_gradcheck(model):
    model = model(4, 3, torch.Generator().manual_seed(0)).double()
    model.output.data.normal_(generator=torch.Generator().manual_seed(1))
    given = torch.tensor([[0, 1], [3, -1]]) if isinstance(model, CBOW) else torch.tensor([0, 3])

    def scores(input, output):
        return torch.func.functional_call(model, {"input": input, "output": output}, (given,))

    assert torch.autograd.gradcheck(
        scores, (model.input.detach().requires_grad_(), model.output.detach().requires_grad_())
    )


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
def test_train_learns_from_company(architecture, loss):
    vectors = train((ROYAL + ANIMAL) * 30, architecture, loss, dim=8, window=2, min_count=1, subsample=0, epochs=10)
    assert isinstance(vectors, KeyedVectors)
    assert vectors.similarity("king", "queen") > 0.9  # they never meet
    assert vectors.similarity("cat", "dog") > 0.9
    assert vectors.similarity("king", "cat") < 0.5


def test_gradient_descent_reaches_the_entropy_of_the_pairs():
    """The least loss that a skip-gram can have is the entropy of the neighbours (Gibbs' inequality)."""
    centres, contexts = windows([[0, 1], [0, 2]], window=1)
    model = SkipGram(3, 4, torch.Generator().manual_seed(0)).double()
    for _ in range(3000):
        loss, d_hidden, d_output = softmax_loss(model.hidden(centres), model.output, contexts)
        with torch.no_grad():
            model.input.index_add_(0, centres, -0.1 * d_hidden)
            model.output -= 0.1 * d_output
    assert loss == pytest.approx(2 * np.log(2), abs=0.02)  # 0 sees 1 or 2; both of them are certain of 0
    assert loss > 2 * np.log(2)


def trained_by_autograd(architecture, sentences, dim, window, subsample, epochs, rate, batch_size, seed):
    """What `train` with the full softmax should give: torch's cross-entropy, autograd and Adam, on the same draws."""
    counts = Counter(word for sentence in sentences for word in sentence)
    words = sorted(counts, key=lambda word: (-counts[word], word))
    text = torch.tensor([words.index(word) for sentence in sentences for word in sentence])
    number = torch.tensor([i for i, sentence in enumerate(sentences) for _ in sentence])
    keep = keep_probability(torch.tensor([counts[word] for word in words]), subsample)
    generator = torch.Generator().manual_seed(seed)
    model = (SkipGram if architecture == "skip-gram" else CBOW)(len(words), dim, generator).double()
    adam = torch.optim.Adam(model.parameters())
    for epoch in range(epochs):
        drawn, left, right = sample(text, number, keep, window, generator)
        centres = [t for t in range(len(drawn)) if left[t] + right[t]]
        if not centres:
            continue
        batches = torch.randperm(len(centres), generator=generator).split(batch_size)
        for i, batch in enumerate(batches):
            loss = 0
            for t in (centres[place] for place in batch):
                around = torch.cat([drawn[t - left[t] : t], drawn[t + 1 : t + 1 + right[t]]])
                centre = drawn[t : t + 1]
                if architecture == "skip-gram":
                    scores = model(centre).expand(len(around), -1)
                    loss = loss + cross_entropy(scores, around, reduction="sum") / len(batch)
                else:
                    loss = loss + cross_entropy(model(around.unsqueeze(0)), centre) / len(batch)
            adam.zero_grad()
            loss.backward()
            adam.param_groups[0]["lr"] = rate * (1 - (epoch + i / len(batches)) / epochs)
            adam.step()
    return words, model.input.detach()


@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
def test_the_full_softmax_is_trained_as_by_autograd_and_adam(architecture):
    options = {"dim": 3, "window": 2, "subsample": 0.2, "epochs": 3, "batch_size": 7, "seed": 5}
    sentences = [*ROYAL, ["the"], *ANIMAL]
    words, expected = trained_by_autograd(architecture, sentences, rate=0.1, **options)
    options |= {"learning_rate": 0.1, "min_count": 1, "dtype": torch.float64}
    vectors = train(sentences, architecture, "softmax", **options)
    assert vectors.index_to_key == words
    np.testing.assert_allclose(vectors.vectors, expected, atol=1e-6)


def loss_of(pair, U, word, tree):
    """Of one guess h at a word: negative sampling that only ever draws word 0, five times, or the way down a tree."""
    if tree is None:
        return -logsigmoid(pair @ U[word]) - 5 * logsigmoid(-(pair @ U[0]))
    turns = [(code, node) for code, node in zip(tree[0][word], tree[1][word], strict=True) if code >= 0]
    return -sum(logsigmoid((1 - 2 * code) * (pair @ U[node])) for code, node in turns)


@pytest.mark.parametrize("loss", ["negative", "hierarchical"])
@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
def test_the_other_losses_are_descended_as_by_autograd(architecture, loss):
    """All of a little text in one batch; with this power the most frequent word is the only negative."""
    sentences = [["a", "b", "a", "c"], ["a", "c", "b"], ["b", "a"]]
    options = {"dim": 3, "window": 1, "subsample": 0, "min_count": 1, "epochs": 3, "batch_size": 10_000, "power": 60.0}
    options |= {"seed": 4, "learning_rate": 0.3, "dtype": torch.float64}
    vectors = train(sentences, architecture, loss, **options)
    assert vectors.index_to_key == ["a", "b", "c"]
    tree = huffman([4, 3, 2]) if loss == "hierarchical" else None
    W = SkipGram(3, 3, torch.Generator().manual_seed(4)).input.detach().double()
    U = torch.zeros_like(W)
    for epoch in range(3):
        W, U, total = W.detach().requires_grad_(), U.detach().requires_grad_(), 0
        for ids in ([vectors.key_to_index[word] for word in sentence] for sentence in sentences):
            for t, centre in enumerate(ids):
                around = ids[max(0, t - 1) : t] + ids[t + 1 : t + 2]
                if architecture == "cbow":
                    total = total + loss_of(W[around].mean(0), U, centre, tree)
                else:  # gensim's way round in the tree: the neighbour guesses the centre
                    for word in around:
                        given, asked = (word, centre) if tree else (centre, word)
                        total = total + loss_of(W[given], U, asked, tree)
        total.backward()
        W, U = (table - 0.3 * (1 - epoch / 3) * table.grad for table in (W, U))
    np.testing.assert_allclose(vectors.vectors, W.detach(), atol=1e-6)


def test_an_epoch_without_words_is_passed_over():
    """Subsampling empties about half of the epochs, in any order."""
    options = {"dim": 3, "window": 2, "subsample": 0.1, "epochs": 8, "batch_size": 7}
    more = {"loss": "softmax", "learning_rate": 0.1, "min_count": 1, "dtype": torch.float64}
    for seed in range(10):
        vectors = train([["a", "b"]], seed=seed, **options, **more)
        _, expected = trained_by_autograd("skip-gram", [["a", "b"]], rate=0.1, seed=seed, **options)
        np.testing.assert_allclose(vectors.vectors, expected, atol=1e-6)


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
@pytest.mark.parametrize(("architecture", "meetings"), [("skip-gram", 1.25), ("cbow", 2.5)])
def test_settings_that_are_not_given_are_those_of_the_docstring(loss, architecture, meetings):
    sentences = (ROYAL + ANIMAL) * 10 + [["now", "then"]] * 4 + [["now", "the"]]  # "then" is too rare
    counts = Counter(word for sentence in sentences for word in sentence if word != "then")
    count = torch.tensor(list(counts.values()))
    count = count * keep_probability(count, 1e-3)
    same = (count / count.sum()).square().sum().item()  # the chance that two words are one
    rates = {"softmax": (0.02, 0.02), "negative": (0.025, 0.1), "hierarchical": (0.025, 0.05)}
    told = {
        **{"dim": 100, "window": 5, "negative": 5, "subsample": 1e-3, "min_count": 5, "epochs": 5, "workers": 1},
        **{"seed": 0, "power": 0.75, "learning_rate": rates[loss][architecture == "cbow"]},
        "batch_size": 512 if loss == "softmax" else math.ceil(meetings / same),
    }
    vectors = train(sentences, architecture, loss)
    assert set(vectors.index_to_key) == set(counts)
    assert np.array_equal(vectors.vectors, train(sentences, architecture, loss, **told).vectors)
    assert np.array_equal(train(sentences).vectors, train(sentences, "skip-gram", "negative").vectors)


@pytest.mark.parametrize(("loss", "most"), [("softmax", 512), ("negative", 2048), ("hierarchical", 2048)])
def test_no_batch_is_larger_however_many_words_there_are(loss, most):
    sentences = [[f"word {i}", f"word {7 * i % 3000}"] for i in range(3000)]  # each of them twice
    options = {"loss": loss, "dim": 2, "window": 1, "min_count": 1, "subsample": 0, "epochs": 1}
    assert np.array_equal(train(sentences, **options).vectors, train(sentences, batch_size=most, **options).vectors)


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
def test_words_with_the_same_company_meet(loss):
    sentences = ([w, c] for w, c in [("a", "b"), ("a", "c")] * 50)  # an iterator is read once
    vectors = train(sentences, loss=loss, window=1, dim=4, min_count=1, subsample=0, epochs=40, learning_rate=0.05)
    assert vectors.similarity("b", "c") > 0.99  # both have the company of a alone
    assert vectors.get_vecattr("a", "count") == 100


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
def test_vectors_are_finite_or_refused_when_subsampling_empties_epochs(loss):
    refused = 0
    for seed in range(60):
        try:
            vectors = train([["cat", "say", "meow"], ["dog", "say", "woof"]], loss=loss, dim=4, min_count=1, seed=seed)
        except ValueError:
            refused += 1
        else:
            assert np.isfinite(vectors.vectors).all()
    assert 0 < refused < 60


@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
def test_train_is_repeatable_and_seeded(architecture, loss):
    options = {"architecture": architecture, "loss": loss, "dim": 4, "min_count": 1, "subsample": 0}
    first, again, other = (train(ROYAL, seed=seed, **options) for seed in (3, 3, 4))
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
@pytest.mark.parametrize("loss", ["negative", "hierarchical"])
def test_two_workers_learn_as_much(architecture, loss):
    options = {"dim": 8, "window": 2, "min_count": 1, "subsample": 0, "epochs": 10, "workers": 2}
    vectors = train((ROYAL + ANIMAL) * 30, architecture, loss, **options)
    assert vectors.similarity("king", "queen") > 0.9
    assert vectors.similarity("king", "cat") < 0.5


def test_one_word_has_a_tree_without_turns():
    assert train([["a", "a", "a"]], loss="hierarchical", dim=4, min_count=1, subsample=0).index_to_key == ["a"]


def test_the_power_flattens_the_noise():
    """With power 0 rare words are drawn as often as frequent ones, and are pushed away more."""
    text = [["a", "b"]] * 200 + [["a", "c"]] * 20
    options = {"loss": "negative", "dim": 4, "window": 1, "min_count": 1, "subsample": 0}
    assert not np.array_equal(train(text, power=0, **options).vectors, train(text, power=1, **options).vectors)


def test_divergence_is_a_clear_error():
    with pytest.raises(FloatingPointError, match=r"training diverged.*lower learning_rate=50"):
        train((ROYAL + ANIMAL) * 30, dim=8, min_count=1, subsample=0, epochs=30, learning_rate=50, batch_size=512)


def test_too_many_negatives_are_named_where_they_make_it_diverge():
    options = {"dim": 8, "min_count": 1, "subsample": 0, "epochs": 5}
    train((ROYAL + ANIMAL) * 30, **options)
    with pytest.raises(FloatingPointError, match=r"lower learning_rate=0.025, negative=1000000, or the batch size$"):
        train((ROYAL + ANIMAL) * 30, negative=10**6, **options)


def test_keyed_vectors_keep_rows_and_counts():
    vectors = keyed_vectors({"the": 7, "cat": 2}, torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64))
    assert vectors["cat"].tolist() == [3, 4]
    assert vectors.get_vecattr("the", "count") == 7
    assert vectors.vectors.dtype == np.float32


def test_train_keeps_the_vocabulary_gensim_keeps():
    sentences = (ROYAL * 2 + ANIMAL) * 3
    ours = train(sentences, dim=4, min_count=4, epochs=1)
    theirs = Word2Vec(sentences, vector_size=4, min_count=4, epochs=1).wv
    assert {w: ours.get_vecattr(w, "count") for w in ours.index_to_key} == {
        w: theirs.get_vecattr(w, "count") for w in theirs.index_to_key
    }
    counts = [ours.get_vecattr(w, "count") for w in ours.index_to_key]
    assert counts == sorted(counts, reverse=True)
    assert ours.vectors.dtype == np.float32


@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_format_both_ways(binary, tmp_path):
    path = str(tmp_path / "vectors")
    for vectors in (train(ROYAL, dim=4, min_count=1, subsample=0), Word2Vec(ROYAL, vector_size=4, min_count=1).wv):
        vectors.save_word2vec_format(path, binary=binary)
        back = KeyedVectors.load_word2vec_format(path, binary=binary)
        assert back.index_to_key == vectors.index_to_key
        assert np.array_equal(back.vectors, vectors.vectors)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"architecture": "sg"}, ValueError, "architecture must be 'skip-gram' or 'cbow', got 'sg'"),
        ({"loss": "hinge"}, ValueError, "loss must be one of 'negative', 'hierarchical', 'softmax', got 'hinge'"),
        ({"negative": 0}, ValueError, "negative must be at least 1, got 0"),
        ({"workers": 0}, ValueError, "workers must be at least 1, got 0"),
        ({"loss": "softmax", "workers": 2}, ValueError, "workers must be 1 with loss='softmax', got 2"),
        ({"dtype": torch.int64}, TypeError, "dtype must be torch.float32 or torch.float64, got torch.int64"),
        ({"power": -1}, ValueError, "power must be 0 or positive, and finite, got -1"),
        ({"power": 900}, ValueError, "power must leave count .* finite, got 900"),
        ({"dim": 2.0}, TypeError, r"dim must be an int, got 2.0 \(float\)"),
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"window": 0}, ValueError, "window must be at least 1, got 0"),
        ({"epochs": -1}, ValueError, "epochs must be at least 1, got -1"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
        ({"subsample": -1}, ValueError, "subsample must be 0 or positive, and finite, got -1"),
        ({"min_count": 99}, ValueError, "min_count must leave some words, got 99"),
        ({"sentences": ["the king"]}, TypeError, r"^sentences must be lists of tokens, got a str"),
        ({"sentences": [["king"], ["queen"]]}, ValueError, "left no word with a neighbour"),
        ({"sentences": []}, ValueError, "min_count must leave some words"),
        ({"sentences": None}, TypeError, "sentences must be a list of lists of tokens, got None"),
        ({"sentences": "the king"}, TypeError, "sentences must be a list of lists of tokens, got 'the king'"),
        ({"sentences": [["king", 3]]}, TypeError, "sentences must hold tokens of type str, got 3"),
        ({"seed": None}, TypeError, r"seed must be an int, got None \(NoneType\)"),
        ({"seed": 2**64}, ValueError, r"seed must be below 2\*\*64, got 18446744073709551616"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be positive and finite, got nan"),
        ({"learning_rate": "0.1"}, TypeError, r"learning_rate must be a float, got '0.1' \(str\)"),
        ({"subsample": math.inf}, ValueError, "subsample must be 0 or positive, and finite, got inf"),
        ({"power": None}, TypeError, r"power must be a float, got None \(NoneType\)"),
    ],
)
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        train(**{"sentences": ROYAL, "dim": 2, "min_count": 1, "subsample": 0, **change})


@pytest.mark.parametrize(("vocab_size", "dim", "name"), [(0, 2, "vocab_size"), (2, -1, "dim")])
def test_models_name_bad_sizes(vocab_size, dim, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        SkipGram(vocab_size, dim)


@pytest.mark.parametrize("bad", [-2, 5])
def test_ids_outside_the_vocabulary_are_named(bad):
    with pytest.raises(IndexError, match=f"centres must lie between 0 and vocab_size - 1 = 4, got {bad}"):
        SkipGram(5, 2)(torch.tensor([0, bad]))
    with pytest.raises(IndexError, match=f"contexts must lie between -1 and vocab_size - 1 = 4, got {bad}"):
        CBOW(5, 2)(torch.tensor([[0, bad]]))
    with pytest.raises(IndexError, match=f"targets must lie between -1 and vocab_size - 1 = 4, got {bad}"):
        softmax_loss(torch.zeros(1, 2), torch.zeros(5, 2), torch.tensor([[bad]]))


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
def test_sentences_are_read_once_and_any_integer_will_do(loss):
    options = {"loss": loss, "min_count": 1, "subsample": 0}
    expected = train(ROYAL + ANIMAL, dim=4, window=2, seed=3, epochs=2, **options)
    sizes = {"dim": np.int64(4), "window": np.int32(2), "seed": np.int64(3), "epochs": np.uint8(2)}
    same = train(((word for word in s) for s in ROYAL + ANIMAL), **sizes, **options)
    assert np.array_equal(expected.vectors, same.vectors)


@pytest.mark.parametrize("loss", ["softmax", "negative", "hierarchical"])
@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
def test_no_argument_costs_more_than_the_text(architecture, loss):
    """Each of these would ask for more memory than there is, or more threads, if anything were made as large."""
    huge = {"window": 2**70, "batch_size": 10**15, "workers": 1 if loss == "softmax" else 10**9}
    vectors = train(ROYAL, architecture, loss, dim=3, min_count=1, subsample=0, epochs=1, **huge)
    assert np.isfinite(vectors.vectors).all()


def test_reserved_tokens_are_words_like_any_other():
    """As gensim takes them: what the corpus says is not lost, and neighbours do not close up."""
    sentences = [["the", "<unk>", "sat"], ["<pad>", "the", "<eos>"]] * 3
    ours = train(sentences, dim=4, min_count=1, subsample=0)
    theirs = Word2Vec(sentences, vector_size=4, min_count=1).wv
    assert set(ours.index_to_key) == set(theirs.index_to_key)


@pytest.mark.parametrize("negative", [0, 5])
def test_the_tree_asks_for_no_negatives(negative):
    options = {"loss": "hierarchical", "dim": 4, "min_count": 1, "subsample": 0}
    assert np.array_equal(train(ROYAL, negative=negative, **options).vectors, train(ROYAL, **options).vectors)


@pytest.mark.parametrize("shape", [(1, 3), (3, 3), (2,), (2, 3, 1)])
def test_a_table_that_does_not_fit_its_words_is_named(shape):
    with pytest.raises(ValueError, match=r"^table must have the shape \(V = 2, d\), got \("):
        keyed_vectors({"a": 1, "b": 1}, torch.zeros(shape))


def test_a_table_may_be_numpys_or_a_parameter_of_any_precision():
    for table in (np.eye(2), torch.nn.Parameter(torch.eye(2)), torch.eye(2, dtype=torch.bfloat16)):
        assert np.array_equal(keyed_vectors({"a": 1, "b": 1}, table).vectors, np.eye(2))
