"""The page of a link, and signing out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browsing import Watched, expect, opened, show, signed_in
from running import Application


@pytest.mark.parametrize("script", ["with", "without"])
def test_a_link_is_used_by_the_button_alone_also_without_script(
    new_context: Callable[..., Any], application: Application, script: str
) -> None:
    context = new_context(java_script_enabled=script == "with")
    page = context.new_page()
    page.goto(application.link)
    assert context.cookies() == []
    page.reload()

    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{application.url}/")

    assert [cookie["sameSite"] for cookie in context.cookies()] == ["Strict"]


def test_a_link_is_opened_with_the_keyboard_by_one_press_of_enter(
    new_context: Callable[..., Any], application: Application
) -> None:
    page = new_context().new_page()
    page.goto(application.link)
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()  # the browser does that when it draws the page

    page.keyboard.press("Enter")

    page.locator("[data-connection=open]").wait_for(state="attached")


def test_a_used_link_in_a_browser_that_is_signed_in_goes_to_the_page(page: Any, application: Application) -> None:
    other = page.context.new_page()

    other.goto(application.link)

    other.locator("[data-connection=open]").wait_for(state="attached")


def test_a_used_link_in_a_chat_of_another_site_goes_to_the_page_too(page: Any, application: Application, watched: Watched) -> None:
    """The browser does not send the cookie there, since another site has opened the page: the page finds out by itself."""
    watched.expected = ("403",)
    chat = page.context.new_page()
    chat.route(
        "http://chat.example/**",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"""
      <link rel=icon href=data:,><a href="{application.link}">look at this</a>""",
        ),
    )
    chat.goto("http://chat.example/")
    watched.hosts.discard("chat.example")

    chat.get_by_text("look at this").click()

    chat.locator("[data-connection=open]").wait_for(state="attached")
    watched.hosts.discard("chat.example")


def test_signing_out_leaves_nothing_of_the_system_in_any_tab_of_the_browser(
    page: Any, new_context: Callable[..., Any], application: Application
) -> None:
    other, stranger = page.context.new_page(), signed_in(new_context(), application.new_link())
    other.goto(f"{application.url}/#/actor/anna")
    expect(other.get_by_role("heading", name="anna")).to_be_visible()
    show(page, "overview")

    page.get_by_role("button", name="Sign out").click()

    for each in (page, other):
        expect(each.get_by_text("you sign in with a link")).to_be_visible()
        assert "till-1" not in each.content()
    assert page.context.cookies() == []
    expect(stranger.locator("[data-connection=open]")).to_be_visible()


def test_who_signs_in_again_is_where_the_tab_was(page: Any, application: Application) -> None:
    show(page, "durable")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("you sign in with a link")).to_be_visible()

    opened(page.context, application.new_link())

    expect(page.locator("section[data-view=durable]")).to_be_visible()
