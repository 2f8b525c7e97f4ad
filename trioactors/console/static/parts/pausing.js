// @ts-check
/** The button that pauses all views, and the banner that says since when they stand still and what waits. */

import {live} from "/static/live.js";
import {report} from "/static/parts/actions.js";
import {html, useEffect, useReducer} from "/static/parts/dom.js";
import {counted, duration} from "/static/parts/format.js";
import {pause} from "/static/pause.js";

/** Pause, or go on and say what came meanwhile. */
export function toggle() {
  if (!pause.on) {
    report("");
    return live.pause();
  }
  const {records, dropped} = pause.waiting;
  pause.end();
  const came = records > 0 ? `${counted(records, "record")} came during the pause.` : "No records came during the pause.";
  report(`Resumed. ${came}${dropped > 0 ? ` Of ${counted(records + dropped, "record")}, the oldest ${dropped} were dropped.` : ""}`);
}

function usePause() {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  useEffect(() => {
    pause.listeners.add(redraw);
    return () => pause.listeners.delete(redraw);
  }, []);
  useEffect(() => {
    if (!pause.on) return undefined;
    const timer = setInterval(redraw, 500);
    return () => clearInterval(timer);
  }, [pause.on]);
  return pause;
}

export function PauseButton() {
  const {on} = usePause();
  return html`<button class="pause" data-pause aria-pressed=${on ? "true" : "false"} title="Let all views stand still  (p)" onClick=${toggle}>${on ? "Resume" : "Pause"}</button>`;
}

export function Paused() {
  const {on, since, waiting} = usePause();
  if (!on) return null;
  const {records, dropped, changed} = waiting;
  const waits = records > 0 ? `${counted(records, "record waits", "records wait")}` : changed ? "changes wait" : "nothing has changed";
  return html`<div class="banner spread paused" data-banner="paused"><span><strong>Paused ${duration(Math.floor((performance.now() - Number(since)) / 1000))} ago,</strong>${" "}
    ${waits}${dropped > 0 && `; the oldest ${dropped} were dropped`}.</span><button onClick=${toggle}>Resume</button></div>`;
}
