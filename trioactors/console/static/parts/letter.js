// @ts-check
/** One dead letter: its message, and buttons to send it again, to edit and to discard it. */

import {live} from "/static/live.js";
import {ActionButton, confirm, obstacle} from "/static/parts/actions.js";
import {html, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {Form, drafted} from "/static/parts/form.js";
import {ActorLink, Ago, When} from "/static/parts/signs.js";
import {Value} from "/static/parts/value.js";

/** @param {{row: any, resent: boolean}} props */
export function Letter({row, resent}) {
  const [edit, open] = useState(/** @type {any} */ (null));
  const why = obstacle("resend") ?? (live.knows("questions", "letter") ? null : "Not supported by this console.");
  return html`<li data-name=${row.target} data-letter=${row.number}>
    <div class="spread">
      <p><b>${foreign(row.type)}</b> for <${ActorLink} name=${row.target} /> <span class="chip bad">${foreign(row.cause)}</span>${" "}
        <small class="muted">no. ${row.number}, <${When} time=${row.time} />, <${Ago} time=${row.time} /></small></p>
      <span class="buttons">${resent ? html`<span class="chip good" data-resent>sent again</span>`
        : html`<${ActionButton} what="resend" label="Send again" ask=${() => asked(row)} />
          <button class="quiet" data-action="edit" aria-expanded=${edit !== null} disabled=${why !== null} title=${why ?? "Edit the arguments and send it again"}
            onClick=${async () => open(edit === null ? await editable(row) : null)}>Edit</button>`}
        <${ActionButton} what="discard" danger label="Discard" ask=${() => ({
          title: "Discard?", text: html`${foreign(row.text)} for ${foreign(row.target)} will be forgotten. The accounts still count it as a dead letter.`, verb: "Discard", danger: true,
          act: async () => `Dead letter ${(await live.act("discard", {number: row.number})).number} was discarded.`})} /></span>
    </div>
    <details><summary><code>${foreign(row.text)}</code></summary><${Value} value=${row.fields} /></details>
    ${edit && !resent && (edit.problem ? html`<p class="bad-text" data-uncallable>${foreign(edit.problem)}</p>`
      : html`<${Form} id=${`letter-${row.number}`} parameters=${edit.parameters} begin=${drafted(edit.parameters, edit.arguments)} raw=${edit.json} verbs=${["Send"]} off=${why}
        onReview=${async (text) => changed(row, text, () => open(null))} />`)}
  </li>`;
}

/** The letter and the parameters of its handler. @param {any} row */
async function editable(row) {
  try {
    const [letter, {handlers}] = await Promise.all([live.ask("letter", {number: row.number}), live.ask("signatures", {name: row.target})]);
    const parameters = handlers.find((each) => each.name === letter.handler)?.parameters ?? [];
    return {...letter, parameters: parameters.map((each) => (each.secret ? {...each, required: false} : each))};
  } catch (problem) {
    return {problem: problem.text ?? String(problem)};
  }
}

/** @param {any} row @param {string} text @param {() => void} done */
async function changed(row, text, done) {
  const request = {number: row.number, arguments: text};
  const prepared = await live.ask("letter", request);
  confirm({title: "Send again?", text: html`Cast ${foreign(prepared.text)}. The original may have been handled in part before.`, verb: "Send", act: async () => {
    const {target} = await live.act("resend", request);
    done();
    return html`Dead letter ${row.number} was sent again to ${foreign(target)}.`;
  }});
}

/** @param {any} row */
function asked(row) {
  return {
    title: "Send again?",
    text: html`${foreign(row.text)} will be cast to ${foreign(row.target)} again. It may have been handled in part before.`,
    verb: "Send",
    act: async () => html`Dead letter ${row.number} was sent again to ${foreign((await live.act("resend", {number: row.number})).target)}.`,
  };
}
