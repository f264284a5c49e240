// Ten weights of a softmax, for random queries and keys of any width, with and without the scale.
{
  const { h, s, pair, times, softmax, show, models } = live;
  const KEYS = 10, LARGEST = 1024;

  /** The softmax's weights, and the size of the gradient at the query: all rows scale · α_j (k_j − Σ α k) together. */
  function arrives(query, keys, scale) {
    const weights = softmax(times(keys, query).map((x) => scale * x));
    const middle = query.map((_, i) => keys.reduce((sum, key, j) => sum + weights[j] * key[i], 0));
    const parts = keys.map((key, j) => key.reduce((sum, x, i) => sum + (scale * weights[j] * (x - middle[i])) ** 2, 0));
    return { weights, gradient: Math.sqrt(parts.reduce((a, b) => a + b)) };
  }

  models["fig-att-saturation"] = arrives;

  /** Numbers from a normal distribution, the same for the same seed (mulberry32 and Box–Muller). */
  function normal(seed) {
    let a = seed;
    const uniform = () => {
      a = (a + 0x6d2b79f5) | 0;
      let t = Math.imul(a ^ (a >>> 15), 1 | a);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  show("fig-att-saturation", "Try it: widen the vectors", (box, data, name) => {
    let seed = 1, rows = [];
    const width = h("input", { id: `${name}-width`, type: "range", min: 2, max: 10, value: 6, oninput: draw });
    const scaled = h("input", { id: `${name}-scaled`, type: "checkbox", onchange: draw });
    const bars = s("svg", { viewBox: "0 0 320 120", class: "live-drawing", "aria-hidden": "true" });
    const says = h("p", { class: "live-says", role: "status" });
    box.append(
      h("div", { class: "live-row" }, h("label", { for: width.id }, "Width d"), width),
      h("div", { class: "live-row" }, pair(scaled, h("label", { for: scaled.id }, "divide the scores by √d")),
        h("button", { type: "button", onclick: () => (seed++, sample(), draw()) }, "Another query")),
      bars, says,
      h("p", { class: "live-note" }, "A bar for each of ten keys: its weight. Queries and keys are random, with variance 1, as in the table above."),
    );

    function sample() {
      const next = normal(seed);
      rows = Array.from({ length: KEYS + 1 }, () => Array.from({ length: LARGEST }, next));
    }

    function draw() {
      const d = 2 ** width.valueAsNumber, scale = scaled.checked ? d ** -0.5 : 1;
      const [query, ...keys] = rows.map((row) => row.slice(0, d));
      const { weights, gradient } = arrives(query, keys, scale), top = Math.max(...weights);
      bars.replaceChildren(
        s("line", { x1: 0, x2: 320, y1: 110, y2: 110, class: "live-line" }),
        ...weights.map((weight, j) => s("rect", {
          x: 8 + 31 * j, width: 22, y: 110 - 104 * weight, height: 104 * weight, class: weight === top ? "live-best" : "live-bar",
        })),
      );
      says.textContent = `d = ${d}: the largest of the ten weights is ${top.toFixed(2)}, and the gradient at the query has size ${gradient.toPrecision(2)}.`;
      width.setAttribute("aria-valuetext", String(d));
    }
    sample();
    draw();
  });
}
