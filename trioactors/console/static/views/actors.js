import {html} from "/static/parts/dom.js";
export function Actors() { return html`<section data-view="actors"><h1 tabindex="-1">Actors</h1></section>`; }
