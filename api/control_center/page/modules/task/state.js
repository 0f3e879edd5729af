// How one task stands. It only goes forward: what is older than what is known changes nothing.
import { hasEnded } from "../format.js";

export class TaskState {
  /** As `/tasks/{taskId}` says it; null while it is read. */
  task = null;
  status = "Pending";
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

  get name() {
    return this.task?.name ?? "";
  }

  get hasEnded() {
    return hasEnded(this.status);
  }

  secondsLeft(now) {
    return this.left === null || this.hasEnded ? null : Math.max(0, this.left - (now - this.leftAt) / 1000);
  }

  /** Since it began, or how long it took; null where it has not begun. */
  seconds(now) {
    if (!this.task?.started_at) return null;
    const end = this.task.completed_at ? Date.parse(this.task.completed_at) : now;
    return Math.max(0, (end - Date.parse(this.task.started_at)) / 1000);
  }

  /** Takes over what was read. */
  read(task) {
    // It may have been asked for before something that was heard of since.
    if (this.hasEnded && !hasEnded(task.status)) return;
    this.task = task;
    this.#become(task.status);
    this.error = task.error ?? "";
    this.percent = task.status === "Completed" ? 100 : Math.max(this.percent, task.progress ?? 0);
  }

  /** Takes over what the running task says of itself at `now`, in milliseconds. */
  readProgress(data, now) {
    if (this.hasEnded || data.progress < this.percent) return;
    this.percent = data.progress;
    this.step = data.current_step;
    this.done = data.completed_steps;
    this.total = data.total_steps;
    this.left = data.estimated_time_remaining ?? null;
    this.leftAt = now;
  }

  /** Takes over what an event says. Answers the line of a log, if it is one. */
  apply({ event_type: kind, data, timestamp }) {
    if (data.task_id !== this.id) return null;
    if (kind === "LogEntry") return { at: timestamp, server: data.server, taskserv: data.taskserv, text: data.line };
    if (kind === "TaskStatusChanged" && !this.hasEnded) {
      this.#become(data.status);
      this.step = data.step ?? "";
      this.error = data.error ?? "";
      this.percent = data.status === "Completed" ? 100 : Math.max(this.percent, data.progress ?? 0);
    }
    return null;
  }

  #become(status) {
    if (!(this.status === "Running" && status === "Pending")) this.status = status;
  }
}
