// @ts-check
/** The supervision tree: a foldable list, a drawing, and for the selected child, what would stop and start if it exited now. */

import {html, useMemo, useState} from "/static/parts/dom.js";
import {Explanation, useExplanation} from "/static/parts/explanation.js";
import {counted} from "/static/parts/format.js";
import {Problem} from "/static/parts/signs.js";
import {TreeGraph} from "/static/parts/treegraph.js";
import {TreeList} from "/static/parts/treelist.js";
import {useWatch} from "/static/parts/watching.js";
import {choose} from "/static/routes.js";

const OPTIONS = {children: 100};
/** Lines shown. */
const LINES = 400;
/** A larger tree starts folded below its second level. */
const SMALL = 150;

/** @typedef {{branch: any, level: number, place: number, among: number, parent: string|null, open: boolean, folds: boolean}} Line */

/** The branches that the user has folded or unfolded, by path. @type {Map<string, boolean>} */
const folded = new Map();

/** Whether the search matches a branch. @param {any} branch @param {string} search */
function hit(branch, search) {
  const part = search.toLowerCase();
  return part !== "" && (branch.name.toLowerCase().includes(part) || (branch.actor ?? "").toLowerCase().includes(part));
}

export function Tree({here}) {
  const {value, error} = useWatch("tree", OPTIONS);
  const [folds, redraw] = useState(0);
  const search = here.query.search ?? "";
  const {lines, left, sizes} = useMemo(() => flattened(value, search), [value, search, folds]);
  const shown = useMemo(() => found(value, here.name), [value, here.name]);
  const beyond = useWatch(value && here.name !== null && !shown ? "tree" : null, {...OPTIONS, name: here.name});
  const chosen = shown ?? (here.name !== null && beyond.value?.name === here.name && !beyond.error ? beyond.value : null);
  const below = useMemo(() => (chosen ? sizes.get(chosen.path) ?? measured(chosen, new Map()) : 0), [chosen, sizes]);
  const explanation = useExplanation(here.name, here.query.reason ?? "crash", chosen && `${chosen.incarnation} ${chosen.status} ${chosen.budget?.used}`);
  const select = (name) => choose({}, {name});
  const fold = (line, open) => {
    folded.set(line.branch.path, !open);
    redraw((n) => n + 1);
  };
  const {graph = ""} = here.query;
  return html`<section data-view="tree">
    <div class="spread"><h1 tabindex="-1">Tree</h1>
      <div class="tools">
        <input type="search" data-search aria-label="Search the tree" placeholder="Search  /" value=${search}
          onInput=${(event) => choose({search: event.target.value}, {replace: true})} />
        <button aria-pressed=${graph === "off" ? "false" : "true"} onClick=${() => choose({graph: graph === "off" ? "" : "off"}, {replace: true})}>Drawing</button>
      </div></div>
    ${error && html`<${Problem} error=${error} />`}
    <div class="sides">
      <div class="stack">
        ${value && graph !== "off" && html`<${TreeGraph} top=${value} chosen=${here.name} search=${search} hit=${hit} marks=${explanation.marks} onSelect=${select} />`}
        ${value && html`<${TreeList} lines=${lines} chosen=${here.name} search=${search} hit=${hit} marks=${explanation.marks} onSelect=${select} onFold=${fold} />`}
        ${value && lines.length === 0 && html`<p class="muted">No matches. If a supervisor has very many children, only the first are
          shown; <a href=${`#/actors?search=${encodeURIComponent(search)}`}>search all actors</a>.</p>`}
        ${left > 0 && html`<p class="muted" data-left>${counted(left, "line is", "lines are")} not shown; search, or fold a branch.</p>`}
      </div>
      <${Explanation} name=${here.name} branch=${chosen} below=${below} explanation=${explanation} reason=${here.query.reason ?? "crash"} />
    </div>
  </section>`;
}

/** The lines to show. @param {any} top @param {string} search @returns {{lines: Line[], left: number, sizes: Map<string, number>}} */
function flattened(top, search) {
  /** @type {Line[]} */
  const lines = [];
  const sizes = new Map();
  if (!top) return {lines, left: 0, sizes};
  const size = measured(top, sizes);
  const part = search;
  const hits = (branch) => hit(branch, search);
  const wanted = (branch) => part === "" || hits(branch) || branch.children.some(wanted);
  let left = 0;
  const walk = (branch, level, place, among, parent) => {
    const folds = branch.children.length > 0;
    const begins = size <= SMALL || level < 2;
    const open = folds && (part !== "" || !(folded.get(branch.path) ?? !begins));
    if (lines.length < LINES) lines.push({branch, level, place, among, parent, open, folds});
    else left += 1;
    if (!open) return;
    const shown = branch.children.filter((child) => hits(branch) || wanted(child));
    shown.forEach((child, index) => walk(child, level + 1, index + 1, shown.length, branch.name));
  };
  if (wanted(top)) walk(top, 1, 1, 1, null);
  return {lines, left, sizes};
}

/** The number of descendants of each branch. @param {any} branch @param {Map<string, number>} sizes @returns {number} */
function measured(branch, sizes) {
  const size = branch.more + branch.children.reduce((sum, child) => sum + 1 + measured(child, sizes), 0);
  sizes.set(branch.path, size);
  return size;
}

/** @param {any} branch @param {string|null} name @returns {any} */
function found(branch, name) {
  if (!branch || name === null) return null;
  if (branch.name === name) return branch;
  for (const child of branch.children) {
    const here = found(child, name);
    if (here) return here;
  }
  return null;
}
