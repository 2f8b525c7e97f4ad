// @ts-check
/**
 * The socket to the console, and everything that is watched over it.
 *
 * What is wanted is a set of subscriptions; the socket is only a means. A view says what it watches and forgets about
 * connections. Whenever a socket has been greeted, every subscription is asked for anew under a fresh number, so a late answer
 * to an old number is nobody's. A value begins again with a snapshot. A stream remembers its cursor and reads on from there: what
 * happened while the connection was lost is told afterwards, as far as the console has kept it.
 *
 * Before each socket, `/session` is asked who we are. It tells three things apart that look the same from a socket that fails:
 * nobody answers (lost: try again, after pauses that grow, with a jitter so that many pages do not come at once), we are not
 * signed in any more (refused: the console was started anew, only a new link helps), and all is well.
 *
 * Nobody looks at a hidden page: then everything is let go, and watched again when it is seen. However much comes in, each
 * subscriber is told at most once a frame.
 */

const SHORTEST = 400;
const LONGEST = 15_000;

/** @typedef {{kind: string, text: string}} Problem */
/** @typedef {"starting"|"open"|"lost"|"refused"} Phase */

/** The value that a change makes of the old one, which stays as it is. See docs/console-protocol.md.
 * @param {any} old @param {any} change @returns {any} */
export function applied(old, change) {
  if ("is" in change) return change.is;
  if ("list" in change)
    return change.list.flatMap((/** @type {any} */ entry) =>
      Array.isArray(entry) ? old.slice(entry[0], entry[0] + entry[1])
      : "from" in entry ? [applied(old[entry.from], entry.change)]
      : [entry.is]);
  const value = new Map(Object.entries(old)); // any text may be a key, also one that means something to an object
  for (const key of change.gone ?? []) value.delete(key);
  for (const [key, each] of Object.entries(change.change ?? {})) value.set(key, applied(value.get(key), each));
  for (const [key, each] of Object.entries(change.set ?? {})) value.set(key, each);
  return Object.fromEntries(value);
}

/** Something that is watched, whatever becomes of the connection. */
export class Subscription {
  /** @param {Live} live @param {string} topic @param {object} options @param {number} every
   *  @param {() => void} told @param {((rows: any[], lost: number) => void) | null} took where it is a stream */
  constructor(live, topic, options, every, told, took) {
    this.live = live;
    this.topic = topic;
    this.options = options;
    this.every = every;
    this.told = told;
    this.took = took;
    /** @type {string|null} the number under which it is watched now */
    this.id = null;
    this.value = undefined;
    /** @type {Problem|null} */
    this.error = null;
    /** @type {number|undefined} */
    this.cursor = undefined;
    this.ended = false;
  }

  close() {
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
      this.took?.(message.rows, message.lost);
    }
  }

  /** Streams that are behind may jump to what happens now. */
  skip() {
    this.cursor = undefined;
    this.live.renew(this);
  }
}

export class Live {
  constructor() {
    /** @type {Phase} */
    this.phase = "starting";
    /** @type {any} what the console said when it greeted us */
    this.hello = null;
    /** @type {Set<() => void>} told of each change of phase */
    this.listeners = new Set();
    /** @type {Set<Subscription>} */
    this.wanted = new Set();
    /** @type {Map<string, Subscription>} */
    this.numbered = new Map();
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
    /** Signed in, and yet no socket was ever opened: something on the way does not let it through. */
    this.blocked = false;
  }

  /** Connect, and stay connected. */
  start() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.#wake()));
    window.addEventListener("online", () => this.#soon());
    return this.#connect();
  }

  /** Whether the console knows a topic, a question or an action. @param {"topics"|"questions"|"actions"} what @param {string} name */
  knows(what, name) {
    return Boolean(this.hello?.[what]?.includes(name));
  }

  get admin() {
    return this.hello?.role === "admin";
  }

  /** @param {string} topic @param {object} options @param {number} every @param {() => void} told */
  watch(topic, options, every, told) {
    return this.#want(new Subscription(this, topic, options, every, told, null));
  }

  /** @param {string} topic @param {object} options @param {number} every @param {() => void} told
   *  @param {(rows: any[], lost: number) => void} took */
  stream(topic, options, every, told, took) {
    return this.#want(new Subscription(this, topic, options, every, told, took));
  }

  /** A question. Rejects with a `Problem`. @param {string} what @param {object} options @returns {Promise<any>} */
  ask(what, options) {
    return this.#request("ask", what, options);
  }

  /** An action. Rejects with a `Problem`. @param {string} what @param {object} options @returns {Promise<any>} */
  act(what, options) {
    return this.#request("act", what, options);
  }

  /** @param {Subscription} subscription */
  drop(subscription) {
    this.wanted.delete(subscription);
    this.dirty.delete(subscription);
    this.#unwatch(subscription);
  }

  /** Ask for it anew. @param {Subscription} subscription */
  renew(subscription) {
    this.#unwatch(subscription);
    this.#watch(subscription);
  }

  // --- what is sent ---

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
    this.numbered.set(id, subscription);
    const {topic, options, every, cursor} = subscription;
    this.#send({type: "watch", id, topic, every, options: cursor === undefined ? options : {...options, cursor}});
  }

  /** @param {Subscription} subscription */
  #unwatch(subscription) {
    if (subscription.id === null) return;
    this.numbered.delete(subscription.id);
    if (this.phase === "open") this.#send({type: "unwatch", id: subscription.id});
    subscription.id = null;
  }

  /** @param {"ask"|"act"} type @param {string} what @param {object} options */
  #request(type, what, options) {
    return new Promise((resolve, reject) => {
      if (this.phase !== "open") return reject({kind: "NotConnected", text: "The console cannot be reached now."});
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
    if (this.phase === "open") for (const subscription of this.wanted) this.#watch(subscription);
    else this.#soon();
  }

  // --- what is read ---

  /** @param {any} message */
  #take(message) {
    if (message.type === "hello") return this.#greeted(message);
    if (message.type === "answer") return this.#answered(message);
    const subscription = this.numbered.get(message.id);
    if (subscription === undefined) {
      if (this.asked.has(message.id)) this.#answered({...message, ok: false});
      return;
    }
    try {
      subscription.take(message);
    } catch {
      this.#send({type: "resync", id: message.id});
    }
    this.#tell(subscription);
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
  #tell(subscription) {
    if (this.dirty.size === 0) requestAnimationFrame(() => this.#draw());
    this.dirty.add(subscription);
  }

  #draw() {
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const subscription of dirty) subscription.told();
  }

  // --- the connection ---

  async #connect() {
    if (this.connecting || this.socket !== null) return;
    this.connecting = true;
    try {
      const answer = await fetch("/session", {cache: "no-store"});
      if (!answer.ok) throw new Error(`/session answered ${answer.status}`);
      if ((await answer.json()).role !== null) return this.#open();
      this.#turn("refused");
    } catch {
      this.#turn("lost");
    } finally {
      this.connecting = false;
    }
    this.#later();
  }

  #open() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/live`);
    this.socket = socket;
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = () => this.#closed();
  }

  #closed() {
    this.socket = null;
    for (const subscription of this.wanted) subscription.id = null;
    this.numbered.clear();
    const waiting = [...this.asked.values()];
    this.asked.clear();
    for (const each of waiting)
      each.reject({kind: "ConnectionLost", text: "The connection was lost before the answer came. Look whether it was done."});
    this.blocked = this.hello === null;
    this.#turn("lost");
    this.#later();
  }

  #later() {
    clearTimeout(this.timer);
    const pause = Math.min(LONGEST, SHORTEST * 2 ** this.failures++);
    this.timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
  }

  #soon() {
    clearTimeout(this.timer);
    this.#connect();
  }

  /** @param {Phase} phase */
  #turn(phase) {
    if (this.phase === phase && !this.blocked) return;
    this.phase = phase;
    for (const listener of this.listeners) listener();
  }
}

/** The one connection of this page. */
export const live = new Live();
