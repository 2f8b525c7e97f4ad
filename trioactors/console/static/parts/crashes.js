// @ts-check
/**
 * Crashes by cause: the class of the actor (for another child, its kind and name) with the type of the error, and when they happened.
 *
 * If the console remembers crashes (`failure_groups`), counts and times come from there. Otherwise they are what this page has seen: a child
 * whose last failure is another one than before has crashed, as often as its incarnation has grown.
 */

import {wallTime} from "/static/figures.js";
import {live} from "/static/live.js";
import {useEffect, useReducer} from "/static/parts/dom.js";
import {listeners, mutes} from "/static/parts/mutes.js";
import {useWatch} from "/static/parts/watching.js";

/** Causes, children, and minutes of each cause that the page keeps. */
const CAUSES = 200, CHILDREN = 1_000, MINUTES = 60;
const GROUPS = {limit: 100};

/** @typedef {{count: number, first: number, last: number, minutes: [number, number][]}} Occurrences times are on the wall clock */

/** @type {Map<string, Occurrences>} */
const seen = new Map();
/** @type {Map<string, {time: number, incarnation: number}>} the last failure of each child */
const last = new Map();

/** @param {any} row of `failures`: what it is grouped by */
export function causeOf(row) {
  return `${row.actor ?? `${row.kind} ${row.name}`} ${errorOf(row)}`;
}

/** The type of the error; how the child ended if there was none. @param {{reason: string}} row */
export function errorOf({reason}) {
  return reason.startsWith("crash: ") ? reason.slice(7) : reason.split(":")[0];
}

/** Remember the crashes in *rows* that the page has not seen yet. @param {any[]} rows of `failures` */
export function notice(rows) {
  for (const row of rows) {
    const before = last.get(row.name);
    if (before?.time === row.time) continue;
    put(last, row.name, {time: row.time, incarnation: row.incarnation}, CHILDREN);
    add(causeOf(row), wallTime(row.time) ?? 0, before === undefined ? 1 : Math.max(1, row.incarnation - before.incarnation));
  }
}

/** @param {string} cause @param {number} at @param {number} times */
function add(cause, at, times) {
  const known = seen.get(cause) ?? {count: 0, first: at, last: at, minutes: []};
  const minute = Math.floor(at / 60) * 60;
  const counts = new Map(known.minutes);
  counts.set(minute, (counts.get(minute) ?? 0) + times);
  const minutes = [...counts].sort(([one], [other]) => one - other).slice(-MINUTES);
  put(seen, cause, {count: known.count + times, first: Math.min(known.first, at), last: Math.max(known.last, at), minutes}, CAUSES);
}

/** @template T @param {Map<string, T>} map @param {string} key @param {T} value @param {number} most */
function put(map, key, value, most) {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(/** @type {string} */ (map.keys().next().value));
}

/** When crashes of each cause happened. @param {boolean} wanted @param {any[]} [rows] of `failures`, for a console that does not remember
 *  @returns {(cause: string) => Occurrences|undefined} */
export function useOccurrences(wanted, rows = []) {
  const remembers = live.knows("topics", "failure_groups");
  const {value} = useWatch(wanted && remembers ? "failure_groups" : null, GROUPS);
  if (!remembers) {
    notice(rows);
    return (cause) => seen.get(cause);
  }
  const groups = new Map((value ?? []).map((group) => [`${group.owner} ${group.error}`, group]));
  return (cause) => groups.get(cause);
}

/** A hook for the muted causes. @returns {string[]} */
export function useMutes() {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
  return mutes();
}
