// A batch file: what it would change, and then carrying it out.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { live } from "../../../vendor/lit-html/directives/live.js";
import { count, hasEnded, pill } from "../format.js";
import { newKey, Unreachable } from "../http.js";
import { countsOf, planText } from "../plan.js";
import { EXAMPLE, readBatchFile } from "../reading.js";
import { View } from "./view.js";

const AT_ONCE = 6;

export class Submit extends View {
  title = "Submit";
  #busy = "";
  #key = null;
  #plan = null;

  get #text() {
    return this.app.draft;
  }

  set #text(text) {
    this.app.draft = text;
    this.#key = null;
  }

  /** How the plan that was asked for stands. */
  async load() {
    const plan = this.#plan;
    if (!plan || plan.tasks) return;
    const batch = await this.app.http.call("GET", `batch/operations/${plan.id}`);
    plan.batch = batch;
    if (!hasEnded(batch.status)) return;
    plan.tasks = await inTurns(batch.operations, (one) => this.app.http.call("GET", `tasks/${one.task_id}`));
    this.app.announce(`The plan is ready: ${sum(plan.tasks)}`);
  }

  happened({ event_type: kind, data }) {
    if (kind === "BatchOperationUpdate" && data.batch_id === this.#plan?.id && hasEnded(data.status)) this.reloadSoon(0);
  }

  template() {
    const mayAct = this.app.session.can("operator");
    return html`
      <div class="heading"><h1 tabindex="-1">Submit</h1></div>
      ${mayAct ? nothing : html`<p class="message">Submitting needs the role operator.</p>`}
      ${this.trouble ? html`<p class="message bad" role="alert">${this.trouble}</p>` : nothing}
      ${mayAct ? this.#form() : nothing}
      ${this.#plan ? this.#planPanel() : nothing}
    `;
  }

  #form() {
    return html`
      <section class="panel" aria-labelledby="batch-title">
        <header>
          <h2 id="batch-title">Batch</h2>
          <div class="actions">
            <button type="button" @click=${() => { this.#text = EXAMPLE; this.app.changed(); }}>Example</button>
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

  #planPanel() {
    const { tasks, batch } = this.#plan;
    return html`
      <section class="panel" aria-labelledby="plan-title">
        <header>
          <h2 id="plan-title">Plan</h2>
          ${tasks ? html`<span>${sum(tasks)}</span>` : html`<span class="muted">Finding out what would change…</span>`}
        </header>
        <div class="body">
          ${batch?.error ? html`<p class="message bad">${batch.error}</p>` : nothing}
          ${(tasks ?? []).map(
            (task) => html`
              <div>
                <h3 class="row">${task.name} ${task.status === "Completed" ? nothing : pill(task.status)}</h3>
                ${task.error ? html`<p class="message bad">${task.error}</p>` : planText(task.output ?? "")}
              </div>
            `,
          )}
        </div>
      </section>
    `;
  }

  async #choose(input) {
    const [file] = input.files;
    if (!file) return;
    this.#text = await file.text();
    input.value = "";
    this.app.changed();
  }

  #check() {
    return this.#send("plan", { check_mode: true }, async (started) => {
      this.#plan = { id: started.batch_id, tasks: null, batch: null };
      await this.load();
    });
  }

  #submit() {
    return this.#send("submit", {}, (started) => {
      this.#text = "";
      location.hash = `#/batches/${started.batch_id}`;
    });
  }

  /** A request that nobody answered is sent again with its key, should the person ask again. */
  async #send(what, query, then) {
    this.#busy = what;
    this.app.changed();
    await this.attempt(async () => {
      const body = await readBatchFile(this.#text);
      this.#key ??= {};
      const key = (this.#key[what] ??= newKey());
      try {
        const started = await this.app.http.call("POST", "batch/execute", { body, query, key });
        this.#key = null;
        await then(started);
      } catch (error) {
        if (!(error instanceof Unreachable)) this.#key = null;
        throw error;
      }
    });
    this.#busy = "";
    this.app.changed();
  }
}

function sum(tasks) {
  const failed = tasks.filter((task) => task.error).length;
  const words = countsOf(tasks.map((task) => task.output ?? "").join("\n"));
  return [words, failed ? `${count(failed, "operation")} would be refused` : ""].filter(Boolean).join("; ");
}

/** What `ask` answers for each, in their order, with a few questions at a time. */
async function inTurns(items, ask) {
  const answers = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await ask(items[index]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}
