// @ts-check
/** Failures by cause, also those before a restart of the program. */

import {systemTime, wallTime} from "/static/figures.js";
import {live} from "/static/live.js";
import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {dated, duration, number} from "/static/parts/format.js";
import {Table} from "/static/parts/table.js";
import {useWatch} from "/static/parts/watching.js";

const NEWEST = {limit: 50};
const ORIGINS = {earlier: "before the last restart of the program", removed: "removed"};

/** The groups; nothing if the program remembers none. */
export function Causes() {
  const {value, absent, error} = useWatch("failure_groups", NEWEST, 2);
  if (absent || error) return null;
  return html`<div class="card" data-causes><h2>Failures by cause</h2>
    <${Table} label="Failures by cause" columns=${CAUSES} rows=${value ?? []} name=${(row) => row.owner} identity=${(row) => JSON.stringify([row.kind, row.owner, row.error])}
      sort="last" down whole=${{topic: "failure_groups", options: {limit: live.hello?.limits?.rows ?? NEWEST.limit}, pages: false, wall: ["first", "last"]}}
      empty=${value ? "No failures are remembered." : "Loading…"} /></div>`;
}

const CAUSES = [
  {key: "cause", label: "Cause", cell: (row) => html`<span class="bad-text">${foreign(row.error)}</span> in <b>${foreign(row.owner)}</b>`},
  {key: "count", label: "Failures", numeric: true, cell: (row) => number(row.count)},
  {key: "recent", label: "Last hour", numeric: true, cell: (row) => number(row.recent)},
  {key: "last", label: "Last", cell: (row) => html`<${Since} wall=${row.last} />`},
  {key: "first", label: "First", cell: (row) => html`<${Since} wall=${row.first} />`},
  {key: "names", label: "Children that failed last", wide: true, cell: (row) => row.names.map((name, index) => html`${index > 0 && ", "}<span class="name">${foreign(name)}</span>`)},
];

/** The time since a moment on the wall clock. @param {{wall: number}} props */
function Since({wall}) {
  const now = wallTime(systemTime());
  return html`<time title=${dated(wall)}>${now === null ? dated(wall) : `${duration(Math.floor(Math.max(0, now - wall)))} ago`}</time>`;
}

/** Whether a failure is of a child that is not there any more, or of an earlier run. @param {{row: any}} props */
export function Origin({row}) {
  return ORIGINS[row.origin] ? html`<small class="muted" data-origin=${row.origin}>${ORIGINS[row.origin]}</small> ` : null;
}
