import {html} from "/static/parts/dom.js";
export function Durable() { return html`<section data-view="durable"><h1 tabindex="-1">Durable</h1></section>`; }
