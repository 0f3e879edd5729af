// One task, whoever asked for it: a single submission, an operation of a batch, a rollback.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { confirmation, open } from "../dialog.js";
import { commandLine, copyable, fact } from "../facts.js";
import { duration, percent, pill, timeLeft, tone, when } from "../format.js";
import { FROM_NOW_ON } from "../log.js";
import { planText } from "../plan.js";
import { TaskState } from "../task/state.js";
import { Followed } from "./followed.js";

export class Task extends Followed {
  #state;

  constructor(app, id) {
    super(app, id);
    this.#state = new TaskState(id);
    for (const event of app.heard.ofTask(id)) this.log.add(this.#state.apply(event));
  }

  get title() {
    return this.#state.name || "Task";
  }

  async load() {
    this.#state.read(await this.app.http.call("GET", `tasks/${this.#state.id}`));
    if (this.#state.status === "Running") await this.readProgress(this.#state);
    await this.history.load();
  }

  happened(event) {
    this.rollback?.happened(event);
    if (event.data.task_id !== this.#state.id) return;
    const before = this.#state.status;
    const line = this.#state.apply(event);
    if (line) this.log.add(line);
    // Times, output and what is left stand in the task alone.
    else this.reloadSoon(this.#state.status === before ? 1000 : 0);
    if (this.#state.status !== before) this.app.announce(`Task ${this.title}: ${this.#state.status}`);
    this.app.changed();
  }

  template() {
    const state = this.#state;
    const { task } = state;
    return html`
      <div class="heading">
        <h1 tabindex="-1">${this.title}</h1>
        ${task ? pill(state.status) : nothing}
        <div class="actions">${task ? this.#actions() : nothing}</div>
      </div>
      ${this.message}
      ${state.error ? html`<p class="message bad">${state.error}</p>` : nothing}
      ${this.rollbackPanel()}
      ${task
        ? html`
            ${this.#progress()}
            <div class="columns">
              ${this.#facts()}
              <div class="stack">
                ${task.output ? output(task.output, state.hasEnded) : nothing}
                ${state.hasEnded && this.log.isEmpty ? nothing : this.log.template(FROM_NOW_ON)}
              </div>
            </div>
            ${this.history.template()}
          `
        : nothing}
      ${confirmation({
        id: "cancel", title: `Cancel ${this.title}?`, agree: "Cancel the task",
        text: "What runs is stopped, and takes back what it did. A rollback stops where it is, and what it undid stays undone.",
        act: () => this.#cancel(),
      })}
    `;
  }

  #actions() {
    const { task, hasEnded } = this.#state;
    if (!this.app.session.can("operator")) return nothing;
    if (hasEnded) return html`<button type="button" ?disabled=${this.rollback?.isRunning} @click=${() => this.undo(this.#state.id, this.title)}>Undo…</button>`;
    // What has several operations is stopped as a whole.
    if (task.batch_id) return html`<a class="button" href="#/batches/${task.batch_id}">Go to its batch</a>`;
    return html`<button type="button" @click=${() => open("cancel")}>Cancel the task…</button>`;
  }

  #progress() {
    const state = this.#state;
    const now = this.app.http.now();
    const [left, seconds] = [state.secondsLeft(now), state.seconds(now)];
    return html`
      <section class="panel" aria-label="Progress">
        <div class="body">
          <progress max="100" data-tone=${tone(state.status)} value=${state.percent} aria-label="Progress of the task"></progress>
          <dl class="figures">
            <div><dt>Done</dt><dd>${percent(state.percent)}</dd></div>
            ${state.total > 1 && !state.hasEnded ? html`<div><dt>Steps</dt><dd>${state.done} of ${state.total}</dd></div>` : nothing}
            ${seconds === null ? nothing : html`<div><dt>${state.hasEnded ? "Took" : "Runs for"}</dt><dd>${duration(seconds)}</dd></div>`}
            ${left === null ? nothing : html`<div><dt>Left</dt><dd>${timeLeft(left)}</dd></div>`}
          </dl>
          ${this.#now()}
        </div>
      </section>
    `;
  }

  #now() {
    const { status, step, task, hasEnded } = this.#state;
    if (status === "Pending") {
      return task.batch_id
        ? html`<p class="muted">It waits for its turn in the batch.</p>`
        : html`<p class="muted">It has not begun. Where others work on the same servers, it waits for them: <a href="#/inventory">who works on what</a>.</p>`;
    }
    return hasEnded || !step ? nothing : html`<p class="muted">Now: ${step}</p>`;
  }

  #facts() {
    const { task } = this.#state;
    const needed = task.dependencies.map((id) => html`<a href="#/tasks/${id}"><code>${id}</code></a> `);
    return html`
      <section class="panel" aria-labelledby="facts-title">
        <header><h2 id="facts-title">Task</h2></header>
        <div class="body">
          <dl class="facts">
            ${task.batch_id ? fact("Operation of", html`<a href="#/batches/${task.batch_id}"><code>${task.batch_id}</code></a>`) : nothing}
            ${needed.length ? fact("Depends on", needed) : nothing}
            ${fact("Submitted", when(task.created_at))}
            ${task.started_at ? fact("Started", when(task.started_at)) : nothing}
            ${task.completed_at ? fact("Ended", when(task.completed_at)) : nothing}
            ${fact("As a command", copyable(commandLine(task), this.app))}
            ${fact("Id", html`<code>${task.id}</code>`)}
          </dl>
        </div>
      </section>
    `;
  }

  #cancel() {
    this.attempt(() => this.app.http.call("POST", `tasks/${this.#state.id}/cancel`));
  }
}

const output = (text, hasEnded) => html`
  <section class="panel" aria-labelledby="output-title">
    <header><h2 id="output-title">Output${hasEnded ? "" : " so far"}</h2></header>
    <div class="body">${planText(text)}</div>
  </section>
`;
