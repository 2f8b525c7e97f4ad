"""The rules of a stop: how long a drain may take, and when all that still runs is cancelled.

A whole system has one deadline to stop, `Settings.stop_timeout`. The last part of that time belongs to the ordered stop, so a drain ends
earlier. At the deadline everything that still runs is cancelled, except the store, which closes within a grace of its own.

The functions here take times and return times. What they decide is carried out in `draining.py`, the launcher and the root.
"""

from __future__ import annotations

import math

import attrs

__all__ = ["Stopping", "drain_end", "longest_drain", "whole_stop"]


@attrs.frozen(kw_only=True)
class Stopping:
    """The times of the stop of a whole system, on Trio's clock."""

    began: float
    """When it began."""
    drain_until: float | None
    """When the drain of the system ends; None if the system is not drained."""
    latest: float
    """When every drain ends, also those of single children."""
    forced_at: float
    """When all that still runs is cancelled."""


def longest_drain(stop_timeout: float, grace: float) -> float:
    """How many seconds of *stop_timeout* a drain may take. Two graces are left for the ordered stop, or half of the time if that is less.

    Two, so that a child which is stuck, and takes a whole grace, leaves one for the others.
    """
    return stop_timeout if stop_timeout == math.inf else stop_timeout - min(2 * grace, stop_timeout / 2)


def whole_stop(now: float, drain: float, *, stop_timeout: float, grace: float) -> Stopping:
    """The times of a stop that begins *now* and drains the system for *drain* seconds at most; 0 does not drain it."""
    latest = now + longest_drain(stop_timeout, grace)
    until = min(now + drain, latest) if drain > 0 else None
    return Stopping(began=now, drain_until=until, latest=latest, forced_at=now + stop_timeout)


def drain_end(now: float, own: float | None, stopping: Stopping | None, longest: float) -> float | None:
    """When the drain of one child that is stopped *now* ends; None if it is not drained.

    *own* is the child's option in seconds: None follows the system, and infinity takes what the stop permits. While no system stops, that
    is *longest*, and a number is taken as it is.
    """
    if own is None:
        return None if stopping is None else stopping.drain_until
    if own <= 0:
        return None
    if stopping is not None:
        return min(now + own, stopping.latest)
    return now + (longest if own == math.inf else own)
