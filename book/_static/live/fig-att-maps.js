// The attention chapter's network, which spells a word backwards: the forward pass as in its `spell`, and a map to watch.
{
  const { h, hidden, matrices, show, still, models, dot, times, add, softmax, lstm } = live;
  const letterOf = (id) => (id ? String.fromCharCode(96 + id) : "·");

  // --- The network ---
  const lstmOf = (w, name, suffix) => ({
    W: w[`${name}.weight_ih${suffix}`], U: w[`${name}.weight_hh${suffix}`],
    b: w[`${name}.bias_ih${suffix}`][0], v: w[`${name}.bias_hh${suffix}`][0],
  });

  /** [{ letter, scores, looks }, …], a step for each letter of a word of a to z. */
  function spell(w, word) {
    const zeros = Array(w["attention.W.weight"].length).fill(0), keys = [], steps = [];
    const [encoder, decoder] = [lstmOf(w, "encoder", "_l0"), lstmOf(w, "decoder", "")];
    let memory = { state: zeros, cell: zeros }, letter = 0;
    for (const character of word) {
      memory = lstm(encoder, w["letters.weight"][character.charCodeAt(0) - 96], memory.state, memory.cell);
      keys.push(memory.state);
    }
    const projected = keys.map((key) => times(w["attention.U.weight"], key));
    for (let t = 0; t < word.length; t++) {
      const asked = times(w["attention.W.weight"], memory.state);
      const looks = softmax(projected.map((key) => dot(w["attention.v.weight"][0], add(asked, key).map(Math.tanh))));
      const context = zeros.map((_, i) => looks.reduce((sum, weight, j) => sum + weight * keys[j][i], 0));
      memory = lstm(decoder, [...w["letters.weight"][letter], ...context], memory.state, memory.cell);
      const scores = add(times(w["guess.weight"], [...memory.state, ...context]), w["guess.bias"][0]);
      letter = scores.indexOf(Math.max(...scores));
      steps.push({ letter, scores, looks });
    }
    return steps;
  }

  // --- What the reader sees ---
  show("fig-att-maps", "Try it: the network spells your word backwards", (box, data, name) => {
    const weights = matrices(data), LONGEST = 16;
    models["fig-att-maps"] = (word, other) => spell(other ? matrices(other) : weights, word); // for the tests
    let word = "", steps = [], timer = 0;

    const input = h("input", {
      id: `${name}-word`, type: "text", value: "grasshopper", maxlength: LONGEST, autocomplete: "off",
      autocapitalize: "none", spellcheck: "false", enterkeyhint: "go", "aria-describedby": `${name}-hint`, oninput: read,
    });
    const play = h("button", { type: "submit" }, "Spell it");
    const slider = h("input", { id: `${name}-step`, type: "range", min: 0, oninput: () => (stop(), draw()) });
    const map = h("table"), says = h("p", { class: "live-says" }), result = h("p", { role: "status" });
    const submit = (event) => (event.preventDefault(), timer ? stop() : start());
    box.append(
      h("form", { onsubmit: submit }, h("label", { for: input.id }, "Your word"), input, play),
      h("p", { class: "live-note", id: `${name}-hint` },
        `Letters a to z, at most ${LONGEST}. The network has practised on English words of 2 to 10 letters.`),
      h("div", { class: "live-row" }, h("label", { for: slider.id }, "Letters written"), slider),
      says, map, result,
      h("p", { class: "live-note" },
        "A row for each letter written, a column for each letter of the word. The larger a square, the more weight " +
        "the network gives to that place; a dashed frame shows where the letter stands. The network's numbers are rounded to one of 255 values."),
    );

    /** A new word: an empty map, to be filled letter by letter. */
    function read() {
      stop();
      word = input.value.toLowerCase().replace(/[^a-z]/g, "").slice(0, LONGEST);
      steps = word ? spell(weights, word) : [];
      slider.max = word.length;
      slider.value = 0;
      slider.disabled = play.disabled = !word;
      const line = (cells) => h("tr", {}, ...cells);
      map.replaceChildren(
        h("caption", { class: "visually-hidden" }, "Where the network looks, in hundredths"),
        h("thead", {}, line([h("td"), ...[...word].map((c) => h("th", { scope: "col" }, c)), h("td")])),
        h("tbody", {}, ...steps.map((_, t) => line([h("td"), ...[...word].map((_, j) =>
          h("td", { class: j === word.length - 1 - t ? "needed" : undefined })), h("td")]))),
      );
      map.hidden = !word;
      map.style.setProperty("--columns", word.length + 2);
      draw();
    }

    function draw() {
      const shown = Number(slider.value), wanted = [...word].reverse();
      [...map.querySelectorAll("tbody tr")].forEach((row, t) => {
        const { letter, looks } = steps[t], right = letterOf(letter) === wanted[t];
        if ((row.dataset.shown === "true") === t < shown) return;
        row.dataset.shown = t < shown;
        const [first, ...cells] = row.children, last = cells.pop();
        first.replaceWith(t < shown ? h("th", { scope: "row" }, letterOf(letter)) : h("td"));
        const mark = [h("span", { "aria-hidden": "true" }, right ? "✓" : "✗"), hidden(right ? "right" : `wrong, ${wanted[t]} is wanted`)];
        last.replaceChildren(...(t < shown ? mark : []));
        cells.forEach((cell, j) => {
          const margin = 50 - 46 * Math.sqrt(looks[j]); // the area is the weight
          const square = t < shown && looks[j] >= 0.005 ? [h("i", { style: `inset: ${margin}%` }), hidden(Math.round(100 * looks[j]))] : [];
          cell.replaceChildren(...square);
        });
      });
      const odd = word && input.value.toLowerCase() !== word ? ` Only a to z count: “${word}”.` : "";
      const right = steps.filter(({ letter }, t) => letterOf(letter) === wanted[t]).length;
      const at = steps[shown - 1], place = at?.looks.indexOf(Math.max(...at.looks));
      says.textContent = at
        ? `Letter ${shown} of ${word.length}: it looks at place ${place + 1}, “${word[place]}”, with weight ${at.looks[place].toFixed(2)}, and writes “${letterOf(at.letter)}”.`
        : word ? `Nothing is written yet.${odd}` : "Type a word.";
      slider.setAttribute("aria-valuetext", says.textContent);
      result.textContent = word && shown === word.length
        ? `${word} backwards: ${steps.map((s) => letterOf(s.letter)).join("")}. ${right} of ${word.length} letters are right.${odd}` : "";
    }

    function start() {
      if (still.matches) slider.value = word.length; // no motion: the whole map at once, the slider goes through it
      else {
        if (Number(slider.value) === word.length) slider.value = 0;
        play.textContent = "Pause";
        timer = setInterval(() => (slider.stepUp(), draw(), Number(slider.value) === word.length && stop()), 450);
      }
      draw();
    }

    function stop() {
      clearInterval(timer);
      timer = 0;
      play.textContent = "Spell it";
    }

    read();
    slider.value = word.length; // at first a finished picture
    draw();
  });
}
