// What the page knows of the server, in bounded memory.
import { ms } from "/assets/words.js";

export const MOST_BARS = 2000;
export const MOST_RECORDS = 50;

const unremarkable = (record) => record.kind === "bar" && record.status === "ok";

export class Store {
  status = null;
  releases = null;
  symbol = "";
  bars = [];
  records = []; // newest first
  remarkable = []; // the same without bars whose forecast is ok
  heard = 0; // when, on the browser's clock
  #ahead = 0; // of the server's clock over the browser's

  // The server's time in ms.
  get now() { return Date.now() + this.#ahead; }
  get champion() { return this.status?.champion ?? null; }
  get label() { return this.champion?.label ?? null; }
  followed(symbol = this.symbol) { return this.status?.symbols.find((one) => one.symbol === symbol) ?? null; }

  takeStatus(status) {
    // In an order of their own: the server's is that of their coming, which a restart forgets.
    this.status = { ...status, symbols: status.symbols.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1)) };
    this.#ahead = ms(status.now) - Date.now();
  }

  takeBars(symbol, events) {
    if (symbol !== this.symbol) return;
    const found = new Map(this.bars.map((bar) => [bar.t, bar]));
    for (const { bar, answer } of events) found.set(ms(bar.t), barOf(bar, answer));
    this.bars = [...found.values()].sort((a, b) => a.t - b.t).slice(-MOST_BARS);
  }

  takeEvent(bar, answer) {
    this.takeRecord({ ...answer, kind: "bar", values: bar.values, received: bar.t + answer.feed_age_ns });
    if (bar.symbol !== this.symbol) return;
    const last = this.bars.at(-1);
    if (last && ms(bar.t) <= last.t) return this.takeBars(bar.symbol, [{ bar, answer }]);
    this.bars.push(barOf(bar, answer));
    if (this.bars.length > MOST_BARS) this.bars.shift();
  }

  takeRecord(record) {
    this.records = placed(this.records, record);
    if (!unremarkable(record)) this.remarkable = placed(this.remarkable, record);
  }

  choose(symbol) {
    if (symbol === this.symbol) return false;
    this.symbol = symbol;
    this.bars = [];
    return true;
  }
}

function barOf(bar, answer) {
  const { timings_us: _, ...kept } = answer;
  return { t: ms(bar.t), values: bar.values, answer: kept };
}

function placed(records, record) {
  if (records.some((one) => one.seq === record.seq)) return records;
  const k = records.findIndex((one) => one.seq < record.seq);
  const at = k < 0 ? records.length : k;
  return [...records.slice(0, at), record, ...records.slice(at)].slice(0, MOST_RECORDS);
}
