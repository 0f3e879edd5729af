// The operations of a batch as a table: the same as the drawing, for keyboards, narrow windows and screen readers.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { repeat } from "../../../vendor/lit-html/directives/repeat.js";
import { percent, pill, STATUSES } from "../format.js";

export function operationsTable(operations, chosen, status, { choose, filter }) {
  const shown = status ? operations.filter((one) => one.status === status) : operations;
  return html`
    <section class="panel" aria-labelledby="operations-title">
      <header>
        <h2 id="operations-title">Operations</h2>
        <div class="actions">
          <label for="operation-status">Status</label>
          <select id="operation-status" @change=${(event) => filter(event.target.value)}>
            <option value="">All</option>
            ${STATUSES.map((one) => html`<option value=${one}>${one}</option>`)}
          </select>
        </div>
      </header>
      <div class="scroll tall" tabindex="0" role="region" aria-label="Table of the operations">
        <table>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">Status</th>
              <th scope="col">Done</th>
              <th scope="col" class="secondary">Depends on</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(shown, (one) => one.taskId, (one) => row(one, one.taskId === chosen, choose))}
          </tbody>
        </table>
        ${shown.length ? nothing : html`<p class="empty">None are ${status}.</p>`}
      </div>
    </section>
  `;
}

function row(operation, isChosen, choose) {
  return html`
    <tr aria-current=${isChosen ? "true" : nothing}>
      <th scope="row"><button type="button" class="link" @click=${() => choose(operation.taskId)}>${operation.id}</button></th>
      <td class="tight">${pill(operation.status)}</td>
      <td class="tight number">${percent(operation.percent)}</td>
      <td class="secondary">${operation.dependencies.join(", ")}</td>
    </tr>
  `;
}
