"""Supervision alone: actors without durable state that crash in all ways, are started and stopped by clients, and have timers.

The checks of every simulation judge the tree (restarts are counted, timers fire in their own incarnation, ledgers balance, every call
finishes once). This module adds: at the end every child that must run does run, and two incarnations never run at the same time.
"""

from __future__ import annotations

import itertools
from functools import partial
from operator import methodcaller

import trio

import trioactors as ta
from trioactors.testing.simulation import Client, Simulation, sometimes

__all__ = ["TREE", "administer"]

PERMANENT = ("a", "b", "c", "d", "e")
FALL_WITH = {"a": "ab", "b": "ab", "c": "cde", "d": "de", "e": "e"}
"""The children that are stopped together, by the strategies of TREE. They stay down if the manual restart of one of them failed."""


class Planned(Exception):
    """The error of a worker."""


class Worker(ta.Actor[None], mailbox=3):
    """Counts, has timers and tasks, and crashes."""

    lives = itertools.count()

    def __init__(self) -> None:
        self.life = next(self.lives)
        self.over = False
        self.busy = False
        self.seen: dict[str, int] = {}

    async def on_start(self) -> None:
        self.context.every(0.7, partial(self.tick, self.life), key="tick")
        await trio.lowlevel.checkpoint()

    async def on_stop(self, reason: ta.Exit) -> None:
        del reason
        self.over = True
        await trio.lowlevel.checkpoint()

    def _alone(self) -> None:
        assert not self.over, "a handler runs after on_stop"
        assert not self.busy, "two handlers run at once"

    @ta.handler
    async def work(self, sender: str, number: int) -> int:
        self._alone()
        self.busy = True
        last = self.seen.get(sender, -1)
        assert number > last, f"{sender} sent {number} after {last}"
        self.seen[sender] = number
        await trio.sleep(0.05 * (number % 3))
        self.busy = False
        return self.life

    @ta.handler
    async def tick(self, life: int) -> None:
        self._alone()
        assert life == self.life, "a timer of another incarnation"
        await trio.lowlevel.checkpoint()

    @ta.handler
    async def fall(self) -> None:
        self._alone()
        await trio.sleep(0.01)
        raise Planned

    @ta.handler
    async def fall_beside(self) -> None:
        """Make a task of the actor fail."""
        self._alone()

        async def beside() -> None:
            await trio.sleep(0.02)
            raise Planned

        self.context.start_soon(beside)
        await trio.lowlevel.checkpoint()

    @ta.handler
    async def leave(self) -> None:
        self._alone()
        await trio.lowlevel.checkpoint()
        raise ta.Shutdown

    @ta.handler(raises=(ta.DeliveryError, ta.UnknownName))
    async def relay(self, path: list[str]) -> int:
        """Call the next worker on the path, which may lead back here: a cycle must be refused."""
        self._alone()
        if not path:
            return self.life
        return await self.context.system.get(Worker, path[0]).relay(path[1:])


def _workers(*names: str) -> tuple[ta.ChildSpec, ...]:
    return tuple(ta.child(Worker, name=name) for name in names)


TREE = ta.Supervisor(
    ta.Supervisor(*_workers("a", "b"), name="all", strategy=ta.Strategy.ONE_FOR_ALL, intensity=ta.Intensity(limit=2, period=2.0)),
    ta.Supervisor(
        *_workers("c", "d", "e"),
        name="rest",
        strategy=ta.Strategy.REST_FOR_ONE,
        backoff=ta.Backoff(base=0.1),
        intensity=ta.Intensity(),
        give_up=ta.GiveUp.CRASH,
    ),
    name="top",
    intensity=ta.Intensity(limit=3, period=5.0),
)


async def administer(simulation: Simulation) -> None:
    """Run three clients that use, crash and administer workers."""
    numbers = itertools.count()
    Worker.lives = itertools.count()  # a run must not depend on earlier ones

    async def client(me: Client) -> None:
        async for turn in me.turns(5):
            name = turn.random.choice(PERMANENT)
            match turn.random.choice(("work", "work", "fall", "fall_beside", "leave", "relay", "start", "restart")):
                case "work":
                    await me.call(Worker, name, methodcaller("work", f"{me.number}", next(numbers)), what=name)
                case "relay":
                    path = turn.random.choices(PERMANENT, k=3)
                    done = await me.call(Worker, name, methodcaller("relay", path))
                    simulation.sometimes("a cycle is refused", isinstance(done.error, ta.CallCycle))
                case "start":
                    await me.use(partial(_visit, f"guest {turn.id}"))
                case "restart":
                    await me.call(Worker, name, ta.restart, what=f"restart {name}")
                case kind:
                    await me.call(Worker, name, methodcaller(kind))

    await simulation.clients(3, client)
    await simulation.settle()
    await trio.sleep(5)  # back-offs are over
    system = await simulation.system()
    failed = {done.what.removeprefix("restart ") for done in simulation.history if isinstance(done.error, ta.StartFailed)}
    down = {name for fell in failed for name in FALL_WITH.get(fell, "")}
    for name in PERMANENT:
        ref = system.get(Worker, name)
        if name in down and ta.info(ref).status is ta.ChildStatus.UNDEFINED:  # as in OTP, it is down until it is restarted by hand
            await ta.restart(ref)
        assert ta.info(ref).status is ta.ChildStatus.RUNNING, name
        await system.get(Worker, name).work("the end", next(numbers))


async def _visit(name: str, system: ta.System) -> None:
    guest = await system.start(Worker, name=name)
    await guest.work("visit", 0)
    if name.endswith(("1", "3")):
        await guest.fall.cast()
        sometimes("a guest falls")
    await ta.stop(guest)
