// Plans, line by line: what would be created, set otherwise, removed, restarted, and what has drifted.
import { html } from "../../vendor/lit-html/lit-html.js";

const MEANINGS = { "+": "create", "-": "delete", "~": "change", "*": "restart", "!": "drift" };

/** The text of a task's output; lines that begin with a sign of a plan are marked by it. */
export function planText(text) {
  return html`<ul class="plan">${text.split("\n").filter(Boolean).map(line)}</ul>`;
}

function line(text) {
  const sign = text.trimStart().charAt(0);
  const isMarked = sign in MEANINGS && text.trimStart().charAt(1) === " ";
  return html`<li data-sign=${isMarked ? sign : ""}>${text}</li>`;
}
