"""The lasting half of an actor: its mailbox, its ref and its saver, which survive restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import trio

from trioactors.errors import ActorCrashed, ActorStopped, CallTimeout, StateUnreadable, SystemClosed
from trioactors.errors.exits import CRASH, Exit
from trioactors.messaging.handlers import HandlerSpec
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Call, Envelope, lineage_of
from trioactors.messaging.overload import learned_from_late
from trioactors.settings import Overflow
from trioactors.supervision.child import Cell, Life
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.wait_graph import drawn
from trioactors.trace.records import CallTimedOut

if TYPE_CHECKING:
    from trioactors.actors.plan import ActorPlan
    from trioactors.actors.ref import Ref
    from trioactors.durability.saver import Saver

__all__ = ["ActorCell"]


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
            dead_letter=self._dead_letter,
        )

    def _dead_letter(self, envelope: Envelope, cause: str) -> None:
        self.runtime.accounts.dead_letter(self.name, envelope, cause)

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
            self.runtime.accounts.close_account(self.mailbox)

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

    def answered_late(self, spec: HandlerSpec, seconds: float) -> None:
        """Remember that *spec* needed longer than its caller had."""
        self.mailbox.needs = learned_from_late(self.mailbox.needs, spec.name, seconds)

    def __repr__(self) -> str:
        """Its state, and how many messages wait."""
        return (
            f"<actor {self.path}: {self.plan.name}, {self.status.value}, incarnation {self.incarnation}, "
            f"{len(self.mailbox)} waiting>"
        )
