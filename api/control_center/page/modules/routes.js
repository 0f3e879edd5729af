// What the part of the address behind `#` shows.
import { Batch } from "./views/batch.js";
import { Batches } from "./views/batches.js";
import { Checkpoints } from "./views/checkpoints.js";
import { Inventory } from "./views/inventory.js";
import { Missing } from "./views/missing.js";
import { Submit } from "./views/submit.js";
import { System } from "./views/system.js";

const VIEWS = [
  [/^$|^batches$/, Batches],
  [/^batches\/([0-9a-f-]{36})$/, Batch],
  [/^submit$/, Submit],
  [/^checkpoints$/, Checkpoints],
  [/^inventory$/, Inventory],
  [/^system$/, System],
];

export const SECTIONS = [
  ["batches", "Batches"],
  ["submit", "Submit"],
  ["checkpoints", "Checkpoints"],
  ["inventory", "Inventory"],
  ["system", "System"],
];

export const section = () => location.hash.replace(/^#\/?/, "").split("/")[0] || "batches";

export function viewFor(hash, app) {
  const path = hash.replace(/^#\/?/, "");
  for (const [pattern, View] of VIEWS) {
    const found = pattern.exec(path);
    if (found) return new View(app, ...found.slice(1));
  }
  return new Missing(app);
}
