import {html} from "/static/parts/dom.js";
export function Actor() { return html`<section data-view="actor"><h1 tabindex="-1">Actor</h1></section>`; }
