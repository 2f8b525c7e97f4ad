// @ts-check
/**
 * The one place that knows where drawing comes from. Texts go in as texts: nothing here can make markup of them.
 *
 * htm would make what never changes in a template once, and hand out the same node for ever. Such a node holds on to the last tree that it
 * stood in, so a page that is looked at for a day would keep much of what it has ever shown. `this[0] = 3` tells htm not to.
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
