// @ts-check
/** Trace records as readable text. */

import {html} from "/static/parts/dom.js";
import {counted, duration} from "/static/parts/format.js";
import {isolatedFields, isolated} from "/static/parts/visible.js";
import {ActorLink, When} from "/static/parts/signs.js";

/** @typedef {{number: number, kind: string, time: number, child: string, fields: Record<string, any>}} TraceRow */

/** The kinds of records about starts and exits. */
export const LIFECYCLE = ["ChildStarted", "ChildExited", "ChildStartFailed", "RestartScheduled", "GaveUp", "Drained", "StopForced"];

/** The kinds of records offered by the filter. */
export const KINDS = [
  "MessageAccepted", "MessageHandled", "MessageShed", "MessageDeadLettered", "CallTimedOut", "ChildStarted", "ChildExited", "ChildStartFailed",
  "ChildIgnored", "RestartScheduled", "GaveUp", "TimerFired", "StateCommitted", "CommitFailed", "StoreCommitted", "LoopHeld", "HandlerOverran",
  "Drained", "StopForced",
];

/** @type {Record<string, (fields: any) => string>} */
const SAID = {
  ChildStarted: (f) => `started, incarnation ${f.incarnation}`,
  ChildIgnored: () => "declined to start",
  ChildStartFailed: (f) => `could not start: ${f.reason}`,
  ChildExited: (f) => `exited (${f.reason}), incarnation ${f.incarnation}`,
  RestartScheduled: (f) => `will be restarted ${f.delay > 0 ? `after ${duration(f.delay)}` : "at once"}${f.group?.length > 1 ? ` with ${f.group.join(", ")}` : ""}`,
  GaveUp: (f) => `gave up after ${f.restarts} restarts`,
  Drained: (f) => `was drained for ${duration(f.seconds)}${f.left ? `; ${counted(f.left, "message")} still wait` : ""}`,
  StopForced: (f) => `stop was forced (${f.reason}): ${f.running.join(", ") || "nothing"} cancelled`,
  MessageAccepted: (f) => `accepted ${f.handler}${f.sender ? ` from ${f.sender}` : ""}`,
  MessageHandled: (f) => `handled ${f.handler} in ${duration(f.seconds)}${f.error ? `, raised ${f.error}` : ""}`,
  MessageShed: (f) => `discarded ${f.handler}`,
  MessageDeadLettered: (f) => `${f.handler} became a dead letter: ${f.cause_text ?? f.reason ?? textual(f.cause)}`,
  CallTimedOut: (f) => `${f.handler} timed out${f.begun ? "" : " before it was handled"}`,
  TimerFired: (f) => `timer fired for ${f.handler}`,
  StateCommitted: (f) => `saved revision ${f.revision}, ${f.size} bytes`,
  CommitFailed: (f) => `could not save its state: ${f.error}`,
  StoreCommitted: (f) => f.error ? `store could not save ${counted(f.batches, "state")}: ${f.error}` : `store saved ${counted(f.batches, "state")}`,
  HandlerOverran: (f) => `${f.handler} still runs after ${duration(f.seconds)}, although it was cancelled`,
  LoopHeld: (f) => `blocked the event loop for ${duration(f.seconds)}`,
};

/** @param {any} value */
function textual(value) {
  return typeof value === "string" ? value : "it has stopped";
}

/** @param {TraceRow} row */
export function said(row) {
  const known = SAID[row.kind];
  if (known) return known(isolatedFields(row.fields));
  return `${row.kind} ${Object.entries(row.fields).map(([name, value]) => `${name}=${isolated(JSON.stringify(value))}`).join(" ")}`;
}

/** The severity of a record. @param {TraceRow} row @returns {""|"good"|"warn"|"bad"} */
export function weight(row) {
  const {kind, fields} = row;
  if (kind === "ChildStarted") return "good";
  if (kind === "ChildExited") return /^(normal|shutdown)\b/.test(fields.reason) ? "" : "bad";
  if (["GaveUp", "StopForced", "ChildStartFailed", "CommitFailed", "MessageDeadLettered", "HandlerOverran"].includes(kind)) return "bad";
  if (["RestartScheduled", "CallTimedOut", "MessageShed", "LoopHeld"].includes(kind)) return "warn";
  if (kind === "Drained") return fields.left ? "warn" : "";
  return (kind === "MessageHandled" || kind === "StoreCommitted") && fields.error ? "bad" : "";
}

/** @param {{rows: TraceRow[], empty?: string, withChild?: boolean}} props */
export function Records({rows, empty = "No records since you opened this view.", withChild = true}) {
  if (rows.length === 0) return html`<p class="muted none">${empty}</p>`;
  return html`<ol class="records">${rows.map((row) => html`<li key=${row.number} data-kind=${row.kind} data-name=${row.child} class=${weight(row)}>
    <${When} time=${row.time} /><span>${withChild && html`<${ActorLink} name=${row.child} /> `}${said(row)}</span></li>`)}</ol>`;
}
