"""What a ref sends: calls and casts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast

import attrs
import trio
from trio.lowlevel import checkpoint, current_root_task, current_task, wait_task_rescheduled

from trioactors.actors.causation import give_lineage
from trioactors.actors.child import ActorCell, ActorLife
from trioactors.durability.saver import Saver
from trioactors.errors import ActorStopped, DeliveryError
from trioactors.messaging.handlers import BoundHandler, HandlerSpec
from trioactors.messaging.mailbox import refused
from trioactors.messaging.messages import Admission, Call, Envelope, Late, lineage_of
from trioactors.scheduling.deadlines import Unordered
from trioactors.settings import Overflow
from trioactors.settings import seconds as checked_seconds
from trioactors.supervision.child import Life, current_life, waiting_life
from trioactors.supervision.wait_graph import waiting
from trioactors.trace.records import MessageAccepted

__all__ = ["RemoteHandler", "Sent"]

P = ParamSpec("P")

R = TypeVar("R")


class RemoteHandler(Generic[P, R]):
    """A handler on a ref: calling it sends a message and waits for the reply."""

    __slots__ = ("_cast_timeout", "_cell", "_deadlines", "_mailbox", "_root", "_runtime", "_spec", "_timeout", "_watchers")

    def __init__(self, cell: ActorCell, spec: HandlerSpec, timeout: float | None = None) -> None:
        self._cell = cell
        self._mailbox = cell.mailbox
        self._runtime = cell.runtime
        self._root = cell.runtime.root_task
        self._watchers = cell.runtime.observers.listeners
        self._spec = spec
        self._timeout = cell.timeout_of(spec) if timeout is None else timeout
        self._cast_timeout = timeout
        alarms = cell.runtime.alarms
        self._deadlines = alarms.series(self._timeout) if timeout is None else Unordered(alarms)

    def __repr__(self) -> str:
        """Whose handler it is."""
        return f"<handler {self._spec.name} of {self._cell!r}>"

    def within(self, seconds: float) -> BoundHandler[P, R]:
        """The same handler with a deadline of its own, in seconds, for calls and casts."""
        limited: RemoteHandler[P, R] = RemoteHandler(self._cell, self._spec, checked_seconds(seconds, "within"))
        return limited

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Deliver, and wait for the reply.

        Raises the handler's declared errors as themselves, `ActorCrashed`, `ActorStopped`, `MailboxFull`, `CallTimeout`, `CallCycle`,
        and `TypeError` where the arguments do not fit.
        """
        spec = self._spec
        runtime = self._runtime
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:  # no Trio runs in this thread
            here = False
        if not here:
            runtime.check_thread(self._cell)
        sender = current_life.get()
        now = runtime.now()
        call = Call(spec, values, sender, now + self._timeout, current_task(), self._cell, now)
        life = None if sender is None else waiting_life()
        try:
            if life is not None:
                return await self._nested(call, life)
            self._mailbox.put_call(call)
        except DeliveryError:  # at once, perhaps: a loop that tries again must not keep everybody else out
            await checkpoint()  # noqa: ASYNC120 - who is cancelled need not hear of the refusal as well
            raise
        self._deadlines.add(call)
        if self._watchers:
            give_lineage(call, runtime.observers)
            self._tell(call)
        return cast("R", await wait_task_rescheduled(call.abandon))

    async def _nested(self, call: Call, life: Life) -> R:
        """A call made while a handler waits: it is an edge of the wait-for graph, and it inherits the handler's deadline."""
        outer = life.message_in_progress()
        with waiting(life, call.fail, self._cell):
            if outer is not None and outer.deadline <= call.deadline:
                call.deadline = outer.deadline
                call.inherited = True
            self._mailbox.put_call(call)
            self._runtime.alarms.add(call.deadline, call)
            if self._watchers:
                give_lineage(call, self._runtime.observers)
                self._tell(call)
            if not isinstance(outer, Call):
                return cast("R", await wait_task_rescheduled(call.abandon))
            with outer.carrying(call):
                return cast("R", await wait_task_rescheduled(call.abandon))

    async def cast(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver and go on. A full mailbox makes it wait up to the call deadline; a checkpoint every time.

        Raises `ActorStopped`, `MailboxFull`, `CallCycle`, and `TypeError` where the arguments do not fit.
        """
        cast = self._envelope(args, kwargs)
        if self._watchers:
            give_lineage(cast, self._runtime.observers)
        await trio.lowlevel.checkpoint_if_cancelled()
        saver = _saver_of(cast)
        if saver is not None and saver.holding:
            self._hold(cast, saver)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        if self._mailbox.put(cast):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_for_room(cast)
        if self._watchers:
            self._tell(cast)

    def _hold(self, cast: Envelope, saver: Saver) -> None:
        """Sent by a durable handler: it leaves with the commit, so all that can be said now is what is impossible already."""
        mailbox = self._mailbox
        if mailbox.closed is not None:
            raise mailbox.closed()
        if len(mailbox) >= mailbox.limit and (
            mailbox.overflow is Overflow.FAIL or (cast.sender is not None and cast.sender.cell is self._cell)
        ):
            raise refused(mailbox)
        saver.hold(Sent(cast, self._cell, self._tell if self._watchers else None))

    async def _wait_for_room(self, cast: Envelope) -> None:
        mailbox = self._mailbox
        life = waiting_life()
        if mailbox.overflow is Overflow.FAIL or (life is not None and life.cell is self._cell):
            raise refused(mailbox)
        admission = Admission(cast, current_task())
        with waiting(life, admission.fail, self._cell), trio.move_on_after(self._timeout) as scope:
            mailbox.wait_for_room(admission)
            await wait_task_rescheduled(admission.abandon)
        if scope.cancelled_caught:
            raise refused(mailbox)

    def cast_nowait(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver and go on, or raise `MailboxFull` at once."""
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            simple = current_root_task() is self._root and self._cast_timeout is None
        except RuntimeError:  # no Trio runs in this thread
            simple = False
        cast = Envelope(spec, values, current_life.get()) if simple else self._envelope(args, kwargs)
        saver = _saver_of(cast)
        if saver is not None and saver.holding:
            if len(self._mailbox) >= self._mailbox.limit:
                raise refused(self._mailbox)
            if self._watchers:
                give_lineage(cast, self._runtime.observers)
            self._hold(cast, saver)
            return
        if not self._mailbox.put(cast):
            raise refused(self._mailbox)
        if self._watchers:
            give_lineage(cast, self._runtime.observers)
            self._tell(cast)

    def _envelope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Envelope:
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:
            here = False
        if not here:
            self._runtime.check_thread(self._cell)
        if self._cast_timeout is None:
            return Envelope(spec, values, current_life.get())
        return Envelope(spec, values, current_life.get(), self._runtime.now() + self._cast_timeout)

    def _tell(self, envelope: Envelope) -> None:
        sender = envelope.sender
        self._runtime.observers.emit(
            MessageAccepted(
                time=self._runtime.now(),
                child=self._cell.name,
                handler=self._spec.name,
                sender=sender.cell.name if sender is not None else None,
                **lineage_of(envelope).told,
            )
        )


def _saver_of(cast: Envelope) -> Saver | None:
    """What commits the state of the sender, where that is a durable actor."""
    sender = cast.sender
    return sender.saver if isinstance(sender, ActorLife) else None


@attrs.frozen(eq=False)
class Sent:
    """A cast."""

    envelope: Envelope
    cell: ActorCell
    accepted: Callable[[Envelope], None] | None = None
    """Told when it is in the mailbox, if somebody wants to know."""

    def release(self) -> None:
        """Put it into the mailbox: now, or when there is room within the call deadline. What finds none becomes a dead letter."""
        cell, cast = self.cell, self.envelope
        mailbox, runtime = cell.mailbox, cell.runtime
        try:
            accepted = mailbox.put(cast)
        except ActorStopped:
            runtime.accounts.dead_letter(cell.name, cast, "it stopped before the sender's state was committed")
            return
        if accepted:
            if self.accepted is not None:
                self.accepted(cast)
            return
        dead_letter = partial(runtime.accounts.dead_letter, cell.name)
        late = Late(cast, runtime.now() + runtime.settings.call_timeout, dead_letter, self.accepted)
        if mailbox.overflow is not Overflow.FAIL and mailbox.wait_for_room(late, bounded=True):
            runtime.alarms.add(late.deadline, late)
        else:
            mailbox.rejected += 1
            dead_letter(cast, "its mailbox was full when the sender's state was committed")

    def undo(self) -> None:
        """It was never sent."""
