// A panel as a picture: what Bokeh draws as it draws it, numbers and tables as the browser shows them.

import { el } from "./dom.js";

/** Saves a panel's picture, `png` or `svg`, on the colour of its card. */
export async function savePicture(view, panel, kind) {
  const drawn = view.model.type !== "Div" && view.model.type !== "DataTable";
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
  const blob = await (kind === "svg" ? asSvg(view, drawn, ground) : asPng(view, drawn, ground));
  const link = el("a", { href: URL.createObjectURL(blob), download: `${panel.title}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function asSvg(view, drawn, ground) {
  const text = drawn ? await (await view.export("svg").to_blob()).text() : shown(view);
  return new Blob([text.replace(/<svg[^>]*>/, (head) => `${head}<rect width="100%" height="100%" fill="${ground}"/>`)], { type: "image/svg+xml" });
}

async function asPng(view, drawn, ground) {
  const { width, height } = view.el.getBoundingClientRect();
  const scale = Math.max(2, devicePixelRatio);
  const canvas = el("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = ground;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(drawn ? view.export("png").canvas : await image(shown(view)), 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** What the browser shows of a view, as an SVG that holds the same elements and their styles. */
function shown(view) {
  const { width, height } = view.el.getBoundingClientRect();
  const inner = document.implementation.createHTMLDocument("").createElement("div");
  inner.className = "host";
  inner.setAttribute("style", `width:${width}px;height:${height}px;position:relative;overflow:hidden`);
  const sheets = [...view.shadow_el.adoptedStyleSheets, ...[...view.shadow_el.querySelectorAll("style")].map(({ sheet }) => sheet)];
  const rules = sheets.flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
  const style = document.createElement("style");
  style.textContent = rules.replaceAll(/:host(\(([^)]*)\))?/g, ".host$2");
  inner.append(style, ...[...view.shadow_el.children].filter(({ tagName }) => tagName !== "STYLE").map((child) => child.cloneNode(true)));
  const words = new XMLSerializer().serializeToString(inner);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${words}</foreignObject></svg>`;
}

async function image(svg) {
  const made = new Image();
  made.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await made.decode();
  return made;
}
