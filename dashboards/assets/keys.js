// Keyboard shortcuts, and the sheet that lists them.

import { el } from "./dom.js";

/** Listens for the keys of `shortcuts`: [key, words, act]. A key typed into a field is left alone. */
export function keys(shortcuts) {
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
    const found = shortcuts.find(([key]) => key === event.key);
    if (!found || document.querySelector("dialog[open]")) return;
    if (found[2](event) !== false) event.preventDefault();
  });
}

/** Opens the sheet. */
export function help(shortcuts) {
  const shown = shortcuts.filter(([, words]) => words);
  const close = el("form", { method: "dialog" }, el("button", { class: "button", autofocus: true }, "Close"));
  const sheet = el("dialog", { "aria-label": "Keyboard shortcuts", onclose: () => sheet.remove() },
    el("h2", {}, "Keyboard shortcuts"),
    el("dl", { class: "keys" }, shown.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key === " " ? "space" : key)), el("dd", {}, words)])),
    el("h2", {}, "With the mouse"),
    el("dl", { class: "keys" }, [["drag", "zoom into a time"], ["Shift + drag", "select a time, bars or cells: narrows what follows"], ["click a bar, share or cell", "only its records"], ["Ctrl + wheel", "zoom in and out"], ["click a name", "show or hide a series"]].flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)])),
    close);
  document.body.append(sheet);
  sheet.showModal();
}
