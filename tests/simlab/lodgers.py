"""Supervision of all kinds of children: they exit, crash, fail to start, decline to start, hang, and are declared in every way.

`judging` checks the trace. This module checks that at the end every child that must run does run, and that one that is gone for good does
not.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from operator import methodcaller
from typing import Any
from weakref import WeakKeyDictionary

import trio

import trioactors as ta
from trioactors.system.system import runtime_of
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.simulation import Client, Simulation, sometimes

__all__ = ["TREE", "Fallen", "lodge"]


class Fallen(Exception):
    """The error of a lodger."""


class Lodger(ta.Actor[None], mailbox=3):
    """An actor whose starts sometimes fail and whose stops hang."""

    def __init__(self, failing: float = 0.0) -> None:
        self.failing = failing
        self.left = False

    async def on_start(self) -> None:
        chance = runtime_of(self.context.system).environment.random(f"{self.context.name} {self.context.incarnation}").random()
        if self.context.incarnation > 1 and chance < self.failing:
            if chance < self.failing / 4:
                sometimes("a restart is refused")
                raise ta.Ignore
            if chance < self.failing / 2:
                await trio.sleep(25)  # longer than its start may take
            raise PlannedCrash("it does not start")
        if chance > 0.9:
            await trio.sleep(0.2)
        else:
            await trio.lowlevel.checkpoint()

    async def on_stop(self, reason: ta.Exit) -> None:
        self.left = True
        if reason.kind is ta.ExitKind.SHUTDOWN and reason.detail == "slowly":
            await trio.sleep(3)
        await trio.lowlevel.checkpoint()

    @ta.handler
    async def stay(self) -> int:
        assert not self.left, "a handler runs after on_stop"
        await trio.sleep(0.02)
        return self.context.incarnation

    @ta.handler
    async def fall(self) -> None:
        await trio.lowlevel.checkpoint()
        raise Fallen(f"{self.context.name} {self.context.incarnation}")

    @ta.handler
    async def leave(self, detail: str = "") -> None:
        await trio.lowlevel.checkpoint()
        raise ta.Shutdown(detail)

    @ta.handler
    async def hang(self) -> None:
        await trio.sleep(60)


_tries: WeakKeyDictionary[trio.lowlevel.Task, Counter[str]] = WeakKeyDictionary()
"""The number of instances of each, by run."""


class Nimble(ta.Actor[None]):
    """An actor without `on_start`, so that it may be restarted in place; its constructor sometimes fails."""

    def __init__(self, name: str) -> None:
        run = trio.lowlevel.current_root_task()
        assert run is not None  # called within a simulation
        tries = _tries.setdefault(run, Counter())
        tries[name] += 1
        if tries[name] % 3 == 0:
            sometimes("an actor cannot be made")
            raise PlannedCrash("it cannot be made")

    @ta.handler
    def stay(self) -> int:
        return self.context.incarnation

    @ta.handler
    def fall(self) -> None:
        raise Fallen(f"{self.context.name} {self.context.incarnation}")

    @ta.handler
    def leave(self, detail: str = "") -> None:
        raise ta.Shutdown(detail)

    @ta.handler
    async def hang(self) -> None:
        await trio.sleep(60)


async def _beat() -> None:
    """A function among the actors, which returns after a while."""
    await trio.sleep(7)


def _lodger(name: str, *, failing: float = 0.0, **options: Any) -> ta.ChildSpec:
    return ta.child(partial(Lodger, failing), name=name, start_timeout=20.0, **options)


def _nimble(name: str, **options: Any) -> ta.ChildSpec:
    return ta.child(partial(Nimble, name), name=name, **options)


TREE = ta.Supervisor(
    ta.Supervisor(
        _lodger("ada", failing=0.2),
        _lodger("ben", restart="transient", grace=0.5),
        _lodger("cleo", restart="temporary"),
        ta.child(_beat, name="beat"),
        _nimble("jo"),
        name="waiting",
        backoff=ta.Backoff(base=0.5, cap=3.0),
        intensity=ta.Intensity(limit=4, period=8.0),
    ),
    ta.Supervisor(
        _lodger("dan", restart="transient", significant=True),
        _lodger("eve", restart="transient", significant=True, grace=ta.BRUTAL_KILL),
        name="pair",
        auto_shutdown="all_significant",
    ),
    ta.Supervisor(
        _lodger("fay"),
        _lodger("gus", restart="transient", significant=True),
        name="host",
        auto_shutdown="any_significant",
        strategy=ta.Strategy.ONE_FOR_ALL,
    ),
    ta.Supervisor(
        _lodger("hal", failing=0.2),
        _nimble("kim"),
        _nimble("lou", restart="transient"),
        name="at once",
        intensity=ta.Intensity(limit=3, period=3.0),
    ),
    ta.Supervisor(_lodger("ivy"), name="brittle", intensity=ta.Intensity(limit=0), give_up="crash"),
    ta.Supervisor(name="inn", strategy=ta.Strategy.DYNAMIC, intensity=ta.Intensity(limit=5, period=5.0)),
    name="house",
    intensity=ta.Intensity(limit=20, period=5.0),
)
DECLARED = ("ada", "ben", "cleo", "dan", "eve", "fay", "gus", "hal", "ivy")
NIMBLE = ("jo", "kim", "lou")
PERMANENT = ("ada", "fay", "hal", "ivy", "jo", "kim")
ROOMS = ("waiting", "pair", "host", "at once", "brittle")
KINDS = ("stay", "stay", "fall", "fall", "fall", "leave", "slowly", "hang", "kill", "guest", "guest", "restart", "close")


async def lodge(simulation: Simulation) -> None:
    """Run three clients."""

    async def client(me: Client) -> None:
        async for turn in me.turns(6):
            name, kind = turn.random.choice((*DECLARED, *NIMBLE, *NIMBLE)), turn.random.choice(KINDS)
            known: type[Any] = Nimble if name in NIMBLE else Lodger
            match kind:
                case "slowly":
                    await me.call(known, name, methodcaller("leave", "slowly"), what=f"leave {name}")
                case "hang":
                    await me.call(known, name, _impatiently, what=f"hang {name}")
                case "kill":
                    await me.call(known, name, ta.stop, what=f"stop {name}")
                case "close":
                    await me.use(partial(_close, turn.random.choice(ROOMS)), what="close")
                case "guest":
                    rule = turn.random.choice(("permanent", "transient", "temporary"))
                    await me.use(partial(_visit, f"guest {turn.id}", rule, turn.random.choice(("stay", "fall", "leave"))))
                case "restart":
                    await me.call(known, name, ta.restart, what=f"restart {name}")
                case _:
                    await me.call(known, name, methodcaller(kind), what=f"{kind} {name}")

    await simulation.clients(3, client)
    await simulation.settle()
    await trio.sleep(90)  # back-offs and hanging starts are over
    await _look(simulation)


async def _close(name: str, system: ta.System) -> None:
    """Terminate a supervisor for a while."""
    house = system.supervisor("house")
    await house.terminate_child(name)
    await trio.sleep(0.1)
    with suppress(ta.ChildRunning):  # another client has restarted it
        started = await house.restart_child(name)
        assert started, name


async def _impatiently(lodger: Lodger | Nimble) -> None:
    """Call, and give up before the reply can come."""
    with trio.move_on_after(0.3):
        await lodger.hang()
    await trio.lowlevel.checkpoint()


async def _visit(name: str, rule: str, what: str, system: ta.System) -> None:
    inn = system.supervisor("inn")
    await inn.start_child(ta.child(Lodger, name=name, restart=rule))
    guest = system.get(Lodger, name)
    try:
        await getattr(guest, what)()
    except (ta.ActorCrashed, ta.ActorStopped):
        sometimes("a guest is gone")
    if rule == "permanent":
        await guest.stay()
    await inn.terminate_child(name)
    assert name not in system.names(), f"{name} is gone, but its name is known"


async def _look(simulation: Simulation) -> None:
    """Permanent children run, unless the start was declined, a client stopped it, or its supervisor could not be restarted."""
    system = await simulation.system()
    excused = {done.what.partition(" ")[2] for done in simulation.history if done.what.startswith(("stop", "restart"))}
    if any(done.what == "close" and not done.ok for done in simulation.history):
        return
    for name in (name for name in PERMANENT if name not in excused):
        ref: Any = system.get(Nimble if name in NIMBLE else Lodger, name)
        info = ta.info(ref)
        ignored = info.last_exit is not None and isinstance(info.last_exit.error, ta.Ignore)
        assert ignored or info.status is ta.ChildStatus.RUNNING, f"{name} is {info.status.value} at the end ({info.last_exit})"
        if not ignored:
            incarnation = await ref.stay()
            assert incarnation == info.incarnation, name
