// What is chosen on charts: by a tap, or by dragging over bars, cells or a stretch of an axis.

/**
 * Tells what is chosen on the panels of a document. Bokeh says it by the selection of a source where bars are chosen, and
 * by an event where moments are; `offset()` is how far clocks here are ahead of UTC, in milliseconds.
 */
export function heard(drawn, page, told, offset) {
  for (const panel of page.rows.flat()) {
    const source = drawn?.get_model_by_id(`${panel.root}/data`);
    if (source && (panel.taps || panel.cells || panel.kind === "table" || panel.kind === "histogram")) {
      source.selected.change.connect(() => selected(panel, source, told, offset()));
    }
    const overTime = panel.spans === "time" || panel.cells?.every_ms;
    if (!overTime) continue;
    for (const plot of modelsOf(drawn, panel.root, "/select").map((tool) => drawn.get_model_by_id(tool.id.slice(0, -"/select".length)))) {
      plot?.on_event("selectiongeometry", ({ final, geometry }) => {
        if (final && geometry.type === "rect") boxed(panel, source, geometry, told, offset());
      });
    }
  }
}

/** A box dragged over a chart with a time axis: its moments, and in a heat map its rows. */
function boxed(panel, source, { x0, x1, y0, y1 }, told, offset) {
  const parts = { picks: [], span: null };
  const [from, to] = [x0, x1].map((ms) => Math.round(ms - offset)).sort((a, b) => a - b);
  if (panel.spans === "time" && to > from) parts.span = [from * 1000, to * 1000];
  if (panel.cells?.down) {
    const [first, last] = [y0, y1].sort((a, b) => a - b).map(Math.round);
    const names = along(source, "y", "row");
    const within = [...names].filter(([place]) => place >= first && place <= last).map(([, name]) => name);
    if (within.length < names.size) parts.picks.push([panel.cells.down, within.filter(isChoice)]);
  }
  if (parts.span || parts.picks.length) told.boxed(parts);
}

/** The names along a side of a heat map, by their places. */
function along(source, place, name) {
  const [places, names] = [source.get_column(place), source.get_column(name)];
  return new Map([...places].map((at, row) => [at, names[row]]));
}

const isChoice = (name) => !/^\(.*\)$/.test(name);

/** Cells of a heat map were tapped on, or a box was dragged over some. */
function cells({ cells: { across, down, every_ms }, spans }, source, rows, told, offset) {
  const all = (name) => [...new Set(rows.map((at) => source.get_column(name)[at]))];
  const parts = { picks: [], span: null };
  const pick = (key, place, name) => {
    if (!key) return;
    const values = ["hour", "weekday"].includes(key) && !every_ms ? all(place).map(String) : all(name).filter(isChoice);
    if (values.length < along(source, place, name).size) parts.picks.push([key, values]);
  };
  if (!every_ms) pick(across, "x", "column");
  pick(down, "y", "row");
  if (every_ms && spans === "time") {
    const middles = all("x"), [first, last] = [Math.min(...middles), Math.max(...middles)].map((ms) => ms - offset);
    parts.span = [first - every_ms / 2, last + every_ms / 2].map((ms) => Math.round(ms) * 1000);
  }
  if (parts.span || parts.picks.length) told.boxed(parts);
}

function selected(panel, source, told, offset) {
  const rows = source.selected.indices;
  if (rows.length === 0) return;
  if (panel.kind === "table") return told.opened(panel, source, rows[0]);
  setTimeout(() => { source.selected.indices = []; }); // what is chosen stands in the bar, not in the chart
  if (panel.cells) return cells(panel, source, rows, told, offset);
  const all = (name) => rows.map((at) => source.get_column(name)[at]);
  if (panel.kind === "histogram") {
    if (panel.spans) told.spanned(panel.spans, [Math.min(...all("from")), Math.max(...all("to"))]);
    return;
  }
  const names = all("name").filter(isChoice);
  if (names.length) told.chosen(panel.taps, names);
}

/** The sides that boxes have where nothing else is said: those of their frame. */
const wholes = new WeakMap();

/** Draws what is selected, a stretch of time or of cells, over the charts on which it can be. */
export function mark(drawn, page, spans, picks, offset) {
  const time = spans.get("time")?.map((micros) => micros / 1000 + offset);
  for (const panel of page.rows.flat()) {
    const [left, right] = (panel.spans === "time" ? time : null) ?? side(drawn, panel, "across", "x", "column", picks);
    const [top, bottom] = side(drawn, panel, "down", "y", "row", picks);
    const visible = left !== null || top !== null;
    for (const box of modelsOf(drawn, panel.root, "/chosen")) {
      const whole = wholes.get(box) ?? { left: box.left, right: box.right, top: box.top, bottom: box.bottom };
      wholes.set(box, whole);
      box.setv({ ...whole, ...(left !== null ? { left, right } : {}), ...(top !== null ? { top, bottom } : {}), visible });
    }
  }
}

/** Between which places the chosen values of a side of a heat map stand; nulls if none are, or not in one stretch. */
function side(drawn, panel, axis, place, name, picks) {
  const key = panel.cells?.[axis], chosen = picks.get(key), source = drawn?.get_model_by_id(`${panel.root}/data`);
  if (!chosen || !source) return [null, null];
  const clock = ["hour", "weekday"].includes(key) && !panel.cells.every_ms;
  const all = [...along(source, place, name)];
  const places = all.filter(([at, words]) => chosen.includes(clock ? String(at) : words)).map(([at]) => at).sort((a, b) => a - b);
  const whole = places.length === all.length || places.at(-1) - places[0] !== places.length - 1;
  return whole ? [null, null] : [places[0] - 0.5, places.at(-1) + 0.5];
}

/** While Shift is held, dragging over a chart selects instead of zooming. */
export function selectByShift(grid) {
  addEventListener("pointerdown", (event) => {
    const root = event.shiftKey && event.composedPath().find((node) => node.dataset?.root)?.dataset.root;
    const tools = root ? modelsOf(grid.document, root, "/select") : [];
    for (const tool of tools) tool.active = true;
    if (tools.length === 0) return;
    const back = () => setTimeout(() => {
      for (const zoom of modelsOf(grid.document, root, "/zoom")) zoom.active = true;
    });
    addEventListener("pointerup", back, { once: true });
  }, { capture: true });
}

/** The models of a panel, small multiples too, whose id ends so. */
function modelsOf(drawn, root, end) {
  if (!drawn) return [];
  return [...drawn.all_models].filter(({ id }) => id.startsWith(`${root}/`) && id.endsWith(end));
}
