"""`History`: takes crashes and samples, and writes them to the store when that disturbs nobody.

A crash is noted in the task that reports it: that is all that happens there. Its write is an alarm, at most one a second, which holds all
that was noted until then; figures are written once a minute. Each write is a commit of its own, so that the commit of an actor never fails
because of it, and nothing waits for it but `flush`.

A store that refuses (full, unavailable) is asked again after a minute; until then the history is in memory, where it has the same bounds.
A history of a newer version of trioactors, or one that does not fit the limits of the store, is not written at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioactors.errors import StoreError
from trioactors.errors.exits import Failure
from trioactors.errors.lists import listed
from trioactors.history.crashes import Crash, CrashBook
from trioactors.history.figures import FigureLog
from trioactors.history.records import Reading, Records, read_past
from trioactors.history.series import Totals
from trioactors.persistence.committer import Committer, Verdict
from trioactors.persistence.store import Batch, Committed
from trioactors.scheduling.deadlines import Alarm, Deadlines
from trioactors.scheduling.parking import Parking
from trioactors.trace.crash_reports import report_of
from trioactors.trace.formatting import described

__all__ = ["History"]

_log = logging.getLogger("trioactors")

_PAUSE: Final = 1.0
"""The least time between two writes, in seconds."""
_AGAIN: Final = 60.0
"""The time after which a store that refused is asked again, in seconds."""
_REPORTS: Final = 10
"""The most reports that are kept of the crashes of one second: to write one takes as long as several restarts."""
_TEXT: Final = 200
_HEAD: Final = 2_000
_TAIL: Final = 6_000
"""Characters of a report that are kept: its beginning says who failed, its end how."""


@attrs.frozen(eq=False)
class _Written:
    """What a batch holds, in case it is not committed."""

    blocks: set[int]
    dropped: list[int]
    minutes: tuple[int, ...]


class History:
    """What one system remembers of itself and of its earlier runs."""

    def __init__(
        self,
        deadlines: Deadlines,
        committer: Committer | None,
        *,
        now: Callable[[], float],
        wall_clock: Callable[[], float],
        crashes_kept: int,
        crashes_kept_for: float,
    ) -> None:
        self.book = CrashBook(crashes_kept)
        self.figures = FigureLog()
        self.run = float(wall_clock())
        """When this run began, on the wall clock."""
        self._kept_for = crashes_kept_for
        self._deadlines = deadlines
        self._committer = committer
        self._now = now
        self._wall_clock = wall_clock
        self._records = Records()
        self._loaded = False
        self._alarm: Alarm | None = None
        self._in_flight = 0
        self._not_before = 0.0
        self._refused = False
        self._reports = (0, 0)
        self._settled = Parking()
        if committer is not None:
            committer.on_open, committer.on_close = self._read, self._write_the_rest

    def __repr__(self) -> str:
        """What it holds, and where."""
        return f"<history: {self.book!r}, {self.figures!r}, {'in memory' if self._committer is None else 'stored'}>"

    def crashes(self) -> list[Crash]:
        """The crashes of the last `Settings.crashes_kept_for` seconds, the last one first."""
        oldest = self._wall_clock() - self._kept_for
        return [crash for crash in self.book.newest_first() if crash.wall_time > oldest]

    # --- what happens ---

    def crashed(self, failure: Failure) -> None:
        """Note a failure. Never raises."""
        try:
            self.book.add(self._crash(failure))
            self._plan_write()
        except Exception:  # the supervisor that reports a crash must not get another one
            _log.exception("the crash of %s is missing in the history", failure.child)

    def _crash(self, failure: Failure) -> Crash:
        error, reason = failure.reason.error, failure.reason
        return Crash(
            child=_clean(failure.name),
            path=_clean(failure.child),
            child_kind=failure.kind,
            owner=_clean(failure.owner),
            error=_clean(reason.kind.value if error is None else type(error).__name__),
            reason=_clean(str(reason)),
            text="" if error is None else _clean(described(error)[:_TEXT]),
            report=_shortened(_clean(report_of(failure))) if self._may_report() else "",
            incarnation=failure.incarnation,
            time=float(failure.time),
            wall_time=float(self._wall_clock()),
            run=self.run,
        )

    def _may_report(self) -> bool:
        """Count a report, and return whether it is within the limit."""
        second = int(self._now())
        number = self._reports[1] + 1 if self._reports[0] == second else 1
        self._reports = (second, number)
        return number <= _REPORTS

    def sample(self, totals: Totals) -> None:
        """Note the figures of this moment. Never raises."""
        try:
            self.figures.add(totals)
        except Exception:  # the task that records may be one of the program's own
            _log.exception("figures are missing in the history")
        if self.figures.unsaved:
            self._plan_write()

    # --- the store ---

    def _read(self, store: Reading) -> None:
        """Read what earlier runs have stored; called in the worker's thread when the store has been opened. Never raises."""
        if self._loaded:
            return
        self._loaded = True
        try:
            past = read_past(store, self._records)
        except Exception as error:  # a store may fail in any way, and the program does without its history
            self._give_up(f"it cannot be read: {error}")
            return
        self.book.load(past.blocks, past.groups)
        self.figures.load(past, self._wall_clock())
        if past.skipped:
            _log.warning(
                "%d records of the history cannot be read and are left out: %s",
                len(past.skipped),
                listed(past.skipped, 3, separator="; "),
            )
        if past.newer:
            self._give_up("it was written by a newer version of trioactors")

    def _give_up(self, why: str) -> None:
        """Write nothing more."""
        self._committer = None
        _log.warning("the history of this system is kept in memory only: %s", why)

    @property
    def _unsaved(self) -> bool:
        return self._committer is not None and (self.book.dirty or bool(self.figures.unsaved))

    def _plan_write(self) -> None:
        """Write what is not stored, as soon as it may be."""
        if self._unsaved and not self._in_flight and (self._alarm is None or not self._alarm.pending):
            self._alarm = self._deadlines.at(max(self._now(), self._not_before), self._write)

    def _write(self) -> None:
        """Submit all that is not stored, as one batch."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._committer is None or not self._unsaved:
            return
        book, figures, records = self.book, self.figures, self._records
        blocks = book.unsaved()
        written = _Written({block.number for block in blocks}, list(book.dropped), tuple(figures.unsaved))
        try:
            writes = [records.block(block) for block in blocks]
            writes += [records.removal(number) for number in sorted(set(book.dropped))]
            writes += [records.groups(book.groups.values())] if book.dirty else []
            writes += figures.writes(records)
            batch = Batch(tuple(writes))
        except Exception as error:  # raised in the task of all deadlines, it would end the program
            self._give_up(f"it cannot be written: {error!r}")
            return
        book.mark_saved()
        figures.unsaved.clear()
        self._in_flight += 1
        self._not_before = self._now() + _PAUSE
        self._committer.submit(batch, lambda verdict: self._settle(written, verdict), alone=True)

    def _settle(self, written: _Written, verdict: Verdict) -> None:
        """Note the outcome of a write."""
        self._in_flight -= 1
        if isinstance(verdict, Committed):
            self._refused = False
        elif isinstance(verdict, StoreError):
            self._keep(written, verdict)
        else:
            self._give_up(f"the store refuses it: {verdict}")
        self._plan_write()
        self._settled.wake()

    def _keep(self, written: _Written, error: StoreError) -> None:
        """Keep what was not written for another try. Logged once, until a write succeeds."""
        self.book.mark_unsaved(written.blocks, written.dropped)
        self.figures.unsaved = {**dict.fromkeys(written.minutes), **self.figures.unsaved}
        self._not_before = self._now() + _AGAIN
        if not self._refused:
            _log.warning("the history was not written and is in memory until it can be; next try in %g s: %s", _AGAIN, error)
        self._refused = True

    def _write_the_rest(self) -> None:
        """Write all that is left; called before the store closes."""
        if self.figures.last is not None:
            self.figures.complete(self.figures.last.wall_time)
        self._write()

    def close(self) -> None:
        """Plan no further write: the system is over, and its store is closed."""
        self._committer = None
        if self._alarm is not None:
            self._alarm.cancel()

    async def written(self, limit: float) -> None:
        """Wait until the crashes so far are stored, for at most *limit* seconds; not at all for a store that has just refused."""
        await trio.lowlevel.checkpoint()
        until = self._now() + limit
        for _ in range(2):  # what is in flight, and what was noted since
            if self._unsaved and not self._in_flight and not self._refused:
                self._write()
            if self._in_flight:
                with trio.move_on_at(until):
                    await self._settled.wait()


def _clean(text: str) -> str:
    """*text* as it can be stored: lone surrogates become escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _shortened(report: str) -> str:
    left_out = len(report) - _HEAD - _TAIL
    return report if left_out <= 0 else f"{report[:_HEAD]}\n\u2026 {left_out:,} characters\n{report[-_TAIL:]}"
