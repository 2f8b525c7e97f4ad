// @ts-check
/** The page: its frame, the current view, and the state of the connection. */

import {follow, useFigures} from "/static/figures.js";
import {live} from "/static/live.js";
import {Component, html, render, useEffect, useReducer, useRef} from "/static/parts/dom.js";
import {Answers, Confirmation, report} from "/static/parts/actions.js";
import {foreign} from "/static/parts/foreign.js";
import {number} from "/static/parts/format.js";
import {Keys} from "/static/parts/keys.js";
import {News} from "/static/parts/news.js";
import {PauseButton, Paused} from "/static/parts/pausing.js";
import {SavedViews} from "/static/parts/saved.js";
import {isolated} from "/static/parts/visible.js";
import {useConnection, useRoute, useWatch} from "/static/parts/watching.js";
import {address} from "/static/routes.js";
import {AlertBanner, Alerts} from "/static/views/alerts.js";
import {Overview} from "/static/views/overview.js";

/** The views. Their modules are loaded when they are first opened, but for the one that most pages begin with.
 * @type {Record<string, {title: string, load: () => Promise<any>, icon?: string}>} */
const VIEWS = {
  overview: {title: "Overview", load: async () => Overview, icon: "M3 12h4l3-8 4 16 3-8h4"},
  tree: {title: "Tree", load: async () => (await import("/static/views/tree.js")).Tree, icon: "M12 5v5M5 19v-4h14v4M12 10v5M10 3h4v3h-4zM3 18h4v3H3zM10 18h4v3h-4zM17 18h4v3h-4z"},
  actors: {title: "Actors", load: async () => (await import("/static/views/actors.js")).Actors, icon: "M4 6h16M4 12h16M4 18h16"},
  messages: {title: "Messages", load: async () => (await import("/static/views/messages.js")).Messages, icon: "M4 4v16M20 4v16M4 8h13m-3-3 3 3-3 3M20 16H7m3-3-3 3 3 3"},
  failures: {title: "Failures", load: async () => (await import("/static/views/failures.js")).Failures, icon: "M12 4 2.5 20h19zM12 10v4m0 3v.1"},
  durable: {title: "Durable", load: async () => (await import("/static/views/durable.js")).Durable, icon: "M4 6c0-3 16-3 16 0s-16 3-16 0v12c0 3 16 3 16 0V6M4 12c0 3 16 3 16 0"},
  alerts: {title: "Alerts", load: async () => Alerts, icon: "M6 16V10c0-8 12-8 12 0v6l2 2H4zM10 21h4"},
  audit: {title: "Audit", load: async () => (await import("/static/views/audit.js")).Audit, icon: "M6 3h9l4 4v14H6zM9 9h6M9 13h6M9 17h4"},
  actor: {title: "Actor", load: async () => (await import("/static/views/actor.js")).Actor},
  handlers: {title: "Handlers", load: async () => (await import("/static/views/handlers.js")).Handlers},
};

/** The views that are loaded. @type {Record<string, any>} */
const loaded = {overview: Overview, alerts: Alerts};

/** The component of a view: null until it is loaded, and the error if it could not be. @param {string} view */
function useView(view) {
  const [tried, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const failed = useRef(/** @type {unknown} */ (null));
  useEffect(() => {
    if (loaded[view]) return;
    failed.current = null;
    VIEWS[view].load().then((found) => { loaded[view] = found; }, (error) => { failed.current = error; }).then(redraw);
  }, [view, tried > 0 && failed.current === null]);
  return {View: loaded[view] ?? null, failed: loaded[view] ? null : failed.current, again: () => { failed.current = null; redraw(); }};
}

function Navigation({current, alerts}) {
  const {figures} = useFigures();
  const marks = {actors: figures?.actors, alerts: alerts?.raised || undefined};
  return html`<nav aria-label="Views">
    ${Object.entries(VIEWS).filter(([, each]) => each.icon).map(([key, each]) => html`
      <a key=${key} href=${address(key)} aria-current=${key === current || (key === "actors" && (current === "actor" || current === "handlers")) ? "page" : null}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${each.icon} /></svg>
        <span>${each.title}</span>
        ${marks[key] !== undefined && html`<small>${number(marks[key])}</small>`}
      </a>${key === "failures" && html`<${News} key="news" current=${current} />`}`)}
  </nav>`;
}

const PHASES = {
  starting: ["lost", "Connecting…"],
  open: ["open", "Live"],
  lost: ["lost", "Connection lost, reconnecting…"],
  refused: ["refused", "You are signed out"],
};

/** The state of the connection. A screen reader is told of the silence, but not of each second of it. */
function Connection() {
  const {phase, silence} = useConnection();
  const [state, text] = silence > 0 ? ["silent", "No data"] : PHASES[phase];
  return html`<p role="status" data-connection=${state} class="connection">${text}${
    silence > 0 && html`<span aria-hidden="true"> for ${duration(silence)}</span>`}</p>`;
}

/** The banner that says how old the figures are. */
function Silence() {
  const {silence} = useConnection();
  return html`<div class="banner" data-banner="silent">
    <strong>No data for ${duration(silence)}: the program is frozen or the line is dead.</strong> What you see is as old as that. The page goes on as
    soon as data arrives.
  </div>`;
}

/** @param {number} seconds */
function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}

/** The banner that explains how to sign in again. */
function NewLink() {
  return html`<div class="banner" data-banner="refused">
    <strong>You are signed out.</strong> The console was restarted, or your sign-in has ended. Open a new link: the program has printed it in its
    terminal, as <code>console: ${location.origin}/open/…</code>. This page shows old data, and continues as soon as you have signed in, in this tab or
    another one.
  </div>`;
}

/** Catches an error in one view, so that the others stay usable. */
class ErrorBoundary extends Component {
  constructor(props) {
    super(props);
    this.state = {failed: null};
  }

  static getDerivedStateFromError(failed) {
    return {failed};
  }

  componentDidCatch(failed) {
    console.error(failed);
  }

  render({children}, {failed}) {
    if (failed === null) return children;
    return html`<div class="card"><h1>This view failed</h1><p>${foreign(failed)}</p>
      <button onClick=${() => this.setState({failed: null})}>Try again</button></div>`;
  }
}

/** End this sign-in. The console then closes the WebSockets of all pages that have it. */
async function signOut() {
  await fetch("/sign-out", {method: "POST"});
  location.reload();
}

function Frame() {
  const {phase, hello, fresh, silence} = useConnection();
  const {value: alerts} = useWatch("alerts");
  const here = useRoute();
  const unnamed = here.view === "actor" && here.name === null;
  const view = unnamed ? "actors" : Object.hasOwn(VIEWS, here.view) ? here.view : "overview";
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  const place = `${view}/${view === "actor" ? here.name : ""}`;
  const before = useRef(place);
  const {View, failed, again} = useView(view);
  useEffect(() => {
    if (unnamed) location.replace(address("actors"));
  }, [unnamed]);
  useEffect(() => {
    document.title = `${view === "actor" && here.name ? isolated(here.name) : VIEWS[view].title} · trioactors console`;
    if (before.current === place || View === null) return;
    before.current = place;
    report("");
    // A user who has pressed `/` meanwhile is typing.
    if (!document.activeElement?.matches("[data-search]")) main.current?.querySelector("h1")?.focus({preventScroll: true});
    window.scrollTo(0, 0);
  }, [place, View]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.querySelector("h1")?.focus(); }}>Skip to the view</a>
    <header class="side">
      <a class="brand" href="#/"><img src="/static/icon.svg" alt="" width="26" height="26" /><span>trioactors</span></a>
      <${Navigation} current=${view} alerts=${alerts} />
      <div class="foot">
        <${Connection} />
        <${PauseButton} />
        ${hello && html`<p class="role" data-role=${hello.role}><span class="words">Signed in as </span>${hello.role}</p>`}
        <button class="plain" data-views onClick=${() => document.dispatchEvent(new Event("views"))}>Views</button>
        ${hello?.session && html`<button class="plain" data-sign-out onClick=${signOut}>Sign out</button>`}
        <button class="plain keys-button" data-keys onClick=${() => document.dispatchEvent(new Event("keys"))}>Keys <kbd>?</kbd></button>
      </div>
    </header>
    <main id="main" ref=${main} class=${fresh ? "" : "behind"}>
      ${silence > 0 && html`<${Silence} />`}
      ${phase === "refused" && html`<${NewLink} />`}
      <${Paused} />
      ${view !== "alerts" && html`<${AlertBanner} value=${alerts} />`}
      <${Answers} />
      ${hello && View && html`<${ErrorBoundary} key=${place}><${View} here=${here} /><//>`}
      ${hello && failed && html`<div class="card"><h1 tabindex="-1">This view could not be loaded</h1><p>${String(failed)}</p><button onClick=${again}>Try again</button></div>`}
    </main>
    <${Confirmation} />
    <${Keys} />
    <${SavedViews} />`;
}

function show() {
  document.getElementById("blocked")?.toggleAttribute("hidden", !live.blocked);
  if (live.phase !== "open" || document.body.classList.contains("signed-in")) return;
  document.body.classList.add("signed-in");
  document.getElementById("welcome")?.remove();
  render(html`<${Frame} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
}

live.listeners.add(show);
follow();
live.start();
