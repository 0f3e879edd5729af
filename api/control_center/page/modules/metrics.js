// The figures that the service tells every 15 seconds, kept from the login on for the charts.
const KEPT = 480;

export class Metrics {
  /** Columns: seconds, then percent of the processors, MB of memory, percent of the disk, active workflows. */
  columns = [[], [], [], [], []];
  health = null;
  last = null;

  constructor(live) {
    live.addEventListener("event", ({ detail: event }) => {
      if (event.event_type === "MetricUpdate") this.add(event.data, Date.parse(event.timestamp));
      if (event.event_type === "SystemHealthUpdate") this.health = event.data;
    });
  }

  forget() {
    this.columns = [[], [], [], [], []];
    this.health = this.last = null;
  }

  add(data, at) {
    this.last = data;
    const load = data.system_load;
    const seconds = at / 1000;
    if (seconds <= (this.columns[0].at(-1) ?? 0)) return;
    const row = [seconds, load.cpu_usage, load.memory_usage, load.disk_usage ?? null, data.active_workflows];
    row.forEach((value, column) => {
      this.columns[column].push(value);
      if (this.columns[column].length > KEPT) this.columns[column].shift();
    });
  }
}
