// What the views of one batch and of one task have in common: its log, its history, and undoing what it did.
import { nothing } from "../../../vendor/lit-html/lit-html.js";
import { History } from "../history.js";
import { Log } from "../log.js";
import { Rollback } from "../rollback.js";
import { View } from "./view.js";

export class Followed extends View {
  counts = true;
  log = new Log();
  rollback = null;

  constructor(app, id) {
    super(app);
    this.history = new History(this, id);
  }

  connected(gap) {
    if (gap) this.log.gap();
    return super.connected();
  }

  drawn() {
    this.log.drawn(document.querySelector(".log"));
  }

  /** Asks the workflow itself how far it is. */
  async readProgress(standing) {
    const { http } = this.app;
    // It may have ended since, or be asked at the wrong moment; then the events tell.
    const progress = await http.call("GET", `state/workflows/${standing.id}/progress`).catch(() => null);
    if (progress) standing.readProgress(progress, http.now());
  }

  rollbackPanel() {
    return this.rollback?.template(() => { this.rollback = null; this.app.changed(); }) ?? nothing;
  }

  /** Shows what undoing `operation` would do, as a rollback names it. */
  async undo(operation, name) {
    this.rollback = new Rollback(this, { operation_ids: [operation] }, `Undo ${name}`);
    this.app.changed();
    if (!(await this.rollback.preview())) this.rollback = null;
    scrollTo(0, 0);
  }
}
