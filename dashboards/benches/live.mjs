// Saves a layout again and again with another title; says after how many milliseconds the open page showed each.
// Arguments: the page's address, the layout's file, how many edits.
import { readFileSync, writeFileSync } from "node:fs";
import { browse, opened } from "../tests/browser/browser.mjs";

const [address, file, edits] = process.argv.slice(2);
const before = readFileSync(file, "utf8");
const title = /\.title\("[^"]*"\)/;

await browse(async (context) => {
  const page = await opened(context, address);
  for (let edit = 0; edit < Number(edits); edit += 1) {
    const words = `Edit ${edit}`;
    // Shown is what the next frame paints.
    const seen = page.evaluate((words) => new Promise((done) => {
      const heading = document.querySelector("h1");
      const look = () => heading.textContent === words && (watch.disconnect(), requestAnimationFrame(() => done(Date.now())));
      const watch = new MutationObserver(look);
      watch.observe(heading, { childList: true, characterData: true, subtree: true });
    }), words);
    await page.evaluate(() => 0); // the page watches by now
    const saved = Date.now();
    writeFileSync(file, before.replace(title, `.title("${words}")`));
    console.log((await seen) - saved);
    await page.waitForTimeout(150 + Math.random() * 700); // edits fall anywhere between refreshes
  }
});
