// @ts-check
/** Failures: failed children by cause, restarts that count against budgets, and dead letters by cause. */

import {live} from "/static/live.js";
import {ActionButton, ReadOnly} from "/static/parts/actions.js";
import {html} from "/static/parts/dom.js";
import {counted, dated, number} from "/static/parts/format.js";
import {Letter} from "/static/parts/letter.js";
import {ActorLink, Ago, Budget, Problem, Status} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {useWatch} from "/static/parts/watching.js";
import {wallTime} from "/static/figures.js";
import {address, choose} from "/static/routes.js";

const NEWEST = {limit: 100};
const PAGE = 20;

export function Failures({here}) {
  return html`<section data-view="failures">
    <h1 tabindex="-1">Failures</h1>
    <div class="columns"><${Failed} /><${Budgets} /></div>
    <${Letters} here=${here} />
  </section>`;
}

/** Children of any kind that have failed, by cause, each with the report of its last failure. */
function Failed() {
  const {value, absent} = useWatch("failures", NEWEST);
  const rows = value?.rows ?? [];
  const causes = new Map();
  for (const row of rows) causes.set(row.reason, [...(causes.get(row.reason) ?? []), row]);
  const groups = [...causes].map(([cause, those]) => ({cause, those})).sort((one, other) => other.those.length - one.those.length);
  return html`<div class="card" data-failed><h2>Failed children</h2>
    <${Table} label="Failed children by cause" columns=${FAILED} rows=${groups} name=${(group) => group.cause}
      empty=${value ? "No failures." : absent ? "Not supported by this console." : "Loading…"} />
    ${value?.total > rows.length && html`<p class="muted">The last ${number(rows.length)} of ${number(value.total)} are shown.</p>`}</div>`;
}

const FAILED = [
  {key: "cause", label: "Cause", cell: (group) => html`<span class="bad-text">${group.cause}</span>`},
  {key: "count", label: "Children", numeric: true, cell: (group) => number(group.those.length)},
  {key: "who", label: "Names", wide: true, cell: (group) => html`<ul class="plain-list">${group.those.slice(0, 10).map((row) => html`<${FailedChild} key=${row.name} row=${row} />`)}
    ${group.those.length > 10 && html`<li class="muted">and ${group.those.length - 10} more</li>`}</ul>`},
];

function FailedChild({row}) {
  return html`<li data-name=${row.name}>
    ${row.kind === "actor" ? html`<${ActorLink} name=${row.name} />` : html`<a class="name" href=${address("tree", row.name)}>${row.name}</a> <small class="muted">${row.kind}</small>`}
    ${" "}<${Status} status=${row.status} /> <small class="muted">${counted(row.restarts, "restart")}, <${Ago} time=${row.time} /></small>
    <details><summary>${row.text || "Report"}</summary><pre data-report tabindex="0">${row.report}</pre></details></li>`;
}

/** The share of a budget that is used; a budget for each child comes after all that are shared. @param {any} budget */
function share({used, allowed}) {
  return allowed === null ? 0 : used / Math.max(1, allowed);
}

/** The restarts that count against the budgets now. */
function Budgets() {
  const {value} = useWatch("budgets");
  const rows = (value ?? []).filter((budget) => budget.used > 0).sort((one, other) => share(other) - share(one));
  return html`<div class="card" data-budgets><h2>Recent restarts</h2>
    <${Table} label="Supervisors with recent restarts" columns=${BUDGETS} rows=${rows.slice(0, 20)} name=${(row) => row.name}
      empty=${value ? "No recent restarts." : "Loading…"} /></div>`;
}

const BUDGETS = [
  {key: "name", label: "Supervisor", cell: (row) => html`<a class="name" href=${address("tree", row.name)}>${row.name}</a>`},
  {key: "used", label: "Budget", cell: (row) => html`<${Budget} budget=${row} />`},
  {key: "restarts", label: "Last restarts", wide: true, cell: (row) => html`<ul class="plain-list">${row.restarts.slice(-4).reverse().map((each, index) => html`<li key=${index}>
    <span class="name">${each.child}</span> <span class="bad-text">${each.reason}</span> <small class="muted"><${Ago} time=${each.time} /></small></li>`)}</ul>`},
];

// --- dead letters ---

/** @param {string|null} cause @param {string|null} target @param {number} count */
function askAll(cause, target, count) {
  const which = [cause !== null && `with the cause ${cause}`, target !== null && `to ${target}`].filter(Boolean).join(" ");
  return {
    title: "Send all again?",
    text: `${counted(count, "dead letter", "dead letters")}${which ? ` ${which}` : ""} will be cast again to their targets. Those already sent again are skipped.`,
    verb: "Send",
    act: async () => {
      const {sent, failed} = await live.act("resend_all", {...(cause === null ? {} : {cause}), ...(target === null ? {} : {target})});
      const why = failed.length > 0 ? ` ${counted(failed.length, "dead letter")} could not be sent: ${failed[0].error.text}` : "";
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
      <span class="buttons"><${ReadOnly} /><${ActionButton} what="resend_all" label="Send all again" off=${nothing ?? (value?.matched === 0 ? "No matches." : null)} ask=${() => askAll(cause, target, value?.matched ?? 0)} /></span></div>
    ${value?.lost > 0 && html`<p class="muted">${counted(value.lost, "older dead letter is", "older dead letters are")} no longer kept.</p>`}
    <${Table} label="Dead letters by cause" columns=${GROUPS} rows=${groups.value ?? []} name=${(row) => row.cause} mark=${(row) => (row.cause === cause ? "chosen" : null)}
      empty=${groups.value ? "No dead letters." : "Loading…"} />
    ${(cause !== null || target !== null) && html`<p class="spread"><span>Only dead letters ${cause !== null && html`with the cause <b>${cause}</b>`} ${target !== null && html`to <code>${target}</code>`}</span>
      <button onClick=${() => choose({cause: "", target: "", offset: ""})}>Show all</button></p>`}
    ${error && html`<${Problem} error=${error} />`}
    <ol class=${stale ? "letters stale" : "letters"}>${(value?.rows ?? []).map((row) => html`<${Letter} key=${row.number} row=${row} resent=${resent.has(row.number)} />`)}</ol>
    ${value && value.matched > PAGE && html`<${Pager} total=${value.matched} offset=${offset} limit=${PAGE} onTurn=${(next) => choose({offset: next || ""})} />`}
  </div>`;
}

const GROUPS = [
  {key: "cause", label: "Cause", wide: true, cell: (row) => html`<button class="plain" onClick=${() => choose({cause: row.cause, offset: ""})}>${row.cause}</button>`},
  {key: "count", label: "Letters", numeric: true, cell: (row) => number(row.count)},
  {key: "types", label: "Messages", cell: (row) => html`${row.types.slice(0, 6).map((type) => html`<code key=${type}>${type}</code> `)}`},
  {key: "targets", label: "Targets", cell: (row) => html`${row.targets.slice(0, 6).map((name) => html`<button key=${name} class="plain" aria-label=${`Only dead letters to ${name}`}
    onClick=${() => choose({target: name, offset: ""})}>${name}</button> `)}${row.targets.length > 6 && html`<span class="muted">and more</span>`}`},
  {key: "last", label: "Last", numeric: true, cell: (row) => html`<span title=${dated(wallTime(row.last) ?? 0)}><${Ago} time=${row.last} /></span>`},
];
