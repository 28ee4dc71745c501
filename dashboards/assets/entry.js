// The whole entry behind a row of a table: what the row shows in full, then the entry as it was read.

import { el, icon } from "./dom.js";

/** Shows row `at` of the source below the table. `address(micros, host)` is where the entry is. */
export async function entry(card, source, at, zone_s, address) {
  const row = new Map(source.columns().filter((name) => !name.startsWith("~")).map((name) => [name, source.get_column(name)[at]]));
  const ms = row.get("time") - zone_s * 1000;
  if (Number.isFinite(ms)) row.set("time", new Date(ms).toISOString());
  const box = el("div", { class: "entry", tabindex: "0", role: "region", "aria-label": "The whole entry" });
  const close = el("button", { class: "button icon plain small", type: "button", title: "Close", "aria-label": "Close the entry", onclick: () => leave(card) }, icon("close"));
  const fill = (pairs, note) => box.replaceChildren(close, list(pairs), ...(note ? [el("p", { class: "note" }, note)] : []));
  fill(row);
  card.querySelector(".entry")?.remove();
  card.querySelector(".root").after(box);
  if (!Number.isFinite(ms) || !row.get("host")) return;
  try {
    const answer = await fetch(address(Math.round(ms * 1000), row.get("host")));
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error?.what ?? answer.statusText);
    const same = said.rows.find((line) => ["message", "raw"].some((name) => matches(said, line, name, row))) ?? said.rows[0];
    if (same) fill(new Map([...row, ...whole(said.columns, same)]));
    else fill(row, "The entry itself is not kept any more.");
  } catch (error) {
    fill(row, error.message);
  }
}

/** Puts the entry away; whether there was one. */
export function leave(card) {
  const box = card?.querySelector(".entry");
  box?.remove();
  return Boolean(box);
}

function matches(said, line, name, row) {
  const at = said.columns.findIndex((column) => column.name === name);
  return at >= 0 && row.has(name) && line[at] === row.get(name);
}

/** Every field of an entry; those without a column of their own are kept as one JSON object. */
function whole(columns, line) {
  const pairs = new Map();
  columns.forEach(({ name }, at) => {
    if (line[at] === null || line[at] === "") return;
    if (name !== "fields") return pairs.set(name, line[at]);
    try {
      for (const [key, value] of Object.entries(JSON.parse(line[at]))) pairs.set(key, value);
    } catch { pairs.set(name, line[at]); }
  });
  return pairs;
}

function list(pairs) {
  const shown = [...pairs].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return el("dl", {}, shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, text(value))]));
}
