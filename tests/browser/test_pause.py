"""Pause: every view stands still, nothing that comes meanwhile is lost, and the page says what waits."""

from __future__ import annotations

import re
from typing import Any

from browsing import expect, show
from running import Application

RECORDS = "Trace records, newest first"
A_WHILE = re.compile(r"Paused ([3-9]|\d\d) s ago")


def paused(page: Any) -> Any:
    """Pause; the banner."""
    page.keyboard.press("p")
    banner = page.locator("[data-banner=paused]")
    expect(banner).to_be_visible()
    return banner


def test_figures_ages_and_charts_stand_still_and_are_whole_again_afterwards(page: Any, application: Application) -> None:
    overview = show(page, "overview")
    expect(overview.locator("tbody tr[data-name]").first).to_be_visible()
    chart = overview.locator("[data-chart=messages] [role=slider]")
    banner = paused(page)
    handled, samples = overview.locator("[data-figure=handled]").inner_text(), int(chart.get_attribute("aria-valuemax"))

    application.do("notes", name="anna", count=5)
    expect(banner).to_contain_text(A_WHILE)

    expect(overview.locator("[data-figure=handled]")).to_have_text(handled)
    assert int(chart.get_attribute("aria-valuemax")) == samples
    page.locator("[data-pause]").click()
    expect(banner).to_have_count(0)
    truth = application.look("figures")["ledger"]["handled"]
    expect(overview.locator("[data-figure=handled]")).to_have_text(str(truth))
    assert truth >= int(handled) + 5
    assert int(chart.get_attribute("aria-valuemax")) >= samples + 2


def test_the_age_of_an_actor_stands_still(page: Any) -> None:
    anna = show(page, "actor")
    expect(anna.locator("[data-status=running]").first).to_be_visible()
    banner = paused(page)
    age = anna.locator(".line-of-facts time").inner_text()

    expect(banner).to_contain_text(A_WHILE)

    assert anna.locator(".line-of-facts time").inner_text() == age


def test_records_wait_and_come_all_at_once(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    application.do("note", name="anna", text="before")
    rows = messages.get_by_role("region", name=RECORDS).locator("tbody tr[data-name]")
    expect(rows.filter(has_text="accepted note")).to_have_count(1)
    banner = paused(page)

    application.do("notes", name="bert", count=7)

    expect(banner).to_contain_text(re.compile(r"\d+ records wait"))
    expect(rows.filter(has_text="accepted note")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('[data-banner=paused]').textContent.match(/(\\d+) records/)?.[1] >= 14")
    banner.get_by_role("button", name="Resume").click()
    expect(rows.filter(has_text="accepted note")).to_have_count(8)
    expect(page.locator("[data-answer=done]")).to_contain_text(re.compile(r"Resumed. \d+ records came during the pause"))


def test_a_view_that_has_no_data_yet_shows_it_once(page: Any, application: Application) -> None:
    show(page, "overview")
    banner = paused(page)

    anna = show(page, "actor")
    expect(anna.locator("[data-figure=incarnation]")).to_have_text("1")
    application.do("fail", name="anna", why="while nobody may see it")
    expect(banner).to_contain_text("changes wait")

    expect(anna.locator("[data-figure=incarnation]")).to_have_text("1")
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("p")
    expect(anna.locator("[data-figure=incarnation]")).to_have_text("2")


DROPPED = """async () => {
  const {Pause, keep} = await import("/static/pause.js");
  const pause = new Pause(), told = [];
  const received = (rows, lost) => told.push(rows.length, rows[0], lost);
  const stream = {received, changed() {}, value: undefined, error: null, ended: false, held: null};
  pause.begin([stream]);
  for (let number = 0; number < 5_010; number++) keep(stream.held, [number], 0, 0);
  const {records, dropped} = pause.waiting;
  pause.end();
  return [records, dropped, ...told, stream.held];
}"""


def test_what_waits_is_bounded_and_what_was_dropped_is_counted(page: Any) -> None:
    assert page.evaluate(DROPPED) == [5000, 10, 5000, 10, 10, None]
