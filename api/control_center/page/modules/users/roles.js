// The roles, and what each lets a user do.
import { html } from "../../../vendor/lit-html/lit-html.js";

export const ROLES = [
  ["viewer", "sees everything but users and audit"],
  ["operator", "submits, cancels and rolls back as well"],
  ["admin", "manages users and sees the audit log, too"],
];

/** @param held roles that are chosen at first */
export const rolesFields = (held) => html`
  <fieldset class="choices">
    <legend>Roles</legend>
    ${ROLES.map(
      ([name, meaning]) => html`<label><input type="checkbox" name="role" value=${name} ?checked=${held.includes(name)}><span>${name} <span class="hint">${meaning}</span></span></label>`,
    )}
  </fieldset>
`;

/** Those that are chosen in a form. */
export const rolesOf = (form) => new FormData(form).getAll("role");
