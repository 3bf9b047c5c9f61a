// The status page: hears what the server says over a WebSocket, and draws it no more often than it can.
import { LATENCY_LEGEND, draw, latencies, legend, narrow, ready, spells } from "/assets/charts.js";
import { Connection, ask } from "/assets/connection.js";
import { $, empty, say } from "/assets/elements.js";
import { market, readout } from "/assets/market.js";
import * as panels from "/assets/panels.js";
import { MOST_RECORDS, Store } from "/assets/store.js";

const store = new Store();
const dirty = new Set(); // what has to be drawn anew
let generation = -1;
let missed = 0; // the timer after which what was missed is asked for

const connection = new Connection({
  hear(message) {
    store.heard = Date.now();
    if (message.type === "status") status(message.status ?? message);
    else if (message.type === "event") { store.takeEvent(message.bar, message.answer); mark("market", "journal"); }
    else if (message.type === "record") { store.takeRecord(message.record); mark("journal"); }
    else if (message.type === "lost") lost();
  },
  resync: () => Promise.all([bars(), releases(), journal()]),
  changed: () => mark("status"),
});

function mark(...parts) {
  parts.forEach((part) => dirty.add(part));
  plan();
}

function status(told) {
  store.takeStatus(told);
  const names = store.status.symbols.map((one) => one.symbol);
  if (!names.includes(store.symbol) && names.length) choose(names[0]);
  if (told.champion && told.champion.generation !== generation) {
    if (generation >= 0) releases();
    generation = told.champion.generation;
    mark("market", "journal");
  }
  mark("status");
}

// What cannot be fetched now is fetched when there is a connection again.
async function fetched(path, take) {
  try { take(await ask(path)); } catch (error) { console.info(`${path}: ${error.message}`); }
}
function bars() {
  if (!store.symbol) return undefined;
  return fetched(`/v1/bars?symbol=${encodeURIComponent(store.symbol)}&count=${$("shown").value}`, (told) => { store.takeBars(told.symbol, told.events); mark("market"); });
}
const releases = () => fetched("/v1/releases", (told) => { store.releases = told; mark("releases"); });
const journal = () => fetched(`/v1/journal?since=${-MOST_RECORDS}&limit=${MOST_RECORDS}`, (told) => { told.records.forEach((one) => store.takeRecord(one)); mark("journal"); });

function lost() {
  missed ||= setTimeout(() => {
    missed = 0;
    bars();
    journal();
  }, 3000);
}

function choose(symbol) {
  if (!store.choose(symbol)) return;
  bars();
  mark("market", "status");
}

// Drawing: one pass at a time, never in a hidden window, and idle twice as long as a pass took.
let planned = 0;
let rest = 0;
function plan() {
  if (planned || document.hidden || !dirty.size) return;
  planned = setTimeout(() => {
    planned = 0;
    const began = performance.now();
    const parts = new Set(dirty);
    dirty.clear();
    for (const [part, show] of Object.entries(shows)) if (parts.has(part)) show();
    rest = Math.min(2 * (performance.now() - began), 1500);
  }, Math.max(rest, 100));
}

const shows = {
  status() {
    panels.readiness(store, connection);
    panels.tiles(store);
    panels.picker(store);
    panels.warming(store);
    panels.instruments(store);
    panels.feeds(store);
    latency();
    if (!store.bars.length) shows.market();
  },
  market() {
    const shown = store.bars.slice(-Number($("shown").value));
    const about = { label: store.label, interval: store.champion?.interval_ns ?? 0, symbol: store.symbol, now: store.now, kept: `${store.symbol} ${$("shown").value}` };
    const chart = market(shown, about);
    empty($("market"), chart.empty ? (shown.length ? chart.empty : panels.nothing(store)) : "");
    readOut();
    if (chart.empty) return;
    legend($("market").querySelector(".legend"), chart.legend);
    say($("market-told"), chart.told);
    if (!ready()) return;
    const plot = $("market-plot");
    draw(plot, chart);
    if (listening) return;
    listening = true;
    plot.on("plotly_hover", (event) => point(Date.parse(`${event.points[0].x.replace(" ", "T")}Z`)));
    plot.on("plotly_unhover", () => point(NaN));
  },
  releases() {
    panels.releases(store);
    const told = store.releases;
    const moved = told?.history.some((move) => move.alias === "champion");
    $("releases-plot").parentElement.hidden = !moved;
    if (moved && ready()) draw($("releases-plot"), spells(told.history, new Map(told.releases.map((one) => [one.release, one.title])), store.now));
  },
  journal: () => panels.journal(store, $("plain").checked),
};

let listening = false;
// The bar that is pointed at, else the newest.
let pointed = NaN;
function readOut() {
  const bar = store.bars.find((one) => one.t === pointed);
  say($("newest"), bar ? readout(bar, store.label, store.now, "Bar of") : readout(store.bars.at(-1), store.label, store.now));
}
function point(at) {
  pointed = at;
  readOut();
}

let timed = ""; // latencies that are drawn
function latency() {
  const order = ["features", "scale", "model", "decode", "engine", "offer"];
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const stages = Object.entries(store.status?.latency_us ?? {}).filter(([, s]) => s.count).sort(([a], [b]) => place(a) - place(b));
  panels.latencyTable(stages);
  const told = JSON.stringify(stages);
  if (!stages.length || told === timed) return;
  legend($("latency").querySelector(".legend"), LATENCY_LEGEND);
  if (!ready()) return;
  draw($("latency-plot"), latencies(stages));
  timed = told;
}

if (narrow()) $("shown").value = "60";
const all = () => {
  timed = "";
  mark(...Object.keys(shows));
};
$("symbol").addEventListener("change", (event) => choose(event.target.value));
$("shown").addEventListener("change", () => { bars(); mark("market"); });
$("plain").addEventListener("change", () => mark("journal"));
$("old").querySelector("button").addEventListener("click", () => connection.hurry());
$("instruments").addEventListener("click", (event) => {
  const symbol = event.target.closest("[data-pick]")?.dataset.pick;
  if (symbol === undefined) return;
  choose(symbol);
  $("market").scrollIntoView();
});
$("plotly").addEventListener("load", all);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
matchMedia("(max-width: 599px)").addEventListener("change", all);
document.addEventListener("visibilitychange", plan);
setInterval(() => { if (!document.hidden) panels.heard(store, connection); }, 1000);
setInterval(() => { if (!document.hidden && connection.up) releases(); }, 60_000); // a new one is not told by the socket
all();
connection.open();
