// @ts-check
/** Parts of the view of one actor. */

import {wallTime} from "/static/figures.js";
import {Crash} from "/static/parts/crash.js";
import {causeOf, useOccurrences} from "/static/parts/crashes.js";
import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {counted, duration, number} from "/static/parts/format.js";
import {Ago, Ended, Share, When, orderly, useNow} from "/static/parts/signs.js";
import {Table, useListed, usePages} from "/static/parts/table.js";
import {useStream} from "/static/parts/watching.js";
import {address} from "/static/routes.js";

const WAITING = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${foreign(row.handler)}</code>`},
  {key: "kind", label: "Kind", cell: (row) => row.kind},
  {key: "sender", label: "From", cell: (row) => foreign(row.sender)},
  {key: "age", label: "Waiting", numeric: true, cell: (row) => html`<span title=${row.exact ? "" : "A lower bound: casts carry no time"}>${row.exact ? "" : "≥ "}${duration(row.age)}</span>`},
  {key: "left", label: "Time left", numeric: true, cell: (row) => duration(row.left)},
];

export function Waiting({value}) {
  const {waiting, backlog} = value;
  const {rows, stale, pager} = useListed("waiting", {name: value.name}, waiting, backlog);
  return html`<div class="card"><div class="spread"><h2>Waiting messages</h2><${Share} used=${backlog} of=${value.mailbox_limit} label="Mailbox" /></div>
    ${backlog === 0 ? html`<p class="muted">None. Peak: ${number(value.mailbox_peak)}.</p>`
      : html`<${Table} label="Waiting messages, oldest first" columns=${WAITING} rows=${rows} name=${(row) => row.handler} identity=${(row) => row.place} stale=${stale} sort="age" down
          whole=${{topic: "waiting", options: {name: value.name}}} />${pager}`}
  </div>`;
}

/** The outcome of a message by the kind of its record. */
const ENDS = {MessageHandled: null, MessageShed: "discarded", MessageDeadLettered: "dead letter", CallTimedOut: "timed out"};

const MESSAGES = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${foreign(row.fields.handler)}</code>`},
  {key: "time", label: "When", cell: (row) => html`<${When} time=${row.time} />`},
  {key: "sender", label: "From", cell: (row) => (row.fields.sender ? foreign(row.fields.sender) : html`<span class="muted">${row.kind === "MessageHandled" ? "outside" : ""}</span>`)},
  {key: "took", label: "Took", numeric: true, cell: (row) => duration(row.fields.seconds)},
  {key: "end", label: "Outcome", cell: (row) => outcome(row)},
];

/** @param {any} row */
function outcome(row) {
  const text = ENDS[row.kind] ?? row.fields.error;
  if (text) return html`<span class="bad-text">${foreign(text)}</span>`;
  const {correlation} = row.fields;
  return typeof correlation === "number" ? html`<a href=${address("messages", null, {correlation})}>done</a>` : "done";
}

/** The recent messages of one actor, with sender and duration. @param {{name: string}} props */
export function LastMessages({name}) {
  const {rows, skipped} = useStream("trace", {child: name, limit: 100}, {keep: 100, sample: true});
  const ended = rows.filter((row) => Object.hasOwn(ENDS, row.kind)).slice(-15).reverse();
  return html`${skipped && html`<p class="muted">A sample: there are too many to show all.</p>`}
    ${ended.length === 0 ? html`<p class="muted">None since you opened this view.</p>`
      : html`<${Table} label="Recent messages, newest first" columns=${MESSAGES} rows=${ended} name=${(row) => row.fields.handler} identity=${(row) => row.number} sort="time" down />`}`;
}

const TIMERS = [
  {key: "handler", label: "Message", cell: (row) => html`<code>${foreign(row.handler)}</code>`},
  {key: "key", label: "Key", cell: (row) => (row.key ? foreign(row.key) : html`<span class="muted">none</span>`)},
  {key: "due", label: "Fires in", numeric: true, cell: (row) => (row.waiting ? "waiting in the mailbox" : html`<${Left} due=${row.due} />`)},
  {key: "period", label: "Every", numeric: true, cell: (row) => duration(row.period)},
];

function Left({due}) {
  return html`${duration(Math.ceil(due - (useNow() ?? 0)))}`;
}

export function Timers({value}) {
  const {rows, stale, pager} = useListed("timers", {name: value.name}, value.timers, value.timers_set);
  if (value.timers_set === 0) return null;
  return html`<div class="card"><h2>Timers</h2><${Table} label="Timers, the next to fire first" columns=${TIMERS} rows=${rows} stale=${stale}
    name=${(row) => row.handler} identity=${(row) => row.place} sort="due" whole=${{topic: "timers", options: {name: value.name}}} />${pager}</div>`;
}

export function Failure({value}) {
  const {failure} = value;
  const row = failure && {...failure, name: value.name, kind: "actor", actor: value.actor, text: ""};
  const times = useOccurrences(row !== null, row ? [row] : []);
  return html`<div class="card" data-failure><h2>Last crash</h2>
    ${row === null
      ? html`<p class="muted">No crash recorded.${value.last_exit && orderly(value.last_exit) ? html` The last exit was orderly: <${Ended} text=${value.last_exit} />.` : ""}</p>`
      : html`<p><span class="chip bad">${foreign(row.reason)}</span> <span class="muted">incarnation ${row.incarnation}, <${Ago} time=${row.time} /></span></p>
        <${Crash} id=${`actor ${row.name}`} row=${row} times=${times(causeOf(row))} now=${wallTime(useNow())} />`}
  </div>`;
}

/** Message counts and other details. */
export function Facts({value}) {
  const {ledger, watchers} = value;
  const [names, pager] = usePages(watchers, 20);
  const spent = Object.entries(ledger ?? {}).filter(([, count]) => count > 0);
  return html`<div class="card"><h2>Details</h2><dl class="facts">
    <div><dt>Messages</dt><dd>${spent.length === 0 ? "none yet" : spent.map(([key, count]) => html`<span key=${key} class="pair"><span class="muted">${key.replace("_", " ")}</span> ${number(count)}</span> `)}</dd></div>
    <div><dt>Rejected</dt><dd>${counted(value.mailbox_rejected, "message")} (mailbox full)</dd></div>
    <div><dt>Watchers</dt><dd data-watchers>${watchers.length === 0 ? "none" : names.map((name, index) => html`<span key=${index}>${index > 0 && ", "}${foreign(name)}</span>`)}${pager}</dd></div>
    <div><dt>Child tasks and replies</dt><dd>${counted(value.tasks, "task")}, ${counted(value.deferred_replies, "deferred reply", "deferred replies")}, ${number(value.held_replies)} held until a commit</dd></div>
    <div><dt>Restart</dt><dd>${value.restart}</dd></div>
    <div><dt>Handlers</dt><dd>${value.handlers.map((name) => html`<code key=${name}>${foreign(name)}</code> `)}</dd></div>
    <div><dt>Path</dt><dd><code>${foreign(value.path)}</code></dd></div>
  </dl></div>`;
}
