"""An actor as a child: its mailbox, ref and saver, which survive restarts, and the data of one incarnation."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, cast

import attrs
import trio

from trioactors.actors.execution import Execution
from trioactors.actors.plan import ActorPlan
from trioactors.actors.tasks import ChildTasks
from trioactors.actors.timers import Timers
from trioactors.durability.saver import Saver
from trioactors.durability.write_behind import WriteBehind
from trioactors.errors import (
    ActorCrashed,
    ActorStopped,
    CallTimeout,
    HandlerTimeout,
    TrioactorsError,
    UsageError,
    WrongClass,
)
from trioactors.errors.exits import CRASH, Exit
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.mailbox import Mailbox, is_over
from trioactors.messaging.messages import Call, Envelope, causation_of
from trioactors.messaging.overload import learned_from_late
from trioactors.settings import Overflow
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.draining import refuse_outside
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind, ChildSpec, target_of
from trioactors.supervision.tree import status_of
from trioactors.supervision.unreadable import unreadable
from trioactors.supervision.wait_graph import drawn
from trioactors.trace.records import CallTimedOut

__all__ = ["ActorChild", "ActorIncarnation", "actor_crashed", "is_actor", "is_gone"]


@attrs.define(eq=False)
class ActorIncarnation(Incarnation):
    """One run of an actor, from a start to an exit."""

    actor: Any = attrs.field(default=None, repr=False)
    """The instance of the actor's class."""
    began: float = 0.0
    """When the handler in progress began, on Trio's clock."""
    fatal: Envelope | None = None
    """The message whose handling ended this incarnation."""
    fatal_caller: str = ""
    """The sender of that message."""
    deferral: Any = attrs.field(default=None, repr=False)
    """The token taken by the handler in progress with `context.defer()`, if any."""
    deferred: set[Call] | None = attrs.field(default=None, repr=False)
    """The calls whose deferred replies are still to be given."""
    timers: Timers | None = attrs.field(default=None, repr=False)
    tasks: ChildTasks | None = attrs.field(default=None, repr=False)
    in_plain_hook: bool = attrs.field(default=False, repr=False)
    """Whether `on_save` or `on_load` is running, perhaps in the task that ends a window or a commit."""
    saver: Saver | None = attrs.field(default=None, repr=False)
    """Commits the state of a durable actor."""

    def message_in_progress(self) -> Envelope | None:
        """The message being handled, if any."""
        return cast("ActorChild", self.child).mailbox.current

    def hurry(self) -> None:
        """Commit what a write-behind window holds, unless a handler is in progress."""
        if isinstance(self.saver, WriteBehind):
            self.saver.hurry()

    @property
    def owes_replies(self) -> bool:
        """Whether a deferred reply is still to be given to a caller that waits for it."""
        return any(call.pending for call in self.deferred or ())

    @property
    def state(self) -> Any:
        """The actor's state; None if it has none. Read here, it is not checked who reads it."""
        return cast("dict[str, Any]", vars(self.actor)).get("state")

    def check_on_self(self, what: str) -> None:
        """Raise `UsageError` unless the current task is in a handler or a hook of this incarnation, and may use *what* of the actor."""
        task = _current_task()
        if not self._in_message(task):
            raise UsageError(
                f"{self.child.name}: self.{what} was used {_named(task)}, beside the messages of the actor, so nothing of it would be "
                f"committed or undone with one. Use it in a handler or a hook only; elsewhere, send a message: "
                f"await self.{what}.cast(...), or await self.context.ref.{what}(...)"
            )

    def check_state(self, how: str) -> None:
        """Raise `UsageError` if the state is read or changed (*how*) beside the messages, and the system checks that."""
        if self.in_plain_hook or not self.child.runtime.check_state:
            return
        task = _current_task()
        if task is None and self.ended is None and cast("ActorChild", self.child).mailbox.active:
            return  # a thread that a handler waits for, as far as can be seen from inside of it
        if not self._in_message(task):
            raise UsageError(
                f"{self.child.name}: self.state was {how} {_named(task)}, beside the messages of the actor: what is read there can be half "
                f"changed or not committed, and what is written belongs to no message. Use self.state in handlers and hooks only. Give a "
                f"task what it needs as arguments (self.context.start_soon(self.fetch, self.state.url)), and let it send messages to read "
                f"or change the state: await self.context.ref.<handler>(...)"
            )

    def _in_message(self, task: trio.lowlevel.Task | None) -> bool:
        """Whether *task* is in a handler or a hook of this incarnation: its own task, or one in a nursery that waits there."""
        while task is not None and task is not self.task:
            nursery = task.parent_nursery
            task = None if nursery is None else nursery.parent_task
        return task is not None and self.ended is None and cast("ActorChild", self.child).mailbox.active

    async def run_limited(self, handler: str, seconds: float, body: Awaitable[object]) -> object:
        """Await *body*, the handler of the message in progress, for at most *seconds*. Raises `HandlerTimeout`."""
        execution = Execution(handler, seconds, self.began + seconds, self, self._limit_passed)
        self.child.runtime.deadlines.series(seconds).add(execution)
        return await execution.run(body)

    def _limit_passed(self, error: HandlerTimeout) -> None:
        """Crash for *error*, however the handler in progress ends, and tell its caller."""
        if self.failure is None:
            self.failure = error
        message = self.message_in_progress()
        if message is not None:
            message.fail(actor_crashed(cast("ActorChild", self.child), Exit(CRASH, error=self.failure)))

    def discard_deferred(self, call: Call) -> None:
        """Forget the deferred reply to *call*."""
        if self.deferred is not None:
            self.deferred.discard(call)
            self.child.runtime.resting.wake()

    def _owner(self) -> str:
        """The class of the actor."""
        return cast("ActorChild", self.child).plan.name

    def _fatal_message(self) -> tuple[Envelope | None, str]:
        return self.fatal, self.fatal_caller


@attrs.define(eq=False, repr=False)
class ActorChild(Child):
    """A child that is an actor."""

    plan: ActorPlan = attrs.field(kw_only=True)
    saver: Saver | None = attrs.field(default=None, init=False)
    """The saver of the present incarnation, or of the last one. Durable actors only."""
    mailbox: Mailbox = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.start_may_wait = "on_start" in self.plan.hooks or self.plan.durable_state is not None
        self.mailbox = Mailbox(
            owner=self.name,
            limit=self.plan.mailbox or self.runtime.settings.mailbox,
            overflow=self.plan.overflow or Overflow.WAIT,
            activity=self.runtime.activity,
            dead_letter=self._dead_letter,
        )

    def _dead_letter(self, envelope: Envelope, cause: str) -> None:
        self.runtime.accounts.dead_letter(self.name, envelope, cause)

    @property
    def present(self) -> ActorIncarnation | None:
        """The present incarnation, or the last one."""
        return cast("ActorIncarnation | None", self.current)

    @property
    def busy(self) -> bool:
        """Whether messages are waiting, or a handler or a commit is in progress."""
        return self.mailbox.active or (self.saver is not None and self.saver.busy)

    def mailboxes(self) -> Sequence[Mailbox]:
        """The actor's mailbox."""
        return (self.mailbox,)

    def offer(self, kind: type) -> Any:
        """The actor's ref. Raises `WrongClass` if the actor is not a *kind*."""
        if not is_actor(self, target_of(kind)):
            raise WrongClass(self.name, getattr(kind, "__name__", repr(kind)), self.plan.name)
        return self.ref

    def _make_incarnation(self, number: int) -> Incarnation:
        return ActorIncarnation(self, number)

    def new_incarnation(self) -> Incarnation:
        """The next incarnation. The mailbox counts as active from here on."""
        incarnation = super().new_incarnation()
        if is_over(self.mailbox):
            self.mailbox.closed = None
        if self.runtime.draining and self.spec.drain != 0:
            refuse_outside(self)
        self.mailbox.wake()
        return incarnation

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Let the actor finish the message in progress, then stop."""
        super().request_stop(incarnation, reason)
        self.mailbox.wake()
        own = cast("ActorIncarnation", incarnation)
        if self.runtime.forced is not None:
            own.hurry()
        saver = own.saver
        if saver is not None:
            saver.parking.wake()

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Settle what the incarnation leaves open: its message, deferred replies and timers."""
        mailbox, own = self.mailbox, cast("ActorIncarnation", incarnation)
        if own.saver is not None:
            own.saver.close()
        if own.timers is not None:
            own.timers.close()
        for call in own.deferred or ():
            ended = ActorStopped(f"{self.name} exited ({reason}) before it replied")
            call.fail(actor_crashed(self, reason) if reason.kind is CRASH else ended)
        own.timers = own.deferred = None
        mailbox.current = None
        following = super().end(incarnation, reason)
        if following is None:
            mailbox.set_idle()
            self.runtime.resting.wake()
        return following

    def close(self, cause: str) -> None:
        """Refuse the waiting calls and turn the waiting casts into dead letters."""
        self.mailbox.close(self.stopped, cause)
        super().close(cause)
        self.runtime.resting.wake()

    def forget(self) -> None:
        """Release the name, and keep the account of the mailbox."""
        if self.parent is None or not self.parent.release(self):
            return
        self.close("it was stopped for good")
        if self.mailbox.accepted:
            self.runtime.accounts.close_account(self.mailbox)

    def stopped(self) -> TrioactorsError:
        """The error for messages sent to the actor now."""
        if self.runtime.closed:
            return self.runtime.over(f"{self.name}: its system is closed")
        if (error := unreadable(self)) is not None:
            return ActorStopped(f"{self.name} is down: {error}")
        if self.status is ChildStatus.FAILED:
            return ActorStopped(
                f"{self.name} failed: {self.restarts.history} for one child, and the last exit was {self.last_exit}. "
                f"It stays down until it is restarted by hand, for example with ta.restart(ref)"
            )
        why = f" ({self.last_exit})" if self.last_exit else ""
        if self.current is not None and self.current.ignored:
            why = " (its start was ignored)"
        return ActorStopped(f"{self.name} is not running{why} and will not be restarted")

    def too_late(self, call: Call) -> CallTimeout:
        """The error for a caller whose deadline passed: what the actor is doing, and how many messages wait."""
        now = trio.current_time()
        mailbox = self.mailbox
        busy = f"is {status_of(self).value} and idle"
        if (current := mailbox.current) is not None and self.present is not None:
            busy = f"has been handling {current.spec.name!r} for {now - self.present.began:g} s"
            if current.spec.execution_timeout is not None:
                busy += f" (execution_timeout: {current.spec.execution_timeout:g} s)"
        elif self.status is not ChildStatus.RUNNING:
            busy = f"is {status_of(self).value}"
        elif mailbox.pause:
            busy = "is paused (see ta.resume)"
        if (saver := self.saver) is not None and saver.busy:
            busy += f" and has been waiting for a commit for {now - saver.busy_since:g} s"
        begun = "this message had begun" if call.begun else "this message had not begun"
        graph = drawn(self)
        if self.runtime.observers.listeners:
            fields = causation_of(call).as_fields
            self.runtime.observers.emit(CallTimedOut(time=now, child=self.name, handler=call.spec.name, begun=call.begun, **fields))
        return CallTimeout(
            f"no reply to {call.spec.name!r} in time: {self.name} {busy}, {len(mailbox)} messages wait, {begun}"
            + (f"; {graph}" if graph else ""),
            begun=call.begun,
            inherited=call.inherited,
        )

    def answered_late(self, spec: HandlerSpec, seconds: float) -> None:
        """Remember that *spec* took longer than its caller could wait, if messages wait that could be too late for the same reason.

        Otherwise the actor is not overloaded, even if a handler runs: a commit can be late at any moment. A call that came to a free
        actor in this very moment does not wait.
        """
        mailbox = self.mailbox
        free = mailbox.current is None and (self.saver is None or not self.saver.blocked)
        first = mailbox.queue[0] if mailbox.queue else None
        if first is not None and not (free and isinstance(first, Call) and first.sent >= self.runtime.now()):
            mailbox.needs = learned_from_late(mailbox.needs, spec.name, seconds)

    def __repr__(self) -> str:
        """The status, and how many messages wait."""
        return (
            f"<actor {self.path}: {self.plan.name}, {status_of(self).value}, incarnation {self.incarnation}, "
            f"{len(self.mailbox)} waiting>"
        )


def _current_task() -> trio.lowlevel.Task | None:
    """The current task; None if Trio does not run in this thread."""
    try:
        return trio.lowlevel.current_task()
    except RuntimeError:
        return None


def _named(task: trio.lowlevel.Task | None) -> str:
    return "outside Trio" if task is None else f"in the task {task.name}"


def actor_crashed(child: ActorChild, reason: Exit) -> ActorCrashed:
    """The error for the caller of a message that was lost with its incarnation."""
    error = ActorCrashed(f"{child.name} exited ({reason}) before it replied")
    error.__cause__ = reason.error
    return error


def is_gone(child: ActorChild) -> bool:
    """Whether *child* has exited and will not be restarted. It can still be started again by hand, if its supervisor knows it."""
    return is_over(child.mailbox) and (child.current is None or child.current.ended is not None)


def is_actor(child: Child, kind: object) -> bool:
    """Whether *child* is an actor of the class *kind* or a subclass of it."""
    spec = child.spec
    if not isinstance(spec, ChildSpec) or spec.kind is not ChildKind.ACTOR:
        return False
    made = target_of(spec.make)
    return isinstance(made, type) and isinstance(kind, type) and issubclass(made, kind)
