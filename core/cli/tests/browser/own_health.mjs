// Looks at the page of our own health: what stands there of agents, and where its numbers lead. Its arguments are the
// page's address and whether the dashboards that serve it are listed on it; SCREENSHOT keeps a picture.
import assert from "node:assert/strict";
import { browse, look, opened } from "../../../../dashboards/tests/browser/browser.mjs";

const [address, listed] = process.argv.slice(2);
const LEADS = {
  "Machines known": "Machines",
  "Late or failing": "Machines late or failing",
  "Worst lag": "Machines",
  "Entries lost": "Gaps: entries rotated away before they were read",
  "Quarantined": "Quarantine: matched and then failed",
  "Script generations": "Processes of ours",
  "Edits refused": "Processes of ours",
  "Refused by agents": "Scripts of the agents",
  "Credentials last": "Credentials",
  "Store": "Processes of ours",
  "Store in 30 days": "Processes of ours",
  "Logs reach back": "What is kept, and when rows begin to go",
  "Retention deletes in": "What is kept, and when rows begin to go",
};

await browse(async (context, said) => {
  const page = await opened(context, `${address}?theme=dark`);
  const card = (title) => page.locator(".card", { has: page.getByRole("heading", { name: title, exact: true }) });
  const shows = async (title, words) => {
    // Tables draw their rows when they are seen, and a row may come with the next refresh.
    for (const end = Date.now() + 60_000; ; await page.waitForTimeout(200)) {
      await card(title).scrollIntoViewIfNeeded();
      const seen = await look(card(title));
      if (seen.words.includes(words)) return;
      assert.ok(Date.now() < end, `${title} shows ${words}: ${seen.words}`);
    }
  };
  const stats = await page.locator('.card[data-kind="stat"] h2').allTextContents();
  assert.deepEqual(stats.toSorted(), Object.keys(LEADS).toSorted(), "every number is looked at below");
  for (const [number, rows] of Object.entries(LEADS)) {
    await page.evaluate(() => scrollTo(0, 0));
    // By the keyboard and by a click on the number itself.
    await card(number).getByRole("link").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction((title) => document.activeElement.querySelector?.("h2")?.textContent === title, rows, { timeout: 60_000 });
    await page.evaluate(() => document.activeElement.blur());
    await card(number).locator(".root").click();
    await page.waitForFunction((title) => document.activeElement.querySelector?.("h2")?.textContent === title, rows, { timeout: 60_000 });
  }
  assert.equal(new URL(page.url()).hash, "", "the address stays");

  await shows("Refused by agents", "1");
  await shows("Late or failing", "1");
  await shows("Scripts of the agents", "redcat");
  await shows("Machines late or failing", "web-2");
  await shows("Processes of ours", "collector");
  await shows("What is kept, and when rows begin to go", "logs");
  if (listed === "true") await shows("Processes of ours", "dashboard");
  else assert.ok(!(await look(card("Processes of ours"))).words.includes("dashboard"));
  assert.equal(await page.locator(".unlisted").count(), listed === "true" ? 0 : 1);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  assert.deepEqual(said, [], "nothing on the console");
});
