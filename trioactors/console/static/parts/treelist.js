// @ts-check
/** The tree as a list: an ARIA tree with one line in the tab order, navigated with the arrow keys. */

import {html, useLayoutEffect, useRef, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, counted, number} from "/static/parts/format.js";
import {Paused, Unreadable} from "/static/parts/repair.js";
import {Budget, Status} from "/static/parts/signs.js";
import {Pager} from "/static/parts/table.js";
import {isolated} from "/static/parts/visible.js";

const MARKS = {stops: ["would stop", "warn"], starts: ["would start", "good"], both: ["would restart", "warn"]};

/** The widest step from one level to the next, and the room for all levels, in pixels. */
const [STEP, ROOM] = [20, 170];

/** @param {{lines: import("/static/views/tree.js").Line[], pages: Map<string, {branch: any, level: number}[]>, size: number, chosen: string|null, search: string,
 *   hit: (branch: any, search: string) => boolean, marks: Map<string, any>, onSelect: (name: string) => void,
 *   onFold: (line: any, open: boolean) => void, onTurn: (name: string, first: number) => void}} props */
export function TreeList({lines, pages, size, chosen, search, hit, marks, onSelect, onFold, onTurn}) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const [at, move] = useState(/** @type {string|null} */ (null));
  const moved = useRef(false);
  const names = lines.map((line) => line.branch.name);
  const current = names.includes(at ?? "") ? at : names.includes(chosen ?? "") ? chosen : names[0];
  const shown = names.includes(chosen ?? "");
  useLayoutEffect(() => {
    if (search && shown) box.current?.querySelector(".chosen")?.scrollIntoView({block: "center"}); // chosen among the results, not in the list
  }, [chosen, shown]);
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
  const step = Math.max(4, Math.min(STEP, ROOM / Math.max(1, ...lines.map((line) => line.level))));
  return html`<div class="box" role="region" aria-label="List of the tree" tabindex="0"><div class="tree" style=${{"--step": `${step}px`, "--levels": Math.max(...lines.map((line) => line.level))}}>
    <div class="heads" aria-hidden="true"><span>Child</span><span>Status</span><span>Budget</span><span class="numeric">Restarts</span><span class="numeric">Waiting</span></div>
    <div role="tree" aria-label="The tree of supervisors and children" ref=${box} onKeyDown=${pressed}>
      ${lines.flatMap((line) => [html`<${Branch} key=${line.branch.path} line=${line} chosen=${line.branch.name === chosen} current=${line.branch.name === current}
        hit=${hit(line.branch, search)} mark=${marks.get(line.branch.name)} onSelect=${() => { move(line.branch.name); onSelect(line.branch.name); }} onFold=${onFold} />`,
        ...(pages.get(line.branch.path) ?? []).map(({branch, level}) => html`<div key=${`${branch.path} pages`} role="treeitem" class="line pages" aria-level=${level} aria-selected="false" tabindex="-1"
          data-pages=${branch.name} aria-label=${`More children of ${isolated(branch.name)}`} style=${{"--level": level - 1}} onKeyDown=${(event) => event.stopPropagation()}>
          <${Pager} total=${branch.children.length + branch.more} offset=${branch.before} limit=${size} onTurn=${(first) => onTurn(branch.name, first)} /></div>`)])}
    </div></div></div>`;
}

function Branch({line, chosen, current, hit, mark, onSelect, onFold}) {
  const {branch, level, place, among, open, folds} = line;
  const {budget} = branch;
  const [text, weight] = mark ? MARKS[mark] : ["", ""];
  return html`<div role="treeitem" class=${`line ${chosen ? "chosen" : ""} ${weight}`} data-name=${branch.name} tabindex=${current ? 0 : -1}
    aria-level=${level} aria-posinset=${place} aria-setsize=${among} aria-selected=${chosen ? "true" : "false"} aria-expanded=${folds ? String(open) : null}
    onClick=${onSelect}>
    <span class="who" style=${{"--level": level - 1}}>
      <i class="twist" aria-hidden="true" onClick=${(event) => { if (folds) { event.stopPropagation(); onFold(line, !open); } }}>${folds ? (open ? "▾" : "▸") : ""}</i>
      <span class=${hit ? "name hit" : "name"}>${foreign(branch.name)}</span>
      <small class="muted" title=${budget ? budget.strategy : isolated(branch.actor ?? branch.kind)}>${budget ? budget.strategy : branch.actor ? foreign(branch.actor) : branch.kind}</small>
      ${branch.more > 0 && !open && html`<small class="muted">${counted(branch.more, "child", "children")}</small>`}
    </span>
    <span><${Status} status=${branch.status} /><${Paused} row=${branch} /><${Unreadable} row=${branch} />${branch.down > 0 && html` <small class="bad-text">${number(branch.down)} down</small>`}
      ${text && html` <small class=${`chip ${weight}`} data-mark=${mark}>${text}</small>`}</span>
    <span>${budget ? html`<${Budget} budget=${budget} />` : ""}</span>
    <span class="numeric">${branch.restarts ? number(branch.restarts) : NOTHING}</span>
    <span class="numeric">${branch.backlog ? number(branch.backlog) : NOTHING}</span>
  </div>`;
}
