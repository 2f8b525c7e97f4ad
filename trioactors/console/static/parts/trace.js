// @ts-check
/**
 * Traces that outlast their view: whoever looks at an actor in between finds the same records and the same state again.
 *
 * There is one trace of messages in general, and one for each chain that was looked at. A trace ends by hand, after a number of records, or
 * after a time, also while its view is not shown; that of a chain rests meanwhile. Another filter first filters what was recorded. Then
 * the trace goes on with it, also one that has ended by itself. If the filter lets more through, the records from the begin of the trace on
 * are read again, as far as the console still has them.
 */

import {origin} from "/static/figures.js";
import {live} from "/static/live.js";
import {useEffect, useReducer} from "/static/parts/dom.js";
import {pause} from "/static/pause.js";

/** Records kept of a trace, and traces kept. */
const KEPT = 2_000, TRACES = 5;
/** Seconds between two updates. */
const EVERY = 0.5;
/** A chain is also read from the records before now. */
const FROM_THE_BEGINNING = 0;
/** Seconds that the wall clock may be set without the program being taken for another run. */
const SAME = 3_600;

/** @typedef {import("/static/parts/records.js").TraceRow} TraceRow */
/** @typedef {{child: string|null, handler: string|null, kind: string|null}} Filter */
/** @typedef {"running"|"stopped"|"late"|"full"} State */

/** Whether a filter lets a record through. @param {Filter} filter @param {TraceRow} row */
function passes({child, handler, kind}, row) {
  return (child === null || row.child === child) && (kind === null || row.kind === kind) && (handler === null || row.fields.handler === handler);
}

class Trace {
  /** @param {number|null} correlation */
  constructor(correlation) {
    this.correlation = correlation;
    /** @type {TraceRow[]} all that was recorded, also under other filters */
    this.rows = [];
    this.lost = 0;
    /** @type {State} */
    this.state = "running";
    /** @type {Filter} */
    this.filter = {child: null, handler: null, kind: null};
    this.count = this.seconds = 0;
    this.key = "";
    this.run = 0;
    /** @type {import("/static/live.js").Subscription|null} */
    this.subscription = null;
    /** @type {number|undefined} */
    this.timer = undefined;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    /** @type {{of: TraceRow[], filter: Filter, rows: TraceRow[]}|null} */
    this.passed = null;
  }

  /** The records that the filter lets through. The list stays the same as long as nothing changes. */
  get shown() {
    if (this.passed?.of !== this.rows || this.passed.filter !== this.filter)
      this.passed = {of: this.rows, filter: this.filter, rows: this.rows.filter((row) => passes(this.filter, row))};
    return this.passed.rows;
  }

  get error() {
    return this.subscription?.shown.error ?? null;
  }

  /** Record with this filter and these limits from now on. @param {Filter} filter @param {number} count @param {number} seconds */
  aim(filter, count, seconds) {
    const key = JSON.stringify([filter, count, seconds]);
    if (Math.abs((origin() ?? this.run) - this.run) > SAME) this.key = ""; // the first time, or the program was restarted
    const before = this.key === "" ? null : this.filter;
    const resting = this.state === "running" && this.subscription === null;
    if (this.key === key && !resting) return;
    [this.key, this.filter, this.count, this.seconds] = [key, filter, count, seconds];
    if (before === null) this.begin();
    else if (this.state === "stopped") this.#tell();
    else {
      const narrower = Object.entries(before).every(([name, value]) => value === null || filter[name] === value);
      this.#start(narrower ? this.subscription?.cursor ?? this.cursor : this.rows[0]?.number);
    }
  }

  /** Begin anew. */
  begin() {
    [this.rows, this.lost, this.run] = [[], 0, origin() ?? 0];
    this.#start(this.correlation === null ? undefined : FROM_THE_BEGINNING);
  }

  /** @param {State} [state] */
  stop(state = "stopped") {
    this.state = state;
    this.rest();
    this.#tell();
  }

  /** Receive nothing until the next aim. */
  rest() {
    clearTimeout(this.timer);
    this.cursor = this.subscription?.cursor ?? this.cursor;
    this.subscription?.stop();
    this.subscription = null;
  }

  /** @param {number|undefined} cursor */
  #start(cursor) {
    this.rest();
    this.cursor = cursor;
    this.state = "running";
    const {correlation, count} = this;
    const chosen = Object.entries({...this.filter, correlation}).filter(([, value]) => value !== null);
    let last = -1;
    const options = {...Object.fromEntries(chosen), limit: 200, count};
    const mine = live.stream("trace", options, EVERY, () => {
      if (mine.shown.ended && this.subscription === mine) this.stop("full");
      else this.#tell();
    }, (rows, lost) => {
      if (rows.length > 0 && rows[0].number <= last) this.rows = []; // the program was restarted
      last = rows.at(-1)?.number ?? last;
      this.#add(rows);
      this.lost += lost;
      this.#tell();
    }, cursor);
    this.subscription = mine;
    if (this.rows.length > 0) pause.hold(mine);
    this.timer = setTimeout(() => this.stop("late"), this.seconds * 1000);
    this.#tell();
  }

  /** @param {TraceRow[]} rows */
  #add(rows) {
    const newest = this.rows.at(-1)?.number ?? -1;
    if (rows.length === 0) return;
    if (rows[0].number > newest) this.rows = [...this.rows, ...rows].slice(-KEPT);
    else {
      const known = new Map([...this.rows, ...rows].map((row) => [row.number, row]));
      this.rows = [...known.values()].sort((one, other) => one.number - other.number).slice(-KEPT);
    }
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}

/** @type {Map<number|null, Trace>} by chain, the one that was looked at last at the end */
const traces = new Map();

/** @param {number|null} correlation */
function traceOf(correlation) {
  const trace = traces.get(correlation) ?? new Trace(correlation);
  traces.delete(correlation);
  traces.set(correlation, trace);
  const oldest = /** @type {number|null} */ (traces.keys().next().value);
  if (traces.size > TRACES) {
    traces.get(oldest)?.rest();
    traces.delete(oldest);
  }
  return trace;
}

/** A hook for the trace of a chain, or of all messages. @param {number|null} correlation @param {Filter} filter @param {number} count
 *  @param {number} seconds @returns {Trace} */
export function useTrace(correlation, filter, count, seconds) {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const trace = traceOf(correlation);
  useEffect(() => {
    trace.listeners.add(redraw);
    return () => {
      trace.listeners.delete(redraw);
      if (correlation !== null) trace.rest();
    };
  }, [trace]);
  useEffect(() => trace.aim(filter, count, seconds), [trace, JSON.stringify(filter), count, seconds]);
  return trace;
}
