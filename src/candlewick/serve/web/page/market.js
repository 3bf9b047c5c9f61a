// The chart of one instrument: price with forecasts over it, their own panel, positions and paper equity.
import { faint, narrow, palette, plain } from "/assets/charts.js";
import { clock, duration, fixed, forecast, meaning, ms, percent, price, short, utc } from "/assets/words.js";

const PRICES = ["open", "high", "low", "close"];
const STATUS = { ok: "calm", stale: "open", degraded: "bad", abstain: "truth" };
const known = (value) => typeof value === "number" && Number.isFinite(value);
const times = (bars) => bars.map((bar) => utc(bar.t));
const column = (bars, name) => bars.map((bar) => bar.values[name] ?? null);

// {data, layout, height, told, legend}, or {empty} in words where nothing can be drawn.
export function market(bars, { label, interval, symbol, now, kept }) {
  if (!bars.length) return { empty: "No bars yet." };
  if (!bars.some((bar) => known(bar.values.close))) {
    return { empty: `Bars of ${symbol} have no close, so there is no price to draw. They hold ${Object.keys(bars.at(-1).values).join(", ")}.` };
  }
  const chart = { bars, label, kind: meaning(label), step: interval / 1e6, now, colour: palette(), data: [], shapes: [], notes: [], legend: [] };
  const panels = [["y", "Price", 5], ...price_forecasts(chart)];
  candles(chart);
  statuses(chart);
  panels.push(...lower(chart), ...trading(chart));
  releases(chart);
  const height = (narrow() ? 300 : 330) + 110 * (panels.length - 1);
  return {
    data: chart.data, legend: chart.legend, height, told: said(chart, symbol),
    layout: { ...axes(chart, panels, height), shapes: chart.shapes, annotations: chart.notes, uirevision: kept, hovermode: "x", hoverdistance: 30 },
  };
}

const known_at = (chart, bar) => (bar.answer.known_at ? ms(bar.answer.known_at) : bar.t + chart.step * (chart.label?.horizon ?? 1));

// For each bar with a forecast, what it says of the price when it will be known: {x, low, mid, high}.
function implied(chart, bar) {
  const { value, quantiles = [] } = bar.answer;
  const close = bar.values.close;
  if (!known(value) || !known(close)) return null;
  const x = known_at(chart, bar);
  if (chart.kind === "variance") {
    const sigma = Math.sqrt(Math.max(value, 0) * (chart.label.horizon ?? 1));
    return { x, low: close * Math.exp(-sigma), mid: null, high: close * Math.exp(sigma) };
  }
  const ends = quantiles.length > 1 ? [quantiles[0][1], quantiles.at(-1)[1]] : [null, null];
  return { x, low: known(ends[0]) ? close * Math.exp(ends[0]) : null, mid: close * Math.exp(value), high: known(ends[1]) ? close * Math.exp(ends[1]) : null };
}

// Whether a point does not follow the one before it: bars are missing between them.
const apart = (step, x, before) => x - before > 1.5 * step;

// A line through points {x, y} with holes where bars are missing.
function line(step, points) {
  const x = [], y = [];
  points.forEach((point, k) => {
    if (k && apart(step, point.x, points[k - 1].x)) { x.push(utc(points[k - 1].x + step)); y.push(null); }
    x.push(utc(point.x));
    y.push(known(point.y) ? point.y : null);
  });
  return { type: "scatter", mode: "lines", x, y, connectgaps: false };
}

// Polygons of a band, one for every unbroken run of points.
function band(step, points) {
  const x = [], y = [];
  for (let from = 0; from < points.length; ) {
    if (!known(points[from]?.low)) { from += 1; continue; }
    let to = from;
    while (to < points.length && known(points[to]?.low) && !(to > from && apart(step, points[to].x, points[to - 1].x))) to += 1;
    const run = points.slice(from, to);
    x.push(...run.map((p) => utc(p.x)), ...run.map((p) => utc(p.x)).reverse(), null);
    y.push(...run.map((p) => p.high), ...run.map((p) => p.low).reverse(), null);
    from = to;
  }
  return { x, y };
}

function price_forecasts(chart) {
  if (chart.kind !== "return" && chart.kind !== "variance") return [];
  const { bars, colour, data, legend } = chart;
  const points = bars.map((bar) => implied(chart, bar));
  const within = band(chart.step, points);
  const levels = bars.findLast((bar) => bar.answer.quantiles?.length > 1)?.answer.quantiles;
  if (within.x.length) {
    data.push({ type: "scatter", mode: "none", ...within, fill: "toself", fillcolor: colour("band"), hoverinfo: "skip", line: { width: 0 } });
    legend.push(["area", "c0", chart.kind === "variance" ? "forecast: close ± 1 standard deviation"
      : `forecast ${fixed(100 * levels[0][0], 0)}–${fixed(100 * levels.at(-1)[0], 0)} %`]);
  }
  if (chart.kind === "return") {
    data.push({ ...line(chart.step, points.map((p, k) => ({ x: p?.x ?? known_at(chart, bars[k]), y: p?.mid }))),
      hoverinfo: "skip", line: { color: colour("c0"), width: 1.3, dash: "dot" } });
    legend.push(["line", "c0", "forecast: implied price when it will be known"]);
  }
  newest(chart, points.at(-1));
  return [];
}

function newest({ bars, kind, colour, data, legend }, point) {
  if (!point) return;
  const { t, values: { close } } = bars.at(-1);
  const line = { color: colour("c0"), width: 2 };
  data.push(kind === "return"
    ? { type: "scatter", mode: "lines+markers", x: [utc(t), utc(point.x)], y: [close, point.mid], hoverinfo: "skip", line, marker: { size: [0, 7], color: colour("c0") } }
    : { type: "scatter", mode: "lines", x: [utc(point.x), utc(t), utc(point.x)], y: [point.low, close, point.high], hoverinfo: "skip", line,
      fill: "toself", fillcolor: faint(colour("c0"), 0.35) });
  legend.push(["ray", "c0", "the newest one"]);
}

function candles(chart) {
  const { bars, colour, data, legend } = chart;
  const x = times(bars);
  const text = bars.map((bar) => hover(chart, bar));
  const hoverinfo = narrow() ? "none" : "text"; // too wide there: the line above the chart tells it
  if (bars.every((bar) => PRICES.every((name) => known(bar.values[name])))) {
    const [open, high, low, close] = PRICES.map((name) => column(bars, name));
    data.push({ type: "candlestick", x, open, high, low, close, text, hoverinfo, whiskerwidth: 0,
      increasing: { line: { color: colour("good"), width: 1.2 }, fillcolor: colour("card") },
      decreasing: { line: { color: colour("bad"), width: 1.2 }, fillcolor: colour("bad") } });
    legend.unshift(["group", "", "Price"], ["rise", "good", "close above open"], ["fall", "bad", "below"]);
  } else {
    data.push({ type: "scatter", mode: "lines", x, y: column(bars, "close"), text, hoverinfo, line: { color: colour("ink"), width: 1.4 } });
    legend.unshift(["group", "", "Price"], ["line", "ink", "close"]);
  }
}

function hover(chart, bar) {
  const { answer, values } = bar;
  const lines = [`<b>${clock(bar.t, chart.now)} UTC</b>`];
  const there = PRICES.filter((name) => known(values[name]));
  lines.push(there.map((name) => `${name} ${price(values[name])}`).join("  "));
  if (known(values.volume)) lines.push(`volume ${fixed(values.volume, values.volume < 100 ? 2 : 0)}`);
  lines.push(`${answer.status}: ${plain(forecast(answer, chart.label))}${answer.reason ? `<br>${folded(plain(answer.reason))}` : ""}`);
  if (known(answer.equity)) lines.push(`target ${percent(answer.target, { digits: 0 })}, position ${percent(answer.position, { digits: 0 })}, equity ${fixed(answer.equity, 4)}`);
  if (answer.release) lines.push(`release ${plain(short(answer.release))}, generation ${answer.generation}`);
  return lines.join("<br>");
}

const folded = (text) => (text.length > 300 ? `${text.slice(0, 300)} …` : text).replace(/(.{30,52}) /g, "$1<br>");

// A strip along the foot of the price: what the forecasts were worth.
function statuses(chart) {
  const { bars, colour, data, legend } = chart;
  const paint = (bar) => colour(STATUS[bar.answer.status] ?? "truth");
  data.push({ type: "bar", x: times(bars), y: bars.map(() => 1), width: chart.step, yaxis: "y2", hoverinfo: "skip",
    marker: { color: bars.map(paint), line: { width: 0 } } });
  const words = { ok: "ok", stale: "stale", degraded: "degraded", abstain: "no forecast" };
  const seen = Object.keys(STATUS).filter((status) => bars.some((bar) => bar.answer.status === status));
  legend.push(["group", "", "Status strip"], ...seen.map((status) => ["block", STATUS[status], words[status]]));
}

function lower(chart) {
  const { bars, kind } = chart;
  const own = { variance, classes, number }[kind];
  if (!own || !bars.some((bar) => known(bar.answer.value))) return [];
  return own(chart);
}

function variance(chart) {
  const { bars, colour, data, legend, step } = chart;
  const moves = bars.map((bar, k) => (k && bar.values.close > 0 && bars[k - 1].values.close > 0
    ? 100 * Math.abs(Math.log(bar.values.close / bars[k - 1].values.close)) : null));
  const root = (value) => (known(value) && value >= 0 ? 100 * Math.sqrt(value) : null);
  const wide = band(step, bars.map((bar) => (bar.answer.quantiles?.length > 1
    ? { x: known_at(chart, bar), low: root(bar.answer.quantiles[0][1]), high: root(bar.answer.quantiles.at(-1)[1]) } : null)));
  data.push(
    { type: "bar", x: times(bars), y: moves, yaxis: "y3", marker: { color: colour("truth"), opacity: 0.55, line: { width: 0 } },
      hovertemplate: "moved %{y:.3f} %<extra></extra>" },
    ...(wide.x.length ? [{ type: "scatter", mode: "none", ...wide, yaxis: "y3", fill: "toself", fillcolor: colour("band"), hoverinfo: "skip" }] : []),
    { ...line(step, bars.map((bar) => ({ x: known_at(chart, bar), y: root(bar.answer.value) }))), yaxis: "y3",
      line: { color: colour("c0"), width: 1.8 }, hovertemplate: "forecast %{y:.3f} %<extra></extra>" },
  );
  legend.push(["group", "", "Volatility"], ["line", "c0", "forecast"], ["block", "truth", "how far the close moved"]);
  return [["y3", "Volatility, % a bar", 2, { rangemode: "tozero", ticksuffix: " %" }]];
}

function classes({ bars, colour, data, label, legend, step }) {
  const names = label.classes.length ? label.classes : (bars.findLast((bar) => bar.answer.probabilities?.length)?.answer.probabilities ?? []).map((_, k) => `class ${k}`);
  const paints = names.length === 2 ? ["bad", "good"] : names.length === 3 ? ["bad", "truth", "good"] : names.map((_, k) => `c${k % 8}`);
  legend.push(["group", "", "Probability"]);
  names.forEach((name, k) => {
    data.push({ type: "bar", x: times(bars), y: bars.map((bar) => (known(bar.answer.probabilities?.[k]) ? 100 * bar.answer.probabilities[k] : null)), yaxis: "y3", width: step,
      marker: { color: colour(paints[k]), opacity: 0.6, line: { width: 0 } }, hovertemplate: `${plain(name).replaceAll("%", "&#37;")} %{y:.0f} %<extra></extra>` });
    legend.push(["block", paints[k], name]);
  });
  return [["y3", "Probability", 2, { range: [0, 100], ticksuffix: " %" }]];
}

function number(chart) {
  const { bars, colour, data, label, legend, step } = chart;
  const wide = band(step, bars.map((bar) => (bar.answer.quantiles?.length > 1
    ? { x: known_at(chart, bar), low: bar.answer.quantiles[0][1], high: bar.answer.quantiles.at(-1)[1] } : null)));
  if (wide.x.length) data.push({ type: "scatter", mode: "none", ...wide, yaxis: "y3", fill: "toself", fillcolor: colour("band"), hoverinfo: "skip" });
  data.push({ ...line(step, bars.map((bar) => ({ x: known_at(chart, bar), y: bar.answer.value }))), yaxis: "y3",
    line: { color: colour("c0"), width: 1.8 }, hovertemplate: "forecast %{y:.4g}<extra></extra>" });
  legend.push(["group", "", "Forecast"], ["line", "c0", `${label.name}, when it will be known`]);
  return [["y3", `Forecast of ${label.name}, in its own units`, 2, {}]];
}

function trading({ bars, colour, data, legend }) {
  if (!bars.some((bar) => known(bar.answer.equity))) return [];
  const x = times(bars);
  const of = (name, factor = 1) => bars.map((bar) => (known(bar.answer[name]) ? factor * bar.answer[name] : null));
  data.push(
    { type: "scatter", mode: "lines", x, y: of("position", 100), yaxis: "y4", fill: "tozeroy", fillcolor: faint(colour("c3"), 0.14), connectgaps: false,
      line: { color: colour("c3"), width: 1.6, shape: "hv" }, hovertemplate: "position %{y:.1f} %<extra></extra>" },
    { type: "scatter", mode: "lines", x, y: of("target", 100), yaxis: "y4", connectgaps: false,
      line: { color: colour("c1"), width: 1.4, dash: "dot", shape: "hv" }, hovertemplate: "target %{y:.1f} %<extra></extra>" },
    { type: "scatter", mode: "lines", x, y: of("equity"), yaxis: "y5", connectgaps: false, line: { color: colour("c2"), width: 1.8 },
      hovertemplate: "equity %{y:.4f}<extra></extra>" },
  );
  legend.push(["group", "", "On paper"], ["line", "c3", "position"], ["dots", "c1", "target"], ["line", "c2", "equity after costs"]);
  return [["y4", "Position, % of equity", 1.5, { ticksuffix: " %", zeroline: true, zerolinecolor: colour("rule") }],
    ["y5", "Paper equity, 1 at the start", 1.6, { tickformat: ".4~f" }]];
}

// A line where another release begins to answer.
function releases({ bars, colour, shapes, notes, step }) {
  bars.forEach((bar, k) => {
    const before = bars[k - 1];
    if (!before || !bar.answer.release || before.answer.generation === bar.answer.generation) return;
    const x = utc(bar.t - step / 2);
    const right = k > 0.7 * bars.length;
    shapes.push({ type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: { color: colour("soft"), width: 1, dash: "dash" } });
    notes.push({ x, xref: "x", y: 1, yref: "paper", yanchor: "top", xanchor: right ? "right" : "left", showarrow: false, text: `${plain(short(bar.answer.release).slice(0, 6))}, gen. ${bar.answer.generation}`,
      font: { size: 11, color: colour("soft") }, bgcolor: colour("card") });
  });
}

function axes(chart, panels, height) {
  const { bars, colour, notes, step } = chart;
  const gap = 26 / height, strip = 7 / height;
  const weights = panels.reduce((sum, [, , weight]) => sum + weight, 0);
  const each = (1 - gap * (panels.length - 1) - strip - 2 / height) / weights;
  const layout = {};
  let top = 1;
  panels.forEach(([axis, title, weight, own]) => {
    const bottom = Math.max(top - each * weight, 0);
    layout[`yaxis${axis.slice(1)}`] = { domain: [bottom, top], nticks: axis === "y" ? 7 : 4, anchor: "x", ...own };
    if (axis !== "y") notes.push({ xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom", showarrow: false,
      text: plain(title), font: { size: 11, color: colour("soft") } });
    top = bottom;
    if (axis === "y") {
      layout.yaxis2 = { domain: [Math.max(top - strip - 2 / height, 0), Math.max(top - 2 / height, 0)], range: [0, 1], visible: false, fixedrange: true, anchor: "x" };
      top -= strip + 2 / height;
    }
    top -= gap;
  });
  const last = bars.at(-1);
  const until = Math.max(last.t, chart.kind === "none" ? 0 : known_at(chart, last)) + step;
  const room = Math.max(until - last.t, (last.t - bars[0].t) * 0.02);
  layout.xaxis = { type: "date", range: [utc(bars[0].t - step), utc(last.t + room)], anchor: "free", position: 0, nticks: narrow() ? 4 : 9, rangeslider: { visible: false },
    hoverformat: "%Y-%m-%d %H:%M:%S" };
  layout.barmode = "stack";
  layout.bargap = 0;
  return layout;
}

function said({ bars, label, now }, symbol) {
  const last = bars.at(-1);
  const closes = column(bars, "close").filter(known);
  return `${bars.length} bars of ${symbol} up to ${clock(last.t, now)} UTC, closes between ${price(Math.min(...closes))} and `
    + `${price(Math.max(...closes))}. The newest close is ${price(last.values.close)}, its forecast: ${forecast(last.answer, label)}.`;
}

// A bar in a line.
export function readout(bar, label, now, name = "Newest bar") {
  if (!bar) return "";
  const { answer, values } = bar;
  const left = ms(answer.known_at ?? NaN) - now;
  const due = answer.known_at ? `, known at ${clock(ms(answer.known_at), now)} UTC${left > 0 ? `, ${duration(left / 1e3)} from now` : ""}` : "";
  const said = known(answer.value) ? `Forecast: ${forecast(answer, label)}${due}.` : `No forecast${answer.reason ? `: ${answer.reason}` : ""}.`;
  const trade = known(answer.equity) ? ` Target ${percent(answer.target, { digits: 1 })}, position ${percent(answer.position, { digits: 1 })} of equity, paper equity ${fixed(answer.equity, 4)}.` : "";
  const worth = known(answer.value) && answer.status !== "ok" ? ` It is ${answer.status}: ${answer.reason}.` : "";
  return `${name} ${clock(bar.t, now)} UTC${known(values.close) ? `, close ${price(values.close)}` : ""}. ${said}${worth}${trade}`;
}
