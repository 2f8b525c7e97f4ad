"""How long the messages in a mailbox have waited.

Calls carry the time at which they were made, and a tick that of its timer. Casts carry none: to read a clock for each would make every cast
dearer, whether or not anybody looks. Of a cast it is known that it came before what stands behind it, and, from the second look on, that it
was there already: `Marks` remembers how many messages a mailbox had accepted at each look. So its age is told as "at least".
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.messaging.messages import Call, Envelope

__all__ = ["Age", "Marks", "ages", "came"]

_MARKS: Final = 120
"""How many looks at one mailbox are remembered."""


@attrs.frozen
class Age:
    """How many seconds a message has waited."""

    seconds: float
    exact: bool
    """Otherwise it has waited at least so long."""


class Marks:
    """What a viewer remembers of the mailbox that it looks at again and again."""

    def __init__(self) -> None:
        self._child: ActorChild | None = None
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)

    def __repr__(self) -> str:
        """Whose mailbox, and how often it was looked at."""
        return f"<marks of {self._child!r}: {len(self._marks)}>"

    def look(self, child: ActorChild) -> None:
        """*cell* is looked at now."""
        if child is not self._child:
            self._child = child
            self._marks.clear()
        self._marks.append((child.runtime.now(), child.mailbox.accepted))

    def seen(self, ordinal: int) -> float:
        """When the message that was accepted as the *ordinal*th was first seen; infinite for one that was not."""
        return next((time for time, accepted in self._marks if accepted >= ordinal), math.inf)


def ages(child: ActorChild, marks: Marks) -> list[Age]:
    """The ages of all waiting messages, oldest message first."""
    now = child.runtime.now()
    return [Age(max(0.0, now - time), exact) for time, exact in reversed(list(_times(child, marks)))]


def _times(child: ActorChild, marks: Marks) -> Iterator[tuple[float, bool]]:
    """When each came, or the latest that it can have come; from the last message to the first."""
    later = child.runtime.now()
    ordinal = child.mailbox.accepted
    for envelope in reversed(child.mailbox.queue):
        sent = came(envelope)
        latest = min(later, marks.seen(ordinal)) if sent is None else sent
        yield latest, sent is not None
        later = min(later, latest)
        ordinal -= 1


def came(envelope: Envelope) -> float | None:
    """When *envelope* was sent, where it says so."""
    if isinstance(envelope, Call):
        return envelope.sent
    if envelope.tick is not None:
        return envelope.tick.fired
    return None
