"""Who has failed, and why: every child of any kind, with the report of the last of its lives that did not end in order."""

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
"""Characters of a crash report."""
_TEXT: Final = 200


@attrs.frozen(kw_only=True)
class FailureRow:
    """A child that has failed."""

    name: str
    """Names that begin with a colon are the system's own."""
    path: str
    kind: ChildKind
    actor: str | None
    """The class, where it is an actor."""
    incarnation: int
    """Of the life that failed."""
    time: float
    """When that was, on Trio's clock."""
    reason: str
    text: str
    """What the error says, in few words; empty where there was none."""
    report: str
    """As in the log, with the traceback."""
    status: ChildStatus
    """Now."""
    restarts: int
    """Its lives after the first."""


@attrs.frozen(kw_only=True)
class FailurePage:
    """Those that failed last."""

    total: int
    """How many children there are that have failed."""
    rows: tuple[FailureRow, ...]


def failures(system: System, *, name: str | None = None, limit: int = 100) -> FailurePage:
    """The children that have failed, the newest failure first, at most so many; with *name* only this one, if it has.

    Raises `UnknownName`, `SpecError`.
    """
    registry, most = registry_of(system), count(limit, "limit")
    children = registry.children() if name is None else [registry.find(name)]
    failed = [
        (child.failure.time, place, child, child.failure) for place, child in enumerate(children) if child.failure is not None
    ]
    rows = tuple(_row(child, failure) for _, _, child, failure in heapq.nlargest(most, failed))
    return FailurePage(total=len(failed), rows=rows)


def report(failure: Failure) -> str:
    """The crash report, cut where it is very long."""
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
