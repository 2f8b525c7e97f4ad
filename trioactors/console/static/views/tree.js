// @ts-check
/** The supervision tree: a foldable list, a drawing, a search, and for the selected child, what would stop and start if it exited now. */

import {html, useEffect, useMemo, useState} from "/static/parts/dom.js";
import {Explanation, useExplanation} from "/static/parts/explanation.js";
import {foreign} from "/static/parts/foreign.js";
import {counted} from "/static/parts/format.js";
import {Search} from "/static/parts/search.js";
import {Problem, Status} from "/static/parts/signs.js";
import {Pager} from "/static/parts/table.js";
import {TreeGraph} from "/static/parts/treegraph.js";
import {TreeList} from "/static/parts/treelist.js";
import {useWatch} from "/static/parts/watching.js";
import {address, choose} from "/static/routes.js";

/** Children of one supervisor on a page, and results of a search. */
const [PAGE, RESULTS] = [50, 20];
/** Supervisors whose folding is remembered. */
const REMEMBERED = 150;
/** Seconds between two searches, each of which looks at every child. */
const SEARCHES = 5;

/** @typedef {{branch: any, level: number, place: number, among: number, parent: string|null, open: boolean, folds: boolean}} Line */

/** What the user has folded (null), or turned to the page that begins with a child, by name. @type {Map<string, number|null>} */
const folded = new Map();

/** @param {string} name @param {number|null} first */
function remember(name, first) {
  folded.delete(name);
  folded.set(name, first);
  for (const oldest of folded.keys()) if (folded.size > REMEMBERED) folded.delete(oldest);
}

/** Whether the search matches a branch. @param {any} branch @param {string} search */
function hit(branch, search) {
  const part = search.toLowerCase();
  return part !== "" && (branch.name.toLowerCase().includes(part) || (branch.actor ?? "").toLowerCase().includes(part));
}

export function Tree({here}) {
  const [, redraw] = useState(0);
  const {value, error} = useWatch("outline", {children: PAGE, folds: Object.fromEntries(folded), ...(here.name === null ? {} : {chosen: here.name})});
  const search = here.query.search ?? "";
  const chosen = value?.chosen?.name === here.name ? value.chosen : null;
  const above = useMemo(() => new Set(chosen ? value.path : []), [value]);
  const {lines, pages} = useMemo(() => flattened(value?.top), [value]);
  const explanation = useExplanation(here.name, here.query.reason ?? "crash", chosen && `${chosen.incarnation} ${chosen.status} ${chosen.budget?.used}`);
  const change = (name, first) => {
    remember(name, first);
    redraw((n) => n + 1);
  };
  const select = (name) => {
    for (const {open, branch} of lines) if (open) remember(branch.name, branch.before); // what is unfolded stays so
    choose({}, {name});
  };
  useEffect(() => {
    if (!chosen || lines.some((line) => line.branch.name === here.name)) return;
    for (const name of above) folded.delete(name); // chosen elsewhere: unfold to it
    redraw((n) => n + 1);
  }, [chosen?.name]);
  const {graph = ""} = here.query;
  return html`<section data-view="tree">
    <div class="spread"><h1 tabindex="-1">Tree</h1>
      <div class="tools">
        <${Search} value=${search} label="Search the tree" hint="Name, class or path  /" />
        <button aria-pressed=${graph === "off" ? "false" : "true"} onClick=${() => choose({graph: graph === "off" ? "" : "off"}, {replace: true})}>Drawing</button>
      </div></div>
    ${error && html`<${Problem} error=${error} />`}
    ${here.name !== null && value && !chosen && value.chosen === null && html`<div class="banner" data-problem="UnknownName">There is no child <b>${foreign(here.name)}</b> now.</div>`}
    ${search !== "" && html`<${Results} search=${search} query=${here.query} chosen=${here.name} />`}
    <div class="sides">
      <div class="stack">
        ${value && graph !== "off" && html`<${TreeGraph} top=${value.top} chosen=${here.name} above=${above} search=${search} hit=${hit} marks=${explanation.marks} onSelect=${select} />`}
        ${value && html`<${TreeList} lines=${lines} pages=${pages} size=${PAGE} chosen=${here.name} search=${search} hit=${hit} marks=${explanation.marks} onSelect=${select}
          onFold=${(line, open) => change(line.branch.name, open ? 0 : null)} onTurn=${change} />`}
      </div>
      <${Explanation} name=${here.name} branch=${chosen} below=${chosen?.below ?? 0} explanation=${explanation} reason=${here.query.reason ?? "crash"} />
    </div>
  </section>`;
}

/** The children that the console has found. Each is a link that unfolds the tree to it. */
function Results({search, query, chosen}) {
  const offset = Math.max(0, Number.parseInt(query.offset, 10) || 0);
  const {value, error, stale} = useWatch("found", {search, limit: RESULTS, offset}, SEARCHES);
  return html`<div class="card" data-results><h2>Found</h2>
    <p class="muted" role="status">${value && !stale ? (value.matched ? counted(value.matched, "match", "matches") : "No matches.") : "Searching…"}</p>
    ${error && html`<${Problem} error=${error} />`}
    <ol class="plain-list results">${(value?.rows ?? []).map((row) => html`<li key=${row.name} data-name=${row.name}>
      <a class="name" href=${address("tree", row.name, query)} aria-current=${row.name === chosen ? "true" : null}>${foreign(row.name)}</a> <${Status} status=${row.status} />
      <small class="muted">${row.actor ? foreign(row.actor) : row.kind} · ${foreign(row.path)}</small></li>`)}</ol>
    ${value?.matched > RESULTS && html`<${Pager} total=${value.matched} offset=${offset} limit=${RESULTS} onTurn=${(next) => choose({offset: next || ""})} />`}</div>`;
}

/** The lines to show, and after which of them comes a pager, of which branch. @param {any} top */
function flattened(top) {
  /** @type {Line[]} */
  const lines = [];
  /** @type {Map<string, {branch: any, level: number}[]>} */
  const pages = new Map();
  const walk = (branch, level, place, among, parent) => {
    const all = branch.children.length + branch.more;
    const open = branch.children.length > 0;
    lines.push({branch, level, place, among, parent, open, folds: all > 0});
    branch.children.forEach((child, index) => walk(child, level + 1, branch.before + index + 1, all, branch.name));
    if (!open || branch.more === 0) return;
    const last = lines[lines.length - 1].branch.path;
    pages.set(last, [...(pages.get(last) ?? []), {branch, level: level + 1}]);
  };
  if (top) walk(top, 1, 1, 1, null);
  return {lines, pages};
}
