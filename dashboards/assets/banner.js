// What is wrong with scripts that were refused, drawn over the last good dashboard until it is mended.

import { el, icon } from "./dom.js";

/** Shows, changes or takes away the banner above `main`. */
export function banner(main, problem) {
  main.querySelector(":scope > .problem")?.remove();
  if (!problem) return;
  const more = problem.more > 0 ? ` and ${problem.more} more` : "";
  const close = el("button", { class: "button icon plain small", type: "button", title: "Hide", "aria-label": "Hide", style: "margin-left:auto", onclick: () => box.remove() }, icon("close"));
  const box = el("div", { class: "problem", role: "alert" },
    el("header", {}, el("strong", {}, "The new version was not taken over"), el("span", {}, `The last good one goes on${more}.`), close),
    problem.problems.map(one));
  main.prepend(box);
}

function one({ place, line, column, width, what, help, source }) {
  return el("div", { class: "one" },
    place ? el("div", { class: "place" }, place) : null,
    el("p", { class: "what" }, what),
    line ? drawn(source, line, column, width) : null,
    help ? el("p", { class: "help" }, help) : null);
}

/** The line with a caret under the place, tabs kept so that both lines align. */
function drawn(source, line, column, width) {
  const number = `${line} │ `;
  const before = [...source].slice(0, Math.max(0, column - 1)).map((letter) => (letter === "\t" ? "\t" : " ")).join("");
  return el("pre", {}, `${number}${source}\n${" ".repeat(number.length - 2)}│ ${before}`, el("span", { class: "caret" }, "^".repeat(Math.max(1, width))));
}
