"""Ways to use the page: by keyboard alone, on a narrow screen, in light and dark mode, with a wrong clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from application import MARKUP
from browsing import VIEWS, expect, show, signed_in
from running import Application

CONTROLS = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "menuitem",
    "radio",
    "searchbox",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "treeitem",
}
AN_HOUR_OFF = """
const Real = Date, off = %d;
globalThis.Date = class extends Real {
  constructor(...given) { if (given.length) super(...given); else super(Real.now() + off); }
  static now() { return Real.now() + off; }
};
"""


def filled(application: Application) -> None:
    """Give every view something to show."""
    application.do("note", name="anna", text="a note " * 40)
    application.do("fail", name="till-1", why="so that there is a crash")
    application.do("pile", name="bert", messages=5)
    application.do("letters", count=4)


def test_at_360_pixels_nothing_has_to_be_scrolled_sideways(new_context: Callable[..., Any], application: Application) -> None:
    filled(application)
    page = signed_in(new_context(viewport={"width": 360, "height": 740}), application.link)

    widths: dict[str, int] = {}
    for view in VIEWS:
        expect(show(page, view).locator("h1")).to_be_visible()
        widths[view] = page.evaluate("document.documentElement.scrollWidth")

    expect(page.locator("[data-connection=open]")).to_be_visible()
    assert {view: width for view, width in widths.items() if width > 360} == {}


def test_each_control_has_a_name_and_each_view_is_the_main_thing(page: Any, application: Application) -> None:
    filled(application)
    browser = page.context.new_cdp_session(page)
    for view in VIEWS:
        expect(show(page, view).locator("h1")).to_be_visible()

        nodes = [node for node in browser.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]

        controls = [node for node in nodes if node["role"]["value"] in CONTROLS]
        assert len(controls) >= 7, view
        assert [node for node in controls if not node.get("name", {}).get("value", "").strip()] == [], view
        assert [node["role"]["value"] for node in nodes].count("main") == 1, view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(new_context: Callable[..., Any], application: Application, scheme: str) -> None:
    page = signed_in(new_context(color_scheme=scheme), application.link)
    show(page, "overview")

    style = page.evaluate("(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))")

    text, ground = (luminance(page, color) for color in style)
    assert (text > ground) == (scheme == "dark")
    assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 7


PAINT = """(color) => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}), pen = canvas.getContext("2d");
  pen.fillStyle = color;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data];
}"""


def luminance(page: Any, color: str) -> float:
    """The relative luminance as WCAG defines it."""
    red, green, blue, _ = (part / 255 for part in page.evaluate(PAINT, color))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_keyboard_alone_finds_an_actor_and_restarts_it(page: Any, application: Application) -> None:
    expect(page.locator("section[data-view=overview]")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator("section[data-view=actors]")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("anna")
    expect(page.locator("section[data-view=actors] tbody tr[data-name]")).to_have_count(1)
    tab_to(page, "anna")
    page.keyboard.press("Enter")
    expect(page.locator("section[data-view=actor]")).to_be_visible()
    tab_to(page, "Restart anna")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert application.actor("anna")["incarnation"] == 1
    tab_to(page, "Restart anna")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    tab_to(page, "Restart")
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer=done]")).to_be_visible()

    assert application.actor("anna")["incarnation"] == 2


SEARCHES_AT_ONCE = """() => new Promise((resolve) => {
  const watcher = new MutationObserver(() => {
    const search = document.querySelector("section[data-view=actors] [data-search]");
    if (search === null) return;
    watcher.disconnect();
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}));
    const pressed = document.activeElement === search;
    requestAnimationFrame(() => setTimeout(() => resolve([pressed, document.activeElement === search]), 200));
  });
  watcher.observe(document.body, {childList: true, subtree: true});
  location.hash = "#/actors";
})"""
"""Go to a view, and press `/` in the moment in which its search is there."""


def test_whoever_searches_as_soon_as_a_view_is_there_keeps_the_focus(page: Any) -> None:
    expect(page.locator("section[data-view=overview]")).to_be_visible()

    assert page.evaluate(SEARCHES_AT_ONCE) == [True, True]


FOCUSED = "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"


def tab_to(page: Any, name: str) -> None:
    """Press Tab until the control with this name has the focus. The page has at most two hundred controls."""
    for _ in range(200):
        if page.evaluate(FOCUSED) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {name!r}")


def test_the_tree_is_walked_with_the_arrow_keys(page: Any) -> None:
    tree = show(page, "tree", "#/tree")
    tree.locator("[role=treeitem]").first.focus()
    focused = page.locator("[role=treeitem]:focus")

    for name in (":store", "shop", "anna"):
        page.keyboard.press("ArrowDown")
        expect(focused).to_have_attribute("data-name", name)
    page.keyboard.press("Enter")
    expect(page.locator("[data-chosen=anna]")).to_be_visible()


@pytest.mark.parametrize("view", ["actors", "tree", "actor"])
def test_a_name_with_markup_is_text(page: Any, application: Application, view: str) -> None:
    application.do("note", name=MARKUP, text=f"{MARKUP}<script>alert(2)</script>")
    quoted = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"

    section = show(page, view, f"#/{view}/{quoted}")

    expect(section.get_by_text(MARKUP, exact=True).first).to_be_visible()
    assert page.locator("img[src='x']").count() == 0


def test_a_state_of_ten_megabytes_is_cut_and_says_how_large_it_is(page: Any) -> None:
    mountain = show(page, "actor", "#/actor/mountain")

    expect(mountain.locator("[data-state]")).to_contain_text("10,000,000 characters")
    assert len(page.content()) < 100_000


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_and_times_are_right_although_the_browsers_clock_is_an_hour_off(
    new_context: Callable[..., Any], application: Application, hours: int
) -> None:
    context = new_context(timezone_id="UTC")
    context.add_init_script(AN_HOUR_OFF % (hours * 3_600_000))
    page = signed_in(context, application.link)
    assert abs(page.evaluate("Date.now()") / 1000 - application.look("figures")["wall_time"]) > 3_000
    actors = show(page, "actors")
    expect(actors.locator("tr[data-name=anna] time").first).to_have_text(re.compile(r"^\d+ s$"))
    show(page, "overview")

    application.do("fail", name="till-2", why="to be timed")

    record = page.locator("[data-kind=ChildExited][data-name=till-2] time").first
    expect(record).to_be_visible()
    shown = datetime.strptime(record.inner_text(), "%H:%M:%S.%f").replace(tzinfo=UTC).time()
    truth = datetime.fromtimestamp(application.look("figures")["wall_time"], UTC)
    late = (truth.hour - shown.hour) * 3600 + (truth.minute - shown.minute) * 60 + truth.second - shown.second
    assert (late + 1) % 86_400 < 60  # the page knows the clock of the program to a fraction of a second


def test_every_view_has_an_address_that_can_be_opened_as_it_is(page: Any, application: Application) -> None:
    page.goto(f"{application.url}/#/actors?search=till&sort=waiting")
    page.reload()

    expect(page.locator("section[data-view=actors] tbody tr[data-name]")).to_have_count(3)
    page.get_by_role("link", name="till-2").click()
    expect(page.locator("section[data-view=actor] h1")).to_have_text("till-2")
    page.go_back()
    expect(page.locator("section[data-view=actors] tbody tr[data-name]")).to_have_count(3)
