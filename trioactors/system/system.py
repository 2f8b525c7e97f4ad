"""A system: one running tree, from `open_system` to the end of its block. How it stands in Trio is told in `root.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import trio

from trioactors.actors.child import ActorCell
from trioactors.actors.ref import is_actor
from trioactors.environment.environment import Environment
from trioactors.errors import CallTimeout, SpecError, UsageError, WrongClass
from trioactors.errors.exits import ExitKind
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.mailbox import ledger_of
from trioactors.settings import choice, seconds
from trioactors.supervision.child import Cell, current_life
from trioactors.supervision.functions import ResourceCell
from trioactors.supervision.handle import SupervisorHandle, coming_up, start_in
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildKind, Restart, child, target_of
from trioactors.supervision.tree import SupervisorCell
from trioactors.system.explain import Explanation, explained
from trioactors.system.portal import Portal
from trioactors.system.root import DYNAMIC, Root

if TYPE_CHECKING:
    from trioactors.messaging.ledger import DeadLetter
    from trioactors.trace.observers import Observer

__all__ = ["System", "SystemView", "current_system", "runtime_of"]

A = TypeVar("A")


class SystemView:
    """Looking at a system without touching it: the half of `System` that asks, starts and waits for nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def ledger(self) -> Ledger:
        """Where every message went that any mailbox of this system has accepted."""
        cells = self._runtime.registry.cells()
        return ledger_of([cell.mailbox for cell in cells if isinstance(cell, ActorCell)]) + self._runtime.accounts.closed

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, oldest first; the last `Settings.dead_letters` of them."""
        return tuple(self._runtime.accounts.dead_letters)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of every trace record from now on."""
        self._runtime.observers.attach(observer)

    def unobserve(self, observer: Observer) -> None:
        """Tell it nothing more."""
        self._runtime.observers.detach(observer)

    def explain(self, name: str, *, reason: ExitKind | str = ExitKind.CRASH) -> Explanation:
        """What would stop and start, in which order, if the child *name* ended for *reason* now.

        The rules that decide are the supervisor's own; nothing is touched. Raises `UnknownName`, `SpecError`.
        """
        return explained(self._runtime.registry.find(name), choice(reason, ExitKind, "reason"))


class System(SystemView):
    """One running tree: start, find and administer its children, and look at it."""

    def __init__(self, runtime: Runtime, root: Root) -> None:
        super().__init__(runtime)
        self._root = root

    def __repr__(self) -> str:
        """How many children it has, and whether it is open."""
        return f"<system: {self._root!r}, {len(self.names())} children>"

    # --- children ---

    async def start(
        self,
        make: Callable[[], A],
        *,
        name: str | None = None,
        restart: Restart | str | None = None,
        grace: float | None = None,
        start_timeout: float | None = None,
    ) -> A:
        """Start an actor and return its ref, once the actor is ready.

        *make* is its class, `Store[int]`, or a `partial` of either. The options are those of `child`. Raises `NameTaken`, `StartFailed`
        (with the cause), `SpecError`, `SystemClosed`.
        """
        spec = child(make, name=name, restart=restart, grace=grace, start_timeout=start_timeout)
        if spec.kind is not ChildKind.ACTOR:
            raise SpecError(f"start() is for actors; for {make!r} use system.supervisor().start_child(ta.child(...))")
        self._runtime.check_open(self)
        supervisor = cast("SupervisorCell", self._runtime.registry.find(DYNAMIC))
        if (
            supervisor.status is not ChildStatus.RUNNING
        ):  # the tree is started before it, and with the store it falls and comes back
            await coming_up(supervisor)
        cell = await start_in(supervisor, spec, dynamic=True)
        return cast("A", cast("ActorCell", cell).ref)

    def get(self, kind: type[A], name: str) -> A:
        """The ref of the actor *name*, typed; for a resource, its present value. Raises `UnknownName`, `WrongClass`."""
        return self._typed(kind, self._runtime.registry.find(name))

    async def wait_for(self, kind: type[A], name: str, *, timeout: float | None = None) -> A:
        """Like `get`, but waits until somebody has the name. *timeout* in seconds, by default the call deadline. Raises `CallTimeout`."""
        limit = self._runtime.settings.call_timeout if timeout is None else seconds(timeout, "wait_for: timeout")
        with trio.move_on_after(limit):
            return self._typed(kind, await self._runtime.registry.wait_for(name))
        raise CallTimeout(f"nobody took the name {name!r} within {limit:g} s", begun=False, inherited=False)

    def _typed(self, kind: type[A], cell: Cell) -> A:
        wanted = target_of(kind)
        if isinstance(cell, ActorCell):
            if not is_actor(cell, wanted):
                raise WrongClass(cell.name, kind.__name__, cell.plan.name)
            return cast("A", cell.ref)
        if isinstance(cell, ResourceCell) and isinstance(wanted, type) and isinstance(cell.value, wanted):
            return cast("A", cell.value)
        raise WrongClass(cell.name, kind.__name__, repr(cell))

    def supervisor(self, name: str | None = None) -> SupervisorHandle:
        """A supervisor, for administration; without a name, the one that `start` uses. Raises `UnknownName`, `WrongClass`."""
        cell = self._runtime.registry.find(DYNAMIC if name is None else name)
        if not isinstance(cell, SupervisorCell):
            raise WrongClass(cell.name, "a supervisor", repr(cell))
        return SupervisorHandle(cell)

    def names(self) -> tuple[str, ...]:
        """The names of all children, in the order of registration."""
        return tuple(cell.name for cell in self._runtime.registry.cells() if not cell.name.startswith(INTERNAL))

    @property
    def environment(self) -> Environment:
        """Its clocks, random streams and ids. An application that asks here for the time of day, and for chance, can be simulated."""
        return self._runtime.environment

    # --- looking at it ---

    async def quiesce(self, *, timeout: float | None = None) -> None:
        """Return when no message waits, no handler runs and no timer is due.

        *timeout* in seconds, by default the call deadline. Raises `CallTimeout`, which names who is busy.
        """
        limit = self._runtime.settings.call_timeout if timeout is None else seconds(timeout, "quiesce: timeout")
        with trio.move_on_after(limit):
            await self._runtime.activity.idle()
            while self._runtime.alarms.overdue or self._runtime.activity.busy:
                await trio.lowlevel.checkpoint()
                await self._runtime.activity.idle()
            return
        actors = (cell for cell in self._runtime.registry.cells() if isinstance(cell, ActorCell))
        busy = [repr(cell) for cell in actors if cell.mailbox.active or (cell.saver is not None and cell.saver.busy)]
        raise CallTimeout(f"still busy after {limit:g} s: {', '.join(busy[:10])}", begun=True, inherited=False)

    async def wait_stopped(self) -> None:
        """Wait until the tree has ended by itself, for a program that is nothing but its tree. The caller sets the deadline."""
        await self._root.over.wait()

    def portal(self) -> Portal:
        """A door for other threads and for synchronous code."""
        return Portal(self._runtime)


def current_system() -> System:
    """The system in which the running child lives: for functions and resources, which have no `self.context`. Raises `UsageError`."""
    life = current_life.get()
    system = None if life is None else life.cell.runtime.system
    if system is None:
        raise UsageError("current_system() is for code that runs in a child of a system")
    return system


def runtime_of(system: System) -> Runtime:
    """What is inside a system, for tools that look there."""
    return system._runtime  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this is the door
