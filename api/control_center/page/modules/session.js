// Who is logged in here. The token lives as long as this tab, in its own storage and never in an address.
const PLACE = "provisioning.session";
const RANKS = { viewer: 1, operator: 2, admin: 3 };
const SOON = 60_000;
const RETRY = 5_000;

export class Session extends EventTarget {
  #kept = read();
  #timer = 0;
  // A tab that was duplicated has the same token, which one exchange makes void for both.
  #tabs = new BroadcastChannel(PLACE);
  #plan = () => {};

  constructor() {
    super();
    this.#tabs.onmessage = ({ data }) => {
      if (this.token !== data.old) return;
      this.#keep(data.kept);
      this.#plan();
    };
  }

  get token() { return this.#kept?.token ?? null; }
  get user() { return this.#kept?.user ?? null; }
  get isIn() { return this.#kept !== null; }

  /** Whether the user's roles are enough; the service decides, this only hides what it would refuse. */
  can(role) {
    const held = (this.user?.roles ?? []).map((name) => RANKS[name] ?? 0);
    return Math.max(0, ...held) >= RANKS[role];
  }

  /** @param lifetime milliseconds that the token holds, by the service's clock */
  begin({ token, user }, lifetime) {
    this.#keep({ token, user, lifetime, until: Date.now() + lifetime });
    this.dispatchEvent(new Event("begin"));
  }

  renewed(token, lifetime) {
    const old = this.token;
    this.#keep({ ...this.#kept, token, lifetime, until: Date.now() + lifetime });
    this.#tabs.postMessage({ old, kept: this.#kept });
  }

  /** @param reason what the person is told; empty where they asked for it */
  end(reason = "") {
    if (!this.isIn) return;
    clearTimeout(this.#timer);
    sessionStorage.removeItem(PLACE);
    this.#kept = null;
    this.dispatchEvent(new CustomEvent("end", { detail: reason }));
  }

  /** Exchanges the token in time, again and again. `exchange` answers whether it could. */
  renewWith(exchange) {
    this.#plan = () => {
      clearTimeout(this.#timer);
      if (!this.isIn) return;
      // By chance, so that two tabs with one token hardly do it at once.
      const early = Math.min(SOON, this.#kept.lifetime / 3) * (1 + Math.random()) / 2;
      const wait = Math.max(RETRY, this.#kept.until - early - Date.now());
      // Longer waits than this overflow the timer.
      this.#timer = setTimeout(async () => { await exchange(); this.#plan(); }, Math.min(wait, 2 ** 31 - 1));
    };
    this.addEventListener("begin", () => this.#plan());
    this.#plan();
  }

  #keep(kept) {
    this.#kept = kept;
    sessionStorage.setItem(PLACE, JSON.stringify(kept));
  }
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    return typeof kept?.token === "string" && kept.until > Date.now() ? kept : null;
  } catch {
    return null;
  }
}
