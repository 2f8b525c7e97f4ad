"""Children that are down because their stored state cannot be read.

One damaged record must not keep a program from starting, so such a start is no failed start as OTP knows it: it is not tried again, for
another try would read the same bytes; it counts against no budget; and it stops no sibling. The child is *failed* until its record can be
read, is restored or is reset, and is then started by hand. Its exit says why.
"""

from __future__ import annotations

import logging

from trioactors.errors import StateUnreadable
from trioactors.errors.exits import Exit
from trioactors.settings import OnUnreadable
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.restarts import ChildStatus

__all__ = ["fail_unreadable", "problem_of", "stays_down", "unreadable"]

_log = logging.getLogger("trioactors")


def stays_down(incarnation: Incarnation, reason: Exit) -> bool:
    """Whether *incarnation*, whose start has failed for *reason*, leaves its child down and lets the others live."""
    rule = incarnation.child.runtime.settings.on_unreadable
    return isinstance(reason.error, StateUnreadable) and (incarnation.number > 1 or rule is OnUnreadable.STAY_DOWN)


def unreadable(child: Child) -> StateUnreadable | None:
    """Why the stored state of *child* cannot be read, if that is what keeps it down."""
    error = None if child.last_exit is None else child.last_exit.error
    return error if child.status is ChildStatus.FAILED and isinstance(error, StateUnreadable) else None


def problem_of(child: Child) -> str | None:
    """The text of `unreadable`, for snapshots."""
    error = unreadable(child)
    return None if error is None else str(error)


def fail_unreadable(child: Child, error: StateUnreadable) -> None:
    """Leave *child* down. It stays known, so that it can be looked at and repaired."""
    child.status = ChildStatus.FAILED
    child.close(f"it did not start: {error}")
    _log.error("%s %s did not start: %s", child.spec.kind.value, child.path, error, extra={"child": child.path})
