"""One life of a child, between a start and an exit, and how its end is judged.

A child runs in one task of its supervisor's nursery, inside one cancel scope. Nothing it raises may reach that nursery, where it would
cancel the siblings: `run_life` turns every end into an `Exit` and posts it to the supervisor. Only what is not the child's goes through:
a `Cancelled` from outside its own scope.

How a life ends on request is the child's kind's business (`Cell.ask`): an actor finishes its message, a resource leaves its context, a
supervisor stops its children, a function is cancelled. If the grace passes first, the scope is cancelled, and the exit is *killed*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs
import trio

from trioactors.errors import Ignore, Shutdown, StartFailed, StateUnreadable
from trioactors.exits import CRASH, KILLED, NORMAL, Exit, ExitKind, Failure, described
from trioactors.restarts import ChildStatus
from trioactors.trace import ChildStarted

if TYPE_CHECKING:
    from trioactors.alarms import Alarm
    from trioactors.cells import Cell
    from trioactors.messages import Call, Envelope
    from trioactors.saving import Saver
    from trioactors.tasks import TaskHolder
    from trioactors.timers import Timer
    from trioactors.waiting import Wait

__all__ = ["Life", "current_life", "failure_of", "is_group", "judge", "leaves", "pass_through", "run_life", "waiting_life"]

current_life: ContextVar[Life | None] = ContextVar("trioactors_life", default=None)
"""The life in whose task, or in a descendant of whose task, the code runs."""


@attrs.define(eq=False)
class Life:
    """One incarnation."""

    cell: Cell
    number: int
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, repr=False)
    task: trio.lowlevel.Task | None = attrs.field(default=None, repr=False)
    actor: Any = attrs.field(default=None, repr=False)
    """The instance, where it is an actor's life."""
    ready: bool = False
    asked: Exit | None = None
    """Why it was asked to end."""
    killed: str | None = None
    """Why it was cancelled."""
    ended: Exit | None = None
    ignored: bool = False
    """Whether its start failed in a way that is nobody's failure to start: it asked for that, or what it needs cannot be read."""
    torn: bool = False
    """Whether a cancellation from outside ended it: its task cannot go on."""
    failure: BaseException | None = attrs.field(default=None, repr=False)
    """What a task of the actor's raised, or a start that was cancelled must report."""
    began: float = 0.0
    """When the handler in progress began."""
    fatal: Envelope | None = None
    """The message whose handling ended this life."""
    fatal_caller: str = ""
    """Who had sent it."""
    deadline: float = math.inf
    """When its start is too late; a life is its own entry among the alarms."""
    grace: Alarm | None = attrs.field(default=None, repr=False)
    """When its stop is too late."""
    waiters: list[trio.lowlevel.Task] | None = attrs.field(default=None, repr=False)
    """Tasks to wake when it is ready, and when it has ended."""
    deferral: Any = attrs.field(default=None, repr=False)
    """The token that the handler in progress took, if it took one."""
    deferred: set[Call] | None = attrs.field(default=None, repr=False)
    timers: dict[object, Timer] | None = attrs.field(default=None, repr=False)
    holder: TaskHolder | None = attrs.field(default=None, repr=False)
    saver: Saver | None = attrs.field(default=None, repr=False)
    """What commits its state, where the actor is durable."""
    waits: list[Wait] | None = attrs.field(default=None, repr=False)
    """What its handler waits for now; the edges of the wait-for graph."""

    @property
    def settled(self) -> bool:
        """Whether its start is over, one way or the other."""
        return self.ready or self.ended is not None

    def announce(self) -> None:
        """The child is ready: its supervisor may go on to the next."""
        if self.ready:
            return
        self.ready = True
        cell = self.cell
        if cell.status is ChildStatus.STARTING:
            cell.status = ChildStatus.RUNNING
        observers = cell.runtime.observers
        if observers.listeners:
            observers.emit(ChildStarted(time=trio.current_time(), child=cell.name, incarnation=self.number))
        self.tell()
        cell.ready(self)

    def tell(self) -> None:
        """It is ready, or has ended: wake who waits for that, and tell who watches."""
        if self.waiters is not None:
            waiters, self.waiters = self.waiters, None
            for task in waiters:
                trio.lowlevel.reschedule(task)
        for watcher in self.cell.watchers:
            watcher(self)

    async def wait(self) -> None:
        """Wait until it is ready or has ended, whatever comes next."""
        task = trio.lowlevel.current_task()
        self.waiters = [] if self.waiters is None else self.waiters
        self.waiters.append(task)
        await trio.lowlevel.wait_task_rescheduled(partial(self._unwait, task))

    def _unwait(self, task: trio.lowlevel.Task, _: object) -> trio.lowlevel.Abort:
        self.waiters = [other for other in self.waiters or () if other is not task]
        return trio.lowlevel.Abort.SUCCEEDED

    @property
    def pending(self) -> bool:
        """Whether its start may still be too late."""
        return not self.settled

    def ring(self) -> None:
        """The start took too long."""
        allowed = self.cell.start_timeout
        self.crash(StartFailed(f"{self.cell.name} was not ready within {allowed:g} s (start_timeout)"))

    def kill(self, why: str) -> None:
        """Cancel everything in this life; nothing more is begun in it."""
        if self.killed is None:
            self.killed = why
            self.asked = self.asked or KILLED
            self.scope.cancel(reason=why)

    def crash(self, error: BaseException) -> None:
        """Something outside the main task of this life failed: end it for that reason."""
        if self.failure is None:
            self.failure = error
            self.kill(f"{self.cell.name} failed: {described(error, repr)}")


def waiting_life() -> Life | None:
    """The life whose handler waits while the current task waits, if there is one.

    The handler's own task, and tasks in nurseries that the handler opened, make it wait. Tasks of the actor's (`context.start_soon`) and
    tasks that a handler started in somebody else's nursery do not, although they inherit its context.
    """
    life = current_life.get()
    if life is None or life.ended is not None:
        return None
    task = trio.lowlevel.current_task()
    while task is not life.task:
        nursery = task.parent_nursery
        if nursery is None:
            return None
        task = nursery.parent_task
    return life


def is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    """Whether *error* is a group."""
    return isinstance(error, BaseExceptionGroup)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The single exceptions in *error*, however deep they are grouped."""
    if is_group(error):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def judge(error: BaseException) -> Exit:
    """What a child's end by *error* means. A mixture of expected and unexpected is unexpected."""
    parts = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
    match parts:
        case []:
            return KILLED
        case [Shutdown() as order]:
            return Exit(ExitKind.SHUTDOWN, order.detail)
        case [single]:
            return Exit(CRASH, error=single)
        case _:
            return Exit(CRASH, error=error)


def failure_of(life: Life, reason: Exit, now: float) -> Failure:
    """What can be told of *life* later, which ended for *reason*."""
    caller, killed = life.fatal_caller, life.killed
    return Failure(incarnation=life.number, time=now, reason=reason, message=life.fatal, caller=caller, killed=killed)


async def run_life(cell: Cell, life: Life) -> None:
    """Live *life* to its end, whatever the end is, and tell the supervisor; live on in the next one, if it says so at once."""
    following: Life | None = life
    del life  # or this frame would keep the first life as long as there are others, and all that its error's traceback holds
    while following is not None:
        following = await _live(cell, following)
        if following is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()  # a row of poisoned messages must not stop the others


async def _live(cell: Cell, life: Life) -> Life | None:
    reason = KILLED
    try:
        with life.scope:
            life.task = trio.lowlevel.current_task()
            await cell.body(life)
        reason = _verdict(life)
    except BaseException as error:  # noqa: ASYNC103 - pass_through raises what is not the child's
        reason = judge(error)
        life.ignored = not life.ready and (isinstance(reason.error, Ignore) or _hopeless(life, reason))
        life.torn = any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error))
        pass_through(error, cell.runtime.interrupt)
    finally:
        if life.holder is not None:
            await life.holder.close()  # noqa: ASYNC102 - shielded in there, and its tasks are cancelled
        if life.failure is not None and (reason is KILLED or reason.orderly):
            reason = Exit(CRASH, error=life.failure)
        following = cell.end(life, reason)
    try:
        return following
    finally:
        del following  # the traceback of this life's error holds this frame: who keeps the error must not keep all lives to come


def _hopeless(life: Life, reason: Exit) -> bool:
    """Whether a restart met a record that cannot be read: trying again cannot help, and the others are not to blame."""
    return life.number > 1 and isinstance(reason.error, StateUnreadable)


def _verdict(life: Life) -> Exit:
    """The reason of a life that ended without an error."""
    if life.killed is not None:
        return KILLED
    if not life.ready and life.asked is None:
        return Exit(CRASH, error=StartFailed(f"{life.cell.name} returned before it was ready (task_status.started())"))
    return life.asked or NORMAL


def pass_through(error: BaseException, interrupt: Callable[[BaseException], None]) -> None:
    """What no wall may keep: an interrupt is everybody's, a cancellation from outside belongs to whoever asked for it."""
    for leaf in leaves(error):
        if isinstance(leaf, KeyboardInterrupt | SystemExit):
            interrupt(leaf)
    if isinstance(error, trio.Cancelled):
        raise error
    if is_group(error):
        outer, _ = error.split(trio.Cancelled)
        if outer is not None:
            raise outer
