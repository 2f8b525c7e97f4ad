"""`System`: one running tree, from `open_system` to the end of its block. Its tasks are described in `root.py`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar, cast, overload

import trio

from trioactors.environment.environment import Environment
from trioactors.environment.forks import LeftBehind, in_forked_children
from trioactors.errors import CallTimeout, SpecError, UsageError, WrongClass
from trioactors.errors.exits import ExitKind, ExitKindWord
from trioactors.errors.lists import listed
from trioactors.messaging.ledger import DeadLetter, Ledger
from trioactors.messaging.mailbox import ledger_of
from trioactors.settings import choice, seconds
from trioactors.supervision.choices import ChildKind, Restart, RestartWord
from trioactors.supervision.handle import SupervisorHandle, start_in, wait_until_running
from trioactors.supervision.registry import Registry
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildSpec, checked_name, child
from trioactors.supervision.startable import ActorLike, NotStartable, PlainFunction
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.explain import Explanation, explained
from trioactors.system.portal import Portal
from trioactors.system.root import DYNAMIC, Root
from trioactors.trace.observers import Observer

__all__ = ["System", "SystemView", "current_system", "present_system", "registry_of", "runtime_of"]

A = TypeVar("A")

Started = TypeVar("Started", bound=ActorLike)


class SystemView:
    """The methods of `System` that only look: they start, change and wait for nothing."""

    def __init__(self, runtime: Runtime, root: Root) -> None:
        self._runtime = runtime
        self._root = root
        in_forked_children(self, SystemView._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """Called in a forked process: every method uses one of these."""
        left = LeftBehind("this system")
        vars(self).update(_runtime=left, _root=left)

    def ledger(self) -> Ledger:
        """Count what became of all messages that the mailboxes of this system have accepted."""
        mailboxes = [mailbox for found in self._root.registry.children() for mailbox in found.mailboxes()]
        return ledger_of(mailboxes) + self._runtime.accounts.closed

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The last `Settings.dead_letters` messages that could not be delivered, oldest first."""
        return tuple(self._runtime.accounts.dead_letters)

    def observe(self, observer: Observer) -> None:
        """Call *observer* with every trace record from now on.

            recorder = ta.Recorder()
            system.observe(recorder)
            ...
            print(recorder.of(ta.ChildExited))

        An observer that raises is detached and logged.
        """
        if not callable(observer):
            raise SpecError(f"observe() takes a function of a trace record, not {observer!r:.80}")
        self._runtime.observers.attach(observer)

    def unobserve(self, observer: Observer) -> None:
        """Detach *observer*. Without effect if it is not attached."""
        self._runtime.observers.detach(observer)

    def explain(self, name: str, *, reason: ExitKind | ExitKindWord = ExitKind.CRASH) -> Explanation:
        """Say what would stop and start, and in which order, if the child *name* exited for *reason* now.

            print(system.explain("ledger"))

            if ledger exited now (crash):
              ledger stops (crash)
              gateway stops (shutdown)
              ledger starts
              gateway starts
              shop has then used 1 of 3 restarts

        The decisions are the supervisor's own, made on a model: nothing in the system changes. Raises `UnknownName`, and `SpecError` for
        an unknown *reason*.
        """
        return explained(self._root.registry.find(name), choice(reason, ExitKind, "reason"))


class System(SystemView):
    """A running system, as opened by `open_system`: start and find children, administer supervisors, look inside.

        async with ta.open_system("sqlite:///shop.db", tree) as system:
            counter = await system.start(Counter, name="counter")
            ledger = system.get(Ledger, "ledger")
            print(system.names())

    It is closed when the block is left; after that, its methods and refs raise `SystemClosed`. In a forked process, they raise
    `UsageError`.
    """

    def __repr__(self) -> str:
        """The status of the tree, and the number of children."""
        if self._runtime.forked:
            return f"<{self._root!r}>"
        return f"<system: {self._root!r}, {len(self.names())} children>"

    # --- children ---

    @overload
    def start(  # type: ignore[overload-overlap]  # a class is no plain function
        self,
        make: PlainFunction,
        *,
        name: str | None = None,
        restart: Restart | RestartWord | None = None,
        grace: float | None = None,
        start_timeout: float | None = None,
        drain: bool | float | None = None,
    ) -> NotStartable: ...
    @overload
    async def start(
        self,
        make: Callable[[], Started] | partial[Started],
        *,
        name: str | None = None,
        restart: Restart | RestartWord | None = None,
        grace: float | None = None,
        start_timeout: float | None = None,
        drain: bool | float | None = None,
    ) -> Started: ...
    async def start(  # pyright: ignore[reportInconsistentOverload] - a plain function is refused, not awaited
        self,
        make: Any,
        *,
        name: str | None = None,
        restart: Restart | RestartWord | None = None,
        grace: float | None = None,
        start_timeout: float | None = None,
        drain: bool | float | None = None,
    ) -> Any:
        """Start an actor, wait until it is ready, and return its ref.

            counter = await system.start(Counter, name="counter")
            limiter = await system.start(partial(Limiter, limit=3))
            await counter.add(by=2)

        *make* is its class, a generic class with its arguments (`Cache[int]`), or a `partial` of either. The options are those of `child`.
        For other kinds of children see `supervisor`. Raises `NameTaken`, `StartFailed` (with the cause), `SpecError`, `SystemClosed`.
        """
        options: dict[str, Any] = {"restart": restart, "grace": grace, "start_timeout": start_timeout, "drain": drain}
        spec: ChildSpec = child(cast("partial[Any]", make), name=name, **options)
        if spec.kind is not ChildKind.ACTOR:
            raise SpecError(f"start() is for actors; for {make!r} use system.supervisor().start_child(ta.child(...))")
        self._runtime.check_open(self)
        supervisor = cast("SupervisorChild", self._root.registry.find(DYNAMIC))
        if supervisor.status is not ChildStatus.RUNNING:  # it starts after the tree, and restarts with the store
            await wait_until_running(supervisor)
        found = await start_in(supervisor, spec, dynamic=True)
        return found.ref

    def get(self, kind: type[A], name: str) -> A:
        """The ref of the actor called *name*; for a resource, the value that it yielded.

            ledger = system.get(Ledger, "ledger")

        Raises `UnknownName`, and `WrongClass` if the child is no *kind*.
        """
        return cast("A", self._root.registry.find(name).offer(kind))

    async def wait_for(self, kind: type[A], name: str, *, timeout: float | None = None) -> A:
        """Like `get`, but wait until a child with that name is started.

        *timeout* is in seconds, by default the call deadline. Raises `CallTimeout`, `WrongClass`, and `SystemClosed` as soon as the
        system is closed.
        """
        limit = self._runtime.settings.call_timeout if timeout is None else seconds(timeout, "wait_for: timeout")
        with trio.move_on_after(limit):
            return cast("A", (await self._root.registry.wait_for(checked_name(name))).offer(kind))
        raise CallTimeout(f"no child took the name {name!r} within {limit:g} s", begun=False, inherited=False)

    def supervisor(self, name: str | None = None) -> SupervisorHandle:
        """The supervisor called *name*, for administration; without a name, the one that `start` uses.

            await system.supervisor("workers").terminate_child("worker-7")
            await system.supervisor().start_child(ta.child(poll_mail))

        Raises `UnknownName`, and `WrongClass` if the child is no supervisor.
        """
        found = self._root.registry.find(DYNAMIC if name is None else name)
        if not isinstance(found, SupervisorChild):
            raise WrongClass(found.name, "a supervisor", repr(found))
        return SupervisorHandle(found)

    def names(self) -> tuple[str, ...]:
        """The names of all children, in the order of registration."""
        return tuple(found.name for found in self._root.registry.children() if not found.name.startswith(INTERNAL))

    @property
    def environment(self) -> Environment:
        """Its clocks, random streams and ids. Code that uses these instead of `time` and `random` can be simulated."""
        return self._runtime.environment

    # --- looking at it ---

    async def quiesce(self, *, timeout: float | None = None) -> None:
        """Wait until no message waits, no handler runs and no timer is due.

        *timeout* is in seconds, by default the call deadline. Raises `CallTimeout`, which names the busy actors.
        """
        limit = self._runtime.settings.call_timeout if timeout is None else seconds(timeout, "quiesce: timeout")
        with trio.move_on_after(limit):
            await self._runtime.activity.idle()
            while self._runtime.deadlines.overdue or self._runtime.activity.busy:
                await trio.lowlevel.checkpoint()
                await self._runtime.activity.idle()
            return
        busy = [repr(found) for found in self._root.registry.children() if found.busy]
        raise CallTimeout(f"still busy after {limit:g} s: {listed(busy, 10)}", begun=True, inherited=False)

    async def wait_stopped(self) -> None:
        """Wait until the tree has exited by itself. For a program that consists of its tree only; the caller sets the deadline."""
        await self._root.over.wait()

    def portal(self) -> Portal:
        """Make a portal, through which other threads and synchronous code call actors of this system."""
        self._runtime.check_fork()
        return Portal(self._runtime)


present_system: ContextVar[System | None] = ContextVar("trioactors_system", default=None)
"""The system in whose tree the running code is."""


def current_system() -> System:
    """The system that the running child belongs to. For functions and resources, which have no `self.context`.

        async def serve_http(port: int) -> None:
            ledger = ta.current_system().get(Ledger, "ledger")

    Raises `UsageError` outside a child of a system.
    """
    system = present_system.get()
    if system is None:
        raise UsageError("current_system() is for code that runs in a child of a system")
    return system


def runtime_of(system: System) -> Runtime:
    """The runtime of a system, for tools that look inside. Raises `UsageError`."""
    return _checked(system)._runtime  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this is the door


def registry_of(system: System) -> Registry:
    """The names of a system and their children, for tools that look inside. Raises `UsageError`."""
    return _checked(system)._root.registry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this is the door


def _checked(system: System) -> System:
    given: Any = system
    if not isinstance(given, System):
        raise UsageError(f"{given!r:.80} is no running system: pass what ta.open_system gave")
    return given
