// Plans, line by line: what would be created, set otherwise, removed, restarted, and what has drifted.
import { html } from "../../vendor/lit-html/lit-html.js";

const MEANINGS = { "+": "to create", "~": "to change", "-": "to delete", "*": "to restart", "!": "drifted" };

export const NO_CHANGES = "no changes";

/** The text of a task's output; lines that begin with a sign of a plan are marked by it. */
export function planText(text) {
  return html`<ul class="plan">${text.split("\n").filter(Boolean).map((line) => html`<li data-sign=${signOf(line)}>${line}</li>`)}</ul>`;
}

/** `2 to create, 1 drifted`, or that nothing would change. */
export function countsOf(text) {
  const signs = text.split("\n").filter((line) => !line.startsWith(" ")).map(signOf);
  const told = Object.entries(MEANINGS)
    .map(([sign, meaning]) => [signs.filter((one) => one === sign).length, meaning])
    .filter(([number]) => number > 0);
  return told.length ? told.map(([number, meaning]) => `${number} ${meaning}`).join(", ") : NO_CHANGES;
}

function signOf(line) {
  const sign = line.trimStart().charAt(0);
  return sign in MEANINGS && line.trimStart().charAt(1) === " " ? sign : "";
}
