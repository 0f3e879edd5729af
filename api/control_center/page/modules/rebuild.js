// Holding the inventory against the ledger, for admins: first what differs, and then mending it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { count } from "./format.js";

export class Rebuild {
  #view;
  #found = null;
  #isBusy = false;

  /** @param view whose messages tell what went wrong; it is read again once something was mended */
  constructor(view) {
    this.#view = view;
  }

  template() {
    return html`
      <section class="panel" aria-labelledby="rebuild-title">
        <header>
          <h2 id="rebuild-title">Inventory and ledger</h2>
          <div class="actions"><button type="button" ?disabled=${this.#isBusy} @click=${() => this.#run(true)}>${this.#isBusy ? "Comparing…" : "Compare"}</button></div>
        </header>
        <div class="body">
          ${this.#found ? this.#outcome() : html`<p class="muted">The inventory is the ledger folded up. Comparing folds all of it up anew, and changes nothing.</p>`}
        </div>
      </section>
    `;
  }

  #outcome() {
    const { position, resources, found, mended, differences, unreadable } = this.#found;
    const words = found ? `${count(found, "difference")}, ${mended} mended` : "no difference";
    return html`
      <p class="message ${found > mended || unreadable.length ? "bad" : "good"}">${count(position, "entry", "entries")}, ${count(resources, "resource")}: ${words}.</p>
      ${unreadable.length ? html`<p>These entries cannot be read: ${unreadable.join(", ")}</p>` : nothing}
      ${differences.length ? html`<ul>${differences.map(difference)}</ul>` : nothing}
      ${found > mended ? html`<div class="row"><button type="button" class="primary" ?disabled=${this.#isBusy} @click=${() => this.#run(false)}>Mend the inventory</button></div>` : nothing}
    `;
  }

  async #run(isTrial) {
    this.#isBusy = true;
    this.#view.app.changed();
    await this.#view.attempt(async () => {
      this.#found = await this.#view.app.http.call("POST", "inventory/rebuild", { query: { dry_run: isTrial } });
    });
    this.#isBusy = false;
    if (isTrial) this.#view.app.changed();
    else this.#view.reload();
  }
}

const difference = (one) => html`<li>${one.resource}: ${one.kind.replaceAll("_", " ")}${one.fields ? ` (${one.fields.join(", ")})` : ""}${one.mended ? ", mended" : ""}</li>`;
