"""`trioactors.inspect`: a running system as plain data, without disturbing it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.serializer import secret
from trioactors.testing import crash, isolated_system, restarted

HIDDEN = "hunter2"


@define
class Box:
    notes: list[str] = field(factory=list)
    password: str = secret(default=HIDDEN)


class Open(ta.Actor[Box], inspect=True):
    def __init__(self) -> None:
        self.gate = trio.Event()

    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def note(self, text: str) -> None:
        self.state.notes.append(text)

    @ta.handler
    async def ask(self, other: Shut) -> None:
        await other.sleep(1.0)

    @ta.handler
    def tick(self) -> None:
        pass

    @ta.handler
    def arm(self) -> None:
        self.context.every(10.0, self.tick, key="beat")
        self.context.after(3.0, self.tick)

    @ta.handler(secret=("pin",))
    def fail(self, pin: str, box: Box) -> None:  # noqa: ARG002
        raise ValueError("no")


class Shut(ta.Actor[Box], mailbox=50):
    @ta.handler
    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class Saved(ta.Actor[Box], persist=ta.EVERY_MESSAGE, inspect=True):
    @ta.handler
    def note(self, text: str) -> None:
        self.state.notes.append(text)


def shop(**options: Any) -> ta.Supervisor:
    return ta.Supervisor(
        ta.child(Open, name="open"),
        ta.Supervisor(ta.child(Shut, name="shut"), name="inner", intensity=ta.Intensity(2, 60.0)),
        name="top",
        **options,
    )


# --- the tree, budgets and figures ---


async def test_the_tree_is_who_supervises_whom(autojump_clock: MockClock) -> None:
    async with isolated_system(shop(strategy="rest_for_one")) as system:
        top = inspect.tree(system, name="top")

    assert [(child.name, child.actor) for child in top.children] == [("open", "Open"), ("inner", None)]
    assert top.children[1].children[0].path == "top/inner/shut"
    assert top.budget is not None
    assert (top.budget.strategy, top.budget.used, top.budget.allowed) == (ta.Strategy.REST_FOR_ONE, 0, 3)


async def test_the_whole_tree_begins_at_the_systems_own_root(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        await system.start(Open, name="guest")
        root = inspect.tree(system)

    assert [child.name for child in root.children] == [":store", "top", ":dynamic"]
    assert [child.name for child in root.children[2].children] == ["guest"]


async def test_a_branch_adds_up_what_waits_and_what_was_restarted_below(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        crash(system.get(Shut, "shut"))
        await restarted(system.get(Shut, "shut"), after=1)
        for _ in range(4):
            system.get(Shut, "shut").sleep.cast_nowait(1)
        await ta.stop(system.get(Open, "open"))
        top = inspect.tree(system, name="top")

    assert (top.restarts, top.backlog, top.down) == (1, 3, 1)  # one of the four is being handled


async def test_children_beyond_the_limit_are_counted_not_shown(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        refs = [await system.start(Shut, name=f"s{number}") for number in range(10)]
        refs[9].sleep.cast_nowait(1)
        refs[9].sleep.cast_nowait(1)
        dynamic = inspect.tree(system, name=":dynamic", children=3)

    assert [child.name for child in dynamic.children] == ["s0", "s1", "s2"]
    assert (dynamic.more, dynamic.backlog) == (7, 2)


async def test_the_tree_from_a_child_that_is_no_supervisor_on_is_that_child(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        alone = inspect.tree(system, name="open")
        with pytest.raises(ta.UnknownName):
            inspect.tree(system, name="nobody")

    assert (alone.name, alone.actor, alone.children, alone.budget) == ("open", "Open", (), None)


async def test_a_budget_counts_the_restarts_of_its_period(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        crash(system.get(Shut, "shut"))
        await restarted(system.get(Shut, "shut"), after=1)
        used = {budget.name: budget for budget in inspect.budgets(system)}
        await trio.sleep(61)
        later = {budget.name: budget for budget in inspect.budgets(system)}

    assert (used["inner"].used, used["inner"].allowed, used["top"].used) == (1, 2, 0)
    assert [(each.child, each.reason) for each in used["inner"].restarts] == [("shut", "crash: PlannedCrash")]
    assert later["inner"].used == 0


async def test_figures_agree_with_the_system(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        system.get(Shut, "shut").sleep.cast_nowait(1)
        shown = inspect.figures(system)

        assert (shown.children, shown.actors, shown.down, shown.busy, shown.backlog) == (4, 2, 0, 1, 1)
        assert shown.ledger == system.ledger()
        assert shown.ledger.balanced
        assert shown.store is not None
        assert not shown.store_broken


# --- actors ---


async def test_the_figures_tell_how_long_a_call_or_a_tick_has_waited(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system, trio.open_nursery() as nursery:
        told = [inspect.figures(system).mailbox_wait]
        opened = system.get(Open, "open")
        await opened.arm()
        await opened.wait.cast()
        await opened.note.cast("a cast says nothing")
        await trio.sleep(1)
        told.append(inspect.figures(system).mailbox_wait)
        nursery.start_soon(opened.note.within(60), "a call")
        await trio.sleep(1)
        told.append(inspect.figures(system).mailbox_wait)
        await trio.sleep(4)
        told.append(inspect.figures(system).mailbox_wait)
        nursery.cancel_scope.cancel()

    assert told == [0.0, 0.0, 1.0, 5.0]


async def test_a_tick_that_waits_is_told_too(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        opened = system.get(Open, "open")
        await opened.arm()
        await opened.wait.cast()
        await trio.sleep(5)

        assert inspect.figures(system).mailbox_wait == 2.0


async def many(system: ta.System) -> None:
    for number in range(5):
        ref = await system.start(Shut, name=f"s{number}")
        for _ in range(number):
            ref.sleep.cast_nowait(1)
    await system.start(Open, name="OPEN")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["OPEN", "s0", "s1", "s2", "s3", "s4"]),
        ({"reverse": True, "limit": 2}, ["s4", "s3"]),
        ({"sort": "waiting", "limit": 2}, ["s4", "s3"]),
        ({"sort": "waiting", "limit": 2, "offset": 1}, ["s3", "s2"]),
        ({"sort": inspect.SortBy.ACTOR, "limit": 1}, ["OPEN"]),
        ({"search": "ope"}, ["OPEN"]),
        ({"search": "SHUT", "limit": 1}, ["s0"]),
        ({"status": "undefined"}, []),
        ({"limit": 0}, []),
        ({"offset": 100}, []),
    ],
)
async def test_rows_are_sorted_searched_and_limited(autojump_clock: MockClock, options: dict[str, Any], names: list[str]) -> None:
    async with isolated_system() as system:
        await many(system)
        page = inspect.actors(system, **options)

    assert [row.name for row in page.rows] == names
    assert page.total == 6


async def test_a_page_tells_how_many_were_searched_for(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await many(system)
        page = inspect.actors(system, search="s", limit=2)

    assert (len(page.rows), page.matched) == (2, 5)


async def test_who_has_been_busy_longest_comes_first(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        for name in ("early", "late", "idle"):
            ref = await system.start(Open, name=name)
            if name != "idle":
                ref.wait.cast_nowait()
            await trio.sleep(1)
        rows = inspect.actors(system, sort="busy").rows

    assert [row.name for row in rows] == ["early", "late", "idle"]
    assert [row.handling for row in rows] == ["wait", "wait", None]


@pytest.mark.parametrize("options", [{"sort": "size"}, {"limit": -1}, {"offset": 1.5}, {"status": "tired"}])
async def test_options_without_sense_are_refused(autojump_clock: MockClock, options: dict[str, Any]) -> None:
    async with isolated_system() as system:
        with pytest.raises(ta.SpecError):
            inspect.actors(system, **options)


# --- one actor ---


async def test_who_watches_an_actor_is_told_by_name(autojump_clock: MockClock) -> None:
    class Nurse(ta.Actor[None]):
        @ta.handler
        async def watch(self, patient: Open) -> None:
            async with ta.watch(patient):
                await trio.sleep(10)

    async with isolated_system(shop()) as system:
        patient = system.get(Open, "open")
        nurse = await system.start(Nurse, name="nurse")
        await nurse.watch.cast(patient)
        await trio.sleep(1)
        async with ta.watch(patient):
            both = inspect.actor(system, "open").watchers
        await trio.sleep(20)
        nobody = inspect.actor(system, "open").watchers

    assert (both, nobody) == (("nurse", "outside the system"), ())


async def test_one_actor_tells_what_it_does_for_whom_since_when(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system, trio.open_nursery() as nursery:
        nursery.start_soon(system.get(Open, "open").ask, system.get(Shut, "shut"))
        await trio.sleep(0.25)
        asker, asked = inspect.actor(system, "open"), inspect.actor(system, "shut")
        now = trio.current_time()

    assert asker.handling is not None
    assert asker.handling.sender.startswith("outside the system")
    assert asker.waits_for == ("shut",)
    assert asked.handling is not None
    assert (asked.handling.handler, asked.handling.kind, asked.handling.sender) == ("sleep", "call", "top/open")
    assert now - asked.handling.since == 0.25


async def test_the_stack_of_its_task_is_shown(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        system.get(Open, "open").wait.cast_nowait()
        await trio.sleep(1)
        stack = inspect.actor(system, "open").stack

    assert any("in Open.wait: await trio.sleep_forever()" in line for line in stack)


async def test_waiting_messages_tell_their_kind_sender_and_age(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system, trio.open_nursery() as nursery:
        shut = system.get(Shut, "shut")
        shut.sleep.cast_nowait(4.0)
        await trio.sleep(1)
        shut.sleep.cast_nowait(0.0)
        nursery.start_soon(shut.sleep, 0.0)
        await trio.sleep(1)
        shut.sleep.cast_nowait(0.0)
        marks = inspect.Marks()
        inspect.actor(system, "shut", marks=marks)
        await trio.sleep(1)
        view = inspect.actor(system, "shut", marks=marks)

    assert [(message.kind, message.age, message.exact) for message in view.waiting] == [
        ("cast", 2.0, False),  # it came before the call behind it
        ("call", 2.0, True),
        ("cast", 1.0, False),  # it was already there at the first look
    ]
    assert view.waiting[1].left == 3.0
    assert view.waiting[0].left is None
    assert view.waiting[1].sender.startswith("outside")


async def test_only_the_first_of_many_waiting_messages_are_told(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        for _ in range(30):
            system.get(Shut, "shut").sleep.cast_nowait(0.0)
        view = inspect.actor(system, "shut", waiting=3)

    assert (len(view.waiting), view.backlog) == (3, 30)


async def test_timers_are_told_the_next_one_first(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        await system.get(Open, "open").arm()
        rows = inspect.timers(system)
        own = inspect.actor(system, "open").timers

    assert [(row.key, row.handler, row.due, row.period) for row in rows] == [
        ("", "tick", 3.0, None),
        ("'beat'", "tick", 10.0, 10.0),
    ]
    assert set(own) == set(rows)


async def test_a_waiting_tick_knows_its_age(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        ref = system.get(Open, "open")
        await ref.arm()
        ref.wait.cast_nowait()
        await trio.sleep(12)
        view = inspect.actor(system, "open")

    assert [(message.kind, message.age, message.exact) for message in view.waiting] == [("tick", 9.0, True), ("tick", 2.0, True)]


async def test_the_last_crash_is_told_with_its_report_after_a_restart_too(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        ref = system.get(Open, "open")
        await ref.fail.cast("4711", Box([], HIDDEN))
        await restarted(ref, after=1)
        view = inspect.actor(system, "open")

    assert view.failure is not None
    assert (view.incarnation, view.failure.incarnation, view.failure.reason) == (2, 1, "crash: ValueError")
    assert "message: OpenFail(box=Box(notes=[]))" in view.failure.report
    assert view.failure.report.endswith("ValueError: no")
    assert "4711" not in view.failure.report
    assert HIDDEN not in view.failure.report


async def test_an_actor_that_ended_in_order_has_no_failure(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        await trio.sleep(2)
        await ta.stop(system.get(Open, "open"))
        view = inspect.actor(system, "open")

    assert (view.failure, view.last_exit, view.status, view.since) == (None, "shutdown", ta.ChildStatus.UNDEFINED, 2.0)
    assert (view.state, view.stack, view.handling) == (None, (), None)


# --- failures ---


async def poll() -> None:
    await trio.sleep(3)
    raise OSError("the line is dead")


@asynccontextmanager
async def line() -> AsyncGenerator[str, None]:
    yield "open"
    raise ConnectionError("hung up")


async def obliged(*, task_status: trio.TaskStatus[None]) -> None:
    raise ta.Ignore


def fragile() -> ta.Supervisor:
    often = ta.Intensity(100, 60.0)
    inner = ta.Supervisor(ta.child(poll, name="weary"), name="inner", intensity=ta.Intensity(0, 60.0))
    children = [ta.child(poll, name="poll"), ta.child(ta.resource(line), name="line"), ta.child(Open, name="open"), inner]
    return ta.Supervisor(*children, name="top", intensity=often)


async def test_failures_are_of_children_of_every_kind_the_newest_first(autojump_clock: MockClock) -> None:
    async with isolated_system(fragile()) as system:
        await trio.sleep(1)
        await system.get(Open, "open").fail.cast("4711", Box([], HIDDEN))
        await trio.sleep(2.5)
        page = inspect.failures(system)
        newest = inspect.failures(system, limit=1)
        shown = inspect.figures(system)

    rows = {row.name: row for row in page.rows}
    assert [row.time for row in page.rows] == sorted((row.time for row in page.rows), reverse=True)
    assert {name: (row.kind.value, row.incarnation, row.reason) for name, row in rows.items()} == {
        "poll": ("function", 1, "crash: OSError"),
        "weary": ("function", 1, "crash: OSError"),
        "inner": ("supervisor", 1, "crash: SupervisorGaveUp"),
        "open": ("actor", 1, "crash: ValueError"),
    }
    assert (page.total, newest.total, newest.rows) == (4, 4, page.rows[:1])
    assert (rows["poll"].path, rows["poll"].restarts, rows["poll"].status) == ("top/poll", 1, ta.ChildStatus.RUNNING)
    assert rows["poll"].text == "the line is dead"
    assert rows["poll"].report.startswith("function top/poll (incarnation 1): crash: OSError\nTraceback")
    assert rows["poll"].report.endswith("OSError: the line is dead")
    assert HIDDEN not in str(page)
    assert shown.failures == 4


async def test_a_resource_that_fails_when_it_is_left_has_failed(autojump_clock: MockClock) -> None:
    async with isolated_system(fragile()) as system:
        await system.supervisor("top").terminate_child("line")
        (row,) = inspect.failures(system).rows

    assert (row.name, row.kind.value, row.text, row.status) == ("line", "resource", "hung up", ta.ChildStatus.UNDEFINED)


async def test_the_failures_of_one_child_are_none_until_it_has_failed(autojump_clock: MockClock) -> None:
    async with isolated_system(fragile()) as system:
        before = inspect.failures(system, name="poll")
        await trio.sleep(3.5)
        after = inspect.failures(system, name="poll")
        with pytest.raises(ta.UnknownName):
            inspect.failures(system, name="nobody")
        with pytest.raises(ta.SpecError, match="limit"):
            inspect.failures(system, limit=-1)

    assert (before.total, before.rows) == (0, ())
    assert [row.name for row in after.rows] == ["poll"]


async def test_a_start_that_asks_to_be_ignored_is_no_failure(autojump_clock: MockClock) -> None:
    async with isolated_system(ta.Supervisor(ta.child(obliged, name="obliged"), name="top")) as system:
        page, shown = inspect.failures(system), inspect.figures(system)

    assert (page.total, shown.failures) == (0, 0)


async def test_failures_of_children_that_are_gone_still_count(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        ref = await system.start(Open, name="guest", restart="temporary")
        await ref.fail.cast("4711", Box([], HIDDEN))
        await system.quiesce()
        page, shown = inspect.failures(system), inspect.figures(system)

    assert (page.total, shown.failures) == (0, 1)


async def test_a_state_is_shown_only_where_the_class_allows_it(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        allowed, shut = inspect.actor(system, "open"), inspect.actor(system, "shut")

    assert allowed.state is not None
    assert (allowed.state.type, allowed.state.value) == ("Box", {"notes": []})
    assert (shut.state, shut.state_allowed) == (None, False)


async def test_a_snapshot_does_not_change_with_the_actor(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        ref = system.get(Open, "open")
        before = inspect.actor(system, "open")
        text = json.dumps(inspect.plain(before))
        await ref.note("new")

    assert json.dumps(inspect.plain(before)) == text


async def test_looking_changes_nothing(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        system.get(Shut, "shut").sleep.cast_nowait(1)
        await trio.sleep(0.5)
        before = ta.info(system.get(Shut, "shut"))
        inspect.tree(system)
        inspect.actor(system, "shut")
        inspect.actors(system)
        inspect.figures(system)
        inspect.dead_letters(system)

        assert ta.info(system.get(Shut, "shut")) == before


async def test_durability_is_told(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        ref = await system.start(Saved, name="saved")
        fresh = inspect.actor(system, "saved").durable
        await trio.sleep(5)
        await ref.note("x")
        kept = inspect.actor(system, "saved").durable

    assert fresh is not None
    assert kept is not None
    assert (fresh.policy, fresh.revision, fresh.committed_at) == ("EVERY_MESSAGE", 0, None)
    assert (kept.revision > 0, kept.committed_at, kept.committing_since) == (True, 5.0, None)
    assert kept.size > len(HIDDEN)


async def test_a_supervisor_is_no_actor(autojump_clock: MockClock) -> None:
    async with isolated_system(shop()) as system:
        with pytest.raises(ta.WrongClass):
            inspect.actor(system, "inner")


# --- dead letters ---


async def bury(system: ta.System, count: int, name: str = "gone") -> None:
    ref = await system.start(Open, name=name)
    ref.wait.cast_nowait()
    for _ in range(count):
        ref.fail.cast_nowait("4711", Box([HIDDEN], HIDDEN))
    await trio.sleep(1)
    with trio.CancelScope(deadline=trio.current_time() + 60):
        await ta.stop(ref)


async def test_dead_letters_are_told_one_by_one_the_newest_first(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=ta.Settings(dead_letters=3)) as system:
        await bury(system, 5)
        page = inspect.dead_letters(system, limit=2)

    assert [row.number for row in page.rows] == [4, 3]
    assert (page.total, page.lost, page.matched) == (3, 2, 3)
    assert page.rows[0].type == "OpenFail"
    assert page.rows[0].fields == {"box": {"notes": [HIDDEN]}}
    assert "4711" not in str(page)


async def test_dead_letters_are_grouped_by_cause(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await bury(system, 2, "a")
        await bury(system, 3, "b")
        groups = inspect.dead_letter_groups(system)
        only = inspect.dead_letters(system, target="b", cause=groups[0].cause)

    assert [(group.count, group.types, group.targets) for group in groups] == [(5, ("OpenFail",), ("a", "b"))]
    assert groups[0].first < groups[0].last
    assert only.matched == 3


# --- trace records ---


async def test_the_ring_listens_only_while_somebody_watches(autojump_clock: MockClock) -> None:
    ring = inspect.TraceRing()
    async with isolated_system(shop()) as system:
        listeners = system._runtime.observers.listeners
        ref = system.get(Open, "open")
        await ref.note("unseen")
        with ring.watching(system):
            with ring.watching(system):
                assert len(listeners) == 1
            await ref.note("seen")
            assert len(listeners) == 1
        await ref.note("unseen")

        assert listeners == []
    page = ring.read(0)
    assert [(row.kind, row.child) for row in page.rows] == [("MessageAccepted", "open"), ("MessageHandled", "open")]
    assert page.rows[1].fields["handler"] == "note"
    assert (page.cursor, page.lost) == (2, 0)


async def test_a_reader_goes_on_where_it_was_and_is_told_what_it_lost(autojump_clock: MockClock) -> None:
    ring = inspect.TraceRing(limit=4)
    async with isolated_system(shop()) as system:
        with ring.watching(system):
            await system.get(Open, "open").note("a")
            first = ring.read(0)
            for _ in range(5):
                await system.get(Open, "open").note("b")
            second = ring.read(first.cursor, limit=3)
            third = ring.read(second.cursor)

    assert (second.lost, [row.number for row in second.rows]) == (6, [8, 9, 10])
    assert (third.lost, [row.number for row in third.rows], third.cursor) == (0, [11], 12)
    assert ring.read(12).rows == ()
    assert ring.read(9_999).rows[0].number == 8


async def test_records_are_read_by_child_and_kind(autojump_clock: MockClock) -> None:
    ring = inspect.TraceRing()
    async with isolated_system(shop()) as system:
        with ring.watching(system):
            await system.get(Open, "open").note("a")
            crash(system.get(Shut, "shut"))
            await restarted(system.get(Shut, "shut"), after=1)

    assert [row.kind for row in ring.read(0, child="shut").rows] == ["ChildExited", "RestartScheduled", "ChildStarted"]
    (exited,) = ring.read(0, kind="ChildExited").rows
    assert exited.fields == {"incarnation": 1, "reason": "crash: PlannedCrash"}
    assert ring.read(0, child="open", kind="ChildExited").cursor == ring.cursor


# --- plain data ---


class Colour(Enum):
    RED = "red"


class Nasty:
    def __repr__(self) -> str:
        raise ValueError


@define
class Masked:
    card: str = field(default="4111", repr=lambda value: f"...{value[-1:]}")
    empty: str = field(default=HIDDEN, repr=lambda _: "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2**60, str(2**60)),
        ([2**100_000], ["\u2026 a whole number of 100,001 bits"]),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        (b"abc", "\u2026 3 bytes"),
        (Colour.RED, "red"),
        ((1, "a"), [1, "a"]),
        (deque([1]), [1]),
        ({1: "a", "b": None}, {"1": "a", "b": None}),
        (Box(["x"]), {"notes": ["x"]}),
        ({"in": [Box()]}, {"in": [{"notes": []}]}),
        ({Box(["k"]).notes[0]: 1}, {"k": 1}),
        (Masked(), {"card": "...1", "empty": "-"}),
        (1j, "1j"),
        (range(3), "range(0, 3)"),
    ],
)
def test_a_value_becomes_plain(value: object, shown: object) -> None:
    found = inspect.plain(value)

    assert found == shown
    assert json.loads(json.dumps(found)) == found


def test_a_value_that_cannot_be_shown_is_named() -> None:
    shown = inspect.plain([Nasty()])

    assert isinstance(shown, list)
    assert str(shown[0]).startswith("<Nasty ")


def test_a_value_in_itself_is_cut() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert json.dumps(inspect.plain(loop, inspect.STATE_LIMITS)).count("[") == inspect.STATE_LIMITS.depth


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ("x" * 10_000_000, "10,000,000 characters"),
        (list(range(1_000_000)), "and 999,900 more of 1,000,000"),
        ({str(number): "y" * 1_000 for number in range(10_000)}, "and 9,900 more of 10,000"),
        (Box(["z" * 10_000_000]), "10,000,000 characters"),
    ],
)
def test_what_is_too_large_is_cut_with_a_note_of_its_size(value: object, note: str) -> None:
    text = json.dumps(inspect.plain(value, inspect.STATE_LIMITS), ensure_ascii=False)

    assert note in text
    assert len(text) < 200_000


def test_there_is_an_end_to_many_small_things() -> None:
    wide = [[[[0] * 100] * 100] * 100] * 100

    assert len(json.dumps(inspect.plain(wide, inspect.STATE_LIMITS))) < 50_000


async def test_every_snapshot_is_plain_data_with_names_as_they_are(autojump_clock: MockClock) -> None:
    markup = "<script>alert('x')</script>"
    ring = inspect.TraceRing()
    async with isolated_system(shop()) as system:
        with ring.watching(system):
            await system.start(partial(Open), name=markup)
            await bury(system, 1)
            snapshots = [
                inspect.tree(system),
                inspect.actors(system),
                inspect.actor(system, markup),
                inspect.figures(system),
                inspect.failures(system),
                inspect.budgets(system),
                inspect.timers(system),
                inspect.dead_letters(system),
                inspect.dead_letter_groups(system),
                ring.read(0),
                system.explain(markup),
            ]
    texts = [json.dumps(inspect.plain(snapshot), allow_nan=False) for snapshot in snapshots]

    assert all(json.dumps(markup) in texts[number] for number in (0, 1, 2, 9, 10))
    assert HIDDEN not in "".join(texts[:5])
