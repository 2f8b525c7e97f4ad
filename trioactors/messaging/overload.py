"""Overload: how much time a call must have left to be worth beginning.

A queue that is served in order and drops only what is already too late collapses under overload. The message at its head has
used up almost all of its time by waiting. It is not too late yet, so it is begun, and its caller leaves before it is done. The
actor works all the time, and no reply is in time. This lasts as long as the overload does.

So a call with less time left than its handler needs is dropped, like a call whose deadline has passed. Its caller waits for the
deadline all the same, unless the actor stops before: callers that come back at once would make the overload worse. How much a handler needs
is learned, not guessed. As long as no reply was late, nothing is dropped before its deadline. The first late reply teaches how
long it took, and slower ones teach more. A late reply teaches only while messages wait: a commit can be late for its callers when
the actor has long been idle, and that says nothing about the next call. A late deferred reply teaches nothing, since it is not
the handler that took so long. All this is forgotten when the mailbox is empty, and when an incarnation begins. So a hiccup that
taught too much costs only what waited behind it, and the first call after that is begun, however little time it has.

Casts are not dropped in this way: their deadline is for the beginning of the handler.
"""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["MARGIN", "SHORTEST", "Needs", "cannot_finish", "learned_from_cut", "learned_from_late"]

MARGIN: Final = 1.1
"""The factor by which the time left must exceed what a late reply took."""

SHORTEST: Final = 0.0001
"""The shortest time that a cut-off handler teaches, in seconds. Above zero, so that doubling it makes progress."""

Needs: TypeAlias = dict[str, float]
"""The seconds that the handlers of one actor need, by handler name."""


def learned_from_late(needs: Needs | None, handler: str, took: float) -> Needs:
    """Learn from a reply that was late: *handler* took *took* seconds."""
    return _learned(needs, handler, MARGIN * took)


def learned_from_cut(needs: Needs | None, handler: str, had: float) -> Needs:
    """Learn from a handler that was cut off after *had* seconds: it needs more, and how much more is unknown."""
    return _learned(needs, handler, 2 * max(had, SHORTEST))


def cannot_finish(needs: Needs, handler: str, left: float) -> bool:
    """Whether *left* seconds are too few for a call of *handler*."""
    return left < needs.get(handler, 0.0)


def _learned(needs: Needs | None, handler: str, seconds: float) -> Needs:
    known = needs or {}
    return known | {handler: max(seconds, known.get(handler, 0.0))}
