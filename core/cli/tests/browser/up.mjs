// Looks at the page that `infralogs up` serves, as a person would. Reads its address from the command line; asks the
// test that started it for edits by a line on stdout, and goes on when it answers with a line. Ends by saying what
// numbers it saw.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { browse, look, opened } from "../../../../dashboards/tests/browser/browser.mjs";

const [address] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const DRAWN = ["Errors by host", "Noisiest units", "Failed logins over time", "Top source addresses"];

async function please(what) {
  process.stdout.write(`please ${what}\n`);
  assert.equal((await answers.next()).value, "done");
}

/** What the card with this title shows. */
const titled = (page, title) => look(page.locator(".card", { has: page.getByRole("heading", { name: title, exact: true }) }));

async function number(page, title) {
  const { words } = await titled(page, title);
  const digits = words.replaceAll(/[\s,\u202f]/g, "").match(/\d+/);
  assert.ok(digits, `${title} shows a number: ${words}`);
  return Number(digits[0]);
}

await browse(async (context, said) => {
  const page = await opened(context, address);
  for (const title of DRAWN) {
    const seen = await titled(page, title);
    assert.ok(seen.inked, `${title} is drawn`);
  }
  const latest = await titled(page, "Latest errors");
  assert.ok(latest.rows > 5 && latest.words.includes("is failing at block"), "the latest errors are listed");
  const seen = { errors: await number(page, "Errors"), hosts: await number(page, "Hosts seen"), logins: await number(page, "Failed logins") };

  await please("retitle");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Our fleet", null, { timeout: 60_000 });
  await please("break");
  await page.waitForSelector(".problem .place", { timeout: 60_000 });
  assert.match(await page.textContent(".problem .place"), /dashboards\/fleet\.rhai:\d+:\d+$/);
  assert.match(await page.textContent(".problem"), /did you mean `count`\?/);
  assert.ok((await titled(page, "Errors by host")).inked, "the last good page goes on");
  await please("mend");
  await page.waitForSelector(".problem", { state: "detached", timeout: 60_000 });
  assert.deepEqual(said, [], "nothing on the console");
  process.stdout.write(`saw ${JSON.stringify(seen)}\n`);
});
process.stdin.destroy();
