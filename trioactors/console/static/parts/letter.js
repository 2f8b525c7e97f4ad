// @ts-check
/** One dead letter: its message, and a button to send it again. */

import {live} from "/static/live.js";
import {ActionButton} from "/static/parts/actions.js";
import {html} from "/static/parts/dom.js";
import {ActorLink, Ago, When} from "/static/parts/signs.js";
import {Value} from "/static/parts/value.js";

/** @param {{row: any, resent: boolean}} props */
export function Letter({row, resent}) {
  return html`<li data-name=${row.target} data-letter=${row.number}>
    <div class="spread">
      <p><b>${row.type}</b> for <${ActorLink} name=${row.target} /> <span class="chip bad">${row.cause}</span>${" "}
        <small class="muted">no. ${row.number}, <${When} time=${row.time} />, <${Ago} time=${row.time} /></small></p>
      ${resent ? html`<span class="chip good" data-resent>sent again</span>` : html`<${ActionButton} what="resend" label="Send again" ask=${() => asked(row)} />`}
    </div>
    <details><summary><code>${row.text}</code></summary><${Value} value=${row.fields} /></details>
  </li>`;
}

/** @param {any} row */
function asked(row) {
  return {
    title: "Send again?",
    text: `${row.text} will be cast to ${row.target} again. It may have been handled in part before.`,
    verb: "Send",
    act: async () => `Dead letter ${row.number} was sent again to ${(await live.act("resend", {number: row.number})).target}.`,
  };
}
