"""Trace records: what already happened, as frozen data.

Records are made only while observers are attached, so without observers they cost nothing. No code waits for a record.
"""

from __future__ import annotations

import attrs

from trioactors.errors.exits import Exit

__all__ = [
    "AlertCleared",
    "AlertRaised",
    "CallTimedOut",
    "ChildExited",
    "ChildFailed",
    "ChildIgnored",
    "ChildStartFailed",
    "ChildStarted",
    "CommitFailed",
    "Drained",
    "GaveUp",
    "HandlerOverran",
    "LoopHeld",
    "MessageAccepted",
    "MessageDeadLettered",
    "MessageHandled",
    "MessageRecord",
    "MessageShed",
    "RestartScheduled",
    "StateCommitted",
    "StopForced",
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
    """A start was declined with `Ignore`."""


@attrs.frozen(kw_only=True)
class ChildStartFailed(TraceRecord):
    """A start failed."""

    reason: Exit


@attrs.frozen(kw_only=True)
class ChildExited(TraceRecord):
    """An incarnation exited for *reason*."""

    incarnation: int
    reason: Exit


@attrs.frozen(kw_only=True)
class ChildFailed(TraceRecord):
    """A child has used up its own budget: *restarts* within its period. It stays down until it is restarted by hand."""

    restarts: int
    reason: Exit
    """The last exit."""


@attrs.frozen(kw_only=True)
class RestartScheduled(TraceRecord):
    """A restart was decided; it begins after *delay* seconds. *group* names the children to start, in start order."""

    delay: float
    group: tuple[str, ...]


@attrs.frozen(kw_only=True)
class GaveUp(TraceRecord):
    """A supervisor gives up after *restarts* restarts within the period of its intensity, and stops."""

    restarts: int


@attrs.frozen(kw_only=True)
class Drained(TraceRecord):
    """A drain is over after *seconds*. *child* is the actor, or `:root` for a whole system."""

    seconds: float
    left: int
    """The number of messages that still wait: the drain took too long, or the stop was forced."""


@attrs.frozen(kw_only=True)
class StopForced(TraceRecord):
    """The stop of a whole system is forced, because of *reason*: all that still runs is cancelled. *child* is `:root`."""

    reason: str
    running: tuple[str, ...]
    """The names of the children that are cancelled, in start order."""


@attrs.frozen(kw_only=True)
class MessageRecord(TraceRecord):
    """Something happened to a message. All three numbers are None if it was sent while no observer was attached."""

    message: int | None = None
    """The number of the message, the same in all its records. Each system counts its messages while observers are attached."""
    cause: int | None = None
    """The number of the message whose handler sent this one; None if it is the first of a chain."""
    correlation: int | None = None
    """The number of the first message of the chain."""


@attrs.frozen(kw_only=True)
class MessageAccepted(MessageRecord):
    """A mailbox accepted a message. *sender* names the sending actor; None if it was not sent by one."""

    handler: str
    sender: str | None


@attrs.frozen(kw_only=True)
class MessageHandled(MessageRecord):
    """A handler finished after *seconds*. *error* names the class of error that it raised, if any."""

    handler: str
    sender: str | None
    seconds: float
    error: str | None


@attrs.frozen(kw_only=True)
class MessageShed(MessageRecord):
    """A message was dropped without being handled: its caller was gone, its deadline had passed, or its incarnation was over."""

    handler: str


@attrs.frozen(kw_only=True)
class MessageDeadLettered(MessageRecord):
    """An accepted message will never be delivered."""

    handler: str
    reason: str


@attrs.frozen(kw_only=True)
class CallTimedOut(MessageRecord):
    """A call ended with `CallTimeout`."""

    handler: str
    begun: bool
    """Whether the handler had started on the message."""


@attrs.frozen(kw_only=True)
class HandlerOverran(MessageRecord):
    """A handler still runs, *seconds* after it began, although it was cancelled at its execution limit."""

    handler: str
    seconds: float


@attrs.frozen(kw_only=True)
class TimerFired(MessageRecord):
    """A timer of an actor fired and sent its message, which begins a chain. *incarnation* is the one that set the timer."""

    handler: str
    incarnation: int


@attrs.frozen(kw_only=True)
class _Led(TraceRecord):
    """Something that was caused by messages."""

    correlation: int | None = None
    """The number of the first message of the chain; None if several chains caused it, or an unknown one."""


@attrs.frozen(kw_only=True)
class StateCommitted(_Led):
    """The state of a durable actor was committed: *size* bytes, as *revision*."""

    revision: int
    size: int


@attrs.frozen(kw_only=True)
class CommitFailed(TraceRecord):
    """The state of a durable actor could not be committed; *error* says why. It returns to the last commit, or is tried again."""

    error: str


@attrs.frozen(kw_only=True)
class StoreCommitted(TraceRecord):
    """The store has answered a group of commits: *batches* batches, *size* bytes in all. *error* names the error if the group failed."""

    batches: int
    size: int
    error: str | None


@attrs.frozen(kw_only=True)
class _Alerted(TraceRecord):
    """An alert changed. *child* is the actor or child that it is about, or `:root` if it is about a handler or the whole system."""

    alert: str
    """The name of the alert."""
    target: str
    """The child or the handler; empty for the whole system."""
    value: float | None
    """None if the target is gone."""
    limit: float
    silenced: bool
    """Whether it was silenced, so that nobody was told."""


@attrs.frozen(kw_only=True)
class AlertRaised(_Alerted):
    """A value has been beyond the limit of an alert for *seconds*."""

    seconds: float


@attrs.frozen(kw_only=True)
class AlertCleared(_Alerted):
    """An alert is over, *seconds* after it was raised."""

    seconds: float


@attrs.frozen(kw_only=True)
class LoopHeld(TraceRecord):
    """A task ran for *seconds*, longer than `Settings.loop_held`, without a checkpoint. *child* names the child it belongs to, if any.

    Emitted when the task has reached a checkpoint; it may have handled several messages. Not emitted under a mock clock.
    """

    seconds: float
    task: str
    """Trio's name of the task."""
