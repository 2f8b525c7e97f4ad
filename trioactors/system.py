"""A system: one running tree, from `open_system` to the end of its block. How it stands in Trio is told in `root.py`."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, cast, overload

import trio

from trioactors.administration import SupervisorHandle, coming_up, start_in
from trioactors.bodies import plan_of
from trioactors.cells import ActorCell, Cell, ResourceCell
from trioactors.committer import Committer
from trioactors.environment import Environment
from trioactors.errors import CallTimeout, SpecError, StoreMissing, UsageError, WrongClass
from trioactors.exits import described
from trioactors.lives import current_life
from trioactors.persistence import Store
from trioactors.portal import Portal
from trioactors.refs import is_actor
from trioactors.registry import INTERNAL
from trioactors.reports import CrashReports
from trioactors.restarts import ChildStatus
from trioactors.root import DYNAMIC, Root
from trioactors.runtime import Runtime
from trioactors.settings import Settings, seconds
from trioactors.specs import ChildKind, Restart, Supervisor, child, target_of
from trioactors.store_urls import store_at
from trioactors.supervisor import SupervisorCell
from trioactors.trace import Observer
from trioactors.view import SystemView

__all__ = ["System", "current_system", "open_system", "runtime_of"]

A = TypeVar("A")


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


@overload
def open_system(
    store: str | Store | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]: ...
@overload
def open_system(
    tree: Supervisor,
    /,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]: ...
def open_system(
    store: str | Store | Supervisor | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]:
    """Open a system: its tree runs while the block does, and is stopped in order when the block is left, however it is left.

    *store* keeps the state of durable actors: a URL (`sqlite:///state.db`, `file:///folder`, `memory:`) or a `Store`; leave it out where
    nothing is durable. *tree* is started before the block begins; `StartFailed` says which child failed and why, and nothing is left
    running. A store that cannot be opened raises its own `StoreError`. If the tree gives up, the block is cancelled and
    `SupervisorGaveUp` leaves it, with the restart history. *console* is where a console for this machine listens: `127.0.0.1:0`; where
    that cannot be had, an error in the log says so, and the system runs without it until it can.
    """
    if isinstance(store, Supervisor):
        if tree is not None:
            raise SpecError("open_system takes the store first and the tree second")
        store, tree = None, store
    _check_tree(tree)
    world = Environment() if environment is None else environment
    chosen = _store(store)
    if chosen is None:
        _check_durable(tree)
    runtime = _runtime(Settings() if settings is None else settings, world)
    if chosen is not None:
        where = store if isinstance(store, str) else repr(chosen)
        runtime.committer = Committer(chosen, world, runtime.observers, runtime.settings.grace, where=where)
    return _opened(tree, runtime, observers, None if console is None else _console(console))


@asynccontextmanager
async def _opened(
    tree: Supervisor | None, runtime: Runtime, observers: Sequence[Observer], console: Supervisor | None
) -> AsyncGenerator[System, None]:
    root = Root(tree, runtime)
    system = runtime.system = System(runtime, root)
    runtime.interrupt = root.interrupt
    for observer in observers:
        system.observe(observer)
    failed: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.run, name="system")
        try:
            await root.started()
            if console is not None:
                await system.supervisor().start_child(console)
            with root.body:
                yield system
        except BaseException as error:  # noqa: ASYNC103 - raised again below, outside the nursery, which would put it into a group
            failed = error
        finally:
            nursery.cancel_scope.shield = True  # the body is over; what is left is the ordered stop
            await root.stop()  # noqa: ASYNC102 - shielded, and bounded by the graces
    _leave(root.failure(), failed)


def _console(address: str) -> Supervisor:
    """The console, loaded by its name only when somebody wants one: it stands above this, and on packages of an extra."""
    tree: Supervisor = importlib.import_module("trioactors.console").console_tree(address)
    return tree


def _check_tree(tree: object) -> None:
    if tree is not None and not isinstance(tree, Supervisor):
        raise SpecError(f"open_system takes a ta.Supervisor, not {tree!r}")


def _store(given: object) -> Store | None:
    """The store that *given* is or names. Raises `BadStoreURL`, `SpecError`."""
    if isinstance(given, str):
        return store_at(given)
    if given is not None and (isinstance(given, type) or not hasattr(given, "commit")):
        raise SpecError(f"open_system takes the URL of a store, a store, or a ta.Supervisor first, not {given!r}")
    return cast("Store | None", given)


def _check_durable(tree: Supervisor | None) -> None:
    """Without a store nothing can be durable. Raises `StoreMissing`."""
    for spec in () if tree is None else tree.children:
        if isinstance(spec, Supervisor):
            _check_durable(spec)
        elif (plan := plan_of(spec)) is not None and plan.keeping is not None:
            raise StoreMissing(str(spec.name))


def _runtime(settings: Settings, environment: Environment) -> Runtime:
    root_task = trio.lowlevel.current_root_task()
    assert root_task is not None  # there is a task, and it runs this
    return Runtime(
        settings=settings,
        environment=environment,
        root_task=root_task,
        now=trio.lowlevel.current_clock().current_time,
        report=CrashReports(settings),
        dead_letters=deque(maxlen=settings.dead_letters),
    )


def _leave(failure: BaseException | None, failed: BaseException | None) -> None:
    """Raise what ended the system, as one plain chain."""
    if failure is not None and failure is not failed:
        if failed is not None:
            failure.add_note(f"meanwhile the body of the system raised {described(failed, repr)}")
        raise failure
    if failed is not None:
        raise failed
