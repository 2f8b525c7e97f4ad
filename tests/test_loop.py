"""Draining: an actor handles several messages in a row, and other tasks still run. The handler moves virtual time by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors.actors.loop import CLOCK_EVERY
from trioactors.testing import crash, isolated_system, restarted
from trioactors.trace import MessageHandled


class Greedy(ta.Actor[None]):
    """Counts its messages. Each takes *seconds*, and never waits."""

    def __init__(self, handled: list[float], clock: MockClock, seconds: float = 0) -> None:
        self.handled = handled
        self.clock = clock
        self.seconds = seconds

    @ta.handler
    def plain(self) -> None:
        self.clock.jump(self.seconds)
        self.handled.append(trio.current_time())

    @ta.handler
    async def unwaiting(self) -> None:
        self.clock.jump(self.seconds)
        self.handled.append(trio.current_time())

    @ta.handler
    async def again(self) -> None:
        """Keeps its own mailbox full for ever."""
        self.handled.append(trio.current_time())
        await self.again.cast()

    @ta.handler
    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)


async def shares(handled: list[float], handler: Any, messages: int) -> list[int]:
    """How many messages are handled between two turns of another task: up to two rows, since Trio shuffles each round."""
    counts: list[int] = []
    for _ in range(messages):
        handler.cast_nowait()
    while len(handled) < messages:
        before = len(handled)
        await trio.lowlevel.checkpoint()
        counts.append(len(handled) - before)
    return counts


@pytest.mark.parametrize("name", ["plain", "unwaiting"])
async def test_others_run_after_so_many_messages(autojump_clock: MockClock, name: str) -> None:
    handled: list[float] = []

    async with isolated_system(settings=ta.Settings(drain_messages=10)) as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock), name="greedy")

        counts = await shares(handled, getattr(greedy, name), 95)

    assert max(counts) <= 2 * 10
    assert sum(counts) == 95


@pytest.mark.parametrize("name", ["plain", "unwaiting"])
async def test_others_run_after_so_much_time(autojump_clock: MockClock, name: str) -> None:
    handled: list[float] = []

    async with isolated_system(settings=ta.Settings(drain_messages=1_000, drain_seconds=0.005)) as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock, 0.004), name="greedy")

        counts = await shares(handled, getattr(greedy, name), 95)

    assert max(counts) <= 2 * CLOCK_EVERY
    assert sum(counts) == 95


async def test_one_slow_message_is_the_least_that_others_wait_for(autojump_clock: MockClock) -> None:
    handled: list[float] = []

    async with isolated_system() as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock, 1), name="greedy")

        counts = await shares(handled, greedy.plain, 40)

    assert max(counts) <= 2 * CLOCK_EVERY


async def test_quick_messages_are_handled_in_long_rows(autojump_clock: MockClock) -> None:
    handled: list[float] = []

    async with isolated_system() as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock), name="greedy")

        counts = await shares(handled, greedy.plain, 640)

    assert 64 <= max(counts) <= 2 * 64


async def test_an_actor_that_feeds_itself_stops_nobody(autojump_clock: MockClock) -> None:
    handled: list[float] = []

    async with isolated_system() as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock), name="greedy")
        await greedy.again.cast()
        for _ in range(10):
            await trio.lowlevel.checkpoint()

        await ta.stop(greedy)

    assert len(handled) > 0
    assert system.ledger().dead_lettered == 1


async def test_a_stop_that_was_asked_for_ends_a_row(autojump_clock: MockClock) -> None:
    handled: list[float] = []

    async with isolated_system() as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock), name="greedy")
        for _ in range(300):
            greedy.plain.cast_nowait()
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

        await ta.stop(greedy)

    assert 0 < len(handled) < 300
    assert system.ledger().dead_lettered == 300 - len(handled)


async def test_an_idle_actor_is_woken_for_each_message(autojump_clock: MockClock) -> None:
    handled: list[float] = []

    async with isolated_system() as system:
        greedy = await system.start(partial(Greedy, handled, autojump_clock), name="greedy")
        for _ in range(3):
            await trio.sleep(1)
            await greedy.plain()

    assert handled == [1, 2, 3]


class Numbered(ta.Actor[None]):
    def __init__(self, notes: list[int]) -> None:
        self.notes = notes

    @ta.handler
    def note(self) -> None:
        self.notes.append(self.context.incarnation)


async def test_a_crashed_incarnation_handles_nothing_more(system: ta.System) -> None:
    notes: list[int] = []
    numbered = await system.start(partial(Numbered, notes), name="numbered")
    numbered.note.cast_nowait()

    crash(numbered)
    await ta.flush(numbered)

    assert notes == [2]


async def test_a_record_tells_how_long_each_handler_took(system: ta.System, recorder: Any, autojump_clock: MockClock) -> None:
    handled: list[float] = []
    greedy = await system.start(partial(Greedy, handled, autojump_clock, 2), name="greedy")

    await greedy.wait(3)
    await greedy.plain()
    await trio.sleep(1)
    await greedy.unwaiting()

    times = [(record.handler, record.seconds) for record in recorder.of(MessageHandled)]
    assert times == [("wait", 3), ("plain", 2), ("unwaiting", 2)]


async def test_a_record_tells_how_long_a_plain_handler_took_over_a_cast(
    system: ta.System, recorder: Any, autojump_clock: MockClock
) -> None:
    greedy = await system.start(partial(Greedy, [], autojump_clock, 2), name="greedy")
    await trio.sleep(7)

    for _ in range(2):
        greedy.plain.cast_nowait()
    await ta.flush(greedy)

    assert [record.seconds for record in recorder.of(MessageHandled) if record.handler == "plain"] == [2, 2]


async def test_a_handler_that_made_no_actor_fails_the_start(system: ta.System) -> None:
    class Odd(ta.Actor[None]):
        def __new__(cls) -> Any:
            return 5

    with pytest.raises(ta.StartFailed, match="made 5, which is not an actor"):
        await system.start(Odd, name="odd")


async def test_a_crash_in_on_stop_after_a_crash_is_reported_and_changes_nothing(
    system: ta.System, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(ta.Actor[None]):
        @ta.handler
        async def fail(self) -> None:
            raise LookupError("first")

        async def on_stop(self, _reason: ta.Exit) -> None:
            raise ValueError("second")

    clumsy = await system.start(Clumsy, name="clumsy")

    await clumsy.fail.cast()
    await ta.flush(clumsy)

    assert str(ta.info(clumsy).last_exit) == "crash: LookupError"
    assert "in on_stop, after a crash" in caplog.text


async def test_saying_good_bye_after_a_crash_ends_with_the_grace(system: ta.System) -> None:
    class Lingering(ta.Actor[None]):
        @ta.handler
        async def fail(self) -> None:
            raise LookupError

        async def on_stop(self, _reason: ta.Exit) -> None:
            await trio.sleep_forever()

    lingering = await system.start(Lingering, name="lingering", grace=2)

    with pytest.raises(ta.ActorCrashed):
        await lingering.fail()
    told = trio.current_time()
    await restarted(lingering)
    back = trio.current_time()
    await ta.stop(lingering)

    assert (told, back, trio.current_time()) == (0, 2, 4)
