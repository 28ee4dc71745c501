// What a person chooses on charts, and what the rows below are narrowed to. Reads the address from the command line.
import assert from "node:assert/strict";
import { browse, opened } from "./browser.mjs";
import { back, chips, drag, placeOn, settled } from "./pointer.mjs";

const [address] = process.argv.slice(2);
const RING = 0, WEEK = 1, DAY = 2, ROWS = 3;

/** The rows that the table below shows, each by its columns. */
async function rows(page) {
  const { columns, rows } = await (await fetch(`${address}/d/choices/panel/${ROWS}.json?${new URL(page.url()).searchParams}`)).json();
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])));
}

/** What the address says of a parameter. */
const said = (page, name) => new URL(page.url()).searchParams.getAll(name);

const numbers = (texts) => texts.map(Number).sort((a, b) => a - b);

/** Where the charts say that something is chosen: left, right, top, bottom by panel. */
const boxes = (page) => page.evaluate(() => Object.fromEntries([...Bokeh.documents.at(-1).all_models]
  .filter(({ id, visible }) => id.endsWith("/chosen") && visible).map(({ id, left, right, top, bottom }) => [id.split("/")[0], { left, right, top, bottom }])));

async function aTapOnARingChoosesItsShare(page) {
  const [name, x, y] = await page.evaluate((index) => {
    const view = Bokeh.index[document.querySelector(`.card[data-index="${index}"] .root`).dataset.root];
    view.el.scrollIntoView({ block: "center" });
    const ring = view.model.renderers[0], data = ring.data_source.data, { bbox } = view.frame;
    const middle = (data.from[0] + data.to[0]) / 2, radius = (ring.glyph.inner_radius.value + ring.glyph.outer_radius.value) / 2;
    const canvas = view.canvas_view.el.getBoundingClientRect();
    return [data.name[0], canvas.x + bbox.left + bbox.width / 2 + radius * Math.cos(middle), canvas.y + bbox.top + bbox.height / 2 - radius * Math.sin(middle)];
  }, RING);
  await page.mouse.click(x, y);
  await page.waitForFunction(() => location.search.includes("host="));
  await settled(page);
  assert.deepEqual(said(page, "host"), [name]);
  assert.deepEqual(await chips(page), { host: name });
  const hosts = new Set((await rows(page)).map(({ host }) => host));
  assert.deepEqual([...hosts], [name], "only its rows");
  await back(page, "host", 1);
}

async function aBoxOverCellsChoosesHoursAndDays(page) {
  const [from, to] = [await placeOn(page, WEEK, 9.3 / 24, 0.3 / 7), await placeOn(page, WEEK, 17.7 / 24, 4.7 / 7)];
  const times = await drag(page, from, to, "hour");
  await page.waitForFunction(() => new URLSearchParams(location.search).getAll("hour").length > 1);
  await settled(page);
  assert.deepEqual(numbers(said(page, "hour")), [9, 10, 11, 12, 13, 14, 15, 16, 17]);
  assert.deepEqual(numbers(said(page, "weekday")), [0, 1, 2, 3, 4]);
  assert.deepEqual(await chips(page), { hour: "09:00 – 18:00", weekday: "Mon – Fri" });
  const at = (await rows(page)).map(({ time }) => new Date(time));
  assert.ok(at.length > 10, `rows of a week: ${at.length}`);
  const outside = at.filter((time) => time.getUTCHours() < 9 || time.getUTCHours() > 17 || [0, 6].includes(time.getUTCDay()));
  assert.deepEqual(outside, [], "only of those hours and days");
  const chosen = { week: { left: 8.5, right: 17.5, top: -0.5, bottom: 4.5 } };
  assert.deepEqual(await boxes(page), chosen, "it stands on its chart");

  const second = await opened(page.context(), page.url());
  assert.deepEqual([await chips(second), await boxes(second)], [await chips(page), chosen], "a link shows the same");
  await second.close();
  await page.click("[data-chip=hour]");
  await page.waitForFunction(() => !location.search.includes("hour="));
  assert.deepEqual(await chips(page), { weekday: "Mon – Fri" }, "each is taken back by itself");
  await page.goBack();
  await back(page, "hour", times + 1); // a drag that is too slow ends as a tap on the first cell
}

async function aTapOnACellChoosesItsHourOfItsDay(page) {
  await page.mouse.click(...await placeOn(page, WEEK, 12.5 / 24, 1.5 / 7));
  await page.waitForFunction(() => location.search.includes("hour="));
  await settled(page);
  assert.deepEqual([said(page, "hour"), said(page, "weekday")], [["12"], ["1"]]);
  assert.deepEqual(await chips(page), { hour: "12:00", weekday: "Tue" });
  await page.mouse.click(...await placeOn(page, WEEK, 12.5 / 24, 1.5 / 7));
  await page.waitForFunction(() => !location.search.includes("hour="));
  assert.deepEqual(await chips(page), {}, "the same again takes it back");
  await settled(page);
}

async function aBoxOverTimeAndHostsChoosesBoth(page) {
  const names = await page.evaluate((index) => {
    const { data } = Bokeh.documents.at(-1).get_model_by_id(`${document.querySelector(`.card[data-index="${index}"] .root`).dataset.root}/data`);
    return [...new Map([...data.y].map((at, row) => [at, data.row[row]]))].sort(([a], [b]) => a - b).map(([, name]) => name);
  }, DAY);
  const row = (at) => at / names.length;
  const [from, to] = [await placeOn(page, DAY, 0.4, row(1.3)), await placeOn(page, DAY, 0.9, row(2.7))];
  await drag(page, from, to, "between", "Shift");
  await settled(page);
  assert.deepEqual(said(page, "host"), names.slice(1, 3));
  const [, first, last] = said(page, "between")[0].split("~").map(Number);
  const found = await rows(page);
  assert.ok(found.length > 0);
  for (const { time, host } of found) {
    assert.ok(names.slice(1, 3).includes(host), host);
    assert.ok(Date.parse(time) * 1000 >= first - 1000 && Date.parse(time) * 1000 <= last, time);
  }
  assert.ok(!page.url().includes("zoom="), "it does not zoom");
}

async function marksStayWithinTheirFrame(context) {
  const page = await opened(context, `${address}/d/fleet?theme=dark&tz=UTC`);
  const outside = () => page.evaluate(async () => {
    const view = Bokeh.index[document.querySelector('.card[data-index="9"] .root').dataset.root];
    const { time, label } = view.model.renderers.find(({ id }) => id.endsWith("/mark/label")).data_source.data;
    const range = Bokeh.documents.at(-1).get_model_by_id("time");
    const at = [...time].findIndex((_, at) => label[at]), length = range.end - range.start;
    // The mark comes to stand a little left of the frame, where the axis has its numbers.
    const share = 20 / view.frame.bbox.width, start = time[at] + length * 0.05 * share;
    range.setv({ start, end: start + length * 0.05 });
    for (let frames = 0; frames < 5; frames += 1) await new Promise(requestAnimationFrame);
    const colour = view.model.renderers.find(({ id }) => id.endsWith("/mark/line")).glyph.line_color.value;
    const wanted = [1, 3, 5].map((digit) => parseInt(colour.slice(digit, digit + 2), 16));
    const canvas = view.canvas_view.compose().canvas, { left, bottom } = view.frame.bbox;
    const scale = canvas.width / view.canvas_view.bbox.width;
    const { data } = canvas.getContext("2d").getImageData(0, 0, Math.floor((left - 1) * scale), Math.floor(bottom * scale));
    let found = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 60 && wanted.every((value, channel) => Math.abs(data[at + channel] - value) < 24)) found += 1;
    return { label: label[at], found };
  });
  const { label, found } = await outside();
  assert.match(label, /^deploy/);
  assert.equal(found, 0, "a mark is drawn left of its frame");
  await page.close();
}

await browse(async (context, said) => {
  const page = await opened(context, `${address}/d/choices?theme=dark&tz=UTC`);
  await aTapOnARingChoosesItsShare(page);
  await aBoxOverCellsChoosesHoursAndDays(page);
  await aTapOnACellChoosesItsHourOfItsDay(page);
  await aBoxOverTimeAndHostsChoosesBoth(page);
  await page.close();
  await marksStayWithinTheirFrame(context);
  assert.deepEqual(said.filter((line) => !line.includes("503")), [], "nothing is said on the console");
});
process.stdout.write("please end\n");
process.exit(0);
