// @ts-check
/**
 * A chart of the last minutes. Mouse, finger and arrow keys point at a moment, in all charts at once; the caption then shows the values of
 * that moment, otherwise the newest ones. It is drawn on a canvas, so a hidden text sums it up.
 */

import {html, useEffect, useReducer, useRef} from "/static/parts/dom.js";
import {dated, duration, moment} from "/static/parts/format.js";
import {drawMarks} from "/static/parts/history.js";

const {uPlot} = /** @type {any} */ (globalThis); // from index.html: it is no module
const HEIGHT = 132;
/** The least number of seconds shown, so that a new chart is not stretched. */
const SHOWN = 120;
const FONT = "11px system-ui, sans-serif";
/** Half the width of a time below the chart, and the gap beside a number. */
const MARGIN = 28, GAP = 14;
const DAY = 86_400;
/** A chart of more seconds than this names dates. */
const LONG = DAY / 2;

/** @typedef {{label: string, color: string, values: (number|null)[]}} Line */

/** The moment that is pointed at in all charts, on the wall clock of the system. @type {number|null} */
let pointed = null;
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {number|null} time */
function point(time) {
  if (time === pointed) return;
  pointed = time;
  for (const listener of listeners) listener();
}

/** A colour by the name of its property in console.css. @param {string} name */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The width of the longest label, so that none is cut. @param {any} chart @param {string[]|null} labels @param {number} place @param {number} round */
function width(chart, labels, place, round) {
  if (round > 1) return chart.axes[place]._size;
  chart.ctx.font = chart.axes[place].font[0];
  return Math.ceil(Math.max(MARGIN, ...(labels ?? []).map((label) => chart.ctx.measureText(label).width / devicePixelRatio + GAP)));
}

/** @param {Line[]} lines @param {(value: any) => string} format @param {number} wide @param {{current: {at: number}[]}} marks */
function options(lines, format, wide, marks) {
  const axis = {stroke: () => color("muted"), grid: {stroke: () => color("grid"), width: 1}, ticks: {show: false}, font: FONT};
  return {
    width: wide, height: HEIGHT,
    legend: {show: false},
    cursor: {show: false},
    padding: [8, MARGIN, 0, 0],
    hooks: {draw: [(chart) => drawMarks(chart, marks.current, color("warn"))]},
    scales: {
      x: {time: true, range: (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - SHOWN), high ?? 0]},
      y: {range: (_, low, high) => [0, high > 0 ? high * 1.15 : 1]},
    },
    axes: [
      {...axis, grid: {show: false}, space: 70, size: 24, values: (_, times, __, ___, step) => times.map((time) => clock(time, step))},
      {...axis, size: width, space: 32, values: (_, values) => values.map((value) => format(value))},
    ],
    series: [{}, ...lines.map((line) => ({
      label: line.label, width: 1.6, spanGaps: false, points: {show: false},
      stroke: () => color(line.color), fill: () => `${color(line.color)}1c`,
    }))],
  };
}

/** A time below the chart, as fine as the *step* to the next. @param {number} time @param {number} step */
function clock(time, step) {
  if (step >= DAY || (step >= 3_600 && moment(time) === "00:00:00")) return new Date(time * 1000).toLocaleDateString("en-GB", {day: "numeric", month: "short"});
  return step >= 60 ? moment(time).slice(0, 5) : moment(time);
}

/** @param {{name: string, title: string, times: number[], lines: Line[], format: (value: any) => string, marks?: {at: number}[]}} props */
export function Chart({name, title, times, lines, format, marks = []}) {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const place = useRef(/** @type {HTMLElement|null} */ (null));
  const drawn = useRef(/** @type {any} */ (null));
  const gaps = useRef(marks);
  gaps.current = marks;
  useEffect(() => {
    const chart = (drawn.current = new uPlot(options(lines, format, place.current?.clientWidth || 300, gaps), [[], ...lines.map(() => [])], place.current));
    const resized = new ResizeObserver(([entry]) => chart.setSize({width: Math.floor(entry.contentRect.width), height: HEIGHT}));
    if (place.current) resized.observe(place.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const again = () => chart.redraw(false, true);
    scheme.addEventListener("change", again);
    listeners.add(redraw);
    return () => {
      listeners.delete(redraw);
      resized.disconnect();
      scheme.removeEventListener("change", again);
      chart.destroy();
    };
  }, [lines.length]);
  const last = times[times.length - 1];
  useEffect(() => drawn.current?.setData([times, ...lines.map((line) => line.values)]), [last, times[0], times.length]);
  const at = pointed === null ? times.length - 1 : nearest(times, pointed);
  const known = lines.some((line) => line.values.some((value) => value !== null));
  return html`<figure class="card chart" data-chart=${name} data-points=${times.length}>
    <figcaption><h2>${title}</h2>
      ${pointed !== null && html`<time class="muted" data-at>${when(times, times[at])}</time>`}
      ${lines.map((line) => html`<span key=${line.label} class="legend"><i class=${line.color} aria-hidden="true"></i>${line.label}
        <b>${shown(line.values[at], format)}</b></span>`)}
    </figcaption>
    <div class="canvas" role="slider" tabindex="0" aria-label=${`${title}: a moment`} aria-valuemin="0" aria-valuemax=${Math.max(0, times.length - 1)} aria-valuenow=${Math.max(0, at)}
      aria-valuetext=${told(times, at, lines, format)} ...${pointing(times, at, drawn)}>
      <div ref=${place} aria-hidden="true"></div>
      ${pointed !== null && drawn.current && html`<i class="at" aria-hidden="true" style=${{left: `${left(drawn.current, times[at])}px`}}></i>`}
    </div>
    <p class="unseen" data-summary>${summary(times, lines, format)}</p>
    ${!known && times.length > 2 && html`<p class="over muted">not measured</p>`}
  </figure>`;
}

/** The handlers with which mouse, finger and keys point at a moment. @param {number[]} times @param {number} at @param {{current: any}} drawn */
function pointing(times, at, drawn) {
  const follow = (event) => {
    const chart = drawn.current;
    if (times.length > 0) point(times[nearest(times, chart.posToVal(event.clientX - chart.over.getBoundingClientRect().left, "x"))]);
  };
  const steps = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 30, PageDown: -30, Home: -Infinity, End: Infinity};
  const pressed = (event) => {
    if (event.key === "Escape") point(null);
    if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.altKey || event.metaKey || times.length === 0) return;
    event.preventDefault();
    point(times[Math.max(0, Math.min(times.length - 1, at + steps[event.key]))]);
  };
  const leave = (event) => event.pointerType === "mouse" && point(null);
  return {onPointerDown: follow, onPointerMove: follow, onPointerLeave: leave, onBlur: () => point(null), onKeyDown: pressed};
}

/** The place of the time that is nearest to *time*. @param {number[]} times ascending @param {number} time */
function nearest(times, time) {
  const next = times.findIndex((each) => each >= time);
  if (next <= 0) return next === 0 ? 0 : times.length - 1;
  return time - times[next - 1] < times[next] - time ? next - 1 : next;
}

/** @param {any} chart @param {number} time */
function left(chart, time) {
  return chart.over.offsetLeft + chart.valToPos(time, "x");
}

/** @param {number|null|undefined} value @param {(value: any) => string} format */
function shown(value, format) {
  return value === null || value === undefined ? "–" : format(value);
}

/** A moment, with its date in a long chart. @param {number[]} times @param {number} time */
function when(times, time) {
  return times[times.length - 1] - times[0] > LONG ? dated(time) : moment(time);
}

/** The values of a moment as text. @param {number[]} times @param {number} at @param {Line[]} lines @param {(value: any) => string} format */
function told(times, at, lines, format) {
  if (times[at] === undefined) return "no data yet";
  return `${when(times, times[at])}: ${lines.map((line) => `${line.label} ${shown(line.values[at], format)}`).join(", ")}`;
}

/** What the chart shows, as text. @param {number[]} times @param {Line[]} lines @param {(value: any) => string} format */
function summary(times, lines, format) {
  if (times.length < 2) return "No data yet.";
  const each = lines.map(({label, values}) => {
    const highest = values.reduce((/** @type {number} */ best, value, place) => ((value ?? -1) > (values[best] ?? -1) ? place : best), 0);
    const top = values[highest];
    return top === null ? `${label}: not measured` : `${label}: now ${shown(values[values.length - 1], format)}, at most ${format(top)} at ${when(times, times[highest])}`;
  });
  return `The last ${duration(times[times.length - 1] - times[0])}. ${each.join("; ")}.`;
}
