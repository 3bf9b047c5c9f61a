// Numbers, times and records of the journal in words. Every time that comes in is ms since 1970 UTC.

const grouped = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const formats = [...Array(9)].map((_, digits) => grouped(digits));
const known = (value) => typeof value === "number" && Number.isFinite(value);

export const NONE = "–";
export const ms = (ns) => ns / 1e6;

export const count = (value) => (known(value) ? formats[0].format(value) : NONE);
export const some = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

export function fixed(value, digits) {
  return known(value) ? formats[Math.max(0, Math.min(8, digits))].format(value) : NONE;
}

export function price(value) {
  if (!known(value)) return NONE;
  return fixed(value, value === 0 ? 2 : 4 - Math.floor(Math.log10(Math.abs(value))));
}

export function percent(value, { signed = false, digits = 2 } = {}) {
  if (!known(value)) return NONE;
  return `${signed && value > 0 ? "+" : ""}${fixed(100 * value, digits).replace("-", "−")}\u00a0%`;
}

export function duration(seconds) {
  if (!known(seconds)) return NONE;
  const units = [[86400, "days", 2], [3600, "h", 2], [60, "min", 2], [1, "s", 1], [1e-3, "ms", 1]];
  const [size, unit] = units.find(([size, , least]) => seconds >= least * size) ?? [1e-6, "µs"];
  const number = seconds / size;
  return `${fixed(number, number >= 10 || (unit === "s" && number >= 2) ? 0 : number >= 1 ? 1 : 2)}\u00a0${unit}`;
}
export const age = (milliseconds) => (milliseconds < 1000 ? "under 1 s" : duration(milliseconds / 1e3));

export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const k = number > 0 ? Math.min(Math.floor(Math.log10(number) / 3), 4) : 0;
  return `${fixed(number / 1000 ** k, k && number < 1000 ** k * 100 ? 1 : 0)}\u00a0${units[k]}`;
}

const iso = (at) => new Date(at).toISOString();
const possible = (at) => known(at) && Math.abs(at) <= 8.64e15;
const DAY = 86_400_000;

// "14:03:07" on the day of `now`, with the date on others.
export function clock(at, now = Date.now()) {
  if (!possible(at)) return NONE;
  const text = iso(at);
  const time = text.slice(11, at % 1000 >= 1 ? 23 : 19);
  return Math.floor(at / DAY) === Math.floor(now / DAY) ? time : `${text.slice(0, 10)} ${time}`;
}
export const date = (at) => (possible(at) ? `${iso(at).slice(0, 10)} ${iso(at).slice(11, 19)}` : NONE);
export const stamp = (at) => (possible(at) ? iso(at) : "");
// What plotly takes for UTC: numbers it would show in the zone of the browser.
export const utc = (at) => (possible(at) ? iso(at).slice(0, 23).replace("T", " ") : null);
export function local(at) {
  if (!possible(at)) return "";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })} in ${zone}`;
}

export const short = (release) => String(release ?? "").slice(0, 12);

// Labels and forecasts

const isReturn = (label) => label?.kind === "number" && label.name === "forward_return";
export function meaning(label) {
  if (!label) return "none";
  return label.kind === "number" ? (isReturn(label) ? "return" : "number") : label.kind;
}

// A bar's length, exact: "1 h", "90 s".
export function span(milliseconds) {
  const [size, unit] = [[DAY, "day"], [3_600_000, "h"], [60_000, "min"], [1000, "s"], [1, "ms"]].find(([one]) => milliseconds % one === 0) ?? [1, "ms"];
  const number = milliseconds / size;
  return `${count(number)}\u00a0${unit}${unit === "day" && number !== 1 ? "s" : ""}`;
}

// What a label asks, in words.
export function asked(label, interval) {
  const next = `the next ${label.horizon === 1 ? "bar" : some(label.horizon, "bar")} of ${span(interval)}`;
  return { variance: `variance a bar over ${next}`, return: `log return over ${next}`, number: `over ${next}`,
    classes: `${label.classes.join(", ").replace(/, ([^,]*)$/, " or $1")} within ${next}` }[meaning(label)] ?? next;
}

export function forecast(answer, label) {
  if (!known(answer.value)) return "no forecast";
  if (answer.probabilities?.length) {
    const k = answer.probabilities.indexOf(Math.max(...answer.probabilities));
    return `${label?.classes?.[k] ?? `class ${k}`} ${percent(answer.probabilities[k], { digits: 0 })}`;
  }
  const said = meaning(label);
  if (said === "variance") return `volatility ${percent(Math.sqrt(answer.value), { digits: 3 })} a bar`;
  if (said === "return") return `${percent(answer.value, { signed: true, digits: 3 })}`;
  return `${Number(answer.value.toPrecision(4))}`;
}

// Records

const kinds = {
  bar: (one, { label, now }) => {
    const told = one.value === undefined || one.value === null ? "no forecast" : `forecast ${forecast(one, label)}`;
    const status = one.status === "ok" ? "" : `, ${one.status}${one.reason ? `: ${one.reason}` : ""}`;
    const close = one.values?.close;
    return `${one.symbol}, bar of ${clock(ms(one.t), now)}: ${known(close) ? `close ${price(close)}, ` : ""}${told}${status}`;
  },
  revision: (one, { now }) => `${one.symbol}, bar of ${clock(ms(one.t), now)} came again with other values: `
    + "recorded, states and forecasts stay as they were",
  late: (one, { now }) => `${one.symbol}, bar of ${clock(ms(one.t), now)} came after a later one: recorded, nothing was stepped by it`,
  gap: (one, { now }) => `${one.symbol}: ${some(one.missing, "bar")} missing between ${clock(ms(one.after), now)} and ${clock(ms(one.until), now)}`,
  anchor: (one, { now }) => `${one.symbol}: a state of ${short(one.release)} begins ${one.first < 0 ? "at the next bar"
    : `at the bar of ${clock(ms(one.first), now)}, ${some(one.before, "bar")} back`}`,
  serving: (one) => `${short(one.release)} answers from here on: ${one.why}, generation ${one.generation}`,
  started: (one) => `the server started, candlewick ${one.versions?.candlewick ?? "of unknown version"}`
    + (one.cut ? `; ${some(one.cut, "byte")} of an unfinished write were cut off` : ""),
  noticed: (one) => `${one.what}: ${one.detail}`,
  stopped: () => "the server stopped in order",
  columns: (one) => `bars may hold ${(one.names ?? []).join(", ")}`,
};

export function told(record, about) {
  const say = Object.hasOwn(kinds, record.kind) ? kinds[record.kind] : (one) => JSON.stringify(one);
  return say(record, about);
}
export const happened = (record) => ms(record.received ?? record.at ?? record.until ?? NaN);
