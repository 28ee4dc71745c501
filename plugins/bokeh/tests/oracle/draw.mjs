// Draws documents in Chromium as the dashboard's page does, under its Content-Security-Policy, and says what happened.
//
// usage: node draw.mjs TOOLS TASKS.json
//   TOOLS       the folder that setup.sh made
//   TASKS.json  [{name, document, theme, width?, patch?, shot?, hover?}], documents and patches as files
// Prints one JSON object by name: what the console said, the roots drawn, tooltips, the document after the patch.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const [tools, tasksFile] = process.argv.slice(2);
const require = createRequire(path.resolve(tools, 'package.json'));
const { chromium } = require('playwright-core');
const bokeh = path.join(tools, 'node_modules/@bokeh/bokehjs/build/js');
const scripts = ['bokeh', 'bokeh-widgets', 'bokeh-tables'].map(name => `${name}.min.js`);
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'";

const css = `
  body { margin: 0; padding: 20px; font: 14px Inter, system-ui, sans-serif; background: #f4f6f9; color: #1c2733 }
  .dark { background: #0e1318; color: #e3e9f0 }
  main { display: grid; grid-template-columns: repeat(12, 1fr); gap: 16px }
  .card { background: #fff; border: 1px solid #e3e8ee; border-radius: 12px; padding: 12px 16px; min-width: 0 }
  .dark .card { background: #171d25; border-color: #232c37 }
  .bk-Tooltip { border-radius: 8px; border: 1px solid #d8dee6; box-shadow: 0 6px 20px #0003 }
  .dark ~ .bk-Tooltip, .dark .bk-Tooltip { border-color: #2f3a47 }
  h2 { font-size: 13px; font-weight: 600; margin: 0 0 8px; opacity: .8 }`;

// What the page does: a card with a heading for each root, then all roots embedded at once.
const app = `
  window.show = async (doc, layout) => {
    const main = document.querySelector('main');
    const roots = {};
    layout.forEach(({ id, title, span }) => {
      const card = document.createElement('section'), heading = document.createElement('h2'), box = document.createElement('div');
      card.className = 'card'; card.style.gridColumn = 'span ' + span; heading.textContent = title;
      card.append(heading, box); main.append(card); roots[id] = box;
    });
    await Bokeh.embed.embed_items({ d: doc }, [{ docid: 'd', root_ids: Object.keys(roots), roots }]);
    window.shown = Bokeh.documents.at(-1);
    await window.quiet();
  };
  window.quiet = async () => {
    if (!shown.is_idle) await new Promise(done => shown.idle.connect(done));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
  };`;

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>drawing</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">${scripts.map(name => `<script src="/${name}"></script>`).join('')}<script src="/app.js"></script>
</head><body><main></main></body></html>`;

const server = http.createServer((request, response) => {
  const name = path.basename(new URL(request.url, 'http://x').pathname);
  const files = { '': ['text/html', page], 'page.css': ['text/css', css], 'app.js': ['text/javascript', app] };
  const [type, body] = files[name] ?? ['text/javascript', scripts.includes(name) ? fs.readFileSync(path.join(bokeh, name)) : ''];
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': csp, 'cache-control': 'max-age=3600' });
  response.end(body);
});
await new Promise(done => server.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${server.address().port}/`;

const executablePath = process.env.INFRALOGS_CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
const tab = await browser.newPage();
let messages = [];
tab.on('console', message => messages.push(`${message.type()}: ${message.text()}`));
tab.on('pageerror', error => messages.push(`error: ${error.message}`));
tab.on('requestfailed', request => messages.push(`failed: ${request.url()}`));
tab.on('dialog', dialog => { messages.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
const report = {};
for (const task of JSON.parse(fs.readFileSync(tasksFile))) {
  messages = [];
  report[task.name] = { messages, ...await draw(task) };
}
await browser.close();
server.close();
console.log(JSON.stringify(report));

async function draw(task) {
  await tab.setViewportSize({ width: task.width ?? 1280, height: 900 });
  await tab.mouse.move(0, 0);
  await tab.goto(address);
  await tab.evaluate(theme => document.body.classList.add(theme), task.theme);
  const { document: doc, layout } = JSON.parse(fs.readFileSync(task.document));
  const said = {};
  await tab.evaluate(([doc, layout]) => window.show(doc, layout), [doc, layout]);
  said.roots = await tab.evaluate(() => shown.roots().filter(root => {
    const box = Bokeh.index.get_by_id(root.id)?.el.getBoundingClientRect();
    return box && box.width > 50 && box.height > 10;
  }).map(root => root.id));
  if (task.patch) {
    const patch = JSON.parse(fs.readFileSync(task.patch));
    await tab.evaluate(async patch => { shown.apply_json_patch(patch); await quiet(); }, patch);
    await tab.waitForTimeout(100);
    await tab.evaluate(() => quiet());
    said.patched = await tab.evaluate(() => shown.to_json(false));
  }
  if (task.hover) said.hover = await hover(tab, task.hover);
  said.texts = await tab.evaluate(texts);
  if (task.shot) await tab.screenshot({ path: task.shot, fullPage: true });
  return said;
}

// Points at the middle of a plot; what its tooltip says.
async function hover(tab, id) {
  const box = await tab.evaluate(id => {
    const view = Bokeh.index.get_by_id(id);
    view.el.scrollIntoView({ block: 'center' });
    const canvas = view.canvas_view.el.getBoundingClientRect(), frame = view.frame.bbox;
    return { x: canvas.x + frame.left, y: canvas.y + frame.top, w: frame.width, h: frame.height };
  }, id);
  await tab.mouse.move(box.x + box.w * 0.4, box.y + box.h * 0.4);
  await tab.mouse.move(box.x + box.w * 0.5, box.y + box.h * 0.5, { steps: 4 });
  await tab.waitForTimeout(250);
  return tab.evaluate(() => {
    const found = [];
    const walk = node => {
      if (node.classList?.contains('bk-tooltip-content')) found.push(node.innerText);
      for (const child of [...(node.shadowRoot?.children ?? []), ...(node.children ?? [])]) walk(child);
    };
    walk(document.body);
    return found;
  });
}

// All text of the page, shadow roots included, and whether anything hostile became an element.
function texts() {
  const words = [], hostile = [];
  const walk = node => {
    if (node.nodeType == 3) words.push(node.data);
    if (['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'FORM'].includes(node.nodeName) && !node.src?.startsWith(location.origin)) hostile.push(node.outerHTML);
    for (const { name } of node.attributes ?? []) if (name.startsWith('on')) hostile.push(node.outerHTML);
    if (node.nodeName == 'STYLE') return;
    for (const child of [...(node.shadowRoot?.childNodes ?? []), ...(node.childNodes ?? [])]) walk(child);
  };
  walk(document.documentElement);
  return { words: words.join(' '), hostile };
}
