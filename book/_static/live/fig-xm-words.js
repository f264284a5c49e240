// A word or two ask, five held-out pictures answer: what the chapter's network finds, looked up.
{
  const { h, hidden, bytes, show, models } = live;

  show("fig-xm-words", "Try it: a word asks, five pictures answer", (box, data, name) => {
    const words = new Map(), names = data.names.split("|"), emoji = data.emoji.split(" "), pairs = data.pairs.split(" ");
    for (const [times, some] of data.words) for (const w of some.split(" ")) words.set(w, { times, at: words.size });
    const [one, two] = [bytes(data.nearest), bytes(data.pair_nearest)], together = new Map(data.together);
    const five = (all, k) => Array.from(all.slice(5 * k, 5 * k + 5));

    /** { times, found }: how many training names have a word, or both, and the pictures' numbers; null if not stored. */
    function ask(first, second) {
      if (!second || first === second) {
        const word = words.get(first);
        return word ? { times: word.times ?? 0, found: five(one, word.at) } : null;
      }
      const [i, j] = [pairs.indexOf(first), pairs.indexOf(second)].sort((a, b) => a - b);
      const k = (i * (2 * pairs.length - i - 1)) / 2 + j - i - 1; // (0, 1), (0, 2), …, (1, 2), …
      return i < 0 || j < 0 ? null : { times: together.get(k) ?? 0, found: five(two, k) };
    }
    models["fig-xm-words"] = (...asked) => { // for the tests
      const answer = ask(...asked);
      return answer && { times: answer.times, found: answer.found.map((i) => names[i]) };
    };

    const inNames = (times) => `in ${times || "no"} training name${times > 1 ? "s" : ""}`;

    /** What is known of a word: [sign, what it says]. */
    function known(w) {
      if (!words.has(w)) return ["✗", "not in the table"];
      const { times } = words.get(w);
      if (times) return ["✓", inNames(times)];
      return times === 0 ? ["≈", "only WordNet knows it"] : ["?", "a random row of the table"];
    }

    const first = h("input", {
      id: `${name}-first`, type: "text", value: "green", maxlength: 20, size: 9, spellcheck: "false", autocomplete: "off",
      autocapitalize: "none", list: `${name}-words`, oninput: draw,
    });
    const second = h("select", { id: `${name}-second`, onchange: draw }, h("option", { value: "" }, "(no second word)"),
      ...[...pairs].sort().map((w) => h("option", { value: w }, w)));
    second.value = "heart";
    const marks = h("ul", { class: "live-known", "aria-label": "What is known of the words" });
    const list = h("ol", { class: "live-tokens live-emoji", "aria-label": "The five nearest pictures" });
    const says = h("p", { class: "live-says", role: "status" });
    box.append(
      h("datalist", { id: `${name}-words` }, ...[...words.keys()].sort().map((w) => h("option", { value: w }))),
      h("div", { class: "live-row" },
        live.pair(h("label", { for: first.id }, "A word"), first), live.pair(h("label", { for: second.id }, "and"), second)),
      marks, list, says,
      h("p", { class: "live-note" },
        `The nearest of the ${names.length} held-out pictures, by the network trained above; a full frame and a tick where the ` +
        `picture's own name has all that was asked. All ${words.size.toLocaleString("en")} words of the table can ask alone, ` +
        `and any two of the ${pairs.length} in the second field. The drawings are your device's; the network saw one font's.`),
    );

    let later = 0;
    function draw() {
      const w = first.value.trim().toLowerCase(), v = second.value, asked = [...new Set([w, v].filter(Boolean))];
      marks.replaceChildren(...asked.map((x) => {
        const [sign, text] = known(x);
        return h("li", {}, h("span", { "aria-hidden": "true" }, sign), " ", h("b", {}, x), `: ${text}`);
      }));
      const answer = ask(w, v), both = asked.length > 1;
      list.replaceChildren(...(answer?.found ?? []).map((i) => {
        const its = names[i].toLowerCase().split(/[ -]/), own = asked.every((x) => its.includes(x));
        const tick = own ? [h("span", { "aria-hidden": "true" }, "\u00a0✓"), hidden(both ? ", has both words" : ", has the word")] : [];
        return h("li", { class: own ? "hit" : "miss" },
          h("span", { class: "live-sign", "aria-hidden": "true" }, emoji[i]), h("span", {}, names[i], ...tick));
      }));
      const times = !answer ? "" : both ? `Together ${inNames(answer.times)}` : known(w)[1].replace(/^./, (c) => c.toUpperCase());
      const line = answer ? `${times}. Nearest: ${names[answer.found[0]]}.`
        : !w ? "Type a word."
          : words.has(w) ? `“${w}” is not among the ${pairs.length} words that ask in twos here. Alone it can ask.`
            : `“${w}” is not in the table, and finds nothing.`;
      clearTimeout(later); // a status is read aloud: only when the reader has stopped, and never the same twice
      later = setTimeout(() => says.textContent !== line && (says.textContent = line), later ? 400 : 0);
    }
    draw();
  });
}
