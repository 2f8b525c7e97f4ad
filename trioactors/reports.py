"""Crash reports: one per crash, in standard `logging`, under the name `trioactors`.

A crash loop must not drown the log: so many reports in a period are logged in full (`Settings.crash_logs`), the rest are counted, and
the count is told with the next one. Rate-limited is the log, never the restart.

What a report shows of messages and errors is bounded in length, and leaves out what is marked secret: arguments named in
`@handler(secret=...)`, and fields with `repr=False`, which is what `trioactors.serializer.secret` makes.
"""

from __future__ import annotations

import logging
import reprlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import trio

from trioactors.lives import failure_of, leaves
from trioactors.tracebacks import hides_something, traceback_text

if TYPE_CHECKING:
    from trioactors.cells import Cell
    from trioactors.exits import Exit, Failure
    from trioactors.lives import Life
    from trioactors.messages import Envelope
    from trioactors.settings import Settings

__all__ = ["CrashReports", "report_of", "shown", "told"]

_log = logging.getLogger("trioactors")
_short = reprlib.Repr()
_short.maxstring, _short.maxother, _short.maxlist, _short.maxdict = 200, 400, 10, 10


class CrashReports:
    """Writes reports, at most so many in a period."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.crash_logs
        self._period = settings.crash_logs_period
        self._times: deque[float] = deque()
        self.suppressed = 0
        """How many reports were not logged since the last one that was."""

    def __repr__(self) -> str:
        """How many were held back."""
        return f"<crash reports: {self.suppressed} held back>"

    def __call__(self, life: Life, reason: Exit) -> None:
        """Report the end of *life* for *reason*."""
        now = trio.current_time()
        while self._times and self._times[0] <= now - self._period:
            self._times.popleft()
        if len(self._times) >= self._limit:
            self.suppressed += 1
            return
        self._times.append(now)
        error = reason.error
        secretive = hides_something(error)  # then it is told in the text: a formatter would print all of it
        _log.error(
            "%s",
            self._text(life, reason) + (f"\n{traceback_text(error)}" if error is not None and secretive else ""),
            exc_info=None if error is None or secretive else (type(error), error, error.__traceback__),
            extra=self._fields(life, reason),
        )
        self.suppressed = 0

    def _text(self, life: Life, reason: Exit) -> str:
        lines = list(_told(life.cell, failure_of(life, reason, trio.current_time())))
        shell = None if life.cell.parent is None else life.cell.parent.shell
        if shell is not None and (entries := shell.history.entries):
            lines.append("earlier restarts: " + ", ".join(f"{e.child} at {e.time:.3f} ({e.reason})" for e in entries[-5:]))
        if self.suppressed:
            lines.append(f"{self.suppressed} reports before this one were not logged (Settings.crash_logs)")
        return "\n  ".join(lines)

    def _fields(self, life: Life, reason: Exit) -> dict[str, Any]:
        """The same as fields, for structured handlers."""
        return {"child": life.cell.path, "incarnation": life.number, "reason": str(reason), "suppressed": self.suppressed}


def report_of(cell: Cell, failure: Failure) -> str:
    """What a report says of *failure*, with the traceback."""
    error = failure.reason.error
    return "\n  ".join(_told(cell, failure)) + ("" if error is None else f"\n{traceback_text(error)}")


def _told(cell: Cell, failure: Failure) -> Iterator[str]:
    reason = failure.reason
    yield f"{cell.spec.kind.value} {cell.path} (incarnation {failure.incarnation}): {reason}"
    if reason.detail:
        yield f"when: {reason.detail}"
    if failure.message is not None:
        yield f"message: {shown(failure.message)}"
        yield f"from: {failure.caller}"
    if failure.killed is not None:
        yield f"cancelled because: {failure.killed}"
    yield from (f"cancelled: {text}" for text in _cancellations(reason.error))


def shown(envelope: Envelope) -> str:
    """A message for people: bounded, without what is marked secret, whatever its values' own repr does."""
    try:
        return told(envelope.message)
    except Exception as error:  # a broken __repr__ must not turn a report into a second crash
        return f"<{envelope.spec.name}: its arguments cannot be shown: {type(error).__name__}>"


def told(value: object) -> str:
    """*value* by its `repr`, bounded. Raises what that raises."""
    return _short.repr(value)


def _cancellations(error: BaseException | None) -> list[str]:
    """Who cancelled whom, where Trio knows."""
    found = [leaf for leaf in leaves(error) if isinstance(leaf, trio.Cancelled)] if error is not None else []
    return [f"{leaf.source} by {leaf.source_task}: {leaf.reason}" for leaf in found[:5]]
