"""The children of any kind that have failed, each with the crash report of its last failure."""

from __future__ import annotations

import heapq
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.errors.exits import Failure
from trioactors.settings import count
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind
from trioactors.system.system import System, registry_of
from trioactors.trace.crash_reports import report_of
from trioactors.trace.formatting import described

__all__ = ["FailurePage", "FailureRow", "failures", "report"]

_REPORT: Final = 20_000
"""Longest crash report, in characters."""
_TEXT: Final = 200


@attrs.frozen(kw_only=True)
class FailureRow:
    """The last failure of a child."""

    name: str
    """A name that begins with a colon is internal to the system."""
    path: str
    kind: ChildKind
    actor: str | None
    """The class, if the child is an actor."""
    incarnation: int
    """The incarnation that failed."""
    time: float
    """When it failed, on Trio's clock."""
    reason: str
    text: str
    """The text of the error, shortened; empty if there was no error."""
    report: str
    """The crash report as logged, with the traceback."""
    status: ChildStatus
    """The status of the child now."""
    restarts: int
    """Restarts of the child so far."""


@attrs.frozen(kw_only=True)
class FailurePage:
    """The most recent failures."""

    total: int
    """Children that have failed."""
    rows: tuple[FailureRow, ...]


def failures(system: System, *, name: str | None = None, limit: int = 100) -> FailurePage:
    """Return the children that have failed, newest failure first, at most *limit* of them; with *name*, only that child.

    Raises `UnknownName` if no child has that *name*, and `SpecError` if *limit* is invalid.
    """
    registry, most = registry_of(system), count(limit, "limit")
    children = registry.children() if name is None else [registry.find(name)]
    failed = [
        (child.failure.time, place, child, child.failure) for place, child in enumerate(children) if child.failure is not None
    ]
    rows = tuple(_row(child, failure) for _, _, child, failure in heapq.nlargest(most, failed))
    return FailurePage(total=len(failed), rows=rows)


def report(failure: Failure) -> str:
    """The crash report of *failure*, shortened if it is very long."""
    text = report_of(failure)
    return text if len(text) <= _REPORT else f"{text[:_REPORT]}\n\u2026 {len(text):,} characters"


def _row(child: Child, failure: Failure) -> FailureRow:
    error = failure.reason.error
    return FailureRow(
        name=child.name,
        path=child.path,
        kind=child.spec.kind,
        actor=child.plan.name if isinstance(child, ActorChild) else None,
        incarnation=failure.incarnation,
        time=failure.time,
        reason=str(failure.reason),
        text="" if error is None else described(error)[:_TEXT],
        report=report(failure),
        status=child.status,
        restarts=max(0, child.incarnation - 1),
    )
