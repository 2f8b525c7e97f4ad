// @ts-check
/** A table of rows. A wide table scrolls in its own box. */

import {html} from "/static/parts/dom.js";

/** @typedef {{key: string, label: string, sort?: string, numeric?: boolean, wide?: boolean, cell: (row: any) => any}} Column */

/**
 * @param {{label: string, columns: Column[], rows: any[], name: (row: any) => string, empty?: any, sort?: string, down?: boolean,
 *   onSort?: (key: string) => void, stale?: boolean, tall?: boolean, mark?: (row: any) => string|null, identity?: (row: any) => any}} props
 */
export function Table({label, columns, rows, name, empty = "No rows.", sort, down, onSort, stale = false, tall = false, mark, identity = name}) {
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
  </div>`;
}

/** @param {Column} column */
function classes(column) {
  return [column.numeric && "numeric", column.wide && "wide"].filter(Boolean).join(" ") || null;
}

function Head({column, sort, down, onSort}) {
  const sorted = column.sort !== undefined && column.sort === sort;
  const order = sorted ? (down ? "descending" : "ascending") : column.sort ? "none" : null;
  return html`<th scope="col" class=${classes(column)} aria-sort=${order}>
    ${column.sort && onSort
      ? html`<button class="sort" onClick=${() => onSort(column.sort)}>${column.label}<i aria-hidden="true">${sorted ? (down ? "▾" : "▴") : ""}</i></button>`
      : column.label}
  </th>`;
}

/** The range of rows shown, and buttons for the other pages. @param {{total: number, offset: number, limit: number, onTurn: (offset: number) => void}} props */
export function Pager({total, offset, limit, onTurn}) {
  const last = Math.min(total, offset + limit);
  return html`<div class="pager" role="group" aria-label="Pages">
    <button disabled=${offset <= 0} onClick=${() => onTurn(Math.max(0, offset - limit))}>Previous</button>
    <span data-pager>${total === 0 ? "none" : `${offset + 1}–${last} of ${total}`}</span>
    <button disabled=${last >= total} onClick=${() => onTurn(offset + limit)}>Next</button>
  </div>`;
}
