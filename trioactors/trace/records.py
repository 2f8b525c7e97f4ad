"""Trace records: what already happened, as frozen data, and those who are told.

An observer sees everything and decides nothing: nobody waits for a record, and an observer that raises is dropped and logged. With no
observer attached no record is even made, so watching costs those who watch.
"""

from __future__ import annotations

import attrs

from trioactors.errors.exits import Exit

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
    "RestartScheduled",
    "StateCommitted",
    "StoreCommitted",
    "TimerFired",
    "TraceRecord",
]


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
