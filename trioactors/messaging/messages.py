"""Messages on their way, and the account of where they went.

An envelope holds a message as the tuple of its handler's arguments; the frozen message class that each handler yields is made from it
only when somebody wants to look (a report, the console, a journal).

A `Call` is also the place where its caller is parked. Three things can end the wait, each exactly once, and the first one wins: the
reply, the deadline, the caller's cancellation. `caller` is None before the caller has parked and after the wait ended.
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

from trioactors.errors import CallTimeout
from trioactors.messaging.handlers import HandlerSpec

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
]

OUTSIDE: Final = "outside the system"
"""Who is no child of it, for people."""


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
        """The message leaves the mailbox."""
        ...


def caller_of(envelope: Envelope) -> str:
    """Who sent *envelope*, for people."""
    if envelope.sender is not None:
        return envelope.sender.child.path
    if isinstance(envelope, Call) and envelope.caller is not None:
        return f"{OUTSIDE} (task {envelope.caller.name})"
    return OUTSIDE


@attrs.frozen
class Causation:
    """Where a message stands among those that led to it. It is given only while somebody listens; then each message has a number."""

    message: int | None = None
    cause: int | None = None
    """The message whose handling sent it; None where it begins a chain."""
    correlation: int | None = None
    """The first message of the chain."""

    @property
    def as_fields(self) -> dict[str, int | None]:
        """As trace records tell it."""
        return {"message": self.message, "cause": self.cause, "correlation": self.correlation}

    def next(self, number: int) -> Causation:
        """That of the message *number*, which the handling of this one sent."""
        return Causation(number, self.message, number if self.correlation is None else self.correlation)


NOWHERE: Final = Causation()
"""That of a message which was sent while nobody listened. What its handling sends begins a chain of its own."""


class Envelope:
    """A cast on its way. *sender* is the incarnation that sent it, or None from outside; *tick* marks a timer's."""

    __slots__ = ("began", "causation", "deadline", "sender", "spec", "tick", "values")

    causation: Causation
    """Set only if somebody listens when it is sent; `causation_of` knows."""

    began: float | None
    """When its handler was begun; for a cast, nobody asks before it was."""

    gone: bool = False
    """Whether nobody waits for it any more. A cast has no caller that could leave."""

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
        """Nobody waits for the answer to a cast."""

    def fail(self, error: BaseException) -> None:
        """Nobody waits for the answer to a cast."""

    @property
    def message(self) -> Any:
        """The message as a frozen value of its handler's message class."""
        return self.spec.message(*self.values)

    def __repr__(self) -> str:
        """The kind of envelope and its handler; arguments may be secret."""
        return f"<{type(self).__name__.lower()} {self.spec.name}>"


def causation_of(envelope: Envelope) -> Causation:
    """Where *envelope* stands among those that led to it."""
    return getattr(envelope, "causation", NOWHERE)


class Admission(Envelope):
    """A cast that waits for room; *caller* is parked until it is in the mailbox."""

    __slots__ = ("caller", "gone")

    def __init__(self, cast: Envelope, caller: trio.lowlevel.Task | None) -> None:
        super().__init__(cast.spec, cast.values, cast.sender, cast.deadline)
        self.causation = causation_of(cast)
        self.caller: trio.lowlevel.Task | None = caller
        self.gone = False

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """The caller was cancelled."""
        self.caller = None
        self.gone = True
        return trio.lowlevel.Abort.SUCCEEDED

    def accept(self) -> None:
        """Let the caller go on: the message is in."""
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
    """A cast that left with its sender's commit and found the mailbox full: it waits for room, and nobody waits for it."""

    __slots__ = ("_accepted", "_dead_letter", "_own_deadline")

    def __init__(
        self,
        cast: Envelope,
        deadline: float,
        dead_letter: Callable[[Envelope, str], None],
        accepted: Callable[[Envelope], None] | None = None,
    ) -> None:
        super().__init__(cast, None)
        self._own_deadline = cast.deadline
        self.deadline = min(deadline, cast.deadline)
        self._dead_letter: Callable[[Envelope, str], None] | None = dead_letter
        self._accepted = accepted

    @property
    def pending(self) -> bool:
        """Whether it still waits for room."""
        return self._dead_letter is not None

    def accept(self) -> None:
        """It is in. From here on it is a cast like any other."""
        self._dead_letter = None
        self.deadline = self._own_deadline
        if self._accepted is not None:
            self._accepted(self)

    def fire(self) -> None:
        """There was no room in time."""
        self._give_up("its mailbox was full for too long after the sender's commit")

    def fail(self, error: BaseException) -> None:
        """The actor stopped."""
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
        """Learn from a reply that came after its caller's deadline, *seconds* after its handler had begun."""
        ...


class Call(Envelope):
    """A message whose caller waits for the reply."""

    __slots__ = ("caller", "gone", "inherited", "nested", "receiver", "sent")

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
        """Whether its handler was begun."""
        return self.began is not None

    @property
    def pending(self) -> bool:
        """Whether somebody still waits for the reply."""
        return self.caller is not None

    def reply(self, value: object) -> None:
        """Answer the caller, if it still waits."""
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

    def fire(self) -> None:
        """The deadline passed."""
        if self.caller is not None:
            self.gone = True
            self.fail(self.receiver.too_late(self))
            self._expire_nested()

    def abandon(self, raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        """The caller was cancelled. If its deadline is why, that deadline is the handler's too."""
        self.caller = None
        self.gone = True
        if self.begun:
            try:
                raise_cancel()
            except trio.Cancelled as cancelled:  # noqa: ASYNC103 - made only to be asked where it comes from
                if cancelled.source == "deadline":
                    self._expire_nested()
            except KeyboardInterrupt:  # Trio asks its main task to take a Ctrl-C, and raises it there once more
                pass
        return trio.lowlevel.Abort.SUCCEEDED

    def _answered_late(self) -> None:
        """The answer came when the caller had gone. If that was for its deadline, too little was left when this was begun."""
        now = trio.current_time()
        if self.began is not None and self.deadline <= now:
            self.receiver.answered_late(self.spec, now - self.began)

    @contextmanager
    def carrying(self, call: Call) -> Generator[None, None, None]:
        """While in this block, *call* is made on behalf of this one and cannot outlast it."""
        self.nested = [*(self.nested or ()), call]
        try:
            yield
        finally:
            self.nested = [other for other in self.nested or () if other is not call]

    def _expire_nested(self) -> None:
        """This call's time is up, so what its handler waits for has none left."""
        self.deadline = min(self.deadline, trio.current_time())
        for call in tuple(self.nested or ()):
            call.inherited = True
            call.fire()
