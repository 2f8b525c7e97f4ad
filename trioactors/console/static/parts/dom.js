// @ts-check
/**
 * The only module that imports the rendering library. Strings are inserted as text, never as markup, and nothing in them is invisible.
 *
 * By default htm creates the constant parts of a template once and returns the same node each time. Such a node keeps a reference to the
 * last tree that contained it, so a page left open for a day would retain much of what it has shown. `this[0] = 3` turns this off.
 */
import htm from "/static/vendor/htm-3.1.1/htm.module.js";
import {h} from "/static/vendor/htm-3.1.1/standalone.module.js";
import {displayed} from "/static/parts/visible.js";

export {
  Component, createContext, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "/static/vendor/htm-3.1.1/standalone.module.js";

/** @this {any[]} @param {any[]} what */
function made(...what) {
  this[0] = 3;
  const [kind, properties, ...inside] = what;
  if (typeof kind !== "string") return h.apply(null, /** @type {any} */ (what));
  for (const name of LABELS) if (typeof properties?.[name] === "string") properties[name] = displayed(properties[name]);
  return h.apply(null, /** @type {any} */ ([kind, properties, ...inside.map(shown)]));
}

/** The properties that are read like text. */
const LABELS = ["title", "aria-label", "alt", "placeholder"];

/** @param {any} child */
function shown(child) {
  return typeof child === "string" ? displayed(child) : Array.isArray(child) ? child.map(shown) : child;
}

/** A template. @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (made));
