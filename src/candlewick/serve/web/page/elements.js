// Makes and updates elements. Whatever the server says goes in as text; no markup is ever parsed.
import { NONE, clock, date, local, stamp } from "/assets/words.js";

export const $ = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

export function time(at, { now, whole = false } = {}) {
  if (!stamp(at)) return NONE;
  return element("time", { datetime: stamp(at), title: local(at) }, whole ? date(at) : clock(at, now));
}

// Sets text only where it changed, so that a screen reader is not told the same again.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function empty(section, text) {
  const note = section.querySelector(".empty");
  say(note, text);
  note.hidden = !text;
  for (const part of section.querySelectorAll(".scroll, figure .plot, figure .legend, figcaption")) part.hidden = Boolean(text);
}

const shown = new WeakMap();

// Fills `parent` with what `make` makes of each item, and touches only those whose `keys` changed.
export function list(parent, items, keys, make) {
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
  items.forEach((item, k) => {
    const old = parent.children[k];
    const key = keys(item);
    if (old && shown.get(old) === key) return;
    const made = make(item);
    shown.set(made, key);
    if (old) old.replaceWith(made);
    else parent.append(made);
  });
}

// Rows of cells. A cell is text or {text, time, small, badge, title, words, press}; the first one heads its row.
export function rows(body, table) {
  while (body.rows.length > table.length) body.lastElementChild.remove();
  table.forEach((cells, k) => {
    const row = body.rows[k] ?? body.appendChild(element("tr"));
    cells.forEach((cell, j) => {
      const asked = typeof cell === "object" ? cell : { text: cell };
      const key = JSON.stringify(asked);
      const old = row.children[j];
      if (old && shown.get(old) === key) return;
      const made = element(j ? "td" : "th", { scope: j ? undefined : "row", class: asked.words ? "words" : asked.late ? "late" : undefined, title: asked.title });
      made.append(...inside(asked));
      shown.set(made, key);
      if (old) old.replaceWith(made);
      else row.append(made);
    });
  });
}

function inside(cell) {
  const { text = NONE } = cell;
  let main = String(text);
  if (cell.time !== undefined) main = time(cell.time, { now: cell.now, whole: cell.whole });
  else if (cell.badge) main = element("span", { class: `badge ${cell.badge}` }, main);
  else if (cell.press) main = element("button", { type: "button", class: "pick", "data-pick": cell.press, "aria-pressed": String(Boolean(cell.on)) }, main);
  else if (cell.code) main = element("code", {}, main);
  return cell.small ? [main, element("small", {}, cell.small)] : [main];
}
