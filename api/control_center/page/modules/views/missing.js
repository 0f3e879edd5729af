// An address that means nothing, or nothing for this user.
import { html, nothing } from "../../../vendor/lit-html/lit-html.js";

export class Missing {
  title = "Not found";
  #reason;

  constructor(reason) {
    this.#reason = reason;
  }

  template() {
    return html`
      <h1 tabindex="-1">There is nothing here</h1>
      ${this.#reason ? html`<p>${this.#reason}</p>` : nothing}
      <p><a href="#/batches">Go to the batches</a></p>
    `;
  }
}
