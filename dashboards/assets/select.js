// What is chosen on charts: by a tap, or by dragging over bars or a stretch of an axis.

/**
 * Tells what is chosen on the panels of a document. Bokeh says it by the selection of a source where bars are chosen, and
 * by an event where moments are; `offset()` is how far clocks here are ahead of UTC, in milliseconds.
 */
export function heard(drawn, page, told, offset) {
  for (const panel of page.rows.flat()) {
    const source = drawn?.get_model_by_id(`${panel.root}/data`);
    if (source && (panel.taps || panel.kind === "table" || panel.kind === "histogram")) {
      source.selected.change.connect(() => selected(panel, source, told));
    }
    if (panel.spans !== "time") continue;
    for (const plot of modelsOf(drawn, panel.root, "/select").map((tool) => drawn.get_model_by_id(tool.id.slice(0, -"/select".length)))) {
      plot?.on_event("selectiongeometry", ({ final, geometry: { x0, x1 } }) => {
        const [from, to] = [x0, x1].map((ms) => Math.round(ms - offset())).sort((a, b) => a - b);
        if (final && to > from) told.spanned("time", [from * 1000, to * 1000]);
      });
    }
  }
}

function selected(panel, source, told) {
  const rows = source.selected.indices;
  if (rows.length === 0) return;
  if (panel.kind === "table") return told.opened(panel, source, rows[0]);
  setTimeout(() => { source.selected.indices = []; }); // what is chosen stands in the bar, not in the chart
  const all = (name) => rows.map((at) => source.get_column(name)[at]);
  if (panel.kind === "histogram") {
    if (panel.spans) told.spanned(panel.spans, [Math.min(...all("from")), Math.max(...all("to"))]);
    return;
  }
  const names = all("name").filter((name) => !/^\(.*\)$/.test(name));
  if (names.length) told.chosen(panel.taps, names);
}

/** Draws the stretch of time that is selected over the charts on which it can be. */
export function mark(drawn, page, spans, offset) {
  const time = spans.get("time")?.map((micros) => micros / 1000 + offset);
  for (const panel of page.rows.flat()) {
    if (panel.spans !== "time") continue;
    for (const box of modelsOf(drawn, panel.root, "/chosen")) {
      box.setv(time ? { left: time[0], right: time[1], visible: true } : { visible: false });
    }
  }
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
