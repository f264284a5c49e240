"""The replay must end with gensim's weights; and it must not, as soon as any of its steps is another."""

import math
from itertools import product

import numpy as np
import pytest
from gensim.models import Doc2Vec, FastText, Word2Vec
from gensim.test.utils import datapath
from scipy.special import expit

import scratch.replay as module
from scratch.huffman import huffman
from scratch.replay import RandomStream, replay, sigmoid

with open(datapath("lee_background.cor"), encoding="utf-8") as file:
    DOCUMENTS = [line.split() for line in file][:12]  # 2,200 words of news
EQUAL = [["a", "b", "c", "d"]] * 9  # max_final_vocab=3 leaves none of four equals
MODES = dict(zip(("sg-hs", "sg-neg", "cbow-hs", "cbow-neg"), product((1, 0), (1, 0)), strict=True))


def untrained(mode: str = "sg-neg", documents=DOCUMENTS, **settings) -> Word2Vec:
    sg, hs = MODES[mode]
    settings = {"vector_size": 10, "min_count": 1, "epochs": 1, "seed": 3, "sample": 0, "workers": 1} | settings
    model = Word2Vec(sg=sg, hs=hs, negative=0 if hs else 5, **settings)
    model.build_vocab(documents)
    return model


def trained(model: Word2Vec, documents=DOCUMENTS) -> tuple[np.ndarray, np.ndarray]:
    model.train(documents, total_examples=len(documents), epochs=model.epochs)
    return model.wv.vectors, model.syn1 if model.hs else model.syn1neg


def distance(ours, theirs) -> float:
    return max(float(abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


SETTINGS = {
    "plain": {},
    "subsampled": {"sample": 1e-2, "min_count": 2, "epochs": 2, "batch_words": 500},  # and several jobs
    "other": {"window": 2, "alpha": 0.05, "min_alpha": 0.02, "ns_exponent": 0.5, "seed": 8},
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("mode", MODES)
def test_the_same_weights(mode, settings):
    model = untrained(mode, **SETTINGS[settings])
    start = model.wv.vectors.copy()
    W, U = replay(model, DOCUMENTS)
    assert np.array_equal(model.wv.vectors, start), "the model must not be touched"
    their_W, their_U = trained(model)
    assert W.dtype == U.dtype == np.float32
    assert (W.shape, U.shape) == (their_W.shape, their_U.shape)
    assert distance((W, U), (their_W, their_U)) < 1e-5
    assert distance((W,), (start,)) > 1e-3, "something must have been learnt"


@pytest.mark.parametrize("mode", MODES)
def test_only_the_steps_of_the_table_magnify_rounding(mode, monkeypatch):
    """Scores that differ in the seventh digit move a weight by a cell of the table, and by no more if it is smooth."""
    documents = DOCUMENTS[:5]
    model = untrained(mode, documents)
    exact = replay(model, documents)
    monkeypatch.setattr(module, "sdot", lambda h, u: SDOT(h, u) * (1 + 1e-6))
    assert distance(replay(model, documents), exact) < 1e-4
    monkeypatch.setattr(module, "sigmoid", lambda x: np.float32(1 / (1 + math.exp(-x))))
    nudged = replay(model, documents)
    monkeypatch.setattr(module, "sdot", SDOT)
    assert distance(replay(model, documents), nudged) < 2e-6


def test_thresholds_of_the_draws():
    model = untrained(sample=1e-3, ns_exponent=0.75)
    words = model.wv.index_to_key
    assert module._keep(model).tolist() == [model.wv.get_vecattr(word, "sample_int") for word in words]
    assert module._ends(model).tolist() == model.cum_table.tolist()


def test_random_stream_is_that_of_java():
    """java.util.Random has the same generator, and scrambles its seed; `new Random(42).nextInt()` is well known."""
    stream = RandomStream(42 ^ 25214903917)
    stream()
    assert [stream(), stream()] == [2**32 - 1170105035, 234785527]


def test_the_table_is_the_logistic_function_from_minus_6_on():
    table = module._table()
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, expit(np.arange(1000) * 0.012 - 6), rtol=3e-6)
    assert np.array_equal(table, module.TABLE)


def test_sigmoid_lags_behind():
    points = np.linspace(-5.999, 5.999, 2001)
    ours, true = np.array([sigmoid(x) for x in points]), 1 / (1 + np.exp(-points))
    assert (ours < true + 1e-6).all()
    assert (true - ours).max() < 0.01
    lag = points - np.log(ours / (1 - ours))
    assert -1e-3 < lag.min() < 0.01 < 0.05 < lag.max() < 0.061


def rate_by_sentence(model, sentences):
    for number, sentence in enumerate(sentences):
        yield [sentence], module._rate(model, number / len(sentences))


def true_gradient(W, U, given, questions, alpha):
    before = W[given].copy()
    STEP(W, U, given, questions, alpha)
    W[given] = before + (W[given] - before) / len(given)


def noise_may_be_the_word(model):
    ends = module._ends(model)
    return lambda word, stream: [
        (word, 1),
        *((int(np.searchsorted(ends, stream() % ends[-1])), 0) for _ in range(model.negative)),
    ]


class LowerBits(RandomStream):
    def __call__(self):
        return (super().__call__(), self.state % 2**32)[1]


def the_papers_formula(model):
    shares = module._counts(model) / module._counts(model).sum()
    return (np.minimum(np.sqrt(model.sample / shares), 1) * (2**32 - 1)).astype(np.uint32)


STEP, SDOT = module.step, module.sdot
MUTANTS = {  # the mode, the name in the module, what takes its place
    "exact sigmoid": ("sg-neg", "sigmoid", lambda x: np.float32(1 / (1 + math.exp(-x)))),
    "factor not rounded": ("cbow-hs", "sigmoid", lambda x: module.TABLE[int((x + 6) * 1000 / 12)]),
    "clipped, not skipped": ("sg-hs", "sdot", lambda h, u: min(5.999, max(-5.999, SDOT(h, u)))),
    "true gradient": ("cbow-neg", "step", true_gradient),
    "noise may be the word": ("sg-neg", "_noise", noise_may_be_the_word),
    "lower bits": ("cbow-neg", "RandomStream", LowerBits),
    "rate by sentence": ("sg-hs", "_jobs", rate_by_sentence),
    "the paper's subsampling": ("sg-neg", "_keep", the_papers_formula),
    "other ties": ("cbow-hs", "huffman", lambda counts: huffman(1000 * counts + np.arange(len(counts)))),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutations_are_noticed(mutant, monkeypatch):
    mode, name, other = MUTANTS[mutant]
    model = untrained(mode, alpha=0.5 if mode == "sg-hs" else 0.025, sample=1e-2 if name == "_keep" else 0)
    monkeypatch.setattr(module, name, other)
    ours = replay(model, DOCUMENTS)
    assert distance(ours, trained(model)) > 3e-4


@pytest.mark.parametrize(
    ("model", "sentences", "message"),
    [
        (untrained(window=5, shrink_windows=False), DOCUMENTS, "shrink_windows=True, got .*shrink_windows=False"),
        (untrained("cbow-neg", cbow_mean=0), DOCUMENTS, "cbow_mean=1 .* got .*cbow_mean=0"),
        (untrained(), DOCUMENTS[1:], "^sentences must be those .* from, got 11, and a model that has seen 12$"),
        (untrained(workers=3), DOCUMENTS, "model must have workers=1, got 3"),
        (Word2Vec(min_count=1, workers=1), [], "^model must have words in its vocabulary, got none$"),
        (untrained(documents=EQUAL, max_final_vocab=3), EQUAL, "^model must have words in its vocabulary, got none$"),
        (untrained(batch_words=20_000), DOCUMENTS, "batch_words of at most 10,000, got 20000"),
        (untrained(batch_words=100), DOCUMENTS, "at most batch_words = 100 words, got one of"),
    ],
)
def test_errors(model, sentences, message):
    with pytest.raises(ValueError, match=message):
        replay(model, sentences)


def test_trained_model_is_refused():
    model = untrained()
    trained(model)
    with pytest.raises(ValueError, match=r"^model must not be trained yet, got one trained 1 times$"):
        replay(model, DOCUMENTS)


@pytest.mark.parametrize("model", [None, untrained().wv, FastText(min_count=1, workers=1), Doc2Vec(min_count=1)])
def test_what_is_no_word2vec_is_refused(model):
    """FastText and Doc2Vec are derived from Word2Vec, and trained otherwise."""
    with pytest.raises(TypeError, match=rf"^model must be a gensim Word2Vec, got {type(model).__name__}$"):
        replay(model, DOCUMENTS)


@pytest.mark.parametrize("sentences", [(s for s in [["a"]]), "a b", None])
def test_sentences_that_cannot_be_read_twice_are_named(sentences):
    model = Word2Vec(min_count=1)
    with pytest.raises(
        TypeError, match=r"^sentences must be a list of lists of tokens, got a (generator|str|NoneType)$"
    ):
        replay(model, sentences)
