// @ts-check
/** One crash, to be read in seconds: the error, the line of the program, then its causes; frames of libraries and the report are folded. */

import {report} from "/static/parts/actions.js";
import {causeOf, useMutes} from "/static/parts/crashes.js";
import {html, useReducer, useRef} from "/static/parts/dom.js";
import {Fold, isOpen} from "/static/parts/fold.js";
import {foreign, lines} from "/static/parts/foreign.js";
import {counted, dated, moment, number} from "/static/parts/format.js";
import {mute} from "/static/parts/mutes.js";
import {isolated} from "/static/parts/visible.js";

const LINKS = {cause: "It was caused by", context: "It was raised while this was handled:", part: "In the group:"};
/** Bars of the last hour: each is two minutes. */
const BARS = 30, BAR = 120;

/** @typedef {{file: string, line: number, function: string, code: string, own: boolean, package: string}} Frame */
/** @typedef {{type: string, text: string, link: string, depth: number, notes: string[], frames: Frame[], left_out: number, parts: number}} Raised */

/**
 * While something of it is unfolded, it stays at the crash that is being read, and says that there is a newer one.
 * @param {{id: string, row: any, times?: import("/static/parts/crashes.js").Occurrences, now?: number|null}} props its `FailureRow`; *now* is on the wall clock
 */
export function Crash({id, row, times, now = null}) {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const kept = useRef(row);
  const folds = [`${id} report`, `${id} frames`];
  if (!folds.some(isOpen)) kept.current = row;
  const shown = kept.current;
  const newest = () => {
    kept.current = row;
    redraw(undefined);
  };
  // The time of a crash in an earlier run is worked out from the wall clock each time.
  const newer = shown.name !== row.name || shown.incarnation !== row.incarnation || Math.abs(shown.time - row.time) > 1;
  return html`<div class="crash" data-crash=${shown.name}>
    <${Errors} id=${folds[1]} row=${shown} onTurn=${redraw} />
    ${times && now !== null && html`<${Times} ...${times} now=${now} />`}
    ${newer && html`<p class="muted" data-newer>There is a newer crash. <button class="plain" onClick=${newest}>Show it</button></p>`}
    <${Fold} id=${folds[0]} label="Whole report" onTurn=${redraw} data-whole><pre data-report tabindex="0">${shown.report ? lines(shown.report) : "It was not kept."}</pre><//>
    <p class="buttons"><button class="quiet" data-copy onClick=${() => copy(shown)}>Copy report</button><${Mute} cause=${causeOf(shown)} /></p>
  </div>`;
}

/** @param {{cause: string}} props */
export function Mute({cause}) {
  const muted = useMutes().includes(cause);
  return html`<button class="quiet" data-mute aria-pressed=${muted ? "true" : "false"} aria-label=${`${muted ? "Unmute" : "Mute"} ${isolated(cause)}`}
    title="In this browser: no badge counts it, and it is folded among the failures" onClick=${() => mute(cause, !muted)}>${muted ? "Unmute" : "Mute"}</button>`;
}

/** @param {any} row */
async function copy(row) {
  const text = row.report || `${row.name}: ${row.reason}\n${row.text}`;
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text); // a page without https has no clipboard
    report("The report was copied.");
  } catch (error) {
    report(`The report could not be copied: ${error}. Unfold it, and copy it from there.`, true);
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const place = Object.assign(document.createElement("textarea"), {value: text, className: "unseen"});
  document.body.append(place);
  place.select();
  const done = document.execCommand("copy");
  place.remove();
  if (!done) throw new Error("the browser refused");
}

/** @param {{id: string, row: any, onTurn: () => void}} props */
function Errors({id, row, onTurn}) {
  /** @type {Raised[]} */
  const errors = row.errors ?? [];
  if (errors.length === 0) return html`<p class="raised"><b class="bad-text">${foreign(row.reason)}</b> ${lines(row.text)}</p>`;
  const left = errors[0].parts - errors.filter((each) => each.link === "part" && each.depth === 1).length;
  return html`${errors.map((each, place) => html`<${OneError} key=${place} error=${each} />`)}
    ${left > 0 && html`<p class="muted">and ${counted(left, "further error")} in the group; see the report</p>`}
    <${Fold} id=${id} label=${counts(errors)} onTurn=${onTurn} data-frames>${errors.map((each, place) => html`<${Frames} key=${place} id=${`${id} ${place}`} error=${each} />`)}<//>`;
}

/** @param {Raised[]} errors */
function counts(errors) {
  const frames = errors.flatMap((each) => each.frames);
  const own = frames.filter((each) => each.own).length;
  return `All frames: ${number(own)} own, ${number(frames.length - own)} of libraries`;
}

/** An error with the innermost line of the program. @param {{error: Raised}} props */
function OneError({error}) {
  const {type, text, link, depth, notes, frames} = error;
  const place = frames.findLast((each) => each.own) ?? frames.at(-1);
  return html`<div class="error" style=${{marginLeft: `${Math.min(depth, 5)}rem`}} data-link=${link}>
    ${link !== "raised" && html`<p class="muted">${LINKS[link] ?? link}</p>`}
    <p class="raised">${text.startsWith(`${type}(`) ? html`<b class="bad-text">${lines(text)}</b>` : html`<b class="bad-text">${foreign(type)}</b>${text && html`: ${lines(text)}`}`}</p>
    ${notes.map((note, index) => html`<p key=${index} class="raised muted">${lines(note)}</p>`)}
    ${place && html`<${Place} frame=${place} />`}
  </div>`;
}

/** @param {{frame: Frame}} props */
function Place({frame}) {
  const parts = frame.file.split(/[/\\]/);
  const file = parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : frame.file;
  return html`<div class=${frame.own ? "place own" : "place"} data-frame=${frame.own ? "own" : "library"} title=${isolated(frame.file)}>
    <p><code>${foreign(file)}:${frame.line}</code> <span class="muted">in</span> <code>${foreign(frame.function)}</code></p>${frame.code && html`<code class="line">${lines(frame.code)}</code>`}</div>`;
}

/** All frames of an error, outermost first; those of libraries are folded. @param {{id: string, error: Raised}} props */
function Frames({id, error}) {
  /** @type {Frame[][]} */
  const runs = [];
  for (const frame of error.frames) {
    const run = runs.at(-1);
    if (run !== undefined && !frame.own && !run[0].own) run.push(frame);
    else runs.push([frame]);
  }
  return html`<h3>${foreign(error.type)}, most recent call last</h3>
    ${error.left_out > 0 && html`<p class="muted">${counted(error.left_out, "outer frame is", "outer frames are")} left out.</p>`}
    ${runs.map((run, place) => (run[0].own ? html`<${Place} key=${place} frame=${run[0]} />`
      : html`<${Fold} key=${place} id=${`${id} ${place}`} data-library=${run.length} label=${`${counted(run.length, "frame")} of ${[...new Set(run.map((each) => isolated(each.package)))].join(", ")}`}>
        ${run.map((frame, index) => html`<${Place} key=${index} frame=${frame} />`)}<//>`))}`;
}

/** How often and when, with a bar for every two minutes of the last hour. @param {any} props */
function Times({count, first, last, minutes, now}) {
  const bars = Array(BARS).fill(0);
  for (const [start, times] of minutes) {
    const back = Math.floor((now - start) / BAR);
    if (back >= 0 && back < BARS) bars[BARS - 1 - back] += times;
  }
  const most = Math.max(1, ...bars);
  const hour = bars.reduce((sum, each) => sum + each, 0);
  return html`<p class="times" data-times=${count}><svg width="122" height="26" viewBox="0 0 122 26" role="img" aria-label=${`${counted(hour, "time")} in the last hour`}>
      <path class="ground" d="M0 25.5h122" />
      ${bars.map((times, place) => times > 0 && html`<rect key=${place} x=${place * 4 + 1} width="3" y=${25 - 24 * times / most} height=${24 * times / most}><title>${times} about ${moment(now - (BARS - 1 - place) * BAR)}</title></rect>`)}
    </svg><span>${counted(count, "time")}, ${number(hour)} in the last hour <span class="muted">first ${dated(first)}, last ${dated(last)}</span></span></p>`;
}
