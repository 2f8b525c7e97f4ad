"""A real browser: where it is, how it is started, and what goes on in it beside what it shows.

It is Debian's chromium, or what `TRIOACTORS_CHROMIUM` names.
"""

from __future__ import annotations

import os
import shutil
from typing import Any
from urllib.parse import urlsplit

import attrs

REBOUND = "rebound.example"
"""A name that somebody has bound to this machine. No other name leads anywhere."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE = 30_000
"""Milliseconds for what the page is expected to show. A figure comes once a second."""
VIEWS = {
    "overview": "#/",
    "tree": "#/tree/till-1",
    "actors": "#/actors",
    "actor": "#/actor/anna",
    "messages": "#/messages",
    "failures": "#/failures",
    "durable": "#/durable",
}


def chromium_at() -> str | None:
    """Where the browser is."""
    return os.environ.get("TRIOACTORS_CHROMIUM") or shutil.which("chromium")


def expect(what: Any) -> Any:
    """Playwright's `expect`, with our patience: it waits for what it is to be, and never longer."""
    from playwright.sync_api import expect as expecting

    expecting.set_options(timeout=PATIENCE)
    return expecting(what)


def launched(playwright: Any, home: str) -> Any:
    """The browser; whatever it writes goes to *home*, where nothing may be yet."""
    world = {**os.environ, "TMPDIR": home, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
    return playwright.chromium.launch(executable_path=chromium_at(), args=list(FLAGS), env=world)


@attrs.define(slots=False)
class Watched:
    """What went on in a browser beside what it shows."""

    noise: list[str] = attrs.Factory(list)
    """Errors and warnings on the console, exceptions, and boxes that pop up."""
    hosts: set[str] = attrs.Factory(set)
    """To whom it has spoken."""
    expected: tuple[str, ...] = ()
    """Parts of what a test means to provoke: the browser itself reports a connection that fails."""

    def attend(self, context: Any) -> None:
        """Listen to all pages of a *context*."""
        context.on("console", lambda message: message.type in {"error", "warning"} and self.noise.append(message.text))
        context.on("weberror", lambda error: self.noise.append(str(error.error)))
        context.on("page", self._page)
        context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _page(self, page: Any) -> None:
        page.on("websocket", lambda wire: self.hosts.add(urlsplit(wire.url).netloc))
        page.on("dialog", self._popped_up)

    def _popped_up(self, dialog: Any) -> None:
        self.noise.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def unexpected(self) -> list[str]:
        """What should not have been."""
        return [text for text in self.noise if not any(part in text for part in self.expected)]


def signed_in(context: Any, link: str) -> Any:
    """A new page, as it is when it is live."""
    page = context.new_page()
    page.goto(link)
    page.locator("[data-connection=open]").wait_for(state="attached")
    return page


WATCHED = """async (address) => {
  location.hash = address;
  for (let frames = 0; frames < 3; frames++) await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const {live} = await import("/static/live.js");
  await live.ask("explain", {name: ":root"});
}"""
"""Go there. What the view watches has been asked for when it is drawn; a question on the same socket is answered after that."""


def show(page: Any, view: str, address: str | None = None) -> Any:
    """Go to a view; its section. What happens from now on is seen there."""
    page.evaluate(WATCHED, VIEWS[view] if address is None else address)
    section = page.locator(f"section[data-view={view}]")
    section.wait_for()
    return section
