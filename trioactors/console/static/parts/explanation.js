// @ts-check
/** The consequences if a child exited now, computed by `explain` with the supervision rules on a model of the tree. */

import {live} from "/static/live.js";
import {ChildButtons, explanation as explained} from "/static/parts/actions.js";
import {Origin} from "/static/parts/causes.js";
import {Crash} from "/static/parts/crash.js";
import {html, useEffect, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {counted, duration} from "/static/parts/format.js";
import {Ago, Budget, Ended, Problem, RestartsIn, Status} from "/static/parts/signs.js";
import {isolated} from "/static/parts/visible.js";
import {useWatch} from "/static/parts/watching.js";
import {address, choose} from "/static/routes.js";

const REASONS = {crash: "it crashed", killed: "it was killed", normal: "it exited by itself", shutdown: "it was shut down"};

/** @typedef {"stops"|"starts"|"both"} Mark */

/** The explanation for a child, requested again whenever *version* changes. @param {string|null} name @param {string} reason @param {any} version
 *  @returns {{value: any, error: any, marks: Map<string, Mark>}} */
export function useExplanation(name, reason, version) {
  const [answer, set] = useState(/** @type {any} */ ({value: null, error: null, marks: new Map(), of: ""}));
  const of = JSON.stringify([name, reason]);
  useEffect(() => {
    let wanted = true;
    if (name === null) return undefined;
    live.ask("explain", {name, reason}).then(
      (value) => wanted && set({value, error: null, marks: marked(value.consequences), of}),
      (error) => wanted && set({value: null, error, marks: new Map(), of}),
    );
    return () => {
      wanted = false;
    };
  }, [name, reason, version]);
  return name !== null && answer.of === of ? answer : {value: null, error: null, marks: new Map()};
}

/** @param {{kind: string, name: string}[]} consequences */
function marked(consequences) {
  /** @type {Map<string, Mark>} */
  const marks = new Map();
  for (const {kind, name} of consequences) {
    if (kind === "stop") marks.set(name, "stops");
    else if (kind === "start") marks.set(name, marks.has(name) ? "both" : "starts");
  }
  return marks;
}

/** The side panel about the selected child. */
export function Explanation({name, branch, below, explanation, reason}) {
  if (name === null)
    return html`<aside class="card hint muted">Select a child to see its details, and what would stop and start if it exited now.</aside>`;
  const {value, error} = explanation;
  return html`<aside class="card" aria-label=${`About ${isolated(name)}`} data-chosen=${name}>
    <h2><code>${foreign(name)}</code></h2>
    ${branch && html`<${About} branch=${branch} below=${below} />`}
    <div class="spread"><h3>If <select aria-label="Reason" value=${reason} onChange=${(event) => choose({reason: event.target.value === "crash" ? "" : event.target.value}, {replace: true})}>
        ${Object.entries(REASONS).map(([key, text]) => html`<option key=${key} value=${key} selected=${key === reason}>${text}</option>`)}
      </select> now</h3></div>
    ${error && html`<${Problem} error=${error} />`}
    ${value && html`<${Summary} value=${value} /><pre data-explanation tabindex="0">${explained(value)}</pre>`}
  </aside>`;
}

/** The last failure of a child of any kind. @param {{name: string}} props */
function LastFailure({name}) {
  const {value} = useWatch("failures", {name, limit: 1});
  const row = value?.rows[0];
  if (row?.name !== name) return null;
  return html`<div data-failure class="stack"><h3>Last failure</h3><p><span class="bad-text">${foreign(row.reason)}</span>${" "}
    <small class="muted">incarnation ${row.incarnation}, <${Ago} time=${row.time} /></small> <${Origin} row=${row} /></p><${Crash} id=${`tree ${name}`} row=${row} /></div>`;
}

function About({branch, below}) {
  const {budget} = branch;
  const period = budget?.period ?? budget?.child_period ?? null;
  return html`<dl class="facts">
      <div><dt>Status</dt><dd><${Status} status=${branch.status} /><${RestartsIn} time=${branch.restart_at} />, <${Ago} time=${branch.since} ago=${false} /></dd></div>
      <div><dt>Incarnation</dt><dd>${branch.incarnation}</dd></div>
      ${branch.actor && html`<div><dt>Class</dt><dd><code>${foreign(branch.actor)}</code></dd></div>`}
      <div><dt>Restart</dt><dd>${branch.restart}${branch.significant ? ", significant" : ""}</dd></div>
      ${budget && html`<div><dt>Strategy</dt><dd>${budget.strategy}</dd></div>
        <div><dt>Budget</dt><dd><${Budget} budget=${budget} />${period !== null && html` <span class="muted">in ${duration(period)}</span>`}</dd></div>`}
      <div><dt>Last exit</dt><dd><${Ended} text=${branch.last_exit} /></dd></div>
    </dl>
    <${LastFailure} key=${branch.name} name=${branch.name} />
    <p class="buttons"><${ChildButtons} child=${branch} below=${below} />
      ${branch.actor && html`<a class="button" href=${address("actor", branch.name)}>Open</a> <a class="button" href=${address("actor", branch.name, {call: true})}>Call</a>`}</p>`;
}

/** The numbers of stops and starts. */
function Summary({value}) {
  const count = (kind) => new Set(value.consequences.filter((each) => each.kind === kind).map((each) => each.name)).size;
  const [stops, starts, gives] = [count("stop"), count("start"), count("give_up")];
  if (value.consequences.length === 0) return null;
  return html`<p class="verdict">
    <span class="chip warn">${counted(stops, "stops", "stop")}</span> <span class="chip good">${counted(starts, "starts", "start")}</span>
    ${gives > 0 && html` <span class="chip bad">${counted(gives, "gives up", "give up")}</span>`}
    ${value.ends_system && html` <span class="chip bad">the system ends</span>`}</p>`;
}
