// @ts-check
/** The tree as a list: an ARIA tree with one line in the tab order, navigated with the arrow keys. */

import {html, useLayoutEffect, useRef, useState} from "/static/parts/dom.js";
import {NOTHING, number} from "/static/parts/format.js";
import {Budget, Status} from "/static/parts/signs.js";

const MARKS = {stops: ["would stop", "warn"], starts: ["would start", "good"], both: ["would restart", "warn"]};

/** @param {{lines: import("/static/views/tree.js").Line[], chosen: string|null, search: string,
 *   hit: (branch: any, search: string) => boolean, marks: Map<string, any>, onSelect: (name: string) => void,
 *   onFold: (line: any, open: boolean) => void}} props */
export function TreeList({lines, chosen, search, hit, marks, onSelect, onFold}) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const [at, move] = useState(/** @type {string|null} */ (null));
  const moved = useRef(false);
  const names = lines.map((line) => line.branch.name);
  const current = names.includes(at ?? "") ? at : names.includes(chosen ?? "") ? chosen : names[0];
  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    /** @type {HTMLElement|null|undefined} */ (box.current?.querySelector('[tabindex="0"]'))?.focus();
  }, [current]);
  const go = (index) => {
    const next = lines[Math.max(0, Math.min(lines.length - 1, index))];
    if (!next) return;
    moved.current = true;
    move(next.branch.name);
  };
  /** @param {KeyboardEvent} event */
  const pressed = (event) => {
    const index = names.indexOf(current ?? "");
    const line = lines[index];
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = {
      ArrowDown: () => go(index + 1),
      ArrowUp: () => go(index - 1),
      Home: () => go(0),
      End: () => go(lines.length - 1),
      ArrowRight: () => (line.folds && !line.open ? onFold(line, true) : line.open && go(index + 1)),
      ArrowLeft: () => (line.open ? onFold(line, false) : line.parent !== null && go(names.indexOf(line.parent))),
      Enter: () => onSelect(line.branch.name),
      " ": () => onSelect(line.branch.name),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };
  return html`<div class="box"><div class="tree">
    <div class="heads" aria-hidden="true"><span>Child</span><span>Status</span><span>Budget</span><span class="numeric">Restarts</span><span class="numeric">Waiting</span></div>
    <div role="tree" aria-label="The tree of supervisors and children" ref=${box} onKeyDown=${pressed}>
      ${lines.map((line) => html`<${Branch} key=${line.branch.path} line=${line} chosen=${line.branch.name === chosen} current=${line.branch.name === current}
        hit=${hit(line.branch, search)} mark=${marks.get(line.branch.name)} onSelect=${() => { move(line.branch.name); onSelect(line.branch.name); }} onFold=${onFold} />`)}
    </div></div></div>`;
}

function Branch({line, chosen, current, hit, mark, onSelect, onFold}) {
  const {branch, level, place, among, open, folds} = line;
  const {budget} = branch;
  const [text, weight] = mark ? MARKS[mark] : ["", ""];
  return html`<div role="treeitem" class=${`line ${chosen ? "chosen" : ""} ${weight}`} data-name=${branch.name} tabindex=${current ? 0 : -1}
    aria-level=${level} aria-posinset=${place} aria-setsize=${among} aria-selected=${chosen ? "true" : "false"} aria-expanded=${folds ? String(open) : null}
    onClick=${onSelect}>
    <span class="who" style=${{paddingLeft: `${(level - 1) * 20}px`}}>
      <i class="twist" aria-hidden="true" onClick=${(event) => { if (folds) { event.stopPropagation(); onFold(line, !open); } }}>${folds ? (open ? "▾" : "▸") : ""}</i>
      <span class=${hit ? "name hit" : "name"}>${branch.name}</span>
      <small class="muted" title=${budget ? budget.strategy : branch.actor ?? "function"}>${budget ? budget.strategy : branch.actor ?? "function"}</small>
      ${branch.more > 0 && html`<small class="muted">and ${number(branch.more)} more children</small>`}
    </span>
    <span><${Status} status=${branch.status} />${branch.down > 0 && html` <small class="bad-text">${number(branch.down)} down</small>`}
      ${text && html` <small class=${`chip ${weight}`} data-mark=${mark}>${text}</small>`}</span>
    <span>${budget ? html`<${Budget} budget=${budget} />` : ""}</span>
    <span class="numeric">${branch.restarts ? number(branch.restarts) : NOTHING}</span>
    <span class="numeric">${branch.backlog ? number(branch.backlog) : NOTHING}</span>
  </div>`;
}
