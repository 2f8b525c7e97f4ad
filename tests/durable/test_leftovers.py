"""What a durable actor leaves behind when it is gone: its account, its tasks, its `on_stop`; and the reprs of its parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Keeper
from trioactors.actors.deferred import Answered
from trioactors.actors.ref import child_of
from trioactors.testing import HeldWorker, crash, isolated_system, restarted, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore

FULL = ta.StoreFull("no room")


async def test_the_account_of_an_actor_that_was_forgotten_is_closed_by_its_last_commit(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("a", keeper.write.within(60), "a")
    await ta.stop(keeper)
    assert "keeper" not in system.names()
    assert system.ledger().in_progress == 1
    assert system.ledger().balanced

    disk.release()

    assert (system.ledger().in_progress, system.ledger().handled) == (0, 1)
    other: Any = await system.start(Keeper, name="other")
    await other.write("b")
    await ta.stop(other)
    assert system.ledger().handled == 2


async def test_a_task_that_outlives_the_incarnation_which_began_it_sends_at_once(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    moment = trio.Event()

    async def elsewhere() -> None:
        await moment.wait()
        await ear.hear.cast("at once")

    async with trio.open_nursery() as nursery:
        await keeper.do(lambda _: nursery.start_soon(elsewhere))
        disk.hold()
        await callers.now("a", keeper.write, "a")
        crash(keeper)
        await wait_all_tasks_blocked()
        moment.set()

    assert await ear.all() == ["at once"]
    disk.release()
    await restarted(keeper, after=1)


async def test_a_commit_that_fails_during_the_good_bye_of_a_crashed_life_does_not_touch_what_it_sees(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    class Slow(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)
            if line == "crash":
                raise LookupError

        def on_load(self) -> None:
            loaded.append(list(self.state.lines))

        async def on_stop(self, _reason: ta.Exit) -> None:
            await trio.sleep(1)
            seen.append(list(self.state.lines))

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    loaded: list[list[str]] = []
    seen: list[list[str]] = []
    slow: Any = await system.start(Slow, name="slow")
    await slow.write("a")
    fail(FULL)
    disk.hold()
    await callers.now("b", slow.write, "b")
    await callers.now("crash", slow.write, "crash")
    disk.release()
    await trio.sleep(2)

    assert callers.news() == {"b": ta.StoreFull, "crash": ta.ActorCrashed}
    assert seen == [["a", "b", "crash"]]
    assert loaded == [["a"]]
    assert await slow.read() == ["a"]


async def test_a_store_that_breaks_during_that_good_bye_lets_it_be_said(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    class Slow(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)
            if line == "crash":
                raise LookupError

        async def on_stop(self, _reason: ta.Exit) -> None:
            await trio.sleep(1)
            said.append("good bye")

    said: list[str] = []
    slow: Any = await system.start(Slow, name="slow")
    fail(ta.StorePoisoned("x"))
    disk.hold()
    await callers.now("a", slow.write, "a")
    await callers.now("crash", slow.write, "crash")
    disk.release()
    await restarted(slow, after=1)

    assert callers.news() == {"a": ta.StorePoisoned, "crash": ta.ActorCrashed}
    assert said == ["good bye"]


async def test_an_interrupt_inside_the_store_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    """A store that runs in place, in the main thread, can be interrupted in the middle of a call."""

    class Clerk(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def write(clerk: Any) -> None:
        with pytest.raises(ta.StoreError):
            await clerk.write("a")

    async def interrupted(nursery: trio.Nursery) -> None:
        store = FaultyStore(MemoryStore(), Fault(at=1, wait=interrupt))
        async with isolated_system(store=store, environment=virtual_environment()) as system:
            nursery.start_soon(write, await system.start(Clerk, name="clerk"))
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        with pytest.raises(KeyboardInterrupt):
            await interrupted(nursery)


async def test_savers_and_bells_say_how_far_they_are(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    saver: Any = child_of(keeper).saver
    assert repr(saver) == "<OutputGate of keeper, revision 0, idle>"
    assert repr(saver.parking) == "<parking: 0 waiting>"
    disk.hold()
    await callers.now("write", keeper.write, "a")
    assert repr(saver) == "<OutputGate of keeper, revision 0, busy>"
    await callers.now("stop", ta.stop, keeper)
    assert repr(saver.parking) == "<parking: 1 waiting>"


async def test_a_window_holds_nothing(system: ta.System, keeper: Any) -> None:
    class Diarist(ta.Actor[Book], persist=ta.Within(1.0)):
        pass

    given: list[object] = []
    call = SimpleNamespace(pending=True)
    saver: Any = child_of(await system.start(Diarist, name="diarist")).saver
    assert saver.holding is False

    saver.hold(Answered(call, saver.incarnation, given.append, lambda: None))  # type: ignore[arg-type]

    assert given == [call]


async def test_an_actor_that_takes_the_name_of_one_that_is_gone_starts_from_its_last_commit(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("a", keeper.write.within(60), "a")
    await callers.now("b", keeper.write.within(60), "b")
    await ta.stop(keeper)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(system.start, Keeper, name="keeper"))
        await wait_all_tasks_blocked()
        disk.release()

    assert await system.get(Keeper, "keeper").read() == ["a", "b"]
    assert callers.news() == {"a": 1, "b": 2}
