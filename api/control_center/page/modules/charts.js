// A small chart of one column of figures over time.
import uPlot from "../../vendor/uplot/uplot.js";

const HEIGHT = 150;

export class Chart {
  #plot = null;
  #container;
  #range;
  #data = [[], []];
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #redraw = () => this.#build();
  #sizes = new ResizeObserver(() => this.#plot?.setSize({ width: this.#container.clientWidth, height: HEIGHT }));

  /** @param range lowest and highest value that are shown; a highest of null grows with the figures */
  constructor(container, range) {
    this.#container = container;
    this.#range = range;
    this.#build();
    this.#dark.addEventListener("change", this.#redraw);
    this.#sizes.observe(container);
  }

  show(times, values) {
    this.#data = [times, values];
    this.#plot.setData(this.#data);
  }

  destroy() {
    this.#dark.removeEventListener("change", this.#redraw);
    this.#sizes.disconnect();
    this.#plot.destroy();
  }

  #build() {
    this.#plot?.destroy();
    const page = getComputedStyle(document.documentElement);
    const colour = (name) => page.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
    const [lowest, highest] = this.#range;
    this.#plot = new uPlot(
      {
        width: this.#container.clientWidth,
        height: HEIGHT,
        padding: [12, 34, 0, 0],
        cursor: { show: false },
        legend: { show: false },
        scales: { y: { range: (_, __, max) => [lowest, highest ?? Math.max(1, Math.ceil((max ?? 0) * 1.2))] } },
        axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map(timeOfDay), size: 34 }, { ...axis, size: 56 }],
        series: [{}, { stroke: colour("accent"), width: 2, fill: colour("running-ground"), points: { show: (plot) => plot.data[0].length < 2 } }],
      },
      this.#data,
      this.#container,
    );
  }
}

const timeOfDay = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
