"""Actions on a page change the system: the tests ask the system, not the page."""

from __future__ import annotations

from typing import Any

from browsing import expect, show
from running import Application


def confirmed(page: Any, button: str, verb: str) -> None:
    """Press a button, and confirm."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_restart_makes_a_new_incarnation(page: Any, application: Application) -> None:
    application.do("note", name="anna", text="kept")
    anna = show(page, "actor")

    confirmed(page, "Restart anna", "Restart")

    expect(page.locator("[data-answer=done]")).to_contain_text("incarnation 2")
    truth = application.actor("anna")
    assert (truth["incarnation"], truth["state"]["value"]["texts"]) == (2, ["kept"])
    expect(anna.locator("[data-figure=incarnation]")).to_have_text("2")


def test_stop_stops_and_restart_brings_it_back(page: Any, application: Application) -> None:
    anna = show(page, "actor")

    confirmed(page, "Stop anna", "Stop")

    expect(anna.locator("[data-status=undefined]").first).to_be_visible()
    assert application.actor("anna")["status"] == "undefined"
    expect(page.get_by_role("button", name="Stop anna")).to_be_disabled()
    confirmed(page, "Restart anna", "Restart")
    expect(anna.locator("[data-status=running]").first).to_be_visible()
    assert application.actor("anna")["incarnation"] == 2


def test_a_supervisor_is_restarted_with_all_below_it(page: Any, application: Application) -> None:
    show(page, "tree", "#/tree/tills")

    confirmed(page, "Restart tills", "Restart")

    expect(page.locator("[data-answer=done]")).to_be_visible()
    assert [application.actor(f"till-{number}")["incarnation"] for number in (1, 2, 3)] == [2, 2, 2]
    assert application.actor("anna")["incarnation"] == 1


def test_the_confirmation_tells_what_else_would_fall(page: Any, application: Application) -> None:
    show(page, "tree", "#/tree/till-2")
    page.get_by_role("button", name="Restart till-2").click()

    explanation = page.get_by_role("dialog").locator("[data-explanation]")

    truth = application.ask("explain", name="till-2")["text"]
    assert "till-1" in truth
    assert "till-3" in truth
    expect(explanation).to_have_text(truth)


def test_cancel_does_nothing(page: Any, application: Application) -> None:
    show(page, "actor")
    page.get_by_role("button", name="Restart anna").click()

    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert application.actor("anna")["incarnation"] == 1


def test_an_actor_that_has_died_meanwhile_is_not_restarted_in_its_place(page: Any, application: Application) -> None:
    show(page, "actor")
    page.get_by_role("button", name="Restart anna").click()
    application.do("fail", name="anna", why="it was quicker")

    page.get_by_role("dialog").get_by_role("button", name="Restart", exact=True).click()

    expect(page.locator("[data-answer=failed]")).to_contain_text("refresh and try again")
    assert application.actor("anna")["incarnation"] == 2


def test_send_again_delivers_one_dead_letter(page: Any, application: Application) -> None:
    application.do("letters", count=4)
    failures = show(page, "failures")
    expect(failures.locator("[data-letter]")).to_have_count(3)
    before = application.actor("letterbox")["state"]["value"]["letters"]

    failures.get_by_role("button", name="Send again").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()

    expect(page.locator("[data-answer=done]")).to_be_visible()
    assert len(application.actor("letterbox")["state"]["value"]["letters"]) == len(before) + 1
    assert len(application.look("dead_letters")["resent"]) == 1


def test_send_all_again_delivers_those_for_whom_there_is_room_and_tells_of_the_others(page: Any, application: Application) -> None:
    application.do("letters", count=4)
    failures = show(page, "failures")
    expect(failures.locator("[data-letter]")).to_have_count(3)

    failures.get_by_role("button", name="Send all again").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()

    expect(page.locator("[data-answer]")).to_be_visible()
    resent = application.look("dead_letters")["resent"]
    assert resent
    assert len(application.actor("letterbox")["state"]["value"]["letters"]) == 1 + len(resent)


def test_a_viewer_has_no_actions(viewer: Any, application: Application) -> None:
    application.do("letters", count=3)
    for view, button in (("actor", "Restart anna"), ("actor", "Stop anna"), ("failures", "Send all again")):
        show(viewer, view)
        expect(viewer.get_by_role("button", name=button).first).to_be_disabled()
    show(viewer, "tree", "#/tree/till-1")
    expect(viewer.get_by_role("button", name="Restart till-1")).to_be_disabled()


ACT = """() => new Promise((resolve) => {
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "hello") socket.send(JSON.stringify({type: "act", id: "a", what: "restart", options: {name: "anna"}}));
    if (message.id === "a") resolve(message);
  };
})"""


def test_the_socket_of_a_viewer_refuses_to_act_whatever_the_page_says(viewer: Any, application: Application) -> None:
    answer = viewer.evaluate(ACT)

    assert answer["error"]["kind"] == "NotAllowed"
    assert application.actor("anna")["incarnation"] == 1
