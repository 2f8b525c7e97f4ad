// @ts-check
/**
 * The figures of the system, watched while the page is visible: they provide its clock and the data of the charts.
 *
 * All times come from the figures. From the browser's clock only the time passed since the last figures is used, so it may be wrong.
 */

import {live} from "/static/live.js";
import {useEffect, useReducer} from "/static/parts/dom.js";

/** Samples kept: ten minutes. */
const KEPT = 600;
/** Seconds between two samples after which the charts have a gap. */
const GAP = 5;

/** @typedef {{at: number, accepted: number|null, handled: number|null, wait: number|null, restarts: number|null,
 *   failed: number|null, buried: number|null, lag: number|null}} Sample */

/** @type {any} */
let latest = null;
let seen = 0;
/** @type {Sample[]} */
let samples = [];
/** @type {Set<() => void>} */
const listeners = new Set();

/** Start watching. */
export function follow() {
  const subscription = live.watch("figures", {}, 1, () => {
    if (subscription.value === undefined || subscription.value === latest) return;
    remember(latest, subscription.value);
    latest = subscription.value;
    seen = performance.now();
    for (const listener of listeners) listener();
  });
}

/** @param {any} before @param {any} now */
function remember(before, now) {
  const passed = before === null ? 0 : now.time - before.time;
  if (passed < 0) samples = []; // a new system: the program was restarted
  if (before !== null && (passed <= 0 || passed > GAP)) samples.push(empty(now.wall_time - 0.001));
  const rate = (/** @type {number|undefined} */ newer, /** @type {number|undefined} */ older) =>
    passed > 0 && passed <= GAP && newer !== undefined && older !== undefined ? Math.max(0, newer - older) / passed : null;
  samples.push({
    at: now.wall_time,
    accepted: rate(now.ledger?.accepted, before?.ledger?.accepted),
    handled: rate(now.ledger?.handled, before?.ledger?.handled),
    wait: now.mailbox_wait ?? null,
    restarts: rate(now.restarts, before?.restarts),
    failed: rate(now.failures, before?.failures),
    buried: rate(now.dead_letters, before?.dead_letters),
    lag: now.loop_lag ?? null,
  });
  if (samples.length > KEPT) samples = samples.slice(-KEPT);
}

/** @param {number} at @returns {Sample} */
function empty(at) {
  return {at, accepted: null, handled: null, wait: null, restarts: null, failed: null, buried: null, lag: null};
}

/** A hook for the figures, the samples and the clock. It redraws the component each second. */
export function useFigures() {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
  return {figures: latest, samples, now: systemTime()};
}

/** The current time on the clock of the system. @returns {number|null} */
export function systemTime() {
  return latest === null ? null : latest.time + (performance.now() - seen) / 1000;
}

/** Convert a time on the clock of the system to the wall clock. @param {number|null|undefined} time @returns {number|null} */
export function wallTime(time) {
  return latest === null || time === null || time === undefined ? null : latest.wall_time + (time - latest.time);
}
