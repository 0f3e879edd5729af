// A batch as a drawing. Whoever does not see it has the same in the table beneath.
import cytoscape from "../../../vendor/cytoscape/cytoscape.mjs";
import { glyph } from "../format.js";

const WIDTH = 150;
const HEIGHT = 34;
const NARROW = 600;
const MANY = 200;
const STATUSES = ["Pending", "Running", "Completed", "Failed", "Cancelled"];
const LINES = { Pending: "dashed", Running: "double" };

export class Graph {
  #cy;
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #recolour = () => this.#cy.style(styles());
  #worker = null;

  /** @param choose called with the task of a node that is clicked */
  constructor(container, operations, choose) {
    const names = new Map(operations.map((one) => [one.id, one.taskId]));
    const edges = operations.flatMap((one) => one.dependencies.map((needed) => [names.get(needed), one.taskId]));
    const isCrowd = operations.length > MANY;
    this.#cy = cytoscape({
      container,
      elements: {
        nodes: operations.map((one) => ({
          data: { id: one.taskId, label: label(one), status: one.status }, classes: isCrowd ? "crowd" : "",
        })),
        edges: edges.map(([source, target]) => ({ data: { source, target }, classes: isCrowd ? "crowd" : "" })),
      },
      style: styles(),
      layout: { name: "preset" },
      minZoom: 0.05,
      maxZoom: 2.5,
      boxSelectionEnabled: false,
      autoungrabify: true,
      hideEdgesOnViewport: isCrowd,
      textureOnViewport: isCrowd,
      // A page that is scrolled over the drawing goes on being scrolled.
      userZoomingEnabled: false,
    });
    this.#cy.on("tap", "node", (event) => choose(event.target.id()));
    container.addEventListener("focus", () => this.#cy.userZoomingEnabled(true));
    container.addEventListener("blur", () => this.#cy.userZoomingEnabled(false));
    container.addEventListener("keydown", (event) => this.#key(event));
    this.#dark.addEventListener("change", this.#recolour);
    this.#place(operations.map((one) => one.taskId), edges, container.clientWidth >= NARROW);
  }

  update(operation) {
    this.#cy.getElementById(operation.taskId).data({ label: label(operation), status: operation.status });
  }

  updateAll(operations) {
    this.#cy.batch(() => { for (const operation of operations) this.update(operation); });
  }

  choose(taskId) {
    this.#cy.nodes(".chosen").removeClass("chosen");
    if (taskId) this.#cy.getElementById(taskId).addClass("chosen");
  }

  zoom(factor) {
    const middle = { x: this.#cy.width() / 2, y: this.#cy.height() / 2 };
    this.#cy.zoom({ level: this.#cy.zoom() * factor, renderedPosition: middle });
  }

  /** Shows all of it, and never larger than life. */
  fit() {
    this.#cy.resize();
    this.#cy.fit(undefined, 24);
    if (this.#cy.zoom() > 1) this.#cy.zoom(1);
    this.#cy.center();
  }

  destroy() {
    this.#worker?.terminate();
    this.#dark.removeEventListener("change", this.#recolour);
    this.#cy.destroy();
  }

  #place(nodes, edges, across) {
    this.#worker = new Worker(new URL("layout-worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data: places }) => {
      const found = new Map(places.map(({ id, x, y }) => [id, { x, y }]));
      this.#cy.nodes().positions((node) => found.get(node.id()));
      this.#cy.container().dataset.placed = "true";
      this.fit();
      this.#worker.terminate();
    };
    this.#worker.postMessage({ nodes, edges, across, width: WIDTH, height: HEIGHT });
  }

  #key(event) {
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.key in moves) this.#cy.panBy({ x: moves[event.key][0], y: moves[event.key][1] });
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}

const label = (operation) => `${glyph(operation.status)} ${operation.id}`;

/** The page's colours, as they are now. */
function styles() {
  const page = getComputedStyle(document.documentElement);
  const colour = (name) => page.getPropertyValue(`--${name}`).trim();
  return [
    {
      selector: "node",
      style: {
        shape: "round-rectangle", width: WIDTH, height: HEIGHT, label: "data(label)", "font-size": 13,
        "font-family": getComputedStyle(document.body).fontFamily, "text-valign": "center", "text-wrap": "ellipsis",
        "text-max-width": WIDTH - 16, color: colour("text"), "border-width": 1.5,
      },
    },
    ...STATUSES.map((status) => ({
      selector: `node[status = "${status}"]`,
      style: {
        "background-color": colour(`${status.toLowerCase()}-ground`),
        "border-color": colour(status.toLowerCase()),
        "border-style": LINES[status] ?? "solid",
        "border-width": status === "Running" ? 4 : 1.5,
      },
    })),
    {
      selector: "edge",
      style: {
        width: 1.5, "line-color": colour("strong-line"), "target-arrow-color": colour("strong-line"),
        "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": "bezier",
      },
    },
    // Seen from afar: colours carry further than thin lines.
    ...STATUSES.filter((status) => status !== "Pending").map((status) => ({
      selector: `node.crowd[status = "${status}"]`,
      style: { "background-color": colour(status.toLowerCase()), color: colour("surface"), "border-width": 6 },
    })),
    { selector: "edge.crowd", style: { opacity: 0.3, "curve-style": "haystack" } },
    { selector: "node.chosen", style: { "outline-width": 3, "outline-color": colour("accent"), "outline-offset": 3 } },
  ];
}
