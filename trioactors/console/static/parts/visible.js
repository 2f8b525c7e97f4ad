// @ts-check
/**
 * Text of the program as it is safe to look at: characters that cannot be seen, or that move others, are shown as a terminal shows them
 * (`\u202e`), and text that runs from right to left is kept apart from what is around it.
 *
 * `dom.js` makes every text and label on the page visible. Names, reasons and values are kept apart by `foreign` in foreign.js where there
 * can be an element, and by `isolated` where there cannot: in titles, labels and drawings.
 */

/** Controls, what is not assigned, what has no width, and every space but the usual one. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;
const ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"};
const [BEGIN, END] = ["\u2068", "\u2069"];

/** @param {string} character */
function escaped(character) {
  const code = /** @type {number} */ (character.codePointAt(0));
  const hex = code.toString(16);
  return ESCAPES[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`);
}

/** The text with everything visible, but for the characters in *kept*. @param {any} text @param {string} [kept] */
export function visible(text, kept = "") {
  return String(text).replace(UNSEEN, (character) => (kept.includes(character) ? character : escaped(character)));
}

/** The text of an element or a label of ours: lines and isolated parts stay. @param {string} text */
export function displayed(text) {
  return visible(text, `\n\t${BEGIN}${END}`);
}

/** Text of the program within a title, a label or a drawing. @param {any} text */
export function isolated(text) {
  const shown = visible(text);
  return /^[ -~]*$/.test(shown) ? shown : `${BEGIN}${shown}${END}`; // ASCII never changes the direction
}

/** The same, cut to a number of characters. @param {any} text @param {number} letters */
export function short(text, letters) {
  const shown = [...visible(text)];
  return isolated(shown.length > letters ? `${shown.slice(0, letters - 1).join("")}…` : shown.join(""));
}

/** Fields with each text isolated. @param {Record<string, any>} fields */
export function isolatedFields(fields) {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, of(value)]));
}

/** @param {any} value */
function of(value) {
  return typeof value === "string" ? isolated(value) : Array.isArray(value) ? value.map(of) : value;
}
