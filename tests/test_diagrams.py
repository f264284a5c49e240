"""The diagrams can be read, and have their equations' letters; run as programs, they compute what the networks do."""

import importlib
import inspect
import math
import re
import sys
from collections import Counter
from functools import cache
from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import pytest
import torch
from chapters import chapters
from matplotlib.path import Path
from matplotlib.transforms import Bbox
from torch import nn

from scratch import diagrams
from scratch._drawing import Node, Sheet, sheet
from scratch.attention import AdditiveAttention
from scratch.contextual import MaskedLM
from scratch.contrastive import clip_loss, info_nce
from scratch.copying import CopyingDecoder
from scratch.decoder import Decoder
from scratch.huffman import huffman
from scratch.lora import LoRA
from scratch.negative_sampling import band
from scratch.recurrent import GRUCell
from scratch.word2vec import CBOW, SkipGram, softmax_loss

ALL = [(name, {}) for name in diagrams.__all__] + [("gru_cell", {"reset_after": True})]
every_diagram = pytest.mark.parametrize(("name", "options"), ALL, ids=lambda value: value or "")
# bold letters of the equations that stand in no diagram: biases and zeros in the boxes, and what words stand for
UNDRAWN = {
    "bidirectional_encoder": set("wc"),
    "bilm_and_masked_lm": set("xhb"),
    "encoder_decoder": set("xpb0"),
    "gru_cell": set("abv"),
    "huffman_path": set("uh"),
    "lstm_cell": set("b"),
    "rnn": set("b"),
    "skip_gram_and_cbow": set("p"),
}
OURS = {"additive_attention": {"s": "q", "h": "k"}}  # by the table after eq-att-bahdanau


def v(letter, index):
    return rf"$\mathbf{{{letter}}}_{{{index}}}$"


@cache
def draw(name, **options) -> Sheet:
    plt.close("all")
    assert getattr(diagrams, name)(**options) is None, "else a notebook would show it twice"
    assert len(plt.get_fignums()) == 1
    return plt.gcf()


def test_without_matplotlib_one_sentence_names_the_extra(monkeypatch):
    for name in ("scratch.diagrams", "scratch._drawing"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it raises, as if it were not installed
    with pytest.raises(ImportError, match=r"^scratch.diagrams needs matplotlib, .*\[chapters\]") as caught:
        importlib.import_module("scratch.diagrams")
    assert caught.value.__suppress_context__


# --- They can be read -----------------------------------------------------------------------------------------------


def seen(drawn):
    """Every text with its box, in units of the sheet."""
    renderer = drawn.canvas.get_renderer()
    to_units = drawn.paper.transData.inverted()
    return [(text, text.get_window_extent(renderer).transformed(to_units)) for text in drawn.paper.texts]


def outline(node, inset=0.0):
    w, h = node.w / 2 - inset, node.h / 2 - inset
    return Bbox([[node.x - w, node.y - h], [node.x + w, node.y + h]])


def apart(a, b):
    return a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0


def within(a, b):
    return b.x0 <= a.x0 and a.x1 <= b.x1 and b.y0 <= a.y0 and a.y1 <= b.y1


def collisions(drawn):
    """All that touches what it should not touch."""
    texts, nodes, lines = seen(drawn), drawn.nodes, drawn.arrows
    paper = Bbox([[0, 0], [10, drawn.get_figheight() / 0.48]])
    yield from (f"{text.get_text()} leaves the sheet" for text, box in texts if not within(box, paper))
    yield from (f"{node} leaves the sheet" for node in nodes if not within(outline(node), paper))
    for (a, one), (b, other) in combinations(texts, 2):
        if not apart(one, other):
            yield f"{a.get_text()} on {b.get_text()}"
    for a, b in combinations(nodes, 2):
        if not apart(outline(a, 0.001), outline(b, 0.001)):
            yield f"{a} on {b}"
    for text, box in texts:
        own = [node for node in nodes if text.get_position() == (node.x, node.y)]
        if own and not within(box, outline(own[0], 0.02)):
            yield f"{text.get_text()} leaves its box"
        if not own:
            yield from (f"{text.get_text()} on {node}" for node in nodes if not apart(box, outline(node)))
        for line in lines:
            if Path(line.points).intersects_bbox(box, filled=False):
                yield f"a line from {line.source.text} on {text.get_text()}"
    for line in lines:
        for node in nodes:
            if node not in (line.source, line.target) and Path(line.points).intersects_bbox(
                outline(node), filled=False
            ):
                yield f"a line from {line.source.text} on {node}"


@every_diagram
def test_nothing_overlaps_and_nothing_leaves_the_figure(name, options):
    assert list(collisions(draw(name, **options))) == []


def test_what_overlaps_is_found():
    paper = sheet(3)
    a, b, c = paper.box(1, 1, "$W$"), paper.value(5, 1, "a word too wide"), paper.box(9, 1, "$U$")
    paper.box(1.9, 1.2, "")
    paper.arrow(a, c)
    paper.label(7, 1, "$x$")
    paper.label(9.9, 2.5, "long")
    found = "\n".join(collisions(paper))
    for complaint in ("long leaves the sheet", "wide leaves its box", "on $x$", f"from $W$ on {b}", f"{a} on Node"):
        assert complaint in found


@every_diagram
def test_letters_are_large_enough_for_a_phone(name, options):
    drawn = draw(name, **options)
    assert drawn.get_figwidth() <= 5
    assert drawn.get_figheight() <= 5.5
    for text in drawn.paper.texts:
        assert text.get_size() / drawn.get_figwidth() >= 9 / 6.4, text.get_text()
    assert sum(len(re.findall(r"[a-z]{2,}", re.sub(r"\\[a-z]+", "", t.get_text()))) for t in drawn.paper.texts) <= 30


def edge_distance(node, point):
    """How far a point lies from the edge of a node."""
    x, y = abs(point[0] - node.x), abs(point[1] - node.y)
    if node.kind == "round":
        return abs(math.hypot(max(x - (node.w - node.h) / 2, 0), y) - node.h / 2)
    outside, inside = max(x - node.w / 2, y - node.h / 2), min(node.w / 2 - x, node.h / 2 - y)
    return max(outside, inside, 0)


def on_top(one, other):
    """Whether two stretches of lines run over each other for a while."""
    (a, b), (c, d) = one, other
    way = b[0] - a[0], b[1] - a[1]
    across = [way[0] * (p[1] - a[1]) - way[1] * (p[0] - a[0]) for p in (c, d)]
    along = sorted((way[0] * (p[0] - a[0]) + way[1] * (p[1] - a[1])) / math.hypot(*way) ** 2 for p in (c, d))
    return max(map(abs, across)) < 1e-6 and min(along[1], 1) - max(along[0], 0) > 1e-6


@every_diagram
def test_every_arrow_joins_two_nodes_at_their_edges_and_runs_over_no_other(name, options):
    drawn = draw(name, **options)
    for line in drawn.arrows:
        assert edge_distance(line.source, line.points[0]) < 1e-6, line
        assert edge_distance(line.target, line.points[-1]) < 1e-6, line
        assert math.dist(*line.points[-2:]) > 0.15, f"no room for the head of {line}"
    for a, b in combinations(drawn.arrows, 2):
        assert (a.source, a.target, a.points[-1]) != (b.source, b.target, b.points[-1])
        if a.source != b.source:
            assert not any(on_top(p, q) for p in pairwise(a.points) for q in pairwise(b.points)), (a, b)
    joined = {node for line in drawn.arrows for node in (line.source, line.target)}
    assert joined == (set() if name == "band" else set(drawn.nodes))


@every_diagram
def test_what_nothing_leads_to_or_away_from_is_a_vector_a_matrix_or_a_word(name, options):
    drawn = draw(name, **options)
    ends = set(drawn.nodes) - ({a.source for a in drawn.arrows} & {a.target for a in drawn.arrows})
    inner = {
        "bilm_and_masked_lm": {r"$\mathrm{attention}$"},
        "huffman_path": {"$m_1$"},
    }  # where nothing is guessed; the root
    if name != "band":
        assert {node.text for node in ends if node.kind != "value"} == inner.get(name, set())


ROUND = {
    "$+$",
    r"$\odot$",
    "$1 -$",
    r"$\mathrm{softmax}$",
    r"$\mathrm{mean}$",
    r"$\mathrm{dropout}$",
    diagrams.CONCAT,
    "0",
}
ROUND |= {r"$\cdot$", r"$QK^{\!\top}$", r"$/\,\sqrt{d}$", r"$\cdot\ V$", r"$\cos\,/\,\tau$", r"$\sum_{j:\,w_j = w}$"}
ROUND |= {r"$\alpha / r$", r"$a\,\cos$"}
EITHER = {
    r"$\tanh$",
    r"$\sigma$",
    r"$\mathrm{attention}$",
}  # with matrices of its own in a cell or a block, without elsewhere


@every_diagram
def test_what_is_learnt_stands_in_a_box_and_what_is_not_in_a_round_shape(name, options):
    nodes = draw(name, **options).nodes
    assert {node.text for node in nodes if node.kind == "round"} <= ROUND | EITHER
    assert not {node.text for node in nodes if node.kind == "box"} & ROUND


LOOSE = {  # what stands beside no arrow and in no shape
    "band": [
        r"$\mathbf{h}$",
        v("u", "o"),
        r"$\mathbf{u}_{w_i}$",
        "$w_1$",
        "$w_2$",
        "$w_3$",
        *"the cat sat on the mat he ran sat on the mat".split(),
    ],
    "bidirectional_encoder": ["dog", "bites", "man", "output"],
    "bilm_and_masked_lm": ["BiLM", "MaskedLM"],
    "huffman_path": [r"$p_w = \sigma(s_1)\,\sigma(-s_2)\,\sigma(s_3)\,\sigma(-s_4)$"],
    "input_layer": [r"$V \times d$", r"$2 \times d$", r"$L \times d$"],
    "multi_head_attention": [r"$\cdots$"] * 2,
    "rnn": "the cat sat on the mat".split(),
    "scaled_dot_product_attention": [r"$R \times d$", r"$T \times d$", r"$T \times d_v$"],
    "skip_gram_and_cbow": ["skip-gram", "CBOW"],
    "transformer_block": ["post-norm", "pre-norm"],
}


@every_diagram
def test_names_and_shapes_stand_beside_what_they_name(name, options):
    drawn = draw(name, **options)
    texts = Counter(text.get_text() for text in drawn.paper.texts)
    texts -= Counter([node.text for node in drawn.nodes] + [line.text for line in drawn.arrows if line.text])
    assert texts - Counter([""]) == Counter(LOOSE.get(name, []))


def test_a_dot_stands_where_a_line_forks_and_nowhere_else():
    paper = sheet(6)
    a = paper.value(1, 1, "$a$")
    b, c, d, e = (paper.box(3 + 2 * k, 4, f"${letter}$") for k, letter in enumerate("bcde"))
    for target in (e, c, d):
        paper.arrow(a, target, (target.x, 1))
    paper.arrow(a, b, (1, 4))
    dots = {tuple(map(float, (line.get_xdata()[0], line.get_ydata()[0]))) for line in paper.paper.lines}
    assert dots == {(5, 1), (7, 1)}
    assert [line.points[-1] for line in paper.arrows] == [(9, 3.625), (5, 3.625), (7, 3.625), (2.5, 4)]


# --- They have their equations' letters -----------------------------------------------------------------------------


def equations(name):
    """The equations that a diagram's docstring names, and all formulas of their chapter."""
    labels = re.findall(r"\beq-[\w-]+", inspect.getdoc(getattr(diagrams, name)))
    texts = [chapter.path.read_text("utf-8") for chapter in chapters(language="en")]
    found = {}
    for label in labels:
        (text,) = [text for text in texts if f"$$ ({label})" in text]
        found[label] = text.split(f"$$ ({label})")[0].rsplit("$$", 1)[1]
    assert labels
    return found, " ".join(re.findall(r"\$[^$]+\$", text))


def bold(text):
    return re.findall(r"\\mathbf\{(\w)\}", text)


@every_diagram
def test_the_letters_are_those_of_the_equations(name, options):
    texts = [text.get_text() for text in draw(name, **options).paper.texts]
    found, formulas = equations(name)
    theirs = {OURS.get(name, {}).get(letter, letter) for equation in found.values() for letter in bold(equation)}
    drawn = {letter for text in texts for letter in bold(text)}
    undrawn = UNDRAWN.get(name, set())
    assert (drawn, undrawn - theirs) == (theirs - undrawn, set())
    for text in texts:
        for letter in re.findall(r"[A-Za-z]", re.sub(r"\\[a-z]+(\{\w+\})?", "", text)) if "$" in text else ():
            assert re.search(rf"(?<![a-z\\]){letter}(?![a-z])", formulas), (
                f"{letter} of {text} is no letter of the chapter"
            )


# --- They compute what the networks do ------------------------------------------------------------------------------


class Reading:
    """What stands at each node of a diagram, if `given` stands where nothing leads to, and `rules` say what shapes do.

    A rule takes the node and its inputs, a list of (arrow, value); a list that it returns is shared out among the
    node's arrows, in the order in which they were drawn. A white shape puts what it gets side by side.
    """

    def __init__(self, drawn, given, rules):
        self.drawn, self.given, self.known = drawn, given, {}
        self.rules = {"$+$": add, r"$\odot$": multiply, r"round $\tanh$": lambda _, inputs: inputs[0][1].tanh()} | rules

    def at(self, node):
        if node not in self.known:
            inputs = [(line, self.brings(line)) for line in self.drawn.arrows if line.target == node]
            rule = self.rules.get(f"{node.kind} {node.text}") or self.rules.get(node.text)
            if not inputs:
                self.known[node] = self.given[node.text]
            elif node.kind == "value" and not rule:
                values = [value for _, value in sorted(inputs, key=lambda pair: pair[0].points[-1])]
                self.known[node] = torch.cat(values, -1) if len(values) > 1 else values[0]
            else:
                self.known[node] = rule(node, inputs)
        return self.known[node]

    def brings(self, line):
        value = self.at(line.source)
        if isinstance(value, list):
            return value[[other for other in self.drawn.arrows if other.source == line.source].index(line)]
        return value

    def named(self, text, which=-1):
        """What stands at the node with this text, the last one drawn unless said otherwise."""
        return self.at([node for node in self.drawn.nodes if node.text == text][which])

    def leaving(self, node):
        """The letter on the lines that leave a node."""
        (letter,) = {letter for line in self.drawn.arrows if line.source == node for letter in bold(line.text)}
        return letter


def add(_, inputs):
    return sum(value for _, value in inputs)


def multiply(_, inputs):
    assert len(inputs) == 2
    return math.prod(value for _, value in inputs)


def sources(inputs):
    return {line.source.text: value for line, value in inputs}


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _clean():
    torch.manual_seed(0)
    yield
    plt.close("all")


def same(*pairs):
    return all(torch.allclose(a, b, atol=1e-12) for a, b in pairs)


def gates(names, cell):
    """The matrices and both biases of each gate of PyTorch's cell, by its letter."""
    parts = [getattr(cell, name).chunk(len(names)) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    return dict(zip(names, zip(*parts, strict=True), strict=True))


def test_lstm_cell_is_pytorchs():
    cell, x, h, c = nn.LSTMCell(4, 3).double(), random(4), random(3), random(3)
    weights = gates("ifgo", cell)

    def gate(node, inputs):
        W, U, b, v_ = weights[reading.leaving(node)]
        given = sources(inputs)
        a = W @ given[v("x", "t")] + b + U @ given[v("h", "t-1")] + v_
        return a.tanh() if "tanh" in node.text else a.sigmoid()

    given = {v("x", "t"): x, v("h", "t-1"): h, v("c", "t-1"): c}
    reading = Reading(draw("lstm_cell"), given, {r"$\sigma$": gate, r"box $\tanh$": gate})
    new_h, new_c = cell(x[None], (h[None], c[None]))
    assert same((reading.named(v("h", "t")), new_h[0]), (reading.named(v("c", "t")), new_c[0]))
    assert {reading.leaving(node) for node in reading.drawn.nodes if node.kind == "box"} == set("figo")


@pytest.mark.parametrize("reset_after", [False, True])
def test_gru_cell_is_the_helpers(reset_after):
    cell, x, h = GRUCell(4, 3, reset_after=reset_after).double(), random(4), random(3)
    weights = gates("rzg", cell)

    def gate(node, inputs):
        W, U, b, v_ = weights[reading.leaving(node)]
        given = sources(inputs)
        (state,) = [value for text, value in given.items() if text != v("x", "t")]
        a = W @ given[v("x", "t")] + b + U @ state + v_
        return a.tanh() if "tanh" in node.text else a.sigmoid()

    W, U, b, v_ = weights["g"]
    rules = {r"$\sigma$": gate, r"box $\tanh$": gate, r"$1 -$": lambda _, inputs: 1 - inputs[0][1]}
    rules |= {"$W_g$": lambda _, inputs: W @ inputs[0][1] + b, "$U_g$": lambda _, inputs: U @ inputs[0][1] + v_}
    given = {v("x", "t"): x, v("h", "t-1"): h}
    reading = Reading(draw("gru_cell", reset_after=reset_after), given, rules)
    assert same((reading.named(v("h", "t")), cell(x[None], h[None])[0]))
    if reset_after:
        theirs = nn.GRUCell(4, 3).double()
        theirs.load_state_dict(cell.state_dict())
        assert same((reading.named(v("h", "t")), theirs(x[None], h[None])[0]))


def test_rnn_is_pytorchs():
    network, X = nn.RNN(4, 3, batch_first=True).double(), random(6, 4)
    W, U, b, v_ = network.parameters()

    def f(_, inputs):
        (x,) = [value for line, value in inputs if "x" in bold(line.source.text)]
        (h,) = [value for line, value in inputs if "x" not in bold(line.source.text)]
        return (W @ x + b + U @ h + v_).tanh()

    given = {v("x", t): x for t, x in enumerate(X, 1)} | {v("h", "0"): torch.zeros(3).double()}
    reading = Reading(draw("rnn"), given, {"$f$": f})
    assert same((torch.stack([reading.named(v("h", t)) for t in range(1, 7)]), network(X[None])[0][0]))


def test_encoder_decoder_is_two_networks_of_pytorch():
    ahead, back = nn.GRUCell(4, 3).double(), nn.GRUCell(4, 3).double()
    source, target = "the cat sat on the mat".split(), "le chat était assis sur le tapis <eos>".split()
    given = {word: random(4) for word in ("<bos>", *source, *target)}
    W_o = random(5, 3)

    def step(cell):
        def rule(node, inputs):
            (word,) = [(line, value) for line, value in inputs if line.source.text in given]
            state = [value for line, value in inputs if line.source.text not in given]
            return cell(word[1][None], state[0][None] if state else None)[0]

        return rule

    drawn = draw("encoder_decoder")
    reading = Reading(
        drawn, given, {"$f$": step(ahead), "$g$": step(back), "$W_o$": lambda _, inputs: W_o @ inputs[0][1]}
    )
    reader, writer = nn.GRU(4, 3).double(), nn.GRU(4, 3).double()
    for network, cell in ((reader, ahead), (writer, back)):
        network.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    _, vector = reader(torch.stack([given[word] for word in source]))
    states, _ = writer(torch.stack([given[word] for word in ("<bos>", *target[:-1])]), vector)
    guesses = [
        node for node in drawn.nodes if node.text in target and any(line.target == node for line in drawn.arrows)
    ]
    assert [node.text for node in guesses] == target
    assert same((reading.named(r"$\mathbf{v}$"), vector[0]), (torch.stack([*map(reading.at, guesses)]), states @ W_o.T))


def test_bidirectional_encoder_is_pytorchs_with_its_slices():
    lstm, X = nn.LSTM(4, 3, num_layers=2, bidirectional=True).double(), random(3, 4)
    cells = {}
    for layer in (0, 1):
        for arrow, suffix in (("right", ""), ("left", "_reverse")):
            cells[arrow, layer] = nn.LSTMCell(6 if layer else 4, 3).double()
            names = {name: f"{name}_l{layer}{suffix}" for name in cells[arrow, layer].state_dict()}
            cells[arrow, layer].load_state_dict({mine: lstm.state_dict()[name] for mine, name in names.items()})

    def read(node, inputs):
        ((line, x),) = [(line, value) for line, value in inputs if line.source.kind == "value"]
        state = [value for line, value in inputs if line.source.kind == "box"]
        layer = int(re.search(r"(\d)\}\$$", line.source.text)[1])
        arrow = re.search(r"\\(left|right)arrow", node.text)[1]
        return torch.cat(cells[arrow, layer](x[None], tuple(state[0].view(2, 1, 3)) if state else None))

    def shown(_, inputs):  # of a state (h, c), h
        return torch.cat([value[0] for _, value in sorted(inputs, key=lambda pair: pair[0].source.x)])

    values = [v("h", f"{t}{{,}}{layer}") for layer in (1, 2) for t in (1, 2, 3)]
    rules = {r"$\rightarrow$": read, r"$\leftarrow$": read}
    rules |= dict.fromkeys((*values, *(f"hidden[{k}]" for k in range(4))), shown)
    given = {v("h", f"{t}{{,}}0"): x for t, x in enumerate(X, 1)}
    reading = Reading(draw("bidirectional_encoder"), given, rules)
    output, (hidden, _) = lstm(X)
    assert same((torch.stack([reading.named(name) for name in values[3:]]), output))
    assert same((torch.stack([reading.named(f"hidden[{k}]") for k in range(4)]), hidden))


def test_additive_attention_is_the_helpers():
    attention, q, K = AdditiveAttention(4, 3, 5).double(), random(4), random(3, 3)

    def softmax(_, inputs):
        assert [line.text for line, _ in inputs] == ["$e_1$", "$e_2$", "$e_3$"]
        return [*torch.stack([value for _, value in inputs]).softmax(0)]

    rules = {name: lambda _, inputs, part=part: part(inputs[0][1]) for name, part in attention.named_children()}
    rules = {f"${name}$": rule for name, rule in rules.items() if name != "v"} | {r"$\mathbf{v}_a^\top$": rules["v"]}
    given = {r"$\mathbf{q}$": q} | {v("k", j): k for j, k in enumerate(K, 1)}
    reading = Reading(draw("additive_attention"), given, rules | {r"$\mathrm{softmax}$": softmax})
    context, weights = attention(q[None], K[None])
    assert same((reading.named(r"$\mathbf{c}$"), context[0]))
    (softmax_node,) = [node for node in reading.drawn.nodes if "softmax" in node.text]
    assert same((torch.stack(reading.at(softmax_node)).flatten(), weights[0]))


def test_luong_decoder_is_the_helpers():
    decoder, H = Decoder(7, 2, 4, memory_dim=3).double(), random(3, 3)
    states = []
    decoder.lstm.register_forward_hook(lambda _, __, output: states.append(output[0]))
    scores, _ = decoder(torch.tensor([[5]]), decoder.start(H[None], None, random(1, 3)))  # (1, 1, 7)

    def product(_, inputs):
        return math.prod(value for _, value in inputs).sum(-1, keepdim=True)

    def softmax(_, inputs):
        if len(inputs) == 1:
            return inputs[0][1].softmax(-1)
        assert [line.text for line, _ in inputs] == ["$e_{u1}$", "$e_{u2}$", "$e_{u3}$"]
        return [*torch.stack([value for _, value in inputs]).softmax(0)]

    def both(_, inputs):
        assert [bold(line.text) or bold(line.source.text) for line, _ in inputs] == [["s"], ["c"]]
        return torch.cat([value for _, value in inputs])

    layers = {"$U$": decoder.attention.U, "$W_c$": decoder.combine, "$W_o$": decoder.output}
    rules = {name: lambda _, inputs, layer=layer: layer(inputs[0][1]) for name, layer in layers.items()}
    rules |= {r"$\cdot$": product, r"$\mathrm{softmax}$": softmax, diagrams.CONCAT: both}
    given = {v("s", "u"): states[0][0, 0]} | {v("h", j): h for j, h in enumerate(H, 1)}
    reading = Reading(draw("luong_decoder"), given, rules)
    assert same((reading.named(v("p", "u")), scores[0, 0].softmax(0)))


def test_pointer_is_the_helpers():
    decoder = CopyingDecoder(7, 4, 6, memory_dim=5).double()
    memory, source, before = random(1, 3, 5), torch.tensor([[4, 8, 8]]), torch.tensor([[5]])
    state = decoder.start(memory, None, memory.mean(1)) | {"ids": source}
    s, _ = decoder.lstm(decoder.embedding(before), state=(state["h"].unsqueeze(0), state["c"].unsqueeze(0)))

    def attend(_, inputs):  # the context to c and the weights to the sum, in the order in which they leave
        states = torch.stack([value for line, value in inputs if line.source.text.startswith(r"$\mathbf{h}")])
        return [part[0, 0] for part in decoder.attention(s, states.unsqueeze(0))]

    def layer(part, letters):
        def rule(_, inputs):
            return part(torch.cat([sources(inputs)[f"$\\mathbf{{{letter}}}$"] for letter in letters]))

        return rule

    rules = {r"$\mathrm{attention}$": attend, "$W_c$": layer(decoder.combine, "sc")}
    rules |= {
        "$W_o$": lambda _, inputs: decoder.output(inputs[0][1]),
        r"$\sigma$": lambda _, inputs: inputs[0][1].sigmoid(),
    }
    rules |= {r"$\mathbf{w}_g^\top$": layer(decoder.switch, "scx"), "$1 -$": lambda _, inputs: 1 - inputs[0][1]}
    rules |= {r"$\mathrm{softmax}$": lambda _, inputs: nn.functional.pad(inputs[0][1].softmax(0), (0, 2))}
    rules |= {
        r"$\sum_{j:\,w_j = w}$": lambda _, inputs: torch.zeros(9).double().scatter_add(0, source[0], inputs[0][1])
    }
    given = {v("h", j): h for j, h in enumerate(memory[0], 1)}
    given |= {r"$\mathbf{s}$": s[0, 0], r"$\mathbf{x}$": decoder.embedding(before)[0, 0]}
    reading = Reading(draw("pointer"), given, rules)
    assert same((reading.named("$p(w)$"), decoder(before, state)[0][0, 0].exp()))
    _, p_gen, alpha, _ = decoder.parts(before, state)
    letters = {line.text: reading.brings(line) for line in reading.drawn.arrows if line.text}
    assert same((letters[r"$p_\mathrm{gen}$"], p_gen.flatten()), (letters[r"$\alpha_j$"], alpha.flatten()))


def test_scaled_dot_product_attention_is_pytorchs():
    Q, K, V, mask = random(4, 8), random(6, 8), random(6, 5), torch.arange(6) < 4

    def product(_, inputs):
        return sources(inputs)["$Q$"] @ sources(inputs)["$K$"].T

    def softmax(_, inputs):
        (scores,) = [value for line, value in inputs if line.source.text != "$m$"]
        return scores.masked_fill(~sources(inputs)["$m$"], -torch.inf).softmax(1)

    def mean(_, inputs):
        (weights,) = [value for line, value in inputs if line.source.text != "$V$"]
        return weights @ sources(inputs)["$V$"]

    rules = {r"$QK^{\!\top}$": product, r"$/\,\sqrt{d}$": lambda _, inputs: inputs[0][1] / 8**0.5}
    rules |= {r"$\mathrm{softmax}$": softmax, r"$\cdot\ V$": mean}
    drawn = draw("scaled_dot_product_attention")
    reading = Reading(drawn, {"$Q$": Q, "$K$": K, "$V$": V, "$m$": mask}, rules)
    output = nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)
    assert same((reading.at(drawn.arrows[-1].target), output))
    sizes = {4: "R", 6: "T", 8: "d", 5: "d_v"}  # every label of a shape is the shape of what comes along
    shapes = [(line, text) for line in drawn.arrows if (text := line.text)]
    assert [rf"${sizes[len(x)]} \times {sizes[x.shape[1]]}$" for x in map(reading.brings, dict(shapes))] == [
        *dict(shapes).values()
    ]


def test_multi_head_attention_is_pytorchs():
    X, attention = random(5, 6), nn.MultiheadAttention(6, 2, bias=False, batch_first=True).double()
    parts = dict(zip("QKV", attention.in_proj_weight.chunk(3), strict=True))
    rules = {f"$W^{letter}_{h}$": parts[letter].chunk(2)[h == "H"] for letter in "QKV" for h in "1H"}
    rules = {text: lambda _, inputs, W=W: inputs[0][1] @ W.T for text, W in rules.items()}

    def attend(_, inputs):
        Q, K, V = (value for letter in "QKV" for line, value in inputs if line.text[1] == letter)
        return nn.functional.scaled_dot_product_attention(Q, K, V)

    rules |= {r"$\mathrm{attention}$": attend, "$W^O$": lambda _, inputs: attention.out_proj(inputs[0][1])}
    rules |= {diagrams.CONCAT: lambda _, inputs: torch.cat([value for _, value in inputs], 1)}
    reading = Reading(draw("multi_head_attention"), {"$X$": X}, rules)
    assert same((reading.named("$Y$"), attention(X[None], X[None], X[None])[0][0]))


@pytest.mark.parametrize("pre", [False, True])
def test_transformer_block_is_pytorchs(pre):
    layer, X = nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True, norm_first=pre).double(), random(1, 5, 6)
    drawn = draw("transformer_block")
    half = [node for node in drawn.nodes if (node.x > 5) == pre]
    first, second = sorted((node for node in half if node.text == r"$\mathrm{LN}$"), key=lambda node: node.y)

    def norm(node, inputs):
        return {first: layer.norm1, second: layer.norm2}[node](inputs[0][1])

    rules = {r"$\mathrm{Attention}$": lambda _, inputs: layer.self_attn(*3 * [inputs[0][1]])[0], r"$\mathrm{LN}$": norm}
    rules |= {r"$\mathrm{F}$": lambda _, inputs: layer.linear2(layer.linear1(inputs[0][1]).relu())}
    (result,) = [node for node in half if node.text == "$X''$"]
    assert same((Reading(drawn, {"$X$": X}, rules).at(result), layer(X)))
    assert [text.get_text() for text in drawn.paper.texts if "norm" in text.get_text()] == ["post-norm", "pre-norm"]


def test_input_layer_is_the_masked_lms():
    model = MaskedLM(10, 8, 1, 2).double()
    ids, segments = torch.tensor([[2, 5, 3]]), torch.tensor([[0, 0, 1]])
    tables = {"$W$": model.token, "$S$": model.segment, "$P$": model.position}
    rules = {text: lambda _, inputs, table=table: table(inputs[0][1]) for text, table in tables.items()}
    rules |= {r"$\mathrm{LayerNorm}$": lambda _, inputs: model.norm(inputs[0][1])}
    rules |= {r"$\mathrm{dropout}$": lambda _, inputs: nn.functional.dropout(inputs[0][1], training=False)}
    reading = Reading(draw("input_layer"), {"$i_t$": ids, "$j_t$": segments, "$t$": torch.arange(3)}, rules)
    assert same((reading.named(v("x", "t")), model.layers(ids, torch.tensor([3]), segments)[0]))
    letters = [(line.source.text, *bold(line.text)) for line in reading.drawn.arrows if line.text]
    assert letters == [("$W$", "w"), ("$S$", "s"), ("$P$", "p")]


def test_skip_gram_and_cbow_have_the_helpers_loss():
    words, around = ["the", "cat", "sat", "on", "mat"], ["the", "cat", "on", "the"]
    context = torch.tensor([[words.index(word) for word in around]])
    for Model, at, given in ((SkipGram, 0, torch.tensor([2])), (CBOW, 1, context)):
        model = Model(len(words), dim=3).double()
        W, U = model.input.data.normal_(), model.output.data.normal_()
        rules = {
            "$W$": lambda _, inputs, W=W: [W[i] for _, i in inputs],
            "$U$": lambda _, inputs, U=U: U @ inputs[0][1],
        }
        rules |= {r"$\mathrm{mean}$": lambda _, inputs: sum(row for _, row in inputs) / len(inputs)}
        rules |= {r"$\mathrm{softmax}$": lambda _, inputs: inputs[0][1].softmax(0)}
        drawn = draw("skip_gram_and_cbow")
        reading = Reading(drawn, {word: i for i, word in enumerate(words)}, rules)
        guesses = [line for line in drawn.arrows if line.text in ("$p_o$", "$p_c$") and (line.target.x > 5) == bool(at)]
        loss = -sum(reading.brings(line)[words.index(line.target.text)].log() for line in guesses)
        targets = torch.tensor([[2]]) if at else context
        assert same((loss, softmax_loss(model.hidden(given), U, targets)[0]))


def test_huffman_path_is_the_helpers():
    drawn, words = draw("huffman_path"), ["the", "of", "cat", "dog", "mat", "zorf"]
    codes, _ = huffman([12, 9, 6, 5, 2, 1])
    above = {line.target: line for line in drawn.arrows}

    def way(node):
        return [*way(above[node].source), above[node]] if node in above else []

    for word, row in zip(words, codes.tolist(), strict=True):
        (leaf,) = [node for node in drawn.nodes if node.text == word]
        turns = [int(re.search(r"(?:= )?([01])(?::|$)", line.text)[1]) for line in way(leaf)]
        assert turns == [b for b in row if b >= 0], word
    (leaf,) = [node for node in drawn.nodes if node.text == "mat"]
    factors = [line.text.split(r":\ ")[1].strip("$") for line in way(leaf)]
    assert [line.source.text for line in way(leaf)] == [f"$m_{j}$" for j in (1, 2, 3, 4)]
    assert [re.match(r"\\sigma\((-?)s_(\d)", factor).groups() for factor in factors] == [
        ("-" * b, str(j))
        for j, b in enumerate(codes[4].tolist(), 1)  # (1 - 2 b) s
    ]
    assert "$p_w = " + r"\,".join(factors) + "$" in [text.get_text() for text in drawn.paper.texts]


def test_band_is_the_helpers():
    drawn = draw("band")
    rows = sorted({node.y for node in drawn.nodes}, reverse=True)
    pairs = [[node for node in drawn.nodes if node.y == y] for y in rows]
    ones = [[float(node.text == "1") for node in sorted(row, key=lambda node: node.x)[:8]] for row in pairs]
    text = {x: word.get_text() for word in drawn.paper.texts for x, y in [word.get_position()] if 3 < y < 4}
    columns = [text[node.x] for node in sorted(pairs[0], key=lambda node: node.x)]
    assert columns == [*"the cat sat on the mat he ran".split(), "$w_1$", "$w_2$", "$w_3$"]
    left, right = torch.tensor([[2, 2, 2, 2]]), torch.tensor([[2, 2, 1, 0]])  # the sentence ends with mat
    assert ones == band(left, right, 2)[0].tolist()
    assert all([node.text for node in row if node.kind == "round"] == ["0"] * 3 for row in pairs)


def test_bilm_sees_one_side_each_and_the_masked_model_both():
    drawn = draw("bilm_and_masked_lm")
    sentence = "they stood along the bank of the river".split()

    def heard(node) -> set[Node]:
        before = [line.source for line in drawn.arrows if line.target == node]
        return set().union(*map(heard, before)) if before else {node}

    targets = {line.target for line in drawn.arrows}
    guesses = sorted((n for n in drawn.nodes if n.kind == "value" and n in targets), key=lambda node: node.x)
    assert len(guesses) == 7
    for side, reach in ((False, (1, 2, 3)), (True, (3, 2, 1))):
        stack = [node for node in guesses if (node.x > 5) == side and node.y > 5]
        for k, node in enumerate(stack):
            words = [each.text for each in sorted(heard(node), key=lambda each: each.x)]
            read = ["bank", "of", "the"]
            assert words == (read[k:] if side else read[: k + 1])
            assert len(words) == reach[k]
            place = sentence.index("bank") + k
            assert node.text == sentence[place - 1 if side else place + 1]
    (hidden,) = [node for node in guesses if node.y < 5]
    assert [node.text for node in sorted(heard(hidden), key=lambda node: node.x)] == ["the", "[MASK]", "of", "the"]
    assert hidden.text == "bank"


def test_bi_encoder_is_the_contrastive_loss():
    E, questions, passages = random(4, 6), random(3, 6), random(3, 6)

    def near(node, inputs):
        a, b = (value for _, value in inputs)
        return torch.cosine_similarity(a, b, dim=0)[None] / 0.1

    def softmax(node, inputs):
        columns = sorted(inputs, key=lambda pair: pair[0].source.x)
        return torch.cat([value for _, value in columns]).softmax(0)

    given = {f"passage {j}": passage for j, passage in enumerate(passages, 1)}
    rules = {"$E$": lambda node, inputs: E @ inputs[0][1], r"$\cos\,/\,\tau$": near, r"$\mathrm{softmax}$": softmax}
    rules[r"$-\ln\, p_{11}$"] = lambda node, inputs: -inputs[0][1][0].log()
    losses = []
    for i in range(3):  # each question in turn is the first, and its passage too
        own = {f"passage {j}": passages[(i + j - 1) % 3] for j in (1, 2, 3)} | {"question 1": questions[i]}
        losses.append(Reading(draw("bi_encoder"), given | own, rules).named(r"$-\ln\, p_{11}$"))
    assert same((torch.stack(losses).mean(), info_nce(questions @ E.T, passages @ E.T, 0.1)))


def test_two_towers_are_clips_loss():
    E, R, pictures, names = random(4, 6), random(4, 6), random(2, 6), random(2, 6)
    a = r"$a\,\cos$"

    def near(node, inputs):
        one, other = (value for _, value in inputs)
        return 3 * torch.cosine_similarity(one, other, dim=0)[None]

    def softmax(node, inputs):
        """The middle score, s 11, first."""
        columns = sorted(inputs, key=lambda pair: abs(pair[0].source.x - 5))
        return torch.cat([value for _, value in columns]).softmax(0)

    rules = {"$E$": lambda _, inputs: E @ inputs[0][1], "$R$": lambda _, inputs: R @ inputs[0][1], a: near}
    rules[r"$\mathrm{softmax}$"] = softmax
    ends = r"$-\ln\, p_{11}$", r"$-\ln\, q_{11}$"
    rules |= {end: lambda _, inputs: -inputs[0][1][0].log() for end in ends}
    losses = []
    for i in (0, 1):  # each pair in turn is the first
        given = {f"picture {j}": pictures[(i + j - 1) % 2] for j in (1, 2)}
        given |= {f"name {j}": names[(i + j - 1) % 2] for j in (1, 2)}
        reading = Reading(draw("two_towers"), given, rules)
        losses += [reading.named(end) for end in ends]
    assert same((torch.stack(losses).mean(), clip_loss(pictures @ E.T, names @ R.T, 3.0)))


def test_lora_is_the_helpers():
    layer, x = LoRA(nn.Linear(6, 4).double(), rank=2, alpha=3), random(5, 6)
    nn.init.normal_(layer.B)
    rules = {r"$W,\ \mathbf{b}$": lambda _, inputs: layer.linear(inputs[0][1])}
    rules |= {name: lambda _, inputs, M=M: inputs[0][1] @ M.T for name, M in (("$A$", layer.A), ("$B$", layer.B))}
    rules |= {r"$\alpha / r$": lambda _, inputs: inputs[0][1] * 3 / 2}
    reading = Reading(draw("lora"), {r"$\mathbf{x}$": x}, rules)
    assert same((reading.named(r"$\mathbf{y}$"), layer(x)))
