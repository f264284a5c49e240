"""The pictures to try out (book/_static/live): in the browser they compute what the chapters' Python computes."""

import base64
import itertools
import random
import unicodedata

import live
import numpy as np
import pytest
import torch
from screenshots import HTML, chromium, settle

from scratch.copying import decode, encode
from scratch.corpora import load, load_pairs
from scratch.metrics import bleu, bleu_counts
from scratch.position import sinusoidal
from scratch.search import beam_search, beams
from scratch.text import BytePairEncoder, pad
from scratch.translate import pretrained, split

pytestmark = pytest.mark.browser
PAGES = {
    "fig-att-maps": "book/encoder/attention.html",
    "fig-att-saturation": "book/encoder/attention.html",
    "fig-le-padding": "book/encoder/lstm-encoder.html",
    "fig-lstm-clerk": "book/encoder/lstm-gru.html",
    "fig-pe-dot": "book/input-layer/positional-encoding.html",
    "fig-tokens-length": "book/input-layer/tokens.html",
    "fig-tr-beam": "book/uses/translation.html",
    "fig-tr-bleu": "book/uses/translation.html",
    "fig-w2v-projection": "book/input-layer/word2vec.html",
    "fig-xm-words": "book/beyond/cross-modal.html",
}
WORDS = (
    "e to cat word green queue level rhythm syzygy zzzzz qjxkvw strength attention backwards abcdefghij mississippi "
    "grasshopper unbelievable businessperson aaaaaaaaaaaaaaaa"
).split()
SIGNS = [
    *"abcdefghij",
    "the ",
    " of",
    "'s",
    "'LL",
    " ",
    "  ",
    "\n",
    "\t",
    "é",
    "e\u0301",
    "猫",
    "🐈",
    "👩\u200d👧",
    "٣",
    "²",
]
SIGNS += ["\ufeff", "\u0085", "\u00a0", "\u3000", "\x1c", "\x00", "שלום", "!?", "—", " State"]


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser):
    """Every page with something to try out, opened from the disk; none asks for more, or complains."""
    pages, asked, said = {}, [], []
    for path in dict.fromkeys(PAGES.values()):
        page = browser.new_page()
        page.on("request", lambda r: asked.append(r.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        settle(page, (HTML / path).as_uri())
        pages[path] = page
    yield lambda figure: pages[PAGES[figure]]
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert said == []
    for page in pages.values():
        page.close()


def ask(page, figure, *given, model=""):
    return page.evaluate(f"given => live.models['{figure}']{model}(...given)", list(given))


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def stored(figure):
    fields = live.read(figure)
    return fields, live.unpacked(fields)


# --- The page computes what Python computes -------------------------------------------------------------------------


def test_attention_spells_as_the_chapter_does(opened, double):
    page, (_, values) = opened("fig-att-maps"), stored("fig-att-maps")
    names = live.attention_chapter(live.SPELLER[1:], seen=WORDS[:1], pad=pad)  # reading its words takes a while
    parts = names["speller"](live.HIDDEN, True)
    parts.load_state_dict({name: values[name].reshape(own.shape) for name, own in parts.state_dict().items()})
    for word in WORDS:
        with torch.no_grad():
            scores, looks = names["spell"](parts, *names["as_ids"]([word]))
        for step, row, look in zip(ask(page, "fig-att-maps", word), scores[0], looks, strict=True):
            close(list(step["scores"]), row)
            close(list(step["looks"]), look[0])
            assert step["letter"] == row.argmax()


def test_tokens_are_those_of_the_helper(opened):
    page = opened("fig-tokens-length")
    raw = base64.b64decode(live.read("fig-tokens-length")["base64"])
    merges = [tuple(pair) for pair in np.frombuffer(raw, "<u2").reshape(-1, 2).tolist()]
    texts = [" ".join(s) for i, s in enumerate(load("state-of-the-union")) if i % 10 != 9]
    assert merges == BytePairEncoder.train(texts, 256 + len(merges)).merges
    # Characters that Python's Unicode does not know yet, the browser's may: they are left out.
    known = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    draw = random.Random(0)
    for i in range(200):
        text = "".join(draw.choices(known if i % 3 == 0 else SIGNS, k=draw.randint(0, 40)))
        n = (2000, 0, 17, 1999)[i % 4]
        assert ask(page, "fig-tokens-length", text, n) == BytePairEncoder(merges[:n]).encode(text), repr(text)


@pytest.mark.parametrize("d", [16, 64, 128])
def test_hands_stand_as_in_the_table(opened, d):
    page, table = opened("fig-pe-dot"), sinusoidal(400, d, dtype=torch.float64)
    for t in (0, 37, 300):
        close(ask(page, "fig-pe-dot", t, d, model=".encoding"), table[t])
    for t, back in ((40, 0), (60, 3), (300, 12)):
        close(ask(page, "fig-pe-dot", t, d, back, model=".scores"), table[t - 40 : t + 41] @ table[t - back])


@pytest.mark.parametrize("d", [4, 64, 1024])
def test_what_arrives_is_autograds(opened, d):
    generator = torch.Generator().manual_seed(d)
    query, keys = (torch.randn(n, d, generator=generator, dtype=torch.float64) for n in (1, 10))
    for scale in (1.0, d**-0.5):
        weights = torch.func.jacrev(lambda q, s=scale: (s * keys @ q).softmax(0))(query[0])  # (10, d)
        found = ask(opened("fig-att-saturation"), "fig-att-saturation", query[0].tolist(), keys.tolist(), scale)
        close(found["weights"], (scale * keys @ query[0]).softmax(0))
        np.testing.assert_allclose(found["gradient"], weights.norm(), rtol=1e-6, atol=1e-12)


def as_torch(weights, x):
    """The states and cells of an LSTM, at every step, by PyTorch."""
    cell, states = torch.nn.LSTMCell(x.shape[1], weights["U"].shape[1]).double(), None
    for own, value in zip(cell.parameters(), (weights[name] for name in "WUbv"), strict=True):
        own.data = value.reshape(own.shape)
    rows = []
    for now in x:
        states = cell(now[None], states)
        rows.append([part[0].detach() for part in states])
    return rows


@pytest.mark.parametrize("bias", [-4, 0, 1.5, 10])
def test_the_clerk_reads_as_an_lstm_does(opened, bias):
    page, (fields, weights) = opened("fig-lstm-clerk"), stored("fig-lstm-clerk")
    b = weights["bias"].clone()
    b[0, 2:4] = bias
    words = fields["text"].split()
    x = torch.eye(len(fields["words"]), dtype=torch.float64)[[fields["words"].index(word) for word in words]]
    rows = as_torch(weights | {"b": b, "v": torch.zeros_like(b)}, x)
    found = ask(page, "fig-lstm-clerk", words, bias)
    close([row["c"] for row in found], [cell[0] for _, cell in rows])
    close(found[0]["f"], torch.sigmoid((weights["W"] @ x[0] + b[0])[2]))


def test_padding_moves_the_state_as_in_torch(opened):
    page, (fields, weights) = opened("fig-le-padding"), stored("fig-le-padding")
    table = weights["table"]
    for sentence in fields["sentences"]:
        for pads, masked, zeros in ((0, False, False), (5, False, False), (31, False, True), (31, True, False)):
            ids = sentence["ids"] + [0] * (0 if masked else pads)
            rows = table.clone()
            rows[0] *= not zeros
            state = as_torch(weights, rows[ids])[-1][0]
            close(ask(page, "fig-le-padding", sentence["ids"], pads, masked, zeros), state)


def test_neighbours_are_gensims(opened):
    from gensim.models import KeyedVectors

    page, (fields, weights) = opened("fig-w2v-projection"), stored("fig-w2v-projection")
    vectors = KeyedVectors(weights["vectors"].shape[1])
    vectors.add_vectors(fields["words"], weights["vectors"].numpy())
    for asked, signs in ((["war"], [1]), (["oil"], [1]), (["programs", "program", "school"], [1, -1, 1])):
        found = ask(page, "fig-w2v-projection", asked, signs, asked)
        plus, minus = ([w for w, sign in zip(asked, signs, strict=True) if sign == s] for s in (1, -1))
        words, cosines = zip(*vectors.most_similar(plus, minus, topn=len(found)), strict=True)
        assert [word for word, _ in found] == list(words)
        np.testing.assert_allclose([c for _, c in found], cosines, atol=1e-5)  # gensim adds in single precision


@pytest.mark.parametrize("i", range(len(live.SENTENCES)))
def test_a_beam_keeps_what_the_helpers_keeps(opened, i):
    """In the end for every width and penalty, and for some at every step: the same beginnings, in the same order."""
    page, translator = opened("fig-tr-beam"), pretrained()
    ids, others = encode(translator.vocabulary, translator.read(list(live.SENTENCES)[i]))
    source = pad([ids])
    for width in range(1, 6):
        for power in live.PENALTIES:
            steps = ask(page, "fig-tr-beam", i, width, power)
            for n, kept in enumerate(steps if power in (0, 0.7, 2) else [], 1):
                (texts,) = beams(translator.model, *source, n, width, power)
                assert [words for words, _ in kept] == [decode(translator.vocabulary, t, others) for t, _ in texts]
                np.testing.assert_allclose([p for _, p in kept], [p for _, p in texts], atol=1e-5)  # stored as float32
            (best,) = beam_search(translator.model, *source, 60, width, power)
            assert steps[-1][0][0] == decode(translator.vocabulary, best, others)


def test_bleu_is_the_helpers(opened):
    page, draw = opened("fig-tr-bleu"), random.Random(0)
    known = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    words = [*"abcd灯未找到设备。", "lamp", "Wi-Fi", "l'été", "’", "_", "x_1", "3.5", "a/b", "㐀", "鿿", "\x1c"]
    texts = [t for pair in draw.sample(load_pairs("en-zh")[2] + load_pairs("en-fr")[2], 60) for t in pair]
    cases = [(a, b) for a in texts for b in draw.sample(texts, 2)] + [("", "a b c d"), (" ", ""), ("a b c d e", "")]
    for gap in ("", " "):
        for some in (words, words[:3], known):
            cases += [tuple(gap.join(draw.choices(some, k=draw.randint(0, 16))) for _ in range(2)) for _ in range(100)]
    for reference in texts[:60]:  # and texts that are nearly the reference
        tokens = split("zh", reference)
        tokens[draw.randrange(len(tokens))] = draw.choice(words)
        cases += [(" ".join(tokens), reference), (" ".join(tokens[:-1]), reference), (reference, reference)]
    for ours, theirs in cases:
        found, tokens = ask(page, "fig-tr-bleu", ours, theirs), [split("zh", text) for text in (ours, theirs)]
        assert found["tokens"] == tokens[0], repr(ours)
        assert abs(found["bleu"] - bleu(tokens[:1], tokens[1:])) <= 1e-9
        (counts,) = bleu_counts(tokens[:1], tokens[1:]).tolist()
        assert [row["hits"] for row in found["rows"]] + [row["total"] for row in found["rows"]] == counts[:8]


def test_words_find_what_the_chapters_network_finds(opened):
    """All words, and all pairs that the page knows; a network trained on another machine may differ here and there."""
    page, chapter = opened("fig-xm-words"), live.cross_modal_chapter()
    pairs = list(itertools.combinations(live.PAIRS, 2))
    asked = [[word] for word in chapter["words"]] + [list(pair) for pair in pairs] + [[b, a] for a, b in pairs]
    rows = np.concatenate([chapter[key] for key in ("nearest", "pair_nearest", "pair_nearest")])
    times = [times or 0 for times in chapter["words"].values()] + 2 * chapter["pair_times"]
    found = page.evaluate("asked => asked.map((words) => live.models['fig-xm-words'](...words))", asked)
    assert [answer["times"] for answer in found] == times
    names = [[chapter["names"][i] for i in row] for row in rows]
    same = [len({*ours} & {*answer["found"]}) / 5 for ours, answer in zip(names, found, strict=True)]
    assert np.mean(same) > 0.9
    for missing in (["xyzzy"], ["zombie", "red"], ["xyzzy", "red"], [""]):
        assert ask(page, "fig-xm-words", *missing) is None


# --- The page as a reader meets it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", PAGES)
def test_the_stored_figure_stays_and_is_alone_in_print(opened, figure):
    page = opened(figure)
    assert page.locator(f"#{figure} img").is_visible()
    assert page.locator(f"#{figure}-live").is_visible()
    page.emulate_media(media="print")
    assert page.locator(f"#{figure} img").is_visible()
    assert not page.locator(f"#{figure}-live").is_visible()
    page.emulate_media(media="screen")


@pytest.mark.parametrize("figure", PAGES)
def test_every_control_has_a_name_and_answers_the_keyboard(opened, figure):
    box = opened(figure).locator(f"#{figure}-live")
    for slider in box.get_by_role("slider").all():
        before = slider.get_attribute("aria-valuetext")
        key = "ArrowLeft" if slider.input_value() == slider.get_attribute("max") else "ArrowRight"
        slider.press(key)
        assert slider.get_attribute("aria-valuetext") != before
        slider.press("ArrowRight" if key == "ArrowLeft" else "ArrowLeft")
    unnamed = "inputs => inputs.filter((i) => !i.labels.length).length"
    assert box.locator("input, select, textarea").evaluate_all(unnamed) == 0


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_word_is_spelled_by_keyboard(opened, motion):
    page = opened("fig-att-maps")
    page.emulate_media(reduced_motion=motion)
    box = page.locator("#fig-att-maps-live")
    box.get_by_label("Your word").fill("Word")
    page.keyboard.press("Enter")
    at_once = box.get_by_role("status").inner_text()
    assert ("drow" in at_once) == (motion == "reduce")
    box.get_by_text("drow. 4 of 4 letters are right").wait_for()
    box.get_by_label("Letters written").press("ArrowLeft")
    assert (
        box.get_by_role("slider").get_attribute("aria-valuetext").startswith("Letter 3 of 4: it looks at place 2, “o”")
    )


def test_a_beam_is_stepped_through_by_keyboard(opened):
    box = opened("fig-tr-beam").locator("#fig-tr-beam-live")
    says, on = box.get_by_role("status"), box.get_by_role("button")
    assert says.inner_text() == "Step 9 of 9: 3 of 7 kept. The best is 车辆已连接; a person wrote 车辆已连接自."
    on.press("Enter")
    assert says.inner_text() == "Step 1 of 9: 3 of 5 kept. Ahead is 自."
    on.press("Enter")
    assert says.inner_text() == "Step 2 of 9: 3 of 15 kept. Ahead is 自动."
    box.get_by_label("Step").press("End")
    box.get_by_label("Width").press("Home")
    assert "The best is 自动连接自动连接" in says.inner_text()
    box.get_by_label("Width").press("End")
    box.get_by_label("penalty").press("End")
    assert "The best is 自动禁用车辆" in says.inner_text()
    box.get_by_label("Sentence").select_option("Event entity 4")
    assert "The best is 事件实体 4 的事件" in says.inner_text()


def test_bleu_is_told_as_one_types(opened):
    box = opened("fig-tr-bleu").locator("#fig-tr-bleu-live")
    box.get_by_text("BLEU 21.4").wait_for()
    field = box.get_by_label("translation")
    for text, told in (
        ("the door", "BLEU 0.0: there is no run of four"),
        ("the door of the garage is open", "BLEU 100.0"),
    ):
        field.fill(text)
        box.get_by_text(told, exact=True).wait_for()
    box.get_by_label("Reference").select_option("未找到设备")
    assert box.get_by_role("list", name="Runs of length 3").locator(".hit").count() == 1
    box.get_by_text("BLEU 30.7").wait_for()


def test_words_ask_by_keyboard(opened):
    box = opened("fig-xm-words").locator("#fig-xm-words-live")
    box.get_by_text("Together in no training name. Nearest: green heart.", exact=True).wait_for()
    pictures, known = box.get_by_role("list", name="The five nearest"), box.get_by_role("list", name="What is known")
    assert pictures.get_by_role("listitem").all_inner_texts()[0].endswith("has both words")
    box.get_by_label("and", exact=True).press("Home")
    for word, told, says in (
        ("Vehicle ", "≈ vehicle: only WordNet knows it", "Only WordNet knows it. Nearest: "),
        ("minibus", "? minibus: a random row of the table", "A random row of the table. Nearest: "),
        ("face", "✓ face: in 101 training names", "In 101 training names. Nearest: "),
        ("xyzzy", "✗ xyzzy: not in the table", "“xyzzy” is not in the table, and finds nothing."),
    ):
        box.get_by_label("A word").fill(word)
        box.get_by_text(says).wait_for()
        assert known.inner_text() == told
        assert pictures.get_by_role("listitem").count() == (0 if word == "xyzzy" else 5)


def test_all_of_it_is_small():
    """At most 300 kB together, as they are stored."""
    assert sum(path.stat().st_size for path in live.LIVE.iterdir()) <= 300_000


def test_a_page_without_such_figures_has_no_script():
    assert "live/" not in (HTML / "book/encoder/rnn.html").read_text("utf-8")
