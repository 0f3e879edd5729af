// The frame around every view.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { section, sections } from "./routes.js";

const CONNECTION = {
  live: ["●", "Live"],
  connecting: ["○", "Connecting"],
  lost: ["✕", "Connection lost, trying again"],
  refused: ["✕", "No live updates"],
  off: ["○", "Offline"],
};

export function shell(app) {
  if (!app.session.isIn) return app.view.template();
  return html`
    <a class="skip" href="#main" @click=${toMain}>Skip to the content</a>
    <header class="bar">
      <span class="brand"><img src="control-center/page/icon.svg" alt="">Control center</span>
      <nav aria-label="Sections">
        <ul>
          ${sections(app.session).map(
            ([name, title]) =>
              html`<li><a href="#/${name}" aria-current=${section() === name ? "page" : nothing}>${title}</a></li>`,
          )}
        </ul>
      </nav>
      <div class="who">
        ${connection(app.live)}
        <span class="muted">${app.session.user.username}</span>
        <button type="button" @click=${() => app.logOut()}>Log out</button>
      </div>
    </header>
    <main id="main" tabindex="-1">${app.view.template()}</main>
  `;
}

function connection(live) {
  const [sign, words] = CONNECTION[live.state];
  return html`<span class="connection" data-state=${live.state} title=${live.trouble || nothing}
    ><span aria-hidden="true">${sign}</span>${words}</span
  >`;
}

/** The address says which view is shown, so a link inside of it does not go there. */
function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}
