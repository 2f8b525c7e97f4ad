"""A child of a supervisor: `Child`, which survives restarts, and `Incarnation`, which does not.

A `Child` has a name, a spec, a status and, while it runs, an `Incarnation`. An actor's `Child` also owns the mailbox and the ref, which is
why both survive a crash. Only the supervisor decides when an incarnation starts.

An incarnation is *ready* when its start is done, and *settled* when it is ready or has exited. `Child.end` records its exit and reports it
to the supervisor.
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
from trioactors.supervision.restarts import ChildRestarts, ChildStatus
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildSpec, Supervisor
from trioactors.supervision.wait_graph import Node, Wait
from trioactors.trace.formatting import described
from trioactors.trace.records import ChildExited, ChildStarted

__all__ = [
    "Child",
    "Incarnation",
    "Parent",
    "current_incarnation",
    "leaves_for_good",
    "start_failure",
    "waiting_incarnation",
]

_NONE_YET = ChildRestarts()


class Parent(Node, Protocol):
    """A supervisor, as seen by its children."""

    @property
    def parent(self) -> Parent | None:
        """The supervisor above it; None at the top."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether the supervisor is being stopped for good."""
        ...

    @property
    def earlier_restarts(self) -> Sequence[RestartEntry]:
        """The restarts that count against its intensity."""
        ...

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Note that an incarnation of a child is ready."""
        ...

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Note that an incarnation of a child has exited. Returns the next one if it restarts in the same task."""
        ...

    def forget_child(self, child: Child) -> None:
        """Remove a child for good."""
        ...

    def release(self, child: Child) -> bool:
        """Free the name of a child. Returns False if the child does not hold it."""
        ...


def leaves_for_good(child: Child | Parent) -> bool:
    """Whether *child*, or a supervisor above it, is being stopped for good."""
    node: Child | Parent | None = child
    while node is not None:
        if node.leaving:
            return True
        node = node.parent
    return False


@attrs.define(eq=False, repr=False)
class Child:
    """One child of a supervisor: the half that survives restarts."""

    name: str
    spec: ChildSpec | Supervisor
    runtime: Runtime
    parent: Parent | None
    body: Callable[[Any], Awaitable[None]]
    dynamic: bool = False
    """Whether the child is forgotten when it exits or is stopped."""
    start_may_wait: bool = True
    """Whether a start runs code that could wait."""
    leaving: bool = False
    """Whether the child is being stopped for good, with everything below it."""
    status: ChildStatus = ChildStatus.UNDEFINED
    incarnation: int = 0
    """The number of the current or last incarnation; 0 before the first."""
    current: Incarnation | None = None
    """The current or last incarnation."""
    last_exit: Exit | None = None
    since: float = 0.0
    """The time at which the current incarnation started, or the last one exited."""
    failure: Failure | None = None
    """The last exit that was not orderly."""
    restarts: ChildRestarts = _NONE_YET
    """Its restarts that count."""
    restart_at: float | None = None
    """The time at which its back-off is over and it is restarted; None if it does not wait."""
    watchers: Sequence[Callable[[Incarnation | None], None]] = ()
    """Callbacks run when an incarnation becomes ready or exits, and without one when it is known that the child will not be restarted."""
    _path: str = attrs.field(default="", init=False)
    ref: Any = attrs.field(default=None, init=False)
    """The ref of an actor, which `start` returns; None for other kinds."""

    @property
    def path(self) -> str:
        """The names of its supervisors and its own, from the top, joined by slashes. The system's own supervisors are left out."""
        if not self._path:  # neither its name nor its supervisors ever change
            names = [self.name.removeprefix(INTERNAL)]
            above = self.parent
            while above is not None:
                if not above.name.startswith(INTERNAL):
                    names.append(above.name)
                above = above.parent
            self._path = "/".join(reversed(names))
        return self._path

    @property
    def busy(self) -> bool:
        """Whether messages wait or are being handled."""
        return False

    def mailboxes(self) -> Sequence[Mailbox]:
        """Its mailbox, if it has one."""
        return ()

    def offer(self, kind: type) -> Any:
        """The value for `system.get(kind, name)`. Raises `WrongClass` if this child is no *kind*."""
        raise WrongClass(self.name, getattr(kind, "__name__", repr(kind)), repr(self))

    @property
    def grace(self) -> float:
        """The time in seconds that it may take to stop."""
        return self.runtime.settings.grace if self.spec.grace is None else self.spec.grace

    @property
    def start_timeout(self) -> float:
        """The time in seconds that it may take to become ready."""
        return self.runtime.settings.start_timeout if self.spec.start_timeout is None else self.spec.start_timeout

    def new_incarnation(self) -> Incarnation:
        """Make the next incarnation. It starts when `run_incarnation` runs it."""
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
        """Ask *incarnation* to stop for *reason*. Each kind of child overrides how."""
        incarnation.asked = incarnation.asked or reason

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Record the exit of *incarnation* and report it to the supervisor.

        Returns the next incarnation if the child restarts in the same task.
        """
        incarnation.ended = self.last_exit = reason
        self.status = ChildStatus.UNDEFINED
        self.since = self.runtime.now()
        runtime = self.runtime
        ignored = incarnation.ignored and isinstance(reason.error, Ignore)  # a declined start is no failure
        failure: Failure | None = None
        if (why := self._fault(reason)) is not None and not ignored:
            failure = self.failure = incarnation.failed(why)
            runtime.note(failure, self.name)
        if incarnation.grace is not None:
            incarnation.grace.cancel()
        if runtime.observers.listeners:
            record = ChildExited(time=trio.current_time(), child=self.name, incarnation=incarnation.number, reason=reason)
            runtime.observers.emit(record)
        incarnation.notify()
        if failure is not None and reason.kind is CRASH and not self._reported(incarnation, reason):
            incarnation.report(failure)
        return None if self.parent is None else self.parent.child_exited(self, incarnation)

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Whether *reason* was reported elsewhere already, or will be."""
        del incarnation, reason
        return False

    def _fault(self, reason: Exit) -> Exit | None:
        """The failure to record for an exit with *reason*; None if the exit was orderly."""
        return None if reason.orderly else reason

    def close(self, cause: str) -> None:
        """Note that the child will not be restarted, because of *cause*. An actor refuses messages from now on."""
        del cause
        for watcher in self.watchers:
            watcher(None)

    def forget(self) -> None:
        """Remove the child for good, and free its name."""
        self.close("stopped for good")
        if self.parent is not None:
            self.parent.release(self)

    def blockers(self) -> Iterator[Node]:
        """The children it waits for now."""
        incarnation = self.current
        if incarnation is not None and incarnation.ended is None:
            yield from [target for wait in incarnation.waits or () for target in wait.targets]
        elif self.parent is not None:
            yield self.parent

    def __repr__(self) -> str:
        """Its name, kind and state."""
        return f"<{self.spec.kind.value} {self.path}: {self.status.value}, incarnation {self.incarnation}>"


def start_failure(child: Child) -> StartFailed:
    """The error that says why *child* did not start."""
    reason = child.last_exit
    cause = reason if reason is None or reason.error is None else described(reason.error)
    error = StartFailed(f"{child.path} could not be started: {cause}")
    error.__cause__ = None if reason is None else reason.error
    return error


current_incarnation: ContextVar[Incarnation | None] = ContextVar("trioactors_life", default=None)
"""The incarnation that the running code belongs to. Tasks inherit it from the task that started them."""


@attrs.define(eq=False)
class Incarnation:
    """One incarnation of a child: from a start to an exit."""

    child: Child
    number: int
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, repr=False)
    task: trio.lowlevel.Task | None = attrs.field(default=None, repr=False)
    ready: bool = False
    asked: Exit | None = None
    """The reason for which it was asked to stop."""
    killed: str | None = None
    """The reason for which it was cancelled, as text."""
    ended: Exit | None = None
    """The exit; None while the incarnation runs."""
    ignored: bool = False
    """Whether the start was declined (`Ignore`) or its state is unreadable; neither counts as a failure."""
    cancelled_outside: bool = False
    """Whether it was ended by a cancellation from outside its scope. Its task cannot be used for another incarnation."""
    failure: BaseException | None = attrs.field(default=None, repr=False)
    """The error to report as the exit instead of the cancellation that followed from it; see `crash`."""
    ready_at: float = 0.0
    """The time at which it became ready. Kept only below a supervisor with a back-off."""
    deadline: float = math.inf
    """The time by which it must be ready. The incarnation is itself the entry in the list of deadlines."""
    grace: Alarm | None = attrs.field(default=None, repr=False)
    """The alarm that kills it if it does not stop in time."""
    waiters: Parking | None = attrs.field(default=None, repr=False)
    """Where tasks wait until it is ready or has exited; made by the first of them."""
    nursery: trio.Nursery | None = attrs.field(default=None, repr=False)
    """The nursery in which its task runs."""
    waits: list[Wait] | None = attrs.field(default=None, repr=False)
    """The current waits of its handler: edges of the wait-for graph."""

    @property
    def settled(self) -> bool:
        """Whether its start is over, successful or not."""
        return self.ready or self.ended is not None

    def announce(self) -> None:
        """Mark the child as ready. Its supervisor then starts the next one.

        A child that is being killed does not become ready, even if its start has caught the cancellation and goes on.
        """
        if self.ready or self.killed is not None:
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

    @property
    def owes_replies(self) -> bool:
        """Whether it has deferred a reply to a caller that still waits."""
        return False

    def message_in_progress(self) -> Envelope | None:
        """The message being handled now. None for children that are no actors."""
        return None

    def failed(self, reason: Exit) -> Failure:
        """A report on this incarnation, which has just failed for *reason*. It keeps nothing of the incarnation alive."""
        message, caller = self._fatal_message()
        return Failure(
            name=self.child.name,
            child=self.child.path,
            owner=self._owner(),
            kind=self.child.spec.kind.value,
            incarnation=self.number,
            time=self.child.runtime.now(),
            reason=reason,
            message=message,
            caller=caller,
            killed=self.killed,
        )

    def _owner(self) -> str:
        """What its failures are grouped by."""
        return f"{self.child.spec.kind.value} {self.child.name}"

    def _fatal_message(self) -> tuple[Envelope | None, str]:
        """The message whose handling failed, and its sender."""
        return None, ""

    def report(self, failure: Failure) -> None:
        """Log *failure*, with the restarts before it."""
        parent = self.child.parent
        self.child.runtime.report(failure, () if parent is None else parent.earlier_restarts)

    def notify(self) -> None:
        """Wake the tasks that wait for readiness or exit, and call the watchers."""
        if self.waiters is not None:
            self.waiters.wake()
        for watcher in self.child.watchers:
            watcher(self)

    async def wait(self) -> None:
        """Wait until the next of two events: it becomes ready, or it exits."""
        if self.waiters is None:
            self.waiters = Parking()
        await self.waiters.wait()

    @property
    def pending(self) -> bool:
        """Whether the start deadline still matters."""
        return not self.settled

    def fire(self) -> None:
        """Fail the start: its deadline has passed."""
        allowed = self.child.start_timeout
        self.crash(StartFailed(f"{self.child.name} was not ready within {allowed:g} s (start_timeout)"))

    def kill(self, why: str) -> None:
        """Cancel everything in this incarnation. Nothing more is started in it."""
        if self.killed is None:
            self.killed = why
            self.asked = self.asked or KILLED
            self.scope.cancel(reason=why)

    def crash(self, error: BaseException) -> None:
        """Cancel this incarnation and report *error* as its crash. For failures outside its main task."""
        if self.failure is None:
            self.failure = error
            self.kill(f"{self.child.name} failed: {described(error, repr)}")


def waiting_incarnation() -> Incarnation | None:
    """The incarnation whose handler waits while the current task waits, if there is one.

    The handler's own task, and tasks in nurseries that the handler opened, keep the handler waiting. Child tasks of the actor
    (`context.start_soon`) and tasks that a handler started in another nursery do not, although they inherit its context.
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
