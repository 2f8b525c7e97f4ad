"""The causes of a message, as trace records show them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Tally
from trioactors import inspect
from trioactors.testing import isolated_system
from trioactors.trace import records as trace


class Last(ta.Actor[None], mailbox=1):
    @ta.handler
    def end(self) -> None:
        pass

    @ta.handler
    async def hold(self) -> None:
        await trio.sleep(3)


class Middle(ta.Actor[None]):
    @ta.handler
    async def call(self, last: Last) -> None:
        await last.end()

    @ta.handler
    async def cast(self, last: Last) -> None:
        await last.end.cast()

    @ta.handler
    async def cast_nowait(self, last: Last) -> None:
        last.end.cast_nowait()

    @ta.handler
    async def from_a_nursery(self, last: Last) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(last.end)
            nursery.start_soon(trio.sleep, 1)

    @ta.handler
    def from_a_task(self, last: Last) -> None:
        self.context.start_soon(last.end)

    @ta.handler
    def from_a_second_task(self, last: Last) -> None:
        self.context.start_soon(trio.sleep, 1)
        self.context.start_soon(self._later, last)

    async def _later(self, last: Last) -> None:
        await trio.sleep(1)
        await last.end()

    @ta.handler
    def somewhere_else(self, nursery: trio.Nursery, last: Last) -> None:
        nursery.start_soon(last.end)

    @ta.handler
    def remind(self, last: Last) -> None:
        self.context.after(1.0, partial(self.tick, last))

    @ta.handler
    async def tick(self, last: Last) -> None:
        await last.end()


class Lasting(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def add(self, last: Last) -> None:
        self.state.total += 1
        await last.end.cast()

    @ta.handler
    async def add_at_once(self, last: Last) -> None:
        self.state.total += 1
        last.end.cast_nowait()


class Windowed(ta.Actor[Tally], persist=ta.Within(1.0)):
    @ta.handler
    def count(self) -> None:
        self.state.total += 1


def tree(*more: Any) -> ta.Supervisor:
    return ta.Supervisor(ta.child(Middle, name="middle"), ta.child(Last, name="last"), *more, name="top")


def told(recorder: ta.Recorder) -> list[tuple[str, str, int | None, int | None, int | None]]:
    """For each handled message: its child, handler, message number, cause and correlation."""
    return [(e.child, e.handler, e.message, e.cause, e.correlation) for e in recorder.of(trace.MessageHandled)]


@pytest.mark.parametrize("way", ["call", "cast", "cast_nowait", "from_a_nursery", "from_a_task", "from_a_second_task"])
async def test_what_a_handler_sends_is_caused_by_what_it_handles(autojump_clock: MockClock, way: str) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        system.observe(recorder)
        await system.get(Last, "last").end()
        await getattr(system.get(Middle, "middle"), way)(system.get(Last, "last"))
        await trio.sleep(2)
        await system.quiesce()
        system.unobserve(recorder)

    assert set(told(recorder)) == {("last", "end", 1, None, 1), ("middle", way, 2, None, 2), ("last", "end", 3, 2, 2)}


async def test_every_record_of_a_message_bears_its_number(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        system.observe(recorder)
        last = system.get(Last, "last")
        await last.hold.cast()
        with pytest.raises(ta.CallTimeout):
            await last.end.within(1)()
        await trio.sleep(20)
        await last.hold.cast()
        await last.end.cast()
        await ta.stop(last)
        system.unobserve(recorder)

    found = [(type(e).__name__, e.message) for e in recorder if isinstance(e, trace.MessageRecord)]
    assert sorted(found, key=lambda pair: pair[1] or 0) == [
        ("MessageAccepted", 1),
        ("MessageHandled", 1),
        ("MessageAccepted", 2),
        ("CallTimedOut", 2),
        ("MessageShed", 2),
        ("MessageAccepted", 3),
        ("MessageHandled", 3),
        ("MessageAccepted", 4),
        ("MessageDeadLettered", 4),
    ]


async def test_a_cast_that_waited_for_room_keeps_its_number(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        system.observe(recorder)
        last = system.get(Last, "last")
        await last.hold.cast()
        await last.end.cast()
        await system.get(Middle, "middle").cast(last)
        await system.quiesce(timeout=60)
        system.unobserve(recorder)

    assert ("last", "end", 4, 3, 3) in told(recorder)


async def test_a_tick_begins_a_chain_of_its_own(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        system.observe(recorder)
        await system.get(Middle, "middle").remind(system.get(Last, "last"))
        await trio.sleep(2)
        system.unobserve(recorder)

    [fired] = recorder.of(trace.TimerFired)
    assert (fired.message, fired.cause, fired.correlation) == (2, None, 2)
    assert told(recorder)[1:] == [("last", "end", 3, 2, 2), ("middle", "tick", 2, None, 2)]


async def test_a_task_in_somebody_elses_nursery_begins_a_chain_of_its_own(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system, trio.open_nursery() as nursery:
        system.observe(recorder)
        await system.get(Middle, "middle").somewhere_else(nursery, system.get(Last, "last"))
        await system.quiesce()
        system.unobserve(recorder)

    assert ("last", "end", 2, None, 2) in told(recorder)


@pytest.mark.parametrize("way", ["add", "add_at_once"])
async def test_what_leaves_with_a_commit_is_caused_by_the_message_that_sent_it(autojump_clock: MockClock, way: str) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree(ta.child(Lasting, name="lasting")), store="memory:") as system:
        system.observe(recorder)
        lasting, last = system.get(Lasting, "lasting"), system.get(Last, "last")
        await getattr(lasting, way)(last)
        await system.quiesce()
        system.unobserve(recorder)

    assert ("last", "end", 2, 1, 1) in told(recorder)


async def test_a_held_cast_that_finds_no_room_keeps_its_number(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree(ta.child(Lasting, name="lasting")), store="memory:") as system:
        system.observe(recorder)
        lasting, last = system.get(Lasting, "lasting"), system.get(Last, "last")
        await last.hold.cast()
        await last.end.cast()
        await lasting.add(last)
        await system.quiesce(timeout=60)
        system.unobserve(recorder)

    assert ("last", "end", 4, 3, 3) in told(recorder)


async def test_what_was_sent_unheard_has_no_number_and_what_it_sends_begins_a_chain(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        middle, last = system.get(Middle, "middle"), system.get(Last, "last")
        await last.hold.cast()
        await middle.call.cast(last)
        await trio.sleep(1)
        system.observe(recorder)
        await middle.cast.cast(last)
        await system.quiesce(timeout=60)
        system.unobserve(recorder)

    assert told(recorder)[:3] == [
        ("last", "hold", None, None, None),
        ("last", "end", None, None, None),
        ("middle", "call", None, None, None),
    ]
    assert set(told(recorder)[3:]) == {("middle", "cast", 1, None, 1), ("last", "end", 2, 1, 1)}


async def test_nothing_is_numbered_while_nobody_listens(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree()) as system:
        await system.get(Middle, "middle").call(system.get(Last, "last"))
        system.observe(recorder)
        await system.get(Last, "last").end()
        system.unobserve(recorder)

    assert told(recorder) == [("last", "end", 1, None, 1)]


async def test_a_ring_is_read_by_chain(autojump_clock: MockClock) -> None:
    ring = inspect.TraceRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Last, "last").end()
            await system.get(Middle, "middle").call(system.get(Last, "last"))
            page = ring.read(0, correlation=2)

    assert [(row.child, row.fields["message"]) for row in page.rows] == [("middle", 2), ("last", 3), ("last", 3), ("middle", 2)]
    assert page.cursor == 6


async def test_a_chain_holds_the_commits_that_it_led_to(autojump_clock: MockClock) -> None:
    ring = inspect.TraceRing()
    async with isolated_system(tree(ta.child(Lasting, name="lasting")), store="memory:") as system:
        lasting, last = system.get(Lasting, "lasting"), system.get(Last, "last")
        with ring.watching(system):
            await lasting.add(last)
            await lasting.add(last)
            await system.quiesce()
        first, second = (ring.read(0, correlation=number).rows for number in (1, 3))

    for rows, revision in ((first, 1), (second, 2)):
        commits = [row.fields["revision"] for row in rows if row.kind == "StateCommitted"]
        assert commits == [revision]


async def test_a_commit_of_a_window_stands_for_whatever_came_and_is_in_no_chain(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree(ta.child(Windowed, name="windowed")), store="memory:") as system:
        system.observe(recorder)
        for _ in range(3):
            await system.get(Windowed, "windowed").count()
        await trio.sleep(2)
        system.unobserve(recorder)

    assert [(record.revision, record.correlation) for record in recorder.of(ta.StateCommitted)] == [(1, None)]
