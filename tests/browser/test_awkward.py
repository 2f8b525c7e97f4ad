"""Awkward cases: addresses and names with a meaning in JavaScript, actors that exit while they are shown, slow users."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from browsing import expect, show, signed_in
from running import Application


def test_a_filter_that_is_typed_by_hand_is_kept_while_records_stream_in(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    handler = messages.locator("[data-filter=handler]")
    handler.focus()

    for letter in "a-handler-of-a-long-name":
        application.do("note", name="anna", text="one more")
        page.keyboard.type(letter, delay=60)

    expect(handler).to_have_value("a-handler-of-a-long-name")
    page.wait_for_url(re.compile("handler=a-handler-of-a-long-name$"))
    expect(handler).to_be_focused()


def test_what_was_typed_is_looked_for_at_once_when_enter_is_pressed(page: Any, application: Application) -> None:
    messages = show(page, "messages")
    messages.locator("[data-filter=child]").focus()
    page.keyboard.type("bert", delay=60)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("child=bert$"))
    show(page, "messages", "#/messages?child=bert")

    application.do("ask", name="anna", other="bert", text="pass it on")

    rows = messages.get_by_role("region", name="Trace records, newest first").locator("tbody tr[data-name]")
    expect(rows.first).to_have_attribute("data-name", "bert")
    expect(rows.and_(page.locator("[data-name=anna]"))).to_have_count(0)


def test_an_actor_that_is_gone_is_shown_as_it_was_seen_last(page: Any, application: Application) -> None:
    application.do("hire", name="carl")
    application.do("pile", name="carl", messages=3)
    carl = show(page, "actor", "#/actor/carl")
    expect(carl.locator("[data-handling=wait]")).to_be_visible()

    page.get_by_role("button", name="Stop carl").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()

    expect(carl.locator("[data-gone]")).to_contain_text("no longer exists")
    expect(carl.locator("[data-status]")).to_have_text(re.compile("^(running|stopping)$"))
    expect(carl.locator("[data-action]")).to_have_count(0)
    times = carl.locator("time:not(.when)").all_inner_texts()
    assert times
    show(page, "overview")
    show(page, "actor", "#/actor/carl")
    expect(carl.locator("[data-problem=UnknownName]")).to_be_visible()


def test_the_time_of_an_actor_that_is_gone_stands_still(page: Any, application: Application) -> None:
    application.do("hire", name="carl")
    carl = show(page, "actor", "#/actor/carl")
    expect(carl.locator("[data-status=running]")).to_be_visible()
    application.do("dismiss", name="carl")
    expect(carl.locator("[data-gone]")).to_be_visible()
    age = carl.locator(".line-of-facts time").inner_text()

    for looks in range(1, 4):  # each comes with a figure, once a second
        page.evaluate(NEXT_FIGURES)
        assert carl.locator(".line-of-facts time").inner_text() == age, looks


NEXT_FIGURES = """async () => {
  const {live} = await import("/static/live.js");
  await new Promise((resolve) => live.watch("figures", {}, 1, function () { if (++this.count === 2) resolve(); }.bind({count: 0})));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}"""


@pytest.mark.parametrize(("name", "truth"), [("carl", "be removed"), ("anna", "stay down until it is restarted by hand")])
def test_the_question_before_a_stop_says_whether_the_child_is_forgotten(
    page: Any, application: Application, name: str, truth: str
) -> None:
    application.do("hire", name="carl")
    for view, place in (("actor", f"#/actor/{name}"), ("tree", f"#/tree/{name}")):
        show(page, view, place)
        page.get_by_role("button", name=f"Stop {name}").click()

        expect(page.get_by_role("dialog")).to_contain_text(truth)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("address", ["#/constructor", "#/__proto__", "#/toString/anna", "#/nowhere"])
def test_an_address_of_no_view_is_that_of_the_overview(page: Any, address: str) -> None:
    show(page, "actors")

    show(page, "overview", address)

    expect(page.locator("nav a[aria-current=page]")).to_have_text(re.compile("Overview"))


def test_a_status_that_there_is_not_is_any_status(page: Any) -> None:
    actors = show(page, "actors", "#/actors?status=constructor")

    expect(actors.locator("tr[data-name=anna]")).to_be_visible()
    expect(actors.locator("[data-problem]")).to_have_count(0)


def test_an_address_of_an_actor_without_a_name_leads_to_all_actors(page: Any) -> None:
    show(page, "actors", "#/actor")

    page.wait_for_url(re.compile("#/actors$"))


APPLIED = """async ([old, change]) => {
  const {applied} = await import("/static/live.js");
  return JSON.stringify(applied(JSON.parse(old), JSON.parse(change)));
}"""


@pytest.mark.parametrize(
    ("old", "change", "new"),
    [
        ('{"a":1}', '{"set":{"__proto__":2}}', '{"a":1,"__proto__":2}'),
        ('{"a":1}', '{"set":{"__proto__":{"b":2}}}', '{"a":1,"__proto__":{"b":2}}'),
        ('{"__proto__":{"b":2},"a":1}', '{"change":{"__proto__":{"set":{"c":3}}}}', '{"__proto__":{"b":2,"c":3},"a":1}'),
        ('{"__proto__":2,"constructor":3,"a":1}', '{"gone":["__proto__","constructor"]}', '{"a":1}'),
        ('{"a":1,"b":{"c":2}}', '{"set":{"d":4},"change":{"b":{"set":{"c":3}}},"gone":["a"]}', '{"b":{"c":3},"d":4}'),
    ],
)
def test_a_change_is_applied_whatever_the_names_of_its_keys(page: Any, old: str, change: str, new: str) -> None:
    assert page.evaluate(APPLIED, [old, change]) == new


def test_words_stand_apart(page: Any, application: Application) -> None:
    application.do("pile", name="bert", messages=2)

    bert = show(page, "actor", "#/actor/bert")

    expect(bert.locator("[data-handling=wait]")).to_have_text(re.compile(r"^Handling wait \(cast from outside[^)]*\) for \d"))
    nobody = show(page, "actor", "#/actor/nobody")
    expect(nobody).to_contain_text("The tree · Search actors")


def test_a_search_marks_what_it_means_in_the_list_and_in_the_drawing(page: Any) -> None:
    tree = show(page, "tree", "#/tree?search=till-2")

    expect(tree.locator("[role=treeitem] .name.hit")).to_have_text(["till-2"])
    expect(tree.locator(".node.hit")).to_have_count(1)
    expect(tree.locator(".node.hit")).to_have_attribute("data-node", "till-2")


CROWD = 120
"""More children than the page shows of one supervisor at a time."""


def test_a_child_beyond_the_first_page_is_unfolded_to_and_has_its_status_and_its_buttons(
    page: Any, application: Application
) -> None:
    for number in range(CROWD):
        application.do("hire", name=f"guest-{number}")

    tree = show(page, "tree", f"#/tree/guest-{CROWD - 1}")

    chosen = tree.locator("[data-chosen]")
    expect(chosen.locator("[data-status=running]")).to_be_visible()
    expect(chosen.get_by_role("button", name=f"Stop guest-{CROWD - 1}")).to_be_enabled()
    expect(tree.locator(f'[role=treeitem][data-name="guest-{CROWD - 1}"]')).to_be_visible()


@pytest.mark.parametrize(("address", "seen"), [("#/tree", ":root"), ("#/tree/anna", "anna"), ("#/tree/guest-10", "guest-10")])
def test_the_drawing_begins_where_the_chosen_one_is(
    new_context: Callable[..., Any], application: Application, address: str, seen: str
) -> None:
    for number in range(12):
        application.do("hire", name=f"guest-{number}")
    page = signed_in(new_context(viewport={"width": 700, "height": 900}), application.link)

    tree = show(page, "tree", address)

    node = tree.locator(f'.node[data-node="{seen}"] .halo').bounding_box()
    frame = tree.locator(".graph").bounding_box()
    assert frame["x"] <= node["x"] <= frame["x"] + frame["width"] - node["width"]
    assert frame["y"] <= node["y"] <= frame["y"] + frame["height"] - node["height"]
    assert page.evaluate("scrollY") == 0


def test_on_a_narrow_screen_it_says_who_one_is(new_context: Callable[..., Any], application: Application) -> None:
    page = signed_in(new_context(viewport={"width": 360, "height": 740}), application.link)

    expect(page.locator("[data-role]")).to_be_visible()
    assert page.locator("[data-role]").inner_text() == "admin"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("width", [1280, 700])
def test_fold_sign_and_name_stand_in_one_line_however_deep_they_are(
    new_context: Callable[..., Any], application: Application, width: int
) -> None:
    page = signed_in(new_context(viewport={"width": width, "height": 900}), application.link)
    tree = show(page, "tree", "#/tree/till-2?graph=off")
    expect(tree.locator("[data-mark]").first).to_be_visible()

    for name in ("tills", "till-1"):
        line = tree.locator(f'[role=treeitem][data-name="{name}"]')
        parts = (*([".twist"] if name == "tills" else []), ".name", ".who small", ".status")
        boxes = [line.locator(part).bounding_box() for part in parts]
        assert all(left["x"] + left["width"] <= right["x"] for left, right in pairwise(boxes)), name
        assert max(box["y"] for box in boxes[:-1]) - min(box["y"] for box in boxes[:-1]) < 10, name
    mark, who = (tree.locator(f'[data-name="till-1"] {part}').bounding_box() for part in ("[data-mark]", ".who"))
    assert mark["x"] >= who["x"] + who["width"]
