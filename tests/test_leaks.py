"""A planted leak of each kind fails the teardown and is named; anything else does not."""

from __future__ import annotations

import threading  # noqa: TID251 - a thread is one of the things that leak
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors.persistence import store_at
from trioactors.system.system import runtime_of
from trioactors.testing import Leak, SlowWorker, ThreadGuard, isolated_system, virtual_environment
from trioactors.testing.stores import FaultyStore


class Idle(ta.Actor[None]):
    def __init__(self) -> None:
        self.tokens: list[Any] = []
        self.keeps = False

    @ta.handler
    def later(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.tokens.append(token)
        return token.pending

    @ta.handler
    def keep_until_the_end(self) -> None:
        self.keeps = True

    async def on_stop(self, reason: ta.Exit) -> None:
        del reason
        while self.keeps and self.tokens:
            self.tokens.pop().reply("closing")

    @ta.handler
    def settle(self) -> None:
        self.tokens.pop().reply("now")

    @ta.handler
    def remind(self) -> None:
        self.context.after(100, self.settle)


@asynccontextmanager
async def leaking() -> AsyncGenerator[ta.System, None]:
    """A system whose teardown must fail."""
    async with isolated_system() as system:
        yield system


async def leak_of(plant: Callable[[ta.System], Awaitable[None]]) -> str:
    """The message of the teardown after *plant*."""
    with pytest.raises(Leak) as caught:
        async with leaking() as system:
            await plant(system)
    return str(caught.value)


async def test_work_that_was_begun_and_never_ended_is_told(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        runtime_of(system).activity.busy += 1
        await trio.lowlevel.checkpoint()

    assert "1 activities were begun and not ended" in await leak_of(plant)


async def test_a_task_that_still_runs_is_named(autojump_clock: MockClock) -> None:
    over = trio.Event()

    async def stray() -> None:
        await over.wait()

    async def plant(_: ta.System) -> None:
        trio.lowlevel.spawn_system_task(stray, name="stray")

    assert "task: stray still runs" in await leak_of(plant)
    over.set()


async def test_a_thread_that_still_runs_is_named(autojump_clock: MockClock) -> None:
    over = threading.Lock()
    over.acquire()
    thread = threading.Thread(target=over.acquire, name="stray", daemon=True)

    async def plant(_: ta.System) -> None:
        thread.start()

    try:
        assert "thread: stray still runs" in await leak_of(plant)
    finally:
        over.release()
        thread.join()


async def test_a_worker_thread_that_is_still_busy_is_named(autojump_clock: MockClock) -> None:
    begun, over = trio.Event(), threading.Lock()
    token = trio.lowlevel.current_trio_token()
    over.acquire()

    def block() -> None:
        token.run_sync_soon(begun.set)
        over.acquire()

    async def plant(_: ta.System) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def abandon() -> None:
                    await trio.to_thread.run_sync(block, abandon_on_cancel=True)

                nursery.start_soon(abandon)
                await begun.wait()
                scope.cancel()

    try:
        assert "thread: " in await leak_of(plant)
    finally:
        over.release()


async def test_a_worker_thread_that_was_idle_before_is_named_too(autojump_clock: MockClock) -> None:
    await trio.to_thread.run_sync(int)

    await test_a_worker_thread_that_is_still_busy_is_named(autojump_clock)


async def test_a_watch_that_is_still_open_is_named(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        await stack.enter_async_context(ta.watch(await system.start(Idle, name="idle")))

    async with AsyncExitStack() as stack:
        assert "watch: idle is still watched" in await leak_of(plant)


async def test_a_timer_that_still_waits_is_named(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        runtime_of(system).deadlines.at(100, lambda: None)

    assert "timer: Alarm(due=100, pending=True) is still pending" in await leak_of(plant)


async def test_a_reply_that_is_still_owed_is_named(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        idle = await system.start(Idle, name="idle")
        nursery.start_soon(wait, idle)
        await trio.testing.wait_all_tasks_blocked()

    async def wait(idle: Idle) -> None:
        with pytest.raises(ta.ActorStopped):
            await idle.later()

    async with trio.open_nursery() as nursery:
        assert "reply: idle still owes the deferred reply to 'later'" in await leak_of(plant)


async def test_a_ledger_that_does_not_balance_is_named(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        await system.start(Idle, name="idle")
        lasting(system, "idle").mailbox.accepted += 1

    assert "ledger: idle: Ledger(accepted=1" in await leak_of(plant)


async def test_all_leaks_are_named_at_once(autojump_clock: MockClock) -> None:
    async def plant(system: ta.System) -> None:
        idle = await system.start(Idle, name="idle")
        lasting(system, "idle").mailbox.accepted += 1
        runtime_of(system).deadlines.at(100, lambda: None)
        await stack.enter_async_context(ta.watch(idle))

    async with AsyncExitStack() as stack:
        told = await leak_of(plant)

    assert all(kind in told for kind in ("watch: ", "timer: ", "ledger: "))


async def test_a_failure_of_the_test_is_not_hidden_by_its_leaks(autojump_clock: MockClock) -> None:
    async def fail(system: ta.System) -> None:
        runtime_of(system).deadlines.at(100, lambda: None)
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        async with isolated_system() as system:
            await fail(system)


# --- what is no leak ---


async def test_a_clean_test_passes(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        idle = await system.start(Idle)
        await ta.flush(idle)


async def test_what_dies_with_its_actor_is_no_leak(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        idle = await system.start(Idle)
        await idle.remind()
        await idle.settle.cast()


async def test_a_reply_that_was_given_is_no_leak(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async with isolated_system() as system:
        idle = await system.start(Idle)
        nursery.start_soon(idle.later)
        await trio.testing.wait_all_tasks_blocked()
        await idle.settle()


async def watcher() -> None:
    async with ta.watch(await ta.current_system().wait_for(Idle, "idle")) as exits:
        await exits.next()


async def poller() -> None:
    await (await ta.current_system().wait_for(Idle, "idle")).later()


async def both() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watcher)
        nursery.start_soon(poller)


class Caller(ta.Actor[None]):
    """Watches, and waits for a reply, in a task of its own."""

    async def on_start(self) -> None:
        self.context.start_soon(both)


@pytest.mark.parametrize("work", [watcher, poller, both, Caller])
@pytest.mark.parametrize("first", [True, False])
async def test_what_waits_in_a_child_ends_with_the_tree_and_is_no_leak(
    autojump_clock: MockClock, work: Any, *, first: bool
) -> None:
    children = [ta.child(Idle, name="idle"), ta.child(work, name="work")]

    async with isolated_system(ta.Supervisor(*(children if first else reversed(children)), name="t")):
        await trio.testing.wait_all_tasks_blocked()


async def test_a_reply_that_is_given_while_the_tree_stops_is_no_leak(autojump_clock: MockClock) -> None:
    async def wait(idle: Idle) -> None:
        answers.append(await idle.later())

    answers: list[str] = []
    async with trio.open_nursery() as nursery, isolated_system() as system:
        idle = await system.start(Idle, name="idle")
        await idle.keep_until_the_end()
        nursery.start_soon(wait, idle)
        await trio.testing.wait_all_tasks_blocked()

    assert answers == ["closing"]


async def test_a_reply_whose_caller_has_left_is_no_leak(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        idle = await system.start(Idle, name="idle")
        with trio.move_on_after(1):
            await idle.later()


async def test_a_task_of_the_tests_own_nursery_is_no_leak(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async with isolated_system():
        nursery.start_soon(trio.sleep, 1)


async def test_an_idle_worker_thread_is_no_leak(autojump_clock: MockClock) -> None:
    async with isolated_system():
        await trio.to_thread.run_sync(int)


async def test_a_slow_store_that_is_left_behind_while_it_closes_is_no_leak(autojump_clock: MockClock) -> None:
    slow = SlowWorker(0.0)
    store = FaultyStore(store_at("memory:"), blocking=True)

    async with isolated_system(store=store, environment=virtual_environment(worker=slow), settings=ta.Settings(grace=1.0)):
        slow.seconds = 3.0

    assert trio.current_time() == 1.0


async def test_what_was_there_before_is_no_leak(autojump_clock: MockClock) -> None:
    over = trio.Event()

    async def earlier() -> None:
        await over.wait()

    trio.lowlevel.spawn_system_task(earlier)
    async with isolated_system():
        pass
    over.set()


async def test_the_guard_tells_whether_it_holds_the_clock(autojump_clock: MockClock) -> None:
    assert repr(ThreadGuard(autojump_clock)) == "<thread guard: clock free>"
