// What views have in common: what they read, and what went wrong with it.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { inWords } from "../http.js";

export class View {
  isLoading = true;
  trouble = "";
  /** Whether that is about reading, and so over once it was read. */
  #isUnread = false;
  #isOver = false;
  #again = 0;

  constructor(app) {
    this.app = app;
  }

  /** Reads what is shown. Overridden. */
  async load() {}

  start() {
    return this.reload();
  }

  stop() {
    this.#isOver = true;
    clearTimeout(this.#again);
  }

  get isOver() {
    return this.#isOver;
  }

  /** The events go on; what happened before them is read. */
  connected() {
    return this.reload();
  }

  async reload() {
    await this.read(() => this.load());
    this.isLoading = false;
  }

  /** Reads something. What went wrong with what a person asked for stays for them to see. */
  async read(action) {
    try {
      await action();
      if (this.#isUnread) this.trouble = "";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.trouble = inWords(error);
      this.#isUnread = true;
    } finally {
      if (!this.#isOver) this.app.changed();
    }
  }

  /** Reads again in a moment, once for however many reasons there are meanwhile. */
  reloadSoon(milliseconds = 500) {
    this.#again ||= setTimeout(() => { this.#again = 0; if (!this.#isOver) this.reload(); }, milliseconds);
  }

  /** Does what a person asked for. Answers whether it was done. */
  async attempt(action) {
    try {
      await action();
      this.trouble = "";
      return true;
    } catch (error) {
      this.trouble = inWords(error);
      this.#isUnread = false;
      return false;
    } finally {
      if (!this.#isOver) this.app.changed();
    }
  }

  get message() {
    if (this.trouble) return html`<p class="message bad" role="alert">${this.trouble}</p>`;
    return this.isLoading ? html`<p class="muted">Loading…</p>` : nothing;
  }
}
