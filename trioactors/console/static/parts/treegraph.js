// @ts-check
/** The tree as a drawing that can be moved and zoomed. The list has the same content in accessible form. */

import {hierarchy, tree} from "/static/vendor/d3-hierarchy-3.1.3/d3-hierarchy.min.mjs";
import {html, useLayoutEffect, useMemo, useRef, useState} from "/static/parts/dom.js";
import {number} from "/static/parts/format.js";
import {isolated, visible} from "/static/parts/visible.js";

/** Children drawn per supervisor, around the chosen one. The rest is one node with their number. */
const WIDE = 12;
const DOWN = 26;
const ACROSS = 178;
/** Room for a name with its backlog: up to the next column, less the mark before the name and the one that follows. */
const ROOM = ACROSS - 12 - 18;
/** Room before and after the drawing, and its height at most. */
const [EDGE, HEIGHT] = [14, 416];
/** Limits of the zoom, and its step. */
const [SMALLEST, LARGEST, STEP] = [0.02, 4, 1.25];
/** Pixels moved by a key, and pixels after which a press is a pull. */
const [MOVE, SLACK] = [60, 4];
const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

/** @typedef {{zoom: number, x: number, y: number}} Look the corner at the top left, in units of the drawing */

/** The drawn part of a branch. @param {any} branch @param {Set<string>} wanted names of the chosen child and of those above it */
function pruned(branch, wanted) {
  const at = branch.children.findIndex((child) => wanted.has(child.name));
  const first = Math.max(0, Math.min(at - WIDE / 2, branch.children.length - WIDE));
  const kept = branch.children.slice(first, first + WIDE);
  const more = branch.more + branch.children.length - kept.length;
  const children = kept.map((child) => pruned(child, wanted));
  if (more > 0 && kept.length > 0) children.push({branch: null, more, children: []});
  return {branch, more, children};
}

/** The text, cut to a width in pixels. @param {string} text @param {number} width */
function fitted(text, width) {
  pen.font = `bold 12px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
  const shown = [...visible(text)];
  if (shown.length * 7 > width * 3) shown.length = Math.ceil(width * 3 / 7); // no letter is that narrow
  const fits = (count) => pen.measureText(shown.slice(0, count).join("") + (count < shown.length ? "…" : "")).width <= width;
  let count = shown.length;
  while (count > 1 && !fits(count)) count--;
  return isolated(count < [...visible(text)].length ? `${shown.slice(0, count).join("")}…` : shown.join(""));
}

/** @param {{top: any, chosen: string|null, above: Set<string>, search: string, hit: (branch: any, search: string) => boolean, marks: Map<string, string>, onSelect: (name: string) => void}} props */
export function TreeGraph({top, chosen, above, search, hit, marks, onSelect}) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const drawn = useMemo(() => {
    const root = hierarchy(pruned(top, new Set([...above, chosen ?? ""])));
    /** @type {any} */ (tree()).nodeSize([DOWN, ACROSS])(root);
    return root;
  }, [top, chosen, above]);
  const nodes = drawn.descendants();
  const low = Math.min(...nodes.map((node) => node.x)) - DOWN;
  const area = {x: -EDGE, y: low, width: Math.max(...nodes.map((node) => node.y)) + ACROSS + EDGE, height: Math.max(...nodes.map((node) => node.x)) - low + DOWN};
  const target = nodes.find((node) => node.data.branch?.name === chosen) ?? drawn;
  const {look, frame, zoom, fit, bring, pressed} = useLook(box, area);
  useLayoutEffect(() => bring(target.y, target.x), [chosen, target.data.branch.name === chosen]);
  return html`<div class="box graph" ref=${box} role="region" aria-label="Drawing of the tree" tabindex="0" style=${{height: `${Math.min(HEIGHT, area.height + 20)}px`}} ...${pressed}>
    <svg viewBox=${`${look.x} ${look.y} ${frame.width / look.zoom} ${frame.height / look.zoom}`} role="img" aria-label="The tree as a drawing; the list below has the same content">
      ${drawn.links().map(({source, target: end}) => html`<path key=${key(end)} class="link"
        d=${`M${source.y},${source.x}C${(source.y + end.y) / 2},${source.x} ${(source.y + end.y) / 2},${end.x} ${end.y},${end.x}`} />`)}
      ${nodes.map((node) => html`<${Node} key=${key(node)} node=${node} chosen=${chosen} hit=${node.data.branch !== null && hit(node.data.branch, search)} mark=${marks.get(node.data.branch?.name)} onSelect=${onSelect} />`)}
    </svg></div>
    <div class="buttons zoom" role="group" aria-label="Drawing">
      <button aria-label="Zoom out" title="Zoom out (-)" onClick=${() => zoom(1 / STEP)}>−</button>
      <button aria-label="Zoom in" title="Zoom in (+)" onClick=${() => zoom(STEP)}>+</button>
      <button title="Show all of it (0)" onClick=${fit}>Fit</button>
      <button title="Actual size" onClick=${() => zoom(1 / look.zoom)}>100 %</button>
      <button title="Move to the selected child" onClick=${() => bring(target.y, target.x, true)}>${chosen === null ? "Top" : "Selected"}</button>
      <output class="muted" data-zoom>${number(look.zoom * 100)} %</output>
    </div>`;
}

/** What is seen of an area in a box, moved by wheel, pointer and keys. @param {{current: HTMLElement|null}} box @param {{x: number, y: number, width: number, height: number}} area */
function useLook(box, area) {
  const [look, set] = useState(/** @type {Look} */ ({zoom: 1, x: area.x, y: area.y}));
  const [frame, resize] = useState({width: 600, height: HEIGHT});
  const now = useRef(/** @type {any} */ (null));
  now.current = {look, frame, area};
  const turn = (/** @type {Look} */ next) => set(kept(next, now.current.frame, now.current.area));
  const zoom = (factor, at = {x: now.current.frame.width / 2, y: now.current.frame.height / 2}) => {
    const {look: old} = now.current;
    const next = Math.max(SMALLEST, Math.min(LARGEST, old.zoom * factor));
    turn({zoom: next, x: old.x + at.x / old.zoom - at.x / next, y: old.y + at.y / old.zoom - at.y / next});
  };
  const move = (right, down) => turn({...now.current.look, x: now.current.look.x + right / now.current.look.zoom, y: now.current.look.y + down / now.current.look.zoom});
  const fit = () => turn({zoom: fitting(now.current.frame, now.current.area), x: area.x, y: area.y});
  const bring = (x, y, always = false) => {
    const {look: old} = now.current;
    const size = measured(box.current) ?? now.current.frame;
    const [width, height] = [size.width / old.zoom, size.height / old.zoom];
    const seen = x - EDGE >= old.x && x + EDGE <= old.x + width && y - EDGE >= old.y && y + EDGE <= old.y + height;
    if (always || !seen) set(kept({zoom: old.zoom, x: x - width / 3, y: y - height / 2}, size, now.current.area));
  };
  useLayoutEffect(() => {
    const place = /** @type {HTMLElement} */ (box.current);
    const measure = () => resize(measured(place) ?? frame);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(place);
    const rolled = (/** @type {WheelEvent} */ event) => {
      const factor = STEP ** (-Math.sign(event.deltaY));
      const {look: old, frame: size, area: whole} = now.current;
      if (event.deltaY === 0 || (factor > 1 ? old.zoom >= LARGEST : old.zoom <= Math.min(1, fitting(size, whole)))) return; // the page may scroll
      event.preventDefault();
      const corner = place.getBoundingClientRect();
      zoom(factor, {x: event.clientX - corner.left, y: event.clientY - corner.top});
    };
    place.addEventListener("wheel", rolled, {passive: false});
    return () => {
      observer.disconnect();
      place.removeEventListener("wheel", rolled);
    };
  }, []);
  return {look: kept(look, frame, area), frame, zoom, fit, bring, pressed: usePressed(box, zoom, move, fit)};
}

/** Keys and the pointer. @param {{current: HTMLElement|null}} box @param {(factor: number) => void} zoom @param {(right: number, down: number) => void} move @param {() => void} fit */
function usePressed(box, zoom, move, fit) {
  const from = useRef(/** @type {{x: number, y: number, pulled: boolean}|null} */ (null));
  const keys = {"+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: fit,
    ArrowLeft: () => move(-MOVE, 0), ArrowRight: () => move(MOVE, 0), ArrowUp: () => move(0, -MOVE), ArrowDown: () => move(0, MOVE)};
  return {
    onKeyDown: (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    },
    onPointerDown: (/** @type {PointerEvent} */ event) => {
      if (event.button === 0) from.current = {x: event.clientX, y: event.clientY, pulled: false};
    },
    onPointerMove: (/** @type {PointerEvent} */ event) => {
      const start = from.current;
      if (start === null || event.buttons === 0 || (!start.pulled && Math.hypot(event.clientX - start.x, event.clientY - start.y) < SLACK)) return;
      if (!start.pulled) box.current?.setPointerCapture(event.pointerId);
      move(start.x - event.clientX, start.y - event.clientY);
      from.current = {x: event.clientX, y: event.clientY, pulled: true};
    },
    onPointerUp: () => {
      if (!from.current?.pulled) from.current = null;
    },
    onClickCapture: (/** @type {MouseEvent} */ event) => {
      if (from.current?.pulled) event.stopPropagation(); // the end of a pull selects nothing
      from.current = null;
    },
  };
}

/** @param {HTMLElement|null} place */
function measured(place) {
  return place && place.clientWidth > 0 ? {width: place.clientWidth, height: place.clientHeight} : null;
}

/** The zoom at which all of an area is seen. @param {{width: number, height: number}} frame @param {{width: number, height: number}} area */
function fitting(frame, area) {
  return Math.max(SMALLEST, Math.min(1, frame.width / area.width, frame.height / area.height));
}

/** The look, moved so that no more than necessary beside the area is seen. @param {Look} look @param {{width: number, height: number}} frame
 * @param {{x: number, y: number, width: number, height: number}} area */
function kept({zoom, x, y}, frame, area) {
  const along = (at, begin, size, seen, middle) =>
    (seen >= size ? begin - (middle ? (seen - size) / 2 : 0) : Math.max(begin, Math.min(at, begin + size - seen)));
  return {zoom, x: along(x, area.x, area.width, frame.width / zoom, false), y: along(y, area.y, area.height, frame.height / zoom, true)};
}

/** @param {any} node */
function key(node) {
  return node.data.branch?.path ?? `${node.parent.data.branch.path} and more`;
}

function Node({node, chosen, hit, mark, onSelect}) {
  const {branch, more} = node.data;
  const place = `translate(${node.y},${node.x})`;
  if (branch === null) return html`<g class="node" transform=${place}><text x="8" dy="0.32em" class="more-children">and ${number(more)} more</text></g>`;
  const {name, status, backlog, kind} = branch;
  const classes = ["node", status, branch.name === chosen && "chosen", hit && "hit", mark && `mark-${mark}`, kind === "supervisor" && "supervisor"].filter(Boolean).join(" ");
  const waiting = backlog > 0 ? number(backlog) : "";
  return html`<g class=${classes} transform=${place} onClick=${() => onSelect(name)} data-node=${name}>
    <title>${`${isolated(name)}: ${status === "undefined" ? "down" : status}${backlog ? `, ${backlog} waiting` : ""}`}</title>
    <circle class="halo" r="11" />
    ${kind === "supervisor" ? html`<rect x="-5.5" y="-5.5" width="11" height="11" rx="3" />` : html`<circle r="5.5" />`}
    <text x="12" dy="0.32em">${fitted(name, ROOM - (waiting.length > 0 ? 6 + waiting.length * 7.5 : 0))}${waiting && html`<tspan class="backlog" dx="6">${waiting}</tspan>`}</text>
  </g>`;
}
