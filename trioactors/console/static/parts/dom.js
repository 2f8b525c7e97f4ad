// @ts-check
/**
 * The only module that imports the rendering library. Strings are inserted as text, never as markup.
 *
 * By default htm creates the constant parts of a template once and returns the same node each time. Such a node keeps a reference to the
 * last tree that contained it, so a page left open for a day would retain much of what it has shown. `this[0] = 3` turns this off.
 */
import htm from "/static/vendor/htm-3.1.1/htm.module.js";
import {h} from "/static/vendor/htm-3.1.1/standalone.module.js";

export {
  Component, createContext, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "/static/vendor/htm-3.1.1/standalone.module.js";

/** @this {any[]} @param {any[]} what */
function made(...what) {
  this[0] = 3;
  return h.apply(null, /** @type {any} */ (what));
}

/** A template. @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (made));
