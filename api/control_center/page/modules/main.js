// Puts the page together: who is logged in, what the address asks for, and what happens meanwhile.
import { nothing, render } from "../../vendor/lit-html/lit-html.js";
import { Heard } from "./heard.js";
import { Http, Refused } from "./http.js";
import { Live } from "./live.js";
import { Metrics } from "./metrics.js";
import { Session } from "./session.js";
import { shell } from "./shell.js";
import { Login } from "./views/login.js";
import { viewFor } from "./routes.js";

const REDRAW = 80;

const emptyDrafts = () => ({
  batch: "",
  infra: { infra: "", settings: "config.k", kind: "servers", operation: "create", name: "" },
});

class App {
  session = new Session();
  http = new Http(this.session);
  live = new Live(this.session, this.http);
  metrics = new Metrics(this.live);
  heard = new Heard(this.live);
  view = null;
  /** What is written at Submit, for whoever looks elsewhere meanwhile. */
  drafts = emptyDrafts();
  #root = document.getElementById("app");
  #announcer = document.getElementById("announcer");
  #timer = 0;

  run() {
    this.session.addEventListener("begin", () => this.#go());
    this.session.addEventListener("end", (event) => { this.live.stop(); this.metrics.forget(); this.heard.forget(); this.drafts = emptyDrafts(); this.#go(event.detail); });
    this.live.addEventListener("state", () => this.#connectionChanged());
    this.live.addEventListener("connected", (event) => this.view?.connected?.(event.detail.gap));
    this.live.addEventListener("event", (event) => this.view?.happened?.(event.detail));
    this.session.renewWith(() => this.#renew());
    addEventListener("hashchange", () => this.#go());
    // Times that are counted go on while nothing happens.
    setInterval(() => { if (this.view?.counts) this.changed(); }, 1000);
    this.#go("", true);
  }

  /** Something that is shown is other now. Many changes are drawn at once. */
  changed() {
    this.#timer ||= setTimeout(() => { this.#timer = 0; this.#draw(); }, REDRAW);
  }

  /** Tells those who do not see the page what has happened. */
  announce(text) {
    if (this.#announcer.textContent !== text) this.#announcer.textContent = text;
  }

  async logOut() {
    this.session.end();
  }

  #go(reason = "", isFirst = false) {
    this.view?.stop?.();
    // Marks of the view before do not become the next one's.
    render(nothing, this.#root);
    this.view = this.session.isIn ? viewFor(location.hash, this) : new Login(this, reason);
    this.#draw();
    this.view.start?.();
    if (this.session.isIn) this.live.start();
    if (!isFirst) document.querySelector("h1")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  #draw() {
    document.title = `${this.view.title} · Control center`;
    render(shell(this), this.#root);
    this.view.drawn?.();
  }

  #connectionChanged() {
    const { state, trouble } = this.live;
    if (state === "lost") this.announce(`Connection lost: ${trouble}. Trying again.`);
    if (state === "live") this.announce("Connected. What is shown is live.");
    this.changed();
  }

  async #renew() {
    try {
      const { token, expires_at } = await this.http.call("POST", "auth/refresh", { body: { token: this.session.token } });
      this.session.renewed(token, Date.parse(expires_at) - this.http.now());
    } catch (error) {
      // Until it expires there is time to try again.
      if (error instanceof Refused && error.status !== 503) this.session.end("Your login has expired. Log in again.");
    }
  }
}

new App().run();
