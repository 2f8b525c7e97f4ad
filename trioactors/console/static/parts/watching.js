// @ts-check
/** Hooks: what a view watches while it is shown, and no longer. */

import {live} from "/static/live.js";
import {useEffect, useReducer, useRef, useState} from "/static/parts/dom.js";
import {route} from "/static/routes.js";

function useRedraw() {
  return useReducer((/** @type {number} */ n) => n + 1, 0);
}

/** The phase of the connection. */
export function useConnection() {
  const [, redraw] = useRedraw();
  useEffect(() => {
    live.listeners.add(redraw);
    return () => live.listeners.delete(redraw);
  }, []);
  return live;
}

/** Where we are. */
export function useRoute() {
  const [here, turn] = useState(route());
  useEffect(() => {
    const moved = () => turn(route());
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  return here;
}

/** A topic; null watches nothing. Until new options are answered, the value is still that of the old ones (`stale`).
 * @param {string|null} topic @param {object} [options] @param {number} [every]
 * @returns {{value: any, error: import("/static/live.js").Problem|null, stale: boolean, absent: boolean}} */
export function useWatch(topic, options = {}, every = 1) {
  const [, redraw] = useRedraw();
  const held = useRef(/** @type {any} */ ({value: undefined, subscription: null}));
  const absent = topic === null || (live.hello !== null && !live.knows("topics", topic));
  const key = JSON.stringify([topic, options, every, absent]);
  useEffect(() => {
    if (topic === null || absent) return undefined;
    const subscription = live.watch(topic, options, every, redraw);
    held.current.subscription = subscription;
    held.current.key = key;
    return () => subscription.close();
  }, [key]);
  const {subscription} = held.current;
  const current = held.current.key === key;
  if (current && subscription.value !== undefined) held.current.value = subscription.value;
  const error = current ? subscription.error : null;
  return {value: held.current.value, error, stale: !current || subscription.value === undefined, absent};
}

/**
 * Records as they come, the newest last, at most *keep* of them.
 *
 * With *sample*, whoever falls behind jumps to what happens now and says so: for a glance. Without, nothing is left out that the
 * console still has.
 * @param {string|null} topic @param {object} [options] @param {{every?: number, keep?: number, sample?: boolean, again?: any}} [how]
 */
export function useStream(topic, options = {}, {every = 1, keep = 200, sample = false, again = 0} = {}) {
  const [, redraw] = useRedraw();
  const held = useRef(/** @type {any} */ ({rows: [], lost: 0, skipped: false}));
  const absent = topic === null || (live.hello !== null && !live.knows("topics", topic));
  const key = JSON.stringify([topic, options, every, sample, again, absent]);
  useEffect(() => {
    if (topic === null || absent) return undefined;
    const limit = /** @type {any} */ (options).limit ?? 100;
    const mine = (held.current = /** @type {any} */ ({rows: [], lost: 0, skipped: false, subscription: null}));
    mine.subscription = live.stream(topic, options, every, redraw, (rows, lost) => {
      const anew = mine.rows.length > 0 && rows.length > 0 && rows[0].number <= mine.rows[mine.rows.length - 1].number;
      mine.rows = [...(anew ? [] : mine.rows), ...rows].slice(-keep);
      mine.lost += lost;
      if (sample && rows.length >= limit) {
        mine.skipped = true;
        mine.subscription.skip();
      }
    });
    redraw(undefined); // what was asked for before is gone
    return () => mine.subscription.close();
  }, [key]);
  const {rows, lost, skipped, subscription} = held.current;
  return {rows, lost, skipped, ended: Boolean(subscription?.ended), error: subscription?.error ?? null, absent};
}
