// @ts-check
/** Saved views: names for addresses, with all their filters. They are kept in this browser only, and hold nothing but names and addresses. */

import {html, useEffect, useRef, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {isolated} from "/static/parts/visible.js";

const STORED = "trioactors.views";
/** The most views kept. */
const MOST = 50;
const LONGEST_NAME = 60;
const LONGEST_ADDRESS = 2000;

/** @typedef {{name: string, address: string}} View */

/** What is stored may be of another version, or of anybody. @returns {View[]} */
function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return found.filter((each) => typeof each?.name === "string" && typeof each.address === "string" && each.address.startsWith("#/")).slice(0, MOST);
  } catch {
    return [];
  }
}

export function SavedViews() {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [views, show] = useState(stored());
  const [note, tell] = useState(/** @type {any} */ (""));
  const [renamed, rename] = useState(/** @type {string|null} */ (null));
  useEffect(() => {
    const opened = () => { show(stored()); tell(""); rename(null); box.current?.showModal(); };
    const elsewhere = (/** @type {StorageEvent} */ event) => event.key === STORED && show(stored());
    document.addEventListener("views", opened);
    window.addEventListener("storage", elsewhere);
    return () => {
      document.removeEventListener("views", opened);
      window.removeEventListener("storage", elsewhere);
    };
  }, []);
  /** @param {View[]} next @param {any} text */
  const keep = (next, text) => {
    try {
      localStorage.setItem(STORED, JSON.stringify(next));
      show(next);
      tell(text);
    } catch {
      tell("This browser does not let the page store anything.");
    }
  };
  const save = (event) => {
    event.preventDefault();
    const field = event.target.elements.named;
    const name = field.value.trim();
    const others = stored().filter((each) => each.name !== name && each.name !== renamed);
    const address = renamed === null ? location.hash || "#/" : stored().find((each) => each.name === renamed)?.address ?? "#/";
    if (name === "") return;
    if (others.length >= MOST) return tell(`${MOST} views are kept at most. Delete one first.`);
    if (address.length > LONGEST_ADDRESS) return tell("The address of this view is too long to be kept.");
    keep([...others, {name, address}].sort((one, other) => one.name.localeCompare(other.name)), renamed === null ? html`Saved as ${foreign(name)}.` : html`Renamed to ${foreign(name)}.`);
    rename(null);
    field.value = "";
  };
  const copy = async ({address}) => {
    const link = location.origin + location.pathname + address;
    try {
      await navigator.clipboard.writeText(link);
      tell("The link was copied.");
    } catch {
      tell(foreign(link));
    }
  };
  return html`<dialog ref=${box} class="dialog" aria-labelledby="views">
    <h2 id="views">Saved views</h2>
    <form class="tools" onSubmit=${save}><label class="grow">${renamed === null ? "Save this view as" : html`New name of ${foreign(renamed)}`}
      <input name="named" maxlength=${LONGEST_NAME} autocomplete="off" /></label><button>${renamed === null ? "Save" : "Rename"}</button></form>
    <p class="muted" role="status" data-views-note>${note}</p>
    <ul class="plain-list saved">${views.map((each) => html`<li key=${each.name} data-name=${each.name}>
      <a class="name" href=${each.address} onClick=${() => box.current?.close()}>${foreign(each.name)}</a>
      <button class="plain" aria-label=${`Copy the link of ${isolated(each.name)}`} onClick=${() => copy(each)}>Copy link</button>
      <button class="plain" aria-label=${`Rename ${isolated(each.name)}`} onClick=${() => rename(each.name)}>Rename</button>
      <button class="plain" aria-label=${`Delete ${isolated(each.name)}`} onClick=${() => keep(stored().filter((other) => other.name !== each.name), html`${foreign(each.name)} was deleted.`)}>Delete</button></li>`)}</ul>
    ${views.length === 0 && html`<p class="muted">None yet. They are kept in this browser only.</p>`}
    <form method="dialog" class="buttons"><button class="primary">Close</button></form>
  </dialog>`;
}
