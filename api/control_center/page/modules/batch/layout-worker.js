// Places the nodes of a graph, beside the page, so that 500 of them do not make it stand still.
import dagre from "../../../vendor/dagre/dagre.js";

const TALLEST = 18;
/* Nodes of one rank that stand side by side; more of them are folded into several rows. */

onmessage = ({ data: { nodes, edges, across, width, height } }) => {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: across ? "LR" : "TB", nodesep: 14, ranksep: 56, ranker: "longest-path" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes) graph.setNode(id, { width, height });
  for (const [from, to] of edges) graph.setEdge(from, to);
  dagre.layout(graph);
  const found = nodes.map((id) => ({ id, x: graph.node(id).x, y: graph.node(id).y }));
  postMessage(folded(found, across ? "x" : "y", across ? "y" : "x", across ? [width, height] : [height, width]));
};

/** A rank that is too long for its place becomes a block, and what comes after it makes room. */
function folded(places, along, beside, [depth, breadth]) {
  const limit = along === "x" ? TALLEST : 4;
  const ranks = new Map();
  for (const place of places) ranks.set(place[along], [...(ranks.get(place[along]) ?? []), place]);
  if (Math.max(...[...ranks.values()].map((rank) => rank.length)) <= limit) return places;
  let start = 0;
  for (const key of [...ranks.keys()].sort((a, b) => a - b)) {
    const rank = ranks.get(key).sort((a, b) => a[beside] - b[beside]);
    const rows = Math.ceil(rank.length / limit);
    const length = Math.ceil(rank.length / rows);
    rank.forEach((place, index) => {
      place[along] = start + Math.floor(index / length) * (depth + 16);
      place[beside] = ((index % length) - (Math.min(length, rank.length) - 1) / 2) * (breadth + 14);
    });
    start += rows * (depth + 16) + 56;
  }
  return places;
}
