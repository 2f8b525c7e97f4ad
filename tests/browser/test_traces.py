"""A trace outlasts its view and its filters; a sample is called one only if something was left out."""

from __future__ import annotations

import re
from typing import Any

from browsing import expect, show
from running import Application


def records(messages: Any) -> Any:
    return messages.get_by_role("region", name="Trace records, newest first").locator("tbody tr[data-name]")


def test_back_from_an_actor_shows_the_same_trace_in_the_same_state(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    application.do("note", name="anna", text="traced")
    expect(records(messages).filter(has_text="accepted note")).to_have_count(1)
    page.locator("[data-trace-stop]").click()
    before = records(messages).all_inner_texts()

    records(messages).get_by_role("link", name="anna").first.click()
    expect(page.locator("section[data-view=actor]")).to_be_visible()
    page.go_back()

    expect(messages.locator("[data-trace=ended]")).to_contain_text("stopped")
    assert records(messages).all_inner_texts() == before


def test_a_running_trace_goes_on_while_one_looks_at_an_actor(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    application.do("note", name="anna", text="traced")
    records(messages).get_by_role("link", name="anna").first.click()
    expect(page.locator("section[data-view=actor]")).to_be_visible()

    application.do("note", name="bert", text="meanwhile")
    page.go_back()

    expect(messages.locator("[data-trace=running]")).to_be_visible()
    expect(records(messages).filter(has_text="accepted note")).to_have_count(2)


def test_back_from_a_chain_shows_the_whole_trace(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    application.do("note", name="bert", text="another chain")
    application.do("ask", name="anna", other="bert", text="pass it on")
    expect(records(messages).filter(has_text="accepted")).to_have_count(3)

    records(messages).filter(has_text="accepted ask").locator("[data-correlation]").click()
    expect(records(messages).filter(has_text="accepted")).to_have_count(2)
    page.go_back()

    expect(records(messages).filter(has_text="accepted")).to_have_count(3)


def test_a_filter_takes_from_what_was_recorded_and_the_trace_goes_on(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    for name in ("anna", "bert", "anna"):
        application.do("note", name=name, text="recorded")
    accepted = records(messages).filter(has_text="accepted note")
    expect(accepted).to_have_count(3)

    show(page, "messages", "#/messages?child=anna")
    expect(accepted).to_have_count(2)
    expect(messages.locator("[data-trace=running]")).to_contain_text(re.compile(r"of \d+ kept"))
    application.do("note", name="bert", text="not recorded now")
    application.do("note", name="anna", text="recorded")
    expect(accepted).to_have_count(3)

    show(page, "messages", "#/messages")
    expect(accepted).to_have_count(5)  # what the filter had left out is read again


def test_a_filter_of_a_trace_that_was_stopped_leaves_it_stopped(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    for name in ("anna", "bert"):
        application.do("note", name=name, text="recorded")
    accepted = records(messages).filter(has_text="accepted note")
    expect(accepted).to_have_count(2)
    page.locator("[data-trace-stop]").click()

    messages.locator("[data-filter=child]").fill("bert")
    messages.locator("[data-filter=child]").press("Enter")

    expect(accepted).to_have_count(1)
    expect(messages.locator("[data-trace=ended]")).to_contain_text("stopped")


def test_a_trace_that_ended_by_itself_goes_on_with_another_filter(page: Any, application: Application) -> None:
    messages = show(page, "messages", "#/messages?count=100")
    application.do("notes", name="anna", count=60)
    expect(messages.locator("[data-trace=ended]")).to_contain_text("limit reached")

    show(page, "messages", "#/messages?count=100&child=bert")
    expect(messages.locator("[data-trace=running]")).to_be_visible()
    application.do("note", name="bert", text="later")

    expect(records(messages).filter(has_text="accepted note")).to_have_count(1)


def test_a_sample_is_called_one_only_if_records_were_left_out(page: Any, application: Application) -> None:
    overview = show(page, "overview")
    application.do("notes", name="anna", count=3)
    expect(overview.locator("[data-kind=MessageHandled]")).not_to_have_count(0)
    expect(overview).not_to_contain_text("a sample")

    application.do("notes", name="anna", count=300)

    expect(overview).to_contain_text("a sample: there are too many to show all")
