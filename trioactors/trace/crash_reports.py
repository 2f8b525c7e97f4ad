"""Crash reports: one per crash, in standard `logging`, under the name `trioactors`.

A crash loop must not drown the log: so many reports in a period are logged in full (`Settings.crash_logs`), the rest are counted, and
the count is told with the next one. Rate-limited is the log, never the restart.

What a report shows of messages and errors is bounded in length, and leaves out what is marked secret: arguments named in
`@handler(secret=...)`, and fields with `repr=False`, which is what `trioactors.serializer.secret` makes.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import trio

from trioactors.errors.exits import Failure, RestartEntry, leaves
from trioactors.trace.formatting import hides_something, told, traceback_text

__all__ = ["CrashReports", "Shown", "report_of", "shown"]

_log = logging.getLogger("trioactors")


class Shown(Protocol):
    """A message, as far as a report shows it."""

    @property
    def message(self) -> Any:
        """The message as a value."""
        ...

    @property
    def spec(self) -> Any:
        """Its handler, which has a name."""
        ...


class CrashReports:
    """Writes reports, at most so many in a period."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._times: deque[float] = deque()
        self.suppressed = 0
        """How many reports were not logged since the last one that was."""

    def __repr__(self) -> str:
        """How many were held back."""
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
        secretive = hides_something(error)  # then it is told in the text: a formatter would print all of it
        _log.error(
            "%s",
            self._text(failure, earlier) + (f"\n{traceback_text(error)}" if error is not None and secretive else ""),
            exc_info=None if error is None or secretive else (type(error), error, error.__traceback__),
            extra=self._fields(failure),
        )
        self.suppressed = 0

    def _text(self, failure: Failure, earlier: Sequence[RestartEntry]) -> str:
        lines = list(_told(failure))
        if earlier:
            lines.append("earlier restarts: " + ", ".join(f"{e.child} at {e.time:.3f} ({e.reason})" for e in earlier[-5:]))
        if self.suppressed:
            lines.append(f"{self.suppressed} reports before this one were not logged (Settings.crash_logs)")
        return "\n  ".join(lines)

    def _fields(self, failure: Failure) -> dict[str, Any]:
        """The same as fields, for structured handlers."""
        return {
            "child": failure.child,
            "incarnation": failure.incarnation,
            "reason": str(failure.reason),
            "suppressed": self.suppressed,
        }


def report_of(failure: Failure) -> str:
    """What a report says of *failure*, with the traceback."""
    error = failure.reason.error
    return "\n  ".join(_told(failure)) + ("" if error is None else f"\n{traceback_text(error)}")


def _told(failure: Failure) -> Iterator[str]:
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
    """A message for people: bounded, without what is marked secret, whatever its values' own repr does."""
    try:
        return told(envelope.message)
    except Exception as error:  # a broken __repr__ must not turn a report into a second crash
        return f"<{envelope.spec.name}: its arguments cannot be shown: {type(error).__name__}>"


def _cancellations(error: BaseException | None) -> list[str]:
    """Who cancelled whom, where Trio knows."""
    found = [leaf for leaf in leaves(error) if isinstance(leaf, trio.Cancelled)] if error is not None else []
    return [f"{leaf.source} by {leaf.source_task}: {leaf.reason}" for leaf in found[:5]]
