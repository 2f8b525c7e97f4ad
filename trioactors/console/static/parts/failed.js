// @ts-check
/** The children of any kind that have failed, by cause: the newest crash of each in full. */

import {systemTime, wallTime} from "/static/figures.js";
import {Origin} from "/static/parts/causes.js";
import {Crash, Mute} from "/static/parts/crash.js";
import {causeOf, errorOf, useMutes, useOccurrences} from "/static/parts/crashes.js";
import {html, useState} from "/static/parts/dom.js";
import {Export} from "/static/parts/export.js";
import {Fold} from "/static/parts/fold.js";
import {foreign} from "/static/parts/foreign.js";
import {counted, number} from "/static/parts/format.js";
import {ActorLink, Ago, Status} from "/static/parts/signs.js";
import {Pager, usePages} from "/static/parts/table.js";
import {useWatch} from "/static/parts/watching.js";
import {address} from "/static/routes.js";

/** Children of a page, and those named at once of each cause. */
const CHILDREN = 100, NAMED = 10;

/** The causes with their rows, that with the newest crash first. @param {any[]} rows @returns {{cause: string, rows: any[]}[]} */
function grouped(rows) {
  const causes = new Map();
  for (const row of rows) causes.set(causeOf(row), [...(causes.get(causeOf(row)) ?? []), row]);
  return [...causes].map(([cause, those]) => ({cause, rows: those}));
}

export function Failed() {
  const [offset, turn] = useState(0);
  const {value, absent} = useWatch("failures", {limit: CHILDREN, offset});
  const rows = value?.rows ?? [];
  const times = useOccurrences(true, rows);
  const muted = useMutes();
  const groups = grouped(rows);
  const loud = groups.filter((group) => !muted.includes(group.cause));
  const now = wallTime(systemTime());
  return html`<div class="card" data-failed><h2>Failed children</h2>
    ${groups.length === 0 && html`<p class="muted">${value ? "No failures." : absent ? "Not supported by this console." : "Loading…"}</p>`}
    <ol class="crashes" aria-label="Failed children by cause, newest first">${loud.map((group) => html`<${Group} key=${group.cause} group=${group} times=${times(group.cause)} now=${now} />`)}</ol>
    ${value?.total > CHILDREN && html`<${Pager} total=${value.total} offset=${offset} limit=${CHILDREN} onTurn=${turn} />`}
    ${rows.length > 0 && html`<${Export} label="Failed children by cause" whole=${{topic: "failures", most: CHILDREN}} identity=${(row) => row.name} />`}
    ${muted.length > 0 && html`<${Fold} id="muted" data-muted label=${`Muted in this browser (${muted.length})`}>
      <ul class="plain-list">${muted.map((cause) => html`<li key=${cause} class="spread" data-name=${cause}>
        <span>${foreign(cause)} <small class="muted">${counted(groups.find((group) => group.cause === cause)?.rows.length ?? 0, "failed child", "failed children")}</small></span><${Mute} cause=${cause} /></li>`)}</ul><//>`}
  </div>`;
}

/** @param {{group: {cause: string, rows: any[]}, times: any, now: number|null}} props */
function Group({group: {cause, rows}, times, now}) {
  const [row, ...others] = rows;
  return html`<li data-name=${cause}>
    <p class="spread"><span><${Child} row=${row} /></span><small class="muted">${foreign(errorOf(row))} in incarnation ${number(row.incarnation)}, <${Ago} time=${row.time} /></small></p>
    <${Crash} id=${`failed ${cause}`} row=${row} times=${times} now=${now} />
    ${others.length > 0 && html`<${Fold} id=${`others ${cause}`} data-others label=${`and ${counted(others.length, "other child", "other children")} with this cause`}>
      <${Others} rows=${others} /><//>`}
  </li>`;
}

function Others({rows}) {
  const [shown, pager] = usePages(rows, NAMED);
  return html`<ul class="plain-list">${shown.map((row) => html`<li key=${row.name} data-name=${row.name}><${Child} row=${row} /> ${foreign(row.text)} <small class="muted"><${Ago} time=${row.time} /></small></li>`)}</ul>${pager}`;
}

/** @param {{row: any}} props */
function Child({row}) {
  return html`<span data-child=${row.name}>${row.status === null ? html`<span class="name">${foreign(row.name)}</span>` : row.kind === "actor" ? html`<${ActorLink} name=${row.name} />` : html`<a class="name" href=${address("tree", row.name)}>${foreign(row.name)}</a>`}
    ${row.kind !== "actor" && html` <small class="muted">${row.kind}</small>`} ${row.status && html`<${Status} status=${row.status} />`} <${Origin} row=${row} /><small class="muted">${counted(row.restarts, "restart")}</small></span>`;
}
