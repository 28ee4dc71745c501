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
  await page.waitForSelector('#app[data-ready="true"]', { timeout: 60_000 });
  return page;
}
