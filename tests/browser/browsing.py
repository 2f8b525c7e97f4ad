"""A real browser: finding it, starting it, and watching for errors in it.

It is Debian's chromium, or the program named by `TRIOACTORS_CHROMIUM`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import attrs

REBOUND = "rebound.example"
"""A foreign name that resolves to this machine. No other name resolves."""
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
"""Milliseconds to wait for an expected change of the page. Figures arrive once a second."""
VIEWS = {
    "overview": "#/",
    "tree": "#/tree/till-1",
    "actors": "#/actors",
    "actor": "#/actor/anna",
    "handlers": "#/handlers",
    "alerts": "#/alerts",
    "messages": "#/messages",
    "failures": "#/failures",
    "durable": "#/durable",
    "audit": "#/audit",
}


def chromium_at() -> str | None:
    """The path of the browser, if there is one."""
    return os.environ.get("TRIOACTORS_CHROMIUM") or shutil.which("chromium")


def expect(what: Any) -> Any:
    """Playwright's `expect` with a timeout of ours: it waits only until the condition holds."""
    from playwright.sync_api import expect as expecting

    expecting.set_options(timeout=PATIENCE)
    return expecting(what)


def launched(playwright: Any, home: str) -> Any:
    """The browser; everything that it writes goes to *home*, which must be empty."""
    world = {**os.environ, "TMPDIR": home, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
    return playwright.chromium.launch(executable_path=chromium_at(), args=list(FLAGS), env=world)


@attrs.define(slots=False)
class Watched:
    """What happened in a browser besides what it shows."""

    noise: list[str] = attrs.Factory(list)
    """Errors and warnings on the console, exceptions, and dialogs."""
    hosts: set[str] = attrs.Factory(set)
    """The hosts that it connected to."""
    expected: tuple[str, ...] = ()
    """Parts of the messages that a test provokes on purpose: the browser reports failed connections by itself."""

    def attend(self, context: Any) -> None:
        """Watch all pages of a *context*."""
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
        """What happened that should not have."""
        return [text for text in self.noise if not any(part in text for part in self.expected)]


def opened(context: Any, link: str, on_wire: Callable[[Any], None] = lambda _: None) -> Any:
    """A new page on which the user has opened a link and signed in. *on_wire* gets its WebSockets."""
    page = context.new_page()
    page.on("websocket", on_wire)
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    return page


def signed_in(context: Any, link: str) -> Any:
    """A new page that is signed in and live."""
    page = opened(context, link)
    page.locator("[data-connection=open]").wait_for(state="attached")
    return page


SETTLED = """async (address) => {
  if (address !== null) location.hash = address;
  for (let frames = 0; frames < 3; frames++) await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const {live} = await import("/static/live.js");
  await live.ask("explain", {name: ":root"});
}"""
"""Go to an address, and wait until the view has its data: a question on the same socket is answered after the view's own."""


def show(page: Any, view: str, address: str | None = None) -> Any:
    """Go to a view; its section. From now on it shows what happens."""
    page.locator("[data-connection=open]").wait_for(state="attached")  # a page that was just loaded cannot ask before
    page.evaluate(SETTLED, VIEWS[view] if address is None else address)
    section = page.locator(f"section[data-view={view}]")
    section.wait_for()
    page.evaluate(SETTLED, None)  # on a busy machine the view may be there only now, and ask for its data
    return section
