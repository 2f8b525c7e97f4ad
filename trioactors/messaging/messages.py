"""Messages on their way: envelopes, calls, and casts that wait for room.

An envelope holds a message as the tuple of its handler's arguments. The frozen message class of the handler is instantiated
only when the message is to be shown (a report, the console, a journal).

A `Call` is also the place where its caller is parked. The reply, the deadline, or the caller's cancellation ends the wait; the
first of them wins, and the others then do nothing. `caller` is None as soon as the wait has ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol

import attrs
import outcome
import trio
from trio.lowlevel import reschedule

from trioactors.errors import CallCycle, CallTimeout
from trioactors.messaging.definitions import HandlerSpec

__all__ = [
    "NOWHERE",
    "OUTSIDE",
    "Admission",
    "Call",
    "Causation",
    "Envelope",
    "Late",
    "Origin",
    "Receiver",
    "Sender",
    "Tick",
    "caller_of",
    "causation_of",
    "sent_of",
]

OUTSIDE: Final = "outside the system"
"""Shown as the sender when it is not a child of the system."""


class Origin(Protocol):
    """A child that sends messages."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def path(self) -> str:
        """The names of its supervisors and its own."""
        ...


class Sender(Protocol):
    """An incarnation that sends a message."""

    @property
    def child(self) -> Origin:
        """Its child."""
        ...


class Tick(Protocol):
    """A timer whose message is in a mailbox."""

    @property
    def fired(self) -> float:
        """When the message was sent, on Trio's clock."""
        ...

    def delivered(self) -> None:
        """Note that the message has left the mailbox."""
        ...


def caller_of(envelope: Envelope) -> str:
    """The sender of *envelope*, for display."""
    if envelope.sender is not None:
        return envelope.sender.child.path
    if isinstance(envelope, Call) and envelope.caller is not None:
        return f"{OUTSIDE} (task {envelope.caller.name})"
    return OUTSIDE


@attrs.frozen
class Causation:
    """The place of a message among those that led to it.

    Given only while observers are attached; each message then has a number.
    """

    message: int | None = None
    cause: int | None = None
    """The message whose handling sent it; None if it begins a chain."""
    correlation: int | None = None
    """The first message of the chain."""

    @property
    def as_fields(self) -> dict[str, int | None]:
        """The fields of trace records."""
        return {"message": self.message, "cause": self.cause, "correlation": self.correlation}

    def next(self, number: int) -> Causation:
        """The causation of message *number*, sent while this one is handled."""
        return Causation(number, self.message, number if self.correlation is None else self.correlation)


NOWHERE: Final = Causation()
"""The causation of a message sent while no observer was attached. What its handling sends begins a new chain."""


class Envelope:
    """A cast on its way. *sender* is the incarnation that sent it, or None from outside; *tick* is the timer, if a timer sent it."""

    __slots__ = ("began", "causation", "deadline", "sender", "sent", "spec", "tick", "values")

    sent: float
    """When it was sent. On a cast, set only while handlers are measured: read it with `sent_of`."""

    causation: Causation
    """Set only if observers are attached when the message is sent: read it with `causation_of`."""

    began: float | None
    """When its handler began. Not set on a cast before that."""

    gone: bool = False
    """Whether the caller is gone. Always False for a cast, which has no caller."""

    def __init__(
        self,
        spec: HandlerSpec,
        values: tuple[Any, ...],
        sender: Sender | None,
        deadline: float = math.inf,
        tick: Tick | None = None,
    ) -> None:
        self.spec = spec
        self.values = values
        self.sender = sender
        self.deadline = deadline
        self.tick = tick

    def reply(self, value: object) -> None:
        """Do nothing: a cast gets no reply."""

    def fail(self, error: BaseException) -> None:
        """Do nothing: a cast gets no reply."""

    @property
    def message(self) -> Any:
        """The message as an instance of its handler's message class."""
        return self.spec.made(self.values)

    def __repr__(self) -> str:
        """The kind and the handler. Arguments are left out because they may be secret."""
        return f"<{type(self).__name__.lower()} {self.spec.name}>"


def causation_of(envelope: Envelope) -> Causation:
    """The causation of *envelope*."""
    return getattr(envelope, "causation", NOWHERE)


def sent_of(envelope: Envelope) -> float | None:
    """When *envelope* was sent, or its timer fired, on Trio's clock. None for a cast sent while no handlers were measured."""
    sent = getattr(envelope, "sent", None)
    return envelope.tick.fired if sent is None and envelope.tick is not None else sent


class Admission(Envelope):
    """A cast that waits for room. *caller* is parked until it is in the mailbox."""

    __slots__ = ("_accepted", "caller", "gone")

    def __init__(
        self, cast: Envelope, caller: trio.lowlevel.Task | None, accepted: Callable[[Envelope], None] | None = None
    ) -> None:
        super().__init__(cast.spec, cast.values, cast.sender, cast.deadline)
        self.causation = causation_of(cast)
        if (sent := sent_of(cast)) is not None:
            self.sent = sent
        self.caller: trio.lowlevel.Task | None = caller
        self.gone = False
        self._accepted = accepted

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """Abort the wait: the caller was cancelled."""
        self.caller = None
        self.gone = True
        return trio.lowlevel.Abort.SUCCEEDED

    def accept(self) -> None:
        """Report that the message is in, and wake the caller, which would be too late to report it."""
        if self._accepted is not None:
            self._accepted(self)
        if self.caller is not None:
            caller, self.caller = self.caller, None
            reschedule(caller)

    def fail(self, error: BaseException) -> None:
        """Raise *error* in the caller: the message will never be in."""
        if self.caller is not None:
            self.gone = True
            caller, self.caller = self.caller, None
            reschedule(caller, outcome.Error(error))


class Late(Admission):
    """A cast released after a commit into a full mailbox; it waits for room without a caller."""

    __slots__ = ("_dead_letter", "_own_deadline")

    def __init__(
        self,
        cast: Envelope,
        deadline: float,
        dead_letter: Callable[[Envelope, str], None],
        accepted: Callable[[Envelope], None] | None = None,
    ) -> None:
        super().__init__(cast, None, accepted)
        self._own_deadline = cast.deadline
        self.deadline = min(deadline, cast.deadline)
        self._dead_letter: Callable[[Envelope, str], None] | None = dead_letter

    @property
    def pending(self) -> bool:
        """Whether it still waits for room."""
        return self._dead_letter is not None

    def accept(self) -> None:
        """Note that it is in the mailbox; from now on it is a cast like any other."""
        self._dead_letter = None
        self.deadline = self._own_deadline
        super().accept()

    def fire(self) -> None:
        """Give up: there was no room in time."""
        self._give_up("its mailbox was full for too long after the sender's commit")

    def fail(self, error: BaseException) -> None:
        """Give up: the actor stopped."""
        self._give_up(str(error))

    def _give_up(self, cause: str) -> None:
        if self._dead_letter is not None:
            dead_letter, self._dead_letter = self._dead_letter, None
            self.gone = True
            dead_letter(self, cause)


class Receiver(Protocol):
    """The actor that a call is sent to, as far as the call needs it."""

    def too_late(self, call: Call) -> CallTimeout:
        """The error for the caller when the deadline of *call* has passed."""
        ...

    def answered_late(self, spec: HandlerSpec, seconds: float) -> None:
        """Learn from a reply that came after the caller's deadline, *seconds* after its handler began."""
        ...


class Call(Envelope):
    """A message whose caller waits for the reply."""

    __slots__ = ("caller", "gone", "inherited", "left", "nested", "receiver")

    left: Callable[[], None]
    """Called once if the caller leaves before its reply. Set only on a call whose reply is deferred, or that was dropped."""

    def __init__(
        self,
        spec: HandlerSpec,
        values: tuple[Any, ...],
        sender: Sender | None,
        deadline: float,
        caller: trio.lowlevel.Task,
        receiver: Receiver,
        sent: float,
    ) -> None:
        self.spec = spec
        self.values = values
        self.sender = sender
        self.deadline = deadline
        self.tick: Tick | None = None
        self.nested: list[Call] | None = None
        self.caller: trio.lowlevel.Task | None = caller
        self.receiver = receiver
        self.sent = sent
        self.began = None
        self.gone = self.inherited = False

    @property
    def begun(self) -> bool:
        """Whether its handler has begun."""
        return self.began is not None

    @property
    def pending(self) -> bool:
        """Whether the caller still waits for the reply."""
        return self.caller is not None

    def reply(self, value: object) -> None:
        """Send the reply, if the caller still waits."""
        if self.caller is not None:
            caller, self.caller = self.caller, None
            reschedule(caller, outcome.Value(value))
        elif self.gone:
            self._answered_late()

    def fail(self, error: BaseException) -> None:
        """Raise *error* in the caller, if it still waits."""
        if self.caller is not None:
            caller, self.caller = self.caller, None
            reschedule(caller, outcome.Error(error))

    def cut_off(self, error: Exception) -> None:
        """End the wait of the caller with *error*. A message that has not begun never does: its caller was told that it failed."""
        if self.caller is not None:
            self.gone = True
            if isinstance(error, CallCycle):
                error.begun = self.begun
            self.fail(error)
            self._tell_left()

    def fire(self) -> None:
        """Raise `CallTimeout` in the caller: the deadline passed."""
        if self.caller is not None:
            self.gone = True
            self.fail(self.receiver.too_late(self))
            self._tell_left()
            self._expire_nested()

    def abandon(self, raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        """Abort the wait. If a deadline cancelled the caller, that deadline applies to the handler as well."""
        self.leave()
        if self.begun:
            try:
                raise_cancel()
            except trio.Cancelled as cancelled:  # noqa: ASYNC103 - raised only to read its source
                if cancelled.source == "deadline":
                    self._expire_nested()
            except KeyboardInterrupt:  # Trio delivers Ctrl-C to its main task, and raises it there again
                pass
        return trio.lowlevel.Abort.SUCCEEDED

    def leave(self, *, expired: bool = False) -> None:
        """Note that the caller waits no more. If a deadline of its own has *expired*, that applies to the handler as well."""
        self.caller = None
        self.gone = True
        self._tell_left()
        if expired and self.begun:
            self._expire_nested()

    def _tell_left(self) -> None:
        left = getattr(self, "left", None)
        if left is not None:
            left()

    def _answered_late(self) -> None:
        """The reply came after the caller had left. If that was because of its deadline, the call was begun with too little time."""
        now = trio.current_time()
        if self.began is not None and self.deadline <= now:
            self.receiver.answered_late(self.spec, now - self.began)

    @contextmanager
    def carrying(self, call: Call) -> Generator[None, None, None]:
        """In this block, *call* is made on behalf of this call, and cannot outlast it."""
        self.nested = [*(self.nested or ()), call]
        try:
            yield
        finally:
            self.nested = [other for other in self.nested or () if other is not call]

    def _expire_nested(self) -> None:
        """Expire the nested calls: the deadline of this call has passed."""
        self.deadline = min(self.deadline, trio.current_time())
        for call in tuple(self.nested or ()):
            call.inherited = True
            call.fire()
