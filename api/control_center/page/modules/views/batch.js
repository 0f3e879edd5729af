// One batch: drawn, as a table, with its log, and how to stop it.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { operationPanel } from "../batch/operation.js";
import { operationsTable } from "../batch/table.js";
import { Work } from "../batch/work.js";
import { confirmation, open } from "../dialog.js";
import { count, duration, hasEnded, percent, pill, STATUSES, timeLeft, tone, when } from "../format.js";
import { FROM_NOW_ON } from "../log.js";
import { Followed } from "./followed.js";

const SMALL = 6;
const TINY = 3;

export class Batch extends Followed {
  #work;
  #graph = null;
  #isDrawing = false;
  #chosen = null;
  #task = null;
  #filter = "";

  constructor(app, id) {
    super(app, id);
    this.#work = new Work(id);
    for (const event of app.heard.ofBatch(id)) this.log.add(this.#work.apply(event).line);
  }

  get title() {
    return this.#work.name || "Batch";
  }

  async load() {
    this.#work.read(await this.app.http.call("GET", `batch/operations/${this.#work.id}`));
    if (!this.#work.hasEnded) await this.readProgress(this.#work);
    this.#graph?.updateAll(this.#work.operations.values());
    if (this.#chosen) await this.#readTask();
    await this.history.load();
  }

  happened(event) {
    this.rollback?.happened(event);
    const before = this.#work.status;
    const found = this.#work.apply(event);
    if (event.metadata.batch_id !== this.#work.id) return;
    if (found?.line) this.log.add(found.line);
    if (found?.operation) {
      this.#graph?.update(found.operation);
      if (found.operation.taskId === this.#chosen && hasEnded(found.operation.status)) this.#readTask();
    }
    if (this.#work.status !== before) {
      this.app.announce(`Batch ${this.#work.name}: ${this.#work.status}`);
      // What remains and why stands in the batch alone.
      this.reloadSoon();
    }
    this.app.changed();
  }

  stop() {
    super.stop();
    this.#graph?.destroy();
    this.#graph = null;
  }

  drawn() {
    super.drawn();
    const container = document.querySelector(".graph");
    if (container && !this.#graph && !this.#isDrawing && this.#work.operations.size) this.#drawGraph(container);
  }

  template() {
    const work = this.#work;
    const chosen = this.#chosen && work.operations.get(this.#chosen);
    return html`
      <div class="heading">
        <h1 tabindex="-1">${this.title}</h1>
        ${work.createdAt ? pill(work.status) : nothing}
        <div class="actions">${this.#actions()}</div>
      </div>
      ${this.message}
      ${work.error ? html`<p class="message bad">${work.error}</p>` : nothing}
      ${work.remaining.length ? html`<div class="message bad"><strong>Left behind:</strong> ${work.remaining.join("\n")}</div>` : nothing}
      ${this.rollbackPanel()}
      ${work.createdAt ? html`${this.#summary()} ${this.#graphPanel()}` : nothing}
      ${work.operations.size
        ? html`<div class="columns">
            ${operationsTable([...work.operations.values()], this.#chosen, this.#filter, {
              choose: (taskId) => this.#choose(taskId),
              filter: (status) => { this.#filter = status; this.app.changed(); },
            })}
            <div class="stack">
              ${chosen ? operationPanel(chosen, this.#task, this.app, {
                    close: () => this.#choose(null),
                    undo: this.#mayUndo(chosen) ? () => this.undo(`${this.#work.id}/${chosen.id}`, chosen.id) : null,
                  }) : nothing}
              ${this.log.template(
                work.hasEnded ? "The batch has ended. What its operations printed is their output: choose one." : FROM_NOW_ON,
                chosen?.id,
              )}
            </div>
          </div>`
        : nothing}
      ${work.createdAt ? this.history.template() : nothing}
      ${confirmation({
        id: "cancel", title: `Cancel ${this.title}?`, agree: "Cancel the batch",
        text: "Nothing new starts, what runs is stopped and cleans up after itself, and what has completed is taken back where the batch says so.",
        act: () => this.#cancel(),
      })}
    `;
  }

  #actions() {
    const work = this.#work;
    if (!this.app.session.can("operator") || !work.createdAt || work.hasEnded) return nothing;
    return html`<button type="button" ?disabled=${work.phase !== "running"} @click=${() => open("cancel")}>Cancel the batch…</button>`;
  }

  #summary() {
    const work = this.#work;
    const now = this.app.http.now();
    const left = work.secondsLeft(now);
    const step = work.hasEnded ? "" : work.phase === "running" ? work.step : work.phase;
    return html`
      <section class="panel" aria-label="Progress">
        <div class="body">
          <progress max="100" data-tone=${tone(work.status)} value=${work.percent} aria-label="Progress of the batch"></progress>
          <dl class="figures">
            <div><dt>Done</dt><dd>${percent(work.percent)}</dd></div>
            <div><dt>Operations</dt><dd>${work.done} of ${work.total}</dd></div>
            <div><dt>${work.hasEnded ? "Took" : "Runs for"}</dt><dd>${duration(work.seconds(now))}</dd></div>
            ${left === null ? nothing : html`<div><dt>Left</dt><dd>${timeLeft(left)}</dd></div>`}
            <div class="secondary"><dt>Submitted</dt><dd>${when(work.createdAt)}</dd></div>
          </dl>
          ${step ? html`<p class="muted">Now: ${step}</p>` : nothing}
        </div>
      </section>
    `;
  }

  #graphPanel() {
    const { counts, operations } = this.#work;
    const words = STATUSES.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`).join(", ");
    return html`
      <section class="panel" aria-labelledby="graph-title">
        <header>
          <h2 id="graph-title">Graph</h2>
          <span class="legend">
            ${STATUSES.filter((status) => counts[status]).map((status) => html`<span class="row">${pill(status)}<span class="number">${counts[status]}</span></span>`)}
          </span>
          <div class="actions">
            <button type="button" @click=${() => this.#graph?.zoom(1.25)} aria-label="Larger">+</button>
            <button type="button" @click=${() => this.#graph?.zoom(0.8)} aria-label="Smaller">−</button>
            <button type="button" @click=${() => this.#graph?.fit()}>Fit</button>
          </div>
        </header>
        <div class="graph ${operations.size <= SMALL ? "small" : ""} ${operations.size <= TINY ? "tiny" : ""}" tabindex="0" role="application"
          aria-label="Graph of ${count(operations.size, "operation")}: ${words}. Arrow keys move it, plus and minus zoom, 0 fits it. The table below has the same."></div>
      </section>
    `;
  }

  async #drawGraph(container) {
    this.#isDrawing = true;
    const { Graph } = await import("../batch/graph.js");
    this.#isDrawing = false;
    if (this.isOver) return;
    this.#graph = new Graph(container, [...this.#work.operations.values()], (taskId) => this.#choose(taskId));
    this.#graph.choose(this.#chosen);
  }

  #choose(taskId) {
    this.#chosen = taskId;
    this.#task = null;
    this.#graph?.choose(taskId);
    this.app.changed();
    if (taskId) this.#readTask();
  }

  async #readTask() {
    const chosen = this.#chosen;
    await this.read(async () => {
      const task = await this.app.http.call("GET", `tasks/${chosen}`);
      if (this.#chosen === chosen) this.#task = task;
    });
  }

  #mayUndo(operation) {
    const mayAct = this.app.session.can("operator") && !this.rollback?.isRunning;
    return mayAct && this.#work.hasEnded && operation.status === "Completed";
  }

  #cancel() {
    this.attempt(() => this.app.http.call("POST", `batch/operations/${this.#work.id}/cancel`));
  }
}
