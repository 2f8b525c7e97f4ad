// @ts-check
/**
 * Buttons that save a whole table as a file: all its pages, as the console sends them, not the cells that are shown. The form of CSV is that
 * of RFC 4180, in UTF-8. A text that a spreadsheet would take for a formula gets an apostrophe in front.
 */

import {wallTime} from "/static/figures.js";
import {live} from "/static/live.js";
import {report} from "/static/parts/actions.js";
import {html, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {number} from "/static/parts/format.js";

/** The most rows of a file. */
export const MOST = 10_000;
/** The most rows asked for at once. */
const PAGE = 500;
/** Fields that hold a moment on the clock of the system, which means nothing in a file. */
const TIMES = new Set(["time", "since", "last", "due", "restart_at", "handling_since", "committed_at", "committing_since", "paused_since", "worst_at", "running_since", "silenced"]);

/** @typedef {{topic?: string, question?: string, options?: object, pages?: boolean, most?: number, wall?: string[]}} Source
 *   a topic whose value has the rows, or a question whose answer has them; with *pages*, it takes a `limit`, which is *most* at most, and an
 *   `offset`; the fields *wall* are moments on the wall clock */

/** All rows of a source, each once, and how many there are. @param {Source} source @param {(row: any) => any} identity */
async function fetched({topic, question = "look", options = {}, pages = true, most: allowed = PAGE}, identity) {
  const most = Math.min(allowed, live.hello?.limits?.rows ?? PAGE);
  /** @type {Map<any, any>} */
  const found = new Map();
  for (let offset = 0; ; offset += most) {
    const value = await live.ask(question, {...(topic && {topic}), ...options, ...(pages ? {limit: most, offset} : {})});
    const rows = value.rows ?? value;
    for (const row of rows) if (found.size < MOST) found.set((pages ? identity(row) : null) ?? found.size, row); // a row may move to the next page meanwhile
    const all = value.matched ?? value.total ?? rows.length;
    if (!pages || rows.length < most || found.size >= MOST) return {rows: [...found.values()], all: Math.max(all, found.size)};
  }
}

/** A row with moments as ISO 8601. @param {any} row @param {string[]} [walls] */
function dated(row, walls = []) {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => {
    const wall = typeof value !== "number" ? null : walls.includes(key) ? value : TIMES.has(key) ? wallTime(value) : null;
    return [key, wall === null ? value : new Date(wall * 1000).toISOString()];
  }));
}

/** @param {any} value */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {any[]} rows */
export function csv(rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [keys.map(cell), ...rows.map((row) => keys.map((key) => cell(row[key])))].map((line) => `${line.join(",")}\r\n`).join("");
}

/** @param {string} text @param {string} type @param {string} name */
function saved(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  Object.assign(document.createElement("a"), {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {{label: string, whole: Source|any[], identity: (row: any) => any}} props the *whole* table: where its rows are, or the rows */
export function Export({label, whole, identity}) {
  const [busy, work] = useState(false);
  const save = async (form) => {
    work(true);
    try {
      const {rows, all} = Array.isArray(whole) ? {rows: whole.slice(0, MOST), all: whole.length} : await fetched(whole, identity);
      const plain = rows.map((row) => dated(row, Array.isArray(whole) ? [] : whole.wall));
      const name = `${label} ${new Date().toISOString().slice(0, 19)}`.replace(/[^\w]+/g, "-").toLowerCase();
      if (form === "csv") saved(csv(plain), "text/csv;charset=utf-8", `trioactors-${name}.csv`);
      else saved(`${JSON.stringify(plain, null, 1)}\n`, "application/json", `trioactors-${name}.json`);
      report(all > rows.length ? `The file has ${number(rows.length)} of ${number(all)} rows: that is the most that is sent.` : `The file has all ${number(rows.length)} rows.`);
    } catch (problem) {
      report(foreign(problem.text ?? problem), true);
    }
    work(false);
  };
  return html`<p class="export" role="group" aria-label=${`Export: ${label}`}>Export${["csv", "json"].map((form) => html`
    <button key=${form} class="plain" data-export=${form} disabled=${busy} aria-label=${`Export ${label} as ${form.toUpperCase()}`} onClick=${() => save(form)}>${form.toUpperCase()}</button>`)}</p>`;
}
