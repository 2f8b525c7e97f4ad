// @ts-check
/** Searching by the console. What is searched for is in the address. */

import {html, useEffect, useRef, useState} from "/static/parts/dom.js";
import {choose} from "/static/routes.js";

/** How long somebody must stop typing until it is searched for, in milliseconds. */
const PAUSE = 180;

/** What is being typed, and the handlers of its field. It is taken when somebody stops typing, presses Enter or leaves; meanwhile it is the
 * field's own, however often the page is drawn. @param {string} value what was taken last @param {(text: string) => void} take @param {number} pause */
export function useTyped(value, take, pause) {
  const [text, type] = useState(value);
  const timer = useRef(/** @type {any} */ (0));
  const known = useRef(value);
  useEffect(() => {
    if (value !== known.current) type(value); // chosen elsewhere: it is not what was typed here
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

/** A field for what is searched for: the console is asked when somebody stops typing.
 * @param {{value: string, label?: string|null, hint?: string}} props */
export function Search({value, label = null, hint = "Search  /"}) {
  const typed = useTyped(value, (search) => choose({search, offset: ""}, {replace: true}), PAUSE);
  return html`<input type="search" data-search aria-label=${label} placeholder=${hint} ...${typed} maxlength="1000" />`;
}
