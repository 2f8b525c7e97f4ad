"""Crash reports: one per crash, in standard `logging`, under the name `trioactors`.

A crash loop must not drown the log: so many reports in a period are logged in full (`Settings.crash_logs`), the rest are counted, and
the count is told with the next one. Rate-limited is the log, never the restart.

What a report shows of messages is bounded in length, and leaves out what is marked secret: arguments named in `@handler(secret=...)`, and
attrs fields with `repr=False`.
"""

from __future__ import annotations

import logging
import reprlib
from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from trioactors.lives import leaves

if TYPE_CHECKING:
    from trioactors.exits import Exit
    from trioactors.lives import Life
    from trioactors.messages import Envelope
    from trioactors.settings import Settings

__all__ = ["CrashReports", "shown"]

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
        _log.error(
            "%s",
            self._text(life, reason),
            exc_info=error and (type(error), error, error.__traceback__),
            extra=self._fields(life, reason),
        )
        self.suppressed = 0

    def _text(self, life: Life, reason: Exit) -> str:
        cell = life.cell
        lines = [f"{cell.spec.kind.value} {cell.path} (incarnation {life.number}): {reason}"]
        if reason.detail:
            lines.append(f"when: {reason.detail}")
        if life.fatal is not None:
            lines.append(f"message: {shown(life.fatal)}")
            lines.append(f"from: {life.fatal_caller}")
        if life.killed is not None:
            lines.append(f"cancelled because: {life.killed}")
        lines += [f"cancelled: {text}" for text in _cancellations(reason.error)]
        shell = None if cell.parent is None else cell.parent.shell
        if shell is not None and (entries := shell.history.entries):
            lines.append("earlier restarts: " + ", ".join(f"{e.child} at {e.time:.3f} ({e.reason})" for e in entries[-5:]))
        if self.suppressed:
            lines.append(f"{self.suppressed} reports before this one were not logged (Settings.crash_logs)")
        return "\n  ".join(lines)

    def _fields(self, life: Life, reason: Exit) -> dict[str, Any]:
        """The same as fields, for structured handlers."""
        return {"child": life.cell.path, "incarnation": life.number, "reason": str(reason), "suppressed": self.suppressed}


def shown(envelope: Envelope) -> str:
    """A message for people: bounded, without what is marked secret, whatever its values' own repr does."""
    try:
        return _short.repr(envelope.message)
    except Exception as error:  # a broken __repr__ must not turn a report into a second crash
        return f"<{envelope.spec.name}: its arguments cannot be shown: {type(error).__name__}>"


def _cancellations(error: BaseException | None) -> list[str]:
    """Who cancelled whom, where Trio knows."""
    found = [leaf for leaf in leaves(error) if isinstance(leaf, trio.Cancelled)] if error is not None else []
    return [f"{leaf.source} by {leaf.source_task}: {leaf.reason}" for leaf in found[:5]]
