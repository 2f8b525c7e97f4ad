// @ts-check
/** The page: its frame, the current view, and the state of the connection. */

import {follow, useFigures} from "/static/figures.js";
import {live} from "/static/live.js";
import {Component, html, render, useEffect, useRef} from "/static/parts/dom.js";
import {Answers, Confirmation, report} from "/static/parts/actions.js";
import {number} from "/static/parts/format.js";
import {Keys} from "/static/parts/keys.js";
import {useConnection, useRoute} from "/static/parts/watching.js";
import {address} from "/static/routes.js";
import {Actor} from "/static/views/actor.js";
import {Actors} from "/static/views/actors.js";
import {Durable} from "/static/views/durable.js";
import {Failures} from "/static/views/failures.js";
import {Messages} from "/static/views/messages.js";
import {Overview} from "/static/views/overview.js";
import {Tree} from "/static/views/tree.js";

/** @type {Record<string, {title: string, view: any, icon?: string}>} */
const VIEWS = {
  overview: {title: "Overview", view: Overview, icon: "M3 12h4l3-8 4 16 3-8h4"},
  tree: {title: "Tree", view: Tree, icon: "M12 5v5M5 19v-4h14v4M12 10v5M10 3h4v3h-4zM3 18h4v3H3zM10 18h4v3h-4zM17 18h4v3h-4z"},
  actors: {title: "Actors", view: Actors, icon: "M4 6h16M4 12h16M4 18h16"},
  messages: {title: "Messages", view: Messages, icon: "M4 4v16M20 4v16M4 8h13m-3-3 3 3-3 3M20 16H7m3-3-3 3 3 3"},
  failures: {title: "Failures", view: Failures, icon: "M12 4 2.5 20h19zM12 10v4m0 3v.1"},
  durable: {title: "Durable", view: Durable, icon: "M4 6c0-3 16-3 16 0s-16 3-16 0v12c0 3 16 3 16 0V6M4 12c0 3 16 3 16 0"},
  actor: {title: "Actor", view: Actor},
};

function Navigation({current}) {
  const {figures} = useFigures();
  const marks = {actors: figures?.actors, failures: figures?.dead_letters || undefined};
  return html`<nav aria-label="Views">
    ${Object.entries(VIEWS).filter(([, each]) => each.icon).map(([key, each]) => html`
      <a key=${key} href=${address(key)} aria-current=${key === current || (key === "actors" && current === "actor") ? "page" : null}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${each.icon} /></svg>
        <span>${each.title}</span>
        ${marks[key] !== undefined && html`<small>${number(marks[key])}</small>`}
      </a>`)}
  </nav>`;
}

const PHASES = {
  starting: ["lost", "Connecting…"],
  open: ["open", "Live"],
  lost: ["lost", "Connection lost, reconnecting…"],
  refused: ["refused", "You are signed out"],
};

function Connection() {
  const {phase} = useConnection();
  const [state, text] = PHASES[phase];
  return html`<p role="status" data-connection=${state} class="connection">${text}</p>`;
}

/** The banner that explains how to sign in again. */
function NewLink() {
  return html`<div class="banner" data-banner="refused">
    <strong>You are signed out.</strong> The console was restarted, or your sign-in has expired. Open a new link: the program has printed it in its
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
    return html`<div class="card"><h1>This view failed</h1><p>${String(failed)}</p>
      <button onClick=${() => this.setState({failed: null})}>Try again</button></div>`;
  }
}

function Frame() {
  const {phase, hello} = useConnection();
  const here = useRoute();
  const unnamed = here.view === "actor" && here.name === null;
  const view = unnamed ? "actors" : Object.hasOwn(VIEWS, here.view) ? here.view : "overview";
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  const place = `${view}/${view === "actor" ? here.name : ""}`;
  const before = useRef(place);
  useEffect(() => {
    if (unnamed) location.replace(address("actors"));
  }, [unnamed]);
  useEffect(() => {
    document.title = `${view === "actor" && here.name ? here.name : VIEWS[view].title} · trioactors console`;
    if (before.current === place) return;
    before.current = place;
    report("");
    main.current?.querySelector("h1")?.focus({preventScroll: true});
    window.scrollTo(0, 0);
  }, [place]);
  const View = VIEWS[view].view;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.querySelector("h1")?.focus(); }}>Skip to the view</a>
    <header class="side">
      <a class="brand" href="#/"><img src="/static/icon.svg" alt="" width="26" height="26" /><span>trioactors</span></a>
      <${Navigation} current=${view} />
      <div class="foot">
        <${Connection} />
        ${hello && html`<p class="role" data-role=${hello.role}><span class="words">Signed in as </span>${hello.role}</p>`}
        <button class="plain keys-button" data-keys onClick=${() => document.dispatchEvent(new Event("keys"))}>Keys <kbd>?</kbd></button>
      </div>
    </header>
    <main id="main" ref=${main} class=${phase === "open" ? "" : "behind"}>
      ${phase === "refused" && html`<${NewLink} />`}
      <${Answers} />
      ${hello && html`<${ErrorBoundary} key=${place}><${View} here=${here} /><//>`}
    </main>
    <${Confirmation} />
    <${Keys} />`;
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
