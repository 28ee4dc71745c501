// The drop-down of the time range: presets, exact times, the zone.

import { el, icon, popover } from "./dom.js";
import { PRESETS, between, clock, span, spoken, typed } from "./time.js";
import { zone } from "./url.js";

/** The button and its words; `choose` is called with the changed parts of the view. */
export function rangePicker(choose) {
  const words = el("span", { class: "value" });
  const button = el("button", { class: "button", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", id: "range" }, icon("clock"), words, icon("down"));
  let now = { view: null, frame: null, usual: "6h" };
  button.addEventListener("click", () => popover(button, "Time range", (box, close) => fill(box, now, (change) => { close(); choose(change); })));
  return {
    button,
    show(view, frame, usual) {
      now = { view, frame, usual };
      words.textContent = view.from && frame ? between(frame.from, frame.to, frame.zone_s) : spoken(view.last ?? usual);
      button.classList.toggle("chosen", Boolean(view.from));
      if (frame) button.title = `${between(frame.from, frame.to, frame.zone_s)} (${frame.zone})`;
    },
  };
}

function fill(box, { view, frame, usual }, choose) {
  const offset = frame?.zone_s ?? 0;
  const last = view.from ? null : span(view.last ?? usual);
  const preset = ([short, words]) => el("button", {
    class: `button${span(short) === last ? " chosen" : ""}`, type: "button", title: `Last ${words}`, autofocus: span(short) === last,
    onclick: () => choose({ last: short, from: null, to: null, zoom: null }),
  }, short);
  const from = input("From", view.from && frame ? clock(frame.from, offset) : view.from ?? "", "2026-03-01 14:00 or -2h");
  const to = input("To", view.to && frame ? clock(frame.to, offset) : view.to ?? "", "now");
  const said = el("p", { class: "note hidden", role: "alert" });
  const apply = () => {
    const [first, second] = [typed(from.value, offset), typed(to.value, offset)];
    from.setAttribute("aria-invalid", String(!first));
    to.setAttribute("aria-invalid", String(second === null));
    if (!first || second === null) {
      said.textContent = "Write 2026-03-01 14:05, 14:05 for today, or -2h.";
      said.classList.remove("hidden");
      return;
    }
    choose({ last: null, from: first, to: second || null, zoom: null });
  };
  const form = el("form", { onsubmit: (event) => { event.preventDefault(); apply(); } },
    el("label", { class: "field" }, "From", from), el("label", { class: "field" }, "To", to), said,
    el("div", { class: "feet" }, el("span", { class: "note" }, `Times in ${zone(view)}`), el("button", { class: "button primary small", type: "submit" }, "Show")));
  box.append(el("h3", {}, "Last"), el("div", { class: "presets" }, PRESETS.map(preset)), el("h3", {}, "Exactly"), form, zones(view, choose));
}

function input(label, value, placeholder) {
  return el("input", { class: "input", value, placeholder, "aria-label": label, spellcheck: "false", autocomplete: "off" });
}

function zones(view, choose) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const names = [...new Set(["UTC", own, ...(view.tz ? [view.tz] : []), ...(Intl.supportedValuesOf?.("timeZone") ?? [])])].filter(Boolean);
  const list = el("select", { class: "input", "aria-label": "Time zone", onchange: () => choose({ tz: list.value === own ? null : list.value }) },
    names.map((name) => el("option", { value: name, selected: name === zone(view) }, name === own ? `${name} (yours)` : name)));
  return el("div", {}, el("h3", {}, "Time zone"), el("div", { class: "field", style: "grid-template-columns:1fr" }, list));
}
