// @ts-check
/** The figures over time for the charts: what the program has kept, and after it what this page sees. */

import {prefill, useFigures} from "/static/figures.js";
import {live} from "/static/live.js";
import {html, useEffect, useState} from "/static/parts/dom.js";
import {dated} from "/static/parts/format.js";
import {useConnection} from "/static/parts/watching.js";
import {pause} from "/static/pause.js";
import {choose} from "/static/routes.js";

/** Length in seconds, and the seconds after which it is loaded anew; the shortest is put in front of what this page sees instead. */
const SPANS = {
  "10min": {label: "10 min", seconds: 600, again: 0},
  "1h": {label: "1 hour", seconds: 3600, again: 15},
  "1d": {label: "1 day", seconds: 86_400, again: 60},
  "1w": {label: "1 week", seconds: 604_800, again: 300},
};
const WORDS = {started: "program started", paused: "no figures until", "clock set": "clock set"};

/** The samples of a span, and the gaps in them. @param {string|undefined} chosen @returns {{samples: import("/static/figures.js").Sample[], marks: {at: number, what: string}[], span: string, kept: boolean}} */
export function useHistory(chosen) {
  const {figures, samples} = useFigures();
  const {hello} = useConnection();
  const span = chosen && Object.hasOwn(SPANS, chosen) ? chosen : "10min";
  const [found, keep] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (!live.knows("topics", "samples")) return undefined;
    let over = false;
    const {seconds, again} = SPANS[span];
    const load = () => {
      const {since} = pause;
      live.ask("look", {topic: "samples", span: seconds}).then((value) => {
        if (over || since !== pause.since) return;
        if (!again) prefill(rows(value));
        keep({...value, rows: rows(value)});
      }, () => {});
    };
    const go = () => pause.on || load(); // what is shown stands still during a pause
    load();
    pause.listeners.add(go);
    const timer = again ? setInterval(go, again * 1000) : undefined;
    return () => {
      over = true;
      pause.listeners.delete(go);
      clearInterval(timer);
    };
  }, [span, hello]);
  if (found === null) return {samples, marks: [], span, kept: false};
  const start = (figures?.wall_time ?? 0) - SPANS[span].seconds;
  const marks = found.marks.filter((mark) => mark.at >= start);
  const all = SPANS[span].again ? found.rows : samples;
  return {samples: all.filter((row) => row.at >= start), marks, span, kept: true};
}

/** @param {any} value @returns {import("/static/figures.js").Sample[]} */
function rows(value) {
  return value.at.map((at, index) => ({
    at, accepted: value.accepted[index], handled: value.handled[index], wait: value.wait[index], waiting: value.backlog[index], restarts: value.restarts[index],
    failed: value.failures[index], buried: value.dead_letters[index], lag: value.lag[index],
  }));
}

/** The choice of a span, and what the gaps are. */
export function Spans({span, marks}) {
  const latest = marks.slice(-3).map((mark) => `${WORDS[mark.what] ?? mark.what} ${dated(mark.at)}`);
  return html`<div class="spread" data-spans>
    <span class="buttons" role="group" aria-label="Time shown in the charts">${Object.entries(SPANS).map(([key, each]) => html`
      <button key=${key} data-span=${key} aria-pressed=${key === span ? "true" : "false"}
        onClick=${() => choose({span: key === "10min" ? "" : key})}>${each.label}</button>`)}</span>
    ${latest.length > 0 && html`<small class="muted" data-marks>${latest.join(", ")}</small>`}</div>`;
}

/** Draw a dashed line for each gap. @param {any} chart of uPlot @param {{at: number}[]} marks @param {string} color */
export function drawMarks(chart, marks, color) {
  const {ctx, bbox} = chart;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  for (const {at} of marks) {
    const x = Math.round(chart.valToPos(at, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
