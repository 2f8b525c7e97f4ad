"""What a workload sees of a simulation: the node and its system, its clients, chance, and what was recorded."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs
import trio
from trio.testing import MockClock

from trioactors.errors import UnknownName
from trioactors.errors.exits import leaves
from trioactors.system.system import System
from trioactors.testing.disk import Keep
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.given import look_at_count, look_at_function
from trioactors.testing.scheduling import Schedule
from trioactors.testing.simulation.clients import Client, note_sent
from trioactors.testing.simulation.hardware import Faulty
from trioactors.testing.simulation.history import Operation
from trioactors.testing.simulation.mistakes import (
    Names,
    at_the_call,
    is_mistake,
    kept_as_mistake,
    look_at_awaited,
    names_of,
    place_of,
)
from trioactors.testing.simulation.node import Application, Node, NodeLife, come_to_rest, present_life
from trioactors.testing.simulation.plans import AT_STEP, Faults, Injection, Kind, Plan, stream
from trioactors.trace.records import ChildIgnored, ChildStarted, ChildStartFailed, RestartScheduled, TraceRecord

if TYPE_CHECKING:
    import random

__all__ = ["Simulation", "effect", "sometimes"]

A = TypeVar("A")
R = TypeVar("R")

_present: ContextVar[Simulation] = ContextVar("trioactors_simulation")

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
"""What plain objects say of themselves, and no seed repeats."""


class Simulation:
    """One run: a node, its clients, and all that was seen."""

    def __init__(self, application: Application, seed: int, plan: Plan, faults: Faults) -> None:
        self.seed = seed
        self.plan = plan
        self.history: list[Operation] = []
        """What the clients did, in the order in which it ended."""
        self.begun: list[str] = []
        """The ids of the operations that the clients have begun."""
        self.made: list[tuple[Coroutine[Any, Any, object], str]] = []
        """What clients have made to be awaited, and where."""
        self.turned: list[str] = []
        """The turns that have begun."""
        self.trace: list[tuple[int, TraceRecord]] = []
        """What the node's lives reported, each with its number."""
        self.restarters: dict[int, str] = {}
        """Which supervisor decided on a restart, by the record's place in the trace: no record says whose child somebody is."""
        self.injected: list[tuple[float, Injection]] = []
        """The faults that have happened, and when."""
        self.effects: list[str] = []
        """What the application has done to the world outside, by `effect`."""
        self.points: Counter[str] = Counter()
        """How often each `sometimes` point was reached; 0 for one that was passed only."""
        self.moments: Counter[str] = Counter()
        """The same for moments of the library's own, which its labs want to reach."""
        self.names = Names(frozenset(names_of(application.tree)), may_come=application.body is not None)
        self.mistake: BaseException | None = None
        """What says that the test is wrong, and not the application."""
        self._faults = faults
        self._faulty = Faulty(plan.injections, self._happened)
        self._steps = sorted((one for one in plan.injections if one.kind in AT_STEP), key=lambda one: one.at, reverse=True)
        self._since: int | None = None
        self._clients = itertools.count()
        self._calm = self._settled = False
        self._holds: list[trio.CancelScope] = []
        self._nursery: trio.Nursery | None = None
        self.node = Node(application, seed, self._faulty, self._seen)

    def __repr__(self) -> str:
        """Its seed, and how far it is."""
        return f"<simulation {self.seed}: {len(self.history)} operations, {self.node!r}>"

    # --- for workloads ---

    async def system(self) -> System:
        """The system in the node's present life, when it is up. It is gone when the node is killed; see `Client.call`."""
        life = await self.node.up()
        assert life.system is not None  # that is what `up` waits for
        return life.system

    async def get(self, kind: type[A], name: str) -> A:
        """The ref of the actor *name* in the node's present life, when it is up."""
        return (await self.system()).get(kind, name)

    def random(self, label: str) -> random.Random:
        """A stream for *label*, the same in each run of this seed."""
        return stream(self.seed, label)

    async def clients(self, count: int, client: Callable[[Client], Awaitable[Any]]) -> None:
        """Run so many clients at once, and wait for all of them."""
        with kept_as_mistake(self):
            look_at_count("clients(...)", count, "clients there are")
            look_at_function(f"clients({count}, ...)", client, "a Client")
        async with trio.open_nursery() as nursery:
            for number in itertools.islice(self._clients, count):
                if f"{number}" not in self.plan.without:
                    nursery.start_soon(client, Client(self, number), name=f"client {number}")

    def used_turns(self) -> list[str]:
        """The turns that clients have taken."""
        return list(self.turned)

    def used_clients(self) -> list[str]:
        """The clients that have taken one."""
        return list(dict.fromkeys(name.partition(".")[0] for name in self.turned))

    def sometimes(self, name: str, condition: object = "reached") -> None:
        """Here *condition* should hold in some run: a report tells of those that never did."""
        self.points[name] += bool(condition)

    async def settle(self, *, restart: bool = True) -> None:
        """End all faults, and start the node once more in the harshest way that was allowed; then what is there must be sound.

        After a power cut that keeps nothing of what was not synced, if there may be power cuts; else a kill, else in order. Without a
        lasting store it is not started again, nor with *restart* False: then nothing is healed by a restart, and what hangs still hangs.
        Returns when the node has nothing more to do.
        """
        await trio.lowlevel.checkpoint()
        if self._settled:
            return
        self._calm = self._faulty.over = True
        for hold in self._holds:
            hold.cancel(reason="faults are over")
        life = await self.node.up()
        if restart:
            self._settled = True
            life = await self._started_again(life) if self.node.lasting else life
        assert life.system is not None  # that is what `up` waits for
        await come_to_rest(life.system)

    async def _started_again(self, before: NodeLife) -> NodeLife:
        if self._faults.power_cuts or self._faults.kills:
            self.node.kill(Keep.NOTHING if self._faults.power_cuts else None)
        else:
            await self.node.stop()
        return await self.node.up(after=before.number)

    # --- for the simulator ---

    async def run(self, workload: Callable[[Simulation], Awaitable[Any]], checks: Callable[[Simulation], Awaitable[None]]) -> None:
        """Run the node, the workload and the checks. Raises the first thing that is wrong."""
        _present.set(self)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.node.run, name="node")
            await workload(self)
            with kept_as_mistake(self):
                look_at_awaited(self.made)
            await self.settle(restart=not self._calm)
            await checks(self)
            await self.node.switch_off()

    def lines(self) -> list[str]:
        """All that happened, as text that is the same whenever the run is."""
        found = [f"{life} {record.time!r} {type(record).__name__} {record.child} {_details(record)}" for life, record in self.trace]
        found += [f"{time!r} {injection}" for time, injection in self.injected]
        for done in self.history:
            outcome = f"{done.told.value} {done.answer!r} {type(done.error).__name__} {done.error}"
            found.append(f"{done.id} {done.what} {done.began!r} {done.ended!r} {outcome}")
        found += self.effects
        found.append(f"{self._faulty!r} {self.node!r} {self.node.disk!r}")
        return [_ADDRESS.sub("", line) for line in found]

    def look(self, schedule: Schedule) -> None:
        """Between two steps: let happen what is planned for this one."""
        if not self._steps or self._calm:
            return
        if self._since is None:
            if not self.node.serves:
                return
            self._since = schedule.steps
        while self._steps and self._steps[-1].at <= schedule.steps - self._since:
            self._inject(self._steps.pop(), schedule)

    def heard(self, error: BaseException, operation: str) -> None:
        """A client was told *error*. Raises an AssertionError that is in it, and what it tells of the test itself."""
        for leaf in leaves(error):
            if isinstance(leaf, AssertionError):
                raise leaf
        for leaf in at_the_call(error):
            if isinstance(leaf, UnknownName):
                self.names.in_vain.setdefault(leaf.name, place_of(leaf))
            elif is_mistake(leaf):
                leaf.add_note(f"simulate: a mistake of the test, and no answer: client and turn {operation}, {place_of(leaf)}")
                self.mistake = leaf
                raise leaf

    def _happened(self, injection: Injection) -> None:
        self.injected.append((trio.current_time(), injection))
        life = self.node.life
        if life is not None:
            life.disturbed = True
        if life is not None and self.node.lasting:
            self.moments[f"{injection.kind.value} while a commit is on its way"] += bool(life.worker.busy)

    def _seen(self, life: int, record: TraceRecord) -> None:
        if isinstance(record, RestartScheduled) and self.node.life is not None:
            supervisor = self.node.life.supervisor_of(record.child)
            if supervisor is not None:
                self.restarters[len(self.trace)] = supervisor
        self.trace.append((life, record))
        note_sent(record)
        if isinstance(record, ChildStarted | ChildStartFailed | ChildIgnored):
            self.names.started.add(record.child)

    def _inject(self, one: Injection, schedule: Schedule) -> None:
        node = self.node
        match one.kind:
            case Kind.CRASH:
                actors = node.actors()
                if actors:
                    self._happened(one)
                    one.one_of(actors).crash(PlannedCrash("the simulation crashed it"))
            case Kind.KILL | Kind.POWER:
                if node.serves:
                    self._happened(one)
                    node.kill(one.keep if one.kind is Kind.POWER else None, one.seconds)
            case Kind.HOLD:
                release = schedule.hold(lambda tasks: self._of_node(tasks, one))
                if release is not None and self._nursery is not None:
                    self._happened(one)
                    self._holds.append(trio.CancelScope())
                    self._nursery.start_soon(_later, one.seconds, release, self._holds[-1], name="hold")
            case Kind.STALL:
                self._happened(one)
                cast("MockClock", trio.lowlevel.current_clock()).jump(one.seconds)
            case _:
                self._happened(one)
                node.skew += one.seconds

    def _of_node(self, tasks: Any, one: Injection) -> trio.lowlevel.Task | None:
        mine = [task for task in tasks if self._below_node(task)]
        return one.one_of(mine) if mine else None

    def _below_node(self, task: trio.lowlevel.Task) -> bool:
        """Whether it is one of the application's own; the task of the runtime that does nothing but wake others is not."""
        nursery = None if task.name == "alarms" else task.parent_nursery
        while nursery is not None and nursery is not self._nursery:
            if nursery.parent_task is self.node.task:
                return True
            nursery = nursery.parent_task.parent_nursery
        return False


def _details(record: TraceRecord) -> str:
    """Its own fields, without anything that differs from process to process."""
    fields = [(field.name, getattr(record, field.name)) for field in attrs.fields(type(record)) if not field.inherited]
    return " ".join(f"{name}={value}" for name, value in fields)


def effect(name: str) -> None:
    """Say in the application that it does something to the world outside: sends a mail, moves an arm. Outside a simulation it does nothing.

    A name that is given twice fails the simulation, whichever lives of the node gave it; what a dead one does is not done.
    """
    simulation, life = _present.get(None), present_life.get(None)
    if simulation is not None and (life is None or not life.dead):
        simulation.effects.append(name)


def sometimes(name: str, condition: object = "reached") -> None:
    """`Simulation.sometimes`, for actors under test: they do not know the simulation in which they run. Outside of one it does nothing."""
    simulation = _present.get(None)
    if simulation is not None:
        simulation.sometimes(name, condition)


async def _later(seconds: float, do: Callable[[], None], scope: trio.CancelScope) -> None:
    try:
        with scope:
            await trio.sleep(seconds)
    finally:
        do()
