// @ts-check
/** Small components for one fact: a status, a name, a share, a time. */

import {systemTime, wallTime} from "/static/figures.js";
import {createContext, html, useContext} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, dated, duration, moment, number} from "/static/parts/format.js";
import {address} from "/static/routes.js";

const MEANING = {running: "good", starting: "busy", restarting: "warn", stopping: "warn", undefined: "bad", failed: "bad"};

/** The time as of which something is shown, if not now. */
export const AsOf = createContext(/** @type {number|null} */ (null));

/** The time on the clock of the system, or that of `AsOf`. @returns {number|null} */
export function useNow() {
  return useContext(AsOf) ?? systemTime();
}

/** @param {{status: string}} props */
export function Status({status}) {
  return html`<span class="status ${MEANING[status] ?? ""}" data-status=${status}>${status === "undefined" ? "down" : status}</span>`;
}

/** @param {{name: string}} props */
export function ActorLink({name}) {
  if (name.startsWith(":")) return html`<span class="name">${foreign(name)}</span>`;
  return html`<a class="name" href=${address("actor", name)}>${foreign(name)}</a>`;
}

/** The time since a moment. @param {{time: number|null|undefined, ago?: boolean}} props */
export function Ago({time, ago = true}) {
  const now = useNow();
  if (now === null || time === null || time === undefined) return html`${NOTHING}`;
  return html`<time title=${dated(wallTime(time) ?? 0)}>${duration(seconds(now - time))}${ago ? " ago" : ""}</time>`;
}

/** Count up in whole seconds, which is easier on the eye. @param {number} value */
function seconds(value) {
  return value < 1 ? 0 : Math.floor(value);
}

/** A moment on the wall clock. @param {{time: number|null|undefined}} props */
export function When({time}) {
  const wall = wallTime(time);
  return wall === null ? html`${NOTHING}` : html`<time class="when" title=${dated(wall)}>${moment(wall, true)}</time>`;
}

/** A share of a whole. @param {{used: number, of: number, label: string}} props */
export function Share({used, of, label}) {
  const share = of > 0 ? Math.min(1, used / of) : 0;
  const level = share >= 1 ? "bad" : share >= 0.6 ? "warn" : "";
  return html`<span class="share" title=${`${label}: ${number(used)} of ${number(of)}`}>
    <span>${number(used)}<span class="muted"> / ${number(of)}</span></span>
    <span class=${`bar ${level}`} aria-hidden="true"><i style=${{width: `${share * 100}%`}}></i></span></span>`;
}

/** The restarts that count below a supervisor, and how many are allowed. @param {{budget: any}} props */
export function Budget({budget}) {
  if (budget.allowed !== null) return html`<${Share} used=${budget.used} of=${budget.allowed} label="Restarts" />`;
  const allowed = budget.child_allowed === null ? "no limit" : `${number(budget.child_allowed)} for each child`;
  return html`<span class="share" title=${`Restarts: ${number(budget.used)}, ${allowed}`}><span>${number(budget.used)}<span class="muted"> / ${allowed}</span></span></span>`;
}

/** The rest of the back-off of a child that waits for its restart. @param {{time: number|null|undefined}} props */
export function RestartsIn({time}) {
  const now = useNow();
  if (now === null || time === null || time === undefined) return null;
  return html`<small class="muted" data-restarts> in ${duration(Math.max(0, Math.ceil(time - now)))}</small>`;
}

/** The reason of an exit. @param {{text: string|null|undefined}} props */
export function Ended({text}) {
  if (!text) return html`<span class="muted">${NOTHING}</span>`;
  return html`<span class=${orderly(text) ? "muted" : "bad-text"}>${foreign(text)}</span>`;
}

/** Whether an exit was orderly. @param {string|null|undefined} text */
export function orderly(text) {
  return !text || /^(normal|shutdown)\b/.test(text);
}

/** An error of the console. @param {{error: import("/static/live.js").Problem}} props */
export function Problem({error}) {
  return html`<div class="banner bad" data-problem=${error.kind}><strong>${error.kind}</strong> ${foreign(error.text)}</div>`;
}
