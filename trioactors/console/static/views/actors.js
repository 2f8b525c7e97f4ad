// @ts-check
/** One page of the actors. The console sorts, searches and limits them. */

import {html, useEffect} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, number} from "/static/parts/format.js";
import {Paused, Unreadable} from "/static/parts/repair.js";
import {Search} from "/static/parts/search.js";
import {ActorLink, Ago, Ended, Problem, Share, Status} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {useWatch} from "/static/parts/watching.js";
import {address, choose} from "/static/routes.js";

const PAGE = 50;
const SMALLEST_FIRST = new Set(["name", "actor"]);
const STATUSES = {running: "running", undefined: "down", failed: "failed", restarting: "restarting", starting: "starting", stopping: "stopping"};

const COLUMNS = [
  {key: "name", label: "Actor", sort: "name", cell: (row) => html`<${ActorLink} name=${row.name} />${row.durable && html` <small class="chip" title="Its state is saved">durable</small>`}`},
  {key: "actor", label: "Class", sort: "actor", cell: (row) => html`<code>${foreign(row.actor)}</code>`},
  {key: "status", label: "Status", cell: (row) => html`<${Status} status=${row.status} /><${Paused} row=${row} /><${Unreadable} row=${row} />`},
  {key: "busy", label: "Busy with", sort: "busy", cell: (row) => (row.handling === null ? NOTHING : html`<code>${foreign(row.handling)}</code> <span class="muted"><${Ago} time=${row.handling_since} ago=${false} /></span>`)},
  {key: "waiting", label: "Waiting", sort: "waiting", cell: (row) => html`<${Share} used=${row.waiting} of=${row.limit} label="Mailbox" />`},
  {key: "handled", label: "Handled", sort: "handled", numeric: true, cell: (row) => number(row.handled)},
  {key: "restarts", label: "Restarts", sort: "restarts", numeric: true, cell: (row) => (row.incarnation > 1 ? number(row.incarnation - 1) : NOTHING)},
  {key: "age", label: "Age", sort: "age", numeric: true, cell: (row) => html`<${Ago} time=${row.since} ago=${false} />`},
  {key: "last", label: "Last exit", cell: (row) => html`<${Ended} text=${row.last_exit} />${row.crashed > 1 && html` <small class="muted">${number(row.crashed)} crashes</small>`}`},
];

/** The options of the topic. @param {Record<string, string>} query */
function asked(query) {
  const sort = COLUMNS.some((column) => column.sort && column.sort === query.sort) ? query.sort : "name";
  return {
    sort, reverse: query.reverse === "true", search: (query.search ?? "").slice(0, 1000), limit: PAGE, offset: Math.max(0, Number.parseInt(query.offset, 10) || 0),
    ...(Object.hasOwn(STATUSES, query.status ?? "") ? {status: query.status} : {}),
  };
}

export function Actors({here}) {
  const options = asked(here.query);
  const {value, error, stale} = useWatch("actors", options);
  const {limit: _, offset: __, ...whole} = options;
  const sorted = (key) => choose({sort: key, reverse: key === options.sort && !options.reverse, offset: ""});
  useEffect(() => {
    if (value && !stale && options.offset > 0 && value.rows.length === 0 && value.matched > 0) choose({offset: ""}, {replace: true});
  }, [value, stale]);
  return html`<section data-view="actors">
    <div class="spread"><h1 tabindex="-1">Actors</h1><p class="muted"><span data-total>${value ? `${number(value.matched)} of ${number(value.total)}` : ""}</span> · <a href=${address("handlers")}>by handler</a></p></div>
    <div class="tools">
      <label class="grow">Search <${Search} value=${options.search} hint="Name or class  /" /></label>
      <label>Status <select value=${options.status ?? ""} onChange=${(event) => choose({status: event.target.value, offset: ""})}>
        <option value="">any</option>
        ${Object.entries(STATUSES).map(([key, text]) => html`<option key=${key} value=${key} selected=${key === here.query.status}>${text}</option>`)}</select></label>
    </div>
    ${error && html`<${Problem} error=${error} />`}
    <${Table} label="Actors" columns=${COLUMNS} rows=${value?.rows ?? []} name=${(row) => row.name} stale=${stale} sort=${options.sort}
      down=${SMALLEST_FIRST.has(options.sort) === options.reverse} onSort=${sorted} whole=${{topic: "actors", options: whole}} empty=${value ? "No matches." : "Loading…"} />
    ${value && html`<${Pager} total=${value.matched} offset=${options.offset} limit=${PAGE} onTurn=${(offset) => choose({offset: offset || ""})} />`}
  </section>`;
}
