// Words for what the service says: times, lengths of time, statuses.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";

export const STATUSES = ["Pending", "Running", "Completed", "Failed", "Cancelled"];
const ENDED = new Set(["Completed", "Failed", "Cancelled"]);
const GLYPHS = { Pending: "○", Running: "◐", Completed: "✓", Failed: "✕", Cancelled: "⊘" };
const TONES = { Healthy: "completed", Warning: "cancelled", Critical: "failed", Unreachable: "failed", Held: "running" };
const SIGNS = { Healthy: "✓", Warning: "!", Critical: "✕", Unreachable: "✕", Held: "●", Waiting: "○" };

export const hasEnded = (status) => ENDED.has(status);
export const glyph = (status) => GLYPHS[status] ?? SIGNS[status] ?? "○";
export const tone = (status) => (status in GLYPHS ? status.toLowerCase() : (TONES[status] ?? "pending"));

/** A status by its sign, its word and its colour: the colour is never alone. */
export const pill = (status) =>
  html`<span class="pill" data-tone=${tone(status)}><span aria-hidden="true">${glyph(status)}</span>${status}</span>`;

/** Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** An estimate that has run out is no promise of now. */
export const timeLeft = (seconds) => (seconds >= 1 ? `about ${duration(seconds)}` : "a moment");

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const when = (text) =>
  text ? html`<time datetime=${text}>${DAY_AND_TIME.format(new Date(text))}</time>` : nothing;

export const clockTime = (text) => new Date(text).toLocaleTimeString();

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

export const percent = (value) => `${Math.floor(value)}%`;
