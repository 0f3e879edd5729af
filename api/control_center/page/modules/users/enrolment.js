// What an authenticator is told of a new second factor: as a code to scan, and to be typed in.
import { html, svg } from "../../../vendor/lit-html/lit-html.js";
import { generate } from "../../../vendor/lean-qr/lean-qr.mjs";
import { toSvgPath } from "../../../vendor/lean-qr/svg.mjs";

/** Modules of light around the code that a scanner needs, by ISO/IEC 18004. */
const QUIET_ZONE = 4;

export class Enrolment {
  #secret;
  #uri;
  #code;

  /** @param answer the service's: secret and uri, which it shows once */
  constructor({ secret, uri }) {
    this.#secret = secret;
    this.#uri = uri;
    this.#code = generate(uri);
  }

  /** @param confirm called with the digits that the authenticator shows */
  template(confirm, isBusy) {
    const side = this.#code.size + 2 * QUIET_ZONE;
    return html`
      <p>Scan this with an authenticator, or type its secret in. It is shown once.</p>
      <svg class="qr" role="img" aria-label="QR code of the second factor" viewBox="${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}">${svg`<path d=${toSvgPath(this.#code)}></path>`}</svg>
      <dl class="facts">
        <dt>Secret</dt><dd><code>${this.#secret}</code></dd>
        <dt>Address</dt><dd><code>${this.#uri}</code></dd>
      </dl>
      <form class="form" @submit=${(event) => { event.preventDefault(); confirm(new FormData(event.target).get("code").replaceAll(" ", "")); }}>
        <div class="field">
          <label for="factor-code">Code that it shows</label>
          <input id="factor-code" name="code" required inputmode="numeric" maxlength="64" autocomplete="off">
        </div>
        <div class="row"><button class="primary" ?disabled=${isBusy}>Confirm</button><span class="muted">It is on once this is confirmed.</span></div>
      </form>
    `;
  }
}
