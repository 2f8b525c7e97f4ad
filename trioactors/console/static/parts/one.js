// @ts-check
/** Parts of the view of one actor. */

import {html} from "/static/parts/dom.js";
import {counted, duration, number} from "/static/parts/format.js";
import {Ago, Ended, Share, When, orderly, useNow} from "/static/parts/signs.js";
import {Table} from "/static/parts/table.js";
import {useStream} from "/static/parts/watching.js";
import {address} from "/static/routes.js";

const WAITING = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${row.handler}</code>`},
  {key: "kind", label: "Kind", cell: (row) => row.kind},
  {key: "sender", label: "From", cell: (row) => row.sender},
  {key: "age", label: "Waiting", numeric: true, cell: (row) => html`<span title=${row.exact ? "" : "A lower bound: casts carry no time"}>${row.exact ? "" : "≥ "}${duration(row.age)}</span>`},
  {key: "left", label: "Time left", numeric: true, cell: (row) => duration(row.left)},
];

export function Waiting({value}) {
  const {waiting, backlog} = value;
  const rows = waiting.map((row, place) => ({...row, place}));
  return html`<div class="card"><div class="spread"><h2>Waiting messages</h2><${Share} used=${backlog} of=${value.mailbox_limit} label="Mailbox" /></div>
    ${backlog === 0 ? html`<p class="muted">None. Peak: ${number(value.mailbox_peak)}.</p>`
      : html`<${Table} label="Waiting messages, oldest first" columns=${WAITING} rows=${rows} name=${(row) => row.handler} identity=${(row) => row.place} />
        ${backlog > rows.length && html`<p class="muted">and ${number(backlog - rows.length)} more</p>`}`}
  </div>`;
}

/** The outcome of a message by the kind of its record. */
const ENDS = {MessageHandled: null, MessageShed: "discarded", MessageDeadLettered: "dead letter", CallTimedOut: "timed out"};

const MESSAGES = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${row.fields.handler}</code>`},
  {key: "time", label: "When", cell: (row) => html`<${When} time=${row.time} />`},
  {key: "sender", label: "From", cell: (row) => row.fields.sender ?? html`<span class="muted">${row.kind === "MessageHandled" ? "outside" : ""}</span>`},
  {key: "took", label: "Took", numeric: true, cell: (row) => duration(row.fields.seconds)},
  {key: "end", label: "Outcome", cell: (row) => outcome(row)},
];

/** @param {any} row */
function outcome(row) {
  const text = ENDS[row.kind] ?? row.fields.error;
  if (text) return html`<span class="bad-text">${text}</span>`;
  const {correlation} = row.fields;
  return typeof correlation === "number" ? html`<a href=${address("messages", null, {correlation})}>done</a>` : "done";
}

/** The recent messages of one actor, with sender and duration. @param {{name: string}} props */
export function LastMessages({name}) {
  const {rows, skipped} = useStream("trace", {child: name, limit: 100}, {keep: 100, sample: true});
  const ended = rows.filter((row) => Object.hasOwn(ENDS, row.kind)).slice(-15).reverse();
  return html`${skipped && html`<p class="muted">A sample: there are too many to show all.</p>`}
    ${ended.length === 0 ? html`<p class="muted">None since you opened this view.</p>`
      : html`<${Table} label="Recent messages, newest first" columns=${MESSAGES} rows=${ended} name=${(row) => row.fields.handler} identity=${(row) => row.number} />`}`;
}

const TIMERS = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${row.handler}</code>`},
  {key: "key", label: "Key", cell: (row) => row.key || html`<span class="muted">none</span>`},
  {key: "due", label: "Fires in", numeric: true, cell: (row) => (row.waiting ? "waiting in the mailbox" : html`<${Left} due=${row.due} />`)},
  {key: "period", label: "Every", numeric: true, cell: (row) => duration(row.period)},
];

function Left({due}) {
  return html`${duration(Math.ceil(due - (useNow() ?? 0)))}`;
}

export function Timers({rows}) {
  if (rows.length === 0) return null;
  return html`<div class="card"><h2>Timers</h2><${Table} label="Timers" columns=${TIMERS} rows=${rows.slice(0, 50).map((row, place) => ({...row, place}))}
    name=${(row) => row.handler} identity=${(row) => row.place} />${rows.length > 50 && html`<p class="muted">and ${number(rows.length - 50)} more</p>`}</div>`;
}

export function Failure({value}) {
  const {failure} = value;
  return html`<div class="card" data-failure><h2>Last crash</h2>
    ${failure === null
      ? html`<p class="muted">No crash recorded.${value.last_exit && orderly(value.last_exit) ? html` The last exit was orderly: <${Ended} text=${value.last_exit} />.` : ""}</p>`
      : html`<p><span class="chip bad">${failure.reason}</span> <span class="muted">incarnation ${failure.incarnation}, <${Ago} time=${failure.time} /></span></p>
        <pre data-report tabindex="0">${failure.report}</pre>`}
  </div>`;
}

/** Message counts and other details. */
export function Facts({value}) {
  const {ledger, watchers} = value;
  const names = Array.isArray(watchers) ? watchers : null;
  const spent = Object.entries(ledger ?? {}).filter(([, count]) => count > 0);
  return html`<div class="card"><h2>Details</h2><dl class="facts">
    <div><dt>Messages</dt><dd>${spent.length === 0 ? "none yet" : spent.map(([key, count]) => html`<span key=${key} class="pair"><span class="muted">${key.replace("_", " ")}</span> ${number(count)}</span> `)}</dd></div>
    <div><dt>Rejected</dt><dd>${counted(value.mailbox_rejected, "message")} (mailbox full)</dd></div>
    <div><dt>Watchers</dt><dd data-watchers>${names === null ? number(watchers) : names.length === 0 ? "none" : names.join(", ")}</dd></div>
    <div><dt>Child tasks and replies</dt><dd>${counted(value.tasks, "task")}, ${counted(value.deferred_replies, "deferred reply", "deferred replies")}, ${number(value.held_replies)} held until a commit</dd></div>
    <div><dt>Restart</dt><dd>${value.restart}</dd></div>
    <div><dt>Handlers</dt><dd>${value.handlers.map((name) => html`<code key=${name}>${name}</code> `)}</dd></div>
    <div><dt>Path</dt><dd><code>${value.path}</code></dd></div>
  </dl></div>`;
}
