"""The lasting half of a child: what survives its restarts.

A cell has a name, a spec, a status and, while the child runs, a `Life`. For an actor it also owns the mailbox and the ref, which is why
both outlive a crash. Lives come and go; the supervisor alone decides when.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioactors.committer import STORE
from trioactors.errors import (
    ActorCrashed,
    ActorStopped,
    CallTimeout,
    Ignore,
    StartFailed,
    StateUnreadable,
    StoreError,
    SystemClosed,
)
from trioactors.exits import CRASH, Exit, Failure, described
from trioactors.handlers import HandlerSpec
from trioactors.lives import Life, failure_of
from trioactors.mailbox import Mailbox
from trioactors.messages import Call, Envelope, lineage_of
from trioactors.registry import INTERNAL
from trioactors.restarts import ChildStatus
from trioactors.runtime import Runtime
from trioactors.settings import Overflow
from trioactors.specs import ChildSpec, Supervisor
from trioactors.trace import CallTimedOut, ChildExited
from trioactors.waiting import drawn

if TYPE_CHECKING:
    from trioactors.actor import ActorPlan
    from trioactors.refs import Ref
    from trioactors.saving import Saver
    from trioactors.supervisor import SupervisorCell

__all__ = ["ActorCell", "Cell", "FunctionCell", "ResourceCell", "start_failure"]


@attrs.define(eq=False, repr=False)
class Cell:
    """One child of a supervisor."""

    name: str
    spec: ChildSpec | Supervisor
    runtime: Runtime
    parent: SupervisorCell | None
    body: Callable[[Any], Awaitable[None]]
    dynamic: bool = False
    """Whether it is forgotten when it ends or is stopped."""
    start_may_wait: bool = True
    """Whether a start runs code that could wait."""
    leaving: bool = False
    """Whether it is being stopped for good, with all below it."""
    status: ChildStatus = ChildStatus.UNDEFINED
    incarnation: int = 0
    life: Life | None = None
    last_exit: Exit | None = None
    since: float = 0.0
    """When its present life was begun, or its last one ended."""
    failure: Failure | None = None
    """The last of its lives that did not end in order."""
    watchers: Sequence[Callable[[Life], None]] = ()
    """Who is told when a life of its is ready, and when one has ended."""

    @property
    def path(self) -> str:
        """The names of its supervisors and its own, from the top."""
        names = [self.name.removeprefix(INTERNAL)]
        parent = self.parent
        while parent is not None:
            if not parent.name.startswith(INTERNAL):
                names.append(parent.name)
            parent = parent.parent
        return "/".join(reversed(names))

    @property
    def grace(self) -> float:
        """Seconds it may take to stop."""
        return self.runtime.settings.grace if self.spec.grace is None else self.spec.grace

    @property
    def start_timeout(self) -> float:
        """Seconds it may take to become ready."""
        return self.runtime.settings.start_timeout if self.spec.start_timeout is None else self.spec.start_timeout

    def leaves_for_good(self) -> bool:
        """Whether it, or a supervisor above it, is being stopped for good."""
        return self.leaving or (self.parent is not None and self.parent.leaves_for_good())

    def new_life(self) -> Life:
        """The next incarnation, not yet begun."""
        self.leaving = False
        self.incarnation += 1
        self.life = Life(self, self.incarnation)
        self.status = ChildStatus.STARTING
        self.since = self.runtime.now()
        allowed = self.start_timeout
        if allowed != math.inf and self.start_may_wait:
            self.life.deadline = self.since + allowed
            self.runtime.alarms.series(allowed).add(self.life)
        return self.life

    def current_envelope(self) -> Envelope | None:
        """The message in progress; only actors have one."""
        return None

    def ready(self, life: Life) -> None:
        """*life* may be used: its supervisor may go on to the next child."""
        if self.parent is not None and self.parent.shell is not None:
            self.parent.shell.child_ready(self, life)

    def ask(self, life: Life, reason: Exit) -> None:
        """Ask *life* to end for *reason*; how is the kind's business."""
        life.asked = life.asked or reason

    def end(self, life: Life, reason: Exit) -> Life | None:
        """*life* is over; the next one, if its task is to go on in it."""
        life.ended = self.last_exit = reason
        self.status = ChildStatus.UNDEFINED
        self.since = self.runtime.now()
        runtime = self.runtime
        ignored = life.ignored and isinstance(reason.error, Ignore)  # which is no failure
        if (why := self._fault(reason)) is not None and not ignored:
            self.failure = failure_of(life, why, self.since)
            runtime.failed += 1
        if life.grace is not None:
            life.grace.cancel()
        if runtime.observers.listeners:
            record = ChildExited(time=trio.current_time(), child=self.name, incarnation=life.number, reason=reason)
            runtime.observers.emit(record)
        life.tell()
        if reason.kind is CRASH and not ignored and not self._reported(life, reason):
            runtime.report(life, reason)
        if self.parent is not None and self.parent.shell is not None:
            return self.parent.shell.child_ended(self, life)
        return None

    def _reported(self, life: Life, reason: Exit) -> bool:
        """Whether somebody was told of *reason* already, or will be."""
        del life, reason
        return False

    def _fault(self, reason: Exit) -> Exit | None:
        """Why a life that ended for *reason* has failed, if it has."""
        return None if reason.orderly else reason

    def close(self, cause: str) -> None:
        """It will not come back by itself."""

    def forget(self) -> None:
        """It is gone for good: its name is free."""
        self.close("stopped for good")
        self.runtime.registry.release(self)

    def blockers(self) -> Iterator[Cell]:
        """Whom it waits for now."""
        life = self.life
        if life is not None and life.ended is None:
            yield from [target for wait in life.waits or () for target in wait.targets]
        elif self.parent is not None:
            yield self.parent

    def __repr__(self) -> str:
        """Its name, kind and state."""
        return f"<{self.spec.kind.value} {self.path}: {self.status.value}, incarnation {self.incarnation}>"


@attrs.define(eq=False, repr=False)
class FunctionCell(Cell):
    """A child that is an async function. It is asked to stop by cancelling it."""

    def ask(self, life: Life, reason: Exit) -> None:
        """Cancel it: a function has no other ear."""
        life.asked = life.asked or reason
        life.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def _reported(self, life: Life, reason: Exit) -> bool:
        """Why a store cannot be opened leaves `open_system` as itself."""
        return self.name == STORE and life.number == 1 and not life.ready and isinstance(reason.error, StoreError)


@attrs.define(eq=False, repr=False)
class ResourceCell(Cell):
    """A child that is an async context manager; *value* is what it yielded, while it runs."""

    value: Any = None
    held: trio.Event | None = None

    def ask(self, life: Life, reason: Exit) -> None:
        """Let it leave its context, with its grace for cleaning up; cancel it if it has not entered yet."""
        life.asked = life.asked or reason
        if self.held is not None:
            self.held.set()
        else:
            life.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def end(self, life: Life, reason: Exit) -> Life | None:
        """The value is gone with the life."""
        self.value = self.held = None
        return super().end(life, reason)


@attrs.define(eq=False, repr=False)
class ActorCell(Cell):
    """A child that is an actor."""

    plan: ActorPlan = attrs.field(kw_only=True)
    saver: Saver | None = attrs.field(default=None, init=False)
    """What commits its state, or did so last, where it is durable."""
    ref: Ref = attrs.field(init=False)
    mailbox: Mailbox = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.start_may_wait = "on_start" in self.plan.hooks or self.plan.keeping is not None
        self.mailbox = Mailbox(
            owner=self.name,
            limit=self.plan.mailbox or self.runtime.settings.mailbox,
            overflow=self.plan.overflow or Overflow.WAIT,
            activity=self.runtime.activity,
            bury=self._bury,
        )

    def _bury(self, envelope: Envelope, cause: str) -> None:
        self.runtime.bury(self.name, envelope, cause)

    def current_envelope(self) -> Envelope | None:
        """The message in progress."""
        return self.mailbox.current

    def timeout_of(self, spec: HandlerSpec) -> float:
        """The deadline of a call, in seconds: the handler's, else the actor's, else the system's."""
        for timeout in (spec.timeout, self.plan.timeout):
            if timeout is not None:
                return timeout
        return self.runtime.settings.call_timeout

    def new_life(self) -> Life:
        """The next incarnation. Starting counts as activity."""
        life = super().new_life()
        self.mailbox.closed = None
        self.mailbox.rouse()
        return life

    def ask(self, life: Life, reason: Exit) -> None:
        """Let it finish the message in progress, then end."""
        life.asked = life.asked or reason
        self.mailbox.rouse()
        if life.saver is not None:
            life.saver.bell.ring()

    def end(self, life: Life, reason: Exit) -> Life | None:
        """Settle what this incarnation owes: its message, its deferred replies, its timers."""
        mailbox = self.mailbox
        if life.saver is not None:
            life.saver.close()
        for timer in (life.timers or {}).values():
            timer.cancel()
        for call in life.deferred or ():
            ended = ActorStopped(f"{self.name} ended ({reason}) before it answered")
            call.fail(self.crashed(reason) if reason.kind is CRASH else ended)
        life.timers = life.deferred = None
        mailbox.current = None
        following = super().end(life, reason)
        if following is None:
            mailbox.rest()
        return following

    def close(self, cause: str) -> None:
        """Refuse and bury what waits."""
        was_open = self.mailbox.closed is None
        self.mailbox.close(self.stopped, cause)
        if was_open and self.life is not None:
            self.life.tell()  # that no life will follow is news to those who wait for one

    def forget(self) -> None:
        """Give its name back, and keep its account."""
        if not self.runtime.registry.knows(self):
            return
        self.runtime.registry.release(self)
        self.close("it was stopped for good")
        if self.mailbox.accepted:
            self.runtime.retire(self.mailbox)

    def stopped(self) -> ActorStopped:
        """The error for those who address it now."""
        if self.runtime.closed:
            return SystemClosed(f"{self.name}: its system is closed")
        why = f" ({self.last_exit})" if self.last_exit else ""
        if self.last_exit is not None and isinstance(self.last_exit.error, StateUnreadable):
            why = f": {self.last_exit.error}"
        elif self.life is not None and self.life.ignored:
            why = " (its start was ignored)"
        return ActorStopped(f"{self.name} does not run{why} and will not come back by itself")

    def crashed(self, reason: Exit) -> ActorCrashed:
        """The error for the caller of a message that was lost with its incarnation."""
        error = ActorCrashed(f"{self.name} ended ({reason}) before it answered")
        error.__cause__ = reason.error
        return error

    def too_late(self, call: Call) -> CallTimeout:
        """The error for a caller whose deadline passed: what the actor is doing, and what stands before this message."""
        now = trio.current_time()
        mailbox = self.mailbox
        busy = f"is {self.status.value} and idle"
        if (current := mailbox.current) is not None and self.life is not None:
            busy = f"has been handling {current.spec.name!r} for {now - self.life.began:g} s"
        elif self.status is not ChildStatus.RUNNING:
            busy = f"is {self.status.value}"
        if (saver := self.saver) is not None and saver.busy:
            busy += f" and waits for a commit since {now - saver.busy_since:g} s"
        begun = "this message had begun" if call.begun else "this message had not begun"
        graph = drawn(self)
        if self.runtime.observers.listeners:
            told = lineage_of(call).told
            self.runtime.observers.emit(CallTimedOut(time=now, child=self.name, handler=call.spec.name, begun=call.begun, **told))
        return CallTimeout(
            f"no answer to {call.spec.name!r} in time: {self.name} {busy}, {len(mailbox)} messages wait, {begun}"
            + (f"; {graph}" if graph else ""),
            begun=call.begun,
            inherited=call.inherited,
        )

    def __repr__(self) -> str:
        """Its state, and how many messages wait."""
        return (
            f"<actor {self.path}: {self.plan.name}, {self.status.value}, incarnation {self.incarnation}, "
            f"{len(self.mailbox)} waiting>"
        )


def start_failure(cell: Cell) -> StartFailed:
    """The error that says why *cell* did not start."""
    reason = cell.last_exit
    cause = reason if reason is None or reason.error is None else described(reason.error)
    error = StartFailed(f"{cell.path} could not be started: {cause}")
    error.__cause__ = None if reason is None else reason.error
    return error
