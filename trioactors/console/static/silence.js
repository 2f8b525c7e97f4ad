// @ts-check
/**
 * Watches a WebSocket for silence.
 *
 * The console sends something every second. If nothing comes, the program stands still or the line is dead, which look the same from here:
 * the page says so, and requests `/session` from time to time. If that is answered, only the WebSocket is dead, and is replaced.
 *
 * While nobody looks at the page, and after the page itself stood still, as in a laptop that slept, the watch starts anew: that is no alarm.
 */

/** Milliseconds without a message after which the page says so. */
const QUIET = 2_400;
/** Milliseconds between two looks at the clock, and after which the page itself stood still. */
const LOOK = 250, ASLEEP = 1_500;
/** Milliseconds between two probes, for the answer to one, and until a program that goes on has sent something. */
const PROBE = 5_000, AWAKE = 1_500;

export class Silence {
  /** @param {() => WebSocket|null} socket @param {() => void} changed @param {() => void} dead called if the WebSocket is to be replaced */
  constructor(socket, changed, dead) {
    this.socket = socket;
    this.changed = changed;
    this.dead = dead;
    this.heard = this.looked = this.probed = 0;
    /** Seconds without a message; 0 if that is not long. */
    this.seconds = 0;
  }

  start() {
    setInterval(() => this.look(), LOOK);
  }

  /** A message came, or a new watch begins. */
  hear() {
    this.heard = this.looked = performance.now();
    this.#turn(0);
  }

  look() {
    const now = performance.now();
    const slept = now - this.looked > ASLEEP;
    this.looked = now;
    if (this.socket() === null || document.hidden || slept) return this.hear();
    const quiet = now - this.heard;
    this.#turn(quiet < QUIET ? 0 : Math.floor(quiet / 1000));
    if (quiet > PROBE && now - this.probed > PROBE) this.#probe(now);
  }

  /** @param {number} now */
  async #probe(now) {
    this.probed = now;
    const [socket, heard] = [this.socket(), this.heard];
    try {
      await fetch("/session", {cache: "no-store", signal: AbortSignal.timeout(PROBE)});
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, AWAKE));
    if (this.socket() === socket && this.heard === heard) this.dead();
  }

  /** @param {number} seconds */
  #turn(seconds) {
    if (seconds === this.seconds) return;
    this.seconds = seconds;
    this.changed();
  }
}
