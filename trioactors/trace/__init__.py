"""The trace: records of what happened, the observers that get them, and errors as text.

Here belong trace records and observers, crash reports in the log, the formatting of errors, and the measuring of event-loop delay.
Observers see everything and decide nothing: no code waits for a record.

Reading the present state of a system does not belong here but in `inspect`, exports to other tools in `adapters`.
"""

from trioactors.trace.observers import Observer as Observer
from trioactors.trace.observers import Recorder as Recorder
from trioactors.trace.records import (
    CallTimedOut as CallTimedOut,
)
from trioactors.trace.records import (
    ChildExited as ChildExited,
)
from trioactors.trace.records import (
    ChildIgnored as ChildIgnored,
)
from trioactors.trace.records import (
    ChildStarted as ChildStarted,
)
from trioactors.trace.records import (
    ChildStartFailed as ChildStartFailed,
)
from trioactors.trace.records import (
    CommitFailed as CommitFailed,
)
from trioactors.trace.records import (
    GaveUp as GaveUp,
)
from trioactors.trace.records import (
    LoopHeld as LoopHeld,
)
from trioactors.trace.records import (
    MessageAccepted as MessageAccepted,
)
from trioactors.trace.records import (
    MessageDeadLettered as MessageDeadLettered,
)
from trioactors.trace.records import (
    MessageHandled as MessageHandled,
)
from trioactors.trace.records import (
    MessageRecord as MessageRecord,
)
from trioactors.trace.records import (
    MessageShed as MessageShed,
)
from trioactors.trace.records import (
    RestartScheduled as RestartScheduled,
)
from trioactors.trace.records import (
    StateCommitted as StateCommitted,
)
from trioactors.trace.records import (
    StoreCommitted as StoreCommitted,
)
from trioactors.trace.records import (
    TimerFired as TimerFired,
)
from trioactors.trace.records import (
    TraceRecord as TraceRecord,
)

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
    "Recorder",
    "RestartScheduled",
    "StateCommitted",
    "StoreCommitted",
    "TimerFired",
    "TraceRecord",
]
