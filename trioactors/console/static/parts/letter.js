// @ts-check
/** One dead letter: the message as it is stored, and the way to send it again. */

import {live} from "/static/live.js";
import {Deed} from "/static/parts/deeds.js";
import {html} from "/static/parts/dom.js";
import {ActorLink, Ago, When} from "/static/parts/signs.js";
import {Value} from "/static/parts/value.js";

/** @param {{row: any, resent: boolean}} props */
export function Letter({row, resent}) {
  return html`<li data-name=${row.target} data-letter=${row.number}>
    <div class="spread">
      <p><b>${row.type}</b> for <${ActorLink} name=${row.target} /> <span class="chip bad">${row.cause}</span>${" "}
        <small class="muted">no. ${row.number}, <${When} time=${row.time} />, <${Ago} time=${row.time} /></small></p>
      ${resent ? html`<span class="chip good" data-resent>sent again</span>` : html`<${Deed} what="resend" label="Send again" ask=${() => asked(row)} />`}
    </div>
    <details><summary><code>${row.text}</code></summary><${Value} value=${row.fields} /></details>
  </li>`;
}

/** @param {any} row */
function asked(row) {
  return {
    title: "Send again?",
    text: `${row.text} is cast to ${row.target} once more. Whether it was handled in part before, nobody knows.`,
    verb: "Send",
    act: async () => `Dead letter ${row.number} was sent again to ${(await live.act("resend", {number: row.number})).target}.`,
  };
}
