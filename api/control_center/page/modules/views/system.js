// How the service itself stands: its components, what it counts, the load of its machine.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { pill, when } from "../format.js";
import { View } from "./view.js";

const EVERY = 5000;
const CHARTS = [
  { id: "cpu", column: 1, title: "Processors", unit: "%", range: [0, 100] },
  { id: "memory", column: 2, title: "Memory", unit: " MB", range: [0, null] },
  { id: "disk", column: 3, title: "Disk", unit: "%", range: [0, 100] },
  { id: "active", column: 4, title: "Active workflows", unit: "", range: [0, null] },
];

export class System extends View {
  title = "System";
  #timer = 0;
  #charts = new Map();
  #isDrawing = false;

  start() {
    this.#timer = setInterval(() => { if (!document.hidden) this.reload(); }, EVERY);
    return super.start();
  }

  stop() {
    super.stop();
    clearInterval(this.#timer);
    for (const chart of this.#charts.values()) chart.destroy();
    this.#charts.clear();
  }

  async load() {
    const { http, metrics } = this.app;
    const [figures, health] = await Promise.all([http.call("GET", "state/system/metrics"), http.call("GET", "state/system/health")]);
    metrics.add(figures, http.now());
    metrics.health = health;
  }

  happened({ event_type: kind }) {
    if (kind === "MetricUpdate" || kind === "SystemHealthUpdate") this.app.changed();
  }

  async drawn() {
    if (!this.#charts.size && !this.#isDrawing && this.app.metrics.last) {
      this.#isDrawing = true;
      const { Chart } = await import("../charts.js");
      this.#isDrawing = false;
      if (this.isOver) return;
      for (const { id, range } of CHARTS) {
        const container = document.getElementById(`chart-${id}`);
        if (container) this.#charts.set(id, new Chart(container, range));
      }
    }
    const { columns } = this.app.metrics;
    for (const { id, column } of CHARTS) this.#charts.get(id)?.show(columns[0], columns[column]);
  }

  template() {
    const { health, last } = this.app.metrics;
    return html`
      <div class="heading"><h1 tabindex="-1">System</h1>${health ? pill(health.overall_status) : nothing}</div>
      ${this.message}
      ${last ? figures(last) : nothing}
      ${health ? components(health) : nothing}
      ${last ? html`<div class="cards">${CHARTS.map((chart) => this.#chart(chart))}</div>` : nothing}
    `;
  }

  #chart({ id, column, title, unit }) {
    const value = this.app.metrics.columns[column].at(-1);
    const text = value === null || value === undefined ? "not known" : `${Math.round(value * 10) / 10}${unit}`;
    return html`
      <section class="panel" aria-labelledby="chart-title-${id}">
        <header><h2 id="chart-title-${id}">${title}</h2><div class="actions"><strong class="number">${text}</strong></div></header>
        <div class="chart" id="chart-${id}" role="img" aria-label="${title} since you are here; now ${text}"></div>
      </section>
    `;
  }
}

const figures = (last) => html`
  <section class="panel" aria-label="Workflows">
    <div class="body">
      <dl class="figures">
        <div><dt>Active workflows</dt><dd>${last.active_workflows}</dd></div>
        <div><dt>Completed</dt><dd>${last.completed_workflows}</dd></div>
        <div><dt>Failed</dt><dd>${last.failed_workflows}</dd></div>
        <div><dt>In all</dt><dd>${last.total_workflows}</dd></div>
      </dl>
    </div>
  </section>
`;

function components(health) {
  return html`
    <section class="panel" aria-labelledby="components-title">
      <header><h2 id="components-title">Components</h2><span class="muted">tried ${when(health.last_check)}</span></header>
      <table>
        <thead><tr><th scope="col">Component</th><th scope="col">Status</th><th scope="col">What there is to say</th></tr></thead>
        <tbody>
          ${Object.entries(health.components).map(([name, text]) => {
            const [status, ...more] = text.split(": ");
            return html`<tr><th scope="row" class="words">${name.replaceAll("_", " ")}</th><td class="tight">${pill(status)}</td><td>${more.join(": ")}</td></tr>`;
          })}
        </tbody>
      </table>
    </section>
  `;
}
