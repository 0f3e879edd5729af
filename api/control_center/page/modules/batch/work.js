// How one batch stands.
import { hasEnded } from "../format.js";
import { Standing } from "../standing.js";

export class Work extends Standing {
  name = "";
  status = "Running";
  phase = "running";
  remaining = [];
  createdAt = null;
  completedAt = null;
  /** By their tasks, in the batch's order. */
  operations = new Map();

  get counts() {
    const counts = {};
    for (const { status } of this.operations.values()) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  seconds(now) {
    if (!this.createdAt) return 0;
    return ((this.completedAt ? Date.parse(this.completedAt) : now) - Date.parse(this.createdAt)) / 1000;
  }

  /** Takes over what was read. */
  read(batch) {
    this.name = batch.name;
    this.createdAt = batch.created_at;
    this.remaining = batch.remaining ?? [];
    if (!this.hasEnded || hasEnded(batch.status)) {
      this.status = batch.status;
      this.error = batch.error ?? "";
      this.completedAt = batch.completed_at ?? null;
    }
    for (const found of batch.operations ?? []) this.#readOperation(found);
    this.total ||= this.operations.size;
    if (this.hasEnded) {
      this.done = [...this.operations.values()].filter((one) => hasEnded(one.status)).length;
      this.percent = this.total ? (100 * this.done) / this.total : 100;
    }
  }

  /** Takes over what an event says. Answers the operation that changed, or the line of a log. */
  apply({ event_type: kind, data, metadata, timestamp }) {
    if (metadata.batch_id !== this.id) return null;
    if (kind === "BatchOperationUpdate" && !this.hasEnded) {
      this.status = data.status;
      this.phase = data.phase;
      this.error = data.error ?? "";
      if (this.hasEnded) this.completedAt = timestamp;
    } else if (kind === "WorkflowProgressUpdate") {
      this.readProgress(data, Date.parse(timestamp));
    } else if (kind === "LogEntry") {
      const operation = this.operations.get(data.task_id)?.id ?? data.operation_id ?? "";
      return { line: { at: timestamp, operation, server: data.server, taskserv: data.taskserv, text: data.line } };
    } else if (kind === "TaskStatusChanged") {
      return this.#change(data);
    }
    return null;
  }

  #readOperation(found) {
    const known = this.operations.get(found.task_id);
    if (!known) {
      this.operations.set(found.task_id, {
        id: found.id, taskId: found.task_id, status: found.status, percent: found.progress, step: "", error: "",
        kind: found.workflow_type ?? "", dependencies: found.dependencies ?? [],
      });
    } else if (!hasEnded(known.status)) {
      // It may have been asked for before something that was heard of since: a large batch takes its time.
      if (!(known.status === "Running" && found.status === "Pending")) known.status = found.status;
      known.percent = Math.max(known.percent, found.progress);
    }
  }

  #change(data) {
    const operation = this.operations.get(data.task_id);
    if (!operation) return null;
    if (hasEnded(operation.status)) {
      // Nothing is told of it now but what was taken back.
      if (data.status === operation.status) operation.step = data.step ?? operation.step;
      return { operation };
    }
    operation.status = data.status;
    operation.step = data.step ?? "";
    operation.error = data.error ?? "";
    operation.percent = data.status === "Completed" ? 100 : Math.max(operation.percent, data.progress ?? 0);
    return { operation };
  }
}
