"""Handlers and alerts on the page."""

from __future__ import annotations

from typing import Any

from browsing import expect, show
from running import Application


def test_the_slowest_handler_is_the_first_row_and_says_who_is_in_it(page: Any, application: Application) -> None:
    section = show(page, "handlers")
    application.do("pile", name="anna", messages=1)
    application.do("note", name="bert", text="quick")

    first = section.locator("tbody tr").first
    expect(first).to_contain_text("Clerk.wait")
    expect(first).to_contain_text("anna")
    expect(section.locator("th[aria-sort=descending]")).to_have_count(1)
    expect(section.locator("tr[data-name='Clerk.note']")).to_be_visible()


def test_the_page_of_an_actor_shows_its_own_handlers(page: Any, application: Application) -> None:
    section = show(page, "actor")
    application.do("note", name="anna", text="mine")
    application.do("fail", name="bert", why="not mine")

    own = section.locator("[data-handlers]")
    expect(own.locator("tr[data-name='Clerk.note']")).to_be_visible()
    expect(own.locator("tr[data-name='Clerk.fail']")).to_have_count(0)


def test_an_alert_is_a_banner_on_every_view_and_is_silenced_by_hand(page: Any, application: Application) -> None:
    application.do("pile", name="bert", messages=8)
    show(page, "tree")
    expect(page.locator("[data-banner=alerts]")).to_contain_text("mailbox of bert")

    section = show(page, "alerts")
    row = section.locator("tr[data-name='mailbox of bert']")
    expect(row.locator("[data-status=raised]")).to_be_visible()
    expect(row).to_contain_text("7")
    row.locator("[data-action=silence]").click()
    page.locator("dialog").get_by_role("button", name="Silence").click()
    expect(row.locator("[data-status=silenced]")).to_be_visible()
    show(page, "tree")
    expect(page.locator("[data-banner=alerts]")).to_have_count(0)
