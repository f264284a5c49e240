"use strict";
// Check yourself: a question that the notebook writes as plain Markdown (scripts/questions.py says how) becomes a form
// here, and stays as it is for paper. Choosing an option shows whether it is right, and why. The answers stay in this
// browser; a chapter whose questions are all answered correctly has a tick in the table of contents. What is not written as
// it should stays text.
{
  const chinese = document.documentElement.lang.startsWith("zh");
  const words = chinese
    ? {
        right: (letter) => `${letter}，对。`,
        wrong: (letter) => `${letter}，不对。`,
        check: (letter) => `按回车键，看${letter}对不对。`,
        score: (right, all) => `${all}题答对${right}题${right === all ? "，目录里本章已打上✓" : ""}。答案只留在本浏览器里。`,
        forget: "忘掉我的答案",
        done: "本章的题都答对了",
      }
    : {
        right: (letter) => `${letter} is right.`,
        wrong: (letter) => `${letter} is not it.`,
        check: (letter) => `Press Enter to check ${letter}.`,
        score: (right, all) =>
          `${right} of ${all} answered correctly${right === all ? ": this chapter has a ✓ in the table of contents now" : ""}. Your answers stay in this browser.`,
        forget: "Forget my answers",
        done: "all questions answered correctly",
      };

  // What is kept: {page: {answers: {number: letter}, done: true or false}}. Reading and writing may both be forbidden.
  const KEY = "from-one-hot-to-encoder:answers";
  const kept = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY)) || {};
    } catch {
      return {};
    }
  };
  const keep = (page, own) => {
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...kept(), [page]: own }));
    } catch {
      // then they last as long as the page
    }
  };
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href).pathname;
  const page = (url) => `${chinese ? "zh" : "en"}/${decodeURIComponent(new URL(url, location.href).pathname.slice(root.length))}`;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // The table of contents.
  const tick = () => {
    const all = kept();
    for (const link of document.querySelectorAll("nav.bd-links a.internal, .chapters a.internal")) {
      const old = link.querySelector(".tick");
      const done = all[page(link.href)]?.done;
      if (done && !old) link.append(make("span", { class: "tick", role: "img", "aria-label": words.done }, "✓"));
      if (!done) old?.remove();
    }
  };

  // A question's parts, if these elements are one.
  const read = (details) => {
    const list = details.previousElementSibling;
    const asked = list?.previousElementSibling;
    const told = details.querySelector(":scope > ul");
    const text = asked?.matches("p") && asked.childNodes.length === 1 && asked.querySelector(":scope > strong");
    const number = text && /^(\d+)\. /.exec(text.textContent)?.[1];
    if (!number || !list.matches("ul") || !told) return null;
    if (!["Answer", "答案"].includes(details.querySelector("summary")?.textContent.trim())) return null;
    const labels = (items) => [...items.children].map((item) => item.querySelector("strong")?.textContent);
    const letters = labels(list);
    const marks = labels(told);
    if (!["ABC", "ABCD"].includes(letters.join("")) || marks.length !== letters.length) return null;
    if (!marks.every((mark, i) => mark === `${letters[i]} ✓` || mark === `${letters[i]} ✗`)) return null;
    const right = letters.filter((_, i) => marks[i].endsWith("✓"));
    if (right.length !== 1) return null;
    return { details, list, asked, text, number, letters, right: right[0], told: [...told.children] };
  };

  // A copy of what stands in a list's item after its bold label.
  const rest = (own) => {
    const item = own.cloneNode(true);
    const label = item.querySelector("strong");
    if (label.nextSibling?.nodeType === Node.TEXT_NODE) label.nextSibling.data = label.nextSibling.data.trimStart();
    label.remove();
    return [...item.childNodes].flatMap((part) => (part.nodeName === "P" ? [...part.childNodes] : [part]));
  };

  const build = (question) => {
    const { details, list, asked, text, number, letters, right, told } = question;
    const verdict = make("div", { class: "verdict", id: `verdict-${number}` });
    const inputs = [];
    const options = [...list.children].map((item, i) => {
      const id = `question-${number}-${letters[i]}`;
      inputs.push(make("input", { type: "radio", name: `question-${number}`, id, value: letters[i] }));
      const label = make("label", { for: id }, make("strong", {}, letters[i]), make("span", {}, ...rest(item)));
      return make("div", { class: "option" }, inputs[i], label);
    });
    const fieldset = make("fieldset", { "aria-describedby": verdict.id }, make("legend", {}, ...text.cloneNode(true).childNodes), ...options);
    const form = make("form", { class: "question", autocomplete: "off" }, fieldset, verdict);
    asked.before(form);
    for (const part of [asked, list, details]) part.classList.add("only-on-paper");

    const clear = () => {
      question.answer = undefined;
      verdict.replaceChildren();
      verdict.className = "verdict";
      options.forEach((option) => option.classList.remove("right", "wrong"));
    };
    const show = (letter) => {
      clear();
      const i = letters.indexOf(letter);
      const state = letter === right ? "right" : "wrong";
      question.answer = letter;
      inputs[i].checked = true;
      options[i].classList.add(state);
      verdict.classList.add(state);
      verdict.append(make("strong", {}, words[state](letter)), " ", ...rest(told[i]));
    };
    const answer = (letter) => {
      show(letter);
      form.dispatchEvent(new Event("answered", { bubbles: true }));
    };

    // Arrow keys choose as they pass, and would give every answer away: after them, Enter or the space bar decides.
    let passing = false;
    form.addEventListener("keydown", (event) => {
      passing = event.key.startsWith("Arrow");
      if ((event.key === "Enter" || event.key === " ") && event.target.checked) {
        event.preventDefault();
        answer(event.target.value);
      }
    });
    form.addEventListener("pointerdown", () => (passing = false));
    form.addEventListener("change", (event) => {
      if (!passing) return answer(event.target.value);
      clear();
      verdict.append(words.check(event.target.value));
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    return Object.assign(question, { form, verdict, show, clear });
  };

  const begin = () => {
    const questions = [...document.querySelectorAll("article details")].map(read).filter(Boolean).map(build);
    if (questions.length) {
      const here = page(location.href);
      const before = kept()[here]?.answers || {};
      const score = make("span", { role: "status" });
      const forget = make("button", { type: "button" }, words.forget);
      questions.at(-1).details.after(make("form", { class: "score" }, score, forget));
      const count = (write) => {
        const right = questions.filter((question) => question.answer === question.right).length;
        score.textContent = words.score(right, questions.length);
        if (!write) return;
        const given = questions.filter((question) => question.answer).map(({ number, answer }) => [number, answer]);
        keep(here, { answers: Object.fromEntries(given), done: right === questions.length });
        tick();
      };
      for (const question of questions) {
        const letter = before[question.number];
        if (question.letters.includes(letter)) question.show(letter);
        question.verdict.setAttribute("aria-live", "polite");
        question.form.addEventListener("answered", () => count(true));
      }
      forget.addEventListener("click", () => {
        questions.forEach(({ form, clear }) => (form.reset(), clear()));
        count(true);
      });
      count(Object.keys(before).length > 0); // a chapter may have got more questions since
    }
  };

  // Formulas are copied with the text, so they must be typeset before; both scripts wait for the page.
  addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(begin));
  tick();
}
