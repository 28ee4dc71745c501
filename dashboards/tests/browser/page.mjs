// What a person does on a page, one scene after the other. Reads the address from the command line; asks the test
// that started it for changes by a line on stdout, and goes on when it answers with a line.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { browse, look, opened } from "./browser.mjs";

const [address, file] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do something: `rename`, `break`, `mend`. */
async function please(what) {
  process.stdout.write(`please ${what}\n`);
  assert.equal((await answers.next()).value, "done");
}

async function everyPanelIsDrawn(context) {
  const page = await opened(context, `${address}/d/fleet?theme=dark&tz=UTC`);
  const panels = await page.$$eval(".card", (cards) => cards.map((card) => ({ index: card.dataset.index, kind: card.dataset.kind })));
  assert.equal(panels.length, 11);
  for (const { index, kind } of panels) {
    const { inked, words, rows } = await look(page.locator(`.card[data-index="${index}"]`));
    if (kind === "table") assert.ok(rows > 5, `panel ${index} has rows`);
    else if (kind === "stat") assert.match(words, /\d/, `panel ${index} shows a number`);
    else if (index !== "8") assert.ok(inked, `panel ${index} (${kind}) is drawn`);
  }
  assert.equal(await page.textContent('.card[data-index="8"] .badge'), "no answer");
  assert.equal(await page.textContent("#stale"), "Data is 3 min old");
  return page;
}

const zoomOf = (page) => page.evaluate(() => {
  const time = Bokeh.documents.at(-1).get_model_by_id("time");
  return [time.start, time.end];
});

async function zoomStaysThroughAnEdit(page) {
  const whole = await zoomOf(page);
  const box = await page.locator('.card[data-index="4"] .root').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2 + 4, { steps: 6 });
  await page.mouse.up();
  await page.waitForFunction(() => location.search.includes("zoom="));
  const zoomed = await zoomOf(page);
  assert.ok(zoomed[1] - zoomed[0] < (whole[1] - whole[0]) / 3, "dragging zooms");

  await please("rename");
  const since = Date.now();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Renamed" && document.querySelector("#panel-4").textContent === "Renamed panel", null, { polling: 20 });
  console.error(`edit to tab: ${Date.now() - since} ms`);
  assert.deepEqual(await zoomOf(page), zoomed, "the zoom stays");

  await please("rebuild");
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 1, null, { polling: 20 });
  await page.waitForFunction(() => document.querySelector(".sheet[data-drawn]"));
  assert.deepEqual(await zoomOf(page), zoomed, "also when everything is drawn anew");
  await please("restore");
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 11);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !location.search.includes("zoom="));
}

async function aBrokenLayoutStandsOverTheLastGood(page) {
  await please("break");
  await page.waitForSelector(".problem .place");
  assert.equal(await page.textContent(".problem .place"), "dashboards/fleet.rhai:7:3");
  assert.match(await page.textContent(".problem"), /unknown table `lgos`.*did you mean `logs`\?/s);
  assert.equal(await page.$$eval(".card", (cards) => cards.length), 11, "the last good one goes on");
  await please("mend");
  await page.waitForSelector(".problem", { state: "detached" });
}

async function aPickFiltersAndStandsInTheAddress(page) {
  await page.keyboard.press("/");
  await page.click('.pop .item[data-value="web-2"] .text');
  await page.waitForFunction(() => location.search.includes("host=web-2"));
  await page.waitForFunction(() => document.querySelector('.button[data-column="host"] .value').textContent === "web-2");
  await page.waitForFunction(() => !document.querySelector(".busy"));
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes("host="));
}

async function aTapOnABarNarrowsWhatFollows(page) {
  const root = await page.getAttribute('.card[data-index="5"] .root', "data-root");
  const bar = await page.evaluate((root) => {
    const view = Bokeh.index[root] ?? Bokeh.index.get_by_id(root);
    view.el.scrollIntoView({ block: "center" });
    const { x, y } = view.canvas_view.el.getBoundingClientRect(), frame = view.frame;
    return { x: x + frame.x_scale.compute(view.model.x_range.end * 0.02), y: y + frame.y_scale.compute(0) };
  }, root);
  await page.mouse.click(bar.x, bar.y);
  await page.waitForFunction(() => location.search.includes("service="));
  const chosen = await page.evaluate(() => new URLSearchParams(location.search).get("service"));
  assert.equal(await page.textContent('.button[data-column="service"] .value'), chosen, "the hostile name stands there as text");
  await page.waitForFunction(() => !document.querySelector(".busy"));
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes("service=") && !document.querySelector(".busy"));
}

async function aRowOpensItsEntry(page) {
  await page.waitForSelector('.card[data-kind="table"] .slick-row');
  await page.locator('.card[data-kind="table"] .slick-row').first().click();
  await page.waitForSelector(".entry dt");
  await page.waitForFunction(() => [...document.querySelectorAll(".entry dt")].some((name) => name.textContent === "seqnum"));
  assert.match(await page.textContent(".entry"), /<img src=x|<script>|<svg|<iframe|javascript:|<math>/);
  await page.keyboard.press("Escape");
  await page.waitForSelector(".entry", { state: "detached" });
}

async function hostileTextStaysText(context) {
  await please("hostile");
  const page = await opened(context, `${address}/d/hostile?theme=light`);
  const title = await page.textContent("h1");
  assert.match(title, /<img src=x onerror=/);
  await page.keyboard.press("/");
  await page.waitForSelector(".pop .item");
  assert.match(await page.textContent(".pop .list"), /<script>/);
  await page.keyboard.press("Escape");
  for (const card of await page.$$(".card")) {
    const { words } = await look(card);
    if (await card.getAttribute("data-kind") === "table") assert.match(words, /<img src=x/);
  }
  const box = await page.locator(".card[data-kind=lines] .root").boundingBox();
  for (let step = 0; step < 12; step += 1) await page.mouse.move(box.x + (box.width * step) / 12, box.y + box.height / 2);
  const made = await page.evaluate(() => {
    const found = [];
    const walk = (node) => {
      if (["SCRIPT", "IMG", "IFRAME", "SVG"].includes(node.tagName) && /x|pwned/.test(node.getAttribute("src") ?? "")) found.push(node.outerHTML);
      for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) walk(child);
    };
    walk(document.body);
    return { found, pwned: globalThis.pwned ?? null };
  });
  assert.deepEqual(made, { found: [], pwned: null });
  await page.close();
  await please("restore");
}

async function aPhoneHasOneColumn(context) {
  const page = await opened(context, `${address}/d/fleet`);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth);
  const lefts = await page.$$eval(".row:not(.stats) .card", (cards) => new Set(cards.map((card) => Math.round(card.getBoundingClientRect().left))).size);
  assert.equal(lefts, 1);
  await page.close();
}

async function aRenderedFileNeedsNothing(context) {
  const page = await opened(context, `file://${file}`);
  assert.equal(await page.$$eval(".card", (cards) => cards.length), 11);
  assert.ok(await page.evaluate(() => Bokeh.documents.length > 0));
  await page.close();
}

await browse(async (context, said) => {
  const page = await everyPanelIsDrawn(context);
  await zoomStaysThroughAnEdit(page);
  await aBrokenLayoutStandsOverTheLastGood(page);
  await aPickFiltersAndStandsInTheAddress(page);
  await aTapOnABarNarrowsWhatFollows(page);
  await aRowOpensItsEntry(page);
  await page.close();
  await aPhoneHasOneColumn(context);
  await hostileTextStaysText(context);
  await aRenderedFileNeedsNothing(context);
  assert.deepEqual(said, [], "nothing is said on the console");
});
process.stdout.write("please end\n");
process.exit(0);
