"""What a page shows of the time before it was opened: charts that are full, and failures of earlier runs of the program."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import Watched, expect, show, signed_in
from running import Application

from trioactors.environment import Environment
from trioactors.history.figures import FigureLog
from trioactors.history.records import Records
from trioactors.history.series import Totals
from trioactors.persistence import Batch, Store, store_at

DAY = 86_400


def remembered(url: str, seconds: int) -> None:
    """A store with the figures of a program that ran until now and ended in order: its last minute is complete as far as it went."""
    log, records, store = FigureLog(), Records(), store_at(url)
    store.open(Environment())
    step, now = 1 if seconds <= 3_600 else 60, time.time()
    for second in range(0, seconds, step):
        log.add(
            Totals(
                time=float(second),
                wall_time=now - seconds + second,
                accepted=7 * second,
                handled=7 * second,
                restarts=0,
                failures=0,
                dead_letters=0,
                wait=0.25,
                lag=0.01,
                backlog=3,
                down=0,
                actors=5,
                pause=float(step),
            )
        )
        save(log, records, store)
    log.complete(now - step)
    save(log, records, store)
    store.close()


def save(log: FigureLog, records: Records, store: Store) -> None:
    """Commit the minutes that wait to be stored."""
    if log.unsaved:
        store.commit([Batch(tuple(log.writes(records)))])
        log.unsaved.clear()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file:///{tmp_path / 'store'}"


@pytest.fixture
def application(start: Callable[..., Application], url: str) -> Application:
    """An application whose earlier run ended just now."""
    remembered(url, 900)
    return start(store=url)


def points(section: Any, chart: str) -> int:
    return int(section.locator(f"[data-chart={chart}]").get_attribute("data-points"))


def test_charts_are_full_when_the_page_opens_and_the_restart_is_marked(page: Any) -> None:
    section = show(page, "overview")
    expect(section.locator("[data-marks]")).to_contain_text("program started")

    assert points(section, "messages") > 550
    assert points(section, "lag") > 550


def test_a_span_is_chosen_with_the_keyboard_and_is_in_the_address(page: Any) -> None:
    section = show(page, "overview")
    shortest, hour = section.locator("[data-span='10min']"), section.locator("[data-span='1h']")
    expect(shortest).to_have_attribute("aria-pressed", "true")

    hour.focus()
    page.keyboard.press("Enter")

    expect(hour).to_have_attribute("aria-pressed", "true")
    expect(shortest).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("location.hash") == "#/?span=1h"
    page.evaluate("location.hash = '#/?span=1d'")
    expect(section.locator("[data-span='1d']")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(hour).to_have_attribute("aria-pressed", "true")


def test_a_page_narrow_or_in_the_dark_shows_a_week(new_context: Callable[..., Any], application: Application) -> None:
    page = signed_in(new_context(viewport={"width": 360, "height": 740}, color_scheme="dark"), application.link)

    section = show(page, "overview", "#/?span=1w")

    expect(section.locator("[data-span='1w']")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_failures_of_an_earlier_run_are_shown_by_cause_and_child(
    start: Callable[..., Application], url: str, new_context: Callable[..., Any], watched: Watched, application: Application
) -> None:
    application.do("fail", name="till-1", why="before the restart")
    application.do("fail", name="till-2", why="before the restart, too")
    application.do("hire", name="helper")
    application.do("fail", name="helper", why="never seen again")
    application.stop()
    again = start(application.port, url)
    page = signed_in(new_context(), again.link)

    section = show(page, "failures")

    cause = section.locator("[data-causes] tbody tr[data-name=Clerk]")
    expect(cause).to_contain_text("Planned in Clerk")
    expect(cause.locator("td").first).to_have_text("3")
    expect(cause).to_contain_text("helper, till-2, till-1")
    section.locator("[data-failed] [data-others] > summary").click()
    expect(section.locator("[data-failed] [data-child=till-1] [data-origin=earlier]")).to_have_text(
        "before the last restart of the program"
    )
    expect(section.locator("[data-failed] [data-child=till-1] [data-status=running]")).to_have_count(1)
    expect(section.locator("[data-failed] [data-crash=helper] .raised")).to_contain_text("never seen again")
    expect(section.locator("[data-failed] [data-child=helper] [data-origin=earlier]")).to_have_count(1)
    expect(section.locator("[data-failed] [data-child=helper] [data-status]")).to_have_count(0)
    again.do("fail", name="till-1", why="after it")
    expect(cause.locator("td").first).to_have_text("4")
    expect(section.locator("[data-failed] [data-child=till-1]")).to_be_visible()
    expect(section.locator("[data-failed] [data-child=till-1] [data-origin]")).to_have_count(0)
