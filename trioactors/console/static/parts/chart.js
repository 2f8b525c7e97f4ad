// @ts-check
/** A chart of the last minutes. It is drawn on a canvas, so its caption repeats the newest values as text. */

import uPlot from "/static/vendor/uplot-1.6.32/uPlot.esm.js";
import {html, useEffect, useRef} from "/static/parts/dom.js";

const HEIGHT = 132;
/** The least number of seconds shown, so that a new chart is not stretched. */
const SHOWN = 120;

/** @typedef {{label: string, color: string, values: (number|null)[]}} Line */

/** A colour by the name of its property in console.css. @param {string} name */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {Line[]} lines @param {(value: any) => string} format @param {number} width */
function options(lines, format, width) {
  const axis = {stroke: () => color("muted"), grid: {stroke: () => color("grid"), width: 1}, ticks: {show: false}, font: "11px system-ui, sans-serif"};
  return {
    width, height: HEIGHT,
    legend: {show: false},
    cursor: {show: false},
    padding: [8, 8, 0, 0],
    scales: {
      x: {time: true, range: (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - SHOWN), high ?? 0]},
      y: {range: (_, low, high) => [0, high > 0 ? high * 1.15 : 1]},
    },
    axes: [
      {...axis, grid: {show: false}, space: 70, size: 24, values: (_, times) => times.map(clock)},
      {...axis, size: 52, space: 32, values: (_, values) => values.map((value) => format(value))},
    ],
    series: [{}, ...lines.map((line) => ({
      label: line.label, width: 1.6, spanGaps: false, points: {show: false},
      stroke: () => color(line.color), fill: () => `${color(line.color)}1c`,
    }))],
  };
}

/** @param {number} time */
function clock(time) {
  return new Date(time * 1000).toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
}

/** @param {{name: string, title: string, times: number[], lines: Line[], format: (value: any) => string}} props */
export function Chart({name, title, times, lines, format}) {
  const place = useRef(/** @type {HTMLElement|null} */ (null));
  const drawn = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const chart = (drawn.current = new /** @type {any} */ (uPlot)(options(lines, format, place.current?.clientWidth || 300), [[], ...lines.map(() => [])], place.current));
    const resized = new ResizeObserver(([entry]) => chart.setSize({width: Math.floor(entry.contentRect.width), height: HEIGHT}));
    if (place.current) resized.observe(place.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const again = () => chart.redraw(false, true);
    scheme.addEventListener("change", again);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", again);
      chart.destroy();
    };
  }, [lines.length]);
  const last = times[times.length - 1];
  useEffect(() => drawn.current?.setData([times, ...lines.map((line) => line.values)]), [last, times.length]);
  const known = lines.some((line) => line.values.some((value) => value !== null));
  return html`<figure class="card chart" data-chart=${name}>
    <figcaption><h2>${title}</h2>
      ${lines.map((line) => html`<span key=${line.label} class="legend"><i class=${line.color} aria-hidden="true"></i>${line.label}
        <b>${newest(line.values, format)}</b></span>`)}
    </figcaption>
    <div ref=${place} class="canvas" aria-hidden="true"></div>
    ${!known && times.length > 2 && html`<p class="over muted">not measured</p>`}
  </figure>`;
}

/** @param {(number|null)[]} values @param {(value: any) => string} format */
function newest(values, format) {
  const value = values[values.length - 1];
  return value === null || value === undefined ? "–" : format(value);
}
