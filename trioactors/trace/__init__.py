"""The trace: records of what happened, the observers that get them, and errors as text.

Here belong trace records and observers, crash reports in the log, the formatting of errors, and the measuring of event-loop delay.
Observers see everything and decide nothing: no code waits for a record.

Reading the present state of a system does not belong here but in `inspect`, exports to other tools in `adapters`.
"""

from trioactors.trace.observers import Observer, Recorder
from trioactors.trace.records import (
    AlertCleared,
    AlertRaised,
    CallTimedOut,
    ChildExited,
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    CommitFailed,
    Drained,
    GaveUp,
    HandlerOverran,
    LoopHeld,
    MessageAccepted,
    MessageDeadLettered,
    MessageHandled,
    MessageRecord,
    MessageShed,
    RestartScheduled,
    StateCommitted,
    StopForced,
    StoreCommitted,
    TimerFired,
    TraceRecord,
)

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
    "Observer",
    "Recorder",
    "RestartScheduled",
    "StateCommitted",
    "StopForced",
    "StoreCommitted",
    "TimerFired",
    "TraceRecord",
]
