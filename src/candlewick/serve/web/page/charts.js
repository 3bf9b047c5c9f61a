// Draws with plotly in the colours of the style sheet: the frame of every chart, latencies, and who served when.
import { duration, short, utc } from "/assets/words.js";

export const narrow = () => window.innerWidth < 600;
export const ready = () => Boolean(window.Plotly);

// Text for a chart: plotly reads a few tags, so none of what the server says may look like one.
export const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function palette() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

export function draw(plot, { data, layout, height, told }) {
  const colour = palette();
  plot.setAttribute("aria-label", told);
  const whole = {
    height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow() ? 11 : 12, color: colour("ink") },
    margin: { l: 8, r: narrow() ? 6 : 14, t: 10, b: 8 }, hovermode: "closest", dragmode: narrow() ? false : "zoom",
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), align: "left", font: { color: colour("ink") } },
    ...layout,
  };
  for (const name of Object.keys(whole).filter((key) => /^[xy]axis\d*$/.test(key))) {
    whole[name] = {
      gridcolor: colour("grid"), linecolor: colour("rule"), tickcolor: colour("rule"), zeroline: false, automargin: true,
      fixedrange: narrow(), tickfont: { color: colour("soft") }, ...whole[name],
    };
  }
  return window.Plotly.react(plot, data, whole, { responsive: true, displayModeBar: false, doubleClick: "reset" });
}

export function legend(list, entries) {
  const key = JSON.stringify(entries);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren();
  for (const [shape, colour, text] of entries) {
    if (shape === "group" || !list.lastChild) list.append(group(shape === "group" ? text : ""));
    if (shape !== "group") list.lastChild.append(entry(shape, colour, text));
  }
}

// What belongs together is kept together where lines break.
function group(name) {
  const made = document.createElement("li");
  if (name) made.append(Object.assign(document.createElement("b"), { textContent: name }));
  return made;
}

function entry(shape, colour, text) {
  const made = document.createElement("span");
  const swatch = document.createElement("i");
  swatch.className = shape;
  swatch.style.setProperty("--swatch", `var(--${colour})`);
  made.append(swatch, text);
  return made;
}

// A colour of the style sheet, #rrggbb, made faint.
export const faint = (hex, alpha) => `rgba(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(",")},${alpha})`;

const MARKS = { p50: ["circle", "c0"], p95: ["diamond", "c2"], "p99": ["square", "c1"], "p99.9": ["triangle-up", "c3"], max: ["x-thin-open", "soft"] };
const NAMES = { ...Object.fromEntries(Object.keys(MARKS).map((name) => [name, name])), max: "longest" };
export const LATENCY_LEGEND = Object.entries(MARKS).map(([name, [mark, colour]]) => [mark, colour, NAMES[name]]);

export function latencies(stages) {
  const colour = palette();
  const names = stages.map(([name]) => plain(name));
  const lines = stages.flatMap(([name, s]) => [[s.p50, plain(name)], [s.max, plain(name)], [null, null]]);
  const data = [
    { type: "scatter", mode: "lines", x: lines.map(([x]) => x), y: lines.map(([, y]) => y), hoverinfo: "skip",
      line: { color: colour("rule"), width: 3 } },
    ...Object.entries(MARKS).map(([name, [symbol, paint]]) => ({
      type: "scatter", mode: "markers", x: stages.map(([, s]) => s[name]), y: names,
      marker: { symbol, color: colour(paint), size: name === "max" ? 8 : 10, line: { width: name === "max" ? 2 : 0, color: colour(paint) } },
      text: stages.map(([stage, s]) => `${plain(stage)} ${NAMES[name]} ${duration(s[name] / 1e6)}`), hoverinfo: "text",
    })),
  ];
  const all = stages.flatMap(([, s]) => [s.p50, s.max]).filter((value) => value > 0);
  const ends = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
  const ticks = Array.from({ length: ends[1] - ends[0] + 1 }, (_, k) => 10 ** (ends[0] + k));
  return {
    data, height: 64 + 34 * stages.length,
    told: `Latency by stage: ${stages.map(([name, s]) => `${name} p50 ${duration(s.p50 / 1e6)}, p99.9 ${duration(s["p99.9"] / 1e6)}`).join("; ")}.`,
    layout: {
      xaxis: { type: "log", range: [ends[0] - 0.1, ends[1] + 0.1], tickvals: ticks, ticktext: ticks.map((us) => (us < 1e3 ? `${us} µs` : us < 1e6 ? `${us / 1e3} ms` : `${us / 1e6} s`)) },
      yaxis: { type: "category", categoryorder: "array", categoryarray: [...names].reverse(), range: [-0.6, names.length - 0.4], ticksuffix: "  " },
    },
  };
}

// Spells of the champion, one row a release.
export function spells(history, titles, now) {
  const colour = palette();
  const moves = history.filter((move) => move.alias === "champion");
  const spans = moves.map((move, k) => ({ ...move, from: move.at / 1e6, until: k + 1 < moves.length ? moves[k + 1].at / 1e6 : now }));
  const rows = [...new Set(spans.map((span) => span.release))].slice(-12);
  const seen = spans.filter((span) => rows.includes(span.release));
  const name = (release) => (narrow() ? short(release).slice(0, 8) : `${short(release)}  ${plain((titles.get(release) ?? "").slice(0, 40))}`);
  const begin = Math.min(...seen.map((span) => span.from));
  const room = Math.max((now - begin) * 0.02, 1000);
  return {
    data: [{
      type: "bar", orientation: "h", base: seen.map((span) => utc(span.from)), x: seen.map((span) => Math.max(span.until - span.from, room / 8)),
      y: seen.map((span) => name(span.release)), width: 0.55,
      marker: { color: seen.map((span) => colour(`c${rows.indexOf(span.release) % 8}`)), line: { width: 1, color: colour("card") } },
      text: seen.map((span) => `generation ${span.generation}, ${plain(span.why)}, for ${duration((span.until - span.from) / 1e3)}`),
      hoverinfo: "text", textposition: "none",
    }],
    height: 64 + 34 * rows.length,
    told: `Spells of the champion: ${seen.map((s) => `${short(s.release)} for ${duration((s.until - s.from) / 1e3)}`).join(", then ")}.`,
    layout: {
      xaxis: { type: "date", range: [utc(begin - room), utc(now + room)], nticks: narrow() ? 4 : 8 },
      yaxis: { type: "category", categoryorder: "array", categoryarray: rows.map(name).reverse(), ticksuffix: "  ", showgrid: false },
    },
  };
}
