// What a person does with one panel: selects on it, saves it, reads it as a table, reaches it by keys. Reads the address
// from the command line.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { browse, opened } from "./browser.mjs";
import { back, chips, drag, placeOn, settled } from "./pointer.mjs";

const [address] = process.argv.slice(2);

async function aStretchOfTimeNarrowsWhatFollows(page) {
  const asked = page.waitForRequest((request) => request.url().includes("between=time"), { timeout: 120_000 });
  const [from, to] = [await placeOn(page, 4, 0.25, 0.5), await placeOn(page, 4, 0.5, 0.55)];
  const times = await drag(page, from, to, "between", "Shift");
  await asked;
  const [, first, last] = /between=time~(\d+)~(\d+)/.exec(page.url());
  const shown = await page.evaluate(() => { const time = Bokeh.documents.at(-1).get_model_by_id("time"); return [time.start, time.end]; });
  const share = (micros) => (micros / 1000 - shown[0]) / (shown[1] - shown[0]);
  assert.ok(Math.abs(share(first) - 0.25) < 0.03 && Math.abs(share(last) - 0.5) < 0.03, `a quarter to a half: ${share(first)} ${share(last)}`);
  assert.ok(!page.url().includes("zoom="), "it does not zoom");
  await settled(page);
  assert.deepEqual(Object.keys(await chips(page)), ["time"]);
  const drawn = await page.evaluate(() => [...Bokeh.documents.at(-1).all_models].filter(({ id, visible }) => id.endsWith("/chosen") && visible).map(({ left, right }) => [left, right]));
  assert.deepEqual(drawn.map((ends) => ends.map((ms) => Math.round(ms))), [[Number(first), Number(last)].map((micros) => Math.round(micros / 1000))], "it stands on its chart");

  const second = await opened(page.context(), page.url());
  assert.deepEqual(Object.keys(await chips(second)), ["time"], "a link shows the same");
  await second.close();
  await back(page, "between", times);
  assert.deepEqual(await chips(page), {});

  await drag(page, await placeOn(page, 4, 0.3, 0.5), await placeOn(page, 4, 0.6, 0.55), "zoom");
  await page.getByRole("button", { name: "Filter tables" }).click();
  await page.waitForFunction(() => location.search.includes("between=time"));
  await settled(page);
  await page.click("[data-chip=time]");
  await page.waitForFunction(() => !location.search.includes("between="));
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !location.search.includes("zoom="));
  await settled(page);
}

async function barsThatAreDraggedOverAreChosenTogether(page) {
  const times = await drag(page, await placeOn(page, 5, 0.01, 0.02), await placeOn(page, 5, 0.1, 0.3), "service");
  await page.waitForFunction(() => new URLSearchParams(location.search).getAll("service").length > 1);
  await settled(page);
  assert.match(await page.textContent('.button[data-column="service"] .value'), /\+\d/);
  await back(page, "service", times + 1); // a drag that is too slow ends as a tap on the first bar
}

/** Opens a panel's menu and takes what is called so; gives what it downloads. */
async function taken(page, title, name) {
  await page.getByRole("button", { name: `Save or show as a table: ${title}` }).first().focus();
  await page.keyboard.press("Enter");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(".pop").getByText(name).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

async function aPanelIsSaved(page) {
  const json = JSON.parse((await taken(page, "Errors by host", "Save as JSON")).bytes);
  assert.deepEqual(json.columns.map(({ name }) => name), ["time", "host", "count"]);
  assert.ok(json.rows.length > 100);
  const csv = (await taken(page, "Errors by host", "Save as CSV")).bytes.toString();
  const lines = csv.trimEnd().split("\r\n");
  assert.equal(lines[0], "time,host,count");
  assert.ok(lines.length > 100);
  const kept = json.rows.slice(200, 1000).filter((row) => lines.includes(row.join(",")));
  assert.ok(kept.length > 700, `the same rows, though time moved on: ${kept.length}`);

  for (const title of ["Errors by host", "Errors", "Latest errors"]) {
    const png = await taken(page, title, "Save as PNG");
    assert.equal(png.name, `${title}.png`);
    assert.deepEqual([...png.bytes.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
    const svg = (await taken(page, title, "Save as SVG")).bytes.toString();
    const look = await page.evaluate(async ([svg, png]) => {
      const drawn = async (url) => {
        const image = new Image();
        image.src = url;
        await image.decode();
        const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
        const pen = canvas.getContext("2d");
        pen.drawImage(image, 0, 0);
        const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
        const colours = new Set();
        for (let at = 0; at < data.length; at += 4) colours.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
        return { width: image.width, colours: colours.size, opaque: data[3] === 255 };
      };
      const error = new DOMParser().parseFromString(svg, "image/svg+xml").querySelector("parsererror");
      return { error: error?.textContent ?? null, svg: await drawn(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`), png: await drawn(`data:image/png;base64,${png}`) };
    }, [svg, png.bytes.toString("base64")]);
    assert.equal(look.error, null);
    for (const picture of [look.svg, look.png]) assert.ok(picture.width > 100 && picture.colours > 20 && picture.opaque, `${title}: ${JSON.stringify(look)}`);
  }
}

async function everyChartHasWordsAndATable(page) {
  const cards = await page.$$eval(".card", (all) => all.map((card) => ({ index: card.dataset.index, kind: card.dataset.kind, title: card.querySelector("h2").textContent })));
  for (const { index, kind, title } of cards) {
    const card = page.locator(`.card[data-index="${index}"]`);
    assert.equal(await page.getByRole("region", { name: title, exact: true }).count() > 0, true, `${title} is a region`);
    const words = await card.locator(".root").evaluate((root) => {
      const found = [];
      const walk = (node) => {
        if (node.getAttribute("aria-label")) found.push([node.getAttribute("role"), node.getAttribute("aria-label")]);
        for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) walk(child);
      };
      walk(root);
      return found;
    });
    const said = words.find(([, label]) => label.includes(title));
    assert.ok(said, `${title} (${kind}) says what it is: ${JSON.stringify(words)}`);
    if (!["table", "heat"].includes(kind) && index !== "8") assert.match(said[1], /\d/, `${title} says numbers`);
    // By keys alone: the panel, its table, back.
    await card.focus();
    await page.keyboard.press("v");
    if (index === "8") { await card.locator(".plain-table .none").waitFor(); await page.keyboard.press("v"); continue; }
    const head = card.locator(".plain-table th[scope=col]").first();
    await head.waitFor();
    assert.equal(await card.locator(".plain-table caption").textContent(), title);
    assert.ok((await card.locator(".plain-table tbody tr").count()) > 0, `${title} has rows`);
    await page.keyboard.press("v");
    await head.waitFor({ state: "detached" });
    assert.ok(await card.locator(".root").isVisible());
  }
}

async function keysAreListedAndWork(page) {
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await sheet.waitFor();
  const keys = await sheet.locator("kbd").allTextContents();
  for (const key of ["t", "/", "r", "p", "f", "v", "j", "k", "d", "?", "Escape", "Shift + drag"]) assert.ok(keys.includes(key), `${key} is listed: ${keys}`);
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "detached" });
  await page.evaluate(() => document.activeElement.blur());
  const focused = () => page.evaluate(() => document.activeElement.dataset.index);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await focused(), "1");
  await page.keyboard.press("k");
  assert.equal(await focused(), "0");
  await page.keyboard.press("f");
  await page.waitForSelector('.card.full[data-index="0"]');
  await page.keyboard.press("Escape");
  await page.waitForSelector(".card.full", { state: "detached" });
  const reached = [];
  for (let tabs = 0; tabs < 2; tabs += 1) { // the title may lead to the rows behind it
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.ariaLabel));
  }
  assert.ok(reached.some((label) => label?.startsWith("Save or show as a table: ")), `buttons come next: ${reached}`);
}

async function headsStandOverTheirNumbersAndTintsFillTheirRows(context) {
  const page = await opened(context, `${address}/d/lists?theme=light`);
  await page.waitForSelector(".slick-row");
  const found = await page.evaluate(() => {
    const all = (selector) => {
      const out = [];
      const walk = (node) => {
        if (node.matches?.(selector)) out.push(node);
        for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) walk(child);
      };
      walk(document.body);
      return out;
    };
    const words = (node) => { const range = document.createRange(); range.selectNodeContents(node); return range.getBoundingClientRect(); };
    const heads = all(".slick-column-name"), rows = all(".slick-row");
    const cut = heads.filter((head) => head.scrollWidth > head.clientWidth + 1).map((head) => head.textContent);
    const ends = [1, 2].map((at) => words(heads[at]).right - words(rows[0].querySelectorAll(".slick-cell")[at].firstChild).right);
    const tinted = rows.map((row) => [...row.querySelectorAll(".slick-cell")].map((cell) => {
      const { height } = cell.firstChild.getBoundingClientRect();
      return height > 20 && getComputedStyle(cell.firstChild).backgroundColor !== "rgba(0, 0, 0, 0)";
    }));
    return { names: heads.map((head) => head.textContent), cut, ends, tinted };
  });
  assert.deepEqual(found.names, ["host", "lag ms", "unreadable", "last error"]);
  assert.deepEqual(found.cut, [], "no head is cut off");
  for (const end of found.ends) assert.ok(Math.abs(end) <= 12, `heads end where their numbers do: ${found.ends}`);
  const whole = found.tinted.filter((row) => row.every(Boolean)).length, none = found.tinted.filter((row) => !row.some(Boolean)).length;
  assert.deepEqual([whole + none, none], [found.tinted.length, 1], "cells without a value are tinted as well");
  await page.close();
}

async function aPhoneReachesEverything(context) {
  const page = await opened(context, `${address}/d/fleet?theme=dark`);
  await page.setViewportSize({ width: 375, height: 720 });
  const wide = await page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth).then(() => [], () => page.$$eval("body *", (all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => `${one.tagName}.${one.className} ${one.closest(".card")?.dataset.index}`)));
  assert.deepEqual(wide, [], "nothing is wider than the screen");
  const outside = await page.$$eval(".bar button, .bar a, .card .acts button", (all) => all.map((one) => [one.ariaLabel ?? one.textContent, one.getBoundingClientRect(), getComputedStyle(one.closest(".acts") ?? one).opacity])
    .filter(([, box, opacity]) => box.width > 0 && (box.left < 0 || box.right > innerWidth + 0.5 || Number(opacity) < 0.5)).map(([name]) => name));
  assert.deepEqual(outside, [], "everything that can be pressed is on the screen");
  await page.click("#range");
  const box = await page.locator(".pop").boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 375, JSON.stringify(box));
  await page.close();
}

await browse(async (context, said) => {
  const page = await opened(context, `${address}/d/fleet?theme=dark&tz=UTC`);
  await aStretchOfTimeNarrowsWhatFollows(page);
  await barsThatAreDraggedOverAreChosenTogether(page);
  await aPanelIsSaved(page);
  await everyChartHasWordsAndATable(page);
  await keysAreListedAndWork(page);
  await page.close();
  await headsStandOverTheirNumbersAndTintsFillTheirRows(context);
  await aPhoneReachesEverything(context);
  assert.deepEqual(said.filter((line) => !line.includes("503")), [], "nothing is said on the console");
}, { acceptDownloads: true });
process.stdout.write("please end\n");
process.exit(0);
