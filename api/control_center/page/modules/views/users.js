// Who may use the service, for admins.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { repeat } from "../../../vendor/lit-html/directives/repeat.js";
import { when } from "../format.js";
import { Account } from "../users/account.js";
import { ROLES, rolesFields, rolesOf } from "../users/roles.js";
import { View } from "./view.js";

export class Users extends View {
  title = "Users";
  #users = [];
  #account = null;
  #isBusy = false;
  #news = "";

  async load() {
    this.#users = await this.app.http.call("GET", "users");
    this.#account?.read(this.#users.find((one) => one.username === this.#account.username));
  }

  template() {
    return html`
      <div class="heading"><h1 tabindex="-1">Users</h1></div>
      ${this.message}
      ${this.#news ? html`<p class="message good">${this.#news}</p>` : nothing}
      <div class="columns">
        <section class="panel" aria-label="Users">
          ${this.#users.length ? this.#table() : html`<p class="empty">Loading…</p>`}
        </section>
        <div class="stack">${this.#account ? repeat([this.#account], (one) => one, (one) => one.template()) : this.#form()}</div>
      </div>
    `;
  }

  #table() {
    return html`
      <table>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col" class="secondary">Roles</th>
            <th scope="col">Login</th>
            <th scope="col" class="secondary">Made</th>
            <th scope="col"><span class="visually-hidden">What to do</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(this.#users, (one) => one.username, (one) => this.#row(one))}
        </tbody>
      </table>
    `;
  }

  #row(user) {
    const roles = ROLES.map(([name]) => name).filter((name) => user.roles.includes(name)).join(", ") || "no role";
    return html`
      <tr aria-current=${user.username === this.#account?.username ? "true" : nothing}>
        <th scope="row"><strong>${user.username}</strong><span class="muted narrow">${roles}</span>${user.email ? html`<span class="muted line">${email(user.email)}</span>` : nothing}</th>
        <td class="secondary">${roles}</td>
        <td><span class="tags">${login(user)}</span></td>
        <td class="secondary">${when(user.created_at)}</td>
        <td class="tight"><button type="button" aria-label="Change ${user.username}" @click=${() => this.#choose(user)}>Change</button></td>
      </tr>
    `;
  }

  #form() {
    return html`
      <section class="panel" aria-labelledby="new-title">
        <header><h2 id="new-title">New user</h2></header>
        <form class="body" @submit=${(event) => this.#create(event)}>
          <div class="field">
            <label for="new-username">User name</label>
            <input id="new-username" name="username" required maxlength="255" autocomplete="off" autocapitalize="none" spellcheck="false">
          </div>
          <div class="field">
            <label for="new-email">E-mail</label>
            <input id="new-email" name="email" type="email" maxlength="254" autocomplete="off" aria-describedby="new-email-hint">
            <span class="hint" id="new-email-hint">May be left out</span>
          </div>
          <div class="field">
            <label for="new-password">Password</label>
            <input id="new-password" name="password" type="password" required minlength="12" maxlength="1024" autocomplete="new-password" aria-describedby="new-password-hint">
            <span class="hint" id="new-password-hint">12 characters or more</span>
          </div>
          ${rolesFields(["viewer"])}
          <div class="row"><button class="primary" ?disabled=${this.#isBusy}>${this.#isBusy ? "Making…" : "Make the user"}</button></div>
        </form>
      </section>
    `;
  }

  #choose(user) {
    this.#news = "";
    this.#account = new Account(this, user, (news) => this.#tell(news), () => this.#close());
    this.app.changed();
    // What is drawn in a moment is where the person goes on.
    setTimeout(() => document.getElementById("account-title")?.focus(), 100);
  }

  #close() {
    const name = this.#account.username;
    this.#account = null;
    this.app.changed();
    document.querySelector(`[aria-label="${CSS.escape(`Change ${name}`)}"]`)?.focus();
  }

  #tell(news) {
    this.#news = news;
    this.app.announce(news);
    return this.reload();
  }

  async #create(event) {
    event.preventDefault();
    const form = event.target;
    const { username, email, password } = Object.fromEntries(new FormData(form));
    const body = { username, password, roles: rolesOf(form), ...(email ? { email } : {}) };
    this.#isBusy = true;
    this.app.changed();
    const isDone = await this.attempt(() => this.app.http.call("POST", "users", { body }));
    this.#isBusy = false;
    if (!isDone) return;
    form.reset();
    await this.#tell(`${username} was made.`);
  }
}

/** Where it has to be broken, it is before the domain. */
const email = (text) => text.split("@").map((part, index) => (index ? html`<wbr>@${part}` : part));

function login(user) {
  return html`
    ${user.disabled
      ? html`<span class="pill" data-tone="failed"><span aria-hidden="true">⊘</span>Disabled</span>`
      : html`<span class="pill" data-tone="completed"><span aria-hidden="true">✓</span>Enabled</span>`}
    ${user.mfa_enabled ? html`<span class="pill" data-tone="running"><span aria-hidden="true">●</span>Second factor</span>` : nothing}
  `;
}
