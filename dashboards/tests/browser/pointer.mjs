// Points and drags on charts as a hand does.
import assert from "node:assert/strict";

export const settled = (page) => page.waitForFunction(() => !document.querySelector(".busy"), null, { timeout: 120_000 });

/** Where a share of a panel's frame is on the screen: across and down, 0 to 1. */
export const placeOn = (page, index, across, down) => page.evaluate(([index, across, down]) => {
  const view = Bokeh.index[document.querySelector(`.card[data-index="${index}"] .root`).dataset.root];
  view.el.scrollIntoView({ block: "center" });
  const { x, y } = view.canvas_view.el.getBoundingClientRect(), { left, top, width, height } = view.frame.bbox;
  return [x + left + width * across, y + top + height * down];
}, [index, across, down]);

/**
 * Drags until the address has this: a pointer that rests a quarter of a second, as on a busy machine, drags nothing.
 * Gives how often it dragged.
 */
export async function drag(page, from, to, parameter, held = null) {
  const done = () => page.waitForFunction((parameter) => new URLSearchParams(location.search).has(parameter), parameter, { timeout: 15_000 });
  for (let tries = 1; ; tries += 1) {
    if (held) await page.keyboard.down(held);
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 3 });
    await page.mouse.up();
    if (held) await page.keyboard.up(held);
    if (await done().then(() => true, () => false)) return tries;
    assert.ok(tries < 12, `dragging gives no \`${parameter}\` in the address`);
  }
}

/** "Back" takes back what was dragged: once, or as often as it was. */
export async function back(page, parameter, times) {
  const gone = () => page.waitForFunction((parameter) => !new URLSearchParams(location.search).has(parameter), parameter, { timeout: 20_000 }).then(() => true, () => false);
  for (let left = times; left > 0; left -= 1) {
    await page.goBack();
    if (await gone()) return settled(page);
  }
  assert.fail(`back does not take \`${parameter}\` out of the address: ${page.url()}`);
}

/** What is chosen by taps and drags, with the words it stands there in. */
export const chips = (page) => page.$$eval("[data-chip]", (all) => Object.fromEntries(all.map((chip) => [chip.dataset.chip, chip.querySelector(".value").textContent])));
