// Two sites show the same dashboard by Python's tag; one of them is listed. Arguments: where the dashboards are, the
// ports of the listed and the other site. The tag comes on stdin, and then the answers to what is asked of the test.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { browse } from "./browser.mjs";

const [address, listed, other] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;
const tag = JSON.parse(await next());

async function please(what) {
  process.stdout.write(`please ${what}\n`);
  assert.equal(await next(), "done");
}

// The second copy of the tag is what a wiki with two dashboards on a page has; the question is the site's own.
const copy = tag.replaceAll(/(?<=id="|autoload-element=)[^"&]+/g, "second");
const html = `<!doctype html><meta charset="utf-8"><title>A wiki</title><link rel="icon" href="data:,"><h1>Runbook</h1>${tag}${copy}`;
const sites = [listed, other].map((port) => createServer(({ url }, answer) => answer.setHeader("content-type", "text/html").end(url === "/empty" ? "<!doctype html><link rel=icon href=data:,>" : html)).listen(port, "127.0.0.1"));

async function theListedSiteDraws(context) {
  const page = await context.newPage();
  const sockets = [];
  page.on("websocket", (socket) => sockets.push({ socket, closed: new Promise((done) => socket.on("close", done)) }));
  await page.goto(`http://127.0.0.1:${listed}/page?id=7&host=none-of-ours`);
  await page.waitForFunction(() => document.querySelectorAll("[data-infralogs][data-drawn]").length === 2, null, { timeout: 60_000 });
  const drawn = await page.evaluate(() => {
    const canvases = [];
    const walk = (node) => {
      if (node.tagName === "CANVAS" && node.width > 0) canvases.push(node);
      for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) walk(child);
    };
    walk(document.querySelector("[data-infralogs]"));
    const inked = canvases.filter((canvas) => {
      const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
      copy.getContext("2d").drawImage(canvas, 0, 0);
      return copy.getContext("2d").getImageData(0, 0, copy.width, copy.height).data.some((value) => value > 0);
    });
    return { inked: inked.length, heads: document.querySelectorAll("[data-infralogs] h3").length, titles: Bokeh.documents.map((it) => it.title()), heading: document.title };
  });
  assert.ok(drawn.inked > 5, `charts are drawn: ${drawn.inked}`);
  assert.deepEqual([drawn.heads, drawn.titles, drawn.heading], [22, ["Fleet errors", "Fleet errors"], "A wiki"]);
  await please("rename");
  await page.waitForFunction(() => Bokeh.documents.every((it) => it.title() === "Renamed"));
  return { page, sockets };
}

async function theOtherSiteDoesNot(context) {
  const page = await context.newPage();
  const asked = page.waitForEvent("requestfailed", (request) => request.url().includes("/autoload.js"));
  await page.goto(`http://127.0.0.1:${other}/`);
  await asked;
  assert.equal(await page.$("[data-infralogs]"), null);
  assert.equal(await page.evaluate(() => typeof Bokeh), "undefined");
  await page.close();
}

/** Whether a page may open the conversation with this token. */
const opens = (page, token, name = "fleet") => page.evaluate(([url, token]) => new Promise((done) => {
  const socket = new WebSocket(url, ["bokeh", token]);
  socket.onmessage = () => done(true);
  socket.onclose = () => done(false);
}), [`${address.replace("http", "ws")}/d/${name}/ws`, token]);

async function aTokenOpensItsDashboardForListedSitesOnly(context) {
  const [, src] = /open\('GET', "([^"]+)"/.exec(tag);
  const [, bearer] = /"(Bearer [^"]+)"/.exec(tag);
  const script = await (await fetch(src, { headers: { authorization: bearer } })).text();
  const [, token] = /"token":"([^"]+)"/.exec(script);
  assert.ok(!script.includes(bearer.slice(7)) && !Buffer.from(token, "base64url").toString().includes(bearer.slice(7)), "what signs in stays where it was");
  const pages = [];
  for (const port of [listed, other]) {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/empty`);
    pages.push(page);
  }
  assert.equal(await opens(pages[0], token), true);
  assert.equal(await opens(pages[0], token, "small"), false, "another dashboard");
  assert.equal(await opens(pages[1], token), false, "a site that is not listed");
  for (const page of pages) await page.close();
}

await browse(async (context) => {
  const { page, sockets } = await theListedSiteDraws(context);
  await theOtherSiteDoesNot(context);
  await aTokenOpensItsDashboardForListedSitesOnly(context);
  await please("revoke");
  assert.equal(sockets.length, 2);
  await Promise.all(sockets.map(({ closed }) => closed));
  await page.close();
});
for (const site of sites) site.close();
process.exit(0);
