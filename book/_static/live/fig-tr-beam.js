// A beam search of the translation chapter's shipped model, step by step: scratch.search.beams on the tree of all
// beginnings that a width of 1 to 5 asks about, each with its five likeliest next tokens.
{
  const { h, s, hidden, zh, matrices, show, models } = live;
  const END = 0, MOST = 5, MORE = 3; // the end mark; tokens a beginning; how many of those dropped are listed
  const HAN = /[\u3400-\u9fff]/;
  const number = (x) => x.toFixed(2).replace("-", "−");

  /** [{ all, kept }, …], a step each: beginnings, best first. `from` is the place among those kept before. */
  function search({ rows, next, child }, width, power) {
    const steps = [];
    let kept = [{ node: 0, tokens: [], p: 0, ended: false }];
    while (!kept.every(({ ended }) => ended)) {
      const size = steps.length + 1;
      const all = kept.flatMap((one, from) => one.ended ? [{ ...one, from, added: 0 }] : Array.from(rows[one.node], (added, i) => {
        const place = one.node * MOST + i, token = next[place], ended = token === END;
        return { node: child.get(place), tokens: [...one.tokens, token], size, from, before: one.p, added, p: one.p + added, ended };
      }));
      for (const one of all) one.judged = one.p / ((5 + one.size) / 6) ** power;
      all.sort((a, b) => b.judged - a.judged);
      kept = all.slice(0, width);
      steps.push({ all, kept });
    }
    return steps;
  }

  show("fig-tr-beam", "Try it: a beam search, step by step", (box, data, name) => {
    const tables = matrices(data);
    const trees = data.sentences.map(({ next, nodes }, i) =>
      ({ rows: tables[i], next, child: new Map(nodes.map((place, k) => [place, k + 1])) }));
    /** The text of tokens, a space beside Latin ones. */
    const joined = (ids) => ids.map((id) => data.tokens[id]).reduce((text, token) =>
      text + (text && !(HAN.test(text.at(-1)) && HAN.test(token)) ? " " : "") + token, "");
    models["fig-tr-beam"] = (i, width, power) => search(trees[i], width, power).map(({ kept }) =>
      kept.map(({ tokens, p }) => [tokens.filter((id) => id !== END).map((id) => data.tokens[id]), p])); // for the tests

    const slider = (id, most, value, step, react) => h("input", { id: `${name}-${id}`, type: "range", min: step < 1 ? 0 : 1, max: most, value, step, oninput: react });
    const choice = h("select", { id: `${name}-sentence`, onchange: read }, ...data.sentences.map(({ source }, i) => h("option", { value: i }, source)));
    const width = slider("width", MOST, 3, 1, read), power = slider("power", 2, 0, 0.1, read), step = slider("step", MOST, 1, 1, draw);
    const on = h("button", { type: "button", onclick: () => ((step.value = step.value === step.max ? 1 : step.valueAsNumber + 1), draw()) }, "Next step");
    const values = [width, power, step].map(() => h("span", { "aria-hidden": "true" }));
    const row = (label, input, ...more) => h("div", { class: "live-row" }, h("label", { for: input.id }, label), input, ...more);
    const tree = s("svg", { class: "live-drawing live-tree", "aria-hidden": "true" });
    const about = h("caption", { class: "visually-hidden" }), body = h("tbody");
    const head = ["beginning", "log p", "score"].map((text) => h("th", { scope: "col" }, text));
    const table = h("table", { class: "live-ranks" }, about, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, hidden("rank")), ...head)), body);
    const result = h("p", { role: "status" }), gloss = h("p", { class: "live-note" });
    box.append(
      row("Sentence", choice), row("Width", width, values[0]), row("Length penalty γ", power, values[1]), row("Step", step, values[2], on),
      result, h("div", { class: "live-pictures" }, table, tree), gloss,
      h("p", { class: "live-note" },
        "The table: this step's beginnings by their score, the log probability divided by the length penalty; below the line, " +
        "what is dropped. Of each beginning the five likeliest next tokens are looked at, for no other could be kept. The " +
        "tree: what was kept, best to worst from left to right. Dashed, with ✗: nothing that went on from it was kept. " +
        "Thick: the way to the best. What has ended, <eos>, stays as it is."),
    );
    let steps = [];

    /** Another sentence or setting: who stood at the end, stands there again. */
    function read() {
      const ended = !steps.length || step.value === step.max;
      steps = search(trees[choice.value], width.valueAsNumber, power.valueAsNumber);
      step.max = steps.length;
      if (ended) step.value = steps.length;
      const { gloss: words } = data.sentences[choice.value];
      gloss.replaceChildren(...Object.entries(words).flatMap(([word, meaning], i) => [i ? ", " : "", zh(word), ` ${meaning}`]), ".");
      draw();
    }

    function draw() {
      const n = step.valueAsNumber, { all, kept } = steps[n - 1], last = n === steps.length;
      const { reference } = data.sentences[choice.value];
      const line = new Set(); // of the best: the places on the way to it
      for (let t = n - 1, k = 0; t >= 0; k = steps[t--].kept[k].from) line.add(`${t} ${k}`);
      const x = (k) => 30 + 60 * k, y = (t) => 46 + 46 * t, parts = [[], []];
      steps.slice(0, n).forEach(({ kept }, t) => kept.forEach((one, k) => {
        const lost = t < n - 1 && !steps[t + 1].kept.some(({ from }) => from === k), best = line.has(`${t} ${k}`);
        const kind = `live-node${lost ? " lost" : ""}${best ? " best" : ""}`, token = one.tokens.at(-1);
        const above = t ? [x(one.from), y(t - 1) + 32] : [30, 24];
        parts[0].push(s("line", { x1: above[0], y1: above[1], x2: x(k), y2: y(t), class: kind }));
        parts[1].push(s("rect", { x: x(k) - 26, y: y(t), width: 52, height: 32, rx: 4, class: kind }),
          s("text", { x: x(k), y: y(t) + 14, class: "live-token", lang: token === END ? undefined : "zh-Hans" }, data.tokens[token]),
          s("text", { x: x(k), y: y(t) + 27 }, `${lost ? "✗ " : ""}${number(one.p)}`));
      }));
      tree.setAttribute("viewBox", `0 0 300 ${y(n) - 12}`);
      tree.replaceChildren(...parts[0], s("text", { x: 30, y: 18, class: "live-token" }, "<bos>"), ...parts[1]);

      const cells = ({ tokens, before, added, p, judged }) => {
        const first = tokens.slice(0, -1), end = tokens.at(-1), text = joined(tokens);
        const b = h("b", {}, end === END ? hidden("ended ") : "", data.tokens[end]);
        return [h("td", {}, zh(joined(first)), text === joined(first) + data.tokens[end] ? "" : " ", end === END ? b : zh(b)),
          h("td", {}, number(p), added && n > 1 ? h("small", {}, ` ${number(before)} − ${number(-added)}`) : ""),
          h("td", {}, number(judged))];
      };
      const ranked = (one, k) => h("tr", { class: k < kept.length ? undefined : "lost" },
        h("th", { scope: "row" }, h("span", { "aria-hidden": "true" }, k < kept.length ? "✓ " : "✗ "), `${k + 1}`, hidden(k < kept.length ? " kept" : " dropped")), ...cells(one));
      const rest = all.length - kept.length - MORE;
      body.replaceChildren(...all.slice(0, kept.length + MORE).map(ranked),
        ...(rest > 0 ? [h("tr", { class: "lost" }, h("td", { colspan: 4 }, `✗ and ${rest} more`))] : []));
      about.textContent = `Step ${n}: the beginnings, best first`;

      const best = joined(kept[0].tokens.filter((id) => id !== END));
      result.replaceChildren(`Step ${n} of ${steps.length}: ${kept.length} of ${all.length} kept. `,
        ...(last ? ["The best is ", zh(best), "; a person wrote ", zh(reference), "."] : ["Ahead is ", zh(best), "."]));
      values[0].textContent = width.value;
      values[1].textContent = power.valueAsNumber.toFixed(1);
      values[2].textContent = `${n} of ${steps.length}`;
      width.setAttribute("aria-valuetext", `${width.value} kept`);
      power.setAttribute("aria-valuetext", `γ = ${values[1].textContent}`);
      step.setAttribute("aria-valuetext", result.textContent);
      on.textContent = last ? "From the start" : "Next step";
    }
    read();
  });
}
