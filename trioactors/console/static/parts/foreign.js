// @ts-check
/** Text of the program in an element of its own, so that its direction does not turn around what is beside it. See visible.js. */

import {html} from "/static/parts/dom.js";
import {visible} from "/static/parts/visible.js";

/** A name, a reason, or a value in one line. @param {any} text */
export function foreign(text) {
  return html`<bdi>${visible(text)}</bdi>`;
}

/** A text of several lines, such as a report. @param {any} text */
export function lines(text) {
  return html`<bdi dir="ltr">${visible(text, "\n\t")}</bdi>`;
}

/** A text of several lines in which each of these names is kept apart. @param {string} text @param {string[]} names */
export function linesWith(text, names) {
  const known = [...new Set(names)].filter((name) => name !== "" && !/^[ -~]*$/.test(name)).sort((one, other) => other.length - one.length);
  if (known.length === 0) return lines(text);
  const places = new RegExp(`(${known.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "u");
  return html`<bdi dir="ltr">${text.split(places).map((part, index) => (index % 2 ? foreign(part) : visible(part, "\n\t")))}</bdi>`;
}
