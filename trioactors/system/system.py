"""A system: one running tree, from `open_system` to the end of its block. How it stands in Trio is told in `root.py`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar, cast

import trio

from trioactors.environment.environment import Environment
from trioactors.errors import CallTimeout, SpecError, UsageError, WrongClass
from trioactors.errors.exits import ExitKind
from trioactors.messaging.ledger import DeadLetter, Ledger
from trioactors.messaging.mailbox import ledger_of
from trioactors.settings import choice, seconds
from trioactors.supervision.handle import SupervisorHandle, start_in, wait_until_running
from trioactors.supervision.registry import Registry
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildKind, Restart, child
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.explain import Explanation, explained
from trioactors.system.portal import Portal
from trioactors.system.root import DYNAMIC, Root
from trioactors.trace.observers import Observer

__all__ = ["System", "SystemView", "current_system", "present_system", "registry_of", "runtime_of"]

A = TypeVar("A")


class SystemView:
    """Looking at a system without touching it: the half of `System` that asks, starts and waits for nothing."""

    def __init__(self, runtime: Runtime, root: Root) -> None:
        self._runtime = runtime
        self._root = root

    def ledger(self) -> Ledger:
        """Where every message went that any mailbox of this system has accepted."""
        mailboxes = [mailbox for found in self._root.registry.children() for mailbox in found.mailboxes()]
        return ledger_of(mailboxes) + self._runtime.accounts.closed

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
        return explained(self._root.registry.find(name), choice(reason, ExitKind, "reason"))


class System(SystemView):
    """One running tree: start, find and administer its children, and look at it."""

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
        supervisor = cast("SupervisorChild", self._root.registry.find(DYNAMIC))
        if (
            supervisor.status is not ChildStatus.RUNNING
        ):  # the tree is started before it, and with the store it falls and comes back
            await wait_until_running(supervisor)
        found = await start_in(supervisor, spec, dynamic=True)
        return cast("A", found.ref)

    def get(self, kind: type[A], name: str) -> A:
        """The ref of the actor *name*, typed; for a resource, its present value. Raises `UnknownName`, `WrongClass`."""
        return cast("A", self._root.registry.find(name).offer(kind))

    async def wait_for(self, kind: type[A], name: str, *, timeout: float | None = None) -> A:
        """Like `get`, but waits until somebody has the name. *timeout* in seconds, by default the call deadline. Raises `CallTimeout`."""
        limit = self._runtime.settings.call_timeout if timeout is None else seconds(timeout, "wait_for: timeout")
        with trio.move_on_after(limit):
            return cast("A", (await self._root.registry.wait_for(name)).offer(kind))
        raise CallTimeout(f"nobody took the name {name!r} within {limit:g} s", begun=False, inherited=False)

    def supervisor(self, name: str | None = None) -> SupervisorHandle:
        """A supervisor, for administration; without a name, the one that `start` uses. Raises `UnknownName`, `WrongClass`."""
        found = self._root.registry.find(DYNAMIC if name is None else name)
        if not isinstance(found, SupervisorChild):
            raise WrongClass(found.name, "a supervisor", repr(found))
        return SupervisorHandle(found)

    def names(self) -> tuple[str, ...]:
        """The names of all children, in the order of registration."""
        return tuple(found.name for found in self._root.registry.children() if not found.name.startswith(INTERNAL))

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
            while self._runtime.deadlines.overdue or self._runtime.activity.busy:
                await trio.lowlevel.checkpoint()
                await self._runtime.activity.idle()
            return
        busy = [repr(found) for found in self._root.registry.children() if found.busy]
        raise CallTimeout(f"still busy after {limit:g} s: {', '.join(busy[:10])}", begun=True, inherited=False)

    async def wait_stopped(self) -> None:
        """Wait until the tree has ended by itself, for a program that is nothing but its tree. The caller sets the deadline."""
        await self._root.over.wait()

    def portal(self) -> Portal:
        """A door for other threads and for synchronous code."""
        return Portal(self._runtime)


present_system: ContextVar[System | None] = ContextVar("trioactors_system", default=None)
"""The system in whose tree the code runs."""


def current_system() -> System:
    """The system in which the running child lives: for functions and resources, which have no `self.context`. Raises `UsageError`."""
    system = present_system.get()
    if system is None:
        raise UsageError("current_system() is for code that runs in a child of a system")
    return system


def runtime_of(system: System) -> Runtime:
    """What is inside a system, for tools that look there."""
    return system._runtime  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this is the door


def registry_of(system: System) -> Registry:
    """The names of a system and their children, for tools that look there."""
    return system._root.registry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this is the door
