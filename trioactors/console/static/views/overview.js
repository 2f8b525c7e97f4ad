// @ts-check
/** An overview of the system: figures, charts, the busiest actors, and recent events. */

import {useFigures} from "/static/figures.js";
import {Chart} from "/static/parts/chart.js";
import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {compact, duration, number} from "/static/parts/format.js";
import {Spans, useHistory} from "/static/parts/history.js";
import {LIFECYCLE, Records} from "/static/parts/records.js";
import {Paused} from "/static/parts/repair.js";
import {ActorLink, Ago, Share, Status} from "/static/parts/signs.js";
import {Table} from "/static/parts/table.js";
import {useStream, useWatch} from "/static/parts/watching.js";
import {address} from "/static/routes.js";

const BUSIEST = {sort: "waiting", limit: 5};
const NEWEST = 12;

/** @type {{key: string, label: string, of?: (figures: any) => any, format?: (value: any) => string, bad?: boolean, to?: string}[]} */
const FIGURES = [
  {key: "children", label: "Children", to: address("tree")},
  {key: "actors", label: "Actors", to: address("actors")},
  {key: "down", label: "Down", bad: true, to: address("actors", null, {status: "undefined"})},
  {key: "busy", label: "Busy", to: address("actors", null, {sort: "busy"})},
  {key: "backlog", label: "Waiting messages", to: address("actors", null, {sort: "waiting"})},
  {key: "handled", label: "Messages handled", of: (figures) => figures.ledger?.handled},
  {key: "restarts", label: "Restarts", to: address("actors", null, {sort: "restarts"})},
  {key: "dead_letters", label: "Dead letters", bad: true, to: address("failures")},
  {key: "mailbox_wait", label: "Longest wait", of: waited, format: duration},
  {key: "loop_lag", label: "Event-loop delay", format: duration},
];

/** The longest wait; casts carry no time, so it is not known if only they wait. @param {any} figures */
function waited(figures) {
  return figures.backlog > 0 && figures.mailbox_wait === 0 ? null : figures.mailbox_wait;
}

export function Overview({here}) {
  const {figures} = useFigures();
  return html`<section data-view="overview">
    <h1 tabindex="-1">Overview</h1>
    <${Store} figures=${figures} />
    <dl class="figures">${FIGURES.map((each) => html`<${Figure} key=${each.key} ...${each} figures=${figures} name=${each.key} />`)}</dl>
    <${Charts} chosen=${here.query.span} />
    <div class="columns">
      <${Busiest} />
      <${Latest} />
    </div>
  </section>`;
}

function Figure({name, label, of, format = number, bad = false, to, figures}) {
  const value = figures === null ? undefined : of ? of(figures) : figures[name];
  const alarming = bad && value > 0;
  const shown = html`<output data-figure=${name} class=${alarming ? "bad-text" : null}>${value === null || value === undefined ? "–" : format(value)}</output>`;
  return html`<div class="card figure"><dt>${to ? html`<a href=${to}>${label}</a>` : label}</dt><dd>${shown}</dd></div>`;
}

function Store({figures}) {
  if (!figures?.store) return null;
  if (figures.store_broken)
    return html`<div class="banner bad" data-problem="StoreBroken"><strong>The store has failed.</strong> Nothing more is saved in <code>${foreign(figures.store)}</code>.</div>`;
  return html`<p class="muted">Durable state is stored in <code>${foreign(figures.store)}</code>.</p>`;
}

function Charts({chosen}) {
  const {samples, marks, span, kept} = useHistory(chosen);
  const times = samples.map((each) => each.at);
  const line = (label, color, key) => ({label, color, values: samples.map((each) => each[key])});
  const rate = (value) => `${compact(value)}`;
  return html`${kept && html`<${Spans} span=${span} marks=${marks} />`}<div class="charts">
    <${Chart} name="messages" title="Messages per second" times=${times} marks=${marks} format=${rate}
      lines=${[line("accepted", "accent", "accepted"), line("handled", "good", "handled")]} />
    <${Chart} name="waiting" title="Waiting messages" times=${times} marks=${marks} format=${rate} lines=${[line("waiting", "violet", "waiting")]} />
    <${Chart} name="wait" title="Mailbox wait" times=${times} marks=${marks} format=${duration} lines=${[line("longest", "violet", "wait")]} />
    <${Chart} name="restarts" title="Restarts per second" times=${times} marks=${marks} format=${rate} lines=${[line("restarts", "warn", "restarts")]} />
    <${Chart} name="failures" title="Failures per second" times=${times} marks=${marks} format=${rate}
      lines=${[line("failures", "bad", "failed"), line("dead letters", "muted", "buried")]} />
    <${Chart} name="lag" title="Event-loop delay" times=${times} marks=${marks} format=${duration} lines=${[line("longest in 10 s", "accent", "lag")]} />
  </div>`;
}

const COLUMNS = [
  {key: "name", label: "Actor", cell: (row) => html`<${ActorLink} name=${row.name} />`},
  {key: "status", label: "Status", cell: (row) => html`<${Status} status=${row.status} /><${Paused} row=${row} />`},
  {key: "handling", label: "Busy with", cell: (row) => (row.handling ? html`<code>${foreign(row.handling)}</code> <${Ago} time=${row.handling_since} ago=${false} />` : "–")},
  {key: "waiting", label: "Waiting", cell: (row) => html`<${Share} used=${row.waiting} of=${row.limit} label="Mailbox" />`},
];

function Busiest() {
  const {value} = useWatch("actors", BUSIEST);
  return html`<div class="card"><h2>Busiest actors</h2>
    <${Table} label="The five actors with the most waiting messages" columns=${COLUMNS} rows=${value?.rows ?? []} name=${(row) => row.name} sort="waiting" down
      whole=${{topic: "actors", options: {sort: "waiting"}}} empty="No actors." />
    <p class="more"><a href=${address("actors", null, {sort: "waiting"})}>All actors</a></p></div>`;
}

function Latest() {
  const lifecycle = LIFECYCLE.map((kind) => useStream("trace", {kind, limit: 50}, {keep: NEWEST}));
  const all = useStream("trace", {limit: 50}, {keep: 50, sample: true});
  const exits = newest(lifecycle.flatMap((each) => each.rows));
  const messages = newest(all.rows.filter((row) => !LIFECYCLE.includes(row.kind)));
  return html`<div class="card"><h2>Recent events</h2>
    <h3>Starts and exits</h3>
    <${Records} rows=${exits} empty="No starts or exits since you opened this view." />
    <h3>Messages ${all.skipped && html`<small class="muted">a sample: there are too many to show all</small>`}</h3>
    <${Records} rows=${messages} />
    <p class="more"><a href=${address("messages")}>Trace messages</a></p></div>`;
}

function newest(rows) {
  return [...rows].sort((one, other) => other.number - one.number).slice(0, NEWEST);
}
