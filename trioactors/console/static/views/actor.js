// @ts-check
/** One actor: the message in progress, waiting messages, the state and its changes, the last crash. */

import {systemTime} from "/static/figures.js";
import {Calls} from "/static/parts/calls.js";
import {Commits} from "/static/parts/commits.js";
import {ChildButtons} from "/static/parts/actions.js";
import {html, useEffect, useRef, useState} from "/static/parts/dom.js";
import {foreign, lines as shownLines} from "/static/parts/foreign.js";
import {Facts, Failure, LastMessages, Timers, Waiting} from "/static/parts/one.js";
import {cutsOf} from "/static/parts/part.js";
import {Damaged, PauseButton, Paused} from "/static/parts/repair.js";
import {ActorLink, Ago, AsOf, Problem, RestartsIn, Status, When} from "/static/parts/signs.js";
import {Changes, Value, differences} from "/static/parts/value.js";
import {useWatch} from "/static/parts/watching.js";
import {address} from "/static/routes.js";
import {OwnHandlers} from "/static/views/handlers.js";

/** Changes of the state kept while the view is open. */
const STEPS = 12;
/** Seconds that a changed field is highlighted. */
const MARKED = 4;

export function Actor({here}) {
  const {name} = here;
  const {value: seen, error} = useWatch("actor", {name: name ?? "", waiting: 50});
  const value = seen?.name === name ? seen : undefined;
  const gone = error !== null;
  const last = useRef(/** @type {number|null} */ (null));
  if (value && !gone) last.current = systemTime();
  return html`<section data-view="actor" data-name=${name}>
    <div class="spread">
      <h1 tabindex="-1"><code>${foreign(name)}</code></h1>
      ${value && !gone && html`<span class="buttons"><${PauseButton} value=${value} /><${ChildButtons} child=${value} /></span>`}
    </div>
    ${value && !gone && html`<${Damaged} value=${value} />`}
    ${error && html`<${Missing} error=${error} name=${name} />`}
    ${value && html`<${AsOf.Provider} value=${gone ? last.current : null}><div class=${gone ? "stack gone" : "stack"}><${Body} value=${value} gone=${gone} call=${here.query.call === "true"} /></div><//>`}
  </section>`;
}

function Missing({error, name}) {
  const text = error.kind === "WrongClass" ? "This child is not an actor; see its place in the tree." : "It may have been removed, or never have existed.";
  return html`<${Problem} error=${error} /><p>${text} <a href=${address("tree", error.kind === "WrongClass" ? name : null)}>The tree</a> ·${" "}
    <a href=${address("actors", null, {search: name})}>Search actors</a></p>`;
}

function Body({value, gone, call}) {
  return html`
    <p class="line-of-facts">${gone ? html`<strong data-gone>This actor no longer exists. Last known status:</strong> <span class="status" data-status="gone">${value.status === "undefined" ? "down" : value.status}</span>`
      : html`<${Status} status=${value.status} /><${Paused} row=${value} /><${RestartsIn} time=${value.restart_at} />`} <span>incarnation <output data-figure="incarnation">${value.incarnation}</output></span>
      <span>class <code>${foreign(value.actor)}</code></span> <span>${value.status === "running" ? "for" : "since"} <${Ago} time=${value.since} ago=${false} /></span>
      ${!gone && html`<a href=${address("tree", value.name)}>tree</a>`} <a href=${address("messages", null, {child: value.name})}>trace</a></p>
    <${Now} value=${value} />
    ${!gone && html`<${Calls} key=${value.name} name=${value.name} open=${call} />`}
    <div class="columns">
      <div class="stack"><${State} value=${value} />${value.durable && html`<${Kept} value=${value} />`}
        <${Failure} value=${value} /><${Stack} lines=${value.stack} /></div>
      <div class="stack">
        <${Waiting} value=${value} />
        <div class="card"><h2>Recent messages</h2><${LastMessages} name=${value.name} /></div>
        <${OwnHandlers} name=${value.name} />
        <${Timers} value=${value} />
        <${Facts} value=${value} />
      </div>
    </div>`;
}

function Now({value}) {
  const {handling, waits_for: blockers} = value;
  if (handling === null) return html`<p class="card now muted" data-handling="">${value.status === "running" ? "Idle" : "Not running"}.</p>`;
  return html`<p class="card now" data-handling=${handling.handler}>Handling <code>${foreign(handling.handler)}</code> <span class="muted">(${handling.kind} from ${foreign(handling.sender)})</span> for${" "}
    <b><${Ago} time=${handling.since} ago=${false} /></b>${blockers.length > 0 && html`, waiting for ${blockers.map((name) => html`<${ActorLink} key=${name} name=${name} /> `)}`}</p>`;
}

/** The state, and its changes since the view was opened. */
function State({value}) {
  const {state} = value;
  const steps = useChanges(state, value.incarnation);
  const now = systemTime() ?? 0;
  const fresh = new Set(steps.filter((step) => now - step.time < MARKED).flatMap((step) => step.changes.map((change) => change.path)));
  return html`<div class="card" data-state><h2>State ${state && html`<small class="muted"><code>${foreign(state.type)}</code>${state.in_progress ? ", may be half changed: a handler is running" : ""}</small>`}</h2>
    ${state ? html`<${Value} value=${state.value} changed=${fresh} place=${{name: value.name, steps: [], cuts: cutsOf(state.cuts)}} />`
      : html`<p class="muted">${value.state_allowed ? "No state while the actor is not running." : html`Not shown: the class does not say <code>inspect=True</code>.`}</p>`}
    ${state && html`<h3>Recent changes</h3>
      ${steps.length === 0 ? html`<p class="muted">No changes since you opened this view.</p>` : html`<ol class="commits" data-changes tabindex="0" aria-label="Recent changes, newest first">${steps.map((step) => html`<li key=${step.number}>
        <p><${When} time=${step.time} />${step.restarted && html` <span class="chip warn">new incarnation</span>`}</p><${Changes} changes=${step.changes} /></li>`)}</ol>`}`}
  </div>`;
}

/** The differences between successive updates, newest first. @param {any} state @param {number} incarnation */
function useChanges(state, incarnation) {
  const before = useRef(/** @type {any} */ (null));
  const [steps, set] = useState(/** @type {any[]} */ ([]));
  const seen = state?.value;
  useEffect(() => {
    const old = before.current;
    if (seen === undefined) return;
    before.current = {seen, incarnation};
    if (old === null) return;
    const changes = differences(old.seen, seen);
    if (changes.length === 0) return;
    const step = {number: performance.now(), time: systemTime() ?? 0, changes, restarted: old.incarnation !== incarnation};
    set((known) => [step, ...known].slice(0, STEPS));
  }, [seen, incarnation]);
  return steps;
}

function Kept({value}) {
  return html`<div class="card"><h2>Commits <small class="muted">revision <output data-figure="revision">${value.durable.revision}</output>,
    last <${Ago} time=${value.durable.committed_at} /></small></h2>
    <${Commits} child=${value.name} /><p class="more"><a href=${address("durable", value.name)}>Stored record</a></p></div>`;
}

function Stack({lines}) {
  if (lines.length === 0) return null;
  return html`<details class="card"><summary><h2>Stack of its task</h2></summary><pre data-stack tabindex="0">${shownLines(lines.join("\n"))}</pre></details>`;
}
