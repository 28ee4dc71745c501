// What the address says and what is asked of the server: a link shows the same view to anybody.

const OURS = ["last", "from", "to", "theme", "tz", "zoom", "between"];

/**
 * The view in the address. `zoom` is [from, to] in milliseconds since 1970; `spans` are stretches selected on charts,
 * [from, to) by column in the column's own unit (times in microseconds).
 */
export function read() {
  const parameters = new URLSearchParams(location.search);
  const zoom = (parameters.get("zoom") ?? "").split("~").map(Number);
  const picks = new Map();
  const spans = new Map(parameters.getAll("between").map((text) => text.split("~")).filter((parts) => parts.length === 3)
    .map(([column, from, to]) => [column, [Number(from), Number(to)]]).filter(([, [from, to]]) => to > from));
  for (const [name, value] of parameters) {
    if (!OURS.includes(name) && value) picks.set(name, [...(picks.get(name) ?? []), value]);
  }
  return {
    last: parameters.get("last"),
    from: parameters.get("from"),
    to: parameters.get("to"),
    theme: parameters.get("theme"),
    tz: parameters.get("tz"),
    zoom: zoom.length === 2 && zoom.every(Number.isFinite) && zoom[1] > zoom[0] ? zoom : null,
    picks,
    spans,
  };
}

/** Writes the view into the address; `push` makes "back" come here again. */
export function write(view, { push = false } = {}) {
  const text = parameters(view, ["last", "from", "to", "tz", "theme"]);
  if (view.zoom) text.set("zoom", view.zoom.map(Math.round).join("~"));
  const query = text.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%7E", "~");
  const address = location.pathname + (query ? `?${query}` : "") + location.hash;
  if (address === location.pathname + location.search + location.hash) return;
  history[push ? "pushState" : "replaceState"](null, "", address);
}

/** The same view as the server is asked for it, with the theme and zone really used. */
export function question(view, extra = {}) {
  const text = parameters({ ...view, theme: theme(view), tz: zone(view) }, ["last", "from", "to", "tz", "theme"]);
  for (const [name, value] of Object.entries(extra)) text.set(name, value);
  return text.toString();
}

function parameters(view, names) {
  const text = new URLSearchParams();
  for (const name of names) if (view[name]) text.set(name, view[name]);
  for (const name of [...view.picks.keys()].sort()) {
    for (const value of [...view.picks.get(name)].sort()) text.append(name, value);
  }
  for (const [column, span] of view.spans) text.append("between", [column, ...span].join("~"));
  return text;
}

const light = matchMedia("(prefers-color-scheme: light)");

/** What was chosen: `light`, `dark` or `auto`. */
export function chosenTheme(view) {
  let kept = null;
  try { kept = localStorage.getItem("infralogs.theme"); } catch { /* storage is off */ }
  return [view.theme, kept].find((word) => ["light", "dark", "auto"].includes(word)) ?? "auto";
}

/** `light` or `dark`. */
export function theme(view) {
  const chosen = chosenTheme(view);
  return chosen === "auto" ? (light.matches ? "light" : "dark") : chosen;
}

/** Calls back when the system changes between light and dark. */
export function onSystemTheme(changed) {
  light.addEventListener("change", changed);
}

let offset = false;

/** The server does not know this browser's zone by name: send hours and minutes instead. */
export function useOffset() {
  const before = offset;
  offset = true;
  return !before;
}

/** The time zone shown: chosen, or the browser's. */
export function zone(view) {
  if (view.tz) return view.tz;
  if (!offset) return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const minutes = -new Date().getTimezoneOffset();
  const two = (number) => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}
