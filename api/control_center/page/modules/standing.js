// How far something is that runs. It only goes forward: what is older than what is known changes nothing.
import { hasEnded } from "./format.js";

export class Standing {
  status = "";
  step = "";
  percent = 0;
  done = 0;
  total = 0;
  left = null; // seconds, as of `leftAt`
  leftAt = 0;
  error = "";

  constructor(id) {
    this.id = id;
  }

  get hasEnded() {
    return hasEnded(this.status);
  }

  secondsLeft(now) {
    return this.left === null || this.hasEnded ? null : Math.max(0, this.left - (now - this.leftAt) / 1000);
  }

  /** Takes over what the workflow said of itself `at` a moment, in milliseconds. */
  readProgress(data, at) {
    if (data.progress < this.percent || at < this.leftAt) return;
    this.percent = data.progress;
    this.step = data.current_step;
    this.done = data.completed_steps;
    this.total = data.total_steps;
    this.left = data.estimated_time_remaining ?? null;
    this.leftAt = at;
  }
}
