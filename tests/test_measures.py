"""scratch.metrics: BLEU, chrF and ROUGE beside sacrebleu and rouge-score, on ordinary and odd texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

from scratch.metrics import bleu, bleu_counts, bleu_of_counts, chrf, mean_reciprocal_rank, recall_at_k, rouge

WORD = st.sampled_from("a b c the cat 猫 坐 😀 ' é".split())
TEXT = st.lists(WORD, max_size=9)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)
STRINGS = st.lists(st.tuples(*[st.text("ab猫😀é \t.", max_size=12)] * 2), min_size=1, max_size=5)


@settings(max_examples=1000)
@given(PAIRS, st.integers(1, 5))
def test_bleu_equals_sacrebleus(pairs, order):
    hypotheses, references = zip(*pairs, strict=True)
    theirs = BLEU(tokenize="none", smooth_method="exp", max_ngram_order=order, force=True)
    expected = theirs.corpus_score([" ".join(h) for h in hypotheses], [[" ".join(r) for r in references]]).score
    assert bleu(hypotheses, references, order) == pytest.approx(expected, abs=1e-9)


@given(PAIRS, st.lists(st.integers(0, 99), min_size=1, max_size=9))
def test_counts_are_sacrebleus_and_those_of_any_pairs_give_their_bleu(pairs, picks):
    hypotheses, references = zip(*pairs, strict=True)
    counts = bleu_counts(hypotheses, references)
    assert counts.shape == (len(pairs), 10)
    for (hypothesis, reference), row in zip(pairs, counts.tolist(), strict=True):
        theirs = BLEU(tokenize="none", force=True).corpus_score([" ".join(hypothesis)], [[" ".join(reference)]])
        assert row == [*theirs.counts, *theirs.totals, theirs.sys_len, theirs.ref_len]
    picks = [pick % len(pairs) for pick in picks]  # as a bootstrap draws them
    expected = bleu([hypotheses[i] for i in picks], [references[i] for i in picks])
    assert bleu_of_counts(counts[picks].sum(0)) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=1000)
@given(STRINGS, st.integers(1, 7), st.sampled_from([1, 2, 3]))
def test_chrf_equals_sacrebleus(pairs, order, beta):
    hypotheses, references = zip(*pairs, strict=True)
    expected = CHRF(char_order=order, beta=beta).corpus_score(hypotheses, [references]).score
    assert chrf(hypotheses, references, order, beta) == pytest.approx(expected, abs=1e-9)


class Spaces:
    def tokenize(self, text):
        return text.split()


@settings(max_examples=1000)
@given(TEXT, TEXT)
def test_rouge_equals_rouge_scores(hypothesis, reference):
    theirs = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Spaces())
    expected = theirs.score(" ".join(reference), " ".join(hypothesis))
    found = rouge(hypothesis, reference)
    assert found.keys() == expected.keys()
    for name, score in found.items():
        assert score == pytest.approx(expected[name].fmeasure, abs=1e-12)


@given(TEXT.filter(lambda text: len(text) > 1))
def test_a_text_is_its_own_best_summary(text):
    assert rouge(text, text) == {"rouge1": 1, "rouge2": 1, "rougeL": 1}


def test_chinese_that_is_the_same_scores_1():
    """rouge-score with its own tokenizer gives 0 (huggingface/evaluate issues 108 and 465)."""
    assert rouge(list("猫坐在垫子上"), list("猫坐在垫子上"))["rougeL"] == 1
    assert rouge_scorer.RougeScorer(["rougeL"]).score("猫坐在垫子上", "猫坐在垫子上")["rougeL"].fmeasure == 0


def test_ranks():
    ranks = np.random.default_rng(0).integers(1, 30, 200)
    assert recall_at_k(ranks, 10) == np.mean([rank <= 10 for rank in ranks])
    assert mean_reciprocal_rank(ranks) == pytest.approx(np.mean([1 / rank for rank in ranks]), abs=1e-15)
    assert recall_at_k([2], 1) == 0
    assert recall_at_k([2], 2) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bleu([], []), ValueError, "at least 1, got 0 and 0"),
        (lambda: bleu([["a"]], [["a"], ["b"]]), ValueError, "got 1 and 2"),
        (lambda: bleu(["a cat"], [["a"]]), TypeError, "hypotheses must be lists of tokens, got 'a cat'"),
        (lambda: bleu([["a"]], [[1]]), TypeError, r"references must be lists of tokens, got \[1\]"),
        (lambda: bleu([["a"]], [["a"]], order=0), ValueError, "order must be at least 1, got 0"),
        (lambda: chrf([["a"]], ["a"]), TypeError, r"hypotheses must be strings, got \['a'\]"),
        (lambda: chrf(["a"], [None]), TypeError, "references must be strings, got None"),
        (lambda: chrf(["a"], ["a", "b"]), ValueError, "got 1 and 2"),
        (lambda: chrf(["a"], ["a"], beta=0), ValueError, "beta must be positive"),
        (lambda: rouge("a cat", ["a"]), TypeError, "must be lists of tokens, got 'a cat'"),
        (lambda: recall_at_k([], 1), ValueError, "ranks must hold at least one rank"),
        (lambda: recall_at_k([0], 1), ValueError, "ranks must be at least 1, got 0"),
        (lambda: recall_at_k([1.5], 1), TypeError, "ranks must be an int, got"),
        (lambda: recall_at_k([1], 0), ValueError, "k must be at least 1, got 0"),
        (lambda: mean_reciprocal_rank([-1]), ValueError, "ranks must be at least 1, got -1"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
