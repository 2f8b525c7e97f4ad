// @ts-check
/**
 * Trace records as a sequence diagram: one lifeline per participant, time runs down, one line per record.
 *
 * `read` decides in plain data what is drawn. A record carries the number of its message if an observer was attached when it was sent.
 * If not, it belongs to the oldest unfinished message of the same handler, since mailboxes are first in, first out.
 */

import {wallTime} from "/static/figures.js";
import {html, useEffect, useMemo, useRef} from "/static/parts/dom.js";
import {duration, moment} from "/static/parts/format.js";
import {said} from "/static/parts/records.js";
import {isolated, short} from "/static/parts/visible.js";

export const OUTSIDE = "outside";
const OTHERS = "others";
const LINES = 9;
const ACROSS = 106;
const DOWN = 26;
const TOP = 46;
const LEFT = 92;
const LETTERS = 13;
const ENDS = new Set(["MessageHandled", "MessageShed", "MessageDeadLettered", "CallTimedOut"]);

/** @typedef {import("/static/parts/records.js").TraceRow} TraceRow */
/** @typedef {{from: string, to: string, handler: string, line: number, end: number|null, row: TraceRow, last: TraceRow|null,
 *   number: number|null, correlation: number|null}} Message */
/** @typedef {{row: TraceRow, line: number, child: string}} Event */

/** The messages in *rows*, and the other events. @param {TraceRow[]} rows
 *  @returns {{messages: Message[], events: Event[], who: string[], lines: number}} */
export function read(rows) {
  /** @type {Message[]} */
  const messages = [];
  /** @type {Event[]} */
  const events = [];
  rows.forEach((row, line) => {
    const {fields} = row;
    if (row.kind === "MessageAccepted")
      messages.push({from: fields.sender ?? OUTSIDE, to: row.child, handler: fields.handler, line, end: null, row, last: null,
        number: fields.message ?? null, correlation: fields.correlation ?? null});
    else {
      const message = ENDS.has(row.kind) ? messages.find((each) => each.last === null && belongs(row, each)) : undefined;
      if (message) [message.end, message.last] = [line, row];
      else events.push({row, line, child: row.child});
    }
  });
  return {messages, events, who: participants([...messages.flatMap((each) => [each.from, each.to]), ...events.map((each) => each.child)]), lines: rows.length};
}

/** The most frequent participants, in order of appearance; the others share a lifeline. @param {string[]} named */
function participants(named) {
  /** @type {Map<string, number>} */
  const times = new Map(named.includes(OUTSIDE) ? [[OUTSIDE, Infinity]] : []);
  for (const name of named) times.set(name, (times.get(name) ?? 0) + 1);
  if (times.size <= LINES) return [...times.keys()];
  const most = new Set([...times].sort(([, one], [, other]) => other - one).slice(0, LINES - 1).map(([name]) => name));
  return [...[...times.keys()].filter((name) => most.has(name)), OTHERS];
}

/** @param {TraceRow} row @param {Message} message */
function belongs(row, message) {
  if (typeof row.fields.message === "number") return row.fields.message === message.number;
  return message.number === null && message.to === row.child && message.handler === row.fields.handler;
}

/** @param {string} text */
function cut(text) {
  return short(text, LETTERS);
}

/** @param {{rows: TraceRow[], chosen?: number|null, onChoose: (correlation: number) => void}} props */
export function Sequence({rows, chosen = null, onChoose}) {
  const drawn = useMemo(() => read(rows), [rows]);
  const {who} = drawn;
  const x = (name) => LEFT + ACROSS * (Math.max(0, who.indexOf(who.includes(name) ? name : OTHERS)) + 0.5);
  const y = (line) => DOWN * (line + 0.8);
  const [width, height] = [LEFT + ACROSS * who.length + 10, y(drawn.lines) + 6];
  const box = useFollowing(rows);
  return html`<div class="box sequence" ref=${box} role="region" aria-label="Sequence diagram" tabindex="0">
    <svg class="heads" width=${width} height=${TOP} aria-hidden="true">${who.map((name) => html`<g key=${name} class="lifeline"><title>${isolated(name)}</title>
      <rect x=${x(name) - ACROSS / 2 + 6} y="8" width=${ACROSS - 12} height="27" rx="7" /><text x=${x(name)} y="26">${cut(name)}</text></g>`)}</svg>
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label="The messages as a sequence diagram; the table below has the same content">
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" /></marker></defs>
      ${who.map((name) => html`<g key=${name} class="lifeline" data-lifeline=${name}><title>${isolated(name)}</title>
        <path d=${`M${x(name)},0V${height}`} /></g>`)}
      ${drawn.events.map((each) => html`<g key=${each.row.number} class=${`event ${each.row.kind}`}><title>${`${isolated(each.child)} ${said(each.row)}`}</title>
        ${times(each.row, y(each.line))}
        <circle cx=${x(each.child)} cy=${y(each.line)} r="4.5" /><text x=${x(each.child) + 10} y=${y(each.line) + 4}>${cut(shortly(each.row))}</text></g>`)}
      ${drawn.messages.map((each) => html`<${Arrow} key=${each.row.number} message=${each} x=${x} y=${y} last=${drawn.lines} chosen=${chosen} onChoose=${onChoose} />`)}
    </svg></div>`;
}

/** Keep the box scrolled to its end while rows arrive, unless the user has scrolled away. @param {TraceRow[]} rows */
function useFollowing(rows) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const follows = useRef(true);
  useEffect(() => {
    const place = box.current;
    const scrolled = () => {
      if (place) follows.current = place.scrollTop + place.clientHeight >= place.scrollHeight - DOWN;
    };
    place?.addEventListener("scroll", scrolled, {passive: true});
    return () => place?.removeEventListener("scroll", scrolled);
  }, []);
  useEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight;
  }, [rows]);
  return box;
}

/** @param {TraceRow} row @param {number} at */
function times(row, at) {
  return html`<text class="time" x="6" y=${at + 4}>${moment(wallTime(row.time) ?? 0, true)}</text>`;
}

/** @param {TraceRow} row */
function shortly(row) {
  if (row.kind === "ChildExited") return row.fields.reason;
  if (row.kind === "ChildStarted") return `incarnation ${row.fields.incarnation}`;
  if (row.kind === "StateCommitted") return `revision ${row.fields.revision}`;
  return row.fields.handler ?? row.kind;
}

function Arrow({message, x, y, last, chosen, onChoose}) {
  const {from, to, line, end, row, last: ended, correlation, handler} = message;
  const [left, right, at] = [x(from), x(to), y(line)];
  const bad = ended !== null && (ended.kind !== "MessageHandled" || ended.fields.error);
  const bottom = end === null ? y(last - 0.6) : y(end);
  const classes = ["message", bad && "bad", end === null && "open", correlation !== null && "chained", correlation !== null && correlation === chosen && "chosen"].filter(Boolean).join(" ");
  const edge = right + (left < right ? -4 : 4);
  const start = from === to ? `M${right + 4},${at - 9}h26v9h-22` : `M${left},${at}H${edge}`;
  const label = from === to ? [right + 36, "start"] : [(left + right) / 2, "middle"];
  return html`<g class=${classes} data-message=${message.number} onClick=${() => correlation !== null && onChoose(correlation)}>
    <title>${`${isolated(from)} → ${isolated(to)}: ${isolated(handler)}${ended ? `, ${said(ended)}` : ""}${correlation === null ? "" : ` (chain ${correlation})`}`}</title>
    ${times(row, at)}
    <rect class="lasts" x=${right - 4} y=${at} width="8" height=${Math.max(4, bottom - at)} rx="3" />
    <path class="arrow" d=${start} marker-end="url(#tip)" />
    <text class="what" x=${label[0]} y=${at - 5} text-anchor=${label[1]}>${cut(handler)}</text>
    ${ended && end !== null && html`<path class="back" d=${from === to ? "" : `M${right + (left < right ? -4 : 4)},${y(end)}H${left + (left < right ? 4 : -4)}`} marker-end="url(#tip)" />
      ${times(ended, y(end))}
      <text class="took" x=${from === to ? right + 10 : (left + right) / 2} y=${y(end) - 5} text-anchor=${from === to ? "start" : "middle"}>${cut(outcome(ended))}</text>`}
  </g>`;
}

/** @param {TraceRow} row */
function outcome(row) {
  if (row.kind === "MessageHandled") return row.fields.error ?? duration(row.fields.seconds);
  return {MessageShed: "discarded", MessageDeadLettered: "dead letter", CallTimedOut: "timed out"}[row.kind] ?? row.kind;
}
