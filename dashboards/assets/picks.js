// The drop-downs of a dashboard's picks: choices come when one is opened, with search, several at once.

import { el, icon, popover, walkable } from "./dom.js";
import { between } from "./time.js";

/**
 * The row of drop-downs. `ask(column)` gives its choices, `choose(column, values)` changes the view, `everywhere(column)`
 * takes a stretch back.
 */
export function picks(ask, choose, everywhere) {
  const row = el("div", { class: "picks", role: "group", "aria-label": "Filters" });
  return {
    row,
    /** `taps` are columns chosen by a tap on a chart, `spans` stretches of one: they stand here to be taken back. */
    show(columns, chosen, taps, spans, zone_s) {
      const extra = [...chosen.keys()].filter((column) => taps.has(column) && !columns.includes(column));
      for (const chip of row.querySelectorAll(".chip")) chip.remove();
      const wanted = columns.join("\n");
      if (row.dataset.columns !== wanted) {
        row.dataset.columns = wanted;
        row.replaceChildren(...columns.map((column) => drop(column, ask, choose)));
      }
      for (const button of row.children) button.show(chosen.get(button.dataset.column) ?? []);
      row.append(...extra.map((column) => chip(column, spoken(column, chosen.get(column)), () => choose(column, []))));
      const words = (column, [from, to]) => (column === "time" ? between(from / 1000, to / 1000, zone_s) : `${from} – ${to}`);
      row.append(...[...spans].map(([column, span]) => chip(column, words(column, span), () => everywhere(column))));
    },
  };
}

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** Chosen values in words; hours and weekdays in one stretch as such. */
function spoken(column, values) {
  const words = { hour: (at) => `${at.padStart(2, "0")}:00`, weekday: (at) => WEEKDAYS[at] ?? at }[column] ?? ((value) => value);
  const places = values.map(Number).sort((a, b) => a - b);
  const whole = places.length > 2 && places.at(-1) - places[0] === places.length - 1 && ["hour", "weekday"].includes(column);
  if (whole) return `${words(String(places[0]))} – ${words(String(column === "hour" ? places.at(-1) + 1 : places.at(-1)))}`;
  return (["hour", "weekday"].includes(column) ? places.map(String) : values).map(words).join(", ");
}

function chip(column, words, takeBack) {
  return el("button", { class: "button chosen chip", type: "button", "data-chip": column, title: `Show all again: ${column} ${words}`, "aria-label": `${column} ${words}: show all again`, onclick: takeBack },
    el("span", { class: "what" }, column), el("span", { class: "value" }, words), icon("close"));
}

function drop(column, ask, choose) {
  const value = el("span", { class: "value" });
  const button = el("button", { class: "button", type: "button", "data-column": column, "aria-haspopup": "dialog", "aria-expanded": "false" },
    el("span", { class: "what" }, column), value, icon("down"));
  let chosen = [];
  button.show = (values) => {
    chosen = values;
    value.textContent = values.length === 0 ? "all" : values.length === 1 ? values[0] : `${values[0]} +${values.length - 1}`;
    button.classList.toggle("chosen", values.length > 0);
    button.title = values.join(", ");
  };
  button.addEventListener("click", () => popover(button, `Choose ${column}`, (box, close) => fill(box, close, column, chosen, ask, choose)));
  return button;
}

function fill(box, close, column, chosen, ask, choose) {
  const picked = new Set(chosen);
  const search = el("input", { class: "input search", placeholder: `Search ${column}`, "aria-label": `Search ${column}`, autofocus: true, spellcheck: "false", autocomplete: "off" });
  const list = el("div", { class: "list", role: "group" }, el("p", { class: "note" }, "Asking…"));
  const done = () => { close(); choose(column, [...picked]); };
  const clear = el("button", { class: "button small plain", type: "button", onclick: () => { picked.clear(); done(); } }, "All");
  const apply = el("button", { class: "button small primary", type: "button", onclick: done }, "Show");
  box.append(search, list, el("div", { class: "feet" }, clear, apply));
  walkable(list, search);

  const item = (name) => {
    const made = el("button", { class: "item", type: "button", role: "checkbox", "aria-checked": String(picked.has(name)), "data-value": name },
      el("span", { class: "tick" }, icon("tick")), el("span", { class: "text" }, name));
    // A plain click is the common case: this one only. The box itself, or Ctrl, adds.
    made.addEventListener("click", (event) => {
      const adds = event.ctrlKey || event.metaKey || event.target.closest(".tick") || event.detail === 0;
      if (!adds) { picked.clear(); picked.add(name); return done(); }
      if (!picked.delete(name)) picked.add(name);
      made.setAttribute("aria-checked", String(picked.has(name)));
    });
    return made;
  };
  const narrow = () => {
    const wanted = search.value.trim().toLowerCase();
    let left = 0;
    for (const one of list.querySelectorAll(".item")) {
      one.hidden = !one.dataset.value.toLowerCase().includes(wanted);
      if (!one.hidden) left += 1;
    }
    list.querySelector(".note")?.remove();
    if (left === 0) list.append(el("p", { class: "note" }, wanted ? "Enter shows exactly this" : "Nothing in this time"));
  };
  search.addEventListener("input", narrow);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the button gets the focus back: the same key would press it
    const first = list.querySelector(".item:not([hidden])")?.dataset.value ?? search.value.trim();
    if (search.value.trim() && first) { picked.clear(); picked.add(first); }
    done();
  });
  ask(column).then(
    (values) => { list.replaceChildren(...[...new Set([...picked, ...values])].map(item)); narrow(); },
    (error) => list.replaceChildren(el("p", { class: "note" }, error.message)),
  );
}
