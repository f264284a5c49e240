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

// The theme opens every button's link in a new window; the other language takes this page's place.
document.querySelectorAll(".btn-language-button").forEach((button) => button.removeAttribute("target"));
