"""Ten thousand siblings, thirty levels, long lists, hostile names: the page shows all of it, counts it, and is not turned around."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe import findings
from browsing import expect, show, signed_in
from crowd import FAILING, IDLE, LETTERS, LEVELS, SEEN, SIBLINGS, TURNED
from running import Application

DASH = "\u2013"
TURNED_PLACE = quote(TURNED, safe="")
VIEWS = {
    "overview": "#/",
    "tree": f"#/tree/{TURNED_PLACE}?search=%D7%90",
    "actors": "#/actors?search=%D7%90",
    "actor": f"#/actor/{TURNED_PLACE}",
    "messages": "#/messages",
    "failures": "#/failures",
    "durable": "#/durable",
    "handlers": "#/handlers",
    "alerts": "#/alerts",
    "audit": "#/audit",
}


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    """The crowd, with long lists everywhere."""
    with Application(program=Path(__file__).with_name("crowd.py")) as running:
        running.do("fill")
        running.do("fall")
        running.do("crash")
        yield running


@pytest.fixture
def page(new_context: Callable[..., Any], application: Application) -> Any:
    return signed_in(new_context(), application.new_link())


def sized(new_context: Callable[..., Any], application: Application, width: int, height: int = 900, **options: Any) -> Any:
    return signed_in(new_context(viewport={"width": width, "height": height}, **options), application.new_link())


# --- hostile text ---

UNSAFE = r"""() => {
  const raw = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u, apart = /\u2068[^\u2068\u2069]*\u2069/gu;
  const found = [];
  const look = (text, inside, where) => {
    if (raw.test(text.replace(/[\n\t\u2068\u2069]/g, ""))) found.push(`${where}: raw: ${JSON.stringify(text)}`);
    if (!inside && /[\u0590-\u05ff]/.test(text.replace(apart, ""))) found.push(`${where}: not isolated: ${text}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    look(node.data, node.parentElement.closest("bdi") !== null, node.parentElement.outerHTML.slice(0, 80));
  for (const element of document.querySelectorAll("*"))
    for (const name of ["title", "aria-label", "alt", "placeholder"])
      if (element.hasAttribute(name)) look(element.getAttribute(name), false, `${element.tagName} ${name}`);
  look(document.title, false, "the title");
  return found;
}"""
ORDER = r"""(element) => {
  const places = {};
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const match of node.data.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const box = range.getBoundingClientRect();
      places[match[0]] ??= [Math.round(box.top), Math.round(box.left)];
    }
  return places;
}"""


def confirmed(page: Any, action: str, verb: str) -> None:
    page.locator(f"main [data-action={action}]").first.click()
    page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("view", VIEWS)
def test_text_of_the_program_is_isolated_and_nothing_in_it_is_invisible(page: Any, application: Application, view: str) -> None:
    if view == "audit":
        show(page, "actor", VIEWS["actor"])
        confirmed(page, "pause", "Pause")
        confirmed(page, "resume", "Resume")
    section = show(page, view, VIEWS[view])
    application.do("chain")
    if view != "overview":
        expect(section.get_by_text(SEEN).first).to_be_attached()
    show(page, view, VIEWS[view])

    assert page.evaluate(UNSAFE) == []
    assert view != "actor" or SEEN in page.title()


def test_a_hostile_name_does_not_turn_a_confirmation_around(page: Any) -> None:
    actor = show(page, "actor", VIEWS["actor"])

    actor.locator("[data-action=stop]").click()

    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-explanation]")).to_contain_text("exited now")
    expect(dialog.locator("h2")).to_have_text(f"Stop {SEEN}?")
    places = page.evaluate(ORDER, dialog.locator("h2").element_handle())
    (stop, name, mark) = (places[word] for word in ("Stop", SEEN, "?"))
    assert stop < name < mark
    assert page.evaluate(UNSAFE) == []


@pytest.mark.parametrize(
    ("action", "address"),
    [
        ("pause", VIEWS["actor"]),
        ("reset", f"#/durable/{TURNED_PLACE}%20saved"),
        ("restore", "#/durable"),
        ("discard", "#/failures"),
        ("discard_all", "#/failures?target=letterbox"),
        ("silence", "#/alerts"),
    ],
)
def test_a_hostile_name_does_not_turn_other_questions_and_answers_around(
    page: Any, application: Application, action: str, address: str
) -> None:
    application.do("chain")
    if action == "restore":
        show(page, "durable", f"#/durable/{TURNED_PLACE}%20saved")
        confirmed(page, "reset", "Reset")
    show(page, address[2:].partition("/")[0].partition("?")[0], address)

    for each in ("pause", "resume") if action == "pause" else (action,):
        page.locator(f"main [data-action={each}]").first.click()

        dialog = page.get_by_role("dialog")
        told = {"discard_all": "letterbox", "silence": IDLE}.get(each, SEEN)
        expect(dialog).to_contain_text(told)
        assert page.evaluate(UNSAFE) == []
        if not each.startswith("discard"):  # other tests count the letters
            dialog.locator(".buttons button").last.click()
            expect(page.get_by_role("dialog")).to_have_count(0)
            expect(page.locator("[data-answer=done]")).to_contain_text(told)
            assert page.evaluate(UNSAFE) == []


def test_a_hostile_name_does_not_turn_a_call_or_a_saved_view_around(page: Any) -> None:
    calls = show(page, "actor", f"{VIEWS['actor']}?call=true").locator("[data-calls]")
    calls.locator("[data-handler]").select_option("fail")
    calls.locator("[data-field=why]").fill(TURNED)
    calls.get_by_role("button", name="Call\u2026").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("h2")).to_have_text(f"Call {SEEN}.fail?")
    places = page.evaluate(ORDER, dialog.locator("h2").element_handle())
    assert places["Call"] < places[SEEN] < places["?"]
    assert page.evaluate(UNSAFE) == []
    dialog.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("[data-answer=failed]")).to_contain_text(SEEN)
    assert page.evaluate(UNSAFE) == []

    page.get_by_role("button", name="Views", exact=True).click()
    dialog.get_by_label("Save this view as").fill(TURNED)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.locator("[data-views-note]")).to_have_text(f"Saved as {SEEN}.")
    assert page.evaluate(UNSAFE) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202e", "\\u202e"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u2028\u00a0\u3000", "\\u2028\\xa0\\u3000"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("Zo\u00eb \u4e2d \u05d0", "Zo\u00eb \u4e2d \u05d0"),
        ("C:\\temp", "C:\\temp"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_a_terminal_shows_it(page: Any, text: str, shown: str) -> None:
    units = [ord(character) for character in text] if "\ud800" not in text else [0xD800]
    script = "async (units) => (await import('/static/parts/visible.js')).visible(String.fromCodePoint(...units))"

    assert page.evaluate(script, units) == shown


# --- counts, and lists to their end ---


def turn_to_the_end(pager: Any, end: str) -> None:
    """Turn to the last page; its rows, with a hyphen for the dash of the page."""
    pager.get_by_role("button", name="Last", exact=True).click()
    expect(pager.locator("[data-pager]")).to_have_text(end.replace("-", DASH))


def test_a_list_of_ten_thousand_items_in_a_state_says_so_and_is_read_and_searched_to_its_end(page: Any) -> None:
    state = show(page, "actor", "#/actor/keeper").locator("[data-state]")
    letters = state.locator("[data-path=letters]")

    expect(letters.locator("summary").first).to_have_text("10,000 items")
    expect(letters.locator("dl.value > div")).to_have_count(50)
    turn_to_the_end(letters.get_by_role("group", name="Pages"), "9,951-10,000 of 10,000")
    expect(letters.locator("dl.value > div").last).to_contain_text("letter 9999")
    letters.get_by_role("searchbox").fill("LETTER 999")
    expect(letters.locator("[data-found]")).to_have_text("11 matches in 10,000")
    expect(letters.locator("dl.value > div")).to_have_count(11)


def test_fields_and_a_long_text_of_a_state_are_read_to_their_end(page: Any) -> None:
    state = show(page, "actor", "#/actor/keeper").locator("[data-state]")

    by_name, text = state.locator("[data-path=by_name]"), state.locator("[data-path=text]")
    expect(by_name.locator("summary").first).to_have_text("500 fields")
    turn_to_the_end(by_name.get_by_role("group", name="Pages"), "451-500 of 500")
    expect(by_name.locator("dl.value > div").last).to_contain_text("key 499")
    text.locator("summary").click()
    text.get_by_role("searchbox").fill("the end")
    expect(text.locator("[data-found]")).to_have_text("1 match in 31")
    expect(text.locator("dl.value > div").last).to_contain_text("the end")


def test_waiting_messages_and_timers_are_read_to_their_end(page: Any) -> None:
    actor = show(page, "actor", "#/actor/keeper")

    waiting = actor.locator(".card", has=page.get_by_role("heading", name="Waiting messages"))
    turn_to_the_end(waiting.get_by_role("group", name="Pages"), "251-300 of 300")
    expect(waiting.locator("tbody tr")).to_have_count(50)
    timers = actor.locator(".card", has=page.get_by_role("heading", name="Timers"))
    turn_to_the_end(timers.get_by_role("group", name="Pages"), "101-130 of 130")
    expect(timers.locator("tbody tr").last).to_contain_text("129")


def test_failures_and_dead_letters_are_counted_and_read_to_their_end(page: Any) -> None:
    failures = show(page, "failures")

    pages = failures.locator("[data-failed] > .pager")
    turn_to_the_end(pages, f"201-{FAILING + 1} of {FAILING + 1}")
    letters = failures.locator("[data-letters] > .pager")
    turn_to_the_end(letters, f"{LETTERS - 19}-{LETTERS} of {LETTERS}")
    expect(failures.locator("[data-letter='0']")).to_be_visible()


def test_commits_are_read_to_the_first_one_that_was_seen(page: Any, application: Application) -> None:
    durable = show(page, "durable", "#/durable/saved")
    expect(durable.locator("[data-commits]")).to_contain_text("No commits")

    application.do("save", times=90)

    turn_to_the_end(durable.locator("[data-commits] .pager"), "81-90 of 90")
    expect(durable.locator("[data-commits] li[data-revision]")).to_have_count(10)


# --- the tree ---


@pytest.mark.parametrize("name", ["cell-9998", "bottom"])
def test_the_tree_is_unfolded_to_the_chosen_child(page: Any, name: str) -> None:
    tree = show(page, "tree", f"#/tree/{name}")

    chosen = tree.locator("[role=treeitem][aria-selected=true]")
    expect(chosen).to_have_attribute("data-name", name)
    expect(tree.locator(f'.node[data-node="{name}"]')).to_be_attached()
    expect(tree.locator("[data-chosen] [data-status=running]")).to_be_visible()
    if name == "bottom":
        assert int(chosen.get_attribute("aria-level")) >= LEVELS
    else:
        assert (chosen.get_attribute("aria-posinset"), chosen.get_attribute("aria-setsize")) == ("9999", str(SIBLINGS))


def test_a_child_is_found_on_the_server_and_the_tree_unfolds_to_it(page: Any) -> None:
    tree = show(page, "tree", "#/tree")
    tree.get_by_role("searchbox", name="Search the tree").fill("cell-99")
    results = tree.locator("[data-results]")
    expect(results.locator("[role=status]")).to_have_text("111 matches")
    expect(results.locator("li").first).to_contain_text("crowd/cells/cell-99")
    turn_to_the_end(results.locator(".pager"), "101-111 of 111")

    results.get_by_role("link", name="cell-9999").click()

    line = tree.locator("[role=treeitem][data-name=cell-9999]")
    expect(line).to_have_attribute("aria-selected", "true")
    expect(line).to_be_in_viewport()


def test_children_are_found_by_class_and_by_path(page: Any) -> None:
    for search, found in (("keeper", "keeper"), ("level-29/level-30/b", "bottom")):
        tree = show(page, "tree", f"#/tree?search={quote(search)}")

        expect(tree.locator(f"[data-results] li[data-name='{found}']")).to_be_visible()


def test_the_children_of_a_supervisor_are_paged_and_stay_unfolded(page: Any) -> None:
    tree = show(page, "tree", "#/tree/cells?graph=off")
    cells = tree.locator("[role=treeitem][data-name=cells]")
    cells.focus()
    page.keyboard.press("ArrowRight")
    pages = tree.locator("[data-pages=cells]")
    expect(pages.locator("[data-pager]")).to_have_text(f"1{DASH}50 of 10,000")

    turn_to_the_end(pages, "9,951-10,000 of 10,000")
    tree.locator("[role=treeitem][data-name=keeper]").click()

    expect(tree.locator("[data-chosen=keeper]")).to_be_visible()
    expect(tree.locator("[role=treeitem][data-name=cell-9999]")).to_be_visible()
    cells.locator(".twist").click()
    expect(pages).to_have_count(0)
    expect(cells).to_have_attribute("aria-expanded", "false")


def test_a_child_above_which_all_was_folded_is_unfolded_to_when_it_is_chosen(page: Any) -> None:
    tree = show(page, "tree", "#/tree/bottom")
    expect(tree.locator("[role=treeitem][data-name=bottom]")).to_be_visible()
    tree.locator("[role=treeitem][data-name=level-3] .twist").click()
    expect(tree.locator("[role=treeitem][data-name=bottom]")).to_have_count(0)

    show(page, "tree", "#/tree")
    show(page, "tree", "#/tree/bottom")

    expect(tree.locator("[role=treeitem][data-name=bottom]")).to_be_visible()


def zoomed(tree: Any) -> int:
    return int(tree.locator("[data-zoom]").inner_text().replace(",", "").split()[0])


def test_the_drawing_is_zoomed_and_fitted_with_wheel_buttons_and_keys(page: Any) -> None:
    tree = show(page, "tree", "#/tree/bottom")
    drawing = tree.locator(".graph")
    node = drawing.locator("[data-node=bottom] circle").last
    frame = drawing.bounding_box()
    assert zoomed(tree) == 100

    tree.get_by_role("button", name="Zoom in").click()
    expect(tree.locator("[data-zoom]")).to_have_text("125 %")
    tree.get_by_role("button", name="Fit").click()
    fitted = drawing.locator("svg").evaluate("svg => svg.querySelector('[data-node=\"level-1\"]').getBoundingClientRect().left")
    assert frame["x"] <= fitted <= node.bounding_box()["x"] <= frame["x"] + frame["width"]
    small = zoomed(tree)
    drawing.focus()
    page.keyboard.press("+")
    assert zoomed(tree) > small
    page.keyboard.press("0")
    assert zoomed(tree) == small
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.mouse.wheel(0, -200)
    expect(tree.locator("[data-zoom]")).not_to_have_text(f"{small} %")
    assert page.evaluate("scrollY") == 0


def test_the_drawing_is_moved_with_the_pointer_and_with_keys(page: Any) -> None:
    tree = show(page, "tree", "#/tree/bottom")
    drawing = tree.locator(".graph")
    node = drawing.locator("[data-node=level-29]")
    frame, before = drawing.bounding_box(), node.bounding_box()

    page.mouse.move(frame["x"] + 60, frame["y"] + 60)
    page.mouse.down()
    page.mouse.move(frame["x"] + 160, frame["y"] + 60, steps=5)
    page.mouse.up()
    pulled = node.bounding_box()
    drawing.focus()
    page.keyboard.press("ArrowRight")

    assert pulled["x"] == pytest.approx(before["x"] + 100, abs=3)
    assert node.bounding_box()["x"] == pytest.approx(pulled["x"] - 60, abs=3)
    assert page.evaluate("location.hash") == "#/tree/bottom"


def boxes(page: Any, selector: str) -> list[tuple[str, float, float, float, float]]:
    script = """(selector) => [...document.querySelectorAll(selector)].map((each) => {
      const {left, top, right, bottom} = each.getBoundingClientRect();
      return [each.textContent, left, top, right, bottom];
    }).filter(([, left, top, right, bottom]) => right > left && bottom > top)"""
    return [tuple(each) for each in page.evaluate(script, selector)]


def overlapping(found: list[tuple[str, float, float, float, float]]) -> list[tuple[str, str]]:
    return [
        (one[0], other[0])
        for one, other in combinations(found, 2)
        if one[1] < other[3] - 0.5 and other[1] < one[3] - 0.5 and one[2] < other[4] - 0.5 and other[2] < one[4] - 0.5
    ]


PARTS_OF_LINES = ".tree .line .name, .tree .line small, .tree .line .status, .tree .line .share, .tree .line .numeric"


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560])
def test_no_labels_of_the_tree_overlap_at_any_width(new_context: Callable[..., Any], application: Application, width: int) -> None:
    page = sized(new_context, application, width)
    for name in ("bottom", "cell-9998", TURNED):
        tree = show(page, "tree", f"#/tree/{quote(name, safe='')}")
        expect(tree.locator("[role=treeitem][aria-selected=true]")).to_have_attribute("data-name", name)

        assert overlapping(boxes(page, ".node text, .node > circle:not(.halo), .node > rect")) == []
        assert overlapping(boxes(page, PARTS_OF_LINES)) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- order, status, accessibility ---


@pytest.mark.parametrize(
    ("view", "address", "orders"),
    [
        ("actors", "#/actors", {"Actor": "ascending"}),
        ("durable", "#/durable", {"Actor": "ascending", "Name": "ascending"}),
        ("failures", "#/failures", {"Last": "descending", "Budget": "descending", "Letters": "descending"}),
        ("actor", "#/actor/keeper", {"Waiting": "descending", "Fires in": "ascending"}),
        ("overview", "#/", {"Waiting": "descending"}),
    ],
)
def test_each_table_with_an_order_says_which(page: Any, view: str, address: str, orders: dict[str, str]) -> None:
    section = show(page, view, address)
    expect(section.locator("th[aria-sort$=ending]")).to_have_count(len(orders))

    script = "(heads) => heads.map((head) => [head.innerText.replace(/[▾▴]/g, '').trim(), head.getAttribute('aria-sort')])"
    assert dict(section.locator("th[aria-sort$=ending]").evaluate_all(script)) == orders


def test_a_head_that_sorts_is_a_button_and_says_its_state(page: Any) -> None:
    actors = show(page, "actors", "#/actors")
    head = actors.locator("th", has=page.get_by_role("button", name="Waiting"))
    expect(head).to_have_attribute("aria-sort", "none")

    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")


@pytest.mark.parametrize("width", [320, 360])
def test_on_a_narrow_screen_the_status_and_all_views_are_in_sight_wherever_one_is(
    new_context: Callable[..., Any], application: Application, width: int
) -> None:
    page = sized(new_context, application, width, 640)
    for view, address in VIEWS.items():
        show(page, view, address)
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")

        for each in (page.locator("[data-connection=open]"), *page.locator("nav a").all()):
            box = each.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, view
            assert 0 <= box["y"] <= box["y"] + box["height"] <= 640, view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(new_context: Callable[..., Any], application: Application, scheme: str, width: int) -> None:
    page = sized(new_context, application, width, color_scheme=scheme)

    found = {}
    for view, address in {**VIEWS, "actor": "#/actor/keeper", "durable": "#/durable/saved"}.items():
        show(page, view, address)
        found[view] = findings(page)

    assert {view: those for view, those in found.items() if those} == {}


def test_parts_of_a_line_stand_in_one_line_at_the_deepest_level(page: Any) -> None:
    tree = show(page, "tree", "#/tree/bottom?graph=off")

    line = tree.locator("[role=treeitem][data-name=level-30]")
    parts = [line.locator(part).bounding_box() for part in (".twist", ".name", ".who small", ".status")]
    assert all(left["x"] + left["width"] <= right["x"] + 0.5 for left, right in pairwise(parts))
    assert re.match("level-30", line.locator(".name").inner_text())
