// How one task stands.
import { secondsOf } from "../facts.js";
import { hasEnded } from "../format.js";
import { Standing } from "../standing.js";

export class TaskState extends Standing {
  /** As `/tasks/{taskId}` says it; null while it is read. */
  task = null;
  status = "Pending";

  get name() {
    return this.task?.name ?? "";
  }

  /** Since it began, or how long it took; null where it has not begun. */
  seconds(now) {
    if (!this.task?.started_at) return null;
    return secondsOf(this.task, now);
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

  readProgress(data, at) {
    if (!this.hasEnded) super.readProgress(data, at);
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
