// BLEU of what the reader types, run by run: scratch.metrics.bleu of the tokens of scratch.translate.split.
{
  const { h, hidden, zh, show, models } = live;
  const PAIRS = [ // reference, and what stands in the field at first
    ["the door of the garage is open", "the garage door is open"],
    ["未找到设备", "未找到这个设备"],
  ];

  // As Python's: a word has letters, digits and _, but no Chinese character; those, and signs, are tokens of their own.
  const WORD = "(?:(?![\\u3400-\\u9fff])[\\p{L}\\p{N}_])+";
  const TOKENS = new RegExp(`${WORD}(?:[-.'’/_]${WORD})*|[^\\p{White_Space}\\x1c-\\x1f]`, "gu");
  const split = (text) => text.match(TOKENS) ?? [];

  /** Four rows { runs: [{ tokens, hit }, …], hits, total, precision }, the penalty, and BLEU. */
  function bleu(ours, theirs) {
    const runs = (tokens, n) => tokens.slice(n - 1).map((_, i) => tokens.slice(i, i + n));
    let zeros = 0;
    const rows = [1, 2, 3, 4].map((n) => {
      const left = new Map();
      for (const run of runs(theirs, n)) left.set(run.join(" "), (left.get(run.join(" ")) ?? 0) + 1);
      const found = runs(ours, n).map((tokens) => { // none counts more often than it stands in the reference
        const key = tokens.join(" "), k = left.get(key) ?? 0;
        left.set(key, k - 1);
        return { tokens, hit: k > 0 };
      });
      const hits = found.filter(({ hit }) => hit).length, total = found.length;
      return { runs: found, hits, total, precision: (hits || 0.5 ** ++zeros) / total };
    });
    const penalty = Math.min(1, Math.exp(1 - theirs.length / ours.length));
    const some = rows[0].hits && rows[3].total;
    const mean = rows.reduce((sum, { precision }) => sum + Math.log(precision), 0) / 4;
    return { rows, penalty, bleu: some ? 100 * penalty * Math.exp(mean) : 0 };
  }

  models["fig-tr-bleu"] = (ours, theirs) => ({ tokens: split(ours), ...bleu(split(ours), split(theirs)) }); // for the tests

  show("fig-tr-bleu", "Try it: BLEU as you type", (box, data, name) => {
    const choice = h("select", { id: `${name}-reference`, onchange: () => ((text.value = PAIRS[choice.value][1]), draw()) },
      ...PAIRS.map(([reference], i) => h("option", { value: i, lang: i ? "zh-Hans" : undefined }, reference)));
    const text = h("input", {
      id: `${name}-text`, type: "text", value: PAIRS[0][1], maxlength: 100, spellcheck: "false", autocomplete: "off",
      autocapitalize: "none", oninput: draw,
    });
    const body = h("div"), says = h("p", { class: "live-says" }), result = h("p", { role: "status" });
    box.append(
      h("div", { class: "live-row" }, h("label", { for: choice.id }, "Reference"), choice),
      h("label", { for: text.id }, "The translation"), text, says, result, body,
      h("p", { class: "live-note" },
        "Ticked, in a full frame: the reference has the run, too, and as often. Words, signs and Chinese characters are " +
        "tokens. Change a word, the order, the length; write the reference itself, or a good sentence of your own."),
    );

    let later = 0;
    function draw() {
      const theirs = split(PAIRS[choice.value][0]), ours = split(text.value), { rows, penalty, bleu: score } = bleu(ours, theirs);
      const chinese = choice.value === "1", shown = (tokens) => (chinese ? zh(tokens.join("")) : tokens.join(" "));
      text.lang = chinese ? "zh-Hans" : "en";
      body.replaceChildren(...rows.flatMap(({ runs, hits, total, precision }, i) => [
        h("p", { class: "live-runs" }, h("b", {}, `n = ${i + 1}: `), total
          ? `${hits} of ${total} in the reference` + (hits ? "" : `, counted as 1/${Math.round(1 / precision / total)}`) + `; precision ${precision.toFixed(3)}`
          : "no run is so long"),
        h("ol", { class: "live-tokens", "aria-label": `Runs of length ${i + 1}` }, ...runs.map(({ tokens, hit }) =>
          h("li", { class: hit ? "hit" : "miss" }, h("span", { class: "piece" }, shown(tokens)),
            h("span", { "aria-hidden": "true" }, hit ? "✓" : "✗"), hidden(hit ? "found" : "not found")))),
      ]));
      const shares = rows.map(({ precision }) => precision.toFixed(3)).join(" · ");
      says.replaceChildren(`${ours.length} tokens, where the reference has ${theirs.length}: brevity penalty ` +
        (ours.length && penalty < 1 ? `exp(1 − ${theirs.length}/${ours.length}) = ` : "") + `${penalty.toFixed(3)}.`,
        ...(score ? [` 100 · ${penalty.toFixed(3)} · (${shares})`, h("sup", {}, "1/4"), " ="] : []));
      const why = score ? "" : !rows[3].total ? ": there is no run of four" : ": no token is found";
      const line = `BLEU ${score.toFixed(1)}${why}`;
      clearTimeout(later); // a status is read aloud: only when the reader has stopped, and never the same twice
      later = setTimeout(() => result.textContent !== line && (result.textContent = line), later ? 400 : 0);
    }
    draw();
  });
}
