// The service's events, over as many connections as it takes: nothing is missed in between.
//
// A handshake that fails does not tell a page why, so a plain request finds out: a login that ended is seen there.
import { Refused } from "./http.js";

const PAUSES = [200, 500, 1000, 2000, 3000];
const SILENCE = 60_000; // Metrics come every 15 seconds.
const TOO_LONG = 10 * 60_000; // What happened in so long an absence is read, not replayed.
const FORBIDDEN = 4403;
const BEGAN_ANEW = 1012;
const SUBPROTOCOL = "provisioning.events";
const BEARER = "provisioning.bearer.";

export class Live extends EventTarget {
  #session;
  #http;
  #socket = null;
  #timer = 0;
  #watchdog = 0;
  #attempts = 0;
  #since = null;
  #lostAt = 0;
  state = "off";
  /** Why there is no connection right now. */
  trouble = "";

  constructor(session, http) {
    super();
    this.#session = session;
    this.#http = http;
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#retryNow(); });
  }

  start() {
    if (this.state === "off") this.#connect();
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#since = null;
    this.#attempts = 0;
    this.#become("off");
  }

  #connect() {
    clearTimeout(this.#timer);
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.#lostAt && Date.now() - this.#lostAt > TOO_LONG) this.#since = null;
    if (this.#since !== null) url.searchParams.set("since", this.#since);
    if (this.state === "off") this.#become("connecting");
    const resumed = this.#since !== null;
    const token = this.#session.token;
    const socket = new WebSocket(url, [SUBPROTOCOL, BEARER + token]);
    let opened = false;
    this.#socket = socket;
    socket.onopen = () => {
      opened = true;
      const isFirst = this.#lostAt === 0;
      this.#attempts = 0;
      this.#lostAt = 0;
      this.#hear();
      this.#become("live");
      this.dispatchEvent(new CustomEvent("connected", { detail: { gap: !isFirst && !resumed } }));
    };
    socket.onmessage = (message) => { this.#hear(); this.#take(message.data); };
    socket.onclose = (closed) => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#watchdog);
      this.#lostAt ||= Date.now();
      if (closed.code === FORBIDDEN) return this.#become("refused", closed.reason);
      if (closed.code === BEGAN_ANEW && closed.reason.includes("anew")) this.#since = null;
      this.#become("lost", closed.reason || "the connection was lost");
      // A token that was exchanged for another one ends its connections, and the new one is there.
      if (opened || token !== this.#session.token) this.#again();
      else this.#findOut();
    };
  }

  #take(text) {
    const event = JSON.parse(text);
    const sequence = event.metadata.sequence === undefined ? null : Number(event.metadata.sequence);
    if (sequence !== null) {
      if (this.#since !== null && sequence <= this.#since) return;
      this.#since = sequence;
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  async #findOut() {
    const socket = this.#socket;
    try {
      await this.#http.call("GET", "state/system/metrics");
      // It answers, and yet lets us not follow: after the second time the number may be of another log.
      if (this.#attempts > 1) this.#since = null;
    } catch (error) {
      if (error instanceof Refused && error.status === 403) return this.#become("refused", error.message);
    }
    if (this.#socket === socket && this.#session.isIn) this.#again();
  }

  #again() {
    const pause = PAUSES[Math.min(this.#attempts, PAUSES.length - 1)];
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), pause * (0.75 + Math.random() / 2));
  }

  #retryNow() {
    if (this.state !== "lost" || this.#socket?.readyState === WebSocket.CONNECTING) return;
    this.#connect();
  }

  /** A connection that broke without a word is noticed by its silence. */
  #hear() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      const socket = this.#socket;
      // Its end may take long to be told where nobody answers.
      socket.onclose({ code: 1006, reason: "" });
      socket.onclose = null;
      socket.close();
    }, SILENCE);
  }

  #become(state, trouble = "") {
    this.state = state;
    this.trouble = trouble;
    this.dispatchEvent(new Event("state"));
  }
}
