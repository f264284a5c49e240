// The word2vec chapter's vectors: neighbours of a word, and what an analogy's offset finds.
{
  const { h, pair, matrices, show, dot, models } = live;
  const unit = (v) => { const size = Math.sqrt(dot(v, v)); return v.map((x) => x / size); };

  show("fig-w2v-projection", "Try it: whose company does it keep?", (box, data, name) => {
    const rows = matrices(data).vectors.map(unit), words = data.words, place = new Map(words.map((w, i) => [w, i]));

    /** The n words whose vectors are most like the sum of signs · vectors: [[word, cosine], …]; some may be left out. */
    function nearest(asked, signs, leftOut, n = 6) {
      const sum = rows[0].map((_, i) => asked.reduce((total, w, k) => total + signs[k] * rows[place.get(w)][i], 0));
      const direction = unit(sum);
      return words.map((w, i) => [w, dot(rows[i], direction)]).filter(([w]) => !leftOut.includes(w))
        .sort((a, b) => b[1] - a[1]).slice(0, n);
    }
    models["fig-w2v-projection"] = nearest; // for the tests

    const field = (id, label, value) => {
      const input = h("input", {
        id: `${name}-${id}`, type: "text", value, maxlength: 20, size: 9, spellcheck: "false", autocomplete: "off",
        autocapitalize: "none", list: `${name}-words`, oninput: draw,
      });
      return [h("label", { for: input.id }, label), input];
    };
    const [one, word] = field("word", "Neighbours of", "oil");
    const parts = [field("a", "a", "program"), field("b", "b", "programs"), field("c", "c", "school")];
    const own = h("input", { id: `${name}-own`, type: "checkbox", onchange: draw });
    const list = (label) => h("ol", { class: "live-list", "aria-label": label });
    const near = list("Nearest words"), found = list("What b − a + c finds"), says = h("p", { class: "live-says", role: "status" });
    box.append(
      h("datalist", { id: `${name}-words` }, ...words.map((w) => h("option", { value: w }))),
      h("div", { class: "live-row" }, one, word), near,
      h("p", { class: "live-label" }, "An analogy: a is to b as c is to …"),
      h("div", { class: "live-row" }, ...parts.map((part) => pair(...part))),
      h("div", { class: "live-row" }, pair(own, h("label", { for: own.id }, "the question's own words may answer"))),
      found, says,
      h("p", { class: "live-note" }, `The ${words.length.toLocaleString("en")} most frequent words of the chapter's skip-gram, each number rounded to one of 255 values. A longer bar, a larger cosine.`),
    );

    const shown = (rows) => rows.map(([w, c]) => h("li", {}, h("span", {}, w), h("i", { style: `width: ${Math.max(0, 100 * c)}%` }), h("span", {}, c.toFixed(2))));

    function draw() {
      const [a, b, c] = parts.map(([, input]) => input.value.trim().toLowerCase()), w = word.value.trim().toLowerCase();
      near.replaceChildren(...(place.has(w) ? shown(nearest([w], [1], [w])) : []));
      const strange = [w, a, b, c].filter((x) => !place.has(x));
      const asked = [a, b, c].every((x) => place.has(x));
      found.replaceChildren(...(asked ? shown(nearest([b, a, c], [1, -1, 1], own.checked ? [] : [a, b, c])) : []));
      const [first] = asked ? nearest([b, a, c], [1, -1, 1], [], 1) : [];
      const closest = place.has(w) ? `“${w}” is most like “${nearest([w], [1], [w], 1)[0][0]}”. ` : "";
      says.textContent = closest + (strange.length ? `Not among these words: ${strange.map((x) => x || "(nothing)").join(", ")}.`
        : `b − a + c is most like “${first[0]}”${[a, b, c].includes(first[0]) ? ", a word of the question itself" : ""}.`);
    }
    draw();
  });
}
