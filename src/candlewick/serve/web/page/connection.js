// Keeps a WebSocket to /v1/watch, and says plainly when there is none. One attempt at a time, with back-off.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;
const SILENCE_MS = 7_000; // a status comes every 2 s

export class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

// JSON from a path of this server; Refused where it says no.
export async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(10_000) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, String(told.message ?? `the server answered ${answer.status}`));
  return told;
}

export class Connection {
  up = false;
  why = "";
  next = 0; // when the next attempt is due, on the browser's clock
  #socket = null;
  #timer = 0;
  #silence = 0;
  #failed = 0;
  #trying = false;

  // `hear(message)` gets every message; `resync()` is awaited when there is a connection; `changed()` follows up and down.
  constructor({ hear, resync, changed }) {
    Object.assign(this, { hear, resync, changed });
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.hurry(); });
  }

  // An attempt now, where none is under way.
  hurry() {
    if (!this.up && !this.#trying) this.open();
  }

  async open() {
    clearTimeout(this.#timer);
    this.#trying = true;
    this.next = 0;
    this.changed();
    try {
      await ask("/v1/status"); // says why, which a WebSocket that is refused does not
    } catch (error) {
      this.#lost(reason(error));
      return;
    }
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/watch`);
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#heard(socket, event.data));
    socket.addEventListener("close", () => { if (this.#socket === socket) this.#lost("the server closed the connection"); });
    this.#listen();
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(`nothing has come for ${SILENCE_MS / 1000} s`), SILENCE_MS);
  }

  #heard(socket, data) {
    if (this.#socket !== socket) return;
    this.#listen();
    if (!this.up) {
      Object.assign(this, { up: true, why: "" });
      this.#trying = false;
      this.#failed = 0;
      this.changed();
      this.resync();
    }
    this.hear(JSON.parse(data));
  }

  #lost(why) {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const wait = Math.min(FIRST_MS * 2 ** this.#failed, LONGEST_MS) * (0.75 + Math.random() / 2);
    this.#failed += 1;
    this.#trying = false;
    Object.assign(this, { up: false, why, next: Date.now() + wait });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
    this.changed();
  }
}

function reason(error) {
  if (!(error instanceof Refused)) return "the server does not answer";
  if (error.status === 401) return "this browser's link is no longer valid. Ask the server for a new one: candlewick serve --link";
  return error.message;
}
