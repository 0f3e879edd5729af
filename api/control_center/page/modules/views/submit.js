// A batch file: what it would change, and then carrying it out.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { live } from "../../../vendor/lit-html/directives/live.js";
import { EXAMPLE, readBatchFile } from "../reading.js";
import { batchPlan, Keys, Plan, ways } from "../submission.js";
import { View } from "./view.js";

export class Submit extends View {
  title = "Submit";
  #busy = "";
  #keys = new Keys();
  #plan = null;

  get #text() {
    return this.app.drafts.batch;
  }

  set #text(text) {
    this.app.drafts.batch = text;
    this.#keys.forget();
    if (this.#plan) this.#plan.isStale = true;
    this.app.changed();
  }

  /** How the plan that was asked for stands. */
  async load() {
    await this.#plan?.load(this.app);
  }

  happened(event) {
    if (this.#plan?.isConcerned(event)) this.reloadSoon(0);
  }

  template() {
    const mayAct = this.app.session.can("operator");
    return html`
      <div class="heading"><h1 tabindex="-1">Submit</h1>${ways("batch")}</div>
      ${mayAct ? nothing : html`<p class="message">Submitting needs the role operator.</p>`}
      ${this.trouble ? html`<p class="message bad" role="alert">${this.trouble}</p>` : nothing}
      ${mayAct ? this.#form() : nothing}
      ${this.#plan ? this.#plan.template(() => this.#submit(), this.#busy) : nothing}
    `;
  }

  #form() {
    return html`
      <section class="panel" aria-labelledby="batch-title">
        <header>
          <h2 id="batch-title">Batch</h2>
          <div class="actions">
            <button type="button" @click=${() => { this.#text = EXAMPLE; }}>Example</button>
            <label class="button" for="file">Choose a file…</label>
            <input id="file" class="visually-hidden" type="file" accept=".json,.yaml,.yml" @change=${(event) => this.#choose(event.target)}>
          </div>
        </header>
        <form class="body" @submit=${(event) => { event.preventDefault(); this.#submit(); }}>
          <div class="field">
            <label for="text">Batch file, JSON or YAML</label>
            <textarea id="text" rows="18" spellcheck="false" autocapitalize="none" .value=${live(this.#text)}
              @input=${(event) => { this.#text = event.target.value; }}></textarea>
          </div>
          <div class="row">
            <button type="button" ?disabled=${this.#busy} @click=${() => this.#check()}>${this.#busy === "plan" ? "Planning…" : "Plan"}</button>
            <button class="primary" ?disabled=${this.#busy}>${this.#busy === "submit" ? "Submitting…" : "Submit"}</button>
            <span class="muted">Plan says what would change, and changes nothing.</span>
          </div>
        </form>
      </section>
    `;
  }

  async #choose(input) {
    const [file] = input.files;
    if (!file) return;
    this.#text = await file.text();
    input.value = "";
  }

  #check() {
    return this.#send("plan", { check_mode: true }, async (started) => {
      this.#plan = new Plan(started.batch_id, batchPlan);
      await this.load();
    });
  }

  #submit() {
    return this.#send("submit", {}, (started) => {
      this.#text = "";
      location.hash = `#/batches/${started.batch_id}`;
    });
  }

  async #send(what, query, then) {
    this.#busy = what;
    this.app.changed();
    await this.attempt(async () => {
      const body = await readBatchFile(this.#text);
      await then(await this.#keys.use(what, (key) => this.app.http.call("POST", "batch/execute", { body, query, key })));
    });
    this.#busy = "";
    this.app.changed();
  }
}
