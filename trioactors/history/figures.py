"""The figures of a system over time: seconds, the minutes made of them, and which minutes are to be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trioactors.history.records import Past, Records
from trioactors.history.series import MINUTE, MINUTES, SECONDS, Sample, Series, Totals, sampled
from trioactors.persistence.store import Key, Write

__all__ = ["FigureLog"]

_UNSAVED: Final = 60
"""The most minutes that wait to be stored; while the store refuses, the oldest are given up."""
_HOUR: Final = 60


class FigureLog:
    """One sample a second for an hour, and one a minute for a week."""

    def __init__(self) -> None:
        self.seconds = Series(SECONDS)
        self.minutes = Series(MINUTES)
        self.last: Totals | None = None
        """The moment of the last sample in this run."""
        self.unsaved: dict[int, None] = {}
        """The minutes since 1970 that are complete and not stored yet."""

    def __repr__(self) -> str:
        """The number of samples."""
        return f"<{len(self.seconds)} seconds, {len(self.minutes)} minutes>"

    def load(self, past: Past, now: float) -> None:
        """Begin with what earlier runs have stored, up to *now*: later times are from a clock that was wrong."""
        for rows, series in ((past.seconds, self.seconds), (past.minutes, self.minutes)):
            for sample in rows:
                if sample.at <= now:
                    series.add(sample)

    def add(self, totals: Totals) -> None:
        """Add a sample, and complete the minute before it if it is the first of another one."""
        before, self.last = self.last, totals
        if before is not None and before.wall_time // MINUTE != totals.wall_time // MINUTE:
            self.complete(before.wall_time)
        self.seconds.add(sampled(before, totals))

    def complete(self, at: float) -> None:
        """Make the minute that contains *at* of its seconds."""
        minute = int(at // MINUTE)
        found = self.seconds.merged(minute * MINUTE, (minute + 1) * MINUTE)
        if found is None:
            return
        self.minutes.add(found, instead_of=minute * MINUTE)
        self.unsaved.pop(minute, None)
        self.unsaved[minute] = None
        while len(self.unsaved) > _UNSAVED:
            del self.unsaved[next(iter(self.unsaved))]

    def writes(self, records: Records) -> Iterator[Write]:
        """The writes of the minutes that are not stored: one for the seconds of each, and one for each hour.

        If the clock was set, two of them may have the same place: the one that was completed last stays there.
        """
        found: dict[Key, Write] = {}
        for minute in self.unsaved:
            write = records.seconds(minute, self.seconds.between(minute * MINUTE, (minute + 1) * MINUTE))
            found[write.key] = write
        for hour in dict.fromkeys(minute // _HOUR for minute in self.unsaved):
            start = hour * _HOUR * MINUTE
            write = records.hour(hour, self.minutes.between(start, start + _HOUR * MINUTE))
            found[write.key] = write
        yield from found.values()

    def thinned(self, start: float, step: float) -> list[Sample]:
        """The samples from *start* on, one for each *step* seconds: seconds if an hour of them is enough, otherwise minutes."""
        if self.last is None or start >= self.last.wall_time - SECONDS:
            return self.seconds.thinned(start, step)
        minutes = self.minutes.thinned(start, step)
        running = self.seconds.merged(self.last.wall_time // MINUTE * MINUTE, float("inf"))
        return minutes if running is None or (minutes and minutes[-1].at >= running.at) else [*minutes, running]
