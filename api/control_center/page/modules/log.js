// What jobs print, as it comes.
import { html } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { clockTime } from "./format.js";

const KEPT = 1000;

export const FROM_NOW_ON = "What is printed from now on appears here.";

export class Log {
  #lines = [];
  #number = 0;
  #follows = true;

  add(line) {
    this.#lines.push({ ...line, key: this.#number++ });
    if (this.#lines.length > KEPT) this.#lines.splice(0, this.#lines.length - KEPT);
  }

  get isEmpty() {
    return this.#lines.length === 0;
  }

  /** Says that lines may be missing here. */
  gap() {
    if (this.#lines.length) this.add({ gap: true });
  }

  /**
   * @param empty what is said where there is no line
   * @param operation of a batch, whose lines alone are shown; left out for all
   */
  template(empty, operation) {
    const lines = operation ? this.#lines.filter((line) => line.gap || line.operation === operation) : this.#lines;
    return html`
      <section class="panel" aria-labelledby="log-title">
        <header><h2 id="log-title">Log${operation ? ` of ${operation}` : ""}</h2></header>
        ${lines.length
          ? html`<ol class="log" tabindex="0" aria-labelledby="log-title" @scroll=${(event) => this.#scrolled(event.target)}>
              ${repeat(lines, (line) => line.key, row)}
            </ol>`
          : html`<p class="empty">${empty}</p>`}
      </section>
    `;
  }

  /** Stays at the end, unless a person has scrolled away from it. */
  drawn(element) {
    if (element && this.#follows) element.scrollTop = element.scrollHeight;
  }

  #scrolled(element) {
    this.#follows = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
  }
}

function row(line) {
  if (line.gap) return html`<li class="gap">— the connection was away for long; lines may be missing —</li>`;
  const where = [line.operation, line.server, line.taskserv].filter(Boolean).join(" ");
  return html`<li><span class="where">${clockTime(line.at)} ${where}</span> ${line.text}</li>`;
}
