import {html} from "/static/parts/dom.js";
export function Tree() { return html`<section data-view="tree"><h1 tabindex="-1">Tree</h1></section>`; }
