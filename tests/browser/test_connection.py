"""A lost connection: the page says so, and goes on by itself when it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from browsing import Watched, expect, opened, show, signed_in
from running import Application

REFUSED = "ERR_CONNECTION_REFUSED"
"""The browser reports on its own console that the server is gone."""


def test_a_server_that_was_started_anew_wants_a_new_link_and_with_it_the_page_goes_on(
    new_context: Callable[..., Any], start: Callable[..., Application], free_port: int, watched: Watched, application: Application
) -> None:
    watched.expected = (REFUSED, "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_SOCKET_NOT_CONNECTED")
    first = start(free_port)
    page = signed_in(new_context(), first.link)
    overview = show(page, "overview")
    expect(overview.locator("[data-figure=actors]")).to_have_text(str(first.look("figures")["actors"]))

    first.kill()
    first.wait()
    expect(page.locator("[data-connection=lost]")).to_be_visible()
    second = start(free_port)

    expect(page.locator("[data-connection=refused]")).to_contain_text("You are signed out")
    expect(page.locator("[data-banner=refused]")).to_contain_text("new link")
    opened(page.context, second.link)
    expect(page.locator("[data-connection=open]")).to_be_visible()
    second.do("note", name="anna", text="in the new system")
    expect(overview.locator("[data-figure=handled]")).to_have_text(str(second.look("figures")["ledger"]["handled"]))
    watched.hosts.discard(f"127.0.0.1:{free_port}")


def test_a_socket_that_is_lost_is_opened_again_and_nothing_is_missed(
    new_context: Callable[..., Any], application: Application
) -> None:
    context = new_context()
    cut: list[Any] = []

    def through(wire: Any) -> None:
        wire.connect_to_server()
        cut.append(wire)

    context.route_web_socket("**/live", through)
    page = signed_in(context, application.link)
    anna = show(page, "actor")
    expect(anna.locator("[data-state]")).to_contain_text("texts")

    cut[-1].close(code=4000, reason="lost")

    application.do("note", name="anna", text="while nobody listened")
    expect(anna.locator("[data-state]")).to_contain_text("while nobody listened")
    expect(page.locator("[data-connection=open]")).to_be_visible()
    assert len(cut) == 2


def test_the_page_says_that_it_is_lost_as_long_as_it_is(
    new_context: Callable[..., Any], start: Callable[..., Application], watched: Watched
) -> None:
    watched.expected = (REFUSED, "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_SOCKET_NOT_CONNECTED")
    mortal = start()
    page = signed_in(new_context(), mortal.link)
    show(page, "actor")
    expect(page.get_by_role("button", name="Restart anna")).to_be_enabled()

    mortal.kill()
    mortal.wait()

    expect(page.locator("[role=status][data-connection=lost]")).to_contain_text("Connection lost")
    expect(page.get_by_role("button", name="Restart anna")).to_be_disabled()
    watched.hosts.discard(f"127.0.0.1:{mortal.port}")


def test_who_is_signed_in_behind_a_proxy_that_stops_the_socket_is_told_so(
    new_context: Callable[..., Any], application: Application
) -> None:
    context = new_context()
    knocked: list[Any] = []

    def stopped(wire: Any) -> None:
        knocked.append(wire)
        if len(knocked) < 3:
            wire.close(code=1011, reason="no upgrade here")
        else:
            wire.connect_to_server()

    context.route_web_socket("**/live", stopped)
    page = opened(context, application.link)

    expect(page.get_by_text("You are signed in, but the connection cannot be opened")).to_be_visible()
    expect(page.locator("[data-connection=open]")).to_be_visible()  # the proxy forwards WebSockets again
