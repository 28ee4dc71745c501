// Times as people write and read them, in the zone that is shown.

/** The lengths offered, with their words. */
export const PRESETS = [["15m", "15 minutes"], ["1h", "hour"], ["6h", "6 hours"], ["24h", "24 hours"], ["7d", "7 days"]];

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** Milliseconds of `15m`; null if it is no length. */
export function span(text) {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(text ?? "") ?? [];
  return unit ? Number(number) * UNITS[unit] : null;
}

/** The shortest text for milliseconds: `6h`. */
export function spanText(ms) {
  for (const unit of ["w", "d", "h", "m", "s"]) {
    if (ms % UNITS[unit] === 0 && (unit !== "w" || ms >= 2 * UNITS.w) && (unit !== "d" || ms >= 2 * UNITS.d)) return `${ms / UNITS[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** `Last 6 hours`. */
export function spoken(text) {
  const known = PRESETS.find(([short]) => span(short) === span(text));
  if (known) return `Last ${known[1]}`;
  const [, number, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const words = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week" };
  return unit ? `Last ${number === "1" ? "" : `${number} `}${words[unit]}${number === "1" ? "" : "s"}` : text;
}

const two = (number, width = 2) => String(number).padStart(width, "0");

/** `2026-03-01 14:05:09` of a moment (milliseconds), `offset` seconds east of UTC. */
export function clock(ms, offset, { seconds = true } = {}) {
  const at = new Date(ms + offset * 1000);
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds ? `:${two(at.getUTCSeconds())}` : ""}`;
}

/** A window in as few words as it needs: the day once, if it is one. */
export function between(from, to, offset) {
  const [first, second] = [clock(from, offset), clock(to, offset)].map((text) => text.replace(/:00$/, ""));
  return first.slice(0, 10) === second.slice(0, 10) ? `${first} – ${second.slice(11)}` : `${first} – ${second}`;
}

/**
 * What a person typed, as the server reads it: `-2h`, `now` (empty), `14:05` (today), `2026-03-01`,
 * `2026-03-01 14:05:09`, or RFC 3339. Null if it is nothing of the kind.
 */
export function typed(text, offset, now = Date.now()) {
  const words = text.trim();
  if (words === "" || words === "now") return "";
  if (/^-\d+(ms|s|m|h|d|w)$/.test(words)) return words;
  if (/(Z|[+-]\d\d:\d\d)$/.test(words)) return Number.isNaN(Date.parse(words)) ? null : words;
  const [, day, time] = /^(\d{4}-\d\d-\d\d)?[T ]?(\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?$/.exec(words) ?? [];
  if (!day && !time) return null;
  const [hours, rest] = (time ?? "00:00").split(/:(.*)/s);
  const at = Date.parse(`${day ?? clock(now, offset).slice(0, 10)}T${two(hours)}:${rest}${rest.length === 2 ? ":00" : ""}Z`);
  return Number.isNaN(at) ? null : new Date(at - offset * 1000).toISOString();
}
