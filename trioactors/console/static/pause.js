// @ts-check
/**
 * Pause: every view shows the moment of the pause, while the page goes on receiving.
 *
 * A subscription that is held shows a copy of what it had. Its value goes on changing behind the copy, and its records wait, so that nothing
 * is lost. At the end of the pause, the records are handed over, and the copy is dropped. What is watched for the first time while the page
 * is paused is held as soon as it has something to show.
 */

/** The most records that wait for each stream: after that, the oldest are dropped. */
const MOST = 5_000;

/** @typedef {{value: any, error: any, ended: boolean, rows: any[], lost: number, skipped: number, dropped: number, changes: number}} Held */

export class Pause {
  constructor() {
    /** When it began, by `performance.now()`; null while nothing is paused. @type {number|null} */
    this.since = null;
    /** @type {Set<import("/static/live.js").Subscription>} those that are held */
    this.held = new Set();
    /** @type {Set<() => void>} called when it begins and when it ends */
    this.listeners = new Set();
  }

  get on() {
    return this.since !== null;
  }

  /** What waits: records of streams, those that were dropped, and whether anything else has changed. */
  get waiting() {
    let [records, dropped, changed] = [0, 0, false];
    for (const {held} of this.held) {
      records += held?.rows.length ?? 0;
      dropped += held?.dropped ?? 0;
      changed ||= Boolean(held?.changes);
    }
    return {records, dropped, changed};
  }

  /** @param {Iterable<import("/static/live.js").Subscription>} subscriptions */
  begin(subscriptions) {
    this.since = performance.now();
    for (const each of subscriptions) if (each.received !== null || each.value !== undefined || each.error !== null) this.hold(each);
    this.#tell();
  }

  end() {
    this.since = null;
    const held = [...this.held];
    this.held.clear();
    for (const each of held) {
      const {rows, lost, skipped, dropped} = /** @type {Held} */ (each.held);
      each.held = null;
      if (rows.length > 0 || lost > 0) each.received?.(rows, lost + dropped, skipped);
      each.changed();
    }
    this.#tell();
  }

  /** Let a subscription show what it has now until the end. @param {import("/static/live.js").Subscription} subscription */
  hold(subscription) {
    if (!this.on || subscription.held !== null || subscription.always) return;
    const {value, error, ended} = subscription;
    subscription.held = {value, error, ended, rows: [], lost: 0, skipped: 0, dropped: 0, changes: 0};
    this.held.add(subscription);
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}

/** Keep records until the end of the pause. @param {Held} held @param {any[]} rows @param {number} lost @param {number} skipped */
export function keep(held, rows, lost, skipped) {
  held.rows.push(...rows);
  const over = held.rows.splice(0, Math.max(0, held.rows.length - MOST)).length;
  held.dropped += over;
  held.lost += lost;
  held.skipped += skipped;
}

/** The pause of this page. */
export const pause = new Pause();
