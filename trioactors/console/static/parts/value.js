// @ts-check
/** Plain data, drawn as text, and the differences between two values. */

import {html, useState} from "/static/parts/dom.js";
import {foreign, lines} from "/static/parts/foreign.js";
import {NOTHING, counted, number} from "/static/parts/format.js";
import {Part} from "/static/parts/part.js";

/** Deeper parts start folded. */
const OPEN = 2;
/** Changes shown per step. */
const SHOWN = 20;
/** Characters of a value in one line. */
const LETTERS = 160;
/** Items shown of a list that goes on, as on its other pages. */
const SHORT = 50;
/** The key of the note that an object was cut. */
const CUT = "…";

/** @typedef {{path: string, before?: any, after?: any}} Change */

/** @param {any} value */
function compound(value) {
  return typeof value === "object" && value !== null;
}

/** A value in one line. @param {any} value */
export function inLine(value) {
  if (value === undefined) return NOTHING;
  const text = typeof value === "string" ? JSON.stringify(value) : JSON.stringify(value) ?? String(value);
  return text.length > LETTERS ? `${text.slice(0, LETTERS)}…` : text;
}

/** @param {{value: any, path?: string, depth?: number, changed?: Set<string>, place?: import("/static/parts/part.js").Place}} props
 *  with a *place*, what is cut can be read to its end */
export function Value({value, path = "", depth = 0, changed, place}) {
  const total = place?.cuts.get(JSON.stringify(place.steps));
  if (!compound(value)) return html`<code class=${kind(value)}>${typeof value === "string" ? (value ? lines(value) : '""') : String(value)}</code>
    ${total !== undefined && html`<${Rest} place=${place} total=${total} />`}`;
  const list = Array.isArray(value);
  const entries = total === undefined ? Object.entries(value) : Object.entries(value).filter(([key], index, all) => (list ? index < all.length - 1 : key !== CUT));
  if (entries.length === 0 && total === undefined) return html`<code class="muted">${list ? "[ ]" : "{ }"}</code>`;
  const count = total ?? entries.length;
  const enough = entries.length >= Math.min(count, SHORT);
  const inside = html`<dl class="value">${(total === undefined ? entries : entries.slice(0, SHORT)).map(([key, each]) => {
    const here = list ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    const inner = place && {...place, steps: [...place.steps, list ? Number(key) : key]};
    return html`<div key=${key} class=${changed?.has(here) ? "changed" : null} data-path=${here}><dt>${list ? html`<span class="muted">${key}</span>` : foreign(key)}</dt>
      <dd><${Value} value=${each} path=${here} depth=${depth + 1} changed=${changed} place=${inner} /></dd></div>`;
  })}</dl>`;
  const shown = total === undefined || !place ? inside : html`<${Part} place=${place} total=${total} first=${inside} enough=${enough} />`;
  if (depth === 0) return shown;
  return html`<details open=${depth < OPEN}><summary class="muted">${list ? counted(count, "item") : counted(count, "field")}</summary>${shown}</details>`;
}

/** What is not shown of a text, or of a part that lies too deep, once it is asked for. */
function Rest({place, total}) {
  const [open, turn] = useState(false);
  return html` <details onToggle=${(event) => turn(event.target.open)}><summary class="muted">All ${number(total)}</summary>${open && html`<${Part} place=${place} total=${total} />`}</details>`;
}

/** @param {any} value */
function kind(value) {
  if (value === null || typeof value === "boolean") return "of-word";
  return typeof value === "number" ? "of-number" : "of-text";
}

/** The value of an own key; undefined for an inherited one. @param {any} value @param {string} key */
function own(value, key) {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** The differences, path by path. @param {any} before @param {any} after @param {string} [path] @param {Change[]} [found] @returns {Change[]} */
export function differences(before, after, path = "", found = []) {
  if (found.length > SHOWN || before === after) return found;
  if (!compound(before) || !compound(after) || Array.isArray(before) !== Array.isArray(after)) {
    found.push({path: path || "state", before, after});
    return found;
  }
  const list = Array.isArray(after);
  if (list && moved(before, after, path || "state", found)) return found;
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
    differences(own(before, key), own(after, key), list ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`, found);
  return found;
}

/** Report only the items removed at the beginning of a list and added at its end, if there are no other changes.
 * @param {any[]} before @param {any[]} after @param {string} path @param {Change[]} found */
function moved(before, after, path, found) {
  const [old, now] = [before.map((item) => JSON.stringify(item)), after.map((item) => JSON.stringify(item))];
  if (old.length === now.length && old.some((item, index) => index > 0 && item === now[index])) return false;
  for (let lost = 0; lost < old.length; lost++) {
    const kept = old.length - lost;
    if (kept > now.length || old.slice(lost).some((item, index) => item !== now[index])) continue;
    if (lost > 0) found.push({path: `${path}[0${lost > 1 ? `…${lost - 1}` : ""}]`, before: lost > 1 ? before.slice(0, lost) : before[0]});
    if (now.length > kept)
      found.push({path: `${path}[${kept}${now.length - kept > 1 ? `…${now.length - 1}` : ""}]`, after: now.length - kept > 1 ? after.slice(kept) : after[kept]});
    return true;
  }
  return false;
}

/** The changes of one step. @param {{changes: Change[]|null, more?: number|boolean}} props */
export function Changes({changes, more = 0}) {
  if (changes === null) return html`<p class="muted">Changes are not shown: the class does not say <code>inspect=True</code>.</p>`;
  if (changes.length === 0) return html`<p class="muted">No visible changes.</p>`;
  return html`<ul class="changes">${changes.slice(0, SHOWN).map(({path, before, after}, index) => html`<li key=${index} data-path=${named(path)}>
      <code class="path">${foreign(named(path))}</code> ${before === undefined ? html`<span class="muted">new</span>` : html`<code class="was">${foreign(inLine(before))}</code>`}${" "}
      ${after === undefined ? html`<span class="muted">removed</span>` : html`<span class="muted">→</span> <code class="is">${foreign(inLine(after))}</code>`}</li>`)}
    ${(Number(more) > 0 || changes.length > SHOWN) && html`<li class="muted">and ${Number(more) > 1 ? `${more} more` : "more"}</li>`}</ul>`;
}

/** @param {any} path */
export function named(path) {
  if (!Array.isArray(path)) return String(path ?? "") || "state";
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index ? "." : ""}${step}`)).join("") || "state";
}
