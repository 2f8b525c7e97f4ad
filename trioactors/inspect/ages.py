"""The ages of the messages that wait in a mailbox.

A call carries the time at which it was made, and a tick the time at which its timer fired. A cast carries no time, unless handlers are
measured: reading the clock for each one would make every cast slower, inspected or not. A cast without a time is known to be older than the
messages behind it. From the second look on, `Marks` also knows that it was already there, because it remembers how many messages the
mailbox had accepted at each look. Its age is therefore a lower bound.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.messaging.messages import Envelope, sent_of

__all__ = ["Age", "Marks", "ages", "came"]

_MARKS: Final = 120
"""Looks at one mailbox that are remembered."""
_BEHIND: Final = 1_000
"""Messages behind those that are asked for which are looked at: one that carries its time says that those before it are older."""


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
        self._marks: list[tuple[float, int]] = []

    def __repr__(self) -> str:
        """The actor, and the number of looks remembered."""
        return f"<marks of {self._child!r}: {len(self._marks)}>"

    def look(self, child: ActorChild) -> None:
        """Note that *child* is looked at now."""
        if child is not self._child:
            self._child = child
            self._marks.clear()
        self._marks.append((child.runtime.now(), child.mailbox.accepted))
        del self._marks[:-_MARKS]

    def seen(self, ordinal: int) -> float:
        """When the *ordinal*th accepted message was first seen; infinity if it was not."""
        first = bisect_left(self._marks, ordinal, key=lambda mark: mark[1])  # the mailbox has never accepted fewer at a later look
        return self._marks[first][0] if first < len(self._marks) else math.inf


def ages(child: ActorChild, marks: Marks, first: int, last: int) -> list[Age]:
    """The ages of the waiting messages from the *first* to before the *last*, in mailbox order.

    Of the messages behind the last one, only the next `_BEHIND` are looked at.
    """
    now = later = child.runtime.now()
    queue = tuple(child.mailbox.queue)
    last = min(last, len(queue))
    end = min(len(queue), last + _BEHIND)
    ordinal = child.mailbox.accepted - len(queue) + end
    found: deque[Age] = deque()
    for place in range(end - 1, first - 1, -1):
        sent = came(queue[place])
        later = min(later, marks.seen(ordinal) if sent is None else sent)
        if place < last:
            found.appendleft(Age(max(0.0, now - (later if sent is None else sent)), sent is not None))
        ordinal -= 1
    return list(found)


def came(envelope: Envelope) -> float | None:
    """When *envelope* was sent, or None if it carries no time."""
    return sent_of(envelope)
