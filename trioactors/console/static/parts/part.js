// @ts-check
/** A part of a state that is too large to be sent with it: read and searched by the console, page by page, to its end. */

import {html, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {counted, number} from "/static/parts/format.js";
import {useTyped} from "/static/parts/search.js";
import {Problem} from "/static/parts/signs.js";
import {Pager} from "/static/parts/table.js";
import {Value} from "/static/parts/value.js";
import {useWatch} from "/static/parts/watching.js";

/** Rows of a page. */
const PAGE = 50;
/** Milliseconds after the last key press until the search starts. */
const PAUSE = 300;
/** Seconds between two looks at a page, and between two searches, which read much more than they show. */
const [LOOKS, SEARCHES] = [1, 10];

/** @typedef {{name: string, steps: (string|number)[], cuts: Map<string, number>}} Place a part of the state of an actor, and where it is cut */

/** The cuts by the paths to them. @param {any[]|undefined} cuts @param {(string|number)[]} [before] @returns {Map<string, number>} */
export function cutsOf(cuts, before = []) {
  return new Map((cuts ?? []).map(({path, total}) => [JSON.stringify([...before, ...path]), total]));
}

/** The rest of a part. Its first page is what there is already, if that is enough.
 * @param {{place: Place, total: number, first?: any, enough?: boolean}} props */
export function Part({place, total, first = null, enough = false}) {
  const [offset, turn] = useState(0);
  const [search, look] = useState("");
  const {name, steps} = place;
  const here = enough && offset === 0 && search === "";
  const {value, error, stale} = useWatch(here ? null : "state", {name, path: steps, limit: PAGE, offset, search}, search === "" ? LOOKS : SEARCHES);
  const typed = useTyped(search, (text) => { look(text); turn(0); }, PAUSE);
  const all = here || !value ? total : value.total;
  return html`<div class="part" data-part=${steps.join(".")}>
    <div class="tools"><input type="search" aria-label=${`Search in ${counted(total, "item")}`} placeholder="Search here" maxlength="1000" ...${typed} />
      ${search === "" ? html`<${Pager} total=${all} offset=${offset} limit=${PAGE} onTurn=${turn} />` : value && !stale && html`<${Found} value=${value} offset=${offset} onTurn=${turn} />`}</div>
    ${error && html`<${Problem} error=${error} />`}
    ${here ? first : html`<dl class=${stale ? "value stale" : "value"}>${(value?.rows ?? []).map((row) => html`<div key=${row.step}>
      <dt>${foreign(row.key)}</dt><dd><${Value} value=${row.value} depth=${1} place=${{name, steps: [...steps, row.step], cuts: cutsOf(row.cuts, [...steps, row.step])}} /></dd></div>`)}</dl>`}
    ${value === null && html`<p class="muted">Not shown any more: the actor is not running.</p>`}
  </div>`;
}

/** How far a search has come, and how to go on. */
function Found({value, offset, onTurn}) {
  const whole = offset === 0 && value.end >= value.total;
  return html`<span role="status" data-found>${counted(value.matched, "match", "matches")}${whole ? ` in ${number(value.total)}` : ` from ${number(offset + 1)} to ${number(value.end)} of ${number(value.total)}`}</span>
    ${offset > 0 && html`<button onClick=${() => onTurn(0)}>First</button>`}
    ${value.next !== null && html`<button onClick=${() => onTurn(value.next)}>Search on</button>`}`;
}
