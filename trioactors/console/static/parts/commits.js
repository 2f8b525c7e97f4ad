// @ts-check
/** The recent commits of one or all durable actors, with their changes. */

import {html} from "/static/parts/dom.js";
import {bytes, counted, number} from "/static/parts/format.js";
import {ActorLink, Problem, When} from "/static/parts/signs.js";
import {usePages} from "/static/parts/table.js";
import {Changes} from "/static/parts/value.js";
import {useStream} from "/static/parts/watching.js";
import {address} from "/static/routes.js";
import {live} from "/static/live.js";

/** Commits kept, as many as the console keeps, and shown on a page. */
const [KEPT, PAGE] = [1000, 20];

/** @param {{child?: string|null, withChild?: boolean}} props */
export function Commits({child = null, withChild = false}) {
  const known = live.knows("topics", "commits");
  const options = child === null ? {limit: 100} : {child, limit: 100};
  const commits = useStream(known ? "commits" : null, options, {keep: KEPT, sample: child === null});
  const records = useStream(known ? null : "trace", {...options, kind: "StateCommitted"}, {keep: KEPT, sample: child === null});
  const {rows, error, lost, skipped} = known ? commits : records;
  const [newest, pager] = usePages([...rows].reverse(), PAGE);
  return html`<div data-commits>
    ${error && html`<${Problem} error=${error} />`}
    ${lost > 0 && html`<p class="muted">${counted(lost, "commit was", "commits were")} lost before they could be read.</p>`}
    ${skipped && html`<p class="muted">A sample: there are too many commits to show all.</p>`}
    ${newest.length === 0 && html`<p class="muted">No commits since you opened this view.</p>`}
    <ol class="commits" tabindex="0" aria-label="Commits, newest first">${newest.map((row) => html`<${Commit} key=${row.number} row=${known ? row : {...row, ...row.fields}} withChild=${withChild} withChanges=${known} />`)}</ol>${pager}
  </div>`;
}

function Commit({row, withChild, withChanges}) {
  const {correlation} = row;
  return html`<li data-revision=${row.revision} data-name=${row.child}>
    <p class="spread"><span><${When} time=${row.time} /> ${withChild && html`<${ActorLink} name=${row.child} /> `}<span class="muted">revision</span> ${number(row.revision)}</span>
      <span class="muted">${bytes(row.size)}${typeof correlation === "number" && html` · <a href=${address("messages", null, {correlation})}>chain ${correlation}</a>`}</span></p>
    ${withChanges && html`<${Changes} changes=${row.changes ?? null} more=${row.more} />`}
  </li>`;
}
