"""Trace records: what already happened, as frozen data, and those who are told.

An observer sees everything and decides nothing: nobody waits for a record, and an observer that raises is dropped and logged. With no
observer attached no record is even made, so watching costs those who watch.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from trioactors.exits import Exit

__all__ = [
    "CallTimedOut",
    "ChildExited",
    "ChildIgnored",
    "ChildStartFailed",
    "ChildStarted",
    "CommitFailed",
    "GaveUp",
    "LoopHeld",
    "MessageAccepted",
    "MessageDeadLettered",
    "MessageHandled",
    "MessageRecord",
    "MessageShed",
    "Observer",
    "Observers",
    "Recorder",
    "RestartScheduled",
    "StateCommitted",
    "StoreCommitted",
    "TimerFired",
    "TraceRecord",
]

_log = logging.getLogger("trioactors")


@attrs.frozen(kw_only=True)
class TraceRecord:
    """Something happened to *child* at *time* (seconds on Trio's clock)."""

    time: float
    child: str


@attrs.frozen(kw_only=True)
class ChildStarted(TraceRecord):
    """A child is ready."""

    incarnation: int


@attrs.frozen(kw_only=True)
class ChildIgnored(TraceRecord):
    """A start ended by `Ignore`."""


@attrs.frozen(kw_only=True)
class ChildStartFailed(TraceRecord):
    """A start failed."""

    reason: Exit


@attrs.frozen(kw_only=True)
class ChildExited(TraceRecord):
    """A life ended."""

    incarnation: int
    reason: Exit


@attrs.frozen(kw_only=True)
class RestartScheduled(TraceRecord):
    """A restart is decided; it begins after *delay* seconds. *group* is who restarts with it, in start order."""

    delay: float
    group: tuple[str, ...]


@attrs.frozen(kw_only=True)
class GaveUp(TraceRecord):
    """A supervisor restarted its children too often and ends."""

    restarts: int


@attrs.frozen(kw_only=True)
class MessageRecord(TraceRecord):
    """Something happened to a message. All three numbers are None for one that was sent while nobody listened."""

    message: int | None = None
    """Its number, which all records of it bear. Numbers are counted up in one system, while somebody listens."""
    cause: int | None = None
    """The number of the message whose handling sent it; None where it begins a chain."""
    correlation: int | None = None
    """The number of the first message of the chain."""


@attrs.frozen(kw_only=True)
class MessageAccepted(MessageRecord):
    """A message entered a mailbox. *sender* is the sending actor, where it was one."""

    handler: str
    sender: str | None


@attrs.frozen(kw_only=True)
class MessageHandled(MessageRecord):
    """A handler ended after *seconds*; *error* names what it raised."""

    handler: str
    sender: str | None
    seconds: float
    error: str | None


@attrs.frozen(kw_only=True)
class MessageShed(MessageRecord):
    """A message was dropped unhandled: its caller had gone, its deadline passed, or its incarnation was over."""

    handler: str


@attrs.frozen(kw_only=True)
class MessageDeadLettered(MessageRecord):
    """An accepted message will never be delivered."""

    handler: str
    reason: str


@attrs.frozen(kw_only=True)
class CallTimedOut(MessageRecord):
    """A caller was told that time ran out."""

    handler: str
    begun: bool


@attrs.frozen(kw_only=True)
class TimerFired(MessageRecord):
    """A timer of an actor's *incarnation* became due and sent its message, which begins a chain."""

    handler: str
    incarnation: int


@attrs.frozen(kw_only=True)
class _Led(TraceRecord):
    """Something that messages have led to."""

    correlation: int | None = None
    """The number of the first message of the chain; None where several chains led to it, or none that is known."""


@attrs.frozen(kw_only=True)
class StateCommitted(_Led):
    """A durable actor's state of *size* bytes is kept, at *revision*."""

    revision: int
    size: int


@attrs.frozen(kw_only=True)
class CommitFailed(TraceRecord):
    """A durable actor's state could not be kept; *error* says why. It is back at the last commit, or will be tried again."""

    error: str


@attrs.frozen(kw_only=True)
class StoreCommitted(TraceRecord):
    """The store has answered one group of commits: *batches* records of *size* bytes together; *error* names what failed them all."""

    batches: int
    size: int
    error: str | None


@attrs.frozen(kw_only=True)
class LoopHeld(TraceRecord):
    """One task ran for *seconds* without letting any other run (`Settings.loop_held` and more). *child* is whose it was, if a child's.

    Only where the clock is a real one. The step has ended when this is told; it may have been the handling of several messages.
    """

    seconds: float
    task: str
    """What Trio calls it."""


Observer = Callable[[TraceRecord], None]
Kind = TypeVar("Kind", bound=TraceRecord)


class Observers:
    """Who is told."""

    def __init__(self) -> None:
        self.listeners: list[Observer] = []
        """Empty when nobody listens: look here before making a record."""
        self.changed: Callable[[], None] = lambda: None
        """Called when somebody comes or goes."""
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        """Who listens."""
        return f"<observers {self.listeners!r}>"

    def attach(self, observer: Observer) -> None:
        """Tell *observer* of everything from now on."""
        self.listeners.append(observer)
        self.changed()

    def detach(self, observer: Observer) -> None:
        """Tell it nothing more. Detaching one that is not attached is harmless."""
        if observer in self.listeners:
            self.listeners.remove(observer)
            self.changed()

    def number(self) -> int:
        """The number of one more message."""
        return next(self._numbers)

    def emit(self, record: TraceRecord) -> None:
        """Hand *record* to every observer."""
        for observer in tuple(self.listeners):
            try:
                observer(record)
            except Exception:  # a watcher must never stop what it watches
                self.detach(observer)
                _log.exception("observer %r failed and was dropped", observer)


class Recorder:
    """An observer that keeps the last *limit* records."""

    def __init__(self, limit: int = 10_000) -> None:
        self._records: deque[TraceRecord] = deque(maxlen=limit)
        self.lost = 0
        """How many older records the ring has dropped."""

    def __call__(self, record: TraceRecord) -> None:
        """Keep *record*."""
        self.lost += len(self._records) == self._records.maxlen
        self._records.append(record)

    def __iter__(self) -> Iterator[TraceRecord]:
        """What is kept, oldest first."""
        return iter(tuple(self._records))

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._records)

    def __repr__(self) -> str:
        """How full the ring is."""
        return f"<recorder: {len(self)} records, {self.lost} lost>"

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The records of one kind, oldest first."""
        return [record for record in self if isinstance(record, kind)]
