"""Trace records say what happened, as data; observers see everything and decide nothing."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import trio
from attrs.exceptions import FrozenInstanceError
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Tally
from shared.logs import our_records
from trioactors.errors.exits import SHUTDOWN
from trioactors.persistence import store_at
from trioactors.testing import isolated_system, run
from trioactors.testing.stores import Fault, FaultyStore
from trioactors.trace import TraceRecord
from trioactors.trace import records as trace
from trioactors.trace.observers import Observers


class Lasting(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    """Commits its changes."""

    @ta.handler
    def add(self) -> None:
        self.state.total += 1


class Busy(ta.Actor[None]):
    """Does everything that leaves a trace."""

    @ta.handler
    def greet(self) -> str:
        return "hello"

    @ta.handler
    async def relay(self, other: Busy) -> str:
        return await other.greet()

    @ta.handler
    def fail(self) -> None:
        raise OSError

    @ta.handler
    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    def remind(self) -> None:
        self.context.after(1, self.greet)


def record(time: float = 0, child: str = "a") -> TraceRecord:
    return trace.ChildStarted(time=time, child=child, incarnation=1)


# --- observers ---


def test_every_observer_is_told() -> None:
    observers, first, second = Observers(), ta.Recorder(), ta.Recorder()
    observers.attach(first)
    observers.attach(second)

    observers.emit(record())

    assert list(first) == list(second) == [record()]


def test_a_broken_observer_is_dropped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: TraceRecord) -> None:
        raise OSError("blind")

    observers, sound = Observers(), ta.Recorder()
    observers.attach(broken)
    observers.attach(sound)

    observers.emit(record())
    observers.emit(record())

    assert len(sound) == 2
    (told,) = our_records(caplog)
    assert re.fullmatch(r"observer <function .*broken at .*> failed and was dropped", told.getMessage())
    assert observers.listeners == [sound]


def test_a_detached_observer_is_told_nothing_more() -> None:
    observers, recorder = Observers(), ta.Recorder()
    observers.attach(recorder)
    observers.detach(recorder)
    observers.detach(recorder)

    observers.emit(record())

    assert len(recorder) == 0


def test_an_observer_may_leave_while_it_is_told() -> None:
    observers, second = Observers(), ta.Recorder()

    def shy(_: TraceRecord) -> None:
        observers.detach(shy)

    observers.attach(shy)
    observers.attach(second)
    observers.emit(record())

    assert len(second) == 1
    assert "recorder" in repr(observers)


# --- the recorder ---


def test_a_recorder_keeps_the_latest_and_counts_what_it_lost() -> None:
    recorder = ta.Recorder(limit=2)
    for time in range(5):
        recorder(record(time))

    assert [entry.time for entry in recorder] == [3, 4]
    assert recorder.lost == 3
    assert repr(recorder) == "<recorder: 2 records, 3 lost>"


def test_a_recorder_sorts_by_kind() -> None:
    recorder = ta.Recorder()
    gone = trace.ChildExited(time=1, child="a", incarnation=1, reason=SHUTDOWN)
    recorder(record())
    recorder(gone)

    assert recorder.of(trace.ChildExited) == [gone]


def test_a_record_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        record().child = "b"  # type: ignore[misc]


# --- what is told ---


async def everything(system: ta.System, diary: Any) -> None:
    """Cause every kind of record once."""
    busy, other = system.get(Busy, "busy"), system.get(Busy, "other")
    await busy.relay(other)
    await busy.fail.cast()
    await busy.remind()
    await trio.sleep(2)
    await busy.sleep.cast(10)
    with pytest.raises(ta.CallTimeout):
        await busy.greet.within(1)()
    await system.quiesce(timeout=60)
    await busy.sleep.cast(1)
    await busy.greet.cast()
    await ta.stop(busy)
    await diary.crash(system, "loop")
    await system.supervisor().start_child(diary.worker("hopeless"))
    await diary.crash(system, *["hopeless"] * 4)
    lasting = await system.start(Lasting, name="lasting")
    await lasting.add()
    with pytest.raises(ta.StoreFull):
        await lasting.add()


def store() -> FaultyStore:
    return FaultyStore(store_at("memory:"), Fault(at=2, before=ta.StoreFull("no room")))


def tree(diary: Any) -> ta.Supervisor:
    looping = ta.Supervisor(
        diary.worker("loop", plan=["ok", "error", "error"]), name="below", intensity=ta.Intensity(2), restart="temporary"
    )
    return ta.Supervisor(
        ta.child(Busy, name="busy"), ta.child(Busy, name="other"), diary.worker("shy", plan=["ignore"]), looping, name="top"
    )


async def test_there_is_a_record_for_everything(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()

    async with ta.open_system(store(), tree(diary), observers=[recorder]) as system:
        await everything(system, diary)

    kinds = {kind for name in trace.__all__ if isinstance(kind := getattr(trace, name), type) and issubclass(kind, TraceRecord)}
    # in virtual time nothing holds the loop (test_loop_lag.py); what cannot be cancelled is in test_execution_timeout.py
    elsewhere = {TraceRecord, trace.MessageRecord, trace.LoopHeld, trace.HandlerOverran}
    elsewhere |= {trace.Drained, trace.StopForced}  # test_draining.py, test_whole_stop.py
    elsewhere |= {trace.AlertRaised, trace.AlertCleared}  # test_alerts.py
    assert {type(entry) for entry in recorder} == kinds - elsewhere


async def test_records_come_in_the_order_of_what_happened(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()

    async with ta.open_system(store(), tree(diary), observers=[recorder]) as system:
        await everything(system, diary)

    times = [entry.time for entry in recorder]
    assert times == sorted(times)


async def test_a_life_is_told_from_start_to_end(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        system.observe(recorder)
        await diary.crash(system, "a")
        system.unobserve(recorder)

    told = [(type(entry).__name__, getattr(entry, "incarnation", None)) for entry in recorder if entry.child == "a"]
    assert told == [("ChildExited", 1), ("RestartScheduled", None), ("ChildStarted", 2)]


async def test_a_message_is_told_with_its_sender(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()
    async with isolated_system(tree(diary)) as system:
        system.observe(recorder)
        await system.get(Busy, "busy").relay(system.get(Busy, "other"))
        system.unobserve(recorder)

    told = [(entry.child, entry.handler, entry.sender) for entry in recorder.of(trace.MessageAccepted)]
    assert told == [("busy", "relay", None), ("other", "greet", "busy")]


async def test_no_record_carries_the_arguments_of_a_message(autojump_clock: MockClock) -> None:
    class Safe(ta.Actor[None]):
        @ta.handler(secret=("pin",))
        def unlock(self, pin: str) -> None: ...

    recorder = ta.Recorder()
    async with isolated_system(ta.Supervisor(ta.child(Safe, name="safe"), name="top")) as system:
        system.observe(recorder)
        await system.get(Safe, "safe").unlock("4711")
        system.unobserve(recorder)

    assert "4711" not in repr(list(recorder))


# --- free to fail, free to be absent ---


async def test_a_system_goes_on_when_its_observer_breaks(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: TraceRecord) -> None:
        raise OSError

    async with ta.open_system(ta.Supervisor(diary.worker("a"), name="top"), observers=[broken]) as system:
        assert await diary.get(system, "a").incarnation() == 1

    assert sum("failed and was dropped" in entry.getMessage() for entry in our_records(caplog)) == 1


def replayed(diary_type: Any, observers: list[Any]) -> tuple[Any, ...]:
    """A scenario with many tasks under one schedule; everything that a program can observe of it."""
    diary = diary_type()

    async def main() -> tuple[Any, ...]:
        async with ta.open_system(store(), tree(diary), observers=observers) as system:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(system.get(Busy, "other").greet.cast)
            await everything(system, diary)
            rows = system.supervisor("top").which_children()
            return (
                rows,
                system.ledger(),
                system.names(),
                [letter.message for letter in system.dead_letters()],
                trio.current_time(),
            )

    return (run(main, seed=11), list(diary))


def test_detaching_all_observers_changes_no_result(diary: Any) -> None:
    recorder = ta.Recorder()

    watched = replayed(type(diary), [recorder, partial(print, end="")])
    unwatched = replayed(type(diary), [])

    assert len(recorder) > 20
    assert watched == unwatched
