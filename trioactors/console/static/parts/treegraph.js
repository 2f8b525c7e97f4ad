// @ts-check
/** The tree as a drawing. The list has the same content in accessible form. */

import {hierarchy, tree} from "/static/vendor/d3-hierarchy-3.1.3/d3-hierarchy.mjs";
import {html, useLayoutEffect, useMemo, useRef} from "/static/parts/dom.js";
import {number} from "/static/parts/format.js";

/** Children drawn per supervisor. The rest is one node with their number. */
const WIDE = 12;
const DOWN = 26;
const ACROSS = 178;
const LETTERS = 20;

/** The drawn part of a branch. @param {any} branch @param {string|null} chosen */
function pruned(branch, chosen) {
  const kept = branch.children.filter((child, index) => index < WIDE || child.name === chosen);
  const more = branch.more + branch.children.length - kept.length;
  const children = kept.map((child) => pruned(child, chosen));
  if (more > 0) children.push({branch: null, more, children: []});
  return {branch, more: 0, children};
}

/** @param {{top: any, chosen: string|null, search: string, hit: (branch: any, search: string) => boolean, marks: Map<string, string>, onSelect: (name: string) => void}} props */
export function TreeGraph({top, chosen, search, hit, marks, onSelect}) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const drawn = useMemo(() => {
    const root = hierarchy(pruned(top, chosen));
    /** @type {any} */ (tree()).nodeSize([DOWN, ACROSS])(root);
    return root;
  }, [top, chosen]);
  const nodes = drawn.descendants();
  const low = Math.min(...nodes.map((node) => node.x)) - DOWN;
  const height = Math.max(...nodes.map((node) => node.x)) - low + DOWN;
  const width = Math.max(...nodes.map((node) => node.y)) + ACROSS + 12;
  const drawsChosen = nodes.some((node) => node.data.branch?.name === chosen);
  useLayoutEffect(() => bring(box.current, drawsChosen), [chosen, drawsChosen]);
  return html`<div class="box graph" ref=${box} role="region" aria-label="Drawing of the tree" tabindex="0">
    <svg width=${width} height=${height} viewBox=${`-14 ${low} ${width} ${height}`} role="img" aria-label="The tree as a drawing; the list below has the same content">
      ${drawn.links().map(({source, target}) => html`<path key=${key(target)} class="link"
        d=${`M${source.y},${source.x}C${(source.y + target.y) / 2},${source.x} ${(source.y + target.y) / 2},${target.x} ${target.y},${target.x}`} />`)}
      ${nodes.map((node) => html`<${Node} key=${key(node)} node=${node} chosen=${chosen} hit=${node.data.branch !== null && hit(node.data.branch, search)} mark=${marks.get(node.data.branch?.name)} onSelect=${onSelect} />`)}
    </svg></div>`;
}

/** Scroll the box, but not the page, to the selected node, or to the root if none is selected.
 * @param {HTMLElement|null} box @param {boolean} chosen */
function bring(box, chosen) {
  const node = box?.querySelector(chosen ? ".node.chosen" : ".node");
  if (!box || !node) return;
  const [frame, place] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
  if (place.top < frame.top || place.bottom > frame.bottom) box.scrollTop += (place.top + place.bottom - frame.top - frame.bottom) / 2;
  if (place.left < frame.left || place.right > frame.right) box.scrollLeft += place.left - frame.left - frame.width / 3;
}

/** @param {any} node */
function key(node) {
  return node.data.branch?.path ?? `${node.parent.data.branch.path} and more`;
}

function Node({node, chosen, hit, mark, onSelect}) {
  const {branch, more} = node.data;
  const place = `translate(${node.y},${node.x})`;
  if (branch === null) return html`<g class="node" transform=${place}><text x="8" dy="0.32em" class="more-children">and ${number(more)} more</text></g>`;
  const {name, status, backlog, kind} = branch;
  const classes = ["node", status, branch.name === chosen && "chosen", hit && "hit", mark && `mark-${mark}`, kind === "supervisor" && "supervisor"].filter(Boolean).join(" ");
  return html`<g class=${classes} transform=${place} onClick=${() => onSelect(name)} data-node=${name}>
    <title>${`${name}: ${status === "undefined" ? "down" : status}${backlog ? `, ${backlog} waiting` : ""}`}</title>
    <circle class="halo" r="11" />
    ${kind === "supervisor" ? html`<rect x="-5.5" y="-5.5" width="11" height="11" rx="3" />` : html`<circle r="5.5" />`}
    <text x="12" dy="0.32em">${name.length > LETTERS ? `${name.slice(0, LETTERS - 1)}…` : name}${backlog > 0 && html`<tspan class="backlog" dx="6">${number(backlog)}</tspan>`}</text>
  </g>`;
}
