// @ts-check
/** Durable state: the durable actors with their revisions, recent commits, and the quarantine. */

import {live} from "/static/live.js";
import {ReadOnly} from "/static/parts/actions.js";
import {Commits} from "/static/parts/commits.js";
import {html, useEffect, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {NOTHING, bytes, number} from "/static/parts/format.js";
import {cutsOf} from "/static/parts/part.js";
import {Damaged, ResetButton, RestoreButton} from "/static/parts/repair.js";
import {Search} from "/static/parts/search.js";
import {ActorLink, Ago, Problem, Status} from "/static/parts/signs.js";
import {Pager, Table} from "/static/parts/table.js";
import {Value} from "/static/parts/value.js";
import {useWatch} from "/static/parts/watching.js";
import {address, choose} from "/static/routes.js";

const PAGE = 50;
const SORTS = ["name", "revision", "size", "committed"];

export function Durable({here}) {
  return here.name === null ? html`<${All} here=${here} />` : html`<${One} key=${here.name} name=${here.name} />`;
}

const COLUMNS = [
  {key: "name", label: "Actor", sort: "name", cell: (row) => html`<a class="name" href=${address("durable", row.name)}>${foreign(row.name)}</a>`},
  {key: "actor", label: "Class", cell: (row) => html`<code>${foreign(row.actor)}</code>`},
  {key: "status", label: "Status", cell: (row) => html`<${Status} status=${row.status} />${row.problem && html`<p class="bad-text" data-problem>${foreign(row.problem)}</p>`}`},
  {key: "policy", label: "Policy", cell: (row) => row.policy ?? NOTHING},
  {key: "revision", label: "Revision", sort: "revision", numeric: true, cell: (row) => number(row.revision)},
  {key: "size", label: "Size", sort: "size", numeric: true, cell: (row) => bytes(row.size)},
  {key: "committed", label: "Last commit", sort: "committed", numeric: true, cell: (row) => html`<${Ago} time=${row.committed_at} />${typeof row.committing_since === "number"
    && html` <span class="chip warn">commit in progress for <${Ago} time=${row.committing_since} ago=${false} /></span>`}`},
];
/** The columns for a console without this topic, from the list of actors. */
const FEWER = COLUMNS.filter((column) => ["name", "actor", "status"].includes(column.key)).map((column) => ({...column, sort: undefined}));

function All({here}) {
  const known = live.knows("topics", "durable");
  const sort = SORTS.includes(here.query.sort) ? here.query.sort : "name";
  const reverse = here.query.reverse === "true";
  const search = (here.query.search ?? "").slice(0, 1000);
  const offset = Math.max(0, Number.parseInt(here.query.offset, 10) || 0);
  const kept = useWatch(known ? "durable" : null, {sort, reverse, search, limit: PAGE, offset});
  const actors = useWatch(known ? null : "actors", {search, limit: 1000});
  const {value, error, stale} = known ? kept : actors;
  const rows = known ? value?.rows ?? [] : (value?.rows ?? []).filter((row) => row.durable).slice(0, PAGE);
  const total = known ? value?.matched ?? value?.total ?? 0 : rows.length;
  return html`<section data-view="durable">
    <div class="spread"><h1 tabindex="-1">Durable</h1>
      <${Search} value=${search} label="Search durable actors" /></div>
    ${error && html`<${Problem} error=${error} />`}
    <${Table} label="Durable actors" columns=${known ? COLUMNS : FEWER} rows=${rows} name=${(row) => row.name} stale=${stale} sort=${sort}
      down=${(sort === "name") === reverse} onSort=${(key) => choose({sort: key, reverse: key === sort && !reverse, offset: ""})}
      whole=${known ? {topic: "durable", options: {sort, reverse, search}} : rows} empty=${value ? (search ? "No matches." : "No durable actors (persist=...).") : "Loading…"} />
    ${known && value && html`<${Pager} total=${total} offset=${offset} limit=${PAGE} onTurn=${(next) => choose({offset: next || ""})} />`}
    <div class="columns">
      <div class="card"><h2>Recent commits</h2><${Commits} withChild /></div>
      <${Quarantine} watched=${value?.quarantine} />
    </div>
  </section>`;
}

const QUARANTINED = [
  {key: "name", label: "Name", cell: (row) => html`<span class="name">${foreign(row.name)}</span>`},
  {key: "size", label: "Size", numeric: true, cell: (row) => bytes(row.size)},
  {key: "problem", label: "Problem", wide: true, cell: (row) => html`<span class="bad-text">${row.problem ? foreign(row.problem) : NOTHING}</span>`},
  {key: "restore", label: "Repair", cell: (row) => html`<${RestoreButton} row=${row} />`},
];

/** The quarantined records. They are read from the store, so only when this view is opened, or on request. */
function Quarantine({watched}) {
  const [answer, set] = useState(/** @type {any} */ (null));
  const [problem, fail] = useState(/** @type {any} */ (null));
  const can = live.knows("questions", "quarantine");
  const [offset, turn] = useState(0);
  const ask = () => live.ask("quarantine", {limit: PAGE, offset}).then((found) => { set(found); fail(null); }, fail);
  const seen = JSON.stringify(watched ?? null);
  useEffect(() => {
    if (can) ask();
  }, [can, seen, offset]);
  const rows = Array.isArray(answer) ? answer : answer?.rows ?? (Array.isArray(watched?.rows) ? watched.rows : null);
  return html`<div class="card" data-quarantine>
    <div class="spread"><h2>Quarantine</h2>${can && html`<button onClick=${ask}>Refresh</button>`}</div>
    ${problem && html`<${Problem} error=${problem} />`}
    ${rows ? html`<${Table} label="Records in quarantine" columns=${QUARANTINED} rows=${rows} name=${(row) => row.name} sort="name" empty="The quarantine is empty." whole=${{question: "quarantine"}} />
      ${answer?.complete === false && html`<p class="muted">The store took too long to answer. There may be more records.</p>`}
      ${answer?.total > PAGE && html`<${Pager} total=${answer.total} offset=${offset} limit=${PAGE} onTurn=${turn} />`}`
      : !problem && html`<p class="muted">${can ? "Reading the store…" : "Not supported by this console."}</p>`}
  </div>`;
}

/** One durable actor. @param {{name: string}} props */
function One({name}) {
  const {value, error} = useWatch("actor", {name, waiting: 1});
  const found = useWatch(live.knows("topics", "durable") ? "durable" : null, {search: name, limit: 50});
  const row = found.value?.rows?.find((each) => each.name === name);
  const durable = value?.durable ?? row ?? null;
  return html`<section data-view="durable" data-name=${name}>
    <div class="spread"><h1 tabindex="-1"><code>${foreign(name)}</code></h1><p><a href=${address("durable")}>All durable actors</a> · <${ActorLink} name=${name} /></p></div>
    ${error && html`<${Problem} error=${error} />`}
    ${row?.problem ? html`<${Damaged} value=${row} />` : row && html`<p class="buttons"><${ResetButton} row=${row} /><${ReadOnly} /></p>`}
    ${value && durable === null && html`<p>This actor is not durable: its class does not say <code>persist=</code>.</p>`}
    ${durable && html`<dl class="figures">
        <${Fact} name="revision" label="Revision">${number(durable.revision)}<//>
        <${Fact} name="size" label="Size of the record">${bytes(durable.size)}<//>
        <${Fact} name="committed_at" label="Last commit"><${Ago} time=${durable.committed_at} /><//>
        <${Fact} name="committing_since" label="Commit in progress"><${Ago} time=${durable.committing_since} ago=${false} /><//>
        <${Fact} name="policy" label="Policy" small>${durable.policy}<//>
      </dl>
      <div class="columns">
        <div class="card" data-state><h2>${value?.state ? "State" : "Stored state"}</h2>${value?.state ? html`<${Value} value=${value.state.value} place=${{name, steps: [], cuts: cutsOf(value.state.cuts)}} />
          ${value.state.in_progress && html`<p class="muted">A handler is running: some of this may not be saved yet.</p>`}`
          : html`<p class="muted">Not shown: ${value?.state_allowed ? "the actor is not running." : html`the class does not say <code>inspect=True</code>.`}</p>`}</div>
        <div class="card"><h2>Commits since you opened this view</h2><${Commits} child=${name} /></div>
      </div>`}
  </section>`;
}

function Fact({name, label, small = false, children}) {
  return html`<div class="card figure"><dt>${label}</dt><dd><output data-figure=${name} class=${small ? "small" : null}>${children}</output></dd></div>`;
}
