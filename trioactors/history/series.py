"""Figures over time: one sample a second for an hour, one a minute for a week. The rules only: times are passed in.

Within a series, times ascend. If the clock was set back, the samples with later times are dropped, since nobody could tell which of two
samples of the same minute is right. If the program or the sampling stood still, the next sample says so, and a chart has a gap there.
"""

from __future__ import annotations

import bisect
import math
import operator
from array import array
from typing import Final

import attrs

__all__ = ["FIELDS", "GAP", "MINUTE", "MINUTES", "SECONDS", "Mark", "Sample", "Series", "Totals", "sampled"]

SECONDS: Final = 3_600
"""Samples of one second that are kept: an hour."""
MINUTES: Final = 10_080
"""Samples of one minute that are kept: a week."""
MINUTE: Final = 60.0
GAP: Final = 5.0
"""Seconds without a sample, or by which the wall clock was set, after which a sample is marked."""


class Mark:
    """What came before a sample. Of several, the highest number counts."""

    NONE: Final = 0
    PAUSED: Final = 1
    """Nothing was sampled for a while: the program stood still, or its machine slept."""
    CLOCK: Final = 2
    """The wall clock was set."""
    STARTED: Final = 3
    """The program was started."""


@attrs.frozen(kw_only=True)
class Sample:
    """Figures of one second or one minute."""

    at: float
    """Its end, on the wall clock."""
    mark: int = Mark.NONE
    seconds: float
    """The time that it covers."""
    accepted: float
    """Messages accepted in that time; so are the next four: counts."""
    handled: float
    restarts: float
    failures: float
    dead_letters: float
    wait: float
    """The longest wait of a message, in seconds."""
    lag: float
    """The longest that a task blocked the event loop, in seconds; NaN if that is not known."""
    backlog: float
    """The most messages that waited at once."""
    backlog_mean: float
    """The messages that waited, on average."""
    down: float
    """The most children that were down at once."""
    actors: float
    """The number of actors at the end."""


FIELDS: Final = tuple(field.name for field in attrs.fields(Sample))
"""The columns of a series."""

_SUMS: Final = ("seconds", "accepted", "handled", "restarts", "failures", "dead_letters")
_WORST: Final = ("wait", "lag", "backlog", "down")


@attrs.frozen(kw_only=True)
class Totals:
    """The figures of a system at one moment, of which two make a sample."""

    time: float
    wall_time: float
    accepted: int
    handled: int
    restarts: int
    failures: int
    dead_letters: int
    wait: float
    lag: float
    backlog: int
    down: int
    actors: int
    pause: float = 1.0
    """The time after which the next one is planned."""


def sampled(before: Totals | None, now: Totals) -> Sample:
    """The sample between two moments; at the start of a program, there is no moment *before*."""
    passed = 0.0 if before is None else max(0.0, now.time - before.time)
    old = now if before is None else before
    return Sample(
        at=now.wall_time,
        mark=_mark(before, now),
        seconds=passed,
        accepted=max(0, now.accepted - old.accepted),
        handled=max(0, now.handled - old.handled),
        restarts=max(0, now.restarts - old.restarts),
        failures=max(0, now.failures - old.failures),
        dead_letters=max(0, now.dead_letters - old.dead_letters),
        wait=now.wait,
        lag=now.lag,
        backlog=now.backlog,
        backlog_mean=now.backlog,
        down=now.down,
        actors=now.actors,
    )


def _mark(before: Totals | None, now: Totals) -> int:
    if before is None:
        return Mark.STARTED
    if abs((now.wall_time - before.wall_time) - (now.time - before.time)) > GAP:
        return Mark.CLOCK
    return Mark.PAUSED if now.time - before.time > max(GAP, 3 * before.pause) else Mark.NONE


class Series:
    """The last *limit* samples, by column: as objects, a week of them would take ten times the memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._columns = {name: array("d") for name in FIELDS}
        self._at = self._columns["at"]

    def __repr__(self) -> str:
        """The number of samples."""
        return f"<series of {len(self)}>"

    def __len__(self) -> int:
        """The number of samples."""
        return min(len(self._at), self._limit)

    def add(self, sample: Sample, *, instead_of: float = math.inf) -> None:
        """Append *sample*. Samples that are not before it and *instead_of* are dropped, and the oldest if there are too many."""
        since = min(sample.at, instead_of)
        if len(self._at) >= self._limit + self._limit // 10 + 1 or (self._at and self._at[-1] >= since):
            for (
                column
            ) in self._columns.values():  # not at each sample: what is left must be moved; but dropped ones never come back
                del column[: -self._limit]
        keep = bisect.bisect_left(self._at, since)
        for name, column in self._columns.items():
            del column[keep:]
            column.append(getattr(sample, name))

    def between(self, start: float, end: float = math.inf) -> list[Sample]:
        """The samples with start <= at < end, oldest first."""
        return [self._merged(place, place + 1) for place in range(*self._range(start, end))]

    def merged(self, start: float, end: float) -> Sample | None:
        """One sample for all with start <= at < end; None if there are none."""
        first, after = self._range(start, end)
        return self._merged(first, after) if first < after else None

    def thinned(self, start: float, step: float) -> list[Sample]:
        """The samples with start <= at, merged into one for each *step* seconds of the wall clock.

        The first marked one of each step begins a new one, so that the gap before it is seen. Of further ones, only the mark is.
        """
        first, after = self._range(start, math.inf)
        marks, begins, split = self._columns["mark"], list[int](), False
        for place in range(first, after):
            next_step = place == first or self._at[place] // step != self._at[place - 1] // step
            if next_step or (marks[place] and not split):
                begins.append(place)
                split = bool(marks[place])
        return [self._merged(begin, end) for begin, end in zip(begins, [*begins[1:], after], strict=False)]

    def _range(self, start: float, end: float) -> tuple[int, int]:
        oldest = max(0, len(self._at) - self._limit)
        return max(oldest, bisect.bisect_left(self._at, start)), max(oldest, bisect.bisect_left(self._at, end))

    def _merged(self, first: int, after: int) -> Sample:
        """One sample for those in the places from *first* to before *after*."""
        last, columns = after - 1, self._columns
        values = {name: column[last] for name, column in columns.items()}
        if first < last:
            values |= {name: math.fsum(columns[name][first:after]) for name in _SUMS}
            values |= {name: _worst(columns[name][first:after]) for name in (*_WORST, "mark")}
            means, weights = columns["backlog_mean"][first:after], columns["seconds"][first:after]
            if values["seconds"]:
                values["backlog_mean"] = math.fsum(map(operator.mul, means, weights)) / values["seconds"]
        return Sample(mark=int(values.pop("mark")), **values)


def _worst(values: array[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)
