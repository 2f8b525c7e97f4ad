"""Calls, casts, edited dead letters and the audit log on the page: the tests ask the system what arrived."""

from __future__ import annotations

from typing import Any

from browsing import expect, show
from running import Application


def form(page: Any, name: str, handler: str) -> Any:
    """The form of a handler on the view of its actor."""
    section = show(page, "actor", f"#/actor/{name}?call=true")
    calls = section.locator("[data-calls]")
    calls.locator("[data-handler]").select_option(handler)
    return calls


def confirm(page: Any, verb: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_call_is_filled_in_confirmed_and_answered(page: Any, application: Application) -> None:
    calls = form(page, "anna", "note")
    calls.locator("[data-field=text]").fill("<b>hello</b>")
    calls.get_by_role("button", name="Call…").click()

    expect(page.get_by_role("dialog")).to_contain_text("Call anna.note(text='<b>hello</b>')")
    assert application.actor("anna")["state"]["value"]["texts"] == []
    confirm(page, "Call")

    expect(calls.locator("[data-result=reply]")).to_contain_text("1")
    assert application.actor("anna")["state"]["value"]["texts"] == ["<b>hello</b>"]


def test_a_form_has_fields_for_the_parts_of_an_argument(page: Any, application: Application) -> None:
    calls = form(page, "post", "stamp")
    calls.locator("[data-field='parcel.to']").fill("Rome")
    calls.locator("[data-field='parcel.weight']").fill("9007199254740993")
    calls.locator("[data-field='parcel.code']").fill("12345")
    calls.locator("[data-field=urgent]").select_option("true")
    calls.locator("[data-field=tags]").fill('["a", "b"]')
    calls.locator("[data-field=pin]").fill("4711")
    calls.get_by_role("button", name="Call…").click()
    expect(page.get_by_role("dialog")).to_contain_text("weight=9007199254740993")
    expect(page.get_by_role("dialog")).not_to_contain_text("4711")
    expect(page.get_by_role("dialog")).not_to_contain_text("12345")
    confirm(page, "Call")

    result = calls.locator("[data-result=reply]")
    for path, text in {
        "to": "Rome",
        "weight": "9007199254740993",
        "urgent": "true",
        "tags[1]": "b",
        "pin": "4",
        "code": "5",
    }.items():
        expect(result.locator(f"[data-path='{path}'] > dd > code")).to_have_text(text)


def test_a_bad_argument_is_told_at_its_field(page: Any, application: Application) -> None:
    calls = form(page, "post", "stamp")
    calls.locator("[data-field='parcel.weight']").fill("heavy")
    calls.locator("[data-field=tags]").fill("[1]")
    calls.get_by_role("button", name="Call…").click()

    expect(calls.locator("[data-problem='tags']")).to_contain_text("tags[0]: expected str, got 1")
    expect(calls.locator("[data-problem='parcel.weight']")).to_contain_text("expected int, got 'heavy'")
    expect(calls.locator("[data-field='parcel.weight']")).to_have_attribute("aria-invalid", "true")
    expect(calls.locator("[data-field='parcel.to']")).to_have_attribute("aria-invalid", "false")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert application.actor("post")["ledger"]["accepted"] == 0


def test_arguments_can_be_written_as_json(page: Any, application: Application) -> None:
    calls = form(page, "post", "stamp")
    calls.locator("[data-field='parcel.to']").fill("Rome")
    calls.get_by_role("button", name="As JSON").click()
    expect(calls.locator("[data-raw]")).to_have_value('{"parcel": {"to": "Rome"}}')
    calls.locator("[data-raw]").fill('{"parcel": {"to": "Rome", "to": "Oslo"}}')
    calls.get_by_role("button", name="Call…").click()
    expect(calls.get_by_role("alert")).to_contain_text("twice")
    calls.locator("[data-raw]").fill('{"parcel": {"to": "nowhere"}}')
    calls.get_by_role("button", name="Call…").click()
    confirm(page, "Call")

    expect(calls.locator("[data-result=raised]")).to_contain_text("LookupError there is no such place")


def test_a_cast_needs_no_reply(page: Any, application: Application) -> None:
    calls = form(page, "anna", "note")
    calls.locator("[data-field=text]").fill("cast")
    calls.get_by_role("button", name="Cast…").click()
    confirm(page, "Cast")

    expect(page.locator("[data-answer=done]")).to_contain_text("was cast")
    assert application.actor("anna")["state"]["value"]["texts"] == ["cast"]


def test_a_crash_is_told_as_an_error(page: Any, application: Application) -> None:
    calls = form(page, "anna", "fail")
    calls.locator("[data-field=why]").fill("on purpose")
    calls.get_by_role("button", name="Call…").click()
    confirm(page, "Call")

    expect(page.locator("[data-answer=failed]")).to_contain_text("anna")
    assert application.actor("anna")["incarnation"] == 2


def test_a_handler_without_a_form_says_why(page: Any, application: Application) -> None:
    calls = form(page, "post", "watch")

    expect(calls.locator("[data-uncallable]")).to_contain_text("event")
    expect(calls.get_by_role("button", name="Call…")).to_have_count(0)


def test_a_call_is_made_with_the_keyboard_from_the_tree(page: Any, application: Application) -> None:
    tree = show(page, "tree", "#/tree/anna")
    tree.get_by_role("link", name="Call", exact=True).focus()
    page.keyboard.press("Enter")
    calls = page.locator("[data-calls]")
    calls.locator("[data-handler]").select_option("note")
    calls.locator("[data-field=text]").focus()
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("anna.note(text='typed')")
    page.keyboard.press("Tab")
    page.get_by_role("dialog").get_by_role("button", name="Call", exact=True).focus()
    page.keyboard.press("Enter")

    expect(calls.locator("[data-result=reply]")).to_be_visible()
    assert application.actor("anna")["state"]["value"]["texts"] == ["typed"]


def test_a_viewer_sees_the_form_but_cannot_send_it(viewer: Any, application: Application) -> None:
    calls = form(viewer, "anna", "note")

    for verb in ("Call…", "Cast…"):
        expect(calls.get_by_role("button", name=verb)).to_be_disabled()


def test_a_dead_letter_is_edited_and_sent(page: Any, application: Application) -> None:
    application.do("letters", count=2)
    failures = show(page, "failures")
    letter = failures.locator("[data-letter='0']")
    letter.get_by_role("button", name="Edit").click()
    expect(letter.locator("[data-field=letter]")).to_have_value("letter 1")
    letter.locator("[data-field=letter]").fill("letter one")
    letter.get_by_role("button", name="Send…").click()
    expect(page.get_by_role("dialog")).to_contain_text("letterbox.open(letter='letter one')")
    confirm(page, "Send")

    expect(letter.locator("[data-resent]")).to_be_visible()
    assert application.actor("letterbox")["state"]["value"]["letters"] == ["letter 0", "letter one"]


def test_dead_letters_are_discarded_one_by_one_and_together(page: Any, application: Application) -> None:
    application.do("letters", count=4)
    failures = show(page, "failures")
    failures.locator("[data-letter='1']").get_by_role("button", name="Discard").click()
    confirm(page, "Discard")
    expect(failures.locator("[data-letter]")).to_have_count(2)
    failures.get_by_role("button", name="Discard all").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 dead letters")
    confirm(page, "Discard")

    expect(failures.locator("[data-letter]")).to_have_count(0)
    expect(failures.locator("[data-discarded]")).to_have_text("3 dead letters were discarded.")
    assert application.look("dead_letters")["discarded"] == 3


def test_the_audit_log_shows_what_was_done(page: Any, application: Application) -> None:
    calls = form(page, "anna", "note")
    calls.locator("[data-field=text]").fill("x")
    calls.get_by_role("button", name="Call…").click()
    confirm(page, "Call")
    audit = show(page, "audit", "#/audit")

    row = audit.locator("tbody tr").first
    expect(row).to_contain_text("anna.note(text='x')")
    expect(row.locator("[data-outcome=done]")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page.locator("section[data-view=overview]")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.locator("section[data-view=audit]")).to_be_visible()
