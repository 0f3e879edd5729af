// One user, to be changed: roles and address, password, second factor, and whether there is a login at all.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { confirmation, open } from "../dialog.js";
import { Enrolment } from "./enrolment.js";
import { rolesFields, rolesOf } from "./roles.js";

export class Account {
  #view;
  #user;
  #tell;
  #close;
  #enrolment = null;
  #isBusy = false;

  /**
   * @param view whose messages tell what went wrong
   * @param tell called with what was done, in words; the list is read again
   * @param close called when the person is done with it
   */
  constructor(view, user, tell, close) {
    this.#view = view;
    this.#user = user;
    this.#tell = tell;
    this.#close = close;
  }

  get username() {
    return this.#user.username;
  }

  get #path() {
    return `users/${encodeURIComponent(this.username)}`;
  }

  /** Takes over what was read. */
  read(user) {
    if (user) this.#user = user;
  }

  template() {
    const { username, disabled } = this.#user;
    return html`
      <section class="panel" aria-labelledby="account-title">
        <header>
          <h2 id="account-title" tabindex="-1">${username}</h2>
          <div class="actions">
            ${disabled
              ? html`<button type="button" ?disabled=${this.#isBusy} @click=${() => this.#change({ disabled: false }, `${username} may log in again.`)}>Enable</button>`
              : html`<button type="button" ?disabled=${this.#isBusy} @click=${() => open("disable")}>Disable…</button>`}
            <button type="button" @click=${this.#close} aria-label="Close ${username}">Close</button>
          </div>
        </header>
        <div class="body parts">${this.#details()} ${this.#password()} ${this.#secondFactor()}</div>
      </section>
      ${confirmation({
        id: "disable", title: `Disable ${username}?`, agree: "Disable the user",
        text: "The user is logged out everywhere, and cannot log in until somebody enables the user again.",
        act: () => this.#change({ disabled: true }, `${username} is disabled.`),
      })}
      ${confirmation({
        id: "factor-off", title: `Turn ${username}'s second factor off?`, agree: "Turn it off",
        text: "The password alone is enough then. The user is logged out everywhere.",
        act: () => this.#send("DELETE", `${this.#path}/mfa`, undefined, `The second factor of ${username} is off.`),
      })}
    `;
  }

  #details() {
    return html`
      <form class="form" @submit=${(event) => this.#saveDetails(event)}>
        ${rolesFields(this.#user.roles)}
        <div class="field">
          <label for="email">E-mail</label>
          <input id="email" name="email" type="email" maxlength="254" autocomplete="off" ?required=${Boolean(this.#user.email)} value=${this.#user.email}>
        </div>
        <div class="row"><button ?disabled=${this.#isBusy}>Save roles and e-mail</button></div>
      </form>
    `;
  }

  #password() {
    return html`
      <form class="form" @submit=${(event) => this.#savePassword(event)}>
        <div class="field">
          <label for="password">New password</label>
          <input id="password" name="password" type="password" required minlength="12" maxlength="1024" autocomplete="new-password" aria-describedby="password-hint">
          <span class="hint" id="password-hint">12 characters or more. The user is logged out everywhere.</span>
        </div>
        <div class="row"><button ?disabled=${this.#isBusy}>Set the password</button></div>
      </form>
    `;
  }

  #secondFactor() {
    return html`
      <div class="form">
        <h3>Second factor: ${this.#user.mfa_enabled ? "on" : "off"}</h3>
        ${this.#enrolment
          ? this.#enrolment.template((code) => this.#confirm(code), this.#isBusy)
          : html`<div class="row">
              <button type="button" ?disabled=${this.#isBusy} @click=${() => this.#enrol()}>${this.#user.mfa_enabled ? "Move it to another device" : "Turn it on"}</button>
              ${this.#user.mfa_enabled ? html`<button type="button" ?disabled=${this.#isBusy} @click=${() => open("factor-off")}>Turn it off…</button>` : nothing}
            </div>`}
      </div>
    `;
  }

  #saveDetails(event) {
    event.preventDefault();
    const email = new FormData(event.target).get("email");
    this.#change({ roles: rolesOf(event.target), ...(email ? { email } : {}) }, `${this.username} is saved.`);
  }

  async #savePassword(event) {
    event.preventDefault();
    const form = event.target;
    const body = { password: new FormData(form).get("password") };
    if (await this.#send("PUT", `${this.#path}/password`, body, `${this.username} has a new password.`)) form.reset();
  }

  #change(body, news) {
    return this.#send("PATCH", this.#path, body, news);
  }

  async #enrol() {
    await this.#send("POST", `${this.#path}/mfa`, undefined, "", (answer) => { this.#enrolment = new Enrolment(answer); });
  }

  async #confirm(code) {
    const news = `The second factor of ${this.username} is on.`;
    if (await this.#send("POST", `${this.#path}/mfa/confirm`, { code }, news)) this.#enrolment = null;
    this.#view.app.changed();
  }

  /** Answers whether it was done. */
  async #send(method, path, body, news, then = () => {}) {
    this.#isBusy = true;
    this.#view.app.changed();
    const isDone = await this.#view.attempt(async () => then(await this.#view.app.http.call(method, path, { body })));
    this.#isBusy = false;
    if (isDone && news) await this.#tell(news);
    return isDone;
  }
}
