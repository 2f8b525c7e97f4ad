// @ts-check
/** A trace of messages, filtered and limited in number and time, as a sequence diagram and as a table. */

import {html} from "/static/parts/dom.js";
import {counted, number} from "/static/parts/format.js";
import {KINDS, said, weight} from "/static/parts/records.js";
import {useTyped} from "/static/parts/search.js";
import {Sequence} from "/static/parts/sequence.js";
import {ActorLink, Problem, When} from "/static/parts/signs.js";
import {Table, usePages} from "/static/parts/table.js";
import {useTrace} from "/static/parts/trace.js";
import {choose} from "/static/routes.js";

const COUNTS = [100, 500, 2000];
const SECONDS = [10, 60, 600];
/** Records in the diagram, and on one page of the table. */
const DRAWN = 60;
const ROWS = 200;
/** Milliseconds after the last key press until the trace starts again. */
const PAUSE = 500;
const DRAWN_KINDS = ["MessageAccepted", "MessageHandled", "MessageShed", "MessageDeadLettered", "CallTimedOut", "ChildExited", "ChildStarted", "TimerFired", "LoopHeld"];

/** @param {Record<string, string>} query */
function asked(query) {
  const chain = Number.parseInt(query.correlation, 10);
  const chosen = (value, among, usual) => (among.includes(Number(value)) ? Number(value) : usual);
  return {
    child: query.child || null, handler: query.handler || null, kind: KINDS.includes(query.kind) ? query.kind : null,
    correlation: Number.isSafeInteger(chain) && chain >= 0 ? chain : null,
    count: chosen(query.count, COUNTS, 500), seconds: chosen(query.seconds, SECONDS, 60),
  };
}

/** Show a chain, without the other filters: it passes through many actors and handlers. @param {number} correlation */
function showChain(correlation) {
  choose({correlation, child: "", handler: "", kind: ""});
}

export function Messages({here}) {
  const wanted = asked(here.query);
  const {child, handler, kind, correlation, count, seconds} = wanted;
  const trace = useTrace(correlation, {child, handler, kind}, count, seconds);
  const over = trace.state !== "running";
  return html`<section data-view="messages">
    <div class="spread"><h1 tabindex="-1">Messages</h1>
      <div class="tools">
        <span class="muted" data-trace=${over ? "ended" : "running"}>${state(trace, wanted)}</span>
        ${over ? html`<button class="primary" data-trace-start onClick=${() => trace.begin()}>Start</button>` : html`<button data-trace-stop onClick=${() => trace.stop()}>Stop</button>`}
      </div></div>
    <${Filters} wanted=${wanted} />
    ${correlation !== null && html`<div class="banner spread" data-chain=${correlation}><span><strong>Chain ${correlation}:</strong> its first message, and everything that followed from it.</span>
      <button onClick=${() => choose({correlation: ""})}>Show all</button></div>`}
    ${trace.error && html`<${Problem} error=${trace.error} />`}
    ${trace.lost > 0 && correlation === null && html`<p class="muted">${counted(trace.lost, "record was", "records were")} lost before they could be read.</p>`}
    <${Drawn} rows=${trace.shown} chosen=${correlation} over=${over} />
  </section>`;
}

/** @param {any} trace @param {any} wanted */
function state(trace, {count, seconds}) {
  const [shown, all] = [trace.shown.length, trace.rows.length];
  const had = `${counted(shown, "record")}${shown < all ? ` of ${number(all)} kept` : ""}`;
  if (trace.state === "running") return `${had}; stops after ${number(count)}, or ${seconds} s`;
  return `${had}; ${{late: `stopped after ${seconds} s`, full: "limit reached", stopped: "stopped"}[trace.state]}`;
}

function Filter({name, label, value, hint, searches = false}) {
  const typed = useTyped(value, (text) => choose({[name]: text}, {replace: true}), PAUSE);
  return html`<label class="grow">${label} <input type="search" data-search=${searches ? "" : null} data-filter=${name} placeholder=${hint} maxlength="1000" ...${typed} /></label>`;
}

function Filters({wanted}) {
  const limit = (name, label, among, text) => html`<label>${label} <select data-filter=${name} value=${String(wanted[name])} onChange=${(event) => choose({[name]: event.target.value})}>
    ${among.map((each) => html`<option key=${each} value=${String(each)} selected=${each === wanted[name]}>${text(each)}</option>`)}</select></label>`;
  return html`<form class="tools" onSubmit=${(event) => event.preventDefault()}>
    <${Filter} name="child" label="Actor" value=${wanted.child ?? ""} hint="all actors  /" searches />
    <${Filter} name="handler" label="Handler" value=${wanted.handler ?? ""} hint="all handlers" />
    <label>Kind <select data-filter="kind" value=${wanted.kind ?? ""} onChange=${(event) => choose({kind: event.target.value})}>
      <option value="">all kinds</option>${KINDS.map((kind) => html`<option key=${kind} value=${kind} selected=${kind === wanted.kind}>${kind}</option>`)}</select></label>
    ${limit("count", "At most", COUNTS, (each) => `${number(each)} records`)}
    ${limit("seconds", "For", SECONDS, (each) => (each < 60 ? `${each} s` : `${each / 60} min`))}
  </form>`;
}

function Drawn({rows, chosen, over}) {
  const [page, pager] = usePages([...rows].reverse(), ROWS);
  const lines = rows.filter((row) => DRAWN_KINDS.includes(row.kind)).slice(-DRAWN);
  if (rows.length === 0)
    return html`<p class="card hint muted">${over ? "No records." : chosen === null ? "Waiting for records…" : "No records of this chain: they are no longer kept, or there are none yet."}</p>`;
  return html`
    <h2>Sequence</h2>
    <p class="muted">A bar begins when a message is accepted and ends when it has been handled. The dashed line goes back to the sender, with the reply if it was
      a call. Select a message to see its chain.${rows.length > lines.length && ` The last ${lines.length} records are shown.`}</p>
    ${lines.length > 0 && html`<${Sequence} rows=${lines} chosen=${chosen} onChoose=${showChain} />`}
    <h2>Records</h2>
    <${Table} label="Trace records, newest first" columns=${COLUMNS} rows=${page} name=${(row) => row.child} identity=${(row) => row.number} whole=${rows}
      mark=${(row) => weight(row) || null} sort="time" down tall />
    ${pager}`;
}

const COLUMNS = [
  {key: "child", label: "Actor", cell: (row) => html`<${ActorLink} name=${row.child} />`},
  {key: "time", label: "When", cell: (row) => html`<${When} time=${row.time} />`},
  {key: "kind", label: "Kind", cell: (row) => row.kind},
  {key: "what", label: "Event", wide: true, cell: (row) => html`<span class=${weight(row) === "bad" ? "bad-text" : null}>${said(row)}</span>`},
  {key: "message", label: "Message", numeric: true, cell: (row) => row.fields.message ?? "–"},
  {key: "cause", label: "Caused by", numeric: true, cell: (row) => (typeof row.fields.cause === "number" ? row.fields.cause : "–")},
  {key: "chain", label: "Chain", numeric: true, cell: (row) => (typeof row.fields.correlation === "number"
    ? html`<button class="plain" data-correlation=${row.fields.correlation} aria-label=${`Chain ${row.fields.correlation}`} onClick=${() => showChain(row.fields.correlation)}>${row.fields.correlation}</button>` : "–")},
];
