"""The simulation as a workload sees it: the node and its system, clients, random streams and records."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeVar, cast

import attrs
import trio
from trio.testing import MockClock

from trioactors.errors import UnknownName
from trioactors.errors.exits import leaves
from trioactors.system.system import System
from trioactors.testing.disk import Keep
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.given import require_count, require_function
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
from trioactors.testing.simulation.plans import AT_STEP, Faults, Injection, Kind, Plan, Stream, stream
from trioactors.trace.records import ChildFailed, ChildIgnored, ChildStarted, ChildStartFailed, RestartScheduled, TraceRecord

__all__ = ["Simulation", "effect", "sometimes"]

A = TypeVar("A")
R = TypeVar("R")

_present: ContextVar[Simulation] = ContextVar("trioactors_simulation")

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
"""The address in the repr of plain objects, which differs between runs."""


class Simulation:
    """One run: a node, its clients, and the records of what happened.

        async def no_money_is_lost(simulation: Simulation) -> None:
            await simulation.clients(3, client)
            await simulation.settle()
            bank = await simulation.get(Bank, "bank")
            assert await bank.total() == 100

    `simulate` calls such a workload with it.
    """

    def __init__(self, application: Application, seed: int, plan: Plan, faults: Faults) -> None:
        self.seed = seed
        self.plan = plan
        self.history: list[Operation] = []
        """The calls of the clients, in the order in which they finished."""
        self.begun: list[str] = []
        """The ids of the operations that the clients have begun."""
        self.made: list[tuple[Coroutine[Any, Any, object], str]] = []
        """The coroutines that clients have created, and the lines that did."""
        self.turned: list[str] = []
        """The turns that have begun."""
        self.trace: list[tuple[int, TraceRecord]] = []
        """The trace records of the node, each with the number of its life."""
        self.restarters: dict[int, str] = {}
        """The supervisor behind each `RestartScheduled` and `ChildFailed`, by its place in the trace: the records name only the child."""
        self.injected: list[tuple[float, Injection]] = []
        """The faults that have happened, with their times."""
        self.script: dict[int, list[str]] = {}
        """The turns of its random clients as lines of Python, by the number of the client."""
        self.effects: list[str] = []
        """The names that the application passed to `effect`."""
        self.points: Counter[str] = Counter()
        """How often the condition of each `sometimes` point held; 0 if it was passed and never held."""
        self.moments: Counter[str] = Counter()
        """The same for moments inside the library, which its own tests try to reach."""
        self.names = Names(frozenset(names_of(application.tree)), may_come=application.body is not None)
        self.mistake: BaseException | None = None
        """The error that shows that the test is wrong, rather than the application."""
        self._faults = faults
        self._faulty = Faulty(plan.injections, self._happened)
        self._steps = sorted((one for one in plan.injections if one.kind in AT_STEP), key=lambda one: one.at, reverse=True)
        self._since: int | None = None
        self._clients = itertools.count()
        self._ran: list[str] = []
        self._calm = self._settled = False
        self._holds: list[trio.CancelScope] = []
        self._nursery: trio.Nursery | None = None
        self.node = Node(application, seed, self._faulty, self._seen)

    def __repr__(self) -> str:
        """Show the seed and the progress."""
        return f"<simulation {self.seed}: {len(self.history)} operations, {self.node!r}>"

    # --- for workloads ---

    async def system(self) -> System:
        """The system in the current life of the node. Waits until the node is up. A kill ends the system; see `Client.call`."""
        life = await self.node.up()
        assert life.system is not None  # that is what `up` waits for
        return life.system

    async def get(self, kind: type[A], name: str) -> A:
        """The ref of the actor *name* in the current life of the node. Waits until the node is up."""
        return (await self.system()).get(kind, name)

    def random(self, label: str) -> Stream:
        """A random stream for *label*, the same in every run of this seed."""
        return stream(self.seed, label)

    async def clients(self, count: int, client: Callable[[Client], Awaitable[Any]]) -> None:
        """Run *count* clients concurrently and wait for all of them."""
        with kept_as_mistake(self):
            require_count("clients(...)", count, "clients")
            require_function(f"clients({count}, ...)", client, "a Client")
        async with trio.open_nursery() as nursery:
            for number in itertools.islice(self._clients, count):
                if f"{number}" not in self.plan.without:
                    self._ran.append(f"{number}")
                    nursery.start_soon(client, Client(self, number), name=f"client {number}")

    def used_turns(self) -> list[str]:
        """The turns that clients have taken."""
        return list(self.turned)

    def used_clients(self) -> list[str]:
        """The clients that have run, whether they have taken a turn or not."""
        return list(self._ran)

    def sometimes(self, name: str, condition: object = "reached") -> None:
        """Expect *condition* to hold here in at least one run. A report lists the points that never held."""
        self.points[name] += bool(condition)

    async def settle(self, *, restart: bool = True) -> None:
        """End all faults and start the node once more, in the harshest way that *faults* allows. The result must then be correct.

        The node is ended by a power cut that keeps nothing unsynced, if power cuts are allowed; otherwise by a kill, or else in order.
        It is not started again without a lasting store or with *restart* False: then nothing is repaired by a restart, and what hangs
        stays so. Returns when the node has nothing more to do.
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
        """Run the node, the workload and the checks. Raises the first error."""
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
        """Everything that happened, as text; equal runs give equal text."""
        found = [f"{life} {record.time!r} {type(record).__name__} {record.child} {_details(record)}" for life, record in self.trace]
        found += [f"{time!r} {injection}" for time, injection in self.injected]
        for done in self.history:
            outcome = f"{done.told.value} {done.answer!r} {type(done.error).__name__} {done.error}"
            found.append(f"{done.id} {done.what} {done.began!r} {done.ended!r} {outcome}")
        found += self.effects
        found.append(f"{self._faulty!r} {self.node!r} {self.node.disk!r}")
        return [_ADDRESS.sub("", line) for line in found]

    def look(self, schedule: Schedule) -> None:
        """Called between two steps: inject the faults that are planned for this one."""
        if not self._steps or self._calm:
            return
        if self._since is None:
            if not self.node.serves:
                return
            self._since = schedule.steps
        while self._steps and self._steps[-1].at <= schedule.steps - self._since:
            self._inject(self._steps.pop(), schedule)

    def heard(self, error: BaseException, operation: str) -> None:
        """Called with each *error* that a client receives. Raises its parts that are an AssertionError or a mistake of the test."""
        for leaf in leaves(error):
            if isinstance(leaf, AssertionError):
                raise leaf
        for leaf in at_the_call(error):
            if isinstance(leaf, UnknownName):
                self.names.in_vain.setdefault(leaf.name, place_of(leaf))
            elif is_mistake(leaf):
                leaf.add_note(
                    f"simulate: this is a mistake of the test, not a reply: client and turn {operation}, {place_of(leaf)}"
                )
                self.mistake = leaf
                raise leaf

    def _happened(self, injection: Injection) -> None:
        self.injected.append((trio.current_time(), injection))
        self.node.disturb()
        life = self.node.life
        if life is not None and self.node.lasting:
            self.moments[f"{injection.kind.value} while a commit is on its way"] += bool(life.worker.busy)

    def _seen(self, life: int, record: TraceRecord) -> None:
        if isinstance(record, RestartScheduled | ChildFailed) and self.node.life is not None:
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
        """Whether the task belongs to the application. The runtime's own task, which only wakes others, does not."""
        nursery = None if task.name == "alarms" else task.parent_nursery
        while nursery is not None and nursery is not self._nursery:
            if nursery.parent_task is self.node.task:
                return True
            nursery = nursery.parent_task.parent_nursery
        return False


def _details(record: TraceRecord) -> str:
    """The record's own fields, without those that differ between processes."""
    fields = [(field.name, getattr(record, field.name)) for field in attrs.fields(type(record)) if not field.inherited]
    return " ".join(f"{name}={value}" for name, value in fields)


def effect(name: str) -> None:
    """Declare, in the application, an effect on the outside world, such as a mail that is sent. Outside a simulation it does nothing.

    The simulation fails if the same name is declared twice, even by different lives of the node. A dead life has no effects.
    """
    simulation, life = _present.get(None), present_life.get(None)
    if simulation is not None and (life is None or not life.dead):
        simulation.effects.append(name)


def sometimes(name: str, condition: object = "reached") -> None:
    """Like `Simulation.sometimes`, for actors under test, which do not know their simulation. Outside a simulation it does nothing."""
    simulation = _present.get(None)
    if simulation is not None:
        simulation.sometimes(name, condition)


async def _later(seconds: float, do: Callable[[], None], scope: trio.CancelScope) -> None:
    try:
        with scope:
            await trio.sleep(seconds)
    finally:
        do()
