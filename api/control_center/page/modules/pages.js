// Going through a long list, newest first.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";

/**
 * @param list offset: of the first that is shown; shown: how many are; total: how many there are; size: of a page
 * @param go called with the offset of the page that is wanted
 */
export function pages({ offset, shown, total, size }, go) {
  // A list that has become shorter meanwhile is left by the way back.
  if (!(total > size) && offset === 0) return nothing;
  const last = offset + shown;
  return html`
    <nav class="row" aria-label="Pages">
      <button type="button" ?disabled=${offset === 0} @click=${() => go(Math.max(0, offset - size))}>Newer</button>
      <span class="muted number">${shown ? `${offset + 1} to ${last} of ${total}` : `none of ${total}`}</span>
      <button type="button" ?disabled=${last >= total} @click=${() => go(offset + size)}>Older</button>
    </nav>
  `;
}
