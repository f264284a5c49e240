// The positional table's hands at any place, and how alike two places look, with and without a rotation.
{
  const { h, s, dot, softmax, show, models } = live;
  const FAR = 40; // offsets shown on either side

  /** The encoding of place t: sine and cosine of each of the d / 2 hands, in turns. */
  const encoding = (t, d) => Array.from({ length: d }, (_, j) => {
    const angle = t / 10000 ** ((2 * Math.floor(j / 2)) / d);
    return j % 2 ? Math.cos(angle) : Math.sin(angle);
  });

  /** Scores of a query at place t whose hands are turned back by `back` places, for keys at t − FAR to t + FAR. */
  const scores = (t, d, back) => {
    const query = encoding(t - back, d); // turning back by `back` places is standing there
    return Array.from({ length: 2 * FAR + 1 }, (_, i) => dot(query, encoding(t + i - FAR, d)));
  };

  models["fig-pe-dot"] = { encoding, scores };

  show("fig-pe-dot", "Try it: turn the hands", (box, data, name) => {
    const range = (id, label, properties) => {
      const input = h("input", { id: `${name}-${id}`, type: "range", ...properties, oninput: draw });
      box.append(h("div", { class: "live-row" }, h("label", { for: input.id }, label), input));
      return input;
    };
    const width = h("select", { id: `${name}-width`, onchange: draw },
      ...[16, 32, 64, 128].map((d) => h("option", d === 64 ? { selected: "" } : {}, d)));
    box.append(h("div", { class: "live-row" }, h("label", { for: width.id }, "Width d"), width));
    const place = range("place", "Place t", { min: 0, max: 300, value: 37 });
    const back = range("back", "Turned back by", { min: 0, max: 12, value: 3 });
    const hands = s("svg", { viewBox: "0 0 320 44", class: "live-drawing", "aria-hidden": "true" });
    const curve = s("svg", { viewBox: "0 0 320 130", class: "live-drawing", "aria-hidden": "true" });
    const says = h("p", { class: "live-says", role: "status" });
    box.append(hands, curve, says, h("p", { class: "live-note" },
      "Above, eight of the hands, from the quickest to the slowest. Below, a bar for each key, up to 40 places to the " +
      "left and right of the query: its score. The bar that stands out is the largest."));

    function draw() {
      const d = Number(width.value), t = place.valueAsNumber, r = back.valueAsNumber, p = encoding(t, d);
      hands.replaceChildren(...Array.from({ length: 8 }, (_, k) => {
        const i = Math.round((k * (d / 2 - 1)) / 7), x = 20 + 40 * k; // hand i: (sine, cosine), zero at the top
        return s("g", {}, s("circle", { cx: x, cy: 22, r: 17, class: "live-line" }),
          s("line", { x1: x, y1: 22, x2: x + 15 * p[2 * i], y2: 22 - 15 * p[2 * i + 1], class: "live-hand" }));
      }));
      const all = scores(t, d, r), top = Math.max(...all), best = all.indexOf(top), zero = 100, unit = 90 / (d / 2);
      curve.replaceChildren(
        s("line", { x1: 0, x2: 320, y1: zero, y2: zero, class: "live-line" }),
        ...all.map((score, i) => s("rect", {
          x: 4 + 3.85 * i, width: 2.6, y: zero - Math.max(0, unit * score), height: Math.abs(unit * score),
          class: i === best ? "live-best" : "live-bar",
        })),
        ...[-40, -20, 0, 20, 40].map((k) => s("text", {
          x: 5.3 + 3.85 * (k + FAR), y: 127, "text-anchor": k === -FAR ? "start" : k === FAR ? "end" : "middle" }, String(k).replace("-", "−"))),
      );
      const share = softmax(all.map((score) => score / Math.sqrt(d)))[best], offset = best - FAR;
      const where = offset ? `${Math.abs(offset)} place${Math.abs(offset) > 1 ? "s" : ""} ${offset < 0 ? "before" : "after"}` : "at the query itself";
      says.textContent = `Place ${t}, turned back by ${r}: the largest score, ${top.toFixed(1)}, lies ${where}; of the softmax's weight it gets ${share.toFixed(3)} among these 81 keys.`;
      place.setAttribute("aria-valuetext", `place ${t}`);
      back.setAttribute("aria-valuetext", `${r} places`);
    }
    draw();
  });
}
