// An address that means nothing.
import { html } from "../../../vendor/lit-html/lit-html.js";

export class Missing {
  title = "Not found";

  template() {
    return html`<h1 tabindex="-1">There is nothing here</h1><p><a href="#/batches">Go to the batches</a></p>`;
  }
}
