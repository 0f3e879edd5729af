// One operation of a batch, in full.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { duration, hasEnded, pill, when } from "../format.js";
import { planText } from "../plan.js";

/**
 * @param undo asked for what the operation did to be taken back; null where that cannot be
 * @param task as `/tasks/{taskId}` says it; null while it is read
 */
export function operationPanel(operation, task, now, { close, undo }) {
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
          ${task ? times(task, now) : nothing}
          ${task ? fact("As a command", html`<code>${[task.command, ...task.args].map(quoted).join(" ")}</code>`) : nothing}
          ${fact("Task", html`<code>${operation.taskId}</code>`)}
        </dl>
        ${task?.output ? html`<div><h3 class="muted">Output</h3>${planText(task.output)}</div>` : nothing}
      </div>
    </section>
  `;
}

function times(task, now) {
  const end = task.completed_at ? Date.parse(task.completed_at) : now;
  return html`
    ${task.started_at ? fact("Started", when(task.started_at)) : nothing}
    ${task.started_at ? fact(hasEnded(task.status) ? "Took" : "Runs for", duration((end - Date.parse(task.started_at)) / 1000)) : nothing}
  `;
}

const fact = (name, value) => (value ? html`<dt>${name}</dt><dd>${value}</dd>` : nothing);

const quoted = (word) => (/^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
