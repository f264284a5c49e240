// The tokens chapter's BytePairEncoder at work on the reader's text, with as many merges as the reader likes.
{
  const { h, hidden, bytes, show, models } = live;

  // GPT-2's rule, as in scratch.byte_pairs. White space is Unicode's: JavaScript's own \s has U+FEFF and lacks U+0085.
  const S = "\\p{White_Space}";
  const PIECES = new RegExp(
    `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${S}\\p{L}\\p{N}]+|${S}+(?![^${S}])|${S}+`, "gu");

  /** The ids of one piece: of all merges that are possible the earliest, everywhere, until none is. */
  function merge(piece, merged) {
    let ids = [...new TextEncoder().encode(piece)];
    for (;;) {
      let first = Infinity;
      for (let i = 1; i < ids.length; i++) first = Math.min(first, merged.get(ids[i - 1] * 65536 + ids[i]) ?? Infinity);
      if (first === Infinity) return ids;
      const out = [];
      for (let i = 0; i < ids.length; i++) {
        const hit = i + 1 < ids.length && merged.get(ids[i] * 65536 + ids[i + 1]) === first;
        out.push(hit ? first : ids[i]);
        if (hit) i++;
      }
      ids = out;
    }
  }

  /** What a token looks like by itself: blanks and other invisible characters get a sign, parts of a character a �. */
  function visible(token) {
    const named = { " ": "␣", "\n": "↵", "\t": "⇥" };
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(token))
      .replace(/[\p{C}\p{Z}]/gu, (c) => named[c] ?? `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`)
      .replace(/^\p{M}/u, "◌$&"); // an accent needs something to stand on
  }

  show("fig-tokens-length", "Try it: turn the dial, and type your own text", (box, data, name) => {
    const pairs = new Uint16Array(bytes(data.base64).buffer), total = pairs.length / 2;
    const tokens = Array.from({ length: 256 }, (_, i) => [i]);
    for (let k = 0; k < total; k++) tokens.push([...tokens[pairs[2 * k]], ...tokens[pairs[2 * k + 1]]]);
    const first = (n) => new Map(Array.from({ length: n }, (_, k) => [pairs[2 * k] * 65536 + pairs[2 * k + 1], 256 + k]));
    const encode = (text, merged) => (text.match(PIECES) ?? []).map((piece) => merge(piece, merged));
    models["fig-tokens-length"] = (text, n = total) => encode(text, first(n)).flat(); // for the tests
    const NUMBER = new Intl.NumberFormat("en");

    const text = h("textarea", {
      id: `${name}-text`, rows: 2, maxlength: 300, spellcheck: "false", autocomplete: "off", autocapitalize: "none", oninput: draw,
    }, "the government isn't naïve: 12 猫 🐈");
    const dial = h("input", { id: `${name}-merges`, type: "range", min: 0, max: total, value: total, oninput: draw });
    const says = h("p", { class: "live-says" }); // no <output>: that would be read aloud at every step, beside the dial
    const list = h("ol", { class: "live-tokens", "aria-label": "Tokens" });
    const result = h("p", { role: "status" });
    box.append(
      h("label", { for: text.id }, "Your text"), text,
      h("div", { class: "live-row" }, h("label", { for: dial.id }, "Merges"), dial), says, result, list,
      h("p", { class: "live-note" },
        "Each box is a token: what it looks like, its bytes, its id. A wider gap parts the pieces that no merge reaches " +
        "across. ␣ is the space, and � a part of a character. The merges are the first 2,000 of those learnt from the " +
        "speeches, which are in small letters."),
    );

    let later = 0;
    function draw() {
      const n = dial.valueAsNumber, pieces = encode(text.value, first(n)), ids = pieces.flat();
      const [a, b] = [pairs[2 * n - 2], pairs[2 * n - 1]];
      says.textContent = n
        ? `${NUMBER.format(n)} of ${NUMBER.format(total)}; the last makes “${visible(tokens[255 + n])}” of “${visible(tokens[a])}” and “${visible(tokens[b])}”.`
        : "None: every byte is a token.";
      dial.setAttribute("aria-valuetext", says.textContent);
      list.replaceChildren(...pieces.flatMap((piece) => piece.map((id, i) =>
        h("li", { class: i + 1 < piece.length ? undefined : "last" },
          h("bdi", { class: "piece" }, visible(tokens[id])),
          h("span", {}, hidden(tokens[id].length > 1 ? "bytes " : "byte "), tokens[id].join(" ")),
          h("span", { class: "id" }, hidden("id "), id)))));
      list.hidden = !ids.length;
      const count = (k, one) => `${NUMBER.format(k)} ${one}${k === 1 ? "" : "s"}`;
      const line = [[[...text.value].length, "character"], [pieces.flat().reduce((k, id) => k + tokens[id].length, 0), "byte"],
        [pieces.length, "piece"], [ids.length, "token"]].map(([k, one]) => count(k, one)).join(", ") + ".";
      clearTimeout(later); // a status is read aloud: only when the reader has stopped, and never the same twice
      later = setTimeout(() => result.textContent !== line && (result.textContent = line), later ? 400 : 0);
    }
    draw();
  });
}
