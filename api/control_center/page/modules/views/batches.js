// All batches, newest first, and how far those that run are.
import { html } from "../../../vendor/lit-html/lit-html.js";
import { repeat } from "../../../vendor/lit-html/directives/repeat.js";
import { duration, hasEnded, percent, pill, timeLeft, tone, when } from "../format.js";
import { ListByStatus } from "./list.js";

const STATUSES = ["Running", "Completed", "Failed", "Cancelled"];

export class Batches extends ListByStatus {
  title = "Batches";
  path = "batch/operations";
  statuses = STATUSES;

  take(data) {
    const known = this.rows;
    this.rows = new Map(data.map((batch) => [batch.batch_id, row(batch, known.get(batch.batch_id))]));
  }

  happened({ event_type: kind, data, timestamp }) {
    if (kind === "WorkflowProgressUpdate") {
      const found = this.rows.get(data.workflow_id);
      if (!found || data.progress < found.percent) return;
      Object.assign(found, progress(data, Date.parse(timestamp)));
    } else if (kind === "BatchOperationUpdate") {
      const found = this.rows.get(data.batch_id);
      if (found && !hasEnded(found.status) && !hasEnded(data.status)) found.phase = data.phase;
      else if (!found || !hasEnded(found.status)) this.reloadSoon();
    } else return;
    this.app.changed();
  }

  content(rows) {
    if (rows.length || this.isLoading) return this.#table(rows);
    return html`<p class="empty">No batches${this.status ? ` are ${this.status}` : " yet"}.</p>`;
  }

  #table(rows) {
    return html`
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Status</th>
            <th scope="col">Progress</th>
            <th scope="col" class="secondary">Submitted</th>
            <th scope="col" class="secondary">Time</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(rows, (row) => row.id, (row) => this.#row(row))}
        </tbody>
      </table>
    `;
  }

  #row(row) {
    return html`
      <tr>
        <th scope="row"><a href="#/batches/${row.id}">${row.name}</a></th>
        <td class="tight">${pill(row.status)}</td>
        <td class="progress">
          <progress max="100" data-tone=${tone(row.status)} value=${row.percent} aria-label="Progress of ${row.name}"></progress>
          <span class="number muted">${percent(row.percent)}${row.total ? `, ${row.done} of ${row.total}` : ""}</span>
        </td>
        <td class="secondary">${when(row.createdAt)}</td>
        <td class="secondary number">${this.#time(row)}</td>
      </tr>
    `;
  }

  #time(row) {
    if (row.completedAt) return duration((Date.parse(row.completedAt) - Date.parse(row.createdAt)) / 1000);
    if (row.phase && row.phase !== "running") return row.phase;
    const now = this.app.http.now();
    if (row.left === undefined) return `runs for ${duration((now - Date.parse(row.createdAt)) / 1000)}`;
    return `${timeLeft(row.left - (now - row.leftAt) / 1000)} left`;
  }
}

function row(batch, known) {
  const operations = batch.operations ?? [];
  const done = operations.filter((one) => hasEnded(one.status)).length;
  const sum = operations.reduce((total, one) => total + (hasEnded(one.status) ? 100 : one.progress), 0);
  const found = {
    id: batch.batch_id, name: batch.name, status: batch.status, createdAt: batch.created_at,
    completedAt: batch.completed_at, total: operations.length, done, percent: operations.length ? sum / operations.length : 0,
  };
  if (hasEnded(batch.status) || !known) return found;
  return { ...known, ...found, percent: Math.max(known.percent, found.percent), done: Math.max(known.done, done) };
}

const progress = (data, at) => ({
  percent: data.progress, done: data.completed_steps, total: data.total_steps, left: data.estimated_time_remaining, leftAt: at,
});
