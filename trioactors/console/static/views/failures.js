// @ts-check
/** Failures: failed children by cause, restarts that count against budgets, and dead letters by cause. */

import {live} from "/static/live.js";
import {ActionButton, ReadOnly} from "/static/parts/actions.js";
import {Causes} from "/static/parts/causes.js";
import {html, useState} from "/static/parts/dom.js";
import {Failed} from "/static/parts/failed.js";
import {foreign} from "/static/parts/foreign.js";
import {counted, dated, number} from "/static/parts/format.js";
import {Export} from "/static/parts/export.js";
import {Letter} from "/static/parts/letter.js";
import {Ago, Budget, Problem} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {isolated} from "/static/parts/visible.js";
import {useWatch} from "/static/parts/watching.js";
import {wallTime} from "/static/figures.js";
import {address, choose} from "/static/routes.js";

const BUDGETED = 20;
const PAGE = 20;

export function Failures({here}) {
  return html`<section data-view="failures">
    <h1 tabindex="-1">Failures</h1>
    <${Causes} />
    <${Failed} />
    <${Budgets} />
    <${Letters} here=${here} />
  </section>`;
}

/** The restarts that count against the budgets now. */
function Budgets() {
  const [offset, turn] = useState(0);
  const {value} = useWatch("counted_restarts", {limit: BUDGETED, offset});
  return html`<div class="card" data-budgets><h2>Recent restarts</h2>
    <${Table} label="Supervisors with recent restarts" columns=${BUDGETS} rows=${value?.rows ?? []} name=${(row) => row.name} sort="used" down
      whole=${{topic: "counted_restarts"}} empty=${value ? "No recent restarts." : "Loading…"} />
    ${value?.total > BUDGETED && html`<${Pager} total=${value.total} offset=${offset} limit=${BUDGETED} onTurn=${turn} />`}</div>`;
}

const BUDGETS = [
  {key: "name", label: "Supervisor", cell: (row) => html`<a class="name" href=${address("tree", row.name)}>${foreign(row.name)}</a>`},
  {key: "used", label: "Budget", cell: (row) => html`<${Budget} budget=${row} />`},
  {key: "restarts", label: "Last restarts", wide: true, cell: (row) => html`<ul class="plain-list">${row.restarts.slice(-4).reverse().map((each, index) => html`<li key=${index}>
    <span class="name">${foreign(each.child)}</span> <span class="bad-text">${foreign(each.reason)}</span> <small class="muted"><${Ago} time=${each.time} /></small></li>`)}</ul>`},
];

// --- dead letters ---

/** @param {string|null} cause @param {string|null} target */
function filtered(cause, target) {
  return html`${cause !== null && html` with the cause ${foreign(cause)}`}${target !== null && html` to ${foreign(target)}`}`;
}

/** @param {string|null} cause @param {string|null} target @param {number} count */
function askDiscard(cause, target, count) {
  return {
    title: "Discard all?", verb: "Discard", danger: true,
    text: html`${counted(count, "dead letter", "dead letters")}${filtered(cause, target)} will be forgotten. The accounts still count them as dead letters.`,
    act: async () => {
      const {discarded} = await live.act("discard_all", {...(cause === null ? {} : {cause}), ...(target === null ? {} : {target})});
      return `${counted(discarded, "dead letter was", "dead letters were")} discarded.`;
    },
  };
}

/** @param {string|null} cause @param {string|null} target @param {number} count */
function askAll(cause, target, count) {
  return {
    title: "Send all again?",
    text: html`${counted(count, "dead letter", "dead letters")}${filtered(cause, target)} will be cast again to their targets. Those already sent again are skipped.`,
    verb: "Send",
    act: async () => {
      const {sent, failed} = await live.act("resend_all", {...(cause === null ? {} : {cause}), ...(target === null ? {} : {target})});
      const why = failed.length > 0 ? ` ${counted(failed.length, "dead letter")} could not be sent: ${isolated(failed[0].error.text)}` : "";
      return `${counted(sent.length, "dead letter was", "dead letters were")} sent again.${why}`;
    },
  };
}

function Letters({here}) {
  const cause = here.query.cause ?? null;
  const target = here.query.target ?? null;
  const offset = Math.max(0, Number.parseInt(here.query.offset, 10) || 0);
  const groups = useWatch("dead_letter_groups", {limit: 50});
  const {value, error, stale} = useWatch("dead_letters", {limit: PAGE, offset, ...(cause === null ? {} : {cause}), ...(target === null ? {} : {target})});
  const resent = new Set(value?.resent ?? []);
  const nothing = value && value.total === 0 ? "No dead letters." : null;
  return html`<div class="card" data-letters>
    <div class="spread"><h2>Dead letters</h2>
      <span class="buttons"><${ReadOnly} /><${ActionButton} what="resend_all" label="Send all again" off=${nothing ?? (value?.matched === 0 ? "No matches." : null)} ask=${() => askAll(cause, target, value?.matched ?? 0)} />
      <${ActionButton} what="discard_all" danger label="Discard all" off=${nothing ?? (value?.matched === 0 ? "No matches." : null)} ask=${() => askDiscard(cause, target, value?.matched ?? 0)} /></span></div>
    ${value?.discarded > 0 && html`<p class="muted" data-discarded>${counted(value.discarded, "dead letter was", "dead letters were")} discarded.</p>`}
    ${value?.lost > 0 && html`<p class="muted">${counted(value.lost, "older dead letter is", "older dead letters are")} no longer kept.</p>`}
    <${Table} label="Dead letters by cause" columns=${GROUPS} rows=${groups.value ?? []} name=${(row) => row.cause} mark=${(row) => (row.cause === cause ? "chosen" : null)} sort="count" down
      whole=${{topic: "dead_letter_groups", options: {limit: live.hello?.limits?.rows ?? 50}, pages: false}}
      empty=${groups.value ? "No dead letters." : "Loading…"} />
    ${(cause !== null || target !== null) && html`<p class="spread"><span>Only dead letters ${cause !== null && html`with the cause <b>${foreign(cause)}</b>`} ${target !== null && html`to <code>${foreign(target)}</code>`}</span>
      <button onClick=${() => choose({cause: "", target: "", offset: ""})}>Show all</button></p>`}
    ${error && html`<${Problem} error=${error} />`}
    ${value?.matched > 0 && html`<${Export} label="Dead letters" whole=${{topic: "dead_letters", options: {...(cause === null ? {} : {cause}), ...(target === null ? {} : {target})}}}
      identity=${(row) => row.number} />`}
    <ol class=${stale ? "letters stale" : "letters"}>${(value?.rows ?? []).map((row) => html`<${Letter} key=${row.number} row=${row} resent=${resent.has(row.number)} />`)}</ol>
    ${value && value.matched > PAGE && html`<${Pager} total=${value.matched} offset=${offset} limit=${PAGE} onTurn=${(next) => choose({offset: next || ""})} />`}
  </div>`;
}

const GROUPS = [
  {key: "cause", label: "Cause", wide: true, cell: (row) => html`<button class="plain" onClick=${() => choose({cause: row.cause, offset: ""})}>${foreign(row.cause)}</button>`},
  {key: "count", label: "Letters", numeric: true, cell: (row) => number(row.count)},
  {key: "types", label: "Messages", cell: (row) => html`${row.types.slice(0, 6).map((type) => html`<code key=${type}>${foreign(type)}</code> `)}`},
  {key: "targets", label: "Targets", cell: (row) => html`${row.targets.slice(0, 6).map((name) => html`<button key=${name} class="plain" aria-label=${`Only dead letters to ${isolated(name)}`}
    onClick=${() => choose({target: name, offset: ""})}>${foreign(name)}</button> `)}${row.targets_total > 6 && html`<span class="muted">and ${number(row.targets_total - 6)} more</span>`}`},
  {key: "last", label: "Last", numeric: true, cell: (row) => html`<span title=${dated(wallTime(row.last) ?? 0)}><${Ago} time=${row.last} /></span>`},
];
