// The last lines that any job printed, so that what is opened late has the log of before.
const KEPT = 5000;

export class Heard {
  #entries = [];

  constructor(live) {
    live.addEventListener("event", ({ detail: event }) => {
      if (event.event_type !== "LogEntry") return;
      this.#entries.push(event);
      if (this.#entries.length > KEPT * 1.2) this.#entries.splice(0, this.#entries.length - KEPT);
    });
  }

  ofBatch(id) {
    return this.#entries.filter((event) => event.metadata.batch_id === id);
  }

  ofTask(id) {
    return this.#entries.filter((event) => event.metadata.task_id === id);
  }

  forget() {
    this.#entries = [];
  }
}
