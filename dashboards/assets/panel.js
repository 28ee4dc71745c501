// What one card can do: fill the screen, show its rows as a table, save them or its picture.

import { el, icon, popover } from "./dom.js";
import { savePicture } from "./picture.js";

/** The buttons of a card. `page` gives what they need of the page: the grid and where rows are. */
export function acts(panel, page) {
  if (panel.kind === "text") return [];
  const button = (name, words, act) => el("button", { class: "button icon plain", type: "button", title: words, "aria-label": `${words}: ${panel.title}`, onclick: act }, icon(name));
  const more = button("more", "Save or show as a table", () => popover(more, panel.title, (box, close) => menu(box, close, panel, page)));
  more.setAttribute("aria-haspopup", "dialog");
  return [more, button("full", "Full screen (f)", () => toggleFull(page.grid, panel.index))];
}

function menu(box, close, panel, page) {
  const card = page.grid.cardOf(panel.index);
  const item = (name, words, act) => el("button", { class: "item", type: "button", onclick: () => { close(); act(); } }, icon(name), words);
  const link = (kind) => el("a", { class: "item", href: page.rows(panel.index, kind), download: `${panel.title}.${kind}`, onclick: close }, icon("save"), `Save as ${kind.toUpperCase()}`);
  const shown = card.querySelector(".plain-table");
  const asTable = item(shown ? "image" : "table", shown ? "Show as drawn" : "Show as a table", () => toggleTable(card, page.rows(panel.index, "json")));
  box.append(asTable, link("csv"), link("json"));
  const view = globalThis.Bokeh?.index[panel.root];
  if (view) for (const kind of ["png", "svg"]) box.append(item("image", `Save as ${kind.toUpperCase()}`, () => savePicture(view, panel, kind)));
}

/** The rows of a card as a plain table, or as drawn again. */
export function toggleTable(card, address) {
  if (card.querySelector(".plain-table")) chart(card); else table(card, address);
}

/** Shows the rows of a card as a plain table, in place of what is drawn. */
export async function table(card, address) {
  const box = card.querySelector(".plain-table") ?? el("div", { class: "plain-table", tabindex: "0", role: "region", "aria-labelledby": card.getAttribute("aria-labelledby") });
  card.querySelector(".root").after(box);
  card.querySelector(".root").hidden = true;
  try {
    const answer = await fetch(address);
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error?.what ?? answer.statusText);
    box.replaceChildren(said.rows.length === 0 ? el("p", { class: "none" }, "No rows in this time.") : rows(said));
  } catch (error) {
    box.replaceChildren(el("p", { class: "none" }, error.message));
  }
}

function chart(card) {
  card.querySelector(".plain-table").remove();
  card.querySelector(".root").hidden = false;
}

function rows({ title, columns, rows: lines }) {
  const look = (column) => (["int", "float", "bytes", "duration"].includes(column.type) ? "number" : "");
  const cell = (value, at) => el("td", { class: look(columns[at]), title: value ?? "" }, value === null ? "" : String(value).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$/, "$1 $2 UTC"));
  return el("table", {},
    el("caption", { class: "spoken" }, title),
    el("thead", {}, el("tr", {}, columns.map((column) => el("th", { class: look(column), scope: "col" }, column.name)))),
    el("tbody", {}, lines.slice(0, 1000).map((line) => el("tr", {}, line.map(cell)))));
}

/** Makes a card as large as the window, or puts it back; whether it is large now. */
export function toggleFull(grid, index) {
  const card = grid.cardOf(index);
  const large = card.classList.toggle("full");
  for (const other of document.querySelectorAll(".veil")) other.remove();
  const root = grid.document?.get_model_by_id(card.querySelector(".root").dataset.root);
  if (large) {
    document.querySelectorAll(".card.full").forEach((other) => other !== card && toggleFull(grid, other.dataset.index));
    card.after(el("div", { class: "veil", onclick: () => toggleFull(grid, index) }));
    card.dataset.height = root?.height ?? "";
    const room = innerHeight - 24 - card.querySelector("header").offsetHeight - 40;
    if (root?.height) root.height = Math.max(root.height, room);
  } else if (root && card.dataset.height) {
    root.height = Number(card.dataset.height);
  }
  document.body.style.overflow = large ? "hidden" : "";
  return large;
}

/** The card that fills the screen, put back; whether there was one. */
export function leaveFull(grid) {
  const card = document.querySelector(".card.full");
  if (card) toggleFull(grid, card.dataset.index);
  return card !== null;
}
