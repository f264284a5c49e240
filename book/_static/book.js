"use strict";
// What every page does once it is there. Each part stands alone, and nothing here needs a host: pages also open as files.

// A formula wider than the screen scrolls in its own box (see book.css). Let the keyboard reach those that do, as the
// theme does for code. The content is watched too: a formula grows once its fonts are there.
window.addEventListener("load", () =>
  window.MathJax?.startup?.promise.then(() => {
    const watch = new ResizeObserver((changes) => {
      for (const { target } of changes) {
        const formula = target.closest("mjx-container");
        if (formula.scrollWidth > formula.clientWidth + 1) formula.tabIndex = 0;
        else formula.removeAttribute("tabindex");
      }
    });
    document.querySelectorAll("mjx-container, mjx-math").forEach((part) => watch.observe(part));
  }),
);

// The theme takes the focus from these when they are pressed, so that a mouse leaves no tip behind. The keyboard keeps its
// place, and hears which colours it has chosen.
for (const button of document.querySelectorAll(".theme-switch-button, .search-button, .primary-toggle, .secondary-toggle")) {
  button.blur = () => button.matches(":focus-visible") || HTMLElement.prototype.blur.call(button);
  if (button.matches(".theme-switch-button"))
    button.addEventListener("click", () =>
      setTimeout(() => button.setAttribute("aria-label", `Color mode: ${document.documentElement.dataset.mode}`)));
}

// The signs of an icon font are no part of a name.
document.querySelectorAll('[class*="fa-"]').forEach((icon) => icon.setAttribute("aria-hidden", "true"));

// The theme opens every button's link in a new window; the other language takes this page's place.
document.querySelectorAll(".btn-language-button").forEach((button) => button.removeAttribute("target"));

// Paper shows what is folded, and in light colours.
{
  let before;
  window.addEventListener("beforeprint", () => {
    const { dataset } = document.documentElement;
    before ??= { theme: dataset.theme, folded: document.querySelectorAll("article details:not([open])") };
    dataset.theme = "light";
    before.folded.forEach((fold) => (fold.open = true));
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.dataset.theme = before.theme;
    before.folded.forEach((fold) => (fold.open = false));
    before = undefined;
  });
}

// Search. A hit leads to the page with the words of the search in its address, and the page marks them, once its
// formulas have taken their places, and shows the first. (Sphinx would, but the theme loads what turns that off.)
{
  const hits = document.getElementById("search-results");
  if (hits) {
    if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // files may not read files
    const query = new URLSearchParams(location.search).get("q") || "";
    const found = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });
    hits.before(found); // what the page shows in silence
    const plain = (excerpt) => { // a formula's letters, without the commands that typeset it
      const walker = document.createTreeWalker(excerpt, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const text = walker.currentNode;
        if (text.data.includes("\\")) text.data = text.data.replace(/\\(?:[a-zA-Z]+|.)|[{}&]/g, " ").replace(/ {2,}/g, " ");
      }
    };
    new MutationObserver(() => {
      const summary = hits.querySelector(".search-summary")?.textContent ?? "";
      if (found.textContent !== summary) found.textContent = summary;
      for (const link of hits.querySelectorAll("li > a[href]")) {
        const to = new URL(link.href);
        to.searchParams.set("highlight", query);
        if (link.href !== to.href) link.href = to.href;
      }
      for (const excerpt of hits.querySelectorAll("p.context")) plain(excerpt);
    }).observe(hits, { childList: true, subtree: true });
  }

  const article = document.querySelector("article.bd-article");
  const asked = new URLSearchParams(location.search).get("highlight");
  if (article && asked && !hits) {
    const words = asked.toLowerCase().match(/[\p{Letter}\p{Number}_]+/gu) || [];
    const patterns = words.map((word) => {
      const stem = typeof Stemmer === "undefined" ? word : new Stemmer().stemWord(word); // found by its stem, too
      const start = word.startsWith(stem) ? stem : word;
      return /^[\x00-\u024f]+$/.test(word) ? `(?<![\\p{L}\\p{N}])${start}[\\p{L}\\p{N}]*` : word;
    });
    const mark = () => {
      const pattern = new RegExp(patterns.join("|"), "giu");
      const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
      const texts = [];
      while (walker.nextNode()) texts.push(walker.currentNode);
      for (const text of texts) {
        if (text.parentElement.closest(".math, mjx-container, script, style, .headerlink, [hidden]")) continue;
        for (const found of [...text.data.matchAll(pattern)].reverse()) {
          const hit = document.createElement("mark");
          const rest = text.splitText(found.index);
          rest.splitText(found[0].length);
          rest.replaceWith(hit);
          hit.append(rest);
        }
      }
      const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const first = (place || article).querySelector("mark");
      for (let fold = first?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      if (!first) return;
      first.scrollIntoView({ block: "center" });
      first.tabIndex = -1; // who hears the page goes on from here
      first.focus({ preventScroll: true });
    };
    const ready = () => Promise.resolve(window.MathJax?.startup?.promise).then(mark);
    if (patterns.length) window.addEventListener("load", ready);
    window.addEventListener("keydown", (event) => {
      if (event.key === "Escape") article.querySelectorAll("mark").forEach((hit) => hit.replaceWith(...hit.childNodes));
    });
  }
}
