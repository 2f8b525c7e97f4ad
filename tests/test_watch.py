"""Waits for an actor that is gone for good end: watches, and what tests wait for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Counter, Tally
from trioactors.testing import PlannedCrash, crash, isolated_system, kill, restarted, until


@attrs.define
class Plan:
    """What the next starts of a worker do; a worker starts well when nothing is left."""

    starts: list[Exception] = attrs.Factory(list[Exception])
    gate: trio.Event | None = None


class Worker(ta.Actor[Tally]):
    """An actor whose starts can fail, or wait."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    async def on_start(self) -> None:
        if self.plan.gate is not None:
            await self.plan.gate.wait()
        if self.plan.starts:
            raise self.plan.starts.pop(0)

    @ta.handler
    async def hang(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def add(self, by: int) -> None:
        self.state.total += by

    @ta.handler
    def leave(self) -> None:
        self.state.total += 1
        self.context.stop()


def worker(name: str = "worker", *, plan: Plan | None = None, **options: Any) -> ta.ChildSpec:
    return ta.child(partial(Worker, Plan() if plan is None else plan), name=name, **options)


async def nest(system: ta.System, *children: Any, **options: Any) -> ta.SupervisorHandle:
    """Start a supervisor named `inner`."""
    await system.supervisor().start_child(ta.Supervisor(*children, **{"name": "inner", "restart": "temporary", **options}))
    return system.supervisor("inner")


# --- ways to be gone for good: each yields the ref, and the actor goes when the block ends ---


@asynccontextmanager
async def stopped(system: ta.System) -> AsyncIterator[Worker]:
    ref = await system.start(partial(Worker, Plan()), name="worker")
    yield ref
    await ta.stop(ref)


@asynccontextmanager
async def left_in_order(system: ta.System) -> AsyncIterator[Worker]:
    ref = await system.start(partial(Worker, Plan()), name="worker", restart="transient")
    yield ref
    await ref.leave.cast()


@asynccontextmanager
async def crashed_as_temporary(system: ta.System) -> AsyncIterator[Worker]:
    ref = await system.start(partial(Worker, Plan()), name="worker", restart="temporary")
    yield ref
    crash(ref)


@asynccontextmanager
async def terminated(system: ta.System) -> AsyncIterator[Worker]:
    inner = await nest(system, worker())
    yield system.get(Worker, "worker")
    await inner.terminate_child("worker")


@asynccontextmanager
async def deleted(system: ta.System) -> AsyncIterator[Worker]:
    inner = await nest(system, worker())
    yield system.get(Worker, "worker")
    await inner.terminate_child("worker")
    await inner.delete_child("worker")


@asynccontextmanager
async def removed_from_a_dynamic_supervisor(system: ta.System) -> AsyncIterator[Worker]:
    inner = await nest(system, strategy="dynamic")
    yield await inner.start_child(worker())
    await inner.terminate_child("worker")


@asynccontextmanager
async def given_up(system: ta.System) -> AsyncIterator[Worker]:
    await nest(system, worker(), intensity=ta.Intensity(limit=0))
    ref = system.get(Worker, "worker")
    yield ref
    crash(ref)


@asynccontextmanager
async def given_up_because_of_another(system: ta.System) -> AsyncIterator[Worker]:
    await nest(system, worker(), worker("other"), intensity=ta.Intensity(limit=0))
    yield system.get(Worker, "worker")
    crash(system.get(Worker, "other"))


@asynccontextmanager
async def stopped_with_its_supervisor(system: ta.System) -> AsyncIterator[Worker]:
    await nest(system, worker())
    yield system.get(Worker, "worker")
    await system.supervisor().terminate_child("inner")


@asynccontextmanager
async def killed_with_its_supervisor(system: ta.System) -> AsyncIterator[Worker]:
    await nest(system, worker(grace=math.inf), grace=0)
    yield system.get(Worker, "worker")
    await system.supervisor().terminate_child("inner")


@asynccontextmanager
async def restart_failed(system: ta.System) -> AsyncIterator[Worker]:
    plan = Plan()
    ref = await system.start(partial(Worker, plan), name="worker")
    yield ref
    plan.starts.append(LookupError())
    with pytest.raises(ta.StartFailed):
        await ta.restart(ref)


@asynccontextmanager
async def restart_declined(system: ta.System) -> AsyncIterator[Worker]:
    plan = Plan()
    await nest(system, worker(plan=plan))
    ref = system.get(Worker, "worker")
    yield ref
    plan.starts.append(ta.Ignore())
    crash(ref)


@asynccontextmanager
async def start_failed(system: ta.System) -> AsyncIterator[Worker]:
    plan = Plan([LookupError()], trio.Event())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(failing, partial(system.start, partial(Worker, plan), name="worker"))
        yield await system.wait_for(Worker, "worker")
        opened(plan)


@asynccontextmanager
async def start_cancelled(system: ta.System) -> AsyncIterator[Worker]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(system.start, partial(Worker, Plan(gate=trio.Event())), name="worker"))
        yield await system.wait_for(Worker, "worker")
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def never_started(system: ta.System) -> AsyncIterator[Worker]:
    """The one before it does not become ready, so its turn never comes."""
    plan = Plan([LookupError()], trio.Event())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(failing, partial(nest, system, worker("other", plan=plan), worker()))
        yield await system.wait_for(Worker, "worker")
        opened(plan)


@asynccontextmanager
async def waiting_for_a_restart_of_its_group(system: ta.System) -> AsyncIterator[Worker]:
    inner = await nest(
        system, worker("other"), worker(), strategy="rest_for_one", backoff=ta.Backoff(base=60, factor=1, cap=60, jitter=0)
    )
    yield system.get(Worker, "worker")
    crash(system.get(Worker, "other"))
    await wait_all_tasks_blocked()
    await inner.terminate_child("other")


async def failing(start: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(ta.StartFailed):
        await start()


def opened(plan: Plan) -> None:
    assert plan.gate is not None
    plan.gate.set()


Way = Callable[[ta.System], AbstractAsyncContextManager[Worker]]

WAYS: dict[Way, list[str]] = {
    stopped: ["shutdown"],
    left_in_order: ["normal"],
    crashed_as_temporary: ["crash: PlannedCrash"],
    terminated: ["shutdown"],
    deleted: ["shutdown"],
    removed_from_a_dynamic_supervisor: ["shutdown"],
    given_up: ["crash: PlannedCrash"],
    given_up_because_of_another: ["shutdown"],
    stopped_with_its_supervisor: ["shutdown"],
    killed_with_its_supervisor: ["killed"],
    restart_failed: ["shutdown", "crash: LookupError"],
    restart_declined: ["crash: PlannedCrash", "crash: Ignore"],
    start_failed: ["crash: LookupError"],
    start_cancelled: ["killed"],
    never_started: [],
    waiting_for_a_restart_of_its_group: ["shutdown"],
}
"""With the exits that a watch reports."""

ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


async def lived(way: Way, system: ta.System, begin: Callable[[Worker], None]) -> Worker:
    """Let an actor go, after tasks that *begin* starts wait for it."""
    async with way(system) as ref:
        begin(ref)
        await wait_all_tasks_blocked()
    return ref


async def read(ref: object, into: list[str]) -> None:
    async with ta.watch(ref) as exits:
        into += [str(death.reason) async for death in exits]


@ways
async def test_a_watch_that_is_open_over_the_end_reports_it_and_ends(system: ta.System, way: Way) -> None:
    readers: list[list[str]] = [[], [], []]

    def begin(ref: Worker) -> None:
        for into in readers:
            nursery.start_soon(read, ref, into)

    with trio.fail_after(50):
        async with trio.open_nursery() as nursery:
            await lived(way, system, begin)

    assert readers == [WAYS[way]] * 3


@ways
async def test_a_watch_that_is_opened_after_the_end_ends_at_once(system: ta.System, way: Way) -> None:
    ref = await lived(way, system, lambda _: None)
    await wait_all_tasks_blocked()

    with trio.fail_after(0.1):
        async with ta.watch(ref) as exits:
            assert [death async for death in exits] == []
            with pytest.raises(ta.ActorStopped, match="will not be restarted"):
                await exits.next()


@ways
async def test_the_waits_of_tests_end_with_the_actor(system: ta.System, way: Way) -> None:
    async def wait(waiting: Callable[[], Awaitable[None]]) -> None:
        with pytest.raises(ta.ActorStopped, match="will not be restarted"):
            await waiting()

    def begin(ref: Worker) -> None:
        nursery.start_soon(wait, partial(until, ref, lambda state: state.total > 9))
        nursery.start_soon(wait, partial(restarted, ref, after=9))

    with trio.fail_after(50):
        async with trio.open_nursery() as nursery:
            ref = await lived(way, system, begin)
    with trio.fail_after(0.1):
        await wait(partial(until, ref, lambda state: state.total > 9))
        await wait(partial(restarted, ref))


# --- the end of the system ---


async def test_a_watch_ends_with_the_system(autojump_clock: trio.testing.MockClock) -> None:
    seen: list[str] = []

    with trio.fail_after(50):
        async with trio.open_nursery() as nursery, ta.open_system() as system:
            nursery.start_soon(read, await system.start(Counter, name="counter"), seen)
            await wait_all_tasks_blocked()

    assert seen == ["shutdown"]


async def test_a_watch_that_is_opened_after_the_system_was_closed_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter, name="counter")

    with trio.fail_after(0.1):
        async with ta.watch(counter) as exits:
            assert [death async for death in exits] == []
            with pytest.raises(ta.SystemClosed, match="counter: its system is closed"):
                await exits.next()
        with pytest.raises(ta.SystemClosed):
            await until(counter, lambda state: state.total > 9)
        with pytest.raises(ta.SystemClosed):
            await restarted(counter)


async def test_a_wait_for_a_name_ends_with_the_system(autojump_clock: trio.testing.MockClock) -> None:
    async def wait(waiting: Callable[..., Awaitable[object]]) -> None:
        with pytest.raises(ta.SystemClosed, match="no child can take the name 'counter'"):
            await waiting(timeout=math.inf)

    async def leave(begin: Callable[[ta.System], None]) -> ta.System:
        async with ta.open_system() as system:
            begin(system)
            await wait_all_tasks_blocked()
        return system

    def begin(system: ta.System) -> None:
        for _ in range(3):
            nursery.start_soon(wait, partial(system.wait_for, Counter, "counter"))

    with trio.fail_after(0.1):
        async with trio.open_nursery() as nursery:
            system = await leave(begin)
        await wait(partial(system.wait_for, Counter, "counter"))


# --- what a watch is for ---


async def test_a_ref_of_an_actor_that_is_gone_does_not_stand_for_another_with_its_name(system: ta.System) -> None:
    earlier = await system.start(Counter, name="counter")
    await ta.stop(earlier)
    counter = await system.start(Counter, name="counter")

    async with ta.watch(earlier) as of_earlier, ta.watch(counter) as of_counter:
        with pytest.raises(ta.ActorStopped), trio.fail_after(0.1):
            await of_earlier.next()
        with trio.move_on_after(50) as scope:
            await of_counter.next()

    assert scope.cancelled_caught


async def test_a_watch_goes_on_over_restarts(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    seen: list[str] = []

    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, counter, seen)
            await wait_all_tasks_blocked()
            await ta.restart(counter)
            kill(counter)
            await restarted(counter)
            await trio.sleep(50)
            await ta.stop(counter)

    assert seen == ["shutdown", "killed", "shutdown"]


async def test_a_watch_reports_the_exits_after_a_start_by_hand(system: ta.System) -> None:
    inner = await nest(system, worker())
    ref = system.get(Worker, "worker")
    with trio.fail_after(50):
        async with ta.watch(ref) as exits:
            await inner.terminate_child("worker")
            assert [death.incarnation async for death in exits] == [1]

            await inner.restart_child("worker")
            crash(ref)

            assert (await exits.next()).incarnation == 2


async def test_unread_exits_are_read_before_the_end(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    async with ta.watch(counter) as exits:
        await ta.restart(counter)
        await ta.stop(counter)

        with trio.fail_after(0.1):
            assert [death.incarnation async for death in exits] == [1, 2]


async def test_each_exit_goes_to_one_of_the_tasks_that_read_a_watch(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    seen: list[int] = []

    async with ta.watch(counter) as exits:

        async def take() -> None:
            seen.extend([death.incarnation async for death in exits])

        with trio.fail_after(50):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(take)
                await wait_all_tasks_blocked()
                await ta.restart(counter)
                await wait_all_tasks_blocked()
                await ta.stop(counter)

    assert seen == [1, 2]


async def test_a_watch_whose_scope_was_left_says_so(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    async def wait(reading: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(ta.UsageError, match="its scope was left"):
            await reading()

    async def leave(begin: Callable[[ta.Watch], None]) -> ta.Watch:
        async with ta.watch(counter) as exits:
            begin(exits)
            await wait_all_tasks_blocked()
        return exits

    def begin(exits: ta.Watch) -> None:
        nursery.start_soon(wait, exits.next)
        nursery.start_soon(wait, exits.__anext__)

    with trio.fail_after(50):
        async with trio.open_nursery() as nursery:
            exits = await leave(begin)
        await wait(exits.next)


async def test_exits_are_still_read_after_the_scope(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    async with ta.watch(counter) as exits:
        await ta.restart(counter)

    assert (await exits.next()).incarnation == 1


# --- until ---


async def test_until_sees_the_last_state_of_an_actor_that_stopped_in_order(system: ta.System) -> None:
    ref = await system.start(partial(Worker, Plan()), name="worker", restart="transient")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(until, ref, lambda state: state.total == 1)
        await wait_all_tasks_blocked()
        await ref.leave.cast()

    await until(ref, lambda state: state.total == 1)


async def test_until_does_not_see_what_a_crash_left_behind(system: ta.System) -> None:
    ref = await system.start(partial(Worker, Plan()), name="worker", restart="temporary")
    await ref.add(1)
    crash(ref)
    await wait_all_tasks_blocked()

    with pytest.raises(ta.ActorStopped, match=PlannedCrash.__name__):
        await until(ref, lambda state: state.total == 1)


# --- starts and requests ---


async def test_a_request_ends_when_its_supervisor_is_killed_while_it_serves_it(autojump_clock: trio.testing.MockClock) -> None:
    forever = ta.Settings(start_timeout=math.inf)
    async with isolated_system(settings=forever) as system:
        inner = await nest(system, grace=1)

        async def ask() -> None:
            with pytest.raises(ta.ActorStopped, match="exited before it handled this"):
                await inner.start_child(worker(plan=Plan(gate=trio.Event()), grace=math.inf))

        with trio.fail_after(50):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await wait_all_tasks_blocked()
                await system.supervisor().terminate_child("inner")
        assert trio.current_time() == 1
