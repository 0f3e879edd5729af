// Logging in.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";
import { inWords } from "../http.js";

export class Login {
  title = "Log in";
  #app;
  #isBusy = false;
  #trouble = "";

  constructor(app, reason) {
    this.#app = app;
    this.#trouble = reason;
  }

  start() {
    document.getElementById("username").focus();
  }

  template() {
    return html`
      <main class="login">
        <h1 tabindex="-1">Control center</h1>
        ${this.#trouble ? html`<p class="message bad" role="alert">${this.#trouble}</p>` : nothing}
        <form class="form" @submit=${(event) => this.#logIn(event)}>
          <div class="field">
            <label for="username">User name</label>
            <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required>
          </div>
          <div class="field">
            <label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password" required>
          </div>
          <div class="field">
            <label for="code">Code</label>
            <input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" aria-describedby="code-hint">
            <span class="hint" id="code-hint">From your authenticator app, if your account has a second factor</span>
          </div>
          <button class="primary" ?disabled=${this.#isBusy}>${this.#isBusy ? "Logging in…" : "Log in"}</button>
        </form>
      </main>
    `;
  }

  async #logIn(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const body = { username: form.get("username"), password: form.get("password") };
    if (form.get("code").trim()) body.mfa_code = form.get("code").trim();
    this.#busy(true);
    try {
      const answer = await this.#app.http.call("POST", "auth/login", { body });
      this.#app.session.begin(answer, Date.parse(answer.expires_at) - this.#app.http.now());
    } catch (error) {
      this.#trouble = inWords(error);
      this.#busy(false);
    }
  }

  #busy(isBusy) {
    this.#isBusy = isBusy;
    this.#app.changed();
  }
}
