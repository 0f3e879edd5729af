// Checkpoints: naming a moment, and going back to one.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { when } from "../format.js";
import { newKey } from "../http.js";
import { pages } from "../pages.js";
import { Rollback } from "../rollback.js";
import { View } from "./view.js";

const PAGE = 50;

export class Checkpoints extends View {
  title = "Checkpoints";
  #checkpoints = [];
  #total = 0;
  #offset = 0;
  #rollback = null;
  #isSaving = false;

  async load() {
    const query = { limit: PAGE, offset: this.#offset };
    const { data, total } = await this.app.http.page("GET", "rollback/checkpoints", { query });
    this.#checkpoints = data;
    this.#total = total;
  }

  happened(event) {
    this.#rollback?.happened(event);
  }

  template() {
    const mayAct = this.app.session.can("operator");
    return html`
      <div class="heading"><h1 tabindex="-1">Checkpoints</h1></div>
      ${this.message}
      ${this.#rollback ? this.#rollback.template(() => { this.#rollback = null; this.app.changed(); }) : nothing}
      ${mayAct ? this.#form() : nothing}
      <section class="panel" aria-label="Checkpoints">
        ${this.#checkpoints.length ? this.#table(mayAct) : html`<p class="empty">${this.isLoading ? "Loading…" : "No checkpoints yet."}</p>`}
      </section>
      ${pages({ offset: this.#offset, shown: this.#checkpoints.length, total: this.#total, size: PAGE }, (offset) => this.#show(offset))}
    `;
  }

  #form() {
    return html`
      <section class="panel" aria-labelledby="new-title">
        <header><h2 id="new-title">Name this moment</h2></header>
        <form class="body" @submit=${(event) => this.#create(event)}>
          <div class="row">
            <div class="field"><label for="name">Name</label><input id="name" name="name" maxlength="255" required></div>
            <div class="field"><label for="description">Description</label><input id="description" name="description" maxlength="4096" size="40"></div>
          </div>
          <div class="row">
            <button class="primary" ?disabled=${this.#isSaving}>Create checkpoint</button>
            <span class="muted">Everything that is done after it can be undone at once.</span>
          </div>
        </form>
      </section>
    `;
  }

  #table(mayAct) {
    return html`
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Created</th>
            <th scope="col" class="secondary">Size</th>
            ${mayAct ? html`<th scope="col"><span class="visually-hidden">What to do</span></th>` : nothing}
          </tr>
        </thead>
        <tbody>
          ${this.#checkpoints.map(
            (one) => html`
              <tr>
                <th scope="row"><strong>${one.name}</strong>${one.description ? html`<br><span class="muted">${one.description}</span>` : nothing}</th>
                <td>${when(one.created_at)}</td>
                <td class="secondary number">${one.size}</td>
                ${mayAct
                  ? html`<td class="tight"><button type="button" ?disabled=${this.#rollback?.isRunning} aria-label="Roll back to ${one.name}…" @click=${() => this.#preview(one)}>Roll back…</button></td>`
                  : nothing}
              </tr>
            `,
          )}
        </tbody>
      </table>
    `;
  }

  async #create(event) {
    event.preventDefault();
    const form = event.target;
    const { name, description } = Object.fromEntries(new FormData(form));
    this.#isSaving = true;
    const body = description ? { name, description } : { name };
    const isDone = await this.attempt(() => this.app.http.call("POST", "rollback/checkpoints", { body, key: newKey() }));
    this.#isSaving = false;
    if (isDone) {
      form.reset();
      this.app.announce(`Checkpoint ${name} is created`);
      this.#show(0);
    }
  }

  async #preview(checkpoint) {
    this.#rollback = new Rollback(this, { checkpoint_id: checkpoint.id }, `Back to “${checkpoint.name}”`);
    this.app.changed();
    if (!(await this.#rollback.preview())) this.#rollback = null;
    document.querySelector("main").scrollIntoView();
  }

  #show(offset) {
    this.#offset = offset;
    this.reload();
  }
}
