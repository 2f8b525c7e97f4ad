"""Calls and casts: what a handler on a ref sends.

The three entry points (`__call__`, `cast`, `cast_nowait`) repeat a few lines on purpose. They run once for each message, and a
helper function would cost more than the work in it. For the same reason a `RemoteHandler` keeps the mailbox, the root task and
the observers as attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast

import attrs
import trio
from outcome import Outcome
from trio.lowlevel import checkpoint, current_root_task, current_task, wait_task_rescheduled

from trioactors.actors.causation import give_causation
from trioactors.actors.child import ActorChild, ActorIncarnation
from trioactors.durability.saver import Saver
from trioactors.errors import ActorStopped, DeliveryError
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.gathered_call import GatheredCall
from trioactors.messaging.handlers import BoundHandler
from trioactors.messaging.mailbox import Mailbox, is_over, refused
from trioactors.messaging.messages import Admission, Call, Envelope, Late, Sender, causation_of
from trioactors.settings import Overflow
from trioactors.settings import seconds as checked_seconds
from trioactors.supervision.child import Incarnation, current_incarnation, waiting_incarnation
from trioactors.supervision.wait_graph import waiting
from trioactors.trace.records import MessageAccepted

__all__ = ["RemoteHandler", "Sent"]

P = ParamSpec("P")

R = TypeVar("R")


class RemoteHandler(Generic[P, R]):
    """A handler on a ref: calling it sends a message and waits for the reply.

        await counter.add(2)                    # call
        await counter.add.cast(2)               # cast
        await counter.add.within(0.5)(2)        # call with a deadline of its own

    It is made when the attribute is first used, and then kept on the ref.
    """

    __slots__ = ("_add_deadline", "_cast_timeout", "_child", "_mailbox", "_root", "_runtime", "_spec", "_timeout", "_watchers")

    def __init__(self, child: ActorChild, spec: HandlerSpec, timeout: float | None = None) -> None:
        self._child = child
        self._mailbox = child.mailbox
        self._runtime = child.runtime
        self._root = child.runtime.root_task
        self._watchers = child.runtime.observers.watching
        self._spec = spec
        self._timeout = _call_timeout(child, spec) if timeout is None else timeout
        self._cast_timeout = timeout
        deadlines = child.runtime.deadlines
        self._add_deadline: Callable[[Call], None] = (
            deadlines.series(self._timeout).add if timeout is None else lambda call: deadlines.add(call.deadline, call)
        )

    def __repr__(self) -> str:
        """The handler and its actor."""
        return f"<handler {self._spec.name} of {self._child!r}>"

    def within(self, seconds: float) -> BoundHandler[P, R]:
        """The same handler with its own deadline for calls and casts, in seconds."""
        limited: RemoteHandler[P, R] = RemoteHandler(self._child, self._spec, checked_seconds(seconds, "within"))
        return limited

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Deliver the message, and wait for the reply.

        Raises the handler's declared errors as themselves, `ActorCrashed`, `ActorStopped`, `MailboxFull`, `CallTimeout`,
        `CallCycle`, and `TypeError` if the arguments do not fit.
        """
        spec = self._spec
        runtime = self._runtime
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:  # Trio does not run in this thread
            here = False
        if not here:
            runtime.check_thread(self._child)
        sender = current_incarnation.get()
        now = runtime.now()
        call = Call(spec, values, sender, now + self._timeout, current_task(), self._child, now)
        incarnation = None if sender is None else waiting_incarnation()
        try:
            if incarnation is not None:
                return await self._nested(call, incarnation)
            self._mailbox.put_call(call)
        except DeliveryError:  # possibly without any wait: yield, so that a retry loop does not starve other tasks
            await checkpoint()  # noqa: ASYNC120 - if the caller is cancelled, it need not see the refusal
            raise
        self._add_deadline(call)
        if self._watchers and runtime.observers.listeners:
            give_causation(call, runtime.observers)
            self._emit(call)
        # The caller parks in the call itself: no event, and no cancel scope for the deadline.
        return cast("R", await wait_task_rescheduled(call.abandon))

    async def _nested(self, call: Call, incarnation: Incarnation) -> R:
        """A call made inside a handler: an edge of the wait-for graph, and bound by the handler's own deadline."""
        outer = incarnation.message_in_progress()
        with waiting(incarnation, call.cut_off, self._child):
            if isinstance(outer, Call) and outer.deadline <= call.deadline:  # that of a cast limits its wait in the mailbox only
                call.deadline = outer.deadline
                call.inherited = True
            self._mailbox.put_call(call)
            self._runtime.deadlines.add(call.deadline, call)
            if self._watchers and self._runtime.observers.listeners:
                give_causation(call, self._runtime.observers)
                self._emit(call)
            if not isinstance(outer, Call):
                return cast("R", await wait_task_rescheduled(call.abandon))
            with outer.carrying(call):
                return cast("R", await wait_task_rescheduled(call.abandon))

    def send(self, args: Any, kwargs: Any, answered: Callable[[Outcome[Any]], None], waiter: Incarnation | None) -> GatheredCall:
        """Deliver a call whose answer, also a refusal, is given to *answered*. The handler of *waiter* waits for it.

        Raises `TypeError` if the arguments do not fit, `WrongThread` and `SystemClosed`.
        """
        runtime, spec = self._runtime, self._spec
        values = spec.bind(args, kwargs)
        runtime.check_thread(self._child)
        now, sender = runtime.now(), current_incarnation.get()
        call = GatheredCall(spec, values, sender, now + self._timeout, current_task(), self._child, now, answered=answered)
        try:
            if waiter is not None:
                call.edges.enter_context(waiting(waiter, call.cut_off, self._child))
                if isinstance(outer := waiter.message_in_progress(), Call):
                    call.inherited = outer.deadline <= call.deadline
                    call.deadline = min(call.deadline, outer.deadline)
                    call.edges.enter_context(outer.carrying(call))
            self._mailbox.put_call(call)
        except DeliveryError as error:
            call.fail(error)
            return call
        runtime.deadlines.add(call.deadline, call)
        if self._watchers and runtime.observers.listeners:
            give_causation(call, runtime.observers)
            self._emit(call)
        return call

    async def cast(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver the message and go on. If the mailbox is full, wait for room up to the call deadline. Always a checkpoint.

        Raises `ActorStopped`, `MailboxFull`, `CallCycle`, and `TypeError` if the arguments do not fit.
        """
        cast = self._envelope(args, kwargs)
        if self._watchers:
            give_causation(cast, self._runtime.observers)
        await trio.lowlevel.checkpoint_if_cancelled()  # a cancelled cast is not sent: the checkpoints after this one are shielded
        saver = None if cast.sender is None else _saver_of(cast.sender)
        if saver is not None and saver.holding:
            self._hold(cast, saver)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        if self._mailbox.put(cast):
            if self._watchers:  # before the checkpoint, in which the message may be handled
                self._emit(cast)
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_for_room(cast)

    def _hold(self, cast: Envelope, saver: Saver) -> None:
        """Hold a cast of a durable handler until its commit. Refuse it now only if it could never be delivered."""
        mailbox = self._mailbox
        if mailbox.closed is not None:
            mailbox.closed.check(cast.sender)
        if len(mailbox) >= mailbox.limit and (
            mailbox.overflow is Overflow.FAIL or (cast.sender is not None and cast.sender.child is self._child)
        ):
            raise refused(mailbox)
        saver.hold(Sent(cast, self._child, self._emit if self._watchers else None))

    async def _wait_for_room(self, cast: Envelope) -> None:
        mailbox = self._mailbox
        incarnation = waiting_incarnation()
        if mailbox.overflow is Overflow.FAIL or (incarnation is not None and incarnation.child is self._child):
            raise refused(mailbox)
        admission = Admission(cast, current_task(), self._admitted)
        with waiting(incarnation, admission.fail, self._child), trio.move_on_after(self._timeout) as scope:
            mailbox.wait_for_room(admission)
            await wait_task_rescheduled(admission.abandon)
        if scope.cancelled_caught:
            raise refused(mailbox)

    def cast_nowait(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver the message and go on, or raise `MailboxFull` at once."""
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            simple = current_root_task() is self._root and self._cast_timeout is None
        except RuntimeError:  # Trio does not run in this thread; `_envelope` raises the error for that
            simple = False
        # `_envelope` does all of this; the common case is inlined.
        cast = Envelope(spec, values, current_incarnation.get()) if simple else self._envelope(args, kwargs)
        saver = None if cast.sender is None else _saver_of(cast.sender)
        if saver is not None and saver.holding:
            if len(self._mailbox) >= self._mailbox.limit:
                raise refused(self._mailbox)
            if self._watchers:
                give_causation(cast, self._runtime.observers)
            self._hold(cast, saver)
            return
        if not self._mailbox.put(cast):
            raise refused(self._mailbox)
        if self._watchers:
            cast.sent = self._runtime.now()
            if self._runtime.observers.listeners:
                give_causation(cast, self._runtime.observers)
                self._emit(cast)

    def _envelope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Envelope:
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:
            here = False
        if not here:
            self._runtime.check_thread(self._child)
        if self._cast_timeout is None:
            return Envelope(spec, values, current_incarnation.get())
        return Envelope(spec, values, current_incarnation.get(), self._runtime.now() + self._cast_timeout)

    def _admitted(self, cast: Envelope) -> None:
        if self._watchers:
            self._emit(cast)

    def _emit(self, envelope: Envelope) -> None:
        if not self._runtime.observers.listeners:
            return
        sender = envelope.sender
        self._runtime.observers.emit(
            MessageAccepted(
                time=self._runtime.now(),
                child=self._child.name,
                handler=self._spec.name,
                sender=sender.child.name if sender is not None else None,
                **causation_of(envelope).as_fields,
            )
        )


def _call_timeout(child: ActorChild, spec: HandlerSpec) -> float:
    """The deadline of a call in seconds: the handler's, else the actor's, else the system's."""
    for timeout in (spec.timeout, child.plan.timeout):
        if timeout is not None:
            return timeout
    return child.runtime.settings.call_timeout


def _saver_of(sender: Sender) -> Saver | None:
    """The saver of *sender*, if that is a durable actor."""
    return sender.saver if isinstance(sender, ActorIncarnation) else None


@attrs.frozen(eq=False)
class Sent:
    """A cast that leaves with the commit of its sender."""

    envelope: Envelope
    child: ActorChild
    accepted: Callable[[Envelope], None] | None = None
    """Called when the message is in the mailbox; set only while observers are attached."""

    def release(self) -> None:
        """Deliver it now, or when there is room within the call deadline. If there is none in time, it becomes a dead letter."""
        child, cast = self.child, self.envelope
        mailbox, runtime = child.mailbox, child.runtime
        if runtime.observers.meter is not None:
            cast.sent = runtime.now()
        try:
            accepted = mailbox.put(cast)
        except ActorStopped:
            if not is_over(mailbox):  # it is drained, and this message was sent before that
                self._admit_late(mailbox)
                return
            runtime.accounts.dead_letter(child.name, cast, "it stopped before the sender's state was committed")
            return
        if accepted:
            if self.accepted is not None:
                self.accepted(cast)
            return
        dead_letter = partial(runtime.accounts.dead_letter, child.name)
        late = Late(cast, runtime.now() + runtime.settings.call_timeout, dead_letter, self.accepted)
        if mailbox.overflow is not Overflow.FAIL and mailbox.wait_for_room(late, bounded=True):
            runtime.deadlines.add(late.deadline, late)
        else:
            mailbox.rejected += 1
            dead_letter(cast, "its mailbox was full when the sender's state was committed")

    def _admit_late(self, mailbox: Mailbox) -> None:
        mailbox.put_tick(self.envelope)
        if self.accepted is not None:
            self.accepted(self.envelope)

    def undo(self, _: Exception | None) -> None:
        """Drop it: it was never sent."""
