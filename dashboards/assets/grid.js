// The cards and what is drawn in them: one Bokeh document, each of its roots in a card of its own.

import { el } from "./dom.js";
import { heard, mark } from "./select.js";
import { Zoom } from "./zoom.js";

/**
 * The cards of a dashboard. `acts(panel)` gives a card's buttons, `zoomed` hears of every zoom, `chosen(column, values)`
 * of bars or shares that were tapped on or dragged over, `spanned(column, [from, to])` of a stretch dragged over along
 * an axis, `boxed({ picks: [[column, values]], span })` of cells, `opened(panel, source, row)` of a row of a table.
 */
export class Grid {
  constructor(main, { acts, zoomed, chosen, spanned, boxed, opened }) {
    this.main = main;
    this.acts = acts;
    this.told = { chosen, spanned, boxed, opened };
    this.zoom = new Zoom(zoomed);
    this.sheet = null;
    this.document = null;
    this.views = [];
    this.page = null;
  }

  /** Draws a whole document. The old one stays until the new one stands; the zoom is kept. */
  async show({ page, document: json, frame }, { zoom, spans, picks }) {
    const sheet = el("div", { class: "sheet" }, page.rows.map((row) => this.row(row)));
    const old = { sheet: this.sheet, document: this.document, views: this.views };
    if (old.sheet) Object.assign(sheet.style, { position: "absolute", visibility: "hidden", left: 0, right: 0, top: 0 });
    else this.main.replaceChildren();
    this.main.append(sheet);
    let views = [], drawn = null;
    try {
      if (globalThis.Bokeh) ({ views, drawn } = await embed(json, sheet));
    } catch (error) {
      sheet.remove();
      throw error;
    }
    Object.assign(this, { sheet, views, document: drawn, page });
    this.zoom.adopt(drawn, frame, zoom);
    heard(drawn, page, this.told, () => this.zoom.offset);
    mark(drawn, page, spans, picks, this.zoom.offset);
    await idle(drawn);
    old.sheet?.remove();
    Object.assign(sheet.style, { position: "", visibility: "", left: "", right: "", top: "" });
    sheet.dataset.drawn = "true";
    forget(old);
    this.trouble(page);
    return sheet;
  }

  row(panels) {
    const columns = panels.map((panel) => `minmax(0,${panel.wide}fr)`).join(" ");
    const stats = panels.length > 1 && panels.every((panel) => panel.kind === "stat");
    return el("div", { class: `row${stats ? " stats" : ""}`, style: `--columns:${columns}` }, panels.map((panel) => this.card(panel)));
  }

  card(panel) {
    const title = `panel-${panel.index}`;
    return el("section", { class: "card", "data-kind": panel.kind, "data-index": panel.index, "data-behind": panel.behind, "aria-labelledby": title, tabindex: "-1", onclick: (event) => this.lead(event) },
      el("header", {}, el("h2", { id: title, title: panel.title }, heading(panel)), el("div", { class: "acts" }, this.acts(panel)), el("span", { class: "badge hidden" })),
      el("div", { class: "root", "data-root": panel.root }));
  }

  /** From a number to the rows behind it, which stand in a table below. */
  lead(event) {
    const { behind, kind } = event.currentTarget.dataset;
    const asked = event.target.closest("h2 a") ?? (kind === "stat" && !event.target.closest("button, .plain-table"));
    if (behind === undefined || !asked) return;
    event.preventDefault();
    const table = this.cardOf(behind);
    table.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "center" });
    table.classList.add("led");
    setTimeout(() => table.classList.remove("led"), 2000);
    table.tabIndex = -1;
    table.focus({ preventScroll: true });
  }

  /** Brings an open page to the next revision; false if only drawing anew can. */
  patch({ patch, page, frame }) {
    if (page && !this.sameShape(page)) return false;
    try {
      this.document?.apply_json_patch(patch);
    } catch (error) {
      console.debug("a patch did not apply, loading anew", error);
      return false;
    }
    if (page) this.rename(page);
    this.zoom.follow(frame);
    return true;
  }

  sameShape(page) {
    const shape = ({ rows }) => JSON.stringify(rows.map((row) => row.map((panel) => [panel.root, panel.kind])));
    return this.page !== null && shape(page) === shape(this.page);
  }

  rename(page) {
    page.rows.forEach((row, at) => {
      this.sheet.children[at].style.setProperty("--columns", row.map((panel) => `minmax(0,${panel.wide}fr)`).join(" "));
    });
    for (const panel of page.rows.flat()) {
      const card = this.cardOf(panel.index), title = card.querySelector("h2");
      title.title = panel.title;
      title.replaceChildren(heading(panel));
      delete card.dataset.behind;
      if (panel.behind !== null) card.dataset.behind = panel.behind;
    }
    this.page = page;
    this.trouble(page);
  }

  /** Says on each card why it has no answer, or that it is still to come. */
  trouble(page) {
    for (const panel of page.rows.flat()) {
      const badge = this.cardOf(panel.index).querySelector(".badge");
      badge.classList.toggle("hidden", !panel.trouble && !panel.asking);
      badge.classList.toggle("asking", panel.asking);
      badge.textContent = panel.trouble ? "no answer" : panel.asking ? "asking…" : "";
      badge.title = panel.trouble ?? (panel.asking ? "The answer takes long; what is drawn is the one before" : "");
    }
  }

  cardOf(index) {
    return this.sheet.querySelector(`.card[data-index="${index}"]`);
  }
}

/** A panel's title; where its rows stand in a table below, a link to them. */
function heading({ title, behind }) {
  return behind === null ? title : el("a", { href: `#panel-${behind}`, title: `${title}: show the rows` }, title);
}

async function embed(json, sheet) {
  const roots = Object.fromEntries([...sheet.querySelectorAll("[data-root]")].map((root) => [root.dataset.root, root]));
  const views = await Bokeh.embed.embed_items({ page: json }, [{ docid: "page", roots, root_ids: json.roots.map((root) => root.id) }]);
  return { views, drawn: Bokeh.documents.at(-1) };
}

async function idle(drawn) {
  if (drawn && !drawn.is_idle) {
    await new Promise((done) => { drawn.idle.connect(done); setTimeout(done, 5000); });
  }
}

function forget({ document: drawn, views }) {
  for (const view of views) view.clear();
  if (!drawn) return;
  drawn.clear();
  const at = Bokeh.documents.indexOf(drawn);
  if (at >= 0) Bokeh.documents.splice(at, 1);
}
