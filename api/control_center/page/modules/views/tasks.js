// All tasks, newest first: single submissions, operations of batches, rollbacks.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { repeat } from "../../../vendor/lit-html/directives/repeat.js";
import { commandLine, secondsOf } from "../facts.js";
import { duration, hasEnded, percent, pill, STATUSES, tone, when } from "../format.js";
import { ListByStatus } from "./list.js";

const LONGEST = 90;
const SOON = 1500;

export class Tasks extends ListByStatus {
  title = "Tasks";
  path = "tasks";
  statuses = STATUSES;

  take(data) {
    const known = this.rows;
    this.rows = new Map(data.map((task) => [task.id, newer(task, known.get(task.id))]));
  }

  happened({ event_type: kind, data, timestamp }) {
    if (kind === "BatchOperationUpdate") return this.reloadSoon(SOON);
    if (kind !== "TaskStatusChanged") return;
    const found = this.rows.get(data.task_id);
    // One that is new belongs at the top; one that is other now may belong here no more, or only now.
    if (data.status !== (found?.status ?? data.previous_status) && (!found || this.status)) this.reloadSoon(SOON);
    if (!found || hasEnded(found.status)) return;
    if (data.status === "Running") found.started_at ??= timestamp;
    if (hasEnded(data.status)) found.completed_at ??= timestamp;
    found.status = data.status;
    found.progress = data.status === "Completed" ? 100 : Math.max(found.progress ?? 0, data.progress ?? 0);
    this.app.changed();
  }

  content(tasks) {
    if (tasks.length) return this.#table(tasks);
    return html`<p class="empty">${this.isLoading ? "Loading…" : this.status ? `None are ${this.status}.` : "No tasks yet."}</p>`;
  }

  #table(tasks) {
    return html`
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Status</th>
            <th scope="col">Progress</th>
            <th scope="col" class="secondary">As a command</th>
            <th scope="col" class="secondary">Submitted</th>
            <th scope="col" class="secondary">Time</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(tasks, (task) => task.id, (task) => this.#row(task))}
        </tbody>
      </table>
    `;
  }

  #row(task) {
    return html`
      <tr>
        <th scope="row"><a href="#/tasks/${task.id}">${task.name}</a>${task.batch_id ? html`<br><a class="aside" href="#/batches/${task.batch_id}">its batch</a>` : nothing}</th>
        <td class="tight">${pill(task.status)}</td>
        <td class="progress">
          <progress max="100" data-tone=${tone(task.status)} value=${task.progress ?? 0} aria-label="Progress of ${task.name}"></progress>
          <span class="number muted">${percent(task.progress ?? 0)}</span>
        </td>
        <td class="secondary"><code>${shortened(commandLine(task))}</code></td>
        <td class="secondary">${when(task.created_at)}</td>
        <td class="secondary number">${this.#time(task)}</td>
      </tr>
    `;
  }

  #time(task) {
    if (!task.started_at) return "";
    const passed = duration(secondsOf(task, this.app.http.now()));
    return task.completed_at ? passed : `runs for ${passed}`;
  }
}

/** The list may have been asked for before something that was heard of since. */
const newer = (task, known) => (known && hasEnded(known.status) && !hasEnded(task.status) ? known : task);

const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
