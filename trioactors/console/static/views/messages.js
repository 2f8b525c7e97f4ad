import {html} from "/static/parts/dom.js";
export function Messages() { return html`<section data-view="messages"><h1 tabindex="-1">Messages</h1></section>`; }
