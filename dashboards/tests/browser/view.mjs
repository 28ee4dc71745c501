// What a person sees of a dashboard: which time, whose clock, what colours, how live, and why a panel has no answer.
// Reads the address from the command line; asks the test that started it for changes by a line on stdout.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { browse, opened } from "./browser.mjs";
import { drag, placeOn, settled } from "./pointer.mjs";

const [address] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do something: `retitle`, `restore`. */
async function please(what) {
  process.stdout.write(`please ${what}\n`);
  assert.equal((await answers.next()).value, "done");
}

/** What stands in the address. */
const said = (page, name) => new URL(page.url()).searchParams.get(name);

const shownTime = (page) => page.evaluate(() => { const time = Bokeh.documents.at(-1).get_model_by_id("time"); return [time.start, time.end]; });

/** Waits until the address says so and everything is drawn. */
async function until(page, name, value) {
  await page.waitForFunction(([name, value]) => new URLSearchParams(location.search).get(name) === value, [name, value]);
  await settled(page);
}

async function aRangeIsChosen(page) {
  await page.keyboard.press("t");
  await page.locator(".presets .button", { hasText: /^1h$/ }).click();
  await until(page, "last", "1h");
  assert.equal(await page.textContent("#range .value"), "Last hour");
  const [from, to] = await shownTime(page);
  assert.equal(Math.round((to - from) / 60_000), 60);

  await page.keyboard.press("[");
  await page.waitForFunction(() => location.search.includes("from="));
  await settled(page);
  const earlier = await shownTime(page);
  assert.ok(Math.abs(earlier[0] - (from - 1_800_000)) < 60_000, `half an hour earlier: ${earlier[0] - from}`);
  await page.waitForSelector('.live[data-state="fixed"]'); // a time that is over does not go on; said once the stream is open

  await page.keyboard.press("t");
  await page.fill('.pop [aria-label="From"]', "yesterday");
  await page.keyboard.press("Enter");
  await page.locator(".pop [role=alert]", { hasText: "Write 2026-03-01 14:05" }).waitFor();
  assert.equal(await page.getAttribute('.pop [aria-label="From"]', "aria-invalid"), "true");
  await page.keyboard.press("Escape");
}

async function aZoneIsChosen(page) {
  await page.keyboard.press("t");
  await page.selectOption('.pop [aria-label="Time zone"]', "Asia/Tokyo");
  await until(page, "tz", "Asia/Tokyo");
  await page.keyboard.press("t");
  await page.fill('.pop [aria-label="From"]', "2026-03-01 14:05");
  await page.fill('.pop [aria-label="To"]', "2026-03-01 15:05");
  await page.keyboard.press("Enter");
  await until(page, "from", "2026-03-01T05:05:00.000Z");
  assert.equal(said(page, "to"), "2026-03-01T06:05:00.000Z");
  assert.deepEqual(await shownTime(page), [Date.UTC(2026, 2, 1, 14, 5), Date.UTC(2026, 2, 1, 15, 5)], "clocks in Tokyo");
  assert.equal(await page.textContent("#range .value"), "2026-03-01 14:05 – 15:05");
  assert.match(await page.getAttribute("#range", "title"), /Asia\/Tokyo/);
}

async function aFilterIsSearched(page) {
  await page.keyboard.press("/");
  await page.waitForSelector(".pop .item");
  await page.keyboard.type("web-3");
  assert.deepEqual(await page.$$eval(".pop .item:not([hidden])", (all) => all.map((item) => item.textContent)), ["web-3"]);
  await page.keyboard.press("Enter");
  await until(page, "host", "web-3");
  assert.equal(await page.textContent('.button[data-column="host"] .value'), "web-3");
}

const axisColour = (page) => page.evaluate(() => Bokeh.documents.at(-1).get_model_by_id("errors-by-host/x").major_label_text_color);
const LIGHT = "#5d6b7a", DARK = "#8e9baa";

async function themesChange(page) {
  await page.emulateMedia({ colorScheme: "light" });
  for (const [chosen, colour] of [["light", LIGHT], ["auto", LIGHT], ["dark", DARK], ["light", LIGHT], ["auto", LIGHT]]) {
    await page.keyboard.press("d");
    await until(page, "theme", chosen);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), chosen);
    assert.equal(await axisColour(page), colour, `charts are ${chosen}`);
  }
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction((dark) => Bokeh.documents.at(-1).get_model_by_id("errors-by-host/x").major_label_text_color === dark, DARK);
  await settled(page);
}

async function aLinkShowsTheSame(page) {
  await drag(page, await placeOn(page, 4, 0.3, 0.5), await placeOn(page, 4, 0.6, 0.55), "zoom");
  const look = async (page) => ({
    time: (await shownTime(page)).map(Math.round), range: await page.textContent("#range .value"), zone: await page.getAttribute("#range", "title"),
    host: await page.textContent('.button[data-column="host"] .value'), theme: await page.evaluate(() => document.documentElement.dataset.theme),
    rows: await page.evaluate(() => { const { data } = Bokeh.documents.at(-1).get_model_by_id("latest-errors/data"); return [...data.host].map((host, at) => `${host} ${data.time[at]}`); }),
  });
  const second = await opened(page.context(), page.url());
  await second.emulateMedia({ colorScheme: "dark" });
  const [mine, theirs] = [await look(page), await look(second)];
  assert.ok(mine.rows.length > 0 && mine.rows.every((row) => row.startsWith("web-3 ")), "rows are of the host chosen");
  assert.deepEqual(theirs, mine);
  await second.close();
}

async function aCrosshairStandsOnEveryChart(page) {
  await page.mouse.move(...await placeOn(page, 9, 0.45, 0.5));
  await page.mouse.move(...await placeOn(page, 9, 0.5, 0.5), { steps: 3 });
  await page.waitForFunction(() => {
    const { start, end } = Bokeh.documents.at(-1).get_model_by_id("time"), { location } = Bokeh.documents.at(-1).get_model_by_id("crosshair");
    return Math.abs((location - start) / (end - start) - 0.5) < 0.05;
  });
  const charts = await page.evaluate(() => [...Bokeh.documents.at(-1).all_models].filter(({ id, overlay }) => id.endsWith("/cross") && overlay.id === "crosshair").length);
  assert.ok(charts >= 2, `it is one line on ${charts} charts`);
}

async function aLegendHidesItsSeries(page) {
  const seen = () => page.evaluate(() => Bokeh.documents.at(-1).get_model_by_id("errors-by-host/legend").items[0].renderers.map(({ visible }) => visible));
  const name = page.locator('.card[data-index="4"] .bk-item').first();
  assert.ok((await seen()).every(Boolean));
  await name.click();
  await page.waitForFunction(() => Bokeh.documents.at(-1).get_model_by_id("errors-by-host/legend").items[0].renderers.every(({ visible }) => !visible));
  await name.click();
  assert.ok((await seen()).every(Boolean));
}

async function aTableSorts(page) {
  const hosts = () => page.$$eval('.card[data-kind="table"] .slick-row', (rows) => rows.sort((a, b) => a.offsetTop - b.offsetTop).map((row) => row.querySelectorAll(".slick-cell")[1].textContent));
  const head = page.locator('.card[data-kind="table"] .slick-header-column', { hasText: "host" });
  await head.click();
  const up = await hosts();
  assert.deepEqual(up, up.toSorted());
  await head.click();
  await page.waitForTimeout(200);
  const down = await hosts();
  assert.deepEqual(down, down.toSorted().reverse());
  assert.ok(up.length > 3 && up[0] !== down[0], `${up} ${down}`);
}

/** How many pages listen, as the service counts them. */
const listening = async () => Number(/^infralogs_dashboard_pages (\d+)/m.exec(await (await fetch(`${address}/metrics`)).text())[1]);

async function counts(wanted) {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await listening() === wanted) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${await listening()} pages listen, not ${wanted}`);
}

async function whoDoesNotLookAsksNothing(page) {
  await counts(1);
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await counts(0);
  await hide(false);
  await counts(1);

  await page.keyboard.press("p");
  await counts(0);
  assert.equal(await page.getAttribute(".live", "aria-pressed"), "true");
  assert.equal(await page.textContent(".live .word"), "Paused");
  const whole = [];
  page.on("request", (request) => request.url().includes("/d/fleet.json") && whole.push(request.url()));
  await please("retitle");
  await page.waitForTimeout(500);
  assert.equal(await page.textContent("h1"), "Fleet errors", "paused");
  await page.keyboard.press("p");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Renamed");
  assert.deepEqual(whole, [], "what was missed comes by revision, not all anew");
  await counts(1);
  await please("restore");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Fleet errors");
  const fresh = page.waitForRequest((request) => request.url().includes("fresh=1"));
  await page.keyboard.press("r");
  await fresh;
  await settled(page);
}

async function timeGoesOn(page) {
  const [, before] = await shownTime(page);
  await page.waitForFunction((before) => Bokeh.documents.at(-1).get_model_by_id("time").end > before, before, { timeout: 200_000 });
}

async function everyPanelSaysWhyItHasNoAnswer(context) {
  const page = await opened(context, `${address}/d/states?theme=light&tz=UTC`);
  const words = await page.$$eval(".card", (cards) => Object.fromEntries(cards.map((card) => {
    const root = Bokeh.documents.at(-1).get_model_by_id(card.querySelector(".root").dataset.root);
    const shown = getComputedStyle(Bokeh.index[root.id].el, "::after").content;
    const badge = card.querySelector(".badge");
    return [card.querySelector("h2").textContent, { shown, badge: badge.classList.contains("hidden") ? null : badge.title }];
  })));
  const expect = (title, shown, isTrouble) => {
    for (const kind of ["chart", "table"]) {
      const found = words[`${title}, ${kind}`];
      assert.match(found.shown, shown, title);
      assert.equal(found.shown.includes("⚠"), isTrouble, title);
      if (isTrouble) assert.match(found.badge, shown, title); else assert.equal(found.badge, null, title);
    }
  };
  expect("Empty", /Nothing happened/, false);
  expect("Away", /The database is away: no route to the replica/, true);
  expect("Slow", /Slow: the query took too long\. A shorter time or fewer hosts help/, true);
  expect("Refused", /The database refused us/, true);
  expect("Unknown", /no parser writes a table `nowhere`/, true);
  assert.equal(await page.textContent("#stale"), "Data is 3 min old");
  await page.close();
}

await browse(async (context, said) => {
  const elsewhere = [];
  context.on("request", (request) => !request.url().startsWith(address) && !/^(data|blob):/.test(request.url()) && elsewhere.push(request.url()));
  const page = await opened(context, `${address}/d/fleet?theme=dark&tz=UTC`);
  await everyPanelSaysWhyItHasNoAnswer(context);
  await aRangeIsChosen(page);
  await aZoneIsChosen(page);
  await aFilterIsSearched(page);
  await themesChange(page);
  await aLinkShowsTheSame(page);
  await page.goto(`${address}/d/fleet?theme=dark&tz=UTC`);
  await page.waitForSelector('#app[data-ready="true"]');
  await aCrosshairStandsOnEveryChart(page);
  await aLegendHidesItsSeries(page);
  await aTableSorts(page);
  await whoDoesNotLookAsksNothing(page);
  await timeGoesOn(page);
  await page.close();
  assert.deepEqual(elsewhere, [], "nothing is asked of anybody else");
  assert.deepEqual(said.filter((line) => !line.includes("503")), [], "nothing is said on the console");
});
process.stdout.write("please end\n");
process.exit(0);
