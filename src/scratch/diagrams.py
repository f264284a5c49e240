"""Diagrams of the networks in the book, in one visual language: each function draws one on a new figure.

A box has numbers that are learnt, a round shape has none, a white one is a vector, a matrix or a word; a dot is where a
line forks, and where lines cross without one they do not touch. The letters are those of the equations that each
docstring names. Needs matplotlib: `pip install "from-one-hot-to-encoder[chapters] @ …"`.

>>> lstm_cell()  # in a notebook, the picture stands below the cell
"""

from __future__ import annotations

from itertools import pairwise

from scratch._drawing import sheet

__all__ = [
    "additive_attention",
    "band",
    "bi_encoder",
    "bidirectional_encoder",
    "bilm_and_masked_lm",
    "encoder_decoder",
    "gru_cell",
    "huffman_path",
    "input_layer",
    "lstm_cell",
    "luong_decoder",
    "multi_head_attention",
    "pointer",
    "rnn",
    "scaled_dot_product_attention",
    "skip_gram_and_cbow",
    "transformer_block",
    "two_towers",
]

TIMES, SUM, CONCAT = r"$\odot$", "$+$", r"$[\;\cdot\,,\,\dots,\,\cdot\;]$"
SIGMOID, TANH, SOFTMAX = r"$\sigma$", r"$\tanh$", r"$\mathrm{softmax}$"
NORM = r"$\mathrm{LN}$"


def _v(letter: str, index: str = "") -> str:
    """A vector's letter, bold as in the equations."""
    return rf"$\mathbf{{{letter}}}_{{{index}}}$" if index else rf"$\mathbf{{{letter}}}$"


def skip_gram_and_cbow() -> None:
    """Skip-gram guesses a word's context from it, CBOW the word from its context: eq-w2v-hidden, eq-w2v-softmax."""
    s = sheet(8.8)
    words = ("the", "cat", "on", "the")
    for name, middle in (("skip-gram", 2.5), ("CBOW", 7.5)):
        cbow = name == "CBOW"
        places = [middle + 1.14 * k for k in (-1.5, -0.5, 0.5, 1.5)]
        around = [s.value(x, 0.5 if cbow else 7.5, word) for x, word in zip(places, words, strict=True)]
        centre = s.value(middle, 7.5 if cbow else 0.5, "sat")
        wide = {True: 4.42, False: 1.9}
        W, h = s.box(middle, 1.65, "$W$", wide[cbow]), s.value(middle, 4.05, _v("h"))
        U, softmax = s.box(middle, 5.15, "$U$", 1.9), s.round(middle, 6.25, SOFTMAX, wide[not cbow])
        s.arrow(h, U)
        s.arrow(U, softmax)
        if cbow:
            mean = s.round(middle, 2.95, r"$\mathrm{mean}$", wide[True])
            for word in around:
                s.arrow(word, W)
                s.arrow(W, mean, (word.x, 2.3), text=_v("v", "o"), at=(word.x + 0.36, 2.32))
            s.arrow(mean, h)
            s.arrow(softmax, centre, text="$p_c$")
        else:
            s.arrow(centre, W)
            s.arrow(W, h, text=_v("v", "c"))
            for word in around:
                s.arrow(softmax, word, text="$p_o$")
        s.label(middle, 8.4, name, size=12)


def band() -> None:
    """The pairs of one block: four centres with the words around them, and with shared negatives: eq-scale-negative."""
    s = sheet(4.6)
    text, end, window = "the cat sat on the mat he ran".split(), 6, 2  # a sentence ends before place 6
    columns = [1.95 + 0.68 * j + 0.2 * (j >= end) for j in range(len(text))]
    noise = [columns[-1] + 0.98 + 0.68 * n for n in range(3)]
    for x, word in zip(columns, text, strict=True):
        s.label(x, 3.55, word)
    for n, x in enumerate(noise, 1):
        s.label(x, 3.55, f"$w_{n}$")
    for row, centre in enumerate(range(2, 6)):
        y = 2.9 - 0.72 * row
        s.label(0.95, y, text[centre])
        for j, x in enumerate(columns):
            pair = 0 < abs(j - centre) <= window and j < end
            (s.box if pair else s.value)(x, y, "1" if pair else "", 0.6, 0.62)
        for x in noise:
            s.round(x, y, "0", 0.6, 0.6)
    s.label(0.95, 4.2, _v("h"))
    s.label((columns[0] + columns[-1]) / 2, 4.2, _v("u", "o"))
    s.label(noise[1], 4.2, r"$\mathbf{u}_{w_i}$")


def huffman_path() -> None:
    """The way to a word in Huffman's tree, and its probability as a product of turns: eq-scale-tree."""
    s = sheet(7.4)
    m = [s.box(x, y, f"$m_{j}$") for j, x, y in ((1, 5.4, 6.8), (2, 2.7, 5.3), (3, 4.5, 3.8), (4, 3.4, 2.3))]
    other = s.box(8.1, 5.3, "")
    words = (("cat", 0.9, 3.8), ("zorf", 2.5, 0.8), ("mat", 4.3, 0.8), ("dog", 5.6, 2.3), ("of", 7.3, 3.8))
    cat, zorf, mat, dog, of, the = (s.value(x, y, word) for word, x, y in (*words, ("the", 8.9, 3.8)))
    turns = ((m[0], other, 1), (m[1], cat, 0), (m[2], dog, 1), (m[3], zorf, 0), (other, of, 0), (other, the, 1))
    for parent, child, b in turns:
        s.arrow(parent, child, text=str(b), width=1)
    way = (m[0], m[1], (2.9, 6.35)), (m[1], m[2], (5.1, 4.75)), (m[2], m[3], (2.6, 3.15)), (m[3], mat, (5.3, 1.7))
    for j, (parent, child, at) in enumerate(way, 1):
        b = (j + 1) % 2
        s.arrow(parent, child, text=rf"$b_{j} = {b}:\ \sigma({'-' * b}s_{j})$", at=at, width=2.4)
    s.label(7.35, 0.8, r"$p_w = \sigma(s_1)\,\sigma(-s_2)\,\sigma(s_3)\,\sigma(-s_4)$", size=12.5)


def bilm_and_masked_lm() -> None:
    """Two readers that see one side each, and one that sees both, but not the hidden word: eq-ctx-forward."""
    s = sheet(10.4)
    s.label(5, 10.1, "BiLM", size=12)
    for guesses, left, step in (("of the river", 0.8, 1), ("the bank of", 5.96, -1)):
        columns = [left + 1.62 * k for k in range(3)]
        rows = [[s.value(x, 5.9, word, 1.1) for x, word in zip(columns, ("bank", "of", "the"), strict=True)]]
        rows += [
            [s.box(x, y, rf"$\mathrm{{LSTM}}_{k}$", 1.28, size=11) for x in columns] for k, y in ((1, 7), (2, 8.1))
        ]
        guessed = [s.value(x, 9.4, word, 1.1) for x, word in zip(columns, guesses.split(), strict=True)]
        for below, above in pairwise(rows):
            for a, b in zip(below, above, strict=True):
                s.arrow(a, b)
        for layer in rows[1:]:
            for a, b in pairwise(layer[::step]):
                s.arrow(a, b)
        for top, word in zip(rows[-1], guessed, strict=True):
            s.arrow(top, word, text=_v("p"))
    s.label(5, 4.65, "MaskedLM", size=12)
    given = [s.value(1.4 + 2.4 * k, 0.5, word, 1.5) for k, word in enumerate(("the", "[MASK]", "of", "the"))]
    blocks = [s.box(word.x, 2.6, r"$\mathrm{attention}$", 2) for word in given]
    for k, a in enumerate(given):
        for b in blocks:
            s.arrow(a, b, (a.x, 1.05), (b.x + 0.4 * k - 0.6, 1.95))
    s.arrow(blocks[1], s.value(3.8, 3.9, "bank", 1.5), text=_v("p"))


def input_layer() -> None:
    """What enters the first block at a place: token, segment and position, added up and normalised: eq-input-bert."""
    s = sheet(7.4)
    middle = 4.75
    total = s.round(middle, 3.3, SUM)
    tables = (
        ("$i_t$", "$W$", "V", _v("w", "i_t")),
        ("$j_t$", "$S$", "2", _v("s", "j_t")),
        ("$t$", "$P$", "L", _v("p", "t")),
    )
    for k, (index, table, rows, row) in enumerate(tables):
        x = middle + 3.3 * (k - 1)
        looked_up = s.box(x, 1.75, table, 1.6)
        s.arrow(s.value(x, 0.5, index), looked_up)
        s.arrow(looked_up, total, *([] if x == middle else [(x, 3.3)]), text=row)
        s.label(x + 0.9, 1.75, rf"${rows} \times d$", "left", 11)
    norm, dropout = s.box(middle, 4.45, r"$\mathrm{LayerNorm}$", 2.4), s.round(middle, 5.6, r"$\mathrm{dropout}$", 2)
    for a, b in pairwise((total, norm, dropout, s.value(middle, 6.8, _v("x", "t")))):
        s.arrow(a, b)


def rnn() -> None:
    """A recurrent network, unrolled over a sentence: eq-rnn-concat."""
    s = sheet(4.3)
    state = s.value(0.45, 2.3, _v("h", "0"), 0.75)
    for t, word in enumerate("the cat sat on the mat".split(), 1):
        x = 0.2 + 1.55 * t
        f = s.box(x, 2.3, "$f$", 0.85)
        s.arrow(state, f)
        s.arrow(s.value(x, 1.1, _v("x", str(t)), 0.85), f)
        s.arrow(f, s.value(x, 3.6, _v("h", str(t)), 0.85))
        s.label(x, 0.4, word)
        state = f


def lstm_cell() -> None:
    """One step of an LSTM: eq-lstm-gates, eq-lstm-state."""
    s = sheet(6.3)
    s.frame(1.3, 0.95, 8.65, 6.1)
    f, i, g, o = (s.box(2.1 + 1.44 * k, 2.85, SIGMOID if k != 2 else TANH) for k in range(4))
    middle = (i.x + g.x) / 2
    x, h = s.value(middle, 0.4, _v("x", "t")), s.value(0.62, 1.8, _v("h", "t-1"), 1.1)
    for gate in (f, i, g, o):
        s.arrow(h, gate, (gate.x - 0.22, 1.8))
        s.arrow(x, gate, (middle, 1.3), (gate.x + 0.22, 1.3))
    forget, write, keep = s.round(f.x, 5.5, TIMES), s.round(middle, 4.2, TIMES), s.round(middle, 5.5, SUM)
    squash, show = s.round(7.8, 4.55, TANH, 1.2), s.round(7.8, 3.5, TIMES)
    s.arrow(s.value(0.62, 5.5, _v("c", "t-1"), 1.1), forget)
    s.arrow(f, forget, text=_v("f", "t"))
    s.arrow(i, write, (i.x, 4.2), text=_v("i", "t"), at=(i.x + 0.32, 3.55))
    s.arrow(g, write, (g.x, 4.2), text=_v("g", "t"), at=(g.x + 0.36, 3.55))
    s.arrow(forget, keep)
    s.arrow(write, keep)
    s.arrow(keep, s.value(9.4, 5.5, _v("c", "t")))
    s.arrow(keep, squash, (7.8, 5.5))
    s.arrow(squash, show)
    s.arrow(o, show, (o.x, 3.5), text=_v("o", "t"), at=(7.0, 3.85))
    s.arrow(show, s.value(9.4, 1.8, _v("h", "t")), (7.8, 1.8))


def gru_cell(*, reset_after: bool = False) -> None:
    """One step of a GRU: eq-gru, and the first line of eq-gru-reset, or with `reset_after` the second, PyTorch's."""
    gates = 3.9 if reset_after else 2.85  # how high they stand
    low, top = gates + (2.6 if reset_after else 1.6), gates + (3.9 if reset_after else 2.9)
    s = sheet(top + 0.8)
    s.frame(1.3, 0.95, 8.65, top + 0.6)
    x, h = s.value(5.2, 0.4, _v("x", "t")), s.value(0.62, top, _v("h", "t-1"), 1.1)
    z, r, reset = s.box(2.5, gates, SIGMOID), s.box(4.4, gates, SIGMOID), s.round(5.9, gates, TIMES)
    keep, write, total = s.round(2.5, top, TIMES), s.round(7.4, low, TIMES), s.round(7.4, top, SUM)
    down = (1.65, top), (1.65, 1.8)  # where the state leaves its straight way
    for gate in (z, r):
        s.arrow(h, gate, *down, (gate.x - 0.22, 1.8))
        s.arrow(x, gate, (5.2, 1.3), (gate.x + 0.22, 1.3))
    s.arrow(r, reset, text=_v("r", "t"))
    if reset_after:
        U, W = s.box(5.9, gates - 1.15, "$U_g$"), s.box(7.4, gates - 1.15, "$W_g$")
        inner, g = s.round(7.4, gates, SUM), s.round(7.4, gates + 1.1, TANH, 1.2)
        chain = [(U, reset), (W, inner), (reset, inner), (inner, g)]
    else:
        U, W = reset, s.box(7.4, gates, TANH)  # which meet the state and the word
        g, chain = W, [(reset, W)]
    s.arrow(h, U, *down, (5.9, 1.8))
    s.arrow(x, W, (5.2, 1.3), (7.4, 1.3))
    rest = s.round(4.9, low, r"$1 -$", 0.95)
    for a, b in (*chain, (h, keep), (rest, write), (keep, total), (write, total)):
        s.arrow(a, b)
    s.arrow(z, keep, text=_v("z", "t"), at=(2.9, (gates + low) / 2 + 0.1))
    s.arrow(z, rest, (2.5, low))
    s.arrow(g, write, text=_v("g", "t"))
    s.arrow(total, s.value(9.4, top, _v("h", "t")))


def bidirectional_encoder() -> None:
    """Two layers that read in both directions, and where their last states stand in `hidden`: eq-le-layers."""
    s = sheet(8)
    columns, words = (2.95, 5.0, 7.05), "dog bites man".split()
    states = [s.value(x, 1.0, _v("h", f"{t}{{,}}0"), 1.6) for t, x in enumerate(columns, 1)]
    for x, word in zip(columns, words, strict=True):
        s.label(x, 0.35, word)
    for layer, y in ((1, 2.1), (2, 5.3)):
        ahead = [s.box(x - 0.5, y, r"$\rightarrow$", 0.85) for x in columns]
        back = [s.box(x + 0.5, y + 1, r"$\leftarrow$", 0.85) for x in columns]
        joined = [s.value(x, y + 2.1, _v("h", f"{t}{{,}}{layer}"), 1.6) for t, x in enumerate(columns, 1)]
        for below, above, *cells in zip(states, joined, ahead, back, strict=True):
            for cell in cells:
                s.arrow(below, cell)
                s.arrow(cell, above)
        for line, x in ((ahead, 9.15), (back[::-1], 0.85)):
            last = s.value(x, line[0].y, f"hidden[{2 * layer - 2 + (line is not ahead)}]", 1.6)
            for a, b in zip(line, [*line[1:], last], strict=True):
                s.arrow(a, b)
        states = joined
    s.label(0.85, 7.4, "output")


def additive_attention() -> None:
    """Scores by a small network, weights, and the weighted mean of the keys: eq-att-bahdanau, eq-att-context.

    The letters are the book's own: the query q is what Bahdanau calls s, and a key k what he calls h.
    """
    s = sheet(10.3)
    columns = (3.4, 5.9, 8.4)
    q, W = s.value(1, 0.5, _v("q")), s.box(1, 1.65, "$W$")
    softmax, total = s.round(5.9, 6.2, SOFTMAX, 6.4), s.round(5.9, 8.75, SUM, 6.4)
    s.arrow(q, W)
    for j, x in enumerate(columns, 1):
        U, add = s.box(x, 1.65, "$U$"), s.round(x, 2.85, SUM)
        squash, v = s.round(x, 3.85, TANH, 1.3), s.box(x, 4.9, r"$\mathbf{v}_a^\top$")
        s.arrow(s.value(x, 0.5, _v("k", str(j))), U)
        s.arrow(W, add, (1, 2.25), (x - 0.8, 2.25), (x - 0.8, 2.85))
        for a, b in ((U, add), (add, squash), (squash, v)):
            s.arrow(a, b)
        s.arrow(v, softmax, text=f"$e_{j}$")
        weigh = s.round(x, 7.5, TIMES)
        s.arrow(softmax, weigh, text=rf"$\alpha_{j}$")
        s.arrow(s.value(x - 1.25, 7.5, _v("k", str(j)), 0.85), weigh)
        s.arrow(weigh, total)
    s.arrow(total, s.value(5.9, 9.85, _v("c")))


def scaled_dot_product_attention() -> None:
    """All scores at once, scaled, softmax by rows, and the mean of the values: eq-att-scaled, with eq-att-mask."""
    s = sheet(8.1)
    Q, K, V = (s.value(x, 0.5, letter) for x, letter in ((1.9, "$Q$"), (5.5, "$K$"), (8.2, "$V$")))
    scores, scale = s.round(3.7, 1.9, r"$QK^{\!\top}$", 1.6, 0.75), s.round(3.7, 3.2, r"$/\,\sqrt{d}$", 1.6, 0.75)
    softmax, mean = s.round(3.7, 4.5, SOFTMAX, 2), s.round(3.7, 5.8, r"$\cdot\ V$", 1.6)
    result = s.value(3.7, 7.3, r"$\mathrm{softmax}(QK^{\!\top}\!/\sqrt{d})\,V$", 4.4, 0.8)
    for matrix in (Q, K):
        s.arrow(matrix, scores, (matrix.x, 1.9))
    s.arrow(scores, scale, text=r"$R \times T$")
    s.arrow(scale, softmax)
    s.arrow(s.value(1.2, 4.5, "$m$"), softmax)
    s.arrow(softmax, mean, text=r"$R \times T$")
    s.arrow(V, mean, (8.2, 5.8))
    s.arrow(mean, result, text=r"$R \times d_v$")
    for node, shape in ((Q, r"$R \times d$"), (K, r"$T \times d$"), (V, r"$T \times d_v$")):
        s.label(node.x + 0.14, 1.25, shape, ha="left")


def multi_head_attention() -> None:
    """Heads side by side, of which the first and the last are drawn: eq-te-heads."""
    s = sheet(7.8)
    X, join = s.value(5, 0.5, "$X$"), s.round(5, 5.1, CONCAT, 8.6)
    for h, left in (("1", 1), ("H", 6.7)):
        attention = s.round(left + 1.15, 3.7, r"$\mathrm{attention}$", 3.3)
        for k, part in enumerate("QKV"):
            W = s.box(left + 1.15 * k, 2.2, f"$W^{part}_{h}$", 0.95, 0.85)
            s.arrow(X, W, (5, 1.3), (W.x, 1.3))
            s.arrow(W, attention, text=f"${part}_{h}$")
        s.arrow(attention, join, text=f"$A_{h}V_{h}$")
    s.label(5, 2.2, r"$\cdots$")
    s.label(5, 3.7, r"$\cdots$")
    mix = s.box(5, 6.2, "$W^O$", 1.2, 0.85)
    s.arrow(join, mix)
    s.arrow(mix, s.value(5, 7.3, "$Y$"))


def transformer_block() -> None:
    """One layer of a Transformer encoder, with the norm after the sum and before the part: eq-te-post, eq-te-pre."""
    s = sheet(10.9)
    for name, x, pre in (("post-norm", 2.9, False), ("pre-norm", 7.9, True)):
        s.label(x, 10.5, name, size=12)
        y, given = 0.5, s.value(x, 0.5, "$X$")
        for part, result in ((r"$\mathrm{Attention}$", "$X'$"), (r"$\mathrm{F}$", "$X''$")):
            steps = [NORM, part, SUM] if pre else [part, SUM, NORM]
            below = given
            for k, step in enumerate(steps):
                height = y + 1.3 + 1.07 * k
                node = s.round(x, height, SUM) if step == SUM else s.box(x, height, step, 2.2)
                s.arrow(below, node)
                if step == SUM:
                    s.arrow(given, node, (x, y + 0.62), (x - 1.9, y + 0.62), (x - 1.9, height))
                below = node
            y += 4.6
            given = s.value(x, y, result)
            s.arrow(below, given)


def lora() -> None:
    """A frozen layer, white as what is given, and beside it two thin matrices that learn: eq-ft-lora."""
    s = sheet(7.6)
    x, total, y = s.value(5, 0.5, _v("x")), s.round(5, 5.9, SUM), s.value(5, 7.1, _v("y"))
    W = s.value(2.6, 3.5, r"$W,\ \mathbf{b}$", 3, 2.6)
    A, B = s.box(7.6, 2.3, "$A$", 1, 0.75), s.box(7.6, 3.6, "$B$", 1, 0.75)
    scale = s.round(7.6, 4.8, r"$\alpha / r$", 1.5)
    s.arrow(x, W, (5, 1.3), (2.6, 1.3))
    s.arrow(x, A, (5, 1.3), (7.6, 1.3))
    s.arrow(A, B, text=r"$A\mathbf{x}$")
    s.arrow(B, scale)
    s.arrow(W, total, (2.6, 5.9))
    s.arrow(scale, total, (7.6, 5.9))
    s.arrow(total, y)


def encoder_decoder() -> None:
    """A network reads the source into a vector, from which another writes the target: eq-ed-encoder, eq-ed-decoder."""
    s = sheet(7.3)
    state = None
    for t, word in enumerate("the cat sat on the mat".split()):
        f = s.box(0.6 + 1.4 * t, 1.5, "$f$", 0.8)
        s.arrow(s.value(f.x, 0.45, word), f)
        if state:
            s.arrow(state, f, text=_v("h", str(t)))
        state = f
    v = s.value(9.3, 1.5, _v("v"))
    s.arrow(f, v, text=_v("h", "6"))
    target, state = "le chat était assis sur le tapis <eos>".split(), None
    for u, (given, wanted) in enumerate(zip(["<bos>", *target], target, strict=False)):
        g = s.box(0.85 + 1.19 * u, 4.3, "$g$", 0.8)
        s.arrow(s.value(g.x, 3.25, given, 1.12), g)
        if state:
            s.arrow(state, g)
        else:
            s.arrow(v, g, (9.3, 2.35), (0.15, 2.35), (0.15, 4.3), text=_v("s", "0"), at=(9.68, 2.1))
        W = s.box(g.x, 5.5, "$W_o$", 0.85)
        s.arrow(g, W, text=_v("s", str(u + 1)))
        s.arrow(W, s.value(g.x, 6.6, wanted, 1.12))
        state = g


def bi_encoder() -> None:
    """One encoder reads questions and passages; the first question's loss asks for its own passage: eq-qa-infonce."""
    s = sheet(7.2)
    softmax = s.round(6.3, 5.0, SOFTMAX, 6.4)
    question = s.box(1.1, 1.8, "$E$", 1.2)
    s.arrow(s.value(1.1, 0.5, "question 1", 1.9), question)
    for j, x in enumerate((3.9, 6.3, 8.7), 1):
        passage = s.box(x, 1.8, "$E$", 1.2)
        near = s.round(x, 3.6, r"$\cos\,/\,\tau$", 1.6, 0.75)
        s.arrow(s.value(x, 0.5, f"passage {j}", 1.9), passage)
        s.arrow(passage, near, text=_v("k", str(j)))
        corners = (1.1, 2.95), (x - 1.1, 2.95), (x - 1.1, 3.6)
        if j == 1:
            s.arrow(question, near, *corners, text=_v("q", "1"), at=(0.7, 2.65))
        else:
            s.arrow(question, near, *corners)
        s.arrow(near, softmax, text=f"$s_{{1{j}}}$")
    s.arrow(softmax, s.value(6.3, 6.5, r"$-\ln\, p_{11}$", 2.2))


def two_towers() -> None:
    """An eye and a reader; the loss of the first pair, whose picture and whose name each have a rival: eq-xm-clip."""
    s = sheet(7.2)
    row, column = s.round(3.5, 5.0, SOFTMAX, 2.6), s.round(6.5, 5.0, SOFTMAX, 2.6)
    ends = [(1.1, "name 2", "$R$", "v", "2"), (3.7, "picture 1", "$E$", "u", "1")]
    ends += [(6.3, "name 1", "$R$", "v", "1"), (8.9, "picture 2", "$E$", "u", "2")]
    encoders = []
    for x, given, letter, vector, number in ends:
        encoders.append((s.box(x, 1.8, letter, 1.2), x, _v(vector, number)))
        s.arrow(s.value(x, 0.5, given, 1.9), encoders[-1][0])
    for left, right, x, score in ((0, 1, 2.4, "12"), (1, 2, 5.0, "11"), (2, 3, 7.6, "21")):
        near = s.round(x, 3.6, r"$a\,\cos$", 1.6, 0.75)
        for which, side in ((left, -0.35), (right, 0.35)):
            encoder, start, vector = encoders[which]
            named = vector if which == left or which == 3 else ""  # once each
            s.arrow(encoder, near, (start, 2.7), (x + side, 2.7), text=named, at=(start + 0.35, 2.42))
        for softmax in (row, column):
            if abs(softmax.x - x) < 2:
                s.arrow(near, softmax, text=f"$s_{{{score}}}$" if score != "11" or softmax is row else "")
    s.arrow(row, s.value(3.5, 6.5, r"$-\ln\, p_{11}$", 2.2))
    s.arrow(column, s.value(6.5, 6.5, r"$-\ln\, q_{11}$", 2.2))


def luong_decoder() -> None:
    """One step of a decoder that looks at what was read, then guesses: eq-tr-attention, eq-tr-guess."""
    s = sheet(9.7)
    state = s.value(0.9, 0.5, _v("s", "u"))
    softmax, total = s.round(6.4, 4.15, SOFTMAX, 5.6), s.round(6.4, 6.6, SUM, 5.6)
    for j, x in enumerate((4.3, 6.4, 8.5), 1):
        U, product = s.box(x, 1.65, "$U$"), s.round(x, 2.9, r"$\cdot$")
        s.arrow(s.value(x, 0.5, _v("h", str(j))), U)
        s.arrow(U, product)
        s.arrow(state, product, (0.9, 2.28), (x - 0.75, 2.28), (x - 0.75, 2.9))
        s.arrow(product, softmax, text=f"$e_{{u{j}}}$")
        weigh = s.round(x, 5.4, TIMES)
        s.arrow(softmax, weigh, text=rf"$\alpha_{{u{j}}}$")
        s.arrow(s.value(x - 1.1, 5.4, _v("h", str(j)), 0.75), weigh)
        s.arrow(weigh, total)
    both, W = s.round(2.6, 7.85, CONCAT, 2.4), s.box(4.5, 7.85, "$W_c$")
    s.arrow(state, both, (0.9, 7.85))
    s.arrow(total, both, (2.6, 6.6), text=_v("c", "u"))
    squash, guess = s.round(5.9, 7.85, TANH, 1.1), s.box(7.2, 7.85, "$W_o$")
    last = s.round(8.95, 7.85, SOFTMAX, 1.75)
    for a, b in ((both, W), (W, squash), (squash, guess), (guess, last)):
        s.arrow(a, b)
    s.arrow(last, s.value(8.95, 9.1, _v("p", "u")))


def pointer() -> None:
    """A word is written, or pointed at in the source: eq-sum-scores, eq-sum-switch, eq-sum-pointer."""
    s = sheet(10.4)
    state, word, top, high = s.value(1.4, 0.5, _v("s")), s.value(3.2, 0.5, _v("x")), 7.4, 8.6
    attend, c = s.box(7.25, 1.8, r"$\mathrm{attention}$", 4.2), s.value(5.65, 3.1, _v("c"), 0.9)
    for j, x in enumerate((5.65, 7.25, 8.85), 1):
        s.arrow(s.value(x, 0.5, _v("h", str(j)), 0.9), attend)
    turn = (1.4, 1.8), (4.1, 1.8)  # where the state leaves its straight way
    scores, squash = s.box(1.4, 3.1, "$W_c$"), s.round(1.4, 4.15, TANH, 1.3)
    write, softmax, written = s.box(1.4, 5.2, "$W_o$"), s.round(1.4, 6.3, SOFTMAX, 2), s.round(1.4, top, TIMES)
    gate, switch, rest = (
        s.box(4.1, 4.6, r"$\mathbf{w}_g^\top$"),
        s.round(4.1, 5.8, SIGMOID),
        s.round(5.9, 5.8, "$1 -$", 0.95),
    )
    gather, copied = s.round(8.3, 4.6, r"$\sum_{j:\,w_j = w}$", 2.3, 1.2), s.round(8.3, top, TIMES)
    total = s.round(4.85, high, SUM)
    s.arrow(state, attend, *turn[:1], (5, 1.8))
    s.arrow(state, gate, *turn)
    s.arrow(state, scores)
    s.arrow(attend, c)
    s.arrow(c, scores)
    s.arrow(c, gate, (5.65, 4.6))
    s.arrow(word, gate, (3.2, 4.6))
    s.arrow(attend, gather, text=r"$\alpha_j$")
    for a, b in (
        (scores, squash),
        (squash, write),
        (softmax, written),
        (gate, switch),
        (switch, rest),
        (gather, copied),
    ):
        s.arrow(a, b)
    s.arrow(write, softmax, text=_v("z"))
    s.arrow(switch, written, (4.1, top), text=r"$p_\mathrm{gen}$", at=(3.2, top + 0.35))
    s.arrow(rest, copied, (5.9, top))
    s.arrow(written, total, (1.4, high))
    s.arrow(copied, total, (8.3, high))
    s.arrow(total, s.value(4.85, 9.8, "$p(w)$", 1.3))
