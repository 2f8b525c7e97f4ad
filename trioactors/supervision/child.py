"""The lasting half of a child: what survives its restarts.

A `Child` has a name, a spec, a status and, while it runs, an `Incarnation`. An actor's also owns the mailbox and the ref, which is why both
outlive a crash. Incarnations come and go; the supervisor alone decides when.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import attrs
import trio

from trioactors.errors import Ignore, StartFailed, WrongClass
from trioactors.errors.exits import CRASH, KILLED, Exit, Failure, RestartEntry
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Envelope
from trioactors.scheduling.deadlines import Alarm
from trioactors.scheduling.parking import Parking
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildSpec, Supervisor
from trioactors.supervision.wait_graph import Node, Wait
from trioactors.trace.formatting import described
from trioactors.trace.observers import Observers
from trioactors.trace.records import ChildExited, ChildStarted

__all__ = [
    "Child",
    "Incarnation",
    "Parent",
    "current_incarnation",
    "leaves_for_good",
    "start_failure",
    "waiting_incarnation",
    "whose",
]


class Parent(Node, Protocol):
    """A supervisor, as its children know it."""

    @property
    def parent(self) -> Parent | None:
        """The supervisor above it."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether it is being stopped for good."""
        ...

    @property
    def earlier_restarts(self) -> Sequence[RestartEntry]:
        """The restarts that count against its intensity."""
        ...

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """An incarnation of a child is ready."""
        ...

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """An incarnation of a child has ended; returns the next one, if the same task is to go on with it."""
        ...

    def forget_child(self, child: Child) -> None:
        """A child is gone for good."""
        ...

    def release(self, child: Child) -> bool:
        """Free the name of a child; tell whether the child had it."""
        ...


def leaves_for_good(child: Child | Parent) -> bool:
    """Whether *cell*, or a supervisor above it, is being stopped for good."""
    node: Child | Parent | None = child
    while node is not None:
        if node.leaving:
            return True
        node = node.parent
    return False


@attrs.define(eq=False, repr=False)
class Child:
    """One child of a supervisor."""

    name: str
    spec: ChildSpec | Supervisor
    runtime: Runtime
    parent: Parent | None
    body: Callable[[Any], Awaitable[None]]
    dynamic: bool = False
    """Whether it is forgotten when it ends or is stopped."""
    start_may_wait: bool = True
    """Whether a start runs code that could wait."""
    leaving: bool = False
    """Whether it is being stopped for good, with all below it."""
    status: ChildStatus = ChildStatus.UNDEFINED
    incarnation: int = 0
    current: Incarnation | None = None
    last_exit: Exit | None = None
    since: float = 0.0
    """When its present life was begun, or its last one ended."""
    failure: Failure | None = None
    """The last of its lives that did not end in order."""
    watchers: Sequence[Callable[[Incarnation], None]] = ()
    """Who is told when a life of its is ready, and when one has ended."""
    ref: Any = attrs.field(default=None, init=False)
    """What its starter gets: the ref of an actor."""

    @property
    def path(self) -> str:
        """The names of its supervisors and its own, from the top."""
        names = [self.name.removeprefix(INTERNAL)]
        above = self.parent
        while above is not None:
            if not above.name.startswith(INTERNAL):
                names.append(above.name)
            above = above.parent
        return "/".join(reversed(names))

    @property
    def busy(self) -> bool:
        """Whether messages of its are being handled, or wait to be."""
        return False

    def mailboxes(self) -> Sequence[Mailbox]:
        """The mailbox that it has, if it has one."""
        return ()

    def offer(self, kind: type) -> Any:
        """What a user gets who asks for a *kind* by its name. Raises `WrongClass`."""
        raise WrongClass(self.name, kind.__name__, repr(self))

    @property
    def grace(self) -> float:
        """Seconds it may take to stop."""
        return self.runtime.settings.grace if self.spec.grace is None else self.spec.grace

    @property
    def start_timeout(self) -> float:
        """Seconds it may take to become ready."""
        return self.runtime.settings.start_timeout if self.spec.start_timeout is None else self.spec.start_timeout

    def new_incarnation(self) -> Incarnation:
        """The next incarnation, not yet begun."""
        self.leaving = False
        self.incarnation += 1
        incarnation = self.current = self._make_incarnation(self.incarnation)
        self.status = ChildStatus.STARTING
        self.since = self.runtime.now()
        allowed = self.start_timeout
        if allowed != math.inf and self.start_may_wait:
            incarnation.deadline = self.since + allowed
            self.runtime.deadlines.series(allowed).add(incarnation)
        return incarnation

    def _make_incarnation(self, number: int) -> Incarnation:
        return Incarnation(self, number)

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Ask *life* to end for *reason*; how is the kind's business."""
        incarnation.asked = incarnation.asked or reason

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """*life* is over; the next one, if its task is to go on in it."""
        incarnation.ended = self.last_exit = reason
        self.status = ChildStatus.UNDEFINED
        self.since = self.runtime.now()
        runtime = self.runtime
        ignored = incarnation.ignored and isinstance(reason.error, Ignore)  # which is no failure
        if (why := self._fault(reason)) is not None and not ignored:
            self.failure = incarnation.failed(why, self.since)
            runtime.failed += 1
        if incarnation.grace is not None:
            incarnation.grace.cancel()
        if runtime.observers.listeners:
            record = ChildExited(time=trio.current_time(), child=self.name, incarnation=incarnation.number, reason=reason)
            runtime.observers.emit(record)
        incarnation.notify()
        if reason.kind is CRASH and not ignored and not self._reported(incarnation, reason):
            incarnation.report(reason)
        return None if self.parent is None else self.parent.child_exited(self, incarnation)

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Whether somebody was told of *reason* already, or will be."""
        del incarnation, reason
        return False

    def _fault(self, reason: Exit) -> Exit | None:
        """Why a life that ended for *reason* has failed, if it has."""
        return None if reason.orderly else reason

    def close(self, cause: str) -> None:
        """It will not come back by itself."""

    def forget(self) -> None:
        """It is gone for good: its name is free."""
        self.close("stopped for good")
        if self.parent is not None:
            self.parent.release(self)

    def blockers(self) -> Iterator[Node]:
        """Whom it waits for now."""
        incarnation = self.current
        if incarnation is not None and incarnation.ended is None:
            yield from [target for wait in incarnation.waits or () for target in wait.targets]
        elif self.parent is not None:
            yield self.parent

    def __repr__(self) -> str:
        """Its name, kind and state."""
        return f"<{self.spec.kind.value} {self.path}: {self.status.value}, incarnation {self.incarnation}>"


def start_failure(child: Child) -> StartFailed:
    """The error that says why *cell* did not start."""
    reason = child.last_exit
    cause = reason if reason is None or reason.error is None else described(reason.error)
    error = StartFailed(f"{child.path} could not be started: {cause}")
    error.__cause__ = None if reason is None else reason.error
    return error


current_incarnation: ContextVar[Incarnation | None] = ContextVar("trioactors_life", default=None)
"""The life in whose task, or in a descendant of whose task, the code runs."""


@attrs.define(eq=False)
class Incarnation:
    """One incarnation."""

    child: Child
    number: int
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, repr=False)
    task: trio.lowlevel.Task | None = attrs.field(default=None, repr=False)
    ready: bool = False
    asked: Exit | None = None
    """Why it was asked to end."""
    killed: str | None = None
    """Why it was cancelled."""
    ended: Exit | None = None
    ignored: bool = False
    """Whether its start failed in a way that is nobody's failure to start: it asked for that, or what it needs cannot be read."""
    cancelled_outside: bool = False
    """Whether a cancellation from outside ended it: its task cannot go on."""
    failure: BaseException | None = attrs.field(default=None, repr=False)
    """What a task of the actor's raised, or a start that was cancelled must report."""
    deadline: float = math.inf
    """When its start is too late; a life is its own entry among the alarms."""
    grace: Alarm | None = attrs.field(default=None, repr=False)
    """When its stop is too late."""
    waiters: Parking | None = attrs.field(default=None, repr=False)
    """Tasks to wake when it is ready, and when it has ended."""
    nursery: trio.Nursery | None = attrs.field(default=None, repr=False)
    """The nursery in which its task runs."""
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
        child = self.child
        if child.status is ChildStatus.STARTING:
            child.status = ChildStatus.RUNNING
        observers = child.runtime.observers
        if observers.listeners:
            observers.emit(ChildStarted(time=trio.current_time(), child=child.name, incarnation=self.number))
        self.notify()
        if child.parent is not None:
            child.parent.child_ready(child, self)

    def message_in_progress(self) -> Envelope | None:
        """The message that it handles now; only actors handle any."""
        return None

    def failed(self, reason: Exit, now: float) -> Failure:
        """What can be reported of this incarnation later, which failed at *now* for *reason*."""
        child = self.child
        message, caller = self._fatal_message()
        return Failure(
            child=child.path,
            kind=child.spec.kind.value,
            incarnation=self.number,
            time=now,
            reason=reason,
            message=message,
            caller=caller,
            killed=self.killed,
        )

    def _fatal_message(self) -> tuple[Envelope | None, str]:
        """The message whose handling ended it, and who had sent that."""
        return None, ""

    def report(self, reason: Exit) -> None:
        """Log that it failed for *reason*."""
        parent, runtime = self.child.parent, self.child.runtime
        runtime.report(self.failed(reason, runtime.now()), () if parent is None else parent.earlier_restarts)

    def notify(self) -> None:
        """It is ready, or has ended: wake who waits for that, and tell who watches."""
        if self.waiters is not None:
            self.waiters.wake()
        for watcher in self.child.watchers:
            watcher(self)

    async def wait(self) -> None:
        """Wait until it is ready or has ended, whatever comes next."""
        if self.waiters is None:
            self.waiters = Parking()
        await self.waiters.wait()

    @property
    def pending(self) -> bool:
        """Whether its start may still be too late."""
        return not self.settled

    def fire(self) -> None:
        """The start took too long."""
        allowed = self.child.start_timeout
        self.crash(StartFailed(f"{self.child.name} was not ready within {allowed:g} s (start_timeout)"))

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
            self.kill(f"{self.child.name} failed: {described(error, repr)}")


def whose(observers: Observers, task: trio.lowlevel.Task) -> str:
    """The name of the child, of the system of these *observers*, whose task it is; empty where there is none."""
    incarnation = task.context.get(current_incarnation)
    return incarnation.child.name if incarnation is not None and incarnation.child.runtime.observers is observers else ""


def waiting_incarnation() -> Incarnation | None:
    """The life whose handler waits while the current task waits, if there is one.

    The handler's own task, and tasks in nurseries that the handler opened, make it wait. Tasks of the actor's (`context.start_soon`) and
    tasks that a handler started in somebody else's nursery do not, although they inherit its context.
    """
    incarnation = current_incarnation.get()
    if incarnation is None or incarnation.ended is not None:
        return None
    task = trio.lowlevel.current_task()
    while task is not incarnation.task:
        nursery = task.parent_nursery
        if nursery is None:
            return None
        task = nursery.parent_task
    return incarnation
