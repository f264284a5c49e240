"use strict";
// What a term means, shown beside it while the mouse rests on it, while the keyboard has it, or at a first touch; a
// second touch, a click or the Enter key follow the link to the glossary. The definitions stand below the page, hidden.
{
  const links = document.querySelectorAll("article a.term");
  const chinese = document.documentElement.lang.startsWith("zh");
  const tip = document.createElement("div");
  tip.id = "term-tip";
  tip.hidden = true;
  tip.setAttribute("role", "tooltip");
  let shown, timer, touched;

  const hide = () => {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = undefined;
    tip.hidden = true;
  };

  const show = (link, by) => {
    const about = document.getElementById(`about-${decodeURIComponent(link.hash.slice(1))}`);
    if (!about || shown === link) return;
    hide();
    shown = link;
    tip.replaceChildren(...about.cloneNode(true).childNodes);
    if (by === "touch") {
      const more = document.createElement("p");
      more.className = "more";
      more.textContent = chinese ? "再点一次，打开术语表" : "Touch it again for the glossary";
      tip.append(more);
    }
    tip.hidden = false;
    link.setAttribute("aria-describedby", tip.id);
    const at = link.getClientRects()[0];
    const { width, height } = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    const below = at.bottom + height + 12 < innerHeight || at.top < height + 12;
    tip.style.left = `${Math.max(8, Math.min(at.left, room - width - 8)) + scrollX}px`;
    tip.style.top = `${(below ? at.bottom + 6 : at.top - height - 6) + scrollY}px`;
  };

  const later = (act, milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };

  for (const link of links) {
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") later(() => show(link), 120);
    });
    link.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") later(hide, 250);
    });
    link.addEventListener("focus", () => {
      if (link.matches(":focus-visible") && !touched) show(link);
    });
    link.addEventListener("blur", hide);
    link.addEventListener("pointerdown", (event) => {
      touched = event.pointerType !== "mouse" && shown !== link;
    });
    link.addEventListener("click", (event) => {
      if (!touched) return;
      event.preventDefault();
      touched = false;
      show(link, "touch");
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(timer)); // so that one can read on, or select
  tip.addEventListener("pointerleave", () => later(hide, 250));
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  window.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.("a.term, #term-tip")) hide();
  });
  window.addEventListener("resize", hide);
  if (links.length) document.body.append(tip);
}
