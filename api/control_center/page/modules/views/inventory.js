// What exists now, who works on it, and what was done last.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { repeat } from "../../../vendor/lit-html/directives/repeat.js";
import { count, glyph, hasEnded, pill, tone, when } from "../format.js";
import { Rebuild } from "../rebuild.js";
import { View } from "./view.js";

const LEDGER = 50;

export class Inventory extends View {
  title = "Inventory";
  #servers = [];
  #clusters = [];
  #locks = [];
  #effects = [];
  #filter = "";
  #rebuild = new Rebuild(this);

  async load() {
    const { http } = this.app;
    [this.#servers, this.#clusters, this.#effects] = await Promise.all([
      http.call("GET", "inventory/servers"),
      http.call("GET", "inventory/clusters"),
      http.call("GET", "inventory/effects", { query: { limit: LEDGER } }),
    ]);
    this.#locks = await http.call("GET", "locks").catch(() => []);
  }

  happened({ event_type: kind, data }) {
    if (kind === "TaskStatusChanged" && hasEnded(data.status)) this.reloadSoon(2000);
    if (kind === "BatchOperationUpdate") this.reloadSoon(2000);
  }

  template() {
    const wanted = this.#filter.trim().toLowerCase();
    const shown = this.#servers.filter((one) => !wanted || words(one).includes(wanted));
    const clusters = this.#clusters.filter((one) => !wanted || clusterWords(one).includes(wanted));
    return html`
      <div class="heading">
        <h1 tabindex="-1">Inventory</h1>
        <div class="actions">
          <label for="filter">Find</label>
          <input id="filter" type="search" placeholder="infra, server, cluster…" @input=${(event) => { this.#filter = event.target.value; this.app.changed(); }}>
          <button type="button" @click=${() => this.reload()}>Look again</button>
        </div>
      </div>
      ${this.message}
      <section class="panel" aria-labelledby="servers-title">
        <header><h2 id="servers-title">Servers</h2><span class="muted">${this.isLoading ? "" : counted(shown.length, this.#servers.length)}</span></header>
        ${shown.length ? serversTable(shown) : html`<p class="empty">${this.isLoading ? "Loading…" : this.#servers.length ? "None is like that." : "There are no servers."}</p>`}
      </section>
      ${clusters.length ? clustersPanel(clusters) : nothing}
      ${this.#locks.length ? locksPanel(this.#locks) : nothing}
      ${this.#effects.length ? ledgerPanel(this.#effects) : nothing}
      ${this.app.session.can("admin") ? this.#rebuild.template() : nothing}
    `;
  }
}

const counted = (shown, all) => (shown === all ? count(all, "server") : `${shown} of ${count(all, "server")}`);

const words = (server) =>
  [server.infra, server.name, server.provider, server.zone, server.status, ...server.task_services.map((one) => one.name)].join(" ").toLowerCase();

const clusterWords = (cluster) =>
  [cluster.infra, cluster.name, cluster.cluster_type, cluster.version, ...cluster.members].join(" ").toLowerCase();

const statusPill = (status) =>
  status === "Running" ? html`<span class="pill" data-tone="completed"><span aria-hidden="true">✓</span>Running</span>` : pill(status);

function serversTable(servers) {
  return html`
    <table>
      <thead>
        <tr>
          <th scope="col">Server</th>
          <th scope="col">Status</th>
          <th scope="col" class="secondary">Where</th>
          <th scope="col" class="secondary">Address</th>
          <th scope="col">Task services</th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          servers,
          (one) => `${one.infra}/${one.name}`,
          (one) => html`
            <tr>
              <th scope="row"><span class="muted">${one.infra}/</span><wbr><strong>${one.name}</strong></th>
              <td class="tight">${statusPill(one.status)}</td>
              <td class="secondary">${one.provider}, ${one.zone}<br><span class="muted">${one.plan}</span></td>
              <td class="secondary"><code>${one.ssh.user}@${one.ssh.host}:${one.ssh.port}</code></td>
              <td>${one.task_services.length ? html`<span class="tags">${one.task_services.map(service)}</span>` : nothing}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}

const service = (one) =>
  html`<span class="pill" data-tone=${tone(one.health)} title=${one.address}
    ><span aria-hidden="true">${glyph(one.health)}</span>${one.name}<span class="visually-hidden">: ${one.health}</span></span
  >`;

function clustersPanel(clusters) {
  return html`
    <section class="panel" aria-labelledby="clusters-title">
      <header><h2 id="clusters-title">Clusters</h2><span class="muted">${count(clusters.length, "cluster")}</span></header>
      <table>
        <thead>
          <tr>
            <th scope="col">Cluster</th><th scope="col">Type</th><th scope="col">Members</th>
            <th scope="col" class="secondary">Version</th><th scope="col" class="secondary">Parameters</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            clusters,
            (one) => `${one.infra}/${one.name}`,
            (one) => html`
              <tr>
                <th scope="row"><span class="muted">${one.infra}/</span><wbr><strong>${one.name}</strong></th>
                <td class="words">${one.cluster_type}</td>
                <td>${one.members.join(", ")}</td>
                <td class="secondary">${one.version ?? html`<span class="muted">none chosen</span>`}</td>
                <td class="secondary">${parameters(one.params)}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    </section>
  `;
}

const parameters = (params) =>
  Object.entries(params).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");

function locksPanel(locks) {
  return html`
    <section class="panel" aria-labelledby="locks-title">
      <header><h2 id="locks-title">Who works on what</h2></header>
      <table>
        <thead><tr><th scope="col">Work</th><th scope="col">Status</th><th scope="col">Servers</th><th scope="col" class="secondary">Since</th></tr></thead>
        <tbody>
          ${locks.map(
            (one) => html`
              <tr>
                <th scope="row"><a href="#/${one.what.startsWith("batch ") ? "batches" : "tasks"}/${one.workflow_id}">${one.what}</a></th>
                <td class="tight">${pill(one.status)}</td>
                <td>${one.infra}: ${one.servers?.join(", ") ?? "all of it"}</td>
                <td class="secondary">${when(one.since)}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    </section>
  `;
}

function ledgerPanel(effects) {
  return html`
    <section class="panel" aria-labelledby="ledger-title">
      <header><h2 id="ledger-title">What was done last</h2></header>
      <div class="scroll tall" tabindex="0" role="region" aria-label="The ledger, newest first">
        <table>
          <thead><tr><th scope="col" class="tight">No.</th><th scope="col">Change</th><th scope="col" class="secondary">By</th><th scope="col" class="secondary">When</th></tr></thead>
          <tbody>
            ${effects.map(
              (one) => html`
                <tr>
                  <td class="tight number">${one.position}</td>
                  <th scope="row">${one.kind.replaceAll("_", " ")} <strong>${one.resource.replace(/^\w+:/, "")}</strong> ${one.undone_by ? html`<span class="muted">(undone)</span>` : nothing}</th>
                  <td class="secondary">${one.batch_id ? html`<a href="#/batches/${one.batch_id}">${one.operation_id}</a>` : html`<a href="#/tasks/${one.task_id}">a task</a>`}</td>
                  <td class="secondary">${when(one.at)}</td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    </section>
  `;
}
