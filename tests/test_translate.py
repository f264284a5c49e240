"""scratch.translate: the shipped model writes what it wrote when it was made, alone and among others; its rounding."""

import pytest
import sacrebleu
import torch

from scratch.copying import CopyingDecoder, CopyingEncoderDecoder
from scratch.corpora import load_pairs, load_results
from scratch.encoder import Encoder
from scratch.search import greedy
from scratch.text import Vocabulary, pad
from scratch.translate import Translator, joined, pretrained, split, translate

LOG = load_results("translate")


@pytest.mark.slow
def test_the_shipped_model_is_as_good_as_its_log_says():
    sources, references = zip(*load_pairs("en-zh")[2], strict=True)
    found = pretrained().translate(sources)
    theirs = sacrebleu.corpus_bleu(found, [references], tokenize="zh").score
    assert theirs == pytest.approx(LOG["rounded"]["test"]["bleu"], abs=0.2)
    assert sacrebleu.corpus_chrf(found, [references]).score == pytest.approx(LOG["rounded"]["test"]["chrf"], abs=0.2)
    for which in ("validation", "test"):
        assert abs(LOG["rounded"][which]["bleu"] - LOG["trained"][which]["bleu"]) < 0.5


def test_a_batch_changes_nothing():
    sources = [source for source, _ in load_pairs("en-zh")[2][:60]]
    alone = [str(translate(source)) for source in sources]
    for batch in (1, 8, 64):
        assert pretrained().translate(sources, batch=batch) == alone
    references = [target for _, target in load_pairs("en-zh")[2][:60]]
    assert sacrebleu.corpus_bleu(alone, [references], tokenize="zh").score > 25


def test_what_nobody_knows_is_copied():
    found = translate("Failed to connect to Zorblax")
    assert "Zorblax" in found.text
    assert "Zorblax" not in pretrained().vocabulary
    place = found.tokens.index("Zorblax")
    assert found.weights[place].argmax() == found.source.index("Zorblax")
    assert found.copied[place] > 0.5


def test_a_translation_shows_what_was_looked_at():
    found = translate("Turn on the light")
    assert str(found) == repr(found) == found.text == joined("zh", found.tokens)
    assert found.weights.shape == (len(found.tokens) + 1, 4)
    torch.testing.assert_close(found.weights.sum(1), torch.ones(len(found.tokens) + 1).double())
    assert ((found.copied >= 0) & (found.copied <= 1)).all()
    table = found.alignment
    assert table.columns == ["written", "looked at", "weight", "copied"]
    for row, token, weights, copied in zip(table.rows, found.tokens, found.weights, found.copied, strict=False):
        looked = found.source[int(weights.argmax())]
        assert row == [token, looked, f"{weights.max():.2f}", f"{copied:.2f}"]
    assert len(table.rows) == len(found.tokens)


def test_a_beam_of_one_is_greedy():
    model = pretrained()
    ids, lengths = pad(
        [model.vocabulary.encode(model.read(text)) for text in ("Turn on the light", "Device not found")]
    )
    texts = [joined("zh", model.vocabulary.decode(row)) for row in greedy(model.model, ids, lengths, 60)]
    assert model.translate(["Turn on the light", "Device not found"]) == texts
    assert model.translate([]) == []
    assert str(translate("Device not found", width=5)) == model.translate(["Device not found"], width=5)[0]


def small(inside):
    torch.manual_seed(0)
    vocabulary = Vocabulary({"lamp": 1, "Hue": 1, "hue": 1})
    model = CopyingEncoderDecoder(Encoder(7, 2, 3, 1, bidirectional=True), CopyingDecoder(5, 2, 3, 6))
    return Translator("zh", vocabulary, inside, model)


def test_the_first_word_loses_a_capital_that_is_not_its_own():
    translator = small([0, 0, 0, 0, 3, 2, 1])
    assert translator.read("Lamp Lamp") == ["lamp", "Lamp"]
    assert translator.read("Hue lamp") == ["Hue", "lamp"]
    assert translator.read("Zorblax lamp") == ["Zorblax", "lamp"]
    assert pretrained().read("Turn on the light") == ["turn", "on", "the", "light"]


def test_errors_name_what_came():
    with pytest.raises(ValueError, match="inside must have a count for each of 7 tokens, got 2"):
        small([1, 2])
    with pytest.raises(ValueError, match="text must have a word, got ' '"):
        translate(" ")
    with pytest.raises(TypeError, match="text must be a str, got int"):
        translate(3)
    with pytest.raises(ValueError, match="width must be"):
        translate("Turn on the light", width=0)
    with pytest.raises(ValueError, match="batch must be"):
        pretrained().translate(["light"], batch=0)
    for call in (split, joined):
        with pytest.raises(ValueError, match="language must be 'zh' or 'fr', got 'de'"):
            call("de", "Licht")


@pytest.mark.parametrize("language", ["zh", "fr"])
def test_splitting_and_joining_leave_the_letters(language):
    for _, target in load_pairs(f"en-{language}")[2][:200]:
        assert "".join(split(language, target)) == "".join(target.split())
        assert "".join(joined(language, split(language, target)).split()) == "".join(target.split())
