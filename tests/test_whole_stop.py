"""The stop of a whole system has one deadline. When it passes, everything that still runs is cancelled at once."""

from __future__ import annotations

import logging
import math
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting, top
from trioactors.testing import isolated_system
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore

INTERNAL = {":dynamic": "shutdown", ":store": "shutdown", ":root": "shutdown"}


class Stuck(ta.Actor[None]):
    """Handles one message for ever."""

    @ta.handler
    async def work(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def note(self) -> None: ...


def group(name: str, count: int = 4) -> ta.Supervisor:
    return ta.Supervisor(*(ta.child(Stuck, name=f"{name}{i}") for i in range(count)), name=name)


async def test_twelve_stuck_children_stop_within_one_deadline(autojump_clock: MockClock) -> None:
    async with isolated_system(top(*map(group, "abc"))) as system:
        for name in [name for name in system.names() if len(name) == 2]:
            system.get(Stuck, name).work.cast_nowait()
        await system.get(Stuck, "a0").note.cast()
        began = trio.current_time()

    assert trio.current_time() - began == 20
    assert system.ledger().crashed == 12
    assert system.ledger().dead_lettered == 1


async def test_children_whose_turn_did_not_come_are_cancelled_too_and_not_restarted(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()
    tree = top(diary.worker("a"), group("b", 1), ta.child(Stuck, name="c", grace=math.inf))
    async with isolated_system(tree, settings=ta.Settings(stop_timeout=3), observers=[recorder]) as system:
        system.get(Stuck, "c").work.cast_nowait()

    exits = {record.child: str(record.reason) for record in recorder.of(ta.ChildExited)}
    assert exits == {"a": "killed", "b0": "killed", "c": "killed", "b": "shutdown", "top": "shutdown", **INTERNAL}
    assert not recorder.of(ta.RestartScheduled)
    [forced] = recorder.of(ta.StopForced)
    assert forced.running == ("a", "b0", "c")
    assert "3 s" in forced.reason
    assert trio.current_time() == 3


async def test_a_forced_stop_is_logged_with_the_names_that_it_cancels(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with isolated_system(top(ta.child(Stuck, name="slow", grace=100)), settings=ta.Settings(stop_timeout=1)) as system:
        system.get(Stuck, "slow").work.cast_nowait()

    [said] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert said.getMessage() == "the stop is forced: the stop took longer than stop_timeout (1 s). Cancelled: slow"


async def test_what_a_forced_stop_drops_is_counted_and_listed(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(group("a", 1)), settings=ta.Settings(stop_timeout=1), observers=[recorder]) as system:
        ref = system.get(Stuck, "a0")
        ref.work.cast_nowait()
        ref.note.cast_nowait()
        ref.note.cast_nowait()

    ledger = system.ledger()
    assert (ledger.accepted, ledger.crashed, ledger.dead_lettered, ledger.waiting) == (3, 1, 2, 0)
    assert [letter.target for letter in system.dead_letters()] == ["a0", "a0"]
    assert len(recorder.of(ta.MessageDeadLettered)) == 2


async def test_a_stop_timeout_of_zero_cancels_at_once(autojump_clock: MockClock) -> None:
    async with isolated_system(top(group("a")), settings=ta.Settings(stop_timeout=0)) as system:
        for i in range(4):
            system.get(Stuck, f"a{i}").work.cast_nowait()

    assert trio.current_time() == 0


async def test_without_a_stop_timeout_the_graces_decide(autojump_clock: MockClock) -> None:
    async with isolated_system(top(group("a", 9)), settings=ta.Settings(stop_timeout=math.inf)) as system:
        for i in range(9):
            system.get(Stuck, f"a{i}").work.cast_nowait()

    assert trio.current_time() == 45


async def test_a_stop_that_is_quick_enough_is_not_forced(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(group("a")), observers=[recorder]):
        pass

    assert not recorder.of(ta.StopForced)


async def test_a_start_that_goes_on_while_the_stop_is_forced_is_abandoned(autojump_clock: MockClock) -> None:
    class SlowStart(ta.Actor[None]):
        async def on_start(self) -> None:
            if self.context.incarnation > 1:
                await trio.sleep_forever()

        @ta.handler
        def fail(self) -> None:
            raise OSError

    tree = ta.Supervisor(ta.child(SlowStart, name="slow"), top(ta.child(SlowStart, name="b", grace=50)), name="above")
    async with isolated_system(tree, settings=ta.Settings(stop_timeout=2)) as system:
        system.get(SlowStart, "b").fail.cast_nowait()
        await trio.sleep(1)

    assert trio.current_time() == 3


@asynccontextmanager
async def slow_to_leave() -> Any:
    try:
        yield 1
    finally:
        await trio.sleep(100)  # noqa: ASYNC102 - it is to be cancelled


async def test_a_resource_is_cut_as_well(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(ta.resource(slow_to_leave), grace=90)), settings=ta.Settings(stop_timeout=7)):
        pass

    assert trio.current_time() == 7


# --- durable actors ---


@define
class Tally:
    total: int = 0


class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    async def stick(self) -> None:
        await trio.sleep_forever()


class Behind(Counter, persist=ta.Within(60.0)):
    async def on_stop(self, _reason: ta.Exit) -> None:
        self.state.total += 1_000
        await trio.sleep_forever()


async def total(kind: type[Counter], url: str, name: str = "counter") -> int:
    async with isolated_system(top(ta.child(kind, name=name)), store=url, settings=ta.Settings(stop_timeout=1)) as system:
        return await system.get(kind, name).add(0)


async def test_a_forced_stop_loses_no_acknowledged_state(autojump_clock: MockClock, tmp_path: Any) -> None:
    url = f"file:///{tmp_path}/state"
    tree = top(ta.child(Counter, name="counter"), ta.child(Stuck, name="stuck", grace=100))
    async with isolated_system(tree, store=url, settings=ta.Settings(stop_timeout=1)) as system:
        acknowledged = [await system.get(Counter, "counter").add() for _ in range(5)]
        system.get(Counter, "counter").stick.cast_nowait()
        system.get(Stuck, "stuck").work.cast_nowait()

    assert acknowledged == [1, 2, 3, 4, 5]
    assert await total(Counter, url) == 5


@pytest.mark.parametrize("first", [True, False], ids=["whose turn came", "whose turn did not come"])
async def test_a_forced_stop_commits_the_window_of_an_actor_between_two_messages(
    autojump_clock: MockClock, tmp_path: Any, *, first: bool
) -> None:
    url = f"file:///{tmp_path}/state"
    children = [ta.child(Behind, name="counter", grace=100), ta.child(Stuck, name="stuck", grace=100)]
    tree = top(*(reversed(children) if first else children))
    async with isolated_system(tree, store=url, settings=ta.Settings(stop_timeout=1)) as system:
        for _ in range(5):
            await system.get(Behind, "counter").add()
        system.get(Stuck, "stuck").work.cast_nowait()

    assert await total(Behind, url) == 5


async def test_a_stuck_on_stop_of_a_write_behind_actor_loses_nothing(autojump_clock: MockClock, tmp_path: Any) -> None:
    url = f"file:///{tmp_path}/state"
    async with isolated_system(top(ta.child(Behind, name="counter")), store=url) as system:
        await system.get(Behind, "counter").add(7)

    assert trio.current_time() == 5  # the grace of the actor
    assert await total(Behind, url) == 7


async def test_the_graces_and_the_order_stay_as_they_are(autojump_clock: MockClock, diary: Any) -> None:
    slow = partial(trio.sleep, 3)

    class Slow(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            await slow()
            diary.append(f"{self.context.name} at {trio.current_time():g}")

    async with isolated_system(top(*(ta.child(Slow, name=name) for name in "abc"))) as system:
        assert lasting(system, "a").grace == 5

    assert diary == ["c at 3", "b at 6", "a at 9"]


# --- a tree that ends by itself ---


class StuckStart(ta.Actor[None]):
    """Fails to start once all others are at work."""

    async def on_start(self) -> None:
        for name in [name for name in self.context.system.names() if len(name) == 2]:
            self.context.system.get(Stuck, name).work.cast_nowait()
        await trio.sleep(1)
        raise OSError


async def at_work(system: ta.System) -> None:
    for name in [name for name in system.names() if len(name) == 2]:
        system.get(Stuck, name).work.cast_nowait()
    await trio.sleep(1)


async def run_at_work(tree: ta.Supervisor, url: str | None) -> None:
    async with isolated_system(tree, store=url) as system:
        await at_work(system)
        await system.wait_stopped()


async def fails_at(seconds: float) -> None:
    await trio.sleep(seconds)
    raise OSError


async def fails_once(times: list[float]) -> None:
    """Fail after as many seconds as *times* says first; run on without an entry."""
    await trio.sleep(times.pop() if times else math.inf)
    raise OSError


@pytest.mark.parametrize("url", [None, "memory:"])
async def test_a_top_that_gives_up_stops_within_the_deadline(autojump_clock: MockClock, url: str | None) -> None:
    tree = top(*map(group, "abc"), ta.child(partial(fails_at, 2.0), name="bad"), intensity=ta.Intensity(limit=0))
    with pytest.raises(ta.SupervisorGaveUp):
        await run_at_work(tree, url)

    assert trio.current_time() == 22


async def test_a_top_that_shuts_down_stops_within_the_deadline_also_if_its_block_ends_meanwhile(autojump_clock: MockClock) -> None:
    end = ta.child(partial(trio.sleep, 2.0), name="end", restart="transient", significant=True)
    tree = top(*map(group, "abc"), end, auto_shutdown="any_significant")
    async with isolated_system(tree) as system:
        await at_work(system)
        await trio.sleep(10)

    assert trio.current_time() == 22


@pytest.mark.parametrize("deep", [False, True])
async def test_a_start_that_fails_stops_what_was_started_within_the_deadline(autojump_clock: MockClock, *, deep: bool) -> None:
    tree = top(*map(group, "abc"), ta.child(StuckStart, name="bad"))
    with pytest.raises(ta.StartFailed):
        async with isolated_system(ta.Supervisor(tree, name="above") if deep else tree):
            pass

    assert trio.current_time() == 21


async def test_a_supervisor_below_the_top_that_gives_up_does_not_begin_the_deadline(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    below = ta.Supervisor(
        *map(group, "abc"),
        ta.child(partial(fails_at, 2.0), name="bad"),
        name="below",
        intensity=ta.Intensity(limit=0),
        restart="transient",
    )
    async with isolated_system(top(below), observers=[recorder]) as system:
        await at_work(system)
        await trio.sleep(70)

    assert recorder.of(ta.GaveUp)
    assert not recorder.of(ta.StopForced)


@pytest.mark.parametrize("give_up", ["crash", "shutdown"])
async def test_a_top_that_comes_back_is_not_forced(autojump_clock: MockClock, give_up: str) -> None:
    """One that crashes as it gives up is restarted as long as there is a store; any other if the store fails while it stops."""
    recorder, store = ta.Recorder(), FaultyStore(MemoryStore())
    bad = ta.child(partial(fails_once, [2.0]), name="bad", restart="permanent")
    tree = top(ta.child(Counter, name="counter"), group("a", 1), bad, intensity=ta.Intensity(limit=0), give_up=give_up)
    async with isolated_system(tree, store=store, observers=[recorder], settings=ta.Settings(stop_timeout=8)) as system:
        await at_work(system)
        await trio.sleep(2)
        if give_up == "shutdown":
            store.plan(Fault(at=1, before=ta.StorePoisoned("the sync failed")))
            with pytest.raises(ta.TrioactorsError):
                await system.get(Counter, "counter").add()
        await trio.sleep(60)
        assert await system.get(Counter, "counter").add() == 1

    assert recorder.of(ta.GaveUp)
    assert not recorder.of(ta.StopForced)
