// @ts-check
/** Handlers: how long messages wait and how long handlers run, by class and handler. Measured while this is shown. */

import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, compact, duration, number} from "/static/parts/format.js";
import {Search} from "/static/parts/search.js";
import {ActorLink, Ago, Problem} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {isolated} from "/static/parts/visible.js";
import {useWatch} from "/static/parts/watching.js";
import {address, choose} from "/static/routes.js";

const PAGE = 50;

/** @param {string} what @param {string} label */
function percentiles(what, label) {
  return [
    {key: `${what}50`, label: `${label} p50`, numeric: true, cell: (row) => duration(row[`${what}_p50`])},
    {key: `${what}99`, label: "p99", sort: what, numeric: true, cell: (row) => duration(row[`${what}_p99`])},
    {key: `${what}_worst`, label: "worst", numeric: true, cell: (row) => html`<span title=${what === "handling" && row.worst_by !== null ? isolated(row.worst_by) : null}>${duration(row[`${what}_worst`])}</span>`},
  ];
}

const COLUMNS = [
  {key: "name", label: "Handler", sort: "name", cell: (row) => html`<code>${foreign(row.name)}</code>`},
  {key: "rate", label: "Per second", sort: "rate", numeric: true, cell: (row) => compact(row.rate)},
  {key: "busy", label: "Busy", sort: "busy", numeric: true, cell: (row) => `${Math.round(row.busy * 100)} %`},
  {key: "errors", label: "Errors", sort: "errors", numeric: true, cell: (row) => (row.errors ? html`<span class="bad-text">${number(row.errors)}</span>` : NOTHING)},
  ...percentiles("waiting", "Waiting"),
  ...percentiles("handling", "Handling"),
  {key: "slowest", label: "Slowest", cell: (row) => (row.worst_by === null ? NOTHING : html`<${ActorLink} name=${row.worst_by} /> <small class="muted"><${Ago} time=${row.worst_at} /></small>`)},
  {key: "running", label: "Runs now", cell: (row) => (row.running ? html`${number(row.running)}, <${ActorLink} name=${row.running_by} /> for <${Ago} time=${row.running_since} ago=${false} />` : NOTHING)},
];
const SORTS = new Set(COLUMNS.flatMap((column) => column.sort ?? []));

export function Handlers({here}) {
  const sort = SORTS.has(here.query.sort) ? here.query.sort : "handling";
  const reverse = here.query.reverse === "true";
  const span = here.query.span === "all" ? "all" : "minute";
  const offset = Math.max(0, Number.parseInt(here.query.offset, 10) || 0);
  const search = (here.query.search ?? "").slice(0, 1000);
  const {value, error, stale, absent} = useWatch("handlers", {sort, reverse, search, span, offset, limit: PAGE});
  return html`<section data-view="handlers">
    <div class="spread"><h1 tabindex="-1">Handlers</h1><p class="muted"><a href=${address("actors")}>by actor</a></p></div>
    <div class="tools">
      <label class="grow">Search <${Search} value=${search} hint="Class.handler  /" /></label>
      <label>Figures of <select value=${span} onChange=${(event) => choose({span: event.target.value === "all" ? "all" : ""})}>
        <option value="minute">the last minute</option><option value="all">all since measuring began</option></select></label>
    </div>
    ${error && html`<${Problem} error=${error} />`}
    <${Table} label="Handlers" columns=${COLUMNS} rows=${value?.rows ?? []} name=${(row) => row.name} stale=${stale} sort=${sort} down=${(sort === "name") === reverse}
      onSort=${(key) => choose({sort: key, reverse: key === sort && !reverse, offset: ""})} whole=${{topic: "handlers", options: {sort, reverse, search, span}}}
      empty=${value ? "No messages since the measuring began." : absent ? "Not supported by this console." : "Loading…"} />
    ${value && html`<${Pager} total=${value.matched} offset=${offset} limit=${PAGE} onTurn=${(next) => choose({offset: next || ""})} />
      <p class="muted" data-measured>Measured since <${Ago} time=${value.since} />, while this view is shown or an alert needs it. Waiting is from the send to the begin of the handler, handling from there to its end.</p>`}
  </section>`;
}

/** The handlers of one actor, from when its page was opened. @param {{name: string}} props */
export function OwnHandlers({name}) {
  const {value, absent} = useWatch("handlers", {actor: name, span: "all"});
  if (absent) return null;
  return html`<div class="card" data-handlers><h2>Handlers <small class="muted">since you opened this page</small></h2>
    <${Table} label="Handlers of this actor" columns=${COLUMNS.slice(0, -2)} rows=${value?.rows ?? []} name=${(row) => row.name}
      whole=${{topic: "handlers", options: {actor: name, span: "all"}}} empty=${value ? "No messages since then." : "Loading…"} />
    <p class="more"><a href=${address("handlers")}>All handlers</a></p></div>`;
}
