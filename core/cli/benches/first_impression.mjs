// Starts `infralogs up --demo` on an empty data folder, again and again, and says after how many milliseconds every
// chart of its page was drawn in Chromium. Arguments: the binary, the scripts, how many rounds.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browse, look } from "../../../dashboards/tests/browser/browser.mjs";

const [binary, scripts, rounds] = process.argv.slice(2);
const CHARTS = ["areas", "bars", "lines"];

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

async function drawn(page) {
  const kinds = await page.$$eval(".card", (cards) => cards.map((card) => card.dataset.kind));
  for (const [index, kind] of kinds.entries()) {
    if (CHARTS.includes(kind) && !(await look(page.locator(`.card[data-index="${index}"]`))).inked) return false;
  }
  return kinds.length > 0;
}

async function round(page) {
  const folder = mkdtempSync(join(tmpdir(), "infralogs-first-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const begun = Date.now();
  const up = spawn(binary, ["up", "--demo", "--data", join(folder, "data"), "--scripts", scripts, "--listen", listen], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((done) => up.once("exit", done));
  await new Promise((done) => up.stdout.on("data", (text) => text.includes(listen) && done()));
  await page.goto(`http://${listen}/d/fleet`);
  await page.waitForSelector('#app[data-ready="true"]');
  while (!(await drawn(page))) await page.waitForTimeout(20);
  console.log(Date.now() - begun);
  await page.goto("about:blank");
  up.kill("SIGINT");
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

await browse(async (context) => {
  const page = await context.newPage();
  for (let done = 0; done < Number(rounds); done += 1) await round(page);
});
