// What the ways to submit something have in common: keys under which nothing is done twice, and plans.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { count, hasEnded, pill } from "./format.js";
import { newKey, Refused } from "./http.js";
import { countsOf, NO_CHANGES, planText } from "./plan.js";

const AT_ONCE = 6;

/** A request of which nobody said what became of it is sent again with its key, should the person ask again. */
export class Keys {
  #keys = new Map();

  /** What is sent from now on is another request. */
  forget() {
    this.#keys.clear();
  }

  /** @param what is asked for; each has a key of its own, which `request` is called with */
  async use(what, request) {
    const key = this.#keys.get(what) ?? newKey();
    this.#keys.set(what, key);
    try {
      const answer = await request(key);
      this.forget();
      return answer;
    } catch (error) {
      // A 503 may leave open whether the work was started, and names it; under another key it would be done twice.
      if (error instanceof Refused && error.status < 500) this.forget();
      throw error;
    }
  }
}

/** What a task that only checks has found out, or those of a batch. */
export class Plan {
  /** null while it is found out. */
  tasks = null;
  /** What it was made of is written otherwise by now. */
  isStale = false;
  #error = "";

  /**
   * @param id the batch's or the task's
   * @param read answers its tasks and its error once it has ended, and null before
   */
  constructor(id, read) {
    this.id = id;
    this.read = read;
  }

  get words() {
    const failed = this.tasks.filter((task) => task.error).length;
    const counts = countsOf(this.tasks.map((task) => task.output ?? "").join("\n"));
    return [counts, failed ? `${count(failed, "operation")} would be refused` : ""].filter(Boolean).join("; ");
  }

  /** Whether it is time to look how it stands. */
  isConcerned({ data }) {
    return hasEnded(data.status) && [data.batch_id, data.task_id].includes(this.id);
  }

  async load(app) {
    if (this.tasks) return;
    const found = await this.read(app.http, this.id);
    if (found === null || this.tasks) return;
    this.tasks = found.tasks;
    this.#error = found.error ?? "";
    app.announce(`The plan is ready: ${this.words}`);
  }

  /** @param carryOut does what is planned; a busy page does one thing at a time */
  template(carryOut, isBusy) {
    const { tasks } = this;
    return html`
      <section class="panel" aria-labelledby="plan-title">
        <header>
          <h2 id="plan-title">Plan</h2>
          ${tasks ? html`<span>${this.words}</span>` : html`<span class="muted">Finding out what would change…</span>`}
        </header>
        ${tasks ? html`<div class="body">${this.#found()} ${this.#next(carryOut, isBusy)}</div>` : nothing}
      </section>
    `;
  }

  #found() {
    return html`
      ${this.#error ? html`<p class="message bad">${this.#error}</p>` : nothing}
      ${this.tasks.map(
        (task) => html`
          <div>
            <h3 class="row">${task.name} ${task.status === "Completed" ? nothing : pill(task.status)}</h3>
            ${task.error ? html`<p class="message bad">${task.error}</p>` : planText(task.output ?? "")}
          </div>
        `,
      )}
    `;
  }

  #next(carryOut, isBusy) {
    if (this.isStale) return html`<p class="muted">It was changed since this was planned.</p>`;
    if (this.words === NO_CHANGES || this.tasks.some((task) => task.error)) return nothing;
    return html`<div class="row"><button type="button" class="primary" ?disabled=${isBusy} @click=${carryOut}>Carry it out</button></div>`;
  }
}

export async function batchPlan(http, id) {
  const batch = await http.call("GET", `batch/operations/${id}`);
  if (!hasEnded(batch.status)) return null;
  const tasks = await inTurns(batch.operations, (one) => http.call("GET", `tasks/${one.task_id}`));
  return { tasks, error: batch.error };
}

export async function taskPlan(http, id) {
  const task = await http.call("GET", `tasks/${id}`);
  return hasEnded(task.status) ? { tasks: [task] } : null;
}

/** The ways, side by side. */
export const ways = (chosen) => html`
  <nav class="tabs" aria-label="What is submitted">
    <a href="#/submit" aria-current=${chosen === "batch" ? "page" : nothing}>A batch</a>
    <a href="#/submit/infra" aria-current=${chosen === "infra" ? "page" : nothing}>What an infra describes</a>
  </nav>
`;

/** What `ask` answers for each, in their order, with a few questions at a time. */
async function inTurns(items, ask) {
  const answers = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await ask(items[index]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}
