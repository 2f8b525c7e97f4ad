// @ts-check
/**
 * The WebSocket to the console, and the subscriptions on it.
 *
 * A view subscribes to a topic and does not deal with connections. After each hello of the console, every subscription is renewed
 * under a new id, so a late message to an old id is ignored. A topic with a value starts again with a snapshot. A stream continues
 * at its cursor, so records from the time without a connection arrive afterwards, as far as the console has kept them.
 *
 * Before each WebSocket, `/session` is requested. It distinguishes three cases that look the same to a WebSocket that fails: no
 * answer (lost: try again, after growing pauses with jitter, so that many pages do not reconnect at once), not signed in (refused:
 * only a new link helps), and signed in.
 *
 * A WebSocket on which nothing comes is watched by `Silence`.
 *
 * A hidden page unsubscribes from everything and subscribes again when it is shown. Each subscriber is notified at most once per
 * frame.
 */

import {keep, pause} from "/static/pause.js";
import {Silence} from "/static/silence.js";

const SHORTEST = 400;
const LONGEST = 15_000;
/** Milliseconds for the answer of `/session`. */
const ANSWER = 10_000;
/** The close code after signing out. */
const SIGNED_OUT = 4401;

/** @typedef {{kind: string, text: string}} Problem */
/** @typedef {"starting"|"open"|"lost"|"refused"} Phase */

/** The result of applying a change to a value, which is not modified. See docs/console-protocol.md.
 * @param {any} old @param {any} change @returns {any} */
export function applied(old, change) {
  if ("is" in change) return change.is;
  if ("list" in change)
    return change.list.flatMap((/** @type {any} */ entry) =>
      Array.isArray(entry) ? old.slice(entry[0], entry[0] + entry[1])
      : "from" in entry ? [applied(old[entry.from], entry.change)]
      : [entry.is]);
  const value = new Map(Object.entries(old)); // any text may be a key, also "__proto__"
  for (const key of change.gone ?? []) value.delete(key);
  for (const [key, each] of Object.entries(change.change ?? {})) value.set(key, applied(value.get(key), each));
  for (const [key, each] of Object.entries(change.set ?? {})) value.set(key, each);
  return Object.fromEntries(value);
}

/** A topic that is watched across reconnects. */
export class Subscription {
  /** @param {Live} live @param {string} topic @param {object} options @param {number} every
   *  @param {() => void} changed @param {((rows: any[], lost: number, skipped: number) => void) | null} received for streams */
  constructor(live, topic, options, every, changed, received) {
    this.live = live;
    this.topic = topic;
    this.options = options;
    this.every = every;
    this.changed = changed;
    this.received = received;
    /** @type {string|null} the current id */
    this.id = null;
    this.value = undefined;
    /** @type {Problem|null} */
    this.error = null;
    /** @type {number|undefined} */
    this.cursor = undefined;
    this.ended = false;
    /** Whether it is followed also while the page is paused. */
    this.always = false;
    /** @type {import("/static/pause.js").Held|null} what is shown while the page is paused */
    this.held = null;
  }

  /** What views show. @returns {{value: any, error: Problem|null, ended: boolean}} */
  get shown() {
    return this.held ?? this;
  }

  close() {
    pause.held.delete(this);
    this.live.drop(this);
  }

  /** Receive no more, and keep what waits for the end of a pause. */
  stop() {
    this.live.drop(this);
  }

  /** @param {any} message */
  take(message) {
    if (message.type === "snapshot") [this.value, this.error] = [message.value, null];
    else if (message.type === "difference") this.value = applied(this.value, message.change);
    else if (message.type === "failed" || message.type === "error") this.error = message.error;
    else if (message.type === "end") [this.ended, this.id] = [true, null];
    else if (message.type === "records") {
      this.cursor = message.cursor;
      if (this.held) keep(this.held, message.rows, message.lost, message.skipped ?? 0);
      else this.received?.(message.rows, message.lost, message.skipped ?? 0);
    }
    if (this.held) this.held.changes += 1;
    else pause.hold(this);
  }
}

export class Live {
  constructor() {
    /** @type {Phase} */
    this.phase = "starting";
    /** @type {any} the hello message of the console */
    this.hello = null;
    /** @type {Set<() => void>} called after each change of phase */
    this.listeners = new Set();
    /** @type {Set<Subscription>} */
    this.wanted = new Set();
    /** @type {Map<string, Subscription>} */
    this.byId = new Map();
    /** @type {Map<string, {resolve: (value: any) => void, reject: (problem: Problem) => void}>} */
    this.asked = new Map();
    /** @type {Set<Subscription>} */
    this.dirty = new Set();
    /** @type {WebSocket|null} */
    this.socket = null;
    this.count = 0;
    this.failures = 0;
    /** @type {number|undefined} */
    this.timer = undefined;
    this.connecting = false;
    this.quiet = new Silence(() => this.socket, () => this.#tell(), () => this.#replace());
    /** Signed in, but no WebSocket could be opened so far: something between browser and program blocks it. */
    this.blocked = false;
  }

  /** Connect, and reconnect whenever necessary. */
  start() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.#wake()));
    window.addEventListener("online", () => this.#connectNow());
    this.quiet.start();
    return this.#connect();
  }

  /** Whether the console supports a topic, a question or an action. @param {"topics"|"questions"|"actions"} what @param {string} name */
  knows(what, name) {
    return Boolean(this.hello?.[what]?.includes(name));
  }

  get admin() {
    return this.hello?.role === "admin";
  }

  /** @param {string} topic @param {object} options @param {number} every @param {() => void} changed */
  watch(topic, options, every, changed) {
    return this.#want(new Subscription(this, topic, options, every, changed, null));
  }

  /** @param {string} topic @param {object} options @param {number} every @param {() => void} changed
   *  @param {(rows: any[], lost: number, skipped: number) => void} received @param {number} [cursor] where to go on, by default now */
  stream(topic, options, every, changed, received, cursor) {
    const subscription = new Subscription(this, topic, options, every, changed, received);
    subscription.cursor = cursor;
    return this.#want(subscription);
  }

  /** Ask a question. Rejects with a `Problem`. @param {string} what @param {object} options @returns {Promise<any>} */
  ask(what, options) {
    return this.#request("ask", what, options);
  }

  /** Carry out an action. Rejects with a `Problem`. Afterwards, everything that is watched is looked at anew, without waiting for its turn.
   * @param {string} what @param {object} options @returns {Promise<any>} */
  act(what, options) {
    return this.#request("act", what, options).finally(() => this.refresh());
  }

  /** Get all values anew at once. */
  refresh() {
    for (const {id, received} of this.wanted) if (id !== null && received === null) this.#send({type: "resync", id});
  }

  /** Let all views stand still, or go on. */
  pause() {
    pause.begin(this.wanted);
  }

  /** Seconds without a message, 0 if that is not long. */
  get silence() {
    return this.phase === "open" ? this.quiet.seconds : 0;
  }

  /** Whether the figures are current. */
  get fresh() {
    return this.phase === "open" && this.silence === 0;
  }

  /** @param {Subscription} subscription */
  drop(subscription) {
    this.wanted.delete(subscription);
    this.dirty.delete(subscription);
    this.#unwatch(subscription);
  }

  // --- sending ---

  /** @param {Subscription} subscription */
  #want(subscription) {
    this.wanted.add(subscription);
    this.#watch(subscription);
    return subscription;
  }

  /** @param {Subscription} subscription */
  #watch(subscription) {
    if (this.phase !== "open" || document.hidden || subscription.ended) return;
    const id = (subscription.id = `w${++this.count}`);
    this.byId.set(id, subscription);
    const {topic, options, every, cursor} = subscription;
    this.#send({type: "watch", id, topic, every, options: cursor === undefined ? options : {...options, cursor}});
  }

  /** @param {Subscription} subscription */
  #unwatch(subscription) {
    if (subscription.id === null) return;
    this.byId.delete(subscription.id);
    if (this.phase === "open") this.#send({type: "unwatch", id: subscription.id});
    subscription.id = null;
  }

  /** @param {"ask"|"act"} type @param {string} what @param {object} options */
  #request(type, what, options) {
    return new Promise((resolve, reject) => {
      if (this.phase !== "open") return reject({kind: "NotConnected", text: "The console is not connected."});
      const id = `r${++this.count}`;
      this.asked.set(id, {resolve, reject});
      this.#send({type, id, what, options});
    });
  }

  /** @param {object} message */
  #send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #rest() {
    for (const subscription of this.wanted) this.#unwatch(subscription);
  }

  #wake() {
    this.quiet.hear();
    if (this.phase === "open") for (const subscription of this.wanted) this.#watch(subscription);
    else this.#connectNow();
  }

  // --- receiving ---

  /** @param {any} message */
  #take(message) {
    this.quiet.hear();
    if (message.type === "beat") return;
    if (message.type === "hello") return this.#greeted(message);
    if (message.type === "answer") return this.#answered(message);
    const subscription = this.byId.get(message.id);
    if (subscription === undefined) {
      if (this.asked.has(message.id)) this.#answered({...message, ok: false});
      return;
    }
    const held = subscription.held !== null;
    try {
      subscription.take(message);
    } catch {
      this.#send({type: "resync", id: message.id});
    }
    if (!held) this.#schedule(subscription);
  }

  /** @param {any} hello */
  #greeted(hello) {
    this.hello = hello;
    this.blocked = false;
    this.failures = 0;
    this.#turn("open");
    for (const subscription of this.wanted) this.#watch(subscription);
  }

  /** @param {any} message */
  #answered(message) {
    const waiting = this.asked.get(message.id);
    this.asked.delete(message.id);
    if (message.ok) waiting?.resolve(message.value);
    else waiting?.reject(message.error);
  }

  /** @param {Subscription} subscription */
  #schedule(subscription) {
    if (this.dirty.size === 0) requestAnimationFrame(() => this.#draw());
    this.dirty.add(subscription);
  }

  #draw() {
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const subscription of dirty) subscription.changed();
  }

  // --- the connection ---

  async #connect() {
    if (this.connecting || this.socket !== null) return;
    this.connecting = true;
    try {
      const answer = await fetch("/session", {cache: "no-store", signal: AbortSignal.timeout(ANSWER)});
      if (!answer.ok) throw new Error(`/session answered ${answer.status}`);
      if ((await answer.json()).role !== null) return this.#open();
      this.#turn("refused");
    } catch {
      this.#turn("lost");
    } finally {
      this.connecting = false;
    }
    this.#connectLater();
  }

  #open() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/live`);
    this.socket = socket;
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(event.code);
    this.quiet.hear();
  }

  /** Give up a dead WebSocket; closing it properly would need an answer. */
  #replace() {
    const {socket} = this;
    if (socket === null) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#closed(0);
  }

  /** @param {number} code */
  #closed(code) {
    if (code === SIGNED_OUT) return location.reload(); // nothing of the system stays on the screen
    this.socket = null;
    for (const subscription of this.wanted) subscription.id = null;
    this.byId.clear();
    const waiting = [...this.asked.values()];
    this.asked.clear();
    for (const each of waiting)
      each.reject({kind: "ConnectionLost", text: "The connection was lost before the answer arrived. Check whether the action was carried out."});
    this.blocked = this.hello === null;
    this.#turn("lost");
    this.#connectLater();
  }

  #connectLater() {
    clearTimeout(this.timer);
    const pause = Math.min(LONGEST, SHORTEST * 2 ** this.failures++);
    this.timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
  }

  #connectNow() {
    clearTimeout(this.timer);
    this.#connect();
  }

  /** @param {Phase} phase */
  #turn(phase) {
    if (this.phase === phase && !this.blocked) return;
    this.phase = phase;
    this.#tell();
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}

/** The connection of this page. */
export const live = new Live();
