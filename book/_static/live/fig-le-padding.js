// A sentence through an LSTM encoder with random weights, with as many pads after it as the reader likes.
{
  const { h, s, pair, matrices, show, cosine, lstm, models } = live;

  /** The last state after the words and `pads` pads; with `masked`, pads are not read. */
  function encode(weights, ids, pads, masked, zeros) {
    const size = weights.U[0].length, all = masked ? ids : [...ids, ...Array(pads).fill(0)];
    const parts = { W: weights.W, U: weights.U, b: weights.b[0], v: weights.v[0] };
    let state = Array(size).fill(0), cell = state;
    for (const id of all) {
      const row = id === 0 && zeros ? weights.table[0].map(() => 0) : weights.table[id];
      ({ state, cell } = lstm(parts, row, state, cell));
    }
    return state;
  }

  show("fig-le-padding", "Try it: fill up the batch", (box, data, name) => {
    const weights = matrices(data), [cat, dog] = data.sentences;
    models["fig-le-padding"] = (...given) => encode(weights, ...given); // for the tests
    const pads = h("input", { id: `${name}-pads`, type: "range", min: 0, max: 31, value: 3, oninput: draw });
    const masked = h("input", { id: `${name}-masked`, type: "checkbox", onchange: draw });
    const zeros = h("input", { id: `${name}-zeros`, type: "checkbox", onchange: draw });
    const line = h("p", { class: "live-tokens-line" }), says = h("p", { class: "live-says", role: "status" });
    const bars = s("svg", { viewBox: "0 0 320 84", class: "live-drawing", "aria-hidden": "true" });
    box.append(
      h("div", { class: "live-row" }, h("label", { for: pads.id }, "Pads"), pads),
      h("div", { class: "live-row" }, pair(masked, h("label", { for: masked.id }, "tell the encoder the lengths")),
        pair(zeros, h("label", { for: zeros.id }, "give <pad> a row of zeros"))),
      line, bars, says,
      h("p", { class: "live-note" },
        "The 32 numbers of the sentence's vector: outlined without pads, filled with them. The weights are random, of one encoder of the twenty in the figure."),
    );
    const truth = encode(weights, cat.ids, 0, true, false);

    function draw() {
      const k = pads.valueAsNumber, given = [k, masked.checked, zeros.checked];
      const now = encode(weights, cat.ids, ...given), other = encode(weights, dog.ids, ...given);
      const bar = (x, i, kind) => s("rect", { x: 2 + 9.9 * i, width: 7, y: 42 - Math.max(0, 85 * x), height: Math.max(0.5, Math.abs(85 * x)), class: kind });
      bars.replaceChildren(...now.map((x, i) => bar(x, i, "live-bar")), ...truth.map((x, i) => bar(x, i, "live-outline")));
      line.replaceChildren(`${cat.text} `, ...(k ? [h("b", {}, k > 3 ? `<pad> × ${k}` : Array(k).fill("<pad>").join(" "))] : []));
      says.textContent = `Cosine with itself ${cosine(now, truth).toFixed(2)}; with “${dog.text}”, padded alike, ${cosine(now, other).toFixed(2)}.`;
      pads.setAttribute("aria-valuetext", `${k} ${k === 1 ? "pad" : "pads"}`);
    }
    draw();
  });
}
