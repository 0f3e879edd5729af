// One operation of a batch, in full.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { commandLine, copyable, fact, times } from "../facts.js";
import { pill } from "../format.js";
import { planText } from "../plan.js";

/**
 * @param task as `/tasks/{taskId}` says it; null while it is read
 * @param undo asked for what the operation did to be taken back; null where that cannot be
 */
export function operationPanel(operation, task, app, { close, undo }) {
  const error = task?.error ?? operation.error;
  return html`
    <section class="panel" aria-labelledby="operation-title">
      <header>
        <h2 id="operation-title">${operation.id}</h2>
        ${pill(operation.status)}
        <div class="actions">
          ${undo ? html`<button type="button" @click=${undo}>Undo…</button>` : nothing}
          <button type="button" @click=${close} aria-label="Close ${operation.id}">Close</button>
        </div>
      </header>
      <div class="body">
        ${error ? html`<p class="message bad">${error}</p>` : nothing}
        <dl class="facts">
          ${fact("What", operation.kind.replaceAll("_", " "))}
          ${fact("Step", operation.step)}
          ${fact("Depends on", operation.dependencies.join(", "))}
          ${task ? times(task, app.http.now()) : nothing}
          ${task ? fact("As a command", copyable(commandLine(task), app)) : nothing}
          ${fact("Task", html`<a href="#/tasks/${operation.taskId}"><code>${operation.taskId}</code></a>`)}
        </dl>
        ${task?.output ? html`<div><h3 class="muted">Output</h3>${planText(task.output)}</div>` : nothing}
      </div>
    </section>
  `;
}
