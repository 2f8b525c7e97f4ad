"""What `trioactors.inspect` shows page by page: the outline of the tree, found children, parts of a state, waiting messages, timers."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any

import pytest
import trio
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.inspect.plain import plain_and_cuts
from trioactors.serializer import secret
from trioactors.testing import isolated_system

MANY = 10_000
LONG = 25_000
"""Numbers that are more than one search reads."""
DEEP = 30


class Colour(Enum):
    RED = ("a", "b", "c")


@define
class Shelf:
    letters: list[str] = field(factory=lambda: [f"letter {number}" for number in range(MANY)])
    by_name: dict[Any, Any] = field(factory=lambda: {"one": 1, 1: "a number", (2, 3): "a pair", "deep": {"er": [[["end"]]]}})
    text: str = field(default="the " + "x" * 9_993 + "needle" + "y" * 5_000)
    colour: Colour = Colour.RED
    queue: deque[int] = field(factory=lambda: deque(range(LONG)))
    pin: str = secret(default="4711")


class Keeper(ta.Actor[Shelf], inspect=True, mailbox=MANY):
    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def tick(self) -> None:
        pass

    @ta.handler
    def arm(self, count: int) -> None:
        for number in range(count):
            self.context.after(float(count - number), self.tick, key=number)


class Closed(ta.Actor[Shelf]):
    @ta.handler
    def fail(self) -> None:
        raise ValueError("no")


def one() -> ta.Supervisor:
    return ta.Supervisor(ta.child(Keeper, name="keeper"), ta.child(Closed, name="closed"), name="top")


async def idle() -> None:
    await trio.sleep_forever()


def wide() -> ta.Supervisor:
    return ta.Supervisor(
        ta.Supervisor(*(ta.child(idle, name=f"cell-{number}") for number in range(1_000)), name="cells"),
        ta.Supervisor(ta.child(Closed, name="other"), name="few"),
        name="top",
    )


def deep(levels: int) -> ta.Supervisor:
    below = ta.Supervisor(*(ta.child(idle, name=f"leaf-{number}") for number in range(200)), name=f"level-{levels}")
    for level in range(levels - 1, 0, -1):
        below = ta.Supervisor(below, name=f"level-{level}")
    return below


def names(branch: inspect.Branch) -> list[str]:
    return [branch.name, *(name for child in branch.children for name in names(child))]


def place(branch: inspect.Branch, name: str) -> inspect.Branch:
    if branch.name == name:
        return branch
    return next(place(child, name) for child in branch.children if name in names(child))


# --- the outline ---


async def test_a_large_supervisor_shows_a_page_of_its_children(autojump_clock: MockClock) -> None:
    async with isolated_system(wide()) as system:
        cells = place(inspect.outline(system, folds={"cells": 950}, children=20).top, "cells")
        last = place(inspect.outline(system, folds={"cells": 99_999}, children=20).top, "cells")

    assert [child.name for child in cells.children] == [f"cell-{number}" for number in range(950, 970)]
    assert (cells.before, cells.more, cells.below) == (950, 980, 1_000)
    assert [child.name for child in last.children] == [f"cell-{number}" for number in range(980, 1_000)]


async def test_the_outline_is_unfolded_to_the_chosen_child(autojump_clock: MockClock) -> None:
    async with isolated_system(deep(DEEP)) as system:
        folded = inspect.outline(system)
        found = inspect.outline(system, chosen="leaf-199")

    assert "leaf-0" not in names(folded.top)
    assert found.path[-DEEP:] == tuple(f"level-{level}" for level in range(1, DEEP + 1))
    assert found.chosen is not None
    assert found.chosen.name == "leaf-199"
    assert place(found.top, f"level-{DEEP}").before == 150
    assert "leaf-199" in names(found.top)


async def test_what_a_viewer_has_folded_stays_folded_above_the_chosen_one_too(autojump_clock: MockClock) -> None:
    async with isolated_system(wide()) as system:
        found = inspect.outline(system, chosen="cell-3", folds={"cells": None})

    assert "cell-3" not in names(found.top)
    assert place(found.top, "cells").more == 1_000
    assert found.chosen is not None


async def test_an_outline_without_its_chosen_child_says_so(autojump_clock: MockClock) -> None:
    async with isolated_system(wide()) as system:
        found = inspect.outline(system, chosen="nobody")

    assert (found.chosen, found.path) == (None, ())


async def test_an_outline_has_about_as_many_rows_as_asked_for(autojump_clock: MockClock) -> None:
    groups = [ta.Supervisor(*(ta.child(idle, name=f"{a}-{b}") for b in range(20)), name=f"group-{a}") for a in range(30)]
    async with isolated_system(ta.Supervisor(*groups, name="top")) as system:
        few, all_of_them = (len(names(inspect.outline(system, rows=rows).top)) for rows in (100, 1_000))

    assert few <= 100 + 50
    assert all_of_them >= 30 * 21


async def test_the_sums_of_an_outline_are_those_of_the_tree(autojump_clock: MockClock) -> None:
    async with isolated_system(wide()) as system:
        with pytest.raises(ta.ActorCrashed):
            await system.get(Closed, "other").fail()
        await system.quiesce()
        tree, outline = inspect.tree(system, children=3), inspect.outline(system).top

    for name in (tree.name, "top", "cells", "few"):
        one, other = place(tree, name), place(outline, name)
        assert (one.backlog, one.restarts, one.down, one.below) == (other.backlog, other.restarts, other.down, other.below), name
    assert place(outline, "few").restarts == 1


async def test_viewers_that_share_totals_share_them_for_half_a_second(autojump_clock: MockClock) -> None:
    totals = inspect.Totals()
    async with isolated_system(one()) as system:
        before = inspect.outline(system, totals=totals).top.restarts
        with pytest.raises(ta.ActorCrashed):
            await system.get(Closed, "closed").fail()
        await system.quiesce()
        at_once = inspect.outline(system, totals=totals).top.restarts
        await trio.sleep(0.6)
        later = inspect.outline(system, totals=totals).top.restarts

    assert (before, at_once, later) == (0, 0, 1)
    assert repr(totals).startswith("<totals of ")


# --- the search ---


async def test_children_are_found_by_name_then_by_class_then_by_path(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(
        ta.Supervisor(ta.child(idle, name="inner"), name="closets"),
        ta.child(Closed, name="box"),
        ta.child(idle, name="Clo"),
        name="top",
    )
    async with isolated_system(tree) as system:
        page = inspect.found(system, "CLO")
        second = inspect.found(system, "clo", limit=1, offset=1)

    assert [row.name for row in page.rows] == ["closets", "Clo", "box", "inner"]
    assert page.rows[-1].path == "top/closets/inner"
    assert (second.matched, [row.name for row in second.rows]) == (4, ["Clo"])


# --- states ---


async def part(*path: Any, **options: Any) -> inspect.StatePage:
    async with isolated_system(one()) as system:
        await trio.testing.wait_all_tasks_blocked()
        page = inspect.state(system, "keeper", path=path, **options)
    assert page is not None
    return page


async def test_a_list_of_ten_thousand_items_is_read_to_its_end(autojump_clock: MockClock) -> None:
    page = await part("letters", offset=MANY - 2)

    assert (page.total, page.next, page.type) == (MANY, None, "list")
    assert [(row.step, row.value) for row in page.rows] == [(MANY - 2, "letter 9998"), (MANY - 1, "letter 9999")]


async def test_a_list_of_ten_thousand_items_is_searched_to_its_end(autojump_clock: MockClock) -> None:
    page = await part("letters", search="LETTER 999", limit=3)

    assert (page.matched, page.end) == (11, MANY)
    assert [row.step for row in page.rows] == [999, 9_990, 9_991]
    assert page.next == 9_992


async def test_one_search_reads_a_limited_number_of_values_and_says_where_to_go_on(autojump_clock: MockClock) -> None:
    first = await part("queue", search=str(LONG - 1))
    assert first.next is not None
    then = await part("queue", search=str(LONG - 1), offset=first.next)
    assert then.next is not None
    last = await part("queue", search=str(LONG - 1), offset=then.next)

    assert (first.matched, first.end) == (0, first.next)
    assert first.next < then.next < LONG
    assert (last.matched, last.end, last.next) == (1, LONG, None)


async def test_a_part_is_reached_through_keys_of_any_kind(autojump_clock: MockClock) -> None:
    page = await part("by_name")
    inner = await part("by_name", "deep", "er", 0, 0)
    pair = await part("by_name", 2)

    assert [(row.step, row.key) for row in page.rows] == [("one", "one"), (1, "1"), (2, "(2, 3)"), ("deep", "deep")]
    assert [row.value for row in inner.rows] == ["end"]
    assert [row.value for row in pair.rows] == ["a pair"]


async def test_a_long_text_is_read_in_pieces_and_found_across_their_borders(autojump_clock: MockClock) -> None:
    page = await part("text", limit=2)
    found = await part("text", search="xxxneedle")

    assert (page.total, [len(str(row.value)) for row in page.rows]) == (16, [1_000, 1_000])
    assert [(row.step, row.key) for row in found.rows] == [(9, "9,000")]


async def test_an_enum_and_a_queue_have_parts(autojump_clock: MockClock) -> None:
    assert [row.value for row in (await part("colour")).rows] == ["a", "b", "c"]
    assert [row.value for row in (await part("queue", offset=LONG - 1)).rows] == [LONG - 1]


async def test_a_secret_is_no_part_of_a_state(autojump_clock: MockClock) -> None:
    page = await part()
    found = await part(search="4711")

    assert "pin" not in [row.key for row in page.rows]
    assert found.matched == 0
    with pytest.raises(ta.SpecError, match="there is no 'pin'"):
        await part("pin")


async def test_a_part_that_is_not_there_is_named(autojump_clock: MockClock) -> None:
    for path in (("letters", MANY), ("letters", "first"), ("by_name", "two"), ("nothing",), ("text", 0), ("letters", -1)):
        with pytest.raises(ta.SpecError, match=f"there is no {path[-1]!r}"):
            await part(*path)


async def test_a_state_is_not_shown_unless_its_class_allows_it(autojump_clock: MockClock) -> None:
    async with isolated_system(one()) as system:
        await system.quiesce()
        assert inspect.state(system, "closed") is None
        await ta.stop(system.get(Keeper, "keeper"))
        assert inspect.state(system, "keeper") is None
        with pytest.raises(ta.WrongClass):
            inspect.state(system, "top")


plain_values = st.recursive(
    st.none() | st.integers(-3, 3) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None)
@given(plain_values)
def test_each_cut_names_a_shortened_part_and_its_true_size(value: Any) -> None:
    _, cuts = plain_and_cuts(value, inspect.Limits(text=3, items=2, depth=2, total=8))

    for cut in cuts:
        whole: Any = value
        for step in cut.path:
            whole = whole[step]
        assert cut.total == len(whole)


async def test_a_state_says_where_it_is_cut(autojump_clock: MockClock) -> None:
    async with isolated_system(one()) as system:
        await system.quiesce()
        state = inspect.actor(system, "keeper").state

    assert state is not None
    totals = {cut.path: cut.total for cut in state.cuts}
    assert (totals[("letters",)], totals[("text",)], totals[("queue",)]) == (MANY, 15_003, LONG)


# --- waiting messages, timers, budgets, failures ---


async def test_waiting_messages_are_read_to_their_end(autojump_clock: MockClock) -> None:
    async with isolated_system(one()) as system:
        keeper = system.get(Keeper, "keeper")
        for _ in range(3_001):
            keeper.wait.cast_nowait()
        await trio.testing.wait_all_tasks_blocked()
        whole = inspect.waiting(system, "keeper", limit=MANY)
        page = inspect.waiting(system, "keeper", offset=2_999, limit=50)

    assert (whole.total, len(whole.rows)) == (3_000, 3_000)
    assert (page.total, page.rows) == (3_000, whole.rows[2_999:])


async def test_a_page_of_waiting_messages_tells_the_ages_that_all_of_them_tell(autojump_clock: MockClock) -> None:
    marks = inspect.Marks()
    async with isolated_system(one()) as system, trio.open_nursery() as nursery:
        keeper = system.get(Keeper, "keeper")
        keeper.wait.cast_nowait()
        for _ in range(5):
            keeper.tick.cast_nowait()
            nursery.start_soon(keeper.tick)
            await trio.sleep(0.1)
            inspect.waiting(system, "keeper", marks=marks)
        whole = inspect.waiting(system, "keeper", marks=marks).rows
        pages = [inspect.waiting(system, "keeper", marks=marks, offset=at, limit=3).rows for at in range(0, len(whole), 3)]
        nursery.cancel_scope.cancel()

    assert tuple(row for page in pages for row in page) == whole
    assert sorted((row.age for row in whole), reverse=True) == [row.age for row in whole]


async def test_timers_are_read_to_their_end_the_next_one_first(autojump_clock: MockClock) -> None:
    async with isolated_system(one()) as system:
        await system.get(Keeper, "keeper").arm(500)
        page = inspect.timer_page(system, name="keeper", limit=2, offset=498)
        view = inspect.actor(system, "keeper", waiting=10)
        every = inspect.timers(system)

    assert (page.total, [row.key for row in page.rows]) == (500, ["1", "0"])
    assert (view.timers_set, [row.key for row in view.timers[:2]]) == (500, ["499", "498"])
    assert (len(view.timers), len(every)) == (10, 500)


async def test_budgets_that_nothing_counts_against_are_left_out(autojump_clock: MockClock) -> None:
    async with isolated_system(one()) as system:
        nothing = inspect.budget_page(system)
        with pytest.raises(ta.ActorCrashed):
            await system.get(Closed, "closed").fail()
        await system.quiesce()
        page = inspect.budget_page(system)

    assert (nothing.total, nothing.rows) == (0, ())
    assert [(row.name, row.used) for row in page.rows] == [("top", 1)]


async def test_failures_are_read_to_their_end(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(
        *(ta.child(Closed, name=f"closed-{number}") for number in range(4)), name="top", intensity=ta.Intensity(9, 60)
    )
    async with isolated_system(tree) as system:
        for number in range(4):
            with pytest.raises(ta.ActorCrashed):
                await system.get(Closed, f"closed-{number}").fail()
            await trio.sleep(1)
        page = inspect.failures(system, limit=2, offset=2)

    assert (page.total, [row.name for row in page.rows]) == (4, ["closed-1", "closed-0"])
