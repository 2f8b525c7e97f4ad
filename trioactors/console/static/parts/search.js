// @ts-check
/** Search fields. The console searches; the search text is in the address. */

import {html, useEffect, useRef, useState} from "/static/parts/dom.js";
import {choose} from "/static/routes.js";

/** Milliseconds after the last key press until the search starts. */
const PAUSE = 180;

/** The text of a field while it is being typed, and the handlers of the field. The text is taken over after a pause, on Enter, or when the
 * field loses the focus. Until then redrawing the page does not change it. @param {string} value the text taken over last @param {(text: string) => void} take @param {number} pause */
export function useTyped(value, take, pause) {
  const [text, type] = useState(value);
  const timer = useRef(/** @type {any} */ (0));
  const known = useRef(value);
  useEffect(() => {
    if (value !== known.current) type(value); // it was changed elsewhere, not typed here
    known.current = value;
  }, [value]);
  const settle = (event) => {
    clearTimeout(timer.current);
    const next = event.target.value.trim();
    if (next === known.current) return;
    known.current = next;
    take(next);
  };
  const typed = (event) => {
    type(event.target.value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => settle(event), pause);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return {value: text, onInput: typed, onChange: settle};
}

/** A search field.
 * @param {{value: string, label?: string|null, hint?: string}} props */
export function Search({value, label = null, hint = "Search  /"}) {
  const typed = useTyped(value, (search) => choose({search, offset: ""}, {replace: true}), PAUSE);
  return html`<input type="search" data-search aria-label=${label} placeholder=${hint} ...${typed} maxlength="1000" />`;
}
