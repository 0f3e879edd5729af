// Going back: first what would be undone, and then undoing it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { count, duration, percent, pill } from "./format.js";
import { newKey, Unreachable } from "./http.js";

const PAUSE = 1500;
const SIGNS = { created: "-", installed: "-", deleted: "+", removed: "+" };
const WORDS = { "-": "delete", "+": "create again", "~": "change back" };

export class Rollback {
  steps = null;
  result = null;
  isRunning = false;
  #doing = "";

  /**
   * @param view whose messages tell what went wrong
   * @param body the request's: `checkpoint_id` or `operation_ids`
   * @param target what is gone back to or taken back, in words
   */
  constructor(view, body, target) {
    this.view = view;
    this.body = body;
    this.target = target;
  }

  preview() {
    return this.view.attempt(async () => {
      const query = { dry_run: true };
      const answer = await this.view.app.http.call("POST", "rollback/execute", { body: this.body, query });
      this.steps = answer.would_undo ?? [];
    });
  }

  /** The service answers when it has ended. Asked again with the same key, it does nothing twice. */
  async run() {
    const key = newKey();
    this.isRunning = true;
    this.view.app.changed();
    await this.view.attempt(async () => {
      while (!this.result) {
        try {
          this.result = await this.view.app.http.call("POST", "rollback/execute", { body: this.body, key });
        } catch (error) {
          if (!(error instanceof Unreachable) || this.view.isOver) throw error;
          this.#doing = "the service does not answer; the rollback goes on there";
          this.view.app.changed();
          await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
        }
      }
      this.view.app.announce(`The rollback has ended: ${this.result.success ? "completed" : "not completed"}`);
    });
    this.isRunning = false;
    this.view.app.changed();
  }

  happened({ event_type: kind, data, metadata }) {
    if (!this.isRunning || kind !== "TaskStatusChanged" || metadata.workflow_type !== "rollback") return;
    this.#doing = [data.step, data.progress ? percent(data.progress) : ""].filter(Boolean).join(", ");
    this.view.app.changed();
  }

  /** @param close called when the person is done with it */
  template(close) {
    const { steps, result } = this;
    return html`
      <section class="panel" aria-labelledby="rollback-title">
        <header>
          <h2 id="rollback-title">${this.target}</h2>
          <div class="actions"><button type="button" ?disabled=${this.isRunning} @click=${close}>Close</button></div>
        </header>
        <div class="body">
          ${result ? outcome(result) : steps === null ? html`<p class="muted">Finding out what would be undone…</p>` : this.#preview()}
        </div>
      </section>
    `;
  }

  #preview() {
    const { steps } = this;
    if (!steps.length) return html`<p>There is nothing to undo.</p>`;
    return html`
      <p>${count(steps.length, "change")} would be undone, in this order:</p>
      <ol class="plan scroll tall" tabindex="0" aria-label="What would be undone">
        ${steps.map(stepLine)}
      </ol>
      <div class="row">
        <button type="button" class="danger" ?disabled=${this.isRunning} @click=${() => this.run()}>
          ${this.isRunning ? "Rolling back…" : `Undo ${count(steps.length, "change")}`}
        </button>
        ${this.isRunning && this.#doing ? html`<span class="muted">${this.#doing}</span>` : nothing}
      </div>
    `;
  }
}

function stepLine(step) {
  const [, thing, done] = /^(.*)_([a-z]+)$/.exec(step.kind) ?? [null, step.kind, ""];
  const sign = SIGNS[done] ?? "~";
  const by = step.operation_id ? `${step.operation_id}` : `task ${step.task_id}`;
  return html`<li data-sign=${sign}>${sign} ${WORDS[sign]} ${thing} ${step.resource.replace(/^\w+:/, "")} (${done} by ${by})</li>`;
}

function outcome(result) {
  return html`
    <p class="row">${result.status ? pill(result.status) : nothing}
      ${count(result.operations_executed, "change")} undone, ${result.operations_failed} could not be; it took ${duration(result.duration ?? 0)}.
    </p>
    <p>See <a href="#/tasks/${result.rollback_id}">its task</a>.</p>
    ${result.error ? html`<p class="message bad">${result.error}</p>` : nothing}
    ${result.remaining?.length ? html`<p class="message bad">${["Left behind:", ...result.remaining].join("\n")}</p>` : nothing}
  `;
}
