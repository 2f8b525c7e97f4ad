"""What is done again and again. A round makes some 250 calls and crashes at least one in fifty of them.

A round leaves behind nothing that waits, but what becomes due: the clock is moved after it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from soak.actors import Clerk, Declined, Hasty, Ledger, Picky, Windowed
from soak.clocks import StillClock
from trioactors.environment.workers import ThreadWorker
from trioactors.persistence import Limits, store_at

PERIOD = 10.0
"""Seconds from one round to the next: whatever a round has set is due by then, and its crashes count no more."""

SETTINGS = ta.Settings(
    call_timeout=5.0,
    dead_letters=10,
    crash_logs_period=PERIOD - 1,
    crashes_kept=100,
    intensity=ta.Intensity(limit=1_000, period=PERIOD - 1),
)
"""What is kept up to a bound has a small one, which is reached while a scenario warms up."""
LIMITS = Limits(slack_bytes=64 * 1024)


@attrs.define
class Stage:
    """Where rounds are done: a system, and the clock."""

    system: ta.System
    clock: StillClock
    elsewhere: ta.Ledger = attrs.field(factory=ta.Ledger)
    """The accounts of other systems that a round has opened."""
    beside: int = 0
    """Crashes that were no message's."""

    @property
    def crashes(self) -> int:
        """How many actors have crashed so far."""
        return self.ledger.crashed + self.beside

    @property
    def ledger(self) -> ta.Ledger:
        """All that was done so far."""
        return self.system.ledger() + self.elsewhere

    async def pass_time(self, seconds: float) -> None:
        """Move the clock on, and let happen what is due by then."""
        self.clock.move(seconds)
        await wait_all_tasks_blocked()
        await self.system.quiesce()


Round = Callable[[Stage], Awaitable[None]]


@attrs.frozen
class Scenario:
    """One round, and the system it is done in."""

    name: str
    round: Round
    children: tuple[ta.ChildSpec, ...] = ()
    store: str | None = None
    """The URL of the store, in a `{folder}`."""

    @asynccontextmanager
    async def stage(self, clock: StillClock) -> AsyncGenerator[Stage, None]:
        """Open the system."""
        tree = ta.Supervisor(*self.children, name="soak", strategy=ta.Strategy.ONE_FOR_ONE)
        world = ta.Environment(worker=ThreadWorker)
        with tempfile.TemporaryDirectory(prefix="soak-") as folder, _logged():
            store = None if self.store is None else store_at(self.store.format(folder=folder), limits=LIMITS)
            async with ta.open_system(store, tree, settings=SETTINGS, environment=world) as system:
                try:
                    yield Stage(system, clock)
                finally:
                    clock.let_go()


class _Nowhere(logging.Handler):
    """Writes a report out in full, for nobody."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


class _logged:  # noqa: N801 - used as a function
    """Reports go nowhere in this block."""

    def __enter__(self) -> None:
        log = logging.getLogger("trioactors")
        self._handler, self._propagate = _Nowhere(), log.propagate
        log.addHandler(self._handler)
        log.propagate = False

    def __exit__(self, *_: object) -> None:
        log = logging.getLogger("trioactors")
        log.removeHandler(self._handler)
        log.propagate = self._propagate


async def expect(error: type[Exception], call: Callable[[], Awaitable[Any]]) -> None:
    """It raises that."""
    try:
        await call()
    except error:
        return
    raise AssertionError(f"{call!r} did not raise {error.__name__}")


async def at_once(times: int, work: Callable[[], Awaitable[Any]]) -> None:
    """So many at the same time."""
    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(work)


async def often(times: int, work: Callable[[], Awaitable[Any]]) -> None:
    """One after another."""
    for _ in range(times):
        await work()


# --- plain actors ---


async def calls(stage: Stage) -> None:
    """Calls, casts, answers that are errors, callers that leave, calls that are too late."""
    clerk = stage.system.get(Clerk, "clerk")
    await at_once(20, partial(often, 7, clerk.add))
    for _ in range(60):
        clerk.add.cast_nowait()
    await often(20, clerk.add.cast)
    await ta.flush(clerk)
    await often(10, partial(expect, Declined, clerk.decline))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(expect, ta.CallTimeout, clerk.hang.within(1))
        await wait_all_tasks_blocked()
        nursery.start_soon(expect, ta.CallTimeout, clerk.add.within(1))
        await wait_all_tasks_blocked()
        stage.clock.move(1)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(clerk.hang)
            await wait_all_tasks_blocked()
            scope.cancel()
    await stage.pass_time(2)
    await often(6, partial(expect, ta.ActorCrashed, clerk.fail))


async def replies(stage: Stage) -> None:
    """Replies that are given later, lost, or die with their actor."""
    clerk = stage.system.get(Clerk, "clerk")
    for _ in range(6):
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(clerk.later)
            await wait_all_tasks_blocked()
            await clerk.answer()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(expect, ta.NoReply, clerk.later)
            await wait_all_tasks_blocked()
            await clerk.lose()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(expect, ta.ActorCrashed, clerk.later)
            await wait_all_tasks_blocked()
            await expect(ta.ActorCrashed, clerk.fail)


async def timers(stage: Stage) -> None:
    """Timers of all kinds, set, replaced, taken back, due, and dead with their actor."""
    clerk = stage.system.get(Clerk, "clerk")
    for _ in range(5):
        await clerk.set_timers(10)
        for _ in range(4):
            await stage.pass_time(0.5)
        await clerk.stop_timers(10)
        await clerk.set_timers(10)
        await often(2, partial(expect, ta.ActorCrashed, clerk.fail))


async def tasks(stage: Stage) -> None:
    """Child tasks of an actor, done and undone."""
    clerk = stage.system.get(Clerk, "clerk")
    for _ in range(5):
        async with ta.watch(clerk) as deaths:
            await clerk.do_beside(20)
            await wait_all_tasks_blocked()
            await clerk.fail_beside()
            await deaths.next()
        stage.beside += 1
        await stage.system.quiesce()


async def children(stage: Stage) -> None:
    """Children that come and go, watched, crashed, restarted and stopped."""
    rooms = stage.system.supervisor("rooms")
    for number in range(8):
        clerk = await stage.system.start(Clerk, name=f"room-{number}")
        other = await stage.system.start(Clerk, restart=ta.Restart.TEMPORARY)
        async with ta.watch(clerk) as deaths:
            await often(20, clerk.add)
            await expect(ta.ActorCrashed, clerk.fail)
            await deaths.next()
            await ta.restart(clerk)
            await deaths.next()
        await rooms.start_child(ta.child(partial(_function, stage.system), name="function"))
        await wait_all_tasks_blocked()
        await rooms.start_child(ta.child(Clerk, name="member"))
        await rooms.terminate_child("member")
        clerk.hang.cast_nowait()
        clerk.add.cast_nowait()
        await expect(ta.ActorCrashed, other.fail)
        await ta.stop(other)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ta.stop, clerk)
            await wait_all_tasks_blocked()
            stage.clock.move(2)
        await expect(ta.ActorStopped, clerk.add)


async def _function(system: ta.System) -> None:
    await system.get(Clerk, "clerk").add()


async def mailboxes(stage: Stage) -> None:
    """Mailboxes that are full, in each way of being full."""
    for kind, name in ((Picky, "picky"), (Hasty, "hasty")):
        actor = stage.system.get(kind, name)
        for _ in range(5):
            actor.hang.cast_nowait()
            await wait_all_tasks_blocked()
            for _ in range(30):
                await _squeeze(actor)
            await stage.pass_time(2)
            await often(10, actor.add)
            await expect(ta.ActorCrashed, actor.fail)
    clerk = stage.system.get(Clerk, "clerk")
    clerk.hang.cast_nowait()
    await wait_all_tasks_blocked()  # it is begun, and out of the mailbox
    for _ in range(SETTINGS.mailbox):
        clerk.add.cast_nowait()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(clerk.add.cast)
            nursery.start_soon(expect, ta.CallTimeout, clerk.add.within(1))
        await wait_all_tasks_blocked()
        stage.clock.move(1)
        await wait_all_tasks_blocked()
        await stage.pass_time(2)
    await often(20, partial(expect, ta.ActorCrashed, clerk.fail))


async def _squeeze(actor: Clerk) -> None:
    try:
        await actor.add.cast()
    except ta.MailboxFull:
        return


async def systems(stage: Stage) -> None:
    """Systems that are opened and left."""
    for _ in range(3):
        world = ta.Environment(worker=ThreadWorker)
        tree = ta.Supervisor(ta.child(Ledger, name="ledger"), name="inner")
        async with ta.open_system("memory:", tree, settings=SETTINGS, environment=world) as system:
            await at_once(10, system.get(Ledger, "ledger").add)
            clerk = await system.start(Clerk)
            await clerk.set_timers(3)
            await often(20, clerk.add)
            await expect(ta.ActorCrashed, clerk.fail)
        stage.elsewhere += system.ledger()


# --- durable ones ---


async def durable(stage: Stage, *, kind: type[Ledger] = Ledger) -> None:
    """Commits, held casts, timers and replies, crashes, and durable actors that come, go, and are forgotten."""
    first, second = stage.system.get(kind, "first"), stage.system.get(kind, "second")
    for ledger in (first, second):
        await at_once(50, ledger.add)
        await at_once(10, partial(ledger.tell, "second"))
        await often(5, partial(expect, Declined, ledger.decline))
        await often(5, ledger.look)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.later)
            await wait_all_tasks_blocked()
            await ledger.look()
            await stage.pass_time(0.5)
        for _ in range(3):
            await expect(ta.ActorCrashed, ledger.fail)
    guest = await stage.system.start(kind, name="guest")
    await at_once(10, guest.add)
    await ta.stop(guest)
    guest = await stage.system.start(kind, name="guest")
    await expect(ta.ActorCrashed, guest.fail)
    await ta.forget(guest)


def _durable(name: str, store: str, kind: type[Ledger] = Ledger) -> Scenario:
    members = tuple(ta.child(kind, name=member) for member in ("first", "second"))
    return Scenario(name, partial(durable, kind=kind), members, store)


CLERK = ta.child(Clerk, name="clerk")
ROOMS: Any = ta.Supervisor(name="rooms", strategy=ta.Strategy.DYNAMIC)

SCENARIOS = (
    Scenario("calls", calls, (CLERK,)),
    Scenario("replies", replies, (CLERK,)),
    Scenario("timers", timers, (CLERK,)),
    Scenario("tasks", tasks, (CLERK,)),
    Scenario("children", children, (CLERK, ROOMS)),
    Scenario("mailboxes", mailboxes, (CLERK, ta.child(Picky, name="picky"), ta.child(Hasty, name="hasty"))),
    Scenario("systems", systems),
    _durable("durable-memory", "memory:"),
    _durable("durable-file", "file:///{folder}/soak"),
    _durable("durable-sqlite", "sqlite:///{folder}/soak.db"),
    _durable("windowed-sqlite", "sqlite:///{folder}/soak.db", Windowed),
)
