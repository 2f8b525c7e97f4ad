"""The children of any kind that have failed, each with the crash report of its last failure.

Those that the history of the system knows are among them: children that are gone, and children of earlier runs of the program.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from functools import partial, wraps
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import attrs

from trioactors.actors.child import ActorChild
from trioactors.errors.exits import Failure
from trioactors.history.crashes import Crash, CrashKind
from trioactors.settings import count
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind
from trioactors.supervision.tree import status_of
from trioactors.system.system import System, registry_of, runtime_of
from trioactors.trace.crash_reports import report_of
from trioactors.trace.formatting import described
from trioactors.trace.frames import RaisedError, raised_errors

__all__ = ["FailureOrigin", "FailurePage", "FailureRow", "errors_of", "failures", "last_of_each", "origin_of", "report"]

Told = TypeVar("Told")

_REPORT: Final = 20_000
"""Longest crash report, in characters."""
_TEXT: Final = 200


class FailureOrigin(enum.Enum):
    """Which child a failure is of, as seen from now."""

    PRESENT = "present"
    """A child that is there, and failed in this run of the program."""
    REMOVED = "removed"
    """A child that is not there any more."""
    EARLIER = "earlier"
    """A child of an earlier run of the program. If there is one of that name now, it has not failed yet."""


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
    """When it failed, on Trio's clock; for an earlier run of the program, it is worked out from the wall clock, and may be negative."""
    wall_time: float
    """When it failed, on the wall clock, in seconds since 1970."""
    origin: FailureOrigin
    reason: str
    text: str
    """The text of the error, shortened; empty if there was no error."""
    report: str
    """The crash report as logged, with the traceback. From the history it is shortened, and may be empty: see `inspect.crashes`."""
    errors: tuple[RaisedError, ...]
    """The error, its causes and the errors grouped in it, with their frames. Empty if there was no error, and from the history."""
    status: ChildStatus | None
    """The status of the child now; None if there is none of that name."""
    restarts: int
    """Restarts of the child so far."""


@attrs.frozen(kw_only=True)
class FailurePage:
    """One page of the failures."""

    total: int
    """Children that have failed, those that the history knows included."""
    rows: tuple[FailureRow, ...]


def failures(system: System, *, name: str | None = None, limit: int = 100, offset: int = 0) -> FailurePage:
    """Return a page of the children that have failed, newest failure first: *limit* rows, starting at *offset*.

    With *name*, only that child. Those that the history of the system knows are among them: children that were removed, and children of
    earlier runs of the program.
    Raises `UnknownName` if no child has that *name*, and `SpecError` if *limit* or *offset* is invalid.
    """
    runtime, registry = runtime_of(system), registry_of(system)
    last = count(offset, "offset") + count(limit, "limit")
    shift = runtime.environment.wall_clock() - runtime.now()
    past = [crash for crash in last_of_each(system) if name is None or crash.child == name]
    if name is None:
        children = registry.children()
    elif past and registry.holder(past[0].child) is None:
        children = []
    else:
        children = [registry.find(name)]
    failed = [(child, child.failure) for child in children if child.failure is not None]
    present = {child.name for child, _ in failed}
    made: list[tuple[float, int, Callable[[], FailureRow]]] = [
        *((failure.time, place, partial(_row, child, failure, shift)) for place, (child, failure) in enumerate(failed)),
        *(
            (crash.wall_time - shift, -place, partial(_of_past, system, crash, shift))
            for place, crash in enumerate(past, start=1)
            if crash.child not in present
        ),
    ]
    rows = heapq.nlargest(last, made, key=lambda each: each[:2])[offset:]
    return FailurePage(total=len(made), rows=tuple(make() for _, _, make in rows))


def last_of_each(system: System) -> list[Crash]:
    """The last crash of each child that the history of *system* knows, the last one first."""
    history = runtime_of(system).history
    last: dict[str, Crash] = {}
    for crash in () if history is None else history.crashes():
        if crash.kind == CrashKind.CRASH:
            last.setdefault(crash.child, crash)
    return list(last.values())


def origin_of(system: System, crash: Crash) -> FailureOrigin:
    """Which child *crash* is of, as seen from now."""
    history = runtime_of(system).history
    if history is None or crash.run != history.run:
        return FailureOrigin.EARLIER
    return FailureOrigin.REMOVED if registry_of(system).holder(crash.child) is None else FailureOrigin.PRESENT


def _once(tell: Callable[[Failure], Told]) -> Callable[[Failure], Told]:
    """Call *tell* once for each failure: a traceback as text takes a millisecond, and each viewer reads a hundred of them every second."""
    known: WeakKeyDictionary[Failure, Told] = WeakKeyDictionary()

    @wraps(tell)
    def told(failure: Failure) -> Told:
        if failure not in known:
            known[failure] = tell(failure)
        return known[failure]

    return told


@_once
def errors_of(failure: Failure) -> tuple[RaisedError, ...]:
    """The error of *failure*, its causes and the errors grouped in it."""
    return raised_errors(failure.reason.error)


@_once
def report(failure: Failure) -> str:
    """The crash report of *failure*, shortened if it is very long."""
    text = report_of(failure)
    return text if len(text) <= _REPORT else f"{text[:_REPORT]}\n\u2026 {len(text):,} characters"


def _row(child: Child, failure: Failure, shift: float) -> FailureRow:
    error = failure.reason.error
    return FailureRow(
        name=child.name,
        path=child.path,
        kind=child.spec.kind,
        actor=child.plan.name if isinstance(child, ActorChild) else None,
        incarnation=failure.incarnation,
        time=failure.time,
        wall_time=failure.time + shift,
        origin=FailureOrigin.PRESENT,
        reason=str(failure.reason),
        text="" if error is None else described(error)[:_TEXT],
        report=report(failure),
        errors=errors_of(failure),
        status=status_of(child),
        restarts=max(0, child.incarnation - 1),
    )


def _of_past(system: System, crash: Crash, shift: float) -> FailureRow:
    """The row of a failure that only the history knows."""
    child = registry_of(system).holder(crash.child)
    kind = ChildKind(crash.child_kind)
    return FailureRow(
        name=crash.child,
        path=crash.path,
        kind=kind,
        actor=crash.owner if kind is ChildKind.ACTOR else None,
        incarnation=crash.incarnation,
        time=crash.wall_time - shift,
        wall_time=crash.wall_time,
        origin=origin_of(system, crash),
        reason=crash.reason,
        text=crash.text,
        report=crash.report,
        errors=(),
        status=None if child is None else status_of(child),
        restarts=max(0, crash.incarnation - 1),
    )
