"""A program that stands still: the page says so within three seconds, and goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from browsing import expect, show, signed_in
from running import Application

FIRST_WORDS = """() => {
  const state = document.querySelector(".connection");
  window.said = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (state.dataset.connection !== "silent") return;
    observer.disconnect();
    resolve(state.textContent);
  }).observe(state, {attributes: true, subtree: true, childList: true, characterData: true}));
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden !== ""});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_page_whose_program_stands_still_says_so_within_three_seconds_counts_and_recovers(
    page: Any, application: Application
) -> None:
    overview = show(page, "overview")
    page.evaluate(FIRST_WORDS)

    application.send_signal(signal.SIGSTOP)

    assert page.evaluate("window.said") in {"No data for 2 s", "No data for 3 s"}
    banner = page.locator("[data-banner=silent]")
    expect(banner).to_contain_text("No data for 5 s: the program is frozen or the line is dead.")
    expect(banner).to_contain_text("No data for 7 s")
    expect(page.locator("main.behind")).to_be_visible()
    expect(page.locator("[data-connection=open]")).to_have_count(0)

    application.send_signal(signal.SIGCONT)

    expect(page.locator("[data-connection=open]")).to_have_text("Live")
    expect(banner).to_have_count(0)
    application.do("note", name="anna", text="awake")
    expect(overview.locator("[data-figure=handled]")).to_have_text(str(application.look("figures")["ledger"]["handled"]))


def test_nothing_can_be_done_to_a_program_that_stands_still_and_its_clock_does_not_run_on(
    page: Any, application: Application
) -> None:
    application.do("pile", name="anna", messages=1)
    anna = show(page, "actor")
    expect(anna.get_by_role("button", name="Restart anna")).to_be_enabled()

    application.send_signal(signal.SIGSTOP)

    expect(anna.get_by_role("button", name="Restart anna")).to_be_disabled()
    expect(page.locator("[data-connection=silent]")).to_contain_text("3 s")
    clock = "async () => (await import('/static/figures.js')).systemTime()"
    before = page.evaluate(clock)
    expect(page.locator("[data-connection=silent]")).to_contain_text("5 s")
    assert page.evaluate(clock) == before
    application.send_signal(signal.SIGCONT)
    expect(anna.get_by_role("button", name="Restart anna")).to_be_enabled()


def test_a_line_that_is_dead_while_the_program_lives_is_replaced(new_context: Callable[..., Any], application: Application) -> None:
    context = new_context()
    wires: list[Any] = []

    def through(wire: Any) -> None:
        server = wire.connect_to_server()
        wires.append(wire)
        if len(wires) == 1:
            server.on_message(lambda message: None if cut else wire.send(message))

    cut: list[bool] = []
    context.route_web_socket("**/live", through)
    page = signed_in(context, application.link)
    anna = show(page, "actor")
    expect(anna.locator("[data-state]")).to_contain_text("texts")

    cut.append(True)

    expect(page.locator("[data-connection=silent]")).to_be_visible()
    application.do("note", name="anna", text="on the dead line")
    expect(anna.locator("[data-state]")).to_contain_text("on the dead line")
    expect(page.locator("[data-connection=open]")).to_be_visible()
    assert len(wires) == 2


def test_a_page_that_was_hidden_or_asleep_does_not_take_that_for_silence(page: Any, application: Application) -> None:
    show(page, "overview")
    application.send_signal(signal.SIGSTOP)
    expect(page.locator("[data-connection=silent]")).to_be_visible()

    page.evaluate(HIDE, "hidden")
    expect(page.locator("[data-connection=open]")).to_be_visible()  # nobody looks, so nothing is claimed
    page.evaluate(HIDE, "")
    expect(page.locator("[data-connection=silent]")).to_contain_text("2 s")  # it counts anew

    asleep = """async () => {
      const {live} = await import("/static/live.js");
      const until = performance.now() + 2000;
      while (performance.now() < until);  // as a laptop that sleeps: no timer fires
      await new Promise((resolve) => setTimeout(resolve, 400));
      return live.silence;
    }"""
    assert page.evaluate(asleep) == 0
    application.send_signal(signal.SIGCONT)
    expect(page.locator("[data-connection=open]")).to_be_visible()


def test_a_page_that_hears_something_every_second_never_doubts(page: Any, application: Application) -> None:
    show(page, "durable")
    page.evaluate(FIRST_WORDS)

    said = page.evaluate("Promise.race([window.said, new Promise((resolve) => setTimeout(resolve, 6000, 'nothing'))])")

    assert said == "nothing"
