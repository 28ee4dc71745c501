// Takes the pictures of this folder: every shipped dashboard, light and dark, on made-up rows.
//
// usage: node dashboards/screenshots/make.mjs [PROGRAM]   (from the repository; needs `npm ci` in dashboards/ and Chromium)
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { browse, opened } from "../tests/browser/browser.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const program = process.argv[2] ?? join(root, "target/debug/infralogs");
const listen = "127.0.0.1:18090";

const preview = spawn(program, ["serve", "--preview", "--scripts", "scripts", "--listen", listen], { cwd: root, stdio: "inherit" });
try {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`http://${listen}/health`).then((answer) => answer.ok, () => false)) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  await browse(async (context) => {
    for (const name of ["fleet", "health", "web"]) {
      for (const theme of ["dark", "light"]) {
        const page = await opened(context, `http://${listen}/d/${name}?theme=${theme}&tz=UTC`);
        await page.waitForTimeout(600);
        await page.screenshot({ path: join(here, `${name}-${theme}.png`), fullPage: true, timeout: 180_000 });
        await page.close();
      }
    }
  }, { viewport: { width: 1280, height: 900 } });
} finally {
  preview.kill();
}
