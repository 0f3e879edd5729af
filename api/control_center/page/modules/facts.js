// Lists of facts about a task, and its command line, ready to be taken along.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { duration, hasEnded, when } from "./format.js";

export const fact = (name, value) => (value ? html`<dt>${name}</dt><dd>${value}</dd>` : nothing);

/** How long a task that has started took, or has been running; `now` in milliseconds. */
export const secondsOf = (task, now) => ((task.completed_at ? Date.parse(task.completed_at) : now) - Date.parse(task.started_at)) / 1000;

/** When it started, and how long it took or has been running; `now` in milliseconds. */
export function times(task, now) {
  if (!task.started_at) return nothing;
  return html`
    ${fact("Started", when(task.started_at))}
    ${fact(hasEnded(task.status) ? "Took" : "Runs for", duration(secondsOf(task, now)))}
  `;
}

/** As a POSIX shell takes it. */
export const commandLine = (task) => [task.command, ...task.args].map(quoted).join(" ");

// Shells that know braces make of `web-{1..3}` what is meant, and of `a={b,c}` two words.
const quoted = (word) => (/^[\w@%+=:,./-]+(\{1\.\.\d+\})?$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** @param app tells that it was copied */
export function copyable(text, app) {
  return html`<span class="copyable"
    ><code>${text}</code><button type="button" @click=${(event) => copy(event.target, text, app)}>Copy</button></span
  >`;
}

async function copy(button, text, app) {
  try {
    await navigator.clipboard.writeText(text);
    app.announce("Copied");
  } catch {
    // Browsers give the clipboard to secure pages alone; elsewhere it is one key away.
    getSelection().selectAllChildren(button.previousElementSibling);
    app.announce("Selected; copy it with your keyboard");
  }
}
