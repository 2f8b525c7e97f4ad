"""The ages of the messages that wait in a mailbox.

A call carries the time at which it was made, and a tick the time at which its timer fired. A cast carries no time: reading the clock for
each one would make every cast slower, inspected or not. A cast is known to be older than the messages behind it. From the second look on,
`Marks` also knows that it was already there, because it remembers how many messages the mailbox had accepted at each look. The age of a
cast is therefore a lower bound.
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
"""Looks at one mailbox that are remembered."""


@attrs.frozen
class Age:
    """The age of a waiting message."""

    seconds: float
    exact: bool
    """False if *seconds* is a lower bound."""


class Marks:
    """The looks that one viewer has taken at a mailbox. If you poll, pass the same `Marks` each time."""

    def __init__(self) -> None:
        self._child: ActorChild | None = None
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)

    def __repr__(self) -> str:
        """The actor, and the number of looks remembered."""
        return f"<marks of {self._child!r}: {len(self._marks)}>"

    def look(self, child: ActorChild) -> None:
        """Note that *child* is looked at now."""
        if child is not self._child:
            self._child = child
            self._marks.clear()
        self._marks.append((child.runtime.now(), child.mailbox.accepted))

    def seen(self, ordinal: int) -> float:
        """When the *ordinal*th accepted message was first seen; infinity if it was not."""
        return next((time for time, accepted in self._marks if accepted >= ordinal), math.inf)


def ages(child: ActorChild, marks: Marks) -> list[Age]:
    """The ages of all waiting messages, in mailbox order."""
    now = child.runtime.now()
    return [Age(max(0.0, now - time), exact) for time, exact in reversed(list(_times(child, marks)))]


def _times(child: ActorChild, marks: Marks) -> Iterator[tuple[float, bool]]:
    """The arrival time of each message, or the latest possible one, from the last message to the first."""
    later = child.runtime.now()
    ordinal = child.mailbox.accepted
    for envelope in reversed(child.mailbox.queue):
        sent = came(envelope)
        latest = min(later, marks.seen(ordinal)) if sent is None else sent
        yield latest, sent is not None
        later = min(later, latest)
        ordinal -= 1


def came(envelope: Envelope) -> float | None:
    """When *envelope* was sent, or None if it carries no time."""
    if isinstance(envelope, Call):
        return envelope.sent
    if envelope.tick is not None:
        return envelope.tick.fired
    return None
