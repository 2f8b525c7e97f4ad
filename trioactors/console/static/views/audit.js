// @ts-check
/** The audit log: who did what through a console, and how it ended. */

import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, duration, number} from "/static/parts/format.js";
import {Ago, Problem, When} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {useWatch} from "/static/parts/watching.js";
import {choose} from "/static/routes.js";

const PAGE = 50;
const OUTCOMES = {done: "good", failed: "bad", refused: "bad", running: "", unknown: "warn"};

const COLUMNS = [
  {key: "time", label: "When", cell: (row) => html`<${When} time=${row.time} /> <small class="muted"><${Ago} time=${row.time} /></small>`},
  {key: "who", label: "Who", cell: (row) => html`<code>${foreign(row.address)}</code> <small class="muted">${row.role}</small>`},
  {key: "action", label: "Action", cell: (row) => foreign(row.action)},
  {key: "options", label: "What", wide: true, cell: (row) => html`<code>${foreign(row.options)}</code>${row.error && html`<br /><span class="bad-text">${foreign(row.error)}</span>`}`},
  {key: "outcome", label: "Outcome", cell: (row) => html`<span class=${`chip ${OUTCOMES[row.outcome] ?? ""}`} data-outcome=${row.outcome}>${row.outcome}</span>`},
  {key: "seconds", label: "Took", numeric: true, cell: (row) => (row.seconds === null ? NOTHING : duration(row.seconds))},
];

export function Audit({here}) {
  const offset = Math.max(0, Number.parseInt(here.query.offset, 10) || 0);
  const outcome = Object.hasOwn(OUTCOMES, here.query.outcome ?? "") ? here.query.outcome : "";
  const {value, error, stale, absent} = useWatch("audit", {limit: PAGE, offset, ...(outcome && {outcome})});
  return html`<section data-view="audit">
    <div class="spread"><h1 tabindex="-1">Audit</h1><p class="muted" data-total>${value ? `${number(value.matched)} of ${number(value.total)}` : ""}</p></div>
    <div class="tools"><label>Outcome <select value=${outcome} onChange=${(event) => choose({outcome: event.target.value, offset: ""})}>
      <option value="">any</option>${Object.keys(OUTCOMES).map((each) => html`<option key=${each} value=${each} selected=${each === outcome}>${each}</option>`)}</select></label></div>
    ${error && html`<${Problem} error=${error} />`}
    <${Table} label="Actions, newest first" columns=${COLUMNS} rows=${value?.rows ?? []} name=${(row) => String(row.number)} stale=${stale}
      whole=${{topic: "audit", options: outcome ? {outcome} : {}}}
      empty=${value ? "No actions since the program started. Those before are in its log, trioactors.console.audit." : absent ? "Not supported by this console." : "Loading…"} />
    ${value?.lost > 0 && html`<p class="muted">${number(value.lost)} older entries are no longer kept.</p>`}
    ${value && html`<${Pager} total=${value.matched} offset=${offset} limit=${PAGE} onTurn=${(next) => choose({offset: next || ""})} />`}
  </section>`;
}
