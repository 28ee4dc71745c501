// When a page's panels are painted, in milliseconds from the beginning of the navigation: ours and Python's two in turn,
// in one browser whose cache has all scripts. Arguments: our page's address, Python's file of the same document, its file
// of plain panels, how many rounds. Prints JSON.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { browse } from "../tests/browser/browser.mjs";

const [ours, same, plain, rounds] = process.argv.slice(2);
const bundles = join(dirname(fileURLToPath(import.meta.url)), "../node_modules/@bokeh/bokehjs/build/js");

// Python's pages as a server gives files: zipped beforehand, scripts kept by the browser.
const pages = new Map([["/same", same], ["/plain", plain]].map(([path, file]) => [path, gzipSync(readFileSync(file))]));
const scripts = new Map();
const script = (name) => scripts.get(name) ?? scripts.set(name, brotliCompressSync(readFileSync(join(bundles, name)))).get(name);
const peer = createServer(({ url }, answer) => {
  const name = /^\/bokeh\/(bokeh[a-z-]*\.min\.js)$/.exec(url)?.[1];
  if (name) return answer.writeHead(200, { "content-type": "text/javascript", "content-encoding": "br", "cache-control": "public, max-age=31536000, immutable" }).end(script(name));
  const html = pages.get(url);
  if (!html) return answer.writeHead(404).end();
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-encoding": "gzip" }).end(html);
}).listen(0, "127.0.0.1");
await new Promise((done) => peer.once("listening", done));
const python = `http://127.0.0.1:${peer.address().port}`;

/** Notes when every root of every document has been painted, by Bokeh's own word and the frame after it. */
function watch() {
  const look = () => {
    const drawn = globalThis.Bokeh?.documents ?? [];
    if (drawn.length > 0 && drawn.every((one) => one.roots().length > 0 && one.is_idle)) requestAnimationFrame(() => setTimeout(() => { globalThis.paintedAt = performance.now(); }));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

const took = { ours: [], same: [], plain: [] };
const address = { ours: `${ours}?theme=light&tz=UTC`, same: `${python}/same`, plain: `${python}/plain` };
await browse(async (context, said) => {
  await context.addInitScript(watch);
  const open = async (address) => {
    const page = await context.newPage();
    await page.goto(address, { waitUntil: "commit" });
    await page.waitForFunction(() => globalThis.paintedAt, null, { timeout: 120_000 });
    const at = await page.evaluate(() => globalThis.paintedAt);
    await page.waitForTimeout(300); // what comes after must not disturb the next
    await page.close();
    return at;
  };
  for (let round = 0; round <= Number(rounds); round += 1) {
    const all = Object.keys(took);
    for (const who of all.map((_, at) => all[(at + round) % all.length])) {
      await (await fetch(`${ours}.json?theme=light&tz=UTC`)).arrayBuffer(); // the document is there, as Python's is
      const at = await open(address[who]);
      if (round > 0) took[who].push(at); // the first round fills the browser's cache
    }
  }
  if (said.length > 0) console.error(said);
}, { viewport: { width: 1440, height: 1000 }, colorScheme: "light" });
console.log(JSON.stringify(took));
process.exit(0);
