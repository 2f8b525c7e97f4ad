// @ts-check
/** The one place that knows where drawing comes from. Texts go in as texts: nothing here can make markup of them. */
export {
  Component, createContext, html, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "/static/vendor/htm-3.1.1/standalone.module.js";
