// Starts Debian's Chromium with a fresh profile and watches what pages say on the console.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Runs `visit(context, said)`; `said` fills with every warning, error and refused request of its pages. */
export async function browse(visit, options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "infralogs-browser-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS, viewport: { width: 1440, height: 1000 }, ...options });
  const said = [];
  context.on("page", (page) => {
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => said.push(`thrown: ${error.message}`));
    page.on("requestfailed", (request) => !request.failure()?.errorText.includes("ERR_ABORTED") && said.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  });
  try {
    return await visit(context, said);
  } catch (error) {
    // What the pages looked like says more than the error.
    console.error("said:", said);
    for (const page of context.pages()) {
      console.error(page.url(), (await page.evaluate(() => document.body.innerText).catch(String)).slice(0, 800));
    }
    throw error;
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Opens a dashboard and waits until it is drawn. */
export async function opened(context, address) {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector('#app[data-ready="true"]', { timeout: 180_000 });
  return page;
}

/** What a card shows, through shadow roots: whether anything is painted, its words, and how many rows of a table. */
export const look = (card) => card.evaluate((node) => {
  const all = [];
  const walk = (node) => {
    all.push(node);
    for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) walk(child);
  };
  walk(node.querySelector(".root"));
  const inked = all.filter((node) => node.tagName === "CANVAS" && node.width > 0).some((canvas) => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    const { data } = pen.getImageData(0, 0, copy.width, copy.height);
    return data.some((value, at) => at % 4 === 3 && value > 0);
  });
  const words = all.filter((node) => node.children.length === 0 && node.tagName !== "STYLE").map((node) => node.textContent).join(" ");
  return { inked, words, rows: all.filter((node) => node.classList?.contains("slick-row")).length };
});
