// @ts-check
/**
 * The figures of the system, watched while the page is visible: they provide its clock and the data of the charts.
 *
 * All times come from the figures. From the browser's clock only the time passed since the last figures is used, so it may be wrong.
 */

import {live} from "/static/live.js";
import {pause} from "/static/pause.js";
import {useEffect, useReducer} from "/static/parts/dom.js";

/** Samples kept: ten minutes; and the most that are kept with those from before the page was opened. */
const KEPT = 600, MOST = 4_000;
/** Seconds between two samples after which the charts have a gap. */
const GAP = 5;

/** @typedef {{at: number, accepted: number|null, handled: number|null, wait: number|null, waiting: number|null, restarts: number|null,
 *   failed: number|null, buried: number|null, lag: number|null}} Sample */

/** @type {any} */
let latest = null;
let seen = 0;
let kept = KEPT;
/** @type {Sample[]} */
let samples = [];
/** What is shown while the page is paused. @type {{figures: any, samples: Sample[], now: number|null}|null} */
let still = null;
/** @type {Set<() => void>} */
const listeners = new Set();

function tell() {
  for (const listener of listeners) listener();
}

/** Start watching. */
export function follow() {
  const subscription = live.watch("figures", {}, 1, () => {
    if (subscription.value === undefined || subscription.value === latest) return;
    remember(latest, subscription.value);
    latest = subscription.value;
    seen = performance.now();
    if (still?.figures === null) stand();
    if (still === null) tell();
  });
  subscription.always = true; // so that the charts are whole after a pause
  pause.listeners.add(stand);
}

/** Stand still while the page is paused. */
function stand() {
  still = null;
  if (pause.on) still = {figures: latest, samples: [...samples], now: systemTime()};
  tell();
}

/** Tells runs of a program apart: the wall clock when its own clock stood at 0. @returns {number|null} */
export function origin() {
  return latest === null ? null : latest.wall_time - latest.time;
}

/** Put samples that the program has kept in front of those of this page, and in place of those that are not newer.
 * @param {Sample[]} older ascending, by the wall clock of the system */
export function prefill(older) {
  const last = older.at(-1)?.at ?? -Infinity;
  samples = [...older, ...samples.filter(({at, accepted}) => at > last + (accepted === null ? GAP : 0))].slice(-MOST);
  kept = Math.max(KEPT, samples.length);
  if (still !== null) still.samples = samples.filter(({at}) => at <= (still?.figures?.wall_time ?? Infinity));
  tell();
}

/** @param {any} before @param {any} now */
function remember(before, now) {
  const passed = before === null ? 0 : now.time - before.time;
  if (passed < 0 && !live.knows("topics", "samples")) samples = []; // the program was restarted, and does not know what was before
  if (before !== null && (passed <= 0 || passed > GAP)) samples.push(empty(now.wall_time - 0.001));
  const rate = (/** @type {number|undefined} */ newer, /** @type {number|undefined} */ older) =>
    passed > 0 && passed <= GAP && newer !== undefined && older !== undefined ? Math.max(0, newer - older) / passed : null;
  samples.push({
    at: now.wall_time,
    accepted: rate(now.ledger?.accepted, before?.ledger?.accepted),
    handled: rate(now.ledger?.handled, before?.ledger?.handled),
    wait: now.mailbox_wait ?? null,
    waiting: now.backlog ?? null,
    restarts: rate(now.restarts, before?.restarts),
    failed: rate(now.failures, before?.failures),
    buried: rate(now.dead_letters, before?.dead_letters),
    lag: now.loop_lag ?? null,
  });
  if (samples.length > kept) samples = samples.slice(-kept);
}

/** @param {number} at @returns {Sample} */
function empty(at) {
  return {at, accepted: null, handled: null, wait: null, waiting: null, restarts: null, failed: null, buried: null, lag: null};
}

/** A hook for the figures, the samples and the clock. It redraws the component each second. */
export function useFigures() {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
  return still ?? {figures: latest, samples, now: systemTime()};
}

/** The current time on the clock of the system; while the page is paused, that of the pause. @returns {number|null} */
export function systemTime() {
  if (still !== null) return still.now;
  return latest === null ? null : latest.time + Math.max(0, (live.silence > 0 ? live.quiet.heard : performance.now()) - seen) / 1000;
}

/** Convert a time on the clock of the system to the wall clock. @param {number|null|undefined} time @returns {number|null} */
export function wallTime(time) {
  const figures = still?.figures ?? latest; // after a restart of the program meanwhile, the times shown are those of the old one
  return figures === null || time === null || time === undefined ? null : figures.wall_time + (time - figures.time);
}
