// @ts-check
/** Alerts: which are raised, since when, for what; and quiet for one of them. */

import {live} from "/static/live.js";
import {ActionButton, ReadOnly} from "/static/parts/actions.js";
import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, compact, counted, duration, number} from "/static/parts/format.js";
import {ActorLink, Ago, Problem, useNow} from "/static/parts/signs.js";
import {Table} from "/static/parts/table.js";
import {isolated} from "/static/parts/visible.js";
import {useWatch} from "/static/parts/watching.js";
import {address} from "/static/routes.js";

const SILENCE = 3600;

/** The alerts that are raised and not silenced, above every view. @param {{value: any}} props */
export function AlertBanner({value}) {
  if (!value?.raised) return null;
  const loud = value.rows.filter((row) => row.raised > 0 && row.silenced === null);
  return html`<div class="banner bad" role="status" data-banner="alerts"><strong>${counted(value.raised, "alert")} raised:</strong>${" "}
    ${loud.slice(0, 3).map((row, index) => html`${index > 0 && ", "}${foreign(row.name)}`)}${loud.length > 3 ? ` and ${loud.length - 3} more` : ""}. <a href=${address("alerts")}>Show</a></div>`;
}

const COLUMNS = [
  {key: "name", label: "Alert", cell: (row) => html`${foreign(row.name)}${row.name !== row.measure && html` <small class="muted">${foreign(row.measure)}</small>`}`},
  {key: "limit", label: "Limit", cell: (row) => `${row.above ? "above" : "below"} ${compact(row.limit)}${row.for_ ? ` for ${duration(row.for_)}` : ""}`},
  {key: "status", label: "Status", cell: (row) => html`<${State} row=${row} />`},
  {key: "targets", label: "Where", wide: true, cell: (row) => (row.targets.length === 0 ? NOTHING : html`<ul class="plain-list">
    ${row.targets.slice(0, 20).map((each) => html`<${Target} key=${each.target} row=${row} each=${each} />`)}
    ${row.targets.length + row.more > 20 && html`<li class="muted">and ${number(row.targets.length + row.more - Math.min(20, row.targets.length))} more</li>`}</ul>`)},
  {key: "act", label: "Silence", cell: (row) => html`<${Silence} row=${row} />`},
];

function State({row}) {
  const now = useNow();
  if (row.silenced !== null) return html`<span class="status warn" data-status="silenced">silenced</span> <small class="muted">for ${duration(Math.max(0, Math.ceil(row.silenced - (now ?? 0))))}</small>`;
  return row.raised > 0 ? html`<span class="status bad" data-status="raised">raised</span>` : html`<span class="status good" data-status="quiet">quiet</span>`;
}

function Target({row, each}) {
  const what = each.target === "" ? "the system" : row.of_children ? html`<${ActorLink} name=${each.target} />` : html`<code>${foreign(each.target)}</code>`;
  return html`<li data-name=${each.target}>${what}: <b>${compact(each.value)}</b> <small class="muted">since <${Ago} time=${each.since} />${each.raised === null && ", not raised yet"}</small></li>`;
}

function Silence({row}) {
  const {name, silenced} = row;
  const act = async (/** @type {number} */ seconds) => {
    await live.act("silence", {name, seconds});
    return html`${foreign(name)} ${seconds ? `is silenced for ${duration(seconds)}` : "is told again"}.`;
  };
  return silenced === null
    ? html`<${ActionButton} what="silence" label=${`Silence ${isolated(name)}`} ask=${() => ({title: html`Silence ${foreign(name)}?`, text: "For an hour, nobody is told of it: no log, no webhook. It stays on this page.", verb: "Silence", act: () => act(SILENCE)})}>Silence<//>`
    : html`<${ActionButton} what="silence" label=${`End the silence of ${isolated(name)}`} ask=${() => ({title: html`End the silence of ${foreign(name)}?`, text: "If it is raised, that is told at once.", verb: "End the silence", act: () => act(0)})}>End<//>`;
}

export function Alerts() {
  const {value, error, absent} = useWatch("alerts");
  return html`<section data-view="alerts">
    <div class="spread"><h1 tabindex="-1">Alerts</h1><${ReadOnly} /></div>
    ${error && html`<${Problem} error=${error} />`}
    <${Table} label="Alerts" columns=${COLUMNS} rows=${value?.rows ?? []} name=${(row) => row.name} mark=${(row) => (row.raised && row.silenced === null ? "raised" : null)}
      empty=${value ? html`No alerts. A program declares them: <code>open_system(..., alerts=[ta.alert("mailbox of *", above=800)])</code>` : absent ? "Not supported by this console." : "Loading…"} />
  </section>`;
}
