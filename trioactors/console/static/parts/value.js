// @ts-check
/** Plain data, drawn as text, and the differences between two values. */

import {html} from "/static/parts/dom.js";
import {NOTHING} from "/static/parts/format.js";

/** Deeper parts start folded. */
const OPEN = 2;
/** Changes shown per step. */
const SHOWN = 20;
/** Characters of a value in one line. */
const LETTERS = 160;

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

/** @param {{value: any, path?: string, depth?: number, changed?: Set<string>}} props */
export function Value({value, path = "", depth = 0, changed}) {
  if (!compound(value)) return html`<code class=${kind(value)}>${typeof value === "string" ? value || '""' : String(value)}</code>`;
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return html`<code class="muted">${list ? "[ ]" : "{ }"}</code>`;
  const inside = html`<dl class="value">${entries.map(([key, each]) => {
    const here = list ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    return html`<div key=${key} class=${changed?.has(here) ? "changed" : null} data-path=${here}><dt>${list ? html`<span class="muted">${key}</span>` : key}</dt>
      <dd><${Value} value=${each} path=${here} depth=${depth + 1} changed=${changed} /></dd></div>`;
  })}</dl>`;
  if (depth === 0) return inside;
  return html`<details open=${depth < OPEN}><summary class="muted">${list ? `${entries.length} items` : `${entries.length} fields`}</summary>${inside}</details>`;
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
      <code class="path">${named(path)}</code> ${before === undefined ? html`<span class="muted">new</span>` : html`<code class="was">${inLine(before)}</code>`}${" "}
      ${after === undefined ? html`<span class="muted">removed</span>` : html`<span class="muted">→</span> <code class="is">${inLine(after)}</code>`}</li>`)}
    ${(Number(more) > 0 || changes.length > SHOWN) && html`<li class="muted">and ${Number(more) > 1 ? `${more} more` : "more"}</li>`}</ul>`;
}

/** @param {any} path */
export function named(path) {
  if (!Array.isArray(path)) return String(path ?? "") || "state";
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index ? "." : ""}${step}`)).join("") || "state";
}
