// Places the nodes of a graph, beside the page, so that 500 of them do not make it stand still.
import dagre from "../../../vendor/dagre/dagre.js";

/** Nodes of one rank that stand side by side; more of them are folded into several rows. */
const TALLEST = 18;

/** Ranks that stand in one line. */
const DEEPEST = 10;

/** Length to breadth of what is drawn in several bands. */
const SHAPE = 2.5;

/** From so many nodes on, only edges from one rank to the next count: dagre would take a minute for the others. */
const MANY = 100;

onmessage = ({ data: { nodes, edges, across, width, height } }) => {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: across ? "LR" : "TB", nodesep: 14, ranksep: 56, ranker: "longest-path" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes) graph.setNode(id, { width, height });
  for (const [from, to] of nodes.length < MANY ? edges : short(nodes, edges)) graph.setEdge(from, to);
  dagre.layout(graph);
  const found = nodes.map((id) => ({ id, x: graph.node(id).x, y: graph.node(id).y }));
  postMessage(folded(found, across ? "x" : "y", across ? "y" : "x", across ? [width, height] : [height, width]));
};

/** The edges from one rank to the next; each node but the first ones has at least one. */
function short(nodes, edges) {
  const before = new Map(nodes.map((id) => [id, []]));
  for (const [from, to] of edges) before.get(to).push(from);
  const ranks = new Map();
  const rank = (id) => {
    if (!ranks.has(id)) ranks.set(id, 1 + Math.max(0, ...before.get(id).map(rank)));
    return ranks.get(id);
  };
  return edges.filter(([from, to]) => rank(to) - rank(from) === 1);
}

/**
 * A rank that is too long for its place becomes a block, and what comes after it makes room. A graph that is then
 * much longer than broad goes on in further bands, as a text does in lines.
 */
function folded(places, along, beside, [depth, breadth]) {
  const limit = along === "x" ? TALLEST : 4;
  const ranks = new Map();
  for (const place of places) ranks.set(place[along], [...(ranks.get(place[along]) ?? []), place]);
  const longest = Math.max(...[...ranks.values()].map((rank) => rank.length));
  if (longest <= limit && ranks.size <= DEEPEST) return places;
  const keys = [...ranks.keys()].sort((a, b) => a - b);
  const lengthOf = (rank) => Math.ceil(rank.length / Math.ceil(rank.length / limit));
  const across = Math.max(...[...ranks.values()].map(lengthOf)) * (breadth + 14);
  const room = (rank) => Math.ceil(rank.length / limit) * (depth + 16) + 56;
  const whole = keys.reduce((sum, key) => sum + room(ranks.get(key)), 0);
  const line = Math.max(DEEPEST * (depth + 72), Math.sqrt(whole * (across + 60) * SHAPE));
  let start = 0;
  let band = 0;
  for (const key of keys) {
    const rank = ranks.get(key).sort((a, b) => a[beside] - b[beside]);
    const length = lengthOf(rank);
    if (along === "x" && start > 0 && start + room(rank) > line) {
      start = 0;
      band += across + 60;
    }
    rank.forEach((place, index) => {
      place[along] = start + Math.floor(index / length) * (depth + 16);
      place[beside] = band + ((index % length) - (Math.min(length, rank.length) - 1) / 2) * (breadth + 14);
    });
    start += room(rank);
  }
  return places;
}
