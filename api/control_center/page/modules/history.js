// What became of a batch or a task, moment by moment, as its snapshots keep it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { percent, pill, when } from "./format.js";

export class History {
  #view;
  #id;
  #isOpen = false;
  #snapshots = null;

  /**
   * @param view whose messages tell what went wrong
   * @param id of the batch or the task
   */
  constructor(view, id) {
    this.#view = view;
    this.#id = id;
  }

  /** Reads it, where somebody looks at it. */
  async load() {
    if (this.#isOpen) this.#snapshots = await this.#view.app.http.call("GET", `state/workflows/${this.#id}/snapshots`);
  }

  template() {
    return html`
      <details class="panel" @toggle=${(event) => this.#toggled(event.target.open)}>
        <summary><h2>History</h2></summary>
        ${this.#isOpen ? this.#content() : nothing}
      </details>
    `;
  }

  #toggled(isOpen) {
    this.#isOpen = isOpen;
    this.#view.read(() => this.load());
  }

  #content() {
    if (this.#snapshots === null) return html`<p class="empty">Loading…</p>`;
    if (!this.#snapshots.length) return html`<p class="empty">There is none yet.</p>`;
    return html`
      <div class="scroll tall" tabindex="0" role="region" aria-label="History, oldest first">
        <table>
          <thead><tr><th scope="col" class="tight secondary">When</th><th scope="col">Status</th><th scope="col" class="secondary">Done</th><th scope="col">What</th></tr></thead>
          <tbody>${this.#snapshots.map(row)}</tbody>
        </table>
      </div>
    `;
  }
}

function row({ timestamp, state, details }) {
  const what = details.error ?? details.step ?? details.current_step ?? details.phase ?? "";
  return html`
    <tr>
      <td class="tight secondary">${when(timestamp)}</td>
      <td class="tight">${pill(state)}</td>
      <td class="tight number secondary">${details.progress === undefined ? "" : percent(details.progress)}</td>
      <td><span class="narrow muted">${when(timestamp)}</span>${what}</td>
    </tr>
  `;
}
