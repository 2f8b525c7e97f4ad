"""A crash is read in seconds, and stays where it is; badges count what is new."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browsing import expect, show
from running import Application

CAUSE = '[data-name="Clerk Planned"]'


def test_the_error_and_the_own_line_come_first_and_libraries_are_folded(page: Any, application: Application) -> None:
    application.do("misread", name="anna")
    crash = show(page, "failures").locator("[data-crash=anna]")

    expect(crash.locator(".raised").first).to_have_text("Planned: the note cannot be read")
    own = crash.locator("[data-frame=own]").first
    expect(own).to_contain_text("browser/application.py:")
    expect(own).to_contain_text("Clerk.read")
    expect(own).to_contain_text('raise Planned("the note cannot be read") from error')
    expect(crash.locator("[data-link=cause]")).to_contain_text("It was caused by")
    expect(crash.locator("[data-link=cause]")).to_contain_text("json.loads(text)")
    expect(crash.locator("[data-frame=library]")).to_have_count(0)
    crash.locator("[data-frames] > summary").click()
    expect(crash.locator("[data-frames]")).to_contain_text("Planned, most recent call last")
    folded = crash.locator("[data-library]").last
    expect(folded).to_contain_text("3 frames of python")
    folded.locator("summary").click()
    expect(folded.locator("[data-frame=library]").last).to_contain_text("decoder.py")


@pytest.mark.parametrize(("view", "address"), [("actor", "#/actor/anna"), ("tree", "#/tree/anna")])
def test_an_actor_and_the_tree_show_it_in_the_same_way(page: Any, application: Application, view: str, address: str) -> None:
    section = show(page, view, address)

    application.do("misread", name="anna")

    expect(section.locator("[data-crash=anna] .raised").first).to_have_text("Planned: the note cannot be read")
    expect(section.locator("[data-crash=anna] [data-frame=own]").first).to_contain_text("Clerk.read")


def test_the_whole_report_is_copied(page: Any, application: Application) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    application.do("misread", name="anna")
    failures = show(page, "failures")

    failures.locator("[data-copy]").click()

    expect(page.locator("[data-answer=done]")).to_contain_text("copied")
    (row,) = application.look("failures")["rows"]
    assert page.evaluate("navigator.clipboard.readText()") == row["report"]


def test_a_page_without_a_clipboard_copies_as_well(page: Any, application: Application) -> None:
    page.context.grant_permissions(["clipboard-read"])
    application.do("misread", name="anna")
    failures = show(page, "failures")
    page.evaluate("globalThis.real = navigator.clipboard; Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    failures.locator("[data-copy]").click()

    expect(page.locator("[data-answer=done]")).to_contain_text("copied")
    assert "Planned: the note cannot be read" in page.evaluate("real.readText()")


def test_an_open_report_stays_open_and_as_it_is_whatever_changes(page: Any, application: Application) -> None:
    application.do("fail", name="anna", why="the first")
    failures = show(page, "failures")
    crash = failures.locator(CAUSE).locator("[data-crash]")
    crash.get_by_text("Whole report").click()
    expect(crash.locator("[data-report]")).to_contain_text("the first")

    application.do("hang_up")
    application.do("fail", name="bert", why="the second")

    expect(failures.locator('[data-name="function line OSError"]')).to_be_visible()
    expect(crash.locator("[data-newer]")).to_be_visible()
    expect(crash.locator("[data-report]")).to_contain_text("the first")
    crash.get_by_role("button", name="Show it").click()
    expect(crash.locator("[data-report]")).to_contain_text("the second")
    show(page, "overview")
    show(page, "failures")
    expect(crash.locator("[data-report]")).to_contain_text("the second")


def test_occurrences_are_counted_and_drawn(page: Any, application: Application) -> None:
    failures = show(page, "failures")
    for number in (1, 2, 3):
        application.do("fail", name="anna", why=f"no. {number}")
        expect(failures.locator(CAUSE)).to_contain_text(f"no. {number}")

    times = failures.locator(CAUSE).locator("[data-times]")
    expect(times).to_have_attribute("data-times", "3")
    expect(times.locator("svg")).to_have_attribute("aria-label", "3 times in the last hour")
    expect(times.locator("rect")).not_to_have_count(0)


def test_the_badge_counts_what_is_new_and_can_be_dismissed(page: Any, application: Application) -> None:
    show(page, "overview")
    badge = page.locator("[data-badge=failures]")
    expect(badge).to_have_count(0)

    application.do("letters", count=4)
    application.do("fail", name="anna", why="new")
    expect(badge).to_have_attribute("aria-label", "1 new failure, 3 new dead letters: dismiss")
    badge.click()
    expect(badge).to_have_count(0)

    application.do("fail", name="anna", why="newer")
    expect(badge).to_contain_text("1")
    show(page, "failures")
    expect(badge).to_have_count(0)
    show(page, "overview")
    page.reload()
    show(page, "overview")
    expect(page.locator("[data-figure=children]")).to_have_text(re.compile(r"^\d+$"))
    expect(badge).to_have_count(0)
    application.do("fail", name="bert", why="newest")
    expect(badge).to_have_attribute("aria-label", "1 new failure: dismiss")


SEEN = "(failures) => JSON.parse(sessionStorage.getItem('trioactors seen')).failures === failures"


def test_what_was_seen_just_before_the_view_was_left_is_not_new(page: Any, application: Application) -> None:
    failures = show(page, "failures")
    application.do("fail", name="anna", why="in the last second")
    expect(failures.locator(CAUSE)).to_be_visible()

    show(page, "overview")

    page.wait_for_function(SEEN, arg=1)
    expect(page.locator("[data-figure=children]")).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator("[data-badge=failures]")).to_have_count(0)


def test_a_muted_cause_is_folded_and_no_badge_counts_it(page: Any, application: Application) -> None:
    application.do("fail", name="anna", why="as always")
    failures = show(page, "failures")
    failures.get_by_role("button", name="Mute Clerk Planned").click()
    expect(failures.locator(".crashes")).not_to_contain_text("as always")
    page.wait_for_function(SEEN, arg=1)

    show(page, "overview")
    application.do("fail", name="anna", why="as always")
    application.do("letters", count=4)
    badge = page.locator("[data-badge=failures]")
    expect(badge).to_have_attribute("aria-label", "3 new dead letters: dismiss")
    application.do("hang_up")
    expect(badge).to_have_attribute("aria-label", "1 new failure, 3 new dead letters: dismiss")

    show(page, "failures")
    failures.get_by_text("Muted in this browser (1)").click()
    failures.get_by_role("button", name="Unmute Clerk Planned").click()
    expect(failures.locator(".crashes")).to_contain_text("as always")


WATCHED = """async () => {
  const {live} = await import("/static/live.js");
  globalThis.anna = live.watch("actor", {name: "anna"}, 3600, () => {});
}"""


def test_after_an_action_everything_is_looked_at_anew_at_once(page: Any, application: Application) -> None:
    show(page, "actor")
    page.evaluate(WATCHED)
    page.wait_for_function("() => globalThis.anna.value?.incarnation === 1")

    page.get_by_role("button", name="Restart anna", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Restart", exact=True).click()

    page.wait_for_function("() => globalThis.anna.value.incarnation === 2")
    assert application.actor("anna")["incarnation"] == 2
