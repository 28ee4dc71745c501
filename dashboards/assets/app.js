// A dashboard page: reads the address, draws what it says, follows what changes.

import { banner } from "./banner.js";
import { closePopover, el, icon, popover, say, walkable } from "./dom.js";
import { entry, leave } from "./entry.js";
import { Grid } from "./grid.js";
import { help, keys } from "./keys.js";
import { Live } from "./live.js";
import { acts, leaveFull, table, toggleFull, toggleTable } from "./panel.js";
import { picks } from "./picks.js";
import { rangePicker } from "./rangepicker.js";
import { selectByShift } from "./select.js";
import { PRESETS, between, span } from "./time.js";
import * as url from "./url.js";

const app = document.getElementById("app");
const main = document.getElementById("main");
const facts = JSON.parse(app.dataset.facts);
const base = `/d/${facts.name}`;

let view = url.read();
let shown = null; // what the server answered last
let loading = null; // the request under way
let drawing = Promise.resolve(); // one document after the other: two at once would not know which is seen
let zoomNote = null;

const grid = new Grid(main, { acts: (panel) => acts(panel, page), zoomed, chosen: tapped, spanned, boxed, opened });
const page = { grid, rows: (index, kind) => `${base}/panel/${index}.${kind}?${url.question(view)}` };
const range = rangePicker(change);
const filters = picks(choices, choose, (column) => spanned(column, null));
const live = new Live({ event: happened, state: liveState });
const bar = makeBar();

/** Draws the view anew; `fresh` asks the store now instead of at the next refresh. */
async function load({ fresh = false } = {}) {
  loading?.abort();
  const request = (loading = new AbortController());
  app.classList.add("busy");
  try {
    const whole = await ask(`${base}.json?${url.question(view, fresh ? { fresh: 1 } : {})}`, request.signal);
    await ready;
    if (request.signal.aborted) return;
    leaveFull(grid);
    shown = whole;
    await (drawing = drawing.catch(() => {}).then(() => (request === loading ? grid.show(whole, view) : null)));
    if (request !== loading) return;
    dress();
    banner(main, whole.problem);
    unlisted(whole.unlisted);
    if (!globalThis.Bokeh) withoutCharts();
    live.follow((revision) => `${base}/events?${url.question(view, { after: revision })}`, whole.revision);
    main.setAttribute("aria-busy", "false");
    app.dataset.ready = "true";
  } catch (error) {
    if (error.name === "AbortError") return;
    console.debug(error);
    failed(error);
  } finally {
    if (request === loading) app.classList.remove("busy");
  }
}

async function ask(address, signal) {
  const answer = await fetch(address, { signal });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const what = said.error?.what ?? `The server answered ${answer.status}`;
  if (what.includes("time zone") && !view.tz && url.useOffset()) return ask(`${base}.json?${url.question(view)}`, signal);
  throw new Error(said.error?.next ? `${what}. ${said.error.next}` : what);
}

async function choices(column) {
  return (await ask(`${base}/choices/${column}?${url.question(view)}`)).values;
}

/** Changes the view, its address and what is drawn. */
function change(parts) {
  view = { ...view, ...parts };
  url.write(view, { push: true });
  dress();
  load();
}

/** Shows only records with one of the values; all if there are none. */
function choose(column, values) {
  const chosen = new Map(view.picks);
  if (values.length) chosen.set(column, values); else chosen.delete(column);
  change({ picks: chosen });
}

/** A tap on a bar shows only what belongs to it, another one all again; so does dragging over several. */
function tapped(column, values) {
  const before = view.picks.get(column) ?? [];
  choose(column, before.length === values.length && values.every((value) => before.includes(value)) ? [] : values);
}

/** A stretch of an axis was selected: what follows the chart shows only records within; none takes it back. */
function spanned(column, span) {
  const spans = new Map(view.spans);
  if (span) spans.set(column, span); else spans.delete(column);
  change({ spans });
}

/** Cells of a heat map were chosen, or with them a stretch of time; the same ones again: all is shown again. */
function boxed({ picks, span }) {
  const chosen = new Map(view.picks), spans = new Map(view.spans);
  for (const [column, values] of picks) chosen.set(column, values);
  if (span) spans.set("time", span);
  const same = (before, after) => String(before ?? "") === String(after);
  if (picks.every(([column, values]) => same(view.picks.get(column), values)) && (!span || same(view.spans.get("time"), span))) {
    for (const [column] of picks) chosen.delete(column);
    if (span) spans.delete("time");
  }
  change({ picks: chosen, spans });
}

/** A row of a table was chosen. */
function opened(panel, source, at) {
  const where = (micros, host) => `${base}/panel/${panel.index}/entry?${url.question(view, { entry_at: micros, entry_host: host })}`;
  entry(grid.cardOf(panel.index), source, at, shown.frame.zone_s, where);
}

/** One event of the stream. */
function happened(event) {
  if (event.reload) return load();
  if ("problem" in event) return banner(main, event.problem);
  if (!grid.patch(event)) return load();
  shown = { ...shown, frame: event.frame, page: event.page ?? shown.page };
  dress();
  const tables = [...document.querySelectorAll(".plain-table")];
  for (const box of tables) table(box.closest(".card"), page.rows(box.closest(".card").dataset.index, "json"));
}

function zoomed(window) {
  view = { ...view, zoom: window };
  url.write(view);
  zoomNote?.remove();
  zoomNote = null;
  if (!window) return;
  const small = (words, act, look = "") => el("button", { class: `button small ${look}`, type: "button", onclick: act }, words);
  zoomNote = say(between(...window, shown.frame.zone_s),
    small("Back", () => grid.zoom.back()),
    ...shown.page.rows.flat().some((panel) => panel.spans === "time") ? [small("Filter tables", () => spanned("time", window.map((ms) => Math.round(ms) * 1000)))] : [],
    small("Look closer", () => change({ from: new Date(window[0]).toISOString(), to: new Date(window[1]).toISOString(), last: null, zoom: null }), "primary"));
}

/** Everything around the charts that depends on the view. */
function dress() {
  range.show(view, shown?.frame, shown ? `${shown.page.last_ms / 1000}s` : "6h");
  const taps = new Set(shown?.page.rows.flat().flatMap((panel) => [panel.taps, panel.cells?.across, panel.cells?.down]).filter(Boolean));
  filters.show(shown?.page.picks ?? [], view.picks, taps, view.spans, shown?.frame.zone_s ?? 0);
  const chosen = url.chosenTheme(view);
  document.documentElement.dataset.theme = chosen;
  bar.theme.replaceChildren(icon({ light: "sun", dark: "moon", auto: "auto" }[chosen]));
  bar.theme.title = bar.theme.ariaLabel = `Theme: ${chosen} (d)`;
  if (!shown) return;
  bar.heading.textContent = shown.page.title;
  document.title = `${shown.page.title} · Infralogs`;
  if (!zoomNote && view.zoom) zoomed(view.zoom);
  stale(shown.frame.lag_s);
}

/** Says how old the data is when the copy that is read lags behind. */
function stale(lag) {
  const note = bar.stale;
  note.classList.toggle("hidden", !lag);
  const words = lag >= 7200 ? `${Math.round(lag / 3600)} h` : lag >= 120 ? `${Math.round(lag / 60)} min` : `${lag} s`;
  note.textContent = lag ? `Data is ${words} old` : "";
  note.title = lag ? "The copy of the database that is read here is behind the one that is written" : "";
}

function liveState(word) {
  const fixed = shown && !shown.frame.live && word === "live";
  const words = { live: fixed ? "Fixed" : "Live", waiting: "Waiting", away: "Away", paused: "Paused" };
  bar.live.dataset.state = fixed ? "fixed" : word;
  bar.live.replaceChildren(word === "paused" ? icon("play") : el("span", { class: "dot" }), el("span", { class: "word" }, words[word]));
  bar.live.title = bar.live.ariaLabel = word === "paused" ? "Go on (p)" : word === "away" ? "The server can't be reached; trying again" : "Pause (p)";
  bar.live.setAttribute("aria-pressed", String(word === "paused"));
}

function failed(error) {
  if (shown) {
    const note = say(error.message, el("button", { class: "button small", type: "button", onclick: () => { note.remove(); load(); } }, "Try again"));
    setTimeout(() => note.remove(), 8000);
    return;
  }
  main.replaceChildren(el("div", { class: "wrong" }, el("h2", {}, "This can't be shown"), el("p", {}, error.message),
    el("button", { class: "button", type: "button", onclick: () => load() }, icon("refresh"), "Try again")));
}

/** The program was built without BokehJS: rows as tables, and one message how to add it. */
function withoutCharts() {
  main.querySelector(":scope > .hint")?.remove();
  main.prepend(el("p", { class: "hint" }, `This program was built without BokehJS ${facts.version}, so panels are tables. Run `, el("code", {}, "npm ci"), " in dashboards/ and build again."));
  for (const panel of shown.page.rows.flat()) if (panel.kind !== "text") table(grid.cardOf(panel.index), page.rows(panel.index, "json"));
}

/** This dashboard service can't write its own row where the page shows those of all processes. */
function unlisted(so) {
  main.querySelector(":scope > .unlisted")?.remove();
  if (so) main.prepend(el("p", { class: "hint unlisted" }, "The dashboard service that shows this page writes no row of its own, so it is not among the processes below: how it does stands at ", el("a", { href: "/health" }, "/health"), "."));
}

function nextTheme() {
  const all = ["auto", "dark", "light"];
  const next = all[(all.indexOf(url.chosenTheme(view)) + 1) % all.length];
  try { localStorage.setItem("infralogs.theme", next); } catch { /* storage is off: the address keeps it */ }
  change({ theme: next });
}

/** Moves the window by a part of its length: `[` earlier, `]` later. */
function shift(share) {
  if (!shown) return;
  const { from, to } = shown.frame;
  const by = (to - from) * share;
  change({ last: null, from: new Date(from + by).toISOString(), to: new Date(to + by).toISOString(), zoom: null });
}

function makeBar() {
  const button = (name, words, act, look = "icon plain") => el("button", { class: `button ${look}`, type: "button", title: words, "aria-label": words, onclick: act }, name ? icon(name) : null);
  const heading = el("h1", {}, facts.title);
  const others = facts.dashboards.length > 1 ? button("down", "Other dashboards", () => popover(others, "Dashboards", boards)) : null;
  const made = { heading, stale: el("span", { class: "badge hidden", id: "stale", role: "status" }), theme: button("auto", "Theme", nextTheme), live: button(null, "Pause", () => live.pause(!live.paused), "live") };
  const home = el("a", { class: "home", href: "/", title: "All dashboards" }, el("img", { src: document.querySelector("link[rel=icon]").href, alt: "Infralogs", width: 24, height: 24 }));
  app.querySelector(".bar").replaceChildren(
    el("div", { class: "title" }, home, heading, others), filters.row, el("div", { class: "spread" }), made.stale, range.button,
    el("div", { class: "tools" }, el("div", { class: "split" }, made.live, button("refresh", "Refresh now (r)", () => load({ fresh: true }), "icon")), made.theme, signedIn(), button("help", "Help (?)", () => help(shortcuts))),
    el("div", { class: "progress" }));
  return made;
}

/** Who signed in by a token can sign out; of others a proxy takes care. */
function signedIn() {
  if (facts.user !== "token") return null;
  return el("form", { method: "post", action: "/sign-out", class: "leave" }, el("button", { class: "button icon plain", title: "Sign out", "aria-label": "Sign out" }, icon("leave")));
}

function boards(box) {
  const list = el("div", { class: "list" }, facts.dashboards.map(({ name, title }) => el("a", { class: "item", href: `/d/${name}`, "aria-current": name === facts.name ? "page" : null }, el("span", { class: "text" }, title))));
  box.append(list);
  walkable(list);
}

/** The panel that keys act on. */
function present() {
  return document.querySelector(".card.full") ?? document.activeElement.closest(".card") ?? document.querySelector(".card:hover");
}

/** Puts the focus on the panel after or before the present one. */
function walk(by) {
  const cards = [...main.querySelectorAll(".sheet .card")];
  const at = cards.indexOf(document.activeElement.closest(".card"));
  const next = cards[at < 0 ? (by > 0 ? 0 : cards.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const shortcuts = [
  ["t", "choose the time range", () => range.button.click()],
  ...PRESETS.map(([short, words], at) => [String(at + 1), at === 0 ? `last ${words}; 2 to 5: hour, 6 hours, day, week` : null, () => change({ last: short, from: null, to: null, zoom: null })]),
  ["[", "look earlier", () => shift(-0.5)],
  ["]", "look later", () => shift(0.5)],
  ["/", "choose the first filter", () => app.querySelector(".picks .button")?.click()],
  ["r", "refresh now", () => load({ fresh: true })],
  ["p", "pause, go on", () => live.pause(!live.paused)],
  ["j", "next panel", () => walk(1)],
  ["k", "panel before", () => walk(-1)],
  ["f", "panel in focus or under the pointer: full screen, back", () => { const card = present(); if (card) toggleFull(grid, card.dataset.index); }],
  ["v", "the same panel: as a table, as drawn again", () => { const card = present(); if (card && card.dataset.kind !== "text") toggleTable(card, page.rows(card.dataset.index, "json")); }],
  ["d", "theme: auto, dark, light", nextTheme],
  ["?", "this sheet", () => help(shortcuts)],
  ["Escape", "close, leave full screen, zoom back", () => closePopover() || leave(document.querySelector(".card:has(.entry)")) || leaveFull(grid) || (grid.zoom.isZoomed() ? grid.zoom.back() : false)],
];

/** BokehJS comes by ordinary deferred scripts, which have all run when the document is ready. */
const ready = document.readyState === "complete" ? Promise.resolve() : new Promise((done) => addEventListener("DOMContentLoaded", done, { once: true }));

/** A chart that was clicked keeps the focus and draws a frame for it, which only helps who uses the keyboard. */
function unfocus() {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  if (focused?.classList.contains("bk-events")) focused.blur();
}

keys(shortcuts);
selectByShift(grid);
addEventListener("pointerup", unfocus);
dress();
liveState("waiting");
addEventListener("popstate", () => { view = url.read(); zoomNote?.remove(); zoomNote = null; dress(); load(); });
url.onSystemTheme(() => { if (url.chosenTheme(view) === "auto") load(); });
load();
