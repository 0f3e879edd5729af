// What views of long lists have in common: a page of them at a time, newest first, by what was chosen last.
import { html } from "../../../vendor/lit-html/lit-html.js";
import { pages } from "../pages.js";
import { View } from "./view.js";

/** A page of the list at `path`. */
export class List extends View {
  path = "";
  size = 25;
  offset = 0;
  #total = 0;
  #asked = 0;

  /** What is asked for besides. Overridden. */
  query() {
    return {};
  }

  /** Takes over what was answered. Overridden. */
  take() {}

  async load() {
    const asked = ++this.#asked;
    const query = { limit: this.size, offset: this.offset, ...this.query() };
    const { data, total } = await this.app.http.page("GET", this.path, { query });
    // Somebody may have chosen otherwise meanwhile.
    if (asked !== this.#asked) return;
    this.#total = total;
    this.take(data);
  }

  pages(shown) {
    return pages({ offset: this.offset, shown, total: this.#total, size: this.size }, (offset) => { this.offset = offset; this.reload(); });
  }
}

/** A list of what has a status, all of it or that of one status, by its ids. */
export class ListByStatus extends List {
  counts = true;
  statuses = [];
  rows = new Map();
  status = "";

  /** The panel's content, of an array. Overridden. */
  content() {}

  query() {
    return { status: this.status };
  }

  template() {
    const rows = [...this.rows.values()];
    return html`
      <div class="heading">
        <h1 tabindex="-1">${this.title}</h1>
        <div class="actions">
          <label for="status">Status</label>
          <select id="status" @change=${(event) => this.#show(event.target.value)}>
            <option value="">All</option>
            ${this.statuses.map((status) => html`<option value=${status}>${status}</option>`)}
          </select>
        </div>
      </div>
      ${this.message}
      <section class="panel" aria-label=${this.title}>${this.content(rows)}</section>
      ${this.pages(rows.length)}
    `;
  }

  #show(status) {
    this.status = status;
    this.offset = 0;
    this.reload();
  }
}
