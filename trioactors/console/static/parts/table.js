// @ts-check
/** A table of rows. A wide table scrolls in its own box. */

import {html, useState} from "/static/parts/dom.js";
import {Export} from "/static/parts/export.js";
import {number} from "/static/parts/format.js";
import {useWatch} from "/static/parts/watching.js";

/** Rows of a page, if nothing else is said. */
const PAGE = 50;

/** @typedef {{key: string, label: string, sort?: string, numeric?: boolean, wide?: boolean, cell: (row: any) => any}} Column */

/**
 * With *onSort*, the columns that have a `sort` can be sorted by. Without it, *sort* is the `key` of the column that the rows are sorted by.
 * @param {{label: string, columns: Column[], rows: any[], name: (row: any) => string, empty?: any, sort?: string, down?: boolean,
 *   onSort?: (key: string) => void, stale?: boolean, tall?: boolean, mark?: (row: any) => string|null, identity?: (row: any) => any,
 *   whole?: import("/static/parts/export.js").Source|any[]}} props *whole*: what is exported, by default the rows
 */
export function Table({label, columns, rows, name, empty = "No rows.", sort, down, onSort, stale = false, tall = false, mark, identity = name, whole = rows}) {
  return html`<div class=${tall ? "box tall" : "box"} role="region" aria-label=${label} tabindex="0">
    <table class=${stale ? "stale" : ""}>
      <caption class="unseen">${label}</caption>
      <thead><tr>${columns.map((column) => html`<${Head} key=${column.key} column=${column} sort=${sort} down=${down} onSort=${onSort} />`)}</tr></thead>
      <tbody>
        ${rows.map((row) => html`<tr key=${identity(row)} data-name=${name(row)} class=${mark?.(row) ?? null}>
          ${columns.map((column, index) => index === 0
            ? html`<th key=${column.key} scope="row" class=${classes(column)}>${column.cell(row)}</th>`
            : html`<td key=${column.key} class=${classes(column)}>${column.cell(row)}</td>`)}
        </tr>`)}
        ${rows.length === 0 && html`<tr class="none"><td colspan=${columns.length}>${empty}</td></tr>`}
      </tbody>
    </table>
  </div>${rows.length > 0 && html`<${Export} label=${label} whole=${whole} identity=${identity} />`}`;
}

/** @param {Column} column */
function classes(column) {
  return [column.numeric && "numeric", column.wide && "wide"].filter(Boolean).join(" ") || null;
}

function Head({column, sort, down, onSort}) {
  const sorted = sort !== undefined && (onSort ? column.sort : column.key) === sort;
  const order = sorted ? (down ? "descending" : "ascending") : onSort && column.sort ? "none" : null;
  return html`<th scope="col" class=${classes(column)} aria-sort=${order}>
    ${column.sort && onSort
      ? html`<button class="sort" onClick=${() => onSort(column.sort)}>${column.label}<i aria-hidden="true">${sorted ? (down ? "▾" : "▴") : ""}</i></button>`
      : html`${column.label}${sorted && html` <i aria-hidden="true">${down ? "▾" : "▴"}</i>`}`}
  </th>`;
}

/** The range of rows shown, and buttons for the other pages. @param {{total: number, offset: number, limit: number, onTurn: (offset: number) => void}} props */
export function Pager({total, offset, limit, onTurn}) {
  const last = Math.min(total, offset + limit);
  const end = Math.floor(Math.max(0, total - 1) / limit) * limit;
  const many = total > 2 * limit;
  return html`<div class="pager" role="group" aria-label="Pages">
    ${many && html`<button disabled=${offset <= 0} onClick=${() => onTurn(0)}>First</button>`}
    <button disabled=${offset <= 0} onClick=${() => onTurn(Math.max(0, offset - limit))}>Previous</button>
    <span data-pager>${total === 0 ? "none" : `${number(offset + 1)}–${number(last)} of ${number(total)}`}</span>
    <button disabled=${last >= total} onClick=${() => onTurn(offset + limit)}>Next</button>
    ${many && html`<button disabled=${last >= total} onClick=${() => onTurn(end)}>Last</button>`}
  </div>`;
}

/** Rows that are all here, a page at a time: those to show, and the buttons. @param {any[]} rows @param {number} [limit] @returns {[any[], any]} */
export function usePages(rows, limit = PAGE) {
  const [offset, turn] = useState(0);
  const at = offset < rows.length ? offset : 0;
  return [rows.slice(at, at + limit), rows.length > limit && html`<${Pager} total=${rows.length} offset=${at} limit=${limit} onTurn=${turn} />`];
}

/** A list of the console whose first rows have come with something else, a page at a time.
 * @param {string} topic @param {object} options @param {any[]} first @param {number} total @param {number} [limit] */
export function useListed(topic, options, first, total, limit = PAGE) {
  const [offset, turn] = useState(0);
  const at = offset < total ? offset : 0;
  const {value, stale} = useWatch(at > 0 ? topic : null, {...options, limit, offset: at});
  const rows = at === 0 ? first.slice(0, limit) : value?.rows ?? [];
  return {rows: rows.map((row, place) => ({...row, place: at + place})), stale: at > 0 && stale,
    pager: total > limit && html`<${Pager} total=${total} offset=${at} limit=${limit} onTurn=${turn} />`};
}
