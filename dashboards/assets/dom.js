// Makes elements: text is always text, never HTML, since log lines are hostile input.

/** An element with properties (`class`, `on…`, `data-…`, attributes) and children (elements or text). */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// Strokes of a 24 by 24 grid.
const ICONS = {
  clock: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
  refresh: "M20 11a8 8 0 1 0-2.3 6.2M20 5v6h-6",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.5v13l10.5-6.5Z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M4.5 12h-2M21.5 12h-2M6.7 6.7 5.3 5.3M18.7 18.7l-1.4-1.4M17.3 6.7l1.4-1.4M5.3 18.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 3v18M12 7l5.5-1M12 12h8.8M12 17l5.5 1",
  help: "M9.2 9.2a2.9 2.9 0 1 1 4.3 2.6c-.9.5-1.5 1-1.5 2.2M12 17.5h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
  down: "m7 10 5 5 5-5",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  close: "M6 6l12 12M18 6 6 18",
  table: "M4 5h16v14H4zM4 10h16M10 10v9",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  save: "M12 4v10m0 0 4-4m-4 4-4-4M5 19h14",
  tick: "m5 12.5 4.5 4.5L19 7.5",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  back: "M10 6l-6 6 6 6M4 12h16",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9h.01",
  left: "m14 6-6 6 6 6",
  right: "m10 6 6 6-6 6",
};

/** One of the icons above. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  const look = { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? 3 : 1.8 };
  for (const [key, value] of Object.entries({ ...look, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

let open = null;

/** Opens a box of choices under a button; `fill(box, close)` puts in what it holds. Again: closes it. */
export function popover(button, label, fill) {
  const again = open?.button === button;
  closePopover();
  if (again) return;
  const box = el("div", { class: "pop", role: "dialog", "aria-label": label });
  document.body.append(box);
  button.setAttribute("aria-expanded", "true");
  open = { box, button };
  fill(box, closePopover);
  place(box, button);
  (box.querySelector("[autofocus], .item, button, input") ?? box).focus({ preventScroll: true });
}

/** Closes the open box, if any; whether there was one. */
export function closePopover() {
  if (!open) return false;
  const { box, button } = open;
  open = null;
  const inside = box.contains(document.activeElement);
  box.remove();
  button.setAttribute("aria-expanded", "false");
  if (inside) button.focus({ preventScroll: true });
  return true;
}

function place(box, button) {
  const at = button.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - box.offsetWidth - 12);
  box.style.left = `${Math.max(12, left)}px`;
  box.style.top = `${Math.min(at.bottom + 6, Math.max(12, innerHeight - box.offsetHeight - 12))}px`;
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.box.contains(event.target) && !open.button.contains(event.target)) closePopover();
});
addEventListener("resize", closePopover);

/** Arrow keys walk through the items of a list; `search` keeps the typing. */
export function walkable(list, search = null) {
  const items = () => [...list.querySelectorAll(".item:not([hidden])")];
  const step = (by) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const next = at < 0 && by < 0 ? null : all[at + by];
    (next ?? (by < 0 ? search : null))?.focus();
  };
  for (const part of [list, search].filter(Boolean)) {
    part.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") step(1);
      else if (event.key === "ArrowUp") step(-1);
      else return;
      event.preventDefault();
    });
  }
}

/** Says something short at the foot of the page, with buttons; returns what takes it away. */
export function say(words, ...buttons) {
  const note = el("div", { class: "say", role: "status" }, el("span", {}, words), ...buttons);
  document.body.append(note);
  return note;
}
