// What the part of the address behind `#` shows.
import { Audit } from "./views/audit.js";
import { Batch } from "./views/batch.js";
import { Batches } from "./views/batches.js";
import { Checkpoints } from "./views/checkpoints.js";
import { Infra } from "./views/infra.js";
import { Inventory } from "./views/inventory.js";
import { Missing } from "./views/missing.js";
import { Submit } from "./views/submit.js";
import { System } from "./views/system.js";
import { Task } from "./views/task.js";
import { Tasks } from "./views/tasks.js";
import { Users } from "./views/users.js";

const VIEWS = [
  [/^$|^batches$/, Batches],
  [/^batches\/([0-9a-f-]{36})$/, Batch],
  [/^tasks$/, Tasks],
  [/^tasks\/([0-9a-f-]{36})$/, Task],
  [/^submit$/, Submit],
  [/^submit\/infra$/, Infra],
  [/^checkpoints$/, Checkpoints],
  [/^inventory$/, Inventory],
  [/^system$/, System],
  [/^users$/, Users],
  [/^audit$/, Audit],
];

const SECTIONS = [
  ["batches", "Batches"],
  ["tasks", "Tasks"],
  ["submit", "Submit"],
  ["checkpoints", "Checkpoints"],
  ["inventory", "Inventory"],
  ["system", "System"],
  ["users", "Users"],
  ["audit", "Audit"],
];

const FOR_ADMINS = new Set(["users", "audit"]);

/** Those that the user may see. */
export const sections = (session) => SECTIONS.filter(([name]) => maySee(session, name));

export const section = () => location.hash.replace(/^#\/?/, "").split("/")[0] || "batches";

export function viewFor(hash, app) {
  const path = hash.replace(/^#\/?/, "");
  for (const [pattern, View] of VIEWS) {
    const found = pattern.exec(path);
    if (found && maySee(app.session, section())) return new View(app, ...found.slice(1));
  }
  return new Missing(maySee(app.session, section()) ? "" : "This needs the role admin.");
}

const maySee = (session, name) => !FOR_ADMINS.has(name) || session.can("admin");
