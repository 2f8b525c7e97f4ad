// @ts-check
/**
 * Buttons that act. Each asks first, and says in its question what else would follow, by the rules that decide (`explain`); the
 * answer is told where it is heard. Whoever may not act sees the button and why it is off.
 */

import {live} from "/static/live.js";
import {html, useEffect, useReducer, useRef, useState} from "/static/parts/dom.js";

/** @typedef {{title: string, text: string, explain?: string|null, verb: string, danger?: boolean, act: () => Promise<string>}} Question */

/** @type {Question|null} */
let question = null;
/** @type {{text: string, bad: boolean, count: number}} */
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

/** @param {string} text @param {boolean} [bad] */
export function tell(text, bad = false) {
  answer = {text, bad, count: answer.count + 1};
  changed();
}

/** @param {Question} asked */
export function confirm(asked) {
  question = asked;
  changed();
}

/** What came of the last action. */
export function Answers() {
  useChanges();
  return html`<div class="answers" aria-live="polite" data-answers>
    ${answer.text && html`<p key=${answer.count} data-answer=${answer.bad ? "failed" : "done"} class=${answer.bad ? "answer bad" : "answer"}>
      ${answer.text} <button class="plain" aria-label="Dismiss" onClick=${() => tell("")}>✕</button></p>`}
  </div>`;
}

/** The one dialog that asks. */
export function Confirmation() {
  useChanges();
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [explained, explain] = useState(/** @type {string|null} */ (null));
  const [busy, work] = useState(false);
  const asked = question;
  useEffect(() => {
    if (asked === null) return box.current?.close();
    explain(null);
    box.current?.showModal();
    if (asked.explain)
      live.ask("explain", {name: asked.explain}).then((told) => explain(told.text), (problem) => explain(`Nobody can say: ${problem.text}`));
    return undefined;
  }, [asked]);
  const carryOut = async () => {
    if (asked === null) return;
    work(true);
    try {
      tell(await asked.act());
    } catch (problem) {
      tell(problem.text ?? String(problem), true);
    }
    work(false);
    confirm(/** @type {any} */ (null));
  };
  return html`<dialog ref=${box} class="dialog" aria-labelledby="asked" onClose=${() => confirm(/** @type {any} */ (null))}>
    ${asked !== null && html`
      <h2 id="asked">${asked.title}</h2>
      <p>${asked.text}</p>
      ${asked.explain && html`<p class="muted">What supervision would do if it failed instead, as things are now:</p>
        <pre data-explanation>${explained ?? "Asking…"}</pre>`}
      <div class="buttons">
        <button onClick=${() => box.current?.close()}>Cancel</button>
        <button class=${asked.danger ? "danger" : "primary"} disabled=${busy} onClick=${carryOut}>${asked.verb}</button>
      </div>`}
  </dialog>`;
}

/** Why this cannot be done now, or null. @param {string} what */
export function obstacle(what) {
  if (live.phase !== "open") return "The console cannot be reached now.";
  if (!live.admin) return "You are signed in as a viewer; to act needs the role admin.";
  return live.knows("actions", what) ? null : "This console cannot do that.";
}

/** A button that acts. @param {{what: string, label: string, children?: any, danger?: boolean, off?: string|null, ask: () => Question}} props */
export function Deed({what, label, children, danger = false, off = null, ask}) {
  const why = off ?? obstacle(what);
  return html`<button class=${danger ? "danger quiet" : "quiet"} data-deed=${what} aria-label=${label} disabled=${why !== null} title=${why ?? label}
    onClick=${() => confirm(ask())}>${children ?? label}</button>`;
}

/** Says it where somebody cannot hover. */
export function OnlyLooks() {
  return live.hello !== null && !live.admin ? html`<small class="muted" data-only-looks>a viewer looks only; to act needs the role admin</small>` : null;
}

/** What becomes of a child that is stopped by hand. @param {{dynamic: boolean, restart: string}} child */
function stopped({dynamic, restart}) {
  if (!dynamic && restart !== "temporary") return "stays down until somebody restarts it";
  return `is forgotten, for it is a ${dynamic ? "dynamic" : "temporary"} child: nobody can restart it, only start another one under its name`;
}

/** Restart and stop of one child. @param {{child: any, below?: number}} props its `ActorView` or `Branch`, and how many there are below it */
export function LifeButtons({child, below = 0}) {
  const {name, incarnation} = child;
  const own = name.startsWith(":") ? "The system's own supervisors are left alone." : null;
  const all = below > 0 ? ` and everything below it (${below})` : "";
  const options = {name, incarnation};
  return html`<span class="buttons">
    <${Deed} what="restart" label=${`Restart ${name}`} off=${own} ask=${() => ({
      title: `Restart ${name}?`,
      text: `By hand, ${name}${all} is stopped and started again. Nothing beside it falls, waiting messages are kept, and no restart is counted.`,
      explain: name, verb: "Restart",
      act: async () => `${name} was restarted: incarnation ${(await live.act("restart", options)).incarnation}.`,
    })}>Restart<//>
    <${Deed} what="stop" danger label=${`Stop ${name}`} off=${own ?? (child.status === "undefined" ? "It does not run." : null)} ask=${() => ({
      title: `Stop ${name}?`,
      text: `By hand, ${name}${all} is stopped and ${stopped(child)}. Waiting casts become dead letters.`,
      explain: name, verb: "Stop", danger: true,
      act: async () => {
        await live.act("stop", options);
        return `${name} was stopped.`;
      },
    })}>Stop<//>
    <${OnlyLooks} />
  </span>`;
}
