// One piece of work on an infra, whose settings file says the rest: its servers, a task service, a cluster.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { live } from "../../../vendor/lit-html/directives/live.js";
import { confirmation, open } from "../dialog.js";
import { refusal } from "../refusal.js";
import { Keys, Plan, taskPlan, ways } from "../submission.js";
import { View } from "./view.js";

const KINDS = {
  servers: { title: "Its servers", operations: ["create"] },
  taskserv: {
    title: "A task service", operations: ["create", "configure", "restart", "delete"],
    field: "taskserv", label: "Task service", hint: "As the settings name it: nginx, redis, postgresql, …",
  },
  cluster: {
    title: "Clusters", operations: ["create", "scale", "upgrade", "delete"],
    field: "cluster_type", label: "Cluster type", hint: "All clusters of the type: etcd, redis, web, kubernetes, …",
  },
};
const RECENT = 200;

export class Infra extends View {
  title = "Submit for an infra";
  #busy = "";
  #keys = new Keys();
  #plan = null;
  #known = { infras: [], taskserv: [] };

  get #wanted() {
    return this.app.drafts.infra;
  }

  /** How the plan that was asked for stands, and which names there are to choose from. */
  async load() {
    await this.#plan?.load(this.app);
    if (this.#known.infras.length || !this.app.session.can("operator")) return;
    const effects = await this.app.http.call("GET", "inventory/effects", { query: { limit: RECENT } });
    const names = (field) => [...new Set(effects.map((one) => one[field]).filter(Boolean))].sort();
    this.#known = { infras: names("infra"), taskserv: names("task_service") };
  }

  happened(event) {
    if (this.#plan?.isConcerned(event)) this.reloadSoon(0);
  }

  template() {
    const mayAct = this.app.session.can("operator");
    return html`
      <div class="heading"><h1 tabindex="-1">Submit</h1>${ways("infra")}</div>
      ${mayAct ? nothing : html`<p class="message">Submitting needs the role operator.</p>`}
      ${refusal(this.trouble)}
      ${mayAct ? this.#form() : nothing}
      ${this.#plan ? this.#plan.template(() => this.#ask(), this.#busy) : nothing}
      ${confirmation({
        id: "delete", title: `Delete ${this.#wanted.kind === "cluster" ? "all clusters of type " : ""}${this.#wanted.name} of ${this.#wanted.infra}?`, agree: "Delete",
        text: "It can be undone, but what comes back is empty.",
        act: () => this.#submit(),
      })}
    `;
  }

  #form() {
    const wanted = this.#wanted;
    const kind = KINDS[wanted.kind];
    return html`
      <section class="panel" aria-labelledby="infra-title">
        <header><h2 id="infra-title">What an infra describes</h2></header>
        <form class="body" @submit=${(event) => { event.preventDefault(); this.#ask(); }}>
          <div class="row">
            ${this.#text("infra", "Infra", "", this.#known.infras)}
            ${this.#text("settings", "Settings file", "In the infra's folder", [])}
          </div>
          <fieldset class="choices">
            <legend>What</legend>
            ${Object.entries(KINDS).map(
              ([name, { title }]) => html`<label>
                <input type="radio" name="kind" value=${name} .checked=${live(wanted.kind === name)} @change=${() => this.#set({ kind: name, operation: "create" })}><span>${title}</span>
              </label>`,
            )}
          </fieldset>
          ${kind.field
            ? html`<div class="row">
                <div class="field">
                  <label for="operation">Operation</label>
                  <select id="operation" .value=${live(wanted.operation)} @change=${(event) => this.#set({ operation: event.target.value })}>
                    ${kind.operations.map((one) => html`<option value=${one} .selected=${wanted.operation === one}>${one}</option>`)}
                  </select>
                </div>
                ${this.#text("name", kind.label, kind.hint, this.#known[kind.field] ?? [])}
              </div>`
            : nothing}
          <div class="row">
            <button type="button" ?disabled=${this.#busy} @click=${(event) => { if (event.target.form.reportValidity()) this.#check(); }}>${this.#busy === "plan" ? "Planning…" : "Plan"}</button>
            <button class="primary" ?disabled=${this.#busy}>${this.#busy === "submit" ? "Submitting…" : "Submit"}</button>
            <span class="muted">Plan says what would change, and changes nothing.</span>
          </div>
        </form>
      </section>
    `;
  }

  #text(name, label, hint, choices) {
    return html`
      <div class="field">
        <label for=${name}>${label}</label>
        <input id=${name} required maxlength="255" autocomplete="off" autocapitalize="none" spellcheck="false" list="${name}-choices"
          aria-describedby=${hint ? `${name}-hint` : nothing} .value=${live(this.#wanted[name])} @input=${(event) => this.#set({ [name]: event.target.value })}>
        <datalist id="${name}-choices">${choices.map((one) => html`<option value=${one}></option>`)}</datalist>
        ${hint ? html`<span class="hint" id="${name}-hint">${hint}</span>` : nothing}
      </div>
    `;
  }

  #set(change) {
    Object.assign(this.#wanted, change);
    this.#keys.forget();
    if (this.#plan) this.#plan.isStale = true;
    this.app.changed();
  }

  #ask() {
    if (this.#wanted.operation === "delete") open("delete");
    else this.#submit();
  }

  #check() {
    return this.#send("plan", true, async (taskId) => {
      this.#plan = new Plan(taskId, taskPlan);
      await this.load();
    });
  }

  #submit() {
    return this.#send("submit", false, (taskId) => { location.hash = `#/tasks/${taskId}`; });
  }

  async #send(what, checkMode, then) {
    const { kind, infra, settings, operation, name } = this.#wanted;
    const { field } = KINDS[kind];
    const body = { infra: infra.trim(), settings: settings.trim(), check_mode: checkMode };
    if (field) Object.assign(body, { operation, [field]: name.trim() });
    this.#busy = what;
    this.app.changed();
    await this.attempt(async () => {
      await then(await this.#keys.use(what, (key) => this.app.http.call("POST", `workflows/${kind}/create`, { body, key })));
    });
    this.#busy = "";
    this.app.changed();
  }
}
