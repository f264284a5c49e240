// Pictures to try out. live/fig-….js belongs to the figure of that name; book_pages.py adds it, and this file, to the
// page that has it. Classic scripts with their data inside: a page opened from the disk may load nothing else. Without
// JavaScript, in print and on Colab there is the stored figure alone, which therefore always stays.
window.live = (() => {
  "use strict";
  const stored = {}; // a figure's data, from live/fig-….data.js

  /** An element: h("p", { class: "note" }, "text", child, …). A property that begins with "on" is a listener. */
  function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children); // text stays text: nothing that a reader types is read as HTML
    return element;
  }

  /** The same in a drawing: s("rect", { x: 1 }). */
  function s(tag, properties = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) if (value !== undefined) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const times = (rows, x) => rows.map((row) => dot(row, x)); // a matrix and a vector
  const add = (...vectors) => vectors[0].map((_, i) => vectors.reduce((sum, v) => sum + v[i], 0));
  const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  function softmax(scores) {
    const top = Math.max(...scores), powers = scores.map((x) => Math.exp(x - top));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
  }

  /** One step of an LSTM with PyTorch's weights, gates i, f, g, o: { gates, state, cell }. */
  function lstm({ W, U, b, v }, x, state, cell) {
    const all = add(times(W, x), times(U, state), b, v), n = state.length;
    const gate = (k, f) => Array.from(all.slice(k * n, (k + 1) * n), f);
    const [i, f, g, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, Math.tanh), gate(3, sigmoid)];
    const next = f.map((keep, j) => keep * cell[j] + i[j] * g[j]);
    return { gates: { i, f, g, o }, state: next.map((c, j) => o[j] * Math.tanh(c)), cell: next };
  }

  /** A number with its sign, a real minus; zero is +0.00. */
  const signed = (x, digits = 2) => {
    const size = Math.abs(x).toFixed(digits);
    return (x < 0 && Number(size) ? "−" : "+") + size;
  };

  /** A control and its label, which stay together where a line is full. */
  const pair = (...parts) => h("span", { class: "live-pair" }, ...parts);

  const hidden = (text) => h("span", { class: "visually-hidden" }, text);

  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

  /** The number that 16 bits stand for (older browsers have no Float16Array). */
  function float16(bits) {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15); // no weight is infinite
  }

  /** { name: [row, …] } as live.py packed them; each row a Float64Array, for JavaScript computes in 64 bits anyway. */
  function matrices({ kind, shapes, base64 }) {
    const buffer = bytes(base64).buffer, out = {};
    let at = 0;
    const take = (Kind, n) => {
      const part = new Kind(buffer.slice(at, at + n * Kind.BYTES_PER_ELEMENT));
      at += part.byteLength;
      return part;
    };
    for (const [name, rows, columns] of shapes) {
      const scales = kind === "int8" ? take(Float32Array, rows) : null;
      out[name] = Array.from({ length: rows }, (_, i) => {
        if (kind === "float16") return Float64Array.from(take(Uint16Array, columns), float16);
        if (kind === "int8") return Float64Array.from(take(Int8Array, columns), (q) => q * scales[i]);
        return Float64Array.from(take(Float32Array, columns));
      });
    }
    return out;
  }

  /** Show what `build(box)` puts into a box below the figure; if it fails, the page is as without JavaScript. */
  function show(id, title, build) {
    const figure = document.getElementById(id);
    if (!figure) return;
    const name = `${id}-live`;
    const box = h("section", { class: "live", id: name, "aria-labelledby": `${name}-title` });
    box.append(h("p", { class: "live-title", id: `${name}-title` }, title));
    build(box, stored[id], name);
    (figure.closest(".cell") ?? figure).after(box);
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");

  return {
    data: (id, fields) => (stored[id] = fields), stored, h, s, hidden, bytes, matrices, show, still, signed, pair,
    dot, times, add, cosine, sigmoid, softmax, lstm,
    models: {}, // what each picture computes, for the tests
  };
})();
