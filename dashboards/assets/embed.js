// Draws a dashboard on a page of another site: autoload.js calls this with what it needs to know.
async (facts) => {
  const script = document.getElementById(facts.element);
  if (!script) return console.warn(`Infralogs: there is no element ${facts.element} to draw in`);
  const make = (tag, look, words) => Object.assign(document.createElement(tag), { textContent: words ?? "" }, { style: look });
  const [page, card, edge, text] = facts.light ? ["#f4f6f9", "#ffffff", "#e1e6ec", "#1c2733"] : ["#0f1216", "#171d25", "#262f3a", "#e3e9f0"];
  const font = "Inter, system-ui, sans-serif";
  const sheet = make("div", `padding:12px;border-radius:10px;background:${page};color:${text};font:14px/1.5 ${font};box-sizing:border-box`);
  sheet.dataset.infralogs = facts.page?.name ?? "";
  script.replaceWith(sheet);
  if (facts.trouble) return sheet.append(make("p", "margin:0", facts.trouble));
  const server = facts.server ?? "";

  /** BokehJS once a page, also if it shows several dashboards. */
  const load = () => facts.bokeh.reduce((before, path) => before.then(() => new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: server + path, onload: done });
    script.onerror = () => failed(new Error(`BokehJS can't be loaded from ${server}`));
    document.head.append(script);
  })), Promise.resolve());

  const roots = {};
  facts.page.rows.forEach((panels, at) => {
    const row = make("div", `display:grid;gap:12px;margin-bottom:12px;grid-template-columns:${panels.map((panel) => `minmax(0,${panel.wide}fr)`).join(" ")}`);
    panels.forEach((panel, nth) => {
      const box = make("section", `min-width:0;background:${card};border:1px solid ${edge};border-radius:10px`);
      if (panel.kind !== "text") box.append(make("h3", `margin:0;padding:10px 14px 0;font:600 13px/1.5 ${font};color:inherit`, panel.title));
      const root = make("div", "min-width:0;padding:4px 12px 12px");
      root.id = roots[panel.root] = `${facts.element}-${at}-${nth}`;
      box.append(root);
      row.append(box);
    });
    sheet.append(row);
  });
  const whole = make("a", "color:inherit;font-size:12px", `${facts.page.title}: the whole dashboard`);
  Object.assign(whole, { href: server + facts.path, target: "_blank", rel: "noopener" });
  sheet.append(whole);

  try {
    window.infralogsBokeh ??= window.Bokeh ? Promise.resolve() : load();
    await window.infralogsBokeh;
    if (Bokeh.version !== facts.version) console.warn(`Infralogs: this page has BokehJS ${Bokeh.version}, the dashboard is made for ${facts.version}`);
    await Bokeh.embed.embed_items({}, [{ token: facts.token, roots, root_ids: Object.keys(roots) }], facts.path, server || undefined);
    sheet.dataset.drawn = "true";
  } catch (error) {
    sheet.replaceChildren(make("p", "margin:0", error.message));
  }
}
