// The two units of the LSTM chapter that were set by hand, over a text of the reader's, with a forget bias to turn.
{
  const { h, hidden, matrices, show, signed, lstm, models } = live;
  const COLUMNS = [["i", "input gate"], ["f", "forget gate"], ["g", "proposal"], ["c", "cell"]]; // of unit 0

  /** [{ i, f, g, c }, …] of unit 0, a row for each word, when the forget bias is `bias`. */
  function read(weights, words, known, bias) {
    const b = Float64Array.from(weights.bias[0]), zero = new Float64Array(b.length);
    b[2] = b[3] = bias; // gates i, f, g, o, two units each
    let state = [0, 0], cell = [0, 0];
    return words.map((word) => {
      const x = known.map((other) => Number(other === word));
      const step = lstm({ W: weights.W, U: weights.U, b, v: zero }, x, state, cell);
      ({ state, cell } = step);
      return { i: step.gates.i[0], f: step.gates.f[0], g: step.gates.g[0], c: cell[0] };
    });
  }

  show("fig-lstm-clerk", "Try it: open and shut the forget gate", (box, data, name) => {
    const weights = matrices(data), known = data.words;
    models["fig-lstm-clerk"] = (words, bias) => read(weights, words, known, bias); // for the tests
    const text = h("input", {
      id: `${name}-text`, type: "text", value: data.text, maxlength: 200, spellcheck: "false", autocomplete: "off",
      autocapitalize: "none", "aria-describedby": `${name}-hint`, oninput: draw,
    });
    const bias = h("input", { id: `${name}-bias`, type: "range", min: -4, max: 10, step: 0.5, value: 10, oninput: draw });
    const says = h("p", { class: "live-says", role: "status" });
    const body = h("tbody");
    const table = h("table", { class: "live-gates" },
      h("caption", { class: "visually-hidden" }, "Unit 0's gates and cell, word by word"),
      h("thead", {}, h("tr", {}, h("td"), ...COLUMNS.map(([letter, called]) => h("th", { scope: "col" }, letter, h("sub", {}, "0"), hidden(` ${called}`))))), body);
    box.append(
      h("label", { for: text.id }, "The text"), text,
      h("p", { class: "live-note", id: `${name}-hint` }, `Words that the units know: ${known.join(" ")}`),
      h("div", { class: "live-row" }, h("label", { for: bias.id }, "Forget bias b"), bias),
      says, table,
      h("p", { class: "live-note" }, "A row for each word. The longer a bar, the further the number from 0; bars to the left are negative."),
    );

    function draw() {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean), strange = words.filter((w) => !known.includes(w));
      const kept = words.filter((w) => known.includes(w)), rows = read(weights, kept, known, bias.valueAsNumber);
      body.replaceChildren(...rows.map((row, t) => h("tr", {}, h("th", { scope: "row" }, kept[t]),
        ...COLUMNS.map(([letter]) => {
          const x = row[letter], share = Math.min(1, Math.abs(x)) * 50;
          return h("td", {}, h("i", { style: `width: ${share}%; ${x < 0 ? "right" : "left"}: 50%` }), h("span", {}, signed(x)));
        }))));
      const verbs = kept.map((w, t) => [w, t]).filter(([w, t]) => (w === "was" || w === "were") && t > 0);
      const told = verbs.map(([w, t]) => `before “${w}” c is ${signed(rows[t - 1].c)}`).join(", ");
      const open = 1 / (1 + Math.exp(-bias.valueAsNumber));
      says.textContent = `b = ${bias.value.replace("-", "−")}: away from a full stop the forget gate is ${open.toFixed(2)}; ${told || "there is no verb to ask at"}.` +
        (strange.length ? ` Not read: ${strange.join(" ")}.` : "");
      bias.setAttribute("aria-valuetext", `b = ${bias.value.replace("-", "−")}`);
    }
    draw();
  });
}
