// Everything on the page that is not a chart, from what the store holds.
import { $, element, empty, list, rows, say, time } from "/assets/elements.js";
import { age, asked, bytes, count, date, duration, fixed, happened, ms, percent, short, some, told } from "/assets/words.js";

const STAGES = { features: "of the bar", scale: "to the model's units", model: "its arithmetic", decode: "to a forecast", engine: "all four",
  offer: "bar to answer, with state and paper account" };
const TONES = { ok: "good", stale: "open", degraded: "bad", abstain: "open" };

export function readiness(store, connection) {
  const { status, champion } = store;
  const reasons = status?.reasons ?? [];
  const ready = Boolean(status?.ready);
  const tone = !connection.up ? "open" : ready ? "good" : "bad";
  $("readiness").className = `verdict ${tone}`;
  $("ready").className = `badge ${tone}`;
  say($("ready"), !connection.up ? (status ? "Disconnected" : "Connecting") : ready ? "Ready" : "Not ready");
  say($("said"), !status ? "nothing has come from the server yet" : !connection.up ? `when last heard it was ${ready ? "ready" : "not ready"}`
    : ready ? "every bar is answered with a forecast" : "requests for forecasts are not answered, because");
  list($("reasons"), reasons, String, (reason) => element("li", {}, reason));
  const title = !status ? "Connecting" : champion ? champion.title || champion.model : "No release serves yet";
  say($("title"), title);
  document.title = `${status ? (connection.up ? (ready ? "" : "not ready: ") : "disconnected: ") : ""}${title} · candlewick live`;
  heard(store, connection);
}

// What is said every second: how old the figures are.
export function heard(store, connection) {
  const since = store.heard ? Date.now() - store.heard : 0;
  const banner = $("old");
  const lost = !connection.up && Boolean(store.heard || connection.why);
  document.body.classList.toggle("old", lost && Boolean(store.heard));
  if (banner.hidden === lost) banner.hidden = !lost;
  if (lost) {
    const figures = store.heard ? ` Every figure below is from ${date(store.heard)} UTC or before.` : "";
    const past = store.heard ? `${age(since)} ago. ` : "";
    const next = connection.next ? `Next attempt in ${Math.max(Math.ceil((connection.next - Date.now()) / 1000), 1)} s.` : "Trying now.";
    say(banner.querySelector("p"), `Disconnected: ${connection.why}.${figures}`);
    say(banner.querySelector("span"), past + next); // not part of the alert, so that it is not read out every second
  }
  const started = store.status ? `Up for ${age(store.now - ms(store.status.started))}` : "";
  say($("heard"), connection.up ? `Live: last heard ${age(since)} ago. ${started}.` : store.status ? "Not live." : "");
}

export function tiles(store) {
  const { status, champion } = store;
  const newest = Math.max(...(status?.symbols ?? []).map((one) => ms(one.t)));
  const offer = status?.latency_us?.offer;
  const taken = status?.outcomes?.accepted;
  const facts = !status ? [] : [
    ["Release", champion ? short(champion.release) : "none", champion ? `${champion.model}, generation ${champion.generation}` : "promote one: candlewick promote RELEASE --as champion"],
    ["Forecasts", champion ? champion.label?.name?.replaceAll("_", " ") ?? "–" : "–", champion?.label ? asked(champion.label, ms(champion.interval_ns)) : ""],
    ["Newest bar", Number.isFinite(newest) ? `${age(Math.max(store.now - newest, 0))} old` : "none yet",
      `${some(status.symbols.length, "instrument")}${taken === undefined ? "" : `, ${some(taken, "bar")} since the start`}`],
    ["Paper equity", fixed(status.equity, 4), status.equity === null ? "nothing is traded on paper" : `${percent(status.equity - 1, { signed: true })} since the start, mean of instruments`],
    ["Bar to forecast", offer?.count ? duration(offer.p50 / 1e6) : "–", offer?.count ? `p50; p99 ${duration(offer.p99 / 1e6)}, p99.9 ${duration(offer["p99.9"] / 1e6)}` : "no bar was timed yet"],
    ["On disk", count(status.journal.durable + 1), `of ${some(status.journal.seq + 1, "record")}, ${bytes(status.journal.bytes)}`],
  ];
  list($("tiles"), facts, JSON.stringify, ([name, value, note]) => element("div", {}, element("dt", {}, name), element("dd", {}, element("b", {}, value), element("small", {}, note))));
}

export function picker(store) {
  const symbols = (store.status?.symbols ?? []).map((one) => one.symbol);
  const select = $("symbol");
  if (select.dataset.key !== JSON.stringify(symbols)) {
    select.dataset.key = JSON.stringify(symbols);
    select.replaceChildren(...(symbols.length ? symbols : ["none yet"]).map((name) => element("option", { value: symbols.length ? name : "" }, name)));
  }
  select.disabled = !symbols.length;
  if (select.value !== store.symbol) select.value = store.symbol;
}

export function warming(store) {
  const one = store.followed();
  const found = /^warming up: (\d+) of (\d+) bars/.exec(one?.reason ?? "");
  $("warming").hidden = !found;
  if (!found) return;
  const bar = $("warming").querySelector("progress");
  bar.max = Number(found[2]);
  bar.value = Number(found[1]);
  say($("warming").querySelector("span"), `${one.symbol} is warming up: ${count(Number(found[1]))} of ${count(Number(found[2]))} bars. Until then it gets no forecast.`);
}

// How old something is, and whether two bars should have come since.
function since(store, milliseconds) {
  const late = Boolean(store.champion) && milliseconds > 2 * ms(store.champion.interval_ns);
  return { text: age(Math.max(milliseconds, 0)), late, small: late ? "overdue" : undefined };
}

export function nothing(store) {
  if (!store.status) return "Nothing has come from the server yet.";
  if (!store.champion) return "No champion yet, so no bar is taken. Promote a release: candlewick promote RELEASE --as champion.";
  return "No bars yet. Post one to /v1/bars, or let a feed do it: candlewick feed NAME --to URL.";
}

export function instruments(store) {
  const symbols = store.status?.symbols ?? [];
  const section = $("instruments");
  empty(section, symbols.length ? "" : nothing(store));
  rows(section.querySelector("tbody"), symbols.map((one) => [
    { text: one.symbol, press: one.symbol, on: one.symbol === store.symbol },
    { time: ms(one.t), now: store.now }, since(store, ms(one.feed_age_ns)), count(one.bars),
    { text: one.status || "–", badge: TONES[one.status] ?? "", small: one.reason, words: true },
    percent(one.target, { digits: 1 }), percent(one.position, { digits: 1 }), fixed(one.equity, 4),
    count(one.refused), count(one.duplicates), count(one.missing),
  ]));
  say($("since"), symbols.length ? `Refused, duplicates and missing bars are counted since the server started, ${date(ms(store.status.started))} UTC.` : "");
}

export function feeds(store) {
  const found = store.status?.feeds ?? [];
  empty($("feeds"), found.length ? "" : "No feed has sent a bar since the server started.");
  rows($("feeds").querySelector("tbody"), found.map((one) => [
    { text: one.source || "(not named)" }, { time: ms(one.last_received), now: store.now }, since(store, store.now - ms(one.last_received)),
    count(one.bars), count(one.refused), count(one.duplicates),
  ]));
}

export function latencyTable(stages) {
  empty($("latency"), stages.length ? "" : "No bar has been timed since the server started.");
  const us = (value) => duration(value / 1e6);
  rows($("latency").querySelector("tbody"), stages.map(([name, s]) => [{ text: name, small: STAGES[name] }, count(s.count), us(s.p50), us(s.p95), us(s.p99), us(s["p99.9"]), us(s.max)]));
}

export function releases(store) {
  const { releases: all, history } = store.releases ?? { releases: [], history: [] };
  empty($("releases"), all.length || history.length ? "" : store.releases ? "No release is registered yet. Make one of a run: candlewick release RUN."
    : "Nothing has come from the server yet.");
  const id = (release) => ({ text: short(release) || "–", code: Boolean(release), title: release });
  rows($("moves"), [...history].reverse().slice(0, 200).map((move) => [
    id(move.release), { time: ms(move.at), whole: true }, { text: move.alias, words: true }, { text: move.why, words: true }, count(move.generation),
    { ...id(move.previous), words: true }, { text: move.reason || "–", words: true },
  ]));
  rows($("registered"), [...all].reverse().slice(0, 200).map((one) => [
    id(one.release), { text: one.title, words: true }, { text: one.model, words: true }, { time: ms(one.registered), whole: true }, { text: one.origin, words: true },
    { text: one.forced ? "forced" : one.passed ? "passed" : "not passed", badge: one.forced ? "bad" : one.passed ? "good" : "open", small: one.forced || one.sentences?.[0], words: true },
  ]));
}

export function journal(store, plainOut) {
  const section = $("journal");
  const records = plainOut ? store.remarkable : store.records;
  empty(section, records.length ? "" : "Nothing is recorded yet.");
  const about = { label: store.label, now: store.now };
  list(section.querySelector("ol"), records, (record) => `${record.seq} ${plainOut}`, (record) => {
    const at = happened(record);
    return element("li", { value: record.seq, class: record.kind },
      element("span", { class: "seq" }, count(record.seq)), element("span", { class: "when" }, time(at, { now: store.now })),
      element("span", { class: "kind" }, record.kind), element("span", { class: "told" }, told(record, about)));
  });
  const disk = store.status?.journal;
  say($("kept"), !disk ? "" : `${some(disk.seq + 1, "record")} in ${some(disk.segments, "segment")}, ${bytes(disk.bytes)}; on disk up to ${count(disk.durable)}. `
    + (disk.cut ? `${some(disk.cut, "byte")} of an unfinished write were cut off at the start. ` : "") + "The last 50 are shown.");
}
