// @ts-check
/** The badge of the view of failures: crashes and dead letters since the view was last seen, or the badge dismissed, in this browser session. */

import {origin, useFigures} from "/static/figures.js";
import {live} from "/static/live.js";
import {useMutes, useOccurrences} from "/static/parts/crashes.js";
import {html, useEffect, useReducer, useRef} from "/static/parts/dom.js";
import {counted, number} from "/static/parts/format.js";
import {useWatch} from "/static/parts/watching.js";

const KEY = "trioactors seen";
const ROWS = {limit: 100};
/** Seconds that the wall clock may be set without the program being taken for another run. */
const SAME = 3_600;

/** @typedef {{origin: number, failures: number, letters: number, muted: Record<string, number>}} Seen */

/** @type {Seen} */
const NOTHING = {origin: 0, failures: 0, letters: 0, muted: {}};
/** @type {Seen} */
let seen = read();

/** @returns {Seen} */
function read() {
  try {
    return {...NOTHING, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}")};
  } catch {
    return NOTHING; // the browser keeps nothing
  }
}

/** @param {Seen} next */
function remember(next) {
  seen = next;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // it holds as long as the page is open
  }
}

/** The crashes of a cause in earlier runs of the program: what is not known to be of this one. @param {any} times @param {number} run */
function earlier(times, run) {
  if (!times || times.first >= run) return 0;
  return times.count - (times.hours ?? times.minutes).reduce((sum, [start, count]) => (start >= run ? sum + count : sum), 0);
}

/** @param {{current: string}} props the view that is shown */
export function News({current}) {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const {figures} = useFigures();
  const muted = useMutes();
  const here = current === "failures";
  const asks = muted.length > 0 && !live.knows("topics", "failure_groups");
  const {value} = useWatch(asks && !here ? "failures" : null, ROWS);
  const times = useOccurrences(muted.length > 0, value?.rows);
  const run = origin() ?? 0;
  const known = Math.abs(seen.origin - run) < SAME ? seen : NOTHING;
  const counts = Object.fromEntries(muted.map((cause) => [cause, times(cause)?.count ?? 0]));
  const quiet = muted.reduce((sum, cause) => sum + Math.max(0, counts[cause] - (known.muted[cause] ?? earlier(times(cause), run))), 0);
  const look = () => figures && remember({origin: run, failures: figures.failures, letters: figures.dead_letters, muted: counts});
  const dismiss = () => {
    look();
    redraw(undefined);
  };
  const left = useRef(/** @type {any} */ (null));
  useEffect(() => {
    if (here || (left.current !== null && left.current !== figures)) look();
    if (here) left.current = figures;
    else if (left.current !== figures) left.current = null;
  }, [here, figures, JSON.stringify(counts)]);
  // The view may have shown more than the last figures counted: those that come when it is left count as seen, too.
  useEffect(() => (here ? () => live.refresh() : undefined), [here]);
  if (figures === null || here) return null;
  const crashes = Math.max(0, figures.failures - known.failures - quiet);
  const letters = Math.max(0, figures.dead_letters - known.letters);
  if (crashes + letters === 0) return null;
  const text = [crashes > 0 && counted(crashes, "new failure"), letters > 0 && counted(letters, "new dead letter")].filter(Boolean).join(", ");
  return html`<button class="badge" data-badge="failures" aria-label=${`${text}: dismiss`} title=${`${text}; click to dismiss`} onClick=${dismiss}>${number(crashes + letters)}<i aria-hidden="true">✕</i></button>`;
}
