// @ts-check
/** Call or cast to an actor: choose a handler, fill in its form, confirm what would be sent, and see the reply. */

import {live} from "/static/live.js";
import {ReadOnly, confirm, obstacle} from "/static/parts/actions.js";
import {html, useEffect, useState} from "/static/parts/dom.js";
import {foreign, lines} from "/static/parts/foreign.js";
import {Form} from "/static/parts/form.js";
import {duration} from "/static/parts/format.js";
import {Value} from "/static/parts/value.js";
import {isolated} from "/static/parts/visible.js";

/** @param {{name: string, open: boolean}} props */
export function Calls({name, open: first}) {
  const [open, turn] = useState(first);
  const [handlers, found] = useState(/** @type {any[]|null} */ (null));
  const [problem, tell] = useState("");
  const [chosen, choose] = useState("");
  const known = live.knows("questions", "signatures");
  useEffect(() => {
    if (open && known) live.ask("signatures", {name}).then((value) => found(value.handlers), (error) => tell(error.text));
  }, [open, name, known]);
  if (!known) return null;
  const handler = handlers?.find((each) => each.name === chosen) ?? handlers?.find((each) => each.problem === null) ?? handlers?.[0];
  return html`<details class="card" data-calls open=${open} onToggle=${(event) => turn(event.target.open)}><summary><h2>Call a handler</h2></summary>
    ${problem && html`<p class="bad-text">${foreign(problem)}</p>`}
    ${open && handler && html`<div class="tools"><label class="grow">Handler <select data-handler value=${handler.name} onChange=${(event) => choose(event.target.value)}>
        ${handlers?.map((each) => html`<option key=${each.name} value=${each.name} selected=${each.name === handler.name}>${isolated(each.name)}</option>`)}</select></label><${ReadOnly} /></div>
      <p class="muted">${handler.about ? lines(handler.about) : html`Answers <code>${foreign(handler.returns)}</code>.`} Deadline of a call: ${duration(handler.timeout)}.</p>
      ${handler.problem ? html`<p data-uncallable>${foreign(handler.problem)}</p>` : html`<${Handler} key=${handler.name} name=${name} handler=${handler} />`}`}
  </details>`;
}

function Handler({name, handler}) {
  const [result, show] = useState(/** @type {any} */ (null));
  const review = async (text, verb) => {
    const request = {name, handler: handler.name, arguments: text};
    const prepared = await live.ask("prepare", request);
    const what = html`${foreign(name)}.${foreign(handler.name)}`;
    confirm({title: html`${verb} ${what}?`, text: html`${verb} ${foreign(prepared.text)}`, verb, act: async () => {
      show(null);
      const answer = await live.act(verb.toLowerCase(), request);
      if (verb === "Cast") return html`${foreign(prepared.text)} was cast.`;
      show(answer);
      return answer.outcome === "reply" ? html`${what} has answered.` : html`${what} raised ${foreign(answer.error.kind)}, which it declares.`;
    }});
  };
  return html`<${Form} id=${`call-${handler.name}`} parameters=${handler.parameters} verbs=${["Call", "Cast"]} off=${obstacle("call")} onReview=${review} />
    ${result && html`<div data-result=${result.outcome} role="region" aria-label="Reply"><h3>${result.outcome === "reply" ? html`Reply <small class="muted"><code>${foreign(result.type)}</code></small>` : "Declared error"} <small class="muted">after ${duration(result.seconds)}</small></h3>
      ${result.outcome === "reply" ? html`<${Value} value=${result.value} />${result.note && html`<p class="bad-text">${foreign(result.note)}</p>`}` : html`<p class="bad-text"><b>${foreign(result.error.kind)}</b> ${lines(result.error.text)}</p>`}</div>`}`;
}
