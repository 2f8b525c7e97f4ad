"""A system: one running tree, from `open_system` to the end of its block.

How it stands in Trio. The tree runs in one task of a nursery that `open_system` opens, inside a *shielded* scope: otherwise a cancellation
from outside would cancel all children at once and in random order. The body of the block is not shielded. Whatever ends the body (its
end, an error, a cancellation, Ctrl-C) asks the root to stop, and the block is left when the ordered stop is done; its length is bounded by
the graces. Nothing in that nursery raises, so the body's error leaves as itself, not in a group.

    root (internal)          ends when one of its children does
    ├── the tree             as declared by the user, if there is one
    └── dynamic              what `system.start` starts; OTP's dynamic supervisor
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs
import trio

from trioactors.administration import SupervisorHandle, start_in
from trioactors.bodies import make_cell
from trioactors.cells import INTERNAL, ActorCell, Cell, ResourceCell
from trioactors.environment import Environment
from trioactors.errors import CallTimeout, SpecError, StartFailed, SupervisorGaveUp, WrongClass
from trioactors.exits import SHUTDOWN, Exit
from trioactors.lives import Life, run_life
from trioactors.messages import DeadLetter, Ledger
from trioactors.portal import Portal
from trioactors.reports import CrashReports
from trioactors.runtime import Runtime
from trioactors.specs import AutoShutdown, Intensity, Restart, Settings, Strategy, Supervisor, child, seconds, target_of
from trioactors.supervisor import SupervisorCell, supervise
from trioactors.trace import Observer

if TYPE_CHECKING:
    from trioactors.actor import Actor

__all__ = ["System", "open_system"]

A = TypeVar("A")

ROOT = f"{INTERNAL}root"
DYNAMIC = f"{INTERNAL}dynamic"


@attrs.define(eq=False, repr=False)
class RootCell(SupervisorCell):
    """The internal supervisor at the top. It has no parent; these events stand for one."""

    settled: trio.Event = attrs.field(factory=trio.Event, init=False)
    over: trio.Event = attrs.field(factory=trio.Event, init=False)

    def parent_wakes(self) -> None:
        """The tree is up."""
        self.settled.set()

    def end(self, life: Life, reason: Exit) -> None:
        """The tree is gone."""
        super().end(life, reason)
        self.leaving = True
        self.close("its system ended")
        self.settled.set()
        self.over.set()


class System:
    """One running tree: start, find and administer its children, and look at it."""

    def __init__(self, tree: Supervisor | None, runtime: Runtime) -> None:
        self._runtime = runtime
        runtime.system = self
        dynamic = Supervisor(name=DYNAMIC, strategy=Strategy.DYNAMIC).as_top()
        spec = Supervisor(
            *([tree.as_top()] if tree is not None else []),
            dynamic,
            name=ROOT,
            intensity=Intensity(limit=0),
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        )
        self._root = RootCell(ROOT, spec, runtime, None, supervise, make_cell=make_cell)
        runtime.registry.register(self._root)
        self._body = trio.CancelScope()
        self._interrupted: BaseException | None = None

    def __repr__(self) -> str:
        """How many children it has, and whether it is open."""
        state = "closed" if self._runtime.closed else self._root.status.value
        return f"<system: {state}, {len(self._runtime.registry)} names>"

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
        cell = await start_in(self._dynamic(), spec, dynamic=True)
        if not isinstance(cell, ActorCell):
            return cast("A", None)
        return cast("A", cell.ref)

    def _dynamic(self) -> SupervisorCell:
        self._runtime.check_thread(self)
        return cast("SupervisorCell", self._runtime.registry.find(DYNAMIC))

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
            found = target_of(cast("Any", cell.spec).make)
            if not (isinstance(wanted, type) and issubclass(cast("type", found), wanted)):
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

    def cell(self, name: str) -> Cell:
        """The lasting half of a child, for tools that look inside. Raises `UnknownName`."""
        return self._runtime.registry.find(name)

    def cells(self) -> list[Cell]:
        """All of them, in the order of registration."""
        return self._runtime.registry.cells()

    def pending_alarms(self) -> list[object]:
        """What is still to become due."""
        return self._runtime.alarms.pending()

    def names(self) -> tuple[str, ...]:
        """The names of all children, in the order of registration."""
        return tuple(cell.name for cell in self._runtime.registry.cells() if not cell.name.startswith(INTERNAL))

    # --- looking at it ---

    def ledger(self) -> Ledger:
        """Where every message went that any mailbox of this system has accepted."""
        total = self._runtime.retired
        for cell in self._runtime.registry.cells():
            if isinstance(cell, ActorCell):
                total += cell.mailbox.ledger
        return total

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, oldest first; the last `Settings.dead_letters` of them."""
        return tuple(self._runtime.dead_letters)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of every trace record from now on."""
        self._runtime.observers.attach(observer)

    def unobserve(self, observer: Observer) -> None:
        """Tell it nothing more."""
        self._runtime.observers.detach(observer)

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
        busy = [repr(cell) for cell in self._runtime.registry.cells() if isinstance(cell, ActorCell) and cell.mailbox.active]
        raise CallTimeout(f"still busy after {limit:g} s: {', '.join(busy[:10])}", begun=True, inherited=False)

    async def wait_stopped(self) -> None:
        """Wait until the tree has ended by itself, for a program that is nothing but its tree. The caller sets the deadline."""
        await self._root.over.wait()

    def portal(self) -> Portal:
        """A door for other threads and for synchronous code."""
        return Portal(self._runtime)

    # --- its life; for `open_system` ---

    def interrupt(self, error: BaseException) -> None:
        """A KeyboardInterrupt or SystemExit came up inside a child: end the body, stop in order, raise it there."""
        self._interrupted = self._interrupted or error
        self._body.cancel(reason=f"{type(error).__name__} inside a child")

    @property
    def body(self) -> trio.CancelScope:
        """The scope of the block."""
        return self._body

    async def run(self, life: Life) -> None:
        """Run the tree to its end, out of reach of any cancellation from outside."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._runtime.alarms.run, name="alarms")
                await run_life(self._root, life)
                if self.failure() is not None:
                    self._body.cancel(reason="the tree gave up")
                nursery.cancel_scope.cancel()

    def begin(self) -> Life:
        """The life of the tree, not yet running."""
        return self._root.new_life()

    async def started(self) -> None:
        """Wait until the tree is up. Raises `StartFailed` with the cause."""
        await self._root.settled.wait()
        ended = self._root.last_exit
        if ended is not None and ended.error is not None and self.failure() is None:
            raise _start_error(ended.error)

    async def stop(self, life: Life) -> None:
        """Stop the tree in order and wait for it; bounded by the graces."""
        self._root.leaving = True
        with trio.CancelScope(shield=True):
            if life.ended is None:
                self._root.ask(life, SHUTDOWN)
            await self._root.over.wait()
        self._runtime.closed = True
        self._root.forget()

    def failure(self) -> BaseException | None:
        """What must leave the block although its body did not raise it."""
        tops = [cell for cell in self._root.children.values() if isinstance(cell, SupervisorCell)]
        gave_up: list[SupervisorGaveUp | None] = [top.gave_up for top in tops]
        return self._interrupted or next((error for error in [*gave_up, self._root.gave_up] if error is not None), None)


def _start_error(error: BaseException) -> BaseException:
    """The innermost start failure: the one that names the child."""
    while isinstance(error, StartFailed) and isinstance(error.__cause__, StartFailed):
        error = error.__cause__
    return error


@asynccontextmanager
async def open_system(
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
) -> AsyncGenerator[System, None]:
    """Open a system: its tree runs while the block does, and is stopped in order when the block is left, however it is left.

    *tree* is started before the block begins; `StartFailed` says which child failed and why, and nothing is left running. If the tree gives
    up, the block is cancelled and `SupervisorGaveUp` leaves it, with the restart history.
    """
    if tree is not None and not isinstance(tree, Supervisor):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
        raise SpecError(f"open_system takes a ta.Supervisor, not {tree!r}")
    chosen = Settings() if settings is None else settings
    runtime = Runtime(
        settings=chosen,
        environment=Environment() if environment is None else environment,
        root_task=cast("trio.lowlevel.Task", trio.lowlevel.current_root_task()),
        now=trio.lowlevel.current_clock().current_time,
        report=CrashReports(chosen),
        interrupt=lambda error: system.interrupt(error),
        dead_letters=deque(maxlen=chosen.dead_letters),
    )
    system = System(tree, runtime)
    for observer in observers:
        system.observe(observer)
    failed: BaseException | None = None
    async with trio.open_nursery() as nursery:
        life = system.begin()
        nursery.start_soon(system.run, life, name="system")
        try:
            await system.started()
            with system.body:
                yield system
        except trio.Cancelled:
            raise
        except BaseException as error:  # the nursery would put it into a group; nothing else in there raises
            failed = error
        finally:
            await system.stop(life)
    _leave(system, failed)


def _leave(system: System, failed: BaseException | None) -> None:
    """Raise what ended the system, as one plain chain."""
    failure = system.failure()
    if failure is not None and failure is not failed:
        if failed is not None:
            failure.add_note(f"meanwhile the body of the system raised {failed!r}")
        raise failure
    if failed is not None:
        raise failed
