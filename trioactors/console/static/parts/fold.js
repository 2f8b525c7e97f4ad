// @ts-check
/** Something that can be unfolded, and stays as the user left it: whatever else changes on the page, and when one comes back to it. */

import {html, useReducer} from "/static/parts/dom.js";

/** The most that are remembered as unfolded; after that, the oldest is forgotten. */
const MOST = 200;

/** @type {Set<string>} */
const unfolded = new Set();

/** @param {string} id */
export function isOpen(id) {
  return unfolded.has(id);
}

/** @param {string} id @param {boolean} open */
export function setOpen(id, open) {
  unfolded.delete(id);
  if (open) unfolded.add(id);
  if (unfolded.size > MOST) unfolded.delete(/** @type {string} */ (unfolded.values().next().value));
}

/** @param {{id: string, label: any, children?: any, onTurn?: () => void, [attribute: string]: any}} props what it shows is made only while it is unfolded */
export function Fold({id, label, children, onTurn, ...attributes}) {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const turned = (event) => {
    if (event.target !== event.currentTarget || event.currentTarget.open === isOpen(id)) return;
    setOpen(id, event.currentTarget.open);
    redraw(undefined);
    onTurn?.();
  };
  return html`<details ...${attributes} open=${isOpen(id)} onToggle=${turned}><summary>${label}</summary>${isOpen(id) && children}</details>`;
}
