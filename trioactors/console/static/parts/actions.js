// @ts-check
/**
 * Buttons for actions. Each asks for confirmation first and shows the consequences that `explain` computes. The answer is announced in a
 * live region. For a viewer without the role admin, the buttons are disabled and say why.
 */

import {live} from "/static/live.js";
import {html, useEffect, useReducer, useRef, useState} from "/static/parts/dom.js";
import {foreign, linesWith} from "/static/parts/foreign.js";
import {isolated} from "/static/parts/visible.js";

/** @typedef {{title: any, text: any, explain?: string|null, verb: string, danger?: boolean, act: () => Promise<any>}} Question a text with a name in it is a template */

/** @type {Question|null} */
let question = null;
/** @type {{text: any, bad: boolean, count: number}} */
let answer = {text: "", bad: false, count: 0};
/** @type {Set<() => void>} */
const listeners = new Set();

function changed() {
  for (const listener of listeners) listener();
}

function useChanges() {
  const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  useEffect(() => {
    listeners.add(redraw);
    return () => listeners.delete(redraw);
  }, []);
}

/** @param {any} text @param {boolean} [bad] */
export function report(text, bad = false) {
  answer = {text, bad, count: answer.count + 1};
  changed();
}

/** @param {Question} asked */
export function confirm(asked) {
  question = asked;
  changed();
}

/** The answer of the last action. */
export function Answers() {
  useChanges();
  return html`<div class="answers" aria-live="polite" data-answers>
    ${answer.text && html`<p key=${answer.count} data-answer=${answer.bad ? "failed" : "done"} class=${answer.bad ? "answer bad" : "answer"}>
      ${answer.text} <button class="plain" aria-label="Dismiss" onClick=${() => report("")}>✕</button></p>`}
  </div>`;
}

/** The dialog that asks for confirmation. */
export function Confirmation() {
  useChanges();
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [explained, explain] = useState(/** @type {any} */ (null));
  const [busy, work] = useState(false);
  const asked = question;
  useEffect(() => {
    if (asked === null) return box.current?.close();
    explain(null);
    box.current?.showModal();
    if (asked.explain)
      live.ask("explain", {name: asked.explain}).then((value) => explain(explanation(value)), (problem) => explain(html`Not available: ${foreign(problem.text)}`));
    return undefined;
  }, [asked]);
  const carryOut = async () => {
    if (asked === null) return;
    work(true);
    try {
      report(await asked.act());
    } catch (problem) {
      report(foreign(problem.text ?? problem), true);
    }
    work(false);
    confirm(/** @type {any} */ (null));
  };
  return html`<dialog ref=${box} class="dialog" aria-labelledby="asked" onClose=${() => confirm(/** @type {any} */ (null))}>
    ${asked !== null && html`
      <h2 id="asked">${asked.title}</h2>
      <p>${asked.text}</p>
      ${asked.explain && html`<p class="muted">For comparison, this would follow if it crashed now:</p>
        <pre data-explanation>${explained ?? "Loading…"}</pre>`}
      <div class="buttons">
        <button onClick=${() => box.current?.close()}>Cancel</button>
        <button class=${asked.danger ? "danger" : "primary"} disabled=${busy} onClick=${carryOut}>${asked.verb}</button>
      </div>`}
  </dialog>`;
}

/** What would follow, in words, with each name kept apart. @param {any} value */
export function explanation(value) {
  return linesWith(value.text, [value.name, ...value.consequences.map((each) => each.name)].filter(Boolean));
}

/** The reason why an action is not possible now, or null. @param {string} what */
export function obstacle(what) {
  if (live.phase !== "open") return "The console is not connected.";
  if (!live.fresh) return "No data arrives from the program.";
  if (!live.admin) return "Read-only: this requires the role admin.";
  return live.knows("actions", what) ? null : "Not supported by this console.";
}

/** A button for an action. @param {{what: string, label: string, children?: any, danger?: boolean, off?: string|null, ask: () => Question}} props */
export function ActionButton({what, label, children, danger = false, off = null, ask}) {
  const why = off ?? obstacle(what);
  return html`<button class=${danger ? "danger quiet" : "quiet"} data-action=${what} aria-label=${label} disabled=${why !== null} title=${why ?? label}
    onClick=${() => confirm(ask())}>${children ?? label}</button>`;
}

/** A note for users who cannot see the tooltips of disabled buttons. */
export function ReadOnly() {
  return live.hello !== null && !live.admin ? html`<small class="muted" data-read-only>read-only; actions require the role admin</small>` : null;
}

/** The fate of a child that is stopped by hand. @param {{dynamic: boolean, restart: string}} child */
function stopped({dynamic, restart}) {
  if (!dynamic && restart !== "temporary") return "stay down until it is restarted by hand";
  return `be removed, since it is a ${dynamic ? "dynamic" : "temporary"} child: it cannot be restarted, but a new child can use its name`;
}

/** The buttons to restart and stop a child. @param {{child: any, below?: number}} props its `ActorView` or `Branch`, and its descendants */
export function ChildButtons({child, below = 0}) {
  const {name, incarnation} = child;
  const own = name.startsWith(":") ? "This supervisor is internal to the system." : null;
  const all = below > 0 ? ` and everything below it (${below})` : "";
  const options = {name, incarnation};
  return html`<span class="buttons">
    <${ActionButton} what="restart" label=${`Restart ${isolated(name)}`} off=${own} ask=${() => ({
      title: html`Restart ${foreign(name)}?`,
      text: html`${foreign(name)}${all} will restart; its siblings are not affected. Waiting messages are kept, and the restart does not count against the budget.`,
      explain: name, verb: "Restart",
      act: async () => html`${foreign(name)} was restarted: incarnation ${(await live.act("restart", options)).incarnation}.`,
    })}>Restart<//>
    <${ActionButton} what="stop" danger label=${`Stop ${isolated(name)}`} off=${own ?? (child.status === "undefined" ? "Not running." : null)} ask=${() => ({
      title: html`Stop ${foreign(name)}?`,
      text: html`${foreign(name)}${all} will stop and ${stopped(child)}. Waiting casts become dead letters.`,
      explain: name, verb: "Stop", danger: true,
      act: async () => {
        await live.act("stop", options);
        return html`${foreign(name)} was stopped.`;
      },
    })}>Stop<//>
    <${ReadOnly} />
  </span>`;
}
