import {html} from "/static/parts/dom.js";
export function Failures() { return html`<section data-view="failures"><h1 tabindex="-1">Failures</h1></section>`; }
