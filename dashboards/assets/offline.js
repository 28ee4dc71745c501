// A rendered file: the document stands in the page, nothing is asked of anybody.
(() => {
  const { document: json, page, frame } = JSON.parse(document.getElementById("whole").textContent);
  const make = (tag, look, words) => Object.assign(document.createElement(tag), { className: look, textContent: words ?? "" });
  const app = document.getElementById("app");
  const bar = make("div", "bar");
  const shown = (ms) => new Date(ms + frame.zone_s * 1000).toISOString().slice(0, 19).replace("T", " ");
  bar.append(make("h1", "", page.title), make("span", "lead", `${shown(frame.from)} – ${shown(frame.to)} (${frame.zone})`));
  const main = make("main", "");
  const roots = {};
  for (const panels of page.rows) {
    const stats = panels.length > 1 && panels.every((panel) => panel.kind === "stat");
    const row = make("div", stats ? "row stats" : "row");
    row.style.setProperty("--columns", panels.map((panel) => `minmax(0,${panel.wide}fr)`).join(" "));
    for (const panel of panels) {
      const card = make("section", "card");
      const header = document.createElement("header");
      card.dataset.kind = panel.kind;
      header.append(make("h2", "", panel.title));
      roots[panel.root] = make("div", "root");
      card.append(header, roots[panel.root]);
      row.append(card);
    }
    main.append(row);
  }
  app.append(bar, main);
  Bokeh.embed.embed_items({ page: json }, [{ docid: "page", roots, root_ids: json.roots.map((root) => root.id) }]).then(() => {
    app.dataset.ready = "true";
  });
})();
