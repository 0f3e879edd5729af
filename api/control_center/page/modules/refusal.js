// Refusals of a settings file: one line for each mistake, with its place in front.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";

// `settings: config.k:5:9: …; config.k:12:1: …; taskserv: …`, as the service joins them.
const NEXT = /; (?=[^\s;:]+:\d+:\d+: |(?:infra|settings|taskserv|cluster_type|operation): |and \d+ more$)/;
const PLACE = /^(?:settings: )?([^\s:]+):(\d+):(\d+): (.*)$/si;

/** @param text the service's, in words */
export function refusal(text) {
  if (!text) return nothing;
  const mistakes = text.split(NEXT);
  if (mistakes.length === 1 && !PLACE.test(text)) return html`<p class="message bad" role="alert">${text}</p>`;
  return html`<div class="message bad" role="alert"><ul class="mistakes">${mistakes.map(mistake)}</ul></div>`;
}

function mistake(text) {
  const found = PLACE.exec(text);
  if (!found) return html`<li>${text}</li>`;
  const [, file, line, column, what] = found;
  return html`<li><code>${file}</code>, line ${line}, column ${column}: ${what}</li>`;
}
