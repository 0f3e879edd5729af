// Who did what, for admins.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { when } from "../format.js";
import { List } from "./list.js";

const HOUR = 3_600_000;
const SPANS = [["1", "hour"], ["24", "day"], ["168", "7 days"], ["720", "30 days"], ["8784", "year"]];
const PLACES = { task_id: "tasks", taskId: "tasks", rollback_id: "tasks", batch_id: "batches", batchId: "batches" };
const UUID = /^[0-9a-f-]{36}$/;

export class Audit extends List {
  title = "Audit";
  path = "audit";
  size = 50;
  #entries = [];
  #hours = 24;
  #user = "";
  #path = "";
  #since = "";
  #until = "";

  query() {
    if (this.offset === 0) {
      // What is newest the service knows: its clock is not quite ours.
      this.#since = moment(this.app.http.now() - this.#hours * HOUR);
      this.#until = "";
    }
    return { user: this.#user, path: this.#path, since: this.#since, until: this.#until };
  }

  take(data) {
    // What comes in while a person goes through the pages moves none of them.
    if (this.offset === 0 && data.length) this.#until = moment(Date.parse(data[0].at) + 1);
    this.#entries = data;
  }

  template() {
    return html`
      <div class="heading"><h1 tabindex="-1">Audit</h1></div>
      <section class="panel" aria-label="Which entries">
        <form class="body" @submit=${(event) => { event.preventDefault(); this.#filter(new FormData(event.target)); }}>
          <div class="row filters">
            <div class="field">
              <label for="hours">Of the last</label>
              <select id="hours" name="hours">${SPANS.map(([hours, words]) => html`<option value=${hours} ?selected=${hours === "24"}>${words}</option>`)}</select>
            </div>
            <div class="field"><label for="user">User</label><input id="user" name="user" maxlength="255" autocomplete="off" autocapitalize="none" spellcheck="false"></div>
            <div class="field">
              <label for="path">Path</label>
              <input id="path" name="path" maxlength="255" size="28" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="/users/{username}" list="path-choices">
              <datalist id="path-choices">${[...new Set(this.#entries.map((one) => one.path))].sort().map((path) => html`<option value=${path}></option>`)}</datalist>
            </div>
            <button>Show</button>
          </div>
        </form>
      </section>
      ${this.message}
      <section class="panel" aria-label="Entries">
        ${this.#entries.length ? table(this.#entries) : html`<p class="empty">${this.isLoading ? "Loading…" : "There is no such entry."}</p>`}
      </section>
      ${this.pages(this.#entries.length)}
    `;
  }

  #filter(form) {
    this.#hours = Number(form.get("hours"));
    this.#user = form.get("user").trim();
    this.#path = form.get("path").trim();
    this.offset = 0;
    this.reload();
  }
}

const moment = (milliseconds) => new Date(milliseconds).toISOString();

const table = (entries) => html`
  <table>
    <thead>
      <tr>
        <th scope="col" class="secondary">When</th>
        <th scope="col" class="secondary">Who</th>
        <th scope="col">What</th>
        <th scope="col">Answer</th>
        <th scope="col" class="secondary">From</th>
        <th scope="col" class="secondary">Request</th>
      </tr>
    </thead>
    <tbody>
      ${entries.map(
        (one) => html`
          <tr>
            <td class="secondary">${when(one.at)}</td>
            <td class="secondary">${who(one)}${one.roles.length ? html`<span class="muted line">${one.roles.join(", ")}</span>` : nothing}</td>
            <th scope="row"><span class="narrow">${who(one)}, ${when(one.at)}</span><code>${one.method} ${one.path}</code>${Object.entries(one.resources).map(resource)}</th>
            <td class="tight">${outcome(one.status)}</td>
            <td class="secondary">${one.address}</td>
            <td class="secondary"><code>${one.request_id}</code></td>
          </tr>
        `,
      )}
    </tbody>
  </table>
`;

const who = ({ username }) => (username ? html`<strong>${username}</strong>` : html`<span class="muted">nobody known</span>`);

function resource([name, value]) {
  const place = UUID.test(value) ? PLACES[name] : undefined;
  return html`<span class="muted line">${name}: ${place ? html`<a href="#/${place}/${value}">${value}</a>` : value}</span>`;
}

function outcome(status) {
  if (status === undefined) return html`<span class="pill"><span aria-hidden="true">○</span>None yet</span>`;
  const [tone, sign] = status < 400 ? ["completed", "✓"] : ["failed", "✕"];
  return html`<span class="pill" data-tone=${tone}><span aria-hidden="true">${sign}</span>${status}</span>`;
}
