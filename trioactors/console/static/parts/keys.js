// @ts-check
/** Keyboard shortcuts: `/` searches, `?` shows the list, `p` pauses, `g` and a letter goes to a view. Ignored while typing or in a dialog. */

import {html, useEffect, useRef} from "/static/parts/dom.js";
import {toggle} from "/static/parts/pausing.js";
import {address} from "/static/routes.js";

/** @type {Record<string, string>} */
const PLACES = {o: "overview", t: "tree", a: "actors", m: "messages", f: "failures", d: "durable", l: "audit"};
/** Milliseconds until the second key must be pressed. */
const PATIENCE = 1500;

/** @param {EventTarget|null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function Keys() {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    let began = -Infinity;
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
      const second = event.timeStamp - began < PATIENCE;
      began = -Infinity;
      if (second && Object.hasOwn(PLACES, event.key)) location.hash = address(PLACES[event.key]);
      else if (event.key === "g") began = event.timeStamp;
      else if (event.key === "p") toggle();
      else if (event.key === "?") box.current?.showModal();
      else if (event.key === "/") {
        const search = document.querySelector("[data-search]");
        if (!(search instanceof HTMLInputElement)) return;
        event.preventDefault();
        search.select();
      }
    };
    const shown = () => box.current?.showModal();
    document.addEventListener("keydown", pressed);
    document.addEventListener("keys", shown);
    return () => {
      document.removeEventListener("keydown", pressed);
      document.removeEventListener("keys", shown);
    };
  }, []);
  const rows = [["/", "search in this view"], ["?", "show this list"], ["p", "pause all views, and go on"], ...Object.entries(PLACES).map(([key, view]) => [`g ${key}`, `go to ${view}`]),
    ["← → ↑ ↓", "in the tree: fold, unfold, move"], ["Enter", "in the tree: select; on a link: open it"], ["Esc", "close a dialog"]];
  return html`<dialog ref=${box} class="dialog" aria-labelledby="keys">
    <h2 id="keys">Keys</h2>
    <dl class="keys">${rows.map(([keys, text]) => html`<div key=${keys}><dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
    <form method="dialog" class="buttons"><button class="primary">Close</button></form>
  </dialog>`;
}
