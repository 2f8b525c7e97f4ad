"""Crash reports: one per crash, by standard `logging`, under the name `trioactors`.

A crash loop must not flood the log. At most `Settings.crash_logs` reports per period are logged in full; the rest are counted, and the next
report gives their number. Only the log is limited, never the restarts.

The messages and errors in a report are bounded in length, and shown without secrets: arguments named in `@handler(secret=...)`, and fields
with `repr=False`, such as those made by `trioactors.serializer.secret`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import trio

from trioactors.errors.exits import Failure, RestartEntry, leaves
from trioactors.trace.formatting import hides_something, is_long, told, traceback_text

__all__ = ["CrashReports", "Shown", "report_of", "shown"]

_log = logging.getLogger("trioactors")


class Shown(Protocol):
    """A message, as far as it is shown in a report."""

    @property
    def message(self) -> Any:
        """The message as a value."""
        ...

    @property
    def spec(self) -> Any:
        """The handler, which has a name."""
        ...


class CrashReports:
    """Logs crash reports, at most *limit* in *period* seconds."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._times: deque[float] = deque()
        self.suppressed = 0
        """The number of reports left out since the last one that was logged."""

    def __repr__(self) -> str:
        """The number of reports left out."""
        return f"<crash reports: {self.suppressed} held back>"

    def __call__(self, failure: Failure, earlier: Sequence[RestartEntry]) -> None:
        """Report *failure*, with the *earlier* restarts that count against the same budget."""
        now = trio.current_time()
        while self._times and self._times[0] <= now - self._period:
            self._times.popleft()
        if len(self._times) >= self._limit:
            self.suppressed += 1
            return
        self._times.append(now)
        error = failure.reason.error
        own_text = hides_something(error) or is_long(error)  # a log formatter would print the secrets, and all of a long text
        _log.error(
            "%s",
            self._text(failure, earlier) + (f"\n{traceback_text(error)}" if error is not None and own_text else ""),
            exc_info=None if error is None or own_text else (type(error), error, error.__traceback__),
            extra=self._fields(failure),
        )
        self.suppressed = 0

    def _text(self, failure: Failure, earlier: Sequence[RestartEntry]) -> str:
        lines = list(_lines(failure))
        if earlier:
            lines.append("earlier restarts: " + ", ".join(f"{e.child} at {e.time:.3f} ({e.reason})" for e in earlier[-5:]))
        if self.suppressed:
            lines.append(f"{self.suppressed} reports before this one were not logged (Settings.crash_logs)")
        return "\n  ".join(lines)

    def _fields(self, failure: Failure) -> dict[str, Any]:
        """The fields of the log record, for structured logging."""
        return {
            "child": failure.child,
            "incarnation": failure.incarnation,
            "reason": str(failure.reason),
            "suppressed": self.suppressed,
        }


def report_of(failure: Failure) -> str:
    """The text of a report on *failure*, with the traceback."""
    error = failure.reason.error
    return "\n  ".join(_lines(failure)) + ("" if error is None else f"\n{traceback_text(error)}")


def _lines(failure: Failure) -> Iterator[str]:
    reason = failure.reason
    yield f"{failure.kind} {failure.child} (incarnation {failure.incarnation}): {reason}"
    if reason.detail:
        yield f"when: {reason.detail}"
    if failure.message is not None:
        yield f"message: {shown(failure.message)}"
        yield f"from: {failure.caller}"
    if failure.killed is not None:
        yield f"cancelled because: {failure.killed}"
    yield from (f"cancelled: {text}" for text in _cancellations(reason.error))


def shown(envelope: Shown) -> str:
    """A message as text: bounded in length, without secrets, and even if the `repr` of an argument fails."""
    try:
        return told(envelope.message)
    except Exception as error:  # a broken __repr__ must not turn a report into a second crash
        return f"<{envelope.spec.name}: its arguments cannot be shown: {type(error).__name__}>"


def _cancellations(error: BaseException | None) -> list[str]:
    """The source, task and reason of each cancellation in *error*, as recorded by Trio."""
    found = [leaf for leaf in leaves(error) if isinstance(leaf, trio.Cancelled)] if error is not None else []
    told = [f"{leaf.source} by {leaf.source_task}: {leaf.reason}" for leaf in found]
    return told if len(told) <= _CANCELLATIONS else [*told[:_CANCELLATIONS], f"and {len(told) - _CANCELLATIONS} more"]


_CANCELLATIONS = 5
"""The most cancellations of one exit that are told."""
