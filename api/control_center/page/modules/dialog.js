// A question before something is done that is not easily undone.
import { html } from "../../vendor/lit-html/lit-html.js";

/** Shows the dialog of this id; the browser keeps the focus inside and gives it back. */
export const open = (id) => document.getElementById(id).showModal();

/** @param act called when the person agrees; the dialog is closed then */
export function confirmation({ id, title, text, agree, act }) {
  const close = (event) => event.target.closest("dialog").close();
  return html`
    <dialog id=${id} aria-labelledby="${id}-title">
      <form method="dialog" @submit=${act}>
        <h2 id="${id}-title">${title}</h2>
        <p>${text}</p>
        <div class="row">
          <button type="button" @click=${close}>Leave it</button>
          <button class="danger">${agree}</button>
        </div>
      </form>
    </dialog>
  `;
}
