// @ts-check
/** Hooks with which a view watches topics while it is shown. */

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

/** The current route. */
export function useRoute() {
  const [here, turn] = useState(route());
  useEffect(() => {
    const moved = () => turn(route());
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  return here;
}

/** Watch a topic; null watches nothing. After a change of options, the old value stays until the new one arrives (`stale`).
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
  const shown = current ? subscription.shown : {value: undefined, error: null};
  if (shown.value !== undefined) held.current.value = shown.value;
  return {value: held.current.value, error: shown.error, stale: shown.value === undefined, absent};
}

/**
 * Watch a stream: its last *keep* records, newest last.
 *
 * With *sample*, a stream that falls behind gets only the newest records, and says so (`skipped`) as long as one is shown that comes after
 * records left out. Otherwise no record is left out that the console still has.
 * @param {string|null} topic @param {object} [options] @param {{every?: number, keep?: number, sample?: boolean}} [how]
 */
export function useStream(topic, options = {}, {every = 1, keep = 200, sample = false} = {}) {
  const [, redraw] = useRedraw();
  const held = useRef(/** @type {any} */ ({rows: [], lost: 0, gap: -1}));
  const absent = topic === null || (live.hello !== null && !live.knows("topics", topic));
  const key = JSON.stringify([topic, options, every, sample, absent]);
  useEffect(() => {
    if (topic === null || absent) return undefined;
    const mine = (held.current = /** @type {any} */ ({rows: [], lost: 0, gap: -1, subscription: null}));
    mine.subscription = live.stream(topic, sample ? {...options, newest: true} : options, every, redraw, (rows, lost, skipped) => {
      const anew = mine.rows.length > 0 && rows.length > 0 && rows[0].number <= mine.rows[mine.rows.length - 1].number;
      mine.rows = [...(anew ? [] : mine.rows), ...rows].slice(-keep);
      mine.lost += lost;
      if (skipped > 0) mine.gap = rows[0].number;
      else if (anew) mine.gap = -1;
    });
    redraw(undefined); // the records of the old options are gone
    return () => mine.subscription.close();
  }, [key]);
  const {rows, lost, gap, subscription} = held.current;
  const {ended = false, error = null} = subscription?.shown ?? {};
  return {rows, lost, skipped: rows.length > 0 && gap >= rows[0].number, ended, error, absent};
}
