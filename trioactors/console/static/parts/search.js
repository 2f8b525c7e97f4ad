// @ts-check
/** Searching by the console. What is searched for is in the address. */

import {html, useEffect, useRef, useState} from "/static/parts/dom.js";
import {choose} from "/static/routes.js";

/** How long somebody must stop typing until it is searched for, in milliseconds. */
const PAUSE = 180;

/** A field for what is searched for: the console is asked when somebody stops typing.
 * @param {{value: string, label?: string|null, hint?: string}} props */
export function Search({value, label = null, hint = "Search  /"}) {
  const [text, type] = useState(value);
  const timer = useRef(/** @type {any} */ (0));
  useEffect(() => type(value), [value]);
  const typed = (event) => {
    const next = event.target.value;
    type(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => choose({search: next, offset: ""}, {replace: true}), PAUSE);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return html`<input type="search" data-search aria-label=${label} placeholder=${hint} value=${text} onInput=${typed} maxlength="1000" />`;
}
